#include <stdlib.h>
#include <string.h>
#include "fake.h"

static struct fake_socket *get(void *net, int fd)
{
    struct fake_net *n = net;
    return fd >= 0 && fd < FAKE_SOCKETS && n->sockets[fd].kind != FAKE_FREE ? &n->sockets[fd] : NULL;
}

static int new_socket(struct fake_net *n, enum fake_kind kind)
{
    for (int fd = 0; fd < FAKE_SOCKETS; fd++) {
        struct fake_socket *s = &n->sockets[fd];
        if (s->kind != FAKE_FREE)
            continue;
        memset(s, 0, sizeof *s);
        s->kind = kind;
        s->peer = -1;
        s->in = kind == FAKE_STREAM ? malloc(FAKE_BUFFER) : NULL;
        return fd;
    }
    return -VT_EMFILE;
}

/* ---- The table ---- */

static int fake_socket_call(void *net, int domain, int type, int protocol)
{
    (void)domain;
    return new_socket(net, type == VT_SOCK_DGRAM && protocol == 1 ? FAKE_PING : FAKE_STREAM);
}

static int fake_bind(void *net, int fd, const struct vt_addr *addr)
{
    struct fake_net *n = net;
    for (int i = 0; i < FAKE_SOCKETS; i++)
        if (n->sockets[i].kind == FAKE_LISTENER && n->sockets[i].local.port == addr->port && addr->port != 0)
            return -VT_EADDRINUSE;
    get(net, fd)->local = *addr;
    return 0;
}

static int fake_listen_call(void *net, int fd, int backlog)
{
    struct fake_socket *s = get(net, fd);
    s->kind = FAKE_LISTENER;
    s->backlog = (unsigned)backlog;
    return 0;
}

static int fake_accept(void *net, int fd, struct vt_addr *peer)
{
    struct fake_net *n = net;
    struct fake_socket *s = get(net, fd);
    int got, err = n->accept_error;
    if (s->queued == 0)
        return -VT_EAGAIN;
    n->accept_error = 0;
    if (err < 0)
        return err;
    got = s->queue[0];
    memmove(s->queue, s->queue + 1, --s->queued * sizeof s->queue[0]);
    if (peer != NULL)
        *peer = n->sockets[got].remote;
    return got;
}

static struct fake_socket *find_listener(struct fake_net *n, uint16_t port)
{
    for (int i = 0; i < FAKE_SOCKETS; i++)
        if (n->sockets[i].kind == FAKE_LISTENER && n->sockets[i].local.port == port)
            return &n->sockets[i];
    return NULL;
}

static int fake_connect_call(void *net, int fd, const struct vt_addr *peer)
{
    struct fake_net *n = net;
    struct fake_socket *s = get(net, fd), *listener = find_listener(n, peer->port), *other;
    int other_fd;
    if (vt_ip_eq(peer->ip, VT_IP4(10, 0, 0, 99)))
        return -VT_ENETUNREACH;
    s->remote = *peer;
    if (listener == NULL || listener->queued >= 128) {
        s->error = -VT_ECONNREFUSED;
        return -VT_EINPROGRESS;
    }
    other_fd = new_socket(n, FAKE_STREAM);
    if (other_fd < 0)
        return other_fd;
    other = &n->sockets[other_fd];
    s->local = (struct vt_addr){.ip = VT_IP4(127, 0, 0, 1), .port = ++n->next_port};
    other->local = *peer;
    other->remote = s->local;
    other->peer = fd;
    other->connected = true;
    s->peer = other_fd;
    s->connected = true;
    listener->queue[listener->queued++] = other_fd;
    return -VT_EINPROGRESS;
}

static size_t some(struct fake_net *n, size_t len)
{
    size_t most = n->max_io != 0 ? n->max_io : 1 + (size_t)vt_rng_below(&n->rng, 7);
    return len < most ? len : most;
}

static long ping_send(struct fake_net *n, struct fake_socket *s, const void *buf, size_t len)
{
    int err = s->error;
    s->error = 0;
    if (err != 0)
        return err;
    if (n->on_echo != NULL)
        n->on_echo(n, s, buf, len);
    return (long)len;
}

