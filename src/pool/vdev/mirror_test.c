/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies: what is read when some are bad, what is repaired, what a leaf that was away has
 * missed. */
#include "pool/vdev/vdev_fixture.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>

#define BLOCK (128 * KIB)

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t nkv)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)nkv;
}

static const struct rig_want two = {.type = "mirror", .n = 2};
static const struct rig_want three = {.type = "mirror", .n = 3};

static void writes_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    for (unsigned i = 0; i < 20; i++)
        EXPECT_EQ(e, rig_write(&r, (uint64_t)i * MIB, 512 * (1 + i * 13), i, 10), 0);
    for (unsigned i = 0; i < 20; i++)
        EXPECT_EQ(e, rig_read(&r, (uint64_t)i * MIB, 512 * (1 + i * 13), i, 10), 0);
    for (unsigned i = 0; i < r.n; i++) {
        EXPECT_EQ(e, r.leaf[i]->stats.writes, 20);
        EXPECT_EQ(e, r.leaf[i]->stats.checksum_errors + r.leaf[i]->stats.read_errors, 0);
        EXPECT(e, !r.leaf[i]->dtl_dirty);
        EXPECT(e, r.leaf[i]->stats.reads > 0); /* all take their part */
    }
    rig_free(&r);
}

static void test_every_copy_is_written_and_read(void **state)
{
    static const struct rig_want shapes[] = {
        {.type = "file", .n = 1      },
        { .type = "mirror",        .n = 2,  .ashift = 9},
        { .type = "mirror",        .n = 4, .ashift = 13},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(shapes); i++)
        expect_in(expect_sim(i + 1), writes_body, (void *)(uintptr_t)&shapes[i]);
}

/* Two of three copies rot: the reader gets the third, the others are put right. */
static void rot_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    EXPECT_EQ(e, rig_write(&r, 0, BLOCK, 1, 10), 0);
    rig_rot(&r, 0, 5000, 1);
    rig_rot(&r, 2, 100, 90000);
    for (unsigned i = 0; i < 3; i++) /* each read begins with another leaf at best */
        EXPECT_EQ(e, rig_read(&r, 0, BLOCK, 1, 10), 0);
    uint64_t repaired = 0;
    EXPECT_EQ(e, rig_scrub(&r, 0, BLOCK, 1, 10, &repaired), 0);
    EXPECT_EQ(e, r.leaf[0]->stats.repaired + r.leaf[2]->stats.repaired, 2 * BLOCK);
    EXPECT_EQ(e, r.leaf[0]->stats.checksum_errors + r.leaf[2]->stats.checksum_errors, 2);
    EXPECT_EQ(e, r.leaf[1]->stats.repaired + r.leaf[1]->stats.checksum_errors, 0);
    EXPECT_EQ(e, rig_scrub(&r, 0, BLOCK, 1, 10, &repaired), 0);
    EXPECT_EQ(e, repaired, 0);
    rig_free(&r);
}

static void test_rotten_copies_are_repaired(void **state)
{
    (void)state;
    expect_in(expect_sim(1), rot_body, (void *)(uintptr_t)&three);
}

static void hopeless_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    EXPECT_EQ(e, rig_write(&r, 0, BLOCK, 1, 10), 0);
    EXPECT_EQ(e, rig_write(&r, MIB, BLOCK, 2, 10), 0);
    for (unsigned i = 0; i < r.n; i++)
        rig_rot(&r, i, 0, 10);
    EXPECT_EQ(e, rig_read(&r, 0, BLOCK, 1, 10), -EBADMSG);
    for (unsigned i = 0; i < r.n; i++) {
        EXPECT_EQ(e, r.leaf[i]->stats.checksum_errors, 1);
        EXPECT_EQ(e, r.leaf[i]->stats.repaired, 0);
        sim_fail_reads(r.run, rig_path(i), 1, EIO);
    }
    EXPECT_EQ(e, rig_read(&r, MIB, BLOCK, 2, 10), -EIO);
    EXPECT_EQ(e, r.top->state, VDEV_HEALTHY); /* a read error alone throws nobody out */
    const struct vdev_read wild = {.off = r.top->asize - 4096, .psize = 8192, .class = IO_READ};
    EXPECT_EQ(e, vdev_read(r.top, &wild, NULL), -EIO);
    rig_free(&r);
}

