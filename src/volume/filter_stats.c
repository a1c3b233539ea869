/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts operations, bytes, errors and latencies of what passes. Two clock readings an
 * operation; no allocation, no parking of its own. The counters are found through volume.stats
 * from every volume above.
 */
#include "volume/filter.h"

#include <errno.h>
#include <stdlib.h>

struct stats_filter {
    struct volume v;
    struct volume_stats stats;
};

static uint64_t op_begin(struct volume *v)
{
    uint64_t now = run_now_precise();
    if (v->stats->in_flight++ == 0)
        v->stats->alive = now;
    return now;
}

static int op_end(struct volume *v, enum volume_op op, uint64_t begun, uint64_t bytes, int rc)
{
    struct volume_op_stats *s = &v->stats->op[op];
    uint64_t now = run_now_precise(), ns = now - begun;
    v->stats->in_flight--;
    v->stats->alive = now;
    s->ops++;
    s->ns += ns;
    s->lat[volume_lat_bucket(ns)]++;
    if (rc == 0)
        s->bytes += bytes;
    else
        s->errors++;
    return rc;
}

static int stats_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    uint64_t begun = op_begin(v);
    return op_end(v, VOL_OP_READ, begun, len, filter_read(v, off, len, out));
}

static int stats_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags)
{
    uint64_t begun = op_begin(v), len = data->len;
    return op_end(v, VOL_OP_WRITE, begun, len, filter_write(v, off, data, flags));
}

static int stats_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                              unsigned flags)
{
    uint64_t begun = op_begin(v);
    return op_end(v, VOL_OP_ZERO, begun, len,
                  filter_write_zeroes(v, off, len, may_unmap, flags));
}

static int stats_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    uint64_t begun = op_begin(v);
    return op_end(v, VOL_OP_DISCARD, begun, len, filter_discard(v, off, len, flags));
}

static int stats_flush(struct volume *v)
{
    uint64_t begun = op_begin(v);
    return op_end(v, VOL_OP_FLUSH, begun, 0, filter_flush(v));
}

static const struct volume_ops stats_ops = {
    .engine = "stats",
    .read = stats_read,
    .write = stats_write,
    .write_zeroes = stats_write_zeroes,
    .discard = stats_discard,
    .flush = stats_flush,
    .extents = filter_extents,
    .copy = filter_copy,
    .resize = filter_resize,
    .space = filter_space,
    .get_attr = filter_get_attr,
    .set_attr = filter_set_attr,
    .list_attr = filter_list_attr,
    .close = filter_close,
};

int filter_stats_new(struct volume *lower, struct volume **ret_volume)
{
    struct stats_filter *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    filter_init(&f->v, &stats_ops, lower);
    f->v.stats = &f->stats;
    *ret_volume = &f->v;
    return 0;
}
