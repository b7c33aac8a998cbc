/* The congestion controllers there are; the first is the default. */
#include "transport/cc.h"

static const struct vt_cc_ops *const controllers[] = {&vt_cc_cubic, &vt_cc_reno, &vt_cc_bbr, &vt_cc_dctcp};

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

void vt_cc_start(struct vt_cc *cc, uint32_t mss, uint32_t iw)
{
    vt_cc_release(cc);
    cc->ops->init(cc, mss, iw);
}

void vt_cc_release(struct vt_cc *cc)
{
    if (cc->ops != NULL && cc->ops->release != NULL)
        cc->ops->release(cc);
    memset(&cc->u, 0, sizeof(cc->u));
}

void vt_cc_switch(struct vt_cc *cc, const struct vt_cc_ops *ops)
{
    if (cc->ops == ops)
        return;
    vt_cc_release(cc);
    cc->ops = ops;
    if (cc->mss != 0 && ops->take_over != NULL) /* begun already */
        ops->take_over(cc);
}
