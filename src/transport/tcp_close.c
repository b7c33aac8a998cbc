/* How a connection ends: the peer's FIN, ours, a RST, and letting go of the control block (RFC
 * 9293 3.6, 3.10.4, 3.10.7.4 eighth). */
#include "transport/tcp.h"

void vt_tcp_wake(struct vt_tcb *tcb, unsigned events)
{
    if (tcb->user != NULL)
        tcb->end.tcp->up->ready(tcb->user, events);
}

void vt_tcb_release(struct vt_tcb *tcb)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    struct vt_core *core = tcp->core;
    vt_tcp_timer_clear_all(tcb);
    vt_tcp_fo_free(tcb);
    vt_tcp_table_remove(&tcb->end);
    vt_tcp_unbind(tcb);
    vt_tcp_port_drop(&tcb->end);
    vt_sendq_clear(&tcb->sendq, core);
    vt_tcp_loss_free(tcb);
    vt_tcp_pmtu_end(tcb);
    vt_pbufq_clear(&tcb->recvq);
    vt_tcp_ooo_clear(tcb);
    vt_free(core, tcb->rcv_space, sizeof(*tcb->rcv_space));
    vt_free(core, tcb->chrono, sizeof(*tcb->chrono));
    tcb->rcv_space = NULL;
    tcb->chrono = NULL;
    vt_tcp_notices_free(tcb);
    vt_tcp_auth_free(tcp, tcb->auth);
    tcb->auth = NULL;
    if (vt_tcb_is(tcb, VT_TCBF_ORPHAN))
        tcp->orphans--;
    tcb->flags &= ~(uint32_t)VT_TCBF_ORPHAN;
    tcb->user = NULL;
    if (vt_tcb_is(tcb, VT_TCBF_DIRTY)) { /* the burst's work list still names it: it is freed after that */
        tcb->end.state = VT_TCP_CLOSED;
    }
    *tcb->all_prev = tcb->all_next;
    if (tcb->all_next != NULL)
        tcb->all_next->all_prev = tcb->all_prev;
    tcb->acc_next = tcp->free_later;
    tcp->free_later = tcb;
}

void vt_tcp_done(struct vt_tcb *tcb, int error, enum vt_doc doc)
{
    struct vt_core *core = vt_tcp_core(tcb);
    if (error != 0) {
        tcb->error = error;
        vt_tcp_emit_error(&tcb->end, error, doc);
    }
    vt_tcp_set_state(&tcb->end, VT_TCP_CLOSED, doc);
    vt_tcp_fo_ended(tcb);
    vt_tcp_fo_free(tcb);
    vt_tcp_timer_clear_all(tcb);
    vt_tcp_table_remove(&tcb->end);
    vt_tcp_port_drop(&tcb->end);
    vt_sendq_clear(&tcb->sendq, core);
    if (tcb->notices != NULL)
        vt_tcp_notices_dropped(tcb);
    vt_tcp_loss_free(tcb);
    vt_tcp_pmtu_end(tcb);
    vt_tcp_ooo_clear(tcb);
    /* What has come and was not read stays to be read, before the error is told: as on Linux, against RFC
     * 9293 3.10.7.4 ("all segment queues should be flushed"). */
    if (vt_tcb_is(tcb, VT_TCBF_ORPHAN))
        vt_tcb_release(tcb);
    else
        vt_tcp_wake(tcb, VT_POLLIN | VT_POLLOUT | VT_POLLERR | VT_POLLHUP | VT_POLLRDHUP);
}

void vt_tcp_abort(struct vt_tcb *tcb, int error, enum vt_doc doc)
{
    /* RFC 9293 3.10.5: a RST from SND.NXT. In SYN-SENT there is nobody to tell. */
    if (tcb->end.state >= VT_TCP_SYN_RCVD && tcb->end.state != VT_TCP_TIME_WAIT)
        vt_tcp_send_empty(tcb, tcb->snd_nxt, VT_RST | VT_ACK, VT_SEG_RESET);
    vt_tcp_done(tcb, error, doc);
}

