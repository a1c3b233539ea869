/* SPDX-License-Identifier: BSD-2-Clause */
/* The checks, and the table of them: docs/audit.md explains each row. Pure. */
#include "control/check.h"

#include "config/sources.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DAY          86400u
#define SECRET_DAYS  365
#define UNUSED_DAYS  90
#define SCRUB_DAYS   35
#define BACKUP_DAYS  90
#define AUDIT_DAYS   90
#define SECRET_CHARS 16 /* that is as long as those that are minted */

struct finder {
    const struct check *c;
    check_found_fn *found;
    void *arg;
};
#define FINDER(c, found, arg) const struct finder r = {c, found, arg}

static void find(const struct finder *r, const char *object, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static void find(const struct finder *r, const char *object, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    r->found(r->arg, r->c, object, text);
}

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
        find(r, s->host, "reaches %.120s at one address of this machine only", s->target);
        return;
    }
    cfg_network_format(&a->at->net, net);
    find(r, s->host, "reaches %.90s at %.60s and %.60s, which are both %s %s", s->target,
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

static void look_paths(const struct check_facts *f, const struct check *c,
                       check_found_fn *found, void *arg)
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

static void look_away(const struct check_facts *f, const struct check *c, check_found_fn *found,
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
            find(&r, f->cfg->hosts[h].name, "may log in to %.120s, and has no session",
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
            find(r, p->address, "%s is in a network that is stated to be for management", at);
    } else if (f->networks && !loopback(p->address) &&
               networks_is_default(f->networks, interface_of(f, p))) {
        find(r, p->address,
             "is at %s, by which this machine reaches everything else: is that network for "
             "storage alone?",
             interface_of(f, p));
    }
}

static void look_management(const struct check_facts *f, const struct check *c,
                            check_found_fn *found, void *arg)
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

static void look_routed(const struct check_facts *f, const struct check *c,
                        check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; f->networks && i < f->nsessions; i++)
        if (is_far(&f->sessions[i]) && is_routed(f, &f->sessions[i]))
            find(&r, f->sessions[i].host,
                 "comes from %.60s to %.60s, through a router, and it is not stated that IPsec "
                 "protects that",
                 f->sessions[i].peer.text, f->sessions[i].local.text);
}

/* ---- portals ----------------------------------------------------------------------------- */

static void look_any_address(const struct check_facts *f, const struct check *c,
                             check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned g = 0; g < f->cfg->ngroups; g++)
        for (unsigned i = 0; i < f->cfg->groups[g].nportals; i++) {
            const struct cfg_portal *p = &f->cfg->groups[g].portals[i];
            if (cfg_any_address(p->address) && !p->interface[0])
                find(&r, p->address,
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

static void look_unused_portals(const struct check_facts *f, const struct check *c,
                                check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned g = 0; g < f->cfg->ngroups; g++)
        for (unsigned i = 0; i < f->cfg->groups[g].nportals; i++)
            if (!group_used(f->cfg, &f->cfg->groups[g]))
                find(&r, f->cfg->groups[g].portals[i].address,
                     "portal group %u serves no target", f->cfg->groups[g].tag);
}

static bool limited(const struct cfg_grant *g, const struct cfg_portal *p)
{
    return g->sources.n > 0 || p->sources.n > 0 || loopback(p->address);
}

static void look_sources(const struct check_facts *f, const struct check *c,
                         check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned k = 0; k < f->cfg->ngrants; k++) {
        const struct cfg_grant *g = &f->cfg->grants[k];
        bool open = false;
        for (unsigned i = 0; i < g->target->ngroups; i++)
            for (unsigned p = 0; p < g->target->groups[i]->nportals; p++)
                open = open || !limited(g, &g->target->groups[i]->portals[p]);
        if (open)
            find(&r, g->initiator->name, "may come to %.120s from any network",
                 g->target->name);
    }
}

/* ---- proof ------------------------------------------------------------------------------- */

static void look_mutual(const struct check_facts *f, const struct check *c,
                        check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ninitiators; i++)
        if (f->cfg->initiators[i].auth != CFG_AUTH_MUTUAL)
            find(&r, f->cfg->initiators[i].name, "logs in with auth %s",
                 cfg_auth_name(f->cfg->initiators[i].auth));
}

