/* What `vitro exec` (the supervisor of a program, src/plug/exec_run.c) and the lab (src/plug/exec_lab.c) say
 * to each other, over a Unix seqpacket socket that the supervisor made and passed to the lab (`do: exec` of
 * control.h). Both are of one build: the messages are structs as the compiler lays them out.
 *
 * A message is struct vt_exec_msg, and `len` bytes behind it. Every request is answered once by a REPLY with
 * its cookie, a call that blocks when it is settled. A message may bring one descriptor (SCM_RIGHTS).
 */
#ifndef VT_PLUG_EXEC_WIRE_H
#define VT_PLUG_EXEC_WIRE_H

#include <vitro/types.h>

#define VT_EXEC_DATA 65536 /* bytes behind a message, at most */

enum vt_exec_op {
    /* Requests. */
    VT_EXEC_SOCKET, /* a: type (1, 2), b: protocol -> sock, and the program's end */
    VT_EXEC_BIND,
    VT_EXEC_LISTEN,   /* a: backlog */
    VT_EXEC_CONNECT,  /* a: does not block, b: bytes that keep the program's end from being writable */
    VT_EXEC_ACCEPT,   /* a: does not block -> sock, addr, b: tokens to be read, and the program's end */
    VT_EXEC_SHUTDOWN, /* a: how */
    VT_EXEC_LOCAL,    /* -> addr */
    VT_EXEC_PEER,     /* -> addr */
    VT_EXEC_SETOPT,   /* a: level, b: name; data */
    VT_EXEC_GETOPT,   /* a: level, b: name, c: bytes -> data */
    VT_EXEC_SEND,     /* a: has addr; data: one datagram */
    VT_EXEC_RECV,     /* a: does not block -> addr: who sent the datagram that waits in the program's end */
    VT_EXEC_IOCTL,    /* a: request -> data */
    /* Notices of the supervisor, not answered. */
    VT_EXEC_TOKEN,  /* the listener has an accepted connection that nobody took: one more token */
    VT_EXEC_MARKED, /* a byte lies in the program's queue to the lab: closing now shows a reset */
    /* Of the lab. */
    VT_EXEC_REPLY,
    VT_EXEC_GONE,  /* the program has closed it */
    VT_EXEC_RESET, /* was reset: MARKED is waited for */
};

/* A result that tells the supervisor to let the kernel do the call, on the program's own end. */
#define VT_EXEC_NATIVE 1

struct vt_exec_msg {
    uint64_t cookie;
    uint32_t op, sock;
    int32_t result; /* of a reply: 0, VT_EXEC_NATIVE, or a negative VT_ error */
    int32_t a, b, c;
    struct vt_addr addr;
    uint32_t len;
};

#endif
