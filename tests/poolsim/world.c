/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One world: the pool is created or imported and verified, fibers work on it, and it ends by a power cut at any moment (also
 * during the import), by pool_close() or by pool_export().
 */
#include "story.h"

#include "base/check.h"
#include "base/mutant.h"
#include "run/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPS_LEAST 220u /* in a story: worlds that end early are made up for */
#define WORLDS    5u
#define OPS       110u /* a world, about */

#define AIM_MS      1000u /* disks join and leave by then */
#define OTHER_DISKS 6u    /* that may join */

uint64_t draw(struct story *st, uint64_t n)
{
    return sim_rand_below(&st->rand, n);
}

unsigned draw_weighted(struct story *st, unsigned (*weight)(unsigned k), unsigned n)
{
    unsigned total = 0, k = 0;
    for (unsigned i = 0; i < n; i++)
        total += weight(i);
    for (uint64_t x = draw(st, total); x >= weight(k); k++)
        x -= weight(k);
    return k;
}

bool one_in(struct story *st, uint64_t n)
{
    return sim_rand_one_in(&st->rand, n);
}

/* ---- coming up ------------------------------------------------------------------------------------------------------- */

static void disks_make(struct story *st)
{
    for (unsigned i = 0; i < st->ndisks; i++) {
        struct file *f;
        const struct file_opts opts = {.mode = FILE_RDWR, .create = true};
        if (file_open(st->paths[i], &opts, &f, NULL))
            continue; /* there since an earlier world */
        check(file_resize(f, DISK_SIZE) == 0 && file_flush(f) == 0);
        file_close(f);
    }
}

static struct pool_opts opts_draw(struct story *st)
{
    return (struct pool_opts){
        .cache_bytes = MIB << draw(st, 4),
        .dirty_bytes = MIB << draw(st, 4),
        .scan_keep_ms = 20,
    };
}

/* A volume that nobody writes to reserves all the room but a little. */
static void room_take(struct story *st)
{
    struct pool_space space;
    struct err err = {0};
    pool_space(st->pool, &space);
    uint64_t left = MIB / 2 + draw(st, 3 * MIB / 2);
    struct pool_volume_want want = {
        .name = "reserve",
        .size = space.available > left ? (space.available - left) / MIB * MIB * 9 / 10 : 0,
        .block_size = 128u << 10,
        .reserve = true,
    };
    want.size = want.size / want.block_size * want.block_size;
    if (want.size && pool_volume_create(st->pool, &want, &err) && err.code != -ENOSPC)
        story_fail("room cannot be reserved: %s", err.msg);
}

static void pool_make(struct story *st)
{
    const char *paths[DISKS_MAX];
    struct pool_group groups[DISKS_MAX];
    struct err err = {0};
    for (unsigned i = 0; i < st->ngroups * st->group_disks; i++)
        paths[i] = st->paths[i];
    for (unsigned i = 0; i < st->ngroups; i++)
        groups[i] =
            (struct pool_group){st->layout, st->group_disks, paths + i * st->group_disks};
    struct pool_create_want want = {.name = POOL,
                                    .groups = groups,
                                    .ngroups = st->ngroups,
                                    .ashift = st->ashift,
                                    .force = true,
                                    .opts = opts_draw(st)};
    if (pool_create(&want, &st->pool, &err))
        story_fail("the pool cannot be created: %s", err.msg);
    if (st->tight)
        room_take(st);
    st->there = true;
}

static void pool_take(struct story *st)
{
    const char *paths[DISKS_MAX + 1] = {NULL};
    struct err err = {0};
    for (unsigned i = 0; i < st->ndisks; i++)
        paths[i] = st->paths[i];
    struct pool_import_want want = {.paths = paths, .name = POOL, .opts = opts_draw(st)};
    if (pool_import(&want, &st->pool, &err))
        story_fail("the pool cannot be imported: %s", err.msg);
    st->n.imports++;
    for (unsigned i = 0; i < SLOTS; i++)
        if (st->slot[i].m)
            slot_verify(st, &st->slot[i]);
}

