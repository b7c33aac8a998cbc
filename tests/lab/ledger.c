#include "base/testing.h"
#include "ledger.h"

/* The place of a frame's departure, made when it is not there. */
static uint8_t *place(struct ledger *l, uint32_t node, uint64_t id)
{
    if (node >= l->nodes) {
        l->node = realloc(l->node, (node + 1) * sizeof *l->node);
        assert_non_null(l->node);
        memset(l->node + l->nodes, 0, (node + 1 - l->nodes) * sizeof *l->node);
        l->nodes = node + 1;
    }
    struct ledger_node *n = &l->node[node];
    if (id >= n->cap) {
        uint64_t cap = id + id / 2 + 1024;
        n->open = realloc(n->open, cap);
        assert_non_null(n->open);
        memset(n->open + n->cap, 0, cap - n->cap);
        n->cap = cap;
    }
    return &n->open[id];
}

/* One copy has ended its way. False when its cause is no departure: it ended elsewhere than on the way. */
static bool off_the_way(struct ledger *l, const struct vt_event *ev)
{
    if (ev->cause == 0 || ev->cause_node >= l->nodes || ev->cause >= l->node[ev->cause_node].cap)
        return false;
    uint8_t *open = &l->node[ev->cause_node].open[ev->cause];
    if (*open == 0)
        return false;
    --*open;
    return true;
}

void ledger_event(void *ledger, const struct vt_event *ev, const void *extra)
{
    struct ledger *l = ledger;
    (void)extra;
    switch (ev->kind) {
    case VT_EV_PORT_TX:
        l->sent++;
        *place(l, ev->node, ev->id) = 1;
        break;
    case VT_EV_PORT_RX:
        l->came++;
        l->astray += !off_the_way(l, ev);
        break;
    case VT_EV_IMPAIR:
        if (ev->u.impair.kind == VT_IMPAIR_DUPLICATE) {
            l->copies++;
            ++*place(l, ev->cause_node, ev->cause);
        }
        break;
    case VT_EV_DROP:
        assert_in_range(ev->u.drop.reason, VT_DROP_NONE + 1, VT_DROP_COUNT - 1);
        l->drops[ev->u.drop.reason]++;
        if (off_the_way(l, ev)) {
            l->ended++;
            l->by_reason[ev->u.drop.reason]++;
        } else if (vt_drop_layer(ev->u.drop.reason) == VT_L_PHYSICAL) {
            l->astray++; /* the physical floor ends frames that have left a port, and no others */
        }
        break;
    default: break;
    }
}

uint64_t ledger_open(const struct ledger *l)
{
    uint64_t open = 0;
    for (uint32_t n = 0; n < l->nodes; n++)
        for (uint64_t i = 0; i < l->node[n].cap; i++)
            open += l->node[n].open[i];
    return open;
}

void ledger_check(const struct ledger *l)
{
    uint64_t reasons = 0;
    for (unsigned i = 0; i < VT_DROP_COUNT; i++)
        reasons += l->by_reason[i];
    assert_int_equal(l->astray, 0);
    assert_int_equal(ledger_open(l), 0);
    assert_int_equal(reasons, l->ended);
    assert_int_equal(l->sent + l->copies, l->came + l->ended);
}

void ledger_free(struct ledger *l)
{
    for (uint32_t n = 0; n < l->nodes; n++)
        free(l->node[n].open);
    free(l->node);
    memset(l, 0, sizeof *l);
}
