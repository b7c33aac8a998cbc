/* The two halves of the echo program (src/application/echo.c). */
#ifndef VT_APPLICATION_ECHO_H
#define VT_APPLICATION_ECHO_H

#include "base/wheel.h"
#include "console.h"
#include "sockets.h"

#define VT_ECHO_RECV 1024 /* the notes' recv(1024) */
#define VT_ECHO_TEXT 2048 /* the client's longest text; a longer line goes as several */

struct vt_echo_conn;

struct vt_echo_server {
    struct vt_watched listener;
    struct vt_wheel wheel;
    struct vt_echo_conn *conns;
    uint64_t n_conns, max_conns;
    bool once, notes_loop, quiet;
    bool accepted; /* --once: the one conversation has begun */
    bool paused;   /* not accepting: too many clients, or no descriptor to be had */
    struct vt_timer resume;
};

enum vt_echo_state {
    VT_ECHO_CONNECTING,
    VT_ECHO_IDLE,    /* wants a text */
    VT_ECHO_TALKING, /* sends one, and hears its answer */
};

struct vt_echo_client {
    struct vt_watched sock;
    struct vt_endpoint to;
    enum vt_echo_state state;
    char *says; /* --say: texts, one behind another, each with its 0 */
    size_t says_size, says_at;
    bool scripted, prompted, input_ended, differs;
    size_t in_at, in_len;
    size_t len, sent, heard; /* of the text under way */
    char in[VT_ECHO_TEXT];   /* input not yet made a text */
    char text[VT_ECHO_TEXT + 1], answer[VT_ECHO_TEXT + 1];
};

struct vt_echo {
    struct vt_console console;
    bool is_client;
    union {
        struct vt_echo_server server;
        struct vt_echo_client client;
    } u;
    char out[4 * (VT_ECHO_TEXT + 1) + 64]; /* a whole answer, every byte of it escaped */
};

int vt_echo_server_start(struct vt_process *p, struct vt_echo *echo, int argc, char **argv);
void vt_echo_server_step(struct vt_process *p, struct vt_echo *echo);
void vt_echo_server_end(struct vt_process *p, struct vt_echo *echo);

int vt_echo_client_start(struct vt_process *p, struct vt_echo *echo, int argc, char **argv);
void vt_echo_client_step(struct vt_process *p, struct vt_echo *echo);
void vt_echo_client_end(struct vt_process *p, struct vt_echo *echo);

#endif
