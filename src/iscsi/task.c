/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of a session, found by their initiator task tag. A task belongs to the owner
 * (its memory comes from env->task_alloc), except a few of the machine's own, which stand for
 * commands that it refuses by itself while their data is still coming. A task leaves the table
 * when its response is made, because the initiator may use its tag again as soon as it has it;
 * the memory is given back when the last byte that refers to it was sent.
 */
#include "iscsi/iscsi_int.h"

#include <string.h>

static struct list *bucket(struct iscsi_conn *c, uint32_t itt)
{
    uint32_t h = itt * 0x9e3779b1u;
    return &c->by_itt[h >> 25];
}
static_assert(ITT_BUCKETS == 1 << (32 - 25), "the hash gives one bucket of all");

/* Leaves user alone, which is the owner's. */
void task_init(struct iscsi_task *t, const struct iscsi_scsi_cmd *h)
{
    void *user = t->user;
    *t = (struct iscsi_task){
        .user = user,
        .itt = be32_get(h->itt),
        .cmd_sn = be32_get(h->cmd_sn),
        .cdb_len = sizeof(t->cdb),
        .attr = h->flags & ISCSI_CMD_ATTR_MASK,
        .read = (h->flags & ISCSI_CMD_READ) != 0,
        .write = (h->flags & ISCSI_CMD_WRITE) != 0,
        .immediate = (h->opcode & ISCSI_IMMEDIATE) != 0,
        .edtl = be32_get(h->edtl),
        .state = TASK_ACTIVE,
    };
    memcpy(t->lun, h->lun.b, sizeof(t->lun));
    memcpy(t->cdb, h->cdb, sizeof(t->cdb));
    list_init(&t->by_itt);
    list_init(&t->held);
    list_init(&t->tx.link);
}

void task_insert(struct iscsi_conn *c, struct iscsi_task *t)
{
    t->era = c->era;
    list_push_front(bucket(c, t->itt), &t->by_itt);
    if (!t->immediate)
        c->win.outstanding++;
}

struct iscsi_task *task_find(struct iscsi_conn *c, uint32_t itt)
{
    struct iscsi_task *t;
    list_for_each (t, bucket(c, itt), by_itt)
        if (t->itt == itt)
            return t;
    return NULL;
}

void task_leave(struct iscsi_conn *c, struct iscsi_task *t)
{
    list_remove(&t->by_itt);
    list_remove(&t->held);
    if (c->start == t)
        c->start = NULL;
    if (!t->immediate)
        c->win.outstanding--;
}

void task_release(struct iscsi_conn *c, struct iscsi_task *t)
{
    if (t->slots > 0 || (t->state != TASK_MADE && t->state != TASK_DROPPED))
        return;
    if (t->own)
        c->own_busy[t - c->own] = false;
    else
        c->env->task_free(c->arg, t);
}

void task_drop(struct iscsi_conn *c, struct iscsi_task *t)
{
    list_remove(&t->tx.link);
    task_leave(c, t);
    t->state = TASK_DROPPED;
    task_release(c, t);
}

struct iscsi_task *task_own(struct iscsi_conn *c)
{
    for (unsigned i = 0; i < OWN_TASKS; i++)
        if (!c->own_busy[i]) {
            c->own_busy[i] = true;
            return &c->own[i];
        }
    return NULL;
}

bool task_is_waiting(const struct iscsi_task *t, uint32_t era)
{
    return t->state == TASK_DONE && !sn_lt(era, t->era);
}

void task_drop_waiting(struct iscsi_conn *c, const uint8_t lun[8], uint32_t era)
{
    struct iscsi_task *t, *next;
    for (unsigned i = 0; i < ITT_BUCKETS; i++)
        list_for_each_safe (t, next, &c->by_itt[i], by_itt)
            if (task_is_waiting(t, era) && (!lun || memcmp(lun, t->lun, sizeof(t->lun)) == 0))
                task_drop(c, t);
}

void task_free_all(struct iscsi_conn *c)
{
    struct iscsi_task *t, *next;
    for (unsigned i = 0; i < ITT_BUCKETS; i++)
        list_for_each_safe (t, next, &c->by_itt[i], by_itt)
            task_drop(c, t);
    for (uint32_t i = 0; i < c->tx.count; i++) {
        struct slot *s = &c->tx.slots[(c->tx.first + i) % TX_SLOTS];
        if (!s->task)
            continue;
        s->task->slots--;
        task_release(c, s->task);
    }
    tx_init(&c->tx);
}

void iscsi_task_drop(struct iscsi_conn *c, struct iscsi_task *t)
{
    check(t->state == TASK_ACTIVE || t->state == TASK_FORGOTTEN);
    if (t->state == TASK_ACTIVE) {
        task_drop(c, t);
    } else {
        t->state = TASK_DROPPED;
        task_release(c, t);
    }
}

void iscsi_task_forget(struct iscsi_conn *c, struct iscsi_task *t)
{
    check(t->state == TASK_ACTIVE);
    data_out_cancel(c, t);
    task_leave(c, t);
    t->state = TASK_FORGOTTEN;
}
