/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions: the nexus, its LUN map, and reinstatement. Reactor 0 decides what a session is to
 * see (lun_map_for), the session's own reactor makes it so. A map is a list of LUs; those live
 * at least until every session has unmapped them, which reactor 0 waits for before it frees
 * one.
 */
#include "net/net_int.h"

#include "base/log.h"
#include "base/mutant.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REINSTATE_MS 8000 /* less than a login may take */

/* ---- on reactor 0 ------------------------------------------------------------------------ */

struct lun_map *lun_map_for(struct net *net, const struct cfg_target *t)
{
    struct lun_map *m = calloc(1, sizeof(*m) + t->nluns * sizeof(m->e[0]));
    if (!m)
        return NULL;
    for (unsigned i = 0; i < t->nluns; i++) {
        struct served_volume *v = served_find(net, &t->luns[i].volume->id);
        m->e[m->n++] = (struct lun_map_entry){t->luns[i].lun, v && !v->closing ? v->lu : NULL};
    }
    return m;
}

const struct cfg_target *session_target(const struct net *net, const struct conn *c)
{
    return c->portal->seen
               ? policy_target(net->cfg, iscsi_conn_params(c->iscsi), c->portal->group)
               : NULL;
}

/* The reactor that is home to most of the target's LUs; this one when it has none. */
struct reactor *session_pick_home(struct net *net, const struct cfg_target *t)
{
    unsigned count[RUN_MAX_REACTORS] = {0}, best = 0;
    for (unsigned i = 0; i < t->nluns; i++) {
        struct served_volume *v = served_find(net, &t->luns[i].volume->id);
        if (v && v->lu)
            count[reactor_index(v->home)]++;
    }
    for (unsigned r = 1; r < run_nreactors(net->run); r++)
        if (count[r] > count[best])
            best = r;
    return best == 0 ? NULL : run_reactor(net->run, best);
}

static bool same_session(const struct conn *a, const struct conn *b)
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
        if (o != c && o->session && !o->gone && same_session(o, c))
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

/* ---- on the session's home --------------------------------------------------------------- */

static void async(void *arg, const uint8_t lun[8], const uint8_t *sense, size_t len);

static const struct scsi_nexus_ops nexus_ops = {.async = async};

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
    int r = scsi_nexus_new(&np, &c->nexus);
    for (unsigned i = 0; r == 0 && i < m->n; i++)
        r = scsi_nexus_map(c->nexus, m->e[i].lun, m->e[i].lu, false);
    c->map = m;
    fmutex_unlock(&c->mapping);
    return r;
}

static const struct lun_map_entry *map_find(const struct lun_map *m, uint16_t lun)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->e[i].lun == lun)
            return &m->e[i];
    return NULL;
}

/* Unmaps first what goes or changes, then maps what is new or changed: a number that got
 * another LU was away in between, so that its tasks and unit attentions of the old one are
 * gone. */
void session_remap(struct conn *c, struct lun_map *want)
{
    fmutex_lock(&c->mapping);
    struct lun_map *have = c->map;
    if (c->first_map) { /* not mapped yet: it is on its way to its reactor */
        free(c->first_map);
        c->first_map = want;
        fmutex_unlock(&c->mapping);
        return;
    }
    if (!c->nexus || !have) {
        fmutex_unlock(&c->mapping);
        free(want);
        return;
    }
    for (unsigned i = 0; i < have->n; i++) {
        const struct lun_map_entry *w = map_find(want, have->e[i].lun);
        if (!w || w->lu != have->e[i].lu)
            scsi_nexus_unmap(c->nexus, have->e[i].lun, true);
    }
    for (unsigned i = 0; i < want->n; i++) {
        const struct lun_map_entry *h = map_find(have, want->e[i].lun);
        if ((!h || h->lu != want->e[i].lu) &&
            scsi_nexus_map(c->nexus, want->e[i].lun, want->e[i].lu, true) < 0)
            conn_shut(c, "out of memory"); /* it comes again, and gets all of them */
    }
    c->map = want;
    fmutex_unlock(&c->mapping);
    free(have);
}