/* Eighth: the FIN, when all before it has come. */
void vt_tcp_step_fin(struct vt_tcb *tcb, struct vt_tcp_seg *seg)
{
    if (tcb->end.state == VT_TCP_CLOSED)
        return;
    /* A FIN with text behind it was none: a forged one must not hide the true one. */
    if (!vt_tcb_is(tcb, VT_TCBF_FIN_RCVD) && vt_seq_lt(tcb->fin_seq, tcb->rcv_nxt))
        tcb->flags &= ~(uint32_t)VT_TCBF_FIN_SEEN;
    if ((seg->flags & VT_FIN) != 0 && !vt_tcb_is(tcb, VT_TCBF_FIN_RCVD)) {
        struct vt_seq fin = vt_seq_add(seg->seq, seg->len);
        /* Of two the earlier: behind a FIN there is nothing, and the true one must be able to end the stream.
         */
        if (!vt_tcb_is(tcb, VT_TCBF_FIN_SEEN) || vt_seq_lt(fin, tcb->fin_seq))
            tcb->fin_seq = fin;
        tcb->flags |= VT_TCBF_FIN_SEEN;
        if (!vt_seq_eq(fin, tcb->rcv_nxt) && seg->len == 0)
            tcb->flags |= VT_TCBF_ACK_NOW; /* it came ahead of others; with text that has been answered */
    }
    if (!vt_tcb_is(tcb, VT_TCBF_FIN_SEEN) || vt_tcb_is(tcb, VT_TCBF_FIN_RCVD) ||
        !vt_seq_eq(tcb->rcv_nxt, tcb->fin_seq))
        return;
    tcb->flags |= VT_TCBF_FIN_RCVD;
    /* At once, so that the peer knows that it was heard, whatever our program still has to say. A program
     * that wants no quick ACKs is given the time to close: then its FIN carries the ACK, and three segments
     * suffice. */
    tcb->rcv_nxt = vt_seq_add(tcb->rcv_nxt, 1);
    tcb->rcv_adv = vt_seq_max(tcb->rcv_adv, tcb->rcv_nxt);
    vt_tcp_owe_ack(tcb, (tcb->rcv.flags & VT_RCV_SLOW) == 0 || tcb->end.state != VT_TCP_ESTABLISHED);
    vt_tcp_ooo_clear(tcb); /* a peer that sent text behind his FIN has sent none */
    switch (tcb->end.state) {
    case VT_TCP_ESTABLISHED: vt_tcp_set_state(&tcb->end, VT_TCP_CLOSE_WAIT, VT_DOC_RFC9293_3_10_7_4); break;
    case VT_TCP_FIN_WAIT1: /* its ACK of ours would have brought us to FIN-WAIT-2: both close at once */
        vt_tcp_set_state(&tcb->end, VT_TCP_CLOSING, VT_DOC_RFC9293_3_6);
        break;
    case VT_TCP_FIN_WAIT2: vt_tcp_enter_timewait(tcb); break;
    default: break;
    }
    vt_tcp_wake(tcb, VT_POLLIN | VT_POLLRDHUP);
}

void vt_tcp_fin_acked(struct vt_tcb *tcb)
{
    switch (tcb->end.state) {
    case VT_TCP_FIN_WAIT1:
        vt_tcp_set_state(&tcb->end, VT_TCP_FIN_WAIT2, VT_DOC_RFC9293_3_10_7_4);
        vt_tcp_life_restart(tcb);
        if (vt_tcb_is(tcb, VT_TCBF_ORPHAN) && tcb->linger2 < 0)
            vt_tcp_abort(tcb, 0, VT_DOC_NONE);
        break;
    case VT_TCP_CLOSING: vt_tcp_enter_timewait(tcb); break;
    case VT_TCP_LAST_ACK: vt_tcp_done(tcb, 0, VT_DOC_RFC9293_3_10_7_4); break;
    default: break;
    }
}

