#include "vnet_wire.h"
#include "gso.h"
#include "link/eth_wire.h"

#define TCP_CSUM_OFFSET 16

int vt_vnet_apply(struct vt_pbuf *p, const struct vt_vnet_hdr *h)
{
    if (h->flags & VT_VNET_NEEDS_CSUM) {
        uint32_t field = (uint32_t)h->csum_start + h->csum_offset;
        if (h->csum_start < VT_ETH_HLEN || field + 2 > p->len)
            return -VT_EINVAL;
        p->csum = VT_CSUM_PARTIAL;
        p->csum_offset = h->csum_offset;
        p->csum_span = p->len - h->csum_start;
    } else {
        p->csum = h->flags & VT_VNET_DATA_VALID ? VT_CSUM_VALID : VT_CSUM_NONE;
    }
    if (h->gso_type == VT_VNET_GSO_NONE)
        return 0;
    if (h->gso_type != VT_VNET_GSO_TCPV4)
        return -VT_EINVAL;
    struct vt_gso_parts g;
    p->gso = VT_GSO_TCP4;
    p->gso_size = h->gso_size;
    /* A super-segment's checksum is always partial (VIRTIO 1.1 5.1.6.2), and TCP's. */
    if (!vt_gso_find(p, false, &g) || p->csum != VT_CSUM_PARTIAL || h->csum_start != g.l4 ||
        h->csum_offset != TCP_CSUM_OFFSET) {
        p->gso = VT_GSO_NONE;
        return -VT_EINVAL;
    }
    return 0;
}

void vt_vnet_describe(struct vt_vnet_hdr *h, struct vt_pbuf *p)
{
    struct vt_gso_parts g;
    *h = (struct vt_vnet_hdr){0};
    if (p->csum == VT_CSUM_VALID)
        h->flags = VT_VNET_DATA_VALID;
    if (p->csum == VT_CSUM_PARTIAL) {
        h->flags = VT_VNET_NEEDS_CSUM;
        h->csum_start = (uint16_t)(p->len - p->csum_span);
        h->csum_offset = p->csum_offset;
    }
    if (p->gso == VT_GSO_TCP4 && vt_gso_find(p, false, &g)) {
        h->gso_type = VT_VNET_GSO_TCPV4;
        h->gso_size = p->gso_size;
        h->hdr_len = (uint16_t)g.payload;
    }
}
