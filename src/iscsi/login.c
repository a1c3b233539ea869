/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Login, RFC 7143 6.3: first who it is (names), then the proof (security stage), then the
 * parameters (operational stage), each an exchange of texts of which one may take several
 * PDUs. This file is the machine: what a header may say, the states, the responses. What the
 * stages say in their texts is in login_stage.c, the values in keys.c, the proof in chap.c.
 *
 * A header or text that breaks the rules is an event of its own before any state sees it, so
 * the state functions may rely on: stage, ISID, TSIH, CID and tag are those of the first
 * request; the text is whole and its keys are legal in this stage and come for the first time.
 * Before it is known who talks, nothing grows: PDUs are at most 8 KiB, a text 16 KiB, a login
 * 64 PDUs.
 *
 * The owner is asked twice, and no byte is used meanwhile: when the names are known, and at
 * the end; and in between whether the initiator's response is right, when only others can tell.
 */
#include "iscsi/login.h"

#include <string.h>

static const char *const state_names[] = {
    [LOGIN_START] = "login",
    [LOGIN_IDENTIFYING] = "login identify",
    [LOGIN_SECURITY] = "login security",
    [LOGIN_CHAP_A] = "login CHAP algorithm",
    [LOGIN_CHAP_R] = "login CHAP response",
    [LOGIN_VERIFYING] = "login verify",
    [LOGIN_SECURED] = "login authenticated",
    [LOGIN_OPERATIONAL] = "login operational",
    [LOGIN_ACCEPTING] = "login accept",
    [LOGIN_DONE] = "logged in",
    [LOGIN_FAILED] = "login failed",
};

const char *login_state_name(enum login_state s)
{
    return state_names[s];
}

void login_init(struct iscsi_conn *c)
{
    struct login *l = &c->login;
    memset(l, 0, sizeof(*l));
    l->portal_group = c->offer.portal_group;
    memcpy(l->target_alias, c->offer.alias, sizeof(l->target_alias) - 1);
    keys_defaults(&l->neg);
    uint32_t *ours = l->neg.ours;
    const struct iscsi_offer *o = &c->offer;
    ours[KEY_HEADER_DIGEST] = 1u << DIGEST_NONE | (o->digests ? 1u << DIGEST_CRC32C : 0);
    ours[KEY_DATA_DIGEST] = ours[KEY_HEADER_DIGEST];
    ours[KEY_INITIAL_R2T] = o->initial_r2t;
    ours[KEY_IMMEDIATE_DATA] = o->immediate_data;
    ours[KEY_MAX_RECV_DATA_SEGMENT] = o->max_recv_data_segment;
    ours[KEY_MAX_BURST] = o->max_burst;
    ours[KEY_FIRST_BURST] = o->first_burst;
    ours[KEY_TIME2WAIT] = o->time2wait;
    ours[KEY_TIME2RETAIN] = o->time2retain;
    ours[KEY_MAX_OUTSTANDING_R2T] = o->max_outstanding_r2t;
    ours[KEY_TASK_REPORTING] = 1; /* the mask of its one choice */
}

/* ---- responses --------------------------------------------------------------------------- */

/* Queues a response with the answers in l->out. next: the stage to go to, or the same. */
static void respond(struct iscsi_conn *c, uint16_t status, enum iscsi_stage next)
{
    struct login *l = &c->login;
    struct msg *m = &c->text_msg;
    msg_init(m, ISCSI_OP_LOGIN_RSP);
    struct iscsi_login_rsp *h = (struct iscsi_login_rsp *)(void *)&m->bhs;
    h->flags = (uint8_t)((unsigned)l->stage << 2);
    if (next != l->stage)
        h->flags = (uint8_t)(h->flags | ISCSI_LOGIN_TRANSIT | (unsigned)next);
    h->version_max = ISCSI_VERSION;
    h->version_active = ISCSI_VERSION;
    memcpy(h->isid, c->params.isid, sizeof(h->isid));
    h->tsih = be16_make(c->params.tsih);
    h->itt = be32_make(l->itt);
    h->status = be16_make(status);
    m->numbered = true;
    m->plain = true;
    m->data = c->text_out;
    m->len = (uint32_t)l->out.len;
    msg_send(c, m);
}

