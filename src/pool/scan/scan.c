/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scan fiber. A pass begins with a commit, so that all blocks which it has to look at are
 * in the committed tree and younger ones go to every leaf that is up; then comes the walk, then
 * a flush, and another commit that says how it ended.
 *
 * A leaf's dirty time log is emptied only when a pass has seen every block, repaired all of
 * them, their rewritten bytes are flushed, and nothing happened to the leaves meanwhile: none
 * changed its state, none lacks more than at the beginning. Else the pass is made again, or,
 * when some block could not be repaired, the log stays until a leaf's state changes.
 */
#include "pool/scan/scan_int.h"

#include "base/log.h"
#include "base/step.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is to be done ------------------------------------------------------------------ */

static bool resilver_needed(const struct scan *s)
{
    if (s->gave_up && s->seen == s->p->root->changes)
        return false;
    return lacking_first(s->p, s->p->txgs.synced) != UINT64_MAX;
}

bool scan_interrupted(const struct scan *s)
{
    if (s->stopping || s->cancelling || s->pausing || s->p->txgs.failed)
        return true;
    return s->now.func == SCAN_RESILVER ? s->seen != s->p->root->changes : resilver_needed(s);
}

static enum scan_func next_func(struct scan *s)
{
    enum scan_func f = resilver_needed(s) ? SCAN_RESILVER : s->wanted;
    if (f == s->wanted)
        s->wanted = SCAN_NONE;
    return f;
}

/* ---- the place -------------------------------------------------------------------------- */

static int keep_task(void *arg, uint64_t txg, struct err *reterr)
{
    (void)txg, (void)reterr;
    return scan_record_write(arg);
}

/* What a resilver brought a leaf must be durable there before the place says that it was. */
int scan_keep(struct scan *s)
{
    if (run_now() < s->keep_at || scan_interrupted(s))
        return 0;
    s->keep_at = run_deadline_ms(s->p->scan_keep_ms);
    if (s->now.func == SCAN_RESILVER && (vdev_flush(s->p->root) != 0 || scan_interrupted(s)))
        return 0;
    return txg_run(s->p, keep_task, s, NULL);
}

/* ---- a pass ------------------------------------------------------------------------------ */

static int pass_begin(void *arg, uint64_t txg, struct err *reterr)
{
    struct scan *s = arg;
    uint64_t first = lacking_first(s->p, txg), queue = s->now.queue;
    (void)reterr;
    s->place = (struct scan_place){0};
    s->nwalked = 0;
    s->now = (struct scan_record){
        .func = s->now.func,
        .state = SCAN_SCANNING,
        .queue = queue,
        .max_txg = txg,
        .start = run_wall() / NS_PER_SEC,
        .to_examine = space_totals(s->p->space).allocated,
    };
    if (s->now.func == SCAN_RESILVER)
        s->now.min_txg = first <= txg ? MAX(first, 1u) - 1 : txg;
    int r = s->now.func == SCAN_SCRUB ? errlog_scrub_begins(s->p) : 0;
    return r ? r : scan_record_write(s);
}

/* A scrub that was paused goes on, or a pass that an export or a crash interrupted. */
static int pass_go_on(void *arg, uint64_t txg, struct err *reterr)
{
    struct scan *s = arg;
    (void)txg, (void)reterr;
    if (s->now.func == SCAN_SCRUB)
        errlog_scrub_goes_on(s->p);
    s->now.paused = false;
    s->now.rested += run_wall() / NS_PER_SEC - s->paused_at;
    return scan_record_write(s);
}

static bool leaves_steady(const struct scan *s)
{
    return s->seen == s->p->root->changes && s->lacking == lacking_print(s->p, s->now.max_txg);
}

static int pass_end(void *arg, uint64_t txg, struct err *reterr)
{
    struct scan *s = arg;
    (void)txg, (void)reterr;
    if (s->now.state == SCAN_FINISHED && s->now.errors == 0 && leaves_steady(s))
        lacking_clear(s->p, s->now.max_txg);
    int r = 0;
    if (s->now.func == SCAN_SCRUB && !s->now.paused)
        r = errlog_scrub_ends(s->p, s->now.state == SCAN_FINISHED);
    return r ? r : scan_record_write(s);
}

static void report(const struct scan *s)
{
    log_info("pool.scan", KV("pool", "%s", s->p->name),
             KV("what", "%s", s->now.func == SCAN_SCRUB ? "scrub" : "resilver"),
             KV("result", "%s", s->now.state == SCAN_FINISHED ? "finished" : "interrupted"),
             KV("examined", "%" PRIu64, s->now.examined),
             KV("repaired", "%" PRIu64, s->now.repaired),
             KV("errors", "%" PRIu64, s->now.errors));
}

static int walk(struct scan *s, bool go_on)
{
    return s->now.func == SCAN_RESILVER ? IN_STEP(STEP_RESILVER, scan_walk(s, go_on))
                                        : scan_walk(s, go_on);
}

/* The walk is over, for the reason r. */
static int pass_settle(struct scan *s, int r)
{
    if (s->stopping)
        return 0;
    while (r == 0 && (r = vdev_flush(s->p->root)) == -EIO)
        if (suspend_wait(s->p) != 0)
            break;
    s->now.paused = s->pausing && r == -ECANCELED;
    s->paused_at = run_wall() / NS_PER_SEC;
    if (!s->now.paused) {
        s->now.state = r == 0 ? SCAN_FINISHED : SCAN_CANCELLED;
        s->now.end = run_wall() / NS_PER_SEC;
    }
    s->gave_up = s->now.func == SCAN_RESILVER && (r != 0 || s->now.errors > 0);
    report(s);
    return txg_run(s->p, pass_end, s, NULL);
}

