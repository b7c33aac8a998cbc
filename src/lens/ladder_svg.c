/* The ladder as SVG 1.1: the same rows, one below the other. Each has a title, which browsers show on
 * hovering: what it means and why. */
#include "ladder.h"

#define STEP    34  /* from row to row */
#define SIDE    210 /* beside the outer lifelines: times and states */
#define BETWEEN 520 /* from lifeline to lifeline, with two; less with more */
#define TOP     64
#define SLANT   7 /* an arrow falls by twice this */

struct svg {
    const struct vt_rows *rows;
    struct vt_out *o;
    unsigned n, between, y;
    int state[VT_ROWS_COLUMNS];
};

static void put_escaped(struct vt_out *o, const char *text)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len;) {
        uint32_t c;
        unsigned n = vt_utf8_next(text + at, len - at, &c);
        if (c == '<')
            vt_out_text(o, "&lt;");
        else if (c == '>')
            vt_out_text(o, "&gt;");
        else if (c == '&')
            vt_out_text(o, "&amp;");
        else if (c == '"')
            vt_out_text(o, "&quot;");
        else if (c >= 0x20 && c != 0xfffd)
            vt_out_bytes(o, text + at, n);
        else
            vt_out_char(o, '?'); /* XML 1.0 2.2 has no place for control characters */
        at += n;
    }
}

static unsigned column_x(const struct svg *s, int c)
{
    return SIDE + s->between * (unsigned)c;
}

static unsigned whole_width(const struct svg *s)
{
    return 2 * SIDE + s->between * (s->n > 0 ? s->n - 1 : 0);
}

static void put_text(struct svg *s, const char *class, const char *anchor, unsigned x, unsigned y,
                     const char *text)
{
    vt_out_format(s->o, "<text class=\"%s\" text-anchor=\"%s\" x=\"%u\" y=\"%u\">", class, anchor, x, y);
    put_escaped(s->o, text);
    vt_out_text(s->o, "</text>\n");
}

static void put_time(struct svg *s, bool right, unsigned y, vt_time t)
{
    struct vt_out text = {0};
    vt_out_seconds(&text, t, 12);
    put_text(s, "t", right ? "end" : "start", right ? whole_width(s) - 8 : 8, y, vt_out_string(&text));
    vt_out_free(&text);
}

static void put_states(struct svg *s, const struct vt_row *row)
{
    for (int c = 0; c < (int)s->n; c++) {
        int state = vt_ladder_state(s->rows, row, c);
        if (state < 0)
            continue;
        const char *class = state == s->state[c] ? "s" : "s new";
        const char *name = vt_tcp_state_name((unsigned)state);
        bool changed = state != s->state[c];
        s->state[c] = state;
        if (c == 0)
            put_text(s, class, "end", column_x(s, c) - 12, s->y + 4, name);
        else if (c == (int)s->n - 1)
            put_text(s, class, "start", column_x(s, c) + 12, s->y + 4, name);
        else if (changed)
            put_text(s, class, "start", column_x(s, c) + 8, s->y + 18, name);
    }
}

static const char *row_class(const struct vt_row *row)
{
    if (row->fate == VT_FATE_LOST || row->fate == VT_FATE_DROPPED || (row->flags & VT_ROWF_BAD) != 0)
        return "bad";
    return (row->flags & (VT_ROWF_AGAIN | VT_ROWF_DUPLICATE)) != 0 ? "again" : "fine";
}

static void put_cross(struct svg *s, unsigned x, unsigned y)
{
    vt_out_format(s->o, "<path class=\"x\" d=\"M%u %ul10 10m0 -10l-10 10\"/>\n", x - 5, y - 5);
}

/* The line from x1 to x2, which ends after `part` thousandths. */
static void put_arrow(struct svg *s, unsigned x1, unsigned x2, const struct vt_row *row)
{
    bool dead = row->fate == VT_FATE_LOST || row->fate == VT_FATE_DROPPED;
    unsigned part = dead ? row->died : row->fate == VT_FATE_OPEN ? 500 : 1000;
    unsigned length = x2 > x1 ? x2 - x1 : x1 - x2, run = length * part / 1000;
    unsigned end = x2 > x1 ? x1 + run : x1 - run;
    unsigned y1 = s->y - SLANT, y2 = s->y - SLANT + 2 * SLANT * part / 1000;
    const char *class = row_class(row);
    vt_out_format(s->o, "<line class=\"a %s%s\" x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\"%s/>\n", class,
                  row->fate == VT_FATE_OPEN ? " open" : "", x1, y1, end, y2,
                  part == 1000 && !dead ? " marker-end=\"url(#head)\"" : "");
    if (dead)
        put_cross(s, end, y2);
    vt_out_format(s->o, "<text class=\"l %s\" text-anchor=\"middle\" x=\"%u\" y=\"%u\">", class,
                  (x1 + x2) / 2, s->y - SLANT - 2);
    put_escaped(s->o, row->label);
    if (row->why[0] != '\0')
        vt_out_format(s->o, " [%s]", row->why);
    vt_out_text(s->o, "</text>\n");
}

static void put_times(struct svg *s, struct vt_span_of span, const struct vt_row *row)
{
    int last = (int)s->n - 1;
    bool came = row->fate == VT_FATE_ARRIVED || (row->fate == VT_FATE_DROPPED && row->died >= 1000);
    if (row->kind != VT_ROW_ARROW) {
        put_time(s, row->kind == VT_ROW_NOTE && s->n > 1 && span.from == last, s->y + 4, row->time);
        return;
    }
    if (span.from == 0 || (span.from == last && last > 0))
        put_time(s, span.from != 0, s->y - SLANT + 4, row->sent);
    if (came && (span.to == 0 || (span.to == last && last > 0)))
        put_time(s, span.to != 0, s->y + SLANT + 4, row->time);
}

