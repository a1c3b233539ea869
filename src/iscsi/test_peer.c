/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/test_peer.h"

#include "iscsi/framer.h"

#include <stdlib.h>

#define BLOCK 512u

uint8_t peer_bytes[1u << 20];

/* ---- the owner --------------------------------------------------------------------------- */

static void env_random(void *arg, void *ret_bytes, size_t len)
{
    struct peer *p = arg;
    memset(ret_bytes, ++p->random, len);
}

static bool env_hash(void *arg, enum iscsi_chap_alg alg, const struct iovec *parts, int n,
                     uint8_t ret_digest[32], size_t *ret_len)
{
    struct peer *p = arg;
    return !(p->no_hash & 1u << alg) && test_hash(arg, alg, parts, n, ret_digest, ret_len);
}

static struct iscsi_task *env_alloc(void *arg)
{
    struct peer *p = arg;
    for (unsigned i = 0; i < p->task_limit; i++)
        if (!p->tasks[i].used) {
            p->tasks[i] = (struct owner_task){.used = true};
            return &p->tasks[i].t;
        }
    return NULL;
}

static void env_free(void *arg, struct iscsi_task *t)
{
    (void)arg;
    struct owner_task *o = container_of(t, struct owner_task, t);
    assert_true(o->used);
    o->used = false;
}

static const uint8_t *env_data_in(void *arg, struct iscsi_task *t, uint64_t off, uint32_t *len)
{
    struct peer *p = arg;
    struct owner_task *o = container_of(t, struct owner_task, t);
    assert_true(o->used);
    assert_true(off + *len <= t->edtl);
    if (p->data_in_step != 0)
        *len = MIN(*len, p->data_in_step - (uint32_t)(off % p->data_in_step));
    return p->disk + o->lba + off;
}

static void take_data(struct peer *p, const struct iscsi_event *ev)
{
    struct owner_task *o = container_of(ev->task, struct owner_task, t);
    assert_true(o->used);
    assert_int_equal(ev->offset, o->data_seen);
    o->data_seen += ev->data_len;
    assert_true(o->data_seen <= o->t.edtl);
    assert_int_equal(o->data_seen, o->t.received);
    if (ev->data_len > 0)
        memcpy(p->disk + o->lba + ev->offset, ev->data, ev->data_len);
}

/* Goes on with a command of the simple disk. */
static void serve(struct peer *p, struct owner_task *o)
{
    uint64_t transfer = (uint64_t)BLOCK * load_be16(o->t.cdb + 7);
    uint32_t moved = (uint32_t)MIN(transfer, o->t.edtl);
    struct iscsi_result r = {.transfer = transfer};
    if (p->manual || !o->started)
        return;
    if (o->t.read)
        r.data_in_len = moved;
    if (o->t.write && o->t.received < moved)
        iscsi_task_want(p->c, &o->t, moved);
    else
        iscsi_task_done(p->c, &o->t, &r);
}

static void send_targets(struct peer *p, const struct iscsi_event *ev)
{
    static const char *const addrs[] = {"192.0.2.1:3260", "[2001:db8::1]:3260"};
    static const uint16_t tags[] = {1, 2};
    if (!ev->send_targets.all)
        iscsi_targets_add(p->c, ev->send_targets.target, addrs, tags, 1);
    for (unsigned i = 0; ev->send_targets.all && i < p->targets; i++) {
        char name[ISCSI_NAME_MAX + 1];
        snprintf(name, sizeof(name), "iqn.2026-01.org.zsan:disk%u", i);
        if (!iscsi_targets_add(p->c, name, addrs, tags, 2))
            break;
    }
    iscsi_targets_done(p->c);
}

