/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sync fiber and those who wait for it. A txg is closed by opening the next one; it is written when its last holder has
 * let go. Tasks run first, in the order in which they came, then datasets and the MOS are written.
 *
 * A txg that lacks disks waits for them (suspend.c). One that cannot be written for another reason (no memory, no space where
 * there had to be some, a MOS that is damaged) ends all writing (failed): what is in memory may be half of it, and only an
 * import knows again what is true.
 */
#include "pool/txg/txg.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct pool *pool_of_timer(struct timer *t)
{
    return container_of(t, struct pool, txgs.timeout);
}

static void timed_out(struct timer *t)
{
    txg_kick(pool_of_timer(t));
}

static bool txg_has_work(const struct txgs *t)
{
    return t->first_change != 0 || !list_empty(&t->tasks);
}

/* ---- the sync fiber -------------------------------------------------------------------------------- */

/* Runs what the operators asked for; a task's own error concerns its caller only. */
static void tasks_run(struct list *tasks, uint64_t txg)
{
    struct sync_task *task;
    list_for_each (task, tasks, node) {
        task->txg = txg;
        task->result = task->fn(task->arg, txg, task->reterr);
    }
}

static void tasks_done(struct list *tasks)
{
    while (list_pop(tasks))
        ;
}

static int txg_sync(struct pool *p, uint64_t txg, struct list *tasks)
{
    int r = commit_begin(p, txg);
    if (r)
        return r;
    tasks_run(tasks, txg);
    if (p->before_sync && (r = p->before_sync(p, txg)) != 0)
        return r;
    return commit(p, txg);
}

/* Closes the open txg and waits for its holders. Its number. */
static uint64_t txg_quiesce(struct txgs *t, struct list *ret_tasks)
{
    uint64_t txg = t->open++;
    t->first_change = 0;
    t->wanted = false;
    timer_cancel(&t->timeout);
    list_splice(ret_tasks, &t->tasks);
    while (t->holds[txg % TXG_SLOTS] > 0)
        waitq_wait(&t->drained, NO_DEADLINE, NULL);
    return txg;
}

static void txg_failed(struct pool *p, uint64_t txg, int r)
{
    p->txgs.failed = r;
    p->txgs.failed_at = run_wall() / NS_PER_SEC;
    log_error("pool.failed", KV("pool", "%s", p->name), KV("txg", "%" PRIu64, txg),
              KV("error", "%s", strerror(-r)));
}

static void sync_fiber(void *arg)
{
    struct pool *p = arg;
    struct txgs *t = &p->txgs;
    while (!t->failed) {
        while (!(t->wanted && txg_has_work(t)) && !t->stopping)
            waitq_wait(&t->work, NO_DEADLINE, NULL);
        if (!txg_has_work(t))
            break;
        struct list tasks;
        list_init(&tasks);
        uint64_t txg = txg_quiesce(t, &tasks);
        int r = txg_sync(p, txg, &tasks);
        if (r)
            txg_failed(p, txg, r);
        else
            t->synced = txg;
        if (r == 0 && p->after_commit)
            p->after_commit(p, txg);
        tasks_done(&tasks);
        waitq_wake_all(&t->done);
        waitq_wake_all(&p->dirty_less);
    }
    t->running = false;
    waitq_wake_all(&t->done);
}

int txg_start(struct pool *p, uint64_t synced)
{
    struct txgs *t = &p->txgs;
    *t = (struct txgs){.open = synced + 1, .synced = synced};
    list_init(&t->tasks);
    waitq_init(&t->work);
    waitq_init(&t->drained);
    waitq_init(&t->done);
    timer_init(&t->timeout, timed_out);
    t->fiber = fiber_start(sync_fiber, p, "pool-sync");
    if (!t->fiber)
        return E(-ENOMEM);
    t->running = true;
    return 0;
}

void txg_stop(struct pool *p)
{
    struct txgs *t = &p->txgs;
    t->stopping = true;
    waitq_wake_all(&t->work);
    while (t->running)
        waitq_wait(&t->done, NO_DEADLINE, NULL);
    timer_cancel(&t->timeout);
}

/* ---- the others ------------------------------------------------------------------------------------ */

uint64_t txg_hold(struct pool *p)
{
    struct txgs *t = &p->txgs;
    t->holds[t->open % TXG_SLOTS]++;
    return t->open;
}

void txg_hold_more(struct pool *p, uint64_t txg)
{
    assert(p->txgs.holds[txg % TXG_SLOTS] > 0);
    p->txgs.holds[txg % TXG_SLOTS]++;
}

void txg_release(struct pool *p, uint64_t txg)
{
    struct txgs *t = &p->txgs;
    assert(t->holds[txg % TXG_SLOTS] > 0);
    if (--t->holds[txg % TXG_SLOTS] == 0)
        waitq_wake_all(&t->drained);
}

void txg_wait_older(struct pool *p, uint64_t txg)
{
    struct txgs *t = &p->txgs;
    while (t->holds[(txg - 1) % TXG_SLOTS] > 0)
        waitq_wait(&t->drained, NO_DEADLINE, NULL);
}

void txg_changed(struct pool *p)
{
    struct txgs *t = &p->txgs;
    if (t->first_change)
        return;
    t->first_change = run_now();
    timer_arm(&t->timeout, run_deadline_ms(TXG_TIMEOUT_MS));
}

void txg_kick(struct pool *p)
{
    p->txgs.wanted = true;
    waitq_wake_all(&p->txgs.work);
}

int txg_wait(struct pool *p, uint64_t txg)
{
    struct txgs *t = &p->txgs;
    if (txg == 0)
        txg = t->open;
    while (t->synced < txg && !t->failed && t->running) {
        if (txg == t->open) {
            txg_changed(p);
            txg_kick(p);
        }
        waitq_wait(&t->done, NO_DEADLINE, NULL);
    }
    if (t->synced >= txg)
        return 0;
    return t->failed ? t->failed : E(-ENODEV);
}

/* Queues the task and waits until its txg is on disk or will never be. */
static void task_wait(struct pool *p, struct sync_task *task)
{
    list_push(&p->txgs.tasks, &task->node);
    while (!list_empty(&task->node) && p->txgs.running) {
        txg_kick(p);
        waitq_wait(&p->txgs.done, NO_DEADLINE, NULL);
    }
    list_remove(&task->node);
}

int txg_run(struct pool *p, int (*fn)(void *arg, uint64_t txg, struct err *reterr), void *arg,
            struct err *reterr)
{
    struct txgs *t = &p->txgs;
    if (p->read_only)
        return err_set(reterr, E(-EROFS), "pool %s is imported read-only", p->name);
    if (!t->running || t->stopping || t->failed)
        return err_set(reterr, E(-ENODEV), "pool %s takes no changes any more", p->name);
    if (p->suspended.on && !suspend_is_patient(p))
        return err_set(
            reterr, E(-EAGAIN),
            "pool %s is suspended: %s: bring back enough of its disks, then clear it", p->name,
            p->suspended.why);
    struct sync_task *task = calloc(1, sizeof(*task));
    if (!task)
        return err_set(reterr, E(-ENOMEM), "pool %s: no memory", p->name);
    *task = (struct sync_task){.fn = fn, .arg = arg, .reterr = reterr};
    task_wait(p, task);
    int r = task->result;
    bool written = task->txg != 0 && t->synced >= task->txg;
    free(task);
    if (r == 0 && !written)
        r = err_set(reterr, t->failed ? t->failed : E(-ENODEV),
                    "pool %s: the change could not be written", p->name);
    return r;
}