void login_fail(struct iscsi_conn *c, uint16_t status, const char *why)
{
    struct login *l = &c->login;
    if (status >> 8 != ISCSI_LOGIN_MOVED_TEMP >> 8)
        l->out.len = 0;
    respond(c, status, l->stage);
    l->state = LOGIN_FAILED;
    chap_wipe(&l->chap);
    c->login_status = status;
    c->login_due = ISCSI_EV_LOGIN_FAILED;
    conn_close(c, why);
}

void login_expire(struct iscsi_conn *c)
{
    c->login.state = LOGIN_FAILED;
    chap_wipe(&c->login.chap);
    c->login_status = ISCSI_LOGIN_INITIATOR_ERROR;
    c->login_due = ISCSI_EV_LOGIN_FAILED;
    conn_fail(c, "login took too long");
}

/* Answers a request that is done: stays in the stage, or leaves it if the initiator wants to
 * and may. */
void login_proceed(struct iscsi_conn *c)
{
    struct login *l = &c->login;
    login_greet(c);
    if (wb_overflowed(&l->out)) {
        login_fail(c, ISCSI_LOGIN_INITIATOR_ERROR, "login needs too long an answer");
    } else if (!l->transit) {
        respond(c, ISCSI_LOGIN_OK, l->stage);
    } else if (l->next_stage == ISCSI_STAGE_OPERATIONAL) {
        respond(c, ISCSI_LOGIN_OK, ISCSI_STAGE_OPERATIONAL);
        l->stage = ISCSI_STAGE_OPERATIONAL;
        l->state = LOGIN_OPERATIONAL;
    } else {
        l->state = LOGIN_ACCEPTING;
        c->wait = WAIT_ACCEPT;
        c->login_due = ISCSI_EV_LOGGED_IN;
    }
}

void login_stay(struct iscsi_conn *c)
{
    login_greet(c);
    respond(c, ISCSI_LOGIN_OK, c->login.stage);
}

/* ---- states ------------------------------------------------------------------------------ */

static void finish(struct iscsi_conn *c)
{
    respond(c, ISCSI_LOGIN_OK, ISCSI_STAGE_FULL);
    c->login.state = LOGIN_DONE;
    chap_wipe(&c->login.chap);
    conn_enter_full(c);
}

/* What each state does with a text; the others take none. */
static void on_text(struct iscsi_conn *c)
{
    switch (c->login.state) {
    case LOGIN_START:
        login_on_names(c);
        return;
    case LOGIN_SECURITY:
        login_on_security(c);
        return;
    case LOGIN_CHAP_A:
        login_on_chap_a(c);
        return;
    case LOGIN_CHAP_R:
        login_on_chap_r(c);
        return;
    case LOGIN_SECURED:
        login_proceed(c);
        return;
    case LOGIN_OPERATIONAL:
        login_on_operational(c);
        return;
    case LOGIN_IDENTIFYING:
    case LOGIN_VERIFYING:
    case LOGIN_ACCEPTING:
    case LOGIN_DONE:
    case LOGIN_FAILED:
        break;
    }
    check(false); /* no text is taken while the owner's answer is due */
}

static void login_event(struct iscsi_conn *c, enum login_event ev)
{
    struct login *l = &c->login;
    unsigned at = l->audit_next++ % LOGIN_AUDIT;
    l->audit[at].state = (uint8_t)l->state;
    l->audit[at].event = (uint8_t)ev;
    switch (ev) {
    case LOGIN_EV_TEXT:
        on_text(c);
        break;
    case LOGIN_EV_ANSWER:
        login_on_answer(c);
        break;
    case LOGIN_EV_VERDICT:
        login_on_verdict(c);
        break;
    case LOGIN_EV_ACCEPT:
        finish(c);
        break;
    case LOGIN_EV_REFUSE:
        login_fail(c, c->login_status, "refused by the target");
        break;
    case LOGIN_EV_BAD_PDU:
        login_fail(c, c->login_status, c->why);
        break;
    }
}

