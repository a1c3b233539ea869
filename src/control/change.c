/* SPDX-License-Identifier: BSD-2-Clause */
/* How a change ends: what could not be brought up becomes a warning, what was minted is told
 * this once. */
#include "control/control_int.h"

int change_done(struct control *c, const struct config_edit *e, struct jb *b, json_t *result,
                json_t **ret_result, struct err *reterr)
{
    unsigned n;
    const struct minted *m = config_edit_minted(e, &n);
    if (config_edit_warning(e)->code < 0)
        jb_text(b, result, "warning", config_edit_warning(e)->msg);
    if (n > 0) {
        CONFIG(cfg) = config_current(c->env.store);
        json_t *list = jb_list(b);
        for (unsigned i = 0; i < n; i++)
            jb_push(b, list, minted_json(b, cfg, &m[i]));
        jb_put(b, result, "minted", list);
    }
    return jb_done(b, result, ret_result, reterr);
}

int change_commit(struct control *c, struct config_edit *e, json_t **ret_result,
                  struct err *reterr)
{
    struct jb b = {false};
    int rc = config_edit_commit(e, reterr);
    return rc < 0 ? rc : change_done(c, e, &b, jb_object(&b), ret_result, reterr);
}
