/* SPDX-License-Identifier: BSD-2-Clause */
/* Fibers, what they wait on, and calls between reactors. Linked twice: with the switch in
 * assembly and with ucontext. */
#include "run/test_world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct run_config defaults = {0};

/* What happened, in order, as a string of letters. */
struct trace {
    char s[256];
    size_t n;
    struct waitq q;
    struct cancel c;
    struct fmutex m;
    struct waitgroup g;
    int rc[4];
    uint64_t at;
};

static void mark(struct trace *t, char c)
{
    if (t->n < sizeof(t->s) - 1)
        t->s[t->n++] = c;
}

static struct reactor_stats run_trace(void (*fn)(void *), struct trace *t)
{
    memset(t, 0, sizeof(*t));
    return test_run(&defaults, fn, t);
}

/* ---- order ------------------------------------------------------------------------------- */

static void yield_twice_a(void *arg)
{
    mark(arg, 'a');
    fiber_yield();
    mark(arg, 'b');
    fiber_yield();
    mark(arg, 'c');
}

static void yield_once_x(void *arg)
{
    mark(arg, 'x');
    fiber_yield();
    mark(arg, 'y');
}

static void start_two(void *arg)
{
    fiber_start(yield_twice_a, arg, "a");
    fiber_start(yield_once_x, arg, "x");
    mark(arg, 'm');
}

static void test_fibers_run_in_the_order_they_became_ready(void **state)
{
    (void)state;
    struct trace t;
    struct reactor_stats st = run_trace(start_two, &t);
    assert_string_equal(t.s, "maxbyc");
    assert_int_equal(st.fibers_started, 3);
    assert_int_equal(st.fibers_live, 0);
    assert_int_equal(st.fibers_peak, 3);
}

static void nap(void *arg)
{
    struct trace *t = arg;
    uint64_t before = run_now();
    t->rc[0] = fiber_sleep_until(before + 5 * NS_PER_MS, NULL);
    t->at = run_now() - before;
}

static void test_sleep_ends_at_its_deadline(void **state)
{
    (void)state;
    struct trace t;
    run_trace(nap, &t);
    assert_int_equal(t.rc[0], 0);
    assert_int_equal(t.at, 5 * NS_PER_MS);
}

/* ---- registers and floating point survive a switch --------------------------------------- */

struct sums {
    uint64_t integer;
    double real;
};

static void add_up(void *arg)
{
    struct sums *s = arg;
    uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
    double x = 0.5, y = 0.25;
    for (int i = 0; i < 100; i++) {
        fiber_yield();
        a += b, b += c, c += d, d += e, e += f, f += 7;
        x += y, y *= 1.0625;
    }
    s->integer = a ^ b ^ c ^ d ^ e ^ f;
    s->real = x;
}

static void add_up_three_times(void *arg)
{
    struct sums *s = arg;
    for (int i = 0; i < 3; i++)
        fiber_start(add_up, &s[i], "add_up");
}

static void test_values_survive_switches(void **state)
{
    (void)state;
    struct sums s[3] = {{0}};
    test_run(&defaults, add_up_three_times, s);
    assert_true(s[0].integer != 0 && s[0].integer == s[1].integer &&
                s[1].integer == s[2].integer);
    assert_true(s[0].real > 0.5 && s[0].real <= s[1].real && s[1].real <= s[2].real &&
                s[2].real <= s[0].real);
}

/* ---- waiting ----------------------------------------------------------------------------- */

static void wait_long(void *arg)
{
    struct trace *t = arg;
    t->rc[0] = waitq_wait(&t->q, NO_DEADLINE, NULL);
    mark(t, '0');
}

static void wait_1ms(void *arg)
{
    struct trace *t = arg;
    t->rc[1] = waitq_wait(&t->q, run_deadline_ms(1), NULL);
    mark(t, '1');
}

static void wait_token(void *arg)
{
    struct trace *t = arg;
    t->rc[2] = waitq_wait(&t->q, run_deadline_ms(50), &t->c);
    mark(t, '2');
    t->rc[3] = waitq_wait(&t->q, NO_DEADLINE, &t->c); /* a fired token stays fired */
}

