/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools that have lost too many disks (OpenZFS zio_suspend()). Who finds that an I/O cannot be done for want of disks waits
 * here: the sync fiber in the middle of a commit, a reader, a scan, and with them all who wait for a txg. Nothing is given up
 * and nothing is acknowledged; what is dirty stays in memory. Too few disks may be enough for most blocks: one is back and lacks
 * what was written without it, and then the other one, which has that, goes. Such a pool is suspended by the first who needs it.
 *
 * It ends when the operator says so (txg_resume) or a fiber that looks every few seconds finds a disk back. Only a disk is taken
 * back that holds what the last good flush promised (vdev_open()); one that failed with an error rather than went away
 * waits for the operator. Then the sync fiber writes everything again that its txg had written (vbatch_finish()), and
 * readers read again. The intent log sees by root->losses that a group may be gone and leaves it to the txg.
 *
 * When the daemon stops it lets go (txg_let_go): who waits gets an error, the commit fails. What was acknowledged until then is
 * in the log or in the tree.
 */
#include "base/log.h"
#include "pool/txg/txg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RETRY_MS 5000
#define SOON_MS  10 /* disks are there, but something went wrong with them just now */

void suspend_init(struct pool *p)
{
    waitq_init(&p->suspended.over);
}

void suspend_arm(struct pool *p)
{
    p->suspended.armed = true;
    suspend_patience(p, NULL, p->txgs.fiber);
    p->blocks.wait = suspend_read;
    p->blocks.wait_arg = p;
}

void suspend_stop(struct pool *p)
{
    txg_let_go(p);
    while (p->suspended.watched)
        waitq_wait(&p->suspended.over, NO_DEADLINE, NULL);
}

/* ---- why ------------------------------------------------------------------------------------------- */

static const struct vdev *top_without_disks(const struct vdev *root)
{
    for (unsigned i = 0; i < root->nchildren; i++)
        if (root->child[i]->type != VDEV_HOLE && root->child[i]->state < VDEV_DEGRADED)
            return root->child[i];
    return NULL;
}

/* It can be used, but its disks do not hold all. */
static const struct vdev *top_with_gaps(const struct vdev *root)
{
    for (unsigned i = 0; i < root->nchildren; i++)
        if (root->child[i]->type != VDEV_HOLE && !vdev_whole_without(root->child[i], NULL))
            return root->child[i];
    return NULL;
}

/* "/d0 is REMOVED, /d1 is FAULTED", as far as there is room. */
static void say_why(const struct pool *p, char *ret, size_t cap)
{
    const struct vdev *gone = top_without_disks(p->root),
                      *top = gone ? gone : top_with_gaps(p->root), *leaf;
    size_t at = 0;
    ret[0] = 0;
    for (unsigned i = 0; top && at < cap && (leaf = vdev_leaf(top, i)); i++)
        if (leaf->state < VDEV_DEGRADED && !leaf->given_up)
            at += (size_t)snprintf(ret + at, cap - at, "%s%s is %s", at ? ", " : "", leaf->path,
                                   vdev_state_name(leaf->state));
    if (!gone && at < cap)
        snprintf(ret + at, cap - at, "; no other disk has all that is needed");
}

/* ---- the end --------------------------------------------------------------------------------------- */

static void end(struct pool *p)
{
    p->suspended.on = false;
    log_info(
        "pool.resume", KV("pool", "%s", p->name),
        KV("seconds", "%" PRIu64, (uint64_t)(run_wall() / NS_PER_SEC) - p->suspended.since));
    p->config_dirty = true;
    txg_changed(p);
    txg_kick(p);
    waitq_wake_all(&p->suspended.over);
}

/* A disk that is refused is said once. */
static void refused(struct pool *p, const struct err *why)
{
    struct suspension *s = &p->suspended;
    if (why->code != -ESTALE || strcmp(s->refusal, why->msg) == 0)
        return;
    memcpy(s->refusal, why->msg, sizeof(s->refusal));
    log_warn("pool.disk_refused", KV("pool", "%s", p->name), KV("why", "%s", why->msg));
}

