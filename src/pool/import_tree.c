/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device tree of a pool that is imported. Labels know one top-level vdev each, and paths in them are hints; together they
 * give a tree that is good enough to find the MOS. The configuration in the MOS is the tree to trust, but for one
 * thing: what a label says of sizes that never change must agree, or one of the two lies and nothing may be written by either.
 */
#include "pool/import_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOPS_MAX 4096u

/* ---- from labels --------------------------------------------------------------------------------------- */

/* It holds the state that is imported, so it was no disk that had failed or left by then, whose label is of some older tree. */
static bool is_current(const struct found *f, const struct member *m)
{
    return m->label.has_ub && m->label.ub.txg >= f->best->label.ub.txg;
}

/* Whose label speaks of a tree that is nearer to the state that is imported. */
static bool is_nearer(const struct found *f, const struct member *a, const struct member *b)
{
    uint64_t max_txg = f->best->label.ub.txg;
    uint64_t txg = member_number(a, "txg"), other = member_number(b, "txg");
    if (is_current(f, a) != is_current(f, b))
        return is_current(f, a);
    if ((txg <= max_txg) != (other <= max_txg))
        return txg <= max_txg;
    return txg <= max_txg ? txg > other : txg < other;
}

/* A label's tree for top-level vdev id; NULL: none. */
static const struct nv *top_tree(const struct found *f, uint64_t id)
{
    const struct member *best = NULL;
    const struct nv *best_tree = NULL;
    for (unsigned i = 0; i < f->n; i++) {
        struct nv *tree;
        uint64_t top = UINT64_MAX;
        if (!nv_get_nv(f->v[i]->label.config, "vdev_tree", &tree) ||
            !nv_get_u64(tree, "id", &top) || top != id)
            continue;
        if (!best || is_nearer(f, f->v[i], best)) {
            best = f->v[i];
            best_tree = tree;
        }
    }
    return best_tree;
}

static bool is_hole(const struct found *f, uint64_t id)
{
    const uint64_t *holes;
    unsigned n;
    if (!nv_get_u64s(f->best->label.config, "hole_array", &holes, &n))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (holes[i] == id)
            return true;
    return false;
}

static struct nv *absent_nv(const struct found *f, uint64_t id)
{
    struct nv *nv = nv_new();
    if (nv && (nv_add_str(nv, "type", is_hole(f, id) ? "hole" : "missing") ||
               nv_add_u64(nv, "id", id) || nv_add_u64(nv, "guid", 0))) {
        nv_free(nv);
        return NULL;
    }
    return nv;
}

static struct nv *root_nv(uint64_t guid)
{
    struct nv *nv = nv_new();
    if (nv && (nv_add_str(nv, "type", "root") || nv_add_u64(nv, "id", 0) ||
               nv_add_u64(nv, "guid", guid))) {
        nv_free(nv);
        return NULL;
    }
    return nv;
}

static int tops_gather(const struct found *f, struct nv **tops, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct nv *tree = top_tree(f, i);
        tops[i] = tree ? nv_dup(tree) : absent_nv(f, i);
        if (!tops[i])
            return E(-ENOMEM);
    }
    return 0;
}

static void tops_free(struct nv **tops, unsigned n)
{
    for (unsigned i = 0; tops && i < n; i++)
        nv_free(tops[i]);
    free(tops);
}

int import_tree_from_labels(const struct found *f, struct vdev **ret_root, struct err *reterr)
{
    uint64_t n = 1;
    nv_get_u64(f->best->label.config, "vdev_children", &n);
    if (n == 0 || n > TOPS_MAX)
        return err_set(reterr, E(-EBADMSG),
                       "pool %s: the label of %s speaks of %" PRIu64 " top-level vdevs",
                       member_text(f->best, "name"), f->best->path, n);
    struct nv **tops = calloc(n, sizeof(*tops)), *nv = root_nv(f->best->pool);
    int r = tops && nv ? tops_gather(f, tops, (unsigned)n) : E(-ENOMEM);
    if (r)
        tops_free(tops, (unsigned)n);
    else
        r = nv_add_nvs(nv, "children", tops, (unsigned)n); /* takes them over */
    if (r == 0)
        r = vdev_parse(nv, ret_root, reterr);
    nv_free(nv);
    if (r == -ENOMEM)
        return err_set(reterr, r, "pool %s: no memory", member_text(f->best, "name"));
    if (r)
        err_prefix(reterr, "pool %s: its labels, as of %.80s", member_text(f->best, "name"),
                   f->best->path);
    return r;
}

/* ---- opening --------------------------------------------------------------------------------------------- */

const struct member *import_member_of(const struct found *f, const struct vdev *leaf)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->v[i]->guid == leaf->guid)
            return f->v[i];
    return NULL;
}

int import_leaves_place(struct vdev *root, const struct found *f)
{
    struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(root, i)); i++) {
        const struct member *m = import_member_of(f, leaf);
        if (!m)
            continue;
        free(leaf->open_path);
        leaf->open_path = strdup(m->path);
        if (!leaf->open_path)
            return E(-ENOMEM);
    }
    return 0;
}

/* A disk of the pool that somebody else has is not one that is missing: who has it may be writing to the pool. Where no label
 * was found, any other disk may stand meanwhile. */
static int held_check(const struct pool *p, struct err *reterr)
{
    const struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++)
        if (leaf->open_path && leaf->refused && leaf->refused->code == -EBUSY)
            return err_set(
                reterr, E(-EBUSY),
                "pool %s: %s is in use, by this or another program, or mounted: end that first",
                p->name, leaf->open_path);
    return 0;
}

