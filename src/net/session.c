/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions: the nexus, its LUN map, and reinstatement. Reactor 0 decides what a session is to
 * see (lun_map_for), the session's own reactor makes it so. A map is a list of LUs; those live
 * at least until every session has unmapped them, which reactor 0 sees to before it closes
 * one.
 *
 * A session ends in two steps. Its tasks are aborted; when the last one is over that writes where
 * a successor would read, reactor 0 strikes it off and lets the initiator in again. Its memory
 * stays until the last of all tasks is over: those on a LUN that was taken away meanwhile, for
 * its volume hangs, concern no successor.
 */
#include "net/net_int.h"

#include "base/log.h"
#include "base/mutant.h"
#include "base/text.h"
#include "config/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REINSTATE_MS 8000 /* less than a login may take */

/* ---- on reactor 0 ------------------------------------------------------------------------ */

struct lun_map *lun_map_for(struct net *net, const struct cfg_target *t, const char *initiator)
{
    const struct cfg_initiator *who = config_initiator(net->cfg, initiator);
    struct lun_map *m = calloc(1, sizeof(*m) + t->nluns * sizeof(m->e[0]));
    if (!m)
        return NULL;
    if (who)
        text_copy(m->host, sizeof(m->host), who->host->name);
    for (unsigned i = 0; i < t->nluns; i++) {
        struct served_volume *v = served_find(net, &t->luns[i].volume->id);
        m->e[m->n++] =
            (struct lun_map_entry){t->luns[i].lun, v && !v->closing ? served_lu(v) : NULL};
    }
    return m;
}

struct policy_way session_way(const struct conn *c)
{
    return (struct policy_way){c->portal->group, c->loopback, c->source};
}

static bool portal_admits(const struct conn *c)
{
    return c->portal->seen && cfg_sources_admit(&c->portal->cfg.sources, &c->source);
}

const struct cfg_target *session_target(const struct net *net, const struct conn *c)
{
    const struct policy_way way = session_way(c);
    return portal_admits(c) ? policy_target(net->cfg, iscsi_conn_params(c->iscsi), &way) : NULL;
}

bool session_may_stay(const struct net *net, const struct conn *c)
{
    const struct iscsi_params *p = iscsi_conn_params(c->iscsi);
    bool discovery = c->logged_in && p->discovery;
    return portal_admits(c) && (!discovery || config_initiator(net->cfg, p->initiator));
}

/* The reactor that is home to most of the target's LUs; this one when it has none. */
struct reactor *session_pick_home(struct net *net, const struct cfg_target *t)
{
    unsigned count[RUN_MAX_REACTORS] = {0}, best = 0;
    for (unsigned i = 0; i < t->nluns; i++) {
        struct served_volume *v = served_find(net, &t->luns[i].volume->id);
        if (v && v->open)
            count[reactor_index(v->home)]++;
    }
    for (unsigned r = 1; r < run_nreactors(net->run); r++)
        if (count[r] > count[best])
            best = r;
    return best == 0 ? NULL : run_reactor(net->run, best);
}

bool session_same(const struct conn *a, const struct conn *b)
{
    const struct iscsi_params *p = iscsi_conn_params(a->iscsi),
                              *q = iscsi_conn_params(b->iscsi);
    return a->portal->group == b->portal->group &&
           memcmp(p->isid, q->isid, sizeof(p->isid)) == 0 &&
           strcmp(p->initiator, q->initiator) == 0 && strcmp(p->target, q->target) == 0;
}

static void close_reinstated(struct conn *c, void *arg)
{
    (void)arg;
    conn_shut(c, "reinstated by a new login");
}

static struct conn *find_older(struct net *net, const struct conn *c)
{
    struct conn *o;
    list_for_each (o, &net->conns, node) {
        if (o != c && o->session && !o->gone && session_same(o, c))
            return o;
    }
    return NULL;
}

uint16_t session_join(struct net *net, const struct conn *c)
{
    const struct iscsi_params *p = iscsi_conn_params(c->iscsi);
    const struct conn *o = find_older(net, c);
    if (p->tsih == 0)
        return ISCSI_LOGIN_OK;
    if (!o || o->tsih != p->tsih)
        return ISCSI_LOGIN_NO_SESSION;
    return iscsi_conn_params(o->iscsi)->cid == p->cid ? ISCSI_LOGIN_OK
                                                      : ISCSI_LOGIN_TOO_MANY_CONNECTIONS;
}