static long fake_sendto(void *net, int fd, const void *buf, size_t len, int flags, const struct vt_addr *to)
{
    struct fake_net *n = net;
    struct fake_socket *s = get(net, fd), *peer;
    (void)flags;
    if (s->kind == FAKE_PING && vt_ip_eq(to->ip, VT_IP4(10, 0, 0, 99)))
        return -VT_ENETUNREACH;
    if (s->kind == FAKE_PING)
        return ping_send(n, s, buf, len);
    n->sends++;
    n->zero_sends += len == 0;
    if (s->reset)
        return -VT_ECONNRESET;
    if (!s->connected)
        return -VT_ENOTCONN;
    if (s->shut || s->peer < 0)
        return -VT_EPIPE;
    peer = &n->sockets[s->peer];
    len = some(n, len);
    if (len > n->buffer - peer->len)
        len = n->buffer - peer->len;
    if (len == 0)
        return -VT_EAGAIN;
    memmove(peer->in, peer->in + peer->at, peer->len);
    peer->at = 0;
    memcpy(peer->in + peer->len, buf, len);
    peer->len += len;
    return (long)len;
}

static long fake_recvmsg(void *net, int fd, void *buf, size_t len, int flags, struct vt_msg_info *info)
{
    struct fake_socket *s = get(net, fd);
    bool errors = (flags & VT_MSG_ERRQUEUE) != 0;
    struct fake_message *list = errors ? s->errors : s->replies, m;
    unsigned *count = errors ? &s->n_errors : &s->n_replies;
    if (*count == 0)
        return -VT_EAGAIN;
    m = list[0];
    memmove(list, list + 1, --*count * sizeof *list);
    memcpy(buf, m.bytes, m.len < len ? m.len : len);
    *info = m.info;
    return (long)m.len;
}

static long fake_recvfrom(void *net, int fd, void *buf, size_t len, int flags, struct vt_addr *from)
{
    struct fake_net *n = net;
    struct fake_socket *s = get(net, fd);
    (void)flags;
    (void)from;
    if (s->reset)
        return -VT_ECONNRESET;
    if (!s->connected)
        return -VT_ENOTCONN;
    if (s->len == 0)
        return s->ended ? 0 : -VT_EAGAIN;
    len = some(n, len < s->len ? len : s->len);
    memcpy(buf, s->in + s->at, len);
    s->at += len;
    s->len -= len;
    return (long)len;
}

static int fake_shutdown(void *net, int fd, int how)
{
    struct fake_net *n = net;
    struct fake_socket *s = get(net, fd);
    if (!s->connected)
        return -VT_ENOTCONN;
    if (how != VT_SHUT_RD) {
        s->shut = true;
        if (s->peer >= 0)
            n->sockets[s->peer].ended = true;
    }
    return 0;
}

static int fake_close(void *net, int fd)
{
    struct fake_net *n = net;
    struct fake_socket *s = get(net, fd);
    assert_non_null(s); /* each is closed once */
    for (int i = 0; i < FAKE_SOCKETS; i++)
        for (unsigned w = 0; n->sockets[i].kind == FAKE_EPOLL && w < n->sockets[i].watches; w++)
            assert_int_not_equal(n->sockets[i].watch[w].fd, fd); /* and not watched any more */
    while (s->kind == FAKE_LISTENER && s->queued > 0)
        fake_close(net, s->queue[--s->queued]);
    if (s->kind == FAKE_STREAM && s->peer >= 0) {
        struct fake_socket *peer = &n->sockets[s->peer];
        peer->ended = true;
        peer->peer = -1;
        /* RFC 9293 3.10.4, RFC 2525 2.17: bytes that were never read are answered with a reset. */
        if (s->len > 0)
            peer->reset = true;
    }
    free(s->in);
    memset(s, 0, sizeof *s);
    return 0;
}

static int fake_getsockname(void *net, int fd, struct vt_addr *addr)
{
    *addr = get(net, fd)->local;
    return 0;
}

static int fake_getpeername(void *net, int fd, struct vt_addr *addr)
{
    const struct fake_socket *s = get(net, fd);
    *addr = s->remote;
    return s->connected ? 0 : -VT_ENOTCONN;
}

static int fake_setsockopt(void *net, int fd, int level, int name, const void *val, size_t len)
{
    struct fake_socket *s = get(net, fd);
    if (level == VT_SOL_SOCKET && name == VT_SO_MARK)
        memcpy(&s->mark, val, len);
    if (level == VT_SOL_IP && name == VT_IP_TTL)
        memcpy(&s->ttl, val, len);
    return 0;
}

static int fake_getsockopt(void *net, int fd, int level, int name, void *val, size_t *len)
{
    struct fake_socket *s = get(net, fd);
    int error = -s->error;
    assert_int_equal(level, VT_SOL_SOCKET);
    assert_int_equal(name, VT_SO_ERROR);
    s->error = 0;
    memcpy(val, &error, sizeof error);
    *len = sizeof error;
    return 0;
}

static int fake_epoll_create(void *net)
{
    return new_socket(net, FAKE_EPOLL);
}

