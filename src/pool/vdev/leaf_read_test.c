/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads of one leaf that lie side by side become one, each with what is its own: bytes, or an error. */
#include "pool/vdev/vdev_fixture.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>

#define BLOCK  16384u
#define BLOCKS 32u

static const struct rig_want single = {.type = "file", .n = 1};

struct reads {
    struct rig rig;
    struct waitgroup left;
    enum io_class class;
    unsigned step;  /* of the blocks that are asked for: 1 is all of them */
    bool backwards; /* the last one first */
    unsigned failed, wrong;
};
struct one_read {
    struct reads *all;
    unsigned block;
};

static void read_main(void *arg)
{
    struct one_read *o = arg;
    struct reads *all = o->all;
    uint8_t *got = aligned_alloc(4096, BLOCK), *want = malloc(BLOCK);
    check(got && want);
    seeded_fill(want, BLOCK, o->block + 1);
    int rc = leaf_read(all->rig.leaf[0], (uint64_t)o->block * BLOCK, got, BLOCK, all->class);
    all->failed += rc == -EIO;
    all->wrong += rc == 0 ? memcmp(got, want, BLOCK) != 0 : rc != -EIO;
    free(got);
    free(want);
    waitgroup_done(&all->left);
}

static void make(struct reads *all, enum io_class class)
{
    *all = (struct reads){.class = class, .step = 1};
    rig_make(&all->rig, &single);
    for (unsigned i = 0; i < BLOCKS; i++)
        check(rig_write(&all->rig, (uint64_t)i * BLOCK, BLOCK, i + 1, 10) == 0);
}

/* All at the same time: how many reads the disk saw. */
static uint64_t read_all(struct reads *all)
{
    struct one_read o[BLOCKS];
    uint64_t before = all->rig.leaf[0]->stats.reads;
    waitgroup_init(&all->left);
    all->failed = all->wrong = 0;
    for (unsigned i = 0; i < BLOCKS; i += all->step) {
        o[i] = (struct one_read){all, all->backwards ? BLOCKS - 1 - i : i};
        waitgroup_add(&all->left, 1);
        check(fiber_start(read_main, &o[i], "read"));
    }
    waitgroup_wait(&all->left);
    return all->rig.leaf[0]->stats.reads - before;
}

static void side_by_side_body(struct expect *e)
{
    static const enum io_class classes[] = {IO_READ, IO_PREFETCH, IO_SCAN};
    struct reads all;
    make(&all, IO_READ);
    for (unsigned i = 0; i < 2 * ARRAY_LEN(classes); i++) {
        uint64_t before = all.rig.leaf[0]->stats.bytes_read;
        all.class = classes[i / 2];
        all.backwards = i % 2;
        uint64_t n = read_all(&all);
        EXPECT(e, n >= 2 && n <= 4); /* of 256 KiB at most */
        EXPECT_EQ(e, all.failed + all.wrong, 0);
        EXPECT_EQ(e, all.rig.leaf[0]->stats.bytes_read - before, BLOCKS * BLOCK);
    }
    rig_free(&all.rig);
}

static void apart_body(struct expect *e)
{
    struct reads all;
    make(&all, IO_READ);
    all.step = 2;
    EXPECT_EQ(e, read_all(&all), BLOCKS / 2);
    EXPECT_EQ(e, all.failed + all.wrong, 0);
    rig_free(&all.rig);
}

/* One in so many reads fails, whoever takes part in it; none is better off, or worse, than alone. */
static void failing_body(struct expect *e)
{
    struct reads all;
    make(&all, IO_PREFETCH);
    sim_fail_reads(all.rig.run, rig_path(0), 1, EIO);
    EXPECT_EQ(e, read_all(&all), BLOCKS);
    EXPECT_EQ(e, all.failed, BLOCKS);
    EXPECT_EQ(e, all.wrong, 0);
    EXPECT_EQ(e, all.rig.leaf[0]->stats.read_errors, BLOCKS);
    sim_fail_reads(all.rig.run, rig_path(0), 2, EIO);
    for (unsigned i = 0; i < 20; i++) {
        read_all(&all);
        EXPECT_EQ(e, all.wrong, 0);
        EXPECT(e, all.failed < BLOCKS);
    }
    sim_fail_reads(all.rig.run, rig_path(0), 0, EIO);
    EXPECT(e, read_all(&all) <= 4);
    EXPECT_EQ(e, all.failed + all.wrong, 0);
    rig_free(&all.rig);
}

static void gone_body(struct expect *e)
{
    struct reads all;
    make(&all, IO_SCAN);
    sim_unplug(all.rig.run, rig_path(0));
    read_all(&all);
    EXPECT_EQ(e, all.failed, BLOCKS);
    EXPECT_EQ(e, all.wrong, 0);
    EXPECT(e, all.rig.leaf[0]->state < VDEV_DEGRADED);
    rig_free(&all.rig);
}

#define TEST(name)                                                                             \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        for (uint64_t seed = 1; seed <= 3; seed++)                                             \
            expect_in(expect_sim(seed), name##_body, NULL);                                    \
    }
TEST(side_by_side)
TEST(apart)
TEST(failing)
TEST(gone)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_failing),
        cmocka_unit_test(test_gone),
    };
    return cmocka_run_group_tests_name("pool_vdev_leaf_read", tests, NULL, NULL);
}
