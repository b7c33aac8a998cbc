/* The ladder on a terminal: a line is a row of cells, written from back to front. */
#include "ladder.h"

#include <stdio.h>

#define STATE_WIDTH 11 /* ESTABLISHED */
#define TIME_WIDTH  10
#define MAX_CELLS   400
#define GAP         UINT64_C(1000000000) /* a pause as long as this is shown */

enum style {
    PLAIN,
    DIM,
    BOLD,
    BAD,    /* red */
    AGAIN,  /* yellow */
    LEGEND, /* cyan */
};

struct cell {
    char s[8];
    uint8_t style;
    bool behind; /* the second column of a wide character */
};

struct line {
    struct cell cell[MAX_CELLS];
    unsigned width;
};

struct glyphs {
    const char *bar, *bar_wait, *gap, *dash, *cross, *right, *left, *out_right, *out_left, *dead, *open,
        *note, *hook, *cut;
};

static const struct glyphs *glyphs_of(const struct vt_painter *p)
{
    static const struct glyphs fine = {"│", "┊", "⋮", "─", "┼", "▶", "◀", "▷", "◁", "✗", "⋯", "◦", "↳", "…"};
    static const struct glyphs plain = {"|", ":", ":", "-", "+", ">", "<", ">", "<", "X", "~", "*", "'", "~"};
    return p->ascii ? &plain : &fine;
}

/* ---- Cells ---- */

static void put(struct line *l, unsigned x, const char *text, enum style style)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len && x < l->width;) {
        uint32_t c;
        unsigned n = vt_utf8_next(text + at, len - at, &c);
        unsigned w = vt_char_width(c);
        struct cell *cell = &l->cell[x];
        if (w == 0 || x + w > l->width) { /* marks that combine are left out: a cell holds one character */
            at += n;
            continue;
        }
        memcpy(cell->s, text + at, n);
        cell->s[n] = '\0';
        cell->style = (uint8_t)style;
        cell->behind = false;
        if (w == 2) {
            l->cell[x + 1] = (struct cell){.behind = true, .style = (uint8_t)style};
        }
        x += w;
        at += n;
    }
}

static void put_right(struct line *l, unsigned end, const char *text, enum style style)
{
    unsigned w = vt_text_width(text);
    put(l, w < end ? end - w : 0, text, style);
}

static void write_line(struct vt_painter *p, const struct line *l)
{
    static const char *const sgr[] = {"\033[0m",    "\033[0;2m",  "\033[0;1m",
                                      "\033[0;31m", "\033[0;33m", "\033[0;36m"};
    struct vt_out o = {0};
    unsigned end = l->width, style = PLAIN;
    while (end > 0 && l->cell[end - 1].s[0] == ' ')
        end--;
    for (unsigned x = 0; x < end; x++) {
        if (l->cell[x].behind)
            continue;
        if (p->color && l->cell[x].style != style && l->cell[x].s[0] != ' ') {
            style = l->cell[x].style;
            vt_out_text(&o, sgr[style]);
        }
        vt_out_text(&o, l->cell[x].s);
    }
    if (style != PLAIN)
        vt_out_text(&o, sgr[PLAIN]);
    vt_out_char(&o, '\n');
    vt_sinker_write(p->out, vt_out_string(&o), o.len);
    vt_out_free(&o);
}

/* An empty line with the lifelines; `bar` NULL: each as its state wants. */
static void clear_line(const struct vt_painter *p, struct line *l, const char *bar)
{
    const struct glyphs *g = glyphs_of(p);
    l->width = p->width;
    for (unsigned x = 0; x < l->width; x++)
        l->cell[x] = (struct cell){.s = " "};
    for (unsigned c = 0; c < p->rows->columns; c++) {
        bool wait = p->state[c] == VT_TCP_TIME_WAIT;
        put(l, p->x[c], bar != NULL ? bar : wait ? g->bar_wait : g->bar, DIM);
    }
}

/* Text between x and end, cut with an ellipsis. Returns its width. */
static unsigned put_cut(const struct vt_painter *p, struct line *l, unsigned x, unsigned end,
                        const char *text, enum style style)
{
    char buf[2 * VT_ROW_NOTE_LEN];
    unsigned room = end > x ? end - x : 0;
    if (vt_text_width(text) <= room) {
        put(l, x, text, style);
        return vt_text_width(text);
    }
    if (room < 2)
        return 0;
    snprintf(buf, sizeof buf, "%.*s%s", (int)vt_text_fit(text, room - 1), text, glyphs_of(p)->cut);
    put(l, x, buf, style);
    return room;
}

