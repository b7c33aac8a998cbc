/* The tool reads TCP_INFO for its code blocks, and sends files, by the kernel's getsockopt() and sendfile(),
 * though the descriptors are ours: its interface has no such functions for them. So the program's own table
 * of imported functions is made to lead to us for these two, and what is not about our descriptors goes on to
 * the C library. This is all that the process has of ours outside of the instance. */
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include "so.h"

static struct {
    pthread_mutex_t lock;
    struct so *first; /* instance, by `other` */
    bool done;
} hooked = {PTHREAD_MUTEX_INITIALIZER, NULL, false};

/* The instance whose descriptor this is; NULL: it is none of ours, and goes to the C library. */
static struct so *owner(int fd)
{
    struct so *so;
    bool ours = false;

    pthread_mutex_lock(&hooked.lock);
    for (so = hooked.first; so != NULL && !ours; so = ours ? so : so->other) {
        pthread_mutex_lock(&so->lock);
        ours = so_fd(so, fd) != NULL;
        pthread_mutex_unlock(&so->lock);
    }
    pthread_mutex_unlock(&hooked.lock);
    return so;
}

static int hook_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    struct so *so = owner(fd);

    return so != NULL ? so_getsockopt(so, fd, level, name, value, len)
                      : getsockopt(fd, level, name, value, len);
}

static ssize_t hook_sendfile(int out, int in, off_t *offset, size_t len)
{
    struct so *so = owner(out);

    return so != NULL ? so_sendfile(so, out, in, offset, len) : sendfile(out, in, offset, len);
}

/* ---- The table of imported functions ---- */

struct import {
    const char *name;
    void (*to)(void);
};

static const struct import imports[] = {
    {"getsockopt", (void (*)(void))hook_getsockopt},
    {"sendfile", (void (*)(void))hook_sendfile},
    {"sendfile64", (void (*)(void))hook_sendfile},
};

/* A linker may have had the table made read-only. */
static void lead(uintptr_t slot, void (*to)(void))
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = slot & ~(page - 1);
    uintptr_t end = (slot + sizeof to + page - 1) & ~(page - 1);

    if (mprotect((void *)from, end - from, PROT_READ | PROT_WRITE) == 0)
        memcpy((void *)slot, &to, sizeof to);
}

static void scan(uintptr_t base, const ElfW(Rela) * rela, size_t size, const ElfW(Sym) * symbols,
                 const char *names)
{
    for (size_t i = 0; rela != NULL && i < size / sizeof *rela; i++) {
        size_t symbol = sizeof(void *) == 8 ? (size_t)((uint64_t)rela[i].r_info >> 32)
                                            : (size_t)(rela[i].r_info >> 8);

        /* Of those that name a function, only slots of the table add nothing to its address. */
        if (symbol == 0 || rela[i].r_addend != 0)
            continue;
        for (size_t k = 0; k < sizeof imports / sizeof *imports; k++)
            if (strcmp(names + symbols[symbol].st_name, imports[k].name) == 0)
                lead(base + rela[i].r_offset, imports[k].to);
    }
}

/* Of the program itself, which is told first. */
static int look(struct dl_phdr_info *info, size_t size, void *ctx)
{
    const ElfW(Dyn) *dyn = NULL;
    const ElfW(Sym) *symbols = NULL;
    const ElfW(Rela) * rela[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    const char *names = NULL;

    (void)size;
    (void)ctx;
    for (ElfW(Half) i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            dyn = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    for (; dyn != NULL && dyn->d_tag != DT_NULL; dyn++) {
        const void *p = (const void *)dyn->d_un.d_ptr;

        switch (dyn->d_tag) {
        case DT_SYMTAB: symbols = p; break;
        case DT_STRTAB: names = p; break;
        case DT_JMPREL: rela[0] = p; break;
        case DT_PLTRELSZ: sizes[0] = dyn->d_un.d_val; break;
        case DT_RELA: rela[1] = p; break;
        case DT_RELASZ: sizes[1] = dyn->d_un.d_val; break;
        default: break;
        }
    }
    for (unsigned i = 0; i < 2 && symbols != NULL && names != NULL; i++)
        scan(info->dlpi_addr, rela[i], sizes[i], symbols, names);
    return 1;
}

void so_hook(struct so *so)
{
    pthread_mutex_lock(&hooked.lock);
    so->other = hooked.first;
    hooked.first = so;
    if (!hooked.done)
        dl_iterate_phdr(look, NULL);
    hooked.done = true;
    pthread_mutex_unlock(&hooked.lock);
}

void so_unhook(struct so *so)
{
    pthread_mutex_lock(&hooked.lock);
    for (struct so **at = &hooked.first; *at != NULL; at = &(*at)->other)
        if (*at == so) {
            *at = so->other;
            break;
        }
    pthread_mutex_unlock(&hooked.lock);
}
