/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a leaf. Blocks that lie side by side are asked for one by one, by a scan, by what reads ahead, by a long read of a
 * volume; the disk would rather have them at once. So a read that has its turn takes along those of its class that wait and
 * continue it, to either side, as far as what somebody waits for isn't made late by that. If such a run fails, each of them is
 * read alone: a bad sector is the trouble of its own block.
 *
 * A read error is for the caller to work around.
 */
#include "pool/vdev/vdev_int.h"

#include <errno.h>

#define RUN_MAX    (256u << 10) /* bytes */
#define PIECES_MAX 64u

struct leaf_want {
    struct list node; /* of those of its class that nobody reads yet, by offset */
    uint64_t off;
    uint8_t *dst;
    uint32_t len;
    bool taken, over; /* by another one's run; that is over */
    bool good;        /* it went well */
    struct waitq done;
};

static void want_add(struct list *list, struct leaf_want *w)
{
    struct list *at = list->prev; /* most come in order */
    while (at != list && list_entry(at, struct leaf_want, node)->off > w->off)
        at = at->prev;
    list_insert_before(at->next, &w->node);
}

/* What continues the run that n ends; NULL: nothing does. */
static struct leaf_want *before(const struct list *list, const struct leaf_want *n)
{
    struct leaf_want *w = list_entry(n->node.prev, struct leaf_want, node);
    return n->node.prev != list && w->off + w->len == n->off ? w : NULL;
}

static struct leaf_want *after(const struct list *list, const struct leaf_want *n)
{
    struct leaf_want *w = list_entry(n->node.next, struct leaf_want, node);
    return n->node.next != list && n->off + n->len == w->off ? w : NULL;
}

/* The run around me; returns its bytes. */
static uint64_t run_find(const struct list *list, struct leaf_want *me,
                         struct leaf_want **ret_first, struct leaf_want **ret_last)
{
    struct leaf_want *first = me, *last = me, *w;
    uint64_t len = me->len;
    unsigned n = 1;
    while (n < PIECES_MAX && (w = after(list, last)) && len + w->len <= RUN_MAX) {
        last = w;
        len += w->len;
        n++;
    }
    while (n < PIECES_MAX && (w = before(list, first)) && len + w->len <= RUN_MAX) {
        first = w;
        len += w->len;
        n++;
    }
    *ret_first = first;
    *ret_last = last;
    return len;
}

/* Moves the run from the list to another, and their places in memory to the sgl. False: no memory. */
static bool run_take(struct leaf_want *first, struct leaf_want *last, struct list *run,
                     struct sgl *ret_sgl)
{
    struct list *at = &first->node, *end = last->node.next;
    while (at != end) {
        struct leaf_want *w = list_entry(at, struct leaf_want, node);
        if (sgl_add(ret_sgl, NULL, w->dst, w->len))
            return false;
        at = at->next;
        list_remove(&w->node);
        list_push(run, &w->node);
        w->taken = true;
    }
    return true;
}

/* Reads me and those that continue it. 0, or -EIO: it is to be read alone. */
static int read_run(struct vdev *leaf, struct list *list, struct leaf_want *me)
{
    struct leaf_want *first, *last, *w, *next;
    uint64_t len = run_find(list, me, &first, &last);
    struct list run;
    struct sgl into;
    if (first == last)
        return -EIO;
    uint64_t off = first->off;
    list_init(&run);
    sgl_init(&into);
    bool good = run_take(first, last, &run, &into) &&
                file_read(leaf->file, LABEL_FRONT + off, &into, 0, len) == 0;
    sgl_clear(&into);
    leaf->stats.reads += good;
    leaf->stats.bytes_read += good ? len : 0;
    list_for_each_safe (w, next, &run, node) {
        list_remove(&w->node);
        w->good = good;
        w->over = true;
        waitq_wake_all(&w->done);
    }
    return me->good ? 0 : -EIO;
}

static int read_alone(struct vdev *leaf, const struct leaf_want *w)
{
    leaf->stats.reads++;
    leaf->stats.bytes_read += w->len;
    int rc = file_pread(leaf->file, LABEL_FRONT + w->off, w->dst, w->len);
    leaf->stats.read_errors += rc < 0 && rc != -ENOMEM;
    return rc;
}

int leaf_read(struct vdev *leaf, uint64_t off, uint8_t *dst, uint32_t len, enum io_class class)
{
    struct io_queue *q = &leaf->io->queue;
    struct list *list = &leaf->io->reads[class];
    struct leaf_want w = {.off = off, .dst = dst, .len = len};
    int rc = -EIO;
    waitq_init(&w.done);
    want_add(list, &w);
    queue_enter(q, class);
    if (!w.taken)
        fiber_yield(); /* who comes in this turn is there then, and nothing leaves before its end */
    if (w.taken) {
        queue_leave(q, class);
        while (!w.over)
            waitq_wait(&w.done, NO_DEADLINE, NULL);
        if (w.good)
            return 0;
        queue_enter(q, class);
    }
    if (!w.taken && leaf_up(leaf))
        rc = read_run(leaf, list, &w);
    list_remove(&w.node);
    if (rc < 0 && leaf_up(leaf))
        rc = read_alone(leaf, &w);
    queue_leave(q, class);
    if (rc == -ENXIO || rc == -ENODEV)
        leaf_fail(leaf, rc, "read");
    return rc < 0 && rc != -ENOMEM ? E(-EIO) : rc;
}
