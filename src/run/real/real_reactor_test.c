/* SPDX-License-Identifier: BSD-2-Clause */
/* Reactors as threads: messages, calls, helper threads, timers, spinning, stopping. */
#include "base/check.h"
#include "run/real/real_int.h"
#include "run/real/real_test.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- messages keep their order ----------------------------------------------------------- */

enum { SENDERS = 3, PER_SENDER = 5000 };

struct numbered {
    struct msg m;
    unsigned sender, number;
};

static unsigned next_from[SENDERS]; /* on reactor 0 */
static unsigned arrived;
static struct waitq all_arrived;

static void on_numbered(struct msg *m)
{
    struct numbered *n = container_of(m, struct numbered, m);
    expect(reactor_index(reactor_self()) == 0);
    expect(n->number == next_from[n->sender]++);
    if (++arrived == SENDERS * PER_SENDER)
        waitq_wake_all(&all_arrived);
    free(n);
}

static void send_numbered(void *arg)
{
    unsigned sender = *(const unsigned *)arg;
    for (unsigned i = 0; i < PER_SENDER; i++) {
        struct numbered *n = malloc(sizeof(*n));
        *n = (struct numbered){.m.fn = on_numbered, .sender = sender, .number = i};
        reactor_post(run_reactor(this_run(), 0), &n->m);
        if (i % 64 == 0)
            fiber_yield();
    }
}

static void flood_with_messages(void)
{
    static unsigned ids[SENDERS] = {0, 1, 2};
    memset(next_from, 0, sizeof(next_from));
    arrived = 0;
    waitq_init(&all_arrived);
    for (unsigned i = 0; i < SENDERS; i++)
        expect(start_on(run_reactor(this_run(), i), send_numbered, &ids[i], "sender") == 0);
    expect(waitq_wait(&all_arrived, run_deadline_ms(10000), NULL) == 0);
}

static void test_messages_arrive_in_order_per_sender(void **state)
{
    (void)state;
    run_in_both(SENDERS, flood_with_messages);
}

/* ---- calls and buffers ------------------------------------------------------------------- */

struct shuttle {
    struct sgl s;
    unsigned calls;
    struct waitgroup g;
};

static void count_and_drop(void *arg)
{
    struct shuttle *x = arg;
    x->calls++;
    sgl_clear(&x->s);
}

static void call_there(void *arg)
{
    struct shuttle *x = arg;
    for (int i = 0; i < 200; i++) {
        sgl_init(&x->s);
        expect(sgl_alloc(&x->s, 10000) == 0);
        call_on(run_reactor(this_run(), 1), count_and_drop, x);
    }
    waitgroup_done(&x->g);
}

static void call_from_many(void)
{
    static struct shuttle x[20];
    memset(x, 0, sizeof(x));
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        waitgroup_init(&x[i].g);
        waitgroup_add(&x[i].g, 1);
        expect(fiber_start(call_there, &x[i], "shuttle") != NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        waitgroup_wait(&x[i].g);
        expect(x[i].calls == 200);
    }
    uint64_t deadline = run_deadline_ms(2000); /* the last ones are still on their way */
    while (admit_used(this_run()) > 0 && run_now() < deadline)
        fiber_sleep_until(run_deadline_ms(1), NULL);
    expect(admit_used(this_run()) == 0);
}

static void test_calls_return_and_buffers_come_home(void **state)
{
    (void)state;
    run_in_both(2, call_from_many);
}

/* ---- helper threads ---------------------------------------------------------------------- */

struct errand {
    bool on_reactor;
    unsigned ms;
    struct waitgroup *g;
};

static void sleep_there(void *arg)
{
    struct errand *e = arg;
    e->on_reactor = reactor_self() != NULL;
    usleep(e->ms * 1000);
}

static void send_errand(void *arg)
{
    struct errand *e = arg;
    if (e->ms == 100)
        run_blocking(sleep_there, e);
    else
        run_offload(sleep_there, e);
    waitgroup_done(e->g);
}

static void errands_in_parallel(void)
{
    struct errand e[9];
    struct waitgroup g;
    waitgroup_init(&g);
    waitgroup_add(&g, ARRAY_LEN(e));
    uint64_t before = run_now_precise(), turns = 0;
    for (size_t i = 0; i < ARRAY_LEN(e); i++) {
        e[i] = (struct errand){.on_reactor = true, .ms = i == 0 ? 1 : 100, .g = &g};
        fiber_start(send_errand, &e[i], "errand");
    }
    while (g.n > 0) {
        fiber_sleep_until(run_deadline_ms(1), NULL); /* the loop is free meanwhile */
        turns++;
    }
    expect(turns >= 5);
    expect(run_now_precise() - before < 700 * NS_PER_MS); /* not one after the other */
    for (size_t i = 0; i < ARRAY_LEN(e); i++)
        expect(!e[i].on_reactor);
}

