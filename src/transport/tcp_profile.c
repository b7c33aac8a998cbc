#include "transport/tcp_profile.h"

#define FIELD(f) offsetof(struct vt_tcp_knobs, f)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define LINUX(field, linux_way, freebsd_way, meaning)   .field = linux_way,
#define FREEBSD(field, linux_way, freebsd_way, meaning) .field = freebsd_way,

/* FreeBSD 14's values where they differ from Linux's. */
static const struct vt_tcp_default freebsd_defaults[] = {
    {FIELD(keepalive_probes), 8},    {FIELD(rmem_default), 65536}, {FIELD(rmem_max), 2097152},
    {FIELD(wmem_default), 32768},    {FIELD(wmem_max), 2097152},   {FIELD(rto_min_us), 30000},
    {FIELD(rto_max_ms), 64000},      {FIELD(rexmit_slop_ms), 200}, {FIELD(keepinit_ms), 75000},
    {FIELD(retries2), 12},           {FIELD(max_quickacks), 0},    {FIELD(adv_win_scale), 0},
    {FIELD(syn_linear_timeouts), 0}, {FIELD(fastopen), 1},         {FIELD(core_rmem_max), 2097152},
    {FIELD(early_retrans), 0},       {FIELD(port_low), 10000},     {FIELD(port_high), 65535},
};

static const struct vt_tcp_alias freebsd_aliases[] = {
    {"kern.ipc.maxsockbuf", FIELD(rmem_max), 1, 1, 2304, INT32_MAX, 0},
    {"kern.ipc.maxsockbuf", FIELD(core_rmem_max), 1, 1, 2304, INT32_MAX, 0},
    {"kern.ipc.maxsockbuf", FIELD(wmem_max), 1, 1, 4608, INT32_MAX, 0},
    {"kern.ipc.soacceptqueue", FIELD(somaxconn), 1, 1, 0, INT32_MAX, 0},
    {"kern.ipc.somaxconn", FIELD(somaxconn), 1, 1, 0, INT32_MAX, 0},
    {"net.inet.ip.portrange.first", FIELD(port_low), 1, 1, 1, 65535, 0},
    {"net.inet.ip.portrange.last", FIELD(port_high), 1, 1, 1, 65535, 0},
    {"net.inet.tcp.delacktime", FIELD(delack_ms), 1, 1, 0, 499, 0},
    {"net.inet.tcp.fastopen.client_enable", FIELD(fastopen), 1, 1, 0, 1, 1},
    {"net.inet.tcp.fastopen.server_enable", FIELD(fastopen), 1, 1, 0, 1, 2},
    {"net.inet.tcp.finwait2_timeout", FIELD(fin_timeout), 1, 1000, 0, 3600000, 0},
    {"net.inet.tcp.initcwnd_segments", FIELD(init_cwnd), 1, 1, 1, 1000, 0},
    {"net.inet.tcp.keepcnt", FIELD(keepalive_probes), 1, 1, 1, 127, 0},
    {"net.inet.tcp.keepidle", FIELD(keepalive_time), 1, 1000, 1, 32767000, 0},
    {"net.inet.tcp.keepintvl", FIELD(keepalive_intvl), 1, 1000, 1, 32767000, 0},
    {"net.inet.tcp.maxtcptw", FIELD(max_tw_buckets), 1, 1, 0, INT32_MAX, 0},
    {"net.inet.tcp.minmss", FIELD(min_snd_mss), 1, 1, 48, 1460, 0},
    {"net.inet.tcp.msl", FIELD(msl), 1, 1000, 0, 600000, 0},
    {"net.inet.tcp.reass.maxqueuelen", FIELD(ooo_runs), 1, 1, 4, 4096, 0},
    {"net.inet.tcp.recvspace", FIELD(rmem_default), 1, 1, 2304, INT32_MAX, 0},
    {"net.inet.tcp.rexmit_initial", FIELD(rto_initial_ms), 1, 1, 1, 60000, 0},
    {"net.inet.tcp.rexmit_min", FIELD(rto_min_us), 1000, 1, 1, 60000, 0},
    {"net.inet.tcp.rfc1323", FIELD(timestamps), 1, 1, 0, 1, 0},
    {"net.inet.tcp.rfc1323", FIELD(window_scaling), 1, 1, 0, 1, 0},
    {"net.inet.tcp.sack.enable", FIELD(sack), 1, 1, 0, 1, 0},
    {"net.inet.tcp.syncookies", FIELD(syncookies), 1, 1, 0, 1, 1},
    {"net.inet.tcp.syncookies_only", FIELD(syncookies), 1, 1, 0, 1, 2},
    {"net.inet.tcp.sendspace", FIELD(wmem_default), 1, 1, 4608, INT32_MAX, 0},
};

static const struct vt_tcp_profile profiles[] = {
    {.name = "linux", .habit = {VT_TCP_HABIT_LIST(LINUX)}},
    {
        .name = "freebsd",
        .habit = {VT_TCP_HABIT_LIST(FREEBSD)},
        .defaults = freebsd_defaults,
        .aliases = freebsd_aliases,
        .ndefaults = COUNT(freebsd_defaults),
        .naliases = COUNT(freebsd_aliases),
    },
};

const struct vt_tcp_profile *vt_tcp_profile_find(const char *name)
{
    for (size_t i = 0; i < COUNT(profiles); i++)
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    return NULL;
}
