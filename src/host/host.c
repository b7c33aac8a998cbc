#include "base/text.h"
#include "internal.h"

/* ---- Building and taking down ---- */

static void init_core(struct vt_host *h, const struct vt_host_config *c)
{
    struct vt_core *core = &h->core;
    const char *name = c->name != NULL ? c->name : "host";
    size_t len = strlen(name);

    if (len >= sizeof h->name)
        len = sizeof h->name - 1;
    memcpy(h->name, name, len);
    core->now = c->now;
    core->name = h->name;
    core->mem = c->mem.alloc != NULL ? c->mem : vt_host_malloc();
    core->mem_used = sizeof *h;
    core->pool = c->pool;
    core->crypto = c->crypto;
    core->sums = c->sums_portable ? &vt_sums_portable : vt_sums_best();
    core->ev.now = &core->now;
    core->ev.node = c->node != 0 ? c->node : 1;
    core->ev.cause.node = core->ev.node;
    core->ev.stream = c->stream;
    vt_wheel_init(&core->wheel, core->now);
    vt_rng_seed(&core->rng, c->seed, core->ev.node);
    core->key.k[0] = vt_rng_u64(&core->rng);
    core->key.k[1] = vt_rng_u64(&core->rng);
    h->router = c->router;
    h->numbered = c->node != 0;
    h->own_pool = c->pool == NULL;
}

/* The id is taken at birth, so that it is the same whenever somebody begins to listen. */
void vt_host_tell_birth(struct vt_host *h)
{
    struct vt_event *e;

    if (h->born || !vt_events_on(&h->core.ev))
        return;
    h->born = true;
    e = vt_event_begin_reserved(&h->core.ev, h->birth, VT_EV_NODE, VT_DOC_NONE);
    if (e == NULL)
        return;
    e->u.node.kind = h->router ? VT_NODE_ROUTER : VT_NODE_HOST;
    vt_event_end(&h->core.ev, e, h->name, strlen(h->name));
}

static bool build(struct vt_host *h, const char *profile)
{
    struct vt_core *core = &h->core;
    const struct vt_net_config net_config = {.forward = h->router};
    const struct vt_transport_up *up = vt_sockets_up();

    if (h->own_pool)
        core->pool = vt_pool_new(&(struct vt_pool_config){.mem = core->mem});
    if (core->pool == NULL)
        return false;
    h->birth = vt_event_reserve(&core->ev);
    vt_host_tell_birth(h);
    h->net = vt_net_new(core, &net_config);
    h->sockets = vt_sockets_new(core, NULL);
    if (h->net == NULL || h->sockets == NULL)
        return false;
    h->tcp = vt_tcp_new(core, h->net, up);
    h->udp = vt_udp_new(core, h->net, up);
    h->ping = vt_ping_new(core, h->net, up);
    if (h->tcp == NULL || h->udp == NULL || h->ping == NULL)
        return false;
    if (profile != NULL && vt_tcp_set_profile(h->tcp, profile) != 0)
        return false;
    vt_sockets_bind(h->sockets, h->tcp, h->udp, h->ping, h->net);
    return true;
}

struct vt_host *vt_host_new(const struct vt_host_config *config)
{
    static const struct vt_host_config none;
    struct vt_allocator mem;
    struct vt_host *h;

    if (config == NULL)
        config = &none;
    mem = config->mem.alloc != NULL ? config->mem : vt_host_malloc();
    h = mem.alloc(mem.ctx, sizeof *h);
    if (h == NULL)
        return NULL;
    init_core(h, config);
    if (build(h, config->profile))
        return h;
    vt_host_free(h);
    return NULL;
}

/* What an interface holds of the floor below: afterwards nothing may be sent by it. */
static void take_down(struct vt_host *h, struct vt_host_if *i)
{
    for (unsigned n = 0; n < i->port.ntx; n++)
        vt_drop(&h->core, i->port.tx[n], VT_DROP_TX_BUSY, i->port.index, 0);
    i->port.ntx = 0;
    if (i->eth != NULL)
        vt_eth_free(i->eth);
    i->eth = NULL;
}

/* From above: the transports first, so that the sockets' end makes no connection say goodbye. Interfaces
 * outlive the network floor, which has them in its list. */
