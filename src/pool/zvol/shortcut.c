/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a volume's block straight to its place in the cache, without asking the tree: what makes a cached read cheap. A table of
 * a pool's own, two entries to a set, each linked with the cache's entry, which cuts the link when the block leaves. It speaks
 * of the committed tree, so an entry goes when a txg that has the block is committed; who looked a pointer up before that
 * doesn't enter it afterwards (pvol.commits).
 */
#include "pool/zvol/zvol_int.h"

#include <stdlib.h>

#define BYTES_PER_SET 8192u /* of the cache */
#define SETS_MIN      64u
#define SETS_MAX      (1u << 22)
#define WAYS          2u

struct shortcut {
    struct cache_link link;
    uint64_t dataset, blkid;
};
struct shortcuts {
    size_t mask;
    struct shortcut v[];
};

struct shortcuts *shortcuts_new(uint64_t cache_bytes)
{
    size_t sets = SETS_MIN;
    while (sets < cache_bytes / BYTES_PER_SET && sets < SETS_MAX)
        sets *= 2;
    struct shortcuts *s = calloc(1, sizeof(*s) + sets * WAYS * sizeof(s->v[0]));
    if (s)
        s->mask = sets - 1;
    return s;
}

void shortcuts_free(struct shortcuts *s)
{
    for (size_t i = 0; s && i < (s->mask + 1) * WAYS; i++)
        cache_link_cut(&s->v[i].link);
    free(s);
}

static struct shortcut *set_of(const struct pvol *pv, uint64_t blkid)
{
    struct shortcuts *s = pv->p->shortcuts;
    uint64_t h = (blkid ^ pv->ds->id << 40) * 0x9e3779b97f4a7c15ull;
    return &s->v[(h >> 32 & s->mask) * WAYS];
}

static bool is_for(const struct shortcut *c, const struct pvol *pv, uint64_t blkid)
{
    return c->blkid == blkid && c->dataset == pv->ds->id && c->link.entry;
}

struct iobuf *shortcut_find(const struct pvol *pv, uint64_t blkid)
{
    if (!pv->p->shortcuts)
        return NULL;
    struct shortcut *set = set_of(pv, blkid);
    for (unsigned i = 0; i < WAYS; i++)
        if (is_for(&set[i], pv, blkid))
            return cache_link_get(pv->p->blocks.cache, &set[i].link);
    return NULL;
}

void shortcut_set(const struct pvol *pv, uint64_t blkid, const struct bp *bp)
{
    if (!pv->p->shortcuts)
        return;
    struct shortcut *set = set_of(pv, blkid), *c = &set[0];
    for (unsigned i = 0; i < WAYS; i++)
        if (is_for(&set[i], pv, blkid))
            return;
    if (c->link.entry && set[1].link.entry) { /* the newer one becomes the older one */
        cache_link_move(&set[1].link, &c->link);
        c->dataset = set[1].dataset;
        c->blkid = set[1].blkid;
    }
    c = c->link.entry ? &set[1] : c;
    c->dataset = pv->ds->id;
    c->blkid = blkid;
    cache_link_set(pv->p->blocks.cache, bp, &c->link);
}

static void drop(struct shortcut *c, const struct pvol *pv, uint64_t first, uint64_t n)
{
    if (c->link.entry && c->dataset == pv->ds->id && c->blkid - first < n)
        cache_link_cut(&c->link);
}

void shortcut_drop(const struct pvol *pv, uint64_t first, uint64_t n)
{
    struct shortcuts *s = pv->p->shortcuts;
    if (!s)
        return;
    if (n > s->mask) {
        for (size_t i = 0; i < (s->mask + 1) * WAYS; i++)
            drop(&s->v[i], pv, first, n);
        return;
    }
    for (uint64_t k = first; k < first + n; k++)
        for (unsigned i = 0; i < WAYS; i++)
            drop(&set_of(pv, k)[i], pv, k, 1);
}
