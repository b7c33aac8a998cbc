/* The HTTP server's connections: accepting, reading, sending, waiting, ending. What is answered is
 * http_answer.c's affair.
 *
 * A client can hold a connection, and no more: a head must be whole within `head_time` of its first byte, a
 * body and an answer must move by `min_rate`, a connection without a request ends after `idle_time` (V80).
 * Nothing is read while an answer is being sent, and an answer is made no faster than it is taken, so that a
 * connection holds one struct vt_http_work at most, and none while it is idle (V81).
 */
#include "http.h"

#define STEP_EVENTS  64 /* taken from the set at a time */
#define STEP_ROUNDS  16
#define CONN_ROUNDS  32 /* moves of one connection before the next has its turn */
#define REQUESTS_MAX 10000
#define EXTRA_CONNS  32 /* beyond the most: told 503 */
#define RATE_WINDOW  (60 * VT_SEC)
#define BODY_WINDOW  (10 * VT_SEC)
#define BYE_TIME     (2 * VT_SEC)
#define BYE_BYTES    (1u << 20)
#define RESUME_TIME  (100 * VT_MSEC)

static struct vt_process *process(const struct vt_http_conn *c)
{
    return c->http->console.p;
}

/* ---- The life of a connection ---- */

static void arm(struct vt_http_conn *c, vt_span span)
{
    vt_timer_arm(&c->http->u.server.wheel, &c->timer, vt_time_add(process(c)->now, span));
}

static void free_work(struct vt_http_conn *c)
{
    struct vt_process *p = process(c);
    if (c->work == NULL)
        return;
    vt_http_source_end(p, &c->work->source);
    p->mem.free(p->mem.ctx, c->work, sizeof *c->work);
    c->work = NULL;
}

static void close_conn(struct vt_http_conn *c)
{
    struct vt_http_server *s = &c->http->u.server;
    struct vt_process *p = process(c);
    free_work(c);
    vt_timer_disarm(&s->wheel, &c->timer);
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
}

static void send_soon(struct vt_http_conn *c)
{
    c->state = VT_HTTP_CONN_ANSWER;
    c->moved = 0;
    arm(c, RATE_WINDOW);
}

static void answer_error(struct vt_http_conn *c, uint16_t status, const char *why)
{
    vt_http_answer_error(c, status, why, true);
    send_soon(c);
}

/* Closing at once would answer what the client still sends with a reset, which may overtake the answer (RFC
 * 9112 9.6): so the stream is ended first, and the client's end waited for, within bounds. */
static void say_goodbye(struct vt_http_conn *c)
{
    struct vt_process *p = process(c);
    free_work(c);
    p->api->shutdown(p->net, c->sock.fd, VT_SHUT_WR);
    c->state = VT_HTTP_CONN_BYE;
    c->moved = 0;
    arm(c, BYE_TIME);
}

static void converse(struct vt_http_conn *c);

static void on_timer(struct vt_timer *t, vt_time now)
{
    struct vt_http_conn *c = (struct vt_http_conn *)((char *)t - offsetof(struct vt_http_conn, timer));
    uint64_t rate = c->http->u.server.min_rate;
    vt_span window = c->state == VT_HTTP_CONN_BODY ? BODY_WINDOW : RATE_WINDOW;
    bool moving = c->moved >= rate * (uint64_t)(window / VT_SEC);
    (void)now;
    switch (c->state) {
    case VT_HTTP_CONN_HEAD:
        if (c->work == NULL || vt_http_parser_fresh(&c->work->parser)) {
            close_conn(c); /* idle: nothing is owed */
            return;
        }
        answer_error(c, 408, "the request's head did not come in time");
        converse(c);
        return;
    case VT_HTTP_CONN_BODY:
        if (!moving) {
            answer_error(c, 408, "the request's body came too slowly");
            converse(c);
            return;
        }
        break;
    case VT_HTTP_CONN_ANSWER:
        if (!moving) {
            close_conn(c);
            return;
        }
        break;
    case VT_HTTP_CONN_BYE: close_conn(c); return;
    }
    c->moved = 0;
    arm(c, window);
}

/* ---- Reading. Each of these returns false when the connection has to wait, or is gone. ---- */

/* Reads some input. 1: there is some; 0: wait; -1: the connection is gone. */
static int read_more(struct vt_http_conn *c)
{
    struct vt_http_work *w = c->work;
    long n = vt_recv_some(process(c), c->sock.fd, w->in, sizeof w->in);
    w->in_at = 0;
    w->in_len = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return 1;
    if (n == -VT_EAGAIN)
        return 0;
    close_conn(c); /* its end, in the middle of a request or between two, or an error: nobody to answer */
    return -1;
}

