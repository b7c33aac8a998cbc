/* What the files of the supervisor of `vitro exec` share. */
#ifndef VT_PLUG_EXEC_SUPER_H
#define VT_PLUG_EXEC_SUPER_H

#include <seccomp.h>
#include <stdbool.h>
#include <sys/types.h>
#include "exec_wire.h"

#define VT_SUPER_BUCKETS 4096

/* An accepted connection whose accept() was interrupted: the next one gets it. */
struct vt_super_back {
    struct vt_super_back *next;
    struct vt_exec_msg m;
    int fd;
};

/* A socket of the program, known by the inode of its end. */
struct vt_super_sock {
    struct vt_super_sock *next; /* of its bucket */
    ino_t inode;
    uint32_t id;
    bool datagram;
    bool tried; /* a connect() was made, or it was accepted: what is written into its end is data */
    pid_t pid;  /* who last used it, and by which number */
    int fd;
    int owed_call, owed; /* a result that could not be told, since a signal came; 0: none */
    struct vt_super_back *backs;
};

/* A call that the lab works on. */
struct vt_super_call {
    bool used;
    uint32_t generation;
    uint64_t id; /* of the notification */
    pid_t pid;
    int nr;
    uint64_t args[6];
};

struct vt_super {
    int rpc, listener, signals;
    bool lab_gone;
    struct seccomp_notif *req;
    struct seccomp_notif_resp *resp;
    struct vt_super_sock *bucket[VT_SUPER_BUCKETS];
    struct vt_super_sock **by_id; /* [id - 1] */
    uint32_t nids;
    struct vt_super_call *calls;
    uint32_t ncalls;
    uint8_t data[VT_EXEC_DATA];
    uint8_t message[sizeof(struct vt_exec_msg) + VT_EXEC_DATA];
};

/* exec_calls.c */
void vt_super_on_call(struct vt_super *s);
void vt_super_on_message(struct vt_super *s);
void vt_super_free(struct vt_super *s);

/* exec_memory.c: the program's memory, and its descriptors. False, or negative, when it cannot be reached. */
bool vt_super_read(pid_t pid, uint64_t from, void *to, size_t len);
bool vt_super_write(pid_t pid, uint64_t to, const void *from, size_t len);
/* Gathers the bytes of a struct msghdr's iovecs, or scatters them over these; how many, at most `size`. */
ssize_t vt_super_gather(pid_t pid, uint64_t iov, size_t n, void *to, size_t size);
ssize_t vt_super_scatter(pid_t pid, uint64_t iov, size_t n, const void *from, size_t len);
size_t vt_super_iov_bytes(pid_t pid, uint64_t iov, size_t n, size_t most);
/* Writes an address as accept() and its kin do: `at` and `len_at` may be 0. */
bool vt_super_write_addr(pid_t pid, uint64_t at, uint64_t len_at, const struct vt_addr *addr);
/* Reads a socket address: 0, 1 for AF_UNSPEC, or a negative errno. */
int vt_super_read_addr(pid_t pid, uint64_t at, uint64_t len, struct vt_addr *addr);
/* The inode of a socket that the program has under this number; 0: no socket. */
ino_t vt_super_inode(pid_t pid, int fd);
/* A copy of a descriptor of the program's, to be closed soon: while it is open, the program's closing is not
 * seen. */
int vt_super_borrow(pid_t pid, int fd);

#endif
