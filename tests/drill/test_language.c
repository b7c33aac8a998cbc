/* The language of scripts: what is understood, where a mistake is found, and that a script can fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "drill/drill.h"

/* A connection: descriptor 4, both windows 65535, the peer's MSS 1000. */
#define OPEN                                        \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n" \
    "+0 bind(3, ..., ...) = 0\n"                    \
    "+0 listen(3, 1) = 0\n"                         \
    "+0 < S 0:0(0) win 65535 <mss 1000>\n"          \
    "+0 > S. 0:0(0) ack 1 <mss 1460>\n"             \
    "+.01 < . 1:1(0) ack 1 win 65535\n"             \
    "+0 accept(3, ..., ...) = 4\n"
#define OPEN_LINES 7

#define SOCKET "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"

static struct vt_drill_result run_with(const char *text, const struct vt_drill_config *config)
{
    struct vt_drill_result result;

    vt_drill_run_text("test.pkt", text, strlen(text), config, &result);
    return result;
}

static void passes_with(const char *text, const struct vt_drill_config *config)
{
    struct vt_drill_result r = run_with(text, config);

    if (r.outcome != VT_DRILL_PASSED)
        vt_drill_result_print(&r, stderr);
    assert_int_equal(r.outcome, VT_DRILL_PASSED);
    assert_null(r.message);
    vt_drill_result_free(&r);
}

static void passes(const char *text)
{
    passes_with(text, &(struct vt_drill_config){.strict = true});
}

/* `words` must stand in the message, `line` 0: wherever. */
static void ends(const char *text, const struct vt_drill_config *config, enum vt_drill_outcome outcome,
                 unsigned line, const char *words)
{
    struct vt_drill_result r = run_with(text, config);

    assert_int_equal(r.outcome, outcome);
    assert_non_null(r.message);
    if (strstr(r.message, words) == NULL)
        fprintf(stderr, "'%s' is not in '%s'\n", words, r.message);
    assert_non_null(strstr(r.message, words));
    if (line != 0)
        assert_int_equal(r.line, line);
    vt_drill_result_free(&r);
}

static void fails(const char *text, unsigned line, const char *words)
{
    ends(text, &(struct vt_drill_config){0}, VT_DRILL_FAILED, line, words);
}

static void skips(const char *text, const char *words)
{
    ends(text, &(struct vt_drill_config){0}, VT_DRILL_SKIPPED, 0, words);
}

/* ---- Mistakes, with their place ---- */

