/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real world: one thread per reactor (the caller of run_loop() is reactor 0), the kernel's
 * clocks and entropy, and three pools of helper threads. Threads are not pinned: the scheduler
 * knows what else runs on the host, and connections are what stays with a reactor.
 */
#include "run/real/real_int.h"

#include "run/fiber_int.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* At most; they are started at need. One file takes only a part of them (real_file.c). */
enum { BLOCKING_THREADS = 96, IO_THREADS = 192 };

static uint64_t read_clock(clockid_t id)
{
    struct timespec ts;
    if (clock_gettime(id, &ts) < 0)
        return 0;
    return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t real_now(struct reactor *r)
{
    (void)r;
    return read_clock(CLOCK_MONOTONIC);
}

static uint64_t real_wall(struct reactor *r)
{
    (void)r;
    return read_clock(CLOCK_REALTIME);
}

static uint64_t real_cpu_ns(const struct reactor *r)
{
    const struct real_reactor *w = r->world;
    clockid_t id = atomic_load(&w->cpu_clock);
    return id == 0 ? 0 : read_clock(id);
}

static void real_random(struct run *run, void *ret_bytes, size_t len)
{
    (void)run;
    uint8_t *p = ret_bytes;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        check(n > 0 || errno == EINTR);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

static const char *real_io_name(const struct run *run)
{
    return real_world_of(run)->uring ? "uring" : "threads";
}

static void real_blocking(void (*fn)(void *), void *arg)
{
    pool_run(&real_world_of(reactor_self()->run)->blocking, fn, arg);
}

static void real_offload(void (*fn)(void *), void *arg)
{
    pool_run(&real_world_of(reactor_self()->run)->offload, fn, arg);
}

/* ---- threads ----------------------------------------------------------------------------- */

/* The body of each reactor's thread. */
static void run_reactor_here(struct real_reactor *w)
{
    clockid_t cpu;
    if (pthread_getcpuclockid(pthread_self(), &cpu) == 0)
        atomic_store(&w->cpu_clock, cpu);
    reactor_set_self(w->r);
    if (w->ring.on)
        ring_start(&w->ring, w->wakefd);
    if (w->r->index == 0)
        reactor_start_main(w->r->run);
    real_reactor_loop(w);
    if (w->ring.on)
        ring_drain(&w->ring);
    atomic_store(&w->cpu_clock, 0);
}

static void *reactor_thread(void *arg)
{
    struct real_reactor *w = arg;
    struct fault_stack stack;
    char name[16];
    snprintf(name, sizeof(name), "reactor-%u", w->r->index);
    pthread_setname_np(pthread_self(), name);
    fault_stack_enter(&stack);
    run_reactor_here(w);
    fault_stack_leave(&stack);
    return NULL;
}

static void real_loop(struct run *run)
{
    struct real_world *world = real_world_of(run);
    for (unsigned i = 1; i < run->nreactors; i++) {
        struct real_reactor *w = &world->reactors[i];
        check(thread_start(&w->thread, NULL, reactor_thread, w) == 0);
    }
    run_reactor_here(&world->reactors[0]);
    for (unsigned i = 1; i < run->nreactors; i++)
        pthread_join(world->reactors[i].thread, NULL);
}

static void real_stop(struct run *run)
{
    struct real_world *world = real_world_of(run);
    atomic_store(&run->stopping, true);
    for (unsigned i = 0; i < run->nreactors; i++)
        real_kick(&world->reactors[i]);
}

/* ---- birth and death --------------------------------------------------------------------- */

static void real_free(struct run *run)
{
    struct real_world *world = real_world_of(run);
    struct pool *pools[] = {&world->blocking, &world->offload, &world->io};
    for (size_t i = 0; i < ARRAY_LEN(pools); i++)
        pool_fini(pools[i]);
    for (unsigned i = 0; world->reactors && i < run->nreactors; i++)
        real_reactor_fini(&world->reactors[i]);
    run_core_fini(run);
    free(world->reactors);
    free(world);
}

static const struct world_ops real_ops = {
    .io_name = real_io_name,
    .free = real_free,
    .loop = real_loop,
    .now = real_now,
    .wall = real_wall,
    .random = real_random,
    .post = real_post,
    .stop = real_stop,
    .offload = real_offload,
    .blocking = real_blocking,
    .cpu_ns = real_cpu_ns,
    .file = &real_file_ops,
    .name = &real_name_ops,
    .sock = &real_sock_ops,
};

static unsigned usable_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    return MAX((unsigned)CPU_COUNT(&set), 1u);
}

static int init_reactors(struct real_world *world)
{
    struct run *run = &world->run;
    size_t len = run->nreactors * sizeof(*world->reactors);
    world->reactors = aligned_alloc(alignof(struct real_reactor), len);
    if (!world->reactors)
        return E(-ENOMEM);
    memset(world->reactors, 0, len);
    for (unsigned i = 0; i < run->nreactors; i++) {
        int rc = real_reactor_init(&world->reactors[i], &run->reactors[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int init_rings(struct real_world *world)
{
    for (unsigned i = 0; i < world->run.nreactors; i++) {
        int rc = ring_init(&world->reactors[i].ring);
        if (rc < 0)
            return rc;
    }
    world->uring = true;
    return 0;
}

/* Refused: containers and hardened hosts forbid io_uring; then threads do its work. */
static int choose_io(struct real_world *world, struct err *reterr)
{
    enum run_io io = world->run.cfg.io;
    int rc = io == RUN_IO_THREADS ? 0 : init_rings(world);
    if (rc < 0 && io == RUN_IO_URING)
        return err_set(reterr, rc,
                       "io_uring is refused here (%s); use --io threads, or allow it in "
                       "kernel.io_uring_disabled and the seccomp profile",
                       strerror(-rc));
    if (rc < 0) {
        for (unsigned i = 0; i < world->run.nreactors; i++)
            ring_fini(&world->reactors[i].ring);
        log_info("run.io_uring_refused", KV("error", "%s", strerror(-rc)),
                 KV("using", "threads"));
    }
    return 0;
}

static int init_world(struct real_world *world, const struct run_config *cfg,
                      struct err *reterr)
{
    unsigned cores = usable_cores();
    unsigned n = MIN(cfg->reactors ? cfg->reactors : cores, (unsigned)RUN_MAX_REACTORS);
    int rc = run_core_init(&world->run, &real_ops, cfg, n);
    if (rc < 0)
        return err_set(reterr, rc, "no memory for %u reactors", n);
    world->run.world = world;
    rc = init_reactors(world);
    if (rc == 0)
        rc = pool_init(&world->blocking, "blocking", BLOCKING_THREADS, false);
    if (rc == 0)
        rc = pool_init(&world->offload, "offload", cores, true);
    if (rc == 0)
        rc = pool_init(&world->io, "io", IO_THREADS, false);
    if (rc < 0)
        return err_set(reterr, rc, "cannot set up %u reactors: %s", n, strerror(-rc));
    return choose_io(world, reterr);
}

int run_real_new(const struct run_config *cfg, struct run **ret_run, struct err *reterr)
{
    struct real_world *world = calloc(1, sizeof(*world));
    if (!world)
        return err_set(reterr, E(-ENOMEM), "no memory");
    real_confined(cfg->folders);
    int rc = init_world(world, cfg, reterr);
    if (rc < 0) {
        if (world->run.world)
            real_free(&world->run);
        else
            free(world);
        return rc;
    }
    *ret_run = &world->run;
    return 0;
}
