/* ICMP (RFC 792, RFC 1122 3.2.2): echo, errors that come in, errors that go out and how many. */
#include "network/net.h"

static void event_icmp(struct vt_net *net, enum vt_event_kind kind, struct vt_event_id cause,
                       const struct vt_netif *nif, const struct vt_icmp_hdr *h, struct vt_ip src,
                       struct vt_ip dst, uint32_t len)
{
    struct vt_events *ev = &net->core->ev;
    struct vt_event *e = vt_event_begin(ev, kind, VT_DOC_RFC792);

    if (e == NULL)
        return;
    e->cause = cause.n;
    e->cause_node = cause.node;
    e->iface = nif != NULL ? nif->index : 0;
    memcpy(e->u.icmp.src, src.b, 16);
    memcpy(e->u.icmp.dst, dst.b, 16);
    e->u.icmp.type = h->type;
    e->u.icmp.code = h->code;
    if (vt_icmp_is_query(h->type)) {
        e->u.icmp.ident = h->ident;
        e->u.icmp.seq = h->seq;
    }
    e->u.icmp.len = len;
    vt_event_end(ev, e, NULL, 0);
}

/* ---- Errors out ---- */

/* The bucket of a destination, a fresh one in place of that which was refilled first when it has none. */
static struct vt_icmp_bucket *bucket_of(struct vt_net *net, struct vt_ip dst)
{
    struct vt_icmp_bucket *set =
        net->bucket[vt_net_hash(net, VT_HASH_ICMP, VT_IP_ANY, dst, 0, 0) % VT_ICMP_SETS];
    struct vt_icmp_bucket *oldest = &set[0];

    for (unsigned i = 0; i < VT_ICMP_WAYS; i++) {
        if (vt_ip_eq(set[i].dst, dst))
            return &set[i];
        if (set[i].refilled < oldest->refilled)
            oldest = &set[i];
    }
    *oldest = (struct vt_icmp_bucket){.dst = dst};
    return oldest;
}

/* Takes a token of the destination's bucket, which holds a second's worth. Each destination has its own, and
 * a token comes back after a time that varies about its mean: a limit that all share, or that can be counted
 * exactly, tells one peer what is sent to another (V40, CVE-2020-25705). */
static bool rate_allows(struct vt_net *net, struct vt_ip dst)
{
    struct vt_icmp_bucket *b = bucket_of(net, dst);
    vt_time now = net->core->now;
    vt_span mean = VT_SEC / (vt_span)net->config.icmp_rate;

    if (b->refilled > vt_time_add(now, VT_SEC - mean))
        return false;
    if (b->refilled < now)
        b->refilled = now;
    b->refilled = vt_time_add(b->refilled,
                              mean / 2 + (vt_span)vt_rng_below(&net->core->rng, (uint64_t)mean + 1));
    return true;
}

/* The rules of RFC 1122 3.2.2 and RFC 1812 4.3.2.7 (V35): whether an error may be sent about packet p, IP
 * header h. */
static bool may_complain(struct vt_net *net, struct vt_pbuf *p, const struct vt_ipv4_hdr *h,
                         const struct vt_ip_in *in)
{
    const uint8_t *b;

    /* Not about what was sent to many, by IP or by the link: each of them would answer. */
    if (in->group || vt_ip_is_multicast(h->dst) || vt_net_is_broadcast(net, h->dst))
        return false;
    /* Not to an address that does not name one host. */
    if (!vt_net_is_unicast(net, h->src))
        return false;
    /* Not about a fragment but the first. */
    if (h->offset != 0)
        return false;
    if (h->protocol != VT_PROTO_ICMP)
        return true;
    /* Not about an error: two hosts would go on for ever. A message without a type may be one. */
    b = vt_pbuf_peek(p, h->header_len + 1u);
    return b != NULL && vt_icmp_is_query(b[h->header_len]);
}

/* As much of the packet as fits in 576 bytes with the headers in front (RFC 1812 4.3.2.3). */
static uint32_t quote_len(const struct vt_pbuf *p)
{
    uint32_t most = 576 - VT_IPV4_HEADER - VT_ICMP_HEADER;

    return p->len < most ? p->len : most;
}

