/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of an object is dirty: a treap (a binary tree ordered by key, a heap by random priority,
 * so balanced in expectation whatever the order of writes is) of records, one per block. Keys
 * order the tree of blocks in pre-order, so that everything below a block is a run of records
 * and writing goes through them from left to right.
 */
#include "pool/tree/tree_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the treap --------------------------------------------------------------------------- */

/* n goes where its priority puts it; what was there is split by its key. */
static void insert(struct object *obj, struct dirty *n)
{
    struct dirty **at = &obj->map;
    while (*at && (*at)->prio >= n->prio)
        at = &(*at)->kid[n->key > (*at)->key];
    struct dirty *rest = *at, **less = &n->kid[0], **more = &n->kid[1];
    *at = n;
    while (rest) {
        bool right = rest->key > n->key;
        struct dirty ***side = right ? &more : &less;
        **side = rest;
        *side = &rest->kid[!right];
        rest = **side;
    }
    *less = *more = NULL;
}

static void cut_out(struct dirty **at)
{
    struct dirty *a = (*at)->kid[0], *b = (*at)->kid[1];
    while (a && b) {
        bool left = a->prio > b->prio;
        struct dirty **top = left ? &a : &b;
        *at = *top;
        at = &(*top)->kid[left];
        *top = *at;
    }
    *at = a ? a : b;
}

static uint32_t next_prio(struct objset *os)
{
    os->random ^= os->random << 13;
    os->random ^= os->random >> 7;
    os->random ^= os->random << 17;
    return (uint32_t)(os->random >> 16);
}

/* ---- looking ----------------------------------------------------------------------------- */

struct dirty *dirty_find(const struct object *obj, unsigned level, uint64_t blkid)
{
    uint64_t key = dirty_key(obj, level, blkid);
    struct dirty *d = obj->map;
    while (d && d->key != key)
        d = d->kid[key > d->key];
    return d;
}

struct dirty *dirty_from(const struct object *obj, uint64_t key)
{
    struct dirty *best = NULL;
    for (struct dirty *d = obj->map; d; d = d->kid[key > d->key]) {
        if (d->key >= key)
            best = d;
        if (d->key == key)
            break;
    }
    return best;
}

struct run {
    uint64_t from, end;
    struct dirty **v;
    unsigned n, most;
};

static void collect(struct dirty *d, struct run *r)
{
    if (!d || r->n == r->most)
        return;
    if (d->key > r->from)
        collect(d->kid[0], r);
    if (d->key >= r->from && d->key < r->end && r->n < r->most)
        r->v[r->n++] = d;
    if (d->key < r->end)
        collect(d->kid[1], r);
}

unsigned dirty_run(const struct object *obj, uint64_t from, uint64_t end, struct dirty **v,
                   unsigned most)
{
    struct run r = {from, end, v, 0, most};
    collect(obj->map, &r);
    return r.n;
}

static uint64_t subtree_end(const struct object *obj, unsigned level, uint64_t blkid)
{
    return (blkid + 1) << span_shift(obj, level);
}

struct dirty *dirty_below(const struct object *obj, unsigned level, uint64_t blkid)
{
    struct dirty *d = dirty_from(obj, dirty_key(obj, level, blkid) + 1);
    return d && dirty_pos(d) < subtree_end(obj, level, blkid) ? d : NULL;
}

/* ---- changing ---------------------------------------------------------------------------- */

static void drop_content(struct object *obj, struct dirty *d)
{
    if (d->buf)
        obj->os->dirty_bytes -= d->buf->cap;
    iobuf_put(d->buf);
    free(d->adopted);
    d->buf = NULL;
    d->adopted = NULL;
}

struct dirty *dirty_get(struct object *obj, unsigned level, uint64_t blkid)
{
    struct dirty *d = dirty_find(obj, level, blkid);
    if (d)
        return d;
    d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->key = dirty_key(obj, level, blkid);
    d->blkid = blkid;
    d->level = (uint8_t)level;
    d->what = DIRTY_HOLE;
    d->prio = next_prio(obj->os);
    insert(obj, d);
    object_dirty(obj);
    return d;
}