static bool wait_for_input(struct vt_http_conn *c)
{
    vt_watch(process(c), &c->sock, VT_POLLIN, c);
    return false;
}

/* The head is complete: is there a body to be read first? */
static void head_done(struct vt_http_conn *c)
{
    struct vt_http_work *w = c->work;
    const struct vt_http_server *s = &c->http->u.server;
    const struct vt_http_framing *f = &w->parser.framing;
    bool body = f->chunked || f->length > 0;
    /* RFC 9112 9.3: 1.1 persists unless told, 1.0 only when told. */
    w->close = f->close || (f->minor == 0 && !f->keep_alive) || c->count >= REQUESTS_MAX;
    if (w->parser.u.request.expect_other) {
        answer_error(c, 417, "an expectation that is not known");
    } else if (f->length > s->max_body) {
        answer_error(c, 413, "nothing here takes a body");
    } else if (body && !w->parser.u.request.expect_continue) {
        vt_http_body_start(&w->body, f, false, false);
        c->state = VT_HTTP_CONN_BODY;
        c->moved = 0;
        arm(c, BODY_WINDOW);
    } else {
        /* RFC 9110 10.1.1: who waits for leave to send a body gets the answer without it; whether the body
         * then comes nobody can tell, so the connection ends. */
        w->close = w->close || body;
        vt_http_answer(c);
        send_soon(c);
    }
}

static bool read_head(struct vt_http_conn *c)
{
    struct vt_http_work *w = c->work;
    struct vt_process *p = process(c);
    bool fresh;
    if (w == NULL) {
        w = c->work = p->mem.alloc(p->mem.ctx, sizeof *w);
        if (w == NULL) {
            vt_console_error(&c->http->console, "%s: %s", c->name, vt_strerror(VT_ENOMEM));
            close_conn(c);
            return false;
        }
    }
    fresh = vt_http_parser_fresh(&w->parser);
    if (w->in_len == 0) {
        switch (read_more(c)) {
        case 1: break;
        case 0:
            if (fresh)
                free_work(c);
            return wait_for_input(c);
        default: return false;
        }
    }
    if (fresh)
        arm(c, c->http->u.server.head_time);
    size_t n = vt_http_parse(&w->parser, w->in + w->in_at, w->in_len);
    w->in_at += n;
    w->in_len -= n;
    if (w->parser.state == VT_HTTP_DONE) {
        c->count++;
        head_done(c);
    } else if (w->parser.state == VT_HTTP_BAD) {
        /* The framing is lost: nothing behind it can be read (RFC 9112 2.2, 6.3). */
        answer_error(c, w->parser.status, w->parser.why);
    }
    return true;
}

static bool read_body(struct vt_http_conn *c)
{
    struct vt_http_work *w = c->work;
    const uint8_t *data;
    size_t len, n;
    if (w->in_len == 0) {
        switch (read_more(c)) {
        case 1: c->moved += w->in_len; break;
        case 0: return wait_for_input(c);
        default: return false;
        }
    }
    n = vt_http_body_feed(&w->body, w->in + w->in_at, w->in_len, &data, &len);
    w->in_at += n;
    w->in_len -= n;
    if (w->body.taken > c->http->u.server.max_body) {
        answer_error(c, 413, "nothing here takes a body");
    } else if (w->body.state == VT_HTTP_BAD) {
        answer_error(c, 400, w->body.why);
    } else if (w->body.state == VT_HTTP_DONE) {
        vt_http_answer(c);
        send_soon(c);
    }
    return true;
}

/* ---- Sending ---- */

/* Fills `out` behind what waits there. False when the body cannot be had to its end. */
static bool fill(struct vt_process *p, struct vt_http_work *w)
{
    struct vt_http_source *s = &w->source;
    if (w->out_len == 0)
        w->out_at = 0;
    while (s->left > 0) {
        size_t room = sizeof w->out - w->out_at - w->out_len;
        size_t n = s->left < room ? (size_t)s->left : room;
        char *to = w->out + w->out_at + w->out_len;
        if (n == 0)
            return true;
        if (s->memory != NULL) {
            memcpy(to, s->memory, n);
            s->memory += n;
        } else {
            long got = p->files->read(p->root, s->file, s->offset, to, n);
            if (got <= 0)
                return false; /* it shrank, or cannot be read: the length that was told cannot be kept */
            n = (size_t)got < n ? (size_t)got : n;
            s->offset += n;
        }
        s->left -= n;
        w->out_len += n;
    }
    return true;
}

