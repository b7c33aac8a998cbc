/* A frame as it lies on an Ethernet cable: preamble, start delimiter, the frame padded to the least length,
 * and the frame check sequence (IEEE 802.3 3.1, 3.2). Pure functions, for people who want to see bits.
 *
 *     | 55 55 55 55 55 55 55 | d5 | destination | source | type | payload | padding | FCS |
 *
 * Of each octet the least significant bit goes first (802.3 3.3); the FCS is sent from x^31 down
 * (802.3 3.2.9), which as octets is the CRC-32 with its low octet first.
 */
#ifndef VT_PHYSICAL_WIRE_H
#define VT_PHYSICAL_WIRE_H

#include <vitro/types.h>

enum vt_wire_part {
    VT_WIRE_PREAMBLE,
    VT_WIRE_DELIMITER,
    VT_WIRE_DESTINATION,
    VT_WIRE_SOURCE,
    VT_WIRE_TYPE,
    VT_WIRE_PAYLOAD,
    VT_WIRE_PADDING,
    VT_WIRE_FCS,
    VT_WIRE_PARTS
};

#define VT_WIRE_PREAMBLE_LEN 7u
#define VT_WIRE_HEAD         (VT_WIRE_PREAMBLE_LEN + 1u) /* octets before the frame */

/* "preamble", "start", "destination", "source", "type", "payload", "padding", "fcs"; "?" for others. */
const char *vt_wire_part_word(unsigned part);
/* How many octets a frame of `len` bytes (FCS not counted) is on the wire. */
size_t vt_wire_len(size_t len);
/* Writes those octets. Returns how many; 0 when `cap` is too small. */
size_t vt_wire_octets(uint8_t *out, size_t cap, const void *frame, size_t len);
/* The part to which octet `index` of a frame of `len` bytes belongs. */
enum vt_wire_part vt_wire_part(size_t index, size_t len);
/* True when octets as vt_wire_octets() makes them hold the frame check sequence that belongs to the frame. */
bool vt_wire_fcs_ok(const uint8_t *octets, size_t n);
/* Writes the bits of n octets in the order of their transmission, '0' and '1', and a 0 at the end: 8 n + 1
 * bytes. Returns out. */
char *vt_wire_bits(char *out, const uint8_t *octets, size_t n);

#endif
