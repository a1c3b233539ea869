/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools come and go. Each one that was open at the last stop has a fiber of its own that tries to
 * import it until that succeeds, so that neither the start nor other pools wait for a disk. For the
 * first moments disks may be late: a pool that could only be had without some of them waits. That an
 * import is going on is written down before: one that took the daemon along twice is not tried again. A pool
 * goes in this order: it takes no more calls, its volumes are closed by who follows, the last call
 * ends, it is closed.
 */
#include "control/pools_int.h"

#include "base/log.h"
#include "base/text.h"
#include "run/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS    3000
#define PATIENCE_MS 6000 /* for disks that are late at the start */
#define STOP_MS     5000
#define CRASHES_MAX 2 /* of an import, before the pool is left alone */

int pools_open(const struct pools_env *env, struct pools **ret_pools, struct err *reterr)
{
    struct pools *ps = calloc(1, sizeof(*ps));
    if (!ps)
        return err_set(reterr, -ENOMEM, "out of memory");
    ps->env = *env;
    list_init(&ps->list);
    cancel_init(&ps->stop);
    waitq_init(&ps->tried);
    ps->patient_until = run_deadline_ms(PATIENCE_MS);
    int rc = pools_file_load(ps, reterr);
    if (rc < 0) {
        pools_free(ps);
        return rc;
    }
    *ret_pools = ps;
    return 0;
}

/* ---- on a pool's home -------------------------------------------------------------------- */

struct job {
    struct pool_create_want *create;
    struct pool_import_want *import;
    struct pool *p;
    bool force;
    struct pool_status status; /* of what was opened */
    bool read_only;            /* it was asked for */
    struct err *reterr;
    int result;
};

static void create_here(void *arg)
{
    struct job *j = arg;
    j->result = pool_create(j->create, &j->p, j->reterr);
}

static void import_here(void *arg)
{
    struct job *j = arg;
    j->result = pool_import(j->import, &j->p, j->reterr);
}

static void export_here(void *arg)
{
    struct job *j = arg;
    j->result = pool_export(j->p, j->reterr);
}

static void destroy_here(void *arg)
{
    struct job *j = arg;
    j->result = pool_destroy(j->p, j->force, j->reterr);
}

static void close_here(void *arg)
{
    pool_close(arg);
}

static void status_here(void *arg)
{
    struct job *j = arg;
    const char *forced;
    j->read_only = pool_read_only(j->p, &forced) && !forced[0];
    j->result = pool_status(j->p, &j->status);
}

/* ---- keeping note ------------------------------------------------------------------------ */

static char **disk_paths(const struct pool_status *s)
{
    char **paths = calloc(s->nvdevs + 1, sizeof(*paths));
    unsigned n = 0;
    for (unsigned i = 0; paths && i < s->nvdevs; i++)
        if (s->vdevs[i].leaf && s->vdevs[i].name[0] == '/' &&
            (paths[n] = strdup(s->vdevs[i].name)))
            n++;
    return paths;
}

static bool same_paths(char **a, char **b)
{
    size_t i = 0;
    while (a && b && a[i] && b[i] && strcmp(a[i], b[i]) == 0)
        i++;
    return a && b && !a[i] && !b[i];
}

void held_note(struct held_pool *h)
{
    struct job j = {.p = h->p};
    call_on(h->home, status_here, &j);
    if (j.result < 0)
        return;
    char **paths = disk_paths(&j.status);
    bool news = h->guid != j.status.guid || h->read_only != j.read_only ||
                (paths && !same_paths(paths, h->paths));
    h->guid = j.status.guid;
    h->read_only = j.read_only;
    text_copy(h->health, sizeof(h->health), j.status.health);
    pool_status_free(&j.status);
    if (paths) {
        names_free(h->paths);
        h->paths = paths;
    }
    if (news)
        pools_file_save(h->ps);
}

static int note_visit(struct pool *p, void *arg, struct err *reterr)
{
    (void)p, (void)arg, (void)reterr;
    return 0;
}

