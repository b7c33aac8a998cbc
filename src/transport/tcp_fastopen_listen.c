/* Fast Open, the server's side (RFC 7413 4.1.2, 4.2.2, 5.2): a SYN with a true cookie and data becomes a
 * connection that the program may read and write before its handshake ends. */
#include "transport/tcp.h"

#define COOKIE_LEN  8
#define RESET_LASTS (60 * VT_SEC) /* Linux: so long does a child count that its peer has reset */

enum { /* bits of net.ipv4.tcp_fastopen */
    SERVER = 2,
    SERVER_NO_COOKIE = 0x200,
    SERVER_ALL = 0x400, /* listeners that did not ask for it, too */
};

/* A child that the program had accepted and that was reset before its handshake ended, as one is whose SYN
 * had a false source: RFC 7413 5.1. */
struct vt_fo_reset {
    struct vt_fo_reset *next;
    vt_time until;
};

/* ---- What the program sets ---- */

int vt_tcp_fo_set_limit(struct vt_tcb *tcb, int limit)
{
    int64_t most = tcb->end.tcp->knobs.somaxconn;
    if (limit < 0 || (tcb->end.state != VT_TCP_CLOSED && tcb->listener == NULL))
        return -VT_EINVAL;
    if (vt_tcp_fo_get(tcb) == NULL)
        return -VT_ENOMEM;
    tcb->fo->limit = (uint32_t)(limit < most ? limit : most);
    return 0;
}

void vt_tcp_fo_listen(struct vt_tcb *tcb)
{
    int64_t knob = tcb->end.tcp->knobs.fastopen;
    if ((knob & SERVER) != 0 && (knob & SERVER_ALL) != 0 && (tcb->fo == NULL || tcb->fo->limit == 0))
        vt_tcp_fo_set_limit(tcb, (int)tcb->listener->backlog);
}

int vt_tcp_fo_set_key(struct vt_tcb *tcb, const void *val, size_t len)
{
    if (len != sizeof(tcb->fo->key[0]) && len != sizeof(tcb->fo->key))
        return -VT_EINVAL;
    if (vt_tcp_fo_get(tcb) == NULL)
        return -VT_ENOMEM;
    memcpy(tcb->fo->key, val, len);
    tcb->fo->keys = (uint8_t)(len / sizeof(tcb->fo->key[0]));
    return 0;
}

static uint64_t le64(const uint8_t *b)
{
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | b[i];
    return v;
}

static void put_le(uint8_t *b, uint64_t v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        b[i] = (uint8_t)(v >> 8 * i);
}

/* The host's key: as the knobs say it, in Linux's order of bytes, or a secret of its own. */
static void host_key(struct vt_tcp *tcp, uint8_t key[16])
{
    const struct vt_tcp_knobs *k = &tcp->knobs;
    const int64_t word[4] = {k->fastopen_key0, k->fastopen_key1, k->fastopen_key2, k->fastopen_key3};
    uint8_t name[2] = {'F', 0};
    for (unsigned i = 0; i < 4; i++) {
        name[1] = (uint8_t)i;
        put_le(key + 4 * i, word[i] >= 0 ? (uint64_t)word[i] : vt_siphash(&tcp->core->key, name, 2), 4);
    }
}

/* Copies the keys out; returns how many there are. */
static unsigned keys_of(const struct vt_tcb *tcb, uint8_t key[2][16])
{
    if (tcb->fo != NULL && tcb->fo->keys != 0) {
        memcpy(key, tcb->fo->key, sizeof(tcb->fo->key));
        return tcb->fo->keys;
    }
    host_key(tcb->end.tcp, key[0]);
    return 1;
}

int vt_tcp_fo_get_key(const struct vt_tcb *tcb, void *val, size_t *len)
{
    uint8_t key[2][16];
    size_t size = keys_of(tcb, key) * sizeof(key[0]);
    if (*len > size)
        *len = size;
    memcpy(val, key, *len);
    return 0;
}

/* ---- Cookies ---- */

/* RFC 7413 4.1.2: a keyed hash of both addresses (V69: of no use to another, or from elsewhere); of Linux's
 * form, so that servers behind one balancer may share a key. */
static void make_cookie(const uint8_t key[16], const struct vt_tcp_seg *seg, struct vt_tcp_cookie *c)
{
    struct vt_sipkey k = {{le64(key), le64(key + 8)}};
    uint8_t name[32];
    size_t n = vt_ip_is4(seg->src.ip) ? 4 : 16;
    memcpy(name, seg->src.ip.b + 16 - n, n);
    memcpy(name + n, seg->dst.ip.b + 16 - n, n);
    put_le(c->b, vt_siphash(&k, name, 2 * n), COOKIE_LEN);
    c->len = COOKIE_LEN;
    c->ok = true;
}

