/* Names that a code block may use, besides its own variables. */
#include "code.h"

#define INFO 512

struct drill_facts {
    uint8_t info[INFO], cc[INFO], mem[64];
    size_t info_len, cc_len, mem_len;
};

struct field {
    const char *name;
    uint16_t at;
    uint8_t size;        /* bytes */
    uint8_t shift, bits; /* of a part of a byte; bits 0: all */
};

/* Linux's struct tcp_info, by where its fields lie. */
static const struct field info_fields[] = {
    {"tcpi_state", 0, 1, 0, 0},
    {"tcpi_ca_state", 1, 1, 0, 0},
    {"tcpi_retransmits", 2, 1, 0, 0},
    {"tcpi_probes", 3, 1, 0, 0},
    {"tcpi_backoff", 4, 1, 0, 0},
    {"tcpi_options", 5, 1, 0, 0},
    {"tcpi_snd_wscale", 6, 1, 0, 4},
    {"tcpi_rcv_wscale", 6, 1, 4, 4},
    {"tcpi_delivery_rate_app_limited", 7, 1, 0, 1},
    {"tcpi_fastopen_client_fail", 7, 1, 1, 2},
    {"tcpi_rto", 8, 4, 0, 0},
    {"tcpi_ato", 12, 4, 0, 0},
    {"tcpi_snd_mss", 16, 4, 0, 0},
    {"tcpi_rcv_mss", 20, 4, 0, 0},
    {"tcpi_unacked", 24, 4, 0, 0},
    {"tcpi_sacked", 28, 4, 0, 0},
    {"tcpi_lost", 32, 4, 0, 0},
    {"tcpi_retrans", 36, 4, 0, 0},
    {"tcpi_fackets", 40, 4, 0, 0},
    {"tcpi_last_data_sent", 44, 4, 0, 0},
    {"tcpi_last_ack_sent", 48, 4, 0, 0},
    {"tcpi_last_data_recv", 52, 4, 0, 0},
    {"tcpi_last_ack_recv", 56, 4, 0, 0},
    {"tcpi_pmtu", 60, 4, 0, 0},
    {"tcpi_rcv_ssthresh", 64, 4, 0, 0},
    {"tcpi_rtt", 68, 4, 0, 0},
    {"tcpi_rttvar", 72, 4, 0, 0},
    {"tcpi_snd_ssthresh", 76, 4, 0, 0},
    {"tcpi_snd_cwnd", 80, 4, 0, 0},
    {"tcpi_advmss", 84, 4, 0, 0},
    {"tcpi_reordering", 88, 4, 0, 0},
    {"tcpi_rcv_rtt", 92, 4, 0, 0},
    {"tcpi_rcv_space", 96, 4, 0, 0},
    {"tcpi_total_retrans", 100, 4, 0, 0},
    {"tcpi_pacing_rate", 104, 8, 0, 0},
    {"tcpi_max_pacing_rate", 112, 8, 0, 0},
    {"tcpi_bytes_acked", 120, 8, 0, 0},
    {"tcpi_bytes_received", 128, 8, 0, 0},
    {"tcpi_segs_out", 136, 4, 0, 0},
    {"tcpi_segs_in", 140, 4, 0, 0},
    {"tcpi_notsent_bytes", 144, 4, 0, 0},
    {"tcpi_min_rtt", 148, 4, 0, 0},
    {"tcpi_data_segs_in", 152, 4, 0, 0},
    {"tcpi_data_segs_out", 156, 4, 0, 0},
    {"tcpi_delivery_rate", 160, 8, 0, 0},
    {"tcpi_busy_time", 168, 8, 0, 0},
    {"tcpi_rwnd_limited", 176, 8, 0, 0},
    {"tcpi_sndbuf_limited", 184, 8, 0, 0},
    {"tcpi_delivered", 192, 4, 0, 0},
    {"tcpi_delivered_ce", 196, 4, 0, 0},
    {"tcpi_bytes_sent", 200, 8, 0, 0},
    {"tcpi_bytes_retrans", 208, 8, 0, 0},
    {"tcpi_dsack_dups", 216, 4, 0, 0},
    {"tcpi_reord_seen", 220, 4, 0, 0},
    {"tcpi_rcv_ooopack", 224, 4, 0, 0},
    {"tcpi_snd_wnd", 228, 4, 0, 0},
    {"tcpi_rcv_wnd", 232, 4, 0, 0},
    {"tcpi_rehash", 236, 4, 0, 0},
    {"tcpi_total_rto", 240, 2, 0, 0},
    {"tcpi_total_rto_recoveries", 242, 2, 0, 0},
    {"tcpi_total_rto_time", 244, 4, 0, 0},
    {"tcpi_received_ce", 248, 4, 0, 0},
    {"tcpi_delivered_e1_bytes", 252, 4, 0, 0},
    {"tcpi_delivered_e0_bytes", 256, 4, 0, 0},
    {"tcpi_delivered_ce_bytes", 260, 4, 0, 0},
    {"tcpi_received_e1_bytes", 264, 4, 0, 0},
    {"tcpi_received_e0_bytes", 268, 4, 0, 0},
    {"tcpi_received_ce_bytes", 272, 4, 0, 0},
    {"tcpi_ecn_mode", 276, 1, 0, 2},
    {"tcpi_accecn_opt_seen", 276, 1, 2, 2},
    {"tcpi_accecn_fail_mode", 276, 1, 4, 4},
};

