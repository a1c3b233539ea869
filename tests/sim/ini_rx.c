/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the target sends in full feature phase, each PDU checked against RFC 7143: numbering
 * (4.2.2), data order (4.8), residuals (11.4.5), R2Ts (11.8). One fiber per session runs
 * ini_reader().
 */
#include "ini_int.h"

#include "base/check.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static struct ini_cmd *cmd_of(struct ini *i, uint32_t itt)
{
    struct ini_cmd *c;
    list_for_each (c, &i->cmds, node) {
        if (c->itt == itt)
            return c;
    }
    return NULL;
}

void ini_break(struct ini *i, int err)
{
    if (!i->broken)
        i->broken = err < 0 ? err : -ECONNRESET;
    struct ini_cmd *c, *tmp;
    list_for_each_safe (c, tmp, &i->cmds, node) {
        list_remove(&c->node);
        c->end = INI_LOST;
        waitq_wake_all(&c->q);
    }
    struct ini_tmf_wait *t;
    list_for_each (t, &i->tmfs, node)
        waitq_wake_all(&t->q);
    waitq_wake_all(&i->window);
    waitq_wake_all(&i->ping);
    waitq_wake_all(&i->logged_out);
    waitq_wake_all(&i->tx);
    sock_shutdown(i->sock);
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* 4.2.2.1: ExpCmdSN and MaxCmdSN only grow, and the window is never narrower than empty. */
static void window_update(struct ini *i, const struct iscsi_target_bhs *h)
{
    uint32_t exp = be32_get(h->exp_cmd_sn), max = be32_get(h->max_cmd_sn);
    if (sn_lt(max, exp - 1))
        ini_broken("MaxCmdSN %u below ExpCmdSN %u - 1", max, exp);
    if (sn_lt(i->cmd_sn, exp))
        ini_broken("ExpCmdSN %u, we sent up to %u", exp, i->cmd_sn - 1);
    if (sn_lt(exp, i->exp_cmd_sn) || sn_lt(max, i->max_cmd_sn))
        ini_broken("the command window shrank: %u..%u to %u..%u", i->exp_cmd_sn, i->max_cmd_sn,
                   exp, max);
    i->exp_cmd_sn = exp;
    i->max_cmd_sn = max;
    waitq_wake_all(&i->window);
}

/* 4.2.2.2: every PDU with a status has the next StatSN; the others show it without using it. */
static void stat_sn(struct ini *i, const struct iscsi_target_bhs *h, bool uses)
{
    uint32_t sn = be32_get(h->stat_sn);
    if (sn != i->exp_stat_sn)
        ini_broken("StatSN %u, expected %u, opcode %02x", sn, i->exp_stat_sn, h->opcode);
    i->exp_stat_sn += uses;
}

/* ---- ends of commands -------------------------------------------------------------------- */

static void cmd_end(struct ini_cmd *c, enum ini_end end)
{
    list_remove(&c->node);
    c->end = end;
    waitq_wake_all(&c->q);
}

/* 11.4.5.1: the residual tells by how much the command's own length missed the expected one. */
static void status_take(struct ini_cmd *c, uint8_t status, uint8_t flags, uint32_t residual)
{
    c->status = status;
    c->overflow = flags & ISCSI_RSP_OVERFLOW;
    c->underflow = flags & ISCSI_RSP_UNDERFLOW;
    c->residual = residual;
    if (c->overflow && c->underflow)
        ini_broken("overflow and underflow at once");
    if (!c->overflow && !c->underflow && residual)
        ini_broken("a residual of %u without a flag", residual);
    if (c->underflow && residual > c->edtl)
        ini_broken("underflow by %u of %u bytes", residual, c->edtl);
}

static void on_response(struct ini *i, const struct ini_in *in)
{
    const struct iscsi_scsi_rsp *h = &in->h.rsp;
    struct ini_cmd *c = cmd_of(i, be32_get(h->itt));
    stat_sn(i, &in->h.target, true);
    if (!c)
        ini_broken("a response for task %08x, which is not there", be32_get(h->itt));
    if (h->response != 0)
        ini_broken("iSCSI response code %02x", h->response);
    uint32_t sns = be32_get(h->exp_data_sn); /* 11.4.8; RFC 3720 counted R2Ts too */
    if (sns != c->data_sn && sns != c->data_sn + c->r2t_sn)
        ini_broken("ExpDataSN %u, %u were sent", sns, c->data_sn);
    if (in->len) {
        uint32_t len = in->len < 2 ? 0xffff : load_be16(in->data);
        if (len > in->len - 2)
            ini_broken("sense of %u bytes in a segment of %u", len, in->len);
        c->sense_len = (uint8_t)MIN(len, sizeof(c->sense));
        memcpy(c->sense, in->data + 2, c->sense_len);
    }
    status_take(c, h->status, h->flags, be32_get(h->residual));
    if (c->status == 2 && c->sense_len < 14)
        ini_broken("CHECK CONDITION with %u bytes of sense", c->sense_len);
    cmd_end(c, INI_DONE);
}

static void on_data_in(struct ini *i, const struct ini_in *in)
{
    const struct iscsi_data_in *h = &in->h.data_in;
    struct ini_cmd *c = cmd_of(i, be32_get(h->itt));
    bool has_status = h->flags & ISCSI_DATA_IN_STATUS;
    if (has_status)
        stat_sn(i, &in->h.target, true);
    if (!c)
        ini_broken("data for task %08x, which is not there", be32_get(h->itt));
    if (be32_get(h->data_sn) != c->data_sn++)
        ini_broken("DataSN %u, expected %u", be32_get(h->data_sn), c->data_sn - 1);
    if (be32_get(h->offset) != c->in_len)
        ini_broken("data at %u, expected %u", be32_get(h->offset), c->in_len);
    if (in->len > c->edtl - c->in_len)
        ini_broken("%u bytes at %u of an expected %u", in->len, c->in_len, c->edtl);
    if (!c->in)
        ini_broken("data for a task that reads none");
    memcpy(c->in + c->in_len, in->data, in->len);
    c->in_len += in->len;
    if (has_status) {
        if (!(h->flags & ISCSI_FINAL))
            ini_broken("status without the final bit");
        status_take(c, h->status, h->flags, be32_get(h->residual));
        cmd_end(c, INI_DONE);
    }
}

/* ---- R2T --------------------------------------------------------------------------------- */

static void send_burst(struct ini *i, struct ini_cmd *c, uint32_t ttt, uint32_t off,
                       uint32_t len)
{
    uint32_t sn = 0;
    for (uint32_t at = off, end = off + len; at < end; sn++) {
        uint32_t n = MIN(end - at, i->max_send);
        struct iscsi_data_out h = {
            .opcode = ISCSI_OP_DATA_OUT,
            .flags = at + n == end ? ISCSI_FINAL : 0,
            .lun = be64_make(c->lun),
            .itt = be32_make(c->itt),
            .ttt = be32_make(ttt),
            .exp_stat_sn = be32_make(i->exp_stat_sn),
            .data_sn = be32_make(sn),
            .offset = be32_make(at),
        };
        ini_queue(i, &h, c->out + at, n);
        at += n;
    }
}

void ini_send_unsolicited(struct ini *i, struct ini_cmd *c, uint32_t off, uint32_t len)
{
    send_burst(i, c, ISCSI_TAG_NONE, off, len);
}

static void on_r2t(struct ini *i, const struct ini_in *in)
{
    const struct iscsi_r2t *h = &in->h.r2t;
    struct ini_cmd *c = cmd_of(i, be32_get(h->itt));
    uint32_t off = be32_get(h->offset), len = be32_get(h->len);
    stat_sn(i, &in->h.target, false);
    if (!c) /* it was aborted while the R2T was under way */
        return;
    if (!c->out)
        ini_broken("R2T for a task that writes nothing");
    if (be32_get(h->r2t_sn) != c->r2t_sn++)
        ini_broken("R2TSN %u, expected %u", be32_get(h->r2t_sn), c->r2t_sn - 1);
    if (len == 0 || len > i->max_burst)
        ini_broken("R2T for %u bytes, MaxBurstLength %u", len, i->max_burst);
    if (off != c->solicited || len > c->edtl - off)
        ini_broken("R2T for %u at %u, expected at %u of %u", len, off, c->solicited, c->edtl);
    c->solicited = off + len;
    i->n.r2ts++;
    if (!c->withhold)
        send_burst(i, c, be32_get(h->ttt), off, len);
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void on_tmf(struct ini *i, const struct ini_in *in)
{
    struct ini_tmf_wait *t;
    stat_sn(i, &in->h.target, true);
    list_for_each (t, &i->tmfs, node) {
        if (t->itt != be32_get(in->h.tmf.itt))
            continue;
        t->done = true;
        t->response = in->h.tmf.response;
        waitq_wake_all(&t->q);
        return;
    }
    /* nobody waits any more: it timed out */
}

static void on_nop(struct ini *i, const struct ini_in *in)
{
    const struct iscsi_nop_in *h = &in->h.nop;
    bool answer = be32_get(h->itt) != ISCSI_TAG_NONE;
    stat_sn(i, &in->h.target, answer);
    if (answer) {
        if (be32_get(h->itt) != i->ping_itt || in->len != i->ping_len)
            ini_broken("a NOP-In of %u bytes that nobody asked for", in->len);
        for (uint32_t k = 0; k < in->len; k++) {
            if (in->data[k] != (uint8_t)(k * 3))
                ini_broken("the echo differs at %u", k);
        }
        i->ping_ok = true;
        waitq_wake_all(&i->ping);
        return;
    }
    i->n.nops_in++;
    if (be32_get(h->ttt) == ISCSI_TAG_NONE)
        return;
    struct iscsi_nop_out out = {
        .opcode = ISCSI_OP_NOP_OUT | ISCSI_IMMEDIATE,
        .flags = ISCSI_FINAL,
        .lun = h->lun,
        .itt = be32_make(ISCSI_TAG_NONE),
        .ttt = h->ttt,
        .cmd_sn = be32_make(i->cmd_sn),
        .exp_stat_sn = be32_make(i->exp_stat_sn),
    };
    ini_queue(i, &out, NULL, 0);
}

static void on_async(struct ini *i, const struct ini_in *in)
{
    stat_sn(i, &in->h.target, true);
    i->n.asyncs++;
    if (in->h.async.event != ISCSI_ASYNC_SENSE)
        ini_break(i, -ESHUTDOWN); /* asked to leave, or dropped: come again */
}

static void on_logout(struct ini *i, const struct ini_in *in)
{
    stat_sn(i, &in->h.target, true);
    if (in->h.logout.response != ISCSI_LOGOUT_RSP_OK)
        ini_broken("logout answered %u", in->h.logout.response);
    i->logout_ok = true;
    waitq_wake_all(&i->logged_out);
}

static void on_reject(struct ini *i, const struct ini_in *in)
{
    stat_sn(i, &in->h.target, true);
    ini_broken("reject, reason %02x, of opcode %02x", in->h.reject.reason,
               in->len ? in->data[0] : 0xff);
}

static const struct {
    void (*fn)(struct ini *i, const struct ini_in *in);
} handlers[] = {
    [ISCSI_OP_NOP_IN] = {on_nop},    [ISCSI_OP_SCSI_RSP] = {on_response},
    [ISCSI_OP_TMF_RSP] = {on_tmf},   [ISCSI_OP_DATA_IN] = {on_data_in},
    [ISCSI_OP_R2T] = {on_r2t},       [ISCSI_OP_ASYNC] = {on_async},
    [ISCSI_OP_REJECT] = {on_reject}, [ISCSI_OP_LOGOUT_RSP] = {on_logout},
};

static void drain(struct ini *i)
{
    uint8_t bytes[512];
    ssize_t n;
    while ((n = sock_recv(i->sock, bytes, sizeof(bytes), NO_DEADLINE, NULL)) > 0)
        ;
    ini_break(i, (int)n);
}

void ini_reader(void *arg)
{
    struct ini *i = arg;
    if (i->p.rude)
        drain(i);
    while (!i->broken) {
        struct ini_in in;
        int r = ini_read(i, &in, NO_DEADLINE);
        if (r < 0) {
            ini_break(i, r);
            break;
        }
        uint8_t op = in.h.bhs.opcode;
        if (op >= ARRAY_LEN(handlers) || !handlers[op].fn)
            ini_broken("opcode %02x from a target", op);
        handlers[op].fn(i, &in);
        window_update(i, &in.h.target);
    }
    waitgroup_done(&i->fibers);
}
