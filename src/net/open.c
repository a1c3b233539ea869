/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A volume that is open, with its LU: how it is made, asked and closed, each by an errand, for its
 * store may not answer. What is open is counted by who holds it on reactor 0 (its memory) and by
 * who is inside on its home (the volume and the LU in it). It is opened for the entry of a
 * configuration, and outlives it while it closes; it is never opened twice at a time.
 */
#include "net/net_int.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void open_volume_put(struct open_volume *o)
{
    if (--o->refs == 0)
        free(o);
}

bool open_volume_enter(struct open_volume *o)
{
    o->inside += o->vol != NULL;
    return o->vol != NULL;
}

void open_volume_leave(struct open_volume *o)
{
    if (--o->inside == 0)
        waitq_wake_all(&o->idle);
}

/* ---- opening ----------------------------------------------------------------------------- */

struct opening {
    struct errand errand;
    bool unwanted; /* what comes of it is to be closed again */
    struct cfg_volume cfg;
    uint32_t oui;
    struct open_volume *o; /* what came of it, with memory from the start */
    struct err err;
    int result;
};

static int open_stack(struct opening *w)
{
    struct volume *vol = NULL;
    const struct net_env *env = &w->errand.net->env;
    int r = env->open_volume(env->arg, &w->cfg, &vol, &w->err);
    if (r < 0)
        return r;
    r = filter_limits_new(vol, &w->cfg.limits, &w->o->limits);
    if (r == 0) {
        vol = w->o->limits;
        r = filter_stats_new(vol, &w->o->vol);
    }
    if (r < 0) {
        volume_close(vol);
        return err_set(&w->err, r, "volume %s: %s", w->cfg.name, strerror(-r));
    }
    return 0;
}

/* The threshold goes with the volume, to wherever it is served next; nothing is written while it is as it was. */
static int keep_threshold(struct volume *vol, uint32_t pct)
{
    CLEANUP(freep) char *old = NULL;
    char text[16];
    snprintf(text, sizeof(text), "%u", pct);
    int r = volume_get_attr(vol, VOL_ATTR_THRESHOLD, &old);
    if (r < 0 || strcmp(old ? old : "0", text) == 0)
        return r;
    r = volume_set_attr(vol, VOL_ATTR_THRESHOLD, pct ? text : NULL);
    return r == -EROFS ? 0 : r;
}

static enum scsi_guard_policy guard_policy(enum cfg_policy p)
{
    static const enum scsi_guard_policy policies[] = {[CFG_EXCLUSIVE] = SCSI_EXCLUSIVE,
                                                      [CFG_CLUSTER] = SCSI_CLUSTER,
                                                      [CFG_READ_SHARED] = SCSI_READ_SHARED};
    return policies[p];
}

static int open_lu(struct opening *w)
{
    struct open_volume *o = w->o;
    struct scsi_lu_params p = {
        .volume = o->vol,
        .read_only = w->cfg.read_only,
        .threshold_pct = w->cfg.threshold_pct,
        .guard = {guard_policy(w->cfg.policy), w->cfg.hosts},
    };
    memcpy(p.power_epoch, w->errand.net->env.power_epoch, sizeof(p.power_epoch));
    int r = scsi_identity_load(o->vol, w->oui, &p.id);
    if (r < 0)
        return err_set(&w->err, r, "volume %s: its identity cannot be read or kept: %s",
                       w->cfg.name, strerror(-r));
    r = keep_threshold(o->vol, w->cfg.threshold_pct);
    if (r < 0)
        return err_set(&w->err, r, "volume %s: its threshold cannot be kept: %s", w->cfg.name,
                       strerror(-r));
    snprintf(o->naa, sizeof(o->naa), "naa.");
    hex_encode(p.id.naa, p.id.naa_len, o->naa + 4);
    return scsi_lu_new(&p, &o->lu, &w->err);
}

static void open_here(struct errand *e)
{
    struct opening *w = container_of(e, struct opening, errand);
    w->result = open_stack(w);
    if (w->result < 0)
        return;
    w->result = open_lu(w);
    if (w->result < 0) {
        volume_close(w->o->vol);
        w->o->vol = NULL;
    }
}

