/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files on top of the rooms. */
#ifndef POOL_POOL_INT_H
#define POOL_POOL_INT_H

#include "pool/pool_admin.h"
#include "pool/txg/txg.h"

#define POOL_CACHE_DEFAULT (64ull << 20)
#define POOL_DIRTY_DEFAULT (128ull << 20)
#define POOL_FREE_STEP     100000u

/* A pool with its tables made: what creation and import share. */
struct pool *pool_new(const char *name, const struct pool_opts *opts);
/* Frees what is in memory; closes disks. */
void pool_free(struct pool *p);
/* Makes space and block tables for the tree. */
int pool_tables(struct pool *p, const struct pool_opts *opts, uint64_t txg, struct err *reterr);
/* Takes note of an active feature. */
struct feature;
void pool_feature_active(struct pool *p, const struct feature *f);
/* The sync fiber starts; synced is on disk. The scan fiber, too. */
int pool_start(struct pool *p, uint64_t synced, struct err *reterr);
/* Both end; what there was is written. */
void pool_stop(struct pool *p);
/* What a block of psize bytes takes at most, as the books count it. */
uint64_t pool_block_cost(const struct pool *p, uint64_t psize);
/* What all datasets together may use, as OpenZFS counts it: what dsl_dir_available() wants. */
uint64_t pool_capacity(const struct pool *p);
/* Bytes, as the books count them, that can still be allocated without touching the slop, or all but so much of it. */
uint64_t pool_disks_left(const struct pool *p, unsigned slop_shift);
/* Something was freed that may not be used again yet. */
bool pool_held_back(const struct pool *p);
/* User properties: percent, or "off". The pool's is the root dataset's and is for all of it. */
#define POOL_THRESHOLD         "zsan:threshold"
#define POOL_THRESHOLD_DEFAULT 80u
#define VOLUME_THRESHOLD       "zsan:volume-threshold"
uint64_t threshold_of(const struct dsl_dir *dd, const char *property, uint64_t otherwise);
/* 1: used is above now, -1: it is below again; percent 0: there is no threshold. */
int threshold_cross(bool *above, uint64_t percent, uint64_t used, uint64_t size);
void pool_watch(struct pool *p);
/* What `zfs create -V` reserves for a volume that isn't sparse. */
uint64_t pool_full_reservation(const struct pool *p, uint64_t size, uint32_t block_size,
                               unsigned copies);
/* Splits "a/b/c" into its parent (in buf) and last component. */
const char *name_split(const char *name, char buf[DSL_NAME_MAX + 1]);
/* The name, with the pool's, is short enough for OpenZFS. */
int pool_dataset_name_check(const struct pool *p, const char *name, struct err *reterr);
/* Volumes with something in the txg that closes take part in it. */
int volumes_before_sync(struct pool *p, uint64_t txg);
/* The txg is on disk: how fast that was. */
void throttle_sync_ended(struct pool *p);
/* Shortcuts for a cache of so many bytes (zvol/shortcut.c). NULL: no memory. */
struct shortcuts *shortcuts_new(uint64_t cache_bytes);
void shortcuts_free(struct shortcuts *s); /* NULL is fine */
uint64_t shortcuts_hits(const struct shortcuts *s); /* NULL is fine */
/* Goes on in the background with destroys that a crash interrupted. */
void pool_destroys_finish(struct pool *p);
/* Open volumes take over what their properties say now; what was acknowledged before is durable on return. Parks. */
int volumes_follow(struct pool *p);
/* The open volume on a dataset, if there is one, has another size: who serves it is told. */
void volume_size_is(struct dsl_dataset *ds, uint64_t size);
/* Gives back what a crash left beyond a volume's end. dd is held. Parks. */
int volume_tail_free(struct pool *p, struct dsl_dir *dd, uint64_t size, uint32_t block_size,
                     struct err *reterr);
/* A packed name-value list that is an object of the MOS. -EBADMSG. Parks. */
int mos_nv_read(struct objset *mos, uint64_t id, struct nv **ret_nv, struct err *reterr);
/* The pool's own properties (settings.c); in memory from then on. Parks. */
int pool_props_load(struct pool *p, struct err *reterr);
/* Notes what the engine itself did, in the syncing txg (history.c). Parks. */
int history_internal(struct pool *p, uint64_t txg, const char *what, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The same for an operator's command. */
int history_command(struct pool *p, const char *text);
int pool_name_check(const char *name, struct err *reterr);

#endif
