/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Login (RFC 7143 6): security negotiation with or without CHAP, then operational parameters in
 * one exchange, and the result functions applied to what came back. Straight-line: the login is
 * the only traffic of its connection.
 */
#include "ini_int.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOGIN_MS  20000
#define TEXT_MAX  2048
#define CHALLENGE 16

struct keys {
    char text[TEXT_MAX];
    size_t len;
};

static void key_add(struct keys *k, const char *name, const char *value)
{
    int n = snprintf(k->text + k->len, sizeof(k->text) - k->len, "%s=%s", name, value);
    check(n > 0 && k->len + (size_t)n < sizeof(k->text));
    k->len += (size_t)n + 1; /* with its NUL */
}

static void key_num(struct keys *k, const char *name, uint32_t value)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", value);
    key_add(k, name, text);
}

static void key_bool(struct keys *k, const char *name, bool value)
{
    key_add(k, name, value ? "Yes" : "No");
}

/* The value of a key, or NULL. */
static const char *key_get(const struct keys *k, const char *name)
{
    size_t len = strlen(name);
    for (size_t at = 0; at < k->len; at += strlen(k->text + at) + 1) {
        if (strncmp(k->text + at, name, len) == 0 && k->text[at + len] == '=')
            return k->text + at + len + 1;
    }
    return NULL;
}

/* ---- one request and its answer ---------------------------------------------------------- */

struct exchange {
    struct ini *i;
    struct keys out, in;
    enum iscsi_stage csg, nsg;
    bool transit;
    uint16_t status;
};

static void request_queue(struct exchange *x)
{
    struct ini *i = x->i;
    struct iscsi_login_req h = {
        .opcode = ISCSI_OP_LOGIN_REQ | ISCSI_IMMEDIATE,
        .flags = (uint8_t)((x->transit ? ISCSI_LOGIN_TRANSIT : 0) | x->csg << 2 |
                           (x->transit ? x->nsg : 0)),
        .version_max = ISCSI_VERSION,
        .version_min = ISCSI_VERSION,
        .tsih = be16_make(i->tsih),
        .itt = be32_make(0),
        .cid = be16_make(1),
        .cmd_sn = be32_make(i->cmd_sn),
        .exp_stat_sn = be32_make(i->exp_stat_sn),
    };
    memcpy(h.isid, i->p.isid, sizeof(h.isid));
    ini_queue(i, &h, x->out.text, x->out.len);
}

static void answer_check(struct exchange *x, const struct iscsi_login_rsp *h)
{
    if (h->opcode != ISCSI_OP_LOGIN_RSP)
        ini_broken("opcode %02x during login", h->opcode);
    if (memcmp(h->isid, x->i->p.isid, sizeof(h->isid)) != 0)
        ini_broken("the login answer has another ISID");
    if (x->status == 0 && ISCSI_LOGIN_CSG(h->flags) != x->csg)
        ini_broken("login answer in stage %u, asked in %u", ISCSI_LOGIN_CSG(h->flags), x->csg);
}

/* Sends x->out and fills x->in. -EACCES with x->status when the target says no. */
static int exchange(struct exchange *x)
{
    struct ini *i = x->i;
    struct ini_in in;
    request_queue(x);
    int r = ini_send_all(i);
    if (r == 0)
        r = ini_read(i, &in, run_deadline_ms(LOGIN_MS));
    if (r < 0)
        return r;
    const struct iscsi_login_rsp *h = &in.h.login;
    x->status = be16_get(h->status);
    answer_check(x, h);
    i->exp_stat_sn = be32_get(h->stat_sn) + 1;
    i->exp_cmd_sn = be32_get(h->exp_cmd_sn);
    i->max_cmd_sn = be32_get(h->max_cmd_sn);
    i->tsih = be16_get(h->tsih);
    if (x->status)
        return -EACCES;
    if (x->transit && !(h->flags & ISCSI_LOGIN_TRANSIT))
        ini_broken("the target will not leave login stage %u", x->csg);
    if (in.len >= sizeof(x->in.text) || (in.len && in.data[in.len - 1] != 0))
        ini_broken("login text of %u bytes", in.len);
    memcpy(x->in.text, in.data, in.len);
    x->in.len = in.len;
    x->out.len = 0;
    return 0;
}