/* ---- requests ---------------------------------------------------------------------------- */

static void bad(struct iscsi_conn *c, uint16_t status, const char *why)
{
    c->login_status = status;
    c->why = why;
    login_event(c, LOGIN_EV_BAD_PDU);
}

/* The first request says who this login is; the response names it even if it is refused. */
static void take_identity(struct iscsi_conn *c, const struct iscsi_login_req *h)
{
    struct login *l = &c->login;
    memcpy(c->params.isid, h->isid, sizeof(h->isid));
    c->params.tsih = be16_get(h->tsih);
    c->params.cid = be16_get(h->cid);
    l->itt = be32_get(h->itt);
    l->cmd_sn = be32_get(h->cmd_sn);
    l->stage = (enum iscsi_stage)ISCSI_LOGIN_CSG(h->flags);
    window_init(&c->win, l->cmd_sn, c->offer.window);
}

void login_bad_pdu(struct iscsi_conn *c, const uint8_t *bhs, uint16_t status, const char *why)
{
    if (c->login.pdus == 0)
        take_identity(c, (const struct iscsi_login_req *)(const void *)bhs);
    c->login.out = wbuf_make(c->text_out, LOGIN_DATA_MAX);
    bad(c, status, why);
}

static const char *check_flags(const struct iscsi_login_req *h)
{
    unsigned csg = ISCSI_LOGIN_CSG(h->flags), nsg = ISCSI_LOGIN_NSG(h->flags);
    bool transit = h->flags & ISCSI_LOGIN_TRANSIT;
    if (csg != ISCSI_STAGE_SECURITY && csg != ISCSI_STAGE_OPERATIONAL)
        return "login: no such current stage";
    if (transit && h->flags & ISCSI_TEXT_CONTINUE)
        return "login: T and C both set";
    if (transit && (nsg <= csg || nsg == 2))
        return "login: no such next stage";
    return NULL;
}

/* 11.12: NULL if the header is one of this login. */
static const char *check_identity(const struct iscsi_conn *c, const struct iscsi_login_req *h)
{
    const struct login *l = &c->login;
    if (ISCSI_LOGIN_CSG(h->flags) != (unsigned)l->stage)
        return "login: wrong stage";
    if (memcmp(h->isid, c->params.isid, sizeof(h->isid)) != 0)
        return "login: ISID changed";
    if (be16_get(h->tsih) != c->params.tsih || be16_get(h->cid) != c->params.cid)
        return "login: TSIH or CID changed";
    if (be32_get(h->itt) != l->itt)
        return "login: initiator task tag changed";
    return NULL;
}

/* False: the login has failed. */
static bool take_header(struct iscsi_conn *c, const struct pdu *pdu)
{
    struct login *l = &c->login;
    const struct iscsi_login_req *h = (const struct iscsi_login_req *)(const void *)pdu->bhs;
    const char *why = NULL;
    uint16_t status = ISCSI_LOGIN_INITIATOR_ERROR;
    if (pdu->opcode != ISCSI_OP_LOGIN_REQ) {
        status = ISCSI_LOGIN_BAD_REQUEST;
        why = "login: not a login request";
    } else if (l->pdus == 0 && h->version_min > ISCSI_VERSION) {
        status = ISCSI_LOGIN_BAD_VERSION;
        why = "login: no version in common";
    } else if (pdu->ahs_len != 0) {
        why = "login: additional header";
    } else if (l->pdus == LOGIN_PDUS_MAX) {
        why = "login: too many requests";
    } else {
        why = check_flags(h);
    }
    if (!why && l->pdus > 0)
        why = check_identity(c, h);
    if (why) {
        login_bad_pdu(c, pdu->bhs, status, why);
        return false;
    }
    if (l->pdus++ == 0)
        take_identity(c, h);
    l->transit = h->flags & ISCSI_LOGIN_TRANSIT;
    l->next_stage = (enum iscsi_stage)ISCSI_LOGIN_NSG(h->flags);
    return true;
}

