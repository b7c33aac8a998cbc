/* The lab's resolver: answers DNS queries (RFC 1035) from a host's table of names. */
#include "exec_internal.h"

#define HEADER   12
#define TYPE_A   1
#define CLASS_IN 1
#define TTL      1 /* seconds: the lab's names may change */

enum {
    RCODE_FORMAT = 1,
    RCODE_NO_NAME = 3,
    RCODE_NOT_IMPLEMENTED = 4,
};

/* Reads the question's name as text; returns where it ends, 0 when it is malformed. Compression has no place
 * in a query's first name. */
static size_t read_name(const uint8_t *q, size_t len, char name[256])
{
    size_t at = HEADER, n = 0;
    while (at < len && q[at] != 0) {
        size_t label = q[at++];
        if (label > 63 || at + label > len || n + label + 1 > 255 || memchr(q + at, 0, label) != NULL)
            return 0;
        if (n > 0)
            name[n++] = '.';
        memcpy(name + n, q + at, label);
        n += label;
        at += label;
    }
    name[n] = 0;
    return at < len ? at + 1 : 0;
}

size_t vt_exec_resolve(struct vt_host *h, const uint8_t *query, size_t len, uint8_t *answer, size_t size)
{
    char name[256];
    struct vt_addr addr;
    size_t end;
    unsigned code = 0, answers = 0;
    uint16_t type, cls;
    /* RFC 1035 4.1.1: QR clear, one question. */
    if (len < HEADER || (query[2] & 0x80) != 0 || size < HEADER)
        return 0;
    end = vt_get16(query + 4) == 1 ? read_name(query, len, name) : 0;
    if (end == 0 || end + 4 > len || end + 4 + 16 > size) {
        end = HEADER - 4;
        code = RCODE_FORMAT;
    } else if ((query[2] & 0x78) != 0) {
        code = RCODE_NOT_IMPLEMENTED;
    } else if (vt_getaddrinfo(h, name, &addr) != 0) {
        code = RCODE_NO_NAME;
    } else {
        type = vt_get16(query + end);
        cls = vt_get16(query + end + 2);
        answers = type == TYPE_A && cls == CLASS_IN && vt_ip_is4(addr.ip);
    }
    end += 4;
    memcpy(answer, query, end);
    answer[2] = (uint8_t)(0x84 | (query[2] & 0x79)); /* an answer, authoritative; the opcode and RD copied */
    answer[3] = (uint8_t)(0x80 | code);
    memset(answer + 4, 0, 8);
    answer[5] = end > HEADER;
    answer[7] = (uint8_t)answers;
    if (answers == 0)
        return end;
    memcpy(answer + end, (const uint8_t[]){0xc0, HEADER, 0, TYPE_A, 0, CLASS_IN, 0, 0, 0, TTL, 0, 4}, 12);
    memcpy(answer + end + 12, addr.ip.b + 12, 4);
    return end + 16;
}
