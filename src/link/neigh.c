#include "eth.h"
#include <vitro/errno.h>
#include "sort.h"

static void neigh_timer(struct vt_timer *t, vt_time now);

/* ---- The table ---- */

static struct vt_neigh **bucket_of(struct vt_eth *eth, struct vt_ip ip)
{
    uint64_t hash = vt_siphash(&eth->core->key, ip.b, sizeof ip.b);
    return &eth->neigh.bucket[hash & (eth->neigh.buckets - 1)];
}

static struct vt_neigh *neigh_find(struct vt_eth *eth, struct vt_ip ip)
{
    struct vt_neigh *n = *bucket_of(eth, ip);
    while (n != NULL && !vt_ip_eq(n->ip, ip))
        n = n->next;
    return n;
}

static bool is_evictable(unsigned state)
{
    return state == VT_NEIGH_STALE || state == VT_NEIGH_FAILED;
}

static void evictable_add(struct vt_neigh_table *t, struct vt_neigh *n)
{
    n->newer = NULL;
    n->older = t->newest;
    if (t->newest != NULL)
        t->newest->newer = n;
    else
        t->oldest = n;
    t->newest = n;
}

static void evictable_remove(struct vt_neigh_table *t, struct vt_neigh *n)
{
    if (n->older != NULL)
        n->older->newer = n->newer;
    else
        t->oldest = n->newer;
    if (n->newer != NULL)
        n->newer->older = n->older;
    else
        t->newest = n->older;
}

/* The one place where a state changes: tells it, and keeps the list of those that may go. */
static void neigh_set_state(struct vt_neigh *n, enum vt_neigh_state to)
{
    struct vt_eth *eth = n->eth;
    enum vt_neigh_state from = n->state;
    if (from == to)
        return;
    n->state = (uint8_t)to;
    n->updated = eth->core->now;
    n->asked = 0;
    if (is_evictable(from))
        evictable_remove(&eth->neigh, n);
    if (is_evictable(to))
        evictable_add(&eth->neigh, n);
    struct vt_event *e = vt_event_begin(&eth->core->ev, VT_EV_NEIGH, VT_DOC_RFC1122_2_3_2);
    if (e == NULL)
        return;
    e->iface = eth->nif->index;
    memcpy(e->u.neigh.ip, n->ip.b, sizeof n->ip.b);
    memcpy(e->u.neigh.mac, n->mac.b, sizeof n->mac.b);
    e->u.neigh.from = (uint8_t)from;
    e->u.neigh.to = (uint8_t)to;
    vt_event_end(&eth->core->ev, e, NULL, 0);
}

/* Ends one packet that cannot be delivered: told here, answered with ICMP above (RFC 1122 2.3.2.2). Above may
 * do anything, even send, so that no entry may be relied upon after this. */
static void undeliverable(struct vt_eth *eth, struct vt_pbuf *p)
{
    struct vt_netif *nif = eth->nif;
    vt_drop_note(eth->core, p, VT_DROP_NEIGH_FAILED, nif->index, 0);
    if (nif->unreachable != NULL)
        nif->unreachable(nif, p);
    else
        vt_pbuf_free(p);
}

static struct vt_pbufq take_pending(struct vt_neigh *n)
{
    struct vt_pbufq q = n->pending;
    n->pending = (struct vt_pbufq){0};
    n->eth->neigh.pending -= q.count;
    return q;
}

/* Takes an entry out and frees it; what waits in it is undeliverable. */
static void neigh_remove(struct vt_neigh *n)
{
    struct vt_eth *eth = n->eth;
    struct vt_neigh **at = bucket_of(eth, n->ip);
    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    eth->neigh.count--;
    vt_core_disarm(eth->core, &n->timer);
    neigh_set_state(n, VT_NEIGH_NONE);
    struct vt_pbufq pending = take_pending(n);
    vt_free(eth->core, n, sizeof *n);
    for (struct vt_pbuf *p; (p = vt_pbufq_pop(&pending)) != NULL;)
        undeliverable(eth, p);
}

/* A new entry in state NONE; at the cap the one that was of no use for longest goes. NULL when all are in
 * use, or without memory (V04). */
