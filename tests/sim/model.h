/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a volume may hold, by the sector, seen from the initiators: every write has a version
 * number that is written into each of its sectors, and the model knows of each version when it
 * was sent, whether it was acknowledged, and when it was over (acknowledged, aborted, or its
 * session gone). A read may return version x exactly if no other version that began after x was
 * over was acknowledged before the read began. That allows every order the standards allow for
 * commands in flight together, and nothing else: no lost acknowledged write, no late one, no
 * torn sector.
 *
 * A power cut ends everything that is in flight. What must be there afterwards: on a
 * write-through volume all that was acknowledged, on a write-back one what was acknowledged
 * with FUA or before a SYNCHRONIZE CACHE that succeeded was sent. Lives outside the simulated
 * world and survives it.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "base/util.h"

#define MODEL_SECTOR 512u
#define MODEL_HEADER                                                                           \
    24u /* bytes that tell the version and the place; the rest follows from them */

struct model;
struct model_write;

struct model_read;

struct model *model_new(const char *name, uint64_t nsectors, bool write_back);
void model_free(struct model *m);
uint64_t model_sectors(const struct model *m);

/* A write of [first, first + n) is about to be sent. zero: it leaves zeros (UNMAP, WRITE
 * SAME of zeros). */
struct model_write *model_write_begin(struct model *m, uint64_t first, uint64_t n, bool zero);
/* A COMPARE AND WRITE that compares with bytes that were read is about to be sent; at most 8
 * sectors. NULL: the bytes are of no version that could be told for sure; do not send it. */
struct model_write *model_caw_begin(struct model *m, uint64_t first, uint64_t n,
                                    const uint8_t *expected);
/* Its bytes: n * MODEL_SECTOR. */
void model_write_fill(const struct model_write *w, uint8_t *ret_bytes);
/* Acknowledged; fua: as durable, whatever the volume. */
void model_write_acked(struct model_write *w, bool fua);
/* Over without an answer, or with an error: it happened, or did not, or in part; not any
 * more later. */
void model_write_unknown(struct model_write *w);
/* Over and known not to have happened (a reservation conflict, a miscompare). */
void model_write_refused(struct model_write *w);

/* A read is about to be sent. */
struct model_read *model_read_begin(struct model *m);
/* It is over; bytes: what came for [first, first + n), NULL: nothing. Calls model_violated()
 * when a sector holds what it may not. */
void model_read_end(struct model_read *r, uint64_t first, uint64_t n, const uint8_t *bytes);

/* A SYNCHRONIZE CACHE is about to be sent; begun as model_synced() wants it when it has
 * succeeded. */
uint64_t model_sync_begin(struct model *m);
void model_synced(struct model *m, uint64_t begun);

/* Everything that is under way is over now, unknown; what was only seen but not acknowledged
 * may be gone again. */
void model_power_cut(struct model *m);

/* Set by main; does not return. */
extern void (*model_violated)(const char *fmt, ...) PRINTF_LIKE(1, 2) NO_RETURN;

struct model_counts {
    uint64_t written, acked, unknown, refused, sectors_checked, unknown_seen;
};
const struct model_counts *model_counts(const struct model *m);

#endif
