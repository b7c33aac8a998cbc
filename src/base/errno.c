#include <vitro/errno.h>

const char *vt_strerror(int error)
{
    if (error == 0)
        return "Success";
    switch (error < 0 ? -(unsigned)error : (unsigned)error) {
#define X(name, number, text) \
    case number: return text;
        VT_ERRNO_LIST(X)
#undef X
    default: return "Unknown error";
    }
}

const char *vt_errno_name(int error)
{
    switch (error < 0 ? -(unsigned)error : (unsigned)error) {
#define X(name, number, text) \
    case number: return #name;
        VT_ERRNO_LIST(X)
#undef X
    default: return "E?";
    }
}
