/* The timer wheel: case by case, and against a plain list of timers, to the end of time. */
#include "testing.h"

#include "base/random.h"
#include "base/wheel.h"

static struct vt_wheel wheel;

struct probe {
    struct vt_timer t;
    unsigned id, fired;
};

static unsigned order[64], norder;

static void note(struct vt_timer *t, vt_time now)
{
    struct probe *p = (struct probe *)(void *)t;
    assert_true(t->when <= now);
    assert_false(vt_timer_armed(t));
    p->fired++;
    if (norder < 64)
        order[norder++] = p->id;
}

static void fires_exactly(void **state)
{
    (void)state;
    vt_wheel_init(&wheel, 1000);
    norder = 0;
    struct probe p = {.t.fn = note};
    assert_int_equal(vt_wheel_next(&wheel), VT_NEVER);
    vt_timer_arm(&wheel, &p.t, 7200 * (vt_time)VT_SEC + 1);
    assert_int_equal(vt_wheel_next(&wheel), 7200 * (vt_time)VT_SEC + 1);
    assert_int_equal(vt_wheel_run(&wheel, 7200 * (vt_time)VT_SEC), 0);
    assert_int_equal(vt_wheel_next(&wheel), 7200 * (vt_time)VT_SEC + 1);
    assert_int_equal(vt_wheel_run(&wheel, 7200 * (vt_time)VT_SEC + 1), 1);
    assert_int_equal(p.fired, 1);
    assert_int_equal(vt_wheel_next(&wheel), VT_NEVER);
    assert_int_equal(vt_wheel_run(&wheel, VT_NEVER - 1), 0);
}

static void equals_fire_in_the_order_of_arming(void **state)
{
    (void)state;
    /* Armed over time for one moment, far off at first, so that they come down through the levels together.
     */
    const vt_time when = 3 * (vt_time)VT_SEC;
    struct probe p[24] = {0};
    vt_wheel_init(&wheel, 0);
    norder = 0;
    for (unsigned i = 0; i < 24; i++) {
        p[i].t.fn = note;
        p[i].id = i;
        vt_timer_arm(&wheel, &p[i].t, when);
        if (i % 4 == 3)
            vt_wheel_run(&wheel, when - ((vt_time)VT_SEC >> i));
    }
    vt_timer_arm(&wheel, &p[5].t, when); /* moved: now the last */
    assert_int_equal(vt_wheel_run(&wheel, when), 24);
    for (unsigned i = 0; i < 24; i++)
        assert_int_equal(order[i], i < 5 ? i : i < 23 ? i + 1 : 5);
}

static void the_end_of_time(void **state)
{
    (void)state;
    struct probe p[3] = {{.t.fn = note}, {.t.fn = note, .id = 1}, {.t.fn = note, .id = 2}};
    vt_wheel_init(&wheel, 5);
    norder = 0;
    vt_timer_arm(&wheel, &p[0].t, VT_NEVER - 1);
    vt_timer_arm(&wheel, &p[1].t, VT_NEVER - 2);
    vt_timer_arm(&wheel, &p[2].t, VT_NEVER); /* never: not armed at all */
    assert_false(vt_timer_armed(&p[2].t));
    assert_int_equal(vt_wheel_next(&wheel), VT_NEVER - 2);
    assert_int_equal(vt_wheel_run(&wheel, VT_NEVER - 3), 0);
    assert_int_equal(vt_wheel_run(&wheel, VT_NEVER - 1), 2);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 0);
    vt_timer_arm(&wheel, &p[0].t, VT_NEVER - 1);
    vt_timer_arm(&wheel, &p[0].t, VT_NEVER);
    assert_int_equal(vt_wheel_next(&wheel), VT_NEVER);
}

static void the_past_fires_at_once(void **state)
{
    (void)state;
    struct probe p[3] = {{.t.fn = note}, {.t.fn = note, .id = 1}, {.t.fn = note, .id = 2}};
    vt_wheel_init(&wheel, 1000000);
    norder = 0;
    vt_timer_arm(&wheel, &p[0].t, 1000000);
    vt_timer_arm(&wheel, &p[1].t, 0);
    vt_timer_arm(&wheel, &p[2].t, 1000);
    assert_int_equal(vt_wheel_next(&wheel), 0);
    assert_int_equal(vt_wheel_run(&wheel, 10), 3); /* the wheel's time does not go back */
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 2);
    assert_int_equal(order[2], 0);
}

