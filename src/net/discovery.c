/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SendTargets (RFC 7143 appendix C): the targets granted to the asking initiator, with the
 * portals of the groups that serve them. A portal announces its advertised address if it has
 * one, else its own; one that listens on all addresses announces the address this initiator
 * came to.
 */
#include "net/net_int.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"

#include <string.h>

#define MAX_ADDRS 64

struct answer {
    struct conn *c;
    const struct iscsi_event *ev;
};

static bool is_any(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static void address_of(const struct conn *c, const struct cfg_portal *p,
                       struct sock_addr *ret_addr)
{
    char host[SOCK_ADDR_LEN];
    if (p->advertise[0]) {
        text_copy(ret_addr->text, sizeof(ret_addr->text), p->advertise);
        return;
    }
    if (is_any(p->address))
        sock_addr_host(sock_local(c->sock), host);
    else
        text_copy(host, sizeof(host), p->address);
    if (sock_addr_make(host, p->port, ret_addr) < 0)
        *ret_addr = *sock_local(c->sock);
}

struct address_list {
    struct sock_addr addr[MAX_ADDRS];
    const char *text[MAX_ADDRS];
    uint16_t tags[MAX_ADDRS];
    unsigned n;
};

static void collect(const struct conn *c, const struct cfg_target *t, struct address_list *l)
{
    l->n = 0;
    for (unsigned g = 0; g < t->ngroups; g++)
        for (unsigned p = 0; p < t->groups[g]->nportals && l->n < MAX_ADDRS; p++, l->n++) {
            address_of(c, &t->groups[g]->portals[p], &l->addr[l->n]);
            l->text[l->n] = l->addr[l->n].text;
            l->tags[l->n] = t->groups[g]->tag;
        }
}

/* On reactor 0, where the configuration is; the machine is not stepped meanwhile, for its
 * reader waits in discovery_answer(). */
static void list_targets(void *arg)
{
    struct answer *a = arg;
    const struct config *cfg = a->c->net->cfg;
    const struct iscsi_params *p = iscsi_conn_params(a->c->iscsi);
    const char *only = a->ev->send_targets.target;
    CLEANUP(freep) struct address_list *l = malloc(sizeof(*l));
    for (unsigned i = 0; l && i < cfg->ntargets; i++) {
        const struct cfg_target *t = &cfg->targets[i];
        if (only[0] && strcmp(only, t->name) != 0)
            continue;
        if (!policy_may_see(cfg, p->initiator, t))
            continue;
        collect(a->c, t, l);
        if (!iscsi_targets_add(a->c->iscsi, t->name, l->text, l->tags, l->n)) {
            log_warn("discovery.cut", KV("initiator", "%s", p->initiator),
                     KV("at", "%s", t->name));
            break;
        }
    }
}

void discovery_answer(struct conn *c, const struct iscsi_event *ev)
{
    struct answer a = {c, ev};
    call_on(run_reactor(c->net->run, 0), list_targets, &a);
    iscsi_targets_done(c->iscsi);
}
