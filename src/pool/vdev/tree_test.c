/* SPDX-License-Identifier: BSD-2-Clause */
/* Device trees: what is refused, what comes back as it was, sizes as OpenZFS cuts them. */
#include "pool/vdev/vdev_fixture.h"

#include "base/check.h"

#include <errno.h>

static struct vdev *parse(const struct nv *tree, struct err *reterr)
{
    struct vdev *root = NULL;
    int rc = vdev_parse(tree, &root, reterr);
    check(rc == 0 || rc == -EBADMSG);
    return root;
}

/* The nvlist below root -> top -> leaf i. */
static struct nv *child_of(const struct nv *nv, unsigned i)
{
    struct nv *const *list;
    unsigned n;
    check(nv_get_nvs(nv, "children", &list, &n) && i < n);
    return list[i];
}

static void laid_out(struct nv *top)
{
    check(nv_add_u64(top, "ashift", 12) == 0 && nv_add_u64(top, "asize", 1ull << 30) == 0);
    check(nv_add_u64(top, "metaslab_shift", 26) == 0);
    check(nv_add_u64(top, "metaslab_array", 99) == 0 && nv_add_u64(top, "is_log", 1) == 0);
}

static void test_a_tree_is_parsed(void **state)
{
    struct nv *tree = rig_tree(&(struct rig_want){.type = "raidz", .n = 5, .nparity = 2});
    (void)state;
    laid_out(child_of(tree, 0));
    struct vdev *root = parse(tree, NULL);
    assert_non_null(root);
    const struct vdev *top = root->child[0];
    assert_int_equal(root->guid, RIG_GUID);
    assert_null(root->top);
    assert_int_equal(top->type, VDEV_RAIDZ);
    assert_int_equal(top->nparity, 2);
    assert_int_equal(top->asize, 1ull << 30);
    assert_int_equal(top->ms_array, 99);
    assert_true(top->is_log);
    assert_int_equal(top->deflate_ratio, 303);
    assert_ptr_equal(vdev_leaf(root, 4)->top, top);
    assert_null(vdev_leaf(root, 5));
    assert_ptr_equal(vdev_find(root, RIG_LEAF + 3), top->child[3]);
    assert_null(vdev_find(root, 12345));
    assert_int_equal(vdev_guid_sum(root), RIG_GUID + RIG_TOP + 5 * RIG_LEAF + 10);
    assert_int_equal(root->state, VDEV_CANT_OPEN);
    assert_false(vdev_usable(root));
    vdev_free(root);
    nv_free(tree);
}

static void test_a_top_level_vdev_alone_is_parsed(void **state)
{
    struct nv *tree = rig_tree(&(struct rig_want){.type = "mirror", .n = 2});
    (void)state;
    check(nv_add_u64(child_of(tree, 0), "id", 3) == 0);
    struct vdev *top = parse(child_of(tree, 0), NULL);
    assert_non_null(top);
    assert_ptr_equal(top->top, top);
    assert_int_equal(top->id, 3);
    assert_ptr_equal(vdev_leaf(top, 1)->top, top);
    vdev_free(top);
    nv_free(tree);
}

/* ---- lies -------------------------------------------------------------------------------- */

/* One pair of root (depth 0), top (1) or the second leaf (2) is replaced; the message has to
 * say `says`. */
/* clang-format off */
static const struct lie {
    unsigned depth;
    const char *key, *str;
    uint64_t v;
    const char *says;
} lies[] = {
    {1, "type",           "indirect", 0,        "unknown type indirect"     },
    {2, "type",           "raidz",    0,        "may not stand here"        },
    {2, "type",           "hole",     0,        "may not stand here"        },
    {1, "type",           "root",     0,        "may not stand here"        },
    {1, "type",           "replacing", 0,       NULL                        },
    {2, "id",             NULL,       0,        "its id is not its place"   },
    {1, "id",             NULL,       7,        "its id is not its place"   },
    {2, "guid",           NULL,       RIG_LEAF, "its guid occurs twice"     },
    {2, "guid",           NULL,       0,        "no guid"                   },
    {1, "nparity",        NULL,       0,        "impossible nparity"        },
    {1, "nparity",        NULL,       4,        "impossible nparity"        },
    {1, "nparity",        NULL,       3,        "impossible number of disks"},
    {1, "ashift",         NULL,       8,        "impossible ashift"         },
    {1, "ashift",         NULL,       17,       "impossible ashift"         },
    {1, "metaslab_shift", NULL,       11,       "impossible metaslab_shift" },
    {1, "metaslab_shift", NULL,       64,       "impossible metaslab_shift" },
    {1, "asize",          NULL,       0,        "impossible asize"          },
    {1, "asize",          NULL,       UINT64_MAX, "impossible asize"        },
    {2, "path",           NULL,       0,        "a disk without path"       },
};
/* clang-format on */

