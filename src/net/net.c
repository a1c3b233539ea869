/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bringing what is served in line with a version of the configuration, in an order in which
 * nothing is ever reachable that should not be: first what goes is taken from the sessions,
 * then closed; then what comes is opened, then mapped, then portals open. An object that cannot
 * be brought up stays on the list and is tried again every RETRY_MS; its LUNs answer "becoming
 * ready". Nothing here waits beyond a deadline for a store: what it holds up goes on by itself.
 */
#include "net/net_int.h"
#include "net/radius_int.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS       3000
#define PATIENCE_MS    2000  /* with a store that does not answer; with the next ones less */
#define STOP_LOGOUT_MS 1000  /* initiators get this long to log out by themselves */
#define STOP_TASKS_MS  10000 /* their commands to end */
#define STOP_CLOSE_MS  5000  /* volumes to be flushed and closed */

int net_new(struct run *run, const struct net_env *env, struct net **ret_net,
            struct err *reterr)
{
    struct net *net = calloc(1, sizeof(*net));
    if (!net)
        return err_set(reterr, -ENOMEM, "out of memory");
    net->run = run;
    net->env = *env;
    list_init(&net->volumes);
    list_init(&net->closing);
    waitq_init(&net->errand_over);
    list_init(&net->portals);
    list_init(&net->conns);
    list_init(&net->sources);
    list_init(&net->blocks);
    timer_init(&net->backoff_tick, login_backoff_tick);
    list_init(&net->isns);
    waitq_init(&net->isns_gone);
    list_init(&net->radius);
    fmutex_init(&net->applying);
    waitq_init(&net->conn_gone);
    cancel_init(&net->stop);
    waitq_init(&net->retry_ended);
    *ret_net = net;
    return 0;
}

/* ---- sessions follow --------------------------------------------------------------------- */

static void remap_here(struct conn *c, void *arg)
{
    struct lun_map **want = arg;
    struct lun_map *m = *want;
    *want = NULL;
    session_remap(c, m);
}

static void revoke_here(struct conn *c, void *arg)
{
    (void)arg;
    if (!c->closing) {
        iscsi_async_drop(c->iscsi, 0, 0);
        conn_shut(c, "its grant or target is gone, or not for its source network");
    }
}

/* A session must not keep a LU that goes, so there is no going on without memory. */
static struct lun_map *map_wanted(struct net *net, const struct cfg_target *t,
                                  const char *initiator)
{
    static const struct cfg_target none;
    struct lun_map *m;
    while (!(m = lun_map_for(net, t ? t : &none, initiator)))
        fiber_sleep_until(run_deadline_ms(100), NULL);
    return m;
}

/* rehost: its initiator's host, too. */
static void follow(struct net *net, struct conn *c, bool rehost)
{
    const struct cfg_target *t = session_target(net, c);
    if (!t)
        conn_call(c, revoke_here, NULL);
    struct lun_map *m = map_wanted(net, t, iscsi_conn_params(c->iscsi)->initiator);
    if (!rehost)
        m->host[0] = '\0';
    conn_call(c, remap_here, &m);
    free(m);
}

/* Logins in progress are judged again at their end; here they end with their portal. Hosts change when
 * the volumes know their new names. */
static void sessions_follow(struct net *net, bool rehost)
{
    for (struct conn *c = conn_next(net, NULL); c; c = conn_next(net, c))
        if (c->session)
            follow(net, c, rehost);
        else if (!session_may_stay(net, c))
            conn_call(c, revoke_here, NULL);
}

/* Sessions that were told to go have gone when a change is reported as done, if they can. */
static void wait_revoked(struct net *net, uint64_t deadline)
{
    struct conn *c;
    while (run_now() < deadline) {
        bool any = false;
        list_for_each (c, &net->conns, node) {
            any = any || (c->session && !session_target(net, c));
        }
        if (!any)
            return;
        waitq_wait(&net->conn_gone, run_deadline_ms(100), NULL);
    }
}

/* ---- applying ---------------------------------------------------------------------------- */

static void retry(void *arg);

static void retry_later(struct net *net)
{
    if (!net->retry_running && !net->stopping)
        net->retry_running = fiber_start(retry, net, "net-retry") != NULL;
}

