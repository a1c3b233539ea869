/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PERSISTENT RESERVE OUT (SPC-4): reads the parameter list into a request, lets the state
 * machine answer it (pr_state.c), and makes the answer true in this order: saved with the
 * volume, put in place, the nexuses concerned told by unit attentions, with PREEMPT AND ABORT
 * their tasks ended, and only then GOOD. When the save fails the initiator gets an error and
 * nothing has changed: a fence that is not on disk is no fence.
 *
 * Requests follow one another under lu->meta; other commands go on meanwhile, under the old
 * state until the new one is in place. Tasks are aborted after lu->meta is free again, because
 * one of them may be waiting for it. On the LU's home; parks.
 */
#include "scsi/pr.h"

#include "base/mutant.h"

#include <errno.h>
#include <stdlib.h>

#define LIST_MAX 8192u

/* A request and the memory behind its pointers. */
struct request {
    struct pr_request q;
    uint8_t *list;
    uint16_t *ports;
    struct pr_nexus *others;
};

static void request_free(struct request *r)
{
    free(r->list);
    free(r->ports);
    free(r->others);
}

/* ---- reading ----------------------------------------------------------------------------- */

/* Every helper below: false when the task has ended. */
static bool no_memory(struct scsi_task *t)
{
    task_errno(t, -ENOMEM, 0);
    return false;
}
static bool bad_length(struct scsi_task *t)
{
    task_check(t, SK_ILLEGAL_REQUEST, 0x1a00); /* PARAMETER LIST LENGTH ERROR */
    return false;
}
static bool bad_param(struct scsi_task *t, size_t byte, int8_t bit)
{
    task_bad_param(t, (uint16_t)byte, bit);
    return false;
}

static bool takes_scope_and_type(enum pr_out_sa sa)
{
    return sa == PR_RESERVE || sa == PR_RELEASE || sa == PR_PREEMPT ||
           sa == PR_PREEMPT_AND_ABORT;
}

static bool read_cdb(struct scsi_task *t, struct request *r)
{
    const struct cdb_pr_out *cdb = (const void *)t->cdb;
    r->q.sa = (enum pr_out_sa)t->op->service_action;
    r->q.type = cdb->scope_type & 0x0f;
    if (!takes_scope_and_type(r->q.sa))
        return true;
    if (cdb->scope_type >> 4 != 0) {
        task_bad_cdb(t, offsetof(struct cdb_pr_out, scope_type), 7);
        return false;
    }
    if (!pr_type_valid(r->q.type)) {
        task_bad_cdb(t, offsetof(struct cdb_pr_out, scope_type), 3);
        return false;
    }
    return true;
}

static bool add_other(struct scsi_task *t, struct request *r, const char *initiator,
                      const uint8_t isid[6], uint16_t port)
{
    struct pr_nexus *more = realloc(r->others, (r->q.nothers + 1) * sizeof(*more));
    if (!more)
        return no_memory(t);
    more[r->q.nothers++] = pr_nexus_make(initiator, isid, port);
    r->others = more;
    return true;
}

/* A TransportID that names a device means all of its ports that we know: those logged in
 * through the same target port. */
static bool add_device_ports(struct scsi_lu *lu, struct scsi_task *t, struct request *r,
                             const struct pr_transport_id *id)
{
    const struct scsi_itl *itl;
    bool known = false;
    list_for_each (itl, &lu->itls, on_lu) {
        struct pr_nexus who = pr_nexus_of(itl);
        if (who.port != r->q.who.port || strcmp(who.initiator, id->initiator) != 0)
            continue;
        known = true;
        if (!add_other(t, r, who.initiator, who.isid, who.port))
            return false;
    }
    return known || bad_param(t, sizeof(struct pr_out_list) + 4, -1);
}

/* SPEC_I_PT: a length, then TransportIDs. */
static bool read_ids(struct scsi_lu *lu, struct scsi_task *t, struct request *r,
                     struct rbuf *in)
{
    uint32_t len = rb_be32(in);
    if (in->bad || len != rb_left(in))
        return bad_length(t);
    while (rb_left(in) > 0) {
        struct pr_transport_id id;
        size_t at = (size_t)(in->p - r->list);
        if (!pr_id_parse(in, &id))
            return bad_param(t, at, -1);
        bool ok = id.any_port ? add_device_ports(lu, t, r, &id)
                              : add_other(t, r, id.initiator, id.isid, r->q.who.port);
        if (!ok)
            return false;
    }
    return true;
}

