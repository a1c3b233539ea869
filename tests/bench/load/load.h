/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame of a run: threads, phases, what is counted, and the lines printed. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "hist.h"
#include "options.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum load_phase { LOAD_WARMUP, LOAD_MEASURE, LOAD_STOP };

/* Counted by one thread; the maker of the thread reads it after the thread ended. */
struct load_tally {
    struct hist latency; /* from handing a command out to its status */
    uint64_t reads, writes, bytes;
    uint64_t busy;   /* statuses BUSY and TASK SET FULL: done again */
    uint64_t errors; /* anything else that isn't GOOD, and lost sessions */
    uint64_t checked, unwritten, failures;
    uint64_t alive; /* sessions still logged in at the end */
    uint64_t pings; /* NOP-Ins of the target that were answered */
    struct err first_error;
};

struct load_thread {
    const struct options *opt;
    uint32_t index; /* sessions index, index + opt->threads, ... are this thread's */
    struct load_tally tally;

    struct load *load;
    pthread_t thread;
};

/* What a generator is: its name and the body of one thread. */
struct load_kind {
    const char *name;
    /*
     * Logs in, then load_ready(), then runs until load_phase() says LOAD_STOP or nothing is
     * left to do, then logs out. An error before load_ready() ends the program.
     */
    int (*body)(struct load_thread *t, struct err *reterr);
};

/* Parses the command line, runs, prints. The program's exit status: 0, 1 errors, 2 not started. */
int load_main(const struct load_kind *kind, int argc, char **argv, bool idle);

/* Waits until every thread is ready; false: another one failed, give up. */
bool load_ready(struct load_thread *t);
enum load_phase load_phase(const struct load_thread *t);

/* Counts one finished operation, if this is the time to count. */
void load_count(struct load_thread *t, bool write, uint64_t ns);
/* Counts an error; the first one's message is kept. */
void load_error(struct load_thread *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Adds what a session's verification found. */
void load_verified(struct load_thread *t, const struct work *w);

static inline uint64_t load_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#endif
