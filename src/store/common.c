/* SPDX-License-Identifier: BSD-2-Clause */
/* Zeros and the common half of geometry. Pure but for the list's own allocation. */
#include "store/store_int.h"

#include <errno.h>

static const uint8_t zeros[STORE_ZEROS_LEN] __attribute__((aligned(4096)));

/* A list has no const pieces; who writes through it meets the MMU. */
uint8_t *store_zeros(void)
{
    return (uint8_t *)(uintptr_t)zeros;
}

int store_zeros_add(struct sgl *s, uint64_t len)
{
    uint64_t before = s->len;
    while (s->len - before < len) {
        uint32_t n = (uint32_t)MIN(len - (s->len - before), STORE_ZEROS_LEN);
        int rc = sgl_add(s, NULL, store_zeros(), n);
        if (rc != 0) {
            sgl_truncate(s, before);
            return rc;
        }
    }
    return 0;
}

int store_geometry(const struct store_params *p, uint32_t store_physical,
                   struct volume_geometry *ret_geo, struct err *reterr)
{
    if (p->block_size != 512 && p->block_size != 4096)
        return err_set(reterr, -EINVAL, "volume %s: block size %u is not 512 or 4096", p->name,
                       p->block_size);
    uint32_t physical = p->physical_block ? p->physical_block : store_physical;
    physical = MAX(physical, p->block_size);
    if (!is_pow2(physical) || physical > IOBUF_MAX)
        return err_set(reterr, -EINVAL,
                       "volume %s: physical block size %u is not a power of two up to 1 MiB",
                       p->name, physical);
    *ret_geo = (struct volume_geometry){
        .block_size = p->block_size,
        .physical_block = physical,
        .read_only = p->read_only,
    };
    return 0;
}
