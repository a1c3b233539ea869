/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps as they come from disk, loading and unloading. */
#include "pool/space/space_fixture.h"

#include <errno.h>

struct damage {
    uint64_t words[3];
    int64_t allocated;
    int error;
};

static void damage_body(struct expect *e)
{
    static const struct damage rows[] = {
        {{0x0000000000000000, 0x0000000000010001, 0x8000000000000000}, 12 * KIB, 0       },
        {{0x0000000000000001, 0x0000000000010000, 0x8000000000000000}, 8 * KIB,  -EBADMSG},
        {{0x0000000000000001, 0x0000000000018001, 0x8000000000000000}, 0,        -EBADMSG},
        {{0x0000000000008000, 0x8000000000000000, 0x8000000000000000}, 0,        -EBADMSG},
        {{0x0000000000000001, 0x8000000000000000, 0x8000000000000000}, 4 * KIB,  -EBADMSG},
        {{0x0000000000100000, 0x8000000000000000, 0x8000000000000000}, 4 * KIB,  -EBADMSG},
        {{0x0000000000000000, 0x8000000000000000, 0xc000000000000000}, 4 * KIB,  -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lab *l = lab_new(&lab_small, 1, 1);
        struct dva d;
        lab_store_map(l, rows[i].words, 3, rows[i].allocated);
        EXPECT_EQ(e, lab_alloc_data(l, 4 * KIB, &d), rows[i].error ? -ENOSPC : 0);
        EXPECT_EQ(e, space_metaslab(l->sp, &l->top[0], 0)->error, rows[i].error);
        EXPECT_EQ(e, l->reports, rows[i].error ? 1 : 0);
        d = (struct dva){.off = 32 * KIB, .asize = 4 * KIB};
        EXPECT_EQ(e, space_claim(l->sp, 11, &d), rows[i].error);
        lab_sync_next(l);
        EXPECT_EQ(e, space_metaslab(l->sp, &l->top[0], 0)->error, rows[i].error); /* for good */
        lab_free(l);
    }
}

static void test_a_map_that_contradicts_itself_is_not_used(void **state)
{
    (void)state;
    expect_in(expect_sim(1), damage_body, NULL);
}

static void later_body(struct expect *e)
{
    struct lab *l = e->arg;
    const uint64_t words[] = {0x0000000000000000};
    lab_store_map(l, words, 1, 4 * KIB);
    l->load_error = -EIO;
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
    EXPECT_EQ(e, l->reports, 1);
    l->load_error = 0;
    EXPECT(e, !lab_can_alloc(l, 4 * KIB)); /* not again in the same txg */
    EXPECT_EQ(e, l->loads, 1);
    lab_sync_next(l);
    EXPECT(e, lab_can_alloc(l, 4 * KIB));
}

static void test_a_map_that_cannot_be_read_is_tried_again(void **state)
{
    (void)state;
    lab_run(later_body, &lab_small, 1);
}

/* Another implementation may have used again what it had freed just before. */
static void again_body(struct expect *e)
{
    struct lab *l = e->arg;
    const uint64_t words[] = {0x0000000000000001, 0x900400000000000a, 0x0000000000008000,
                              0x800400000000000a, 0x0000000000000000};
    lab_store_map(l, words, ARRAY_LEN(words), 8 * KIB);
    EXPECT(e, lab_can_alloc(l, 56 * KIB));
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
    for (unsigned i = 0; i < 4; i++)
        lab_sync_next(l);
    EXPECT_EQ(e, space_totals(l->sp).deferred, 0);
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
}

static void test_what_was_used_again_is_not_held_back(void **state)
{
    (void)state;
    lab_run(again_body, &lab_small, 1);
}

static void lies_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct metaslab *ms = space_metaslab(l->sp, &l->top[0], 0);
    struct metaslab_map map = {.object = 9, .allocated = -4096};
    EXPECT_EQ(e, metaslab_restore(l->sp, ms, &map), -EBADMSG);
    map.allocated = 68 * KIB;
    EXPECT_EQ(e, metaslab_restore(l->sp, ms, &map), -EBADMSG);
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
    EXPECT_EQ(e, l->loads, 0);
}