static void test_blocking_work_leaves_the_loop_free(void **state)
{
    (void)state;
    run_in_both(1, errands_in_parallel);
}

enum { MEETING = 4 };
static atomic_uint met;

static void meet(void *arg)
{
    (void)arg;
    atomic_fetch_add(&met, 1);
    for (int ms = 0; ms < 10000 && atomic_load(&met) < MEETING; ms++)
        usleep(1000);
}

static void go_and_meet(void *group)
{
    run_blocking(meet, NULL);
    waitgroup_done(group);
}

/* One helper is idle and four jobs come at once: each gets a thread of its own. */
static void jobs_that_wait_for_each_other(void)
{
    struct errand first = {.ms = 0};
    struct waitgroup g;
    run_blocking(sleep_there, &first);
    fiber_sleep_until(run_deadline_ms(20), NULL); /* the helper waits for work again */
    waitgroup_init(&g);
    waitgroup_add(&g, MEETING);
    atomic_store(&met, 0);
    uint64_t before = run_now_precise();
    for (unsigned i = 0; i < MEETING; i++)
        fiber_start(go_and_meet, &g, "meeting");
    waitgroup_wait(&g);
    expect(run_now_precise() - before < 9 * NS_PER_SEC);
}

static void test_a_burst_of_jobs_gets_as_many_threads(void **state)
{
    (void)state;
    run_in_both(1, jobs_that_wait_for_each_other);
}

/* ---- time, counters, randomness ---------------------------------------------------------- */

static void look_at_time(void)
{
    uint64_t before = run_now_precise();
    for (int i = 0; i < 5; i++)
        fiber_sleep_until(run_now() + 300 * NS_PER_US, NULL);
    uint64_t took = run_now_precise() - before;
    expect(took >= 1500 * NS_PER_US && took < NS_PER_SEC);
    expect(run_wall() > 1700000000ull * NS_PER_SEC);
    uint8_t a[32] = {0}, b[32] = {0};
    run_random(a, sizeof(a));
    run_random(b, sizeof(b));
    expect(memcmp(a, b, sizeof(a)) != 0);
    struct reactor_stats st;
    reactor_stats(reactor_self(), &st);
    expect(st.turns >= 5 && st.fibers_live >= 1 && st.cpu_ns > 0);
}

static void test_time_passes(void **state)
{
    (void)state;
    run_in_both(1, look_at_time);
}

static void hog(void)
{
    uint64_t until = run_now_precise() + NS_PER_MS;
    while (run_now_precise() < until)
        ;
    fiber_yield();
    struct reactor_stats st;
    fiber_yield();
    reactor_stats(reactor_self(), &st);
    expect(st.slow_slices >= 1);
}

static void test_slow_slices_are_counted(void **state)
{
    (void)state;
    run_in_both(1, hog);
}

/* ---- spinning ---------------------------------------------------------------------------- */

static void ping_nothing(void *arg)
{
    (void)arg;
}

static void spin_then_idle(void)
{
    struct reactor_stats busy, idle;
    for (int i = 0; i < 300; i++)
        call_on(run_reactor(this_run(), 1), ping_nothing, NULL);
    fiber_yield();
    reactor_stats(reactor_self(), &busy);
    for (int i = 0; i < 100; i++)
        fiber_sleep_until(run_deadline_ms(1), NULL);
    fiber_yield();
    reactor_stats(reactor_self(), &idle);
    expect(busy.spins > 0);
    expect(idle.spins - busy.spins < 20); /* misses make it give up */
    expect(idle.sleeps - busy.sleeps >= 90);
}

static void test_spinning_stops_when_it_misses(void **state)
{
    (void)state;
    const struct run_config cfg = {.reactors = 2, .io = RUN_IO_THREADS, .spin_us = 30};
    run_in(&cfg, spin_then_idle);
}

/* ---- a fiber that digs through its stack, on a thread of its own ------------------------- */

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
    *(volatile size_t *)arg = dig(&start, 1 << 20);
}

static void overflow_elsewhere(void)
{
    size_t sink = 0;
    expect(start_on(run_reactor(this_run(), 1), overflow, &sink, "digger") == 0);
    fiber_sleep_until(NO_DEADLINE, NULL);
}