/* What TCP_CC_INFO gives is read by the names of all controllers, as the script knows which one it is. */
static const struct field cc_fields[] = {
    {"bbr_bw_lo", 0, 4, 0, 0},     {"bbr_bw_hi", 4, 4, 0, 0},        {"bbr_bw", 0, 8, 0, 0},
    {"bbr_min_rtt", 8, 4, 0, 0},   {"bbr_pacing_gain", 12, 4, 0, 0}, {"bbr_cwnd_gain", 16, 4, 0, 0},
    {"dctcp_enabled", 0, 2, 0, 0}, {"dctcp_ce_state", 2, 2, 0, 0},   {"dctcp_alpha", 4, 4, 0, 0},
    {"dctcp_ab_ecn", 8, 4, 0, 0},  {"dctcp_ab_tot", 12, 4, 0, 0},    {"tcpv_enabled", 0, 4, 0, 0},
    {"tcpv_rttcnt", 4, 4, 0, 0},   {"tcpv_rtt", 8, 4, 0, 0},         {"tcpv_minrtt", 12, 4, 0, 0},
};

static const struct field mem_fields[] = {
    {"SK_MEMINFO_RMEM_ALLOC", 0, 4, 0, 0}, {"SK_MEMINFO_RCVBUF", 4, 4, 0, 0},
    {"SK_MEMINFO_WMEM_ALLOC", 8, 4, 0, 0}, {"SK_MEMINFO_SNDBUF", 12, 4, 0, 0},
    {"SK_MEMINFO_FWD_ALLOC", 16, 4, 0, 0}, {"SK_MEMINFO_WMEM_QUEUED", 20, 4, 0, 0},
    {"SK_MEMINFO_OPTMEM", 24, 4, 0, 0},    {"SK_MEMINFO_BACKLOG", 28, 4, 0, 0},
    {"SK_MEMINFO_DROPS", 32, 4, 0, 0},
};