static int try_to_end(struct pool *p, bool faulted, struct err *reterr)
{
    struct err why = {0};
    int r = vdev_retry(p->root, p->guid, faulted, &why);
    if (r)
        return err_set(reterr, r, "pool %s: no memory to open its disks", p->name);
    if (vdev_usable(p->root) && p->suspended.on && p->suspended.news != p->root->news)
        end(p);
    if (vdev_usable(p->root) && !p->suspended.on)
        return 0;
    say_why(p, p->suspended.why, sizeof(p->suspended.why));
    refused(p, &why);
    if (vdev_usable(p->root))
        return err_set(
            reterr, E(-ENXIO),
            "pool %s: %.100s: bring it back, or use pool clear --force to go on without "
            "what only it holds",
            p->name, p->suspended.why);
    return err_set(reterr, E(-ENXIO), "pool %s: too few of its disks are there: %s", p->name,
                   why.code ? why.msg : p->suspended.why);
}

int txg_resume(struct pool *p, struct err *reterr)
{
    return p->suspended.on || !vdev_usable(p->root) ? try_to_end(p, true, reterr) : 0;
}

void txg_let_go(struct pool *p)
{
    p->suspended.let_go = true;
    waitq_wake_all(&p->suspended.over);
}

/* ---- the beginning --------------------------------------------------------------------------------- */

static void watch(void *arg)
{
    struct pool *p = arg;
    struct suspension *s = &p->suspended;
    while (s->on && !s->let_go)
        if (waitq_wait(&s->over, run_deadline_ms(RETRY_MS), NULL) == -ETIMEDOUT && s->on)
            try_to_end(p, false, NULL);
    s->watched = false;
    waitq_wake_all(&s->over);
}

static void begin(struct pool *p)
{
    struct suspension *s = &p->suspended;
    s->on = true;
    s->news = p->root->news;
    s->since = run_wall() / NS_PER_SEC;
    s->refusal[0] = 0;
    say_why(p, s->why, sizeof(s->why));
    log_error("pool.suspend", KV("pool", "%s", p->name), KV("why", "%s", s->why));
    /* Without a fiber the operator has to say it. */
    if (!s->watched && !s->let_go && fiber_start(watch, p, "pool-watch"))
        s->watched = true;
}

/* ---- waiting --------------------------------------------------------------------------------------- */

void suspend_patience(struct pool *p, const struct fiber *from, struct fiber *to)
{
    struct suspension *s = &p->suspended;
    for (unsigned i = 0; i < ARRAY_LEN(s->patient); i++)
        if (s->patient[i] == from) {
            s->patient[i] = to;
            return;
        }
}

bool suspend_is_patient(const struct pool *p)
{
    const struct suspension *s = &p->suspended;
    for (unsigned i = 0; i < ARRAY_LEN(s->patient); i++)
        if (s->patient[i] && s->patient[i] == fiber_self())
            return true;
    return false;
}

static bool waits(const struct pool *p)
{
    return p->suspended.failmode == FAILMODE_WAIT || suspend_is_patient(p);
}

int suspend_wait(struct pool *p)
{
    struct suspension *s = &p->suspended;
    if (!s->armed)
        return E(-EIO);
    if (!s->on && vdev_usable(p->root)) {
        fiber_sleep_until(run_deadline_ms(SOON_MS), NULL);
        return 0;
    }
    if (!s->on)
        begin(p);
    while (s->on && !s->let_go)
        waitq_wait(&s->over, NO_DEADLINE, NULL);
    return s->on ? E(-EIO) : 0;
}

int suspend_pass(struct pool *p)
{
    struct suspension *s = &p->suspended;
    while (s->on && !s->let_go && waits(p))
        waitq_wait(&s->over, NO_DEADLINE, NULL);
    return s->on ? E(-EIO) : 0;
}

bool suspend_read(void *arg, uint64_t changes)
{
    struct pool *p = arg;
    if (p->root->changes != changes && !p->suspended.let_go)
        return true;
    if (!p->suspended.on)
        begin(p);
    return waits(p) && suspend_wait(p) == 0;
}