void pools_note(struct pools *ps, const char *name)
{
    struct held_pool *h = held_find(ps, name);
    if (!h || pools_with(ps, name, note_visit, NULL, NULL) < 0)
        return;
    h->users++;
    held_note(h);
    if (--h->users == 0)
        waitq_wake_all(&h->idle);
}

/* An import begins that the daemon may not survive, with other disks than at the last try. */
static void risk(struct held_pool *h)
{
    unsigned there = 1;
    for (char **p = h->paths; p && *p; p++)
        there += file_is_there(*p);
    if (there == h->there || h->guid == 0)
        return;
    h->there = there;
    h->attempts++;
    pools_file_save(h->ps);
}

static void survived(struct held_pool *h)
{
    if (h->attempts == 0)
        return;
    h->attempts = 0;
    pools_file_save(h->ps);
}

static void came(struct held_pool *h, struct pool *p, const char *how)
{
    h->p = p;
    h->state = HELD_ONLINE;
    h->reason[0] = '\0';
    h->health[0] = '\0';
    h->guid = 0; /* it is news to the list */
    text_copy(h->name, sizeof(h->name), pool_name(p));
    held_note(h);
    log_info("pool.online", KV("pool", "%s", h->name), KV("how", "%s", how),
             KV("reactor", "%u", reactor_index(h->home)));
    held_changed(h->ps); /* opens its volumes, which may replay logs */
    survived(h);
    pools_share_anew(h->ps);
}

/* Of one more. */
static struct pool_opts opts_of(struct pools *ps)
{
    struct pool_opts opts = pools_share(ps, pools_nopen(ps) + 1);
    opts.hostid = ps->hostid;
    opts.hostname = ps->hostname;
    return opts;
}

/* ---- trying to import -------------------------------------------------------------------- */

static bool all_there(const struct held_pool *h)
{
    for (char **p = h->paths; p && *p; p++)
        if (!file_is_there(*p))
            return false;
    return true;
}

static char **path_join(const char *dir, const char *name, char **at)
{
    if (asprintf(at, "%s/%s", dir, name) < 0)
        *at = NULL;
    return *at ? at + 1 : at;
}

/* The paths that are known and, when some are not there, all disks that have a name. malloc'd;
 * NULL: no memory. */
static char **look_where(const struct held_pool *h, bool everywhere)
{
    char **names = NULL;
    size_t n = 0, more = 0;
    while (h->paths && h->paths[n])
        n++;
    if (everywhere && file_list(POOLS_BY_ID, &names) == 0)
        while (names[more])
            more++;
    char **out = calloc(n + more + 1, sizeof(*out)), **at = out;
    for (size_t i = 0; out && i < n; i++)
        if ((*at = strdup(h->paths[i])))
            at++;
    for (size_t i = 0; out && i < more; i++)
        at = path_join(POOLS_BY_ID, names[i], at);
    names_free(names);
    return out;
}

static int import_known(struct held_pool *h, struct err *reterr)
{
    bool whole = all_there(h);
    if (!whole && run_now() < h->ps->patient_until)
        return err_set(reterr, -EAGAIN, "some of its disks are not there yet");
    char **paths = look_where(h, !whole);
    if (!paths)
        return err_set(reterr, -ENOMEM, "out of memory");
    struct pool_import_want want = {.paths = (const char *const *)paths,
                                    .guid = h->guid,
                                    .new_name = h->name,
                                    .read_only = h->read_only,
                                    .opts = opts_of(h->ps)};
    want.opts.progress = &h->progress;
    struct job j = {.import = &want, .reterr = reterr};
    risk(h);
    call_on(h->home, import_here, &j);
    names_free(paths);
    if (j.result == 0 && h->ps->stopping) {
        call_on(h->home, close_here, j.p);
        j.result = -ECANCELED;
    }
    if (j.result == 0)
        came(h, j.p, "known");
    else
        survived(h);
    return j.result;
}

/* Logged once, however often it is tried. */
static void complain(struct held_pool *h, const struct err *why)
{
    h->state =
        h->state == HELD_IMPORTING && why->code == -EAGAIN ? HELD_IMPORTING : HELD_MISSING;
    if (strcmp(h->reason, why->msg) == 0)
        return;
    text_copy(h->reason, sizeof(h->reason), why->msg);
    if (h->state == HELD_MISSING)
        log_error("pool.unavailable", KV("pool", "%s", h->name), KV("error", "%s", why->msg));
}

