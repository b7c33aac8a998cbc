/* The command `vitro`: verbs, one a file, and what they share. */
#ifndef VT_CLI_CLI_H
#define VT_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <vitro/lab.h>
#include <vitro/lens.h>

/* Exit codes: 0 all was well, 1 it was not, 2 a mistake in the arguments; programs have their own. */
struct cli_verb {
    const char *name;
    const char *summary; /* one line of `vitro --help` */
    const char *usage;   /* all of `vitro VERB --help` */
    /* argv[0] is the verb. */
    int (*run)(const struct cli_verb *verb, int argc, char **argv);
};

extern const struct cli_verb cli_demo, cli_lab, cli_run, cli_echo, cli_http, cli_ping, cli_bulk, cli_ss,
    cli_ip, cli_link, cli_trace, cli_doctor, cli_drill, cli_exec;

/* ---- Arguments (main.c, args.c) ---- */

/* An option of a verb: `value` gets its text, `flag` becomes true. */
struct cli_option {
    const char *name; /* "seed": --seed 7, --seed=7; NULL: no long form */
    char letter;      /* 'j': -j; 0: no short form */
    bool *flag;
    const char **value;
};
/* Reads options, in any order with the others; those others are moved to argv[1..] and counted in *argc, `--`
 * ends the options. Knows --help. Returns -1 to go on, or the exit code with which the verb ends at once. */
int cli_options(const struct cli_verb *verb, const struct cli_option *options, size_t n, int *argc,
                char **argv);
/* Prints "vitro VERB: ..." on standard error; a mistake in the arguments also names --help. Return 1 and 2.
 */
int cli_error(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A number from 0 to `most`. */
bool cli_number(const char *text, uint64_t most, uint64_t *value);
bool cli_lang(const char *text, enum vt_lang *lang);
/* The nearest of the words, or NULL. */
const char *cli_nearest(const char *word, const char *const *words, size_t n);
/* Columns of the terminal on standard output; 100 when it is none. */
unsigned cli_width(void);

/* ---- Talking to a running lab (client.c) ---- */

struct cli_client;

/* `name` NULL: $VITRO_LAB, or "lab", or the only one that runs. NULL with a message printed. */
struct cli_client *cli_connect(const char *verb, const char *name);
void cli_disconnect(struct cli_client *c);
int cli_client_fd(struct cli_client *c);
/* Sends a request (its reference is taken) and returns the result; NULL with a message printed. */
json_t *cli_call(struct cli_client *c, json_t *request);
/* The same with descriptors. */
json_t *cli_call_with(struct cli_client *c, json_t *request, const int *fds, unsigned n);
bool cli_send(struct cli_client *c, json_t *request, const int *fds, unsigned n);
/* The next line as JSON; NULL at the end. Waits. */
json_t *cli_next(struct cli_client *c);
/* Bytes that came behind the last line, or come now: as read(). */
long cli_read(struct cli_client *c, void *buf, size_t len);
/* True when the next cli_read() need not wait. */
bool cli_has_read(const struct cli_client *c);

/* The first host of the lab, to act as when none is named. Freed by free(). */
char *cli_first_host(struct cli_client *c);

/* ---- Conversations (talk.c) ---- */

/* The conversation of S20 that `demo` and `run` show. */
#define CLI_TALK_PORT 9528
extern const char *const cli_talk_argv[];
extern const int cli_talk_argc;
/* True when no host has a TCP connection but listeners, and TIME-WAIT where `time_wait` says that it does not
 * count; what is marked as the page's never does. */
bool cli_quiet(struct vt_lab *lab, bool time_wait);

/* ---- The lab's page (live.c) ---- */

struct vt_http_hook;
struct cli_live;
/* Follows the lab's events, and makes a hook for the http program of them. NULL without memory. */
struct cli_live *cli_live_new(struct vt_lab *lab, const char *title);
struct vt_http_hook *cli_live_hook(struct cli_live *live);
void cli_live_free(struct cli_live *live);

/* ---- demo --compare (compare.c) ---- */
int cli_compare(uint64_t seed, const char *impair, enum vt_lang lang);

/* ---- demo --two-handshakes (two.c) ---- */
int cli_two_handshakes(uint64_t seed);

#endif
