/* SPDX-License-Identifier: BSD-2-Clause */
/* Where blocks go. */
#include "pool/space/space_fixture.h"

#include <errno.h>

static uint64_t gap(const struct dva *a, const struct dva *b)
{
    return a->off < b->off ? b->off - (a->off + a->asize) : a->off - (b->off + b->asize);
}

static void sequential_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva at, last;
    unsigned jumps = 0;
    EXPECT_EQ(e, lab_alloc_data(l, 16 * KIB, &last), 0);
    for (unsigned i = 0; i < 255; i++, last = at) { /* 4 MiB */
        EXPECT_EQ(e, lab_alloc_data(l, 16 * KIB, &at), 0);
        jumps += at.vdev != last.vdev || at.off != last.off + last.asize;
    }
    EXPECT_EQ(e, jumps, 3); /* a turn is 512 KiB for each of two children */
}

static void test_a_txg_writes_long_extents(void **state)
{
    (void)state;
    const struct lab_top tops[] = {lab_mirror, lab_mirror};
    lab_run(sequential_body, tops, 2);
}

static void share_body(struct expect *e)
{
    struct lab *l = e->arg;
    uint64_t got[2] = {0};
    struct dva d;
    for (unsigned i = 0; i < 24 * MIB / (16 * KIB); i++) {
        EXPECT_EQ(e, lab_alloc_data(l, 16 * KIB, &d), 0);
        got[d.vdev] += d.asize;
    }
    /* 32 MiB and 8 MiB: both are at 60 % or so */
    EXPECT(e, got[0] > 18 * MIB && got[0] < 21 * MIB);
    EXPECT(e, got[1] > 3 * MIB && got[1] < 6 * MIB);
}

static void test_vdevs_get_their_share(void **state)
{
    (void)state;
    const struct lab_top tops[] = {lab_mirror, lab_disk};
    lab_run(share_body, tops, 2);
}

static void copies_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d[BP_DVAS];
    for (unsigned i = 0; i < 100; i++) {
        EXPECT_EQ(e, space_alloc(l->sp, 11, 4 * KIB, 3, SPACE_META, d), 0);
        for (unsigned a = 0; a < 3; a++)
            for (unsigned b = 0; b < a; b++)
                EXPECT(e,
                       d[a].vdev != d[b].vdev ||
                           (l->ntops < 3 && gap(&d[a], &d[b]) >= l->top[d[a].vdev].asize / 8));
    }
}

static void test_copies_keep_their_distance(void **state)
{
    (void)state;
    const struct lab_top tops[] = {lab_disk, lab_mirror, lab_disk};
    lab_run(copies_body, tops, 3);
    lab_run(copies_body, tops, 2);
    lab_run(copies_body, tops, 1);
}

static void crowded_copies_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d[BP_DVAS];
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_EQ(e, space_alloc(l->sp, 11, 4 * KIB, 3, SPACE_META, d), 0);
        EXPECT(e, d[0].off != d[1].off && d[1].off != d[2].off && d[0].off != d[2].off);
    }
    uint64_t before = space_totals(l->sp).allocated;
    EXPECT_EQ(e, before, 15 * 4 * KIB);
    EXPECT_EQ(e, space_alloc(l->sp, 11, 4 * KIB, 3, SPACE_META, d), -ENOSPC);
    EXPECT_EQ(e, space_totals(l->sp).allocated, before); /* nothing was taken */
    EXPECT_EQ(e, space_alloc(l->sp, 11, 4 * KIB, 1, SPACE_META, d), 0);
    EXPECT_EQ(e, space_alloc(l->sp, 11, 4 * KIB, 1, SPACE_META, d), -ENOSPC);
}

static void test_copies_go_anywhere_before_they_fail(void **state)
{
    (void)state;
    lab_run(crowded_copies_body, &lab_small, 1);
}

static void uses_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva at, last[SPACE_USES];
    for (unsigned u = 0; u < SPACE_USES; u++)
        EXPECT_EQ(e, lab_alloc(l, 11, 4 * KIB, (enum space_use)u, &last[u]), 0);
    for (unsigned i = 0; i < 60; i++) {
        unsigned u = i % SPACE_USES;
        EXPECT_EQ(e, lab_alloc(l, 11, 4 * KIB, (enum space_use)u, &at), 0);
        EXPECT_EQ(e, at.off, last[u].off + last[u].asize);
        last[u] = at;
    }
}

