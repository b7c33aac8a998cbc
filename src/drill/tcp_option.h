/* TCP options that scripts tell, beyond those of transport/tcp_wire.h. */
#ifndef VT_DRILL_TCP_OPTION_H
#define VT_DRILL_TCP_OPTION_H

enum {
    DRILL_OPT_MD5 = 19,         /* RFC 2385 */
    DRILL_OPT_FASTOPEN = 34,    /* RFC 7413 */
    DRILL_OPT_ACCECN0 = 172,    /* RFC 9768 3.2.3: ECT(0) first */
    DRILL_OPT_ACCECN1 = 174,    /* ECT(1) first */
    DRILL_OPT_EXPERIMENT = 254, /* RFC 6994 */
    DRILL_FASTOPEN_MAGIC = 0xf989,
};

#endif
