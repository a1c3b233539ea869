/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dataset tree: directories, datasets, their properties and space accounting, deadlists (OpenZFS dsl_dir.c,
 * dsl_dataset.c, dsl_deadlist.c, dsl_prop.c). All directories of a pool are in memory; snapshots are read
 * when they matter.
 *
 * Everything that changes runs in the pool's sync fiber, in the syncing txg (dsl->txg). Reading names, properties and
 * counted space is allowed to all fibers of the home reactor between parking calls.
 */
#ifndef POOL_DSL_DSL_H
#define POOL_DSL_DSL_H

#include "pool/tree/tree.h"

#define DSL_NAME_MAX 255u /* a whole name, without the NUL */

struct dsl_dir;
struct dsl_dataset;

struct dsl {
    struct blocks *b;
    struct objset *mos;
    unsigned name_over; /* bytes that the pool's name and a slash add to names */
    uint64_t txg;       /* the syncing one */
    struct dsl_dir *root, *mos_dir, *free_dir;
    uint64_t origin_snap;                      /* $ORIGIN@$ORIGIN */
    uint64_t origin_clones, origin_dir_clones; /* its next-clones, its directory's clones */
    uint64_t feat_read, feat_write, feat_enabled_txg; /* ZAPs; the last 0: none */
    bool lz4;                         /* the feature is active: we may write such blocks */
    uint64_t empty_bpobj;             /* shared by OpenZFS's empty deadlists; 0: none */
    uint64_t free_bpobj, sync_bplist; /* what OpenZFS left to free */
    uint64_t leftover;                /* bytes in sync_bplist */
    struct list dirty;                /* datasets to be synced in this txg */
    int64_t mos_used, mos_comp, mos_uncomp; /* not yet in $MOS */
};

struct dsl_deadlist {
    uint64_t id;
    bool loaded;
    unsigned n;
    struct dsl_deadlist_entry {
        uint64_t mintxg, bpobj;
    } * e; /* ascending */
};

struct dsl_dir {
    struct dsl *dsl;
    uint64_t id;
    struct object *obj; /* held; its bonus is the record */
    struct dsl_dir *parent;
    struct list children, sibling;
    struct dsl_dataset *head;    /* NULL: $MOS, $FREE */
    uint64_t origin_txg;         /* blocks born later are this directory's */
    struct nv *props;            /* local ones: u64 and text */
    unsigned holds;              /* fibers that look at it: it stays in memory */
    char name[DSL_NAME_MAX + 1]; /* the last component */
};

/* What a txg changed in a dataset, not yet in the records. */
struct dsl_delta {
    int64_t ref, comp, uncomp, unique; /* the dataset's */
    int64_t dir_comp, dir_uncomp;
    int64_t to_snap; /* from HEAD to SNAP */
};

struct dsl_dataset {
    struct dsl_dir *dir;
    uint64_t id;
    struct object *obj; /* held; its bonus is the record */
    struct objset *os;  /* NULL: not opened */
    unsigned opens;
    unsigned close_committed; /* so many opens end with the txg */
    enum objset_type type;    /* NONE: not looked at yet */
    uint64_t destroy_next;    /* of one that is being destroyed: the first block that is left */
    struct dsl_deadlist deadlist;
    struct dsl_delta delta;
    struct list dirty_node;
    /* Called in the sync fiber before the objset is written: hands over what is dirty. */
    int (*sync)(void *arg, uint64_t txg);
    /* Called when the txg is on disk. May park. */
    void (*committed)(void *arg, uint64_t txg);
    void *arg;
};

/* ---- the tree (dir.c) ------------------------------------------------------------------------ */

/* Reads all directories of the pool that mos is of. -EBADMSG names what doesn't fit. Parks. */
int dsl_load(struct dsl *dsl, struct blocks *b, struct objset *mos, struct err *reterr);
void dsl_unload(struct dsl *dsl);
const struct dsl_dir_phys *dsl_dir_phys(const struct dsl_dir *dd);
const struct dsl_dataset_phys *dsl_dataset_phys(const struct dsl_dataset *ds);
/* It stays in memory, though perhaps destroyed, until it is let go of. */
void dsl_dir_hold(struct dsl_dir *dd);
void dsl_dir_release(struct dsl_dir *dd);
/* By full name below the pool, "a/b"; "" is the root. NULL: none. Names that begin with $ are not found. */
struct dsl_dir *dsl_find(const struct dsl *dsl, const char *name);
struct dsl_dir *dsl_child(const struct dsl_dir *dd, const char *component);
/* The full name without the pool's; ret has DSL_NAME_MAX + 1 bytes. */
void dsl_dir_name(const struct dsl_dir *dd, char *ret);
/* All directories, parents first: start with NULL. $MOS and the like are left out. */
struct dsl_dir *dsl_next(const struct dsl *dsl, const struct dsl_dir *dd);
/* What a head is; NONE when it cannot be read. Parks the first time. */
enum objset_type dsl_dataset_type(struct dsl_dataset *ds);
bool dsl_dataset_is_going(const struct dsl_dataset *ds); /* a destroy has begun */
/* Letters, digits, - _ . : and space, components not empty, no leading -, not too long. */
int dsl_name_check(const char *name, struct err *reterr);