static void look_weak_sessions(const struct check_facts *f, const struct check *c,
                               check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->nsessions; i++)
        if (f->sessions[i].weak)
            find(&r, f->sessions[i].initiator, "is logged in with %s from %.60s",
                 f->sessions[i].auth, f->sessions[i].peer.text);
}

/* What may be used, not what is: that is another finding. */
static void look_chap_require(const struct check_facts *f, const struct check *c,
                              check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ninitiators; i++) {
        const struct cfg_initiator *ini = &f->cfg->initiators[i];
        if (ini->auth != CFG_AUTH_NONE && config_chap_weak(f->cfg, ini))
            find(&r, ini->name, "may log in by MD5 or SHA-1");
    }
}

static void look_secret_age(const struct check_facts *f, const struct check *c,
                            check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ngrants; i++) {
        const struct cfg_grant *g = &f->cfg->grants[i];
        uint64_t minted = g->forward.minted;
        if (g->reverse.minted && (!minted || g->reverse.minted < minted))
            minted = g->reverse.minted;
        if (minted && f->now > minted && (f->now - minted) / DAY > SECRET_DAYS)
            find(&r, g->initiator->name, "has had its secrets for %.100s for %llu days",
                 g->target->name, (unsigned long long)((f->now - minted) / DAY));
    }
}

static bool has_session(const struct check_facts *f, const struct cfg_grant *g)
{
    for (unsigned i = 0; i < f->nsessions; i++)
        if (strcmp(f->sessions[i].initiator, g->initiator->name) == 0 &&
            strcmp(f->sessions[i].target, g->target->name) == 0)
            return true;
    return false;
}

static void look_unused_secrets(const struct check_facts *f, const struct check *c,
                                check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; f->last_use && i < f->cfg->ngrants; i++) {
        const struct cfg_grant *g = &f->cfg->grants[i];
        uint64_t since = MAX(f->uses_since, MAX(g->forward.minted, f->last_use[i]));
        if (g->initiator->auth == CFG_AUTH_NONE || g->forward.secret[0].len == 0 ||
            f->now < since || (f->now - since) / DAY <= UNUSED_DAYS || has_session(f, g))
            continue;
        find(&r, g->initiator->name, "has not used its secret for %.100s for %llu days",
             g->target->name, (unsigned long long)((f->now - since) / DAY));
    }
}

static bool is_short(const struct cfg_credential *c)
{
    for (unsigned i = 0; i < ARRAY_LEN(c->secret); i++)
        if (c->secret[i].len > 0 && c->secret[i].len < SECRET_CHARS)
            return true;
    return false;
}

static void look_secret_length(const struct check_facts *f, const struct check *c,
                               check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ngrants; i++) {
        const struct cfg_grant *g = &f->cfg->grants[i];
        if (is_short(&g->forward) || is_short(&g->reverse))
            find(&r, g->initiator->name, "has a secret for %.100s of less than %d characters",
                 g->target->name, SECRET_CHARS);
    }
}

/* Also the one that a rotation has not done away with. */
static bool guessable(const struct cfg_credential *c)
{
    for (unsigned i = 0; i < ARRAY_LEN(c->secret); i++)
        if (c->secret[i].len > 0 && cfg_secret_weak(c->secret[i].bytes, c->secret[i].len))
            return true;
    return false;
}

static void look_guessable(const struct check_facts *f, const struct check *c,
                           check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ngrants; i++) {
        const struct cfg_grant *g = &f->cfg->grants[i];
        if (guessable(&g->forward) || guessable(&g->reverse))
            find(&r, g->initiator->name, "has a secret for %.100s that is easily guessed",
                 g->target->name);
    }
    for (unsigned i = 0; i < f->cfg->ninitiators; i++)
        if (guessable(&f->cfg->initiators[i].discovery) ||
            guessable(&f->cfg->initiators[i].discovery_reverse))
            find(&r, f->cfg->initiators[i].name,
                 "has a secret for discovery that is easily guessed");
    for (unsigned i = 0; i < f->cfg->radius.nservers; i++) {
        const struct cfg_radius_server *s = &f->cfg->radius.servers[i];
        if (s->secret.len > 0 && cfg_secret_weak(s->secret.bytes, s->secret.len))
            find(&r, s->address, "the secret shared with that RADIUS server is easily guessed");
    }
}

