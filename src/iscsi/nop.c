/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NOP in both directions, RFC 7143 11.18 and 11.19. The initiator's ping comes back with its
 * data. Ours goes out when nothing was heard for an interval; anything that is heard
 * afterwards proves life as well as the answer does, and silence ends the connection. A NOP-In
 * without a tag also tells an idle initiator that the command window is open again, which
 * nothing else would.
 */
#include "iscsi/iscsi_int.h"

#include <string.h>

void nop_init(struct iscsi_conn *c)
{
    c->nop.ttt = ISCSI_TAG_NONE;
}

static void set_tags(struct msg *m, uint32_t itt, uint32_t ttt)
{
    struct iscsi_nop_in *h = (struct iscsi_nop_in *)(void *)&m->bhs;
    h->itt = be32_make(itt);
    h->ttt = be32_make(ttt);
}

/* Keeps the ping's data until it is sent. False: there is no room for that much. */
static bool keep_data(struct iscsi_conn *c, struct msg *m, const uint8_t *data, uint32_t len)
{
    if (len > MSG_INLINE) {
        if (len > ECHO_MAX || c->echo_user)
            return false;
        c->echo_user = m;
        m->data = c->echo;
        memcpy(c->echo, data, len);
    } else {
        memcpy(m->inl, data, len);
    }
    m->len = len;
    return true;
}

static void answer(struct iscsi_conn *c, const struct pdu *pdu, uint32_t itt)
{
    struct msg *m = msg_get(c, ISCSI_OP_NOP_IN);
    check(m != NULL); /* no PDU is taken without one */
    set_tags(m, itt, ISCSI_TAG_NONE);
    memcpy(m->bhs.lun.b, pdu->bhs + offsetof(struct iscsi_bhs, lun), sizeof(m->bhs.lun.b));
    m->numbered = true;
    uint32_t len = MIN(pdu->data_len, c->params.max_send_data_segment);
    if (keep_data(c, m, pdu->data, len)) {
        msg_send(c, m);
    } else {
        msg_release(c, m);
        reject(c, pdu->bhs, ISCSI_REJECT_NO_RESOURCES);
    }
}

bool nop_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev)
{
    const struct iscsi_nop_out *h = (const struct iscsi_nop_out *)(const void *)pdu->bhs;
    uint32_t itt = be32_get(h->itt), ttt = be32_get(h->ttt);
    (void)ev;
    c->stats.nops_in++;
    if (itt != ISCSI_TAG_NONE)
        answer(c, pdu, itt);
    else if (!pdu->immediate) /* 11.18.1 */
        reject(c, pdu->bhs, ISCSI_REJECT_BAD_FIELD);
    else if (ttt != ISCSI_TAG_NONE && ttt == c->nop.ttt)
        c->nop.ttt = ISCSI_TAG_NONE;
    return false;
}

/* ---- keepalive --------------------------------------------------------------------------- */

static uint64_t ns(uint32_t ms)
{
    return ms * NS_PER_MS;
}

static void ping(struct iscsi_conn *c)
{
    struct msg *m = &c->nop.msg;
    c->nop.sent_at = c->now;
    if (m->busy) /* the last one is not even sent */
        return;
    msg_init(m, ISCSI_OP_NOP_IN);
    c->nop.ttt = c->next_ttt++ & 0x7fffffff;
    set_tags(m, ISCSI_TAG_NONE, c->nop.ttt);
    c->stats.nops_out++;
    msg_send(c, m);
}

void nop_tick(struct iscsi_conn *c)
{
    if (c->now < nop_deadline(c))
        return;
    if (c->params.discovery)
        conn_close(c, "discovery session is idle");
    else if (c->nop.ttt != ISCSI_TAG_NONE && c->rx_at <= c->nop.sent_at)
        conn_fail(c, "no answer to NOP-In");
    else
        ping(c);
}

uint64_t nop_deadline(const struct iscsi_conn *c)
{
    if (c->offer.nop_interval_ms == 0)
        return UINT64_MAX;
    if (c->nop.ttt != ISCSI_TAG_NONE && c->rx_at <= c->nop.sent_at)
        return c->nop.sent_at + ns(c->offer.nop_timeout_ms);
    return c->rx_at + ns(c->offer.nop_interval_ms);
}

/* ---- the window -------------------------------------------------------------------------- */

void nop_tell_window(struct iscsi_conn *c)
{
    struct msg *m = &c->nop.window;
    if (m->busy || c->phase != CONN_FULL)
        return;
    msg_init(m, ISCSI_OP_NOP_IN);
    set_tags(m, ISCSI_TAG_NONE, ISCSI_TAG_NONE);
    msg_send(c, m);
}

void iscsi_set_window(struct iscsi_conn *c, uint16_t window)
{
    uint32_t before = c->win.max_cmd_sn;
    bool closed = sn_lt(before, c->win.exp_cmd_sn);
    c->win.size = MIN(window, ISCSI_MAX_WINDOW);
    if (closed && window_max(&c->win) != before)
        nop_tell_window(c);
}
