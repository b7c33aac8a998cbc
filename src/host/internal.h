#ifndef VT_HOST_INTERNAL_H
#define VT_HOST_INTERNAL_H

#include "host.h"

#define VT_HOST_NAME       64
#define VT_HOST_STREAM_CAP 65536 /* bytes of the host's own event ring */

/* An interface: the network's, the port to the device, and the link between them. */
struct vt_host_if {
    struct vt_host_if *next;
    struct vt_netif nif;
    struct vt_port port;
    struct vt_eth *eth; /* NULL over a device without a link header */
};

struct vt_host {
    struct vt_core core;
    char name[VT_HOST_NAME];
    struct vt_net *net;
    struct vt_tcp *tcp;
    struct vt_udp *udp;
    struct vt_ping *ping;
    struct vt_sockets *sockets;
    struct vt_host_if *ifs; /* in the order of their attachment */
    int nifs;
    bool own_pool, own_stream;
    bool router;
    bool numbered;            /* it was given a number: its MAC addresses follow from that */
    bool arp_notify;          /* net.ipv4.conf.all.arp_notify: new addresses are announced */
    uint32_t arp_probes;      /* net.ipv4.neigh.default.mcast_solicit */
    bool born;                /* NODE was told */
    struct vt_event_id birth; /* the id of NODE */
    struct vt_stream stream;  /* its own, when made */
};

/* Emits NODE, once, when somebody listens. */
void vt_host_tell_birth(struct vt_host *h);

#endif
