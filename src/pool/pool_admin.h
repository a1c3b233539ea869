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
    bool force; /* in use by another host, as far as its labels say */
    struct pool_opts opts;
};
int pool_import(const struct pool_import_want *want, struct pool **ret_pool,
                struct err *reterr);
/* Writes what is there, marks it exported and closes it. -EBUSY: a volume is open. The pool is closed even when marking fails. */
int pool_export(struct pool *p, struct err *reterr);
/* Closes it as it is (a daemon's stop): the next start opens it again. */
void pool_close(struct pool *p);
const char *pool_name(const struct pool *p);
/* Everything that was acknowledged until now is in the tree on disk. */
int pool_sync(struct pool *p);

/* Bytes. */
struct pool_space {
    uint64_t size, allocated, available;
};
void pool_space(const struct pool *p, struct pool_space *ret);

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
