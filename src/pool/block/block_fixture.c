/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/block/block_fixture.h"

#include <stdio.h>

void tank_path(unsigned file, char ret[16])
{
    snprintf(ret, 16, "/disk%u", file);
}

static struct nv *leaf_nv(struct tank *t, unsigned id, const struct tank_shape *shape)
{
    char path[16];
    struct file *f;
    struct nv *nv = nv_new();
    const struct file_opts opts = {.mode = FILE_RDWR, .create = true};
    check(nv && t->nfiles < TANK_FILES);
    tank_path(t->nfiles, path);
    file_unlink(path); /* of a tank before */
    check(file_open(path, &opts, &f, NULL) == 0 && file_resize(f, shape->size) == 0);
    file_close(f);
    check(nv_add_str(nv, "type", "file") == 0 && nv_add_u64(nv, "id", id) == 0 &&
          nv_add_u64(nv, "guid", 1000 + t->nfiles) == 0 && nv_add_str(nv, "path", path) == 0);
    t->nfiles++;
    return nv;
}

static struct nv *top_nv(struct tank *t, unsigned id, const struct tank_shape *shape)
{
    struct nv *nv;
    if (shape->width == 1) {
        nv = leaf_nv(t, id, shape);
    } else {
        struct nv **side = calloc(shape->width, sizeof(*side)); /* the list takes it over */
        nv = nv_new();
        for (unsigned i = 0; i < shape->width; i++)
            side[i] = leaf_nv(t, i, shape);
        check(nv_add_str(nv, "type", "mirror") == 0 && nv_add_u64(nv, "id", id) == 0 &&
              nv_add_u64(nv, "guid", 100 + id) == 0 &&
              nv_add_nvs(nv, "children", side, shape->width) == 0);
    }
    return nv;
}

static void on_error(void *arg, const struct block_error *e)
{
    struct tank *t = arg;
    check(e->err != 0);
    t->errors++;
}

static int load_nothing(void *arg, struct metaslab *ms, sm_entry_fn fn, void *fn_arg)
{
    (void)arg;
    (void)ms;
    (void)fn;
    (void)fn_arg;
    return 0;
}

void tank_new(struct tank *t, const struct tank_shape *shape)
{
    struct err err = {0};
    struct nv **tops = calloc(shape->tops, sizeof(*tops)), *root = nv_new();
    memset(t, 0, sizeof(*t));
    for (unsigned i = 0; i < shape->tops; i++)
        tops[i] = top_nv(t, i, shape);
    check(nv_add_str(root, "type", "root") == 0 && nv_add_u64(root, "id", 0) == 0 &&
          nv_add_u64(root, "guid", 1) == 0 &&
          nv_add_nvs(root, "children", tops, shape->tops) == 0);
    if (vdev_parse(root, &t->root, &err) != 0 || vdev_open(t->root, 0, false, &err) != 0)
        check_failed(__FILE__, __LINE__, err.msg);
    nv_free(root);
    for (unsigned i = 0; i < shape->tops; i++)
        check(vdev_layout(t->root->child[i], shape->ashift, &err) == 0);
    t->txg = 10;
    t->space = space_new(t->root, load_nothing, NULL, t->txg);
    check(t->space && blocks_init(&t->b, t->root, shape->cache) == 0);
    t->b.space = t->space;
    t->b.committed_txg = t->txg;
    t->b.on_error = on_error;
    t->b.on_error_arg = t;
}

void tank_free(struct tank *t)
{
    blocks_fini(&t->b);
    space_free(t->space);
    vdev_free(t->root);
}

void tank_begin(struct tank *t)
{
    t->txg++;
    t->b.batch = vbatch_new(t->root, t->txg);
    check(t->b.batch);
}

void tank_written(struct tank *t)
{
    check(vbatch_wait(t->b.batch) == 0);
    vbatch_free(t->b.batch);
    t->b.batch = NULL;
    check(vdev_flush(t->root) == 0);
}

void tank_end(struct tank *t)
{
    if (t->b.batch)
        tank_written(t);
    t->b.committed_txg = t->txg;
    space_committed(t->space, t->txg, blocks_oldest_reader(&t->b));
}

void tank_spoil(struct tank *t, const struct bp *bp, unsigned copy, unsigned side)
{
    struct dva dva = bp_dva(bp, copy);
    struct vdev *top = t->root->child[dva.vdev], *leaf = vdev_leaf(top, side);
    uint32_t n = 1u << top->ashift;
    struct iobuf *junk = iobuf_get(n);
    check(leaf && dva.asize > 0 && junk);
    memset(junk->p, 0xa5, n);
    check_cmp(file_pwrite(leaf->file, LABEL_FRONT + dva.off, junk->p, n), ==, 0);
    iobuf_put(junk);
}

void tank_chill(struct tank *t)
{
    struct cache_stats s;
    cache_stats(t->b.cache, &s);
    cache_set_budget(t->b.cache, 0);
    cache_set_budget(t->b.cache, s.budget);
}
