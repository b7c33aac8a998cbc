/* Segments as lines of text, and back (see tcp_rig.h). */
#ifndef TESTS_TRANSPORT_TCP_LINE_H
#define TESTS_TRANSPORT_TCP_LINE_H

#include "transport/tcp_wire.h"

#define LINE_TEXT 512

struct line {
    uint16_t flags;
    uint32_t from, to, len;
    bool ack_ok, win_ok, urg_ok, opts_ok, ts_any;
    bool push_any; /* the flag `p`: PSH or not */
    uint32_t ack, win, urg;
    struct vt_tcp_opts o;
    uint8_t raw[40]; /* of `hex` */
    unsigned raw_len;
    uint32_t order[8]; /* kinds of the options in their order; only read */
};

/* NULL, or what was not understood. */
const char *line_parse(struct line *l, const char *text);
/* Text of LINE_TEXT bytes. */
void line_print(char *text, const struct line *l);

#endif