static const char *const parse_errors[] = {
    [KEYS_BAD_TEXT] = "login: text is not key=value",
    [KEYS_DUPLICATE] = "login: key came twice",
    [KEYS_FORBIDDEN] = "login: key may not be sent here",
    [KEYS_TOO_MANY] = "login: too many keys",
};

void login_rx(struct iscsi_conn *c, const struct pdu *pdu)
{
    struct login *l = &c->login;
    struct text_exchange *t = &c->text;
    if (!take_header(c, pdu))
        return;
    l->out = wbuf_make(c->text_out, LOGIN_DATA_MAX);
    if (pdu->data_len > TEXT_IN_MAX - t->in_len) {
        bad(c, ISCSI_LOGIN_INITIATOR_ERROR, "login: text too long");
        return;
    }
    memcpy(c->text_in + t->in_len, pdu->data, pdu->data_len);
    t->in_len += pdu->data_len;
    if (pdu->bhs[1] & ISCSI_TEXT_CONTINUE) {
        respond(c, ISCSI_LOGIN_OK, l->stage);
        return;
    }
    enum key_phase phase =
        l->stage == ISCSI_STAGE_SECURITY ? KEY_IN_SECURITY : KEY_IN_OPERATIONAL;
    enum keys_result r = keys_parse(c->text_in, t->in_len, phase, &l->seen, &l->set, &l->out);
    t->in_len = 0;
    if (r != KEYS_OK)
        bad(c, ISCSI_LOGIN_INITIATOR_ERROR, parse_errors[r]);
    else if (!login_names_same(c))
        bad(c, ISCSI_LOGIN_INITIATOR_ERROR, "login: name changed");
    else
        login_event(c, LOGIN_EV_TEXT);
}

/* ---- the owner's answers ----------------------------------------------------------------- */

void iscsi_login_answer(struct iscsi_conn *c, const struct iscsi_login_answer *a)
{
    if (c->wait != WAIT_IDENTIFY)
        return;
    c->wait = WAIT_NONE;
    c->login_status = a->status;
    login_configure(c, a);
    login_event(c, LOGIN_EV_ANSWER);
}

bool iscsi_login_response(const struct iscsi_conn *c, struct iscsi_chap_response *ret_response)
{
    return c->wait == WAIT_VERIFY && chap_question(&c->login.chap, &c->login.set, ret_response);
}

void iscsi_login_verified(struct iscsi_conn *c, uint16_t status, const char *why)
{
    if (c->wait != WAIT_VERIFY)
        return;
    c->wait = WAIT_NONE;
    c->login_status = status;
    c->why = why;
    login_event(c, LOGIN_EV_VERDICT);
}

void iscsi_login_accept(struct iscsi_conn *c, uint16_t tsih, uint64_t now)
{
    if (c->wait != WAIT_ACCEPT)
        return;
    c->wait = WAIT_NONE;
    c->now = now;
    c->params.tsih = tsih != 0 ? tsih : 1;
    login_event(c, LOGIN_EV_ACCEPT);
}

void iscsi_login_redirect(struct iscsi_conn *c, bool permanent, const char *address)
{
    if (c->wait != WAIT_ACCEPT)
        return;
    c->wait = WAIT_NONE;
    c->login_status = permanent ? ISCSI_LOGIN_MOVED_PERM : ISCSI_LOGIN_MOVED_TEMP;
    c->login.out = wbuf_make(c->text_out, LOGIN_DATA_MAX);
    text_put(&c->login.out, key_name(KEY_TARGET_ADDRESS), address);
    login_event(c, LOGIN_EV_REFUSE);
}

void iscsi_login_refuse(struct iscsi_conn *c, uint16_t status)
{
    if (c->wait != WAIT_ACCEPT)
        return;
    c->wait = WAIT_NONE;
    c->login_status = status;
    login_event(c, LOGIN_EV_REFUSE);
}