static void test_lies_are_refused_by_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(lies); i++) {
        const struct lie *l = &lies[i];
        struct nv *tree = rig_tree(&(struct rig_want){.type = "raidz", .n = 3, .nparity = 1});
        struct err err = {0};
        laid_out(child_of(tree, 0));
        struct nv *at = l->depth == 1 ? child_of(tree, 0) : child_of(child_of(tree, 0), 1);
        check((l->str ? nv_add_str(at, l->key, l->str) : nv_add_u64(at, l->key, l->v)) == 0);
        struct vdev *root = parse(tree, &err);
        if (!l->says)
            assert_non_null(root);
        else if (root || !strstr(err.msg, l->says))
            fail_msg("lie %u: %s", i, root ? "taken" : err.msg);
        vdev_free(root);
        nv_free(tree);
    }
}

static void test_deep_and_wide_trees_are_refused(void **state)
{
    struct err err = {0};
    struct nv *tree = rig_tree(&(struct rig_want){.type = "replacing", .n = 2});
    (void)state;
    for (unsigned depth = 0; depth < 8; depth++) {
        struct nv *deeper = nv_dup(tree), *top = child_of(deeper, 0);
        struct nv **list = calloc(1, sizeof(*list));
        check(list);
        list[0] = nv_dup(child_of(tree, 0));
        check(nv_add_u64(top, "guid", 1000 + depth) == 0);
        check(nv_add_nvs(top, "children", list, 1) == 0);
        nv_free(tree);
        tree = deeper;
    }
    assert_null(parse(tree, &err));
    assert_non_null(strstr(err.msg, "nested too deeply"));
    nv_free(tree);

    tree = rig_tree(&(struct rig_want){.type = "mirror", .n = 2});
    struct nv **wide = calloc(VDEV_MAX_COPIES + 1, sizeof(*wide));
    check(wide);
    for (unsigned i = 0; i <= VDEV_MAX_COPIES; i++) {
        wide[i] = nv_dup(child_of(child_of(tree, 0), 0));
        check(nv_add_u64(wide[i], "id", i) == 0 && nv_add_u64(wide[i], "guid", 2000 + i) == 0);
    }
    check(nv_add_nvs(child_of(tree, 0), "children", wide, VDEV_MAX_COPIES + 1) == 0);
    assert_null(parse(tree, &err));
    assert_non_null(strstr(err.msg, "too many disks"));
    nv_free(tree);
}

/* ---- back to a list ---------------------------------------------------------------------- */

static struct nv *round_trip(const struct nv *tree, bool mos)
{
    struct vdev *root = parse(tree, NULL);
    check(root);
    struct nv *nv = vdev_to_nv(root, mos);
    check(nv);
    vdev_free(root);
    return nv;
}

static uint64_t number(const struct nv *nv, const char *key)
{
    uint64_t v = 0;
    nv_get_u64(nv, key, &v);
    return v;
}