static int fake_epoll_ctl(void *net, int epfd, int op, int fd, const struct vt_epoll_event *ev)
{
    struct fake_socket *e = get(net, epfd);
    unsigned at = 0;
    assert_non_null(get(net, fd));
    while (at < e->watches && e->watch[at].fd != fd)
        at++;
    if (op == VT_EPOLL_CTL_ADD) {
        assert_int_equal(at, e->watches);
        assert_true(e->watches < FAKE_WATCHES);
        e->watches++;
    }
    assert_true(at < e->watches);
    if (op == VT_EPOLL_CTL_DEL) {
        memmove(&e->watch[at], &e->watch[at + 1], (--e->watches - at) * sizeof e->watch[0]);
        return 0;
    }
    e->watch[at].fd = fd;
    e->watch[at].ev = *ev;
    return 0;
}

static uint32_t readiness(struct fake_net *n, const struct fake_socket *s)
{
    uint32_t r = 0;
    if (s->kind == FAKE_LISTENER)
        return s->queued > 0 ? VT_POLLIN : 0;
    if (s->kind == FAKE_PING)
        return (s->n_replies > 0 ? VT_POLLIN : 0u) | (s->n_errors > 0 || s->error < 0 ? VT_POLLERR : 0u) |
               VT_POLLOUT;
    if (s->error < 0 || s->reset)
        r |= VT_POLLERR | VT_POLLHUP | VT_POLLIN | VT_POLLOUT;
    if (!s->connected)
        return r;
    if (s->len > 0 || s->ended)
        r |= VT_POLLIN;
    if (s->peer < 0 || s->shut || n->sockets[s->peer].len < n->buffer)
        r |= VT_POLLOUT;
    if (s->ended && (s->shut || s->peer < 0))
        r |= VT_POLLHUP;
    return r;
}

static int fake_epoll_wait(void *net, int epfd, struct vt_epoll_event *evs, int max)
{
    struct fake_socket *e = get(net, epfd);
    int n = 0;
    for (unsigned i = 0; i < e->watches && n < max; i++) {
        uint32_t mask = e->watch[i].ev.events | VT_POLLERR | VT_POLLHUP;
        uint32_t r = readiness(net, get(net, e->watch[i].fd)) & mask;
        if (r != 0)
            evs[n++] = (struct vt_epoll_event){.events = r, .data = e->watch[i].ev.data};
    }
    return n;
}

static int fake_resolve(void *net, const char *name, struct vt_addr *addr)
{
    (void)net;
    *addr = (struct vt_addr){.ip = VT_IP4(127, 0, 0, 1)};
    if (strcmp(name, "nowhere") == 0)
        return -VT_ENOENT;
    if (strcmp(name, "0.0.0.0") == 0)
        addr->ip = VT_IP4_ANY;
    if (strcmp(name, "10.0.0.99") == 0)
        addr->ip = VT_IP4(10, 0, 0, 99);
    if (strcmp(name, "b") == 0 || strcmp(name, "10.0.0.2") == 0)
        addr->ip = VT_IP4(10, 0, 0, 2);
    return 0;
}

const struct vt_socket_api fake_api = {
    .socket = fake_socket_call,
    .bind = fake_bind,
    .listen = fake_listen_call,
    .accept = fake_accept,
    .connect = fake_connect_call,
    .sendto = fake_sendto,
    .recvfrom = fake_recvfrom,
    .recvmsg = fake_recvmsg,
    .shutdown = fake_shutdown,
    .close = fake_close,
    .getsockname = fake_getsockname,
    .getpeername = fake_getpeername,
    .setsockopt = fake_setsockopt,
    .getsockopt = fake_getsockopt,
    .epoll_create = fake_epoll_create,
    .epoll_ctl = fake_epoll_ctl,
    .epoll_wait = fake_epoll_wait,
    .resolve = fake_resolve,
};

void fake_net_init(struct fake_net *net, uint64_t seed)
{
    memset(net, 0, sizeof *net);
    net->sockets = calloc(FAKE_SOCKETS, sizeof *net->sockets);
    net->max_io = SIZE_MAX;
    net->buffer = FAKE_BUFFER;
    net->next_port = 40000;
    net->now = (vt_time)VT_SEC;
    vt_rng_seed(&net->rng, seed, 1);
}

void fake_net_check(struct fake_net *net)
{
    for (int i = 0; i < FAKE_SOCKETS; i++)
        assert_int_equal(net->sockets[i].kind, FAKE_FREE);
    assert_int_equal(net->live, 0);
}

