/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free space: metaslabs of every top-level vdev, which ranges of them are free, allocation, the
 * delay before freed space is used again. In memory only; txg/ loads and stores the maps in the
 * MOS. On the pool's home reactor.
 *
 * A metaslab is loaded (its free ranges are in memory) or not. Allocations and claims load it,
 * frees of an unloaded one are kept beside. Only loading waits; what walks many ranges yields
 * now and then (both: "parks").
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
/* Removes what of it is there. -ENOMEM: a part of that perhaps. */
int ranges_subtract(struct ranges *r, uint64_t off, uint64_t len);
bool ranges_has(const struct ranges *r, uint64_t off, uint64_t len); /* all of it */
bool ranges_overlaps(const struct ranges *r, uint64_t off, uint64_t len);
uint64_t ranges_bytes(const struct ranges *r);
size_t ranges_count(const struct ranges *r);
uint64_t ranges_largest(const struct ranges *r, uint64_t *ret_off); /* bytes, 0: none */
/* How many have a length in [2^log2, 2^(log2 + 1)). */
uint32_t ranges_count_log2(const struct ranges *r, unsigned log2);
void ranges_clear(struct ranges *r);
/* The first range that ends after off; false: none. */
bool ranges_next(const struct ranges *r, uint64_t off, uint64_t *ret_off, uint64_t *ret_len);

#define TXG_SLOTS 4u
struct metaslab {
    struct vdev *top;
    uint32_t index;
    uint64_t start, size; /* bytes in the vdev's address space */
    uint64_t object;      /* MOS space map, 0: none yet; the owner's, as is length */
    uint64_t length;      /* bytes of its stream */
    int64_t allocated;    /* bytes, as of the last commit */
    uint64_t histogram[32];
    struct ranges *free; /* NULL: not loaded */
    /* Each NULL while nothing was put in. alloc and freed then stay until the commit, be it
     * empty: what is dirty in a txg stays so. */
    struct ranges *alloc[TXG_SLOTS]; /* allocated in txg & 3, not yet committed */
    struct ranges *freed[TXG_SLOTS]; /* freed in txg & 3, not yet committed */
    struct ranges *defer[TXG_SLOTS]; /* given back, but may not be used again yet */
    int error;                       /* why it cannot be loaded, 0: nothing known */

    /* private to space/ below */
    uint64_t defer_txg[TXG_SLOTS]; /* the newest txg that gave to defer */
    uint64_t weight;               /* while not loaded: bytes of the largest free range */
    bool exact;                    /* or, when not exact, that it has at least, it seems */
    bool loading, replayed;        /* replayed: was loaded once since the pool was opened */
    uint32_t cursors;              /* that allocate from it */
    /* txg/maps.c: how this txg is recorded */
    uint64_t planned_txg, next_length;
    bool rewrite;
    struct list node; /* of the loaded ones, least recently used first */
    struct waitq loaded;
};

struct space;
/* How a metaslab's stored map is read: calls fn for every entry of the map and passes on
 * what fn returns if not 0. Called for maps with an object only. The map may be that of the
 * last commit or have entries of later txgs already: they are passed over, by their debug
 * words. Parks. */
typedef int (*space_load_fn)(void *arg, struct metaslab *ms, sm_entry_fn fn, void *fn_arg);
/* Told of a metaslab that cannot be loaded, and so is not allocated from: -EBADMSG: its map
 * contradicts itself, for good; else what load returned: tried again after the next commit. */
typedef void (*space_report_fn)(void *arg, const struct metaslab *ms, const struct err *err);

/* For all top-level vdevs of root; txg: the last committed one. NULL: no memory. */
struct space *space_new(struct vdev *root, space_load_fn load, void *load_arg, uint64_t txg);
void space_free(struct space *sp); /* NULL is fine; nobody is inside */
void space_set_report(struct space *sp, space_report_fn fn, void *arg);
/* How many free ranges loaded metaslabs may have together before idle ones are unloaded (24
 * bytes each; default 4 Mi). */
void space_set_budget(struct space *sp, size_t nranges);
/* Makes the metaslabs of a top-level vdev known (at open and after add). A log vdev's and an
 * unusable one's too, but they are not allocated from. -ENOMEM. */
