/* SPDX-License-Identifier: BSD-2-Clause */
/* What is stored of a metaslab. */
#include "pool/space/space_fixture.h"

static void rewrite_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva ring[64] = {{0}};
    size_t longest = 0;
    for (unsigned i = 0; i < 3000; i++) {
        struct dva *d = &ring[i % 64];
        if (d->asize)
            EXPECT_EQ(e, space_free_dva(l->sp, l->committed + 1, d), 0);
        EXPECT_EQ(e, lab_alloc_data(l, 4 * KIB, d), 0);
        lab_sync_next(l);
        for (unsigned k = 0; k < l->nms[0]; k++)
            longest = MAX(longest, l->map[0][k].committed.n);
    }
    EXPECT(e, longest > 4096 / 8);     /* it is left to grow to a block, */
    EXPECT(e, longest < 2 * 4096 / 8); /* not much longer */
}

static void test_long_maps_are_written_anew(void **state)
{
    (void)state;
    lab_run(rewrite_body, &lab_disk, 1);
}

static void histogram_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct metaslab *ms = space_metaslab(l->sp, &l->top[0], 0);
    uint64_t h[32];
    lab_fill(l);
    /* sectors 0 to 2; 4; 8 to 15 */
    const struct dva d[] = {
        {.off = 0,        .asize = 12 * KIB},
        {.off = 16 * KIB, .asize = 4 * KIB },
        {.off = 32 * KIB, .asize = 32 * KIB},
    };
    uint64_t txg = l->committed + 1;
    for (unsigned i = 0; i < 3; i++)
        EXPECT_EQ(e, space_free_dva(l->sp, txg, &d[i]), 0);
    for (unsigned i = 0; i < 5; i++) {
        metaslab_histogram(ms, txg + i, h);
        EXPECT(e, h[0] == 1 && h[1] == 1 && h[2] == 0 && h[3] == 1 && h[4] == 0);
        EXPECT_EQ(e, metaslab_allocated(ms, txg + i), 16 * KIB);
        lab_sync_next(l);
    }
    /* a log block of a later txg is free still for the one being synced */
    struct dva log = {.off = 32 * KIB, .asize = 16 * KIB};
    txg = l->committed + 1;
    EXPECT_EQ(e, space_claim(l->sp, txg + 1, &log), 0);
    metaslab_histogram(ms, txg, h);
    EXPECT(e, h[0] == 1 && h[1] == 1 && h[2] == 2 && h[3] == 0);
    metaslab_histogram(ms, txg + 1, h);
    EXPECT(e, h[0] == 1 && h[1] == 1 && h[2] == 1 && h[3] == 0);
    EXPECT_EQ(e, metaslab_allocated(ms, txg), 16 * KIB);
    EXPECT_EQ(e, metaslab_allocated(ms, txg + 1), 32 * KIB);
}

static void test_the_histogram_counts_free_runs(void **state)
{
    (void)state;
    lab_run(histogram_body, &lab_small, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_maps_are_written_anew),
        cmocka_unit_test(test_the_histogram_counts_free_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
