/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wiring, in the order of dependence: configuration, front, control plane; first start; ready.
 * The main fiber then waits for the stop that the signal thread asks for, and takes all down in
 * reverse. Home: reactor 0.
 */
#include "cmd/daemon/daemon.h"

#include "audit/audit.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/daemon/boot.h"
#include "cmd/daemon/first_start.h"
#include "cmd/daemon/interfaces.h"
#include "cmd/daemon/open_volume.h"
#include "cmd/daemon/signals.h"
#include "control/control.h"
#include "run/iobuf.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define DATA_MEMORY_MIN (UINT64_C(64) << 20)
#define POOL_MEMORY_MIN (UINT64_C(64) << 20)
#define POOL_DIRTY_MAX  (UINT64_C(4) << 30)
#define EXIT_UNFINISHED 3
#define STOP_MAX_MS     25000 /* less than TimeoutStopSec in packaging/zsand.service */
#define HOOK_MS         1000  /* for the hook to be told of the last events */

struct life {
    struct daemon *d;
    struct run *run;
    struct config_store *store;
    struct net *net;
    struct control *control;
    struct engines engines;
    char *volumes_dir, *audit_dir;
    struct waitq stop_asked;
    bool stopping;
};

/* Bytes; 0: the system doesn't tell. */
static uint64_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

uint64_t daemon_data_memory(uint64_t configured)
{
    return configured ? configured : MAX(machine_memory() / 8, DATA_MEMORY_MIN);
}

static void set_pools_memory(struct pools *ps, const struct cfg_limits *l)
{
    uint64_t cache = MAX(machine_memory() / 4, POOL_MEMORY_MIN);
    uint64_t dirty = MIN(MAX(machine_memory() / 10, POOL_MEMORY_MIN), POOL_DIRTY_MAX);
    pools_set_memory(ps, l->pool_cache ? l->pool_cache : cache,
                     l->pool_dirty ? l->pool_dirty : dirty);
}

/* The subscriber: what a version says about this process, then all it says about what is
 * served. */
static int apply(void *arg, const struct config *c, struct err *reterr)
{
    struct life *l = arg;
    admit_set_budget(l->run, daemon_data_memory(c->limits.data_memory));
    set_pools_memory(l->engines.pools, &c->limits);
    return net_apply(l->net, c, reterr);
}

/* What cannot be brought up now is retried by net/; the daemon serves the rest meanwhile. */
static void apply_current(struct life *l)
{
    struct err e = {.code = 0};
    const struct config *c = config_current(l->store);
    int r = apply(l, c, &e);
    if (r < 0 && r != -EINPROGRESS) /* a pool is on its way */
        log_error("start.incomplete", KV("error", "%s", e.msg));
    config_put(c);
}

/* A pool came, or goes: what is served follows. */
static void pools_changed(void *arg)
{
    struct life *l = arg;
    const struct config *c = config_current(l->store);
    net_apply(l->net, c, NULL); /* what it could not do it has logged, and does again */
    config_put(c);
}

static int open_pools(struct life *l, struct err *reterr)
{
    const struct pools_env env = {
        .run = l->run, .dir = l->d->options->state, .changed = pools_changed, .arg = l};
    return pools_open(&env, &l->engines.pools, reterr);
}

static int start_control(struct life *l, struct err *reterr)
{
    const struct options *o = l->d->options;
    const struct control_env env = {
        .run = l->run,
        .store = l->store,
        .net = l->net,
        .events = l->d->events,
        .audit = l->d->audit,
        .pools = l->engines.pools,
        .volumes_dir = l->volumes_dir,
        .create_file = store_file_create,
        .networks = interfaces_read,
        .uid = geteuid(),
        .group = o->group,
        .readers = o->readers,
    };
    return control_open(&env, o->control, &l->control, reterr);
}

static int start_demo(struct life *l, struct err *reterr)
{
    const struct options *o = l->d->options;
    CLEANUP(freep) char *disks = NULL;
    if (!o->first_start)
        return 0;
    if (asprintf(&disks, "%s/disks", o->state) < 0)
        return err_set(reterr, -ENOMEM, "out of memory");
    const struct first_start p = {.disks_dir = disks,
                                  .pools = l->engines.pools,
                                  .listen = o->listen,
                                  .any_address = o->any_address,
                                  .port = o->port,
                                  .control = o->control};
    return first_start(l->store, &p, reterr);
}