static void test_what_was_read_is_written(void **state)
{
    struct nv *tree = rig_tree(&(struct rig_want){.type = "mirror", .n = 2});
    const char *text = NULL;
    (void)state;
    laid_out(child_of(tree, 0));
    struct nv *leaf = child_of(child_of(tree, 0), 1);
    check(nv_add_str(leaf, "devid", "ata-X") == 0 && nv_add_u64(leaf, "whole_disk", 1) == 0);
    check(nv_add_u64(leaf, "DTL", 77) == 0 && nv_add_u64(leaf, "offline", 1) == 0);
    check(nv_add_str(leaf, "aux_state", "err_exceeded") == 0);
    check(nv_add_u64(leaf, "com.delphix:vdev_zap_leaf", 5) == 0);
    check(nv_add_u64(child_of(tree, 0), "com.delphix:vdev_zap_top", 6) == 0);
    for (int mos = 0; mos < 2; mos++) {
        struct nv *nv = round_trip(tree, mos), *top = child_of(nv, 0);
        const struct nv *out = child_of(top, 1);
        assert_int_equal(number(top, "asize"), 1ull << 30);
        assert_int_equal(number(top, "metaslab_array"), 99);
        assert_int_equal(number(top, "com.delphix:vdev_zap_top"), mos ? 6 : 0);
        assert_int_equal(number(out, "com.delphix:vdev_zap_leaf"), mos ? 5 : 0);
        assert_int_equal(nv_has(out, "com.delphix:vdev_zap_leaf"), mos);
        assert_int_equal(number(out, "DTL"), 77);
        assert_int_equal(number(out, "offline"), 1);
        assert_int_equal(number(out, "whole_disk"), 1);
        assert_true(nv_get_str(out, "devid", &text) && strcmp(text, "ata-X") == 0);
        assert_false(nv_has(out, "aux_state"));
        assert_false(nv_has(out, "faulted"));
        nv_free(nv);
    }
    nv_free(tree);
}

static void test_flags_that_are_no_longer_set_disappear(void **state)
{
    struct nv *tree = rig_tree(&(struct rig_want){.type = "file", .n = 1});
    (void)state;
    check(nv_add_u64(child_of(tree, 0), "faulted", 1) == 0);
    check(nv_add_u64(child_of(tree, 0), "resilver_txg", 9) == 0);
    struct vdev *root = parse(tree, NULL), *leaf = vdev_leaf(root, 0);
    assert_int_equal(leaf->state, VDEV_FAULTED);
    leaf->faulted = false;
    leaf->resilver_txg = 0;
    struct nv *nv = vdev_to_nv(root, true);
    assert_false(nv_has(child_of(nv, 0), "faulted"));
    assert_false(nv_has(child_of(nv, 0), "resilver_txg"));
    assert_true(
        nv_has(child_of(nv, 0), "metaslab_array")); /* a disk alone is a top-level vdev */
    nv_free(nv);
    nv_free(tree);
    vdev_free(root);
}

/* ---- health ------------------------------------------------------------------------------ */

static void test_states_follow_from_the_leaves(void **state)
{
    static const struct {
        struct rig_want want;
        unsigned gone;
        enum vdev_state top;
    } cases[] = {
        {{.type = "file", .n = 1},                0, VDEV_HEALTHY  },
        {{.type = "file", .n = 1},                1, VDEV_CANT_OPEN},
        {{.type = "mirror", .n = 3},              2, VDEV_DEGRADED },
        {{.type = "mirror", .n = 3},              3, VDEV_CANT_OPEN},
        {{.type = "raidz", .n = 5, .nparity = 2}, 0, VDEV_HEALTHY  },
        {{.type = "raidz", .n = 5, .nparity = 2}, 2, VDEV_DEGRADED },
        {{.type = "raidz", .n = 5, .nparity = 2}, 3, VDEV_CANT_OPEN},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct nv *tree = rig_tree(&cases[i].want);
        struct vdev *root = parse(tree, NULL), *leaf;
        root->child[0]->ashift = 12;
        for (unsigned k = 0; (leaf = vdev_leaf(root, k)); k++)
            leaf->state = k < cases[i].gone ? VDEV_CANT_OPEN : VDEV_HEALTHY;
        vdev_propagate(root);
        assert_int_equal(root->child[0]->state, cases[i].top);
        assert_int_equal(root->state, cases[i].top);
        assert_int_equal(vdev_usable(root), cases[i].top >= VDEV_DEGRADED);
        for (unsigned k = 0; (leaf = vdev_leaf(root, k)); k++)
            leaf->state = VDEV_CLOSED;
        vdev_free(root);
        nv_free(tree);
    }
    assert_string_equal(vdev_state_name(VDEV_CANT_OPEN), "UNAVAIL");
    assert_string_equal(vdev_state_name(VDEV_HEALTHY), "ONLINE");
}

/* ---- sizes ------------------------------------------------------------------------------- */

