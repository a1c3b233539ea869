/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading and changing the content of objects, as the sync fiber does. A block that changes
 * becomes a dirty record with a buffer of its own; buffers that came from the cache or from a
 * caller are shared and are copied before they change.
 */
#include "pool/tree/tree_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- blocks ------------------------------------------------------------------------------ */

/* The record of a block that is about to get content. */
static int record_for(struct object *obj, uint64_t blkid, struct dirty **ret_d)
{
    int rc = object_grow(obj, blkid);
    if (rc != 0)
        return rc;
    struct dirty *d = dirty_get(obj, 0, blkid);
    if (!d)
        return -ENOMEM;
    object_dirty(obj);
    if (blkid > dn_max_block(&obj->dn))
        obj->dn.maxblkid = le64_make(blkid);
    *ret_d = d;
    return 0;
}

/* A buffer with the block's content that nobody else has. */
static int private_copy(struct object *obj, uint64_t blkid, bool fresh, struct iobuf **ret_buf)
{
    struct iobuf *old = NULL;
    uint32_t bs = dn_block_size(&obj->dn);
    int rc = fresh ? 0 : live_read(obj, blkid, &old);
    if (rc != 0)
        return rc;
    struct iobuf *buf = iobuf_get(bs);
    if (buf && old)
        memcpy(buf->p, old->p, bs);
    else if (buf)
        memset(buf->p, 0, bs);
    iobuf_put(old);
    *ret_buf = buf;
    return buf ? 0 : -ENOMEM;
}

int object_block_change(struct object *obj, uint64_t blkid, bool fresh, uint8_t **ret_bytes)
{
    struct dirty *d = dirty_find(obj, 0, blkid);
    struct iobuf *buf = d ? d->buf : NULL;
    check(!obj->os->written);
    if (!buf || buf->refs > 1) {
        int rc = private_copy(obj, blkid, fresh, &buf);
        if (rc == 0 && (rc = record_for(obj, blkid, &d)) != 0)
            iobuf_put(buf);
        if (rc != 0)
            return rc;
        dirty_set_data(obj, d, buf);
    } else if (fresh) {
        memset(buf->p, 0, dn_block_size(&obj->dn));
    }
    *ret_bytes = buf->p;
    return 0;
}

int object_block_set(struct object *obj, uint64_t blkid, struct iobuf *buf)
{
    struct dirty *d;
    check(!obj->os->written);
    if (!buf && blkid > dn_max_block(&obj->dn))
        return 0;
    int rc = record_for(obj, blkid, &d);
    if (rc != 0)
        return rc;
    if (buf) {
        iobuf_ref(buf);
        dirty_set_data(obj, d, buf);
    } else {
        dirty_set_hole(obj, d);
    }
    return 0;
}

int object_block_adopt(struct object *obj, uint64_t blkid, const struct bp *bp)
{
    struct dirty *d;
    int rc = block_check(obj->os->blocks, bp);
    if (rc != 0 || bp_is_hole(bp))
        return rc ? rc : object_block_set(obj, blkid, NULL);
    if (bp_lsize(bp) != dn_block_size(&obj->dn) || bp_level(bp) != 0)
        return E(-EBADMSG);
    struct bp *own = malloc(sizeof(*own));
    rc = own ? record_for(obj, blkid, &d) : -ENOMEM;
    if (rc != 0) {
        free(own);
        return rc;
    }
    *own = *bp;
    dirty_set_hole(obj, d);
    d->settled = false;
    d->what = DIRTY_ADOPTED;
    d->adopted = own;
    return 0;
}

/* ---- bytes ------------------------------------------------------------------------------- */

int object_read(struct object *obj, uint64_t off, void *dst, size_t len)
{
    uint8_t *out = dst;
    uint32_t bs = dn_block_size(&obj->dn);
    while (len > 0) {
        struct iobuf *buf;
        uint32_t at = (uint32_t)(off % bs);
        size_t n = MIN(len, bs - at);
        int rc = live_read(obj, off / bs, &buf);
        if (rc != 0)
            return rc;
        if (buf)
            memcpy(out, buf->p + at, n);
        else
            memset(out, 0, n);
        iobuf_put(buf);
        out += n;
        off += n;
        len -= n;
        fiber_maybe_yield();
    }
    return 0;
}

int object_write(struct object *obj, uint64_t off, const void *src, size_t len)
{
    const uint8_t *in = src;
    uint32_t bs = dn_block_size(&obj->dn);
    while (len > 0) {
        uint8_t *bytes;
        uint32_t at = (uint32_t)(off % bs);
        size_t n = MIN(len, bs - at);
        int rc = object_block_change(obj, off / bs, n == bs, &bytes);
        if (rc != 0)
            return rc;
        memcpy(bytes + at, in, n);
        in += n;
        off += n;
        len -= n;
        fiber_maybe_yield();
    }
    return 0;
}