static bool read_basic_list(struct scsi_lu *lu, struct scsi_task *t, struct request *r,
                            struct rbuf *in)
{
    const struct pr_out_list *l = (const void *)rb_take(in, sizeof(*l));
    if (!l)
        return bad_length(t);
    r->q.key = be64_get(l->key);
    r->q.sa_key = be64_get(l->sa_key);
    r->q.aptpl = l->flags & PR_OUT_APTPL;
    r->q.all_tg_pt = l->flags & PR_OUT_ALL_TG_PT;
    r->q.spec_i_pt = l->flags & PR_OUT_SPEC_I_PT;
    if (!r->q.spec_i_pt)
        return rb_left(in) == 0 || bad_length(t);
    if (r->q.sa != PR_REGISTER)
        return bad_param(t, offsetof(struct pr_out_list, flags), PR_OUT_SPEC_I_PT_BIT);
    return read_ids(lu, t, r, in);
}

static bool is_port(const struct scsi_lu *lu, uint16_t rel_port_id)
{
    for (unsigned i = 0; i < lu->nports; i++)
        if (lu->ports[i].rel_port_id == rel_port_id)
            return true;
    return false;
}

static bool read_move_list(struct scsi_lu *lu, struct scsi_task *t, struct request *r,
                           struct rbuf *in)
{
    const struct pr_move_list *l = (const void *)rb_take(in, sizeof(*l));
    struct pr_transport_id id;
    if (!l || be32_get(l->id_len) != rb_left(in))
        return bad_length(t);
    r->q.key = be64_get(l->key);
    r->q.sa_key = be64_get(l->sa_key);
    r->q.aptpl = l->flags & PR_MOVE_APTPL;
    r->q.unreg = l->flags & PR_MOVE_UNREG;
    if (!is_port(lu, be16_get(l->rel_port_id)))
        return bad_param(t, offsetof(struct pr_move_list, rel_port_id), -1);
    if (!pr_id_parse(in, &id) || id.any_port || rb_left(in) != 0)
        return bad_param(t, sizeof(*l), -1);
    return add_other(t, r, id.initiator, id.isid, be16_get(l->rel_port_id));
}

static bool read_ports(const struct scsi_lu *lu, struct scsi_task *t, struct request *r)
{
    r->ports = calloc(lu->nports + 1, sizeof(*r->ports));
    if (!r->ports)
        return no_memory(t);
    for (unsigned i = 0; i < lu->nports; i++)
        r->ports[i] = lu->ports[i].rel_port_id;
    r->q.ports = r->ports;
    r->q.nports = lu->nports;
    return true;
}

/* Parks. */
static bool read_request(struct scsi_lu *lu, struct scsi_task *t, struct request *r)
{
    const struct cdb_pr_out *cdb = (const void *)t->cdb;
    uint32_t len = be32_get(cdb->list_len);
    if (!read_cdb(t, r))
        return false;
    if (len < sizeof(struct pr_out_list) || len > LIST_MAX)
        return bad_length(t);
    r->list = malloc(len);
    if (!r->list)
        return no_memory(t);
    if (!task_param_list(t, r->list, len))
        return false;
    struct rbuf in = rbuf_make(r->list, len);
    r->q.who = pr_nexus_of(t->itl);
    bool ok = r->q.sa == PR_REGISTER_AND_MOVE ? read_move_list(lu, t, r, &in)
                                              : read_basic_list(lu, t, r, &in);
    r->q.others = r->others;
    return ok && read_ports(lu, t, r);
}

/* ---- making it true ---------------------------------------------------------------------- */

