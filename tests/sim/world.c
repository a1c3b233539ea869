/* SPDX-License-Identifier: BSD-2-Clause */
/* One world: the target comes up, the initiators work while things break, and it ends in
 * order or by a power cut. */
#include "story.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- chance ------------------------------------------------------------------------------ */

uint64_t draw(struct story *st, uint64_t n)
{
    return sim_rand_below(&st->rand, n);
}

bool one_in(struct story *st, uint64_t n)
{
    return sim_rand_one_in(&st->rand, n);
}

void nap(struct story *st, uint64_t max_ns)
{
    fiber_sleep_until(run_now() + draw(st, max_ns), NULL);
}

/* ---- the initiators' reactor ------------------------------------------------------------- */

/* The last trouble may still cost a connection or two. */
static void verify(struct story *st)
{
    struct actor *a = st->actor[0];
    bool up = false;
    st->closing = false;
    for (unsigned tries = 0; !up; tries++) {
        if (tries > 5)
            story_fail("connections are lost though nothing is wrong any more");
        struct ini *i = actor_enter(a);
        op_verify_all(a, i);
        up = ini_up(i);
        actor_leave(a);
    }
    st->closing = true;
}

static void part_all(struct story *st)
{
    for (unsigned k = 0; k < st->nactors; k++) {
        if (st->actor[k]->ini)
            ini_logout(st->actor[k]->ini);
        st->actor[k]->ini = NULL;
    }
}

/* Returns when all went home; in a world that ends by a power cut, never. */
static void initiators(void *arg)
{
    struct story *st = arg;
    waitgroup_init(&st->actors);
    waitgroup_init(&st->others);
    waitgroup_add(&st->others, 2);
    waitgroup_add(&st->actors, st->nactors);
    for (unsigned k = 0; k < st->nactors; k++) {
        st->actor[k] = calloc(1, sizeof(struct actor));
        check(st->actor[k]);
        actor_params(st, st->actor[k], k);
        check(fiber_start(actor_run, st->actor[k], "actor"));
    }
    check(fiber_start(chaos_run, st, "chaos"));
    check(fiber_start(reservations_run, st, "reservations"));
    waitgroup_wait(&st->actors);
    if (!st->last) /* the chaos cuts the power */
        waitgroup_wait(&st->others);
    st->closing = true;
    waitgroup_wait(&st->others);
    verify(st);
    part_all(st);
}

static void world_main(void *arg)
{
    struct story *st = arg;
    st->target = target_up(st);
    call_on(run_reactor(st->run, st->reactors - 1), initiators, st);
    target_down(st->target);
    run_stop(st->run);
}

/* ---- from outside ------------------------------------------------------------------------ */

static struct sim_config world_config(struct story *st)
{
    struct sim_config cfg = sim_config_default(st->seed * 64 + st->world);
    cfg.reactors = st->reactors;
    cfg.dio_align = st->disk_align;
    cfg.buf_budget = 1ull << (20 + draw(st, 6));
    cfg.net_segment_max = one_in(st, 4) ? 100 : 16384;
    cfg.net_window = (uint32_t)(8192 << draw(st, 5));
    cfg.net_delay_max_ns = one_in(st, 4) ? 5 * NS_PER_MS : 300 * NS_PER_US;
    return cfg;
}

static void count_world(struct story *st)
{
    struct sim_stats s;
    sim_stats(st->run, &s);
    st->n.worlds++;
    st->n.torn_writes += s.torn_writes;
    st->n.sectors_lost += s.lost_sectors;
    st->n.sectors_kept += s.kept_sectors;
    st->n.resets += s.resets;
    st->n.silent_resets += s.silent_resets;
    st->n.disk_errors += s.errors_injected;
    st->trace_hash = sim_hash(st->trace_hash, s.trace_hash);
}

static void print_event(void *arg, uint64_t now, const char *what, uint64_t a, uint64_t b)
{
    const struct story *st = arg;
    printf("%u %12" PRIu64 " %s %" PRIu64 " %" PRIu64 "\n", st->world, now, what, a, b);
}

void world_play(struct story *st, bool last)
{
    struct sim_config cfg = world_config(st);
    struct err err = {0};
    st->last = last;
    st->quiet_until = st->net_calm_from = 0;
    st->closing = st->disk_faults = st->name_faults = st->hurry = false;
    if (run_sim_new(&cfg, &st->run, &err) < 0)
        story_fail("no world: %s", err.msg);
    sim_attach_disks(st->run, st->disks);
    if (st->trace)
        sim_set_trace(st->run, print_event, st);
    run_loop(st->run, world_main, st);
    count_world(st);
    for (unsigned k = 0; k < DATA_LUNS; k++)
        model_power_cut(st->model[k]);
    for (unsigned k = 0; k < NCOUNTERS; k++)
        counter_power_cut(st->counter[k]);
    run_free(st->run);
    st->run = NULL;
}

struct story *story_new(uint64_t seed, bool trace)
{
    struct story *st = calloc(1, sizeof(*st));
    check(st);
    st->seed = seed;
    st->trace = trace;
    sim_rand_seed(&st->rand, seed, 100);
    st->block_size = one_in(st, 3) ? 4096 : 512;
    st->disk_align = one_in(st, 2) ? 4096 : 512;
    st->nactors = (unsigned)(2 + draw(st, ACTORS_MAX - 1));
    st->reactors = (unsigned)(2 + draw(st, 2));
    st->chap = one_in(st, 2);
    st->write_back = one_in(st, 2);
    st->disks = sim_disks_new();
    for (unsigned k = 0; k < DATA_LUNS; k++)
        st->model[k] =
            model_new(k ? "LUN 1" : "LUN 0", (uint64_t)NBLOCKS * st->block_size / MODEL_SECTOR,
                      k == 1 && st->write_back);
    for (unsigned k = 0; k < NCOUNTERS; k++)
        st->counter[k] = counter_new(k, st->block_size);
    st->pr = reservations_new();
    return st;
}

void story_play(struct story *st)
{
    unsigned worlds = (unsigned)(3 + draw(st, 2));
    for (st->world = 0; st->world < worlds; st->world++) {
        st->ops_left = 140 + draw(st, 80);
        world_play(st, st->world == worlds - 1);
    }
    for (unsigned k = 0; k < DATA_LUNS; k++)
        st->n.sectors_checked += model_counts(st->model[k])->sectors_checked;
}
