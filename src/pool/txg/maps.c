/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Space maps as objects of the MOS (OpenZFS space_map.c, metaslab_sync()): per top-level vdev an array of object numbers, one map
 * per metaslab that was ever used. A txg appends what it allocated and freed; a map that has grown too long is written anew.
 *
 * Metaslabs may be loaded by any fiber, so loading follows the last committed tree, up to the length that was
 * committed; what is newer stands in the metaslab's lists.
 */
#include "pool/txg/txg.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAP_BLOCK          4096u
#define SPACEMAP_HISTOGRAM "com.delphix:spacemap_histogram"

/* ---- reading ----------------------------------------------------------------------------------------- */

static int map_decode_block(struct pool *p, struct object *obj, uint64_t blkid, size_t len,
                            struct sm_cursor *c, sm_entry_fn fn, void *fn_arg)
{
    struct bp bp;
    struct iobuf *buf;
    int r = object_lookup(obj, blkid, &bp);
    if (r == 0)
        r = block_read(&p->blocks, &bp, BLOCK_STREAM, &buf);
    if (r)
        return r;
    r = sm_decode(c, buf->p, len, fn, fn_arg, NULL);
    iobuf_put(buf);
    return r;
}

int maps_load(void *arg, struct metaslab *ms, sm_entry_fn fn, void *fn_arg)
{
    struct pool *p = arg;
    struct object *obj;
    if (ms->object == 0 || ms->length == 0)
        return 0;
    uint64_t ticket = blocks_reader_enter(&p->blocks), length = ms->length;
    bool hasty = !suspend_is_patient(p);
    if (hasty) /* a map that can't be loaded may fail the txg */
        suspend_patience(p, NULL, fiber_self());
    int r = object_hold(p->mos, ms->object, &obj);
    if (r == 0) {
        struct sm_cursor c = {.shift = ms->top->ashift, .size = ms->size};
        uint32_t bs = object_block_size(obj);
        for (uint64_t at = 0; r == 0 && at < length; at += bs)
            r = map_decode_block(p, obj, at / bs, MIN(bs, length - at), &c, fn, fn_arg);
        if (r == 0)
            r = sm_decode_end(&c);
        object_release(obj);
    }
    if (hasty)
        suspend_patience(p, fiber_self(), NULL);
    blocks_reader_leave(&p->blocks, ticket);
    return r;
}

static int map_read_record(struct pool *p, struct metaslab *ms, uint64_t id)
{
    struct object *obj;
    int r = object_hold(p->mos, id, &obj);
    if (r)
        return r;
    struct space_map_phys phys = {0};
    unsigned len = object_bonus_len(obj);
    if (object_type(obj) != DMU_SPACE_MAP || len < SPACE_MAP_BONUS_SMALL)
        r = E(-EBADMSG);
    memcpy(&phys, object_bonus(obj), MIN(len, sizeof(phys)));
    object_release(obj);
    uint64_t histogram[32];
    for (unsigned i = 0; i < ARRAY_LEN(histogram); i++)
        histogram[i] = le64_get(phys.histogram[i]);
    struct metaslab_map map = {
        .object = id,
        .length = le64_get(phys.length),
        .allocated = (int64_t)le64_get(phys.alloc),
        .histogram = len >= sizeof(phys) ? histogram : NULL,
    };
    if (r == 0 && map.length % sizeof(le64))
        r = E(-EBADMSG);
    return r ? r : metaslab_restore(p->space, ms, &map);
}

int maps_open(struct pool *p, struct vdev *top, struct err *reterr)
{
    struct object *array;
    int r = object_hold(p->mos, top->ms_array, &array);
    if (r)
        return err_set(reterr, r, "pool %s: vdev %u has no metaslab array", p->name, top->id);
    for (unsigned i = 0; r == 0 && i < space_nmetaslabs(p->space, top); i++) {
        struct metaslab *ms = space_metaslab(p->space, top, i);
        le64 id;
        r = object_read(array, i * sizeof(id), &id, sizeof(id));
        if (r)
            break;
        if (le64_get(id))
            r = map_read_record(p, ms, le64_get(id));
    }
    object_release(array);
    if (r)
        err_set(reterr, r, "pool %s: vdev %u has a space map that cannot be read", p->name,
                top->id);
    return r;
}

/* ---- making ---------------------------------------------------------------------------------------------- */

int maps_create(struct pool *p, struct vdev *top)
{
    struct object_props props = {.type = DMU_OBJECT_ARRAY, .block_size = 512};
    return object_create(p->mos, 0, &props, &top->ms_array);
}

int map_object_create(struct pool *p, uint64_t *ret_id)
{
    struct object_props props = {
        .type = DMU_SPACE_MAP,
        .bonus_type = DMU_SPACE_MAP_HEADER,
        .bonus_len =
            p->spacemap_histogram ? sizeof(struct space_map_phys) : SPACE_MAP_BONUS_SMALL,
        .block_size = MAP_BLOCK,
        .indirect_shift = SPACE_MAP_SHIFT,
    };
    int r = object_create(p->mos, 0, &props, ret_id);
    if (r == 0 && p->spacemap_histogram)
        r = dsl_feature_add(&p->dsl, SPACEMAP_HISTOGRAM, 1);
    return r;
}

