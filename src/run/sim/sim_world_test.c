/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests record in fibers and assert outside: cmocka leaves by longjmp. */
#include "run/file.h"
#include "run/sim/sim.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
    struct run *run;
    struct file *file;
    void (*body)(struct scene *s);
    int r;
    unsigned n;
    uint8_t bytes[1024];
};

static void scene_main(void *arg)
{
    struct scene *s = arg;
    s->body(s);
    run_stop(s->run);
}

static struct run *world(uint64_t seed, struct sim_disks *d)
{
    struct sim_config cfg = sim_config_default(seed);
    struct run *run = NULL;
    assert_int_equal(run_sim_new(&cfg, &run, NULL), 0);
    if (d)
        sim_attach_disks(run, d);
    return run;
}

/* Runs body in a new world; returns its trace hash. */
static uint64_t play(struct scene *s, void (*body)(struct scene *s), uint64_t seed,
                     struct sim_disks *d)
{
    struct sim_stats st;
    s->run = world(seed, d);
    s->body = body;
    run_loop(s->run, scene_main, s);
    sim_stats(s->run, &st);
    run_free(s->run);
    return st.trace_hash;
}

static void must_open(struct scene *s, const char *path, bool create)
{
    struct file_opts o = {.mode = FILE_RDWR, .create = create};
    s->r = file_open(path, &o, &s->file, NULL);
}

/* ---- replay ------------------------------------------------------------------------------ */

static void add_one(void *arg)
{
    unsigned *n = arg;
    fiber_sleep_until(run_now() + 1000, NULL);
    ++*n;
}

static void busy_worker(void *arg)
{
    struct scene *s = arg;
    char path[16];
    snprintf(path, sizeof(path), "/f%u", s->n++);
    struct file_opts o = {.mode = FILE_RDWR, .create = true};
    struct file *f;
    if (file_open(path, &o, &f, NULL) < 0)
        return;
    for (unsigned i = 0; i < 20; i++) {
        file_pwrite(f, sim_random_below(s->run, 64) * 512, s->bytes, 512);
        file_flush(f);
        call_on(run_reactor(s->run, 1), add_one, &s->n);
    }
    file_close(f);
}

static void busy_body(struct scene *s)
{
    for (unsigned i = 0; i < 4; i++)
        start_on(run_reactor(s->run, i % 2), busy_worker, s, "worker");
    while (s->n < 84)
        fiber_sleep_until(run_now() + NS_PER_MS, NULL);
}

static void test_equal_seeds_replay_exactly(void **state)
{
    (void)state;
    uint64_t h[3];
    for (unsigned i = 0; i < 3; i++) {
        struct scene s = {0};
        h[i] = play(&s, busy_body, i < 2 ? 7 : 8, NULL);
    }
    assert_true(h[0] == h[1]);
    assert_true(h[0] != h[2]);
}

/* ---- messages ---------------------------------------------------------------------------- */

struct numbered {
    struct msg m;
    struct scene *s;
    unsigned number;
};

static void number_arrives(struct msg *m)
{
    struct numbered *n = container_of(m, struct numbered, m);
    if (n->number != n->s->n++)
        n->s->r = -1;
}

static void order_body(struct scene *s)
{
    static struct numbered out[100];
    uint64_t start = run_now();
    for (unsigned i = 0; i < ARRAY_LEN(out); i++) {
        out[i] = (struct numbered){{.fn = number_arrives}, s, i};
        reactor_post(run_reactor(s->run, 1), &out[i].m);
        if (i % 10 == 0)
            fiber_yield();
    }
    while (s->n < ARRAY_LEN(out) && run_now() < start + NS_PER_SEC)
        fiber_yield();
}

static void test_messages_keep_their_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct scene s = {0};
        play(&s, order_body, seed, NULL);
        assert_int_equal(s.n, 100);
        assert_int_equal(s.r, 0);
    }
}

/* ---- files and power --------------------------------------------------------------------- */

