/* Plays the cases of the state table: each on a fresh TCP, brought to its state by real segments in virtual
 * time, then given one segment. Knows nothing of what should come of it: that is rules.txt's.
 *
 *   play given SETTING      what a connection of that state knows, one NAME=VALUE a word
 *   play cases SETTING      reads "FLAGS SEQ ACK WND TEXT" a line, writes what became of it, a line each
 *   play sequence           the same on one connection: `begin SETTING`, segments, `end`; what the program
 * read comes at the end, and with each segment the right edge of the window told last
 *
 * Numbers of the peer's stream count from his initial sequence number, ours from ours, as in the RFC's
 * figures. Both begin just below 2^32, so that every comparison happens across the wrap. A round trip takes
 * 300 ms: no retransmission timer runs out within the 500 ms in which an ACK is awaited (RFC 9293 3.8.6.3,
 * MUST-40). */
#include "../transport/tcp_node.h"

#define US        VT_IP4(192, 0, 2, 1)
#define PEER      VT_IP4(192, 0, 2, 2)
#define PORT      9528
#define PEER_PORT 40000
#define IRS       UINT32_C(0xffffffff)
#define ISS       UINT32_C(0xffffffce) /* our 100 bytes straddle the wrap */
#define TRIP      (450 * VT_MSEC)
#define PATIENCE  (500 * VT_MSEC)
#define REST      (10 * VT_SEC) /* that TIME-WAIT has lasted when the segment comes */
#define SENT      100
#define TOLD      1000 /* the peer's window before the segment */
#define RCVBUF    2000
#define MAX_MOVES 4
#define MAX_SENT  16

struct play {
    struct tcp_node n;
    struct vt_addr us, peer;
    struct vt_tcb *listener, *tcb;
    uint32_t iss;       /* as the wire showed it, or as the clock will make it */
    uint32_t their_nxt; /* the peer's SND.NXT, counted from IRS */
    uint32_t unread;    /* the number of the first byte that the program has not read */
    uint32_t our_nxt;   /* what he acknowledges */
    uint32_t window;    /* the last that we told */
    uint32_t right;     /* its right edge, counted from IRS; 0: not told with an ACK */
    unsigned sent;      /* segments on their way to be looked at, and why each was sent */
    uint8_t why[MAX_SENT];
    /* what happened to the segment */
    bool closed; /* by its program */
    bool watching;
    unsigned moves;
    uint8_t move[MAX_MOVES];
    unsigned drops;
    uint32_t drop;
    int error;
    unsigned ready; /* poll events that the program was woken with */
};

/* How each state is reached: the peer's segments, and our program's calls. */
struct setting {
    const char *name;
    const char *steps;
};
static const struct setting settings[] = {
    {"CLOSED", ""},
    {"LISTEN", "listen"},
    {"SYN-SENT", "connect"},
    {"SYN-RECEIVED", "listen syn"},
    {"ESTABLISHED", "listen syn ack accept send"},
    {"FIN-WAIT-1", "listen syn ack accept send shutdown"},
    {"FIN-WAIT-2", "listen syn ack accept send shutdown ack-all"},
    {"CLOSE-WAIT", "listen syn ack accept fin send"},
    {"CLOSING", "listen syn ack accept send shutdown fin"},
    {"LAST-ACK", "listen syn ack accept fin send shutdown"},
    {"TIME-WAIT", "listen syn ack accept send shutdown ack-all fin rest"},
    {"SYN-RECEIVED/active", "connect syn"},
    {"ESTABLISHED/shut", "listen syn ack accept fill send"},
    {"ESTABLISHED/hole", "listen syn ack accept early send"},
    {"FIN-WAIT-1/closed", "listen syn ack accept send close"},
    {"FIN-WAIT-2/closed", "listen syn ack accept send close ack-all"},
    {"LAST-ACK/closed", "listen syn ack accept fin send close"},
    {"TIME-WAIT/alone", "listen syn ack accept send shutdown ack-all fin rest unlisten"},
};

static const char *rfc_name(unsigned state)
{
    return state == VT_TCP_SYN_RCVD ? "SYN-RECEIVED" : vt_tcp_state_name(state);
}

