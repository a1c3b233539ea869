/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caretaker: one fiber per pool that does to the disks what nobody has to be asked for. It
 * looks at the tree after every commit and every few seconds, and does one thing at a time:
 *
 * - a replacement whose new disk has everything ends: the old disk leaves;
 * - a spare whose disk is well again, or was replaced, goes back to the others;
 * - errors that have become too many are acted on (faults.c);
 * - a disk that was missing is tried again, in case it has come back;
 * - a disk that failed, or is missing for longer than a moment, gets a spare;
 * - spares that wait are looked at now and then, so that one that has gone is known before it is needed.
 *
 * All of it can be derived from the tree, so a crash in between changes nothing: the next
 * import's caretaker goes on.
 */
#include "pool/pool_int.h"
#include "pool/scan/scan.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS    5000u  /* between looks when nothing happens */
#define MISSING_MS 10000u /* a disk may be away so long before a spare takes its place */
#define SPARES_MS                                                                              \
    60000u /* between looks at spares: they may sleep for all the pool needs them */

enum care_kind { CARE_NOTHING, CARE_DETACH, CARE_SPARE };
struct care_work {
    enum care_kind kind;
    uint64_t guid; /* the leaf */
};

struct care {
    struct pool *p;
    bool stopping, running, busy;
    bool gave_up;         /* what is to be done did not work, with the tree as it was */
    uint64_t seen, retry; /* the root's `changes` then; when to try again */
    unsigned faulted;     /* disks, as the config was last told */
    uint64_t spares_look; /* when spares are looked at next */
    uint64_t
        unspared; /* the disk that no spare could be had for when that was last said, and why */
    struct err unspared_why;
    struct waitq work, idle;
};

/* ---- what is to be done --------------------------------------------------------------------- */

static bool complete(const struct vdev *vd)
{
    return vdev_is_leaf(vd) && vd->file && vd->state >= VDEV_DEGRADED && vd->dtl.n == 0;
}

/* The leaf that has done its part below an interposed vdev; NULL: none. */
static struct vdev *done_with(const struct vdev *vd)
{
    struct vdev *first = vd->child[0], *last = vd->child[vd->nchildren - 1];
    if (vd->nchildren < 2)
        return NULL;
    if (vd->type == VDEV_REPLACING && vdev_is_leaf(first) && complete(last))
        return first;
    if (vd->type == VDEV_SPARE && vdev_is_leaf(last) && complete(first) &&
        first->state == VDEV_HEALTHY)
        return last;
    return NULL;
}

static struct vdev *find_done(const struct vdev *vd)
{
    struct vdev *leaf =
        vd->type == VDEV_REPLACING || vd->type == VDEV_SPARE ? done_with(vd) : NULL;
    for (unsigned i = 0; i < vd->nchildren && !leaf; i++)
        leaf = find_done(vd->child[i]);
    return leaf;
}

static bool missing(const struct vdev *leaf)
{
    return !leaf->offline && (leaf->state == VDEV_REMOVED || leaf->state == VDEV_CANT_OPEN);
}

/* Since when, for those that are. */
static void note_missing(const struct pool *p)
{
    struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++)
        if (!missing(leaf))
            leaf->missing_since = 0;
        else if (leaf->missing_since == 0)
            leaf->missing_since = run_now();
}

static bool wants_spare(const struct vdev *leaf)
{
    enum vdev_type above = leaf->parent->type;
    if (leaf->is_spare || (above != VDEV_MIRROR && above != VDEV_RAIDZ) ||
        leaf->top->state < VDEV_DEGRADED || leaf->offline)
        return false;
    return leaf->state == VDEV_FAULTED || leaf->degraded ||
           (missing(leaf) && leaf->missing_since &&
            run_now() - leaf->missing_since >= MISSING_MS * NS_PER_MS);
}

static bool has_spare(const struct pool *p)
{
    struct pool_spare_info s;
    for (unsigned i = 0; pool_spare(p, i, &s); i++)
        if (!s.in_use)
            return true;
    return false;
}

static struct care_work next_work(const struct care *c)
{
    const struct pool *p = c->p;
    struct vdev *leaf = find_done(p->root);
    if (c->stopping || p->txgs.failed || p->suspended.on ||
        (c->gave_up && c->seen == p->root->changes && run_now() < c->retry))
        return (struct care_work){0};
    if (leaf)
        return (struct care_work){CARE_DETACH, leaf->guid};
    if (has_spare(p))
        for (unsigned i = 0; (leaf = vdev_leaf(p->root, i)); i++)
            if (wants_spare(leaf))
                return (struct care_work){CARE_SPARE, leaf->guid};
    return (struct care_work){0};
}

/* ---- doing it ---------------------------------------------------------------------------------- */

/* It is tried again every few seconds: only what is new is said. */
static void no_spare(struct care *c, uint64_t leaf, const struct err *why)
{
    if (c->unspared == leaf && strcmp(c->unspared_why.msg, why->msg) == 0)
        return;
    c->unspared = leaf;
    c->unspared_why = *why;
    log_warn("pool.no_spare", KV("pool", "%s", c->p->name), KV("guid", "%" PRIu64, leaf),
             KV("error", "%s", why->msg));
}