static void test_uses_do_not_interleave(void **state)
{
    (void)state;
    const struct lab_top one_metaslab = {VDEV_DISK, 0, 0, 12, 20, 1};
    lab_run(uses_body, &lab_disk, 1);
    lab_run(uses_body, &one_metaslab, 1);
}

static void apart_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d[SPACE_USES];
    for (unsigned i = 0; i < 8; i++) { /* all metaslabs are alike after that */
        d[0] = (struct dva){.off = i * MIB, .asize = 4 * KIB};
        EXPECT_EQ(e, space_claim(l->sp, 11, &d[0]), 0);
    }
    for (unsigned u = 0; u < SPACE_USES; u++)
        EXPECT_EQ(e, lab_alloc(l, 11, 4 * KIB, (enum space_use)u, &d[u]), 0);
    EXPECT(e, d[0].off / MIB != d[1].off / MIB && d[1].off / MIB != d[2].off / MIB &&
                  d[0].off / MIB != d[2].off / MIB);
}

static void test_uses_have_metaslabs_of_their_own(void **state)
{
    (void)state;
    lab_run(apart_body, &lab_disk, 1);
}

static void stay_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d = {.off = 512 * KIB, .asize = 4 * KIB};
    EXPECT_EQ(e, space_claim(l->sp, 11, &d), 0);
    d.off += MIB;
    EXPECT_EQ(e, space_claim(l->sp, 11, &d), 0);
    for (unsigned i = 0; i < 510; i++) {
        EXPECT_EQ(e, lab_alloc_data(l, 4 * KIB, &d), 0);
        EXPECT_EQ(
            e, d.off / MIB,
            i / 255); /* the second one's ranges are larger when half of the first is used */
    }
}

static void test_data_stay_where_large_ranges_are(void **state)
{
    (void)state;
    const struct lab_top two_metaslabs = {VDEV_DISK, 0, 0, 12, 20, 2};
    lab_run(stay_body, &two_metaslabs, 1);
}

static void lost_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d;
    l->top[0].is_log = true;
    l->top[1].state = VDEV_FAULTED;
    EXPECT_EQ(e, space_totals(l->sp).size, 8 * MIB); /* the log vdev's is not for data */
    for (unsigned i = 0; i < 200; i++) {
        EXPECT_EQ(e, lab_alloc_data(l, 4 * KIB, &d), 0);
        EXPECT_EQ(e, d.vdev, 1);
    }
}

static void test_a_lost_vdev_is_waited_for_and_a_log_vdev_left_alone(void **state)
{
    (void)state;
    const struct lab_top tops[] = {lab_disk, lab_disk};
    lab_run(lost_body, tops, 2);
}

static void replaced_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct vdev other = l->top[0];
    struct dva d;
    other.type = VDEV_MIRROR;
    other.nchildren = 2;
    space_replace_top(l->sp, &other);
    l->top[0].state = VDEV_CLOSED; /* nobody looks at it any more */
    EXPECT_EQ(e, lab_alloc_data(l, 4 * KIB, &d), 0);
    EXPECT(e, space_metaslab(l->sp, &other, 0)->top == &other);
}

static void test_a_vdev_may_be_replaced_by_another_struct(void **state)
{
    (void)state;
    lab_run(replaced_body, &lab_disk, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_txg_writes_long_extents),
        cmocka_unit_test(test_vdevs_get_their_share),
        cmocka_unit_test(test_copies_keep_their_distance),
        cmocka_unit_test(test_copies_go_anywhere_before_they_fail),
        cmocka_unit_test(test_uses_do_not_interleave),
        cmocka_unit_test(test_uses_have_metaslabs_of_their_own),
        cmocka_unit_test(test_data_stay_where_large_ranges_are),
        cmocka_unit_test(test_a_lost_vdev_is_waited_for_and_a_log_vdev_left_alone),
        cmocka_unit_test(test_a_vdev_may_be_replaced_by_another_struct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
