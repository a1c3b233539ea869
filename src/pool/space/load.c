/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bringing a metaslab's free ranges into memory and dropping them again.
 *
 * A load replays the map as of the txg that was committed when it began; entries of later txgs,
 * whether the reader sees them already or not, are passed over. Meanwhile others may free
 * ranges of the metaslab (they go to freed[]) and txgs may commit (freed[] goes to defer), but
 * nothing is allocated from it and nothing is released. So whatever becomes free after that txg
 * is in defer when the load ends, and taking defer out of what was replayed gives what may be
 * used.
 *
 * Frees of the last two txgs before the pool was opened are found in the map alone: the first
 * load puts them into defer, so that the newest three uberblocks stay whole across an import.
 */
#include "pool/space/space_int.h"

#include <errno.h>
#include <inttypes.h>

struct replay {
    const struct metaslab *ms;
    uint64_t txg;       /* the map as of this one */
    uint64_t held_from; /* frees of [held_from, held_to] are held back, if any */
    uint64_t held_to;
    struct ranges *free;
    struct ranges *held[TXG_HOLD_BACK]; /* by txg % TXG_HOLD_BACK */
    struct err err;
};

static int replay_init(struct replay *rp, const struct space *sp, const struct metaslab *ms)
{
    *rp = (struct replay){
        .ms = ms,
        .txg = sp->committed,
        .held_from = sp->committed < TXG_HOLD_BACK ? 0 : sp->committed - TXG_HOLD_BACK + 1,
        .held_to = ms->replayed ? 0 : sp->opened_txg,
        .free = ranges_new(),
    };
    bool ok = rp->free && ranges_add(rp->free, ms->start, ms->size) == 0;
    for (unsigned i = 0; i < TXG_HOLD_BACK; i++)
        ok = (rp->held[i] = ranges_new()) && ok;
    return ok ? 0 : E(-ENOMEM);
}

static void replay_fini(struct replay *rp)
{
    ranges_free(rp->free);
    for (unsigned i = 0; i < TXG_HOLD_BACK; i++)
        ranges_free(rp->held[i]);
}

static int replay_alloc(struct replay *rp, uint64_t off, uint64_t len)
{
    int rc = ranges_remove(rp->free, off, len);
    if (rc == -ENOENT)
        return err_set(&rp->err, E(-EBADMSG),
                       "its map allocates %" PRIu64 " bytes at %" PRIu64
                       " that are not all free",
                       len, off);
    for (unsigned i = 0; rc == 0 && i < TXG_HOLD_BACK; i++)
        rc = ranges_subtract(rp->held[i], off, len);
    return rc;
}

static int replay_free(struct replay *rp, uint64_t txg, uint64_t off, uint64_t len)
{
    int rc = ranges_add(rp->free, off, len);
    if (rc == -EEXIST)
        return err_set(&rp->err, E(-EBADMSG),
                       "its map frees %" PRIu64 " bytes at %" PRIu64
                       " that are not all allocated",
                       len, off);
    if (rc == 0 && txg >= rp->held_from && txg <= rp->held_to)
        rc = ranges_add(rp->held[txg % TXG_HOLD_BACK], off, len);
    return rc;
}

static int replay_entry(void *arg, const struct sm_entry *e)
{
    struct replay *rp = arg;
    const struct metaslab *ms = rp->ms;
    fiber_maybe_yield();
    if (e->txg > rp->txg)
        return 0;
    if (e->run > ms->size || e->off > ms->size - e->run)
        return err_set(&rp->err, E(-EBADMSG), "its map has a run beyond its end");
    if (e->type == SM_ALLOC)
        return replay_alloc(rp, ms->start + e->off, e->run);
    return replay_free(rp, e->txg, ms->start + e->off, e->run);
}

/* -EBADMSG: something is in the set that was replayed as free. */
static int must_be_allocated(struct replay *rp, const struct ranges *r)
{
    uint64_t off, len;
    for (uint64_t pos = 0; r && ranges_next(r, pos, &off, &len); pos = off + len)
        if (ranges_overlaps(rp->free, off, len))
            return err_set(&rp->err, E(-EBADMSG),
                           "%" PRIu64 " bytes at %" PRIu64
                           " were given back that its map has as free",
                           len, off);
    return 0;
}

