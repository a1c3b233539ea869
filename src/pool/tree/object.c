/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects: making, finding, holding, destroying them, and what their dnodes say. A dnode in use
 * shows in its dnode block from the moment it is made, so a free one is one whose type there is
 * 0; everything else of a dnode is copied there when it is written. Large dnodes (not ours)
 * take several slots: these are skipped.
 */
#include "pool/tree/tree_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_ID_MAX (1ull << 48)

static struct dnode_phys *slot_in(uint8_t *bytes, unsigned i)
{
    return (struct dnode_phys *)(void *)(bytes + i * DNODE_SIZE);
}

unsigned dnodes_in(const uint8_t *bytes, size_t len)
{
    unsigned n = 0;
    for (size_t at = 0; at + DNODE_SIZE <= len;) {
        const struct dnode_phys *dn = (const void *)(bytes + at);
        n += dn->type != DMU_NONE;
        at += DNODE_SIZE * (dn->type != DMU_NONE ? dn->extra_slots + 1u : 1u);
    }
    return n;
}

/* The dnode in use that begins at slot first or later and, if exact, at first only; NULL:
 * none. */
static struct dnode_phys *used_slot(uint8_t *bytes, unsigned first, bool exact,
                                    unsigned *ret_slot)
{
    for (unsigned i = 0; i < DNODES_PER_BLOCK;) {
        struct dnode_phys *dn = slot_in(bytes, i);
        bool used = dn->type != DMU_NONE;
        if (used && i >= first) {
            *ret_slot = i;
            return exact && i != first ? NULL : dn;
        }
        if (exact && i >= first)
            return NULL;
        i += used ? dn->extra_slots + 1u : 1u;
    }
    return NULL;
}

/* The first slot from first on that no dnode takes, DNODES_PER_BLOCK: none. */
static unsigned free_slot(uint8_t *bytes, unsigned first)
{
    unsigned i = 0;
    while (i < DNODES_PER_BLOCK) {
        const struct dnode_phys *dn = slot_in(bytes, i);
        if (dn->type == DMU_NONE && i >= first)
            return i;
        i += dn->type != DMU_NONE ? dn->extra_slots + 1u : 1u;
    }
    return DNODES_PER_BLOCK;
}

/* ---- holding ----------------------------------------------------------------------------- */

static int dnode_load(struct objset *os, uint64_t id, struct dnode_phys *ret)
{
    struct iobuf *buf;
    unsigned slot;
    if (id == 0 || id >= OBJECT_ID_MAX)
        return -ENOENT;
    int rc = live_read(&os->meta, id / DNODES_PER_BLOCK, &buf);
    if (rc != 0)
        return rc;
    struct dnode_phys *dn = buf ? used_slot(buf->p, id % DNODES_PER_BLOCK, true, &slot) : NULL;
    if (dn)
        *ret = *dn;
    iobuf_put(buf);
    return dn ? dn_sane(ret) : -ENOENT;
}

static struct object *object_new(struct objset *os, uint64_t id)
{
    struct object *obj = calloc(1, sizeof(*obj));
    if (!obj)
        return NULL;
    obj->os = os;
    obj->id = id;
    list_init(&obj->node);
    obj->next = os->chain[id % OBJECT_CHAINS];
    os->chain[id % OBJECT_CHAINS] = obj;
    return obj;
}

/* Another fiber may load the same object while this one waits for the block. */
static int object_load(struct objset *os, uint64_t id, struct object **ret_obj)
{
    struct dnode_phys dn;
    int rc = dnode_load(os, id, &dn);
    struct object *obj = object_find(os, id);
    if (!obj && rc == 0) {
        obj = object_new(os, id);
        if (!obj)
            return -ENOMEM;
        obj->dn = obj->committed = dn;
    }
    *ret_obj = obj;
    return obj ? 0 : rc;
}

int object_hold(struct objset *os, uint64_t id, struct object **ret_obj)
{
    struct object *obj = object_find(os, id);
    int rc = obj ? 0 : object_load(os, id, &obj);
    if (rc != 0)
        return rc;
    obj->holds++;
    *ret_obj = obj;
    return 0;
}

void object_release(struct object *obj)
{
    if (!obj)
        return;
    check(obj->holds > 0);
    if (--obj->holds == 0 && list_empty(&obj->node))
        object_forget(obj);
}

