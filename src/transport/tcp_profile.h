/* Profiles: whose habits TCP has on the wire where the standards leave a choice, and whose names its knobs
 * have. Plain data: habits in two columns, other defaults, other names. The rest of TCP asks
 * `tcp->profile->habit.NAME`. */
#ifndef VT_TRANSPORT_TCP_PROFILE_H
#define VT_TRANSPORT_TCP_PROFILE_H

#include "transport/tcp_knobs.h"

/* X(field, linux, freebsd, meaning) */
#define VT_TCP_HABIT_LIST(X)                                                                             \
    X(bsd_options, 0, 1, "MSS, window scale, SACK permitted, timestamps; padded by END, not NOP before") \
    X(unread_reset, 1, 0, "close() with bytes unread sends a RST (RFC 9293 3.6.1, SHLD-3)")              \
    X(minshall, 1, 0, "Nagle holds a small segment only behind another small one")                       \
    X(rst_window, 0, 1, "the window of our last ACK judges a RST, not that of now")                      \
    X(iw_rfc6928, 0, 1, "the first window is also bounded by 14600 bytes (RFC 6928 2)")                  \
    X(round_buffers, 0, 1, "socket buffers are rounded up to full segments")                             \
    X(whole_window, 0, 1, "an ACK tells all the room there is, however little was added")                \
    X(every_second, 0, 1, "an ACK waits a fixed time, or for the next segment of any size")              \
    X(resets_told, 0, 1, "a RST after our FIN is told to the program too")                               \
    X(fin_again, 0, 1, "an ACK that is owed carries a FIN that is out")                                  \
    X(fastopen_sendto, 0, 1, "sendto() of a socket with TCP_FASTOPEN opens fast")                        \
    X(reset_window_0, 0, 1, "a RST of a connection has the window 0")                                    \
    X(timewait_wants_ack, 0, 1, "in TIME-WAIT a segment without ACK is not answered")                    \
    X(fastopen_gives_up, 0, 1, "a server that gave no cookie is not asked again")                        \
    X(keep_always, 0, 1, "every connection is kept alive, SO_KEEPALIVE or not")

struct vt_tcp_habits {
#define X(field, linux_way, freebsd_way, meaning) uint8_t field;
    VT_TCP_HABIT_LIST(X)
#undef X
};

/* Another default of a knob. */
struct vt_tcp_default {
    size_t field; /* its offset in struct vt_tcp_knobs */
    int64_t value;
};

/* Another name of a knob, in a unit of its own: one of the alias is `times` / `per` of the knob. */
struct vt_tcp_alias {
    const char *name;
    size_t field;
    int64_t times, per;
    int64_t least, most; /* in its own unit */
    int64_t bit;         /* 0, or the bit of the knob that it switches */
};

struct vt_tcp_profile {
    const char *name;
    struct vt_tcp_habits habit;
    const struct vt_tcp_default *defaults;
    const struct vt_tcp_alias *aliases;
    size_t ndefaults, naliases;
};

/* "linux", the default, and "freebsd"; NULL when there is none of that name. */
const struct vt_tcp_profile *vt_tcp_profile_find(const char *name);

#endif
