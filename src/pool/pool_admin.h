/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools as the operator knows them: create, import, export, volumes in them. All calls are made on the pool's home
 * reactor (where it was created or imported), from fibers, and park. Errors name the disk or dataset and the fix.
 */
#ifndef POOL_POOL_ADMIN_H
#define POOL_POOL_ADMIN_H

#include "base/err.h"
#include "base/progress.h"
#include "volume/volume.h"

struct pool;

/* ---- pools (create.c, import.c) --------------------------------------------------------------------- */

/* What an import is at, as progress.step, and the units of it. */
enum pool_import_step {
    POOL_IMPORT_LABELS = 1, /* looking for labels: devices and files */
    POOL_IMPORT_TREE, /* reading the newest state: disks and groups of disks; of 0: before these are known */
    POOL_IMPORT_LOGS,  /* following intent logs: datasets */
    POOL_IMPORT_CLAIM, /* claiming these: datasets */
};
struct pool_progress {
    struct progress import;
    /* Of volumes that are opened. step: how many replay their logs now; units: records of these logs; the nth volume
     * of all that needed it when the pool was imported. */
    struct progress replay;
};

enum pool_layout { LAYOUT_SINGLE, LAYOUT_MIRROR, LAYOUT_RAIDZ1, LAYOUT_RAIDZ2, LAYOUT_RAIDZ3 };
struct pool_group {
    enum pool_layout layout;
    unsigned n;
    const char *const *paths;
};
struct pool_opts {
    uint64_t cache_bytes; /* 0: 64 MiB */
    uint64_t dirty_bytes; /* most that may wait to be written; 0: 128 MiB */
    unsigned
        free_step; /* most blocks that a destroy or shrinking gives back in one txg; 0: 100,000 */
    unsigned scan_keep_ms; /* how often a scrub or resilver writes down where it is; 0: 5000 */
    uint64_t hostid;
    const char *hostname;
    struct pool_progress *progress; /* stays as long as the pool; NULL: nobody asks */
};
struct pool_create_want {
    const char *name;
    const struct pool_group *groups;
    unsigned ngroups;
    unsigned ashift; /* 0: from the disks */
    bool force;      /* disks that hold another pool's labels, groups of different redundancy */
    const char *const *spares;
    unsigned nspares;
    struct pool_opts opts;
};
int pool_create(const struct pool_create_want *want, struct pool **ret_pool,
                struct err *reterr);
/* All that it looks at before it writes; nothing is written. Parks. */
int pool_create_check(const struct pool_create_want *want, struct err *reterr);

struct pool_import_want {
    const char *const *paths; /* where its disks may be, NULL at the end */
    const char *name;         /* NULL: the only one found, or by guid */
    uint64_t guid;            /* 0: by name */
    const char *new_name;     /* NULL: keep */
    bool read_only;
    bool force;       /* in use by another host, as far as its labels say */
    uint64_t max_txg; /* the newest state that is looked at; 0: any */
    bool destroyed;   /* one that was destroyed, and no other (-D) */
    bool
        dry_run; /* only look: nothing is written, *ret_pool is NULL, report says what would be (-n) */
    bool
        rewind; /* the newest state that is whole, if the newest isn't: back by up to two txgs (-F); what only missing disks hold is given up */
    bool rewind_far; /* by more, though what it needs may have been written over (-FX) */
    struct pool_import_report *report; /* filled when it works, or would; NULL: nobody asks */
    struct pool_opts opts;
};
struct pool_import_report {
    const char *health; /* "ONLINE", "DEGRADED" */
    bool read_only;
    char read_only_why[200];  /* a feature, a device, an intent log; "": as was asked */
    uint64_t txg, newest_txg; /* the state that is used; differ: it goes back */
    uint64_t seconds_lost;
};
/* Paths are devices, files, and folders of these. Errors: -ENOENT, -EEXIST (ambiguous, or a copied disk), -EBUSY (another host
 * or program has it), -ENXIO (disks are missing), -EBADMSG (damaged), -EOPNOTSUPP. What forbids writing but not reading makes it
 * read-only, see pool_read_only(). */