static void test_mistakes_have_a_place(void **state)
{
    static const struct {
        const char *text;
        unsigned line, column;
        const char *words;
    } cases[] = {
        {"", 1, 1, "wanted an event"},
        {"// only a comment\n", 2, 1, "wanted an event"},
        {"0 socket(\n", 2, 1, "wanted an argument"},
        {SOCKET "+0 < S 0:0(0) <mss 1000>\n", 2, 6, "window"},
        {SOCKET "+0 < S 0:10(9) win 1\n", 2, 8, "from the first to the second it is 10 bytes"},
        {SOCKET "+0 < SX 0:0(0) win 1\n", 2, 6, "'X' is no TCP flag"},
        {SOCKET "+0 < . 1:1(0) ack 1 win 65536\n", 2, 25, "a number after win"},
        {SOCKET "+0 > S 0:0(0) <mss 1460,nop>\n", 2, 15, "no multiple of 4"},
        {SOCKET "+0 > S 0:0(0) <mms 1460>\n", 2, 16, "no TCP option 'mms'"},
        {SOCKET "+0 > S 0:0(0) <sack>\n", 2, 20, "a sequence number"},
        {SOCKET "+0 < S 0:0(0) win 1 <...>\n", 2, 21, "packets that go out"},
        {SOCKET "* close(3) = 0\n", 2, 1, "only a packet that goes out"},
        {SOCKET "+0~+1 < S 0:0(0) win 1\n", 2, 1, "only a packet that goes out"},
        {SOCKET "+1~+0 > S 0:0(0)\n", 2, 1, "ends before it begins"},
        {SOCKET "+0 %{ assert\n", 2, 4, "no }%"},
        {SOCKET "+0 `true\n", 2, 4, "no end"},
        {SOCKET "/* comment\n", 2, 1, "does not end"},
        {SOCKET "+0 close(3 = 0\n", 2, 12, "wanted ')'"},
        {SOCKET "+0 < icmp unreachabel\n", 2, 11, "an ICMP name"},
        {SOCKET "+0 < icmp redirect mtu 5\n", 2, 20, "mtu belongs to"},
        {"--mtu=x\n" SOCKET, 1, 1, "no such value"},
        {"--frobnicate\n" SOCKET, 1, 1, "no option --frobnicate"},
        {"--mtu\n" SOCKET, 1, 1, "wants a value"},
        {SOCKET "`true`\n+0 close(3) = 0\n", 3, 1, "the end of the script"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vt_drill_result r = run_with(cases[i].text, &(struct vt_drill_config){0});

        if (r.message == NULL || strstr(r.message, cases[i].words) == NULL || r.line != cases[i].line ||
            r.column != cases[i].column)
            fprintf(stderr, "case %zu: %u:%u: %s\n", i, r.line, r.column,
                    r.message != NULL ? r.message : "passed");
        assert_int_equal(r.outcome, VT_DRILL_FAILED);
        assert_non_null(strstr(r.message, cases[i].words));
        assert_int_equal(r.line, cases[i].line);
        assert_int_equal(r.column, cases[i].column);
        vt_drill_result_free(&r);
    }
}

/* Whatever is cut off or altered, the reader comes to an end with a word about it, and no harm. */
static void test_any_text_is_borne(void **state)
{
    static const char text[] =
        "--mtu=1500\n--define=N=3\n`sysctl -q net.ipv4.tcp_sack=1`\n" OPEN
        "+0 < [ect0] P. 1:11(10) ack 1 win 5 urg 3 <nop,nop,TS val 1 ecr 0>\n"
        "+0...0.2 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=0}, 0) = 1 EAGAIN (x y)\n"
        "+0 %{ assert 1 < 2 and (3 if x else 4) == 'a' % (1, 2) }%\n"
        "* > icmp unreachable frag_needed mtu 1400 [1:1(0)]\n"
        "0.5~1 > udp (10)\n";
    uint64_t random = 1;

    (void)state;
    for (size_t len = 0; len < sizeof text; len++) {
        struct vt_drill_result r;

        vt_drill_run_text("cut", text, len, &(struct vt_drill_config){0}, &r);
        vt_drill_result_free(&r);
    }
    for (unsigned i = 0; i < 20000; i++) {
        char copy[sizeof text];
        struct vt_drill_result r;

        memcpy(copy, text, sizeof text);
        for (unsigned k = 0; k < 3; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            copy[(random >> 33) % (sizeof text - 1)] =
                "<>[](){}.,:=|~+-*%`\"0189aSEW \n"[(random >> 20) % 30];
        }
        vt_drill_run_text("altered", copy, sizeof text - 1, &(struct vt_drill_config){0}, &r);
        vt_drill_result_free(&r);
    }
}

/* ---- A script can fail ---- */

static void test_each_field_is_compared(void **state)
{
    static const struct {
        const char *packet, *fields;
    } cases[] = {
        {"P. 1:101(100) ack 1", NULL},
        {"P. 1:101(100) ack 1 win 64240", NULL},
        {". 1:101(100) ack 1", "flags"},
        {"PE. 1:101(100) ack 1", "flags"},
        {"P.7 1:101(100) ack 1", "flags"},
        {"P. 2:102(100) ack 1", "seq"},
        {"P. 1:100(99) ack 1", "length"},
        {"P. 1:101(100) ack 2", "ack"},
        {"P. 1:101(100) ack 1 win 65534", "win"},
        {"P. 1:101(100) ack 1 urg 1", "urg"},
        {"P. 1:101(100) ack 1 <nop,nop,sackOK>", "options"},
        {"P. 1:101(100) ack 1 <...>", NULL},
        {"[ect0] P. 1:101(100) ack 1", "ecn"},
        {"[tos 0x8] P. 1:101(100) ack 1", "tos"},
        {"(ttl 63) P. 1:101(100) ack 1", "ttl"},
        {"(ttl 64) P. 1:101(100) ack 1", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];

        snprintf(text, sizeof text, OPEN "+0 write(4, ..., 100) = 100\n+0 > %s\n", cases[i].packet);
        if (cases[i].fields == NULL)
            passes(text);
        else
            fails(text, OPEN_LINES + 2, cases[i].fields);
    }
}

static void test_packets_are_missed(void **state)
{
    (void)state;
    fails(OPEN "+0 > . 1:1(0) ack 1\n", OPEN_LINES + 1, "this packet was not sent");
    fails(OPEN "* > . 1:1(0) ack 1\n", OPEN_LINES + 1, "this packet was not sent");
    fails(OPEN "+0 write(4, ..., 500) = 500\n+0 > P. 1:1001(1000) ack 1\n", OPEN_LINES + 2,
          "after 500 of 1000 bytes");
    fails(SOCKET "+0 > udp (10)\n", 2, "another protocol");
    fails("0 > S 0:0(0)\n", 1, "no socket has been opened");
}

static void test_packets_nobody_expects(void **state)
{
    (void)state;
    ends(OPEN "+0 write(4, ..., 100) = 100\n", &(struct vt_drill_config){.strict = true}, VT_DRILL_FAILED, 0,
         "does not tell of");
    passes_with(OPEN "+0 write(4, ..., 100) = 100\n", &(struct vt_drill_config){0});
}

static void test_times_are_compared(void **state)
{
    (void)state;
#define SENT OPEN "+0 write(4, ..., 100) = 100\n"
    passes(SENT "0.01 > P. 1:101(100) ack 1\n");
    passes(SENT "0.013 > P. 1:101(100) ack 1\n");
    fails(SENT "0.015 > P. 1:101(100) ack 1\n", OPEN_LINES + 2,
          "at 0.015000 s, but it happened at 0.010000 s");
    passes("--tolerance_usecs=5000\n" SENT "0.015 > P. 1:101(100) ack 1\n");
    fails("--tolerance_usecs=1000\n" SENT "0.013 > P. 1:101(100) ack 1\n", OPEN_LINES + 3, "it happened at");
    /* 12.5% of a second, when nothing else is said. */
    passes("--tolerance_usecs=1\n" SENT "+0~+1 > P. 1:101(100) ack 1\n");
    fails(SENT "0.02~0.03 > P. 1:101(100) ack 1\n", OPEN_LINES + 2, "0.020000~0.030000");
    fails(SENT "+.1 close(4) = 0\n0.01 close(3) = 0\n", OPEN_LINES + 3, "it happened at");
    fails("0.5 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n", 1, "the first event must be at time 0");
    fails(SOCKET "2 close(3) = 0\n1 close(3) = 0\n", 3, "time goes back");
}

static void test_results_are_compared(void **state)
{
    (void)state;
    fails(SOCKET "+0 listen(3, 1) = 1\n", 2, "returned something else");
    fails(SOCKET "+0 bind(3, ..., ...) = -1\n", 2, "returned something else");
    fails(SOCKET "+0 bind(9, ..., ...) = -1 EINVAL (x)\n", 2, "returned something else");
    passes(SOCKET "+0 bind(9, ..., ...) = -1 EBADF (x)\n");
    passes(SOCKET "+0 bind(9, ..., ...) = -1\n");
    fails(SOCKET "+0 bind(9, ..., ...) = -1 EWHAT\n", 2, "no error EWHAT");
    fails(SOCKET "+0 frob(9) = 0\n", 2, "no call frob");
    fails(SOCKET "+0 listen(3) = 0\n", 2, "takes 2 arguments, not 1");
    fails(SOCKET "+0 listen(3, FROB) = 0\n", 2, "no such symbol");
    fails(SOCKET "+0 getsockopt(3, SOL_SOCKET, SO_TYPE, [2], [4]) = 0\n", 2, "another value");
    fails(SOCKET "+0 getsockopt(3, SOL_SOCKET, SO_TYPE, [1], [8]) = 0\n", 2, "another length");
    fails(SOCKET "+0 poll([{fd=3, events=POLLIN}], 1, 0) = 1\n", 2, "poll found something else");
    fails(SOCKET "+0 socket(..., SOCK_STREAM, 0) = 3\n", 2, "still open");
    fails(SOCKET "+0 fcntl(3, F_GETFL) = 0x802\n", 2, "returned something else");
    passes(SOCKET "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 fcntl(3, F_GETFL) = 0x802 (flags "
                  "O_RDWR|O_NONBLOCK)\n");
    passes("--non_fatal=packet,syscall\n" SOCKET "+0 listen(3, 1) = 1\n");
}

/* ---- Calls that wait ---- */

static void test_calls_wait(void **state)
{
    (void)state;
    passes_with(OPEN "+0 ... 0.1 read(4, ..., 100) = 100\n+.1 < P. 1:101(100) ack 1 win 5\n",
                &(struct vt_drill_config){0});
    passes_with(OPEN "+0...+0.1 read(4, ..., 100) = 100\n+.1 < P. 1:101(100) ack 1 win 5\n",
                &(struct vt_drill_config){0});
    fails(OPEN "+0 ... 0.2 read(4, ..., 100) = 100\n+.1 < P. 1:101(100) ack 1 win 5\n", OPEN_LINES + 1,
          "read was to return at 0.210000 s, but it happened at 0.110000 s");
    fails(OPEN "+0 ... 0.1 read(4, ..., 100) = 99\n+.1 < P. 1:101(100) ack 1 win 5\n", OPEN_LINES + 1,
          "returned something else");
    fails(OPEN "+0 ... 0.2 read(4, ..., 100) = 100\n", OPEN_LINES + 1, "read is still waiting");
    fails(OPEN "+0 read(4, ..., 100) = 100\n", OPEN_LINES + 1, "read blocks: say when it ends");
    fails(OPEN "+0 ... 0.2 read(4, ..., 100) = 1\n+0 read(4, ..., 100) = 1\n", OPEN_LINES + 2,
          "while read is still");
    /* Without an end time a call may wait for what timers bring. */
    passes(OPEN "+0 poll([{fd=4, events=POLLIN}], 1, 1000) = 0\n1.01 close(3) = 0\n");
}

/* ---- Translation ---- */

static void test_numbers_are_translated(void **state)
{
    (void)state;
    /* Numbers of SYN segments are absolute, the others count from them. */
    passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"
           "+0 < S 4000000000:4000000000(0) win 65535 <mss 1000,sackOK,TS val 7 ecr 0>\n"
           "+0 > S. 77:77(0) ack 4000000001 <mss 1460,sackOK,TS val 500 ecr 7>\n"
           "+.01 < . 1:1(0) ack 1 win 65535 <nop,nop,TS val 8 ecr 500>\n"
           "+0 accept(3, ..., ...) = 4\n"
           "+0 < . 1001:2001(1000) ack 1 win 65535 <nop,nop,TS val 9 ecr 500>\n"
           "+0 > . 1:1(0) ack 1 <nop,nop,TS val 510 ecr 8,nop,nop,sack 1001:2001>\n");
    /* An echo of a timestamp that never was cannot be made live. */
    fails(OPEN "+0 < . 1:1(0) ack 1 win 9 <nop,nop,TS val 1 ecr 99>\n", OPEN_LINES + 1, "ecr 99");
}

