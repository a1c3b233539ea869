/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a name server is told, taken from the configuration and the listeners at one moment. It is a copy: whoever tells it
 * parks on the way, and afterwards it is what the next one is compared with.
 */
#include "net/isns_int.h"

#include "base/text.h"
#include "config/sources.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* ---- addresses --------------------------------------------------------------------------- */

static bool is_ipv6(const char *host)
{
    return strchr(host, ':') != NULL;
}

/* 16 bytes, IPv4 mapped into IPv6 (RFC 4171 6.3.1). False: a name, or an address that means something on one link only. */
static bool ip_of(const char *host, uint8_t ret_ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (is_ipv6(host))
        return inet_pton(AF_INET6, host, ret_ip) == 1 &&
               !(ret_ip[0] == 0xfe && (ret_ip[1] & 0xc0) == 0x80);
    memcpy(ret_ip, mapped, sizeof(mapped));
    return inet_pton(AF_INET, host, ret_ip + sizeof(mapped)) == 1;
}

/* False: nothing that hosts beyond this server could connect to. */
static bool portal_of(const struct served_portal *p, const struct sock_addr *local,
                      struct isns_portal *ret_portal)
{
    struct isns_portal r = {.port = p->cfg.port};
    struct sock_addr told;
    char host[SOCK_ADDR_LEN];
    if (p->cfg.advertise[0]) {
        text_copy(told.text, sizeof(told.text), p->cfg.advertise);
        sock_addr_host(&told, host);
        r.port = sock_addr_port(&told);
    } else if (cfg_any_address(p->cfg.address)) {
        sock_addr_host(local, host);
        if (is_ipv6(host) != is_ipv6(p->cfg.address))
            return false;
    } else {
        text_copy(host, sizeof(host), p->cfg.address);
    }
    if (r.port == 0 || sock_addr_make(host, r.port, &told) < 0 || !ip_of(host, r.ip) ||
        (addr_is_loopback(&told) && !addr_is_loopback(local)))
        return false;
    if (!p->cfg.advertise[0])
        text_copy(r.host, sizeof(r.host), host);
    *ret_portal = r;
    return true;
}

/* ---- making one -------------------------------------------------------------------------- */

static bool is_told(const struct cfg_target *t)
{
    return !t->disabled && !t->unlisted && t->ngrants > 0;
}

static bool serves(const struct cfg_target *t, uint16_t group)
{
    for (unsigned g = 0; g < t->ngroups; g++)
        if (t->groups[g]->tag == group)
            return true;
    return false;
}

static bool group_is_told(const struct config *c, uint16_t group)
{
    for (unsigned i = 0; i < c->ntargets; i++)
        if (is_told(&c->targets[i]) && serves(&c->targets[i], group))
            return true;
    return false;
}

/* Which portal of the view is behind a listener: two may be advertised as one. */
struct place {
    int at;
    uint16_t group;
};

static unsigned add_portals(struct isns_view *v, const struct net *net,
                            const struct sock_addr *local, struct place *places)
{
    const struct served_portal *p;
    struct isns_portal new;
    unsigned n = 0;
    list_for_each (p, &net->portals, node) {
        if (n == ISNS_PORTALS_MAX || v->nportals == ISNS_PORTALS_MAX)
            break;
        if (!p->listener || !p->seen || !group_is_told(net->cfg, p->group) ||
            !portal_of(p, local, &new))
            continue;
        int at = isns_view_portal(v, &new);
        if (at < 0) {
            at = (int)v->nportals++;
            v->portal[at] = new;
        }
        places[n++] = (struct place){at, p->group};
    }
    return n;
}

/* A target that can be reached through none of the portals is left out. */
static void add_node(struct isns_view *v, const struct cfg_target *t,
                     const struct place *places, unsigned n)
{
    struct isns_node *node = &v->nodes[v->nnodes];
    bool reached = false;
    memset(node, 0, sizeof(*node));
    for (unsigned i = 0; i < n; i++)
        if (node->tag[places[i].at] == 0 && serves(t, places[i].group)) {
            node->tag[places[i].at] = places[i].group;
            reached = true;
        }
    if (!reached)
        return;
    text_copy(node->name, sizeof(node->name), t->name);
    text_copy(node->alias, sizeof(node->alias), t->alias);
    v->nnodes++;
}

/* The server can reach us there: best where we reach it. */
static int pick_esi(const struct isns_view *v, const struct sock_addr *local)
{
    char host[SOCK_ADDR_LEN];
    int any = -1;
    sock_addr_host(local, host);
    for (unsigned i = v->nportals; i-- > 0;)
        if (v->portal[i].host[0])
            any = (int)i;
    for (unsigned i = 0; i < v->nportals; i++)
        if (strcmp(v->portal[i].host, host) == 0)
            return (int)i;
    return any;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct isns_node *)a)->name, ((const struct isns_node *)b)->name);
}

struct isns_view *isns_view_make(const struct net *net, const struct sock_addr *local)
{
    struct place places[ISNS_PORTALS_MAX];
    const struct config *c = net->cfg;
    struct isns_view *v = calloc(1, sizeof(*v));
    struct isns_node *nodes = calloc(c->ntargets + 1, sizeof(*nodes));
    if (!v || !nodes) {
        free(nodes);
        free(v);
        return NULL;
    }
    v->nodes = nodes;
    unsigned n = add_portals(v, net, local, places);
    for (unsigned i = 0; i < c->ntargets; i++)
        if (is_told(&c->targets[i]))
            add_node(v, &c->targets[i], places, n);
    qsort(v->nodes, v->nnodes, sizeof(*v->nodes), by_name);
    v->esi = pick_esi(v, local);
    return v;
}

void isns_view_free(struct isns_view *v)
{
    if (v)
        free(v->nodes);
    free(v);
}

/* ---- comparing --------------------------------------------------------------------------- */

int isns_view_portal(const struct isns_view *v, const struct isns_portal *p)
{
    for (unsigned i = 0; i < v->nportals; i++)
        if (v->portal[i].port == p->port && memcmp(v->portal[i].ip, p->ip, sizeof(p->ip)) == 0)
            return (int)i;
    return -1;
}

static int compare_name(const void *key, const void *node)
{
    return strcmp(key, ((const struct isns_node *)node)->name);
}

const struct isns_node *isns_view_node(const struct isns_view *v, const char *name)
{
    return v->nnodes > 0 ? bsearch(name, v->nodes, v->nnodes, sizeof(*v->nodes), compare_name)
                         : NULL;
}

/* A portal that comes has to be spoken of for each node: what is not said of the two is taken for group 1 (RFC 4171
 * 5.6.5.1). */
bool isns_node_told(const struct isns_view *v, const struct isns_node *n,
                    const struct isns_view *old)
{
    const struct isns_node *was = isns_view_node(old, n->name);
    if (!was || strcmp(was->alias, n->alias) != 0)
        return false;
    for (unsigned i = 0; i < v->nportals; i++) {
        int at = isns_view_portal(old, &v->portal[i]);
        if (at < 0 || was->tag[at] != n->tag[i])
            return false;
    }
    return true;
}