static void try_once(struct held_pool *h)
{
    struct err why = {.code = 0};
    fmutex_lock(&h->opening);
    if (!h->p && !h->gone && !h->ps->stopping && import_known(h, &why) < 0 && !h->ps->stopping)
        complain(h, &why);
    fmutex_unlock(&h->opening);
}

static void try_fiber(void *arg)
{
    struct held_pool *h = arg;
    struct pools *ps = h->ps;
    do
        try_once(h);
    while (!h->p && !h->gone &&
           fiber_sleep_until(run_deadline_ms(RETRY_MS), &h->unwanted) == 0);
    h->trying = false;
    if (h->gone)
        held_drop(h);
    ps->ntrying--;
    waitq_wake_all(&ps->tried);
}

static void quarantine(struct held_pool *h)
{
    h->state = HELD_QUARANTINED;
    snprintf(
        h->reason, sizeof(h->reason),
        "its import ended zsand %u times: look into its log, then try again with zsan pool "
        "import %.60s, or read-only with --read-only",
        h->attempts, h->name);
    log_error("pool.quarantined", KV("pool", "%s", h->name), KV("error", "%s", h->reason));
}

void pools_start(struct pools *ps)
{
    struct held_pool *h;
    ps->ntrying += fiber_start(pools_watch, ps, "pool-watch") != NULL;
    list_for_each (h, &ps->list, node) {
        if (h->attempts >= CRASHES_MAX) {
            quarantine(h);
            continue;
        }
        h->trying = fiber_start(try_fiber, h, "pool-import") != NULL;
        ps->ntrying += h->trying;
    }
}

/* ---- the operator's verbs ---------------------------------------------------------------- */

static int taken(const char *name, struct err *reterr)
{
    return err_set(reterr, -EEXIST, "there is a pool \"%.60s\" already", name);
}

int pools_create(struct pools *ps, struct pool_create_want *want, struct err *reterr)
{
    if (held_find(ps, want->name))
        return taken(want->name, reterr);
    struct held_pool *h = held_add(ps, want->name, HELD_IMPORTING);
    if (!h)
        return err_set(reterr, -ENOMEM, "out of memory");
    want->opts = opts_of(ps);
    struct job j = {.create = want, .reterr = reterr};
    call_on(h->home, create_here, &j);
    if (j.result < 0) {
        held_drop(h);
        return j.result;
    }
    came(h, j.p, "created");
    return 0;
}

/* Under a name that is free, or of one that waits. */
static int import_as(struct pools *ps, struct held_pool *h, struct pool_import_want *want,
                     struct err *reterr)
{
    struct job j = {.import = want, .reterr = reterr};
    want->opts = opts_of(ps);
    want->opts.progress = &h->progress;
    risk(h);
    call_on(h->home, import_here, &j);
    if (j.result < 0) {
        survived(h);
        return j.result;
    }
    struct held_pool *other = held_find(ps, pool_name(j.p));
    if (other && other != h) {
        taken(pool_name(j.p), reterr);
        call_on(h->home, close_here, j.p);
        return -EEXIST;
    }
    came(h, j.p, "imported");
    return 0;
}

static int import_new(struct pools *ps, struct pool_import_want *want, struct held_pool **ret,
                      struct err *reterr)
{
    struct held_pool *h = held_add(ps, want->new_name ? want->new_name : "", HELD_IMPORTING);
    if (!h)
        return err_set(reterr, -ENOMEM, "out of memory");
    int rc = import_as(ps, h, want, reterr);
    if (rc < 0)
        held_drop(h);
    else
        *ret = h;
    return rc;
}

/* The fiber that tries it stands aside meanwhile. */
static int import_waiting(struct held_pool *h, struct pool_import_want *want,
                          struct err *reterr)
{
    fmutex_lock(&h->opening);
    char **paths = want->paths ? NULL : look_where(h, true);
    int rc = h->p ? taken(h->name, reterr) : 0;
    if (paths)
        want->paths = (const char *const *)paths;
    if (rc == 0)
        rc = import_as(h->ps, h, want, reterr);
    fmutex_unlock(&h->opening);
    names_free(paths);
    return rc;
}

