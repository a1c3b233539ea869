/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command from the wire to the SCSI model and back. Its whole buffer is admitted and
 * allocated when it arrives, before its first R2T; a command that cannot be admitted ends TASK
 * SET FULL and its data is thrown away. SCSI asks for data-out by pull(), which runs on the
 * LU's home and hops to the connection's. Buffers are released when the last byte of the
 * response was sent.
 */
#include "net/net_int.h"

#include "base/check.h"
#include "base/mutant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Solicited data that do not come while nothing else does: the initiator is broken, drop it. */
#define DATA_TIMEOUT_NS (60 * NS_PER_SEC)
#define KEEP_FREE       8  /* task structs that an idle session keeps */
#define EXTRA_TASKS     32 /* immediate commands beyond the window */

static struct net_task *net_task_of(struct iscsi_task *t)
{
    return container_of(t, struct net_task, iscsi);
}

/* ---- memory ------------------------------------------------------------------------------ */

static struct iscsi_task *task_alloc(void *arg)
{
    struct conn *c = arg;
    struct list *n = list_pop(&c->free_tasks);
    struct net_task *nt;
    if (n) {
        nt = list_entry(n, struct net_task, node);
        c->nfree--;
    } else {
        if (c->ntasks >= c->max_tasks + EXTRA_TASKS)
            return NULL;
        nt = malloc(sizeof(*nt));
        if (!nt)
            return NULL;
    }
    memset(nt, 0, sizeof(*nt));
    c->ntasks++;
    nt->conn = c;
    sgl_init(&nt->out);
    sgl_init(&nt->scsi.data_in);
    waitq_init(&nt->data);
    cancel_init(&nt->cancel);
    list_init(&nt->node);
    list_push(&c->tasks, &nt->node);
    return &nt->iscsi;
}

static void task_free(void *arg, struct iscsi_task *t)
{
    struct conn *c = arg;
    struct net_task *nt = net_task_of(t);
    list_remove(&nt->node);
    sgl_clear(&nt->out);
    sgl_clear(&nt->scsi.data_in);
    if (nt->admitted) {
        admit_return(c->net->run, nt->admitted);
        c->admitted -= nt->admitted;
        c->nadmitted--;
    }
    c->ntasks--;
    if (c->nfree < KEEP_FREE || c->nfree < c->ntasks) {
        list_push_front(&c->free_tasks, &nt->node);
        c->nfree++;
    } else {
        free(nt);
    }
}

void task_pool_free(struct conn *c)
{
    struct list *n;
    while ((n = list_pop(&c->free_tasks)))
        free(list_entry(n, struct net_task, node));
    c->nfree = 0;
}

/* ---- data -------------------------------------------------------------------------------- */

/* It goes on where it was, as a rule: a long read has hundreds of pieces. */
static const uint8_t *data_in(void *arg, struct iscsi_task *t, uint64_t off, uint32_t *len)
{
    (void)arg;
    struct net_task *nt = net_task_of(t);
    const struct sg *v = nt->scsi.data_in.v;
    if (off < nt->in_at) {
        nt->in_piece = 0;
        nt->in_at = 0;
    }
    while (off - nt->in_at >= v[nt->in_piece].len)
        nt->in_at += v[nt->in_piece++].len;
    uint32_t skip = (uint32_t)(off - nt->in_at);
    *len = MIN(*len, v[nt->in_piece].len - skip);
    return v[nt->in_piece].p + skip;
}

static void env_random(void *arg, void *ret_bytes, size_t len)
{
    (void)arg;
    run_random(ret_bytes, len);
}

const struct iscsi_env net_iscsi_env = {
    .random = env_random,
    .hash = net_hash,
    .task_alloc = task_alloc,
    .task_free = task_free,
    .data_in = data_in,
};

/* What the initiator sends beyond the buffer (an EDTL larger than the CDB's transfer) is
 * counted by the machine and dropped here. */
static void store_data(struct net_task *nt, uint64_t off, const uint8_t *data, uint32_t len)
{
    if (off < nt->out.len)
        sgl_copy_in(&nt->out, off, data, MIN(len, nt->out.len - off));
}

void task_data(const struct iscsi_event *ev)
{
    struct net_task *nt = net_task_of(ev->task);
    store_data(nt, ev->offset, ev->data, ev->data_len);
    nt->conn->data_at = run_now();
    waitq_wake_all(&nt->data);
}

/* ---- arrival ----------------------------------------------------------------------------- */

