/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks and records of the intent log. A block begins with its chain structure: the pointer to the block
 * after it, which is allocated before this one is written, how much of it is used, and a seal. The seal is
 * fletcher4 over the used part with the pointer's four identity words in the place of the sum, so a block
 * proves that it belongs at this place of this chain, and what lay there before does not. The first
 * block that fails to prove it is the end of the log.
 */
#include "pool/format/zil.h"

#include "base/check.h"
#include "pool/format/checksum.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct chain_phys {
    le64 zero;
    struct bp next;
    le64 used; /* bytes, with these */
    le64 magic, sum[4];
};
static_assert(sizeof(struct chain_phys) == ZIL_BLOCK_HEADER, "zil_chain_t");

struct record_phys {
    le64 type, len, txg, seq;
};
static_assert(sizeof(struct record_phys) == 32, "lr_t");

/* ---- pointers ------------------------------------------------------------------------------- */

static void log_bp_make(struct bp *ret_bp, uint32_t size, uint64_t birth,
                        const struct cksum *identity)
{
    const struct bp_props props = {
        .lsize = size,
        .psize = size,
        .type = DMU_INTENT_LOG,
        .compress = ZCOMP_OFF,
        .checksum = ZCHECK_ZILOG2,
    };
    check(size >= ZIL_BLOCK_MIN && size <= ZIL_BLOCK_MAX && size % ZIL_BLOCK_MIN == 0);
    bp_make(ret_bp, &props, birth);
    bp_set_cksum(ret_bp, identity);
}

void zil_bp_make(struct bp *ret_bp, uint32_t size, uint64_t birth, const uint64_t random[2],
                 uint64_t dataset)
{
    const struct cksum identity = {
        {random[0], random[1], dataset, 1}
    };
    log_bp_make(ret_bp, size, birth, &identity);
}

void zil_bp_next(struct bp *ret_bp, const struct bp *prev, uint32_t size, uint64_t birth)
{
    struct cksum identity = bp_cksum(prev);
    identity.w[3]++;
    log_bp_make(ret_bp, size, birth, &identity);
}

uint64_t zil_bp_seq(const struct bp *bp)
{
    return bp_cksum(bp).w[3];
}

int zil_bp_check(const struct bp *bp, struct err *reterr)
{
    if (bp_is_hole(bp) || bp_is_embedded(bp) || !bp_is_little_endian(bp) ||
        bp_type(bp) != DMU_INTENT_LOG || bp_level(bp) != 0)
        return err_set(reterr, E(-EOPNOTSUPP), "not a pointer to a log block");
    if (bp_checksum(bp) != ZCHECK_ZILOG2 || bp_compress(bp) != ZCOMP_OFF)
        return err_set(reterr, E(-EOPNOTSUPP),
                       "a log block with checksum %u and compression %u", bp_checksum(bp),
                       bp_compress(bp));
    const uint32_t size = bp_lsize(bp);
    if (size < ZIL_BLOCK_MIN || size > ZIL_BLOCK_MAX || size % ZIL_BLOCK_MIN != 0 ||
        bp_psize(bp) != size)
        return err_set(reterr, E(-EOPNOTSUPP), "a log block of %u bytes stored in %u", size,
                       bp_psize(bp));
    return 0;
}

/* ---- records: writing ----------------------------------------------------------------------- */

uint32_t zil_record_size(uint64_t type, uint64_t data_len)
{
    if (type == ZIL_TRUNCATE)
        return sizeof(struct zil_truncate_phys);
    check(data_len <= ZIL_BLOCK_MAX);
    return (uint32_t)(sizeof(struct zil_write_phys) + round_up(data_len, 8));
}

static void truncate_put(uint8_t *at, const struct zil_record *rec)
{
    const struct zil_truncate_phys p = {
        .type = le64_make(ZIL_TRUNCATE),
        .len = le64_make(sizeof(p)),
        .txg = le64_make(rec->txg),
        .seq = le64_make(rec->seq),
        .object = le64_make(ZIL_OBJECT),
        .offset = le64_make(rec->offset),
        .length = le64_make(rec->length),
    };
    memcpy(at, &p, sizeof(p));
}

static void write_put(uint8_t *at, const struct zil_record *rec, uint32_t len)
{
    const struct zil_write_phys p = {
        .type = le64_make(ZIL_WRITE),
        .len = le64_make(len),
        .txg = le64_make(rec->txg),
        .seq = le64_make(rec->seq),
        .object = le64_make(ZIL_OBJECT),
        .offset = le64_make(rec->offset),
        .length = le64_make(rec->length),
        .bp = rec->bp,
    };
    memcpy(at, &p, sizeof(p));
}

uint8_t *zil_record_put(uint8_t *block, uint32_t *used, const struct zil_record *rec)
{
    uint8_t *at = block + *used, *place;
    check(*used >= ZIL_BLOCK_HEADER && *used % 8 == 0);
    if (rec->type == ZIL_TRUNCATE) {
        truncate_put(at, rec);
        *used += zil_record_size(ZIL_TRUNCATE, 0);
        return NULL;
    }
    check(rec->type == ZIL_WRITE && rec->length > 0);
    const uint64_t data_len = bp_is_hole(&rec->bp) ? rec->length : 0;
    const uint32_t len = zil_record_size(ZIL_WRITE, data_len);
    check_cmp(len, <=, ZIL_BLOCK_MAX - *used);
    write_put(at, rec, len);
    *used += len;
    if (data_len == 0)
        return NULL;
    place = at + sizeof(struct zil_write_phys);
    memset(at + len - 8, 0, 8); /* the padding */
    if (rec->data)
        memcpy(place, rec->data, data_len);
    return place;
}

