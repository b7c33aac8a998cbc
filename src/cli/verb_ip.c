/* vitro ip addr, route, neigh: as iproute2 shows them. */
#include <string.h>
#include "cli.h"

static const char usage[] = "usage: vitro ip [OPTIONS] addr|route|neigh [show]\n"
                            "\n"
                            "Shows the interfaces and addresses, the routes, or the neighbours (ARP) of a "
                            "lab's hosts, shaped like ip of\n"
                            "iproute2.\n"
                            "\n"
                            "  -j, --json   JSON, with iproute2's keys\n"
                            "  --on HOST    of this host only\n"
                            "  -L, --lab L  of which lab, when several run\n";

static const char *text(const json_t *row, const char *key)
{
    const char *s = json_string_value(json_object_get(row, key));
    return s != NULL ? s : "";
}

static long long number(const json_t *row, const char *key)
{
    return (long long)json_integer_value(json_object_get(row, key));
}

static void print_addr(const json_t *row)
{
    const json_t *list = json_object_get(row, "flags"), *addrs = json_object_get(row, "addr_info"), *item;
    size_t i;
    printf("%lld: %s: <", number(row, "ifindex"), text(row, "ifname"));
    json_array_foreach(list, i, item) printf("%s%s", i > 0 ? "," : "", json_string_value(item));
    printf("> mtu %lld\n    link/%s %s\n", number(row, "mtu"), text(row, "link_type"), text(row, "address"));
    json_array_foreach(addrs, i, item)
        printf("    %s %s/%lld\n", text(item, "family"), text(item, "local"), number(item, "prefixlen"));
}

static void print_route(const json_t *row)
{
    printf("%s", text(row, "dst"));
    if (text(row, "gateway")[0] != 0)
        printf(" via %s", text(row, "gateway"));
    printf(" dev %s", text(row, "dev"));
    if (text(row, "prefsrc")[0] != 0)
        printf(" scope link src %s", text(row, "prefsrc"));
    if (number(row, "metric") != 0)
        printf(" metric %lld", number(row, "metric"));
    putchar('\n');
}

static void print_neigh(const json_t *row)
{
    const json_t *states = json_object_get(row, "state");
    printf("%s dev %s", text(row, "dst"), text(row, "dev"));
    if (text(row, "lladdr")[0] != 0)
        printf(" lladdr %s", text(row, "lladdr"));
    printf(" %s\n", json_string_value(json_array_get(states, 0)));
}

static const struct {
    const char *object, *request;
    void (*print)(const json_t *row);
} objects[] = {
    {"addr", "addrs", print_addr}, {"route", "routes", print_route}, {"neigh", "neighbours", print_neigh}};

/* As ip does: a word may be shortened ("a", "r", "n"), or be the long form. */
static int find_object(const char *word)
{
    static const char *const names[] = {"address", "route", "neighbour"};
    for (int i = 0; i < 3; i++)
        if (strlen(word) > 0 && strncmp(names[i], word, strlen(word)) == 0)
            return i;
    return strcmp(word, "neighbor") == 0 ? 2 : -1;
}

static void show(const json_t *rows, bool all, int object)
{
    const char *host = "";
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        if (all && strcmp(host, text(row, "host")) != 0) {
            host = text(row, "host");
            printf("%s%s:\n", i > 0 ? "\n" : "", host);
        }
        objects[object].print(row);
    }
}

static int run(const struct cli_verb *verb, int argc, char **argv)
{
    const char *lab = NULL, *on = NULL;
    bool json = false;
    const struct cli_option options[] = {
        {"json", 'j', &json, NULL}, {"on", 0, NULL, &on}, {"lab", 'L', NULL, &lab}};
    struct cli_client *c;
    json_t *req, *rows;
    int object, code = cli_options(verb, options, sizeof options / sizeof *options, &argc, argv);
    if (code >= 0)
        return code;
    if (argc < 2)
        return cli_usage(verb->name, "expected addr, route or neigh");
    object = find_object(argv[1]);
    if (object < 0)
        return cli_usage(verb->name, "expected addr, route or neigh, not '%s'", argv[1]);
    if (argc > 3 || (argc == 3 && strcmp(argv[2], "show") != 0 && strcmp(argv[2], "list") != 0))
        return cli_usage(verb->name,
                         "'%s' was not expected: addresses, routes and neighbours can only be shown",
                         argv[argc - 1]);
    c = cli_connect(verb->name, lab);
    if (c == NULL)
        return 1;
    req = json_pack("{s:s}", "do", objects[object].request);
    if (on != NULL)
        json_object_set_new(req, "host", json_string(on));
    rows = cli_call(c, req);
    if (rows != NULL && json) {
        json_dumpf(rows, stdout, JSON_COMPACT);
        putchar('\n');
    } else if (rows != NULL) {
        show(rows, on == NULL, object);
    }
    code = rows != NULL ? 0 : 1;
    json_decref(rows);
    cli_disconnect(c);
    return code;
}

const struct cli_verb cli_ip = {.name = "ip",
                                .summary = "addresses, routes and neighbours of the lab's hosts",
                                .usage = usage,
                                .run = run};
