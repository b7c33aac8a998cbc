/* What the lab scenarios share: a lab in virtual time with everything that happens in it written down,
 * programs with scripted terminals, sockets used directly, and the means to find in the record what should be
 * there.
 *
 * Every scene that is closed is checked: each frame had exactly one fate, and no buffer is left over.
 */
#ifndef VT_TESTS_LAB_SCENE_H
#define VT_TESTS_LAB_SCENE_H

#include "base/testing.h"
#include "ledger.h"
#include <vitro/lab.h>
#include <vitro/lens.h>

/* An event as it was told; `extra` is what followed it and a 0 behind (of frames: nothing). */
struct scene_event {
    struct vt_event ev;
    char *extra;
};

struct scene {
    struct vt_lab *lab;
    struct scene_event *event;
    size_t events, cap;
    struct ledger ledger;
    struct vt_stats *stats; /* the lens's own account of the same frames */
};

/* An empty lab. The record starts with its first event. */
void scene_open(struct scene *s, uint64_t seed);
/* The same with a configuration of one's own. */
void scene_open_as(struct scene *s, const struct vt_lab_config *config);
/* Stops the record: nobody listens any more. */
void scene_deafen(struct scene *s);
/* Hosts a, 10.0.0.1/24, and b, 10.0.0.2/24, and a cable a-b; `impair` may be NULL. */
void scene_pair(struct scene *s, const char *impair);
/* Adds a host, a cable: vt_lab_add_host(), vt_lab_add_link(), which must work. */
struct vt_host *scene_host(struct scene *s, const char *name);
unsigned scene_cable(struct scene *s, const char *a, const char *addr_a, const char *b, const char *addr_b,
                     const char *impair);
void scene_impair(struct scene *s, const char *cable, enum vt_direction dir, const char *text);
void scene_fault(struct scene *s, const char *cable, enum vt_direction dir, const char *text);
/* Sets a knob of a host. */
void scene_knob(struct scene *s, const char *host, const char *name, int64_t value);
/* Cuts all cables: what is on the way ends, and is told of. */
void scene_cut_all(struct vt_lab *lab);
/* Cuts all cables, checks that every frame has a fate, as the ledger and the lens see it, and frees the lab.
 */
void scene_close(struct scene *s);
/* Ends one that was deafened, without looking at its books. */
void scene_drop(struct scene *s);

/* Lets time pass. */
void scene_run(struct scene *s, vt_span span);

/* ---- Programs ---- */

#define SCENE_TERM 16384

/* A program's terminal: what it is to read, and what it wrote. */
struct scene_term {
    /* given */
    const char *in; /* NULL: nothing */
    bool tty;
    void *hook;
    /* and what came of it */
    size_t in_at;
    char out[SCENE_TERM]; /* the first bytes of its output, 0-terminated */
    size_t len, lost;
    char err[1024];
    size_t err_len;
    bool exited;
    int status;
    vt_time ended;
    struct scene *scene;
    int program;
};

/* Starts a program; `line` is its arguments with blanks between. `term` is emptied but for what is given. */
int scene_spawn(struct scene *s, const char *host, const char *line, struct scene_term *term);
/* Runs until the program has ended, at most for `limit`, and returns its exit code; -1 when it has not. */
int scene_wait(struct scene *s, struct scene_term *term, vt_span limit);

/* ---- Sockets, used from the test ---- */

struct vt_addr scene_addr(const char *text); /* "10.0.0.2:80" */
/* The host's clock brought up to now: before calls on its sockets. */
struct vt_host *scene_enter(struct scene *s, const char *host);
int scene_listen(struct scene *s, const char *host, const char *addr, int backlog);
/* Begins to connect. */
int scene_connect(struct scene *s, const char *host, const char *addr);
/* Accepts what has come; must work. */
int scene_accept(struct scene *s, const char *host, int listener);
/* A connection from a to b's port, by the time of the return established and accepted, after at most a
 * second. */
void scene_join(struct scene *s, uint16_t port, int *at_a, int *at_b);
long scene_send(struct scene *s, const char *host, int fd, const void *buf, size_t len);
/* Sends all of a text; it must fit. */
void scene_say(struct scene *s, const char *host, int fd, const char *text);
long scene_recv(struct scene *s, const char *host, int fd, void *buf, size_t len);
/* Receives this text and no more. */
void scene_hear(struct scene *s, const char *host, int fd, const char *text);
void scene_shut(struct scene *s, const char *host, int fd); /* VT_SHUT_WR */
void scene_hang_up(struct scene *s, const char *host, int fd);

/* ---- The record ---- */

uint32_t scene_node(const struct scene *s, const char *name);
/* Where the record now ends: for counting from here on. */
size_t scene_mark(const struct scene *s);
/* Events of a kind on a node (NULL: on any), from `from` on; and the i-th of them, NULL when there are fewer.
 */
size_t scene_count(const struct scene *s, size_t from, const char *node, unsigned kind);
const struct vt_event *scene_find(const struct scene *s, size_t from, const char *node, unsigned kind,
                                  size_t i);
/* Packets dropped on a node ("" for the cables) for a reason. */
size_t scene_drops(const struct scene *s, size_t from, const char *node, unsigned reason);
/* The event with this id; NULL when there is none. */
const struct vt_event *scene_event_of(const struct scene *s, uint32_t node, uint64_t id);
/* Whether `ev` was caused, by however many steps, by `root`. */
bool scene_because(const struct scene *s, const struct vt_event *ev, const struct vt_event *root);

/* A segment as it was sent, in the order of sending. */
#define SCENE_SEGS 4096
struct scene_segs {
    size_t n;
    const struct vt_event *at[SCENE_SEGS];
};
/* Segments with this port at an end that any node sent, from `from` on. */
void scene_segs(const struct scene *s, size_t from, uint16_t port, struct scene_segs *segs);
/* True when it is from `node` with exactly these flags (PSH apart). */
bool scene_is(const struct scene *s, const struct vt_event *seg, const char *node, unsigned flags);
/* The event of its arrival (TCP_RX) at the other end; NULL when it never came. */
const struct vt_event *scene_arrival(const struct scene *s, const struct vt_event *seg);

/* The states that a node's connections with this port went through, as "SYN-SENT ESTABLISHED": those that it
 * entered, from `from` on, of connections other than listeners. `buf` gets them, and is returned. */
char *scene_states(const struct scene *s, size_t from, const char *node, uint16_t port, char *buf,
                   size_t size);
/* When the node's connection with this port entered a state first, from `from` on; VT_NEVER when it did not.
 */
vt_time scene_entered(const struct scene *s, size_t from, const char *node, uint16_t port, unsigned state);
/* The state that the node's newest connection with this port is in. */
unsigned scene_state(const struct scene *s, const char *node, uint16_t port);

/* ---- The story ---- */

/* The record as text, a line for each event above the frames, numbers counted from the initial ones: what the
 * golden files hold. The caller frees it. */
char *scene_story(const struct scene *s);

#endif
