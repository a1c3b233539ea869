/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi_world.h"

#include <stdlib.h>

static uint8_t disk[1u << 16];

static void env_random(void *arg, void *ret_bytes, size_t len)
{
    (void)arg;
    memset(ret_bytes, 'r', len);
}

static bool env_hash(void *arg, enum iscsi_chap_alg alg, const struct iovec *parts, int n,
                     uint8_t ret_digest[32], size_t *ret_len)
{
    struct world *w = arg;
    bool strong = alg == ISCSI_CHAP_SHA256 || alg == ISCSI_CHAP_SHA3_256;
    if (strong && w->no_strong_hash)
        return false;
    *ret_len = strong ? 32 : alg == ISCSI_CHAP_SHA1 ? 20 : 16;
    memset(ret_digest, 0, 32);
    for (int i = 0; i < n; i++) /* of the secret only its first byte counts */
        if (parts[i].iov_len > 1 && parts[i].iov_len < 32)
            memset(ret_digest, *(const uint8_t *)parts[i].iov_base, *ret_len);
    return true;
}

static struct iscsi_task *env_alloc(void *arg)
{
    struct world *w = arg;
    for (unsigned i = 0; i < w->task_limit; i++)
        if (!w->tasks[i].used) {
            w->tasks[i] = (struct world_task){.used = true};
            return &w->tasks[i].t;
        }
    return NULL;
}

static void env_free(void *arg, struct iscsi_task *t)
{
    struct world *w = arg;
    struct world_task *o = container_of(t, struct world_task, t);
    check(o >= w->tasks && o < w->tasks + WORLD_TASKS);
    check(o->used);
    memset(o, 0xdd, sizeof(*o)); /* nobody may look at it any more */
    o->used = false;
}

static const uint8_t *env_data_in(void *arg, struct iscsi_task *t, uint64_t off, uint32_t *len)
{
    (void)arg;
    struct world_task *o = container_of(t, struct world_task, t);
    check(o->used && o->ended);
    check_cmp(off + *len, <=, (uint64_t)t->edtl);
    uint32_t at = (uint32_t)off % sizeof(disk);
    *len = MIN(*len, (uint32_t)sizeof(disk) - at);
    return disk + at;
}

void world_init(struct world *w, const struct iscsi_offer *o)
{
    memset(w, 0, offsetof(struct world, out));
    w->c = malloc(iscsi_conn_size());
    check(w->c != NULL);
    memset(w->c, 0xa5, iscsi_conn_size());
    w->env = (struct iscsi_env){env_random, env_hash, env_alloc, env_free, env_data_in};
    w->task_limit = WORLD_TASKS;
    w->text_ttt = w->nop_ttt = ISCSI_TAG_NONE;
    iscsi_conn_init(w->c, &w->env, w, o, w->now);
}

void world_fini(struct world *w)
{
    iscsi_conn_fini(w->c);
    for (unsigned i = 0; i < WORLD_TASKS; i++)
        check(!w->tasks[i].used);
    free(w->c);
    free(w->in);
}

/* ---- to the machine ------------------------------------------------------------------------- */

void world_raw(struct world *w, const uint8_t *p, size_t len)
{
    if (w->in_len + len > WORLD_IN) /* a sender that would have to wait */
        return;
    if (w->in_len + len > w->in_cap) {
        w->in_cap = (w->in_len + len) * 2;
        w->in = realloc(w->in, w->in_cap);
        check(w->in != NULL);
    }
    if (len > 0)
        memcpy(w->in + w->in_len, p, len);
    w->in_len += len;
}

static void raw_digest(struct world *w, size_t from)
{
    uint8_t d[ISCSI_DIGEST_LEN];
    crc_store(crc_feed(CRC_INIT, w->in + from, w->in_len - from), d);
    world_raw(w, d, sizeof(d));
}

void world_feed(struct world *w, const void *bhs, const void *data, uint32_t len)
{
    static const uint8_t zeros[4];
    uint8_t h[ISCSI_BHS_LEN];
    size_t at = w->in_len;
    memcpy(h, bhs, sizeof(h));
    h[4] = 0;
    store_be24(h + 5, len);
    world_raw(w, h, sizeof(h));
    if (w->header_digest)
        raw_digest(w, at);
    at = w->in_len;
    world_raw(w, data, len);
    world_raw(w, zeros, pad_len(len));
    if (w->data_digest && len > 0)
        raw_digest(w, at);
}

static void event(struct world *w, const struct iscsi_event *ev)
{
    if (ev->type == ISCSI_EV_CLOSE) {
        check(!w->closed && ev->why != NULL);
        w->closed = true;
        return;
    }
    check(!w->closed);
    world_event(w, ev);
}

void world_rx(struct world *w, size_t step)
{
    size_t at = 0, show = step ? MIN(step, w->in_len) : w->in_len;
    for (;;) {
        /* of exact size, for the sanitizer; what an event borrows lives until the next call */
        uint8_t *exact = malloc(show - at ? show - at : 1);
        struct iscsi_event ev;
        size_t used;
        check(exact != NULL);
        if (show > at)
            memcpy(exact, w->in + at, show - at);
        bool got = iscsi_rx(w->c, exact, show - at, w->now, &used, &ev);
        check_cmp(used, <=, show - at);
        check(got == (ev.type != ISCSI_EV_NONE));
        at += used;
        if (got)
            event(w, &ev);
        free(exact);
        if (!got && used == 0) {
            if (show == w->in_len)
                break;
            show = MIN(show + step, w->in_len);
        }
    }
    if (at > 0)
        memmove(w->in, w->in + at, w->in_len - at);
    w->in_len -= at;
}

