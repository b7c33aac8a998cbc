/* Ethernet under one interface: what its parts share. */
#ifndef VT_LINK_ETH_H
#define VT_LINK_ETH_H

#include "eth_wire.h"
#include "neigh.h"

/* An address that is announced, and defended. */
struct vt_arp_claim {
    struct vt_ip ip;
    uint32_t announcements; /* still to be sent */
    bool defended;
    vt_time defended_at;
};

struct vt_eth {
    struct vt_netif *nif;
    struct vt_port *port;
    struct vt_core *core;
    struct vt_eth_config config; /* with the defaults filled in */
    struct vt_neigh_table neigh;
    struct vt_arp_claim claim[VT_NETIF_ADDRS];
    struct vt_timer announce_timer;
};

/* Puts a link header before a packet and hands it to the port. Takes the pbuf. */
void vt_eth_transmit(struct vt_eth *eth, struct vt_pbuf *p, struct vt_mac dst, uint16_t type);

void vt_arp_init(struct vt_eth *eth);
void vt_arp_fini(struct vt_eth *eth);
/* An ARP packet, link header pulled off. Takes the pbuf. */
void vt_arp_input(struct vt_eth *eth, struct vt_pbuf *p);
/* Asks for the MAC of `ip`: everybody, or with `mac` only that one. */
void vt_arp_request(struct vt_eth *eth, struct vt_ip ip, const struct vt_mac *mac);

#endif
