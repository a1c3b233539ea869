/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of pools. Reactor 0 owns it; a pool itself is touched only on its home, where calls
 * go through here: they are counted, and whoever closes a pool waits for the last of them. A pool's
 * home is chosen once, so that pools share the cores, and its volumes and their LUs live there too.
 */
#include "control/pools_int.h"

#include "base/text.h"
#include "run/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *held_state_name(enum held_state s)
{
    static const char *const names[] = {
        [HELD_IMPORTING] = "importing", [HELD_ONLINE] = "online",
        [HELD_MISSING] = "missing",     [HELD_QUARANTINED] = "quarantined",
        [HELD_CLOSING] = "closing",
    };
    return names[s];
}

/* ---- entries ----------------------------------------------------------------------------- */

struct held_pool *held_find(struct pools *ps, const char *name)
{
    struct held_pool *h;
    list_for_each (h, &ps->list, node) {
        if (strcmp(h->name, name) == 0)
            return h;
    }
    return NULL;
}

/* Volumes without a pool go to the first reactors first, so pools go to the last. */
static struct reactor *home_pick(struct pools *ps)
{
    unsigned count[RUN_MAX_REACTORS] = {0}, n = run_nreactors(ps->env.run), best = n - 1;
    struct held_pool *h;
    list_for_each (h, &ps->list, node)
        count[reactor_index(h->home)]++;
    for (unsigned i = n - 1; i-- > 0;)
        if (count[i] < count[best])
            best = i;
    return run_reactor(ps->env.run, best);
}

struct held_pool *held_add(struct pools *ps, const char *name, enum held_state state)
{
    struct held_pool *h = calloc(1, sizeof(*h));
    if (!h)
        return NULL;
    h->ps = ps;
    h->state = state;
    h->home = home_pick(ps);
    text_copy(h->name, sizeof(h->name), name);
    waitq_init(&h->idle);
    fmutex_init(&h->opening);
    cancel_init(&h->unwanted);
    list_push(&ps->list, &h->node);
    return h;
}

/* The fiber that tries to import it still looks at it. */
void held_drop(struct held_pool *h)
{
    if (!h->gone)
        list_remove(&h->node);
    h->gone = true;
    cancel_fire(&h->unwanted);
    if (h->trying)
        return;
    names_free(h->paths);
    free(h);
}

void held_changed(struct pools *ps)
{
    if (ps->env.changed && !ps->stopping)
        ps->env.changed(ps->env.arg);
}

uint64_t pools_hostid(const struct pools *ps)
{
    return ps->hostid;
}

bool pools_is_online(struct pools *ps, const char *name)
{
    const struct held_pool *h = held_find(ps, name);
    return h && h->state == HELD_ONLINE;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct held_info *)a)->name, ((const struct held_info *)b)->name);
}

int pools_list(struct pools *ps, struct held_info **ret_list, unsigned *ret_n)
{
    unsigned n = 0;
    struct held_pool *h;
    list_for_each (h, &ps->list, node)
        n++;
    struct held_info *out = calloc(n + 1, sizeof(*out)), *i = out;
    if (!out)
        return -ENOMEM;
    list_for_each (h, &ps->list, node) {
        *i = (struct held_info){.guid = h->guid,
                                .state = h->state,
                                .read_only = h->read_only,
                                .reactor = reactor_index(h->home)};
        text_copy(i->name, sizeof(i->name), h->name);
        text_copy(i->reason, sizeof(i->reason), h->reason);
        pool_coming(&h->progress, run_now(), &i->coming);
        i++;
    }
    qsort(out, n, sizeof(*out), by_name);
    *ret_list = out;
    *ret_n = n;
    return 0;
}

/* ---- calls into a pool ------------------------------------------------------------------- */

static int unavailable(const struct held_pool *h, int code, struct err *reterr)
{
    static const char *const what[] = {
        [HELD_IMPORTING] = "it is being imported",
        [HELD_MISSING] = "it cannot be imported yet",
        [HELD_QUARANTINED] = "it is quarantined",
        [HELD_CLOSING] = "it is being closed",
    };
    return err_set(reterr, code, "pool %.60s: %s%s%s", h->name, what[h->state],
                   h->reason[0] ? ": " : "", h->reason);
}

static int missing(const char *name, struct err *reterr)
{
    return err_set(
        reterr, -ENOENT,
        "there is no pool \"%.60s\" here (zsan pool list shows them; zsan pool import "
        "%.60s)",
        name, name);
}

