/* Who is meant by a segment: connections in one flat table under a keyed hash, listeners by their port.
 *
 * The table is open addressing with linear probing; a removal shifts the entries behind it back, so that
 * there are no tombstones. It doubles at three quarters full. */
#include "transport/tcp.h"

#define TABLE_MIN 16u

/* The name of a connection, keyed: nobody outside can aim at a bucket. */
static uint32_t name_hash(const struct vt_tcp *tcp, const struct vt_addr *local, const struct vt_addr *remote)
{
    uint8_t name[40];
    uint32_t n = 0;
    if (vt_ip_is4(local->ip) && vt_ip_is4(remote->ip)) {
        memcpy(name, local->ip.b + 12, 4);
        memcpy(name + 4, remote->ip.b + 12, 4);
        n = 8;
    } else {
        memcpy(name, local->ip.b, 16);
        memcpy(name + 16, remote->ip.b, 16);
        vt_put32(name + 32, local->scope);
        n = 36;
    }
    vt_put16(name + n, local->port);
    vt_put16(name + n + 2, remote->port);
    return (uint32_t)vt_siphash(&tcp->core->key, name, n + 4);
}

static bool same_name(const struct vt_tcp_end *e, const struct vt_addr *local, const struct vt_addr *remote)
{
    return e->local.port == local->port && e->remote.port == remote->port &&
           vt_ip_eq(e->remote.ip, remote->ip) && vt_ip_eq(e->local.ip, local->ip) &&
           e->local.scope == local->scope;
}

static void place(struct vt_tcp_bucket *table, uint32_t size, uint32_t hash, struct vt_tcp_end *e)
{
    uint32_t i = hash & (size - 1);
    while (table[i].end != NULL)
        i = (i + 1) & (size - 1);
    table[i] = (struct vt_tcp_bucket){hash, e};
}

static int grow(struct vt_tcp *tcp)
{
    uint32_t size = tcp->table_size == 0 ? TABLE_MIN : tcp->table_size * 2;
    struct vt_tcp_bucket *t = vt_alloc(tcp->core, size * sizeof(*t));
    if (t == NULL)
        return -VT_ENOMEM;
    for (uint32_t i = 0; i < tcp->table_size; i++)
        if (tcp->table[i].end != NULL)
            place(t, size, tcp->table[i].hash, tcp->table[i].end);
    vt_free(tcp->core, tcp->table, tcp->table_size * sizeof(*t));
    tcp->table = t;
    tcp->table_size = size;
    return 0;
}

/* A table that has emptied goes back to the allocator: a host at rest holds nothing. */
static void shrink(struct vt_tcp *tcp)
{
    if (tcp->table_used != 0)
        return;
    vt_free(tcp->core, tcp->table, tcp->table_size * sizeof(*tcp->table));
    tcp->table = NULL;
    tcp->table_size = 0;
}

static struct vt_tcp_end *find_hashed(const struct vt_tcp *tcp, uint32_t hash, const struct vt_addr *local,
                                      const struct vt_addr *remote)
{
    if (tcp->table_size == 0)
        return NULL;
    for (uint32_t i = hash & (tcp->table_size - 1);; i = (i + 1) & (tcp->table_size - 1)) {
        struct vt_tcp_bucket *b = &tcp->table[i];
        if (b->end == NULL)
            return NULL;
        if (b->hash == hash && same_name(b->end, local, remote))
            return b->end;
    }
}

/* Segments come in runs of one connection: the last one's is looked at before a hash is made. */
struct vt_tcp_end *vt_tcp_table_find(struct vt_tcp *tcp, const struct vt_addr *local,
                                     const struct vt_addr *remote)
{
    if (tcp->found != NULL && same_name(tcp->found, local, remote))
        return tcp->found;
    if (tcp->table_size == 0)
        return NULL;
    struct vt_tcp_end *e = find_hashed(tcp, name_hash(tcp, local, remote), local, remote);
    if (e != NULL)
        tcp->found = e;
    return e;
}

