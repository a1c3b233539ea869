/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks that are to become a pool's: what creation, add, attach and replace share. The checks
 * look at disks and touch no byte of them. A group or a disk that passed is a small tree of its
 * own, open, until the commit that takes it into the pool's. Labels are blanked only when all
 * disks of a change have passed: what refuses one leaves the others as they were too.
 */
#include "pool/pool_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word, *type;
    unsigned nparity, min_leaves;
} layouts[] = {
    [LAYOUT_SINGLE] = {"single-disk", NULL,     0, 1},
      [LAYOUT_MIRROR] = {"mirror",      "mirror", 0, 2},
    [LAYOUT_RAIDZ1] = {"raidz1",      "raidz",  1, 2},
      [LAYOUT_RAIDZ2] = {"raidz2",      "raidz",  2, 3},
    [LAYOUT_RAIDZ3] = {"raidz3",      "raidz",  3, 4},
};

uint64_t pool_new_guid(void)
{
    uint64_t guid;
    do
        run_random(&guid, sizeof(guid));
    while (guid == 0);
    return guid;
}

/* ---- checks ------------------------------------------------------------------------------- */

/* Whose labels they are; takes note of a spare's guid. */
static int check_owner(const char *path, const struct nv *config, bool force,
                       struct disk_facts *facts, struct err *reterr)
{
    uint64_t state = POOL_STATE_ACTIVE;
    const char *name = "?";
    nv_get_u64(config, "state", &state);
    nv_get_str(config, "name", &name);
    if (state == POOL_STATE_SPARE)
        nv_get_u64(config, "guid", &facts->spare_guid);
    if (force || state == POOL_STATE_DESTROYED)
        return 0;
    if (state == POOL_STATE_SPARE)
        return err_set(reterr, E(-EBUSY),
                       "%s is a hot spare of some pool: use --force to take it", path);
    return err_set(reterr, E(-EBUSY), "%s belongs to pool %s (%s): use --force to overwrite it",
                   path, name, state == POOL_STATE_EXPORTED ? "exported" : "perhaps in use");
}

int disk_check(const char *path, bool force, struct disk_facts *ret, struct err *reterr)
{
    struct file_opts opts = {.mode = FILE_RDONLY};
    struct disk_facts facts = {0};
    struct label_info label;
    struct file *f;
    int r = file_open(path, &opts, &f, reterr);
    if (r)
        return r;
    facts.blockdev = file_info(f)->is_blockdev;
    uint64_t size = label_psize(file_info(f)->size);
    r = label_read(f, UINT64_MAX, &label, NULL);
    file_close(f);
    if (size < VDEV_MIN_SIZE) {
        if (r == 0)
            nv_free(label.config);
        return err_set(reterr, E(-EINVAL), "%s: smaller than 64 MiB", path);
    }
    if (r == 0) {
        r = check_owner(path, label.config, force, &facts, reterr);
        nv_free(label.config);
        if (r)
            return r;
    }
    *ret = facts;
    return 0;
}

int groups_check(const struct groups_want *w, struct err *reterr)
{
    for (unsigned g = 0; g < w->ngroups; g++) {
        const struct pool_group *group = &w->groups[g];
        if (group->n < layouts[group->layout].min_leaves)
            return err_set(reterr, E(-EINVAL), "a %s group needs at least %u disks, not %u",
                           layouts[group->layout].word, layouts[group->layout].min_leaves,
                           group->n);
        if (!w->force && group->layout != w->groups[0].layout)
            return err_set(
                reterr, E(-EINVAL),
                "the groups have different redundancy: use --force if that is meant");
    }
    return disk_set_check(w, reterr);
}

bool layout_like(enum pool_layout layout, const struct vdev *top)
{
    while (top->type == VDEV_REPLACING || top->type == VDEV_SPARE)
        top = top->child[0];
    if (layout == LAYOUT_SINGLE || vdev_is_leaf(top))
        return layout == LAYOUT_SINGLE && vdev_is_leaf(top);
    return (top->type == VDEV_MIRROR) == (layout == LAYOUT_MIRROR) &&
           top->nparity == layouts[layout].nparity;
}

/* ---- one disk ----------------------------------------------------------------------------- */

static struct nv *leaf_nv(const char *path, const struct disk_facts *facts, uint64_t guid,
                          unsigned id)
{
    struct nv *nv = nv_new();
    if (!nv || nv_add_str(nv, "type", facts->blockdev ? "disk" : "file") ||
        nv_add_u64(nv, "id", id) || nv_add_u64(nv, "guid", guid) ||
        nv_add_str(nv, "path", path) || (facts->blockdev && nv_add_u64(nv, "whole_disk", 0))) {
        nv_free(nv);
        return NULL;
    }
    return nv;
}

int leaf_new(const struct leaf_want *w, struct vdev **ret_leaf, struct err *reterr)
{
    struct nv *nv = leaf_nv(w->path, &w->facts, w->guid ? w->guid : pool_new_guid(), 0);
    struct vdev *leaf = NULL;
    struct err why = {0};
    int r = nv ? vdev_parse(nv, &leaf, &why) : E(-ENOMEM);
    nv_free(nv);
    if (r == 0) {
        /* What its place needs is what opening looks at. */
        leaf->ashift = w->like ? w->like->ashift : 0;
        leaf->asize = w->like ? w->like->asize : 0;
        if (w->like && w->like->type == VDEV_RAIDZ)
            leaf->asize /= w->like->nchildren;
        r = vdev_open(leaf, 0, false, &why);
        leaf->ashift = 0;
        leaf->asize = 0;
    }
    if (r == 0 && !leaf->file)
        r = why.code ? why.code : E(-EBUSY);
    if (r) {
        vdev_free(leaf);
        return err_set(reterr, r, "%s", why.code ? why.msg : "no memory for a disk");
    }
    *ret_leaf = leaf;
    return 0;
}