/* ---- The connection ---- */

static void ready(void *user, unsigned events)
{
    struct play *p = user;
    if (p->watching)
        p->ready |= events;
}

static void on_event(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct play *p = ctx;
    (void)extra;
    if (ev->kind == VT_EV_TCP_TX && p->sent < MAX_SENT)
        p->why[p->sent++] = ev->u.seg.why;
    if (!p->watching)
        return;
    if (ev->kind == VT_EV_TCP_STATE && p->moves < MAX_MOVES)
        p->move[p->moves++] = (uint8_t)ev->u.state.to;
    if (ev->kind == VT_EV_TCP_ERROR)
        p->error = ev->u.call.result;
    if (ev->kind == VT_EV_DROP) {
        p->drops++;
        p->drop = ev->u.drop.reason;
    }
}

static void inject(struct play *p, uint16_t flags, uint32_t seq, uint32_t ack, uint16_t wnd, uint32_t len)
{
    static const uint8_t zero[UINT16_MAX];
    uint8_t seg[UINT16_MAX], ip[UINT16_MAX];
    struct vt_tcp_hdr h = {.sport = PEER_PORT,
                           .dport = PORT,
                           .seq = vt_seq(IRS + seq),
                           .ack = vt_seq((flags & VT_ACK) != 0 ? p->iss + ack : 0),
                           .flags = flags,
                           .wnd = wnd,
                           .urgent = (flags & VT_URG) != 0 ? 1 : 0,
                           .hlen = VT_TCP_HLEN};
    vt_tcp_build(seg, &h);
    memcpy(seg + VT_TCP_HLEN, zero, len);
    for (uint32_t i = 0; i < len; i++) /* a byte tells its number in the stream, where SYN has 0 */
        seg[VT_TCP_HLEN + i] = (uint8_t)(seq + ((flags & VT_SYN) != 0) + i);
    len = tcp_node_ip(ip, PEER, US, seg, VT_TCP_HLEN + len, true);
    tcp_node_inject(&p->n, ip, len, VT_CSUM_NONE);
    tcp_node_settle(&p->n);
}

/* The peer's next segment in the course of things, half a trip after what he heard. */
static void peer(struct play *p, uint16_t flags, uint32_t text)
{
    inject(p, flags, p->their_nxt, p->our_nxt, TOLD, text);
    p->their_nxt += text + ((flags & (VT_SYN | VT_FIN)) != 0);
}

/* The peer takes note of a segment: of the window that it tells. */
static void note_window(struct play *p, const struct vt_tcp_hdr *h)
{
    if ((h->flags & (VT_ACK | VT_RST)) == VT_ACK)
        p->right = h->ack.v - IRS + h->wnd;
}

/* The peer reads what we have sent: where it ends, and the window. */
static void listen_to_us(struct play *p)
{
    struct packet *k;
    p->sent = 0;
    while ((k = tcp_node_take(&p->n)) != NULL) {
        struct vt_tcp_hdr h;
        vt_tcp_parse(k->bytes + 20, k->len - 20, &h);
        note_window(p, &h);
        if ((h.flags & VT_SYN) != 0)
            p->iss = h.seq.v;
        p->our_nxt = h.seq.v - p->iss + (k->len - 20 - h.hlen) + ((h.flags & (VT_SYN | VT_FIN)) != 0);
        p->window = h.wnd;
        free(k);
    }
}

static void open_socket(struct play *p)
{
    int one = 1, rcvbuf = RCVBUF;
    p->tcb = vt_tcp_open(p->n.tcp, p);
    assert_non_null(p->tcb);
    assert_int_equal(vt_tcp_setopt(p->tcb, VT_SOL_SOCKET, VT_SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)), 0);
    assert_int_equal(vt_tcp_setopt(p->tcb, VT_SOL_SOCKET, VT_SO_OOBINLINE, &one, sizeof(one)), 0);
    assert_int_equal(vt_tcp_bind(p->tcb, &p->us), 0);
}

static bool is_step(const char *step, size_t len, const char *name)
{
    return strlen(name) == len && memcmp(step, name, len) == 0;
}

