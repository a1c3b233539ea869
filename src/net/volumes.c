/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The volumes and LUs behind the configuration. A volume is opened on the reactor with the
 * fewest, which stays its home; a volume that cannot be opened keeps its entry with the reason
 * and is tried again. Nothing here waits for a store beyond the patience of who asks. All on
 * reactor 0, hopping to the homes.
 */
#include "net/net_int.h"

#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct served_volume *served_find(struct net *net, const struct uuid *id)
{
    struct served_volume *v;
    list_for_each (v, &net->volumes, node) {
        if (memcmp(&v->id, id, sizeof(*id)) == 0)
            return v;
    }
    return NULL;
}

struct served_volume *served_by_name(struct net *net, const char *name)
{
    struct served_volume *v;
    list_for_each (v, &net->volumes, node) {
        if (strcmp(v->cfg.name, name) == 0)
            return v;
    }
    return NULL;
}

/* ---- following the configuration --------------------------------------------------------- */

static struct reactor *least_loaded(struct net *net)
{
    unsigned count[RUN_MAX_REACTORS] = {0}, best = 0;
    struct served_volume *v;
    list_for_each (v, &net->volumes, node) {
        if (v->home)
            count[reactor_index(v->home)]++;
    }
    for (unsigned i = 1; i < run_nreactors(net->run); i++)
        if (count[i] < count[best])
            best = i;
    return run_reactor(net->run, best);
}

/* Where cmd/ wants it; *ret_home NULL: anywhere. Negative: not to be had now. */
static int home_asked(struct net *net, const struct cfg_volume *cfg, struct reactor **ret_home,
                      struct err *reterr)
{
    *ret_home = NULL;
    return net->env.volume_home ? net->env.volume_home(net->env.arg, cfg, ret_home, reterr) : 0;
}

static int volume_up(struct net *net, struct served_volume *v, struct patience *p,
                     struct err *reterr)
{
    struct reactor *home;
    struct err why = {0};
    if (!v->opening) {
        if (home_asked(net, &v->cfg, &home, &why) < 0)
            return served_complain(v, &why, reterr);
        if (home)
            v->home = home;
    }
    if (!v->home)
        v->home = least_loaded(net);
    return served_open(net, v, p, reterr);
}

int volumes_close_marked(struct net *net, struct patience *p, struct err *reterr)
{
    struct served_volume *v, *tmp;
    int result = 0;
    list_for_each_safe (v, tmp, &net->volumes, node) {
        if (!v->closing)
            continue;
        served_stop_opening(v);
        int r = v->open ? served_close(net, v, p, reterr) : 0;
        if (r < 0)
            result = r;
        v->closing = false;
        if (!v->seen) {
            list_remove(&v->node);
            free(v);
        }
    }
    return result;
}

struct naming {
    struct open_volume *o;
    const struct cfg_volume *want;
    bool same;
};

static void is_same_here(void *arg)
{
    struct naming *n = arg;
    const struct net_env *env = &n->o->net->env;
    if (!open_volume_enter(n->o))
        return;
    n->same = env->is_volume(env->arg, n->o->vol, n->want);
    open_volume_leave(n->o);
}

/* A dataset that was renamed stays open. Parks, but for no volume. */
static bool other_dataset(struct served_volume *v, const struct cfg_volume *want)
{
    struct naming n = {.o = v->open, .want = want};
    if (strcmp(v->cfg.dataset, want->dataset) == 0)
        return false;
    if (v->open && v->open->net->env.is_volume)
        call_on(v->home, is_same_here, &n);
    return !n.same;
}

static bool must_reopen(struct served_volume *v, const struct cfg_volume *b)
{
    const struct cfg_volume *a = &v->cfg;
    return a->engine != b->engine || strcmp(a->path, b->path) != 0 ||
           a->block_size != b->block_size || a->physical_block != b->physical_block ||
           a->read_only != b->read_only || a->thin != b->thin || other_dataset(v, b) ||
           ((a->engine == CFG_MEM || a->engine == CFG_NULL) && b->size < a->size);
}

/* Its pool goes, or has come back elsewhere. */
static bool must_leave(struct net *net, const struct served_volume *v,
                       const struct cfg_volume *want)
{
    struct reactor *home;
    if (!v->open && !v->opening)
        return false;
    return home_asked(net, want, &home, NULL) < 0 || (home && home != v->home);
}

void volumes_mark(struct net *net, const struct config *c)
{
    struct served_volume *v;
    list_for_each (v, &net->volumes, node)
        v->seen = false;
    for (unsigned i = 0; c && i < c->nvolumes; i++) {
        v = served_find(net, &c->volumes[i].id);
        if (v) {
            v->seen = true;
            v->closing = must_reopen(v, &c->volumes[i]) || must_leave(net, v, &c->volumes[i]);
        }
    }
    list_for_each (v, &net->volumes, node)
        v->closing = v->closing || !v->seen;
}

