/* SOCKS5's messages (RFC 1928), fed as a stream in pieces: the parser asks for no more than a message has,
 * takes what it says, and answers the same however the bytes are cut. */
#include <string.h>

#include "fuzz.h"
#include "plug/socks_wire.h"

static int parse(const uint8_t *b, size_t n, bool greeted, size_t *used, struct vt_socks_request *req,
                 uint8_t *method)
{
    return greeted ? vt_socks_parse(b, n, used, req) : vt_socks_greeting(b, n, used, method);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vt_socks_request req, first;
    bool greeted;
    size_t used = 0;
    int result = 0;
    uint8_t method = 0;
    if (size < 1)
        return 0;
    greeted = (data[0] & 1) != 0;
    data++;
    size = size - 1 < VT_SOCKS_REQUEST_MAX ? size - 1 : VT_SOCKS_REQUEST_MAX;
    memset(&first, 0, sizeof(first));
    for (size_t n = 0; n <= size; n++) {
        size_t want = vt_socks_length(data, n, greeted);
        FUZZ_CHECK(want <= VT_SOCKS_REQUEST_MAX);
        result = parse(data, n, greeted, &used, &req, &method);
        if (result != 0)
            break;
        FUZZ_CHECK(want > n);
    }
    if (result <= 0)
        return 0;
    FUZZ_CHECK(used >= 2 && used <= size);
    if (!greeted) {
        FUZZ_CHECK(method == 0 || method == VT_SOCKS_NO_METHOD);
        return 0;
    }
    FUZZ_CHECK(memchr(req.name, 0, sizeof(req.name)) != NULL);
    first = req;
    FUZZ_CHECK(vt_socks_parse(data, size, &used, &req) == 1 && memcmp(&first, &req, sizeof(req)) == 0);
    return 0;
}
