/* What SPIN finds of two handshakes (models/run two-ghost, two-wait): its shortest ways, a step a line.
 * `models/run` compares them with what it finds. A segment is: flags (1 FIN, 2 SYN, 4 RST, 8 ACK), number,
 * acknowledgement. */
#ifndef VT_CLI_TWO_TRAILS_H
#define VT_CLI_TWO_TRAILS_H

static const char *const two_ghost[] = {
    "old", "send a 2 0 0", "take b 2 0 0", "send b 10 8 1", "ghost",
};
static const char *const two_wait[] = {
    "open a",       "send a 2 8 0", "take b 2 8 0", "send b 10 8 9", "lose a 10 8 9", "timer a",
    "send a 2 8 0", "take b 2 8 0", "send b 8 9 9", "take a 8 9 9",  "cycle",
};

#endif
