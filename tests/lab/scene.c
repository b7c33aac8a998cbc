/* The lab of a scene, its programs and its sockets. */
#include "scene.h"

/* ---- The record ---- */

static void record(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct scene *s = ctx;
    bool frame = ev->kind == VT_EV_PORT_TX || ev->kind == VT_EV_PORT_RX;
    if (s->events == s->cap) {
        s->cap = s->cap * 2 + 1024;
        s->event = realloc(s->event, s->cap * sizeof *s->event);
        assert_non_null(s->event);
    }
    struct scene_event *e = &s->event[s->events++];
    *e = (struct scene_event){.ev = *ev};
    if (ev->extra != 0 && !frame) {
        e->extra = calloc(1, ev->extra + 1u);
        assert_non_null(e->extra);
        memcpy(e->extra, extra, ev->extra);
    }
    ledger_event(&s->ledger, ev, extra);
    vt_stats_event(s->stats, ev, extra);
}

/* ---- The lab ---- */

void scene_open_as(struct scene *s, const struct vt_lab_config *config)
{
    memset(s, 0, sizeof *s);
    s->lab = vt_lab_new(config);
    s->stats = vt_stats_new();
    assert_non_null(s->lab);
    assert_non_null(s->stats);
    assert_int_equal(vt_lab_listen(s->lab, (struct vt_listener){record, s}), 0);
}

void scene_deafen(struct scene *s)
{
    vt_lab_unlisten(s->lab, (struct vt_listener){record, s});
}

void scene_open(struct scene *s, uint64_t seed)
{
    scene_open_as(s, &(struct vt_lab_config){.name = "scene", .seed = seed});
}

struct vt_host *scene_host(struct scene *s, const char *name)
{
    struct vt_host *h = vt_lab_add_host(s->lab, name, false, NULL);
    assert_non_null(h);
    return h;
}

unsigned scene_cable(struct scene *s, const char *a, const char *addr_a, const char *b, const char *addr_b,
                     const char *impair)
{
    int link = vt_lab_add_link(s->lab, a, addr_a, b, addr_b, impair);
    assert_true(link > 0);
    return (unsigned)link;
}

void scene_pair(struct scene *s, const char *impair)
{
    scene_host(s, "a");
    scene_host(s, "b");
    scene_cable(s, "a", "10.0.0.1/24", "b", "10.0.0.2/24", impair);
}

/* The cable of that name, and which direction of it is meant when it was named backwards. */
static unsigned find_cable(struct scene *s, const char *cable, enum vt_direction *dir)
{
    bool flipped;
    unsigned link = vt_lab_find_link(s->lab, cable, &flipped);
    assert_int_not_equal(link, 0);
    if (flipped && *dir != VT_DIR_BOTH)
        *dir = *dir == VT_DIR_FORTH ? VT_DIR_BACK : VT_DIR_FORTH;
    return link;
}

void scene_impair(struct scene *s, const char *cable, enum vt_direction dir, const char *text)
{
    unsigned link = find_cable(s, cable, &dir);
    assert_int_equal(vt_lab_impair(s->lab, link, dir, text, NULL, NULL), 0);
}

void scene_fault(struct scene *s, const char *cable, enum vt_direction dir, const char *text)
{
    unsigned link = find_cable(s, cable, &dir);
    assert_int_equal(vt_lab_fault(s->lab, link, dir, text, NULL, NULL), 0);
}

void scene_knob(struct scene *s, const char *host, const char *name, int64_t value)
{
    assert_int_equal(vt_host_sysctl_set(vt_lab_host(s->lab, host), name, value), 0);
}

void scene_cut_all(struct vt_lab *lab)
{
    for (unsigned link = 1; vt_lab_link_name(lab, link) != NULL; link++)
        assert_int_equal(vt_lab_impair(lab, link, VT_DIR_BOTH, "cut", NULL, NULL), 0);
    vt_lab_drain_events(lab);
}

void scene_drop(struct scene *s)
{
    vt_stats_free(s->stats);
    ledger_free(&s->ledger);
    for (size_t i = 0; i < s->events; i++)
        free(s->event[i].extra);
    free(s->event);
    vt_lab_free(s->lab);
}

void scene_close(struct scene *s)
{
    struct vt_stats_frames f;
    char why[256];
    scene_run(s, 0); /* what calls have made goes out */
    scene_cut_all(s->lab);
    ledger_check(&s->ledger);
    if (!vt_stats_reconcile(s->stats, why, sizeof why))
        fail_msg("%s", why);
    vt_stats_frames(s->stats, &f);
    assert_int_equal(f.sent, s->ledger.sent);
    assert_int_equal(f.delivered, s->ledger.came);
    assert_int_equal(f.ended, s->ledger.ended);
    assert_int_equal(f.duplicated, s->ledger.copies);
    scene_drop(s);
}

void scene_run(struct scene *s, vt_span span)
{
    vt_lab_run(s->lab, vt_time_add(vt_lab_now(s->lab), span));
}

/* ---- Programs ---- */

static long term_read(void *ctx, void *buf, size_t len)
{
    struct scene_term *t = ctx;
    size_t left = t->in != NULL ? strlen(t->in + t->in_at) : 0;
    size_t n = left < len ? left : len;
    if (n > 0)
        memcpy(buf, t->in + t->in_at, n);
    t->in_at += n;
    return (long)n;
}