static uint8_t admit(struct conn *c, struct net_task *nt)
{
    const struct iscsi_task *t = &nt->iscsi;
    uint64_t len = MIN(t->edtl, scsi_cdb_data_bound(t->cdb));
    if (len == 0)
        return 0;
    if (!admit_try(c->net->run, len, c->admitted))
        return SCSI_STATUS_TASK_SET_FULL;
    nt->admitted = len;
    c->admitted += len;
    c->nadmitted++;
    if (t->write && sgl_alloc(&nt->out, len) < 0)
        return SCSI_STATUS_BUSY;
    return 0;
}

/* A command that is refused has cost the line its data all the same. So the window closes down
 * to what there was memory for, and opens again by one for every window of commands done. */
static void window_narrow(struct conn *c)
{
    c->window = MAX(c->nadmitted, 1u);
    c->progress = 0;
    iscsi_set_window(c->iscsi, (uint16_t)c->window);
}

static void window_widen(struct conn *c)
{
    if (c->window >= c->max_tasks || ++c->progress < c->window)
        return;
    c->window++;
    c->progress = 0;
    iscsi_set_window(c->iscsi, (uint16_t)c->window);
}

void task_command(struct conn *c, const struct iscsi_event *ev)
{
    struct net_task *nt = net_task_of(ev->task);
    nt->refuse = admit(c, nt);
    if (nt->refuse) {
        iscsi_task_refuse_data(c->iscsi, ev->task);
        window_narrow(c);
    } else {
        store_data(nt, 0, ev->data, ev->data_len);
    }
}

/* ---- data-out, asked for by SCSI --------------------------------------------------------- */

struct pull {
    struct net_task *nt;
    uint32_t upto; /* bytes from the start that must be here */
    int result;
};

/* On the connection's home. */
static void pull_here(void *arg)
{
    struct pull *p = arg;
    struct net_task *nt = p->nt;
    struct conn *c = nt->conn;
    uint64_t asked = run_now();
    p->result = nt->cancel.fired ? -ECANCELED : 0;
    if (p->result == 0 && nt->iscsi.received < p->upto) {
        iscsi_task_want(c->iscsi, &nt->iscsi, p->upto);
        conn_kick(c);
    }
    while (p->result == 0 && nt->iscsi.received < p->upto) {
        uint64_t deadline = MAX(asked, c->data_at) + DATA_TIMEOUT_NS;
        if (waitq_wait(&nt->data, deadline, &nt->cancel) == -ETIMEDOUT &&
            deadline == MAX(asked, c->data_at) + DATA_TIMEOUT_NS)
            conn_shut(c, "data-out timed out");
        if (c->closing || nt->cancel.fired)
            p->result = -ECANCELED;
    }
}

/* References are counted on the buffers' home alone, so a LU elsewhere gets a copy. (A session lives with its LUs, unless its
 * target's are spread over several reactors.) */
static int give(struct net_task *nt, uint64_t off, uint64_t len, struct sgl *into)
{
    if (nt->conn->home == reactor_self())
        return sgl_slice(into, &nt->out, off, len);
    uint64_t at = into->len;
    int r = sgl_alloc(into, len);
    if (r == 0)
        sgl_copy(into, at, &nt->out, off, len);
    return r;
}

static int pull(struct scsi_task *t, uint64_t off, uint64_t len, struct sgl *into)
{
    struct net_task *nt = container_of(t, struct net_task, scsi);
    struct pull p = {nt, (uint32_t)(off + len), 0};
    check_cmp(off + len, <=, nt->out.len);
    call_on(nt->conn->home, pull_here, &p);
    return p.result < 0 ? p.result : give(nt, off, len, into);
}

static void cancel_here(struct msg *m)
{
    cancel_fire(&container_of(m, struct net_task, cancel_msg)->cancel);
}

/* A message from the LU's home overtakes nothing: it arrives before the end of
 * scsi_nexus_execute() does. */
static void cancel(struct scsi_task *t)
{
    struct net_task *nt = container_of(t, struct net_task, scsi);
    if (nt->conn->home == reactor_self()) {
        cancel_fire(&nt->cancel);
    } else if (!nt->cancel_msg.fn) {
        nt->cancel_msg.fn = cancel_here;
        reactor_post(nt->conn->home, &nt->cancel_msg);
    }
}

static void forget_here(struct msg *m)
{
    struct net_task *nt = container_of(m, struct net_task, fence_msg);
    nt->forgotten = true;
    iscsi_task_forget(nt->conn->iscsi, &nt->iscsi);
}

