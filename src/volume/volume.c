/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The policy layer: the only way from above into an engine or a stack of filters. It states
 * what callers guarantee (ranges, home reactor) as checks, and turns `sync` into the two words
 * that engines know:
 *
 *            write, zero, discard         flush
 *   always   FUA added                    nothing left to do
 *   standard as asked; FUA when WCE=0     passed on
 *   disabled FUA dropped                  dropped
 *
 * A command of many small pieces marks them VOL_LATER and has one flush at its end.
 *
 * It acts on the top of a stack only; filters call each other's operations directly, so the
 * policy is applied once. Runs on the volume's home; every call but volume_changed() and the
 * names may park.
 */
#include "volume/volume.h"

#include "base/check.h"
#include "base/mutant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const sync_names[] = {
    [VOL_SYNC_ALWAYS] = "always",
    [VOL_SYNC_STANDARD] = "standard",
    [VOL_SYNC_DISABLED] = "disabled",
};

const char *volume_sync_name(enum volume_sync s)
{
    return sync_names[s];
}

bool volume_sync_parse(const char *text, enum volume_sync *ret_sync)
{
    for (unsigned i = 0; i < ARRAY_LEN(sync_names); i++) {
        if (strcmp(text, sync_names[i]) == 0) {
            *ret_sync = (enum volume_sync)i;
            return true;
        }
    }
    return false;
}

void volume_init(struct volume *v, const struct volume_ops *ops, const char *name,
                 const struct uuid *id, enum volume_sync sync)
{
    memset(v, 0, sizeof(*v));
    v->ops = ops;
    v->home = reactor_self();
    strncpy(v->name, name, sizeof(v->name) - 1);
    v->id = *id;
    v->sync = sync;
    v->write_cache = sync != VOL_SYNC_ALWAYS;
}

void volume_rename(struct volume *v, const char *name)
{
    for (; v; v = v->lower)
        snprintf(v->name, sizeof(v->name), "%s", name);
}

void volume_changed(struct volume *v, unsigned what)
{
    if (v->notify)
        v->notify(v->notify_arg, what);
}

const char *volume_engine(const struct volume *v)
{
    while (v->lower)
        v = v->lower;
    return v->ops->engine;
}

static bool durable_by_default(const struct volume *v)
{
    return v->sync == VOL_SYNC_ALWAYS || (v->sync == VOL_SYNC_STANDARD && !v->write_cache);
}

static unsigned policy_flags(const struct volume *v, unsigned flags)
{
    bool later = flags & VOL_LATER;
    flags &= ~VOL_LATER;
    if (later || v->sync == VOL_SYNC_DISABLED || mutant_on(MUTANT_ACK_BEFORE_FLUSH))
        return flags & ~VOL_FUA;
    return durable_by_default(v) ? flags | VOL_FUA : flags;
}

/* What every caller guarantees. */
static void check_range(const struct volume *v, uint64_t off, uint64_t len)
{
    check(v->home == reactor_self());
    check_cmp(len, <=, v->geo.size);
    check_cmp(off, <=, v->geo.size - len);
    check_cmp(off % v->geo.block_size, ==, 0u);
    check_cmp(len % v->geo.block_size, ==, 0u);
}

int volume_admit(struct volume *v, uint64_t bytes, struct cancel *c)
{
    check(v->home == reactor_self());
    for (; v; v = v->lower)
        if (v->ops->admit)
            return v->ops->admit(v, bytes, c);
    return 0;
}

int volume_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    check_range(v, off, len);
    if (len == 0)
        return 0;
    uint64_t before = out->len;
    int rc = v->ops->read(v, off, len, out);
    if (rc != 0)
        sgl_truncate(out, before);
    else
        check_cmp(out->len, ==, before + len);
    return rc;
}

int volume_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags)
{
    check_range(v, off, data->len);
    if (v->geo.read_only)
        return -EROFS;
    if (data->len == 0)
        return 0;
    return v->ops->write(v, off, data, policy_flags(v, flags));
}

int volume_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                        unsigned flags)
{
    check_range(v, off, len);
    if (v->geo.read_only)
        return -EROFS;
    if (len == 0)
        return 0;
    return v->ops->write_zeroes(v, off, len, may_unmap, policy_flags(v, flags));
}

int volume_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    check_range(v, off, len);
    if (v->geo.read_only)
        return -EROFS;
    if (len == 0)
        return 0;
    return v->ops->discard(v, off, len, policy_flags(v, flags));
}

int volume_settle(struct volume *v)
{
    check(v->home == reactor_self());
    bool due = durable_by_default(v) && !mutant_on(MUTANT_ACK_BEFORE_FLUSH);
    return due ? v->ops->flush(v) : 0;
}

int volume_flush(struct volume *v)
{
    check(v->home == reactor_self());
    return v->sync == VOL_SYNC_STANDARD ? v->ops->flush(v) : 0;
}

int volume_extents(struct volume *v, uint64_t off, uint64_t len, uint64_t *ret_len,
                   enum volume_extent *ret_state)
{
    check_range(v, off, len);
    check_cmp(len, >, 0u);
    return v->ops->extents(v, off, len, ret_len, ret_state);
}

int volume_resize(struct volume *v, uint64_t new_size)
{
    check(v->home == reactor_self());
    if (v->geo.read_only)
        return -EROFS;
    if (new_size != 0 && (new_size < v->geo.size || new_size % v->geo.block_size != 0))
        return -EINVAL;
    return v->ops->resize(v, new_size);
}

int volume_space(struct volume *v, struct volume_space *ret_space)
{
    check(v->home == reactor_self());
    return v->ops->space(v, ret_space);
}

int volume_get_attr(struct volume *v, const char *name, char **ret_value)
{
    check(v->home == reactor_self());
    return v->ops->get_attr(v, name, ret_value);
}

int volume_set_attr(struct volume *v, const char *name, const char *value)
{
    check(v->home == reactor_self());
    if (value && strlen(value) > VOL_ATTR_MAX)
        return -E2BIG;
    return v->ops->set_attr(v, name, value);
}

int volume_list_attr(struct volume *v, const char *prefix, char ***ret_names)
{
    check(v->home == reactor_self());
    return v->ops->list_attr(v, prefix, ret_names);
}

void volume_close(struct volume *v)
{
    if (v)
        v->ops->close(v);
}

/* New writes follow the new policy at once; those acknowledged before are made durable by
 * the flush. */
int volume_set_sync(struct volume *v, enum volume_sync sync)
{
    bool was_durable = durable_by_default(v);
    check(v->home == reactor_self());
    v->sync = sync;
    v->write_cache = sync != VOL_SYNC_ALWAYS;
    return was_durable || sync == VOL_SYNC_DISABLED ? 0 : v->ops->flush(v);
}

int volume_set_write_cache(struct volume *v, bool on)
{
    check(v->home == reactor_self());
    if (v->sync != VOL_SYNC_STANDARD)
        return v->write_cache == on ? 0 : -EPERM;
    bool was_durable = durable_by_default(v);
    v->write_cache = on;
    return on || was_durable ? 0 : v->ops->flush(v);
}
