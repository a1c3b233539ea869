/* SPDX-License-Identifier: BSD-2-Clause */
/* Plans: calls in order, what takes one back, what people are told. That memory ran out is
 * remembered and looked at once. */
#include "cmd/grammar/grammar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct gr_step *gr_step(struct gr_plan *p, const char *method, json_t *params)
{
    struct gr_step *more = realloc(p->steps, (p->nsteps + 1) * sizeof(*more));
    if (!more || !params) {
        p->bad = true;
        p->steps = more ? more : p->steps;
        json_decref(params);
        return NULL;
    }
    p->steps = more;
    more[p->nsteps] = (struct gr_step){.method = method, .params = params};
    return &more[p->nsteps++];
}

void gr_undo(struct gr_step *s, const char *method, json_t *params)
{
    if (!s) {
        json_decref(params);
        return;
    }
    s->undo = params ? method : NULL;
    s->undo_params = params;
}

void gr_say(struct gr_plan *p, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!p->say)
        p->say = json_array();
    if (json_array_append_new(p->say, json_string(text)) != 0)
        p->bad = true;
}

void gr_plan_drop(struct gr_plan *p)
{
    for (size_t i = 0; i < p->nsteps; i++) {
        json_decref(p->steps[i].params);
        json_decref(p->steps[i].undo_params);
    }
    free(p->steps);
    json_decref(p->answer);
    json_decref(p->say);
    *p = (struct gr_plan){.nsteps = 0};
}

json_t *gr_plan_json(const struct gr_plan *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->nsteps; i++) {
        const struct gr_step *s = &p->steps[i];
        json_t *j = json_pack("{s:s, s:O}", "method", s->method, "params", s->params);
        if (s->undo)
            json_object_set_new(j, "undo", json_pack("[s, O]", s->undo, s->undo_params));
        json_array_append_new(list, j);
    }
    return list;
}