int pool_import(const struct pool_import_want *want, struct pool **ret_pool,
                struct err *reterr);
/* Writes what is there, marks it exported and closes it. -EBUSY: a volume is open; -EAGAIN: it is suspended (by force: pool_let_go(),
 * close its volumes, pool_close()). Else the pool is closed even when marking fails. */
int pool_export(struct pool *p, struct err *reterr);
/* True: nothing can be written; *ret_why (may be NULL): what forces it, "" when it was asked for. */
bool pool_read_only(const struct pool *p, const char **ret_why);
/* As export, but its labels then say that it was destroyed; import brings it back as long as its disks aren't used otherwise.
 * Still open after -EBUSY: a volume is open; or, without force, it holds datasets; -EAGAIN: it is suspended; -EROFS. */
int pool_destroy(struct pool *p, bool force, struct err *reterr);
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

/* Suspended: too few disks are left. Reads and writes wait (failmode=continue: new ones fail), the operator's changes are
 * refused with -EAGAIN. So it is when only a disk that is away has what somebody needs. It ends by pool_clear(), or by
 * itself when the disks that went away are back. Failed: a txg could not be written for another reason; every write gets an error
 * until the pool was closed and imported again. */
struct pool_trouble {
    enum { POOL_FINE, POOL_SUSPENDED, POOL_FAILED } kind;
    uint64_t since; /* wall clock, seconds */
    char why[512];
};
void pool_trouble(const struct pool *p, struct pool_trouble *ret);
bool pool_suspended(const struct pool *p);
/* Before volumes are closed when the daemon stops: what waits for disks, now or later, fails instead. What was acknowledged is
 * in the log or in the tree. */
void pool_let_go(struct pool *p);

/* ---- how it is (status.c) --------------------------------------------------------------------------- */

/* One vdev, in the order and depth in which `zpool status` shows them. */
struct pool_vdev_status {
    unsigned depth;    /* 1: a top-level vdev */
    bool leaf;         /* a disk; else a group */
    bool spare;        /* a hot spare, "AVAIL", "INUSE" or "UNAVAIL"; those come last */
    char name[256];    /* a disk's path; "mirror-0", "raidz1-2", "spare-0" */
    const char *state; /* "ONLINE", "DEGRADED", "OFFLINE", "UNAVAIL", ... */
    uint64_t guid;
    uint64_t read_errors, write_errors, checksum_errors;
    uint64_t repaired;                                 /* bytes rewritten from redundancy */
    uint64_t reads, writes, bytes_read, bytes_written; /* of a group: those of its disks */
    char note[160]; /* "resilvering", "was at PATH", ...; "": nothing to say */
};
struct pool_status {
    uint64_t guid;
    const char *health; /* the state of the whole */
    bool read_only;
    char suspended[512]; /* why it is suspended or has failed; "": it is neither */
    unsigned open_volumes;
    struct pool_vdev_status *vdevs; /* pool_status_free() */
    unsigned nvdevs;
};
/* Does not park. -ENOMEM. */
int pool_status(const struct pool *p, struct pool_status *ret);
void pool_status_free(struct pool_status *s);

/* ---- which pools there are (found.c) ------------------------------------------------------------------ */

struct pool_found_disk {
    unsigned depth;    /* 0: the pool itself */
    char name[256];    /* a disk's path; "mirror-0", "raidz2-1" */
    const char *state; /* "ONLINE", "UNAVAIL", ... */
    char note[240];    /* why it cannot be used; "" */
    uint64_t guid;
};
struct pool_found {
    char name[256];
    uint64_t guid;
    const char *state;  /* "ACTIVE", "EXPORTED", "DESTROYED" */
    const char *health; /* as it would be when imported; "UNAVAIL": too few disks are there */
    char hostname[64];  /* that used it last */
    uint64_t hostid;
    bool
        can_import; /* without force; reason says what is in the way, or of what the operator should know */
    bool read_only; /* only so, and reason says why */
    char reason[240];
    struct pool_found_disk *disks; /* parents before children */
    unsigned ndisks;
};
/* All pools that the devices, files and folders in paths (NULL at the end) carry labels of. hostid: ours. Writes nothing.
 * *ret: free with pool_found_free(). Parks. */
