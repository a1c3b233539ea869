/* SPDX-License-Identifier: BSD-2-Clause */
/* Targets and LUNs. Parks. */
#include "base/cleanup.h"
#include "base/text.h"
#include "config/names.h"
#include "control/api_gen.h"
#include "control/guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- as JSON ----------------------------------------------------------------------------- */

json_t *lun_json(struct jb *b, const struct cfg_target *t, const struct cfg_lun *lun,
                 const struct live *l)
{
    const struct net_volume_info *i = live_volume(l, lun->volume->name);
    json_t *j = jb_object(b);
    jb_text(b, j, "target", t->name);
    jb_uint(b, j, "lun", lun->lun);
    jb_text(b, j, "volume", lun->volume->name);
    jb_uint(b, j, "size", volume_is_served(i) ? i->geo.size : lun->volume->size);
    jb_text(b, j, "state", volume_state_name(i));
    guard_json(b, j, lun->volume, i);
    return j;
}

static json_t *luns_json(struct jb *b, const struct cfg_target *t, const struct live *l,
                         json_t *list)
{
    for (unsigned i = 0; i < t->nluns; i++)
        jb_push(b, list, lun_json(b, t, &t->luns[i], l));
    fiber_maybe_yield();
    return list;
}

static json_t *grants_json(struct jb *b, const struct config *cfg, const struct cfg_target *t)
{
    json_t *list = jb_list(b);
    for (unsigned i = 0; i < cfg->ngrants; i++)
        if (cfg->grants[i].target == t)
            jb_push_text(b, list, cfg->grants[i].initiator->name);
    return list;
}

static json_t *target_json(struct jb *b, const struct config *cfg, const struct cfg_target *t,
                           const struct live *l)
{
    json_t *j = jb_object(b), *tags = jb_list(b);
    for (unsigned i = 0; i < t->ngroups; i++)
        jb_push(b, tags, json_integer(t->groups[i]->tag));
    jb_text(b, j, "name", t->name);
    jb_text(b, j, "alias", t->alias);
    jb_put(b, j, "luns", luns_json(b, t, l, jb_list(b)));
    jb_put(b, j, "portal_groups", tags);
    jb_put(b, j, "grants", grants_json(b, cfg, t));
    jb_uint(b, j, "sessions", live_sessions(l, NULL, NULL, t->name));
    jb_bool(b, j, "disabled", t->disabled);
    jb_text(b, j, "redirect", t->redirect);
    if (t->redirect[0])
        jb_bool(b, j, "redirect_permanent", t->redirect_permanent);
    jb_bool(b, j, "unlisted", t->unlisted);
    fiber_maybe_yield();
    return j;
}

/* ---- asking ------------------------------------------------------------------------------ */

static json_t *target_row(struct jb *b, const struct config *cfg, unsigned row,
                          const struct live *l)
{
    return target_json(b, cfg, &cfg->targets[row], l);
}

int rpc_target_list(struct control *c, const struct args_target_list *a, json_t **ret_result,
                    struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    (void)a;
    return live_list(c, cfg, cfg->ntargets, target_row, ret_result, reterr);
}

int rpc_target_show(struct control *c, const struct args_target_show *a, json_t **ret_result,
                    struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    LIVE(l);
    char name[CFG_NAME_LEN];
    int rc = target_resolve(cfg, a->name, name, reterr);
    if (rc == 0)
        rc = live_take(c, &l, reterr);
    if (rc < 0)
        return rc;
    return jb_done(&b, target_json(&b, cfg, config_target(cfg, name), &l), ret_result, reterr);
}

int rpc_lun_list(struct control *c, const struct args_lun_list *a, json_t **ret_result,
                 struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    LIVE(l);
    char name[CFG_NAME_LEN] = "";
    int rc = a->target ? target_resolve(cfg, a->target, name, reterr) : 0;
    if (rc == 0)
        rc = live_take(c, &l, reterr);
    if (rc < 0)
        return rc;
    json_t *list = jb_list(&b);
    for (unsigned i = 0; i < cfg->ntargets; i++)
        if (!name[0] || strcmp(cfg->targets[i].name, name) == 0)
            luns_json(&b, &cfg->targets[i], &l, list);
    return jb_done(&b, list, ret_result, reterr);
}

/* ---- changing targets -------------------------------------------------------------------- */

static int target_done(struct control *c, struct config_edit *e, const char *name,
                       json_t **ret_result, struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    LIVE(l);
    if (live_take(c, &l, reterr) < 0)
        return -ENOMEM;
    return change_done(c, e, &b, target_json(&b, cfg, config_target(cfg, name), &l), ret_result,
                       reterr);
}