int object_next(struct objset *os, uint64_t id, uint64_t *ret_id)
{
    uint64_t blk = (id + 1) / DNODES_PER_BLOCK;
    unsigned first = (unsigned)((id + 1) % DNODES_PER_BLOCK), slot;
    for (;;) {
        uint64_t next;
        struct iobuf *buf;
        int rc = live_next(&os->meta, blk, &next);
        if (rc == 0)
            rc = live_read(&os->meta, next, &buf);
        if (rc != 0)
            return rc;
        bool found = buf && used_slot(buf->p, next == blk ? first : 0, false, &slot);
        iobuf_put(buf);
        if (found) {
            *ret_id = next * DNODES_PER_BLOCK + slot;
            return 0;
        }
        blk = next + 1;
        first = 0;
        fiber_maybe_yield();
    }
}

/* ---- making ------------------------------------------------------------------------------ */

/* A free id in the dnode block from slot first on; 0: none there. Full blocks are told by their
 * pointers. */
static int find_in_block(struct objset *os, uint64_t blk, unsigned first, uint64_t *ret_id)
{
    struct bp bp = {0};
    unsigned level, slot = first;
    struct iobuf *buf = NULL;
    int rc = 0;
    *ret_id = 0;
    if (!dirty_find(&os->meta, 0, blk) && blk <= dn_max_block(&os->meta.dn))
        rc = tree_lookup(os->blocks, &os->meta.dn, &os->meta, 0, blk, &bp, &level);
    if (rc != 0 || (!bp_is_hole(&bp) && bp_fill(&bp) >= DNODES_PER_BLOCK))
        return rc;
    rc = live_read(&os->meta, blk, &buf);
    if (buf)
        slot = free_slot(buf->p, first);
    iobuf_put(buf);
    if (rc == 0 && slot < DNODES_PER_BLOCK)
        *ret_id = blk * DNODES_PER_BLOCK + slot;
    return rc;
}

static int find_free(struct objset *os, uint64_t *ret_id)
{
    uint64_t at = os->hint, id = 0;
    while (id == 0 && at < OBJECT_ID_MAX) {
        int rc = find_in_block(os, at / DNODES_PER_BLOCK, at % DNODES_PER_BLOCK, &id);
        if (rc != 0)
            return rc;
        at = (at / DNODES_PER_BLOCK + 1) * DNODES_PER_BLOCK;
        fiber_maybe_yield();
    }
    os->hint = id ? id + 1 : OBJECT_ID_MAX;
    *ret_id = id;
    return id ? 0 : E(-ENOSPC);
}

static int check_free(struct objset *os, uint64_t id)
{
    uint64_t found;
    int rc = id >= OBJECT_ID_MAX
                 ? -EINVAL
                 : find_in_block(os, id / DNODES_PER_BLOCK, id % DNODES_PER_BLOCK, &found);
    return rc == 0 && found != id ? -EEXIST : rc;
}

static void dnode_make(struct dnode_phys *dn, const struct object_props *props)
{
    memset(dn, 0, sizeof(*dn));
    dn->type = props->type;
    dn->indirect_shift = props->indirect_shift ? props->indirect_shift : INDIRECT_SHIFT;
    dn->nlevels = 1;
    dn->nblkptr = (uint8_t)dnode_nblkptr(props->bonus_len);
    dn->bonus_type = props->bonus_type;
    dn->compress = props->compress;
    dn->flags = DNODE_USED_BYTES;
    dn->dblk_sectors = le16_make((uint16_t)(props->block_size >> SECTOR_SHIFT));
    dn->bonus_len = le16_make(props->bonus_len);
}

int object_create(struct objset *os, uint64_t want, const struct object_props *props,
                  uint64_t *ret_id)
{
    uint64_t id = want;
    check(props->bonus_len <= DNODE_MAX_BONUS && props->block_size > 0 &&
          props->block_size % (1u << SECTOR_SHIFT) == 0);
    int rc = want ? check_free(os, want) : find_free(os, &id);
    if (rc != 0)
        return rc;
    struct object *obj = object_new(os, id);
    if (!obj)
        return -ENOMEM;
    dnode_make(&obj->dn, props);
    object_dirty(obj);
    rc = object_store(obj);
    if (rc == 0)
        *ret_id = id;
    return rc;
}

int object_store(struct object *obj)
{
    uint8_t *bytes;
    int rc = object_block_change(&obj->os->meta, obj->id / DNODES_PER_BLOCK, false, &bytes);
    if (rc == 0)
        memcpy(slot_in(bytes, obj->id % DNODES_PER_BLOCK), &obj->dn, sizeof(obj->dn));
    return rc;
}

/* ---- destroying -------------------------------------------------------------------------- */

static int dnode_erase(struct objset *os, uint64_t id, unsigned slots)
{
    uint8_t *bytes;
    int rc = object_block_change(&os->meta, id / DNODES_PER_BLOCK, false, &bytes);
    unsigned first = id % DNODES_PER_BLOCK;
    if (rc == 0)
        memset(slot_in(bytes, first), 0, MIN(slots, DNODES_PER_BLOCK - first) * DNODE_SIZE);
    return rc;
}

