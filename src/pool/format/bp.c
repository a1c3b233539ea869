/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Block pointers, field by field. Words 0..5 are three DVAs, 6 the properties, 9 and 10 births,
 * 11 the fill count, 12..15 the checksum. Two kinds bend this: a hole has no DVA (and, if it
 * knows when it was made, only sizes, type, level and birth), and an embedded pointer uses every
 * word but 6 and 10 for up to 112 bytes of data.
 *
 * bp_check() is the gate: pointers come from disks, and whatever passed it can be read without a
 * further look at its fields. Everything else here takes a pointer as it is and never leaves its
 * 128 bytes.
 */
#include "pool/format/bp.h"

#include "base/check.h"
#include "pool/format/dnode.h"

#include <errno.h>
#include <string.h>

enum { WORD_PROPS = 6, WORD_PHYS_BIRTH = 9, WORD_BIRTH = 10, WORD_CKSUM = 12 };

/* The properties word. */
#define PROP_LSIZE_SHIFT    0u
#define PROP_PSIZE_SHIFT    16u
#define PROP_COMPRESS_SHIFT 32u
#define PROP_EMBEDDED       (1ull << 39)
#define PROP_CHECKSUM_SHIFT 40u
#define PROP_TYPE_SHIFT     48u
#define PROP_LEVEL_SHIFT    56u
#define PROP_ENCRYPTED      (1ull << 61)
#define PROP_LITTLE         (1ull << 63)
/* Of an embedded pointer: sizes in bytes, less one. */
#define EMBEDDED_LSIZE_MASK  0x1ffffffull
#define EMBEDDED_PSIZE_SHIFT 25u
#define EMBEDDED_PSIZE_MASK  0x7full
#define EMBEDDED_MAX         112u
#define EMBEDDED_KIND_DATA   0u

#define DVA_VDEV_SHIFT 32u
#define DVA_VDEV_MASK  0xffffffull
#define DVA_GANG       (1ull << 63)

#define GANG_HEADER        512u
#define SIZE_MAX_OF_FORMAT (16u << 20)

/* ---- reading fields ------------------------------------------------------------------------- */

static uint32_t size_field(const struct bp *bp, unsigned shift)
{
    return (uint32_t)((bp_word(bp, WORD_PROPS) >> shift & 0xffff) + 1) << SECTOR_SHIFT;
}

uint32_t bp_lsize(const struct bp *bp)
{
    uint64_t props = bp_word(bp, WORD_PROPS);
    if (props & PROP_EMBEDDED)
        return (uint32_t)((props & EMBEDDED_LSIZE_MASK) + 1);
    return props == 0 ? 0 : size_field(bp, PROP_LSIZE_SHIFT);
}

uint32_t bp_psize(const struct bp *bp)
{
    uint64_t props = bp_word(bp, WORD_PROPS);
    if (props & PROP_EMBEDDED)
        return (uint32_t)((props >> EMBEDDED_PSIZE_SHIFT & EMBEDDED_PSIZE_MASK) + 1);
    /* A hole by its compression, for a block has one before it has a place. */
    return bp_compress(bp) == ZCOMP_INHERIT ? 0 : size_field(bp, PROP_PSIZE_SHIFT);
}

struct dva bp_dva(const struct bp *bp, unsigned i)
{
    check_cmp(i, <, BP_DVAS);
    if (bp_is_embedded(bp))
        return (struct dva){0};
    uint64_t first = bp_word(bp, 2 * i), second = bp_word(bp, 2 * i + 1);
    return (struct dva){
        .off = (second & ~DVA_GANG) << SECTOR_SHIFT,
        .asize = (first & DVA_ASIZE_MASK) << SECTOR_SHIFT,
        .vdev = (uint32_t)(first >> DVA_VDEV_SHIFT & DVA_VDEV_MASK),
        .gang = (second & DVA_GANG) != 0,
    };
}

unsigned bp_ndvas(const struct bp *bp)
{
    unsigned n = 0;
    while (n < BP_DVAS && bp_dva(bp, n).asize != 0)
        n++;
    return n;
}

struct cksum bp_cksum(const struct bp *bp)
{
    struct cksum sum;
    for (unsigned i = 0; i < ARRAY_LEN(sum.w); i++)
        sum.w[i] = bp_word(bp, WORD_CKSUM + i);
    return sum;
}

bool bp_is_metadata(const struct bp *bp)
{
    return bp_level(bp) > 0 || dmu_type_is_metadata(bp_type(bp));
}

