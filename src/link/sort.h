/* Sorting of a table's rows before they are shown, so that the order does not tell how the table is hashed.
 */
#ifndef VT_LINK_SORT_H
#define VT_LINK_SORT_H

#include <vitro/types.h>

#define VT_SORT_ROW 64 /* bytes of a row, at most */

/* Heapsort: in place, and no worse than n log n whatever the rows. `before` tells whether a comes before b.
 */
void vt_sort(void *rows, size_t n, size_t size, bool (*before)(const void *a, const void *b));

#endif
