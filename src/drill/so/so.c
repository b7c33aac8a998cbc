#include "so.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/text.h"

#define WAIT_STEP  50       /* us of the machine's time */
#define WAIT_MOST  1000000  /* us: a thread that never looks at the clock holds nobody up for longer */
#define BUSY_STEPS 1000000u /* at one moment: a host that asks for more has gone mad */

/* ---- Entering and leaving ---- */

struct so *so_enter(void *userdata)
{
    struct so *so = userdata;

    pthread_mutex_lock(&so->lock);
    so->looked = false;
    so_read_knobs(so);
    vt_host_enter(so->host, so->now);
    return so;
}

long so_leave(struct so *so, long result)
{
    pthread_mutex_unlock(&so->lock);
    if (result >= 0)
        return result;
    errno = (int)-result; /* the numbers of VT_E... are Linux's */
    return -1;
}

/* ---- Time ---- */

void so_step(struct so *so)
{
    do {
        so->next = vt_host_poll(so->host, so->now);
        for (unsigned n = 0; so->next <= so->now && n < BUSY_STEPS; n++)
            so->next = vt_host_poll(so->host, so->now);
    } while (so_retry(so));
}

static vt_time next_of(const struct so *so)
{
    vt_time next = so->next;

    for (const struct so_op *op = so->parked; op != NULL; op = op->next)
        next = vt_time_min(next, op->deadline);
    return next;
}

bool so_advance_once(struct so *so, vt_time limit)
{
    vt_time next = next_of(so);
    bool moved = next != VT_NEVER && next <= limit;

    if (moved || limit != VT_NEVER) {
        next = moved ? next : limit;
        so->now = next > so->now ? next : so->now;
    }
    so_step(so);
    return moved;
}

void so_advance(struct so *so, vt_time to)
{
    while (so->now < to && so_advance_once(so, to)) {
    }
}

static bool sleeps(long tid)
{
    char path[64], text[512];
    const char *end;
    FILE *file;
    size_t n;

    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", tid);
    file = fopen(path, "r");
    if (file == NULL)
        return true; /* it has gone */
    n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = 0;
    end = strrchr(text, ')'); /* of the program's name; then comes the state */
    return end != NULL && end[1] == ' ' && end[2] == 'S';
}

/* A thread whose call has ended is given the processor to do what it has to about it, until it sleeps again:
 * no virtual time goes by for that. */
static void let_ended_thread_work(struct so *so)
{
    for (unsigned n = 0; so->ended_tid != 0 && n < WAIT_MOST / WAIT_STEP; n++) {
        long tid = so->ended_tid;
        bool told = so->told;

        pthread_mutex_unlock(&so->lock);
        usleep(WAIT_STEP);
        pthread_mutex_lock(&so->lock);
        if (!told && sleeps(tid))
            so->ended_tid = 0;
    }
    so->ended_tid = 0;
}

static int so_usleep(void *userdata, useconds_t usecs)
{
    struct so *so = so_enter(userdata);

    let_ended_thread_work(so);
    so_advance(so, so->now + usecs * (vt_time)VT_USEC);
    return (int)so_leave(so, 0);
}

/* Before an event the tool does nothing but look at the clock: who looks again, finds it a microsecond later.
 */
static int so_gettimeofday(void *userdata, struct timeval *tv, struct timezone *tz)
{
    struct so *so = userdata;
    vt_time at;

    (void)tz;
    pthread_mutex_lock(&so->lock);
    if (so->told && pthread_equal(pthread_self(), so->told_thread)) {
        so->told = false;
        at = so->told_at;
    } else {
        at = so->now + (so->looked ? VT_USEC : 0);
        if (next_of(so) <= at)
            so_advance(so, at);
        so->now = at;
        so->looked = true;
    }
    pthread_mutex_unlock(&so->lock);
    tv->tv_sec = (time_t)(at / VT_SEC);
    tv->tv_usec = (suseconds_t)(at % VT_SEC / VT_USEC);
    return 0;
}

/* ---- Flags ---- */