static void refuse(struct scsi_task *t, enum pr_result result)
{
    static const uint16_t asc[] = {
        [PR_BAD_CDB] = 0x2400,
        [PR_BAD_RELEASE] = 0x2604,  /* INVALID RELEASE OF PERSISTENT RESERVATION */
        [PR_NO_RESOURCES] = 0x5504, /* INSUFFICIENT REGISTRATION RESOURCES */
    };
    switch (result) {
    case PR_CONFLICT:
        task_status(t, SCSI_STATUS_CONFLICT);
        break;
    case PR_BAD_SA_KEY:
        task_bad_param(t, offsetof(struct pr_out_list, sa_key), -1);
        break;
    case PR_BAD_OTHER:
        task_bad_param(t, sizeof(struct pr_move_list), -1);
        break;
    case PR_BAD_CDB:
    case PR_BAD_RELEASE:
    case PR_NO_RESOURCES:
        task_check(t, SK_ILLEGAL_REQUEST, asc[result]);
        break;
    case PR_NO_MEMORY:
    case PR_DONE:
        task_errno(t, -ENOMEM, 0);
        break;
    }
}

static void tell(struct scsi_lu *lu, const struct pr_state *old, const struct pr_request *q)
{
    struct scsi_itl *itl;
    list_for_each (itl, &lu->itls, on_lu) {
        struct pr_nexus who = pr_nexus_of(itl);
        enum scsi_ua ua = pr_ua_for(old, lu->pr->now, q, &who);
        if (ua != UA_COUNT)
            ua_raise(itl, ua);
    }
}

/* Under lu->meta. The state before, the caller's to free, or NULL when nothing changed and the
 * task has ended. Parks. */
static struct pr_state *change_state(struct scsi_lu *lu, struct scsi_task *t,
                                     const struct pr_request *q)
{
    struct pr_state *old = lu->pr->now, *next;
    enum pr_result result = pr_apply(old, q, &next);
    if (result != PR_DONE) {
        refuse(t, result);
        return NULL;
    }
    int err = task_commit(t) ? 0 : -ECANCELED;
    if (err == 0 && !mutant_on(MUTANT_PR_BEFORE_DURABLE))
        err = pr_store_save(lu, next);
    if (err != 0) {
        pr_state_free(next);
        task_errno(t, err, 0);
        return NULL;
    }
    pr_install(lu, next);
    tell(lu, old, q);
    task_good(t);
    return old;
}

/* Leaves in old only the registrations that q took away from others. */
static void keep_preempted(struct pr_state *old, const struct pr_state *next,
                           const struct pr_request *q)
{
    unsigned n = 0;
    for (unsigned i = 0; i < old->n; i++)
        if (pr_preempted(old, next, q, &old->regs[i].who))
            old->regs[n++] = old->regs[i];
    old->n = n;
}

/* A nexus among them that has tasks from before, other than t itself. */
static const struct scsi_itl *next_to_abort(const struct scsi_lu *lu, const struct scsi_task *t,
                                            const struct pr_state *preempted, uint64_t before)
{
    const struct scsi_task *o;
    list_for_each (o, &lu->tasks, on_lu) {
        struct pr_nexus who = pr_nexus_of(o->itl);
        if (o != t && !o->fenced && o->arrived <= before && pr_state_find(preempted, &who))
            return o->itl;
    }
    return NULL;
}

/* Parks. */
static void abort_preempted(struct scsi_lu *lu, struct scsi_task *t,
                            const struct pr_state *preempted)
{
    const struct scsi_itl *itl;
    uint64_t before = run_now();
    while ((itl = next_to_abort(lu, t, preempted, before)))
        lu_abort_tasks(lu, itl, t, t->itl);
}

static void execute(struct scsi_lu *lu, struct scsi_task *t, const struct pr_request *q)
{
    fmutex_lock(&lu->meta);
    struct pr_state *old = change_state(lu, t, q);
    if (old)
        keep_preempted(old, lu->pr->now, q);
    fmutex_unlock(&lu->meta);
    if (old && q->sa == PR_PREEMPT_AND_ABORT)
        abort_preempted(lu, t, old);
    pr_state_free(old);
}

void op_pr_out(struct scsi_lu *lu, struct scsi_task *t)
{
    struct request r = {.list = NULL};
    if (lu->reserved_by)
        task_status(t, SCSI_STATUS_CONFLICT); /* SPC-2 5.5.1: whoever holds it */
    else if (read_request(lu, t, &r))
        execute(lu, t, &r.q);
    request_free(&r);
}
