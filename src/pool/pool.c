/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool in memory: making it, its space, letting go of it. */
#include "pool/format/features.h"
#include "pool/pool_int.h"
#include "pool/scan/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int pool_name_check(const char *name, struct err *reterr)
{
    static const char *const reserved[] = {"mirror", "raidz", "draid", "spare"};
    int r = dsl_name_check(name, reterr);
    if (r)
        return r;
    if (strchr(name, '/') || name[0] < 'A')
        return err_set(reterr, E(-EINVAL), "pool name %s: must begin with a letter, without /",
                       name);
    for (unsigned i = 0; i < ARRAY_LEN(reserved); i++)
        if (strncmp(name, reserved[i], strlen(reserved[i])) == 0)
            return err_set(reterr, E(-EINVAL), "pool name %s: %s is a word of its own", name,
                           reserved[i]);
    if (strcmp(name, "log") == 0)
        return err_set(reterr, E(-EINVAL), "pool name log: a word of its own");
    return 0;
}

struct pool *pool_new(const char *name, const struct pool_opts *opts)
{
    struct pool *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    strncpy(p->name, name, POOL_NAME_MAX);
    p->dsl.name_over = (unsigned)strlen(p->name) + 1;
    p->hostid = opts->hostid;
    strncpy(p->hostname, opts->hostname ? opts->hostname : "", sizeof(p->hostname) - 1);
    p->dirty_limit = opts->dirty_bytes ? opts->dirty_bytes : POOL_DIRTY_DEFAULT;
    p->dirty_max = p->dirty_limit;
    p->free_step = opts->free_step ? opts->free_step : POOL_FREE_STEP;
    p->scan_keep_ms = opts->scan_keep_ms ? opts->scan_keep_ms : POOL_SCAN_KEEP_MS;
    if (opts->progress) {
        p->replay = &opts->progress->replay;
        p->replay->step = p->replay->nth = p->replay->all = 0;
    }
    waitq_init(&p->dirty_less);
    suspend_init(p);
    waitgroup_init(&p->errands);
    list_init(&p->volumes);
    return p;
}

int pool_tables(struct pool *p, const struct pool_opts *opts, uint64_t txg, struct err *reterr)
{
    int r = blocks_init(&p->blocks, p->root,
                        opts->cache_bytes ? opts->cache_bytes : POOL_CACHE_DEFAULT);
    if (r)
        return err_set(reterr, r, "pool %s: no memory", p->name);
    p->space = space_new(p->root, maps_load, p, txg);
    p->blocks.space = p->space;
    p->blocks.committed_txg = txg;
    return p->space ? 0 : err_set(reterr, E(-ENOMEM), "pool %s: no memory", p->name);
}

void pool_feature_active(struct pool *p, const struct feature *f)
{
    if ((f->flags & FEATURE_MOS) && p->nlabel_features < POOL_LABEL_FEATURES)
        p->label_features[p->nlabel_features++] = f->guid;
    if (strcmp(f->name, "hole_birth") == 0)
        p->blocks.hole_birth = true;
}

static void after_commit(struct pool *p, uint64_t txg)
{
    (void)txg;
    throttle_sync_ended(p);
    scan_poke(p);
    pool_watch(p);
    care_poke(p);
}

int pool_start(struct pool *p, uint64_t synced, struct err *reterr)
{
    p->before_sync = volumes_before_sync;
    p->after_commit = after_commit;
    int r = txg_start(p, synced);
    if (r)
        return err_set(reterr, r, "pool %s: no memory", p->name);
    r = scan_start(p, reterr);
    return r ? r : care_start(p, reterr);
}

void pool_stop(struct pool *p)
{
    txg_let_go(p);
    care_stop(p);
    scan_stop(p);
    if (p->txgs.open) /* it was started; it may have failed since */
        txg_stop(p);
    suspend_stop(p);
    waitgroup_wait(&p->errands);
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    errlog_free(p);
    dsl_unload(&p->dsl);
    if (p->mos)
        objset_close(p->mos);
    if (p->space)
        space_free(p->space);
    shortcuts_free(p->shortcuts);
    blocks_fini(&p->blocks);
    vdev_free(p->root);
    spares_free(p);
    nv_free(p->extra);
    free(p);
}

const char *pool_name(const struct pool *p)
{
    return p->name;
}

