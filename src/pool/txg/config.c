/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool's configuration: the whole tree in the MOS, each leaf's top-level vdev in its labels (OpenZFS
 * spa_config_generate()). Pairs that we don't interpret are kept.
 */
#include "pool/txg/txg.h"

#include <errno.h>
#include <stdlib.h>

#define CONFIG_BLOCK (16u << 10)

/* Pairs that every config has. */
static int common_pairs(const struct pool *p, uint64_t txg, struct nv *nv)
{
    int r = nv_add_u64(nv, "version", ZFS_VERSION);
    if (r == 0)
        r = nv_add_str(nv, "name", p->name);
    if (r == 0)
        r = nv_add_u64(nv, "state", p->state);
    if (r == 0)
        r = nv_add_u64(nv, "txg", txg);
    if (r == 0)
        r = nv_add_u64(nv, "pool_guid", p->guid);
    if (r == 0)
        r = nv_add_u64(nv, "errata", 0);
    if (r == 0 && p->hostid)
        r = nv_add_u64(nv, "hostid", p->hostid);
    if (r == 0)
        r = nv_add_str(nv, "hostname", p->hostname);
    const char *key, *text;
    for (unsigned i = 0; r == 0 && p->extra && (key = nv_key(p->extra, i)); i++)
        if (nv_get_str(p->extra, key, &text))
            r = nv_add_str(nv, key, text);
    return r;
}

/* Features without which the MOS cannot be read. */
static int feature_pairs(const struct pool *p, struct nv *nv)
{
    struct nv *list = nv_new();
    int r = list ? 0 : E(-ENOMEM);
    for (unsigned i = 0; r == 0 && i < p->nlabel_features; i++)
        r = nv_add_bool(list, p->label_features[i]);
    if (r == 0)
        return nv_add_nv(nv, "features_for_read", list);
    nv_free(list);
    return r;
}

static struct nv *complete_or_free(struct nv *nv, int r)
{
    if (r == 0)
        return nv;
    nv_free(nv);
    return NULL;
}

struct nv *config_mos(const struct pool *p, uint64_t txg)
{
    struct nv *nv = nv_new(), *tree = vdev_to_nv(p->root, true);
    int r = nv && tree ? common_pairs(p, txg, nv) : E(-ENOMEM);
    if (r == 0 && p->has_vdev_zaps)
        r = nv_add_bool(nv, "com.delphix:has_per_vdev_zaps");
    if (r == 0)
        r = nv_add_u64(nv, "vdev_children", p->root->nchildren);
    if (r == 0) {
        r = nv_add_nv(nv, "vdev_tree", tree);
        tree = NULL;
    }
    if (r == 0)
        r = feature_pairs(p, nv);
    nv_free(tree);
    return complete_or_free(nv, r);
}

/* Numbers of top-level vdevs that are holes. */
static int hole_pairs(const struct pool *p, struct nv *nv)
{
    uint64_t holes[64];
    unsigned n = 0;
    for (unsigned i = 0; i < p->root->nchildren && n < ARRAY_LEN(holes); i++)
        if (p->root->child[i]->type == VDEV_HOLE)
            holes[n++] = i;
    return n ? nv_add_u64s(nv, "hole_array", holes, n) : 0;
}

struct nv *config_label(const struct pool *p, const struct vdev *leaf, uint64_t txg)
{
    struct nv *nv = nv_new(), *tree = vdev_to_nv(leaf->top, false);
    int r = nv && tree ? common_pairs(p, txg, nv) : E(-ENOMEM);
    if (r == 0)
        r = nv_add_u64(nv, "top_guid", leaf->top->guid);
    if (r == 0)
        r = nv_add_u64(nv, "guid", leaf->guid);
    if (r == 0 && leaf->top->is_log)
        r = nv_add_u64(nv, "is_log", 1);
    if (r == 0 && leaf->is_spare)
        r = nv_add_u64(nv, "is_spare", 1);
    if (r == 0)
        r = nv_add_u64(nv, "vdev_children", p->root->nchildren);
    if (r == 0)
        r = hole_pairs(p, nv);
    if (r == 0) {
        r = nv_add_nv(nv, "vdev_tree", tree);
        tree = NULL;
    }
    if (r == 0)
        r = feature_pairs(p, nv);
    nv_free(tree);
    return complete_or_free(nv, r);
}

static int packed_create(struct pool *p, const char *entry, uint64_t *object)
{
    struct object_props props = {
        .type = DMU_PACKED_NVLIST,
        .bonus_type = DMU_PACKED_NVLIST_SIZE,
        .bonus_len = sizeof(le64),
        .block_size = CONFIG_BLOCK,
    };
    int r = object_create(p->mos, 0, &props, object);
    return r ? r : zap_set_u64(p->mos, DMU_OBJECT_DIRECTORY, entry, *object);
}

int config_store(struct pool *p, const char *entry, uint64_t *object, const struct nv *nv)
{
    uint8_t *bytes = NULL;
    size_t len;
    struct object *obj = NULL;
    int r = nv ? nv_pack(nv, &bytes, &len) : E(-ENOMEM);
    if (r == 0 && *object == 0)
        r = packed_create(p, entry, object);
    if (r == 0)
        r = object_hold(p->mos, *object, &obj);
    if (r == 0)
        r = object_write(obj, 0, bytes, len);
    if (r == 0)
        *(le64 *)object_bonus_change(obj) = le64_make(len);
    object_release(obj);
    free(bytes);
    return r;
}

int config_write(struct pool *p, uint64_t txg)
{
    struct nv *nv = config_mos(p, txg);
    int r = config_store(p, "config", &p->config_object, nv);
    nv_free(nv);
    return r;
}
