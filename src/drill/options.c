/* The options of a script: --name=value. */
#include "base/text.h"
#include "parse.h"

enum what {
    TAKEN,   /* understood */
    IGNORED, /* of no meaning here, and no harm */
    REFUSED, /* asks for what is not here */
};

struct option {
    const char *name;
    bool has_value;
    enum what what;
    bool (*set)(struct drill_options *o, const char *value, struct drill_error *error);
};

static bool number(const char *s, int64_t least, int64_t most, int64_t *value)
{
    int64_t v = 0;

    if (*s == 0)
        return false;
    for (; *s >= '0' && *s <= '9'; s++) {
        if (v > INT64_MAX / 20)
            return false;
        v = v * 10 + (*s - '0');
    }
    *value = v;
    return *s == 0 && v >= least && v <= most;
}

static bool set_ip(struct vt_ip *ip, const char *value)
{
    return vt_ip_parse(ip, value) == 0;
}

/* "192.0.2.1/24": the prefix is the remote network's, which is reached by the gateway in any case. */
static bool set_remote(struct drill_options *o, const char *value, struct drill_error *error)
{
    uint8_t prefix;

    (void)error;
    return vt_ip_parse_prefix(&o->remote, &prefix, value) == 0;
}

static bool set_local(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)error;
    return set_ip(&o->local, value);
}

static bool set_gateway(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)error;
    return set_ip(&o->gateway, value);
}

static bool set_netmask(struct drill_options *o, const char *value, struct drill_error *error)
{
    struct vt_ip mask;
    uint32_t bits;

    (void)error;
    if (!set_ip(&mask, value) || !vt_ip_is4(mask))
        return false;
    bits = ~vt_ip_to4(mask);
    for (o->prefix = 32; bits != 0; bits >>= 1, o->prefix--)
        if ((bits & 1) == 0)
            return false; /* a hole in the mask */
    return true;
}

static bool set_port(uint16_t *port, const char *value)
{
    int64_t v;

    if (!number(value, 1, 65535, &v))
        return false;
    *port = (uint16_t)v;
    return true;
}

static bool set_bind_port(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)error;
    return set_port(&o->bind_port, value);
}

static bool set_connect_port(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)error;
    return set_port(&o->connect_port, value);
}

static bool set_mtu(struct drill_options *o, const char *value, struct drill_error *error)
{
    int64_t v;

    (void)error;
    if (!number(value, 68, 65535, &v))
        return false;
    o->mtu = (uint32_t)v;
    return true;
}

static bool set_mss(struct drill_options *o, const char *value, struct drill_error *error)
{
    int64_t v;

    (void)error;
    if (!number(value, 1, 65535, &v))
        return false;
    o->mss = (uint32_t)v;
    return true;
}

static bool set_tolerance(struct drill_options *o, const char *value, struct drill_error *error)
{
    int64_t v;

    (void)error;
    if (!number(value, 0, INT64_MAX / VT_USEC / 1000, &v))
        return false;
    o->tolerance = v * VT_USEC;
    return true;
}

static bool set_percent(struct drill_options *o, const char *value, struct drill_error *error)
{
    int64_t whole = 0, fraction = 0, unit = DRILL_PERCENT / 10;
    const char *c = value;

    (void)error;
    for (; *c >= '0' && *c <= '9' && whole <= 100; c++)
        whole = whole * 10 + (*c - '0');
    if (*c == '.')
        for (c++; *c >= '0' && *c <= '9'; c++, unit /= 10)
            fraction += (*c - '0') * unit;
    o->tolerance_percent = whole * DRILL_PERCENT + fraction;
    return c != value && *c == 0 && o->tolerance_percent <= 100 * DRILL_PERCENT;
}

static bool set_ts_tick(struct drill_options *o, const char *value, struct drill_error *error)
{
    int64_t v;

    (void)error;
    if (!number(value, 0, 1000000, &v))
        return false;
    o->ts_tick = v * VT_USEC;
    return true;
}

static bool set_ts_scaled(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)value;
    (void)error;
    o->ts_ecr_scaled = true;
    return true;
}

static bool set_strict_segments(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)value;
    (void)error;
    o->strict_segments = true;
    return true;
}

