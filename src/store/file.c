/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes in regular files and on block devices: opening, size, room, provisioning, attributes.
 * The file is exclusively ours while it is open. A thin file is sparse: blocks appear when
 * written and go when discarded, and space() tells how much its file system could still give. A
 * thick one was allocated whole and keeps its blocks, so that a write to it never runs out of
 * room. Block devices keep neither account: all of them is mapped.
 *
 * The size is what the file had when it was opened, whole blocks of it; a file that shrinks
 * afterwards is an error, one that grows is used up to its new size after a resize. Everything
 * here parks.
 */
#include "store/file_int.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int file_vol_extents(struct volume *v, uint64_t off, uint64_t len, uint64_t *ret_len,
                            enum volume_extent *ret_state)
{
    struct file_volume *fv = file_of(v);
    uint64_t n = len;
    bool data = true;
    int rc =
        fv->thick || fv->is_blockdev ? -EOPNOTSUPP : file_extent(fv->f, off, len, &n, &data);
    if (rc != 0 && rc != -EOPNOTSUPP)
        return file_vol_error(fv, rc);
    if (rc != 0) { /* not known: data */
        n = len;
        data = true;
    }
    if (!data &&
        n < v->geo.block_size) { /* a file system of smaller blocks: half a hole is data */
        n = v->geo.block_size;
        data = true;
    }
    n = data ? round_up(n, v->geo.block_size) : round_down(n, v->geo.block_size);
    *ret_len = MIN(n, len);
    *ret_state = data ? VOL_MAPPED : VOL_HOLE;
    return 0;
}

static uint64_t usable_size(const struct file_volume *fv)
{
    return round_down(file_info(fv->f)->size, MAX(fv->align, fv->v.geo.block_size));
}

static int grow_file(struct file_volume *fv, uint64_t new_size)
{
    uint64_t old = fv->v.geo.size;
    int rc = file_resize(fv->f, new_size);
    if (rc == 0 && fv->thick)
        rc = file_zero(fv->f, old, new_size - old, false);
    return file_vol_error(fv, rc);
}

static int file_vol_resize(struct volume *v, uint64_t new_size)
{
    struct file_volume *fv = file_of(v);
    int rc = file_refresh(fv->f);
    if (rc != 0)
        return file_vol_error(fv, rc);
    if (new_size == 0)
        new_size = usable_size(fv);
    if (new_size < v->geo.size || new_size % fv->align != 0)
        return -EINVAL;
    if (new_size > usable_size(fv))
        rc = fv->is_blockdev ? -ENOSPC : grow_file(fv, new_size);
    if (rc == 0)
        rc = commit_wait(&fv->commit);
    if (rc != 0)
        return rc;
    v->geo.size = new_size;
    volume_changed(v, VOL_CHANGED_SIZE);
    return 0;
}

static int file_vol_space(struct volume *v, struct volume_space *ret_space)
{
    struct file_volume *fv = file_of(v);
    uint64_t used = v->geo.size, left = 0;
    if (!fv->is_blockdev) {
        int rc = file_allocated(fv->f, &used);
        if (rc == 0)
            rc = file_available(fv->f, &left);
        if (rc != 0)
            return file_vol_error(fv, rc);
        used = MIN(used, v->geo.size);
    }
    *ret_space =
        (struct volume_space){.used = used, .available = MIN(left, v->geo.size - used)};
    return 0;
}

static int file_vol_get_attr(struct volume *v, const char *name, char **ret_value)
{
    struct attr_store *s = file_of(v)->attrs;
    return s->get(s, &v->id, name, ret_value);
}

static int file_vol_set_attr(struct volume *v, const char *name, const char *value)
{
    struct attr_store *s = file_of(v)->attrs;
    return s->set(s, &v->id, name, value);
}

static int file_vol_list_attr(struct volume *v, const char *prefix, char ***ret_names)
{
    struct attr_store *s = file_of(v)->attrs;
    return s->list(s, &v->id, prefix, ret_names);
}

static void file_vol_close(struct volume *v)
{
    struct file_volume *fv = file_of(v);
    file_close(fv->f);
    free(fv);
}

