/* What this machine can do at best: the limits beside which the other figures stand.
 *
 * usage: limits copy | sum | syscall | wakeup
 *
 *   copy     two copies of 64 KB, as a copying send and receive make, in cache: bytes once for both
 *   sum      the checksum of 1,460 bytes, by the routine that a host picks
 *   syscall  one that does nothing
 *   wakeup   an eventfd ping-pong of two threads on the processors they are given: a round trip */
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sums.h"
#include "bench.h"

#define BLOCK   65536u
#define SEGMENT 1460u

static uint8_t from[BLOCK], wire[BLOCK], to[BLOCK];
static volatile uint64_t sink;

static void copies(struct bench_result *r)
{
    r->count = 200000;
    r->bytes = r->count * BLOCK;
    for (uint64_t i = 0; i < r->count; i++) {
        memcpy(wire, from, BLOCK);
        __asm__ volatile("" : : "r"(wire) : "memory"); /* so that the copies are made */
        memcpy(to, wire, BLOCK);
        __asm__ volatile("" : : "r"(to) : "memory");
    }
}

static void sums(struct bench_result *r)
{
    const struct vt_sums *s = vt_sums_best();
    r->count = 2000000;
    r->bytes = r->count * SEGMENT;
    for (uint64_t i = 0; i < r->count; i++)
        sink += s->add(0, from, SEGMENT);
}

static void syscalls(struct bench_result *r)
{
    r->count = 1000000;
    for (uint64_t i = 0; i < r->count; i++)
        syscall(SYS_getppid);
}

static int ping, pong;

static void *other(void *ctx)
{
    uint64_t v;
    (void)ctx;
    while (read(ping, &v, sizeof(v)) == sizeof(v) && v == 1)
        if (write(pong, &v, sizeof(v)) != sizeof(v))
            break;
    return NULL;
}

static void wakeups(struct bench_result *r)
{
    pthread_t thread;
    uint64_t one = 1, v, end = 2;
    ping = eventfd(0, 0);
    pong = eventfd(0, 0);
    if (ping < 0 || pong < 0 || pthread_create(&thread, NULL, other, NULL) != 0)
        bench_fail("eventfd");
    r->count = 50000;
    for (uint64_t i = 0; i < r->count; i++)
        if (write(ping, &one, sizeof(one)) != sizeof(one) || read(pong, &v, sizeof(v)) != sizeof(v))
            bench_fail("eventfd");
    if (write(ping, &end, sizeof(end)) == sizeof(end))
        pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct bench_result *);
    } kinds[] = {{"copy", copies}, {"sum", sums}, {"syscall", syscalls}, {"wakeup", wakeups}};
    for (unsigned i = 0; argc == 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(argv[1], kinds[i].name) != 0)
            continue;
        struct bench_result r = {0};
        bench_begin(&r);
        kinds[i].run(&r);
        bench_end(&r);
        bench_print(&r);
        return 0;
    }
    bench_fail("usage: limits copy | sum | syscall | wakeup");
}
