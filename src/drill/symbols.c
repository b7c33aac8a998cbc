/* What the words of a script stand for: Linux's numbers, whatever machine this is. */
#include "script.h"

struct symbol {
    const char *name;
    int64_t value;
};

/* clang-format off */
static const struct symbol symbols[] = {
    {"NULL", 0},
    /* Families, types, protocols, levels */
    {"AF_UNSPEC", 0}, {"AF_INET", 2}, {"AF_INET6", 10}, {"PF_INET", 2}, {"PF_INET6", 10},
    {"SOCK_STREAM", 1}, {"SOCK_DGRAM", 2}, {"SOCK_RAW", 3}, {"SOCK_NONBLOCK", 2048},
    {"SOCK_CLOEXEC", 524288}, {"IPPROTO_IP", 0}, {"IPPROTO_ICMP", 1}, {"IPPROTO_TCP", 6},
    {"IPPROTO_UDP", 17}, {"IPPROTO_IPV6", 41}, {"IPPROTO_ICMPV6", 58}, {"IPPROTO_RAW", 255},
    {"SOL_SOCKET", 1}, {"SOL_IP", 0}, {"SOL_IPV6", 41}, {"SOL_TCP", 6}, {"SOL_UDP", 17}, {"INADDR_ANY", 0},
    {"SOMAXCONN", 4096}, {"SHUT_RD", 0}, {"SHUT_WR", 1}, {"SHUT_RDWR", 2},
    /* Options of SOL_SOCKET */
    {"SO_DEBUG", 1}, {"SO_REUSEADDR", 2}, {"SO_TYPE", 3}, {"SO_ERROR", 4}, {"SO_DONTROUTE", 5},
    {"SO_BROADCAST", 6}, {"SO_SNDBUF", 7}, {"SO_RCVBUF", 8}, {"SO_KEEPALIVE", 9}, {"SO_OOBINLINE", 10},
    {"SO_NO_CHECK", 11}, {"SO_PRIORITY", 12}, {"SO_LINGER", 13}, {"SO_BSDCOMPAT", 14}, {"SO_REUSEPORT", 15},
    {"SO_PASSCRED", 16}, {"SO_PEERCRED", 17}, {"SO_RCVLOWAT", 18}, {"SO_SNDLOWAT", 19}, {"SO_RCVTIMEO", 20},
    {"SO_SNDTIMEO", 21}, {"SO_BINDTODEVICE", 25}, {"SO_ATTACH_FILTER", 26}, {"SO_DETACH_FILTER", 27},
    {"SO_PEERNAME", 28}, {"SO_TIMESTAMP", 29}, {"SO_TIMESTAMPNS", 35}, {"SCM_TIMESTAMP", 29}, {"SCM_TIMESTAMPNS", 35}, {"SO_ACCEPTCONN", 30}, {"SO_PEERSEC", 31},
    {"SO_SNDBUFFORCE", 32}, {"SO_RCVBUFFORCE", 33}, {"SO_MARK", 36}, {"SO_TIMESTAMPING", 37},
    {"SO_PROTOCOL", 38}, {"SO_DOMAIN", 39}, {"SO_RXQ_OVFL", 40}, {"SO_PEEK_OFF", 42}, {"SO_BUSY_POLL", 46},
    {"SO_MAX_PACING_RATE", 47}, {"SO_MEMINFO", 55}, {"SO_INCOMING_CPU", 49}, {"SO_ZEROCOPY", 60},
    {"SO_TXTIME", 61}, {"SO_TXREHASH", 74},
    /* Options of SOL_IP and SOL_IPV6 */
    {"CMSG_LEVEL_IP", 0}, {"CMSG_TYPE_RECVERR", 11}, {"IP_TOS", 1}, {"IP_TTL", 2}, {"IP_OPTIONS", 4}, {"IP_RECVOPTS", 6}, {"IP_PKTINFO", 8},
    {"IP_MTU_DISCOVER", 10}, {"IP_RECVERR", 11}, {"IP_RECVTTL", 12}, {"IP_RECVTOS", 13}, {"IP_MTU", 14},
    {"IP_FREEBIND", 15}, {"IP_TRANSPARENT", 19}, {"IP_MINTTL", 21}, {"IP_BIND_ADDRESS_NO_PORT", 24},
    {"IP_RECVFRAGSIZE", 25}, {"IP_LOCAL_PORT_RANGE", 51}, {"IP_PMTUDISC_DONT", 0}, {"IP_PMTUDISC_WANT", 1},
    {"IP_PMTUDISC_DO", 2}, {"IP_PMTUDISC_PROBE", 3}, {"IP_PMTUDISC_INTERFACE", 4}, {"IP_PMTUDISC_OMIT", 5},
    {"IPV6_MTU_DISCOVER", 23}, {"IPV6_MTU", 24}, {"IPV6_RECVERR", 25}, {"IPV6_V6ONLY", 26},
    {"IPV6_TCLASS", 67}, {"IPV6_HOPLIMIT", 52}, {"IPV6_UNICAST_HOPS", 16},
    /* Options of SOL_TCP */
    {"TCP_NODELAY", 1}, {"TCP_MAXSEG", 2}, {"TCP_CORK", 3}, {"TCP_KEEPIDLE", 4}, {"TCP_KEEPINTVL", 5},
    {"TCP_KEEPCNT", 6}, {"TCP_SYNCNT", 7}, {"TCP_LINGER2", 8}, {"TCP_DEFER_ACCEPT", 9},
    {"TCP_WINDOW_CLAMP", 10}, {"TCP_INFO", 11}, {"TCP_QUICKACK", 12}, {"TCP_CONGESTION", 13},
    {"TCP_MD5SIG", 14}, {"TCP_COOKIE_TRANSACTIONS", 15}, {"TCP_THIN_LINEAR_TIMEOUTS", 16},
    {"TCP_THIN_DUPACK", 17}, {"TCP_USER_TIMEOUT", 18}, {"TCP_REPAIR", 19}, {"TCP_QUEUE_SEQ", 21},
    {"TCP_FASTOPEN", 23}, {"TCP_TIMESTAMP", 24}, {"TCP_NOTSENT_LOWAT", 25}, {"TCP_CC_INFO", 26},
    {"TCP_SAVE_SYN", 27}, {"TCP_SAVED_SYN", 28}, {"TCP_FASTOPEN_CONNECT", 30}, {"TCP_ULP", 31},
    {"TCP_MD5SIG_EXT", 32}, {"TCP_FASTOPEN_KEY", 33}, {"TCP_FASTOPEN_NO_COOKIE", 34},
    {"TCP_ZEROCOPY_RECEIVE", 35}, {"TCP_INQ", 36}, {"TCP_CM_INQ", 36}, {"TCP_TX_DELAY", 37},
    {"TCP_AO_ADD_KEY", 38}, {"TCP_RTO_MAX_MS", 44}, {"TCP_RTO_MIN_US", 45}, {"TCP_DELACK_MAX_US", 46},
    {"TCP_INFINITE_SSTHRESH", 0x7fffffff},
    /* Flags of messages */
    {"MSG_OOB", 1}, {"MSG_PEEK", 2}, {"MSG_DONTROUTE", 4}, {"MSG_CTRUNC", 8}, {"MSG_PROXY", 0x10},
    {"MSG_TRUNC", 0x20}, {"MSG_DONTWAIT", 0x40}, {"MSG_EOR", 0x80}, {"MSG_WAITALL", 0x100},
    {"MSG_FIN", 0x200}, {"MSG_SYN", 0x400}, {"MSG_CONFIRM", 0x800}, {"MSG_RST", 0x1000},
    {"MSG_ERRQUEUE", 0x2000}, {"MSG_NOSIGNAL", 0x4000}, {"MSG_MORE", 0x8000}, {"MSG_ZEROCOPY", 0x4000000},
    {"MSG_FASTOPEN", 0x20000000}, {"MSG_CMSG_CLOEXEC", 0x40000000},
    /* Timestamps and errors that come with messages */
    {"SOF_TIMESTAMPING_TX_HARDWARE", 0x1}, {"SOF_TIMESTAMPING_TX_SOFTWARE", 0x2},
    {"SOF_TIMESTAMPING_RX_HARDWARE", 0x4}, {"SOF_TIMESTAMPING_RX_SOFTWARE", 0x8},
    {"SOF_TIMESTAMPING_SOFTWARE", 0x10}, {"SOF_TIMESTAMPING_SYS_HARDWARE", 0x20},
    {"SOF_TIMESTAMPING_RAW_HARDWARE", 0x40}, {"SOF_TIMESTAMPING_OPT_ID", 0x80},
    {"SOF_TIMESTAMPING_TX_SCHED", 0x100}, {"SOF_TIMESTAMPING_TX_ACK", 0x200},
    {"SOF_TIMESTAMPING_OPT_CMSG", 0x400}, {"SOF_TIMESTAMPING_OPT_TSONLY", 0x800},
    {"SOF_TIMESTAMPING_OPT_STATS", 0x1000}, {"SOF_TIMESTAMPING_OPT_ID_TCP", 0x10000},
    {"SCM_TIMESTAMPING", 37}, {"SCM_TSTAMP_SND", 0}, {"SCM_TSTAMP_SCHED", 1}, {"SCM_TSTAMP_ACK", 2},
    {"SCM_TIMESTAMPING_OPT_STATS", 54}, {"SO_EE_ORIGIN_NONE", 0}, {"SO_EE_ORIGIN_LOCAL", 1},
    {"SO_EE_ORIGIN_ICMP", 2}, {"SO_EE_ORIGIN_ICMP6", 3}, {"SO_EE_ORIGIN_TIMESTAMPING", 4},
    {"SO_EE_ORIGIN_ZEROCOPY", 5}, {"SO_EE_CODE_ZEROCOPY_COPIED", 1}, {"TCP_NLA_BUSY", 1},
    {"TCP_NLA_RWND_LIMITED", 2}, {"TCP_NLA_SNDBUF_LIMITED", 3}, {"TCP_NLA_DATA_SEGS_OUT", 4},
    {"TCP_NLA_TOTAL_RETRANS", 5}, {"TCP_NLA_PACING_RATE", 6}, {"TCP_NLA_DELIVERY_RATE", 7},
    {"TCP_NLA_SND_CWND", 8}, {"TCP_NLA_REORDERING", 9}, {"TCP_NLA_MIN_RTT", 10},
    {"TCP_NLA_RECUR_RETRANS", 11}, {"TCP_NLA_DELIVERY_RATE_APP_LMT", 12}, {"TCP_NLA_SNDQ_SIZE", 13},
    {"TCP_NLA_CA_STATE", 14}, {"TCP_NLA_SND_SSTHRESH", 15}, {"TCP_NLA_DELIVERED", 16},
    {"TCP_NLA_DELIVERED_CE", 17}, {"TCP_NLA_BYTES_SENT", 18}, {"TCP_NLA_BYTES_RETRANS", 19},
    {"TCP_NLA_DSACK_DUPS", 20}, {"TCP_NLA_REORD_SEEN", 21}, {"TCP_NLA_SRTT", 22}, {"TCP_CA_OPEN", 0},
    {"TCP_CA_DISORDER", 1}, {"TCP_CA_CWR", 2}, {"TCP_CA_RECOVERY", 3}, {"TCP_CA_LOSS", 4},
    /* fcntl, ioctl, open */
    {"F_DUPFD", 0}, {"F_GETFD", 1}, {"F_SETFD", 2}, {"F_GETFL", 3}, {"F_SETFL", 4},
    {"F_DUPFD_CLOEXEC", 1030}, {"FD_CLOEXEC", 1}, {"O_RDONLY", 0}, {"O_WRONLY", 1}, {"O_RDWR", 2},
    {"O_ACCMODE", 3}, {"O_CREAT", 0x40}, {"O_EXCL", 0x80}, {"O_NOCTTY", 0x100}, {"O_TRUNC", 0x200},
    {"O_APPEND", 0x400}, {"O_NONBLOCK", 0x800}, {"FIONREAD", 0x541b}, {"SIOCINQ", 0x541b},
    {"SIOCOUTQ", 0x5411}, {"SIOCOUTQNSD", 0x894b}, {"SIOCATMARK", 0x8905},
    /* poll and epoll */
    {"POLLIN", 1}, {"POLLPRI", 2}, {"POLLOUT", 4}, {"POLLERR", 8}, {"POLLHUP", 0x10}, {"POLLNVAL", 0x20},
    {"POLLRDNORM", 0x40}, {"POLLRDBAND", 0x80}, {"POLLWRNORM", 0x100}, {"POLLWRBAND", 0x200},
    {"POLLMSG", 0x400}, {"POLLREMOVE", 0x1000}, {"POLLRDHUP", 0x2000}, {"EPOLLIN", 1}, {"EPOLLPRI", 2},
    {"EPOLLOUT", 4}, {"EPOLLERR", 8}, {"EPOLLHUP", 0x10}, {"EPOLLRDNORM", 0x40}, {"EPOLLRDBAND", 0x80},
    {"EPOLLWRNORM", 0x100}, {"EPOLLWRBAND", 0x200}, {"EPOLLMSG", 0x400}, {"EPOLLRDHUP", 0x2000},
    {"EPOLLEXCLUSIVE", 0x10000000}, {"EPOLLWAKEUP", 0x20000000}, {"EPOLLONESHOT", 0x40000000},
    {"EPOLLET", 0x80000000}, {"EPOLL_CTL_ADD", 1}, {"EPOLL_CTL_DEL", 2}, {"EPOLL_CTL_MOD", 3},
    {"EPOLL_CLOEXEC", 0x80000},
    /* splice and capabilities */
    {"SPLICE_F_MOVE", 1}, {"SPLICE_F_NONBLOCK", 2}, {"SPLICE_F_MORE", 4}, {"SPLICE_F_GIFT", 8},
    {"CAP_EFFECTIVE", 0}, {"CAP_PERMITTED", 1}, {"CAP_INHERITABLE", 2}, {"CAP_SET", 1}, {"CAP_CLEAR", 0},
    {"CAP_NET_BIND_SERVICE", 10}, {"CAP_NET_BROADCAST", 11}, {"CAP_NET_ADMIN", 12}, {"CAP_NET_RAW", 13},
    {"CAP_IPC_LOCK", 14}, {"CAP_SYS_RESOURCE", 24},
    /* Errors */
    {"E2BIG", 7}, {"EACCES", 13}, {"EADDRINUSE", 98}, {"EADDRNOTAVAIL", 99}, {"EADV", 68},
    {"EAFNOSUPPORT", 97}, {"EAGAIN", 11}, {"EALREADY", 114}, {"EBADE", 52}, {"EBADF", 9}, {"EBADFD", 77},
    {"EBADMSG", 74}, {"EBADR", 53}, {"EBADRQC", 56}, {"EBADSLT", 57}, {"EBFONT", 59}, {"EBUSY", 16},
    {"ECANCELED", 125}, {"ECHILD", 10}, {"ECHRNG", 44}, {"ECOMM", 70}, {"ECONNABORTED", 103},
    {"ECONNREFUSED", 111}, {"ECONNRESET", 104}, {"EDEADLK", 35}, {"EDEADLOCK", 35}, {"EDESTADDRREQ", 89},
    {"EDOM", 33}, {"EDOTDOT", 73}, {"EDQUOT", 122}, {"EEXIST", 17}, {"EFAULT", 14}, {"EFBIG", 27},
    {"EHOSTDOWN", 112}, {"EHOSTUNREACH", 113}, {"EHWPOISON", 133}, {"EIDRM", 43}, {"EILSEQ", 84},
    {"EINPROGRESS", 115}, {"EINTR", 4}, {"EINVAL", 22}, {"EIO", 5}, {"EISCONN", 106}, {"EISDIR", 21},
    {"EISNAM", 120}, {"EKEYEXPIRED", 127}, {"EKEYREJECTED", 129}, {"EKEYREVOKED", 128}, {"EL2HLT", 51},
    {"EL2NSYNC", 45}, {"EL3HLT", 46}, {"EL3RST", 47}, {"ELIBACC", 79}, {"ELIBBAD", 80}, {"ELIBEXEC", 83},
    {"ELIBMAX", 82}, {"ELIBSCN", 81}, {"ELNRNG", 48}, {"ELOOP", 40}, {"EMEDIUMTYPE", 124}, {"EMFILE", 24},
    {"EMLINK", 31}, {"EMSGSIZE", 90}, {"EMULTIHOP", 72}, {"ENAMETOOLONG", 36}, {"ENAVAIL", 119},
    {"ENETDOWN", 100}, {"ENETRESET", 102}, {"ENETUNREACH", 101}, {"ENFILE", 23}, {"ENOANO", 55},
    {"ENOBUFS", 105}, {"ENOCSI", 50}, {"ENODATA", 61}, {"ENODEV", 19}, {"ENOENT", 2}, {"ENOEXEC", 8},
    {"ENOKEY", 126}, {"ENOLCK", 37}, {"ENOLINK", 67}, {"ENOMEDIUM", 123}, {"ENOMEM", 12}, {"ENOMSG", 42},
    {"ENONET", 64}, {"ENOPKG", 65}, {"ENOPROTOOPT", 92}, {"ENOSPC", 28}, {"ENOSR", 63}, {"ENOSTR", 60},
    {"ENOSYS", 38}, {"ENOTBLK", 15}, {"ENOTCONN", 107}, {"ENOTDIR", 20}, {"ENOTEMPTY", 39},
    {"ENOTNAM", 118}, {"ENOTRECOVERABLE", 131}, {"ENOTSOCK", 88}, {"ENOTTY", 25}, {"ENOTUNIQ", 76},
    {"ENXIO", 6}, {"EOPNOTSUPP", 95}, {"EOVERFLOW", 75}, {"EOWNERDEAD", 130}, {"EPERM", 1},
    {"EPFNOSUPPORT", 96}, {"EPIPE", 32}, {"EPROTO", 71}, {"EPROTONOSUPPORT", 93}, {"EPROTOTYPE", 91},
    {"ERANGE", 34}, {"EREMCHG", 78}, {"EREMOTE", 66}, {"EREMOTEIO", 121}, {"ERESTART", 85},
    {"ERFKILL", 132}, {"EROFS", 30}, {"ESHUTDOWN", 108}, {"ESOCKTNOSUPPORT", 94}, {"ESPIPE", 29},
    {"ESRCH", 3}, {"ESRMNT", 69}, {"ESTALE", 116}, {"ESTRPIPE", 86}, {"ETIME", 62}, {"ETIMEDOUT", 110},
    {"ETOOMANYREFS", 109}, {"ETXTBSY", 26}, {"EUCLEAN", 117}, {"EUNATCH", 49}, {"EUSERS", 87},
    {"EWOULDBLOCK", 11}, {"EXDEV", 18}, {"EXFULL", 54},
};
/* clang-format on */
#define SYMBOLS (sizeof symbols / sizeof *symbols)

bool drill_symbol(const char *name, int64_t *value)
{
    for (size_t i = 0; i < SYMBOLS; i++)
        if (strcmp(symbols[i].name, name) == 0) {
            *value = symbols[i].value;
            return true;
        }
    return false;
}

const char *drill_errno_name(struct drill_arena *a, int error)
{
    size_t first = 0;

    /* The errors are the table's last group, EAGAIN before EWOULDBLOCK. */
    while (first < SYMBOLS && strcmp(symbols[first].name, "E2BIG") != 0)
        first++;
    for (size_t i = first; i < SYMBOLS && symbols[i].name[0] == 'E'; i++)
        if (symbols[i].value == error)
            return symbols[i].name;
    return drill_printf(a, "error %d", error);
}
