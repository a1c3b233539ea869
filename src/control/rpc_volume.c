/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes. A volume without a path of its own gets a file VOLUMES/NAME.img, made before the
 * configuration that names it is committed and removed again when that fails, so that a crash
 * leaves at worst a file that nothing names (rpc_orphan.c). Only files of volumes are ever removed,
 * with them. Parks.
 */
#include "base/cleanup.h"
#include "base/text.h"
#include "control/api_gen.h"
#include "control/guard.h"
#include "run/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const engine_text[] = {
    [CFG_MEM] = "mem", [CFG_NULL] = "null", [CFG_FILE] = "file", [CFG_POOL] = "pool"};

/* ---- as JSON ----------------------------------------------------------------------------- */

const char *volume_state_name(const struct net_volume_info *i)
{
    static const char *const names[] = {[NET_VOL_ONLINE] = "online",
                                        [NET_VOL_BUSY] = "busy",
                                        [NET_VOL_WAITING] = "waiting",
                                        [NET_VOL_CLOSING] = "closing"};
    return i ? names[i->state] : "waiting";
}

bool volume_is_served(const struct net_volume_info *i)
{
    return i && (i->state == NET_VOL_ONLINE || i->state == NET_VOL_BUSY);
}

static json_t *mappings(struct jb *b, const struct config *cfg, const struct cfg_volume *v)
{
    json_t *list = jb_list(b);
    for (unsigned i = 0; i < cfg->ntargets; i++) {
        const struct cfg_target *t = &cfg->targets[i];
        for (unsigned k = 0; k < t->nluns; k++) {
            if (t->luns[k].volume != v)
                continue;
            json_t *ref = jb_object(b);
            jb_text(b, ref, "target", t->name);
            jb_uint(b, ref, "lun", t->luns[k].lun);
            jb_push(b, list, ref);
        }
    }
    fiber_maybe_yield();
    return list;
}

static void put_online(struct jb *b, json_t *j, const struct net_volume_info *i)
{
    jb_uint(b, j, "used", i->space.used);
    jb_uint(b, j, "available", i->space.available);
    jb_uint(b, j, "physical_block", i->geo.physical_block);
    jb_text(b, j, "naa", i->naa);
    jb_text(b, j, "serial", i->serial);
    jb_uint(b, j, "reactor", i->reactor);
    jb_uint(b, j, "registrations", i->registrations);
    jb_uint(b, j, "reservation_type", i->pr_type);
}

json_t *volume_json(struct jb *b, const struct config *cfg, const struct cfg_volume *v,
                    const struct live *l)
{
    char id[UUID_STR_LEN + 1];
    const struct net_volume_info *i = live_volume(l, v->name);
    bool online = volume_is_served(i);
    json_t *j = jb_object(b);
    uuid_format(&v->id, id);
    jb_text(b, j, "name", v->name);
    jb_uint(b, j, "size", online ? i->geo.size : v->size);
    jb_text(b, j, "engine", engine_text[v->engine]);
    jb_text(b, j, "sync", volume_sync_name(v->sync));
    jb_text(b, j, "state", volume_state_name(i));
    jb_text(b, j, "reason", i ? i->reason : NULL);
    jb_put(b, j, "luns", mappings(b, cfg, v));
    jb_text(b, j, "path", v->path);
    jb_text(b, j, "dataset", v->dataset);
    jb_uint(b, j, "block_size", v->block_size);
    jb_bool(b, j, "thin", v->thin);
    jb_bool(b, j, "read_only", v->read_only);
    jb_uint(b, j, "iops_limit", v->limits.iops);
    jb_uint(b, j, "bandwidth_limit", v->limits.bps);
    jb_uint(b, j, "threshold_pct", v->threshold_pct);
    guard_json(b, j, v, i);
    jb_text(b, j, "id", id);
    if (online)
        put_online(b, j, i);
    return j;
}

static int missing(const char *name, struct err *reterr)
{
    return err_set(reterr, -ENOENT,
                   "there is no volume \"%.63s\" (zsan volume list shows them)", name);
}

static json_t *volume_row(struct jb *b, const struct config *cfg, unsigned row,
                          const struct live *l)
{
    return volume_json(b, cfg, &cfg->volumes[row], l);
}

int rpc_volume_list(struct control *c, const struct args_volume_list *a, json_t **ret_result,
                    struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    (void)a;
    return live_list(c, cfg, cfg->nvolumes, volume_row, ret_result, reterr);
}