int space_add_top(struct space *sp, struct vdev *top);
/* The top-level vdev with this id is another struct now (attach, detach). */
void space_replace_top(struct space *sp, struct vdev *top);
unsigned space_nmetaslabs(const struct space *sp, const struct vdev *top);
struct metaslab *space_metaslab(struct space *sp, const struct vdev *top, unsigned index);
/* What is stored of a metaslab, told once, after it became known. -EBADMSG: it can't be true
 * (the metaslab is not allocated from). */
struct metaslab_map {
    uint64_t object, length;
    int64_t allocated;
    const uint64_t *histogram; /* 32 counts; NULL: none stored */
};
int metaslab_restore(struct space *sp, struct metaslab *ms, const struct metaslab_map *map);

/* Allocates ncopies places for psize bytes in txg (open or syncing), on different vdevs or
 * distant metaslabs where there are any. Biggest free region first, sequential within a txg.
 * log: intent-log blocks and what belongs to them, out of regions of their own so that data
 * stay sequential. -ENOSPC, -ENOMEM: nothing was taken. Parks (loading). */
enum space_use { SPACE_DATA, SPACE_META, SPACE_LOG, SPACE_USES };
int space_alloc(struct space *sp, uint64_t txg, uint32_t psize, unsigned ncopies,
                enum space_use use, struct dva ret[BP_DVAS]);
/* Undoes an allocation of txg before anything was written there: the place is free at once. */
void space_undo(struct space *sp, uint64_t txg, const struct dva *dva);
/* Gives space back in the syncing txg, or in an open one that is held. What was allocated in the same txg vanishes from both
 * lists and is free only after the hold-back all the same. -ENOMEM; -EBADMSG: it lies in no
 * metaslab, or is not allocated as far as can be seen without loading. */
int space_free_dva(struct space *sp, uint64_t txg, const struct dva *dva);
/* Loads every map there is: 0, or what is wrong with the first that doesn't make sense. Parks. */
int space_check(struct space *sp);
/* Marks what a claimed log block occupies as allocated in txg: -EEXIST when it isn't free,
 * -EBADMSG: it lies in no metaslab, or that can't be loaded. Parks (loading). */
int space_claim(struct space *sp, uint64_t txg, const struct dva *dva);

/* Walks the metaslabs with something to record in txg: NULL ends; start with NULL. */
struct metaslab *space_dirty_next(struct space *sp, uint64_t txg, struct metaslab *after);
/* Upper bound of the words that recording this txg takes, and the recording itself (debug words
 * included; enc->shift is the vdev's). Parks. */
size_t metaslab_record_words(const struct metaslab *ms, uint64_t txg);
void metaslab_record(struct metaslab *ms, uint64_t txg, struct sm_encoder *enc);
/* Whether the metaslab is loaded and its stored stream so much longer than needed that it
 * should be rewritten (OpenZFS: over 200 % of the best, and more than a block). Then the map
 * is written anew, this txg included, from the free ranges; what is held back is written as
 * allocated and freed, so that an import holds it back too. Parks. */
bool metaslab_worth_rewrite(const struct metaslab *ms, uint32_t block_size);
size_t metaslab_rewrite_words(const struct metaslab *ms, uint64_t txg);
void metaslab_rewrite(struct metaslab *ms, uint64_t txg, struct sm_encoder *enc);
/* Numbers to store with the map once this txg's changes are in: allocated bytes, histogram
 * of free runs. */
int64_t metaslab_allocated(const struct metaslab *ms, uint64_t txg);
void metaslab_histogram(const struct metaslab *ms, uint64_t txg, uint64_t ret[32]);
/* txg is committed: its frees begin their hold-back, older ones whose time has come are
 * free, provided that no reader older than they is left (oldest_reader: txg committed when
 * the oldest reader began; UINT64_MAX: none). Parks. */
void space_committed(struct space *sp, uint64_t txg, uint64_t oldest_reader);

/* Bytes, log vdevs aside; size - allocated - deferred is what allocation can count on. What
 * is not committed yet is counted too. */
struct space_totals {
    uint64_t size, allocated, deferred;
};
struct space_totals space_totals(const struct space *sp);

#endif
