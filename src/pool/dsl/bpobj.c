/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of block pointers in the MOS (OpenZFS bpobj.c): deadlists and what waits to be freed. An entry is the pointer
 * without its checksum and fill. A bpobj may name others (sub-objects), whose sums are in its own.
 */
#include "pool/dsl/dsl_int.h"

#include <errno.h>
#include <string.h>

#define SUBOBJ_DEPTH 4          /* OpenZFS makes one level */
#define SUBOBJS_MAX  (1u << 24) /* no list of them is as long */

static int header_read(struct objset *mos, uint64_t id, struct bpobj_phys *ret)
{
    struct object *obj;
    int r = object_hold(mos, id, &obj);
    if (r)
        return r;
    size_t len = MIN(object_bonus_len(obj), sizeof(*ret));
    memset(ret, 0, sizeof(*ret));
    if (object_type(obj) != DMU_BPOBJ || len < 32)
        r = E(-EBADMSG);
    else
        memcpy(ret, object_bonus(obj), len);
    object_release(obj);
    return r;
}

int bpobj_create(struct objset *mos, uint32_t block_size, uint64_t *ret_id)
{
    struct object_props props = {
        .type = DMU_BPOBJ,
        .bonus_type = DMU_BPOBJ_HDR,
        .bonus_len = sizeof(struct bpobj_phys),
        .block_size = block_size,
    };
    return object_create(mos, 0, &props, ret_id);
}

int bpobj_bytes(struct objset *mos, uint64_t id, uint64_t *ret)
{
    struct bpobj_phys h;
    int r = header_read(mos, id, &h);
    if (r == 0)
        *ret = le64_get(h.bytes);
    return r;
}

/* What is kept of a pointer. */
static struct bp entry_of(const struct bp *bp)
{
    struct bp e = *bp;
    if (bp_is_embedded(bp)) {
        memset(&e, 0, sizeof(e));
        bp_word_set(&e, 6, bp_word(bp, 6));
        bp_word_set(&e, 10, bp_birth(bp));
        return e;
    }
    bp_set_cksum(&e, &(struct cksum){{0}});
    bp_set_fill(&e, 0);
    return e;
}

int bpobj_add(struct objset *mos, uint64_t id, const struct bp *bp, const struct bp_sums *sums)
{
    struct object *obj;
    int r = object_hold(mos, id, &obj);
    if (r)
        return r;
    struct bp entry = entry_of(bp);
    const struct bpobj_phys *old = object_bonus(obj);
    if (object_type(obj) != DMU_BPOBJ || object_bonus_len(obj) < sizeof(*old) ||
        le64_get(old->num_blkptrs) >= UINT64_MAX / BP_SIZE)
        r = E(-EBADMSG);
    else
        r = object_write(obj, le64_get(old->num_blkptrs) * BP_SIZE, &entry, BP_SIZE);
    if (r == 0) {
        struct bpobj_phys *p = object_bonus_change(obj);
        le64_add(&p->num_blkptrs, 1);
        le64_add(&p->bytes, (int64_t)sums->used);
        le64_add(&p->comp, (int64_t)sums->comp);
        le64_add(&p->uncomp, (int64_t)sums->uncomp);
    }
    object_release(obj);
    return r;
}

static int entries_iterate(struct objset *mos, uint64_t id, uint64_t n, bpobj_fn fn, void *arg)
{
    struct object *obj;
    int r = object_hold(mos, id, &obj);
    if (r)
        return r;
    struct bp some[8];
    for (uint64_t i = 0; r == 0 && i < n; i += ARRAY_LEN(some)) {
        unsigned count = (unsigned)MIN(ARRAY_LEN(some), n - i);
        r = object_read(obj, i * BP_SIZE, some, count * BP_SIZE);
        for (unsigned k = 0; r == 0 && k < count; k++)
            r = bp_word(&some[k], 6) == 0 ? E(-EBADMSG)
                                          : fn(arg, &some[k]); /* 0: there is none */
    }
    object_release(obj);
    return r;
}

/* Calls sub(arg, id) for each sub-object. */
static int subs_iterate(struct objset *mos, const struct bpobj_phys *h,
                        int (*sub)(struct objset *mos, uint64_t id, void *arg), void *arg)
{
    uint64_t list = le64_get(h->subobjs), n = le64_get(h->num_subobjs);
    struct object *obj;
    if (list == 0)
        return 0;
    int r = object_hold(mos, list, &obj);
    if (r)
        return r;
    if (n > SUBOBJS_MAX)
        r = E(-EBADMSG);
    for (uint64_t i = 0; r == 0 && i < n; i++) {
        le64 id;
        r = object_read(obj, i * sizeof(id), &id, sizeof(id));
        if (r == 0)
            r = le64_get(id) ? sub(mos, le64_get(id), arg) : E(-EBADMSG);
    }
    object_release(obj);
    return r;
}

struct walk {
    bpobj_fn fn;
    void *arg;
    unsigned depth;
};

static int walk_one(struct objset *mos, uint64_t id, void *arg)
{
    struct walk *w = arg, below = {w->fn, w->arg, w->depth + 1};
    struct bpobj_phys h;
    if (w->depth > SUBOBJ_DEPTH)
        return E(-EBADMSG);
    int r = header_read(mos, id, &h);
    if (r == 0)
        r = entries_iterate(mos, id, le64_get(h.num_blkptrs), w->fn, w->arg);
    return r ? r : subs_iterate(mos, &h, walk_one, &below);
}

int bpobj_iterate(struct objset *mos, uint64_t id, bpobj_fn fn, void *arg)
{
    struct walk w = {fn, arg, 0};
    return walk_one(mos, id, &w);
}

static int destroy_one(struct objset *mos, uint64_t id, void *arg)
{
    (void)arg;
    return bpobj_destroy(mos, id);
}

static int subs_destroy(struct objset *mos, const struct bpobj_phys *h)
{
    int r = subs_iterate(mos, h, destroy_one, NULL);
    if (r == 0 && le64_get(h->subobjs))
        r = object_destroy(mos, le64_get(h->subobjs));
    return r;
}

int bpobj_destroy(struct objset *mos, uint64_t id)
{
    struct bpobj_phys h;
    int r = header_read(mos, id, &h);
    if (r == 0)
        r = subs_destroy(mos, &h);
    return r ? r : object_destroy(mos, id);
}

int bpobj_empty(struct objset *mos, uint64_t id)
{
    struct bpobj_phys h;
    int r = header_read(mos, id, &h);
    if (r || (le64_get(h.num_blkptrs) == 0 && le64_get(h.subobjs) == 0))
        return r;
    r = subs_destroy(mos, &h);
    struct object *obj = NULL;
    uint64_t next;
    if (r == 0)
        r = object_hold(mos, id, &obj);
    if (r == 0)
        r = object_free_blocks(obj, 0, object_max_block(obj) + 1, UINT64_MAX, &next);
    if (r == 0)
        memset(object_bonus_change(obj), 0, object_bonus_len(obj));
    object_release(obj);
    return r;
}
