/* What runs in a topology file, and what reaches outside: serve, run, forward, socks. */
#include <stdio.h>
#include "application/application.h"
#include "base/text.h"
#include "topology_parse.h"

#define MAX_WORDS 64

static struct vt_topology_program *add_program(struct vt_topology_here *here, const yaml_node_t *at, int argc,
                                               const char *const *argv)
{
    struct vt_topology_program *p = vt_topology_new(here->r, sizeof *p), **list = &here->node->programs;
    if (p == NULL)
        return NULL;
    p->argv = vt_topology_new(here->r, ((size_t)argc + 1) * sizeof *p->argv);
    if (p->argv == NULL)
        return NULL;
    p->argc = argc;
    for (int i = 0; i < argc; i++) {
        p->argv[i] = vt_arena_text(here->r->y.arena, argv[i], strlen(argv[i]));
        if (p->argv[i] == NULL)
            return NULL;
    }
    p->line = (unsigned)at->start_mark.line + 1;
    p->column = (unsigned)at->start_mark.column + 1;
    while (*list != NULL)
        list = &(*list)->next;
    return *list = p;
}

/* ---- serve: [echo:9528, {http: 80, root: DIR}, bulk:5001] ---- */

static const struct {
    const char *name, *verb;
} services[] = {{"echo", "server"}, {"http", "serve"}, {"bulk", "sink"}};
static const char *const service_names[] = {"echo", "http", "bulk"};

static struct vt_topology_program *add_service(struct vt_topology_here *here, const yaml_node_t *at,
                                               const char *name, const char *port)
{
    struct vt_yaml *y = &here->r->y;
    char where[32];
    size_t i = 0;
    const char *near;
    struct vt_topology_program *p;
    unsigned long number = 0;
    while (i < sizeof services / sizeof *services && strcmp(services[i].name, name) != 0)
        i++;
    if (i == sizeof services / sizeof *services) {
        near = vt_nearest(name, service_names, sizeof service_names / sizeof *service_names);
        vt_yaml_fail(y, at, "there is no service '%s'; %s%s%s", name, near != NULL ? "did you mean '" : "",
                     near != NULL ? near : "expected echo, http or bulk", near != NULL ? "'?" : "");
        return NULL;
    }
    if (strspn(port, "0123456789") == strlen(port) && strlen(port) > 0 && strlen(port) < 6)
        sscanf(port, "%lu", &number);
    if (number < 1 || number > 65535) {
        vt_yaml_fail(y, at, "expected a port from 1 to 65535 for %s, not '%s'", name, port);
        return NULL;
    }
    snprintf(where, sizeof where, "0.0.0.0:%lu", number);
    p = add_program(here, at, 3, (const char *const[]){services[i].name, services[i].verb, where});
    if (p != NULL)
        p->service = true;
    return p;
}

struct service_keys {
    struct vt_topology_here *here;
    struct vt_topology_program *program;
    const char *root;
    bool live;
};

static bool service_key(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                        const yaml_node_t *value)
{
    static const char *const known[] = {"echo", "http", "bulk", "root", "live"};
    struct service_keys *s = ctx;
    const char *text;
    if (strcmp(key, "root") == 0)
        return vt_yaml_text(y, value, "a directory", &s->root);
    if (strcmp(key, "live") == 0)
        return vt_yaml_bool(y, value, &s->live);
    for (size_t i = 0; i < sizeof service_names / sizeof *service_names; i++) {
        if (strcmp(key, service_names[i]) != 0)
            continue;
        if (s->program != NULL)
            return vt_yaml_fail(y, key_node, "two services in one item; expected one item for each");
        if (!vt_yaml_text(y, value, "a port", &text))
            return false;
        s->program = add_service(s->here, value, key, text);
        return s->program != NULL;
    }
    return vt_yaml_unknown_key(y, key_node, "a service", known, sizeof known / sizeof *known);
}

bool vt_topology_take_service(struct vt_yaml *y, void *ctx, const yaml_node_t *item)
{
    struct vt_topology_here *here = ctx;
    const char *text, *colon;
    char name[32];
    if (item->type == YAML_MAPPING_NODE) {
        struct service_keys s = {.here = here};
        if (!vt_yaml_mapping(y, item, "a service", service_key, &s))
            return false;
        if (s.program == NULL)
            return vt_yaml_fail(y, item, "expected a service like {http: 80, root: DIR}");
        if ((s.root != NULL || s.live) && strcmp(s.program->argv[0], "http") != 0)
            return vt_yaml_fail(y, item, "root and live are for http, not for %s", s.program->argv[0]);
        s.program->live = s.live;
        if (s.root != NULL) {
            size_t n = strlen(here->r->t->dir) + strlen(s.root) + 1;
            char *path = vt_topology_new(here->r, n);
            if (path == NULL)
                return false;
            snprintf(path, n, "%s%s", s.root[0] == '/' ? "" : here->r->t->dir, s.root);
            s.program->root = path;
        }
        return true;
    }
    if (!vt_yaml_text(y, item, "a service like echo:9528 or {http: 80, root: DIR}", &text))
        return false;
    colon = strchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof name)
        return vt_yaml_fail(y, item, "expected a service like echo:9528 or {http: 80, root: DIR}, not '%s'",
                            text);
    memcpy(name, text, (size_t)(colon - text));
    name[colon - text] = 0;
    return add_service(here, item, name, colon + 1) != NULL;
}

