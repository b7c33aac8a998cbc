#include "udp_dgram.h"

void vt_dgram_init(struct vt_dgram *d, void *user)
{
    *d = (struct vt_dgram){
        .user = user,
        .rcvbuf = VT_DGRAM_BUF_DEFAULT,
        .sndbuf = VT_DGRAM_BUF_DEFAULT,
        .pmtudisc = VT_PMTUDISC_WANT,
    };
}

void vt_dgram_fini(struct vt_dgram *d)
{
    vt_pbufq_clear(&d->queue);
    d->held = 0;
}

/* While a datagram waits: aux[0] is what it was charged, aux[1] its TTL. */
bool vt_dgram_put(struct vt_dgram *d, struct vt_pbuf *p, const struct vt_addr *from, uint8_t ttl)
{
    uint32_t cost = vt_pbuf_truesize(p);

    if (d->queue.count != 0 && d->held + cost > d->rcvbuf) {
        d->drops++;
        return false;
    }
    memcpy(vt_pbuf_push(p, sizeof *from), from, sizeof *from);
    p->aux[0] = cost;
    p->aux[1] = ttl;
    d->held += cost;
    vt_pbufq_push(&d->queue, p);
    return true;
}

/* Why there is nothing to read, or 1 when there is. */
static long readable(struct vt_dgram *d)
{
    if (d->error != 0)
        return vt_dgram_take_error(d);
    if (d->queue.first != NULL)
        return 1;
    return (d->shut & VT_DGRAM_SHUT_RD) != 0 ? 0 : -VT_EAGAIN;
}

long vt_dgram_get(struct vt_dgram *d, void *buf, size_t len, int flags, struct vt_addr *from, uint8_t *ttl)
{
    struct vt_pbuf *p;
    uint32_t size, n;
    long ready = readable(d);

    if (ready <= 0)
        return ready;
    p = d->queue.first;
    size = p->len - (uint32_t)sizeof(struct vt_addr);
    n = len < size ? (uint32_t)len : size;
    vt_pbuf_read(p, sizeof(struct vt_addr), buf, n);
    if (from != NULL)
        vt_pbuf_read(p, 0, from, sizeof *from);
    if (ttl != NULL)
        *ttl = (uint8_t)p->aux[1];
    if ((flags & VT_MSG_PEEK) == 0)
        vt_pbuf_free(vt_dgram_pop(d, NULL, &ready));
    return (flags & VT_MSG_TRUNC) != 0 ? (long)size : (long)n;
}

struct vt_pbuf *vt_dgram_pop(struct vt_dgram *d, struct vt_addr *from, long *error)
{
    struct vt_pbuf *p;

    *error = readable(d);
    if (*error <= 0)
        return NULL;
    p = vt_pbufq_pop(&d->queue);
    d->held -= p->aux[0];
    if (from != NULL)
        vt_pbuf_read(p, 0, from, sizeof *from);
    vt_pbuf_skip(p, sizeof *from);
    return p;
}

unsigned vt_dgram_poll(const struct vt_dgram *d)
{
    unsigned events = VT_POLLOUT;

    if (d->error != 0)
        events |= VT_POLLERR;
    if (d->queue.first != NULL)
        events |= VT_POLLIN;
    if ((d->shut & VT_DGRAM_SHUT_RD) != 0)
        events |= VT_POLLIN | VT_POLLRDHUP;
    if (d->shut == (VT_DGRAM_SHUT_RD | VT_DGRAM_SHUT_WR))
        events |= VT_POLLHUP;
    return events;
}

int vt_dgram_take_error(struct vt_dgram *d)
{
    int error = d->error;

    d->error = 0;
    return error;
}

void vt_dgram_shutdown(struct vt_dgram *d, int how)
{
    if (how == VT_SHUT_RD || how == VT_SHUT_RDWR)
        d->shut |= VT_DGRAM_SHUT_RD;
    if (how == VT_SHUT_WR || how == VT_SHUT_RDWR)
        d->shut |= VT_DGRAM_SHUT_WR;
}

/* Linux caps what may be asked for, then doubles it: half is thought of as its own overhead. A negative size
 * is a huge one. */
static uint32_t buffer_size(int asked, uint32_t least)
{
    uint32_t v = (uint32_t)asked;

    if (v > VT_DGRAM_BUF_MAX)
        v = VT_DGRAM_BUF_MAX;
    v *= 2;
    return v < least ? least : v;
}

static int set_socket(struct vt_dgram *d, int name, int v)
{
    switch (name) {
    case VT_SO_RCVBUF: d->rcvbuf = buffer_size(v, VT_DGRAM_RCVBUF_MIN); return 0;
    case VT_SO_SNDBUF: d->sndbuf = buffer_size(v, VT_DGRAM_SNDBUF_MIN); return 0;
    case VT_SO_REUSEADDR: d->reuseaddr = v != 0; return 0;
    case VT_SO_REUSEPORT: d->reuseport = v != 0; return 0;
    case VT_SO_BROADCAST: d->broadcast = v != 0; return 0;
    case VT_SO_MARK: d->mark = (uint32_t)v; return 0;
    default: return -VT_ENOPROTOOPT;
    }
}

