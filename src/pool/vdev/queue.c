/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may use a leaf now. Each class of I/O has a depth of its own, so that none starves and
 * none floods the disk: log writes and reads, which somebody waits for, go nearly as they come;
 * what a txg writes is large and takes a few at a time; prefetch and scan shrink to one at a
 * time as soon as there is anything better to do. A fiber that waits for its turn is handed the
 * place by the one that leaves.
 */
#include "pool/vdev/vdev_int.h"

/* Places while somebody waits for log or reads on this leaf, and else. */
static const struct {
    unsigned busy, idle;
} depths[IO_CLASSES] = {
    [IO_LOG] = {32, 32},
      [IO_READ] = {64, 64},
      [IO_TXG] = {4,  8 },
    [IO_PREFETCH] = {2,  16},
      [IO_SCAN] = {1,  8 },
};

void queue_init(struct io_queue *q)
{
    *q = (struct io_queue){0};
    for (unsigned c = 0; c < IO_CLASSES; c++)
        waitq_init(&q->turn[c]);
    waitq_init(&q->drained);
}

static bool has_place(const struct io_queue *q, unsigned c)
{
    bool busy = q->active[IO_LOG] + q->active[IO_READ] > 0;
    return q->active[c] < (busy ? depths[c].busy : depths[c].idle);
}

unsigned queue_load(const struct io_queue *q)
{
    unsigned n = 0;
    for (unsigned c = 0; c < IO_CLASSES; c++)
        n += q->active[c] + q->waiting[c];
    return n;
}

void queue_enter(struct io_queue *q, enum io_class class)
{
    if (q->waiting[class] == 0 && has_place(q, class)) {
        q->active[class]++;
        return;
    }
    q->waiting[class]++;
    waitq_wait(&q->turn[class], NO_DEADLINE, NULL);
}

void queue_leave(struct io_queue *q, enum io_class class)
{
    q->active[class]--;
    for (unsigned c = 0; c < IO_CLASSES; c++) {
        for (; q->waiting[c] > 0 && has_place(q, c); q->active[c]++) {
            q->waiting[c]--;
            waitq_wake_one(&q->turn[c]);
        }
    }
    if (queue_load(q) == 0)
        waitq_wake_all(&q->drained);
}

void queue_drain(struct io_queue *q)
{
    while (queue_load(q) > 0)
        waitq_wait(&q->drained, NO_DEADLINE, NULL);
}
