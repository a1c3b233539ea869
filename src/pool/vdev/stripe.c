/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One block on its way to the leaves: cut into columns, with parity, each column on its way to
 * every leaf of its child. When all writes have ended the stripe is judged: at most as many
 * columns may be missing as can be computed. If it stands, the leaves that didn't take their
 * part lack this txg; if it doesn't, the caller hears of it and writes all of it again some
 * day, so nothing is to be remembered.
 */
#include "pool/vdev/vdev_int.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

static int make_parity(struct stripe *s, const struct raidz_map *map)
{
    CLEANUP(freep) uint8_t **p = calloc(map->ncols, sizeof(*p));
    if (!p)
        return E(-ENOMEM);
    for (unsigned c = 0; c < map->nparity; c++) {
        s->parity[c] = iobuf_get(s->col[c].len);
        if (!s->parity[c])
            return E(-ENOMEM);
        s->col[c].p = s->parity[c]->p;
    }
    for (unsigned c = 0; c < map->ncols; c++)
        p[c] = s->col[c].p;
    raidz_parity(map, p);
    return 0;
}

static int cut(struct stripe *s, const struct raidz_map *map, uint8_t *data)
{
    for (unsigned c = 0; c < map->ncols; c++) {
        struct raidz_col at = raidz_col(map, c);
        s->col[c] = (struct stripe_col){
            .group = s->top->child[at.child],
            .off = at.off,
            .p = data + at.data_off,
            .len = at.len,
        };
    }
    return make_parity(s, map);
}

struct stripe *stripe_new(struct vdev *top, uint64_t off, uint8_t *data, uint32_t len)
{
    struct raidz_map map = {.ncols = 1};
    bool raidz = top->type == VDEV_RAIDZ;
    if (raidz)
        raidz_map_make(&map, off, len, top->ashift, top->nchildren, top->nparity);
    struct stripe *s = calloc(1, sizeof(*s) + map.ncols * sizeof(struct stripe_col));
    if (!s)
        return NULL;
    s->top = top;
    s->ncols = map.ncols;
    s->tolerance = map.nparity;
    s->col[0] = (struct stripe_col){.group = top, .off = off, .p = data, .len = len};
    if (raidz && cut(s, &map, data) < 0) {
        stripe_free(s);
        return NULL;
    }
    return s;
}

void stripe_free(struct stripe *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < ARRAY_LEN(s->parity); i++)
        iobuf_put(s->parity[i]);
    free(s);
}

/* ---- pieces ------------------------------------------------------------------------------ */

int pieces_add(struct pieces *l, const struct piece *p)
{
    if (l->n == l->cap) {
        unsigned cap = MAX(2 * l->cap, 8);
        struct piece *v = realloc(l->v, cap * sizeof(*v));
        if (!v)
            return E(-ENOMEM);
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = *p;
    return 0;
}

void pieces_gather(const struct pieces *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        const struct piece *p = &l->v[i];
        if (p->stripe && p->took)
            p->stripe->col[p->col].took = true;
    }
}

void stripe_judge(struct stripe *s)
{
    unsigned missing = 0;
    for (unsigned c = 0; c < s->ncols; c++)
        missing += !s->col[c].took;
    s->failed = missing > s->tolerance;
}

int pieces_mark(const struct pieces *l, uint64_t txg)
{
    int rc = 0;
    for (unsigned i = 0; i < l->n; i++) {
        const struct piece *p = &l->v[i];
        if (p->stripe && !p->took && !p->stripe->failed)
            rc = leaf_missed(p->leaf, txg, txg + 1) < 0 ? -ENOMEM : rc;
    }
    return rc;
}
