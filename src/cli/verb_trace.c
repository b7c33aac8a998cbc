/* vitro trace: follows a running lab's events. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include "cli.h"
#include "physical/wire.h"

static const char usage[] = "usage: vitro trace [OPTIONS] [NODE...]\n"
                            "\n"
                            "Follows a running lab until Ctrl-C: as a ladder between the nodes named, from "
                            "left to right, or between the ends of\n"
                            "the first conversation that comes.\n"
                            "\n"
                            "  -w FILE          frames with their fates, as pcapng; - for standard output:\n"
                            "                     vitro trace -w - | wireshark -k -i -\n"
                            "  --json           the events, one JSON object a line\n"
                            "  --bits           each frame that leaves a port, as it lies on the wire: "
                            "preamble, start delimiter, frame, FCS\n"
                            "  --svg FILE       the ladder as a drawing, written at the end\n"
                            "  --port P         only connections with this port at an end\n"
                            "  --calls          the programs' socket calls, too\n"
                            "  --page           also the connections of the lab's own page\n"
                            "  --frames N       with --bits: stop after N frames\n"
                            "  --for SECONDS    stop after so long\n"
                            "  --lang en|zh     language of --bits\n"
                            "  --ascii, --color the ladder without box-drawing characters; with colors\n"
                            "  -L, --lab L      which lab, when several run\n";

#define RECORD_MAX (1u << 20) /* extra bytes of an event, at most: more is no event of a lab's */

struct trace {
    const char *lab, *write, *svg, *port, *frames, *seconds, *lang;
    bool json, bits, calls, page, ascii, color;
    uint64_t port_number, frames_left, milliseconds;
    enum vt_lang language;
    int argc;
    char **argv; /* nodes, from 1 */

    struct vt_ladder *ladder;
    struct vt_pcapng *pcapng;
    struct vt_json *json_out;
    FILE *file;
    char node[64][32]; /* names, for --bits and its filter */
    bool done;
};

static int parse(const struct cli_verb *verb, struct trace *t, int argc, char **argv)
{
    const struct cli_option options[] = {
        {NULL, 'w', NULL, &t->write}, {"json", 'j', &t->json, NULL},   {"bits", 0, &t->bits, NULL},
        {"svg", 0, NULL, &t->svg},    {"port", 0, NULL, &t->port},     {"calls", 0, &t->calls, NULL},
        {"page", 0, &t->page, NULL},  {"frames", 0, NULL, &t->frames}, {"for", 0, NULL, &t->seconds},
        {"lang", 0, NULL, &t->lang},  {"ascii", 0, &t->ascii, NULL},   {"color", 0, &t->color, NULL},
        {"lab", 'L', NULL, &t->lab},
    };
    int code = cli_options(verb, options, sizeof options / sizeof *options, &argc, argv);
    if (code >= 0)
        return code;
    t->argc = argc;
    t->argv = argv;
    t->frames_left = UINT64_MAX;
    t->milliseconds = UINT64_MAX;
    if (t->json + t->bits + (t->write != NULL) + (t->svg != NULL) > 1)
        return cli_usage(verb->name, "-w, --json, --bits and --svg: one of them at a time");
    if (t->port != NULL && !cli_number(t->port, 65535, &t->port_number))
        return cli_usage(verb->name, "--port wants a number up to 65535, not '%s'", t->port);
    if (t->frames != NULL && !cli_number(t->frames, UINT32_MAX, &t->frames_left))
        return cli_usage(verb->name, "--frames wants a number, not '%s'", t->frames);
    if (t->seconds != NULL && !cli_number(t->seconds, 1000000, &t->milliseconds))
        return cli_usage(verb->name, "--for wants whole seconds, not '%s'", t->seconds);
    if (t->seconds != NULL)
        t->milliseconds *= 1000;
    if (!cli_lang(t->lang, &t->language))
        return cli_usage(verb->name, "--lang wants en or zh, not '%s'", t->lang);
    if (argc - 1 > VT_LADDER_COLUMNS)
        return cli_usage(verb->name, "at most %d nodes", VT_LADDER_COLUMNS);
    return -1;
}

