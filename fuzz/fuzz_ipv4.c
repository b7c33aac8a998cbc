/* Packets that come in by the wire, one after another, so that fragments meet. The input is a list of
 * records:
 *
 *     flags    bit 0 the interface, 1 a link-layer broadcast, 2 the checksum as it is (else it is made
 * right), 3-7 seconds to wait before length   two bytes, most significant first bytes    the packet
 */
#include "fuzz_network.h"

static void make_right(uint8_t *b, uint32_t len)
{
    uint32_t header = len != 0 ? (b[0] & 15u) * 4 : 0;

    if (header < VT_IPV4_HEADER || header > len)
        return;
    vt_put16(b + 10, 0);
    vt_put16(b + 10, (uint16_t)~vt_ipv4_fold(vt_ipv4_sum(b, header)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ground g;

    if (size > 65536)
        return 0;
    ground_up(&g);
    while (size >= 3) {
        uint8_t flags = data[0], *b;
        uint32_t len = vt_get16(data + 1);

        data += 3;
        size -= 3;
        if (len > size)
            len = (uint32_t)size;
        b = malloc(len + 1);
        FUZZ_CHECK(b != NULL);
        memcpy(b, data, len);
        data += len;
        size -= len;
        if ((flags & 4) == 0)
            make_right(b, len);
        g.core.now += (vt_time)(flags >> 3) * VT_SEC;
        vt_wheel_run(&g.core.wheel, g.core.now);
        ground_put(&g, flags & 1, b, len, (flags & 2) != 0);
        free(b);
    }
    ground_down(&g);
    return 0;
}
