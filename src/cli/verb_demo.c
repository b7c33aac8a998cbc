/* vitro demo: the conversation of S20 in virtual time. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"
#include "lab/topology.h"

static const char usage[] =
    "usage: vitro demo [OPTIONS]\n"
    "\n"
    "Runs the built-in lab in virtual time: on host a an echo client talks with the server on host b, in two "
    "scripts, and\n"
    "leaves. Shows it as a ladder: ARP, the three segments that open a connection, the data, the four that "
    "close it, and\n"
    "TIME-WAIT to its end. The same seed prints the same bytes.\n"
    "\n"
    "  --seed N              of all chance (1)\n"
    "  --loss P, --duplicate P, --reorder P, --corrupt P, --corrupt-inside P\n"
    "                        how likely each frame on the cable of a is to be lost, ... : 10%, 0.1%\n"
    "  --delay T, --rate R, --limit N\n"
    "                        that cable's delay (\"5ms\", \"5ms 2ms\" with jitter), rate (10mbit), and "
    "queue\n"
    "  --fault F             \"drop 3rd ack\", \"drop syn\", \"delay 1st synack 500ms\", \"duplicate fin\"\n"
    "  --pcap FILE           every frame at every port, with its fate, for Wireshark (pcapng)\n"
    "  --svg FILE            the ladder as a drawing\n"
    "  --json                the events instead of the ladder, one JSON object a line\n"
    "  --explain             what was seen, and why it is so\n"
    "  --compare             the same conversation as C/S and as B/S, on a clean and on a lossy path, in "
    "numbers\n"
    "  --two-handshakes      why two do not do: what a server makes of an old SYN and of a lost answer, and "
    "what "
    "ours does\n"
    "  --lang en|zh          language of the explanations\n"
    "  --ascii, --color      the ladder without box-drawing characters; with colors\n";

struct demo {
    const char *seed, *pcap, *svg, *lang, *fault;
    const char *impair[8];
    bool json, explain, compare, two, ascii, color;
    uint64_t seed_number;
    enum vt_lang language;
    char impair_text[512];
};

/* The delay first: `reorder` wants one. */
static const char *const impair_words[8] = {"delay",   "loss",           "duplicate", "reorder",
                                            "corrupt", "corrupt-inside", "rate",      "limit"};

static int parse(const struct cli_verb *verb, struct demo *d, int argc, char **argv)
{
    struct cli_option options[] = {
        {"seed", 0, NULL, &d->seed},
        {"pcap", 0, NULL, &d->pcap},
        {"svg", 0, NULL, &d->svg},
        {"lang", 0, NULL, &d->lang},
        {"fault", 0, NULL, &d->fault},
        {"json", 'j', &d->json, NULL},
        {"explain", 0, &d->explain, NULL},
        {"compare", 0, &d->compare, NULL},
        {"two-handshakes", 0, &d->two, NULL},
        {"ascii", 0, &d->ascii, NULL},
        {"color", 0, &d->color, NULL},
        {impair_words[0], 0, NULL, &d->impair[0]},
        {impair_words[1], 0, NULL, &d->impair[1]},
        {impair_words[2], 0, NULL, &d->impair[2]},
        {impair_words[3], 0, NULL, &d->impair[3]},
        {impair_words[4], 0, NULL, &d->impair[4]},
        {impair_words[5], 0, NULL, &d->impair[5]},
        {impair_words[6], 0, NULL, &d->impair[6]},
        {impair_words[7], 0, NULL, &d->impair[7]},
    };
    int code = cli_options(verb, options, sizeof options / sizeof *options, &argc, argv);
    if (code >= 0)
        return code;
    if (argc > 1)
        return cli_usage(verb->name, "'%s' was not expected", argv[1]);
    d->seed_number = 1;
    if (d->seed != NULL && !cli_number(d->seed, INT64_MAX, &d->seed_number))
        return cli_usage(verb->name, "--seed wants a number, not '%s'", d->seed);
    if (!cli_lang(d->lang, &d->language))
        return cli_usage(verb->name, "--lang wants en or zh, not '%s'", d->lang);
    return -1;
}

/* Checks each impairment by itself, so that a mistake is told of the option that has it. */
static int read_impairments(const struct cli_verb *verb, struct demo *d)
{
    struct vt_impair im = {.delay = VT_MSEC}; /* the built-in lab's */
    size_t used = 0;
    for (unsigned i = 0; i < 8; i++) {
        const char *expected;
        size_t where;
        char words[128];
        int n;
        if (d->impair[i] == NULL)
            continue;
        n = snprintf(words, sizeof words, "%s %s", impair_words[i], d->impair[i]);
        if (n >= (int)sizeof words)
            return cli_usage(verb->name, "--%s: too long", impair_words[i]);
        if (vt_impair_parse(&im, words, &where, &expected) < 0)
            return cli_usage(verb->name, "--%s wants %s, not '%s'", impair_words[i], expected, d->impair[i]);
        used += (size_t)snprintf(d->impair_text + used, sizeof d->impair_text - used, "%s ", words);
        if (used >= sizeof d->impair_text)
            return cli_usage(verb->name, "too many impairments");
    }
    return -1;
}

