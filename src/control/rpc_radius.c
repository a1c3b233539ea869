/* SPDX-License-Identifier: BSD-2-Clause */
/* RADIUS servers: who they are by the configuration, how they answer by the front. Parks. */
#include "base/cleanup.h"
#include "base/text.h"
#include "config/schema.h"
#include "control/api_gen.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
    [NET_RADIUS_UNASKED] = "unasked",
    [NET_RADIUS_ANSWERS] = "answers",
    [NET_RADIUS_SILENT] = "silent",
};

struct servers {
    struct net_radius_info *all;
    unsigned n;
};
static void servers_drop(struct servers *s)
{
    free(s->all);
}

/* The front's view of a configured server; it has none of one that it does not know yet. */
static struct net_radius_info find(const struct servers *now, const struct cfg_radius_server *s)
{
    struct sock_addr a;
    for (unsigned i = 0; sock_addr_make(s->address, s->port, &a) == 0 && i < now->n; i++)
        if (strcmp(now->all[i].addr.text, a.text) == 0)
            return now->all[i];
    return (struct net_radius_info){.state = NET_RADIUS_UNASKED};
}

static json_t *server_json(struct jb *b, const struct cfg_radius_server *s,
                           const struct net_radius_info *i)
{
    json_t *j = jb_object(b);
    jb_text(b, j, "address", s->address);
    jb_uint(b, j, "port", s->port);
    jb_uint(b, j, "timeout_ms", s->timeout_ms);
    jb_uint(b, j, "tries", s->tries);
    jb_text(b, j, "state", state_names[i->state]);
    if (i->since)
        jb_uint(b, j, "since", i->since);
    if (i->heard)
        jb_uint(b, j, "heard", i->heard);
    jb_uint(b, j, "accepted", i->accepted);
    jb_uint(b, j, "rejected", i->rejected);
    jb_uint(b, j, "unanswered", i->unanswered);
    if (s->minted)
        jb_uint(b, j, "secret_set", s->minted);
    jb_text(b, j, "reason", i->error);
    return j;
}

static json_t *servers_json(struct control *c, const struct config *cfg, struct jb *b)
{
    CLEANUP(servers_drop) struct servers now = {.n = 0};
    json_t *list = jb_list(b);
    if (net_radius(c->env.net, &now.all, &now.n) < 0)
        b->bad = true;
    for (unsigned i = 0; i < cfg->radius.nservers; i++) {
        const struct net_radius_info info = find(&now, &cfg->radius.servers[i]);
        jb_push(b, list, server_json(b, &cfg->radius.servers[i], &info));
    }
    return list;
}

int rpc_radius_list(struct control *c, const struct args_radius_list *a, json_t **ret_result,
                    struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    (void)a;
    return jb_done(&b, servers_json(c, cfg, &b), ret_result, reterr);
}

/* ---- changes ----------------------------------------------------------------------------- */

/* A transaction, what it is to change, and the place of a server in it, or -1. */
struct change {
    struct config_edit *e;
    struct cfg_radius *radius;
    int at;
};
static void change_end(struct change *ch)
{
    config_edit_end(ch->e);
    if (ch->radius)
        wipe(ch->radius, sizeof(*ch->radius));
    free(ch->radius);
}
#define CHANGE(var) CLEANUP(change_end) struct change var = {.at = -1}

static int begin(struct control *c, struct change *ch, const char *address, uint16_t port,
                 struct err *reterr)
{
    ch->radius = malloc(sizeof(*ch->radius));
    int rc = ch->radius ? config_edit_begin(c->env.store, &ch->e, reterr)
                        : err_set(reterr, -ENOMEM, "out of memory");
    if (rc < 0)
        return rc;
    *ch->radius = config_edit_base(ch->e)->radius;
    for (unsigned i = 0; i < ch->radius->nservers; i++)
        if (ch->radius->servers[i].port == port &&
            strcmp(ch->radius->servers[i].address, address) == 0)
            ch->at = (int)i;
    return 0;
}

