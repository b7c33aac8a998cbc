/* SOCKS5's messages (RFC 1928): pure functions. */
#ifndef VT_PLUG_SOCKS_WIRE_H
#define VT_PLUG_SOCKS_WIRE_H

#include <vitro/types.h>

enum vt_socks_code { /* RFC 1928 6 */
    VT_SOCKS_OK = 0,
    VT_SOCKS_FAILURE = 1,
    VT_SOCKS_NET_UNREACHABLE = 3,
    VT_SOCKS_HOST_UNREACHABLE = 4,
    VT_SOCKS_REFUSED = 5,
    VT_SOCKS_TTL_EXPIRED = 6,
    VT_SOCKS_COMMAND = 7,
    VT_SOCKS_ADDRESS = 8,
};

#define VT_SOCKS_NO_METHOD   0xff
#define VT_SOCKS_REPLY       10
#define VT_SOCKS_REQUEST_MAX 264 /* a greeting of 2 + 255, a request of 4 + 1 + 255 + 2 */

struct vt_socks_request {
    struct vt_ip ip;
    uint16_t port;
    char name[256]; /* "": an address was given */
};

/* How many bytes the message needs that starts at `b`, as far as `n` bytes tell: at least n + 1 while it is
 * not whole. */
static inline size_t vt_socks_length(const uint8_t *b, size_t n, bool greeted)
{
    if (!greeted)
        return n < 2 ? 2 : 2 + (size_t)b[1];
    if (n < 5)
        return 5;
    switch (b[3]) {
    case 1: return 10;
    case 3: return 7 + (size_t)b[4];
    case 4: return 22;
    default: return 5;
    }
}

/* The greeting (RFC 1928 3): 1 with the method to answer, 0: not yet whole, -1: not SOCKS5. */
static inline int vt_socks_greeting(const uint8_t *b, size_t n, size_t *used, uint8_t *method)
{
    if (n >= 1 && b[0] != 5)
        return -1;
    if (n < 2 || n < 2 + (size_t)b[1])
        return 0;
    *used = 2 + (size_t)b[1];
    *method = memchr(b + 2, 0, b[1]) != NULL ? 0 : VT_SOCKS_NO_METHOD;
    return 1;
}

/* The request (RFC 1928 4): 1, 0: not yet whole, or the negated code to answer. */
static inline int vt_socks_parse(const uint8_t *b, size_t n, size_t *used, struct vt_socks_request *req)
{
    size_t len = vt_socks_length(b, n, true);
    if (n >= 1 && b[0] != 5)
        return -VT_SOCKS_FAILURE;
    if (n >= 2 && b[1] != 1)
        return -VT_SOCKS_COMMAND;
    if (n >= 4 && b[3] != 1 && b[3] != 3)
        return -VT_SOCKS_ADDRESS;
    if (n < len)
        return 0;
    memset(req, 0, sizeof *req);
    *used = len;
    req->port = vt_get16(b + len - 2);
    if (b[3] == 1) {
        req->ip = vt_ip_from4(vt_get32(b + 4));
        return 1;
    }
    if (b[4] == 0 || memchr(b + 5, 0, b[4]) != NULL)
        return -VT_SOCKS_HOST_UNREACHABLE;
    memcpy(req->name, b + 5, b[4]);
    return 1;
}

/* The bound address of a reply is left 0.0.0.0:0: nobody outside could use it. */
static inline void vt_socks_reply(uint8_t out[VT_SOCKS_REPLY], uint8_t code)
{
    memset(out, 0, VT_SOCKS_REPLY);
    out[0] = 5;
    out[1] = code;
    out[3] = 1;
}

#endif
