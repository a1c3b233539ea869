/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server under test, brought up as zsand does it: configuration store, front, file volumes.
 * In a story's first world the configuration and the volumes are made; later ones find them on
 * the disks, or make what the power took away again.
 */
#include "story.h"

#include "config/config.h"
#include "config/config_edit.h"
#include "net/net.h"
#include "net/net_admin.h"
#include "run/file.h"
#include "store/store.h"

#include "base/check.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *story_target_name(unsigned k)
{
    static const char *const names[] = {"iqn.2026-01.test:target-a",
                                        "iqn.2026-01.test:target-b",
                                        "iqn.2026-01.test:playground"};
    return names[k];
}

const char *story_target_of(unsigned id)
{
    return story_target_name(id == STRANGER ? TARGETS : id % TARGETS);
}

struct target {
    struct story *st;
    struct config_store *store;
    struct net *net;
};

static void must(const char *what, int r, const struct err *err)
{
    if (r < 0)
        story_fail("%s: %s (%d)", what, err->msg, r);
}

/* ---- what zsand wires -------------------------------------------------------------------- */

static int open_volume(void *arg, const struct cfg_volume *v, struct volume **ret_volume,
                       struct err *reterr)
{
    struct target *t = arg;
    const struct store_params p = {
        .name = v->name,
        .id = v->id,
        .block_size = v->block_size,
        .physical_block = v->physical_block,
        .thick = !v->thin,
        .read_only = v->read_only,
        .sync = v->sync,
        .attrs = config_attrs(t->store),
    };
    if (v->engine == CFG_MEM)
        return store_mem_open(&p, v->size, false, ret_volume, reterr);
    return store_file_open(&p, v->path, ret_volume, reterr);
}

/* ---- making it --------------------------------------------------------------------------- */

static void make_volume(struct target *t, struct config_edit *e, unsigned lun)
{
    struct story *st = t->st;
    struct err err = {0};
    uint16_t got;
    struct cfg_volume *v = calloc(1, sizeof(*v));
    check(v);
    v->engine = CFG_FILE;
    v->size = (uint64_t)NBLOCKS * st->block_size;
    v->block_size = st->block_size;
    v->thin = true;
    v->policy = CFG_CLUSTER; /* its initiators are hosts of their own */
    v->sync = lun == 1 && st->write_back ? VOL_SYNC_STANDARD : VOL_SYNC_ALWAYS;
    snprintf(v->name, sizeof(v->name), "vol%u", lun);
    snprintf(v->path, sizeof(v->path), "/srv/%s", v->name);
    int r = store_file_create(v->path, v->size, true, &err);
    if (r != -EEXIST) /* the file survived a power cut that the configuration did not */
        must("volume file", r, &err);
    must("volume", edit_volume_add(e, v, &err), &err);
    for (unsigned k = 0; k < TARGETS; k++)
        must("LUN", edit_lun_add(e, story_target_name(k), (int)lun, v->name, &got, &err), &err);
    free(v);
}

/* Memory volumes: one comes and goes, one is the strangers' to play with. */
static void make_memory(struct config_edit *e, const char *name)
{
    struct err err = {0};
    struct cfg_volume *v = calloc(1, sizeof(*v));
    check(v);
    v->engine = CFG_MEM;
    v->size = 1 << 20;
    v->block_size = 512;
    v->thin = true;
    v->policy = CFG_CLUSTER; /* its initiators are hosts of their own */
    snprintf(v->name, sizeof(v->name), "%s", name);
    must("volume", edit_volume_add(e, v, &err), &err);
    free(v);
}

static void make_initiator(struct target *t, struct config_edit *e, unsigned id)
{
    struct cfg_initiator *i = calloc(1, sizeof(*i));
    struct err err = {0};
    check(i);
    i->auth = t->st->chap ? CFG_AUTH_MUTUAL : CFG_AUTH_NONE;
    snprintf(i->name, sizeof(i->name), "iqn.2026-01.test:initiator-%u", id);
    must("initiator", edit_initiator_add(e, i, NULL, &err), &err);
    must("grant", edit_grant_add(e, i->name, story_target_of(id), &err), &err);
    free(i);
}

static void make_targets(struct config_edit *e)
{
    static const struct cfg_portal portal = {.address = "127.0.0.1", .port = 3260};
    struct err err = {0};
    must("portal", edit_portal_add(e, 1, &portal, &err), &err);
    for (unsigned k = 0; k <= TARGETS; k++) {
        struct cfg_target target = {0};
        text_copy(target.name, sizeof(target.name), story_target_name(k));
        must("target", edit_target_add(e, &target, NULL, 0, &err), &err);
    }
}

/* Windows, bursts and keepalives differ from story to story. */
static void make_limits(struct story *st, struct config_edit *e)
{
    struct cfg_limits l = config_edit_base(e)->limits;
    struct err err = {0};
    l.tasks_per_session = (uint32_t)(2 + draw(st, one_in(st, 3) ? 4 : 127));
    l.nop_interval_ms = (uint32_t)(500 + draw(st, 5000));
    l.nop_timeout_ms = (uint32_t)(2000 + draw(st, 8000));
    l.max_recv_data_segment = (uint32_t)(8192 << draw(st, 6));
    l.max_burst = (uint32_t)(16384 << draw(st, 6));
    l.first_burst = l.max_burst >> draw(st, 2);
    l.max_outstanding_r2t = (uint16_t)(1 + draw(st, 8));
    must("limits", edit_limits_put(e, &l, &err), &err);
}

