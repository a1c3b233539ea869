/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compressing, and summing up, ahead of a walk. A volume's data are most of what a txg writes, and these most of the work. So
 * while the walk places and queues what it has, the blocks that come next are worked on by helper threads, some at a time, and the
 * walk waits where it must. What is in flight is bounded by bytes. Without memory or fibers, or where it isn't worth the trip, the
 * walk does it itself, as for all other blocks.
 */
#include "pool/tree/tree_int.h"

#include <stdlib.h>

#define BATCH_BYTES (512u << 10) /* of one trip to a helper thread */
#define BATCH_MOST  32u
#define BATCHES     6u

struct squeeze_batch {
    struct squeeze *s;
    struct list node;
    unsigned n, left; /* left: not taken yet */
    bool over;
    struct dirty *rec[BATCH_MOST];
    struct squeezed out[BATCH_MOST];
};

static void batch_free(struct squeeze_batch *q)
{
    for (unsigned i = 0; i < q->n; i++) {
        if (q->rec[i])
            q->rec[i]->batch = NULL;
        squeezed_free(&q->out[i]);
    }
    list_remove(&q->node);
    q->s->batches--;
    free(q);
}

static void batch_main(void *arg)
{
    struct squeeze_batch *q = arg;
    struct squeeze *s = q->s;
    uint32_t room = s->took ? s->took : s->want.lsize;
    uint32_t took = block_squeeze(s->b, &s->want, q->out, q->n, room);
    s->took = MAX(s->took, took);
    q->over = true;
    waitq_wake_all(&q->s->over);
}

void squeeze_begin(struct squeeze *s, struct blocks *b, const struct block_want *want)
{
    *s = (struct squeeze){.b = b, .want = *want};
    list_init(&s->list);
    waitq_init(&s->over);
}

static void batch_wait(const struct squeeze_batch *q)
{
    while (!q->over)
        waitq_wait(&q->s->over, NO_DEADLINE, NULL);
}

void squeeze_end(struct squeeze *s)
{
    while (!list_empty(&s->list)) {
        struct squeeze_batch *q = list_entry(s->list.next, struct squeeze_batch, node);
        batch_wait(q);
        batch_free(q);
    }
}

/* The dirty blocks in [*at, end), as many as a trip is worth; *at is behind the last one. */
static void batch_fill(struct squeeze_batch *q, const struct object *obj, uint64_t *at,
                       uint64_t end)
{
    unsigned most = MIN(BATCH_MOST, MAX(BATCH_BYTES / q->s->want.lsize, 1u));
    struct dirty *v[BATCH_MOST];
    unsigned n =
        dirty_run(obj, dirty_key(obj, 0, *at), dirty_key(obj, 0, end - 1) + 1, v, most);
    *at = n == most ? dirty_pos(v[n - 1]) + 1 : end;
    for (unsigned i = 0; i < n; i++) {
        if (v[i]->level > 0 || !v[i]->buf)
            continue;
        iobuf_ref(v[i]->buf);
        q->out[q->n].from = v[i]->buf;
        q->rec[q->n++] = v[i];
        v[i]->batch = q;
    }
    q->left = q->n;
}

/* False: nothing more can be done ahead now. */
static bool batch_begin(struct squeeze *s, const struct object *obj, uint64_t end)
{
    struct squeeze_batch *q = calloc(1, sizeof(*q));
    if (!q)
        return false;
    q->s = s;
    list_push(&s->list, &q->node);
    s->batches++;
    batch_fill(q, obj, &s->seen, end);
    if (block_squeeze_pays(&s->want, q->n * s->want.lsize) &&
        fiber_start(batch_main, q, "compress"))
        return true;
    batch_free(q);
    return false;
}

void squeeze_ahead(struct squeeze *s, const struct object *obj, uint64_t from)
{
    uint64_t end = object_max_block(obj) + 1;
    s->seen = MAX(s->seen, from);
    while (s->seen < end && s->batches < BATCHES && !fiber_scarce())
        if (!batch_begin(s, obj, end))
            return;
}

bool squeeze_take(struct dirty *rec, struct squeezed *ret)
{
    struct squeeze_batch *q = rec->batch;
    unsigned i = 0;
    if (!q)
        return false;
    batch_wait(q);
    while (q->rec[i] != rec)
        i++;
    *ret = q->out[i];
    q->rec[i] = NULL;
    q->out[i] = (struct squeezed){0};
    rec->batch = NULL;
    if (--q->left == 0)
        batch_free(q);
    return true;
}
