/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers for the control plane: it runs on reactor 0 and collects from the homes, one call
 * each. */
#include "net/net_int.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- sessions ---------------------------------------------------------------------------- */

struct session_work {
    struct net_session_info *info;
    bool there;
    uint16_t algs; /* that logins may use now */
};

static bool is_weak(const struct conn *c, const struct iscsi_params *p, uint16_t algs)
{
    return !c->loopback &&
           (p->chap_alg == ISCSI_CHAP_MD5 || !p->mutual || !(algs & 1u << p->chap_alg));
}

static void session_here(struct conn *c, void *arg)
{
    struct session_work *w = arg;
    struct net_session_info *s = w->info;
    const struct iscsi_params *p = iscsi_conn_params(c->iscsi);
    const struct iscsi_stats *st = iscsi_conn_stats(c->iscsi);
    if (!c->logged_in || c->closing)
        return;
    w->there = true;
    s->id = c->id;
    text_copy(s->initiator, sizeof(s->initiator), p->initiator);
    text_copy(s->target, sizeof(s->target), p->discovery ? "" : p->target);
    text_copy(s->host, sizeof(s->host), c->host);
    text_copy(s->initiator_alias, sizeof(s->initiator_alias), p->initiator_alias);
    s->peer = *sock_peer(c->sock);
    s->local = *sock_local(c->sock);
    s->tsih = p->tsih;
    s->portal_group = c->portal->group;
    memcpy(s->isid, p->isid, sizeof(s->isid));
    text_copy(s->auth, sizeof(s->auth), c->auth);
    s->weak = is_weak(c, p, w->algs);
    s->header_digest = p->header_digest;
    s->data_digest = p->data_digest;
    s->logged_in = c->logged_in;
    s->reactor = reactor_index(reactor_self());
    s->tasks = c->ntasks;
    s->commands = st->commands;
    s->bytes_in = st->bytes_in;
    s->bytes_out = st->bytes_out;
}

int net_sessions(struct net *net, struct net_session_info **ret_sessions, unsigned *ret_n)
{
    unsigned cap = net->nconns, n = 0;
    struct net_session_info *v = calloc(cap + 1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    for (struct conn *c = conn_next(net, NULL); c; c = conn_next(net, c)) {
        struct session_work w = {&v[n], false, config_chap_algs(net->cfg)};
        if (n < cap) /* those that came meanwhile are for the next time */
            conn_call(c, session_here, &w);
        n += w.there;
    }
    *ret_sessions = v;
    *ret_n = n;
    return 0;
}

static void drop_here(struct conn *c, void *arg)
{
    (void)arg;
    if (!c->closing) {
        iscsi_async_drop(c->iscsi, 0, 0);
        conn_shut(c, "dropped by the operator");
    }
}

int net_session_drop(struct net *net, uint64_t id)
{
    struct conn *c;
    list_for_each (c, &net->conns, node) {
        if (c->id == id && !c->gone) {
            conn_call(c, drop_here, NULL);
            return 0;
        }
    }
    return -ENOENT;
}

/* ---- portals, totals --------------------------------------------------------------------- */

int net_portals(struct net *net, struct net_portal_info **ret_portals, unsigned *ret_n)
{
    unsigned n = 0;
    struct served_portal *p;
    list_for_each (p, &net->portals, node)
        n++;
    struct net_portal_info *out = calloc(n + 1, sizeof(*out));
    if (!out)
        return -ENOMEM;
    n = 0;
    list_for_each (p, &net->portals, node) {
        struct net_portal_info *i = &out[n++];
        i->group = p->group;
        i->listening = p->listener != NULL;
        if (p->listener)
            i->addr = *listener_addr(p->listener);
        else if (sock_addr_make(p->cfg.address, p->cfg.port, &i->addr) < 0)
            text_copy(i->addr.text, sizeof(i->addr.text), p->cfg.address);
        text_copy(i->reason, sizeof(i->reason), p->reason);
        i->connections = p->connections;
    }
    *ret_portals = out;
    *ret_n = n;
    return 0;
}

static void totals_here(struct conn *c, void *arg)
{
    struct net_totals *t = arg;
    const struct iscsi_stats *st = iscsi_conn_stats(c->iscsi);
    t->rejects += st->rejects;
    t->digest_errors += st->digest_errors;
}

void net_totals(struct net *net, struct net_totals *ret_totals)
{
    struct net_totals *t = ret_totals;
    struct conn *c;
    *t = net->totals;
    for (c = conn_next(net, NULL); c; c = conn_next(net, c))
        conn_call(c, totals_here, t);
    t->connections = net->nconns;
    t->logins_in_progress = net->nlogins;
    t->sources_held_back = backoff_count(&net->backoff);
    list_for_each (c, &net->conns, node)
        t->sessions += c->session && !c->gone;
    t->data_used = admit_used(net->run);
    t->data_budget = admit_budget(net->run);
    t->nreactors = run_nreactors(net->run);
    for (unsigned i = 0; i < t->nreactors; i++)
        reactor_stats(run_reactor(net->run, i), &t->reactor[i]);
    t->io = run_io_name(net->run);
}
