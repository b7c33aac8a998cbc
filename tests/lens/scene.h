/* A stage for the lens: events as a lab would emit them, made by hand.
 *
 * The network is always the same: hosts a (10.0.0.1) and b (10.0.0.2) at switch s1, host c (10.1.0.1) behind
 * router r1; cables a-s1, b-s1, r1-s1, r1-c. Each cable takes a millisecond.
 */
#ifndef TEST_LENS_SCENE_H
#define TEST_LENS_SCENE_H

#include <vitro/lens.h>

enum {
    A = 1,
    B,
    C,
    S1,
    R1,
    NODES
};

#define SCENE_LISTENERS 8
#define MS              UINT64_C(1000000)

struct scene {
    struct vt_listener listener[SCENE_LISTENERS];
    unsigned listeners;
    vt_time now;
    uint64_t count[NODES + 1]; /* the last id of each node; of the lab at 0 */
    uint8_t state[NODES][8];   /* of a node's first connections, as last told */
    bool frames;               /* PORT_TX and PORT_RX carry bytes */
    uint8_t frame[2100];       /* of the packet on its way */
    uint32_t frame_len;
};

/* A packet on its way: the last event of its life. */
struct packet {
    struct vt_event_id id;
    struct vt_event tx; /* what made it */
};

void scene_listen(struct scene *s, void (*event)(void *, const struct vt_event *, const void *), void *ctx);
/* Emits an event: fills in version, time, node, id and, where it has none, nothing else. Returns its id. */
struct vt_event_id scene_emit(struct scene *s, struct vt_event *ev, uint32_t node, struct vt_event_id cause,
                              const void *extra, size_t len);
/* NODE, PORT, LINK and ADDR of the whole network. */
void scene_topology(struct scene *s);
struct vt_ip scene_ip(uint32_t node);
void scene_wait(struct scene *s, vt_time span);

/* ---- One floor each ---- */

struct vt_event_id scene_conn(struct scene *s, uint32_t node, uint32_t conn, uint16_t lport, uint32_t peer,
                              uint16_t rport, uint32_t parent, uint32_t mark);
struct vt_event_id scene_listener(struct scene *s, uint32_t node, uint32_t conn, uint16_t port);
struct vt_event_id scene_state(struct scene *s, uint32_t node, uint32_t conn, unsigned from, unsigned to,
                               struct vt_event_id cause);
/* A segment is made: TCP_TX. */
struct packet scene_seg(struct scene *s, uint32_t from, uint32_t conn, uint16_t sport, uint32_t to,
                        uint16_t dport, unsigned flags, uint32_t seq, uint32_t ack, const char *data,
                        unsigned why);
struct packet scene_arp(struct scene *s, uint32_t from, unsigned op, uint32_t target);
/* It crosses one cable: PORT_TX, a millisecond, PORT_RX. */
void scene_hop(struct scene *s, struct packet *p, uint32_t from, uint32_t to);
/* It leaves `from` towards `to`, and its fate is up to the test. */
void scene_depart(struct scene *s, struct packet *p, uint32_t from, uint32_t to);
void scene_arrive(struct scene *s, struct packet *p, uint32_t from, uint32_t to);
/* All the way between a, b and c, by the switch and the router. */
void scene_cross(struct scene *s, struct packet *p, uint32_t from, uint32_t to);
/* The router passes it on: IP_FORWARD. */
void scene_forward(struct scene *s, struct packet *p);
/* It is read: TCP_RX, ARP_RX. */
struct vt_event_id scene_read(struct scene *s, const struct packet *p, uint32_t node, uint32_t conn,
                              unsigned state);
void scene_drop(struct scene *s, struct packet *p, uint32_t node, unsigned reason);
void scene_impair(struct scene *s, const struct packet *p, unsigned kind, uint32_t bit);
struct vt_event_id scene_call(struct scene *s, uint32_t node, uint32_t conn, unsigned call, int32_t result,
                              bool waits);
struct vt_event_id scene_timer(struct scene *s, uint32_t node, uint32_t conn, unsigned timer, uint32_t count);

/* ---- A conversation: a (port 40000, connection 1) with b (port 9528, listener 1, connection 2) ---- */

#define ISN_A 1000u
#define ISN_B 5000u

/* A segment between a and b, carried all the way and read. `why` as enum vt_seg_why. */
struct vt_event_id scene_say(struct scene *s, uint32_t from, unsigned flags, uint32_t seq, uint32_t ack,
                             const char *data, unsigned why);
void scene_open(struct scene *s);
/* a closes; four segments, a in TIME-WAIT. `a_sent` and `b_sent`: bytes before. */
void scene_close(struct scene *s, uint32_t a_sent, uint32_t b_sent);
/* The state of connection ends as the scene has them. */
void scene_move(struct scene *s, uint32_t node, unsigned from, unsigned to, struct vt_event_id cause);

/* ---- Catching output ---- */

struct catch
{
    char *text;
    size_t len, cap;
    int fail_after; /* the write that fails; 0: none */
    int writes;
};
int catch_write(void *ctx, const void *bytes, size_t len);
struct vt_sink catch_sink(struct catch *c);
void catch_free(struct catch *c);

#endif