/* ---- space (space.c) --------------------------------------------------------------------------- */

/* Adds by[kind] to a directory's used space, by kind, and to its ancestors as far as reservations don't absorb it. */
void dsl_dir_charge(struct dsl_dir *dd, const int64_t by[DD_USED_NUM], int64_t comp,
                    int64_t uncomp);
/* Puts a dataset's collected changes into its record and its directories'. */
void dsl_dataset_settle(struct dsl_dataset *ds);
/* Bytes that a directory could still get: what quotas and others' reservations leave of the pool's capacity. */
uint64_t dsl_dir_available(const struct dsl_dir *dd, uint64_t capacity);
/* Whether dd would find room below another parent, with what moves along (OpenZFS dsl_dir_transfer_possible()). */
bool dsl_dir_fits(const struct dsl_dir *dd, const struct dsl_dir *parent, uint64_t capacity);
/* And a head: what its refreservation keeps for it, too. */
uint64_t dsl_dataset_available(const struct dsl_dataset *ds, uint64_t capacity);
/* The MOS's own totals: touch before its plan, settle when all of it has a place. */
void dsl_mos_touch(struct dsl *dsl);
void dsl_mos_settle(struct dsl *dsl);
/* In the syncing txg; 0: none. Whoever calls has seen that there is room. */
int dsl_set_quota(struct dsl_dir *dd, uint64_t bytes);
int dsl_set_refquota(struct dsl_dir *dd, uint64_t bytes);
int dsl_set_reservation(struct dsl_dir *dd, uint64_t bytes);
int dsl_set_refreservation(struct dsl_dir *dd, uint64_t bytes);

/* ---- datasets (dataset.c) ---------------------------------------------------------------------- */

/* Opens a head's objset, counted; sync and committed may be set by the (one) owner afterwards. Parks. */
int dsl_dataset_open(struct dsl_dataset *ds, struct err *reterr);
void dsl_dataset_close(struct dsl_dataset *ds);
/* It has something to sync in this txg. */
void dsl_dataset_dirty(struct dsl_dataset *ds);
/* Writes all dirty datasets; the txg's MOS changes are complete but for its own totals. Parks. */
int dsl_sync(struct dsl *dsl);
/* The txg is on disk: readers follow the new trees from here on. Parks. */
void dsl_committed(struct dsl *dsl);
/* How the dataset's blocks are to be written, by its properties. */
void dsl_dataset_policy(struct dsl_dataset *ds, struct objset_policy *ret);

/* ---- making and unmaking (create.c, destroy.c, rename.c) ------------------------------------------ */

/* The skeleton of a new pool in an empty MOS: object directory, root, $MOS, $FREE, $ORIGIN, features. Parks. */
int dsl_skeleton(struct dsl *dsl, struct blocks *b, struct objset *mos, uint64_t txg,
                 uint64_t wall_sec);
/* A new file-system (empty: a folder of volumes) or volume below parent. Its objset is empty and open until the txg is
 * committed. Parks. */
int dsl_create(struct dsl_dir *parent, const char *component, enum objset_type type,
               uint64_t wall_sec, struct dsl_dir **ret_dd, struct err *reterr);
/* Marks it as going; blocks are freed in steps: 1 as long as there is more to do in a next txg, 0 when it is gone. Not for those
 * with children or snapshots (-EBUSY). Parks. */
int dsl_destroy_begin(struct dsl_dir *dd, struct err *reterr);
int dsl_destroy_step(struct dsl_dir *dd, uint64_t max_blocks);
/* A destroy of it was interrupted, and is to go on. Parks. */
bool dsl_destroy_is_ours(struct dsl_dir *dd);
/* Moves dd below new_parent as component. -EEXIST, -EINVAL (below itself), -ENOSPC. Parks. */
int dsl_rename(struct dsl_dir *dd, struct dsl_dir *new_parent, const char *component,
               uint64_t capacity, struct err *reterr);

