#include <stdlib.h>

#include "host.h"

static void *zeroed(void *ctx, size_t size)
{
    (void)ctx;
    return calloc(1, size);
}

static void give_back(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

struct vt_allocator vt_host_malloc(void)
{
    return (struct vt_allocator){zeroed, give_back, NULL};
}