/* The error message about p: ICMP header, and the quote in a block of its own. NULL without memory. */
static struct vt_pbuf *make_error(struct vt_net *net, const struct vt_pbuf *p, struct vt_icmp_hdr *h)
{
    struct vt_core *core = net->core;
    uint32_t n = quote_len(p);
    struct vt_pbuf *q = vt_pbuf_new(core->pool);
    struct vt_block *block = vt_block_new(core->pool, n);

    if (q == NULL || block == NULL) {
        vt_pbuf_free(q);
        if (block != NULL)
            vt_block_unref(block);
        return NULL;
    }
    (void)vt_pbuf_read(p, 0, block->data, n);
    (void)vt_pbuf_append(q, block, block->data, n);
    vt_block_unref(block);
    h->checksum = 0;
    vt_icmp_build(vt_pbuf_push(q, VT_ICMP_HEADER), h);
    h->checksum = vt_sum_finish(vt_pbuf_sum(core->sums, q, 0, q->len, 0));
    vt_icmp_build(vt_pbuf_own(q, VT_ICMP_HEADER), h);
    return q;
}

/* What the four bytes behind the checksum say. */
static struct vt_icmp_hdr error_header(uint8_t type, uint8_t code, uint32_t arg)
{
    struct vt_icmp_hdr h = {.type = type, .code = code};

    if (type == VT_ICMP_UNREACHABLE && code == VT_ICMP_FRAG_NEEDED)
        h.seq = (uint16_t)(arg < VT_IPV4_MAX ? arg : VT_IPV4_MAX); /* RFC 1191 4 */
    else if (type == VT_ICMP_PARAMETER)
        h.ident = (uint16_t)((arg & 0xff) << 8);
    return h;
}

/* The limit's victims are messages too: made, and dropped for a reason. */
static void note_limited(struct vt_net *net, const struct vt_pbuf *p, const struct vt_icmp_hdr *h,
                         const struct vt_ip_out *out, const struct vt_ip_in *in)
{
    struct vt_pbuf *q;

    net->stats.icmp_limited++;
    q = vt_pbuf_new(net->core->pool);
    if (q == NULL)
        return;
    event_icmp(net, VT_EV_ICMP_TX, p->ev, in->nif, h, out->src, out->dst, quote_len(p) + VT_ICMP_HEADER);
    q->ev = vt_events_last(&net->core->ev);
    vt_drop(net->core, q, VT_DROP_ICMP_LIMIT, in->nif != NULL ? in->nif->index : 0, 0);
}

void vt_icmp_error_send(struct vt_net *net, struct vt_pbuf *p, const struct vt_ip_in *in, uint8_t type,
                        uint8_t code, uint32_t arg)
{
    struct vt_icmp_hdr icmp = error_header(type, code, arg);
    struct vt_ip_out out = {.protocol = VT_PROTO_ICMP};
    const uint8_t *b = vt_pbuf_peek(p, VT_IPV4_HEADER);
    struct vt_ipv4_hdr h;
    struct vt_pbuf *q;

    if (b == NULL || vt_ipv4_parse(&h, b, p->len) != VT_DROP_NONE || !may_complain(net, p, &h, in))
        return;
    /* RFC 1122 3.2.1.3: what was sent to one of our addresses is answered from it. RFC 1812 4.3.2.4: else it
     * is the address of the interface by which the error leaves. */
    out.dst = h.src;
    out.src = h.dst;
    if (!vt_net_is_local(net, h.dst) && vt_net_source(net, out.dst, &out.src) != 0)
        return;
    out.tos = (uint8_t)(0xc0 | (h.tos & 0x1c)); /* RFC 1812 4.3.2.5: precedence 6, their type of service */
    if (!rate_allows(net, out.dst)) {
        note_limited(net, p, &icmp, &out, in);
        return;
    }
    q = make_error(net, p, &icmp);
    if (q == NULL)
        return;
    event_icmp(net, VT_EV_ICMP_TX, p->ev, in->nif, &icmp, out.src, out.dst, q->len);
    q->ev = vt_events_last(&net->core->ev);
    net->stats.icmp_out++;
    (void)vt_ip_output(net, q, &out);
}

/* ---- Errors in ---- */

/* As many of the quoted bytes as a protocol may want to see: a TCP header with its options. */
#define QUOTE_MAX 60u

