/* What the tests of the network floor share: a node without a link under it. What it sends is caught in a
 * list, and what it is to receive is put in by hand. */
#ifndef TESTS_NETWORK_FIXTURE_H
#define TESTS_NETWORK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <vitro/errno.h>
#include "base/text.h"
#include "network/net.h"

#define NODE_NETIFS 3
#define NODE_SENT   512
#define NODE_EVENTS 4096
#define NODE_UPS    64
#define PACKET_MAX  65600

/* A packet that left, or was handed up. */
struct caught {
    struct vt_pbuf *p;
    struct vt_ip next_hop;
    unsigned nif; /* 1 and up */
};

/* Memory that can be told to fail: the n-th call from now, once or for good. */
struct memory {
    size_t live, calls;
    size_t fail_at; /* 0: never */
    bool for_good;
};

struct node {
    struct memory memory;
    struct vt_allocator allocator;
    struct vt_core core;
    struct vt_stream stream;
    struct vt_net *net;
    struct vt_netif nif[NODE_NETIFS];

    struct caught sent[NODE_SENT];
    unsigned nsent;

    /* What came up to the UDP and TCP that every node pretends to have. */
    struct vt_ip_in up[NODE_UPS];
    uint8_t *up_bytes; /* of the last */
    uint32_t up_len;
    struct vt_event_id up_cause;
    unsigned nup;
    unsigned errors;
    struct vt_icmp_error error; /* the last; its quote is not kept */
    uint8_t quote[60];
    bool known; /* what error() answers */

    struct vt_event event[NODE_EVENTS];
    unsigned nevents;
};

/* A node at 10.0.1.1/24 (nif[0]) and, when `forward`, 10.0.2.1/24 (nif[1]); MTU 1500. */
struct node *node_new(uint64_t seed, const struct vt_net_config *config);
/* Frees it; fails the test when anything was leaked. */
void node_free(struct node *n);
/* Passes time, firing what is due. */
void node_wait(struct node *n, vt_span span);
/* Frees what was caught so far. */
void node_forget(struct node *n);

/* What a header says; zero fields mean: TTL 64, UDP, no options, no fragment. */
struct spec {
    struct vt_ip src, dst;
    uint8_t protocol, ttl, tos;
    uint16_t ident;
    uint16_t offset;
    bool df, mf;
    const uint8_t *options;
    uint16_t options_len; /* a multiple of 4 */
};

/* Writes a packet and returns its length. */
uint32_t packet(uint8_t *b, const struct spec *s, const void *data, uint32_t len);
/* Writes an ICMP message: the 8 bytes, then data; the checksum is right. */
uint32_t icmp(uint8_t *b, uint8_t type, uint8_t code, uint16_t ident, uint16_t seq, const void *data,
              uint32_t len);
/* Bytes 0, 1, 2, ... from `first`. */
const uint8_t *pattern(uint8_t first);

/* Puts bytes in by interface i (0 is nif[0]), as the link would. */
void inject(struct node *n, unsigned i, const uint8_t *b, uint32_t len);
void inject_group(struct node *n, unsigned i, const uint8_t *b, uint32_t len);
/* A packet in one go. */
void inject_packet(struct node *n, unsigned i, const struct spec *s, const void *data, uint32_t len);

/* Takes the i-th caught packet apart. Returns its data's length, the data in `data`, which is PACKET_MAX
 * long. */
uint32_t sent(const struct node *n, unsigned i, struct vt_ipv4_hdr *h, uint8_t *data);
/* Sends len bytes of the pattern as protocol UDP. */
int send_pattern(struct node *n, struct vt_ip src, struct vt_ip dst, uint32_t len, bool df);

uint64_t drops(const struct node *n);
/* Events of this kind so far, and the last of them (NULL: none). */
unsigned events(const struct node *n, unsigned kind);
const struct vt_event *last_event(const struct node *n, unsigned kind);

#define assert_dropped(n, reason)                          \
    do {                                                   \
        assert_int_equal((n)->core.drops[reason], 1);      \
        assert_int_equal(drops(n), 1);                     \
        memset((n)->core.drops, 0, sizeof(n)->core.drops); \
    } while (0)

#define HERE  VT_IP4(10, 0, 1, 1)
#define HERE2 VT_IP4(10, 0, 2, 1)
#define PEER  VT_IP4(10, 0, 1, 2)
#define PEER2 VT_IP4(10, 0, 2, 2)

/* The seed of a random test: VT_TEST_SEED, or 1; printed, so that a failure can be replayed. */
uint64_t test_seed(void);

#endif
