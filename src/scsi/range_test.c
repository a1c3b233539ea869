/* SPDX-License-Identifier: BSD-2-Clause */
/* The range lock: overlap, order of granting, cancellation; and against a model with random
 * ranges. */
#include "scsi/scsi_fixture.h"

#include "run/sim/sim.h"

struct holder {
    struct fix *f;
    struct range_lock l;
    uint64_t lba, nblk;
    struct cancel cancel;
    int rc;
    bool held, ended;
    struct waitq release;
};

static void hold(void *arg)
{
    struct holder *h = arg;
    h->rc = range_lock(h->f->lu, &h->l, h->lba, h->nblk, &h->cancel);
    if (h->rc == 0) {
        h->held = true;
        waitq_wait(&h->release, NO_DEADLINE, NULL);
        h->held = false;
        range_unlock(h->f->lu, &h->l);
    }
    h->ended = true;
}

static void start(struct fix *f, struct holder *h, uint64_t lba, uint64_t nblk)
{
    *h = (struct holder){.f = f, .lba = lba, .nblk = nblk};
    cancel_init(&h->cancel);
    waitq_init(&h->release);
    fiber_start(hold, h, "holder");
    fiber_yield();
}

static void release(struct holder *h)
{
    waitq_wake_all(&h->release);
    fix_settle();
}

FIX_TEST(disjoint)
{
    struct holder a, b;
    start(f, &a, 0, 10);
    start(f, &b, 10, 10);
    EXPECT(f, a.held && b.held);
    release(&a);
    release(&b);
    EXPECT(f, lu_ranges_idle(f->lu));
}

FIX_TEST(overlap_waits)
{
    struct holder a, b;
    start(f, &a, 0, 10);
    start(f, &b, 9, 1);
    EXPECT(f, a.held && !b.held);
    release(&a);
    EXPECT(f, b.held);
    release(&b);
    EXPECT_EQ(f, f->lu->ranges.nwaiting, 0);
}

/* A wide request is not overtaken by narrow ones that come after it. */
FIX_TEST(fair)
{
    struct holder a, wide, narrow, far;
    start(f, &a, 0, 1);
    start(f, &wide, 0, 100);
    start(f, &narrow, 50, 1);
    start(f, &far, 200, 1);
    EXPECT(f, a.held && !wide.held && !narrow.held && far.held);
    release(&a);
    EXPECT(f, wide.held && !narrow.held);
    release(&wide);
    EXPECT(f, narrow.held);
    release(&narrow);
    release(&far);
}

FIX_TEST(empty_range_never_waits)
{
    struct holder a, b;
    start(f, &a, 0, 10);
    start(f, &b, 5, 0);
    EXPECT(f, b.held);
    release(&b);
    release(&a);
}

FIX_TEST(cancelled_lets_others_go)
{
    struct holder a, wide, narrow;
    start(f, &a, 0, 1);
    start(f, &wide, 0, 100);
    start(f, &narrow, 50, 1);
    cancel_fire(&wide.cancel);
    fix_settle();
    EXPECT_EQ(f, wide.rc, -ECANCELED);
    EXPECT(f, wide.ended && narrow.held);
    release(&a);
    release(&narrow);
    EXPECT(f, lu_ranges_idle(f->lu));
    EXPECT_EQ(f, f->lu->ranges.nwaiting, 0);
}

#define BLOCKS 64
#define FIBERS 24

struct load {
    struct fix *f;
    uint8_t owner[BLOCKS]; /* fibers inside, by block */
    unsigned rounds, left;
};

static void random_holder(void *arg)
{
    struct load *l = arg;
    struct cancel never;
    cancel_init(&never);
    for (unsigned i = 0; i < 200; i++) {
        struct range_lock lock;
        uint64_t lba = sim_random_below(l->f->run, BLOCKS);
        uint64_t nblk = 1 + sim_random_below(l->f->run, BLOCKS - lba);
        range_lock(l->f->lu, &lock, lba, nblk, &never);
        for (uint64_t b = lba; b < lba + nblk; b++)
            EXPECT_EQ(l->f, l->owner[b]++, 0);
        fiber_sleep_until(run_now() + sim_random_below(l->f->run, 1000), NULL);
        for (uint64_t b = lba; b < lba + nblk; b++)
            l->owner[b]--;
        range_unlock(l->f->lu, &lock);
        l->rounds++;
    }
    l->left--;
}

FIX_TEST(never_two_on_one_block)
{
    struct load l = {.f = f, .left = FIBERS};
    for (unsigned i = 0; i < FIBERS; i++)
        fiber_start(random_holder, &l, "holder");
    while (l.left != 0)
        fix_settle();
    EXPECT_EQ(f, l.rounds, FIBERS * 200);
    EXPECT(f, lu_ranges_idle(f->lu));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disjoint),
        cmocka_unit_test(test_overlap_waits),
        cmocka_unit_test(test_fair),
        cmocka_unit_test(test_empty_range_never_waits),
        cmocka_unit_test(test_cancelled_lets_others_go),
        cmocka_unit_test(test_never_two_on_one_block),
    };
    return cmocka_run_group_tests_name("scsi/range", tests, NULL, NULL);
}
