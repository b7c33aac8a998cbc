/* Files and pipes of a script: `dd if=/dev/zero of=FILE bs=N count=N`, `rm FILE`; open, sendfile, pipe,
 * splice.
 *
 * A file is a name and a length; nothing is written to the machine. Its bytes are those that a program would
 * write next (drill_byte()), so that what is sent is checked as all else. */
#include <stdlib.h>
#include "op.h"
#include "network/network.h"

#define FILE_MAX        (64 << 20)
#define SPLICE_NONBLOCK 2      /* Linux's SPLICE_F_NONBLOCK */
#define PIPE_ROOM       65536u /* of Linux's pipe */

/* ---- Shell lines ---- */

static struct drill_file *find(struct drill_run *r, const char *path)
{
    struct drill_file *f = r->files;

    while (f != NULL && strcmp(f->path, path) != 0)
        f = f->next;
    return f;
}

bool drill_shell_rm(struct drill_run *r, char **word, unsigned n)
{
    for (unsigned i = 1; i < n; i++) {
        struct drill_file *f = find(r, word[i]);

        if (f != NULL)
            f->there = false;
    }
    return true;
}

bool drill_shell_dd(struct drill_run *r, struct drill_place place, char **word, unsigned n)
{
    unsigned long bs = 512, count = 0;
    const char *path = NULL, *from = "";
    struct drill_file *f;

    for (unsigned i = 1; i < n; i++) {
        if (strncmp(word[i], "bs=", 3) == 0)
            bs = strtoul(word[i] + 3, NULL, 10);
        else if (strncmp(word[i], "count=", 6) == 0)
            count = strtoul(word[i] + 6, NULL, 10);
        else if (strncmp(word[i], "of=", 3) == 0)
            path = word[i] + 3;
        else if (strncmp(word[i], "if=", 3) == 0)
            from = word[i] + 3;
    }
    if (path == NULL || strcmp(from, "/dev/zero") != 0 || bs > FILE_MAX ||
        count > FILE_MAX / (bs != 0 ? bs : 1))
        return drill_skip(r->error, place, "of dd, only if=/dev/zero of=FILE bs=N count=N is understood");
    f = find(r, path);
    if (f == NULL) {
        f = drill_alloc(r->arena, sizeof *f);
        f->path = path;
        f->next = r->files;
        r->files = f;
    }
    f->len = bs * count;
    f->there = true;
    return true;
}

/* ---- open, sendfile ---- */

bool drill_attempt_nothing(struct drill_run *r, struct drill_op *op)
{
    (void)r;
    op->result = 0;
    return true;
}

static bool opened(struct drill_run *r, struct drill_op *op)
{
    struct drill_fd *slot;

    if (op->result < 0)
        return true;
    op->result = -1; /* no descriptor of the host */
    if (!drill_take_fd(r, op, DRILL_FD_FILE, &slot))
        return false;
    slot->file = find(r, drill_arg(op, 0)->text);
    return true;
}

static bool try_open(struct drill_run *r, struct drill_op *op)
{
    struct drill_file *f = find(r, drill_arg(op, 0)->text);

    op->result = f != NULL && f->there ? 0 : -VT_ENOENT;
    return true;
}

bool drill_call_open(struct drill_run *r, struct drill_op *op)
{
    const struct drill_file *f;
    int64_t expected;

    if (!drill_arg_count(r, op, 2, 3))
        return false;
    if (drill_arg(op, 0)->kind != DRILL_STRING)
        return drill_fail(r->error, drill_arg(op, 0)->place, "a path is written \"/tmp/file\"");
    f = find(r, drill_arg(op, 0)->text);
    if (!drill_value(r, op->call->result, &expected))
        return false;
    if (expected >= 0 && (f == NULL || !f->there))
        return drill_skip(r->error, op->event->place, "open: there are no files but those that dd made");
    op->gives_fd = true;
    op->attempt = try_open;
    op->check = opened;
    return true;
}

static struct drill_fd *slot_of(struct drill_run *r, int64_t number, enum drill_fd_kind kind)
{
    return number >= 0 && number < DRILL_FDS && r->fd[number].kind == kind ? &r->fd[number] : NULL;
}

