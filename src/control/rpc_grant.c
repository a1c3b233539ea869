/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grants, and the secrets of their pairs. A grant may be to a host; secrets are always of one
 * initiator and one target, so what is done to a host's grant is done to each of its pairs.
 * Parks.
 */
#include "base/cleanup.h"
#include "base/text.h"
#include "control/api_gen.h"
#include "control/control_int.h"

#include <errno.h>
#include <string.h>

static json_t *grant_json(struct jb *b, const struct cfg_grant *g, const struct live *l)
{
    struct cfg_use use;
    json_t *j = jb_object(b);
    jb_text(b, j, "target", g->target->name);
    jb_text(b, j, "initiator", g->initiator->name);
    jb_text(b, j, "host", g->initiator->host->name);
    jb_text(b, j, "auth", cfg_auth_name(g->initiator->auth));
    if (g->sources.n > 0)
        jb_put(b, j, "sources", sources_json(b, &g->sources));
    bool proves = g->forward.secret[0].len || g->initiator->verify == CFG_VERIFY_RADIUS;
    jb_text(b, j, "chap_name", proves ? g->forward.name : NULL);
    jb_text(b, j, "reverse_chap_name", g->reverse.secret[0].len ? g->reverse.name : NULL);
    if (g->forward.minted || g->reverse.minted)
        jb_uint(b, j, "minted", MAX(g->forward.minted, g->reverse.minted));
    if (config_last_use(l->store, g->initiator->name, g->target->name, &g->forward, &use))
        use_json(b, j, "", &use);
    uint64_t before =
        config_previous_use(l->store, g->initiator->name, g->target->name, &g->forward);
    if (before)
        jb_uint(b, j, "previous_last_use", before);
    jb_bool(b, j, "rotating", g->forward.secret[1].len > 0 || g->reverse.secret[1].len > 0);
    jb_uint(b, j, "sessions", live_sessions(l, NULL, g->initiator->name, g->target->name));
    fiber_maybe_yield();
    return j;
}

static json_t *grant_row(struct jb *b, const struct config *cfg, unsigned row,
                         const struct live *l)
{
    return grant_json(b, &cfg->grants[row], l);
}

int rpc_grant_list(struct control *c, const struct args_grant_list *a, json_t **ret_result,
                   struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    (void)a;
    return live_list(c, cfg, cfg->ngrants, grant_row, ret_result, reterr);
}

/* ---- changes ----------------------------------------------------------------------------- */

/* A transaction on the grant of somebody to a target, both by their whole names. */
struct pair {
    char who[CFG_NAME_LEN], target[CFG_NAME_LEN];
};
static int begin(struct control *c, const char *who, const char *target,
                 struct config_edit **ret_edit, struct pair *ret_pair, struct err *reterr)
{
    int rc = config_edit_begin(c->env.store, ret_edit, reterr);
    if (rc < 0)
        return rc;
    const struct config *cfg = config_edit_base(*ret_edit);
    initiator_resolve(cfg, who, ret_pair->who);
    return target_resolve(cfg, target, ret_pair->target, reterr);
}

static int commit(struct control *c, struct config_edit *e, const struct pair *p,
                  json_t **ret_result, struct err *reterr)
{
    struct jb b = {false};
    int rc = config_edit_commit(e, reterr);
    if (rc < 0)
        return rc;
    json_t *j = jb_object(&b);
    jb_text(&b, j, "who", p->who);
    jb_text(&b, j, "target", p->target);
    return change_done(c, e, &b, j, ret_result, reterr);
}

typedef int pair_edit(struct config_edit *e, const char *who, const char *target,
                      struct err *reterr);

/* Does the same to each pair of the grant. */
static int each_pair(struct config_edit *e, const struct pair *p, pair_edit *fn,
                     struct err *reterr)
{
    const struct config *cfg = config_edit_base(e);
    unsigned n = 0;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < cfg->ngrants; i++) {
        const struct cfg_grant *g = &cfg->grants[i];
        if (strcmp(g->target->name, p->target) != 0 ||
            (strcmp(g->initiator->name, p->who) != 0 &&
             strcmp(g->initiator->host->name, p->who) != 0))
            continue;
        n++;
        rc = fn(e, g->initiator->name, p->target, reterr);
    }
    if (rc == 0 && n == 0)
        return err_set(
            reterr, -ENOENT,
            "target %.100s is granted to no initiator of \"%.80s\" (zsan grant list)",
            p->target, p->who);
    return rc;
}

