/* Which explanation an event has. */
#include <vitro/lens.h>
#include "topics.h"

static const char *const words[] = {
#define X(key, word, en, zh) [VT_TOPIC_##key] = word,
    VT_TOPIC_LIST(X)
#undef X
};

static const char *topic_text(enum vt_lang lang, enum vt_topic topic)
{
    static const char *const texts[][2] = {
#define X(key, word, en, zh) [VT_TOPIC_##key] = {en, zh},
        VT_TOPIC_LIST(X)
#undef X
    };
    return topic == VT_TOPIC_NONE ? "" : texts[topic][lang == VT_LANG_ZH];
}

/* Why it was sent says most; then what it carries. */
static enum vt_topic of_segment(const struct vt_event *ev)
{
    unsigned flags = ev->u.seg.flags;
    static const uint8_t whys[VT_SEG_WHY_COUNT] = {
        [VT_SEG_RTO] = VT_TOPIC_RETRANSMISSION,  [VT_SEG_FAST] = VT_TOPIC_FAST,
        [VT_SEG_TLP] = VT_TOPIC_LOSS_PROBE,      [VT_SEG_PROBE] = VT_TOPIC_WINDOW_PROBE,
        [VT_SEG_KEEPALIVE] = VT_TOPIC_KEEPALIVE, [VT_SEG_CHALLENGE] = VT_TOPIC_CHALLENGE,
        [VT_SEG_DUP_ACK] = VT_TOPIC_DUP_ACK,     [VT_SEG_WINDOW] = VT_TOPIC_WINDOW_UPDATE,
    };
    if (flags & VT_RST)
        return VT_TOPIC_RST;
    if (ev->kind == VT_EV_TCP_TX && ev->u.seg.why < VT_SEG_WHY_COUNT && whys[ev->u.seg.why] != 0)
        return (enum vt_topic)whys[ev->u.seg.why];
    if (flags & VT_SYN)
        return flags & VT_ACK ? VT_TOPIC_SYN_ACK : VT_TOPIC_SYN;
    if (flags & VT_FIN)
        return ev->u.seg.state == VT_TCP_LAST_ACK || ev->u.seg.state == VT_TCP_CLOSE_WAIT
                   ? VT_TOPIC_FIN_SECOND
                   : VT_TOPIC_FIN_FIRST;
    if (ev->u.seg.len != 0)
        return VT_TOPIC_DATA;
    if (ev->kind == VT_EV_TCP_TX && ev->u.seg.state == VT_TCP_CLOSE_WAIT)
        return VT_TOPIC_ACK_OF_FIN;
    if (ev->kind == VT_EV_TCP_TX && ev->u.seg.state == VT_TCP_TIME_WAIT)
        return VT_TOPIC_LAST_ACK_SENT;
    if (ev->u.seg.wnd == 0)
        return VT_TOPIC_ZERO_WINDOW;
    return ev->u.seg.why == VT_SEG_DELAYED_ACK ? VT_TOPIC_DELAYED_ACK : VT_TOPIC_ACK;
}

static enum vt_topic of_state(unsigned state)
{
    static const uint8_t topics[VT_TCP_STATE_COUNT] = {
#define X(name, rfc, ss) [VT_TCP_##name] = VT_TOPIC_S_##name,
        VT_TCP_STATE_LIST(X)
#undef X
    };
    return state < VT_TCP_STATE_COUNT ? (enum vt_topic)topics[state] : VT_TOPIC_NONE;
}

static enum vt_topic of_timer(unsigned timer)
{
    static const uint8_t topics[VT_TCP_TIMER_COUNT] = {
#define X(name, word) [VT_TCP_TIMER_##name] = VT_TOPIC_T_##name,
        VT_TCP_TIMER_LIST(X)
#undef X
    };
    return timer < VT_TCP_TIMER_COUNT ? (enum vt_topic)topics[timer] : VT_TOPIC_NONE;
}

