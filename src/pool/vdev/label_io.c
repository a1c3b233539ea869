/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Labels on disks. Reading takes what it can get: four labels, each with a config and a ring,
 * any of which may be torn or from another time; the newest config that is not younger than
 * asked for wins (or the oldest: only a change of disks makes labels younger than a tree that is
 * still there), and the best uberblock. Writing goes to all leaves at the same time; a leaf
 * that doesn't take its label has failed like in any other write.
 */
#include "pool/format/checksum.h"
#include "pool/vdev/vdev_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAIR_SIZE   (2 * LABEL_SIZE) /* labels lie in pairs, at both ends */
#define ASHIFT_READ 16u

/* ---- reading ----------------------------------------------------------------------------- */

struct labels {
    uint8_t *bytes; /* four labels */
    uint64_t psize, max_txg;
    struct label_info *found;
    uint64_t config_txg;
    bool verified[LABELS]; /* configs */
};

static const uint8_t *config_bytes(const struct labels *l, unsigned i)
{
    return l->bytes + (size_t)i * LABEL_SIZE + LABEL_CONFIG_OFF;
}

/* A label that says the same as one that was verified says nothing new, whether its own checksum is right or not; and a checksum
 * takes long. */
static bool says_the_same(const struct labels *l, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (l->verified[k] && memcmp(config_bytes(l, k), config_bytes(l, i),
                                     LABEL_CONFIG_SIZE - EMBEDDED_CKSUM_SIZE) == 0)
            return true;
    return false;
}

static uint64_t config_txg(const struct nv *config)
{
    uint64_t txg = 0;
    nv_get_u64(config, "txg", &txg);
    return txg;
}

/* A member of a pool has a txg; an inactive spare has none, and neither has a label that was
 * only initialised. */
static bool is_somebodys(const struct nv *config)
{
    uint64_t state = 0, guid = 0;
    nv_get_u64(config, "state", &state);
    nv_get_u64(config, "guid", &guid);
    return guid != 0 && (config_txg(config) != 0 || state == POOL_STATE_SPARE ||
                         state == POOL_STATE_L2CACHE);
}

/* The newest that is not too young; where all are, the oldest. */
static bool is_better(const struct labels *l, uint64_t txg)
{
    bool fits = txg <= l->max_txg, had = l->config_txg <= l->max_txg;
    if (!l->found->config || fits != had)
        return !l->found->config || fits;
    return fits ? txg > l->config_txg : txg < l->config_txg;
}

static uint64_t pool_of(const struct nv *config)
{
    uint64_t guid = 0;
    nv_get_u64(config, "pool_guid", &guid);
    return guid;
}

/* Two labels of one device that name different pools. Inactive spares name none. */
static void note_other(struct label_info *found, const struct nv *config)
{
    const char *name = "?";
    uint64_t had = found->config ? pool_of(found->config) : 0, has = pool_of(config);
    if (!had || !has || had == has)
        return;
    found->other_pool = has;
    nv_get_str(config, "name", &name);
    snprintf(found->other_name, sizeof(found->other_name), "%s", name);
}

static void look_at_config(struct labels *l, unsigned i)
{
    struct nv *config;
    if (says_the_same(l, i) ||
        label_config_parse(config_bytes(l, i), label_off(l->psize, i), &config, NULL) < 0)
        return;
    l->verified[i] = true;
    uint64_t txg = config_txg(config);
    if (is_somebodys(config))
        note_other(l->found, config);
    if (!is_somebodys(config) || !is_better(l, txg)) {
        nv_free(config);
        return;
    }
    nv_free(l->found->config);
    l->found->config = config;
    l->config_txg = txg;
}

static unsigned config_ashift(const struct nv *config)
{
    struct nv *tree;
    uint64_t ashift = 0;
    if (nv_get_nv(config, "vdev_tree", &tree))
        nv_get_u64(tree, "ashift", &ashift);
    return ashift >= ASHIFT_MIN && ashift <= ASHIFT_READ ? (unsigned)ashift : 0;
}

/* Those that wants() wants (NULL: all), by what they say before they are verified. */
static void walk_ring(const struct labels *l, unsigned i, unsigned ashift,
                      bool (*wants)(const struct labels *l, const struct uberblock *ub),
                      void (*fn)(void *arg, const struct uberblock *ub), void *arg)
{
    uint32_t size = uberblock_slot_size(ashift);
    const uint8_t *label = l->bytes + (size_t)i * LABEL_SIZE;
    uint64_t at = label_off(l->psize, i);
    for (uint32_t off = LABEL_RING_OFF; off < LABEL_SIZE; off += size) {
        struct uberblock ub;
        if (uberblock_peek(label + off, &ub) && (!wants || wants(l, &ub)) &&
            uberblock_parse(label + off, size, at + off, &ub))
            fn(arg, &ub);
    }
}

