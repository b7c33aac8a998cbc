/* The echo server: many conversations at once, each with one small buffer, so that a client that does not
 * read is not read from (its window fills, and both ends wait: the notes' standstill, for that client alone).
 */
#include "base/text.h"
#include "echo.h"

#define NOTES_LOOP_TURNS 1000
#define STEP_EVENTS      64 /* taken from the set at a time */
#define STEP_ROUNDS      16 /* sets taken in one step */
#define CONN_ROUNDS      64 /* reads and writes of one conversation before the next has its turn */
#define DRAIN_TIME       (2 * VT_SEC)
#define RESUME_TIME      (100 * VT_MSEC)

struct vt_echo_conn {
    struct vt_watched sock;
    struct vt_process *p;
    struct vt_echo_conn *prev, *next;
    struct vt_timer drained; /* when a client that was said goodbye to is no longer waited for */
    bool bye;                /* a line `q` was heard: what waits is sent, then the stream ended */
    bool drain;       /* the stream is ended: what still comes is thrown away, up to the client's own end */
    uint8_t line;     /* what the line so far is: LINE_... */
    unsigned at, len; /* heard and not yet repeated: buf[at, at + len) */
    uint64_t repeated;
    char name[VT_ADDR_TEXT];
    char buf[VT_ECHO_RECV];
};

enum {
    LINE_EMPTY,
    LINE_Q,
    LINE_Q_CR,
    LINE_OTHER,
};

int vt_echo_server_start(struct vt_process *p, struct vt_echo *echo, int argc, char **argv)
{
    struct vt_echo_server *s = &echo->u.server;
    struct vt_endpoint at;
    struct vt_addr local;
    char text[VT_ADDR_TEXT];
    const char *where = NULL;
    uint64_t backlog = 10;
    int n, status;
    s->max_conns = 1000;
    const struct vt_option options[] = {
        {.name = "once", .kind = VT_OPTION_FLAG, .to = &s->once},
        {.name = "backlog", .kind = VT_OPTION_NUMBER, .to = &backlog, .min = 1, .max = 65535},
        {.name = "max", .kind = VT_OPTION_NUMBER, .to = &s->max_conns, .min = 1, .max = 1000000},
        {.name = "quiet", .letter = 'q', .kind = VT_OPTION_FLAG, .to = &s->quiet},
        {.name = "notes-loop", .kind = VT_OPTION_FLAG, .to = &s->notes_loop},
    };
    n = vt_options_read(p, options, sizeof options / sizeof options[0], argc, argv, &where, 1);
    if (n < 0)
        return p->status;
    if (n == 0)
        return vt_usage_error(p, "where shall the server listen?", "HOST:PORT");
    if (vt_endpoint_parse(&at, where, "0.0.0.0", 0) < 0)
        return vt_usage_error(p, "not HOST:PORT", where);
    vt_wheel_init(&s->wheel, p->now);
    status = vt_open_listener(p, &at, (int)backlog, &s->listener, &local);
    if (status != 0)
        return status;
    if (vt_watch(p, &s->listener, VT_POLLIN, NULL) < 0)
        return 1;
    vt_console_print(&echo->console, "listening on %s, backlog %u\n", vt_addr_text(text, local),
                     (unsigned)backlog);
    return 0;
}

/* ---- One conversation ---- */

static void finish(struct vt_echo *echo, struct vt_echo_conn *c, const char *how)
{
    struct vt_echo_server *s = &echo->u.server;
    struct vt_process *p = c->p;
    if (!s->quiet)
        vt_console_print(&echo->console, "%s ended: %s; %llu bytes repeated\n", c->name, how,
                         (unsigned long long)c->repeated);
    vt_timer_disarm(&s->wheel, &c->drained);
    vt_unwatch(p, &c->sock);
    if (c->next != NULL)
        c->next->prev = c->prev;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    s->n_conns--;
    s->paused = false;
    p->mem.free(p->mem.ctx, c, sizeof *c);
    if (s->once)
        vt_console_end(&echo->console, 0);
}