/* A resilver only when the same leaves are there, lacking what they lacked, and nothing was in its way: an error that it
 * has met would keep it from ever having brought all. */
static bool goes_on(const struct scan *s, enum scan_func func)
{
    return func == s->now.func && s->place.there && (s->now.paused || s->resumes) &&
           (func == SCAN_SCRUB ||
            (s->now.errors == 0 && s->lacking == lacking_print(s->p, s->now.max_txg)));
}

static void pass(struct scan *s, enum scan_func func)
{
    bool go_on = goes_on(s, func);
    s->resumes = false;
    s->keep_at = run_deadline_ms(s->p->scan_keep_ms);
    s->busy = true;
    s->cancelling = s->pausing = false;
    s->now.func = func;
    memset(&s->bad, 0, sizeof(s->bad));
    s->seen = s->p->root->changes;
    int r = txg_run(s->p, go_on ? pass_go_on : pass_begin, s, NULL);
    if (r == 0) {
        s->lacking = lacking_print(s->p, s->now.max_txg);
        r = pass_settle(s, walk(s, go_on));
    }
    if (r && !s->stopping) {
        s->gave_up = true;
        log_warn("pool.scan_failed", KV("pool", "%s", s->p->name),
                 KV("error", "%s", strerror(-r)));
    }
    s->cancelling = s->pausing = false;
    s->busy = false;
    waitq_wake_all(&s->idle);
}

static void scan_fiber(void *arg)
{
    struct scan *s = arg;
    while (!s->stopping) {
        enum scan_func func = s->p->txgs.failed ? SCAN_NONE : next_func(s);
        if (func != SCAN_NONE)
            pass(s, func);
        else
            waitq_wait(&s->work, NO_DEADLINE, NULL);
    }
    s->running = false;
    waitq_wake_all(&s->idle);
}

/* ---- for the pool ------------------------------------------------------------------------ */

int scan_start(struct pool *p, struct err *reterr)
{
    struct scan *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(reterr, E(-ENOMEM), "pool %s: no memory", p->name);
    s->p = p;
    waitq_init(&s->work);
    waitq_init(&s->idle);
    waitq_init(&s->job_done);
    int r = scan_record_read(s, reterr);
    if (r == 0 && (r = scan_place_read(s)))
        err_set(reterr, r, "pool %s: no memory", p->name);
    if (r == 0 && s->now.state == SCAN_SCANNING && !s->now.paused) {
        s->wanted = s->now.func;
        s->resumes = s->place.there;
    }
    struct fiber *f = r == 0 ? fiber_start(scan_fiber, s, "pool-scan") : NULL;
    if (r == 0 && !f)
        r = err_set(reterr, E(-ENOMEM), "pool %s: no fiber for its scrub", p->name);
    if (r) {
        free(s->walked);
        free(s);
        return r;
    }
    s->running = true;
    p->scan = s;
    suspend_patience(p, NULL, f);
    return 0;
}

void scan_stop(struct pool *p)
{
    struct scan *s = p->scan;
    if (!s)
        return;
    s->stopping = true;
    waitq_wake_all(&s->work);
    while (s->running)
        waitq_wait(&s->idle, NO_DEADLINE, NULL);
    p->scan = NULL;
    free(s->walked);
    free(s);
}

void scan_poke(struct pool *p)
{
    if (p->scan)
        waitq_wake_all(&p->scan->work);
}

/* ---- for the operator -------------------------------------------------------------------- */

static bool scrub_waits(const struct scan *s)
{
    return s->now.func == SCAN_SCRUB && s->now.state == SCAN_SCANNING && !s->busy;
}

int scan_scrub(struct pool *p, struct err *reterr)
{
    struct scan *s = p->scan;
    if (!s)
        return err_set(reterr, E(-EROFS), "pool %s is imported read-only", p->name);
    if (s->busy || s->wanted != SCAN_NONE || resilver_needed(s))
        return err_set(reterr, E(-EBUSY), "pool %s: a scrub or resilver is running", p->name);
    s->wanted = SCAN_SCRUB;
    waitq_wake_all(&s->work);
    return 0;
}

static int no_scrub(const struct pool *p, struct err *reterr)
{
    return err_set(reterr, E(-ENOENT), "pool %s: no scrub is running", p->name);
}

int scan_pause(struct pool *p, struct err *reterr)
{
    struct scan *s = p->scan;
    if (!s || !s->busy || s->now.func != SCAN_SCRUB)
        return no_scrub(p, reterr);
    s->pausing = true;
    return 0;
}

static int drop_paused(void *arg, uint64_t txg, struct err *reterr)
{
    struct scan *s = arg;
    (void)txg, (void)reterr;
    s->now.state = SCAN_CANCELLED;
    s->now.paused = false;
    s->now.end = run_wall() / NS_PER_SEC;
    int r = errlog_scrub_ends(s->p, false);
    return r ? r : scan_record_write(s);
}

int scan_cancel(struct pool *p, struct err *reterr)
{
    struct scan *s = p->scan;
    if (s && s->busy && s->now.func == SCAN_SCRUB) {
        s->cancelling = true;
        return 0;
    }
    return s && scrub_waits(s) ? txg_run(p, drop_paused, s, reterr) : no_scrub(p, reterr);
}

struct scan_record scan_now(const struct pool *p)
{
    return p->scan ? p->scan->now : (struct scan_record){0};
}

bool scan_idle(const struct pool *p)
{
    const struct scan *s = p->scan;
    return !s || !s->running || p->txgs.failed ||
           (!s->busy && s->wanted == SCAN_NONE && !resilver_needed(s));
}

void scan_wait(struct pool *p)
{
    while (!scan_idle(p))
        waitq_wait(&p->scan->idle, NO_DEADLINE, NULL);
}
