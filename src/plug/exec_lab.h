/* The lab's half of `vitro exec`: sockets of one of its hosts, for a program outside.
 *
 * For each socket the program has one end of a Unix socket pair, made here; bytes go between our end and the
 * connection. Calls come as messages (exec_wire.h). When the supervisor goes, all of them are closed as at a
 * process's end.
 */
#ifndef VT_PLUG_EXEC_LAB_H
#define VT_PLUG_EXEC_LAB_H

#include "lab/real.h"

#define VT_EXEC_SOCKETS 65536 /* of one program and its children */
#define VT_EXEC_ENDED   1024  /* reset connections of which errors and addresses can still be asked */
#define VT_EXEC_TOKENS  128   /* in a listener's pipe: more say no more than that there are some */
#define VT_EXEC_WAITERS 4096  /* calls of one socket that wait */
#define VT_EXEC_ANSWERS 65536 /* messages that wait for the supervisor */

struct vt_exec;

/* Serves the program whose supervisor holds the other end of `fd`, which it takes in any case. It frees
 * itself when that end is closed; `gone` is then called. 0, or a negative errno. */
int vt_exec_open(struct vt_exec **out, struct vt_real *real, const char *host, int fd,
                 void (*gone)(void *ctx, struct vt_exec *x), void *ctx);
/* Without `gone`. */
void vt_exec_close(struct vt_exec *x);
struct vt_exec **vt_exec_next(struct vt_exec *x); /* a link for who keeps a list of them */

#endif
