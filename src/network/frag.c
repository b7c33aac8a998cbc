/* Reassembly (RFC 791 3.2, RFC 815, RFC 1122 3.3.2). The parts of a datagram are kept in an array ordered by
 * offset and never overlap, so a new part finds its place by bisection and is compared with two neighbours.
 *
 * A datagram whose parts contradict each other is discarded whole, as RFC 5722 3 has it for IPv6, and stays
 * known as bad until its time is over: what still comes of it is dropped too.
 */
#include <vitro/errno.h>

#include "network/net.h"

struct part {
    struct vt_pbuf *p; /* IP header pulled */
    uint16_t off, end; /* bytes [off, end) of the datagram's data */
};

struct vt_frag_queue {
    struct vt_timer timer; /* first: the timer's function is handed this */
    struct vt_net *net;
    struct vt_frag_queue *hash_next;
    struct vt_frag_queue *older, *newer;
    /* RFC 791 2.3: the four that tell datagrams apart (V22). */
    struct vt_ip src, dst;
    uint16_t ident;
    uint8_t protocol;

    uint8_t ecn;          /* bit n: a part with ECN codepoint n has come */
    bool group;           /* a part came as a link-layer broadcast */
    enum vt_drop bad;     /* why this datagram is lost already; it then has no parts */
    uint32_t have;        /* bytes in the parts */
    uint32_t total;       /* bytes of the datagram's data, 0: the last part has not come */
    size_t held;          /* what the parts cost */
    struct vt_netif *nif; /* by which the first part came */
    uint32_t nparts;
    struct part part[]; /* config.frag_max_parts */
};

static size_t queue_size(const struct vt_net *net)
{
    return sizeof(struct vt_frag_queue) + net->config.frag_max_parts * sizeof(struct part);
}

static struct vt_frag_queue **bucket_of(struct vt_net *net, struct vt_ip src, struct vt_ip dst,
                                        uint8_t protocol, uint16_t ident)
{
    uint64_t hash = vt_net_hash(net, VT_HASH_FRAG, src, dst, protocol, ident);

    return &net->frags.bucket[hash % VT_FRAG_BUCKETS];
}

/* ---- The life of a queue ---- */

static void drop_parts(struct vt_frag_queue *q, enum vt_drop why)
{
    for (uint32_t i = 0; i < q->nparts; i++)
        vt_drop(q->net->core, q->part[i].p, why, q->nif->index, 0);
    q->nparts = 0;
    q->net->frags.bytes -= q->held;
    q->held = 0;
}

/* Forgets a queue, its parts gone already. */
static void queue_free(struct vt_frag_queue *q)
{
    struct vt_net *net = q->net;
    struct vt_frags *all = &net->frags;
    struct vt_frag_queue **at = bucket_of(net, q->src, q->dst, q->protocol, q->ident);

    while (*at != q)
        at = &(*at)->hash_next;
    *at = q->hash_next;
    if (q->older != NULL)
        q->older->newer = q->newer;
    else
        all->oldest = q->newer;
    if (q->newer != NULL)
        q->newer->older = q->older;
    else
        all->newest = q->older;
    all->count--;
    all->bytes -= queue_size(net) + q->held;
    vt_core_disarm(net->core, &q->timer);
    vt_free(net->core, q, queue_size(net));
}

/* The datagram is lost: its parts go now, and what will come of it later goes the same way. */
static void queue_spoil(struct vt_frag_queue *q, enum vt_drop why)
{
    q->net->stats.reasm_fail++;
    drop_parts(q, why);
    q->bad = why;
}

/* At a cap the oldest makes room (V20): to keep a datagram from being put together, an attacker must fill the
 * table again and again, not once a minute. */
static void evict_oldest(struct vt_net *net)
{
    struct vt_frag_queue *q = net->frags.oldest;

    if (q->bad == VT_DROP_NONE)
        net->stats.reasm_fail++;
    drop_parts(q, VT_DROP_FRAG_LIMIT);
    queue_free(q);
}

