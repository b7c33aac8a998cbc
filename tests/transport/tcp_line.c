#include "tcp_line.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    char c;
    uint16_t flag;
} letters[] = {{'S', VT_SYN}, {'F', VT_FIN}, {'R', VT_RST}, {'P', VT_PSH}, {'U', VT_URG},
               {'E', VT_ECE}, {'W', VT_CWR}, {'A', VT_AE},  {'.', VT_ACK}};
#define LETTERS (sizeof(letters) / sizeof(letters[0]))

static const char *skip(const char *s)
{
    while (*s == ' ')
        s++;
    return s;
}

/* Steps over a word; NULL when it is not there. */
static const char *word(const char *s, const char *w)
{
    size_t n = strlen(w);
    s = skip(s);
    return strncmp(s, w, n) == 0 ? s + n : NULL;
}

static bool number(const char **s, uint32_t *v)
{
    char *end;
    const char *at = skip(*s);
    *v = (uint32_t)strtoll(at, &end, 10);
    if (end == at)
        return false;
    *s = end;
    return true;
}

static const char *parse_flags(struct line *l, const char *s)
{
    s = skip(s);
    if (*s == '-')
        return s + 1;
    for (; *s != ' ' && *s != 0; s++) {
        unsigned i = 0;
        if (*s == 'p') {
            l->push_any = true;
            continue;
        }
        while (i < LETTERS && letters[i].c != *s)
            i++;
        if (i == LETTERS)
            return NULL;
        l->flags |= letters[i].flag;
    }
    return s;
}

static const char *parse_sack(struct line *l, const char *s)
{
    uint32_t a, b;
    for (;;) {
        const char *t = s;
        if (!number(&t, &a) || *t++ != ':' || !number(&t, &b))
            return l->o.nsacks != 0 ? s : NULL;
        if (l->o.nsacks == VT_TCP_MAX_SACKS)
            return NULL;
        l->o.sack[l->o.nsacks++] = (struct vt_range){vt_seq(a), vt_seq(b)};
        s = t;
    }
}

static const char *parse_hex(struct line *l, const char *s)
{
    unsigned v;
    s = skip(s);
    while (sscanf(s, "%2x", &v) == 1 && l->raw_len < sizeof(l->raw) && s[0] != ',' && s[0] != '>') {
        l->raw[l->raw_len++] = (uint8_t)v;
        s += 2;
    }
    return s;
}

static const char *parse_option(struct line *l, const char *s)
{
    uint32_t v;
    const char *t;
    if ((t = word(s, "mss")) != NULL && number(&t, &v)) {
        l->o.mss_ok = true;
        l->o.mss = (uint16_t)v;
        return t;
    }
    if ((t = word(s, "wscale")) != NULL && number(&t, &v)) {
        l->o.wscale_ok = true;
        l->o.wscale = (uint8_t)v;
        return t;
    }
    if ((t = word(s, "sackOK")) != NULL) {
        l->o.sack_ok = true;
        return t;
    }
    if ((t = word(s, "sack")) != NULL)
        return parse_sack(l, t);
    if ((t = word(s, "hex")) != NULL)
        return parse_hex(l, t);
    if ((t = word(s, "TS")) != NULL) {
        l->o.ts_ok = true;
        const char *val = word(t, "val");
        if (val == NULL) {
            l->ts_any = true;
            return t;
        }
        if (!number(&val, &l->o.tsval) || (t = word(val, "ecr")) == NULL || !number(&t, &l->o.tsecr))
            return NULL;
        return t;
    }
    return NULL;
}

static const char *parse_options(struct line *l, const char *s)
{
    l->opts_ok = true;
    s = skip(s);
    while (*s != '>') {
        s = parse_option(l, s);
        if (s == NULL)
            return NULL;
        s = skip(s);
        if (*s == ',')
            s = skip(s + 1);
        else if (*s != '>')
            return NULL;
    }
    return s + 1;
}

const char *line_parse(struct line *l, const char *text)
{
    memset(l, 0, sizeof(*l));
    const char *s = parse_flags(l, text);
    if (s == NULL)
        return "flags";
    if (!number(&s, &l->from) || *s++ != ':' || !number(&s, &l->to) || *s++ != '(' || !number(&s, &l->len) ||
        *s++ != ')' || l->to - l->from != l->len)
        return "first:behind(bytes)";
    for (s = skip(s); *s != 0; s = skip(s)) {
        const char *t;
        if ((t = word(s, "ack")) != NULL && number(&t, &l->ack))
            l->ack_ok = true;
        else if ((t = word(s, "win")) != NULL && number(&t, &l->win))
            l->win_ok = true;
        else if ((t = word(s, "urg")) != NULL && number(&t, &l->urg))
            l->urg_ok = true;
        else if ((t = word(s, "<")) == NULL || (t = parse_options(l, t)) == NULL)
            return s;
        s = t;
    }
    return NULL;
}

void line_print(char *text, const struct line *l)
{
    char *end = text + LINE_TEXT, *t = text;
#define PUT(...) (t += t < end ? snprintf(t, (size_t)(end - t), __VA_ARGS__) : 0)
    for (unsigned i = 0; i < LETTERS; i++)
        if ((l->flags & letters[i].flag) != 0)
            PUT("%c", letters[i].c);
    if (l->flags == 0)
        PUT("-");
    PUT(" %d:%d(%u)", (int32_t)l->from, (int32_t)l->to, l->len);
    if (l->ack_ok)
        PUT(" ack %d", (int32_t)l->ack);
    if (l->win_ok)
        PUT(" win %u", l->win);
    if (l->urg_ok)
        PUT(" urg %u", l->urg);
    if (!l->opts_ok)
        return;
    const char *comma = " <";
    if (l->o.mss_ok) {
        PUT("%smss %u", comma, l->o.mss);
        comma = ", ";
    }
    if (l->o.sack_ok) {
        PUT("%ssackOK", comma);
        comma = ", ";
    }
    if (l->o.ts_ok && l->ts_any)
        PUT("%sTS", comma);
    else if (l->o.ts_ok)
        PUT("%sTS val %u ecr %u", comma, l->o.tsval, l->o.tsecr);
    comma = l->o.ts_ok ? ", " : comma;
    if (l->o.wscale_ok) {
        PUT("%swscale %u", comma, l->o.wscale);
        comma = ", ";
    }
    for (unsigned i = 0; i < l->o.nsacks; i++) {
        PUT("%s%s%d:%d", i == 0 ? comma : " ", i == 0 ? "sack " : "", (int32_t)l->o.sack[i].from.v,
            (int32_t)l->o.sack[i].to.v);
        comma = ", ";
    }
    PUT("%s>", comma[0] == ' ' ? " <" : "");
#undef PUT
}
