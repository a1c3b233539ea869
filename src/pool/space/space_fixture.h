/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool for tests: top-level vdevs made by hand, space maps in memory as the MOS would hold
 * them (what is committed, and what a txg under way has written already), import and power cut.
 */
#ifndef POOL_SPACE_SPACE_FIXTURE_H
#define POOL_SPACE_SPACE_FIXTURE_H

#include "base/check.h"
#include "pool/space/space.h"
#include "run/fiber.h"
#include "volume/expect.h"

#define LAB_TOPS 4u

/* A stored space map. */
struct stream {
    le64 *words;
    size_t n, cap;
};
struct lab_map {
    struct stream now, committed;
    uint64_t object, histogram[32];
    int64_t allocated;
};

struct lab {
    struct vdev root, top[LAB_TOPS];
    struct vdev *child[LAB_TOPS];
    unsigned ntops, nms[LAB_TOPS];
    struct lab_map *map[LAB_TOPS]; /* by metaslab */
    struct space *sp;
    uint64_t committed;
    unsigned loads, reports;
    int load_error; /* what the next loads return, 0: they work */
    bool yields;    /* loading takes a while */
    bool gated;     /* or does not go on before this is reset */
    bool no_histogram;
    uint64_t random;
};

struct lab_top {
    enum vdev_type type;
    unsigned nchildren, nparity, ashift, ms_shift, nms;
};

uint64_t lab_random(struct lab *l, uint64_t n); /* below n */
struct lab *lab_new(const struct lab_top *tops, unsigned n, uint64_t seed);
void lab_free(struct lab *l);
/* Forgets what is not committed and opens the pool again. */
void lab_reopen(struct lab *l);
/* Stores what txg changed, as txg/ does. one_in: rewrites maps that are loaded by this
 * chance; 0: when worth it. */
void lab_record(struct lab *l, uint64_t txg, unsigned one_in);
void lab_commit(struct lab *l, uint64_t txg, uint64_t oldest_reader);
/* Both, for tests without much ado. */
void lab_sync(struct lab *l, uint64_t txg);
struct lab_map *lab_map_of(struct lab *l, const struct metaslab *ms);
void stream_put(struct stream *s, const le64 *words, size_t n);

/* ---- for tests of one thing each --------------------------------------------------------- */

#define KIB 1024u
#define MIB (1024u * KIB)

extern const struct lab_top lab_disk;   /* 8 MiB, metaslabs of 1 MiB */
extern const struct lab_top lab_small;  /* 64 KiB, one metaslab */
extern const struct lab_top lab_mirror; /* 32 MiB, metaslabs of 4 MiB */

/* Runs body in a world; e->arg is a fresh lab. */
void lab_run(void (*body)(struct expect *e), const struct lab_top *tops, unsigned n);
int lab_alloc(struct lab *l, uint64_t txg, uint32_t size, enum space_use use, struct dva *ret);
/* In the txg that is committed next. */
int lab_alloc_data(struct lab *l, uint32_t size, struct dva *ret);
bool lab_can_alloc(struct lab *l, uint32_t size);
void lab_sync_next(struct lab *l);
/* All of it, in sectors of 4 KiB; the last one. */
struct dva lab_fill(struct lab *l);
/* Gives metaslab 0 of vdev 0 a stored map and opens the pool anew. */
void lab_store_map(struct lab *l, const uint64_t *words, size_t n, int64_t allocated);

#endif
