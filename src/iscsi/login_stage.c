/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said in each stage of a login, RFC 7143 6.3: names in the first text; in the
 * security stage one method of the initiator's list, and for CHAP three exchanges; in the
 * operational stage the keys with a negotiation function, and our own MaxRecvDataSegmentLength
 * once.
 */
#include "iscsi/login.h"

#include "iscsi/names.h"

#include <string.h>

/* ---- names ------------------------------------------------------------------------------- */

/* Copies a name key in its normal form. False: absent is not an error here, malformed is. */
static bool take_name(const char *value, char ret_name[ISCSI_NAME_MAX + 1])
{
    return !value || iscsi_name_normalise(value, ret_name);
}

/* Cuts at the field's end; an alias is for people only. */
static void take_alias(struct iscsi_params *p, const char *value)
{
    if (value)
        memcpy(p->initiator_alias, value, strnlen(value, sizeof(p->initiator_alias) - 1));
}

/* RFC 7143 6.3: what the first text must tell. */
void login_on_names(struct iscsi_conn *c)
{
    struct login *l = &c->login;
    struct iscsi_params *p = &c->params;
    const char *type = l->set.value[KEY_SESSION_TYPE];
    if (type && strcmp(type, "Discovery") != 0 && strcmp(type, "Normal") != 0) {
        login_fail(c, ISCSI_LOGIN_BAD_SESSION_TYPE, "login: no such session type");
        return;
    }
    p->discovery = type && strcmp(type, "Discovery") == 0;
    if (!take_name(l->set.value[KEY_INITIATOR_NAME], p->initiator) ||
        !take_name(l->set.value[KEY_TARGET_NAME], p->target)) {
        login_fail(c, ISCSI_LOGIN_INITIATOR_ERROR, "login: malformed iSCSI name");
        return;
    }
    if (p->discovery)
        p->target[0] = '\0';
    if (p->initiator[0] == '\0' || (!p->discovery && p->target[0] == '\0')) {
        login_fail(c, ISCSI_LOGIN_MISSING_PARAMETER, "login: name missing");
        return;
    }
    take_alias(p, l->set.value[KEY_INITIATOR_ALIAS]);
    l->state = LOGIN_IDENTIFYING;
    c->wait = WAIT_IDENTIFY;
    c->login_due = ISCSI_EV_IDENTIFY;
}

static bool same_name(const char *value, const char *known)
{
    char name[ISCSI_NAME_MAX + 1];
    return !value || (iscsi_name_normalise(value, name) && strcmp(name, known) == 0);
}

bool login_names_same(const struct iscsi_conn *c)
{
    const struct login *l = &c->login;
    const struct iscsi_params *p = &c->params;
    const char *type = l->set.value[KEY_SESSION_TYPE];
    if (l->state == LOGIN_START)
        return true;
    if (type && strcmp(type, p->discovery ? "Discovery" : "Normal") != 0)
        return false;
    return same_name(l->set.value[KEY_INITIATOR_NAME], p->initiator) &&
           (p->discovery || same_name(l->set.value[KEY_TARGET_NAME], p->target));
}

/* ---- the owner's answer ------------------------------------------------------------------ */

void login_configure(struct iscsi_conn *c, const struct iscsi_login_answer *a)
{
    struct login *l = &c->login;
    l->chap_required = a->chap_required || a->mutual_required || a->fake;
    l->mutual_required = a->mutual_required;
    l->portal_group = a->portal_group;
    if (a->target_alias[0] != '\0')
        memcpy(l->target_alias, a->target_alias, sizeof(l->target_alias) - 1);
    if (a->status == ISCSI_LOGIN_OK && !chap_configure(&l->chap, c->env, c->arg, a))
        c->login_status = ISCSI_LOGIN_TARGET_ERROR;
}

void login_on_answer(struct iscsi_conn *c)
{
    struct login *l = &c->login;
    if (c->login_status == ISCSI_LOGIN_TARGET_ERROR) {
        login_fail(c, c->login_status, "login: CHAP secrets cannot be used");
    } else if (c->login_status != ISCSI_LOGIN_OK) {
        login_fail(c, c->login_status, "login: refused by the target");
    } else if (l->stage == ISCSI_STAGE_SECURITY) {
        l->state = LOGIN_SECURITY;
        login_on_security(c);
    } else if (l->chap_required) {
        login_fail(c, ISCSI_LOGIN_AUTH_FAILED, "login: no authentication");
    } else {
        l->state = LOGIN_OPERATIONAL;
        login_on_operational(c);
    }
}

/* A target's alias tells that it is there. */
static bool may_be_told(const struct login *l)
{
    return !l->chap_required || l->state == LOGIN_SECURED || l->state == LOGIN_OPERATIONAL;
}

