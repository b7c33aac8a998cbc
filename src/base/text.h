/* Reading and writing the small types as people write them. No locale, no allocation. */
#ifndef VT_BASE_TEXT_H
#define VT_BASE_TEXT_H

#include <vitro/types.h>

#define VT_IP_TEXT   46
#define VT_ADDR_TEXT 60
#define VT_MAC_TEXT  18

/* Each writes at most the size named above, with its 0, and returns buf. IPv4 is written dotted, IPv6 by
 * RFC 5952. */
char *vt_ip_text(char *buf, struct vt_ip ip);
char *vt_addr_text(char *buf, struct vt_addr addr); /* 10.0.0.1:80, [fe80::1%2]:80 */
char *vt_mac_text(char *buf, struct vt_mac mac);    /* 02:00:00:00:00:01 */

/* Strict: "10.0.0.1" with four decimal numbers up to 255 without leading zeros; IPv6 by RFC 4291 2.2. 0, or
 * -VT_EINVAL. */
int vt_ip_parse(struct vt_ip *ip, const char *text);
/* "10.0.0.1/24"; without a prefix it is that of one address. */
int vt_ip_parse_prefix(struct vt_ip *ip, uint8_t *prefix, const char *text);
/* "10.0.0.1:80". */
int vt_addr_parse(struct vt_addr *addr, const char *text);
/* "02:00:00:00:00:01", with ':' or '-'. */
int vt_mac_parse(struct vt_mac *mac, const char *text);

#endif
