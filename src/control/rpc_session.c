/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions. Parks. */
#include "base/cleanup.h"
#include "base/text.h"
#include "control/api_gen.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>

static json_t *session_json(struct jb *b, const struct net_session_info *s)
{
    char isid[2 * sizeof(s->isid) + 1];
    json_t *j = jb_object(b);
    hex_encode(s->isid, sizeof(s->isid), isid);
    jb_uint(b, j, "id", s->id);
    jb_text(b, j, "initiator", s->initiator);
    jb_text(b, j, "host", s->host);
    jb_text(b, j, "initiator_alias", s->initiator_alias);
    jb_text(b, j, "target", s->target);
    jb_text(b, j, "peer", s->peer.text);
    jb_text(b, j, "local", s->local.text);
    jb_uint(b, j, "portal_group", s->portal_group);
    jb_uint(b, j, "tsih", s->tsih);
    jb_text(b, j, "isid", isid);
    jb_text(b, j, "auth", s->auth);
    jb_bool(b, j, "weak", s->weak);
    jb_bool(b, j, "header_digest", s->header_digest);
    jb_bool(b, j, "data_digest", s->data_digest);
    jb_uint(b, j, "since", s->logged_in);
    jb_uint(b, j, "reactor", s->reactor);
    jb_uint(b, j, "tasks", s->tasks);
    jb_uint(b, j, "commands", s->commands);
    jb_uint(b, j, "bytes_in", s->bytes_in);
    jb_uint(b, j, "bytes_out", s->bytes_out);
    return j;
}

int rpc_session_list(struct control *c, const struct args_session_list *a, json_t **ret_result,
                     struct err *reterr)
{
    CLEANUP(freep) struct net_session_info *all = NULL;
    unsigned n;
    struct jb b = {false};
    (void)a;
    if (net_sessions(c->env.net, &all, &n) < 0)
        return -ENOMEM;
    json_t *list = jb_list(&b);
    for (unsigned i = 0; i < n; i++) {
        jb_push(&b, list, session_json(&b, &all[i]));
        fiber_maybe_yield();
    }
    return jb_done(&b, list, ret_result, reterr);
}

int rpc_session_drop(struct control *c, const struct args_session_drop *a, json_t **ret_result,
                     struct err *reterr)
{
    struct jb b = {false};
    int rc = net_session_drop(c->env.net, a->id);
    if (rc < 0)
        return err_set(reterr, rc, "there is no session %llu (zsan session list shows them)",
                       (unsigned long long)a->id);
    return jb_done(&b, jb_object(&b), ret_result, reterr);
}