/* What an open volume can take on while it is served, and what it could not when that was wanted. */
static int volume_change(struct served_volume *v, const struct cfg_volume *want,
                         struct patience *p, struct err *reterr)
{
    if (!v->open->unset && memcmp(&v->cfg.limits, &want->limits, sizeof(want->limits)) == 0 &&
        v->cfg.sync == want->sync && v->cfg.threshold_pct == want->threshold_pct &&
        v->cfg.policy == want->policy && strcmp(v->cfg.hosts, want->hosts) == 0 &&
        strcmp(v->cfg.name, want->name) == 0)
        return 0;
    text_copy(v->open->name, sizeof(v->open->name), want->name);
    return open_volume_set(v->open, want, p, reterr);
}

static struct served_volume *volume_entry(struct net *net, const struct cfg_volume *cfg)
{
    struct served_volume *v = served_find(net, &cfg->id);
    if (v)
        return v;
    v = calloc(1, sizeof(*v));
    if (!v)
        return NULL;
    v->id = cfg->id;
    v->seen = true;
    list_push(&net->volumes, &v->node);
    return v;
}

int volumes_apply(struct net *net, const struct config *c, struct patience *p,
                  struct err *reterr)
{
    int result = 0;
    for (unsigned i = 0; i < c->nvolumes; i++) {
        struct err why = {0};
        const struct cfg_volume *want = &c->volumes[i];
        struct served_volume *v = volume_entry(net, want);
        if (!v)
            return err_set(reterr, -ENOMEM, "volume %s: out of memory", want->name);
        int r = v->open ? volume_change(v, want, p, &why) : 0;
        v->cfg = *want;
        if (!v->open)
            r = volume_up(net, v, p, &why);
        if (r < 0 &&
            (result == 0 || r != -EINPROGRESS)) { /* what comes by itself hides nothing */
            result = r;
            if (reterr)
                *reterr = why;
        }
    }
    return result;
}

static void lift_here(void *arg)
{
    static const struct volume_limits none;
    struct open_volume *o = arg;
    filter_limits_set(o->limits, &none);
}

void volumes_lift_limits(struct net *net)
{
    struct served_volume *v;
    list_for_each (v, &net->volumes, node) {
        if (v->open)
            call_on(v->home, lift_here, v->open);
    }
}

/* ---- target ports ------------------------------------------------------------------------ */

struct ports_work {
    struct scsi_lu *lu;
    struct scsi_target_port *ports;
    unsigned n;
};

static void ports_here(void *arg)
{
    struct ports_work *w = arg;
    if (scsi_lu_set_ports(w->lu, w->ports, w->n) < 0)
        log_error("lu.ports", KV("error", "out of memory: port groups are reported as before"));
}

static bool maps(const struct cfg_target *t, const struct uuid *id)
{
    for (unsigned i = 0; i < t->nluns; i++)
        if (memcmp(&t->luns[i].volume->id, id, sizeof(*id)) == 0)
            return true;
    return false;
}

static const enum scsi_alua_state alua_states[] = {
    [CFG_ALUA_OPTIMIZED] = ALUA_OPTIMIZED,
    [CFG_ALUA_NON_OPTIMIZED] = ALUA_NON_OPTIMIZED,
    [CFG_ALUA_STANDBY] = ALUA_STANDBY,
};

static unsigned collect_ports(const struct config *c, const struct uuid *id,
                              struct scsi_target_port *ret_ports)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->ntargets; i++) {
        const struct cfg_target *t = &c->targets[i];
        for (unsigned g = 0; maps(t, id) && g < t->ngroups; g++, n++)
            if (ret_ports) {
                struct scsi_target_port *p = &ret_ports[n];
                text_copy(p->name, sizeof(p->name), t->name);
                p->portal_group = t->groups[g]->tag;
                p->rel_port_id = t->rel_port_ids[g];
                p->alua_group = t->groups[g]->alua_group;
                p->wanted = alua_states[t->groups[g]->alua_state];
            }
    }
    return n;
}

void volumes_tell_ports(struct net *net, const struct config *c)
{
    struct served_volume *v;
    list_for_each (v, &net->volumes, node) {
        if (!v->open)
            continue;
        struct ports_work w = {.lu = v->open->lu, .n = collect_ports(c, &v->id, NULL)};
        w.ports = calloc(w.n + 1, sizeof(*w.ports));
        if (!w.ports)
            continue;
        collect_ports(c, &v->id, w.ports);
        call_on(v->home, ports_here, &w);
        free(w.ports);
    }
}

/* ---- leases ------------------------------------------------------------------------------ */

static bool can_be_reached(const struct net *net, const struct config *c, const struct uuid *id)
{
    for (unsigned i = 0; i < c->ntargets; i++) {
        const struct cfg_target *t = &c->targets[i];
        for (unsigned g = 0; !t->disabled && maps(t, id) && g < t->ngroups; g++)
            if (portals_listen(net, t->groups[g]->tag))
                return true;
    }
    return false;
}

struct absence_work {
    struct scsi_lu *lu;
    uint32_t ms;
};

static void absence_here(void *arg)
{
    const struct absence_work *w = arg;
    scsi_lu_set_absence(w->lu, w->ms);
}

void volumes_tell_absence(struct net *net, const struct config *c)
{
    struct served_volume *v;
    list_for_each (v, &net->volumes, node) {
        if (!v->open)
            continue;
        struct absence_work w = {v->open->lu, 0};
        if (can_be_reached(net, c, &v->id))
            w.ms = c->limits.lease_timeout_ms;
        call_on(v->home, absence_here, &w);
    }
}
