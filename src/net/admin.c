/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers for the control plane: it runs on reactor 0 and collects from the homes, one call
 * each. */
#include "net/net_int.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sessions ---------------------------------------------------------------------------- */

struct session_work {
    struct net_session_info *info;
    bool there;
};

static bool is_weak(const struct conn *c, const struct iscsi_params *p)
{
    return !c->loopback && (p->chap_alg == 0 || p->chap_alg == ISCSI_CHAP_MD5 || !p->mutual);
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
    s->weak = is_weak(c, p);
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
        struct session_work w = {&v[n], false};
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

/* ---- volumes ----------------------------------------------------------------------------- */

struct volume_work {
    struct served_volume *v;
    struct net_volume_info *info;
};

static void volume_here(void *arg)
{
    struct volume_work *w = arg;
    struct net_volume_info *i = w->info;
    struct scsi_lu_stats st;
    i->geo = w->v->vol->geo;
    volume_space(w->v->vol, &i->space);
    i->stats = *w->v->vol->stats;
    text_copy(i->serial, sizeof(i->serial), scsi_lu_identity(w->v->lu)->serial);
    scsi_lu_stats(w->v->lu, &st);
    i->commands = st.commands;
    i->reservation_conflicts = st.reservation_conflicts;
    i->caw = st.caw;
    i->caw_miscompares = st.caw_miscompares;
    i->caw_ns_max = st.caw_ns_max;
    i->registrations = st.registrations;
    i->pr_type = st.pr_type;
}

static void volume_info(struct served_volume *v, struct net_volume_info *i)
{
    memset(i, 0, sizeof(*i));
    text_copy(i->name, sizeof(i->name), v->cfg.name);
    text_copy(i->reason, sizeof(i->reason), v->reason);
    text_copy(i->naa, sizeof(i->naa), v->naa);
    i->state = v->vol ? NET_VOL_ONLINE : NET_VOL_WAITING;
    i->reactor = v->home ? reactor_index(v->home) : 0;
    struct volume_work w = {v, i};
    if (v->vol)
        call_on(v->home, volume_here, &w);
}

/* The lock keeps the list and the volumes on it as they are. */
int net_volumes(struct net *net, struct net_volume_info **ret_volumes, unsigned *ret_n)
{
    unsigned n = 0;
    struct served_volume *v;
    fmutex_lock(&net->applying);
    list_for_each (v, &net->volumes, node)
        n++;
    struct net_volume_info *out = calloc(n + 1, sizeof(*out));
    n = 0;
    if (out)
        list_for_each (v, &net->volumes, node)
            volume_info(v, &out[n++]);
    fmutex_unlock(&net->applying);
    if (!out)
        return -ENOMEM;
    *ret_volumes = out;
    *ret_n = n;
    return 0;
}

int net_volume(struct net *net, const char *name, struct net_volume_info *ret_volume)
{
    fmutex_lock(&net->applying);
    struct served_volume *v = served_by_name(net, name);
    if (v)
        volume_info(v, ret_volume);
    fmutex_unlock(&net->applying);
    return v ? 0 : -ENOENT;
}

struct resize_work {
    struct volume *vol;
    uint64_t size;
    int result;
};

static void resize_here(void *arg)
{
    struct resize_work *w = arg;
    w->result = volume_resize(w->vol, w->size);
}

int net_volume_resize(struct net *net, const char *name, uint64_t size, struct err *reterr)
{
    fmutex_lock(&net->applying);
    struct served_volume *v = served_by_name(net, name);
    struct resize_work w = {v ? v->vol : NULL, size, -ENOENT};
    if (w.vol)
        call_on(v->home, resize_here, &w);
    fmutex_unlock(&net->applying);
    if (!w.vol)
        return err_set(reterr, -ENOENT, "volume %s: %s", name,
                       v ? "not available now" : "no such volume");
    if (w.result < 0)
        return err_set(reterr, w.result, "volume %s: cannot be resized: %s", name,
                       strerror(-w.result));
    return 0;
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
    list_for_each (c, &net->conns, node)
        t->sessions += c->session && !c->gone;
    t->data_used = admit_used(net->run);
    t->data_budget = admit_budget(net->run);
    t->nreactors = run_nreactors(net->run);
    for (unsigned i = 0; i < t->nreactors; i++)
        reactor_stats(run_reactor(net->run, i), &t->reactor[i]);
    t->io = run_io_name(net->run);
}
