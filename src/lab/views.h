/* What `vitro ss`, `vitro ip` and `vitro link` show, as JSON (iproute2's keys where it has them): taken from
 * the hosts of a lab, and sent over the control socket. Each returns a new reference, or NULL without memory.
 */
#ifndef VT_LAB_VIEWS_H
#define VT_LAB_VIEWS_H

#include <jansson.h>
#include <vitro/lab.h>

/* `host` NULL: of all hosts and routers; each row has "host". */
json_t *vt_view_sockets(struct vt_lab *lab, const char *host);
json_t *vt_view_addrs(struct vt_lab *lab, const char *host);
json_t *vt_view_routes(struct vt_lab *lab, const char *host);
json_t *vt_view_neighbours(struct vt_lab *lab, const char *host);
/* Cables, with both directions' impairments and counters. */
json_t *vt_view_links(struct vt_lab *lab);
/* Nodes: name and kind, and what is plugged in. */
json_t *vt_view_nodes(struct vt_lab *lab);
/* The addresses that switches know. */
json_t *vt_view_fdb(struct vt_lab *lab);

#endif