/* ---- Layout and heading ---- */

void vt_paint_head(struct vt_painter *p)
{
    unsigned n = p->rows->columns;
    struct line l;
    p->left_time = p->width >= 60;
    p->right_time = n == 2 && p->width >= 90;
    unsigned left = (p->left_time ? TIME_WIDTH + 1 : 0) + STATE_WIDTH + 1;
    unsigned right = STATE_WIDTH + 2 + (p->right_time ? TIME_WIDTH + 1 : 0);
    for (unsigned c = 0; c < n; c++) {
        p->state[c] = -1;
        p->x[c] = n == 1 ? left : left + (p->width - right - left) * c / (n - 1);
    }
    l.width = p->width;
    for (unsigned x = 0; x < l.width; x++)
        l.cell[x] = (struct cell){.s = " "};
    if (p->left_time)
        put_right(&l, TIME_WIDTH, "time s", DIM);
    put(&l, left - STATE_WIDTH - 1, "state", DIM);
    put(&l, p->width - right + 2, "state", DIM);
    if (p->right_time)
        put_right(&l, p->width, "time s", DIM);
    for (unsigned c = 0; c < n; c++) { /* the outer names grow inwards: beside them is no room */
        const char *name = p->rows->column[c].name;
        unsigned w = vt_text_width(name), x = p->x[c];
        if (c == 0)
            put_cut(p, &l, x, n == 1 ? p->width : p->x[1] - 1, name, BOLD);
        else if (c == n - 1)
            put_right(&l, x + 1, name, BOLD);
        else
            put(&l, x - w / 2, name, BOLD);
    }
    write_line(p, &l);
}

/* ---- Parts of a line ---- */

static void put_time(struct vt_painter *p, struct line *l, bool right, vt_time t)
{
    struct vt_out o = {0};
    if (right ? !p->right_time : !p->left_time)
        return;
    vt_out_seconds(&o, t, TIME_WIDTH);
    put_right(l, right ? p->width : TIME_WIDTH, vt_out_string(&o), DIM);
    vt_out_free(&o);
}

/* States beside the first and the last lifeline; what changed is bold. */
static void put_states(struct vt_painter *p, struct line *l, const struct vt_row *row)
{
    unsigned n = p->rows->columns;
    const struct glyphs *g = glyphs_of(p);
    for (unsigned c = 0; c < n; c++) {
        int state = vt_ladder_state(p->rows, row, (int)c), was = p->state[c];
        p->state[c] = state;
        put(l, p->x[c], state == VT_TCP_TIME_WAIT ? g->bar_wait : g->bar, DIM);
        if (state < 0 || (c != 0 && c != n - 1))
            continue;
        enum style style = state != was ? BOLD : DIM;
        put(l, c == 0 ? p->x[0] - STATE_WIDTH - 1 : p->x[c] + 2, vt_tcp_state_name((unsigned)state), style);
    }
}

/* Text over several lines between x and end, broken at blanks. */
static void put_wrapped(struct vt_painter *p, unsigned x, unsigned end, const char *mark, const char *text,
                        enum style style)
{
    struct line l;
    unsigned indent = vt_text_width(mark), room = end > x + indent ? end - x - indent : 1;
    for (bool first = true; *text != '\0'; first = false) {
        size_t n = vt_text_fit(text, room), whole = n;
        if (n == 0)
            n = whole = 1;
        if (text[n] != '\0') {
            while (n > 0 && text[n] != ' ' && text[n - 1] != ' ')
                n--;
            if (n == 0)
                n = whole;
        }
        char buf[VT_ROW_NOTE_LEN + 1];
        snprintf(buf, sizeof buf, "%.*s", (int)n, text);
        clear_line(p, &l, NULL);
        if (first)
            put(&l, x, mark, style);
        put(&l, x + indent, buf, style);
        write_line(p, &l);
        text += n;
        while (*text == ' ')
            text++;
    }
}

/* ---- Arrows ---- */

