/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helper threads for what would block a loop: system calls without a non-blocking form, and
 * long computations. Threads are started when more work waits than are idle, up to a limit, and stay;
 * work beyond it waits its turn.
 */
#ifndef RUN_REAL_POOL_H
#define RUN_REAL_POOL_H

#include "base/list.h"

#include <pthread.h>

struct pool {
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t work;
    struct list jobs;
    unsigned njobs; /* on it */
    pthread_t *threads;
    unsigned n, idle, max;
    bool stopping;
    bool behind;
    const char *name;
};

/* behind: a thread that wakes up doesn't push aside who is running (where the system allows to say so), as is right for what
 * computes: the reactors that wait for it are what everybody waits for. -ENOMEM. name is borrowed, at most 15 characters. */
int pool_init(struct pool *p, const char *name, unsigned max, bool behind);
/* Waits for the threads; jobs not yet begun are dropped. */
void pool_fini(struct pool *p);
/* Runs fn(arg) on a helper thread. Parks. */
void pool_run(struct pool *p, void (*fn)(void *arg), void *arg);

/* pthread_create() for a thread that takes no signals but its own faults; the others belong to
 * the main thread. -errno. */
int thread_start(pthread_t *ret_thread, const pthread_attr_t *attr, void *(*fn)(void *),
                 void *arg);

#endif
