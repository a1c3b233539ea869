/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler. All reactors run in this one thread; at each step one of those that have
 * something to do is drawn, gets a random part of the events that are due for it, and runs one
 * turn. When none has anything to do, time leaps to the next event or timer. A turn, and each
 * look at the clock, costs a little time too, so that loops that yield until something happens
 * come to an end and slices have a length.
 *
 * Nothing left to happen while fibers wait is a deadlock of the program under test: we name the
 * fibers and abort.
 */
#include "run/fiber_int.h"
#include "run/sim/sim_int.h"

#include "base/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_NS     1000u /* what reading the clock costs */
#define TURN_NS_MAX 2000u
#define EPOCH_NS    (1767225600ull * NS_PER_SEC) /* the simulated world begins in 2026 */

struct sim_config sim_config_default(uint64_t seed)
{
    return (struct sim_config){
        .seed = seed,
        .reactors = 2,
        .buf_budget = 64ull << 20,
        .max_fibers = 4096,
        .msg_delay_max_ns = 20 * NS_PER_US,
        .disk_delay_min_ns = 20 * NS_PER_US,
        .disk_delay_max_ns = 2 * NS_PER_MS,
        .flush_delay_max_ns = 5 * NS_PER_MS,
        .net_delay_min_ns = 10 * NS_PER_US,
        .net_delay_max_ns = 500 * NS_PER_US,
        .net_segment_max = 16384,
        .net_window = 65536,
        .disk_capacity = 1ull << 30,
        .max_time_ns = 24 * 3600 * NS_PER_SEC,
        .max_turns = 20 * 1000 * 1000,
    };
}

/* ---- trace ------------------------------------------------------------------------------- */

void sim_note(struct sim_world *w, const char *what, uint64_t a, uint64_t b)
{
    uint64_t h = w->stats.trace_hash;
    for (const char *c = what; *c; c++)
        h = sim_hash(h, (uint8_t)*c);
    h = sim_hash(h, w->now);
    h = sim_hash(h, a);
    w->stats.trace_hash = sim_hash(h, b);
    if (w->trace)
        w->trace(w->trace_arg, w->now, what, a, b);
}

void sim_mark(struct run *run, const char *what, uint64_t a, uint64_t b)
{
    sim_note(sim_world_of(run), what, a, b);
}

void sim_set_trace(struct run *run, sim_trace_fn fn, void *arg)
{
    struct sim_world *w = sim_world_of(run);
    w->trace = fn;
    w->trace_arg = arg;
}

void sim_stats(const struct run *run, struct sim_stats *ret_stats)
{
    *ret_stats = sim_world_of(run)->stats;
}

/* ---- giving up --------------------------------------------------------------------------- */

static void print_fibers(struct reactor *r)
{
    static const char *const names[] = {"free", "ready", "running", "parked", "done"};
    const struct fiber *f;
    list_for_each (f, &r->all_fibers, all) {
        if (f->state != FIBER_FREE)
            fprintf(stderr, "  reactor %u: %s (%s)\n", r->index, f->name, names[f->state]);
    }
}

NO_RETURN static void give_up(struct sim_world *w, const char *who, const char *why)
{
    fprintf(stderr,
            "simulation, seed %" PRIu64 ": %s %s after %" PRIu64 " turns, %" PRIu64
            " us; fibers:\n",
            w->cfg.seed, who, why, w->stats.turns, (uint64_t)(w->now / NS_PER_US));
    for (unsigned i = 0; i < w->run->nreactors; i++)
        print_fibers(&w->run->reactors[i]);
    abort();
}

/* ---- events and time --------------------------------------------------------------------- */

void sim_at(struct sim_world *w, struct sim_event *ev, uint64_t at)
{
    ev->at = MAX(at, w->now);
    list_init(&ev->node);
    sim_queue_push(&w->later, ev);
}

void sim_later(struct sim_world *w, struct sim_event *ev, uint64_t delay)
{
    sim_at(w, ev, w->now + delay);
}

/* A fiber that lets time pass; lives on its stack. */
struct nap {
    struct sim_event ev;
    struct reactor *r;
    struct fiber *fiber;
};

static struct reactor *nap_home(struct sim_event *ev)
{
    return container_of(ev, struct nap, ev)->r;
}

static void nap_over(struct sim_event *ev)
{
    fiber_wake(container_of(ev, struct nap, ev)->fiber);
}

void sim_pass_until(struct sim_world *w, uint64_t at)
{
    struct nap n = {
        {.home = nap_home, .fire = nap_over},
        reactor_self(), fiber_self()
    };
    check(n.fiber);
    if (!w->cut)
        sim_at(w, &n.ev, at);
    do
        fiber_park();
    while (w->cut);
}

void sim_pass(struct sim_world *w, uint64_t delay)
{
    sim_pass_until(w, w->now + delay);
}

/* A fiber that only ever looks at the clock would stop the world: the turn measures slices
 * when they have ended. */