static void test_bad_data_are_never_returned(void **state)
{
    (void)state;
    expect_in(expect_sim(2), hopeless_body, (void *)(uintptr_t)&two);
}

static void read_error_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    EXPECT_EQ(e, rig_write(&r, 0, BLOCK, 1, 10), 0);
    sim_fail_reads(r.run, rig_path(0), 1, EIO);
    for (unsigned i = 0; i < 4; i++)
        EXPECT_EQ(e, rig_read(&r, 0, BLOCK, 1, 10), 0);
    uint64_t repaired = 0;
    EXPECT_EQ(e, rig_scrub(&r, 0, BLOCK, 1, 10, &repaired), 0);
    EXPECT_EQ(e, repaired, BLOCK);
    EXPECT(e, r.leaf[0]->stats.read_errors > 0);
    EXPECT_EQ(e, r.leaf[0]->stats.read_errors * BLOCK, r.leaf[0]->stats.repaired);
    EXPECT_EQ(e, r.leaf[0]->stats.checksum_errors, 0);
    rig_free(&r);
}

static void test_unreadable_copies_are_rewritten(void **state)
{
    (void)state;
    expect_in(expect_sim(3), read_error_body, (void *)(uintptr_t)&two);
}

/* ---- leaves that are away ---------------------------------------------------------------- */

static void away_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    EXPECT_EQ(e, rig_write(&r, 0, BLOCK, 1, 10), 0);
    r.leaf[0]->offline = true;
    vdev_close(r.leaf[0]);
    EXPECT_EQ(e, r.top->state, VDEV_DEGRADED);
    EXPECT_EQ(e, rig_write(&r, MIB, BLOCK, 2, 11), 0);
    EXPECT_EQ(e, rig_write(&r, 2 * MIB, BLOCK, 3, 13), 0);
    EXPECT(e, r.leaf[0]->dtl_dirty && !r.leaf[1]->dtl_dirty);
    EXPECT(e, !txg_set_has(&r.leaf[0]->dtl, 10) && txg_set_has(&r.leaf[0]->dtl, 11));
    EXPECT(e, !txg_set_has(&r.leaf[0]->dtl, 12) && txg_set_has(&r.leaf[0]->dtl, 13));
    r.leaf[0]->offline = false;
    EXPECT_EQ(e, vdev_open(r.root, 0, false, NULL), 0);
    EXPECT_EQ(e, r.top->state, VDEV_HEALTHY);
    for (unsigned i = 0; i < 6; i++) /* never asked for what it lacks */
        EXPECT_EQ(e, rig_read(&r, MIB, BLOCK, 2, 11), 0);
    EXPECT_EQ(e, r.leaf[0]->stats.reads, 0);
    uint64_t repaired = 0; /* resilver */
    EXPECT_EQ(e, rig_scrub(&r, MIB, BLOCK, 2, 11, &repaired), 0);
    EXPECT_EQ(e, repaired, BLOCK);
    EXPECT_EQ(e, r.leaf[0]->stats.checksum_errors, 0);
    txg_set_remove(&r.leaf[0]->dtl, 0, 100);
    r.leaf[1]->offline = true;
    vdev_close(r.leaf[1]);
    EXPECT_EQ(e, rig_read(&r, MIB, BLOCK, 2, 11), 0);
    rig_free(&r);
}

static void test_a_leaf_that_was_away_knows_what_it_missed(void **state)
{
    (void)state;
    expect_in(expect_sim(4), away_body, (void *)(uintptr_t)&two);
}

