/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sets of one metaslab and how a range moves between them:
 *
 *     free --take--> alloc[T] --commit--> (allocated, in no set)
 *     (allocated) --give--> freed[T] --commit--> defer --release--> free
 *     alloc[T] --give in T--> defer
 *
 * Only alloc and freed go into the map, when T is synced; what was allocated and freed in one
 * txg is in neither. There are fewer places in defer than there can be txgs whose frees wait
 * (for readers that take their time). When all are taken, the newest place takes more in and
 * waits for the newest of what it holds: the older ones are not put off, so it drains.
 */
#include "pool/space/space_int.h"

#include <errno.h>
#include <string.h>

void metaslab_init(struct metaslab *ms, struct vdev *top, unsigned index)
{
    *ms = (struct metaslab){
        .top = top,
        .index = index,
        .start = (uint64_t)index << top->ms_shift,
        .size = 1ull << top->ms_shift,
        .weight = 1ull << top->ms_shift,
        .exact = true,
    };
    list_init(&ms->node);
    waitq_init(&ms->loaded);
}

void metaslab_fini(struct metaslab *ms)
{
    list_remove(&ms->node);
    ranges_free(ms->free);
    for (unsigned i = 0; i < TXG_SLOTS; i++) {
        ranges_free(ms->alloc[i]);
        ranges_free(ms->freed[i]);
        ranges_free(ms->defer[i]);
    }
}

/* ---- sets that are made when something is put into them ---------------------------------- */

static void slot_clear(struct ranges **slot)
{
    ranges_free(*slot);
    *slot = NULL;
}

static int slot_add(struct ranges **slot, uint64_t off, uint64_t len)
{
    bool is_new = !*slot;
    if (is_new)
        *slot = ranges_new();
    int rc = *slot ? ranges_add(*slot, off, len) : E(-ENOMEM);
    if (rc != 0 && is_new)
        slot_clear(slot);
    return rc;
}

static bool slots_overlap(struct ranges *const slot[TXG_SLOTS], uint64_t off, uint64_t len)
{
    for (unsigned i = 0; i < TXG_SLOTS; i++)
        if (slot[i] && ranges_overlaps(slot[i], off, len))
            return true;
    return false;
}

/* ---- defer ------------------------------------------------------------------------------- */

/* The place for what txg gives: its own, an empty one, or the newest. */
static unsigned defer_slot(const struct metaslab *ms, uint64_t txg)
{
    unsigned newest = 0, empty = TXG_SLOTS;
    for (unsigned i = 0; i < TXG_SLOTS; i++) {
        if (!ms->defer[i])
            empty = i;
        else if (ms->defer_txg[i] == txg)
            return i;
        else if (!ms->defer[newest] || ms->defer_txg[i] > ms->defer_txg[newest])
            newest = i;
    }
    return empty < TXG_SLOTS ? empty : newest;
}

static void defer_tag(struct metaslab *ms, unsigned slot, bool was_empty, uint64_t txg)
{
    ms->defer_txg[slot] = was_empty ? txg : MAX(ms->defer_txg[slot], txg);
}

static int defer_add(struct metaslab *ms, uint64_t txg, uint64_t off, uint64_t len)
{
    unsigned slot = defer_slot(ms, txg);
    bool was_empty = !ms->defer[slot];
    int rc = slot_add(&ms->defer[slot], off, len);
    defer_tag(ms, slot, was_empty, txg);
    return rc;
}

static void defer_remove(struct metaslab *ms, unsigned slot, uint64_t off, uint64_t len)
{
    check(ranges_remove(ms->defer[slot], off, len) == 0);
    if (slot_empty(ms->defer[slot]))
        slot_clear(&ms->defer[slot]);
}

void metaslab_defer(struct metaslab *ms, uint64_t txg, struct ranges **held)
{
    unsigned slot = defer_slot(ms, txg);
    bool was_empty = !ms->defer[slot];
    struct ranges *less = *held;
    *held = NULL;
    if (was_empty || ranges_count(ms->defer[slot]) < ranges_count(less)) {
        struct ranges *more = less;
        less = ms->defer[slot];
        ms->defer[slot] = more;
    }
    defer_tag(ms, slot, was_empty, txg);
    uint64_t off, len;
    for (uint64_t pos = 0; less && ranges_next(less, pos, &off, &len); pos = off + len) {
        /* Without memory for it, it stays out of `free` until the metaslab is loaded anew. */
        int rc = ranges_add(ms->defer[slot], off, len);
        check(rc == 0 || rc == -ENOMEM);
    }
    ranges_free(less);
}

/* ---- moves ------------------------------------------------------------------------------- */

