/* What is known of paths' MTUs (RFC 1191): a bounded table of destinations whose path carries less than the
 * first hop. Only a quote that matched something of ours gets here (RFC 5927 7). */
#include "network/net.h"

static struct vt_pmtu *set_of(struct vt_net *net, struct vt_ip dst)
{
    return net->pmtu[vt_net_hash(net, VT_HASH_PMTU, VT_IP_ANY, dst, 0, 0) % VT_PMTU_SETS];
}

static struct vt_pmtu *find(struct vt_net *net, struct vt_ip dst)
{
    struct vt_pmtu *set = set_of(net, dst);

    for (unsigned i = 0; i < VT_PMTU_WAYS; i++) {
        if (set[i].mtu != 0 && vt_ip_eq(set[i].dst, dst))
            return &set[i];
    }
    return NULL;
}

uint32_t vt_pmtu_get(struct vt_net *net, struct vt_ip dst, vt_time *until)
{
    struct vt_pmtu *e = find(net, dst);

    *until = VT_NEVER;
    if (e == NULL)
        return VT_PMTU_UNKNOWN;
    if (net->core->now >= e->until) {
        /* RFC 1191 6.3: forgotten, so that a path that has got wider is found out. */
        e->mtu = 0;
        vt_net_changed(net);
        return VT_PMTU_UNKNOWN;
    }
    *until = e->until;
    return e->mtu;
}

uint32_t vt_pmtu_claim(uint32_t claimed, uint32_t quoted_len)
{
    /* RFC 1191 7.1, those above the floor. */
    static const uint16_t plateau[] = {65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006};

    if (claimed == 0) {
        claimed = VT_PMTU_FLOOR;
        for (unsigned i = 0; i < sizeof plateau / sizeof *plateau; i++) {
            if (plateau[i] < quoted_len) {
                claimed = plateau[i];
                break;
            }
        }
    }
    /* A forged claim of 68 would have us send 28 bytes a packet (V36). */
    return claimed < VT_PMTU_FLOOR ? VT_PMTU_FLOOR : claimed;
}

void vt_pmtu_learn(struct vt_net *net, struct vt_ip dst, uint32_t mtu)
{
    struct vt_pmtu *set = set_of(net, dst), *e = find(net, dst);

    /* RFC 1191 3: an error may lower the estimate, never raise it. */
    if (mtu >= vt_net_path_mtu(net, dst))
        return;
    if (e == NULL) {
        /* A free or expired entry, else that which would be the first to expire. */
        e = &set[0];
        for (unsigned i = 0; i < VT_PMTU_WAYS && e->mtu != 0; i++) {
            if (set[i].mtu == 0 || set[i].until < e->until)
                e = &set[i];
        }
    }
    *e = (struct vt_pmtu){.dst = dst, .mtu = mtu, .until = vt_time_add(net->core->now, VT_PMTU_AGE)};
    vt_net_changed(net);
}