static void test_bytes_are_in_their_places(void **state)
{
    (void)state;
    passes(OPEN "+0 < P. 1:101(100) ack 1 win 65535\n+0~+.5 > . 1:1(0) ack 101\n+0 read(4, ..., 30) = 30\n"
                "+0 recv(4, ..., 30, MSG_PEEK) = 30\n+0 readv(4, [{..., 30}, {..., 40}], 2) = 70\n");
}

static void test_segments_are_gathered(void **state)
{
    (void)state;
    passes(OPEN "+0 write(4, ..., 2500) = 2500\n+0 > P. 1:2501(2500) ack 1\n");
    passes(OPEN "+0 write(4, ..., 2500) = 2500\n+0 > P. 1:2001(2000) ack 1\n+0 > P. 2001:2501(500) ack 1\n");
    fails("--strict_segments\n" OPEN "+0 write(4, ..., 2500) = 2500\n+0 > P. 1:2501(2500) ack 1\n",
          OPEN_LINES + 3, "length");
    fails(OPEN "+0 write(4, ..., 2500) = 2500\n+0 > P. 1:1501(1500) ack 1\n", OPEN_LINES + 2, "length");
}

static void test_ts_tick(void **state)
{
#define STAMPED                                                                                    \
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n" \
    "+0 < S 0:0(0) win 65535 <mss 1000,nop,nop,TS val 7 ecr 0>\n"                                  \
    "+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS val 500 ecr 7>\n"                                   \
    "+.1 < . 1:1(0) ack 1 win 65535 <nop,nop,TS val 8 ecr 500>\n+0 accept(3, ..., ...) = 4\n"      \
    "+0 write(4, ..., 10) = 10\n"

    (void)state;
    passes_with(STAMPED "+0 > P. 1:11(10) ack 1 <nop,nop,TS val 0 ecr 0>\n", &(struct vt_drill_config){0});
    ends(STAMPED "+0 > P. 1:11(10) ack 1 <nop,nop,TS val 0 ecr 0>\n",
         &(struct vt_drill_config){.strict = true}, VT_DRILL_FAILED, 9, "options");
    passes("--tcp_ts_tick_usecs=1000\n" STAMPED "+0 > P. 1:11(10) ack 1 <nop,nop,TS val 600 ecr 8>\n");
    fails("--tcp_ts_tick_usecs=1000\n" STAMPED "+0 > P. 1:11(10) ack 1 <nop,nop,TS val 700 ecr 8>\n", 10,
          "options");
}

