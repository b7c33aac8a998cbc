/* The wire between the tool and the host: packets without a link header. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/text.h"
#include "so.h"

static struct so *of(struct vt_device *dev)
{
    return (struct so *)(void *)((char *)dev - offsetof(struct so, dev));
}

static unsigned rx_burst(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    unsigned got = 0;

    (void)now;
    while (got < n && of(dev)->in.first != NULL)
        frames[got++] = vt_pbufq_pop(&of(dev)->in);
    return got;
}

static unsigned tx_burst(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct so *so = of(dev);

    for (unsigned i = 0; i < n; i++) {
        struct so_packet *p = malloc(sizeof *p + frames[i]->len);

        if (p != NULL) {
            p->next = NULL;
            p->at = now;
            p->len = frames[i]->len;
            vt_pbuf_read(frames[i], 0, p->bytes, frames[i]->len);
            *so->last = p;
            so->last = &p->next;
        }
        vt_pbuf_free(frames[i]);
    }
    return n;
}

static vt_time next_at(struct vt_device *dev)
{
    return of(dev)->in.first != NULL ? 0 : VT_NEVER;
}

static int fd_of(struct vt_device *dev)
{
    (void)dev;
    return -1;
}

static void close_dev(struct vt_device *dev)
{
    (void)dev;
}

void so_device_init(struct so *so)
{
    static const struct vt_device_ops ops = {rx_burst, tx_burst, next_at, fd_of, close_dev};

    so->dev = (struct vt_device){
        .ops = &ops, .features = VT_DEV_RAW_IP, .mtu = so->flags.mtu, .name = "packetdrill"};
    so->last = &so->first;
}

static struct so_packet *take(struct so *so)
{
    struct so_packet *p = so->first;

    if (p == NULL)
        return NULL;
    so->first = p->next;
    if (so->first == NULL)
        so->last = &so->first;
    return p;
}

void so_device_fini(struct so *so)
{
    struct so_packet *p;

    vt_pbufq_clear(&so->in);
    while ((p = take(so)) != NULL)
        free(p);
}

/* The network of the address has 16 bits, as packetdrill's usual one; nobody asks for the gateway's link
 * address on a device without a link header, so that any other address will do. */
void so_attach(struct so *so, struct vt_ip local)
{
    char ip[VT_IP_TEXT], addr[VT_IP_TEXT + 4];

    if (so->attached || vt_ip_is_any(local) || !vt_ip_is4(local))
        return;
    snprintf(addr, sizeof addr, "%s/16", vt_ip_text(ip, local));
    if (vt_host_attach(so->host, &so->dev, addr) < 0 ||
        vt_host_add_route(so->host, "default", vt_ip_text(ip, vt_ip_from4(vt_ip_to4(local) ^ 3u))) != 0) {
        fprintf(stderr, "libvitro-packetdrill: the host does not take the address %s\n", addr);
        exit(EXIT_FAILURE);
    }
    so->attached = true;
}

#define IPV4_LEN 20 /* of a header without options */
#define IPV4_DST 16

int so_netdev_send(void *userdata, const void *packet, size_t len)
{
    struct so *so = so_enter(userdata);
    const uint8_t *bytes = packet;
    struct vt_pbuf *frame;

    if (len >= IPV4_LEN && bytes[0] >> 4 == 4)
        so_attach(so, vt_ip_from4(vt_get32(bytes + IPV4_DST)));
    frame = vt_frame_new(so->host, packet, len);
    if (frame == NULL)
        return (int)so_leave(so, -VT_ENOMEM);
    if (so->flags.mss != 0 && len > so->flags.mss + 60u) {
        frame->gso = VT_GSO_TCP4;
        frame->gso_size = (uint16_t)so->flags.mss;
        frame->csum = VT_CSUM_VALID;
        so->dev.features |= VT_DEV_RX_GSO | VT_DEV_RX_CSUM;
    }
    vt_pbufq_push(&so->in, frame);
    so_step(so);
    so_write_counters(so);
    return (int)so_leave(so, 0);
}

int so_netdev_receive(void *userdata, void *packet, size_t *len, long long *usecs)
{
    struct so *so = so_enter(userdata);
    struct so_packet *p;

    so_step(so);
    while (so->first == NULL && so_advance_once(so, VT_NEVER)) {
    }
    p = take(so);
    if (p != NULL) {
        *len = p->len < *len ? p->len : *len;
        memcpy(packet, p->bytes, *len);
        *usecs = (long long)(p->at / VT_USEC);
        free(p);
    } else {
        *len = 0;
        *usecs = (long long)(so->now / VT_USEC);
    }
    return (int)so_leave(so, 0);
}
