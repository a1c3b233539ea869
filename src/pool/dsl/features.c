/* SPDX-License-Identifier: BSD-2-Clause */
/* Reference counts of feature flags (OpenZFS zfeature.c): absent, enabled (0) or active. */
#include "pool/dsl/dsl_int.h"

#include <errno.h>

/* The ZAP that has the feature; 0: neither. */
static int feature_zap(struct dsl *dsl, const char *guid, uint64_t *ret_zap,
                       uint64_t *ret_count)
{
    const uint64_t zaps[] = {dsl->feat_read, dsl->feat_write};
    for (unsigned i = 0; i < ARRAY_LEN(zaps); i++) {
        int r = zap_get_u64(dsl->mos, zaps[i], guid, ret_count);
        if (r != -ENOENT) {
            *ret_zap = zaps[i];
            return r;
        }
    }
    *ret_zap = 0;
    return 0;
}

int dsl_feature_get(struct dsl *dsl, const char *guid, int64_t *ret_count)
{
    uint64_t zap, count;
    int r = feature_zap(dsl, guid, &zap, &count);
    if (r)
        return r;
    *ret_count = zap ? (int64_t)count : -1;
    return 0;
}

int dsl_feature_add(struct dsl *dsl, const char *guid, int64_t by)
{
    uint64_t zap, count;
    int r = feature_zap(dsl, guid, &zap, &count);
    if (r)
        return r;
    if (zap == 0 || (by < 0 && count < (uint64_t)-by))
        return E(-EINVAL);
    return zap_set_u64(dsl->mos, zap, guid, count + (uint64_t)by);
}
