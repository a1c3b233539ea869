/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a new block goes. Data are spread over the top-level vdevs in proportion to their free
 * space, a large piece to each in turn, so that what a txg writes lies in few long extents. On
 * a vdev each use has cursors, one for each further copy there of the same block; a cursor runs
 * through the largest free range of its metaslab and then takes the next largest one, and it
 * stays in the metaslab until that has only much smaller ranges to offer. Metaslabs that no
 * other cursor works in are preferred, so data, metadata and log do not interleave.
 *
 * Copies of one block go to different vdevs; where there are too few, an eighth of the vdev
 * apart; else anywhere. What is known to fit is tried first; when nothing is, metaslabs that
 * might have a fit are loaded one by one.
 */
#include "base/mutant.h"
#include "pool/space/space_int.h"

#include <errno.h>

#define ALIQUOT       (512u << 10) /* bytes, times the children: a vdev's turn */
#define KEEP_META     (1u << 20)   /* metadata and log stay in a metaslab down to such ranges */
#define KEEP_FRACTION 4            /* data: down to this part of the largest at first */
#define SHARE_UNIT    64u

struct want {
    struct space *sp;
    uint64_t txg;
    uint32_t psize;
    enum space_use use;
    struct dva placed[BP_DVAS];
    unsigned n;
};

/* In this order. Another vdev is worth more than not having to look for space. */
/* clang-format off */
static const struct attempt {
    bool fresh_top; /* on a vdev without a copy yet, or on one with */
    bool distant;   /* from the copies that are on the same vdev */
    bool search;    /* also where it may fit, as far as can be told without loading */
} attempts[] = {
    {.fresh_top = true,  .distant = false, .search = false},
    {.fresh_top = true,  .distant = false, .search = true},
    {.fresh_top = false, .distant = true,  .search = false},
    {.fresh_top = false, .distant = true,  .search = true},
    {.fresh_top = false, .distant = false, .search = false},
    {.fresh_top = false, .distant = false, .search = true},
};
/* clang-format on */

/* Also where too many disks are lost: the txg waits for them in any case, and must get so far. */
static bool allocatable(const struct space_top *t)
{
    return t && !t->vd->is_log;
}

/* ---- distance between copies ------------------------------------------------------------- */

static unsigned copies_on(const struct want *w, const struct space_top *t)
{
    unsigned n = 0;
    for (unsigned i = 0; i < w->n; i++)
        n += w->placed[i].vdev == t->vd->id;
    return n;
}

/* Whether [off, off + len) is so far from all copies on this vdev. */
static bool far_enough(const struct want *w, const struct space_top *t, uint64_t off,
                       uint64_t len, uint64_t distance)
{
    for (unsigned i = 0; i < w->n; i++) {
        const struct dva *d = &w->placed[i];
        if (d->vdev == t->vd->id && off < d->off + d->asize + distance &&
            d->off < off + len + distance)
            return false;
    }
    return true;
}

/* ---- cursors ----------------------------------------------------------------------------- */

static uint64_t sector_floor(const struct space_top *t, uint64_t bytes)
{
    return bytes >> t->vd->ashift << t->vd->ashift;
}

/* Leaves the first half of the window to a cursor that works in it already. */
static void give_way(const struct space_top *t, struct cursor *c, struct cursor *other,
                     uint64_t asize)
{
    if (other == c || other->ms != c->ms || other->off >= other->end || other->off >= c->end ||
        other->end <= c->off)
        return;
    uint64_t from = MAX(c->off, other->off);
    uint64_t middle = from + sector_floor(t, (c->end - from) / 2);
    if (middle == from || c->end - middle < asize)
        return;
    other->end = MIN(other->end, middle);
    c->off = middle;
}

/* Room for a few blocks in the first range that has it. */
static uint64_t first_fit(const struct ranges *free, uint64_t asize, uint64_t *ret_off)
{
    uint64_t len = 0;
    for (uint64_t at = 0; ranges_next(free, at, ret_off, &len) && len < asize;)
        at = *ret_off + len;
    return MIN(len, 4 * asize);
}

/* To the largest range of a loaded metaslab, which has room for asize. */
static void cursor_move(struct space_top *t, struct cursor *c, enum space_use use,
                        struct metaslab *ms, uint64_t asize)
{
    uint64_t off = 0, len = ranges_largest(ms->free, &off);
    if (quirk_on(QUIRK_FIRST_FIT))
        len = first_fit(ms->free, asize, &off);
    check_cmp(len, >=, asize);
    if (c->ms != ms) {
        if (c->ms)
            c->ms->cursors--;
        ms->cursors++;
        c->keep = len / KEEP_FRACTION;
        if (use != SPACE_DATA)
            c->keep = MIN(c->keep, (uint64_t)KEEP_META);
    }
    c->ms = ms;
    c->off = off;
    c->end = off + len;
    for (unsigned u = 0; u < SPACE_USES; u++)
        for (unsigned k = 0; k < BP_DVAS; k++)
            give_way(t, c, &t->cursor[u][k], asize);
}

/* -ENOSPC: the window is too small, too close, or somebody took of it. */
static int cursor_take(struct want *w, const struct space_top *t, struct cursor *c,
                       uint64_t asize, uint64_t distance)
{
    if (!c->ms || !c->ms->free || c->off > c->end || c->end - c->off < asize ||
        !far_enough(w, t, c->off, asize, distance))
        return -ENOSPC;
    int rc = metaslab_take(w->sp, c->ms, w->txg, c->off, asize);
    if (rc == -ENOENT) {
        c->end = c->off;
        return -ENOSPC;
    }
    if (rc != 0)
        return rc;
    w->placed[w->n++] = (struct dva){.off = c->off, .asize = asize, .vdev = t->vd->id};
    c->off += asize;
    return 0;
}

