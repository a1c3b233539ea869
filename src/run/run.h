/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world: reactors, time, randomness, messages. Everything outside the process (files,
 * sockets, clock, entropy) is reached through run/ alone, so that a whole server runs unchanged
 * in the deterministic simulation.
 *
 * One reactor is one thread of the real world, or one of several loops taking turns in a single
 * thread of the simulated one. Every object has one home reactor and is touched by no other.
 * Reactors share nothing and exchange messages, delivered in batches, in order between any two
 * reactors.
 *
 * "Parks" in a comment: the calling fiber may be suspended and others run meanwhile. A call
 * that does not say so never parks. What parks may be called from a fiber only; turn hooks,
 * timers and message handlers are plain functions on the reactor's own stack and must not park
 * (they may start fibers and wake them).
 */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "base/err.h"
#include "base/list.h"
#include "base/util.h"

#define RUN_MAX_REACTORS 64

struct run;     /* one world */
struct reactor; /* one loop in it */

/* ---- the world --------------------------------------------------------------------------- */

enum run_io { RUN_IO_AUTO, RUN_IO_URING, RUN_IO_THREADS };

struct run_config {
    unsigned reactors;   /* 0: one per core this process may use */
    enum run_io io;      /* AUTO: uring, or threads where that is refused (one log line) */
    uint32_t spin_us;    /* adaptive spin before sleeping; 0: off */
    uint64_t buf_budget; /* bytes of data buffers, whole process (iobuf.h); 0: 256 MiB */
    const char *
        folders; /* what the kernel lets this process open files in; for messages; NULL: anything */
    uint32_t max_fibers;   /* per reactor; 0: 8192 */
    size_t fiber_stack;    /* bytes; 0: the default (64 KiB, 256 KiB in sanitizer builds) */
    bool fatal_slow_fiber; /* abort when one runs longer than 250 us of virtual work (sim) */
};

/* The real world. Allocates reactors, starts no thread. Errors: no memory, io_uring demanded
 * and refused. */
int run_real_new(const struct run_config *cfg, struct run **ret_run, struct err *reterr);
/* Frees a world whose run_loop() has returned. */
void run_free(struct run *run);

/* Runs main_fn as a fiber on reactor 0 and all reactors until run_stop(); the calling thread
 * becomes reactor 0. Fibers that still wait when the loop ends are abandoned: stop what must
 * end cleanly before. */
void run_loop(struct run *run, void (*main_fn)(void *arg), void *arg);
/* Ends run_loop(); any thread, any number of times. */
void run_stop(struct run *run);

unsigned run_nreactors(const struct run *run);
struct reactor *run_reactor(struct run *run, unsigned index);
const char *run_io_name(const struct run *run); /* "uring", "threads", "sim" */

/* ---- the current reactor ----------------------------------------------------------------- */

/* The reactor whose loop or fiber is executing: the one piece of ambient state, a thread-local
 * in the real world. NULL on a thread that is no reactor. */
struct reactor *reactor_self(void);
struct run *reactor_run(const struct reactor *r);
unsigned reactor_index(const struct reactor *r);

/* Monotonic nanoseconds, sampled once per turn (cheap); run_now_precise() reads the clock. */
uint64_t run_now(void);
uint64_t run_now_precise(void);
/* Wall clock, nanoseconds since 1970. */
uint64_t run_wall(void);
/* Cryptographic randomness (getrandom; a seeded stream in the simulation). Never fails. */
void run_random(void *ret_bytes, size_t len);

#define NS_PER_US   1000ull
#define NS_PER_MS   1000000ull
#define NS_PER_SEC  1000000000ull
#define NO_DEADLINE UINT64_MAX
static inline uint64_t run_deadline_ms(uint64_t ms)
{
    return run_now() + ms * NS_PER_MS;
}

/* ---- messages between reactors ----------------------------------------------------------- */

/* Embedded in what is sent; free again once fn has begun. */
struct msg {
    struct list node;
    void (*fn)(struct msg *m); /* on the receiver's loop; must not park */
};
/* Sends m to r (which may be the current reactor: it arrives in a later turn). Any reactor's
 * thread; the caller must not touch m until fn has run. Keeps order per pair of reactors. */
void reactor_post(struct reactor *r, struct msg *m);

/* Runs fn(arg) as a fiber on r and parks the caller until it has returned. On the caller's own
 * reactor it is a plain call. The only way to touch what another reactor owns. Parks. */
void call_on(struct reactor *r, void (*fn)(void *arg), void *arg);
/* Starts fn(arg) as a fiber on r and does not wait. -ENOMEM: nothing was started (message
 * memory is exhausted). */
int start_on(struct reactor *r, void (*fn)(void *arg), void *arg, const char *name);

/* Runs a pure function off the loop, on a helper thread (inline in the simulation), for work
 * longer than 250 us of CPU. fn may touch nothing of any reactor. Parks. */
void run_offload(void (*fn)(void *arg), void *arg);
/* Runs a blocking system call off the loop (name look-ups, odd ioctls). As run_offload, on
 * another pool. Parks. */
void run_blocking(void (*fn)(void *arg), void *arg);

/* ---- timers and turn hooks --------------------------------------------------------------- */

struct timer {
    struct timer *child, *sibling, *prev; /* pairing heap; owned by run/ */
    uint64_t deadline;                    /* run_now() units; 0: not armed */
    void (*fn)(struct timer *t);          /* on the loop; must not park; t may be armed again */
};
/* All on the current reactor, where the timer lives for good. Arming again moves it. */
void timer_init(struct timer *t, void (*fn)(struct timer *t));
void timer_arm(struct timer *t, uint64_t deadline);
void timer_cancel(struct timer *t);
static inline bool timer_armed(const struct timer *t)
{
    return t->deadline != 0;
}

/* Runs once at the end of this turn, after all ready fibers ran and before the loop submits I/O
 * and sleeps: the place where a connection sends all responses of the turn in one system
 * call. */
struct turn_hook {
    struct list node; /* list_init() before first use */
    void (*fn)(struct turn_hook *h);
};
/* Harmless when it is already queued. */
void reactor_at_turn_end(struct turn_hook *h);

/* ---- counters ---------------------------------------------------------------------------- */

struct reactor_stats {
    uint64_t turns, sleeps, spins, spin_hits;
    uint64_t fibers_started, fibers_live, fibers_peak;
    uint64_t slow_slices; /* fibers that ran longer than 250 us without yielding */
    uint64_t messages, file_ops, sock_recv, sock_send;
    uint64_t cpu_ns; /* CPU time of the reactor's thread */
};
/* Of any reactor; values may be a turn old. */
void reactor_stats(const struct reactor *r, struct reactor_stats *ret_stats);

#endif