int metaslab_take(struct space *sp, struct metaslab *ms, uint64_t txg, uint64_t off,
                  uint64_t len)
{
    struct ranges **alloc = &ms->alloc[slot_of(txg)];
    if (!ranges_has(ms->free, off, len))
        return -ENOENT;
    int rc = slot_add(alloc, off, len);
    if (rc != 0)
        return rc;
    rc = ranges_remove(ms->free, off, len);
    if (rc != 0) {
        /* A range that could not be cut in two: nothing beside it is in alloc, so this needs
         * no memory. */
        check(ranges_remove(*alloc, off, len) == 0);
        return rc;
    }
    space_account(sp, ms, (int64_t)len, 0);
    return 0;
}

void metaslab_untake(struct space *sp, struct metaslab *ms, uint64_t txg, uint64_t off,
                     uint64_t len)
{
    if (ranges_remove(ms->alloc[slot_of(txg)], off, len) != 0)
        return;
    int rc = ranges_add(ms->free, off, len);
    check(rc == 0 || rc == -ENOMEM);
    space_account(sp, ms, -(int64_t)len, 0);
}

/* What was allocated in txg, or in a later one that is open already, and never committed. */
static int give_uncommitted(struct metaslab *ms, uint64_t txg, uint64_t off, uint64_t len)
{
    int rc = defer_add(ms, txg, off, len);
    if (rc != 0)
        return rc;
    rc = ranges_remove(ms->alloc[slot_of(txg)], off, len);
    if (rc != 0)
        defer_remove(ms, defer_slot(ms, txg), off, len);
    return rc;
}

/* Whether it can be told without the map that a range is not all allocated. */
static bool known_unallocated(const struct metaslab *ms, uint64_t off, uint64_t len)
{
    return (ms->free && ranges_overlaps(ms->free, off, len)) ||
           slots_overlap(ms->alloc, off, len) || slots_overlap(ms->freed, off, len) ||
           slots_overlap(ms->defer, off, len);
}

int metaslab_give(struct space *sp, struct metaslab *ms, uint64_t txg, uint64_t off,
                  uint64_t len)
{
    int rc;
    uint64_t t = txg, end = sp->committed + TXG_SLOTS;
    while (t <= end && !(ms->alloc[slot_of(t)] && ranges_has(ms->alloc[slot_of(t)], off, len)))
        t++;
    if (t <= end)
        rc = give_uncommitted(ms, t, off, len);
    else if (known_unallocated(ms, off, len))
        return E(-EBADMSG);
    else
        rc = slot_add(&ms->freed[slot_of(txg)], off, len);
    if (rc == 0)
        space_account(sp, ms, -(int64_t)len, (int64_t)len);
    return rc;
}

/* ---- commit ------------------------------------------------------------------------------ */

bool metaslab_dirty(const struct metaslab *ms, uint64_t txg)
{
    return ms->alloc[slot_of(txg)] || ms->freed[slot_of(txg)];
}

void metaslab_settle(struct metaslab *ms, uint64_t txg)
{
    unsigned slot = slot_of(txg);
    if (metaslab_dirty(ms, txg)) {
        uint64_t histogram[32];
        metaslab_histogram(ms, txg, histogram);
        memcpy(ms->histogram, histogram, sizeof(histogram));
        ms->allocated = metaslab_allocated(ms, txg);
    }
    slot_clear(&ms->alloc[slot]);
    if (!slot_empty(ms->freed[slot]))
        metaslab_defer(ms, txg, &ms->freed[slot]);
    slot_clear(&ms->freed[slot]);
    if (ms->error != -EBADMSG)
        ms->error = 0;
}

/* Range by range, so that the law holds whenever others run; they may unload or load the
 * metaslab meanwhile. */
static void release_slot(struct space *sp, struct metaslab *ms, unsigned i, uint64_t txg)
{
    uint64_t off, len;
    while (ms->free && ms->defer[i] && ms->defer_txg[i] <= txg &&
           ranges_next(ms->defer[i], 0, &off, &len)) {
        int rc = ranges_add(ms->free, off, len);
        check(rc == 0 || rc == -ENOMEM);
        if (rc != 0)
            return; /* it is held back until there is memory */
        defer_remove(ms, i, off, len);
        space_account(sp, ms, 0, -(int64_t)len);
        if (fiber_self())
            fiber_maybe_yield();
    }
    if (!ms->free && !ms->loading && ms->defer[i] && ms->defer_txg[i] <= txg) {
        space_account(sp, ms, 0, -(int64_t)ranges_bytes(ms->defer[i]));
        slot_clear(&ms->defer[i]);
        ms->exact = false;
    }
}

void metaslab_release(struct space *sp, struct metaslab *ms, uint64_t txg)
{
    for (unsigned i = 0; i < TXG_SLOTS; i++)
        release_slot(sp, ms, i, txg);
}

uint64_t metaslab_largest(const struct metaslab *ms)
{
    uint64_t off;
    return ms->free ? ranges_largest(ms->free, &off) : ms->weight;
}

uint64_t metaslab_largest_maybe(const struct metaslab *ms)
{
    if (ms->free || ms->exact)
        return metaslab_largest(ms);
    return ms->size - (uint64_t)ms->allocated;
}
