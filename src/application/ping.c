/* Ping: ICMP echo (RFC 792) over a datagram socket that fills in identifier and checksum, told of as iputils
 * does. All arithmetic is in whole microseconds. */
#include "base/text.h"
#include "console.h"
#include "sockets.h"

#define HEADER      8     /* of an ICMP echo message */
#define SIZE_MAX_   65507 /* 65535 less the headers */
#define REMEMBERED  1024  /* echoes whose time of sending is still known */
#define STEP_MAX    64
#define MESSAGE_MAX 2048 /* as much of an answer as is looked at */

enum {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_ECHO = 8,
    ICMP_TIME_EXCEEDED = 11,
};

struct echo {
    uint32_t seq; /* 0: none */
    bool answered;
    vt_time sent;
};

struct ping {
    struct vt_console console;
    struct vt_watched sock;
    struct vt_addr to;
    char host[256];
    char address[VT_IP_TEXT];
    bool named; /* the host was given by name, and is told so */
    bool quiet, numeric, timing;
    uint64_t count, size, ttl;
    vt_span interval, wait, deadline;
    vt_time began, ends, next; /* when the last echo is no longer waited for; when the next one is sent */
    uint32_t seq;
    uint64_t sent, received, duplicates, errors;
    uint64_t rtt_min, rtt_max, rtt_sum, rtt_squares; /* microseconds */
    struct echo echoes[REMEMBERED];
    uint8_t *packet; /* header and `size` bytes, the process's memory */
    char out[8192];
};

static const char usage[] =
    "usage: ping [OPTIONS] HOST\n"
    "\n"
    "Sends ICMP echo requests and tells what comes back.\n"
    "\n"
    "  -c N     stop after N echoes\n"
    "  -i SEC   seconds between two of them (1)\n"
    "  -s SIZE  bytes of data in each (56)\n"
    "  -t TTL   time to live\n"
    "  -W SEC   how long to wait for the last answer (10, or twice the longest round trip so far)\n"
    "  -w SEC   stop after so long, whatever came\n"
    "  -n       addresses only, no names\n"
    "  -q       only the summary\n"
    "\n"
    "Exit codes: 0 there were answers, 1 there were none (or fewer than -c within -w), 2 an error.\n";

/* ---- Numbers as ping writes them ---- */

/* Microseconds as milliseconds, three significant digits after the point at most, as "time=" has them. */
static void put_time(struct vt_text *t, uint64_t us)
{
    unsigned long long ms = us / 1000, rest = us % 1000;
    if (us >= 100000)
        vt_text_add(t, "%llu", ms);
    else if (us >= 10000)
        vt_text_add(t, "%llu.%llu", ms, rest / 100);
    else if (us >= 1000)
        vt_text_add(t, "%llu.%02llu", ms, rest / 10);
    else
        vt_text_add(t, "%llu.%03llu", ms, rest);
}

