/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening and closing disks. A disk is ours when one of its labels says so: it names the pool
 * and this leaf (or, as its top-level vdev, the guid that this leaf took over when the mirror
 * above it was dissolved). A disk that was in use and comes back must still hold the newest
 * uberblock that was flushed to it: else it was set back, and its dirty time log knows nothing of
 * what it lacks. Nothing is written to a disk that is refused; it counts as missing, which is
 * less harm than to trust it.
 */
#include "pool/vdev/vdev_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define OPEN_WIDTH 8u /* disks whose labels are read at a time: 1 MiB each */

struct opening {
    struct vdev *root;
    uint64_t pool_guid;
    bool read_only;
    struct err *err; /* the first leaf's reason; NULL: nobody asks */
    bool no_memory;
};

/* ---- one leaf ---------------------------------------------------------------------------- */

static const char *where(const struct vdev *leaf)
{
    return leaf->open_path ? leaf->open_path : leaf->path;
}

int leaf_open_file(struct vdev *leaf, bool read_only, unsigned ashift, struct err *reterr)
{
    struct file_opts opts = {
        .mode = read_only ? FILE_RDONLY : FILE_RDWR, .direct = true, .exclusive = true};
    int rc = file_open(where(leaf), &opts, &leaf->file, reterr);
    if (rc < 0 || ashift == 0 || file_info(leaf->file)->dio_align <= 1u << ashift)
        return rc;
    file_close(leaf->file);
    leaf->file = NULL;
    opts.direct = false;
    return file_open(where(leaf), &opts, &leaf->file, reterr);
}

/* Bytes of the leaf that its place in the tree needs, labels included. */
static uint64_t size_needed(const struct vdev *leaf)
{
    const struct vdev *top = leaf->top;
    uint64_t asize = top->type == VDEV_RAIDZ ? top->asize / top->nchildren : top->asize;
    return MAX(asize + LABEL_FRONT + LABEL_BACK, VDEV_MIN_SIZE);
}

static int check_size(struct vdev *leaf, struct err *reterr)
{
    uint64_t psize = label_psize(file_info(leaf->file)->size), needed = size_needed(leaf);
    if (psize < needed)
        return err_set(reterr, E(-ENOSPC),
                       "%s is too small: %" PRIu64 " bytes, %" PRIu64 " are needed",
                       where(leaf), psize, needed);
    leaf->psize = psize;
    return 0;
}

static int check_sector(const struct vdev *leaf, struct err *reterr)
{
    const struct file_info *i = file_info(leaf->file);
    unsigned ashift = leaf->top->ashift;
    if (ashift == 0 || !i->is_blockdev || i->logical_block <= 1u << ashift)
        return 0;
    return err_set(reterr, E(-EINVAL),
                   "%s has sectors of %" PRIu32 " bytes, the pool needs %u or less",
                   where(leaf), i->logical_block, 1u << ashift);
}

static bool names_leaf(const struct nv *config, const struct vdev *leaf)
{
    uint64_t guid = 0, top_guid = 0;
    nv_get_u64(config, "guid", &guid);
    nv_get_u64(config, "top_guid", &top_guid);
    return guid == leaf->guid || top_guid == leaf->guid;
}

/* Of a tree that is older than the label: the disk has since stayed behind alone and taken over the guid of the top-level
 * vdev that it was below, where all disks held the same (OpenZFS vdev_validate()). */
static bool became_top(const struct vdev *leaf, const struct nv *newest)
{
    uint64_t guid = 0, top_guid = 0;
    nv_get_u64(newest, "guid", &guid);
    nv_get_u64(newest, "top_guid", &top_guid);
    return guid == top_guid && guid == leaf->top->guid && leaf->top->type != VDEV_RAIDZ;
}

/* A crash may have left labels of a txg that never was, with the guid that the leaf was to take over then; the others say
 * what it is. */
