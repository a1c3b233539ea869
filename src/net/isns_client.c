/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a registration, as one fiber for each server: connect, bring what the server knows in line with what is
 * served, stay, and look again when something changed, when the server tells of a change, and well before it would
 * forget us; when anything fails, wait a while and begin anew; at the end take the registration back. Nothing waits for this
 * fiber but the daemon's stop, and that is as short as LAST_MS.
 *
 * What the server knows is s->have. Whoever is not sure of it sets it to NULL, and the next registration replaces the whole
 * entity: so nothing stale stays behind, not even of a daemon that was killed.
 */
#include "net/isns_int.h"

#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000
#define STEADY_MS      30000 /* a connection that held so long was a good one */
#define LOOK_MIN_MS    10000 /* between two looks at the server, whatever period it asks for */
#define SCN_MS         2000  /* between what it tells and our look, for it may tell much */
#define LAST_MS        2000  /* to take the registration back */

/* ---- what people see --------------------------------------------------------------------- */

static void set_state(struct isns_server *s, enum net_isns_state state)
{
    if (s->state == state)
        return;
    s->state = state;
    s->since = run_wall() / NS_PER_SEC;
}

static void good(struct isns_server *s)
{
    bool registered = s->have != NULL;
    s->error[0] = '\0';
    if (registered && s->state != NET_ISNS_REGISTERED)
        log_info("isns.registered", KV("server", "%s", s->addr.text),
                 KV("entity", "%s", s->entity), KV("targets", "%u", s->have->nnodes),
                 KV("portals", "%u", s->have->nportals));
    set_state(s, registered ? NET_ISNS_REGISTERED : NET_ISNS_NOTHING);
}

static void bad(struct isns_server *s, const struct err *why)
{
    if (strcmp(s->error, why->msg) != 0 || s->state != NET_ISNS_FAILED)
        log_warn("isns.failed", KV("server", "%s", s->addr.text),
                 KV("registered", "%s", s->state == NET_ISNS_REGISTERED ? "lost" : "no"),
                 KV("error", "%s", why->msg));
    text_copy(s->error, sizeof(s->error), why->msg);
    set_state(s, NET_ISNS_FAILED);
}

/* ---- where it may ask us ----------------------------------------------------------------- */

/* The portal that ESI comes to stays the same as long as it can. */
static void listen_for_esi(struct isns_server *s, struct isns_view *want)
{
    if (s->have && s->have->esi >= 0) {
        int same = isns_view_portal(want, &s->have->portal[s->have->esi]);
        if (same >= 0 && want->portal[same].host[0])
            want->esi = same;
    }
    if (s->no_esi)
        want->esi = -1;
    const char *host = want->esi < 0 ? NULL : want->portal[want->esi].host;
    if (s->ear && (!host || strcmp(isns_ear_host(s->ear), host) != 0)) {
        isns_ear_close(s->ear);
        s->ear = NULL;
    }
    struct err e;
    if (host && !s->ear && isns_ear_open(s, host, &s->ear, &e) < 0)
        want->esi = -1; /* the period must do */
    want->esi_port = want->esi >= 0 ? isns_ear_port(s->ear) : 0;
}

/* A portal that was to be asked at and isn't any more can't be told so by an update. */
static bool esi_left(const struct isns_view *have, const struct isns_view *want)
{
    int at = have->esi < 0 ? -1 : isns_view_portal(want, &have->portal[have->esi]);
    return at >= 0 && at != want->esi;
}

/* ---- in line ----------------------------------------------------------------------------- */

static void forget_have(struct isns_server *s)
{
    isns_view_free(s->have);
    s->have = NULL;
}

/* Takes want. On failure nobody knows what the server has. */
static int settle(struct isns_server *s, struct isns_view *want, int r)
{
    forget_have(s);
    if (r < 0)
        isns_view_free(want);
    else
        s->have = want;
    return r;
}

/* We are not told of our own changes. */
static int unwatch(struct isns_server *s, struct err *reterr)
{
    int r = s->scn_of[0] ? isns_unwatch(s, s->scn_of, reterr) : 0;
    s->scn_of[0] = '\0';
    return r;
}

/* Open-iSNS (0.101) sends the second notice of one registration through memory that it has freed: each notice is the last
 * one of its registration. */
static int watch(struct isns_server *s, struct err *reterr)
{
    int r = unwatch(s, reterr);
    if (r < 0 || !s->have)
        return r;
    text_copy(s->scn_of, sizeof(s->scn_of), s->have->nodes[0].name);
    return isns_watch(s, s->scn_of, reterr);
}

static int take_back(struct isns_server *s, struct err *reterr)
{
    int r = s->source[0] ? unwatch(s, reterr) : 0;
    if (r == 0 && s->source[0])
        r = isns_forget_all(s, reterr);
    if (r == 0)
        s->source[0] = '\0';
    forget_have(s);
    return r;
}

static int tell_all(struct isns_server *s, struct isns_view *want, struct err *reterr)
{
    int r = isns_tell_all(s, want, reterr);
    if (r == -EOPNOTSUPP && !s->no_esi) {
        s->no_esi = true;
        listen_for_esi(s, want);
        r = isns_tell_all(s, want, reterr);
    }
    return r;
}

static int tell(struct isns_server *s, struct isns_view *want, struct err *reterr)
{
    int r = unwatch(s, reterr);
    if (r < 0)
        return r;
    return s->have && !esi_left(s->have, want) ? isns_tell_changes(s, want, reterr)
                                               : tell_all(s, want, reterr);
}

