/* Files for programs of a lab: a directory of the system, never left. This file asks the operating system. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"

struct root {
    struct vt_lab *lab;
    int dir;
};

struct file {
    int fd;
    DIR *dir; /* made when it is listed */
};

static int vt_error(int e)
{
    switch (e) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG: return -VT_ENOENT;
    case EMFILE:
    case ENFILE: return -VT_EMFILE;
    case ENOMEM: return -VT_ENOMEM;
    default: return -VT_EACCES;
    }
}

/* Opens beneath the root and nowhere else, symbolic links included: the kernel sees to that (openat2, Linux
 * 5.6). Where it cannot, paths with links are refused, component by component. */
static int open_beneath(int dir, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int at, fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (fd >= 0 || errno != ENOSYS)
        return fd;
    at = dup(dir);
    while (at >= 0) {
        char name[256];
        size_t n = strcspn(path, "/");
        if (n == 0 || n >= sizeof name || (n == 2 && memcmp(path, "..", 2) == 0)) {
            close(at);
            errno = EACCES;
            return -1;
        }
        memcpy(name, path, n);
        name[n] = 0;
        path += n;
        path += strspn(path, "/");
        fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        close(at);
        if (fd < 0 || *path == 0)
            return fd;
        at = fd;
    }
    return -1;
}

static int file_open(void *ctx, const char *path, struct vt_file_info *info, void **out)
{
    struct root *root = ctx;
    struct vt_allocator *mem = &root->lab->core.mem;
    struct stat st;
    struct file *file;
    int err, fd = open_beneath(root->dir, *path != 0 ? path : ".");
    if (fd < 0)
        return vt_error(errno);
    if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
        close(fd);
        return -VT_EACCES;
    }
    file = mem->alloc(mem->ctx, sizeof *file);
    if (file == NULL) {
        err = -VT_ENOMEM;
        close(fd);
        return err;
    }
    file->fd = fd;
    *info = (struct vt_file_info){
        .size = (uint64_t)st.st_size, .mtime = (uint64_t)st.st_mtime, .dir = S_ISDIR(st.st_mode)};
    *out = file;
    return 0;
}

static long file_read(void *ctx, void *handle, uint64_t offset, void *buf, size_t len)
{
    const struct file *file = handle;
    ssize_t n = pread(file->fd, buf, len, (off_t)offset);
    (void)ctx;
    return n >= 0 ? (long)n : -VT_EIO;
}

static void file_close(void *ctx, void *handle)
{
    struct root *root = ctx;
    struct file *file = handle;
    if (file->dir != NULL)
        closedir(file->dir);
    close(file->fd);
    root->lab->core.mem.free(root->lab->core.mem.ctx, file, sizeof *file);
}

static int file_list(void *ctx, void *handle, char *name, size_t cap, struct vt_file_info *info)
{
    struct file *file = handle;
    const struct dirent *entry;
    struct stat st;
    (void)ctx;
    if (file->dir == NULL) {
        int fd = dup(file->fd);
        file->dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (file->dir == NULL) {
            if (fd >= 0)
                close(fd);
            return 0;
        }
    }
    while ((entry = readdir(file->dir)) != NULL) {
        if (entry->d_name[0] == '.' || fstatat(file->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
            continue;
        *info = (struct vt_file_info){
            .size = (uint64_t)st.st_size, .mtime = (uint64_t)st.st_mtime, .dir = S_ISDIR(st.st_mode)};
        if (strlen(entry->d_name) >= cap)
            return -VT_ENAMETOOLONG;
        memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
        return 1;
    }
    return 0;
}

static const struct vt_file_api file_api = {
    .open = file_open, .read = file_read, .close = file_close, .list = file_list};

int vt_lab_files_open(struct vt_lab *lab, struct vt_lab_process *proc, const char *path)
{
    struct root *root;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return vt_error(errno);
    root = lab->core.mem.alloc(lab->core.mem.ctx, sizeof *root);
    if (root == NULL) {
        close(dir);
        return -VT_ENOMEM;
    }
    *root = (struct root){.lab = lab, .dir = dir};
    proc->root = root;
    proc->p.files = &file_api;
    proc->p.root = root;
    return 0;
}

void vt_lab_files_close(struct vt_lab *lab, struct vt_lab_process *proc)
{
    struct root *root = proc->root;
    if (root == NULL)
        return;
    close(root->dir);
    lab->core.mem.free(lab->core.mem.ctx, root, sizeof *root);
    proc->root = NULL;
}
