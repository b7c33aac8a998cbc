/* The control socket of a running lab: a Unix stream socket, $XDG_RUNTIME_DIR/vitro/NAME.sock, or
 * /tmp/vitro-UID/NAME.sock without that variable. Only its owner may open it.
 *
 * One JSON object a line, at most VT_CONTROL_LINE bytes, version first:
 *
 *     -> {"vitro": 1, "do": "sockets", "host": "a"}
 *     <- {"vitro": 1, "ok": true, "result": [...]}
 *     <- {"vitro": 1, "ok": false, "error": "there is no host 'x'"}
 *
 *     do           arguments             result
 *     info                               name, pid, seed, time (ns), nodes
 *     sockets, addrs, routes, neighbours  host (optional)      rows (src/lab/views.h)
 *     links, nodes, fdb                  rows
 *     impair       link, dir, text       the link's row; dir: "both", "forth", "back"; text in tc's words
 *     fault        link, dir, text       the link's row
 *     run          host, argv, tty, root {"program": N}; then, when it has ended, {"vitro": 1, "exit":
 * STATUS} stop, kill                         of the program that this connection runs trace        frames
 * null; then event records as <vitro/event.h> has them, each followed by its extra bytes, until either side
 * closes quit                               null; the lab ends in order
 *
 * `exec` comes with one descriptor: a seqpacket socket, over which the host's sockets are used by a program
 * outside (src/plug/exec_wire.h); the answer is null.
 *
 * `run` comes with three descriptors (SCM_RIGHTS): standard input, output and error of the program. A client
 * that goes away stops its program. What a client does not read in time is bounded: answers end the
 * connection, events are lost and counted by a GAP event. */
#ifndef VT_PLUG_CONTROL_H
#define VT_PLUG_CONTROL_H

#include <stddef.h>
#include "lab/real.h"

#define VT_CONTROL_VERSION 1
#define VT_CONTROL_LINE    65536
#define VT_CONTROL_CLIENTS 256
#define VT_CONTROL_PATH    108 /* sun_path */

struct vt_control;

/* The socket's path of a lab named `name`; with `make`, its directory is made (mode 0700). 0, or a negative
 * errno: -EPERM when the directory is not ours alone. */
int vt_control_path(char path[VT_CONTROL_PATH], const char *name, bool make);
/* Opens the socket; `quit` is called when a client asks the lab to end. 0, or a negative errno: -EADDRINUSE
 * when a lab of that name runs. A socket that nobody answers is removed first. */
int vt_control_open(struct vt_control **out, struct vt_real *real, const char *name, void (*quit)(void *ctx),
                    void *ctx);
/* Programs that still run for clients. */
unsigned vt_control_programs(const struct vt_control *control);
/* Asks them all to end. */
void vt_control_stop_programs(struct vt_control *control);
void vt_control_close(struct vt_control *control);

#endif