/* ---- Definitions, shell lines ---- */

static void test_definitions(void **state)
{
    static const char *const over[] = {"define=BACKLOG=1"};

    (void)state;
    passes("--define=BACKLOG=5\n--define=NAME=\"reno\"\n--define=CALL=listen\n" SOCKET
           "+0 bind(3, ..., ...) = 0\n+0 CALL(3, BACKLOG) = 0\n"
           "+0 setsockopt(3, SOL_TCP, TCP_CONGESTION, NAME, 4) = 0\n"
           "+0 getsockopt(3, SOL_TCP, TCP_CONGESTION, ..., [16]) = 0\n");
    ends("--define=BACKLOG=5\n" SOCKET "+0 listen(3, 1) = BACKLOG\n",
         &(struct vt_drill_config){.options = over, .noptions = 1}, VT_DRILL_FAILED, 3, "listen");
}

static void test_shell_lines(void **state)
{
    (void)state;
    passes("`sysctl -q -w net.ipv4.tcp_timestamps=0 net/ipv4/tcp_sack=0\n  sysctl "
           "net.ipv4.tcp_syn_retries=$((2*3-1))`\n" SOCKET
           "+0 `sleep 1`\n1 close(3) = 0\n`/tmp/sysctl_restore_${PPID}.sh`\n");
    passes("`../x/set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0 \\\n "
           "/proc/sys/net/ipv4/tcp_sack=0`\n" SOCKET);
    passes("`echo 0 > /proc/sys/net/ipv4/tcp_sack; ethtool -K tun0 gso off || true`\n" SOCKET);
    passes("`sysctl -q net.ipv4.tcp_rmem=\"4096 131072 6291456\" > /dev/null 2>&1 && true # all`\n" SOCKET);
    passes("`tc qdisc add dev tun0 root pfifo limit 0`\n" SOCKET);
    skips("`iptables -A INPUT -j DROP`\n" SOCKET, "'iptables'");
    skips("`sysctl -q net.ipv4.tcp_frobnication=1`\n" SOCKET, "no knob net.ipv4.tcp_frobnication");
    skips("`sysctl -q net.ipv4.tcp_sack=99`\n" SOCKET, "takes no such value");
    skips("`./absent.sh`\n" SOCKET, "absent.sh");
    skips(SOCKET "+0 open(\"/etc/passwd\", O_RDONLY) = 5\n", "open");
    skips("--ip_version=ipv6\n" SOCKET, "ipv6");
    skips("--wire_client\n" SOCKET, "--wire_client");
    skips(SOCKET "+0 < gre : udp (5)\n", "packets inside of packets");
}