/* In time as cancel() is, and before the answer to the function that fenced it. */
static void fenced(struct scsi_task *t)
{
    struct net_task *nt = container_of(t, struct net_task, scsi);
    nt->fence_msg.fn = forget_here;
    if (nt->conn->home == reactor_self())
        forget_here(&nt->fence_msg);
    else
        reactor_post(nt->conn->home, &nt->fence_msg);
}

static const struct scsi_task_ops task_ops = {.pull = pull, .cancel = cancel, .fenced = fenced};

/* ---- execution --------------------------------------------------------------------------- */

static enum scsi_attr attr_of(uint8_t iscsi_attr)
{
    static const enum scsi_attr map[8] = {
        [2] = SCSI_ATTR_ORDERED,
        [3] = SCSI_ATTR_HEAD,
        [4] = SCSI_ATTR_ACA,
    };
    return map[iscsi_attr & 7]; /* untagged and simple: SIMPLE, which is 0 */
}

static void fill(struct net_task *nt)
{
    const struct iscsi_task *t = &nt->iscsi;
    struct scsi_task *s = &nt->scsi;
    s->nexus = nt->conn->nexus;
    s->ops = &task_ops;
    s->tag = t->itt;
    memcpy(s->lun, t->lun, sizeof(s->lun));
    memcpy(s->cdb, t->cdb, sizeof(s->cdb));
    s->cdb_len = (uint8_t)MIN(t->cdb_len, sizeof(s->cdb));
    s->attr = attr_of(t->attr);
    s->out_len = t->write ? nt->out.len : 0;
    s->in_max = t->read ? t->edtl : 0;
    s->arrived = run_now();
}

static void respond(struct conn *c, struct net_task *nt)
{
    const struct scsi_task *s = &nt->scsi;
    struct iscsi_result r = {
        .status = s->status,
        .sense = s->sense,
        .sense_len = s->sense_len,
        .data_in_len = nt->iscsi.read ? (uint32_t)MIN(s->data_in.len, nt->iscsi.edtl) : 0,
        .transfer = s->data_len,
    };
    if (mutant_on(MUTANT_WRONG_RESIDUAL) && r.transfer < nt->iscsi.edtl)
        r.transfer += 1;
    iscsi_task_done(c->iscsi, &nt->iscsi, &r);
    conn_kick(c);
}

static void task_fiber(void *arg)
{
    struct net_task *nt = arg;
    struct conn *c = nt->conn;
    nt->scsi.outcome = SCSI_ABORTED;
    if (c->nexus && !c->detached && !nt->aborted) {
        fill(nt);
        nt->executing = true;
        scsi_nexus_execute(c->nexus, &nt->scsi);
    }
    window_widen(c);
    if (!nt->forgotten && (nt->scsi.outcome == SCSI_DONE || nt->data_failed))
        respond(c, nt);
    else
        iscsi_task_drop(c->iscsi, &nt->iscsi);
    conn_fiber_done(c);
}

void task_start(struct conn *c, struct iscsi_task *t)
{
    struct net_task *nt = net_task_of(t);
    nt->started = true;
    if (!nt->refuse && (fiber_scarce() || !conn_fiber(c, task_fiber, nt, "task")))
        nt->refuse = SCSI_STATUS_BUSY; /* there must be fibers for logins and aborts */
    if (nt->refuse) {
        scsi_task_refuse(&nt->scsi, nt->refuse, 0, 0, 0);
        respond(c, nt);
    }
}

/* A command that waits for the data ends by the cancelled wait, one that was not started at
 * once; the machine answers with the sense it has for either. */
void task_data_failed(struct conn *c, struct iscsi_task *t)
{
    struct net_task *nt = net_task_of(t);
    nt->data_failed = true;
    cancel_fire(&nt->cancel);
    if (!nt->started)
        respond(c, nt);
}

/* ---- ends -------------------------------------------------------------------------------- */

void task_cancel_all(struct conn *c)
{
    struct net_task *nt, *tmp;
    list_for_each_safe (nt, tmp, &c->tasks, node)
        cancel_fire(&nt->cancel);
}

void task_drop_unstarted(struct conn *c, const uint8_t *lun)
{
    struct net_task *nt, *tmp;
    list_for_each_safe (nt, tmp, &c->tasks, node) {
        if (!nt->started && (!lun || memcmp(nt->iscsi.lun, lun, 8) == 0))
            iscsi_task_drop(c->iscsi, &nt->iscsi);
    }
}
