/* Scripts in the packetdrill language, run against one host in virtual time, in process, without root.
 *
 * The language is that of google/packetdrill (its syntax.md): a script tells, each with its time, what the
 * program does (socket calls and their results), what comes in (`<`), what must go out (`>`), and may look
 * into the stack (`%{ assert tcpi_snd_cwnd == 10 }%`). docs/DRILL.md tells what is understood, and what
 * differs.
 *
 *     arena.c      the memory of one run
 *     lex.c        tokens
 *     parse.c      options, events, times; parse_packet.c: packets; parse_expr.c: calls and expressions
 *     symbols.c    SOL_SOCKET, EAGAIN, ...
 *     wire.c       a packet as bytes, and back; wire_text.c: as text
 *     device.c     the device between the script and the host
 *     run.c        the interpreter; run_packet.c, match.c: packets; call*.c: calls; op.c: calls that wait
 *     block.c      reading, writing and connecting as blocking descriptors do
 *     shell.c      shell lines; knob.c: knobs
 *     code.c       the code blocks' expressions; code_value.c: their values
 *     suite.c      many files
 *     so/          the same host behind packetdrill's own interface
 */
#ifndef VT_DRILL_DRILL_H
#define VT_DRILL_DRILL_H

#include <stdio.h>
#include <vitro/types.h>

enum vt_drill_outcome {
    VT_DRILL_PASSED,
    VT_DRILL_FAILED,
    VT_DRILL_SKIPPED, /* the script wants what is not to be had here: `message` tells what */
};

struct vt_drill_config {
    /* Options as a script has them, without the dashes: "tolerance_usecs=1000", "define=N=3". They are read
     * after the script's own, and win. */
    const char *const *options;
    unsigned noptions;
    uint64_t seed; /* of the host */
    /* Also judged: packets that nobody expected by the end of the script, whatever their addresses, and the
     * echoed timestamp (TS ecr), which packetdrill does not look at. */
    bool strict;
    bool ladder; /* draw what happened into the result */
    FILE *live;  /* tells each packet and call as it happens; NULL: nobody */
};

struct vt_drill_result {
    enum vt_drill_outcome outcome;
    char *file;            /* the script, or a file that it names */
    unsigned line, column; /* from 1; 0: no place in particular */
    char *message;         /* one line, NULL when it passed */
    char *expected;        /* NULL, or what the script says... */
    char *actual;          /* ...and what there was; NULL: nothing */
    char *ladder;          /* NULL, or many lines */
    vt_time duration;      /* virtual */
};

/* Runs one script. `result` is filled in whatever happens; vt_drill_result_free() frees what it holds.
 * Memory that is not to be had ends the process: this is a tool for tests. */
void vt_drill_run_file(const char *path, const struct vt_drill_config *config,
                       struct vt_drill_result *result);
/* The same of a text; files that it names are looked for beside `name`. */
void vt_drill_run_text(const char *name, const char *text, size_t len, const struct vt_drill_config *config,
                       struct vt_drill_result *result);
void vt_drill_result_free(struct vt_drill_result *result);
/* Writes a result that is no pass as people read it: place and message, expected above actual, the ladder. */
void vt_drill_result_print(const struct vt_drill_result *result, FILE *out);
/* Problems with an option of the command line, without running anything: NULL, or a sentence to be freed. */
char *vt_drill_check_option(const char *option);

/* ---- Many scripts ---- */

struct vt_drill_list {
    char **path;
    size_t n;
};

/* Adds a file, or all *.pkt below a directory, in the order of their names. 0, or an errno of the system. */
int vt_drill_list_add(struct vt_drill_list *list, const char *path);
void vt_drill_list_free(struct vt_drill_list *list);

struct vt_drill_suite {
    void (*done)(void *ctx, size_t i, const struct vt_drill_result *result); /* may be NULL */
    void *ctx;
    size_t passed, failed, skipped; /* counted */
};
void vt_drill_run_list(const struct vt_drill_list *list, const struct vt_drill_config *config,
                       struct vt_drill_suite *suite);
/* A `done` that prints TAP, ctx being a FILE *: the plan line "1..N" is the caller's. */
void vt_drill_tap(void *out, size_t i, const struct vt_drill_result *result);

#endif