int rpc_volume_show(struct control *c, const struct args_volume_show *a, json_t **ret_result,
                    struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    LIVE(l);
    const struct cfg_volume *v = config_volume(cfg, a->name);
    if (!v)
        return missing(a->name, reterr);
    if (live_take(c, &l, reterr) < 0)
        return -ENOMEM;
    return jb_done(&b, volume_json(&b, cfg, v, &l), ret_result, reterr);
}

/* The volume as a committed transaction left it. */
static int done(struct control *c, struct config_edit *e, const char *name, json_t **ret_result,
                struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    LIVE(l);
    if (live_take(c, &l, reterr) < 0)
        return -ENOMEM;
    return change_done(c, e, &b, volume_json(&b, cfg, config_volume(cfg, name), &l), ret_result,
                       reterr);
}

/* ---- making ------------------------------------------------------------------------------ */

/* The path that zsand gives to a volume's file. */
static int own_path(const struct control *c, const char *name, char ret_path[CFG_PATH_LEN],
                    struct err *reterr)
{
    int n = snprintf(ret_path, CFG_PATH_LEN, "%s/%s.img", c->env.volumes_dir, name);
    if (n < 0 || n >= CFG_PATH_LEN)
        return err_set(reterr, -ENAMETOOLONG, "%.100s...: the path is too long",
                       c->env.volumes_dir);
    return 0;
}

/* The size of what is at the path that the caller gave. */
static int look_at(struct cfg_volume *v, struct err *reterr)
{
    const struct file_opts opts = {.mode = FILE_RDONLY};
    struct file *f;
    if (v->path[0] != '/')
        return err_set(reterr, -EINVAL, "volume \"%s\": --path takes an absolute path",
                       v->name);
    int rc = file_open(v->path, &opts, &f, reterr);
    if (rc < 0)
        return rc;
    v->size = round_down(file_info(f)->size, v->block_size);
    file_close(f);
    return 0;
}

static int check_sync(bool given, int sync, bool force, const char *name, struct err *reterr)
{
    if (given && sync == VOL_SYNC_DISABLED && !force)
        return err_set(
            reterr, -EINVAL,
            "volume \"%.63s\": sync disabled loses acknowledged writes when the power "
            "fails: add --force if that is meant",
            name);
    return 0;
}

static int check_create(const struct args_volume_create *a, enum cfg_engine engine,
                        struct err *reterr)
{
    if (engine != CFG_FILE && a->path)
        return err_set(reterr, -EINVAL,
                       "volume \"%s\": only a volume of engine file has a --path", a->name);
    if (engine != CFG_POOL && a->dataset)
        return err_set(reterr, -EINVAL,
                       "volume \"%s\": only a volume of engine pool has a --dataset", a->name);
    if (a->path && a->has_size)
        return err_set(reterr, -EINVAL,
                       "volume \"%s\": leave out --size: what is at --path has its own",
                       a->name);
    if (!a->path && !a->has_size && engine != CFG_POOL)
        return err_set(reterr, -EINVAL, "volume \"%s\": give its --size", a->name);
    return check_sync(a->has_sync, a->sync, a->force, a->name, reterr);
}

/* What the caller asked for; the store is not there yet. */
static int plan(struct control *c, const struct args_volume_create *a, struct cfg_volume *v,
                struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    if (config_volume(cfg, a->name))
        return err_set(reterr, -EEXIST, "there is a volume \"%s\" already", a->name);
    *v = (struct cfg_volume){
        .engine = a->has_engine          ? (enum cfg_engine)a->engine
                  : volume_wants_pool(a) ? CFG_POOL
                                         : CFG_FILE,
        .size = a->size,
        .block_size = a->has_block_size ? (uint32_t)a->block_size : 512,
        .physical_block = (uint32_t)a->physical_block,
        .read_only = a->read_only,
        .thin = !a->thick,
        .sync = a->has_sync ? (enum volume_sync)a->sync : VOL_SYNC_ALWAYS,
        .limits = {.iops = a->iops_limit, .bps = a->bandwidth_limit},
        .threshold_pct = (uint32_t)a->threshold_pct,
    };
    text_copy(v->name, sizeof(v->name), a->name);
    int rc = check_create(a, v->engine, reterr);
    if (rc == 0)
        rc = guard_apply(cfg, &(struct guard_wish){a->has_policy, a->policy, &a->hosts}, v,
                         reterr);
    if (rc == 0 && v->engine == CFG_POOL)
        return volume_pool_plan(c, a, v, reterr);
    if (rc < 0 || v->engine != CFG_FILE)
        return rc;
    if (!a->path)
        return own_path(c, a->name, v->path, reterr);
    text_copy(v->path, sizeof(v->path), a->path);
    return look_at(v, reterr);
}

