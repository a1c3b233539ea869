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

static bool same_path(const struct net_session_info *a, const struct net_session_info *b)
{
    char x[SOCK_ADDR_LEN], y[SOCK_ADDR_LEN];
    sock_addr_host(&a->local, x);
    sock_addr_host(&b->local, y);
    return strcmp(x, y) == 0;
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

static void look_paths(const struct check_facts *f, const struct check *c,
                       check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->nsessions; i++) {
        const struct net_session_info *s = &f->sessions[i];
        bool first = true, two = false;
        for (unsigned k = 0; k < f->nsessions; k++) {
            const struct net_session_info *o = &f->sessions[k];
            if (k == i || !is_far(o) || !same_use(s, o))
                continue;
            first = first && k > i;
            two = two || !same_path(s, o);
        }
        if (is_far(s) && first && !two)
            find(&r, s->host, "reaches %.120s at one address of this machine only", s->target);
    }
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

static bool maps(const struct cfg_target *t, const struct cfg_volume *v)
{
    for (unsigned i = 0; i < t->nluns; i++)
        if (t->luns[i].volume == v)
            return true;
    return false;
}

static void look_shared(const struct check_facts *f, const struct check *c,
                        check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    for (unsigned v = 0; v < f->cfg->nvolumes; v++) {
        const struct cfg_host *one = NULL, *other = NULL;
        if (f->cfg->volumes[v].policy != CFG_CLUSTER)
            continue; /* the attach guard sees to it */
        for (unsigned i = 0; i < f->cfg->ngrants && !other; i++) {
            const struct cfg_grant *g = &f->cfg->grants[i];
            if (!maps(g->target, &f->cfg->volumes[v]))
                continue;
            if (one && g->initiator->host != one)
                other = g->initiator->host;
            one = one ? one : g->initiator->host;
        }
        if (other)
            find(&r, f->cfg->volumes[v].name,
                 "can be written to by more than one host: %.80s and %.80s", one->name,
                 other->name);
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

/* ---- all --------------------------------------------------------------------------------- */

/* clang-format off */
const struct check checks[] = {
    {"mutual-chap",      SEV_HIGH,   14, "zsan initiator set NAME --auth mutual", look_mutual},
    {"weak-session",     SEV_HIGH,   10, "zsan initiator set NAME --auth mutual --chap sha3-256,sha256; then let it log in again", look_weak_sessions},
    {"redundancy",       SEV_HIGH,   10, "zsan pool attach POOL DISK NEW_DISK makes a mirror of each disk", look_redundancy},
    {"pool-health",      SEV_HIGH,   10, "zsan pool status POOL says what to do", look_health},
    {"sync",             SEV_HIGH,   10, "zsan volume set NAME --sync always", look_sync},
    {"audit-trail",      SEV_HIGH,   10, "zsan audit verify; compare with a copy and with the journal", look_trail},
    {"two-paths",        SEV_MEDIUM,  8, "a portal in a second network (zsan portal add), and a second login of that host through it", look_paths},
    {"shared-disk",      SEV_MEDIUM,  6, "zsan volume set NAME --policy exclusive, unless its hosts run a cluster file system on it", look_shared},
    {"any-address",      SEV_MEDIUM,  5, "name an address or an interface: zsan portal add ADDRESS, then zsan portal remove", look_any_address},
    {"secret-age",       SEV_MEDIUM,  3, "zsan grant rotate WHO TARGET, then zsan grant finish", look_secret_age},
    {"scrub",            SEV_MEDIUM,  3, "zsan pool scrub POOL, once a month", look_scrubs},
    {"chap-require",     SEV_LOW,     1, "zsan limits set --chap-require sha256, once no host needs less: zsan session list", look_chap_require},
    {"spare",            SEV_LOW,     2, "zsan pool add POOL spare DISK", look_spares},
    {"overcommit",       SEV_LOW,     2, "add disks (zsan pool add), or watch the room: zsan volume set NAME --threshold-pct", look_overcommit},
    {"sources",          SEV_LOW,     2, "zsan grant set WHO TARGET --sources NETWORK,... or zsan portal set ADDRESS --sources NETWORK,...", look_sources},
    {"unused-secret",    SEV_LOW,     1, "zsan grant remove WHO TARGET, if nobody misses it", look_unused_secrets},
    {"unused-portal",    SEV_LOW,     1, "zsan portal remove ADDRESS", look_unused_portals},
    {"secret-length",    SEV_LOW,     1, "let zsan mint it: zsan grant rotate WHO TARGET", look_secret_length},
    {"rotation",         SEV_LOW,     1, "zsan grant finish WHO TARGET", look_rotations},
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
