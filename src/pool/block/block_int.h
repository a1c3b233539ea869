/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of block/ share. */
#ifndef POOL_BLOCK_BLOCK_INT_H
#define POOL_BLOCK_BLOCK_INT_H

#include "pool/block/block.h"

/* ---- cache.c ----------------------------------------------------------------------------- */

struct cache *cache_new(uint64_t budget); /* NULL: no memory */
void cache_free(struct cache *c);         /* NULL is fine; nothing is being read */

/* The cached block with a reference, or NULL. hint BLOCK_NORMAL counts as a use. */
struct iobuf *cache_find(struct cache *c, const struct bp *bp, enum block_hint hint);
/* Waits while another fiber reads the block; true: look again. False: nobody does. Parks. */
bool cache_wait(struct cache *c, const struct bp *bp);
/* Announces that the caller reads the block; cache_loaded() ends it. -ENOMEM. */
struct cache_entry;
int cache_load(struct cache *c, const struct bp *bp, struct cache_entry **ret_e);
/* buf (NULL: it failed) holds the block; kept unless the hint says otherwise (a reference is
 * taken). */
void cache_loaded(struct cache *c, struct cache_entry *e, struct iobuf *buf,
                  enum block_hint hint);
/* A block just written; takes a reference. Nothing happens without memory. */
void cache_insert(struct cache *c, const struct bp *bp, struct iobuf *buf);
/* A block that nobody will ask for again. One that is being read just now stays. */
void cache_forget(struct cache *c, const struct bp *bp);
/* One that is asked for until the syncing txg is committed, and not afterwards. */
void cache_leave(struct cache *c, const struct bp *bp);
/* When it is: forgets one of these; false: there is none. */
bool cache_forget_leaving(struct cache *c);

/* ---- gang.c ------------------------------------------------------------------------------ */

/* How deep gangs may nest: OpenZFS makes one level, more where space is very short. */
#define GANG_DEPTH_MAX 6u
#define GANG_HEADER    512u
#define GANG_CHILDREN  3u

struct gang_header {
    struct bp child[GANG_CHILDREN];
    uint8_t filler[GANG_HEADER - GANG_CHILDREN * BP_SIZE - EMBEDDED_CKSUM_SIZE];
    uint8_t seal[EMBEDDED_CKSUM_SIZE];
};
static_assert(sizeof(struct gang_header) == GANG_HEADER, "zio_gbh_phys_t");

/* Reads the header that dva i of bp names into *ret. With repaired: all its copies are
 * verified. Parks. */
int gang_header_read(struct blocks *b, const struct bp *bp, unsigned i, uint64_t *repaired,
                     struct gang_header *ret);
/* The children's psizes add up to what bp says, and each that has bytes has a place. */
bool gang_header_fits(const struct gang_header *h, const struct bp *bp);

/* ---- place.c ----------------------------------------------------------------------------- */

/* A pointer with places for psize bytes, without a checksum. depth: in how many gangs it is; from GANG_DEPTH_MAX on it is whole or
 * -ENOSPC. Fewer copies than wanted are made where there is no room for all. Parks. */
int block_alloc(struct blocks *b, uint64_t txg, const struct block_want *w, uint32_t psize,
                unsigned compress, unsigned depth, struct bp *ret_bp);
/* Queues the content of a block at all its places. */
void block_queue(struct blocks *b, const struct bp *bp, struct iobuf *buf);
/* A gang that has places and no content yet gives them back; false: it has content, or is none. */
bool gang_unplace(struct blocks *b, uint64_t txg, const struct bp *bp);
/* Drops what will never get content. */
void gangs_forget(struct blocks *b);

/* ---- read.c ------------------------------------------------------------------------------ */

/* psize rounded up to the largest sector of the pool: the room that reading takes. */
size_t raw_room(const struct blocks *b, uint32_t psize);
/* A block's psize bytes as they are on disk, verified, into dst, which has raw_room().
 * Parks. */
int raw_read(struct blocks *b, const struct bp *bp, enum io_class class, unsigned depth,
             uint8_t *dst);
/* How one copy is read and judged; bp is borrowed while that lasts. */
struct vdev_read copy_access(const struct blocks *b, struct bp *bp, const struct dva *dva,
                             enum io_class class);
/* Of the errors of two copies (a: 0, none yet) the one that decides: as long as one may yet be read the block is not damaged. */
int graver(int a, int b);
/* True: the pointer's DVA lies in a vdev that exists; *ret_top. */
bool dva_top(const struct blocks *b, const struct dva *dva, struct vdev **ret_top);

#endif
