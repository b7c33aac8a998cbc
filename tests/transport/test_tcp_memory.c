/* Memory: a whole conversation with every allocation failing in turn (V87), and what a host holds when all
 * have gone. */
#include "tcp_node.h"

#include "network/ipv4_wire.h"

#define A_IP VT_IP4(192, 0, 2, 1)
#define B_IP VT_IP4(192, 0, 2, 2)

struct talk {
    struct tcp_node n[2];
    struct vt_tcb *listener, *c, *s;
    uint32_t sent[2], read[2]; /* 0: the client's, 1: the server's */
    bool ended[2];
    bool refused; /* a call said that it had no memory: what follows cannot be */
};

enum {
    BYTES = 30000
};

static uint8_t byte_at(unsigned who, uint32_t i)
{
    return (uint8_t)(i * 31 + i / 251 + who);
}

/* Carries what left; every third packet to the server arrives after the next one, so that the out-of-order
 * queue and the scoreboard are used. */
static void carry(struct talk *t)
{
    for (unsigned i = 0; i < 2; i++) {
        struct packet *p, *late = NULL;
        unsigned k = 0;
        while ((p = tcp_node_take(&t->n[i])) != NULL) {
            if (i == 0 && ++k % 3 == 0 && late == NULL) {
                late = p;
                continue;
            }
            tcp_node_inject(&t->n[1 - i], p->bytes, p->len, VT_CSUM_NONE);
            free(p);
            if (late != NULL) {
                tcp_node_inject(&t->n[1 - i], late->bytes, late->len, VT_CSUM_NONE);
                free(late);
                late = NULL;
            }
        }
        if (late != NULL) {
            tcp_node_inject(&t->n[1 - i], late->bytes, late->len, VT_CSUM_NONE);
            free(late);
        }
    }
}

static void settle(struct talk *t)
{
    for (unsigned i = 0; i < 2; i++) {
        tcp_node_settle(&t->n[i]);
        vt_pool_trim(t->n[i].core.pool); /* so that each buffer is an allocation of its own */
    }
}

/* Writes, reads, and closes in the end, the client first. */
static void program(struct talk *t, unsigned who)
{
    struct vt_tcb **tcb = who == 0 ? &t->c : &t->s;
    uint8_t buf[4000];
    if (*tcb == NULL)
        return;
    if (t->sent[who] < BYTES) {
        uint32_t n = BYTES - t->sent[who] < sizeof(buf) ? BYTES - t->sent[who] : sizeof(buf);
        for (uint32_t i = 0; i < n; i++)
            buf[i] = byte_at(who, t->sent[who] + i);
        long done = vt_tcp_send(*tcb, buf, n, t->sent[who] == 0 ? VT_MSG_OOB : 0);
        assert_true(done >= 0 || done == -VT_EAGAIN || done == -VT_ENOMEM || t->refused);
        t->sent[who] += done > 0 ? (uint32_t)done : 0;
        if (t->sent[who] == BYTES)
            vt_tcp_shutdown(*tcb, VT_SHUT_WR);
    }
    int one = 1;
    vt_tcp_setopt(*tcb, VT_SOL_SOCKET, VT_SO_OOBINLINE, &one, sizeof(one));
    long n = vt_tcp_recv(*tcb, buf, sizeof(buf), 0);
    for (long i = 0; i < n; i++)
        assert_int_equal(buf[i], byte_at(1 - who, t->read[who] + (uint32_t)i));
    t->read[who] += n > 0 ? (uint32_t)n : 0;
    t->ended[who] = n == 0;
    if (t->ended[who] && t->sent[who] == BYTES) {
        vt_tcp_close(*tcb, false);
        *tcb = NULL;
    }
}

static void begin(struct talk *t)
{
    struct vt_addr at = {B_IP, 0, 9528};
    t->listener = vt_tcp_open(t->n[1].tcp, &t->n[1]);
    t->c = vt_tcp_open(t->n[0].tcp, &t->n[0]);
    t->refused = t->listener == NULL || t->c == NULL;
    if (t->refused)
        return;
    int err = vt_tcp_bind(t->listener, &at);
    assert_true(err == 0 || err == -VT_ENOMEM);
    if (err == 0)
        err = vt_tcp_listen(t->listener, 1);
    if (err == 0) {
        err = vt_tcp_connect(t->c, &at);
        err = err == -VT_EINPROGRESS ? 0 : err;
    }
    assert_true(err == 0 || err == -VT_ENOMEM);
    t->refused = err != 0;
}

/* A whole conversation. Each node's allocation numbered `fail` fails, or all from there on. Returns the calls
 * that the node `who` made. */