static void test_an_impossible_total_is_refused(void **state)
{
    (void)state;
    lab_run(lies_body, &lab_small, 1);
}

static void dva_body(struct expect *e)
{
    struct lab *l = e->arg;
    static const struct dva rows[] = {
        {.off = 0,          .asize = 0,       .vdev = 0},
        {.off = 512,        .asize = 4 * KIB, .vdev = 0},
        {.off = 0,          .asize = 512,     .vdev = 0},
        {.off = MIB - 4096, .asize = 8 * KIB, .vdev = 0}, /* over an edge */
        {.off = 8 * MIB,    .asize = 4 * KIB, .vdev = 0}, /* the tail */
        {.off = 0,          .asize = 4 * KIB, .vdev = 1},
        {.off = 1ull << 62, .asize = 4 * KIB, .vdev = 0},
        {.off = 0,          .asize = 2 * MIB, .vdev = 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ(e, space_free_dva(l->sp, 11, &rows[i]), -EBADMSG);
        EXPECT_EQ(e, space_claim(l->sp, 11, &rows[i]), -EBADMSG);
    }
    EXPECT(e, space_dirty_next(l->sp, 11, NULL) == NULL);
}

static void test_a_dva_lies_in_one_metaslab(void **state)
{
    (void)state;
    lab_run(dva_body, &lab_disk, 1);
}

/* A pool whose pointers overlap frees twice: in each state in which it can be seen, and at
 * the load where it cannot. */
static void twice_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d, never = {.off = 60 * KIB, .asize = 4 * KIB};
    EXPECT_EQ(e, lab_alloc_data(l, 8 * KIB, &d), 0);
    EXPECT_EQ(e, space_free_dva(l->sp, 11, &never), -EBADMSG);
    lab_sync_next(l);
    EXPECT_EQ(e, space_free_dva(l->sp, 12, &d), 0);
    EXPECT_EQ(e, space_free_dva(l->sp, 12, &d), -EBADMSG);
    lab_sync_next(l);
    EXPECT_EQ(e, space_free_dva(l->sp, 13, &d), -EBADMSG);
    lab_reopen(l);
    EXPECT_EQ(e, space_free_dva(l->sp, 13, &never), 0);
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
    EXPECT_EQ(e, l->reports, 1);
}

static void test_space_is_not_freed_twice(void **state)
{
    (void)state;
    lab_run(twice_body, &lab_small, 1);
}

static unsigned nloaded(struct lab *l)
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->nms[0]; i++)
        n += space_metaslab(l->sp, &l->top[0], i)->free != NULL;
    return n;
}

static void budget_body(struct expect *e)
{
    struct lab *l = e->arg;
    for (unsigned i = 0; i < 8; i++) {
        struct dva d = {.off = i * MIB + 8 * KIB, .asize = 4 * KIB};
        EXPECT_EQ(e, space_claim(l->sp, 11, &d), 0);
    }
    space_set_budget(l->sp, 0);
    EXPECT_EQ(e, nloaded(l), 8); /* none is idle */
    lab_record(l, 11, 0);
    space_set_budget(l->sp, 0);
    EXPECT_EQ(e, nloaded(l), 8);
    space_set_budget(l->sp, 6); /* two ranges each */
    lab_commit(l, 11, UINT64_MAX);
    EXPECT_EQ(e, nloaded(l), 3);
    EXPECT(e, space_metaslab(l->sp, &l->top[0], 7)->free != NULL); /* the last ones used */
    EXPECT(e, space_metaslab(l->sp, &l->top[0], 0)->free == NULL);
    EXPECT_EQ(e, space_metaslab(l->sp, &l->top[0], 0)->weight, MIB - 12 * KIB);
}

static void working_body(struct expect *e)
{
    struct lab *l = e->arg;
    EXPECT(e, lab_can_alloc(l, 4 * KIB));
    lab_sync_next(l);
    space_set_budget(l->sp, 0);
    EXPECT_EQ(e, nloaded(l), 1); /* the next allocation goes there */
}

