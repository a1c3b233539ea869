/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by pools.c (the table), pools_run.c (opening and closing) and pools_file.c (what is kept). */
#ifndef CONTROL_POOLS_INT_H
#define CONTROL_POOLS_INT_H

#include "base/cleanup.h"
#include "control/pools.h"
#include "run/fiber.h"

struct held_pool {
    struct list node;
    struct pools *ps;
    char name[CFG_DATASET_LEN];
    uint64_t guid;
    bool read_only;
    char **paths; /* of its disks when it was last open; NULL at the end */
    enum held_state state;
    char reason[240];
    char health[16]; /* at the last look; "": it was not open */
    uint64_t looked; /* round of looking */
    struct reactor *home;
    struct pool *p; /* on home; NULL: not open */
    struct pool_progress progress;
    unsigned users; /* calls inside */
    struct waitq idle;
    struct fmutex opening; /* held by who opens or closes it */
    struct cancel unwanted;
    unsigned attempts; /* imports that were begun, and not ended before the daemon did */
    unsigned there;    /* of its paths, at the last try; plus one */
    bool trying; /* a fiber imports it; it frees the entry when that is gone from the table */
    bool gone;
};

struct pools {
    struct pools_env env;
    uint64_t hostid;
    char hostname[64];
    struct list list;
    uint64_t cache, dirty;  /* bytes for all; 0: each its default */
    uint64_t patient_until; /* for disks that are late at the start */
    unsigned ntrying;
    struct waitq tried;
    struct cancel stop;
    bool stopping;
};

/* ---- the table (pools.c) ----------------------------------------------------------------- */

struct held_pool *held_find(struct pools *ps, const char *name);
/* Adds one in the given state, on the reactor with the fewest. NULL: no memory. */
struct held_pool *held_add(struct pools *ps, const char *name, enum held_state state);
void held_drop(struct held_pool *h);
/* Tells those who follow. Parks. */
void held_changed(struct pools *ps);
/* What a pool that is open says of itself, for the next start. Parks. */
void held_note(struct held_pool *h);

/* ---- memory (pools_memory.c) ------------------------------------------------------------- */

unsigned pools_nopen(const struct pools *ps);
/* What one pool may use when n are open. */
struct pool_opts pools_share(const struct pools *ps, unsigned n);
/* Pools came or went: the others' shares follow. Parks. */
void pools_share_anew(struct pools *ps);

/* A fiber: looks after those that are open until ps->stop. */
void pools_watch(void *arg);

/* ---- what is kept (pools_file.c) --------------------------------------------------------- */

/* Fills ps->hostid and the table. Parks. */
int pools_file_load(struct pools *ps, struct err *reterr);
/* Writes the table. An error is logged: the next start then knows what the last one did. Parks. */
void pools_file_save(struct pools *ps);

#endif