static uint64_t sim_now(struct reactor *r)
{
    struct sim_world *w = sim_world_of(r->run);
    w->now += LOOK_NS;
    if (r->current && w->now > r->slice_start + 2 * FIBER_SLICE_NS)
        give_up(w, r->current->name, "ran on without yielding");
    return w->now;
}

static uint64_t sim_wall(struct reactor *r)
{
    return EPOCH_NS + sim_world_of(r->run)->now;
}

static void sim_crypto(struct run *run, void *ret_bytes, size_t len)
{
    sim_rand_bytes(&sim_world_of(run)->crypto, ret_bytes, len);
}

uint64_t sim_random(struct run *run)
{
    return sim_rand_next(&sim_world_of(run)->test);
}

uint64_t sim_random_below(struct run *run, uint64_t n)
{
    return sim_rand_below(&sim_world_of(run)->test, n);
}

/* Work off the loop happens at once but takes a while, so that others come in between. */
static void sim_offload(void (*fn)(void *arg), void *arg)
{
    struct sim_world *w = sim_world_of(reactor_self()->run);
    fn(arg);
    sim_pass(w, sim_rand_below(&w->sched, 300 * NS_PER_US));
}

/* ---- messages ---------------------------------------------------------------------------- */

struct letter {
    struct sim_event ev;
    struct reactor *to;
    struct msg *msg;
};

static struct reactor *letter_home(struct sim_event *ev)
{
    return container_of(ev, struct letter, ev)->to;
}

static void letter_drop(struct sim_event *ev)
{
    free(container_of(ev, struct letter, ev));
}

static void letter_fire(struct sim_event *ev)
{
    struct letter *l = container_of(ev, struct letter, ev);
    struct msg *m = l->msg;
    struct reactor *to = l->to;
    struct sim_world *w = sim_world_of(to->run);
    w->stats.messages++;
    sim_note(w, "message", to->index, 0);
    free(l);
    reactor_deliver(to, m);
}

static void sim_post(struct reactor *to, struct msg *m)
{
    struct run *run = to->run;
    struct sim_world *w = sim_world_of(run);
    struct reactor *from = reactor_self();
    struct letter *l = malloc(sizeof(*l));
    check(l);
    *l = (struct letter){
        {.home = letter_home, .fire = letter_fire, .drop = letter_drop},
        to, m
    };
    uint64_t *last =
        &w->msg_last[(from ? from->index : run->nreactors) * run->nreactors + to->index];
    uint64_t at = w->now + sim_rand_below(&w->sched, w->cfg.msg_delay_max_ns + 1);
    *last = MAX(*last, at);
    sim_at(w, &l->ev, *last);
}

/* ---- the loop ---------------------------------------------------------------------------- */

static void collect_due(struct sim_world *w)
{
    while (sim_queue_next(&w->later) <= w->now)
        list_push(&w->due, &sim_queue_pop(&w->later)->node);
}

static size_t due_for(struct sim_world *w, const struct reactor *r)
{
    size_t n = 0;
    struct sim_event *ev;
    list_for_each (ev, &w->due, node)
        n += ev->home(ev) == r;
    return n;
}

static bool has_work(struct sim_world *w, const struct reactor *r)
{
    return !list_empty(&r->ready) || !list_empty(&r->hooks) ||
           reactor_next_deadline(r) <= w->now || due_for(w, r);
}

/* One of those that have work, drawn; NULL: all idle. */
static struct reactor *draw_reactor(struct sim_world *w)
{
    struct run *run = w->run;
    struct reactor *candidates[RUN_MAX_REACTORS];
    size_t n = 0;
    for (unsigned i = 0; i < run->nreactors; i++) {
        if (has_work(w, &run->reactors[i]))
            candidates[n++] = &run->reactors[i];
    }
    return n ? candidates[sim_rand_below(&w->sched, n)] : NULL;
}

/* Delivers the first n of the events due on r. Each may change what is due and where. */
static void deliver(struct sim_world *w, struct reactor *r, size_t n)
{
    for (; n && !w->cut; n--) {
        struct sim_event *ev, *next = NULL;
        list_for_each (ev, &w->due, node) {
            if (ev->home(ev) == r) {
                next = ev;
                break;
            }
        }
        if (!next)
            return;
        list_remove(&next->node);
        next->fire(next);
    }
}

static void turn(struct sim_world *w, struct reactor *r)
{
    w->stats.turns++;
    sim_note(w, "turn", r->index, 0);
    reactor_set_self(r);
    reactor_tick(r);
    size_t n = due_for(w, r);
    deliver(w, r, n > 1 ? 1 + sim_rand_below(&w->sched, n) : n);
    if (!w->cut)
        reactor_turn(r);
    reactor_set_self(NULL);
    w->now += 1 + sim_rand_below(&w->sched, TURN_NS_MAX);
}

static uint64_t next_happening(const struct sim_world *w)
{
    uint64_t at = sim_queue_next(&w->later);
    for (unsigned i = 0; i < w->run->nreactors; i++)
        at = MIN(at, reactor_next_deadline(&w->run->reactors[i]));
    return at;
}

