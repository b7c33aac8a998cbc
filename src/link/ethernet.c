#include "eth.h"
#include <vitro/errno.h>

void vt_eth_transmit(struct vt_eth *eth, struct vt_pbuf *p, struct vt_mac dst, uint16_t type)
{
    struct vt_eth_hdr h = {.dst = dst, .src = eth->nif->mac, .type = type};
    vt_eth_build(vt_pbuf_push(p, VT_ETH_HLEN), &h);
    eth->nif->tx_packets++;
    eth->nif->tx_bytes += p->len;
    vt_port_tx(eth->port, p);
}

static int eth_output(struct vt_netif *nif, struct vt_pbuf *p, struct vt_ip next_hop)
{
    struct vt_eth *eth = nif->link;
    nif->features = eth->port->dev->features;
    if (vt_port_refuses(eth->port, p))
        return -VT_ENOBUFS;
    if (vt_netif_is_broadcast(nif, next_hop))
        vt_eth_transmit(eth, p, VT_MAC_BROADCAST, VT_ETHERTYPE_IPV4);
    else if (vt_ip_is_multicast(next_hop))
        vt_eth_transmit(eth, p, vt_mac_multicast(next_hop), VT_ETHERTYPE_IPV4);
    else
        vt_neigh_output(eth, p, next_hop);
    return 0;
}

/* One frame. Takes the pbuf. */
static void eth_frame(struct vt_eth *eth, struct vt_pbuf *p)
{
    struct vt_netif *nif = eth->nif;
    struct vt_eth_hdr h;
    enum vt_drop bad = vt_eth_parse(&h, vt_pbuf_peek(p, VT_ETH_HLEN), p->len);
    bool group = bad == VT_DROP_NONE && vt_mac_is_group(h.dst);
    if (bad == VT_DROP_NONE && !group && !vt_mac_eq(h.dst, nif->mac))
        bad = VT_DROP_ETH_NOT_OURS;
    /* RFC 1122 2.3.1: what is not of a type that we speak is dropped; 802.3 lengths among them. */
    if (bad == VT_DROP_NONE && h.type != VT_ETHERTYPE_ARP &&
        (h.type != VT_ETHERTYPE_IPV4 || nif->input == NULL))
        bad = VT_DROP_ETH_TYPE;
    if (bad != VT_DROP_NONE) {
        vt_drop(eth->core, p, bad, nif->index, 0);
        return;
    }
    nif->rx_packets++;
    nif->rx_bytes += p->len;
    vt_pbuf_pull(p, VT_ETH_HLEN);
    if (h.type == VT_ETHERTYPE_ARP)
        vt_arp_input(eth, p);
    else
        nif->input(nif, p, group);
}

void vt_eth_input(struct vt_eth *eth, struct vt_pbuf **frames, unsigned n)
{
    eth->nif->features = eth->port->dev->features;
    for (unsigned i = 0; i < n; i++) {
        eth->core->ev.cause = frames[i]->ev;
        eth_frame(eth, frames[i]);
    }
}

static struct vt_eth_config eth_defaults(const struct vt_eth_config *given)
{
    struct vt_eth_config c = {0};
    if (given != NULL)
        c = *given;
    if (c.neigh_max == 0)
        c.neigh_max = 1024;
    if (c.pending_max == 0)
        c.pending_max = 8;
    if (c.pending_total == 0)
        c.pending_total = 256;
    if (c.reachable <= 0)
        c.reachable = 30 * VT_SEC;
    if (c.retrans <= 0)
        c.retrans = VT_SEC;
    if (c.probes == 0)
        c.probes = 3;
    return c;
}

void vt_eth_set_probes(struct vt_eth *eth, uint32_t probes)
{
    eth->config.probes = probes;
}

struct vt_eth *vt_eth_new(struct vt_netif *nif, struct vt_port *port, const struct vt_eth_config *config)
{
    struct vt_core *core = nif->core;
    struct vt_eth *eth = vt_alloc(core, sizeof *eth);
    if (eth == NULL)
        return NULL;
    eth->nif = nif;
    eth->port = port;
    eth->core = core;
    eth->config = eth_defaults(config);
    if (vt_neigh_init(eth) != 0) {
        vt_free(core, eth, sizeof *eth);
        return NULL;
    }
    vt_arp_init(eth);
    nif->link = eth;
    nif->output = eth_output;
    nif->mac = port->mac;
    nif->features = port->dev->features;
    nif->flags |= VT_IFF_BROADCAST;
    if (nif->mtu == 0)
        nif->mtu = port->dev->mtu;
    return eth;
}

void vt_eth_free(struct vt_eth *eth)
{
    if (eth == NULL)
        return;
    vt_arp_fini(eth);
    vt_neigh_fini(eth);
    eth->nif->output = NULL;
    eth->nif->link = NULL;
    vt_free(eth->core, eth, sizeof *eth);
}
