/* Notices: what becomes of bytes that a program has written, told on the socket's error queue as Linux does:
 * when the last byte of a write has been handed to the device and was acknowledged (SO_TIMESTAMPING), and
 * when its buffer may be used again (MSG_ZEROCOPY). Bytes are copied at the call here, so a zero-copy notice
 * says so; it comes nevertheless with the acknowledgement, as programs expect.
 *
 * Both queues are bounded: a write whose notice would not fit is refused, and a notice that does not fit is
 * counted in `lost`. */
#include "transport/tcp.h"

#define MARKS_MAX   1024u
#define NOTICES_MAX 1024u

/* The last byte of a write of which something is to be told. */
struct mark {
    struct vt_seq last;
    uint32_t key;
    bool zerocopy, stamped; /* a zero-copy number; timestamps are wanted */
    bool sent;              /* it has left once */
};

enum kind {
    KIND_SND = 0, /* SCM_TSTAMP_*, Linux's numbers */
    KIND_SCHED = 1,
    KIND_ACK = 2,
    KIND_ZEROCOPY,
};

struct notice {
    uint8_t kind;
    uint32_t lo, hi; /* of KIND_ZEROCOPY: the numbers of the writes; of others `lo` is the key */
    vt_time at;
};

struct vt_notices {
    uint32_t flags;     /* VT_SOF_* */
    struct vt_seq base; /* keys count from here */
    uint32_t next_id;   /* of zero-copy writes */
    uint64_t lost;
    struct mark *mark; /* ascending */
    uint32_t marks, mark_cap;
    struct notice *queue;
    uint32_t queued, queue_cap;
};

static struct vt_notices *notices(struct vt_tcb *tcb)
{
    if (tcb->notices == NULL)
        tcb->notices = vt_alloc(vt_tcp_core(tcb), sizeof(*tcb->notices));
    return tcb->notices;
}

void vt_tcp_notices_free(struct vt_tcb *tcb)
{
    struct vt_core *core = vt_tcp_core(tcb);
    struct vt_notices *n = tcb->notices;
    if (n == NULL)
        return;
    vt_free(core, n->mark, n->mark_cap * sizeof(*n->mark));
    vt_free(core, n->queue, n->queue_cap * sizeof(*n->queue));
    vt_free(core, n, sizeof(*n));
    tcb->notices = NULL;
}

/* An array twice as large, up to `most` entries; NULL when it is that large, or without memory. */
static void *larger(struct vt_core *core, void *was, uint32_t *cap, uint32_t most, size_t size)
{
    uint32_t want = *cap == 0 ? 4 : 2 * *cap;
    if (want > most)
        return NULL;
    void *now = vt_alloc(core, want * size);
    if (now == NULL)
        return NULL;
    if (*cap != 0)
        memcpy(now, was, *cap * size);
    vt_free(core, was, *cap * size);
    *cap = want;
    return now;
}

/* ---- The queue ---- */

/* Numbers of zero-copy writes that follow each other are told as one range. */
static bool extends(struct vt_notices *n, const struct notice *e)
{
    struct notice *last = n->queued != 0 ? &n->queue[n->queued - 1] : NULL;
    if (last == NULL || e->kind != KIND_ZEROCOPY || last->kind != KIND_ZEROCOPY || e->lo != last->hi + 1)
        return false;
    last->hi = e->hi;
    return true;
}

static void tell(struct vt_tcb *tcb, enum kind kind, uint32_t key)
{
    struct vt_core *core = vt_tcp_core(tcb);
    struct vt_notices *n = tcb->notices;
    struct notice e = {.kind = (uint8_t)kind, .lo = key, .hi = key, .at = core->now};
    if (!extends(n, &e)) {
        if (n->queued == n->queue_cap) {
            void *q = larger(core, n->queue, &n->queue_cap, NOTICES_MAX, sizeof(*n->queue));
            if (q == NULL) {
                n->lost++;
                return;
            }
            n->queue = q;
        }
        n->queue[n->queued++] = e;
    }
    vt_tcp_wake(tcb, VT_POLLERR);
}

bool vt_tcp_notices_wait(const struct vt_tcb *tcb)
{
    return tcb->notices != NULL && tcb->notices->queued != 0;
}

int vt_tcp_recv_notice(struct vt_tcb *tcb, struct vt_msg_info *info)
{
    struct vt_notices *n = tcb->notices;
    if (!vt_tcp_notices_wait(tcb))
        return -VT_EAGAIN;
    struct notice e = n->queue[0];
    n->queued--;
    memmove(n->queue, n->queue + 1, n->queued * sizeof(*n->queue));
    info->flags = VT_MSG_ERRQUEUE;
    info->controls = VT_CONTROL_RECVERR;
    if (e.kind == KIND_ZEROCOPY) {
        info->err = (struct vt_msg_err){
            .origin = VT_EE_ORIGIN_ZEROCOPY, .code = VT_EE_CODE_ZEROCOPY_COPIED, .info = e.lo, .data = e.hi};
        return 0;
    }
    info->err = (struct vt_msg_err){.error = VT_ENOMSG,
                                    .origin = VT_EE_ORIGIN_TIMESTAMPING,
                                    .info = e.kind,
                                    .data = (n->flags & VT_SOF_OPT_ID) != 0 ? e.lo : 0};
    if ((n->flags & VT_SOF_OPT_TSONLY) == 0)
        info->flags |= VT_MSG_TRUNC; /* the segment itself, which Linux would give back, is not kept */
    if ((n->flags & VT_SOF_SOFTWARE) != 0) {
        info->controls |= VT_CONTROL_TIMESTAMPING;
        info->stamp = e.at;
    }
    return 0;
}

