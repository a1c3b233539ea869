/* SPDX-License-Identifier: BSD-2-Clause */
/* Values for properties, checked as far as they can be without a dataset, then with one, then applied. */
#ifndef POOL_SET_H
#define POOL_SET_H

#include "pool/pool_int.h"
#include "pool/props.h"

struct setting {
    const char *name, *value;    /* value NULL: inherit, or the default */
    const struct property *prop; /* NULL: a user property */
    uint64_t number;             /* SETTING_AUTO: as OpenZFS computes it */
};
#define SETTING_AUTO UINT64_MAX

int setting_parse(const char *name, const char *value, struct setting *ret, struct err *reterr);
/* Whether such a dataset has it at all. */
int setting_fits(const struct setting *s, enum pool_dataset_type type, struct err *reterr);
/* In the sync fiber: there is room for it. -ENOSPC. */
int setting_check(const struct setting *s, const struct pool *p, const struct dsl_dir *dd,
                  struct err *reterr);
int setting_apply(const struct setting *s, struct dsl_dir *dd);

#endif
