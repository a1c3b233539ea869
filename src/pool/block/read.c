/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a block: from the cache, or its copies one after the other until one has the checksum
 * that the pointer demands. Within one copy the device tree tries mirrors and parity and
 * repairs them; copies that failed as a whole are rewritten here from the one that passed. That
 * is safe because the space of a block is not used again while anybody may still follow a
 * pointer to it (blocks_reader_enter, and the hold-back of freed space for the sync fiber).
 *
 * Two fibers that want the same block read it once: the second waits on the first one's cache
 * entry.
 */
#include "pool/block/block_int.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>

size_t raw_room(const struct blocks *b, uint32_t psize)
{
    return round_up(psize, 1ull << b->max_ashift);
}

bool dva_top(const struct blocks *b, const struct dva *dva, struct vdev **ret_top)
{
    if (dva->vdev >= b->nvdevs)
        return false;
    *ret_top = b->root->child[dva->vdev];
    return true;
}

/* ---- from disk --------------------------------------------------------------------------- */

static bool raw_ok(void *arg, const uint8_t *data)
{
    return cksum_verify(arg, data);
}

struct vdev_read copy_access(const struct blocks *b, struct bp *bp, const struct dva *dva,
                             enum io_class class)
{
    return (struct vdev_read){
        .off = dva->off,
        .birth = bp_phys_birth(bp),
        .psize = bp_psize(bp),
        .class = class,
        .repair = !b->read_only,
        .ok = raw_ok,
        .arg = bp,
    };
}

static int copy_read(struct blocks *b, const struct bp *bp, const struct dva *dva,
                     enum io_class class, uint8_t *dst)
{
    struct bp want = *bp;
    struct vdev *top;
    if (!dva_top(b, dva, &top))
        return E(-EBADMSG);
    const struct vdev_read r = copy_access(b, &want, dva, class);
    return vdev_read(top, &r, dst);
}

/* The children of a gang one after the other. A child may be rounded up to whole sectors when
 * it is read, so it doesn't go straight to its place. *ret_found: the header is good, whatever comes of the rest. */
static int gang_read(struct blocks *b, const struct bp *bp, unsigned i, enum io_class class,
                     unsigned depth, uint8_t *dst, bool *ret_found)
{
    struct gang_header h;
    int rc = depth > GANG_DEPTH_MAX ? E(-EBADMSG) : gang_header_read(b, bp, i, NULL, &h);
    *ret_found = rc == 0;
    if (rc == 0 && !gang_header_fits(&h, bp))
        rc = E(-EBADMSG);
    size_t at = 0;
    for (unsigned c = 0; rc == 0 && c < GANG_CHILDREN; c++) {
        if (bp_is_hole(&h.child[c]))
            continue;
        uint32_t n = bp_psize(&h.child[c]);
        struct iobuf *part = iobuf_get(raw_room(b, n));
        if (!part)
            return -ENOMEM;
        rc = raw_read(b, &h.child[c], class, depth + 1, part->p);
        if (rc == 0)
            memcpy(dst + at, part->p, n);
        at += n;
        iobuf_put(part);
    }
    return rc == 0 && !cksum_verify(bp, dst) ? E(-EBADMSG) : rc;
}

/* Rewrites the copies in bad (a bit each) from data that passed. A failure leaves things as
 * they were. */
static void copies_repair(struct blocks *b, const struct bp *bp, unsigned bad,
                          const uint8_t *data)
{
    for (unsigned i = 0; i < BP_DVAS && !b->read_only; i++) {
        struct dva dva = bp_dva(bp, i);
        struct vdev *top;
        if (bad & 1u << i && !dva.gang && dva_top(b, &dva, &top))
            vdev_write(top, dva.off, data, bp_psize(bp), bp_phys_birth(bp), IO_TXG);
    }
}

static unsigned gravity(int err)
{
    static const int grave[] = {-EBADMSG, -ENXIO, -ENOMEM};
    for (unsigned i = 0; i < ARRAY_LEN(grave); i++)
        if (err == grave[i])
            return i + 1;
    return 0;
}

int graver(int a, int b)
{
    return a == 0 || gravity(b) > gravity(a) ? b : a;
}

/* A gang's headers are alike, so the first good one decides. Only of the outermost gang all are followed: with each within
 * it the ways through lying ones would be 3^depth. */
int raw_read(struct blocks *b, const struct bp *bp, enum io_class class, unsigned depth,
             uint8_t *dst)
{
    unsigned bad = 0;
    bool decided = false;
    int err = block_check(b, bp);
    if (err != 0)
        return err;
    for (unsigned i = 0; i < bp_ndvas(bp) && !decided; i++) {
        struct dva dva = bp_dva(bp, i);
        bool found = false;
        int rc = dva.gang ? gang_read(b, bp, i, class, depth, dst, &found)
                          : copy_read(b, bp, &dva, class, dst);
        decided = found && depth > 0;
        if (rc == 0) {
            copies_repair(b, bp, bad, dst);
            return 0;
        }
        bad |= 1u << i;
        err = graver(err, rc);
    }
    return err ? err : E(-EBADMSG);
}

/* ---- decompression ----------------------------------------------------------------------- */

struct inflate {
    unsigned kind;
    const uint8_t *src;
    uint8_t *dst;
    uint32_t slen, dlen;
    int rc;
};