/* The same for a server that has to be there. */
static int begin_known(struct control *c, struct change *ch, const char *address, uint16_t port,
                       struct err *reterr)
{
    int rc = begin(c, ch, address, port, reterr);
    if (rc == 0 && ch->at < 0)
        rc = err_set(reterr, -ENOENT,
                     "there is no RADIUS server %s port %u (zsan radius list shows them)",
                     address, port);
    return rc;
}

static uint16_t port_of(bool given, uint64_t port)
{
    return given ? (uint16_t)port : CFG_RADIUS_PORT;
}

int rpc_radius_add(struct control *c, const struct args_radius_add *a, json_t **ret_result,
                   struct err *reterr)
{
    CHANGE(ch);
    struct jb b = {false};
    uint16_t port = port_of(a->has_port, a->port);
    int rc = begin(c, &ch, a->address, port, reterr);
    if (rc < 0)
        return rc;
    if (ch.at >= 0)
        return err_set(reterr, -EEXIST, "RADIUS server %s port %u is there already", a->address,
                       port);
    if (ch.radius->nservers == CFG_RADIUS_SERVERS)
        return err_set(reterr, -EINVAL,
                       "there are %d RADIUS servers, and no more may be: remove one",
                       CFG_RADIUS_SERVERS);
    if (!a->secret)
        return err_set(reterr, -EINVAL,
                       "\"secret\" is missing: what the server shares with us");
    struct cfg_radius_server *s = &ch.radius->servers[ch.radius->nservers++];
    *s = schema_radius_server_default();
    text_copy(s->address, sizeof(s->address), a->address);
    s->port = port;
    if (a->has_timeout_ms)
        s->timeout_ms = (uint32_t)a->timeout_ms;
    if (a->has_tries)
        s->tries = (uint32_t)a->tries;
    rc = edit_radius_put(ch.e, ch.radius, reterr);
    if (rc == 0)
        rc = edit_radius_secret(ch.e, a->address, port, a->secret, reterr);
    if (rc == 0)
        rc = config_edit_commit(ch.e, reterr);
    if (rc < 0)
        return rc;
    const struct net_radius_info unasked = {.state = NET_RADIUS_UNASKED};
    return change_done(c, ch.e, &b, server_json(&b, s, &unasked), ret_result, reterr);
}

int rpc_radius_set(struct control *c, const struct args_radius_set *a, json_t **ret_result,
                   struct err *reterr)
{
    CHANGE(ch);
    int rc = begin_known(c, &ch, a->address, port_of(a->has_port, a->port), reterr);
    if (rc < 0)
        return rc;
    struct cfg_radius_server *s = &ch.radius->servers[ch.at];
    if (a->has_timeout_ms)
        s->timeout_ms = (uint32_t)a->timeout_ms;
    if (a->has_tries)
        s->tries = (uint32_t)a->tries;
    rc = edit_radius_put(ch.e, ch.radius, reterr);
    return rc < 0 ? rc : change_commit(c, ch.e, ret_result, reterr);
}

int rpc_radius_secret(struct control *c, const struct args_radius_secret *a,
                      json_t **ret_result, struct err *reterr)
{
    CHANGE(ch);
    uint16_t port = port_of(a->has_port, a->port);
    int rc = begin_known(c, &ch, a->address, port, reterr);
    if (rc == 0 && !a->secret)
        rc = err_set(reterr, -EINVAL, "\"secret\" is missing: what the server shares with us");
    if (rc == 0)
        rc = edit_radius_secret(ch.e, a->address, port, a->secret, reterr);
    return rc < 0 ? rc : change_commit(c, ch.e, ret_result, reterr);
}

int rpc_radius_remove(struct control *c, const struct args_radius_remove *a,
                      json_t **ret_result, struct err *reterr)
{
    CHANGE(ch);
    int rc = begin_known(c, &ch, a->address, port_of(a->has_port, a->port), reterr);
    if (rc < 0)
        return rc;
    struct cfg_radius *r = ch.radius;
    size_t at = (size_t)ch.at;
    r->nservers--;
    memmove(&r->servers[at], &r->servers[at + 1], (r->nservers - at) * sizeof(r->servers[0]));
    rc = edit_radius_put(ch.e, r, reterr);
    return rc < 0 ? rc : change_commit(c, ch.e, ret_result, reterr);
}
