/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The measured path of zload-raw. One turn of a connection is one recv() of all there is, every
 * whole PDU in it handled in place, every finished task issued again, and one sendmsg() of all
 * the new commands: system calls and wake-ups are shared by as many commands as the target
 * completes at once.
 *
 * Without verification all writes send the same buffer and reads are dropped in the ring, so
 * that any number of large commands costs no memory here. With it, a write has a buffer of its
 * own until its status, and a read is checked piece by piece in the ring.
 */
#include "raw_conn.h"

#include "raw_pdu.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RING_BUSY (2 * (RAW_MAX_RECV_SEGMENT + RAW_HEADER + 4))
#define RING_IDLE 4096u
#define TX_BUSY   1024u
#define TX_IDLE   4u

#define STATUS_GOOD          0x00
#define STATUS_BUSY          0x08
#define STATUS_TASK_SET_FULL 0x28

static void conn_lost(struct raw_conn *c, const char *why, int code)
{
    if (!c->lost)
        load_error(c->t, "session lost: %s%s%s", why, code < 0 ? ": " : "",
                   code < 0 ? strerror(-code) : "");
    c->lost = true;
}

static uint32_t block_of(const struct raw_conn *c)
{
    return (uint32_t)c->t->opt->block;
}

/* ---- setting up ---- */

static int open_tasks(struct raw_conn *c)
{
    const struct options *o = c->t->opt;
    bool shared = o->verify == PATTERN_OFF;
    c->tasks = calloc(o->depth, sizeof(c->tasks[0]));
    c->bursts = calloc(2 * (size_t)o->depth, sizeof(c->bursts[0]));
    size_t bytes = o->read_pct == 100 ? 4096 : o->block * (shared ? 1 : o->depth);
    c->buffers = aligned_alloc(4096, round_up(bytes, 4096));
    if (!c->tasks || !c->bursts || !c->buffers)
        return E(-ENOMEM);
    memset(c->buffers, 0x5a, bytes);
    for (uint32_t i = o->depth; i-- > 0;) {
        struct raw_task *k = &c->tasks[i];
        *k = (struct raw_task){.itt = i, .next_free = c->free, .buf = c->buffers};
        if (!shared && o->read_pct < 100)
            k->buf += i * o->block;
        c->free = k;
    }
    return 0;
}

static int open_work(struct raw_conn *c, uint32_t i, struct err *reterr)
{
    struct work_config cfg;
    int rc = options_share(c->t->opt, i, c->session.lun_bytes, &cfg, reterr);
    if (rc < 0)
        return rc;
    if (c->t->opt->block % c->session.lba_bytes != 0)
        return err_set(reterr, -EINVAL, "--block isn't a multiple of %u", c->session.lba_bytes);
    rc = work_open(&c->work, &cfg);
    if (rc == 0)
        rc = open_tasks(c);
    return rc == 0 ? 0 : err_set(reterr, rc, "no memory for %u tasks", c->t->opt->depth);
}

int raw_conn_open(struct raw_conn *c, struct load_thread *t, uint32_t i, struct err *reterr)
{
    const struct options *o = t->opt;
    struct raw_url url;
    bool idle = o->depth == 0;
    *c = (struct raw_conn){.t = t, .session.fd = -1};
    int rc = raw_url_parse(o->urls[i % o->nurls], &url, reterr);
    if (rc == 0)
        rc = raw_session_open(&c->session, &url, o->initiator, i, reterr);
    if (rc == 0 && !idle)
        rc = open_work(c, i, reterr);
    if (rc < 0)
        return rc;
    rc = raw_ring_open(&c->in, idle ? RING_IDLE : RING_BUSY);
    if (rc == 0)
        rc = raw_tx_open(&c->out, idle ? TX_IDLE : TX_BUSY);
    return rc == 0 ? 0 : err_set(reterr, rc, "buffers: %s", strerror(-rc));
}

void raw_conn_close(struct raw_conn *c)
{
    if (c->session.fd >= 0 && !c->lost) {
        c->t->tally.alive++;
        if (c->in_flight == 0 && c->in.len == 0 && c->out.count == 0)
            raw_session_logout(&c->session);
    }
    load_verified(c->t, &c->work);
    raw_session_close(&c->session);
    raw_ring_close(&c->in);
    raw_tx_close(&c->out);
    work_close(&c->work);
    free(c->tasks);
    free(c->bursts);
    free(c->buffers);
}

/* ---- sending ---- */

static void queue_burst(struct raw_conn *c, const struct raw_burst *b)
{
    uint32_t cap = 2 * c->t->opt->depth;
    check_cmp(c->burst_count, <, cap);
    c->bursts[(c->burst_head + c->burst_count++) % cap] = *b;
}

