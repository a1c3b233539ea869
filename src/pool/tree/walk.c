/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one way through what is dirty: from the dnode's pointers down to the dirty level-0
 * blocks, in order of offset, and up again, settling each block once everything below it is
 * settled. Settling differs: a volume's blocks are written (sync.c), the MOS's get a place
 * first and are written later (plan.c). Indirect blocks are read as the walk comes to them; a
 * volume's are private copies that live until the walk leaves them, so that a txg needs one per
 * level whatever the size of the volume; the MOS's stay as dirty records.
 *
 * The recursion is as deep as the tree has levels: six at most.
 */
#include "pool/tree/tree_int.h"

#include <errno.h>
#include <string.h>

/* ---- accounting -------------------------------------------------------------------------- */

static void used_add(struct object *obj, const struct bp *bp, bool add)
{
    uint64_t used = le64_get(obj->dn.used), n = block_sums(obj->os->blocks, bp).used;
    obj->dn.used = le64_make(add ? used + n : used - MIN(used, n));
}

void object_born(struct object *obj, const struct bp *bp)
{
    used_add(obj, bp, true);
    obj->os->ops->born(obj->os, bp);
}

int object_kill(struct object *obj, const struct bp *bp)
{
    struct bp own = *bp;
    int rc = block_check(obj->os->blocks, &own);
    if (rc != 0 || bp_is_hole(&own))
        return rc;
    used_add(obj, &own, false);
    return obj->os->ops->killed(obj->os, &own);
}

/* ---- what a block is --------------------------------------------------------------------- */

struct block_want want_of(const struct object *obj, unsigned level)
{
    const struct objset_policy *p = &obj->os->policy;
    bool meta = level > 0 || dmu_type_is_metadata(obj->dn.type);
    struct block_want w = {
        .lsize = level_size(&obj->dn, level),
        .type = obj->dn.type,
        .level = (uint8_t)level,
        .compress = meta ? p->meta_compress : p->data_compress,
        .checksum = meta ? p->meta_checksum : p->data_checksum,
        .copies = meta ? p->meta_copies : p->data_copies,
    };
    if (level == 0 && obj->dn.compress == ZCOMP_OFF)
        w.compress = ZCOMP_OFF;
    return w;
}

static size_t slots_of(const struct object *obj)
{
    return (size_t)1 << dn_epbs(&obj->dn);
}

uint64_t fill_of(const struct object *obj, unsigned level, const struct iobuf *buf)
{
    if (level == 0)
        return object_is_meta(obj) ? dnodes_in(buf->p, dn_block_size(&obj->dn)) : 1;
    uint64_t sum = 0;
    const struct bp *bps = (const void *)buf->p;
    for (size_t i = 0; i < slots_of(obj); i++)
        sum += bp_is_hole(&bps[i]) ? 0 : bp_fill(&bps[i]);
    return sum;
}

bool all_holes(const struct object *obj, const struct iobuf *buf)
{
    const struct bp *bps = (const void *)buf->p;
    for (size_t i = 0; i < slots_of(obj); i++) {
        if (!bp_is_hole(&bps[i]))
            return false;
    }
    return true;
}

/* ---- replacing a pointer ----------------------------------------------------------------- */

/* With hole_birth a hole tells when it came to be, but only where there was a block. */
static void hole_make(const struct object *obj, unsigned level, struct bp *ret)
{
    const struct objset *os = obj->os;
    bp_make_hole(ret, level_size(&obj->dn, level), obj->dn.type, level,
                 os->blocks->hole_birth ? os->txg : 0);
}

static bool same_place(const struct bp *a, const struct bp *b)
{
    return !bp_is_hole(a) && !bp_is_embedded(a) && bp_word(a, 0) == bp_word(b, 0) &&
           bp_word(a, 1) == bp_word(b, 1) && bp_birth(a) == bp_birth(b);
}

int walk_replace(struct walk *w, unsigned level, const struct dirty *rec, struct bp *slot,
                 const struct bp *new)
{
    struct object *obj = w->obj;
    struct bp old = *slot;
    if ((bp_is_hole(&old) && bp_is_hole(new)) || same_place(&old, new))
        return 0;
    w->changes++;
    if (bp_is_hole(new)) {
        hole_make(obj, level, slot);
    } else {
        *slot = *new;
        object_born(obj, slot);
    }
    return rec && rec->killed ? 0 : object_kill(obj, &old);
}

/* ---- the walk ---------------------------------------------------------------------------- */

/* Where a hole was that told its birth, the holes in the block that takes its place tell it
 * too. */
static void holes_init(const struct object *obj, unsigned level, uint64_t birth,
                       struct iobuf *buf)
{
    memset(buf->p, 0, level_size(&obj->dn, level));
    for (size_t i = 0; birth != 0 && i < slots_of(obj); i++)
        bp_make_hole(&bps_of(buf)[i], level_size(&obj->dn, level - 1), obj->dn.type, level - 1,
                     birth);
}

/* When the hole came to be in whose place the block is made; 0: not known. */
static uint64_t hole_since(const struct object *obj, const struct dirty *rec,
                           const struct bp *bp)
{
    if (rec && rec->killed)
        return obj->os->blocks->hole_birth ? obj->os->txg : 0;
    return bp_is_hole(bp) ? bp_birth(bp) : 0;
}