static void owner_event(struct peer *p, const struct iscsi_event *ev)
{
    struct owner_task *o = ev->task ? container_of(ev->task, struct owner_task, t) : NULL;
    p->events[p->n_events++ % ARRAY_LEN(p->events)] = ev->type;
    if (ev->type != ISCSI_EV_CLOSE)
        p->last = *ev;
    switch (ev->type) {
    case ISCSI_EV_IDENTIFY:
        if (!p->hold_answers)
            iscsi_login_answer(p->c, &p->answer);
        break;
    case ISCSI_EV_VERIFY:
        if (!p->hold_answers)
            iscsi_login_verified(p->c, p->verdict, "the owner's word");
        break;
    case ISCSI_EV_LOGGED_IN:
        if (p->refuse != 0)
            iscsi_login_refuse(p->c, p->refuse);
        else if (p->redirect)
            iscsi_login_redirect(p->c, false, p->redirect);
        else
            iscsi_login_accept(p->c, 7, p->now);
        break;
    case ISCSI_EV_LOGIN_FAILED:
        p->login_status = ev->login_status;
        break;
    case ISCSI_EV_COMMAND:
        o->lba = (uint64_t)BLOCK * load_be32(o->t.cdb + 2);
        take_data(p, ev);
        break;
    case ISCSI_EV_DATA:
        take_data(p, ev);
        serve(p, o);
        break;
    case ISCSI_EV_START:
        assert_true(o->used);
        o->started = true;
        serve(p, o);
        break;
    case ISCSI_EV_DATA_FAILED:
        o->failed = true;
        if (!p->manual)
            iscsi_task_done(p->c, &o->t, &(struct iscsi_result){.status = 0});
        break;
    case ISCSI_EV_TMF:
        if (p->manual)
            break;
        if (ev->tmf.task)
            iscsi_task_drop(p->c, ev->tmf.task);
        iscsi_tmf_done(p->c, ev->tmf.itt,
                       ev->tmf.response >= 0 ? (uint8_t)ev->tmf.response : 0);
        break;
    case ISCSI_EV_SEND_TARGETS:
        if (!p->hold_answers)
            send_targets(p, ev);
        break;
    case ISCSI_EV_LOGOUT:
        if (!p->hold_answers)
            iscsi_logout_done(p->c, 0);
        break;
    case ISCSI_EV_CLOSE:
        p->closed = true;
        p->why = ev->why;
        break;
    case ISCSI_EV_NONE:
        fail();
    }
}

/* ---- the wire ---------------------------------------------------------------------------- */

struct iscsi_offer peer_offer(void)
{
    struct iscsi_offer o = iscsi_offer_default();
    o.nop_interval_ms = 0;
    return o;
}

static uint8_t disk_image[PEER_DISK];

static void fill(void)
{
    if (peer_bytes[0] != 0)
        return;
    for (uint32_t i = 0; i < PEER_DISK; i++)
        disk_image[i] = (uint8_t)(i * 7 + (i >> 9));
    for (uint32_t i = 0; i < sizeof(peer_bytes); i++)
        peer_bytes[i] = (uint8_t)(i * 31 + (i >> 8) + 1);
}

struct peer *peer_new(const struct iscsi_offer *offer)
{
    struct iscsi_offer usual = peer_offer();
    struct peer *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    p->c = malloc(iscsi_conn_size());
    p->to = malloc(PEER_WIRE);
    p->from = malloc(PEER_WIRE);
    p->disk = malloc(PEER_DISK);
    assert_true(p->c && p->to && p->from && p->disk);
    fill();
    memcpy(p->disk, disk_image, PEER_DISK);
    p->env = (struct iscsi_env){env_random, env_hash, env_alloc, env_free, env_data_in};
    p->iov_max = 64;
    p->task_limit = PEER_TASKS;
    p->cmd_sn = 0xfffffff0; /* soon wraps */
    p->itt = 100;
    p->cid = 1;
    p->targets = 2;
    p->answer.portal_group = 1;
    iscsi_conn_init(p->c, &p->env, p, offer ? offer : &usual, p->now);
    return p;
}

void peer_free(struct peer *p)
{
    iscsi_conn_fini(p->c);
    assert_int_equal(peer_tasks_used(p), 0);
    free(p->c);
    free(p->to);
    free(p->from);
    free(p->disk);
    free(p);
}

static bool pump_rx(struct peer *p)
{
    struct iscsi_event ev = {.type = ISCSI_EV_NONE};
    size_t used = 0, show = p->rx_step != 0 ? MIN(p->rx_step, p->to_len) : p->to_len;
    bool event = iscsi_rx(p->c, p->to, show, p->now, &used, &ev);
    while (!event && used == 0 && show < p->to_len) {
        show = MIN(show + p->rx_step, p->to_len);
        event = iscsi_rx(p->c, p->to, show, p->now, &used, &ev);
    }
    assert_true(used <= show);
    struct iscsi_event copy = ev;
    if (event)
        owner_event(p, &copy);
    memmove(p->to, p->to + used, p->to_len - used);
    p->to_len -= used;
    return event || used > 0;
}

static bool pump_tx(struct peer *p)
{
    struct iovec iov[64];
    size_t limit = p->tx_step != 0 ? p->tx_step : PEER_WIRE, sent = 0;
    if (p->not_reading)
        return false;
    int n = iscsi_tx_fill(p->c, iov, p->iov_max, 1u << 20);
    assert_true(n == 0 || iscsi_tx_pending(p->c));
    for (int i = 0; i < n && sent < limit; i++) {
        size_t len = MIN(iov[i].iov_len, limit - sent);
        assert_true(p->from_len + len <= PEER_WIRE);
        memcpy(p->from + p->from_len, iov[i].iov_base, len);
        p->from_len += len;
        sent += len;
    }
    iscsi_tx_sent(p->c, sent);
    return sent > 0;
}

