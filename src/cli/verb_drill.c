/* vitro drill: scripts in the packetdrill language against one host, in virtual time. */
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "drill/drill.h"

static const char usage[] =
    "usage: vitro drill [OPTIONS] FILE.pkt|DIRECTORY...\n"
    "\n"
    "Runs scripts in the packetdrill language, each against a host of its own, in virtual time and without\n"
    "root. Of a directory, all *.pkt below it. Exits 0 when none failed.\n"
    "\n"
    "  -v, --verbose      tell each packet and call as it happens\n"
    "  -l, --ladder       draw what happened in scripts that failed; with --verbose, in all\n"
    "  -j, --json         results as JSON\n"
    "      --tap          results as TAP (Test Anything Protocol)\n"
    "  -s, --strict       also fail what packetdrill lets pass: packets that nobody expected by the end of "
    "the\n"
    "                     script, and wrong echoed timestamps (TS ecr)\n"
    "      --seed N       of the host: its ports and initial sequence numbers\n"
    "  -D, --define N=V   the word N stands for V in the script\n"
    "      --NAME=VALUE   any option that a script may have: tolerance_usecs, tolerance_percent, mtu,\n"
    "                     local_ip, remote_ip, bind_port, connect_port, tcp_ts_tick_usecs,\n"
    "                     strict_segments, ... It wins over the script's own.\n"
    "\n"
    "docs/DRILL.md tells the language, and which shell lines are understood.\n";

struct drill_args {
    bool verbose, ladder, json, tap, strict;
    const char *seed;
    const char **options; /* of scripts; argc of them at most */
    unsigned noptions;
};

struct results {
    const struct drill_args *args;
    json_t *rows;
};

/* ---- Arguments ---- */

static bool is_own(const char *name)
{
    static const char *const own[] = {"verbose", "ladder", "json", "tap", "strict", "seed", "help"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strlen(own[i]) == strcspn(name, "=") && strncmp(own[i], name, strlen(own[i])) == 0)
            return true;
    return false;
}

/* -D N=V and --define N=V, as one word of a script's options; NULL without memory. */
static const char *definition(const char *value)
{
    char *text = malloc(strlen(value) + sizeof "define=");

    if (text != NULL)
        sprintf(text, "define=%s", value);
    return text;
}

/* Takes the options that are a script's out of the arguments. An exit code, or -1. */
static int take_script_options(const struct cli_verb *verb, struct drill_args *a, int *argc, char **argv)
{
    int others = 1;

    for (int i = 1; i < *argc; i++) {
        const char *arg = argv[i], *option = NULL;
        char *problem;

        if (strcmp(arg, "-D") == 0 || strcmp(arg, "--define") == 0) {
            if (i + 1 == *argc)
                return cli_usage(verb->name, "the option '%s' wants a value", arg);
            option = definition(argv[++i]);
        } else if (strncmp(arg, "-D", 2) == 0) {
            option = definition(arg + 2);
        } else if (strncmp(arg, "--", 2) == 0 && arg[2] != 0 && !is_own(arg + 2)) {
            option = arg + 2;
        } else {
            argv[others++] = argv[i];
            continue;
        }
        if (option == NULL)
            return cli_error(verb->name, "no memory");
        problem = vt_drill_check_option(option);
        if (problem != NULL)
            return cli_usage(verb->name, "%s", problem);
        a->options[a->noptions++] = option;
    }
    *argc = others;
    argv[others] = NULL;
    return -1;
}

static int parse(const struct cli_verb *verb, struct drill_args *a, int *argc, char **argv)
{
    const struct cli_option options[] = {
        {"verbose", 'v', &a->verbose, NULL}, {"ladder", 'l', &a->ladder, NULL}, {"json", 'j', &a->json, NULL},
        {"tap", 0, &a->tap, NULL},           {"strict", 's', &a->strict, NULL}, {"seed", 0, NULL, &a->seed},
    };
    int code;

    a->options = calloc((size_t)*argc, sizeof *a->options);
    if (a->options == NULL)
        return cli_error(verb->name, "no memory");
    code = take_script_options(verb, a, argc, argv);
    if (code < 0)
        code = cli_options(verb, options, sizeof options / sizeof *options, argc, argv);
    return code;
}