/* The log says it lacks the block, but it is the only one left, and has it. */
static void last_resort_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    EXPECT_EQ(e, rig_write(&r, 0, BLOCK, 1, 10), 0);
    EXPECT_EQ(e, leaf_missed(r.leaf[0], 10, 11), 0);
    rig_rot(&r, 1, 0, 10);
    EXPECT_EQ(e, rig_read(&r, 0, BLOCK, 1, 10), 0);
    EXPECT_EQ(e, r.leaf[1]->stats.repaired, BLOCK);
    rig_free(&r);
}

static void test_a_leaf_that_lacks_a_block_is_asked_last(void **state)
{
    (void)state;
    expect_in(expect_sim(5), last_resort_body, (void *)(uintptr_t)&two);
}

static void come_and_go(struct vdev *leaf, bool there)
{
    leaf->offline = !there;
    vdev_close(leaf);
    check(vdev_open(vdev_root_of(leaf), 0, false, NULL) == 0);
}

/* The other one is back without it: no damage as long as the first one may come back. */
static void wanting_body(struct expect *e)
{
    struct rig r;
    uint64_t repaired;
    rig_make(&r, e->arg);
    EXPECT_EQ(e, rig_write(&r, 0, BLOCK, 1, 10), 0);
    come_and_go(r.leaf[1], false);
    EXPECT_EQ(e, rig_write(&r, MIB, BLOCK, 2, 11), 0);
    come_and_go(r.leaf[1], true);
    come_and_go(r.leaf[0], false);
    EXPECT(e, vdev_usable(r.root));
    EXPECT_EQ(e, rig_read(&r, 0, BLOCK, 1, 10), 0);
    EXPECT_EQ(e, rig_read(&r, MIB, BLOCK, 2, 11), -ENXIO);
    EXPECT_EQ(e, rig_scrub(&r, MIB, BLOCK, 2, 11, &repaired), -ENXIO);
    rig_rot(&r, 1, 0, 10);
    EXPECT_EQ(e, rig_read(&r, 0, BLOCK, 1, 10), -EBADMSG); /* that had all it ought to */
    uint64_t changes = r.root->changes;
    vdev_give_up(r.leaf[0]);
    EXPECT(e, r.root->changes > changes);
    EXPECT_EQ(e, rig_read(&r, MIB, BLOCK, 2, 11), -EBADMSG);
    come_and_go(r.leaf[0], true);
    EXPECT_EQ(e, rig_read(&r, MIB, BLOCK, 2, 11), 0);
    rig_free(&r);
}

static void test_what_a_leaf_that_is_away_holds_is_no_damage(void **state)
{
    (void)state;
    expect_in(expect_sim(5), wanting_body, (void *)(uintptr_t)&two);
}

static void write_error_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    EXPECT_EQ(e, rig_write(&r, 0, BLOCK, 1, 10), 0);
    EXPECT_EQ(e, vdev_flush(r.root), 0);
    uint64_t changes = r.root->changes;
    sim_fail_writes(r.run, rig_path(1), 1, EIO);
    EXPECT_EQ(e, rig_write(&r, MIB, BLOCK, 2, 11), 0);
    EXPECT_EQ(e, r.leaf[1]->state, VDEV_FAULTED);
    EXPECT(e, r.leaf[1]->faulted && r.root->changes > changes);
    EXPECT_EQ(e, r.top->state, VDEV_DEGRADED);
    EXPECT(e, txg_set_has(&r.leaf[1]->dtl, 11) && !txg_set_has(&r.leaf[1]->dtl, 10));
    EXPECT(e, vdev_usable(r.root));
    sim_fail_writes(r.run, rig_path(0), 1, ENODEV);
    EXPECT_EQ(e, rig_write(&r, 2 * MIB, BLOCK, 3, 12), -EIO);
    EXPECT_EQ(e, r.leaf[0]->state, VDEV_REMOVED);
    EXPECT(e, !vdev_usable(r.root));
    EXPECT(e, !txg_set_has(&r.leaf[1]->dtl, 12)); /* nobody has it: it is written again */
    EXPECT_EQ(e, vdev_flush(r.root), -EIO);
    sim_fail_writes(r.run, rig_path(0), 0, 0);
    vdev_close(r.leaf[0]);
    EXPECT_EQ(e, vdev_open(r.root, 0, false, NULL), 0);
    EXPECT(e, vdev_usable(r.root) && r.leaf[1]->state == VDEV_FAULTED);
    EXPECT_EQ(e, rig_write(&r, 2 * MIB, BLOCK, 3, 12), 0);
    EXPECT_EQ(e, rig_read(&r, MIB, BLOCK, 2, 11), 0);
    rig_free(&r);
}