void peer_pump(struct peer *p)
{
    bool moved;
    do {
        moved = pump_rx(p);
        moved |= pump_tx(p);
    } while (moved);
}

void peer_raw(struct peer *p, const void *bytes, size_t len)
{
    assert_true(p->to_len + len <= PEER_WIRE);
    if (len > 0)
        memcpy(p->to + p->to_len, bytes, len);
    p->to_len += len;
}

static void raw_digest(struct peer *p, size_t from)
{
    uint8_t digest[ISCSI_DIGEST_LEN];
    crc_store(crc_feed(CRC_INIT, p->to + from, p->to_len - from), digest);
    peer_raw(p, digest, sizeof(digest));
}

void peer_pdu(struct peer *p, const void *bhs, const void *data, uint32_t len)
{
    uint8_t h[ISCSI_BHS_LEN];
    size_t at = p->to_len;
    memcpy(h, bhs, sizeof(h));
    store_be24(h + 5, len);
    peer_raw(p, h, sizeof(h));
    if (p->header_digest)
        raw_digest(p, at);
    at = p->to_len;
    peer_raw(p, data, len);
    peer_raw(p, "\0\0\0", pad_len(len));
    if (p->data_digest && len > 0)
        raw_digest(p, at);
    peer_pump(p);
}

void peer_tick(struct peer *p, uint64_t ms)
{
    struct iscsi_event ev = {.type = ISCSI_EV_NONE};
    p->now += ms * MS;
    if (iscsi_tick(p->c, p->now, &ev))
        owner_event(p, &ev);
    peer_pump(p);
}

/* ---- the initiator: receiving ------------------------------------------------------------ */

/* RFC 7143 4.2.2.2: StatSN grows by one with each PDU that carries one of its own; MaxCmdSN
 * never goes back. */
static void check_numbers(struct peer *p, const struct got *g)
{
    const struct iscsi_target_bhs *h = GOT(iscsi_target_bhs, *g);
    uint8_t op = h->opcode;
    bool carries = op != ISCSI_OP_DATA_IN || (h->flags & ISCSI_DATA_IN_STATUS);
    bool advances = carries && op != ISCSI_OP_R2T &&
                    !(op == ISCSI_OP_NOP_IN && be32_get(h->itt) == ISCSI_TAG_NONE);
    if (carries && p->stat_sn_known)
        assert_int_equal(be32_get(h->stat_sn), p->exp_stat_sn);
    if (carries)
        p->exp_stat_sn = be32_get(h->stat_sn) + advances;
    assert_true(!p->stat_sn_known || sn_le(p->max_cmd_sn, be32_get(h->max_cmd_sn)));
    assert_true(sn_le(be32_get(h->exp_cmd_sn), be32_get(h->max_cmd_sn) + 1));
    p->max_cmd_sn = be32_get(h->max_cmd_sn);
    p->stat_sn_known = true;
}

struct got peer_expect(struct peer *p, enum iscsi_opcode opcode)
{
    struct frame_rules rules = {p->header_digest, p->data_digest, 0xffffff};
    struct pdu pdu;
    enum frame f = frame_parse(&rules, p->from + p->from_pos, p->from_len - p->from_pos, &pdu);
    assert_int_equal(f, FRAME_OK);
    p->from_pos += pdu.total;
    struct got g = {pdu.bhs, pdu.data, pdu.data_len};
    assert_int_equal(pdu.opcode, opcode);
    check_numbers(p, &g);
    return g;
}

void peer_expect_nothing(const struct peer *p)
{
    assert_int_equal(p->from_len - p->from_pos, 0);
}

void peer_expect_reject(struct peer *p, enum iscsi_reject_reason reason)
{
    struct got g = peer_expect(p, ISCSI_OP_REJECT);
    assert_int_equal(GOT(iscsi_reject, g)->reason, reason);
    assert_int_equal(g.len, ISCSI_BHS_LEN);
    assert_int_equal(be32_get(GOT(iscsi_reject, g)->itt), ISCSI_TAG_NONE);
}

const char *got_key(const struct got *g, const char *key)
{
    size_t n = strlen(key);
    const char *s = (const char *)g->data, *end = s + g->len;
    for (; s < end; s += strlen(s) + 1)
        if (strncmp(s, key, n) == 0 && s[n] == '=')
            return s + n + 1;
    return NULL;
}

