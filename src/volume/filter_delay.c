/* SPDX-License-Identifier: BSD-2-Clause */
/* Begins chosen operations late: a slow disk for tests. Each sleeps by itself, so they still
 * overlap. */
#include "volume/filter.h"

#include <errno.h>
#include <stdlib.h>

struct delay_filter {
    struct volume v;
    uint64_t delay_ns;
    unsigned ops;
};

static void linger(struct volume *v, enum volume_op op)
{
    const struct delay_filter *f = container_of(v, struct delay_filter, v);
    if (f->ops & 1u << op)
        fiber_sleep_until(run_now() + f->delay_ns, NULL);
}

static int delay_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    linger(v, VOL_OP_READ);
    return filter_read(v, off, len, out);
}

static int delay_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags)
{
    linger(v, VOL_OP_WRITE);
    return filter_write(v, off, data, flags);
}

static int delay_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                              unsigned flags)
{
    linger(v, VOL_OP_ZERO);
    return filter_write_zeroes(v, off, len, may_unmap, flags);
}

static int delay_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    linger(v, VOL_OP_DISCARD);
    return filter_discard(v, off, len, flags);
}

static int delay_flush(struct volume *v)
{
    linger(v, VOL_OP_FLUSH);
    return filter_flush(v);
}

static const struct volume_ops delay_ops = {
    .engine = "delay",
    .read = delay_read,
    .write = delay_write,
    .write_zeroes = delay_write_zeroes,
    .discard = delay_discard,
    .flush = delay_flush,
    .extents = filter_extents,
    .copy = filter_copy,
    .resize = filter_resize,
    .space = filter_space,
    .get_attr = filter_get_attr,
    .set_attr = filter_set_attr,
    .list_attr = filter_list_attr,
    .close = filter_close,
};

int filter_delay_new(struct volume *lower, uint64_t delay_ns, unsigned ops,
                     struct volume **ret_volume)
{
    struct delay_filter *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    filter_init(&f->v, &delay_ops, lower);
    f->delay_ns = delay_ns;
    f->ops = ops;
    *ret_volume = &f->v;
    return 0;
}
