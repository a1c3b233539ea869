/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions and commands, as the scenarios use them. Commands are numbered when they are queued
 * and one fiber writes the queue to the socket, so they go out in order; the reader (ini_rx.c)
 * ends them.
 */
#include "ini_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOGOUT_MS 10000

static void writer(void *arg)
{
    struct ini *i = arg;
    while (!i->broken && !i->tx_end) {
        if (list_empty(&i->txq))
            waitq_wait(&i->tx, NO_DEADLINE, NULL);
        else
            ini_send_all(i);
    }
    waitgroup_done(&i->fibers);
}

/* ---- sessions ---------------------------------------------------------------------------- */

static struct ini *ini_new(const struct ini_params *p)
{
    struct ini *i = calloc(1, sizeof(*i));
    check(i);
    i->p = *p;
    i->itt = 1;
    struct waitq *queues[] = {&i->window, &i->ping, &i->logged_out, &i->tx};
    for (size_t k = 0; k < ARRAY_LEN(queues); k++)
        waitq_init(queues[k]);
    list_init(&i->cmds);
    list_init(&i->tmfs);
    list_init(&i->txq);
    waitgroup_init(&i->fibers);
    return i;
}

static void ini_free(struct ini *i)
{
    struct list *n;
    while ((n = list_pop(&i->txq)))
        free(list_entry(n, struct ini_pdu, node));
    sock_close(i->sock);
    free(i->rx);
    free(i);
}

int ini_login(const struct ini_params *p, struct ini **ret_ini, uint16_t *ret_status)
{
    struct ini *i = ini_new(p);
    *ret_status = 0;
    int r = sock_connect(&p->addr, run_deadline_ms(30000), NULL, &i->sock, NULL);
    if (r == 0)
        r = ini_negotiate(i, ret_status);
    if (r < 0) {
        ini_free(i);
        return r;
    }
    i->full = true;
    waitgroup_add(&i->fibers, 2);
    check(fiber_start(ini_reader, i, "initiator reader"));
    check(fiber_start(writer, i, "initiator writer"));
    *ret_ini = i;
    return 0;
}

void ini_drop(struct ini *i)
{
    ini_break(i, -ECONNRESET);
    waitgroup_wait(&i->fibers);
    ini_free(i);
}

void ini_kill(struct ini *i, int err)
{
    ini_break(i, err);
}

static void await_room(struct ini *i)
{
    while (!i->broken && sn_lt(i->max_cmd_sn, i->cmd_sn))
        waitq_wait(&i->window, NO_DEADLINE, NULL);
}

void ini_logout(struct ini *i)
{
    await_room(i);
    struct iscsi_logout_req h = {
        .opcode = ISCSI_OP_LOGOUT_REQ,
        .flags = ISCSI_FINAL | ISCSI_LOGOUT_SESSION,
        .itt = be32_make(i->itt++),
        .cmd_sn = be32_make(i->cmd_sn++),
        .exp_stat_sn = be32_make(i->exp_stat_sn),
    };
    ini_queue(i, &h, NULL, 0);
    uint64_t deadline = run_deadline_ms(LOGOUT_MS);
    int r = 0;
    while (r == 0 && !i->broken && !i->logout_ok)
        r = waitq_wait(&i->logged_out, deadline, NULL);
    ini_drop(i);
}

bool ini_up(const struct ini *i)
{
    return !i->broken;
}

uint32_t ini_next_cmd_sn(const struct ini *i)
{
    return i->cmd_sn;
}

const struct ini_counts *ini_counts(const struct ini *i)
{
    return &i->n;
}

/* ---- commands ---------------------------------------------------------------------------- */

static void cmd_queue(struct ini *i, struct ini_cmd *c)
{
    uint32_t imm = 0, unsolicited = 0;
    if (c->out && i->immediate_data)
        imm = MIN(MIN(c->edtl, i->first_burst), i->max_send);
    if (c->out && !i->initial_r2t)
        unsolicited = MIN(c->edtl, i->first_burst) - imm;
    struct iscsi_scsi_cmd h = {
        .opcode = ISCSI_OP_SCSI_CMD,
        .lun = be64_make(c->lun),
        .itt = be32_make(c->itt),
        .edtl = be32_make(c->edtl),
        .cmd_sn = be32_make(c->cmd_sn),
        .exp_stat_sn = be32_make(i->exp_stat_sn),
    };
    h.flags = (uint8_t)((unsolicited ? 0 : ISCSI_FINAL) | (c->in ? ISCSI_CMD_READ : 0) |
                        (c->out ? ISCSI_CMD_WRITE : 0) | (c->attr ? c->attr : 1));
    memcpy(h.cdb, c->cdb, sizeof(h.cdb));
    c->solicited = imm + unsolicited;
    ini_queue(i, &h, c->out, imm);
    if (unsolicited)
        ini_send_unsolicited(i, c, imm, unsolicited);
}

