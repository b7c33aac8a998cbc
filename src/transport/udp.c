/* UDP (RFC 768, RFC 1122 4.1): the sockets. */
#include "udp.h"

struct vt_udp *vt_udp_new(struct vt_core *core, struct vt_net *net, const struct vt_transport_up *up)
{
    struct vt_udp *udp = vt_alloc(core, sizeof *udp);
    struct vt_proto_ops ops = {vt_udp_input, vt_udp_error, udp};

    if (udp == NULL)
        return NULL;
    udp->core = core;
    udp->net = net;
    udp->up = up;
    udp->key = core->key;
    vt_port_picker_init(&udp->picker, &core->rng);
    if (vt_udp_table_init(udp) != 0) {
        vt_free(core, udp, sizeof *udp);
        return NULL;
    }
    vt_net_register(net, VT_PROTO_UDP, &ops);
    return udp;
}

void vt_udp_free(struct vt_udp *udp)
{
    struct vt_core *core;

    if (udp == NULL)
        return;
    core = udp->core;
    while (udp->first != NULL)
        vt_udp_close(udp->first);
    vt_udp_table_fini(udp);
    vt_free(core, udp, sizeof *udp);
}

struct vt_udp_sock *vt_udp_open(struct vt_udp *udp, void *user)
{
    struct vt_udp_sock *s;

    if (udp->open >= VT_UDP_SOCKETS_MAX)
        return NULL;
    s = vt_alloc(udp->core, sizeof *s);
    if (s == NULL)
        return NULL;
    vt_dgram_init(&s->d, user);
    s->udp = udp;
    s->local.ip = VT_IP4_ANY;
    s->remote.ip = VT_IP4_ANY;
    s->prev = udp->last;
    *(udp->last != NULL ? &udp->last->next : &udp->first) = s;
    udp->last = s;
    udp->open++;
    return s;
}

void vt_udp_close(struct vt_udp_sock *s)
{
    struct vt_udp *udp = s->udp;

    if (s->bound)
        vt_udp_leave(s);
    *(s->prev != NULL ? &s->prev->next : &udp->first) = s->next;
    *(s->next != NULL ? &s->next->prev : &udp->last) = s->prev;
    udp->open--;
    vt_dgram_fini(&s->d);
    vt_free(udp->core, s, sizeof *s);
}

static bool is_group(struct vt_udp *udp, struct vt_ip ip)
{
    return vt_ip_is_multicast(ip) || vt_net_is_broadcast(udp->net, ip);
}

struct search {
    const struct vt_udp_sock *s;
    struct vt_addr at;
};

static bool port_in_use(void *ctx, uint16_t port)
{
    struct search *search = ctx;

    search->at.port = port;
    return !vt_udp_bindable(search->s, &search->at, true);
}

int vt_udp_autobind(struct vt_udp_sock *s, struct vt_ip local, const struct vt_addr *peer)
{
    struct search search = {s, {.ip = local}};
    int port = vt_port_pick(&s->udp->picker, local, peer->ip, peer->port, VT_PORT_LOW, VT_PORT_HIGH,
                            port_in_use, &search);

    if (port < 0)
        return port;
    s->local.port = (uint16_t)port;
    vt_udp_enter(s);
    return 0;
}

int vt_udp_bind(struct vt_udp_sock *s, const struct vt_addr *addr)
{
    const struct vt_addr nobody = {.ip = VT_IP4_ANY};
    bool any = vt_ip_is_any(addr->ip);

    if (s->bound)
        return -VT_EINVAL;
    /* A socket may listen at a group address: then it hears that group only. */
    if (!any && !vt_net_is_local(s->udp->net, addr->ip) && !is_group(s->udp, addr->ip))
        return -VT_EADDRNOTAVAIL;
    if (addr->port != 0 && !vt_udp_bindable(s, addr, false))
        return -VT_EADDRINUSE;
    s->local = *addr;
    if (addr->port != 0) {
        vt_udp_enter(s);
    } else if (vt_udp_autobind(s, addr->ip, &nobody) != 0) {
        s->local = nobody;
        return -VT_EADDRINUSE;
    }
    s->address_kept = !any;
    s->port_kept = addr->port != 0;
    return 0;
}

