/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device tree out of a config, which may lie. What the other files rely on is established
 * here: types stand where they may stand (root, top-level, interposed, leaves), ids are
 * positions, guids are unique, raidz has more children than parity, sizes are such that no
 * arithmetic on them wraps, and no mirror has more leaves than a read keeps in mind. A
 * top-level vdev that was never laid out (a new one) has none of ashift, asize and metaslab
 * shift.
 */
#include "pool/vdev/vdev_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH    6u
#define MAX_VDEVS    4096u
#define ASHIFT_READ  16u
#define MS_SHIFT_MAX 56u

struct parse {
    struct err *err;
    unsigned nvdevs;
    uint64_t *guids;
};

/* Under what a type may stand, as bits of enum vdev_type. */
#define BIT(type)  (1u << (type))
#define INTERPOSED (BIT(VDEV_REPLACING) | BIT(VDEV_SPARE))
#define GROUPS     (BIT(VDEV_MIRROR) | BIT(VDEV_RAIDZ) | INTERPOSED)
static const struct {
    const char *name;
    unsigned under;
} types[] = {
    [VDEV_ROOT] = {"root",      0                      },
    [VDEV_FILE] = {"file",      BIT(VDEV_ROOT) | GROUPS},
    [VDEV_DISK] = {"disk",      BIT(VDEV_ROOT) | GROUPS},
    [VDEV_MIRROR] = {"mirror",    BIT(VDEV_ROOT)         },
    [VDEV_RAIDZ] = {"raidz",     BIT(VDEV_ROOT)         },
    [VDEV_REPLACING] = {"replacing", BIT(VDEV_ROOT) | GROUPS},
    [VDEV_SPARE] = {"spare",     BIT(VDEV_ROOT) | GROUPS},
    [VDEV_MISSING] = {"missing",   BIT(VDEV_ROOT)         },
    [VDEV_HOLE] = {"hole",      BIT(VDEV_ROOT)         },
};

const char *vdev_type_name(enum vdev_type type)
{
    return types[type].name;
}

const char *vdev_kind(const struct vdev *vd)
{
    return types[vd->type].name;
}

/* Of the device, or the first one below it; people know no other name of a group either. */
static const char *first_path(const struct nv *nv)
{
    struct nv *const *list = NULL;
    const char *path = "no path";
    unsigned n = 0;
    while (!nv_get_str(nv, "path", &path) && nv_get_nvs(nv, "children", &list, &n) && n > 0)
        nv = list[0];
    return path;
}

static int refuse(struct parse *p, const struct nv *nv, const struct vdev *vd, const char *why)
{
    return err_set(p->err, E(-EBADMSG),
                   "device tree: %s %" PRIu32 " (%.80s, guid %" PRIu64 "): %s",
                   types[vd->type].name, vd->id, first_path(nv), vd->guid, why);
}

static uint64_t get(const struct nv *nv, const char *key)
{
    uint64_t v = 0;
    nv_get_u64(nv, key, &v);
    return v;
}

/* ---- one vdev ---------------------------------------------------------------------------- */

static int parse_type(struct parse *p, const struct nv *nv, enum vdev_type *ret_type)
{
    const char *name;
    if (!nv_get_str(nv, "type", &name))
        return err_set(p->err, E(-EBADMSG), "device tree: a device without type (%.80s)",
                       first_path(nv));
    for (unsigned t = 0; t < ARRAY_LEN(types); t++) {
        if (strcmp(types[t].name, name) == 0) {
            *ret_type = t;
            return 0;
        }
    }
    return err_set(p->err, E(-EBADMSG), "device tree: unknown type %.40s (%.80s)", name,
                   first_path(nv));
}

static int take_guid(struct parse *p, const struct nv *nv, const struct vdev *vd)
{
    if (vd->guid == 0)
        return vd->type == VDEV_HOLE || vd->type == VDEV_MISSING ? 0
                                                                 : refuse(p, nv, vd, "no guid");
    for (unsigned i = 0; i < p->nvdevs; i++) {
        if (p->guids[i] == vd->guid)
            return refuse(p, nv, vd, "its guid occurs twice");
    }
    if (p->nvdevs == MAX_VDEVS)
        return refuse(p, nv, vd, "too many devices");
    p->guids[p->nvdevs++] = vd->guid;
    return 0;
}

static int parse_leaf(struct parse *p, const struct nv *nv, struct vdev *vd)
{
    const char *path;
    if (!nv_get_str(nv, "path", &path))
        return refuse(p, nv, vd, "a disk without path");
    vd->path = strdup(path);
    vd->io = calloc(1, sizeof(*vd->io));
    if (!vd->path || !vd->io)
        return E(-ENOMEM);
    queue_init(&vd->io->queue);
    for (unsigned c = 0; c < IO_CLASSES; c++)
        list_init(&vd->io->reads[c]);
    vd->dtl_object = get(nv, "DTL");
    vd->resilver_txg = get(nv, "resilver_txg");
    vd->offline = get(nv, "offline");
    vd->faulted = get(nv, "faulted");
    vd->removed = get(nv, "removed");
    vd->is_spare = get(nv, "is_spare");
    vd->unspare = get(nv, "unspare");
    vd->degraded = get(nv, "degraded");
    vd->state = vdev_closed_state(vd);
    return 0;
}

