/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the files of this room. */
#ifndef POOL_ZIL_LOG_INT_H
#define POOL_ZIL_LOG_INT_H

#include "pool/zil/log.h"

/* Which top-level vdevs were written to, by id modulo: what a group has to flush. */
struct tops {
    bool v[64];
};
static inline bool *tops_at(struct tops *t, uint64_t id)
{
    return &t->v[id % ARRAY_LEN(t->v)];
}

/* Waits until the blocks are written: 0 and their tops added, or why they are not. Parks. */
int zil_data_wait(struct zil_data *d, struct tops *add);
bool zil_data_is_lost(const struct zil_data *d, uint64_t losses); /* some of it may be */
void zil_data_flushed(struct zil_data *d);

#endif
