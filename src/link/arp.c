#include "eth.h"
#include <vitro/errno.h>

#define ARP_ANNOUNCEMENTS     2             /* RFC 5227 1.1: ANNOUNCE_NUM */
#define ARP_ANNOUNCE_INTERVAL (2 * VT_SEC)  /* ANNOUNCE_INTERVAL */
#define ARP_DEFEND_INTERVAL   (10 * VT_SEC) /* DEFEND_INTERVAL */

static void arp_event(struct vt_eth *eth, enum vt_event_kind kind, enum vt_doc doc, const struct vt_arp *a)
{
    struct vt_event *e = vt_event_begin(&eth->core->ev, kind, doc);
    if (e == NULL)
        return;
    e->iface = eth->nif->index;
    memcpy(e->u.arp.sender_mac, a->sender_mac.b, 6);
    memcpy(e->u.arp.target_mac, a->target_mac.b, 6);
    memcpy(e->u.arp.sender_ip, a->sender_ip.b + 12, 4);
    memcpy(e->u.arp.target_ip, a->target_ip.b + 12, 4);
    e->u.arp.op = a->op;
    vt_event_end(&eth->core->ev, e, NULL, 0);
}

static void arp_send(struct vt_eth *eth, const struct vt_arp *a, struct vt_mac dst, enum vt_doc doc)
{
    struct vt_core *core = eth->core;
    struct vt_pbuf *p = vt_pbuf_new(core->pool);
    if (p == NULL) {
        vt_drop_note(core, NULL, VT_DROP_NO_MEMORY, eth->nif->index, 0);
        return;
    }
    vt_arp_build(vt_pbuf_push(p, VT_ARP_LEN), a);
    arp_event(eth, VT_EV_ARP_TX, doc, a);
    p->ev = vt_events_last(&core->ev);
    vt_eth_transmit(eth, p, dst, VT_ETHERTYPE_ARP);
}

void vt_arp_request(struct vt_eth *eth, struct vt_ip ip, const struct vt_mac *mac)
{
    struct vt_netif *nif = eth->nif;
    const struct vt_ifaddr *from = vt_netif_on_link(nif, ip);
    if (from == NULL && nif->naddrs != 0)
        from = &nif->addr[0];
    struct vt_arp a = {
        .op = VT_ARP_REQUEST,
        .sender_mac = nif->mac,
        .sender_ip = from == NULL ? VT_IP4_ANY : from->ip,
        .target_ip = ip,
    };
    arp_send(eth, &a, mac == NULL ? VT_MAC_BROADCAST : *mac, VT_DOC_RFC826);
}

/* RFC 5227 2.3: a request of our own address for itself. */
static void arp_announce(struct vt_eth *eth, struct vt_ip ip, enum vt_doc doc)
{
    struct vt_arp a = {
        .op = VT_ARP_REQUEST,
        .sender_mac = eth->nif->mac,
        .sender_ip = ip,
        .target_ip = ip,
    };
    arp_send(eth, &a, VT_MAC_BROADCAST, doc);
}

/* The place for what is to be remembered of an address of ours: its own, else one of an address given up. */
static struct vt_arp_claim *claim_of(struct vt_eth *eth, struct vt_ip ip)
{
    struct vt_arp_claim *unused = NULL;
    for (unsigned i = 0; i < VT_NETIF_ADDRS; i++) {
        struct vt_arp_claim *c = &eth->claim[i];
        if (vt_ip_eq(c->ip, ip))
            return c;
        if (unused == NULL && !vt_netif_has(eth->nif, c->ip))
            unused = c;
    }
    if (unused != NULL)
        *unused = (struct vt_arp_claim){.ip = ip};
    return unused;
}

static void arp_announce_timer(struct vt_timer *t, vt_time now)
{
    struct vt_eth *eth = (struct vt_eth *)(void *)((uint8_t *)t - offsetof(struct vt_eth, announce_timer));
    bool more = false;
    vt_core_enter_timer(eth->core, t);
    for (unsigned i = 0; i < VT_NETIF_ADDRS; i++) {
        struct vt_arp_claim *c = &eth->claim[i];
        if (c->announcements == 0)
            continue;
        c->announcements--;
        if (vt_netif_has(eth->nif, c->ip))
            arp_announce(eth, c->ip, VT_DOC_RFC5227_2_3);
        more |= c->announcements != 0;
    }
    if (more)
        vt_core_arm(eth->core, t, vt_time_add(now, ARP_ANNOUNCE_INTERVAL));
}