static void write_then_cut(struct scene *s)
{
    must_open(s, "/vol", true);
    memset(s->bytes, 1, sizeof(s->bytes));
    file_pwrite(s->file, 0, s->bytes, sizeof(s->bytes));
    file_flush(s->file);
    memset(s->bytes, 2, sizeof(s->bytes));
    file_pwrite(s->file, 0, s->bytes, sizeof(s->bytes));
    sim_power_cut(s->run, SIM_CUT_NONE);
    s->n = 1;
    file_flush(s->file); /* never comes back */
    s->n = 2;
}

static void read_back(struct scene *s)
{
    must_open(s, "/vol", false);
    if (s->r == 0)
        s->r = file_pread(s->file, 0, s->bytes, sizeof(s->bytes));
}

static void test_flushed_data_survive_a_power_cut(void **state)
{
    (void)state;
    struct sim_disks *d = sim_disks_new();
    struct scene s = {0};
    play(&s, write_then_cut, 3, d);
    assert_int_equal(s.n, 1);
    play(&s, read_back, 4, d);
    assert_int_equal(s.r, 0);
    assert_int_equal(s.bytes[0], 1);
    assert_int_equal(s.bytes[sizeof(s.bytes) - 1], 1);
    sim_disks_free(d);
}

static void lone_writer(void *arg)
{
    struct scene *s = arg;
    memset(s->bytes, 5, sizeof(s->bytes));
    file_pwrite(s->file, 0, s->bytes, sizeof(s->bytes));
}

static void cut_in_flight(struct scene *s)
{
    must_open(s, "/vol", true);
    file_flush(s->file);
    fiber_start(lone_writer, s, "writer");
    fiber_yield();
    sim_power_cut(s->run, SIM_CUT_ALL);
}

static void test_write_in_flight_may_land_or_not(void **state)
{
    (void)state;
    unsigned landed = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sim_disks *d = sim_disks_new();
        struct scene s = {0};
        play(&s, cut_in_flight, seed, d);
        s.bytes[0] = 0;
        play(&s, read_back, seed, d);
        assert_true(s.r == 0 || s.r == -ENODATA);
        landed += s.r == 0 && s.bytes[0] == 5;
        sim_disks_free(d);
    }
    assert_true(landed > 2 && landed < 18);
}

static void replace_and_cut(struct scene *s)
{
    s->r = file_mkdir("/etc/zsan", 0700);
    s->r |= file_replace("/etc/zsan/conf", "one", 3, 0600, NULL);
    s->r |= file_replace("/etc/zsan/conf", "two!", 4, 0600, NULL);
    sim_power_cut(s->run, SIM_CUT_NONE);
}

static void slurp_it(struct scene *s)
{
    char *text = NULL;
    size_t len = 0;
    s->r = file_slurp("/etc/zsan/conf", 100, &text, &len);
    if (s->r == 0)
        memcpy(s->bytes, text, len + 1);
    free(text);
}

static void test_replaced_file_survives_at_once(void **state)
{
    (void)state;
    struct sim_disks *d = sim_disks_new();
    struct scene s = {0};
    play(&s, replace_and_cut, 1, d);
    assert_int_equal(s.r, 0);
    play(&s, slurp_it, 2, d);
    assert_int_equal(s.r, 0);
    assert_string_equal((char *)s.bytes, "two!");
    sim_disks_free(d);
}

static void cut_soon(struct timer *t)
{
    (void)t;
    sim_power_cut(reactor_run(reactor_self()), SIM_CUT_SUBSET);
}

static void replace_until_cut(struct scene *s)
{
    static struct timer t;
    file_mkdir("/etc/zsan", 0700);
    file_replace("/etc/zsan/conf", "0", 1, 0600, NULL);
    timer_init(&t, cut_soon);
    timer_arm(&t, run_now() + 20 * NS_PER_MS);
    for (s->n = 1;; s->n++) {
        char text[16];
        snprintf(text, sizeof(text), "%u", s->n);
        file_replace("/etc/zsan/conf", text, strlen(text), 0600, NULL);
    }
}

