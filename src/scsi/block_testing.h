/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of block commands: commands with data of any length, and what the volume
 * holds. */
#ifndef SCSI_BLOCK_TESTING_H
#define SCSI_BLOCK_TESTING_H

#include "scsi/block.h"
#include "scsi/scsi_fixture.h"

#include <inttypes.h>
#include <stdlib.h>

/* A command to be started; its CDB as printf() makes it, in hex. */
PRINTF_LIKE(3, 4)
static inline struct fix_cmd *cmd_new(struct fix *f, struct scsi_nexus *n, const char *fmt, ...)
{
    char hex[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(hex, sizeof(hex), fmt, ap);
    va_end(ap);
    return fix_cmd(f, n, hex);
}

/* Runs it; it lives until the next one of these or of fix_do(). Parks. */
static inline struct fix_cmd *cmd_run(struct fix *f, struct fix_cmd *c)
{
    fix_start(c);
    fix_wait(c);
    if (f->last)
        fix_free(f->last);
    f->last = c;
    return c;
}

/* Bytes that tell by value where they lie, different for each seed. */
static inline uint8_t *pattern(size_t len, unsigned seed)
{
    uint8_t *p = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(i * 7 + i / 512 * 13 + seed * 31 + 1);
    return p;
}

/* Sends len bytes of the pattern. */
static inline void cmd_out_pattern(struct fix_cmd *c, size_t len, unsigned seed)
{
    uint8_t *p = pattern(len, seed);
    fix_out(c, p, len);
    free(p);
}
static inline void cmd_out_byte(struct fix_cmd *c, size_t len, int byte)
{
    uint8_t *p = malloc(len + 1);
    memset(p, byte, len);
    fix_out(c, p, len);
    free(p);
}

static inline struct fix_cmd *write_pattern(struct fix *f, uint64_t lba, uint32_t nblk,
                                            unsigned seed)
{
    struct fix_cmd *c = cmd_new(f, f->a, "8a 00 %016" PRIx64 " %08" PRIx32 " 00 00", lba, nblk);
    cmd_out_pattern(c, nblk * lu_block(f->lu), seed);
    return cmd_run(f, c);
}
static inline struct fix_cmd *write_byte(struct fix *f, uint64_t lba, uint32_t nblk, int byte)
{
    struct fix_cmd *c = cmd_new(f, f->a, "8a 00 %016" PRIx64 " %08" PRIx32 " 00 00", lba, nblk);
    cmd_out_byte(c, nblk * lu_block(f->lu), byte);
    return cmd_run(f, c);
}
static inline struct fix_cmd *read_blocks(struct fix *f, uint64_t lba, uint32_t nblk)
{
    return cmd_run(f, cmd_new(f, f->b, "88 00 %016" PRIx64 " %08" PRIx32 " 00 00", lba, nblk));
}
/* Whether the blocks hold the pattern from its byte off on. */
static inline bool holds_pattern(struct fix *f, uint64_t lba, uint32_t nblk, unsigned seed,
                                 size_t off)
{
    struct fix_cmd *c = read_blocks(f, lba, nblk);
    size_t len = nblk * lu_block(f->lu);
    uint8_t *p = pattern(off + len, seed);
    bool same =
        c->status == SCSI_STATUS_GOOD && c->in_len == len && memcmp(c->in, p + off, len) == 0;
    free(p);
    return same;
}
static inline bool bytes_are(const uint8_t *p, size_t len, int byte)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != byte)
            return false;
    return true;
}
static inline bool holds_byte(struct fix *f, uint64_t lba, uint32_t nblk, int byte)
{
    struct fix_cmd *c = read_blocks(f, lba, nblk);
    return c->status == SCSI_STATUS_GOOD && c->in_len == nblk * lu_block(f->lu) &&
           bytes_are(c->in, c->in_len, byte);
}
/* The INFORMATION field, fixed format; -1: not valid. */
static inline int64_t information(const struct fix_cmd *c)
{
    return c->t.sense[0] & 0x80 ? (int64_t)load_be32(c->t.sense + 3) : -1;
}

#endif