/* OpenZFS: a file of 128 MiB has asize 129499136 and metaslabs of 16 MiB. */
/* clang-format off */
static const struct layout {
    struct rig_want want;
    uint64_t psize, asize;
    unsigned ms_shift, ratio;
} layouts[] = {
    {{.type = "file", .n = 1}, 128ull << 20, 129499136, 24, 512},
    {{.type = "mirror", .n = 2, .ashift = 9}, 1ull << 40, (1ull << 40) - 4718592, 33, 512},
    {{.type = "raidz", .n = 4, .nparity = 1}, 1ull << 30, (4ull << 30) - 4 * 4718592, 28, 372},
    {{.type = "raidz", .n = 7, .nparity = 3}, 8ull << 30, (56ull << 30) - 7 * 4718592, 29, 292},
    {{.type = "file", .n = 1}, 5ull << 50, (5ull << 50) - 4718592, 36, 512},
};
/* clang-format on */

static void layout_body(struct expect *e)
{
    for (unsigned i = 0; i < ARRAY_LEN(layouts); i++) {
        const struct layout *l = &layouts[i];
        struct rig r;
        rig_make(&r, &l->want);
        for (unsigned k = 0; k < r.n; k++)
            r.leaf[k]->psize = l->psize;
        EXPECT_EQ(e, vdev_layout(r.top, l->want.ashift, NULL), 0);
        EXPECT_EQ(e, r.top->asize, l->asize);
        EXPECT_EQ(e, r.top->ms_shift, l->ms_shift);
        EXPECT_EQ(e, r.top->deflate_ratio, l->ratio);
        rig_free(&r);
        for (unsigned k = 0; k < r.n; k++)
            check(file_unlink(rig_path(k)) == 0);
    }
}

static void test_layout_is_openzfs_s(void **state)
{
    (void)state;
    expect_in(expect_sim(1), layout_body, NULL);
}

static void ashift_body(struct expect *e)
{
    struct rig r;
    struct err err = {0};
    rig_make(&r, &(struct rig_want){.type = "mirror", .n = 2});
    EXPECT_EQ(e, vdev_layout(r.top, 0, NULL), 0);
    EXPECT_EQ(e, r.top->ashift, 12); /* the simulated disks have pages of 4 KiB */
    EXPECT_EQ(e, vdev_layout(r.top, 8, &err), -EINVAL);
    EXPECT_EQ(e, vdev_layout(r.top, 14, &err), -EINVAL);
    EXPECT(e, strstr(err.msg, "ashift 14") != NULL);
    vdev_close(r.leaf[1]);
    EXPECT_EQ(e, vdev_layout(r.top, 12, &err), -ENXIO);
    rig_free(&r);
}

static void test_impossible_ashifts_are_refused(void **state)
{
    (void)state;
    expect_in(expect_sim(1), ashift_body, NULL);
}

/* Sectors of 512 bytes on files that take 4 KiB at least when they are used direct. */
static void coarse_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &(struct rig_want){.type = "mirror", .n = 2, .ashift = 9});
    EXPECT(e, !file_info(r.leaf[0]->file)->direct);
    EXPECT_EQ(e, rig_write(&r, 512, 1536, 1, 10), 0);
    rig_reopen(&r);
    EXPECT(e, !file_info(r.leaf[0]->file)->direct);
    EXPECT_EQ(e, rig_read(&r, 512, 1536, 1, 10), 0);
    rig_free(&r);
}

static void test_small_sectors_on_coarse_files_are_not_direct(void **state)
{
    struct run *run = NULL;
    struct sim_config cfg = sim_config_default(1);
    (void)state;
    cfg.dio_align = 4096;
    assert_int_equal(run_sim_new(&cfg, &run, NULL), 0);
    expect_in(run, coarse_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tree_is_parsed),
        cmocka_unit_test(test_a_top_level_vdev_alone_is_parsed),
        cmocka_unit_test(test_lies_are_refused_by_name),
        cmocka_unit_test(test_deep_and_wide_trees_are_refused),
        cmocka_unit_test(test_what_was_read_is_written),
        cmocka_unit_test(test_flags_that_are_no_longer_set_disappear),
        cmocka_unit_test(test_states_follow_from_the_leaves),
        cmocka_unit_test(test_layout_is_openzfs_s),
        cmocka_unit_test(test_impossible_ashifts_are_refused),
        cmocka_unit_test(test_small_sectors_on_coarse_files_are_not_direct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