/* ---- blocks --------------------------------------------------------------------------------- */

/* The seal's sum: the place of the sum holds the identity of the pointer meanwhile. */
static struct cksum seal_sum(uint8_t *block, const struct bp *bp, uint32_t used)
{
    struct chain_phys *chain = (struct chain_phys *)(void *)block;
    const struct cksum identity = bp_cksum(bp);
    for (unsigned i = 0; i < 4; i++)
        chain->sum[i] = le64_make(identity.w[i]);
    return cksum_fletcher4(block, round_up(used, ZIL_BLOCK_MIN));
}

static void sum_store(uint8_t *block, const struct cksum *sum)
{
    struct chain_phys *chain = (struct chain_phys *)(void *)block;
    for (unsigned i = 0; i < 4; i++)
        chain->sum[i] = le64_make(sum->w[i]);
}

void zil_block_seal(uint8_t *block, const struct bp *bp, const struct bp *next, uint32_t used)
{
    check(used >= ZIL_BLOCK_HEADER && used <= bp_lsize(bp));
    const struct chain_phys chain = {
        .next = *next,
        .used = le64_make(used),
        .magic = le64_make(EMBEDDED_CKSUM_MAGIC),
    };
    memcpy(block, &chain, sizeof(chain));
    memset(block + used, 0, round_up(used, ZIL_BLOCK_MIN) - used);
    const struct cksum sum = seal_sum(block, bp, used);
    sum_store(block, &sum);
}

/* True: the block after bp in the same chain. */
static bool follows(const struct bp *next, const struct bp *bp)
{
    const struct cksum a = bp_cksum(bp), b = bp_cksum(next);
    return !bp_is_hole(next) && !bp_is_embedded(next) && b.w[0] == a.w[0] && b.w[1] == a.w[1] &&
           b.w[2] == a.w[2] && b.w[3] == a.w[3] + 1;
}

bool zil_block_parse(uint8_t *block, const struct bp *bp, struct bp *ret_next,
                     uint32_t *ret_used)
{
    struct chain_phys chain;
    memcpy(&chain, block, sizeof(chain));
    const uint64_t used = le64_get(chain.used);
    if (le64_get(chain.magic) != EMBEDDED_CKSUM_MAGIC || used < ZIL_BLOCK_HEADER ||
        used > bp_lsize(bp) || !follows(&chain.next, bp))
        return false;
    const struct cksum sum = seal_sum(block, bp, (uint32_t)used);
    struct cksum stored;
    for (unsigned i = 0; i < 4; i++)
        stored.w[i] = le64_get(chain.sum[i]);
    sum_store(block, &stored);
    if (!cksum_equal(&sum, &stored))
        return false;
    *ret_next = chain.next;
    *ret_used = (uint32_t)used;
    return true;
}

/* ---- records: reading ----------------------------------------------------------------------- */

static int truncate_get(const uint8_t *at, uint64_t len, struct zil_record *ret)
{
    struct zil_truncate_phys p;
    if (len < sizeof(p))
        return -EBADMSG;
    memcpy(&p, at, sizeof(p));
    ret->object = le64_get(p.object);
    ret->offset = le64_get(p.offset);
    ret->length = le64_get(p.length);
    return 1;
}

/* A record without data after it is an indirect write, whatever its pointer says: OpenZFS goes by the length. */
static int write_get(const uint8_t *at, uint64_t len, struct zil_record *ret)
{
    struct zil_write_phys p;
    if (len < sizeof(p))
        return -EBADMSG;
    memcpy(&p, at, sizeof(p));
    ret->object = le64_get(p.object);
    ret->offset = le64_get(p.offset);
    ret->length = le64_get(p.length);
    if (ret->length == 0)
        return -EBADMSG;
    if (len == sizeof(p)) {
        ret->bp = p.bp;
        return 1;
    }
    if (ret->length > len - sizeof(p))
        return -EBADMSG;
    ret->data = at + sizeof(p);
    return 1;
}

int zil_record_next(const uint8_t *block, uint32_t used, uint32_t *pos, struct zil_record *ret)
{
    struct record_phys r;
    uint64_t end;
    if (*pos >= used)
        return 0;
    if (used - *pos < sizeof(r))
        return -EBADMSG;
    const uint8_t *at = block + *pos;
    memcpy(&r, at, sizeof(r));
    const uint64_t len = le64_get(r.len);
    if (len < sizeof(r) || len % 8 != 0 || len > used - *pos)
        return -EBADMSG;
    *ret = (struct zil_record){
        .type = le64_get(r.type),
        .txg = le64_get(r.txg),
        .seq = le64_get(r.seq),
    };
    int rc = -EOPNOTSUPP;
    if (ret->type == ZIL_WRITE)
        rc = write_get(at, len, ret);
    else if (ret->type == ZIL_TRUNCATE)
        rc = truncate_get(at, len, ret);
    if (rc == 1 && ckd_add_u64(&end, ret->offset, ret->length))
        rc = -EBADMSG;
    if (rc != -EBADMSG)
        *pos += (uint32_t)len;
    return rc;
}
