/* vitro link: the cables of a running lab, and what is wrong with them. */
#include <string.h>
#include "cli.h"

static const char usage[] =
    "usage: vitro link [OPTIONS] [show [NAME]]\n"
    "       vitro link [OPTIONS] set NAME [forth|back] IMPAIRMENTS...\n"
    "       vitro link [OPTIONS] cut|heal|clear NAME [forth|back]\n"
    "       vitro link [OPTIONS] fault NAME [forth|back] FAULT...\n"
    "\n"
    "Shows cables, or changes what is wrong with them, both directions or one, while the lab runs. A cable "
    "is named\n"
    "after its ends, a-s1; forth is from the first-named to the second.\n"
    "\n"
    "IMPAIRMENTS are in tc's words, in any order; what is not named stays:\n"
    "  loss 1%  delay 20ms [JITTER]  duplicate 0.1%  reorder 1%  corrupt 0.01%  corrupt-inside 0.01%\n"
    "  rate 10mbit  limit 100  ecn 20 (marks ECN-capable packets where 20 wait)\n"
    "cut and heal stop and restore all; clear makes the cable perfect again.\n"
    "FAULT strikes single frames: drop 3rd ack, drop syn, drop data 2-4, delay 1st synack 500ms, duplicate "
    "fin,\n"
    "  each with `port N` where wanted.\n"
    "\n"
    "  -s, --stats  what became of the frames\n"
    "  -j, --json   JSON\n"
    "  -L, --lab L  of which lab, when several run\n";

static const char *text(const json_t *row, const char *key)
{
    const char *s = json_string_value(json_object_get(row, key));
    return s != NULL ? s : "";
}

static void print_direction(const json_t *d, bool stats)
{
    const char *impair = text(d, "impair"), *key;
    json_t *value;
    printf("    %s -> %s: %s\n", text(d, "from"), text(d, "to"), impair[0] != 0 ? impair : "perfect");
    if (!stats)
        return;
    printf("       ");
    json_object_foreach(json_object_get(d, "stats"), key, value) if (json_integer_value(value) != 0 ||
                                                                     strcmp(key, "sent") == 0 ||
                                                                     strcmp(key, "delivered") == 0)
        printf(" %s %lld", key, (long long)json_integer_value(value));
    putchar('\n');
}

static void print_link(const json_t *row, bool stats)
{
    printf("%lld: %s mtu %lld\n", (long long)json_integer_value(json_object_get(row, "number")),
           text(row, "name"), (long long)json_integer_value(json_object_get(row, "mtu")));
    print_direction(json_object_get(row, "forth"), stats);
    print_direction(json_object_get(row, "back"), stats);
}

struct link_args {
    const char *lab;
    bool json, stats;
};

static void print_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT);
    putchar('\n');
}

static int show(const struct cli_verb *verb, struct cli_client *c, const struct link_args *a,
                const char *name)
{
    json_t *rows = cli_call(c, json_pack("{s:s}", "do", "links")), *kept = json_array(), *row;
    size_t i;
    int code = 0;
    if (rows == NULL)
        return 1;
    json_array_foreach(rows, i, row)
    {
        if (name == NULL || strcmp(name, text(row, "name")) == 0)
            json_array_append(kept, row);
    }
    if (name != NULL && json_array_size(kept) == 0)
        code = cli_error(verb->name, "there is no link '%s' in this lab", name);
    else if (a->json)
        print_json(kept);
    else
        json_array_foreach(kept, i, row) print_link(row, a->stats);
    json_decref(kept);
    json_decref(rows);
    return code;
}

/* argv: NAME [forth|back] WORDS... */
static int change(const struct cli_verb *verb, struct cli_client *c, const struct link_args *a,
                  const char *request, const char *words, int argc, char **argv)
{
    char all[512] = "";
    const char *dir = "both";
    json_t *row;
    int from = 1;
    if (argc > 1 && (strcmp(argv[1], "forth") == 0 || strcmp(argv[1], "back") == 0))
        dir = argv[from++];
    if (words != NULL && argc > from)
        return cli_usage(verb->name, "'%s' was not expected", argv[from]);
    for (int i = from; i < argc; i++) {
        size_t used = strlen(all);
        if (used + strlen(argv[i]) + 2 > sizeof all)
            return cli_usage(verb->name, "too many words");
        snprintf(all + used, sizeof all - used, "%s%s", used > 0 ? " " : "", argv[i]);
    }
    if (words == NULL && all[0] == 0)
        return cli_usage(verb->name, "expected what to set: loss 1%%, delay 20ms, ...");
    row = cli_call(c, json_pack("{s:s,s:s,s:s,s:s}", "do", request, "link", argv[0], "dir", dir, "text",
                                words != NULL ? words : all));
    if (row == NULL)
        return 1;
    if (a->json)
        print_json(row);
    json_decref(row);
    return 0;
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    static const struct {
        const char *word, *request, *words;
    } changes[] = {{"set", "impair", NULL},
                   {"cut", "impair", "cut"},
                   {"heal", "impair", "heal"},
                   {"clear", "impair", "clear"},
                   {"fault", "fault", NULL}};
    struct link_args a = {0};
    const struct cli_option options[] = {
        {"json", 'j', &a.json, NULL}, {"stats", 's', &a.stats, NULL}, {"lab", 'L', NULL, &a.lab}};
    size_t i = 0;
    struct cli_client *c;
    int code = cli_options(verb, options, sizeof options / sizeof *options, &argc, argv);
    bool shows = argc < 2 || strcmp(argv[1], "show") == 0;
    if (code >= 0)
        return code;
    while (!shows && i < sizeof changes / sizeof *changes && strcmp(changes[i].word, argv[1]) != 0)
        i++;
    if (!shows && i == sizeof changes / sizeof *changes)
        return cli_usage(verb->name, "expected show, set, cut, heal, clear or fault, not '%s'", argv[1]);
    if (!shows && argc < 3)
        return cli_usage(verb->name, "expected the name of a link, like a-s1");
    if (shows && argc > 3)
        return cli_usage(verb->name, "'%s' was not expected", argv[3]);
    c = cli_connect(verb->name, a.lab);
    if (c == NULL)
        return 1;
    code = shows ? show(verb, c, &a, argc > 2 ? argv[2] : NULL)
                 : change(verb, c, &a, changes[i].request, changes[i].words, argc - 2, argv + 2);
    cli_disconnect(c);
    return code;
}

const struct cli_verb cli_link = {
    .name = "link", .summary = "the lab's cables: show, impair, cut, heal", .usage = usage, .run = run};