/* ---- Frames as bits ---- */

static void name_node(struct trace *t, const struct vt_event *ev, const void *extra)
{
    size_t len = ev->extra < sizeof t->node[0] ? ev->extra : sizeof t->node[0] - 1;
    if (ev->node < 64)
        memcpy(t->node[ev->node], extra, len);
}

static bool of_interest(const struct trace *t, uint32_t node)
{
    for (int i = 1; i < t->argc; i++)
        if (node < 64 && strcmp(t->node[node], t->argv[i]) == 0)
            return true;
    return t->argc < 2;
}

static void show_bits(struct trace *t, const struct vt_event *ev, const void *extra)
{
    size_t cap = vt_wire_len(ev->extra), len;
    uint8_t *wire;
    if (ev->kind == VT_EV_NODE)
        name_node(t, ev, extra);
    if (ev->kind != VT_EV_PORT_TX || ev->extra == 0 || !of_interest(t, ev->node) || t->frames_left == 0)
        return;
    wire = malloc(cap);
    len = wire != NULL ? vt_wire_octets(wire, cap, extra, ev->extra) : 0;
    printf("%.6f s, from %s, port %u, %u bytes\n", (double)ev->time / 1e9,
           ev->node < 64 ? t->node[ev->node] : "?", ev->iface, ev->extra);
    if (len > 0 &&
        vt_lens_bits((struct vt_sink){.write = vt_sink_stdio, .ctx = stdout}, t->language, wire, len) < 0)
        t->done = true;
    putchar('\n');
    free(wire);
    if (--t->frames_left == 0)
        t->done = true;
}

/* ---- Readers ---- */

static int open_readers(const struct cli_verb *verb, struct trace *t)
{
    struct vt_sink out = {.write = vt_sink_stdio, .ctx = stdout};
    const char *path = t->write != NULL ? t->write : t->svg;
    if (path != NULL && strcmp(path, "-") != 0) {
        t->file = fopen(path, "we");
        if (t->file == NULL)
            return cli_error(verb->name, "cannot write %s: %s", path, strerror(errno));
        out.ctx = t->file;
    }
    if (t->write != NULL) {
        t->pcapng = vt_pcapng_new(&(struct vt_pcapng_config){.epoch = 0}, out);
    } else if (t->json) {
        t->json_out = vt_json_new(out);
    } else if (!t->bits) {
        struct vt_ladder_config config = {.width = cli_width(),
                                          .port = (uint16_t)t->port_number,
                                          .ascii = t->ascii,
                                          .color = t->color,
                                          .calls = t->calls,
                                          .hidden = t->page};
        config.svg = config.whole = t->svg != NULL;
        for (int i = 1; i < t->argc; i++)
            config.column[i - 1] = t->argv[i];
        t->ladder = vt_ladder_new(&config, out);
    }
    return !t->bits && t->pcapng == NULL && t->json_out == NULL && t->ladder == NULL
               ? cli_error(verb->name, "no memory")
               : -1;
}

static void on_event(struct trace *t, const struct vt_event *ev, const void *extra)
{
    if (t->pcapng != NULL)
        vt_pcapng_event(t->pcapng, ev, extra);
    else if (t->json_out != NULL)
        vt_json_event(t->json_out, ev, extra);
    else if (t->ladder != NULL)
        vt_ladder_event(t->ladder, ev, extra);
    else
        show_bits(t, ev, extra);
}

static int finish(const struct cli_verb *verb, struct trace *t)
{
    int err = 0;
    if (t->pcapng != NULL)
        err = vt_pcapng_finish(t->pcapng);
    if (t->json_out != NULL)
        err = vt_json_finish(t->json_out);
    if (t->ladder != NULL)
        err = vt_ladder_finish(t->ladder);
    vt_pcapng_free(t->pcapng);
    vt_json_free(t->json_out);
    vt_ladder_free(t->ladder);
    if (t->file != NULL && fclose(t->file) != 0)
        err = -1;
    if (fflush(stdout) != 0)
        err = -1;
    /* A reader that has seen enough (head, Wireshark closed) is no failure. */
    if (err < 0 && errno != EPIPE)
        return cli_error(verb->name, "cannot write: %s", strerror(errno));
    return 0;
}