/* Where an arrow runs: cells [low, high], from `tail` to `head` (one of low and high). */
struct shaft {
    unsigned low, high;
    bool right; /* it points to the right */
};

static void put_shaft(struct vt_painter *p, struct line *l, unsigned low, unsigned high, enum style style)
{
    const struct glyphs *g = glyphs_of(p);
    for (unsigned x = low; x <= high && high < l->width; x++)
        put(l, x, g->dash, style);
    for (unsigned c = 0; c < p->rows->columns; c++) {
        if (p->x[c] >= low && p->x[c] <= high)
            put(l, p->x[c], g->cross, style);
    }
}

/* The label in the middle of [low, high], a blank at each side and some of the shaft beyond. */
static void put_label(struct vt_painter *p, struct line *l, unsigned low, unsigned high, const char *label,
                      enum style style)
{
    unsigned room = high + 1 - low, w = vt_text_width(label);
    if (room < 8 || w == 0)
        return;
    unsigned most = room - 5, x = low + 2 + (w < most ? (most - w) / 2 : 0);
    put(l, x - 1, " ", style);
    unsigned end = x + put_cut(p, l, x, x + (w < most ? w : most), label, style);
    put(l, end, " ", style);
}

static enum style row_style(const struct vt_row *row)
{
    if (row->fate == VT_FATE_LOST || row->fate == VT_FATE_DROPPED || (row->flags & VT_ROWF_BAD) != 0)
        return BAD;
    return (row->flags & (VT_ROWF_AGAIN | VT_ROWF_DUPLICATE)) != 0 ? AGAIN : PLAIN;
}

/* What stands on an arrow: the label, and why it was sent, when both fit. */
struct caption {
    char text[VT_ROW_LABEL + 64];
    bool why; /* it does not tell why: a line of its own has to */
};

/* Takes out of text what stands from the first `from` to the next `to` behind it, or to the end. */
static bool take_out(char *text, const char *from, const char *to)
{
    char *a = strstr(text, from), *b = a != NULL ? strstr(a + strlen(from), to) : NULL;
    if (a == NULL)
        return false;
    if (b != NULL)
        memmove(a, b, strlen(b) + 1);
    else
        *a = '\0';
    return true;
}

/* Leaves out what may be left out, until it fits: options, numbers behind letters, the asker of an ARP
 * request. */
static void shorten(char *text, unsigned room)
{
    static const char *const parts[][2] = {{" mss=", " "}, {" tell ", "\n"}, {" (", " "}, {" (", " "}};
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0] && vt_text_width(text) > room; i++)
        take_out(text, parts[i][0], parts[i][1]);
}

static struct caption caption_of(const struct vt_row *row, unsigned room)
{
    struct caption c = {.why = false};
    if (row->why[0] != '\0')
        snprintf(c.text, sizeof c.text, "%s [%s]", row->label, row->why);
    c.why = row->why[0] != '\0' && vt_text_width(c.text) > room;
    if (c.why || row->why[0] == '\0')
        snprintf(c.text, sizeof c.text, "%s", row->label);
    shorten(c.text, room);
    return c;
}

/* An arrow that ends before its head: the label, the mark, and, where there is room, the drop's word. */
static bool put_dead(struct vt_painter *p, struct line *l, const struct shaft *s, const struct vt_row *row)
{
    const struct glyphs *g = glyphs_of(p);
    bool open = row->fate == VT_FATE_OPEN;
    const char *word = open ? "still on the way" : vt_drop_word(row->reason);
    unsigned len = s->high - s->low + 1, tail = vt_text_width(word) + 2;
    struct caption c = caption_of(row, len > tail + 7 ? len - tail - 7 : 0);
    unsigned label = vt_text_width(c.text) + 6;
    unsigned at = open ? len / 2 : (unsigned)((uint64_t)(len - 1) * row->died / 1000);
    if (at < label)
        at = label;
    if (at + tail > len && row->died < 1000 && len - tail >= label)
        at = len - tail;
    if (at > len - 1)
        at = len - 1;
    bool wordy = at + tail <= len;
    if (s->right) {
        put_shaft(p, l, s->low, s->low + at, BAD);
        put_label(p, l, s->low, s->low + at - 1, c.text, BAD);
        put(l, s->low + at, open ? g->open : g->dead, BAD);
        if (wordy)
            put(l, s->low + at + 2, word, BAD);
    } else {
        put_shaft(p, l, s->high - at, s->high, BAD);
        put_label(p, l, s->high - at + 1, s->high, c.text, BAD);
        put(l, s->high - at, open ? g->open : g->dead, BAD);
        if (wordy)
            put_right(l, s->high - at - 1, word, BAD);
    }
    return c.why;
}

