#include "netif.h"

bool vt_ip_same_net(struct vt_ip a, struct vt_ip b, unsigned prefix)
{
    if (vt_ip_is4(a) != vt_ip_is4(b))
        return false;
    unsigned bits = vt_ip_is4(a) ? 96 + (prefix < 32 ? prefix : 32) : prefix < 128 ? prefix : 128;
    unsigned bytes = bits / 8, rest = bits % 8;
    if (memcmp(a.b, b.b, bytes) != 0)
        return false;
    return rest == 0 || (a.b[bytes] ^ b.b[bytes]) >> (8 - rest) == 0;
}

const struct vt_ifaddr *vt_netif_on_link(const struct vt_netif *nif, struct vt_ip ip)
{
    for (unsigned i = 0; i < nif->naddrs; i++) {
        if (vt_ip_same_net(nif->addr[i].ip, ip, nif->addr[i].prefix))
            return &nif->addr[i];
    }
    return NULL;
}

bool vt_netif_has(const struct vt_netif *nif, struct vt_ip ip)
{
    for (unsigned i = 0; i < nif->naddrs; i++) {
        if (vt_ip_eq(nif->addr[i].ip, ip))
            return true;
    }
    return false;
}

bool vt_netif_is_broadcast(const struct vt_netif *nif, struct vt_ip ip)
{
    if (!vt_ip_is4(ip))
        return false;
    uint32_t v = vt_ip_to4(ip);
    if (v == UINT32_MAX)
        return true;
    for (unsigned i = 0; i < nif->naddrs; i++) {
        const struct vt_ifaddr *a = &nif->addr[i];
        /* RFC 3021 2.1: a network of two addresses has neither network nor broadcast address. */
        if (a->prefix >= 31 || !vt_ip_same_net(a->ip, ip, a->prefix) || !vt_ip_is4(a->ip))
            continue;
        uint32_t host = UINT32_MAX >> a->prefix;
        if ((v & host) == 0 || (v & host) == host)
            return true;
    }
    return false;
}
