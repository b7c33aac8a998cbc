/* Routes: the longest prefix that holds the destination, then the least metric (RFC 1812 5.2.4.3). */
#include <vitro/errno.h>

#include "network/net.h"

static uint32_t mask_of(unsigned prefix)
{
    return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

/* Negative when a stands before the key, positive behind it. */
static int compare(const struct vt_fib_entry *a, unsigned prefix, uint32_t net, uint32_t metric)
{
    if (a->r.prefix != prefix)
        return a->r.prefix > prefix ? -1 : 1;
    if (a->net != net)
        return a->net < net ? -1 : 1;
    if (a->r.metric != metric)
        return a->r.metric < metric ? -1 : 1;
    return 0;
}

/* The index of the first entry not before the key, among [from, to). */
static uint32_t lower_bound(const struct vt_fib *fib, uint32_t from, uint32_t to, unsigned prefix,
                            uint32_t net, uint32_t metric)
{
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (compare(&fib->entry[mid], prefix, net, metric) < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static void index_runs(struct vt_fib *fib)
{
    fib->lengths = 0;
    memset(fib->count, 0, sizeof fib->count);
    for (uint32_t i = 0; i < fib->n; i++) {
        unsigned prefix = fib->entry[i].r.prefix;
        if (fib->count[prefix]++ == 0)
            fib->first[prefix] = (uint16_t)i;
        fib->lengths |= UINT64_C(1) << prefix;
    }
}

const struct vt_route *vt_fib_lookup(const struct vt_fib *fib, struct vt_ip dst)
{
    uint32_t ip = vt_ip_to4(dst);

    if (!vt_ip_is4(dst))
        return NULL;
    for (uint64_t lengths = fib->lengths; lengths != 0;) {
        unsigned prefix = 63 - (unsigned)__builtin_clzll(lengths);
        uint32_t net = ip & mask_of(prefix);
        uint32_t from = fib->first[prefix], to = from + fib->count[prefix];

        lengths &= ~(UINT64_C(1) << prefix);
        for (uint32_t i = lower_bound(fib, from, to, prefix, net, 0); i < to && fib->entry[i].net == net;
             i++) {
            /* A route by an interface that is down is no route: a worse one may serve. */
            if ((fib->entry[i].r.nif->flags & VT_IFF_UP) != 0)
                return &fib->entry[i].r;
        }
    }
    return NULL;
}

const struct vt_route *vt_net_route(struct vt_net *net, struct vt_ip dst)
{
    return vt_fib_lookup(&net->fib, dst);
}

/* Makes room for one entry more. */
static int grow(struct vt_net *net)
{
    struct vt_fib *fib = &net->fib;
    struct vt_fib_entry *wider;
    uint32_t cap;

    if (fib->n < fib->cap)
        return 0;
    if (fib->n >= fib->max)
        return -VT_ENOSPC;
    cap = fib->cap == 0 ? 8 : fib->cap * 2;
    if (cap > fib->max)
        cap = fib->max;
    wider = vt_alloc(net->core, cap * sizeof *wider);
    if (wider == NULL)
        return -VT_ENOMEM;
    if (fib->n != 0)
        memcpy(wider, fib->entry, fib->n * sizeof *wider);
    vt_free(net->core, fib->entry, fib->cap * sizeof *wider);
    fib->entry = wider;
    fib->cap = cap;
    return 0;
}

/* Finds the interface of a route that names none by its gateway, and checks that the gateway is a neighbour
 * there (RFC 1122 3.3.1.1). */
static int resolve_netif(struct vt_net *net, struct vt_route *r)
{
    if (vt_ip_is_any(r->via)) {
        r->via = VT_IP_ANY;
        return r->nif == NULL ? -VT_EINVAL : 0;
    }
    if (!vt_ip_is4(r->via))
        return -VT_EINVAL;
    if (vt_net_is_local(net, r->via))
        return -VT_ENETUNREACH;
    if (r->nif != NULL)
        return vt_netif_on_link(r->nif, r->via) != NULL ? 0 : -VT_ENETUNREACH;
    for (struct vt_netif *nif = net->netifs; nif != NULL; nif = nif->next) {
        if (vt_netif_on_link(nif, r->via) != NULL) {
            r->nif = nif;
            return 0;
        }
    }
    return -VT_ENETUNREACH;
}

int vt_net_route_add(struct vt_net *net, const struct vt_route *route)
{
    struct vt_fib *fib = &net->fib;
    struct vt_fib_entry e = {.r = *route};
    uint32_t i;
    int err;

    if (!vt_ip_is4(route->dst) || route->prefix > 32)
        return -VT_EINVAL;
    err = resolve_netif(net, &e.r);
    if (err != 0)
        return err;
    e.net = vt_ip_to4(route->dst) & mask_of(route->prefix);
    e.r.dst = vt_ip_from4(e.net);
    i = lower_bound(fib, 0, fib->n, e.r.prefix, e.net, e.r.metric);
    if (i < fib->n && compare(&fib->entry[i], e.r.prefix, e.net, e.r.metric) == 0)
        return -VT_EEXIST;
    err = grow(net);
    if (err != 0)
        return err;
    memmove(&fib->entry[i + 1], &fib->entry[i], (fib->n - i) * sizeof e);
    fib->entry[i] = e;
    fib->n++;
    index_runs(fib);
    vt_net_changed(net);
    return 0;
}

int vt_net_route_del(struct vt_net *net, struct vt_ip dst, uint8_t prefix)
{
    struct vt_fib *fib = &net->fib;
    uint32_t i, to;

    if (!vt_ip_is4(dst) || prefix > 32)
        return -VT_EINVAL;
    to = vt_ip_to4(dst) & mask_of(prefix);
    i = lower_bound(fib, 0, fib->n, prefix, to, 0);
    if (i == fib->n || fib->entry[i].r.prefix != prefix || fib->entry[i].net != to)
        return -VT_ENOENT;
    fib->n--;
    memmove(&fib->entry[i], &fib->entry[i + 1], (fib->n - i) * sizeof *fib->entry);
    index_runs(fib);
    vt_net_changed(net);
    return 0;
}

void vt_net_route_each(struct vt_net *net, bool (*fn)(void *ctx, const struct vt_route *r), void *ctx)
{
    const struct vt_fib *fib = &net->fib;

    /* Shortest prefix first, as people read a table: the default route on top. */
    for (unsigned prefix = 0; prefix <= 32; prefix++) {
        for (unsigned i = 0; i < fib->count[prefix]; i++) {
            if (!fn(ctx, &fib->entry[fib->first[prefix] + i].r))
                return;
        }
    }
}

void vt_fib_remove_netif(struct vt_net *net, const struct vt_netif *nif)
{
    struct vt_fib *fib = &net->fib;
    uint32_t n = 0;

    for (uint32_t i = 0; i < fib->n; i++) {
        if (fib->entry[i].r.nif != nif)
            fib->entry[n++] = fib->entry[i];
    }
    fib->n = n;
    index_runs(fib);
}

void vt_fib_free(struct vt_net *net)
{
    vt_free(net->core, net->fib.entry, net->fib.cap * sizeof *net->fib.entry);
    memset(&net->fib, 0, sizeof net->fib);
}
