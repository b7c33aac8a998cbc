/* A script, read. Everything lies in the run's arena. */
#ifndef VT_DRILL_SCRIPT_H
#define VT_DRILL_SCRIPT_H

#include <vitro/types.h>
#include "arena.h"

#define DRILL_PERCENT 1000 /* tolerance_percent is kept in thousandths of a percent */

/* ---- Options ---- */

struct drill_define {
    struct drill_define *next;
    const char *name, *value; /* with its quotes, when it has some */
};

struct drill_options {
    struct drill_define *defines; /* the last one first */
    struct vt_ip local, remote, gateway;
    uint8_t prefix; /* of the local address */
    uint16_t bind_port, connect_port;
    uint32_t mtu;
    uint32_t mss;              /* of super-segments that come in; 0: they are not */
    vt_span tolerance;         /* of every time */
    int64_t tolerance_percent; /* and of the time since the event before; in DRILL_PERCENT */
    vt_span ts_tick;           /* of the TS val of packets that go out; 0: not checked */
    bool ts_ecr_scaled;        /* a TS ecr that no TS val was is scaled */
    bool strict_segments;      /* segments as they are, one a line */
    bool non_fatal_packet, non_fatal_call;
    bool anyip;
    bool dry_run; /* read, not run */
    const char *ip_version;
    const char *profile; /* of the host */
    const char *init_scripts;
};

/* ---- Expressions: arguments and results of calls ---- */

enum drill_expr_kind {
    DRILL_INT,      /* num */
    DRILL_WORD,     /* text: a symbol */
    DRILL_STRING,   /* text, len; its escapes resolved */
    DRILL_ELLIPSIS, /* ... */
    DRILL_LIST,     /* [first, ...] */
    DRILL_STRUCT,   /* {first, ...} */
    DRILL_FIELD,    /* text = first: in a struct, or on its own; text(num) = first */
    DRILL_CALL,     /* text(first, ...): htons(80), inet_addr("10.0.0.1"), msg_iov(2) */
    DRILL_OR,       /* first | second */
};

struct drill_expr {
    enum drill_expr_kind kind;
    struct drill_place place;
    struct drill_expr *next; /* in its list */
    struct drill_expr *first;
    unsigned count; /* of the list at `first` */
    int64_t num;
    const char *text;
    size_t len;
};

/* ---- Packets ---- */

enum drill_tos_check {
    DRILL_TOS_ANY,
    DRILL_TOS_ECN,   /* the two ECN bits of `tos` */
    DRILL_TOS_ECT01, /* ECT(0) or ECT(1) */
    DRILL_TOS_BYTE,
};

#define DRILL_TCP_OPTIONS 40

/* A packet, as a script tells it or as it came. What was not said is marked so. */
struct drill_packet {
    bool inbound;
    uint8_t protocol; /* VT_PROTO_* */
    uint8_t tos, ttl; /* ttl 0: not said */
    enum drill_tos_check tos_check;
    uint16_t sport, dport; /* 0: not said */
    uint32_t len;          /* bytes of payload */
    /* TCP */
    uint16_t flags; /* enum vt_tcp_flags, nine of them */
    bool ace;       /* AE, CWR and ECE were told as one number (RFC 9768 3.1.2) */
    bool win_any, options_any;
    uint16_t win, urg;
    uint32_t seq, ack;
    uint8_t noptions; /* bytes */
    uint8_t options[DRILL_TCP_OPTIONS];
    /* ICMP */
    uint8_t type, code;
    uint8_t quoted;  /* the protocol of the packet that it quotes; 0: none, `len` bytes of ICMP */
    bool quoted_any; /* one that was not described: any of the connection's */
    uint32_t quoted_seq, quoted_len;
    int64_t mtu; /* -1: not said */
    uint16_t id;
};

/* ---- Events ---- */

struct drill_call {
    const char *name;
    struct drill_expr *args;
    unsigned nargs;
    bool blocking; /* it has a time at which it ends */
    vt_span end;
    struct drill_expr *result;
    const char *error; /* the name of an errno, or NULL */
    struct drill_place error_place;
};

enum drill_time_kind {
    DRILL_AT,       /* 0.1 */
    DRILL_AFTER,    /* +0.1 */
    DRILL_ANY_TIME, /* * */
    DRILL_AT_RANGE, /* 0.1~0.2 */
    DRILL_AFTER_RANGE,
};

enum drill_event_kind {
    DRILL_PACKET,
    DRILL_SYSCALL,
    DRILL_SHELL,
    DRILL_CODE,
};

struct drill_event {
    struct drill_event *next;
    struct drill_place place;
    enum drill_event_kind kind;
    enum drill_time_kind time_kind;
    vt_span start, end; /* since the script's beginning; those that are relative, once they have come up */
    vt_span offset;     /* what they were relative to */
    struct drill_packet *packet;
    struct drill_call *call;
    const char *text; /* of a shell line or code */
    struct drill_place text_place;
};

struct drill_script {
    const char *path;
    struct drill_options options;
    const char *init, *cleanup; /* shell lines, or NULL */
    struct drill_place init_place, cleanup_place;
    struct drill_event *events;
};

/* Reads a script of `len` bytes. False, with the error told. */
bool drill_parse(struct drill_script *script, const char *text, size_t len, const char *const *options,
                 unsigned noptions, struct drill_error *error);

/* A symbol's value: SOL_SOCKET, EAGAIN, ... False when there is none of that name. */
bool drill_symbol(const char *name, int64_t *value);
/* The name of an errno, "E..."; the number in words when it has none. */
const char *drill_errno_name(struct drill_arena *a, int error);

#endif
