/* SPDX-License-Identifier: BSD-2-Clause */
/* When space that was given back is used again. */
#include "pool/space/space_fixture.h"

static void hold_back_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d = lab_fill(l);
    uint64_t txg = l->committed + 1;
    EXPECT_EQ(e, space_free_dva(l->sp, txg, &d), 0);
    EXPECT_EQ(e, space_totals(l->sp).deferred, d.asize);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(e, !lab_can_alloc(l, 4 * KIB));
        lab_sync_next(l);
    }
    EXPECT_EQ(e, l->committed, txg + 2);
    EXPECT_EQ(e, space_totals(l->sp).deferred, 0);
    EXPECT(e, lab_can_alloc(l, 4 * KIB));
}

static void test_what_is_freed_waits_two_txgs(void **state)
{
    (void)state;
    lab_run(hold_back_body, &lab_small, 1);
}

static void reader_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d = lab_fill(l), newer;
    uint64_t txg = l->committed + 1;
    newer = d;
    newer.off -= newer.asize;
    EXPECT_EQ(e, space_free_dva(l->sp, txg, &d), 0);
    for (unsigned i = 0; i < 10; i++) { /* more txgs than defer has places */
        lab_record(l, l->committed + 1, 0);
        lab_commit(l, l->committed + 1, txg - 1);
        EXPECT(e, !lab_can_alloc(l, 4 * KIB));
        newer.off -= newer.asize;
        EXPECT_EQ(e, space_free_dva(l->sp, l->committed + 1, &newer), 0);
    }
    lab_record(l, l->committed + 1, 0);
    lab_commit(l, l->committed + 1, txg); /* began when txg was committed: doesn't see d */
    EXPECT(e, lab_can_alloc(l, 4 * KIB));
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
    for (unsigned i = 0; i < 3; i++)
        lab_sync_next(l);
    EXPECT_EQ(e, space_totals(l->sp).deferred, 0);
    EXPECT(e, lab_can_alloc(l, 40 * KIB));
}

static void test_what_a_reader_may_follow_is_not_reused(void **state)
{
    (void)state;
    lab_run(reader_body, &lab_small, 1);
}

static void vanish_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d;
    EXPECT_EQ(e, lab_alloc_data(l, 64 * KIB, &d), 0);
    EXPECT_EQ(e, space_free_dva(l->sp, 11, &d), 0);
    struct metaslab *ms = space_dirty_next(l->sp, 11, NULL);
    EXPECT(e, ms != NULL); /* what was dirty stays so */
    EXPECT_EQ(e, metaslab_record_words(ms, 11), 0);
    EXPECT_EQ(e, metaslab_allocated(ms, 11), 0);
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
    lab_sync_next(l);
    EXPECT_EQ(e, lab_map_of(l, ms)->committed.n, 0);
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
    lab_sync_next(l);
    lab_sync_next(l);
    EXPECT(e, lab_can_alloc(l, 64 * KIB));
}

static void test_what_lived_for_one_txg_is_not_recorded(void **state)
{
    (void)state;
    lab_run(vanish_body, &lab_small, 1);
}

/* rewrite: 1: the map is written anew. */
static void import_after(struct expect *e, unsigned rewrite)
{
    struct lab *l = e->arg;
    struct dva d = lab_fill(l);
    EXPECT_EQ(e, space_free_dva(l->sp, l->committed + 1, &d), 0);
    lab_record(l, l->committed + 1, rewrite);
    lab_commit(l, l->committed + 1, UINT64_MAX);
    lab_reopen(l);
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
    EXPECT_EQ(e, space_totals(l->sp).deferred, d.asize);
    space_set_budget(l->sp, 0); /* loaded again each time */
    lab_sync_next(l);
    EXPECT(e, !lab_can_alloc(l, 4 * KIB));
    lab_sync_next(l);
    EXPECT(e, lab_can_alloc(l, 4 * KIB));
    EXPECT_EQ(e, l->reports, 0);
}

static void import_body(struct expect *e)
{
    import_after(e, 0);
}

static void rewritten_import_body(struct expect *e)
{
    import_after(e, 1);
}

static void test_an_import_keeps_holding_back(void **state)
{
    (void)state;
    lab_run(import_body, &lab_small, 1);
    lab_run(rewritten_import_body, &lab_small, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_freed_waits_two_txgs),
        cmocka_unit_test(test_what_a_reader_may_follow_is_not_reused),
        cmocka_unit_test(test_what_lived_for_one_txg_is_not_recorded),
        cmocka_unit_test(test_an_import_keeps_holding_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