/* All of ashift, asize, metaslab_shift or none. */
static int parse_top(struct parse *p, const struct nv *nv, struct vdev *vd)
{
    uint64_t ashift = get(nv, "ashift"), ms_shift = get(nv, "metaslab_shift");
    vd->top = vd;
    vd->asize = get(nv, "asize");
    vd->ms_array = get(nv, "metaslab_array");
    vd->is_log = get(nv, "is_log");
    vd->zap_top = get(nv, "com.delphix:vdev_zap_top");
    if (ashift == 0 && ms_shift == 0 && vd->asize == 0)
        return 0;
    if (ashift < ASHIFT_MIN || ashift > ASHIFT_READ)
        return refuse(p, nv, vd, "impossible ashift");
    if (ms_shift < ashift || ms_shift > MS_SHIFT_MAX)
        return refuse(p, nv, vd, "impossible metaslab_shift");
    if (vd->asize >> ms_shift == 0 || vd->asize > INT64_MAX)
        return refuse(p, nv, vd, "impossible asize");
    vd->ashift = (uint32_t)ashift;
    vd->ms_shift = (uint32_t)ms_shift;
    return 0;
}

static int parse_raidz(struct parse *p, const struct nv *nv, struct vdev *vd)
{
    uint64_t nparity = get(nv, "nparity");
    if (nparity < 1 || nparity > RAIDZ_MAX_PARITY)
        return refuse(p, nv, vd, "impossible nparity");
    if (vd->nchildren <= nparity || vd->nchildren > RAIDZ_MAX_CHILDREN)
        return refuse(p, nv, vd, "impossible number of disks");
    vd->nparity = (uint32_t)nparity;
    return 0;
}

static int parse_own(struct parse *p, const struct nv *nv, struct vdev *vd, unsigned position)
{
    uint64_t id = get(nv, "id");
    vd->guid = get(nv, "guid");
    vd->create_txg = get(nv, "create_txg");
    vd->zap_leaf = get(nv, "com.delphix:vdev_zap_leaf");
    vd->id = position;
    vd->top = vd->parent ? vd->parent->top : NULL;
    if (vd->parent && id != position)
        return refuse(p, nv, vd, "its id is not its place");
    if (vd->parent && !(types[vd->type].under & BIT(vd->parent->type)))
        return refuse(p, nv, vd, "may not stand here");
    vd->origin = nv_dup(nv);
    if (!vd->origin)
        return E(-ENOMEM);
    nv_remove(vd->origin, "children");
    return take_guid(p, nv, vd);
}

/* ---- the tree ---------------------------------------------------------------------------- */

static int parse_vdev(struct parse *p, const struct nv *nv, struct vdev *parent,
                      unsigned position, unsigned depth, struct vdev **ret_vd);

static int parse_children(struct parse *p, const struct nv *nv, struct vdev *vd, unsigned depth)
{
    struct nv *const *list = NULL;
    unsigned n = 0;
    nv_get_nvs(nv, "children", &list, &n);
    if (n == 0)
        return refuse(p, nv, vd, "no disks in it");
    vd->child = calloc(n, sizeof(struct vdev *));
    if (!vd->child)
        return E(-ENOMEM);
    for (; vd->nchildren < n; vd->nchildren++) {
        int rc = parse_vdev(p, list[vd->nchildren], vd, vd->nchildren, depth + 1,
                            &vd->child[vd->nchildren]);
        if (rc < 0)
            return rc;
    }
    if (vd->type != VDEV_ROOT && vd->type != VDEV_RAIDZ && vdev_leaf(vd, VDEV_MAX_COPIES))
        return refuse(p, nv, vd, "too many disks");
    return 0;
}

/* By type; what is above it is known. */
static int parse_kind(struct parse *p, const struct nv *nv, struct vdev *vd, unsigned depth)
{
    int rc = 0;
    if (depth > MAX_DEPTH)
        return refuse(p, nv, vd, "nested too deeply");
    if (vd->type != VDEV_ROOT && (!vd->parent || vd->parent->type == VDEV_ROOT))
        rc = parse_top(p, nv, vd);
    if (rc < 0 || vd->type == VDEV_HOLE || vd->type == VDEV_MISSING)
        return rc;
    if (vdev_is_leaf(vd))
        return parse_leaf(p, nv, vd);
    rc = parse_children(p, nv, vd, depth);
    return rc == 0 && vd->type == VDEV_RAIDZ ? parse_raidz(p, nv, vd) : rc;
}

static int parse_vdev(struct parse *p, const struct nv *nv, struct vdev *parent,
                      unsigned position, unsigned depth, struct vdev **ret_vd)
{
    enum vdev_type type = VDEV_MISSING;
    int rc = parse_type(p, nv, &type);
    if (rc < 0)
        return rc;
    struct vdev *vd = calloc(1, sizeof(*vd));
    if (!vd)
        return E(-ENOMEM);
    vd->type = type;
    vd->parent = parent;
    vd->state = VDEV_CLOSED;
    waitq_init(&vd->gate.q);
    fmutex_init(&vd->gate.opening);
    rc = parse_own(p, nv, vd, position);
    if (rc == 0)
        rc = parse_kind(p, nv, vd, depth);
    if (rc < 0) {
        vdev_free(vd);
        return rc;
    }
    *ret_vd = vd;
    return 0;
}

int vdev_parse(const struct nv *tree, struct vdev **ret_root, struct err *reterr)
{
    struct parse p = {.err = reterr, .guids = calloc(MAX_VDEVS, sizeof(uint64_t))};
    struct vdev *root = NULL;
    if (!p.guids)
        return E(-ENOMEM);
    int rc = parse_vdev(&p, tree, NULL, (unsigned)get(tree, "id"), 0, &root);
    free(p.guids);
    if (rc == -ENOMEM)
        return err_set(reterr, rc, "no memory for the device tree");
    if (rc < 0)
        return rc;
    vdev_set_deflate(root);
    vdev_propagate(root);
    *ret_root = root;
    return 0;
}
