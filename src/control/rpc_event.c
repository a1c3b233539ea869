/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring of recent events. */
#include "base/cleanup.h"
#include "control/api_gen.h"
#include "control/control_int.h"

#include <errno.h>
#include <stdlib.h>

static json_t *event_json(struct jb *b, const struct event *e)
{
    json_t *j = jb_object(b);
    jb_uint(b, j, "time", e->time_ns / NS_PER_SEC);
    jb_uint(b, j, "seq", e->seq);
    jb_text(b, j, "level", log_level_name(e->level));
    jb_text(b, j, "text", e->text);
    return j;
}

int rpc_event_list(struct control *c, const struct args_event_list *a, json_t **ret_result,
                   struct err *reterr)
{
    CLEANUP(freep) struct event *all = calloc(EVENTS_KEPT, sizeof(*all));
    enum log_level least = a->has_level ? (enum log_level)a->level : LOG_LVL_INFO;
    struct jb b = {false};
    if (!all)
        return -ENOMEM;
    size_t n = events_after(c->env.events, a->after, all, EVENTS_KEPT);
    json_t *list = jb_list(&b);
    for (size_t i = 0; i < n; i++)
        if (all[i].level <= least)
            jb_push(&b, list, event_json(&b, &all[i]));
    return jb_done(&b, list, ret_result, reterr);
}
