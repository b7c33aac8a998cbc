/* What can be wrong with a cable, in tc's words, and faults aimed at single frames. */
#ifndef VT_PHYSICAL_IMPAIR_H
#define VT_PHYSICAL_IMPAIR_H

#include "base/core.h"

/* One direction of a cable. Chances count in 10^-9. A zeroed struct is a perfect cable. */
struct vt_impair {
    uint64_t rate; /* bits per second; 0: no limit */
    vt_span delay; /* propagation, one way */
    vt_span
        jitter; /* each frame's delay is uniform in delay +- jitter; order is kept unless `reorder` says */
    uint32_t limit; /* frames waiting for the rate; 0: 1000, tc's default, where there is a rate */
    uint32_t ecn;   /* frames waiting from which on those that may be are marked, not lost; 0: none is */
    uint32_t loss, duplicate, reorder, corrupt, corrupt_inside;
    bool cut;
};

#define VT_IMPAIR_TEXT 256

/* Reads "loss 1% delay 20ms 5ms duplicate 0.1% reorder 1% corrupt 0.01% corrupt-inside 1% rate 10mbit limit
 * 100 ecn 20" in any order; words not named keep their value, "cut" and "heal" set and clear `cut`, "clear"
 * resets all. "delay" sets both the delay and the jitter. Returns 0, or -VT_EINVAL with `*where` at the
 * offending word and `*expected` saying what was expected there; *im is then as it was. */
int vt_impair_parse(struct vt_impair *im, const char *text, size_t *where, const char **expected);
/* Writes it back in the same words; "" for a perfect cable. buf holds VT_IMPAIR_TEXT. */
char *vt_impair_text(char *buf, const struct vt_impair *im);
/* True when frames pass at once, whole and all. */
bool vt_impair_is_clean(const struct vt_impair *im);

/* A fault aimed at chosen frames: "drop the 3rd ACK of this flow". */
enum vt_fault_match {
    VT_MATCH_ANY,
    VT_MATCH_ARP,
    VT_MATCH_ICMP,
    VT_MATCH_UDP,
    VT_MATCH_TCP,
    VT_MATCH_SYN, /* SYN without ACK */
    VT_MATCH_SYNACK,
    VT_MATCH_ACK, /* ACK alone: no data, no SYN, FIN, RST */
    VT_MATCH_DATA,
    VT_MATCH_FIN,
    VT_MATCH_RST,
};
enum vt_fault_action {
    VT_FAULT_DROP,
    VT_FAULT_DUPLICATE,
    VT_FAULT_CORRUPT, /* one bit, seeded */
    VT_FAULT_CORRUPT_INSIDE,
    VT_FAULT_DELAY, /* by `delay`, others overtake */
};
struct vt_fault {
    enum vt_fault_match match;
    enum vt_fault_action action;
    uint32_t nth;   /* the first frame hit, from 1 */
    uint32_t count; /* how many in a row, 0: all from there on */
    uint16_t port;  /* TCP or UDP port at either end, 0: any */
    vt_span delay;
    uint32_t seen; /* frames matched so far */
};

/* Reads "drop 3rd ack port 80", "drop syn", "drop data 2-4", "delay 1st synack 500ms", "duplicate fin": what
 * to do, to which frames, which of them (all, where nothing is said; "2-": from the second on), on which
 * port, for how long. Errors as vt_impair_parse(). */
int vt_fault_parse(struct vt_fault *f, const char *text, size_t *where, const char **expected);

#endif
