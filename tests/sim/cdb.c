/* SPDX-License-Identifier: BSD-2-Clause */
/* CDBs and parameter lists, written out by their offsets (SBC-4), apart from the server's
 * own layouts. */
#include "story.h"

#include "base/check.h"
#include "base/endian.h"

#include <string.h>

void cdb_rw(struct story *st, struct ini_cmd *c, bool write, uint64_t lba, uint32_t n, bool fua)
{
    uint8_t *b = c->cdb;
    memset(b, 0, sizeof(c->cdb));
    b[1] = fua ? 0x08 : 0;
    switch (draw(st, 3)) {
    case 0: /* (10) */
        b[0] = write ? 0x2a : 0x28;
        store_be32(b + 2, (uint32_t)lba);
        store_be16(b + 7, (uint16_t)n);
        break;
    case 1: /* (12) */
        b[0] = write ? 0xaa : 0xa8;
        store_be32(b + 2, (uint32_t)lba);
        store_be32(b + 6, n);
        break;
    default: /* (16) */
        b[0] = write ? 0x8a : 0x88;
        store_be64(b + 2, lba);
        store_be32(b + 10, n);
        break;
    }
}

void cdb_caw(struct ini_cmd *c, uint64_t lba, uint32_t n)
{
    memset(c->cdb, 0, sizeof(c->cdb));
    c->cdb[0] = 0x89;
    store_be64(c->cdb + 2, lba);
    c->cdb[13] = (uint8_t)n;
}

void cdb_unmap(struct ini_cmd *c)
{
    memset(c->cdb, 0, sizeof(c->cdb));
    c->cdb[0] = 0x42;
    store_be16(c->cdb + 7, (uint16_t)c->edtl);
}

void cdb_write_same_zero(struct ini_cmd *c, uint64_t lba, uint32_t n)
{
    memset(c->cdb, 0, sizeof(c->cdb));
    c->cdb[0] = 0x93;
    store_be64(c->cdb + 2, lba);
    store_be32(c->cdb + 10, n);
}

void cdb_sync(struct ini_cmd *c)
{
    memset(c->cdb, 0, sizeof(c->cdb));
    c->cdb[0] = 0x91;
}
