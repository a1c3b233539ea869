/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Portals: a listener and an accept fiber each, all on reactor 0. A connection from a source network
 * that the portal is not for, or that there is no room for (crowd.c), is closed at once; one over the limit of logins from its
 * address is answered "out of resources" by the login, and closed at once when even that is exceeded four
 * times over.
 */
#include "net/net_int.h"

#include "base/log.h"
#include "base/text.h"
#include "config/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void portal_free_if_unused(struct served_portal *p)
{
    if (p->pins == 0 && p->closing)
        free(p);
}

void portal_put(struct served_portal *p)
{
    p->connections--;
    p->pins--;
    portal_free_if_unused(p);
}

bool addr_is_loopback(const struct sock_addr *a)
{
    char host[SOCK_ADDR_LEN];
    sock_addr_host(a, host);
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static struct iscsi_offer offer_of(const struct config *c, uint16_t group)
{
    struct iscsi_offer o = iscsi_offer_default();
    const struct cfg_limits *l = &c->limits;
    o.max_recv_data_segment = l->max_recv_data_segment;
    o.max_burst = l->max_burst;
    o.first_burst = l->first_burst;
    o.max_outstanding_r2t = l->max_outstanding_r2t;
    o.window = (uint16_t)l->tasks_per_session;
    o.login_timeout_ms = l->login_timeout_ms;
    o.nop_interval_ms = l->nop_interval_ms;
    o.nop_timeout_ms = l->nop_timeout_ms;
    o.portal_group = group;
    return o;
}

static void refuse(struct net *net, struct sock *s, const char *why)
{
    net->totals.connections_refused++;
    log_warn("connection.refused", KV("peer", "%s", sock_peer(s)->text), KV("why", "%s", why));
    sock_close(s);
}

static struct cfg_address source_of(const struct sock *s)
{
    char host[SOCK_ADDR_LEN];
    struct cfg_address a;
    sock_addr_host(sock_peer(s), host);
    cfg_address_parse(host, &a);
    return a;
}

static void admit(struct served_portal *p, struct sock *s)
{
    struct net *net = p->net;
    const struct cfg_address source = source_of(s);
    if (!cfg_sources_admit(&p->cfg.sources, &source)) {
        net->totals.sources_refused++;
        refuse(net, s, "the portal is not for this source network");
        return;
    }
    if (!crowd_room(net, &source)) {
        refuse(net, s, "the limit of connections is reached");
        return;
    }
    struct conn *c = conn_new(net, p, s);
    if (!c) {
        refuse(net, s, "out of memory");
        return;
    }
    sock_addr_host(sock_peer(s), c->peer_host);
    c->source = source;
    c->loopback = addr_is_loopback(sock_local(s)) && addr_is_loopback(sock_peer(s));
    p->pins++;
    p->connections++;
    net->nconns++;
    list_push(&net->conns, &c->node);
    struct iscsi_offer o = offer_of(net->cfg, p->group);
    iscsi_conn_init(c->iscsi, &net_iscsi_env, c, &o, run_now());
    if (!crowd_enter(net, c))
        conn_shut(c, "a flood of logins");
    conn_start(c);
}

static void accept_loop(void *arg)
{
    struct served_portal *p = arg;
    while (!p->closing) {
        struct sock *s;
        int r = listener_accept(p->listener, &s, NULL);
        if (r == 0)
            admit(p, s);
        else if (r == -ECANCELED)
            break;
        else
            fiber_sleep_until(run_deadline_ms(100),
                              NULL); /* out of descriptors or memory: let some go */
    }
    p->pins--;
    portal_free_if_unused(p);
}

static int portal_up(struct served_portal *p, struct err *reterr)
{
    struct sock_addr addr;
    struct err err = {0};
    struct listen_opts opts = {.interface = p->cfg.interface[0] ? p->cfg.interface : NULL};
    int r = sock_addr_make(p->cfg.address, p->cfg.port, &addr);
    if (r < 0)
        err_set(&err, r, "portal %s: not a numeric address", p->cfg.address);
    else
        r = listener_open(&addr, &opts, &p->listener, &err);
    if (r == 0 && !fiber_start(accept_loop, p, "accept")) {
        listener_close(p->listener);
        p->listener = NULL;
        r = err_set(&err, -ENOMEM, "portal %s: no fiber to be had", addr.text);
    }
    if (r == 0) {
        p->pins++;
        p->reason[0] = '\0';
        log_info("portal.listening", KV("address", "%s", listener_addr(p->listener)->text),
                 KV("group", "%u", p->group));
        return 0;
    }
    if (strcmp(p->reason, err.msg) != 0) {
        text_copy(p->reason, sizeof(p->reason), err.msg);
        log_error("portal.unavailable", KV("address", "%s", p->cfg.address),
                  KV("error", "%s", err.msg));
    }
    if (reterr)
        *reterr = err;
    return r;
}

static void portal_down(struct served_portal *p)
{
    list_remove(&p->node);
    p->closing = true;
    if (p->listener)
        listener_close(p->listener);
    p->listener = NULL;
    portal_free_if_unused(p);
}

static bool same_portal(const struct served_portal *p, uint16_t group,
                        const struct cfg_portal *cfg)
{
    return p->group == group && p->cfg.port == cfg->port &&
           strcmp(p->cfg.address, cfg->address) == 0 &&
           strcmp(p->cfg.interface, cfg->interface) == 0;
}

static struct served_portal *portal_entry(struct net *net, uint16_t group,
                                          const struct cfg_portal *cfg)
{
    struct served_portal *p;
    list_for_each (p, &net->portals, node) {
        if (same_portal(p, group, cfg))
            return p;
    }
    p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->net = net;
    p->group = group;
    p->cfg = *cfg;
    p->seen = true;
    list_push(&net->portals, &p->node);
    return p;
}

static const struct cfg_portal *find_cfg(const struct served_portal *p, const struct config *c)
{
    for (unsigned g = 0; c && g < c->ngroups; g++)
        for (unsigned i = 0; i < c->groups[g].nportals; i++)
            if (same_portal(p, c->groups[g].tag, &c->groups[g].portals[i]))
                return &c->groups[g].portals[i];
    return NULL;
}

void portals_mark(struct net *net, const struct config *c)
{
    struct served_portal *p;
    list_for_each (p, &net->portals, node) {
        const struct cfg_portal *cfg = find_cfg(p, c);
        p->seen = cfg != NULL;
        if (cfg)
            p->cfg = *cfg; /* what may change while it is open */
    }
}

/* Portals that go are closed first, for one that comes may want the same address. */
int portals_apply(struct net *net, const struct config *c, struct err *reterr)
{
    struct served_portal *p, *tmp;
    int result = 0;
    portals_mark(net, c);
    list_for_each_safe (p, tmp, &net->portals, node) {
        if (!p->seen)
            portal_down(p);
    }
    for (unsigned g = 0; c && g < c->ngroups; g++)
        for (unsigned i = 0; i < c->groups[g].nportals; i++) {
            p = portal_entry(net, c->groups[g].tag, &c->groups[g].portals[i]);
            int r = p ? 0 : err_set(reterr, -ENOMEM, "portal: out of memory");
            if (p && !p->listener)
                r = portal_up(p, reterr);
            if (r < 0)
                result = r;
        }
    return result;
}

bool portals_listen(const struct net *net, uint16_t group)
{
    const struct served_portal *p;
    list_for_each (p, &net->portals, node)
        if (p->group == group && p->listener && !p->closing)
            return true;
    return false;
}
