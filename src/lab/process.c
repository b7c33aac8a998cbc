/* The programs that run on a lab's hosts: started, stepped when something is ready for them, ended. */
#include <stdio.h>
#include "internal.h"

/* ---- Readiness ---- */

void vt_lab_on_ready(void *ctx, int epfd)
{
    struct vt_lab_node *node = ctx;
    for (struct vt_lab_watch *w = node->watches; w != NULL; w = w->next) {
        if (w->epfd != epfd)
            continue;
        w->ready(w->ctx);
        return;
    }
}

int vt_lab_watch(struct vt_lab *lab, const char *host, int epfd, void (*ready)(void *ctx), void *ctx)
{
    struct vt_lab_node *node = vt_lab_node(lab, host);
    struct vt_lab_watch *w;
    if (node == NULL || node->host == NULL)
        return -VT_ENOENT;
    w = lab->core.mem.alloc(lab->core.mem.ctx, sizeof *w);
    if (w == NULL)
        return -VT_ENOMEM;
    *w = (struct vt_lab_watch){.next = node->watches, .epfd = epfd, .ready = ready, .ctx = ctx};
    node->watches = w;
    return 0;
}

static void unlink_watch(struct vt_lab_node *node, const struct vt_lab_watch *w)
{
    struct vt_lab_watch **at = &node->watches;
    while (*at != NULL && *at != w)
        at = &(*at)->next;
    if (*at != NULL)
        *at = w->next;
}

void vt_lab_unwatch(struct vt_lab *lab, const char *host, int epfd)
{
    struct vt_lab_node *node = vt_lab_node(lab, host);
    if (node == NULL)
        return;
    for (struct vt_lab_watch *w = node->watches; w != NULL; w = w->next) {
        if (w->epfd != epfd)
            continue;
        unlink_watch(node, w);
        lab->core.mem.free(lab->core.mem.ctx, w, sizeof *w);
        return;
    }
}

/* ---- A program's view of its driver ---- */

static long process_read(void *io, void *buf, size_t len)
{
    struct vt_lab_process *proc = io;
    if (proc->in_from < proc->in_to) {
        size_t n = proc->in_to - proc->in_from;
        n = n < len ? n : len;
        memcpy(buf, proc->in + proc->in_from, n);
        proc->in_from += (unsigned)n;
        return (long)n;
    }
    if (!proc->in_eof) {
        long n = proc->io.read != NULL ? proc->io.read(proc->io.ctx, buf, len) : 0;
        if (n != 0)
            return n;
        proc->in_eof = true;
    }
    proc->in_eof_told = true;
    return 0;
}

static long process_write(void *io, int fd, const void *buf, size_t len)
{
    struct vt_lab_process *proc = io;
    return proc->io.write != NULL ? proc->io.write(proc->io.ctx, fd, buf, len) : (long)len;
}

static void process_say(struct vt_process *p, const char *text)
{
    struct vt_lab_process *proc = p->io;
    struct vt_core *core = vt_host_core(proc->node->host);
    struct vt_event *e = vt_event_begin(&core->ev, VT_EV_APP, VT_DOC_NONE);
    if (e == NULL)
        return;
    e->u.call.fd = -1;
    vt_event_end(&core->ev, e, text, strlen(text));
}

/* ---- The queue of those to be stepped ---- */

void vt_lab_process_ready(struct vt_lab_process *proc)
{
    struct vt_lab *lab = proc->node->lab;
    if (proc->ready)
        return;
    proc->ready = true;
    proc->next_ready = NULL;
    *lab->ready_tail = proc;
    lab->ready_tail = &proc->next_ready;
}

static void unready(struct vt_lab *lab, struct vt_lab_process *proc)
{
    struct vt_lab_process **at = &lab->ready;
    while (*at != NULL && *at != proc)
        at = &(*at)->next_ready;
    if (*at == NULL)
        return;
    *at = proc->next_ready;
    if (*at == NULL)
        lab->ready_tail = at;
    proc->ready = false;
}

static void on_epoll(void *ctx)
{
    vt_lab_process_ready(ctx);
}