static struct vt_neigh *neigh_create(struct vt_eth *eth, struct vt_ip ip)
{
    struct vt_neigh_table *t = &eth->neigh;
    if (t->count >= eth->config.neigh_max) {
        if (t->oldest == NULL)
            return NULL;
        neigh_remove(t->oldest);
    }
    struct vt_neigh *n = vt_alloc(eth->core, sizeof *n);
    if (n == NULL)
        return NULL;
    struct vt_neigh **at = bucket_of(eth, ip);
    n->next = *at;
    *at = n;
    t->count++;
    n->eth = eth;
    n->ip = ip;
    n->timer.fn = neigh_timer;
    return n;
}

/* ---- The states ---- */

static void neigh_arm(struct vt_neigh *n, vt_span in)
{
    vt_core_arm(n->eth->core, &n->timer, vt_time_add(n->eth->core->now, in));
}

static void neigh_ask(struct vt_neigh *n)
{
    struct vt_eth *eth = n->eth;
    n->asked++;
    n->quiet = vt_time_add(eth->core->now, eth->config.retrans);
    vt_arp_request(eth, n->ip, n->state == VT_NEIGH_PROBE ? &n->mac : NULL);
    neigh_arm(n, eth->config.retrans);
}

static void enter_asking(struct vt_neigh *n, enum vt_neigh_state state)
{
    neigh_set_state(n, state);
    neigh_ask(n);
}

static void enter_reachable(struct vt_neigh *n)
{
    n->suspect = false;
    n->confirmed = n->eth->core->now;
    neigh_set_state(n, VT_NEIGH_REACHABLE);
    neigh_arm(n, n->eth->config.reachable);
}

static void enter_stale(struct vt_neigh *n)
{
    n->suspect = false;
    neigh_set_state(n, VT_NEIGH_STALE);
    neigh_arm(n, VT_NEIGH_AGEING_TIME);
}

static void enter_delay(struct vt_neigh *n)
{
    neigh_set_state(n, VT_NEIGH_DELAY);
    neigh_arm(n, VT_NEIGH_DELAY_TIME);
}

static void enter_failed(struct vt_neigh *n)
{
    struct vt_eth *eth = n->eth;
    n->suspect = false;
    neigh_set_state(n, VT_NEIGH_FAILED);
    neigh_arm(n, VT_NEIGH_AGEING_TIME);
    struct vt_pbufq pending = take_pending(n);
    for (struct vt_pbuf *p; (p = vt_pbufq_pop(&pending)) != NULL;)
        undeliverable(eth, p);
}

static void neigh_send(struct vt_neigh *n, struct vt_pbuf *p)
{
    n->used = n->eth->core->now;
    vt_eth_transmit(n->eth, p, n->mac, VT_ETHERTYPE_IPV4);
}

/* The MAC is known now: what waited goes out. It keeps its own cause, what made it. */
static void neigh_send_pending(struct vt_neigh *n)
{
    struct vt_pbufq pending = take_pending(n);
    for (struct vt_pbuf *p; (p = vt_pbufq_pop(&pending)) != NULL;)
        neigh_send(n, p);
}

/* A MAC that is known may be wrong, so the one who has it is not asked for long, however often all may be
 * asked.
 */
static uint32_t requests_max(const struct vt_neigh *n)
{
    return n->state == VT_NEIGH_PROBE ? VT_NEIGH_UNICAST_PROBES : n->eth->config.probes;
}

/* No reply to that many requests. */
static void neigh_no_reply(struct vt_neigh *n)
{
    if (n->state == VT_NEIGH_PROBE && n->suspect) {
        /* The old MAC is silent, and somebody claims to have taken its place: everybody may answer now. */
        n->suspect = false;
        enter_asking(n, VT_NEIGH_INCOMPLETE);
    } else {
        enter_failed(n);
    }
}

static void neigh_reachable_over(struct vt_neigh *n, vt_time now)
{
    vt_time until = vt_time_add(n->confirmed, n->eth->config.reachable);
    if (until > now) /* confirmed in the meantime */
        vt_core_arm(n->eth->core, &n->timer, until);
    else if (vt_time_add(n->used, VT_NEIGH_DELAY_TIME) > now)
        enter_delay(n);
    else
        enter_stale(n);
}

