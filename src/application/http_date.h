/* HTTP's dates (RFC 9110 5.6.7). */
#ifndef VT_APPLICATION_HTTP_DATE_H
#define VT_APPLICATION_HTTP_DATE_H

#include "format.h"

#define VT_HTTP_DATE 30

/* "Sun, 06 Nov 1994 08:49:37 GMT"; `buf` has room for VT_HTTP_DATE bytes. Returns buf. */
char *vt_http_date(char *buf, uint64_t unix_time);
/* That form, and the two obsolete ones that a recipient must take ("Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov
 * 6 08:49:37 1994"). Two-digit years are 1970 to 2069. 0, or -VT_EINVAL. */
int vt_http_date_parse(const char *text, uint64_t *unix_time);

#endif