/* ---- What is written ---- */

struct outputs {
    struct vt_ladder *ladder, *svg;
    struct vt_pcapng *pcapng;
    struct vt_json *json;
    FILE *svg_file, *pcap_file;
    unsigned char seen[VT_EV_COUNT];
    unsigned nkeys;
    struct {
        const char *key, *text;
    } keys[64];
    enum vt_lang lang;
};

/* For --explain: each thing that happened, once, in the order in which it first did. */
static void collect(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct outputs *o = ctx;
    const char *key = vt_lens_explain_key(ev);
    (void)extra;
    if (key[0] == 0 || o->nkeys == sizeof o->keys / sizeof *o->keys)
        return;
    for (unsigned i = 0; i < o->nkeys; i++)
        if (strcmp(o->keys[i].key, key) == 0)
            return;
    o->keys[o->nkeys].key = key;
    o->keys[o->nkeys++].text = vt_lens_explain(o->lang, ev);
}

static FILE *create(const struct cli_verb *verb, const char *path)
{
    FILE *f = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (f == NULL)
        cli_error(verb->name, "cannot write %s: %s", path, strerror(errno));
    return f;
}

static struct vt_sink sink(FILE *f)
{
    return (struct vt_sink){.write = vt_sink_stdio, .ctx = f};
}

static bool open_outputs(const struct cli_verb *verb, const struct demo *d, struct outputs *o,
                         struct vt_lab *lab)
{
    struct vt_ladder_config ladder = {
        .width = cli_width(), .port = CLI_TALK_PORT, .ascii = d->ascii, .color = d->color};
    bool to_stdout = d->json || (d->pcap != NULL && strcmp(d->pcap, "-") == 0) ||
                     (d->svg != NULL && strcmp(d->svg, "-") == 0);
    o->lang = d->language;
    if (d->json) {
        o->json = vt_json_new(sink(stdout));
        vt_lab_listen(lab, (struct vt_listener){.event = vt_json_event, .ctx = o->json});
    }
    if (!to_stdout) {
        o->ladder = vt_ladder_new(&ladder, sink(stdout));
        vt_lab_listen(lab, (struct vt_listener){.event = vt_ladder_event, .ctx = o->ladder});
    }
    if (d->svg != NULL) {
        ladder.svg = ladder.whole = true;
        if ((o->svg_file = create(verb, d->svg)) == NULL)
            return false;
        o->svg = vt_ladder_new(&ladder, sink(o->svg_file));
        vt_lab_listen(lab, (struct vt_listener){.event = vt_ladder_event, .ctx = o->svg});
    }
    if (d->pcap != NULL) {
        if ((o->pcap_file = create(verb, d->pcap)) == NULL)
            return false;
        o->pcapng = vt_pcapng_new(&(struct vt_pcapng_config){.epoch = VT_LAB_EPOCH * (uint64_t)VT_SEC},
                                  sink(o->pcap_file));
        vt_lab_listen(lab, (struct vt_listener){.event = vt_pcapng_event, .ctx = o->pcapng});
    }
    if (d->explain)
        vt_lab_listen(lab, (struct vt_listener){.event = collect, .ctx = o});
    if ((d->json && o->json == NULL) || (!to_stdout && o->ladder == NULL) ||
        (d->svg != NULL && o->svg == NULL) || (d->pcap != NULL && o->pcapng == NULL)) {
        cli_error(verb->name, "no memory");
        return false;
    }
    return true;
}

static int close_file(const struct cli_verb *verb, FILE *f, const char *path, int err)
{
    if (f == NULL)
        return 0;
    if (fflush(f) != 0 || err < 0)
        err = -1;
    if (f != stdout && fclose(f) != 0)
        err = -1;
    return err < 0 ? cli_error(verb->name, "cannot write %s: %s", path, strerror(errno)) : 0;
}

static int finish(const struct cli_verb *verb, const struct demo *d, struct outputs *o)
{
    int code = 0, err;
    if (o->ladder != NULL && vt_ladder_finish(o->ladder) < 0)
        code = 1;
    if (o->json != NULL && vt_json_finish(o->json) < 0)
        code = 1;
    err = o->svg != NULL ? vt_ladder_finish(o->svg) : 0;
    code |= close_file(verb, o->svg_file, d->svg, err);
    err = o->pcapng != NULL ? vt_pcapng_finish(o->pcapng) : 0;
    code |= close_file(verb, o->pcap_file, d->pcap, err);
    vt_ladder_free(o->ladder);
    vt_ladder_free(o->svg);
    vt_pcapng_free(o->pcapng);
    vt_json_free(o->json);
    return code;
}

