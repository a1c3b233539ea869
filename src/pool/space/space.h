/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free space: metaslabs of every top-level vdev, which ranges of them are free, allocation, the
 * delay before freed space is used again. In memory only; txg/ loads and stores the maps in the MOS. On the
 * pool's home reactor.
 *
 * A metaslab is loaded (its free ranges are in memory) or not; frees and claims of an unloaded one are kept until it
 * is. Between two parking calls nothing else interferes, so only loading parks.
 */
#ifndef POOL_SPACE_SPACE_H
#define POOL_SPACE_SPACE_H

#include "pool/format/bp.h"
#include "pool/format/spacemap.h"
#include "pool/vdev/vdev.h"

/* Disjoint ranges [off, off + len) by offset; the largest is found at once. */
struct ranges;
struct ranges *ranges_new(void);
void ranges_free(struct ranges *r);
/* -EEXIST: overlaps what is there (add), -ENOENT: not all there (remove), -ENOMEM. */
int ranges_add(struct ranges *r, uint64_t off, uint64_t len);
int ranges_remove(struct ranges *r, uint64_t off, uint64_t len);
bool ranges_has(const struct ranges *r, uint64_t off, uint64_t len); /* all of it */
bool ranges_overlaps(const struct ranges *r, uint64_t off, uint64_t len);
uint64_t ranges_bytes(const struct ranges *r);
size_t ranges_count(const struct ranges *r);
uint64_t ranges_largest(const struct ranges *r, uint64_t *ret_off); /* bytes, 0: none */
void ranges_clear(struct ranges *r);
/* The first range that ends after off; false: none. */
bool ranges_next(const struct ranges *r, uint64_t off, uint64_t *ret_off, uint64_t *ret_len);

#define TXG_SLOTS 4u
struct metaslab {
    struct vdev *top;
    uint32_t index;
    uint64_t start, size; /* bytes in the vdev's address space */
    uint64_t object;      /* MOS space map, 0: none yet */
    uint64_t length;      /* bytes of its stream */
    int64_t allocated;    /* bytes, as of the last commit */
    uint64_t histogram[32];
    struct ranges *free;             /* NULL: not loaded */
    struct ranges *alloc[TXG_SLOTS]; /* allocated in txg & 3, not yet committed */
    struct ranges *freed[TXG_SLOTS]; /* freed in txg & 3, not yet committed */
    struct ranges *defer[TXG_SLOTS]; /* committed frees that may not be used again yet */
    struct list node;
    /* txg/maps.c: how this txg is recorded */
    uint64_t planned_txg, next_length;
    bool rewrite;
    /* private to space/ below */
    uint64_t weight;
    bool loading, allocating;
    struct waitq loaded;
};

struct space;
/* How a metaslab's stored map is read: calls fn for every entry of the map. Parks. */
typedef int (*space_load_fn)(void *arg, struct metaslab *ms, sm_entry_fn fn, void *fn_arg);

/* For all top-level vdevs of root; txg: the last committed one. NULL: no memory. */
struct space *space_new(struct vdev *root, space_load_fn load, void *load_arg, uint64_t txg);
void space_free(struct space *sp);
/* Makes the metaslabs of a top-level vdev known (at open and after add); stored maps' object, length and
 * allocated are filled in by the caller afterwards. -ENOMEM. */
int space_add_top(struct space *sp, struct vdev *top);
unsigned space_nmetaslabs(const struct space *sp, const struct vdev *top);
struct metaslab *space_metaslab(struct space *sp, const struct vdev *top, unsigned index);

/* Allocates ncopies places for psize bytes in txg (open or syncing), on different vdevs or distant metaslabs where there
 * are any. Biggest free region first, sequential within a txg. log: intent-log blocks and what belongs to them, out of regions of
 * their own so that data stay sequential. -ENOSPC: nothing was taken. May park (loading). */
enum space_use { SPACE_DATA, SPACE_META, SPACE_LOG, SPACE_USES };
int space_alloc(struct space *sp, uint64_t txg, uint32_t psize, unsigned ncopies,
                enum space_use use, struct dva ret[BP_DVAS]);
/* Gives space back in the syncing txg. What was allocated in the same txg vanishes from both lists and is free at
 * once only after the hold-back all the same. -ENOMEM. */
int space_free_dva(struct space *sp, uint64_t txg, const struct dva *dva);
/* Marks what a claimed log block occupies as allocated in txg: -EEXIST when it isn't free. Parks (loading). */
int space_claim(struct space *sp, uint64_t txg, const struct dva *dva);

/* Walks the metaslabs with something to record in txg: NULL ends; start with NULL. */
struct metaslab *space_dirty_next(struct space *sp, uint64_t txg, struct metaslab *after);
/* Upper bound of the words that recording this txg takes, and the recording itself (debug words
 * included). rewrite: the map is written anew from the free ranges (loads: parks). */
size_t metaslab_record_words(const struct metaslab *ms, uint64_t txg);
void metaslab_record(struct metaslab *ms, uint64_t txg, struct sm_encoder *enc);
/* Whether the stored stream is so much longer than needed that it should be rewritten (OpenZFS: over 200 % of the best). */
bool metaslab_worth_rewrite(const struct metaslab *ms, uint32_t block_size);
size_t metaslab_rewrite_words(const struct metaslab *ms, uint64_t txg);
void metaslab_rewrite(struct metaslab *ms, uint64_t txg, struct sm_encoder *enc);
/* Numbers to store with the map once this txg's changes are in: allocated bytes, histogram of free runs. */
int64_t metaslab_allocated(const struct metaslab *ms, uint64_t txg);
void metaslab_histogram(const struct metaslab *ms, uint64_t txg, uint64_t ret[32]);
/* txg is committed: its frees begin their hold-back, older ones whose time has come are free, provided that no reader
 * older than they is left (oldest_reader: txg committed when the oldest reader began). */
void space_committed(struct space *sp, uint64_t txg, uint64_t oldest_reader);

/* Bytes: what allocation can count on. */
struct space_totals {
    uint64_t size, allocated, deferred;
};
struct space_totals space_totals(const struct space *sp);

#endif