/* ---- Writes ---- */

int vt_tcp_set_timestamping(struct vt_tcb *tcb, uint32_t flags)
{
    bool fresh = tcb->notices == NULL || (tcb->notices->flags & VT_SOF_OPT_ID) == 0;
    if ((flags & ~(uint32_t)VT_SOF_ALL) != 0)
        return -VT_EINVAL;
    if ((flags & VT_SOF_OPT_ID_TCP) != 0 && (flags & VT_SOF_OPT_ID) == 0)
        return -VT_EINVAL;
    if ((flags & VT_SOF_OPT_STATS) != 0 && (flags & VT_SOF_OPT_TSONLY) == 0)
        return -VT_EINVAL;
    bool open = tcb->end.state != VT_TCP_CLOSED && tcb->end.state != VT_TCP_LISTEN;
    if ((flags & VT_SOF_OPT_ID) != 0 && fresh && !open)
        return -VT_EINVAL; /* there are no bytes yet to count from */
    if (flags == 0 && tcb->notices == NULL)
        return 0;
    struct vt_notices *n = notices(tcb);
    if (n == NULL)
        return -VT_ENOMEM;
    if ((flags & VT_SOF_OPT_ID) != 0 && fresh)
        n->base = (flags & VT_SOF_OPT_ID_TCP) != 0 ? vt_seq_add(tcb->snd_una, tcb->sendq.bytes)
                                                   : tcb->snd_una;
    n->flags = flags;
    return 0;
}

static bool wanted(const struct vt_tcb *tcb, int flags)
{
    return (flags & VT_MSG_ZEROCOPY) != 0 || (tcb->notices != NULL && (tcb->notices->flags & VT_SOF_TX) != 0);
}

bool vt_tcp_notice_room(struct vt_tcb *tcb, int flags)
{
    if (!wanted(tcb, flags))
        return true;
    struct vt_notices *n = notices(tcb);
    if (n == NULL)
        return false;
    if (n->marks < n->mark_cap)
        return true;
    void *m = larger(vt_tcp_core(tcb), n->mark, &n->mark_cap, MARKS_MAX, sizeof(*n->mark));
    if (m == NULL)
        return false;
    n->mark = m;
    return true;
}

void vt_tcp_notice_write(struct vt_tcb *tcb, struct vt_seq last, int flags)
{
    struct vt_notices *n = tcb->notices;
    if (!wanted(tcb, flags) || n->marks == n->mark_cap)
        return;
    struct mark *m = &n->mark[n->marks++];
    *m = (struct mark){.last = last, .zerocopy = (flags & VT_MSG_ZEROCOPY) != 0};
    m->stamped = (n->flags & VT_SOF_TX) != 0;
    m->key = m->zerocopy ? n->next_id++ : 0;
    if (vt_seq_lt(last, tcb->snd_nxt) && tcb->end.state >= VT_TCP_ESTABLISHED)
        vt_tcp_notices_sent(tcb, tcb->snd_nxt); /* it went while the program was still writing */
}

void vt_tcp_notices_sent(struct vt_tcb *tcb, struct vt_seq to)
{
    struct vt_notices *n = tcb->notices;
    for (uint32_t i = 0; i < n->marks; i++) {
        struct mark *m = &n->mark[i];
        if (vt_seq_ge(m->last, to))
            break;
        if (m->sent)
            continue;
        m->sent = true;
        uint32_t key = m->last.v - n->base.v;
        if (m->stamped && (n->flags & VT_SOF_TX_SCHED) != 0)
            tell(tcb, KIND_SCHED, key);
        if (m->stamped && (n->flags & VT_SOF_TX_SOFTWARE) != 0)
            tell(tcb, KIND_SND, key);
    }
}

void vt_tcp_notices_acked(struct vt_tcb *tcb)
{
    struct vt_notices *n = tcb->notices;
    uint32_t i = 0;
    for (; i < n->marks && vt_seq_lt(n->mark[i].last, tcb->snd_una); i++) {
        const struct mark *m = &n->mark[i];
        if (m->stamped && (n->flags & VT_SOF_TX_ACK) != 0)
            tell(tcb, KIND_ACK, m->last.v - n->base.v);
        if (m->zerocopy)
            tell(tcb, KIND_ZEROCOPY, m->key);
    }
    n->marks -= i;
    memmove(n->mark, n->mark + i, n->marks * sizeof(*n->mark));
}

void vt_tcp_notices_dropped(struct vt_tcb *tcb)
{
    struct vt_notices *n = tcb->notices;
    for (uint32_t i = 0; i < n->marks; i++)
        if (n->mark[i].zerocopy)
            tell(tcb, KIND_ZEROCOPY, n->mark[i].key); /* the buffer is free, whatever became of its bytes */
    n->marks = 0;
}