int map_object_destroy(struct pool *p, uint64_t id)
{
    struct object *obj;
    int r = object_hold(p->mos, id, &obj);
    if (r)
        return r;
    bool counted = object_bonus_len(obj) >= sizeof(struct space_map_phys);
    object_release(obj);
    r = object_destroy(p->mos, id);
    return r == 0 && counted ? dsl_feature_add(&p->dsl, SPACEMAP_HISTOGRAM, -1) : r;
}

static int map_create(struct pool *p, struct metaslab *ms)
{
    struct object *array;
    uint64_t id;
    int r = map_object_create(p, &id);
    if (r == 0)
        r = object_hold(p->mos, ms->top->ms_array, &array);
    if (r)
        return r;
    le64 le = le64_make(id);
    r = object_write(array, ms->index * sizeof(le), &le, sizeof(le));
    object_release(array);
    ms->object = id;
    return r;
}

/* ---- recording a txg ---------------------------------------------------------------------------------------- */

/* Dirties the blocks that bytes [from, to) of the map lie in. */
static int map_touch(struct object *obj, uint64_t from, uint64_t to, uint64_t length)
{
    uint32_t bs = object_block_size(obj);
    for (uint64_t blk = from / bs; blk * bs < to; blk++) {
        uint8_t *bytes;
        int r = object_block_change(obj, blk, blk * bs >= length, &bytes);
        if (r)
            return r;
    }
    return 0;
}

/* Whether to write the map anew is decided once in a txg, when it is first looked at. */
static int map_decide(struct pool *p, struct metaslab *ms, struct object *obj, uint64_t txg)
{
    uint64_t next;
    if (ms->planned_txg == txg)
        return 0;
    ms->planned_txg = txg;
    ms->rewrite = metaslab_worth_rewrite(ms, object_block_size(obj));
    ms->next_length = ms->rewrite ? 0 : ms->length;
    if (!ms->rewrite)
        return 0;
    (void)p;
    return object_free_blocks(obj, 0, object_max_block(obj) + 1, UINT64_MAX, &next);
}

static int map_reserve(struct pool *p, struct metaslab *ms, uint64_t txg)
{
    struct object *obj;
    int r = ms->object ? 0 : map_create(p, ms);
    if (r == 0)
        r = object_hold(p->mos, ms->object, &obj);
    if (r)
        return r;
    r = map_decide(p, ms, obj, txg);
    if (r == 0) {
        size_t words =
            ms->rewrite ? metaslab_rewrite_words(ms, txg) : metaslab_record_words(ms, txg);
        uint64_t from = ms->next_length;
        r = map_touch(obj, from, from + words * sizeof(le64), from);
        object_bonus_change(obj);
    }
    object_release(obj);
    return r;
}

int maps_reserve(struct pool *p, uint64_t txg)
{
    struct metaslab *ms = NULL;
    while ((ms = space_dirty_next(p->space, txg, ms))) {
        int r = map_reserve(p, ms, txg);
        if (r)
            return r;
        fiber_maybe_yield();
    }
    return 0;
}

static void map_write_record(struct metaslab *ms, struct object *obj, uint64_t txg)
{
    struct space_map_phys phys = {0};
    unsigned len = object_bonus_len(obj);
    phys.object = le64_make(ms->object);
    phys.length = le64_make(ms->next_length);
    phys.alloc = le64_make((uint64_t)metaslab_allocated(ms, txg));
    uint64_t histogram[32];
    metaslab_histogram(ms, txg, histogram);
    for (unsigned i = 0; i < ARRAY_LEN(histogram); i++)
        phys.histogram[i] = le64_make(histogram[i]);
    memcpy(object_bonus_change(obj), &phys, MIN(len, sizeof(phys)));
}

static int map_write(struct pool *p, struct metaslab *ms, uint64_t txg)
{
    size_t words =
        ms->rewrite ? metaslab_rewrite_words(ms, txg) : metaslab_record_words(ms, txg);
    struct object *obj;
    struct sm_encoder enc = {.cap = words, .shift = ms->top->ashift};
    enc.words = calloc(MAX(words, 1u), sizeof(le64));
    if (!enc.words)
        return E(-ENOMEM);
    if (ms->rewrite)
        metaslab_rewrite(ms, txg, &enc);
    else
        metaslab_record(ms, txg, &enc);
    assert(enc.n <= enc.cap);
    int r = object_hold(p->mos, ms->object, &obj);
    if (r == 0) {
        size_t len = enc.n * sizeof(le64);
        r = object_write(obj, ms->next_length, enc.words, len);
        ms->next_length += len;
        map_write_record(ms, obj, txg);
        object_release(obj);
    }
    free(enc.words);
    return r;
}

int maps_write(struct pool *p, uint64_t txg)
{
    struct metaslab *ms = NULL;
    while ((ms = space_dirty_next(p->space, txg, ms))) {
        int r = map_write(p, ms, txg);
        if (r)
            return r;
        fiber_maybe_yield();
    }
    return 0;
}

void maps_committed(struct pool *p, uint64_t txg)
{
    struct metaslab *ms = NULL;
    while ((ms = space_dirty_next(p->space, txg, ms)))
        ms->length = ms->next_length;
}