static void test_files_and_pipes(void **state)
{
    (void)state;
    passes("`/bin/rm -f /tmp/f\n/bin/dd bs=2 count=4 if=/dev/zero of=/tmp/f status=none`\n" OPEN
           "+0 open(\"/tmp/f\", O_RDONLY) = 5\n+0 sendfile(4, 5, [3], 100) = 5\n+0 > P. 1:6(5) ack 1\n"
           "+0 `rm /tmp/f`\n+0 open(\"/tmp/f\", O_RDONLY) = -1 ENOENT\n+0 close(5) = 0\n");
    passes(OPEN "+0 pipe([5, 6]) = 0\n+0 < P. 1:11(10) ack 1 win 65535\n+0 > . 1:1(0) ack 11\n"
                "+0 splice(4, NULL, 6, NULL, 100, 0) = 10\n+0 splice(5, NULL, 4, NULL, 4, 0) = 4\n"
                "+0 > P. 1:5(4) ack 11\n+0 close(5) = 0\n+0 close(6) = 0\n");
    fails(OPEN "+0 pipe([5, 6]) = 0\n+0 splice(4, NULL, 5, NULL, 1, SPLICE_F_NONBLOCK) = 1\n", OPEN_LINES + 2,
          "splice");
}

static void test_commands_that_print(void **state)
{
    (void)state;
    passes(OPEN "+0 `grep \" 0A \" /proc/net/tcp /proc/net/tcp6 | grep \":1F90\"`\n");
    fails(OPEN "+0 `grep \" 0A \" /proc/net/tcp | grep \":1F91\"`\n", OPEN_LINES + 1, "found nothing");
    passes(OPEN "+0 < icmp unreachable host_unreachable [5001:5001(0)]\n"
                "+0 `nstat | grep TcpExtOutOfWindowIcmps > /dev/null`\n");
    fails(OPEN "+0 `nstat | grep TcpExtOutOfWindowIcmps`\n", OPEN_LINES + 1, "found nothing");
    skips(SOCKET "+0 `grep x.y /etc/hosts`\n", "grep");
    skips(SOCKET "+0 `nstat | awk 1`\n", "pipes");
}

