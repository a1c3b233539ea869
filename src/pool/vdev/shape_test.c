/* SPDX-License-Identifier: BSD-2-Clause */
/* Attach, replace, detach, under fibers that write, flush and read all the time. */
#include "pool/vdev/vdev_fixture.h"

#include "base/check.h"

#include <errno.h>

#define MIRROR_GUID 60u

/* A disk of its own from the rig's files. */
static struct vdev *new_disk(unsigned i)
{
    struct nv *nv = nv_new();
    struct vdev *vd = NULL;
    struct file *f;
    const struct file_opts opts = {.mode = FILE_RDWR, .create = true};
    check(file_open(rig_path(i), &opts, &f, NULL) == 0 && file_resize(f, 65 * MIB) == 0);
    file_close(f);
    check(nv && nv_add_str(nv, "type", "file") == 0 &&
          nv_add_str(nv, "path", rig_path(i)) == 0);
    check(nv_add_u64(nv, "guid", RIG_LEAF + i) == 0 && vdev_parse(nv, &vd, NULL) == 0);
    nv_free(nv);
    return vd;
}

/* The disk becomes one side of a mirror; the new side lacks all that was before txg. */
static void attach(struct rig *r, struct vdev *old, struct vdev *fresh, enum vdev_type type,
                   uint64_t txg)
{
    struct vdev *between;
    check(leaf_missed(fresh, 4, txg) == 0);
    vdev_change_begin(r->root);
    check(vdev_interpose(old, type, MIRROR_GUID, &between) == 0);
    check(vdev_add_child(between, fresh) == 0);
    vdev_change_end(r->root);
    check(vdev_open(r->root, 0, false, NULL) == 0);
    r->top = r->root->child[0];
}

static void detach(struct rig *r, struct vdev *leaf)
{
    struct vdev *parent = leaf->parent;
    vdev_change_begin(r->root);
    vdev_take_out(leaf);
    if (parent->nchildren == 1)
        vdev_dissolve(parent);
    vdev_change_end(r->root);
    vdev_free(leaf);
    r->top = r->root->child[0];
}

/* What a config says of the tree is what parses to the same. */
static void expect_sound(struct expect *e, const struct rig *r)
{
    struct nv *nv = vdev_to_nv(r->root, true);
    struct vdev *again = NULL;
    EXPECT_EQ(e, vdev_parse(nv, &again, NULL), 0);
    EXPECT_EQ(e, vdev_guid_sum(again), vdev_guid_sum(r->root));
    EXPECT_EQ(e, again->child[0]->asize, r->top->asize);
    EXPECT_EQ(e, again->child[0]->ms_array, r->top->ms_array);
    nv_free(nv);
    vdev_free(again);
}

static void single_body(struct expect *e)
{
    struct rig r;
    uint64_t repaired = 0;
    rig_make(&r, &(struct rig_want){.type = "file", .n = 1});
    r.top->ms_array = 99;
    uint64_t asize = r.top->asize, first = r.top->guid;
    EXPECT_EQ(e, rig_write(&r, 0, 64 * KIB, 1, 10), 0);
    attach(&r, r.top, new_disk(1), VDEV_MIRROR, 11);
    EXPECT(e, r.top->type == VDEV_MIRROR && r.top->guid == MIRROR_GUID && r.top->id == 0);
    EXPECT(e, r.top->asize == asize && r.top->ms_array == 99 && r.top->state == VDEV_HEALTHY);
    EXPECT(e, r.top->child[1]->top == r.top && r.top->child[1]->id == 1);
    expect_sound(e, &r);
    EXPECT_EQ(e, rig_write(&r, MIB, 64 * KIB, 2, 12), 0);
    EXPECT_EQ(e, rig_scrub(&r, 0, 64 * KIB, 1, 10, &repaired), 0);
    EXPECT_EQ(e, repaired, 64 * KIB);
    txg_set_clear(&r.top->child[1]->dtl);
    detach(&r, r.top->child[0]);
    EXPECT(e, r.top->type == VDEV_FILE && r.top->guid == MIRROR_GUID && r.top->guid != first);
    EXPECT(e, r.top->asize == asize && r.top->ms_array == 99 && r.top->top == r.top);
    expect_sound(e, &r);
    EXPECT_EQ(e, rig_read(&r, 0, 64 * KIB, 1, 10), 0);
    EXPECT_EQ(e, rig_read(&r, MIB, 64 * KIB, 2, 12), 0);
    rig_free(&r);
}

static void test_a_disk_becomes_a_mirror_and_again_a_disk(void **state)
{
    (void)state;
    expect_in(expect_sim(1), single_body, NULL);
}

