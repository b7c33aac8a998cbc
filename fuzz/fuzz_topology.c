/* Topology files: what is read can be built, and a mistake has its place in the text. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "lab/topology.h"

static void check_error(const struct vt_topology_error *err, const uint8_t *data, size_t size)
{
    unsigned lines = 2; /* the end of the text may count as one more */
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n' || data[i] == '\r' || data[i] == 0x85 || data[i] == 0xa8 || data[i] == 0xa9;
    FUZZ_CHECK(err->text[0] != '\0' && strlen(err->text) < sizeof(err->text));
    FUZZ_CHECK(err->line <= lines);
    FUZZ_CHECK(err->line == 0 || err->column >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vt_topology_error err;
    struct vt_topology *t;
    if (size > 4096)
        return 0;
    t = vt_topology_parse((const char *)data, size, "dir/fuzz.yaml", &err);
    if (t == NULL) {
        check_error(&err, data, size);
        return 0;
    }
    /* As the command's options change it. */
    vt_topology_set_forward(t, "127.0.0.1:8002 -> b:80", &err);
    vt_topology_set_socks(t, "127.0.0.1:1081", &err);
    struct vt_lab *lab = vt_topology_build(t, &(struct vt_lab_config){.seed = 1, .events = 4096}, &err);
    if (lab == NULL)
        check_error(&err, data, size);
    else
        vt_lab_run(lab, 1000000);
    vt_lab_free(lab);
    vt_topology_free(t);
    return 0;
}