/* ---- going down ------------------------------------------------------------------------------------------------------ */

void story_cut(struct story *st)
{
    static const enum sim_cut hows[] = {SIM_CUT_NONE,   SIM_CUT_ALL,    SIM_CUT_ALL_BUT_FIRST,
                                        SIM_CUT_SUBSET, SIM_CUT_SUBSET, SIM_CUT_SUBSET};
    enum sim_cut how = hows[draw(st, ARRAY_LEN(hows))];
    st->n.cuts++;
    st->n.cuts_keep_none += how == SIM_CUT_NONE;
    st->n.cuts_keep_all += how == SIM_CUT_ALL;
    st->n.cuts_keep_but_first += how == SIM_CUT_ALL_BUT_FIRST;
    st->n.cuts_keep_some += how == SIM_CUT_SUBSET;
    st->n.cuts_in_create += !st->there;
    st->n.cuts_in_import += st->there && !st->up;
    for (unsigned i = 0; i < STEP_COUNT; i++)
        st->n.cuts_in[i] += step_depth((enum step)i) > 0;
    sim_power_cut(st->run, how);
}

static void step_began(void *arg, enum step s)
{
    struct story *st = arg;
    if (s != st->aim || st->aim_after-- > 0)
        return;
    st->aim = STEP_COUNT;
    st->aimed_at = true;
    waitq_wake_all(&st->aim_q);
}

/* In the middle of a step; false: it never came to that. */
static bool take_aim(struct story *st)
{
    uint64_t until = st->aim > STEP_RESILVER ? run_deadline_ms(AIM_MS) : 0;
    while ((st->ops_left > 0 || run_now() < until || st->patient) && !st->aimed_at)
        waitq_wait(&st->aim_q, run_now() + draw(st, 20 * NS_PER_MS), NULL);
    if (st->aimed_at)
        fiber_sleep_until(run_now() + draw(st, st->aim_within_ns), NULL);
    return st->aimed_at;
}

/* Some steps come once in a world, or seldom, others all the time; most are soon over. */
static void aim_draw(struct story *st)
{
    /* clang-format off */
    static const struct {
        unsigned often, within_us; /* within 0: at once or within 2 ms */
    } rows[STEP_COUNT] = {
        [STEP_COMMIT_WRITE] = {12, 0}, [STEP_COMMIT_FLUSH] = {12, 0},
        [STEP_UBERBLOCK] = {12, 0},    [STEP_LABEL_HALF_0] = {2, 50},
        [STEP_LABEL_HALF_1] = {2, 50}, [STEP_LOG_WRITE] = {60, 0},
        [STEP_LOG_FLUSH] = {60, 0},    [STEP_LOG_AHEAD] = {2, 50},
        [STEP_CLAIM] = {2, 50},        [STEP_REPLAY] = {2, 50},
        [STEP_RESILVER] = {2, 50},     [STEP_ATTACH] = {1, 8000},
        [STEP_REPLACE] = {1, 8000},    [STEP_SPARE_IN] = {1, 8000},
        [STEP_LEAVE] = {1, 8000},      [STEP_ADD] = {1, 8000},
        [STEP_SHRINK] = {1, 8000},
    };
    /* clang-format on */
    static const enum step any[] = {
        STEP_COMMIT_WRITE, STEP_COMMIT_FLUSH, STEP_LABEL_HALF_0, STEP_UBERBLOCK,
        STEP_LABEL_HALF_1, STEP_LABEL_HALF_1, STEP_LOG_WRITE,    STEP_LOG_FLUSH,
    };
    static const enum step changes[] = {
        STEP_CLAIM,   STEP_RESILVER, STEP_ATTACH,   STEP_ATTACH,   STEP_ATTACH,
        STEP_REPLACE, STEP_REPLACE,  STEP_SPARE_IN, STEP_SPARE_IN, STEP_LEAVE,
        STEP_LEAVE,   STEP_ADD,      STEP_ADD,
    };
    st->aim = one_in(st, 20) ? STEP_SHRINK : any[draw(st, ARRAY_LEN(any))];
    if (st->quick && one_in(st, 4))
        st->aim = STEP_LOG_AHEAD;
    if (st->world > 0 && one_in(st, 2))
        st->aim = one_in(st, 3) ? STEP_CLAIM : STEP_REPLAY;
    if (st->trouble == TROUBLE_GOING && one_in(st, 3))
        st->aim = STEP_RESILVER;
    if (st->trouble == TROUBLE_CHANGING)
        st->aim = changes[draw(st, ARRAY_LEN(changes))];
    unsigned within_us = rows[st->aim].within_us;
    if (within_us == 0)
        within_us = one_in(st, 2) ? 50 : 2000;
    st->aim_within_ns = within_us * NS_PER_US;
    st->aim_after = (unsigned)draw(st, rows[st->aim].often);
}