struct visit {
    struct pool *p;
    pool_fn *fn;
    void *arg;
    struct err *reterr;
    int result;
};

static void visit_here(void *arg)
{
    struct visit *v = arg;
    v->result = v->fn(v->p, v->arg, v->reterr);
}

int pools_with(struct pools *ps, const char *name, pool_fn *fn, void *arg, struct err *reterr)
{
    struct held_pool *h = held_find(ps, name);
    if (!h)
        return missing(name, reterr);
    if (h->state != HELD_ONLINE)
        return unavailable(h, -EAGAIN, reterr);
    struct visit v = {h->p, fn, arg, reterr, 0};
    h->users++;
    call_on(h->home, visit_here, &v);
    if (--h->users == 0)
        waitq_wake_all(&h->idle);
    if (v.result < 0 && reterr && !reterr->code)
        err_set(reterr, v.result, "pool %.60s: %s", name, strerror(-v.result));
    return v.result;
}

const char *dataset_below(const char *dataset)
{
    const char *slash = strchr(dataset, '/');
    return slash ? slash + 1 : "";
}

static void pool_of(const char *dataset, char ret_name[CFG_DATASET_LEN])
{
    size_t len = MIN(strcspn(dataset, "/"), (size_t)CFG_DATASET_LEN - 1);
    memcpy(ret_name, dataset, len);
    ret_name[len] = '\0';
}

int pools_with_dataset(struct pools *ps, const char *dataset, pool_fn *fn, void *arg,
                       struct err *reterr)
{
    char name[CFG_DATASET_LEN];
    pool_of(dataset, name);
    return pools_with(ps, name, fn, arg, reterr);
}

/* ---- volumes ----------------------------------------------------------------------------- */

int pools_volume_home(struct pools *ps, const struct cfg_volume *v, struct reactor **ret_home,
                      struct err *reterr)
{
    char name[CFG_DATASET_LEN];
    if (v->engine != CFG_POOL)
        return 0;
    pool_of(v->dataset, name);
    const struct held_pool *h = held_find(ps, name);
    if (!h)
        return missing(name, reterr);
    if (h->state != HELD_ONLINE)
        return unavailable(h, h->state == HELD_IMPORTING ? -EINPROGRESS : -EAGAIN, reterr);
    *ret_home = h->home;
    return 0;
}

struct opening {
    struct pools *ps;
    struct reactor *home;
    const struct cfg_volume *cfg;
    struct volume *vol;
    struct err *reterr;
    int result;
};

/* What the configuration says of a volume counts, whatever else opened its dataset before. */
static int open_here(struct pool *p, void *arg, struct err *reterr)
{
    struct opening *o = arg;
    const struct cfg_volume *cfg = o->cfg;
    struct volume *v;
    if (reactor_self() != o->home)
        return err_set(reterr, -EAGAIN, "pool %s has come back elsewhere", pool_name(p));
    int rc = pool_volume_open(p, dataset_below(cfg->dataset), &v, reterr);
    if (rc < 0)
        return rc;
    if (v->geo.size % cfg->block_size != 0) {
        volume_close(v);
        return err_set(reterr, -EINVAL, "%.120s: its size is no multiple of %u bytes",
                       cfg->dataset, cfg->block_size);
    }
    if (v->sync != cfg->sync && !v->geo.read_only &&
        (rc = pool_set(p, dataset_below(cfg->dataset), "sync", volume_sync_name(cfg->sync),
                       reterr)) < 0) {
        volume_close(v);
        return rc;
    }
    text_copy(v->name, sizeof(v->name), cfg->name);
    v->geo.block_size = cfg->block_size;
    v->geo.physical_block =
        MAX(cfg->physical_block ? cfg->physical_block : v->geo.physical_block, cfg->block_size);
    o->vol = v;
    return 0;
}

/* The table is reactor 0's, and from there it goes back to the volume's home: the caller's. */
static void open_from_table(void *arg)
{
    struct opening *o = arg;
    o->result = pools_with_dataset(o->ps, o->cfg->dataset, open_here, o, o->reterr);
}

int pools_volume_open(struct pools *ps, const struct cfg_volume *v, struct volume **ret_volume,
                      struct err *reterr)
{
    struct opening o = {.ps = ps, .home = reactor_self(), .cfg = v, .reterr = reterr};
    call_on(run_reactor(ps->env.run, 0), open_from_table, &o);
    if (o.result == 0)
        *ret_volume = o.vol;
    return o.result;
}