static void look_rotations(const struct check_facts *f, const struct check *c,
                           check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->cfg->ngrants; i++) {
        const struct cfg_grant *g = &f->cfg->grants[i];
        if (g->forward.secret[1].len > 0 && f->now > g->forward.minted &&
            (f->now - g->forward.minted) / DAY >= 7)
            find(&r, g->initiator->name,
                 "may still use the secret for %.100s from before the last rotation",
                 g->target->name);
    }
}

/* ---- one disk, one host ------------------------------------------------------------------ */

/* Hosts that may log in to a volume; the first two. */
struct hosts {
    const struct cfg_host *v[2];
    unsigned n;
};

static void hosts_of(const struct check_facts *f, const struct cfg_target *t, struct hosts *to)
{
    for (unsigned i = 0; i < f->cfg->ngrants && to->n < 2; i++) {
        const struct cfg_grant *g = &f->cfg->grants[i];
        if (g->target == t && (to->n == 0 || to->v[0] != g->initiator->host))
            to->v[to->n++] = g->initiator->host;
    }
}

static bool two_hosts(const struct check_facts *f, const struct cfg_volume *v,
                      struct hosts *ret_hosts)
{
    ret_hosts->n = 0;
    for (unsigned i = 0; i < f->cfg->ntargets && ret_hosts->n < 2; i++)
        if (config_maps(&f->cfg->targets[i], v->name))
            hosts_of(f, &f->cfg->targets[i], ret_hosts);
    return ret_hosts->n == 2;
}

static void look_shared(const struct check_facts *f, const struct check *c,
                        check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    struct hosts h;
    for (unsigned v = 0; v < f->cfg->nvolumes; v++)
        if (f->cfg->volumes[v].policy == CFG_CLUSTER && two_hosts(f, &f->cfg->volumes[v], &h))
            find(&r, f->cfg->volumes[v].name,
                 "can be written to by more than one host: %.80s and %.80s", h.v[0]->name,
                 h.v[1]->name);
}

/* The attach guard sees to it that nothing comes of it; it is to be known all the same. */
static void look_several_hosts(const struct check_facts *f, const struct check *c,
                               check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    struct hosts h;
    for (unsigned v = 0; v < f->cfg->nvolumes; v++) {
        const struct cfg_volume *vol = &f->cfg->volumes[v];
        if (vol->policy != CFG_CLUSTER && two_hosts(f, vol, &h))
            find(&r, vol->name,
                 "is granted to more than one host, %s (policy %s): %.80s and %.80s",
                 vol->policy == CFG_EXCLUSIVE ? "of whom one at a time has it"
                                              : "and none can write",
                 cfg_policy_name(vol->policy), h.v[0]->name, h.v[1]->name);
    }
}

static void look_sync(const struct check_facts *f, const struct check *c, check_found_fn *found,
                      void *arg)
{
    FINDER(c, found, arg);
    for (unsigned v = 0; v < f->cfg->nvolumes; v++)
        if (f->cfg->volumes[v].sync == VOL_SYNC_DISABLED)
            find(&r, f->cfg->volumes[v].name, "loses acknowledged writes when the power fails");
}

/* ---- pools ------------------------------------------------------------------------------- */

static void look_health(const struct check_facts *f, const struct check *c,
                        check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->npools; i++) {
        const struct check_pool *p = &f->pools[i];
        if (!p->health || strcmp(p->health, "ONLINE") != 0)
            find(&r, p->name, "is %s", p->health ? p->health : "not open");
        else if (p->damaged)
            find(&r, p->name, "has %llu blocks that are damaged beyond repair",
                 (unsigned long long)p->damaged);
    }
}

static void look_redundancy(const struct check_facts *f, const struct check *c,
                            check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->npools; i++)
        if (f->pools[i].health && !f->pools[i].redundant)
            find(&r, f->pools[i].name, "is lost with one of its disks");
}

