/* One TCP, and an input that decides all that happens to it: what the peer sends, what the program calls, how
 * time goes. Whatever it is: no sanitizer stops it, what must hold of a connection holds after each step, and
 * at the end no memory is left. */
#include "fuzz.h"

#include "network/icmp_wire.h"
#include "network/ipv4_wire.h"
#include "transport/tcp.h"

#define US    VT_IP4(192, 0, 2, 1)
#define PEER  VT_IP4(192, 0, 2, 2)
#define TCBS  8
#define STEPS 400
#define EDGES 64

struct world {
    const uint8_t *data;
    size_t size;
    struct vt_core core;
    struct vt_net *net;
    struct vt_netif nif;
    struct vt_tcp *tcp;
    struct vt_transport_up up;
    struct vt_tcb *held[TCBS];
    struct vt_tcb *listener, *used; /* the one that calls are made on */
    uint16_t ours, theirs;          /* ports of the conversation */
    struct vt_seq iss, irs;         /* of that: what we last saw go out, what the peer began with */
    struct {
        uint32_t conn;
        struct vt_seq edge;
    } edge[EDGES]; /* the right edge of the window, by connection */
    size_t live;
};

/* ---- The input ---- */

static uint8_t byte(struct world *w)
{
    if (w->size == 0)
        return 0;
    w->size--;
    return *w->data++;
}
static uint16_t word(struct world *w)
{
    uint16_t high = byte(w);
    return (uint16_t)(high << 8 | byte(w));
}

/* ---- The node ---- */

static void *mem_alloc(void *ctx, size_t size)
{
    struct world *w = ctx;
    w->live += size;
    return calloc(1, size);
}
static void mem_free(void *ctx, void *p, size_t size)
{
    struct world *w = ctx;
    if (p != NULL)
        w->live -= size;
    free(p);
}

static void ready(void *user, unsigned events)
{
    (void)user;
    (void)events;
}

/* A segment leaves: it must be well formed, and it tells where our numbers are. */
static int output(struct vt_netif *nif, struct vt_pbuf *p, struct vt_ip next_hop)
{
    struct world *w = nif->link;
    struct vt_ipv4_hdr ip;
    struct vt_tcp_hdr h;
    uint8_t b[VT_IPV4_HEADER + VT_TCP_HLEN_MAX];
    (void)next_hop;
    uint32_t n = vt_pbuf_read(p, 0, b, sizeof(b));
    FUZZ_CHECK(n >= VT_IPV4_HEADER && p->len <= nif->mtu);
    FUZZ_CHECK(vt_ipv4_parse(&ip, b, p->len) == VT_DROP_NONE && ip.total_len == p->len);
    if (ip.protocol == VT_PROTO_TCP) {
        FUZZ_CHECK(n >= VT_IPV4_HEADER + VT_TCP_HLEN);
        FUZZ_CHECK(vt_tcp_parse(b + VT_IPV4_HEADER, p->len - VT_IPV4_HEADER, &h) == 0);
        uint32_t sum = vt_sum_pseudo(ip.src, ip.dst, VT_PROTO_TCP, p->len - VT_IPV4_HEADER);
        FUZZ_CHECK(vt_sum_finish(
                       vt_pbuf_sum(&vt_sums_portable, p, VT_IPV4_HEADER, p->len - VT_IPV4_HEADER, sum)) == 0);
        if ((h.flags & VT_SYN) != 0) {
            w->iss = h.seq;
            w->ours = h.sport;
            w->theirs = h.dport;
        }
    }
    vt_pbuf_free(p);
    return 0;
}

static void settle(struct world *w)
{
    do
        vt_tcp_run(w->tcp);
    while (vt_net_run(w->net));
}

static void begin(struct world *w)
{
    w->up.ready = ready;
    w->core = (struct vt_core){.now = 1000 * (vt_time)VT_SEC, .name = "f"};
    w->core.mem = (struct vt_allocator){mem_alloc, mem_free, w};
    w->core.sums = &vt_sums_portable;
    w->core.pool = vt_pool_new(&(struct vt_pool_config){.mem = w->core.mem});
    w->core.ev.now = &w->core.now;
    w->core.ev.node = 1;
    vt_wheel_init(&w->core.wheel, w->core.now);
    vt_rng_seed(&w->core.rng, 1, 1);
    w->core.key = (struct vt_sipkey){{1, 2}};
    w->net = vt_net_new(&w->core, &(struct vt_net_config){0});
    memcpy(w->nif.name, "eth0", 5);
    w->nif.core = &w->core;
    w->nif.flags = VT_IFF_BROADCAST | VT_IFF_CARRIER;
    w->nif.mtu = 1500;
    w->nif.output = output;
    w->nif.link = w;
    vt_net_add_netif(w->net, &w->nif);
    FUZZ_CHECK(vt_net_add_addr(w->net, &w->nif, US, 24) == 0);
    w->tcp = vt_tcp_new(&w->core, w->net, &w->up);
    FUZZ_CHECK(w->tcp != NULL);
    w->ours = 9528;
    w->theirs = 40000;
    w->irs = vt_seq(0xfffffff0u);
}

