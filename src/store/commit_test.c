/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/commit.h"
#include "volume/expect.h"

#include <errno.h>

/* A disk in numbers: a write is counted as done, and a flush makes durable what was done
 * when it was submitted. */
struct disk {
    struct commit commit;
    struct run *run;
    struct waitgroup left;
    unsigned done;       /* writes that returned */
    unsigned durable;    /* the first so many of them */
    unsigned early;      /* acknowledged without being durable */
    unsigned ok, failed; /* acknowledged */
    unsigned flushes, at_once, most_at_once;
    unsigned fail_from; /* the flush from which on all fail; 0: none */
};

static int disk_flush(void *arg)
{
    struct disk *d = arg;
    unsigned covered = d->done;
    d->flushes++;
    d->at_once++;
    d->most_at_once = MAX(d->most_at_once, d->at_once);
    fiber_sleep_until(run_now() + sim_random_below(d->run, 5 * NS_PER_MS), NULL);
    d->at_once--;
    if (d->fail_from != 0 && d->flushes >= d->fail_from)
        return -EIO;
    d->durable = covered;
    return 0;
}

static void write_and_wait(void *arg)
{
    struct disk *d = arg;
    for (int i = 0; i < 20; i++) {
        fiber_sleep_until(run_now() + sim_random_below(d->run, 3 * NS_PER_MS), NULL);
        unsigned mine = d->done++;
        int rc = commit_wait(&d->commit);
        d->ok += rc == 0;
        d->failed += rc == -EIO;
        d->early += rc == 0 && d->durable <= mine;
    }
    waitgroup_done(&d->left);
}

static void disk_init(struct disk *d)
{
    *d = (struct disk){.run = reactor_run(reactor_self())};
    commit_init(&d->commit, disk_flush, d);
    waitgroup_init(&d->left);
}

static void disk_load(struct disk *d, unsigned writers)
{
    waitgroup_add(&d->left, writers);
    for (unsigned i = 0; i < writers; i++)
        fiber_start(write_and_wait, d, "writer");
    waitgroup_wait(&d->left);
}

static void covered_body(struct expect *e)
{
    struct disk d;
    disk_init(&d);
    disk_load(&d, 32);
    EXPECT_EQ(e, d.ok, 640);
    EXPECT_EQ(e, d.early, 0);
    EXPECT_EQ(e, d.most_at_once, 1);
    EXPECT(e, d.flushes < 640 / 4); /* shared */
}

static void test_no_write_is_acknowledged_by_an_earlier_flush(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        expect_in(expect_sim(seed), covered_body, NULL);
}

static void alone_body(struct expect *e)
{
    struct disk d;
    disk_init(&d);
    disk_load(&d, 1);
    EXPECT_EQ(e, d.flushes, 20); /* nobody to share with, and no flush too many */
    EXPECT_EQ(e, d.early, 0);
}

static void test_a_single_writer_flushes_each_time(void **state)
{
    (void)state;
    expect_in(expect_sim(3), alone_body, NULL);
}

static void joiner(void *arg)
{
    struct disk *d = arg;
    d->done++;
    d->ok += commit_wait(&d->commit) == 0;
    waitgroup_done(&d->left);
}

/* Writes that complete in one turn share one flush. */
static void gather_body(struct expect *e)
{
    struct disk d;
    disk_init(&d);
    waitgroup_add(&d.left, 64);
    for (unsigned i = 0; i < 64; i++)
        fiber_start(joiner, &d, "joiner");
    waitgroup_wait(&d.left);
    EXPECT_EQ(e, d.ok, 64);
    EXPECT_EQ(e, d.flushes, 1);
}

static void test_a_turns_writes_share_one_flush(void **state)
{
    (void)state;
    expect_in(expect_sim(5), gather_body, NULL);
}

static void failed_body(struct expect *e)
{
    struct disk d;
    disk_init(&d);
    d.fail_from = 10;
    disk_load(&d, 32);
    EXPECT(e, d.ok > 0);
    EXPECT_EQ(e, d.ok + d.failed, 640);
    EXPECT_EQ(e, d.early, 0);
    EXPECT_EQ(e, d.flushes, 10); /* never tried again */
    d.fail_from = 0;
    EXPECT_EQ(e, commit_wait(&d.commit), -EIO); /* nor trusted again */
}

static void test_a_failed_flush_is_final(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        expect_in(expect_sim(seed), failed_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_write_is_acknowledged_by_an_earlier_flush),
        cmocka_unit_test(test_a_single_writer_flushes_each_time),
        cmocka_unit_test(test_a_turns_writes_share_one_flush),
        cmocka_unit_test(test_a_failed_flush_is_final),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
