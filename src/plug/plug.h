/* Plugs that let programs on the kernel's sockets talk to hosts of a lab in real time: port forwards and
 * SOCKS. */
#ifndef VT_PLUG_PLUG_H
#define VT_PLUG_PLUG_H

#include "lab/real.h"

struct vt_forward;
struct vt_socks;

struct vt_forward_config {
    struct vt_addr listen; /* of the kernel's */
    const char *host;      /* the target: a node of the lab */
    uint16_t port;
    /* The node from which the connection is opened, across the cables; NULL: the target itself, over its own
     * loopback, so that the forward works whatever became of the cables. */
    const char *via;
    uint32_t mark; /* SO_MARK of the connections, 0: none */
};

/* Carries connections to config->listen on to the target. 0, or a negative errno: -EADDRINUSE, -EACCES,
 * -EADDRNOTAVAIL; -ENOENT: no such host. */
int vt_forward_open(struct vt_forward **out, struct vt_real *real, const struct vt_forward_config *config);
/* Stops listening and ends the connections in order. */
void vt_forward_stop(struct vt_forward *f);
void vt_forward_close(struct vt_forward *f);

/* A SOCKS5 port (RFC 1928): CONNECT, without authentication, IPv4 addresses and names, which the lab's host
 * `from` resolves and from which the connections go. Errors as above. */
int vt_socks_open(struct vt_socks **out, struct vt_real *real, const struct vt_addr *listen,
                  const char *from);
void vt_socks_stop(struct vt_socks *s);
void vt_socks_close(struct vt_socks *s);

#endif
