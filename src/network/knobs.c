/* What a sysctl may read and change of this floor, under Linux's names and in its units, where it has such a
 * knob. */
#include <vitro/errno.h>

#include "network/net.h"

enum knob {
    KNOB_FORWARD,
    KNOB_TTL,
    KNOB_FRAG_BYTES,
    KNOB_FRAG_TIME,
    KNOB_ICMP_ERRORS,
    KNOB_ECHO_IGNORE,
    KNOBS,
};

static const struct {
    const char *name;
    int64_t least, most;
} knobs[KNOBS] = {
    [KNOB_FORWARD] = {"net.ipv4.ip_forward", 0, 1},
    [KNOB_TTL] = {"net.ipv4.ip_default_ttl", 1, 255},
    [KNOB_FRAG_BYTES] = {"net.ipv4.ipfrag_high_thresh", 65536, INT32_MAX},
    [KNOB_FRAG_TIME] = {"net.ipv4.ipfrag_time", 1, 3600},                 /* seconds */
    [KNOB_ICMP_ERRORS] = {"net.ipv4.icmp_errors_per_second", 1, 1000000}, /* to one destination */
    [KNOB_ECHO_IGNORE] = {"net.ipv4.icmp_echo_ignore_broadcasts", 0, 1},
};

static int find(const char *name)
{
    for (int i = 0; i < KNOBS; i++) {
        if (strcmp(knobs[i].name, name) == 0)
            return i;
    }
    return -VT_ENOENT;
}

const char *vt_net_knob_name(unsigned i)
{
    return i < KNOBS ? knobs[i].name : NULL;
}

int vt_net_knob_get(const struct vt_net *net, const char *name, int64_t *value)
{
    const struct vt_net_config *c = &net->config;

    switch (find(name)) {
    case KNOB_FORWARD: *value = c->forward; return 0;
    case KNOB_TTL: *value = c->ttl; return 0;
    case KNOB_FRAG_BYTES: *value = c->frag_max_bytes; return 0;
    case KNOB_FRAG_TIME: *value = c->frag_time / VT_SEC; return 0;
    case KNOB_ICMP_ERRORS: *value = c->icmp_rate; return 0;
    case KNOB_ECHO_IGNORE: *value = !c->echo_broadcast; return 0;
    default: return -VT_ENOENT;
    }
}

int vt_net_knob_set(struct vt_net *net, const char *name, int64_t value)
{
    struct vt_net_config *c = &net->config;
    int knob = find(name);

    if (knob < 0)
        return knob;
    if (value < knobs[knob].least || value > knobs[knob].most)
        return -VT_EINVAL;
    switch (knob) {
    case KNOB_FORWARD: c->forward = value != 0; break;
    case KNOB_TTL: c->ttl = (uint8_t)value; break;
    case KNOB_FRAG_BYTES: c->frag_max_bytes = (uint32_t)value; break;
    case KNOB_FRAG_TIME: c->frag_time = value * VT_SEC; break;
    case KNOB_ICMP_ERRORS: c->icmp_rate = (uint32_t)value; break;
    default: c->echo_broadcast = value == 0; break;
    }
    return 0;
}
