/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes in pools. One that is given a size gets a dataset of its own, made before the configuration
 * names it and destroyed again when that fails; without a size, one that is there already is served as it is.
 * Deleting the volume destroys the dataset. Parks.
 */
#include "base/cleanup.h"
#include "base/text.h"
#include "control/api_gen.h"
#include "control/control_int.h"
#include "control/pools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool volume_wants_pool(const struct args_volume_create *a)
{
    return a->has_engine ? a->engine == CFG_POOL : a->dataset || strchr(a->name, '/');
}

/* ---- what was asked for ------------------------------------------------------------------ */

static int check_new_only(const struct args_volume_create *a, struct err *reterr)
{
    const char *flag = a->has_volblocksize ? "volblocksize"
                       : a->compression    ? "compression"
                       : a->checksum       ? "checksum"
                       : a->thick          ? "thick"
                       : a->parents        ? "parents"
                                           : NULL;
    if (flag)
        return err_set(reterr, -EINVAL,
                       "volume \"%.60s\": --%s is for a new dataset, which has a --size",
                       a->name, flag);
    return 0;
}

struct look {
    const char *dataset;
    uint64_t size;
    enum volume_sync sync;
    uint32_t threshold_pct;
};

static int look_here(struct pool *p, void *arg, struct err *reterr)
{
    struct look *l = arg;
    struct volume *v;
    int rc = pool_volume_open(p, dataset_below(l->dataset), &v, reterr);
    if (rc < 0)
        return rc;
    l->size = v->geo.size;
    l->sync = v->sync;
    CLEANUP(freep) char *pct = NULL;
    rc = volume_get_attr(v, VOL_ATTR_THRESHOLD, &pct);
    if (pct)
        l->threshold_pct = (uint32_t)MIN(strtoul(pct, NULL, 10), 99ul);
    volume_close(v);
    return rc < 0 ? err_set(reterr, rc, "%s: its threshold cannot be read", l->dataset) : 0;
}

/* One that is there: its size, and its policy where the caller doesn't say it. */
static int adopt(struct control *c, const struct args_volume_create *a, struct cfg_volume *v,
                 struct err *reterr)
{
    struct look l = {.dataset = v->dataset};
    int rc = check_new_only(a, reterr);
    if (rc == 0)
        rc = pools_with_dataset(c->env.pools, v->dataset, look_here, &l, reterr);
    if (rc == -ENOENT)
        return err_set(reterr, rc, "there is no volume %.120s: give a --size to make it",
                       v->dataset);
    if (rc < 0)
        return rc;
    v->size = l.size;
    if (!a->has_sync && l.sync != VOL_SYNC_DISABLED)
        v->sync = l.sync;
    if (!a->has_threshold_pct)
        v->threshold_pct = l.threshold_pct;
    return 0;
}

int volume_pool_plan(struct control *c, const struct args_volume_create *a,
                     struct cfg_volume *v, struct err *reterr)
{
    const char *dataset = a->dataset ? a->dataset : a->name;
    if (!strchr(dataset, '/'))
        return err_set(
            reterr, -EINVAL,
            "volume \"%.60s\": say where it lies: --dataset POOL/NAME, or call it so", a->name);
    text_copy(v->dataset, sizeof(v->dataset), dataset);
    return a->has_size ? 0 : adopt(c, a, v, reterr);
}

/* ---- making and unmaking ----------------------------------------------------------------- */

struct making {
    const struct args_volume_create *a;
    const struct cfg_volume *v;
};

static int make_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct making *m = arg;
    const struct pool_prop sync = {"sync", volume_sync_name(m->v->sync)};
    const struct pool_volume_want want = {.name = dataset_below(m->v->dataset),
                                          .size = m->v->size,
                                          .block_size = (uint32_t)m->a->volblocksize,
                                          .reserve = m->a->thick,
                                          .make_parents = m->a->parents,
                                          .compression = m->a->compression,
                                          .checksum = m->a->checksum,
                                          .props = &sync,
                                          .nprops = 1};
    return pool_volume_create(p, &want, reterr);
}

int volume_pool_make(struct control *c, const struct args_volume_create *a,
                     const struct cfg_volume *v, struct err *reterr)
{
    struct making m = {a, v};
    int rc = pools_with_dataset(c->env.pools, v->dataset, make_here, &m, reterr);
    if (rc == -EEXIST)
        return err_set(reterr, rc, "%.120s is there already: leave out --size to serve it",
                       v->dataset);
    return rc;
}

static int destroy_here(struct pool *p, void *arg, struct err *reterr)
{
    return pool_volume_destroy(p, dataset_below(arg), reterr);
}

int volume_pool_destroy(struct control *c, const struct cfg_volume *v, struct err *reterr)
{
    char dataset[CFG_DATASET_LEN];
    text_copy(dataset, sizeof(dataset), v->dataset);
    return pools_with_dataset(c->env.pools, dataset, destroy_here, dataset, reterr);
}

struct change {
    const struct cfg_volume *v;
    uint64_t size;
};

static int sync_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct change *ch = arg;
    return pool_set(p, dataset_below(ch->v->dataset), "sync", volume_sync_name(ch->v->sync),
                    reterr);
}

int volume_pool_set_sync(struct control *c, const struct cfg_volume *v, struct err *reterr)
{
    struct change ch = {.v = v};
    return pools_with_dataset(c->env.pools, v->dataset, sync_here, &ch, reterr);
}

/* In a pool that is read-only nothing can be set, nor written. */
int volume_pool_adopt(struct control *c, const struct cfg_volume *v, struct err *reterr)
{
    struct err why = {.code = 0};
    int rc = volume_pool_set_sync(c, v, &why);
    return rc == 0 || rc == -EROFS ? 0 : err_set(reterr, rc, "%s", why.msg);
}

static int resize_here(struct pool *p, void *arg, struct err *reterr)
{
    const struct change *ch = arg;
    return pool_volume_resize(p, dataset_below(ch->v->dataset), ch->size, reterr);
}

int volume_pool_resize(struct control *c, const struct cfg_volume *v, uint64_t size,
                       struct err *reterr)
{
    struct change ch = {v, size};
    return pools_with_dataset(c->env.pools, v->dataset, resize_here, &ch, reterr);
}