/* RFC 1122 3.3.2: time is over; the sender is told when the first part is here to be quoted. */
static void expire(struct vt_timer *t, vt_time now)
{
    struct vt_frag_queue *q = (struct vt_frag_queue *)t;
    struct vt_net *net = q->net;

    (void)now;
    vt_core_enter_timer(net->core, t);
    if (q->nparts != 0 && q->part[0].off == 0) {
        struct vt_pbuf *p = q->part[0].p;
        struct vt_ip_in in = {
            .src = q->src, .dst = q->dst, .nif = q->nif, .protocol = q->protocol, .group = q->group};
        in.header = (uint16_t)p->aux[0];
        vt_pbuf_unpull(p, in.header);
        vt_icmp_error_send(net, p, &in, VT_ICMP_TIME_EXCEEDED, VT_ICMP_REASSEMBLY, 0);
    }
    if (q->bad == VT_DROP_NONE)
        net->stats.reasm_fail++;
    drop_parts(q, VT_DROP_FRAG_TIMEOUT);
    queue_free(q);
}

void vt_frag_free_all(struct vt_net *net)
{
    while (net->frags.oldest != NULL) {
        struct vt_frag_queue *q = net->frags.oldest;
        for (uint32_t i = 0; i < q->nparts; i++)
            vt_pbuf_free(q->part[i].p);
        queue_free(q);
    }
}

static struct vt_frag_queue *queue_new(struct vt_net *net, const struct vt_ipv4_hdr *h, struct vt_netif *nif)
{
    struct vt_frags *all = &net->frags;
    struct vt_frag_queue **bucket = bucket_of(net, h->src, h->dst, h->protocol, h->ident);
    struct vt_frag_queue *q;

    while (all->count >= net->config.frag_max_queues)
        evict_oldest(net);
    q = vt_alloc(net->core, queue_size(net));
    if (q == NULL)
        return NULL;
    q->net = net;
    q->nif = nif;
    q->src = h->src;
    q->dst = h->dst;
    q->ident = h->ident;
    q->protocol = h->protocol;
    q->hash_next = *bucket;
    *bucket = q;
    q->older = all->newest;
    if (q->older != NULL)
        q->older->newer = q;
    else
        all->oldest = q;
    all->newest = q;
    all->count++;
    all->bytes += queue_size(net);
    q->timer.fn = expire;
    vt_core_arm(net->core, &q->timer, vt_time_add(net->core->now, net->config.frag_time));
    return q;
}

static struct vt_frag_queue *queue_find(struct vt_net *net, const struct vt_ipv4_hdr *h)
{
    struct vt_frag_queue *q = *bucket_of(net, h->src, h->dst, h->protocol, h->ident);

    while (q != NULL && !(q->ident == h->ident && q->protocol == h->protocol && vt_ip_eq(q->src, h->src) &&
                          vt_ip_eq(q->dst, h->dst)))
        q = q->hash_next;
    return q;
}

/* ---- A part ---- */

/* True when this part would leave the transport header in pieces, so that no filter on the way could read it
 * (V19, RFC 1858 3, RFC 3128). */
static bool is_tiny(struct vt_pbuf *p, const struct vt_ipv4_hdr *h, uint32_t len)
{
    const uint8_t *b;

    switch (h->protocol) {
    case VT_PROTO_TCP:
        if (h->offset != 0)
            return h->offset < 20;
        b = vt_pbuf_peek(p, h->header_len + 13u);
        return b == NULL || len < 20 || len < (uint32_t)(b[h->header_len + 12] >> 4) * 4;
    case VT_PROTO_UDP:
    case VT_PROTO_ICMP: return h->offset == 0 && len < 8;
    default: return false;
    }
}

/* Checks a part on its own. */
static enum vt_drop check_part(struct vt_pbuf *p, const struct vt_ipv4_hdr *h, uint32_t len)
{
    /* V21, and a part without data, which no sender makes. */
    if (len == 0 || (h->mf && len % 8 != 0))
        return VT_DROP_FRAG_LENGTH;
    /* V17: the whole would be longer than its total length can say. */
    if ((uint32_t)h->offset + len + h->header_len > VT_IPV4_MAX)
        return VT_DROP_FRAG_TOO_LONG;
    return is_tiny(p, h, len) ? VT_DROP_FRAG_TINY : VT_DROP_NONE;
}