static void explain(const struct outputs *o)
{
    static const char *const topics[] = {"why-three", "why-four", "why-time-wait", "why-not-two"};
    for (unsigned i = 0; i < o->nkeys; i++)
        printf("%s%s\n", i == 0 ? "\n" : "", o->keys[i].text);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        const char *text = vt_lens_explain_topic(o->lang, topics[i]);
        if (text != NULL)
            printf("\n%s\n", text);
    }
}

/* ---- The run ---- */

struct talk {
    struct vt_lab *lab;
    int client, status;
    bool exited;
};

static void on_exit_status(void *ctx, int status)
{
    struct talk *t = ctx;
    t->exited = true;
    t->status = status;
}

static bool is_over(void *ctx)
{
    const struct talk *t = ctx;
    return t->exited && cli_quiet(t->lab, false);
}

static long to_stderr(void *ctx, int fd, const void *buf, size_t len)
{
    (void)ctx;
    if (fd == 2)
        fwrite(buf, 1, len, stderr);
    return (long)len;
}

static int talk(struct vt_lab *lab, const struct vt_topology *t)
{
    struct talk talk = {.lab = lab, .status = 1};
    struct vt_lab_stdio quiet = {.write = to_stderr};
    struct vt_lab_stdio client = {.write = to_stderr, .exited = on_exit_status, .ctx = &talk};
    for (const struct vt_topology_node *n = t->nodes; n != NULL; n = n->next)
        for (const struct vt_topology_program *p = n->programs; p != NULL; p = p->next)
            if (strcmp(p->argv[0], "echo") == 0)
                vt_lab_spawn(lab, n->name, p->argc, p->argv, &quiet);
    vt_lab_run(lab, vt_lab_now(lab));
    talk.client = vt_lab_spawn(lab, "a", cli_talk_argc, cli_talk_argv, &client);
    if (talk.client < 0)
        return 1;
    vt_lab_run_until(lab, 3600 * (vt_time)VT_SEC, is_over, &talk);
    return talk.status;
}

static struct vt_lab *build(const struct cli_verb *verb, const struct demo *d, const struct vt_topology *t)
{
    struct vt_topology_error err;
    struct vt_lab *lab = vt_topology_build(t, &(struct vt_lab_config){.seed = d->seed_number}, &err);
    unsigned link;
    const char *expected = "";
    size_t where = 0;
    if (lab == NULL) {
        cli_error(verb->name, "%s", err.text);
        return NULL;
    }
    link = vt_lab_find_link(lab, "a-s1", NULL);
    if (d->impair_text[0] != 0)
        vt_lab_impair(lab, link, VT_DIR_BOTH, d->impair_text, NULL, NULL);
    if (d->fault != NULL && vt_lab_fault(lab, link, VT_DIR_BOTH, d->fault, &where, &expected) < 0) {
        cli_usage(verb->name, "--fault '%s': at '%s', expected %s", d->fault, d->fault + where, expected);
        vt_lab_free(lab);
        return NULL;
    }
    vt_lab_capture(lab, true); /* the ladder shows the data, too */
    return lab;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    struct demo d = {0};
    struct outputs o = {0};
    struct vt_topology_error err;
    struct vt_topology *t;
    struct vt_lab *lab;
    int code = parse(verb, &d, argc, argv);
    if (code < 0)
        code = read_impairments(verb, &d);
    if (code >= 0)
        return code;
    if (d.two)
        return cli_two_handshakes(d.seed_number);
    if (d.compare)
        return cli_compare(d.seed_number, d.impair_text, d.language);
    t = vt_topology_parse(vt_topology_default, strlen(vt_topology_default), "the built-in lab", &err);
    if (t == NULL)
        return cli_error(verb->name, "%s", err.text);
    lab = build(verb, &d, t);
    if (lab == NULL) {
        vt_topology_free(t);
        return 2;
    }
    code = open_outputs(verb, &d, &o, lab) ? talk(lab, t) : 1;
    vt_lab_drain_events(lab);
    code |= finish(verb, &d, &o);
    if (d.explain && o.json == NULL && code == 0)
        explain(&o);
    vt_lab_free(lab);
    vt_topology_free(t);
    return code;
}

const struct cli_verb cli_demo = {.name = "demo",
                                  .summary = "a conversation over TCP, as a ladder, in virtual time",
                                  .usage = usage,
                                  .run = run};
