/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Importing a pool (OpenZFS spa_load(), zpool_find_config()). The labels of the given devices tell which pools there are; the best
 * uberblock among a pool's leads to the MOS, whose config is the tree to trust. Nothing is written before all of it
 * has been read.
 */
#include "pool/format/features.h"
#include "pool/pool_int.h"
#include "pool/zil/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct candidate {
    const char *path;
    struct label_info label;
    uint64_t guid, leaf_guid;
};
struct found {
    struct candidate *v;
    unsigned n;
    struct candidate *best; /* holds the best uberblock */
};

static void found_free(struct found *f)
{
    for (unsigned i = 0; i < f->n; i++)
        nv_free(f->v[i].label.config);
    free(f->v);
}

/* ---- looking at devices ---------------------------------------------------------------------------------- */

static int device_read(const char *path, uint64_t max_txg, struct label_info *ret)
{
    struct file_opts opts = {.mode = FILE_RDONLY};
    struct file *f;
    int r = file_open(path, &opts, &f, NULL);
    if (r)
        return r;
    r = label_read(f, max_txg, ret, NULL);
    file_close(f);
    return r;
}

static bool wanted(const struct pool_import_want *want, const struct candidate *c)
{
    const char *name = "";
    nv_get_str(c->label.config, "name", &name);
    if (want->guid)
        return c->guid == want->guid;
    return !want->name || strcmp(name, want->name) == 0;
}

/* Keeps the candidates of the one pool that is meant. */
static int found_scan(const struct pool_import_want *want, struct found *ret,
                      struct err *reterr)
{
    unsigned npaths = 0;
    while (want->paths[npaths])
        npaths++;
    ret->v = calloc(MAX(npaths, 1u), sizeof(*ret->v));
    if (!ret->v)
        return err_set(reterr, E(-ENOMEM), "no memory");
    for (unsigned i = 0; i < npaths; i++) {
        struct candidate *c = &ret->v[ret->n];
        c->path = want->paths[i];
        if (device_read(c->path, want->max_txg ? want->max_txg : UINT64_MAX, &c->label))
            continue;
        nv_get_u64(c->label.config, "pool_guid", &c->guid);
        nv_get_u64(c->label.config, "guid", &c->leaf_guid);
        if (!c->guid || !wanted(want, c)) {
            nv_free(c->label.config);
            continue;
        }
        ret->n++;
        if (ret->v[0].guid != c->guid)
            return err_set(reterr, E(-EEXIST),
                           "several pools match (%" PRIu64 ", %" PRIu64 "): import by guid",
                           ret->v[0].guid, c->guid);
        if (c->label.has_ub &&
            (!ret->best || uberblock_better(&c->label.ub, &ret->best->label.ub)))
            ret->best = c;
    }
    if (ret->n == 0)
        return err_set(reterr, E(-ENOENT), "no such pool on the %u devices given", npaths);
    if (!ret->best)
        return err_set(reterr, E(-EBADMSG), "pool %" PRIu64 ": no valid uberblock",
                       ret->v[0].guid);
    return 0;
}

/* ---- what the label says ---------------------------------------------------------------------------------- */

static int label_features_check(const struct nv *config, const char *name, struct err *reterr)
{
    struct nv *list;
    const char *guid;
    if (!nv_get_nv(config, "features_for_read", &list))
        return err_set(reterr, E(-EOPNOTSUPP), "pool %s is older than feature flags", name);
    for (unsigned i = 0; (guid = nv_key(list, i)); i++)
        if (feature_access(guid, true, reterr) == FEATURE_NO_ACCESS)
            return reterr ? reterr->code : E(-EOPNOTSUPP);
    return 0;
}

