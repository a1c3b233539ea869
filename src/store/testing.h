/* SPDX-License-Identifier: BSD-2-Clause */
/* For unit tests of the engines: writes and reads of one byte value, inside fibers. */
#ifndef STORE_TESTING_H
#define STORE_TESTING_H

#include "store/store.h"
#include "volume/expect.h"

/* Fills [off, off + len) with a byte. */
static inline int fill(struct volume *v, uint64_t off, uint32_t len, int byte)
{
    uint8_t *bytes = malloc(len);
    struct sgl s;
    sgl_init(&s);
    memset(bytes, byte, len);
    int rc = sgl_add(&s, NULL, bytes, len);
    if (rc == 0)
        rc = volume_write(v, off, &s, 0);
    sgl_clear(&s);
    free(bytes);
    return rc;
}

/* Whether the list holds nothing but that byte. */
static inline bool all_are(const struct sgl *s, int byte)
{
    for (unsigned i = 0; i < s->n; i++)
        for (uint32_t j = 0; j < s->v[i].len; j++)
            if (s->v[i].p[j] != byte)
                return false;
    return true;
}

static inline bool reads_as(struct volume *v, uint64_t off, uint64_t len, int byte)
{
    struct sgl s;
    sgl_init(&s);
    bool same = volume_read(v, off, len, &s) == 0 && s.len == len && all_are(&s, byte);
    sgl_clear(&s);
    return same;
}

#endif