static void make_all(struct target *t)
{
    struct config_edit *e;
    struct err err = {0};
    uint16_t got;
    must("transaction", config_edit_begin(t->store, &e, &err), &err);
    make_limits(t->st, e);
    make_targets(e);
    for (unsigned lun = 0; lun < LUNS; lun++)
        make_volume(t, e, lun);
    make_memory(e, "extra");
    make_memory(e, "toys");
    must("LUN", edit_lun_add(e, story_target_name(TARGETS), 0, "toys", &got, &err), &err);
    for (unsigned id = 0; id < INITIATORS; id++)
        make_initiator(t, e, id);
    must("commit", config_edit_commit(e, &err), &err);
    config_edit_end(e);
}

static void credential_copy(const struct cfg_credential *c, char *ret_name, char *ret_secret)
{
    text_copy(ret_name, CFG_NAME_LEN, c->name);
    memcpy(ret_secret, c->secret[0].bytes, c->secret[0].len);
    ret_secret[c->secret[0].len] = 0;
}

/* The secrets that were minted, for the initiators to know. */
static void learn_secrets(struct story *st, const struct config *c)
{
    for (unsigned id = 0; id < INITIATORS; id++) {
        struct credentials *k = &st->credentials[id];
        char name[64];
        snprintf(name, sizeof(name), "iqn.2026-01.test:initiator-%u", id);
        const struct cfg_grant *g = config_grant(c, name, story_target_of(id));
        check(g);
        credential_copy(&g->forward, k->user, k->secret);
        credential_copy(&g->reverse, k->reverse_user, k->reverse_secret);
    }
}

/* ---- what an operator does --------------------------------------------------------------- */

static void kick_here(void *arg)
{
    struct story *st = arg;
    struct net_session_info *s;
    unsigned n;
    if (net_sessions(st->target->net, &s, &n) < 0)
        return;
    if (n && net_session_drop(st->target->net, s[draw(st, n)].id) == 0)
        st->n.kicks++;
    free(s);
}

void target_kick(struct story *st)
{
    call_on(run_reactor(st->run, 0), kick_here, st);
}

static void grow_here(void *arg)
{
    struct story *st = arg;
    struct net_volume_info *v = calloc(1, sizeof(*v));
    struct err err = {0};
    check(v);
    if (net_volume(st->target->net, "vol2", v) == 0 && v->state == NET_VOL_ONLINE &&
        net_volume_resize(st->target->net, "vol2", v->geo.size + (1 << 20), &err) == 0)
        st->n.grown++;
    free(v);
}

void target_grow(struct story *st)
{
    call_on(run_reactor(st->run, 0), grow_here, st);
}

static bool extra_mapped(const struct config *c)
{
    const struct cfg_target *t = config_target(c, story_target_name(1));
    for (unsigned k = 0; k < t->nluns; k++) {
        if (t->luns[k].lun == EXTRA_LUN)
            return true;
    }
    return false;
}

static int remap(struct story *st, struct config_edit *e, bool add, struct err *reterr)
{
    uint16_t got;
    int r = add ? edit_lun_add(e, story_target_name(1), EXTRA_LUN, "extra", &got, reterr)
                : edit_lun_remove(e, story_target_name(1), EXTRA_LUN, reterr);
    if (r == 0)
        r = config_edit_commit(e, reterr);
    if (r == 0 && config_edit_warning(e)->code != 0)
        story_fail("the new LUN map was not applied: %s", config_edit_warning(e)->msg);
    st->n.remaps += r == 0;
    return r;
}

static void remap_here(void *arg)
{
    struct story *st = arg;
    struct config_edit *e;
    struct err err = {0};
    must("transaction", config_edit_begin(st->target->store, &e, &err), &err);
    bool add = !extra_mapped(config_edit_base(e));
    st->extra = EXTRA_UNKNOWN;
    st->extra_changes++;
    int r = remap(st, e, add, &err);
    if (!st->name_faults) /* else it may have failed, and then it changed nothing */
        must("LUN map", r, &err);
    st->n.save_failures += r < 0;
    st->extra = add == (r == 0) ? EXTRA_THERE : EXTRA_GONE;
    config_edit_end(e);
}

void target_remap(struct story *st)
{
    call_on(run_reactor(st->run, 0), remap_here, st);
}

/* ---- up and down ------------------------------------------------------------------------- */

static void open_store(struct target *t)
{
    struct err err = {0};
    must("folder", file_mkdir("/srv", 0700), &err);
    must("store", config_store_open("/etc/zsan", NULL, &t->store, &err), &err);
    const struct config *c = config_current(t->store);
    bool empty = c->ntargets == 0;
    config_put(c);
    if (empty)
        make_all(t);
}

static void serve(struct target *t)
{
    const struct net_env env = {.open_volume = open_volume, .arg = t};
    struct err err = {0};
    must("front", net_new(t->st->run, &env, &t->net, &err), &err);
    config_subscribe(t->store, net_apply, t->net);
    const struct config *c = config_current(t->store);
    learn_secrets(t->st, c);
    t->st->extra = extra_mapped(c) ? EXTRA_THERE : EXTRA_GONE;
    must("apply", net_apply(t->net, c, &err), &err);
    config_put(c);
}

struct target *target_up(struct story *st)
{
    struct target *t = calloc(1, sizeof(*t));
    check(t);
    t->st = st;
    open_store(t);
    serve(t);
    return t;
}

void target_down(struct target *t)
{
    check(net_stop(t->net) == 0);
    net_free(t->net);
    config_store_close(t->store);
    free(t);
}