int pool_scan_devices(const char *const *paths, uint64_t hostid, struct pool_found **ret,
                      unsigned *ret_n, struct err *reterr);
void pool_found_free(struct pool_found *found, unsigned n);

/* ---- a pool's properties and history (settings.c, history.c) --------------------------------------------------------- */

/* autoreplace (on, off), failmode (wait, continue), comment (NULL or "": none). -EINVAL names what may be set. */
int pool_prop_set(struct pool *p, const char *name, const char *value, struct err *reterr);
/* These and what `zpool get` has of figures: guid, size, allocated, free, capacity, health, version, readonly, dedupratio; numbers
 * are exact. *ret_source: "default", "local", "-". -EINVAL: no such property; -ENOSPC: cap is too small. */
int pool_prop_get(const struct pool *p, const char *name, char *ret_value, size_t cap,
                  const char **ret_source, struct err *reterr);
/* The i-th name, NULL past the end. */
const char *pool_prop_name(unsigned i);

struct pool_history_entry {
    uint64_t time;           /* seconds */
    uint64_t txg;            /* 0: unknown */
    bool internal;           /* by the engine; else a command */
    const char *what, *text; /* internal: its name; the command, or the details */
    const char *hostname;    /* "": unknown */
};
/* Calls fn for each entry, oldest first; not 0 ends it. -EBADMSG. Parks. */
int pool_history(struct pool *p, int (*fn)(void *arg, const struct pool_history_entry *e),
                 void *arg);
/* Notes a command ("zsan pool scrub tank"); durable when it returns. */
int pool_history_log(struct pool *p, const char *text, struct err *reterr);

/* The cache of blocks, since the pool was opened. */
struct pool_cache {
    uint64_t bytes, budget;
    uint64_t hits, misses;  /* of blocks that somebody asked for */
    uint64_t prefetch_hits; /* hits that had been read ahead */
};
void pool_cache(const struct pool *p, struct pool_cache *ret);
/* As in struct pool_opts, from now on; what exceeds it goes. */
void pool_set_memory(struct pool *p, uint64_t cache_bytes, uint64_t dirty_bytes);

/* ---- repair (repair.c) ------------------------------------------------------------------------------ */

/* Reads all that the pool holds, snapshots included, and repairs what is bad, in the background. Starting goes on with a
 * paused one where it was, also after an import. -EBUSY: a scrub or resilver is running; -ENOENT: none to pause or cancel. */
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
/* Until no scrub or resilver is running or due, and what waited for its end is done (a replaced disk has left). */
void pool_scan_wait(struct pool *p);

/* ---- disks (disks.c, spares.c); a disk is named by its path or guid ------------------------------------ */

/* Takes a disk out of service until it is brought online again, across imports. -ENOENT; -EBUSY: the pool cannot do
 * without it. */
int pool_offline(struct pool *p, const char *disk, struct err *reterr);
/* Brings one back that is offline, failed or was missing; what it lacks is copied to it in the background. -ENXIO: it cannot
 * be opened. */
int pool_online(struct pool *p, const char *disk, struct err *reterr);
/* Forgets the errors of a disk (NULL: of all), opens those anew that had failed, and lets a suspended pool go on. give_up: disks
 * that are away nevertheless are not waited for any more; what only they hold is damaged until they are back. -ENXIO: disks that
 * are needed are not there. */
int pool_clear(struct pool *p, const char *disk, bool give_up, struct err *reterr);

