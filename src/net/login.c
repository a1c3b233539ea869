/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logins, all on reactor 0 (connections are accepted there and leave only afterwards). The
 * configuration says who may; this file holds back logins from where others failed, registers
 * sessions, ends an older session of the same name (RFC 7143 6.3.5) and sends the connection to
 * the home of its target's LUs.
 */
#include "net/net_int.h"
#include "net/radius_int.h"

#include "base/log.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* ---- failures ---------------------------------------------------------------------------- */

void login_backoff_tick(struct timer *timer)
{
    struct net *net = container_of(timer, struct net, backoff_tick);
    struct backoff_source s;
    char text[CFG_NETWORK_LEN];
    while (backoff_over(&net->backoff, run_now(), &s)) {
        cfg_network_format(&s.net, text);
        log_info("login.held_no_more", KV("source", "%s", text));
    }
    if (backoff_next(&net->backoff) != UINT64_MAX)
        timer_arm(timer, backoff_next(&net->backoff));
}

/* Only what was not proved counts: who misspeaks, or is cut off, has guessed at nothing. */
static void count_failure(struct conn *c)
{
    struct net *net = c->net;
    const struct backoff_source *s = backoff_failed(&net->backoff, &c->source, run_now());
    char text[CFG_NETWORK_LEN];
    if (!s)
        return;
    cfg_network_format(&s->net, text);
    log_warn("login.held_back", KV("source", "%s", text),
             KV("peer", "%s", sock_peer(c->sock)->text));
    if (!timer_armed(&net->backoff_tick) || net->backoff_tick.deadline > s->until)
        timer_arm(&net->backoff_tick, s->until);
}

/* Before anything is looked at, so that it takes the same time whoever asks for what. */
static void hold_back(struct conn *c)
{
    struct net *net = c->net;
    uint64_t ms = backoff_delay_ms(&net->backoff, &c->source, run_now());
    if (ms == 0)
        return;
    net->totals.logins_held_back++;
    crowd_hold(c, true);
    fiber_sleep_until(run_deadline_ms(MIN(ms, net->cfg->limits.login_timeout_ms / 4)),
                      &c->stop_rx);
    crowd_hold(c, false);
}

/* ---- events ------------------------------------------------------------------------------ */

void login_identify(struct conn *c)
{
    struct iscsi_login_answer a;
    const struct policy_way way = session_way(c);
    if (!c->overload)
        hold_back(c);
    policy_answer(c->net->cfg, iscsi_conn_params(c->iscsi), &way, &a, &c->refusal);
    if (c->overload || c->net->stopping) {
        wipe(&a, sizeof(a));
        a.status = ISCSI_LOGIN_OUT_OF_RESOURCES;
        c->refusal =
            c->overload ? "too many logins at once from its address" : "the daemon stops";
    }
    iscsi_login_answer(c->iscsi, &a);
    wipe(&a, sizeof(a));
}

void login_verify(struct conn *c)
{
    struct radius_ask ask = {
        .source = c->peer_host, .until = iscsi_deadline(c->iscsi), .stop = &c->stop_rx};
    const struct iscsi_params *p = iscsi_conn_params(c->iscsi);
    const char *why = "";
    ask.target = p->discovery ? "" : p->target;
    if (!iscsi_login_response(c->iscsi, &ask.response))
        return;
    uint16_t status = radius_verify(c->net, &ask, &why);
    c->by_radius = true;
    iscsi_login_verified(c->iscsi, status, why);
}

static void describe_auth(struct conn *c, const struct iscsi_params *p)
{
    static const char *const names[] = {
        [ISCSI_CHAP_MD5] = "MD5",
        [ISCSI_CHAP_SHA1] = "SHA-1",
        [ISCSI_CHAP_SHA256] = "SHA-256",
        [ISCSI_CHAP_SHA3_256] = "SHA3-256",
    };
    if (p->chap_alg == 0)
        text_copy(c->auth, sizeof(c->auth), "none");
    else
        snprintf(c->auth, sizeof(c->auth), "CHAP %s%s%s", names[p->chap_alg],
                 p->mutual ? " mutual" : "", c->by_radius ? " by RADIUS" : "");
}

void login_failed(struct conn *c, const struct iscsi_event *ev)
{
    const struct iscsi_params *p = iscsi_conn_params(c->iscsi);
    const char *why = ev->why ? ev->why : "";
    if (ev->login_status >> 8 == ISCSI_LOGIN_MOVED_TEMP >> 8)
        return; /* send_away() has logged it */
    if (c->refusal && (ev->login_status == ISCSI_LOGIN_AUTH_FAILED ||
                       ev->login_status == ISCSI_LOGIN_OUT_OF_RESOURCES))
        why = c->refusal;
    c->net->totals.logins_refused++;
    c->net->totals.sources_refused += why == policy_wrong_source;
    describe_auth(c, p);
    log_warn("login.refused", KV("initiator", "%s", p->initiator),
             KV("target", "%s", p->discovery ? "(discovery)" : p->target),
             KV("peer", "%s", sock_peer(c->sock)->text), KV("auth", "%s", c->auth),
             KV("status", "%04x", ev->login_status), KV("why", "%s", why));
    if (ev->login_status == ISCSI_LOGIN_AUTH_FAILED)
        count_failure(c);
}