void login_greet(struct iscsi_conn *c)
{
    struct login *l = &c->login;
    if (c->params.discovery)
        return;
    if (!l->greeted)
        text_put_number(&l->out, key_name(KEY_PORTAL_GROUP), l->portal_group); /* 13.9 */
    l->greeted = true;
    if (l->target_alias[0] != '\0' && may_be_told(l)) {
        text_put(&l->out, key_name(KEY_TARGET_ALIAS), l->target_alias);
        l->target_alias[0] = '\0';
    }
}

/* ---- security stage ---------------------------------------------------------------------- */

/* The initiator's first method that will do, "" if none. */
static const char *choose_method(const struct login *l, const char *list)
{
    char token[TEXT_KEY_MAX + 1];
    while (text_token(&list, token, sizeof(token))) {
        if (strcmp(token, "CHAP") == 0 && l->chap.usable)
            return "CHAP";
        if (strcmp(token, "None") == 0 && !l->chap_required)
            return "None";
    }
    return "";
}

void login_on_security(struct iscsi_conn *c)
{
    struct login *l = &c->login;
    const char *list = l->set.value[KEY_AUTH_METHOD];
    const char *method = list ? choose_method(l, list) : "None";
    bool none_yet = !list && !l->transit;
    if (none_yet) {
        login_stay(c);
    } else if (method[0] == '\0' || (!list && l->chap_required)) {
        login_fail(c, ISCSI_LOGIN_AUTH_FAILED, "login: no authentication method in common");
    } else if (strcmp(method, "CHAP") == 0) {
        text_put(&l->out, key_name(KEY_AUTH_METHOD), method);
        l->state = LOGIN_CHAP_A;
        login_stay(c);
    } else {
        if (list)
            text_put(&l->out, key_name(KEY_AUTH_METHOD), method);
        l->state = LOGIN_SECURED;
        login_proceed(c);
    }
}

void login_on_chap_a(struct iscsi_conn *c)
{
    struct login *l = &c->login;
    const char *list = l->set.value[KEY_CHAP_A];
    if (!list || !chap_challenge(&l->chap, list, &l->out)) {
        login_fail(c, ISCSI_LOGIN_AUTH_FAILED, "login: no CHAP algorithm in common");
        return;
    }
    c->params.chap_alg = l->chap.alg;
    l->state = LOGIN_CHAP_R;
    login_stay(c);
}

/* The response has been judged, by chap_verify() or by somebody else. why: it was wrong. */
static void take_response(struct iscsi_conn *c, const char *why)
{
    struct login *l = &c->login;
    bool mutual = false;
    if (!chap_verify(&l->chap, &l->set, &mutual, &l->out)) {
        login_fail(c, ISCSI_LOGIN_AUTH_FAILED,
                   l->chap.barred ? "login: no CHAP algorithm that is allowed" : why);
        return;
    }
    if (l->mutual_required && !mutual) {
        login_fail(c, ISCSI_LOGIN_AUTH_FAILED, "login: mutual CHAP is required");
        return;
    }
    c->params.mutual = mutual;
    c->params.previous = l->chap.proved > 0;
    l->state = LOGIN_SECURED;
    login_proceed(c);
}

void login_on_chap_r(struct iscsi_conn *c)
{
    struct login *l = &c->login;
    struct iscsi_chap_response r;
    if (!chap_question(&l->chap, &l->set, &r)) {
        take_response(c, "login: CHAP failed");
        return;
    }
    l->state = LOGIN_VERIFYING;
    c->wait = WAIT_VERIFY;
    c->login_due = ISCSI_EV_VERIFY;
}

void login_on_verdict(struct iscsi_conn *c)
{
    uint16_t status = c->login_status;
    if (status != ISCSI_LOGIN_OK && status != ISCSI_LOGIN_AUTH_FAILED) {
        login_fail(c, status, c->why);
        return;
    }
    c->login.chap.passed = status == ISCSI_LOGIN_OK;
    take_response(c, c->why && c->why[0] ? c->why : "login: CHAP failed");
}

/* ---- operational stage ------------------------------------------------------------------- */

void login_on_operational(struct iscsi_conn *c)
{
    struct login *l = &c->login;
    keys_negotiate(&l->neg, &l->set, c->params.discovery, &l->out);
    if (!l->declared) {
        l->declared = true;
        text_put_number(&l->out, key_name(KEY_MAX_RECV_DATA_SEGMENT),
                        l->neg.ours[KEY_MAX_RECV_DATA_SEGMENT]);
    }
    login_proceed(c);
}
