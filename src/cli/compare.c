/* demo --compare (S02): one conversation as C/S, the echo program over one connection, and as B/S, a page for
 * each text from a server that is named, not numbered; on a clean path and on a lossy one. */
#include <stdlib.h>
#include <string.h>
#include "application/application.h"
#include "cli.h"
#include "lab/topology.h"

#define RUNS 51 /* of a lossy path: an odd number has a middle one */

static const char *const texts[] = {"hello", "你好，世界", "goodbye"};
#define TEXTS (sizeof texts / sizeof *texts)

struct measure {
    uint64_t segments, bytes, round_trips;
    vt_time time;
    bool complete;
};

struct counting {
    struct measure m;
    uint32_t client, server; /* nodes */
    bool sent;               /* the client has sent what wants an answer */
    bool exited;
    int status;
    vt_time began, ended;
    struct vt_lab *lab;
    unsigned long heard; /* bytes of output */
};

static void count(void *ctx, const struct vt_event *ev, const void *extra)
{
    struct counting *c = ctx;
    (void)extra;
    if (ev->node != c->client && ev->node != c->server)
        return;
    if (ev->kind == VT_EV_PORT_TX)
        c->m.bytes += ev->u.frame.len;
    if (ev->kind == VT_EV_TCP_TX)
        c->m.segments++;
    if (ev->node != c->client || (ev->kind != VT_EV_TCP_TX && ev->kind != VT_EV_TCP_RX))
        return;
    /* A turn: the client sent a SYN or data, and the first of these came back. */
    if ((ev->u.seg.flags & VT_SYN) != 0 || ev->u.seg.len > 0) {
        if (ev->kind == VT_EV_TCP_TX) {
            c->sent = true;
        } else if (c->sent) {
            c->sent = false;
            c->m.round_trips++;
        }
    }
}

static void exited(void *ctx, int status)
{
    struct counting *c = ctx;
    c->exited = true;
    c->status |= status;
    c->ended = vt_lab_now(c->lab);
}

static long hear(void *ctx, int fd, const void *buf, size_t len)
{
    struct counting *c = ctx;
    (void)buf;
    c->heard += fd == 1 ? len : 0;
    return (long)len;
}

static bool has_exited(void *ctx)
{
    return ((struct counting *)ctx)->exited;
}

static bool is_quiet(void *ctx)
{
    return cli_quiet(((struct counting *)ctx)->lab, true);
}

/* The page that answers a text: what a browser would show of it. */
static int page(void *ctx, const char *path, const char *query, struct vt_allocator *mem, void **body,
                size_t *len, const char **type, uint32_t *mark)
{
    static const char before[] = "<!doctype html><meta charset=utf-8><title>echo</title><p>",
                      after[] = "</p>\n";
    size_t n = strlen(query);
    char *to;
    (void)ctx;
    if (strcmp(path, "/say") != 0)
        return -VT_ENOENT;
    *mark = 0;
    *len = sizeof before - 1 + n + sizeof after - 1;
    *body = to = mem->alloc(mem->ctx, *len);
    if (to == NULL)
        return -VT_ENOMEM;
    for (size_t i = 0; i < *len; i++) /* no text with an end of its own: a body */
        to[i] = i < sizeof before - 1       ? before[i]
                : i < sizeof before - 1 + n ? query[i - (sizeof before - 1)]
                                            : after[i - (sizeof before - 1) - n];
    *type = "text/html; charset=utf-8";
    return 0;
}

static void escape_url(char *to, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    *to = 0;
}

static void run_client(struct counting *c, int argc, const char *const *argv)
{
    struct vt_lab_stdio io = {.write = hear, .exited = exited, .ctx = c};
    c->exited = false;
    if (vt_lab_spawn(c->lab, "a", argc, argv, &io) < 0) {
        c->status = 1;
        return;
    }
    if (!vt_lab_run_until(c->lab, vt_time_add(vt_lab_now(c->lab), 3600 * VT_SEC), has_exited, c))
        c->status = 1;
}

