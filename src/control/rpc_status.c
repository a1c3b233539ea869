/* SPDX-License-Identifier: BSD-2-Clause */
/* What is served, and what needs an operator: volumes that are not online or give durability
 * up, portals that are down, sessions that logged in with less than mutual CHAP of a good hash
 * away from loopback. Parks. */
#include "base/cleanup.h"
#include "control/api_gen.h"
#include "control/guard.h"
#include "control/pool_look.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PROBLEM_LEN 800 /* three names and a few words */

struct report {
    struct jb b;
    json_t *problems;
    unsigned online, listening, portals;
};

static void problem(struct report *r, const char *object, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static void problem(struct report *r, const char *object, const char *fmt, ...)
{
    char text[PROBLEM_LEN];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    json_t *j = jb_object(&r->b);
    jb_text(&r->b, j, "object", object);
    jb_text(&r->b, j, "text", text);
    jb_push(&r->b, r->problems, j);
}

static void look_at_volumes(struct report *r, const struct config *cfg, const struct live *l)
{
    char object[CFG_NAME_LEN + 16], text[PROBLEM_LEN];
    for (unsigned i = 0; i < cfg->nvolumes; i++) {
        const struct cfg_volume *v = &cfg->volumes[i];
        const struct net_volume_info *now = live_volume(l, v->name);
        bool online = now && now->state == NET_VOL_ONLINE;
        bool busy = now && now->state == NET_VOL_BUSY;
        snprintf(object, sizeof(object), "volume %s", v->name);
        r->online += online;
        if (busy)
            problem(r, object,
                    "busy: %s; commands wait, and changes to it are made when it does",
                    now->reason);
        else if (!online)
            problem(r, object, "not online, it is tried again every few seconds: %s",
                    now && now->reason[0] ? now->reason : "not opened yet");
        if (v->sync == VOL_SYNC_DISABLED)
            problem(r, object,
                    "sync is disabled: acknowledged writes are lost when the power fails "
                    "(zsan volume set %s --sync always)",
                    v->name);
        if (guard_problem(cfg, v, now, text, sizeof(text)))
            problem(r, object, "%s", text);
        if (guard_fs_problem(v, now, text, sizeof(text)))
            problem(r, object, "%s", text);
        fiber_maybe_yield();
    }
}

static void look_at_closing(struct report *r, const struct config *cfg, const struct live *l)
{
    char object[CFG_NAME_LEN + 16];
    for (unsigned i = 0; i < l->nvolumes; i++) {
        const struct net_volume_info *v = &l->volumes[i];
        if (v->state != NET_VOL_CLOSING || config_volume(cfg, v->name))
            continue;
        snprintf(object, sizeof(object), "volume %s", v->name);
        problem(r, object, "removed, but still open: %s; it is closed when it does", v->reason);
    }
}

static void look_at_pool(void *arg, const struct held_info *h, const struct pool_view *v)
{
    struct report *r = arg;
    char object[CFG_DATASET_LEN + 16];
    const char *action = NULL, *what = v ? pool_problem(v, &action) : NULL;
    snprintf(object, sizeof(object), "pool %s", h->name);
    if (!v)
        problem(r, object, "%s, its volumes wait%s%s", held_state_name(h->state),
                h->reason[0] ? ": " : "", h->reason);
    else if (what)
        problem(r, object, "%s: %s %s (zsan pool status %s)", v->status.health, what, action,
                h->name);
}

static int look_at_portals(struct report *r, struct net *net)
{
    char object[SOCK_ADDR_LEN + 16];
    CLEANUP(freep) struct net_portal_info *all = NULL;
    if (net_portals(net, &all, &r->portals) < 0)
        return -ENOMEM;
    for (unsigned i = 0; i < r->portals; i++) {
        snprintf(object, sizeof(object), "portal %s", all[i].addr.text);
        r->listening += all[i].listening;
        if (!all[i].listening)
            problem(r, object, "not listening, it is tried again every few seconds: %s",
                    all[i].reason);
    }
    return 0;
}

static int look_at_isns(struct report *r, struct net *net)
{
    char object[SOCK_ADDR_LEN + 16];
    CLEANUP(freep) struct net_isns_info *all = NULL;
    unsigned n;
    if (net_isns(net, &all, &n) < 0)
        return -ENOMEM;
    for (unsigned i = 0; i < n; i++) {
        snprintf(object, sizeof(object), "isns %s", all[i].addr.text);
        if (all[i].state == NET_ISNS_FAILED)
            problem(r, object, "targets are not registered there, it is tried again: %s",
                    all[i].error);
    }
    return 0;
}

static int look_at_radius(struct report *r, struct net *net)
{
    char object[SOCK_ADDR_LEN + 16];
    CLEANUP(freep) struct net_radius_info *all = NULL;
    unsigned n;
    if (net_radius(net, &all, &n) < 0)
        return -ENOMEM;
    for (unsigned i = 0; i < n; i++) {
        snprintf(object, sizeof(object), "radius %s", all[i].addr.text);
        if (all[i].state == NET_RADIUS_SILENT)
            problem(r, object, "it did not answer when it was asked last: %s", all[i].error);
    }
    return 0;
}

static void look_at_sessions(struct report *r, const struct live *l)
{
    char object[40];
    for (unsigned i = 0; i < l->nsessions; i++) {
        const struct net_session_info *s = &l->sessions[i];
        if (!s->weak)
            continue;
        snprintf(object, sizeof(object), "session %llu", (unsigned long long)s->id);
        problem(r, object,
                "weak login of %.100s from %.60s (%s): zsan initiator set --auth mutual "
                "--chap sha3-256,sha256",
                s->initiator, s->peer.text, s->auth);
    }
}

static void look_at_audit(struct report *r, struct audit *audit)
{
    struct audit_info i;
    if (!audit)
        return;
    audit_info(audit, &i);
    if (i.failing[0])
        problem(r, "audit trail", "nothing can be written, it is tried again: %s", i.failing);
    if (i.broken[0])
        problem(r, "audit trail", "somebody meddled with it: %s (zsan audit verify)", i.broken);
}

/* Mutual CHAP is what is required; who needs less of it is named for as long as it lasts. */
static void look_at_initiators(struct report *r, const struct config *cfg)
{
    static const char *const what[] = {
        [CFG_AUTH_ONE_WAY] = "has to prove itself but the target need not (auth one-way)",
        [CFG_AUTH_NONE] = "logs in on loopback without any proof (auth none)",
    };
    char object[CFG_NAME_LEN + 16];
    for (unsigned i = 0; i < cfg->ninitiators; i++) {
        const struct cfg_initiator *ini = &cfg->initiators[i];
        fiber_maybe_yield();
        if (ini->auth == CFG_AUTH_MUTUAL)
            continue;
        snprintf(object, sizeof(object), "initiator %s", ini->name);
        problem(r, object, "%s: zsan initiator set --auth mutual", what[ini->auth]);
    }
}

json_t *totals_json(struct jb *b, const struct net_totals *t)
{
    json_t *j = jb_object(b);
    jb_uint(b, j, "connections", t->connections);
    jb_uint(b, j, "sessions", t->sessions);
    jb_uint(b, j, "logins_in_progress", t->logins_in_progress);
    jb_uint(b, j, "logins", t->logins);
    jb_uint(b, j, "logins_refused", t->logins_refused);
    jb_uint(b, j, "connections_refused", t->connections_refused);
    jb_uint(b, j, "logins_displaced", t->logins_displaced);
    jb_uint(b, j, "logins_held_back", t->logins_held_back);
    jb_uint(b, j, "sources_held_back", t->sources_held_back);
    jb_uint(b, j, "sources_refused", t->sources_refused);
    jb_uint(b, j, "rejects", t->rejects);
    jb_uint(b, j, "digest_errors", t->digest_errors);
    jb_uint(b, j, "data_used", t->data_used);
    jb_uint(b, j, "data_budget", t->data_budget);
    return j;
}

static json_t *status_json(struct control *c, struct report *r, const struct config *cfg,
                           const struct net_totals *t)
{
    struct jb *b = &r->b;
    json_t *j = jb_object(b);
    jb_text(b, j, "version", ZSAN_VERSION);
    jb_uint(b, j, "generation", cfg->generation);
    jb_uint(b, j, "uptime", (run_now() - c->started) / NS_PER_SEC);
    jb_text(b, j, "io", t->io);
    jb_bool(b, j, "healthy", json_array_size(r->problems) == 0);
    jb_put(b, j, "problems", r->problems);
    jb_uint(b, j, "volumes", cfg->nvolumes);
    jb_uint(b, j, "volumes_online", r->online);
    jb_uint(b, j, "targets", cfg->ntargets);
    jb_uint(b, j, "portals", r->portals);
    jb_uint(b, j, "portals_listening", r->listening);
    jb_uint(b, j, "initiators", cfg->ninitiators);
    jb_text(b, j, "chap_require", cfg_chap_name(cfg->limits.chap_require));
    jb_uint(b, j, "reactors", t->nreactors);
    jb_put(b, j, "totals", totals_json(b, t));
    return j;
}

int rpc_status(struct control *c, const struct args_status *a, json_t **ret_result,
               struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    CLEANUP(freep) struct net_totals *t = calloc(1, sizeof(*t));
    struct report r = {.b = {false}};
    LIVE(l);
    (void)a;
    if (!t || live_take(c, &l, reterr) < 0)
        return -ENOMEM;
    r.problems = jb_list(&r.b);
    net_totals(c->env.net, t);
    if (pools_each(c->env.pools, NULL, look_at_pool, &r, reterr) < 0)
        r.b.bad = true;
    look_at_volumes(&r, cfg, &l);
    look_at_closing(&r, cfg, &l);
    look_at_initiators(&r, cfg);
    look_at_audit(&r, c->env.audit);
    look_at_sessions(&r, &l);
    if (look_at_portals(&r, c->env.net) < 0 || look_at_isns(&r, c->env.net) < 0 ||
        look_at_radius(&r, c->env.net) < 0)
        r.b.bad = true;
    return jb_done(&r.b, status_json(c, &r, cfg, t), ret_result, reterr);
}
