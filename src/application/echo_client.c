/* The echo client: sends a text, counts the bytes of the answer (a stream has no message boundaries: the
 * answer may come in any number of pieces), prints it, and wants the next. */
#include "echo.h"

static int keep_says(struct vt_process *p, struct vt_echo_client *c, const struct vt_option_list *says)
{
    char *to;
    for (unsigned i = 0; i < says->n; i++) {
        size_t len = strlen(says->text[i]);
        if (len >= VT_ECHO_TEXT || memchr(says->text[i], '\n', len) != NULL)
            return vt_usage_error(p, "--say wants one line of under 2048 bytes", "");
        c->says_size += len + 1;
    }
    c->scripted = says->n > 0;
    if (!c->scripted)
        return 0;
    c->says = p->mem.alloc(p->mem.ctx, c->says_size);
    if (c->says == NULL) {
        c->says_size = 0;
        return 1;
    }
    to = c->says;
    for (unsigned i = 0; i < says->n; i++) {
        size_t size = strlen(says->text[i]) + 1;
        memcpy(to, says->text[i], size);
        to += size;
    }
    return 0;
}

static void fail(struct vt_echo *echo, const char *what)
{
    const struct vt_echo_client *c = &echo->u.client;
    vt_console_error(&echo->console, "%s:%u: %s", c->to.host, c->to.port, what);
    vt_console_end(&echo->console, 1);
}

int vt_echo_client_start(struct vt_process *p, struct vt_echo *echo, int argc, char **argv)
{
    struct vt_echo_client *c = &echo->u.client;
    struct vt_option_list says = {.n = 0};
    const struct vt_option options[] = {{.name = "say", .kind = VT_OPTION_LIST, .to = &says}};
    const char *where = NULL;
    struct vt_addr peer;
    int n = vt_options_read(p, options, 1, argc, argv, &where, 1), err;
    if (n < 0)
        return p->status;
    if (n == 0 || vt_endpoint_parse(&c->to, where, NULL, 0) < 0)
        return vt_usage_error(p, "want the server's HOST:PORT", n > 0 ? where : "");
    err = keep_says(p, c, &says);
    if (err != 0)
        return err;
    err = vt_endpoint_resolve(p, &c->to, &peer);
    if (err == 0)
        err = vt_open_connection(p, &peer, &c->sock, c);
    if (err < 0) {
        vt_process_error(p, "%s:%u: %s", c->to.host, c->to.port, vt_strerror(err));
        return 1;
    }
    return 0;
}

/* An event for the lens: text as a person may see it, without the line's end. */
static void say_text(struct vt_process *p, const char *what, const char *text, size_t len)
{
    char visible[VT_CONSOLE_LINE];
    struct vt_text t;
    vt_text_init(&t, visible, sizeof visible - 64);
    vt_text_visible(&t, text, len - 1);
    vt_process_say(p, "the client %s %u bytes: %s", what, (unsigned)len, t.buf);
}

/* ---- The next text ---- */

static void leave(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_client *c = &echo->u.client;
    vt_process_say(p, "the client leaves");
    vt_unwatch(p, &c->sock);
    vt_console_end(&echo->console, c->differs ? 1 : 0);
}

/* True for a text to be sent; false for one that was an empty line, or `q`, which leaves. */
static bool take_text(struct vt_process *p, struct vt_echo *echo, const char *line, size_t len)
{
    struct vt_echo_client *c = &echo->u.client;
    if (len > 0 && line[len - 1] == '\r')
        len--;
    c->prompted = false;
    if (len == 1 && line[0] == 'q') {
        leave(p, echo);
        return false;
    }
    if (len == 0)
        return false;
    memcpy(c->text, line, len);
    c->text[len] = '\n';
    c->len = len + 1;
    c->sent = 0;
    c->heard = 0;
    return true;
}

/* How much of a line without an end fits one text: up to the start of a character (RFC 3629). */
static size_t cut_line(const char *line, size_t len)
{
    size_t at = len;
    while (at > len - 4 && ((uint8_t)line[at - 1] & 0xc0) == 0x80)
        at--;
    if (at > len - 4 && (uint8_t)line[at - 1] >= 0xc0 && vt_utf8_length(line + at - 1, len - at + 1) < 0)
        return at - 1;
    return len;
}

/* A line out of the input read so far. 1: a text; 0: not one yet; -1: look again. */
static int text_from_input(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_client *c = &echo->u.client;
    const char *line = c->in + c->in_at;
    const char *end = c->in_len > 0 ? memchr(line, '\n', c->in_len) : NULL;
    size_t len = end != NULL ? (size_t)(end - line) : c->in_len, used = len + (end != NULL ? 1 : 0);
    if (end == NULL && !c->input_ended) {
        if (c->in_len < sizeof c->in)
            return 0;
        used = len = cut_line(line, len);
    }
    if (used == 0) {
        leave(p, echo);
        return 0;
    }
    c->in_at += used;
    c->in_len -= used;
    return take_text(p, echo, line, len) ? 1 : -1;
}

static bool read_input(struct vt_process *p, struct vt_echo_client *c)
{
    long n;
    memmove(c->in, c->in + c->in_at, c->in_len);
    c->in_at = 0;
    n = p->read(p->io, c->in + c->in_len, sizeof c->in - c->in_len);
    if (n == -VT_EAGAIN) {
        p->want_input = true;
        return false;
    }
    if (n <= 0)
        c->input_ended = true;
    else
        c->in_len += (size_t)n;
    return true;
}

