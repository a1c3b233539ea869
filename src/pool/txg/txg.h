/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transaction groups: one is open and takes what arrives, the one before is written by the sync fiber (OpenZFS txg.c,
 * spa.c). txgs are numbered without gaps; an idle pool makes none.
 *
 * struct pool is what a commit needs to know of a pool; pool.c embeds it in what the operator sees.
 */
#ifndef POOL_TXG_TXG_H
#define POOL_TXG_TXG_H

#include "pool/dsl/dsl.h"
#include "pool/txg/errlog.h"

#define POOL_NAME_MAX       255u
#define POOL_LABEL_FEATURES 16u
#define TXG_TIMEOUT_MS                                                                         \
    5000 /* a txg is written at the latest this long after its first change */

/* A change by the operator: run by the sync fiber in some txg. */
struct sync_task {
    /* 0, or an error before anything was changed. May park. */
    int (*fn)(void *arg, uint64_t txg, struct err *reterr);
    void *arg;
    struct err *reterr;
    int result;
    uint64_t txg; /* it ran in */
    struct list node;
};

struct txgs {
    uint64_t open, synced;
    uint64_t first_change; /* when the open txg got its first one; 0: nothing in it */
    unsigned holds[TXG_SLOTS];
    bool wanted;   /* don't wait for the timeout */
    bool stopping; /* write what there is, then end */
    bool running;
    struct fiber *fiber;
    int failed;         /* why a txg couldn't be written: nothing is written any more */
    uint64_t failed_at; /* wall clock, seconds */
    struct list tasks;
    struct waitq work, drained, done;
    struct timer timeout;
};

/* Too few disks are left (suspend.c). */
enum pool_failmode { FAILMODE_WAIT, FAILMODE_CONTINUE }; /* as OpenZFS counts */
struct suspension {
    bool armed; /* the pool is up: from now on who needs lost disks waits for them */
    bool on;
    bool let_go; /* nobody waits any more */
    bool watched;
    uint64_t failmode;         /* enum pool_failmode */
    uint64_t news;             /* the root's, when it began */
    uint64_t since;            /* wall clock, seconds */
    char why[200];             /* the disks that are missed */
    char refusal[200];         /* why one that is back was not taken */
    struct fiber *patient[16]; /* they wait whatever failmode says */
    struct waitq over;
};

/* How fast txgs get to disk, and when the next writer may go on (zvol/throttle.c). */
struct pool_pace {
    uint64_t rate;         /* bytes a second; 0: not known yet */
    uint64_t next;         /* run_now() units */
    uint64_t began, bytes; /* of the txg that is being written */
    double growth;         /* of what is dirty, bytes a second, over the last span */
    uint64_t seen, seen_at;
};

/* A hot spare, in use or not (spares.c). */
enum pool_spare_seen { SPARE_THERE, SPARE_ELSEWHERE, SPARE_MISSING };
struct pool_spare {
    uint64_t guid;
    char *path;
    enum pool_spare_seen seen, told; /* when it was last looked at; in the log */
    char why[160];                   /* it isn't there */
    struct nv *origin;               /* as read: pairs that we don't interpret; NULL: none */
};

struct scan;
struct care;
struct shortcuts;
struct progress;
struct pool {
    char name[POOL_NAME_MAX + 1];
    uint64_t guid;
    uint64_t hostid; /* 0: none known */
    char hostname[64];
    bool read_only;
    char read_only_why[200]; /* what forces it, "": the operator asked for it */
    enum pool_state state;   /* as the next label says it */
    struct nv *
        extra; /* pairs of the MOS config that we keep as they came (comment, compatibility, ...) */
    struct vdev *root;
    struct space *space;
    struct blocks blocks;
    struct objset *mos;
    struct dsl dsl;
    struct txgs txgs;
    struct suspension suspended;
    struct errlog errlog;
    struct uberblock ub;                                  /* newest on disk */
    uint64_t config_object, history_object, props_object; /* the last two 0: none yet */
    bool autoreplace;
    bool config_dirty;  /* labels and the MOS config are to be written */
    bool has_vdev_zaps; /* com.delphix:has_per_vdev_zaps */
    bool spacemap_histogram;
    uint64_t
        dedup_percent; /* of what its deduplicated blocks take, what they stand for; 0: it has none */
    /* guids of active features that the MOS cannot be read without */
    const char *label_features[POOL_LABEL_FEATURES];
    unsigned nlabel_features;
    /* Written by users and not yet on disk; writers wait above the most, which is less than the limit where there is little room
     * (throttle.c). */
    uint64_t dirty_bytes, dirty_max, dirty_limit;
    uint64_t dirty_cost;    /* what they may take on disk at most, as the books count it */
    uint64_t promised_cost; /* and what was promised to writers on their way */
    bool filling;           /* above its threshold */
    struct waitq dirty_less;
    uint64_t log_deferred; /* bytes that deferred records of the logs hold (zil/queue.c) */
    struct pool_pace pace; /* of writers while much is dirty */
    struct shortcuts *shortcuts; /* into the cache, of its volumes' blocks */
    unsigned open_volumes;
    unsigned free_step; /* most blocks that a destroyed or shrunk volume gives back in a txg */
    unsigned scan_keep_ms; /* between two places of a scan that are kept */
    struct list volumes;
    struct waitgroup errands; /* fibers that work on the pool and end with it */
    struct pool_spare *spares;
    unsigned nspares;
    uint64_t spares_object;
    struct care *care;       /* the caretaker; NULL: read-only, or not started yet */
    struct scan *scan;       /* NULL: read-only, or not started yet */
    struct progress *replay; /* of logs of volumes; NULL: nobody asks */
    /* Called in the sync fiber: before datasets are written (the txg is quiesced), and after a commit. */
    int (*before_sync)(struct pool *p, uint64_t txg);
    void (*after_commit)(struct pool *p, uint64_t txg);
    struct pool_commit_stats {
        uint64_t commits, mos_blocks, plan_rounds;
    } commit_stats;
};