static const struct volume_ops file_vol_ops = {
    .engine = "file",
    .read = file_vol_read,
    .write = file_vol_write,
    .write_zeroes = file_vol_write_zeroes,
    .discard = file_vol_discard,
    .flush = file_vol_flush,
    .extents = file_vol_extents,
    .resize = file_vol_resize,
    .space = file_vol_space,
    .get_attr = file_vol_get_attr,
    .set_attr = file_vol_set_attr,
    .list_attr = file_vol_list_attr,
    .close = file_vol_close,
};

/* What the file tells about itself, within what the operator asked for. */
static int learn_geometry(struct file_volume *fv, const struct store_params *p,
                          const char *path, struct err *reterr)
{
    const struct file_info *info = file_info(fv->f);
    fv->is_blockdev = info->is_blockdev;
    fv->align = info->dio_align;
    fv->thick = p->thick && !info->is_blockdev;
    uint32_t physical = info->is_blockdev ? info->physical_block : 4096;
    int rc = store_geometry(p, MAX(physical, info->dio_align), &fv->v.geo, reterr);
    if (rc != 0)
        return rc;
    struct volume_geometry *geo = &fv->v.geo;
    geo->physical_block = MAX(geo->physical_block, info->dio_align);
    geo->size = usable_size(fv);
    if (geo->size == 0)
        return err_set(reterr, -EINVAL, "volume %s: %s is empty: give it a size first", p->name,
                       path);
    bool discards = info->discard_granularity != 0 && !fv->thick;
    geo->unmap_granularity = discards ? MAX(info->discard_granularity, p->block_size) : 0;
    geo->thin = discards && !info->is_blockdev;
    geo->rotational = info->rotational;
    return 0;
}

int store_file_open(const struct store_params *p, const char *path, struct volume **ret_volume,
                    struct err *reterr)
{
    if (!p->attrs)
        return err_set(reterr, -EINVAL, "volume %s: a file volume needs an attribute store",
                       p->name);
    struct file_volume *fv = calloc(1, sizeof(*fv));
    if (!fv)
        return err_set(reterr, -ENOMEM, "volume %s: no memory", p->name);
    volume_init(&fv->v, &file_vol_ops, p->name, &p->id, p->sync);
    fv->attrs = p->attrs;
    commit_init(&fv->commit, file_vol_sync, fv);
    ranges_init(&fv->partial);
    const struct file_opts opts = {
        .mode = p->read_only ? FILE_RDONLY : FILE_RDWR,
        .direct = true,
        .exclusive = true,
    };
    int rc = file_open(path, &opts, &fv->f, reterr);
    if (rc == 0)
        rc = learn_geometry(fv, p, path, reterr);
    if (rc != 0) {
        file_close(fv->f);
        free(fv);
        return rc;
    }
    *ret_volume = &fv->v;
    return 0;
}

/* ---- making one
 * ------------------------------------------------------------------------------------ */

static int fill_new(struct file *f, uint64_t size, bool thin)
{
    int rc = file_resize(f, size);
    if (rc == 0 && !thin)
        rc = file_zero(f, 0, size, false);
    return rc != 0 ? rc : file_flush(f);
}

/* The name appears when the file is complete: it is made beside its place and moved there,
 * which never replaces. */
int store_file_create(const char *path, uint64_t size, bool thin, struct err *reterr)
{
    if (size == 0 || size > INT64_MAX)
        return err_set(reterr, -EINVAL, "%s: a volume needs a size", path);
    CLEANUP(freep) char *tmp = NULL;
    if (asprintf(&tmp, "%s.creating", path) < 0)
        return err_set(reterr, -ENOMEM, "%s: no memory", path);
    const struct file_opts opts = {.mode = FILE_RDWR, .create = true, .exclusive = true};
    struct file *f = NULL;
    (void)file_unlink(tmp); /* of a creation that a crash ended */
    int rc = file_open(tmp, &opts, &f, reterr);
    if (rc != 0)
        return rc;
    rc = fill_new(f, size, thin);
    file_close(f);
    if (rc != 0)
        err_set(reterr, rc, "%s: cannot make a file of %llu bytes: %s", path,
                (unsigned long long)size, strerror(-rc));
    else if ((rc = file_rename(tmp, path)) != 0)
        err_set(reterr, rc, "%s: %s", path, rc == -EEXIST ? "exists already" : strerror(-rc));
    if (rc != 0)
        (void)file_unlink(tmp);
    return rc;
}
