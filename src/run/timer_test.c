/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer heap against a sorted array, and what timers promise to a turn. */
#include "run/test_world.h"

enum { TIMERS = 300, STEPS = 20000 };

struct model {
    struct timer timers[TIMERS];
    uint64_t due[TIMERS]; /* 0: not armed */
    unsigned fired, wrong;
    uint64_t seed;
};

static struct model the_model; /* too large for a stack */

static uint64_t next_random(struct model *m)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return m->seed;
}

static uint64_t earliest(const struct model *m)
{
    uint64_t at = NO_DEADLINE;
    for (int i = 0; i < TIMERS; i++)
        if (m->due[i] != 0)
            at = MIN(at, m->due[i]);
    return at;
}

static void on_timer(struct timer *t)
{
    struct model *m = &the_model;
    size_t i = (size_t)(t - m->timers);
    bool ok =
        m->due[i] != 0 && m->due[i] == earliest(m) && m->due[i] <= run_now() && !timer_armed(t);
    m->wrong += !ok;
    m->due[i] = 0;
    m->fired++;
}

static void step(struct model *m)
{
    size_t i = next_random(m) % TIMERS;
    if (next_random(m) % 3 == 0) {
        timer_cancel(&m->timers[i]);
        m->due[i] = 0;
    } else {
        m->due[i] = run_now() + 1 + next_random(m) % 5000;
        timer_arm(&m->timers[i], m->due[i]);
    }
    m->wrong += reactor_next_deadline(reactor_self()) != earliest(m);
    if (next_random(m) % 8 == 0)
        fiber_sleep_until(run_now() + next_random(m) % 400, NULL);
}

static void arm_and_cancel(void *arg)
{
    struct model *m = arg;
    for (int i = 0; i < TIMERS; i++)
        timer_init(&m->timers[i], on_timer);
    for (int i = 0; i < STEPS; i++)
        step(m);
    fiber_sleep_until(run_now() + 6000, NULL);
    m->wrong += earliest(m) != NO_DEADLINE;
}

static void test_heap_agrees_with_a_sorted_list(void **state)
{
    (void)state;
    const struct run_config cfg = {0};
    the_model.seed = 0x9e3779b97f4a7c15;
    test_run(&cfg, arm_and_cancel, &the_model);
    assert_int_equal(the_model.wrong, 0);
    assert_in_range(the_model.fired, 1000, STEPS);
}

/* ---- a timer that re-arms itself in the past --------------------------------------------- */

struct restless {
    struct timer t;
    unsigned fired;
    uint64_t turn, same_turn;
};

static void fire_again(struct timer *t)
{
    struct restless *r = container_of(t, struct restless, t);
    uint64_t turn = reactor_self()->stats.turns;
    r->same_turn += turn == r->turn;
    r->turn = turn;
    if (++r->fired < 10)
        timer_arm(t, 1);
}

static void start_restless(void *arg)
{
    struct restless *r = arg;
    timer_init(&r->t, fire_again);
    timer_arm(&r->t, 0);
    fiber_sleep_until(run_deadline_ms(1), NULL);
}

static void test_past_deadline_fires_once_per_turn(void **state)
{
    (void)state;
    struct restless r = {0};
    const struct run_config cfg = {0};
    test_run(&cfg, start_restless, &r);
    assert_int_equal(r.fired, 10);
    assert_int_equal(r.same_turn, 0);
}

static void arm_never(void *arg)
{
    struct restless *r = arg;
    timer_init(&r->t, fire_again);
    timer_arm(&r->t, run_deadline_ms(5));
    timer_arm(&r->t, NO_DEADLINE);
    r->turn = timer_armed(&r->t);
    fiber_sleep_until(run_deadline_ms(10), NULL);
}

static void test_no_deadline_disarms(void **state)
{
    (void)state;
    struct restless r = {0};
    const struct run_config cfg = {0};
    test_run(&cfg, arm_never, &r);
    assert_int_equal(r.turn, 0);
    assert_int_equal(r.fired, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_agrees_with_a_sorted_list),
        cmocka_unit_test(test_past_deadline_fires_once_per_turn),
        cmocka_unit_test(test_no_deadline_disarms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
