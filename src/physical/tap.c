#include "tap.h"
#include <vitro/errno.h>
#include "link/eth_wire.h"
#include "vnet_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define TAP_MTU   1500
#define TAP_BLOCK 2048u  /* one frame of the usual MTU */
#define TAP_SPILL 65536u /* what a super-segment has beyond it */
#define TAP_SMALL 256u   /* frames up to this are copied, and the block stays for the next */
#define TAP_IOV   (1 + VT_PBUF_SPANS)

struct tap {
    struct vt_device dev;
    struct vt_core *core;
    int fd;
    bool vnet;              /* frames carry a virtio-net header */
    struct vt_block *block; /* what the next frame is read into */
    char name[IFNAMSIZ];
    uint8_t spill[TAP_SPILL];
};

static int tap_error(int error)
{
    switch (error) {
    case EPERM:
    case EACCES: return -VT_EPERM;
    case ENOENT:
    case ENXIO:
    case ENODEV: return -VT_ENODEV;
    case EBUSY: return -VT_EBUSY;
    case ENOMEM: return -VT_ENOMEM;
    case EINVAL: return -VT_EINVAL;
    case EBADF: return -VT_EBADF;
    default: return -VT_EIO;
    }
}

/* ---- Receiving ---- */

/* A pbuf of the `len` bytes that were read into the block and, beyond it, into the spill. NULL without
 * memory. */
static struct vt_pbuf *tap_frame(struct tap *t, uint32_t len)
{
    struct vt_pool *pool = t->core->pool;
    if (len <= TAP_SMALL)
        return vt_pbuf_from(pool, t->block->data, len);
    struct vt_pbuf *p = vt_pbuf_new(pool);
    if (p == NULL)
        return NULL;
    uint32_t first = len < TAP_BLOCK ? len : TAP_BLOCK;
    if (vt_pbuf_append(p, t->block, t->block->data, first) != 0) {
        vt_pbuf_free(p);
        return NULL;
    }
    if (len > first) {
        struct vt_block *rest = vt_block_new(pool, len - first);
        if (rest == NULL) {
            vt_pbuf_free(p);
            return NULL;
        }
        memcpy(rest->data, t->spill, len - first);
        int err = vt_pbuf_append(p, rest, rest->data, len - first);
        vt_block_unref(rest);
        if (err != 0) {
            vt_pbuf_free(p);
            return NULL;
        }
    }
    vt_block_unref(t->block);
    t->block = NULL;
    return p;
}

/* Reads one frame. False when there is none, or no memory to read it into: then it waits in the kernel.
 * *frame is NULL for one that was dropped. */
static bool tap_read(struct tap *t, struct vt_pbuf **frame)
{
    *frame = NULL;
    if (t->block == NULL && (t->block = vt_block_new(t->core->pool, TAP_BLOCK)) == NULL)
        return false;
    uint8_t head[VT_VNET_HLEN];
    struct iovec iov[3] = {
        {head, t->vnet ? sizeof head : 0},
        {t->block->data, TAP_BLOCK},
        {t->spill, TAP_SPILL},
    };
    ssize_t n;
    do
        n = readv(t->fd, iov, 3);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    size_t have = (size_t)n, skip = iov[0].iov_len;
    if (have > skip + TAP_BLOCK + TAP_SPILL) /* a longer one was cut short */
        have = skip + TAP_BLOCK + TAP_SPILL;
    if (have < skip + 1) {
        vt_drop_note(t->core, NULL, VT_DROP_BAD_OFFLOAD, 0, 0);
        return true;
    }
    struct vt_pbuf *p = tap_frame(t, (uint32_t)(have - skip));
    if (p == NULL) {
        vt_drop_note(t->core, NULL, VT_DROP_NO_MEMORY, 0, 0);
        return true;
    }
    struct vt_vnet_hdr h;
    if (t->vnet) {
        vt_vnet_parse(&h, head);
        if (vt_vnet_apply(p, &h) != 0) {
            vt_drop(t->core, p, VT_DROP_BAD_OFFLOAD, 0, 0);
            return true;
        }
    }
    *frame = p;
    return true;
}

static unsigned tap_rx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct tap *t = (struct tap *)(void *)dev;
    unsigned got = 0;
    /* As many reads as frames were asked for: a flood of bad ones must not hold us here. */
    for (unsigned i = 0; i < n && tap_read(t, &frames[got]); i++) {
        if (frames[got] == NULL)
            continue;
        frames[got]->ev = (struct vt_event_id){0};
        frames[got]->stamp = now;
        got++;
    }
    return got;
}

/* ---- Sending ---- */

