/* SPDX-License-Identifier: BSD-2-Clause */
/* Portals and their groups. Parks. */
#include "base/cleanup.h"
#include "base/text.h"
#include "control/api_gen.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORT_DEFAULT 3260
#define TAG_DEFAULT  1

struct portals {
    struct net_portal_info *all;
    unsigned n;
};
static void portals_drop(struct portals *p)
{
    free(p->all);
}

/* The front's view of a configured portal; NULL: not known to it yet. */
static const struct net_portal_info *find(const struct portals *now, uint16_t tag,
                                          const struct cfg_portal *p)
{
    struct sock_addr a;
    if (sock_addr_make(p->address, p->port, &a) < 0)
        return NULL;
    for (unsigned i = 0; i < now->n; i++)
        if (now->all[i].group == tag && strcmp(now->all[i].addr.text, a.text) == 0)
            return &now->all[i];
    return NULL;
}

static json_t *portal_json(struct jb *b, const struct cfg_portal_group *g,
                           const struct cfg_portal *p, const struct portals *now)
{
    const struct net_portal_info *i = find(now, g->tag, p);
    json_t *j = jb_object(b);
    jb_uint(b, j, "group", g->tag);
    jb_text(b, j, "address", p->address);
    jb_uint(b, j, "port", p->port);
    jb_text(b, j, "interface", p->interface);
    if (p->any_address)
        jb_bool(b, j, "any_address", true);
    if (p->sources.n > 0)
        jb_put(b, j, "sources", sources_json(b, &p->sources));
    jb_text(b, j, "advertise", p->advertise);
    jb_uint(b, j, "alua_group", g->alua_group);
    jb_text(b, j, "alua_state", cfg_alua_name(g->alua_state));
    jb_bool(b, j, "listening", i && i->listening);
    jb_text(b, j, "reason", i && !i->listening ? i->reason : NULL);
    jb_uint(b, j, "connections", i ? i->connections : 0);
    return j;
}

int rpc_portal_list(struct control *c, const struct args_portal_list *a, json_t **ret_result,
                    struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    CLEANUP(portals_drop) struct portals now = {.n = 0};
    struct jb b = {false};
    (void)a;
    if (net_portals(c->env.net, &now.all, &now.n) < 0)
        return -ENOMEM;
    json_t *list = jb_list(&b);
    for (unsigned i = 0; i < cfg->ngroups; i++)
        for (unsigned k = 0; k < cfg->groups[i].nportals; k++)
            jb_push(&b, list,
                    portal_json(&b, &cfg->groups[i], &cfg->groups[i].portals[k], &now));
    return jb_done(&b, list, ret_result, reterr);
}

static int portal_done(struct control *c, struct config_edit *e, uint16_t tag,
                       const struct cfg_portal *p, json_t **ret_result, struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    CLEANUP(portals_drop) struct portals now = {.n = 0};
    struct jb b = {false};
    if (net_portals(c->env.net, &now.all, &now.n) < 0)
        return -ENOMEM;
    json_t *j = portal_json(&b, config_group(cfg, tag), p, &now);
    return change_done(c, e, &b, j, ret_result, reterr);
}

int rpc_portal_add(struct control *c, const struct args_portal_add *a, json_t **ret_result,
                   struct err *reterr)
{
    EDIT(e);
    uint16_t tag = a->has_group ? (uint16_t)a->group : TAG_DEFAULT;
    struct cfg_portal p = {.port = a->has_port ? (uint16_t)a->port : PORT_DEFAULT,
                           .any_address = a->any_address};
    text_copy(p.address, sizeof(p.address), a->address);
    text_copy(p.interface, sizeof(p.interface), a->interface ? a->interface : "");
    text_copy(p.advertise, sizeof(p.advertise), a->advertise ? a->advertise : "");
    int rc = sources_parse(&a->sources, &p.sources, reterr);
    if (rc == 0)
        rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = edit_portal_add(e, tag, &p, reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    return rc < 0 ? rc : portal_done(c, e, tag, &p, ret_result, reterr);
}

int rpc_portal_set(struct control *c, const struct args_portal_set *a, json_t **ret_result,
                   struct err *reterr)
{
    EDIT(e);
    struct cfg_sources sources;
    int rc = sources_parse(&a->sources, &sources, reterr);
    if (rc == 0)
        rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = edit_portal_sources(e, a->has_group ? (uint16_t)a->group : TAG_DEFAULT, a->address,
                                 a->has_port ? (uint16_t)a->port : PORT_DEFAULT, &sources,
                                 reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}

int rpc_portal_remove(struct control *c, const struct args_portal_remove *a,
                      json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = edit_portal_remove(e, a->has_group ? (uint16_t)a->group : TAG_DEFAULT, a->address,
                                a->has_port ? (uint16_t)a->port : PORT_DEFAULT, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}

int rpc_portal_group(struct control *c, const struct args_portal_group *a, json_t **ret_result,
                     struct err *reterr)
{
    EDIT(e);
    enum cfg_alua_state state = (enum cfg_alua_state)a->alua_state;
    if (!a->has_alua_group && !a->has_alua_state)
        return err_set(reterr, -EINVAL, "nothing to change: give alua_group or alua_state");
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = edit_group_set(e, (uint16_t)a->group,
                            a->has_alua_group ? (uint16_t)a->alua_group : 0,
                            a->has_alua_state ? &state : NULL, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}
