/* vitro ss: the sockets of a lab's hosts. */
#include <string.h>
#include "cli.h"

static const char usage[] = "usage: vitro ss [OPTIONS]\n"
                            "\n"
                            "Shows sockets, shaped like ss of iproute2: connections, without listeners.\n"
                            "\n"
                            "  -a, --all            listeners too\n"
                            "  -l, --listening      listeners only\n"
                            "  -t, --tcp, -u, --udp only these\n"
                            "  -o, --options        the timer that runs\n"
                            "  -i, --info           what TCP knows of the path\n"
                            "  -n, --numeric        accepted, for habit: numbers are always shown\n"
                            "  -H, --no-header      no header\n"
                            "  --page               also the connections of the lab's own page\n"
                            "  -j, --json           JSON\n"
                            "  --on HOST            of this host only\n"
                            "  -L, --lab L          of which lab, when several run\n";

struct ss {
    const char *lab, *on;
    bool all, listening, tcp, udp, options, info, numeric, no_header, page, json;
};

static const char *text(const json_t *row, const char *key)
{
    const char *s = json_string_value(json_object_get(row, key));
    return s != NULL ? s : "";
}

static long long number(const json_t *row, const char *key)
{
    return (long long)json_integer_value(json_object_get(row, key));
}

static bool wanted(const struct ss *s, const json_t *row)
{
    bool udp = strcmp(text(row, "netid"), "udp") == 0;
    bool listens = strcmp(text(row, "state"), "LISTEN") == 0 ||
                   (udp && strcmp(text(row, "state"), "UNCONN") == 0);
    if ((s->tcp || s->udp) && !(udp ? s->udp : s->tcp))
        return false;
    if (!s->page && (uint64_t)number(row, "mark") == VT_MARK_PAGE)
        return false;
    return s->all || listens == s->listening;
}

static void print_timer(const json_t *row)
{
    const json_t *timer = json_object_get(row, "timer");
    long long us = number(timer, "expires_us");
    if (timer == NULL)
        return;
    if (us >= 60000000)
        printf(" timer:(%s,%lldmin%lldsec,%lld)", text(timer, "name"), us / 60000000, us / 1000000 % 60,
               number(timer, "retransmits"));
    else
        printf(" timer:(%s,%lld.%03llds,%lld)", text(timer, "name"), us / 1000000, us / 1000 % 1000,
               number(timer, "retransmits"));
}

static void print_info(const json_t *row)
{
    const json_t *i = json_object_get(row, "info");
    long long mss = number(i, "mss");
    if (i == NULL)
        return;
    printf("\n\t rto:%.0f rtt:%.3f/%.3f mss:%lld pmtu:%lld cwnd:%lld", (double)number(i, "rto_us") / 1000,
           (double)number(i, "rtt_us") / 1000, (double)number(i, "rttvar_us") / 1000, mss, number(i, "pmtu"),
           number(i, "cwnd"));
    if (number(i, "ssthresh") < 0x7fffffff)
        printf(" ssthresh:%lld", number(i, "ssthresh"));
    printf(" bytes_sent:%lld bytes_acked:%lld bytes_received:%lld segs_out:%lld segs_in:%lld",
           number(i, "bytes_sent"), number(i, "bytes_acked"), number(i, "bytes_received"),
           number(i, "segs_out"), number(i, "segs_in"));
    if (number(i, "retrans") != 0)
        printf(" retrans:%lld", number(i, "retrans"));
    printf(" snd_wnd:%lld", number(i, "snd_wnd"));
}

static void print_row(const struct ss *s, const json_t *row)
{
    if (s->on == NULL)
        printf("%-8s ", text(row, "host"));
    printf("%-5s %-10s %-6lld %-6lld %21s %21s", text(row, "netid"), text(row, "state"), number(row, "recvq"),
           number(row, "sendq"), text(row, "local"), text(row, "peer"));
    if (s->options)
        print_timer(row);
    if (s->info)
        print_info(row);
    putchar('\n');
}

static void show(const struct ss *s, const json_t *rows)
{
    json_t *kept = json_array(), *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        if (wanted(s, row))
            json_array_append(kept, row);
    }
    if (s->json) {
        json_dumpf(kept, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        if (!s->no_header)
            printf("%s%-5s %-10s %-6s %-6s %21s %21s\n", s->on == NULL ? "Host     " : "", "Netid", "State",
                   "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port");
        json_array_foreach(kept, i, row) print_row(s, row);
    }
    json_decref(kept);
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    struct ss s = {0};
    const struct cli_option options[] = {
        {"all", 'a', &s.all, NULL},
        {"listening", 'l', &s.listening, NULL},
        {"tcp", 't', &s.tcp, NULL},
        {"udp", 'u', &s.udp, NULL},
        {"options", 'o', &s.options, NULL},
        {"info", 'i', &s.info, NULL},
        {"numeric", 'n', &s.numeric, NULL},
        {"no-header", 'H', &s.no_header, NULL},
        {"page", 0, &s.page, NULL},
        {"json", 'j', &s.json, NULL},
        {"on", 0, NULL, &s.on},
        {"lab", 'L', NULL, &s.lab},
    };
    struct cli_client *c;
    json_t *req, *rows;
    int code = cli_options(verb, options, sizeof options / sizeof *options, &argc, argv);
    if (code >= 0)
        return code;
    if (argc > 1)
        return cli_usage(verb->name, "'%s' was not expected", argv[1]);
    c = cli_connect(verb->name, s.lab);
    if (c == NULL)
        return 1;
    req = json_pack("{s:s}", "do", "sockets");
    if (s.on != NULL)
        json_object_set_new(req, "host", json_string(s.on));
    rows = cli_call(c, req);
    if (rows != NULL)
        show(&s, rows);
    code = rows != NULL ? 0 : 1;
    json_decref(rows);
    cli_disconnect(c);
    return code;
}

const struct cli_verb cli_ss = {
    .name = "ss", .summary = "the sockets of the lab's hosts", .usage = usage, .run = run};
