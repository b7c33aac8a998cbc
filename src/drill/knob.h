/* Knobs as shell lines set them: values are text. */
#ifndef VT_DRILL_KNOB_H
#define VT_DRILL_KNOB_H

#include <vitro/host.h>

/* A number, or a triple ("4096 131072 6291456") that sets NAME_min, NAME_default and NAME_max, as far as
 * there are such. 0; -VT_ENOENT when there is no such knob, -VT_EINVAL when it takes no such value. */
int drill_knob_set(struct vt_host *h, const char *name, const char *value);
/* +, - and * of numbers and brackets, as $(( )) has them: *s is moved behind what was read. */
bool drill_arithmetic(const char **s, int64_t *value);

#endif
