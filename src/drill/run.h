/* The interpreter of one script: its host, its clock, its connections and descriptors. */
#ifndef VT_DRILL_RUN_H
#define VT_DRILL_RUN_H

#include "device.h"
#include "drill.h"
#include "host/host.h"

#define DRILL_EPOCH \
    (1000 * (vt_time)VT_SEC) /* the host's clock when a script begins: the past is a time like any */

/* ---- Connections, as the script sees them ----
 *
 * A script does not know the numbers that the host chooses: ports, initial sequence numbers, timestamps. Each
 * is learned when it first appears, and from then on translated: script numbers into live ones coming in,
 * live ones into script numbers going out. Numbers of segments with SYN are absolute, all others count from
 * the SYN's, as tcpdump shows them. */

enum drill_conn_state {
    DRILL_CONN_INIT,
    DRILL_CONN_NEW,       /* socket() */
    DRILL_CONN_LISTENING, /* listen() */
    DRILL_CONN_SYN_CAME,  /* a packet came in for a listener, or for nobody */
    DRILL_CONN_SYNACK_SENT,
    DRILL_CONN_SYNACK_ACKED,
    DRILL_CONN_CONNECTING, /* connect(), or a datagram's sendto() */
    DRILL_CONN_SYN_SENT,
    DRILL_CONN_SYN_ACKED,
};

struct drill_ts_pair {
    uint32_t script, live;
};

struct drill_conn {
    struct drill_conn *next;
    enum drill_conn_state state;
    int type;                /* VT_SOCK_* */
    uint8_t protocol;        /* VT_PROTO_* */
    int script_fd;           /* -1: no descriptor */
    struct drill_tuple live; /* of packets that come in: src is the peer */
    uint32_t live_isn, live_peer_isn;
    uint32_t script_isn; /* the peer's is the same in both worlds: the script chose it */
    bool syn_anew;       /* a SYN of another number came: its answer begins the connection anew */
    uint32_t anew_isn;   /* that number */
    struct drill_ts_pair *ts;
    unsigned nts, ts_cap;
    bool ts_known;
    struct drill_ts_pair first_ts;
    /* The programs' streams: bytes written and read, to know which byte stands where. */
    uint32_t written, read;
    bool unsure; /* urgent data or the like has disturbed the count */
};

/* ---- Descriptors ---- */

enum drill_fd_kind {
    DRILL_FD_FREE,
    DRILL_FD_SOCKET,
    DRILL_FD_EPOLL,
    DRILL_FD_FILE,
    DRILL_FD_PIPE, /* either end */
};

/* A file that a shell line made, or a pipe: a number of bytes. */
struct drill_file {
    struct drill_file *next;
    const char *path;
    size_t len;
    bool there;
};

#define DRILL_FDS      1024
#define DRILL_COUNTERS 1 /* of nstat */

struct drill_fd {
    enum drill_fd_kind kind;
    int live;
    bool nonblock;
    struct drill_conn *conn; /* of a socket */
    struct drill_file *file;
};

struct drill_op;
struct drill_code;
struct vt_ladder;

struct drill_run {
    const struct drill_script *script;
    const struct drill_options *options;
    const struct vt_drill_config *config;
    struct drill_arena *arena;
    struct drill_error *error;
    struct vt_host *host;
    struct drill_device device;
    vt_time start, now, next; /* when the script began; the time; when the host wants to be polled */
    const struct drill_event *event, *last;
    unsigned events;
    struct drill_conn *conns;       /* the newest first */
    struct drill_conn *under_test;  /* whose packets the script speaks of */
    uint16_t next_port;             /* of the next peer */
    const struct drill_live *stray; /* the first packet that was none of the script's connections */
    struct drill_fd fd[DRILL_FDS];  /* by the script's numbers */
    struct drill_op *pending;       /* the call that is waiting */
    struct drill_file *files;
    uint64_t counted[DRILL_COUNTERS]; /* by nstat */
    struct drill_code *code;          /* variables of code blocks */
    struct vt_ladder *ladder;         /* NULL: none is drawn */
    uint8_t *scratch;                 /* DRILL_WIRE_MAX bytes */
};

/* ---- run.c ---- */

/* Lets the host work at `now`, and the waiting call look again. False when the script fails by it. */
bool drill_step(struct drill_run *r);
/* Lets time pass until `to`. */
bool drill_advance(struct drill_run *r, vt_time to);
/* Lets time pass until the host has something to do, at most until `limit`: *moved is false when there was
 * nothing, the time then being `limit`. */
bool drill_advance_once(struct drill_run *r, vt_time limit, bool *moved);
/* Time since the script's beginning, and back. */
static inline vt_span drill_script_time(const struct drill_run *r, vt_time t)
{
    return (vt_span)(t - r->start);
}
/* Judges a moment: of `event`, or of the end of its call when `end` is meant. `what` happened then. */
bool drill_check_time(struct drill_run *r, const struct drill_event *event, bool of_end, vt_time at,
                      const char *what);
/* "0.104000" */
const char *drill_time_text(struct drill_arena *a, vt_span t);
/* Tells the reader who asked for it what happens. */
void drill_tell(struct drill_run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- run_packet.c ---- */

bool drill_run_packet(struct drill_run *r);
/* At the end: what was sent that nobody asked for. */
bool drill_check_leftovers(struct drill_run *r);

/* ---- conn.c ---- */

struct drill_conn *drill_conn_new(struct drill_run *r);
/* Whose packet this line of the script is. NULL with the error told. */
struct drill_conn *drill_conn_for_line(struct drill_run *r, const struct drill_packet *k);
/* True when the connection has sent this packet, as far as can be known; it learns its addresses. */
bool drill_conn_sent(struct drill_run *r, struct drill_conn *c, const struct drill_packet *k,
                     const struct drill_live *live);
/* A script's packet made live (coming in). */
bool drill_map_in(struct drill_run *r, struct drill_conn *c, struct drill_packet *k);
/* A live packet put into the script's numbers (going out); `expected` is what the script says. */
void drill_map_out(struct drill_conn *c, struct drill_packet *k);
void drill_map_out_ts(struct drill_run *r, struct drill_conn *c, struct drill_packet *k,
                      const struct drill_packet *expected);

/* ---- match.c ---- */

/* Compares; the differences by name in *fields ("ack, win"), NULL when there are none. */
const char *drill_match(struct drill_run *r, struct drill_conn *c, const struct drill_packet *expected,
                        const struct drill_packet *actual, const uint8_t *payload);

/* ---- call.c ---- */

bool drill_run_call(struct drill_run *r);
/* The waiting call looks again. */
bool drill_op_step(struct drill_run *r);
/* Lets time pass until no call is waiting, at most a second. */
bool drill_op_settle(struct drill_run *r);

/* ---- shell.c, code.c, ladder.c ---- */

/* Runs `body`, and when the configuration asks for it, draws what happened into *text, the caller's to free.
 */
void drill_run_ladder(struct drill_run *r, bool (*body)(struct drill_run *r), char **text);
/* The ladder begins to hear of the host. */
void drill_listen(struct drill_run *r);
/* A whole file, with a 0 behind it; NULL, with errno, when it cannot be read or is above 4 MB. */
char *drill_read_file(struct drill_arena *a, const char *path, size_t *len);

bool drill_run_shell(struct drill_run *r, const char *text, struct drill_place place);
bool drill_run_code(struct drill_run *r);

#endif