static bool set_non_fatal(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)error;
    o->non_fatal_packet = strstr(value, "packet") != NULL;
    o->non_fatal_call = strstr(value, "syscall") != NULL;
    return o->non_fatal_packet || o->non_fatal_call;
}

static bool set_anyip(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)value;
    (void)error;
    o->anyip = true;
    return true;
}

static bool set_dry_run(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)value;
    (void)error;
    o->dry_run = true;
    return true;
}

static bool set_version(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)error;
    o->ip_version = value;
    return strcmp(value, "ipv4") == 0 || strcmp(value, "ipv6") == 0 || strcmp(value, "ipv4-mapped-ipv6") == 0;
}

static bool set_profile(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)error;
    o->profile = value;
    return strcmp(value, "linux") == 0 || strcmp(value, "freebsd") == 0;
}

static bool set_init_scripts(struct drill_options *o, const char *value, struct drill_error *error)
{
    (void)error;
    o->init_scripts = value;
    return true;
}

static bool set_define(struct drill_options *o, const char *value, struct drill_error *error)
{
    struct drill_define *d;
    const char *equals = strchr(value, '=');

    if (equals == NULL || equals == value)
        return false;
    d = drill_alloc(error->arena, sizeof *d);
    d->name = drill_strndup(error->arena, value, (size_t)(equals - value));
    d->value = equals + 1;
    d->next = o->defines;
    o->defines = d;
    return true;
}

static const struct option options[] = {
    {"anyip", false, TAKEN, set_anyip},
    {"bind_port", true, TAKEN, set_bind_port},
    {"code_command", true, IGNORED, NULL},
    {"code_format", true, IGNORED, NULL},
    {"code_sockopt", true, IGNORED, NULL},
    {"connect_port", true, TAKEN, set_connect_port},
    {"debug", false, IGNORED, NULL},
    {"define", true, TAKEN, set_define},
    {"dry_run", false, TAKEN, set_dry_run},
    {"gateway_ip", true, TAKEN, set_gateway},
    {"init_scripts", true, TAKEN, set_init_scripts},
    {"ip_version", true, TAKEN, set_version},
    {"is_anyip", false, TAKEN, set_anyip},
    {"local_ip", true, TAKEN, set_local},
    {"mss", true, TAKEN, set_mss},
    {"mtu", true, TAKEN, set_mtu},
    {"netmask_ip", true, TAKEN, set_netmask},
    {"non_fatal", true, TAKEN, set_non_fatal},
    {"profile", true, TAKEN, set_profile},
    {"psp_udp_port", true, REFUSED, NULL},
    {"remote_ip", true, TAKEN, set_remote},
    {"send_omit_free", false, IGNORED, NULL},
    {"speed", true, IGNORED, NULL},
    {"strict_segments", false, TAKEN, set_strict_segments},
    {"tcp_ts_ecr_scaled", false, TAKEN, set_ts_scaled},
    {"tcp_ts_tick_usecs", true, TAKEN, set_ts_tick},
    {"tolerance_percent", true, TAKEN, set_percent},
    {"tolerance_usecs", true, TAKEN, set_tolerance},
    {"verbose", false, IGNORED, NULL},
    {"wire_client", false, REFUSED, NULL},
    {"wire_client_dev", true, REFUSED, NULL},
    {"wire_server", false, REFUSED, NULL},
    {"wire_server_at", true, REFUSED, NULL},
    {"wire_server_dev", true, REFUSED, NULL},
    {"wire_server_ip", true, REFUSED, NULL},
    {"wire_server_port", true, REFUSED, NULL},
};

static const struct option *find(const char *name)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

bool drill_set_option(struct drill_options *o, const char *name, const char *value, struct drill_place place,
                      struct drill_error *error)
{
    const struct option *option = find(name);

    if (option == NULL)
        return drill_fail(error, place, "there is no option --%s", name);
    if (option->has_value && value == NULL)
        return drill_fail(error, place, "the option --%s wants a value", name);
    if (!option->has_value && value != NULL)
        return drill_fail(error, place, "the option --%s takes no value", name);
    if (option->what == REFUSED)
        return drill_skip(error, place, "the option --%s asks for what is not here", name);
    if (option->what == TAKEN && !option->set(o, value, error))
        return drill_fail(error, place, "--%s=%s: no such value", name, value != NULL ? value : "");
    return true;
}