static int label_check(const struct pool_import_want *want, const struct nv *config,
                       struct err *reterr)
{
    uint64_t state = 0, version = 0, hostid = 0;
    const char *name = "?", *hostname = "?";
    nv_get_u64(config, "state", &state);
    nv_get_u64(config, "version", &version);
    nv_get_u64(config, "hostid", &hostid);
    nv_get_str(config, "name", &name);
    nv_get_str(config, "hostname", &hostname);
    if (version != ZFS_VERSION)
        return err_set(reterr, E(-EOPNOTSUPP), "pool %s has version %" PRIu64 ", not %u", name,
                       version, ZFS_VERSION);
    if (state == POOL_STATE_DESTROYED && !want->force)
        return err_set(reterr, E(-ENOENT), "pool %s was destroyed: use -f to import it", name);
    if (state == POOL_STATE_ACTIVE && hostid && hostid != want->opts.hostid && !want->force)
        return err_set(
            reterr, E(-EBUSY),
            "pool %s was last used by host %s and not exported: make sure that it is "
            "not in use there, then use -f",
            name, hostname);
    return label_features_check(config, name, reterr);
}

/* ---- the tree, first from labels ------------------------------------------------------------------------------ */

/* The newest label's tree for top-level vdev id; NULL: none. */
static const struct nv *top_tree(const struct found *f, uint64_t id, uint64_t max_txg)
{
    const struct nv *best = NULL;
    uint64_t best_txg = 0;
    for (unsigned i = 0; i < f->n; i++) {
        struct nv *tree;
        uint64_t txg = 0, top = UINT64_MAX;
        nv_get_u64(f->v[i].label.config, "txg", &txg);
        if (!nv_get_nv(f->v[i].label.config, "vdev_tree", &tree) ||
            !nv_get_u64(tree, "id", &top) || top != id)
            continue;
        if (!best || (txg > best_txg && txg <= max_txg)) {
            best = tree;
            best_txg = txg;
        }
    }
    return best;
}

static struct nv *missing_nv(uint64_t id)
{
    struct nv *nv = nv_new();
    if (nv && (nv_add_str(nv, "type", "missing") || nv_add_u64(nv, "id", id) ||
               nv_add_u64(nv, "guid", 0))) {
        nv_free(nv);
        return NULL;
    }
    return nv;
}

static int tree_from_labels(const struct found *f, struct vdev **ret_root, struct err *reterr)
{
    uint64_t n = 1, guid = f->best->guid;
    nv_get_u64(f->best->label.config, "vdev_children", &n);
    if (n == 0 || n > 4096)
        return err_set(reterr, E(-EBADMSG), "a label speaks of %" PRIu64 " vdevs", n);
    struct nv **tops = calloc(n, sizeof(*tops)), *nv = nv_new();
    int r = tops && nv ? 0 : E(-ENOMEM);
    for (uint64_t i = 0; r == 0 && i < n; i++) {
        const struct nv *tree = top_tree(f, i, f->best->label.ub.txg);
        tops[i] = tree ? nv_dup(tree) : missing_nv(i);
        r = tops[i] ? 0 : E(-ENOMEM);
    }
    if (r == 0 && (nv_add_str(nv, "type", "root") || nv_add_u64(nv, "id", 0) ||
                   nv_add_u64(nv, "guid", guid)))
        r = E(-ENOMEM);
    if (r == 0) {
        r = nv_add_nvs(nv, "children", tops, (unsigned)n);
        tops = NULL;
        n = 0;
    }
    if (r == 0)
        r = vdev_parse(nv, ret_root, reterr);
    for (uint64_t i = 0; tops && i < n; i++)
        nv_free(tops[i]);
    free(tops);
    nv_free(nv);
    return r;
}

/* Each leaf is opened where its label was found. */
static int leaves_place(struct vdev *root, const struct found *f)
{
    struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(root, i)); i++)
        for (unsigned k = 0; k < f->n; k++)
            if (f->v[k].leaf_guid == leaf->guid) {
                free(leaf->open_path);
                leaf->open_path = strdup(f->v[k].path);
                if (!leaf->open_path)
                    return E(-ENOMEM);
            }
    return 0;
}

static int tree_open(struct pool *p, const struct found *f, struct err *reterr)
{
    struct err why = {0};
    int r = leaves_place(p->root, f);
    if (r == 0)
        r = vdev_open(p->root, p->guid, p->read_only, &why);
    for (unsigned i = 0; r == 0 && i < p->root->nchildren; i++)
        vdev_set_deflate(p->root->child[i]);
    if (r == 0 && !vdev_usable(p->root))
        return err_set(reterr, E(-ENXIO), "pool %s: too few of its disks are there%s%s",
                       p->name, why.code ? ": " : "", why.msg);
    return r ? err_set(reterr, r, "pool %s: its disks cannot be opened", p->name) : 0;
}