void vt_host_free(struct vt_host *h)
{
    struct vt_allocator mem;
    struct vt_host_if *i;

    if (h == NULL)
        return;
    mem = h->core.mem;
    if (h->sockets != NULL)
        vt_sockets_mute(h->sockets);
    if (h->tcp != NULL)
        vt_tcp_free(h->tcp);
    vt_udp_free(h->udp);
    vt_ping_free(h->ping);
    vt_sockets_free(h->sockets);
    for (i = h->ifs; i != NULL; i = i->next)
        take_down(h, i);
    vt_net_free(h->net);
    while ((i = h->ifs) != NULL) {
        h->ifs = i->next;
        vt_free(&h->core, i, sizeof *i);
    }
    if (h->own_stream) {
        vt_stream_drain(&h->stream);
        vt_stream_fini(&h->stream);
    }
    if (h->own_pool && h->core.pool != NULL)
        vt_pool_release(h->core.pool);
    mem.free(mem.ctx, h, sizeof *h);
}

/* ---- Interfaces ---- */

/* A locally administered address (IEEE 802 8.2.2). In a lab it says which node and which port; a lone host,
 * which may meet others of its kind on a real link, draws it from its seed. */
static struct vt_mac make_mac(struct vt_host *h, unsigned index)
{
    uint32_t node = h->core.ev.node;
    uint64_t r;

    if (h->numbered)
        return (struct vt_mac){{0x02, (uint8_t)(node >> 16), (uint8_t)(node >> 8), (uint8_t)node,
                                (uint8_t)(index >> 8), (uint8_t)index}};
    r = vt_rng_u64(&h->core.rng);
    return (struct vt_mac){{(uint8_t)((r & 0xfc) | 0x02), (uint8_t)(r >> 8), (uint8_t)(r >> 16),
                            (uint8_t)(r >> 24), (uint8_t)(r >> 32), (uint8_t)(r >> 40)}};
}

/* "eth0", "eth1", ... */
static void make_name(char name[VT_NETIF_NAME], unsigned index)
{
    char digits[10];
    unsigned n = 0, at = 3;

    memcpy(name, "eth", 3);
    do
        digits[n++] = (char)('0' + index % 10);
    while ((index /= 10) != 0);
    while (n > 0)
        name[at++] = digits[--n];
    name[at] = 0;
}

/* A device that carries IP packets bare: there is nobody to resolve, and nothing to put in front. */
static int raw_output(struct vt_netif *nif, struct vt_pbuf *p, struct vt_ip next_hop)
{
    struct vt_host_if *i = nif->link;

    (void)next_hop;
    nif->features = i->port.dev->features;
    if (vt_port_refuses(&i->port, p))
        return -VT_ENOBUFS;
    nif->tx_packets++;
    nif->tx_bytes += p->len;
    vt_port_tx(&i->port, p);
    return 0;
}

static int set_up(struct vt_host *h, struct vt_host_if *i, struct vt_device *dev)
{
    unsigned index = (unsigned)h->nifs + 1;
    struct vt_netif *nif = &i->nif;

    nif->core = &h->core;
    nif->index = index;
    nif->flags = VT_IFF_UP | VT_IFF_CARRIER;
    nif->features = dev->features;
    nif->mtu = dev->mtu;
    make_name(nif->name, index - 1);
    if ((dev->features & VT_DEV_RAW_IP) != 0) {
        vt_port_init(&i->port, &h->core, dev, index, nif->name, (struct vt_mac){{0}});
        nif->output = raw_output;
        nif->link = i;
        return 0;
    }
    nif->flags |= VT_IFF_BROADCAST;
    vt_port_init(&i->port, &h->core, dev, index, nif->name, make_mac(h, index));
    i->eth = vt_eth_new(nif, &i->port, &(struct vt_eth_config){.probes = h->arp_probes});
    return i->eth != NULL ? 0 : -VT_ENOMEM;
}

static int add_addr(struct vt_host *h, struct vt_host_if *i, const char *text)
{
    struct vt_ip ip;
    uint8_t prefix;
    int error = vt_ip_parse_prefix(&ip, &prefix, text);

    if (error == 0)
        error = vt_net_add_addr(h->net, &i->nif, ip, prefix);
    if (error == 0 && h->arp_notify && i->eth != NULL)
        vt_eth_announce(i->eth, ip);
    return error;
}