void world_tick(struct world *w, uint64_t ns)
{
    struct iscsi_event ev;
    w->now += ns;
    if (iscsi_tick(w->c, w->now, &ev))
        event(w, &ev);
}

/* ---- from the machine ----------------------------------------------------------------------- */

/* 4.2.2: StatSN advances by one with each PDU that has one of its own, the others never go back. */
static void check_numbers(struct world *w, const struct iscsi_target_bhs *h)
{
    bool status = h->opcode != ISCSI_OP_DATA_IN || h->flags & ISCSI_DATA_IN_STATUS;
    bool advances = status && h->opcode != ISCSI_OP_R2T &&
                    !(h->opcode == ISCSI_OP_NOP_IN && be32_get(h->itt) == ISCSI_TAG_NONE);
    uint32_t stat_sn = be32_get(h->stat_sn), max = be32_get(h->max_cmd_sn);
    uint32_t exp = be32_get(h->exp_cmd_sn);
    if (h->opcode == ISCSI_OP_LOGIN_RSP)
        w->numbers_known = false; /* the first one sets them */
    if (w->numbers_known) {
        check(!status || stat_sn == w->stat_sn);
        check(sn_le(w->max_cmd_sn, max) && sn_le(w->exp_cmd_sn, exp));
    }
    check(sn_le(exp, max + 1));
    if (status)
        w->stat_sn = stat_sn + advances;
    w->max_cmd_sn = max;
    w->exp_cmd_sn = exp;
    w->numbers_known = true;
}

static void saw_r2t(struct world *w, const struct iscsi_r2t *h)
{
    struct world_r2t r = {be32_get(h->itt), be32_get(h->ttt), be32_get(h->offset),
                          be32_get(h->len), 0};
    check(r.len > 0 && r.len <= iscsi_conn_params(w->c)->max_burst);
    if (w->n_r2t < ARRAY_LEN(w->r2t))
        w->r2t[w->n_r2t++] = r;
    else
        w->r2t[r.ttt % ARRAY_LEN(w->r2t)] = r;
}

static void saw(struct world *w, const struct pdu *pdu)
{
    const struct iscsi_target_bhs *h = (const struct iscsi_target_bhs *)(const void *)pdu->bhs;
    check(h->opcode >= 0x20 && h->ahs_words == 0);
    check_numbers(w, h);
    switch (h->opcode) {
    case ISCSI_OP_DATA_IN:
        check(pdu->data_len > 0 && pdu->data_len <= w->max_segment);
        break;
    case ISCSI_OP_R2T:
        saw_r2t(w, (const struct iscsi_r2t *)(const void *)h);
        break;
    case ISCSI_OP_TEXT_RSP:
        w->text_ttt = be32_get(h->spec20);
        check_cmp(pdu->data_len, <=, w->max_segment);
        break;
    case ISCSI_OP_NOP_IN:
        w->nop_ttt = be32_get(h->spec20);
        break;
    case ISCSI_OP_LOGIN_RSP:
        check_cmp(pdu->data_len, <=, 8192u);
        break;
    case ISCSI_OP_REJECT:
        check(pdu->data_len == ISCSI_BHS_LEN);
        break;
    }
}

/* Digests begin behind the last login response. */
static void know_digests(struct world *w)
{
    if (!w->logged_in || w->digests_known)
        return;
    w->digests_known = true;
    w->header_digest = iscsi_conn_params(w->c)->header_digest;
    w->data_digest = iscsi_conn_params(w->c)->data_digest;
}

static void read_out(struct world *w)
{
    size_t at = 0;
    for (;;) {
        struct pdu pdu;
        bool login = w->out_len > at && w->out[at] == ISCSI_OP_LOGIN_RSP;
        if (!login)
            know_digests(w);
        struct frame_rules rules = {!login && w->header_digest, !login && w->data_digest,
                                    0xffffff};
        enum frame f = frame_parse(&rules, w->out + at, w->out_len - at, &pdu);
        check(f == FRAME_OK || f == FRAME_MORE);
        if (f == FRAME_MORE)
            break;
        saw(w, &pdu);
        at += pdu.total;
    }
    memmove(w->out, w->out + at, w->out_len - at);
    w->out_len -= at;
}

void world_tx(struct world *w, size_t max)
{
    struct iovec iov[16];
    size_t sent = 0;
    w->max_segment = MAX(w->max_segment, iscsi_conn_params(w->c)->max_send_data_segment);
    int n = iscsi_tx_fill(w->c, iov, ARRAY_LEN(iov), max);
    check(n == 0 || iscsi_tx_pending(w->c));
    for (int i = 0; i < n && sent < max; i++) {
        size_t len = MIN(iov[i].iov_len, max - sent);
        check(len > 0 && w->out_len + len <= sizeof(w->out));
        memcpy(w->out + w->out_len, iov[i].iov_base, len);
        w->out_len += len;
        sent += len;
    }
    read_out(w);
    iscsi_tx_sent(w->c, sent);
}
