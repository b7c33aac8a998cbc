/* SYN cookies (RFC 4987 3.6): V54, V55; and Fast Open's limits (RFC 7413), V69 among tests/drill/rfc7413. */
#include "tcp_rig.h"

static void syn_from(struct rig *r, uint16_t port)
{
    rig_flow(r, SERVER_PORT, port);
    rig_in(r, "S 0:0(0) win 65535 <mss 1400>");
    rig_out(r, "S. 0:0(0) ack 1");
}

/* V54: a flood keeps no more than the queue holds, and a peer that means it is served all the same. */
static void test_v54_cookies_at_a_full_queue(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 1);
    syn_from(r, 40000);
    syn_from(r, 40001);
    size_t held = r->n.core.mem_used;
    for (uint16_t i = 2; i < 60; i++)
        syn_from(r, (uint16_t)(40000 + i));
    assert_int_equal(r->n.core.mem_used, held);
    assert_int_equal(r->listener->listener->requests, 2);
    assert_int_equal(r->n.tcp->cookies_sent, 58);
    rig_in(r, "P. 1:11(10) ack 1 win 1000"); /* of the last; its text is not lost */
    rig_accept(r);
    rig_state(r, VT_TCP_ESTABLISHED);
    assert_int_equal(rig_recv(r, 100), 10);
    assert_int_equal(rig_info(r).tcpi_snd_mss, 1300); /* the next below 1400 in the table */
    assert_int_equal(r->n.tcp->cookies_taken, 1);
    rig_forget(r);
    rig_free(r);
}

/* V55: what was not made for this name opens nothing. */
static void test_v55_cookie_of_another(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_syncookies", 2);
    rig_listen(r, 10);
    syn_from(r, 40000);
    uint32_t iss = r->f->iss;
    rig_flow(r, SERVER_PORT, 40001);
    r->f->iss = iss;
    r->f->iss_known = true;
    rig_in(r, ". 1:1(0) ack 1");
    rig_out(r, "R 1:1(0)");
    rig_dropped(r, VT_DROP_TCP_COOKIE, 1);
    assert_null(rig_end(r));
    assert_int_equal(r->n.tcp->cookies_failed, 1);
    rig_free(r);
}

/* V55: nor any number that is guessed. */
static void test_v55_cookie_guessed(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_syncookies", 2);
    rig_knob(r, "net.ipv4.tcp_rst_per_second", 0);
    rig_listen(r, 10);
    syn_from(r, 40000);
    for (uint32_t i = 0; i < 2000; i++) {
        r->f->iss = i * UINT32_C(0x9e3779b9);
        rig_in(r, ". 1:1(0) ack 1");
        rig_forget(r);
    }
    rig_dropped(r, VT_DROP_TCP_COOKIE, 2000);
    assert_false(vt_tcp_acceptable(r->listener));
    rig_free(r);
}

/* V55: two slots of a minute: the one that runs, and the one before. */
static void test_v55_cookie_ages(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_knob(r, "net.ipv4.tcp_syncookies", 2);
    rig_listen(r, 10);
    syn_from(r, 40000);
    syn_from(r, 40001);
    rig_wait(r, 60 * VT_SEC);
    rig_in(r, ". 1:1(0) ack 1");
    rig_accept(r);
    rig_state(r, VT_TCP_ESTABLISHED);
    syn_from(r, 40002); /* cookies are still being sent */
    rig_wait(r, 30 * VT_SEC);
    rig_flow(r, SERVER_PORT, 40000);
    rig_in(r, ". 1:1(0) ack 1");
    rig_out(r, "R 1:1(0)");
    rig_dropped(r, VT_DROP_TCP_COOKIE, 1);
    rig_free(r);
}

/* Without cookies under way an ACK at a listener is no cookie, right or wrong: RFC 9293 3.10.7.2. */
static void test_no_cookies_under_way(void **state)
{
    (void)state;
    struct rig *r = rig_new(5000);
    rig_listen(r, 10);
    rig_in(r, ". 1:1(0) ack 1");
    rig_out(r, "R 1:1(0)");
    rig_dropped(r, VT_DROP_TCP_LISTEN_FLAGS, 1);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v54_cookies_at_a_full_queue), cmocka_unit_test(test_v55_cookie_of_another),
        cmocka_unit_test(test_v55_cookie_guessed),          cmocka_unit_test(test_v55_cookie_ages),
        cmocka_unit_test(test_no_cookies_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
