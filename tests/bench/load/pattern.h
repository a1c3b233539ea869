/* SPDX-License-Identifier: BSD-2-Clause */
/* What is written into every sector, so that a read can tell where and when its data came from. */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include "base/util.h"

#define PATTERN_SECTOR 512u /* bytes; the unit of the pattern, whatever the LUN's block size */

enum pattern_level {
    PATTERN_OFF,   /* data is not looked at */
    PATTERN_STAMP, /* 16 bytes at the head of every sector: its number and the tag */
    PATTERN_FULL,  /* the stamp, and every other byte depends on it */
};

/*
 * What a read found. UNWRITTEN: zeros where a stamp would be, i.e. nobody wrote this sector
 * yet.
 */
enum pattern_verdict { PATTERN_GOOD, PATTERN_UNWRITTEN, PATTERN_BAD };

/*
 * Tags name one write: the run that did it in the upper half (31 bits), its generation of that
 * place in the lower. 0 is no tag.
 */
static inline uint64_t pattern_tag(uint32_t run, uint32_t generation)
{
    return (uint64_t)(run & INT32_MAX) << 32 | generation;
}

/* Fills len bytes (whole sectors) that go to the given sector of the LUN. Not for PATTERN_OFF. */
void pattern_fill(void *buf, size_t len, uint64_t sector, uint64_t tag,
                  enum pattern_level level);

/*
 * Checks len bytes (whole sectors) read from the given sector. tag 0: any tag will do, and
 * zeros are UNWRITTEN; otherwise every sector must carry exactly that tag. A sector that was
 * written with PATTERN_FULL is checked to its last byte when level is PATTERN_FULL, others by
 * their stamp.
 */
enum pattern_verdict pattern_check(const void *buf, size_t len, uint64_t sector, uint64_t tag,
                                   enum pattern_level level);

#endif
