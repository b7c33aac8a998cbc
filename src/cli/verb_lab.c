/* vitro lab: a topology, in real time, until Ctrl-C. `vitro run` is the same with the built-in lab. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <vitro/openssl.h>
#include "base/text.h"
#include "cli.h"
#include "lab/real.h"
#include "lab/topology.h"
#include "plug/control.h"
#include "plug/files.h"
#include "plug/plug.h"

static const char usage[] =
    "usage: vitro lab [OPTIONS] [FILE.yaml]\n"
    "       vitro run [OPTIONS]\n"
    "\n"
    "Runs a lab in real time until Ctrl-C: that of the topology FILE (docs/TOPOLOGY.md), or the built-in "
    "one. The built-in\n"
    "lab shows an echo conversation at once, and then serves its page to a browser.\n"
    "\n"
    "  --name NAME             its name, by which other verbs find it (the file's, or \"lab\")\n"
    "  --seed N                of all chance (the system's)\n"
    "  --forward 'L -> H:P'    one more forward: from this machine's address L to host H, port P [via "
    "HOST];\n"
    "                          instead of the file's, where it has the same target\n"
    "  --socks ADDR:PORT       where the SOCKS5 port listens; `none`: nowhere\n"
    "  --check                 only read and build it, and say whether that works\n"
    "  --print                 print the built-in topology, as a start for one's own\n"
    "  --quiet, -q             nothing but errors\n";

struct lab {
    const struct cli_verb *verb;
    const char *name, *seed, *forward, *socks;
    bool check, print, quiet, built_in;

    struct vt_topology *t;
    struct vt_lab *lab;
    struct vt_real *real;
    struct cli_live *live;
    struct vt_control *control;
    struct vt_forward *forwards[64];
    unsigned nforwards;
    struct vt_socks *socks_plug;
    struct running *programs;
    unsigned nprograms;
    bool interrupted;
    char page_url[80];
};

/* A program of the topology that runs; it stays in the list when it has ended. */
struct running {
    struct running *next;
    struct lab *l;
    const struct vt_topology_node *node;
    const struct vt_topology_program *program;
    struct vt_files *files;
    int number;
    size_t input_at, line_len;
    char line[512]; /* output until its end of line */
    bool ended;
};

/* ---- Programs ---- */

static void put_line(struct running *r, FILE *to)
{
    fprintf(to, "[%s %s] %.*s\n", r->node->name, r->program->argv[0], (int)r->line_len, r->line);
    r->line_len = 0;
}

static long program_write(void *ctx, int fd, const void *buf, size_t len)
{
    struct running *r = ctx;
    const char *text = buf;
    /* Of services only errors are of interest here: what they do is seen in the ladder and the page. */
    if (r->l->quiet || (fd != 2 && r->program->service))
        return (long)len;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || r->line_len == sizeof r->line)
            put_line(r, fd == 2 ? stderr : stdout);
        if (text[i] != '\n')
            r->line[r->line_len++] = text[i];
    }
    fflush(stdout);
    return (long)len;
}

static long program_read(void *ctx, void *buf, size_t len)
{
    struct running *r = ctx;
    const char *input = r->program->input != NULL ? r->program->input : "";
    size_t left = strlen(input) - r->input_at;
    len = len < left ? len : left;
    memcpy(buf, input + r->input_at, len);
    r->input_at += len;
    return (long)len;
}

static void program_exited(void *ctx, int status)
{
    struct running *r = ctx;
    r->ended = true;
    r->l->nprograms--;
    if (r->line_len > 0)
        put_line(r, stdout);
    if (status != 0 && !r->l->interrupted)
        fprintf(stderr, "vitro %s: %s on %s ended with %d\n", r->l->verb->name, r->program->argv[0],
                r->node->name, status);
}

static int start_program(struct lab *l, const struct vt_topology_node *node,
                         const struct vt_topology_program *p)
{
    struct running *r = calloc(1, sizeof *r);
    struct vt_lab_stdio io = {
        .read = program_read, .write = program_write, .exited = program_exited, .ctx = r};
    int err = 0;
    if (r == NULL)
        return cli_error(l->verb->name, "no memory");
    r->l = l;
    r->node = node;
    r->program = p;
    r->next = l->programs;
    l->programs = r;
    if (p->live)
        io.hook = cli_live_hook(l->live);
    if (p->root != NULL) {
        err = vt_files_open(&r->files, p->root);
        if (err < 0)
            return cli_error(l->verb->name, "%s:%u:%u: cannot read the directory %s: %s", l->t->file, p->line,
                             p->column, p->root, vt_strerror(err));
        io.files = &vt_files_api;
        io.root = r->files;
    }
    r->number = vt_lab_spawn(l->lab, node->name, p->argc, p->argv, &io);
    if (r->number < 0)
        return cli_error(l->verb->name, "%s on %s: %s", p->argv[0], node->name, vt_strerror(r->number));
    l->nprograms++;
    return 0;
}

