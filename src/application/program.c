#include "application.h"

/* ---- The programs ---- */

static const struct vt_program *const programs[] = {
    &vt_program_echo,
    &vt_program_http,
    &vt_program_ping,
    &vt_program_bulk,
};

const struct vt_program *vt_program_find(const char *name)
{
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(programs[i]->name, name) == 0)
            return programs[i];
    return NULL;
}

static int fail(struct vt_process *p, int status)
{
    p->done = true;
    p->status = status;
    return status;
}

int vt_process_start(struct vt_process *p, const struct vt_program *program, int argc, char **argv)
{
    int status;
    p->program = program;
    p->wake = VT_NEVER;
    p->epfd = p->api->epoll_create(p->net);
    if (p->epfd < 0)
        return fail(p, 71);
    if (p->state == NULL) {
        p->state = p->mem.alloc(p->mem.ctx, program->state);
        if (p->state == NULL)
            return fail(p, 71);
        p->own_state = true;
    }
    status = program->start(p, argc, argv);
    if (status != 0)
        return fail(p, status);
    /* A first step at once: what became ready during start, before the driver watched, is seen there. */
    p->wake = p->now;
    return 0;
}

void vt_process_end(struct vt_process *p)
{
    if (p->state != NULL)
        p->program->end(p);
    if (p->own_state)
        p->mem.free(p->mem.ctx, p->state, p->program->state);
    p->state = NULL;
    p->own_state = false;
    if (p->epfd >= 0)
        p->api->close(p->net, p->epfd);
    p->epfd = -1;
}