bool drill_call_sendfile(struct drill_run *r, struct drill_op *op)
{
    struct drill_fd *in;
    int number, offset, count;

    if (!drill_arg_count(r, op, 4, 4) || !drill_arg_fd(r, op) || !drill_arg_int(r, op, 1, &number) ||
        !drill_arg_bracketed(r, op, 2, &offset) || !drill_arg_int(r, op, 3, &count))
        return false;
    in = slot_of(r, number, DRILL_FD_FILE);
    if (in == NULL || offset < 0 || count < 0)
        return drill_fail(r->error, op->event->place, "sendfile reads from a file that open() gave, at [N]");
    op->len = (size_t)offset < in->file->len ? in->file->len - (size_t)offset : 0;
    op->len = op->len < (size_t)count ? op->len : (size_t)count;
    op->buf = drill_alloc(r->arena, op->len + 1);
    return drill_writes(r, op);
}

/* ---- pipe, splice ---- */

bool drill_call_pipe(struct drill_run *r, struct drill_op *op)
{
    const struct drill_expr *list = op->call->nargs == 1 ? drill_arg(op, 0) : NULL;
    struct drill_file *pipe = drill_alloc(r->arena, sizeof *pipe);
    int64_t number;

    if (list == NULL || list->kind != DRILL_LIST || list->count != 2)
        return drill_fail(r->error, op->event->place, "a pipe is written pipe([5, 6])");
    for (const struct drill_expr *e = list->first; e != NULL; e = e->next) {
        if (!drill_value(r, e, &number))
            return false;
        if (number < 0 || number >= DRILL_FDS || r->fd[number].kind != DRILL_FD_FREE)
            return drill_fail(r->error, e->place, "the descriptor %lld is still open, or out of range",
                              (long long)number);
        r->fd[number] = (struct drill_fd){.kind = DRILL_FD_PIPE, .live = -1, .file = pipe};
    }
    op->attempt = drill_attempt_nothing;
    return true;
}

/* Linux never takes the urgent byte by splice(): where it is the next, nothing comes. */
static bool try_splice_in(struct drill_run *r, struct drill_op *op)
{
    struct drill_fd *pipe = &r->fd[op->name];
    int mark = 0;

    if (vt_ioctl(r->host, op->fd, VT_SIOCATMARK, &mark) == 0 && mark != 0) {
        op->result = 0;
        return true;
    }
    if (!drill_op_io(r, op, drill_io_read))
        return false;
    pipe->file->len += op->result > 0 ? (size_t)op->result : 0;
    return true;
}

static bool splice_in(struct drill_run *r, struct drill_op *op, int number, int count, bool nonblock)
{
    struct drill_fd *pipe = slot_of(r, number, DRILL_FD_PIPE);

    if (pipe == NULL || count < 0 || !drill_arg_fd(r, op))
        return drill_fail(r->error, op->event->place, "one end of splice is a pipe, the other a socket");
    op->len = PIPE_ROOM - pipe->file->len;
    op->len = op->len < (size_t)count ? op->len : (size_t)count;
    op->buf = drill_alloc(r->arena, op->len + 1);
    op->name = number;
    op->waits = op->waits && !nonblock;
    if (!drill_reads(r, op))
        return false;
    op->attempt = try_splice_in;
    return true;
}

bool drill_call_splice(struct drill_run *r, struct drill_op *op)
{
    int in, out, count, flags;
    struct drill_fd *pipe;

    if (!drill_arg_count(r, op, 6, 6) || !drill_arg_int(r, op, 0, &in) || !drill_arg_int(r, op, 2, &out) ||
        !drill_arg_int(r, op, 4, &count) || !drill_arg_int(r, op, 5, &flags))
        return false;
    pipe = slot_of(r, in, DRILL_FD_PIPE);
    if (pipe == NULL)
        return splice_in(r, op, out, count, (flags & SPLICE_NONBLOCK) != 0);
    if (count < 0 || !drill_number_fd(r, op, out))
        return drill_fail(r->error, op->event->place, "one end of splice is a pipe, the other a socket");
    op->len = pipe->file->len < (size_t)count ? pipe->file->len : (size_t)count;
    pipe->file->len -= op->len;
    op->buf = drill_alloc(r->arena, op->len + 1);
    return drill_writes(r, op);
}
