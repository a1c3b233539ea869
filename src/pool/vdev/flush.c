/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flushing. A leaf whose flush fails has failed and lacks what it may have forgotten
 * (leaf_fail()). What was asked for is only done when every top-level vdev can go on without
 * such leaves, which is the vdev's state and not this flush's result, since another fiber's
 * flush or write may be the one that found out. A leaf that failed and is back has nothing to
 * flush; that something was lost with it the root's count of losses tells.
 */
#include "pool/vdev/vdev_int.h"

#include <errno.h>

static void flush_one(void *arg, unsigned i)
{
    leaf_flush(vdev_leaf(arg, i));
}

/* Those below vd, or what stands in its place now: that is returned. */
static struct vdev *flush_leaves(struct vdev *vd)
{
    unsigned n = 0;
    vd = gate_enter(vd);
    while (vdev_leaf(vd, n))
        n++;
    fan_out(n, n, flush_one, vd);
    gate_leave(vd);
    return vd;
}

static bool stands(const struct vdev *top)
{
    return top->type == VDEV_HOLE || top->state >= VDEV_DEGRADED;
}

int vdev_flush_top(struct vdev *top)
{
    return stands(flush_leaves(top)) ? 0 : E(-EIO);
}

int vdev_flush(struct vdev *root)
{
    int rc = 0;
    flush_leaves(root);
    for (unsigned i = 0; i < root->nchildren; i++) {
        if (!stands(root->child[i]))
            rc = E(-EIO);
    }
    return rc;
}
