/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asynchronous messages, RFC 7143 11.9: what the target has to say unasked. Logout request and
 * drop have a message of their own each and cannot be lost. Sense is a courtesy, the unit
 * attention behind it waits anyway, so with half the pool in use it is left out.
 */
#include "iscsi/iscsi_int.h"

#include <string.h>

static struct iscsi_async *begin(struct msg *m, enum iscsi_async_event event)
{
    struct iscsi_async *h = (struct iscsi_async *)(void *)&m->bhs;
    h->itt = be32_make(ISCSI_TAG_NONE);
    h->event = (uint8_t)event;
    m->numbered = true;
    return h;
}

void iscsi_async_logout(struct iscsi_conn *c, uint16_t seconds)
{
    struct msg *m = &c->ask_logout_msg;
    if (c->phase != CONN_FULL || m->busy || c->logout_within != 0 || c->logout_until != 0)
        return;
    msg_init(m, ISCSI_OP_ASYNC);
    begin(m, ISCSI_ASYNC_LOGOUT_REQUEST)->param3 = be16_make(seconds);
    c->logout_within =
        seconds * 1000u * NS_PER_MS; /* from the next time we are told the time */
    msg_send(c, m);
}

void iscsi_async_drop(struct iscsi_conn *c, uint16_t time2wait, uint16_t time2retain)
{
    struct msg *m = &c->drop_msg;
    if (c->phase != CONN_FULL || m->busy)
        return;
    msg_init(m, ISCSI_OP_ASYNC);
    struct iscsi_async *h = begin(m, ISCSI_ASYNC_SESSION_DROP);
    h->param2 = be16_make(time2wait);
    h->param3 = be16_make(time2retain);
    msg_send(c, m);
}

/* Half of the pool stays for answers. */
static bool pool_half_used(const struct iscsi_conn *c)
{
    unsigned busy = 0;
    for (unsigned i = 0; i < MSG_POOL; i++)
        busy += c->pool[i].busy;
    return busy >= MSG_POOL / 2;
}

void iscsi_async_sense(struct iscsi_conn *c, const uint8_t lun[8], const uint8_t *sense,
                       size_t len)
{
    if (c->phase != CONN_FULL || len > MSG_INLINE - 2 || pool_half_used(c))
        return;
    struct msg *m = msg_get(c, ISCSI_OP_ASYNC);
    memcpy(begin(m, ISCSI_ASYNC_SENSE)->lun.b, lun, 8);
    store_be16(m->inl, (uint16_t)len);
    memcpy(m->inl + 2, sense, len);
    m->len = (uint32_t)len + 2;
    msg_send(c, m);
}
