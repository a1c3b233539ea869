/* SPDX-License-Identifier: BSD-2-Clause */
/* Volumes and their hosts, pools, and the evidence of all that. Pure. */
#include "control/check_int.h"

#include <string.h>

#define SCRUB_DAYS  35
#define BACKUP_DAYS 90
#define AUDIT_DAYS  90

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

void look_shared(const struct check_facts *f, const struct check *c, check_found_fn *found,
                 void *arg)
{
    FINDER(c, found, arg);
    struct hosts h;
    for (unsigned v = 0; v < f->cfg->nvolumes; v++)
        if (f->cfg->volumes[v].policy == CFG_CLUSTER && two_hosts(f, &f->cfg->volumes[v], &h))
            check_find(&r, f->cfg->volumes[v].name,
                       "can be written to by more than one host: %.80s and %.80s", h.v[0]->name,
                       h.v[1]->name);
}

/* The attach guard sees to it that nothing comes of it; it is to be known all the same. */
void look_several_hosts(const struct check_facts *f, const struct check *c,
                        check_found_fn *found, void *arg)
{
    FINDER(c, found, arg);
    struct hosts h;
    for (unsigned v = 0; v < f->cfg->nvolumes; v++) {
        const struct cfg_volume *vol = &f->cfg->volumes[v];
        if (vol->policy != CFG_CLUSTER && two_hosts(f, vol, &h))
            check_find(&r, vol->name,
                       "is granted to more than one host, %s (policy %s): %.80s and %.80s",
                       vol->policy == CFG_EXCLUSIVE ? "of whom one at a time has it"
                                                    : "and none can write",
                       cfg_policy_name(vol->policy), h.v[0]->name, h.v[1]->name);
    }
}

void look_sync(const struct check_facts *f, const struct check *c, check_found_fn *found,
               void *arg)
{
    FINDER(c, found, arg);
    for (unsigned v = 0; v < f->cfg->nvolumes; v++)
        if (f->cfg->volumes[v].sync == VOL_SYNC_DISABLED)
            check_find(&r, f->cfg->volumes[v].name,
                       "loses acknowledged writes when the power fails");
}

/* ---- pools ------------------------------------------------------------------------------- */

void look_health(const struct check_facts *f, const struct check *c, check_found_fn *found,
                 void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->npools; i++) {
        const struct check_pool *p = &f->pools[i];
        if (!p->health || strcmp(p->health, "ONLINE") != 0)
            check_find(&r, p->name, "is %s", p->health ? p->health : "not open");
        else if (p->damaged)
            check_find(&r, p->name, "has %llu blocks that are damaged beyond repair",
                       (unsigned long long)p->damaged);
    }
}

void look_redundancy(const struct check_facts *f, const struct check *c, check_found_fn *found,
                     void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->npools; i++)
        if (f->pools[i].health && !f->pools[i].redundant)
            check_find(&r, f->pools[i].name, "is lost with one of its disks");
}

void look_spares(const struct check_facts *f, const struct check *c, check_found_fn *found,
                 void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->npools; i++)
        if (f->pools[i].health && f->pools[i].redundant && !f->pools[i].spare)
            check_find(&r, f->pools[i].name, "has no hot spare");
}

void look_scrubs(const struct check_facts *f, const struct check *c, check_found_fn *found,
                 void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->npools; i++) {
        const struct check_pool *p = &f->pools[i];
        if (p->health && p->scrubbed == 0)
            check_find(&r, p->name, "its newest scan is no finished scrub");
        else if (p->health && f->now > p->scrubbed && (f->now - p->scrubbed) / DAY > SCRUB_DAYS)
            check_find(&r, p->name, "was scrubbed %llu days ago",
                       (unsigned long long)((f->now - p->scrubbed) / DAY));
    }
}

static bool lies_in(const struct cfg_volume *v, const char *pool)
{
    size_t n = strlen(pool);
    return v->engine == CFG_POOL && strncmp(v->dataset, pool, n) == 0 && v->dataset[n] == '/';
}

void look_overcommit(const struct check_facts *f, const struct check *c, check_found_fn *found,
                     void *arg)
{
    FINDER(c, found, arg);
    for (unsigned i = 0; i < f->npools; i++) {
        uint64_t promised = 0;
        for (unsigned v = 0; v < f->cfg->nvolumes; v++)
            if (lies_in(&f->cfg->volumes[v], f->pools[i].name))
                promised += f->cfg->volumes[v].size;
        if (f->pools[i].health && promised > f->pools[i].size)
            check_find(&r, f->pools[i].name,
                       "its volumes may take %llu MiB, and %llu MiB are there",
                       (unsigned long long)(promised >> 20),
                       (unsigned long long)(f->pools[i].size >> 20));
    }
}

/* ---- evidence ---------------------------------------------------------------------------- */

void look_trail(const struct check_facts *f, const struct check *c, check_found_fn *found,
                void *arg)
{
    FINDER(c, found, arg);
    if (!f->trail)
        check_find(&r, "audit trail", "there is none");
    else if (f->trail->broken[0])
        check_find(&r, "audit trail", "%s", f->trail->broken);
    else if (f->trail->failing[0])
        check_find(&r, "audit trail", "cannot be written: %s", f->trail->failing);
    else if (f->trail->lost > 0)
        check_find(&r, "audit trail", "lacks %llu lines", (unsigned long long)f->trail->lost);
}

/* Copies of the state folder are not seen: they have to be stated. */
void look_backup(const struct check_facts *f, const struct check *c, check_found_fn *found,
                 void *arg)
{
    FINDER(c, found, arg);
    const struct cfg_care *k = &f->care;
    unsigned long long days = check_days_since(f, k->backup);
    if (f->cfg->generation == 0)
        return; /* there is nothing yet */
    if (k->backup == 0)
        check_find(&r, "configuration", "has no backup, as far as zsand knows");
    else if (k->backup_generation != f->cfg->generation)
        check_find(&r, "configuration",
                   "was changed since its backup, %llu days ago: then it was "
                   "generation %llu, now it is %llu",
                   days, (unsigned long long)k->backup_generation,
                   (unsigned long long)f->cfg->generation);
    else if (days > BACKUP_DAYS)
        check_find(&r, "configuration", "has its last backup from %llu days ago", days);
}

void look_audit_age(const struct check_facts *f, const struct check *c, check_found_fn *found,
                    void *arg)
{
    FINDER(c, found, arg);
    if (f->care.audit && check_days_since(f, f->care.audit) > AUDIT_DAYS)
        check_find(&r, "checklist", "was gone through %llu days ago",
                   check_days_since(f, f->care.audit));
    else if (!f->care.audit && f->uses_since && check_days_since(f, f->uses_since) > AUDIT_DAYS)
        check_find(&r, "checklist", "was not gone through in the last %llu days",
                   check_days_since(f, f->uses_since));
}
