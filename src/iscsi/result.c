/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command comes to: status, sense, how much data goes back, and the residual, which
 * compares what the initiator expected with what the command wanted to move (RFC 7143 11.4.5).
 * A response must not pass data that the initiator is still sending for the command (11.17.1),
 * so it waits for the end of every sequence that was begun; R2Ts that are not sent yet are
 * taken back.
 */
#include "iscsi/iscsi_int.h"

static void set_residual(struct iscsi_task *t, uint64_t transfer)
{
    t->overflow = transfer > t->edtl;
    t->underflow = transfer < t->edtl;
    uint64_t residual = t->overflow ? transfer - t->edtl : t->edtl - transfer;
    t->residual = (uint32_t)MIN(residual, UINT32_MAX);
}

void result_set_own(struct iscsi_task *t, uint8_t status, const uint8_t *sense)
{
    t->state = TASK_DONE;
    t->status = status;
    t->sense = sense;
    t->sense_len = sense ? SENSE_LEN : 0;
    t->data_in_len = 0;
    set_residual(t, 0);
}

void result_queue(struct iscsi_conn *c, struct iscsi_task *t)
{
    if (t->state != TASK_DONE || data_out_pending(t) || c->abandon)
        return;
    t->state = TASK_QUEUED;
    list_push(&c->tx.fifo, &t->tx.link);
}

void iscsi_task_done(struct iscsi_conn *c, struct iscsi_task *t, const struct iscsi_result *r)
{
    check(t->state == TASK_ACTIVE);
    check_cmp(r->data_in_len, <=, t->edtl);
    data_out_cancel(c, t);
    if (t->failed) {
        result_set_own(t, 0x02 /* CHECK CONDITION */, t->failed);
    } else {
        t->state = TASK_DONE;
        t->status = r->status;
        t->sense = r->sense;
        t->sense_len = r->sense ? r->sense_len : 0;
        t->data_in_len = t->read ? r->data_in_len : 0;
        set_residual(t, r->transfer);
    }
    if (c->start == t) /* over before its START */
        c->start = NULL;
    list_remove(&t->held);
    result_queue(c, t);
}
