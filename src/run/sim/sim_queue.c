/* SPDX-License-Identifier: BSD-2-Clause */
/* What is to happen, by time: a binary heap of borrowed events. Equal times keep the order
 * of pushing. */
#include "run/sim/sim_int.h"

#include "base/check.h"

#include <stdlib.h>

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

void sim_queue_push(struct sim_queue *q, struct sim_event *ev)
{
    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 64;
        q->v = realloc(q->v, q->cap * sizeof(struct sim_event *));
        check(q->v);
    }
    ev->seq = ++q->seq;
    size_t i = q->n++;
    for (; i > 0 && before(ev, q->v[(i - 1) / 2]); i = (i - 1) / 2)
        q->v[i] = q->v[(i - 1) / 2];
    q->v[i] = ev;
}

struct sim_event *sim_queue_pop(struct sim_queue *q)
{
    if (q->n == 0)
        return NULL;
    struct sim_event *top = q->v[0], *last = q->v[--q->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < q->n; i = child) {
        if (child + 1 < q->n && before(q->v[child + 1], q->v[child]))
            child++;
        if (!before(q->v[child], last))
            break;
        q->v[i] = q->v[child];
    }
    q->v[i] = last;
    return top;
}

uint64_t sim_queue_next(const struct sim_queue *q)
{
    return q->n ? q->v[0]->at : NO_DEADLINE;
}