static void neigh_timer(struct vt_timer *t, vt_time now)
{
    struct vt_neigh *n = (struct vt_neigh *)(void *)((uint8_t *)t - offsetof(struct vt_neigh, timer));
    vt_core_enter_timer(n->eth->core, t);
    switch ((enum vt_neigh_state)n->state) {
    case VT_NEIGH_INCOMPLETE:
    case VT_NEIGH_PROBE:
        if (n->asked < requests_max(n))
            neigh_ask(n);
        else
            neigh_no_reply(n);
        break;
    case VT_NEIGH_REACHABLE: neigh_reachable_over(n, now); break;
    case VT_NEIGH_DELAY: enter_asking(n, VT_NEIGH_PROBE); break;
    case VT_NEIGH_STALE:
    case VT_NEIGH_FAILED: neigh_remove(n); break;
    case VT_NEIGH_NONE:
    case VT_NEIGH_PERMANENT:
    case VT_NEIGH_STATE_COUNT: break;
    }
}

/* ---- Packets to neighbours ---- */

/* RFC 1122 2.3.2.2: at least the latest packet for an address is to be kept; so the oldest goes (V04). */
static void neigh_enqueue(struct vt_neigh *n, struct vt_pbuf *p)
{
    struct vt_eth *eth = n->eth;
    bool full = n->pending.count >= eth->config.pending_max ||
                eth->neigh.pending >= eth->config.pending_total;
    if (full) {
        struct vt_pbuf *oldest = vt_pbufq_pop(&n->pending);
        if (oldest == NULL) { /* the others have taken all there is */
            vt_drop(eth->core, p, VT_DROP_NEIGH_FULL, eth->nif->index, 0);
            return;
        }
        eth->neigh.pending--;
        vt_drop(eth->core, oldest, VT_DROP_NEIGH_FULL, eth->nif->index, 0);
    }
    vt_pbufq_push(&n->pending, p);
    eth->neigh.pending++;
}

static void neigh_output(struct vt_eth *eth, struct vt_pbuf *p, struct vt_ip ip)
{
    struct vt_neigh *n = neigh_find(eth, ip);
    if (n == NULL)
        n = neigh_create(eth, ip);
    if (n == NULL) {
        vt_drop(eth->core, p, VT_DROP_NEIGH_FULL, eth->nif->index, 0);
        return;
    }
    switch ((enum vt_neigh_state)n->state) {
    case VT_NEIGH_NONE:
    case VT_NEIGH_FAILED:
        neigh_enqueue(n, p);
        enter_asking(n, VT_NEIGH_INCOMPLETE);
        break;
    case VT_NEIGH_INCOMPLETE: neigh_enqueue(n, p); break;
    case VT_NEIGH_STALE:
        enter_delay(n);
        neigh_send(n, p);
        break;
    case VT_NEIGH_REACHABLE:
    case VT_NEIGH_DELAY:
    case VT_NEIGH_PROBE:
    case VT_NEIGH_PERMANENT:
    case VT_NEIGH_STATE_COUNT: neigh_send(n, p); break;
    }
}

void vt_neigh_output(struct vt_eth *eth, struct vt_pbuf *p, struct vt_ip ip)
{
    /* What is asked and changed here is because of this packet, whoever is running. */
    struct vt_event_id cause = eth->core->ev.cause;
    if (p->ev.n != 0)
        eth->core->ev.cause = p->ev;
    neigh_output(eth, p, ip);
    eth->core->ev.cause = cause;
}

/* ---- What neighbours say ---- */

/* Somebody says that a neighbour has another MAC. It may be so, or an attack: the one that we know is asked
 * first, and keeps its place as long as it answers (V03; RFC 5227 2.4 on claims that are not to be trusted).
 */
static void neigh_suspect(struct vt_neigh *n)
{
    if (n->state == VT_NEIGH_PERMANENT)
        return;
    if (n->state == VT_NEIGH_PROBE) {
        n->suspect = true;
    } else if (n->eth->core->now >= n->quiet) {
        n->suspect = true;
        enter_asking(n, VT_NEIGH_PROBE);
    }
}

/* True for states in which `mac` means something. */
static bool has_mac(const struct vt_neigh *n)
{
    return n->state != VT_NEIGH_NONE && n->state != VT_NEIGH_INCOMPLETE && n->state != VT_NEIGH_FAILED;
}

enum vt_drop vt_neigh_replied(struct vt_eth *eth, struct vt_ip ip, struct vt_mac mac)
{
    struct vt_neigh *n = neigh_find(eth, ip);
    if (n == NULL)
        return VT_DROP_ARP_UNSOLICITED; /* V03: a reply never makes an entry */
    if (has_mac(n) && !vt_mac_eq(n->mac, mac)) {
        neigh_suspect(n);
        return VT_DROP_ARP_UNSOLICITED;
    }
    if (n->state != VT_NEIGH_INCOMPLETE && n->state != VT_NEIGH_PROBE)
        return VT_DROP_ARP_UNSOLICITED;
    n->mac = mac;
    enter_reachable(n);
    neigh_send_pending(n);
    return VT_DROP_NONE;
}

