/* What a program writes, on its way into the send queue, and where the peer is told to push (RFC
 * 9293 3.9.1.2, MUST-60, MUST-61): in Linux's manner, at the end of a write that says of no more to come, and
 * within a large one after each half of the largest window. */
#include "transport/tcp.h"

static struct vt_seq write_seq(const struct vt_tcb *tcb)
{
    return vt_seq_add(tcb->snd_una, tcb->sendq.bytes);
}

uint32_t vt_tcp_unit_most(const struct vt_tcb *tcb)
{
    uint32_t mss = tcb->mss != 0 ? tcb->mss : 536;
    uint32_t most = VT_TCP_GSO_MAX, half = tcb->max_wnd / 2;
    if (tcb->max_wnd > 536 && half < most)
        most = half;
    return most > mss ? most - most % mss : mss;
}

static void mark_push(struct vt_tcb *tcb)
{
    vt_sendq_mark(&tcb->sendq, VT_SENDQ_PUSH, 0);
    tcb->pushed = write_seq(tcb);
}

static bool push_is_due(const struct vt_tcb *tcb)
{
    return vt_seq_gt(write_seq(tcb), vt_seq_add(tcb->pushed, tcb->max_wnd / 2));
}

/* A unit is full and more is to come: it may be sent meanwhile. */
static void send_meanwhile(struct vt_tcb *tcb)
{
    if (push_is_due(tcb)) {
        mark_push(tcb);
        vt_tcp_output(tcb);
    } else if (tcb->sendq.unit_at <= vt_tcp_flight(tcb)) {
        vt_tcp_output_one(tcb);
    }
}

uint32_t vt_tcp_write(struct vt_tcb *tcb, const uint8_t *src, uint32_t len, int flags)
{
    struct vt_sendq *q = &tcb->sendq;
    uint32_t most = vt_tcp_unit_most(tcb), done = 0;
    vt_tcp_rate_check(tcb);
    while (done < len) {
        uint32_t have = vt_sendq_unit_len(q, vt_tcp_flight(tcb));
        if (have == 0 || have >= most || (q->last->marks & VT_SENDQ_EOR) != 0) {
            if (!vt_tcp_sndbuf_free(tcb))
                break;
            vt_sendq_begin_unit(q);
            tcb->flags &= ~(uint32_t)VT_TCBF_PUSH_OUT;
            have = 0;
        } else if (done == 0) {
            vt_sendq_mark(q, 0, VT_SENDQ_PUSH);
        }
        uint32_t want = len - done < most - have ? len - done : most - have;
        uint32_t n = vt_sendq_write(q, vt_tcp_core(tcb), src + done, want);
        done += n;
        if (n < want)
            break;
        if (done < len && have + n >= most)
            send_meanwhile(tcb);
    }
    if (done == 0)
        return 0;
    bool whole = done == len;
    if (whole && (flags & VT_MSG_EOR) != 0)
        vt_sendq_mark(q, VT_SENDQ_EOR, 0);
    if (!whole || (flags & VT_MSG_MORE) == 0 || push_is_due(tcb))
        mark_push(tcb);
    return done;
}
