/* Runs a program of this machine on the sockets of a lab's host, without rights: the supervisor's half of
 * `vitro exec` (docs/PROGRAMS.md). The other half is exec_lab.h, in the lab. */
#ifndef VT_PLUG_EXEC_H
#define VT_PLUG_EXEC_H

#include <stdbool.h>
#include <sys/types.h>

#define VT_EXEC_LAB_GONE 125

struct vt_exec_status {
    int code;        /* the program's exit code; 125: the lab has gone, 126 and 127 as a shell's */
    int signal;      /* that ended it, or 0 */
    int error;       /* errno of what failed before the program ran, or 0 */
    const char *how; /* what that was */
};

/* Runs argv[0], found as execvp() does, and returns when it has ended; what it left behind is then killed.
 * `rpc` is the supervisor's end of the socket whose other end the lab serves; it is closed. `keep` is a child
 * of the caller's that is to stay, -1: none. */
struct vt_exec_status vt_exec_program(int rpc, char **argv, pid_t keep);
/* Whether this machine can do it: 0, or the errno of what it refuses. Takes a child. */
int vt_exec_check(void);

#endif
