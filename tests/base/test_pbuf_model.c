/* Packet buffers against a plain array of bytes: thousands of random operations on a few packets that share
 * blocks with each other, every packet compared after each. */
#include "testing.h"

#include "base/pbuf.h"
#include "base/random.h"

#define PACKETS 6
#define MOST    3000
#define FRONT   2000

/* What a packet should be: bytes[start .. start + len), and how far back an unpull may go. */
struct model {
    struct vt_pbuf *p;
    uint32_t start, len, back;
    uint8_t bytes[FRONT + 3 * MOST];
};

static struct test_memory memory;
static struct vt_pool *pool;
static struct vt_rng rng;
static struct model models[PACKETS];

static uint32_t draw(uint32_t n)
{
    return (uint32_t)vt_rng_below(&rng, n);
}

static void fill(uint8_t *at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        at[i] = (uint8_t)vt_rng_u32(&rng);
}

static uint8_t *bytes(struct model *m)
{
    return m->bytes + m->start;
}

static void check(struct model *m)
{
    struct vt_pbuf *p = m->p;
    if (p == NULL)
        return;
    uint8_t got[3 * MOST];
    assert_int_equal(p->len, m->len);
    assert_int_equal(vt_pbuf_read(p, 0, got, sizeof(got)), m->len);
    assert_memory_equal(got, bytes(m), m->len);
    uint32_t sum = p->head_len;
    for (unsigned i = 0; i < p->nfrags; i++)
        sum += p->frag[p->first + i].len;
    assert_int_equal(sum, p->len);
    assert_true(p->len == p->head_len || p->frag[p->first].len != 0);
    assert_true(p->pulled <= p->head && p->head + p->head_len <= VT_PBUF_ROOM);
    assert_true(p->first + p->nfrags <= VT_PBUF_FRAGS);
}

static void renew(struct model *m)
{
    vt_pbuf_free(m->p);
    m->start = FRONT;
    m->back = 0;
    m->len = draw(3) == 0 ? draw(150) : draw(MOST);
    fill(bytes(m), m->len);
    m->p = vt_pbuf_from(pool, bytes(m), m->len);
    assert_non_null(m->p);
}

static void copy_of(struct model *m, const struct model *from, bool whole)
{
    if (m == from || from->p == NULL)
        return;
    vt_pbuf_free(m->p);
    uint32_t off = whole ? 0 : draw(from->len + 1), len = whole ? from->len : draw(from->len - off + 1);
    memcpy(m->bytes, from->bytes, sizeof(m->bytes));
    m->start = from->start + off;
    m->len = len;
    m->back = whole ? from->back : 0;
    m->p = whole ? vt_pbuf_clone(from->p) : vt_pbuf_slice(from->p, off, len);
    assert_non_null(m->p);
}

static void push(struct model *m)
{
    uint32_t n = draw(61);
    if (n > m->p->head || n > m->start)
        return;
    uint8_t *at = vt_pbuf_push(m->p, n);
    m->start -= n;
    m->len += n;
    m->back = 0;
    fill(bytes(m), n);
    memcpy(at, bytes(m), n);
}

static void put(struct model *m)
{
    uint32_t n = draw(40);
    uint8_t *at = vt_pbuf_put(m->p, n);
    if (at == NULL)
        return;
    fill(at, n);
    memcpy(bytes(m) + m->len, at, n);
    m->len += n;
    m->back = 0;
}

static void peek_or_pull(struct model *m, bool pull)
{
    /* Pulls of up to 100 bytes keep 140 and more within reach, whatever was gathered. */
    uint32_t n = draw(101);
    const uint8_t *at = pull ? vt_pbuf_pull(m->p, n) : vt_pbuf_peek(m->p, n);
    if (n > m->len) {
        assert_null(at);
        return;
    }
    assert_memory_equal(at, bytes(m), n);
    if (!pull)
        return;
    m->start += n;
    m->len -= n;
    m->back = m->back + n < 140 ? m->back + n : 140;
}

static void unpull(struct model *m)
{
    uint32_t n = draw(m->back + 1);
    vt_pbuf_unpull(m->p, n);
    m->start -= n;
    m->len += n;
    m->back -= n;
}

