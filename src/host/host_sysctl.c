#include "internal.h"

static const char arp_notify[] = "net.ipv4.conf.all.arp_notify";

int vt_host_sysctl_get(struct vt_host *h, const char *name, int64_t *value)
{
    int error;

    if (name == NULL || value == NULL)
        return -VT_EFAULT;
    if (strcmp(name, arp_notify) == 0) {
        *value = h->arp_notify;
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
    error = vt_net_knob_set(h->net, name, value);
    return error != -VT_ENOENT ? error : vt_tcp_knob_set(h->tcp, name, value);
}