static void wait_all_ways(void *arg)
{
    struct trace *t = arg;
    waitq_init(&t->q);
    cancel_init(&t->c);
    fiber_start(wait_1ms, t, "1");
    fiber_start(wait_long, t, "0");
    fiber_start(wait_token, t, "2");
    fiber_sleep_until(run_deadline_ms(10), NULL);
    cancel_fire(&t->c);
    fiber_yield();
    mark(t, waitq_wake_one(&t->q) ? 'w' : '-');
    fiber_yield();
    mark(t, waitq_wake_one(&t->q) ? 'w' : '-');
}

static void test_wait_ends_by_wake_deadline_or_token(void **state)
{
    (void)state;
    struct trace t;
    run_trace(wait_all_ways, &t);
    assert_string_equal(t.s, "12w0-");
    assert_int_equal(t.rc[0], 0);
    assert_int_equal(t.rc[1], -ETIMEDOUT);
    assert_int_equal(t.rc[2], -ECANCELED);
    assert_int_equal(t.rc[3], -ECANCELED);
}

static void lock_and_sleep(struct trace *t, char in, char out)
{
    fmutex_lock(&t->m);
    mark(t, in);
    fiber_sleep_until(run_deadline_ms(1), NULL);
    mark(t, out);
    fmutex_unlock(&t->m);
}

static void locker_a(void *arg)
{
    lock_and_sleep(arg, 'a', 'A');
    lock_and_sleep(arg, 'd', 'D');
    waitgroup_done(&((struct trace *)arg)->g);
}

static void locker_b(void *arg)
{
    lock_and_sleep(arg, 'b', 'B');
    waitgroup_done(&((struct trace *)arg)->g);
}

static void locker_c(void *arg)
{
    lock_and_sleep(arg, 'c', 'C');
    waitgroup_done(&((struct trace *)arg)->g);
}

static void lock_in_three(void *arg)
{
    struct trace *t = arg;
    fmutex_init(&t->m);
    waitgroup_init(&t->g);
    waitgroup_add(&t->g, 3);
    fiber_start(locker_a, t, "a");
    fiber_start(locker_b, t, "b");
    fiber_start(locker_c, t, "c");
    waitgroup_wait(&t->g);
    mark(t, '.');
}

static void test_mutex_is_fair_and_group_waits_for_all(void **state)
{
    (void)state;
    struct trace t;
    run_trace(lock_in_three, &t);
    assert_string_equal(t.s, "aAbBcCdD.");
}

/* ---- budget ------------------------------------------------------------------------------ */

struct budget {
    unsigned started, refused, again;
    struct waitq q;
};

static void sit(void *arg)
{
    struct budget *b = arg;
    waitq_wait(&b->q, NO_DEADLINE, NULL);
}

static void use_up(void *arg)
{
    struct budget *b = arg;
    waitq_init(&b->q);
    for (int i = 0; i < 20; i++)
        *(fiber_start(sit, b, "sit") ? &b->started : &b->refused) += 1;
    fiber_yield();
    waitq_wake_all(&b->q);
    fiber_yield();
    fiber_yield();
    b->again = fiber_start(sit, b, "sit") != NULL;
    fiber_yield();
    waitq_wake_all(&b->q);
}

static void test_fiber_budget_is_kept_and_given_back(void **state)
{
    (void)state;
    struct budget b = {0};
    const struct run_config cfg = {.max_fibers = 8};
    test_run(&cfg, use_up, &b);
    assert_int_equal(b.started, 7); /* main is the eighth */
    assert_int_equal(b.refused, 13);
    assert_int_equal(b.again, 1);
}

/* ---- other reactors ---------------------------------------------------------------------- */

static void note_reactor(void *arg)
{
    struct trace *t = arg;
    mark(t, (char)('0' + reactor_index(reactor_self())));
    fiber_sleep_until(run_deadline_ms(3), NULL);
    mark(t, 'r');
}