/* ---- the MOS ------------------------------------------------------------------------------------------------- */

static int mos_open(struct pool *p, const struct pool_import_want *want, struct err *reterr)
{
    int r = pool_tables(p, &want->opts, p->ub.txg, reterr);
    p->blocks.read_only = p->read_only;
    if (r == 0)
        r = objset_open(&p->blocks, &p->ub.rootbp, OBJSET_NONE, &mos_ops, p, &p->mos, reterr);
    if (r == 0)
        r = zap_get_u64(p->mos, DMU_OBJECT_DIRECTORY, "config", &p->config_object);
    return r ? err_prefix(reterr, "pool %s: its newest state cannot be read", p->name) : 0;
}

static void mos_close(struct pool *p)
{
    objset_close(p->mos);
    space_free(p->space);
    blocks_fini(&p->blocks);
    p->mos = NULL;
    p->space = NULL;
}

static int config_read(struct pool *p, struct nv **ret_config, struct err *reterr)
{
    struct object *obj;
    int r = object_hold(p->mos, p->config_object, &obj);
    if (r)
        return err_set(reterr, r, "pool %s: its configuration cannot be read", p->name);
    uint64_t len = object_bonus_len(obj) >= 8 ? le64_get(*(const le64 *)object_bonus(obj)) : 0;
    uint8_t *bytes = len && len <= (16u << 20) ? malloc(len) : NULL;
    if (!bytes)
        r = err_set(reterr, E(-EBADMSG), "pool %s: its configuration has no sane length",
                    p->name);
    if (r == 0 && (r = object_read(obj, 0, bytes, len)) != 0)
        err_set(reterr, r, "pool %s: its configuration cannot be read", p->name);
    if (r == 0)
        r = nv_parse(bytes, len, ret_config, reterr);
    free(bytes);
    object_release(obj);
    return r;
}

/* Pairs that we don't make ourselves. */
static int extra_keep(struct pool *p, const struct nv *config)
{
    static const char *const keys[] = {"comment", "compatibility"};
    p->extra = nv_new();
    if (!p->extra)
        return E(-ENOMEM);
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
        const char *text;
        if (nv_get_str(config, keys[i], &text) && nv_add_str(p->extra, keys[i], text))
            return E(-ENOMEM);
    }
    p->has_vdev_zaps = nv_has(config, "com.delphix:has_per_vdev_zaps");
    return 0;
}

/* Replaces the labels' tree by the MOS's and opens all anew with it. */
static int tree_trusted(struct pool *p, const struct pool_import_want *want,
                        const struct found *f, struct err *reterr)
{
    struct nv *config, *tree;
    int r = config_read(p, &config, reterr);
    if (r)
        return r;
    mos_close(p);
    vdev_free(p->root);
    p->root = NULL;
    r = extra_keep(p, config);
    if (r == 0)
        r = nv_get_nv(config, "vdev_tree", &tree)
                ? vdev_parse(tree, &p->root, reterr)
                : err_set(reterr, E(-EBADMSG), "pool %s: no vdev tree", p->name);
    nv_free(config);
    if (r == 0)
        r = tree_open(p, f, reterr);
    if (r == 0 && vdev_guid_sum(p->root) != p->ub.guid_sum)
        r = err_set(reterr, E(-ENXIO), "pool %s: its disks are not those of its newest state",
                    p->name);
    return r ? r : mos_open(p, want, reterr);
}

/* ---- features ---------------------------------------------------------------------------------------------------- */

struct feature_scan {
    struct pool *p;
    bool from_read;
    struct err *reterr;
};

