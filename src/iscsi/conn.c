/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connection: takes PDUs one by one and hands each to the file that knows it, keeps the
 * events that are due, and closes. A connection is in login, in the full feature phase, or
 * closed; closed means that nothing is read any more, while what is queued may still be sent.
 *
 * One step of iscsi_rx() uses at most one PDU and gives at most one event. Before it takes a
 * PDU it makes sure that any answer to it has a place to be queued in; a peer that sends and
 * does not read is not read from in the end. Every length and tag of the peer is checked by
 * the function that takes the PDU, once.
 */
#include "iscsi/iscsi_int.h"

#include <string.h>

struct iscsi_offer iscsi_offer_default(void)
{
    return (struct iscsi_offer){
        .max_recv_data_segment = ISCSI_MAX_DATA,
        .max_burst = 1u << 20,
        .first_burst = 256u << 10,
        .max_outstanding_r2t = 4,
        .initial_r2t = false,
        .immediate_data = true,
        .digests = true,
        .time2wait = 2,
        .time2retain = 0,
        .window = 128,
        .login_timeout_ms = 15000,
        .nop_interval_ms = 15000,
        .nop_timeout_ms = 15000,
        .portal_group = 1,
    };
}

size_t iscsi_conn_size(void)
{
    return sizeof(struct iscsi_conn);
}

/* Brings an offer inside what RFC 7143 section 13 and this machine allow. */
static struct iscsi_offer offer_bound(struct iscsi_offer o)
{
    o.max_recv_data_segment = MIN(MAX(o.max_recv_data_segment, 512u), ISCSI_MAX_DATA);
    o.max_burst = MIN(MAX(o.max_burst, 512u), 0xffffffu);
    o.first_burst = MIN(MAX(o.first_burst, 512u), o.max_burst);
    o.max_outstanding_r2t = MIN(MAX(o.max_outstanding_r2t, 1), ISCSI_MAX_R2T);
    o.time2wait = MIN(o.time2wait, 3600);
    o.time2retain = MIN(o.time2retain, 3600);
    o.window = MIN(MAX(o.window, 1), ISCSI_MAX_WINDOW);
    o.alias[sizeof(o.alias) - 1] = '\0';
    return o;
}

void iscsi_conn_init(struct iscsi_conn *c, const struct iscsi_env *env, void *arg,
                     const struct iscsi_offer *offer, uint64_t now)
{
    memset(c, 0, offsetof(struct iscsi_conn, text_in));
    c->env = env;
    c->arg = arg;
    c->offer = offer_bound(*offer);
    c->now = c->rx_at = c->tx_mark_at = now;
    c->login_until = now + c->offer.login_timeout_ms * NS_PER_MS;
    c->rules.max_data = LOGIN_DATA_MAX;
    c->stat_sn = 1;
    for (unsigned i = 0; i < ITT_BUCKETS; i++)
        list_init(&c->by_itt[i]);
    for (unsigned i = 0; i < MSG_POOL; i++)
        c->pool[i].pooled = true;
    window_init(&c->win, 0, c->offer.window);
    tx_init(&c->tx);
    nop_init(c);
    login_init(c);
}

void iscsi_conn_fini(struct iscsi_conn *c)
{
    task_free_all(c);
    chap_wipe(&c->login.chap);
    c->phase = CONN_CLOSED;
}

const struct iscsi_params *iscsi_conn_params(const struct iscsi_conn *c)
{
    return &c->params;
}

const struct iscsi_stats *iscsi_conn_stats(const struct iscsi_conn *c)
{
    return &c->stats;
}

const char *iscsi_conn_state(const struct iscsi_conn *c)
{
    switch (c->phase) {
    case CONN_LOGIN:
        return login_state_name(c->login.state);
    case CONN_FULL:
        return c->wait == WAIT_LOGOUT ? "logout" : "logged in";
    case CONN_CLOSED:
        break;
    }
    return "closed";
}

void conn_close(struct iscsi_conn *c, const char *why)
{
    if (c->phase == CONN_CLOSED)
        return;
    c->phase = CONN_CLOSED;
    c->wait = WAIT_NONE;
    c->start = NULL;
    c->why = why;
    c->close_due = true;
}

