#include "exec_filter.h"
#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

/* Calls that name a socket: the filter sees the number of a descriptor, never what it is, so all of them are
 * told of. Plain read, write, send and recv go by. */
static const int calls[] = {
    SCMP_SYS(socket),      SCMP_SYS(bind),       SCMP_SYS(listen),     SCMP_SYS(connect),
    SCMP_SYS(accept),      SCMP_SYS(accept4),    SCMP_SYS(shutdown),   SCMP_SYS(getsockname),
    SCMP_SYS(getpeername), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),     SCMP_SYS(sendmmsg),   SCMP_SYS(recvmmsg),
};

static int add_rules(scmp_filter_ctx ctx)
{
    const struct scmp_arg_cmp addressed = {.arg = 4, .op = SCMP_CMP_NE, .datum_a = 0, .datum_b = 0};
    int err = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls && err == 0; i++)
        err = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, calls[i], 0);
    /* Only with an address: send() and recv() have none. */
    if (err == 0)
        err = seccomp_rule_add_array(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(sendto), 1, &addressed);
    if (err == 0)
        err = seccomp_rule_add_array(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(recvfrom), 1, &addressed);
    /* Its requests never come by here: programs that find none use the plain calls. */
    if (err == 0)
        err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0);
    return err;
}

int vt_exec_filter(void)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    int err;
    if (ctx == NULL)
        return -ENOMEM;
    /* Without rights it is the condition for a filter, and a program that gained rights by being run
     * (setuid) would be out of the supervisor's reach. */
    err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
    if (err == 0)
        err = seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1);
    if (err == 0)
        err = add_rules(ctx);
    if (err == 0)
        err = seccomp_load(ctx);
    if (err == 0)
        err = seccomp_notify_fd(ctx);
    /* Releasing the context would close the listener's descriptor; what it holds goes with execve(). */
    return err;
}