int object_destroy(struct objset *os, uint64_t id)
{
    struct object *obj;
    int rc = object_hold(os, id, &obj);
    if (rc != 0)
        return rc;
    if (obj->holds > 1) { /* what isn't this one's to destroy: a number from disk that lies */
        object_release(obj);
        return E(-EBADMSG);
    }
    object_dirty(obj);
    rc = object_kill_all(obj);
    if (rc == 0)
        rc = dnode_erase(os, id, obj->dn.extra_slots + 1u);
    os->hint = MIN(os->hint, id);
    if (rc == 0)
        list_remove(&obj->node);
    object_release(obj);
    return rc;
}

/* ---- what a dnode says ------------------------------------------------------------------- */

struct block_want object_data_want(const struct object *obj)
{
    struct block_want w = want_of(obj, 0);
    w.fill = 1;
    return w;
}

uint64_t object_id(const struct object *obj)
{
    return obj->id;
}

unsigned object_type(const struct object *obj)
{
    return obj->dn.type;
}

uint32_t object_block_size(const struct object *obj)
{
    return dn_block_size(&obj->dn);
}

uint64_t object_max_block(const struct object *obj)
{
    return dn_max_block(&obj->dn);
}

uint64_t object_used(const struct object *obj)
{
    uint64_t used = le64_get(obj->dn.used);
    return obj->dn.flags & DNODE_USED_BYTES ? used : used << SECTOR_SHIFT;
}

/* Of a large dnode only what lies in its first slot. */
unsigned object_bonus_len(const struct object *obj)
{
    unsigned room = DNODE_SIZE - DNODE_CORE - obj->dn.nblkptr * BP_SIZE;
    return MIN(le16_get(obj->dn.bonus_len), room);
}

const void *object_bonus(const struct object *obj)
{
    return obj->dn.tail + obj->dn.nblkptr * BP_SIZE;
}

void *object_bonus_change(struct object *obj)
{
    object_dirty(obj);
    return dnode_bonus(&obj->dn);
}

static bool single_block(const struct object *obj)
{
    return obj->dn.nlevels == 1 && dn_max_block(&obj->dn) == 0;
}

/* The content goes along, cut or filled up with zeros. */
int object_set_block_size(struct object *obj, uint32_t block_size)
{
    struct iobuf *old, *buf;
    uint32_t had = dn_block_size(&obj->dn);
    if (!single_block(obj))
        return E(-EBUSY);
    int rc = live_read(obj, 0, &old);
    if (rc != 0)
        return rc;
    if (old) {
        buf = iobuf_get(block_size);
        struct dirty *d = buf ? dirty_get(obj, 0, 0) : NULL;
        if (!d) {
            iobuf_put(buf);
            iobuf_put(old);
            return -ENOMEM;
        }
        memset(buf->p, 0, block_size);
        memcpy(buf->p, old->p, MIN(had, block_size));
        dirty_set_data(obj, d, buf);
        d->settled = false; /* a place that it has is of the wrong size */
        iobuf_put(old);
    }
    object_dirty(obj);
    obj->dn.dblk_sectors = le16_make((uint16_t)(block_size >> SECTOR_SHIFT));
    return 0;
}

/* Pointers give way to a longer bonus as far as they point nowhere. */
int object_set_bonus(struct object *obj, uint8_t bonus_type, uint16_t bonus_len)
{
    uint8_t saved[DNODE_MAX_BONUS];
    struct dnode_phys *dn = &obj->dn;
    unsigned keep = MIN(object_bonus_len(obj), (unsigned)bonus_len), n = dn->nblkptr;
    while (n > 1 && n * BP_SIZE + bonus_len > sizeof(dn->tail) &&
           bp_is_hole(dnode_bp(dn, n - 1)) && n - 1 > dn_max_block(dn))
        n--;
    if (n * BP_SIZE + bonus_len > sizeof(dn->tail) || dn->extra_slots > 0)
        return E(-EBUSY);
    memcpy(saved, dnode_bonus(dn), keep);
    object_dirty(obj);
    memset(dn->tail + n * BP_SIZE, 0, sizeof(dn->tail) - n * BP_SIZE);
    dn->nblkptr = (uint8_t)n;
    memcpy(dnode_bonus(dn), saved, keep);
    dn->bonus_type = bonus_type;
    dn->bonus_len = le16_make(bonus_len);
    return 0;
}

int object_set_type(struct object *obj, uint8_t type)
{
    object_dirty(obj);
    obj->dn.type = type;
    return 0;
}
