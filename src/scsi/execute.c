/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A task's way through the LU: counted in, ordered, checked, executed, counted out. The checks
 * are a list that every command passes in the same order, each driven by the command's row in
 * the op table; the first that fails ends the task, and a handler may rely on all of them. On
 * the LU's home; parks.
 */
#include "scsi/guard.h"

#include "base/check.h"

#include <errno.h>

typedef bool check_fn(struct scsi_lu *lu, struct scsi_task *t);

/* ---- the checks: false when the task has ended ------------------------------------------- */

/* SAM-5 5.14: reported by the first command that is not exempt, known or not. */
static bool check_ua(struct scsi_lu *lu, struct scsi_task *t)
{
    struct sense s;
    (void)lu;
    if (t->itl->ua == 0 || (t->op && t->op->flags & (OP_UA_KEEP | OP_UA_OWN)))
        return true;
    if (!ua_take(t->itl, &s))
        return true;
    task_sense(t, &s);
    return false;
}

static bool check_opcode(struct scsi_lu *lu, struct scsi_task *t)
{
    bool known = false;
    if (t->op && (!t->op->present || t->op->present(lu)))
        return true;
    if (!t->op)
        scsi_op_find(t->cdb, &known);
    if (known)
        task_bad_cdb(t, 1, 4); /* the opcode is ours, the service action is not */
    else
        task_check(t, SK_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
    return false;
}

static bool check_reservation(struct scsi_lu *lu, struct scsi_task *t)
{
    if (!pr_conflicts(lu, t->itl, t->op, t->cdb))
        return true;
    task_status(t, SCSI_STATUS_CONFLICT);
    return false;
}

bool cdb_check(const struct scsi_lu *lu, struct scsi_task *t)
{
    const struct scsi_op *op = t->op;
    const uint8_t *usage = op->usage;
    uint8_t hooked[16];
    if (op->usage_hook) {
        scsi_op_usage(op, lu, hooked);
        usage = hooked;
    }
    if (t->cdb_len < op->cdb_len) {
        task_bad_cdb(t, t->cdb_len, -1);
        return false;
    }
    for (uint8_t i = 1; i < op->cdb_len; i++) {
        unsigned bad = t->cdb[i] & ~(unsigned)usage[i];
        if (i == 1 && op->has_sa)
            bad &= ~(unsigned)SCSI_SA_MASK;
        if (bad != 0) {
            task_bad_cdb(t, i, (int8_t)(31 - __builtin_clz(bad)));
            return false;
        }
    }
    return true;
}

static bool check_cdb(struct scsi_lu *lu, struct scsi_task *t)
{
    return cdb_check(lu, t);
}

/* SPC-4 5.15.2.4.4: in standby what needs no medium goes on. */
static bool check_path(struct scsi_lu *lu, struct scsi_task *t)
{
    if (t->op->flags & OP_NO_MEDIUM ||
        alua_state(lu, t->itl->who->target.alua_group) != ALUA_STANDBY)
        return true;
    task_check(t, SK_NOT_READY, ASC_STANDBY);
    return false;
}

static bool check_ready(struct scsi_lu *lu, struct scsi_task *t)
{
    if (!lu->stopped || t->op->flags & OP_NO_MEDIUM)
        return true;
    task_check(t, SK_NOT_READY, ASC_START_REQUIRED);
    return false;
}

static bool check_write_protect(struct scsi_lu *lu, struct scsi_task *t)
{
    if (!(t->op->flags & OP_WRITES) || !lu_write_protected(lu))
        return true;
    task_check(t, SK_DATA_PROTECT, ASC_WRITE_PROTECTED);
    return false;
}

static check_fn *const checks[] = {
    check_ua,  check_opcode, guard_check, check_reservation,
    check_cdb, check_path,   check_ready, check_write_protect,
};

static bool passes(struct scsi_lu *lu, struct scsi_task *t)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (!checks[i](lu, t))
            return false;
    return true;
}

/* ---- in and out -------------------------------------------------------------------------- */

static void begin(struct scsi_lu *lu, struct scsi_task *t)
{
    bool known;
    check(!t->itl->leaving); /* hops arrive in order: it would not have been found */
    t->itl->ntasks++;
    if (!t->op)
        t->op = scsi_op_find(t->cdb, &known);
    t->data_len = t->op ? scsi_op_xfer(t->op, t->cdb, lu_block(lu)) : 0;
    t->data_is_out = t->op && t->op->flags & OP_DATA_OUT;
    if (lu->ntasks == 0)
        lu->perf.idle_ns += run_now() - lu->perf.idle_since;
}