/* Lines, whatever the segments: returns how many bytes to repeat, up to and with a line `q`. */
static unsigned hear(struct vt_echo_conn *c, const char *bytes, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        char b = bytes[i];
        bool q = c->line == LINE_Q || c->line == LINE_Q_CR;
        if (b == '\n') {
            c->line = LINE_EMPTY;
            if (q) {
                c->bye = true;
                return i + 1;
            }
        } else if (b == 'q' && c->line == LINE_EMPTY) {
            c->line = LINE_Q;
        } else if (b == '\r' && c->line == LINE_Q) {
            c->line = LINE_Q_CR;
        } else {
            c->line = LINE_OTHER;
        }
    }
    return len;
}

/* What the notes' server does at the end of the stream: it reads again, and again. Bounded, and told of. */
static void show_notes_loop(struct vt_echo *echo, struct vt_echo_conn *c)
{
    unsigned zeros = 1;
    while (zeros < NOTES_LOOP_TURNS && vt_recv_some(c->p, c->sock.fd, c->buf, sizeof c->buf) == 0)
        zeros++;
    vt_console_print(&echo->console,
                     "%s: recv returned 0 %u times in a row: the notes' loop would spin here for ever; "
                     "length 0 is the end of the stream\n",
                     c->name, zeros);
}

/* What was heard, each line of it behind the client's name. */
static void show_text(struct vt_echo *echo, const struct vt_echo_conn *c)
{
    char line[VT_CONSOLE_LINE];
    struct vt_text t;
    for (unsigned at = 0; at < c->len;) {
        const char *end = memchr(c->buf + at, '\n', c->len - at);
        unsigned len = end != NULL ? (unsigned)(end - c->buf) - at : c->len - at;
        vt_text_init(&t, line, sizeof line - VT_ADDR_TEXT - 8);
        vt_text_visible(&t, c->buf + at, len);
        vt_console_print(&echo->console, "%s: %s%s\n", c->name, t.buf, t.cut ? "..." : "");
        at += len + (end != NULL ? 1 : 0);
    }
}

/* Reads once. False when the conversation has to wait, or is over. */
static bool read_once(struct vt_echo *echo, struct vt_echo_conn *c)
{
    long n = vt_recv_some(c->p, c->sock.fd, c->buf, sizeof c->buf);
    if (n == -VT_EAGAIN)
        return false;
    if (n <= 0) {
        if (n == 0 && !c->drain && echo->u.server.notes_loop)
            show_notes_loop(echo, c);
        finish(echo, c, n < 0 ? vt_strerror((int)n) : c->drain ? "`q`" : "the client's stream ended");
        return false;
    }
    if (!c->drain) {
        c->at = 0;
        c->len = hear(c, c->buf, (unsigned)n);
        if (!echo->u.server.quiet)
            show_text(echo, c);
    }
    return true;
}

static void on_drained(struct vt_timer *t, vt_time now)
{
    struct vt_echo_conn *c = (struct vt_echo_conn *)((char *)t - offsetof(struct vt_echo_conn, drained));
    (void)now;
    finish(c->p->state, c, "`q`");
}

/* Closing at once would answer what is still unread with a reset, which may overtake the last answer (RFC
 * 9293 3.10.4, RFC 2525 2.17): so the stream is ended first, and the client's end waited for a while. */
static void say_goodbye(struct vt_echo *echo, struct vt_echo_conn *c)
{
    c->p->api->shutdown(c->p->net, c->sock.fd, VT_SHUT_WR);
    c->drain = true;
    c->drained.fn = on_drained;
    vt_timer_arm(&echo->u.server.wheel, &c->drained, vt_time_add(c->p->now, DRAIN_TIME));
}

static void converse(struct vt_echo *echo, struct vt_echo_conn *c)
{
    for (unsigned round = 0; round < CONN_ROUNDS; round++) {
        if (c->len > 0) {
            long n = vt_send_some(c->p, c->sock.fd, c->buf + c->at, c->len, 0);
            if (n == -VT_EAGAIN) {
                vt_watch(c->p, &c->sock, VT_POLLOUT, c);
                return;
            }
            if (n < 0) {
                finish(echo, c, vt_strerror((int)n));
                return;
            }
            c->at += (unsigned)n;
            c->len -= (unsigned)n;
            c->repeated += (uint64_t)n;
            continue;
        }
        if (c->bye && !c->drain)
            say_goodbye(echo, c);
        vt_watch(c->p, &c->sock, VT_POLLIN, c);
        if (!read_once(echo, c))
            return;
    }
    /* Its turn is over: the socket is still ready, and comes back with the next events. */
    vt_watch(c->p, &c->sock, c->len > 0 ? VT_POLLOUT : VT_POLLIN, c);
}

