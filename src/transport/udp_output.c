#include "udp.h"
#include "udp_wire.h"

enum {
    IP_HEADER = 20,
    PAYLOAD_MAX = 65535 - IP_HEADER - VT_UDP_HEADER,
};

/* Resolves the destination, binds the socket, and says why nothing may be sent: 0 or an error. */
static long prepare(struct vt_udp_sock *s, size_t len, const struct vt_addr **to)
{
    struct vt_udp *udp = s->udp;

    if (len > PAYLOAD_MAX)
        return -VT_EMSGSIZE;
    if (*to == NULL) {
        if (!s->connected)
            return -VT_EDESTADDRREQ;
        *to = &s->remote;
    }
    if ((*to)->port == 0)
        return -VT_EINVAL;
    if (s->d.error != 0)
        return vt_udp_take_error(s);
    if ((s->d.shut & VT_DGRAM_SHUT_WR) != 0)
        return -VT_EPIPE;
    /* RFC 1122 3.3.6: a program must say that it means a broadcast. */
    if (!s->d.broadcast && vt_net_is_broadcast(udp->net, (*to)->ip))
        return -VT_EACCES;
    if (!s->bound && vt_udp_autobind(s, s->local.ip, *to) != 0)
        return -VT_EAGAIN;
    return 0;
}

static void told(struct vt_udp_sock *s, struct vt_pbuf *p, struct vt_ip src, const struct vt_addr *to)
{
    struct vt_events *ev = &s->udp->core->ev;
    struct vt_event *e = vt_event_begin(ev, VT_EV_UDP_TX, VT_DOC_RFC768);

    if (e != NULL) {
        memcpy(e->u.udp.src, src.b, 16);
        memcpy(e->u.udp.dst, to->ip.b, 16);
        e->u.udp.sport = s->local.port;
        e->u.udp.dport = to->port;
        e->u.udp.len = p->len;
        e->mark = s->d.mark;
        vt_event_end(ev, e, NULL, 0);
    }
    p->ev = vt_events_last(ev);
}

/* Puts the header in front. A device that makes checksums gets the pseudo-header's sum, when the datagram
 * goes out in one piece; else the sum is made here. */
static void add_header(struct vt_udp_sock *s, struct vt_pbuf *p, struct vt_ip src, const struct vt_addr *to,
                       bool fits)
{
    struct vt_udp *udp = s->udp;
    uint32_t len = p->len + VT_UDP_HEADER;
    struct vt_udp_hdr h = {.sport = s->local.port, .dport = to->port, .len = (uint16_t)len};
    uint32_t sum = vt_sum_pseudo(src, to->ip, VT_PROTO_UDP, len);
    uint8_t *head = vt_pbuf_push(p, VT_UDP_HEADER);

    if (fits && (vt_net_features(udp->net, to->ip) & VT_DEV_TX_CSUM) != 0) {
        h.csum = vt_sum_fold(sum);
        vt_udp_write(head, &h);
        p->csum = VT_CSUM_PARTIAL;
        p->csum_offset = VT_UDP_CSUM_OFFSET;
        p->csum_span = len;
        return;
    }
    vt_udp_write(head, &h);
    h.csum = vt_sum_finish(vt_pbuf_sum(udp->core->sums, p, 0, len, sum));
    if (h.csum == 0)
        h.csum = 0xffff; /* RFC 768: 0 would say that there is none; -0 is the same sum */
    vt_udp_write(head, &h);
}

long vt_udp_output(struct vt_udp_sock *s, struct vt_pbuf *p, const struct vt_addr *to)
{
    struct vt_udp *udp = s->udp;
    uint32_t len = p->len;
    struct vt_ip_out out = {
        .src = s->local.ip,
        .dst = to->ip,
        .protocol = VT_PROTO_UDP,
        .ttl = s->d.ttl,
        .tos = s->d.tos,
        .broadcast = s->d.broadcast,
    };
    bool fits = false;
    int error = 0;

    if (vt_ip_is_any(out.src) || vt_ip_is_multicast(out.src) || vt_net_is_broadcast(udp->net, out.src))
        error = vt_net_source(udp->net, to->ip, &out.src);
    if (error == 0)
        error = vt_dgram_fits(&s->d, udp->net, IP_HEADER + VT_UDP_HEADER + len, &out, &fits);
    if (error != 0) {
        vt_pbuf_free(p);
        return error;
    }
    if (vt_ip_is_multicast(to->ip))
        out.ttl = 1; /* RFC 1112 6.1: not past this network, unless asked to */
    p->mark = s->d.mark;
    told(s, p, out.src, to);
    add_header(s, p, out.src, to, fits);
    error = vt_ip_output(udp->net, p, &out);
    /* As on Linux: what the device does not take is lost, as it could be anywhere on its way. */
    return error != 0 && error != -VT_ENOBUFS ? error : (long)len;
}

long vt_udp_send(struct vt_udp_sock *s, const void *buf, size_t len, const struct vt_addr *to)
{
    struct vt_pbuf *p;
    long error = prepare(s, len, &to);

    if (error != 0)
        return error;
    p = vt_pbuf_from(s->udp->core->pool, buf, len);
    return p != NULL ? vt_udp_output(s, p, to) : -VT_ENOBUFS;
}

long vt_udp_send_block(struct vt_udp_sock *s, struct vt_block *block, const uint8_t *data, size_t len,
                       const struct vt_addr *to)
{
    struct vt_pbuf *p;
    long error = prepare(s, len, &to);

    if (error != 0)
        return error;
    p = vt_pbuf_new(s->udp->core->pool);
    if (p == NULL)
        return -VT_ENOBUFS;
    if (len != 0)
        vt_pbuf_append(p, block, data, (uint32_t)len); /* an empty pbuf has a place */
    return vt_udp_output(s, p, to);
}