static bool is_best(const struct labels *l, const struct uberblock *ub)
{
    return ub->txg <= l->max_txg && (!l->found->has_ub || uberblock_better(ub, &l->found->ub));
}

static void keep(void *arg, const struct uberblock *ub)
{
    struct labels *l = arg;
    l->found->ub = *ub;
    l->found->has_ub = true;
}

/* Both ends; one that cannot be read is as good as empty. The error when neither can. */
static int read_ends(struct file *f, struct labels *l)
{
    int front = file_pread(f, 0, l->bytes, PAIR_SIZE);
    int back = file_pread(f, l->psize - PAIR_SIZE, l->bytes + PAIR_SIZE, PAIR_SIZE);
    if (front < 0)
        memset(l->bytes, 0, PAIR_SIZE);
    if (back < 0)
        memset(l->bytes + PAIR_SIZE, 0, PAIR_SIZE);
    return front < 0 && back < 0 ? front : 0;
}

static void look_at_all(struct labels *l)
{
    for (unsigned i = 0; i < LABELS; i++) {
        look_at_config(l, i);
        fiber_maybe_yield();
    }
    if (l->found->config)
        l->found->ashift = config_ashift(l->found->config);
    for (unsigned i = 0; l->found->ashift && i < LABELS; i++) {
        walk_ring(l, i, l->found->ashift, is_best, keep, l);
        fiber_maybe_yield();
    }
}

int label_uberblocks(struct file *f, unsigned ashift,
                     void (*fn)(void *arg, const struct uberblock *ub), void *arg)
{
    struct labels l = {.psize = label_psize(file_info(f)->size)};
    if (l.psize < 2 * PAIR_SIZE)
        return 0;
    struct iobuf *buf = iobuf_get(2 * PAIR_SIZE);
    if (!buf)
        return E(-ENOMEM);
    l.bytes = buf->p;
    int rc = read_ends(f, &l);
    for (unsigned i = 0; rc == 0 && i < LABELS; i++)
        walk_ring(&l, i, ashift, NULL, fn, arg);
    iobuf_put(buf);
    return rc;
}

int label_read(struct file *f, uint64_t max_txg, struct label_info *ret, struct err *reterr)
{
    struct label_info found = {0};
    struct labels l = {
        .psize = label_psize(file_info(f)->size), .max_txg = max_txg, .found = &found};
    if (l.psize < 2 * PAIR_SIZE)
        return err_set(reterr, E(-ENODATA), "no room for a label");
    struct iobuf *buf = iobuf_get(2 * PAIR_SIZE);
    if (!buf)
        return err_set(reterr, E(-ENOMEM), "no memory to read labels");
    l.bytes = buf->p;
    int rc = read_ends(f, &l);
    if (rc == 0)
        look_at_all(&l);
    iobuf_put(buf);
    if (rc < 0)
        return err_set(reterr, rc, "its labels can't be read: %s", strerror(-rc));
    if (!found.config)
        return err_set(reterr, E(-ENODATA), "no label of a pool");
    *ret = found;
    return 0;
}

/* ---- writing ----------------------------------------------------------------------------- */

struct label_writing {
    struct vdev *vd;
    unsigned half;
    struct nv *(*make)(void *arg, struct vdev *leaf);
    void *arg;
    const struct uberblock *ub;
    int err; /* not of a device */
};

static unsigned count_leaves(const struct vdev *vd)
{
    unsigned n = 0;
    while (vdev_leaf(vd, n))
        n++;
    return n;
}

static int write_config(struct vdev *leaf, const struct nv *config, unsigned half,
                        uint8_t *bytes)
{
    int rc = 0;
    for (unsigned i = half; rc == 0 && i < LABELS; i += 2) {
        uint64_t off = label_off(leaf->psize, i);
        rc = label_config_seal(config, off, bytes);
        if (rc == 0 &&
            leaf_write_label(leaf, off + LABEL_CONFIG_OFF, bytes, LABEL_CONFIG_SIZE) < 0)
            return 0; /* the leaf has failed */
    }
    return rc;
}