/* More groups and hot spares for the pool. -EINVAL: a group is not as those that are there (force), or a disk is too small;
 * -EBUSY: a disk is in use, or has labels of some pool (force). Nothing was written to any disk then. */
int pool_add(struct pool *p, const struct pool_group *groups, unsigned ngroups,
             const char *const *spares, unsigned nspares, bool force, struct err *reterr);
/* All that it looks at before it writes; nothing is written. Parks. */
int pool_add_check(struct pool *p, const struct pool_group *groups, unsigned ngroups,
                   const char *const *spares, unsigned nspares, bool force, struct err *reterr);
/* Mirrors a single disk, or gives a mirror one more side. Errors of pool_add(); -ENOSPC: too small. The copying goes on in
 * the background. */
int pool_attach(struct pool *p, const char *disk, const char *new_disk, bool force,
                struct err *reterr);
/* Copies what a disk has, or had, to another one (NULL: a new device at the same path), in the background; then the old one
 * leaves the pool. A new disk that is a spare of this pool stays one. */
int pool_replace(struct pool *p, const char *disk, const char *new_disk, bool force,
                 struct err *reterr);
/* Takes one side out of a mirror, or ends a replacement or the use of a spare. -EBUSY: the others don't hold everything. */
int pool_detach(struct pool *p, const char *disk, struct err *reterr);
/* -EBUSY: it is in use. */
int pool_remove_spare(struct pool *p, const char *disk, struct err *reterr);
/* The i-th spare; false past the end. */
struct pool_spare_info {
    const char *path; /* as long as the list is not changed */
    uint64_t guid;
    bool in_use; /* by this pool */
    const char *
        state; /* "AVAIL", "INUSE" (by this pool or another one), "UNAVAIL": as the caretaker last saw it */
    const char *note; /* "in use by pool lake", why it cannot be used; "" */
};
bool pool_spare(const struct pool *p, unsigned i, struct pool_spare_info *ret);

/* ---- datasets (list.c, get.c); names are below the pool: "a/b", "" is its root, "a/b@c" a snapshot ------ */

#define POOL_DATASET_NAME_MAX 255u  /* without the NUL; the pool's name and a slash included */
#define POOL_VALUE_MAX        8192u /* bytes of a property's value, NUL included */
#define POOL_SOURCE_MAX       528u  /* bytes of a source, NUL included */

enum pool_dataset_type {
    POOL_FOLDER = 1, /* OpenZFS: file system */
    POOL_VOLUME = 2,
    POOL_SNAPSHOT = 4,
};
struct pool_dataset {
    char name[POOL_DATASET_NAME_MAX + 1];
    enum pool_dataset_type type;
    unsigned depth; /* 0: where the listing began; a snapshot is one below its dataset */
};
/* What there is at and below a dataset, at most depth levels down (UINT_MAX: all), of the types wanted (bits): in the order
 * of names, parents first, each followed by its snapshots, oldest first. *ret: malloc'd. Datasets that are being made or
 * destroyed are left out. -ENOENT. */
int pool_list(struct pool *p, const char *below, unsigned depth, unsigned types,
              struct pool_dataset **ret, unsigned *ret_n, struct err *reterr);
/* A property's value as text: plain bytes, seconds, "1.50" for ratios, 0 for no limit, "-" where the dataset has no such
 * property or it is not set. Its source: "local", "default", "received", "inherited from POOL/NAME", or "-".
 * ret_source: POOL_SOURCE_MAX bytes, or NULL. -ENOENT; -EINVAL: no native property and no colon in it; -ENOSPC: cap. */
int pool_get(struct pool *p, const char *dataset, const char *property, char *ret_value,
             size_t cap, char *ret_source, struct err *reterr);
/* Calls fn for each property that the dataset has: native ones as OpenZFS lists them, then the user's, inherited ones too. fn
 * may not park; not 0 ends the walk with it. */
typedef int (*pool_prop_fn)(void *arg, const char *property, const char *value,
                            const char *source);
