/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stackful fibers and what they wait on. A fiber lives and dies on one reactor. Fibers of one
 * reactor never run at the same time and are switched only where a call parks, so between two
 * parking calls no other fiber interferes.
 */
#ifndef RUN_FIBER_H
#define RUN_FIBER_H

#include "run/run.h"

struct fiber;

/* Starts fn(arg) on the current reactor; it runs later in this turn. NULL: the fiber or stack
 * budget is used up (nothing was started; the caller answers "busy"). name is borrowed and must
 * be static. */
struct fiber *fiber_start(void (*fn)(void *arg), void *arg, const char *name);
/* True when but an eighth of this reactor's fibers is left: what can be refused as busy ought to
 * be, so that there are some for what cannot. */
bool fiber_scarce(void);
struct fiber *fiber_self(void); /* NULL outside a fiber */
const char *fiber_name(const struct fiber *f);

/* Lets the others run; comes back this turn or the next. Parks. */
void fiber_yield(void);
/* Yields if this fiber used up its slice (250 us). For loops of unbounded length. Parks. */
void fiber_maybe_yield(void);
/* 0, or -ECANCELED when c fires first (c may be NULL). Parks. */
struct cancel;
int fiber_sleep_until(uint64_t deadline, struct cancel *c);

/* ---- cancellation: a token for waits in net/ and scsi/, never in pool/ and store/ -------- */

struct cancel {
    bool fired;
    struct list waiters; /* of struct waiter */
};
void cancel_init(struct cancel *c);
/* Every wait with this token, now and later, returns -ECANCELED. Same reactor. */
void cancel_fire(struct cancel *c);

/* ---- wait queues ------------------------------------------------------------------------- */

struct waitq {
    struct list waiters;
};
void waitq_init(struct waitq *q);
/* Parks until woken (0), the deadline (-ETIMEDOUT) or the token (-ECANCELED). A condition is to
 * be tested again after 0: others may have run in between. */
int waitq_wait(struct waitq *q, uint64_t deadline, struct cancel *c);
/* First in, first out; true when somebody waited. Same reactor; callable from hooks and
 * timers. */
bool waitq_wake_one(struct waitq *q);
void waitq_wake_all(struct waitq *q);
static inline bool waitq_empty(const struct waitq *q)
{
    return list_empty(&q->waiters);
}

/* ---- mutex: fair, for fibers of one reactor, where a condition must hold across parking -- */

struct fmutex {
    bool held;
    struct waitq q;
};
void fmutex_init(struct fmutex *m);
void fmutex_lock(struct fmutex *m); /* parks */
/* 0, or -ECANCELED when c (may be NULL) fires first: then it is not held. Parks. */
int fmutex_lock_cancel(struct fmutex *m, struct cancel *c);
void fmutex_unlock(struct fmutex *m);

/* ---- wait group: wait for N fibers or completions ---------------------------------------- */

struct waitgroup {
    unsigned n;
    struct waitq q;
};
void waitgroup_init(struct waitgroup *g);
static inline void waitgroup_add(struct waitgroup *g, unsigned n)
{
    g->n += n;
}
void waitgroup_done(struct waitgroup *g);
/* Parks until n is 0. */
void waitgroup_wait(struct waitgroup *g);

#endif
