/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files on top of the rooms. */
#ifndef POOL_POOL_INT_H
#define POOL_POOL_INT_H

#include "pool/pool_admin.h"
#include "pool/txg/txg.h"

#define POOL_CACHE_DEFAULT (64ull << 20)
#define POOL_DIRTY_DEFAULT (128ull << 20)
/* OpenZFS keeps 1/32 of a pool back, at least 128 MiB (or half of a small one), for frees and its own needs. */
#define POOL_SLOP_SHIFT 5
#define POOL_SLOP_MIN   (128ull << 20)

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
/* Bytes that users' data may still take: free space less slop and what is dirty. */
uint64_t pool_available(const struct pool *p);
/* Volumes with something in the txg that closes take part in it. */
int volumes_before_sync(struct pool *p, uint64_t txg);
/* Goes on with the volumes whose destruction a crash interrupted. Parks. */
int pool_destroys_finish(struct pool *p, struct err *reterr);
int pool_name_check(const char *name, struct err *reterr);

#endif