/* The content of an indirect block, for us alone. */
static int indirect_copy(struct object *obj, unsigned level, const struct dirty *rec,
                         const struct bp *bp, struct iobuf **ret_buf)
{
    struct iobuf *old = NULL;
    uint32_t len = level_size(&obj->dn, level);
    int rc = rec || bp_is_hole(bp)
                 ? 0
                 : tree_read_indirect(obj->os->blocks, &obj->dn, level, bp, &old);
    if (rc != 0)
        return rc;
    struct iobuf *buf = iobuf_get(len);
    if (buf && old)
        memcpy(buf->p, old->p, len);
    else if (buf)
        holes_init(obj, level, hole_since(obj, rec, bp), buf);
    iobuf_put(old);
    *ret_buf = buf;
    return buf ? 0 : -ENOMEM;
}

/* With a reference for the caller. *rec is set when the block is or becomes a dirty record. */
static int node_enter(struct walk *w, unsigned level, uint64_t blkid, const struct bp *slot,
                      struct dirty **rec, struct iobuf **ret_buf)
{
    struct object *obj = w->obj;
    *rec = dirty_find(obj, level, blkid);
    if (*rec && (*rec)->buf) {
        iobuf_ref((*rec)->buf);
        *ret_buf = (*rec)->buf;
        return 0;
    }
    int rc = indirect_copy(obj, level, *rec, slot, ret_buf);
    if (rc != 0 || !w->keep)
        return rc;
    struct dirty *d = dirty_get(obj, level, blkid);
    if (!d) {
        iobuf_put(*ret_buf);
        return -ENOMEM;
    }
    iobuf_ref(*ret_buf);
    dirty_set_data(obj, d, *ret_buf);
    *rec = d;
    return 0;
}

static int node_walk(struct walk *w, unsigned level, uint64_t blkid, struct bp *slot);

/* The next child from `from` on with something dirty in it; end: there is none. */
static uint64_t next_child(const struct object *obj, unsigned level, uint64_t from,
                           uint64_t end)
{
    unsigned shift = span_shift(obj, level);
    const struct dirty *d = dirty_from(obj, dirty_key(obj, level, from));
    return d ? MIN(end, dirty_pos(d) >> shift) : end;
}

static struct bp *slot_of(const struct object *obj, struct iobuf *buf, uint64_t blkid)
{
    return &bps_of(buf)[blkid & (slots_of(obj) - 1)];
}

/* Has the indirect blocks fetched that the walk will come to after `from`. Returns how far it
 * looked. */
static uint64_t look_ahead(struct ahead *a, const struct object *obj, unsigned level,
                           struct iobuf *buf, uint64_t from, uint64_t end)
{
    while (from < end && !ahead_full(a)) {
        from = next_child(obj, level, from, end);
        if (from < end && !dirty_find(obj, level, from))
            ahead_read(a, slot_of(obj, buf, from));
        from++;
    }
    return from;
}

static int children_walk(struct walk *w, unsigned level, uint64_t blkid, struct iobuf *buf)
{
    const struct object *obj = w->obj;
    uint64_t end = (blkid + 1) << dn_epbs(&obj->dn), seen = 0;
    uint64_t child = next_child(obj, level - 1, blkid << dn_epbs(&obj->dn), end);
    struct ahead ahead;
    int rc = 0;
    ahead_begin(&ahead, obj->os->blocks);
    while (rc == 0 && child < end) {
        if (level == 1 && w->squeeze)
            squeeze_ahead(w->squeeze, obj, child);
        if (level > 1)
            seen = look_ahead(&ahead, obj, level - 1, buf, MAX(seen, child + 1), end);
        rc = node_walk(w, level - 1, child, slot_of(obj, buf, child));
        child = next_child(obj, level - 1, child + 1, end);
        fiber_maybe_yield();
    }
    ahead_end(&ahead);
    return rc;
}

static int node_walk(struct walk *w, unsigned level, uint64_t blkid, struct bp *slot)
{
    struct dirty *rec;
    struct iobuf *buf;
    if (level == 0) {
        rec = dirty_find(w->obj, 0, blkid);
        check(rec);
        return w->settle(w, 0, rec, rec->buf, slot);
    }
    int rc = node_enter(w, level, blkid, slot, &rec, &buf);
    if (rc != 0)
        return rc;
    uint64_t before = w->changes;
    rc = children_walk(w, level, blkid, buf);
    if (rc == 0 && (rec || w->changes != before))
        rc = w->settle(w, level, rec, buf, slot);
    iobuf_put(buf);
    return rc;
}

int walk_object(struct walk *w)
{
    struct object *obj = w->obj;
    unsigned top = obj->dn.nlevels - 1u, shift = span_shift(obj, top);
    struct dirty *d = dirty_from(obj, 0);
    while (d) {
        uint64_t i = dirty_pos(d) >> shift;
        check_cmp(i, <, obj->dn.nblkptr);
        int rc = node_walk(w, top, i, dnode_bp(&obj->dn, (unsigned)i));
        if (rc != 0)
            return rc;
        d = dirty_from(obj, ((i + 1) << shift) << 3);
    }
    return 0;
}
