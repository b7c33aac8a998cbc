#include "internal.h"

/* The one order of things in a lab: no two items are equal in it. */
static bool before(const struct vt_lab_item *a, const struct vt_lab_item *b)
{
    if (a->when != b->when)
        return a->when < b->when;
    if (a->node != b->node)
        return a->node < b->node;
    if (a->kind != b->kind)
        return a->kind < b->kind;
    return a->number < b->number;
}

static struct vt_lab_item *meld(struct vt_lab_item *a, struct vt_lab_item *b)
{
    if (a == NULL)
        return b;
    if (b == NULL)
        return a;
    if (before(b, a)) {
        struct vt_lab_item *t = a;
        a = b;
        b = t;
    }
    b->prev = a;
    b->next = a->child;
    if (b->next != NULL)
        b->next->prev = b;
    a->child = b;
    return a;
}

/* Melds a list of siblings: in pairs from the left, then all from the right. */
static struct vt_lab_item *meld_pairs(struct vt_lab_item *first)
{
    struct vt_lab_item *pairs = NULL, *all = NULL;
    while (first != NULL) {
        struct vt_lab_item *a = first, *b = a->next;
        first = b != NULL ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b != NULL)
            b->next = b->prev = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct vt_lab_item *a = pairs;
        pairs = a->next;
        a->next = NULL;
        all = meld(all, a);
    }
    return all;
}

void vt_lab_heap_push(struct vt_lab_item **root, struct vt_lab_item *item)
{
    item->child = item->next = item->prev = NULL;
    item->queued = true;
    *root = meld(*root, item);
}

void vt_lab_heap_remove(struct vt_lab_item **root, struct vt_lab_item *item)
{
    struct vt_lab_item *below = meld_pairs(item->child);
    if (item == *root) {
        *root = below;
    } else {
        if (item->prev->child == item)
            item->prev->child = item->next;
        else
            item->prev->next = item->next;
        if (item->next != NULL)
            item->next->prev = item->prev;
        *root = meld(*root, below);
    }
    item->child = item->next = item->prev = NULL;
    item->queued = false;
}
