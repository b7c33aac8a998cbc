#include "udp.h"

static uint32_t port_slot(const struct vt_udp *udp, uint16_t port)
{
    uint8_t name[2];

    vt_put16(name, port);
    return (uint32_t)vt_siphash(&udp->key, name, sizeof name) & (udp->slots - 1);
}

static uint64_t name_hash(const struct vt_udp *udp, const struct vt_addr *local, const struct vt_addr *remote)
{
    uint8_t name[44];

    memcpy(name, local->ip.b, 16);
    memcpy(name + 16, remote->ip.b, 16);
    vt_put16(name + 32, local->port);
    vt_put16(name + 34, remote->port);
    vt_put32(name + 36, local->scope);
    vt_put32(name + 40, remote->scope);
    return vt_siphash(&udp->key, name, sizeof name);
}

static uint32_t name_slot(const struct vt_udp *udp, const struct vt_addr *local, const struct vt_addr *remote)
{
    return (uint32_t)name_hash(udp, local, remote) & (udp->slots - 1);
}

/* A socket that was bound later stands before those bound earlier: it is found first, as on Linux. */
static void link_in(struct vt_udp_sock *s)
{
    struct vt_udp *udp = s->udp;
    struct vt_udp_sock **port = &udp->ports[port_slot(udp, s->local.port)];
    struct vt_udp_sock **name = &udp->names[name_slot(udp, &s->local, &s->remote)];

    s->by_port = *port;
    *port = s;
    s->by_name = *name;
    *name = s;
}

static void link_out(struct vt_udp_sock *s)
{
    struct vt_udp *udp = s->udp;
    struct vt_udp_sock **at = &udp->ports[port_slot(udp, s->local.port)];

    while (*at != s)
        at = &(*at)->by_port;
    *at = s->by_port;
    at = &udp->names[name_slot(udp, &s->local, &s->remote)];
    while (*at != s)
        at = &(*at)->by_name;
    *at = s->by_name;
}

static int allocate(struct vt_udp *udp, uint32_t slots)
{
    size_t size = slots * sizeof(struct vt_udp_sock *);
    struct vt_udp_sock **ports = vt_alloc(udp->core, size);
    struct vt_udp_sock **names = vt_alloc(udp->core, size);

    if (ports == NULL || names == NULL) {
        vt_free(udp->core, ports, size);
        vt_free(udp->core, names, size);
        return -VT_ENOMEM;
    }
    vt_udp_table_fini(udp);
    udp->ports = ports;
    udp->names = names;
    udp->slots = slots;
    return 0;
}

int vt_udp_table_init(struct vt_udp *udp)
{
    return allocate(udp, VT_UDP_SLOTS_MIN);
}

void vt_udp_table_fini(struct vt_udp *udp)
{
    size_t size = udp->slots * sizeof(struct vt_udp_sock *);

    vt_free(udp->core, udp->ports, size);
    vt_free(udp->core, udp->names, size);
}

/* One socket a slot on average; where memory is short the chains grow longer instead. */
static void resize(struct vt_udp *udp)
{
    uint32_t slots = udp->slots;

    if (udp->bound > slots)
        slots *= 2;
    else if (slots > VT_UDP_SLOTS_MIN && udp->bound < slots / 4)
        slots /= 2;
    if (slots == udp->slots || allocate(udp, slots) != 0)
        return;
    for (struct vt_udp_sock *s = udp->first; s != NULL; s = s->next)
        if (s->bound)
            link_in(s);
}

static void list_out(struct vt_udp_sock *s)
{
    struct vt_udp *udp = s->udp;

    *(s->prev != NULL ? &s->prev->next : &udp->first) = s->next;
    *(s->next != NULL ? &s->next->prev : &udp->last) = s->prev;
}

static void list_in(struct vt_udp_sock *s)
{
    struct vt_udp *udp = s->udp;

    s->prev = udp->last;
    s->next = NULL;
    *(s->prev != NULL ? &s->prev->next : &udp->first) = s;
    udp->last = s;
}

void vt_udp_enter(struct vt_udp_sock *s)
{
    list_out(s);
    list_in(s);
    link_in(s);
    s->bound = true;
    s->udp->bound++;
    resize(s->udp);
}

void vt_udp_leave(struct vt_udp_sock *s)
{
    link_out(s);
    s->bound = false;
    s->udp->bound--;
    resize(s->udp);
}

static bool overlap(const struct vt_addr *a, const struct vt_addr *b)
{
    return vt_ip_is_any(a->ip) || vt_ip_is_any(b->ip) || (vt_ip_eq(a->ip, b->ip) && a->scope == b->scope);
}

bool vt_udp_bindable(const struct vt_udp_sock *s, const struct vt_addr *addr, bool alone)
{
    const struct vt_udp *udp = s->udp;

    for (const struct vt_udp_sock *o = udp->ports[port_slot(udp, addr->port)]; o != NULL; o = o->by_port) {
        bool shared = !alone && ((s->d.reuseaddr && o->d.reuseaddr) || (s->d.reuseport && o->d.reuseport));

        if (o != s && o->local.port == addr->port && overlap(&o->local, addr) && !shared)
            return false;
    }
    return true;
}

/* The socket of exactly this name. Several that share it by SO_REUSEPORT divide the peers among them by a
 * hash; otherwise the last bound has it. */
static struct vt_udp_sock *find_name(struct vt_udp *udp, const struct vt_addr *local,
                                     const struct vt_addr *remote, const struct vt_addr *from)
{
    struct vt_udp_sock *found = NULL;
    uint64_t sharers = 0, pick;

    for (struct vt_udp_sock *s = udp->names[name_slot(udp, local, remote)]; s != NULL; s = s->by_name) {
        if (!vt_addr_eq(s->local, *local) || !vt_addr_eq(s->remote, *remote))
            continue;
        if (found == NULL)
            found = s;
        if (!found->d.reuseport)
            return found;
        sharers += s->d.reuseport;
    }
    if (sharers < 2)
        return found;
    pick = name_hash(udp, local, from) % sharers;
    for (struct vt_udp_sock *s = found; s != NULL; s = s->by_name)
        if (s->d.reuseport && vt_addr_eq(s->local, *local) && vt_addr_eq(s->remote, *remote) && pick-- == 0)
            return s;
    return found;
}

struct vt_udp_sock *vt_udp_find(struct vt_udp *udp, const struct vt_addr *to, const struct vt_addr *from)
{
    const struct vt_addr nobody = {.ip = VT_IP4_ANY};
    const struct vt_addr any4 = {.ip = VT_IP4_ANY, .port = to->port};
    const struct vt_addr any = {.ip = VT_IP_ANY, .port = to->port};
    struct vt_udp_sock *s = find_name(udp, to, from, from);

    if (s == NULL)
        s = find_name(udp, to, &nobody, from);
    if (s == NULL && vt_ip_is4(to->ip))
        s = find_name(udp, &any4, &nobody, from);
    if (s == NULL)
        s = find_name(udp, &any, &nobody, from);
    return s;
}

struct vt_udp_sock *vt_udp_find_group(struct vt_udp *udp, struct vt_udp_sock *s, const struct vt_addr *to,
                                      const struct vt_addr *from)
{
    s = s == NULL ? udp->ports[port_slot(udp, to->port)] : s->by_port;
    for (; s != NULL; s = s->by_port) {
        if (s->local.port != to->port || (!vt_ip_is_any(s->local.ip) && !vt_ip_eq(s->local.ip, to->ip)))
            continue;
        if (!s->connected || vt_addr_eq(s->remote, *from))
            return s;
    }
    return NULL;
}