void ini_start(struct ini *i, struct ini_cmd *c)
{
    c->end = INI_PENDING;
    c->status = 0xff;
    c->sense_len = 0;
    c->in_len = c->residual = c->data_sn = c->r2t_sn = 0;
    list_init(&c->node);
    waitq_init(&c->q);
    await_room(i);
    if (i->broken) {
        c->end = INI_LOST;
        return;
    }
    c->itt = i->itt++;
    c->cmd_sn = i->cmd_sn++;
    list_push(&i->cmds, &c->node);
    i->n.commands++;
    cmd_queue(i, c);
}

bool ini_wait(struct ini *i, struct ini_cmd *c, uint64_t deadline)
{
    (void)i;
    while (c->end == INI_PENDING && waitq_wait(&c->q, deadline, NULL) == 0)
        ;
    return c->end != INI_PENDING;
}

uint32_t ini_sense(const struct ini_cmd *c)
{
    if (c->sense_len < 14)
        return 0;
    if ((c->sense[0] & 0x7f) >= 0x72)
        return (uint32_t)(c->sense[1] & 15) << 16 | (uint32_t)c->sense[2] << 8 | c->sense[3];
    return (uint32_t)(c->sense[2] & 15) << 16 | (uint32_t)c->sense[12] << 8 | c->sense[13];
}

uint32_t ini_information(const struct ini_cmd *c)
{
    return c->sense_len >= 7 && c->sense[0] == 0xf0 ? load_be32(c->sense + 3) : 0;
}

/* ---- task management --------------------------------------------------------------------- */

static bool ends(enum iscsi_tmf_function fn, uint64_t lun, const struct ini_cmd *target,
                 const struct ini_cmd *c)
{
    if (fn == ISCSI_TMF_ABORT_TASK)
        return c == target;
    return fn == ISCSI_TMF_TARGET_WARM_RESET || c->lun == lun;
}

/* Commands that were sent before the function and are pending still will get no response any
 * more. */
static void end_tasks(struct ini *i, enum iscsi_tmf_function fn, uint64_t lun,
                      const struct ini_cmd *target, uint32_t before)
{
    struct ini_cmd *c, *tmp;
    list_for_each_safe (c, tmp, &i->cmds, node) {
        if (!ends(fn, lun, target, c) || !sn_lt(c->cmd_sn, before))
            continue;
        list_remove(&c->node);
        c->end = INI_ABORTED;
        waitq_wake_all(&c->q);
    }
}

int ini_tmf(struct ini *i, enum iscsi_tmf_function fn, uint64_t lun, struct ini_cmd *c,
            uint8_t *ret_response)
{
    struct ini_tmf_wait t = {.itt = i->itt++};
    struct iscsi_tmf_req h = {
        .opcode = ISCSI_OP_TMF_REQ | ISCSI_IMMEDIATE,
        .flags = (uint8_t)(ISCSI_FINAL | fn),
        .lun = be64_make(lun),
        .itt = be32_make(t.itt),
        .ref_itt = be32_make(c ? c->itt : ISCSI_TAG_NONE),
        .cmd_sn = be32_make(i->cmd_sn),
        .exp_stat_sn = be32_make(i->exp_stat_sn),
        .ref_cmd_sn = be32_make(c ? c->cmd_sn : 0),
    };
    uint32_t before = i->cmd_sn;
    waitq_init(&t.q);
    list_push(&i->tmfs, &t.node);
    if (!i->broken)
        ini_queue(i, &h, NULL, 0);
    i->n.tmfs++;
    uint64_t deadline = run_deadline_ms(30000);
    int r = 0;
    while (r == 0 && !t.done && !i->broken)
        r = waitq_wait(&t.q, deadline, NULL);
    list_remove(&t.node);
    if (!t.done)
        return r == 0 ? -ECONNRESET : r;
    if (t.response == ISCSI_TMF_RSP_COMPLETE || t.response == ISCSI_TMF_RSP_NO_TASK)
        end_tasks(i, fn, lun, c, before);
    *ret_response = t.response;
    return 0;
}

int ini_ping(struct ini *i, uint64_t deadline)
{
    uint8_t bytes[64];
    while (i->pinging && !i->broken)
        waitq_wait(&i->ping, NO_DEADLINE, NULL);
    i->pinging = true;
    for (unsigned k = 0; k < sizeof(bytes); k++)
        bytes[k] = (uint8_t)(k * 3);
    i->ping_itt = i->itt++;
    i->ping_len = sizeof(bytes);
    i->ping_ok = false;
    struct iscsi_nop_out h = {
        .opcode = ISCSI_OP_NOP_OUT | ISCSI_IMMEDIATE,
        .flags = ISCSI_FINAL,
        .itt = be32_make(i->ping_itt),
        .ttt = be32_make(ISCSI_TAG_NONE),
        .cmd_sn = be32_make(i->cmd_sn),
        .exp_stat_sn = be32_make(i->exp_stat_sn),
    };
    ini_queue(i, &h, bytes, sizeof(bytes));
    int r = 0;
    while (r == 0 && !i->ping_ok && !i->broken)
        r = waitq_wait(&i->ping, deadline, NULL);
    i->pinging = false;
    waitq_wake_all(&i->ping);
    return i->ping_ok ? 0 : i->broken ? i->broken : r;
}
