/* ICMP echo as a datagram service: what Linux calls ping sockets.
 *
 * A datagram is an echo message (RFC 792), its identifier the socket's, which stands where a port does. Only
 * replies are read: requests are the network floor's to answer.
 */
#include "udp_dgram.h"

#define PING_SOCKETS_MAX 4096
#define PING_SLOTS       64
#define PING_ERRORS      4  /* kept for who asks for them */
#define PING_QUOTE       64 /* bytes of the message that an error quotes */

enum {
    ECHO_REPLY = 0,
    ECHO_REQUEST = 8,
    ECHO_HEADER = 8,
    IP_HEADER = 20,
    PAYLOAD_MAX = 65535 - IP_HEADER,
};

struct ping_error {
    struct vt_msg_info info;
    uint32_t len;
    uint8_t quote[PING_QUOTE];
};

struct vt_ping_sock {
    struct vt_dgram d;
    struct vt_ping *ping;
    struct vt_ping_sock *prev, *next; /* all sockets */
    struct vt_ping_sock *by_ident;    /* the table's chain */
    struct vt_addr local, remote;     /* the local port is the identifier */
    bool bound, connected;
    uint8_t nerrors;
    struct ping_error errors[PING_ERRORS]; /* the oldest first */
};

struct vt_ping {
    struct vt_core *core;
    struct vt_net *net;
    const struct vt_transport_up *up;
    struct vt_sipkey key;
    struct vt_port_picker picker;
    struct vt_ping_sock *first, *slot[PING_SLOTS];
    uint32_t open;
};

static struct vt_ping_sock **slot_of(struct vt_ping *ping, uint16_t ident)
{
    uint8_t name[2];

    vt_put16(name, ident);
    return &ping->slot[vt_siphash(&ping->key, name, sizeof name) % PING_SLOTS];
}

static struct vt_ping_sock *find(struct vt_ping *ping, uint16_t ident)
{
    struct vt_ping_sock *s = *slot_of(ping, ident);

    while (s != NULL && s->local.port != ident)
        s = s->by_ident;
    return s;
}

static void enter(struct vt_ping_sock *s, uint16_t ident)
{
    struct vt_ping_sock **at = slot_of(s->ping, ident);

    s->local.port = ident;
    s->by_ident = *at;
    *at = s;
    s->bound = true;
}

/* An echo reply; its checksum is the network floor's to verify. */
static void input(void *ctx, struct vt_pbuf *p, const struct vt_ip_in *in)
{
    struct vt_ping *ping = ctx;
    struct vt_core *core = ping->core;
    struct vt_addr from = {.ip = in->src};
    const uint8_t *head = vt_pbuf_peek(p, ECHO_HEADER);
    struct vt_event_id cause = core->ev.cause;
    struct vt_ping_sock *s;

    if (head == NULL) {
        vt_drop(core, p, VT_DROP_ICMP_SHORT, in->nif->index, 0); /* V34 */
        return;
    }
    s = find(ping, vt_get16(head + 4));
    if (s == NULL || (s->connected && !vt_ip_eq(s->remote.ip, in->src))) {
        vt_drop(core, p, VT_DROP_ICMP_NO_MATCH, in->nif->index, 0);
        return;
    }
    if (!vt_dgram_put(&s->d, p, &from, in->ttl)) {
        vt_drop(core, p, VT_DROP_UDP_QUEUE, in->nif->index, 0);
        return;
    }
    core->delivered++;
    if (p->ev.n != 0)
        core->ev.cause = p->ev;
    ping->up->ready(s->d.user, VT_POLLIN);
    core->ev.cause = cause;
}

static void keep_error(struct vt_ping_sock *s, const struct vt_icmp_error *err, int error)
{
    struct ping_error *e;

    if (s->nerrors == PING_ERRORS) {
        s->d.drops++;
        return;
    }
    e = &s->errors[s->nerrors++];
    e->info = (struct vt_msg_info){
        .from = {.ip = err->from},
        .icmp_type = err->type,
        .icmp_code = err->code,
        .mtu = err->mtu,
        .error = error,
    };
    e->len = err->quote_len < PING_QUOTE ? err->quote_len : PING_QUOTE;
    memcpy(e->quote, err->quote, e->len);
}

/* Unlike UDP's, every error about a request is told to its socket: who pings wants to know (Linux's ping asks
 * for it by IP_RECVERR). */
static bool error_about(void *ctx, const struct vt_icmp_error *err)
{
    struct vt_ping *ping = ctx;
    struct vt_ping_sock *s;
    bool hard;
    int error;

    if (err->quote_len < ECHO_HEADER || err->quote[0] != ECHO_REQUEST)
        return false;
    s = find(ping, vt_get16(err->quote + 4));
    if (s == NULL || (s->connected && !vt_ip_eq(s->remote.ip, err->dst)))
        return false;
    error = vt_dgram_icmp_error(err, &hard);
    if (error != 0) {
        keep_error(s, err, error);
        s->d.error = error;
        ping->up->ready(s->d.user, VT_POLLERR | VT_POLLIN | VT_POLLOUT);
    }
    return true;
}

