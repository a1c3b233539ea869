/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any device tree: packed lists as they come, or trees that are built from the input so that it
 * gets past the first look, with types where they may not stand, numbers out of range, guids
 * twice. What is taken keeps the promises that vdev/ relies on, can be walked, and comes back
 * from being written as the same tree; what is refused says why. No leaf is opened.
 */
#include "base/check.h"
#include "pool/vdev/vdev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- a tree out of bytes ----------------------------------------------------------------- */

struct input {
    const uint8_t *p, *end;
};

static unsigned take(struct input *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

static const char *const types[] = {"file",      "disk",  "mirror", "raidz",   "root",
                                    "replacing", "spare", "hole",   "missing", "l2cache"};
static const uint64_t odd_numbers[] = {
    0,  1,  2,  3,  4,   9,          12,         16,         17,        24,         29,
    56, 57, 63, 64, 255, 1ull << 24, 1ull << 30, 1ull << 40, INT64_MAX, 1ull << 63, UINT64_MAX};
static const char *const keys[] = {"id",
                                   "guid",
                                   "create_txg",
                                   "ashift",
                                   "asize",
                                   "metaslab_shift",
                                   "metaslab_array",
                                   "nparity",
                                   "is_log",
                                   "DTL",
                                   "offline",
                                   "path",
                                   "faulted",
                                   "removed",
                                   "is_spare",
                                   "children",
                                   "com.delphix:vdev_zap_top",
                                   "com.delphix:vdev_zap_leaf",
                                   "whole_disk"};

/* What makes a sound vdev of the type, unless later pairs say otherwise. */
static void add_sound(struct nv *nv, const char *type, unsigned id, uint64_t guid, bool top)
{
    check(nv_add_str(nv, "type", type) == 0 && nv_add_u64(nv, "id", id) == 0);
    check(nv_add_u64(nv, "guid", guid) == 0 && nv_add_str(nv, "path", "/none") == 0);
    if (strcmp(type, "raidz") == 0)
        check(nv_add_u64(nv, "nparity", 1) == 0);
    if (top)
        check(nv_add_u64(nv, "ashift", 12) == 0 && nv_add_u64(nv, "asize", 1 << 30) == 0 &&
              nv_add_u64(nv, "metaslab_shift", 24) == 0);
}

static struct nv *build(struct input *in, unsigned depth, unsigned id, uint64_t *guid)
{
    struct nv *nv = nv_new(), *list[8];
    check(nv);
    unsigned shape = take(in), n = depth < 9 ? shape >> 4 & 7 : 0;
    add_sound(nv, depth ? types[(shape & 15) % ARRAY_LEN(types)] : "root", id, ++*guid,
              depth == 1);
    for (unsigned i = 0; i < n; i++)
        list[i] = build(in, depth + 1, i, guid);
    struct nv **own = n ? malloc(n * sizeof(*own)) : NULL;
    if (own) {
        memcpy(own, list, n * sizeof(*own));
        check(nv_add_nvs(nv, "children", own, n) == 0);
    }
    for (unsigned odd = shape & 0x80 ? take(in) & 3 : 0; odd > 0; odd--) {
        const char *key = keys[take(in) % ARRAY_LEN(keys)];
        check(nv_add_u64(nv, key, odd_numbers[take(in) % ARRAY_LEN(odd_numbers)]) == 0);
    }
    return nv;
}

/* ---- what is promised -------------------------------------------------------------------- */

static unsigned count_leaves(const struct vdev *vd)
{
    unsigned n = 0;
    while (vdev_leaf(vd, n))
        n++;
    return n;
}

static void check_top(const struct vdev *top)
{
    check(top->top == top);
    if (top->ashift == 0) {
        check(top->asize == 0 && top->ms_shift == 0);
        return;
    }
    check(top->ashift >= 9 && top->ashift <= 16 && top->asize <= INT64_MAX);
    check(top->ms_shift >= top->ashift && top->asize >> top->ms_shift > 0);
    if (vdev_is_leaf(top) || top->nchildren)
        check(vdev_asize(top, BLOCK_MAX) >= BLOCK_MAX && top->deflate_ratio <= 512);
}

static void check_vdev(const struct vdev *vd)
{
    bool place = vd->type == VDEV_HOLE || vd->type == VDEV_MISSING;
    check(vd->guid != 0 || place);
    check(vdev_is_leaf(vd) == (vd->path != NULL) && vdev_is_leaf(vd) == (vd->io != NULL));
    check((vd->nchildren > 0) == (!vdev_is_leaf(vd) && !place));
    check(vd->type != VDEV_RAIDZ ||
          (vd->nparity >= 1 && vd->nparity <= RAIDZ_MAX_PARITY && vd->nparity < vd->nchildren));
    if (vd->parent && vd->parent->type != VDEV_ROOT)
        check(vd->top == vd->parent->top && vd->type != VDEV_RAIDZ && vd->type != VDEV_MIRROR);
    else if (vd->type != VDEV_ROOT)
        check_top(vd);
    if (vd->type != VDEV_ROOT && vd->type != VDEV_RAIDZ)
        check(count_leaves(vd) <= 64);
    for (unsigned i = 0; i < vd->nchildren; i++) {
        check(vd->child[i]->parent == vd && vd->child[i]->id == i);
        check_vdev(vd->child[i]);
    }
}

/* Written and parsed again it is the same, and writes the same bytes. */
static void check_round_trip(const struct vdev *root, bool mos)
{
    struct nv *nv = vdev_to_nv(root, mos), *again;
    struct vdev *second = NULL;
    uint8_t *a, *b;
    size_t alen, blen;
    check(nv && vdev_parse(nv, &second, NULL) == 0);
    again = vdev_to_nv(second, mos);
    check(again && nv_pack(nv, &a, &alen) == 0 && nv_pack(again, &b, &blen) == 0);
    check(alen == blen && memcmp(a, b, alen) == 0);
    check(vdev_guid_sum(second) == vdev_guid_sum(root));
    check(count_leaves(second) == count_leaves(root));
    vdev_free(second);
    nv_free(nv);
    nv_free(again);
    free(a);
    free(b);
}

static void try_tree(const struct nv *tree)
{
    struct vdev *root = NULL;
    struct err err = {0};
    int rc = vdev_parse(tree, &root, &err);
    if (rc < 0) {
        check(rc == -EBADMSG && err.code == rc && err.msg[0] && !root);
        return;
    }
    check_vdev(root);
    check(!vdev_usable(root) || count_leaves(root) == 0);
    check_round_trip(root, false);
    check_round_trip(root, true);
    vdev_free(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct nv *tree = NULL;
    uint64_t guid = 100;
    if (size > 0 && data[0] == 1) /* as a packed list begins */
        nv_parse(data, size, &tree, NULL);
    else
        tree = build(&in, 0, 0, &guid);
    if (tree)
        try_tree(tree);
    nv_free(tree);
    return 0;
}