static void end(struct world *w)
{
    for (unsigned i = 0; i < TCBS; i++)
        if (w->held[i] != NULL)
            vt_tcp_close(w->held[i], false);
    settle(w);
    vt_tcp_free(w->tcp);
    vt_net_free(w->net);
    FUZZ_CHECK(w->core.mem_used == 0);
    FUZZ_CHECK(w->core.wheel.armed == 0);
    FUZZ_CHECK(vt_pool_live_pbufs(w->core.pool) == 0);
    FUZZ_CHECK(vt_pool_live_blocks(w->core.pool) == 0);
    vt_pool_release(w->core.pool);
    FUZZ_CHECK(w->live == 0);
}

/* ---- What must hold ---- */

static void check_receiving(struct world *w, const struct vt_tcb *t)
{
    uint64_t bytes = 0, cost = 0;
    uint32_t count = 0;
    for (const struct vt_pbuf *p = t->recvq.first; p != NULL; p = p->next, count++) {
        FUZZ_CHECK(p->len != 0);
        bytes += p->len;
        cost += p->aux[0];
    }
    FUZZ_CHECK(bytes == t->recvq.bytes && count == t->recvq.count && cost == t->rcv_truesize);
    bytes = cost = 0;
    for (uint32_t i = 0; t->ooo != NULL && i < t->ooo->n; i++) {
        const struct vt_run *r = &t->ooo->run[i];
        struct vt_seq left = i == 0 ? t->rcv_nxt : t->ooo->run[i - 1].to;
        uint32_t in_run = 0;
        FUZZ_CHECK(vt_seq_lt(left, r->from) && vt_seq_lt(r->from, r->to));
        FUZZ_CHECK(vt_seq_le(r->to, t->rcv_adv));
        for (const struct vt_pbuf *p = r->first; p != NULL; p = p->next) {
            in_run += p->len;
            cost += p->aux[0];
        }
        FUZZ_CHECK(in_run == r->to.v - r->from.v);
        bytes += in_run;
    }
    FUZZ_CHECK(t->ooo == NULL ||
               (t->ooo->bytes == bytes && t->ooo->truesize == cost && t->ooo->n <= t->ooo->cap));
    if (t->end.state < VT_TCP_ESTABLISHED || t->end.conn == 0)
        return;
    FUZZ_CHECK(vt_seq_ge(t->rcv_adv, t->rcv_nxt));
    FUZZ_CHECK(t->rcv_adv.v - t->rcv_nxt.v + t->recvq.bytes <= (uint64_t)w->tcp->knobs.rmem_max + 65536);
    unsigned k = t->end.conn % EDGES; /* SHLD-14: the edge never moves to the left */
    if (w->edge[k].conn == t->end.conn)
        FUZZ_CHECK(vt_seq_ge(t->rcv_adv, w->edge[k].edge));
    w->edge[k].conn = t->end.conn;
    w->edge[k].edge = t->rcv_adv;
}

static void check_records(const struct vt_tcb *t)
{
    const struct vt_sentq *q = &t->loss->sent;
    uint32_t sacked = 0, lost = 0, retrans = 0;
    struct vt_seq at = t->snd_una;
    for (uint32_t i = 0; i < q->n; i++) {
        const struct vt_sent *s = vt_sent_at(q, i);
        FUZZ_CHECK(vt_seq_eq(s->from, at) && vt_seq_lt(s->from, s->to));
        at = s->to;
        sacked += (s->flags & VT_SENT_SACKED) != 0 ? vt_sent_len(s) : 0;
        lost += (s->flags & VT_SENT_LOST) != 0 ? vt_sent_len(s) : 0;
        retrans += (s->flags & VT_SENT_RETRANS) != 0 ? vt_sent_len(s) : 0;
        FUZZ_CHECK((s->flags & (VT_SENT_SACKED | VT_SENT_LOST)) != (VT_SENT_SACKED | VT_SENT_LOST));
    }
    FUZZ_CHECK(vt_seq_eq(at, t->snd_nxt));
    FUZZ_CHECK(sacked == q->sacked && lost == q->lost && retrans == q->retrans);
}

