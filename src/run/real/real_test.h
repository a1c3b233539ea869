/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests in the real world. The body of a test is a fiber; expect() notes a failure there and
 * the test fails when the world has ended, because cmocka's longjmp() must not leave a fiber's
 * stack.
 */
#ifndef RUN_REAL_REAL_TEST_H
#define RUN_REAL_REAL_TEST_H

#include "run/run_int.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Set by expect(), from any reactor. */
static atomic_uint test_failures;

#define expect(cond) expect_at((cond), __FILE__, __LINE__, #cond)
static inline bool expect_at(bool ok, const char *file, int line, const char *what)
{
    if (!ok && atomic_fetch_add(&test_failures, 1) < 20)
        fprintf(stderr, "# %s:%d: not so: %s\n", file, line, what);
    return ok;
}

struct test_main {
    struct run *run;
    void (*fn)(void);
};

static inline void test_main_fiber(void *arg)
{
    struct test_main *m = arg;
    m->fn();
    run_stop(m->run);
}

static inline void run_in(const struct run_config *cfg, void (*fn)(void))
{
    struct test_main m = {.fn = fn};
    struct err err = {0};
    atomic_store(&test_failures, 0);
    if (run_real_new(cfg, &m.run, &err) < 0)
        fail_msg("%s", err.msg);
    run_loop(m.run, test_main_fiber, &m);
    run_free(m.run);
    assert_int_equal(atomic_load(&test_failures), 0);
}

/* With helper threads, and with io_uring where it is to be had. */
static inline void run_in_both(unsigned reactors, void (*fn)(void))
{
    const struct run_config threads = {.reactors = reactors, .io = RUN_IO_THREADS};
    const struct run_config best = {.reactors = reactors, .io = RUN_IO_AUTO};
    run_in(&threads, fn);
    run_in(&best, fn);
}

static inline struct run *this_run(void)
{
    return reactor_run(reactor_self());
}

/* A new directory under base for one test's files. */
struct test_dir {
    char path[64];
};
static inline bool test_dir_make(struct test_dir *d, const char *base)
{
    snprintf(d->path, sizeof(d->path), "%s/zsan-run-XXXXXX", base);
    return mkdtemp(d->path) != NULL;
}
struct test_path {
    char s[128];
};
static inline struct test_path in_dir(const struct test_dir *d, const char *name)
{
    struct test_path p;
    snprintf(p.s, sizeof(p.s), "%s/%s", d->path, name);
    return p;
}

#endif
