/* An account of frames, kept from events alone: each frame that left a port came out at a port or ended for
 * one named reason; so did each copy that a cable made. It knows nothing of the lens, whose account it
 * checks.
 */
#ifndef VT_TESTS_LAB_LEDGER_H
#define VT_TESTS_LAB_LEDGER_H

#include <vitro/event.h>

struct ledger_node {
    uint8_t *open; /* by event id: copies of the frame that are on their way */
    uint64_t cap;
};

struct ledger {
    struct ledger_node *node;
    uint32_t nodes;
    uint64_t sent, copies, came, ended;
    uint64_t by_reason[VT_DROP_COUNT]; /* of `ended` */
    uint64_t drops[VT_DROP_COUNT];     /* all that ended anywhere, on cables or in nodes */
    uint64_t astray;                   /* arrivals and ends of what was not on its way */
};

void ledger_event(void *ledger, const struct vt_event *ev, const void *extra);
/* Frames that are still on the way. */
uint64_t ledger_open(const struct ledger *l);
/* Asserts that it balances, nothing being on the way. */
void ledger_check(const struct ledger *l);
void ledger_free(struct ledger *l);

#endif
