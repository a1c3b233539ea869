/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Walking the device tree and writing it down again. Pairs that this engine doesn't interpret
 * (devid, whole_disk, what later versions add) are kept as they were read; what it does
 * interpret is written anew, so that a flag which is no longer set disappears.
 */
#include "pool/vdev/vdev_int.h"

#include <errno.h>
#include <stdlib.h>

bool vdev_is_leaf(const struct vdev *vd)
{
    return vd->type == VDEV_FILE || vd->type == VDEV_DISK;
}

static const struct vdev *nth_leaf(const struct vdev *vd, unsigned *i)
{
    if (vdev_is_leaf(vd))
        return (*i)-- == 0 ? vd : NULL;
    const struct vdev *found = NULL;
    for (unsigned c = 0; c < vd->nchildren && !found; c++)
        found = nth_leaf(vd->child[c], i);
    return found;
}

struct vdev *vdev_leaf(const struct vdev *vd, unsigned i)
{
    return (struct vdev *)(uintptr_t)nth_leaf(vd,
                                              &i); /* the tree is as const as its owner says */
}

uint64_t vdev_guid_sum(const struct vdev *root)
{
    uint64_t sum = root->guid;
    for (unsigned i = 0; i < root->nchildren; i++)
        sum += vdev_guid_sum(root->child[i]);
    return sum;
}

struct vdev *vdev_find(struct vdev *root, uint64_t guid)
{
    struct vdev *found = root->guid == guid ? root : NULL;
    for (unsigned i = 0; i < root->nchildren && !found; i++)
        found = vdev_find(root->child[i], guid);
    return found;
}

static void free_tree(struct vdev *vd)
{
    for (unsigned i = 0; i < vd->nchildren; i++)
        free_tree(vd->child[i]);
    gate_bury(vd);
    nv_free(vd->origin);
    txg_set_clear(&vd->dtl);
    free(vd->child);
    free(vd->path);
    free(vd->open_path);
    free(vd->refused);
    free(vd->io);
    free(vd);
}

void vdev_free(struct vdev *vd)
{
    if (!vd)
        return;
    vdev_close(vd);
    free_tree(vd);
}

/* ---- as a list --------------------------------------------------------------------------- */

/* Zero: the pair is not there. */
static int put(struct nv *nv, const char *key, uint64_t v)
{
    if (v)
        return nv_add_u64(nv, key, v);
    nv_remove(nv, key);
    return 0;
}

/* A leaf that came under a mirror is no top-level vdev any more. */
static void remove_top(struct nv *nv)
{
    static const char *const keys[] = {"metaslab_array", "metaslab_shift",
                                       "ashift",         "asize",
                                       "is_log",         "com.delphix:vdev_zap_top"};
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
        nv_remove(nv, keys[i]);
}

static int put_top(struct nv *nv, const struct vdev *vd, bool mos)
{
    int rc = nv_add_u64(nv, "metaslab_array", vd->ms_array);
    rc = rc < 0 ? rc : nv_add_u64(nv, "metaslab_shift", vd->ms_shift);
    rc = rc < 0 ? rc : nv_add_u64(nv, "ashift", vd->ashift);
    rc = rc < 0 ? rc : nv_add_u64(nv, "asize", vd->asize);
    rc = rc < 0 ? rc : nv_add_u64(nv, "is_log", vd->is_log);
    return rc < 0 ? rc : put(nv, "com.delphix:vdev_zap_top", mos ? vd->zap_top : 0);
}

/* What a leaf's config says besides where it is. */
static int put_flags(struct nv *nv, const struct vdev *vd)
{
    const struct {
        const char *key;
        uint64_t v;
    } flags[] = {
        {"DTL",          vd->dtl_object  },
        {"resilver_txg", vd->resilver_txg},
        {"offline",      vd->offline     },
        {"faulted",      vd->faulted     },
        {"removed",      vd->removed     },
        {"is_spare",     vd->is_spare    },
        {"unspare",      vd->unspare     },
        {"degraded",     vd->degraded    },
        {"not_present",  0               },
    };
    nv_remove(nv, "aux_state");
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
        int rc = put(nv, flags[i].key, flags[i].v);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int put_leaf(struct nv *nv, const struct vdev *vd, bool mos)
{
    int rc = nv_add_str(nv, "path", vd->open_path ? vd->open_path : vd->path);
    if (rc == 0 && vd->type == VDEV_DISK && !nv_has(nv, "whole_disk"))
        rc = nv_add_u64(nv, "whole_disk", 0);
    rc = rc < 0 ? rc : put_flags(nv, vd);
    return rc < 0 ? rc : put(nv, "com.delphix:vdev_zap_leaf", mos ? vd->zap_leaf : 0);
}

static int put_children(struct nv *nv, const struct vdev *vd, bool mos)
{
    struct nv **list = calloc(vd->nchildren, sizeof(struct nv *));
    unsigned n = 0;
    while (list && n < vd->nchildren && (list[n] = vdev_to_nv(vd->child[n], mos)))
        n++;
    if (list && n == vd->nchildren)
        return nv_add_nvs(nv, "children", list, n);
    while (n > 0)
        nv_free(list[--n]);
    free(list);
    return E(-ENOMEM);
}

static int put_vdev(struct nv *nv, const struct vdev *vd, bool mos)
{
    bool place = vd->type == VDEV_HOLE || vd->type == VDEV_MISSING;
    int rc = nv_add_str(nv, "type", vdev_type_name(vd->type));
    rc = rc < 0 ? rc : nv_add_u64(nv, "id", vd->id);
    rc = rc < 0 ? rc : nv_add_u64(nv, "guid", vd->guid);
    if (rc == 0 && !place)
        rc = nv_add_u64(nv, "create_txg", vd->create_txg);
    if (rc == 0 && vd->type == VDEV_RAIDZ)
        rc = nv_add_u64(nv, "nparity", vd->nparity);
    if (rc == 0 && (vd->type == VDEV_REPLACING || vd->type == VDEV_SPARE))
        rc = nv_add_u64(nv, "whole_disk", 0);
    if (vd->top != vd)
        remove_top(nv);
    else if (rc == 0 && !place)
        rc = put_top(nv, vd, mos);
    if (rc == 0 && vdev_is_leaf(vd))
        rc = put_leaf(nv, vd, mos);
    return rc == 0 && vd->nchildren ? put_children(nv, vd, mos) : rc;
}

struct nv *vdev_to_nv(const struct vdev *vd, bool mos)
{
    struct nv *nv = vd->origin ? nv_dup(vd->origin) : nv_new();
    if (!nv)
        return NULL;
    if (!mos)
        nv_remove(nv, "com.delphix:resilver_deferred");
    if (put_vdev(nv, vd, mos) < 0) {
        nv_free(nv);
        return NULL;
    }
    return nv;
}