static void test_idle_metaslabs_are_unloaded(void **state)
{
    (void)state;
    lab_run(budget_body, &lab_disk, 1);
    lab_run(working_body, &lab_disk, 1);
}

struct claimer {
    struct lab *l;
    struct waitgroup *all;
    struct dva dva;
    unsigned ahead; /* of the last commit: the txg */
    int rc;
};

static void claimer(void *arg)
{
    struct claimer *c = arg;
    c->rc = space_claim(c->l->sp, c->l->committed + c->ahead, &c->dva);
    waitgroup_done(c->all);
}

static void together_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct claimer c[4];
    struct waitgroup all;
    lab_fill(l);
    for (unsigned i = 0; i < 4; i++) {
        struct dva d = {.off = i * 4 * KIB, .asize = 4 * KIB};
        EXPECT_EQ(e, space_free_dva(l->sp, l->committed + 1, &d), 0);
        lab_sync_next(l);
    }
    lab_sync_next(l);
    lab_reopen(l);
    l->yields = true;
    waitgroup_init(&all);
    for (unsigned i = 0; i < 4; i++) {
        c[i] = (struct claimer){
            .l = l, .ahead = 1, .all = &all, .dva = {.off = i * 4 * KIB, .asize = 4 * KIB}
        };
        waitgroup_add(&all, 1);
        EXPECT(e, fiber_start(claimer, &c[i], "claimer") != NULL);
    }
    waitgroup_wait(&all);
    EXPECT_EQ(e, l->loads, 1);
    for (unsigned i = 0; i < 4; i++)
        EXPECT_EQ(e, c[i].rc, i < 3 ? 0 : -EEXIST); /* the last one is held back */
}

static void test_one_load_serves_all(void **state)
{
    (void)state;
    lab_run(together_body, &lab_small, 1);
}

/* A load that lasts for four txgs, which free, commit and would release. */
static void overtaken_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct waitgroup all;
    struct claimer c = {.l = l, .all = &all};
    struct dva d = lab_fill(l);
    EXPECT_EQ(e, space_free_dva(l->sp, l->committed + 1, &d), 0);
    c.dva = d;
    for (unsigned i = 0; i < 3; i++)
        lab_sync_next(l);
    lab_reopen(l);
    l->gated = true;
    c.ahead = 4;
    waitgroup_init(&all);
    waitgroup_add(&all, 1);
    EXPECT(e, fiber_start(claimer, &c, "claimer") != NULL);
    while (l->loads == 0)
        fiber_yield();
    for (unsigned i = 0; i < 4; i++) {
        d.off -= d.asize;
        EXPECT_EQ(e, space_free_dva(l->sp, l->committed + 1, &d), 0);
        if (i < 3)
            lab_sync_next(l);
    }
    l->gated = false;
    waitgroup_wait(&all);
    EXPECT_EQ(e, c.rc, 0);
    EXPECT(e, !lab_can_alloc(l, 4 * KIB)); /* one could be, but a load releases nothing */
    lab_sync_next(l);
    EXPECT(e, lab_can_alloc(l, 8 * KIB));
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
    for (unsigned i = 0; i < 3; i++)
        lab_sync_next(l);
    EXPECT(e, lab_can_alloc(l, 8 * KIB));
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
}

static void test_txgs_may_overtake_a_load(void **state)
{
    (void)state;
    lab_run(overtaken_body, &lab_small, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_map_that_contradicts_itself_is_not_used),
        cmocka_unit_test(test_a_map_that_cannot_be_read_is_tried_again),
        cmocka_unit_test(test_what_was_used_again_is_not_held_back),
        cmocka_unit_test(test_an_impossible_total_is_refused),
        cmocka_unit_test(test_a_dva_lies_in_one_metaslab),
        cmocka_unit_test(test_space_is_not_freed_twice),
        cmocka_unit_test(test_idle_metaslabs_are_unloaded),
        cmocka_unit_test(test_one_load_serves_all),
        cmocka_unit_test(test_txgs_may_overtake_a_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
