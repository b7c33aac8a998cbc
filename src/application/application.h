/* Programs of the house: echo, HTTP, ping. A program is a step function, called when one of its sockets is
 * ready, its input has something, or its time has come; it never blocks. It is written to one table of socket
 * calls, of which there are two: a lab host's (session floor) and the kernel's. The socket hides what lies
 * below.
 */
#ifndef VT_APPLICATION_APPLICATION_H
#define VT_APPLICATION_APPLICATION_H

#include <vitro/socket.h>
#include "base/core.h"

/* The calls of <vitro/socket.h>, `net` in place of the host. */
struct vt_socket_api {
    int (*socket)(void *net, int domain, int type, int protocol);
    int (*bind)(void *net, int fd, const struct vt_addr *addr);
    int (*listen)(void *net, int fd, int backlog);
    int (*accept)(void *net, int fd, struct vt_addr *peer);
    int (*connect)(void *net, int fd, const struct vt_addr *peer);
    long (*sendto)(void *net, int fd, const void *buf, size_t len, int flags, const struct vt_addr *to);
    long (*recvfrom)(void *net, int fd, void *buf, size_t len, int flags, struct vt_addr *from);
    /* vt_sock_recvmsg(); with VT_MSG_ERRQUEUE, errors about our datagrams. */
    long (*recvmsg)(void *net, int fd, void *buf, size_t len, int flags, struct vt_msg_info *info);
    int (*shutdown)(void *net, int fd, int how);
    int (*close)(void *net, int fd);
    int (*getsockname)(void *net, int fd, struct vt_addr *addr);
    int (*getpeername)(void *net, int fd, struct vt_addr *addr);
    int (*setsockopt)(void *net, int fd, int level, int name, const void *val, size_t len);
    int (*getsockopt)(void *net, int fd, int level, int name, void *val, size_t *len);
    int (*epoll_create)(void *net);
    int (*epoll_ctl)(void *net, int epfd, int op, int fd, const struct vt_epoll_event *ev);
    int (*epoll_wait)(void *net, int epfd, struct vt_epoll_event *evs, int max);
    int (*resolve)(void *net, const char *name, struct vt_addr *addr);
};

/* The session floor as a socket table; `net` is a struct vt_sockets. */
extern const struct vt_socket_api vt_session_api;

/* A file, as a program may read it; the driver says what a path means. Paths are relative, '/'-separated,
 * without ".."; `open` refuses what leaves the root. */
struct vt_file_info {
    uint64_t size;
    uint64_t mtime; /* seconds since 1970 */
    bool dir;
};
struct vt_file_api {
    int (*open)(void *root, const char *path, struct vt_file_info *info,
                void **file); /* -VT_ENOENT, -VT_EACCES */
    long (*read)(void *root, void *file, uint64_t offset, void *buf, size_t len);
    void (*close)(void *root, void *file);
    /* The next name in an open directory, hidden ones (".x") and special files left out: 1, or 0 past the
     * last. `name` gets it with its 0, -VT_ENAMETOOLONG skips it. NULL: directories are not listed. */
    int (*list)(void *root, void *dir, char *name, size_t cap, struct vt_file_info *info);
};

struct vt_program;

/* A running program: what it was given, and what it asks for. */
struct vt_process {
    const struct vt_program *program;
    void *state; /* program->state bytes, zeroed: the driver's, or NULL for vt_process_start() to make */
    bool own_state;
    /* given */
    const struct vt_socket_api *api;
    void *net;
    struct vt_allocator mem;
    int epfd; /* a set of its own, to watch its sockets with; made by vt_process_start(), closed by its end */
    vt_time now;        /* set before each step */
    uint64_t unix_time; /* seconds since 1970 at `now`: for an HTTP date */
    struct vt_rng *rng;
    bool stop; /* asked to end: Ctrl-C. It closes its sockets and sets `done`. */
    long (*read)(void *io, void *buf, size_t len); /* standard input: bytes, 0 at its end, -VT_EAGAIN */
    long (*write)(void *io, int fd, const void *buf,
                  size_t len); /* standard output (1) and error (2); takes all or part, -VT_EAGAIN */
    void *io;
    bool tty;                        /* standard output is a terminal */
    const struct vt_file_api *files; /* NULL: none */
    void *root;
    void *hook; /* program->name's own hook, see there: HTTP's live pages */
    void (*say)(struct vt_process *p, const char *text); /* an APP event; NULL: nobody listens */
    /* asked for */
    vt_time wake;     /* step at this time; VT_NEVER for not */
    bool want_input;  /* step when standard input has something */
    bool want_output; /* step when standard output takes something again */
    bool done;
    int status; /* exit code */
};

struct vt_program {
    const char *name;    /* "echo" */
    const char *summary; /* one line */
    const char *usage;   /* the whole --help text */
    size_t state;
    /* Reads its arguments (argv[0] is its name) and opens its sockets. 0, or an exit code with a message
     * written. */
    int (*start)(struct vt_process *p, int argc, char **argv);
    /* Called when what was asked for is there; the set is level-triggered, so a driver calls it again while
     * something in it is ready. */
    void (*step)(struct vt_process *p);
    /* Frees what start and step made. Called once, done or not. */
    void (*end)(struct vt_process *p);
};

extern const struct vt_program vt_program_echo; /* echo server|client */
extern const struct vt_program vt_program_http; /* http serve|get */
extern const struct vt_program vt_program_ping;
extern const struct vt_program vt_program_bulk; /* bulk send|sink: bytes as fast as they go */
/* By name; NULL when there is none. */
const struct vt_program *vt_program_find(const char *name);

/* A page that is part of the program: at `path` ("/app.js", "/" for the root). */
struct vt_http_asset {
    const char *path;
    const char *type; /* "text/html; charset=utf-8" */
    const void *data;
    size_t len;
    uint32_t mark; /* non-zero: a connection that asks for it is marked with SO_MARK */
};

/* HTTP's hook: pages that are made at the moment they are asked for. `path` starts with '/', decoded; `query`
 * is what stood behind '?', as sent, or "". Returns 0 and a body of exactly `*len` bytes from `mem`, which
 * the server frees as such, and a type that stays valid; or -VT_ENOENT. `*mark` non-zero: the connection is
 * marked with SO_MARK. `page` may be NULL.
 *
 * What is looked for first: assets, then `page`, then files.
 */
struct vt_http_hook {
    int (*page)(void *ctx, const char *path, const char *query, struct vt_allocator *mem, void **body,
                size_t *len, const char **type, uint32_t *mark);
    void *ctx;
    const struct vt_http_asset *assets; /* stay the caller's, unchanged while the server runs */
    size_t n_assets;
};

/* Helpers for drivers. Start: the driver has zeroed the process and filled in what is "given"; makes `state`
 * and `epfd`, sets `wake` to VT_NEVER and calls program->start. Returns 0, or the exit code of a start that
 * failed (done and status are then set too; 71 when there was no memory or no epoll set). End: calls
 * program->end and frees what start made; call it once, whatever start returned. `argv` need not outlive the
 * call. */
int vt_process_start(struct vt_process *p, const struct vt_program *program, int argc, char **argv);
void vt_process_end(struct vt_process *p);

#endif