/* ---- CHAP -------------------------------------------------------------------------------- */

static size_t hex_value(const char *text, uint8_t *ret_bytes, size_t cap)
{
    size_t n = text && text[0] == '0' && (text[1] | 32) == 'x' ? strlen(text + 2) : 0;
    if (n == 0 || n % 2 || n / 2 > cap || !hex_decode(text + 2, n, ret_bytes))
        ini_broken("CHAP value \"%s\" is no hexadecimal we asked for", text ? text : "(none)");
    return n / 2;
}

static void key_hex(struct keys *k, const char *name, const uint8_t *bytes, size_t len)
{
    char text[2 + 2 * 64 + 1] = "0x";
    hex_encode(bytes, len, text + 2);
    key_add(k, name, text);
}

static void prove(struct exchange *x, unsigned alg)
{
    uint8_t challenge[256], answer[32];
    const char *id = key_get(&x->in, "CHAP_I");
    size_t len = hex_value(key_get(&x->in, "CHAP_C"), challenge, sizeof(challenge)), n;
    uint64_t number;
    if (!id || !text_to_u64(id, &number) || number > 255)
        ini_broken("CHAP_I=%s", id ? id : "(none)");
    if (!chap_response(alg, (uint8_t)number, x->i->p.secret, challenge, len, answer, &n))
        ini_broken("the target chose CHAP algorithm %u", alg);
    key_add(&x->out, "CHAP_N", x->i->p.user);
    key_hex(&x->out, "CHAP_R", answer, n);
}

/* The target's proof. */
static void verify(struct exchange *x, unsigned alg, uint8_t id,
                   const uint8_t challenge[CHALLENGE])
{
    uint8_t want[32], got[32];
    size_t n;
    const char *name = key_get(&x->in, "CHAP_N");
    size_t len = hex_value(key_get(&x->in, "CHAP_R"), got, sizeof(got));
    chap_response(alg, id, x->i->p.reverse_secret, challenge, CHALLENGE, want, &n);
    if (!name || strcmp(name, x->i->p.reverse_user) != 0)
        ini_broken("the target calls itself %s", name ? name : "(nothing)");
    if (len != n || memcmp(want, got, n) != 0)
        ini_broken("the target cannot prove itself");
}

static int authenticate(struct exchange *x)
{
    uint8_t challenge[CHALLENGE], id;
    bool mutual = x->i->p.reverse_secret;
    key_add(&x->out, "CHAP_A", "8,7,6,5");
    int r = exchange(x);
    if (r < 0)
        return r;
    const char *a = key_get(&x->in, "CHAP_A");
    uint64_t number;
    if (!a || !text_to_u64(a, &number))
        ini_broken("CHAP_A=%s", a ? a : "(none)");
    unsigned alg = (unsigned)number;
    prove(x, alg);
    if (mutual) {
        run_random(challenge, sizeof(challenge));
        run_random(&id, sizeof(id));
        key_num(&x->out, "CHAP_I", id);
        key_hex(&x->out, "CHAP_C", challenge, sizeof(challenge));
    }
    x->transit = true;
    x->nsg = ISCSI_STAGE_OPERATIONAL;
    r = exchange(x);
    if (r == 0 && mutual)
        verify(x, alg, id, challenge);
    return r;
}

static int security(struct exchange *x)
{
    const struct ini_params *p = &x->i->p;
    key_add(&x->out, "InitiatorName", p->initiator);
    key_add(&x->out, "TargetName", p->target);
    key_add(&x->out, "SessionType", "Normal");
    key_add(&x->out, "AuthMethod", p->user ? "CHAP" : "None");
    x->csg = ISCSI_STAGE_SECURITY;
    x->nsg = ISCSI_STAGE_OPERATIONAL;
    x->transit = !p->user;
    int r = exchange(x);
    if (r < 0)
        return r;
    const char *m = key_get(&x->in, "AuthMethod");
    if (!m || strcmp(m, p->user ? "CHAP" : "None") != 0)
        ini_broken("AuthMethod=%s", m ? m : "(none)");
    return p->user ? authenticate(x) : 0;
}