static int bring_up(struct net *net, struct patience *patience, struct err *reterr)
{
    const struct config *c = net->cfg;
    int r = volumes_apply(net, c, patience, reterr);
    volumes_tell_ports(net, c);
    sessions_follow(net, true);
    bool told = r < 0 && r != -EINPROGRESS;
    int p = portals_apply(net, c, told ? NULL : reterr);
    volumes_tell_absence(net, c);
    radius_apply(net, &c->radius);
    int i = isns_apply(net, told || p < 0 ? NULL : reterr);
    if (r < 0 || p < 0 || i < 0)
        retry_later(net);
    return told ? r : p < 0 ? p : i < 0 ? i : r;
}

static void retry(void *arg)
{
    struct net *net = arg;
    int r = -EAGAIN;
    while (r < 0 && fiber_sleep_until(run_deadline_ms(RETRY_MS), &net->stop) == 0) {
        fmutex_lock(&net->applying);
        struct patience patience = {PATIENCE_MS};
        r = net->stopping ? 0 : bring_up(net, &patience, NULL);
        fmutex_unlock(&net->applying);
    }
    net->retry_running = false;
    waitq_wake_all(&net->retry_ended);
}

int net_apply(void *arg, const struct config *c, struct err *reterr)
{
    struct net *net = arg;
    fmutex_lock(&net->applying);
    if (net->stopping) {
        fmutex_unlock(&net->applying);
        return err_set(reterr, -ESHUTDOWN, "the daemon is stopping");
    }
    uint64_t deadline = run_deadline_ms(PATIENCE_MS);
    struct patience patience = {PATIENCE_MS};
    const struct config *old = net->cfg;
    config_ref(c);
    net->cfg = c;
    volumes_mark(net, c);
    portals_mark(net, c);
    sessions_follow(net, false);
    sessions_settle(net, deadline);
    wait_revoked(net, deadline);
    int closed = volumes_close_marked(net, &patience, reterr);
    int r = bring_up(net, &patience, closed < 0 ? NULL : reterr);
    if (old)
        config_put(old);
    fmutex_unlock(&net->applying);
    return closed < 0 ? closed : r;
}

/* ---- the end ----------------------------------------------------------------------------- */

static void ask_logout(struct conn *c, void *arg)
{
    (void)arg;
    if (!c->closing && c->logged_in) {
        c->told_to_go = true;
        iscsi_async_logout(c->iscsi, 1);
        conn_kick(c);
    }
}

static void stop_here(struct conn *c, void *arg)
{
    (void)arg;
    if (!c->closing && c->logged_in)
        iscsi_async_drop(c->iscsi, 1, 60);
    conn_shut(c, "the daemon stops");
}

static void for_all(struct net *net, void (*fn)(struct conn *c, void *arg))
{
    for (struct conn *c = conn_next(net, NULL); c; c = conn_next(net, c))
        conn_call(c, fn, NULL);
}

static void wait_conns(struct net *net, uint64_t deadline)
{
    while (!list_empty(&net->conns) && waitq_wait(&net->conn_gone, deadline, NULL) == 0)
        ;
}

static void say_abandoned(struct net *net)
{
    const struct open_volume *o;
    list_for_each (o, &net->closing, node)
        log_error("volume.abandoned", KV("volume", "%s", o->name),
                  KV("error", "its store does not answer: the daemon stops without it"));
}

int net_stop(struct net *net)
{
    net->stopping = true;
    cancel_fire(&net->stop);
    while (net->retry_running) /* before the lock, which it may be about to take */
        waitq_wait(&net->retry_ended, NO_DEADLINE, NULL);
    fmutex_lock(&net->applying);
    isns_stop(net); /* nobody is sent to us who would come too late */
    portals_apply(net, NULL, NULL);
    volumes_lift_limits(net);
    for_all(net, ask_logout);
    wait_conns(net, run_deadline_ms(STOP_LOGOUT_MS));
    for_all(net, stop_here);
    if (net->env.let_go)
        net->env.let_go(net->env.arg);
    wait_conns(net, run_deadline_ms(STOP_TASKS_MS));
    uint64_t deadline = run_deadline_ms(STOP_CLOSE_MS);
    struct patience patience = {STOP_CLOSE_MS};
    volumes_mark(net, NULL);
    volumes_close_marked(net, &patience, NULL);
    int r = errands_wait(net, deadline);
    if (r < 0)
        say_abandoned(net);
    else
        wait_conns(net, NO_DEADLINE);
    fmutex_unlock(&net->applying);
    return r;
}

void net_free(struct net *net)
{
    if (!net)
        return;
    timer_cancel(&net->backoff_tick);
    radius_apply(net, NULL);
    if (net->cfg)
        config_put(net->cfg);
    free(net);
}
