/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash table that doubles, and a list of runs; freed runs are few and merge where they touch. Blocks come from chunks that go
 * with the table: the allocator would have to sort out tens of thousands of them with every txg.
 */
#include "pool/zvol/dirty.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS_MIN   64u
#define CHUNK_BLOCKS 127u /* of 4 KiB */

struct vchunk {
    struct vchunk *next;
    size_t used;
    struct vblock v[CHUNK_BLOCKS];
};

void vdirty_init(struct vdirty *d, void (*unplace)(void *arg, struct vplace *place), void *arg)
{
    *d = (struct vdirty){.unplace = unplace, .arg = arg};
}

/* ---- memory ------------------------------------------------------------------------------ */

static struct vblock *block_get(struct vdirty *d)
{
    struct vblock *b = d->spare;
    if (b) {
        d->spare = b->next;
        return b;
    }
    if (!d->chunks || d->chunks->used == CHUNK_BLOCKS) {
        struct vchunk *c = malloc(sizeof(*c));
        if (!c)
            return NULL;
        c->next = d->chunks;
        c->used = 0;
        d->chunks = c;
    }
    return &d->chunks->v[d->chunks->used++];
}

static void block_put(struct vdirty *d, struct vblock *b)
{
    b->next = d->spare;
    d->spare = b;
    d->nblocks--;
}

bool vdirty_clear_next(struct vdirty *d, size_t *at, uint64_t *ret_blkid)
{
    while (*at < d->nchains && !d->chains[*at])
        ++*at;
    if (*at == d->nchains)
        return false;
    struct vblock *b = d->chains[*at];
    d->chains[*at] = b->next;
    *ret_blkid = b->blkid;
    iobuf_unkeep(b->buf);
    block_put(d, b);
    return true;
}

void vdirty_clear_freed(struct vdirty *d)
{
    free(d->freed);
    d->freed = NULL;
    d->nfreed = d->freed_cap = 0;
}

void vdirty_clear(struct vdirty *d)
{
    size_t at = 0;
    uint64_t blkid;
    struct vchunk *c;
    while (vdirty_clear_next(d, &at, &blkid))
        ;
    vdirty_clear_freed(d);
    while ((c = d->chunks)) {
        d->chunks = c->next;
        free(c);
    }
    free(d->chains);
    vdirty_init(d, d->unplace, d->arg);
}

/* ---- the table --------------------------------------------------------------------------- */

/* Neighbours' chains share a line of the processor's cache. */
static size_t chain_of(const struct vdirty *d, uint64_t blkid)
{
    uint64_t line = (blkid >> 3) * 0x9e3779b97f4a7c15ull >> 20;
    return (size_t)(line << 3 | (blkid & 7)) & (d->nchains - 1);
}

struct vblock *vdirty_find(const struct vdirty *d, uint64_t blkid)
{
    if (d->nblocks == 0)
        return NULL;
    struct vblock *b = d->chains[chain_of(d, blkid)];
    while (b && b->blkid != blkid)
        b = b->next;
    return b;
}

static int grow(struct vdirty *d)
{
    struct vdirty wide = *d;
    wide.nchains = d->nchains ? d->nchains * 2 : CHAINS_MIN;
    wide.chains = calloc(wide.nchains, sizeof(*wide.chains));
    if (!wide.chains)
        return E(-ENOMEM);
    for (size_t i = 0; i < d->nchains; i++)
        while (d->chains[i]) {
            struct vblock *b = d->chains[i];
            d->chains[i] = b->next;
            size_t at = chain_of(&wide, b->blkid);
            b->next = wide.chains[at];
            wide.chains[at] = b;
        }
    free(d->chains);
    *d = wide;
    return 0;
}

int vdirty_add(struct vdirty *d, uint64_t blkid, struct iobuf *buf)
{
    if (d->nblocks >= d->nchains) {
        int r = grow(d);
        if (r)
            return r;
    }
    struct vblock *b = block_get(d);
    if (!b)
        return E(-ENOMEM);
    size_t at = chain_of(d, blkid);
    *b = (struct vblock){.next = d->chains[at], .blkid = blkid, .buf = buf};
    d->chains[at] = b;
    d->nblocks++;
    iobuf_keep(buf);
    return 0;
}

void vdirty_replace(struct vblock *b, struct iobuf *buf)
{
    iobuf_unkeep(b->buf);
    b->buf = buf;
    iobuf_keep(buf);
}

static bool drop(struct vdirty *d, uint64_t blkid)
{
    struct vblock **at = &d->chains[chain_of(d, blkid)];
    while (*at && (*at)->blkid != blkid)
        at = &(*at)->next;
    struct vblock *b = *at;
    if (!b)
        return false;
    *at = b->next;
    if (b->place)
        d->unplace(d->arg, b->place);
    iobuf_unkeep(b->buf);
    block_put(d, b);
    return true;
}

/* Whichever is less work: asking for each block of the run, or looking at each block there is. */
static uint64_t drop_run(struct vdirty *d, uint64_t first, uint64_t n)
{
    uint64_t dropped = 0;
    if (n <= d->nblocks) {
        for (uint64_t i = 0; i < n && d->nblocks > 0; i++)
            dropped += drop(d, first + i);
        return dropped;
    }
    for (size_t i = 0; i < d->nchains && d->nblocks > 0; i++)
        for (struct vblock *b = d->chains[i], *next; b; b = next) {
            next = b->next;
            if (b->blkid - first < n)
                dropped += drop(d, b->blkid);
        }
    return dropped;
}

int vdirty_free_run(struct vdirty *d, uint64_t first, uint64_t n, uint64_t *ret_dropped)
{
    struct vrun *last = d->nfreed ? &d->freed[d->nfreed - 1] : NULL;
    if (last && last->first + last->n == first) {
        last->n += n;
    } else if (!last || last->first > first || last->first + last->n < first + n) {
        if (d->nfreed == d->freed_cap) {
            size_t cap = MAX(16u, d->freed_cap * 2);
            struct vrun *v = realloc(d->freed, cap * sizeof(*v));
            if (!v)
                return E(-ENOMEM);
            d->freed = v;
            d->freed_cap = cap;
        }
        d->freed[d->nfreed++] = (struct vrun){first, n};
    }
    *ret_dropped = drop_run(d, first, n);
    return 0;
}

bool vdirty_is_freed(const struct vdirty *d, uint64_t blkid)
{
    for (size_t i = d->nfreed; i-- > 0;)
        if (blkid - d->freed[i].first < d->freed[i].n)
            return true;
    return false;
}

static int by_blkid(const void *a, const void *b)
{
    uint64_t x = (*(struct vblock *const *)a)->blkid, y = (*(struct vblock *const *)b)->blkid;
    return x < y ? -1 : x > y;
}

struct vblock **vdirty_sorted(const struct vdirty *d)
{
    struct vblock **v = d->nblocks ? malloc(d->nblocks * sizeof(*v)) : NULL;
    size_t n = 0;
    if (!v)
        return NULL;
    for (size_t i = 0; i < d->nchains; i++)
        for (struct vblock *b = d->chains[i]; b; b = b->next)
            v[n++] = b;
    qsort(v, n, sizeof(*v), by_blkid);
    return v;
}