static void check_sending(const struct vt_tcb *t)
{
    FUZZ_CHECK(vt_seq_le(t->snd_una, t->snd_nxt));
    bool opening = t->end.state == VT_TCP_SYN_SENT || t->end.state == VT_TCP_SYN_RCVD;
    bool over = t->end.state == VT_TCP_CLOSED || t->end.state == VT_TCP_TIME_WAIT;
    if (over || t->end.state == VT_TCP_LISTEN)
        return;
    uint32_t flight = vt_tcp_flight(t);
    bool armed = t->deadline[VT_SLOT_REXMT] != VT_NEVER;
    if (opening) {
        FUZZ_CHECK(armed);
        return;
    }
    FUZZ_CHECK(t->mss >= 36 && t->cc.cwnd != 0);
    FUZZ_CHECK(flight <= t->sendq.bytes + vt_tcb_is(t, VT_TCBF_FIN_SENT));
    if (t->loss != NULL)
        check_records(t);
    else
        FUZZ_CHECK(flight == 0);
    /* Nothing that is out, or waits to go, is forgotten. */
    if (flight != 0 || t->sendq.bytes != 0)
        FUZZ_CHECK(armed);
    if (t->end.state == VT_TCP_FIN_WAIT2 && vt_tcb_is(t, VT_TCBF_ORPHAN))
        FUZZ_CHECK(t->deadline[VT_SLOT_LIFE] != VT_NEVER);
    for (unsigned i = 0; i < VT_SLOTS; i++)
        if (t->deadline[i] != VT_NEVER)
            FUZZ_CHECK(vt_timer_armed(&t->timer) && t->timer.when <= t->deadline[i]);
}

static void check(struct world *w)
{
    uint32_t used = 0, orphans = 0, tw = 0;
    for (const struct vt_tcb *t = w->tcp->all; t != NULL; t = t->all_next) {
        check_receiving(w, t);
        check_sending(t);
        orphans += vt_tcb_is(t, VT_TCBF_ORPHAN);
    }
    for (uint32_t i = 0; i < w->tcp->table_size; i++) {
        const struct vt_tcp_end *e = w->tcp->table[i].end;
        used += e != NULL;
        tw += e != NULL && e->kind == VT_TCP_KIND_TIMEWAIT;
    }
    FUZZ_CHECK(used == w->tcp->table_used && orphans == w->tcp->orphans && tw == w->tcp->tw_count);
    for (unsigned i = 0; i < TCBS; i++) { /* each call that only looks */
        struct vt_tcp_info info;
        size_t len = sizeof(info);
        if (w->held[i] == NULL)
            continue;
        vt_tcp_poll(w->held[i]);
        vt_tcp_at_mark(w->held[i]);
        vt_tcp_getopt(w->held[i], VT_SOL_TCP, VT_TCP_INFO, &info, &len);
    }
}

/* ---- Steps ---- */

static void hold(struct world *w, struct vt_tcb *t)
{
    for (unsigned i = 0; t != NULL && i < TCBS; i++)
        if (w->held[i] == NULL) {
            w->held[i] = t;
            w->used = t;
            return;
        }
    if (t != NULL)
        vt_tcp_close(t, true);
}

/* Numbers near where they matter, or anywhere. */
static struct vt_seq number(struct world *w, struct vt_seq near)
{
    uint8_t how = byte(w);
    if (how < 128)
        return vt_seq_add(near, how % 8);
    if (how < 192)
        return vt_seq_add(near, (uint32_t)word(w));
    if (how < 240)
        return vt_seq_sub(near, (uint32_t)word(w));
    return vt_seq((uint32_t)word(w) << 16 | word(w));
}

static uint32_t options(struct world *w, uint8_t *b, struct vt_seq una)
{
    struct vt_tcp_opts o = {0};
    uint8_t how = byte(w), n = 0;
    if ((how & 1) != 0) { /* anything */
        n = (uint8_t)(byte(w) % 11 * 4);
        for (unsigned i = 0; i < n; i++)
            b[i] = byte(w);
        return n;
    }
    if ((how & 2) != 0) {
        o.mss_ok = true;
        o.mss = word(w);
    }
    if ((how & 4) != 0) {
        o.ts_ok = true;
        o.tsval = (how & 8) != 0 ? word(w) : (uint32_t)(w->core.now / (vt_time)VT_MSEC);
        o.tsecr = word(w);
    }
    o.sack_ok = (how & 16) != 0;
    if ((how & 32) != 0) {
        o.wscale_ok = true;
        o.wscale = byte(w);
    }
    if ((how & 64) != 0)
        for (o.nsacks = 0; o.nsacks < (how >> 7) + 1; o.nsacks++) {
            o.sack[o.nsacks].from = number(w, una);
            o.sack[o.nsacks].to = number(w, o.sack[o.nsacks].from);
        }
    return vt_tcp_build_opts(b, &o);
}