void bp_embedded_payload(const struct bp *bp, uint8_t ret_bytes[112])
{
    size_t at = 0;
    for (unsigned i = 0; i < ARRAY_LEN(bp->w); i++) {
        if (i == WORD_PROPS || i == WORD_BIRTH)
            continue;
        memcpy(ret_bytes + at, bp->w[i].b, sizeof(bp->w[i]));
        at += sizeof(bp->w[i]);
    }
    check_cmp(at, ==, (size_t)EMBEDDED_MAX);
}

/* ---- making --------------------------------------------------------------------------------- */

static uint64_t size_bits(uint32_t bytes, unsigned shift)
{
    check(bytes > 0 && bytes % (1u << SECTOR_SHIFT) == 0 && bytes <= SIZE_MAX_OF_FORMAT);
    return (uint64_t)((bytes >> SECTOR_SHIFT) - 1) << shift;
}

void bp_make(struct bp *ret_bp, const struct bp_props *props, uint64_t birth)
{
    memset(ret_bp, 0, sizeof(*ret_bp));
    bp_word_set(ret_bp, WORD_PROPS,
                size_bits(props->lsize, PROP_LSIZE_SHIFT) |
                    size_bits(props->psize, PROP_PSIZE_SHIFT) |
                    (uint64_t)props->compress << PROP_COMPRESS_SHIFT |
                    (uint64_t)props->checksum << PROP_CHECKSUM_SHIFT |
                    (uint64_t)props->type << PROP_TYPE_SHIFT |
                    (uint64_t)props->level << PROP_LEVEL_SHIFT | PROP_LITTLE);
    bp_word_set(ret_bp, WORD_BIRTH, birth);
}

void bp_set_dva(struct bp *bp, unsigned i, const struct dva *dva)
{
    uint64_t units = dva->asize >> SECTOR_SHIFT;
    check_cmp(i, <, BP_DVAS);
    check(units <= DVA_ASIZE_MASK && dva->vdev <= DVA_VDEV_MASK);
    bp_word_set(bp, 2 * i, units | (uint64_t)dva->vdev << DVA_VDEV_SHIFT);
    bp_word_set(bp, 2 * i + 1, dva->off >> SECTOR_SHIFT | (dva->gang ? DVA_GANG : 0));
}

void bp_set_cksum(struct bp *bp, const struct cksum *sum)
{
    for (unsigned i = 0; i < ARRAY_LEN(sum->w); i++)
        bp_word_set(bp, WORD_CKSUM + i, sum->w[i]);
}

void bp_make_hole(struct bp *ret_bp, uint32_t lsize, unsigned type, unsigned level,
                  uint64_t birth)
{
    memset(ret_bp, 0, sizeof(*ret_bp));
    if (birth == 0)
        return;
    bp_word_set(ret_bp, WORD_PROPS,
                size_bits(lsize, PROP_LSIZE_SHIFT) | (uint64_t)type << PROP_TYPE_SHIFT |
                    (uint64_t)level << PROP_LEVEL_SHIFT);
    bp_word_set(ret_bp, WORD_BIRTH, birth);
}

/* ---- checking ------------------------------------------------------------------------------- */

static int bad(struct err *reterr, const char *field, uint64_t value)
{
    return err_set(reterr, E(-EBADMSG), "block pointer: %s is %llu", field,
                   (unsigned long long)value);
}

static int foreign(struct err *reterr, const char *what)
{
    return err_set(reterr, E(-EOPNOTSUPP), "block pointer: %s", what);
}

static int check_kind(const struct bp *bp, struct err *reterr)
{
    uint64_t props = bp_word(bp, WORD_PROPS);
    if (!dmu_type_valid(bp_type(bp)))
        return bad(reterr, "object type", bp_type(bp));
    if (bp_level(bp) >= DNODE_MAX_LEVELS)
        return bad(reterr, "level", bp_level(bp));
    if (bp_is_hole(bp))
        return 0;
    if (bp_compress(bp) < ZCOMP_OFF || bp_compress(bp) == ZCOMP_EMPTY ||
        bp_compress(bp) >= ZCOMP_COUNT)
        return bad(reterr, "compression", bp_compress(bp));
    if (bp_birth(bp) == 0)
        return bad(reterr, "birth", 0);
    if (props & PROP_ENCRYPTED)
        return foreign(reterr, "the block is encrypted");
    if (!(props & PROP_LITTLE))
        return foreign(reterr, "the block was written by a big-endian host");
    return 0;
}

static int check_sizes(const struct bp *bp, struct err *reterr)
{
    uint32_t lsize = bp_lsize(bp), psize = bp_psize(bp);
    if (lsize > SIZE_MAX_OF_FORMAT)
        return bad(reterr, "logical size", lsize);
    if (psize > lsize || (bp_compress(bp) == ZCOMP_OFF && psize != lsize))
        return bad(reterr, "physical size", psize);
    if (lsize > BLOCK_MAX_READ)
        return foreign(reterr, "the block is larger than 1 MiB");
    return 0;
}