static int start(struct life *l, struct err *reterr)
{
    const struct options *o = l->d->options;
    CLEANUP(freep) char *dir = NULL;
    if (asprintf(&dir, "%s/config", o->state) < 0 ||
        asprintf(&l->volumes_dir, "%s/volumes", o->state) < 0 ||
        asprintf(&l->audit_dir, "%s/audit", o->state) < 0)
        return err_set(reterr, -ENOMEM, "out of memory");
    int rc = config_store_open(dir, l->d->secrets_key, &l->store, reterr);
    if (rc == 0) /* the store's lock is the state folder's */
        rc = audit_open(l->d->audit, l->run, l->audit_dir, reterr);
    if (rc < 0)
        return rc;
    l->engines.store = l->store;
    if ((rc = open_pools(l, reterr)) < 0)
        return rc;
    struct net_env env = {.open_volume = open_volume,
                          .volume_home = volume_home,
                          .is_volume = is_volume,
                          .let_go = let_go,
                          .logged_in = logged_in,
                          .arg = &l->engines};
    boot_id(env.power_epoch);
    if ((rc = net_new(l->run, &env, &l->net, reterr)) < 0)
        return rc;
    config_subscribe(l->store, apply, l);
    pools_start(l->engines.pools);
    apply_current(l);
    if ((rc = start_control(l, reterr)) < 0)
        return rc;
    return start_demo(l, reterr);
}

/* The kernel takes what is left; nothing that was acknowledged is in our memory alone. */
NO_RETURN static void leave(void)
{
    fiber_sleep_until(run_deadline_ms(HOOK_MS), NULL);
    _exit(EXIT_UNFINISHED);
}

static void watch_stop(void *arg)
{
    (void)arg;
    fiber_sleep_until(run_deadline_ms(STOP_MAX_MS), NULL);
    log_error("stop.forced", KV("error", "the daemon could not end in order in time"));
    leave();
}

/* The front first has its volumes named that do not let go; whoever waits for them does not either. */
static void stop(struct life *l)
{
    sd_notify(0, "STOPPING=1");
    fiber_start(watch_stop, NULL, "stop-watch");
    int control = control_close(l->control);
    int net = l->net ? net_stop(l->net) : 0;
    if (pools_stop(l->engines.pools) < 0 || net < 0)
        leave();
    if (control < 0) {
        log_error("stop.forced", KV("error", "a call of the control socket does not end"));
        leave();
    }
    net_free(l->net);
    pools_free(l->engines.pools);
    if (l->store)
        config_store_close(l->store);
    free(l->volumes_dir);
}

/* By the signal thread, as a fiber. */
static void ask_to_stop(void *arg)
{
    struct life *l = arg;
    l->stopping = true;
    waitq_wake_all(&l->stop_asked);
}

/* Apart, for its fields take room on the stack. */
static __attribute__((noinline)) void say_ready(struct life *l)
{
    const struct config *c = config_current(l->store);
    log_info("ready", KV("version", "%s", ZSAN_VERSION),
             KV("generation", "%llu", (unsigned long long)c->generation),
             KV("reactors", "%u", run_nreactors(l->run)), KV("io", "%s", run_io_name(l->run)),
             KV("state", "%s", l->d->options->state));
    config_put(c);
}

static void live(void *arg)
{
    struct life *l = arg;
    struct err e = {.code = 0};
    int rc = start(l, &e);
    if (rc < 0) {
        log_error("start.failed", KV("error", "%s", e.msg));
        l->d->exit_status = 1;
    } else {
        say_ready(l);
        sd_notify(0, "READY=1");
    }
    while (rc == 0 && !l->stopping)
        waitq_wait(&l->stop_asked, NO_DEADLINE, NULL);
    stop(l);
    log_info("stopped");
    audit_close(l->d->audit);
    free(l->audit_dir);
    run_stop(l->run);
}

void daemon_run(struct run *run, struct daemon *d)
{
    struct life l = {.d = d, .run = run};
    struct signals *signals = NULL;
    struct err e = {.code = 0};
    waitq_init(&l.stop_asked);
    if (signals_start(run, ask_to_stop, &l, &signals, &e) < 0) {
        log_error("start.failed", KV("error", "%s", e.msg));
        d->exit_status = 1;
        return;
    }
    run_loop(run, live, &l);
    signals_stop(signals);
}
