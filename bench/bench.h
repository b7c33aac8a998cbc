/* What the benchmarks' programs share: arguments, clocks, one line of JSON as a result. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "--name 5" gives 5; `value` when it is not there. "--name" as the last argument, or before another, gives
 * 1. */
static inline uint64_t bench_arg(int argc, char **argv, const char *name, uint64_t value)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, name) == 0)
            return i + 1 < argc && argv[i + 1][0] != '-' ? strtoull(argv[i + 1], NULL, 0) : 1;
    return value;
}

static inline uint64_t bench_clock(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void bench_fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

/* One measurement: what was done, and the time that it took, on the wall and of this process. */
struct bench_result {
    uint64_t count, bytes; /* segments, requests, connections; bytes of payload */
    uint64_t wall_ns, cpu_ns;
    uint64_t p50_ns, p99_ns; /* of single requests, where they are timed; else 0 */
};

static inline void bench_begin(struct bench_result *r)
{
    r->wall_ns = bench_clock(CLOCK_MONOTONIC);
    r->cpu_ns = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static inline void bench_end(struct bench_result *r)
{
    r->cpu_ns = bench_clock(CLOCK_PROCESS_CPUTIME_ID) - r->cpu_ns;
    r->wall_ns = bench_clock(CLOCK_MONOTONIC) - r->wall_ns;
}

static inline void bench_print(const struct bench_result *r)
{
    printf("{\"count\": %llu, \"bytes\": %llu, \"wall_ns\": %llu, \"cpu_ns\": %llu, "
           "\"p50_ns\": %llu, \"p99_ns\": %llu}\n",
           (unsigned long long)r->count, (unsigned long long)r->bytes, (unsigned long long)r->wall_ns,
           (unsigned long long)r->cpu_ns, (unsigned long long)r->p50_ns, (unsigned long long)r->p99_ns);
}

/* Each program does its measured work in a function of this name: callgrind counts what is done in it. */
__attribute__((noinline)) void bench_measured(void *ctx);

#endif