/* ---- properties (props.c) -------------------------------------------------------------------------- */

/* Local or received, else inherited (user properties and those that inherit), else false. ret_source: where it is set. */
bool dsl_prop_u64(const struct dsl_dir *dd, const char *name, uint64_t *ret,
                  const struct dsl_dir **ret_source);
bool dsl_prop_str(const struct dsl_dir *dd, const char *name, const char **ret,
                  const struct dsl_dir **ret_source);
/* What dd itself has of it came with a stream. */
bool dsl_prop_is_received(const struct dsl_dir *dd, const char *name);
/* The user properties that dd itself has: *pos is 0 at first; NULL at the end. ret: the name, which is returned too. */
const char *dsl_prop_user_next(const struct dsl_dir *dd, unsigned *pos,
                               char ret[ZAP_NAME_MAX + 1]);
/* In the syncing txg. remove: the local value goes, and a received one is masked; -ENOENT: there was none. Park. */
int dsl_prop_set_u64(struct dsl_dir *dd, const char *name, uint64_t v);
int dsl_prop_set_str(struct dsl_dir *dd, const char *name, const char *v);
int dsl_prop_remove(struct dsl_dir *dd, const char *name);

/* ---- snapshots (snap.c) ------------------------------------------------------------------------------ */

struct dsl_snapshot {
    uint64_t id, txg;            /* of its creation */
    char name[DSL_NAME_MAX + 1]; /* behind the @ */
};
/* A head's snapshots, oldest first; malloc'd. dd is held. Parks, as all of these do. */
int dsl_snapshots(const struct dsl_dir *dd, struct dsl_snapshot **ret, unsigned *ret_n);
/* -ENOENT. */
int dsl_snapshot_find(const struct dsl_dir *dd, const char *name, uint64_t *ret_id);
/* What it is called: its head's name below the pool, its own. */
int dsl_snapshot_name(const struct dsl *dsl, uint64_t id, char ret_head[DSL_NAME_MAX + 1],
                      char ret_snap[DSL_NAME_MAX + 1]);
/* A dataset's record, snapshots' too. -EBADMSG. */
int dsl_dataset_read(const struct dsl *dsl, uint64_t id, struct dsl_dataset_phys *ret);
/* Bytes referenced that its previous snapshot doesn't have. */
int dsl_dataset_written(const struct dsl *dsl, const struct dsl_dataset_phys *ds,
                        uint64_t *ret_bytes);

/* ---- bpobjs and deadlists (bpobj.c, deadlist.c) ------------------------------------------------------ */

int bpobj_create(struct objset *mos, uint32_t block_size, uint64_t *ret_id);
/* Of the blocks in it. */
int bpobj_bytes(struct objset *mos, uint64_t id, uint64_t *ret);
int bpobj_add(struct objset *mos, uint64_t id, const struct bp *bp, const struct bp_sums *sums);
/* Calls fn for every pointer, sub-objects included. Parks. */
typedef int (*bpobj_fn)(void *arg, const struct bp *bp);
int bpobj_iterate(struct objset *mos, uint64_t id, bpobj_fn fn, void *arg);
/* Frees the object and its sub-objects, not the blocks that they list. */
int bpobj_destroy(struct objset *mos, uint64_t id);
/* Empties it, sub-objects destroyed. */
int bpobj_empty(struct objset *mos, uint64_t id);
int deadlist_create(struct dsl *dsl, uint64_t *ret_id, bool with_zero_key);
int deadlist_load(struct dsl *dsl, struct dsl_deadlist *dl);
int deadlist_add(struct dsl *dsl, struct dsl_deadlist *dl, const struct bp *bp,
                 const struct bp_sums *sums);
int deadlist_destroy(struct dsl *dsl, uint64_t id);
/* Frees what OpenZFS left in sync_bplist and free_bpobj. In the first txg after an import. Parks. */
int dsl_free_leftovers(struct dsl *dsl);

/* ---- features (features.c) ---------------------------------------------------------------------------- */

/* The reference count by guid; -1: disabled. Parks. */
int dsl_feature_get(struct dsl *dsl, const char *guid, int64_t *ret_count);
int dsl_feature_add(struct dsl *dsl, const char *guid, int64_t by);

/* Adds to a counter of a record. */
static inline void le64_add(le64 *field, int64_t by)
{
    *field = le64_make(le64_get(*field) + (uint64_t)by);
}

#endif
