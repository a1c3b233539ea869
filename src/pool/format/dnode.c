/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dnode is 64 bytes of core, one to three block pointers, and the bonus right after the last
 * of them. dnode_check() makes sure that all of it lies within the dnode, so that dnode_bp() and
 * dnode_bonus() need no checks of their own.
 */
#include "pool/format/dnode.h"

#include <errno.h>

#define MAX_POINTERS 3u

unsigned dnode_nblkptr(unsigned bonus_len)
{
    if (bonus_len >= DNODE_MAX_BONUS)
        return 1;
    return MIN(MAX_POINTERS, 1 + (DNODE_MAX_BONUS - bonus_len) / BP_SIZE);
}

static int bad(struct err *reterr, const char *field, unsigned value)
{
    return err_set(reterr, E(-EBADMSG), "dnode: %s is %u", field, value);
}

/* The core and what follows it; a spill pointer takes the last 128 bytes. */
static unsigned bytes_taken(const struct dnode_phys *dn)
{
    return DNODE_CORE + dn->nblkptr * BP_SIZE + le16_get(dn->bonus_len) +
           (dn->flags & DNODE_SPILL ? BP_SIZE : 0);
}

int dnode_check(const struct dnode_phys *dn, struct err *reterr)
{
    unsigned sectors = le16_get(dn->dblk_sectors);
    if (dn->type == DMU_NONE || !dmu_type_valid(dn->type))
        return bad(reterr, "type", dn->type);
    if (dn->nlevels < 1 || dn->nlevels > DNODE_MAX_LEVELS)
        return bad(reterr, "number of levels", dn->nlevels);
    if (dn->indirect_shift < DNODE_INDIRECT_SHIFT_MIN ||
        dn->indirect_shift > DNODE_INDIRECT_SHIFT_MAX)
        return bad(reterr, "indirect block shift", dn->indirect_shift);
    if (dn->nblkptr < 1 || dn->nblkptr > MAX_POINTERS)
        return bad(reterr, "number of pointers", dn->nblkptr);
    if (!dmu_type_valid(dn->bonus_type))
        return bad(reterr, "bonus type", dn->bonus_type);
    if (bytes_taken(dn) > (dn->extra_slots + 1u) * DNODE_SIZE)
        return bad(reterr, "bonus length", le16_get(dn->bonus_len));
    if (sectors == 0)
        return bad(reterr, "block size", 0);
    if (sectors > BLOCK_MAX_READ >> SECTOR_SHIFT)
        return err_set(reterr, E(-EOPNOTSUPP), "dnode: blocks of %u KiB", sectors / 2);
    return 0;
}
