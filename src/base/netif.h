/* A network interface: what the network floor and the floor below it agree on.
 *
 * The network floor gives it packets by `output`; the floor below gives packets up by `input`. Both are set
 * by the composition root, so that neither floor names the other.
 */
#ifndef VT_BASE_NETIF_H
#define VT_BASE_NETIF_H

#include "core.h"

#define VT_NETIF_NAME  16
#define VT_NETIF_ADDRS 8

enum vt_netif_flags {
    VT_IFF_UP = 1 << 0,
    VT_IFF_LOOPBACK = 1 << 1,
    VT_IFF_BROADCAST = 1 << 2,
    VT_IFF_CARRIER = 1 << 3,
};

/* An address of an interface; `prefix` counts the bits of the family itself (24, not 120). */
struct vt_ifaddr {
    struct vt_ip ip;
    uint8_t prefix;
};

struct vt_netif {
    struct vt_core *core;
    struct vt_netif *next;
    char name[VT_NETIF_NAME];
    uint32_t index; /* from 1 */
    uint32_t flags;
    uint32_t features; /* enum vt_device_features of the device below */
    uint32_t mtu;      /* of the IP packet */
    struct vt_mac mac;
    unsigned naddrs;
    struct vt_ifaddr addr[VT_NETIF_ADDRS];

    /* Down: sends an IP packet to the neighbour `next_hop` (an address on this link, a broadcast or multicast
     * one included). Takes the pbuf. Errors are counted drops, told by events. 0; -VT_ENOBUFS when the
     * device takes nothing now, so that who sends may know that this has not left. */
    int (*output)(struct vt_netif *nif, struct vt_pbuf *p, struct vt_ip next_hop);
    /* Up: an IP packet arrived, link header pulled off; `group` when it was sent to a group address. Takes
     * the pbuf. */
    void (*input)(struct vt_netif *nif, struct vt_pbuf *p, bool group);
    /* Up: an IP packet that `output` took could not be delivered: its neighbour does not answer (RFC 1122
     * 2.3.2.2). The drop is counted and told already; this may send ICMP host unreachable. Takes the pbuf.
     * May be NULL. */
    void (*unreachable)(struct vt_netif *nif, struct vt_pbuf *p);
    void *link; /* of whoever set `output` */
    void *net;  /* of whoever set `input` */

    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};

/* The interface's IPv4 address whose network holds ip, or NULL. */
const struct vt_ifaddr *vt_netif_on_link(const struct vt_netif *nif, struct vt_ip ip);
/* True when ip is one of the interface's own addresses. */
bool vt_netif_has(const struct vt_netif *nif, struct vt_ip ip);
/* True when ip is this interface's network or directed broadcast address (RFC 1122 3.2.1.3), 255.255.255.255
 * included. */
bool vt_netif_is_broadcast(const struct vt_netif *nif, struct vt_ip ip);
/* True when a and b share their first `prefix` bits of the IPv4 part (or of all, for IPv6). */
bool vt_ip_same_net(struct vt_ip a, struct vt_ip b, unsigned prefix);

#endif