static void close_here(void *arg)
{
    struct open_volume *o = arg;
    struct volume *vol = o->vol;
    o->vol = o->limits = NULL; /* nobody enters any more */
    while (o->inside != 0)
        waitq_wait(&o->idle, NO_DEADLINE, NULL);
    scsi_lu_free(o->lu);
    volume_flush(vol);
    volume_close(vol);
}

static void opening_free(struct opening *w)
{
    if (w->o)
        open_volume_put(w->o);
    free(w);
}

/* One that is wanted is left where the next try finds it. */
static void opening_late(struct errand *e)
{
    struct opening *w = container_of(e, struct opening, errand);
    if (!w->unwanted)
        return;
    if (w->result == 0)
        call_on(e->home, close_here, w->o);
    list_remove(&w->o->node);
    opening_free(w);
}

static struct opening *opening_new(struct net *net, const struct served_volume *v)
{
    struct opening *w = calloc(1, sizeof(*w));
    struct open_volume *o = calloc(1, sizeof(*o));
    if (!w || !o) {
        free(w);
        free(o);
        return NULL;
    }
    w->errand =
        (struct errand){.run = open_here, .late = opening_late, .net = net, .home = v->home};
    w->cfg = v->cfg;
    w->oui = net->cfg->oui;
    w->o = o;
    o->refs = 1;
    o->net = net;
    o->id = v->id;
    o->home = v->home;
    text_copy(o->name, sizeof(o->name), v->cfg.name);
    list_init(&o->node);
    waitq_init(&o->idle);
    return w;
}

/* Told once, however often it is tried; what comes by itself is nobody's trouble. */
int served_complain(struct served_volume *v, const struct err *why, struct err *reterr)
{
    if (strcmp(v->reason, why->msg) != 0) {
        text_copy(v->reason, sizeof(v->reason), why->msg);
        if (why->code == -EINPROGRESS)
            log_info("volume.waiting", KV("volume", "%s", v->cfg.name),
                     KV("why", "%s", why->msg));
        else
            log_error("volume.unavailable", KV("volume", "%s", v->cfg.name),
                      KV("error", "%s", why->msg));
    }
    if (reterr)
        *reterr = *why;
    return why->code;
}

static int opened(struct served_volume *v, struct opening *w, struct err *reterr)
{
    int r = w->result;
    v->opening = NULL;
    if (r < 0) {
        served_complain(v, &w->err, reterr);
    } else {
        v->open = TAKE(w->o);
        v->reason[0] = '\0';
        log_info("volume.online", KV("volume", "%s", v->cfg.name),
                 KV("naa", "%s", v->open->naa));
    }
    opening_free(w);
    return r;
}

static const struct open_volume *still_closing(const struct net *net, const struct uuid *id)
{
    const struct open_volume *o;
    list_for_each (o, &net->closing, node)
        if (memcmp(&o->id, id, sizeof(*id)) == 0)
            return o;
    return NULL;
}

bool served_closing(const struct net *net, const struct served_volume *v)
{
    return !v->open && still_closing(net, &v->id);
}

int served_open(struct net *net, struct served_volume *v, struct patience *p,
                struct err *reterr)
{
    struct err why = {0};
    if (v->opening && v->opening->errand.done) {
        int r = opened(v, v->opening, reterr); /* as it was configured when that began */
        return r < 0 ? r : open_volume_set(v->open, &v->cfg, p, reterr);
    }
    if (!v->opening && still_closing(net, &v->id)) {
        err_set(&why, -EBUSY, "volume %s: it is still closing: its store does not answer",
                v->cfg.name);
        return served_complain(v, &why, reterr);
    }
    if (!v->opening) {
        v->opening = opening_new(net, v);
        if (!v->opening)
            return err_set(reterr, -ENOMEM, "volume %s: out of memory", v->cfg.name);
        if (errand_run(&v->opening->errand, p) == 0)
            return opened(v, v->opening, reterr);
    }
    err_set(&why, -ETIMEDOUT, "volume %s: it is still opening: its store does not answer",
            v->cfg.name);
    return served_complain(v, &why, reterr);
}

