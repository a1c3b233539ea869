/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What writers changed in a volume in one txg: whole blocks by number, and runs of blocks that were freed before. Plain
 * memory; write.c and sync.c say when.
 */
#ifndef POOL_ZVOL_DIRTY_H
#define POOL_ZVOL_DIRTY_H

#include "run/iobuf.h"

/* Where a block's content was written ahead of its txg, for the intent log (direct.c). */
struct vplace;
struct vblock {
    struct vblock *next; /* in its chain */
    uint64_t blkid;
    struct iobuf *buf;    /* the block's content */
    struct vplace *place; /* NULL: not written yet */
};
struct vrun {
    uint64_t first, n;
};
struct vchunk; /* of blocks: tens of thousands come and go with a txg */
struct vdirty {
    struct vblock **chains;
    size_t nchains, nblocks;
    struct vchunk *chunks;
    struct vblock *spare;
    struct vrun *
        freed; /* in order of arrival; runs of blocks that read as zeros unless they are among the blocks */
    size_t nfreed, freed_cap;
    /* Called for the place of a block that is dropped because of newer content. */
    void (*unplace)(void *arg, struct vplace *place);
    void *arg;
};

void vdirty_init(struct vdirty *d, void (*unplace)(void *arg, struct vplace *place), void *arg);
/* Drops everything; no block has a place any more. */
void vdirty_clear(struct vdirty *d);
/* The same in steps. First the runs, which a block that is gone may lie in: */
void vdirty_clear_freed(struct vdirty *d);
/* Then one block after the other: drops one and says which; false: there is none. *at is 0 before the first. */
bool vdirty_clear_next(struct vdirty *d, size_t *at, uint64_t *ret_blkid);
static inline bool vdirty_empty(const struct vdirty *d)
{
    return d->nblocks == 0 && d->nfreed == 0;
}
struct vblock *vdirty_find(const struct vdirty *d, uint64_t blkid);
/* Takes over buf. -ENOMEM. The block isn't there yet. */
int vdirty_add(struct vdirty *d, uint64_t blkid, struct iobuf *buf);
/* Takes over buf, which takes the place of the block's. */
void vdirty_replace(struct vblock *b, struct iobuf *buf);
/* Blocks [first, first + n) read as zeros from now on; those among them that were dirty are dropped, *ret_dropped of them. */
int vdirty_free_run(struct vdirty *d, uint64_t first, uint64_t n, uint64_t *ret_dropped);
bool vdirty_is_freed(const struct vdirty *d, uint64_t blkid);
/* The blocks by number, malloc'd; NULL: no memory or none. */
struct vblock **vdirty_sorted(const struct vdirty *d);

#endif
