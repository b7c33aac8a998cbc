/* TCP's knobs, by their sysctl names: one row each, name, default, least, most. Per host. */
#ifndef VT_TRANSPORT_TCP_KNOBS_H
#define VT_TRANSPORT_TCP_KNOBS_H

#include <vitro/types.h>

/* X(field, name, default, least, most). Units are Linux's: seconds where its sysctl has seconds. Names with a
 * last word of our own (`_min`, `_default`, `_max`) are the members of Linux's triples; `_ms` and `_mb` say
 * the unit. */
#define VT_TCP_KNOB_LIST(X)                                                                   \
    X(keepalive_time, "net.ipv4.tcp_keepalive_time", 7200, 1, 32767)                          \
    X(keepalive_intvl, "net.ipv4.tcp_keepalive_intvl", 75, 1, 32767)                          \
    X(keepalive_probes, "net.ipv4.tcp_keepalive_probes", 10, 1, 127) /* S16's ten; Linux 9 */ \
    X(syn_retries, "net.ipv4.tcp_syn_retries", 6, 1, 127)                                     \
    X(synack_retries, "net.ipv4.tcp_synack_retries", 5, 0, 255)                               \
    X(retries2, "net.ipv4.tcp_retries2", 15, 0, 255)                                          \
    X(orphan_retries, "net.ipv4.tcp_orphan_retries", 0, 0, 255)                               \
    X(fin_timeout, "net.ipv4.tcp_fin_timeout", 60, 0, 3600)                                   \
    X(msl, "net.ipv4.tcp_msl", 30, 0, 600)                                                    \
    X(max_tw_buckets, "net.ipv4.tcp_max_tw_buckets", 131072, 0, INT32_MAX)                    \
    X(max_orphans, "net.ipv4.tcp_max_orphans", 65536, 0, INT32_MAX)                           \
    X(max_syn_backlog, "net.ipv4.tcp_max_syn_backlog", 1024, 1, INT32_MAX)                    \
    X(somaxconn, "net.core.somaxconn", 4096, 0, INT32_MAX)                                    \
    X(max_conns, "net.ipv4.tcp_max_connections", 16777216, 1, INT32_MAX)                      \
    X(timestamps, "net.ipv4.tcp_timestamps", 1, 0, 2)                                         \
    X(window_scaling, "net.ipv4.tcp_window_scaling", 1, 0, 1)                                 \
    X(dsack, "net.ipv4.tcp_dsack", 1, 0, 1)                                                   \
    X(sack, "net.ipv4.tcp_sack", 1, 0, 1)                                                     \
    X(rmem_min, "net.ipv4.tcp_rmem_min", 4096, 1, INT32_MAX)                                  \
    X(rmem_default, "net.ipv4.tcp_rmem_default", 131072, 2304, INT32_MAX)                     \
    X(rmem_max, "net.ipv4.tcp_rmem_max", 6291456, 2304, INT32_MAX)                            \
    X(core_rmem_max, "net.core.rmem_max", 212992, 2304, INT32_MAX)                            \
    X(moderate_rcvbuf, "net.ipv4.tcp_moderate_rcvbuf", 1, 0, 1)                               \
    X(adv_win_scale, "net.ipv4.tcp_adv_win_scale", 1, -31, 31)                                \
    X(shrink_window, "net.ipv4.tcp_shrink_window", 0, 0, 1)                                   \
    X(wmem_min, "net.ipv4.tcp_wmem_min", 4096, 1, INT32_MAX)                                  \
    X(wmem_default, "net.ipv4.tcp_wmem_default", 16384, 4608, INT32_MAX)                      \
    X(wmem_max, "net.ipv4.tcp_wmem_max", 4194304, 4608, INT32_MAX)                            \
    X(core_wmem_max, "net.core.wmem_max", 212992, 4608, INT32_MAX)                            \
    X(notsent_lowat, "net.ipv4.tcp_notsent_lowat", UINT32_MAX, 0, UINT32_MAX)                 \
    X(rto_min_us, "net.ipv4.tcp_rto_min_us", 200000, 1, 60000000)                             \
    X(rto_max_ms, "net.ipv4.tcp_rto_max_ms", 120000, 1000, 120000)                            \
    X(rto_initial_ms, "net.ipv4.tcp_rto_initial_ms", 1000, 1, 60000)                          \
    X(delack_ms, "net.ipv4.tcp_delack_ms", 40, 0, 499)                                        \
    X(max_quickacks, "net.ipv4.tcp_max_quickacks", 16, 0, 255)                                \
    X(pingpong_thresh, "net.ipv4.tcp_pingpong_thresh", 1, 1, 255)                             \
    X(init_cwnd, "net.ipv4.tcp_init_cwnd", 10, 1, 1000)                                       \
    X(ecn, "net.ipv4.tcp_ecn", 2, 0, 5)                                                       \
    X(ecn_fallback, "net.ipv4.tcp_ecn_fallback", 1, 0, 1)                                     \
    X(ecn_option, "net.ipv4.tcp_ecn_option", 2, 0, 3)                                         \
    X(slow_start_after_idle, "net.ipv4.tcp_slow_start_after_idle", 1, 0, 1)                   \
    X(min_tso_segs, "net.ipv4.tcp_min_tso_segs", 2, 1, 65535)                                 \
    X(tso_win_divisor, "net.ipv4.tcp_tso_win_divisor", 3, 0, INT32_MAX)                       \
    X(tso_rtt_log, "net.ipv4.tcp_tso_rtt_log", 9, 0, 255)                                     \
    X(pacing_ss_ratio, "net.ipv4.tcp_pacing_ss_ratio", 200, 0, 1000)                          \
    X(pacing_ca_ratio, "net.ipv4.tcp_pacing_ca_ratio", 120, 0, 1000)                          \
    X(pacing, "net.ipv4.tcp_pacing", 0, 0, 1) /* 1: all, as behind Linux's queue fq */        \
    X(min_snd_mss, "net.ipv4.tcp_min_snd_mss", 48, 48, 1460)                                  \
    X(challenge_ack_limit, "net.ipv4.tcp_challenge_ack_per_second", 10, 1, INT32_MAX)         \
    X(rfc1337, "net.ipv4.tcp_rfc1337", 1, 0, 1)                                               \
    X(tw_reuse, "net.ipv4.tcp_tw_reuse", 2, 0, 2)                                             \
    X(tw_reuse_delay, "net.ipv4.tcp_tw_reuse_delay", 1000, 1, 60000)                          \
    X(rst_per_second, "net.ipv4.tcp_rst_per_second", 200, 0, INT32_MAX)                       \
    X(fastopen, "net.ipv4.tcp_fastopen", 0, 0, INT32_MAX) /* S12's; Linux 1 */                \
    X(fastopen_blackhole, "net.ipv4.tcp_fastopen_blackhole_timeout_sec", 0, 0, INT32_MAX)     \
    X(fastopen_key0, "net.ipv4.tcp_fastopen_key_0", -1, -1, UINT32_MAX) /* -1: a secret */    \
    X(fastopen_key1, "net.ipv4.tcp_fastopen_key_1", -1, -1, UINT32_MAX)                       \
    X(fastopen_key2, "net.ipv4.tcp_fastopen_key_2", -1, -1, UINT32_MAX)                       \
    X(fastopen_key3, "net.ipv4.tcp_fastopen_key_3", -1, -1, UINT32_MAX)                       \
    X(syncookies, "net.ipv4.tcp_syncookies", 1, 0, 2)                                         \
    X(syn_linear_timeouts, "net.ipv4.tcp_syn_linear_timeouts", 4, 0, 127)                     \
    X(abort_on_overflow, "net.ipv4.tcp_abort_on_overflow", 0, 0, 1)                           \
    X(early_retrans, "net.ipv4.tcp_early_retrans", 3, 0, 4)                                   \
    X(recovery, "net.ipv4.tcp_recovery", 1, 0, 255)                                           \
    X(mtu_probing, "net.ipv4.tcp_mtu_probing", 0, 0, 2)                                       \
    X(base_mss, "net.ipv4.tcp_base_mss", 1024, 48, 65495)                                     \
    X(mtu_probe_floor, "net.ipv4.tcp_mtu_probe_floor", 48, 48, 65495)                         \
    X(probe_threshold, "net.ipv4.tcp_probe_threshold", 8, 0, INT32_MAX)                       \
    X(probe_interval, "net.ipv4.tcp_probe_interval", 600, 0, INT32_MAX)                       \
    X(frto, "net.ipv4.tcp_frto", 2, 0, 255)                                                   \
    X(reordering, "net.ipv4.tcp_reordering", 3, 1, 300)                                       \
    X(max_reordering, "net.ipv4.tcp_max_reordering", 300, 1, 65535)                           \
    X(thin_linear_timeouts, "net.ipv4.tcp_thin_linear_timeouts", 0, 0, 1)                     \
    X(retries1, "net.ipv4.tcp_retries1", 3, 0, 255)                                           \
    X(ooo_runs, "net.ipv4.tcp_reassembly_ranges", 256, 4, 4096)                               \
    X(port_low, "net.ipv4.ip_local_port_min", 32768, 1, 65535)                                \
    X(port_high, "net.ipv4.ip_local_port_max", 60999, 1, 65535)                               \
    /* FreeBSD's, of the profile freebsd alone. */                                            \
    X(blackhole, "net.inet.tcp.blackhole", 0, 0, 3)                                           \
    X(drop_synfin, "net.inet.tcp.drop_synfin", 0, 0, 1)                                       \
    X(icmp_may_rst, "net.inet.tcp.icmp_may_rst", 1, 0, 1)                                     \
    X(insecure_rst, "net.inet.tcp.insecure_rst", 0, 0, 1)                                     \
    X(insecure_syn, "net.inet.tcp.insecure_syn", 0, 0, 1)                                     \
    X(keepinit_ms, "net.inet.tcp.keepinit", 0, 0, 3600000)                                    \
    X(rexmit_slop_ms, "net.inet.tcp.rexmit_slop", 0, 0, 60000)                                \
    X(rexmit_drop_options, "net.inet.tcp.rexmit_drop_options", 0, 0, 1)                       \
    X(ecn_enable, "net.inet.tcp.ecn.enable", 0, 0, 5)                                         \
    X(hostcache_purge, "net.inet.tcp.hostcache.purgenow", 0, 0, 1)

struct vt_tcp_knobs {
#define X(field, name, dflt, least, most) int64_t field;
    VT_TCP_KNOB_LIST(X)
#undef X
};

struct vt_tcp_profile;

void vt_tcp_knobs_init(struct vt_tcp_knobs *k, const struct vt_tcp_profile *profile);
int vt_tcp_knobs_get(const struct vt_tcp_knobs *k, const struct vt_tcp_profile *profile, const char *name,
                     int64_t *value);
int vt_tcp_knobs_set(struct vt_tcp_knobs *k, const struct vt_tcp_profile *profile, const char *name,
                     int64_t value);
/* The i-th name, those of the profile last; NULL past the last. */
const char *vt_tcp_knobs_name(const struct vt_tcp_profile *profile, unsigned i);

#endif
