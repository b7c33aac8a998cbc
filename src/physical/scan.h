/* Reading short texts of words and numbers, with the place of a mistake. No libc, no locale. */
#ifndef VT_PHYSICAL_SCAN_H
#define VT_PHYSICAL_SCAN_H

#include <vitro/types.h>

/* A text, and the word of it that is being looked at: text[at .. at + len). len is 0 at the end. */
struct vt_scan {
    const char *text;
    size_t at, len;
};

/* Goes to the first word, and to the next. False at the end of the text, where `at` then is. */
bool vt_scan_first(struct vt_scan *s, const char *text);
bool vt_scan_next(struct vt_scan *s);
bool vt_scan_is(const struct vt_scan *s, const char *word);
/* True when the word begins with a digit. */
bool vt_scan_digit(const struct vt_scan *s);

/* A unit of measure: its word, and how many of the smallest units it is. */
struct vt_unit {
    const char *word;
    uint64_t factor;
};
/* Reads the whole word as a decimal number with a unit out of `units` (ended by a NULL word; letters of
 * either case): "1.5ms". False when it is none, more than `max`, or no whole number of the smallest unit. */
bool vt_scan_measure(const struct vt_scan *s, const struct vt_unit *units, uint64_t max, uint64_t *value);
/* Reads digits from word offset *i on, up to `max`, and moves *i behind them. False when there are none. */
bool vt_scan_digits(const struct vt_scan *s, size_t *i, uint64_t max, uint64_t *value);
/* The whole word as a number up to max. */
bool vt_scan_number(const struct vt_scan *s, uint64_t max, uint64_t *value);

extern const struct vt_unit vt_units_time[]; /* nanoseconds */

#define VT_SCAN_TIME_MAX ((uint64_t)VT_SEC * 86400) /* a day: whoever wants more wants a cut */

/* Writing. Each appends to `to` and returns the new end; the caller knows that there is room. */
char *vt_put_text(char *to, const char *text);
/* value / factor as an exact decimal number: 1500000 by 10^6 is "1.5". factor is a power of ten. */
char *vt_put_decimal(char *to, uint64_t value, uint64_t factor);
/* In the largest of `units` (ascending, ended by a NULL word) that is not more than the value. */
char *vt_put_measure(char *to, uint64_t value, const struct vt_unit *units);

#endif
