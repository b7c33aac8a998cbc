/* demo --two-handshakes (S17): why two do not do. What SPIN found of a server that is ESTABLISHED by the SYN
 * alone (two_trails.h) is brought about with real frames, and then with our own server in its place.
 *
 * The two-handed server is a device on the lab's switch, which plays a host: it answers ARP, and each segment
 * as the model's b does. It is also what is left in the network: the old SYN comes from it. Host a is ours,
 * and real. */
#include <stdarg.h>
#include <string.h>
#include "cli.h"
#include "two_trails.h"

#define CLIENT_PORT 40000
#define OLD_SYN     1000u /* its number, of a connection long gone */
#define ITS_NUMBER  5000u
#define SHOWN       (8 * (vt_time)VT_SEC)

static const uint8_t ip_a[4] = {10, 0, 0, 1}, ip_b[4] = {10, 0, 0, 2}, its_mac[6] = {2, 0, 0, 0, 0, 0x77};
static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};

/* A line of what happened. The server's are written when it acts, the others when the lab hands its events
 * on. */
struct line {
    vt_time at;
    char text[120];
};

struct two {
    struct vt_device dev; /* first */
    struct vt_lab *lab;
    struct vt_host *a;
    struct vt_pbuf *queue[16];
    unsigned queued;
    bool serves; /* it is b; else our own host is, and this only sends the old SYN */
    bool old;    /* there is an old SYN to come */
    bool established;
    uint32_t rcv; /* what it expects of a */
    uint8_t mac_a[6];
    uint32_t node_a, node_b;
    unsigned ghosts, opened; /* how often our b was ESTABLISHED; and a */
    struct line line[64];
    unsigned lines;
};

__attribute__((format(printf, 3, 4))) static void say(struct two *t, vt_time at, const char *format, ...)
{
    va_list args;
    unsigned i = t->lines;
    if (i == sizeof t->line / sizeof *t->line)
        return;
    for (; i != 0 && t->line[i - 1].at > at; i--)
        t->line[i] = t->line[i - 1];
    t->lines++;
    t->line[i].at = at;
    va_start(args, format);
    vsnprintf(t->line[i].text, sizeof t->line[i].text, format, args);
    va_end(args);
}

/* ---- Frames ---- */

