#include "udp.h"
#include "udp_wire.h"

/* The interface, for an address that exists on each of them (RFC 4007 6). */
static uint32_t scope_of(struct vt_ip ip, const struct vt_netif *nif)
{
    return ip.b[0] == 0xfe && (ip.b[1] & 0xc0) == 0x80 ? nif->index : 0;
}

static bool checksum_good(struct vt_udp *udp, const struct vt_pbuf *p, const struct vt_ip_in *in,
                          const struct vt_udp_hdr *h)
{
    uint32_t sum;

    if (h->csum == 0)
        return vt_ip_is4(in->src); /* none was made (RFC 768); in IPv6 one must be (RFC 8200 8.1, V41) */
    if (p->csum != VT_CSUM_NONE)
        return true;
    sum = vt_sum_pseudo(in->src, in->dst, VT_PROTO_UDP, h->len);
    return vt_sum_finish(vt_pbuf_sum(udp->core->sums, p, 0, h->len, sum)) == 0;
}

/* Queues the datagram, header pulled off, at one socket, which has it then. False when its queue is full: the
 * pbuf stays the caller's. */
static bool deliver(struct vt_udp_sock *s, struct vt_pbuf *p, const struct vt_ip_in *in,
                    const struct vt_addr *from, const struct vt_addr *to)
{
    struct vt_core *core = s->udp->core;
    struct vt_event_id cause = core->ev.cause;
    uint32_t len = p->len;
    struct vt_event *e;

    if (!vt_dgram_put(&s->d, p, from, in->ttl))
        return false;
    if (p->ev.n != 0)
        core->ev.cause = p->ev;
    e = vt_event_begin(&core->ev, VT_EV_UDP_RX, VT_DOC_RFC768);
    if (e != NULL) {
        memcpy(e->u.udp.src, from->ip.b, 16);
        memcpy(e->u.udp.dst, to->ip.b, 16);
        e->u.udp.sport = from->port;
        e->u.udp.dport = to->port;
        e->u.udp.len = len;
        e->iface = in->nif->index;
        e->mark = s->d.mark;
        vt_event_end(&core->ev, e, NULL, 0);
    }
    p->ev = vt_events_last(&core->ev);
    core->ev.cause = p->ev;
    s->udp->up->ready(s->d.user, VT_POLLIN);
    core->ev.cause = cause;
    return true;
}

/* RFC 1122 4.1.3.1: nobody is there, and the sender is told; but not about what it sent to a group. */
static void refuse(struct vt_udp *udp, struct vt_pbuf *p, const struct vt_ip_in *in)
{
    struct vt_core *core = udp->core;
    struct vt_event_id cause = core->ev.cause;

    vt_drop_note(core, p, VT_DROP_UDP_NO_PORT, in->nif->index, 0);
    if (!in->group) {
        core->ev.cause = vt_events_last(&core->ev);
        vt_icmp_unreachable(udp->net, p, in, 3);
        core->ev.cause = cause;
    }
    vt_pbuf_free(p);
}

/* Everybody who hears this group gets a copy; the packet's fate is one: delivered, when anybody has it. Takes
 * the pbuf. */
static void deliver_group(struct vt_udp *udp, struct vt_pbuf *p, const struct vt_ip_in *in,
                          const struct vt_addr *from, const struct vt_addr *to)
{
    struct vt_udp_sock *s = vt_udp_find_group(udp, NULL, to, from);
    enum vt_drop reason = VT_DROP_UDP_QUEUE;
    bool delivered = false;

    if (s == NULL) {
        refuse(udp, p, in);
        return;
    }
    vt_pbuf_pull(p, VT_UDP_HEADER);
    for (; s != NULL; s = vt_udp_find_group(udp, s, to, from)) {
        struct vt_pbuf *copy = vt_pbuf_clone(p);

        if (copy == NULL) {
            reason = VT_DROP_NO_MEMORY;
            continue;
        }
        if (deliver(s, copy, in, from, to))
            delivered = true;
        else
            vt_pbuf_free(copy);
    }
    if (delivered) {
        udp->core->delivered++;
        vt_pbuf_free(p);
    } else {
        vt_drop(udp->core, p, reason, in->nif->index, 0);
    }
}

void vt_udp_input(void *ctx, struct vt_pbuf *p, const struct vt_ip_in *in)
{
    struct vt_udp *udp = ctx;
    const uint8_t *head = vt_pbuf_peek(p, VT_UDP_HEADER);
    struct vt_addr from, to;
    struct vt_udp_sock *s;
    struct vt_udp_hdr h;

    if (head == NULL || !vt_udp_parse(&h, head, p->len)) {
        vt_drop(udp->core, p, VT_DROP_UDP_SHORT, in->nif->index, 0);
        return;
    }
    vt_pbuf_trim(p, h.len);
    if (!checksum_good(udp, p, in, &h)) {
        vt_drop(udp->core, p, VT_DROP_UDP_CHECKSUM, in->nif->index, 0);
        return;
    }
    from = (struct vt_addr){in->src, scope_of(in->src, in->nif), h.sport};
    to = (struct vt_addr){in->dst, scope_of(in->dst, in->nif), h.dport};
    if (in->group) {
        deliver_group(udp, p, in, &from, &to);
        return;
    }
    s = vt_udp_find(udp, &to, &from);
    if (s == NULL) {
        refuse(udp, p, in);
        return;
    }
    vt_pbuf_pull(p, VT_UDP_HEADER);
    if (deliver(s, p, in, &from, &to))
        udp->core->delivered++;
    else
        vt_drop(udp->core, p, VT_DROP_UDP_QUEUE, in->nif->index, 0);
}

bool vt_udp_error(void *ctx, const struct vt_icmp_error *err)
{
    struct vt_udp *udp = ctx;
    struct vt_addr ours = {.ip = err->src}, theirs = {.ip = err->dst};
    struct vt_udp_sock *s;
    bool hard;
    int error;

    if (err->quote_len < 4)
        return false;
    ours.port = vt_get16(err->quote);
    theirs.port = vt_get16(err->quote + 2);
    s = vt_udp_find(udp, &ours, &theirs);
    if (s == NULL)
        return false;
    error = vt_dgram_icmp_error(err, &hard);
    if (error == -VT_EMSGSIZE && s->d.pmtudisc == VT_PMTUDISC_DONT)
        return true;
    if (error != 0 && hard && s->connected) {
        s->d.error = error;
        udp->up->ready(s->d.user, VT_POLLERR | VT_POLLIN | VT_POLLOUT);
    }
    return true;
}
