/* Accurate ECN feedback (RFC 9768): the three bits of the header count the CE marks that the receiver has
 * seen, modulo 8, and an option counts bytes by codepoint. The counters begin at values that no broken path
 * makes. */
#include "transport/tcp.h"

#define ACE_FIRST     5u /* RFC 9768 3.2.1 */
#define ACE_MASK      7u
#define BYTES_FIRST   1u
#define BYTES_MASK    0xffffffu
#define BEACON_CHANGE (1u << 22) /* bytes after which the option goes, however sparingly it is sent */

static uint8_t ace_of(uint16_t flags)
{
    return (uint8_t)(((flags & VT_AE) != 0 ? 4 : 0) | ((flags & VT_CWR) != 0 ? 2 : 0) |
                     ((flags & VT_ECE) != 0 ? 1 : 0));
}

static uint16_t flags_of(uint32_t ace)
{
    return (uint16_t)(((ace & 4) != 0 ? VT_AE : 0) | ((ace & 2) != 0 ? VT_CWR : 0) |
                      ((ace & 1) != 0 ? VT_ECE : 0));
}

/* 3.2.2.1, table 3: a codepoint as the handshake tells it, and back; VT_ECN_CE + 1 for what means none. */
static uint8_t handshake_ace(uint8_t point)
{
    static const uint8_t ace[] = {
        [VT_ECN_NOT_ECT] = 2, [VT_ECN_ECT1] = 3, [VT_ECN_ECT0] = 4, [VT_ECN_CE] = 6};
    return ace[point & 3];
}

void vt_tcp_accecn_start(struct vt_tcb *tcb, bool active)
{
    if (tcb->agreed.ecn != VT_ECN_ACCURATE || tcb->acc != NULL)
        return;
    tcb->acc = vt_alloc(vt_tcp_core(tcb), sizeof(*tcb->acc));
    if (tcb->acc == NULL) { /* marks that come are told of by nothing: send none that could be marked */
        tcb->agreed.ecn = VT_ECN_NONE;
        return;
    }
    tcb->acc->echo_syn = active;     /* our next ACK tells what the SYN,ACK had */
    tcb->acc->expect_echo = !active; /* the peer's first one does so of ours */
    tcb->acc->option_due = active ? 2 : 0;
    if (active && tcb->agreed.syn_ecn == VT_ECN_CE)
        tcb->acc->ce++;
}

/* ---- Out ---- */

uint8_t vt_tcp_accecn_out(struct vt_tcb *tcb, uint16_t *flags)
{
    struct vt_accecn *a = tcb->acc;
    if ((*flags & VT_ACK) == 0)
        return VT_ECN_NOT_ECT;
    if (a->echo_syn) {
        *flags |= flags_of(handshake_ace(tcb->agreed.syn_ecn));
        a->echo_syn = false;
    } else {
        *flags |= flags_of((a->ce + ACE_FIRST) & ACE_MASK);
        a->ce_untold = 0;
    }
    return a->zero_ace || a->mangled ? VT_ECN_NOT_ECT : VT_ECN_ECT0;
}

/* 3.2.3: with every segment at best; sparingly, when a counter has changed much. The fields that have changed
 * must be there; later ones may be left out. */
void vt_tcp_accecn_option(struct vt_tcb *tcb, struct vt_tcp_opts *o)
{
    struct vt_accecn *a = tcb->acc;
    int64_t knob = tcb->end.tcp->knobs.ecn_option;
    if (knob == 0 || (!a->option_seen && !a->option_due) || (knob < 2 && a->option_due == 0))
        return;
    o->acc.fields = 3;
    o->acc.least = a->fields_used;
    o->acc.e0b = (a->bytes[VT_ECN_ECT0 - 1] + BYTES_FIRST) & BYTES_MASK;
    o->acc.e1b = (a->bytes[VT_ECN_ECT1 - 1] + BYTES_FIRST) & BYTES_MASK;
    o->acc.ceb = a->bytes[VT_ECN_CE - 1] & BYTES_MASK;
    if (a->option_due != 0)
        a->option_due--;
}

/* ---- In ---- */