/* Reads the packet that an error quotes. Its source must be ours, and be whom the error was sent to; its data
 * must begin with a transport header (RFC 5927 4). `b` is the message of `len` contiguous bytes. */
static enum vt_drop read_quote(struct vt_net *net, const uint8_t *b, uint32_t len, const struct vt_ip_in *in,
                               struct vt_icmp_error *err, uint32_t *quoted_len)
{
    struct vt_ipv4_hdr h;
    const uint8_t *quote = b + VT_ICMP_HEADER;
    uint32_t have = len - VT_ICMP_HEADER;

    /* The total length is that of the packet, not of the quote. */
    if (have < VT_IPV4_HEADER || vt_ipv4_parse(&h, quote, VT_IPV4_MAX) != VT_DROP_NONE ||
        have < h.header_len + 8u)
        return VT_DROP_ICMP_SHORT;
    if (h.offset != 0 || !vt_ip_eq(h.src, in->dst) || !vt_net_is_local(net, h.src))
        return VT_DROP_ICMP_NO_MATCH;
    err->src = h.src;
    err->dst = h.dst;
    err->from = in->src;
    err->protocol = h.protocol;
    err->quote = quote + h.header_len;
    err->quote_len = have - h.header_len < QUOTE_MAX ? have - h.header_len : QUOTE_MAX;
    *quoted_len = h.total_len;
    return VT_DROP_NONE;
}

/* Tells the protocol; true when it knows the packet. */
static bool report(struct vt_net *net, const struct vt_icmp_error *err)
{
    unsigned slot = net->proto_slot[err->protocol];
    const struct vt_proto_ops *ops = slot != 0 ? &net->proto[slot - 1] : NULL;

    return ops != NULL && ops->error != NULL && ops->error(ops->ctx, err);
}

static void input_error(struct vt_net *net, struct vt_pbuf *p, const struct vt_ip_in *in,
                        const struct vt_icmp_hdr *icmp)
{
    struct vt_icmp_error err = {.type = icmp->type, .code = icmp->code};
    uint32_t most = VT_ICMP_HEADER + VT_IPV4_HEADER_MAX + QUOTE_MAX, quoted_len;
    uint32_t len = p->len < most ? p->len : most;
    bool too_big = icmp->type == VT_ICMP_UNREACHABLE && icmp->code == VT_ICMP_FRAG_NEEDED;
    enum vt_drop why = VT_DROP_ICMP_NO_MATCH;

    if (!in->group)
        why = read_quote(net, vt_pbuf_peek(p, len), len, in, &err, &quoted_len);
    if (why == VT_DROP_NONE) {
        if (too_big)
            err.mtu = vt_pmtu_claim(icmp->seq, quoted_len);
        if (!report(net, &err))
            why = VT_DROP_ICMP_NO_MATCH;
    }
    if (why != VT_DROP_NONE) {
        vt_drop(net->core, p, why, in->nif->index, 0);
        return;
    }
    /* RFC 5927 7: only now, that it is about something which was sent. */
    if (too_big)
        vt_pmtu_learn(net, err.dst, err.mtu);
    net->core->delivered++;
    vt_pbuf_free(p);
}

/* ---- Echo ---- */

/* RFC 1122 3.2.2.6: the data come back as they came, to whom they came from, from where they were sent to. */
static void echo(struct vt_net *net, struct vt_pbuf *p, const struct vt_ip_in *in,
                 const struct vt_icmp_hdr *request)
{
    struct vt_ip_out out = {.src = in->dst, .dst = in->src, .protocol = VT_PROTO_ICMP, .tos = in->tos};
    struct vt_icmp_hdr reply = *request;

    /* V39: a broadcast ping is an attack on the address that it claims to come from. */
    if (in->group && (!net->config.echo_broadcast || vt_net_source(net, in->src, &out.src) != 0)) {
        vt_drop(net->core, p, VT_DROP_ICMP_BROADCAST, in->nif->index, 0);
        return;
    }
    reply.type = VT_ICMP_ECHO_REPLY;
    reply.checksum = vt_sum_update(request->checksum, VT_ICMP_ECHO << 8, VT_ICMP_ECHO_REPLY << 8);
    if (reply.checksum == 0) /* RFC 1071: 0 is right for no message of zeros; 0xffff, as good elsewhere, is */
        reply.checksum = 0xffff;
    vt_icmp_build(vt_pbuf_own(p, VT_ICMP_HEADER), &reply);
    p->csum = VT_CSUM_NONE;
    p->gso = VT_GSO_NONE;
    net->core->delivered++;
    net->stats.icmp_out++;
    event_icmp(net, VT_EV_ICMP_TX, p->ev, in->nif, &reply, out.src, out.dst, p->len);
    p->ev = vt_events_last(&net->core->ev);
    (void)vt_ip_output(net, p, &out);
}