/* A knob works: without SACK in the SYN,ACK. */
static void test_a_knob_does_something(void **state)
{
    (void)state;
    passes("`sysctl -q net.ipv4.tcp_sack=0`\n0 socket(..., SOCK_STREAM, 0) = 3\n+0 bind(3, ..., ...) = 0\n+0 "
           "listen(3, 1) = 0\n"
           "+0 < S 0:0(0) win 65535 <mss 1000,sackOK,nop,nop>\n+0 > S. 0:0(0) ack 1 <mss 1460>\n");
}

/* ---- Code blocks ---- */

static void holds(const char *code)
{
    char text[2048];

    snprintf(text, sizeof text, OPEN "+0 %%{%s}%%\n", code);
    passes(text);
}

static void test_code_holds(void **state)
{
    (void)state;
    holds(" assert 1 + 2 * 3 == 7 ");
    holds(" assert (1 + 2) * 3 == 9 and not False ");
    holds(" assert 7 // 2 == 3 and -7 // 2 == -4 and 7 % 3 == 1 and -7 % 3 == 2 ");
    holds(" assert 7 / 2 == 3.5 and 2 ** 10 == 1024 and -2 ** 2 == -4 ");
    holds(" assert 1 << 4 | 3 == 19 and 6 & 3 == 2 and 5 ^ 1 == 4 and ~0 == -1 ");
    holds(" assert 0x10 == 16 and 1e3 == 1000 ");
    holds(" assert 1 < 2 < 3 and not 1 < 3 < 2 and 3 >= 3 != 4 ");
    holds(" assert 'a%d,%s,%x%%' % (5, 'b', 255) == 'a5,b,ff%' ");
    holds(" assert abs(-3) == 3 and min(4, 2, 9) == 2 and max((1, 7)) == 7 and int(3.9) == 3 ");
    holds(" assert (1 if 0 else 2) == 2 and 2 in (1, 2, 3) and 5 not in [1, 2] ");
    holds(" assert True or absent ");
    holds(" assert not (False and absent) ");
    holds(" x = 5; x += 2; assert x == 7 ");
    holds("\nx = 3\nif x > 2:\n    y = 1\n    z = 2\nelif x > 1:\n    y = absent\nelse: y = 4\nassert y == 1 "
          " # so it is\n");
    holds("\n  assert (1 +\n     2) == 3\n  if 0: assert False\n  pass\n");
    holds(" assert tcpi_state == TCP_ESTABLISHED, tcpi_state ");
    holds(" assert tcpi_snd_mss == 1000 and tcpi_rtt > 0; print(tcpi_snd_cwnd, 'of') ");
    holds(" assert tcpi_options & TCPI_OPT_SACK == 0 ");
    holds("");
}