static void converse(struct counting *c, bool browser)
{
    if (!browser) {
        const char *argv[] = {"echo",   "client", "--say",  texts[0], "--say",
                              texts[1], "--say",  texts[2], "b:9528"};
        run_client(c, sizeof argv / sizeof *argv, argv);
        return;
    }
    for (size_t i = 0; i < TEXTS && c->status == 0; i++) {
        char url[256] = "http://www.lab/say?";
        const char *argv[] = {"http", "get", url};
        escape_url(url + strlen(url), texts[i]);
        run_client(c, 3, argv);
    }
}

static bool measure(uint64_t seed, const char *impair, bool browser, struct measure *m)
{
    struct vt_topology_error err;
    struct vt_topology *t = vt_topology_parse(vt_topology_default, strlen(vt_topology_default), "built-in",
                                              &err);
    struct counting c = {.client = 1, .server = 2};
    struct vt_http_hook hook = {.page = page};
    struct vt_lab_stdio io = {.hook = &hook};
    c.lab = t != NULL ? vt_topology_build(t, &(struct vt_lab_config){.seed = seed}, &err) : NULL;
    if (c.lab == NULL) {
        vt_topology_free(t);
        return false;
    }
    for (const struct vt_topology_node *n = t->nodes; n != NULL; n = n->next)
        for (const struct vt_topology_program *p = n->programs; p != NULL; p = p->next)
            vt_lab_spawn(c.lab, n->name, p->argc, p->argv, &io);
    vt_lab_run(c.lab, vt_lab_now(c.lab));
    if (impair != NULL)
        vt_lab_impair(c.lab, vt_lab_find_link(c.lab, "a-s1", NULL), VT_DIR_BOTH, impair, NULL, NULL);
    vt_lab_listen(c.lab, (struct vt_listener){.event = count, .ctx = &c});
    c.began = vt_lab_now(c.lab);
    converse(&c, browser);
    /* The goodbyes count too, but not in the time. */
    vt_lab_run_until(c.lab, vt_time_add(vt_lab_now(c.lab), 600 * VT_SEC), is_quiet, &c);
    c.m.time = c.ended - c.began;
    c.m.complete = c.status == 0 && c.heard > 0;
    *m = c.m;
    vt_lab_free(c.lab);
    vt_topology_free(t);
    return true;
}

/* ---- The table ---- */

static const char *words[][2] = {
    {"One conversation of three texts, from a to b, in virtual time (seed %llu)\n",
     "从 a 到 b 的一段三句话的对话，虚拟时间（种子 %llu）\n"},
    {"segments", "报文段"},
    {"bytes", "字节"},
    {"round trips", "往返"},
    {"time", "用时"},
    {"clean path", "干净的路径"},
    {"lossy path: %s on the cable of a; the middle one of %d runs (least .. most)",
     "有损的路径：a 的网线 %s；%d 次中的中间一次（最少 .. 最多）"},
    {"C/S  echo, one connection", "C/S  回显，一条连接"},
    {"B/S  http://www.lab/, a page a text", "B/S  http://www.lab/，一句一页"},
    {"  (not counted: %d runs of C/S and %d of B/S in which no connection came about)",
     "  （不计入：没有连上的 C/S %d 次，B/S %d 次）"},
};

enum word {
    W_TITLE,
    W_SEGMENTS,
    W_BYTES,
    W_TRIPS,
    W_TIME,
    W_CLEAN,
    W_LOSSY,
    W_CS,
    W_BS,
    W_FAILED,
};

static const char *const conclusion[2] = {
    "C/S saves network and is steadier, but each program needs its client installed and kept up to date. B/S "
    "needs no\n"
    "install: the browser is the client, and a name finds the server; but here it costs %.1f times the "
    "bytes, each page\n"
    "opens a connection of its own, and on a lossy path it wavers: %.3f s become %.3f s, with C/S %.3f s "
    "become\n"
    "%.3f s.\n",
    "C/S 省流量、更稳定，但每个程序都要安装并更新自己的客户端。B/S "
    "不用安装：浏览器就是客户端，用域名找到服务器；\n"
    "但这里它用了 %.1f 倍的字节，每一页都要新建一条连接，路径有损时就不稳定：%.3f 秒变成 %.3f 秒，而 C/S 从\n"
    "%.3f 秒变成 %.3f 秒。\n",
};

/* Pads to `width` columns; a Chinese character takes two. */
static void pad(const char *text, int width)
{
    int columns = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++)
        if ((*p & 0xc0) != 0x80)
            columns += *p >= 0xe0 ? 2 : 1;
    printf("%s%*s", text, columns < width ? width - columns : 0, "");
}