/* True for a cookie of ours. `*fresh` becomes the one of the first key, to be given when it was another's. */
static bool is_ours(const struct vt_tcb *tcb, const struct vt_tcp_seg *seg, struct vt_tcp_cookie *fresh,
                    bool *old_key)
{
    uint8_t key[2][16], differs;
    unsigned n = keys_of(tcb, key);
    for (unsigned i = 0; i < n; i++) {
        struct vt_tcp_cookie c = {0};
        make_cookie(key[i], seg, &c);
        if (i == 0)
            *fresh = c;
        differs = seg->opts.fo.len != c.len;
        for (unsigned j = 0; j < COOKIE_LEN; j++) /* in a time that tells nothing */
            differs |= (uint8_t)(c.b[j] ^ seg->opts.fo.b[j]);
        *old_key = i != 0;
        if (differs == 0)
            return true;
    }
    return false;
}

/* RFC 7413 5.1: no more than the limit at once. One that was reset counts for a minute. */
static bool has_room(struct vt_tcb *tcb)
{
    struct vt_fastopen *fo = tcb->fo;
    struct vt_core *core = vt_tcp_core(tcb);
    if (fo == NULL || fo->limit == 0)
        return false;
    if (fo->pending < fo->limit)
        return true;
    struct vt_fo_reset *r = fo->reset_first;
    if (r == NULL || r->until > core->now)
        return false;
    fo->reset_first = r->next;
    fo->pending--;
    vt_free(core, r, sizeof(*r));
    return true;
}

bool vt_tcp_fo_judge(struct vt_tcp_listener *l, const struct vt_tcp_seg *seg, struct vt_tcp_cookie *reply)
{
    const struct vt_tcp_cookie *theirs = &seg->opts.fo;
    int64_t knob = l->tcb->end.tcp->knobs.fastopen;
    bool old_key = false;
    *reply = (struct vt_tcp_cookie){0};
    if ((knob & SERVER) == 0 || (seg->len == 0 && !theirs->ok) || !has_room(l->tcb))
        return false;
    if ((knob & SERVER_NO_COOKIE) != 0 || (l->tcb->open & VT_OPEN_FO_NO_COOKIE) != 0)
        return true;
    if (!theirs->ok)
        return false;
    bool ours = is_ours(l->tcb, seg, reply, &old_key);
    reply->exp = theirs->exp;
    if (ours && !old_key)
        reply->ok = false; /* he has it already */
    return ours;
}

/* ---- Children ---- */

int vt_tcp_fo_child(struct vt_tcp_listener *l, struct vt_tcb *child, const struct vt_tcp_cookie *reply)
{
    struct vt_fastopen *fo = vt_tcp_fo_get(child), *of = vt_tcp_fo_get(l->tcb);
    if (fo == NULL || of == NULL)
        return -VT_ENOMEM;
    fo->cookie = *reply;
    fo->listener = l->tcb;
    fo->next = of->children;
    fo->prev = &of->children;
    if (of->children != NULL)
        of->children->prev = &fo->next;
    of->children = fo;
    of->pending++;
    child->open |= VT_OPEN_FO_CHILD;
    return 0;
}

static void keep_reset(struct vt_tcb *listener)
{
    struct vt_core *core = vt_tcp_core(listener);
    struct vt_fastopen *of = listener->fo;
    struct vt_fo_reset *r = vt_alloc(core, sizeof(*r));
    if (r == NULL)
        return;
    r->until = vt_time_add(core->now, RESET_LASTS);
    if (of->reset_first == NULL)
        of->reset_first = r;
    else
        of->reset_last->next = r;
    of->reset_last = r;
    of->pending++;
}

void vt_tcp_fo_child_done(struct vt_tcb *child, bool reset)
{
    struct vt_fastopen *fo = child->fo;
    if (fo == NULL || fo->prev == NULL)
        return;
    struct vt_tcb *listener = fo->listener;
    *fo->prev = fo->next;
    if (fo->next != NULL)
        fo->next->prev = fo->prev;
    fo->prev = NULL;
    listener->fo->pending--;
    if (reset && child->parent == NULL && listener->listener != NULL)
        keep_reset(listener);
}

void vt_tcp_fo_listener_free(struct vt_tcb *listener)
{
    struct vt_fastopen *of = listener->fo;
    if (of == NULL)
        return;
    while (of->reset_first != NULL) {
        struct vt_fo_reset *r = of->reset_first;
        of->reset_first = r->next;
        vt_free(vt_tcp_core(listener), r, sizeof(*r));
    }
    while (of->children != NULL) { /* accepted already: they go on without it */
        struct vt_fastopen *fo = of->children;
        of->children = fo->next;
        fo->next = NULL;
        fo->prev = NULL;
    }
    of->pending = 0;
}
