/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gang headers. Where no free run was long enough, the pointer names a
 * 512-byte header with up to three pointers to the parts (perhaps gangs again). This file reads
 * and verifies headers; place.c makes gangs. The header seals itself, with the place and birth of the first
 * copy as the verifier; the parent's checksum covers the parts together. Headers may lie in one
 * copy more than the data.
 */
#include "pool/block/block_int.h"

#include <errno.h>
#include <string.h>

static bool header_ok(void *arg, const uint8_t *data)
{
    return cksum_sealed(data, GANG_HEADER, arg);
}

int gang_header_read(struct blocks *b, const struct bp *bp, unsigned i, uint64_t *repaired,
                     struct gang_header *ret)
{
    struct dva first = bp_dva(bp, 0), dva = bp_dva(bp, i);
    struct vdev *top;
    if (!dva_top(b, &dva, &top))
        return E(-EBADMSG);
    struct cksum verifier = {
        {first.vdev, first.off, bp_phys_birth(bp), 0}
    };
    const struct vdev_read r = {
        .off = dva.off,
        .birth = bp_phys_birth(bp),
        .psize = GANG_HEADER,
        .class = repaired ? IO_SCAN : IO_READ,
        .repair = !b->read_only,
        .ok = header_ok,
        .arg = &verifier,
    };
    size_t room = raw_room(b, GANG_HEADER);
    struct iobuf *buf = iobuf_get(room), *scratch = repaired ? iobuf_get(room) : NULL;
    int rc = buf && (scratch || !repaired) ? 0 : -ENOMEM;
    if (rc == 0 && repaired)
        rc = vdev_scrub(top, &r, scratch->p, repaired);
    if (rc == 0)
        rc = vdev_read(top, &r, buf->p);
    if (rc == 0)
        memcpy(ret, buf->p, sizeof(*ret));
    iobuf_put(buf);
    iobuf_put(scratch);
    return rc;
}

bool gang_header_fits(const struct gang_header *h, const struct bp *bp)
{
    uint64_t sum = 0;
    for (unsigned c = 0; c < GANG_CHILDREN; c++) {
        const struct bp *child = &h->child[c];
        if (bp_is_embedded(child) || bp_level(child) != 0 ||
            bp_is_hole(child) != (bp_psize(child) == 0))
            return false;
        sum += bp_psize(child);
    }
    return sum == bp_psize(bp);
}
