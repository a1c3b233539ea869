/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated world: one thread, virtual time, everything random drawn from one seed, so that a run replays exactly.
 * Disks keep what was flushed; at a power cut each sector written since is kept or lost by the plan. Networks delay,
 * segment and cut. Reactors (at least two) take turns; messages between them arrive after a random delay. Time
 * advances only when every reactor is idle, to the next timer or I/O completion.
 */
#ifndef RUN_SIM_SIM_H
#define RUN_SIM_SIM_H

#include "run/run.h"

enum sim_cut { SIM_CUT_NONE, SIM_CUT_ALL, SIM_CUT_ALL_BUT_FIRST, SIM_CUT_SUBSET }; /* which unflushed sectors are kept */

struct sim_config {
    uint64_t seed;
    unsigned reactors;            /* >= 2 */
    uint64_t buf_budget;
    uint64_t msg_delay_max_ns;    /* random up to it */
    uint64_t disk_delay_min_ns, disk_delay_max_ns, flush_delay_max_ns;
    uint64_t net_delay_min_ns, net_delay_max_ns;
    uint32_t net_segment_max;     /* bytes delivered at once, random 1..max; 0: no splitting */
    uint32_t net_window;          /* bytes in flight per direction before the sender must wait */
    uint64_t disk_capacity;       /* bytes the simulated file system can allocate; ENOSPC beyond */
};
/* Defaults that exercise everything. */
struct sim_config sim_config_default(uint64_t seed);

int run_sim_new(const struct sim_config *cfg, struct run **ret_run, struct err *reterr);

/* What survives a power cut: hand it from one world to the next. */
struct sim_disks;
struct sim_disks *sim_disks_new(void);
void sim_disks_free(struct sim_disks *d);
/* The world stores its files there (call before run_loop; default: a set of its own that dies with it). */
void sim_attach_disks(struct run *run, struct sim_disks *d);
/* Cuts the power now: run_loop() returns when the current fiber parks; unflushed sectors are settled by how, drawn from the
 * seed; names (create, rename) survive only if their directory was synced. Sockets to other worlds see nothing. */
void sim_power_cut(struct run *run, enum sim_cut how);
bool sim_was_cut(const struct run *run);

/* Faults, callable at any time from fibers. path: the file's exact path. */
void sim_fail_reads(struct run *run, const char *path, unsigned one_in, int err);  /* 0: never */
void sim_fail_writes(struct run *run, const char *path, unsigned one_in, int err);
void sim_fail_flush(struct run *run, const char *path, unsigned one_in, int err);
void sim_rot(struct run *run, const char *path, uint64_t off, uint64_t len);       /* flips bits, also in what is durable */
void sim_stall_disk(struct run *run, const char *path, uint64_t until);           /* completions wait until then */
void sim_cut_connections(struct run *run, unsigned one_in);  /* each delivery resets its connection by this chance */
void sim_cut_all(struct run *run);                           /* resets all connections now */

/* The seeded stream for test programs (not the one that run_random() draws from). */
uint64_t sim_random(struct run *run);
uint64_t sim_random_below(struct run *run, uint64_t n);

struct sim_stats {
    uint64_t turns, messages, segments, short_reads, resets;
    uint64_t reads, writes, flushes, torn_writes, lost_sectors, kept_sectors, errors_injected;
    uint64_t trace_hash; /* hash of everything that happened, in order: equal for equal seeds */
};
void sim_stats(const struct run *run, struct sim_stats *ret_stats);

#endif