static void test_code_fails(void **state)
{
    struct vt_drill_result r;

    (void)state;
    r = run_with(OPEN "+0 %{\nx = 2\nassert x == 1, 'x is %d' % x\n}%\n", &(struct vt_drill_config){0});
    assert_int_equal(r.outcome, VT_DRILL_FAILED);
    assert_int_equal(r.line, OPEN_LINES + 3);
    assert_string_equal(r.expected, "x == 1");
    assert_string_equal(r.actual, "x is 2");
    vt_drill_result_free(&r);
    fails(OPEN "+0 %{ assert absent }%\n", OPEN_LINES + 1, "there is no absent");
    fails(SOCKET "+0 %{ assert tcpi_absent == 1 }%\n", 2, "the host does not tell it");
    fails(OPEN "+0 %{ assert (1 }%\n", OPEN_LINES + 1, "wanted ')'");
    fails(OPEN "+0 %{ assert 1 / 0 }%\n", OPEN_LINES + 1, "division by zero");
    fails(OPEN "+0 %{ assert 'a' < 1 }%\n", OPEN_LINES + 1, "cannot be compared");
    fails(OPEN "+0 %{ x = 2 ** 200 }%\n", OPEN_LINES + 1, "too large");
    fails(OPEN "+0 %{ x = 1 2 }%\n", OPEN_LINES + 1, "end of the statement");
    fails(OPEN "+0 %{\nx = 1\n  y = 2\n}%\n", OPEN_LINES + 3, "further in");
    skips(OPEN "+0 %{ import os }%\n", "'import'");
}

/* ---- Results ---- */

static void test_ladder_is_drawn(void **state)
{
    struct vt_drill_result r = run_with(OPEN, &(struct vt_drill_config){.ladder = true});

    (void)state;
    assert_int_equal(r.outcome, VT_DRILL_PASSED);
    assert_non_null(r.ladder);
    assert_non_null(strstr(r.ladder, "SYN"));
    vt_drill_result_free(&r);
}

static void test_same_seed_same_run(void **state)
{
    char *text[2] = {NULL, NULL};
    size_t len[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        FILE *live = open_memstream(&text[i], &len[i]);
        struct vt_drill_result r = run_with(OPEN
                                            "+0 write(4, ..., 5000) = 5000\n+0 > P. 1:5001(5000) ack 1\n",
                                            &(struct vt_drill_config){.seed = 3, .live = live});

        assert_int_equal(r.outcome, VT_DRILL_PASSED);
        assert_true(r.duration == 10 * VT_MSEC);
        vt_drill_result_free(&r);
        fclose(live);
    }
    assert_string_equal(text[0], text[1]);
    assert_non_null(strstr(text[0], "> . 1:1001(1000) ack 1"));
    free(text[0]);
    free(text[1]);
}

