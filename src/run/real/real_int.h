/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the real world: its reactors' loops, rings and helper threads. */
#ifndef RUN_REAL_REAL_INT_H
#define RUN_REAL_REAL_INT_H

#include "run/real/pool.h"
#include "run/run_int.h"

#include <assert.h>
#include <liburing.h>
#include <stdalign.h>

#define REAL_EVENTS 128 /* epoll events taken per turn */

/* What an epoll event points at. ready() runs on the loop before the turn: it notes and wakes,
 * no more. */
struct poll_source {
    void (*ready)(struct poll_source *p, uint32_t events);
};

/* Messages for one other reactor, gathered during a turn; linked through node.next, newest
 * first. */
struct outbox {
    struct list *newest, *oldest;
};

/* Whether to poll a little before sleeping: after n misses in a row the next 2^n - 1 sleeps go
 * without. */
struct spin {
    unsigned misses, skip;
};

/* File operations in flight (uring.c). */
struct ring {
    struct io_uring u;
    bool on;
    unsigned queued;   /* not yet submitted */
    unsigned inflight; /* submitted or queued, not yet completed */
};

struct real_reactor {
    /* written by other threads */
    alignas(64) _Atomic(struct list *) inbox; /* linked through node.next, newest first */
    atomic_bool asleep; /* in epoll_wait, or about to be: a poster must kick */

    alignas(64) struct reactor *r;
    int epfd, wakefd;
    struct poll_source wake;
    struct outbox out[RUN_MAX_REACTORS];
    uint64_t out_dirty; /* bit i: out[i] has messages */
    struct spin spin;
    struct ring ring;
    pthread_t thread;
    atomic_int cpu_clock; /* of the thread; 0 before it runs */
};
static_assert(RUN_MAX_REACTORS <= 64, "out_dirty has a bit per reactor");

struct real_world {
    struct run run;
    bool uring;
    struct real_reactor *reactors;
    struct pool blocking, offload, io;
};

static inline struct real_reactor *real_of(struct reactor *r)
{
    return r->world;
}
static inline struct real_world *real_world_of(const struct run *run)
{
    return run->world;
}

/* loop.c */
int real_reactor_init(struct real_reactor *w, struct reactor *r);
void real_reactor_fini(struct real_reactor *w);
void real_reactor_loop(struct real_reactor *w); /* until run->stopping */
void real_post(struct reactor *r, struct msg *m);
void real_kick(struct real_reactor *w); /* async-signal-safe */
/* Registers fd, edge-triggered, for reading, writing and hang-up. -ENOMEM, -ENOSPC. */
int real_watch(struct reactor *r, int fd, struct poll_source *src);
void real_unwatch(struct reactor *r, int fd);

/* uring.c */
struct ring_op {
    struct fiber *fiber;
    int res;
};
int ring_init(struct ring *g); /* -errno: io_uring is refused here */
void ring_fini(struct ring *g);
void ring_start(struct ring *g,
                int wakefd); /* on the reactor's thread, before its first turn */
bool ring_has_news(
    const struct ring *g);       /* completions are there, or to be had; costs no system call */
void ring_poll(struct ring *g);  /* completes what is done */
void ring_drain(struct ring *g); /* on the reactor's thread: waits for what is in flight */
/* Submits what the turn has queued and completes what is done; true when fibers became
 * ready. */
bool ring_flush(struct ring *g);
/* Queue an operation, park, and return its result: bytes or negative errno. iov lives until
 * then. */
ssize_t ring_rw(struct ring *g, bool write, int fd, const struct iovec *iov, int n,
                uint64_t off);
int ring_fdatasync(struct ring *g, int fd);

extern const struct file_ops real_file_ops;
extern const struct name_ops real_name_ops;
extern const struct sock_ops real_sock_ops;

/* An error of the system about an object of the operator's: "what: strerror (hint)". */
int real_err(struct err *reterr, int code, const char *what);
/* What the operator calls the folders that this process is confined to; NULL: it is not. */
void real_confined(const char *folders);

#endif
