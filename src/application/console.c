#include "console.h"

void vt_console_init(struct vt_console *c, struct vt_process *p, char *buf, size_t cap)
{
    *c = (struct vt_console){.p = p};
    c->out.buf = buf;
    c->out.cap = cap;
    c->err.buf = c->error;
    c->err.cap = sizeof c->error;
}

static void flush_stream(struct vt_process *p, struct vt_console_stream *s, int fd)
{
    while (s->len > 0 && !s->broken) {
        long n = p->write(p->io, fd, s->buf + s->at, s->len);
        if (n == -VT_EAGAIN || n == 0)
            return;
        if (n < 0) {
            s->broken = true;
            break;
        }
        s->at += (size_t)n;
        s->len -= (size_t)n;
    }
    s->at = 0;
    s->len = 0;
}

bool vt_console_flush(struct vt_console *c)
{
    flush_stream(c->p, &c->out, 1);
    flush_stream(c->p, &c->err, 2);
    c->p->want_output = c->out.len > 0 || c->err.len > 0;
    return !c->p->want_output;
}

static size_t stream_room(const struct vt_console_stream *s)
{
    return s->cap - s->len;
}

/* Room for at least `len` bytes behind what waits, or NULL. */
static char *stream_reserve(struct vt_console_stream *s, size_t len)
{
    if (stream_room(s) < len)
        return NULL;
    if (s->cap - s->at - s->len < len) {
        memmove(s->buf, s->buf + s->at, s->len);
        s->at = 0;
    }
    return s->buf + s->at + s->len;
}

static bool stream_put(struct vt_console_stream *s, const void *bytes, size_t len)
{
    char *to;
    if (s->broken)
        return true;
    to = stream_reserve(s, len);
    if (to == NULL)
        return false;
    if (len > 0)
        memcpy(to, bytes, len);
    s->len += len;
    return true;
}

size_t vt_console_room(const struct vt_console *c)
{
    return stream_room(&c->out);
}

char *vt_console_reserve(struct vt_console *c, size_t *room)
{
    *room = stream_room(&c->out);
    return stream_reserve(&c->out, *room);
}

void vt_console_commit(struct vt_console *c, size_t len)
{
    if (!c->out.broken)
        c->out.len += len;
}

static bool put(struct vt_console *c, struct vt_console_stream *s, const void *bytes, size_t len)
{
    if (stream_put(s, bytes, len))
        return true;
    vt_console_flush(c);
    if (stream_put(s, bytes, len))
        return true;
    c->lost++;
    return false;
}

bool vt_console_put(struct vt_console *c, const void *bytes, size_t len)
{
    return put(c, &c->out, bytes, len);
}

bool vt_console_print(struct vt_console *c, const char *format, ...)
{
    char line[VT_CONSOLE_LINE];
    struct vt_text t;
    va_list args;
    vt_text_init(&t, line, sizeof line);
    va_start(args, format);
    vt_text_vadd(&t, format, args);
    va_end(args);
    return vt_console_put(c, t.buf, t.len);
}

void vt_console_note(struct vt_console *c, const char *format, ...)
{
    char line[VT_CONSOLE_LINE];
    struct vt_text t;
    va_list args;
    vt_text_init(&t, line, sizeof line);
    va_start(args, format);
    vt_text_vadd(&t, format, args);
    va_end(args);
    put(c, &c->err, t.buf, t.len);
}

static void error_line(struct vt_text *t, const struct vt_process *p, const char *format, va_list args)
    VT_PRINTF(3, 0);
static void error_line(struct vt_text *t, const struct vt_process *p, const char *format, va_list args)
{
    vt_text_add(t, "%s: ", p->program->name);
    vt_text_vadd(t, format, args);
    if (t->cut)
        t->len--;
    vt_text_put(t, "\n", 1);
}

void vt_console_error(struct vt_console *c, const char *format, ...)
{
    char line[VT_CONSOLE_LINE];
    struct vt_text t;
    va_list args;
    vt_text_init(&t, line, sizeof line);
    va_start(args, format);
    error_line(&t, c->p, format, args);
    va_end(args);
    put(c, &c->err, t.buf, t.len);
}

void vt_process_error(struct vt_process *p, const char *format, ...)
{
    char line[VT_CONSOLE_LINE];
    struct vt_text t;
    va_list args;
    vt_text_init(&t, line, sizeof line);
    va_start(args, format);
    error_line(&t, p, format, args);
    va_end(args);
    for (size_t at = 0; at < t.len;) {
        long n = p->write(p->io, 2, t.buf + at, t.len - at);
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

void vt_process_say(struct vt_process *p, const char *format, ...)
{
    char line[VT_CONSOLE_LINE];
    struct vt_text t;
    va_list args;
    if (p->say == NULL)
        return;
    vt_text_init(&t, line, sizeof line);
    va_start(args, format);
    vt_text_vadd(&t, format, args);
    va_end(args);
    p->say(p, t.buf);
}

void vt_console_end(struct vt_console *c, int status)
{
    if (c->ending)
        return;
    c->ending = true;
    c->status = status;
}

void vt_console_step(struct vt_console *c)
{
    bool empty = vt_console_flush(c);
    if (c->ending && (empty || c->p->stop)) {
        c->p->done = true;
        c->p->status = c->status;
    }
}