static void sim_loop(struct run *run)
{
    struct sim_world *w = sim_world_of(run);
    reactor_set_self(&run->reactors[0]);
    reactor_start_main(run);
    while (!atomic_load(&run->stopping) && !w->cut) {
        collect_due(w);
        struct reactor *r = draw_reactor(w);
        if (r) {
            turn(w, r);
        } else {
            uint64_t at = next_happening(w);
            if (at == NO_DEADLINE)
                give_up(w, "the program", "is in a deadlock");
            w->now = MAX(w->now, at);
        }
        if (w->stats.turns > w->cfg.max_turns || w->now > w->cfg.max_time_ns)
            give_up(w, "the program", "comes to no end");
    }
    sim_note(w, w->cut ? "cut" : "stop", 0, 0);
}

static void sim_stop(struct run *run)
{
    atomic_store(&run->stopping, true);
}

/* ---- power ------------------------------------------------------------------------------- */

void sim_attach_disks(struct run *run, struct sim_disks *d)
{
    struct sim_world *w = sim_world_of(run);
    check(list_empty(&w->files));
    if (w->own_disks)
        sim_disks_free(w->disks);
    w->disks = d;
    w->own_disks = false;
}

void sim_power_cut(struct run *run, enum sim_cut how)
{
    struct sim_world *w = sim_world_of(run);
    if (w->cut)
        return;
    struct sim_settled sum = {0};
    sim_writes_cut(w);
    sim_disks_cut(w->disks, how, &w->io, &sum);
    w->cut = true;
    w->stats.kept_sectors += sum.kept;
    w->stats.lost_sectors += sum.lost;
    w->stats.torn_writes += sum.torn;
    sim_note(w, "power", sum.kept, sum.lost);
}

bool sim_was_cut(const struct run *run)
{
    return sim_world_of(run)->cut;
}

/* ---- the world itself -------------------------------------------------------------------- */

static const char *sim_io_name(const struct run *run)
{
    (void)run;
    return "sim";
}

static void drop_events(struct sim_world *w)
{
    collect_due(w);
    struct sim_event *ev;
    while ((ev = sim_queue_pop(&w->later)) ||
           (ev = list_first(&w->due, struct sim_event, node))) {
        list_remove(&ev->node);
        if (ev->drop)
            ev->drop(ev);
    }
}

static void sim_free(struct run *run)
{
    struct sim_world *w = sim_world_of(run);
    drop_events(w);
    sim_net_drop(w);
    sim_files_drop(w);
    sim_faults_drop(w);
    if (w->own_disks)
        sim_disks_free(w->disks);
    free(w->later.v);
    free(w->msg_last);
    run_core_fini(run);
    free(w);
    free(run);
}

static const struct world_ops sim_ops = {
    .io_name = sim_io_name,
    .free = sim_free,
    .loop = sim_loop,
    .now = sim_now,
    .wall = sim_wall,
    .random = sim_crypto,
    .post = sim_post,
    .stop = sim_stop,
    .offload = sim_offload,
    .blocking = sim_offload,
    .file = &sim_file_ops,
    .name = &sim_name_ops,
    .sock = &sim_sock_ops,
};

static struct sim_world *world_new(struct run *run, const struct sim_config *cfg)
{
    struct sim_world *w = calloc(1, sizeof(*w));
    check(w);
    *w = (struct sim_world){.run = run, .cfg = *cfg, .now = NS_PER_SEC};
    struct sim_rand *streams[] = {&w->sched, &w->io, &w->crypto, &w->test};
    for (size_t i = 0; i < ARRAY_LEN(streams); i++)
        sim_rand_seed(streams[i], cfg->seed, i);
    struct list *lists[] = {&w->due,       &w->files, &w->writes, &w->faults,
                            &w->listeners, &w->conns, &w->hosts};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        list_init(lists[i]);
    w->msg_last = calloc((size_t)(cfg->reactors + 1) * cfg->reactors, sizeof(uint64_t));
    check(w->msg_last);
    w->disks = sim_disks_new();
    w->own_disks = true;
    return w;
}

int run_sim_new(const struct sim_config *cfg, struct run **ret_run, struct err *reterr)
{
    if (cfg->reactors < 1 || cfg->reactors > RUN_MAX_REACTORS)
        return err_set(reterr, -EINVAL, "a simulated world has 1 to %d reactors, not %u",
                       RUN_MAX_REACTORS, cfg->reactors);
    struct run *run = calloc(1, sizeof(*run));
    if (!run)
        return err_set(reterr, -ENOMEM, "no memory for a simulated world");
    struct run_config core = {
        .reactors = cfg->reactors,
        .buf_budget = cfg->buf_budget,
        .max_fibers = cfg->max_fibers,
        .fatal_slow_fiber = true,
    };
    int r = run_core_init(run, &sim_ops, &core, cfg->reactors);
    if (r < 0) {
        free(run);
        return err_set(reterr, r, "no memory for the reactors of a simulated world");
    }
    run->world = world_new(run, cfg);
    *ret_run = run;
    return 0;
}
