/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a write fits, foreseen so that no txg runs out of space: the books have to have room, and so have the disks, with
 * all that is dirty and all that was promised to writers on their way counted with the most that it may take. What doesn't
 * fit for that alone waits for the next txg, which counts it as it is; so does what lacks space that was freed and is held
 * back. Anything else is refused at once.
 *
 * A refreservation that covers the whole volume is a promise: such a volume is never refused by the books, and may use half
 * of the slop. So may a write that only replaces what is there, for it gives back what it takes: hosts whose data are in
 * place go on in a full pool, and a file system in it can be cleaned up. Frees are never refused; what they need for
 * themselves is in the slop, too.
 */
#include "base/log.h"
#include "pool/zvol/zvol_int.h"

#include <errno.h>
#include <inttypes.h>

/* Rounds, the first of which waits for no txg, until what is freed now can be used. */
#define WAITS          (TXG_HOLD_BACK + 3u)
#define INDIRECT_USUAL (16u << 10) /* bytes of an indirect block, compressed */

static bool covered(const struct pvol *pv, uint64_t reserve)
{
    return reserve &&
           reserve >= pool_full_reservation(pv->p, pv->v.geo.size, pv->bs, pv->copies);
}

/* ---- what only replaces -------------------------------------------------------------------------------------- */

/* A block whose place is given back when it gets another. */
static int replaceable(const struct pvol *pv, uint64_t blkid, bool *ret_is)
{
    struct iobuf *buf;
    struct bp bp;
    if (pvol_find_dirty(pv, pv->p->txgs.open, blkid, &buf)) {
        *ret_is = buf != NULL;
        return 0;
    }
    uint64_t ticket = blocks_reader_enter(&pv->p->blocks);
    int r = object_lookup(pv->data, blkid, &bp);
    blocks_reader_leave(&pv->p->blocks, ticket);
    *ret_is = r == 0 && !bp_is_hole(&bp) &&
              bp_birth(&bp) > le64_get(dsl_dataset_phys(pv->ds)->prev_snap_txg);
    return r;
}

/* Parks. */
static int replaces(const struct pvol *pv, uint64_t off, uint64_t len, bool *ret_does)
{
    *ret_does = true;
    for (uint64_t b = off / pv->bs; *ret_does && b <= (off + len - 1) / pv->bs; b++) {
        int r = replaceable(pv, b, ret_does);
        if (r)
            return r;
        fiber_maybe_yield();
    }
    return 0;
}

/* ---- the two accounts ---------------------------------------------------------------------------------------- */

/* Bytes that lack for so many more. privileged: may use half of the slop. */
static uint64_t books_lack(const struct pvol *pv, uint64_t cost, bool privileged)
{
    uint64_t avail = dsl_dir_available(pv->ds->dir, pool_capacity(pv->p)), reserve = 0;
    if (privileged || cost <= avail)
        return 0;
    dsl_prop_u64(pv->ds->dir, "refreservation", &reserve, NULL);
    uint64_t unique = le64_get(dsl_dataset_phys(pv->ds)->unique);
    uint64_t own = reserve > unique ? reserve - unique : 0;
    return covered(pv, reserve) || cost - avail <= own ? 0 : cost - avail - own;
}

static uint64_t disks_lack(const struct pvol *pv, uint64_t cost, bool privileged)
{
    uint64_t left = pool_disks_left(pv->p, 0), reserve = 0;
    if (cost <= left)
        return 0;
    dsl_prop_u64(pv->ds->dir, "refreservation", &reserve, NULL);
    if (privileged || covered(pv, reserve))
        left = pool_disks_left(pv->p, 1);
    return cost > left ? cost - left : 0;
}

static uint64_t lack(const struct pvol *pv, uint64_t cost, bool privileged)
{
    return MAX(books_lack(pv, cost, privileged), disks_lack(pv, cost, privileged));
}

/* The next txgs may give something back. */
static bool may_grow(const struct pool *p)
{
    return p->txgs.first_change || p->txgs.open - 1 > p->txgs.synced || p->dirty_cost ||
           p->promised_cost || pool_held_back(p);
}

static int refuse(struct pvol *pv, uint64_t cost)
{
    if (!pv->full)
        log_error("volume.full", KV("pool", "%s", pv->p->name), KV("volume", "%s", pv->v.name),
                  KV("lacks", "%" PRIu64, lack(pv, cost, false)));
    pv->full = true;
    return E(-ENOSPC);
}

int pvol_room_take(struct pvol *pv, uint64_t off, uint64_t len, uint64_t *ret_cost)
{
    uint64_t cost = (len / pv->bs + 2) * (pv->block_cost + INDIRECT_USUAL * pv->meta_copies);
    struct pool *p = pv->p;
    bool privileged = false;
    for (unsigned i = 0; lack(pv, cost + p->dirty_cost + p->promised_cost, privileged); i++) {
        if (lack(pv, cost, privileged) && (i >= WAITS || !may_grow(p)))
            return refuse(pv, cost);
        int r = i == 0 ? replaces(pv, off, len, &privileged) : txg_wait(p, 0);
        if (r)
            return r;
    }
    p->promised_cost += cost;
    *ret_cost = cost;
    return 0;
}

void pvol_room_give(struct pvol *pv, uint64_t cost)
{
    pv->p->promised_cost -= cost;
}

/* ---- what dirty blocks cost ---------------------------------------------------------------------------------- */

/* Bytes of all indirect blocks that the volume can have, in all txgs under way. */
static uint64_t indirect_max(const struct pvol *pv)
{
    unsigned shift = INDIRECT_SHIFT - BP_SHIFT;
    uint64_t n = pv->v.geo.size / pv->bs, sum = 0;
    do {
        n = (n >> shift) + 1;
        sum += n;
    } while (n > 1);
    return (sum << INDIRECT_SHIFT) * TXG_SLOTS;
}

/* Each block may need an indirect block of its own, up to as many as there are. */
void pvol_cost_follow(struct pvol *pv)
{
    uint64_t indirect = MIN(pv->ndirty * INDIRECT_USUAL, indirect_max(pv)) * pv->meta_copies;
    uint64_t cost = pv->ndirty * pv->block_cost + indirect;
    pv->p->dirty_cost += cost - pv->dirty_cost;
    pv->dirty_cost = cost;
}

void pvol_cost_set(struct pvol *pv)
{
    struct objset_policy policy;
    dsl_dataset_policy(pv->ds, &policy);
    pv->copies = policy.data_copies;
    pv->meta_copies = policy.meta_copies;
    pv->block_cost = pool_block_cost(pv->p, pv->bs) * policy.data_copies;
    pvol_cost_follow(pv);
}

#define FULL_SHIFT 6 /* a volume is full no more when it could get 1/64 of its size */

void pvol_watch(struct pvol *pv)
{
    uint64_t avail = dsl_dataset_available(pv->ds, pool_capacity(pv->p));
    if (pv->full && avail >= pv->v.geo.size >> FULL_SHIFT)
        pv->full = false;
}

void volumes_threshold(struct pool *p)
{
    struct pvol *pv;
    list_for_each (pv, &p->volumes, node)
        volume_changed(&pv->v, VOL_CHANGED_THRESHOLD);
}
