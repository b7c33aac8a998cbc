/* Error numbers, returned negated (`-VT_ECONNREFUSED`). The numbers are Linux's; <errno.h> differs elsewhere.
 */
#ifndef VITRO_ERRNO_H
#define VITRO_ERRNO_H

/* X(name, number, text as strerror gives it) */
#define VT_ERRNO_LIST(X)                                               \
    X(EPERM, 1, "Operation not permitted")                             \
    X(ENOENT, 2, "No such file or directory")                          \
    X(EINTR, 4, "Interrupted system call")                             \
    X(EIO, 5, "Input/output error")                                    \
    X(EBADF, 9, "Bad file descriptor")                                 \
    X(EAGAIN, 11, "Resource temporarily unavailable")                  \
    X(ENOMEM, 12, "Cannot allocate memory")                            \
    X(EACCES, 13, "Permission denied")                                 \
    X(EFAULT, 14, "Bad address")                                       \
    X(EBUSY, 16, "Device or resource busy")                            \
    X(EEXIST, 17, "File exists")                                       \
    X(ENODEV, 19, "No such device")                                    \
    X(EINVAL, 22, "Invalid argument")                                  \
    X(ENFILE, 23, "Too many open files in system")                     \
    X(EMFILE, 24, "Too many open files")                               \
    X(ENOTTY, 25, "Inappropriate ioctl for device")                    \
    X(ENOSPC, 28, "No space left on device")                           \
    X(EPIPE, 32, "Broken pipe")                                        \
    X(EDOM, 33, "Numerical argument out of domain")                    \
    X(ENAMETOOLONG, 36, "File name too long")                          \
    X(ENOSYS, 38, "Function not implemented")                          \
    X(ENOMSG, 42, "No message of desired type")                        \
    X(EPROTO, 71, "Protocol error")                                    \
    X(EBADMSG, 74, "Bad message")                                      \
    X(ENOTSOCK, 88, "Socket operation on non-socket")                  \
    X(EDESTADDRREQ, 89, "Destination address required")                \
    X(EMSGSIZE, 90, "Message too long")                                \
    X(EPROTOTYPE, 91, "Protocol wrong type for socket")                \
    X(ENOPROTOOPT, 92, "Protocol not available")                       \
    X(EPROTONOSUPPORT, 93, "Protocol not supported")                   \
    X(ESOCKTNOSUPPORT, 94, "Socket type not supported")                \
    X(EOPNOTSUPP, 95, "Operation not supported")                       \
    X(EAFNOSUPPORT, 97, "Address family not supported by protocol")    \
    X(EADDRINUSE, 98, "Address already in use")                        \
    X(EADDRNOTAVAIL, 99, "Cannot assign requested address")            \
    X(ENETDOWN, 100, "Network is down")                                \
    X(ENETUNREACH, 101, "Network is unreachable")                      \
    X(ENETRESET, 102, "Network dropped connection on reset")           \
    X(ECONNABORTED, 103, "Software caused connection abort")           \
    X(ECONNRESET, 104, "Connection reset by peer")                     \
    X(ENOBUFS, 105, "No buffer space available")                       \
    X(EISCONN, 106, "Transport endpoint is already connected")         \
    X(ENOTCONN, 107, "Transport endpoint is not connected")            \
    X(ESHUTDOWN, 108, "Cannot send after transport endpoint shutdown") \
    X(ETIMEDOUT, 110, "Connection timed out")                          \
    X(ECONNREFUSED, 111, "Connection refused")                         \
    X(EHOSTDOWN, 112, "Host is down")                                  \
    X(EHOSTUNREACH, 113, "No route to host")                           \
    X(EALREADY, 114, "Operation already in progress")                  \
    X(EINPROGRESS, 115, "Operation now in progress")                   \
    X(ECANCELED, 125, "Operation canceled")                            \
    X(EKEYREJECTED, 129, "Key was rejected by service")

enum vt_errno {
#define X(name, number, text) VT_##name = number,
    VT_ERRNO_LIST(X)
#undef X
};

/* The text of an error, positive or negated; "Unknown error" for others. Never NULL. */
const char *vt_strerror(int error);
/* Its name, "ECONNREFUSED"; "E?" for others. */
const char *vt_errno_name(int error);

#endif