void dirty_set_data(struct object *obj, struct dirty *d, struct iobuf *buf)
{
    drop_content(obj, d);
    d->settled &= d->what == DIRTY_DATA;
    d->what = DIRTY_DATA;
    d->buf = buf;
    obj->os->dirty_bytes += buf->cap;
}

void dirty_set_hole(struct object *obj, struct dirty *d)
{
    drop_content(obj, d);
    d->settled &= d->what == DIRTY_HOLE;
    d->what = DIRTY_HOLE;
}

static void record_free(struct object *obj, struct dirty *d)
{
    struct dirty **at = &obj->map;
    while (*at != d)
        at = &(*at)->kid[d->key > (*at)->key];
    cut_out(at);
    drop_content(obj, d);
    free(d);
}

void dirty_drop(struct object *obj, unsigned level, uint64_t blkid)
{
    struct dirty *d = dirty_find(obj, level, blkid);
    for (d = d ? d : dirty_below(obj, level, blkid); d; d = dirty_below(obj, level, blkid))
        record_free(obj, d);
}

/* What is less than the root goes over it until nothing is: then the root is the first of all and goes. The order stays, the heap
 * doesn't, so nothing comes in meanwhile. */
void dirty_clear(struct object *obj, bool yield)
{
    struct dirty *d;
    while ((d = obj->map)) {
        struct dirty *less = d->kid[0];
        if (less) {
            d->kid[0] = less->kid[1];
            less->kid[1] = d;
            obj->map = less;
            continue;
        }
        obj->map = d->kid[1];
        drop_content(obj, d);
        free(d);
        if (yield)
            fiber_maybe_yield();
    }
}

void object_dirty(struct object *obj)
{
    struct objset *os = obj->os;
    check(!os->written);
    os->is_dirty = true;
    if (!(obj->dn.flags & DNODE_USED_BYTES)) {
        obj->dn.used = le64_make(le64_get(obj->dn.used) << SECTOR_SHIFT);
        obj->dn.flags |= DNODE_USED_BYTES;
    }
    if (!object_is_meta(obj) && list_empty(&obj->node))
        list_push(&os->dirty, &obj->node);
}

/* ---- more levels ------------------------------------------------------------------------- */

/* *ret_birth: of the youngest hole among them. */
static bool has_pointers(struct dnode_phys *dn, uint64_t *ret_birth)
{
    bool any = false;
    *ret_birth = 0;
    for (unsigned i = 0; i < dn->nblkptr; i++) {
        const struct bp *bp = dnode_bp(dn, i);
        any |= !bp_is_hole(bp);
        if (bp_is_hole(bp))
            *ret_birth = MAX(*ret_birth, bp_birth(bp));
    }
    return any;
}

/* The dnode's pointers move into a new indirect block and the dnode points at that. Nothing
 * below them is touched; a tree that is empty just gets higher. */
static int grow_once(struct object *obj)
{
    struct dnode_phys *dn = &obj->dn;
    unsigned level = dn->nlevels;
    uint64_t birth;
    size_t n = dn->nblkptr * sizeof(struct bp);
    if (level == DNODE_MAX_LEVELS)
        return E(-EFBIG);
    if (has_pointers(dn, &birth) || (level > 1 && dirty_find(obj, level - 1, 0))) {
        struct iobuf *buf = iobuf_get(level_size(dn, level));
        struct dirty *d = buf ? dirty_get(obj, level, 0) : NULL;
        if (!d) {
            iobuf_put(buf);
            return -ENOMEM;
        }
        memset(buf->p, 0, level_size(dn, level));
        memcpy(buf->p, dn->tail, n);
        dirty_set_data(obj, d, buf);
    }
    memset(dn->tail, 0, n);
    bp_make_hole(dnode_bp(dn, 0), level_size(dn, level), dn->type, level, birth);
    dn->nlevels++;
    return 0;
}

int object_grow(struct object *obj, uint64_t blkid)
{
    int rc = 0;
    while (rc == 0 && blkid >= dn_capacity(&obj->dn))
        rc = grow_once(obj);
    return rc;
}
