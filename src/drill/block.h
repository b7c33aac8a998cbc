/* Calls that block, as programs expect of descriptors, made of the host's calls, which never do.
 *
 * Each function makes one attempt, and is called again whenever something has happened: true when the call is
 * done, its result in `result`. Whether and how long it waits is the caller's to say. */
#ifndef VT_DRILL_BLOCK_H
#define VT_DRILL_BLOCK_H

#include <vitro/host.h>

struct drill_io {
    struct vt_host *host;
    int fd;
    bool stream;
    bool waits; /* the descriptor blocks, and nothing in the call says otherwise */
    int flags;  /* VT_MSG_* */
    uint8_t *buf;
    size_t len, done;
    bool has_addr; /* of a writer: where to; of connect(): not AF_UNSPEC */
    struct vt_addr addr;
    struct vt_msg_info *info; /* of a reader: what came along; NULL: recvfrom() */
    bool started;             /* by an earlier attempt */
    bool opening;             /* a write waits for the handshake that it began (RFC 7413) */
    bool moved;               /* this attempt has changed something */
    long result;              /* negative: an error */
};

bool drill_io_read(struct drill_io *io);
bool drill_io_write(struct drill_io *io);
bool drill_io_connect(struct drill_io *io);

#endif