static uint16_t sum(const uint8_t *b, size_t len, uint32_t s)
{
    for (size_t i = 0; i < len; i++)
        s += (uint32_t)b[i] << (i % 2 == 0 ? 8 : 0);
    while (s >> 16 != 0)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

static void queue(struct two *t, const uint8_t *frame, size_t len)
{
    struct vt_pbuf *p = t->queued < 16 ? vt_frame_new(t->a, frame, len) : NULL;
    if (p != NULL)
        t->queue[t->queued++] = p;
}

static void send_arp(struct two *t, uint8_t op, const uint8_t mac[6], const uint8_t from[4],
                     const uint8_t to[4])
{
    uint8_t f[42] = {[12] = 8, [13] = 6, [15] = 1, [16] = 8, [18] = 6, [19] = 4, [21] = op};
    memcpy(f, mac, 6);
    memcpy(f + 6, its_mac, 6);
    memcpy(f + 22, its_mac, 6);
    memcpy(f + 28, from, 4);
    memcpy(f + 32, op == 1 ? everybody : mac, 6);
    memcpy(f + 38, to, 4);
    queue(t, f, sizeof f);
}

static void send_segment(struct two *t, const uint8_t mac[6], bool from_a, uint8_t flags, uint32_t seq,
                         uint32_t ack)
{
    uint8_t f[54] = {[12] = 8, [14] = 0x45, [17] = 40,    [20] = 0x40, [22] = 64,
                     [23] = 6, [46] = 0x50, [47] = flags, [48] = 0xff, [49] = 0xff};
    memcpy(f, mac, 6);
    memcpy(f + 6, its_mac, 6);
    memcpy(f + 26, from_a ? ip_a : ip_b, 4);
    memcpy(f + 30, from_a ? ip_b : ip_a, 4);
    vt_put16(f + 24, (uint16_t)~sum(f + 14, 20, 0));
    vt_put16(f + 34, from_a ? CLIENT_PORT : CLI_TALK_PORT);
    vt_put16(f + 36, from_a ? CLI_TALK_PORT : CLIENT_PORT);
    vt_put32(f + 38, seq);
    vt_put32(f + 42, ack);
    vt_put16(f + 50, (uint16_t)~sum(f + 26, 28, 6 + 20));
    queue(t, f, sizeof f);
}

/* ---- The two-handed server ---- */

static void take_segment(struct two *t, uint8_t flags, uint32_t seq)
{
    if ((flags & VT_RST) != 0 && t->established && seq == t->rcv) {
        t->established = false;
    } else if ((flags & VT_SYN) != 0 && !t->established) {
        t->established = true; /* the second handshake is the last: it believes that both know */
        t->rcv = seq + 1;
        say(t, vt_lab_now(t->lab), "b takes the SYN: LISTEN to ESTABLISHED");
        send_segment(t, t->mac_a, false, VT_SYN | VT_ACK, ITS_NUMBER, t->rcv);
    } else if ((flags & VT_SYN) != 0) { /* as in every synchronised state: where we are */
        send_segment(t, t->mac_a, false, VT_ACK, ITS_NUMBER + 1, t->rcv);
    }
}

static void take_arp(struct two *t, const uint8_t *f)
{
    if (f[21] == 1) {
        if (t->serves && memcmp(f + 38, ip_b, 4) == 0)
            send_arp(t, 2, f + 22, ip_b, f + 28);
        return;
    }
    if (!t->old)
        return;
    t->old = false; /* who it is for is known now */
    say(t, vt_lab_now(t->lab), "out of the network: an old SYN of a's, number %u", OLD_SYN);
    if (t->serves) {
        memcpy(t->mac_a, f + 22, 6);
        take_segment(t, VT_SYN, OLD_SYN);
    } else {
        send_segment(t, f + 22, true, VT_SYN, OLD_SYN, 0);
    }
}

static unsigned tx_burst(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct two *t = (struct two *)(void *)dev;
    (void)now;
    for (unsigned i = 0; i < n; i++) {
        uint8_t f[64];
        size_t len = vt_frame_read(frames[i], f, sizeof f);
        if (len >= 42 && vt_get16(f + 12) == 0x0806) {
            take_arp(t, f);
        } else if (t->serves && len >= 54 && vt_get16(f + 12) == 0x0800 && f[23] == 6 &&
                   memcmp(f + 30, ip_b, 4) == 0) {
            memcpy(t->mac_a, f + 6, 6);
            take_segment(t, f[47], vt_get32(f + 38));
        }
        vt_frame_free(frames[i]);
    }
    return n;
}

static unsigned rx_burst(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct two *t = (struct two *)(void *)dev;
    unsigned got = t->queued < n ? t->queued : n;
    (void)now;
    memcpy(frames, t->queue, got * sizeof *frames);
    memmove(t->queue, t->queue + got, (t->queued - got) * sizeof *frames);
    t->queued -= got;
    return got;
}

static vt_time next_at(struct vt_device *dev)
{
    return ((struct two *)(void *)dev)->queued != 0 ? 0 : VT_NEVER;
}

static int no_fd(struct vt_device *dev)
{
    (void)dev;
    return -1;
}

static void no_close(struct vt_device *dev)
{
    (void)dev;
}

/* ---- What is shown ---- */

static void show(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct two *t = ctx;
    const char *who = ev->node == t->node_a ? "a" : "b";
    (void)extra;
    if (ev->kind == VT_EV_TCP_STATE && ev->u.state.to == VT_TCP_ESTABLISHED) {
        t->ghosts += ev->node == t->node_b;
        t->opened += ev->node == t->node_a;
    }
    if (ev->kind == VT_EV_TCP_STATE)
        say(t, ev->time, "%s: %s to %s", who, vt_tcp_state_name(ev->u.state.from),
            vt_tcp_state_name(ev->u.state.to));
    if (ev->kind == VT_EV_DROP && ev->node == 0)
        say(t, ev->time, "the network loses it");
    if (ev->node == t->node_a && (ev->kind == VT_EV_TCP_TX || ev->kind == VT_EV_TCP_RX)) {
        unsigned flags = ev->u.seg.flags;
        char ack[24] = "";
        if ((flags & VT_ACK) != 0)
            snprintf(ack, sizeof ack, " ack %u", ev->u.seg.ack);
        say(t, ev->time, "a %s %s%s%s%s seq %u%s", ev->kind == VT_EV_TCP_TX ? "sends" : "hears",
            (flags & VT_SYN) != 0 ? "SYN" : "", (flags & VT_RST) != 0 ? "RST" : "",
            (flags & (VT_SYN | VT_ACK)) == (VT_SYN | VT_ACK) ? "," : "", (flags & VT_ACK) != 0 ? "ACK" : "",
            ev->u.seg.seq, ack);
    }
}

static uint32_t node_of(struct vt_lab *lab, const char *name)
{
    const char *n;
    for (unsigned i = 0; (n = vt_lab_node_name(lab, i, NULL)) != NULL; i++)
        if (strcmp(n, name) == 0)
            return i + 1;
    return UINT32_MAX;
}

static bool has(const char *const *trail, size_t n, const char *step)
{
    for (size_t i = 0; i < n; i++)
        if (strncmp(trail[i], step, strlen(step)) == 0)
            return true;
    return false;
}

static void build(struct two *t, const char *fault)
{
    static const struct vt_device_ops ops = {rx_burst, tx_burst, next_at, no_fd, no_close};
    t->a = vt_lab_add_host(t->lab, "a", false, NULL);
    vt_lab_add_switch(t->lab, "s1");
    unsigned link = (unsigned)vt_lab_add_link(t->lab, "a", "10.0.0.1/24", "s1", NULL, "delay 1ms");
    if (!t->serves) {
        vt_lab_add_host(t->lab, "b", false, NULL);
        vt_lab_add_link(t->lab, "b", "10.0.0.2/24", "s1", NULL, "delay 1ms");
    }
    t->dev = (struct vt_device){.ops = &ops, .mtu = 1500, .name = "old"};
    t->node_a = node_of(t->lab, "a");
    t->node_b = node_of(t->lab, "b");
    vt_lab_fault(t->lab, link, VT_DIR_BOTH, fault, NULL, NULL);
    vt_lab_listen(t->lab, (struct vt_listener){.event = show, .ctx = t});
    if (t->old) /* asks for whom it is: it comes when the answer does */
        send_arp(t, 1, everybody, t->serves ? ip_b : (const uint8_t[4]){10, 0, 0, 9},
                 t->serves ? ip_a : ip_b);
    vt_lab_add_device(t->lab, "s1", &t->dev);
}

static void begin(struct two *t, bool open)
{
    struct vt_addr addr = {.port = CLI_TALK_PORT};
    struct vt_host *b = t->serves ? NULL : vt_lab_host(t->lab, "b");
    if (b != NULL) {
        int fd = vt_socket(b, VT_AF_INET, VT_SOCK_STREAM, 0);
        addr.ip = VT_IP4(10, 0, 0, 2);
        vt_bind(b, fd, &addr);
        vt_listen(b, fd, 5);
    }
    if (open) {
        int fd = vt_socket(t->a, VT_AF_INET, VT_SOCK_STREAM, 0);
        addr = (struct vt_addr){.ip = VT_IP4(10, 0, 0, 1), .port = CLIENT_PORT};
        vt_bind(t->a, fd, &addr);
        addr = (struct vt_addr){.ip = VT_IP4(10, 0, 0, 2), .port = CLI_TALK_PORT};
        vt_connect(t->a, fd, &addr);
    }
}

/* Brings a trail about; true when it came out as told. */
static bool play(uint64_t seed, const char *const *trail, size_t n, bool two_handed)
{
    struct two t = {.serves = two_handed, .old = has(trail, n, "old")};
    bool ghost = t.old, fine;
    t.lab = vt_lab_new(&(struct vt_lab_config){.seed = seed});
    if (t.lab == NULL)
        return false;
    printf("\n%s\n", two_handed ? "A server of two handshakes:" : "Our own, of three; the same loss:");
    /* The answer to the ghost's SYN,ACK is lost as well, which the model leaves open. */
    build(&t, ghost ? "drop 1st rst" : "drop 1st synack");
    begin(&t, has(trail, n, "open a"));
    vt_lab_run(t.lab, SHOWN);
    vt_lab_drain_events(t.lab);
    for (unsigned i = 0; i < t.lines; i++)
        printf("  %6.3f s  %s\n", (double)t.line[i].at / 1e9, t.line[i].text);
    if (two_handed)
        fine = t.established && t.opened == 0;
    else
        fine = ghost ? t.ghosts == 0 : t.ghosts == 1 && t.opened == 1;
    if (two_handed)
        printf(ghost ? "  b is ESTABLISHED, for ever, with a client that asked for nothing: a ghost.\n"
                     : "  b is ESTABLISHED and waits for a's text; a waits for b's number. So they stay.\n");
    else
        printf(ghost ? "  b was never ESTABLISHED: nobody acknowledged its number. It listens.\n"
                     : "  b asks again, for it was not acknowledged: both are ESTABLISHED, and know both "
                       "numbers.\n");
    vt_lab_free(t.lab);
    return fine;
}

static void tell(const char *what, const char *const *trail, size_t n)
{
    printf("%s\n  the model checker's way to it:", what);
    for (size_t i = 0; i < n; i++)
        printf(" %s%s", trail[i], i + 1 < n ? ";" : "\n");
}

#define COUNT(trail) (sizeof(trail) / sizeof *(trail))

int cli_two_handshakes(uint64_t seed)
{
    bool fine;
    tell("S17: an old duplicate SYN opens a ghost connection", two_ghost, COUNT(two_ghost));
    fine = play(seed, two_ghost, COUNT(two_ghost), true);
    fine &= play(seed, two_ghost, COUNT(two_ghost), false);
    putchar('\n');
    tell("S17: a lost answer, and both wait", two_wait, COUNT(two_wait));
    fine &= play(seed, two_wait, COUNT(two_wait), true);
    fine &= play(seed, two_wait, COUNT(two_wait), false);
    return fine ? 0 : cli_error("demo", "it did not come out as the model has it");
}
