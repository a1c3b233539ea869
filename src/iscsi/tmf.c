/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management, RFC 7143 11.5. The owner does it, for only the device model knows what a
 * function means; the machine finds the referenced task, answers what is a matter of the
 * protocol alone, and keeps the response behind every earlier one (4.2.3.3). Each function
 * under way has a slot with its response in it, so an answer never fails; how many may be
 * under way is bounded, and one more is "function rejected".
 */
#include "iscsi/iscsi_int.h"

#include <string.h>

static struct tmf_slot *slot_find(struct iscsi_conn *c, bool busy, uint32_t itt)
{
    for (struct tmf_slot *s = c->tmf; s < c->tmf + TMF_MAX; s++)
        if (s->busy == busy && (!busy || s->itt == itt) && (busy || !s->msg.busy))
            return s;
    return NULL;
}

static void respond(struct iscsi_conn *c, struct msg *m, uint32_t itt, uint8_t response)
{
    struct iscsi_tmf_rsp *h = (struct iscsi_tmf_rsp *)(void *)&m->bhs;
    h->response = response;
    h->itt = be32_make(itt);
    m->numbered = true;
    m->barrier = true;
    msg_send(c, m);
}

/* ABORT TASK of a tag that is not here, 11.6.1: perhaps it never arrived, and must not take
 * effect later. */
static int8_t response_without_task(struct iscsi_conn *c, const struct iscsi_tmf_req *h)
{
    uint32_t ref_sn = be32_get(h->ref_cmd_sn);
    if (sn_lt(ref_sn, be32_get(h->cmd_sn)) && window_skip(&c->win, ref_sn))
        return ISCSI_TMF_RSP_COMPLETE;
    return ISCSI_TMF_RSP_NO_TASK;
}

/*
 * Fills in what ABORT TASK refers to. The tag alone says which, for it is the session's; the
 * task's own LUN takes the place of the request's: an initiator that gets the LUN wrong and is
 * told "does not exist" would not expect the command to land later.
 */
static void find_referenced(struct iscsi_conn *c, const struct iscsi_tmf_req *h,
                            struct iscsi_tmf *tmf)
{
    struct iscsi_task *t = task_find(c, tmf->ref_itt);
    if (t)
        memcpy(tmf->lun, t->lun, sizeof(t->lun));
    if (!t) {
        tmf->response = response_without_task(c, h);
    } else if (t->state == TASK_DONE) { /* the owner is through with it */
        task_drop(c, t);
        tmf->response = ISCSI_TMF_RSP_COMPLETE;
    } else if (t->state == TASK_QUEUED) { /* its response comes first */
        tmf->response = ISCSI_TMF_RSP_NO_TASK;
    } else {
        tmf->task = t;
    }
}

/* What the function means for commands that the owner does not have any more. */
static void drop_waiting(struct iscsi_conn *c, const struct tmf_slot *s)
{
    switch (s->function) {
    case ISCSI_TMF_ABORT_TASK_SET:
    case ISCSI_TMF_CLEAR_TASK_SET:
    case ISCSI_TMF_LUN_RESET:
        task_drop_waiting(c, s->lun, s->era);
        break;
    case ISCSI_TMF_TARGET_WARM_RESET:
    case ISCSI_TMF_TARGET_COLD_RESET:
        task_drop_waiting(c, NULL, s->era);
        break;
    }
}

/* Looks again when the owner is through: what it had may have failed meanwhile, and then waits for
 * data that the initiator will not send any more. */
static uint8_t look_again(struct iscsi_conn *c, const struct tmf_slot *s, uint8_t response)
{
    struct iscsi_task *t;
    if (s->function == ISCSI_TMF_ABORT_TASK) {
        t = task_find(c, s->ref_itt);
        if (!t || !task_is_waiting(t, s->era))
            return response;
        task_drop(c, t);
        return ISCSI_TMF_RSP_COMPLETE;
    }
    if (response == ISCSI_TMF_RSP_COMPLETE)
        drop_waiting(c, s);
    return response;
}

bool tmf_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev)
{
    const struct iscsi_tmf_req *h = (const struct iscsi_tmf_req *)(const void *)pdu->bhs;
    struct iscsi_tmf tmf = {
        .function = h->flags & ISCSI_TMF_FUNCTION_MASK,
        .itt = be32_get(h->itt),
        .ref_itt = be32_get(h->ref_itt),
        .response = -1,
    };
    memcpy(tmf.lun, h->lun.b, sizeof(tmf.lun));
    if (tmf.itt == ISCSI_TAG_NONE) {
        reject(c, pdu->bhs, ISCSI_REJECT_BAD_FIELD);
        return false;
    }
    if (slot_find(c, true, tmf.itt)) {
        reject(c, pdu->bhs, ISCSI_REJECT_TASK_IN_PROGRESS);
        return false;
    }
    struct tmf_slot *s = slot_find(c, false, 0);
    struct msg *m = s ? &s->msg : msg_get(c, ISCSI_OP_TMF_RSP);
    check(m != NULL); /* no PDU is taken without one in the pool */
    if (s)
        msg_init(m, ISCSI_OP_TMF_RSP);
    if (!s || tmf.function == ISCSI_TMF_TASK_REASSIGN) {
        respond(c, m, tmf.itt, s ? ISCSI_TMF_RSP_NO_REASSIGN : ISCSI_TMF_RSP_REJECTED);
        return false;
    }
    s->busy = true;
    s->itt = tmf.itt;
    s->ref_itt = tmf.ref_itt;
    s->function = tmf.function;
    memcpy(s->lun, tmf.lun, sizeof(s->lun));
    s->era = c->era++;
    if (tmf.function == ISCSI_TMF_ABORT_TASK)
        find_referenced(c, h, &tmf);
    else
        drop_waiting(c, s);
    ev->type = ISCSI_EV_TMF;
    ev->tmf = tmf;
    return true;
}

void iscsi_tmf_done(struct iscsi_conn *c, uint32_t itt, uint8_t response)
{
    struct tmf_slot *s = slot_find(c, true, itt);
    if (!s)
        return;
    s->busy = false;
    respond(c, &s->msg, itt, look_again(c, s, response));
}
