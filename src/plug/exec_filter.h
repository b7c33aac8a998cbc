/* The seccomp filter of a program that runs on a lab's sockets. */
#ifndef VT_PLUG_EXEC_FILTER_H
#define VT_PLUG_EXEC_FILTER_H

/* Puts the caller under the filter, for good. The listener's descriptor, or a negative errno: -EBUSY when the
 * caller is under another listener already. */
int vt_exec_filter(void);

#endif