/* The whole name of a new target. */
static int new_name(struct config_edit *e, const char *name, char ret_name[CFG_NAME_LEN],
                    struct err *reterr)
{
    char host[64];
    if (iscsi_name_like(name))
        return cfg_iscsi_name_normalise(name, ret_name, reterr);
    if (gethostname(host, sizeof(host)) < 0)
        text_copy(host, sizeof(host), "host");
    host[sizeof(host) - 1] = '\0';
    host[strcspn(host, ".")] = '\0';
    return edit_target_name(e, host, name, ret_name, reterr);
}

int rpc_target_create(struct control *c, const struct args_target_create *a,
                      json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    struct cfg_target t = {.nluns = 0};
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = new_name(e, a->name, t.name, reterr);
    if (a->alias)
        text_copy(t.alias, sizeof(t.alias), a->alias);
    if (rc == 0)
        rc = edit_target_add(e, &t, a->portal_groups.tag, a->portal_groups.n, reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    return rc < 0 ? rc : target_done(c, e, t.name, ret_result, reterr);
}

static void apply_settings(const struct args_target_set *a, struct cfg_target *t)
{
    if (a->alias)
        text_copy(t->alias, sizeof(t->alias), a->alias);
    if (a->redirect)
        text_copy(t->redirect, sizeof(t->redirect), a->redirect);
    if (a->has_disabled)
        t->disabled = a->disabled;
    if (a->has_redirect_permanent)
        t->redirect_permanent = a->redirect_permanent;
    if (a->has_unlisted)
        t->unlisted = a->unlisted;
}

int rpc_target_set(struct control *c, const struct args_target_set *a, json_t **ret_result,
                   struct err *reterr)
{
    EDIT(e);
    char name[CFG_NAME_LEN];
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = target_resolve(config_edit_base(e), a->name, name, reterr);
    if (rc < 0)
        return rc;
    struct cfg_target t = *config_target(config_edit_base(e), name);
    apply_settings(a, &t);
    rc = edit_target_put(e, &t, a->portal_groups.given ? a->portal_groups.tag : NULL,
                         a->portal_groups.n, reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    return rc < 0 ? rc : target_done(c, e, name, ret_result, reterr);
}

int rpc_target_delete(struct control *c, const struct args_target_delete *a,
                      json_t **ret_result, struct err *reterr)
{
    EDIT(e);
    char name[CFG_NAME_LEN];
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = target_resolve(config_edit_base(e), a->name, name, reterr);
    if (rc == 0)
        rc = edit_target_remove(e, name, a->force, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}

/* ---- changing LUNs ----------------------------------------------------------------------- */

static int lun_done(struct control *c, struct config_edit *e, const char *target, uint16_t lun,
                    json_t **ret_result, struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    LIVE(l);
    json_t *j = NULL;
    if (live_take(c, &l, reterr) < 0)
        return -ENOMEM;
    const struct cfg_target *t = config_target(cfg, target);
    for (unsigned i = 0; i < t->nluns; i++)
        if (t->luns[i].lun == lun)
            j = lun_json(&b, t, &t->luns[i], &l);
    return change_done(c, e, &b, j, ret_result, reterr);
}

/* The policy of the volume, where it was given along with the LUN. */
static int set_policy(struct control *c, struct config_edit *e, const struct args_lun_add *a,
                      struct err *reterr)
{
    const struct guard_wish wish = {a->has_policy, a->policy, &a->hosts};
    const struct cfg_volume *old = config_volume(config_edit_base(e), a->volume);
    if (!old || (!a->has_policy && !a->hosts.given))
        return 0;
    CLEANUP(freep) struct cfg_volume *v = malloc(sizeof(*v));
    if (!v)
        return -ENOMEM;
    *v = *old;
    int rc = guard_apply(config_edit_base(e), &wish, v, reterr);
    if (rc == 0)
        rc = guard_check_use(c, config_edit_base(e), v, false, reterr);
    return rc < 0 ? rc : edit_volume_put(e, v, reterr);
}

int rpc_lun_add(struct control *c, const struct args_lun_add *a, json_t **ret_result,
                struct err *reterr)
{
    EDIT(e);
    char name[CFG_NAME_LEN];
    uint16_t lun = 0;
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = target_resolve(config_edit_base(e), a->target, name, reterr);
    if (rc == 0)
        rc = edit_lun_add(e, name, a->has_lun ? (int)a->lun : LUN_CHOOSE, a->volume, &lun,
                          reterr);
    if (rc == 0)
        rc = set_policy(c, e, a, reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    return rc < 0 ? rc : lun_done(c, e, name, lun, ret_result, reterr);
}

int rpc_lun_remove(struct control *c, const struct args_lun_remove *a, json_t **ret_result,
                   struct err *reterr)
{
    EDIT(e);
    char name[CFG_NAME_LEN];
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = target_resolve(config_edit_base(e), a->target, name, reterr);
    if (rc == 0)
        rc = edit_lun_remove(e, name, (uint16_t)a->lun, reterr);
    return rc < 0 ? rc : change_commit(c, e, ret_result, reterr);
}
