/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks: reading one by its pointer (verify, other copies, repair, decompress, cache), writing
 * one in the syncing txg (compress, checksum, allocate, queue), freeing one. On the pool's home
 * reactor.
 *
 * A reader announces itself (blocks_reader_enter), so that no block which it may still follow a
 * pointer to is written again before it has left; repair relies on this.
 */
#ifndef POOL_BLOCK_BLOCK_H
#define POOL_BLOCK_BLOCK_H

#include "pool/format/checksum.h"
#include "pool/format/compress.h"
#include "pool/space/space.h"

struct cache;

/* What happened to a block that cannot be read: for the error log and events. */
struct block_error {
    const struct bp *bp;
    int err; /* -EBADMSG, -EIO, -ENXIO */
};

struct blocks {
    struct vdev *root;
    struct space *space;
    struct cache *cache;
    struct compress_state *comp;
    struct vbatch *batch;   /* of the syncing txg; NULL outside a sync */
    uint64_t committed_txg; /* newest uberblock on disk */
    bool hole_birth;        /* feature active: holes carry their birth */
    bool read_only;         /* nothing is repaired */
    struct list gangs;      /* that have places and no content yet (place.c) */
    unsigned nplaced;       /* counts for QUIRK_GANGS */
    uint8_t *scratch;    /* BLOCK_MAX bytes, for what compresses; never held across parking */
    unsigned min_ashift; /* smallest of the normal top-level vdevs: for compressed sizes */
    unsigned max_ashift; /* largest of all: room for reading */
    uint32_t *ratios;    /* deflate ratio per top-level vdev */
    uint64_t *sizes;     /* asize per top-level vdev */
    unsigned nvdevs;
    uint32_t readers[8];     /* by committed txg & 7 when they began */
    uint64_t read_epoch_min; /* txg of the oldest reader that is left, or committed_txg */
    void (*on_error)(void *arg, const struct block_error *e);
    void *on_error_arg;
    /* Asked when a block cannot be read for want of disks: true: they are back, try again. changes: the root's
     * before the first try. NULL: that is an error. Parks. */
    bool (*wait)(void *arg, uint64_t changes);
    void *wait_arg;
};

/* Takes tables from the tree (again after its shape changed). cache_bytes: budget of the cache.
 * -ENOMEM. */
int blocks_init(struct blocks *b, struct vdev *root, uint64_t cache_bytes);
int blocks_vdevs_changed(struct blocks *b);
void blocks_fini(struct blocks *b);

/* Returns the ticket to leave with. */
uint64_t blocks_reader_enter(struct blocks *b);
void blocks_reader_leave(struct blocks *b, uint64_t ticket);
uint64_t blocks_oldest_reader(struct blocks *b);
/* The txg is on disk, and whoever begins to read follows its tree. Parks. */
void blocks_committed(struct blocks *b, uint64_t txg);

/* After -ENXIO of a read that began when the root's `changes` were so many: whether to try again. Parks. */
bool blocks_wait(struct blocks *b, uint64_t changes);

/* The block's lsize bytes in a buffer that is shared with the cache: not to be changed; the
 * caller puts it. Holes and embedded pointers work too. Waits for disks, but not for prefetch.
 * -EBADMSG: no copy passes; -EIO; -ENXIO: disks that are away may have it, and nobody waits;
 * -EOPNOTSUPP: a checksum or compression that we don't know. Parks. */
enum block_hint { BLOCK_NORMAL, BLOCK_STREAM /* not worth keeping */, BLOCK_PREFETCH };
int block_read(struct blocks *b, const struct bp *bp, enum block_hint hint,
               struct iobuf **ret_buf);
/* The block if it is cached, with a reference, else NULL; never parks. */
struct iobuf *block_cached(struct blocks *b, const struct bp *bp);
/* Verifies all copies and parity of a block and repairs what is bad, for scrub and resilver;
 * gangs too. *ret_repaired: bytes. Waits for disks, and errors, as block_read(). Parks. */
int block_scrub(struct blocks *b, const struct bp *bp, uint64_t *ret_repaired);

/* What compressing made of a block's content before it was written, and the checksum of that. */
struct squeezed {
    struct iobuf *from; /* the content, a reference */
    struct iobuf *buf;  /* its first psize bytes are what became of it */
    uint32_t psize;     /* 0: it doesn't get smaller */
    bool zero;          /* all of it is zeros: no checksum */
    bool done;          /* false: no memory for it, nothing of this says anything */
    struct cksum sum;
};

