/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management: each request gets a fiber, for it waits until the tasks it ends touch no
 * data any more, while the connection's input goes on (their data must be taken off the wire).
 * Commands that arrived but have not been started (their CmdSN is not due) are dropped here;
 * the SCSI model never saw them.
 */
#include "net/net_int.h"

#include <stdlib.h>
#include <string.h>

/* RFC 7143 11.5.1 */
enum {
    FN_ABORT_TASK = 1,
    FN_ABORT_TASK_SET = 2,
    FN_CLEAR_ACA = 3,
    FN_CLEAR_TASK_SET = 4,
    FN_LU_RESET = 5,
    FN_TARGET_WARM_RESET = 6,
    FN_TARGET_COLD_RESET = 7,
    FN_COUNT = 9,
};
/* RFC 7143 11.6.1 */
enum {
    RSP_COMPLETE = 0,
    RSP_NO_TASK = 1,
    RSP_NO_LUN = 2,
    RSP_NOT_SUPPORTED = 5,
    RSP_AUTHORIZATION_FAILED = 6,
    RSP_REJECTED = 255,
};

/* clang-format off */
static const struct tmf_row {
    bool known;
    enum scsi_tmf scsi;
    bool drops_lun; /* unstarted commands of the LUN end too */
    bool drops_all;
} rows[FN_COUNT] = {
    [FN_ABORT_TASK]        = {.known = true, .scsi = SCSI_TMF_ABORT_TASK},
    [FN_ABORT_TASK_SET]    = {.known = true, .scsi = SCSI_TMF_ABORT_TASK_SET, .drops_lun = true},
    [FN_CLEAR_ACA]         = {.known = true, .scsi = SCSI_TMF_CLEAR_ACA},
    [FN_CLEAR_TASK_SET]    = {.known = true, .scsi = SCSI_TMF_CLEAR_TASK_SET, .drops_lun = true},
    [FN_LU_RESET]          = {.known = true, .scsi = SCSI_TMF_LU_RESET, .drops_lun = true},
    [FN_TARGET_WARM_RESET] = {.known = true, .scsi = SCSI_TMF_TARGET_RESET, .drops_all = true},
};
/* clang-format on */

static const uint8_t responses[] = {
    [SCSI_TMF_COMPLETE] = RSP_COMPLETE,
    [SCSI_TMF_SUCCEEDED] = RSP_COMPLETE,
    [SCSI_TMF_NO_TASK] = RSP_NO_TASK,
    [SCSI_TMF_NO_LUN] = RSP_NO_LUN,
    [SCSI_TMF_NOT_SUPPORTED] = RSP_NOT_SUPPORTED,
    [SCSI_TMF_REJECTED] = RSP_REJECTED,
};

static const struct tmf_row *row_of(const struct iscsi_tmf *tmf)
{
    return tmf->function < FN_COUNT ? &rows[tmf->function] : &rows[0];
}

struct tmf_work {
    struct conn *c;
    struct iscsi_tmf tmf;
};

/* ABORT TASK of a command that SCSI has not seen, or whose fiber has not run yet. True: that was
 * the case. */
static bool abort_early(struct conn *c, struct iscsi_task *t)
{
    struct net_task *nt = container_of(t, struct net_task, iscsi);
    if (!nt->started) {
        iscsi_task_drop(c->iscsi, t);
        return true;
    }
    if (!nt->executing) {
        nt->aborted = true;
        return true;
    }
    return false;
}

/* What is done before anything else happens on this connection: the task may end, and commands
 * that come later are not concerned. The response, or -1: the rest takes a fiber. */
static int begin(struct conn *c, const struct iscsi_tmf *tmf)
{
    const struct tmf_row *row = row_of(tmf);
    if (tmf->response >= 0)
        return tmf->response;
    if (tmf->function == FN_TARGET_COLD_RESET)
        return RSP_AUTHORIZATION_FAILED; /* it would end other hosts' sessions */
    if (!row->known)
        return RSP_NOT_SUPPORTED;
    if (tmf->task && abort_early(c, tmf->task))
        return RSP_COMPLETE;
    if (row->drops_lun || row->drops_all)
        task_drop_unstarted(c, row->drops_all ? NULL : tmf->lun);
    return -1;
}

static uint8_t perform(struct conn *c, const struct iscsi_tmf *tmf)
{
    if (!c->nexus || c->detached)
        return RSP_REJECTED;
    return responses[scsi_nexus_tmf(c->nexus, row_of(tmf)->scsi, tmf->lun, tmf->ref_itt)];
}

static void tmf_fiber(void *arg)
{
    struct tmf_work *w = arg;
    struct conn *c = w->c;
    iscsi_tmf_done(c->iscsi, w->tmf.itt, perform(c, &w->tmf));
    conn_kick(c);
    free(w);
    conn_fiber_done(c);
}

static bool start(struct conn *c, const struct iscsi_tmf *tmf)
{
    struct tmf_work *w = malloc(sizeof(*w));
    if (!w)
        return false;
    *w = (struct tmf_work){c, *tmf};
    if (conn_fiber(c, tmf_fiber, w, "tmf"))
        return true;
    free(w);
    return false;
}

void tmf_start(struct conn *c, const struct iscsi_tmf *tmf)
{
    int response = begin(c, tmf);
    if (response < 0 && start(c, tmf))
        return;
    iscsi_tmf_done(c->iscsi, tmf->itt, response < 0 ? RSP_REJECTED : (uint8_t)response);
}
