/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages are the PDUs the machine sends of its own accord or in answer to anything but a
 * SCSI command. There is a fixed number of them. Those that answer what a peer may send at
 * will come from a pool, and no PDU is taken while it is empty; those whose number is bounded
 * elsewhere (the one text response, a response per task management slot) have a place of their
 * own.
 */
#include "iscsi/iscsi_int.h"

void msg_init(struct msg *m, enum iscsi_opcode opcode)
{
    m->busy = true;
    m->numbered = m->barrier = m->plain = false;
    m->bhs = (struct iscsi_target_bhs){.opcode = (uint8_t)opcode, .flags = ISCSI_FINAL};
    m->data = m->inl;
    m->len = 0;
    m->tx.is_msg = true;
    list_init(&m->tx.link);
}

bool msg_available(const struct iscsi_conn *c)
{
    for (unsigned i = 0; i < MSG_POOL; i++)
        if (!c->pool[i].busy)
            return true;
    return false;
}

struct msg *msg_get(struct iscsi_conn *c, enum iscsi_opcode opcode)
{
    for (struct msg *m = c->pool; m < c->pool + MSG_POOL; m++)
        if (!m->busy) {
            msg_init(m, opcode);
            return m;
        }
    return NULL;
}

void msg_send(struct iscsi_conn *c, struct msg *m)
{
    if (m->barrier) {
        list_push(&c->tx.fifo, &m->tx.link);
        c->tx.barriers++;
    } else {
        list_push(&c->tx.urgent, &m->tx.link);
    }
}

void msg_release(struct iscsi_conn *c, struct msg *m)
{
    m->busy = false;
    if (c->echo_user == m)
        c->echo_user = NULL;
}