/* ---- Results ---- */

static const char *word(enum vt_drill_outcome outcome)
{
    return outcome == VT_DRILL_PASSED ? "passed" : outcome == VT_DRILL_FAILED ? "failed" : "skipped";
}

static json_t *row(const struct vt_drill_result *r)
{
    json_t *o = json_pack("{s:s,s:s,s:I}", "file", r->file, "outcome", word(r->outcome), "virtual_us",
                          (json_int_t)(r->duration / 1000));

    if (o != NULL && r->message != NULL) {
        json_object_set_new(o, "line", json_integer(r->line));
        json_object_set_new(o, "column", json_integer(r->column));
        json_object_set_new(o, "message", json_string(r->message));
    }
    if (o != NULL && r->expected != NULL)
        json_object_set_new(o, "expected", json_string(r->expected));
    if (o != NULL && r->actual != NULL)
        json_object_set_new(o, "actual", json_string(r->actual));
    if (o != NULL && r->ladder != NULL)
        json_object_set_new(o, "ladder", json_string(r->ladder));
    return o;
}

static void done(void *ctx, size_t i, const struct vt_drill_result *result)
{
    struct results *all = ctx;

    if (all->rows != NULL) {
        json_array_append_new(all->rows, row(result));
    } else if (all->args->tap) {
        vt_drill_tap(stdout, i, result);
    } else {
        if (all->args->verbose)
            printf("%s: %s\n", result->file, word(result->outcome));
        if (result->outcome == VT_DRILL_FAILED || (all->args->verbose && result->ladder != NULL))
            vt_drill_result_print(result, stdout);
        else if (result->outcome == VT_DRILL_SKIPPED)
            vt_drill_result_print(result, stdout);
    }
}

static void summarize(const struct results *all, const struct vt_drill_suite *suite)
{
    if (all->rows != NULL) {
        json_t *o = json_pack("{s:I,s:I,s:I,s:O}", "passed", (json_int_t)suite->passed, "failed",
                              (json_int_t)suite->failed, "skipped", (json_int_t)suite->skipped, "scripts",
                              all->rows);
        json_dumpf(o, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(o);
    } else if (!all->args->tap) {
        printf("%zu passed, %zu failed, %zu skipped\n", suite->passed, suite->failed, suite->skipped);
    }
}

static int run_all(const struct drill_args *a, const struct vt_drill_list *list, uint64_t seed)
{
    const struct vt_drill_config config = {
        .options = a->options,
        .noptions = a->noptions,
        .seed = seed,
        .strict = a->strict,
        .ladder = a->ladder,
        .live = a->verbose ? a->json || a->tap ? stderr : stdout : NULL,
    };
    struct results all = {.args = a, .rows = a->json ? json_array() : NULL};
    struct vt_drill_suite suite = {.done = done, .ctx = &all};

    if (a->tap)
        printf("TAP version 13\n1..%zu\n", list->n);
    vt_drill_run_list(list, &config, &suite);
    summarize(&all, &suite);
    json_decref(all.rows);
    return suite.failed != 0;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    struct drill_args a = {0};
    struct vt_drill_list list = {NULL, 0};
    uint64_t seed = 0;
    int code = parse(verb, &a, &argc, argv);

    if (code >= 0)
        return code;
    if (argc < 2)
        return cli_usage(verb->name, "which scripts? Name files or directories");
    if (a.seed != NULL && !cli_number(a.seed, INT64_MAX, &seed))
        return cli_usage(verb->name, "--seed wants a number, not '%s'", a.seed);
    for (int i = 1; i < argc; i++) {
        int error = vt_drill_list_add(&list, argv[i]);

        if (error != 0)
            return cli_error(verb->name, "%s: %s", argv[i], strerror(error));
    }
    if (list.n == 0)
        return cli_error(verb->name, "there is no *.pkt there");
    code = run_all(&a, &list, seed);
    vt_drill_list_free(&list);
    free(a.options);
    return code;
}

const struct cli_verb cli_drill = {
    .name = "drill",
    .summary = "run packetdrill scripts against a host in virtual time",
    .usage = usage,
    .run = run,
};
