/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logout, RFC 7143 11.14. With one connection closing it and closing the session are the same.
 * The owner ends its tasks first; the response goes behind every response that is queued, and
 * the connection closes when it is out.
 */
#include "iscsi/iscsi_int.h"

static void respond(struct iscsi_conn *c, struct msg *m, uint32_t itt, uint8_t response)
{
    struct iscsi_logout_rsp *h = (struct iscsi_logout_rsp *)(void *)&m->bhs;
    h->response = response;
    h->itt = be32_make(itt);
    h->time2wait = be16_make(c->params.time2wait);
    h->time2retain = be16_make(c->params.time2retain);
    m->numbered = true;
    m->barrier = true;
    msg_send(c, m);
}

/* A request that changes nothing: answered at once. */
static bool refuse(struct iscsi_conn *c, uint32_t itt, uint8_t response)
{
    struct msg *m = msg_get(c, ISCSI_OP_LOGOUT_RSP);
    check(m != NULL); /* no PDU is taken without one */
    respond(c, m, itt, response);
    return false;
}

bool logout_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev)
{
    const struct iscsi_logout_req *h = (const struct iscsi_logout_req *)(const void *)pdu->bhs;
    uint8_t reason = h->flags & ISCSI_LOGOUT_REASON_MASK;
    uint32_t itt = be32_get(h->itt);
    if (itt == ISCSI_TAG_NONE || reason > ISCSI_LOGOUT_RECOVERY) {
        reject(c, pdu->bhs, ISCSI_REJECT_BAD_FIELD);
        return false;
    }
    if (reason == ISCSI_LOGOUT_RECOVERY)
        return refuse(c, itt, ISCSI_LOGOUT_RSP_NO_RECOVERY);
    if (reason == ISCSI_LOGOUT_CONNECTION && be16_get(h->cid) != c->params.cid)
        return refuse(c, itt, ISCSI_LOGOUT_RSP_NO_CID);
    c->logout_itt = itt;
    c->wait = WAIT_LOGOUT;
    ev->type = ISCSI_EV_LOGOUT;
    ev->logout_reason = reason;
    return true;
}

void iscsi_logout_done(struct iscsi_conn *c, uint8_t response)
{
    if (c->wait != WAIT_LOGOUT)
        return;
    c->wait = WAIT_NONE;
    task_drop_waiting(c, NULL, c->era);
    msg_init(&c->logout_msg, ISCSI_OP_LOGOUT_RSP);
    respond(c, &c->logout_msg, c->logout_itt, response);
    conn_close(c, "logout");
}
