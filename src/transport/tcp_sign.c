/* What of a segment is signed, and the code that results: TCP-MD5 (RFC 2385 2.0) and TCP-AO (RFC
 * 5925 5.1, 5.2; RFC 5926 for its algorithms). */
#include "transport/tcp_auth.h"
#include "transport/tcp.h"

#define CHECKSUM_AT 16
#define AO_HLEN     4 /* kind, length, KeyID, RNextKeyID */

/* The signed bytes of one segment, in order: (AO: the extended number,) pseudo-header, header without its
 * checksum, options as they count, payload (, MD5: the key). */
struct message {
    struct vt_iovec iov[VT_PBUF_SPANS + 4];
    unsigned n;
    uint8_t sne[4];
    uint8_t pseudo[40];
    uint8_t hdr[VT_TCP_HLEN_MAX];
};

static void add(struct message *m, const void *bytes, size_t len)
{
    if (len != 0) /* the pieces are only read: struct vt_iovec serves both ways */
        m->iov[m->n++] = (struct vt_iovec){(void *)(uintptr_t)bytes, len};
}

/* RFC 2385 2.0 (1) and RFC 5925 5.1: of IPv4, addresses, zero, protocol, length; of IPv6, RFC 8200 8.1. */
static size_t pseudo_header(uint8_t *b, const struct vt_ip *src, const struct vt_ip *dst, uint32_t len)
{
    if (vt_ip_is4(*src)) {
        memcpy(b, src->b + 12, 4);
        memcpy(b + 4, dst->b + 12, 4);
        b[8] = 0;
        b[9] = VT_PROTO_TCP;
        vt_put16(b + 10, (uint16_t)len);
        return 12;
    }
    memcpy(b, src->b, 16);
    memcpy(b + 16, dst->b, 16);
    vt_put32(b + 32, len);
    vt_put32(b + 36, VT_PROTO_TCP);
    return 40;
}

/* Where the option of that kind begins in a header of `hlen` bytes; 0: it is not there. */
static uint32_t find_option(const uint8_t *hdr, uint32_t hlen, uint8_t kind)
{
    uint32_t i = VT_TCP_HLEN;
    while (i < hlen && hdr[i] != VT_TCPOPT_END) {
        if (hdr[i] == VT_TCPOPT_NOP) {
            i++;
            continue;
        }
        if (i + 1 >= hlen || hdr[i + 1] < 2 || i + hdr[i + 1] > hlen)
            return 0;
        if (hdr[i] == kind)
            return i;
        i += hdr[i + 1];
    }
    return 0;
}

/* The header as it is signed: without its checksum; of TCP-AO with the code zero, and with the other options
 * or without them (RFC 5925 5.1). */
static void add_header(struct message *m, const struct vt_tcp_key *key, const uint8_t *hdr, uint32_t hlen)
{
    memcpy(m->hdr, hdr, hlen);
    vt_put16(m->hdr + CHECKSUM_AT, 0);
    if (key->alg == VT_MAC_MD5) { /* RFC 2385 2.0 (2): options are not covered */
        add(m, m->hdr, VT_TCP_HLEN);
        return;
    }
    uint32_t ao = find_option(hdr, hlen, VT_TCPOPT_AO), len = ao != 0 ? hdr[ao + 1] : 0;
    if (len > AO_HLEN)
        memset(m->hdr + ao + AO_HLEN, 0, len - AO_HLEN);
    add(m, m->hdr, key->other_options ? hlen : VT_TCP_HLEN);
    if (!key->other_options)
        add(m, m->hdr + ao, len);
}

static int mac(const struct vt_core *core, enum vt_mac_alg alg, const uint8_t *key, size_t len,
               const struct message *m, uint8_t *out)
{
    return core->crypto->mac(core->crypto->ctx, alg, key, len, m->iov, m->n, out);
}

/* RFC 5926 3.1.1: the traffic key of one direction, KDF(master key, i | "TCP-AO" | context | bits). Returns
 * its length, or an error. */
static int traffic_key(const struct vt_core *core, const struct vt_tcp_key *key, const struct vt_tcp_sign *s,
                       const struct vt_ip *src, const struct vt_ip *dst, const uint8_t *ports, uint8_t *out)
{
    bool cmac = key->alg == VT_MAC_AES_CMAC, four = vt_ip_is4(*src);
    struct message m = {.n = 0};
    uint8_t tail[14], derived[VT_MAC_MAX];
    const uint8_t *master = key->key;
    size_t len = key->len;
    if (cmac && key->len != 16) { /* RFC 5926 3.1.1.2: a master key of another length is made one of 16 */
        static const uint8_t zero[16];
        struct message k = {.n = 0};
        add(&k, key->key, key->len);
        int err = mac(core, VT_MAC_AES_CMAC, zero, sizeof(zero), &k, derived);
        if (err != 0)
            return err;
        master = derived;
        len = 16;
    }
    add(&m, "\001TCP-AO", 7);
    add(&m, four ? src->b + 12 : src->b, four ? 4 : 16);
    add(&m, four ? dst->b + 12 : dst->b, four ? 4 : 16);
    memcpy(tail, ports, 4);
    vt_put32(tail + 4, s->src_isn.v);
    vt_put32(tail + 8, s->dst_isn.v);
    vt_put16(tail + 12, cmac ? 128 : 160);
    add(&m, tail, sizeof(tail));
    int err = mac(core, key->alg, master, len, &m, out);
    return err != 0 ? err : cmac ? 16 : 20;
}

