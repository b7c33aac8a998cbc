/* The hosts table (RFC 952's, in RAM). */
#include "base/text.h"
#include "socket.h"

#define NAME_MAX_LENGTH 253 /* RFC 1035 2.3.4, the text form */

struct vt_name {
    struct vt_name *next;
    struct vt_ip ip;
    size_t size; /* of this entry */
    char text[];
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(const char *a, const char *b)
{
    while (*a != 0 && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

/* RFC 6761 6.3: "localhost", and every name that ends in it, is this host. */
static bool is_localhost(const char *name)
{
    static const char text[] = "localhost";
    size_t len = strlen(name), n = sizeof text - 1;

    return len >= n && same(name + len - n, text) && (len == n || name[len - n - 1] == '.');
}

static bool valid(const char *name)
{
    size_t len = strlen(name);
    struct vt_ip number;

    if (len == 0 || len > NAME_MAX_LENGTH || vt_ip_parse(&number, name) == 0)
        return false;
    for (const char *c = name; *c != 0; c++) {
        char l = lower(*c);

        if (!((l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-' || l == '.' || l == '_'))
            return false;
    }
    return true;
}

static struct vt_name *find(struct vt_sockets *s, const char *name)
{
    for (struct vt_name *n = s->names; n != NULL; n = n->next)
        if (same(n->text, name))
            return n;
    return NULL;
}

int vt_sock_getaddrinfo(struct vt_sockets *s, const char *name, struct vt_addr *addr)
{
    struct vt_name *n;

    if (name == NULL || addr == NULL)
        return -VT_EFAULT;
    if (is_localhost(name)) {
        addr->ip = VT_IP4_LOOPBACK;
    } else if (vt_ip_parse(&addr->ip, name) != 0) {
        n = find(s, name);
        if (n == NULL)
            return -VT_ENOENT;
        addr->ip = n->ip;
    }
    addr->scope = 0;
    return 0;
}

int vt_sock_hosts_add(struct vt_sockets *s, const char *name, struct vt_ip ip)
{
    struct vt_name **at = &s->names, *n;
    size_t size;

    if (name == NULL)
        return -VT_EFAULT;
    if (!valid(name))
        return -VT_EINVAL;
    n = find(s, name);
    if (n != NULL) {
        n->ip = ip;
        return 0;
    }
    if (s->nnames >= s->names_max)
        return -VT_ENOSPC;
    size = sizeof *n + strlen(name) + 1;
    n = vt_alloc(s->core, size);
    if (n == NULL)
        return -VT_ENOMEM;
    n->ip = ip;
    n->size = size;
    memcpy(n->text, name, size - sizeof *n);
    while (*at != NULL)
        at = &(*at)->next;
    *at = n;
    s->nnames++;
    return 0;
}

bool vt_sock_hosts_get(struct vt_sockets *s, unsigned i, const char **name, struct vt_ip *ip)
{
    struct vt_name *n = s->names;

    while (n != NULL && i-- > 0)
        n = n->next;
    if (n == NULL)
        return false;
    *name = n->text;
    *ip = n->ip;
    return true;
}

void vt_names_free(struct vt_sockets *s)
{
    struct vt_name *n;

    while ((n = s->names) != NULL) {
        s->names = n->next;
        vt_free(s->core, n, n->size);
    }
}
