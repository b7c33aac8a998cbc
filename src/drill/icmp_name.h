/* ICMP types and codes by the names that scripts give them (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1). */
#ifndef VT_DRILL_ICMP_NAME_H
#define VT_DRILL_ICMP_NAME_H

#include <stdint.h>

/* NULL when there is none. */
const char *drill_icmp_type_name(uint8_t type);
const char *drill_icmp_code_name(uint8_t type, uint8_t code);

#endif
