/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management functions (SAM-5 clause 7): on the nexus's home they find the LU, on the LU's
 * home they act. A target reset is a LU reset of every LU that this nexus has mapped, and of
 * nothing else: other hosts' LUs are none of its business. A nexus whose host has no access to a LU
 * (guard.c) disturbs nobody there: what would end other nexuses' tasks ends its own instead, and is
 * complete. It is as if it had the LU to itself; to refuse would only make its error recovery go on
 * to harsher means. Parks.
 */
#include "scsi/guard.h"

#include "base/mutant.h"

struct tmf_row;
struct tmf_call {
    struct scsi_itl *itl;
    const struct tmf_row *row;
    uint64_t tag;
    enum scsi_tmf_result result;
};
typedef void tmf_fn(struct tmf_call *c); /* on the LU's home */

void lu_reset(struct scsi_lu *lu, enum scsi_ua ua)
{
    lu_abort_tasks(lu, NULL, NULL, NULL);
    lu->reserved_by = NULL;
    modes_reset(lu);
    if (!mutant_on(MUTANT_LOST_UNIT_ATTENTION))
        ua_raise_all(lu, ua, NULL);
}

static void abort_task(struct tmf_call *c)
{
    if (!lu_abort_tag(c->itl->lu, c->itl, c->tag))
        c->result = SCSI_TMF_NO_TASK;
}

static void abort_task_set(struct tmf_call *c)
{
    lu_abort_tasks(c->itl->lu, c->itl, NULL, c->itl);
}

/* With a task set for each nexus (TST=1) it is the same as ABORT TASK SET, SAM-5 7.4. */
static void clear_task_set(struct tmf_call *c)
{
    struct scsi_lu *lu = c->itl->lu;
    lu_abort_tasks(lu, lu->control.tst == 1 ? c->itl : NULL, NULL, c->itl);
}

static void reset_lu(struct tmf_call *c)
{
    lu_reset(c->itl->lu, UA_LU_RESET);
}

static void reset_bus(struct tmf_call *c)
{
    lu_reset(c->itl->lu, UA_BUS_RESET);
}

static void reset_alone(struct tmf_call *c, enum scsi_ua ua)
{
    lu_abort_tasks(c->itl->lu, c->itl, NULL, NULL);
    ua_raise(c->itl, ua);
}

static void reset_lu_alone(struct tmf_call *c)
{
    reset_alone(c, UA_LU_RESET);
}

static void reset_bus_alone(struct tmf_call *c)
{
    reset_alone(c, UA_BUS_RESET);
}

static void reset_nexus(struct tmf_call *c)
{
    struct scsi_lu *lu = c->itl->lu;
    lu_abort_tasks(lu, c->itl, NULL, NULL);
    if (lu->reserved_by == c->itl)
        lu->reserved_by = NULL;
    ua_raise(c->itl, UA_NEXUS_LOSS);
}

static void query_task(struct tmf_call *c)
{
    if (lu_has_task(c->itl->lu, c->itl, &c->tag))
        c->result = SCSI_TMF_SUCCEEDED;
}

static void query_task_set(struct tmf_call *c)
{
    if (lu_has_task(c->itl->lu, c->itl, NULL))
        c->result = SCSI_TMF_SUCCEEDED;
}

static void query_async(struct tmf_call *c)
{
    if (c->itl->ua != 0)
        c->result = SCSI_TMF_SUCCEEDED;
}

static const struct tmf_row {
    tmf_fn *fn;    /* NULL: not supported */
    bool every_lu; /* of the nexus; the LUN field is ignored */
    tmf_fn *alone; /* of a nexus without access; NULL: the same */
} rows[] = {
    [SCSI_TMF_ABORT_TASK] = {abort_task,     false, NULL           },
    [SCSI_TMF_ABORT_TASK_SET] = {abort_task_set, false, NULL           },
    [SCSI_TMF_CLEAR_ACA] = {NULL,           false, NULL           },
    [SCSI_TMF_CLEAR_TASK_SET] = {clear_task_set, false, abort_task_set },
    [SCSI_TMF_LU_RESET] = {reset_lu,       false, reset_lu_alone },
    [SCSI_TMF_TARGET_RESET] = {reset_bus,      true,  reset_bus_alone},
    [SCSI_TMF_QUERY_TASK] = {query_task,     false, NULL           },
    [SCSI_TMF_QUERY_TASK_SET] = {query_task_set, false, NULL           },
    [SCSI_TMF_QUERY_ASYNC] = {query_async,    false, NULL           },
    [SCSI_TMF_I_T_NEXUS_RESET] = {reset_nexus,    true,  NULL           },
};

static void act(void *arg)
{
    struct tmf_call *c = arg;
    const struct tmf_row *row = c->row;
    if (row->alone && !guard_has_access(c->itl->lu, c->itl))
        row->alone(c);
    else
        row->fn(c);
}

/* A LUN whose volume is not there yet has no tasks: any function on it is done at once. */
static enum scsi_tmf_result on_itl(struct scsi_itl *itl, const struct tmf_row *row,
                                   uint64_t tag)
{
    struct tmf_call c = {.itl = itl, .row = row, .tag = tag, .result = SCSI_TMF_COMPLETE};
    if (!itl->lu)
        return row->fn == abort_task ? SCSI_TMF_NO_TASK : SCSI_TMF_COMPLETE;
    nexus_itl_hold(itl);
    call_on(itl->lu->home, act, &c);
    nexus_itl_release(itl);
    return c.result;
}

enum scsi_tmf_result scsi_nexus_tmf(struct scsi_nexus *n, enum scsi_tmf tmf,
                                    const uint8_t lun[8], uint64_t tag)
{
    const struct tmf_row *row = tmf < ARRAY_LEN(rows) ? &rows[tmf] : NULL;
    struct scsi_itl *itl;
    uint16_t number;
    if (!row || !row->fn)
        return SCSI_TMF_NOT_SUPPORTED;
    if (!row->every_lu)
        return nexus_find(n, lun, &itl) ? on_itl(itl, row, tag) : SCSI_TMF_NO_LUN;
    /* By number, not by list: a LUN may go while one is being reset. */
    for (uint32_t from = 0; nexus_next_lun(n, from, &number); from = number + 1u)
        on_itl(nexus_itl(n, number), row, tag);
    return SCSI_TMF_COMPLETE;
}
