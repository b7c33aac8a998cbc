/* The interpreter: events in their order, virtual time between them. */
#include "run.h"

#include <errno.h>
#include <stdlib.h>
#include "base/text.h"
#include "network/network.h"
#include "op.h"

#define IDLE_STEPS 10000000u /* of one wait: a host that asks for more has gone mad */

/* ---- Time ---- */

const char *drill_time_text(struct drill_arena *a, vt_span t)
{
    return drill_printf(a, "%s%lld.%06lld", t < 0 ? "-" : "", (long long)(llabs(t) / VT_SEC),
                        (long long)(llabs(t) % VT_SEC / VT_USEC));
}

void drill_tell(struct drill_run *r, const char *format, ...)
{
    va_list ap;

    if (r->config->live == NULL)
        return;
    va_start(ap, format);
    fprintf(r->config->live, "%10s  %s\n", drill_time_text(r->arena, drill_script_time(r, r->now)),
            drill_vprintf(r->arena, format, ap));
    va_end(ap);
}

bool drill_step(struct drill_run *r)
{
    r->next = vt_host_poll(r->host, r->now);
    if (r->device.sent >= DRILL_SENT_MAX)
        return drill_fail(r->error, r->event->place, "the host has sent %u packets: that has no end",
                          DRILL_SENT_MAX);
    return r->pending == NULL || drill_op_step(r);
}

bool drill_advance_once(struct drill_run *r, vt_time limit, bool *moved)
{
    vt_time next = r->next;

    if (r->pending != NULL)
        next = vt_time_min(next, r->pending->deadline);
    *moved = next != VT_NEVER && next <= limit;
    if (*moved || limit != VT_NEVER) {
        next = *moved ? next : limit;
        r->now = next > r->now ? next : r->now;
    }
    return drill_step(r);
}

bool drill_advance(struct drill_run *r, vt_time to)
{
    bool moved = true;

    for (unsigned n = 0; r->now < to && moved; n++) {
        if (n == IDLE_STEPS)
            return drill_fail(r->error, r->event->place, "the host is busy without end");
        if (!drill_advance_once(r, to, &moved))
            return false;
    }
    return true;
}

/* The script's own tolerance, or a share of the time since the event before: timers are coarser the longer
 * they run. */
static vt_span tolerance(const struct drill_run *r, bool since_known, vt_span since)
{
    vt_span share = since / (100 * DRILL_PERCENT) * r->options->tolerance_percent;

    return since_known && share > r->options->tolerance ? share : r->options->tolerance;
}

bool drill_check_time(struct drill_run *r, const struct drill_event *e, bool of_end, vt_time at,
                      const char *what)
{
    vt_span when = drill_script_time(r, at), from = of_end ? e->call->end : e->start;
    vt_span to = !of_end && e->end > from ? e->end : from, slack;
    const char *range;

    if (e->time_kind == DRILL_ANY_TIME)
        return true;
    if (of_end)
        slack = tolerance(r, true, from - e->start);
    else
        slack = tolerance(r, r->last != NULL, r->last != NULL ? from - r->last->start : 0);
    if (when >= from - slack && when <= to + slack)
        return true;
    range = to != from ? drill_printf(r->arena, "%s~%s", drill_time_text(r->arena, from),
                                      drill_time_text(r->arena, to))
                       : drill_time_text(r->arena, from);
    return drill_fail(r->error, e->place, "%s at %s s, but it happened at %s s (tolerance %s s)", what, range,
                      drill_time_text(r->arena, when), drill_time_text(r->arena, slack));
}

/* ---- Events ---- */

static bool comes_in(const struct drill_event *e)
{
    return e->kind == DRILL_PACKET && e->packet->inbound;
}

/* Relative times become absolute: packets that come in one after another count from each other, all else from
 * now. */
static void place_in_time(struct drill_run *r, struct drill_event *e)
{
    if (e->time_kind == DRILL_AT || e->time_kind == DRILL_AT_RANGE)
        return;
    e->offset = drill_script_time(r, r->now);
    if (r->last != NULL && comes_in(r->last) && comes_in(e))
        e->offset = r->last->start;
    e->start += e->offset;
    if (e->time_kind == DRILL_AFTER_RANGE)
        e->end += e->offset;
    if (e->kind == DRILL_SYSCALL && e->call->blocking)
        e->call->end += e->offset;
}

static bool check_order(struct drill_run *r, const struct drill_event *e)
{
    const struct drill_event *last = r->last;

    if (last == NULL && e->start != 0 && e->time_kind != DRILL_ANY_TIME)
        return drill_fail(r->error, e->place, "the first event must be at time 0");
    if (last != NULL && last->time_kind == DRILL_AT && e->time_kind == DRILL_AT && e->start < last->start)
        return drill_fail(r->error, e->place, "time goes back here, from %s s to %s s",
                          drill_time_text(r->arena, last->start), drill_time_text(r->arena, e->start));
    return true;
}

static bool wait_for(struct drill_run *r, const char *what)
{
    return drill_advance(r, r->start + (vt_time)r->event->start) &&
           drill_check_time(r, r->event, false, r->now, what);
}

static bool run_event(struct drill_run *r)
{
    const struct drill_event *e = r->event;

    switch (e->kind) {
    case DRILL_PACKET: return drill_run_packet(r);
    case DRILL_SYSCALL: return wait_for(r, e->call->name) && drill_run_call(r);
    case DRILL_SHELL: return wait_for(r, "shell line") && drill_run_shell(r, e->text, e->text_place);
    case DRILL_CODE: return wait_for(r, "code block") && drill_run_code(r);
    }
    return false;
}

