/* The two halves of the http program (src/application/http.c), and the parts of the server. */
#ifndef VT_APPLICATION_HTTP_H
#define VT_APPLICATION_HTTP_H

#include "base/text.h"
#include "base/wheel.h"
#include "console.h"
#include "http_body.h"
#include "http_parse.h"
#include "sockets.h"

#define VT_HTTP_IN  4096  /* bytes read ahead of the parser, a connection */
#define VT_HTTP_OUT 16384 /* bytes of an answer waiting to be sent, a connection */

struct vt_http;

/* ---- The server ---- */

enum vt_http_conn_state {
    VT_HTTP_CONN_HEAD,   /* reads a request's head, or waits for one */
    VT_HTTP_CONN_BODY,   /* reads a request's body, and throws it away: nothing here takes one */
    VT_HTTP_CONN_ANSWER, /* sends */
    VT_HTTP_CONN_BYE,    /* has ended its stream, and waits for the client to do so */
};

/* What an answer's body is made of. */
struct vt_http_source {
    const uint8_t *memory; /* the next bytes; NULL: of `file` */
    void *owned;           /* freed afterwards: `owned_len` bytes */
    size_t owned_len;
    void *file;
    uint64_t offset; /* of the next byte in `file` */
    uint64_t left;   /* bytes still to come */
};

/* What a connection needs while a request is under way; an idle one has none. */
struct vt_http_work {
    struct vt_http_parser parser;
    struct vt_http_body body;
    struct vt_http_source source;
    bool close;          /* after this answer */
    uint16_t status;     /* of the answer, for the log */
    uint64_t length;     /* of its body, for the log */
    struct vt_text head; /* the answer's, under construction in `out` */
    size_t in_at, in_len, out_at, out_len;
    char path[VT_HTTP_LINE + 1];
    char in[VT_HTTP_IN];
    char out[VT_HTTP_OUT];
};

struct vt_http_conn {
    struct vt_watched sock;
    struct vt_http *http;
    struct vt_http_conn *prev, *next;
    struct vt_http_work *work;
    struct vt_timer timer;
    enum vt_http_conn_state state;
    bool marked;    /* with SO_MARK: not told of */
    uint32_t count; /* requests so far */
    uint64_t moved; /* bytes read (BODY) or sent (ANSWER) since the timer was set; bytes thrown away (BYE) */
    char name[VT_ADDR_TEXT];
};

struct vt_http_server {
    struct vt_watched listener;
    struct vt_wheel wheel;
    struct vt_timer resume;
    struct vt_http_conn *conns;
    uint64_t n_conns;
    bool paused; /* not accepting */
    bool quiet;
    /* V80 and V81: what a client may make us wait and hold. */
    uint64_t max_conns;
    uint64_t max_body; /* bytes of a request's body: more is 413 */
    uint64_t min_rate; /* bytes a second, of a body or an answer */
    vt_span head_time; /* for a whole head, from its first byte */
    vt_span idle_time; /* between requests */
};

int vt_http_serve_start(struct vt_process *p, struct vt_http *http, int argc, char **argv);
void vt_http_serve_step(struct vt_process *p, struct vt_http *http);
void vt_http_serve_end(struct vt_process *p, struct vt_http *http);

/* Makes the answer to the request in c->work: its head in `out`, its body in `source`. */
void vt_http_answer(struct vt_http_conn *c);
/* The answer to one that cannot be served, with a small page; closes the connection after it when `close`. */
void vt_http_answer_error(struct vt_http_conn *c, uint16_t status, const char *why, bool close);
/* A page that lists an open directory, from the process's memory. 0, -VT_ENOMEM, or what list() returns. */
int vt_http_listing(struct vt_process *p, void *dir, const char *path, void **page, size_t *size,
                    size_t *len);
/* Closes and frees what the answer's body was made of. */
void vt_http_source_end(struct vt_process *p, struct vt_http_source *s);
/* The media type of a file by the ending of its name. */
const char *vt_http_type(const char *path);
/* The reason phrase of a status that we send. */
const char *vt_http_reason(unsigned status);
/* A decoded path into a URL's (RFC 3986 3.3): what is not unreserved or '/' as %XX. */
void vt_http_put_path(struct vt_text *t, const char *path);

/* ---- The client ---- */

enum vt_http_get_state {
    VT_HTTP_GET_CONNECTING,
    VT_HTTP_GET_SENDING,
    VT_HTTP_GET_HEAD,
    VT_HTTP_GET_BODY,
};

struct vt_http_client {
    struct vt_watched sock;
    struct vt_endpoint to;
    enum vt_http_get_state state;
    bool head_only, include, verbose, fail, progress, quiet;
    vt_time deadline, began, told;
    size_t request_len, sent;
    size_t in_at, in_len;
    struct vt_http_parser parser;
    struct vt_http_body body;
    char request[VT_HTTP_LINE + 1024];
    char in[VT_HTTP_OUT];
};

int vt_http_get_start(struct vt_process *p, struct vt_http *http, int argc, char **argv);
void vt_http_get_step(struct vt_process *p, struct vt_http *http);
void vt_http_get_end(struct vt_process *p, struct vt_http *http);

/* ---- The program ---- */

struct vt_http {
    struct vt_console console;
    bool is_client;
    union {
        struct vt_http_server server;
        struct vt_http_client client;
    } u;
    char out[2 * VT_HTTP_OUT];
};

#endif