static void segment(struct world *w)
{
    static const uint8_t likely[] = {VT_ACK,          VT_ACK | VT_PSH, VT_SYN,          VT_FIN | VT_ACK,
                                     VT_SYN | VT_ACK, VT_RST,          VT_ACK | VT_URG, VT_RST | VT_ACK};
    struct vt_addr local = {US, 0, w->ours}, remote = {PEER, 0, w->theirs};
    struct vt_tcp_end *e = vt_tcp_table_find(w->tcp, &local, &remote);
    struct vt_seq una = vt_seq_add(w->iss, 1), nxt = w->irs;
    if (e != NULL && e->kind == VT_TCP_KIND_TCB && e->state >= VT_TCP_ESTABLISHED) {
        una = vt_tcb_of(e)->snd_una;
        nxt = vt_tcb_of(e)->rcv_nxt;
    } else if (e != NULL && e->kind == VT_TCP_KIND_REQUEST) {
        nxt = vt_seq_add(w->irs, 1);
    } else if (e != NULL && e->kind == VT_TCP_KIND_TIMEWAIT) {
        nxt = ((struct vt_tcp_timewait *)(void *)e)->rcv_nxt;
        una = ((struct vt_tcp_timewait *)(void *)e)->snd_nxt;
    }
    uint8_t b[VT_IPV4_HEADER + VT_TCP_HLEN_MAX + 1600] = {0}, *t = b + VT_IPV4_HEADER, how = byte(w);
    struct vt_tcp_hdr h = {.sport = w->theirs, .dport = w->ours};
    h.flags = how < 224 ? likely[how % 8] : (uint16_t)(word(w) & 0x1ff);
    h.seq = number(w, nxt);
    h.ack = number(w, una);
    if ((h.flags & VT_ACK) != 0 && (how & 8) != 0 && e != NULL && e->kind == VT_TCP_KIND_TCB)
        h.ack = vt_tcb_of(e)->snd_nxt; /* all of it */
    h.wnd = (how & 16) != 0 ? word(w) : 65535;
    h.urgent = (h.flags & VT_URG) != 0 ? word(w) : 0;
    uint32_t olen = options(w, t + VT_TCP_HLEN, una);
    h.hlen = (uint8_t)(VT_TCP_HLEN + olen);
    vt_tcp_build(t, &h);
    uint32_t len = h.hlen + ((how & 32) != 0 ? word(w) % 1461u : (how & 64) != 0 ? byte(w) % 16u : 0);
    if ((h.flags & VT_SYN) != 0 && e == NULL)
        w->irs = h.seq;
    uint32_t sum = vt_sum_pseudo(PEER, US, VT_PROTO_TCP, len);
    vt_put16(t + 16, vt_sum_finish(vt_sums_portable.add(sum, t, len)));
    struct vt_ipv4_hdr ip = {.src = PEER,
                             .dst = US,
                             .header_len = VT_IPV4_HEADER,
                             .total_len = (uint16_t)(VT_IPV4_HEADER + len),
                             .ttl = 64,
                             .protocol = VT_PROTO_TCP};
    vt_ipv4_build(b, &ip, NULL);
    struct vt_pbuf *p = vt_pbuf_from(w->core.pool, b, VT_IPV4_HEADER + len);
    FUZZ_CHECK(p != NULL);
    w->nif.input(&w->nif, p, false);
}

static void icmp(struct world *w)
{
    uint8_t quote[8], type = byte(w);
    vt_put16(quote, w->ours);
    vt_put16(quote + 2, w->theirs);
    vt_put32(quote + 4, number(w, w->used != NULL ? w->used->snd_una : w->iss).v);
    struct vt_icmp_error err = {.type = type < 200 ? 3 : type,
                                .code = type < 100 ? 4 : byte(w) % 16,
                                .src = US,
                                .dst = PEER,
                                .from = PEER,
                                .protocol = VT_PROTO_TCP,
                                .mtu = word(w),
                                .quote = quote,
                                .quote_len = 8};
    vt_tcp_icmp_error(w->tcp, &err);
}

