/* SPDX-License-Identifier: BSD-2-Clause */
/* Destroying and renaming datasets: each is a task of the sync fiber. */
#include "pool/pool_int.h"
#include "pool/zil/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

int pool_dataset_name_check(const struct pool *p, const char *name, struct err *reterr)
{
    int r = dsl_name_check(name, reterr);
    if (r == 0 && strlen(name) + p->dsl.name_over > DSL_NAME_MAX)
        r = err_set(reterr, E(-ENAMETOOLONG), "%s/%.64s...: longer than %u characters", p->name,
                    name, DSL_NAME_MAX);
    return r;
}

const char *name_split(const char *name, char buf[DSL_NAME_MAX + 1])
{
    const char *slash = strrchr(name, '/');
    size_t len = slash ? (size_t)(slash - name) : 0;
    memcpy(buf, name, len);
    buf[len] = 0;
    return slash ? slash + 1 : name;
}

static struct dsl_dir *find(struct pool *p, const char *name, struct err *reterr)
{
    struct dsl_dir *dd = dsl_find(&p->dsl, name);
    if (!dd || (dd->head && dsl_dataset_is_going(dd->head))) {
        err_set(reterr, E(-ENOENT), "pool %s has no dataset %s", p->name, name);
        return NULL;
    }
    return dd;
}

/* ---- destroying --------------------------------------------------------------------------------------------- */

struct name_task {
    struct pool *p;
    const char *name, *to;
};

struct destroy_task {
    struct pool *p;
    const char *name;
    struct dsl_dir *dd; /* found when the task runs */
    int left;           /* 1: another step is needed */
};

/* A log that a crash left and nobody replayed goes with its volume. */
static int log_drop(struct pool *p, struct dsl_dataset *ds, struct err *reterr)
{
    int r = dsl_dataset_open(ds, reterr);
    if (r)
        return r;
    if (!zil_needs_replay(ds)) {
        dsl_dataset_close(ds);
        return 0;
    }
    ds->close_committed++;
    return zil_discard(p, ds);
}

static int destroy_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct destroy_task *t = arg;
    (void)txg;
    t->dd = find(t->p, t->name, reterr);
    if (!t->dd)
        return -ENOENT;
    if (t->dd->head->sync)
        return err_set(reterr, E(-EBUSY), "volume %s/%s is in use", t->p->name, t->name);
    t->left = 1;
    int r = dsl_destroy_begin(t->dd, reterr);
    return r ? r : log_drop(t->p, t->dd->head, reterr);
}

static int step_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct destroy_task *t = arg;
    (void)txg, (void)reterr;
    t->left = dsl_destroy_step(t->dd, t->p->free_step);
    return MIN(t->left, 0);
}

static int steps_run(struct destroy_task *t, struct err *reterr)
{
    int r = 0;
    while (r == 0 && t->left > 0)
        r = txg_run(t->p, step_task, t, reterr);
    return r;
}

static int destroy(struct pool *p, const char *name, struct err *reterr)
{
    struct destroy_task t = {.p = p, .name = name};
    int r = txg_run(p, destroy_task, &t, reterr);
    return r ? r : steps_run(&t, reterr);
}

/* Before anything of a whole tree goes: it may all go. */
static int tree_check(const struct pool *p, const struct pool_dataset *list, unsigned n,
                      struct err *reterr)
{
    for (unsigned i = 0; i < n; i++) {
        const struct dsl_dir *dd = dsl_find(&p->dsl, list[i].name);
        if (list[i].type == POOL_SNAPSHOT)
            return err_set(reterr, E(-EBUSY), "%s/%s: destroy the snapshot first", p->name,
                           list[i].name);
        if (dd && dd->head && dd->head->sync)
            return err_set(reterr, E(-EBUSY), "volume %s/%s is in use", p->name, list[i].name);
    }
    return 0;
}

int pool_dataset_destroy(struct pool *p, const char *name, bool recursive, struct err *reterr)
{
    struct pool_dataset *list;
    unsigned n;
    if (!recursive)
        return destroy(p, name, reterr);
    if (*name == 0)
        return err_set(reterr, E(-EINVAL), "the root dataset goes with its pool only");
    int r = pool_list(p, name, UINT_MAX, POOL_FOLDER | POOL_VOLUME | POOL_SNAPSHOT, &list, &n,
                      reterr);
    if (r)
        return r;
    r = tree_check(p, list, n, reterr);
    while (r == 0 && n > 0) /* children come after their parents */
        r = destroy(p, list[--n].name, reterr);
    free(list);
    return r;
}

int pool_volume_destroy(struct pool *p, const char *name, struct err *reterr)
{
    return destroy(p, name, reterr);
}

uint64_t pool_freeing(const struct pool *p)
{
    uint64_t sum = 0;
    struct dsl_dir *dd = NULL;
    while ((dd = dsl_next(&p->dsl, dd)))
        if (dd->head && dsl_dataset_is_going(dd->head))
            sum += le64_get(dsl_dir_phys(dd)->used);
    return sum;
}

/* ---- what a crash interrupted --------------------------------------------------------------------------------- */

static struct dsl_dir *interrupted(const struct pool *p)
{
    struct dsl_dir *dd = NULL;
    while ((dd = dsl_next(&p->dsl, dd)))
        if (dd->holds == 0 && dsl_destroy_is_ours(dd))
            return dd;
    return NULL;
}

/* Ends with the pool at the latest, which goes on with the rest when it is imported again. */
static void destroys_finish(void *arg)
{
    struct pool *p = arg;
    struct dsl_dir *dd;
    int r = 0;
    while (r == 0 && (dd = interrupted(p))) {
        struct destroy_task t = {.p = p, .dd = dd, .left = 1};
        r = steps_run(&t, NULL);
    }
    waitgroup_done(&p->errands);
}

void pool_destroys_finish(struct pool *p)
{
    waitgroup_add(&p->errands, 1);
    if (!interrupted(p) || !fiber_start(destroys_finish, p, "pool-destroys"))
        destroys_finish(p);
}

/* ---- renaming ------------------------------------------------------------------------------------------------ */

static int rename_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct name_task *t = arg;
    char above[DSL_NAME_MAX + 1];
    const char *component = name_split(t->to, above);
    struct dsl_dir *dd = find(t->p, t->name, reterr), *parent;
    (void)txg;
    if (!dd || !(parent = find(t->p, above, reterr)))
        return -ENOENT;
    return dsl_rename(dd, parent, component, pool_capacity(t->p), reterr);
}

int pool_rename(struct pool *p, const char *from, const char *to, struct err *reterr)
{
    struct name_task t = {.p = p, .name = from, .to = to};
    int r = pool_dataset_name_check(p, to, reterr);
    return r ? r : txg_run(p, rename_task, &t, reterr);
}