void conn_fail(struct iscsi_conn *c, const char *why)
{
    c->abandon = true;
    tx_abandon(c);
    conn_close(c, why);
}

void conn_enter_full(struct iscsi_conn *c)
{
    const uint32_t *agreed = c->login.neg.agreed;
    struct iscsi_params *p = &c->params;
    p->header_digest = agreed[KEY_HEADER_DIGEST] == DIGEST_CRC32C;
    p->data_digest = agreed[KEY_DATA_DIGEST] == DIGEST_CRC32C;
    p->initial_r2t = agreed[KEY_INITIAL_R2T];
    p->immediate_data = agreed[KEY_IMMEDIATE_DATA];
    p->max_recv_data_segment =
        c->login.declared ? c->offer.max_recv_data_segment : LOGIN_DATA_MAX;
    p->max_send_data_segment = agreed[KEY_MAX_RECV_DATA_SEGMENT];
    p->max_burst = agreed[KEY_MAX_BURST];
    p->first_burst = agreed[KEY_FIRST_BURST];
    p->max_outstanding_r2t = (uint16_t)agreed[KEY_MAX_OUTSTANDING_R2T];
    p->time2wait = (uint16_t)agreed[KEY_TIME2WAIT];
    p->time2retain = (uint16_t)agreed[KEY_TIME2RETAIN];
    c->rules = (struct frame_rules){p->header_digest, p->data_digest, p->max_recv_data_segment};
    c->phase = CONN_FULL;
    c->rx_at = c->tx_mark_at = c->now;
}

/* ---- events that are due ----------------------------------------------------------------- */

static bool give_login_event(struct iscsi_conn *c, struct iscsi_event *ev)
{
    ev->type = c->login_due;
    ev->login_status = c->login_status;
    ev->why = c->why;
    c->login_due = ISCSI_EV_NONE;
    return true;
}

static bool give_close(struct iscsi_conn *c, struct iscsi_event *ev)
{
    ev->type = ISCSI_EV_CLOSE;
    ev->why = c->why;
    c->close_due = false;
    return true;
}

static bool give_start(struct iscsi_task *t, struct iscsi_event *ev)
{
    ev->type = ISCSI_EV_START;
    ev->task = t;
    return true;
}

static bool dispatch(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev);

/* Requests behind a gap whose turn has come. */
static bool give_held(struct iscsi_conn *c, struct iscsi_event *ev)
{
    while (c->wait == WAIT_NONE && msg_available(c) && !c->text_msg.busy) {
        struct window_due due = window_due(&c->win);
        if (due.task)
            return give_start(due.task, ev);
        if (!due.pdu)
            break;
        struct pdu pdu = {
            .bhs = due.pdu->bhs,
            .data = due.pdu->data,
            .data_len = due.pdu->data_len,
            .opcode = due.pdu->bhs[0] & ISCSI_OP_MASK,
        };
        due.pdu->busy = false; /* nothing can take its place before it is dispatched */
        if (dispatch(c, &pdu, ev))
            return true;
    }
    return false;
}

static bool give_due(struct iscsi_conn *c, struct iscsi_event *ev)
{
    if (c->login_due != ISCSI_EV_NONE)
        return give_login_event(c, ev);
    if (c->close_due)
        return give_close(c, ev);
    if (c->phase != CONN_FULL)
        return false;
    if (c->start) {
        struct iscsi_task *t = c->start;
        c->start = NULL;
        return give_start(t, ev);
    }
    return give_held(c, ev);
}

/* Nothing may be taken that comes behind a request which could not be given yet. */
static bool held_is_due(struct iscsi_conn *c)
{
    return c->phase == CONN_FULL && window_is_due(&c->win);
}

/* ---- requests ---------------------------------------------------------------------------- */

typedef bool (*rx_fn)(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev);

static bool command_next(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev)
{
    return command_rx(c, pdu, false, ev);
}