/* The program has no more to send: the FIN goes behind what is queued (RFC 9293 3.10.4). */
static void queue_fin(struct vt_tcb *tcb)
{
    if (vt_tcb_is(tcb, VT_TCBF_FIN_QUEUED))
        return;
    tcb->flags |= VT_TCBF_FIN_QUEUED;
    tcb->flags &= ~(uint32_t)VT_TCBF_CORK;
    if (tcb->end.state == VT_TCP_SYN_RCVD)
        return; /* RFC 9293 3.10.4: it goes when the connection is established */
    bool passive = tcb->end.state == VT_TCP_CLOSE_WAIT;
    vt_tcp_set_state(&tcb->end, passive ? VT_TCP_LAST_ACK : VT_TCP_FIN_WAIT1, VT_DOC_RFC9293_3_6);
    vt_tcp_mark_dirty(tcb);
}

int vt_tcp_shutdown(struct vt_tcb *tcb, int how)
{
    if (how < VT_SHUT_RD || how > VT_SHUT_RDWR)
        return -VT_EINVAL;
    if (tcb->listener != NULL) {
        if (how == VT_SHUT_WR)
            return 0;
        vt_tcp_listener_close(tcb->listener);
        vt_tcp_set_state(&tcb->end, VT_TCP_CLOSED, VT_DOC_RFC9293_3_6);
        return 0;
    }
    if (tcb->end.state == VT_TCP_CLOSED || tcb->end.state == VT_TCP_TIME_WAIT)
        return -VT_ENOTCONN;
    if (tcb->end.state == VT_TCP_SYN_SENT) {
        if (how == VT_SHUT_RD)
            return -VT_ENOTCONN;
        vt_tcp_done(tcb, 0, VT_DOC_RFC9293_3_6);
        return 0;
    }
    if (how != VT_SHUT_WR) {
        tcb->flags |= VT_TCBF_SHUT_RD;
        vt_tcp_wake(tcb, VT_POLLIN | VT_POLLRDHUP);
    }
    if (how != VT_SHUT_RD) {
        queue_fin(tcb);
        vt_tcp_wake(tcb, VT_POLLOUT);
    }
    return 0;
}

static void orphan(struct vt_tcb *tcb)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    tcb->user = NULL;
    tcb->flags |= VT_TCBF_ORPHAN;
    tcp->orphans++;
    if (tcb->end.state == VT_TCP_CLOSED || tcb->end.state == VT_TCP_TIME_WAIT) {
        vt_tcb_release(tcb);
        return;
    }
    if (tcp->orphans > tcp->knobs.max_orphans) { /* V65 */
        vt_tcp_abort(tcb, -VT_ENOMEM, VT_DOC_NONE);
        return;
    }
    if (tcb->end.state == VT_TCP_FIN_WAIT2 && tcb->linger2 < 0) {
        vt_tcp_abort(tcb, 0, VT_DOC_NONE);
        return;
    }
    vt_tcp_life_restart(tcb);
}

void vt_tcp_close(struct vt_tcb *tcb, bool linger0)
{
    tcb->user = NULL;
    if (tcb->listener != NULL) {
        vt_tcp_listener_close(tcb->listener);
        vt_tcp_set_state(&tcb->end, VT_TCP_CLOSED, VT_DOC_RFC9293_3_6);
    }
    switch (tcb->end.state) {
    case VT_TCP_CLOSED:
    case VT_TCP_TIME_WAIT: break;
    case VT_TCP_SYN_SENT: vt_tcp_done(tcb, 0, VT_DOC_RFC9293_3_6); break;
    default:
        if (tcb->recvq.count != 0 || linger0) {
            /* RFC 9293 3.6.1, SHLD-3: bytes that nobody will read: say that they are lost. */
            vt_tcp_abort(tcb, 0, VT_DOC_RFC9293_3_6_1);
            break;
        }
        queue_fin(tcb);
    }
    orphan(tcb);
}
