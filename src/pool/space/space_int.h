/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside space/. One law binds the sets of a metaslab, at every moment at which others may run.
 * With `map` = what its stored map says is free as of the last commit,
 *
 *     free = map - alloc[0..3] - defer[0..3]      (while loaded)
 *
 * and all sets on the right that are subtracted are disjoint; freed[] is disjoint from them
 * all. While it is not loaded, alloc[] is empty: nothing is allocated from it.
 */
#ifndef POOL_SPACE_SPACE_INT_H
#define POOL_SPACE_SPACE_INT_H

#include "base/check.h"
#include "pool/space/space.h"
#include "run/fiber.h"

/* Where the next allocation of one kind goes: the window [off, end) of a free range of ms.
 * Others may have taken something out of it meanwhile; then a new window is looked for. */
struct cursor {
    struct metaslab *ms; /* NULL: none yet */
    uint64_t off, end;
    uint64_t keep; /* stay in ms as long as it has a range of this size */
};

struct space_top {
    struct vdev *vd;
    struct metaslab *ms;
    unsigned nms;
    struct cursor cursor[SPACE_USES][BP_DVAS]; /* [use][copies of the block already here] */
    struct space_totals totals;
};

/* Which top-level vdev a kind of data goes to, and for how many bytes more. */
struct rotor {
    unsigned top;
    uint64_t left;
};

struct space {
    space_load_fn load;
    void *load_arg;
    space_report_fn report;
    void *report_arg;
    uint64_t opened_txg; /* the newest one that was committed before us */
    uint64_t committed;
    struct space_top **tops; /* by id; NULL: nothing to allocate from there */
    unsigned ntops;
    struct rotor rotor[SPACE_USES];
    struct list loaded; /* metaslabs, least recently used first */
    size_t budget;      /* ranges */
};

static inline unsigned slot_of(uint64_t txg)
{
    return (unsigned)(txg % TXG_SLOTS);
}
static inline bool slot_empty(const struct ranges *r)
{
    return !r || ranges_count(r) == 0;
}
static inline struct space_top *top_of(const struct space *sp, const struct metaslab *ms)
{
    return sp->tops[ms->top->id];
}
static inline uint64_t top_free(const struct space_top *t)
{
    return t->totals.size - t->totals.allocated - t->totals.deferred;
}

/* ---- space.c ----------------------------------------------------------------------------- */

/* Adds to the totals of its top-level vdev. */
void space_account(const struct space *sp, const struct metaslab *ms, int64_t allocated,
                   int64_t deferred);

/* ---- metaslab.c -------------------------------------------------------------------------- */

void metaslab_init(struct metaslab *ms, struct vdev *top, unsigned index);
void metaslab_fini(struct metaslab *ms);
/* Of a loaded one: from free to alloc. -ENOENT: not all free; -ENOMEM. */
int metaslab_take(struct space *sp, struct metaslab *ms, uint64_t txg, uint64_t off,
                  uint64_t len);
/* Undoes it, at once: nobody has written there. Without memory it stays allocated. */
void metaslab_untake(struct space *sp, struct metaslab *ms, uint64_t txg, uint64_t off,
                     uint64_t len);
/* See space_free_dva(). */
int metaslab_give(struct space *sp, struct metaslab *ms, uint64_t txg, uint64_t off,
                  uint64_t len);
/* Moves *held into defer, as given by txg; *held is NULL then. */
void metaslab_defer(struct metaslab *ms, uint64_t txg, struct ranges **held);
/* The two halves of a commit: the txg's lists are settled; what was given up to `txg` is
 * free. The latter parks. */
void metaslab_settle(struct metaslab *ms, uint64_t txg);
void metaslab_release(struct space *sp, struct metaslab *ms, uint64_t txg);
/* Something was allocated or freed in txg, even if that was undone since. */
bool metaslab_dirty(const struct metaslab *ms, uint64_t txg);
/* Bytes of its largest free range: as far as known, or that there may be at most. */
uint64_t metaslab_largest(const struct metaslab *ms);
uint64_t metaslab_largest_maybe(const struct metaslab *ms);

/* ---- load.c ------------------------------------------------------------------------------ */

/* 0: it is loaded. Parks. */
int metaslab_load(struct space *sp, struct metaslab *ms);
/* Unloads idle metaslabs until the budget holds; never `but`. */
void space_trim(struct space *sp, const struct metaslab *but);

#endif