/* ---- groups ------------------------------------------------------------------------------- */

static int leaves_nv(const struct groups_want *w, unsigned g, struct nv **leaves,
                     struct err *reterr)
{
    const struct pool_group *group = &w->groups[g];
    bool top = group->layout == LAYOUT_SINGLE;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < group->n; i++) {
        struct disk_facts facts;
        r = disk_check(group->paths[i], w->force, &facts, reterr);
        if (r == 0 &&
            !(leaves[i] = leaf_nv(group->paths[i], &facts, pool_new_guid(), top ? g : i)))
            r = E(-ENOMEM);
    }
    return r;
}

static int group_nv(const struct groups_want *w, unsigned g, struct nv **ret,
                    struct err *reterr)
{
    const struct pool_group *group = &w->groups[g];
    struct nv **leaves = calloc(group->n, sizeof(struct nv *)), *nv = NULL;
    int r = leaves ? leaves_nv(w, g, leaves, reterr) : E(-ENOMEM);
    if (r == 0 && group->layout == LAYOUT_SINGLE) {
        *ret = leaves[0];
        free(leaves);
        return 0;
    }
    if (r == 0) {
        nv = nv_new();
        if (!nv || nv_add_str(nv, "type", layouts[group->layout].type) ||
            nv_add_u64(nv, "id", g) || nv_add_u64(nv, "guid", pool_new_guid()) ||
            (layouts[group->layout].nparity &&
             nv_add_u64(nv, "nparity", layouts[group->layout].nparity)))
            r = E(-ENOMEM);
    }
    if (r == 0) {
        r = nv_add_nvs(nv, "children", leaves, group->n);
        *ret = nv;
        return r;
    }
    for (unsigned i = 0; leaves && i < group->n; i++)
        nv_free(leaves[i]);
    free(leaves);
    nv_free(nv);
    return r;
}

static int groups_parse(const struct groups_want *w, uint64_t guid, struct vdev **ret_root,
                        struct err *reterr)
{
    struct nv **tops = calloc(MAX(w->ngroups, 1u), sizeof(struct nv *)), *nv = nv_new();
    unsigned n = 0;
    int r = tops && nv ? 0 : E(-ENOMEM);
    while (r == 0 && n < w->ngroups) {
        r = group_nv(w, n, &tops[n], reterr);
        if (r == 0)
            n++;
    }
    if (r == 0 && (nv_add_str(nv, "type", "root") || nv_add_u64(nv, "id", 0) ||
                   nv_add_u64(nv, "guid", guid)))
        r = E(-ENOMEM);
    if (r == 0) {
        r = nv_add_nvs(nv, "children", tops, n);
        tops = NULL;
        n = 0;
    }
    if (r == 0)
        r = vdev_parse(nv, ret_root, reterr);
    while (n > 0)
        nv_free(tops[--n]);
    free(tops);
    nv_free(nv);
    return r;
}

/* All open and laid out. */
static int groups_take(const struct groups_want *w, struct vdev *root, struct err *reterr)
{
    struct vdev *leaf;
    int r = vdev_open(root, 0, false, reterr);
    for (unsigned i = 0; r == 0 && (leaf = vdev_leaf(root, i)); i++)
        if (!leaf->file)
            r = reterr && reterr->code
                    ? reterr->code
                    : err_set(reterr, E(-EBUSY), "%s cannot be opened", leaf->path);
    for (unsigned i = 0; r == 0 && i < root->nchildren; i++) {
        struct vdev *top = root->child[i];
        r = vdev_layout(top, w->ashift, reterr);
        if (r == 0 && top->ashift < w->min_ashift)
            r = vdev_layout(top, w->min_ashift, reterr);
    }
    return r;
}

/* ---- all of a change ---------------------------------------------------------------------- */

int new_disks_open(const struct pool *p, const struct groups_want *w, uint64_t guid,
                   struct new_disks *ret, struct err *reterr)
{
    struct new_disks d = {.spares = calloc(w->nspares + 1, sizeof(*d.spares))};
    int r = d.spares ? 0 : err_set(reterr, E(-ENOMEM), "no memory for disks");
    if (r == 0 && w->ngroups)
        r = groups_parse(w, guid, &d.root, reterr);
    if (r == 0 && w->ngroups)
        r = groups_take(w, d.root, reterr);
    for (unsigned i = 0; r == 0 && i < w->nspares; i++) {
        r = spare_open(p, &d, w->spares[i], w->force, &d.spares[i], reterr);
        d.nspares += r == 0;
    }
    if (r) {
        new_disks_done(&d);
        return r;
    }
    *ret = d;
    return 0;
}

int new_disks_label(struct pool *p, struct new_disks *d, struct err *reterr)
{
    struct vdev *leaf;
    int r = 0;
    for (unsigned i = 0; r == 0 && d->root && (leaf = vdev_leaf(d->root, i)); i++)
        if ((r = label_erase(leaf)) != 0)
            err_set(reterr, r, "%s: its labels cannot be written", leaf->path);
    for (unsigned i = 0; r == 0 && i < d->nspares; i++)
        r = spare_enlist(p, &d->spares[i], reterr);
    return r;
}

void new_disks_done(struct new_disks *d)
{
    for (unsigned i = 0; i < d->nspares; i++)
        vdev_free(d->spares[i].leaf);
    free(d->spares);
    vdev_free(d->root);
    *d = (struct new_disks){0};
}

void new_disks_refused(struct pool *p, struct new_disks *d)
{
    for (unsigned i = 0; i < d->nspares; i++)
        if (d->spares[i].listed)
            spare_forget(p, d->spares[i].guid);
    new_disks_done(d);
}
