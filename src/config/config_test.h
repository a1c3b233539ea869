/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the store run in a simulated world, whose disks forget what was not flushed. A
 * test's steps run in a fiber and record what they saw; the assertions stand outside, for
 * cmocka leaves a failed test by longjmp().
 */
#ifndef CONFIG_CONFIG_TEST_H
#define CONFIG_CONFIG_TEST_H

#include "config/config_edit.h"
#include "config/store_int.h"
#include "run/file.h"
#include "run/sim/sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST_DIR "/state/config"

/* Runs fn(arg) as the main fiber of a world on these disks; fn ends with run_stop() or a power
 * cut. */
static inline void in_world(struct sim_disks *disks, uint64_t seed, void (*fn)(void *),
                            void *arg)
{
    struct sim_config cfg = sim_config_default(seed);
    struct run *run = NULL;
    struct err err = {.code = 0};
    if (run_sim_new(&cfg, &run, &err) < 0)
        fail_msg("%s", err.msg);
    sim_attach_disks(run, disks);
    run_loop(run, fn, arg);
    run_free(run);
}

static inline void world_end(void)
{
    run_stop(reactor_run(reactor_self()));
}

#endif