static int make_file(struct control *c, const struct cfg_volume *v, struct err *reterr)
{
    int rc = file_mkdir(c->env.volumes_dir, 0700);
    if (rc < 0)
        return err_set(reterr, rc, "%s: %s", c->env.volumes_dir, strerror(-rc));
    rc = c->env.create_file(v->path, v->size, v->thin, reterr);
    if (rc == -EEXIST)
        return err_set(reterr, rc,
                       "%.120s is there already: remove it, or serve it with --path", v->path);
    return rc;
}

/* The store that it brings along; *ret_own: there is one, to be taken back when the commit fails. */
static int make_store(struct control *c, const struct args_volume_create *a,
                      const struct cfg_volume *v, bool *ret_own, struct err *reterr)
{
    int rc = 0;
    *ret_own = false;
    if (v->engine == CFG_FILE && !a->path)
        rc = make_file(c, v, reterr);
    else if (v->engine == CFG_POOL && a->has_size)
        rc = volume_pool_make(c, a, v, reterr);
    else
        return v->engine == CFG_POOL ? volume_pool_adopt(c, v, reterr) : 0;
    *ret_own = rc == 0;
    return rc;
}

static void take_back(struct control *c, const struct cfg_volume *v)
{
    if (v->engine == CFG_FILE)
        file_unlink(v->path);
    else
        volume_pool_destroy(c, v, NULL);
}