static void test_cut_within_replace_leaves_old_or_new(void **state)
{
    (void)state;
    unsigned old = 0, new = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct sim_disks *d = sim_disks_new();
        struct scene s = {0};
        play(&s, replace_until_cut, seed, d);
        unsigned at_work = s.n;
        play(&s, slurp_it, seed, d);
        assert_int_equal(s.r, 0);
        unsigned found = (unsigned)strtoul((char *)s.bytes, NULL, 10);
        assert_true(found == at_work || found == at_work - 1);
        old += found != at_work;
        new += found == at_work;
        sim_disks_free(d);
    }
    assert_true(old > 0 && new > 0);
}

static void limits_body(struct scene *s)
{
    must_open(s, "/vol", true);
    s->bytes[0] = file_pread(s->file, 0, s->bytes + 1, 1) == -ENODATA;
    file_resize(s->file, 4ull << 30);
    s->bytes[1] = file_pread(s->file, 1ull << 30, s->bytes + 2, 1) == 0 && s->bytes[2] == 0;
    uint64_t len;
    bool data;
    file_pwrite(s->file, 8192, s->bytes, 512);
    file_extent(s->file, 0, 1 << 20, &len, &data);
    s->bytes[2] = len == 8192 && !data;
    file_extent(s->file, 8192 + 512, 1 << 20, &len, &data);
    s->bytes[3] = len == 4096 - 512 && data;
    file_allocated(s->file, &len);
    s->bytes[4] = len == 4096;
    file_discard(s->file, 0, 1 << 20);
    file_allocated(s->file, &len);
    s->bytes[5] = len == 0;
    s->bytes[6] = file_zero(s->file, 0, 2ull << 30, false) == -ENOSPC;
    struct file_opts excl = {.mode = FILE_RDWR, .exclusive = true};
    struct file *a, *b;
    s->bytes[7] = file_open("/vol", &excl, &a, NULL) == 0;
    s->bytes[8] = file_open("/vol", &excl, &b, NULL) == -EBUSY;
}

static void test_ends_holes_space_and_locks(void **state)
{
    (void)state;
    struct scene s = {0};
    play(&s, limits_body, 1, NULL);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(s.bytes[i], 1);
}

static void faults_body(struct scene *s)
{
    must_open(s, "/vol", true);
    file_resize(s->file, 1 << 20);
    sim_fail_reads(s->run, "/vol", 1, EIO);
    s->bytes[0] = file_pread(s->file, 0, s->bytes + 9, 1) == -EIO;
    sim_fail_reads(s->run, "/vol", 0, EIO);
    s->bytes[1] = file_pread(s->file, 0, s->bytes + 9, 1) == 0;
    sim_fail_writes(s->run, "/vol", 2, ENOSPC);
    for (unsigned i = 0; i < 40; i++)
        s->n += file_pwrite(s->file, 0, s->bytes, 512) == -ENOSPC;
    uint64_t later = run_now() + NS_PER_SEC;
    sim_stall_disk(s->run, "/vol", later);
    file_pread(s->file, 0, s->bytes + 9, 1);
    s->bytes[2] = run_now() >= later;
    file_pwrite(s->file, 4096, s->bytes, 512);
    sim_rot(s->run, "/vol", 4096, 512);
    file_pread(s->file, 4096, s->bytes + 512, 512);
    s->bytes[5] = memcmp(s->bytes, s->bytes + 512, 512) != 0;
    sim_fail_flush(s->run, "/vol", 1, EIO);
    s->bytes[3] = file_flush(s->file) == -EIO;
    sim_fail_flush(s->run, "/vol", 0, EIO);
    s->bytes[4] = file_flush(s->file) == -EIO; /* poisoned until it is opened anew */
}

static void test_faults_on_order(void **state)
{
    (void)state;
    struct scene s = {0};
    play(&s, faults_body, 1, NULL);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(s.bytes[i], 1);
    assert_true(s.n > 5 && s.n < 35);
}