static uint64_t square_root(uint64_t v)
{
    uint64_t root = 0, bit = UINT64_C(1) << 62;
    while (bit > v)
        bit >>= 2;
    for (; bit != 0; bit >>= 2) {
        if (v >= root + bit) {
            v -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return root;
}

/* lost / sent in per cent, with six significant digits and no zeros at its end: "33.3333". */
static void put_percent(struct vt_text *t, uint64_t lost, uint64_t sent)
{
    uint64_t unit = 1, value, rest;
    unsigned digits = 0;
    /* Digits after the point such that all are six. */
    uint64_t whole = lost * 100 / sent;
    unsigned after = whole >= 100 ? 3 : whole >= 10 ? 4 : 5;
    for (unsigned i = 0; i < after; i++)
        unit *= 10;
    value = (lost * 100 * unit + sent / 2) / sent;
    rest = value % unit;
    vt_text_add(t, "%llu", (unsigned long long)(value / unit));
    digits = after;
    while (digits > 0 && rest % 10 == 0) {
        rest /= 10;
        digits--;
    }
    if (digits > 0)
        vt_text_add(t, ".%0*llu", (int)digits, (unsigned long long)rest);
}

/* ---- Start ---- */

static int open_socket(struct vt_process *p, struct ping *g)
{
    int ttl = (int)g->ttl, fd = p->api->socket(p->net, VT_AF_INET, VT_SOCK_DGRAM, 1), err = 0;
    if (fd < 0) {
        vt_process_error(p, "socket: %s", vt_strerror(fd));
        return 2;
    }
    g->sock.fd = fd;
    if (g->ttl > 0)
        err = p->api->setsockopt(p->net, fd, VT_SOL_IP, VT_IP_TTL, &ttl, sizeof ttl);
    if (err == 0)
        err = vt_watch(p, &g->sock, VT_POLLIN, g);
    if (err < 0) {
        vt_process_error(p, "%s", vt_strerror(err));
        return 2;
    }
    return 0;
}

static int start(struct vt_process *p, int argc, char **argv)
{
    struct ping *g = p->state;
    const char *host = NULL;
    struct vt_ip number;
    int n, err;
    vt_console_init(&g->console, p, g->out, sizeof g->out);
    g->sock.fd = -1;
    g->interval = VT_SEC;
    g->size = 56;
    g->wait = -1;
    const struct vt_option options[] = {
        {.name = "count",
         .letter = 'c',
         .kind = VT_OPTION_NUMBER,
         .to = &g->count,
         .min = 1,
         .max = UINT32_MAX},
        {.name = "interval",
         .letter = 'i',
         .kind = VT_OPTION_SPAN,
         .to = &g->interval,
         .min = VT_MSEC,
         .max = INT64_MAX},
        {.name = "size", .letter = 's', .kind = VT_OPTION_NUMBER, .to = &g->size, .max = SIZE_MAX_},
        {.name = "ttl", .letter = 't', .kind = VT_OPTION_NUMBER, .to = &g->ttl, .min = 1, .max = 255},
        {.name = "timeout", .letter = 'W', .kind = VT_OPTION_SPAN, .to = &g->wait, .max = INT64_MAX},
        {.name = "deadline",
         .letter = 'w',
         .kind = VT_OPTION_SPAN,
         .to = &g->deadline,
         .min = 1,
         .max = INT64_MAX},
        {.name = "numeric", .letter = 'n', .kind = VT_OPTION_FLAG, .to = &g->numeric},
        {.name = "quiet", .letter = 'q', .kind = VT_OPTION_FLAG, .to = &g->quiet},
    };
    n = vt_options_read(p, options, sizeof options / sizeof options[0], argc, argv, &host, 1);
    if (n < 0)
        return p->status;
    if (n == 0 || strlen(host) >= sizeof g->host)
        return vt_usage_error(p, "want a HOST", "");
    err = p->api->resolve(p->net, host, &g->to);
    if (err < 0) {
        vt_process_error(p, "%s: Name or service not known", host);
        return 2;
    }
    g->to.port = 0;
    memcpy(g->host, host, strlen(host) + 1);
    vt_ip_text(g->address, g->to.ip);
    g->named = !g->numeric && vt_ip_parse(&number, host) < 0;
    g->timing = g->size >= sizeof(vt_time) * 2; /* iputils: only where a time stamp fits */
    g->packet = p->mem.alloc(p->mem.ctx, HEADER + (size_t)g->size);
    if (g->packet == NULL) {
        vt_process_error(p, "%s", vt_strerror(VT_ENOMEM));
        return 2;
    }
    for (size_t i = 0; i < g->size; i++)
        g->packet[HEADER + i] = (uint8_t)i;
    err = open_socket(p, g);
    if (err != 0)
        return err;
    g->began = g->next = p->now;
    return 0;
}

/* ---- Sending ---- */

static void send_echo(struct vt_process *p, struct ping *g)
{
    long n;
    struct echo *e;
    uint16_t seq;
    g->seq++;
    seq = (uint16_t)g->seq;
    e = &g->echoes[g->seq % REMEMBERED];
    *e = (struct echo){.seq = g->seq, .sent = p->now};
    memset(g->packet, 0, HEADER);
    g->packet[0] = ICMP_ECHO;
    vt_put16(g->packet + 6, seq);
    n = p->api->sendto(p->net, g->sock.fd, g->packet, HEADER + (size_t)g->size, 0, &g->to);
    /* An error that waits on the socket is of an earlier echo, and told of where it is read. */
    if (n == -VT_EHOSTUNREACH || n == -VT_ECONNREFUSED)
        n = p->api->sendto(p->net, g->sock.fd, g->packet, HEADER + (size_t)g->size, 0, &g->to);
    if (g->seq == 1 && n == -VT_ENETUNREACH) {
        vt_console_error(&g->console, "connect: %s", vt_strerror((int)n));
        vt_console_end(&g->console, 2);
        return;
    }
    if (g->seq == 1)
        vt_console_print(&g->console, "PING %s (%s) %llu(%llu) bytes of data.\n", g->host, g->address,
                         (unsigned long long)g->size, (unsigned long long)g->size + HEADER + 20);
    if (n < 0 && n != -VT_EAGAIN) {
        vt_console_error(&g->console, "sendmsg: %s", vt_strerror((int)n));
        g->errors++;
    }
    g->sent++;
}

/* How long the answer to the last echo is waited for. */
static vt_span last_wait(const struct ping *g)
{
    vt_span twice = (vt_span)(2 * g->rtt_max) * VT_USEC;
    if (g->wait >= 0)
        return g->wait;
    if (g->received == 0)
        return 10 * VT_SEC;
    return twice > g->interval ? twice : g->interval;
}

/* ---- Hearing ---- */

/* The echo that a 16-bit number stands for: the latest one of that number, when it is still remembered. */
static struct echo *find_echo(struct ping *g, uint16_t number)
{
    uint32_t back = (uint16_t)((uint16_t)g->seq - number);
    struct echo *e;
    if (back >= g->seq || back >= REMEMBERED)
        return NULL;
    e = &g->echoes[(g->seq - back) % REMEMBERED];
    return e->seq == g->seq - back ? e : NULL;
}

static void count_time(struct ping *g, uint64_t us)
{
    if (g->received == 1 || us < g->rtt_min)
        g->rtt_min = us;
    if (us > g->rtt_max)
        g->rtt_max = us;
    g->rtt_sum += us;
    g->rtt_squares += us * us;
}

static void hear_reply(struct vt_process *p, struct ping *g, const uint8_t *m, size_t len,
                       const struct vt_msg_info *info)
{
    char line[VT_CONSOLE_LINE], from[VT_IP_TEXT];
    struct echo *e;
    struct vt_text t;
    uint64_t us;
    bool again;
    if (len < HEADER || m[0] != ICMP_ECHO_REPLY)
        return;
    e = find_echo(g, vt_get16(m + 6));
    if (e == NULL)
        return; /* too late to know when it was sent, or never sent */
    us = (p->now - e->sent) / (uint64_t)VT_USEC;
    again = e->answered;
    e->answered = true;
    if (again) {
        g->duplicates++;
    } else {
        g->received++;
        count_time(g, us);
    }
    if (g->quiet)
        return;
    vt_text_init(&t, line, sizeof line);
    vt_ip_text(from, info->from.ip);
    if (g->named && vt_ip_eq(info->from.ip, g->to.ip))
        vt_text_add(&t, "%zu bytes from %s (%s): icmp_seq=%u", len, g->host, from, vt_get16(m + 6));
    else
        vt_text_add(&t, "%zu bytes from %s: icmp_seq=%u", len, from, vt_get16(m + 6));
    if (info->ttl != 0)
        vt_text_add(&t, " ttl=%u", info->ttl);
    if (g->timing) {
        vt_text_add(&t, " time=");
        put_time(&t, us);
        vt_text_add(&t, " ms");
    }
    if (again)
        vt_text_add(&t, " (DUP!)");
    for (size_t i = 0; i + HEADER < len && i + HEADER < MESSAGE_MAX && i < g->size; i++)
        if (m[HEADER + i] != (uint8_t)i) {
            vt_text_add(&t, "\nwrong data byte #%zu should be 0x%x but was 0x%x", i, (unsigned)(uint8_t)i,
                        (unsigned)m[HEADER + i]);
            break;
        }
    vt_text_add(&t, "\n");
    vt_console_put(&g->console, t.buf, t.len);
}

static void put_error(struct vt_text *t, const struct vt_msg_info *info)
{
    static const char *const unreachable[] = {
        "Destination Net Unreachable",
        "Destination Host Unreachable",
        "Destination Protocol Unreachable",
        "Destination Port Unreachable",
        NULL, /* with the MTU */
        "Source Route Failed",
        "Destination Net Unknown",
        "Destination Host Unknown",
        "Source Host Isolated",
        "Destination Net Prohibited",
        "Destination Host Prohibited",
        "Destination Net Unreachable for Type of Service",
        "Destination Host Unreachable for Type of Service",
        "Packet filtered",
        "Precedence Violation",
        "Precedence Cutoff",
    };
    if (info->icmp_type == ICMP_UNREACHABLE && info->icmp_code == 4)
        vt_text_add(t, "Frag needed and DF set (mtu = %u)", (unsigned)info->mtu);
    else if (info->icmp_type == ICMP_UNREACHABLE &&
             info->icmp_code < sizeof unreachable / sizeof unreachable[0])
        vt_text_add(t, "%s", unreachable[info->icmp_code]);
    else if (info->icmp_type == ICMP_TIME_EXCEEDED && info->icmp_code == 0)
        vt_text_add(t, "Time to live exceeded");
    else if (info->icmp_type == ICMP_TIME_EXCEEDED && info->icmp_code == 1)
        vt_text_add(t, "Frag reassembly time exceeded");
    else
        vt_text_add(t, "%s", vt_strerror(info->error));
}

/* Takes one ICMP error about an echo of ours. False when there is none. */
static bool hear_error(struct vt_process *p, struct ping *g)
{
    uint8_t quote[HEADER];
    struct vt_msg_info info = {.ttl = 0};
    char line[VT_CONSOLE_LINE], from[VT_IP_TEXT];
    struct vt_text t;
    long n = p->api->recvmsg(p->net, g->sock.fd, quote, sizeof quote, VT_MSG_ERRQUEUE, &info);
    if (n < 0)
        return false;
    g->errors++;
    if (g->quiet)
        return true;
    vt_text_init(&t, line, sizeof line);
    vt_text_add(&t, "From %s", vt_ip_text(from, info.from.ip));
    if (n >= HEADER)
        vt_text_add(&t, " icmp_seq=%u", vt_get16(quote + 6));
    vt_text_add(&t, " ");
    put_error(&t, &info);
    vt_text_add(&t, "\n");
    vt_console_put(&g->console, t.buf, t.len);
    return true;
}

/* False when there is nothing more to hear. */
static bool hear(struct vt_process *p, struct ping *g)
{
    uint8_t message[MESSAGE_MAX];
    struct vt_msg_info info = {.ttl = 0};
    long n;
    if (hear_error(p, g))
        return true;
    n = p->api->recvmsg(p->net, g->sock.fd, message, sizeof message, VT_MSG_TRUNC, &info);
    if (n == -VT_EAGAIN)
        return false;
    if (n < 0) {
        vt_pending_error(p, g->sock.fd); /* told of by the queue of errors, which has it in full */
        return n != -VT_EBADF;
    }
    hear_reply(p, g, message, (size_t)n, &info);
    return true;
}

/* ---- The end ---- */

static void summary(struct vt_process *p, struct ping *g)
{
    char text[VT_CONSOLE_LINE];
    struct vt_text t;
    uint64_t mean, variance;
    const uint64_t lost = g->sent > g->received ? g->sent - g->received : 0;
    vt_text_init(&t, text, sizeof text);
    vt_text_add(&t, "\n--- %s ping statistics ---\n", g->host);
    vt_text_add(&t, "%llu packets transmitted, %llu received, ", (unsigned long long)g->sent,
                (unsigned long long)g->received);
    if (g->duplicates > 0)
        vt_text_add(&t, "+%llu duplicates, ", (unsigned long long)g->duplicates);
    if (g->errors > 0)
        vt_text_add(&t, "+%llu errors, ", (unsigned long long)g->errors);
    if (g->sent > 0) {
        put_percent(&t, lost, g->sent);
        vt_text_add(&t, "%% packet loss, time %llums",
                    (unsigned long long)((p->now - g->began) / (uint64_t)VT_MSEC));
    }
    vt_text_add(&t, "\n");
    if (g->received > 0 && g->timing) {
        mean = g->rtt_sum / g->received;
        variance = g->rtt_squares / g->received;
        variance = variance > mean * mean ? variance - mean * mean : 0;
        vt_text_add(&t, "rtt min/avg/max/mdev = %llu.%03llu/%llu.%03llu/%llu.%03llu/%llu.%03llu ms\n",
                    (unsigned long long)(g->rtt_min / 1000), (unsigned long long)(g->rtt_min % 1000),
                    (unsigned long long)(mean / 1000), (unsigned long long)(mean % 1000),
                    (unsigned long long)(g->rtt_max / 1000), (unsigned long long)(g->rtt_max % 1000),
                    (unsigned long long)(square_root(variance) / 1000),
                    (unsigned long long)(square_root(variance) % 1000));
    } else {
        vt_text_add(&t, "\n");
    }
    vt_console_put(&g->console, t.buf, t.len);
    vt_console_end(&g->console, g->received == 0 || (g->deadline > 0 && g->received < g->count) ? 1 : 0);
}

static bool over(const struct vt_process *p, const struct ping *g)
{
    if (p->stop || (g->deadline > 0 && p->now >= vt_time_add(g->began, g->deadline)))
        return true;
    if (g->count == 0 || g->sent < g->count)
        return false;
    return g->received + g->errors >= g->count || p->now >= g->ends;
}

static void step(struct vt_process *p)
{
    struct ping *g = p->state;
    struct vt_epoll_event ev;
    unsigned heard = 0;
    p->wake = VT_NEVER;
    vt_console_flush(&g->console);
    /* Nothing is heard while nothing can be told. */
    while (!g->console.ending && heard < STEP_MAX && vt_console_room(&g->console) > 2 * VT_CONSOLE_LINE &&
           hear(p, g))
        heard++;
    /* The error that also waits on the socket was told of by the queue. */
    if (p->api->epoll_wait(p->net, p->epfd, &ev, 1) == 1 && (ev.events & VT_POLLERR) != 0)
        vt_pending_error(p, g->sock.fd);
    if (!g->console.ending && !over(p, g) && p->now >= g->next && (g->count == 0 || g->sent < g->count)) {
        send_echo(p, g);
        g->next = vt_time_add(p->now, g->interval);
        if (g->sent == g->count)
            g->ends = vt_time_add(p->now, last_wait(g));
        heard = STEP_MAX; /* a host may have answered itself already */
    }
    if (!g->console.ending && over(p, g))
        summary(p, g);
    if (!g->console.ending) {
        p->wake = g->count == 0 || g->sent < g->count ? g->next : g->ends;
        if (g->deadline > 0)
            p->wake = vt_time_min(p->wake, vt_time_add(g->began, g->deadline));
        if (heard == STEP_MAX)
            p->wake = p->now;
        vt_watch(p, &g->sock, vt_console_room(&g->console) > 2 * VT_CONSOLE_LINE ? VT_POLLIN : 0, g);
    }
    if (g->console.ending)
        vt_unwatch(p, &g->sock);
    vt_console_step(&g->console);
}

static void end(struct vt_process *p)
{
    struct ping *g = p->state;
    if (g->console.p == NULL)
        return;
    vt_unwatch(p, &g->sock);
    if (g->packet != NULL)
        p->mem.free(p->mem.ctx, g->packet, HEADER + (size_t)g->size);
    g->packet = NULL;
}

const struct vt_program vt_program_ping = {
    .name = "ping",
    .summary = "ICMP echo requests, and what comes back",
    .usage = usage,
    .state = sizeof(struct ping),
    .start = start,
    .step = step,
    .end = end,
};
