/* The cables of a topology file. */
#include <stdio.h>
#include "base/text.h"
#include "topology_parse.h"

static const char *const impair_words[] = {"loss",           "delay", "duplicate", "reorder", "corrupt",
                                           "corrupt-inside", "rate",  "limit",     "ecn",     "cut"};

/* One impairment, `delay: 20ms 5ms`, is read in tc's words: "delay 20ms 5ms". */
static bool take_impairment(struct vt_yaml *y, struct vt_topology_here *here, const char *key,
                            const yaml_node_t *value)
{
    char words[160];
    const char *text, *expected = "a value";
    size_t where;
    /* `reorder` wants a delay, wherever that stands. */
    if ((strcmp(key, "reorder") == 0) != here->second)
        return true;
    if (!vt_yaml_text(y, value, "a value", &text))
        return false;
    if (strcmp(key, "cut") == 0)
        snprintf(words, sizeof words, "%s", strcmp(text, "false") == 0 ? "heal" : "cut");
    else
        snprintf(words, sizeof words, "%s %s", key, text);
    for (unsigned end = 0; end < 2; end++)
        if ((here->directions & 1u << end) != 0 &&
            vt_impair_parse(&here->link->impair[end], words, &where, &expected) < 0)
            return vt_yaml_fail(y, value, "%s: expected %s, not '%s'", key, expected, text);
    return true;
}

static bool direction_key(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                          const yaml_node_t *value);

struct fault_list {
    const struct vt_topology_here *here;
    const char *direction;
};

static bool take_fault(struct vt_yaml *y, void *ctx, const yaml_node_t *item)
{
    struct fault_list *list = ctx;
    struct vt_fault fault = {0};
    const char *text, *expected;
    size_t where;
    if (!vt_yaml_text(y, item, "a fault like 'drop 3rd ack'", &text))
        return false;
    if (vt_fault_parse(&fault, text, &where, &expected) < 0)
        return vt_yaml_fail(y, item, "fault '%s': expected %s at '%s'", text, expected, text + where);
    return vt_topology_add_pair(list->here->r, &list->here->link->faults, item, list->direction, text);
}

static bool take_faults(struct vt_yaml *y, const struct vt_topology_here *here, const yaml_node_t *value)
{
    struct fault_list list = {here, here->directions == 3   ? "both"
                                    : here->directions == 1 ? "forth"
                                                            : "back"};
    return here->second || vt_yaml_list(y, value, take_fault, &list);
}

static bool is_impairment(const char *key)
{
    for (size_t i = 0; i < sizeof impair_words / sizeof *impair_words; i++)
        if (strcmp(key, impair_words[i]) == 0)
            return true;
    return false;
}

static bool link_key(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                     const yaml_node_t *value)
{
    static const char *const known[] = {"loss",           "delay", "duplicate", "reorder", "corrupt",
                                        "corrupt-inside", "rate",  "limit",     "ecn",     "cut",
                                        "fault",          "forth", "back",      "mtu"};
    struct vt_topology_here *here = ctx;
    uint64_t mtu;
    if (is_impairment(key))
        return take_impairment(y, here, key, value);
    if (strcmp(key, "fault") == 0)
        return take_faults(y, here, value);
    if (strcmp(key, "forth") == 0 || strcmp(key, "back") == 0) {
        struct vt_topology_here one = *here;
        one.directions = key[0] == 'f' ? 1 : 2;
        return vt_yaml_mapping(y, value, key, direction_key, &one);
    }
    if (strcmp(key, "mtu") == 0) {
        /* RFC 791 3.2: every module must forward 68 bytes unfragmented. */
        if (!vt_yaml_number(y, value, "bytes", 68, 65535, &mtu))
            return false;
        here->link->mtu = (uint32_t)mtu;
        return true;
    }
    return vt_yaml_unknown_key(y, key_node, "a link", known, sizeof known / sizeof *known);
}

static bool direction_key(struct vt_yaml *y, void *ctx, const yaml_node_t *key_node, const char *key,
                          const yaml_node_t *value)
{
    static const char *const known[] = {"loss", "delay", "duplicate", "reorder", "corrupt", "corrupt-inside",
                                        "rate", "limit", "ecn",       "cut",     "fault"};
    if (is_impairment(key))
        return take_impairment(y, ctx, key, value);
    if (strcmp(key, "fault") == 0)
        return take_faults(y, ctx, value);
    return vt_yaml_unknown_key(y, key_node, "a direction of a link", known, sizeof known / sizeof *known);
}

