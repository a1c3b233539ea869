/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration as one document, and the generations that were kept. Parks. */
#include "base/cleanup.h"
#include "control/api_gen.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>

int rpc_config_export(struct control *c, const struct args_config_export *a,
                      json_t **ret_result, struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store); /* what is exported is that, or newer */
    (void)reterr;
    *ret_result = config_export(c->env.store, a->with_secrets);
    if (!*ret_result)
        return -ENOMEM;
    if (a->with_secrets) /* without them nobody can log in to what is made of it */
        config_backed_up(c->env.store, cfg->generation);
    return 0;
}

int rpc_config_saved(struct control *c, const struct args_config_saved *a, json_t **ret_result,
                     struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    struct jb b = {false};
    if (a->has_generation && a->generation > cfg->generation)
        return err_set(reterr, -EINVAL, "there is no generation %llu yet: %llu is in force",
                       (unsigned long long)a->generation, (unsigned long long)cfg->generation);
    config_backed_up(c->env.store, a->has_generation ? a->generation : cfg->generation);
    return jb_done(&b, jb_object(&b), ret_result, reterr);
}

int rpc_config_plan(struct control *c, const struct args_config_plan *a, json_t **ret_result,
                    struct err *reterr)
{
    EDIT(e);
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = edit_replace(e, a->document, reterr);
    return rc < 0 ? rc : edit_plan(e, ret_result, reterr);
}

/* Puts a whole document in force. */
static int put_in_force(struct control *c, const json_t *doc, json_t **ret_result,
                        struct err *reterr)
{
    EDIT(e);
    struct jb b = {false};
    int rc = config_edit_begin(c->env.store, &e, reterr);
    if (rc == 0)
        rc = edit_replace(e, doc, reterr);
    if (rc == 0)
        rc = config_edit_commit(e, reterr);
    if (rc < 0)
        return rc;
    CONFIG(cfg) = config_current(c->env.store);
    json_t *j = jb_object(&b);
    jb_uint(&b, j, "generation", cfg->generation);
    return change_done(c, e, &b, j, ret_result, reterr);
}

int rpc_config_apply(struct control *c, const struct args_config_apply *a, json_t **ret_result,
                     struct err *reterr)
{
    return put_in_force(c, a->document, ret_result, reterr);
}

int rpc_config_generations(struct control *c, const struct args_config_generations *a,
                           json_t **ret_result, struct err *reterr)
{
    CONFIG(cfg) = config_current(c->env.store);
    CLEANUP(freep) uint64_t *numbers = NULL;
    size_t n = 0;
    struct jb b = {false};
    (void)a;
    int rc = config_generations(c->env.store, &numbers, &n, reterr);
    if (rc < 0)
        return rc;
    json_t *list = jb_list(&b);
    for (size_t i = 0; i < n; i++) {
        json_t *j = jb_object(&b);
        jb_uint(&b, j, "generation", numbers[i]);
        jb_bool(&b, j, "current", numbers[i] == cfg->generation);
        jb_push(&b, list, j);
    }
    return jb_done(&b, list, ret_result, reterr);
}

int rpc_config_rollback(struct control *c, const struct args_config_rollback *a,
                        json_t **ret_result, struct err *reterr)
{
    json_t *doc;
    int rc = config_generation_load(c->env.store, a->generation, &doc, reterr);
    if (rc < 0)
        return rc;
    rc = put_in_force(c, doc, ret_result, reterr);
    json_decref(doc);
    return rc;
}
