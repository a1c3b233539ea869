/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The name servers of the configuration: a fiber for each (isns_client.c). Here they come and go with versions of the
 * configuration, and are told that something changed. A server whose address or entity is another one is another server: the old
 * one's registration is taken back in its own time.
 */
#include "net/isns_int.h"

#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct isns_server *find(struct net *net, const char *entity, const struct sock_addr *a)
{
    struct isns_server *s;
    list_for_each (s, &net->isns, node)
        if (!s->stopping && strcmp(s->addr.text, a->text) == 0 &&
            strcmp(s->entity, entity) == 0)
            return s;
    return NULL;
}

static struct isns_server *add(struct net *net, const char *entity, const struct sock_addr *a)
{
    struct isns_server *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->net = net;
    s->addr = *a;
    s->link.torn = true;
    s->since = run_wall() / NS_PER_SEC;
    text_copy(s->entity, sizeof(s->entity), entity);
    cancel_init(&s->stop);
    cancel_init(&s->wake);
    if (!fiber_start(isns_client_fiber, s, "isns")) {
        free(s);
        return NULL;
    }
    list_push(&net->isns, &s->node);
    return s;
}

static void end(struct isns_server *s)
{
    s->stopping = true;
    cancel_fire(&s->stop);
    cancel_fire(&s->wake);
}

/* Marks the servers that c has. 0, -ENOMEM: one could not be begun. */
static int mark(struct net *net, const struct cfg_isns *c)
{
    int result = 0;
    for (unsigned i = 0; c->enabled && i < c->nservers; i++) {
        struct sock_addr a;
        if (sock_addr_make(c->servers[i].address, c->servers[i].port, &a) < 0)
            continue;
        struct isns_server *s = find(net, c->entity, &a);
        if (!s)
            s = add(net, c->entity, &a);
        if (s)
            s->seen = true;
        else
            result = -ENOMEM;
    }
    return result;
}

int isns_apply(struct net *net, struct err *reterr)
{
    struct isns_server *s;
    list_for_each (s, &net->isns, node)
        s->seen = false;
    int r = mark(net, &net->cfg->isns);
    list_for_each (s, &net->isns, node) {
        if (!s->seen && !s->stopping)
            end(s);
        else
            cancel_fire(&s->wake);
    }
    return r < 0 ? err_set(reterr, r, "iSNS: out of memory or of fibers") : 0;
}

void isns_stop(struct net *net)
{
    struct isns_server *s;
    list_for_each (s, &net->isns, node)
        if (!s->stopping)
            end(s);
    while (!list_empty(&net->isns))
        waitq_wait(&net->isns_gone, NO_DEADLINE, NULL);
}

static void describe(const struct isns_server *s, struct net_isns_info *ret)
{
    ret->addr = s->addr;
    ret->state = s->state;
    ret->since = s->since;
    ret->heard = s->heard;
    ret->inquiries = s->asked;
    text_copy(ret->error, sizeof(ret->error), s->error);
    if (s->have) {
        ret->targets = s->have->nnodes;
        ret->portals = s->have->nportals;
        ret->esi_port = s->have->esi_port;
    }
}

int net_isns(struct net *net, struct net_isns_info **ret_servers, unsigned *ret_n)
{
    struct isns_server *s;
    unsigned n = 0;
    list_for_each (s, &net->isns, node)
        n++;
    struct net_isns_info *out = calloc(n + 1, sizeof(*out));
    if (!out)
        return -ENOMEM;
    n = 0;
    list_for_each (s, &net->isns, node)
        if (!s->stopping)
            describe(s, &out[n++]);
    *ret_servers = out;
    *ret_n = n;
    return 0;
}