static int import_somewhere(struct pools *ps, struct pool_import_want *want,
                            struct held_pool **ret, struct err *reterr)
{
    struct held_pool none = {.ps = ps};
    char **paths = want->paths ? NULL : look_where(&none, true);
    if (paths)
        want->paths = (const char *const *)paths;
    int rc = want->paths ? import_new(ps, want, ret, reterr)
                         : err_set(reterr, -ENOMEM, "out of memory");
    names_free(paths);
    return rc;
}

int pools_import(struct pools *ps, struct pool_import_want *want,
                 char ret_name[CFG_DATASET_LEN], struct err *reterr)
{
    const char *as = want->new_name ? want->new_name : want->name;
    struct held_pool *h = as ? held_find(ps, as) : NULL;
    if (h && h->state == HELD_ONLINE)
        return taken(as, reterr);
    int rc = h ? import_waiting(h, want, reterr) : import_somewhere(ps, want, &h, reterr);
    if (rc == 0)
        text_copy(ret_name, CFG_DATASET_LEN, h->name);
    return rc;
}

int pools_import_preview(struct pools *ps, struct pool_import_want *want, struct err *reterr)
{
    const char *as = want->new_name ? want->new_name : want->name;
    struct held_pool none = {.ps = ps}, *h = as ? held_find(ps, as) : NULL;
    struct pool *p = NULL;
    if (h && h->state == HELD_ONLINE)
        return taken(as, reterr);
    char **paths = want->paths ? NULL : look_where(h ? h : &none, true);
    if (paths)
        want->paths = (const char *const *)paths;
    want->opts = opts_of(ps);
    want->dry_run = true;
    int rc =
        want->paths ? pool_import(want, &p, reterr) : err_set(reterr, -ENOMEM, "out of memory");
    names_free(paths);
    return rc;
}

/* Nobody is inside any more, and its volumes are closed as far as they let go. */
static void empty(struct held_pool *h)
{
    h->state = HELD_CLOSING;
    held_changed(h->ps);
    while (h->users != 0)
        waitq_wait(&h->idle, NO_DEADLINE, NULL);
}

static int forget(struct held_pool *h)
{
    struct pools *ps = h->ps;
    log_info("pool.forgotten", KV("pool", "%s", h->name));
    held_drop(h);
    pools_file_save(ps);
    return 0;
}

static int not_suspended(struct pool *p, void *arg, struct err *reterr)
{
    struct pool_trouble t;
    (void)arg;
    pool_trouble(p, &t);
    return t.kind == POOL_SUSPENDED
               ? err_set(
                     reterr, -EAGAIN,
                     "pool %.60s is suspended and waits for its disks: bring them back first, "
                     "or stop zsand",
                     pool_name(p))
               : 0;
}

/* Export or destroy. */
static int end_open(struct held_pool *h, void (*end_here)(void *arg), bool force,
                    struct err *reterr)
{
    struct job j = {.p = h->p, .force = force, .reterr = reterr};
    int rc = pools_with(h->ps, h->name, not_suspended, NULL, reterr);
    if (rc < 0)
        return rc;
    empty(h);
    call_on(h->home, status_here, &j);
    unsigned busy = j.result == 0 ? j.status.open_volumes : 0;
    pool_status_free(&j.status);
    if (busy > 0) {
        h->state = HELD_ONLINE;
        held_changed(h->ps);
        return err_set(reterr, -EBUSY,
                       "pool %.60s: %u of its volumes are in use and don't let go: zsan volume "
                       "list shows them",
                       h->name, busy);
    }
    call_on(h->home, end_here, &j);
    /* It holds datasets, was suspended just now, or is read-only: it is still open. */
    if (j.result == -EBUSY || j.result == -EAGAIN || j.result == -EROFS) {
        h->state = HELD_ONLINE;
        held_changed(h->ps);
        return j.result;
    }
    h->p = NULL;
    return j.result;
}