static void test_a_write_error_faults_the_leaf(void **state)
{
    (void)state;
    expect_in(expect_sim(6), write_error_body, (void *)(uintptr_t)&two);
}

/* ---- several at a time ------------------------------------------------------------------- */

struct crowd {
    struct rig r;
    unsigned n;
    struct waitgroup left;
};

static void crowd_one(void *arg)
{
    struct crowd *c = arg;
    unsigned i = c->n++;
    check(rig_write(&c->r, (uint64_t)i * MIB, 4096, i, 20 + i) == 0);
    waitgroup_done(&c->left);
}

/* When a leaf fails in the midst of writes, those before (not flushed) and after are missing
 * on it alike. */
static void crowd_body(struct expect *e)
{
    struct crowd c = {.n = 0};
    rig_make(&c.r, &two);
    sim_fail_writes(c.r.run, rig_path(1), 4, EIO);
    waitgroup_init(&c.left);
    waitgroup_add(&c.left, 20);
    for (unsigned i = 0; i < 20; i++)
        check(fiber_start(crowd_one, &c, "writer"));
    waitgroup_wait(&c.left);
    EXPECT_EQ(e, c.r.leaf[1]->state, VDEV_FAULTED);
    for (unsigned i = 0; i < 20; i++) {
        EXPECT(e, txg_set_has(&c.r.leaf[1]->dtl, 20 + i));
        EXPECT_EQ(e, rig_read(&c.r, (uint64_t)i * MIB, 4096, i, 20 + i), 0);
    }
    rig_free(&c.r);
}

static void test_a_failure_takes_all_writes_around_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        expect_in(expect_sim(seed), crowd_body, NULL);
}

/* What pads a short block is zero, whatever the memory held before. */
static void padding_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &two);
    struct iobuf *raw = iobuf_get(4096), *second = iobuf_get(4096);
    memset(raw->p, 0xcc, 4096);
    memset(second->p, 0xcc, 4096);
    iobuf_put(raw);
    iobuf_put(second);
    EXPECT_EQ(e, rig_write(&r, 0, 1024, 1, 10), 0);
    raw = iobuf_get(4096);
    EXPECT_EQ(e, leaf_read(r.leaf[1], 0, raw->p, 4096, IO_READ), 0);
    for (unsigned i = 1024; i < 4096; i++)
        EXPECT_EQ(e, raw->p[i], 0);
    iobuf_put(raw);
    rig_free(&r);
}

static void test_short_blocks_are_padded_with_zeros(void **state)
{
    (void)state;
    expect_in(expect_sim(1), padding_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_copy_is_written_and_read),
        cmocka_unit_test(test_rotten_copies_are_repaired),
        cmocka_unit_test(test_bad_data_are_never_returned),
        cmocka_unit_test(test_unreadable_copies_are_rewritten),
        cmocka_unit_test(test_a_leaf_that_was_away_knows_what_it_missed),
        cmocka_unit_test(test_a_leaf_that_lacks_a_block_is_asked_last),
        cmocka_unit_test(test_what_a_leaf_that_is_away_holds_is_no_damage),
        cmocka_unit_test(test_a_write_error_faults_the_leaf),
        cmocka_unit_test(test_a_failure_takes_all_writes_around_it),
        cmocka_unit_test(test_short_blocks_are_padded_with_zeros),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