static void send_data_out(struct raw_conn *c, struct raw_burst *b)
{
    uint32_t len = MIN(b->end - b->off, c->session.max_send_segment);
    struct raw_data_out *h = raw_tx_push(&c->out, b->task->buf + b->off, len);
    h->opcode = RAW_DATA_OUT;
    h->flags = b->off + len == b->end ? RAW_FINAL : 0;
    h->lun = raw_lun(c->session.lun);
    h->itt = be32_make(b->task->itt);
    h->ttt = be32_make(b->ttt);
    h->exp_stat_sn = be32_make(c->session.exp_stat_sn);
    h->data_sn = be32_make(b->data_sn++);
    h->offset = be32_make(b->off);
    b->off += len;
}

/* Sends data as long as there is room; true when none is left. */
static bool send_bursts(struct raw_conn *c)
{
    while (c->burst_count > 0 && raw_tx_room(&c->out) > 0) {
        struct raw_burst *b = &c->bursts[c->burst_head];
        send_data_out(c, b);
        if (b->off == b->end) {
            c->burst_head = (c->burst_head + 1) % (2 * c->t->opt->depth);
            c->burst_count--;
        }
    }
    return c->burst_count == 0;
}

static void build_cdb(const struct raw_conn *c, const struct work_op *op, uint8_t *cdb)
{
    cdb[0] = op->write ? 0x8a : 0x88; /* WRITE(16), READ(16) */
    store_be64(cdb + 2, work_offset(&c->work, op) / c->session.lba_bytes);
    store_be32(cdb + 10, block_of(c) / c->session.lba_bytes);
}

static void send_command(struct raw_conn *c, struct raw_task *k)
{
    struct raw_session *s = &c->session;
    uint32_t block = block_of(c), immediate = 0, unsolicited = 0;
    if (k->op.write) {
        uint32_t first = MIN(block, s->first_burst);
        immediate = s->immediate_data ? MIN(first, s->max_send_segment) : 0;
        unsolicited = s->initial_r2t ? immediate : first;
    }
    struct raw_command *h = raw_tx_push(&c->out, k->buf, immediate);
    h->opcode = RAW_SCSI_COMMAND;
    h->flags =
        (uint8_t)(RAW_COMMAND_SIMPLE | (k->op.write ? RAW_COMMAND_WRITE : RAW_COMMAND_READ) |
                  (unsolicited > immediate ? 0 : RAW_FINAL));
    h->lun = raw_lun(s->lun);
    h->itt = be32_make(k->itt);
    h->expected_len = be32_make(block);
    h->cmd_sn = be32_make(s->cmd_sn++);
    h->exp_stat_sn = be32_make(s->exp_stat_sn);
    build_cdb(c, &k->op, h->cdb);
    if (unsolicited > immediate)
        queue_burst(c, &(struct raw_burst){k, immediate, unsolicited, RAW_NO_TAG, 0});
}

static void issue(struct raw_conn *c, uint64_t now)
{
    while (c->free && sn_le(c->session.cmd_sn, c->session.max_cmd_sn) && send_bursts(c) &&
           raw_tx_room(&c->out) > 0) {
        struct raw_task *k = c->free;
        if (!work_next(&c->work, &k->op))
            return;
        c->free = k->next_free;
        k->start_ns = now;
        k->verdict = PATTERN_GOOD;
        k->received = 0;
        k->in_flight = true;
        c->in_flight++;
        if (k->op.write)
            work_fill(&c->work, &k->op, k->buf);
        send_command(c, k);
    }
}

void raw_conn_send(struct raw_conn *c)
{
    if (c->lost)
        return;
    int rc;
    uint32_t queued;
    do {
        send_bursts(c);
        if (!c->stopping)
            issue(c, load_now_ns());
        queued = c->out.count;
        rc = raw_tx_flush(&c->out, c->session.fd);
    } while (rc == 0 && queued == c->out.cap);
    c->blocked = rc == -EAGAIN;
    if (rc < 0 && !c->blocked)
        conn_lost(c, "send", rc);
}

/* ---- receiving ---- */

static void finish(struct raw_conn *c, struct raw_task *k, const struct raw_header *h,
                   uint64_t now)
{
    bool whole = (h->flags & RAW_RESIDUAL) == 0 && h->response == 0 &&
                 (k->op.write || k->received == block_of(c));
    bool good = h->status == STATUS_GOOD && whole;
    if (good)
        load_count(c->t, k->op.write, now - k->start_ns);
    else if (h->status == STATUS_BUSY || h->status == STATUS_TASK_SET_FULL)
        c->t->tally.busy++;
    else
        load_error(c->t, "status 0x%02x, response 0x%02x, flags 0x%02x after %u bytes",
                   h->status, h->response, h->flags, k->received);
    work_end(&c->work, &k->op, good, k->verdict);
    k->in_flight = false;
    c->in_flight--;
    k->next_free = c->free;
    c->free = k;
}

