#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "files.h"
#include "kernel_sockets.h"

struct vt_files {
    int dir;
    bool walk; /* the kernel has no openat2() (before Linux 5.6), or a filter forbids it */
};

struct open_file {
    int fd;
    DIR *dir; /* made when it is listed */
};

/* A FIFO or a device must neither make open() wait nor become our terminal. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

int vt_files_open(struct vt_files **files, const char *directory)
{
    struct vt_files *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -VT_ENOMEM;
    f->dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0) {
        int err = errno == ENOTDIR ? -VT_ENOENT : vt_error_from_errno(errno);
        free(f);
        return err;
    }
    *files = f;
    return 0;
}

void vt_files_close(struct vt_files *files)
{
    if (files == NULL)
        return;
    close(files->dir);
    free(files);
}

/* One component after another, none of them a link: stricter than the kernel's own way, and as safe. */
static int walk(int dir, const char *path)
{
    int at = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (at >= 0) {
        char name[256];
        size_t n = strcspn(path, "/");
        bool last = path[n] == 0;
        int next;
        if (n == 0 || n >= sizeof name || (n == 2 && path[0] == '.' && path[1] == '.')) {
            close(at);
            errno = n >= sizeof name ? ENAMETOOLONG : EACCES;
            return -1;
        }
        memcpy(name, path, n);
        name[n] = 0;
        next = openat(at, name, O_NOFOLLOW | (last ? OPEN_FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC));
        close(at);
        if (next < 0 || last)
            return next;
        at = next;
        path += n + 1;
    }
    return -1;
}

static int open_beneath(struct vt_files *f, const char *path)
{
    const struct open_how how = {.flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    if (!f->walk) {
        int fd = (int)syscall(SYS_openat2, f->dir, path, &how, sizeof how);
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
            return fd;
        f->walk = true;
    }
    return walk(f->dir, path);
}

static int open_error(int error)
{
    switch (error) {
    case ENOTDIR:
    case ENAMETOOLONG: return -VT_ENOENT;
    case EXDEV: /* it leads out of the root */
    case ELOOP:
    case ENXIO: return -VT_EACCES;
    default: return vt_error_from_errno(error);
    }
}

static void fill_info(struct vt_file_info *info, const struct stat *st)
{
    *info = (struct vt_file_info){.size = (uint64_t)st->st_size,
                                  .mtime = st->st_mtime > 0 ? (uint64_t)st->st_mtime : 0,
                                  .dir = S_ISDIR(st->st_mode)};
}

static int files_open(void *root, const char *path, struct vt_file_info *info, void **file)
{
    struct open_file *f;
    struct stat st;
    int fd = open_beneath(root, *path != 0 ? path : ".");
    if (fd < 0)
        return open_error(errno);
    if (fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
        close(fd);
        return -VT_EACCES;
    }
    f = calloc(1, sizeof *f);
    if (f == NULL) {
        close(fd);
        return -VT_ENOMEM;
    }
    f->fd = fd;
    fill_info(info, &st);
    *file = f;
    return 0;
}

static long files_read(void *root, void *file, uint64_t offset, void *buf, size_t len)
{
    const struct open_file *f = file;
    ssize_t n;
    (void)root;
    do
        n = pread(f->fd, buf, len, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n >= 0 ? (long)n : vt_error_from_errno(errno);
}

static void files_close(void *root, void *file)
{
    struct open_file *f = file;
    (void)root;
    if (f->dir != NULL)
        closedir(f->dir);
    else
        close(f->fd);
    free(f);
}

static int files_list(void *root, void *dir, char *name, size_t cap, struct vt_file_info *info)
{
    struct open_file *f = dir;
    const struct dirent *entry;
    struct stat st;
    (void)root;
    if (f->dir == NULL) {
        f->dir = fdopendir(f->fd); /* owns the descriptor from then on */
        if (f->dir == NULL)
            return vt_error_from_errno(errno);
    }
    while ((entry = readdir(f->dir)) != NULL) {
        size_t len = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || fstatat(f->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
            continue;
        if (len >= cap)
            return -VT_ENAMETOOLONG;
        memcpy(name, entry->d_name, len + 1);
        fill_info(info, &st);
        return 1;
    }
    return 0;
}

const struct vt_file_api vt_files_api = {
    .open = files_open,
    .read = files_read,
    .close = files_close,
    .list = files_list,
};