void peer_expect_status(struct peer *p, uint32_t itt, uint8_t status, int64_t residual)
{
    struct got g = peer_expect(p, ISCSI_OP_SCSI_RSP);
    const struct iscsi_scsi_rsp *h = GOT(iscsi_scsi_rsp, g);
    assert_int_equal(be32_get(h->itt), itt);
    assert_int_equal(h->status, status);
    assert_int_equal(h->response, 0);
    assert_int_equal(h->flags & ISCSI_RSP_OVERFLOW, residual > 0 ? ISCSI_RSP_OVERFLOW : 0);
    assert_int_equal(h->flags & ISCSI_RSP_UNDERFLOW, residual < 0 ? ISCSI_RSP_UNDERFLOW : 0);
    assert_int_equal(be32_get(h->residual), residual < 0 ? -residual : residual);
}

void peer_expect_sense(struct peer *p, uint32_t itt, uint8_t key, uint8_t asc, uint8_t ascq)
{
    struct got g = peer_expect(p, ISCSI_OP_SCSI_RSP);
    assert_int_equal(be32_get(GOT(iscsi_scsi_rsp, g)->itt), itt);
    assert_int_equal(GOT(iscsi_scsi_rsp, g)->status, 2);
    assert_int_equal(g.len, 20);
    assert_int_equal(g.data[2], 0x70);
    assert_int_equal(g.data[4], key);
    assert_int_equal(g.data[14], asc);
    assert_int_equal(g.data[15], ascq);
}

/* ---- the initiator: sending -------------------------------------------------------------- */

/* Keys on the wire end in NUL. Returns their length. */
static uint32_t wire_text(const char *text, char ret[8192])
{
    size_t n = strlen(text);
    assert_true(n < 8191);
    memcpy(ret, text, n + 1);
    for (size_t i = 0; i < n; i++)
        if (ret[i] == '\n')
            ret[i] = '\0';
    return n == 0 ? 0 : (uint32_t)n + 1;
}

void peer_login_pdu(struct peer *p, uint8_t flags, const char *text)
{
    static char wire[8192];
    uint32_t len = wire_text(text, wire);
    struct iscsi_login_req h = {
        .opcode = ISCSI_OP_LOGIN_REQ | ISCSI_IMMEDIATE,
        .flags = flags,
        .isid = {0x80, 1, 2, 3, 4, 5},
        .tsih = be16_make(p->tsih),
        .itt = be32_make(p->itt),
        .cid = be16_make(p->cid),
        .cmd_sn = be32_make(p->cmd_sn),
    };
    peer_pdu(p, &h, wire, len);
}

uint16_t got_login_status(const struct got *g)
{
    return be16_get(GOT(iscsi_login_rsp, *g)->status);
}

void peer_login(struct peer *p, const char *keys)
{
    static char text[4096];
    snprintf(text, sizeof(text), "InitiatorName=" INITIATOR "\nTargetName=" TARGET "%s%s",
             keys[0] ? "\n" : "", keys);
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), text);
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), 0);
    assert_int_equal(GOT(iscsi_login_rsp, g)->flags, LOGIN_FLAGS(1, 3));
    p->header_digest = iscsi_conn_params(p->c)->header_digest;
    p->data_digest = iscsi_conn_params(p->c)->data_digest;
    p->itt++;
}

struct peer *peer_logged_in(const char *keys)
{
    struct peer *p = peer_new(NULL);
    peer_login(p, keys);
    return p;
}

static uint32_t next_cmd_sn(struct peer *p, bool immediate)
{
    return immediate ? p->cmd_sn : p->cmd_sn++;
}

static uint8_t opcode(enum iscsi_opcode op, bool immediate)
{
    return (uint8_t)(op | (immediate ? ISCSI_IMMEDIATE : 0));
}

uint32_t peer_cmd(struct peer *p, const struct cmd *cmd)
{
    struct iscsi_scsi_cmd h = {
        .opcode = opcode(ISCSI_OP_SCSI_CMD, cmd->immediate),
        .flags = (uint8_t)(cmd->flags | (cmd->more ? 0 : ISCSI_FINAL)),
        .itt = be32_make(++p->itt),
        .edtl = be32_make(cmd->edtl),
        .cmd_sn = be32_make(cmd->sn_ahead != 0 ? p->cmd_sn + (uint32_t)cmd->sn_ahead
                                               : next_cmd_sn(p, cmd->immediate)),
        .cdb = {cmd->op},
    };
    h.lun.b[1] = cmd->lun;
    store_be32(h.cdb + 2, cmd->lba);
    store_be16(h.cdb + 7, (uint16_t)cmd->nblk);
    uint32_t itt = p->itt;
    peer_pdu(p, &h, cmd->data, cmd->len);
    return itt;
}