static void on_data_in(struct raw_conn *c, struct raw_task *k, const struct raw_header *h,
                       const uint8_t *data, uint32_t len)
{
    uint32_t off = be32_get(h->offset);
    if (k->op.write || off != k->received || len > block_of(c) - off) {
        conn_lost(c, "Data-In out of place", 0);
        return;
    }
    k->received += len;
    work_check(&c->work, &k->op, off, data, len, &k->verdict);
}

static void on_r2t(struct raw_conn *c, struct raw_task *k, const struct raw_header *h)
{
    uint32_t off = be32_get(h->offset), len = be32_get(h->len), block = block_of(c);
    bool fits = off < block && len <= block - off && len > 0 && len % 4 == 0;
    if (!k->op.write || !fits || len > c->session.max_burst ||
        c->burst_count == 2 * c->t->opt->depth) {
        conn_lost(c, "R2T out of place", 0);
        return;
    }
    queue_burst(c, &(struct raw_burst){k, off, off + len, be32_get(h->ttt), 0});
}

/* 11.18: an answer carries the target's tag and LUN back. Pings are without data. */
static void on_nop_in(struct raw_conn *c, const struct raw_header *h)
{
    if (be32_get(h->ttt) == RAW_NO_TAG || raw_tx_room(&c->out) == 0)
        return;
    struct raw_request *r = raw_tx_push(&c->out, NULL, 0);
    r->opcode = RAW_NOP_OUT | RAW_IMMEDIATE;
    r->flags = RAW_FINAL;
    r->lun = h->lun;
    r->itt = be32_make(RAW_NO_TAG);
    r->ttt = h->ttt;
    r->cmd_sn = be32_make(c->session.cmd_sn);
    r->exp_stat_sn = be32_make(c->session.exp_stat_sn);
    c->t->tally.pings++;
}

static void take_sequence_numbers(struct raw_session *s, const struct raw_header *h)
{
    uint32_t max = be32_get(h->max_cmd_sn);
    if (sn_lt(s->max_cmd_sn, max))
        s->max_cmd_sn = max;
    if (h->opcode == RAW_SCSI_RESPONSE ||
        (h->opcode == RAW_DATA_IN && (h->flags & RAW_DATA_IN_STATUS)))
        s->exp_stat_sn = be32_get(h->stat_sn) + 1;
}

static void on_task_pdu(struct raw_conn *c, const struct raw_header *h, const uint8_t *data,
                        uint32_t len, uint64_t now)
{
    uint32_t itt = be32_get(h->itt);
    if (itt >= c->t->opt->depth || !c->tasks[itt].in_flight) {
        conn_lost(c, "PDU for a task that isn't there", 0);
        return;
    }
    struct raw_task *k = &c->tasks[itt];
    bool ends = h->opcode == RAW_SCSI_RESPONSE;
    if (h->opcode == RAW_DATA_IN) {
        on_data_in(c, k, h, data, len);
        ends = h->flags & RAW_DATA_IN_STATUS;
    } else if (h->opcode == RAW_R2T) {
        on_r2t(c, k, h);
    }
    if (ends && !c->lost)
        finish(c, k, h, now);
}

static void on_pdu(struct raw_conn *c, const struct raw_header *h, const uint8_t *data,
                   uint32_t len, uint64_t now)
{
    take_sequence_numbers(&c->session, h);
    switch (h->opcode) {
    case RAW_SCSI_RESPONSE:
    case RAW_DATA_IN:
    case RAW_R2T:
        on_task_pdu(c, h, data, len, now);
        break;
    case RAW_NOP_IN:
        on_nop_in(c, h);
        break;
    case RAW_ASYNC:
        c->session.exp_stat_sn = be32_get(h->stat_sn) + 1;
        break;
    default:
        conn_lost(c, h->opcode == RAW_REJECT ? "PDU rejected" : "unexpected PDU", 0);
        break;
    }
}

void raw_conn_receive(struct raw_conn *c)
{
    ssize_t n = raw_ring_recv(&c->in, c->session.fd);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        conn_lost(c, "receive", n < 0 ? (int)n : -ECONNRESET);
        return;
    }
    uint64_t now = load_now_ns();
    while (c->in.len >= RAW_HEADER && !c->lost) {
        const uint8_t *p = raw_ring_data(&c->in);
        struct raw_header h;
        memcpy(&h, p, sizeof(h));
        uint32_t head = RAW_HEADER + 4u * h.ahs_words, len = be24_get(h.data_len);
        size_t whole = head + (size_t)round_up(len, 4);
        if (whole > c->in.cap) {
            conn_lost(c, "PDU larger than what was negotiated", 0);
            return;
        }
        if (c->in.len < whole)
            return;
        on_pdu(c, &h, p + head, len, now);
        raw_ring_consume(&c->in, whole);
    }
}
