/* SPDX-License-Identifier: BSD-2-Clause */
#include "store/range.h"
#include "volume/expect.h"

#define SLOTS 64

struct crowd {
    struct range_lock lock;
    struct run *run;
    struct waitgroup left;
    unsigned inside[SLOTS]; /* fibers that hold the slot */
    unsigned clashes, busiest, now;
};

static void come_and_go(void *arg)
{
    struct crowd *c = arg;
    for (int i = 0; i < 50; i++) {
        struct range_hold h;
        uint64_t off = sim_random_below(c->run, SLOTS),
                 len = 1 + sim_random_below(c->run, SLOTS - off);
        len = MIN(len, 8);
        range_take(&c->lock, &h, off, len);
        c->now++;
        c->busiest = MAX(c->busiest, c->now);
        for (uint64_t s = off; s < off + len; s++)
            c->clashes += c->inside[s]++ != 0;
        fiber_sleep_until(run_now() + sim_random_below(c->run, NS_PER_MS), NULL);
        for (uint64_t s = off; s < off + len; s++)
            c->inside[s]--;
        c->now--;
        range_drop(&c->lock, &h);
    }
    waitgroup_done(&c->left);
}

static void exclude_body(struct expect *e)
{
    struct crowd c = {.run = reactor_run(reactor_self())};
    ranges_init(&c.lock);
    waitgroup_init(&c.left);
    waitgroup_add(&c.left, 20);
    for (int i = 0; i < 20; i++)
        fiber_start(come_and_go, &c, "holder");
    waitgroup_wait(&c.left);
    EXPECT_EQ(e, c.clashes, 0);
    EXPECT(e, c.busiest > 3); /* disjoint ranges do not wait for each other */
    EXPECT(e, list_empty(&c.lock.holds));
}

static void test_overlapping_ranges_exclude_each_other(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        expect_in(expect_sim(seed), exclude_body, NULL);
}

struct queue {
    struct range_lock lock;
    struct waitgroup left;
    unsigned started, n;
    unsigned order[4];
};

/* 0 wants [0,4), 1 wants [2,8), 2 wants [6,10), 3 wants [0,2). */
static void queue_one(void *arg)
{
    static const uint64_t off[] = {0, 2, 6, 0}, len[] = {4, 6, 4, 2};
    struct queue *q = arg;
    unsigned i = q->started++;
    struct range_hold h;
    range_take(&q->lock, &h, off[i], len[i]);
    q->order[q->n++] = i;
    fiber_sleep_until(run_now() + NS_PER_MS * (10 - i), NULL);
    range_drop(&q->lock, &h);
    waitgroup_done(&q->left);
}

static void fair_body(struct expect *e)
{
    struct queue q = {0};
    ranges_init(&q.lock);
    waitgroup_init(&q.left);
    waitgroup_add(&q.left, 4);
    for (int i = 0; i < 4; i++)
        fiber_start(queue_one, &q, "queued");
    waitgroup_wait(&q.left);
    EXPECT_EQ(e, q.order[0], 0);
    EXPECT_EQ(e, q.order[3], 2); /* waits for 1, which came first, though only 0 stopped that */
}

static void test_later_ones_never_overtake_where_they_overlap(void **state)
{
    (void)state;
    expect_in(expect_sim(1), fair_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overlapping_ranges_exclude_each_other),
        cmocka_unit_test(test_later_ones_never_overtake_where_they_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
