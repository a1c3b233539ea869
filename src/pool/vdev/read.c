/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and verifying a block of a top-level vdev: by copies or by columns. */
#include "pool/vdev/vdev_int.h"

#include <errno.h>

/* A pointer may lie: nothing is read from a vdev that has no place for it. */
static bool readable(const struct vdev *top, const struct vdev_read *r)
{
    return top->ashift && r->psize > 0 && r->psize <= BLOCK_MAX_READ && r->off < top->asize &&
           vdev_asize(top, r->psize) <= top->asize - r->off &&
           r->off % (1u << top->ashift) == 0;
}

/* What leaves that are away hold is not damaged. Some may have come or gone during the try. */
static int verdict(struct vdev *top, const struct vdev_read *r, uint64_t changes, int rc)
{
    bool failed = rc == -EIO || rc == -EBADMSG;
    if (failed && (vdev_root_of(top)->changes != changes || vdev_wants(top, r->birth)))
        return E(-ENXIO);
    return rc;
}

int vdev_read(struct vdev *top, const struct vdev_read *r, uint8_t *dst)
{
    if (!readable(top, r))
        return E(-EIO);
    top = gate_enter(top);
    uint64_t changes = vdev_root_of(top)->changes;
    int rc = top->type == VDEV_RAIDZ ? raidz_read(top, r, dst) : copies_read(top, r, dst);
    rc = verdict(top, r, changes, rc);
    gate_leave(top);
    return rc;
}

int vdev_scrub(struct vdev *top, const struct vdev_read *r, uint8_t *scratch,
               uint64_t *ret_repaired)
{
    if (!readable(top, r))
        return E(-EIO);
    top = gate_enter(top);
    uint64_t changes = vdev_root_of(top)->changes;
    int rc = top->type == VDEV_RAIDZ ? raidz_scrub(top, r, scratch, ret_repaired)
                                     : copies_scrub(top, r, scratch, ret_repaired);
    rc = verdict(top, r, changes, rc);
    gate_leave(top);
    return rc;
}
