/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pools of this daemon: which it has open, on which reactor, and which it is waiting for. What
 * was open at the last stop is opened again at the start and tried for until its disks are there. The
 * table is reactor 0's; a pool is touched only on its home, through pools_with().
 */
#ifndef CONTROL_POOLS_H
#define CONTROL_POOLS_H

#include "config/config.h"
#include "control/pool_text.h"
#include "pool/pool_admin.h"
#include "run/run.h"

#include <jansson.h>

struct pools;

enum held_state {
    HELD_IMPORTING, /* for the first time since the start */
    HELD_ONLINE,
    HELD_MISSING,     /* cannot be imported (yet); tried again */
    HELD_QUARANTINED, /* its import ended the daemon twice; only the operator tries again */
    HELD_CLOSING,
};
const char *held_state_name(enum held_state s);

struct pools_env {
    struct run *run;
    const char *dir; /* the state folder; borrowed */
    /* A pool came, or is to go: its volumes are to be opened, or closed before the return. Parks.
     * On reactor 0; NULL: nobody follows. */
    void (*changed)(void *arg);
    void *arg;
};

/* All on reactor 0, in fibers. Reads the host id (minting it the first time) and the list of pools. Parks. */
int pools_open(const struct pools_env *env, struct pools **ret_pools, struct err *reterr);
/* Bytes that all pools together may use for what they read, and for what waits to be written: those that are open share them
 * evenly. Also while they are open. Parks. */
void pools_set_memory(struct pools *ps, uint64_t cache, uint64_t dirty);
/* Begins to import what was open; returns at once. */
void pools_start(struct pools *ps);
/* Hosts are gone: what waits for lost disks gets errors from now on, so that volumes can be closed. */
void pools_let_go(struct pools *ps);
/* Closes all pools as they are; the next start opens them again. 0, or -ETIMEDOUT: one does not let
 * go (an event names it). Parks, for seconds at most. NULL is fine. */
int pools_stop(struct pools *ps);
void pools_free(struct pools *ps); /* after a pools_stop() that returned 0; NULL is fine */

/* ---- who is there ------------------------------------------------------------------------ */

struct held_info {
    char name[CFG_DATASET_LEN];
    uint64_t guid; /* 0: not known yet */
    enum held_state state;
    char reason[240]; /* why it is not online */
    struct pool_coming coming;
    bool read_only;
    unsigned reactor;
};
/* Ascending by name, malloc'd; the caller frees. -ENOMEM. */
int pools_list(struct pools *ps, struct held_info **ret_list, unsigned *ret_n);

bool pools_is_online(struct pools *ps, const char *name);

/* Runs fn on the pool's home, where it cannot go meanwhile. -ENOENT: no such pool; -EAGAIN: not
 * online, with the reason; else what fn returns. Parks. */
typedef int pool_fn(struct pool *p, void *arg, struct err *reterr);
int pools_with(struct pools *ps, const char *name, pool_fn *fn, void *arg, struct err *reterr);
/* The same with the name's part before the first '/'; the rest is in *ret_below (NULL: there is none). */
int pools_with_dataset(struct pools *ps, const char *dataset, pool_fn *fn, void *arg,
                       struct err *reterr);
const char *
dataset_below(const char *dataset); /* what is behind the pool's name; "" : the pool itself */

/* ---- the operator's verbs ---------------------------------------------------------------- */

/* want->opts is filled in here. */
int pools_create(struct pools *ps, struct pool_create_want *want, struct err *reterr);
/* What a first start makes: a pool that mirrors its disks, with a thin volume. What is there of it already is taken as it is.
 * Parks, for ten seconds at most where the pool is being imported. */
struct pool_first {
    const char *pool, *volume; /* "demo", "demo/vm1" */
    const char *const *disks;
    unsigned ndisks;
    uint64_t size; /* of the volume, bytes */
};
int pools_first(struct pools *ps, struct pool_first *f, struct err *reterr);
/* Also one that is known and waiting. want->opts and, when they are NULL, the paths are filled in. */
int pools_import(struct pools *ps, struct pool_import_want *want,
                 char ret_name[CFG_DATASET_LEN], struct err *reterr);
/* What that would come to, into want->report; nothing is written, and no name is taken. The same errors. Parks. */
int pools_import_preview(struct pools *ps, struct pool_import_want *want, struct err *reterr);
/* Closes its volumes, then ends it. A pool that is not online is only forgotten. */
int pools_export(struct pools *ps, const char *name, struct err *reterr);
/* The same, and its labels then say that it is no more. -EAGAIN: it is not online; -EBUSY: it holds datasets. */
int pools_destroy(struct pools *ps, const char *name, bool force, struct err *reterr);
uint64_t pools_hostid(const struct pools *ps);
#define POOLS_BY_ID "/dev/disk/by-id" /* where disks are looked for */
/* A change of its disks was made: the list on disk follows. */
void pools_note(struct pools *ps, const char *name);

/* ---- for net ----------------------------------------------------------------------------- */

/* Fits net_env.volume_home. */
int pools_volume_home(struct pools *ps, const struct cfg_volume *v, struct reactor **ret_home,
                      struct err *reterr);
/* On the pool's home. Parks. */
int pools_volume_open(struct pools *ps, const struct cfg_volume *v, struct volume **ret_volume,
                      struct err *reterr);

#endif
