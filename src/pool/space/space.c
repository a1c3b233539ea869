/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All metaslabs of a pool: which there are, what a DVA falls into, totals, the step from one
 * txg to the next. Everything lives on the pool's home reactor. What a DVA from disk says is
 * checked here: it lies in one metaslab, in whole sectors; the tail of a vdev beyond its last
 * whole metaslab belongs to none.
 */
#include "base/mutant.h"
#include "pool/space/space_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUDGET_DEFAULT (4u << 20) /* ranges */

struct space *space_new(struct vdev *root, space_load_fn load, void *load_arg, uint64_t txg)
{
    struct space *sp = malloc(sizeof(*sp));
    if (!sp)
        return NULL;
    *sp = (struct space){
        .load = load,
        .load_arg = load_arg,
        .opened_txg = txg,
        .committed = txg,
        .budget = BUDGET_DEFAULT,
    };
    list_init(&sp->loaded);
    for (unsigned i = 0; i < root->nchildren; i++) {
        if (space_add_top(sp, root->child[i]) != 0) {
            space_free(sp);
            return NULL;
        }
    }
    return sp;
}

static void top_free_all(struct space_top *t)
{
    for (unsigned i = 0; i < t->nms; i++)
        metaslab_fini(&t->ms[i]);
    free(t->ms);
    free(t);
}

void space_free(struct space *sp)
{
    if (!sp)
        return;
    for (unsigned i = 0; i < sp->ntops; i++)
        if (sp->tops[i])
            top_free_all(sp->tops[i]);
    free(sp->tops);
    free(sp);
}

void space_set_report(struct space *sp, space_report_fn fn, void *arg)
{
    sp->report = fn;
    sp->report_arg = arg;
}

void space_set_budget(struct space *sp, size_t nranges)
{
    sp->budget = nranges;
    space_trim(sp, NULL);
}

/* ---- top-level vdevs and their metaslabs ------------------------------------------------- */

static struct space_top *top_new(struct vdev *vd)
{
    struct space_top *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->vd = vd;
    t->nms = (unsigned)(vd->asize >> vd->ms_shift);
    t->ms = calloc(t->nms ? t->nms : 1, sizeof(t->ms[0]));
    if (!t->ms) {
        free(t);
        return NULL;
    }
    for (unsigned i = 0; i < t->nms; i++)
        metaslab_init(&t->ms[i], vd, i);
    t->totals.size = (uint64_t)t->nms << vd->ms_shift;
    return t;
}

static int grow_tops(struct space *sp, unsigned n)
{
    if (n <= sp->ntops)
        return 0;
    struct space_top **tops = realloc(sp->tops, n * sizeof(tops[0]));
    if (!tops)
        return E(-ENOMEM);
    memset(tops + sp->ntops, 0, (n - sp->ntops) * sizeof(tops[0]));
    sp->tops = tops;
    sp->ntops = n;
    return 0;
}

int space_add_top(struct space *sp, struct vdev *top)
{
    int rc = grow_tops(sp, top->id + 1);
    if (rc != 0)
        return rc;
    check(sp->tops[top->id] == NULL);
    if (top->type == VDEV_HOLE || top->ms_shift == 0)
        return 0;
    sp->tops[top->id] = top_new(top);
    return sp->tops[top->id] ? 0 : E(-ENOMEM);
}

void space_replace_top(struct space *sp, struct vdev *top)
{
    struct space_top *t = top->id < sp->ntops ? sp->tops[top->id] : NULL;
    if (!t)
        return;
    t->vd = top;
    for (unsigned i = 0; i < t->nms; i++)
        t->ms[i].top = top;
}

unsigned space_nmetaslabs(const struct space *sp, const struct vdev *top)
{
    return top->id < sp->ntops && sp->tops[top->id] ? sp->tops[top->id]->nms : 0;
}

struct metaslab *space_metaslab(struct space *sp, const struct vdev *top, unsigned index)
{
    return index < space_nmetaslabs(sp, top) ? &sp->tops[top->id]->ms[index] : NULL;
}

/* A lower bound for the largest free range by the histogram; it may count what is held back
 * still. */
static uint64_t weight_by_histogram(const struct metaslab *ms)
{
    for (unsigned i = 32; i-- > 0;)
        if (ms->histogram[i])
            return MIN(1ull << MIN(i + ms->top->ashift, 63u),
                       ms->size - (uint64_t)ms->allocated);
    return 0;
}

