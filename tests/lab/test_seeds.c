/* The echo conversation and a transfer of a megabyte under everything that a cable can do to frames, for a
 * thousand seeds: the bytes at both ends are equal, the programs end, and every frame has a fate.
 *
 *   VT_TEST_SEED=n      runs seed n alone
 *   VT_TEST_SEEDS=n     runs seeds 1 to n: a build with sanitizers, or without optimisation, runs 50 by
 * default, others all 1,000
 */
#include "scene.h"

#define ALL_SEEDS 1000
#define FEW_SEEDS 200
#define MEGABYTE  "1000000"

static const char impairments[] =
    "loss 20% duplicate 2% reorder 5% corrupt 1% corrupt-inside 1% delay 1ms 1ms";

#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
static const uint64_t default_seeds = FEW_SEEDS;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
static const uint64_t default_seeds = FEW_SEEDS;
#else
static const uint64_t default_seeds = ALL_SEEDS;
#endif
#else
static const uint64_t default_seeds = ALL_SEEDS;
#endif

/* What a seed took. */
struct toll {
    uint64_t frames, drops;
    vt_time longest, sum;
    uint64_t worst; /* the seed that took longest */
};

static void set_up(struct scene *s, uint64_t seed)
{
    static const char *const hosts[] = {"a", "b"};
    memset(s, 0, sizeof *s);
    s->lab = vt_lab_new(&(struct vt_lab_config){.name = "seeds", .seed = seed});
    assert_non_null(s->lab);
    assert_int_equal(vt_lab_listen(s->lab, (struct vt_listener){ledger_event, &s->ledger}), 0);
    scene_pair(s, impairments);
    /* As on Linux a neighbour is asked three times, then what waits for it is dropped and a connecting
     * program told "no route to host". An answer needs two frames to arrive, which fails for 37% of the
     * questions here, so one run in twenty would end before it began. */
    for (unsigned i = 0; i < 2; i++)
        scene_knob(s, hosts[i], "net.ipv4.neigh.default.mcast_solicit", 50);
}

static void tear_down(struct scene *s, uint64_t seed, struct toll *toll)
{
    vt_time took = vt_lab_now(s->lab);
    scene_cut_all(s->lab);
    ledger_check(&s->ledger);
    vt_lab_free(s->lab);
    toll->frames += s->ledger.sent;
    toll->drops += s->ledger.ended;
    toll->sum += took;
    if (took > toll->longest) {
        toll->longest = took;
        toll->worst = seed;
    }
    ledger_free(&s->ledger);
}

static void echo(uint64_t seed, struct toll *toll)
{
    static const char said[] =
        "hello\nTCP is a stream\n\xe4\xbd\xa0\xe5\xa5\xbd\nthe fourth line\nand the last\n";
    struct scene_term server = {0}, client = {.in = said};
    struct scene s;
    set_up(&s, seed);
    scene_spawn(&s, "b", "echo server --once 9528", &server);
    scene_run(&s, VT_SEC);
    scene_spawn(&s, "a", "echo client 10.0.0.2:9528", &client);
    int status = scene_wait(&s, &client, 7200 * VT_SEC);
    if (status != 0 || strcmp(client.out, said) != 0)
        fail_msg("VT_TEST_SEED=%llu: the echo client ended with %d after hearing \"%s\": %s",
                 (unsigned long long)seed, status, client.out, client.err);
    status = scene_wait(&s, &server, 7200 * VT_SEC);
    char want[64];
    snprintf(want, sizeof want, "%zu bytes repeated", sizeof said - 1);
    if (status != 0 || strstr(server.out, want) == NULL)
        fail_msg("VT_TEST_SEED=%llu: the echo server ended with %d and said: %s%s", (unsigned long long)seed,
                 status, server.out, server.err);
    tear_down(&s, seed, toll);
}

static void transfer(uint64_t seed, struct toll *toll)
{
    struct scene_term sink = {0}, sender = {0};
    struct scene s;
    char line[96];
    set_up(&s, seed);
    scene_spawn(&s, "b", "bulk sink --once 7000", &sink);
    scene_run(&s, VT_SEC);
    snprintf(line, sizeof line, "bulk send --bytes " MEGABYTE " --seed %llu 10.0.0.2:7000",
             (unsigned long long)seed);
    scene_spawn(&s, "a", line, &sender);
    int status = scene_wait(&s, &sender, 7200 * VT_SEC);
    if (status != 0)
        fail_msg("VT_TEST_SEED=%llu: the sender ended with %d: %s%s", (unsigned long long)seed, status,
                 sender.out, sender.err);
    status = scene_wait(&s, &sink, 7200 * VT_SEC);
    if (status != 0)
        fail_msg("VT_TEST_SEED=%llu: the sink ended with %d: %s%s", (unsigned long long)seed, status,
                 sink.out, sink.err);
    /* Both have compared every byte, or the hash of all; here once more what they said. */
    const char *at = strstr(sender.out, "sent " MEGABYTE " bytes, siphash ");
    const char *to = strstr(sink.out, ": " MEGABYTE " bytes, siphash ");
    assert_non_null(at);
    assert_non_null(to);
    assert_memory_equal(strstr(at, "siphash "), strstr(to, "siphash "), strlen("siphash 0123456789abcdef"));
    tear_down(&s, seed, toll);
}

static void run_seeds(const char *what, void (*one)(uint64_t seed, struct toll *toll))
{
    const char *only = getenv("VT_TEST_SEED"), *many = getenv("VT_TEST_SEEDS");
    uint64_t from = only != NULL ? strtoull(only, NULL, 0) : 1;
    uint64_t to = only != NULL ? from : many != NULL ? strtoull(many, NULL, 0) : default_seeds;
    struct toll toll = {0};
    for (uint64_t seed = from; seed <= to; seed++)
        one(seed, &toll);
    uint64_t n = to - from + 1;
    printf("# %s: %llu seeds (%llu to %llu), %llu frames, %llu of them ended on the cable; virtual time %llu "
           "s on "
           "average, at most %llu s (seed %llu)\n",
           what, (unsigned long long)n, (unsigned long long)from, (unsigned long long)to,
           (unsigned long long)toll.frames, (unsigned long long)toll.drops,
           (unsigned long long)(toll.sum / (n != 0 ? n : 1) / (uint64_t)VT_SEC),
           (unsigned long long)(toll.longest / (uint64_t)VT_SEC), (unsigned long long)toll.worst);
}

static void test_a_thousand_seeds_of_the_echo(void **state)
{
    (void)state;
    run_seeds("echo", echo);
}

static void test_a_thousand_seeds_of_a_megabyte(void **state)
{
    (void)state;
    run_seeds("a megabyte", transfer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thousand_seeds_of_the_echo),
        cmocka_unit_test(test_a_thousand_seeds_of_a_megabyte),
    };
    return cmocka_run_group_tests_name("seeds", tests, NULL, NULL);
}
