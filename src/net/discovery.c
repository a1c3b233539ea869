/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SendTargets (RFC 7143 appendix C): the targets granted to the asking initiator from where it
 * asks, with the portals of the groups that serve them (also those for other source networks: it may
 * have a foot in each). A portal announces its advertised address if it has
 * one, else its own; one that listens on all addresses announces the address this initiator
 * came to. What this initiator cannot reach is left out: a loopback address from afar, a portal
 * for all addresses of the other family.
 */
#include "net/net_int.h"

#include "base/log.h"
#include "base/text.h"
#include "config/sources.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ADDRS 64 /* of one target */

/* A target to be named, with where it is. */
struct found {
    struct list node;
    char name[CFG_NAME_LEN];
    unsigned n;
    struct found_portal {
        struct sock_addr addr;
        uint16_t tag;
    } portal[];
};

struct search {
    const struct conn *c;
    const struct iscsi_event *ev;
    struct list found;
};

/* ---- on reactor 0, where the configuration is -------------------------------------------- */

static bool is_ipv6(const char *host)
{
    return strchr(host, ':') != NULL;
}

/* False: nothing that this initiator could connect to. */
static bool address_of(const struct conn *c, const struct cfg_portal *p,
                       struct sock_addr *ret_addr)
{
    char host[SOCK_ADDR_LEN];
    if (p->advertise[0]) {
        text_copy(ret_addr->text, sizeof(ret_addr->text), p->advertise);
        return true;
    }
    text_copy(host, sizeof(host), p->address);
    if (cfg_any_address(host)) {
        sock_addr_host(sock_local(c->sock), host);
        if (is_ipv6(host) != is_ipv6(p->address))
            return false;
    }
    if (sock_addr_make(host, p->port, ret_addr) < 0)
        return false;
    return c->loopback || !addr_is_loopback(ret_addr);
}

static unsigned count_portals(const struct cfg_target *t)
{
    unsigned n = 0;
    for (unsigned g = 0; g < t->ngroups; g++)
        n += t->groups[g]->nportals;
    return MIN(n, (unsigned)MAX_ADDRS);
}

static struct found *found_new(const struct conn *c, const struct cfg_target *t)
{
    unsigned max = count_portals(t);
    struct found *f = malloc(sizeof(*f) + max * sizeof(f->portal[0]));
    if (!f)
        return NULL;
    list_init(&f->node);
    text_copy(f->name, sizeof(f->name), t->name);
    f->n = 0;
    for (unsigned g = 0; g < t->ngroups; g++)
        for (unsigned p = 0; p < t->groups[g]->nportals && f->n < max; p++) {
            f->portal[f->n].tag = t->groups[g]->tag;
            f->n += address_of(c, &t->groups[g]->portals[p], &f->portal[f->n].addr);
        }
    return f;
}

static void search(void *arg)
{
    struct search *s = arg;
    const struct config *cfg = s->c->net->cfg;
    const struct iscsi_params *p = iscsi_conn_params(s->c->iscsi);
    const char *only = s->ev->send_targets.target;
    for (unsigned i = 0; i < cfg->ntargets; i++) {
        const struct cfg_target *t = &cfg->targets[i];
        if ((only[0] && strcmp(only, t->name) != 0) ||
            !policy_may_see(cfg, p->initiator, t, &s->c->source))
            continue;
        struct found *f = found_new(s->c, t);
        if (f)
            list_push(&s->found, &f->node);
    }
}

/* ---- at home, where the machine is ------------------------------------------------------- */

static bool announce(struct conn *c, const struct found *f)
{
    const char *text[MAX_ADDRS];
    uint16_t tags[MAX_ADDRS];
    for (unsigned i = 0; i < f->n; i++) {
        text[i] = f->portal[i].addr.text;
        tags[i] = f->portal[i].tag;
    }
    return iscsi_targets_add(c->iscsi, f->name, text, tags, f->n);
}

void discovery_answer(struct conn *c, const struct iscsi_event *ev)
{
    struct search s = {.c = c, .ev = ev};
    struct list *n;
    bool room = true;
    list_init(&s.found);
    call_on(run_reactor(c->net->run, 0), search, &s);
    while ((n = list_pop(&s.found))) {
        struct found *f = list_entry(n, struct found, node);
        if (room && !announce(c, f)) {
            room = false;
            log_warn("discovery.cut",
                     KV("initiator", "%s", iscsi_conn_params(c->iscsi)->initiator),
                     KV("at", "%s", f->name));
        }
        free(f);
    }
    iscsi_targets_done(c->iscsi);
}
