/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated world: one thread, virtual time, everything random drawn from one seed, so that
 * a run replays exactly. Disks keep what was flushed; at a power cut each sector written since
 * is kept or lost by the plan. Networks delay, segment and cut. Reactors (at least two) take
 * turns; messages between them arrive after a random delay. Time leaps to the next timer or
 * completion when every reactor is idle; a turn costs up to 2 us besides and a look at the
 * clock 1 us, so that slices have a length and no loop of yields stops the world.
 *
 * When nothing can happen any more while run_loop() runs, or a limit below is passed, the seed
 * and the waiting fibers are printed and the process aborts. Fibers that a stop or a power cut
 * abandons leak what they own.
 */
#ifndef RUN_SIM_SIM_H
#define RUN_SIM_SIM_H

#include "run/run.h"

/* Which unflushed sectors are kept. A sector written more than once has as many versions. */
enum sim_cut {
    SIM_CUT_NONE,
    SIM_CUT_ALL,
    SIM_CUT_ALL_BUT_FIRST, /* of each file */
    SIM_CUT_SUBSET,        /* any */
};

struct sim_config {
    uint64_t seed;
    unsigned reactors; /* >= 2 */
    uint64_t buf_budget;
    uint32_t max_fibers;       /* per reactor */
    uint64_t msg_delay_max_ns; /* random up to it */
    uint64_t disk_delay_min_ns, disk_delay_max_ns, flush_delay_max_ns;
    uint64_t net_delay_min_ns, net_delay_max_ns;
    uint32_t net_segment_max; /* bytes delivered at once, random 1..max; 0: no splitting */
    uint32_t net_window;      /* bytes in flight per direction before the sender must wait */
    uint32_t dio_align; /* bytes that a file opened direct asks for: 512 (0: this) or 4096 */
    bool disk_rotates;
    uint64_t disk_capacity; /* bytes the simulated file system can allocate; ENOSPC beyond */
    uint64_t max_time_ns,
        max_turns; /* a run that is not over by then has lost its way: abort */
};
/* Defaults that exercise everything. */
struct sim_config sim_config_default(uint64_t seed);

int run_sim_new(const struct sim_config *cfg, struct run **ret_run, struct err *reterr);

/* What survives a power cut: hand it from one world to the next. */
struct sim_disks;
struct sim_disks *sim_disks_new(void);
void sim_disks_free(struct sim_disks *d);
/* The world stores its files there (call before run_loop; default: a set of its own that
 * dies with it). */
void sim_attach_disks(struct run *run, struct sim_disks *d);
/* Cuts the power now: run_loop() returns after this turn and no file operation of the world
 * has an effect any more; unflushed sectors are settled by how, drawn from the seed; of the
 * name changes (create, rename, unlink) that were not synced by directory or file the first
 * few of each directory survive, or as how says none or all. SIM_CUT_ALL is what the death
 * of the process alone looks like: the page cache stays. */
void sim_power_cut(struct run *run, enum sim_cut how);
bool sim_was_cut(const struct run *run);

/* Faults, callable at any time from fibers. path: the file's exact path. */
void sim_fail_reads(struct run *run, const char *path, unsigned one_in, int err); /* 0: never */
void sim_fail_writes(struct run *run, const char *path, unsigned one_in, int err);
void sim_fail_flush(struct run *run, const char *path, unsigned one_in, int err);
/* Each step of replacing, renaming, removing or making names (write, flush, sync of the directory)
 * fails by this chance; an error tells as little about what is on the disk as a real one. */
void sim_fail_names(struct run *run, unsigned one_in, int err);
/* A device is pulled out, losing what it has in its cache as at a power cut, or put back in. What was opened before it was
 * pulled out answers ENXIO for good, and so does opening while it is away. */
void sim_unplug(struct run *run, const char *path);
void sim_plug(struct run *run, const char *path);
bool sim_is_unplugged(struct run *run, const char *path);
void sim_rot(struct run *run, const char *path, uint64_t off,
             uint64_t len); /* flips bits, also in what is durable */
void sim_stall_disk(struct run *run, const char *path,
                    uint64_t until); /* completions wait until then */
/* Each delivery resets its connection by this chance; of these resets one in four tells only
 * one end, the other one hears of it when it sends. */
void sim_cut_connections(struct run *run, unsigned one_in);
void sim_cut_all(struct run *run); /* resets all connections now */
void sim_stall_net(struct run *run,
                   uint64_t until); /* what is sent from now on arrives no earlier */
/* The next connection that somebody makes, or socket for datagrams, seems to come from this host (numeric) instead
 * of the one that its address suggests. */
void sim_next_source(struct run *run, const char *host);

/* Somebody outside who takes datagrams at this address from now on. fn is called with each, on the sender's reactor, and must
 * not park; it may answer by sim_datagram_answer(), to `from`, which is gone when it returns. Where nobody takes any they are
 * refused. fn NULL: no more. */
struct sim_sock;
struct sock_addr;
typedef void (*sim_host_fn)(void *arg, struct sim_sock *from, const uint8_t *bytes, size_t len);
void sim_datagram_host(struct run *run, const struct sock_addr *addr, sim_host_fn fn,
                       void *arg);
/* It comes this much later than the network is slow, behind others that were sent after it or not. */
void sim_datagram_answer(struct sim_sock *from, const uint8_t *bytes, size_t len,
                         uint64_t late_ns);

/* The seeded stream for test programs (not the one that run_random() draws from). */
uint64_t sim_random(struct run *run);
uint64_t sim_random_below(struct run *run, uint64_t n);

struct sim_stats {
    uint64_t turns, messages, segments, short_reads;
    uint64_t resets, silent_resets; /* connections cut; of these without a word to one end */
    uint64_t reads, writes, flushes, torn_writes, lost_sectors, kept_sectors, errors_injected;
    uint64_t trace_hash; /* hash of everything that happened, in order: equal for equal seeds */
};
void sim_stats(const struct run *run, struct sim_stats *ret_stats);

/* Shows every event as it enters the trace hash, for finding where two runs part. NULL: off. */
typedef void (*sim_trace_fn)(void *arg, uint64_t now, const char *what, uint64_t a, uint64_t b);
void sim_set_trace(struct run *run, sim_trace_fn fn, void *arg);
/* Adds to the trace hash what the program under test did; what is static. */
void sim_mark(struct run *run, const char *what, uint64_t a, uint64_t b);

#endif