static int set_ip(struct vt_dgram *d, int name, int v)
{
    switch (name) {
    case VT_IP_TTL:
        if (v != -1 && (v < 1 || v > 255))
            return -VT_EINVAL;
        d->ttl = v == -1 ? 0 : (uint8_t)v;
        return 0;
    case VT_IP_TOS: d->tos = (uint8_t)v; return 0;
    case VT_IP_MTU_DISCOVER:
        if (v < VT_PMTUDISC_DONT || v > VT_PMTUDISC_OMIT)
            return -VT_EINVAL;
        d->pmtudisc = (uint8_t)v;
        return 0;
    default: return -VT_ENOPROTOOPT;
    }
}

int vt_dgram_setopt(struct vt_dgram *d, int level, int name, const void *val, size_t len)
{
    int v, error;

    if (level == VT_SOL_IP && val != NULL && len > 0 && len < sizeof v) {
        v = *(const uint8_t *)val; /* Linux takes a single byte here: BSD's option values were bytes */
        return set_ip(d, name, v);
    }
    if (level != VT_SOL_SOCKET && level != VT_SOL_IP)
        return -VT_ENOPROTOOPT;
    error = vt_opt_int(val, len, &v);
    if (error != 0)
        return error;
    return level == VT_SOL_IP ? set_ip(d, name, v) : set_socket(d, name, v);
}

static int default_ttl(const struct vt_net *net)
{
    int64_t ttl = 0;

    vt_net_knob_get(net, "net.ipv4.ip_default_ttl", &ttl);
    return (int)ttl;
}

int vt_dgram_getopt(const struct vt_dgram *d, const struct vt_net *net, int level, int name, void *val,
                    size_t *len)
{
    int v;

    if (level == VT_SOL_SOCKET) {
        switch (name) {
        case VT_SO_RCVBUF: v = (int)d->rcvbuf; break;
        case VT_SO_SNDBUF: v = (int)d->sndbuf; break;
        case VT_SO_REUSEADDR: v = d->reuseaddr; break;
        case VT_SO_REUSEPORT: v = d->reuseport; break;
        case VT_SO_BROADCAST: v = d->broadcast; break;
        case VT_SO_MARK: v = (int)d->mark; break;
        default: return -VT_ENOPROTOOPT;
        }
    } else if (level == VT_SOL_IP) {
        switch (name) {
        case VT_IP_TTL: v = d->ttl != 0 ? d->ttl : default_ttl(net); break;
        case VT_IP_TOS: v = d->tos; break;
        case VT_IP_MTU_DISCOVER: v = d->pmtudisc; break;
        default: return -VT_ENOPROTOOPT;
        }
    } else {
        return -VT_ENOPROTOOPT;
    }
    return vt_opt_put_int(val, len, v);
}

enum {
    ICMP_UNREACHABLE = 3,
    ICMP_TIME_EXCEEDED = 11,
    ICMP_PARAMETER = 12,
};

int vt_dgram_icmp_error(const struct vt_icmp_error *err, bool *hard)
{
    /* RFC 792 codes 0 to 5, RFC 1122 3.2.2.1 codes 6 to 12, RFC 1812 5.2.7.1 codes 13 to 15. RFC
     * 1122 3.2.2.1: network and host unreachable are hints that may pass, not proofs. */
    static const struct {
        int16_t error;
        bool hard;
    } unreachable[16] = {
        {VT_ENETUNREACH, false},  {VT_EHOSTUNREACH, false}, {VT_ENOPROTOOPT, true},  {VT_ECONNREFUSED, true},
        {VT_EMSGSIZE, true},      {VT_EOPNOTSUPP, false},   {VT_ENETUNREACH, true},  {VT_EHOSTDOWN, true},
        {VT_EHOSTUNREACH, true},  {VT_ENETUNREACH, true},   {VT_EHOSTUNREACH, true}, {VT_ENETUNREACH, false},
        {VT_EHOSTUNREACH, false}, {VT_EHOSTUNREACH, true},  {VT_EHOSTUNREACH, true}, {VT_EHOSTUNREACH, true},
    };

    *hard = false;
    switch (err->type) {
    case ICMP_UNREACHABLE:
        if (err->code >= 16)
            return -VT_EHOSTUNREACH;
        *hard = unreachable[err->code].hard;
        return -unreachable[err->code].error;
    case ICMP_TIME_EXCEEDED: return -VT_EHOSTUNREACH;
    case ICMP_PARAMETER: *hard = true; return -VT_EPROTO;
    default: return 0;
    }
}

int vt_dgram_fits(const struct vt_dgram *d, struct vt_net *net, size_t len, struct vt_ip_out *out, bool *fits)
{
    out->hop_mtu = d->pmtudisc >= VT_PMTUDISC_PROBE;
    *fits = len <= (out->hop_mtu ? vt_net_hop_mtu(net, out->dst) : vt_net_path_mtu(net, out->dst));
    out->df = !vt_pmtudisc_cuts(d->pmtudisc) && (*fits || d->pmtudisc != VT_PMTUDISC_WANT);
    bool whole = out->df || d->pmtudisc == VT_PMTUDISC_INTERFACE;
    return whole && !*fits ? -VT_EMSGSIZE : 0;
}