static void pad_left(const char *text, int width)
{
    int columns = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++)
        if ((*p & 0xc0) != 0x80)
            columns += *p >= 0xe0 ? 2 : 1;
    printf("%*s%s", columns < width ? width - columns : 0, "", text);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The middle, and the extremes where they differ. */
static void print_number(const struct measure *m, int n, size_t field, int width)
{
    uint64_t v[RUNS] = {0};
    char text[64];
    for (int i = 0; i < n; i++)
        memcpy(&v[i], (const char *)&m[i] + field, sizeof v[i]);
    qsort(v, (size_t)n, sizeof v[0], by_value);
    snprintf(text, sizeof text, "%llu", (unsigned long long)v[n / 2]);
    if (n > 1)
        snprintf(text, sizeof text, "%llu (%llu..%llu)", (unsigned long long)v[n / 2],
                 (unsigned long long)v[0], (unsigned long long)v[n - 1]);
    printf(" %*s", width, text);
}

/* Returns the middle one. */
static double print_time(const struct measure *m, int n)
{
    uint64_t v[RUNS] = {0}, middle;
    for (int i = 0; i < n; i++)
        v[i] = m[i].time;
    qsort(v, (size_t)n, sizeof v[0], by_value);
    middle = v[n / 2];
    printf("  %.3f s", (double)middle / 1e9);
    if (n > 1)
        printf(" (%.3f..%.3f)", (double)v[0] / 1e9, (double)v[n - 1] / 1e9);
    putchar('\n');
    return (double)middle / 1e9;
}

static double print_rows(const char *name, const struct measure *m, int n)
{
    const int width = n > 1 ? 20 : 12;
    printf("  ");
    pad(name, 38);
    print_number(m, n, offsetof(struct measure, segments), width);
    print_number(m, n, offsetof(struct measure, bytes), width);
    print_number(m, n, offsetof(struct measure, round_trips), width);
    return print_time(m, n);
}

static void print_head(enum vt_lang lang, int n)
{
    const int width = n > 1 ? 20 : 12;
    printf("  %38s", "");
    for (enum word w = W_SEGMENTS; w <= W_TRIPS; w++) {
        putchar(' ');
        pad_left(words[w][lang], width);
    }
    printf("  %s\n", words[W_TIME][lang]);
}

int cli_compare(uint64_t seed, const char *impair, enum vt_lang lang)
{
    const char *lossy = impair[0] != 0 ? impair : "loss 10% ";
    struct measure clean[2], runs[2][RUNS];
    double clean_time[2], lossy_time[2];
    char shown[256];
    int n[2] = {0, 0};
    for (int b = 0; b < 2; b++) {
        if (!measure(seed, NULL, b == 1, &clean[b]))
            return cli_error("demo", "no memory");
        for (int i = 0; i < RUNS; i++) {
            if (!measure(seed + (uint64_t)i, lossy, b == 1, &runs[b][n[b]]))
                return cli_error("demo", "no memory");
            n[b] += runs[b][n[b]].complete;
        }
    }
    snprintf(shown, sizeof shown, "%.*s", (int)strlen(lossy) - 1, lossy);
    printf(words[W_TITLE][lang], (unsigned long long)seed);
    printf("\n%s\n", words[W_CLEAN][lang]);
    print_head(lang, 1);
    for (int b = 0; b < 2; b++)
        clean_time[b] = print_rows(words[b == 0 ? W_CS : W_BS][lang], &clean[b], 1);
    putchar('\n');
    printf(words[W_LOSSY][lang], shown, RUNS);
    putchar('\n');
    print_head(lang, RUNS);
    for (int b = 0; b < 2; b++)
        lossy_time[b] = print_rows(words[b == 0 ? W_CS : W_BS][lang], runs[b], n[b]);
    if (n[0] < RUNS || n[1] < RUNS) {
        printf(words[W_FAILED][lang], RUNS - n[0], RUNS - n[1]);
        putchar('\n');
    }
    putchar('\n');
    printf(conclusion[lang], (double)clean[1].bytes / (double)clean[0].bytes, clean_time[1], lossy_time[1],
           clean_time[0], lossy_time[0]);
    return 0;
}
