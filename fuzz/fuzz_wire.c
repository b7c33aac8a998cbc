/* Every wire header: no bytes may make a parser read beyond them, and what was read, written and read again
 * is the same. The first byte chooses the parser. */
#include "fuzz.h"

#include "link/arp_wire.h"
#include "link/eth_wire.h"
#include "network/icmp_wire.h"
#include "network/ipv4_wire.h"
#include "transport/tcp_wire.h"
#include "transport/udp_wire.h"

static void ethernet(const uint8_t *b, uint32_t len)
{
    struct vt_eth_hdr h;
    uint8_t again[VT_ETH_HLEN];
    if (vt_eth_parse(&h, b, len) != VT_DROP_NONE)
        return;
    vt_eth_build(again, &h);
    FUZZ_CHECK(memcmp(again, b, sizeof(again)) == 0);
}

static void arp(const uint8_t *b, uint32_t len)
{
    struct vt_arp a;
    uint8_t again[VT_ARP_LEN];
    if (vt_arp_parse(&a, b, len) != VT_DROP_NONE)
        return;
    vt_arp_build(again, &a);
    FUZZ_CHECK(memcmp(again, b, sizeof(again)) == 0);
}

static void ipv4(const uint8_t *b, uint32_t len)
{
    struct vt_ipv4_hdr h;
    uint8_t again[60], copied[40];
    if (len < VT_IPV4_HEADER || vt_ipv4_parse(&h, b, len) != VT_DROP_NONE)
        return;
    FUZZ_CHECK(h.header_len >= VT_IPV4_HEADER && h.header_len <= h.total_len && h.total_len <= len);
    vt_ipv4_build(again, &h, b + VT_IPV4_HEADER);
    FUZZ_CHECK(vt_ipv4_sum_ok(again, h.header_len));
    /* Apart from the checksum and the reserved flag (RFC 791 3.1: zero) the same bytes. */
    FUZZ_CHECK(memcmp(again, b, 6) == 0 && again[6] == (b[6] & 0x7f));
    FUZZ_CHECK(memcmp(again + 12, b + 12, h.header_len - 12u) == 0);

    struct vt_ipv4_option o;
    unsigned options = h.header_len - VT_IPV4_HEADER, at = 0;
    int more;
    while ((more = vt_ipv4_option_next(&o, b + VT_IPV4_HEADER, options, &at)) == 1)
        FUZZ_CHECK(o.len >= 2 && o.bytes + o.len <= b + h.header_len);
    if (more == 0) {
        unsigned n = vt_ipv4_options_copied(copied, b + VT_IPV4_HEADER, options);
        FUZZ_CHECK(n % 4 == 0 && n <= options);
    }
}

static void icmp(const uint8_t *b, uint32_t len)
{
    struct vt_icmp_hdr h;
    uint8_t again[8];
    if (len < sizeof(again))
        return;
    vt_icmp_parse(&h, b);
    vt_icmp_build(again, &h);
    FUZZ_CHECK(memcmp(again, b, sizeof(again)) == 0);
}

static void udp(const uint8_t *b, uint32_t len)
{
    struct vt_udp_hdr h;
    uint8_t again[VT_UDP_HEADER];
    if (!vt_udp_parse(&h, b, len))
        return;
    FUZZ_CHECK(h.len >= VT_UDP_HEADER && h.len <= len);
    vt_udp_write(again, &h);
    FUZZ_CHECK(memcmp(again, b, sizeof(again)) == 0);
}

/* SYN options, which are always written whole. */
static void tcp_options(const uint8_t *b, uint32_t len, bool syn)
{
    struct vt_tcp_opts one, two;
    uint8_t room[40];
    vt_tcp_parse_opts(b, len, syn, &one);
    uint32_t n = vt_tcp_build_opts(room, &one);
    FUZZ_CHECK(n <= sizeof(room) && n % 4 == 0);
    vt_tcp_parse_opts(room, n, syn, &two);
    FUZZ_CHECK(one.mss_ok == two.mss_ok && one.wscale_ok == two.wscale_ok && one.sack_ok == two.sack_ok);
    FUZZ_CHECK(one.mss == two.mss && one.wscale == two.wscale);
    FUZZ_CHECK(one.ts_ok == two.ts_ok && one.tsval == two.tsval && one.tsecr == two.tsecr);
    FUZZ_CHECK(two.nsacks <= one.nsacks);
    for (unsigned i = 0; i < two.nsacks; i++)
        FUZZ_CHECK(memcmp(&one.sack[i], &two.sack[i], sizeof(one.sack[i])) == 0);
}

static void tcp(const uint8_t *b, uint32_t len)
{
    struct vt_tcp_hdr h;
    uint8_t again[VT_TCP_HLEN];
    if (len < VT_TCP_HLEN || vt_tcp_parse(b, len, &h) != 0)
        return;
    vt_tcp_build(again, &h);
    /* RFC 9293 3.1: the reserved bits are written as zero. */
    FUZZ_CHECK(memcmp(again, b, 12) == 0 && again[12] == (b[12] & 0xf1));
    FUZZ_CHECK(memcmp(again + 13, b + 13, VT_TCP_HLEN - 13) == 0);
    tcp_options(b + VT_TCP_HLEN, h.hlen - VT_TCP_HLEN, (h.flags & 2) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(const uint8_t *b, uint32_t len) = {ethernet, arp, ipv4, icmp, udp, tcp};
    if (size == 0 || size > 65536)
        return 0;
    parsers[data[0] % (sizeof(parsers) / sizeof(parsers[0]))](data + 1, (uint32_t)(size - 1));
    return 0;
}
