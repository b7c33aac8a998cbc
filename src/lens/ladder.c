/* The ladder: rows in, a drawing out, at once or at the end. */
#include "ladder.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_ROWS  10000
#define MIN_WIDTH 40
#define MAX_WIDTH 400

struct vt_ladder {
    struct vt_rows rows;
    struct vt_painter painter;
    struct vt_sinker out;
    bool whole, svg;
    struct vt_row *row; /* of a whole ladder */
    uint32_t count, cap, max;
    uint64_t more; /* rows that found no room */
};

struct vt_span_of vt_ladder_span(const struct vt_rows *rows, const struct vt_row *row)
{
    bool loop = (row->flags & VT_ROWF_LOOP) != 0;
    int side = row->tcp ? row->side : 0;
    return (struct vt_span_of){
        vt_rows_column(rows, row->from, row->ip[0], loop ? side : -1),
        vt_rows_column(rows, row->to, row->ip[1], loop ? (row->kind == VT_ROW_NOTE ? side : 1 - side) : -1),
    };
}

int vt_ladder_state(const struct vt_rows *rows, const struct vt_row *row, int c)
{
    static const uint8_t none[16];
    for (int s = 0; s < 2; s++) {
        if (row->end_node[s] != VT_OUTSIDE && row->state[s] >= 0 &&
            vt_rows_column(rows, row->end_node[s], none, s) == c)
            return row->state[s];
    }
    return -1;
}

void vt_ladder_beside(const struct vt_rows *rows, const struct vt_row *row, bool to, struct vt_out *o)
{
    char name[VT_NAME];
    uint32_t node = to ? row->to : row->from;
    if (node == VT_OUTSIDE)
        vt_out_ip(o, row->ip[to]);
    else
        vt_out_text(o, vt_model_name(&rows->model, node, name));
}

static void take_row(void *ctx, const struct vt_row *row)
{
    struct vt_ladder *l = ctx;
    if (!l->whole) {
        vt_paint_row(&l->painter, row);
        return;
    }
    if (l->count >= l->max || !vt_grow(&l->row, l->count, &l->cap, l->max, sizeof *l->row)) {
        l->more++;
        return;
    }
    l->row[l->count++] = *row;
}

static void take_columns(void *ctx)
{
    struct vt_ladder *l = ctx;
    if (!l->whole)
        vt_paint_head(&l->painter);
}

static void take_hidden(void *ctx, uint64_t pair)
{
    struct vt_ladder *l = ctx;
    uint32_t kept = 0;
    if (l->rows.config.hidden)
        return;
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->row[i].pair != pair)
            l->row[kept++] = l->row[i];
    }
    l->count = kept;
}

struct vt_ladder *vt_ladder_new(const struct vt_ladder_config *config, struct vt_sink out)
{
    struct vt_ladder *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    struct vt_rows_config rc = {
        .calls = config->calls,
        .said = config->said,
        .hidden = config->hidden,
        .ascii = config->ascii,
        .port = config->port,
        .memory = config->memory,
        .row = take_row,
        .columns = take_columns,
        .hid = take_hidden,
        .ctx = l,
    };
    for (unsigned i = 0; i < VT_LADDER_COLUMNS && config->column[i] != NULL; i++)
        snprintf(rc.column[i], sizeof rc.column[i], "%s", config->column[i]);
    if (!vt_rows_init(&l->rows, &rc)) {
        free(l);
        return NULL;
    }
    l->out.sink = out;
    l->svg = config->svg;
    l->whole = config->whole || config->svg;
    l->max = config->max_rows != 0 ? config->max_rows : MAX_ROWS;
    unsigned width = config->width != 0 ? config->width : 100;
    width = width < MIN_WIDTH ? MIN_WIDTH : width > MAX_WIDTH ? MAX_WIDTH : width;
    l->painter = (struct vt_painter){
        .rows = &l->rows, .out = &l->out, .width = width, .ascii = config->ascii, .color = config->color};
    return l;
}

void vt_ladder_event(void *ladder, const struct vt_event *ev, const void *extra)
{
    struct vt_ladder *l = ladder;
    vt_rows_event(&l->rows, ev, extra);
}

static void write_whole(struct vt_ladder *l)
{
    struct vt_out o = {0};
    if (l->svg) {
        vt_draw_svg(&l->rows, l->row, l->count, l->more, &o);
    } else if (!l->rows.waiting) {
        vt_paint_head(&l->painter);
        for (uint32_t i = 0; i < l->count; i++)
            vt_paint_row(&l->painter, &l->row[i]);
        if (l->more != 0)
            vt_out_format(&o, "(%llu more rows)\n", (unsigned long long)l->more);
    }
    if (o.failed)
        l->out.error = l->out.error != 0 ? l->out.error : -VT_ENOMEM;
    else
        vt_sinker_write(&l->out, vt_out_string(&o), o.len);
    vt_out_free(&o);
}

int vt_ladder_finish(struct vt_ladder *ladder)
{
    vt_rows_finish(&ladder->rows);
    if (ladder->whole)
        write_whole(ladder);
    return ladder->out.error;
}

void vt_ladder_free(struct vt_ladder *ladder)
{
    if (ladder == NULL)
        return;
    vt_rows_fini(&ladder->rows);
    free(ladder->row);
    free(ladder);
}
