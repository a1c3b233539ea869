/* SPDX-License-Identifier: BSD-2-Clause */
/* iSNS servers: who they are by the configuration, how they are by the front. Parks. */
#include "base/cleanup.h"
#include "base/text.h"
#include "control/api_gen.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
    [NET_ISNS_CONNECTING] = "connecting",
    [NET_ISNS_REGISTERED] = "registered",
    [NET_ISNS_NOTHING] = "nothing",
    [NET_ISNS_FAILED] = "failed",
};

struct servers {
    struct net_isns_info *all;
    unsigned n;
};
static void servers_drop(struct servers *s)
{
    free(s->all);
}

/* The front's view of a configured server; NULL: registration is off, or it is not known to it yet. */
static const struct net_isns_info *find(const struct servers *now,
                                        const struct cfg_isns_server *s)
{
    struct sock_addr a;
    if (sock_addr_make(s->address, s->port, &a) < 0)
        return NULL;
    for (unsigned i = 0; i < now->n; i++)
        if (strcmp(now->all[i].addr.text, a.text) == 0)
            return &now->all[i];
    return NULL;
}

static json_t *server_json(struct jb *b, const struct cfg_isns_server *s,
                           const struct net_isns_info *i)
{
    json_t *j = jb_object(b);
    jb_text(b, j, "address", s->address);
    jb_uint(b, j, "port", s->port);
    jb_text(b, j, "state", i ? state_names[i->state] : "off");
    if (!i)
        return j;
    jb_uint(b, j, "since", i->since);
    if (i->heard)
        jb_uint(b, j, "heard", i->heard);
    jb_uint(b, j, "targets", i->targets);
    jb_uint(b, j, "portals", i->portals);
    if (i->esi_port)
        jb_uint(b, j, "esi_port", i->esi_port);
    jb_uint(b, j, "inquiries", i->inquiries);
    jb_text(b, j, "reason", i->error);
    return j;
}

/* NULL: no memory. */
static json_t *servers_json(struct control *c, const struct config *cfg, struct jb *b)
{
    CLEANUP(servers_drop) struct servers now = {.n = 0};
    json_t *list = jb_list(b);
    if (net_isns(c->env.net, &now.all, &now.n) < 0)
        b->bad = true;
    for (unsigned i = 0; i < cfg->isns.nservers; i++)
        jb_push(b, list,
                server_json(b, &cfg->isns.servers[i], find(&now, &cfg->isns.servers[i])));
    return list;
}

static json_t *isns_json(struct control *c, const struct config *cfg, struct jb *b)
{
    json_t *j = jb_object(b);
    jb_bool(b, j, "enabled", cfg->isns.enabled);
    jb_text(b, j, "entity", cfg->isns.entity);
    jb_put(b, j, "servers", servers_json(c, cfg, b));
    return j;
}

int rpc_isns_list(struct control *c, const struct args_isns_list *a, json_t **ret_result,
                  struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    (void)a;
    return jb_done(&b, servers_json(c, cfg, &b), ret_result, reterr);
}

int rpc_isns_show(struct control *c, const struct args_isns_show *a, json_t **ret_result,
                  struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    (void)a;
    return jb_done(&b, isns_json(c, cfg, &b), ret_result, reterr);
}

static int isns_done(struct control *c, struct config_edit *e, const struct cfg_isns *i,
                     json_t **ret_result, struct err *reterr)
{
    struct jb b = {false};
    int rc = edit_isns_put(e, i, reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    if (rc < 0)
        return rc;
    CONFIG(cfg) = config_current(c->env.store);
    return change_done(c, e, &b, isns_json(c, cfg, &b), ret_result, reterr);
}

/* A transaction, and what it is to change. */
static int isns_begin(struct control *c, struct config_edit **ret_edit, struct cfg_isns *ret,
                      struct err *reterr)
{
    int rc = config_edit_begin(c->env.store, ret_edit, reterr);
    if (rc == 0)
        *ret = config_edit_base(*ret_edit)->isns;
    return rc;
}

/* Place of a server in the list, or -1. */
static int place_of(const struct cfg_isns *i, const char *address, uint16_t port)
{
    for (unsigned k = 0; k < i->nservers; k++)
        if (i->servers[k].port == port && strcmp(i->servers[k].address, address) == 0)
            return (int)k;
    return -1;
}

int rpc_isns_add(struct control *c, const struct args_isns_add *a, json_t **ret_result,
                 struct err *reterr)
{
    EDIT(e);
    uint16_t port = a->has_port ? (uint16_t)a->port : CFG_ISNS_PORT;
    struct cfg_isns i;
    int rc = isns_begin(c, &e, &i, reterr);
    if (rc < 0)
        return rc;
    if (place_of(&i, a->address, port) >= 0)
        return err_set(reterr, -EEXIST, "iSNS server %s port %u is there already", a->address,
                       port);
    if (i.nservers == CFG_ISNS_SERVERS)
        return err_set(reterr, -EINVAL,
                       "there are %d iSNS servers, and no more may be: remove one",
                       CFG_ISNS_SERVERS);
    struct cfg_isns_server *s = &i.servers[i.nservers++];
    s->port = port;
    text_copy(s->address, sizeof(s->address), a->address);
    return isns_done(c, e, &i, ret_result, reterr);
}

int rpc_isns_remove(struct control *c, const struct args_isns_remove *a, json_t **ret_result,
                    struct err *reterr)
{
    EDIT(e);
    uint16_t port = a->has_port ? (uint16_t)a->port : CFG_ISNS_PORT;
    struct cfg_isns i;
    int rc = isns_begin(c, &e, &i, reterr);
    if (rc < 0)
        return rc;
    int at = place_of(&i, a->address, port);
    if (at < 0)
        return err_set(reterr, -ENOENT,
                       "there is no iSNS server %s port %u (zsan isns list shows them)",
                       a->address, port);
    i.nservers--;
    memmove(&i.servers[at], &i.servers[at + 1],
            (i.nservers - (unsigned)at) * sizeof(i.servers[0]));
    rc = edit_isns_put(e, &i, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}

int rpc_isns_set(struct control *c, const struct args_isns_set *a, json_t **ret_result,
                 struct err *reterr)
{
    EDIT(e);
    struct cfg_isns i;
    int rc = isns_begin(c, &e, &i, reterr);
    if (rc < 0)
        return rc;
    if (a->has_enabled)
        i.enabled = a->enabled;
    if (a->entity)
        text_copy(i.entity, sizeof(i.entity), a->entity);
    return isns_done(c, e, &i, ret_result, reterr);
}