/* ---- Start, step, end ---- */

static void free_process(struct vt_lab *lab, struct vt_lab_process *proc)
{
    struct vt_lab_process **at = &lab->processes;
    while (*at != proc)
        at = &(*at)->next;
    *at = proc->next;
    if (proc->ready)
        unready(lab, proc);
    vt_lab_not_due(lab, &proc->item);
    if (proc->started) {
        unlink_watch(proc->node, &proc->watch);
        vt_process_end(&proc->p);
        vt_lab_due(lab, &proc->node->item, lab->core.now);
    }
    lab->core.mem.free(lab->core.mem.ctx, proc->argv, proc->argv_size);
    lab->core.mem.free(lab->core.mem.ctx, proc, sizeof *proc);
}

void vt_lab_process_free_all(struct vt_lab *lab)
{
    while (lab->processes != NULL)
        free_process(lab, lab->processes);
}

static void finish(struct vt_lab *lab, struct vt_lab_process *proc)
{
    struct vt_lab_stdio io = proc->io;
    int status = proc->p.status;
    lab->exits[lab->nexits % VT_LAB_EXITS].number = proc->number;
    lab->exits[lab->nexits % VT_LAB_EXITS].status = status;
    lab->nexits++;
    free_process(lab, proc);
    if (io.exited != NULL)
        io.exited(io.ctx, status);
}

/* After a step: input that the program waits for is fetched, so that it is stepped again when there is some.
 */
static void fetch_input(struct vt_lab_process *proc)
{
    if (!proc->p.want_input || proc->in_from < proc->in_to)
        return;
    if (!proc->in_eof) {
        long n = proc->io.read != NULL ? proc->io.read(proc->io.ctx, proc->in, sizeof proc->in) : 0;
        if (n < 0)
            return;
        proc->in_from = 0;
        proc->in_to = (unsigned)n;
        proc->in_eof = n == 0;
    }
    if (proc->in_from < proc->in_to || !proc->in_eof_told)
        vt_lab_process_ready(proc);
}

/* Level triggered, as a loop around epoll is: while something is ready, it is stepped again. Looking also has
 * the set tell of what becomes ready from now on. */
static void look_again(struct vt_lab_process *proc)
{
    struct vt_pollfd p = {.fd = proc->p.epfd, .events = VT_POLLIN};
    if (vt_sock_poll(vt_host_sockets(proc->node->host), &p, 1) > 0)
        vt_lab_process_ready(proc);
}

static void start(struct vt_lab *lab, struct vt_lab_process *proc)
{
    struct vt_process *p = &proc->p;
    const struct vt_program *program = p->program;
    proc->started = true;
    vt_process_start(p, program, proc->argc, proc->argv);
    proc->watch = (struct vt_lab_watch){
        .next = proc->node->watches, .epfd = p->epfd, .ready = on_epoll, .ctx = proc};
    proc->node->watches = &proc->watch;
    (void)lab;
}

void vt_lab_process_step(struct vt_lab *lab)
{
    struct vt_lab_process *proc = lab->ready;
    struct vt_process *p = &proc->p;
    unready(lab, proc);
    vt_lab_not_due(lab, &proc->item);
    vt_host_enter(proc->node->host, lab->core.now);
    p->now = lab->core.now;
    p->unix_time = lab->unix_base + lab->core.now / (uint64_t)VT_SEC;
    if (p->wake <= p->now)
        p->wake = VT_NEVER;
    if (!proc->started)
        start(lab, proc);
    else
        p->program->step(p);
    vt_lab_due(lab, &proc->node->item, lab->core.now);
    if (p->done) {
        finish(lab, proc);
        return;
    }
    vt_lab_due(lab, &proc->item, p->wake);
    fetch_input(proc);
    look_again(proc);
}

/* ---- From outside ---- */

