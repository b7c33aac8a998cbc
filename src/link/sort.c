#include "sort.h"

struct heap {
    uint8_t *rows;
    size_t size;
    bool (*before)(const void *a, const void *b);
};

static void swap(const struct heap *h, size_t a, size_t b)
{
    uint8_t row[VT_SORT_ROW];
    memcpy(row, h->rows + a * h->size, h->size);
    memcpy(h->rows + a * h->size, h->rows + b * h->size, h->size);
    memcpy(h->rows + b * h->size, row, h->size);
}

/* Lets row i sink to where both below it come before it, among the first n. */
static void sink(const struct heap *h, size_t i, size_t n)
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && h->before(h->rows + child * h->size, h->rows + (child + 1) * h->size))
            child++;
        if (!h->before(h->rows + i * h->size, h->rows + child * h->size))
            return;
        swap(h, i, child);
    }
}

void vt_sort(void *rows, size_t n, size_t size, bool (*before)(const void *a, const void *b))
{
    struct heap h = {rows, size, before};
    for (size_t i = n / 2; i-- != 0;)
        sink(&h, i, n);
    for (size_t end = n; end > 1; end--) {
        swap(&h, 0, end - 1);
        sink(&h, 0, end - 1);
    }
}