static void disarmed_timers_are_gone(void **state)
{
    (void)state;
    struct probe p[2] = {{.t.fn = note}, {.t.fn = note, .id = 1}};
    vt_wheel_init(&wheel, 0);
    vt_timer_disarm(&wheel, &p[0].t);
    vt_timer_arm(&wheel, &p[0].t, 100);
    vt_timer_arm(&wheel, &p[1].t, 5000000);
    vt_timer_disarm(&wheel, &p[0].t);
    vt_timer_disarm(&wheel, &p[0].t);
    assert_int_equal(vt_wheel_next(&wheel), 5000000);
    assert_int_equal(vt_wheel_run(&wheel, 10000000), 1);
    assert_int_equal(p[0].fired, 0);
    assert_int_equal(wheel.armed, 0);
}

struct ticker {
    struct vt_timer t;
    vt_span every;
    vt_time last;
    unsigned fired;
};

static void tick(struct vt_timer *t, vt_time now)
{
    (void)now;
    struct ticker *k = (struct ticker *)(void *)t;
    if (k->fired != 0)
        assert_int_equal(t->when - k->last, k->every);
    k->last = t->when;
    k->fired++;
    vt_timer_arm(&wheel, t, t->when + (vt_time)k->every);
}

/* Arms itself again within the run, in the same slot and in later ones. */
static void rearms_from_its_function(void **state)
{
    (void)state;
    static const vt_span every[] = {7, 1000, 65536, 65537, 1000003, 400000000};
    struct ticker k[6] = {0};
    vt_wheel_init(&wheel, 0);
    for (unsigned i = 0; i < 6; i++) {
        k[i].every = every[i];
        k[i].t.fn = tick;
        vt_timer_arm(&wheel, &k[i].t, (vt_time)every[i]);
    }
    const vt_time end = 500000;
    vt_wheel_run(&wheel, end / 3);
    vt_wheel_run(&wheel, end);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(k[i].fired, end / (vt_time)every[i]);
        vt_timer_disarm(&wheel, &k[i].t);
    }
    assert_int_equal(vt_wheel_next(&wheel), VT_NEVER);
}

/* The model: an array of timers, of which the earliest fires, among equals the one armed first. */
#define TIMERS 200

static struct {
    struct vt_timer t;
    bool armed;
    vt_time when;
    uint64_t seq; /* of its arming */
} model[TIMERS];
static struct vt_rng rng;
static uint64_t seq;
static vt_time run_now, wheel_now;
static unsigned expected_fires;

static int earliest(void)
{
    int best = -1;
    for (int i = 0; i < TIMERS; i++) {
        if (!model[i].armed)
            continue;
        if (best < 0 || model[i].when < model[best].when ||
            (model[i].when == model[best].when && model[i].seq < model[best].seq))
            best = i;
    }
    return best;
}

static vt_time some_time(vt_time from)
{
    vt_time spread = vt_rng_u64(&rng) >> vt_rng_below(&rng, 64);
    switch (vt_rng_below(&rng, 8)) {
    case 0: return from;
    case 1: return from - (spread < from ? spread : from);
    case 2: return (vt_time_add(from, (vt_span)(spread >> 1)) | 0xffff) + 1; /* where slots begin */
    case 3: return VT_NEVER - 1 - vt_rng_below(&rng, 3);
    case 4: return vt_time_add(from, (vt_span)vt_rng_below(&rng, 4));
    default: return vt_time_add(from, (vt_span)(spread >> 12));
    }
}

static void arm_some(int i, vt_time from)
{
    vt_time when = some_time(from);
    vt_timer_arm(&wheel, &model[i].t, when);
    model[i].armed = when != VT_NEVER;
    model[i].when = when;
    model[i].seq = ++seq;
}