/* Copies the arguments into one block: the pointers, then the texts. */
static int copy_argv(struct vt_lab *lab, struct vt_lab_process *proc, int argc, const char *const *argv)
{
    size_t size = ((size_t)argc + 1) * sizeof(char *);
    char *text;
    for (int i = 0; i < argc; i++)
        size += strlen(argv[i]) + 1;
    proc->argv = lab->core.mem.alloc(lab->core.mem.ctx, size);
    if (proc->argv == NULL)
        return -VT_ENOMEM;
    proc->argv_size = size;
    proc->argc = argc;
    text = (char *)(proc->argv + argc + 1);
    for (int i = 0; i < argc; i++) {
        size_t n = strlen(argv[i]) + 1;
        proc->argv[i] = memcpy(text, argv[i], n);
        text += n;
    }
    return 0;
}

static void set_up(struct vt_lab *lab, struct vt_lab_process *proc, const struct vt_program *program,
                   const struct vt_lab_stdio *io)
{
    struct vt_core *core = vt_host_core(proc->node->host);
    if (io != NULL)
        proc->io = *io;
    proc->item = (struct vt_lab_item){
        .node = proc->node->number, .number = (uint32_t)proc->number, .kind = VT_ITEM_PROC};
    proc->p = (struct vt_process){
        .program = program,
        .api = &vt_session_api,
        .net = vt_host_sockets(proc->node->host),
        .mem = lab->core.mem,
        .epfd = -1,
        .rng = &core->rng,
        .read = process_read,
        .write = process_write,
        .io = proc,
        .tty = io != NULL && io->tty,
        .hook = io != NULL ? io->hook : NULL,
        .files = io != NULL ? io->files : NULL,
        .root = io != NULL ? io->root : NULL,
        .say = process_say,
        .wake = VT_NEVER,
    };
}

int vt_lab_spawn(struct vt_lab *lab, const char *host, int argc, const char *const *argv,
                 const struct vt_lab_stdio *io)
{
    struct vt_lab_node *node = vt_lab_node(lab, host);
    const struct vt_program *program = argc > 0 ? vt_program_find(argv[0]) : NULL;
    struct vt_lab_process *proc;
    int err;
    if (node == NULL || node->host == NULL || program == NULL)
        return -VT_ENOENT;
    proc = lab->core.mem.alloc(lab->core.mem.ctx, sizeof *proc);
    if (proc == NULL)
        return -VT_ENOMEM;
    proc->node = node;
    proc->number = ++lab->last_process;
    proc->next = lab->processes;
    lab->processes = proc;
    set_up(lab, proc, program, io);
    err = copy_argv(lab, proc, argc, argv);
    if (err < 0) {
        free_process(lab, proc);
        return err;
    }
    vt_lab_process_ready(proc);
    return proc->number;
}

static struct vt_lab_process *find_process(struct vt_lab *lab, int number)
{
    struct vt_lab_process *proc = lab->processes;
    while (proc != NULL && proc->number != number)
        proc = proc->next;
    return proc;
}

void vt_lab_stop(struct vt_lab *lab, int program)
{
    struct vt_lab_process *proc = find_process(lab, program);
    if (proc == NULL)
        return;
    proc->p.stop = true;
    vt_lab_process_ready(proc);
}

void vt_lab_kill(struct vt_lab *lab, int program)
{
    struct vt_lab_process *proc = find_process(lab, program);
    if (proc == NULL)
        return;
    proc->p.status = 137; /* as a shell tells of SIGKILL */
    finish(lab, proc);
}

void vt_lab_kick(struct vt_lab *lab, int program)
{
    struct vt_lab_process *proc = find_process(lab, program);
    if (proc != NULL)
        vt_lab_process_ready(proc);
}

bool vt_lab_exited(struct vt_lab *lab, int program, int *status)
{
    unsigned kept = lab->nexits < VT_LAB_EXITS ? lab->nexits : VT_LAB_EXITS;
    if (program < 1 || program > lab->last_process || find_process(lab, program) != NULL)
        return false;
    if (status != NULL)
        *status = -1;
    for (unsigned i = 0; i < kept; i++)
        if (lab->exits[i].number == program && status != NULL)
            *status = lab->exits[i].status;
    return true;
}
