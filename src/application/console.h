/* A program's standard output and error: bounded buffers in front of writes that may take only a part. */
#ifndef VT_APPLICATION_CONSOLE_H
#define VT_APPLICATION_CONSOLE_H

#include "application.h"
#include "format.h"

#define VT_CONSOLE_ERROR 2048 /* bytes kept for standard error */
#define VT_CONSOLE_LINE  1024 /* the longest text of one call */

struct vt_console_stream {
    char *buf;
    size_t cap, at, len; /* bytes [at, at + len) wait */
    bool broken;         /* nobody reads any more: what is written vanishes */
};

/* Zeroed, then vt_console_init(). */
struct vt_console {
    struct vt_process *p;
    struct vt_console_stream out, err;
    uint64_t lost; /* texts that found no room */
    bool ending;
    int status;
    char error[VT_CONSOLE_ERROR];
};

/* `buf` is the room of standard output: how much may wait to be written. */
void vt_console_init(struct vt_console *c, struct vt_process *p, char *buf, size_t cap);
/* Writes what waits; asks for a step when more can be written. True when nothing is left. */
bool vt_console_flush(struct vt_console *c);
/* How many bytes standard output takes now. */
size_t vt_console_room(const struct vt_console *c);
/* Text for standard output: whole, or not at all (false, counted in `lost`). */
bool vt_console_put(struct vt_console *c, const void *bytes, size_t len);
bool vt_console_print(struct vt_console *c, const char *format, ...) VT_PRINTF(2, 3);
/* Room to write into: `*room` bytes, then vt_console_commit(). */
char *vt_console_reserve(struct vt_console *c, size_t *room);
void vt_console_commit(struct vt_console *c, size_t len);
/* A line for standard error: "echo: TEXT\n". Lost when there is no room. */
void vt_console_error(struct vt_console *c, const char *format, ...) VT_PRINTF(2, 3);
/* Text for standard error as it stands. */
void vt_console_note(struct vt_console *c, const char *format, ...) VT_PRINTF(2, 3);

/* The program has ended with `status`; it is done when everything is written. The first call counts. */
void vt_console_end(struct vt_console *c, int status);
/* The end of each step: flushes, and sets `done` when the program has ended and all is written (or when it
 * was asked to stop and nobody takes it). */
void vt_console_step(struct vt_console *c);

/* An error before there is a console: "ping: TEXT\n" to standard error, at once. */
void vt_process_error(struct vt_process *p, const char *format, ...) VT_PRINTF(2, 3);
/* An APP event, when somebody listens. */
void vt_process_say(struct vt_process *p, const char *format, ...) VT_PRINTF(2, 3);

#endif
