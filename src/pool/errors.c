/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Damaged blocks as the operator knows them: a volume and a range of bytes. The log has numbers; names are looked up when it
 * is listed, once for all blocks of a dataset, which come one after the other.
 */
#include "pool/look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LEVEL_MAX 5u /* more would be larger than any volume */
#define BP_SHIFT  7u

/* What is known of the dataset whose blocks are being listed. */
struct owner {
    uint64_t id;
    bool known;
    char name[POOL_DATASET_NAME_MAX + 1];
    uint32_t block_size; /* 0: no volume */
    uint64_t size;
};

static const struct dsl_dir *dir_of_head(const struct pool *p, uint64_t id)
{
    const struct dsl_dir *dd = NULL;
    while ((dd = dsl_next(&p->dsl, dd)))
        if (dd->head && dd->head->id == id)
            return dd;
    return NULL;
}

static int owner_name(struct pool *p, struct owner *o)
{
    char head[DSL_NAME_MAX + 1], snap[DSL_NAME_MAX + 1];
    const struct dsl_dir *dd = dir_of_head(p, o->id);
    if (dd) {
        dsl_dir_name(dd, head);
        snprintf(o->name, sizeof(o->name), "%s", head);
        return 0;
    }
    uint64_t ticket = blocks_reader_enter(&p->blocks);
    int r = dsl_snapshot_name(&p->dsl, o->id, head, snap);
    blocks_reader_leave(&p->blocks, ticket);
    if (r)
        return r;
    int len = snprintf(o->name, sizeof(o->name), "%s@%s", head, snap);
    return len > 0 && (size_t)len < sizeof(o->name) ? 0 : E(-ENAMETOOLONG);
}

static void owner_find(struct pool *p, uint64_t id, struct owner *ret)
{
    struct look look;
    *ret = (struct owner){.id = id, .known = true};
    if (id == 0) {
        snprintf(ret->name, sizeof(ret->name), "<metadata>");
    } else if (owner_name(p, ret)) {
        snprintf(ret->name, sizeof(ret->name), "<0x%" PRIx64 ">", id);
    } else if (look_begin(p, ret->name, &look, NULL) == 0) {
        ret->block_size = look.volblocksize;
        ret->size = look.volsize;
        look_end(&look);
    }
}

/* A pointer block stands for all that is below it. */
static void range_find(const struct owner *o, const struct bookmark *at, struct pool_error *e)
{
    uint64_t all = o->block_size ? o->size / o->block_size : 0;
    if (at->object != ZVOL_DATA || at->level > LEVEL_MAX || all == 0)
        return;
    unsigned up = (unsigned)at->level * (INDIRECT_SHIFT - BP_SHIFT);
    if (at->blkid > (all - 1) >> up)
        return; /* beyond the end, since it shrank */
    uint64_t first = at->blkid << up;
    e->offset = first * o->block_size;
    e->len = MIN(1ull << up, all - first) * o->block_size;
}

int pool_errors(struct pool *p, int (*fn)(void *arg, const struct pool_error *e), void *arg)
{
    struct owner o = {0};
    struct bookmark *v = NULL;
    unsigned n = 0;
    int r = errlog_copy(p, &v, &n);
    for (unsigned i = 0; r == 0 && i < n; i++) {
        if (!o.known || o.id != v[i].objset)
            owner_find(p, v[i].objset, &o);
        struct pool_error e = {.object = v[i].object};
        snprintf(e.dataset, sizeof(e.dataset), "%s", o.name);
        range_find(&o, &v[i], &e);
        r = fn(arg, &e);
    }
    free(v);
    return r;
}

uint64_t pool_error_count(const struct pool *p)
{
    return errlog_count(p);
}