static bool take_link(struct vt_topology_reader *r, const yaml_node_t *node)
{
    struct vt_topology_link *link, **at = &r->t->links;
    struct vt_topology_here here = {.r = r, .directions = 3};
    size_t n;
    if (node->type != YAML_SEQUENCE_NODE)
        return vt_yaml_fail(&r->y, node, "expected a link like [a, s1] or [a, s1, {delay: 5ms}]");
    n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (n != 2 && n != 3)
        return vt_yaml_fail(&r->y, node,
                            "expected a link like [a, s1] or [a, s1, {delay: 5ms}], not a list of %zu", n);
    link = vt_topology_new(r, sizeof *link);
    if (link == NULL)
        return false;
    link->line = (unsigned)node->start_mark.line + 1;
    link->column = (unsigned)node->start_mark.column + 1;
    for (size_t i = 0; i < 2; i++) {
        const yaml_node_t *end = vt_yaml_node(&r->y, node->data.sequence.items.start[i]);
        const char *name;
        if (!vt_yaml_text(&r->y, end, "a host, router or switch", &name))
            return false;
        link->end[i] = vt_topology_need(r, end, name);
        if (link->end[i] == NULL)
            return false;
        link->end[i]->nlinks++;
    }
    if (link->end[0] == link->end[1] && link->end[0]->kind != VT_NODE_SWITCH)
        return vt_yaml_fail(&r->y, node, "a cable from '%s' to itself", link->end[0]->name);
    while (*at != NULL)
        at = &(*at)->next;
    *at = link;
    here.link = link;
    for (unsigned pass = 0; n == 3 && pass < 2; pass++) {
        here.second = pass == 1;
        if (!vt_yaml_mapping(&r->y, vt_yaml_node(&r->y, node->data.sequence.items.start[2]),
                             "a link's options", link_key, &here))
            return false;
    }
    return true;
}

bool vt_topology_take_links(struct vt_topology_reader *r, const yaml_node_t *value)
{
    if (value->type != YAML_SEQUENCE_NODE)
        return vt_yaml_fail(&r->y, value, "expected a list of links: [[a, s1], [b, s1], ...]");
    for (const yaml_node_item_t *i = value->data.sequence.items.start; i < value->data.sequence.items.top;
         i++)
        if (!take_link(r, vt_yaml_node(&r->y, *i)))
            return false;
    return true;
}

static bool fail_at(struct vt_topology_reader *r, unsigned line, unsigned column, const char *text)
{
    if (r->y.err->text[0] == 0) {
        r->y.err->line = line;
        r->y.err->column = column;
        snprintf(r->y.err->text, sizeof r->y.err->text, "%s", text);
    }
    return false;
}

/* An address may stand only once in the whole topology. */
static bool check_twice(struct vt_topology_reader *r, const struct vt_topology_node *node, unsigned i)
{
    char text[200];
    size_t len = strcspn(node->addr[i], "/");
    for (const struct vt_topology_node *other = r->t->nodes; other != NULL; other = other->next) {
        unsigned n = other == node ? i : other->naddrs;
        for (unsigned k = 0; k < n; k++) {
            if (strcspn(other->addr[k], "/") != len || memcmp(other->addr[k], node->addr[i], len) != 0)
                continue;
            snprintf(text, sizeof text, "the address %.*s is given to '%s' and to '%s'", (int)len,
                     node->addr[i], other->name, node->name);
            return fail_at(r, node->line, node->column, text);
        }
        if (other == node)
            break;
    }
    return true;
}

bool vt_topology_check(struct vt_topology_reader *r)
{
    char text[200];
    for (const struct vt_topology_node *node = r->t->nodes; node != NULL; node = node->next) {
        /* One cable takes all addresses; several take one each. */
        if (node->kind != VT_NODE_SWITCH && node->nlinks > 1 && node->naddrs != node->nlinks) {
            snprintf(text, sizeof text,
                     "'%s' has %u links and %u addresses; expected one address for each link, in the order "
                     "of the links",
                     node->name, node->nlinks, node->naddrs);
            return fail_at(r, node->line, node->column, text);
        }
        if (node->kind != VT_NODE_SWITCH && node->nlinks == 0 && node->naddrs > 0) {
            snprintf(text, sizeof text, "'%s' has an address and no link; expected a link like [%s, s1]",
                     node->name, node->name);
            return fail_at(r, node->line, node->column, text);
        }
        for (unsigned i = 0; i < node->naddrs; i++)
            if (!check_twice(r, node, i))
                return false;
    }
    return true;
}
