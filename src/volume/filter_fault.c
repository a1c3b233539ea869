/* SPDX-License-Identifier: BSD-2-Clause */
/* Fails chosen operations before they reach the lower volume, by count and not by chance: a
 * test knows which. */
#include "volume/filter.h"

#include <errno.h>
#include <stdlib.h>

struct fault_filter {
    struct volume v;
    struct volume_fault fault;
    uint32_t hits; /* operations that matched since the last that failed */
};

/* The error to give, or 0. A range of UINT64_MAX bytes at 0 touches every other. */
static int strike(struct volume *v, enum volume_op op, uint64_t off, uint64_t len)
{
    struct fault_filter *f = container_of(v, struct fault_filter, v);
    const struct volume_fault *t = &f->fault;
    if (t->one_in == 0 || !(t->ops & 1u << op))
        return 0;
    if (t->len != 0 && (off >= t->off ? off - t->off >= t->len : t->off - off >= len))
        return 0;
    if (++f->hits < t->one_in)
        return 0;
    f->hits = 0;
    return t->err;
}

static int fault_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    int rc = strike(v, VOL_OP_READ, off, len);
    return rc != 0 ? rc : filter_read(v, off, len, out);
}

static int fault_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags)
{
    int rc = strike(v, VOL_OP_WRITE, off, data->len);
    return rc != 0 ? rc : filter_write(v, off, data, flags);
}

static int fault_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                              unsigned flags)
{
    int rc = strike(v, VOL_OP_ZERO, off, len);
    return rc != 0 ? rc : filter_write_zeroes(v, off, len, may_unmap, flags);
}

static int fault_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    int rc = strike(v, VOL_OP_DISCARD, off, len);
    return rc != 0 ? rc : filter_discard(v, off, len, flags);
}

static int fault_flush(struct volume *v)
{
    int rc = strike(v, VOL_OP_FLUSH, 0, UINT64_MAX);
    return rc != 0 ? rc : filter_flush(v);
}

static const struct volume_ops fault_ops = {
    .engine = "fault",
    .read = fault_read,
    .write = fault_write,
    .write_zeroes = fault_write_zeroes,
    .discard = fault_discard,
    .flush = fault_flush,
    .extents = filter_extents,
    .copy = filter_copy,
    .resize = filter_resize,
    .space = filter_space,
    .get_attr = filter_get_attr,
    .set_attr = filter_set_attr,
    .list_attr = filter_list_attr,
    .close = filter_close,
};

int filter_fault_new(struct volume *lower, const struct volume_fault *fault,
                     struct volume **ret_volume)
{
    struct fault_filter *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    filter_init(&f->v, &fault_ops, lower);
    f->fault = *fault;
    *ret_volume = &f->v;
    return 0;
}

void filter_fault_set(struct volume *v, const struct volume_fault *fault)
{
    struct fault_filter *f = container_of(v, struct fault_filter, v);
    f->fault = *fault;
    f->hits = 0;
}
