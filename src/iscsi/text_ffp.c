/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text in the full feature phase, RFC 7143 11.10: SendTargets, and the few keys that may be
 * declared there. A request may come in several PDUs (C), and the answer may need several too:
 * then each carries C and a tag, and the initiator asks for the next with an empty request
 * that names the tag. One exchange is open at a time; a request without a tag begins a new
 * one. Text and answer have one bounded buffer each.
 */
#include "iscsi/iscsi_int.h"

#include "iscsi/names.h"

#include <string.h>

/* Sends the next piece of the answer, or an empty response that asks for more. */
static void respond(struct iscsi_conn *c)
{
    struct text_exchange *t = &c->text;
    struct msg *m = &c->text_msg;
    msg_init(m, ISCSI_OP_TEXT_RSP);
    struct iscsi_text_rsp *h = (struct iscsi_text_rsp *)(void *)&m->bhs;
    uint32_t left = t->answered ? (uint32_t)t->out.len - t->out_sent : 0;
    uint32_t len = MIN(left, c->params.max_send_data_segment);
    bool over = t->answered && len == left && t->final;
    m->data = c->text_out + t->out_sent;
    m->len = len;
    m->numbered = true;
    h->flags = over ? ISCSI_FINAL : len < left ? ISCSI_TEXT_CONTINUE : 0;
    h->itt = be32_make(t->itt);
    t->out_sent += len;
    if (over) {
        t->open = false;
        t->ttt = ISCSI_TAG_NONE;
    } else if (!t->open) {
        t->open = true;
        t->ttt = c->next_ttt++ & 0x7fffffff;
    }
    if (t->answered && len == left)
        t->answered = false;
    h->ttt = be32_make(t->ttt);
    msg_send(c, m);
}

/* Whom the value names, 13.3: "" for all. In a normal session "All" and nothing mean its own
 * target, for all are the business of discovery. False: it names nobody. */
static bool targets_wanted(const struct iscsi_conn *c, const char *value,
                           char ret_name[ISCSI_NAME_MAX + 1])
{
    bool all = strcmp(value, "All") == 0;
    if (!c->params.discovery && (all || value[0] == '\0'))
        value = c->params.target;
    else if (all) {
        ret_name[0] = '\0';
        return true;
    }
    return iscsi_name_normalise(value, ret_name);
}

/* Declarations and SendTargets. True: the owner is asked for targets. */
static bool act(struct iscsi_conn *c, const struct key_set *set, const struct pdu *pdu,
                struct iscsi_event *ev)
{
    const char *wanted = set->value[KEY_SEND_TARGETS];
    char name[ISCSI_NAME_MAX + 1];
    if (wanted && !targets_wanted(c, wanted, name)) {
        c->text.open = c->text.answered = false;
        reject(c, pdu->bhs, ISCSI_REJECT_BAD_FIELD);
        return false;
    }
    keys_negotiate(&c->login.neg, set, c->params.discovery, &c->text.out);
    c->params.max_send_data_segment = c->login.neg.agreed[KEY_MAX_RECV_DATA_SEGMENT];
    if (!wanted) {
        respond(c);
        return false;
    }
    c->wait = WAIT_TARGETS;
    ev->type = ISCSI_EV_SEND_TARGETS;
    memcpy(ev->send_targets.target, name, sizeof(name));
    ev->send_targets.all = name[0] == '\0';
    return true;
}

/* A text is whole. */
static bool complete(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev)
{
    struct text_exchange *t = &c->text;
    struct key_set set;
    uint64_t seen = 0;
    t->out = wbuf_make(c->text_out, TEXT_OUT_MAX);
    t->out_sent = 0;
    enum keys_result r = keys_parse(c->text_in, t->in_len, KEY_IN_FULL, &seen, &set, &t->out);
    t->in_len = 0;
    t->final = pdu->bhs[1] & ISCSI_FINAL;
    if (r != KEYS_OK) {
        t->open = false;
        reject(c, pdu->bhs, ISCSI_REJECT_PROTOCOL);
        return false;
    }
    t->answered = true;
    return act(c, &set, pdu, ev);
}

static bool continues(const struct iscsi_conn *c, uint32_t ttt)
{
    return ttt != ISCSI_TAG_NONE && c->text.open && ttt == c->text.ttt;
}

bool text_rx(struct iscsi_conn *c, const struct pdu *pdu, struct iscsi_event *ev)
{
    const struct iscsi_text_req *h = (const struct iscsi_text_req *)(const void *)pdu->bhs;
    struct text_exchange *t = &c->text;
    uint32_t ttt = be32_get(h->ttt);
    bool more = h->flags & ISCSI_TEXT_CONTINUE;
    if (be32_get(h->itt) == ISCSI_TAG_NONE || (more && h->flags & ISCSI_FINAL) ||
        (ttt != ISCSI_TAG_NONE && !continues(c, ttt))) {
        reject(c, pdu->bhs, ISCSI_REJECT_PROTOCOL);
        return false;
    }
    if (ttt == ISCSI_TAG_NONE) {
        t->open = false;
        t->in_len = 0;
        t->answered = false;
    }
    t->itt = be32_get(h->itt);
    if (t->answered && pdu->data_len == 0) { /* give me the rest */
        t->final = h->flags & ISCSI_FINAL;
        respond(c);
        return false;
    }
    if (t->answered || pdu->data_len > TEXT_IN_MAX - t->in_len) {
        t->open = false;
        reject(c, pdu->bhs, t->answered ? ISCSI_REJECT_PROTOCOL : ISCSI_REJECT_NO_RESOURCES);
        return false;
    }
    memcpy(c->text_in + t->in_len, pdu->data, pdu->data_len);
    t->in_len += pdu->data_len;
    if (more) {
        respond(c);
        return false;
    }
    return complete(c, pdu, ev);
}

/* ---- the owner's answer ------------------------------------------------------------------ */

static void put_address(struct wbuf *w, const char *addr, uint16_t tag)
{
    char digits[TEXT_NUMBER_CAP];
    text_from_number(tag, digits);
    wb_str(w, key_name(KEY_TARGET_ADDRESS));
    wb_u8(w, '=');
    wb_str(w, addr);
    wb_u8(w, ',');
    wb_str(w, digits);
    wb_u8(w, 0);
}

bool iscsi_targets_add(struct iscsi_conn *c, const char *target, const char *const *addrs,
                       const uint16_t *tags, unsigned n)
{
    struct wbuf *w = &c->text.out;
    if (c->wait != WAIT_TARGETS)
        return false;
    size_t before = w->len;
    text_put(w, key_name(KEY_TARGET_NAME), target);
    for (unsigned i = 0; i < n; i++)
        put_address(w, addrs[i], tags[i]);
    if (!wb_overflowed(w))
        return true;
    w->len = before;
    return false;
}

void iscsi_targets_done(struct iscsi_conn *c)
{
    if (c->wait != WAIT_TARGETS)
        return;
    c->wait = WAIT_NONE;
    respond(c);
}