static bool run_events(struct drill_run *r)
{
    for (struct drill_event *e = r->script->events; e != NULL; e = e->next) {
        r->event = e;
        if (!check_order(r, e))
            return false;
        place_in_time(r, e);
        if (!run_event(r))
            return false;
        r->last = e;
        r->events++;
    }
    return drill_op_settle(r);
}

/* ---- The host ---- */

static bool make_host(struct drill_run *r)
{
    const struct drill_options *o = r->options;
    struct vt_ip gateway = o->gateway;
    char ip[VT_IP_TEXT], via[VT_IP_TEXT];
    const char *addr;

    if (!vt_ip_is4(o->local) || !vt_ip_is4(o->remote))
        return drill_skip(r->error, (struct drill_place){0}, "IPv6 is not here yet");
    drill_device_init(&r->device, r->arena, o->mtu);
    r->host = vt_host_new(&(struct vt_host_config){.name = "host",
                                                   .profile = o->profile,
                                                   .seed = r->config->seed + 1,
                                                   .node = 1,
                                                   .now = DRILL_EPOCH,
                                                   .sums_portable = true});
    if (r->host == NULL)
        return drill_fail(r->error, (struct drill_place){0}, "no memory for a host");
    drill_listen(r);
    addr = drill_printf(r->arena, "%s/%u", vt_ip_text(ip, o->local), o->prefix);
    /* Packetdrill's own suite names the host itself as the gateway. A device without a link header asks
     * nobody who that is: any other address of the network will do. */
    if (vt_ip_eq(gateway, o->local))
        gateway = vt_ip_from4(vt_ip_to4(o->local) ^ (o->prefix < 31 ? 3u : 1u));
    if (vt_host_attach(r->host, &r->device.dev, addr) < 0)
        return drill_fail(r->error, (struct drill_place){0}, "the host does not take the address %s", addr);
    if (vt_host_add_route(r->host, "default", vt_ip_text(via, gateway)) != 0)
        return drill_fail(r->error, (struct drill_place){0}, "the host does not take the gateway %s", via);
    r->start = r->now = r->next = DRILL_EPOCH;
    return true;
}

static bool run_script(struct drill_run *r)
{
    const struct drill_script *s = r->script;

    if (!make_host(r))
        return false;
    r->event = s->events;
    if (s->init != NULL && !drill_run_shell(r, s->init, s->init_place))
        return false;
    if (!run_events(r))
        return false;
    if (s->cleanup != NULL && !drill_run_shell(r, s->cleanup, s->cleanup_place))
        return false;
    return !r->config->strict || drill_check_leftovers(r);
}

static void take_down(struct drill_run *r)
{
    if (r->host != NULL)
        vt_host_free(r->host);
    drill_device_fini(&r->device);
}

/* The ladder hears of the host until it is gone. */
static bool run_and_take_down(struct drill_run *r)
{
    bool ok = run_script(r);

    take_down(r);
    return ok;
}

/* ---- Results ---- */

static char *copy(const char *s)
{
    char *text = s != NULL ? strdup(s) : NULL;

    if (s != NULL && text == NULL) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return text;
}

static void fill_in(struct vt_drill_result *result, const struct drill_error *e, const char *name)
{
    result->outcome = !e->set ? VT_DRILL_PASSED : e->skip ? VT_DRILL_SKIPPED : VT_DRILL_FAILED;
    result->file = copy(e->set && e->file != NULL ? e->file : name);
    if (!e->set)
        return;
    result->line = e->place.line;
    result->column = e->place.column;
    result->message = copy(e->message);
    result->expected = copy(e->expected);
    result->actual = copy(e->actual);
}

void vt_drill_run_text(const char *name, const char *text, size_t len, const struct vt_drill_config *config,
                       struct vt_drill_result *result)
{
    struct drill_arena arena = {NULL};
    struct drill_error error = {.arena = &arena};
    struct drill_script script = {.path = name};
    struct drill_run *r = drill_alloc(&arena, sizeof *r);

    *result = (struct vt_drill_result){0};
    r->script = &script;
    r->options = &script.options;
    r->config = config;
    r->arena = &arena;
    r->error = &error;
    r->scratch = drill_alloc(&arena, DRILL_WIRE_MAX + 1);
    if (drill_parse(&script, text, len, config->options, config->noptions, &error) &&
        !script.options.dry_run) {
        drill_run_ladder(r, run_and_take_down, &result->ladder);
        result->duration = r->now - r->start;
    }
    fill_in(result, &error, name);
    drill_arena_free(&arena);
}

void vt_drill_run_file(const char *path, const struct vt_drill_config *config, struct vt_drill_result *result)
{
    struct drill_arena arena = {NULL};
    struct drill_error error = {.arena = &arena};
    size_t len;
    char *text = drill_read_file(&arena, path, &len);

    if (text != NULL) {
        vt_drill_run_text(path, text, len, config, result);
    } else {
        *result = (struct vt_drill_result){0};
        drill_fail(&error, (struct drill_place){0}, "it cannot be read: %s", strerror(errno));
        fill_in(result, &error, path);
    }
    drill_arena_free(&arena);
}

void vt_drill_result_free(struct vt_drill_result *result)
{
    free(result->file);
    free(result->message);
    free(result->expected);
    free(result->actual);
    free(result->ladder);
    *result = (struct vt_drill_result){0};
}
