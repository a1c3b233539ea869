/* SPDX-License-Identifier: BSD-2-Clause */
/* See vdev_fixture.h. What must hold for a test to make sense is checked, not expected. */
#include "pool/vdev/vdev_fixture.h"

#include "base/check.h"

#include <stdio.h>

#define DISK_SIZE (65ull * MIB)

static const char *const paths[RIG_DISKS] = {
    "/d0",  "/d1",  "/d2",  "/d3",  "/d4",  "/d5",  "/d6",  "/d7",  "/d8",  "/d9",
    "/d10", "/d11", "/d12", "/d13", "/d14", "/d15", "/d16", "/d17", "/d18", "/d19",
};

const char *rig_path(unsigned i)
{
    return paths[i];
}

static struct nv *node(const char *type, uint64_t id, uint64_t guid)
{
    struct nv *nv = nv_new();
    check(nv && nv_add_str(nv, "type", type) == 0 && nv_add_u64(nv, "id", id) == 0 &&
          nv_add_u64(nv, "guid", guid) == 0);
    return nv;
}

static void add_children(struct nv *nv, struct nv *const *list, unsigned n)
{
    struct nv **own = malloc(n * sizeof(*own));
    check(own);
    memcpy(own, list, n * sizeof(*own));
    check(nv_add_nvs(nv, "children", own, n) == 0);
}

struct nv *rig_tree(const struct rig_want *w)
{
    struct nv *leaves[RIG_DISKS], *root = node("root", 0, RIG_GUID);
    bool single = strcmp(w->type, "file") == 0;
    for (unsigned i = 0; i < w->n; i++) {
        leaves[i] = node("file", single ? 0 : i, RIG_LEAF + i);
        check(nv_add_str(leaves[i], "path", paths[i]) == 0);
    }
    struct nv *top = single ? leaves[0] : node(w->type, 0, RIG_TOP);
    if (!single)
        add_children(top, leaves, w->n);
    if (w->nparity)
        check(nv_add_u64(top, "nparity", w->nparity) == 0);
    add_children(root, &top, 1);
    return root;
}

static void rig_adopt(struct rig *r, struct vdev *root)
{
    r->root = root;
    r->top = root->child[0];
    for (r->n = 0; (r->leaf[r->n] = vdev_leaf(root, r->n)); r->n++)
        ;
}

static void make_file(const char *path)
{
    struct file *f;
    const struct file_opts opts = {.mode = FILE_RDWR, .create = true};
    check(file_open(path, &opts, &f, NULL) == 0 && file_resize(f, DISK_SIZE) == 0);
    check(file_flush(f) == 0);
    file_close(f);
}

void rig_make(struct rig *r, const struct rig_want *w)
{
    struct nv *tree = rig_tree(w);
    struct vdev *root;
    struct err err = {0};
    for (unsigned i = 0; i < w->n; i++)
        make_file(paths[i]);
    check(vdev_parse(tree, &root, &err) == 0 && vdev_open(root, 0, false, &err) == 0);
    check(vdev_layout(root->child[0], w->ashift ? w->ashift : 12, &err) == 0);
    nv_free(tree);
    rig_adopt(r, root);
    r->run = reactor_run(reactor_self());
}

void rig_reopen(struct rig *r)
{
    struct nv *tree = vdev_to_nv(r->root, true);
    struct vdev *root;
    check(tree);
    vdev_free(r->root);
    check(vdev_parse(tree, &root, NULL) == 0 && vdev_open(root, 0, false, NULL) == 0);
    nv_free(tree);
    rig_adopt(r, root);
}

void rig_free(struct rig *r)
{
    vdev_free(r->root);
}

/* ---- blocks ------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

void seeded_fill(uint8_t *bytes, uint32_t len, uint64_t seed)
{
    for (uint32_t at = 0; at < len; at += 8) {
        uint64_t word = mix(seed * 0x9e3779b97f4a7c15ull + at);
        memcpy(bytes + at, &word, 8);
    }
}

bool seeded_ok(void *arg, const uint8_t *data)
{
    struct seeded *s = arg;
    s->asked++;
    for (uint32_t at = 0; at < s->len; at += 8) {
        uint64_t word = mix(s->seed * 0x9e3779b97f4a7c15ull + at);
        if (memcmp(data + at, &word, 8) != 0)
            return false;
    }
    return true;
}

int rig_write(struct rig *r, uint64_t off, uint32_t size, uint64_t seed, uint64_t txg)
{
    struct iobuf *buf = iobuf_get(size);
    check(buf);
    seeded_fill(buf->p, size, seed);
    int rc = vdev_write(r->top, off, buf->p, size, txg, IO_LOG);
    iobuf_put(buf);
    return rc;
}

static struct iobuf *room(const struct rig *r, uint32_t size)
{
    uint32_t len = (uint32_t)round_up(size, 1ull << r->top->ashift);
    struct iobuf *buf = iobuf_get(len);
    check(buf);
    memset(buf->p, 0xaa, len);
    return buf;
}

int rig_read(struct rig *r, uint64_t off, uint32_t size, uint64_t seed, uint64_t birth)
{
    struct seeded s = {.seed = seed, .len = size};
    struct iobuf *buf = room(r, size);
    const struct vdev_read read = {.off = off,
                                   .birth = birth,
                                   .psize = size,
                                   .class = IO_READ,
                                   .repair = true,
                                   .ok = seeded_ok,
                                   .arg = &s};
    int rc = vdev_read(r->top, &read, buf->p);
    check(rc < 0 || seeded_ok(&s, buf->p));
    iobuf_put(buf);
    return rc;
}

int rig_scrub(struct rig *r, uint64_t off, uint32_t size, uint64_t seed, uint64_t birth,
              uint64_t *ret_repaired)
{
    struct seeded s = {.seed = seed, .len = size};
    struct iobuf *buf = room(r, size);
    const struct vdev_read read = {.off = off,
                                   .birth = birth,
                                   .psize = size,
                                   .class = IO_SCAN,
                                   .repair = true,
                                   .ok = seeded_ok,
                                   .arg = &s};
    *ret_repaired = 0;
    int rc = vdev_scrub(r->top, &read, buf->p, ret_repaired);
    check(rc < 0 || seeded_ok(&s, buf->p));
    iobuf_put(buf);
    return rc;
}

void rig_rot(struct rig *r, unsigned leaf, uint64_t off, uint64_t len)
{
    sim_rot(r->run, paths[leaf], LABEL_FRONT + off, len);
}