static void model_fires(struct vt_timer *t, vt_time now)
{
    int i = earliest();
    assert_int_equal(now, run_now);
    assert_ptr_equal(t, &model[i].t);
    assert_int_equal(t->when, model[i].when);
    assert_true(t->when <= now);
    model[i].armed = false;
    expected_fires++;
    /* Sometimes it arms itself or another again, or disarms one. */
    switch (vt_rng_below(&rng, 6)) {
    case 0: arm_some(i, now); break;
    case 1: arm_some((int)vt_rng_below(&rng, TIMERS), now); break;
    case 2: {
        int k = (int)vt_rng_below(&rng, TIMERS);
        vt_timer_disarm(&wheel, &model[k].t);
        model[k].armed = false;
        break;
    }
    default: break;
    }
}

static void model_step(void)
{
    int i = (int)vt_rng_below(&rng, TIMERS);
    switch (vt_rng_below(&rng, 8)) {
    case 0:
    case 1:
    case 2: arm_some(i, wheel_now); break;
    case 3:
        vt_timer_disarm(&wheel, &model[i].t);
        model[i].armed = false;
        break;
    case 4: /* to just before, at, or after the next deadline */
        i = earliest();
        run_now = i < 0 || model[i].when < wheel_now ? wheel_now : model[i].when;
        run_now += vt_rng_below(&rng, 3) - (run_now > wheel_now);
        break;
    case 5: run_now = wheel_now + (vt_rng_u64(&rng) >> 20 >> vt_rng_below(&rng, 40)); break;
    default: break;
    }
    if (run_now < wheel_now || run_now == VT_NEVER)
        run_now = wheel_now;
    expected_fires = 0;
    unsigned fired = vt_wheel_run(&wheel, run_now);
    assert_int_equal(fired, expected_fires);
    wheel_now = run_now;
    i = earliest();
    assert_true(i < 0 || model[i].when > run_now);
    unsigned armed = 0;
    for (int k = 0; k < TIMERS; k++) {
        assert_int_equal(vt_timer_armed(&model[k].t), model[k].armed);
        armed += model[k].armed;
    }
    assert_int_equal(wheel.armed, armed);
    if (vt_rng_below(&rng, 2) == 0)
        assert_int_equal(vt_wheel_next(&wheel), i < 0 ? VT_NEVER : model[i].when);
    assert_true(wheel.next <= (i < 0 ? VT_NEVER : model[i].when));
}

static void as_a_list_would(void **state)
{
    (void)state;
    vt_rng_seed(&rng, test_seed(), 2);
    static const vt_time starts[] = {0, 65535, UINT64_C(1) << 40, VT_NEVER / 2 - 1000, VT_NEVER - 1000000000};
    for (unsigned k = 0; k < 5; k++) {
        memset(model, 0, sizeof(model));
        for (unsigned i = 0; i < TIMERS; i++)
            model[i].t.fn = model_fires;
        run_now = wheel_now = starts[k];
        vt_wheel_init(&wheel, wheel_now);
        for (unsigned i = 0; i < 10000; i++)
            model_step();
    }
}

/* A crowd in one slot: sorted once, not searched for each. */
static void a_crowd_in_one_slot(void **state)
{
    (void)state;
    enum {
        CROWD = 100000
    };
    struct ticker *k = calloc(CROWD, sizeof(*k));
    vt_rng_seed(&rng, test_seed(), 3);
    vt_wheel_init(&wheel, 0);
    for (unsigned i = 0; i < CROWD; i++)
        vt_timer_arm(&wheel, &k[i].t, (vt_time)VT_SEC + vt_rng_below(&rng, 60000));
    assert_int_equal(vt_wheel_run(&wheel, 2 * (vt_time)VT_SEC), CROWD);
    for (unsigned i = 0; i < CROWD; i++)
        vt_timer_arm(&wheel, &k[i].t, 2 * (vt_time)VT_SEC + 10);
    assert_int_equal(vt_wheel_run(&wheel, 3 * (vt_time)VT_SEC), CROWD);
    free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_exactly),
        cmocka_unit_test(equals_fire_in_the_order_of_arming),
        cmocka_unit_test(the_end_of_time),
        cmocka_unit_test(the_past_fires_at_once),
        cmocka_unit_test(disarmed_timers_are_gone),
        cmocka_unit_test(rearms_from_its_function),
        cmocka_unit_test(as_a_list_would),
        cmocka_unit_test(a_crowd_in_one_slot),
    };
    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