static uint64_t converse(unsigned who, uint64_t fail, bool for_good)
{
    struct talk *t = calloc(1, sizeof(*t));
    for (unsigned i = 0; i < 2; i++)
        tcp_node_init(&t->n[i], i == 0 ? A_IP : B_IP, i + 1, 0, 0);
    struct memory *m = &t->n[who].memory;
    uint64_t from = m->calls;
    m->fail_at = fail != 0 ? from + fail : 0;
    m->for_good = for_good;
    begin(t);
    for (unsigned step = 0; step < 4000 && (t->c != NULL || t->s != NULL || t->read[1] == 0); step++) {
        if (t->s == NULL && !t->ended[1] && t->listener != NULL)
            t->s = vt_tcp_accept(t->listener, &t->n[1]);
        if (!t->refused && t->c != NULL && t->c->end.state != VT_TCP_SYN_SENT)
            program(t, 0);
        program(t, 1);
        settle(t);
        carry(t);
        settle(t);
        bool idle = t->n[0].out == NULL && t->n[1].out == NULL;
        vt_time next = vt_time_add(t->n[0].core.now, idle ? 20 * VT_MSEC : VT_MSEC);
        for (unsigned i = 0; i < 2; i++)
            tcp_node_wait_until(&t->n[i], next);
        if (t->refused || (for_good && m->fail_at != 0 && m->calls > m->fail_at + 500))
            break;
    }
    if (!for_good && !t->refused) { /* one failure is made good by sending again */
        assert_int_equal(t->read[0], BYTES);
        assert_int_equal(t->read[1], BYTES);
        assert_null(t->c);
        assert_null(t->s);
    }
    if (t->c != NULL)
        vt_tcp_close(t->c, false);
    if (t->s != NULL)
        vt_tcp_close(t->s, false);
    if (t->listener != NULL)
        vt_tcp_close(t->listener, false);
    uint64_t calls = m->calls - from;
    m->fail_at = 0;
    for (unsigned i = 0; i < 2; i++)
        tcp_node_fini(&t->n[i]);
    free(t);
    return calls;
}

static void each_allocation(bool for_good)
{
    for (unsigned who = 0; who < 2; who++) {
        uint64_t calls = converse(who, 0, false);
        print_message("# %llu allocations\n", (unsigned long long)calls);
        assert_true(calls > 50);
        for (uint64_t n = 1; n <= calls; n++)
            converse(who, n, for_good);
    }
}

static void test_v87_each_allocation_once(void **state)
{
    (void)state;
    each_allocation(false);
}

static void test_v87_each_allocation_for_good(void **state)
{
    (void)state;
    each_allocation(true);
}

/* ---- At rest ---- */

/* A thousand conversations later a host holds what it held before the first. */
static void test_memory_goes_back(void **state)
{
    (void)state;
    struct talk *t = calloc(1, sizeof(*t));
    for (unsigned i = 0; i < 2; i++)
        tcp_node_init(&t->n[i], i == 0 ? A_IP : B_IP, i + 1, 0, 0);
    size_t held[2] = {t->n[0].core.mem_used, t->n[1].core.mem_used};
    for (unsigned k = 0; k < 1000; k++) {
        begin(t);
        memset(t->sent, 0, sizeof(t->sent));
        memset(t->read, 0, sizeof(t->read));
        memset(t->ended, 0, sizeof(t->ended));
        t->sent[0] = t->sent[1] = BYTES - 100 - k; /* a few bytes are enough */
        t->read[0] = t->read[1] = BYTES - 100 - k;
        for (unsigned step = 0; step < 1000 && (step < 5 || t->c != NULL || t->s != NULL); step++) {
            if (t->s == NULL && !t->ended[1])
                t->s = vt_tcp_accept(t->listener, &t->n[1]);
            if (t->c != NULL && t->c->end.state != VT_TCP_SYN_SENT)
                program(t, 0);
            program(t, 1);
            settle(t);
            carry(t);
            settle(t);
            for (unsigned i = 0; i < 2; i++)
                tcp_node_wait_until(&t->n[i], vt_time_add(t->n[i].core.now, 10 * VT_MSEC));
        }
        assert_null(t->c);
        assert_null(t->s);
        vt_tcp_close(t->listener, false);
        t->listener = NULL;
        for (unsigned i = 0; i < 2; i++)
            tcp_node_wait_until(&t->n[i], vt_time_add(t->n[i].core.now, 61 * VT_SEC));
        settle(t);
        assert_int_equal(t->n[0].core.mem_used, held[0]);
        assert_int_equal(t->n[1].core.mem_used, held[1]);
    }
    for (unsigned i = 0; i < 2; i++)
        tcp_node_fini(&t->n[i]);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v87_each_allocation_once),
        cmocka_unit_test(test_v87_each_allocation_for_good),
        cmocka_unit_test(test_memory_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