static void unplug_body(struct scene *s)
{
    must_open(s, "/vol", true);
    file_pwrite(s->file, 0, "kept", 4);
    file_flush(s->file);
    for (uint64_t at = 512; at < 64 * 512; at += 512)
        file_pwrite(s->file, at, "cached", 6);
    sim_unplug(s->run, "/vol");
    s->bytes[0] = file_pread(s->file, 0, s->bytes + 64, 4) == -ENXIO;
    s->bytes[1] = file_pwrite(s->file, 0, "lost", 4) == -ENXIO;
    s->bytes[2] = file_flush(s->file) == -ENXIO;
    struct file_opts opts = {.mode = FILE_RDWR};
    struct file *again;
    s->bytes[3] = file_open("/vol", &opts, &again, NULL) == -ENXIO;
    sim_plug(s->run, "/vol");
    s->bytes[4] = file_pread(s->file, 0, s->bytes + 64, 4) == -ENXIO;
    s->bytes[5] = file_open("/vol", &opts, &again, NULL) == 0 &&
                  file_pread(again, 0, s->bytes + 64, 4) == 0 &&
                  memcmp(s->bytes + 64, "kept", 4) == 0;
    for (uint64_t at = 512; at < 64 * 512 && at + 6 <= file_info(again)->size; at += 512)
        s->n += file_pread(again, at, s->bytes + 64, 6) == 0 &&
                memcmp(s->bytes + 64, "cached", 6) == 0;
    file_close(again);
}

static void test_a_device_is_pulled_out_and_put_back(void **state)
{
    (void)state;
    struct scene s = {0};
    play(&s, unplug_body, 1, NULL);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(s.bytes[i], 1);
    assert_true(s.n > 5 && s.n < 58);
}

/* ---- what the watchdogs catch ------------------------------------------------------------ */

static void deadlock_body(struct scene *s)
{
    struct waitq q;
    (void)s;
    waitq_init(&q);
    waitq_wait(&q, NO_DEADLINE, NULL);
}

static void endless_body(struct scene *s)
{
    (void)s;
    for (;;)
        fiber_yield();
}

static void hog_body(struct scene *s)
{
    (void)s;
    for (;;)
        run_now_precise();
}

/* What a child that runs body prints before it aborts. */
static void last_words(void (*body)(struct scene *s), char *ret_text, size_t cap)
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct scene s = {.body = body};
        struct sim_config cfg = sim_config_default(99);
        cfg.max_turns = 10000;
        dup2(fd[1], 2);
        if (run_sim_new(&cfg, &s.run, NULL) == 0)
            run_loop(s.run, scene_main, &s);
        _exit(0);
    }
    close(fd[1]);
    size_t len = 0;
    ssize_t n;
    while (len < cap - 1 && (n = read(fd[0], ret_text + len, cap - 1 - len)) > 0)
        len += (size_t)n;
    ret_text[len] = 0;
    close(fd[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void test_watchdogs_name_seed_and_fiber(void **state)
{
    (void)state;
    static const struct {
        void (*body)(struct scene *s);
        const char *words[3];
    } rows[] = {
        {deadlock_body, {"seed 99", "deadlock", "reactor 0: main (parked)"}      },
        {endless_body,  {"seed 99", "comes to no end", "reactor 0: main (ready)"}},
        {hog_body,      {"seed 99", "main ran on", "reactor 0: main (running)"}  },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];
        last_words(rows[i].body, text, sizeof(text));
        for (size_t k = 0; k < 3; k++)
            assert_non_null(strstr(text, rows[i].words[k]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_seeds_replay_exactly),
        cmocka_unit_test(test_messages_keep_their_order),
        cmocka_unit_test(test_flushed_data_survive_a_power_cut),
        cmocka_unit_test(test_write_in_flight_may_land_or_not),
        cmocka_unit_test(test_replaced_file_survives_at_once),
        cmocka_unit_test(test_cut_within_replace_leaves_old_or_new),
        cmocka_unit_test(test_ends_holes_space_and_locks),
        cmocka_unit_test(test_faults_on_order),
        cmocka_unit_test(test_a_device_is_pulled_out_and_put_back),
        cmocka_unit_test(test_watchdogs_name_seed_and_fiber),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
