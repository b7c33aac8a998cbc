/* epoll sets, with Linux's meanings; and against a model that polls every socket. */
#include "host/fixture.h"

struct fixture {
    struct test_memory mem;
    struct vt_host *h;
    int epfd;
    unsigned calls; /* of on_ready */
    int called_for;
};

static void on_ready(void *ctx, int epfd)
{
    struct fixture *f = ctx;

    f->calls++;
    f->called_for = epfd;
}

static void init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->h = vt_host_new(&(struct vt_host_config){.seed = 1, .mem = test_allocator(&f->mem)});
    vt_sockets_on_ready(vt_host_sockets(f->h), on_ready, f);
    f->epfd = vt_epoll_create(f->h);
    assert_true(f->epfd >= 0);
}

static void fini(struct fixture *f)
{
    vt_host_free(f->h);
    assert_int_equal(f->mem.count, 0);
}

/* A datagram to a port of this host. */
static void say(struct fixture *f, int from, uint16_t port)
{
    struct vt_addr to = {VT_IP4_LOOPBACK, 0, port};

    assert_int_equal(vt_sendto(f->h, from, "x", 1, 0, &to), 1);
    vt_host_flush(f->h, 0);
}

static int ctl(struct fixture *f, int op, int fd, uint32_t events)
{
    struct vt_epoll_event ev = {events, (uint64_t)fd};

    return vt_epoll_ctl(f->h, f->epfd, op, fd, &ev);
}

static int wait_one(struct fixture *f, uint32_t *events)
{
    struct vt_epoll_event ev = {0};
    int n = vt_epoll_wait(f->h, f->epfd, &ev, 1);

    *events = ev.events;
    return n;
}

static long hear(struct fixture *f, int fd)
{
    char buf[4];

    return vt_recv(f->h, fd, buf, sizeof buf, 0);
}

static void a_level_is_told_while_it_lasts(void **state)
{
    struct fixture f;
    uint32_t events;

    (void)state;
    init(&f);
    int fd = test_udp(f.h, 7);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_ADD, fd, VT_POLLIN), 0);
    assert_int_equal(wait_one(&f, &events), 0);
    say(&f, fd, 7);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wait_one(&f, &events), 1);
        assert_int_equal(events, VT_POLLIN);
    }
    assert_int_equal(hear(&f, fd), 1);
    assert_int_equal(wait_one(&f, &events), 0);
    fini(&f);
}

static void an_edge_is_told_once(void **state)
{
    struct fixture f;
    uint32_t events;

    (void)state;
    init(&f);
    int fd = test_udp(f.h, 7);
    say(&f, fd, 7);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_ADD, fd, VT_POLLIN | VT_EPOLLET), 0);
    assert_int_equal(wait_one(&f, &events), 1); /* what was there when it was added counts */
    assert_int_equal(wait_one(&f, &events), 0);
    say(&f, fd, 7);
    assert_int_equal(wait_one(&f, &events), 1); /* each arrival is an edge */
    assert_int_equal(wait_one(&f, &events), 0);
    say(&f, fd, 7);
    while (hear(&f, fd) == 1)
        ;
    assert_int_equal(wait_one(&f, &events), 0); /* gone before anybody looked */
    fini(&f);
}

static void one_shot_sleeps_until_modified(void **state)
{
    struct fixture f;
    uint32_t events;

    (void)state;
    init(&f);
    int fd = test_udp(f.h, 7);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_ADD, fd, VT_POLLIN | VT_EPOLLONESHOT), 0);
    say(&f, fd, 7);
    assert_int_equal(wait_one(&f, &events), 1);
    assert_int_equal(wait_one(&f, &events), 0);
    say(&f, fd, 7);
    assert_int_equal(wait_one(&f, &events), 0);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_MOD, fd, VT_POLLIN | VT_EPOLLONESHOT), 0);
    assert_int_equal(wait_one(&f, &events), 1);
    assert_int_equal(wait_one(&f, &events), 0);
    fini(&f);
}

