/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For unit tests whose subject parks: the test body runs as a fiber of a world, notes the first
 * expectation that fails, and the failure is raised outside of the fiber (cmocka leaves a
 * failed test by longjmp, which must not cross stacks).
 */
#ifndef VOLUME_EXPECT_H
#define VOLUME_EXPECT_H

#include "run/run.h"
#include "run/sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct expect {
    void (*body)(struct expect *e);
    void *arg;
    const char *failed; /* the expression, NULL: none */
    intmax_t got, want;
    int line;
    unsigned checks; /* that held */
};

static inline void expect_note(struct expect *e, const char *expr, intmax_t got, intmax_t want,
                               int line)
{
    e->checks += got == want;
    if (got == want || e->failed)
        return;
    e->failed = expr;
    e->got = got;
    e->want = want;
    e->line = line;
}
#define EXPECT_EQ(e, got, want)                                                                \
    expect_note(e, #got " == " #want, (intmax_t)(got), (intmax_t)(want), __LINE__)
#define EXPECT(e, cond) expect_note(e, #cond, !!(cond), 1, __LINE__)

static inline void expect_main(void *arg)
{
    struct expect *e = arg;
    e->body(e);
    run_stop(reactor_run(reactor_self()));
}

/* Runs the body in the world, frees the world, raises what failed. */
static inline void expect_in(struct run *run, void (*body)(struct expect *e), void *arg)
{
    struct expect e = {.body = body, .arg = arg};
    run_loop(run, expect_main, &e);
    run_free(run);
    if (e.failed)
        fail_msg("line %d: %s (%jd, %jd)", e.line, e.failed, e.got, e.want);
    assert_true(e.checks > 0);
}

static inline struct run *expect_sim(uint64_t seed)
{
    struct run *run = NULL;
    struct err err = {0};
    struct sim_config cfg = sim_config_default(seed);
    if (run_sim_new(&cfg, &run, &err) != 0)
        fail_msg("%s", err.msg);
    return run;
}

static inline struct run *expect_real(void)
{
    struct run *run = NULL;
    struct err err = {0};
    const struct run_config cfg = {.reactors = 1, .buf_budget = 256u << 20, .max_fibers = 256};
    if (run_real_new(&cfg, &run, &err) != 0)
        fail_msg("%s", err.msg);
    return run;
}

#endif