int vt_tcp_table_add(struct vt_tcp_end *e)
{
    struct vt_tcp *tcp = e->tcp;
    uint32_t hash = name_hash(tcp, &e->local, &e->remote);
    if (find_hashed(tcp, hash, &e->local, &e->remote) != NULL)
        return -VT_EADDRINUSE;
    if (tcp->table_used >= (uint32_t)tcp->knobs.max_conns)
        return -VT_ENOMEM;
    if ((tcp->table_used + 1) * 4 > tcp->table_size * 3 && grow(tcp) != 0)
        return -VT_ENOMEM;
    e->hash = hash;
    place(tcp->table, tcp->table_size, e->hash, e);
    e->in_table = true;
    tcp->table_used++;
    return 0;
}

static uint32_t slot_of(const struct vt_tcp *tcp, const struct vt_tcp_end *e)
{
    uint32_t i = e->hash & (tcp->table_size - 1);
    while (tcp->table[i].end != e)
        i = (i + 1) & (tcp->table_size - 1);
    return i;
}

void vt_tcp_table_remove(struct vt_tcp_end *e)
{
    struct vt_tcp *tcp = e->tcp;
    if (!e->in_table)
        return;
    e->in_table = false;
    if (tcp->found == e)
        tcp->found = NULL;
    uint32_t mask = tcp->table_size - 1, hole = slot_of(tcp, e);
    for (uint32_t i = (hole + 1) & mask; tcp->table[i].end != NULL; i = (i + 1) & mask) {
        /* An entry may move back into the hole when its own place is not behind the hole. */
        if (((i - tcp->table[i].hash) & mask) >= ((i - hole) & mask)) {
            tcp->table[hole] = tcp->table[i];
            hole = i;
        }
    }
    tcp->table[hole] = (struct vt_tcp_bucket){0, NULL};
    tcp->table_used--;
    shrink(tcp);
}

void vt_tcp_table_replace(struct vt_tcp_end *from, struct vt_tcp_end *to)
{
    struct vt_tcp *tcp = from->tcp;
    to->hash = from->hash;
    tcp->table[slot_of(tcp, from)].end = to;
    if (tcp->found == from)
        tcp->found = to;
    from->in_table = false;
    to->in_table = true;
}

/* ---- Ports ---- */

static struct vt_tcp_portref **port_bucket(struct vt_tcp *tcp, uint16_t port)
{
    return &tcp->ports[port % VT_TCP_PORT_BUCKETS];
}

struct vt_tcp_portref *vt_tcp_port_get(struct vt_tcp *tcp, uint16_t port, bool make)
{
    struct vt_tcp_portref **bucket = port_bucket(tcp, port);
    for (struct vt_tcp_portref *r = *bucket; r != NULL; r = r->next)
        if (r->port == port)
            return r;
    struct vt_tcp_portref *r = make ? vt_alloc(tcp->core, sizeof(*r)) : NULL;
    if (r == NULL)
        return NULL;
    r->port = port;
    r->next = *bucket;
    *bucket = r;
    return r;
}

static void port_free_if_unused(struct vt_tcp *tcp, struct vt_tcp_portref *ref)
{
    if (ref->owners != NULL || ref->ends != 0)
        return;
    struct vt_tcp_portref **at = port_bucket(tcp, ref->port);
    while (*at != ref)
        at = &(*at)->next;
    *at = ref->next;
    vt_free(tcp->core, ref, sizeof(*ref));
}

void vt_tcp_port_hold(struct vt_tcp_end *e, struct vt_tcp_portref *ref)
{
    e->port = ref;
    ref->ends++;
}

void vt_tcp_port_drop(struct vt_tcp_end *e)
{
    struct vt_tcp_portref *ref = e->port;
    if (ref == NULL)
        return;
    e->port = NULL;
    ref->ends--;
    port_free_if_unused(e->tcp, ref);
}

bool vt_tcp_port_in_table(struct vt_tcp *tcp, uint16_t port)
{
    for (uint32_t i = 0; i < tcp->table_size; i++)
        if (tcp->table[i].end != NULL && tcp->table[i].end->local.port == port)
            return true;
    return false;
}

