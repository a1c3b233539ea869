/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of this room. */
#ifndef POOL_DSL_DSL_INT_H
#define POOL_DSL_DSL_INT_H

#include "pool/dsl/dsl.h"

/* Adds a directory (object id) to the tree in memory; its head is read too. */
int dir_load(struct dsl *dsl, struct dsl_dir *parent, const char *component, uint64_t id,
             struct dsl_dir **ret_dd, struct err *reterr);
/* Takes it out of the tree and frees it; the objects stay. */
void dir_unload(struct dsl_dir *dd);
/* A dataset springs from $ORIGIN@$ORIGIN (by 1) or leaves it (by -1). */
int origin_count(struct dsl *dsl, uint64_t dataset, int by);
int dataset_load(struct dsl_dir *dd, uint64_t id, struct dsl_dataset **ret_ds,
                 struct err *reterr);
/* The objset of a dataset that has none yet. */
int dataset_open_new(struct dsl_dataset *ds, enum objset_type type, struct err *reterr);
void dataset_unload(struct dsl_dataset *ds);
int props_load(struct dsl_dir *dd);
static inline bool dir_is_hidden(const struct dsl_dir *dd)
{
    return dd->name[0] == '$';
}

static inline struct dsl_dir_phys *dir_change(struct dsl_dir *dd)
{
    return object_bonus_change(dd->obj);
}
static inline struct dsl_dataset_phys *dataset_change(struct dsl_dataset *ds)
{
    return object_bonus_change(ds->obj);
}

#endif