/* ---- choosing a metaslab ----------------------------------------------------------------- */

/* Higher is better: size class of the largest range; loaded; a place where others work must
 * be 16 times better. */
static int score(const struct metaslab *ms, const struct cursor *c, uint64_t largest)
{
    int size_class = 63 - __builtin_clzll(largest);
    bool shared = ms->cursors > (c->ms == ms);
    return 2 * size_class + (ms->free != NULL) - (shared ? 8 : 0);
}

static bool fits(const struct want *w, const struct space_top *t, const struct metaslab *ms,
                 uint64_t largest, uint64_t asize, uint64_t distance)
{
    return ms->error == 0 && largest >= asize &&
           (distance == 0 || far_enough(w, t, ms->start, ms->size, distance));
}

/* NULL: none that fits, as far as this attempt looks. May not be loaded. */
static struct metaslab *choose(const struct want *w, const struct space_top *t,
                               const struct cursor *c, const struct attempt *a, uint64_t asize,
                               uint64_t distance)
{
    if (c->ms && c->ms->free &&
        fits(w, t, c->ms, metaslab_largest(c->ms), MAX(asize, c->keep), distance))
        return c->ms;
    struct metaslab *best = NULL;
    int best_score = 0;
    for (unsigned i = 0; i < t->nms; i++) {
        struct metaslab *ms = &t->ms[i];
        uint64_t largest = a->search ? metaslab_largest_maybe(ms) : metaslab_largest(ms);
        if (!fits(w, t, ms, largest, asize, distance))
            continue;
        int s = score(ms, c, largest);
        if (!best || s > best_score) {
            best = ms;
            best_score = s;
        }
    }
    return best;
}

/* One copy on one vdev. Others may have been here whenever this parked, so each round looks
 * anew. Ends, as each round that finds no place has loaded a metaslab or found it unusable. */
static int place_on(struct want *w, struct space_top *t, const struct attempt *a)
{
    struct cursor *c = &t->cursor[w->use][copies_on(w, t)];
    uint64_t asize = vdev_asize(t->vd, w->psize);
    uint64_t distance = a->distant ? t->vd->asize / 8 : 0;
    for (;;) {
        int rc = cursor_take(w, t, c, asize, distance);
        if (rc != -ENOSPC)
            return rc;
        struct metaslab *ms = top_free(t) < asize ? NULL : choose(w, t, c, a, asize, distance);
        if (!ms)
            return -ENOSPC;
        if (ms->free)
            cursor_move(t, c, w->use, ms, asize);
        else
            metaslab_load(w->sp, ms);
    }
}

/* ---- choosing a vdev --------------------------------------------------------------------- */

static uint64_t average_free(const struct space *sp)
{
    uint64_t sum = 0, n = 0;
    for (unsigned i = 0; i < sp->ntops; i++) {
        if (allocatable(sp->tops[i])) {
            sum += top_free(sp->tops[i]);
            n++;
        }
    }
    return n ? sum / n : 0;
}

/* On to the next vdev; its turn is longer the more free space it has. Those with very little
 * are left out. */
static void rotor_turn(const struct space *sp, struct rotor *r)
{
    uint64_t unit = average_free(sp) / SHARE_UNIT + 1;
    for (unsigned i = 0; i < sp->ntops; i++) {
        r->top = (r->top + 1) % sp->ntops;
        const struct space_top *t = sp->tops[r->top];
        if (!allocatable(t))
            continue;
        uint64_t share = MIN(top_free(t) / unit, 8ull * SHARE_UNIT);
        r->left = (uint64_t)ALIQUOT / SHARE_UNIT * MAX(t->vd->nchildren, 1u) * share;
        if (quirk_on(QUIRK_TURNS))
            r->left = MIN(r->left, 1u);
        if (share > 0)
            return;
    }
}

static int place_copy(struct want *w)
{
    struct space *sp = w->sp;
    unsigned first = sp->rotor[w->use].top;
    for (unsigned i = 0; i < ARRAY_LEN(attempts); i++) {
        const struct attempt *a = &attempts[i];
        for (unsigned k = 0; k < sp->ntops; k++) {
            struct space_top *t = sp->tops[(first + k) % sp->ntops];
            if (!allocatable(t) || (copies_on(w, t) == 0) != a->fresh_top)
                continue;
            int rc = place_on(w, t, a);
            if (rc != -ENOSPC)
                return rc;
        }
    }
    return E(-ENOSPC);
}

void space_undo(struct space *sp, uint64_t txg, const struct dva *dva)
{
    const struct space_top *t = sp->tops[dva->vdev];
    metaslab_untake(sp, &t->ms[dva->off >> t->vd->ms_shift], txg, dva->off, dva->asize);
}

static void undo(struct want *w)
{
    while (w->n > 0)
        space_undo(w->sp, w->txg, &w->placed[--w->n]);
}

int space_alloc(struct space *sp, uint64_t txg, uint32_t psize, unsigned ncopies,
                enum space_use use, struct dva ret[BP_DVAS])
{
    struct want w = {.sp = sp, .txg = txg, .psize = psize, .use = use};
    struct rotor *r = &sp->rotor[use];
    check(ncopies >= 1 && ncopies <= BP_DVAS && psize > 0);
    check(txg > sp->committed && txg - sp->committed <= TXG_SLOTS);
    if (r->left == 0 || !allocatable(sp->tops[r->top]))
        rotor_turn(sp, r);
    while (w.n < ncopies) {
        int rc = place_copy(&w);
        if (rc != 0) {
            undo(&w);
            return rc;
        }
    }
    r->left -= MIN(r->left, w.placed[0].asize);
    for (unsigned i = 0; i < BP_DVAS; i++)
        ret[i] = w.placed[i];
    return 0;
}
