/* One seeded conversation after another, held with Vitro and with the kernel; what comes back is compared.
 *
 *   sequence  the steps of a conversation, from a seed
 *   wire      segments as bytes and back: this program's own, nothing of the stack's
 *   peer      plays the steps: the peer's segments, the program's calls; writes down what comes back
 *   stack     the two that are judged: kernel (a TUN device in a network namespace), vitro (virtual time)
 *   compare   lines up what came back
 *   classes   the differences that are agreed upon, each with both replies and its reason
 *   main      options, batches, the report
 */
#ifndef TESTS_DIFFERENTIAL_H
#define TESTS_DIFFERENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MS UINT64_C(1000000) /* of nanoseconds */

/* ---- Segments ---- */

enum {
    F_FIN = 1,
    F_SYN = 2,
    F_RST = 4,
    F_PSH = 8,
    F_ACK = 16,
    F_URG = 32,
    F_ECE = 64,
    F_CWR = 128,
};

struct segment {
    uint32_t src, dst; /* IPv4, as numbers */
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint8_t flags;
    uint16_t wnd, urgent;
    uint8_t opts[40];
    unsigned nopts;
    const uint8_t *data;
    uint32_t len;
    bool bad; /* a checksum that is wrong */
};

#define FRAME_MAX 4096

/* Returns the bytes written to `out` (FRAME_MAX). */
size_t wire_build(uint8_t *out, const struct segment *s);
/* False: not TCP over IPv4. A wrong checksum is told by `bad`. */
bool wire_parse(struct segment *s, const uint8_t *bytes, size_t len);
/* The options in words, numbers of the other side counted from `base`: "mss 1460,sackOK,TS,nop,wscale 7". */
void wire_options(char *text, size_t size, const struct segment *s, uint32_t base);
/* The value of an option's first field: 0 when it is not there. `kind` 8 gives TSval; for wscale, shift + 1.
 */
uint32_t wire_option(const struct segment *s, uint8_t kind);

/* ---- Sequences ---- */

enum step_kind {
    STEP_WAIT,    /* nothing happens */
    STEP_SEGMENT, /* the peer sends */
    STEP_LOST,    /* the peer sends, and the network loses it: only his numbers move */
    STEP_CONNECT, /* calls of the program */
    STEP_ACCEPT,
    STEP_SEND,
    STEP_RECV,
    STEP_SHUTDOWN,
    STEP_CLOSE,
    STEP_ABORT, /* SO_LINGER of 0, and close */
};

enum seq_from {
    SEQ_NXT,   /* where the peer's stream stands */
    SEQ_START, /* the peer's first number */
    SEQ_LAST,  /* what he sent last, again */
    SEQ_ZERO,
};
enum ack_from {
    ACK_ALL,   /* all that came */
    ACK_KEPT,  /* what was acknowledged last */
    ACK_HALF,  /* half of what is open */
    ACK_START, /* the stack's first number */
};

struct step {
    enum step_kind kind;
    uint8_t flags;
    enum seq_from seq;
    enum ack_from ack;
    int32_t seq_off, ack_off;
    uint32_t len; /* payload; bytes of a call */
    bool advance; /* the peer's stream moves on by it */
    uint16_t wnd;
    uint16_t urgent;
    bool no_ts, old_ts, sack, bad_sum;
    uint8_t opts[40]; /* given whole; for a SYN */
    unsigned nopts;
    char name[24];
};

#define STEPS_MAX 64

enum opening {
    OPEN_PASSIVE, /* a listener */
    OPEN_ACTIVE,  /* the program connects */
    OPEN_NOBODY,  /* no socket at all */
};

struct sequence {
    uint64_t seed;
    enum opening opening;
    bool ts, sack; /* whether the peer's SYN offers them */
    uint8_t shift; /* of his window */
    struct step step[STEPS_MAX];
    unsigned steps;
};

void sequence_make(struct sequence *q, uint64_t seed);

/* ---- What comes back ---- */