static void take_step(struct play *p, const char *step, size_t len)
{
    if (is_step(step, len, "listen")) {
        open_socket(p);
        p->listener = p->tcb;
        p->tcb = NULL;
        assert_int_equal(vt_tcp_listen(p->listener, 8), 0);
    } else if (is_step(step, len, "connect")) {
        open_socket(p);
        assert_int_equal(vt_tcp_connect(p->tcb, &p->peer), -VT_EINPROGRESS);
    } else if (is_step(step, len, "syn")) {
        peer(p, VT_SYN, 0);
        p->unread = 1;
    } else if (is_step(step, len, "ack") || is_step(step, len, "ack-all")) {
        tcp_node_wait_until(&p->n, p->n.core.now + TRIP);
        peer(p, VT_ACK, 0);
    } else if (is_step(step, len, "fin")) {
        /* Crossing our bytes, unless he has them all. */
        p->our_nxt = p->our_nxt == SENT + 2 && p->tcb->end.state == VT_TCP_FIN_WAIT1 ? 1 : p->our_nxt;
        peer(p, VT_FIN | VT_ACK, 0);
    } else if (is_step(step, len, "accept")) {
        p->tcb = vt_tcp_accept(p->listener, p);
        assert_non_null(p->tcb);
    } else if (is_step(step, len, "send")) {
        static const uint8_t bytes[SENT];
        assert_int_equal(vt_tcp_send(p->tcb, bytes, SENT, 0), SENT);
    } else if (is_step(step, len, "shutdown")) {
        assert_int_equal(vt_tcp_shutdown(p->tcb, VT_SHUT_WR), 0);
    } else if (is_step(step, len, "close")) {
        vt_tcp_close(p->tcb, false);
        p->tcb = NULL;
        p->closed = true;
    } else if (is_step(step, len, "unlisten")) {
        vt_tcp_close(p->listener, false);
        p->listener = NULL;
    } else if (is_step(step, len, "fill")) {
        peer(p, VT_ACK, p->window);
    } else if (is_step(step, len, "early")) { /* the first byte is late */
        inject(p, VT_ACK, p->their_nxt + 1, p->our_nxt, TOLD, 10);
    } else if (is_step(step, len, "rest")) {
        tcp_node_wait_until(&p->n, p->n.core.now + REST);
    } else {
        fail_msg("no such step: %s", step);
    }
    tcp_node_settle(&p->n);
    listen_to_us(p);
}

static void begin(struct play *p, const struct setting *s)
{
    memset(p, 0, sizeof(*p));
    tcp_node_init(&p->n, US, 1, 0, 0);
    p->n.up.ready = ready;
    vt_stream_listen(&p->n.stream, (struct vt_listener){on_event, p});
    p->us = (struct vt_addr){US, 0, PORT};
    p->peer = (struct vt_addr){PEER, 0, PEER_PORT};
    /* The clock of initial sequence numbers ticks every 4 us (RFC 6528 3): wait for the one that we want. */
    uint32_t ticks = ISS - vt_tcp_isn(p->n.tcp, &p->us, &p->peer).v;
    tcp_node_wait_until(&p->n, p->n.core.now + 4 * (uint64_t)VT_USEC * ticks);
    p->iss = ISS;
    for (const char *step = s->steps; *step != '\0';) {
        const char *end = strchr(step, ' ');
        size_t len = end != NULL ? (size_t)(end - step) : strlen(step);
        take_step(p, step, len);
        step += len + (end != NULL);
    }
    p->watching = true;
}

static void end(struct play *p)
{
    if (p->tcb != NULL)
        vt_tcp_close(p->tcb, true);
    if (p->listener != NULL)
        vt_tcp_close(p->listener, true);
    tcp_node_fini(&p->n);
}

/* ---- What became of it ---- */

/* The reason that the event of a segment tells, in the rules' words; of ACKs, whether it is a challenge. */
static const char *why_word(uint8_t why)
{
    switch (why) {
    case VT_SEG_ACK:
    case VT_SEG_DELAYED_ACK:
    case VT_SEG_DUP_ACK: return "ack";
    case VT_SEG_CHALLENGE: return "challenge";
    default: return vt_seg_why_word(why);
    }
}

