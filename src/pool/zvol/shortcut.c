/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a volume's block straight to its place in the cache, without asking the tree: what makes a cached read cheap. A table of
 * a pool's own, two entries to a set, the less used one of which makes
 * room, each linked with the cache's entry, which cuts the link when the block leaves. It speaks
 * of the committed tree, so an entry goes when a txg that has the block is committed; who looked a pointer up before that
 * doesn't enter it afterwards (pvol.commits).
 */
#include "pool/zvol/zvol_int.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_PER_SET 8192u /* of the cache */
#define SETS_MIN      64u
#define SETS_MAX      (1u << 22)
#define WAYS          2u

struct shortcut {
    struct cache_link link;
    uint64_t blkid;
    uint32_t dataset;
    uint8_t uses;
};
struct set {
    struct shortcut way[WAYS];
};
static_assert(sizeof(struct set) == 64, "a line of the processor's cache");
struct shortcuts {
    size_t mask;
    uint64_t hits;
    struct set *sets;
};

struct shortcuts *shortcuts_new(uint64_t cache_bytes)
{
    size_t n = SETS_MIN;
    while (n < cache_bytes / BYTES_PER_SET && n < SETS_MAX)
        n *= 2;
    struct shortcuts *s = calloc(1, sizeof(*s));
    if (!s || !(s->sets = aligned_alloc(sizeof(struct set), n * sizeof(struct set)))) {
        free(s);
        return NULL;
    }
    memset(s->sets, 0, n * sizeof(struct set));
    s->mask = n - 1;
    return s;
}

void shortcuts_free(struct shortcuts *s)
{
    if (!s)
        return;
    for (size_t i = 0; i <= s->mask; i++)
        for (unsigned k = 0; k < WAYS; k++)
            cache_link_cut(&s->sets[i].way[k].link);
    free(s->sets);
    free(s);
}

uint64_t shortcuts_hits(const struct shortcuts *s)
{
    return s ? s->hits : 0;
}

/* Neighbours' sets lie side by side. */
static struct set *set_of(const struct pvol *pv, uint64_t blkid)
{
    const struct shortcuts *s = pv->p->shortcuts;
    uint64_t h = (blkid >> 3 ^ pv->ds->id << 40) * 0x9e3779b97f4a7c15ull;
    return &s->sets[(h >> 32 << 3 | (blkid & 7)) & s->mask];
}

static struct shortcut *find(const struct pvol *pv, uint64_t blkid)
{
    struct set *set = set_of(pv, blkid);
    for (unsigned i = 0; i < WAYS; i++) {
        struct shortcut *c = &set->way[i];
        if (c->blkid == blkid && c->dataset == pv->ds->id && c->link.entry)
            return c;
    }
    return NULL;
}

struct iobuf *shortcut_find(const struct pvol *pv, uint64_t blkid)
{
    struct shortcut *c = pv->p->shortcuts ? find(pv, blkid) : NULL;
    if (!c)
        return NULL;
    pv->p->shortcuts->hits++;
    return cache_link_get(&c->link, &c->uses);
}

void shortcut_set(const struct pvol *pv, uint64_t blkid, const struct bp *bp)
{
    if (!pv->p->shortcuts || pv->ds->id > UINT32_MAX || find(pv, blkid))
        return;
    struct set *set = set_of(pv, blkid);
    struct shortcut *c =
        &set->way[set->way[0].link.entry && set->way[0].uses > set->way[1].uses];
    cache_link_set(pv->p->blocks.cache, bp, &c->link, &c->uses);
    c->dataset = (uint32_t)pv->ds->id;
    c->blkid = blkid;
}

static void drop(struct shortcut *c, const struct pvol *pv, uint64_t first, uint64_t n)
{
    if (c->link.entry && c->dataset == pv->ds->id && c->blkid - first < n)
        cache_link_cut(&c->link);
}

static void drop_in(struct set *set, const struct pvol *pv, uint64_t first, uint64_t n)
{
    for (unsigned i = 0; i < WAYS; i++)
        drop(&set->way[i], pv, first, n);
}

void shortcut_drop(const struct pvol *pv, uint64_t first, uint64_t n)
{
    struct shortcuts *s = pv->p->shortcuts;
    if (!s)
        return;
    if (n > s->mask) {
        for (size_t i = 0; i <= s->mask; i++)
            drop_in(&s->sets[i], pv, first, n);
        return;
    }
    for (uint64_t k = first; k < first + n; k++)
        drop_in(set_of(pv, k), pv, k, 1);
}