static void cutter(void *arg)
{
    struct story *st = arg;
    if (one_in(st, 6)) { /* while it comes up */
        fiber_sleep_until(run_now() + draw(st, 100 * NS_PER_MS), NULL);
    } else if (!take_aim(st)) {
        while (st->ops_left > 0)
            fiber_sleep_until(run_now() + draw(st, 20 * NS_PER_MS), NULL);
        fiber_sleep_until(run_now() + draw(st, 60 * NS_PER_MS), NULL);
    }
    story_cut(st);
}

static void close_all(struct story *st)
{
    struct err err = {0};
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *s = &st->slot[i];
        uint32_t now = s->v ? model_now(s->m) : 0;
        volume_close(s->v);
        if (s->v)
            model_flushed(s->m, now);
        s->v = NULL;
    }
    disks_await(st);
    if (one_in(st, 2)) {
        st->n.closes++;
        pool_close(st->pool);
    } else {
        st->n.exports++;
        int r = pool_export(st->pool, &err);
        if (r)
            story_fail("the pool cannot be exported: %s", err.msg);
    }
}

/* ---- a world --------------------------------------------------------------------------------------------------------- */

static void worker(void *arg)
{
    struct story *st = arg;
    while (st->ops_left-- > 0 || st->ends_by_cut) {
        st->n.ops++;
        op_draw(st);
        if (st->patient)
            fiber_sleep_until(run_now() + draw(st, 2000 * NS_PER_MS), NULL);
        else if (one_in(st, 4))
            fiber_sleep_until(run_now() + draw(st, 10 * NS_PER_MS), NULL);
        else
            fiber_yield();
    }
    waitgroup_done(&st->workers);
}

static void world_main(void *arg)
{
    struct story *st = arg;
    st->ends_by_cut = st->world + 1 < WORLDS && !one_in(st, 5);
    unsigned nworkers = (unsigned)(1 + draw(st, 6));
    disks_make(st);
    if (st->there)
        audit_trees(st);
    if (st->ends_by_cut) {
        if (one_in(st, 5))
            st->cut_at_ack = (unsigned)(1 + draw(st, 4));
        else if (st->trouble == TROUBLE_CHANGING || !one_in(st, 4))
            aim_draw(st);
        check(fiber_start(cutter, st, "cutter"));
    }
    if (st->there)
        pool_take(st);
    else
        pool_make(st);
    st->up = true;
    waitgroup_init(&st->troubles);
    trouble_start(st);
    waitgroup_init(&st->workers);
    waitgroup_add(&st->workers, nworkers);
    for (unsigned i = 0; i < nworkers; i++)
        check(fiber_start(worker, st, "worker"));
    waitgroup_wait(&st->workers);
    st->closing = true;
    waitgroup_wait(&st->troubles);
    close_all(st);
    run_stop(st->run);
}

static void count_world(struct story *st)
{
    struct sim_stats s;
    sim_stats(st->run, &s);
    st->n.worlds++;
    st->n.torn_writes += s.torn_writes;
    st->n.sectors_lost += s.lost_sectors;
    st->n.sectors_kept += s.kept_sectors;
    st->n.disk_errors += s.errors_injected;
    st->trace_hash = sim_hash(st->trace_hash, s.trace_hash);
}

