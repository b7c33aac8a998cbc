#include "fixture.h"

/* ---- The device ---- */

static struct test_dev *of(struct vt_device *dev)
{
    return (struct test_dev *)(void *)dev;
}

static unsigned rx_burst(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    unsigned got = 0;

    (void)now;
    while (got < n && of(dev)->incoming.first != NULL)
        frames[got++] = vt_pbufq_pop(&of(dev)->incoming);
    return got;
}

static unsigned tx_burst(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct test_dev *d = of(dev);

    (void)now;
    for (unsigned i = 0; i < n; i++) {
        if (d->deaf)
            vt_pbuf_free(frames[i]);
        else
            vt_pbufq_push(d->peer != NULL ? &d->peer->incoming : &d->sent, frames[i]);
    }
    return n;
}

static vt_time next_at(struct vt_device *dev)
{
    return of(dev)->incoming.first != NULL ? 0 : VT_NEVER;
}

static int fd_of(struct vt_device *dev)
{
    (void)dev;
    return -1;
}

static void close_dev(struct vt_device *dev)
{
    (void)dev;
}

void test_dev_init(struct test_dev *d, uint32_t features)
{
    static const struct vt_device_ops ops = {rx_burst, tx_burst, next_at, fd_of, close_dev};

    *d = (struct test_dev){.dev = {.ops = &ops, .features = features, .mtu = 1500, .name = "test"}};
}

void test_dev_fini(struct test_dev *d)
{
    vt_pbufq_clear(&d->incoming);
    vt_pbufq_clear(&d->sent);
}

/* ---- Events ---- */

static void keep(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct test_events *log = ctx;

    (void)extra;
    if (log->n < TEST_EVENTS)
        log->ev[log->n++] = *ev;
}

struct vt_listener test_listener(struct test_events *log)
{
    return (struct vt_listener){keep, log};
}

const struct vt_event *test_find(const struct test_events *log, unsigned kind, unsigned i)
{
    for (unsigned k = 0; k < log->n; k++)
        if (log->ev[k].kind == kind && i-- == 0)
            return &log->ev[k];
    return NULL;
}

unsigned test_count(const struct test_events *log, unsigned kind)
{
    unsigned n = 0;

    for (unsigned k = 0; k < log->n; k++)
        n += log->ev[k].kind == kind;
    return n;
}

const struct vt_event *test_cause(const struct test_events *log, const struct vt_event *e)
{
    for (unsigned k = 0; k < log->n; k++)
        if (log->ev[k].id == e->cause && log->ev[k].node == e->cause_node)
            return &log->ev[k];
    return NULL;
}

/* ---- The pair ---- */

bool test_pair_build(struct test_pair *w, uint32_t features)
{
    test_dev_init(&w->dev[0], features);
    test_dev_init(&w->dev[1], features);
    w->dev[0].peer = &w->dev[1];
    w->dev[1].peer = &w->dev[0];
    w->now = VT_SEC;
    struct vt_allocator mem = test_allocator(&w->mem);
    w->a = vt_host_new(
        &(struct vt_host_config){.name = "a", .seed = 1, .mem = mem, .node = 1, .now = w->now});
    w->b = vt_host_new(
        &(struct vt_host_config){.name = "b", .seed = 2, .mem = mem, .node = 2, .now = w->now});
    if (w->a != NULL && w->b != NULL && vt_host_attach(w->a, &w->dev[0].dev, "10.0.0.1/24") == 1 &&
        vt_host_attach(w->b, &w->dev[1].dev, "10.0.0.2/24") == 1)
        return true;
    test_pair_fini(w);
    return false;
}

void test_pair_init(struct test_pair *w, uint32_t features)
{
    memset(w, 0, sizeof *w);
    assert_true(test_pair_build(w, features));
}

void test_pair_init_watched(struct test_pair *w, uint32_t features)
{
    test_pair_init(w, features);
    assert_int_equal(vt_host_listen_events(w->a, test_listener(&w->log_a)), 0);
    assert_int_equal(vt_host_listen_events(w->b, test_listener(&w->log_b)), 0);
}

/* A frame on its way belongs to the pool of the host that made it, which waits for it. */
void test_pair_fini(struct test_pair *w)
{
    vt_host_free(w->a);
    vt_host_free(w->b);
    test_dev_fini(&w->dev[0]);
    test_dev_fini(&w->dev[1]);
    w->a = w->b = NULL;
    assert_int_equal(w->mem.count, 0);
    assert_int_equal(w->mem.bytes, 0);
}

void test_pair_run(struct test_pair *w)
{
    vt_time a = w->now, b = w->now;

    for (unsigned n = 0; a <= w->now || b <= w->now; n++) {
        assert_true(n < 10000);
        a = vt_host_poll(w->a, w->now);
        b = vt_host_poll(w->b, w->now);
        if (w->dev[0].incoming.first != NULL)
            a = w->now;
    }
}

void test_pair_pass(struct test_pair *w, vt_span span)
{
    vt_time end = vt_time_add(w->now, span);

    for (;;) {
        test_pair_run(w);
        vt_time next = vt_time_min(vt_host_flush(w->a, w->now), vt_host_flush(w->b, w->now));
        if (w->dev[0].incoming.first != NULL || w->dev[1].incoming.first != NULL || next <= w->now)
            continue;
        if (next > end)
            break;
        w->now = next;
    }
    w->now = end;
    test_pair_run(w);
}

struct vt_addr test_addr_a(uint16_t port)
{
    return (struct vt_addr){VT_IP4(10, 0, 0, 1), 0, port};
}

struct vt_addr test_addr_b(uint16_t port)
{
    return (struct vt_addr){VT_IP4(10, 0, 0, 2), 0, port};
}

struct vt_addr test_any(uint16_t port)
{
    return (struct vt_addr){VT_IP4_ANY, 0, port};
}

int test_udp(struct vt_host *h, uint16_t port)
{
    struct vt_addr any = test_any(port);
    int fd = vt_socket(h, VT_AF_INET, VT_SOCK_DGRAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(vt_bind(h, fd, &any), 0);
    return fd;
}

void test_connect(struct test_pair *w, uint16_t port, int *client, int *listener, int *server)
{
    struct vt_addr any = test_any(port), to = test_addr_b(port);

    *listener = vt_socket(w->b, VT_AF_INET, VT_SOCK_STREAM, 0);
    assert_int_equal(vt_bind(w->b, *listener, &any), 0);
    assert_int_equal(vt_listen(w->b, *listener, 10), 0);
    *client = vt_socket(w->a, VT_AF_INET, VT_SOCK_STREAM, 0);
    assert_int_equal(vt_connect(w->a, *client, &to), -VT_EINPROGRESS);
    test_pair_run(w);
    assert_int_equal(vt_connect(w->a, *client, &to), 0);
    *server = vt_accept(w->b, *listener, NULL);
    assert_true(*server >= 0);
}
