/* A directory of the system as a program's files: never left, not by "..", not by a symbolic link, not by a
 * link that changes while it is followed; and no devices, pipes or sockets.
 */
#ifndef VT_PLUG_FILES_H
#define VT_PLUG_FILES_H

#include "application/application.h"

struct vt_files; /* the `root` of vt_files_api */

/* -VT_ENOENT, -VT_EACCES, -VT_ENOMEM. */
int vt_files_open(struct vt_files **files, const char *directory);
void vt_files_close(struct vt_files *files); /* NULL is allowed */

extern const struct vt_file_api vt_files_api;

#endif