int pool_sync(struct pool *p)
{
    return txg_wait(p, 0);
}

void pool_cache(const struct pool *p, struct pool_cache *ret)
{
    struct cache_stats st;
    cache_stats(p->blocks.cache, &st);
    *ret = (struct pool_cache){
        .bytes = st.bytes,
        .budget = st.budget,
        .hits = st.hits + shortcuts_hits(p->shortcuts),
        .misses = st.misses,
        .prefetch_hits = st.prefetch_hits,
    };
}

void pool_set_memory(struct pool *p, uint64_t cache_bytes, uint64_t dirty_bytes)
{
    cache_set_budget(p->blocks.cache, cache_bytes);
    p->dirty_limit = dirty_bytes;
    throttle_follow_room(p);
    waitq_wake_all(&p->dirty_less);
}

/* ---- trouble -------------------------------------------------------------------------- */

bool pool_suspended(const struct pool *p)
{
    return p->suspended.on;
}

void pool_trouble(const struct pool *p, struct pool_trouble *ret)
{
    const struct suspension *s = &p->suspended;
    *ret = (struct pool_trouble){.kind = POOL_FINE};
    if (s->on) {
        ret->kind = POOL_SUSPENDED;
        ret->since = s->since;
        snprintf(ret->why, sizeof(ret->why), "%s%s%s", s->why, s->refusal[0] ? "; " : "",
                 s->refusal);
    } else if (p->txgs.failed) {
        ret->kind = POOL_FAILED;
        ret->since = p->txgs.failed_at;
        snprintf(ret->why, sizeof(ret->why),
                 "txg %" PRIu64
                 " could not be written (%s): export the pool and import it again",
                 p->txgs.synced + 1, strerror(-p->txgs.failed));
    }
}

void pool_let_go(struct pool *p)
{
    txg_let_go(p);
}

/* ---- the end -------------------------------------------------------------------------- */

void pool_close(struct pool *p)
{
    pool_stop(p);
    pool_free(p);
}

bool pool_read_only(const struct pool *p, const char **ret_why)
{
    if (ret_why)
        *ret_why = p->read_only_why;
    return p->read_only;
}

struct leaving {
    struct pool *p;
    enum pool_state state;
};

static int mark_left(void *arg, uint64_t txg, struct err *reterr)
{
    const struct leaving *l = arg;
    struct pool *p = l->p;
    (void)reterr;
    p->state = l->state;
    p->config_dirty = true;
    return history_internal(p, txg, l->state == POOL_STATE_DESTROYED ? "destroy" : "export",
                            "%s", p->name);
}

/* The last txg, whose labels say what became of the pool. Of the errors none is one of those that mean that it is still open. */
static int pool_leave(struct pool *p, enum pool_state state, struct err *reterr)
{
    struct leaving l = {p, state};
    care_stop(p);
    scan_stop(p);
    int r = p->read_only ? 0 : txg_run(p, mark_left, &l, reterr);
    pool_close(p);
    return r == -EAGAIN ? E(-EIO) : r;
}

static int in_use_check(const struct pool *p, struct err *reterr)
{
    if (p->suspended.on)
        return err_set(
            reterr, E(-EAGAIN),
            "pool %s is suspended: %s: bring back enough of its disks and clear it, or "
            "stop zsand, which gives up what could not be written",
            p->name, p->suspended.why);
    if (p->open_volumes == 0)
        return 0;
    return err_set(reterr, E(-EBUSY), "pool %s: %u of its volumes are in use", p->name,
                   p->open_volumes);
}

int pool_export(struct pool *p, struct err *reterr)
{
    int r = in_use_check(p, reterr);
    return r ? r : pool_leave(p, POOL_STATE_EXPORTED, reterr);
}

int pool_destroy(struct pool *p, bool force, struct err *reterr)
{
    int r = in_use_check(p, reterr);
    if (r)
        return r;
    if (p->read_only)
        return err_set(reterr, E(-EROFS), "pool %s is imported read-only", p->name);
    const struct dsl_dir *first = dsl_next(&p->dsl, dsl_next(&p->dsl, NULL));
    if (first && !force)
        return err_set(reterr, E(-EBUSY),
                       "pool %s holds %s, perhaps more: use --force to destroy it all", p->name,
                       first->name);
    return pool_leave(p, POOL_STATE_DESTROYED, reterr);
}
