/* The congestion controllers there are; the first is the default. */
#include "transport/cc.h"

static const struct vt_cc_ops *const controllers[] = {&vt_cc_cubic, &vt_cc_reno};

#define CONTROLLERS (sizeof(controllers) / sizeof(controllers[0]))

const struct vt_cc_ops *vt_cc_at(unsigned i)
{
    return i < CONTROLLERS ? controllers[i] : NULL;
}

const struct vt_cc_ops *vt_cc_find(const char *name, size_t len)
{
    for (size_t i = 0; i < CONTROLLERS; i++)
        if (strlen(controllers[i]->name) == len && memcmp(controllers[i]->name, name, len) == 0)
            return controllers[i];
    return NULL;
}