/* What timers send again has nothing to do with the segment; a SYN that is sent at once has. */
static bool is_reply(uint8_t why, const struct vt_tcp_hdr *h, bool late)
{
    if ((h->flags & VT_SYN) != 0)
        return !late;
    return why == VT_SEG_RESET || why == VT_SEG_CHALLENGE || strcmp(why_word(why), "ack") == 0;
}

static void say_reply(const struct play *p, FILE *out, const struct packet *k, uint8_t why, bool late)
{
    static const struct {
        uint16_t flag;
        const char *name;
    } ctl[] = {{VT_SYN, "SYN"}, {VT_RST, "RST"}, {VT_FIN, "FIN"},
               {VT_PSH, "PSH"}, {VT_ACK, "ACK"}, {VT_URG, "URG"}};
    struct vt_tcp_hdr h;
    vt_tcp_parse(k->bytes + 20, k->len - 20, &h);
    const char *sep = "";
    uint32_t seq = h.seq.v - p->iss, text = k->len - 20 - h.hlen;
    fprintf(out, "%s:", (h.flags & VT_SYN) != 0 ? "syn" : why_word(why));
    if ((h.flags & VT_SYN) != 0 && seq > SENT + 2) /* another incarnation */
        fprintf(out, "<SEQ=NEW>");
    else if ((h.flags & VT_RST) != 0 && (h.flags & VT_ACK) != 0)
        fprintf(out, "<SEQ=%d>", (int32_t)h.seq.v); /* 0 is 0, not ISS */
    else
        fprintf(out, "<SEQ=%d>", (int32_t)seq);
    if ((h.flags & VT_ACK) != 0)
        fprintf(out, "<ACK=%d>", (int32_t)(h.ack.v - IRS));
    fprintf(out, "<CTL=");
    for (unsigned i = 0; i < sizeof(ctl) / sizeof(ctl[0]); i++)
        if ((h.flags & ctl[i].flag) != 0) {
            fprintf(out, "%s%s", sep, ctl[i].name);
            sep = ",";
        }
    fprintf(out, ">");
    if (text != 0)
        fprintf(out, "<TEXT=%u>", text);
    fprintf(out, "%s", late ? "~" : "");
}

static unsigned say_replies(struct play *p, FILE *out, bool late, unsigned n)
{
    struct packet *k;
    for (unsigned i = 0; (k = tcp_node_take(&p->n)) != NULL; i++) {
        uint8_t why = i < p->sent ? p->why[i] : (uint8_t)VT_SEG_NEW;
        struct vt_tcp_hdr h;
        vt_tcp_parse(k->bytes + 20, k->len - 20, &h);
        note_window(p, &h);
        if (is_reply(why, &h, late)) {
            fprintf(out, "%s", n++ != 0 ? "+" : "");
            say_reply(p, out, k, why, late);
        }
        free(k);
    }
    p->sent = 0;
    return n;
}

static const char *error_name(int error)
{
    switch (error) {
    case 0: return "wait";
    case -VT_ECONNREFUSED: return "ECONNREFUSED";
    case -VT_ECONNRESET: return "ECONNRESET";
    case -VT_EPIPE: return "EPIPE";
    case -VT_ENOTCONN: return "ENOTCONN";
    default: return "another";
    }
}

/* What the program reads, and what it is told behind that. */
static void say_program(struct play *p, FILE *out)
{
    static uint8_t bytes[UINT16_MAX];
    uint32_t reads = 0;
    bool wrong = false;
    long n = 0;
    if (p->closed) {
        fprintf(out, " reads=0 told=gone");
        return;
    }
    if (p->tcb == NULL) {
        fprintf(out, " reads=0 told=wait");
        return;
    }
    int error = vt_tcp_take_error(p->tcb);
    while ((n = vt_tcp_recv(p->tcb, bytes, sizeof(bytes), 0)) > 0)
        for (long i = 0; i < n; i++)
            wrong = wrong || bytes[i] != (uint8_t)(p->unread + reads++);
    const char *told = error != 0        ? error_name(error)
                       : n == 0          ? "end"
                       : n == -VT_EAGAIN ? "wait"
                                         : error_name((int)n);
    fprintf(out, " reads=%u%s told=%s", reads, wrong ? "(wrong)" : "", told);
}