bool vt_tcp_clash(const struct vt_tcb *a, const struct vt_tcb *b)
{
    bool overlap = vt_ip_is_any(a->end.local.ip) || vt_ip_is_any(b->end.local.ip) ||
                   vt_ip_eq(a->end.local.ip, b->end.local.ip);
    if (!overlap)
        return false;
    if (vt_tcb_is(a, VT_TCBF_REUSEPORT) && vt_tcb_is(b, VT_TCBF_REUSEPORT))
        return false;
    bool reuse = vt_tcb_is(a, VT_TCBF_REUSEADDR) && vt_tcb_is(b, VT_TCBF_REUSEADDR);
    return !reuse || a->listener != NULL || b->listener != NULL;
}

int vt_tcp_bind_port(struct vt_tcb *tcb, uint16_t port)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    struct vt_tcp_portref *ref = vt_tcp_port_get(tcp, port, false);
    if (ref != NULL) {
        for (struct vt_tcb *o = ref->owners; o != NULL; o = o->bound_next)
            if (vt_tcp_clash(tcb, o))
                return -VT_EADDRINUSE;
        if (ref->ends != 0 && ref->owners == NULL && !vt_tcb_is(tcb, VT_TCBF_REUSEADDR))
            return -VT_EADDRINUSE; /* connections of an earlier owner, TIME-WAIT among them */
    } else if (!vt_tcb_is(tcb, VT_TCBF_REUSEADDR) && port >= tcp->knobs.port_low &&
               port <= tcp->knobs.port_high && vt_tcp_port_in_table(tcp, port)) {
        return -VT_EADDRINUSE; /* an outgoing connection took it as its ephemeral port */
    }
    ref = vt_tcp_port_get(tcp, port, true);
    if (ref == NULL)
        return -VT_ENOMEM;
    tcb->end.local.port = port;
    tcb->bound_next = ref->owners;
    tcb->bound_prev = &ref->owners;
    if (ref->owners != NULL)
        ref->owners->bound_prev = &tcb->bound_next;
    ref->owners = tcb;
    tcb->flags |= VT_TCBF_BOUND;
    return 0;
}

void vt_tcp_unbind(struct vt_tcb *tcb)
{
    if (tcb->bound_prev == NULL)
        return;
    *tcb->bound_prev = tcb->bound_next;
    if (tcb->bound_next != NULL)
        tcb->bound_next->bound_prev = tcb->bound_prev;
    tcb->bound_prev = NULL;
    tcb->bound_next = NULL;
    struct vt_tcp_portref *ref = vt_tcp_port_get(tcb->end.tcp, tcb->end.local.port, false);
    if (ref != NULL)
        port_free_if_unused(tcb->end.tcp, ref);
}

/* A listener for `ip`, which is its address: the only one, or, of those that share the port (SO_REUSEPORT),
 * the one that the connection's name falls to. */
static struct vt_tcp_listener *listener_at(struct vt_tcp *tcp, const struct vt_tcp_portref *ref,
                                           struct vt_ip ip, const struct vt_addr *local,
                                           const struct vt_addr *remote)
{
    struct vt_tcb *one = NULL;
    uint32_t sharers = 0;
    for (struct vt_tcb *o = ref->owners; o != NULL; o = o->bound_next) {
        if (o->listener == NULL || !vt_ip_eq(o->end.local.ip, ip))
            continue;
        one = o;
        sharers += vt_tcb_is(o, VT_TCBF_REUSEPORT);
    }
    if (sharers < 2)
        return one != NULL ? one->listener : NULL;
    /* Not the low bits, by which the table is divided. */
    uint32_t pick = (uint32_t)((uint64_t)name_hash(tcp, local, remote) * sharers >> 32);
    for (struct vt_tcb *o = ref->owners; o != NULL; o = o->bound_next)
        if (o->listener != NULL && vt_ip_eq(o->end.local.ip, ip) && vt_tcb_is(o, VT_TCBF_REUSEPORT) &&
            pick-- == 0)
            return o->listener;
    return one->listener;
}

struct vt_tcp_listener *vt_tcp_find_listener(struct vt_tcp *tcp, const struct vt_addr *local,
                                             const struct vt_addr *remote)
{
    struct vt_tcp_portref *ref = vt_tcp_port_get(tcp, local->port, false);
    if (ref == NULL)
        return NULL;
    struct vt_tcp_listener *l = listener_at(tcp, ref, local->ip, local, remote);
    return l != NULL ? l : listener_at(tcp, ref, VT_IP4_ANY, local, remote);
}