static bool was_leaf(const struct vdev *leaf, const struct nv *newest)
{
    struct label_info older;
    uint64_t txg = 0;
    if (!nv_get_u64(newest, "txg", &txg) || txg == 0 ||
        label_read(leaf->file, txg - 1, &older, NULL) < 0)
        return false;
    bool named = names_leaf(older.config, leaf) || became_top(leaf, older.config);
    nv_free(older.config);
    return named;
}

static int check_label(struct vdev *leaf, uint64_t pool_guid, struct err *reterr)
{
    struct label_info label;
    uint64_t pool = 0;
    char name[65] = "another";
    const char *text;
    int rc = label_read(leaf->file, UINT64_MAX, &label, reterr);
    if (rc < 0)
        return err_prefix(reterr, "%s", where(leaf)), rc;
    nv_get_u64(label.config, "pool_guid", &pool);
    if (nv_get_str(label.config, "name", &text))
        snprintf(name, sizeof(name), "%s", text);
    bool named =
        names_leaf(label.config, leaf) ||
        (pool == pool_guid && (became_top(leaf, label.config) || was_leaf(leaf, label.config)));
    nv_free(label.config);
    if (label.other_pool)
        return err_set(
            reterr, E(-EINVAL),
            "%s carries labels of two pools, one of them %.64s: wipe it and replace it",
            where(leaf), label.other_name);
    if (pool != pool_guid)
        return err_set(reterr, E(-EINVAL), "%s does not belong to this pool but to %.64s",
                       where(leaf), name);
    if (!named)
        return err_set(reterr, E(-EINVAL), "%s is another disk of this pool", where(leaf));
    if (leaf->promised && (!label.has_ub || label.ub.txg < leaf->promised))
        return err_set(reterr, E(-ESTALE),
                       "%s was set back: it holds txg %" PRIu64 ", and held %" PRIu64
                       ": bring back what it held, or replace it",
                       where(leaf), label.has_ub ? label.ub.txg : 0, leaf->promised);
    return 0;
}

static int leaf_open(struct vdev *leaf, const struct opening *o, struct err *reterr)
{
    int rc = leaf_open_file(leaf, o->read_only, leaf->top->ashift, reterr);
    if (rc < 0)
        return rc;
    rc = check_size(leaf, reterr);
    rc = rc < 0 ? rc : check_sector(leaf, reterr);
    if (rc == 0 && o->pool_guid)
        rc = check_label(leaf, o->pool_guid, reterr);
    if (rc == 0)
        return 0;
    file_close(leaf->file);
    leaf->file = NULL;
    return rc;
}

/* ---- all of them ------------------------------------------------------------------------- */

static int refused_note(struct vdev *leaf, int rc, const struct err *why)
{
    free(leaf->refused);
    leaf->refused = NULL;
    if (rc == 0)
        return 0;
    leaf->refused = malloc(sizeof(*why));
    if (!leaf->refused)
        return E(-ENOMEM);
    *leaf->refused = *why;
    leaf->refused->code = rc;
    return 0;
}

static void open_one(void *arg, unsigned i)
{
    struct opening *o = arg;
    struct vdev *leaf = vdev_leaf(o->root, i);
    struct err err = {0};
    if (leaf->file || leaf->offline || leaf->faulted)
        return;
    int rc = leaf_open(leaf, o, &err);
    o->no_memory |= rc == -ENOMEM || refused_note(leaf, rc, &err) < 0;
    /* It comes back in the middle of a txg that it missed something of, which no dirty time log on disk will say. */
    if (rc == 0 && leaf->dtl_dirty)
        vdev_root_of(leaf)->losses++;
    if (rc == 0)
        leaf->removed = false;
    else if (o->err && o->err->code == 0)
        *o->err = err;
    enum vdev_state well = leaf->degraded ? VDEV_DEGRADED : VDEV_HEALTHY;
    vdev_set_state(leaf, rc == 0 ? well : VDEV_CANT_OPEN);
}