static void inflate_slow(void *arg)
{
    struct inflate *j = arg;
    struct compress_state *st = compress_state_new();
    j->rc = st ? decompress_block(st, j->kind, j->src, j->slen, j->dst, j->dlen) : -ENOMEM;
    compress_state_free(st);
}

/* What others wrote with gzip and zstd takes too long for a fiber's slice: it runs on a helper
 * thread. */
static int inflate(struct blocks *b, struct inflate *j)
{
    bool slow = j->kind == ZCOMP_ZSTD || (j->kind >= ZCOMP_GZIP_1 && j->kind <= ZCOMP_GZIP_9);
    if (slow)
        run_offload(inflate_slow, j);
    else
        j->rc = decompress_block(b->comp, j->kind, j->src, j->slen, j->dst, j->dlen);
    return j->rc;
}

/* The block from its psize bytes in raw (whose reference is taken over). */
static int expand(struct blocks *b, const struct bp *bp, struct iobuf *raw,
                  struct iobuf **ret_buf)
{
    if (bp_compress(bp) == ZCOMP_OFF) {
        *ret_buf = raw;
        return 0;
    }
    struct iobuf *buf = iobuf_get(bp_lsize(bp));
    struct inflate j = {.kind = bp_compress(bp),
                        .src = raw->p,
                        .slen = bp_psize(bp),
                        .dst = buf ? buf->p : NULL,
                        .dlen = bp_lsize(bp)};
    int rc = buf ? inflate(b, &j) : -ENOMEM;
    iobuf_put(raw);
    if (rc == 0)
        *ret_buf = buf;
    else
        iobuf_put(buf);
    return rc;
}

static int fetch(struct blocks *b, const struct bp *bp, enum io_class class,
                 struct iobuf **ret_buf)
{
    struct iobuf *raw = iobuf_get(raw_room(b, bp_psize(bp)));
    if (!raw)
        return -ENOMEM;
    int rc = raw_read(b, bp, class, 0, raw->p);
    if (rc == 0)
        return expand(b, bp, raw, ret_buf);
    iobuf_put(raw);
    return rc;
}

/* ---- the call ---------------------------------------------------------------------------- */

bool blocks_wait(struct blocks *b, uint64_t changes)
{
    return b->wait && b->wait(b->wait_arg, changes);
}

static int hole_read(uint32_t lsize, struct iobuf **ret_buf)
{
    struct iobuf *buf = lsize <= IOBUF_MAX ? iobuf_get(MAX(lsize, 1u)) : NULL;
    if (!buf)
        return -ENOMEM;
    memset(buf->p, 0, lsize);
    *ret_buf = buf;
    return 0;
}

static int embedded_read(struct blocks *b, const struct bp *bp, struct iobuf **ret_buf)
{
    struct iobuf *raw = iobuf_get(sizeof(struct bp));
    if (!raw)
        return -ENOMEM;
    bp_embedded_payload(bp, raw->p);
    return expand(b, bp, raw, ret_buf);
}

static int failed(struct blocks *b, const struct bp *bp, int rc)
{
    if (b->on_error && rc != -ENOMEM)
        b->on_error(b->on_error_arg, &(struct block_error){.bp = bp, .err = rc});
    return rc;
}

static int cached_read(struct blocks *b, const struct bp *bp, enum block_hint hint,
                       struct iobuf **ret_buf)
{
    struct cache_entry *e;
    do
        *ret_buf = cache_find(b->cache, bp, hint);
    while (!*ret_buf && cache_wait(b->cache, bp));
    int rc = *ret_buf ? 0 : cache_load(b->cache, bp, &e);
    if (rc != 0 || *ret_buf)
        return rc;
    rc = fetch(b, bp, hint == BLOCK_PREFETCH ? IO_PREFETCH : IO_READ, ret_buf);
    cache_loaded(b->cache, e, *ret_buf, hint);
    return rc;
}

/* Nobody may wait for disks with a cache entry in his hands. */
static int patient_read(struct blocks *b, const struct bp *bp, enum block_hint hint,
                        struct iobuf **ret_buf)
{
    uint64_t changes;
    int rc;
    do {
        changes = b->root->changes;
        rc = cached_read(b, bp, hint, ret_buf);
    } while (rc == -ENXIO && hint != BLOCK_PREFETCH && blocks_wait(b, changes));
    return rc;
}

int block_read(struct blocks *b, const struct bp *bp, enum block_hint hint,
               struct iobuf **ret_buf)
{
    struct iobuf *buf = NULL;
    struct bp own = *bp; /* the caller's may change while this one is parked */
    if (bp_is_hole(&own))
        return hole_read(bp_lsize(&own), ret_buf);
    int rc = block_check(b, &own);
    if (rc == 0)
        rc = bp_is_embedded(&own) ? embedded_read(b, &own, &buf)
                                  : patient_read(b, &own, hint, &buf);
    if (rc != 0)
        return failed(b, &own, rc);
    *ret_buf = buf;
    return 0;
}

struct iobuf *block_cached(struct blocks *b, const struct bp *bp)
{
    if (bp_is_hole(bp) || bp_is_embedded(bp))
        return NULL;
    return cache_find(b->cache, bp, BLOCK_NORMAL);
}
