#include "transport/tcp_knobs.h"

#include "transport/transport.h"

struct knob {
    const char *name;
    size_t offset;
    int64_t dflt, least, most;
};

static const struct knob knobs[] = {
#define X(field, name, dflt, least, most) {name, offsetof(struct vt_tcp_knobs, field), dflt, least, most},
    VT_TCP_KNOB_LIST(X)
#undef X
};

#define KNOBS (sizeof(knobs) / sizeof(knobs[0]))

void vt_tcp_knobs_init(struct vt_tcp_knobs *k)
{
    for (size_t i = 0; i < KNOBS; i++)
        memcpy((uint8_t *)k + knobs[i].offset, &knobs[i].dflt, sizeof(int64_t));
}

static const struct knob *find(const char *name)
{
    for (size_t i = 0; i < KNOBS; i++)
        if (strcmp(knobs[i].name, name) == 0)
            return &knobs[i];
    return NULL;
}

int vt_tcp_knobs_get(const struct vt_tcp_knobs *k, const char *name, int64_t *value)
{
    const struct knob *knob = find(name);
    if (knob == NULL)
        return -VT_ENOENT;
    memcpy(value, (const uint8_t *)k + knob->offset, sizeof(*value));
    return 0;
}

int vt_tcp_knobs_set(struct vt_tcp_knobs *k, const char *name, int64_t value)
{
    const struct knob *knob = find(name);
    if (knob == NULL)
        return -VT_ENOENT;
    if (value < knob->least || value > knob->most)
        return -VT_EINVAL;
    memcpy((uint8_t *)k + knob->offset, &value, sizeof(value));
    return 0;
}

const char *vt_tcp_knob_name(unsigned i)
{
    return i < KNOBS ? knobs[i].name : NULL;
}