struct vt_ping *vt_ping_new(struct vt_core *core, struct vt_net *net, const struct vt_transport_up *up)
{
    struct vt_ping *ping = vt_alloc(core, sizeof *ping);
    struct vt_proto_ops ops = {input, error_about, ping};

    if (ping == NULL)
        return NULL;
    ping->core = core;
    ping->net = net;
    ping->up = up;
    ping->key = core->key;
    vt_port_picker_init(&ping->picker, &core->rng);
    vt_net_register(net, VT_PROTO_ICMP, &ops);
    return ping;
}

void vt_ping_free(struct vt_ping *ping)
{
    if (ping == NULL)
        return;
    while (ping->first != NULL)
        vt_ping_close(ping->first);
    vt_free(ping->core, ping, sizeof *ping);
}

struct vt_ping_sock *vt_ping_open(struct vt_ping *ping, void *user)
{
    struct vt_ping_sock *s;

    if (ping->open >= PING_SOCKETS_MAX)
        return NULL;
    s = vt_alloc(ping->core, sizeof *s);
    if (s == NULL)
        return NULL;
    vt_dgram_init(&s->d, user);
    s->ping = ping;
    s->local.ip = VT_IP4_ANY;
    s->remote.ip = VT_IP4_ANY;
    s->next = ping->first;
    if (s->next != NULL)
        s->next->prev = s;
    ping->first = s;
    ping->open++;
    return s;
}

void vt_ping_close(struct vt_ping_sock *s)
{
    struct vt_ping *ping = s->ping;

    if (s->bound) {
        struct vt_ping_sock **at = slot_of(ping, s->local.port);

        while (*at != s)
            at = &(*at)->by_ident;
        *at = s->by_ident;
    }
    *(s->prev != NULL ? &s->prev->next : &ping->first) = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    ping->open--;
    vt_dgram_fini(&s->d);
    vt_free(ping->core, s, sizeof *s);
}

static bool ident_in_use(void *ctx, uint16_t ident)
{
    return find(ctx, ident) != NULL;
}

/* An identifier that others cannot guess: whoever knows it can forge replies. */
static int autobind(struct vt_ping_sock *s)
{
    int ident = vt_port_pick(&s->ping->picker, s->local.ip, s->remote.ip, 0, 1, UINT16_MAX, ident_in_use,
                             s->ping);

    if (ident < 0)
        return -VT_EAGAIN;
    enter(s, (uint16_t)ident);
    return 0;
}

int vt_ping_bind(struct vt_ping_sock *s, const struct vt_addr *addr)
{
    if (s->bound)
        return -VT_EINVAL;
    if (!vt_ip_is_any(addr->ip) && !vt_net_is_local(s->ping->net, addr->ip))
        return -VT_EADDRNOTAVAIL;
    if (addr->port != 0 && find(s->ping, addr->port) != NULL)
        return -VT_EADDRINUSE;
    s->local.ip = addr->ip;
    if (addr->port == 0)
        return autobind(s);
    enter(s, addr->port);
    return 0;
}

int vt_ping_connect(struct vt_ping_sock *s, const struct vt_addr *peer)
{
    int error = 0;

    if (peer == NULL) {
        s->connected = false;
        s->remote = (struct vt_addr){.ip = VT_IP4_ANY};
        return 0;
    }
    if (!s->d.broadcast && vt_net_is_broadcast(s->ping->net, peer->ip))
        return -VT_EACCES;
    s->remote = *peer;
    s->remote.port = 0; /* RFC 792: an echo's other end has no port */
    s->connected = true;
    if (!s->bound)
        error = autobind(s);
    return error;
}

static int check_send(struct vt_ping_sock *s, const uint8_t *buf, size_t len, const struct vt_addr *to)
{
    if (len > PAYLOAD_MAX)
        return -VT_EMSGSIZE;
    if (len < ECHO_HEADER || buf[0] != ECHO_REQUEST || buf[1] != 0)
        return -VT_EINVAL;
    if (to == NULL)
        return -VT_EDESTADDRREQ;
    if (s->d.error != 0)
        return vt_dgram_take_error(&s->d);
    if ((s->d.shut & VT_DGRAM_SHUT_WR) != 0)
        return -VT_EPIPE;
    if (!s->d.broadcast && vt_net_is_broadcast(s->ping->net, to->ip))
        return -VT_EACCES;
    return s->bound ? 0 : autobind(s);
}

