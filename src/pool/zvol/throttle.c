/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Back-pressure without stalls. Up to half of what may be dirty nobody waits; from there on writers are let through one after the
 * other, at the pace at which txgs reach the disk times a factor that is 1 halfway and grows without limit towards the most
 * (OpenZFS dmu_tx_delay() has the same curve). So a writer that is too fast is slowed down a little all the time instead of
 * being stopped for a whole txg now and then.
 *
 * When a txg has enough depends on who waits for it. What no log holds is durable only with its txg, and the disk has nothing else to
 * do: a quarter of what may be dirty will do. What the log holds is durable, and a txg's writes stand in the way of the log's: the
 * longer it gathers, the more writes meet blocks that it writes anyway. So it gathers while what is going to arrive during its
 * writing still fits.
 *
 * What may be dirty follows the room there is: two txgs are under way, and what three more have freed is held back, so txgs that
 * are large beside that end in a wait for all of them.
 */
#include "pool/zvol/zvol_int.h"

#define RATE_FIRST   (100ull << 20) /* bytes a second, until a txg has been measured */
#define RATE_LEAST   (1ull << 20)
#define MEASURED_MIN (4ull << 20) /* what smaller txgs take says nothing about the rate */
#define PAUSE_MAX    (20 * NS_PER_MS)
#define GROWTH_SPAN  (100 * NS_PER_MS)
#define CALM(max)    ((max) / 2)
#define FULL(max)    ((max) / 4 * 3)
#define ROOM_SHARE   4u
#define ROOM_LEAST   (16ull << 20)

static uint64_t pause_of(const struct pool *p, uint64_t added)
{
    uint64_t calm = CALM(p->dirty_max), rate = p->pace.rate ? p->pace.rate : RATE_FIRST;
    if (p->dirty_bytes <= calm)
        return 0;
    uint64_t over = p->dirty_bytes - calm,
             left = p->dirty_max - MIN(p->dirty_bytes, p->dirty_max);
    double ns = (double)added / (double)rate * 1e9 * (double)over / (double)MAX(left, 1u);
    return (uint64_t)MIN(ns, (double)PAUSE_MAX);
}

static void wait_for_room(struct pool *p, uint64_t added)
{
    while (added > 0 && p->dirty_bytes + added > p->dirty_max && p->dirty_bytes > 0 &&
           !p->txgs.failed) {
        txg_kick(p);
        waitq_wait(&p->dirty_less, NO_DEADLINE, NULL);
    }
}

/* Bytes a second by which what is dirty has grown of late: less and less while writers come back to the same blocks. */
static double growth(struct pool *p, uint64_t now)
{
    struct pool_pace *c = &p->pace;
    uint64_t passed = now - c->seen_at;
    if (passed >= GROWTH_SPAN) {
        uint64_t more = p->dirty_bytes - MIN(c->seen, p->dirty_bytes);
        c->growth = (double)more * 1e9 / (double)passed;
        c->seen = p->dirty_bytes;
        c->seen_at = now;
    }
    return c->growth;
}

/* The open txg's dirty bytes, and as many more as come while it is written. */
static bool fits_for_longer(struct pool *p, uint64_t now)
{
    double dirty = (double)(p->dirty_bytes - MIN(p->pace.bytes, p->dirty_bytes));
    double writing = dirty / (double)(p->pace.rate ? p->pace.rate : RATE_FIRST);
    return dirty + growth(p, now) * writing < (double)FULL(p->dirty_max);
}

static bool is_enough(struct pool *p, bool logged, uint64_t now)
{
    return logged ? !fits_for_longer(p, now) : p->dirty_bytes > p->dirty_max / 4;
}

/* Until its turn, unless a txg's end leaves nothing to wait for: then no turn holds that was given before. */
static void wait_for_turn(struct pool *p, uint64_t turn, uint64_t added)
{
    while (run_now() < turn && pause_of(p, added) > 0)
        waitq_wait(&p->dirty_less, turn, NULL);
    if (run_now() < turn)
        p->pace.next = run_now();
}

/* Bytes that a write adds to what is dirty, of whole blocks that aren't yet; 0 also as long as nobody waits. */
static uint64_t added_by(const struct pvol *pv, uint64_t off, uint64_t len)
{
    const struct pool *p = pv->p;
    const struct vdirty *d = &pv->dirty[p->txgs.open % TXG_SLOTS];
    uint64_t first = off / pv->bs, end = (off + len + pv->bs - 1) / pv->bs, n = 0;
    if (p->dirty_bytes + (end - first) * pv->bs <= CALM(p->dirty_max))
        return 0;
    for (uint64_t b = first; b < end; b++)
        n += vdirty_find(d, b) == NULL;
    return n * pv->bs;
}

void throttle_wait(struct pvol *pv, uint64_t off, uint64_t len, bool logged)
{
    struct pool *p = pv->p;
    uint64_t added = added_by(pv, off, len), now = run_now();
    uint64_t pause = pause_of(p, added);
    if (is_enough(p, logged, now))
        txg_kick(p);
    if (pause) {
        p->pace.next = MAX(p->pace.next, now) + pause;
        wait_for_turn(p, p->pace.next, added);
    }
    wait_for_room(p, added);
}

void throttle_sync_begins(struct pool *p, uint64_t bytes)
{
    p->pace.began = run_now_precise();
    p->pace.bytes = bytes;
}

void throttle_follow_room(struct pool *p)
{
    uint64_t share = MAX(pool_disks_room(p) / ROOM_SHARE, ROOM_LEAST);
    p->dirty_max = MIN(p->dirty_limit, share);
}

void throttle_sync_ended(struct pool *p)
{
    throttle_follow_room(p);
    uint64_t took = run_now_precise() - p->pace.began, bytes = p->pace.bytes;
    p->pace.bytes = 0;
    if (bytes < MEASURED_MIN || took == 0)
        return;
    uint64_t rate = (uint64_t)((double)bytes * 1e9 / (double)took);
    p->pace.rate = MAX(p->pace.rate ? (3 * p->pace.rate + rate) / 4 : rate, RATE_LEAST);
}