static void tell(const struct vt_http_conn *c)
{
    struct vt_http *http = c->http;
    const struct vt_http_work *w = c->work;
    const struct vt_http_request *r = &w->parser.u.request;
    bool read = w->parser.state == VT_HTTP_DONE;
    const char *method = read ? r->method_text : "-", *target = read ? r->target : "-";
    if (c->marked)
        return;
    vt_process_say(process(c), "%s %.200s: %u, %llu bytes", method, target, w->status,
                   (unsigned long long)w->length);
    if (!http->u.server.quiet)
        vt_console_print(&http->console, "%s \"%s %.500s\" %u %llu\n", c->name, method, target, w->status,
                         (unsigned long long)w->length);
}

static bool send_answer(struct vt_http_conn *c)
{
    struct vt_process *p = process(c);
    struct vt_http_work *w = c->work;
    long n;
    if (!fill(p, w)) {
        vt_console_error(&c->http->console, "%s: a file could not be read to its end", c->name);
        close_conn(c);
        return false;
    }
    if (w->out_len > 0) {
        n = vt_send_some(p, c->sock.fd, w->out + w->out_at, w->out_len, 0);
        if (n == -VT_EAGAIN) {
            vt_watch(p, &c->sock, VT_POLLOUT, c);
            return false;
        }
        if (n < 0) {
            close_conn(c);
            return false;
        }
        w->out_at += (size_t)n;
        w->out_len -= (size_t)n;
        c->moved += (uint64_t)n;
        return true;
    }
    tell(c);
    if (w->close) {
        say_goodbye(c);
        return true;
    }
    vt_http_source_end(p, &w->source);
    vt_http_parser_start(&w->parser, false);
    c->state = VT_HTTP_CONN_HEAD;
    arm(c, c->http->u.server.idle_time);
    return true;
}

static bool drain(struct vt_http_conn *c)
{
    char junk[1024];
    long n = vt_recv_some(process(c), c->sock.fd, junk, sizeof junk);
    if (n == -VT_EAGAIN)
        return wait_for_input(c);
    if (n > 0)
        c->moved += (uint64_t)n;
    if (n > 0 && c->moved < BYE_BYTES)
        return true;
    close_conn(c);
    return false;
}

static void converse(struct vt_http_conn *c)
{
    bool more = true;
    for (unsigned round = 0; round < CONN_ROUNDS && more; round++)
        switch (c->state) {
        case VT_HTTP_CONN_HEAD: more = read_head(c); break;
        case VT_HTTP_CONN_BODY: more = read_body(c); break;
        case VT_HTTP_CONN_ANSWER: more = send_answer(c); break;
        case VT_HTTP_CONN_BYE: more = drain(c); break;
        }
    /* Its turn is over, and it could go on: it can be written to, or read from, and so comes back soon. */
    if (more)
        vt_watch(process(c), &c->sock, c->state == VT_HTTP_CONN_BYE ? VT_POLLIN : VT_POLLIN | VT_POLLOUT, c);
}

/* ---- Clients coming ---- */

static void on_resume(struct vt_timer *t, vt_time now)
{
    struct vt_http_server *s = (struct vt_http_server *)((char *)t - offsetof(struct vt_http_server, resume));
    (void)now;
    s->paused = false;
}

static void admit(struct vt_process *p, struct vt_http *http, int fd, const struct vt_addr *peer)
{
    struct vt_http_server *s = &http->u.server;
    const int on = 1;
    struct vt_http_conn *c = p->mem.alloc(p->mem.ctx, sizeof *c);
    if (c == NULL) {
        vt_console_error(&http->console, "a client turned away: %s", vt_strerror(VT_ENOMEM));
        p->api->close(p->net, fd);
        return;
    }
    c->http = http;
    c->sock.fd = fd;
    c->timer.fn = on_timer;
    c->next = s->conns;
    if (c->next != NULL)
        c->next->prev = c;
    s->conns = c;
    s->n_conns++;
    vt_addr_text(c->name, *peer);
    /* Answers go out in large pieces; the last, small one must not wait for an acknowledgement. */
    p->api->setsockopt(p->net, fd, VT_SOL_TCP, VT_TCP_NODELAY, &on, sizeof on);
    arm(c, s->head_time);
    if (s->n_conns > s->max_conns) {
        c->work = p->mem.alloc(p->mem.ctx, sizeof *c->work);
        if (c->work == NULL) {
            close_conn(c);
            return;
        }
        answer_error(c, 503, "too many connections");
    }
    if (vt_watch(p, &c->sock, VT_POLLIN, c) < 0)
        close_conn(c);
    else
        converse(c);
}

