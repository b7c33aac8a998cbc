/* What control.c (the protocol) and control_client.c (a client's streams) share. */
#ifndef VT_PLUG_CONTROL_INTERNAL_H
#define VT_PLUG_CONTROL_INTERNAL_H

#include <jansson.h>
#include "control.h"
#include "exec_lab.h"
#include "files.h"
#include "lab/internal.h"

#define OUT_ANSWERS (4u << 20)  /* bytes of answers that may wait for a client */
#define OUT_EVENTS  (32u << 20) /* bytes of events that may wait */

struct vt_control {
    struct vt_real *real;
    struct vt_lab *lab;
    struct vt_real_fd listener;
    char path[VT_CONTROL_PATH];
    struct vt_control_client *clients;
    unsigned nclients, nprograms, ncaptures;
    struct vt_exec *execs;
    void (*quit)(void *ctx);
    void *ctx;
};

/* A standard stream of a program: a descriptor of the client's. */
struct vt_control_stream {
    struct vt_real_fd wait; /* fd -1: closed */
    struct vt_control_client *client;
    bool added;  /* in the epoll set */
    bool always; /* a file: always ready */
};

struct vt_control_client {
    struct vt_control_client *next, *prev;
    struct vt_control *control;
    struct vt_real_fd sock; /* fd -1: gone, and its program still runs */
    struct vt_real_task task;
    char *in;
    size_t in_len;
    char *out;
    size_t out_at, out_len, out_cap;
    bool broken; /* too much waits, or an error: to be closed */
    int passed[3];
    unsigned npassed;
    int program;            /* 0: none */
    struct vt_files *files; /* what it may read, NULL: nothing */
    struct vt_control_stream std[3];
    bool tracing, capturing;
    uint64_t lost;
    vt_time lost_at;
};

/* control_client.c */
/* Puts bytes behind what waits to be sent; false when `limit` would be exceeded. */
bool vt_control_put(struct vt_control_client *c, const void *bytes, size_t len, size_t limit);
/* Sends what waits, as much as goes. */
void vt_control_flush(struct vt_control_client *c);
void vt_control_start_trace(struct vt_control_client *c, bool frames);
void vt_control_stop_trace(struct vt_control_client *c);
/* Starts a program with the passed descriptors; `root` is a directory that it may read, or NULL. Its number,
 * or a negative VT_ error. */
int vt_control_run(struct vt_control_client *c, const char *host, int argc, const char *const *argv, bool tty,
                   const char *root);
void vt_control_close_streams(struct vt_control_client *c);

/* control.c */
void vt_control_say(struct vt_control_client *c, json_t *object);
void vt_control_client_free(struct vt_control_client *c);

#endif