static void write_leaf_config(void *arg, unsigned i)
{
    struct label_writing *w = arg;
    struct vdev *leaf = vdev_leaf(w->vd, i);
    if (!leaf_up(leaf))
        return;
    struct nv *config = w->make(w->arg, leaf);
    struct iobuf *buf = iobuf_get(LABEL_CONFIG_SIZE);
    int rc = config && buf ? write_config(leaf, config, w->half, buf->p) : E(-ENOMEM);
    if (rc < 0)
        w->err = rc;
    iobuf_put(buf);
    nv_free(config);
}

int label_write(struct vdev *top, unsigned half,
                struct nv *(*make)(void *arg, struct vdev *leaf), void *arg)
{
    struct label_writing w = {.vd = top, .half = half, .make = make, .arg = arg};
    top = gate_enter(top);
    unsigned n = count_leaves(top);
    fan_out(n, n, write_leaf_config, &w);
    gate_leave(top);
    if (w.err < 0)
        return w.err;
    return top->type == VDEV_HOLE || top->state >= VDEV_DEGRADED ? 0 : E(-EIO);
}

/* i counts labels: four to a leaf. */
static void write_slot(void *arg, unsigned i)
{
    struct label_writing *w = arg;
    struct vdev *leaf = vdev_leaf(w->vd, i / LABELS);
    unsigned ashift = leaf->top->ashift;
    uint32_t size = uberblock_slot_size(ashift);
    if (!leaf_up(leaf))
        return;
    uint64_t off = label_off(leaf->psize, i % LABELS) + uberblock_slot_off(ashift, w->ub->txg);
    struct iobuf *buf = iobuf_get(size);
    if (!buf) {
        w->err = E(-ENOMEM);
        return;
    }
    uberblock_seal(w->ub, ashift, off, buf->p);
    leaf_write_label(leaf, off, buf->p, size); /* what fails is the leaf */
    iobuf_put(buf);
}

int uberblock_write(struct vdev *root, const struct uberblock *ub)
{
    struct label_writing w = {.vd = root, .ub = ub};
    gate_enter(root);
    unsigned n = count_leaves(root) * LABELS;
    int rc = 0;
    fan_out(n, n, write_slot, &w);
    gate_leave(root);
    for (unsigned i = 0; i < root->nchildren; i++) {
        const struct vdev *top = root->child[i];
        if (top->type != VDEV_HOLE && top->state < VDEV_DEGRADED)
            rc = E(-EIO);
    }
    return w.err < 0 ? w.err : rc;
}

void uberblock_promised(struct vdev *root, uint64_t txg)
{
    struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(root, i)); i++)
        if (leaf_up(leaf))
            leaf->promised = txg;
}

int label_erase(struct vdev *leaf)
{
    struct iobuf *zeros = iobuf_get(LABEL_SIZE);
    int rc = 0;
    if (!zeros)
        return E(-ENOMEM);
    memset(zeros->p, 0, LABEL_SIZE);
    for (unsigned i = 0; rc == 0 && i < LABELS; i++)
        rc = leaf_write_label(leaf, label_off(leaf->psize, i), zeros->p, LABEL_SIZE);
    iobuf_put(zeros);
    return rc < 0 ? rc : leaf_flush(leaf);
}

static struct nv *spare_config(uint64_t guid)
{
    struct nv *nv = nv_new();
    if (nv && (nv_add_u64(nv, "version", ZFS_VERSION) ||
               nv_add_u64(nv, "state", POOL_STATE_SPARE) || nv_add_u64(nv, "guid", guid))) {
        nv_free(nv);
        return NULL;
    }
    return nv;
}

/* The front ones are on disk before the back ones are touched: whenever it ends, some label is
 * whole and says whose the disk is. */
int label_write_spare(struct vdev *leaf, uint64_t guid)
{
    struct nv *config = spare_config(guid);
    struct iobuf *buf = iobuf_get(LABEL_SIZE);
    int rc = config && buf ? 0 : E(-ENOMEM);
    for (unsigned i = 0; rc == 0 && i < LABELS; i++) {
        uint64_t off = label_off(leaf->psize, i);
        memset(buf->p, 0, LABEL_SIZE);
        rc = label_config_seal(config, off, buf->p + LABEL_CONFIG_OFF);
        rc = rc < 0 ? rc : leaf_write_label(leaf, off, buf->p, LABEL_SIZE);
        if (rc == 0 && i % 2)
            rc = leaf_flush(leaf);
    }
    iobuf_put(buf);
    nv_free(config);
    return rc;
}