/* Commands that come one at a time get their parameter list before they take their place in the
 * order: while they wait for a slow or dead initiator's data they hold up nobody, but can be
 * aborted. */
static int take_turn(struct scsi_lu *lu, struct scsi_task *t)
{
    enum scsi_order order = t->op ? t->op->order : ORDER_FREE;
    struct sgl data;
    if (order != ORDER_MODE || t->out_len == 0) {
        ordering_enter(lu, t, order);
        return ordering_wait(lu, t);
    }
    ordering_enter(lu, t, ORDER_FREE);
    sgl_init(&data);
    int rc = t->ops->pull(t, 0, MIN(t->out_len, t->data_len), &data);
    sgl_clear(&data);
    if (rc < 0)
        return rc;
    ordering_leave(lu, t);
    ordering_enter(lu, t, order);
    return ordering_wait(lu, t);
}

static void count_blocks(struct scsi_lu *lu, const struct scsi_task *t)
{
    uint64_t now = run_now(), blocks = t->data_len / lu_block(lu);
    uint64_t ns =
        now > t->arrived ? now - t->arrived : 0; /* arrived by another reactor's clock */
    if (t->op->order == ORDER_READ && t->op->flags & OP_DATA_IN) {
        lu->perf.reads++;
        lu->perf.blocks_read += blocks;
        lu->perf.read_ns += ns;
    } else if (t->op->order == ORDER_WRITE) {
        lu->perf.writes++;
        lu->perf.blocks_written += blocks;
        lu->perf.write_ns += ns;
        threshold_touch(lu);
        fs_touch(lu);
    }
}

static void count_outcome(struct scsi_lu *lu, struct scsi_task *t)
{
    if (t->status == SCSI_STATUS_GOOD)
        count_blocks(lu, t);
    else if (t->status == SCSI_STATUS_CONFLICT)
        lu->stats.reservation_conflicts++;
    else if (t->status == SCSI_STATUS_CHECK)
        lu->stats.check_conditions++;
}

/* SPC-4 7.5.8, QERR: what else ends because this one failed. Of a host without access only its own
 * does. */
static void apply_qerr(struct scsi_lu *lu, const struct scsi_task *t)
{
    bool own = lu->control.qerr == 3 || !guard_has_access(lu, t->itl);
    if (t->status == SCSI_STATUS_CHECK && lu->control.qerr != 0)
        lu_abort_mark(lu, own ? t->itl : NULL, t, t->itl);
}

static void end(struct scsi_lu *lu, struct scsi_task *t)
{
    ordering_leave(lu, t);
    if (t->aborting) {
        lu->stats.aborted++;
        sgl_clear(&t->data_in);
        t->outcome = t->tas ? SCSI_DONE : SCSI_ABORTED;
        task_status(t, SCSI_STATUS_TASK_ABORTED);
    } else {
        t->outcome = SCSI_DONE;
        count_outcome(lu, t);
        apply_qerr(lu, t);
    }
    if (lu->ntasks == 0)
        lu->perf.idle_since = run_now();
    if (--t->itl->ntasks == 0 && t->itl->leaving)
        lu_left(lu, t->itl);
    waitq_wake_all(&lu->drained);
}

void lu_execute(struct scsi_lu *lu, struct scsi_task *t)
{
    lu->stats.commands++;
    if (t->attr == SCSI_ATTR_ACA) { /* there is never an ACA condition here, SAM-5 8.6.5 */
        scsi_task_refuse(t, SCSI_STATUS_CHECK, SK_ILLEGAL_REQUEST, ASC_INVALID_MESSAGE >> 8, 0);
        return;
    }
    if (lu->ntasks >= lu->params.max_tasks) {
        lu->stats.task_set_full++;
        scsi_task_refuse(t, SCSI_STATUS_TASK_SET_FULL, 0, 0, 0);
        return;
    }
    begin(lu, t);
    int rc = take_turn(lu, t);
    if (rc < 0)
        task_errno(t, rc, 0);
    else if (passes(lu, t))
        t->op->execute(lu, t);
    end(lu, t);
}