/* Its names never change after the login, so they may be read from here. What the old session
 * wrote must have landed before the new one reads: while a volume hangs with such a write in
 * it, there is no new session. */
bool session_reinstate(struct net *net, struct conn *c)
{
    uint64_t until = run_deadline_ms(REINSTATE_MS);
    struct conn *old;
    while ((old = find_older(net, c)) != NULL) {
        if (c->closing || run_now() >= until)
            return false;
        conn_call(old, close_reinstated, NULL);
        if (mutant_on(MUTANT_HASTY_REINSTATEMENT))
            return true;
        waitq_wait(&net->conn_gone, run_deadline_ms(100), NULL);
    }
    return !c->closing;
}

static void over(void *arg)
{
    struct conn *c = arg;
    c->session = false;
    crowd_leave_place(c);
    waitq_wake_all(&c->net->conn_gone);
}

/* ---- on the session's home --------------------------------------------------------------- */

static void async(void *arg, const uint8_t lun[8], const uint8_t *sense, size_t len);
static struct scsi_nexus *sibling(void *arg, const uint8_t *naa, uint8_t len);

static const struct scsi_nexus_ops nexus_ops = {.async = async, .sibling = sibling};

struct async_msg {
    struct msg msg;
    struct conn *c;
    uint8_t lun[8];
    size_t len;
    uint8_t sense[SCSI_SENSE_MAX];
};

static void async_here(struct msg *m)
{
    struct async_msg *a = container_of(m, struct async_msg, msg);
    if (!a->c->closing) {
        iscsi_async_sense(a->c->iscsi, a->lun, a->sense, a->len);
        conn_kick(a->c);
    }
    free(a);
}

/* On the LU's home. The message arrives before the answer to scsi_nexus_free(), so the
 * connection is still there. Without memory the initiator learns it from the unit attention
 * alone. */
static void async(void *arg, const uint8_t lun[8], const uint8_t *sense, size_t len)
{
    struct conn *c = arg;
    struct async_msg *a = calloc(1, sizeof(*a));
    if (!a)
        return;
    a->msg.fn = async_here;
    a->c = c;
    memcpy(a->lun, lun, sizeof(a->lun));
    a->len = MIN(len, sizeof(a->sense));
    memcpy(a->sense, sense, a->len);
    if (c->home == reactor_self())
        async_here(&a->msg);
    else
        reactor_post(c->home, &a->msg);
}

/* ---- copies from target to target ---------------------------------------------------------- */

struct search {
    const struct conn *who;
    const uint8_t *naa;
    uint8_t len;
    struct scsi_nexus *found;
};

static void look_here(struct conn *c, void *arg)
{
    struct search *s = arg;
    uint16_t lun;
    if (!c->nexus || c->detached || !scsi_nexus_maps(c->nexus, s->naa, s->len, &lun))
        return;
    scsi_nexus_hold(c->nexus);
    s->found = c->nexus;
}

/* An initiator is its name: what another session of that name has proved by its login is this one's,
 * too. From the same address only: each pair has a secret of its own, and who stole one shall not get at other
 * targets through the sessions of whom it was stolen from. */
static void search_sessions(void *arg)
{
    struct search *s = arg;
    const char *name = iscsi_conn_params(s->who->iscsi)->initiator;
    struct net *net = s->who->net;
    for (struct conn *c = conn_next(net, NULL); c; c = conn_next(net, c))
        if (!s->found && c != s->who && c->session &&
            strcmp(iscsi_conn_params(c->iscsi)->initiator, name) == 0 &&
            strcmp(c->peer_host, s->who->peer_host) == 0)
            conn_call(c, look_here, s);
}

static struct scsi_nexus *sibling(void *arg, const uint8_t *naa, uint8_t len)
{
    const struct conn *c = arg;
    struct search s = {c, naa, len, NULL};
    call_on(run_reactor(c->net->run, 0), search_sessions, &s);
    return s.found;
}

/* ---- the session's life -------------------------------------------------------------------- */

