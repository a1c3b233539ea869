/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by the files that find and import pools: members.c (which devices carry labels), import_tree.c (labels and
 * configuration to a device tree), import_check.c (may it be imported), rewind.c (older states), import.c (all of it),
 * found.c (what a search without a name tells).
 */
#ifndef POOL_IMPORT_INT_H
#define POOL_IMPORT_INT_H

#include "pool/pool_int.h"

/* ---- devices with labels (members.c) --------------------------------------------------------------- */

struct member {
    char *path;
    bool is_blockdev;
    uint64_t dev, ino; /* identity */
    struct label_info label;
    uint64_t pool, guid; /* the pool's, the leaf's; 0: none (an inactive spare) */
};
struct members {
    struct member *v;
    unsigned n, cap;
    unsigned looked_at; /* devices and files that could be opened */
    uint64_t max_txg;   /* newer uberblocks aren't looked at */
    struct progress *progress;
    const char **paths; /* of all of them, NULL at the end */
};
/* Looks at devices, files, and the files in folders, each device once whatever its names; partitions, not the disk that they
 * are on, where both carry a label. What cannot be opened is passed over. -ENOMEM. Parks. */
int members_scan(const char *const *paths, uint64_t max_txg /* 0: any */,
                 struct progress *progress, struct members *ret, struct err *reterr);
void members_free(struct members *m);
/* Whether part names a partition of the disk: "sdb1" of "sdb", "nvme0n1p2", "wwn-1-part3". */
bool member_is_partition(const char *part, const char *disk);
/* A pair of the label; "?" and 0 when it is not there. */
const char *member_text(const struct member *m, const char *key);
uint64_t member_number(const struct member *m, const char *key);

/* The members of one pool. */
struct found {
    struct member **v;
    unsigned n;
    struct member *best; /* has the newest uberblock; its label.config says what the pool is */
};
/* Those of the pool with that guid. -EBADMSG: none of them has an uberblock or labels that fit it; -EEXIST: two devices claim
 * to be the same disk. Parks. */
int found_gather(const struct members *m, uint64_t pool, struct found *ret, struct err *reterr);
void found_free(struct found *f);

/* ---- an import under way ------------------------------------------------------------------------- */

struct import {
    const struct pool_import_want *want;
    const struct found *f;
    struct pool *p;
    struct uberblock newest; /* of all that were found; p->ub is the one that is tried */
    struct err *err;
};

/* ---- what forbids it (import_check.c) -------------------------------------------------------------- */

/* By the label: version, destroyed, in use by another host, features. Parks (watching another host's uberblock). */
int import_label_check(const struct pool_import_want *want, const struct found *f,
                       struct err *reterr);
/* Active features of the MOS, devices that we don't have, deduplicated blocks. The pool becomes read-only where they force it to. Parks. */
int import_features_check(struct import *im);
/* From now on nothing is written to it, for this reason; the first one stays. */
void import_force_read_only(struct pool *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- the device tree (import_tree.c) ---------------------------------------------------------------- */

int import_tree_from_labels(const struct found *f, struct vdev **ret_root, struct err *reterr);
/* What was found of the leaf; NULL: nothing. */
const struct member *import_member_of(const struct found *f, const struct vdev *leaf);
/* Each leaf is to be opened where its label was found. -ENOMEM. */
int import_leaves_place(struct vdev *root, const struct found *f);
/* Opens p->root's leaves where they were found. -ENXIO: too few are there, and which are not; -EBUSY: somebody has one. Parks. */
int import_tree_open(struct import *im);
/* The tree that the configuration in the MOS has, after it was compared with the labels. Parks. */
int import_tree_from_config(struct import *im, const struct nv *config, struct vdev **ret_root);

/* ---- the pool's state on disk (import.c) -------------------------------------------------------------- */

/* Reads all that an import reads from p->ub on, without a write: MOS, configuration, tree, datasets, features, space maps'
 * records. On failure the pool is as before. Parks. */
int import_load(struct import *im);
void import_unload(struct pool *p);
/* All of it; want->paths are devices, no folders. With dry_run nothing was started, and the caller frees the pool. Parks. */
int import_pool(const struct pool_import_want *want, const struct found *f,
                struct pool **ret_pool, struct err *reterr);

/* ---- older states (rewind.c) -------------------------------------------------------------------------- */

/* The newest state cannot be read (err says why): loads the newest older one that is whole when that was asked for, else tells
 * how far back it would be. Parks. */
int import_rewind(struct import *im);

#endif