static void test_files(void **state)
{
    struct vt_drill_list list = {NULL, 0};
    struct vt_drill_suite suite = {.done = NULL};
    char path[] = "/tmp/drill-XXXXXX", file[64];
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(path));
    for (unsigned i = 0; i < 3; i++) {
        snprintf(file, sizeof file, "%s/%u.pkt", path, i);
        f = fopen(file, "w");
        assert_non_null(f);
        fputs(i == 0 ? SOCKET : i == 1 ? SOCKET "+0 close(3) = 1\n" : "`reboot`\n" SOCKET, f);
        fclose(f);
    }
    assert_int_equal(vt_drill_list_add(&list, path), 0);
    assert_int_equal(vt_drill_list_add(&list, "/absent"), 2);
    assert_int_equal(list.n, 3);
    vt_drill_run_list(&list, &(struct vt_drill_config){0}, &suite);
    assert_int_equal(suite.passed, 1);
    assert_int_equal(suite.failed, 1);
    assert_int_equal(suite.skipped, 1);
    for (size_t i = 0; i < list.n; i++)
        unlink(list.path[i]);
    rmdir(path);
    vt_drill_list_free(&list);
}

/* #ifdef leaves lines out, and those behind keep their numbers. */
static void test_conditions(void **state)
{
    static const char text[] = "#ifdef WRONG\n"
                               "nonsense\n"
                               "#ifndef WRONG\n"
                               "more of it\n"
                               "#endif\n"
                               "#else\n" SOCKET "#endif\n"
                               "+0 close(3) = 1\n";
    const char *defined[] = {"define=WRONG=1"};

    (void)state;
    fails(text, 9, "close returned something else");
    ends(text, &(struct vt_drill_config){.options = defined, .noptions = 1}, VT_DRILL_FAILED, 2, "");
}

static void test_sockstat(void **state)
{
    (void)state;
    passes(OPEN "+0 `sockstat -4 -P tcp -s -p 8080 | grep -c ESTABLISHED | grep 1`\n"
                "+0 `sockstat -4 -P tcp -s | grep -c CLOSED | grep 0`\n");
    fails(OPEN "+0 `sockstat -4 -P tcp -s -p 8080 | grep -c ESTABLISHED | grep 0`\n", OPEN_LINES + 1,
          "the script wants 0");
}

/* Knobs of another profile are not there, and the name of the profile is checked. */
static void test_profiles(void **state)
{
    const char *freebsd[] = {"profile=freebsd"}, *plan9[] = {"profile=plan9"};

    (void)state;
    passes_with("0 `sysctl -w net.inet.tcp.sack.enable=0`\n",
                &(struct vt_drill_config){.options = freebsd, .noptions = 1});
    ends("0 `sysctl -w net.inet.tcp.sack.enable=0`\n", &(struct vt_drill_config){.strict = true},
         VT_DRILL_SKIPPED, 1, "there is no knob net.inet.tcp.sack.enable");
    ends(SOCKET, &(struct vt_drill_config){.options = plan9, .noptions = 1}, VT_DRILL_FAILED, 0,
         "no such value");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes_have_a_place),
        cmocka_unit_test(test_any_text_is_borne),
        cmocka_unit_test(test_each_field_is_compared),
        cmocka_unit_test(test_packets_are_missed),
        cmocka_unit_test(test_packets_nobody_expects),
        cmocka_unit_test(test_times_are_compared),
        cmocka_unit_test(test_results_are_compared),
        cmocka_unit_test(test_calls_wait),
        cmocka_unit_test(test_numbers_are_translated),
        cmocka_unit_test(test_bytes_are_in_their_places),
        cmocka_unit_test(test_segments_are_gathered),
        cmocka_unit_test(test_ts_tick),
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_shell_lines),
        cmocka_unit_test(test_files_and_pipes),
        cmocka_unit_test(test_commands_that_print),
        cmocka_unit_test(test_a_knob_does_something),
        cmocka_unit_test(test_code_holds),
        cmocka_unit_test(test_code_fails),
        cmocka_unit_test(test_ladder_is_drawn),
        cmocka_unit_test(test_same_seed_same_run),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_sockstat),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