static int start_programs(struct lab *l, bool services)
{
    for (const struct vt_topology_node *n = l->t->nodes; n != NULL; n = n->next)
        for (const struct vt_topology_program *p = n->programs; p != NULL; p = p->next)
            if (p->service == services && start_program(l, n, p) != 0)
                return 1;
    return 0;
}

/* ---- What reaches outside ---- */

static void explain_port(struct lab *l, const struct vt_addr *addr, int err, const char *option)
{
    char text[VT_ADDR_TEXT];
    vt_addr_text(text, *addr);
    if (err == -EADDRINUSE)
        cli_error(l->verb->name, "%s is in use by another program: stop that, or choose another port with %s",
                  text, option);
    else if (err == -EACCES)
        cli_error(l->verb->name, "%s: ports below 1024 are the system's; choose another with %s", text,
                  option);
    else
        cli_error(l->verb->name, "cannot listen on %s: %s; choose another address with %s", text,
                  strerror(-err), option);
}

static void open_forward(struct lab *l, const struct vt_topology_forward *f)
{
    struct vt_forward_config config = {.listen = f->listen,
                                       .host = f->host,
                                       .port = f->port,
                                       .via = f->via,
                                       .mark = f->page ? VT_MARK_PAGE : 0};
    char option[128], text[VT_ADDR_TEXT];
    int err;
    if (l->nforwards == sizeof l->forwards / sizeof *l->forwards) {
        cli_error(l->verb->name, "more than %zu forwards", sizeof l->forwards / sizeof *l->forwards);
        return;
    }
    err = vt_forward_open(&l->forwards[l->nforwards], l->real, &config);
    if (err < 0) {
        snprintf(option, sizeof option, "--forward '127.0.0.1:PORT -> %s:%u'", f->host, f->port);
        explain_port(l, &f->listen, err, option);
        return;
    }
    l->nforwards++;
    if (f->page && l->page_url[0] == 0)
        snprintf(l->page_url, sizeof l->page_url, "http://%s/", vt_addr_text(text, f->listen));
}

static void open_plugs(struct lab *l)
{
    int err;
    for (const struct vt_topology_forward *f = l->t->forwards; f != NULL; f = f->next)
        open_forward(l, f);
    if (l->t->socks) {
        err = vt_socks_open(&l->socks_plug, l->real, &l->t->socks_listen, l->t->socks_from);
        if (err < 0)
            explain_port(l, &l->t->socks_listen, err, "--socks 127.0.0.1:PORT (or --socks none)");
    }
}

static int open_taps(struct lab *l)
{
    for (const struct vt_topology_pair *t = l->t->taps; t != NULL; t = t->next) {
        int err = vt_real_add_tap(l->lab, t->value, t->key);
        if (err >= 0)
            continue;
        fprintf(stderr, "%s:%u:%u: ", l->t->file, t->line, t->column);
        if (err == -VT_EPERM || err == -VT_EACCES)
            return cli_error(
                l->verb->name,
                "%s cannot be opened without rights; make it once, as root: ip tuntap add dev %s mode tap "
                "user %s vnet_hdr",
                t->key, t->key, getenv("USER") != NULL ? getenv("USER") : "$USER");
        if (err == -VT_ENODEV)
            return cli_error(l->verb->name, "%s: this machine has no /dev/net/tun", t->key);
        return cli_error(l->verb->name, "%s: %s", t->key, vt_strerror(err));
    }
    return 0;
}

static void on_quit(void *ctx)
{
    struct lab *l = ctx;
    l->interrupted = true;
    vt_real_stop(l->real);
}

static void on_signal(void *ctx, int signal_number)
{
    struct lab *l = ctx;
    (void)signal_number;
    /* A second one does not wait for anybody. */
    if (l->interrupted)
        _exit(130);
    on_quit(l);
}

