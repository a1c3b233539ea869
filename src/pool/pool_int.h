/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files on top of the rooms. */
#ifndef POOL_POOL_INT_H
#define POOL_POOL_INT_H

#include "pool/pool_admin.h"
#include "pool/txg/txg.h"

#define POOL_CACHE_DEFAULT (64ull << 20)
#define POOL_DIRTY_DEFAULT (128ull << 20)
#define POOL_FREE_STEP     100000u
#define POOL_SCAN_KEEP_MS  5000u /* a crash costs a scan no more */

/* A pool with its tables made: what creation and import share. */
struct pool *pool_new(const char *name, const struct pool_opts *opts);
/* Frees what is in memory; closes disks. */
void pool_free(struct pool *p);
/* Makes space and block tables for the tree. */
int pool_tables(struct pool *p, const struct pool_opts *opts, uint64_t txg, struct err *reterr);
/* Takes note of an active feature. */
struct feature;
void pool_feature_active(struct pool *p, const struct feature *f);
/* The sync fiber starts; synced is on disk. The scan fiber, too. */
int pool_start(struct pool *p, uint64_t synced, struct err *reterr);
/* Both end; what there was is written. */
void pool_stop(struct pool *p);
/* What a block of psize bytes takes at most, as the books count it. */
uint64_t pool_block_cost(const struct pool *p, uint64_t psize);
/* What all datasets together may use, as OpenZFS counts it: what dsl_dir_available() wants. */
uint64_t pool_capacity(const struct pool *p);
/* Bytes, as the books count them, that can still be allocated without touching the slop, or all but so much of it. */
uint64_t pool_disks_left(const struct pool *p, unsigned slop_shift);
/* The same with what is held back and the slop untouched: what txgs under way share. */
uint64_t pool_disks_room(const struct pool *p);
/* Something was freed that may not be used again yet. */
bool pool_held_back(const struct pool *p);
/* A user property of the root dataset: percent, or "off". */
#define POOL_THRESHOLD         "zsan:threshold"
#define POOL_THRESHOLD_DEFAULT 80u
/* 1: used is above now, -1: it is below again; percent 0: there is no threshold. */
int threshold_cross(bool *above, uint64_t percent, uint64_t used, uint64_t size);
/* After a txg: has the pool's threshold been crossed? Who serves its volumes is told. */
void pool_watch(struct pool *p);
/* Of the bytes that are available to a volume, how many are left when the pool's threshold is crossed (more than there are:
 * it has been crossed); 0: it has none. */
uint64_t pool_warn_below(const struct pool *p, uint64_t available);
/* Who serves an open volume looks at its room. */
void volumes_threshold(struct pool *p);
/* What `zfs create -V` reserves for a volume that isn't sparse. */
uint64_t pool_full_reservation(const struct pool *p, uint64_t size, uint32_t block_size,
                               unsigned copies);
/* Splits "a/b/c" into its parent (in buf) and last component. */
const char *name_split(const char *name, char buf[DSL_NAME_MAX + 1]);
/* The name, with the pool's, is short enough for OpenZFS. */
int pool_dataset_name_check(const struct pool *p, const char *name, struct err *reterr);
/* Volumes with something in the txg that closes take part in it. */
int volumes_before_sync(struct pool *p, uint64_t txg);
/* The txg is on disk: how fast that was. */
void throttle_sync_ended(struct pool *p);
/* What may be dirty, by the limit and the room there is. */
void throttle_follow_room(struct pool *p);
/* Shortcuts for a cache of so many bytes (zvol/shortcut.c). NULL: no memory. */
struct shortcuts *shortcuts_new(uint64_t cache_bytes);
void shortcuts_free(struct shortcuts *s);           /* NULL is fine */
uint64_t shortcuts_hits(const struct shortcuts *s); /* NULL is fine */
/* Goes on in the background with destroys that a crash interrupted. */
void pool_destroys_finish(struct pool *p);
/* Open volumes take over what their properties say now; what was acknowledged before is durable on return. Parks. */
int volumes_follow(struct pool *p);
/* The open volume on a dataset, if there is one, has another size: who serves it is told. */
void volume_size_is(struct dsl_dataset *ds, uint64_t size);
/* Gives back what a crash left beyond a volume's end. dd is held. Parks. */
int volume_tail_free(struct pool *p, struct dsl_dir *dd, uint64_t size, uint32_t block_size,
                     struct err *reterr);