static void keep(char *to, size_t size, size_t *at, const char *bytes, size_t len, size_t *lost)
{
    size_t n = len < size - 1 - *at ? len : size - 1 - *at;
    memcpy(to + *at, bytes, n);
    *at += n;
    to[*at] = '\0';
    *lost += len - n;
}

static long term_write(void *ctx, int fd, const void *buf, size_t len)
{
    struct scene_term *t = ctx;
    size_t lost = 0;
    if (fd == 2)
        keep(t->err, sizeof t->err, &t->err_len, buf, len, &lost);
    else
        keep(t->out, sizeof t->out, &t->len, buf, len, &t->lost);
    return (long)len;
}

static void term_exited(void *ctx, int status)
{
    struct scene_term *t = ctx;
    t->exited = true;
    t->status = status;
    t->ended = vt_lab_now(t->scene->lab);
}

int scene_spawn(struct scene *s, const char *host, const char *line, struct scene_term *term)
{
    char text[1024];
    const char *argv[32];
    int argc = 0;
    *term = (struct scene_term){.in = term->in, .tty = term->tty, .hook = term->hook, .scene = s};
    assert_true(strlen(line) < sizeof text);
    strcpy(text, line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(argc < 32);
        argv[argc++] = word;
    }
    term->program = vt_lab_spawn(s->lab, host, argc, argv,
                                 &(struct vt_lab_stdio){.read = term_read,
                                                        .write = term_write,
                                                        .exited = term_exited,
                                                        .ctx = term,
                                                        .tty = term->tty,
                                                        .hook = term->hook});
    assert_true(term->program > 0);
    return term->program;
}

static bool has_exited(void *ctx)
{
    return ((struct scene_term *)ctx)->exited;
}

int scene_wait(struct scene *s, struct scene_term *term, vt_span limit)
{
    vt_lab_run_until(s->lab, vt_time_add(vt_lab_now(s->lab), limit), has_exited, term);
    return term->exited ? term->status : -1;
}

/* ---- Sockets ---- */

struct vt_addr scene_addr(const char *text)
{
    unsigned b[4], port;
    assert_int_equal(sscanf(text, "%u.%u.%u.%u:%u", &b[0], &b[1], &b[2], &b[3], &port), 5);
    return (struct vt_addr){.ip = VT_IP4(b[0], b[1], b[2], b[3]), .port = (uint16_t)port};
}

struct vt_host *scene_enter(struct scene *s, const char *host)
{
    struct vt_host *h = vt_lab_host(s->lab, host);
    assert_non_null(h);
    vt_lab_touch(s->lab, h);
    return h;
}

int scene_listen(struct scene *s, const char *host, const char *addr, int backlog)
{
    struct vt_host *h = scene_enter(s, host);
    struct vt_addr at = scene_addr(addr);
    int fd = vt_socket(h, VT_AF_INET, VT_SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(vt_bind(h, fd, &at), 0);
    assert_int_equal(vt_listen(h, fd, backlog), 0);
    return fd;
}

int scene_connect(struct scene *s, const char *host, const char *addr)
{
    struct vt_host *h = scene_enter(s, host);
    struct vt_addr to = scene_addr(addr);
    int fd = vt_socket(h, VT_AF_INET, VT_SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(vt_connect(h, fd, &to), -VT_EINPROGRESS);
    return fd;
}

int scene_accept(struct scene *s, const char *host, int listener)
{
    int fd = vt_accept(scene_enter(s, host), listener, NULL);
    assert_true(fd >= 0);
    return fd;
}

void scene_join(struct scene *s, uint16_t port, int *at_a, int *at_b)
{
    char addr[32];
    snprintf(addr, sizeof addr, "10.0.0.2:%u", port);
    int listener = scene_listen(s, "b", addr, 10);
    *at_a = scene_connect(s, "a", addr);
    scene_run(s, VT_SEC);
    *at_b = scene_accept(s, "b", listener);
    vt_close(scene_enter(s, "b"), listener);
}

long scene_send(struct scene *s, const char *host, int fd, const void *buf, size_t len)
{
    return vt_send(scene_enter(s, host), fd, buf, len, 0);
}

void scene_say(struct scene *s, const char *host, int fd, const char *text)
{
    assert_int_equal(scene_send(s, host, fd, text, strlen(text)), strlen(text));
}

long scene_recv(struct scene *s, const char *host, int fd, void *buf, size_t len)
{
    return vt_recv(scene_enter(s, host), fd, buf, len, 0);
}

void scene_hear(struct scene *s, const char *host, int fd, const char *text)
{
    char buf[4096];
    long n = scene_recv(s, host, fd, buf, sizeof buf - 1);
    assert_true(n >= 0);
    buf[n] = '\0';
    assert_string_equal(buf, text);
}

void scene_shut(struct scene *s, const char *host, int fd)
{
    assert_int_equal(vt_shutdown(scene_enter(s, host), fd, VT_SHUT_WR), 0);
}

void scene_hang_up(struct scene *s, const char *host, int fd)
{
    assert_int_equal(vt_close(scene_enter(s, host), fd), 0);
}
