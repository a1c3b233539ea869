/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The passing half of every filter. Policy (sync, write_cache) lives on the top volume alone;
 * geometry is copied upwards when the lower volume changes, and the policy when the engine says
 * that it has a new one, before whoever serves the upper one is told.
 */
#include "volume/filter.h"

#include <errno.h>
#include <stdlib.h>

static void lower_changed(void *arg, unsigned what)
{
    struct volume *v = arg;
    v->geo = v->lower->geo;
    if (what & VOL_CHANGED_POLICY) {
        v->sync = v->lower->sync;
        v->write_cache = v->lower->write_cache;
    }
    volume_changed(v, what);
}

void filter_init(struct volume *v, const struct volume_ops *ops, struct volume *lower)
{
    volume_init(v, ops, lower->name, &lower->id, lower->sync);
    v->lower = lower;
    v->geo = lower->geo;
    v->stats = lower->stats;
    v->write_cache = lower->write_cache;
    lower->notify = lower_changed;
    lower->notify_arg = v;
}

int filter_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    return v->lower->ops->read(v->lower, off, len, out);
}

int filter_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags)
{
    return v->lower->ops->write(v->lower, off, data, flags);
}

int filter_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                        unsigned flags)
{
    return v->lower->ops->write_zeroes(v->lower, off, len, may_unmap, flags);
}

int filter_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    return v->lower->ops->discard(v->lower, off, len, flags);
}

int filter_flush(struct volume *v)
{
    return v->lower->ops->flush(v->lower);
}

int filter_extents(struct volume *v, uint64_t off, uint64_t len, uint64_t *ret_len,
                   enum volume_extent *ret_state)
{
    return v->lower->ops->extents(v->lower, off, len, ret_len, ret_state);
}

/* Both sides are brought down to their engines; the source's filters have nothing to say
 * about a clone. */
int filter_copy(struct volume *dst, uint64_t dst_off, struct volume *src, uint64_t src_off,
                uint64_t len)
{
    while (src->lower)
        src = src->lower;
    dst = dst->lower;
    return dst->ops->copy ? dst->ops->copy(dst, dst_off, src, src_off, len) : -EOPNOTSUPP;
}

int filter_resize(struct volume *v, uint64_t new_size)
{
    return v->lower->ops->resize(v->lower, new_size);
}

int filter_space(struct volume *v, struct volume_space *ret_space)
{
    return v->lower->ops->space(v->lower, ret_space);
}

int filter_get_attr(struct volume *v, const char *name, char **ret_value)
{
    return v->lower->ops->get_attr(v->lower, name, ret_value);
}

int filter_set_attr(struct volume *v, const char *name, const char *value)
{
    return v->lower->ops->set_attr(v->lower, name, value);
}

int filter_list_attr(struct volume *v, const char *prefix, char ***ret_names)
{
    return v->lower->ops->list_attr(v->lower, prefix, ret_names);
}

void filter_close(struct volume *v)
{
    v->lower->ops->close(v->lower);
    free(v);
}