static void *must(void *p)
{
    if (p == NULL) {
        fputs("libvitro-packetdrill: no memory\n", stderr);
        abort();
    }
    return p;
}

static bool flag(struct so_flags *f, const char *name, const char *value)
{
    char *end;
    unsigned long long n = strtoull(value, &end, 0);
    bool number = *value != 0 && *end == 0;

    if (strcmp(name, "local") == 0)
        return f->local_known = vt_ip_parse(&f->local, value) == 0;
    if (strcmp(name, "knobs") == 0) {
        free(f->knobs);
        f->knobs = must(strdup(value));
        return *value != 0;
    }
    if (strcmp(name, "profile") == 0) {
        free(f->profile);
        f->profile = must(strdup(value));
        return strcmp(value, "linux") == 0 || strcmp(value, "freebsd") == 0;
    }
    if (strcmp(name, "mtu") == 0 && number && n >= 68 && n <= 65535) {
        f->mtu = (uint32_t)n;
        return true;
    }
    if (strcmp(name, "mss") == 0 && number && n >= 1 && n <= 65535) {
        f->mss = (uint32_t)n;
        return true;
    }
    if (strcmp(name, "seed") == 0 && number) {
        f->seed = n;
        return true;
    }
    return false;
}

/* "local=192.168.0.1,knobs=/tmp/knobs": a comma or white space between. A mistake ends the tool, as a wrong
 * option of its own would. */
static void read_flags(struct so_flags *f, const char *text)
{
    char *copy = must(strdup(text != NULL ? text : "")), *rest = copy, *word;

    *f = (struct so_flags){.mtu = 1500};
    while ((word = strtok_r(rest, ", \t\n", &rest)) != NULL) {
        char *value = strchr(word, '=');

        if (value != NULL)
            *value++ = 0;
        if (value == NULL || !flag(f, word, value)) {
            fprintf(stderr,
                    "libvitro-packetdrill: no such flag, or value: %s%s%s\n"
                    "flags: local=ADDRESS knobs=DIRECTORY profile=linux|freebsd mtu=BYTES mss=BYTES "
                    "seed=NUMBER\n",
                    word, value != NULL ? "=" : "", value != NULL ? value : "");
            exit(EXIT_FAILURE);
        }
    }
    free(copy);
}

/* ---- Making and ending ---- */

static void so_free(void *userdata)
{
    struct so *so = userdata;

    so_unhook(so);
    pthread_mutex_lock(&so->lock);
    for (struct so_op *op = so->parked; op != NULL; op = op->next) {
        op->done = true;
        op->io.result = -VT_EINTR;
    }
    so->parked = NULL;
    pthread_cond_broadcast(&so->ended);
    while (so->waiting != 0)
        pthread_cond_wait(&so->ended, &so->lock);
    vt_host_free(so->host);
    so_device_fini(so);
    pthread_mutex_unlock(&so->lock);
    pthread_cond_destroy(&so->ended);
    pthread_mutex_destroy(&so->lock);
    free(so->flags.knobs);
    free(so->flags.profile);
    free(so);
}

void packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc)
{
    struct so *so = must(calloc(1, sizeof *so));

    read_flags(&so->flags, flags);
    pthread_mutex_init(&so->lock, NULL);
    pthread_cond_init(&so->ended, NULL);
    so->driver = pthread_self();
    so->now = so->next = SO_EPOCH;
    so->host = must(vt_host_new(&(struct vt_host_config){.name = "host",
                                                         .seed = so->flags.seed + 1,
                                                         .node = 1,
                                                         .now = SO_EPOCH,
                                                         .sums_portable = true,
                                                         .profile = so->flags.profile}));
    so_device_init(so);
    if (so->flags.local_known)
        so_attach(so, so->flags.local);
    *ifc = (struct packetdrill_interface){
        .userdata = so,
        .free = so_free,
        .netdev_send = so_netdev_send,
        .netdev_receive = so_netdev_receive,
        .usleep = so_usleep,
        .gettimeofday = so_gettimeofday,
    };
    so_calls(ifc);
    so_io_calls(ifc);
    so_poll_calls(ifc);
    so_hook(so);
}