static void look_spares(const struct check_facts *f, const struct check *c,
                        check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->npools; i++)
        if (f->pools[i].health && f->pools[i].redundant && !f->pools[i].spare)
            find(&r, f->pools[i].name, "has no hot spare");
}

static void look_scrubs(const struct check_facts *f, const struct check *c,
                        check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->npools; i++) {
        const struct check_pool *p = &f->pools[i];
        if (p->health && p->scrubbed == 0)
            find(&r, p->name, "its newest scan is no finished scrub");
        else if (p->health && f->now > p->scrubbed && (f->now - p->scrubbed) / DAY > SCRUB_DAYS)
            find(&r, p->name, "was scrubbed %llu days ago",
                 (unsigned long long)((f->now - p->scrubbed) / DAY));
    }
}

static bool lies_in(const struct cfg_volume *v, const char *pool)
{
    size_t n = strlen(pool);
    return v->engine == CFG_POOL && strncmp(v->dataset, pool, n) == 0 && v->dataset[n] == '/';
}

static void look_overcommit(const struct check_facts *f, const struct check *c,
                            check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->npools; i++) {
        uint64_t promised = 0;
        for (unsigned v = 0; v < f->cfg->nvolumes; v++)
            if (lies_in(&f->cfg->volumes[v], f->pools[i].name))
                promised += f->cfg->volumes[v].size;
        if (f->pools[i].health && promised > f->pools[i].size)
            find(&r, f->pools[i].name, "its volumes may take %llu MiB, and %llu MiB are there",
                 (unsigned long long)(promised >> 20),
                 (unsigned long long)(f->pools[i].size >> 20));
    }
}

/* ---- evidence ---------------------------------------------------------------------------- */

static void look_trail(const struct check_facts *f, const struct check *c,
                       check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    if (!f->trail)
        find(&r, "audit trail", "there is none");
    else if (f->trail->broken[0])
        find(&r, "audit trail", "%s", f->trail->broken);
    else if (f->trail->failing[0])
        find(&r, "audit trail", "cannot be written: %s", f->trail->failing);
    else if (f->trail->lost > 0)
        find(&r, "audit trail", "lacks %llu lines", (unsigned long long)f->trail->lost);
}

static unsigned long long days_since(const struct check_facts *f, uint64_t when)
{
    return f->now > when ? (f->now - when) / DAY : 0;
}

/* Copies of the state folder are not seen: they have to be stated. */
static void look_backup(const struct check_facts *f, const struct check *c,
                        check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    const struct cfg_care *k = &f->care;
    unsigned long long days = days_since(f, k->backup);
    if (f->cfg->generation == 0)
        return; /* there is nothing yet */
    if (k->backup == 0)
        find(&r, "configuration", "has no backup, as far as zsand knows");
    else if (k->backup_generation != f->cfg->generation)
        find(&r, "configuration",
             "was changed since its backup, %llu days ago: then it was "
             "generation %llu, now it is %llu",
             days, (unsigned long long)k->backup_generation,
             (unsigned long long)f->cfg->generation);
    else if (days > BACKUP_DAYS)
        find(&r, "configuration", "has its last backup from %llu days ago", days);
}

static void look_audit_age(const struct check_facts *f, const struct check *c,
                           check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    if (f->care.audit && days_since(f, f->care.audit) > AUDIT_DAYS)
        find(&r, "checklist", "was gone through %llu days ago", days_since(f, f->care.audit));
    else if (!f->care.audit && f->uses_since && days_since(f, f->uses_since) > AUDIT_DAYS)
        find(&r, "checklist", "was not gone through in the last %llu days",
             days_since(f, f->uses_since));
}

/* ---- all --------------------------------------------------------------------------------- */

