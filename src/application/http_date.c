#include <vitro/errno.h>
#include "http_date.h"

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

struct civil {
    unsigned year, month, day; /* month and day from 1 */
};

/* Days since 1970-01-01 of a date, by counting years from March, so that the leap day is the last of its
 * year, and centuries in fours, of which each has 146,097 days. */
static uint64_t days_of(struct civil c)
{
    unsigned y = c.month <= 2 ? c.year - 1 : c.year, m = (c.month + 9) % 12;
    uint64_t century = y / 400, year = y % 400;
    return century * 146097 + year * 365 + year / 4 - year / 100 + (153 * m + 2) / 5 + c.day - 1 - 719468;
}

static struct civil civil_of(uint64_t day)
{
    uint64_t n = day + 719468, century = n / 146097, of = n % 146097;
    uint64_t year = (of - of / 1460 + of / 36524 - of / 146096) / 365;
    uint64_t yday = of - (365 * year + year / 4 - year / 100), m = (5 * yday + 2) / 153;
    unsigned month = (unsigned)(m < 10 ? m + 3 : m - 9);
    return (struct civil){(unsigned)(century * 400 + year + (month <= 2 ? 1 : 0)), month,
                          (unsigned)(yday - (153 * m + 2) / 5 + 1)};
}

char *vt_http_date(char *buf, uint64_t unix_time)
{
    /* The year has four digits. */
    uint64_t t = unix_time < 253402300800 ? unix_time : 253402300799, day = t / 86400, s = t % 86400;
    struct civil c = civil_of(day);
    vt_format(buf, VT_HTTP_DATE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + (day + 4) % 7 * 3, c.day,
              months + (size_t)(c.month - 1) * 3, c.year, (unsigned)(s / 3600), (unsigned)(s / 60 % 60),
              (unsigned)(s % 60));
    return buf;
}

/* A cursor over the text; each part that is not there sets `bad`. */
struct scan {
    const char *at;
    bool bad;
};

static void expect(struct scan *s, const char *text)
{
    size_t len = strlen(text);
    if (s->bad || strncmp(s->at, text, len) != 0)
        s->bad = true;
    else
        s->at += len;
}

static unsigned number(struct scan *s, unsigned digits)
{
    unsigned v = 0;
    for (unsigned i = 0; i < digits && !s->bad; i++) {
        if (!vt_is_digit(*s->at)) {
            s->bad = true;
            return 0;
        }
        v = v * 10 + (unsigned)(*s->at++ - '0');
    }
    return v;
}

static unsigned month(struct scan *s)
{
    for (unsigned i = 0; i < 12 && !s->bad; i++)
        if (strncmp(s->at, months + (size_t)i * 3, 3) == 0) {
            s->at += 3;
            return i + 1;
        }
    s->bad = true;
    return 1;
}

static uint64_t clock(struct scan *s)
{
    unsigned h = number(s, 2), m, sec;
    expect(s, ":");
    m = number(s, 2);
    expect(s, ":");
    sec = number(s, 2);
    if (h > 23 || m > 59 || sec > 60) /* 60: a leap second */
        s->bad = true;
    return (uint64_t)h * 3600 + m * 60 + sec;
}

static unsigned month_days(unsigned month, unsigned year)
{
    static const uint8_t length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return length[month - 1] + (month == 2 && leap ? 1u : 0u);
}

int vt_http_date_parse(const char *text, uint64_t *unix_time)
{
    size_t weekday = 0;
    struct scan s = {text, false};
    struct civil c;
    uint64_t time;
    while (vt_lower(text[weekday]) >= 'a' && vt_lower(text[weekday]) <= 'z')
        weekday++;
    if (weekday < 3)
        return -VT_EINVAL;
    s.at += weekday;
    if (*s.at == ' ') { /* asctime() */
        expect(&s, " ");
        c.month = month(&s);
        expect(&s, " ");
        if (*s.at == ' ') {
            s.at++;
            c.day = number(&s, 1);
        } else {
            c.day = number(&s, 2);
        }
        expect(&s, " ");
        time = clock(&s);
        expect(&s, " ");
        c.year = number(&s, 4);
    } else {
        const char *sep = weekday == 3 ? " " : "-";
        expect(&s, ", ");
        c.day = number(&s, 2);
        expect(&s, sep);
        c.month = month(&s);
        expect(&s, sep);
        c.year = number(&s, weekday == 3 ? 4 : 2);
        if (weekday != 3)
            c.year += c.year < 70 ? 2000 : 1900;
        expect(&s, " ");
        time = clock(&s);
        expect(&s, " GMT");
    }
    if (s.bad || *s.at != 0 || c.year < 1970 || c.day == 0 || c.day > month_days(c.month, c.year))
        return -VT_EINVAL;
    *unix_time = days_of(c) * 86400 + time;
    return 0;
}
