/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks that cannot be repaired, remembered in the MOS (errlog.c). */
#ifndef POOL_TXG_ERRLOG_H
#define POOL_TXG_ERRLOG_H

#include "base/util.h"

struct pool;

/* Which block of which objset: OpenZFS's zbookmark_phys. */
struct bookmark {
    uint64_t objset; /* the dataset's object, 0: the MOS */
    uint64_t object; /* 0: the dnodes */
    uint64_t level;  /* UINT64_MAX: the objset block */
    uint64_t blkid;
};
struct errset {
    struct errset_entry {
        struct bookmark at;
        bool stored; /* in the MOS */
    } * v;           /* ascending */
    unsigned n, cap;
    uint64_t object; /* ZAP, 0: none */
    bool broken;     /* it could not be read: left alone */
};
struct errlog {
    struct errset last, scrub; /* scrub: found since the running scrub began */
    bool scrubbing;
    bool moved;             /* the directory names other objects */
    uint64_t news, dropped; /* entries since the last txg; those that had no room */
};

/* Reads what the MOS has, before anything is written. -ENOMEM. Parks. */
int errlog_load(struct pool *p);
void errlog_free(struct pool *p);
/* A block that no copy of passes, and no parity makes whole. Never parks. */
void errlog_add(struct pool *p, const struct bookmark *at);
uint64_t errlog_count(const struct pool *p);
/* All entries, each once; malloc'd. -ENOMEM. */
int errlog_copy(const struct pool *p, struct bookmark **ret, unsigned *ret_n);

/* In the sync fiber: a scrub begins, or ends; all: it has seen every block, so what it didn't find is no more. Park. */
int errlog_scrub_begins(struct pool *p);
/* The one that was begun before an import, or a pause, goes on. */
void errlog_scrub_goes_on(struct pool *p);
int errlog_scrub_ends(struct pool *p, bool all);
/* New entries go to the MOS. Parks. */
int errlog_sync(struct pool *p);

#endif