/* ---- txgs (txg.c) -------------------------------------------------------------------------------- */

/* Starts the sync fiber; the next txg is synced + 1. -ENOMEM. */
int txg_start(struct pool *p, uint64_t synced);
/* Writes what is there and ends the sync fiber. Parks. */
void txg_stop(struct pool *p);
/* Keeps the open txg open: what the caller changes until txg_release() is in it. Never parks. */
uint64_t txg_hold(struct pool *p);
/* One more hold on a txg that the caller holds. */
void txg_hold_more(struct pool *p, uint64_t txg);
void txg_release(struct pool *p, uint64_t txg);
/* Waits until the txg before, if it was closed meanwhile, has no holder any more: what it changes is all there. The caller
 * holds txg. Parks. */
void txg_wait_older(struct pool *p, uint64_t txg);
/* Something is dirty in the open txg, so it has to be written some time. */
void txg_changed(struct pool *p);
/* The open txg is to be written now. */
void txg_kick(struct pool *p);
/* Waits until txg (0: the open one) is on disk: 0, or why it never will be. Parks. */
int txg_wait(struct pool *p, uint64_t txg);
/* Runs fn in the sync fiber and waits until its txg is on disk. fn's error or the txg's. Parks. */
int txg_run(struct pool *p, int (*fn)(void *arg, uint64_t txg, struct err *reterr), void *arg,
            struct err *reterr);

/* ---- too few disks (suspend.c) --------------------------------------------------------------------- */

void suspend_init(struct pool *p);
/* The pool is created or imported: from now on it waits for disks instead of failing. */
void suspend_arm(struct pool *p);
/* Nobody waits any more, and what suspension started has ended. Parks. */
void suspend_stop(struct pool *p);
/* The fiber waits for disks also with failmode=continue; from, to: NULL is no fiber. When there are too many such fibers, it doesn't. */
void suspend_patience(struct pool *p, const struct fiber *from, struct fiber *to);
bool suspend_is_patient(const struct pool *p);
/* After an I/O that failed with -EIO: 0: it is worth trying again, all of it; waited for the disks if too few are left. -EIO: nobody
 * waits any more. Parks. */
int suspend_wait(struct pool *p);
/* Before something new of a user: waits while the pool is suspended. -EIO: with failmode=continue, or nobody waits any more. Parks. */
int suspend_pass(struct pool *p);
/* blocks.wait. */
bool suspend_read(void *arg, uint64_t changes);
/* The operator has brought the disks back: opens them, those too that failed with errors, and goes on. Nothing to do when the pool is not
 * suspended. -ENXIO: too few are there; says why. Never waits for a txg. Parks. */
int txg_resume(struct pool *p, struct err *reterr);
/* From now on nothing waits for disks: what needs lost ones fails, and the txg that could not be written ends all writing. */
void txg_let_go(struct pool *p);

/* ---- a commit (commit.c): also called by pool creation, without txgs ------------------------------- */

/* Before the first change to the MOS in a txg. */
int commit_begin(struct pool *p, uint64_t txg);
/* Writes datasets and the MOS, flushes, writes labels and the uberblock; waits for disks when too few are left. An error:
 * nothing of txg counts, the pool in memory is of no use any more. Parks. */
int commit(struct pool *p, uint64_t txg);
extern const struct objset_ops mos_ops; /* the owner is the struct pool */

/* ---- space maps (maps.c) ----------------------------------------------------------------------------- */

/* space_load_fn; arg: the pool. */
int maps_load(void *arg, struct metaslab *ms, sm_entry_fn fn, void *fn_arg);
/* Reads a top-level vdev's metaslab array and the maps' records. Parks. */
int maps_open(struct pool *p, struct vdev *top, struct err *reterr);
/* Gives a new top-level vdev its array. */
int maps_create(struct pool *p, struct vdev *top);
/* Frees a space map object, of a metaslab or a dirty time log. */
int map_object_destroy(struct pool *p, uint64_t id);
/* A new, empty space map object, counted as the feature spacemap_histogram wants it. */
int map_object_create(struct pool *p, uint64_t *ret_id);
/* Makes room in the MOS for what this txg records; *ret_bytes grows while there is more to place. */
int maps_reserve(struct pool *p, uint64_t txg);
/* The contents. Nothing is allocated or freed afterwards in this txg but by the intent log in later ones. */
int maps_write(struct pool *p, uint64_t txg);
void maps_committed(struct pool *p, uint64_t txg);

/* ---- configuration (config.c) -------------------------------------------------------------------------- */

/* What the MOS's config object holds; a leaf's label. Caller frees; NULL: no memory. */
struct nv *config_mos(const struct pool *p, uint64_t txg);
struct nv *config_label(const struct pool *p, const struct vdev *leaf, uint64_t txg);
/* Writes the MOS's config object. */
int config_write(struct pool *p, uint64_t txg);
/* A packed list in an object of the MOS; *object 0: a new one, named in the object directory. In the sync fiber. */
int config_store(struct pool *p, const char *entry, uint64_t *object, const struct nv *nv);

/* ---- dirty time logs in the MOS (dtl.c) ------------------------------------------------------------------ */

/* Leaves that are not up lack this txg; writes the changed ones. */
int dtl_sync(struct pool *p, uint64_t txg);
int dtl_load(struct pool *p, struct vdev *leaf, struct err *reterr);

#endif