/* clang-format off */
static const struct op {
    rx_fn rx;
    bool numbered;     /* carries a CmdSN */
    bool discovery;    /* may come in a discovery session, 4.3 */
    bool has_ahs;
    bool answers_text; /* needs the one message for texts */
} ops[ISCSI_OP_MASK + 1] = {
    [ISCSI_OP_NOP_OUT]    = { .rx = nop_rx, .numbered = true, .discovery = true },
    [ISCSI_OP_SCSI_CMD]   = { .rx = command_next, .numbered = true, .has_ahs = true },
    [ISCSI_OP_TMF_REQ]    = { .rx = tmf_rx, .numbered = true },
    [ISCSI_OP_LOGIN_REQ]  = { .answers_text = true },
    [ISCSI_OP_TEXT_REQ]   = { .rx = text_rx, .numbered = true, .discovery = true,
                              .answers_text = true },
    [ISCSI_OP_DATA_OUT]   = { .rx = data_out_rx },
    [ISCSI_OP_LOGOUT_REQ] = { .rx = logout_rx, .numbered = true, .discovery = true },
    [ISCSI_OP_SNACK]      = { .rx = snack_rx },
};
/* clang-format on */

static bool dispatch(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev)
{
    return ops[pdu->opcode].rx(c, pdu, ev);
}

static bool hold(struct iscsi_conn *c, const struct pdu *pdu, uint32_t cmd_sn,
                 struct iscsi_event *ev)
{
    if (pdu->opcode == ISCSI_OP_SCSI_CMD)
        return command_rx(c, pdu, true, ev);
    if (!window_hold_pdu(&c->win, pdu, cmd_sn))
        reject(c, pdu->bhs, ISCSI_REJECT_NO_RESOURCES);
    return false;
}

static bool full_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev)
{
    const struct op *op = &ops[pdu->opcode];
    const struct iscsi_bhs *h = (const struct iscsi_bhs *)(const void *)pdu->bhs;
    uint32_t cmd_sn = be32_get(h->cmd_sn);
    enum window_place place = WIN_NEXT;
    if (op->numbered && !pdu->immediate)
        place = window_admit(&c->win, cmd_sn);
    if (place == WIN_DROP) {
        c->stats.dropped++;
        return false;
    }
    if (!op->rx) {
        reject(c, pdu->bhs, ISCSI_REJECT_NOT_SUPPORTED);
        return false;
    }
    if (c->params.discovery && !op->discovery) {
        reject(c, pdu->bhs, ISCSI_REJECT_PROTOCOL);
        return false;
    }
    if (pdu->ahs_len != 0 && !op->has_ahs) {
        reject(c, pdu->bhs, ISCSI_REJECT_BAD_FIELD);
        return false;
    }
    return place == WIN_HELD ? hold(c, pdu, cmd_sn, ev) : op->rx(c, pdu, ev);
}

/* The stream can't be followed behind such a PDU, or should not be, 7.7 and 7.8. */
static void bad_frame(struct iscsi_conn *c, enum frame f, const struct pdu *pdu)
{
    if (f == FRAME_HEADER_DIGEST || f == FRAME_DATA_DIGEST)
        c->stats.digest_errors++;
    if (f == FRAME_HEADER_DIGEST) {
        conn_fail(c, "header digest error");
    } else if (f == FRAME_DATA_DIGEST) {
        reject(c, pdu->bhs, ISCSI_REJECT_DATA_DIGEST);
        conn_fail(c, "data digest error");
    } else if (c->phase == CONN_LOGIN) {
        login_bad_pdu(c, pdu->bhs, ISCSI_LOGIN_INITIATOR_ERROR, "login: data segment too long");
    } else {
        reject(c, pdu->bhs, ISCSI_REJECT_BAD_FIELD);
        conn_fail(c, "data segment longer than MaxRecvDataSegmentLength");
    }
}

/* True when whatever answers the PDU that begins with this byte can be queued. */
static bool may_take(const struct iscsi_conn *c, uint8_t first)
{
    if (c->text_msg.busy && (c->phase == CONN_LOGIN || ops[first & ISCSI_OP_MASK].answers_text))
        return false;
    return msg_available(c);
}

