#include "core.h"

#include "check.h"

void vt_drop_note(struct vt_core *c, const struct vt_pbuf *p, enum vt_drop reason, uint32_t iface,
                  uint32_t conn)
{
    VT_ASSERT(reason > VT_DROP_NONE && reason < VT_DROP_COUNT);
    c->drops[reason]++;
    struct vt_event *e = vt_event_begin(&c->ev, VT_EV_DROP, VT_DOC_NONE);
    if (e == NULL)
        return;
    e->layer = (uint8_t)vt_drop_layer(reason);
    e->iface = iface;
    e->conn = conn;
    e->u.drop.reason = reason;
    if (p != NULL) {
        if (p->ev.n != 0) {
            e->cause = p->ev.n;
            e->cause_node = p->ev.node;
        }
        e->mark = p->mark;
        e->u.drop.len = p->len;
    }
    vt_event_end(&c->ev, e, NULL, 0);
}

void vt_drop(struct vt_core *c, struct vt_pbuf *p, enum vt_drop reason, uint32_t iface, uint32_t conn)
{
    vt_drop_note(c, p, reason, iface, conn);
    vt_pbuf_free(p);
}