/* ---- operational parameters (section 13) ------------------------------------------------- */

static uint32_t agreed_num(const struct exchange *x, const char *name, uint32_t ours)
{
    const char *v = key_get(&x->in, name);
    uint64_t n = 0;
    if (!v || !text_to_u64(v, &n) || n > ours)
        ini_broken("%s=%s, offered %u", name, v ? v : "(none)", ours);
    return (uint32_t)n;
}

static bool agreed_bool(const struct exchange *x, const char *name, bool ours, bool is_or)
{
    const char *v = key_get(&x->in, name);
    bool yes = v && strcmp(v, "Yes") == 0;
    if (!v || (!yes && strcmp(v, "No") != 0) || (is_or ? ours && !yes : !ours && yes))
        ini_broken("%s=%s against ours %d", name, v ? v : "(none)", ours);
    return yes;
}

static bool agreed_digest(const struct exchange *x, const char *name, bool ours)
{
    const char *v = key_get(&x->in, name);
    if (!v || strcmp(v, ours ? "CRC32C" : "None") != 0)
        ini_broken("%s=%s, wanted %s", name, v ? v : "(none)", ours ? "CRC32C" : "None");
    return ours;
}

static int operational(struct exchange *x)
{
    struct ini *i = x->i;
    const struct ini_params *p = &i->p;
    x->csg = ISCSI_STAGE_OPERATIONAL;
    x->nsg = ISCSI_STAGE_FULL;
    x->transit = true;
    key_add(&x->out, "HeaderDigest", p->header_digest ? "CRC32C" : "None");
    key_add(&x->out, "DataDigest", p->data_digest ? "CRC32C" : "None");
    key_bool(&x->out, "InitialR2T", p->initial_r2t);
    key_bool(&x->out, "ImmediateData", p->immediate_data);
    key_num(&x->out, "MaxRecvDataSegmentLength", p->max_recv);
    key_num(&x->out, "MaxBurstLength", p->max_burst);
    key_num(&x->out, "FirstBurstLength", p->first_burst);
    key_num(&x->out, "MaxOutstandingR2T", p->max_r2t);
    key_num(&x->out, "MaxConnections", 1);
    key_num(&x->out, "ErrorRecoveryLevel", 0);
    int r = exchange(x);
    if (r < 0)
        return r;
    i->header_digest = agreed_digest(x, "HeaderDigest", p->header_digest);
    i->data_digest = agreed_digest(x, "DataDigest", p->data_digest);
    i->initial_r2t = agreed_bool(x, "InitialR2T", p->initial_r2t, true);
    i->immediate_data = agreed_bool(x, "ImmediateData", p->immediate_data, false);
    i->max_burst = agreed_num(x, "MaxBurstLength", p->max_burst);
    const char *first =
        key_get(&x->in, "FirstBurstLength"); /* irrelevant without unsolicited data */
    i->first_burst = first && strcmp(first, "Irrelevant") != 0
                         ? agreed_num(x, "FirstBurstLength", p->first_burst)
                         : p->first_burst;
    i->max_r2t = (uint16_t)agreed_num(x, "MaxOutstandingR2T", p->max_r2t);
    const char *recv = key_get(&x->in, "MaxRecvDataSegmentLength");
    i->max_send = recv ? (uint32_t)strtoul(recv, NULL, 10) : 8192;
    if (i->max_send < 512 || i->tsih == 0)
        ini_broken("MaxRecvDataSegmentLength %u, TSIH %u", i->max_send, i->tsih);
    return 0;
}

int ini_negotiate(struct ini *i, uint16_t *ret_status)
{
    struct exchange *x = calloc(1, sizeof(*x));
    check(x);
    x->i = i;
    int r = security(x);
    if (r == 0)
        r = operational(x);
    *ret_status = x->status;
    free(x);
    return r;
}
