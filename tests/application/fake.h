/* A network in memory for the tests of programs: one table of sockets, a clock of its own, and processes that
 * are stepped until nothing more happens. Everything is a function of its seed.
 *
 * Streams behave as TCP's do where programs can tell: sends and receives take parts, buffers are bounded, a
 * close with unread bytes resets the other end.
 */
#ifndef TESTS_APPLICATION_FAKE_H
#define TESTS_APPLICATION_FAKE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "application/application.h"
#include "base/random.h"

#define FAKE_SOCKETS 256
#define FAKE_BUFFER  65536
#define FAKE_WATCHES 256
#define FAKE_OUTPUT  (1 << 20)

enum fake_kind {
    FAKE_FREE,
    FAKE_STREAM,
    FAKE_LISTENER,
    FAKE_PING,
    FAKE_EPOLL,
};

struct fake_message {
    uint8_t bytes[2100];
    size_t len;
    struct vt_msg_info info;
};

struct fake_socket {
    enum fake_kind kind;
    struct vt_addr local, remote;
    int peer; /* a stream's other end; -1: closed there */
    bool connected, ended, shut, reset;
    int error;
    uint8_t *in; /* FAKE_BUFFER bytes: what has arrived */
    size_t at, len;
    int queue[128]; /* a listener's: those not yet accepted */
    unsigned queued, backlog;
    struct fake_message replies[16], errors[16];
    unsigned n_replies, n_errors;
    uint32_t mark;
    int ttl;
    struct {
        int fd;
        struct vt_epoll_event ev;
    } watch[FAKE_WATCHES];
    unsigned watches;
};

struct fake_net {
    vt_time now;
    struct fake_socket *sockets;
    struct vt_rng rng;
    size_t max_io;    /* bytes that one send or receive takes at most; 0: random, 1 to 7 */
    size_t buffer;    /* bytes that a stream holds, at most FAKE_BUFFER */
    int accept_error; /* what the next accept returns instead, once */
    uint16_t next_port;
    /* memory */
    long allocations, fail_at; /* the fail_at-th allocation fails, from 1; 0: none */
    size_t live, most;
    /* ping: called for each echo that is sent */
    void (*on_echo)(struct fake_net *net, struct fake_socket *s, const uint8_t *bytes, size_t len);
    long sends, zero_sends; /* of streams: how many, and how many of no bytes */
};

extern const struct vt_socket_api fake_api;

void fake_net_init(struct fake_net *net, uint64_t seed);
/* Every socket is closed and all memory back. */
void fake_net_check(struct fake_net *net);
void fake_net_fini(struct fake_net *net);

/* A process, its input a text, its output kept. */
struct fake_process {
    struct vt_process p;
    struct fake_net *net;
    const char *input;  /* what standard input still has */
    bool input_stays;   /* at its end, nothing more comes yet, instead of the end */
    size_t output_room; /* bytes that output still takes; SIZE_MAX: any */
    char out[FAKE_OUTPUT], err[65536];
    size_t out_len, err_len;
    long steps;
    struct vt_rng rng;
};

/* Starts; the words are its arguments, "echo server 80". A word in the text may be quoted with '. Returns
 * what vt_process_start() does. */
int fake_start(struct fake_process *f, struct fake_net *net, const char *command);
void fake_end(struct fake_process *f);
/* Steps every process that is not done, until none has anything to do at this moment. */
void fake_settle(struct fake_net *net, struct fake_process **list, unsigned n);
/* The same, and moves the clock on to the next wake, up to `until` (then the clock stands there). */
void fake_run(struct fake_net *net, struct fake_process **list, unsigned n, vt_time until);

/* ---- A raw client or server of the tests' own ---- */

int fake_connect(struct fake_net *net, uint16_t port); /* to 127.0.0.1:port */
int fake_listen(struct fake_net *net, uint16_t port);
/* Sends all of a text; it must fit. */
void fake_send(struct fake_net *net, int fd, const char *text);
/* Takes what has arrived, with a 0 behind; returns its length, -1 for a reset connection. `ended` may be
 * NULL. */
long fake_take(struct fake_net *net, int fd, char *buf, size_t cap, bool *ended);

/* The file table of the tests: `root` is a NULL-ended array. */
struct fake_file {
    const char *path; /* "a/b.txt"; a directory ends with '/' */
    const char *text;
    uint64_t mtime;
    size_t shrinks_to; /* reads end here although the size says more; 0: not */
};
extern const struct vt_file_api fake_files;

#endif
