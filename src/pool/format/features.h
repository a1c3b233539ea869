/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Feature flags: what a pool may use beyond the format of 2010. A pool counts for each feature
 * how often it is in use: absent means disabled, 0 enabled, more active. Only active features
 * matter for who may open the pool. Pure; the counts are dsl/'s.
 */
#ifndef POOL_FORMAT_FEATURES_H
#define POOL_FORMAT_FEATURES_H

#include "base/err.h"
#include "base/util.h"

/* What the feature is (OpenZFS zfeature_common.c). */
#define FEATURE_READ_ONLY_OK                                                                   \
    1u                     /* who doesn't know it may still read the pool: features_for_write */
#define FEATURE_MOS     2u /* when active: listed in labels, as it is needed to read the MOS */
#define FEATURE_AT_ONCE 4u /* its count is 1 from when it is enabled */
/* What we do. */
#define FEATURE_CREATE 16u /* enabled in new pools */
#define FEATURE_WORKS  32u /* we write pools in which it is active */

struct feature {
    const char *guid; /* its name in the pool */
    const char *name; /* operators' */
    unsigned flags;
};

/* All features we know of, n in number. */
const struct feature *feature_table(unsigned *ret_n);
/* NULL: not one we know. */
const struct feature *feature_find(const char *guid);

enum feature_access { FEATURE_WRITE, FEATURE_READ_ONLY, FEATURE_NO_ACCESS };
/* How far a pool may be opened in which the feature with this guid is active; from_read: it
 * was found in features_for_read, which decides for guids we don't know. When that isn't
 * FEATURE_WRITE, reterr (may be NULL) holds -EOPNOTSUPP and a sentence with its name. */
enum feature_access feature_access(const char *guid, bool from_read, struct err *reterr);

#endif