int metaslab_restore(struct space *sp, struct metaslab *ms, const struct metaslab_map *map)
{
    ms->object = map->object;
    ms->length = map->length;
    if (map->allocated < 0 || (uint64_t)map->allocated > ms->size) {
        ms->error = -EBADMSG;
        return E(-EBADMSG);
    }
    ms->allocated = map->allocated;
    space_account(sp, ms, map->allocated, 0);
    if (map->histogram)
        memcpy(ms->histogram, map->histogram, sizeof(ms->histogram));
    ms->exact = map->object == 0;
    ms->weight = ms->exact ? ms->size : weight_by_histogram(ms);
    return 0;
}

void space_account(const struct space *sp, const struct metaslab *ms, int64_t allocated,
                   int64_t deferred)
{
    struct space_totals *t = &top_of(sp, ms)->totals;
    t->allocated += (uint64_t)allocated;
    t->deferred += (uint64_t)deferred;
}

struct space_totals space_totals(const struct space *sp)
{
    struct space_totals sum = {0};
    for (unsigned i = 0; i < sp->ntops; i++) {
        const struct space_top *t = sp->tops[i];
        if (!t || t->vd->is_log)
            continue;
        sum.size += t->totals.size;
        sum.allocated += t->totals.allocated;
        sum.deferred += t->totals.deferred;
    }
    return sum;
}

/* ---- ranges by their DVA ----------------------------------------------------------------- */

/* The metaslab that a DVA lies in wholly; NULL: there is none. */
static struct metaslab *metaslab_of(const struct space *sp, const struct dva *dva)
{
    const struct space_top *t = dva->vdev < sp->ntops ? sp->tops[dva->vdev] : NULL;
    if (!t || dva->asize == 0 || dva->off >> t->vd->ms_shift >= t->nms)
        return NULL;
    struct metaslab *ms = &t->ms[dva->off >> t->vd->ms_shift];
    uint64_t in_sector = (1ull << t->vd->ashift) - 1;
    if (((dva->off | dva->asize) & in_sector) || dva->asize > ms->start + ms->size - dva->off)
        return NULL;
    return ms;
}

/* A slot is one txg's as long as no more than so many are under way. */
static void check_txg(const struct space *sp, uint64_t txg)
{
    check_cmp(txg, >, sp->committed);
    check_cmp(txg - sp->committed, <=, (uint64_t)TXG_SLOTS);
}

int space_free_dva(struct space *sp, uint64_t txg, const struct dva *dva)
{
    struct metaslab *ms = metaslab_of(sp, dva);
    check_txg(sp, txg);
    return ms ? metaslab_give(sp, ms, txg, dva->off, dva->asize) : E(-EBADMSG);
}

int space_claim(struct space *sp, uint64_t txg, const struct dva *dva)
{
    struct metaslab *ms = metaslab_of(sp, dva);
    int rc = ms ? metaslab_load(sp, ms) : E(-EBADMSG);
    if (rc != 0)
        return rc;
    check_txg(sp, txg);
    rc = metaslab_take(sp, ms, txg, dva->off, dva->asize);
    return rc == -ENOENT ? -EEXIST : rc;
}

/* ---- from txg to txg --------------------------------------------------------------------- */

/* All metaslabs in order: the one after `ms`, the first one after NULL. */
static struct metaslab *next_metaslab(const struct space *sp, const struct metaslab *ms)
{
    unsigned id = ms ? ms->top->id : 0, index = ms ? ms->index + 1 : 0;
    for (; id < sp->ntops; id++, index = 0)
        if (sp->tops[id] && index < sp->tops[id]->nms)
            return &sp->tops[id]->ms[index];
    return NULL;
}

struct metaslab *space_dirty_next(struct space *sp, uint64_t txg, struct metaslab *after)
{
    struct metaslab *ms = next_metaslab(sp, after);
    while (ms && !metaslab_dirty(ms, txg))
        ms = next_metaslab(sp, ms);
    return ms;
}

static uint64_t hold_back(void)
{
    if (mutant_on(MUTANT_REUSE_BEFORE_DURABLE))
        return 0;
    return TXG_HOLD_BACK - mutant_on(MUTANT_REUSE_TOO_SOON);
}

void space_committed(struct space *sp, uint64_t txg, uint64_t oldest_reader)
{
    struct metaslab *ms;
    check_txg(sp, txg);
    for (ms = next_metaslab(sp, NULL); ms; ms = next_metaslab(sp, ms))
        metaslab_settle(ms, txg);
    sp->committed = txg;
    if (txg < TXG_HOLD_BACK)
        return;
    uint64_t until = MIN(txg - hold_back(), oldest_reader);
    for (ms = next_metaslab(sp, NULL); ms; ms = next_metaslab(sp, ms))
        metaslab_release(sp, ms, until);
    space_trim(sp, NULL);
}
