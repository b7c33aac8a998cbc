/* Drawing rows: as text for a terminal, and as SVG. Both see the same rows and columns. */
#ifndef VT_LENS_LADDER_H
#define VT_LENS_LADDER_H

#include "rows.h"

/* Which columns a row goes between; -1 for a place beside the ladder. */
struct vt_span_of {
    int from, to;
};
struct vt_span_of vt_ladder_span(const struct vt_rows *rows, const struct vt_row *row);
/* The state of column `c` that a row tells; -1: none. */
int vt_ladder_state(const struct vt_rows *rows, const struct vt_row *row, int c);
/* The name of the end of a row that has no column. */
void vt_ladder_beside(const struct vt_rows *rows, const struct vt_row *row, bool to, struct vt_out *o);

/* The terminal's drawer. */
struct vt_painter {
    const struct vt_rows *rows;
    struct vt_sinker *out;
    unsigned width;
    bool ascii, color;
    /* its own */
    unsigned x[VT_ROWS_COLUMNS]; /* where the lifelines stand */
    bool left_time, right_time;
    int state[VT_ROWS_COLUMNS];
    vt_time last;
    bool begun;
};
/* The columns are known: computes the layout and writes the heading. */
void vt_paint_head(struct vt_painter *p);
void vt_paint_row(struct vt_painter *p, const struct vt_row *row);

/* A whole drawing. */
void vt_draw_svg(const struct vt_rows *rows, const struct vt_row *row, uint32_t count, uint64_t more,
                 struct vt_out *o);

#endif