static unsigned count_leaves(const struct vdev *vd)
{
    unsigned n = 0;
    while (vdev_leaf(vd, n))
        n++;
    return n;
}

static int open_all(struct opening *o)
{
    if (o->err)
        o->err->code = 0;
    gate_enter(o->root);
    fan_out(count_leaves(o->root), OPEN_WIDTH, open_one, o);
    gate_leave(o->root);
    vdev_propagate(o->root);
    return o->no_memory ? E(-ENOMEM) : 0;
}

int vdev_open(struct vdev *root, uint64_t pool_guid, bool read_only, struct err *reterr)
{
    struct opening o = {
        .root = root, .pool_guid = pool_guid, .read_only = read_only, .err = reterr};
    fmutex_lock(&root->gate.opening);
    int rc = open_all(&o);
    fmutex_unlock(&root->gate.opening);
    return rc;
}

static void close_leaf(struct vdev *leaf)
{
    if (leaf_up(leaf))
        leaf_flush(leaf); /* what fails goes to the dirty time log */
    vdev_set_state(leaf, vdev_closed_state(leaf));
    if (!leaf->file)
        return;
    queue_drain(&leaf->io->queue);
    file_close(leaf->file);
    leaf->file = NULL;
    leaf->io->unflushed = (struct unflushed){0};
}

void vdev_close(struct vdev *vd)
{
    struct fmutex *opening = &vdev_root_of(vd)->gate.opening;
    struct vdev *leaf;
    fmutex_lock(opening);
    for (unsigned i = 0; (leaf = vdev_leaf(vd, i)); i++)
        close_leaf(leaf);
    fmutex_unlock(opening);
}

/* A disk that was away and is back answers nothing through what was open before; nobody may have asked it yet. */
static void probe(void *arg, unsigned i)
{
    struct vdev *leaf = vdev_leaf(arg, i);
    uint32_t len = MAX(IOBUF_MIN, 1u << leaf->top->ashift);
    struct iobuf *buf = leaf_up(leaf) ? iobuf_get(len) : NULL;
    if (buf)
        leaf_read(leaf, 0, buf->p, len, IO_READ);
    iobuf_put(buf);
}

int vdev_retry(struct vdev *root, uint64_t pool_guid, bool faulted, struct err *reterr)
{
    struct opening o = {.root = root, .pool_guid = pool_guid, .err = reterr};
    struct vdev *leaf;
    fmutex_lock(&root->gate.opening);
    gate_enter(root);
    fan_out(count_leaves(root), OPEN_WIDTH, probe, root);
    for (unsigned i = 0; (leaf = vdev_leaf(root, i)); i++) {
        if (leaf_up(leaf) || leaf->offline || (leaf->faulted && !faulted))
            continue;
        leaf->faulted = false;
        close_leaf(leaf);
    }
    gate_leave(root);
    int rc = open_all(&o);
    fmutex_unlock(&root->gate.opening);
    return rc;
}

int vdev_reopen(struct vdev *root, uint64_t guid, uint64_t pool_guid, struct err *reterr)
{
    struct err why = {0};
    fmutex_lock(&root->gate.opening);
    gate_enter(root);
    struct vdev *leaf = vdev_find(root, guid);
    if (leaf && vdev_is_leaf(leaf)) {
        struct opening o = {.root = leaf, .pool_guid = pool_guid, .err = &why};
        if (leaf->file)
            close_leaf(leaf);
        open_one(&o, 0);
        if (!leaf->file && why.code == 0)
            err_set(&why, E(-ENXIO), "it is out of service");
    } else {
        err_set(&why, E(-ENOENT), "it has left the pool");
    }
    gate_leave(root);
    vdev_propagate(root);
    fmutex_unlock(&root->gate.opening);
    return why.code ? err_set(reterr, why.code, "%s", why.msg) : 0;
}