/* The code of a segment: `hdr` is its header, the payload lies in p from `off` on. */
static int code_of(const struct vt_core *core, const struct vt_tcp_sign *s, const struct vt_ip *src,
                   const struct vt_ip *dst, const uint8_t *hdr, const struct vt_pbuf *p, uint32_t off,
                   uint8_t *out)
{
    const struct vt_tcp_key *key = s->key;
    uint32_t hlen = (uint32_t)(hdr[12] >> 4) * 4, len = p->len - off;
    struct message m = {.n = 0};
    if (key->alg != VT_MAC_MD5) {
        vt_put32(m.sne, s->sne);
        add(&m, m.sne, sizeof(m.sne));
    }
    add(&m, m.pseudo, pseudo_header(m.pseudo, src, dst, hlen + len));
    add_header(&m, key, hdr, hlen);
    m.n += vt_pbuf_spans(p, off, len, m.iov + m.n);
    if (key->alg == VT_MAC_MD5) {
        add(&m, key->key, key->len);
        return mac(core, VT_MAC_MD5, NULL, 0, &m, out);
    }
    uint8_t traffic[VT_MAC_MAX];
    int n = traffic_key(core, key, s, src, dst, hdr, traffic);
    return n < 0 ? n : mac(core, key->alg, traffic, (size_t)n, &m, out);
}

uint32_t vt_tcp_sign_len(const struct vt_tcp_key *key)
{
    if (key == NULL)
        return 0;
    uint32_t len = key->alg == VT_MAC_MD5 ? 2 + VT_TCP_MD5_LEN : (uint32_t)AO_HLEN + key->maclen;
    return (len + 3) & ~3u;
}

uint32_t vt_tcp_sign_option(const struct vt_tcp_sign *sign, uint8_t *b)
{
    const struct vt_tcp_key *key = sign->key;
    uint32_t len = vt_tcp_sign_len(key);
    if (key == NULL)
        return 0;
    memset(b, VT_TCPOPT_NOP, len);
    if (key->alg == VT_MAC_MD5) {
        b[2] = VT_TCPOPT_MD5;
        b[3] = 2 + VT_TCP_MD5_LEN;
        memset(b + 4, 0, VT_TCP_MD5_LEN);
    } else {
        b[0] = VT_TCPOPT_AO;
        b[1] = (uint8_t)(AO_HLEN + key->maclen);
        b[2] = key->sndid;
        b[3] = sign->rnext;
        memset(b + AO_HLEN, 0, key->maclen);
    }
    return len;
}

void vt_tcp_sign(const struct vt_core *core, const struct vt_tcp_sign *sign, const struct vt_ip *src,
                 const struct vt_ip *dst, struct vt_pbuf *p)
{
    uint8_t code[VT_MAC_MAX] = {0};
    uint8_t *hdr = p->room + p->head;
    uint32_t hlen = (uint32_t)(hdr[12] >> 4) * 4;
    bool md5 = sign->key->alg == VT_MAC_MD5;
    uint32_t at = find_option(hdr, hlen, md5 ? VT_TCPOPT_MD5 : VT_TCPOPT_AO);
    /* Should the adapter fail, the code stays zero and the peer drops the segment: nothing goes unsigned. */
    if (at == 0 || code_of(core, sign, src, dst, hdr, p, hlen, code) != 0)
        return;
    memcpy(hdr + at + (md5 ? 2 : AO_HLEN), code, md5 ? VT_TCP_MD5_LEN : sign->key->maclen);
}

bool vt_tcp_sign_valid(const struct vt_core *core, const struct vt_tcp_sign *sign,
                       const struct vt_tcp_seg *seg)
{
    uint8_t code[VT_MAC_MAX];
    bool md5 = sign->key->alg == VT_MAC_MD5;
    uint32_t at = find_option(seg->hdr, seg->hlen, md5 ? VT_TCPOPT_MD5 : VT_TCPOPT_AO);
    uint32_t len = md5 ? VT_TCP_MD5_LEN : sign->key->maclen, before = md5 ? 2 : AO_HLEN;
    if (at == 0 || seg->hdr[at + 1] != before + len)
        return false;
    if (code_of(core, sign, &seg->src.ip, &seg->dst.ip, seg->hdr, seg->p, 0, code) != 0)
        return false;
    uint8_t differ = 0; /* all bytes are looked at, so that the time it takes tells nothing */
    for (uint32_t i = 0; i < len; i++)
        differ |= (uint8_t)(code[i] ^ seg->hdr[at + before + i]);
    return differ == 0;
}

bool vt_tcp_ao_ids(const struct vt_tcp_seg *seg, uint8_t *keyid, uint8_t *rnext)
{
    uint32_t at = find_option(seg->hdr, seg->hlen, VT_TCPOPT_AO);
    if (at == 0 || seg->hdr[at + 1] < AO_HLEN)
        return false;
    *keyid = seg->hdr[at + 2];
    *rnext = seg->hdr[at + 3];
    return true;
}