static int open_control(struct lab *l)
{
    const char *name = l->name != NULL ? l->name : l->t->name != NULL ? l->t->name : "lab";
    int err = vt_control_open(&l->control, l->real, name, on_quit, l);
    if (err == -EADDRINUSE)
        return cli_error(l->verb->name,
                         "a lab named '%s' runs already: stop it, or give this one another --name", name);
    if (err == -EPERM)
        return cli_error(l->verb->name,
                         "the directory of the control socket is not this user's alone: set "
                         "XDG_RUNTIME_DIR, or remove /tmp/vitro-%u",
                         (unsigned)geteuid());
    if (err < 0)
        return cli_error(l->verb->name, "cannot open the control socket: %s", strerror(-err));
    return 0;
}

/* ---- The conversation of the built-in lab ---- */

struct talk {
    bool exited;
};

static void talk_exited(void *ctx, int status)
{
    struct talk *t = ctx;
    (void)status;
    t->exited = true;
}

static int show_talk(struct lab *l)
{
    struct talk talk = {0};
    struct vt_lab_stdio io = {.exited = talk_exited, .ctx = &talk};
    struct vt_ladder *ladder = vt_ladder_new(
        &(struct vt_ladder_config){.width = cli_width(), .port = CLI_TALK_PORT},
        (struct vt_sink){.write = vt_sink_stdio, .ctx = stdout});
    vt_time until = vt_real_now(l->real) + 10 * (vt_time)VT_SEC;
    if (ladder == NULL)
        return cli_error(l->verb->name, "no memory");
    vt_lab_capture(l->lab, true);
    vt_lab_listen(l->lab, (struct vt_listener){.event = vt_ladder_event, .ctx = ladder});
    if (vt_lab_spawn(l->lab, "a", cli_talk_argc, cli_talk_argv, &io) < 0)
        talk.exited = true;
    while (!l->interrupted && vt_real_now(l->real) < until && !(talk.exited && cli_quiet(l->lab, true)))
        vt_real_run(l->real, vt_real_now(l->real) + 5 * (vt_time)VT_MSEC);
    vt_lab_unlisten(l->lab, (struct vt_listener){.event = vt_ladder_event, .ctx = ladder});
    vt_lab_capture(l->lab, false);
    vt_ladder_finish(ladder);
    vt_ladder_free(ladder);
    return 0;
}

static void say_where(const struct lab *l)
{
    char text[VT_ADDR_TEXT];
    if (l->quiet)
        return;
    if (l->built_in)
        putchar('\n');
    if (l->page_url[0] != 0)
        printf("Open %s: the lab's page, served by its host over Vitro's own TCP.\n", l->page_url);
    if (l->socks_plug != NULL)
        printf("A browser whose SOCKS5 proxy is %s (names resolved by the proxy) sees the lab from %s.\n",
               vt_addr_text(text, l->t->socks_listen), l->t->socks_from);
    printf("In another terminal: vitro ping b, vitro ss, vitro trace, vitro link set a-s1 loss 10%%. Ctrl-C "
           "ends it.\n");
    fflush(stdout);
}

/* ---- The end ---- */

/* Connections are closed in order: programs are asked to end, and their goodbyes are waited for, but not
 * long. */
static void end_in_order(struct lab *l)
{
    vt_time until = vt_real_now(l->real) + 2 * (vt_time)VT_SEC;
    for (unsigned i = 0; i < l->nforwards; i++)
        vt_forward_stop(l->forwards[i]);
    if (l->socks_plug != NULL)
        vt_socks_stop(l->socks_plug);
    if (l->control != NULL)
        vt_control_stop_programs(l->control);
    for (struct running *r = l->programs; r != NULL; r = r->next)
        if (!r->ended)
            vt_lab_stop(l->lab, r->number);
    while (vt_real_now(l->real) < until &&
           (l->nprograms > 0 || (l->control != NULL && vt_control_programs(l->control) > 0) ||
            !cli_quiet(l->lab, true)))
        vt_real_run(l->real, vt_real_now(l->real) + 5 * (vt_time)VT_MSEC);
}

static void tear_down(struct lab *l)
{
    for (unsigned i = 0; i < l->nforwards; i++)
        vt_forward_close(l->forwards[i]);
    vt_socks_close(l->socks_plug);
    vt_control_close(l->control);
    vt_real_free(l->real);
    cli_live_free(l->live);
    vt_lab_free(l->lab);
    while (l->programs != NULL) {
        struct running *r = l->programs;
        l->programs = r->next;
        vt_files_close(r->files);
        free(r);
    }
    vt_topology_free(l->t);
}

/* ---- The start ---- */

