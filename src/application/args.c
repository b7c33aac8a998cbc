#include "args.h"
#include "console.h"

int vt_span_parse(const char *text, vt_span *span)
{
    const char *dot = memchr(text, '.', strlen(text));
    size_t whole = dot != NULL ? (size_t)(dot - text) : strlen(text);
    uint64_t seconds = 0, rest = 0;
    if (whole > 0 && vt_parse_u64(text, whole, INT64_MAX / (uint64_t)VT_SEC - 1, &seconds) < 0)
        return -VT_EINVAL;
    if (whole == 0 && (dot == NULL || dot[1] == 0))
        return -VT_EINVAL;
    if (dot != NULL) {
        uint64_t unit = (uint64_t)VT_SEC / 10;
        for (const char *c = dot + 1; *c != 0; c++, unit /= 10) {
            if (!vt_is_digit(*c))
                return -VT_EINVAL;
            rest += unit * (uint64_t)(*c - '0');
        }
    }
    *span = (vt_span)(seconds * (uint64_t)VT_SEC + rest);
    return 0;
}

/* "20M": powers of ten, as in bytes of a transfer. */
static int parse_size(const char *text, uint64_t *value)
{
    size_t len = strlen(text);
    uint64_t unit = 1;
    if (len > 1) {
        switch (text[len - 1]) {
        case 'k': unit = 1000; break;
        case 'M': unit = 1000000; break;
        case 'G': unit = 1000000000; break;
        default: break;
        }
        if (unit > 1)
            len--;
    }
    if (vt_parse_u64(text, len, UINT64_MAX / unit, value) < 0)
        return -VT_EINVAL;
    *value *= unit;
    return 0;
}

int vt_usage_error(struct vt_process *p, const char *message, const char *what)
{
    vt_process_error(p, "%s%s%s; '%s --help' tells more", message, *what != 0 ? ": " : "", what,
                     p->program->name);
    return 2;
}

static int store(struct vt_process *p, const struct vt_option *o, const char *value)
{
    struct vt_option_list *list = o->to;
    uint64_t number;
    vt_span span;
    switch (o->kind) {
    case VT_OPTION_NUMBER:
        if (parse_size(value, &number) < 0 || number < o->min || number > o->max)
            break;
        memcpy(o->to, &number, sizeof number);
        return 0;
    case VT_OPTION_SPAN:
        if (vt_span_parse(value, &span) < 0 || (uint64_t)span < o->min || (uint64_t)span > o->max)
            break;
        memcpy(o->to, &span, sizeof span);
        return 0;
    case VT_OPTION_TEXT: memcpy(o->to, &value, sizeof value); return 0;
    case VT_OPTION_LIST:
        if (list->n == VT_OPTION_LIST_MAX)
            break;
        list->text[list->n++] = value;
        return 0;
    case VT_OPTION_FLAG: break;
    }
    vt_process_error(p, "bad value for --%s: %s", o->name, value);
    return 2;
}

static void set_flag(const struct vt_option *o)
{
    if (o->to != NULL)
        *(bool *)o->to = true;
}

struct reader {
    struct vt_process *p;
    const struct vt_option *options;
    unsigned n;
    int argc, at;
    char **argv;
};

static const struct vt_option *find_name(const struct reader *r, const char *name, size_t len)
{
    for (unsigned i = 0; i < r->n; i++)
        if (strlen(r->options[i].name) == len && memcmp(r->options[i].name, name, len) == 0)
            return &r->options[i];
    return NULL;
}

static const struct vt_option *find_letter(const struct reader *r, char letter)
{
    for (unsigned i = 0; i < r->n; i++)
        if (r->options[i].letter == letter)
            return &r->options[i];
    return NULL;
}

/* The value of an option: what stands behind it, or the next argument. */
static int take_value(struct reader *r, const struct vt_option *o, const char *attached)
{
    if (attached == NULL && r->at == r->argc)
        return vt_usage_error(r->p, "an option wants a value", r->argv[r->at - 1]);
    return store(r->p, o, attached != NULL ? attached : r->argv[r->at++]);
}

