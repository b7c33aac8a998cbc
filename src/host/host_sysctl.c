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

/* The number that a text is, whole; 0x and a sign are understood. */
static bool to_number(const char *text, int64_t *value)
{
    bool minus = *text == '-';
    uint64_t v = 0;
    unsigned base = 10;

    text += minus;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    if (*text == 0)
        return false;
    for (; *text != 0; text++) {
        unsigned d = *text >= '0' && *text <= '9'   ? (unsigned)(*text - '0')
                     : *text >= 'a' && *text <= 'f' ? (unsigned)(*text - 'a') + 10
                     : *text >= 'A' && *text <= 'F' ? (unsigned)(*text - 'A') + 10
                                                    : base;

        if (d >= base || v > ((uint64_t)INT64_MAX - d) / base)
            return false;
        v = v * base + d;
    }
    *value = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

static int number_text(int64_t value, char *buf, size_t size)
{
    char digits[24];
    size_t n = 0, at = 0;
    uint64_t v = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    if (value < 0)
        digits[n++] = '-';
    if (n + 1 > size)
        return -VT_ENOSPC;
    while (n != 0)
        buf[at++] = digits[--n];
    buf[at] = 0;
    return 0;
}

int vt_host_sysctl_get_text(struct vt_host *h, const char *name, char *buf, size_t size)
{
    int64_t value;
    int error;

    if (name == NULL || buf == NULL)
        return -VT_EFAULT;
    error = vt_tcp_knob_get_text(h->tcp, name, buf, size);
    if (error != -VT_ENOENT)
        return error;
    error = vt_host_sysctl_get(h, name, &value);
    return error != 0 ? error : number_text(value, buf, size);
}

int vt_host_sysctl_set_text(struct vt_host *h, const char *name, const char *text)
{
    int64_t value;
    int error;

    if (name == NULL || text == NULL)
        return -VT_EFAULT;
    error = vt_tcp_knob_set_text(h->tcp, name, text);
    if (error != -VT_ENOENT)
        return error;
    if (vt_host_sysctl_get(h, name, &value) == -VT_ENOENT)
        return -VT_ENOENT;
    return to_number(text, &value) ? vt_host_sysctl_set(h, name, value) : -VT_EINVAL;
}