/* ---- run: ["ping -c 3 b", {program: "echo client b:9528", input: "hello\nq\n"}] ---- */

static bool take_command(struct vt_topology_here *here, const yaml_node_t *at, const char *text,
                         struct vt_topology_program **out)
{
    struct vt_yaml *y = &here->r->y;
    const char *argv[MAX_WORDS];
    int argc = 0;
    char *copy = vt_arena_text(y->arena, text, strlen(text)), *p = copy;
    while (p != NULL && *(p += strspn(p, " \t")) != 0) {
        if (argc == MAX_WORDS)
            return vt_yaml_fail(y, at, "a command of more than %d words", MAX_WORDS);
        argv[argc++] = p;
        p += strcspn(p, " \t");
        if (*p != 0)
            *p++ = 0;
    }
    if (copy == NULL || argc == 0)
        return vt_yaml_fail(y, at, "expected a program with its arguments, like 'ping -c 3 b'");
    if (vt_program_find(argv[0]) == NULL)
        return vt_yaml_fail(y, at, "there is no program '%s'; expected echo, http, ping or bulk", argv[0]);
    return (*out = add_program(here, at, argc, argv)) != NULL;
}

struct run_keys {
    struct vt_topology_here *here;
    struct vt_topology_program *program;
    const char *input;
};

static bool run_key(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                    const yaml_node_t *value)
{
    static const char *const known[] = {"program", "input"};
    struct run_keys *s = ctx;
    const char *text;
    if (strcmp(key, "input") == 0)
        return vt_yaml_text(y, value, "the program's input", &s->input);
    if (strcmp(key, "program") == 0)
        return vt_yaml_text(y, value, "a program with its arguments", &text) &&
               take_command(s->here, value, text, &s->program);
    return vt_yaml_unknown_key(y, key_node, "a program to run", known, sizeof known / sizeof *known);
}

bool vt_topology_take_run(struct vt_yaml *y, void *ctx, const yaml_node_t *item)
{
    struct run_keys s = {.here = ctx};
    const char *text;
    if (item->type == YAML_MAPPING_NODE) {
        if (!vt_yaml_mapping(y, item, "a program to run", run_key, &s))
            return false;
        if (s.program == NULL)
            return vt_yaml_fail(y, item, "expected {program: 'echo client b:9528', input: ...}");
        s.program->input = s.input;
        return true;
    }
    return vt_yaml_text(y, item, "a program with its arguments, like 'ping -c 3 b'", &text) &&
           take_command(ctx, item, text, &s.program);
}

/* ---- forward and socks ---- */

static bool parse_listen(const char *text, size_t len, struct vt_addr *addr)
{
    char copy[VT_ADDR_TEXT];
    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    return vt_addr_parse(addr, copy) == 0 && addr->port != 0 && vt_ip_is4(addr->ip);
}

static const char forward_form[] =
    "a forward like '127.0.0.1:8001 -> b:80' or '127.0.0.1:8001 -> b:80 via c'";

/* Reads "LISTEN -> HOST:PORT[ via HOST]" into f; the texts are the arena's. */
static bool split_forward(struct vt_yaml *y, const char *text, struct vt_topology_forward *f)
{
    const char *arrow = strstr(text, " -> "), *target, *colon, *via;
    unsigned port;
    int used;
    if (arrow == NULL || !parse_listen(text, (size_t)(arrow - text), &f->listen))
        return false;
    target = arrow + 4;
    colon = strchr(target, ':');
    if (colon == NULL || colon == target || sscanf(colon + 1, "%5u%n", &port, &used) != 1 || port < 1 ||
        port > 65535)
        return false;
    via = colon + 1 + used;
    if (*via != 0 && (strncmp(via, " via ", 5) != 0 || via[5] == 0))
        return false;
    f->host = vt_arena_text(y->arena, target, (size_t)(colon - target));
    f->port = (uint16_t)port;
    f->via = *via != 0 ? via + 5 : NULL;
    return f->host != NULL;
}

static bool serves_live(const struct vt_topology_node *node, uint16_t port)
{
    char where[32];
    snprintf(where, sizeof where, "0.0.0.0:%u", port);
    for (const struct vt_topology_program *p = node->programs; p != NULL; p = p->next)
        if (p->live && strcmp(p->argv[2], where) == 0)
            return true;
    return false;
}

