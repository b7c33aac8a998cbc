/* What the files of the lab's half of `vitro exec` share. */
#ifndef VT_PLUG_EXEC_INTERNAL_H
#define VT_PLUG_EXEC_INTERNAL_H

#include "exec_lab.h"
#include "exec_wire.h"

/* A call that waits for its socket. */
struct vt_exec_waiter {
    struct vt_exec_waiter *next;
    uint64_t cookie;
};

enum vt_exec_state {
    VT_EXEC_NEW,
    VT_EXEC_CONNECTING,
    VT_EXEC_LISTENING,
    VT_EXEC_OPEN,  /* carries bytes */
    VT_EXEC_ENDED_ /* reset or refused: its errors can be asked */
};

struct vt_exec_sock {
    struct vt_exec *x;
    struct vt_real_fd end; /* our end of the pair; fd -1: closed */
    uint32_t id;           /* from 1 */
    int vt;                /* on the host */
    uint8_t state;         /* enum vt_exec_state */
    bool datagram;
    bool in_ended, in_shut;   /* the program writes no more; and the peer was told */
    bool out_ended, out_shut; /* the peer writes no more; and the program was told */
    bool left;                /* the program has closed its end */
    int error;                /* for SO_ERROR, negative */
    uint32_t fill;            /* bytes in our end that mean nothing: they kept it from being writable */
    uint32_t tokens;          /* in a listener's pipe */
    struct vt_exec_waiter *waiters, **waiters_tail;
    unsigned nwaiters;
    /* Read from the program, and not taken by the host yet. */
    uint8_t *in;
    uint32_t in_at, in_len;
    struct vt_buf out; /* of the connection, and not taken by the program yet: from out_at on */
    uint32_t out_at;
    bool resolver; /* a datagram socket whose peer, `nameserver`, the lab's resolver stands for */
    struct vt_addr nameserver;
    struct vt_addr from; /* who sent the datagram in the program's end, or the last one there */
    struct vt_exec_sock *ended_next;
};

struct vt_exec_answer {
    struct vt_exec_answer *next;
    int fd; /* to be passed and closed, -1: none */
    size_t len;
    uint8_t bytes[];
};

struct vt_exec {
    struct vt_exec *next;
    struct vt_real *real;
    struct vt_lab *lab;
    const char *host_name;
    struct vt_host *host;
    int epfd;
    struct vt_real_fd rpc;
    struct vt_real_task task, end_task;
    struct vt_exec_sock **sock; /* sock[id - 1], NULL: free */
    uint32_t nsock, cap, live;
    struct vt_exec_sock *ended, **ended_tail;
    unsigned nended;
    struct vt_exec_answer *answers, **answers_tail;
    unsigned nanswers;
    bool broken;
    void (*gone)(void *ctx, struct vt_exec *x);
    void *ctx;
    uint8_t scratch[VT_EXEC_DATA];
    uint8_t request[sizeof(struct vt_exec_msg) + VT_EXEC_DATA];
    uint8_t message[sizeof(struct vt_exec_msg) + VT_EXEC_DATA];
};

/* exec_lab.c */
void vt_exec_say(struct vt_exec *x, const struct vt_exec_msg *m, const void *data, int fd);
/* The socket is not carried any further: the program is to see a reset. */
void vt_exec_reset(struct vt_exec_sock *s, int error);
void vt_exec_sock_free(struct vt_exec_sock *s, bool abort);
/* Moves what can be moved between a socket's two sides. The socket may be gone afterwards. */
void vt_exec_pump(struct vt_exec_sock *s);

/* exec_call.c */
void vt_exec_call(struct vt_exec *x, const struct vt_exec_msg *m, const uint8_t *data);
/* A socket has changed: calls that wait for it are answered. */
void vt_exec_settle(struct vt_exec_sock *s);
struct vt_exec_sock *vt_exec_sock_new(struct vt_exec *x, int vt, bool datagram, int *theirs, int *err);

/* exec_datagram.c */
void vt_exec_pump_datagrams(struct vt_exec_sock *s);
long vt_exec_send_datagram(struct vt_exec_sock *s, const void *data, size_t len, const struct vt_addr *to);
/* connect() of a datagram socket; `peer` NULL takes it off its peer. */
int vt_exec_connect_datagrams(struct vt_exec_sock *s, const struct vt_addr *peer);
bool vt_exec_datagram_waits(const struct vt_exec_sock *s);

/* exec_dns.c: answers a DNS query from the host's names. Bytes of the answer, 0: none is to be given. */
size_t vt_exec_resolve(struct vt_host *h, const uint8_t *query, size_t len, uint8_t *answer, size_t size);

#endif
