/* Signed segments: keys, and what of a segment is signed (RFC 2385; RFC 5925, RFC 5926). */
#ifndef VT_TRANSPORT_TCP_AUTH_H
#define VT_TRANSPORT_TCP_AUTH_H

#include <vitro/crypto.h>
#include <vitro/tcp_auth.h>

#include "base/core.h"

struct vt_tcp;
struct vt_tcb;
struct vt_tcp_end;
struct vt_tcp_listener;
struct vt_tcp_request;
struct vt_tcp_seg;

#define VT_TCP_MAX_KEYS 256 /* of a socket */
#define VT_TCP_MD5_LEN  16

/* An MD5 key, or a master key tuple of TCP-AO (RFC 5925 3.1). */
struct vt_tcp_key {
    struct vt_tcp_key *next;
    struct vt_ip peer;
    uint8_t bits;       /* of the prefix, of 128 */
    uint8_t alg;        /* enum vt_mac_alg: VT_MAC_MD5 is TCP-MD5 */
    bool other_options; /* they are covered too */
    uint8_t sndid, rcvid, maclen;
    uint8_t len;
    uint8_t key[VT_TCP_KEY_LEN];
};

/* The upper half of a 64-bit sequence number, found by following the lower one (RFC 5925 6.2). */
struct vt_tcp_sne {
    struct vt_seq at; /* the furthest that was seen */
    uint32_t high;    /* its upper half */
};

/* The keys of a socket, and how a connection uses them. */
struct vt_tcp_auth {
    struct vt_tcp_key *keys;
    uint32_t nkeys;
    const struct vt_tcp_key *current,
        *rnext;             /* TCP-AO: we sign with, and ask for; NULL: the first that fits */
    struct vt_seq iss, irs; /* they go into the traffic keys (RFC 5925 5.2) */
    struct vt_tcp_sne snd, rcv;
    uint64_t good, bad, key_not_found, required;
};

/* How one segment that goes out is signed. */
struct vt_tcp_sign {
    const struct vt_tcp_key *key; /* NULL: it is not */
    uint8_t rnext;                /* the KeyID that we want in answer */
    struct vt_seq src_isn, dst_isn;
    uint32_t sne;
};

/* Sets and reads the options of <vitro/tcp_auth.h>. -VT_ENOPROTOOPT: it is none of them. */
int vt_tcp_auth_setopt(struct vt_tcb *tcb, int name, const void *val, size_t len);
int vt_tcp_auth_getopt(const struct vt_tcb *tcb, int name, void *val, size_t *len);
void vt_tcp_auth_free(struct vt_tcp *tcp, struct vt_tcp_auth *auth);

/* Whether the segment is signed as the keys of the end that it is for ask; `e` NULL: `l` is meant, and both
 * NULL: nobody is. The reason to drop it otherwise. */
enum vt_drop vt_tcp_auth_check(struct vt_tcp *tcp, struct vt_tcp_end *e, struct vt_tcp_listener *l,
                               const struct vt_tcp_seg *seg);
/* A connection that is to be: its keys for the peer out of its listener's, the ones that the peer's segment
 * named first. False without memory. */
bool vt_tcp_auth_inherit(struct vt_tcb *tcb, const struct vt_tcb *listener, const struct vt_tcp_seg *seg);

/* Both initial numbers are known: the connection's account of them begins. */
void vt_tcp_auth_start(struct vt_tcb *tcb);

/* How a segment of this end with these numbers is signed. `syn`: it carries a SYN without ACK, and the peer's
 * number is not known. */
struct vt_tcp_sign vt_tcp_sign_of(const struct vt_tcp_end *e, struct vt_seq seq, bool syn);
/* How a RST in answer to `seg` is signed, of an end or a listener with an MD5 key for its sender. */
struct vt_tcp_sign vt_tcp_sign_rst(struct vt_tcp *tcp, const struct vt_tcp_seg *seg);
/* Bytes of the option, padding included; 0 when there is none. */
uint32_t vt_tcp_sign_len(const struct vt_tcp_key *key);
/* Writes the option, its code still zero. Returns vt_tcp_sign_len(). */
uint32_t vt_tcp_sign_option(const struct vt_tcp_sign *sign, uint8_t *b);
/* Signs the segment in p, whose header is in its room and whose checksum is still to be written. */
void vt_tcp_sign(const struct vt_core *core, const struct vt_tcp_sign *sign, const struct vt_ip *src,
                 const struct vt_ip *dst, struct vt_pbuf *p);
/* Whether the code in the segment is the one that `sign` asks for. */
bool vt_tcp_sign_valid(const struct vt_core *core, const struct vt_tcp_sign *sign,
                       const struct vt_tcp_seg *seg);
/* The ids in the segment's TCP-AO option; false when it has none. */
bool vt_tcp_ao_ids(const struct vt_tcp_seg *seg, uint8_t *keyid, uint8_t *rnext);
/* What the option takes off each segment's payload. */
uint32_t vt_tcp_auth_overhead(const struct vt_tcb *tcb);

#endif