int pool_get_all(struct pool *p, const char *dataset, pool_prop_fn fn, void *arg,
                 struct err *reterr);

/* ---- making, changing and unmaking them (make.c, set.c, resize.c, datasets.c) ------------------------------- */

struct pool_prop {
    const char *name, *value;
};
struct pool_volume_want {
    const char *name;
    uint64_t size;       /* bytes: rounded up to whole blocks */
    uint32_t block_size; /* 0: VOLBLOCK_DEFAULT */
    bool reserve;        /* not sparse: refreservation as OpenZFS computes it */
    bool make_parents;
    const char *compression;       /* NULL: inherit; "off", "lz4" */
    const char *checksum;          /* NULL: inherit; "fletcher4", "sha256" */
    const struct pool_prop *props; /* more of them, the user's too; set in the same txg */
    unsigned nprops;
};
int pool_volume_create(struct pool *p, const struct pool_volume_want *want, struct err *reterr);
/* A folder that holds volumes and folders: for OpenZFS an empty file system. */
struct pool_folder_want {
    const char *name;
    bool make_parents;
    const struct pool_prop *props;
    unsigned nprops;
};
int pool_folder_create(struct pool *p, const struct pool_folder_want *want, struct err *reterr);
/* A dataset without snapshots, and without children unless they go with it. -EBUSY names what is in the way, or says what is in
 * use; nothing is destroyed then. Returns when all is given back, in bounded steps; a crash in between leaves the dataset
 * hidden, and the next import goes on in the background. */
int pool_dataset_destroy(struct pool *p, const char *name, bool recursive, struct err *reterr);
/* Bytes that destroys have yet to give back; OpenZFS: the pool's `freeing`. */
uint64_t pool_freeing(const struct pool *p);
int pool_volume_destroy(struct pool *p, const char *name, struct err *reterr);
/* Open volumes stay open, and keep all they have. */
int pool_rename(struct pool *p, const char *from, const char *to, struct err *reterr);
/* Whether an open volume is that dataset now ("pool/a/b"). On the pool's home; doesn't park. */
bool pool_volume_is(struct volume *v, const char *dataset);
/* Properties by OpenZFS's names; user properties have a colon in theirs. value NULL: inherit, or the default. Open volumes
 * follow sync, readonly, compression, checksum and volsize. */
int pool_set(struct pool *p, const char *dataset, const char *property, const char *value,
             struct err *reterr);
/* To size bytes, whole blocks. Smaller: what lies beyond is lost, and given back in bounded steps, after the new size is on
 * disk; a crash in between costs nothing but that the rest is given back when the volume is opened. A refreservation that
 * was what OpenZFS computes follows. -ENOSPC: not enough for the refreservation. */
int pool_volume_resize(struct pool *p, const char *name, uint64_t size, struct err *reterr);

/* ---- volumes in use (zvol/) ---------------------------------------------------------------------------------- */

/* Opens for I/O, once. -EBUSY. volume_close() ends it. */
int pool_volume_open(struct pool *p, const char *name, struct volume **ret_v,
                     struct err *reterr);

/* ---- damage (errors.c) ------------------------------------------------------------------------------ */

/* What cannot be repaired, found by a read or a scrub: remembered across imports until a whole scrub doesn't find it any more. */
struct pool_error {
    char dataset
        [POOL_DATASET_NAME_MAX +
         1]; /* below the pool, "a/b" or "a/b@snap"; "<metadata>": the pool's own; "<0x2a>": one that is gone */
    uint64_t object;
    uint64_t offset, len; /* bytes of a volume; len 0: not of its data */
};
/* Calls fn for each until it returns other than 0, which is returned. -ENOMEM. Parks. */
int pool_errors(struct pool *p, int (*fn)(void *arg, const struct pool_error *e), void *arg);
/* How many blocks that are. */
uint64_t pool_error_count(const struct pool *p);

#endif