static int read_long(struct reader *r, const char *name)
{
    const char *equals = memchr(name, '=', strlen(name));
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct vt_option *o = find_name(r, name, len);
    if (o == NULL)
        return vt_usage_error(r->p, "unknown option", name - 2);
    if (o->kind != VT_OPTION_FLAG)
        return take_value(r, o, equals != NULL ? equals + 1 : NULL);
    if (equals != NULL)
        return vt_usage_error(r->p, "this option takes no value", name - 2);
    set_flag(o);
    return 0;
}

static int read_letters(struct reader *r, const char *letters)
{
    for (; *letters != 0; letters++) {
        const struct vt_option *o = find_letter(r, *letters);
        const char text[] = {'-', *letters, 0};
        if (o == NULL)
            return vt_usage_error(r->p, "unknown option", text);
        if (o->kind != VT_OPTION_FLAG)
            return take_value(r, o, letters[1] != 0 ? letters + 1 : NULL);
        set_flag(o);
    }
    return 0;
}

static int done(struct vt_process *p, int status)
{
    p->done = true;
    p->status = status;
    return VT_OPTIONS_DONE;
}

static int help(struct vt_process *p)
{
    const char *text = p->program->usage;
    for (size_t at = 0, len = strlen(text); at < len;) {
        long n = p->write(p->io, 1, text + at, len - at);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    return done(p, 0);
}

int vt_options_read(struct vt_process *p, const struct vt_option *options, unsigned n, int argc, char **argv,
                    const char **rest, int rest_max)
{
    struct reader r = {.p = p, .options = options, .n = n, .argc = argc, .at = 1, .argv = argv};
    bool options_ended = false;
    int others = 0;
    while (r.at < argc) {
        const char *arg = argv[r.at++];
        int err = 0;
        if (options_ended || arg[0] != '-' || arg[1] == 0) {
            if (others == rest_max)
                return done(p, vt_usage_error(p, "unexpected argument", arg));
            rest[others++] = arg;
        } else if (strcmp(arg, "--") == 0) {
            options_ended = true;
        } else if (strcmp(arg, "--help") == 0 || (strcmp(arg, "-h") == 0 && find_letter(&r, 'h') == NULL)) {
            return help(p);
        } else {
            err = arg[1] == '-' ? read_long(&r, arg + 2) : read_letters(&r, arg + 1);
        }
        if (err != 0)
            return done(p, err);
    }
    return others;
}

static int parse_port(const char *text, uint16_t *port)
{
    uint64_t v;
    if (vt_parse_u64(text, strlen(text), 65535, &v) < 0)
        return -VT_EINVAL;
    *port = (uint16_t)v;
    return 0;
}

/* The colon before the port: the last one, when no other or a ']' stands before it. */
static const char *find_colon(const char *text)
{
    const char *colon = NULL;
    unsigned colons = 0;
    size_t len = strlen(text);
    if (text[0] == '[') {
        const char *close = memchr(text, ']', len);
        return close != NULL && close[1] == ':' ? close + 1 : NULL;
    }
    for (const char *c = text; *c != 0; c++)
        if (*c == ':') {
            colon = c;
            colons++;
        }
    return colons == 1 ? colon : NULL;
}

int vt_endpoint_parse(struct vt_endpoint *e, const char *text, const char *host, uint16_t port)
{
    const char *colon = find_colon(text);
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
    bool bare_port = colon == NULL && host != NULL && parse_port(text, &e->port) == 0;
    if (bare_port) {
        len = 0;
    } else if (colon != NULL) {
        if (parse_port(colon + 1, &e->port) < 0)
            return -VT_EINVAL;
    } else if (port != 0) {
        e->port = port;
    } else {
        return -VT_EINVAL;
    }
    if (len == 0) {
        if (host == NULL)
            return -VT_EINVAL;
        text = host;
        len = strlen(host);
    } else if (text[0] == '[') {
        if (len < 3 || text[len - 1] != ']')
            return -VT_EINVAL;
        text++;
        len -= 2;
    }
    if (len >= sizeof e->host)
        return -VT_EINVAL;
    memcpy(e->host, text, len);
    e->host[len] = 0;
    return 0;
}

int vt_endpoint_resolve(struct vt_process *p, const struct vt_endpoint *e, struct vt_addr *addr)
{
    int err = p->api->resolve(p->net, e->host, addr);
    if (err == 0)
        addr->port = e->port;
    return err;
}
