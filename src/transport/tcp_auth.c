/* Keys of sockets: the options that set them, which one a segment needs, and what is dropped (RFC 2385 4.0;
 * RFC 5925 7). */
#include "transport/tcp_auth.h"
#include "transport/tcp.h"

static struct vt_tcp_auth *auth_of(const struct vt_tcp_end *e)
{
    switch (e->kind) {
    case VT_TCP_KIND_REQUEST: return ((const struct vt_tcp_request *)(const void *)e)->listener->tcb->auth;
    case VT_TCP_KIND_TIMEWAIT: return ((const struct vt_tcp_timewait *)(const void *)e)->auth;
    default: return ((const struct vt_tcb *)(const void *)e)->auth;
    }
}

static bool covers(const struct vt_tcp_key *key, const struct vt_ip *ip)
{
    unsigned whole = key->bits / 8, rest = key->bits % 8;
    if (memcmp(key->peer.b, ip->b, whole) != 0)
        return false;
    return rest == 0 || ((key->peer.b[whole] ^ ip->b[whole]) & (0xff00 >> rest & 0xff)) == 0;
}

/* The key of the longest prefix that covers the peer; of TCP-AO, the first that fits the ids, -1 for any. */
static const struct vt_tcp_key *find(const struct vt_tcp_auth *auth, const struct vt_ip *peer, bool ao,
                                     int sndid, int rcvid)
{
    const struct vt_tcp_key *best = NULL;
    for (const struct vt_tcp_key *k = auth != NULL ? auth->keys : NULL; k != NULL; k = k->next) {
        if ((k->alg != VT_MAC_MD5) != ao || !covers(k, peer))
            continue;
        if ((sndid >= 0 && k->sndid != sndid) || (rcvid >= 0 && k->rcvid != rcvid))
            continue;
        if (best == NULL || k->bits > best->bits)
            best = k;
    }
    return best;
}

/* ---- Numbers beyond 32 bits ---- */

/* RFC 5925 6.2: the upper half that belongs to `seq`, which is less than 2^31 away from the furthest. */
static uint32_t sne_of(const struct vt_tcp_sne *s, struct vt_seq seq)
{
    if (vt_seq_ge(seq, s->at))
        return s->high + (seq.v < s->at.v);
    return s->high - (seq.v > s->at.v);
}

static void sne_follow(struct vt_tcp_sne *s, struct vt_seq seq)
{
    if (!vt_seq_gt(seq, s->at))
        return;
    s->high = sne_of(s, seq);
    s->at = seq;
}

/* ---- What goes out ---- */

/* The initial numbers of an end; a connection's are kept with its keys, for TIME-WAIT. */
static void isns_of(const struct vt_tcp_end *e, struct vt_seq *iss, struct vt_seq *irs)
{
    const struct vt_tcp_auth *auth = auth_of(e);
    if (e->kind == VT_TCP_KIND_REQUEST) {
        const struct vt_tcp_request *r = (const struct vt_tcp_request *)(const void *)e;
        *iss = r->iss;
        *irs = r->irs;
    } else if (e->kind == VT_TCP_KIND_TIMEWAIT) {
        *iss = auth->iss;
        *irs = auth->irs;
    } else {
        const struct vt_tcb *tcb = (const struct vt_tcb *)(const void *)e;
        *iss = tcb->iss;
        *irs = tcb->irs;
    }
}

/* A connection's own account of numbers begins when it knows both; a request's segments are all at the start.
 */
static bool own_account(const struct vt_tcp_end *e)
{
    return e->kind == VT_TCP_KIND_TIMEWAIT || (e->kind == VT_TCP_KIND_TCB && e->state >= VT_TCP_SYN_RCVD);
}

struct vt_tcp_sign vt_tcp_sign_of(const struct vt_tcp_end *e, struct vt_seq seq, bool syn)
{
    struct vt_tcp_sign s = {.key = NULL};
    struct vt_tcp_auth *auth = auth_of(e);
    if (auth == NULL)
        return s;
    s.key = find(auth, &e->remote.ip, false, -1, -1);
    if (s.key != NULL)
        return s;
    const struct vt_tcp_key *rnext;
    if (e->kind == VT_TCP_KIND_REQUEST) { /* RFC 5925 7.4: as the SYN asked */
        const struct vt_tcp_request *r = (const struct vt_tcp_request *)(const void *)e;
        s.key = find(auth, &e->remote.ip, true, r->ao_rnext, -1);
        rnext = find(auth, &e->remote.ip, true, -1, r->ao_keyid);
    } else {
        s.key = auth->current != NULL ? auth->current : find(auth, &e->remote.ip, true, -1, -1);
        rnext = auth->rnext;
    }
    if (s.key == NULL)
        s.key = find(auth, &e->remote.ip, true, -1, -1);
    if (s.key == NULL)
        return s;
    s.rnext = rnext != NULL ? rnext->rcvid : s.key->rcvid;
    isns_of(e, &s.src_isn, &s.dst_isn);
    if (syn)
        s.dst_isn = vt_seq(0); /* RFC 5925 5.2: it is not known yet */
    if (own_account(e)) {
        s.sne = sne_of(&auth->snd, seq);
        sne_follow(&auth->snd, seq);
    }
    return s;
}

