/* One transfer in bad weather, in virtual time: how many bytes come through in so many seconds.
 *
 * usage: weather CONTROLLER SECONDS SEED IMPAIRMENT
 *
 * Two hosts, two switches, and between them a cable with IMPAIRMENT (tc's words, both ways). Prints the bytes
 * that the receiving program has read when the time is over, counted from accept(). bench/weather.py
 * makes a table of it, with the kernel's own figures over the same cable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vitro/host.h>
#include <vitro/lab.h>

#define PORT  5001
#define SLICE VT_MSEC

struct transfer {
    struct vt_lab *lab;
    struct vt_host *from, *to;
    int out, listener, in;
    uint64_t bytes;
};

static int fail(const char *what)
{
    fprintf(stderr, "weather: %s\n", what);
    return 1;
}

static struct vt_lab *build(uint64_t seed, const char *impair)
{
    struct vt_lab *lab = vt_lab_new(&(struct vt_lab_config){.seed = seed});
    if (lab == NULL || vt_lab_add_host(lab, "a", false, NULL) == NULL ||
        vt_lab_add_host(lab, "b", false, NULL) == NULL || vt_lab_add_switch(lab, "s1") < 0 ||
        vt_lab_add_switch(lab, "s2") < 0 || vt_lab_add_link(lab, "a", "10.0.0.1/24", "s1", NULL, NULL) < 0 ||
        vt_lab_add_link(lab, "s1", NULL, "s2", NULL, impair) < 0 ||
        vt_lab_add_link(lab, "b", "10.0.0.2/24", "s2", NULL, NULL) < 0)
        return NULL;
    return lab;
}

static bool begin(struct transfer *t, const char *controller)
{
    struct vt_addr any = {.ip = VT_IP4_ANY, .port = PORT}, to = {.ip = VT_IP4(10, 0, 0, 2), .port = PORT};
    t->in = -1;
    t->listener = vt_socket(t->to, VT_AF_INET, VT_SOCK_STREAM, 0);
    t->out = vt_socket(t->from, VT_AF_INET, VT_SOCK_STREAM, 0);
    if (vt_bind(t->to, t->listener, &any) != 0 || vt_listen(t->to, t->listener, 1) != 0)
        return false;
    if (vt_setsockopt(t->from, t->out, VT_SOL_TCP, VT_TCP_CONGESTION, controller, strlen(controller)) != 0)
        return false;
    return vt_connect(t->from, t->out, &to) == -VT_EINPROGRESS;
}

static void turn(struct transfer *t)
{
    static uint8_t block[65536];
    long n;
    vt_lab_touch(t->lab, t->from);
    vt_lab_touch(t->lab, t->to);
    while (vt_send(t->from, t->out, block, sizeof(block), 0) > 0)
        ;
    if (t->in < 0)
        t->in = vt_accept(t->to, t->listener, NULL);
    while (t->in >= 0 && (n = vt_recv(t->to, t->in, block, sizeof(block), 0)) > 0)
        t->bytes += (uint64_t)n;
}

int main(int argc, char **argv)
{
    struct transfer t = {0};
    if (argc != 5)
        return fail("usage: weather CONTROLLER SECONDS SEED IMPAIRMENT");
    vt_time span = (vt_time)(strtod(argv[2], NULL) * (double)VT_SEC);
    t.lab = build(strtoull(argv[3], NULL, 10), argv[4]);
    if (t.lab == NULL)
        return fail("no such impairment, or no memory");
    t.from = vt_lab_host(t.lab, "a");
    t.to = vt_lab_host(t.lab, "b");
    if (!begin(&t, argv[1]))
        return fail("no such controller");
    vt_time end = VT_NEVER, last = 3600 * (vt_time)VT_SEC;
    for (vt_time now = 0; now < end && now < last; now += SLICE) {
        vt_lab_run(t.lab, now);
        turn(&t);
        if (t.in >= 0 && end == VT_NEVER)
            end = now + span;
    }
    printf("%llu\n", (unsigned long long)t.bytes);
    vt_lab_free(t.lab);
    return 0;
}
