/* The words of impairments and faults: what is read is written and read again the same; what is refused is
 * refused at a place in the text, and changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "physical/impair.h"

static bool same(const struct vt_impair *a, const struct vt_impair *b)
{
    return a->rate == b->rate && a->delay == b->delay && a->jitter == b->jitter && a->limit == b->limit &&
           a->loss == b->loss && a->duplicate == b->duplicate && a->reorder == b->reorder &&
           a->corrupt == b->corrupt && a->corrupt_inside == b->corrupt_inside && a->cut == b->cut;
}

static void check_impair(const char *text)
{
    struct vt_impair im = {.loss = 5, .delay = 7}, was = im, again = {0};
    size_t where = SIZE_MAX;
    const char *expected = NULL;
    if (vt_impair_parse(&im, text, &where, &expected) != 0) {
        FUZZ_CHECK(where <= strlen(text) && expected != NULL);
        FUZZ_CHECK(same(&im, &was));
        return;
    }
    FUZZ_CHECK(im.loss <= 1000000000 && im.duplicate <= 1000000000 && im.reorder <= 1000000000);
    FUZZ_CHECK(im.corrupt <= 1000000000 && im.corrupt_inside <= 1000000000);
    FUZZ_CHECK(im.delay >= 0 && im.jitter >= 0);
    char *buf = malloc(VT_IMPAIR_TEXT);
    FUZZ_CHECK(buf != NULL);
    FUZZ_CHECK(strlen(vt_impair_text(buf, &im)) < VT_IMPAIR_TEXT);
    FUZZ_CHECK(vt_impair_parse(&again, buf, &where, &expected) == 0);
    FUZZ_CHECK(same(&im, &again));
    free(buf);
}

static void check_fault(const char *text)
{
    struct vt_fault f = {.seen = 99};
    size_t where = SIZE_MAX;
    const char *expected = NULL;
    if (vt_fault_parse(&f, text, &where, &expected) != 0) {
        FUZZ_CHECK(where <= strlen(text) && expected != NULL && f.seen == 99);
        return;
    }
    FUZZ_CHECK(f.nth >= 1 && f.seen == 0);
    FUZZ_CHECK((f.action == VT_FAULT_DELAY) == (f.delay > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    check_impair(text);
    check_fault(text);
    free(text);
    return 0;
}
