#include "wire.h"
#include "base/sums.h"
#include "link/eth_wire.h"

#define WIRE_PREAMBLE  0x55
#define WIRE_DELIMITER 0xd5

const char *vt_wire_part_word(unsigned part)
{
    static const char *const words[VT_WIRE_PARTS] = {
        "preamble", "start", "destination", "source", "type", "payload", "padding", "fcs",
    };
    return part < VT_WIRE_PARTS ? words[part] : "?";
}

static size_t padded(size_t len)
{
    return len < VT_ETH_MIN ? VT_ETH_MIN : len;
}

size_t vt_wire_len(size_t len)
{
    return VT_WIRE_HEAD + padded(len) + VT_ETH_FCS;
}

size_t vt_wire_octets(uint8_t *out, size_t cap, const void *frame, size_t len)
{
    size_t n = vt_wire_len(len), body = padded(len);
    if (n > cap)
        return 0;
    memset(out, WIRE_PREAMBLE, VT_WIRE_PREAMBLE_LEN);
    out[VT_WIRE_PREAMBLE_LEN] = WIRE_DELIMITER;
    uint8_t *at = out + VT_WIRE_HEAD;
    memcpy(at, frame, len);
    memset(at + len, 0, body - len);
    uint32_t fcs = vt_crc32(0, at, body);
    for (unsigned i = 0; i < VT_ETH_FCS; i++)
        at[body + i] = (uint8_t)(fcs >> 8 * i);
    return n;
}

enum vt_wire_part vt_wire_part(size_t index, size_t len)
{
    if (index < VT_WIRE_PREAMBLE_LEN)
        return VT_WIRE_PREAMBLE;
    if (index < VT_WIRE_HEAD)
        return VT_WIRE_DELIMITER;
    index -= VT_WIRE_HEAD;
    if (index >= padded(len))
        return VT_WIRE_FCS;
    if (index >= len)
        return VT_WIRE_PADDING;
    if (index < 6)
        return VT_WIRE_DESTINATION;
    if (index < 12)
        return VT_WIRE_SOURCE;
    return index < VT_ETH_HLEN ? VT_WIRE_TYPE : VT_WIRE_PAYLOAD;
}

bool vt_wire_fcs_ok(const uint8_t *octets, size_t n)
{
    if (n < VT_WIRE_HEAD + VT_ETH_MIN + VT_ETH_FCS)
        return false;
    const uint8_t *at = octets + n - VT_ETH_FCS;
    uint32_t fcs = 0;
    for (unsigned i = 0; i < VT_ETH_FCS; i++)
        fcs |= (uint32_t)at[i] << 8 * i;
    return vt_crc32(0, octets + VT_WIRE_HEAD, n - VT_WIRE_HEAD - VT_ETH_FCS) == fcs;
}

char *vt_wire_bits(char *out, const uint8_t *octets, size_t n)
{
    char *to = out;
    for (size_t i = 0; i < n; i++)
        for (unsigned bit = 0; bit < 8; bit++)
            *to++ = (char)('0' + (octets[i] >> bit & 1));
    *to = '\0';
    return out;
}