int rpc_volume_create(struct control *c, const struct args_volume_create *a,
                      json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    CLEANUP(freep) struct cfg_volume *v = calloc(1, sizeof(*v));
    bool own = false;
    /* Before the transaction: what is at its path may be long in answering, and others would wait. */
    int rc = v ? plan(c, a, v, reterr) : -ENOMEM;
    if (rc == 0)
        rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = edit_volume_add(e, v, reterr);
    if (rc == 0)
        rc = make_store(c, a, v, &own, reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    if (rc < 0 && own)
        take_back(c, v);
    return rc < 0 ? rc : done(c, e, a->name, ret_result, reterr);
}

/* ---- changing ---------------------------------------------------------------------------- */

static void apply_settings(const struct args_volume_set *a, struct cfg_volume *v)
{
    if (a->has_read_only)
        v->read_only = a->read_only;
    if (a->has_sync)
        v->sync = (enum volume_sync)a->sync;
    if (a->has_iops_limit)
        v->limits.iops = a->iops_limit;
    if (a->has_bandwidth_limit)
        v->limits.bps = a->bandwidth_limit;
    if (a->has_threshold_pct)
        v->threshold_pct = (uint32_t)a->threshold_pct;
}

static int set_guard(struct control *c, const struct config *cfg,
                     const struct args_volume_set *a, struct cfg_volume *v, struct err *reterr)
{
    const struct guard_wish wish = {a->has_policy, a->policy, &a->hosts};
    int rc = guard_apply(cfg, &wish, v, reterr);
    return rc < 0 ? rc : guard_check_use(c, cfg, v, a->force, reterr);
}

/* A transaction and a copy of the volume to change. */
static int begin(struct control *c, const char *name, struct config_edit **ret_edit,
                 struct cfg_volume **ret_volume, struct err *reterr)
{
    int rc = config_edit_begin(c->env.store, ret_edit, reterr);
    if (rc < 0)
        return rc;
    const struct cfg_volume *old = config_volume(config_edit_base(*ret_edit), name);
    if (!old)
        return missing(name, reterr);
    *ret_volume = malloc(sizeof(**ret_volume));
    if (!*ret_volume)
        return -ENOMEM;
    **ret_volume = *old;
    return 0;
}

int rpc_volume_set(struct control *c, const struct args_volume_set *a, json_t **ret_result,
                   struct err *reterr)
{
    EDIT(e);
    CLEANUP(freep) struct cfg_volume *v = NULL;
    int rc = begin(c, a->name, &e, &v, reterr);
    if (rc == 0)
        rc = check_sync(a->has_sync, a->sync, a->force, a->name, reterr);
    if (rc == 0) {
        apply_settings(a, v);
        rc = set_guard(c, config_edit_base(e), a, v, reterr);
    }
    if (rc == 0)
        rc = edit_volume_put(e, v, reterr);
    if (rc == 0 && a->has_sync && v->engine == CFG_POOL)
        rc = volume_pool_set_sync(c, v, reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    return rc < 0 ? rc : done(c, e, a->name, ret_result, reterr);
}

static int check_resize(const struct args_volume_resize *a, const struct cfg_volume *v,
                        const struct net_volume_info *now, struct err *reterr)
{
    if (now->state != NET_VOL_ONLINE)
        return err_set(reterr, -EAGAIN, "volume \"%s\" is not online: %.150s", v->name,
                       now->reason);
    bool pool = v->engine == CFG_POOL;
    if (!a->has_size)
        return pool ? err_set(reterr, -EINVAL, "volume \"%s\": give its new size", v->name) : 0;
    if (a->size < now->geo.size && !(pool && a->force))
        return err_set(
            reterr, -EINVAL, "volume \"%s\" has %llu bytes: it can grow, not shrink%s", v->name,
            (unsigned long long)now->geo.size,
            pool ? " without --force, which loses what lies beyond the new end" : "");
    if (a->size % v->block_size != 0)
        return err_set(reterr, -EINVAL,
                       "volume \"%s\": its size must be a multiple of %u bytes", v->name,
                       v->block_size);
    return 0;
}

/* Outside of a transaction: a store may be long in answering, and other changes would wait. What it
 * has now is in *ret_now. */
static int resize(struct control *c, const struct args_volume_resize *a,
                  struct net_volume_info *ret_now, struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    const struct cfg_volume *v = config_volume(cfg, a->name);
    if (!v)
        return missing(a->name, reterr);
    if (net_volume(c->env.net, a->name, ret_now) < 0)
        return err_set(reterr, -EAGAIN, "volume \"%s\" is not served yet", a->name);
    int rc = check_resize(a, v, ret_now, reterr);
    if (rc == 0 && v->engine == CFG_POOL)
        rc = volume_pool_resize(c, v, a->size, reterr);
    else if (rc == 0)
        rc = net_volume_resize(c->env.net, a->name, a->size, reterr);
    return rc == 0 ? net_volume(c->env.net, a->name, ret_now) : rc;
}

/* The store grows first: what it has is true whatever happens next, and the configuration then
 * says the same. */
int rpc_volume_resize(struct control *c, const struct args_volume_resize *a,
                      json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    CLEANUP(freep) struct cfg_volume *v = NULL;
    CLEANUP(freep) struct net_volume_info *now = calloc(1, sizeof(*now));
    int rc = now ? resize(c, a, now, reterr) : -ENOMEM;
    if (rc == 0)
        rc = begin(c, a->name, &e, &v, reterr);
    if (rc == 0) {
        v->size = now->geo.size;
        rc = edit_volume_put(e, v, reterr);
    }
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    return rc < 0 ? rc : done(c, e, a->name, ret_result, reterr);
}

/* ---- removing ---------------------------------------------------------------------------- */

/* What is left of a volume that is configured no more; failing here is a warning. */
static void clear_away(struct control *c, const struct cfg_volume *v, bool keep, struct jb *b,
                       json_t *result)
{
    char own[CFG_PATH_LEN], text[320];
    int rc = config_attrs_forget(c->env.store, &v->id);
    if (rc < 0) {
        snprintf(text, sizeof(text), "volume \"%s\": its attributes stay: %s", v->name,
                 strerror(-rc));
        jb_text(b, result, "warning", text);
    }
    struct err why = {.code = 0};
    if (!keep && v->engine == CFG_POOL && volume_pool_destroy(c, v, &why) < 0) {
        snprintf(text, sizeof(text), "%.60s stays: %s", v->dataset, why.msg);
        jb_text(b, result, "warning", text);
    }
    if (keep || v->engine != CFG_FILE || own_path(c, v->name, own, NULL) < 0 ||
        strcmp(own, v->path) != 0)
        return;
    rc = file_unlink(v->path);
    if (rc < 0 && rc != -ENOENT) {
        snprintf(text, sizeof(text), "%.120s stays: %s", v->path, strerror(-rc));
        jb_text(b, result, "warning", text);
    }
}

int rpc_volume_delete(struct control *c, const struct args_volume_delete *a,
                      json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    CLEANUP(freep) struct cfg_volume *v = NULL;
    struct jb b = {false};
    int rc = begin(c, a->name, &e, &v, reterr);
    if (rc == 0 && a->force)
        rc = volume_unmap(e, a->name, reterr);
    if (rc == 0)
        rc = edit_volume_remove(e, a->name, reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    if (rc < 0)
        return rc;
    json_t *result = jb_object(&b);
    clear_away(c, v, a->keep, &b, result);
    return change_done(c, e, &b, result, ret_result, reterr);
}