static int feature_seen(void *arg, const char *guid, const struct zap_value *v)
{
    struct feature_scan *s = arg;
    uint64_t count = 0;
    if (v->int_size == 8 && v->n == 1)
        memcpy(&count, v->bytes, sizeof(count));
    const struct feature *f = feature_find(guid);
    if (f && strcmp(f->name, "spacemap_histogram") == 0)
        s->p->spacemap_histogram = true;
    if (count == 0)
        return 0;
    switch (feature_access(guid, s->from_read, s->reterr)) {
    case FEATURE_NO_ACCESS:
        return E(-EOPNOTSUPP);
    case FEATURE_READ_ONLY:
        if (!s->p->read_only)
            return E(-EROFS);
        break;
    case FEATURE_WRITE:
        break;
    }
    if (f)
        pool_feature_active(s->p, f);
    return 0;
}

static int features_read(struct pool *p, struct err *reterr)
{
    struct feature_scan s = {p, true, reterr};
    int r = zap_iterate(p->mos, p->dsl.feat_read, feature_seen, &s);
    s.from_read = false;
    return r ? r : zap_iterate(p->mos, p->dsl.feat_write, feature_seen, &s);
}

/* ---- all of it ------------------------------------------------------------------------------------------------------ */

static int rest_load(struct pool *p, struct err *reterr)
{
    struct vdev *leaf;
    int r = dsl_load(&p->dsl, &p->blocks, p->mos, reterr);
    if (r == 0)
        r = features_read(p, reterr);
    for (unsigned i = 0; r == 0 && i < p->root->nchildren; i++)
        if (p->root->child[i]->type != VDEV_HOLE)
            r = maps_open(p, p->root->child[i], reterr);
    for (unsigned i = 0; r == 0 && (leaf = vdev_leaf(p->root, i)); i++)
        r = dtl_load(p, leaf, reterr);
    return r;
}

/* Claims every head's log before anything is allocated, then frees what OpenZFS had put off. */
static int first_txg(void *arg, uint64_t txg, struct err *reterr)
{
    struct pool *p = arg;
    struct dsl_dir *dd = NULL;
    while ((dd = dsl_next(&p->dsl, dd))) {
        int r = dd->head ? zil_claim(p, dd->head, txg, reterr) : 0;
        if (r)
            return r;
    }
    p->config_dirty = true;
    return dsl_free_leftovers(&p->dsl);
}

static int import_found(struct pool *p, const struct pool_import_want *want,
                        const struct found *f, struct err *reterr)
{
    int r = tree_from_labels(f, &p->root, reterr);
    if (r == 0)
        r = tree_open(p, f, reterr);
    if (r == 0)
        r = mos_open(p, want, reterr);
    if (r == 0)
        r = tree_trusted(p, want, f, reterr);
    if (r == 0)
        r = rest_load(p, reterr);
    if (r || p->read_only)
        return r;
    r = pool_start(p, p->ub.txg, reterr);
    if (r == 0)
        r = txg_run(p, first_txg, p, reterr);
    if (r == 0)
        pool_destroys_finish(p);
    else
        pool_stop(p);
    return r;
}

int pool_import(const struct pool_import_want *want, struct pool **ret_pool, struct err *reterr)
{
    struct found f = {0};
    struct label_info chosen = {0};
    struct pool *p = NULL;
    const char *name = "";
    int r = found_scan(want, &f, reterr);
    if (r == 0 && device_read(f.best->path, f.best->label.ub.txg, &chosen))
        r = err_set(reterr, E(-ENXIO), "%s: no label fits its newest uberblock", f.best->path);
    if (r == 0)
        r = label_check(want, chosen.config, reterr);
    if (r == 0) {
        nv_free(f.best->label.config);
        f.best->label.config = chosen.config;
        chosen.config = NULL;
        nv_get_str(f.best->label.config, "name", &name);
        p = pool_new(want->new_name ? want->new_name : name, &want->opts);
        r = p ? 0 : err_set(reterr, E(-ENOMEM), "no memory");
    }
    if (r == 0) {
        p->guid = f.best->guid;
        p->ub = f.best->label.ub;
        p->read_only = want->read_only;
        r = import_found(p, want, &f, reterr);
    }
    nv_free(chosen.config);
    found_free(&f);
    if (r) {
        pool_free(p);
        return r;
    }
    if (!p->read_only)
        suspend_arm(p);
    *ret_pool = p;
    return 0;
}
