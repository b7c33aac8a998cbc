/* Two hosts in one program, joined by a device of five functions: b sends back what a says. */
#include <stdio.h>
#include <vitro/host.h>

struct pipe_end {
    struct vt_device dev;
    struct pipe_end *peer;
    struct vt_pbuf *frame[64]; /* on their way to this end */
    unsigned head, tail;
};

static unsigned pipe_rx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct pipe_end *end = (struct pipe_end *)dev;
    unsigned got = 0;
    (void)now;
    while (got < n && end->head != end->tail)
        frames[got++] = end->frame[end->head++ % 64];
    return got;
}
static unsigned pipe_tx(struct vt_device *dev, struct vt_pbuf **frames, unsigned n, vt_time now)
{
    struct pipe_end *peer = ((struct pipe_end *)dev)->peer;
    unsigned put = 0;
    (void)now;
    while (put < n && peer->tail - peer->head < 64)
        peer->frame[peer->tail++ % 64] = frames[put++];
    return put; /* the rest stays the host's, which drops and counts it */
}
static vt_time pipe_next(struct vt_device *dev)
{
    return ((struct pipe_end *)dev)->head != ((struct pipe_end *)dev)->tail ? 0 : VT_NEVER;
}
static int pipe_fd(struct vt_device *dev)
{
    return dev == NULL ? 0 : -1; /* nothing to wait on */
}
static void pipe_close(struct vt_device *dev)
{
    for (struct pipe_end *end = (struct pipe_end *)dev; end->head != end->tail; end->head++)
        vt_frame_free(end->frame[end->head % 64]);
}
static const struct vt_device_ops pipe_ops = {pipe_rx, pipe_tx, pipe_next, pipe_fd, pipe_close};

int main(void)
{
    struct pipe_end end[2] = {{{&pipe_ops, 0, 1500, "a"}, &end[1], {0}, 0, 0},
                              {{&pipe_ops, 0, 1500, "b"}, &end[0], {0}, 0, 0}};
    struct vt_host *a = vt_host_new(&(struct vt_host_config){.name = "a", .seed = 1});
    struct vt_host *b = vt_host_new(&(struct vt_host_config){.name = "b", .seed = 2});
    struct vt_addr at = {.ip = VT_IP4(10, 0, 0, 2), .port = 9528};
    int client = vt_socket(a, VT_AF_INET, VT_SOCK_STREAM, 0), server = -1;
    int listener = vt_socket(b, VT_AF_INET, VT_SOCK_STREAM, 0);
    char text[64] = "";
    long got = -1, sent = -1;

    vt_host_attach(a, &end[0].dev, "10.0.0.1/24");
    vt_host_attach(b, &end[1].dev, "10.0.0.2/24");
    vt_bind(b, listener, &at);
    vt_listen(b, listener, 10);
    vt_connect(a, client, &at);
    for (vt_time now = 0; got < 0 && now < 10 * (vt_time)VT_SEC; now += (vt_time)VT_MSEC) {
        vt_host_poll(a, now);
        vt_host_poll(b, now);
        if (sent < 0) /* -VT_EAGAIN until the handshake is done */
            sent = vt_send(a, client, "hello", 5, 0);
        if (server < 0)
            server = vt_accept(b, listener, NULL);
        else if ((got = vt_recv(b, server, text, sizeof text, 0)) > 0)
            vt_send(b, server, text, (size_t)got, 0);
        got = vt_recv(a, client, text, sizeof text, 0);
    }
    printf("a: \"%.*s\" came back\n", got > 0 ? (int)got : 0, text);
    vt_host_free(a);
    vt_host_free(b);
    pipe_close(&end[0].dev);
    pipe_close(&end[1].dev);
    return got == 5 ? 0 : 1;
}