/* Takes one PDU. Returns its length, 0: none was taken. *ret_event: ev is set. */
static size_t take(struct iscsi_conn *c, const uint8_t *p, size_t len, struct iscsi_event *ev,
                   bool *ret_event)
{
    struct pdu pdu;
    *ret_event = false;
    c->rx_blocked = !may_take(c, p[0]);
    if (c->rx_blocked)
        return 0;
    enum frame f = frame_parse(&c->rules, p, len, &pdu);
    if (f == FRAME_MORE)
        return 0;
    c->stats.pdus_in++;
    if (f != FRAME_OK) {
        bad_frame(c, f, &pdu);
        return len;
    }
    c->stats.bytes_in += pdu.total;
    if (c->phase == CONN_LOGIN)
        login_rx(c, &pdu);
    else
        *ret_event = full_rx(c, &pdu, ev);
    return pdu.total;
}

/* What is measured from the present needs to know it first. */
static void set_time(struct iscsi_conn *c, uint64_t now)
{
    c->now = now;
    if (c->stats.bytes_out != c->tx_mark || !iscsi_tx_pending(c)) {
        c->tx_mark = c->stats.bytes_out;
        c->tx_mark_at = now;
    }
    if (c->logout_within != 0) {
        c->logout_until = now + c->logout_within;
        c->logout_within = 0;
    }
}

bool iscsi_rx(struct iscsi_conn *c, const uint8_t *p, size_t len, uint64_t now,
              size_t *ret_used, struct iscsi_event *ret_ev)
{
    size_t used = 0;
    bool event = false;
    set_time(c, now);
    c->rx_blocked = false;
    if (len > c->rx_tail)
        c->rx_at = now;
    while (!(event = give_due(c, ret_ev)) && c->phase != CONN_CLOSED && c->wait == WAIT_NONE &&
           used < len) {
        c->rx_blocked = held_is_due(c);
        if (c->rx_blocked)
            break;
        size_t n = take(c, p + used, len - used, ret_ev, &event);
        used += n;
        if (event || n == 0)
            break;
    }
    if (c->phase == CONN_CLOSED)
        used = len;
    c->rx_tail = len - used;
    if (!event)
        ret_ev->type = ISCSI_EV_NONE;
    *ret_used = used;
    return event;
}

bool iscsi_rx_blocked(const struct iscsi_conn *c)
{
    return c->rx_blocked;
}

/* ---- time -------------------------------------------------------------------------------- */

/* When a peer that has taken nothing of what waits counts as one that stopped reading. */
static uint64_t stall_deadline(const struct iscsi_conn *c)
{
    uint64_t limit = (c->offer.nop_interval_ms + (uint64_t)c->offer.nop_timeout_ms) * NS_PER_MS;
    if (c->offer.nop_interval_ms == 0 || !iscsi_tx_pending(c))
        return UINT64_MAX;
    return c->tx_mark_at + limit;
}

bool iscsi_tick(struct iscsi_conn *c, uint64_t now, struct iscsi_event *ret_ev)
{
    set_time(c, now);
    if (c->phase == CONN_LOGIN && now >= c->login_until)
        login_expire(c);
    if (c->phase == CONN_FULL && c->logout_until != 0 && now >= c->logout_until)
        conn_fail(c, "initiator did not log out when asked to");
    if (c->phase == CONN_FULL && now >= stall_deadline(c))
        conn_fail(c, "initiator does not read");
    if (c->phase == CONN_FULL)
        nop_tick(c);
    if (c->login_due == ISCSI_EV_LOGIN_FAILED)
        return give_login_event(c, ret_ev);
    if (c->close_due)
        return give_close(c, ret_ev);
    ret_ev->type = ISCSI_EV_NONE;
    return false;
}

uint64_t iscsi_deadline(const struct iscsi_conn *c)
{
    if (c->login_due == ISCSI_EV_LOGIN_FAILED || c->close_due || c->logout_within != 0)
        return 0;
    if (c->phase == CONN_LOGIN)
        return c->login_until;
    if (c->phase == CONN_CLOSED)
        return UINT64_MAX;
    uint64_t at = MIN(nop_deadline(c), stall_deadline(c));
    return c->logout_until != 0 ? MIN(at, c->logout_until) : at;
}