struct vt_tcp_sign vt_tcp_sign_rst(struct vt_tcp *tcp, const struct vt_tcp_seg *seg)
{
    struct vt_tcp_sign s = {.key = NULL};
    if (tcp->auths == 0)
        return s;
    struct vt_tcp_end *e = vt_tcp_table_find(tcp, &seg->dst, &seg->src);
    struct vt_tcp_listener *l = e == NULL ? vt_tcp_find_listener(tcp, &seg->dst, &seg->src) : NULL;
    const struct vt_tcp_auth *auth = e != NULL ? auth_of(e) : l != NULL ? l->tcb->auth : NULL;
    s.key = find(auth, &seg->src.ip, false, -1, -1);
    return s;
}

uint32_t vt_tcp_auth_overhead(const struct vt_tcb *tcb)
{
    if (tcb->auth == NULL)
        return 0;
    const struct vt_tcp_key *key = find(tcb->auth, &tcb->end.remote.ip, false, -1, -1);
    if (key == NULL)
        key = find(tcb->auth, &tcb->end.remote.ip, true, -1, -1);
    return vt_tcp_sign_len(key);
}

/* ---- What comes in ---- */

static enum vt_drop check_md5(const struct vt_tcp *tcp, const struct vt_tcp_key *key,
                              const struct vt_tcp_seg *seg)
{
    struct vt_tcp_sign s = {.key = key};
    if (key == NULL || (seg->opts.signature & VT_TCP_SIGNED_MD5) == 0)
        return VT_DROP_TCP_MD5;
    return vt_tcp_sign_valid(tcp->core, &s, seg) ? VT_DROP_NONE : VT_DROP_TCP_MD5;
}

/* The numbers that the peer signed with. A SYN tells its own; so does the ACK that ends a handshake by
 * cookie. */
static void numbers_of(const struct vt_tcp_end *e, const struct vt_tcp_auth *auth,
                       const struct vt_tcp_seg *seg, struct vt_tcp_sign *s)
{
    bool syn = (seg->flags & VT_SYN) != 0, ack = (seg->flags & VT_ACK) != 0;
    if (e == NULL) {
        s->src_isn = syn ? seg->seq : vt_seq_sub(seg->seq, 1);
        s->dst_isn = syn ? vt_seq(0) : vt_seq_sub(seg->ack, 1);
        return;
    }
    isns_of(e, &s->dst_isn, &s->src_isn);
    if (syn) {
        s->src_isn = seg->seq;
        if (!ack)
            s->dst_isn = vt_seq(0);
    } else if (own_account(e)) {
        s->sne = sne_of(&auth->rcv, seg->seq);
    }
}

/* RFC 5925 7.5: what a good segment tells. */
static void ao_taken(struct vt_tcp_end *e, struct vt_tcp_auth *auth, const struct vt_tcp_seg *seg,
                     uint8_t rnext)
{
    auth->good++;
    if (e == NULL || !own_account(e))
        return;
    if ((seg->flags & VT_SYN) == 0)
        sne_follow(&auth->rcv, seg->seq);
    if (auth->current == NULL || auth->current->sndid != rnext) {
        const struct vt_tcp_key *key = find(auth, &e->remote.ip, true, rnext, -1);
        if (key != NULL)
            auth->current = key;
    }
}

static enum vt_drop check_ao(const struct vt_tcp *tcp, struct vt_tcp_end *e, struct vt_tcp_auth *auth,
                             const struct vt_tcp_seg *seg)
{
    struct vt_tcp_sign s = {.key = NULL};
    uint8_t keyid, rnext;
    if (auth == NULL)
        return VT_DROP_TCP_AO;
    if ((seg->opts.signature & VT_TCP_SIGNED_AO) == 0 || !vt_tcp_ao_ids(seg, &keyid, &rnext)) {
        auth->required++;
        return VT_DROP_TCP_AO;
    }
    s.key = find(auth, &seg->src.ip, true, -1, keyid);
    if (s.key == NULL) {
        auth->key_not_found++;
        return VT_DROP_TCP_AO;
    }
    numbers_of(e, auth, seg, &s);
    if (!vt_tcp_sign_valid(tcp->core, &s, seg)) {
        auth->bad++;
        return VT_DROP_TCP_AO;
    }
    ao_taken(e, auth, seg, rnext);
    return VT_DROP_NONE;
}

