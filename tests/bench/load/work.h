/* SPDX-License-Identifier: BSD-2-Clause */
/* Decides what a session does next, and knows what every place it wrote must hold. */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include "pattern.h"

#include <stdint.h>

struct work_config {
    uint64_t first;    /* the session's own part of the LUN: first slot */
    uint64_t slots;    /* and how many; > 0 */
    uint32_t block;    /* bytes of a slot, i.e. of one operation; whole sectors */
    uint32_t run;      /* tells this run's data from that of earlier runs */
    uint32_t read_pct; /* share of reads, 0..100 */
    bool sequential;
    bool once; /* every slot once, in order, then nothing more */
    enum pattern_level level;
};

struct work_op {
    uint64_t slot;
    uint64_t tag; /* of a write: what is written; of a read: what must be there, 0 unknown */
    bool write;
};

struct work {
    struct work_config cfg;
    uint64_t cursor;    /* operations handed out; next slot when sequential */
    uint64_t random[2]; /* xorshift128+ */
    uint32_t *state;    /* per slot: generation, BUSY with an operation on it; may be NULL */
    uint64_t checked, unwritten, failures; /* reads, by their verdict */
};

/* 0 or -ENOMEM. The caller frees with work_close(). */
int work_open(struct work *w, const struct work_config *cfg);
void work_close(struct work *w);

/* False: nothing left to do, or every place is busy. */
bool work_next(struct work *w, struct work_op *ret_op);
/* Fills buf (one slot) with what a write carries. Does nothing with PATTERN_OFF. */
void work_fill(const struct work *w, const struct work_op *op, void *buf);
/*
 * Checks a part of a read, len bytes at off within the slot, both whole sectors; keeps the
 * worst verdict in *verdict, which starts as PATTERN_GOOD.
 */
void work_check(const struct work *w, const struct work_op *op, uint32_t off, const void *buf,
                uint32_t len, enum pattern_verdict *verdict);
/* The operation is over. done: with status GOOD. A write that wasn't leaves its place unknown. */
void work_end(struct work *w, const struct work_op *op, bool done,
              enum pattern_verdict verdict);

static inline uint64_t work_offset(const struct work *w, const struct work_op *op)
{
    return op->slot * w->cfg.block;
}

#endif
