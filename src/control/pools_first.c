/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool of a first start. What an interrupted first start left is taken up: nothing was configured
 * then, so it is nobody's data.
 */
#include "control/pools_int.h"

#include <errno.h>

#define WAIT_MS 10000 /* for one that is being imported */
#define LOOK_MS 50

static int wait_online(struct pools *ps, const char *name, struct err *reterr)
{
    uint64_t deadline = run_deadline_ms(WAIT_MS);
    while (!pools_is_online(ps, name)) {
        if (run_now() >= deadline)
            return err_set(reterr, -ETIMEDOUT,
                           "the pool %s is known and cannot be opened: zsan pool status", name);
        fiber_sleep_until(run_deadline_ms(LOOK_MS), NULL);
    }
    return 0;
}

static int make_volume(struct pool *p, void *arg, struct err *reterr)
{
    const struct pool_first *f = arg;
    const struct pool_volume_want want = {.name = dataset_below(f->volume), .size = f->size};
    int rc = pool_volume_create(p, &want, reterr);
    return rc == -EEXIST ? 0 : rc;
}

int pools_first(struct pools *ps, struct pool_first *f, struct err *reterr)
{
    const struct pool_group mirror = {LAYOUT_MIRROR, f->ndisks, f->disks};
    struct pool_create_want want = {
        .name = f->pool, .groups = &mirror, .ngroups = 1, .force = true};
    int rc = held_find(ps, f->pool) ? wait_online(ps, f->pool, reterr)
                                    : pools_create(ps, &want, reterr);
    return rc < 0 ? rc : pools_with_dataset(ps, f->volume, make_volume, f, reterr);
}