static ssize_t tap_write(struct tap *t, struct vt_pbuf *p)
{
    uint8_t head[VT_VNET_HLEN];
    struct iovec iov[TAP_IOV];
    int n = 0;
    if (t->vnet) {
        struct vt_vnet_hdr h;
        vt_vnet_describe(&h, p);
        vt_vnet_build(head, &h);
        iov[n++] = (struct iovec){head, sizeof head};
    }
    struct vt_iovec spans[VT_PBUF_SPANS];
    unsigned count = vt_pbuf_spans(p, 0, p->len, spans);
    for (unsigned i = 0; i < count; i++)
        iov[n++] = (struct iovec){spans[i].base, spans[i].len};
    ssize_t sent;
    do
        sent = writev(t->fd, iov, n);
    while (sent < 0 && errno == EINTR);
    return sent;
}

static unsigned tap_tx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct tap *t = (struct tap *)(void *)dev;
    (void)now;
    for (unsigned i = 0; i < n; i++) {
        if (tap_write(t, frames[i]) >= 0)
            vt_pbuf_free(frames[i]);
        else if (errno == EAGAIN || errno == ENOBUFS)
            return i;
        else /* EIO: the interface is down; EINVAL: the kernel finds fault with it */
            vt_drop(t->core, frames[i], errno == EINVAL ? VT_DROP_BAD_OFFLOAD : VT_DROP_TX_BUSY, 0, 0);
    }
    return n;
}

/* ---- The device ---- */

static vt_time tap_next(struct vt_device *dev)
{
    (void)dev;
    return VT_NEVER;
}

static int tap_fd(struct vt_device *dev)
{
    return ((struct tap *)(void *)dev)->fd;
}

static void tap_close(struct vt_device *dev)
{
    struct tap *t = (struct tap *)(void *)dev;
    close(t->fd);
    if (t->block != NULL)
        vt_block_unref(t->block);
    vt_free(t->core, t, sizeof *t);
}

static const struct vt_device_ops tap_ops = {
    .rx_burst = tap_rx,
    .tx_burst = tap_tx,
    .next = tap_next,
    .fd = tap_fd,
    .close = tap_close,
};

/* Copies a name that may be too long for an interface's: then its beginning. */
static void tap_name(char to[IFNAMSIZ], const char *name)
{
    size_t len = strnlen(name, IFNAMSIZ - 1);
    memcpy(to, name, len);
    to[len] = '\0';
}

/* The MTU that the kernel's side has. */
static uint32_t tap_mtu(const char *name)
{
    struct ifreq ifr = {0};
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return TAP_MTU;
    tap_name(ifr.ifr_name, name);
    int err = ioctl(s, SIOCGIFMTU, &ifr);
    close(s);
    return err == 0 && ifr.ifr_mtu > 0 ? (uint32_t)ifr.ifr_mtu : TAP_MTU;
}

/* Sets the form of the header and the offloads of a TAP. -1 when it is none. */
static int tap_configure(struct tap *t)
{
    struct ifreq ifr = {0};
    if (ioctl(t->fd, TUNGETIFF, &ifr) != 0)
        return -1;
    tap_name(t->name, ifr.ifr_name);
    t->vnet = (ifr.ifr_flags & IFF_VNET_HDR) != 0;
    if (!t->vnet)
        return 0;
    int size = VT_VNET_HLEN, little = 1;
    if (ioctl(t->fd, TUNSETVNETHDRSZ, &size) != 0 || ioctl(t->fd, TUNSETVNETLE, &little) != 0)
        return -1;
    t->dev.features = VT_DEV_TX_CSUM | VT_DEV_TX_TSO4;
    /* What the kernel may hand us. Without it, it hands over finished frames: nothing is lost. */
    if (ioctl(t->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) == 0)
        t->dev.features |= VT_DEV_RX_CSUM | VT_DEV_RX_GSO;
    return 0;
}

int vt_tap_from_fd(struct vt_device **dev, struct vt_core *core, int fd, const char *name)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return tap_error(errno);
    struct tap *t = vt_alloc(core, sizeof *t);
    if (t == NULL)
        return -VT_ENOMEM;
    t->core = core;
    t->fd = fd;
    tap_name(t->name, name);
    t->dev = (struct vt_device){.ops = &tap_ops, .mtu = TAP_MTU, .name = t->name};
    if (tap_configure(t) == 0) {
        t->dev.mtu = tap_mtu(t->name);
    } else { /* a packet socket of our own making: headers and all */
        t->vnet = true;
        t->dev.features = VT_DEV_TX_CSUM | VT_DEV_TX_TSO4 | VT_DEV_RX_CSUM | VT_DEV_RX_GSO;
    }
    *dev = &t->dev;
    return 0;
}

int vt_tap_open(struct vt_device **dev, struct vt_core *core, const char *name)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    if (strlen(name) >= sizeof ifr.ifr_name)
        return -VT_EINVAL;
    tap_name(ifr.ifr_name, name);
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return tap_error(errno);
    int err = ioctl(fd, TUNSETIFF, &ifr) != 0 ? tap_error(errno)
                                              : vt_tap_from_fd(dev, core, fd, ifr.ifr_name);
    if (err != 0)
        close(fd);
    return err;
}