/* RCV.NXT, SND.UNA and SND.WND of what stands in the table, as far as it has them. */
static void say_variables(const struct play *p, FILE *out, const struct vt_tcp_end *e)
{
    if (e == NULL) {
        fprintf(out, " rcv.nxt=- snd.una=- snd.wnd=-");
    } else if (e->kind == VT_TCP_KIND_REQUEST) {
        const struct vt_tcp_request *r = (const struct vt_tcp_request *)(const void *)e;
        fprintf(out, " rcv.nxt=%d snd.una=- snd.wnd=-", (int32_t)(r->irs.v + 1 - IRS));
    } else if (e->kind == VT_TCP_KIND_TIMEWAIT) {
        const struct vt_tcp_timewait *tw = (const struct vt_tcp_timewait *)(const void *)e;
        fprintf(out, " rcv.nxt=%d snd.una=- snd.wnd=-", (int32_t)(tw->rcv_nxt.v - IRS));
    } else {
        const struct vt_tcb *tcb = (const struct vt_tcb *)(const void *)e;
        if (e->state == VT_TCP_SYN_SENT)
            fprintf(out, " rcv.nxt=-");
        else
            fprintf(out, " rcv.nxt=%d", (int32_t)(tcb->rcv_nxt.v - IRS));
        fprintf(out, " snd.una=%d snd.wnd=%u", (int32_t)(tcb->snd_una.v - p->iss), tcb->snd_wnd);
    }
}

/* Gives the connection a segment, and tells what became of it, but for what the program reads. */
static void play_segment(struct play *p, uint16_t flags, const long *v, FILE *out)
{
    const struct vt_tcp_end *e = vt_tcp_table_find(p->n.tcp, &p->us, &p->peer);
    if ((flags & VT_SYN) != 0 && (e == NULL || e->state == VT_TCP_SYN_SENT))
        p->unread = (uint32_t)v[0] + 1; /* the peer's SYN tells where his text begins */
    vt_time came = p->n.core.now;
    p->moves = p->drops = p->ready = 0;
    p->error = 0;
    inject(p, flags, (uint32_t)v[0], (uint32_t)v[1], (uint16_t)v[2], (uint32_t)v[3]);
    e = vt_tcp_table_find(p->n.tcp, &p->us, &p->peer);
    const struct vt_tcp_timewait *tw = NULL;
    if (e != NULL && e->kind == VT_TCP_KIND_TIMEWAIT)
        tw = (const struct vt_tcp_timewait *)(const void *)e;
    bool full = tw != NULL && tw->timer.when == came + (vt_time)(2 * p->n.tcp->knobs.msl * VT_SEC);
    if (p->tcb == NULL && p->listener != NULL && !p->closed) {
        p->tcb = vt_tcp_accept(p->listener, p);
        p->ready |= p->tcb != NULL ? vt_tcp_poll(p->tcb) : 0; /* nobody was there to be woken */
    }
    fprintf(out, "reply=");
    unsigned n = say_replies(p, out, false, 0);
    tcp_node_wait_until(&p->n, came + PATIENCE);
    n = say_replies(p, out, true, n);
    fprintf(out, "%s moves=", n == 0 ? "-" : "");
    for (unsigned i = 0; i < p->moves; i++)
        fprintf(out, "%s%s", i != 0 ? ">" : "", rfc_name(p->move[i]));
    fprintf(out, "%s", p->moves == 0 ? "-" : "");
    say_variables(p, out, vt_tcp_table_find(p->n.tcp, &p->us, &p->peer));
    fprintf(out, " error=%s urgent=%d 2msl=%d", p->error != 0 ? error_name(p->error) : "-",
            (p->ready & VT_POLLPRI) != 0, full);
    fprintf(out, " drop=%s%s", p->drops != 0 ? vt_drop_word(p->drop) : "-", p->drops > 1 ? "(more)" : "");
}