static void put_row(struct svg *s, const struct vt_row *row)
{
    struct vt_span_of span = vt_ladder_span(s->rows, row);
    const char *why = vt_lens_explain(VT_LANG_EN, &row->key);
    s->y += STEP;
    vt_out_text(s->o, "<g>");
    if (why[0] != '\0' || row->note[0] != '\0') {
        vt_out_text(s->o, "<title>");
        put_escaped(s->o, row->note);
        vt_out_text(s->o, row->note[0] != '\0' && why[0] != '\0' ? " - " : "");
        put_escaped(s->o, why);
        vt_out_text(s->o, "</title>");
    }
    vt_out_char(s->o, '\n');
    if (row->kind == VT_ROW_LEGEND) {
        put_text(s, "g", "middle", whole_width(s) / 2, s->y + 4, row->label);
    } else {
        put_states(s, row);
        put_times(s, span, row);
        if (row->kind == VT_ROW_BEGIN) {
            put_text(s, "b", "middle", whole_width(s) / 2, s->y + 4, row->label);
        } else if (row->kind == VT_ROW_NOTE || span.from == span.to) {
            int c = span.from >= 0 ? span.from : 0;
            bool right = c == (int)s->n - 1 && s->n > 1;
            put_text(s, row_class(row), right ? "end" : "start",
                     right ? column_x(s, c) - 12 : column_x(s, c) + 12, s->y + 4, row->label);
        } else {
            int c = span.from >= 0 ? span.from : span.to;
            unsigned beside = c + 1 < (int)s->n ? column_x(s, c) + s->between / 2
                                                : column_x(s, c) - s->between / 2;
            put_arrow(s, span.from >= 0 ? column_x(s, span.from) : beside,
                      span.to >= 0 ? column_x(s, span.to) : beside, row);
        }
    }
    if (row->note[0] != '\0') {
        s->y += STEP / 2;
        put_text(s, "n bad", "middle", whole_width(s) / 2, s->y + 6, row->note);
    }
    vt_out_text(s->o, "</g>\n");
}

static void put_head(struct svg *s, unsigned height)
{
    vt_out_format(
        s->o,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\" width=\"%u\" height=\"%u\" "
        "role=\"img\">\n<title>A conversation</title>\n",
        whole_width(s), height, whole_width(s), height);
    vt_out_text(
        s->o,
        "<style>svg{background:var(--b);--b:#fff;--i:#1d2733;--m:#6b7785;--r:#c0262d;--y:#9a6200;--c:#0b6b8a}"
        "@media(prefers-color-scheme:dark){svg{--b:#12171d;--i:#e6ebf0;--m:#93a0ad;--r:#ff7b72;"
        "--y:#e3b341;--c:#6cc7e0}}"
        "text{font:13px "
        "ui-monospace,monospace;fill:var(--i);paint-order:stroke;stroke:var(--b);stroke-width:4px}.t,.s{fill:"
        "var(--m)}.new,.h,.b{fill:var(--i);"
        "font-weight:bold}.g{fill:var(--c)}text.bad,.n{fill:var(--r)}text.again{fill:var(--y)}"
        ".life{stroke:var(--m);stroke-width:1}.a{stroke:var(--i);stroke-width:1.5}"
        ".a.bad,.x{stroke:var(--r);stroke-width:2;fill:none}.a.again{stroke:var(--y)}"
        ".open{stroke-dasharray:4 4}#head path{fill:context-stroke}</style>\n"
        "<defs><marker id=\"head\" viewBox=\"0 0 10 10\" refX=\"10\" refY=\"5\" markerWidth=\"9\" "
        "markerHeight=\"9\" orient=\"auto\"><path d=\"M0 1L10 5L0 9z\"/></marker></defs>\n");
}

void vt_draw_svg(const struct vt_rows *rows, const struct vt_row *row, uint32_t count, uint64_t more,
                 struct vt_out *o)
{
    struct svg s = {.rows = rows, .o = o, .n = rows->columns, .y = TOP - STEP / 2};
    s.between = s.n > 2 ? BETWEEN * 2 / 3 : BETWEEN;
    unsigned height = TOP + STEP;
    for (uint32_t i = 0; i < count; i++)
        height += row[i].note[0] != '\0' ? STEP + STEP / 2u : STEP;
    put_head(&s, height);
    for (int c = 0; c < (int)s.n; c++) {
        s.state[c] = -1;
        put_text(&s, "h", "middle", column_x(&s, c), 30, rows->column[c].name);
        vt_out_format(o, "<line class=\"life\" x1=\"%u\" y1=\"40\" x2=\"%u\" y2=\"%u\"/>\n", column_x(&s, c),
                      column_x(&s, c), height - STEP / 2);
    }
    for (uint32_t i = 0; i < count; i++)
        put_row(&s, &row[i]);
    if (more != 0) {
        struct vt_out text = {0};
        vt_out_format(&text, "(%llu more rows)", (unsigned long long)more);
        put_text(&s, "g", "middle", whole_width(&s) / 2, height - 4, vt_out_string(&text));
        vt_out_free(&text);
    }
    vt_out_text(o, "</svg>\n");
}
