/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data from the initiator, RFC 7143 4.2.5 and 11.7. It comes in sequences: one unsolicited at
 * most, begun by the command, then one for each R2T. DataPDUInOrder and DataSequenceInOrder
 * are always Yes here, so the data of a task is contiguous from its first byte, and only the
 * oldest R2T may be answered. R2Ts wait until the unsolicited sequence is over; up to
 * MaxOutstandingR2T are out at a time.
 *
 * A Data-Out whose number, offset or length is not the expected one breaks the data phase of
 * its task, and of no other: what still comes is thrown away up to the F bit of every
 * sequence, and the task ends with the sense that 11.4.7.2 names. Data for a task that is not
 * here is what was under way when it was aborted, and is dropped.
 */
#include "iscsi/iscsi_int.h"

const uint8_t sense_unexpected_data[SENSE_LEN] = {
    0x70, [2] = 0x0b, [7] = 10, [12] = 0x0c, [13] = 0x0c};
const uint8_t sense_incorrect_amount[SENSE_LEN] = {
    0x70, [2] = 0x0b, [7] = 10, [12] = 0x0c, [13] = 0x0d};
const uint8_t sense_protocol_crc[SENSE_LEN] = {
    0x70, [2] = 0x0b, [7] = 10, [12] = 0x47, [13] = 0x05};
const uint8_t sense_no_bidirectional[SENSE_LEN] = {
    0x70, [2] = 0x05, [7] = 10, [12] = 0x20, [13] = 0x00};

/* ---- asking ------------------------------------------------------------------------------ */

static unsigned r2t_sent(const struct iscsi_task *t)
{
    return (unsigned)t->r2t_count - t->r2t_unsent;
}

bool data_out_pending(const struct iscsi_task *t)
{
    return t->unsolicited_open || r2t_sent(t) > 0;
}

void data_out_cancel(struct iscsi_conn *c, struct iscsi_task *t)
{
    (void)c;
    t->r2t_count = (uint8_t)(t->r2t_count - t->r2t_unsent);
    t->r2t_unsent = 0;
    list_remove(&t->tx.link);
}

static uint32_t new_ttt(struct iscsi_conn *c)
{
    if (c->next_ttt == ISCSI_TAG_NONE)
        c->next_ttt = 0;
    return c->next_ttt++;
}

void data_out_pump(struct iscsi_conn *c, struct iscsi_task *t)
{
    if (t->unsolicited_open || t->state != TASK_ACTIVE || t->refused || c->abandon)
        return;
    while (t->wanted < t->want && t->r2t_count < c->params.max_outstanding_r2t) {
        uint32_t len = MIN(t->want - t->wanted, c->params.max_burst);
        unsigned at = ((unsigned)t->r2t_first + t->r2t_count) % ISCSI_MAX_R2T;
        t->r2t[at] = (struct iscsi_r2t_open){.ttt = new_ttt(c), .off = t->wanted, .len = len};
        t->wanted += len;
        t->r2t_count++;
        if (t->r2t_unsent++ == 0)
            list_push(&c->tx.urgent, &t->tx.link);
    }
}

void iscsi_task_want(struct iscsi_conn *c, struct iscsi_task *t, uint32_t upto)
{
    check_cmp(upto, <=, t->write ? t->edtl : 0u);
    if (t->want < upto)
        t->want = upto;
    data_out_pump(c, t);
}

void iscsi_task_refuse_data(struct iscsi_conn *c, struct iscsi_task *t)
{
    t->refused = true;
    data_out_cancel(c, t);
}

/* ---- receiving --------------------------------------------------------------------------- */

/* What is expected of a Data-Out: where its sequence is. */
struct expected {
    uint32_t data_sn, end;
    struct iscsi_r2t_open *r2t; /* NULL: unsolicited */
};

