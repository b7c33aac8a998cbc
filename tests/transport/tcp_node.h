/* A node for the tests of TCP: TCP over the real network floor, with no link below it. What it sends is
 * caught with the time of sending, what it is to receive is put in by hand. Time is virtual. */
#ifndef TESTS_TRANSPORT_TCP_NODE_H
#define TESTS_TRANSPORT_TCP_NODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <vitro/device.h>
#include <vitro/errno.h>
#include "network/network.h"
#include "transport/tcp.h"

/* The time at which a node begins: not 0, for a clock that has run a while is the rule. */
#define NODE_BIRTH ((vt_time)(1000 * VT_SEC))

/* A packet that left, from its IP header on. */
struct packet {
    struct packet *next;
    vt_time at;
    uint32_t len;
    uint32_t gso; /* payload of each segment of a super-segment, else 0 */
    bool partial; /* its checksum is left to the device */
    uint8_t bytes[];
};

/* Memory that is counted and can fail: the call numbered `fail_at`, from 1, and all that follow it when
 * `for_good`. */
struct memory {
    size_t live;
    uint64_t calls, fail_at;
    bool for_good;
};

struct tcp_node {
    struct memory memory;
    struct vt_allocator allocator;
    struct vt_core core;
    struct vt_stream stream;
    struct vt_net *net;
    struct vt_netif nif;
    struct vt_tcp *tcp;
    struct vt_transport_up up;
    struct vt_ip ip;

    struct packet *out, **out_tail; /* what left and has not been taken */
    uint64_t injected;              /* packets that came in by tcp_node_inject() */
    uint64_t ready_calls;
    void *ready_user; /* of the last call of ready() */
    unsigned ready_events;
    uint64_t events[VT_EV_COUNT];
    struct vt_event last[VT_EV_COUNT]; /* the last of each kind */
    uint64_t why[VT_SEG_WHY_COUNT];    /* segments sent, by reason */
    uint64_t drops_seen[VT_DROP_COUNT];
};

/* `features` are enum vt_device_features of the interface; `mtu` 0 is 1500. */
void tcp_node_init(struct tcp_node *n, struct vt_ip ip, uint64_t seed, uint32_t features, uint32_t mtu);
/* Frees all; fails the test when memory, buffers or timers are left, or when a packet had no fate or two. */
void tcp_node_fini(struct tcp_node *n);
/* The end of a burst: what TCP owes, and what the node says to itself. Events are handed on. */
void tcp_node_settle(struct tcp_node *n);
/* Puts an IP packet in as the link would. Does not settle. */
void tcp_node_inject(struct tcp_node *n, const uint8_t *bytes, uint32_t len, enum vt_csum csum);
/* Moves the clock and fires what falls due on the way, settling after each. */
void tcp_node_wait_until(struct tcp_node *n, vt_time when);
vt_time tcp_node_next(struct tcp_node *n);
/* The oldest packet that left, the caller's to free(); NULL when there is none. */
struct packet *tcp_node_take(struct tcp_node *n);
void tcp_node_forget(struct tcp_node *n);
/* All drops so far. */
uint64_t tcp_node_drops(const struct tcp_node *n);
/* Builds an IP packet around a TCP segment, whose checksum it fills in when `sum`. Returns its length. */
uint32_t tcp_node_ip(uint8_t *b, struct vt_ip src, struct vt_ip dst, const uint8_t *seg, uint32_t len,
                     bool sum);

/* The seed of a random test: VT_TEST_SEED, or 1. */
uint64_t test_seed(void);

#endif
