/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The size of a volume. Growing is one task. Shrinking tells users first, so that nobody writes beyond the new end any more:
 * writes that passed their check before hold the open txg at the latest, which the task that stores the size waits out. What
 * lies beyond is freed in later txgs, so many blocks in each. A crash in between leaves blocks beyond the end; they must
 * be gone before the volume grows, lest what was cut off appears again, and go when it is opened.
 */
#include "pool/look.h"

#include "base/step.h"

#include <errno.h>
#include <inttypes.h>

struct resize {
    struct pool *p;
    struct dsl_dir *dd;
    uint64_t size, was; /* bytes */
    uint32_t block_size;
    uint64_t next; /* block to free from */
    bool more;
};

/* ---- what lies beyond the end ---------------------------------------------------------------------------------- */

static int tail_step(struct resize *z, uint64_t txg)
{
    struct dsl_dataset *ds = z->dd->head;
    struct object *obj;
    if (dsl_dataset_is_going(ds)) {
        z->more = false;
        return 0;
    }
    int r = dsl_dataset_open(ds, NULL);
    if (r)
        return r;
    ds->close_committed++;
    objset_begin(ds->os, txg);
    dsl_dataset_dirty(ds);
    r = object_hold(ds->os, ZVOL_DATA, &obj);
    if (r)
        return r;
    z->more = object_max_block(obj) >= z->next && z->next > 0;
    if (z->more)
        r = object_free_blocks(obj, z->next, UINT64_MAX, z->p->free_step, &z->next);
    object_release(obj);
    return r;
}

static int tail_task(void *arg, uint64_t txg, struct err *reterr)
{
    (void)reterr;
    return tail_step(arg, txg);
}

static int tail_free(struct resize *z, uint64_t end, struct err *reterr)
{
    z->next = (end + z->block_size - 1) / z->block_size;
    z->more = true;
    int r = 0;
    while (r == 0 && z->more)
        r = txg_run(z->p, tail_task, z, reterr);
    return r;
}

/* ---- the size --------------------------------------------------------------------------------------------------- */

/* A refreservation that is what the old size asks for follows the new one (libzfs zfs_add_synthetic_resv()). */
static int reserve_check(const struct resize *z, uint64_t *ret_reserve, struct err *reterr)
{
    uint64_t before = 0, after = pool_full_reservation(z->p, z->size, z->block_size, 1);
    uint64_t unique = le64_get(dsl_dataset_phys(z->dd->head)->unique);
    uint64_t avail = dsl_dir_available(z->dd, pool_capacity(z->p));
    dsl_prop_u64(z->dd, "refreservation", &before, NULL);
    *ret_reserve = UINT64_MAX;
    if (before != pool_full_reservation(z->p, z->was, z->block_size, 1))
        return 0;
    uint64_t more = MAX(after, unique) - MIN(MAX(after, unique), MAX(before, unique));
    if (more > avail)
        return err_set(reterr, E(-ENOSPC),
                       "volsize %" PRIu64 ": its refreservation needs %" PRIu64
                       " bytes more, %" PRIu64 " are available",
                       z->size, more, avail);
    *ret_reserve = after;
    return 0;
}

static int size_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct resize *z = arg;
    struct dsl_dataset *ds = z->dd->head;
    uint64_t reserve;
    if (dsl_dataset_is_going(ds))
        return err_set(reterr, E(-ENOENT), "%s is being destroyed", z->dd->name);
    int r = reserve_check(z, &reserve, reterr);
    if (r == 0)
        r = dsl_dataset_open(ds, reterr);
    if (r)
        return r;
    ds->close_committed++;
    objset_begin(ds->os, txg);
    dsl_dataset_dirty(ds);
    r = zap_set_u64(ds->os, ZVOL_PROPS, "size", z->size);
    return r || reserve == UINT64_MAX ? r : dsl_set_refreservation(z->dd, reserve);
}

static int size_check(const struct look *l, uint64_t size, struct err *reterr)
{
    if (l->type != POOL_VOLUME)
        return err_set(reterr, E(-EINVAL), "volsize: %s/%s is no volume", l->p->name,
                       l->dd->name);
    if (size == 0 || size % l->volblocksize || size > INT64_MAX / 2)
        return err_set(reterr, E(-EINVAL), "volsize %" PRIu64 ": must be a multiple of %u",
                       size, l->volblocksize);
    return 0;
}

static int grow(struct resize *z, struct err *reterr)
{
    int r = tail_free(z, z->was, reterr);
    if (r == 0)
        r = txg_run(z->p, size_task, z, reterr);
    if (r == 0)
        volume_size_is(z->dd->head, z->size);
    return r;
}

static int shrink(struct resize *z, struct err *reterr)
{
    volume_size_is(z->dd->head, z->size);
    int r = txg_run(z->p, size_task, z, reterr);
    if (r) {
        volume_size_is(z->dd->head, z->was);
        return r;
    }
    return tail_free(z, z->size, reterr);
}

static int look_resize(const struct look *l, uint64_t size, struct err *reterr)
{
    struct resize z = {
        .p = l->p, .dd = l->dd, .size = size, .was = l->volsize, .block_size = l->volblocksize};
    int r = size_check(l, size, reterr);
    if (r || size == l->volsize)
        return r;
    return size > l->volsize ? grow(&z, reterr) : IN_STEP(STEP_SHRINK, shrink(&z, reterr));
}

int pool_volume_resize(struct pool *p, const char *name, uint64_t size, struct err *reterr)
{
    struct look l;
    int r = look_begin(p, name, &l, reterr);
    if (r)
        return r;
    r = l.snapshot ? err_set(reterr, E(-EROFS), "a snapshot can't be changed")
                   : look_resize(&l, size, reterr);
    look_end(&l);
    return r;
}

int volume_tail_free(struct pool *p, struct dsl_dir *dd, uint64_t size, uint32_t block_size,
                     struct err *reterr)
{
    struct resize z = {.p = p, .dd = dd, .was = size, .block_size = block_size};
    return tail_free(&z, size, reterr);
}