void fake_net_fini(struct fake_net *net)
{
    for (int i = 0; i < FAKE_SOCKETS; i++)
        free(net->sockets[i].in);
    free(net->sockets);
}

/* ---- Memory ---- */

static void *fake_alloc(void *ctx, size_t size)
{
    struct fake_net *n = ctx;
    if (++n->allocations == n->fail_at)
        return NULL;
    n->live += size;
    if (n->live > n->most)
        n->most = n->live;
    return calloc(1, size > 0 ? size : 1);
}

static void fake_free(void *ctx, void *p, size_t size)
{
    struct fake_net *n = ctx;
    if (p != NULL) {
        assert_true(n->live >= size);
        n->live -= size;
    }
    free(p);
}

/* ---- Processes ---- */

static long process_read(void *io, void *buf, size_t len)
{
    struct fake_process *f = io;
    size_t have = strlen(f->input);
    if (have == 0)
        return f->input_stays ? -VT_EAGAIN : 0;
    if (len > have)
        len = have;
    if (f->net->max_io == 0)
        len = 1 + (size_t)vt_rng_below(&f->rng, len);
    memcpy(buf, f->input, len);
    f->input += len;
    return (long)len;
}

static long process_write(void *io, int fd, const void *buf, size_t len)
{
    struct fake_process *f = io;
    char *to = fd == 1 ? f->out : f->err;
    size_t *have = fd == 1 ? &f->out_len : &f->err_len, cap = fd == 1 ? sizeof f->out : sizeof f->err;
    if (fd == 1 && f->output_room == 0)
        return -VT_EAGAIN;
    if (fd == 1 && len > f->output_room)
        len = f->output_room;
    assert_true(*have + len < cap);
    memcpy(to + *have, buf, len);
    *have += len;
    to[*have] = 0;
    if (fd == 1 && f->output_room != SIZE_MAX)
        f->output_room -= len;
    return (long)len;
}

static int split(char *command, char **argv, int max)
{
    int argc = 0;
    char *c = command;
    while (*c != 0 && argc < max) {
        char end = ' ';
        while (*c == ' ')
            c++;
        if (*c == 0)
            break;
        if (*c == '\'') {
            end = '\'';
            c++;
        }
        argv[argc++] = c;
        while (*c != 0 && *c != end)
            c++;
        if (*c != 0)
            *c++ = 0;
    }
    argv[argc] = NULL;
    return argc;
}

int fake_start(struct fake_process *f, struct fake_net *net, const char *command)
{
    char words[4096], *argv[65];
    const char *input = f->input != NULL ? f->input : "";
    const struct vt_file_api *files = f->p.files;
    void *root = f->p.root, *hook = f->p.hook;
    bool tty = f->p.tty;
    int argc;
    assert_true(strlen(command) < sizeof words);
    memcpy(words, command, strlen(command) + 1);
    argc = split(words, argv, 64);
    f->net = net;
    f->input = input;
    f->output_room = f->output_room == 0 ? SIZE_MAX : f->output_room;
    vt_rng_seed(&f->rng, 7, 2);
    f->p = (struct vt_process){
        .api = &fake_api,
        .net = net,
        .mem = {fake_alloc, fake_free, net},
        .epfd = -1,
        .now = net->now,
        .unix_time = 784111777 + net->now / (uint64_t)VT_SEC,
        .rng = &f->rng,
        .read = process_read,
        .write = process_write,
        .io = f,
        .tty = tty,
        .files = files,
        .root = root,
        .hook = hook,
    };
    return vt_process_start(&f->p, vt_program_find(argv[0]), argc, argv);
}

void fake_end(struct fake_process *f)
{
    if (f->net != NULL)
        vt_process_end(&f->p);
}

/* Has it a reason to be stepped? */
static bool is_due(struct fake_process *f)
{
    struct vt_epoll_event ev;
    struct vt_process *p = &f->p;
    if (p->done)
        return false;
    return p->wake <= f->net->now || fake_epoll_wait(f->net, p->epfd, &ev, 1) > 0 ||
           (p->want_input && (*f->input != 0 || !f->input_stays)) || (p->want_output && f->output_room > 0) ||
           p->stop;
}

void fake_settle(struct fake_net *net, struct fake_process **list, unsigned n)
{
    long steps = 0;
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < n; i++) {
            struct fake_process *f = list[i];
            if (!is_due(f))
                continue;
            f->p.now = net->now;
            f->p.unix_time = 784111777 + net->now / (uint64_t)VT_SEC;
            f->p.program->step(&f->p);
            f->steps++;
            more = true;
            assert_true(++steps < 1000000); /* nothing spins */
        }
    }
}

