/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The volumes and LUs behind the configuration. A volume is opened on the reactor with the
 * fewest, which stays its home; a volume that cannot be opened keeps its entry with the reason
 * and is tried again. All on reactor 0, hopping to the homes.
 */
#include "net/net_int.h"

#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
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

/* ---- opening ----------------------------------------------------------------------------- */

/* What comes of it lies here until it is back on reactor 0, where logins look at the entry. */
struct open_work {
    const struct net *net;
    const struct cfg_volume *cfg;
    struct volume *vol, *limits;
    struct scsi_lu *lu;
    char naa[40];
    struct err err;
    int result;
};

static int open_stack(struct open_work *w)
{
    struct volume *vol = NULL;
    int r = w->net->env.open_volume(w->net->env.arg, w->cfg, &vol, &w->err);
    if (r < 0)
        return r;
    r = filter_limits_new(vol, &w->cfg->limits, &w->limits);
    if (r == 0) {
        vol = w->limits;
        r = filter_stats_new(vol, &w->vol);
    }
    if (r < 0) {
        volume_close(vol);
        return err_set(&w->err, r, "volume %s: %s", w->cfg->name, strerror(-r));
    }
    return 0;
}

static int open_lu(struct open_work *w)
{
    struct scsi_lu_params p = {
        .volume = w->vol,
        .read_only = w->cfg->read_only,
        .threshold_pct = w->cfg->threshold_pct,
    };
    memcpy(p.power_epoch, w->net->env.power_epoch, sizeof(p.power_epoch));
    int r = scsi_identity_load(w->vol, w->net->cfg->oui, &p.id);
    if (r < 0)
        return err_set(&w->err, r, "volume %s: its identity cannot be read or kept: %s",
                       w->cfg->name, strerror(-r));
    snprintf(w->naa, sizeof(w->naa), "naa.");
    hex_encode(p.id.naa, p.id.naa_len, w->naa + 4);
    return scsi_lu_new(&p, &w->lu, &w->err);
}

static void open_here(void *arg)
{
    struct open_work *w = arg;
    w->result = open_stack(w);
    if (w->result < 0)
        return;
    w->result = open_lu(w);
    if (w->result < 0)
        volume_close(w->vol);
}

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

static int volume_up(struct net *net, struct served_volume *v, struct err *reterr)
{
    struct open_work w = {.net = net, .cfg = &v->cfg};
    if (!v->home)
        v->home = least_loaded(net);
    call_on(v->home, open_here, &w);
    if (w.result == 0) {
        v->vol = w.vol;
        v->limits = w.limits;
        v->lu = w.lu;
        text_copy(v->naa, sizeof(v->naa), w.naa);
        v->reason[0] = '\0';
        log_info("volume.online", KV("volume", "%s", v->cfg.name), KV("naa", "%s", v->naa));
        return 0;
    }
    if (strcmp(v->reason, w.err.msg) != 0) { /* logged once, however often it is tried */
        text_copy(v->reason, sizeof(v->reason), w.err.msg);
        log_error("volume.unavailable", KV("volume", "%s", v->cfg.name),
                  KV("error", "%s", w.err.msg));
    }
    if (reterr)
        *reterr = w.err;
    return w.result;
}

/* ---- closing ----------------------------------------------------------------------------- */

struct close_work {
    struct volume *vol;
    struct scsi_lu *lu;
};

static void close_here(void *arg)
{
    struct close_work *w = arg;
    scsi_lu_free(w->lu);
    volume_flush(w->vol);
    volume_close(w->vol);
}

/* The entry is empty before anybody else runs. */
static void volume_down(struct served_volume *v)
{
    struct close_work w = {v->vol, v->lu};
    v->vol = v->limits = NULL;
    v->lu = NULL;
    call_on(v->home, close_here, &w);
    log_info("volume.closed", KV("volume", "%s", v->cfg.name));
}

void volumes_close_marked(struct net *net)
{
    struct served_volume *v, *tmp;
    list_for_each_safe (v, tmp, &net->volumes, node) {
        if (!v->closing)
            continue;
        if (v->vol)
            volume_down(v);
        v->closing = false;
        if (!v->seen) {
            list_remove(&v->node);
            free(v);
        }
    }
}

/* ---- following the configuration --------------------------------------------------------- */

static bool must_reopen(const struct cfg_volume *a, const struct cfg_volume *b)
{
    return a->engine != b->engine || strcmp(a->path, b->path) != 0 ||
           a->block_size != b->block_size || a->physical_block != b->physical_block ||
           a->read_only != b->read_only || a->thin != b->thin ||
           (a->engine != CFG_FILE && b->size < a->size);
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
            v->closing = must_reopen(&v->cfg, &c->volumes[i]);
        }
    }
    list_for_each (v, &net->volumes, node)
        v->closing = v->closing || !v->seen;
}

struct change {
    struct served_volume *v;
    const struct cfg_volume *want;
    int result;
};

static void change_here(void *arg)
{
    struct change *k = arg;
    filter_limits_set(k->v->limits, &k->want->limits);
    scsi_lu_set_threshold(k->v->lu, k->want->threshold_pct);
    if (k->v->vol->sync != k->want->sync)
        k->result = volume_set_sync(k->v->vol, k->want->sync);
}

/* What an open volume can take on while it is served. */
static int volume_change(struct served_volume *v, const struct cfg_volume *want,
                         struct err *reterr)
{
    struct change k = {v, want, 0};
    if (memcmp(&v->cfg.limits, &want->limits, sizeof(want->limits)) == 0 &&
        v->cfg.sync == want->sync && v->cfg.threshold_pct == want->threshold_pct)
        return 0;
    call_on(v->home, change_here, &k);
    if (k.result < 0)
        return err_set(reterr, k.result,
                       "volume %s: what it holds could not be made durable: %s", want->name,
                       strerror(-k.result));
    return 0;
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

int volumes_apply(struct net *net, const struct config *c, struct err *reterr)
{
    int result = 0;
    for (unsigned i = 0; i < c->nvolumes; i++) {
        const struct cfg_volume *want = &c->volumes[i];
        struct served_volume *v = volume_entry(net, want);
        if (!v)
            return err_set(reterr, -ENOMEM, "volume %s: out of memory", want->name);
        int r = v->vol ? volume_change(v, want, reterr) : 0;
        v->cfg = *want;
        if (!v->vol)
            r = volume_up(net, v, reterr);
        if (r < 0)
            result = r;
    }
    return result;
}

static void lift_here(void *arg)
{
    static const struct volume_limits none;
    filter_limits_set(arg, &none);
}

void volumes_lift_limits(struct net *net)
{
    struct served_volume *v;
    list_for_each (v, &net->volumes, node) {
        if (v->vol)
            call_on(v->home, lift_here, v->limits);
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
            }
    }
    return n;
}

void volumes_tell_ports(struct net *net, const struct config *c)
{
    struct served_volume *v;
    list_for_each (v, &net->volumes, node) {
        if (!v->lu)
            continue;
        struct ports_work w = {.lu = v->lu, .n = collect_ports(c, &v->id, NULL)};
        w.ports = calloc(w.n + 1, sizeof(*w.ports));
        if (!w.ports)
            continue;
        collect_ports(c, &v->id, w.ports);
        call_on(v->home, ports_here, &w);
        free(w.ports);
    }
}
