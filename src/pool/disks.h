/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files share that change a pool's tree of disks (disks.c, join.c, leave.c, grow.c). All of it runs on the pool's home
 * reactor; the tree itself is changed in the sync fiber only, in the syncing txg.
 */
#ifndef POOL_DISKS_H
#define POOL_DISKS_H

#include "pool/pool_int.h"

#define OLD_SUFFIX "/old" /* of a disk's path whose successor has the path now */

struct disk_change {
    struct pool *p;
    uint64_t guid;          /* the leaf it is about */
    struct vdev *fresh;     /* the disk, or the root of groups, that joins; NULL: in the tree */
    enum vdev_type between; /* what is to be above the leaf */
    struct vdev *gone;      /* the disk that left */
    bool same_path;
    struct new_disks *disks; /* of an add; their root is `fresh` */
    unsigned first, ntops;   /* top-level vdevs that joined */
};

/* By path or guid, in a pool that can be changed. -EROFS, -ENOENT. */
int disk_find(const struct pool *p, const char *disk, struct vdev **ret_leaf,
              struct err *reterr);
/* The leaf, which may be gone by now. -ENOENT. */
int disk_again(const struct disk_change *c, struct vdev **ret_leaf, struct err *reterr);
const char *disk_path(const struct vdev *leaf);
void disk_report(const struct pool *p, const char *what, const char *disk, const char *by);

/* Between these two the tree may be changed. An error of either: the txg is never committed. Park. */
int tree_change_begin(struct pool *p);
int tree_change_end(struct pool *p, uint64_t txg, int r);

#endif
