/* A call under way: it is attempted when it is made, and again whenever something has happened, until it is
 * done or its time is up. */
#ifndef VT_DRILL_OP_H
#define VT_DRILL_OP_H

#include "block.h"
#include "run.h"

struct drill_op {
    const struct drill_event *event;
    const struct drill_call *call;
    /* True when the call is done, `result` set. Without `waits` it is done at once. */
    bool (*attempt)(struct drill_run *r, struct drill_op *op);
    /* Judges what the call gave besides its result, once that is as expected. May be NULL. */
    bool (*check)(struct drill_run *r, struct drill_op *op);
    bool gives_fd;    /* its result is a descriptor: any will do, the script's number is used from then on */
    bool waits;       /* the descriptor blocks, and nothing in the call says otherwise */
    vt_time deadline; /* when it ends whatever has come of it */
    long on_timeout;  /* its result then, when nothing has */
    long result;      /* negative: an error */
    bool moved;       /* the last attempt has changed something */

    int fd; /* the host's */
    int script_fd;
    struct drill_fd *slot; /* NULL: no descriptor of the script's */
    uint8_t *buf;          /* NULL for a NULL pointer */
    size_t len, done;
    int flags;
    bool has_addr, started;
    bool opening; /* a write waits for the handshake that it began (RFC 7413) */
    struct vt_addr addr;
    struct vt_msg_info *info;        /* of recvmsg: what came along */
    const struct drill_expr *expect; /* a message, an option's value, what poll finds */
    struct vt_pollfd *fds;
    struct vt_epoll_event *events;
    unsigned n;
    int level, name; /* of an option; the request of an ioctl */
};

/* ---- sockstat.c ---- */

bool drill_shell_text(struct drill_run *r, struct drill_place place, char **word, unsigned n);
bool drill_shell_rm(struct drill_run *r, char **word, unsigned n);
bool drill_shell_dd(struct drill_run *r, struct drill_place place, char **word, unsigned n);
bool drill_sockstat(struct drill_run *r, struct drill_place place, char **word, unsigned n);

/* ---- args.c ---- */

/* The call has from `least` to `most` arguments. */
bool drill_arg_count(struct drill_run *r, const struct drill_op *op, unsigned least, unsigned most);
/* Argument i, from 0; there must be one. */
const struct drill_expr *drill_arg(const struct drill_op *op, unsigned i);
static inline bool drill_arg_any(const struct drill_op *op, unsigned i)
{
    return drill_arg(op, i)->kind == DRILL_ELLIPSIS;
}
/* A number, or symbols joined by |. */
bool drill_value(struct drill_run *r, const struct drill_expr *e, int64_t *value);
bool drill_arg_int(struct drill_run *r, const struct drill_op *op, unsigned i, int *value);
/* [5] */
bool drill_arg_bracketed(struct drill_run *r, const struct drill_op *op, unsigned i, int *value);
/* Argument 0 as the descriptor of the call; and a number that was read already. */
bool drill_arg_fd(struct drill_run *r, struct drill_op *op);
bool drill_number_fd(struct drill_run *r, struct drill_op *op, int number);
/* ..., NULL or a struct of {sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr("...")}; for ...
 * it is `usual`. A number is a family: *family; then there is no address. */
bool drill_arg_addr(struct drill_run *r, struct drill_op *op, unsigned i, struct vt_addr usual, int *family);
/* The value of a field of a struct; NULL when it has none of that name. */
const struct drill_expr *drill_field(const struct drill_expr *e, const char *name);
/* The live descriptor of a script's number; -1 when it has none. */
int drill_live_fd(const struct drill_run *r, int64_t script_fd);

/* ---- call_*.c: each reads its arguments and says how it is attempted ---- */

typedef bool drill_prepare(struct drill_run *r, struct drill_op *op);

drill_prepare drill_call_socket, drill_call_bind, drill_call_listen, drill_call_accept, drill_call_connect,
    drill_call_shutdown, drill_call_close, drill_call_fcntl, drill_call_ioctl, drill_call_getsockopt,
    drill_call_setsockopt, drill_call_poll, drill_call_epoll_create, drill_call_epoll_ctl,
    drill_call_epoll_wait, drill_call_read, drill_call_readv, drill_call_recv, drill_call_recvfrom,
    drill_call_recvmsg, drill_call_write, drill_call_writev, drill_call_send, drill_call_sendto,
    drill_call_sendmsg, drill_call_open, drill_call_sendfile, drill_call_pipe, drill_call_splice;

/* What came with a message, beside its bytes, is what the script says. */
bool drill_check_message(struct drill_run *r, struct drill_op *op);
/* The connection of the call's socket; NULL when it is none. */
static inline struct drill_conn *drill_op_conn(const struct drill_op *op)
{
    return op->slot != NULL ? op->slot->conn : NULL;
}
/* The time at which a call on the socket gives up: VT_SO_RCVTIMEO or VT_SO_SNDTIMEO from now. */
vt_time drill_op_timeout(struct drill_run *r, const struct drill_op *op, int option);
/* One attempt of a call that reads, writes or connects. */
bool drill_op_io(struct drill_run *r, struct drill_op *op, bool (*attempt)(struct drill_io *io));
/* The rest of a call that reads or writes op->buf, op->len. */
bool drill_reads(struct drill_run *r, struct drill_op *op);
bool drill_writes(struct drill_run *r, struct drill_op *op);
/* An attempt that is done at once, with 0. */
bool drill_attempt_nothing(struct drill_run *r, struct drill_op *op);
/* Takes a free place under the script's number. */
bool drill_take_fd(struct drill_run *r, struct drill_op *op, enum drill_fd_kind kind, struct drill_fd **slot);
/* Notes that the socket has begun to speak to the usual peer. */
void drill_conn_begin(struct drill_run *r, struct drill_conn *c, const struct vt_addr *peer);

#endif