static int check_embedded(const struct bp *bp, struct err *reterr)
{
    if (bp_checksum(bp) != EMBEDDED_KIND_DATA)
        return foreign(reterr, "the embedded payload is not data");
    if (bp_level(bp) != 0)
        return bad(reterr, "level of an embedded block", bp_level(bp));
    if (bp_psize(bp) > EMBEDDED_MAX)
        return bad(reterr, "size of the embedded payload", bp_psize(bp));
    return check_sizes(bp, reterr);
}

static int check_cksum_kind(const struct bp *bp, struct err *reterr)
{
    static const bool readable[ZCHECK_COUNT] = {
        [ZCHECK_OFF] = true,    [ZCHECK_FLETCHER2] = true, [ZCHECK_FLETCHER4] = true,
        [ZCHECK_SHA256] = true, [ZCHECK_SHA512] = true,    [ZCHECK_ZILOG2] = true,
    };
    unsigned kind = bp_checksum(bp);
    if (kind <= ZCHECK_ON)
        return bad(reterr, "checksum", kind);
    if (kind >= ZCHECK_COUNT || !readable[kind])
        return err_set(reterr, E(-EOPNOTSUPP), "block pointer: checksum %u is not supported",
                       kind);
    return 0;
}

/* A gang's asize counts its children, which lie elsewhere: only its header is here. */
static int check_dva(const struct dva *dva, uint32_t psize, const uint64_t *sizes,
                     unsigned nvdevs, struct err *reterr)
{
    uint64_t here = dva->gang ? GANG_HEADER : dva->asize;
    if (dva->vdev >= nvdevs || sizes[dva->vdev] == 0)
        return bad(reterr, "vdev", dva->vdev);
    if (!dva->gang && dva->asize < psize)
        return bad(reterr, "allocated size", dva->asize);
    if (here > sizes[dva->vdev] || dva->off > sizes[dva->vdev] - here)
        return bad(reterr, "offset", dva->off);
    return 0;
}

static int check_dvas(const struct bp *bp, const uint64_t *sizes, unsigned nvdevs,
                      struct err *reterr)
{
    unsigned n = bp_ndvas(bp);
    if (n == 0)
        return bad(reterr, "allocated size", 0);
    for (unsigned i = 0; i < n; i++) {
        struct dva dva = bp_dva(bp, i);
        if (dva.off >> SECTOR_SHIFT != (bp_word(bp, 2 * i + 1) & ~DVA_GANG))
            return bad(reterr, "offset in sectors", bp_word(bp, 2 * i + 1));
        int r = check_dva(&dva, bp_psize(bp), sizes, nvdevs, reterr);
        if (r < 0)
            return r;
    }
    for (unsigned i = n; i < BP_DVAS; i++) {
        if (bp_word(bp, 2 * i) & DVA_ASIZE_MASK)
            return bad(reterr, "place of a copy", i);
    }
    return 0;
}

int bp_check(const struct bp *bp, const uint64_t *sizes, unsigned nvdevs, struct err *reterr)
{
    int r = check_kind(bp, reterr);
    if (r < 0 || bp_is_hole(bp))
        return r;
    if (bp_is_embedded(bp))
        return check_embedded(bp, reterr);
    r = check_sizes(bp, reterr);
    if (r < 0)
        return r;
    r = check_cksum_kind(bp, reterr);
    return r < 0 ? r : check_dvas(bp, sizes, nvdevs, reterr);
}

/* ---- accounting ----------------------------------------------------------------------------- */

uint64_t bp_dsize(const struct bp *bp, const uint32_t *ratios, unsigned nvdevs)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < bp_ndvas(bp); i++) {
        struct dva dva = bp_dva(bp, i);
        check_cmp(dva.vdev, <, nvdevs);
        sum += (dva.asize >> SECTOR_SHIFT) * ratios[dva.vdev];
    }
    return sum;
}

struct bp_sums bp_sums(const struct bp *bp, const uint32_t *ratios, unsigned nvdevs)
{
    if (bp_is_hole(bp))
        return (struct bp_sums){0};
    uint64_t psize = bp_is_embedded(bp) ? 0 : bp_psize(bp);
    return (struct bp_sums){
        .used = bp_dsize(bp, ratios, nvdevs),
        .comp = psize,
        .uncomp = bp_is_metadata(bp) ? psize : bp_lsize(bp),
    };
}