static enum vt_topic of_arp(const struct vt_event *ev)
{
    if (memcmp(ev->u.arp.sender_ip, ev->u.arp.target_ip, 4) == 0)
        return VT_TOPIC_ARP_ANNOUNCE;
    return ev->u.arp.op == 1 ? VT_TOPIC_ARP_REQUEST : VT_TOPIC_ARP_REPLY;
}

static enum vt_topic of_icmp(unsigned type)
{
    switch (type) {
    case 0:
    case 8: return VT_TOPIC_ECHO;
    case 3: return VT_TOPIC_UNREACHABLE;
    case 11: return VT_TOPIC_TIME_EXCEEDED;
    default: return VT_TOPIC_NONE;
    }
}

static enum vt_topic of_impair(unsigned kind)
{
    switch (kind) {
    case VT_IMPAIR_DUPLICATE: return VT_TOPIC_I_DUPLICATE;
    case VT_IMPAIR_REORDER: return VT_TOPIC_I_REORDER;
    case VT_IMPAIR_CORRUPT: return VT_TOPIC_I_CORRUPT;
    case VT_IMPAIR_CORRUPT_INSIDE: return VT_TOPIC_I_INSIDE;
    case VT_IMPAIR_DELAY: return VT_TOPIC_I_DELAY;
    case VT_IMPAIR_MARK: return VT_TOPIC_I_MARK;
    default: return VT_TOPIC_NONE;
    }
}

static enum vt_topic topic_of(const struct vt_event *ev)
{
    switch (ev->kind) {
    case VT_EV_TCP_TX:
    case VT_EV_TCP_RX: return of_segment(ev);
    case VT_EV_TCP_STATE: return of_state(ev->u.state.to);
    case VT_EV_TCP_TIMER: return of_timer(ev->u.timer.timer);
    case VT_EV_ARP_TX:
    case VT_EV_ARP_RX: return of_arp(ev);
    case VT_EV_ICMP_TX:
    case VT_EV_ICMP_RX: return of_icmp(ev->u.icmp.type);
    case VT_EV_UDP_TX:
    case VT_EV_UDP_RX: return VT_TOPIC_UDP;
    case VT_EV_IP_FORWARD: return VT_TOPIC_FORWARD;
    case VT_EV_IP_FRAGMENT: return VT_TOPIC_FRAGMENT;
    case VT_EV_LEARN: return VT_TOPIC_LEARN;
    case VT_EV_STORM: return VT_TOPIC_STORM;
    case VT_EV_IMPAIR: return of_impair(ev->u.impair.kind);
    case VT_EV_TCP_ECN: return ev->u.ecn.what == VT_ECN_TOLD_CE ? VT_TOPIC_ECN_CE : VT_TOPIC_ECN_TOLD;
    case VT_EV_TCP_QUEUE: return VT_TOPIC_QUEUE;
    case VT_EV_TCP_ERROR: return VT_TOPIC_ERROR;
    case VT_EV_SOCK_WAIT: return VT_TOPIC_WAIT;
    case VT_EV_DROP: return VT_TOPIC_DROP;
    default: return VT_TOPIC_NONE;
    }
}

const char *vt_lens_explain(enum vt_lang lang, const struct vt_event *ev)
{
    if (ev->kind == VT_EV_DROP)
        return vt_lens_drop_text(lang, ev->u.drop.reason);
    return topic_text(lang, topic_of(ev));
}

const char *vt_lens_explain_key(const struct vt_event *ev)
{
    static const char *const drops[] = {
#define X(name, layer, word, meaning) [VT_DROP_##name] = "drop-" word,
        VT_DROP_LIST(X)
#undef X
    };
    if (ev->kind == VT_EV_DROP)
        return ev->u.drop.reason != 0 && ev->u.drop.reason < VT_DROP_COUNT ? drops[ev->u.drop.reason] : "";
    enum vt_topic topic = topic_of(ev);
    return topic == VT_TOPIC_NONE ? "" : words[topic];
}

const char *vt_lens_explain_topic(enum vt_lang lang, const char *key)
{
    for (unsigned i = 1; i < VT_TOPIC_COUNT; i++) {
        if (strcmp(words[i], key) == 0)
            return topic_text(lang, (enum vt_topic)i);
    }
    return NULL;
}