enum window_class {
    WINDOW_SHUT,
    WINDOW_SMALL, /* under 536 bytes */
    WINDOW_OPEN,
};

struct reply {
    unsigned step;
    uint64_t at; /* since the conversation began */
    bool is_call;
    long result; /* of a call: what it returned, errors negative */
    uint8_t flags;
    uint32_t seq, ack; /* counted from the initial numbers */
    uint32_t len;
    uint16_t urgent;
    uint32_t wnd; /* in bytes */
    enum window_class window;
    bool wrong_bytes, wrong_sum;
    char opts[120];
};

#define REPLIES_MAX 512

/* One conversation with one stack. */
struct conn {
    const struct sequence *q;
    const struct stack *stack;
    void *host; /* the stack's own */
    uint32_t peer_ip, our_ip;
    uint16_t peer_port, our_port;
    int fd, listener; /* -1: none */
    uint32_t iss;     /* the peer's */
    uint32_t nxt, last, last_len;
    uint32_t irs, seen, kept; /* the stack's first number; beyond the last that came; acknowledged */
    uint32_t half;            /* where a segment before the last ended, for SACK */
    bool irs_known, ts_agreed, wscale_agreed, sack_agreed;
    uint8_t stack_shift;
    uint32_t ts_recent;
    uint32_t written, read;
    unsigned now_step;
    uint64_t began, when[STEPS_MAX + 1]; /* of each step, since the beginning */
    struct reply reply[REPLIES_MAX];
    unsigned replies;
};

/* The two stacks. Calls return as Linux's do, errors negative. */
struct stack {
    const char *name;
    int (*listen)(struct conn *c);
    int (*connect)(struct conn *c);
    int (*accept)(struct conn *c);
    long (*send)(struct conn *c, const void *buf, size_t len);
    long (*recv)(struct conn *c, void *buf, size_t len);
    int (*shutdown)(struct conn *c);
    int (*close)(struct conn *c, int fd, bool abort);
    void (*inject)(struct conn *c, const uint8_t *bytes, size_t len);
};

/* The conversations' bytes: of either stream a function of the place. */
uint8_t stream_byte(bool peers, uint32_t at);

void peer_begin(struct conn *c, const struct sequence *q, const struct stack *stack, unsigned index);
void peer_step(struct conn *c, unsigned step, uint64_t now);
/* Ends what is still open. */
void peer_end(struct conn *c);
void peer_hear(struct conn *c, const uint8_t *bytes, size_t len, uint64_t now);

/* NULL, or why it cannot be done. */
const char *kernel_open(void);
/* Holds `n` conversations with the kernel, all at once. They are numbered from `first`, by which they have
 * their addresses: a number used again may meet what is left of the other. */
void kernel_run(struct conn *c, unsigned first, unsigned n, uint64_t period);
void kernel_close(void);
/* Holds the same conversation with a Vitro host, at the times that `like` had. */
void vitro_run(struct conn *c, const struct sequence *q, const struct conn *like, unsigned index,
               uint64_t period);

/* ---- Judging ---- */

/* A difference: one of the two may be NULL, when only the other replied. */
struct difference {
    const struct sequence *q;
    const struct conn *kernel, *vitro;
    const struct reply *k, *v;
    unsigned step;
};

struct class
{
    const char *name;
    bool (*is)(const struct difference *d);
    const char *kernel, *vitro; /* what each does */
    const char *why;            /* document, section, reason */
    bool ends; /* from here on the two conversations are different ones: no more is compared */
};

extern const struct class classes[];
extern const unsigned class_count;

struct tally {
    uint64_t replies, classified, unclassified, sequences, cut;
    uint64_t class[64];
};

enum telling {
    TELL_NOTHING,
    TELL_UNCLASSIFIED,
    TELL_ALL, /* the whole conversation, and each difference */
};

/* Compares one conversation. False when something was unclassified. */
bool compare(const struct conn *k, const struct conn *v, struct tally *t, enum telling telling);

#endif