/* The first spare that can be had. */
static int send_spare(struct care *c, uint64_t leaf)
{
    struct err why = {0};
    struct pool_spare_info s;
    int r = E(-ENOENT);
    for (unsigned i = 0; r && pool_spare(c->p, i, &s); i++)
        if (!s.in_use)
            r = disk_spare(c->p, leaf, s.guid, &why);
    if (r)
        no_spare(c, leaf, &why);
    else
        c->unspared = 0;
    return r;
}

static void do_work(struct care *c, const struct care_work *w)
{
    c->busy = true;
    int r = w->kind == CARE_DETACH ? disk_detach(c->p, w->guid, NULL) : send_spare(c, w->guid);
    c->gave_up = r != 0;
    c->seen = c->p->root->changes;
    c->retry = run_deadline_ms(MISSING_MS);
    c->busy = false;
    waitq_wake_all(&c->idle);
}

static int config_task(void *arg, uint64_t txg, struct err *reterr)
{
    struct pool *p = arg;
    (void)txg, (void)reterr;
    p->config_dirty = true;
    return 0;
}

/* Errors that are too many now; whatever failed since the last look is written down. */
static void look_at_errors(struct care *c)
{
    bool found = !c->p->suspended.on && faults_look(c->p);
    unsigned faulted = 0;
    const struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(c->p->root, i)); i++)
        faulted += leaf->faulted || leaf->removed;
    if ((found || faulted != c->faulted) && !c->p->suspended.on && !c->p->txgs.failed)
        txg_run(c->p, config_task, c->p, NULL);
    c->faulted = faulted;
}

/* By whatever new device is at its path now; one with labels is left alone. */
static void replace_missing(struct pool *p, uint64_t guid)
{
    char name[32];
    struct err why = {0};
    snprintf(name, sizeof(name), "%" PRIu64, guid);
    pool_replace(p, name, NULL, false, &why);
}

/* Those that were missing, in case they are back, or new ones are there. */
static void look_for_missing(struct care *c)
{
    struct pool *p = c->p;
    struct vdev *leaf;
    bool found = false;
    for (unsigned i = 0; !c->stopping && (leaf = vdev_leaf(p->root, i)); i++) {
        uint64_t guid = leaf->guid;
        /* What it lacks must be on disk first: it may not come back in the middle of the commit that it missed. */
        if (p->suspended.on || !missing(leaf) || leaf->dtl_dirty)
            continue;
        if (vdev_reopen(p->root, guid, p->guid, NULL) == 0)
            found = true;
        else if (p->autoreplace)
            replace_missing(p, guid);
    }
    if (found)
        scan_poke(p);
}

static void look_at_spares(struct care *c)
{
    if (run_now() < c->spares_look)
        return;
    spares_look(c->p);
    c->spares_look = run_deadline_ms(SPARES_MS);
}

static void care_fiber(void *arg)
{
    struct care *c = arg;
    uint64_t look = run_deadline_ms(LOOK_MS);
    while (!c->stopping) {
        note_missing(c->p);
        struct care_work w = next_work(c);
        if (w.kind != CARE_NOTHING) {
            do_work(c, &w);
            continue;
        }
        waitq_wake_all(&c->idle);
        waitq_wait(&c->work, look, NULL);
        if (run_now() < look)
            continue;
        look_at_errors(c);
        look_for_missing(c);
        look_at_spares(c);
        look = run_deadline_ms(LOOK_MS);
    }
    c->running = false;
    waitq_wake_all(&c->idle);
}

/* ---- for the pool ------------------------------------------------------------------------------ */

int care_start(struct pool *p, struct err *reterr)
{
    struct care *c = calloc(1, sizeof(*c));
    if (!c)
        return err_set(reterr, E(-ENOMEM), "pool %s: no memory", p->name);
    c->p = p;
    waitq_init(&c->work);
    waitq_init(&c->idle);
    if (!fiber_start(care_fiber, c, "pool-care")) {
        free(c);
        return err_set(reterr, E(-ENOMEM), "pool %s: no fiber for its disks", p->name);
    }
    c->running = true;
    p->care = c;
    return 0;
}

void care_stop(struct pool *p)
{
    struct care *c = p->care;
    if (!c)
        return;
    c->stopping = true;
    waitq_wake_all(&c->work);
    while (c->running)
        waitq_wait(&c->idle, NO_DEADLINE, NULL);
    p->care = NULL;
    free(c);
}

void care_poke(struct pool *p)
{
    if (p->care)
        waitq_wake_all(&p->care->work);
}

void care_wait(struct pool *p)
{
    struct care *c;
    while ((c = p->care) && c->running && !p->txgs.failed &&
           (c->busy || next_work(c).kind != CARE_NOTHING)) {
        care_poke(p);
        waitq_wait(&c->idle, NO_DEADLINE, NULL);
    }
}