int vt_host_attach(struct vt_host *h, struct vt_device *dev, const char *addr)
{
    struct vt_host_if *i = vt_alloc(&h->core, sizeof *i), **end = &h->ifs;
    int error;

    if (i == NULL)
        return -VT_ENOMEM;
    error = set_up(h, i, dev);
    if (error == 0) {
        vt_net_add_netif(h->net, &i->nif);
        error = addr != NULL ? add_addr(h, i, addr) : 0;
        if (error != 0)
            vt_net_remove_netif(h->net, &i->nif);
    }
    if (error != 0) {
        take_down(h, i);
        vt_free(&h->core, i, sizeof *i);
        return error;
    }
    while (*end != NULL)
        end = &(*end)->next;
    *end = i;
    return ++h->nifs;
}

static struct vt_host_if *find_if(struct vt_host *h, int index)
{
    struct vt_host_if *i = h->ifs;

    while (i != NULL && i->nif.index != (uint32_t)index)
        i = i->next;
    return i;
}

int vt_host_add_addr(struct vt_host *h, int index, const char *addr)
{
    struct vt_host_if *i = find_if(h, index);

    return i != NULL ? add_addr(h, i, addr) : -VT_ENODEV;
}

int vt_host_add_route(struct vt_host *h, const char *dst, const char *via)
{
    struct vt_route route = {.dst = VT_IP4_ANY};
    int error = 0;

    if (strcmp(dst, "default") != 0)
        error = vt_ip_parse_prefix(&route.dst, &route.prefix, dst);
    if (error == 0)
        error = vt_ip_parse(&route.via, via);
    return error != 0 ? error : vt_net_route_add(h->net, &route);
}

/* ---- Frames ---- */

struct vt_pbuf *vt_frame_new(struct vt_host *h, const void *bytes, size_t len)
{
    return vt_pbuf_from(h->core.pool, bytes, len);
}

size_t vt_frame_len(const struct vt_pbuf *frame)
{
    return frame->len;
}

size_t vt_frame_read(const struct vt_pbuf *frame, void *bytes, size_t size)
{
    return vt_pbuf_read(frame, 0, bytes, size < frame->len ? (uint32_t)size : frame->len);
}

void vt_frame_free(struct vt_pbuf *frame)
{
    vt_pbuf_free(frame);
}

/* ---- What a host tells ---- */

const char *vt_host_name(const struct vt_host *h)
{
    return h->name;
}

int vt_host_listen_events(struct vt_host *h, struct vt_listener l)
{
    int error;

    if (h->core.ev.stream == NULL) {
        error = vt_stream_init(&h->stream, &h->core.mem, VT_HOST_STREAM_CAP, true);
        if (error != 0)
            return error;
        h->own_stream = true;
        h->core.ev.stream = &h->stream;
    }
    error = vt_stream_listen(h->core.ev.stream, l);
    if (error == 0)
        vt_host_tell_birth(h);
    return error;
}

void vt_host_drain_events(struct vt_host *h)
{
    if (h->core.ev.stream != NULL)
        vt_stream_drain(h->core.ev.stream);
}

uint64_t vt_host_drops(const struct vt_host *h, unsigned reason)
{
    uint64_t sum = 0;

    if (reason >= VT_DROP_COUNT)
        return 0;
    if (reason != VT_DROP_NONE)
        return h->core.drops[reason];
    for (unsigned i = 1; i < VT_DROP_COUNT; i++)
        sum += h->core.drops[i];
    return sum;
}

uint64_t vt_host_delivered(const struct vt_host *h)
{
    return h->core.delivered;
}

size_t vt_host_memory(const struct vt_host *h)
{
    return h->core.mem_used;
}

struct vt_core *vt_host_core(struct vt_host *h)
{
    return &h->core;
}

struct vt_net *vt_host_net(struct vt_host *h)
{
    return h->net;
}

struct vt_tcp *vt_host_tcp(struct vt_host *h)
{
    return h->tcp;
}

struct vt_udp *vt_host_udp(struct vt_host *h)
{
    return h->udp;
}

struct vt_ping *vt_host_ping(struct vt_host *h)
{
    return h->ping;
}

struct vt_sockets *vt_host_sockets(struct vt_host *h)
{
    return h->sockets;
}

struct vt_port *vt_host_port(struct vt_host *h, int index)
{
    struct vt_host_if *i = find_if(h, index);

    return i != NULL ? &i->port : NULL;
}

struct vt_netif *vt_host_netif(struct vt_host *h, int index)
{
    struct vt_host_if *i = find_if(h, index);

    return i != NULL ? &i->nif : NULL;
}

struct vt_eth *vt_host_eth(struct vt_host *h, int index)
{
    struct vt_host_if *i = find_if(h, index);

    return i != NULL ? i->eth : NULL;
}