static void wait(struct world *w)
{
    static const vt_span spans[] = {VT_MSEC,     40 * VT_MSEC, 200 * VT_MSEC, VT_SEC,        10 * VT_SEC,
                                    60 * VT_SEC, 130 * VT_SEC, 7200 * VT_SEC, 86400 * VT_SEC};
    vt_time until = vt_time_add(w->core.now, spans[byte(w) % 9]), next;
    for (unsigned fired = 0; (next = vt_wheel_next(&w->core.wheel)) <= until && fired < 2000; fired++) {
        w->core.now = next > w->core.now ? next : w->core.now;
        vt_wheel_run(&w->core.wheel, w->core.now);
        settle(w);
    }
    if (vt_wheel_next(&w->core.wheel) > until)
        w->core.now = until;
}

static void set_option(struct world *w)
{
    static const uint8_t names[] = {VT_TCP_NODELAY,   VT_TCP_MAXSEG,  VT_TCP_CORK,         VT_TCP_KEEPIDLE,
                                    VT_TCP_KEEPINTVL, VT_TCP_LINGER2, VT_TCP_USER_TIMEOUT, VT_TCP_QUICKACK};
    static const uint8_t sock[] = {VT_SO_SNDBUF, VT_SO_RCVBUF, VT_SO_KEEPALIVE, VT_SO_OOBINLINE};
    uint8_t which = byte(w);
    int v = which & 16 ? word(w) : byte(w) & 1;
    if (which & 32)
        vt_tcp_setopt(w->used, VT_SOL_SOCKET, sock[which % 4], &v, sizeof(v));
    else if (which & 64)
        vt_tcp_setopt(w->used, VT_SOL_TCP, VT_TCP_CONGESTION, which & 1 ? "reno" : "cubic", 6);
    else
        vt_tcp_setopt(w->used, VT_SOL_TCP, names[which % 8], &v, sizeof(v));
}

static void call(struct world *w, uint8_t which)
{
    static uint8_t buf[70000];
    if (w->used == NULL)
        return;
    switch (which) {
    case 0: vt_tcp_send(w->used, buf, word(w), byte(w) % 4 == 0 ? byte(w) & VT_MSG_OOB : 0); break;
    case 1: vt_tcp_recv(w->used, buf, word(w), byte(w) & (VT_MSG_OOB | VT_MSG_PEEK | VT_MSG_TRUNC)); break;
    case 2: vt_tcp_shutdown(w->used, byte(w) % 3); break;
    case 3: set_option(w); break;
    case 4: vt_tcp_take_error(w->used); break;
    default:
        for (unsigned i = 0; i < TCBS; i++)
            if (w->held[i] == w->used)
                w->held[i] = NULL;
        vt_tcp_close(w->used, byte(w) % 4 == 0);
        w->listener = w->used == w->listener ? NULL : w->listener;
        w->used = NULL;
    }
}

static void open_one(struct world *w)
{
    struct vt_tcb *t = vt_tcp_open(w->tcp, w);
    uint8_t how = byte(w);
    hold(w, t);
    if (w->used != t)
        return;
    if (how % 2 == 0 && w->listener == NULL) {
        if (vt_tcp_bind(t, &(struct vt_addr){VT_IP4_ANY, 0, 9528}) == 0 && vt_tcp_listen(t, how % 8) == 0) {
            w->listener = t;
            w->ours = 9528;
            w->theirs = 40000;
        }
    } else {
        vt_tcp_connect(t, &(struct vt_addr){PEER, 0, 80});
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    struct world *w = &world;
    memset(w, 0, sizeof(*w));
    w->data = data;
    w->size = size;
    begin(w);
    open_one(w);
    for (unsigned step = 0; w->size != 0 && step < STEPS; step++) {
        uint8_t op = byte(w);
        if (op < 140)
            segment(w);
        else if (op < 170)
            call(w, op % 2);
        else if (op < 190)
            call(w, (uint8_t)(2 + op % 4));
        else if (op < 215)
            wait(w);
        else if (op < 225)
            icmp(w);
        else if (op < 235)
            open_one(w);
        else if (w->listener != NULL)
            hold(w, vt_tcp_accept(w->listener, w));
        if (op % 4 != 0) /* else the next one comes in the same burst */
            settle(w);
        else
            continue;
        check(w);
    }
    settle(w);
    check(w);
    end(w);
    return 0;
}