/* The sequence that the tag names. False: there is none such. */
static bool find_sequence(struct iscsi_task *t, uint32_t ttt, struct expected *ret)
{
    if (ttt == ISCSI_TAG_NONE) {
        *ret = (struct expected){t->unsolicited_sn, t->unsolicited_end, NULL};
        return t->unsolicited_open;
    }
    for (unsigned i = 0; i < r2t_sent(t); i++) {
        struct iscsi_r2t_open *r = &t->r2t[(t->r2t_first + i) % ISCSI_MAX_R2T];
        if (r->ttt == ttt) {
            *ret = (struct expected){r->data_sn, r->off + r->len, r};
            return true;
        }
    }
    return false;
}

/* NULL: [offset, offset + len) are the next bytes of the transfer and inside the sequence.
 * Else the sense. */
static const uint8_t *data_fault(const struct iscsi_task *t, const struct expected *x,
                                 const struct iscsi_data_out *h, uint32_t len)
{
    uint32_t off = be32_get(h->offset);
    bool final = h->flags & ISCSI_FINAL;
    if (be32_get(h->data_sn) != x->data_sn)
        return sense_protocol_crc; /* 7.9: a PDU must have been lost to a digest error */
    if (off != t->received || off > x->end)
        return sense_incorrect_amount;
    if (len > x->end - off) /* off <= end: cannot wrap */
        return x->r2t ? sense_incorrect_amount : sense_unexpected_data;
    if (x->r2t && final && off + len != x->end) /* 11.8: all that was asked for */
        return sense_incorrect_amount;
    return NULL;
}

/* The sequence is over. R2Ts in front of it were never answered and never will be. */
static void close_sequence(struct iscsi_task *t, const struct expected *x)
{
    if (!x->r2t) {
        t->unsolicited_open = false;
        t->wanted = t->received;
        return;
    }
    unsigned at = (unsigned)(x->r2t - t->r2t);
    unsigned passed = (at - t->r2t_first) % ISCSI_MAX_R2T + 1;
    t->r2t_first = (uint8_t)((t->r2t_first + passed) % ISCSI_MAX_R2T);
    t->r2t_count = (uint8_t)(t->r2t_count - passed);
}

/* The data phase is broken. True: the owner has to be told. */
static bool data_failed(struct iscsi_conn *c, struct iscsi_task *t, const uint8_t *sense,
                        struct iscsi_event *ev)
{
    if (t->refused || t->state != TASK_ACTIVE)
        return false;
    t->failed = sense;
    iscsi_task_refuse_data(c, t);
    ev->type = ISCSI_EV_DATA_FAILED;
    ev->task = t;
    return true;
}

static void took(struct iscsi_conn *c, struct iscsi_task *t, const struct expected *x,
                 uint32_t len, bool final)
{
    t->received += len;
    if (x->r2t) {
        x->r2t->data_sn++;
        x->r2t->got += len;
    } else {
        t->unsolicited_sn++;
    }
    if (final || (x->r2t && t->received == x->end)) {
        close_sequence(t, x);
        data_out_pump(c, t);
    }
}

bool data_out_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev)
{
    const struct iscsi_data_out *h = (const struct iscsi_data_out *)(const void *)pdu->bhs;
    struct iscsi_task *t = task_find(c, be32_get(h->itt));
    bool final = h->flags & ISCSI_FINAL;
    struct expected x;
    if (!t) {
        c->stats.dropped++;
        return false;
    }
    if (!find_sequence(t, be32_get(h->ttt), &x)) {
        reject(c, pdu->bhs, ISCSI_REJECT_BAD_FIELD);
        return false;
    }
    if (t->refused || t->state != TASK_ACTIVE) {
        if (final)
            close_sequence(t, &x);
        result_queue(c, t);
        return false;
    }
    const uint8_t *fault = data_fault(t, &x, h, pdu->data_len);
    if (fault) {
        if (final)
            close_sequence(t, &x);
        return data_failed(c, t, fault, ev);
    }
    uint32_t off = t->received;
    took(c, t, &x, pdu->data_len, final);
    ev->type = ISCSI_EV_DATA;
    ev->task = t;
    ev->data = pdu->data;
    ev->data_len = pdu->data_len;
    ev->offset = off;
    return pdu->data_len > 0;
}
