/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts and initiators. Parks. */
#include "base/cleanup.h"
#include "base/text.h"
#include "config/names.h"
#include "config/schema.h"
#include "control/api_gen.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- hosts ------------------------------------------------------------------------------- */

static const struct cfg_host *find_host(const struct config *cfg, const char *name)
{
    for (unsigned i = 0; i < cfg->nhosts; i++)
        if (strcmp(cfg->hosts[i].name, name) == 0)
            return &cfg->hosts[i];
    return NULL;
}

static json_t *host_json(struct jb *b, const struct cfg_host *h, const struct live *l)
{
    json_t *j = jb_object(b), *list = jb_list(b);
    for (unsigned i = 0; i < h->ninitiators; i++)
        jb_push_text(b, list, h->initiators[i]->name);
    jb_text(b, j, "name", h->name);
    jb_put(b, j, "initiators", list);
    jb_uint(b, j, "sessions", live_sessions(l, h->name, NULL, NULL));
    fiber_maybe_yield();
    return j;
}

/* One that an operator made; an initiator without one has a host that bears its own name. */
static bool is_named(const struct cfg_host *h)
{
    return !iscsi_name_like(h->name);
}

static json_t *host_row(struct jb *b, const struct config *cfg, unsigned row,
                        const struct live *l)
{
    return is_named(&cfg->hosts[row]) ? host_json(b, &cfg->hosts[row], l) : NULL;
}

int rpc_host_list(struct control *c, const struct args_host_list *a, json_t **ret_result,
                  struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    (void)a;
    return live_list(c, cfg, cfg->nhosts, host_row, ret_result, reterr);
}

/* Into the host, whether the initiator is known already or not. */
static int join(struct config_edit *e, const char *host, const char *name, struct err *reterr)
{
    CLEANUP(freep) struct cfg_initiator *i = calloc(1, sizeof(*i));
    if (!i)
        return -ENOMEM;
    int rc = cfg_iscsi_name_normalise(name, i->name, reterr);
    if (rc < 0)
        return rc;
    const struct cfg_initiator *known = config_initiator(config_edit_base(e), i->name);
    if (!known)
        return edit_initiator_add(e, i, host, reterr);
    if (is_named(known->host))
        return err_set(reterr, -EEXIST,
                       "initiator %.120s belongs to host \"%.60s\": zsan initiator set --host",
                       i->name, known->host->name);
    i->auth = known->auth;
    i->verify = known->verify;
    i->chap_algs = known->chap_algs;
    text_copy(i->label, sizeof(i->label), known->label);
    return edit_initiator_put(e, i, host, reterr);
}

