/* Control messages as Linux lays them out in msg_control. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include <linux/errqueue.h>
#include "so.h"

/* Where the next one goes: the room that is left of the program's buffer. */
struct place {
    uint8_t *at;
    size_t left, used;
    bool cut;
};

static void put(struct place *p, int level, int type, const void *data, size_t len)
{
    struct cmsghdr h = {.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    size_t space = CMSG_SPACE(len);

    if (p->cut || space > p->left) {
        p->cut = true;
        return;
    }
    memset(p->at, 0, space);
    memcpy(p->at, &h, sizeof h);
    memcpy(p->at + CMSG_LEN(0), data, len);
    p->at += space;
    p->left -= space;
    p->used += space;
}

static void put_stamps(struct place *p, const struct vt_msg_info *info)
{
    struct timespec ts[3] = {{.tv_sec = (time_t)(info->stamp / (vt_time)VT_SEC),
                              .tv_nsec = (long)(info->stamp % (vt_time)VT_SEC)}};
    struct timeval tv = {.tv_sec = ts[0].tv_sec, .tv_usec = ts[0].tv_nsec / 1000};

    if ((info->controls & VT_CONTROL_TIMESTAMP) != 0)
        put(p, SOL_SOCKET, VT_SO_TIMESTAMP, &tv, sizeof tv);
    if ((info->controls & VT_CONTROL_TIMESTAMPNS) != 0)
        put(p, SOL_SOCKET, VT_SO_TIMESTAMPNS, &ts[0], sizeof ts[0]);
    if ((info->controls & VT_CONTROL_TIMESTAMPING) != 0)
        put(p, SOL_SOCKET, VT_SO_TIMESTAMPING, ts, sizeof ts);
}

void so_controls_out(const struct vt_msg_info *info, struct msghdr *msg)
{
    struct place p = {.at = msg->msg_control, .left = msg->msg_control != NULL ? msg->msg_controllen : 0};

    put_stamps(&p, info);
    if ((info->controls & VT_CONTROL_RECVERR) != 0) {
        struct {
            struct sock_extended_err ee;
            struct sockaddr_in offender;
        } err = {.ee = {.ee_errno = info->err.error,
                        .ee_origin = info->err.origin,
                        .ee_type = info->err.type,
                        .ee_code = info->err.code,
                        .ee_info = info->err.info,
                        .ee_data = info->err.data}};

        put(&p, SOL_IP, IP_RECVERR, &err, sizeof err);
    }
    if ((info->controls & VT_CONTROL_INQ) != 0)
        put(&p, IPPROTO_TCP, VT_TCP_INQ, &info->inq, sizeof info->inq);
    msg->msg_controllen = p.used;
    msg->msg_flags = info->flags | (p.cut ? MSG_CTRUNC : 0);
}
