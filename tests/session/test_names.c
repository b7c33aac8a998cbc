/* The hosts table, numbers in text, and localhost (S07). */
#include <stdio.h>
#include "host/fixture.h"

struct fixture {
    struct test_memory mem;
    struct vt_core core;
    struct vt_sockets *s;
};

static void init(struct fixture *f, uint32_t max)
{
    memset(f, 0, sizeof *f);
    f->core.mem = test_allocator(&f->mem);
    f->s = vt_sockets_new(&f->core, &(struct vt_sockets_config){.hosts_max = max});
}

static void fini(struct fixture *f)
{
    vt_sockets_free(f->s);
    assert_int_equal(f->mem.count, 0);
}

static int look(struct fixture *f, const char *name, struct vt_ip expect)
{
    struct vt_addr addr = {.scope = 9, .port = 80};
    int error = vt_sock_getaddrinfo(f->s, name, &addr);

    if (error == 0) {
        assert_true(vt_ip_eq(addr.ip, expect));
        assert_int_equal(addr.scope, 0);
        assert_int_equal(addr.port, 80); /* the port is left as it is */
    }
    return error;
}

static void names_are_found_in_any_letter_case(void **state)
{
    struct fixture f;
    const struct vt_ip b = VT_IP4(10, 0, 0, 2);

    (void)state;
    init(&f, 0);
    assert_int_equal(look(&f, "www.lab", b), -VT_ENOENT);
    assert_int_equal(vt_sock_hosts_add(f.s, "www.Lab", b), 0);
    assert_int_equal(look(&f, "www.lab", b), 0);
    assert_int_equal(look(&f, "WWW.LAB", b), 0);
    assert_int_equal(look(&f, "www.la", b), -VT_ENOENT);
    assert_int_equal(look(&f, "www.labs", b), -VT_ENOENT);
    assert_int_equal(look(&f, "", b), -VT_ENOENT);
    /* Added again it has moved. */
    assert_int_equal(vt_sock_hosts_add(f.s, "WWW.lab", VT_IP4(10, 0, 0, 3)), 0);
    assert_int_equal(look(&f, "www.lab", VT_IP4(10, 0, 0, 3)), 0);
    fini(&f);
}

static void s07_numbers_and_localhost(void **state)
{
    struct fixture f;

    (void)state;
    init(&f, 0);
    assert_int_equal(look(&f, "127.0.0.2", VT_IP4(127, 0, 0, 2)), 0);
    assert_int_equal(look(&f, "0.0.0.0", VT_IP4_ANY), 0);
    assert_int_equal(look(&f, "255.255.255.255", VT_IP4_BROADCAST), 0);
    assert_int_equal(look(&f, "256.0.0.1", VT_IP_ANY), -VT_ENOENT);
    assert_int_equal(look(&f, "1.2.3", VT_IP_ANY), -VT_ENOENT);
    assert_int_equal(look(&f, "localhost", VT_IP4_LOOPBACK), 0);
    assert_int_equal(look(&f, "LocalHost", VT_IP4_LOOPBACK), 0);
    assert_int_equal(look(&f, "a.localhost", VT_IP4_LOOPBACK), 0); /* RFC 6761 6.3 */
    assert_int_equal(look(&f, "alocalhost", VT_IP4_LOOPBACK), -VT_ENOENT);
    /* It cannot be made to mean another. */
    assert_int_equal(vt_sock_hosts_add(f.s, "localhost", VT_IP4(10, 0, 0, 9)), 0);
    assert_int_equal(look(&f, "localhost", VT_IP4_LOOPBACK), 0);
    fini(&f);
}

static void the_table_is_bounded_and_in_order(void **state)
{
    struct fixture f;
    const char *name;
    struct vt_ip ip;
    char text[300];

    (void)state;
    init(&f, 3);
    assert_int_equal(vt_sock_hosts_add(f.s, "c", VT_IP4(1, 0, 0, 3)), 0);
    assert_int_equal(vt_sock_hosts_add(f.s, "a", VT_IP4(1, 0, 0, 1)), 0);
    assert_int_equal(vt_sock_hosts_add(f.s, "b", VT_IP4(1, 0, 0, 2)), 0);
    assert_int_equal(vt_sock_hosts_add(f.s, "d", VT_IP4(1, 0, 0, 4)), -VT_ENOSPC);
    assert_int_equal(vt_sock_hosts_add(f.s, "a", VT_IP4(1, 0, 0, 9)), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(vt_sock_hosts_get(f.s, i, &name, &ip));
        assert_int_equal(name[0], "cab"[i]);
    }
    assert_false(vt_sock_hosts_get(f.s, 3, &name, &ip));
    fini(&f);
    init(&f, 0);
    for (unsigned i = 0; i < 1024; i++) {
        snprintf(text, sizeof text, "host%u", i);
        assert_int_equal(vt_sock_hosts_add(f.s, text, VT_IP4_LOOPBACK), 0);
    }
    assert_int_equal(vt_sock_hosts_add(f.s, "more", VT_IP4_LOOPBACK), -VT_ENOSPC);
    fini(&f);
}

static void what_is_no_name_is_refused(void **state)
{
    struct fixture f;
    char text[300];

    (void)state;
    init(&f, 0);
    static const char *const bad[] = {"", "a b", "a/b", "10.0.0.1", "::1", "a:1", "\xc3\xa4", "a\n"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(vt_sock_hosts_add(f.s, bad[i], VT_IP4_LOOPBACK), -VT_EINVAL);
    memset(text, 'a', sizeof text);
    text[254] = 0;
    assert_int_equal(vt_sock_hosts_add(f.s, text, VT_IP4_LOOPBACK), -VT_EINVAL);
    text[253] = 0;
    assert_int_equal(vt_sock_hosts_add(f.s, text, VT_IP4_LOOPBACK), 0);
    assert_int_equal(vt_sock_hosts_add(f.s, NULL, VT_IP4_LOOPBACK), -VT_EFAULT);
    f.mem.fail_at = f.mem.calls + 1;
    assert_int_equal(vt_sock_hosts_add(f.s, "b", VT_IP4_LOOPBACK), -VT_ENOMEM);
    fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_in_any_letter_case),
        cmocka_unit_test(s07_numbers_and_localhost),
        cmocka_unit_test(the_table_is_bounded_and_in_order),
        cmocka_unit_test(what_is_no_name_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