void vt_neigh_heard(struct vt_eth *eth, struct vt_ip ip, struct vt_mac mac, bool to_us)
{
    struct vt_neigh *n = neigh_find(eth, ip);
    /* RFC 826: who asks us will be asked by us soon. Strangers to this link need no entry. */
    if (n == NULL && to_us && vt_netif_on_link(eth->nif, ip) != NULL)
        n = neigh_create(eth, ip);
    if (n == NULL)
        return;
    if (has_mac(n)) {
        if (!vt_mac_eq(n->mac, mac))
            neigh_suspect(n);
        return;
    }
    /* That it can be heard does not tell that it hears us: not yet REACHABLE. */
    n->mac = mac;
    enter_stale(n);
    if (n->pending.count != 0) {
        enter_delay(n);
        neigh_send_pending(n);
    }
}

void vt_eth_confirm(struct vt_eth *eth, struct vt_ip ip)
{
    struct vt_neigh *n = neigh_find(eth, ip);
    if (n == NULL || !has_mac(n) || n->state == VT_NEIGH_PERMANENT)
        return;
    if (n->state == VT_NEIGH_REACHABLE)
        n->confirmed = eth->core->now; /* its timer will see */
    else
        enter_reachable(n);
}

/* ---- People's side ---- */

int vt_eth_neigh_set(struct vt_eth *eth, struct vt_ip ip, struct vt_mac mac)
{
    struct vt_neigh *n = neigh_find(eth, ip);
    if (n == NULL)
        n = neigh_create(eth, ip);
    if (n == NULL)
        return -VT_ENOSPC;
    n->mac = mac;
    n->suspect = false;
    vt_core_disarm(eth->core, &n->timer);
    neigh_set_state(n, VT_NEIGH_PERMANENT);
    neigh_send_pending(n);
    return 0;
}

int vt_eth_neigh_del(struct vt_eth *eth, struct vt_ip ip)
{
    struct vt_neigh *n = neigh_find(eth, ip);
    if (n == NULL)
        return -VT_ENOENT;
    neigh_remove(n);
    return 0;
}

static bool row_before(const void *a, const void *b)
{
    const struct vt_neigh_row *x = a, *y = b;
    return memcmp(x->ip.b, y->ip.b, sizeof x->ip.b) < 0;
}

void vt_eth_neigh_each(struct vt_eth *eth, bool (*fn)(void *ctx, const struct vt_neigh_row *row), void *ctx)
{
    /* A copy: `fn` may change the table. */
    size_t count = eth->neigh.count, size = count * sizeof(struct vt_neigh_row), k = 0;
    struct vt_neigh_row *rows = count == 0 ? NULL : vt_alloc(eth->core, size);
    if (rows == NULL)
        return;
    for (uint32_t i = 0; i < eth->neigh.buckets; i++)
        for (const struct vt_neigh *n = eth->neigh.bucket[i]; n != NULL; n = n->next)
            rows[k++] = (struct vt_neigh_row){n->ip, n->mac, n->state, n->updated, n->pending.count};
    vt_sort(rows, k, sizeof *rows, row_before);
    for (size_t i = 0; i < k && fn(ctx, &rows[i]); i++)
        ;
    vt_free(eth->core, rows, size);
}

/* ---- The table's life ---- */

int vt_neigh_init(struct vt_eth *eth)
{
    struct vt_neigh_table *t = &eth->neigh;
    t->buckets = 16;
    while (t->buckets < eth->config.neigh_max && t->buckets < VT_NEIGH_BUCKETS)
        t->buckets *= 2;
    t->bucket = vt_alloc(eth->core, t->buckets * sizeof(struct vt_neigh *));
    return t->bucket == NULL ? -VT_ENOMEM : 0;
}

void vt_neigh_fini(struct vt_eth *eth)
{
    struct vt_neigh_table *t = &eth->neigh;
    /* Nothing is to be sent any more, so nothing is told to the floor above. */
    eth->nif->unreachable = NULL;
    for (uint32_t i = 0; i < t->buckets; i++)
        while (t->bucket[i] != NULL)
            neigh_remove(t->bucket[i]);
    vt_free(eth->core, t->bucket, t->buckets * sizeof(struct vt_neigh *));
}