/* An arrow from or to a place beside the ladder: it ends short of the next lifeline, before the place's name.
 */
static bool put_stub(struct vt_painter *p, struct line *l, int c, bool leaving, const struct vt_row *row)
{
    const struct glyphs *g = glyphs_of(p);
    unsigned n = p->rows->columns, x = p->x[c];
    bool right = (unsigned)c + 1 < n ||
                 n == 1; /* into the gap at its right; of the last column, at its left */
    unsigned edge = n == 1 ? p->width - 1 : right ? p->x[c + 1] - 1 : p->x[c - 1] + 1;
    struct vt_out name = {0};
    vt_ladder_beside(p->rows, row, leaving, &name);
    unsigned w = vt_text_width(vt_out_string(&name)) + 2;
    unsigned low = right ? x + 1 : (edge + w < x ? edge + w : edge);
    unsigned high = right ? (edge > x + w ? edge - w : edge) : x - 1;
    enum style style = row_style(row);
    struct caption caption = caption_of(row, high - low > 5 ? high - low - 5 : 0);
    put_shaft(p, l, low, high, style);
    put_label(p, l, low, high, caption.text, style);
    bool dead = row->fate == VT_FATE_LOST || row->fate == VT_FATE_DROPPED;
    bool points_right = right == leaving;
    bool reaches = !leaving; /* its head is at the lifeline */
    const char *head = points_right ? (reaches ? g->right : g->out_right) : (reaches ? g->left : g->out_left);
    put(l, points_right ? high : low, dead ? g->dead : head, style);
    if (right)
        put(l, high + 2, vt_out_string(&name), DIM);
    else
        put_right(l, low - 1, vt_out_string(&name), DIM);
    vt_out_free(&name);
    return caption.why;
}

/* True when it found no room to say why the packet was sent. */
static bool put_arrow(struct vt_painter *p, struct line *l, struct vt_span_of span, const struct vt_row *row)
{
    const struct glyphs *g = glyphs_of(p);
    if (span.from < 0 || span.to < 0)
        return put_stub(p, l, span.from < 0 ? span.to : span.from, span.from >= 0, row);
    unsigned a = p->x[span.from], b = p->x[span.to];
    struct shaft s = {(a < b ? a : b) + 1, (a < b ? b : a) - 1, a < b};
    if (row->fate == VT_FATE_LOST || row->fate == VT_FATE_DROPPED || row->fate == VT_FATE_OPEN)
        return put_dead(p, l, &s, row);
    enum style style = row_style(row);
    struct caption c = caption_of(row, s.high - s.low > 5 ? s.high - s.low - 5 : 0);
    put_shaft(p, l, s.low, s.high, style);
    put_label(p, l, s.low, s.high, c.text, style);
    bool left = row->fate == VT_FATE_LEFT;
    put(l, s.right ? s.high : s.low,
        s.right ? (left ? g->out_right : g->right) : (left ? g->out_left : g->left), style);
    return c.why;
}

/* The times: of the departure at the sender's side, of the arrival at the receiver's. */
static void put_times(struct vt_painter *p, struct line *l, struct vt_span_of span, const struct vt_row *row)
{
    unsigned last = p->rows->columns - 1;
    bool came = row->fate == VT_FATE_ARRIVED || (row->fate == VT_FATE_DROPPED && row->died >= 1000);
    if (!p->right_time) {
        put_time(p, l, false, row->time);
        return;
    }
    if (row->kind != VT_ROW_ARROW) {
        put_time(p, l, row->kind == VT_ROW_NOTE && span.from == (int)last, row->time);
        return;
    }
    if (span.from >= 0)
        put_time(p, l, span.from == (int)last, row->sent);
    if (span.to >= 0 && came)
        put_time(p, l, span.to == (int)last, row->time);
}

/* ---- Rows ---- */