/* The index of the first part that does not lie wholly before `off`. */
static uint32_t place_of(const struct vt_frag_queue *q, uint16_t off)
{
    uint32_t from = 0, to = q->nparts;

    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (q->part[mid].end <= off)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static bool same_bytes(const struct vt_pbuf *a, const struct vt_pbuf *b)
{
    uint8_t x[256], y[256];

    if (a->len != b->len)
        return false;
    for (uint32_t off = 0; off < a->len; off += sizeof x) {
        uint32_t n = vt_pbuf_read(a, off, x, sizeof x);
        (void)vt_pbuf_read(b, off, y, sizeof y);
        if (memcmp(x, y, n) != 0)
            return false;
    }
    return true;
}

/* Checks a part against those that are here: `i` is its place. */
static enum vt_drop check_fit(const struct vt_frag_queue *q, uint32_t i, const struct part *new, bool mf)
{
    const struct part *old = &q->part[i];

    if (i < q->nparts && old->off < new->end) {
        bool again = old->off == new->off && old->end == new->end && (q->total == new->end) == !mf;
        /* RFC 8200 4.5: the same part once more, as networks duplicate, is no contradiction. */
        if (again && same_bytes(old->p, new->p))
            return VT_DROP_FRAG_DUPLICATE;
        return VT_DROP_FRAG_OVERLAP;
    }
    /* Two ends, or data behind the end. */
    if (q->total != 0 && (new->end > q->total || !mf))
        return VT_DROP_FRAG_OVERLAP;
    if (!mf && q->nparts != 0 && q->part[q->nparts - 1].end > new->end)
        return VT_DROP_FRAG_OVERLAP;
    return q->nparts == q->net->config.frag_max_parts ? VT_DROP_FRAG_LIMIT : VT_DROP_NONE;
}

/* ---- The whole ---- */

/* RFC 3168 5.3: congestion that one part met, the datagram has met; but no part may have been unable to say
 * so. Returns false for a datagram that must be dropped for that. */
static bool merge_ecn(const struct vt_frag_queue *q, uint8_t *tos)
{
    if ((q->ecn & 1 << 3) == 0)
        return true;
    *tos |= 3;
    return (q->ecn & 1 << 0) == 0;
}

/* One packet of all parts. The data are copied into one block: many small parts may hold large ones. NULL
 * without memory. */
static struct vt_pbuf *assemble(struct vt_frag_queue *q, struct vt_ipv4_hdr *h)
{
    struct vt_net *net = q->net;
    struct vt_pbuf *first = q->part[0].p, *whole = vt_pbuf_new(net->core->pool);
    struct vt_block *block = vt_block_new(net->core->pool, q->total);
    const uint8_t *b;

    if (whole == NULL || block == NULL) {
        vt_pbuf_free(whole);
        if (block != NULL)
            vt_block_unref(block);
        return NULL;
    }
    for (uint32_t i = 0; i < q->nparts; i++)
        (void)vt_pbuf_read(q->part[i].p, 0, block->data + q->part[i].off, q->part[i].end - q->part[i].off);
    (void)vt_pbuf_append(whole, block, block->data, q->total);
    vt_block_unref(block);

    /* RFC 791 3.2: the header is the first part's, its options included. */
    vt_pbuf_unpull(first, (uint32_t)first->aux[0]);
    b = vt_pbuf_peek(first, (uint32_t)first->aux[0]);
    (void)vt_ipv4_parse(h, b, first->len);
    h->total_len = (uint16_t)(h->header_len + q->total);
    h->mf = false;
    h->offset = 0;
    whole->mark = first->mark;
    return whole;
}

/* All parts are here. Takes the queue. */
static struct vt_pbuf *complete(struct vt_frag_queue *q, struct vt_ipv4_hdr *h, struct vt_ip_in *in,
                                struct vt_event_id cause)
{
    struct vt_net *net = q->net;
    struct vt_pbuf *whole = assemble(q, h);
    enum vt_drop why = whole == NULL ? VT_DROP_NO_MEMORY : VT_DROP_NONE;
    uint8_t options[VT_IPV4_OPTIONS];

    if (why == VT_DROP_NONE && !merge_ecn(q, &h->tos))
        why = VT_DROP_FRAG_ECN;
    if (why == VT_DROP_NONE && h->header_len + q->total > VT_IPV4_MAX)
        why = VT_DROP_FRAG_TOO_LONG; /* the first part's header may be longer than the last's */
    if (why != VT_DROP_NONE) {
        vt_pbuf_free(whole);
        net->stats.reasm_fail++;
        drop_parts(q, why);
        queue_free(q);
        return NULL;
    }
    (void)vt_pbuf_read(q->part[0].p, VT_IPV4_HEADER, options, h->header_len - VT_IPV4_HEADER);
    vt_ipv4_build(vt_pbuf_push(whole, h->header_len), h, options);
    whole->ev = cause;
    vt_net_event_ip(net, VT_EV_IP_REASSEMBLE, VT_DOC_RFC1122_3_3_2, q->nif, whole, h);
    net->core->ev.cause = whole->ev;

    in->header = h->header_len;
    in->ttl = h->ttl;
    in->tos = h->tos;
    in->group = in->group || q->group;
    net->stats.reasm_ok++;
    /* Each part has reached its end; the whole, whose end is still to come, stands for one of them. */
    net->core->delivered += q->nparts - 1;
    for (uint32_t i = 0; i < q->nparts; i++)
        vt_pbuf_free(q->part[i].p);
    q->nparts = 0;
    queue_free(q);
    return whole;
}

/* Puts a part that fits in its place. Takes new->p. */
static void insert(struct vt_frag_queue *q, uint32_t i, const struct part *new, const struct vt_ipv4_hdr *h,
                   const struct vt_ip_in *in)
{
    uint32_t cost = vt_pbuf_truesize(new->p);

    memmove(&q->part[i + 1], &q->part[i], (q->nparts - i) * sizeof *new);
    q->part[i] = *new;
    q->nparts++;
    q->have += (uint32_t)(new->end - new->off);
    q->held += cost;
    q->net->frags.bytes += cost;
    q->ecn |= (uint8_t)(1u << (h->tos & 3));
    q->group = q->group || in->group;
    if (!h->mf)
        q->total = new->end;
}

struct vt_pbuf *vt_frag_input(struct vt_net *net, struct vt_pbuf *p, struct vt_ipv4_hdr *h,
                              struct vt_ip_in *in)
{
    uint32_t len = (uint32_t)h->total_len - h->header_len, i;
    struct vt_frag_queue *q = queue_find(net, h);
    struct vt_event_id cause = p->ev;
    struct part new = {.p = p, .off = h->offset, .end = (uint16_t)(h->offset + len)};
    enum vt_drop why = q != NULL && q->bad != VT_DROP_NONE ? q->bad : check_part(p, h, len);

    if (q == NULL && why != VT_DROP_FRAG_LENGTH) {
        q = queue_new(net, h, in->nif);
        if (q == NULL)
            why = VT_DROP_NO_MEMORY;
    }
    if (why == VT_DROP_NONE) {
        (void)vt_pbuf_pull(p, h->header_len);
        p->aux[0] = h->header_len;
        i = place_of(q, new.off);
        why = check_fit(q, i, &new, h->mf);
    }
    if (why != VT_DROP_NONE) {
        bool alone = why == VT_DROP_FRAG_LENGTH || why == VT_DROP_FRAG_DUPLICATE || why == VT_DROP_NO_MEMORY;
        vt_drop(net->core, p, why, in->nif->index, 0);
        if (!alone && q->bad == VT_DROP_NONE)
            queue_spoil(q, why);
        return NULL;
    }
    insert(q, i, &new, h, in);
    if (q->have == q->total)
        return complete(q, h, in, cause);
    /* V20: the newest too, when it alone is too much. */
    while (net->frags.bytes > net->config.frag_max_bytes)
        evict_oldest(net);
    return NULL;
}