static void told(struct vt_ping_sock *s, struct vt_pbuf *p, const struct vt_ip_out *out, const uint8_t *head)
{
    struct vt_events *ev = &s->ping->core->ev;
    struct vt_event *e = vt_event_begin(ev, VT_EV_ICMP_TX, VT_DOC_RFC792);

    if (e != NULL) {
        memcpy(e->u.icmp.src, out->src.b, 16);
        memcpy(e->u.icmp.dst, out->dst.b, 16);
        e->u.icmp.type = head[0];
        e->u.icmp.code = head[1];
        e->u.icmp.ident = vt_get16(head + 4);
        e->u.icmp.seq = vt_get16(head + 6);
        e->u.icmp.len = p->len;
        e->mark = s->d.mark;
        vt_event_end(ev, e, NULL, 0);
    }
    p->ev = vt_events_last(ev);
}

long vt_ping_send(struct vt_ping_sock *s, const void *buf, size_t len, const struct vt_addr *to)
{
    struct vt_ping *ping = s->ping;
    struct vt_ip_out out = {
        .src = s->local.ip,
        .protocol = VT_PROTO_ICMP,
        .ttl = s->d.ttl,
        .tos = s->d.tos,
        .broadcast = s->d.broadcast,
    };
    struct vt_pbuf *p;
    uint8_t head[ECHO_HEADER];
    bool fits;
    int error;

    if (to == NULL && s->connected)
        to = &s->remote;
    error = check_send(s, buf, len, to);
    if (error != 0)
        return error;
    out.dst = to->ip;
    if (vt_ip_is_any(out.src)) {
        error = vt_net_source(ping->net, out.dst, &out.src);
        if (error != 0)
            return error;
    }
    error = vt_dgram_fits(&s->d, ping->net, IP_HEADER + len, &out, &fits);
    if (error != 0)
        return error;
    p = vt_pbuf_from(ping->core->pool, (const uint8_t *)buf + ECHO_HEADER, len - ECHO_HEADER);
    if (p == NULL)
        return -VT_ENOBUFS;
    memcpy(head, buf, ECHO_HEADER);
    vt_put16(head + 2, 0);
    vt_put16(head + 4, s->local.port);
    memcpy(vt_pbuf_push(p, ECHO_HEADER), head, ECHO_HEADER);
    vt_put16(vt_pbuf_own(p, ECHO_HEADER) + 2, vt_sum_finish(vt_pbuf_sum(ping->core->sums, p, 0, p->len, 0)));
    p->mark = s->d.mark;
    told(s, p, &out, head);
    error = vt_ip_output(ping->net, p, &out);
    return error != 0 ? error : (long)len;
}

long vt_ping_recv(struct vt_ping_sock *s, void *buf, size_t len, int flags, struct vt_addr *from,
                  uint8_t *ttl)
{
    return vt_dgram_get(&s->d, buf, len, flags, from, ttl);
}

/* As Linux: with an error taken from the queue goes the pending one, and the next in the queue is pending
 * then. */
long vt_ping_recv_error(struct vt_ping_sock *s, void *buf, size_t len, struct vt_msg_info *info)
{
    uint32_t n;

    if (s->nerrors == 0)
        return -VT_EAGAIN;
    n = len < s->errors[0].len ? (uint32_t)len : s->errors[0].len;
    memcpy(buf, s->errors[0].quote, n);
    *info = s->errors[0].info;
    s->nerrors--;
    memmove(&s->errors[0], &s->errors[1], s->nerrors * sizeof s->errors[0]);
    s->d.error = s->nerrors != 0 ? s->errors[0].info.error : 0;
    return (long)n;
}

unsigned vt_ping_poll(const struct vt_ping_sock *s)
{
    return vt_dgram_poll(&s->d) | (s->nerrors != 0 ? VT_POLLERR : 0);
}

int vt_ping_take_error(struct vt_ping_sock *s)
{
    return vt_dgram_take_error(&s->d);
}

int vt_ping_shutdown(struct vt_ping_sock *s, int how)
{
    vt_dgram_shutdown(&s->d, how);
    s->ping->up->ready(s->d.user, vt_ping_poll(s));
    return s->connected ? 0 : -VT_ENOTCONN;
}

int vt_ping_local(const struct vt_ping_sock *s, struct vt_addr *addr)
{
    *addr = s->local;
    return 0;
}

int vt_ping_remote(const struct vt_ping_sock *s, struct vt_addr *addr)
{
    if (!s->connected)
        return -VT_ENOTCONN;
    *addr = s->remote;
    return 0;
}

int vt_ping_setopt(struct vt_ping_sock *s, int level, int name, const void *val, size_t len)
{
    return vt_dgram_setopt(&s->d, level, name, val, len);
}

int vt_ping_getopt(const struct vt_ping_sock *s, int level, int name, void *val, size_t *len)
{
    if (level == VT_SOL_IP && name == VT_IP_MTU) {
        if (!s->connected)
            return -VT_ENOTCONN;
        return vt_opt_put_int(val, len, (int)vt_net_path_mtu(s->ping->net, s->remote.ip));
    }
    return vt_dgram_getopt(&s->d, s->ping->net, level, name, val, len);
}