static const struct {
    const char *name;
    int value;
} constants[] = {
    {"TCP_ESTABLISHED", 1},
    {"TCP_SYN_SENT", 2},
    {"TCP_SYN_RECV", 3},
    {"TCP_FIN_WAIT1", 4},
    {"TCP_FIN_WAIT2", 5},
    {"TCP_TIME_WAIT", 6},
    /* FreeBSD's words for the same */
    {"TCPI_CLOSED", 7},
    {"TCPI_LISTEN", 10},
    {"TCPI_SYN_SENT", 2},
    {"TCPI_SYN_RECEIVED", 3},
    {"TCPI_ESTABLISHED", 1},
    {"TCPI_CLOSE_WAIT", 8},
    {"TCPI_FIN_WAIT_1", 4},
    {"TCPI_CLOSING", 11},
    {"TCPI_LAST_ACK", 9},
    {"TCPI_FIN_WAIT_2", 5},
    {"TCPI_TIME_WAIT", 6},
    {"TCP_CLOSE", 7},
    {"TCP_CLOSE_WAIT", 8},
    {"TCP_LAST_ACK", 9},
    {"TCP_LISTEN", 10},
    {"TCP_CLOSING", 11},
    {"TCP_CA_Open", 0},
    {"TCP_CA_Disorder", 1},
    {"TCP_CA_CWR", 2},
    {"TCP_CA_Recovery", 3},
    {"TCP_CA_Loss", 4},
    {"TCPI_OPT_TIMESTAMPS", 1},
    {"TCPI_OPT_SACK", 2},
    {"TCPI_OPT_WSCALE", 4},
    {"TCPI_OPT_ECN", 8},
    {"TCPI_OPT_ECN_SEEN", 16},
    {"TCPI_OPT_SYN_DATA", 32},
    {"TCPI_OPT_USEC_TS", 64},
    {"TCPI_OPT_TFO_CHILD", 128},
};

enum { /* Linux's */
    TCP_CC_INFO_ = 26,
    SO_MEMINFO_ = 55,
};

struct drill_facts *drill_facts_new(struct drill_run *r, int fd)
{
    struct drill_facts *f = drill_alloc(r->arena, sizeof *f);

    if (fd < 0)
        return f;
    vt_host_enter(r->host, r->now);
    f->info_len = sizeof f->info;
    f->cc_len = sizeof f->cc;
    f->mem_len = sizeof f->mem;
    if (vt_getsockopt(r->host, fd, VT_SOL_TCP, VT_TCP_INFO, f->info, &f->info_len) != 0)
        f->info_len = 0;
    if (vt_getsockopt(r->host, fd, VT_SOL_TCP, TCP_CC_INFO_, f->cc, &f->cc_len) != 0)
        f->cc_len = 0;
    if (vt_getsockopt(r->host, fd, VT_SOL_SOCKET, SO_MEMINFO_, f->mem, &f->mem_len) != 0)
        f->mem_len = 0;
    return f;
}

/* Fields lie in the machine's own byte order. */
static drill_wide read_field(const uint8_t *b, const struct field *f)
{
    uint64_t v64;
    uint32_t v32;
    uint16_t v16;

    switch (f->size) {
    case 8: memcpy(&v64, b + f->at, 8); return v64;
    case 4: memcpy(&v32, b + f->at, 4); return v32;
    case 2: memcpy(&v16, b + f->at, 2); return v16;
    default: break;
    }
    return f->bits == 0 ? b[f->at] : b[f->at] >> f->shift & ((1 << f->bits) - 1);
}

static bool find(const struct field *fields, size_t n, const uint8_t *b, size_t len, const char *name,
                 drill_wide *value)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0 && fields[i].at + (size_t)fields[i].size <= len) {
            *value = read_field(b, &fields[i]);
            return true;
        }
    return false;
}

#define COUNT(x) (sizeof(x) / sizeof(x)[0])

bool drill_facts_get(const struct drill_facts *f, const char *name, drill_wide *value)
{
    for (size_t i = 0; i < COUNT(constants); i++)
        if (strcmp(constants[i].name, name) == 0) {
            *value = constants[i].value;
            return true;
        }
    return find(info_fields, COUNT(info_fields), f->info, f->info_len, name, value) ||
           find(cc_fields, COUNT(cc_fields), f->cc, f->cc_len, name, value) ||
           find(mem_fields, COUNT(mem_fields), f->mem, f->mem_len, name, value);
}
