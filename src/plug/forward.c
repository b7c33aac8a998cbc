#include "plug.h"
#include <errno.h>
#include <stdlib.h>
#include "pump.h"

struct vt_forward {
    struct vt_plug plug; /* first */
    struct vt_addr to;
};

static void on_accept(struct vt_plug *plug, int fd)
{
    struct vt_forward *f = (struct vt_forward *)plug;
    int err;
    if (vt_pump_start(plug, fd, &f->to, &err) == NULL) {
        plug->refused++;
        vt_kernel_reset(fd);
    }
}

int vt_forward_open(struct vt_forward **out, struct vt_real *real, const struct vt_forward_config *config)
{
    struct vt_host *target = vt_lab_host(vt_real_lab(real), config->host);
    const char *from = config->via != NULL ? config->via : config->host;
    struct vt_host *source = vt_lab_host(vt_real_lab(real), from);
    struct vt_forward *f;
    int err;
    if (target == NULL || source == NULL)
        return -ENOENT;
    f = calloc(1, sizeof *f);
    if (f == NULL)
        return -ENOMEM;
    f->plug.accept = on_accept;
    f->plug.mark = config->mark;
    f->plug.epfd = -1;
    f->to = (struct vt_addr){.ip = VT_IP4_LOOPBACK};
    if (source != target && vt_getaddrinfo(source, config->host, &f->to) < 0) {
        free(f);
        return -ENOENT;
    }
    f->to.port = config->port;
    err = vt_plug_open(&f->plug, real, from, &config->listen);
    if (err < 0) {
        free(f);
        return err;
    }
    *out = f;
    return 0;
}

void vt_forward_stop(struct vt_forward *f)
{
    vt_plug_stop(&f->plug);
}

void vt_forward_close(struct vt_forward *f)
{
    if (f == NULL)
        return;
    vt_plug_close(&f->plug);
    free(f);
}
