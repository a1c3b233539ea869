/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools as the operator knows them: create, import, export, volumes in them. All calls are made on the pool's home
 * reactor (where it was created or imported), from fibers, and park. Errors name the disk or dataset and the fix.
 */
#ifndef POOL_POOL_ADMIN_H
#define POOL_POOL_ADMIN_H

#include "base/err.h"
#include "volume/volume.h"

struct pool;

/* ---- pools (create.c, import.c) --------------------------------------------------------------------- */

enum pool_layout { LAYOUT_SINGLE, LAYOUT_MIRROR, LAYOUT_RAIDZ1, LAYOUT_RAIDZ2, LAYOUT_RAIDZ3 };
struct pool_group {
    enum pool_layout layout;
    unsigned n;
    const char *const *paths;
};
struct pool_opts {
    uint64_t cache_bytes; /* 0: 64 MiB */
    uint64_t dirty_bytes; /* most that may wait to be written; 0: 128 MiB */
    uint64_t hostid;
    const char *hostname;
};
struct pool_create_want {
    const char *name;
    const struct pool_group *groups;
    unsigned ngroups;
    unsigned ashift; /* 0: from the disks */
    bool force;      /* disks that hold another pool's labels, groups of different redundancy */
    struct pool_opts opts;
};
int pool_create(const struct pool_create_want *want, struct pool **ret_pool,
                struct err *reterr);

struct pool_import_want {
    const char *const *paths; /* devices and files that may belong to it, NULL at the end */
    const char *name;         /* NULL: the only one found, or by guid */
    uint64_t guid;            /* 0: by name */
    const char *new_name;     /* NULL: keep */
    bool read_only;
    bool force;       /* in use by another host, as far as its labels say */
    uint64_t max_txg; /* the newest state that is looked at; 0: any */
    struct pool_opts opts;
};
int pool_import(const struct pool_import_want *want, struct pool **ret_pool,
                struct err *reterr);
/* Writes what is there, marks it exported and closes it. -EBUSY: a volume is open; -EAGAIN: it is suspended (by force: pool_let_go(),
 * close its volumes, pool_close()). Else the pool is closed even when marking fails. */
int pool_export(struct pool *p, struct err *reterr);
/* Closes it as it is (a daemon's stop): the next start opens it again. A suspended pool lets go. */
void pool_close(struct pool *p);
const char *pool_name(const struct pool *p);
/* Everything that was acknowledged until now is in the tree on disk. */
int pool_sync(struct pool *p);

/* Bytes. */
struct pool_space {
    uint64_t size, allocated, available;
};
void pool_space(const struct pool *p, struct pool_space *ret);

/* ---- trouble (txg/suspend.c) ------------------------------------------------------------------------ */

/* Suspended: too few disks are left. Reads and writes wait (failmode=continue: new ones get -EIO), the operator's changes are
 * refused with -EAGAIN. It ends by pool_clear(), or by itself when the disks that went away are back. Failed: a txg
 * could not be written for another reason; every write gets an error until the pool was closed and imported again. */
struct pool_trouble {
    enum { POOL_FINE, POOL_SUSPENDED, POOL_FAILED } kind;
    uint64_t since; /* wall clock, seconds */
    char why[512];
};
void pool_trouble(const struct pool *p, struct pool_trouble *ret);
bool pool_suspended(const struct pool *p);
/* Before volumes are closed when the daemon stops: what waits for disks, now or later, gets -EIO instead. What was acknowledged is
 * in the log or in the tree. */
void pool_let_go(struct pool *p);

/* ---- repair (repair.c) ------------------------------------------------------------------------------ */

/* Reads all that the pool holds, snapshots included, and repairs what is bad, in the background. Starting goes on with a
 * paused one, from the beginning. -EBUSY: a scrub or resilver is running; -ENOENT: none to pause or cancel. */
enum pool_scrub_verb { POOL_SCRUB_START, POOL_SCRUB_PAUSE, POOL_SCRUB_CANCEL };
int pool_scrub(struct pool *p, enum pool_scrub_verb verb, struct err *reterr);

enum pool_scan_state {
    POOL_SCAN_NEVER,
    POOL_SCAN_RUNNING,
    POOL_SCAN_PAUSED,
    POOL_SCAN_FINISHED,
    POOL_SCAN_CANCELLED
};
/* The newest scrub or resilver. */
struct pool_scan_status {
    enum pool_scan_state state;
    bool resilver;
    uint64_t examined, to_examine, repaired; /* bytes */
    uint64_t errors;                         /* blocks that could not be repaired */
    uint64_t start, end;                     /* wall clock, seconds */
    uint64_t seconds_left;                   /* 0: unknown */
};
void pool_scan_status(const struct pool *p, struct pool_scan_status *ret);
/* Until no scrub or resilver is running or due. */
void pool_scan_wait(struct pool *p);

/* Takes a disk out of service, by path or guid, until it is brought online again, across imports. -ENOENT; -EBUSY: the pool
 * cannot do without it. */
int pool_offline(struct pool *p, const char *disk, struct err *reterr);
/* Brings one back that is offline, failed or was missing; what it lacks is copied to it in the background. -ENXIO: it cannot
 * be opened. */
int pool_online(struct pool *p, const char *disk, struct err *reterr);

/* ---- volumes (volume.c, dataset.c); names are below the pool: "a/b" ------------------------------------- */

struct pool_volume_want {
    const char *name;
    uint64_t size;       /* bytes: a multiple of block_size */
    uint32_t block_size; /* 0: VOLBLOCK_DEFAULT */
    bool reserve;        /* not sparse: refreservation as OpenZFS computes it */
    bool make_parents;
    const char *compression; /* NULL: inherit; "off", "lz4" */
    const char *checksum;    /* NULL: inherit; "fletcher4", "sha256" */
};
int pool_volume_create(struct pool *p, const struct pool_volume_want *want, struct err *reterr);
int pool_volume_destroy(struct pool *p, const char *name, struct err *reterr);
int pool_rename(struct pool *p, const char *from, const char *to, struct err *reterr);
/* Opens for I/O, once. -EBUSY. volume_close() ends it. */
int pool_volume_open(struct pool *p, const char *name, struct volume **ret_v,
                     struct err *reterr);
/* Properties by OpenZFS's names; user properties have a colon in theirs. value NULL: inherit. */
int pool_set(struct pool *p, const char *dataset, const char *property, const char *value,
             struct err *reterr);

#endif
