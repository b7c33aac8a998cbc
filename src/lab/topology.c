/* Reading a topology file into struct vt_topology, every mistake with its place. */
#include "topology.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/text.h"
#include "topology_parse.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- Small values ---- */

static bool node_name(struct vt_yaml *y, const yaml_node_t *at, const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > 63 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != n ||
        name[0] == '-' || name[0] == '.')
        return vt_yaml_fail(y, at, "expected a name of letters, digits, '-', '_' and '.', not '%s'", name);
    return true;
}

struct vt_topology_node *vt_topology_find(const struct vt_topology *t, const char *name)
{
    for (struct vt_topology_node *n = t->nodes; n != NULL; n = n->next)
        if (strcmp(n->name, name) == 0)
            return n;
    return NULL;
}

struct vt_topology_node *vt_topology_need(struct vt_topology_reader *r, const yaml_node_t *at,
                                          const char *name)
{
    const char *words[64];
    size_t n = 0;
    struct vt_topology_node *found = vt_topology_find(r->t, name);
    const char *near;
    if (found != NULL)
        return found;
    for (struct vt_topology_node *node = r->t->nodes; node != NULL && n < COUNT(words); node = node->next)
        words[n++] = node->name;
    near = vt_nearest(name, words, n);
    vt_yaml_fail(&r->y, at, "there is no host, router or switch '%s'%s%s%s", name,
                 near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
    return NULL;
}

void *vt_topology_new(struct vt_topology_reader *r, size_t size)
{
    void *p = vt_arena_alloc(&r->memory->arena, size);
    if (p == NULL)
        vt_yaml_fail(&r->y, NULL, "no memory");
    return p;
}

bool vt_topology_add_pair(struct vt_topology_reader *r, struct vt_topology_pair **list, const yaml_node_t *at,
                          const char *key, const char *value)
{
    struct vt_topology_pair *p = vt_topology_new(r, sizeof *p);
    if (p == NULL)
        return false;
    p->key = vt_arena_text(&r->memory->arena, key, strlen(key));
    p->value = value;
    p->line = (unsigned)at->start_mark.line + 1;
    p->column = (unsigned)at->start_mark.column + 1;
    while (*list != NULL)
        list = &(*list)->next;
    *list = p;
    return p->key != NULL;
}

/* ---- hosts, routers, switches ---- */

static bool take_address(struct vt_yaml *y, void *ctx, const yaml_node_t *item)
{
    struct vt_topology_node *node = ctx;
    const char *text;
    struct vt_ip ip;
    uint8_t prefix;
    if (!vt_yaml_text(y, item, "an address like 10.0.0.1/24", &text))
        return false;
    if (vt_ip_parse_prefix(&ip, &prefix, text) < 0 || strchr(text, '/') == NULL || !vt_ip_is4(ip))
        return vt_yaml_fail(y, item, "expected an address like 10.0.0.1/24, not '%s'", text);
    if (node->naddrs == VT_TOPOLOGY_ADDRS)
        return vt_yaml_fail(y, item, "more than %d addresses", VT_TOPOLOGY_ADDRS);
    node->addr[node->naddrs++] = text;
    return true;
}

static bool take_sysctl(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                        const yaml_node_t *value)
{
    struct vt_topology_here *here = ctx;
    const char *text;
    if (!vt_yaml_text(y, value, "a number or a word", &text))
        return false;
    return vt_topology_add_pair(here->r, &here->node->sysctls, key_node, key, text);
}

/* "10.2.0.0/16 via 10.0.0.254" or "default via 10.0.0.254". */
static bool take_route(struct vt_yaml *y, void *ctx, const yaml_node_t *item)
{
    struct vt_topology_here *here = ctx;
    const char *text, *via;
    char dst[VT_IP_TEXT + 8];
    struct vt_ip ip;
    uint8_t prefix;
    if (!vt_yaml_text(y, item, "a route like '10.2.0.0/16 via 10.0.0.254'", &text))
        return false;
    via = strstr(text, " via ");
    if (via == NULL || (size_t)(via - text) >= sizeof dst || vt_ip_parse(&ip, via + 5) < 0)
        return vt_yaml_fail(y, item, "expected a route like '10.2.0.0/16 via 10.0.0.254', not '%s'", text);
    memcpy(dst, text, (size_t)(via - text));
    dst[via - text] = 0;
    if (strcmp(dst, "default") != 0 && vt_ip_parse_prefix(&ip, &prefix, dst) < 0)
        return vt_yaml_fail(y, item, "expected a network like 10.2.0.0/16 or 'default', not '%s'", dst);
    return vt_topology_add_pair(here->r, &here->node->routes, item, dst, via + 5);
}

static bool take_gateway(struct vt_yaml *y, struct vt_topology_node *node, const yaml_node_t *value)
{
    struct vt_ip ip;
    if (!vt_yaml_text(y, value, "an address like 10.0.0.254", &node->gateway))
        return false;
    if (vt_ip_parse(&ip, node->gateway) < 0)
        return vt_yaml_fail(y, value, "expected an address like 10.0.0.254, not '%s'", node->gateway);
    return true;
}

static bool host_key(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                     const yaml_node_t *value)
{
    static const char *const known[] = {"ip", "gateway", "serve", "run", "sysctl", "routes"};
    struct vt_topology_here *here = ctx;
    if (strcmp(key, "ip") == 0)
        return vt_yaml_list(y, value, take_address, here->node);
    if (strcmp(key, "gateway") == 0)
        return take_gateway(y, here->node, value);
    if (strcmp(key, "serve") == 0)
        return vt_yaml_list(y, value, vt_topology_take_service, here);
    if (strcmp(key, "run") == 0)
        return vt_yaml_list(y, value, vt_topology_take_run, here);
    if (strcmp(key, "sysctl") == 0)
        return vt_yaml_mapping(y, value, "sysctl", take_sysctl, here);
    if (strcmp(key, "routes") == 0)
        return vt_yaml_list(y, value, take_route, here);
    return vt_yaml_unknown_key(y, key_node, here->node->kind == VT_NODE_ROUTER ? "a router" : "a host", known,
                               COUNT(known));
}

static bool switch_key(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                       const yaml_node_t *value)
{
    static const char *const known[] = {"storm", "burst", "ageing", "table", "quota"};
    struct vt_topology_here *here = ctx;
    if (strcmp(key, "storm") == 0)
        return vt_yaml_number(y, value, "frames per second (0: no storm control)", 0, UINT32_MAX,
                              &here->node->storm);
    if (strcmp(key, "burst") == 0)
        return vt_yaml_number(y, value, "frames", 0, UINT32_MAX, &here->node->burst);
    if (strcmp(key, "ageing") == 0)
        return vt_yaml_number(y, value, "seconds", 1, 1000000, &here->node->ageing);
    if (strcmp(key, "table") == 0)
        return vt_yaml_number(y, value, "addresses", 1, 1u << 20, &here->node->table);
    if (strcmp(key, "quota") == 0)
        return vt_yaml_number(y, value, "addresses", 1, 1u << 20, &here->node->quota);
    return vt_yaml_unknown_key(y, key_node, "a switch", known, COUNT(known));
}

static bool take_node(struct vt_topology_reader *r, const yaml_node_t *key_node, const char *key,
                      const yaml_node_t *value, enum vt_node_kind kind)
{
    struct vt_topology_node *node, **at = &r->t->nodes;
    struct vt_topology_here here = {.r = r};
    if (!node_name(&r->y, key_node, key))
        return false;
    if (vt_topology_find(r->t, key) != NULL)
        return vt_yaml_fail(&r->y, key_node, "the name '%s' is taken already", key);
    node = vt_topology_new(r, sizeof *node);
    if (node == NULL)
        return false;
    node->name = vt_arena_text(&r->memory->arena, key, strlen(key));
    node->kind = kind;
    node->line = (unsigned)key_node->start_mark.line + 1;
    node->column = (unsigned)key_node->start_mark.column + 1;
    while (*at != NULL)
        at = &(*at)->next;
    *at = node;
    here.node = node;
    if (kind == VT_NODE_SWITCH)
        return vt_yaml_mapping(&r->y, value, "a switch", switch_key, &here);
    return vt_yaml_mapping(&r->y, value, kind == VT_NODE_ROUTER ? "a router" : "a host", host_key, &here);
}

static bool take_host(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                      const yaml_node_t *value)
{
    (void)y;
    return take_node(ctx, key_node, key, value, VT_NODE_HOST);
}

static bool take_router(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                        const yaml_node_t *value)
{
    (void)y;
    return take_node(ctx, key_node, key, value, VT_NODE_ROUTER);
}

static bool take_switch(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                        const yaml_node_t *value)
{
    (void)y;
    return take_node(ctx, key_node, key, value, VT_NODE_SWITCH);
}

/* ---- names, taps ---- */

static bool take_name(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                      const yaml_node_t *value)
{
    struct vt_topology_reader *r = ctx;
    struct vt_topology_node *node;
    const char *text, *slash;
    struct vt_ip ip;
    if (!vt_yaml_text(y, value, "a host or an address", &text))
        return false;
    if (vt_ip_parse(&ip, text) == 0)
        return vt_topology_add_pair(r, &r->t->names, key_node, key, text);
    node = vt_topology_need(r, value, text);
    if (node == NULL)
        return false;
    if (node->naddrs == 0)
        return vt_yaml_fail(y, value, "'%s' has no address that the name '%s' could stand for", text, key);
    slash = strchr(node->addr[0], '/');
    text = vt_arena_text(y->arena, node->addr[0], (size_t)(slash - node->addr[0]));
    return text != NULL && vt_topology_add_pair(r, &r->t->names, key_node, key, text);
}

static bool take_tap(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                     const yaml_node_t *value)
{
    struct vt_topology_reader *r = ctx;
    struct vt_topology_node *node;
    const char *text;
    if (strlen(key) == 0 || strlen(key) > 15 || strpbrk(key, "/ :") != NULL)
        return vt_yaml_fail(y, key_node, "expected an interface name of at most 15 characters, not '%s'",
                            key);
    if (!vt_yaml_text(y, value, "a switch", &text))
        return false;
    node = vt_topology_need(r, value, text);
    if (node == NULL)
        return false;
    if (node->kind != VT_NODE_SWITCH)
        return vt_yaml_fail(y, value, "'%s' is not a switch: a TAP is plugged into one", text);
    return vt_topology_add_pair(r, &r->t->taps, key_node, key, text);
}

/* ---- The whole ---- */

static const char *const top_keys[] = {"name",  "seed",  "capture", "hosts", "routers", "switches",
                                       "links", "names", "forward", "socks", "taps"};

/* The order in which sections are read: what is named must be known. */
static bool take_section(struct vt_topology_reader *r, const char *key, const yaml_node_t *value)
{
    struct vt_yaml *y = &r->y;
    if (strcmp(key, "name") == 0)
        return vt_yaml_text(y, value, "a name", &r->t->name) && node_name(y, value, r->t->name);
    if (strcmp(key, "seed") == 0)
        return r->t->has_seed = true, vt_yaml_number(y, value, "a number", 0, UINT64_MAX / 16, &r->t->seed);
    if (strcmp(key, "capture") == 0)
        return vt_yaml_bool(y, value, &r->t->capture);
    if (strcmp(key, "hosts") == 0)
        return vt_yaml_mapping(y, value, "hosts", take_host, r);
    if (strcmp(key, "routers") == 0)
        return vt_yaml_mapping(y, value, "routers", take_router, r);
    if (strcmp(key, "switches") == 0)
        return vt_yaml_mapping(y, value, "switches", take_switch, r);
    if (strcmp(key, "links") == 0)
        return vt_topology_take_links(r, value);
    if (strcmp(key, "names") == 0)
        return vt_yaml_mapping(y, value, "names", take_name, r);
    if (strcmp(key, "forward") == 0)
        return vt_yaml_list(y, value, vt_topology_take_forward, r);
    if (strcmp(key, "socks") == 0)
        return vt_topology_take_socks(r, value);
    return vt_yaml_mapping(y, value, "taps", take_tap, r);
}

static bool check_key(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                      const yaml_node_t *value)
{
    const yaml_node_t **section = ctx;
    for (size_t i = 0; i < COUNT(top_keys); i++) {
        if (strcmp(key, top_keys[i]) == 0) {
            section[i] = value;
            return true;
        }
    }
    return vt_yaml_unknown_key(y, key_node, "a topology", top_keys, COUNT(top_keys));
}

static bool take_document(struct vt_topology_reader *r)
{
    const yaml_node_t *section[COUNT(top_keys)] = {0}, *root = yaml_document_get_root_node(r->y.doc);
    if (root == NULL)
        return vt_yaml_fail(&r->y, NULL, "the file is empty; expected hosts: and links:");
    if (!vt_yaml_mapping(&r->y, root, "a topology", check_key, section))
        return false;
    for (size_t i = 0; i < COUNT(top_keys); i++)
        if (section[i] != NULL && !take_section(r, top_keys[i], section[i]))
            return false;
    if (r->t->nodes == NULL)
        return vt_yaml_fail(&r->y, root, "there are no hosts; expected hosts: {a: {ip: 10.0.0.1/24}, ...}");
    return vt_topology_check(r);
}

static bool load_document(struct vt_topology_reader *r, const char *text, size_t len, yaml_document_t *doc)
{
    yaml_parser_t parser;
    bool ok;
    if (!yaml_parser_initialize(&parser))
        return vt_yaml_fail(&r->y, NULL, "no memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    ok = yaml_parser_load(&parser, doc) != 0;
    if (!ok) {
        vt_yaml_fail(&r->y, NULL, "%s%s%s", parser.problem != NULL ? parser.problem : "not YAML",
                     parser.context != NULL ? " " : "", parser.context != NULL ? parser.context : "");
        r->y.err->line = (unsigned)parser.problem_mark.line + 1;
        r->y.err->column = (unsigned)parser.problem_mark.column + 1;
    }
    yaml_parser_delete(&parser);
    return ok;
}

void vt_topology_free(struct vt_topology *t)
{
    struct vt_topology_memory *memory;
    if (t == NULL)
        return;
    memory = t->memory;
    vt_arena_free(&memory->arena);
    free(memory);
}

static const char *dir_of(struct vt_topology_reader *r, const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash == NULL ? "" : vt_arena_text(&r->memory->arena, file, (size_t)(slash - file) + 1);
}

struct vt_topology *vt_topology_parse(const char *text, size_t len, const char *file,
                                      struct vt_topology_error *err)
{
    struct vt_topology_memory *memory = calloc(1, sizeof *memory);
    struct vt_topology_reader r = {.t = memory != NULL ? &memory->t : NULL, .memory = memory};
    yaml_document_t doc;
    bool ok;
    *err = (struct vt_topology_error){0};
    if (memory == NULL) {
        snprintf(err->text, sizeof err->text, "no memory");
        return NULL;
    }
    r.y = (struct vt_yaml){.doc = &doc, .arena = &memory->arena, .err = err};
    memory->t.memory = memory;
    memory->t.file = vt_arena_text(&memory->arena, file, strlen(file));
    memory->t.dir = dir_of(&r, file);
    ok = load_document(&r, text, len, &doc);
    if (ok) {
        ok = take_document(&r);
        yaml_document_delete(&doc);
    }
    if (!ok) {
        vt_topology_free(&memory->t);
        return NULL;
    }
    return &memory->t;
}

struct vt_topology *vt_topology_read(const char *path, struct vt_topology_error *err)
{
    struct vt_topology *t = NULL;
    FILE *f = fopen(path, "re");
    char *text = malloc(VT_TOPOLOGY_BYTES + 1);
    *err = (struct vt_topology_error){0};
    if (f == NULL) {
        snprintf(err->text, sizeof err->text, "cannot open it: %m");
    } else if (text == NULL) {
        snprintf(err->text, sizeof err->text, "no memory");
    } else {
        size_t n = fread(text, 1, VT_TOPOLOGY_BYTES + 1, f);
        if (ferror(f))
            snprintf(err->text, sizeof err->text, "cannot read it: %m");
        else if (n > VT_TOPOLOGY_BYTES)
            snprintf(err->text, sizeof err->text, "it is longer than %u bytes", VT_TOPOLOGY_BYTES);
        else
            t = vt_topology_parse(text, n, path, err);
    }
    if (f != NULL)
        fclose(f);
    free(text);
    return t;
}