static void say_given(const struct setting *s, FILE *out)
{
    struct play p;
    begin(&p, s);
    const struct vt_tcp_end *e = vt_tcp_table_find(p.n.tcp, &p.us, &p.peer);
    unsigned state = e != NULL            ? e->state
                     : p.listener != NULL ? (unsigned)VT_TCP_LISTEN
                                          : (unsigned)VT_TCP_CLOSED;
    fprintf(out, "state=%s SND.NXT=%u RCV.NXT=%u RCV.WND=%u", rfc_name(state), p.our_nxt, p.their_nxt,
            p.window);
    if (e != NULL && e->kind == VT_TCP_KIND_TCB) {
        const struct vt_tcb *tcb = (const struct vt_tcb *)(const void *)e;
        fprintf(out, " UNREAD=%u", p.tcb != NULL ? vt_tcp_inq(p.tcb) : 0);
        fprintf(out, " SND.UNA=%u SND.WND=%u", tcb->snd_una.v - p.iss, tcb->snd_wnd);
        if (state != VT_TCP_SYN_SENT)
            fprintf(out, " MAX.SND.WND=%u SND.WL1=%u SND.WL2=%u", tcb->max_wnd, tcb->snd_wl1.v - IRS,
                    tcb->snd_wl2.v - p.iss);
    }
    fprintf(out, "\n");
    end(&p);
}

static uint16_t parse_flags(const char *text)
{
    static const char letters[] = "FSRPAU";
    uint16_t flags = 0;
    for (; *text != '\0'; text++) {
        const char *at = strchr(letters, *text);
        if (at != NULL)
            flags |= (uint16_t)(1u << (at - letters));
    }
    return flags;
}

static const struct setting *find_setting(const char *name)
{
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (strcmp(settings[i].name, name) == 0)
            return &settings[i];
    return NULL;
}

static int play_cases(const struct setting *s, FILE *in, FILE *out)
{
    char line[128], flags[16];
    long v[4];
    struct play p;
    while (fgets(line, sizeof(line), in) != NULL) {
        if (sscanf(line, "%15s %ld %ld %ld %ld", flags, &v[0], &v[1], &v[2], &v[3]) != 5)
            return 2;
        begin(&p, s);
        play_segment(&p, parse_flags(flags), v, out);
        say_program(&p, out);
        fprintf(out, "\n");
        end(&p);
    }
    return 0;
}

/* A line is answered by a line, so that a next segment can be made of what is told. */
static int play_sequence(FILE *in, FILE *out)
{
    char line[128], word[32], name[32];
    long v[4];
    struct play p;
    const struct setting *s = NULL;
    while (fgets(line, sizeof(line), in) != NULL) {
        int n = sscanf(line, "%31s", word);
        if (n == 1 && strcmp(word, "begin") == 0 && s == NULL && sscanf(line, "%*s %31s", name) == 1) {
            s = find_setting(name);
            if (s == NULL)
                return 2;
            begin(&p, s);
            continue;
        }
        if (s == NULL)
            return 2;
        if (n == 1 && strcmp(word, "end") == 0) {
            say_program(&p, out);
            end(&p);
            s = NULL;
        } else if (sscanf(line, "%31s %ld %ld %ld %ld", word, &v[0], &v[1], &v[2], &v[3]) == 5) {
            play_segment(&p, parse_flags(word), v, out);
            fprintf(out, " right=%d", (int32_t)p.right);
        } else {
            return 2;
        }
        fprintf(out, "\n");
        fflush(out);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct setting *s = argc == 3 ? find_setting(argv[2]) : NULL;
    if (argc == 2 && strcmp(argv[1], "sequence") == 0)
        return play_sequence(stdin, stdout);
    if (s != NULL && strcmp(argv[1], "cases") == 0)
        return play_cases(s, stdin, stdout);
    if (s != NULL && strcmp(argv[1], "given") == 0) {
        say_given(s, stdout);
        return 0;
    }
    fprintf(stderr, "usage: play given SETTING | cases SETTING | sequence\n");
    return 2;
}
