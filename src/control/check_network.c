/* SPDX-License-Identifier: BSD-2-Clause */
/* Where hosts and portals are: paths, networks, and who may come from where. Pure. */
#include "control/check_int.h"

#include "config/sources.h"

#include <string.h>

static bool loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* ---- two paths --------------------------------------------------------------------------- */

#define PATHS_MAX                                                                              \
    16 /* of a host to a target that are compared; more of them are hardly one cable */

struct path {
    const struct net_session_info *s; /* the first that came in there */
    const struct network *at;         /* NULL: not known */
};
/* Different addresses of this machine at which a host's sessions to a target come in. */
struct paths {
    struct path v[PATHS_MAX];
    unsigned n;
};

static bool same_address(const struct net_session_info *a, const struct net_session_info *b)
{
    char x[SOCK_ADDR_LEN], y[SOCK_ADDR_LEN];
    sock_addr_host(&a->local, x);
    sock_addr_host(&b->local, y);
    return strcmp(x, y) == 0;
}

static void path_add(struct paths *p, const struct check_facts *f,
                     const struct net_session_info *s)
{
    char address[SOCK_ADDR_LEN];
    for (unsigned i = 0; i < p->n; i++)
        if (same_address(p->v[i].s, s))
            return;
    if (p->n == PATHS_MAX)
        return;
    sock_addr_host(&s->local, address);
    p->v[p->n++] = (struct path){s, f->networks ? networks_find(f->networks, address) : NULL};
}

/* Of addresses that we know nothing of nothing is said. */
static bool apart(const struct path *a, const struct path *b)
{
    return !a->at || !b->at ||
           (!networks_same_interface(a->at, b->at) && !networks_same_subnet(a->at, b->at));
}

static bool any_apart(const struct paths *p)
{
    for (unsigned i = 0; i < p->n; i++)
        for (unsigned k = 0; k < i; k++)
            if (apart(&p->v[i], &p->v[k]))
                return true;
    return false;
}

static bool same_use(const struct net_session_info *a, const struct net_session_info *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->target, b->target) == 0;
}

static bool is_far(const struct net_session_info *s)
{
    char host[SOCK_ADDR_LEN];
    sock_addr_host(&s->peer, host);
    return s->target[0] && !loopback(host);
}

static void find_one_path(const struct finder *r, const struct net_session_info *s,
                          const struct paths *p)
{
    char net[CFG_NETWORK_LEN];
    const struct path *a = &p->v[0], *b = &p->v[1];
    if (p->n < 2) {
        check_find(r, s->host, "reaches %.120s at one address of this machine only", s->target);
        return;
    }
    cfg_network_format(&a->at->net, net);
    check_find(r, s->host, "reaches %.90s at %.60s and %.60s, which are both %s %s", s->target,
               a->s->local.text, b->s->local.text,
               networks_same_interface(a->at, b->at) ? "at" : "in",
               networks_same_interface(a->at, b->at) ? a->at->interface : net);
}

/* All sessions of that use, from the first one on; false: this is not the first. */
static bool paths_of(const struct check_facts *f, unsigned first, struct paths *ret_paths)
{
    const struct net_session_info *s = &f->sessions[first];
    ret_paths->n = 0;
    for (unsigned k = 0; k < f->nsessions; k++) {
        const struct net_session_info *o = &f->sessions[k];
        if (!same_use(s, o) || !is_far(o))
            continue;
        if (k < first)
            return false;
        path_add(ret_paths, f, o);
    }
    return true;
}

void look_paths(const struct check_facts *f, const struct check *c, check_found_fn *found,
                void *arg)
{
    FINDER(c, found, arg);
    struct paths p;
    for (unsigned i = 0; i < f->nsessions; i++)
        if (is_far(&f->sessions[i]) && paths_of(f, i, &p) && !any_apart(&p))
            find_one_path(&r, &f->sessions[i], &p);
}

static bool is_there(const struct check_facts *f, const struct cfg_host *h)
{
    for (unsigned i = 0; i < f->nsessions; i++)
        if (f->sessions[i].target[0] && strcmp(f->sessions[i].host, h->name) == 0)
            return true;
    return false;
}

/* By other portals than those on loopback, where nobody is far. */
static bool reached_from_afar(const struct cfg_target *t)
{
    for (unsigned g = 0; g < t->ngroups && !t->disabled; g++)
        for (unsigned i = 0; i < t->groups[g]->nportals; i++)
            if (!loopback(t->groups[g]->portals[i].address))
                return true;
    return false;
}

void look_away(const struct check_facts *f, const struct check *c, check_found_fn *found,
               void *arg)
{
    FINDER(c, found, arg);
    for (unsigned h = 0; h < f->cfg->nhosts; h++) {
        const struct cfg_target *t = NULL;
        for (unsigned i = 0; i < f->cfg->ngrants && !t; i++)
            if (f->cfg->grants[i].initiator->host == &f->cfg->hosts[h] &&
                reached_from_afar(f->cfg->grants[i].target))
                t = f->cfg->grants[i].target;
        if (t && !is_there(f, &f->cfg->hosts[h]))
            check_find(&r, f->cfg->hosts[h].name, "may log in to %.120s, and has no session",
                       t->name);
    }
}

/* ---- networks ---------------------------------------------------------------------------- */