int session_start(struct conn *c)
{
    const struct iscsi_params *p = iscsi_conn_params(c->iscsi);
    struct scsi_nexus_params np = {.ops = &nexus_ops, .arg = c};
    text_copy(np.initiator.name, sizeof(np.initiator.name), p->initiator);
    memcpy(np.initiator.isid, p->isid, sizeof(np.initiator.isid));
    text_copy(np.target.name, sizeof(np.target.name), p->target);
    np.target.portal_group = c->portal->group;
    np.target.rel_port_id = c->rel_port_id;
    np.target.alua_group = c->alua_group;
    fmutex_lock(&c->mapping);
    struct lun_map *m = c->first_map;
    c->first_map = NULL;
    text_copy(np.host, sizeof(np.host), m->host);
    text_copy(c->host, sizeof(c->host), m->host);
    int r = scsi_nexus_new(&np, &c->nexus);
    for (unsigned i = 0; r == 0 && i < m->n; i++)
        r = scsi_nexus_map(c->nexus, m->e[i].lun, m->e[i].lu, false);
    c->map = m;
    fmutex_unlock(&c->mapping);
    return r;
}

int session_detach(struct conn *c, uint64_t deadline)
{
    fmutex_lock(&c->mapping); /* a change of the LUN map under way ends first */
    c->detached = true;
    if (c->nexus)
        scsi_nexus_close(c->nexus);
    fmutex_unlock(&c->mapping);
    return c->nexus ? scsi_nexus_settle(c->nexus, false, deadline) : 0;
}

void session_end(struct conn *c)
{
    session_detach(c, NO_DEADLINE);
    if (!c->nexus)
        return;
    call_on(run_reactor(c->net->run, 0), over, c);
    scsi_nexus_free(c->nexus);
    c->nexus = NULL;
}

static const struct lun_map_entry *map_find(const struct lun_map *m, uint16_t lun)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->e[i].lun == lun)
            return &m->e[i];
    return NULL;
}

/* Those that want does not have as they are. Of a session that has ended already, its end is to
 * wait for their tasks no more. */
static void unmap_others(struct conn *c, const struct lun_map *want)
{
    for (unsigned i = 0; c->nexus && c->map && i < c->map->n; i++) {
        const struct lun_map_entry *h = &c->map->e[i], *w = map_find(want, h->lun);
        if (!w || w->lu != h->lu)
            scsi_nexus_unmap(c->nexus, h->lun, !c->detached);
    }
}

static void change_host(struct conn *c, const char *host)
{
    if (!c->nexus || !host[0] || strcmp(c->host, host) == 0)
        return;
    if (scsi_nexus_set_host(c->nexus, host) < 0)
        conn_shut(c, "out of memory");
    text_copy(c->host, sizeof(c->host), host);
}

/* Those that it does not have yet; c->map is what it has. */
static void map_new(struct conn *c, const struct lun_map *want)
{
    for (unsigned i = 0; c->map && i < want->n; i++) {
        const struct lun_map_entry *h = map_find(c->map, want->e[i].lun);
        if ((!h || h->lu != want->e[i].lu) &&
            scsi_nexus_map(c->nexus, want->e[i].lun, want->e[i].lu, true) < 0)
            conn_shut(c, "out of memory"); /* it comes again, and gets all of them */
    }
}

/* Unmaps first what goes or changes, then maps what is new or changed: a number that got
 * another LU was away in between, and commands on their way to the old one end there. */
void session_remap(struct conn *c, struct lun_map *want)
{
    fmutex_lock(&c->mapping);
    struct lun_map *unused = want;
    if (c->first_map) { /* not mapped yet: it is on its way to its reactor */
        unused = c->first_map;
        c->first_map = want;
    } else {
        unmap_others(c, want);
    }
    if (unused == want && !c->detached) {
        change_host(c, want->host);
        map_new(c, want);
        unused = c->map;
        c->map = want;
    }
    fmutex_unlock(&c->mapping);
    free(unused);
}

static void settle_here(struct conn *c, void *arg)
{
    const uint64_t *deadline = arg;
    if (c->nexus)
        scsi_nexus_settle(c->nexus, true, *deadline);
}

void sessions_settle(struct net *net, uint64_t deadline)
{
    for (struct conn *c = conn_next(net, NULL); c; c = conn_next(net, c))
        if (c->session)
            conn_call(c, settle_here, &deadline);
}