static void world_play(struct story *st)
{
    struct sim_config cfg = sim_config_default(st->seed * 64 + st->world);
    struct err err = {0};
    cfg.max_turns = 2 * 1000 * 1000;
    if (one_in(st, 2))
        cfg.disk_delay_max_ns = 200 * NS_PER_US;
    st->up = st->closing = st->aimed_at = st->patient = false;
    st->aim = STEP_COUNT;
    st->cut_at_ack = 0;
    waitq_init(&st->aim_q);
    step_watch(step_began, st);
    quirk_set(QUIRK_FIRST_FIT, st->first_fit);
    quirk_set(QUIRK_QUICK, st->quick);
    quirk_set(QUIRK_TURNS, st->turns);
    quirk_set(QUIRK_YIELDS, st->yields);
    quirk_set(QUIRK_GANGS, st->gangs);
    st->ops_left = (int64_t)(OPS / 2 + draw(st, OPS));
    if (run_sim_new(&cfg, &st->run, &err) < 0)
        story_fail("no world: %s", err.msg);
    sim_attach_disks(st->run, st->disks);
    run_loop(st->run, world_main, st);
    count_world(st);
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *s = &st->slot[i];
        s->v = NULL;
        s->users = 0;
        s->taken = false;
        if (s->m)
            model_cut(s->m);
    }
    run_free(st->run);
    st->run = NULL;
    st->pool = NULL;
}

/* ---- a story --------------------------------------------------------------------------------------------------------- */

struct story *story_new(uint64_t seed, bool verbose)
{
    static const struct {
        enum pool_layout layout;
        unsigned groups, disks, spread, spare; /* disks of a group: up to spread - 1 more */
    } rows[] = {
        {LAYOUT_SINGLE, 1, 1, 1, 0},
        {LAYOUT_SINGLE, 3, 1, 1, 0},
        {LAYOUT_MIRROR, 1, 2, 2, 1},
        {LAYOUT_MIRROR, 2, 2, 1, 1},
        {LAYOUT_RAIDZ1, 1, 3, 3, 1},
        {LAYOUT_RAIDZ1, 2, 3, 1, 1},
        {LAYOUT_RAIDZ2, 1, 4, 3, 2},
        {LAYOUT_RAIDZ3, 1, 5, 2, 3},
    };
    struct story *st = calloc(1, sizeof(*st));
    check(st);
    st->seed = seed;
    st->verbose = verbose;
    sim_rand_seed(&st->rand, seed, 200);
    unsigned k = (unsigned)draw(st, ARRAY_LEN(rows));
    st->layout = rows[k].layout;
    st->ngroups = rows[k].groups;
    st->group_disks = rows[k].disks + (unsigned)draw(st, rows[k].spread);
    st->spare = rows[k].spare;
    st->ashift = one_in(st, 2) ? 9 : 12;
    if (st->spare)
        st->trouble = (enum trouble)draw(st, TROUBLE_GOING + 1);
    if (st->trouble == TROUBLE_NONE && seed % 3 == 0)
        st->trouble = TROUBLE_LOST;
    if (seed % 3 == 1)
        st->trouble = TROUBLE_CHANGING;
    st->ndisks =
        st->ngroups * st->group_disks + (st->trouble == TROUBLE_CHANGING ? OTHER_DISKS : 0);
    st->tight = one_in(st, 6);
    st->first_fit = !one_in(st, 3);
    st->quick = one_in(st, 2);
    st->turns = one_in(st, 2);
    st->yields = seed % 4 == 1;
    st->gangs = seed % 4 == 2;
    for (unsigned i = 0; i < st->ndisks; i++)
        snprintf(st->paths[i], sizeof(st->paths[i]), "/d%u", i);
    st->disks = sim_disks_new();
    return st;
}

void story_play(struct story *st)
{
    for (st->world = 0; st->world < WORLDS || st->n.ops < OPS_LEAST; st->world++) {
        world_play(st);
        if (st->dump && st->there)
            story_dump(st);
    }
    for (unsigned i = 0; i < SLOTS; i++)
        slot_forget(st, &st->slot[i]);
}