static int closing_already(const char *name, struct err *reterr)
{
    return err_set(reterr, -EBUSY, "pool %.60s is being closed already", name);
}

static int ended(struct held_pool *h, int rc)
{
    struct pools *ps = h->ps;
    if (h->p)
        return rc;
    held_drop(h);
    pools_file_save(ps);
    pools_share_anew(ps);
    return rc;
}

int pools_destroy(struct pools *ps, const char *name, bool force, struct err *reterr)
{
    struct held_pool *h = held_find(ps, name);
    if (h && h->state == HELD_CLOSING)
        return closing_already(name, reterr);
    int rc = pools_with(ps, name, not_suspended, NULL, reterr);
    if (rc < 0)
        return rc;
    rc = end_open(h, destroy_here, force, reterr);
    if (!h->p)
        log_info("pool.destroyed", KV("pool", "%s", name));
    return ended(h, rc);
}

int pools_export(struct pools *ps, const char *name, struct err *reterr)
{
    struct held_pool *h = held_find(ps, name);
    if (!h)
        return err_set(reterr, -ENOENT,
                       "there is no pool \"%.60s\" (zsan pool list shows them)", name);
    if (h->state == HELD_CLOSING)
        return closing_already(name, reterr);
    if (h->state != HELD_ONLINE)
        return forget(h);
    int rc = end_open(h, export_here, false, reterr);
    if (!h->p)
        log_info("pool.exported", KV("pool", "%s", name));
    return ended(h, rc);
}

/* ---- the end ----------------------------------------------------------------------------- */

static void let_go_here(void *arg)
{
    pool_let_go(arg);
}

void pools_let_go(struct pools *ps)
{
    struct held_pool *h;
    list_for_each (h, &ps->list, node)
        if (h->p)
            call_on(h->home, let_go_here, h->p);
}

static void end_fiber(void *arg)
{
    struct held_pool *h = arg;
    struct pools *ps = h->ps;
    struct job j = {.p = h->p};
    fmutex_lock(
        &h->opening); /* it may have come this very moment, and its volumes be opening */
    fmutex_unlock(&h->opening);
    while (h->users != 0)
        waitq_wait(&h->idle, NO_DEADLINE, NULL);
    call_on(h->home, status_here, &j);
    bool busy = j.result < 0 || j.status.open_volumes > 0;
    pool_status_free(&j.status);
    if (busy) /* net has said which volume does not let go */
        return;
    call_on(h->home, close_here, h->p);
    h->p = NULL;
    log_info("pool.closed", KV("pool", "%s", h->name));
    ps->ntrying--;
    waitq_wake_all(&ps->tried);
}

static void say_abandoned(struct pools *ps)
{
    const struct held_pool *h;
    list_for_each (h, &ps->list, node)
        if (h->p)
            log_error("pool.abandoned", KV("pool", "%s", h->name),
                      KV("error", "it does not let go: the daemon stops without it"));
}

int pools_stop(struct pools *ps)
{
    uint64_t deadline = run_deadline_ms(STOP_MS);
    struct held_pool *h, *tmp;
    int rc = 0;
    if (!ps)
        return 0;
    ps->stopping = true;
    cancel_fire(&ps->stop);
    list_for_each (h, &ps->list, node) {
        cancel_fire(&h->unwanted);
        if (!h->p)
            continue;
        h->state = HELD_CLOSING;
        if (fiber_start(end_fiber, h, "pool-close"))
            ps->ntrying++;
        else
            rc = -ENOMEM;
    }
    while (rc == 0 && ps->ntrying != 0)
        rc = waitq_wait(&ps->tried, deadline, NULL);
    if (rc < 0) {
        say_abandoned(ps);
        return -ETIMEDOUT;
    }
    list_for_each_safe (h, tmp, &ps->list, node)
        held_drop(h);
    return 0;
}

void pools_free(struct pools *ps)
{
    struct held_pool *h, *tmp;
    if (!ps)
        return;
    list_for_each_safe (h, tmp, &ps->list, node)
        held_drop(h);
    free(ps);
}