/* Reads a forward; `item` is where it stands, NULL for a command line's. NULL with the error set. */
static struct vt_topology_forward *read_forward(struct vt_topology_reader *r, const yaml_node_t *item,
                                                const char *text)
{
    struct vt_yaml *y = &r->y;
    struct vt_topology_forward *f = vt_topology_new(r, sizeof *f);
    struct vt_topology_node *target, *via;
    if (f == NULL)
        return NULL;
    if (!split_forward(y, text, f)) {
        vt_yaml_fail(y, item, "expected %s, not '%s'", forward_form, text);
        return NULL;
    }
    target = vt_topology_need(r, item, f->host);
    via = target != NULL && f->via != NULL ? vt_topology_need(r, item, f->via) : target;
    if (target == NULL || via == NULL)
        return NULL;
    if (target->kind == VT_NODE_SWITCH) {
        vt_yaml_fail(y, item, "'%s' is a switch: it has no ports that a program could listen on", f->host);
        return NULL;
    }
    if (via->kind == VT_NODE_SWITCH) {
        vt_yaml_fail(y, item, "'%s' is a switch: a connection cannot start there", f->via);
        return NULL;
    }
    f->page = serves_live(target, f->port);
    return f;
}

bool vt_topology_take_forward(struct vt_yaml *y, void *ctx, const yaml_node_t *item)
{
    struct vt_topology_reader *r = ctx;
    struct vt_topology_forward *f, **at = &r->t->forwards;
    const char *text;
    if (!vt_yaml_text(y, item, forward_form, &text) || (f = read_forward(r, item, text)) == NULL)
        return false;
    f->line = (unsigned)item->start_mark.line + 1;
    f->column = (unsigned)item->start_mark.column + 1;
    while (*at != NULL)
        at = &(*at)->next;
    *at = f;
    return true;
}

bool vt_topology_set_forward(struct vt_topology *t, const char *text, struct vt_topology_error *err)
{
    struct vt_topology_memory *memory = t->memory;
    struct vt_topology_reader r = {.y = {.arena = &memory->arena, .err = err}, .t = t, .memory = memory};
    struct vt_topology_forward *f, **at = &t->forwards;
    const char *copy;
    *err = (struct vt_topology_error){0};
    copy = vt_arena_text(&memory->arena, text, strlen(text));
    f = copy != NULL ? read_forward(&r, NULL, copy) : NULL;
    if (f == NULL)
        return false;
    while (*at != NULL) {
        if (strcmp((*at)->host, f->host) == 0 && (*at)->port == f->port)
            *at = (*at)->next;
        else
            at = &(*at)->next;
    }
    *at = f;
    return true;
}

static bool socks_key(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                      const yaml_node_t *value)
{
    static const char *const known[] = {"listen", "from"};
    struct vt_topology_reader *r = ctx;
    struct vt_topology_node *node;
    const char *text;
    if (strcmp(key, "listen") == 0) {
        if (!vt_yaml_text(y, value, "an address like 127.0.0.1:1080", &text))
            return false;
        if (!parse_listen(text, strlen(text), &r->t->socks_listen))
            return vt_yaml_fail(y, value, "expected an address like 127.0.0.1:1080, not '%s'", text);
        return true;
    }
    if (strcmp(key, "from") == 0) {
        if (!vt_yaml_text(y, value, "a host", &text) || (node = vt_topology_need(r, value, text)) == NULL)
            return false;
        if (node->kind == VT_NODE_SWITCH)
            return vt_yaml_fail(y, value, "'%s' is a switch: a connection cannot start there", text);
        r->t->socks_from = node->name;
        return true;
    }
    return vt_yaml_unknown_key(y, key_node, "socks", known, sizeof known / sizeof *known);
}

bool vt_topology_take_socks(struct vt_topology_reader *r, const yaml_node_t *value)
{
    struct vt_topology *t = r->t;
    t->socks = true;
    if (value->type == YAML_MAPPING_NODE) {
        if (!vt_yaml_mapping(&r->y, value, "socks", socks_key, r))
            return false;
    } else if (!socks_key(&r->y, r, value, "listen", value)) {
        return false;
    }
    if (t->socks_listen.port == 0)
        return vt_yaml_fail(&r->y, value, "expected listen: an address like 127.0.0.1:1080");
    for (const struct vt_topology_node *n = t->nodes; t->socks_from == NULL && n != NULL; n = n->next)
        if (n->kind == VT_NODE_HOST)
            t->socks_from = n->name;
    return t->socks_from != NULL ||
           vt_yaml_fail(&r->y, value, "there is no host that SOCKS connections could come from");
}

bool vt_topology_set_socks(struct vt_topology *t, const char *text, struct vt_topology_error *err)
{
    *err = (struct vt_topology_error){0};
    t->socks = strcmp(text, "none") != 0;
    if (t->socks && !parse_listen(text, strlen(text), &t->socks_listen)) {
        snprintf(err->text, sizeof err->text, "expected an address like 127.0.0.1:1080, or none, not '%s'",
                 text);
        return false;
    }
    for (const struct vt_topology_node *n = t->nodes; t->socks_from == NULL && n != NULL; n = n->next)
        if (n->kind == VT_NODE_HOST)
            t->socks_from = n->name;
    return true;
}