enum vt_drop vt_tcp_auth_check(struct vt_tcp *tcp, struct vt_tcp_end *e, struct vt_tcp_listener *l,
                               const struct vt_tcp_seg *seg)
{
    struct vt_tcp_auth *auth = e != NULL ? auth_of(e) : l != NULL ? l->tcb->auth : NULL;
    bool md5 = (seg->opts.signature & VT_TCP_SIGNED_MD5) != 0,
         ao = (seg->opts.signature & VT_TCP_SIGNED_AO) != 0;
    if (e == NULL && l == NULL) /* nobody has keys: it is answered, or not, as any other */
        return VT_DROP_NONE;
    if (md5 && ao) /* RFC 5925 2.2 */
        return VT_DROP_TCP_AO;
    const struct vt_tcp_key *key = find(auth, &seg->src.ip, false, -1, -1);
    if (key != NULL || md5)
        return check_md5(tcp, key, seg);
    if (ao || find(auth, &seg->src.ip, true, -1, -1) != NULL)
        return check_ao(tcp, e, auth, seg);
    return VT_DROP_NONE;
}

/* ---- Keys ---- */

static struct vt_tcp_auth *auth_new(struct vt_tcp *tcp)
{
    struct vt_tcp_auth *auth = vt_alloc(tcp->core, sizeof(*auth));
    tcp->auths += auth != NULL;
    return auth;
}

static void key_free(struct vt_core *core, struct vt_tcp_key *key)
{
    memset(key, 0, sizeof(*key));
    vt_free(core, key, sizeof(*key));
}

void vt_tcp_auth_free(struct vt_tcp *tcp, struct vt_tcp_auth *auth)
{
    if (auth == NULL)
        return;
    for (struct vt_tcp_key *k = auth->keys, *next; k != NULL; k = next) {
        next = k->next;
        key_free(tcp->core, k);
    }
    vt_free(tcp->core, auth, sizeof(*auth));
    tcp->auths--;
}

static int key_add(struct vt_tcb *tcb, const struct vt_tcp_key *key)
{
    struct vt_tcp *tcp = tcb->end.tcp;
    if (tcb->auth == NULL)
        tcb->auth = auth_new(tcp);
    if (tcb->auth == NULL || tcb->auth->nkeys >= VT_TCP_MAX_KEYS)
        return -VT_ENOMEM;
    struct vt_tcp_key *k = vt_alloc(tcp->core, sizeof(*k)), **at = &tcb->auth->keys;
    if (k == NULL)
        return -VT_ENOMEM;
    *k = *key;
    k->next = NULL;
    while (*at != NULL) /* in the order they were given: the first is the one to begin with */
        at = &(*at)->next;
    *at = k;
    tcb->auth->nkeys++;
    return 0;
}

static void key_remove(struct vt_tcb *tcb, struct vt_tcp_key **at)
{
    struct vt_tcp_key *k = *at;
    *at = k->next;
    tcb->auth->nkeys--;
    key_free(vt_tcp_core(tcb), k);
}

bool vt_tcp_auth_inherit(struct vt_tcb *tcb, const struct vt_tcb *listener, const struct vt_tcp_seg *seg)
{
    uint8_t keyid, rnext;
    for (const struct vt_tcp_key *k = listener->auth != NULL ? listener->auth->keys : NULL; k != NULL;
         k = k->next)
        if (covers(k, &tcb->end.remote.ip) && key_add(tcb, k) != 0)
            return false;
    struct vt_tcp_auth *auth = tcb->auth;
    if (auth != NULL && vt_tcp_ao_ids(seg, &keyid, &rnext)) {
        auth->current = find(auth, &tcb->end.remote.ip, true, rnext, -1);
        auth->rnext = find(auth, &tcb->end.remote.ip, true, -1, keyid);
    }
    return true;
}

void vt_tcp_auth_start(struct vt_tcb *tcb)
{
    struct vt_tcp_auth *auth = tcb->auth;
    if (auth == NULL)
        return;
    auth->iss = tcb->iss;
    auth->irs = tcb->irs;
    auth->snd = (struct vt_tcp_sne){tcb->iss, 0};
    auth->rcv = (struct vt_tcp_sne){tcb->irs, 0};
}

