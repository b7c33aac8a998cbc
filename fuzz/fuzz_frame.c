/* A frame with a virtio-net header from a hostile kernel: applied, cut into frames, looked at by faults, sent
 * by a port. The input is the header's 10 bytes, and the frame. */
#include "fuzz_link.h"
#include "network/ipv4_wire.h"
#include "physical/fault.h"
#include "physical/gso.h"
#include "physical/vnet_wire.h"

static void check_cut(struct vt_core *core, struct vt_pbuf *p)
{
    struct vt_gso_parts g;
    struct vt_pbufq out = {0};
    bool super = vt_gso_find(p, false, &g);
    uint32_t longest = super ? vt_gso_frame_len(p, &g) : 0, data = super ? g.end - g.payload : 0, sum = 0;
    FUZZ_CHECK(!super || (g.l3 < g.l4 && g.l4 < g.payload && g.payload <= g.end && g.end <= p->len));
    FUZZ_CHECK((vt_gso_cut(core, p, false, &out) == 0) == super);
    for (; (p = vt_pbufq_pop(&out)) != NULL; vt_pbuf_free(p)) {
        struct vt_ipv4_hdr ip;
        const uint8_t *b = vt_pbuf_peek(p, g.l4);
        FUZZ_CHECK(p->len <= longest && p->len >= g.payload && p->gso == VT_GSO_NONE);
        FUZZ_CHECK(vt_ipv4_parse(&ip, b + g.l3, p->len - g.l3) == VT_DROP_NONE &&
                   ip.total_len == p->len - g.l3);
        FUZZ_CHECK(vt_ipv4_sum_ok(b + g.l3, ip.header_len));
        uint32_t segment = p->len - g.l4, pseudo = vt_sum_pseudo(ip.src, ip.dst, 6, segment);
        FUZZ_CHECK(vt_sum_finish(vt_pbuf_sum(core->sums, p, g.l4, segment, pseudo)) == 0);
        sum += p->len - g.payload;
    }
    FUZZ_CHECK(sum == data);
}

static void check_describe(struct vt_pbuf *p)
{
    struct vt_vnet_hdr h;
    vt_vnet_describe(&h, p);
    uint8_t csum = p->csum, gso = p->gso;
    uint16_t size = p->gso_size;
    uint32_t span = p->csum_span;
    FUZZ_CHECK(vt_vnet_apply(p, &h) == 0);
    FUZZ_CHECK(p->csum == csum && p->gso == gso);
    FUZZ_CHECK(gso == VT_GSO_NONE || p->gso_size == size);
    FUZZ_CHECK(csum != VT_CSUM_PARTIAL || p->csum_span == span);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vt_core core;
    struct floor_dev dev;
    struct vt_port port;
    struct vt_vnet_hdr h;
    if (size < VT_VNET_HLEN || size > 70000)
        return 0;
    floor_up(&core, 1);
    floor_dev_up(&dev, (struct vt_mac){{0}});
    vt_port_init(&port, &core, &dev.dev, 1, "tap0", (struct vt_mac){{0}});
    vt_vnet_parse(&h, data);
    struct vt_pbuf *p = vt_pbuf_from(core.pool, data + VT_VNET_HLEN, size - VT_VNET_HLEN);
    struct vt_frame_class c = vt_frame_classify(p);
    FUZZ_CHECK(c.is & 1u << VT_MATCH_ANY);
    struct vt_eth_hdr eth;
    bool whole = vt_eth_parse(&eth, vt_pbuf_peek(p, VT_ETH_HLEN), p->len) == VT_DROP_NONE;
    if (vt_vnet_apply(p, &h) == 0) {
        check_describe(p);
        struct vt_pbuf *twin = vt_pbuf_clone(p);
        if (twin->gso != VT_GSO_NONE)
            check_cut(&core, twin);
        else
            vt_pbuf_free(twin);
        /* A card that sends what is no frame is not the port's to find out. */
        if (whole)
            vt_port_tx(&port, vt_pbuf_clone(p));
        vt_port_flush(&port);
    }
    vt_pbuf_free(p);
    floor_down(&core);
    return 0;
}
