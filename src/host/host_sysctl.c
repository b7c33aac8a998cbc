#include "internal.h"

static const char arp_notify[] = "net.ipv4.conf.all.arp_notify";
static const char mcast_solicit[] = "net.ipv4.neigh.default.mcast_solicit";

#define MCAST_SOLICIT 3 /* RFC 1122 2.3.2.1 leaves it open; Linux asks three times */

static int set_arp_probes(struct vt_host *h, int64_t value)
{
    if (value < 1 || value > 1000)
        return -VT_EINVAL;
    h->arp_probes = (uint32_t)value;
    for (struct vt_host_if *i = h->ifs; i != NULL; i = i->next)
        if (i->eth != NULL)
            vt_eth_set_probes(i->eth, h->arp_probes);
    return 0;
}

int vt_host_sysctl_get(struct vt_host *h, const char *name, int64_t *value)
{
    int error;

    if (name == NULL || value == NULL)
        return -VT_EFAULT;
    if (strcmp(name, arp_notify) == 0) {
        *value = h->arp_notify;
        return 0;
    }
    if (strcmp(name, mcast_solicit) == 0) {
        *value = h->arp_probes != 0 ? h->arp_probes : MCAST_SOLICIT;
        return 0;
    }
    error = vt_net_knob_get(h->net, name, value);
    return error != -VT_ENOENT ? error : vt_tcp_knob_get(h->tcp, name, value);
}

int vt_host_sysctl_set(struct vt_host *h, const char *name, int64_t value)
{
    int error;

    if (name == NULL)
        return -VT_EFAULT;
    if (strcmp(name, arp_notify) == 0) {
        if (value < 0 || value > 1)
            return -VT_EINVAL;
        h->arp_notify = value != 0;
        return 0;
    }
    if (strcmp(name, mcast_solicit) == 0)
        return set_arp_probes(h, value);
    error = vt_net_knob_set(h->net, name, value);
    return error != -VT_ENOENT ? error : vt_tcp_knob_set(h->tcp, name, value);
}
