/* Reading a program's arguments: options in any order, and what stands between them. */
#ifndef VT_APPLICATION_ARGS_H
#define VT_APPLICATION_ARGS_H

#include "application.h"

enum vt_option_kind {
    VT_OPTION_FLAG,   /* bool */
    VT_OPTION_NUMBER, /* uint64_t within [min, max]; sizes may end in k, M or G (powers of ten) */
    VT_OPTION_SPAN,   /* vt_span: seconds, with decimals; min and max in nanoseconds */
    VT_OPTION_TEXT,   /* const char *, into argv */
    VT_OPTION_LIST,   /* struct vt_option_list: every text, in order */
};

#define VT_OPTION_LIST_MAX 64
struct vt_option_list {
    unsigned n;
    const char *text[VT_OPTION_LIST_MAX];
};

struct vt_option {
    const char *name; /* "count": --count 3, --count=3 */
    char letter;      /* 'c': -c 3, -c3; 0 for none. Letters of flags may stand together. */
    enum vt_option_kind kind;
    void *to; /* keeps its value when the option is absent; may be NULL for a flag that changes nothing */
    uint64_t min, max;
};

#define VT_OPTIONS_DONE (-1)

/* Reads argv[1..argc): options are stored, the others returned in `rest`, at most `rest_max` of them. `--`
 * ends the options. Returns how many others there were; VT_OPTIONS_DONE for --help or -h, which prints the
 * program's usage and sets `done`; or VT_OPTIONS_DONE with status 2 for a mistake, of which a message was
 * written. */
int vt_options_read(struct vt_process *p, const struct vt_option *options, unsigned n, int argc, char **argv,
                    const char **rest, int rest_max);
/* Writes a message about a mistake in the arguments; returns 2, the exit code of one. */
int vt_usage_error(struct vt_process *p, const char *message, const char *what);

/* Where a program listens or connects to. */
struct vt_endpoint {
    char host[256];
    uint16_t port;
};

/* "HOST:PORT", "[::1]:80"; and, when they have defaults (host not NULL, port not 0), ":PORT", "PORT", "HOST".
 * HOST is a name or a number. 0, or -VT_EINVAL. */
int vt_endpoint_parse(struct vt_endpoint *e, const char *text, const char *host, uint16_t port);
/* Looks the host up: the errors of resolve(). */
int vt_endpoint_resolve(struct vt_process *p, const struct vt_endpoint *e, struct vt_addr *addr);

/* "1.5" seconds into nanoseconds: 0, or -VT_EINVAL. */
int vt_span_parse(const char *text, vt_span *span);

#endif
