/* Ephemeral ports by the double hash of RFC 6056 3.3.4. */
#include "transport.h"

void vt_port_picker_init(struct vt_port_picker *pk, struct vt_rng *rng)
{
    pk->key.k[0] = vt_rng_u64(rng);
    pk->key.k[1] = vt_rng_u64(rng);
    /* RFC 6056 3.3.4: the counters start anywhere, so that they do not tell how many connections there have
     * been. */
    for (unsigned i = 0; i < VT_PORT_COUNTERS; i++)
        pk->counter[i] = vt_rng_u32(rng);
}

int vt_port_pick(struct vt_port_picker *pk, struct vt_ip local, struct vt_ip remote, uint16_t rport,
                 uint16_t low, uint16_t high, bool (*in_use)(void *ctx, uint16_t port), void *ctx)
{
    uint8_t name[34];
    uint32_t range, start;
    uint32_t *counter;
    uint64_t hash;

    if (low == 0 || low > high)
        return -VT_EADDRNOTAVAIL;
    memcpy(name, local.b, 16);
    memcpy(name + 16, remote.b, 16);
    vt_put16(name + 32, rport);
    /* F and G of RFC 6056 3.3.4 are the two halves of one keyed hash: a half tells nothing of the other. F
     * places the peers' sequences of ports apart, G shares the counters out among them. */
    hash = vt_siphash(&pk->key, name, sizeof name);
    counter = &pk->counter[(hash >> 32) % VT_PORT_COUNTERS];
    range = (uint32_t)(high - low) + 1;
    start = (uint32_t)hash % range + *counter % range;
    for (uint32_t i = 0; i < range; i++) {
        uint16_t port = (uint16_t)(low + (start + i) % range);

        (*counter)++;
        if (!in_use(ctx, port))
            return port;
    }
    return -VT_EADDRNOTAVAIL;
}