struct cmd peer_write_cmd(uint32_t nblk, uint32_t immediate, bool more)
{
    return (struct cmd){.flags = ISCSI_CMD_WRITE | 1,
                        .op = 0x2a,
                        .edtl = nblk * 512,
                        .lba = 8,
                        .nblk = nblk,
                        .data = peer_bytes,
                        .len = immediate,
                        .more = more};
}

uint32_t peer_read(struct peer *p, uint32_t lba, uint32_t nblk)
{
    return peer_cmd(p, &(struct cmd){.flags = ISCSI_CMD_READ,
                                     .op = 0x28,
                                     .edtl = nblk * BLOCK,
                                     .lba = lba,
                                     .nblk = nblk});
}

void peer_data_out(struct peer *p, uint32_t itt, uint32_t ttt, uint32_t data_sn, uint32_t off,
                   const void *data, uint32_t len, bool final)
{
    struct iscsi_data_out h = {
        .opcode = ISCSI_OP_DATA_OUT,
        .flags = final ? ISCSI_FINAL : 0,
        .itt = be32_make(itt),
        .ttt = be32_make(ttt),
        .data_sn = be32_make(data_sn),
        .offset = be32_make(off),
    };
    peer_pdu(p, &h, data, len);
}

uint32_t peer_tmf(struct peer *p, uint8_t function, uint32_t ref_itt, uint32_t ref_cmd_sn,
                  bool immediate)
{
    struct iscsi_tmf_req h = {
        .opcode = opcode(ISCSI_OP_TMF_REQ, immediate),
        .flags = (uint8_t)(ISCSI_FINAL | function),
        .itt = be32_make(++p->itt),
        .ref_itt = be32_make(ref_itt),
        .cmd_sn = be32_make(next_cmd_sn(p, immediate)),
        .ref_cmd_sn = be32_make(ref_cmd_sn),
    };
    uint32_t itt = p->itt;
    peer_pdu(p, &h, NULL, 0);
    return itt;
}

uint32_t peer_text(struct peer *p, uint8_t flags, uint32_t ttt, const char *text)
{
    static char wire[8192];
    uint32_t len = wire_text(text, wire);
    struct iscsi_text_req h = {
        .opcode = ISCSI_OP_TEXT_REQ,
        .flags = flags,
        .itt = be32_make(++p->itt),
        .ttt = be32_make(ttt),
        .cmd_sn = be32_make(p->cmd_sn++),
    };
    uint32_t itt = p->itt;
    peer_pdu(p, &h, wire, len);
    return itt;
}

void peer_logout(struct peer *p, uint8_t reason, uint16_t cid)
{
    struct iscsi_logout_req h = {
        .opcode = ISCSI_OP_LOGOUT_REQ | ISCSI_IMMEDIATE,
        .flags = (uint8_t)(ISCSI_FINAL | reason),
        .itt = be32_make(++p->itt),
        .cid = be16_make(cid),
        .cmd_sn = be32_make(p->cmd_sn),
    };
    peer_pdu(p, &h, NULL, 0);
}

void peer_nop(struct peer *p, uint32_t itt, uint32_t ttt, bool immediate, const void *data,
              uint32_t len)
{
    struct iscsi_nop_out h = {
        .opcode = opcode(ISCSI_OP_NOP_OUT, immediate),
        .flags = ISCSI_FINAL,
        .itt = be32_make(itt),
        .ttt = be32_make(ttt),
        .cmd_sn = be32_make(next_cmd_sn(p, immediate)),
    };
    peer_pdu(p, &h, data, len);
}

/* ---- looking ----------------------------------------------------------------------------- */

struct owner_task *peer_task(struct peer *p, uint32_t itt)
{
    for (unsigned i = 0; i < PEER_TASKS; i++)
        if (p->tasks[i].used && p->tasks[i].t.itt == itt)
            return &p->tasks[i];
    return NULL;
}

bool peer_saw(const struct peer *p, enum iscsi_ev_type type)
{
    for (unsigned i = 0; i < MIN(p->n_events, ARRAY_LEN(p->events)); i++)
        if (p->events[i] == type)
            return true;
    return false;
}

unsigned peer_tasks_used(const struct peer *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < PEER_TASKS; i++)
        n += p->tasks[i].used;
    return n;
}
