/* ICMP messages that come in by the wire, each made right by its checksums. The input is a list of records:
 *
 *     flags    bit 0 to the broadcast address, 1 the protocol knows what an error quotes, 2 the checksum as
 * it is, 3-7 units of 8 seconds to wait before length   two bytes, most significant first bytes    the
 * message
 */
#include "fuzz_network.h"

static void put_message(struct ground *g, uint8_t flags, const uint8_t *message, uint32_t len)
{
    struct vt_ipv4_hdr h = {
        .src = VT_IP4(10, 0, 1, 2),
        .dst = (flags & 1) != 0 ? VT_IP4_BROADCAST : VT_IP4(10, 0, 1, 1),
        .header_len = VT_IPV4_HEADER,
        .total_len = (uint16_t)(VT_IPV4_HEADER + len),
        .ttl = 64,
        .protocol = VT_PROTO_ICMP,
    };
    uint8_t *b = malloc(VT_IPV4_HEADER + len);

    FUZZ_CHECK(b != NULL);
    vt_ipv4_build(b, &h, NULL);
    memcpy(b + VT_IPV4_HEADER, message, len);
    if ((flags & 4) == 0 && len >= 4) {
        vt_put16(b + VT_IPV4_HEADER + 2, 0);
        vt_put16(b + VT_IPV4_HEADER + 2, vt_sum_finish(vt_sums_portable.add(0, b + VT_IPV4_HEADER, len)));
    }
    ground_put(g, 0, b, VT_IPV4_HEADER + len, false);
    free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vt_ip peers[] = {
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 1, 2}},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 9}},
    };
    struct ground g;

    if (size > 65000)
        return 0;
    ground_up(&g);
    while (size >= 3) {
        uint8_t flags = data[0];
        uint32_t len = vt_get16(data + 1);

        data += 3;
        size -= 3;
        if (len > size)
            len = (uint32_t)size;
        g.known = (flags & 2) != 0;
        g.core.now += (vt_time)(flags >> 3) * 8 * VT_SEC;
        put_message(&g, flags, data, len);
        data += len;
        size -= len;
        for (unsigned i = 0; i < 2; i++) {
            uint32_t mtu = vt_net_path_mtu(g.net, peers[i]);
            FUZZ_CHECK(mtu >= VT_PMTU_FLOOR && mtu <= 1500);
        }
    }
    ground_down(&g);
    return 0;
}
