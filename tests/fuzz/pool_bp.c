/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any 128 bytes as a block pointer and any 512 as a dnode. What passes the check keeps the promises
 * that readers rely on; what doesn't has a reason; and no function leaves its bytes either way.
 */
#include "base/check.h"
#include "pool/format/dnode.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t sizes[] = {1ull << 30, 0, 64u << 20};
static const uint32_t ratios[] = {512, 512, 341};

static void check_place(const struct bp *bp, const struct dva *dva)
{
    check(dva->vdev < ARRAY_LEN(sizes) && dva->off < sizes[dva->vdev]);
    if (!dva->gang) {
        check_cmp(dva->asize, >=, bp_psize(bp));
        check(dva->off + dva->asize <= sizes[dva->vdev]);
    }
}

static void check_promises(const struct bp *bp)
{
    uint8_t payload[112];
    struct bp_sums sums = bp_sums(bp, ratios, ARRAY_LEN(ratios));
    check_cmp(bp_level(bp), <, DNODE_MAX_LEVELS);
    if (bp_is_hole(bp)) {
        check(bp_ndvas(bp) == 0 && sums.used == 0 && sums.uncomp == 0);
        return;
    }
    check(bp_is_little_endian(bp) && bp_birth(bp) > 0);
    check(bp_psize(bp) > 0 && bp_psize(bp) <= bp_lsize(bp) && bp_lsize(bp) <= BLOCK_MAX_READ);
    if (bp_is_embedded(bp)) {
        check(bp_psize(bp) <= sizeof(payload) && bp_ndvas(bp) == 0 && sums.used == 0);
        bp_embedded_payload(bp, payload);
        return;
    }
    check(bp_ndvas(bp) > 0 && sums.comp == bp_psize(bp));
    for (unsigned i = 0; i < bp_ndvas(bp); i++) {
        struct dva dva = bp_dva(bp, i);
        check_place(bp, &dva);
    }
}

static void pointer(const struct bp *bp)
{
    struct err err = {0};
    int r = bp_check(bp, sizes, ARRAY_LEN(sizes), &err);
    if (r == 0)
        check_promises(bp);
    else
        check((r == -EBADMSG || r == -EOPNOTSUPP) && err.code == r);
}

static void dnode(struct dnode_phys *dn)
{
    struct err err = {0};
    int r = dnode_check(dn, &err);
    if (r < 0) {
        check((r == -EBADMSG || r == -EOPNOTSUPP) && err.code == r);
        return;
    }
    size_t room = (dn->extra_slots + 1u) * DNODE_SIZE;
    size_t bonus_at = (size_t)(dnode_bonus(dn) - &dn->type);
    check(bonus_at + le16_get(dn->bonus_len) <= room);
    check(dn->extra_slots > 0 || dnode_nblkptr(le16_get(dn->bonus_len)) >= dn->nblkptr);
    for (unsigned i = 0; i < dn->nblkptr; i++)
        pointer(dnode_bp(dn, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dnode_phys dn = {0};
    struct bp bp = {0};
    memcpy(&bp, data, MIN(size, sizeof(bp)));
    memcpy(&dn, data, MIN(size, sizeof(dn)));
    pointer(&bp);
    dnode(&dn);
    return 0;
}