/* The first top-level vdev that can't be used. */
static int missing_say(const struct pool *p, const struct found *f, const struct err *why,
                       struct err *reterr)
{
    for (unsigned i = 0; i < p->root->nchildren; i++) {
        const struct vdev *top = p->root->child[i], *leaf;
        unsigned gone = 0, all = 0;
        if (top->type == VDEV_HOLE || top->state >= VDEV_DEGRADED)
            continue;
        if (top->type == VDEV_MISSING)
            return err_set(
                reterr, E(-ENXIO),
                "pool %s: none of the disks of its top-level vdev %u was found (%u of "
                "the other disks were): look for them elsewhere too",
                p->name, i, f->n);
        for (unsigned k = 0; (leaf = vdev_leaf(top, k)); k++, all++)
            gone += leaf->state < VDEV_DEGRADED;
        return err_set(reterr, E(-ENXIO),
                       "pool %s: too few of its disks are there: top-level vdev %u lacks %u of "
                       "%u%s%s",
                       p->name, i, gone, all, why->code ? ": " : "", why->msg);
    }
    return err_set(reterr, E(-ENXIO), "pool %s: too few of its disks are there", p->name);
}

/* A disk that is being resilvered holds next to nothing, which its dirty time log will say when it can be read. In a raidz several
 * of them, each beside the one that it replaces, may be more than parity can make good (poolsim seed 490). */
static int lacks_expect(struct vdev *root)
{
    struct vdev *leaf;
    int r = 0;
    for (unsigned i = 0; r == 0 && (leaf = vdev_leaf(root, i)); i++)
        if (leaf->resilver_txg)
            r = txg_set_add(&leaf->dtl, TXG_INITIAL, TXG_END);
    return r;
}

/* Who asked to lose what was written last does not wait for disks that have more of it. */
static void give_up_missing(struct vdev *root)
{
    struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(root, i)); i++)
        vdev_give_up(leaf);
}

int import_tree_open(struct import *im)
{
    struct pool *p = im->p;
    struct err why = {0};
    int r = import_leaves_place(p->root, im->f);
    if (r == 0)
        r = lacks_expect(p->root);
    if (r == 0)
        r = vdev_open(p->root, p->guid, p->read_only, &why);
    if (r)
        return err_set(im->err, r, "pool %s: no memory", p->name);
    for (unsigned i = 0; i < p->root->nchildren; i++)
        vdev_set_deflate(p->root->child[i]);
    if (im->want->rewind || im->want->rewind_far)
        give_up_missing(p->root);
    r = held_check(p, im->err);
    return r || vdev_usable(p->root) ? r : missing_say(p, im->f, &why, im->err);
}

/* ---- from the configuration -------------------------------------------------------------------------------- */

/* What never changes in a top-level vdev's life, as its label and the configuration say it. */
static int label_compare(const struct pool *p, const struct member *m, const struct vdev *leaf,
                         struct err *reterr)
{
    const struct vdev *top = leaf->top;
    const struct {
        const char *key;
        uint64_t want;
    } rows[] = {
        {"ashift",         top->ashift  },
        {"metaslab_shift", top->ms_shift},
        {"metaslab_array", top->ms_array},
    };
    struct nv *tree;
    if (!nv_get_nv(m->label.config, "vdev_tree", &tree))
        return 0;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t has = rows[i].want;
        nv_get_u64(tree, rows[i].key, &has);
        if (has != rows[i].want && has != 0)
            return err_set(reterr, E(-EBADMSG),
                           "pool %s: the label of %s has %s %" PRIu64
                           ", the pool's configuration %" PRIu64
                           ": wipe that disk and replace it, if the others are enough",
                           p->name, m->path, rows[i].key, has, rows[i].want);
    }
    return 0;
}

static int config_check(const struct import *im, const struct nv *config,
                        const struct vdev *root, struct err *reterr)
{
    const struct pool *p = im->p;
    const char *newest = im->f->best->path;
    const struct vdev *leaf;
    uint64_t guid = p->guid, n = root->nchildren;
    nv_get_u64(config, "pool_guid", &guid);
    nv_get_u64(config, "vdev_children", &n);
    if (guid != p->guid || root->guid != p->guid)
        return err_set(reterr, E(-EBADMSG),
                       "pool %s: its configuration, as %.80s leads to it, is that of another "
                       "pool (%" PRIu64 ")",
                       p->name, newest, guid != p->guid ? guid : root->guid);
    if (n != root->nchildren)
        return err_set(reterr, E(-EBADMSG),
                       "pool %s: its configuration, as %.80s leads to it, speaks of %" PRIu64
                       " top-level vdevs and has %u",
                       p->name, newest, n, root->nchildren);
    if (vdev_guid_sum(root) != p->ub.guid_sum)
        return err_set(
            reterr, E(-EBADMSG),
            "pool %s: the sum of its disks' guids is not that of the uberblock of %.80s",
            p->name, newest);
    for (unsigned i = 0; (leaf = vdev_leaf(root, i)); i++) {
        const struct member *m = import_member_of(im->f, leaf);
        int r = m ? label_compare(p, m, leaf, reterr) : 0;
        if (r)
            return r;
    }
    return 0;
}

int import_tree_from_config(struct import *im, const struct nv *config, struct vdev **ret_root)
{
    struct vdev *root;
    struct nv *tree;
    if (!nv_get_nv(config, "vdev_tree", &tree))
        return err_set(im->err, E(-EBADMSG),
                       "pool %s: its configuration, as %.80s leads to it, has no device tree",
                       im->p->name, im->f->best->path);
    int r = vdev_parse(tree, &root, im->err);
    if (r) {
        err_prefix(im->err, "pool %s: its configuration, as %.80s leads to it", im->p->name,
                   im->f->best->path);
        return r;
    }
    r = config_check(im, config, root, im->err);
    if (r)
        vdev_free(root);
    else
        *ret_root = root;
    return r;
}
