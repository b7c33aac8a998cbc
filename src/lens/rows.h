/* From events to the rows of a ladder: what happened between whom, with which end, and in which states. The
 * terminal, the drawing and the page show the same rows.
 *
 * A row is handed out when its fate is known, in the order of fates. One row is held back until an event
 * comes that cannot belong to it any more, so that it shows the state that an arriving segment led to.
 */
#ifndef VT_LENS_ROWS_H
#define VT_LENS_ROWS_H

#include "model.h"

enum vt_row_kind {
    VT_ROW_ARROW,  /* a packet went from one node to another, or did not get there */
    VT_ROW_NOTE,   /* something happened at one node */
    VT_ROW_LEGEND, /* what letters stand for */
    VT_ROW_BEGIN,  /* a conversation begins: who, from which address to which */
};

enum vt_row_fate {
    VT_FATE_ARRIVED,
    VT_FATE_LOST,    /* a cable took it */
    VT_FATE_DROPPED, /* a node ended it, on the way or at its end */
    VT_FATE_LEFT,    /* it left for the outside */
    VT_FATE_OPEN,    /* still on the way */
};

enum vt_row_flags {
    VT_ROWF_AGAIN = 1 << 0,     /* a retransmission */
    VT_ROWF_DUPLICATE = 1 << 1, /* a second copy of what had come */
    VT_ROWF_DAMAGED = 1 << 2,
    VT_ROWF_HIDDEN = 1 << 3,
    VT_ROWF_TIME_WAIT = 1 << 4, /* 2 MSL have passed */
    VT_ROWF_LOOP = 1 << 5,      /* both ends on one node: side tells which */
    VT_ROWF_BAD = 1 << 6,       /* an error, an end that nobody wanted */
};

#define VT_ROW_LABEL    160
#define VT_ROW_NOTE_LEN 240

struct vt_row {
    uint64_t number; /* from 1 */
    uint8_t kind;    /* enum vt_row_kind */
    uint8_t fate;    /* enum vt_row_fate */
    uint16_t flags;  /* enum vt_row_flags */
    uint8_t side;    /* the end (0 opened the connection) that sent it, or that a note speaks of */
    bool tcp;
    vt_time time;      /* when its fate was known; rows come in this order */
    vt_time sent;      /* arrows: when it left `from` */
    uint32_t from, to; /* nodes, or VT_OUTSIDE; a note has both the same */
    uint8_t ip[2][16]; /* addresses of from and to, where they matter: nodes outside are told by theirs */
    uint32_t died;     /* arrows that died: thousandths of the way */
    uint32_t reason;   /* enum vt_drop, 0: none */
    uint64_t pair;     /* the connection's number, 0: none */
    uint64_t context;  /* the connection whose states stand beside it: its own, or the one spoken of last */
    uint32_t slot;     /* that one's in the model */
    uint32_t end_node[2]; /* its ends */
    int8_t state[2];      /* enum vt_tcp_state of each end at the end of this row, -1: none */
    struct vt_event key;  /* what explains it, for vt_lens_explain() */
    char label[VT_ROW_LABEL];
    const char *why;            /* why it was sent, where that is not plain; "" otherwise. A constant */
    char note[VT_ROW_NOTE_LEN]; /* what is to be said besides */
};

#define VT_ROWS_COLUMNS 8

struct vt_rows_config {
    bool all; /* every host is a column, switches and routers are none */
    bool calls, said;
    bool hidden; /* hidden connections too */
    bool ascii;  /* labels and notes in ASCII */
    uint16_t port;
    uint32_t memory;
    char column[VT_ROWS_COLUMNS][VT_NAME + 32]; /* names or addresses; empty: the first conversation's ends */
    /* Takes a row. */
    void (*row)(void *ctx, const struct vt_row *row);
    /* All rows of this pair are to be forgotten. May be NULL. */
    void (*hid)(void *ctx, uint64_t pair);
    /* The columns are known now. May be NULL. */
    void (*columns)(void *ctx);
    void *ctx;
};

/* A column: a node, an address outside, or one end of a conversation that a node has with itself. */
struct vt_column {
    uint32_t node; /* or VT_OUTSIDE */
    uint8_t ip[16];
    int side; /* -1: the whole node */
    char name[VT_NAME + 32];
};

struct vt_rows {
    struct vt_rows_config config;
    struct vt_model model;
    struct vt_trace trace;
    struct vt_column column[VT_ROWS_COLUMNS];
    unsigned columns;
    bool waiting; /* for the names of columns, or the first conversation */
    bool held;    /* `row` is being held back */
    bool held_rx; /* and ends with this event's processing: */
    vt_ref held_ref;
    struct vt_row row;
    uint64_t number;
    uint64_t current; /* the pair spoken of last */
    uint32_t current_slot;
};

/* False without memory. */
bool vt_rows_init(struct vt_rows *r, const struct vt_rows_config *config);
void vt_rows_fini(struct vt_rows *r);
void vt_rows_event(struct vt_rows *r, const struct vt_event *ev, const void *extra);
/* Hands out what is held back, and what is still on its way. */
void vt_rows_finish(struct vt_rows *r);
/* Hands out the row held back, when `now` is past it. */
void vt_rows_tick(struct vt_rows *r, vt_time now);
/* The column of a node in a row; -1: none. */
int vt_rows_column(const struct vt_rows *r, uint32_t node, const uint8_t ip[16], int side);

/* Of the rows' own files. */
void vt_rows_emit(struct vt_rows *r, const struct vt_row *row, vt_ref rx);
void vt_rows_flush(struct vt_rows *r);
void vt_label_segment(struct vt_rows *r, struct vt_row *row, const struct vt_event *ev,
                      const struct vt_pair *p, const struct vt_rec *maker, const struct vt_rec *bytes);
void vt_label_other(struct vt_rows *r, struct vt_row *row, const struct vt_event *ev,
                    const struct vt_rec *bytes);
/* Writes text into a label or note, cut at a whole character. */
void vt_label_put(char *to, size_t size, const struct vt_out *o);
/* Legends that are due after a row of this pair; the first that is, is written into `row`. False: none. */
bool vt_label_legend(struct vt_rows *r, struct vt_pair *p, struct vt_row *row);
void vt_rows_note(struct vt_rows *r, const struct vt_event *ev, const void *extra);
void vt_rows_of(struct vt_rows *r, struct vt_row *row, const struct vt_pair *p);
struct vt_row vt_rows_blank(struct vt_rows *r, const struct vt_event *ev);

#endif