/* ---- Clients coming ---- */

static void on_resume(struct vt_timer *t, vt_time now)
{
    struct vt_echo_server *s = (struct vt_echo_server *)((char *)t - offsetof(struct vt_echo_server, resume));
    (void)now;
    s->paused = false;
}

/* No descriptor was to be had: those who come wait in the backlog, and we try again. */
static void pause_accepting(struct vt_process *p, struct vt_echo_server *s)
{
    s->paused = true;
    s->resume.fn = on_resume;
    vt_timer_arm(&s->wheel, &s->resume, vt_time_add(p->now, RESUME_TIME));
}

static void accept_clients(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_server *s = &echo->u.server;
    for (unsigned i = 0; i < STEP_EVENTS && !s->paused && !(s->once && s->accepted); i++) {
        struct vt_echo_conn *c;
        struct vt_addr peer;
        int fd;
        if (s->n_conns >= s->max_conns) {
            s->paused = true; /* until a conversation ends */
            return;
        }
        fd = p->api->accept(p->net, s->listener.fd, &peer);
        if (fd == -VT_EAGAIN)
            return;
        if (fd < 0) {
            /* An error of the connection that was to be accepted is no error of the listener: accept(2). */
            if (fd != -VT_ECONNABORTED) {
                vt_console_error(&echo->console, "accept: %s", vt_strerror(fd));
                pause_accepting(p, s);
            }
            continue;
        }
        c = p->mem.alloc(p->mem.ctx, sizeof *c);
        if (c == NULL) {
            vt_console_error(&echo->console, "a client turned away: %s", vt_strerror(VT_ENOMEM));
            p->api->close(p->net, fd);
            continue;
        }
        c->p = p;
        c->sock.fd = fd;
        c->next = s->conns;
        if (c->next != NULL)
            c->next->prev = c;
        s->conns = c;
        s->n_conns++;
        s->accepted = true;
        vt_addr_text(c->name, peer);
        if (!s->quiet)
            vt_console_print(&echo->console, "%s connected\n", c->name);
        if (vt_watch(p, &c->sock, VT_POLLIN, c) < 0)
            finish(echo, c, vt_strerror(VT_ENOMEM));
    }
}

static void watch_listener(struct vt_process *p, struct vt_echo_server *s)
{
    bool open = !s->paused && !(s->once && s->accepted);
    vt_watch(p, &s->listener, open ? VT_POLLIN : 0, NULL);
}

void vt_echo_server_step(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_server *s = &echo->u.server;
    struct vt_epoll_event evs[STEP_EVENTS];
    if (p->stop) {
        vt_console_end(&echo->console, 0);
        return;
    }
    vt_wheel_run(&s->wheel, p->now);
    for (unsigned round = 0; round < STEP_ROUNDS && !echo->console.ending; round++) {
        int n;
        watch_listener(p, s);
        n = p->api->epoll_wait(p->net, p->epfd, evs, STEP_EVENTS);
        for (int i = 0; i < n && !echo->console.ending; i++) {
            if (evs[i].data == 0)
                accept_clients(p, echo);
            else
                converse(echo, (struct vt_echo_conn *)(uintptr_t)evs[i].data); /* NOLINT */
        }
        if (n <= 0) {
            p->wake = vt_wheel_next(&s->wheel);
            return;
        }
    }
    p->wake = p->now;
}

void vt_echo_server_end(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_server *s = &echo->u.server;
    while (s->conns != NULL) {
        struct vt_echo_conn *c = s->conns;
        s->conns = c->next;
        vt_unwatch(p, &c->sock);
        p->mem.free(p->mem.ctx, c, sizeof *c);
    }
    vt_unwatch(p, &s->listener);
}
