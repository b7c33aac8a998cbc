#include <string.h>
#include "cli.h"

#ifndef VITRO_VERSION
#define VITRO_VERSION "unknown"
#endif

static const struct cli_verb *const verbs[] = {
    &cli_demo, &cli_run, &cli_lab, &cli_echo, &cli_http,  &cli_ping,  &cli_bulk,
    &cli_exec, &cli_ss,  &cli_ip,  &cli_link, &cli_trace, &cli_drill, &cli_doctor,
};
#define VERBS (sizeof verbs / sizeof *verbs)

static int help(FILE *to)
{
    fprintf(to, "usage: vitro VERB [ARGUMENTS]\n"
                "\n"
                "TCP/IP in glass: a network of hosts, switches, routers and cables, each with a whole TCP/IP "
                "of its own.\n"
                "\n");
    for (size_t i = 0; i < VERBS; i++)
        fprintf(to, "  %-8s %s\n", verbs[i]->name, verbs[i]->summary);
    fprintf(
        to,
        "\n"
        "`vitro VERB --help` tells of one verb. Start with `vitro demo`, or `vitro run` and a browser.\n");
    return 0;
}

static int unknown(const char *word)
{
    const char *names[VERBS], *near;
    for (size_t i = 0; i < VERBS; i++)
        names[i] = verbs[i]->name;
    near = cli_nearest(word, names, VERBS);
    if (near != NULL)
        fprintf(stderr, "vitro: there is no verb '%s'; did you mean '%s'?\n", word, near);
    else
        fprintf(stderr, "vitro: there is no verb '%s'; `vitro --help` lists them\n", word);
    return 2;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    if (word == NULL) {
        help(stderr);
        return 2;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        return help(stdout);
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts("vitro " VITRO_VERSION);
        return 0;
    }
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(word, verbs[i]->name) == 0)
            return verbs[i]->run(verbs[i], argc - 1, argv + 1);
    return unknown(word);
}