static void errors_of_ctl_and_wait(void **state)
{
    struct fixture f;
    struct vt_epoll_event ev = {VT_POLLIN, 0};

    (void)state;
    init(&f);
    int fd = test_udp(f.h, 7);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_MOD, fd, VT_POLLIN), -VT_ENOENT);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_DEL, fd, 0), -VT_ENOENT);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_ADD, fd, VT_POLLIN), 0);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_ADD, fd, VT_POLLIN), -VT_EEXIST);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_ADD, 99, VT_POLLIN), -VT_EBADF);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_ADD, f.epfd, VT_POLLIN), -VT_EINVAL);
    assert_int_equal(ctl(&f, 9, fd, VT_POLLIN), -VT_EINVAL);
    assert_int_equal(vt_epoll_ctl(f.h, fd, VT_EPOLL_CTL_ADD, fd, &ev), -VT_EINVAL);
    assert_int_equal(vt_epoll_ctl(f.h, 99, VT_EPOLL_CTL_ADD, fd, &ev), -VT_EBADF);
    assert_int_equal(vt_epoll_ctl(f.h, f.epfd, VT_EPOLL_CTL_MOD, fd, NULL), -VT_EFAULT);
    assert_int_equal(vt_epoll_ctl(f.h, f.epfd, VT_EPOLL_CTL_DEL, fd, NULL), 0);
    assert_int_equal(vt_epoll_wait(f.h, f.epfd, &ev, 0), -VT_EINVAL);
    assert_int_equal(vt_epoll_wait(f.h, f.epfd, &ev, -1), -VT_EINVAL);
    assert_int_equal(vt_epoll_wait(f.h, f.epfd, NULL, 1), -VT_EFAULT);
    assert_int_equal(vt_epoll_wait(f.h, fd, &ev, 1), -VT_EINVAL);
    assert_int_equal(vt_epoll_wait(f.h, 99, &ev, 1), -VT_EBADF);
    assert_int_equal(vt_send(f.h, f.epfd, "x", 1, 0), -VT_ENOTSOCK);
    assert_int_equal(vt_close(f.h, f.epfd), 0);
    assert_int_equal(vt_close(f.h, f.epfd), -VT_EBADF);
    fini(&f);
}

static void closing_ends_the_watch(void **state)
{
    struct fixture f;
    uint32_t events;

    (void)state;
    init(&f);
    int fd = test_udp(f.h, 7);
    size_t before = vt_host_memory(f.h);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_ADD, fd, VT_POLLIN), 0);
    say(&f, fd, 7);
    assert_int_equal(vt_close(f.h, fd), 0);
    assert_int_equal(wait_one(&f, &events), 0);
    /* The number is taken again: nothing of the old watch is left. */
    assert_int_equal(test_udp(f.h, 7), fd);
    assert_int_equal(vt_host_memory(f.h), before);
    say(&f, fd, 7);
    assert_int_equal(wait_one(&f, &events), 0);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_ADD, fd, VT_POLLIN), 0);
    assert_int_equal(wait_one(&f, &events), 1);
    assert_int_equal(vt_close(f.h, f.epfd), 0); /* and the other way round */
    say(&f, fd, 7);
    assert_int_equal(hear(&f, fd), 1);
    fini(&f);
}