/* clang-format off */
const struct check checks[] = {
    {"mutual-chap",      SEV_HIGH,   12, "zsan initiator set NAME --auth mutual", look_mutual},
    {"weak-session",     SEV_HIGH,    8, "zsan initiator set NAME --auth mutual --chap sha3-256,sha256; then let it log in again", look_weak_sessions},
    {"redundancy",       SEV_HIGH,    8, "zsan pool attach POOL DISK NEW_DISK makes a mirror of each disk", look_redundancy},
    {"pool-health",      SEV_HIGH,    8, "zsan pool status POOL says what to do", look_health},
    {"sync",             SEV_HIGH,    8, "zsan volume set NAME --sync always", look_sync},
    {"audit-trail",      SEV_HIGH,    8, "zsan audit verify; compare with a copy and with the journal", look_trail},
    {"two-paths",        SEV_MEDIUM,  7, "a portal in a second network, at another interface (zsan portal add), and a second login of that host through it", look_paths},
    {"management",       SEV_MEDIUM,  4, "a network for storage alone: zsan portal add ADDRESS there, then zsan portal remove; or, if it is that already, zsan audit networks --management-networks NETWORK,... says which are not", look_management},
    {"routed",           SEV_MEDIUM,  4, "IPsec between the two networks, then zsan audit networks --ipsec-networks NETWORK,... states it; or a portal in the network of that host", look_routed},
    {"shared-disk",      SEV_MEDIUM,  5, "zsan volume set NAME --policy exclusive, unless its hosts run a cluster file system on it", look_shared},
    {"any-address",      SEV_MEDIUM,  4, "name an address or an interface: zsan portal add ADDRESS, then zsan portal remove", look_any_address},
    {"secret-age",       SEV_MEDIUM,  3, "zsan grant rotate WHO TARGET, then zsan grant finish", look_secret_age},
    {"secret-guessable", SEV_MEDIUM,  2, "let zsan mint it: zsan grant rotate WHO TARGET (zsan initiator rotate for discovery), then zsan grant finish", look_guessable},
    {"scrub",            SEV_MEDIUM,  3, "zsan pool scrub POOL, once a month", look_scrubs},
    {"backup",           SEV_MEDIUM,  3, "zsan config export --with-secrets, or a copy of the state folder's config/ and then zsan config saved; kept under lock, away from this machine", look_backup},
    {"chap-require",     SEV_LOW,     1, "zsan limits set --chap-require sha256, once no host needs less: zsan session list", look_chap_require},
    {"spare",            SEV_LOW,     2, "zsan pool add POOL spare DISK", look_spares},
    {"overcommit",       SEV_LOW,     2, "add disks (zsan pool add), or watch the room: zsan volume set NAME --threshold-pct", look_overcommit},
    {"sources",          SEV_LOW,     1, "zsan grant set WHO TARGET --sources NETWORK,... or zsan portal set ADDRESS --sources NETWORK,...", look_sources},
    {"unused-secret",    SEV_LOW,     1, "zsan grant remove WHO TARGET, if nobody misses it", look_unused_secrets},
    {"unused-portal",    SEV_LOW,     1, "zsan portal remove ADDRESS", look_unused_portals},
    {"secret-length",    SEV_LOW,     1, "let zsan mint it: zsan grant rotate WHO TARGET", look_secret_length},
    {"rotation",         SEV_LOW,     1, "zsan grant finish WHO TARGET", look_rotations},
    {"several-hosts",    SEV_LOW,     1, "zsan grant remove WHO TARGET for all but one, unless it is meant", look_several_hosts},
    {"host-away",        SEV_LOW,     1, "see why it is not logged in; if it will not come back, zsan grant remove WHO TARGET", look_away},
    {"audit-age",        SEV_LOW,     1, "zsan audit, once a month at least, from cron: its exit status tells", look_audit_age},
};
/* clang-format on */
const unsigned nchecks = ARRAY_LEN(checks);

const char *severity_name(enum severity s)
{
    static const char *const names[] = {"low", "medium", "high"};
    return names[s];
}

struct tally {
    check_found_fn *found;
    void *arg;
    unsigned n;
};

static void tally(void *arg, const struct check *c, const char *object, const char *text)
{
    struct tally *t = arg;
    t->n++;
    t->found(t->arg, c, object, text);
}

unsigned check_all(const struct check_facts *f, check_found_fn *found, void *arg)
{
    unsigned score = 100;
    for (unsigned i = 0; i < nchecks; i++) {
        struct tally t = {found, arg, 0};
        checks[i].look(f, &checks[i], tally, &t);
        if (t.n > 0)
            score -= checks[i].weight;
    }
    return score;
}