static void own(struct model *m)
{
    uint32_t n = draw(101);
    uint8_t *at = vt_pbuf_own(m->p, n);
    if (n > m->len) {
        assert_null(at);
        return;
    }
    fill(bytes(m), n);
    memcpy(at, bytes(m), n);
}

static void skip_or_trim(struct model *m, bool skip)
{
    uint32_t n = draw(2) == 0 ? draw(60) : draw(m->len + 1);
    if (n > m->len)
        n = m->len;
    if (skip) {
        vt_pbuf_skip(m->p, n);
        m->start += n;
        m->back = 0;
    } else {
        vt_pbuf_trim(m->p, m->len - n);
    }
    m->len -= n;
}

static void append(struct model *m)
{
    uint32_t size = 1 + draw(600), from = draw(size), n = draw(size - from + 1);
    struct vt_block *b = vt_block_new(pool, size);
    fill(b->data, size);
    if (m->len + n <= MOST && vt_pbuf_append(m->p, b, b->data + from, n) == 0) {
        memcpy(bytes(m) + m->len, b->data + from, n);
        m->len += n;
        m->back = 0;
    }
    vt_block_unref(b);
}

static void join(struct model *m, struct model *q)
{
    if (m == q || q->p == NULL || m->len + q->len > MOST)
        return;
    if (vt_pbuf_join(m->p, q->p) == 0) {
        memcpy(bytes(m) + m->len, bytes(q), q->len);
        m->len += q->len;
        m->back = 0;
        q->p = NULL;
    }
}

static void write_over(struct model *m)
{
    uint32_t off = draw(m->len + 1), n = draw(m->len - off + 1);
    fill(bytes(m) + off, n);
    assert_int_equal(vt_pbuf_write(m->p, off, bytes(m) + off, n), 0);
}

static void read_part(struct model *m)
{
    uint8_t got[MOST];
    uint32_t off = draw(m->len + 10), n = draw(200);
    uint32_t have = off >= m->len ? 0 : m->len - off < n ? m->len - off : n;
    assert_int_equal(vt_pbuf_read(m->p, off, got, n), have);
    assert_memory_equal(got, bytes(m) + off, have);
}

static void operate(void)
{
    struct model *m = &models[draw(PACKETS)], *other = &models[draw(PACKETS)];
    unsigned op = draw(32);
    if (m->p == NULL || op == 0 || m->start > FRONT + MOST - 200 || m->start < 200) {
        renew(m);
        return;
    }
    switch (op) {
    case 1: copy_of(m, other, true); break;
    case 2: copy_of(m, other, false); break;
    case 3:
    case 4:
    case 5: push(m); break;
    case 6: put(m); break;
    case 7: peek_or_pull(m, false); break;
    case 8:
    case 9:
    case 10:
    case 11: peek_or_pull(m, true); break;
    case 12:
    case 13: unpull(m); break;
    case 14:
    case 15: own(m); break;
    case 16:
    case 17: skip_or_trim(m, true); break;
    case 18: skip_or_trim(m, false); break;
    case 19:
    case 20:
    case 21:
    case 22: append(m); break;
    case 23:
    case 24: join(m, other); break;
    case 25: write_over(m); break;
    case 26: assert_int_equal(vt_pbuf_unshare(m->p), 0); break;
    default: read_part(m); break;
    }
}

static void any_order_of_operations(void **state)
{
    (void)state;
    vt_rng_seed(&rng, test_seed(), 1);
    memory = (struct test_memory){0};
    pool = vt_pool_new(&(struct vt_pool_config){.mem = test_allocator(&memory)});
    for (unsigned i = 0; i < 60000; i++) {
        operate();
        for (unsigned k = 0; k < PACKETS; k++)
            check(&models[k]);
    }
    for (unsigned k = 0; k < PACKETS; k++)
        vt_pbuf_free(models[k].p);
    assert_int_equal(vt_pool_live_pbufs(pool), 0);
    assert_int_equal(vt_pool_live_blocks(pool), 0);
    vt_pool_release(pool);
    assert_int_equal(memory.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_order_of_operations)};
    return cmocka_run_group_tests_name("pbuf_model", tests, NULL, NULL);
}