static void call_around(void *arg)
{
    struct trace *t = arg;
    struct run *run = reactor_run(reactor_self());
    call_on(run_reactor(run, 1), note_reactor, t);
    mark(t, (char)('0' + reactor_index(reactor_self())));
    call_on(run_reactor(run, 0), note_reactor, t);
    t->rc[0] = start_on(run_reactor(run, 1), note_reactor, t, "note");
    mark(t, 's');
}

static void test_call_on_parks_until_it_returned_there(void **state)
{
    (void)state;
    struct trace t;
    run_trace(call_around, &t);
    assert_string_equal(t.s, "1r00rs1r");
    assert_int_equal(t.rc[0], 0);
}

static void start_many_on_other(void *arg)
{
    struct trace *t = arg;
    for (int i = 0; i < 6; i++)
        start_on(run_reactor(reactor_run(reactor_self()), 1), note_reactor, t, "note");
}

static void test_started_fibers_wait_for_the_budget_of_their_reactor(void **state)
{
    (void)state;
    struct trace t = {0};
    const struct run_config cfg = {.max_fibers = 2};
    test_run(&cfg, start_many_on_other, &t);
    assert_string_equal(t.s, "11rr11rr11rr");
}

/* ---- turn hooks -------------------------------------------------------------------------- */

struct hooked {
    struct turn_hook hook;
    struct trace *t;
};

static void at_end(struct turn_hook *h)
{
    mark(container_of(h, struct hooked, hook)->t, 'h');
}

static void queue_hook(void *arg)
{
    struct hooked *h = arg;
    list_init(&h->hook.node);
    h->hook.fn = at_end;
    for (int i = 0; i < 2; i++) {
        reactor_at_turn_end(&h->hook);
        mark(h->t, 'a');
        reactor_at_turn_end(&h->hook);
        fiber_yield();
    }
    mark(h->t, 'b');
}

static void test_hook_runs_once_at_the_end_of_each_turn_it_was_queued_in(void **state)
{
    (void)state;
    struct trace t = {0};
    struct hooked h = {.t = &t};
    test_run(&defaults, queue_hook, &h);
    assert_string_equal(t.s, "ahahb");
}

/* ---- overflow ---------------------------------------------------------------------------- */

static __attribute__((noinline)) size_t dig(volatile char *above, size_t depth)
{
    volatile char page[1024];
    page[0] = (char)depth;
    size_t below = depth == 0 ? 0 : dig(page, depth - 1);
    return below + (size_t)above[0] + (size_t)page[0];
}

static void overflow(void *arg)
{
    volatile char start = 1;
    *(size_t *)arg = dig(&start, 1 << 20);
}

static void start_overflow(void *arg)
{
    fiber_start(overflow, arg, "digger");
}

static void overflowing_child(int err_fd)
{
    dup2(err_fd, STDERR_FILENO);
    size_t sink = 0;
    test_run(&defaults, start_overflow, &sink);
    _exit(0);
}

static void test_overflow_is_fatal_and_names_the_fiber(void **state)
{
    (void)state;
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0)
        overflowing_child(fd[1]);
    close(fd[1]);
    FILE *out = fdopen(fd[0], "r");
    char line[512];
    bool named = false;
    while (fgets(line, sizeof(line), out))
        named |= strcmp(line, "stack overflow in fiber digger\n") == 0;
    fclose(out);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(named);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fibers_run_in_the_order_they_became_ready),
        cmocka_unit_test(test_sleep_ends_at_its_deadline),
        cmocka_unit_test(test_values_survive_switches),
        cmocka_unit_test(test_wait_ends_by_wake_deadline_or_token),
        cmocka_unit_test(test_mutex_is_fair_and_group_waits_for_all),
        cmocka_unit_test(test_fiber_budget_is_kept_and_given_back),
        cmocka_unit_test(test_call_on_parks_until_it_returned_there),
        cmocka_unit_test(test_started_fibers_wait_for_the_budget_of_their_reactor),
        cmocka_unit_test(test_hook_runs_once_at_the_end_of_each_turn_it_was_queued_in),
        cmocka_unit_test(test_overflow_is_fatal_and_names_the_fiber),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