static void echo_reply(struct vt_net *net, struct vt_pbuf *p, const struct vt_ip_in *in)
{
    unsigned slot = net->proto_slot[VT_PROTO_ICMP];

    if (slot == 0 || net->proto[slot - 1].input == NULL) {
        vt_drop(net->core, p, VT_DROP_ICMP_NO_MATCH, in->nif->index, 0);
        return;
    }
    net->proto[slot - 1].input(net->proto[slot - 1].ctx, p, in);
}

void vt_icmp_input(struct vt_net *net, struct vt_pbuf *p, const struct vt_ip_in *in)
{
    const uint8_t *b = vt_pbuf_peek(p, VT_ICMP_HEADER);
    struct vt_icmp_hdr h;

    net->stats.icmp_in++;
    if (b == NULL) {
        vt_drop(net->core, p, VT_DROP_ICMP_SHORT, in->nif->index, 0);
        return;
    }
    vt_icmp_parse(&h, b);
    if (vt_sum_finish(vt_pbuf_sum(net->core->sums, p, 0, p->len, 0)) != 0) {
        vt_drop(net->core, p, VT_DROP_ICMP_CHECKSUM, in->nif->index, 0);
        return;
    }
    event_icmp(net, VT_EV_ICMP_RX, p->ev, in->nif, &h, in->src, in->dst, p->len);
    p->ev = vt_events_last(&net->core->ev);
    net->core->ev.cause = p->ev;
    switch (h.type) {
    case VT_ICMP_ECHO: echo(net, p, in, &h); return;
    case VT_ICMP_ECHO_REPLY: echo_reply(net, p, in); return;
    case VT_ICMP_UNREACHABLE:
    case VT_ICMP_TIME_EXCEEDED:
    case VT_ICMP_PARAMETER: input_error(net, p, in, &h); return;
    default:
        /* Source Quench (RFC 6633 3); redirects, by which any neighbour could draw our packets to itself: a
         * deliberate departure from RFC 1122 3.2.2.2 (V38); timestamps, masks and other museum pieces. */
        vt_drop(net->core, p, VT_DROP_ICMP_IGNORED, in->nif->index, 0);
    }
}

/* ---- The neighbour that does not answer ---- */

void vt_icmp_neighbour_failed(struct vt_netif *nif, struct vt_pbuf *p)
{
    struct vt_net *net = nif->net;
    const uint8_t *b = vt_pbuf_peek(p, VT_IPV4_HEADER);
    struct vt_ip_in in = {.nif = nif};
    struct vt_icmp_error err = {.type = VT_ICMP_UNREACHABLE, .code = VT_ICMP_HOST};
    struct vt_ipv4_hdr h;
    uint32_t len;

    if (b == NULL || vt_ipv4_parse(&h, b, p->len) != VT_DROP_NONE) {
        vt_pbuf_free(p);
        return;
    }
    if (!vt_net_is_local(net, h.src)) {
        /* RFC 1812 5.2.7.1: code 1, by a router that has the network and not the host. */
        in.header = h.header_len;
        in.src = h.src;
        in.dst = h.dst;
        in.protocol = h.protocol;
        vt_icmp_error_send(net, p, &in, VT_ICMP_UNREACHABLE, VT_ICMP_HOST, 0);
        vt_pbuf_free(p);
        return;
    }
    len = p->len - h.header_len < QUOTE_MAX ? p->len - h.header_len : QUOTE_MAX;
    if (h.offset == 0 && len >= 8) {
        err.src = err.from = h.src;
        err.dst = h.dst;
        err.protocol = h.protocol;
        err.quote = vt_pbuf_peek(p, h.header_len + len) + h.header_len;
        err.quote_len = len;
        (void)report(net, &err);
    }
    vt_pbuf_free(p);
}