/* Every watch gets its turn, however few are taken at a time. */
static void few_at_a_time_are_taken_in_turn(void **state)
{
    struct fixture f;
    int fd[10];
    unsigned told[10] = {0};

    (void)state;
    init(&f);
    for (int i = 0; i < 10; i++) {
        fd[i] = test_udp(f.h, (uint16_t)(100 + i));
        struct vt_epoll_event ev = {VT_POLLIN, (uint64_t)i};
        assert_int_equal(vt_epoll_ctl(f.h, f.epfd, VT_EPOLL_CTL_ADD, fd[i], &ev), 0);
        say(&f, fd[0], (uint16_t)(100 + i));
    }
    for (int round = 0; round < 10; round++) {
        struct vt_epoll_event evs[3];
        assert_int_equal(vt_epoll_wait(f.h, f.epfd, evs, 3), 3);
        for (int i = 0; i < 3; i++)
            told[evs[i].data]++;
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(told[i], 3);
    struct vt_epoll_event evs[32];
    assert_int_equal(vt_epoll_wait(f.h, f.epfd, evs, 32), 10); /* and none twice in one wait */
    fini(&f);
}

static void the_driver_is_told_once_until_it_looks(void **state)
{
    struct fixture f;
    uint32_t events;

    (void)state;
    init(&f);
    int fd = test_udp(f.h, 7), other = test_udp(f.h, 8);
    ctl(&f, VT_EPOLL_CTL_ADD, fd, VT_POLLIN);
    ctl(&f, VT_EPOLL_CTL_ADD, other, VT_POLLIN);
    assert_int_equal(f.calls, 0);
    say(&f, fd, 7);
    assert_int_equal(f.calls, 1);
    assert_int_equal(f.called_for, f.epfd);
    say(&f, fd, 7);
    say(&f, fd, 8);
    assert_int_equal(f.calls, 1);
    while (hear(&f, fd) == 1 || hear(&f, other) == 1)
        ;
    assert_int_equal(wait_one(&f, &events), 0);
    assert_int_equal(f.calls, 1);
    say(&f, fd, 8);
    assert_int_equal(f.calls, 2);
    /* Modified into readiness is ready too. */
    assert_int_equal(wait_one(&f, &events), 1);
    ctl(&f, VT_EPOLL_CTL_MOD, fd, VT_POLLOUT);
    assert_int_equal(f.calls, 3);
    fini(&f);
}

static void a_set_may_watch_a_set(void **state)
{
    struct fixture f;
    struct vt_epoll_event ev = {VT_POLLIN, 1}, got;

    (void)state;
    init(&f);
    int fd = test_udp(f.h, 7), inner = vt_epoll_create(f.h), third = vt_epoll_create(f.h);
    assert_int_equal(vt_epoll_ctl(f.h, inner, VT_EPOLL_CTL_ADD, fd, &ev), 0);
    assert_int_equal(ctl(&f, VT_EPOLL_CTL_ADD, inner, VT_POLLIN), 0);
    /* No circles, and no sets in sets in sets. */
    assert_int_equal(vt_epoll_ctl(f.h, inner, VT_EPOLL_CTL_ADD, f.epfd, &ev), -VT_EINVAL);
    assert_int_equal(vt_epoll_ctl(f.h, inner, VT_EPOLL_CTL_ADD, third, &ev), -VT_EINVAL);
    assert_int_equal(vt_epoll_ctl(f.h, third, VT_EPOLL_CTL_ADD, f.epfd, &ev), -VT_EINVAL);
    assert_int_equal(vt_epoll_wait(f.h, f.epfd, &got, 1), 0);
    say(&f, fd, 7);
    assert_int_equal(vt_epoll_wait(f.h, f.epfd, &got, 1), 1);
    assert_int_equal(got.data, (uint64_t)inner);
    assert_int_equal(vt_epoll_wait(f.h, inner, &got, 1), 1);
    assert_int_equal(hear(&f, fd), 1);
    assert_int_equal(vt_epoll_wait(f.h, f.epfd, &got, 1), 0);
    struct vt_pollfd p = {.fd = inner, .events = VT_POLLIN};
    assert_int_equal(vt_poll(f.h, &p, 1), 0);
    say(&f, fd, 7);
    assert_int_equal(vt_poll(f.h, &p, 1), 1);
    fini(&f);
}

/* What is told comes from the list of what became ready, in that order, not from a walk over what is watched.
 */
static void what_became_ready_first_is_told_first(void **state)
{
    struct fixture f;
    struct vt_epoll_event evs[8];
    int fd[500];

    (void)state;
    init(&f);
    for (int i = 0; i < 500; i++) {
        fd[i] = test_udp(f.h, (uint16_t)(1000 + i));
        assert_int_equal(ctl(&f, VT_EPOLL_CTL_ADD, fd[i], VT_POLLIN), 0);
    }
    say(&f, fd[0], 1077);
    say(&f, fd[0], 1400);
    assert_int_equal(vt_epoll_wait(f.h, f.epfd, evs, 8), 2);
    assert_int_equal(evs[0].data, (uint64_t)fd[77]); /* in the order in which they became ready */
    assert_int_equal(evs[1].data, (uint64_t)fd[400]);
    fini(&f);
}

/* ---- The model ---- */

#define SOCKETS 12

struct model {
    bool open, watched;
    int fd;
    uint32_t events;  /* as asked for */
    bool asleep;      /* one-shot, told */
    bool edge;        /* edge-triggered: something came since it was told */
    unsigned waiting; /* datagrams in its queue */
};

static uint32_t holds(const struct model *m)
{
    return VT_POLLOUT | (m->waiting != 0 ? VT_POLLIN : 0);
}

/* What a wait without a limit should say of this socket, by looking at it. */
static uint32_t expected(const struct model *m)
{
    if (!m->open || !m->watched || m->asleep)
        return 0;
    if ((m->events & VT_EPOLLET) != 0 && !m->edge)
        return 0;
    return holds(m) & m->events;
}

static void change(struct fixture *f, struct model *m, struct vt_rng *rng, int op)
{
    static const uint32_t kinds[] = {VT_POLLIN, VT_POLLOUT, VT_POLLIN | VT_POLLOUT, 0};
    static const uint32_t modes[] = {0, 0, VT_EPOLLET, VT_EPOLLONESHOT, VT_EPOLLET | VT_EPOLLONESHOT};
    uint32_t events = kinds[vt_rng_below(rng, 4)] | modes[vt_rng_below(rng, 5)];
    int expect = op == VT_EPOLL_CTL_ADD ? (m->watched ? -VT_EEXIST : 0) : (m->watched ? 0 : -VT_ENOENT);

    assert_int_equal(ctl(f, op, m->fd, events), expect);
    if (expect != 0)
        return;
    m->watched = op != VT_EPOLL_CTL_DEL;
    m->events = events;
    m->asleep = false;
    m->edge = (holds(m) & events) != 0;
}

static void check_wait(struct fixture *f, struct model *m, unsigned n)
{
    struct vt_epoll_event evs[64];
    int got = vt_epoll_wait(f->h, f->epfd, evs, 64);
    unsigned ready = 0;

    assert_true(got >= 0);
    for (unsigned i = 0; i < n; i++) {
        uint32_t want = expected(&m[i]), told = 0;
        for (int k = 0; k < got; k++)
            if (m[i].open && evs[k].data == (uint64_t)m[i].fd)
                told |= evs[k].events;
        if (want != told)
            fail_msg("socket %u: expected %x, was told %x", i, want, told);
        ready += want != 0;
        m[i].edge = false;
        if (want != 0 && (m[i].events & VT_EPOLLONESHOT) != 0)
            m[i].asleep = true;
    }
    assert_int_equal(got, ready);
}

/* A wait for few: no more than asked for, each of them ready, none twice; and no fewer than there are. */
static void check_few(struct fixture *f, struct model *m, unsigned n, int max)
{
    struct vt_epoll_event evs[SOCKETS];
    int got = vt_epoll_wait(f->h, f->epfd, evs, max), ready = 0;

    for (unsigned i = 0; i < n; i++) {
        uint32_t want = expected(&m[i]);
        unsigned times = 0;
        ready += want != 0;
        for (int k = 0; k < got; k++) {
            if (!m[i].open || evs[k].data != (uint64_t)m[i].fd)
                continue;
            assert_int_equal(evs[k].events, want);
            times++;
            m[i].edge = false;
            m[i].asleep = (m[i].events & VT_EPOLLONESHOT) != 0;
        }
        assert_true(times <= 1);
    }
    assert_int_equal(got, ready < max ? ready : max);
}

static void open_one(struct fixture *f, struct model *m, unsigned i)
{
    m->fd = test_udp(f->h, (uint16_t)(2000 + i));
    m->open = true;
    m->watched = m->asleep = m->edge = false;
    m->waiting = 0;
}

static void it_does_as_looking_at_every_socket_does(void **state)
{
    struct fixture f;
    struct model m[SOCKETS] = {0};
    struct vt_rng rng;

    (void)state;
    init(&f);
    vt_rng_seed(&rng, test_seed(), 0);
    int speaker = test_udp(f.h, 1);
    for (int step = 0; step < 40000; step++) {
        unsigned i = (unsigned)vt_rng_below(&rng, SOCKETS);
        switch (vt_rng_below(&rng, 9)) {
        case 0:
            if (!m[i].open) {
                open_one(&f, &m[i], i);
            } else if (vt_rng_below(&rng, 4) == 0) {
                assert_int_equal(vt_close(f.h, m[i].fd), 0);
                m[i].open = false;
            }
            break;
        case 1:
        case 2:
            if (m[i].open && m[i].waiting < 50) {
                say(&f, speaker, (uint16_t)(2000 + i));
                m[i].waiting++;
                if ((m[i].events & VT_POLLIN) != 0)
                    m[i].edge = true;
            }
            break;
        case 3:
            if (m[i].open && m[i].waiting > 0) {
                assert_int_equal(hear(&f, m[i].fd), 1);
                m[i].waiting--;
            }
            break;
        case 4:
            if (m[i].open)
                change(&f, &m[i], &rng, VT_EPOLL_CTL_ADD);
            break;
        case 5:
            if (m[i].open)
                change(&f, &m[i], &rng, vt_rng_below(&rng, 4) == 0 ? VT_EPOLL_CTL_DEL : VT_EPOLL_CTL_MOD);
            break;
        case 6: check_few(&f, m, SOCKETS, 1 + (int)vt_rng_below(&rng, 4)); break;
        default: check_wait(&f, m, SOCKETS); break;
        }
    }
    fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_is_told_while_it_lasts),
        cmocka_unit_test(an_edge_is_told_once),
        cmocka_unit_test(one_shot_sleeps_until_modified),
        cmocka_unit_test(errors_of_ctl_and_wait),
        cmocka_unit_test(closing_ends_the_watch),
        cmocka_unit_test(few_at_a_time_are_taken_in_turn),
        cmocka_unit_test(the_driver_is_told_once_until_it_looks),
        cmocka_unit_test(a_set_may_watch_a_set),
        cmocka_unit_test(what_became_ready_first_is_told_first),
        cmocka_unit_test(it_does_as_looking_at_every_socket_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
