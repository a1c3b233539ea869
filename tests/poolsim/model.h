/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a volume may hold. Every change has a number; each 512-byte sector lists, in order, the changes that it may show:
 * the last one known to be durable and those after it. While the world lives a read must show the last; after a power cut it
 * may show any of the list, but a change shows in all of its sectors of one block (or what came after it there) or in none of
 * them, and a write that was to be atomic in all of its blocks. What a read after the cut has shown is durable from then on.
 *
 * A volume that shrinks loses what lies beyond as if zeros were written there, which is what it shows should it grow again; but
 * when the cut left it the old size, nothing of that may have happened.
 *
 * Changes and reads in flight together never overlap: the contract promises nothing then, and the claims below see to it.
 */
#ifndef TESTS_POOLSIM_MODEL_H
#define TESTS_POOLSIM_MODEL_H

#include "base/util.h"

#define SECTOR 512u

struct model;

struct model *model_new(uint64_t seed, uint64_t nsectors, uint64_t block_sectors);
void model_free(struct model *m);
uint64_t model_sectors(const struct model *m);
/* More sectors at the end, zeros. */
void model_grow(struct model *m, uint64_t nsectors);
/* It is to have less; until the end of that nothing else changes. done: it has, for good; else it has what it had. */
void model_shrink_begin(struct model *m, uint64_t nsectors);
void model_shrink_end(struct model *m, bool done);

/* True: nobody touches [first, first + n) in a way that conflicts, and it is the caller's until model_unclaim(). */
bool model_claim(struct model *m, uint64_t first, uint64_t n, bool change);
void model_unclaim(struct model *m, uint64_t first, uint64_t n, bool change);

enum change {
    CHANGE_DATA,
    CHANGE_TEXT,
    CHANGE_ZERO
}; /* random bytes, compressible ones, zeros */
/* A change of a claimed range begins: its number. */
uint32_t model_begin(struct model *m, uint64_t first, uint64_t n, enum change kind,
                     bool atomic);
/* Its bytes, n * SECTOR. */
void model_fill(const struct model *m, uint32_t number, uint8_t *ret_bytes);
/* It succeeded; durable: for good. */
void model_done(struct model *m, uint32_t number, bool durable);
/* It failed: it may show or not, from now on. */
void model_failed(struct model *m, uint32_t number);
/* All that had succeeded when model_now() was asked is durable. */
uint32_t model_now(const struct model *m);
void model_flushed(struct model *m, uint32_t now);
/* The world ended: what was in flight may show or not. */
void model_cut(struct model *m);

/* The bytes that a read of a claimed range returned. NULL: fine, else what is wrong (static). */
const char *model_check(struct model *m, uint64_t first, uint64_t n, const uint8_t *bytes);

/* All that is there, right after a cut: from here on durable. NULL or what is wrong (static). */
const char *model_settle(struct model *m, const uint8_t *bytes);
/* The first n sectors as an older tree has them. The same. */
const char *model_check_older(struct model *m, uint64_t n, const uint8_t *bytes);

struct model_counts {
    uint64_t acked, durable, in_flight_cut, atomic_judged, blocks_judged, sectors_checked,
        kept_unacked, older_checked;
};
const struct model_counts *model_counts(const struct model *m);

#endif