/* What connect chose goes, what bind was told stays. */
static void disconnect(struct vt_udp_sock *s)
{
    if (!s->connected)
        return;
    vt_udp_leave(s);
    s->connected = false;
    s->remote = (struct vt_addr){.ip = VT_IP4_ANY};
    if (!s->address_kept) {
        s->local.ip = VT_IP4_ANY;
        s->local.scope = 0;
    }
    if (s->port_kept)
        vt_udp_enter(s);
    else
        s->local.port = 0;
}

int vt_udp_connect(struct vt_udp_sock *s, const struct vt_addr *peer)
{
    struct vt_ip src = s->local.ip;
    int error;

    if (peer == NULL) {
        disconnect(s);
        return 0;
    }
    if (!s->d.broadcast && vt_net_is_broadcast(s->udp->net, peer->ip))
        return -VT_EACCES;
    if (!s->address_kept || is_group(s->udp, src)) {
        error = vt_net_source(s->udp->net, peer->ip, &src);
        if (error != 0)
            return error;
    }
    if (!s->bound) {
        error = vt_udp_autobind(s, src, peer);
        if (error != 0)
            return -VT_EAGAIN;
    }
    vt_udp_leave(s);
    if (!s->address_kept)
        s->local.ip = src;
    s->remote = *peer;
    s->connected = true;
    vt_udp_enter(s);
    return 0;
}

long vt_udp_recv(struct vt_udp_sock *s, void *buf, size_t len, int flags, struct vt_addr *from)
{
    return vt_dgram_get(&s->d, buf, len, flags, from, NULL);
}

long vt_udp_recv_block(struct vt_udp_sock *s, struct vt_block **block, const uint8_t **data)
{
    struct vt_block *b;
    struct vt_pbuf *p;
    uint32_t len;
    long error;

    /* A datagram in pieces, or in its descriptor's own room, has to be copied into one block. */
    b = NULL;
    if (s->d.queue.first != NULL && s->d.error == 0) {
        p = s->d.queue.first;
        len = p->len - (uint32_t)sizeof(struct vt_addr);
        if (p->nfrags != 1 || p->frag[p->first].len != len) {
            b = vt_block_new(p->pool, len != 0 ? len : 1);
            if (b == NULL)
                return -VT_ENOMEM;
        }
    }
    p = vt_dgram_pop(&s->d, NULL, &error);
    if (p == NULL)
        return error;
    len = p->len;
    if (b != NULL) {
        vt_pbuf_read(p, 0, b->data, len);
        *data = b->data;
    } else {
        b = vt_block_ref(p->frag[p->first].block);
        *data = p->frag[p->first].data;
    }
    *block = b;
    vt_pbuf_free(p);
    return (long)len;
}

int vt_udp_shutdown(struct vt_udp_sock *s, int how)
{
    vt_dgram_shutdown(&s->d, how);
    s->udp->up->ready(s->d.user, vt_udp_poll(s));
    return s->connected ? 0 : -VT_ENOTCONN;
}

unsigned vt_udp_poll(const struct vt_udp_sock *s)
{
    return vt_dgram_poll(&s->d);
}

int vt_udp_take_error(struct vt_udp_sock *s)
{
    return vt_dgram_take_error(&s->d);
}

int vt_udp_local(const struct vt_udp_sock *s, struct vt_addr *addr)
{
    *addr = s->local;
    return 0;
}

int vt_udp_remote(const struct vt_udp_sock *s, struct vt_addr *addr)
{
    if (!s->connected)
        return -VT_ENOTCONN;
    *addr = s->remote;
    return 0;
}

int vt_udp_setopt(struct vt_udp_sock *s, int level, int name, const void *val, size_t len)
{
    return vt_dgram_setopt(&s->d, level, name, val, len);
}

int vt_udp_getopt(const struct vt_udp_sock *s, int level, int name, void *val, size_t *len)
{
    if (level == VT_SOL_IP && name == VT_IP_MTU) {
        if (!s->connected)
            return -VT_ENOTCONN;
        return vt_opt_put_int(val, len, (int)vt_net_path_mtu(s->udp->net, s->remote.ip));
    }
    return vt_dgram_getopt(&s->d, s->udp->net, level, name, val, len);
}

void vt_udp_each(struct vt_udp *udp, bool (*fn)(void *ctx, const struct vt_udp_row *row), void *ctx)
{
    for (const struct vt_udp_sock *s = udp->first; s != NULL; s = s->next) {
        struct vt_udp_row row = {
            .local = s->local,
            .remote = s->remote,
            .recvq = (uint32_t)s->d.held,
            .drops = s->d.drops,
        };

        if (s->bound && !fn(ctx, &row))
            return;
    }
}
