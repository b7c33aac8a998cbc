/* Signed TCP: the socket options of TCP-MD5 (RFC 2385) and TCP-AO (RFC 5925), with Linux's numbers, names and
 * meanings; addresses are struct vt_addr. All give -VT_EOPNOTSUPP on a host without vt_host_config.crypto.
 *
 * Keys belong to a socket, each for the peers of one prefix. A peer for which there is a key must sign every
 * segment; one for which there is none must not. A connection takes its keys over from the listener. */
#ifndef VITRO_TCP_AUTH_H
#define VITRO_TCP_AUTH_H

#include <vitro/types.h>

enum { /* of VT_SOL_TCP */
    VT_TCP_MD5SIG = 14,
    VT_TCP_MD5SIG_EXT = 32,
    VT_TCP_AO_ADD_KEY = 38,
    VT_TCP_AO_DEL_KEY = 39,
    VT_TCP_AO_INFO = 40, /* read and set */
};

#define VT_TCP_KEY_LEN 80 /* bytes of the longest key */

enum {
    VT_TCP_MD5SIG_FLAG_PREFIX = 1, /* prefixlen counts; only with VT_TCP_MD5SIG_EXT */
};

/* VT_TCP_MD5SIG. A keylen of 0 removes the key. */
struct vt_tcp_md5sig {
    struct vt_addr addr; /* the peer; its port does not matter */
    uint8_t flags;
    uint8_t prefixlen; /* bits of an IPv4 address 0 to 32, of an IPv6 address 0 to 128 */
    uint16_t keylen;
    uint8_t key[VT_TCP_KEY_LEN];
};

enum {
    VT_TCP_AO_KEYF_EXCLUDE_OPT = 1 << 1, /* other options are not covered (RFC 5925 3.1) */
};

/* VT_TCP_AO_ADD_KEY: a master key tuple (RFC 5925 3.1). -VT_EEXIST: sndid or rcvid is taken for these peers;
 * -VT_EKEYREJECTED: they have an MD5 key; -VT_ENOENT: no such algorithm. */
struct vt_tcp_ao_add {
    struct vt_addr addr;
    char alg_name[64]; /* "hmac(sha1)", "cmac(aes128)" (RFC 5926) */
    bool set_current;  /* sign with it from now on */
    bool set_rnext;    /* ask the peer to sign with it */
    uint8_t prefix;
    uint8_t sndid, rcvid; /* KeyID in what we send, and in what comes */
    uint8_t maclen;       /* 0: 12 (RFC 5926 3.2) */
    uint8_t keyflags;
    uint8_t keylen;
    uint8_t key[VT_TCP_KEY_LEN];
};

/* VT_TCP_AO_DEL_KEY. -VT_ENOENT; -VT_EBUSY: it is in use, and no other was named in its place. */
struct vt_tcp_ao_del {
    struct vt_addr addr;
    bool set_current, set_rnext;
    uint8_t prefix;
    uint8_t sndid, rcvid;
    uint8_t current_key, rnext; /* the sndid and the rcvid of those that take its place */
};

/* VT_TCP_AO_INFO. */
struct vt_tcp_ao_info {
    bool set_current, set_rnext; /* when set: the next two count; when read: there are such keys */
    uint8_t current_key, rnext;  /* sndid, rcvid */
    uint64_t pkt_good, pkt_bad, pkt_key_not_found, pkt_ao_required;
};

#endif
