/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks that went to their places in the pool ahead of their txg. The records that point to them wait here until they are
 * written, their group's flush makes them durable, and only then may the txg leave them where they are: until then it writes
 * them again with all else, so that a disk that forgot them is no harm. One that forgot them and was back before the flush
 * shows in the root's count of losses.
 */
#include "pool/zil/log_int.h"

#include <errno.h>
#include <stdlib.h>

struct zil_data {
    unsigned refs;
    bool written, durable;
    int result;
    uint64_t losses; /* the root's, before anything was written */
    struct tops tops;
    struct waitq done;
};

struct zil_data *zil_data_new(uint64_t losses)
{
    struct zil_data *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->refs = 1;
    d->losses = losses;
    waitq_init(&d->done);
    return d;
}

struct zil_data *zil_data_ref(struct zil_data *d)
{
    d->refs++;
    return d;
}

void zil_data_put(struct zil_data *d)
{
    if (d && --d->refs == 0)
        free(d);
}

void zil_data_touches(struct zil_data *d, const struct bp *bp)
{
    for (unsigned i = 0; i < bp_ndvas(bp); i++)
        *tops_at(&d->tops, bp_dva(bp, i).vdev) = true;
}

void zil_data_written(struct zil_data *d, int result)
{
    d->written = true;
    d->result = result;
    waitq_wake_all(&d->done);
}

bool zil_data_is_durable(const struct zil_data *d)
{
    return d->durable;
}

bool zil_data_is_lost(const struct zil_data *d, uint64_t losses)
{
    return d->losses != losses;
}

int zil_data_wait(struct zil_data *d, struct tops *add)
{
    while (!d->written)
        waitq_wait(&d->done, NO_DEADLINE, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(add->v); i++)
        add->v[i] |= d->tops.v[i];
    return d->result;
}

void zil_data_flushed(struct zil_data *d)
{
    d->durable = true;
}