/* What a verb does, and how. */
struct verb {
    pair_edit *fn;
    bool each_pair; /* to each initiator of a host apart */
    bool tells;     /* of whom and what, for the command prints it */
};

static int run(struct control *c, const char *who, const char *target, const struct verb *v,
               json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    struct pair p;
    int rc = begin(c, who, target, &e, &p, reterr);
    if (rc == 0)
        rc = v->each_pair ? each_pair(e, &p, v->fn, reterr) : v->fn(e, p.who, p.target, reterr);
    if (rc < 0)
        return rc;
    return v->tells ? commit(c, e, &p, ret_result, reterr)
                    : change_commit(c, e, ret_result, reterr);
}

/* A transaction about a pair, and the source networks that were named. */
static int begin_with_sources(struct control *c, const char *who, const char *target,
                              const struct api_names *names, struct config_edit **ret_edit,
                              struct pair *ret_pair, struct cfg_sources *ret_sources,
                              struct err *reterr)
{
    int rc = sources_parse(names, ret_sources, reterr);
    return rc < 0 ? rc : begin(c, who, target, ret_edit, ret_pair, reterr);
}

int rpc_grant_add(struct control *c, const struct args_grant_add *a, json_t **ret_result,
                  struct err *reterr)
{
    EDIT(e);
    struct pair p;
    struct cfg_sources sources;
    int rc = begin_with_sources(c, a->who, a->target, &a->sources, &e, &p, &sources, reterr);
    if (rc == 0)
        rc = edit_grant_add(e, p.who, p.target, reterr);
    if (rc == 0)
        rc = edit_grant_sources(e, p.who, p.target, &sources, reterr);
    return rc < 0 ? rc : commit(c, e, &p, ret_result, reterr);
}

int rpc_grant_set(struct control *c, const struct args_grant_set *a, json_t **ret_result,
                  struct err *reterr)
{
    EDIT(e);
    struct pair p;
    struct cfg_sources sources;
    int rc = begin_with_sources(c, a->who, a->target, &a->sources, &e, &p, &sources, reterr);
    if (rc == 0)
        rc = edit_grant_sources(e, p.who, p.target, &sources, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}

int rpc_grant_rotate(struct control *c, const struct args_grant_rotate *a, json_t **ret_result,
                     struct err *reterr)
{
    static const struct verb v = {.fn = edit_secret_rotate, .each_pair = true, .tells = true};
    return run(c, a->who, a->target, &v, ret_result, reterr);
}

int rpc_grant_finish(struct control *c, const struct args_grant_finish *a, json_t **ret_result,
                     struct err *reterr)
{
    static const struct verb v = {.fn = edit_secret_finish, .each_pair = true};
    return run(c, a->who, a->target, &v, ret_result, reterr);
}

int rpc_grant_remove(struct control *c, const struct args_grant_remove *a, json_t **ret_result,
                     struct err *reterr)
{
    static const struct verb v = {.fn = edit_grant_remove};
    return run(c, a->who, a->target, &v, ret_result, reterr);
}

int rpc_grant_secret(struct control *c, const struct args_grant_secret *a, json_t **ret_result,
                     struct err *reterr)
{
    EDIT(e);
    struct pair p;
    int rc = begin(c, a->initiator, a->target, &e, &p, reterr);
    if (rc == 0)
        rc = edit_secret_set(e, p.who, p.target, a->secret, a->reverse_secret, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}

int rpc_grant_name(struct control *c, const struct args_grant_name *a, json_t **ret_result,
                   struct err *reterr)
{
    EDIT(e);
    struct pair p;
    int rc = begin(c, a->initiator, a->target, &e, &p, reterr);
    if (rc == 0)
        rc = edit_chap_names(e, p.who, p.target, a->name, a->reverse_name, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}
