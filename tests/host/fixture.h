/* What the tests of sockets and hosts share: two hosts joined by a device pair in memory, under a clock of
 * their own, and the events they tell.
 */
#ifndef VT_TESTS_HOST_FIXTURE_H
#define VT_TESTS_HOST_FIXTURE_H

#include "base/testing.h"
#include "host/host.h"

/* A device in memory. What is sent goes to `peer`, or to `sent` when there is none; `incoming` is what comes
 * next. */
struct test_dev {
    struct vt_device dev;
    struct test_dev *peer;
    struct vt_pbufq incoming, sent;
    bool deaf; /* what is sent is lost */
};

void test_dev_init(struct test_dev *d, uint32_t features);
void test_dev_fini(struct test_dev *d);

/* Events, as they were told. */
#define TEST_EVENTS 4096
struct test_events {
    unsigned n;
    struct vt_event ev[TEST_EVENTS];
};

/* A listener that keeps events. */
struct vt_listener test_listener(struct test_events *log);
/* The i-th event of this kind, from 0; NULL when there are fewer. */
const struct vt_event *test_find(const struct test_events *log, unsigned kind, unsigned i);
unsigned test_count(const struct test_events *log, unsigned kind);
/* The event that caused this one; NULL when it is not in the log. */
const struct vt_event *test_cause(const struct test_events *log, const struct vt_event *e);

/* Hosts a, 10.0.0.1, and b, 10.0.0.2, on one link. Either may be absent: NULL without memory. */
struct test_pair {
    struct test_memory mem;
    struct test_dev dev[2];
    struct vt_host *a, *b;
    vt_time now;
    struct test_events log_a, log_b;
};

/* Builds both; `features` are the devices'. False when memory ran out: then everything is freed. */
bool test_pair_build(struct test_pair *w, uint32_t features);
void test_pair_init(struct test_pair *w, uint32_t features);
/* The same with listeners from the start. */
void test_pair_init_watched(struct test_pair *w, uint32_t features);
/* Frees the hosts and checks that all memory is back. */
void test_pair_fini(struct test_pair *w);
/* Polls until nothing more happens at this time. */
void test_pair_run(struct test_pair *w);
/* Lets time pass, from deadline to deadline. */
void test_pair_pass(struct test_pair *w, vt_span span);

/* 10.0.0.1 and 10.0.0.2 with a port. */
struct vt_addr test_addr_a(uint16_t port);
struct vt_addr test_addr_b(uint16_t port);
struct vt_addr test_any(uint16_t port);
/* A UDP socket bound to the wildcard and this port (0: one of the host's choice). */
int test_udp(struct vt_host *h, uint16_t port);

/* A connection from a to b's `port`: the descriptors. The listener stays open at *listener. */
void test_connect(struct test_pair *w, uint16_t port, int *client, int *listener, int *server);

#endif
