/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dirty time logs as objects of the MOS (OpenZFS vdev_dtl_sync(), vdev_dtl_load()): per leaf that ever missed writes a space map whose
 * "offsets" are txgs. It is small and written whole when it changes.
 */
#include "base/mutant.h"
#include "pool/txg/txg.h"

#include <errno.h>
#include <stdlib.h>

#define DTL_SPAN (1ull << 62)
#define DTL_MAX  (16u << 20) /* bytes that are read of one */

static int dtl_entry(void *arg, const struct sm_entry *e)
{
    struct txg_set *set = arg;
    if (e->type == SM_ALLOC)
        return txg_set_add(set, e->off, e->off + e->run);
    txg_set_remove(set, e->off, e->off + e->run);
    return 0;
}

static int dtl_read(struct object *obj, struct txg_set *set)
{
    const struct space_map_phys *phys = object_bonus(obj);
    uint64_t length = le64_get(phys->length);
    struct sm_cursor c = {.shift = 0, .size = DTL_SPAN};
    le64 words[64];
    int r = length > DTL_MAX || length % sizeof(le64) ? E(-EBADMSG) : 0;
    for (uint64_t at = 0; r == 0 && at < length; at += sizeof(words)) {
        size_t len = MIN(sizeof(words), length - at);
        r = object_read(obj, at, words, len);
        if (r == 0)
            r = sm_decode(&c, words, len, dtl_entry, set, NULL);
    }
    return r ? r : sm_decode_end(&c);
}

/* Until then a leaf counts as import_tree_open() has it, also for the reading of its own log. */
int dtl_load(struct pool *p, struct vdev *leaf, struct err *reterr)
{
    struct txg_set set = {0};
    struct object *obj;
    int r = leaf->dtl_object ? object_hold(p->mos, leaf->dtl_object, &obj) : 0;
    if (r == 0 && leaf->dtl_object) {
        bool is_map =
            object_type(obj) == DMU_SPACE_MAP && object_bonus_len(obj) >= SPACE_MAP_BONUS_SMALL;
        r = is_map ? dtl_read(obj, &set) : E(-EBADMSG);
        object_release(obj);
    }
    txg_set_clear(&leaf->dtl);
    leaf->dtl = set;
    leaf->dtl_dirty = false;
    return r ? err_set(reterr, r, "%s: its dirty time log cannot be read", leaf->path) : 0;
}

static int dtl_create(struct pool *p, struct vdev *leaf)
{
    int r = map_object_create(p, &leaf->dtl_object);
    p->config_dirty = true;
    return r;
}

static int dtl_write(struct pool *p, struct vdev *leaf, uint64_t txg)
{
    struct object *obj;
    int r = leaf->dtl_object ? 0 : dtl_create(p, leaf);
    if (r == 0)
        r = object_hold(p->mos, leaf->dtl_object, &obj);
    if (r)
        return r;
    size_t words = 2;
    uint64_t txgs = 0;
    for (unsigned i = 0; i < leaf->dtl.n; i++) {
        words += sm_entry_words(leaf->dtl.v[i].end - leaf->dtl.v[i].start, 0);
        txgs += leaf->dtl.v[i].end - leaf->dtl.v[i].start;
    }
    struct sm_encoder enc = {.words = calloc(words, sizeof(le64)), .cap = words};
    if (!enc.words) {
        object_release(obj);
        return E(-ENOMEM);
    }
    sm_encode_debug(&enc, SM_ALLOC, txg);
    for (unsigned i = 0; i < leaf->dtl.n; i++)
        sm_encode(&enc, SM_ALLOC, leaf->dtl.v[i].start,
                  leaf->dtl.v[i].end - leaf->dtl.v[i].start);
    size_t len = leaf->dtl.n ? enc.n * sizeof(le64) : 0;
    if (len)
        r = object_write(obj, 0, enc.words, len);
    struct space_map_phys *phys = object_bonus_change(obj);
    phys->object = le64_make(leaf->dtl_object);
    phys->length = le64_make(len);
    phys->alloc = le64_make(txgs);
    leaf->dtl_dirty = false;
    object_release(obj);
    free(enc.words);
    return r;
}

int dtl_sync(struct pool *p, uint64_t txg)
{
    struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++) {
        int r = 0;
        if (leaf->state < VDEV_DEGRADED) {
            r = txg_set_add(&leaf->dtl, txg, txg + 1);
            leaf->dtl_dirty = true;
            if (mutant_on(MUTANT_LOST_DTL_ENTRY))
                txg_set_remove(&leaf->dtl, txg - 1, txg);
        }
        if (r == 0 && leaf->dtl_dirty)
            r = dtl_write(p, leaf, txg);
        if (r)
            return r;
    }
    return 0;
}