/* A packed name-value list that is an object of the MOS. -EBADMSG. Parks. */
int mos_nv_read(struct objset *mos, uint64_t id, struct nv **ret_nv, struct err *reterr);
/* The pool's own properties (settings.c); in memory from then on. Parks. */
int pool_props_load(struct pool *p, struct err *reterr);
/* Notes what the engine itself did, in the syncing txg (history.c). Parks. */
int history_internal(struct pool *p, uint64_t txg, const char *what, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The same for an operator's command. */
int history_command(struct pool *p, const char *text);
int pool_name_check(const char *name, struct err *reterr);

/* ---- new disks (newdisks.c) ------------------------------------------------------------------------- */

uint64_t pool_new_guid(void);
struct disk_facts {
    bool blockdev;
    uint64_t spare_guid; /* of a label that says it is a spare; 0: none says so */
};
/* Whether a disk may be overwritten. Touches no byte of it. -EINVAL, -EBUSY. Parks. */
int disk_check(const char *path, bool force, struct disk_facts *ret, struct err *reterr);
/* A disk of its own, open. like: it is to stand below this top-level vdev, so it has the size; NULL: it need not. */
struct leaf_want {
    const char *path;
    struct disk_facts facts;
    uint64_t guid; /* 0: a new one */
    const struct vdev *like;
};
int leaf_new(const struct leaf_want *w, struct vdev **ret_leaf, struct err *reterr);
struct groups_want {
    const struct pool_group *groups;
    unsigned ngroups;
    const char *const *spares; /* looked at by groups_check() only */
    unsigned nspares;
    unsigned ashift, min_ashift; /* 0: from the disks */
    bool force;
};
/* What can be said without looking at labels. Parks. */
int groups_check(const struct groups_want *w, struct err *reterr);
/* Its part that looks at all disks together (disk_set.c). Parks. */
int disk_set_check(const struct groups_want *w, struct err *reterr);
/* All disks of a creation or an add, checked and open; no byte of them is written yet. */
struct new_spare {
    const char *path; /* borrowed */
    uint64_t guid;
    bool blockdev;
    bool listed;       /* in the pool's list, in memory */
    struct vdev *leaf; /* open; NULL: it is a spare already, whose label stays */
};
struct new_disks {
    struct vdev *root; /* the groups below a root of their own, laid out; NULL: none */
    struct new_spare *spares;
    unsigned nspares;
};
/* guid: the root's. -EINVAL, -EBUSY, -EEXIST (spares). Parks. */
int new_disks_open(const struct pool *p, const struct groups_want *w, uint64_t guid,
                   struct new_disks *ret, struct err *reterr);
/* Writes: blank labels for the groups, a spare's for spares, which the pool lists from now on. -EEXIST: it came to have that
 * spare meanwhile. Parks. */
int new_disks_label(struct pool *p, struct new_disks *d, struct err *reterr);
/* Frees what has not gone elsewhere, and closes spares. Parks. */
void new_disks_done(struct new_disks *d);
/* The same, and the pool lists none of them. */
void new_disks_refused(struct pool *p, struct new_disks *d);
bool layout_like(enum pool_layout layout, const struct vdev *top);

/* ---- disks (disks.c) --------------------------------------------------------------------------------- */

/* By path or guid; NULL: none of the tree's. */
struct vdev *disk_of(const struct pool *p, const char *disk);
/* Puts the spare beside the leaf, under an interposed vdev. Parks. */
int disk_spare(struct pool *p, uint64_t leaf, uint64_t spare, struct err *reterr);
/* Takes a leaf out of its mirror, replacing or spare. Parks. */
int disk_detach(struct pool *p, uint64_t leaf, struct err *reterr);

/* ---- spares (spares.c) ------------------------------------------------------------------------------- */

/* Reads the list; a spare that isn't where it was is looked for among paths. Parks. */
int spares_load(struct pool *p, const char *const *paths, struct err *reterr);
void spares_free(struct pool *p);
/* Looks whether those that the pool doesn't use are there; tells what is new. Parks. */
void spares_look(struct pool *p);
/* Checks a disk that is to be a spare beside those that d has, and opens it. -EEXIST: it is one of this pool, or of those;
 * -E2BIG. Parks. */
int spare_open(const struct pool *p, const struct new_disks *d, const char *path, bool force,
               struct new_spare *ret_spare, struct err *reterr);
/* Writes its label and puts it into the list in memory. Parks. */
int spare_enlist(struct pool *p, struct new_spare *s, struct err *reterr);
/* Writes the list into the MOS. In the sync fiber. */
int spares_write(struct pool *p);
struct pool_spare *spare_of(const struct pool *p, const char *disk);
struct pool_spare *spare_find(const struct pool *p, uint64_t guid);
void spare_forget(struct pool *p, uint64_t guid);
/* A spare that nobody uses, open, as a disk of its own to stand below like. -EBUSY: another pool has it. Parks. */
int spare_take(struct pool *p, const struct pool_spare *s, const struct vdev *like,
               struct vdev **ret_leaf, struct err *reterr);

/* ---- errors (faults.c) ------------------------------------------------------------------------------- */

/* Looks at what the disks' counters have gained. True: some disk is faulted or degraded now, which is to be written. Parks. */
bool faults_look(struct pool *p);

/* ---- the caretaker (care.c) --------------------------------------------------------------------------- */

/* Starts the fiber that finishes replacements, sends spares in and back, and opens disks that were missing. -ENOMEM. */
int care_start(struct pool *p, struct err *reterr);
void care_stop(struct pool *p); /* before scan_stop(). Parks. */
/* Something may be to do. Never parks. */
void care_poke(struct pool *p);
/* Until it has nothing to do. Parks. */
void care_wait(struct pool *p);

#endif