/* Takes what may not be used yet out of what was replayed as free. */
static int take_out_deferred(struct replay *rp, const struct ranges *r)
{
    uint64_t off, len;
    for (uint64_t pos = 0; r && ranges_next(r, pos, &off, &len); pos = off + len) {
        for (unsigned i = 0; i < TXG_HOLD_BACK; i++)
            if (r != rp->held[i] && ranges_overlaps(rp->held[i], off, len))
                return err_set(&rp->err, E(-EBADMSG),
                               "%" PRIu64 " bytes at %" PRIu64 " were given back twice", len,
                               off);
        int rc = ranges_subtract(rp->free, off, len);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int replay_map(struct replay *rp, struct space *sp, struct metaslab *ms)
{
    uint64_t allocated = (uint64_t)ms->allocated;
    int rc = ms->object ? sp->load(sp->load_arg, ms, replay_entry, rp) : 0;
    if (rc != 0)
        return rc;
    uint64_t found = ms->size - ranges_bytes(rp->free);
    if (found != allocated)
        return err_set(&rp->err, E(-EBADMSG),
                       "its map has %" PRIu64 " bytes allocated and says %" PRIu64, found,
                       allocated);
    for (unsigned i = 0; rc == 0 && i < TXG_SLOTS; i++)
        rc = must_be_allocated(rp, ms->freed[i]);
    for (unsigned i = 0; rc == 0 && i < TXG_SLOTS; i++)
        rc = take_out_deferred(rp, ms->defer[i]);
    for (unsigned i = 0; rc == 0 && i < TXG_HOLD_BACK; i++)
        rc = take_out_deferred(rp, rp->held[i]);
    return rc;
}

/* The replay is the metaslab's state from now on. */
static void replay_adopt(struct replay *rp, struct space *sp, struct metaslab *ms)
{
    for (uint64_t txg = rp->held_from; txg <= rp->held_to; txg++) {
        struct ranges **held = &rp->held[txg % TXG_HOLD_BACK];
        if (slot_empty(*held))
            continue;
        space_account(sp, ms, 0, (int64_t)ranges_bytes(*held));
        metaslab_defer(ms, txg, held);
    }
    ms->free = rp->free;
    rp->free = NULL;
    ms->exact = true;
    ms->replayed = true;
    list_push(&sp->loaded, &ms->node);
}

static void load_failed(struct space *sp, struct metaslab *ms, struct err *err, int rc)
{
    ms->error = rc;
    if (err->code == 0)
        err_set(err, rc, "its map cannot be read");
    err_prefix(err, "metaslab %" PRIu32 " of vdev %" PRIu32, ms->index, ms->top->id);
    if (sp->report)
        sp->report(sp->report_arg, ms, err);
}

int metaslab_load(struct space *sp, struct metaslab *ms)
{
    struct replay rp;
    while (ms->loading)
        waitq_wait(&ms->loaded, NO_DEADLINE, NULL);
    if (ms->free) {
        list_remove(&ms->node);
        list_push(&sp->loaded, &ms->node);
        return 0;
    }
    if (ms->error != 0)
        return ms->error;
    ms->loading = true;
    int rc = replay_init(&rp, sp, ms);
    if (rc == 0)
        rc = replay_map(&rp, sp, ms);
    if (rc == 0)
        replay_adopt(&rp, sp, ms);
    else
        load_failed(sp, ms, &rp.err, rc);
    replay_fini(&rp);
    ms->loading = false;
    waitq_wake_all(&ms->loaded);
    space_trim(sp, ms);
    return rc;
}

int space_check(struct space *sp)
{
    for (unsigned i = 0; i < sp->ntops; i++)
        for (unsigned k = 0; sp->tops[i] && k < sp->tops[i]->nms; k++) {
            int rc = metaslab_load(sp, &sp->tops[i]->ms[k]);
            if (rc != 0)
                return rc;
        }
    return 0;
}

/* ---- unloading --------------------------------------------------------------------------- */

static bool idle(const struct metaslab *ms)
{
    for (uint64_t txg = 0; txg < TXG_SLOTS; txg++)
        if (metaslab_dirty(ms, txg))
            return false;
    return ms->cursors == 0;
}

static void unload(struct metaslab *ms)
{
    uint64_t off;
    ms->weight = ranges_largest(ms->free, &off);
    ranges_free(ms->free);
    ms->free = NULL;
    list_remove(&ms->node);
}

void space_trim(struct space *sp, const struct metaslab *but)
{
    struct metaslab *ms, *next;
    size_t n = 0;
    list_for_each (ms, &sp->loaded, node)
        n += ranges_count(ms->free);
    list_for_each_safe (ms, next, &sp->loaded, node) {
        if (n <= sp->budget)
            return;
        if (ms == but || !idle(ms))
            continue;
        n -= ranges_count(ms->free);
        unload(ms);
    }
}
