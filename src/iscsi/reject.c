/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reject, RFC 7143 11.17: the answer to a PDU that is whole but cannot be meant. It carries
 * the header of that PDU, so that the initiator finds what it was. SNACK is one of these: it
 * has no meaning at error recovery level 0.
 */
#include "iscsi/iscsi_int.h"

#include <string.h>

void reject(struct iscsi_conn *c, const uint8_t *bhs, enum iscsi_reject_reason reason)
{
    struct msg *m = msg_get(c, ISCSI_OP_REJECT);
    check(m != NULL); /* no PDU is taken without one */
    struct iscsi_reject *h = (struct iscsi_reject *)(void *)&m->bhs;
    h->reason = (uint8_t)reason;
    h->itt = be32_make(ISCSI_TAG_NONE);
    m->numbered = true;
    memcpy(m->inl, bhs, ISCSI_BHS_LEN);
    m->len = ISCSI_BHS_LEN;
    c->stats.rejects++;
    msg_send(c, m);
}

bool snack_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev)
{
    (void)ev;
    reject(c, pdu->bhs, ISCSI_REJECT_SNACK);
    return false;
}
