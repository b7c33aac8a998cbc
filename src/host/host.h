/* The inside of a host, for those that compose and drive hosts: the lab, the plugs, the drill, the command,
 * tests.
 *
 *     host.c          building and taking down; interfaces and routes
 *     host_poll.c     the poll loop
 *     host_socket.c   the public calls of <vitro/socket.h>
 *     host_sysctl.c   knobs by their sysctl names
 *     host_malloc.c   the default allocator, the only file that uses the C library's
 */
#ifndef VT_HOST_HOST_H
#define VT_HOST_HOST_H

#include <vitro/host.h>
#include "session/session.h"

/* What the host is made of; the host's. */
struct vt_core *vt_host_core(struct vt_host *h);
struct vt_net *vt_host_net(struct vt_host *h);
struct vt_tcp *vt_host_tcp(struct vt_host *h);
struct vt_udp *vt_host_udp(struct vt_host *h);
struct vt_ping *vt_host_ping(struct vt_host *h);
struct vt_sockets *vt_host_sockets(struct vt_host *h);
/* Of interface `index`, from 1; NULL when there is none. A device without a link header has no Ethernet. */
struct vt_port *vt_host_port(struct vt_host *h, int index);
struct vt_netif *vt_host_netif(struct vt_host *h, int index);
struct vt_eth *vt_host_eth(struct vt_host *h, int index);

/* Enters the host from outside at this time: a program is about to use its sockets. Nothing has caused what
 * follows. */
void vt_host_enter(struct vt_host *h, vt_time now);

/* The C library's malloc and free. Where there is none, whoever links the library supplies this. */
struct vt_allocator vt_host_malloc(void);

#endif