int rpc_host_add(struct control *c, const struct args_host_add *a, json_t **ret_result,
                 struct err *reterr)
{
    EDIT(e);
    struct jb b = {false};
    LIVE(l);
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = edit_host_add(e, a->name, reterr);
    for (unsigned i = 0; rc == 0 && i < a->initiators.n; i++)
        rc = join(e, a->name, a->initiators.name[i], reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    if (rc == 0)
        rc = live_take(c, &l, reterr);
    if (rc < 0)
        return rc;
    CONFIG(cfg) = config_current(c->env.store);
    return change_done(c, e, &b, host_json(&b, find_host(cfg, a->name), &l), ret_result,
                       reterr);
}

/* Takes away what keeps a host from being removed. */
static int empty_host(struct config_edit *e, const char *name, struct err *reterr)
{
    const struct config *cfg = config_edit_base(e);
    const struct cfg_host *h = find_host(cfg, name);
    int rc = 0;
    for (unsigned i = 0; h && rc == 0 && i < h->ninitiators; i++)
        rc = edit_initiator_remove(e, h->initiators[i]->name, reterr);
    for (unsigned i = 0; rc == 0 && i < cfg->ntargets; i++) {
        rc = edit_grant_remove(e, name, cfg->targets[i].name, NULL);
        if (rc == -ENOENT)
            rc = 0;
    }
    return rc;
}

int rpc_host_remove(struct control *c, const struct args_host_remove *a, json_t **ret_result,
                    struct err *reterr)
{
    EDIT(e);
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0 && a->force)
        rc = empty_host(e, a->name, reterr);
    if (rc == 0)
        rc = edit_host_remove(e, a->name, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}

/* ---- initiators -------------------------------------------------------------------------- */

static json_t *chap_json(struct jb *b, uint16_t algs)
{
    json_t *list = jb_list(b);
    for (unsigned alg = 0; alg <= CHAP_ALG_MAX; alg++)
        if (chap_alg_name(alg) && (algs == 0 || algs & 1u << alg))
            jb_push_text(b, list, chap_alg_name(alg));
    return list;
}

static json_t *initiator_json(struct jb *b, const struct config *cfg,
                              const struct cfg_initiator *i, const struct live *l)
{
    json_t *j = jb_object(b), *targets = jb_list(b);
    struct cfg_use use;
    const struct cfg_credential *d = &i->discovery, *r = &i->discovery_reverse;
    for (unsigned k = 0; k < cfg->ngrants; k++)
        if (cfg->grants[k].initiator == i)
            jb_push_text(b, targets, cfg->grants[k].target->name);
    jb_text(b, j, "name", i->name);
    jb_text(b, j, "label", i->label[0] ? i->label : NULL);
    jb_text(b, j, "host", i->host->name);
    jb_text(b, j, "auth", cfg_auth_name(i->auth));
    jb_text(b, j, "verify", cfg_verify_name(i->verify));
    jb_put(b, j, "chap", chap_json(b, i->chap_algs));
    jb_put(b, j, "targets", targets);
    jb_uint(b, j, "sessions", live_sessions(l, NULL, i->name, NULL));
    if (d->minted || r->minted)
        jb_uint(b, j, "discovery_minted", MAX(d->minted, r->minted));
    if (config_last_use(l->store, i->name, "", d, &use))
        use_json(b, j, "discovery_", &use);
    uint64_t before = config_previous_use(l->store, i->name, "", d);
    if (before)
        jb_uint(b, j, "discovery_previous_last_use", before);
    jb_bool(b, j, "discovery_rotating", d->secret[1].len > 0 || r->secret[1].len > 0);
    fiber_maybe_yield();
    return j;
}

static json_t *initiator_row(struct jb *b, const struct config *cfg, unsigned row,
                             const struct live *l)
{
    return initiator_json(b, cfg, &cfg->initiators[row], l);
}

int rpc_initiator_list(struct control *c, const struct args_initiator_list *a,
                       json_t **ret_result, struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    (void)a;
    return live_list(c, cfg, cfg->ninitiators, initiator_row, ret_result, reterr);
}

static int missing(const char *name, struct err *reterr)
{
    return err_set(reterr, -ENOENT,
                   "there is no initiator \"%.120s\" (zsan initiator list shows them)", name);
}

int rpc_initiator_show(struct control *c, const struct args_initiator_show *a,
                       json_t **ret_result, struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    char name[CFG_NAME_LEN];
    LIVE(l);
    initiator_resolve(cfg, a->name, name);
    const struct cfg_initiator *i = config_initiator(cfg, name);
    if (!i)
        return missing(a->name, reterr);
    if (live_take(c, &l, reterr) < 0)
        return -ENOMEM;
    return jb_done(&b, initiator_json(&b, cfg, i, &l), ret_result, reterr);
}

/* A transaction on the initiator, by its whole name. */
static int begin(struct control *c, const char *given, struct config_edit **ret_edit,
                 char ret_name[CFG_NAME_LEN], struct err *reterr)
{
    int rc = config_edit_begin(c->env.store, ret_edit, reterr);
    if (rc == 0)
        initiator_resolve(config_edit_base(*ret_edit), given, ret_name);
    return rc;
}

/* Commits, and the initiator as it is then. */
static int commit(struct control *c, struct config_edit *e, const char *name,
                  json_t **ret_result, struct err *reterr)
{
    struct jb b = {false};
    LIVE(l);
    int rc = config_edit_commit(e, reterr);
    if (rc == 0)
        rc = live_take(c, &l, reterr);
    if (rc < 0)
        return rc;
    CONFIG(cfg) = config_current(c->env.store);
    return change_done(c, e, &b, initiator_json(&b, cfg, config_initiator(cfg, name), &l),
                       ret_result, reterr);
}

/* "all", or algorithms by name. */
static int parse_chap(const struct api_names *names, uint16_t *ret_algs, struct err *reterr)
{
    uint16_t algs = 0;
    bool all = names->n == 1 && strcmp(names->name[0], "all") == 0;
    for (unsigned i = 0; !all && i < names->n; i++) {
        int alg = chap_alg_parse(names->name[i]);
        if (alg < 0)
            return err_set(reterr, -EINVAL,
                           "\"%s\" is no CHAP algorithm: md5, sha1, sha256, sha3-256",
                           names->name[i]);
        algs = (uint16_t)(algs | 1u << alg);
    }
    *ret_algs = algs;
    return 0;
}

int rpc_initiator_add(struct control *c, const struct args_initiator_add *a,
                      json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    CLEANUP(freep) struct cfg_initiator *i = calloc(1, sizeof(*i));
    int rc = i ? config_edit_begin(c->env.store, &e, reterr) : -ENOMEM;
    if (rc == 0)
        rc = cfg_iscsi_name_normalise(a->name, i->name, reterr);
    if (rc == 0)
        rc = parse_chap(&a->chap, &i->chap_algs, reterr);
    if (rc == 0) {
        text_copy(i->label, sizeof(i->label), a->label ? a->label : "");
        i->auth = a->has_auth ? (enum cfg_auth)a->auth : CFG_AUTH_MUTUAL;
        i->verify = a->has_verify ? (enum cfg_verify)a->verify : CFG_VERIFY_LOCAL;
        rc = edit_initiator_add(e, i, a->host ? a->host : "", reterr);
    }
    return rc < 0 ? rc : commit(c, e, i->name, ret_result, reterr);
}

int rpc_initiator_set(struct control *c, const struct args_initiator_set *a,
                      json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    CLEANUP(freep) struct cfg_initiator *i = calloc(1, sizeof(*i));
    int rc = i ? config_edit_begin(c->env.store, &e, reterr) : -ENOMEM;
    if (rc < 0)
        return rc;
    initiator_resolve(config_edit_base(e), a->name, i->name);
    const struct cfg_initiator *old = config_initiator(config_edit_base(e), i->name);
    if (!old)
        return missing(a->name, reterr);
    i->auth = a->has_auth ? (enum cfg_auth)a->auth : old->auth;
    i->verify = a->has_verify ? (enum cfg_verify)a->verify : old->verify;
    i->chap_algs = old->chap_algs;
    text_copy(i->label, sizeof(i->label), a->label ? a->label : old->label);
    if (a->chap.given)
        rc = parse_chap(&a->chap, &i->chap_algs, reterr);
    if (rc == 0)
        rc = edit_initiator_put(e, i, a->host, reterr);
    return rc < 0 ? rc : commit(c, e, i->name, ret_result, reterr);
}

int rpc_initiator_rotate(struct control *c, const struct args_initiator_rotate *a,
                         json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    char name[CFG_NAME_LEN];
    int rc = begin(c, a->name, &e, name, reterr);
    if (rc == 0)
        rc = edit_secret_rotate(e, name, NULL, reterr);
    return rc < 0 ? rc : commit(c, e, name, ret_result, reterr);
}

int rpc_initiator_secret(struct control *c, const struct args_initiator_secret *a,
                         json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    char name[CFG_NAME_LEN];
    int rc = begin(c, a->name, &e, name, reterr);
    if (rc == 0)
        rc = edit_secret_set(e, name, NULL, a->secret, a->reverse_secret, reterr);
    return rc < 0 ? rc : commit(c, e, name, ret_result, reterr);
}

int rpc_initiator_finish(struct control *c, const struct args_initiator_finish *a,
                         json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    char name[CFG_NAME_LEN];
    int rc = begin(c, a->name, &e, name, reterr);
    if (rc == 0)
        rc = edit_secret_finish(e, name, NULL, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}

int rpc_initiator_remove(struct control *c, const struct args_initiator_remove *a,
                         json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    char name[CFG_NAME_LEN];
    int rc = begin(c, a->name, &e, name, reterr);
    if (rc == 0)
        rc = edit_initiator_remove(e, name, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}
