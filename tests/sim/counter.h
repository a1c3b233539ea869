/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A counter kept in one logical block and changed by COMPARE AND WRITE alone. Each attempt goes
 * from the value that was read to the next and writes a token of its own. If the command is
 * atomic, at most one attempt from each value wins, and the value never falls below what was
 * acknowledged.
 */
#ifndef TESTS_SIM_COUNTER_H
#define TESTS_SIM_COUNTER_H

#include "base/util.h"

struct counter;
struct counter_try;

struct counter *counter_new(unsigned number, uint32_t block_size);
void counter_free(struct counter *k);

/* The point in time at which a read of the block is sent. */
uint64_t counter_read_begin(struct counter *k);
/* Checks what came against what may be there. */
void counter_read_check(struct counter *k, uint64_t begun, const uint8_t *block);

/* An attempt from the block that was read: fills the block that shall follow it. */
struct counter_try *counter_try_begin(struct counter *k, uint64_t read_begun,
                                      const uint8_t *block, uint8_t *ret_next);
void counter_won(struct counter *k, struct counter_try *t);
/* MISCOMPARE: somebody else must have been at it since the read. */
void counter_lost(struct counter *k, struct counter_try *t);
/* Not executed for another reason. */
void counter_refused(struct counter *k, struct counter_try *t);
/* It may have happened; not any more later. */
void counter_unknown(struct counter *k, struct counter_try *t);
void counter_power_cut(struct counter *k);

#endif
