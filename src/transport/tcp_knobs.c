#include "transport/tcp_knobs.h"

#include "transport/tcp_profile.h"
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

static int64_t read(const struct vt_tcp_knobs *k, size_t offset)
{
    int64_t value;
    memcpy(&value, (const uint8_t *)k + offset, sizeof(value));
    return value;
}

static void write(struct vt_tcp_knobs *k, size_t offset, int64_t value)
{
    memcpy((uint8_t *)k + offset, &value, sizeof(value));
}

void vt_tcp_knobs_init(struct vt_tcp_knobs *k, const struct vt_tcp_profile *profile)
{
    for (size_t i = 0; i < KNOBS; i++)
        write(k, knobs[i].offset, knobs[i].dflt);
    for (size_t i = 0; i < profile->ndefaults; i++)
        write(k, profile->defaults[i].field, profile->defaults[i].value);
}

/* Names of FreeBSD's are to be had where there are aliases: in its profile. */
static const struct knob *find(const struct vt_tcp_profile *profile, const char *name)
{
    if (profile->naliases == 0 && strncmp(name, "net.inet.", 9) == 0)
        return NULL;
    for (size_t i = 0; i < KNOBS; i++)
        if (strcmp(knobs[i].name, name) == 0)
            return &knobs[i];
    return NULL;
}

int vt_tcp_knobs_get(const struct vt_tcp_knobs *k, const struct vt_tcp_profile *profile, const char *name,
                     int64_t *value)
{
    const struct knob *knob = find(profile, name);
    if (knob != NULL) {
        *value = read(k, knob->offset);
        return 0;
    }
    for (size_t i = 0; i < profile->naliases; i++) {
        const struct vt_tcp_alias *a = &profile->aliases[i];
        if (strcmp(a->name, name) != 0)
            continue;
        *value = a->bit != 0 ? (read(k, a->field) & a->bit) != 0 : read(k, a->field) * a->per / a->times;
        return 0;
    }
    return -VT_ENOENT;
}

int vt_tcp_knobs_set(struct vt_tcp_knobs *k, const struct vt_tcp_profile *profile, const char *name,
                     int64_t value)
{
    const struct knob *knob = find(profile, name);
    int error = -VT_ENOENT;
    if (knob != NULL) {
        if (value < knob->least || value > knob->most)
            return -VT_EINVAL;
        write(k, knob->offset, value);
        return 0;
    }
    for (size_t i = 0; i < profile->naliases; i++) { /* one name may stand for several knobs */
        const struct vt_tcp_alias *a = &profile->aliases[i];
        if (strcmp(a->name, name) != 0)
            continue;
        if (value < a->least || value > a->most)
            return -VT_EINVAL;
        if (a->bit != 0)
            value = value != 0 ? read(k, a->field) | a->bit : read(k, a->field) & ~a->bit;
        write(k, a->field, (value * a->times + a->per - 1) / a->per);
        error = 0;
    }
    return error;
}

const char *vt_tcp_knobs_name(const struct vt_tcp_profile *profile, unsigned i)
{
    for (size_t k = 0; k < KNOBS; k++)
        if (find(profile, knobs[k].name) != NULL && i-- == 0)
            return knobs[k].name;
    return i < profile->naliases ? profile->aliases[i].name : NULL;
}