static uint16_t new_tsih(struct net *net)
{
    struct conn *o;
    for (;;) {
        if (++net->last_tsih == 0)
            net->last_tsih = 1;
        bool used = false;
        list_for_each (o, &net->conns, node)
            used = used || o->tsih == net->last_tsih;
        if (!used)
            return net->last_tsih;
    }
}

/* Everything up to the answer happens without parking after the reinstatement, so the map and
 * the registry agree. */
static uint16_t establish(struct conn *c, const struct cfg_target *t,
                          const struct cfg_initiator *i, uint16_t tsih, uint64_t now)
{
    struct net *net = c->net;
    c->first_map = lun_map_for(net, t, i->name);
    if (!c->first_map)
        return ISCSI_LOGIN_OUT_OF_RESOURCES;
    for (unsigned k = 0; k < t->ngroups; k++)
        if (t->groups[k]->tag == c->portal->group) {
            c->rel_port_id = t->rel_port_ids[k];
            c->alua_group = t->groups[k]->alua_group;
        }
    c->session = true;
    c->max_tasks = c->window = net->cfg->limits.tasks_per_session;
    c->move_to = session_pick_home(net, t);
    c->tsih = tsih != 0 ? tsih : new_tsih(net);
    iscsi_login_accept(c->iscsi, c->tsih, now);
    return ISCSI_LOGIN_OK;
}

/* By whose secret, for whoever asks when that was used last. */
static void note_use(struct conn *c, const struct iscsi_params *p)
{
    struct net *net = c->net;
    struct cfg_use use = {.when = c->logged_in, .alg = CFG_CHAP_MD5};
    if (!net->env.logged_in || p->chap_alg == 0)
        return;
    use.alg += (enum cfg_chap)(p->chap_alg - ISCSI_CHAP_MD5);
    text_copy(use.address, sizeof(use.address), c->peer_host);
    net->env.logged_in(net->env.arg, p->initiator, p->discovery ? "" : p->target, &use);
}

static void log_login(struct conn *c, const struct iscsi_params *p)
{
    c->net->totals.logins++;
    note_use(c, p);
    log_info("session.login", KV("id", "%llu", (unsigned long long)c->id),
             KV("initiator", "%s", p->initiator),
             KV("target", "%s", p->discovery ? "(discovery)" : p->target),
             KV("peer", "%s", sock_peer(c->sock)->text), KV("auth", "%s", c->auth));
}

/* Where the target went. Who is told that has proved that it may log in here, and has had us prove
 * that it is us who says so. */
static void send_away(struct conn *c, const struct iscsi_params *p, const struct cfg_target *t)
{
    note_use(c, p);
    log_info("login.redirected", KV("initiator", "%s", p->initiator),
             KV("target", "%s", p->target), KV("peer", "%s", sock_peer(c->sock)->text),
             KV("auth", "%s", c->auth), KV("to", "%s", t->redirect));
    iscsi_login_redirect(c->iscsi, t->redirect_permanent, t->redirect);
}

/* Into the session's place, or that of its older self. */
static uint16_t let_in(struct conn *c, const struct iscsi_params *p)
{
    struct net *net = c->net;
    uint16_t joined = session_join(net, c);
    if (joined != ISCSI_LOGIN_OK)
        return joined;
    if (!session_reinstate(net, c))
        return ISCSI_LOGIN_UNAVAILABLE;
    /* The configuration may have changed while the older session ended. */
    const struct cfg_target *t = session_target(net, c);
    const struct cfg_initiator *i = config_initiator(net->cfg, p->initiator);
    if (!t || !i || net->stopping)
        return ISCSI_LOGIN_NOT_FOUND;
    return establish(c, t, i, p->tsih, run_now());
}

static void refuse(struct conn *c, uint16_t status)
{
    crowd_leave_place(c);
    c->logged_in = 0;
    iscsi_login_refuse(c->iscsi, status);
}

void login_done(struct conn *c)
{
    struct net *net = c->net;
    const struct iscsi_params *p = iscsi_conn_params(c->iscsi);
    describe_auth(c, p);
    c->logged_in = run_wall() / NS_PER_SEC;
    crowd_leave(net, c);
    const struct cfg_initiator *i = config_initiator(net->cfg, p->initiator);
    if (!session_may_stay(net, c) || !i) {
        refuse(c, ISCSI_LOGIN_NOT_FOUND);
        return;
    }
    const struct cfg_target *t = session_target(net, c);
    if (!p->discovery && t && t->redirect[0]) {
        send_away(c, p, t);
        return;
    }
    c->refusal = crowd_place(net, c, i->host->name);
    if (c->refusal) {
        refuse(c, ISCSI_LOGIN_OUT_OF_RESOURCES);
        return;
    }
    if (p->discovery) {
        iscsi_login_accept(c->iscsi, 0, run_now());
        log_login(c, p);
        return;
    }
    uint16_t status = let_in(c, p);
    if (status == ISCSI_LOGIN_OK)
        log_login(c, p);
    else
        refuse(c, status);
}
