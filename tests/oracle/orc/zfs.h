/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OpenZFS's headers, and what is declared in those that can't be included (they want a header that the
 * package lacks).
 */
#ifndef ORC_ZFS_H
#define ORC_ZFS_H

#include <sys/zfs_context.h>

#include <sys/dmu.h>
#include <sys/dsl_dataset.h>
#include <sys/dsl_dir.h>
#include <sys/dsl_prop.h>
#include <sys/fs/zfs.h>
#include <sys/spa.h>
#include <sys/txg.h>
#include <sys/zap.h>
#include <sys/zil.h>

#include <libnvpair.h>
#include <libzutil.h>
#include <zfs_prop.h>

#define VOLUME_DATA 1 /* objects of a volume */
#define VOLUME_PROP 2

extern int dmu_objset_own(const char *name, dmu_objset_type_t type, boolean_t readonly,
                          boolean_t decrypt, void *tag, objset_t **ret);
extern void dmu_objset_disown(objset_t *os, boolean_t decrypt, void *tag);
extern zilog_t *dmu_objset_zil(objset_t *os);
extern struct dsl_pool *dmu_objset_pool(objset_t *os);
extern int dmu_objset_clone(const char *clone, const char *origin);
extern int dmu_objset_snapshot_one(const char *fsname, const char *snapname);
extern void dmu_objset_rele(objset_t *os, void *tag);
extern int dsl_destroy_head(const char *name);
extern int dsl_destroy_snapshot(const char *name, boolean_t defer);
extern int vdev_offline(spa_t *spa, uint64_t guid, uint64_t flags);
extern int vdev_online(spa_t *spa, uint64_t guid, uint64_t flags, vdev_state_t *ret);
extern int zfs_txg_timeout;
extern unsigned long zfs_async_block_max_blocks;
extern int zfs_arc_min_prefetch_ms, zfs_arc_min_prescient_prefetch_ms;

#endif
