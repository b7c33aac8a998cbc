/* Whose card it is: the vendor of a MAC address, out of IEEE's public list of assignments (oui.txt, as
 * Debian's ieee-data installs it). */
#ifndef VT_PLUG_OUI_H
#define VT_PLUG_OUI_H

#include <vitro/types.h>

#define VT_OUI_FILE "/usr/share/ieee-data/oui.txt"

struct vt_oui;

/* Reads the list; NULL is Debian's file. -VT_ENOENT (not installed), -VT_EINVAL (holds no assignment),
 * -VT_ENOMEM, -VT_EIO. */
int vt_oui_open(struct vt_oui **oui, const char *path);
/* The vendor of the first six digits; "locally administered" for addresses that are no vendor's (the second
 * bit of the first byte), NULL for one that is not in the list. Valid until the list is closed. A group
 * address is named by the vendor who would own it. */
const char *vt_oui_vendor(const struct vt_oui *oui, struct vt_mac mac);
/* How many assignments were read. */
size_t vt_oui_count(const struct vt_oui *oui);
void vt_oui_close(struct vt_oui *oui);

#endif