/* True when there is a text to send. */
static bool next_text(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_client *c = &echo->u.client;
    while (!echo->console.ending) {
        if (c->scripted) {
            const char *say = c->says + c->says_at;
            if (c->says_at == c->says_size) {
                leave(p, echo);
                return false;
            }
            c->says_at += strlen(say) + 1;
            if (take_text(p, echo, say, strlen(say)))
                return true;
            continue;
        }
        if (p->tty && !c->prompted)
            c->prompted = vt_console_print(&echo->console, "> ");
        switch (text_from_input(p, echo)) {
        case 1: return true;
        case 0:
            if (echo->console.ending || !read_input(p, c))
                return false;
            break;
        default: break;
        }
    }
    return false;
}

/* ---- The conversation ---- */

/* Each of these returns true when the next state can begin at once. */

static bool connecting(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_client *c = &echo->u.client;
    int up = vt_connected(p, &c->sock);
    if (up < 0)
        fail(echo, vt_strerror(up));
    if (up <= 0)
        return false;
    c->state = VT_ECHO_IDLE;
    return true;
}

/* While it waits for a person, the client still hears when the server ends. */
static bool server_ended(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_client *c = &echo->u.client;
    char unasked[VT_ECHO_RECV];
    struct vt_text t;
    char line[VT_CONSOLE_LINE];
    long n = p->api->recvfrom(p->net, c->sock.fd, unasked, sizeof unasked, VT_MSG_DONTWAIT, NULL);
    if (n == -VT_EAGAIN)
        return false;
    if (n > 0) {
        vt_text_init(&t, line, sizeof line - 32);
        vt_text_visible(&t, unasked, (size_t)n);
        vt_console_error(&echo->console, "unasked: %s", t.buf);
        return false;
    }
    if (n < 0) {
        fail(echo, vt_strerror((int)n));
    } else {
        vt_console_note(&echo->console, "%sthe server ended the conversation\n", c->prompted ? "\n" : "");
        vt_console_end(&echo->console, c->differs ? 1 : 0);
    }
    return true;
}

static bool idle(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_client *c = &echo->u.client;
    vt_watch(p, &c->sock, VT_POLLIN, c);
    if (server_ended(p, echo))
        return false;
    /* The answer must find room, so nothing is asked while the last one is still being written. */
    if (vt_console_room(&echo->console) < sizeof echo->out - 16 || !next_text(p, echo))
        return false;
    c->state = VT_ECHO_TALKING;
    return true;
}

static void print_answer(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_client *c = &echo->u.client;
    say_text(p, "hears", c->answer, c->len);
    if (p->tty) {
        char visible[4 * sizeof c->answer];
        struct vt_text t;
        vt_text_init(&t, visible, sizeof visible);
        vt_text_visible(&t, c->answer, c->len);
        vt_console_put(&echo->console, t.buf, t.len);
    } else {
        vt_console_put(&echo->console, c->answer, c->len);
    }
    if (memcmp(c->answer, c->text, c->len) != 0) {
        vt_console_error(&echo->console, "the answer differs from what was sent");
        c->differs = true;
    }
}

/* Sends and hears at once: a client that heard only after its last byte was sent could stand still for ever,
 * with a server that must be rid of its answer before it reads on. */
static bool talking(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_client *c = &echo->u.client;
    uint32_t wait = VT_POLLIN;
    long n = -VT_EAGAIN;
    if (c->sent < c->len) {
        n = vt_send_some(p, c->sock.fd, c->text + c->sent, c->len - c->sent, 0);
        if (n == -VT_EAGAIN)
            wait |= VT_POLLOUT;
        else if (n > 0)
            c->sent += (size_t)n;
        if (n > 0 && c->sent == c->len)
            say_text(p, "sends", c->text, c->len);
    }
    if (n == -VT_EAGAIN) {
        size_t want = c->len - c->heard < VT_ECHO_RECV ? c->len - c->heard : VT_ECHO_RECV;
        n = vt_recv_some(p, c->sock.fd, c->answer + c->heard, want);
        if (n == -VT_EAGAIN) {
            vt_watch(p, &c->sock, wait, c);
            return false;
        }
        if (n == 0) {
            fail(echo, "the server ended the conversation before its answer");
            return false;
        }
        if (n > 0)
            c->heard += (size_t)n;
    }
    if (n < 0) {
        fail(echo, vt_strerror((int)n));
        return false;
    }
    if (c->heard == c->len) {
        print_answer(p, echo);
        c->state = VT_ECHO_IDLE;
    }
    return true;
}

void vt_echo_client_step(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_client *c = &echo->u.client;
    bool more = true;
    if (p->stop) {
        vt_console_end(&echo->console, 130);
        return;
    }
    for (unsigned round = 0; more && !echo->console.ending; round++) {
        if (round == 256) {
            p->wake = p->now;
            break;
        }
        switch (c->state) {
        case VT_ECHO_CONNECTING: more = connecting(p, echo); break;
        case VT_ECHO_IDLE: more = idle(p, echo); break;
        case VT_ECHO_TALKING: more = talking(p, echo); break;
        }
        vt_console_flush(&echo->console);
    }
}

void vt_echo_client_end(struct vt_process *p, struct vt_echo *echo)
{
    struct vt_echo_client *c = &echo->u.client;
    vt_unwatch(p, &c->sock);
    if (c->says != NULL)
        p->mem.free(p->mem.ctx, c->says, c->says_size);
    c->says = NULL;
}
