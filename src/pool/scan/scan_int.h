/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of this room. */
#ifndef POOL_SCAN_SCAN_INT_H
#define POOL_SCAN_SCAN_INT_H

#include "pool/scan/scan.h"

#define SCAN_DEPTH 8u /* blocks under way */

/* A dataset that has been walked, and which of its blocks: those born after min. */
struct scan_walked {
    uint64_t id, min;
};

struct scan_job {
    struct scan *scan;
    struct bp bp;
    struct bookmark at;
    bool busy;
};

/* Where a walk is, to go on there after a pause. */
struct scan_place {
    bool there;
    uint64_t id, min;       /* the dataset, 0: the MOS; blocks born after min */
    uint64_t object, blkid; /* with the next ticket */
};

struct scan {
    struct pool *p;
    struct scan_record now;
    enum scan_func wanted; /* asked for, not begun */
    bool pausing, cancelling, stopping;
    bool busy;        /* a pass is under way */
    bool running;     /* the fiber */
    bool gave_up;     /* a resilver ended with errors; until a leaf's state changes */
    uint64_t seen;    /* the root's `changes` when the pass began, or the last one gave up */
    uint64_t lacking; /* lacking_print() of what the pass brings the leaves */
    struct waitq work, idle;
    struct scan_walked *walked;
    unsigned nwalked, cap;
    struct scan_place place;
    bool resumes;       /* the place is an import's, of a pass that ran */
    uint64_t keep_at;   /* run_now() when the place is to be kept again */
    uint64_t paused_at; /* wall clock, seconds */
    struct scan_job job[SCAN_DEPTH];
    unsigned njobs;
    struct waitq job_done;
    struct bp bad; /* the last block that could not be repaired */
    int error;     /* why the pass cannot go on */
};

/* Somebody wants the pass to end. */
bool scan_interrupted(const struct scan *s);
/* Every few seconds the place is written down. No job is under way. Parks. */
int scan_keep(struct scan *s);

/* ---- the record (record.c) --------------------------------------------------------------- */

int scan_record_read(struct scan *s, struct err *reterr);
/* Writes s->now with its place, and makes or destroys its queue to fit. In the sync fiber. */
int scan_record_write(struct scan *s);

/* ---- where a pass is (place.c) ----------------------------------------------------------- */

/* Keeps the place of a pass that is not over, and forgets any other. In the sync fiber. */
int scan_place_keep(struct scan *s);
/* What was kept, if it belongs to the record that was read; else place.there stays false. */
int scan_place_read(struct scan *s);

/* ---- who lacks what (lacking.c) ---------------------------------------------------------- */

/* The first txg that a leaf which is up lacks, up to max_txg; UINT64_MAX: none lacks any. */
uint64_t lacking_first(const struct pool *p, uint64_t max_txg);
/* A hash of which leaves that are up lack which txgs up to max_txg; 0: none lacks any. */
uint64_t lacking_print(const struct pool *p, uint64_t max_txg);
bool lacking_birth(const struct pool *p, uint64_t birth);
/* The leaves that are up have everything up to max_txg. In the sync fiber. */
void lacking_clear(struct pool *p, uint64_t max_txg);

/* ---- one block (job.c) ------------------------------------------------------------------- */

/* Verifies a block in a fiber of its own; waits while SCAN_DEPTH are under way. Parks. */
void job_start(struct scan *s, const struct bp *bp, const struct bookmark *at);
void job_wait_all(struct scan *s);

/* ---- all blocks (walk.c) ----------------------------------------------------------------- */

/* 0: everything has been looked at; -ECANCELED: interrupted. go_on: from where it was then. Parks. */
int scan_walk(struct scan *s, bool go_on);

#endif