void vt_tcp_accecn_in(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    static const uint8_t fields[] = {[VT_ECN_ECT1] = 1, [VT_ECN_CE] = 2, [VT_ECN_ECT0] = 3}; /* order 1 */
    struct vt_accecn *a = tcb->acc;
    uint8_t point = seg->in->tos & 3;
    if (point == VT_ECN_NOT_ECT)
        return;
    if (point == VT_ECN_CE) {
        /* 3.2.2: of all segments, ACKs too; those that a device joined count as many */
        const struct vt_pbuf *p = seg->p;
        uint32_t segs = p != NULL && p->gso_size != 0 ? (seg->len + p->gso_size - 1u) / p->gso_size : 1;
        segs = segs != 0 ? segs : 1;
        a->ce += segs;
        a->ce_untold += segs;
        vt_tcp_emit_ecn(tcb, VT_ECN_TOLD_CE, segs);
        if (seg->len != 0 && a->ce_untold >= 2) /* 3.2.2.5.1: before the peer could lose count */
            tcb->flags |= VT_TCBF_ACK_NOW;
        if (seg->len != 0)
            vt_tcp_quick_acks(tcb);
    }
    if (seg->len == 0)
        return;
    uint32_t was = a->bytes[point - 1];
    a->bytes[point - 1] += seg->len;
    if (fields[point] > a->fields_used) {
        a->fields_used = fields[point];
        a->option_due = 1;
    }
    if ((was ^ a->bytes[point - 1]) >= BEACON_CHANGE)
        a->option_due = 1;
}

/* 3.2.2.1: what the last segment of the handshake tells of our SYN,ACK. */
static void take_echo(struct vt_accecn *a, uint8_t ace)
{
    a->expect_echo = false;
    if (ace == 0) /* 3.2.2.4: something clears the bits: send nothing that would need them */
        a->zero_ace = true;
    /* Our SYN,ACK was not ECT; told to be so all the same, the path changes the field (3.2.2.3). */
    if (ace == handshake_ace(VT_ECN_ECT0) || ace == handshake_ace(VT_ECN_ECT1))
        a->mangled = true;
}

void vt_tcp_accecn_hear(struct vt_tcb *tcb, const struct vt_tcp_seg *seg)
{
    struct vt_accecn *a = tcb->acc;
    a->first_ack = false;
    if (a->expect_echo && seg->len == 0 && vt_seq_eq(seg->seq, vt_seq_add(tcb->irs, 1))) {
        take_echo(a, ace_of(seg->flags));
        a->first_ack = true;
    }
    a->expect_echo = false;
    if (seg->opts.acc.fields != 0)
        a->option_seen = true;
}

/* The peer's byte counters. True when they tell of CE, or that there was none, reliably. */
static bool take_option(struct vt_accecn *a, const struct vt_tcp_acc_opt *o, bool *ce)
{
    if (o->fields < 2)
        return false;
    bool first = !a->peer_ceb_known;
    *ce = !first && o->ceb != a->peer_ceb;
    a->peer_ceb = o->ceb;
    a->peer_ceb_known = true;
    return !first;
}

/* 3.2.2.5.2: the counter may have gone round between two ACKs. `segs` were delivered: the most marks that
 * agree with the bits are assumed, unless the option, or ACKs that are few for good, say otherwise. */
static uint32_t new_marks(struct vt_accecn *a, uint8_t ace, uint32_t segs, bool told, bool ce)
{
    uint32_t delta = (ace - ACE_FIRST - a->peer_ce) & ACE_MASK;
    if (segs <= ACE_MASK)
        return delta;
    uint32_t safe = segs - ((segs - delta) & ACE_MASK);
    return told && !ce ? delta : safe;
}

uint32_t vt_tcp_accecn_ack(struct vt_tcb *tcb, const struct vt_tcp_seg *seg,
                           const struct vt_tcp_ack_info *info, uint32_t segs)
{
    struct vt_accecn *a = tcb->acc;
    uint8_t ace = ace_of(seg->flags);
    bool ce = false;
    bool told = take_option(a, &seg->opts.acc, &ce);
    if ((seg->flags & VT_SYN) != 0 || a->first_ack) /* its bits were no counter */
        return 0;
    if (!info->advanced && !info->sacked && info->delivered == 0 && !told)
        return 0; /* an ACK that is out of order must not count backwards */
    uint32_t n = new_marks(a, ace, segs, told, ce);
    a->peer_ce += n;
    return n;
}