static void accept_clients(struct vt_process *p, struct vt_http *http)
{
    struct vt_http_server *s = &http->u.server;
    for (unsigned i = 0; i < STEP_EVENTS && !s->paused; i++) {
        struct vt_addr peer;
        int fd;
        if (s->n_conns >= s->max_conns + EXTRA_CONNS) {
            s->paused = true; /* until one ends; those who come wait in the backlog */
            return;
        }
        fd = p->api->accept(p->net, s->listener.fd, &peer);
        if (fd == -VT_EAGAIN)
            return;
        if (fd >= 0) {
            admit(p, http, fd, &peer);
        } else if (fd != -VT_ECONNABORTED) {
            vt_console_error(&http->console, "accept: %s", vt_strerror(fd));
            s->paused = true;
            s->resume.fn = on_resume;
            vt_timer_arm(&s->wheel, &s->resume, vt_time_add(p->now, RESUME_TIME));
        }
    }
}

/* ---- The program ---- */

int vt_http_serve_start(struct vt_process *p, struct vt_http *http, int argc, char **argv)
{
    struct vt_http_server *s = &http->u.server;
    const char *where = "80", *rest = NULL;
    struct vt_endpoint at;
    struct vt_addr local;
    char text[VT_ADDR_TEXT];
    uint64_t backlog = 128;
    int status;
    s->max_conns = 1000;
    s->max_body = 65536;
    s->min_rate = 64;
    s->head_time = 10 * VT_SEC;
    s->idle_time = 60 * VT_SEC;
    const struct vt_option options[] = {
        {.name = "listen", .letter = 'l', .kind = VT_OPTION_TEXT, .to = &where},
        {.name = "port", .letter = 'p', .kind = VT_OPTION_TEXT, .to = &where},
        {.name = "backlog", .kind = VT_OPTION_NUMBER, .to = &backlog, .min = 1, .max = 65535},
        {.name = "max-connections", .kind = VT_OPTION_NUMBER, .to = &s->max_conns, .min = 1, .max = 1000000},
        {.name = "max-body", .kind = VT_OPTION_NUMBER, .to = &s->max_body, .max = 1u << 30},
        {.name = "min-rate", .kind = VT_OPTION_NUMBER, .to = &s->min_rate, .max = 1000000000},
        {.name = "header-timeout", .kind = VT_OPTION_SPAN, .to = &s->head_time, .min = 1, .max = INT64_MAX},
        {.name = "idle-timeout", .kind = VT_OPTION_SPAN, .to = &s->idle_time, .min = 1, .max = INT64_MAX},
        {.name = "quiet", .letter = 'q', .kind = VT_OPTION_FLAG, .to = &s->quiet},
    };
    int n = vt_options_read(p, options, sizeof options / sizeof options[0], argc, argv, &rest, 1);
    if (n < 0)
        return p->status;
    if (n > 0)
        where = rest;
    if (vt_endpoint_parse(&at, where, "0.0.0.0", 80) < 0)
        return vt_usage_error(p, "not [HOST:]PORT", where);
    vt_wheel_init(&s->wheel, p->now);
    status = vt_open_listener(p, &at, (int)backlog, &s->listener, &local);
    if (status != 0)
        return status;
    if (vt_watch(p, &s->listener, VT_POLLIN, NULL) < 0)
        return 1;
    if (!s->quiet)
        vt_console_print(&http->console, "serving http://%s/\n", vt_addr_text(text, local));
    return 0;
}

void vt_http_serve_step(struct vt_process *p, struct vt_http *http)
{
    struct vt_http_server *s = &http->u.server;
    struct vt_epoll_event evs[STEP_EVENTS];
    if (p->stop) {
        vt_console_end(&http->console, 0);
        return;
    }
    vt_wheel_run(&s->wheel, p->now);
    for (unsigned round = 0; round < STEP_ROUNDS; round++) {
        int n;
        vt_watch(p, &s->listener, s->paused ? 0 : VT_POLLIN, NULL);
        n = p->api->epoll_wait(p->net, p->epfd, evs, STEP_EVENTS);
        for (int i = 0; i < n; i++) {
            if (evs[i].data == 0)
                accept_clients(p, http);
            else
                converse((struct vt_http_conn *)(uintptr_t)evs[i].data);
        }
        if (n <= 0) {
            p->wake = vt_wheel_next(&s->wheel);
            return;
        }
    }
    p->wake = p->now;
}

void vt_http_serve_end(struct vt_process *p, struct vt_http *http)
{
    struct vt_http_server *s = &http->u.server;
    while (s->conns != NULL)
        close_conn(s->conns);
    vt_unwatch(p, &s->listener);
}
