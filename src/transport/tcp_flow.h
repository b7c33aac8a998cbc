/* Private to TCP, a part of tcp.h: what flows between the connection and its program. ACKs and windows for
 * what comes, buffers for what goes, notices of what became of it. */
#ifndef VT_TRANSPORT_TCP_FLOW_H
#define VT_TRANSPORT_TCP_FLOW_H

#include "transport/tcp.h"

/* tcp_delack.c */
/* An ACK is owed: at the end of the burst, or a little later. */
void vt_tcp_owe_ack(struct vt_tcb *tcb, bool at_once);
/* `len` bytes of text of this segment were taken in order. */
void vt_tcp_delack_text(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, uint32_t len);
/* An ACK has left: nothing is owed any more. */
void vt_tcp_delack_sent(struct vt_tcb *tcb);
/* Data have left: perhaps they answer what came. */
void vt_tcp_delack_answered(struct vt_tcb *tcb);
/* The program has read `copied` bytes, or wants to hear at once what is owed. */
void vt_tcp_delack_read(struct vt_tcb *tcb, uint32_t copied);
void vt_tcp_delack_fired(struct vt_tcb *tcb);
/* The next ACKs go at once: the peer repeats himself, or may be starting slowly. */
void vt_tcp_quick_acks(struct vt_tcb *tcb);
void vt_tcp_rcv_mss_init(struct vt_tcb *tcb);
void vt_tcp_ack_synack(struct vt_tcb *tcb);
/* TCP_QUICKACK */
void vt_tcp_set_quickack(struct vt_tcb *tcb, int v);
bool vt_tcp_quickack(const struct vt_tcb *tcb);

/* tcp_rcvbuf.c */
#define VT_TCP_RCVBUF_MIN 2304 /* as Linux: one packet */
/* What a buffer behind `before` in a queue keeps from others; noted in p->aux[0]. */
uint32_t vt_tcp_charge(struct vt_pbuf *p, const struct vt_pbuf *before);
/* A buffer that is to wait long and keeps much more than its bytes, a sender's whole block: a copy of its own
 * instead. Takes p. */
struct vt_pbuf *vt_tcp_rcvbuf_slim(struct vt_tcb *tcb, struct vt_pbuf *p);
/* True when one more buffer may be kept; makes room as it can. */
bool vt_tcp_rcvbuf_fits(struct vt_tcb *tcb);
/* What a SYN tells of, before any scale: whole segments of `mss`. */
uint32_t vt_tcp_initial_window(const struct vt_tcb *tcb, uint32_t mss);
/* The window that a SYN tells: it is never scaled (RFC 7323 2.2). */
static inline uint16_t vt_tcp_syn_window(const struct vt_tcb *tcb, uint32_t mss)
{
    uint32_t wnd = vt_tcp_initial_window(tcb, mss);
    return (uint16_t)(wnd < UINT16_MAX ? wnd : UINT16_MAX);
}
/* What a connection starts with; and what one that was is forgotten by. */
void vt_tcp_rcvbuf_start(struct vt_tcb *tcb);
void vt_tcp_rcvbuf_reset(struct vt_tcb *tcb);
/* The window as the buffer would have it; and the one to tell, never to the left of rcv_adv (SHLD-14). */
uint32_t vt_tcp_window_select(struct vt_tcb *tcb);
uint32_t vt_tcp_rcv_window(struct vt_tcb *tcb);
/* Text was taken in order, and is charged `cost`; something was read. */
void vt_tcp_rcvbuf_text(struct vt_tcb *tcb, const struct vt_tcp_seg *seg, uint32_t len, uint32_t cost);
void vt_tcp_rcvbuf_read(struct vt_tcb *tcb);
/* SO_RCVBUF (at most `most`, doubled), TCP_WINDOW_CLAMP, SO_RCVLOWAT. */
void vt_tcp_set_rcvbuf(struct vt_tcb *tcb, int v, int64_t most);
int vt_tcp_set_window_clamp(struct vt_tcb *tcb, int v);
void vt_tcp_set_rcvlowat(struct vt_tcb *tcb, int v);
/* Enough waits to be read for the program to be told. */
bool vt_tcp_readable(const struct vt_tcb *tcb);

/* tcp_sndbuf.c */
/* A write may begin another unit; poll may say so; the buffer follows the congestion window. */
bool vt_tcp_sndbuf_free(const struct vt_tcb *tcb);
bool vt_tcp_writable(const struct vt_tcb *tcb);
void vt_tcp_sndbuf_expand(struct vt_tcb *tcb);
/* After output: the program that waits is told when it may go on. */
void vt_tcp_sndbuf_check(struct vt_tcb *tcb);
void vt_tcp_chrono_start(struct vt_tcb *tcb, enum vt_chrono_what what);
void vt_tcp_chrono_stop(struct vt_tcb *tcb, enum vt_chrono_what what);
/* After output: looks what holds the connection back now. */
void vt_tcp_chrono_update(struct vt_tcb *tcb);
/* A timeout; and that something was acknowledged after a row of them. */
void vt_tcp_chrono_rto(struct vt_tcb *tcb);
void vt_tcp_chrono_rto_over(struct vt_tcb *tcb);
void vt_tcp_chrono_info(const struct vt_tcb *tcb, struct vt_tcp_info *i);

/* tcp_notice.c */
void vt_tcp_notices_free(struct vt_tcb *tcb);
/* Before and after a write that wants notices: room for one more, and its last byte. */
bool vt_tcp_notice_room(struct vt_tcb *tcb, int flags);
void vt_tcp_notice_write(struct vt_tcb *tcb, struct vt_seq last, int flags);
/* Everything before `to` has left; SND.UNA has moved; the send queue was cleared. For those that have
 * notices.
 */
void vt_tcp_notices_sent(struct vt_tcb *tcb, struct vt_seq to);
void vt_tcp_notices_acked(struct vt_tcb *tcb);
void vt_tcp_notices_dropped(struct vt_tcb *tcb);

#endif
