/* The memory and the descriptors of a program that runs under `vitro exec`. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "exec_super.h"

#define PIDFD_OF_THREAD O_EXCL /* PIDFD_THREAD, of Linux 6.9 */

bool vt_super_read(pid_t pid, uint64_t from, void *to, size_t len)
{
    struct iovec mine = {to, len}, theirs = {(void *)(uintptr_t)from, len};
    return len == 0 || process_vm_readv(pid, &mine, 1, &theirs, 1, 0) == (ssize_t)len;
}

bool vt_super_write(pid_t pid, uint64_t to, const void *from, size_t len)
{
    struct iovec mine = {(void *)(uintptr_t)from, len}, theirs = {(void *)(uintptr_t)to, len};
    return len == 0 || process_vm_writev(pid, &mine, 1, &theirs, 1, 0) == (ssize_t)len;
}

/* The program's iovecs, cut to `size` bytes in all. */
static ssize_t read_iov(pid_t pid, uint64_t at, size_t n, struct iovec *iov, size_t size)
{
    if (n > IOV_MAX)
        return -EMSGSIZE;
    if (!vt_super_read(pid, at, iov, n * sizeof *iov))
        return -EFAULT;
    for (size_t i = 0; i < n; i++) {
        iov[i].iov_len = iov[i].iov_len < size ? iov[i].iov_len : size;
        size -= iov[i].iov_len;
    }
    return 0;
}

ssize_t vt_super_gather(pid_t pid, uint64_t at, size_t n, void *to, size_t size)
{
    struct iovec iov[IOV_MAX], mine = {to, size};
    ssize_t err = read_iov(pid, at, n, iov, size);
    size_t sum = 0;
    if (err < 0)
        return err;
    for (size_t i = 0; i < n; i++)
        sum += iov[i].iov_len;
    if (sum == 0)
        return 0;
    mine.iov_len = sum;
    return process_vm_readv(pid, &mine, 1, iov, n, 0) == (ssize_t)sum ? (ssize_t)sum : -EFAULT;
}

ssize_t vt_super_scatter(pid_t pid, uint64_t at, size_t n, const void *from, size_t len)
{
    struct iovec iov[IOV_MAX], mine = {(void *)(uintptr_t)from, len};
    ssize_t err = read_iov(pid, at, n, iov, len);
    if (err < 0 || len == 0)
        return err;
    return process_vm_writev(pid, &mine, 1, iov, n, 0) == (ssize_t)len ? (ssize_t)len : -EFAULT;
}

size_t vt_super_iov_bytes(pid_t pid, uint64_t at, size_t n, size_t most)
{
    struct iovec iov[IOV_MAX];
    size_t sum = 0;
    if (read_iov(pid, at, n, iov, most) < 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        sum += iov[i].iov_len;
    return sum;
}

bool vt_super_write_addr(pid_t pid, uint64_t at, uint64_t len_at, const struct vt_addr *addr)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
    socklen_t len = 0, whole = sizeof sa;
    if (at == 0 || len_at == 0)
        return true;
    memcpy(&sa.sin_addr, addr->ip.b + 12, 4);
    return vt_super_read(pid, len_at, &len, sizeof len) &&
           vt_super_write(pid, at, &sa, len < whole ? len : whole) &&
           vt_super_write(pid, len_at, &whole, sizeof whole);
}

int vt_super_read_addr(pid_t pid, uint64_t at, uint64_t len, struct vt_addr *addr)
{
    struct sockaddr_in sa = {.sin_family = AF_UNSPEC};
    if (len < sizeof sa.sin_family)
        return -EINVAL;
    if (!vt_super_read(pid, at, &sa, len < sizeof sa ? len : sizeof sa))
        return -EFAULT;
    if (sa.sin_family == AF_UNSPEC)
        return 1;
    if (sa.sin_family != AF_INET)
        return -EAFNOSUPPORT;
    if (len < sizeof sa)
        return -EINVAL;
    *addr = (struct vt_addr){.ip = vt_ip_from4(ntohl(sa.sin_addr.s_addr)), .port = ntohs(sa.sin_port)};
    return 0;
}

ino_t vt_super_inode(pid_t pid, int fd)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode) ? st.st_ino : 0;
}

/* Before Linux 6.9 only a process's first thread could be named. */
static pid_t process_of(pid_t thread)
{
    char path[64], line[128];
    int id = (int)thread;
    FILE *f;
    snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
    f = fopen(path, "re");
    if (f == NULL)
        return thread;
    while (fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "Tgid:", 5) == 0) {
            id = atoi(line + 5);
            break;
        }
    fclose(f);
    return id;
}

int vt_super_borrow(pid_t pid, int fd)
{
    int copy, pidfd = (int)syscall(SYS_pidfd_open, pid, PIDFD_OF_THREAD);
    if (pidfd < 0)
        pidfd = (int)syscall(SYS_pidfd_open, process_of(pid), 0);
    if (pidfd < 0)
        return -errno;
    copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    if (copy < 0)
        copy = -errno;
    close(pidfd);
    return copy;
}