/* ---- The stream ---- */

struct stream {
    uint8_t *buf;
    size_t len, cap;
};

/* Hands on every whole record; false when what came is no record. */
static bool take_records(struct trace *t, struct stream *s)
{
    size_t at = 0;
    while (s->len - at >= sizeof(struct vt_event) && !t->done) {
        struct vt_event ev;
        memcpy(&ev, s->buf + at, sizeof ev);
        if (ev.version != VT_EVENT_VERSION || ev.extra > RECORD_MAX)
            return false;
        if (s->len - at < sizeof ev + ev.extra)
            break;
        on_event(t, &ev, s->buf + at + sizeof ev);
        at += sizeof ev + ev.extra;
    }
    memmove(s->buf, s->buf + at, s->len - at);
    s->len -= at;
    return true;
}

/* Reads once. 1: go on, 0: the lab has gone, negative: an error that was told. */
static int read_records(const struct cli_verb *verb, struct trace *t, struct cli_client *c, struct stream *s)
{
    long n;
    if (s->cap - s->len < 65536) {
        uint8_t *more = realloc(s->buf, s->cap + 65536);
        if (more == NULL)
            return cli_error(verb->name, "no memory"), -1;
        s->buf = more;
        s->cap += 65536;
    }
    n = cli_read(c, s->buf + s->len, s->cap - s->len);
    if (n < 0 && errno == EINTR)
        return 1;
    if (n <= 0)
        return 0;
    s->len += (size_t)n;
    if (!take_records(t, s))
        return cli_error(verb->name, "the lab speaks another version of events"), -1;
    if (t->pcapng != NULL && vt_pcapng_flush(t->pcapng) < 0)
        t->done = true;
    if (fflush(t->file != NULL ? t->file : stdout) != 0)
        t->done = true;
    return 1;
}

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int follow(const struct cli_verb *verb, struct trace *t, struct cli_client *c)
{
    struct stream s = {0};
    uint64_t began = now_ms();
    sigset_t set;
    int signals, code = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signals = signalfd(-1, &set, SFD_CLOEXEC);
    while (!t->done && code == 0) {
        uint64_t gone = now_ms() - began;
        struct pollfd p[2] = {{.fd = cli_client_fd(c), .events = POLLIN}, {.fd = signals, .events = POLLIN}};
        int timeout = t->milliseconds == UINT64_MAX ? -1 : (int)(t->milliseconds - gone), r;
        if (gone >= t->milliseconds)
            break;
        /* Records that came with the answer's line are not in the socket any more. */
        if (!cli_has_read(c) && poll(p, 2, timeout) < 0 && errno != EINTR)
            break;
        if (p[1].revents != 0)
            break;
        if (p[0].revents == 0 && !cli_has_read(c))
            continue;
        r = read_records(verb, t, c, &s);
        if (r <= 0)
            code = r == 0 ? cli_error(verb->name, "the lab has gone") : 1;
    }
    close(signals);
    free(s.buf);
    return code;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    struct trace t = {0};
    struct cli_client *c;
    json_t *answer;
    int code = parse(verb, &t, argc, argv);
    if (code >= 0)
        return code;
    c = cli_connect(verb->name, t.lab);
    if (c == NULL)
        return 1;
    code = open_readers(verb, &t);
    if (code < 0) {
        answer = cli_call(c, json_pack("{s:s,s:b}", "do", "trace", "frames", !t.json));
        code = answer != NULL ? follow(verb, &t, c) : 1;
        json_decref(answer);
        code |= finish(verb, &t);
    }
    cli_disconnect(c);
    return code;
}

const struct cli_verb cli_trace = {.name = "trace",
                                   .summary = "follows a running lab: ladder, pcapng, JSON, bits",
                                   .usage = usage,
                                   .run = run};