void vt_eth_announce(struct vt_eth *eth, struct vt_ip ip)
{
    struct vt_arp_claim *c = claim_of(eth, ip);
    arp_announce(eth, ip, VT_DOC_RFC5227_2_3);
    if (c == NULL)
        return;
    c->announcements = ARP_ANNOUNCEMENTS - 1;
    vt_core_arm(eth->core, &eth->announce_timer, vt_time_add(eth->core->now, ARP_ANNOUNCE_INTERVAL));
}

/* Somebody else uses our address. We keep it, and say so, but no oftener than every ten seconds: two hosts
 * that are both sure must not flood the link (RFC 5227 2.4 (c), V05). */
static void arp_defend(struct vt_eth *eth, struct vt_ip ip)
{
    struct vt_arp_claim *c = claim_of(eth, ip);
    vt_time now = eth->core->now;
    if (c == NULL || (c->defended && now < vt_time_add(c->defended_at, ARP_DEFEND_INTERVAL)))
        return;
    c->defended = true;
    c->defended_at = now;
    arp_announce(eth, ip, VT_DOC_RFC5227_2_4);
}

static void arp_reply(struct vt_eth *eth, const struct vt_arp *request)
{
    struct vt_arp a = {
        .op = VT_ARP_REPLY,
        .sender_mac = eth->nif->mac,
        .sender_ip = request->target_ip,
        .target_mac = request->sender_mac,
        .target_ip = request->sender_ip,
    };
    arp_send(eth, &a, request->sender_mac, VT_DOC_RFC826);
}

/* What a well-formed packet means to us (RFC 826, "Packet Reception"). */
static enum vt_drop arp_handle(struct vt_eth *eth, const struct vt_arp *a)
{
    struct vt_netif *nif = eth->nif;
    if (vt_mac_eq(a->sender_mac, nif->mac)) /* our own, come back by a loop */
        return VT_DROP_ARP_NOT_OURS;
    if (vt_netif_has(nif, a->sender_ip)) {
        arp_defend(eth, a->sender_ip);
        return VT_DROP_ARP_CONFLICT;
    }
    bool to_us = vt_netif_has(nif, a->target_ip);
    if (a->op == VT_ARP_REPLY && to_us)
        return vt_neigh_replied(eth, a->sender_ip, a->sender_mac);
    /* A probe (RFC 5227 2.1.1) comes from nobody yet: there is no neighbour to remember. */
    if (!vt_ip_is_any(a->sender_ip))
        vt_neigh_heard(eth, a->sender_ip, a->sender_mac, to_us);
    if (!to_us)
        return VT_DROP_ARP_NOT_OURS;
    arp_reply(eth, a);
    return VT_DROP_NONE;
}

void vt_arp_input(struct vt_eth *eth, struct vt_pbuf *p)
{
    struct vt_core *core = eth->core;
    struct vt_arp a;
    enum vt_drop bad = vt_arp_parse(&a, vt_pbuf_peek(p, VT_ARP_LEN), p->len);
    if (bad == VT_DROP_NONE && vt_netif_is_broadcast(eth->nif, a.sender_ip))
        bad = VT_DROP_ARP_BAD_SENDER;
    if (bad == VT_DROP_NONE) {
        arp_event(eth, VT_EV_ARP_RX, VT_DOC_RFC826, &a);
        p->ev = vt_events_last(&core->ev);
        core->ev.cause = p->ev;
        bad = arp_handle(eth, &a);
    }
    if (bad != VT_DROP_NONE) {
        vt_drop(core, p, bad, eth->nif->index, 0);
        return;
    }
    core->delivered++;
    vt_pbuf_free(p);
}

void vt_arp_init(struct vt_eth *eth)
{
    eth->announce_timer.fn = arp_announce_timer;
}

void vt_arp_fini(struct vt_eth *eth)
{
    vt_core_disarm(eth->core, &eth->announce_timer);
}