/* Does the server still know what it was told? */
static int look(struct isns_server *s, struct err *reterr)
{
    uint32_t found;
    int r = isns_count(s, &found, reterr);
    if (r == 0 && found != s->found) {
        /* It could not ask us (a firewall, say), and would only forget us again. */
        s->no_esi = s->no_esi || (found < s->found && s->ear && s->asked == s->asked_before);
        log_warn("isns.forgotten", KV("server", "%s", s->addr.text), KV("knew", "%u", s->found),
                 KV("knows", "%u", found));
        forget_have(s);
    }
    return r;
}

static bool all_told(const struct isns_view *want, const struct isns_view *have)
{
    bool same = want->nnodes == have->nnodes && want->nportals == have->nportals &&
                (want->esi < 0) == (have->esi < 0) && want->esi_port == have->esi_port;
    for (unsigned i = 0; same && i < want->nnodes; i++) {
        same = isns_node_told(want, &want->nodes[i], have);
        fiber_maybe_yield();
    }
    return same;
}

static int follow(struct isns_server *s, struct err *reterr)
{
    int r = s->have && s->look ? look(s, reterr) : 0;
    struct isns_view *want = r < 0 ? NULL : isns_view_make(s->net, sock_local(s->link.in.sock));
    if (r < 0 || !want)
        return r < 0 ? r : err_set(reterr, -ENOMEM, "out of memory");
    s->look = false;
    listen_for_esi(s, want);
    if (want->nnodes == 0) {
        isns_view_free(want);
        return take_back(s, reterr);
    }
    if (s->have && all_told(want, s->have)) {
        isns_view_free(want);
        return 0;
    }
    r = settle(s, want, tell(s, want, reterr));
    if (r == 0)
        r = watch(s, reterr);
    s->asked_before = s->asked;
    /* Remembers what can be seen of ours, for a server may hide some (discovery domains). */
    return r < 0 ? r : isns_count(s, &s->found, reterr);
}

/* ---- staying ----------------------------------------------------------------------------- */

static uint64_t next_look(const struct isns_server *s)
{
    return run_deadline_ms(MAX((uint64_t)s->period * 1000 / 3, (uint64_t)LOOK_MIN_MS));
}

/* Nothing is due before the deadline, or the next change of what is served. 0: there is something to do. */
static int rest(struct isns_server *s)
{
    struct err e;
    int r = isns_link_idle(&s->link, next_look(s), &s->wake);
    if (r < 0 && r != -ECANCELED)
        return r;
    bool told = s->link.scn;
    s->link.scn = false;
    s->look = s->look || told || r == 0;
    r = told ? watch(s, &e) : 0;
    if (r == 0 && told)
        fiber_sleep_until(run_deadline_ms(SCN_MS), &s->stop);
    return r;
}

/* Until it fails, or 0: it is to end, or the connection ended while nothing was wrong. Parks. */
static int stay(struct isns_server *s, struct err *reterr)
{
    int r = isns_link_open(&s->link, &s->addr, &s->stop, NO_DEADLINE, reterr);
    s->look = true;
    while (r == 0 && !s->stopping) {
        cancel_init(&s->wake); /* what comes from here on is looked at in another round */
        if ((r = follow(s, reterr)) < 0)
            break;
        good(s);
        if (!s->stopping && rest(s) < 0)
            break;
    }
    return r;
}

/* ---- the end ----------------------------------------------------------------------------- */

static void farewell(struct isns_server *s)
{
    struct err e = {0};
    uint64_t until = run_deadline_ms(LAST_MS);
    int r = 0;
    if (!s->source[0])
        return;
    if (s->link.torn) {
        isns_link_close(&s->link);
        r = isns_link_open(&s->link, &s->addr, NULL, until, &e);
    }
    s->link.stop = NULL;
    s->link.until = until;
    if (r == 0)
        r = take_back(s, &e);
    if (r == 0)
        log_info("isns.deregistered", KV("server", "%s", s->addr.text));
    else
        log_warn("isns.left", KV("server", "%s", s->addr.text), KV("error", "%s", e.msg));
}

/* One that was taken away and comes back must not be overtaken by its own farewell. */
static bool predecessor_there(const struct isns_server *s)
{
    const struct isns_server *o;
    list_for_each (o, &s->net->isns, node)
        if (o != s && o->stopping && strcmp(o->addr.text, s->addr.text) == 0)
            return true;
    return false;
}

static void pause_after(struct isns_server *s, uint64_t began)
{
    if (run_now() - began >= STEADY_MS * NS_PER_MS)
        s->backoff_ms = 0;
    s->backoff_ms = s->backoff_ms ? MIN(s->backoff_ms * 2, BACKOFF_MAX_MS) : BACKOFF_MIN_MS;
    fiber_sleep_until(run_deadline_ms(s->backoff_ms), &s->stop);
}

void isns_client_fiber(void *arg)
{
    struct isns_server *s = arg;
    struct net *net = s->net;
    while (predecessor_there(s) && !s->stopping)
        waitq_wait(&net->isns_gone, NO_DEADLINE, &s->stop);
    while (!s->stopping) {
        struct err e = {0};
        uint64_t began = run_now();
        int r = stay(s, &e);
        if (s->stopping)
            break;
        isns_link_close(&s->link);
        if (r < 0)
            bad(s, &e);
        pause_after(s, began);
    }
    farewell(s);
    isns_link_close(&s->link);
    isns_ear_close(s->ear);
    isns_view_free(s->have);
    list_remove(&s->node);
    free(s);
    waitq_wake_all(&net->isns_gone);
}