void served_stop_opening(struct served_volume *v)
{
    struct opening *w = v->opening;
    if (w && w->errand.done) {
        opened(v, w, NULL);
    } else if (w) {
        v->opening = NULL;
        w->unwanted = true;
        list_push(&w->o->net->closing, &w->o->node);
    }
}

/* ---- closing ----------------------------------------------------------------------------- */

static void closing_here(struct errand *e)
{
    close_here(container_of(e, struct open_volume, closing));
}

static void closed(struct errand *e)
{
    struct open_volume *o = container_of(e, struct open_volume, closing);
    log_info("volume.closed", KV("volume", "%s", o->name));
    list_remove(&o->node);
    open_volume_put(o);
}

int served_close(struct net *net, struct served_volume *v, struct patience *p,
                 struct err *reterr)
{
    struct open_volume *o = v->open;
    v->open = NULL;
    o->closing =
        (struct errand){.run = closing_here, .late = closed, .net = net, .home = o->home};
    list_push(&net->closing, &o->node);
    if (errand_run(&o->closing, p) == 0) {
        closed(&o->closing);
        return 0;
    }
    log_warn("volume.stuck", KV("volume", "%s", o->name),
             KV("error", "its store does not answer: it is closed when it does"));
    return err_set(reterr, -ETIMEDOUT,
                   "volume %s: its store does not answer: it is closed when it does", o->name);
}

/* ---- changing ---------------------------------------------------------------------------- */

struct setting {
    struct errand errand;
    struct open_volume *o;
    struct volume_limits limits;
    uint32_t threshold_pct;
    enum volume_sync sync;
    enum cfg_policy policy;
    char hosts[CFG_HOSTS_LEN];
    char name[CFG_NAME_LEN];
    int result;
};

static void set_here(struct errand *e)
{
    struct setting *w = container_of(e, struct setting, errand);
    struct open_volume *o = w->o;
    if (!open_volume_enter(o))
        return;
    volume_rename(o->vol, w->name);
    filter_limits_set(o->limits, &w->limits);
    scsi_lu_set_threshold(o->lu, w->threshold_pct);
    w->result = keep_threshold(o->vol, w->threshold_pct);
    const struct scsi_guard guard = {guard_policy(w->policy), w->hosts};
    int g = scsi_lu_set_guard(o->lu, &guard);
    w->result = g ? g : w->result;
    if (o->vol->sync != w->sync) {
        int r = volume_set_sync(o->vol, w->sync);
        w->result = r ? r : w->result;
    }
    open_volume_leave(o);
}

static void setting_free(struct errand *e)
{
    struct setting *w = container_of(e, struct setting, errand);
    w->o->unset = w->result < 0;
    open_volume_put(w->o);
    free(w);
}

int open_volume_set(struct open_volume *o, const struct cfg_volume *want, struct patience *p,
                    struct err *reterr)
{
    struct setting *w = calloc(1, sizeof(*w));
    if (!w) {
        o->unset = true;
        return err_set(reterr, -ENOMEM, "volume %s: out of memory", o->name);
    }
    *w = (struct setting){
        .errand = {.run = set_here, .late = setting_free, .net = o->net, .home = o->home},
        .o = o,
        .limits = want->limits,
        .threshold_pct = want->threshold_pct,
        .sync = want->sync,
        .policy = want->policy,
    };
    text_copy(w->hosts, sizeof(w->hosts), want->hosts);
    text_copy(w->name, sizeof(w->name), want->name);
    o->refs++;
    if (errand_run(&w->errand, p) < 0)
        return err_set(reterr, -ETIMEDOUT,
                       "volume %s: its store does not answer: what it holds is made durable "
                       "when it does",
                       o->name);
    int r = w->result;
    if (r < 0)
        err_set(reterr, r,
                "volume %s: its settings and what it holds could not be made durable: %s",
                o->name, strerror(-r));
    setting_free(&w->errand);
    return r;
}
