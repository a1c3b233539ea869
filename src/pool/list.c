/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listing datasets. The directories are held while their snapshots and types are read, so that they stay where they are in
 * memory; one that goes meanwhile is listed all the same.
 */
#include "pool/look.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listing {
    struct pool *p;
    struct pool_dataset *list;
    unsigned n, cap, types;
};

static int listing_add(struct listing *l, const char *head, const char *snap,
                       enum pool_dataset_type type, unsigned depth)
{
    if (!(l->types & type))
        return 0;
    if (l->n == l->cap) {
        unsigned cap = l->cap ? l->cap * 2 : 16;
        struct pool_dataset *list = realloc(l->list, cap * sizeof(*list));
        if (!list)
            return E(-ENOMEM);
        l->list = list;
        l->cap = cap;
    }
    struct pool_dataset *d = &l->list[l->n];
    memset(d, 0, sizeof(*d));
    d->type = type;
    d->depth = depth;
    int len =
        snprintf(d->name, sizeof(d->name), "%s%s%s", head, snap ? "@" : "", snap ? snap : "");
    l->n += len >= 0 && (size_t)len < sizeof(d->name); /* longer ones can't be named */
    return 0;
}

/* ---- which directories, in which order --------------------------------------------------------------------- */

struct held {
    struct dsl_dir *dd;
    unsigned depth;
    char name[DSL_NAME_MAX + 1];
};

/* Names in the order of a walk: a slash comes before all other characters. */
static int by_name(const void *a, const void *b)
{
    const unsigned char *x = (const unsigned char *)((const struct held *)a)->name;
    const unsigned char *y = (const unsigned char *)((const struct held *)b)->name;
    while (*x && *x == *y)
        x++, y++;
    int cx = *x == '/' ? 1 : *x ? *x + 1 : 0, cy = *y == '/' ? 1 : *y ? *y + 1 : 0;
    return cx - cy;
}

static unsigned depth_of(const struct dsl_dir *dd, const struct dsl_dir *top)
{
    unsigned depth = 0;
    while (dd && dd != top) {
        dd = dd->parent;
        depth++;
    }
    return dd ? depth : UINT_MAX;
}

static int dirs_hold(const struct pool *p, const struct dsl_dir *top, unsigned depth,
                     struct held **ret, unsigned *ret_n)
{
    struct dsl_dir *dd = NULL;
    unsigned n = 0, total = 0;
    while ((dd = dsl_next(&p->dsl, dd)))
        total++;
    struct held *held = calloc(total, sizeof(*held));
    if (!held)
        return E(-ENOMEM);
    while ((dd = dsl_next(&p->dsl, dd))) {
        unsigned at = depth_of(dd, top);
        if (at == UINT_MAX || at > depth || !look_is_there(dd) || strchr(dd->name, '%'))
            continue;
        held[n] = (struct held){.dd = dd, .depth = at};
        dsl_dir_name(dd, held[n++].name);
        dsl_dir_hold(dd);
    }
    qsort(held, n, sizeof(*held), by_name);
    *ret = held;
    *ret_n = n;
    return 0;
}

/* ---- listing --------------------------------------------------------------------------------------------------- */

static int snapshots_add(struct listing *l, const struct held *h)
{
    struct dsl_snapshot *snaps = NULL;
    unsigned n = 0;
    int r = dsl_snapshots(h->dd, &snaps, &n);
    for (unsigned i = 0; r == 0 && i < n; i++)
        r = listing_add(l, h->name, snaps[i].name, POOL_SNAPSHOT, h->depth + 1);
    free(snaps);
    return r;
}

static int held_add(struct listing *l, const struct held *h, unsigned depth)
{
    bool volume = dsl_dataset_type(h->dd->head) == OBJSET_ZVOL;
    int r = listing_add(l, h->name, NULL, volume ? POOL_VOLUME : POOL_FOLDER, h->depth);
    return r || !(l->types & POOL_SNAPSHOT) || h->depth >= depth ? r : snapshots_add(l, h);
}

/* Also lets go of all. */
static int all_add(struct listing *l, struct held *held, unsigned n, unsigned depth)
{
    int r = 0;
    uint64_t ticket = blocks_reader_enter(&l->p->blocks);
    for (unsigned i = 0; i < n; i++) {
        if (r == 0)
            r = held_add(l, &held[i], depth);
        dsl_dir_release(held[i].dd);
    }
    blocks_reader_leave(&l->p->blocks, ticket);
    free(held);
    return r;
}

static int list_snapshot(struct listing *l, const char *name, struct err *reterr)
{
    struct look look;
    int r = look_begin(l->p, name, &look, reterr);
    if (r)
        return r;
    look_end(&look);
    return listing_add(l, name, NULL, POOL_SNAPSHOT, 0);
}

int pool_list(struct pool *p, const char *below, unsigned depth, unsigned types,
              struct pool_dataset **ret, unsigned *ret_n, struct err *reterr)
{
    struct listing l = {.p = p, .types = types};
    const struct dsl_dir *top = dsl_find(&p->dsl, below);
    struct held *held = NULL;
    unsigned n = 0;
    int r;
    if (strchr(below, '@'))
        r = list_snapshot(&l, below, reterr);
    else if (!look_is_there(top))
        return err_set(reterr, E(-ENOENT), "pool %s has no dataset %s", p->name, below);
    else if ((r = dirs_hold(p, top, depth, &held, &n)) != 0 ||
             (r = all_add(&l, held, n, depth)) != 0)
        err_set(reterr, r, "pool %s: its datasets cannot be listed", p->name);
    if (r) {
        free(l.list);
        return r;
    }
    *ret = l.list;
    *ret_n = l.n;
    return 0;
}
