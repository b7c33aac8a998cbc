#include "impair.h"
#include <vitro/errno.h>
#include "scan.h"

#define BILLION  UINT64_C(1000000000)
#define RATE_MAX (UINT64_C(1000) * 1000000000000) /* 1000 tbit/s */

static const struct vt_unit units_chance[] = {{"%", BILLION / 100}, {NULL, 0}};
static const struct vt_unit units_rate[] = {
    {"bit", 1}, {"kbit", 1000}, {"mbit", 1000000}, {"gbit", BILLION}, {"tbit", 1000 * BILLION}, {NULL, 0},
};

#define EXPECTED_WORD \
    "one of: loss, delay, duplicate, reorder, corrupt, corrupt-inside, rate, limit, ecn, cut, heal, clear"
#define EXPECTED_CHANCE "a percentage up to 100% with at most 7 decimals, such as 1% or 0.01%"
#define EXPECTED_TIME   "a time up to a day, such as 20ms, 1.5s, 300us or 50ns"
#define EXPECTED_RATE   "a rate such as 10mbit, 56kbit or 1gbit, or 0bit for none"
#define EXPECTED_LIMIT  "a number of frames up to 4294967295"
#define EXPECTED_DELAY  "a delay: without one no frame can be sent ahead of another"

/* The chance that a word names, or NULL. */
static uint32_t *chance_of(struct vt_impair *im, const struct vt_scan *s)
{
    if (vt_scan_is(s, "loss"))
        return &im->loss;
    if (vt_scan_is(s, "duplicate"))
        return &im->duplicate;
    if (vt_scan_is(s, "reorder"))
        return &im->reorder;
    if (vt_scan_is(s, "corrupt"))
        return &im->corrupt;
    if (vt_scan_is(s, "corrupt-inside"))
        return &im->corrupt_inside;
    return NULL;
}

static const char *parse_chance(struct vt_scan *s, uint32_t *chance)
{
    uint64_t value;
    vt_scan_next(s);
    if (vt_scan_is(s, "random")) /* tc allows "loss random 1%" */
        vt_scan_next(s);
    if (!vt_scan_measure(s, units_chance, BILLION, &value))
        return EXPECTED_CHANCE;
    *chance = (uint32_t)value;
    vt_scan_next(s);
    return NULL;
}

/* "delay 20ms" or "delay 20ms 5ms": without a jitter there is none. */
static const char *parse_delay(struct vt_scan *s, struct vt_impair *im)
{
    uint64_t value;
    vt_scan_next(s);
    if (!vt_scan_measure(s, vt_units_time, VT_SCAN_TIME_MAX, &value))
        return EXPECTED_TIME;
    im->delay = (vt_span)value;
    im->jitter = 0;
    vt_scan_next(s);
    if (!vt_scan_digit(s))
        return NULL;
    if (!vt_scan_measure(s, vt_units_time, VT_SCAN_TIME_MAX, &value))
        return EXPECTED_TIME;
    im->jitter = (vt_span)value;
    vt_scan_next(s);
    return NULL;
}

/* Reads one setting and goes to the word behind it. NULL, or what was expected at the word where s stands. */
static const char *parse_setting(struct vt_scan *s, struct vt_impair *im)
{
    uint64_t value;
    uint32_t *chance = chance_of(im, s);
    if (chance != NULL)
        return parse_chance(s, chance);
    if (vt_scan_is(s, "delay"))
        return parse_delay(s, im);
    if (vt_scan_is(s, "rate")) {
        vt_scan_next(s);
        if (!vt_scan_measure(s, units_rate, RATE_MAX, &im->rate))
            return EXPECTED_RATE;
    } else if (vt_scan_is(s, "limit")) {
        vt_scan_next(s);
        if (!vt_scan_number(s, UINT32_MAX, &value))
            return EXPECTED_LIMIT;
        im->limit = (uint32_t)value;
    } else if (vt_scan_is(s, "ecn")) {
        vt_scan_next(s);
        if (!vt_scan_number(s, UINT32_MAX, &value))
            return EXPECTED_LIMIT;
        im->ecn = (uint32_t)value;
    } else if (vt_scan_is(s, "cut")) {
        im->cut = true;
    } else if (vt_scan_is(s, "heal")) {
        im->cut = false;
    } else if (vt_scan_is(s, "clear")) {
        memset(im, 0, sizeof *im);
    } else {
        return EXPECTED_WORD;
    }
    vt_scan_next(s);
    return NULL;
}

int vt_impair_parse(struct vt_impair *im, const char *text, size_t *where, const char **expected)
{
    struct vt_impair read = *im;
    struct vt_scan s;
    const char *wrong = NULL;
    size_t reorder_at = 0;
    vt_scan_first(&s, text);
    while (s.len != 0 && wrong == NULL) {
        if (vt_scan_is(&s, "reorder"))
            reorder_at = s.at;
        wrong = parse_setting(&s, &read);
    }
    if (wrong == NULL && read.reorder != 0 && read.delay == 0 && read.jitter == 0) {
        wrong = EXPECTED_DELAY; /* as tc has it */
        s.at = reorder_at;
    }
    if (wrong != NULL) {
        *where = s.at;
        *expected = wrong;
        return -VT_EINVAL;
    }
    *im = read;
    return 0;
}

static char *put_word(char *to, const char *start, const char *word)
{
    if (to != start)
        to = vt_put_text(to, " ");
    return vt_put_text(to, word);
}

static char *put_chance(char *to, const char *start, const char *word, uint32_t chance)
{
    if (chance == 0)
        return to;
    return vt_put_measure(put_word(to, start, word), chance, units_chance);
}

char *vt_impair_text(char *buf, const struct vt_impair *im)
{
    char *to = buf;
    *to = '\0';
    if (im->cut)
        to = put_word(to, buf, "cut");
    to = put_chance(to, buf, "loss ", im->loss);
    if (im->delay != 0 || im->jitter != 0)
        to = vt_put_measure(put_word(to, buf, "delay "), (uint64_t)im->delay, vt_units_time);
    if (im->jitter != 0)
        to = vt_put_measure(vt_put_text(to, " "), (uint64_t)im->jitter, vt_units_time);
    to = put_chance(to, buf, "duplicate ", im->duplicate);
    to = put_chance(to, buf, "reorder ", im->reorder);
    to = put_chance(to, buf, "corrupt ", im->corrupt);
    to = put_chance(to, buf, "corrupt-inside ", im->corrupt_inside);
    if (im->rate != 0)
        to = vt_put_measure(put_word(to, buf, "rate "), im->rate, units_rate);
    if (im->limit != 0)
        to = vt_put_decimal(put_word(to, buf, "limit "), im->limit, 1);
    if (im->ecn != 0)
        vt_put_decimal(put_word(to, buf, "ecn "), im->ecn, 1);
    return buf;
}

bool vt_impair_is_clean(const struct vt_impair *im)
{
    /* A limit alone holds nothing back: without a rate nothing waits. */
    return im->rate == 0 && im->delay == 0 && im->jitter == 0 && !im->cut &&
           (im->loss | im->duplicate | im->reorder | im->corrupt | im->corrupt_inside) == 0;
}