static void test_overflow_on_any_reactor_names_the_fiber(void **state)
{
    (void)state;
    int fd[2];
    char text[512] = "";
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        const struct run_config cfg = {.reactors = 2, .io = RUN_IO_THREADS};
        dup2(fd[1], STDERR_FILENO);
        run_in(&cfg, overflow_elsewhere);
        _exit(0);
    }
    close(fd[1]);
    FILE *err = fdopen(fd[0], "r");
    bool named = false;
    while (fgets(text, sizeof(text), err))
        named |= strcmp(text, "stack overflow in fiber digger\n") == 0;
    fclose(err);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(named);
}

/* ---- stopping ---------------------------------------------------------------------------- */

static void wait_for_ever(void *arg)
{
    (void)arg;
    fiber_sleep_until(NO_DEADLINE, NULL);
}

static void *stop_later(void *arg)
{
    usleep(20000);
    run_stop(arg);
    run_stop(arg);
    return NULL;
}

static void test_another_thread_stops_sleeping_reactors(void **state)
{
    (void)state;
    const struct run_config cfg = {.reactors = 3};
    struct run *run;
    pthread_t thread;
    struct err err = {0};
    assert_int_equal(run_real_new(&cfg, &run, &err), 0);
    assert_int_equal(pthread_create(&thread, NULL, stop_later, run), 0);
    run_loop(run, wait_for_ever, NULL);
    pthread_join(thread, NULL);
    run_free(run);
}

static void test_unused_world_can_be_freed(void **state)
{
    (void)state;
    const struct run_config cfg = {.reactors = 2, .io = RUN_IO_THREADS};
    struct run *run;
    assert_int_equal(run_real_new(&cfg, &run, NULL), 0);
    assert_int_equal(run_nreactors(run), 2);
    assert_string_equal(run_io_name(run), "threads");
    run_free(run);
}

/* ---- where io_uring is forbidden --------------------------------------------------------- */

/* As a container's seccomp profile does. */
static bool forbid_io_uring(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog prog = {ARRAY_LEN(code), code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

enum { CHILD_FINE, CHILD_NO_SECCOMP, CHILD_NO_THREADS, CHILD_NOT_REFUSED };

static int world_without_io_uring(void)
{
    const struct run_config choose = {.reactors = 1},
                            demand = {.reactors = 1, .io = RUN_IO_URING};
    struct run *run;
    struct err err = {0};
    if (!forbid_io_uring())
        return CHILD_NO_SECCOMP;
    if (run_real_new(&choose, &run, NULL) < 0 || strcmp(run_io_name(run), "threads") != 0)
        return CHILD_NO_THREADS;
    run_free(run);
    int rc = run_real_new(&demand, &run, &err);
    return rc == -EPERM && strstr(err.msg, "--io threads") ? CHILD_FINE : CHILD_NOT_REFUSED;
}

static void test_threads_take_over_where_io_uring_is_refused(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(world_without_io_uring());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_NO_SECCOMP)
        skip();
    assert_int_equal(WEXITSTATUS(status), CHILD_FINE);
}

/* What a ring was not made for it refuses, whoever asks. */
static void test_a_ring_is_for_file_io_alone(void **state)
{
    (void)state;
    struct ring g = {.on = false};
    struct io_uring_cqe *cqe;
    int fd = eventfd(0, EFD_CLOEXEC);
    if (ring_init(&g) < 0)
        skip(); /* io_uring is refused here, as the test above has it */
    ring_start(&g, fd);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&g.u);
    check(sqe); /* a new ring is empty */
    io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
    assert_int_equal(io_uring_submit_and_wait(&g.u, 1), 1);
    assert_int_equal(io_uring_peek_cqe(&g.u, &cqe), 0);
    assert_int_equal(cqe->res, -EACCES);
    io_uring_cqe_seen(&g.u, cqe);
    assert_int_equal(io_uring_register_files(&g.u, &fd, 1), -EACCES);
    ring_fini(&g);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_arrive_in_order_per_sender),
        cmocka_unit_test(test_calls_return_and_buffers_come_home),
        cmocka_unit_test(test_blocking_work_leaves_the_loop_free),
        cmocka_unit_test(test_a_burst_of_jobs_gets_as_many_threads),
        cmocka_unit_test(test_time_passes),
        cmocka_unit_test(test_slow_slices_are_counted),
        cmocka_unit_test(test_spinning_stops_when_it_misses),
        cmocka_unit_test(test_overflow_on_any_reactor_names_the_fiber),
        cmocka_unit_test(test_another_thread_stops_sleeping_reactors),
        cmocka_unit_test(test_threads_take_over_where_io_uring_is_refused),
        cmocka_unit_test(test_unused_world_can_be_freed),
        cmocka_unit_test(test_a_ring_is_for_file_io_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
