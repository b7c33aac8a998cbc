/* The kernel's own sockets as a table that programs of the house run over, and a driver that runs one: the
 * same program text over Vitro's TCP and over Linux's.
 */
#ifndef VT_PLUG_KERNEL_SOCKETS_H
#define VT_PLUG_KERNEL_SOCKETS_H

#include "application/application.h"

/* IPv4 (`net` is not used, and may be NULL). Sockets are non-blocking and closed on exec; options and numbers
 * are Linux's already, errors are translated by name. Names are looked up as the system does, which may take
 * its time. */
extern const struct vt_socket_api vt_kernel_api;

/* -VT_ECONNREFUSED for ECONNREFUSED; -VT_EIO for what has no name of ours. */
int vt_error_from_errno(int error);

struct vt_kernel_run_options {
    const char *root; /* a directory for the program's files; NULL: none */
    void *hook;       /* vt_process.hook */
};

/* Runs a program until it is done, in real time: its sockets are the kernel's, its input and output this
 * process's, SIGINT and SIGTERM ask it to stop (a second one ends the process at once). Returns its exit
 * code; 71 when the system gave out. `options` may be NULL. Not for two threads at once: signals belong to
 * the process. */
int vt_kernel_run_with(const struct vt_program *program, int argc, char **argv,
                       const struct vt_kernel_run_options *options);
int vt_kernel_run(const struct vt_program *program, int argc, char **argv);

#endif