/* ---- Options ---- */

/* A prefix as the options tell it, of an IPv4 address in its own bits. -VT_EINVAL: bits beyond it are set. */
static int set_peer(struct vt_tcp_key *key, struct vt_ip ip, unsigned bits)
{
    unsigned most = vt_ip_is4(ip) ? 32 : 128;
    if (bits > most)
        return -VT_EINVAL;
    key->peer = ip;
    key->bits = (uint8_t)(128 - most + bits);
    for (unsigned i = key->bits; i < 128; i++)
        if ((ip.b[i / 8] & 0x80 >> i % 8) != 0)
            return -VT_EINVAL;
    return 0;
}

/* The place of the key for exactly these peers; AO: with one of these ids. */
static struct vt_tcp_key **place(struct vt_tcb *tcb, const struct vt_tcp_key *like)
{
    if (tcb->auth == NULL)
        return NULL;
    for (struct vt_tcp_key **at = &tcb->auth->keys; *at != NULL; at = &(*at)->next) {
        const struct vt_tcp_key *k = *at;
        bool md5 = k->alg == VT_MAC_MD5;
        if (md5 != (like->alg == VT_MAC_MD5) || k->bits != like->bits || !vt_ip_eq(k->peer, like->peer))
            continue;
        if (md5 || k->sndid == like->sndid || k->rcvid == like->rcvid)
            return at;
    }
    return NULL;
}

static bool other_kind(const struct vt_tcb *tcb, const struct vt_tcp_key *key)
{
    return find(tcb->auth, &key->peer, key->alg == VT_MAC_MD5, -1, -1) != NULL;
}

static int set_md5(struct vt_tcb *tcb, bool ext, const struct vt_tcp_md5sig *o)
{
    struct vt_tcp_key key = {.alg = VT_MAC_MD5, .len = (uint8_t)o->keylen};
    bool prefix = ext && (o->flags & VT_TCP_MD5SIG_FLAG_PREFIX) != 0;
    unsigned whole = vt_ip_is4(o->addr.ip) ? 32 : 128;
    if (o->keylen > VT_TCP_KEY_LEN || set_peer(&key, o->addr.ip, prefix ? o->prefixlen : whole) != 0)
        return -VT_EINVAL;
    struct vt_tcp_key **at = place(tcb, &key);
    if (o->keylen == 0) {
        if (at == NULL)
            return -VT_ENOENT;
        key_remove(tcb, at);
        return 0;
    }
    if (other_kind(tcb, &key))
        return -VT_EKEYREJECTED;
    memcpy(key.key, o->key, o->keylen);
    if (at == NULL)
        return key_add(tcb, &key);
    key.next = (*at)->next;
    **at = key;
    return 0;
}

static int ao_alg(const char *name)
{
    if (memchr(name, 0, sizeof(((struct vt_tcp_ao_add *)0)->alg_name)) == NULL)
        return -VT_EINVAL;
    if (strcmp(name, "hmac(sha1)") == 0)
        return VT_MAC_HMAC_SHA1;
    return strcmp(name, "cmac(aes128)") == 0 ? VT_MAC_AES_CMAC : -VT_ENOENT;
}

static int ao_add(struct vt_tcb *tcb, const struct vt_tcp_ao_add *o)
{
    int alg = ao_alg(o->alg_name);
    struct vt_tcp_key key = {.sndid = o->sndid, .rcvid = o->rcvid, .len = o->keylen};
    if (alg < 0)
        return alg;
    key.alg = (uint8_t)alg;
    key.maclen = o->maclen != 0 ? o->maclen : 12;
    key.other_options = (o->keyflags & VT_TCP_AO_KEYF_EXCLUDE_OPT) == 0;
    /* The option shares 40 bytes with the others of a SYN: 16 are its part (RFC 5925 7.6 counts on that). */
    if (o->keylen == 0 || o->keylen > VT_TCP_KEY_LEN || key.maclen < 4 || key.maclen > 16 ||
        (o->keyflags & ~VT_TCP_AO_KEYF_EXCLUDE_OPT) != 0)
        return -VT_EINVAL;
    if (set_peer(&key, o->addr.ip, o->prefix) != 0)
        return -VT_EINVAL;
    if (place(tcb, &key) != NULL)
        return -VT_EEXIST;
    if (other_kind(tcb, &key))
        return -VT_EKEYREJECTED;
    memcpy(key.key, o->key, o->keylen);
    int err = key_add(tcb, &key);
    if (err != 0)
        return err;
    struct vt_tcp_key **at = place(tcb, &key);
    if (o->set_current)
        tcb->auth->current = *at;
    if (o->set_rnext)
        tcb->auth->rnext = *at;
    return 0;
}

