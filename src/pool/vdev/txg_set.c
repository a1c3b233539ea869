/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of txgs, as dirty time logs are: few ranges, mostly growing at the end. A sorted array;
 * adding merges all ranges that the new one overlaps or touches.
 */
#include "pool/vdev/vdev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Index of the first range that ends at or behind txg. */
static unsigned find_end(const struct txg_set *s, uint64_t txg)
{
    unsigned lo = 0, hi = s->n;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (s->v[mid].end < txg)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int grow(struct txg_set *s)
{
    if (s->n < s->cap)
        return 0;
    unsigned cap = MAX(2 * s->cap, 4);
    struct txg_range *v = realloc(s->v, cap * sizeof(*v));
    if (!v)
        return E(-ENOMEM);
    s->v = v;
    s->cap = cap;
    return 0;
}

/* Puts n new ranges in the place of those from first to last - 1. There is room. */
static void splice(struct txg_set *s, unsigned first, unsigned last, const struct txg_range *v,
                   unsigned n)
{
    if (first == last && n == 0)
        return;
    memmove(s->v + first + n, s->v + last, (s->n - last) * sizeof(*v));
    memcpy(s->v + first, v, n * sizeof(*v));
    s->n = s->n - (last - first) + n;
}

int txg_set_add(struct txg_set *s, uint64_t start, uint64_t end)
{
    if (start >= end)
        return 0;
    int rc = grow(s);
    if (rc < 0)
        return rc;
    struct txg_range r = {start, end};
    unsigned first = find_end(s, start), last = first;
    for (; last < s->n && s->v[last].start <= end; last++) {
        r.start = MIN(r.start, s->v[last].start);
        r.end = MAX(r.end, s->v[last].end);
    }
    splice(s, first, last, &r, 1);
    return 0;
}

void txg_set_remove(struct txg_set *s, uint64_t start, uint64_t end)
{
    struct txg_range rest[2]; /* the first one's left side, the last one's right side */
    unsigned first = find_end(s, start), last = first, n = 0;
    for (; start < end && last < s->n && s->v[last].start < end; last++) {
        struct txg_range r = s->v[last];
        if (r.start < start)
            rest[n++] = (struct txg_range){r.start, MIN(r.end, start)};
        if (r.end > end)
            rest[n++] = (struct txg_range){end, r.end};
    }
    if (n <= last - first || grow(s) == 0)
        splice(s, first, last, rest, n);
}

bool txg_set_overlaps(const struct txg_set *s, uint64_t start, uint64_t end)
{
    unsigned i = find_end(s, start + 1);
    return start < end && i < s->n && s->v[i].start < end;
}

bool txg_set_has(const struct txg_set *s, uint64_t txg)
{
    return txg_set_overlaps(s, txg, txg + 1);
}

void txg_set_clear(struct txg_set *s)
{
    free(s->v);
    *s = (struct txg_set){0};
}
