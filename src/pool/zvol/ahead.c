/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading ahead. A read that goes on where another one ended, or close to it (several may be in flight and arrive in any order),
 * belongs to a stream. From its second step on a stream has a window that doubles up to a limit; when half of it is used up, a
 * few fibers fetch what is missing. It goes into the cache as prefetched blocks, which a first use doesn't make precious, and at
 * the disk it stands behind whatever somebody waits for, so random readers neither start streams nor suffer from them. Who reads
 * what is in memory begins no stream and takes nobody else's.
 */
#include "pool/zvol/zvol_int.h"

#include <errno.h>

#define NEAR       16u /* blocks off the expected one that still belong to a stream */
#define HITS_MIN   2u
#define WINDOW_MIN (512u << 10) /* bytes */
#define WINDOW_MAX (16u << 20)
#define FIBERS     64u

/* One comparison, whose outcome a random reader's CPU can guess. */
static struct ahead_stream *stream_of(struct ahead *a, uint64_t first)
{
    for (unsigned i = 0; i < ARRAY_LEN(a->stream); i++) {
        struct ahead_stream *s = &a->stream[i];
        if (first + NEAR - s->next <= 2 * NEAR && s->used)
            return s;
    }
    return NULL;
}

/* The one that has not gone on for longest makes room. */
static void stream_begin(struct ahead *a, uint64_t next)
{
    struct ahead_stream *s = &a->stream[0];
    for (unsigned i = 1; i < ARRAY_LEN(a->stream); i++)
        if (a->stream[i].used < s->used)
            s = &a->stream[i];
    *s = (struct ahead_stream){.next = next, .fetched = next, .used = ++a->clock};
}

static uint64_t window_max(const struct pvol *pv)
{
    struct cache_stats st;
    cache_stats(pv->p->blocks.cache, &st);
    return MIN(WINDOW_MAX, st.budget / 8) / pv->bs;
}

/* The next block to be fetched for any stream. */
static bool take(struct pvol *pv, uint64_t *ret_blkid)
{
    struct ahead *a = &pv->ahead;
    uint64_t end = pv->v.geo.size / pv->bs;
    for (unsigned i = 0; i < ARRAY_LEN(a->stream) && !a->stopping; i++) {
        struct ahead_stream *s = &a->stream[i];
        s->fetched = MAX(s->fetched, s->next);
        if (s->fetched < MIN(s->next + s->window, end)) {
            *ret_blkid = s->fetched++;
            return true;
        }
    }
    return false;
}

static void fetch_fiber(void *arg)
{
    struct pvol *pv = arg;
    struct iobuf *buf;
    uint64_t blkid;
    while (take(pv, &blkid)) {
        if (pvol_block_get(pv, pv->p->txgs.open, blkid, BLOCK_PREFETCH, &buf) == 0)
            iobuf_put(buf);
        fiber_maybe_yield();
    }
    if (--pv->ahead.fibers == 0)
        waitq_wake_all(&pv->ahead.idle);
}

static void fetch(struct pvol *pv, uint64_t blocks)
{
    unsigned wanted = (unsigned)MIN(blocks, FIBERS);
    while (pv->ahead.fibers < wanted && !fiber_scarce() &&
           fiber_start(fetch_fiber, pv, "pool-ahead"))
        pv->ahead.fibers++;
}

void ahead_note(struct pvol *pv, uint64_t first, uint64_t last, bool missed)
{
    struct ahead *a = &pv->ahead;
    struct ahead_stream *s = stream_of(a, first);
    if (!s) {
        if (missed)
            stream_begin(a, last + 1);
        return;
    }
    s->used = ++a->clock;
    if (last < s->next)
        return;
    s->next = last + 1;
    s->hits++;
    uint64_t got = s->fetched > s->next ? s->fetched - s->next : 0;
    if (s->hits < HITS_MIN || got > s->window / 2)
        return;
    s->window = (uint32_t)MIN(MAX(2ull * s->window, WINDOW_MIN / pv->bs), window_max(pv));
    fetch(pv, s->window - got);
}

void ahead_stop(struct pvol *pv)
{
    pv->ahead.stopping = true;
    while (pv->ahead.fibers > 0)
        waitq_wait(&pv->ahead.idle, NO_DEADLINE, NULL);
}