struct block_want {
    uint32_t lsize;
    uint8_t type, level;
    uint8_t compress; /* enum zfs_compress: ZCOMP_OFF or ZCOMP_LZ4 */
    uint8_t checksum; /* ZCHECK_FLETCHER4 or ZCHECK_SHA256 */
    uint8_t copies;
    uint64_t fill;
    const struct squeezed *squeezed; /* NULL: not done before */
};
/* Compresses n blocks, and computes their checksums, as want says, on a helper thread; of each only `from` is set (NULL: nothing to
 * do), and what it refers to may not change. What becomes of a block is expected to take `room` bytes at most (lsize: nobody knows).
 * Returns how many it took at most: where that is more than room, some blocks are not done. Parks. */
uint32_t block_squeeze(struct blocks *b, const struct block_want *want, struct squeezed *v,
                       unsigned n, uint32_t room);
void squeezed_free(struct squeezed *s);
/* Whether that is worth the trip for so many bytes. */
bool block_squeeze_pays(const struct block_want *want, uint64_t bytes);
/* Writes data (lsize bytes, refs taken as needed) in the syncing txg: zeros become a hole (an
 * all-zero pointer; the caller knows whether it should carry a birth) where compression is on
 * (a volume's data and metadata alike), else it is compressed, checksummed, allocated and
 * queued in the batch. It can be read back at once only from the cache; from disk once the
 * batch is through. data may not change any more. -ENOSPC. Parks. */
int block_write(struct blocks *b, uint64_t txg, const struct block_want *want,
                struct iobuf *data, struct bp *ret_bp);
/* The same without queueing the write, in txg, which may also be the open one while the caller holds it: *ret_raw, with a
 * reference, has the bytes to be written; NULL for a hole. Never a gang: -ENOSPC without a run that is long enough. */
int block_make(struct blocks *b, uint64_t txg, const struct block_want *want,
               struct iobuf *data, struct bp *ret_bp, struct iobuf **ret_raw);
/* The same in two steps, uncompressed: first the place, then content. For the MOS, where the
 * content depends on where everything went. ret_bp has DVAs, no checksum. */
int block_place(struct blocks *b, uint64_t txg, const struct block_want *want,
                struct bp *ret_bp);
/* Fills in checksum and fill, queues the write; takes a reference to data. */
void block_put(struct blocks *b, const struct bp *placed, uint64_t fill, struct iobuf *data,
               struct bp *ret_bp);
/* Gives the space of a block back in the syncing txg (gangs: header and children, so it may
 * park). Not for holes; embedded pointers have nothing to give. */
int block_free(struct blocks *b, uint64_t txg, const struct bp *bp);

/* bp_check() with the pool's tables: what must hold before a pointer from disk is followed,
 * freed or counted. A deduplicated block is like others as long as nothing is written (import_check.c
 * sees to it); else -EOPNOTSUPP: its users are not counted here. */
int block_check(const struct blocks *b, const struct bp *bp);
struct bp_sums block_sums(const struct blocks *b, const struct bp *bp);

#define CACHE_USES_MAX 3u /* more of them say no more */

/* ---- the cache --------------------------------------------------------------------------- */

/* Somebody's way to a cached block without its pointer, nor a look at the cache's entry: it has the buffer at hand and counts
 * uses until the cache asks. One to a block; the cache cuts it when the block leaves. */
struct cache_link {
    struct cache_entry *entry; /* NULL: cut */
    struct iobuf *buf;         /* the entry's */
};
/* Leads to the block that bp names, if it is cached. uses: where its uses are counted. */
void cache_link_set(struct cache *c, const struct bp *bp, struct cache_link *l, uint8_t *uses);
/* The block, with a reference. The link isn't cut. */
static inline struct iobuf *cache_link_get(const struct cache_link *l, uint8_t *uses)
{
    if (*uses < CACHE_USES_MAX)
        ++*uses;
    iobuf_ref(l->buf);
    return l->buf;
}
void cache_link_cut(struct cache_link *l); /* its uses are kept */

/* Decompressed blocks by (vdev, offset, birth) of the first DVA, scan-resistant, within a
 * budget of bytes. A block in use is never dropped. */
struct cache_stats {
    uint64_t hits, misses, prefetch_hits, evictions, bytes, budget;
};
void cache_stats(const struct cache *c, struct cache_stats *ret);
void cache_set_budget(struct cache *c, uint64_t bytes);

#endif