/* An address of that portal in a network that is stated to be for management; NULL: none. */
static const char *stated_management(const struct check_facts *f, const struct cfg_portal *p,
                                     char ret_text[CFG_NETWORK_LEN])
{
    const struct cfg_sources *s = &f->cfg->stated.management;
    struct cfg_address a;
    if (!cfg_any_address(p->address))
        return cfg_address_parse(p->address, &a) && cfg_sources_admit(s, &a) ? p->address
                                                                             : NULL;
    for (unsigned i = 0; p->interface[0] && f->networks && i < f->networks->n; i++) {
        const struct network *w = &f->networks->v[i];
        if (w->kind != NETWORK_ADDRESS || strcmp(w->interface, p->interface) != 0 ||
            !cfg_sources_admit(s, &w->address))
            continue;
        cfg_network_format(&w->net, ret_text);
        return ret_text;
    }
    return NULL;
}

/* Where the portal is, "": not known, or everywhere, which is another finding. */
static const char *interface_of(const struct check_facts *f, const struct cfg_portal *p)
{
    const struct network *w = networks_find(f->networks, p->address);
    return p->interface[0] ? p->interface : w ? w->interface : "";
}

static void look_portal_network(const struct finder *r, const struct check_facts *f,
                                const struct cfg_portal *p)
{
    char text[CFG_NETWORK_LEN];
    if (f->cfg->stated.management.n > 0) {
        const char *at = stated_management(f, p, text);
        if (at)
            check_find(r, p->address, "%s is in a network that is stated to be for management",
                       at);
    } else if (f->networks && !loopback(p->address) &&
               networks_is_default(f->networks, interface_of(f, p))) {
        check_find(
            r, p->address,
            "is at %s, by which this machine reaches everything else: is that network for "
            "storage alone?",
            interface_of(f, p));
    }
}

void look_management(const struct check_facts *f, const struct check *c, check_found_fn *found,
                     void *arg)
{
    FINDER(c, found, arg);
    for (unsigned g = 0; g < f->cfg->ngroups; g++)
        for (unsigned i = 0; i < f->cfg->groups[g].nportals; i++)
            look_portal_network(&r, f, &f->cfg->groups[g].portals[i]);
}

/* Behind a router, and nobody stated that IPsec protects what comes from there. */
static bool is_routed(const struct check_facts *f, const struct net_session_info *s)
{
    char local[SOCK_ADDR_LEN], host[SOCK_ADDR_LEN];
    const struct cfg_sources *ipsec = &f->cfg->stated.ipsec;
    struct cfg_address peer;
    sock_addr_host(&s->local, local);
    sock_addr_host(&s->peer, host);
    const struct network *at = networks_find(f->networks, local);
    return at && cfg_address_parse(host, &peer) &&
           !networks_direct(f->networks, at->interface, &peer) &&
           (ipsec->n == 0 || !cfg_sources_admit(ipsec, &peer));
}

void look_routed(const struct check_facts *f, const struct check *c, check_found_fn *found,
                 void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; f->networks && i < f->nsessions; i++)
        if (is_far(&f->sessions[i]) && is_routed(f, &f->sessions[i]))
            check_find(
                &r, f->sessions[i].host,
                "comes from %.60s to %.60s, through a router, and it is not stated that IPsec "
                "protects that",
                f->sessions[i].peer.text, f->sessions[i].local.text);
}

/* ---- portals ----------------------------------------------------------------------------- */

void look_any_address(const struct check_facts *f, const struct check *c, check_found_fn *found,
                      void *arg)
{
    FINDER(c, found, arg);
    for (unsigned g = 0; g < f->cfg->ngroups; g++)
        for (unsigned i = 0; i < f->cfg->groups[g].nportals; i++) {
            const struct cfg_portal *p = &f->cfg->groups[g].portals[i];
            if (cfg_any_address(p->address) && !p->interface[0])
                check_find(
                    &r, p->address,
                    "port %u listens in all networks of this machine, also those that are not "
                    "for storage",
                    p->port);
        }
}

static bool group_used(const struct config *cfg, const struct cfg_portal_group *g)
{
    for (unsigned t = 0; t < cfg->ntargets; t++)
        for (unsigned i = 0; i < cfg->targets[t].ngroups; i++)
            if (cfg->targets[t].groups[i] == g && !cfg->targets[t].disabled)
                return true;
    return false;
}

void look_unused_portals(const struct check_facts *f, const struct check *c,
                         check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned g = 0; g < f->cfg->ngroups; g++)
        for (unsigned i = 0; i < f->cfg->groups[g].nportals; i++)
            if (!group_used(f->cfg, &f->cfg->groups[g]))
                check_find(&r, f->cfg->groups[g].portals[i].address,
                           "portal group %u serves no target", f->cfg->groups[g].tag);
}

static bool limited(const struct cfg_grant *g, const struct cfg_portal *p)
{
    return g->sources.n > 0 || p->sources.n > 0 || loopback(p->address);
}

void look_sources(const struct check_facts *f, const struct check *c, check_found_fn *found,
                  void *arg)
{
    FINDER(c, found, arg);
    for (unsigned k = 0; k < f->cfg->ngrants; k++) {
        const struct cfg_grant *g = &f->cfg->grants[k];
        bool open = false;
        for (unsigned i = 0; i < g->target->ngroups; i++)
            for (unsigned p = 0; p < g->target->groups[i]->nportals; p++)
                open = open || !limited(g, &g->target->groups[i]->portals[p]);
        if (open)
            check_find(&r, g->initiator->name, "may come to %.120s from any network",
                       g->target->name);
    }
}
