/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scrub and resilver: one fiber per pool reads every block that the pool holds, verifies all
 * its copies and parity, and repairs what is bad (scrub) or what a leaf missed (resilver). At
 * most one of them runs. What is missing on a leaf that is up again goes first: it begins by
 * itself and ends a scrub.
 *
 * Everything here is called on the pool's home reactor.
 */
#ifndef POOL_SCAN_SCAN_H
#define POOL_SCAN_SCAN_H

#include "pool/txg/txg.h"

/* As the record in the MOS numbers them. */
enum scan_func { SCAN_NONE, SCAN_SCRUB, SCAN_RESILVER };
enum scan_state { SCAN_NEVER, SCAN_SCANNING, SCAN_FINISHED, SCAN_CANCELLED };

/* The directory entry `scan` of the MOS (OpenZFS dsl_scan_phys_t), as far as it means
 * something to us. */
struct scan_record {
    enum scan_func func;
    enum scan_state state;
    uint64_t queue;            /* a ZAP that belongs to a running scan; empty in our pools */
    uint64_t min_txg, max_txg; /* blocks born in (min, max] are looked at */
    uint64_t start, end;       /* wall clock, seconds */
    uint64_t to_examine, examined; /* bytes, with parity */
    uint64_t repaired;             /* bytes */
    uint64_t errors;               /* blocks that could not be repaired */
    bool paused;
    uint64_t rested; /* seconds that it was paused; not stored */
};

/* Reads the record and starts the fiber; a pass that was running when the pool was closed, or the
 * daemon died, goes on where it was some seconds before. Not for pools that are read-only.
 * -ENOMEM; -EBADMSG: the record makes no sense. Parks. */
int scan_start(struct pool *p, struct err *reterr);
/* Ends the fiber where it is; the record stays "scanning". Before txg_stop(). NULL scan is
 * fine. Parks. */
void scan_stop(struct pool *p);
/* A leaf may be up again that lacks something, or a txg is on disk. Never parks. */
void scan_poke(struct pool *p);

/* Begins a scrub, or goes on with a paused one. -EBUSY: one is running, or a resilver. */
int scan_scrub(struct pool *p, struct err *reterr);
/* -ENOENT: no scrub is running. Pausing and the end are on disk a moment later. */
int scan_pause(struct pool *p, struct err *reterr);
int scan_cancel(struct pool *p, struct err *reterr);
/* The newest one's figures, as they are now. */
struct scan_record scan_now(const struct pool *p);
/* Until nothing runs nor waits to run; a paused scrub does neither. Parks. */
void scan_wait(struct pool *p);
bool scan_idle(const struct pool *p); /* what scan_wait() waits for */

#endif