static void raidz_body(struct expect *e)
{
    struct rig r;
    uint64_t repaired = 0;
    rig_make(&r, &(struct rig_want){.type = "raidz", .n = 4, .nparity = 1});
    uint64_t guid = r.leaf[2]->guid;
    EXPECT_EQ(e, rig_write(&r, 0, 96 * KIB, 1, 10), 0);
    attach(&r, r.leaf[2], new_disk(4), VDEV_REPLACING, 11);
    EXPECT(e, r.top->child[2]->type == VDEV_REPLACING && r.top->child[2]->top == r.top);
    expect_sound(e, &r);
    EXPECT_EQ(e, rig_scrub(&r, 0, 96 * KIB, 1, 10, &repaired), 0);
    EXPECT_EQ(e, repaired, 32 * KIB);
    struct vdev *fresh = vdev_find(r.root, RIG_LEAF + 4);
    txg_set_clear(&fresh->dtl);
    detach(&r, r.leaf[2]);
    EXPECT(e, r.top->child[2] == fresh && fresh->id == 2 && fresh->guid == RIG_LEAF + 4);
    EXPECT(e, !vdev_find(r.root, guid) && r.top->state == VDEV_HEALTHY);
    expect_sound(e, &r);
    vdev_close(r.leaf[0]);
    EXPECT_EQ(e, rig_read(&r, 0, 96 * KIB, 1, 10), 0);
    rig_free(&r);
}

static void test_a_disk_of_a_raidz_is_replaced(void **state)
{
    (void)state;
    expect_in(expect_sim(2), raidz_body, NULL);
}

static void wide_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &(struct rig_want){.type = "mirror", .n = 2});
    struct vdev *disk = new_disk(2);
    vdev_change_begin(r.root);
    unsigned n = 2;
    for (struct vdev *more; n < VDEV_MAX_COPIES; n++) {
        struct nv *nv = vdev_to_nv(disk, false);
        check(nv_add_u64(nv, "guid", 5000 + n) == 0 && vdev_parse(nv, &more, NULL) == 0);
        EXPECT_EQ(e, vdev_add_child(r.top, more), 0);
        nv_free(nv);
    }
    EXPECT_EQ(e, vdev_add_child(r.top, disk), -E2BIG);
    EXPECT_EQ(e, vdev_add_child(r.root, disk), 0); /* another top-level vdev */
    vdev_change_end(r.root);
    EXPECT(e, disk->top == disk && disk->id == 1 && r.root->state == VDEV_CANT_OPEN);
    rig_free(&r);
}

static void test_a_mirror_has_an_end(void **state)
{
    (void)state;
    expect_in(expect_sim(3), wide_body, NULL);
}

/* ---- under load -------------------------------------------------------------------------- */

struct load {
    struct rig r;
    bool stop;
    unsigned next, ios;
    struct waitgroup left;
};

/* Finds the top-level vdev anew for each I/O, as callers do. */
static void work(void *arg)
{
    struct load *l = arg;
    unsigned me = l->next++;
    for (unsigned i = 0; !l->stop; i++, l->ios++) {
        uint64_t off = (me * 4ull + i % 4) * 64 * KIB, seed = me * 1000 + i;
        struct rig at = l->r;
        at.top = l->r.root->child[0];
        check(rig_write(&at, off, 16 * KIB, seed, 20) == 0);
        check(vdev_flush_top(l->r.root->child[0]) == 0);
        at.top = l->r.root->child[0];
        check(rig_read(&at, off, 16 * KIB, seed, 20) == 0);
    }
    waitgroup_done(&l->left);
}

/* The disk is passed on nine times; what was written before an attach is written again
 * before the detach. */
static void load_body(struct expect *e)
{
    struct load l = {.next = 0};
    rig_make(&l.r, &(struct rig_want){.type = "file", .n = 1});
    waitgroup_init(&l.left);
    waitgroup_add(&l.left, 4);
    for (unsigned i = 0; i < 4; i++)
        check(fiber_start(work, &l, "load"));
    for (unsigned i = 1; i < 10; i++) {
        attach(&l.r, l.r.top, new_disk(i), VDEV_MIRROR, 5);
        for (unsigned target = l.ios + 100; l.ios < target;)
            fiber_sleep_until(run_now() + NS_PER_MS, NULL);
        struct vdev *fresh = l.r.top->child[1];
        EXPECT(e, fresh->state == VDEV_HEALTHY && fresh->stats.writes >= 90);
        detach(&l.r, l.r.top->child[0]);
        EXPECT(e, l.r.top == fresh);
    }
    l.stop = true;
    waitgroup_wait(&l.left);
    EXPECT_EQ(e, l.r.root->gate.inside, 0);
    rig_free(&l.r);
}

static void test_changes_under_load(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        expect_in(expect_sim(seed), load_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_disk_becomes_a_mirror_and_again_a_disk),
        cmocka_unit_test(test_a_disk_of_a_raidz_is_replaced),
        cmocka_unit_test(test_a_mirror_has_an_end),
        cmocka_unit_test(test_changes_under_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