static int parse(struct lab *l, int *argc, char **argv)
{
    const struct cli_option options[] = {
        {"name", 0, NULL, &l->name},     {"seed", 0, NULL, &l->seed},   {"forward", 0, NULL, &l->forward},
        {"socks", 0, NULL, &l->socks},   {"check", 0, &l->check, NULL}, {"print", 0, &l->print, NULL},
        {"quiet", 'q', &l->quiet, NULL},
    };
    return cli_options(l->verb, options, sizeof options / sizeof *options, argc, argv);
}

/* --forward and --socks are read as the file's own would be. */
static int apply_options(struct lab *l)
{
    struct vt_topology_error err;
    if (l->forward != NULL && !vt_topology_set_forward(l->t, l->forward, &err))
        return cli_usage(l->verb->name, "--forward: %s", err.text);
    if (l->socks != NULL && !vt_topology_set_socks(l->t, l->socks, &err))
        return cli_usage(l->verb->name, "--socks: %s", err.text);
    return 0;
}

static int read_topology(struct lab *l, const char *path)
{
    struct vt_topology_error err;
    l->built_in = path == NULL;
    l->t = path != NULL
               ? vt_topology_read(path, &err)
               : vt_topology_parse(vt_topology_default, strlen(vt_topology_default), "built-in", &err);
    if (l->t != NULL)
        return apply_options(l);
    if (err.line > 0)
        fprintf(stderr, "%s:%u:%u: %s\n", path, err.line, err.column, err.text);
    else
        fprintf(stderr, "%s: %s\n", path, err.text);
    return 1;
}

static int build(struct lab *l)
{
    struct vt_topology_error err;
    struct vt_lab_config config = {
        .name = l->name, .real = true, .unix_time = (uint64_t)time(NULL), .crypto = vt_crypto_openssl()};
    if (l->seed != NULL) {
        if (!cli_number(l->seed, INT64_MAX, &config.seed))
            return cli_usage(l->verb->name, "--seed wants a number, not '%s'", l->seed);
    } else if (l->t->has_seed) {
        config.seed = l->t->seed;
    } else if (getrandom(&config.seed, sizeof config.seed, 0) != (ssize_t)sizeof config.seed) {
        return cli_error(l->verb->name, "the system gives no randomness: %s", strerror(errno));
    }
    l->lab = vt_topology_build(l->t, &config, &err);
    if (l->lab == NULL && err.line > 0)
        fprintf(stderr, "%s:%u:%u: %s\n", l->t->file, err.line, err.column, err.text);
    else if (l->lab == NULL)
        cli_error(l->verb->name, "%s", err.text);
    return l->lab == NULL;
}

static int start(struct lab *l)
{
    const char *title = l->name != NULL ? l->name : l->t->name;
    if (open_taps(l) != 0)
        return 1;
    l->real = vt_real_new(l->lab);
    if (l->real == NULL)
        return cli_error(l->verb->name, "%s", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    vt_real_signals(l->real, on_signal, l);
    if (open_control(l) != 0)
        return 1;
    l->live = cli_live_new(l->lab, title != NULL ? title : "lab");
    if (l->live == NULL)
        return cli_error(l->verb->name, "no memory");
    if (start_programs(l, true) != 0)
        return 1;
    open_plugs(l);
    if (l->built_in && !l->quiet && show_talk(l) != 0)
        return 1;
    return start_programs(l, false);
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    struct lab l = {.verb = verb};
    int code = parse(&l, &argc, argv);
    if (code >= 0)
        return code;
    if (l.print) {
        fputs(vt_topology_default, stdout);
        return 0;
    }
    if (argc > 2 || (argc == 2 && strcmp(verb->name, "run") == 0))
        return cli_usage(verb->name, "'%s' was not expected", argv[argc - 1]);
    code = read_topology(&l, argc > 1 ? argv[1] : NULL);
    if (code == 0)
        code = build(&l);
    if (code == 0 && !l.check) {
        code = start(&l);
        if (code == 0) {
            if (!l.interrupted)
                say_where(&l);
            while (!l.interrupted)
                vt_real_run(l.real, VT_NEVER);
            end_in_order(&l);
        }
    } else if (code == 0 && !l.quiet) {
        printf("%s is well\n", l.t->file);
    }
    tear_down(&l);
    return code;
}

const struct cli_verb cli_lab = {
    .name = "lab", .summary = "runs a topology in real time", .usage = usage, .run = run};
const struct cli_verb cli_run = {
    .name = "run",
    .summary = "runs the built-in lab: a conversation, then a page for the browser",
    .usage = usage,
    .run = run};