static void paint_gap(struct vt_painter *p, const struct vt_row *row)
{
    struct line l;
    struct vt_out o = {0};
    unsigned n = p->rows->columns;
    if (!p->begun || row->time < p->last + GAP)
        return;
    clear_line(p, &l, glyphs_of(p)->gap);
    vt_out_span(&o, row->time - p->last);
    unsigned w = vt_text_width(vt_out_string(&o)), mid = (p->x[0] + p->x[n - 1]) / 2;
    put(&l, mid > w / 2 ? mid - w / 2 : 0, vt_out_string(&o), DIM);
    vt_out_free(&o);
    write_line(p, &l);
}

static void paint_note(struct vt_painter *p, struct line *l, int c, const struct vt_row *row)
{
    char text[VT_ROW_LABEL + 8];
    unsigned n = p->rows->columns;
    enum style style = (row->flags & VT_ROWF_BAD) != 0 ? BAD : PLAIN;
    if ((unsigned)c + 1 < n || n == 1) {
        snprintf(text, sizeof text, "%s %s", glyphs_of(p)->note, row->label);
        put_cut(p, l, p->x[c] + 1, n == 1 ? p->width : p->x[c + 1], text, style);
    } else {
        snprintf(text, sizeof text, "%s %s", row->label, glyphs_of(p)->note);
        unsigned room = p->x[c] - p->x[c - 1] - 1;
        if (vt_text_width(text) <= room)
            put_right(l, p->x[c], text, style);
        else
            put_cut(p, l, p->x[c - 1] + 2, p->x[c], text, style);
    }
}

/* The states of columns in the middle have no room beside their lifeline: they stand under the row that
 * changes them. */
static void paint_middle_states(struct vt_painter *p, const struct vt_row *row)
{
    struct line l;
    bool any = false;
    clear_line(p, &l, NULL);
    for (unsigned c = 1; c + 1 < p->rows->columns; c++) {
        int state = vt_ladder_state(p->rows, row, (int)c);
        if (state < 0 || state == p->state[c])
            continue;
        put(&l, p->x[c] + 2, vt_tcp_state_name((unsigned)state), BOLD);
        any = true;
    }
    if (any)
        write_line(p, &l);
}

void vt_paint_row(struct vt_painter *p, const struct vt_row *row)
{
    struct line l;
    unsigned n = p->rows->columns;
    struct vt_span_of span = vt_ladder_span(p->rows, row);
    paint_gap(p, row);
    p->begun = true;
    p->last = row->time;
    if (row->kind == VT_ROW_LEGEND) {
        put_wrapped(p, p->x[0] + 3, n == 1 ? p->width : p->x[n - 1] - 1, "", row->label, LEGEND);
        return;
    }
    bool why = false;
    int was[VT_ROWS_COLUMNS];
    memcpy(was, p->state, sizeof was);
    clear_line(p, &l, NULL);
    put_states(p, &l, row);
    put_times(p, &l, span, row);
    if (row->kind == VT_ROW_BEGIN) {
        char text[VT_ROW_LABEL + 2];
        snprintf(text, sizeof text, " %s ", row->label);
        unsigned w = vt_text_width(text), mid = (p->x[0] + p->x[n - 1]) / 2;
        put(&l, mid > w / 2 ? mid - w / 2 : 0, text, BOLD);
    } else if (row->kind == VT_ROW_NOTE || span.from == span.to) {
        paint_note(p, &l, span.from >= 0 ? span.from : 0, row);
    } else {
        why = put_arrow(p, &l, span, row);
    }
    write_line(p, &l);
    for (unsigned c = 1; c + 1 < n; c++)
        p->state[c] = was[c];
    paint_middle_states(p, row);
    for (unsigned c = 1; c + 1 < n; c++)
        p->state[c] = vt_ladder_state(p->rows, row, (int)c);
    char mark[16];
    unsigned end = n == 1 ? p->width : p->x[n - 1] - 1;
    snprintf(mark, sizeof mark, "%s ", glyphs_of(p)->hook);
    if (why)
        put_wrapped(p, p->x[0] + 3, end, mark, row->why, row_style(row));
    if (row->note[0] != '\0')
        put_wrapped(p, p->x[0] + 3, end, mark, row->note, row_style(row));
}
