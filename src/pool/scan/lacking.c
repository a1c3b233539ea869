/* SPDX-License-Identifier: BSD-2-Clause */
/* The dirty time logs of the leaves that are up: what a resilver has to bring them. */
#include "pool/scan/scan_int.h"

#include "base/siphash.h"

static bool is_up(const struct vdev *leaf)
{
    return leaf->state >= VDEV_DEGRADED;
}

uint64_t lacking_first(const struct pool *p, uint64_t max_txg)
{
    uint64_t first = UINT64_MAX;
    const struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++)
        if (is_up(leaf) && leaf->dtl.n && leaf->dtl.v[0].start <= max_txg)
            first = MIN(first, leaf->dtl.v[0].start);
    return first;
}

uint64_t lacking_print(const struct pool *p, uint64_t max_txg)
{
    static const struct siphash_key fixed = {{0}};
    uint64_t print = 0;
    const struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++)
        for (unsigned k = 0; is_up(leaf) && k < leaf->dtl.n; k++) {
            const struct txg_range *r = &leaf->dtl.v[k];
            const uint64_t v[] = {print, leaf->guid, r->start, MIN(r->end, max_txg + 1)};
            if (r->start <= max_txg)
                print = siphash(&fixed, v, sizeof(v));
        }
    return print;
}

bool lacking_birth(const struct pool *p, uint64_t birth)
{
    const struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++)
        if (is_up(leaf) && txg_set_has(&leaf->dtl, birth))
            return true;
    return false;
}

void lacking_clear(struct pool *p, uint64_t max_txg)
{
    struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++) {
        if (!is_up(leaf) || leaf->dtl.n == 0 || leaf->dtl.v[0].start > max_txg)
            continue;
        txg_set_remove(&leaf->dtl, 0, max_txg + 1);
        leaf->dtl_dirty = true;
        if (leaf->resilver_txg && leaf->dtl.n == 0) {
            leaf->resilver_txg = 0;
            p->config_dirty = true;
        }
    }
}
