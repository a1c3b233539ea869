/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCSI commands as they arrive, RFC 7143 11.3. A command that is one is given to the owner at
 * once, with its immediate data, even when it is held behind a gap in the numbers; when its
 * turn has come, START follows. A header that contradicts itself or what was agreed is not
 * given to anybody: it is answered by the machine, with a Reject when there is no command to
 * speak of, else with status and sense, after its data is over.
 */
#include "iscsi/iscsi_int.h"

#include <string.h>

/* Additional headers, 11.2.2. False: they do not add up. */
static bool take_ahs(struct iscsi_task *t, const struct pdu *pdu)
{
    struct rbuf r = rbuf_make(pdu->ahs, pdu->ahs_len);
    while (rb_left(&r) > 0) {
        uint32_t len = rb_be16(&r);
        uint8_t type = rb_u8(&r) & ISCSI_AHS_TYPE_MASK;
        const uint8_t *body = rb_take(&r, len); /* the first byte is reserved in both types */
        if (!body || len == 0)
            return false;
        rb_take(&r, pad_len(len + 3));
        if (type == ISCSI_AHS_EXT_CDB)
            t->cdb_len = (uint16_t)(sizeof(t->cdb) + len - 1);
        else if (type == ISCSI_AHS_BIDI_LENGTH && len == 5)
            t->bidi_read_len = load_be32(body + 1);
        else
            return false;
    }
    return !r.bad;
}

/* False: a field of the header contradicts another one or is out of its range. */
static bool fields_ok(const struct iscsi_task *t, const struct pdu *pdu)
{
    bool final = pdu->bhs[1] & ISCSI_FINAL;
    if (t->itt == ISCSI_TAG_NONE || t->attr > 4)
        return false;
    if (!t->write && (!final || pdu->data_len > 0)) /* 11.3.1, 11.3.4 */
        return false;
    return pdu->data_len <= t->edtl;
}

/* What the initiator sends without being asked, against what was agreed: 13.10, 13.11, 13.14.
 * NULL: fine. */
static const uint8_t *unsolicited_fault(const struct iscsi_params *p, const struct pdu *pdu)
{
    bool final = pdu->bhs[1] & ISCSI_FINAL;
    if (pdu->data_len > 0 && (!p->immediate_data || pdu->data_len > p->first_burst))
        return sense_unexpected_data;
    if (!final && p->initial_r2t)
        return sense_unexpected_data;
    return NULL;
}

static void begin_data(struct iscsi_conn *c, struct iscsi_task *t, const struct pdu *pdu)
{
    bool final = pdu->bhs[1] & ISCSI_FINAL;
    t->received = pdu->data_len;
    t->unsolicited_open = t->write && !final;
    t->unsolicited_end = final ? pdu->data_len : MIN(t->edtl, c->params.first_burst);
    t->wanted = t->unsolicited_end;
}

/* Gives a command to nobody: it ends with this status once its data is over. */
static void refuse(struct iscsi_conn *c, const struct iscsi_task *as, const struct pdu *pdu,
                   uint8_t status, const uint8_t *sense)
{
    struct iscsi_task *t = task_own(c);
    if (!t) {
        reject(c, pdu->bhs, ISCSI_REJECT_NO_RESOURCES);
        return;
    }
    task_init(t, (const struct iscsi_scsi_cmd *)(const void *)pdu->bhs);
    t->own = true;
    t->refused = true;
    t->bidi_read_len = as->bidi_read_len;
    begin_data(c, t, pdu);
    task_insert(c, t);
    result_set_own(t, status, sense);
    result_queue(c, t);
}

/* The owner has no memory for one more. */
static void refuse_full(struct iscsi_conn *c, const struct iscsi_task *as,
                        const struct pdu *pdu)
{
    if (as->immediate)
        reject(c, pdu->bhs, ISCSI_REJECT_IMMEDIATE);
    else
        refuse(c, as, pdu, 0x28 /* TASK SET FULL */, NULL);
}

bool command_rx(struct iscsi_conn *c, const struct pdu *pdu, bool held, struct iscsi_event *ev)
{
    const struct iscsi_scsi_cmd *h = (const struct iscsi_scsi_cmd *)(const void *)pdu->bhs;
    struct iscsi_task as = {.user = NULL};
    task_init(&as, h);
    c->stats.commands++;
    if (!fields_ok(&as, pdu) || !take_ahs(&as, pdu)) {
        reject(c, pdu->bhs, ISCSI_REJECT_BAD_FIELD);
        return false;
    }
    if (task_find(c, as.itt)) {
        reject(c, pdu->bhs, ISCSI_REJECT_TASK_IN_PROGRESS);
        return false;
    }
    const uint8_t *fault = unsolicited_fault(&c->params, pdu);
    if (as.read && as.write)
        fault = sense_no_bidirectional;
    if (fault) {
        refuse(c, &as, pdu, 0x02 /* CHECK CONDITION */, fault);
        return false;
    }
    struct iscsi_task *t = c->env->task_alloc(c->arg);
    if (!t) {
        refuse_full(c, &as, pdu);
        return false;
    }
    task_init(t, h);
    t->cdb_len = as.cdb_len;
    begin_data(c, t, pdu);
    task_insert(c, t);
    if (held)
        window_hold_task(&c->win, t);
    else
        c->start = t;
    ev->type = ISCSI_EV_COMMAND;
    ev->task = t;
    ev->data = pdu->data;
    ev->data_len = pdu->data_len;
    ev->offset = 0;
    return true;
}