void fake_run(struct fake_net *net, struct fake_process **list, unsigned n, vt_time until)
{
    for (;;) {
        vt_time next = VT_NEVER;
        fake_settle(net, list, n);
        for (unsigned i = 0; i < n; i++)
            if (!list[i]->p.done)
                next = vt_time_min(next, list[i]->p.wake);
        if (next > until)
            break;
        assert_true(next > net->now);
        net->now = next;
    }
    if (until != VT_NEVER)
        net->now = until;
}

/* ---- Raw ends ---- */

int fake_connect(struct fake_net *net, uint16_t port)
{
    struct vt_addr to = {.ip = VT_IP4(127, 0, 0, 1), .port = port};
    int fd = new_socket(net, FAKE_STREAM);
    fake_connect_call(net, fd, &to);
    assert_int_equal(net->sockets[fd].error, 0);
    return fd;
}

int fake_listen(struct fake_net *net, uint16_t port)
{
    struct vt_addr at = {.ip = VT_IP4_ANY, .port = port};
    int fd = new_socket(net, FAKE_STREAM);
    fake_bind(net, fd, &at);
    fake_listen_call(net, fd, 10);
    return fd;
}

void fake_send(struct fake_net *net, int fd, const char *text)
{
    for (size_t at = 0, len = strlen(text); at < len;) {
        long n = fake_sendto(net, fd, text + at, len - at, 0, NULL);
        assert_true(n > 0);
        at += (size_t)n;
    }
}

long fake_take(struct fake_net *net, int fd, char *buf, size_t cap, bool *ended)
{
    size_t have = 0;
    buf[0] = 0;
    if (ended != NULL)
        *ended = false;
    for (;;) {
        long n = fake_recvfrom(net, fd, buf + have, cap - 1 - have, 0, NULL);
        if (n == -VT_ECONNRESET)
            return -1;
        if (n == 0 && ended != NULL)
            *ended = cap - 1 > have;
        if (n <= 0)
            return (long)have;
        have += (size_t)n;
        buf[have] = 0;
        if (have == cap - 1)
            return (long)have;
    }
}

/* ---- Files ---- */

struct open_file {
    const struct fake_file *file;
    size_t listed;
};

static bool is_dir(const struct fake_file *f)
{
    return f->path[0] == 0 || f->path[strlen(f->path) - 1] == '/';
}

static int files_open(void *root, const char *path, struct vt_file_info *info, void **file)
{
    const struct fake_file *list = root;
    size_t len = strlen(path);
    for (; list->path != NULL; list++) {
        size_t n = strlen(list->path);
        struct open_file *f;
        if (n > 0 && list->path[n - 1] == '/')
            n--;
        if (n != len || memcmp(path, list->path, len) != 0)
            continue;
        if (list->text == NULL && !is_dir(list))
            return -VT_EACCES;
        f = malloc(sizeof *f);
        *f = (struct open_file){.file = list};
        *info = (struct vt_file_info){
            .size = list->text != NULL ? strlen(list->text) : 0, .mtime = list->mtime, .dir = is_dir(list)};
        *file = f;
        return 0;
    }
    return -VT_ENOENT;
}

static long files_read(void *root, void *file, uint64_t offset, void *buf, size_t len)
{
    const struct fake_file *f = ((const struct open_file *)file)->file;
    size_t size = f->shrinks_to != 0 ? f->shrinks_to : strlen(f->text);
    (void)root;
    if (offset >= size)
        return 0;
    if (len > size - offset)
        len = size - (size_t)offset;
    memcpy(buf, f->text + offset, len);
    return (long)len;
}

static void files_close(void *root, void *file)
{
    (void)root;
    free(file);
}

static int files_list(void *root, void *dir, char *name, size_t cap, struct vt_file_info *info)
{
    const struct fake_file *list = root;
    struct open_file *d = dir;
    size_t len = strlen(d->file->path);
    while (list[d->listed].path != NULL) {
        const struct fake_file *f = &list[d->listed++];
        size_t n = strlen(f->path);
        const char *slash;
        if (n <= len || memcmp(f->path, d->file->path, len) != 0)
            continue;
        slash = strchr(f->path + len, '/');
        if (slash != NULL && slash[1] != 0)
            continue;
        *info = (struct vt_file_info){.dir = is_dir(f)};
        n -= len + (is_dir(f) ? 1 : 0);
        if (n >= cap)
            return -VT_ENAMETOOLONG;
        memcpy(name, f->path + len, n);
        name[n] = 0;
        return 1;
    }
    return 0;
}

const struct vt_file_api fake_files = {files_open, files_read, files_close, files_list};