/* The keys that are named take over. -VT_ENOENT: there are none of those ids. */
static int ao_choose(struct vt_tcb *tcb, bool current, uint8_t sndid, bool rnext, uint8_t rcvid)
{
    const struct vt_tcp_key *c = NULL, *r = NULL;
    for (const struct vt_tcp_key *k = tcb->auth != NULL ? tcb->auth->keys : NULL; k != NULL; k = k->next) {
        if (k->alg == VT_MAC_MD5)
            continue;
        c = c == NULL && k->sndid == sndid ? k : c;
        r = r == NULL && k->rcvid == rcvid ? k : r;
    }
    if ((current && c == NULL) || (rnext && r == NULL))
        return -VT_ENOENT;
    if (current)
        tcb->auth->current = c;
    if (rnext)
        tcb->auth->rnext = r;
    return 0;
}

static int ao_del(struct vt_tcb *tcb, const struct vt_tcp_ao_del *o)
{
    struct vt_tcp_key like = {.alg = VT_MAC_HMAC_SHA1, .sndid = o->sndid, .rcvid = o->rcvid};
    if (set_peer(&like, o->addr.ip, o->prefix) != 0)
        return -VT_EINVAL;
    struct vt_tcp_key **at = place(tcb, &like);
    if (at == NULL || (*at)->sndid != o->sndid || (*at)->rcvid != o->rcvid)
        return -VT_ENOENT;
    int err = ao_choose(tcb, o->set_current, o->current_key, o->set_rnext, o->rnext);
    if (err != 0)
        return err;
    if (tcb->auth->current == *at || tcb->auth->rnext == *at)
        return -VT_EBUSY;
    key_remove(tcb, at);
    return 0;
}

int vt_tcp_auth_setopt(struct vt_tcb *tcb, int name, const void *val, size_t len)
{
    union {
        struct vt_tcp_md5sig md5;
        struct vt_tcp_ao_add add;
        struct vt_tcp_ao_del del;
        struct vt_tcp_ao_info info;
    } o;
    size_t size;
    switch (name) {
    case VT_TCP_MD5SIG:
    case VT_TCP_MD5SIG_EXT: size = sizeof(o.md5); break;
    case VT_TCP_AO_ADD_KEY: size = sizeof(o.add); break;
    case VT_TCP_AO_DEL_KEY: size = sizeof(o.del); break;
    case VT_TCP_AO_INFO: size = sizeof(o.info); break;
    default: return -VT_ENOPROTOOPT;
    }
    if (vt_tcp_core(tcb)->crypto == NULL)
        return -VT_EOPNOTSUPP;
    if (len < size)
        return -VT_EINVAL;
    memcpy(&o, val, size);
    int err;
    switch (name) {
    case VT_TCP_AO_ADD_KEY: err = ao_add(tcb, &o.add); break;
    case VT_TCP_AO_DEL_KEY: err = ao_del(tcb, &o.del); break;
    case VT_TCP_AO_INFO:
        err = ao_choose(tcb, o.info.set_current, o.info.current_key, o.info.set_rnext, o.info.rnext);
        break;
    default: err = set_md5(tcb, name == VT_TCP_MD5SIG_EXT, &o.md5);
    }
    memset(&o, 0, sizeof(o));
    return err;
}

int vt_tcp_auth_getopt(const struct vt_tcb *tcb, int name, void *val, size_t *len)
{
    const struct vt_tcp_auth *auth = tcb->auth;
    struct vt_tcp_ao_info info = {.set_current = false};
    if (name != VT_TCP_AO_INFO)
        return -VT_ENOPROTOOPT;
    if (vt_tcp_core(tcb)->crypto == NULL)
        return -VT_EOPNOTSUPP;
    if (auth == NULL)
        return -VT_ENOENT;
    if (auth->current != NULL) {
        info.set_current = true;
        info.current_key = auth->current->sndid;
    }
    if (auth->rnext != NULL) {
        info.set_rnext = true;
        info.rnext = auth->rnext->rcvid;
    }
    info.pkt_good = auth->good;
    info.pkt_bad = auth->bad;
    info.pkt_key_not_found = auth->key_not_found;
    info.pkt_ao_required = auth->required;
    return vt_opt_put(val, len, &info, sizeof(info));
}
