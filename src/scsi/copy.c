/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXTENDED COPY(LID1) (SPC-4), VAAI's full copy, and the records that RECEIVE COPY RESULTS asks
 * for. A record is made when a copy begins and stays after its end, the last few per nexus,
 * until its list identifier is used again or the nexus is lost. Copies of one nexus that run at
 * the same time have different list identifiers. On the LU's home; parks.
 */
#include "scsi/copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 16 /* records of one nexus, running ones included */

#define ASC_OPERATION_IN_PROGRESS  0x0016
#define ASC_INSUFFICIENT_RESOURCES 0x5503

/* ---- records ----------------------------------------------------------------------------- */

struct copy_record *copy_find(struct scsi_lu *lu, const struct scsi_itl *itl, uint8_t list_id)
{
    struct copy_record *rec;
    list_for_each (rec, &lu->copies, on_lu)
        if (rec->itl == itl && rec->has_id && rec->list_id == list_id)
            return rec;
    return NULL;
}

static void forget(struct copy_record *rec)
{
    list_remove(&rec->on_lu);
    free(rec);
}

void copy_forget(struct scsi_lu *lu, const struct scsi_itl *itl)
{
    struct copy_record *rec, *next;
    list_for_each_safe (rec, next, &lu->copies, on_lu)
        if (rec->itl == itl)
            forget(rec);
}

/* Drops the nexus's oldest results until there is room for one more. */
static void make_room(struct scsi_lu *lu, const struct scsi_itl *itl)
{
    struct copy_record *rec, *next;
    unsigned n = 0;
    list_for_each (rec, &lu->copies, on_lu)
        n += rec->itl == itl;
    list_for_each_safe (rec, next, &lu->copies, on_lu) {
        if (n < KEPT_MAX)
            return;
        if (rec->itl != itl || rec->running)
            continue;
        forget(rec);
        n--;
    }
}

static unsigned running(const struct scsi_lu *lu)
{
    const struct copy_record *rec;
    unsigned n = 0;
    list_for_each (rec, &lu->copies, on_lu)
        n += rec->running;
    return n;
}

/* NULL: the task has ended. */
static struct copy_record *begin(struct scsi_lu *lu, struct scsi_task *t,
                                 const struct copy_plan *plan)
{
    struct copy_record *old = plan->has_id ? copy_find(lu, t->itl, plan->list_id) : NULL;
    if (old && old->running) {
        task_check(t, SK_ILLEGAL_REQUEST, ASC_OPERATION_IN_PROGRESS);
        return NULL;
    }
    if (running(lu) >= SCSI_COPY_MAX_CONCURRENT) {
        task_check(t, SK_ILLEGAL_REQUEST, ASC_INSUFFICIENT_RESOURCES);
        return NULL;
    }
    struct copy_record *rec = calloc(1, sizeof(*rec));
    if (!rec) {
        task_errno(t, -ENOMEM, 0);
        return NULL;
    }
    if (old)
        forget(old);
    make_room(lu, t->itl);
    rec->itl = t->itl;
    rec->list_id = plan->list_id;
    rec->has_id = plan->has_id;
    rec->running = true;
    list_push(&lu->copies, &rec->on_lu);
    return rec;
}

static void end(const struct scsi_task *t, struct copy_record *rec)
{
    rec->running = false;
    rec->status = t->status == SCSI_STATUS_GOOD ? COPY_DONE : COPY_FAILED;
    rec->sense_len = t->sense_len;
    memcpy(rec->sense, t->sense, t->sense_len);
    if (!rec->has_id) /* nobody can ask for it */
        forget(rec);
}

/* ---- the command ------------------------------------------------------------------------- */

static void execute(struct scsi_lu *lu, struct scsi_task *t, struct copy_plan *plan)
{
    struct copy_record *rec = begin(lu, t, plan);
    if (!rec)
        return;
    copy_resolve(t, plan);
    copy_run(t, plan, rec);
    copy_let_go(t, plan);
    end(t, rec);
}

void op_xcopy(struct scsi_lu *lu, struct scsi_task *t)
{
    const struct cdb_copy *cdb = (const void *)t->cdb;
    size_t len = be32_get(cdb->len);
    if (len == 0) { /* no list, nothing to copy, not an error */
        task_good(t);
        return;
    }
    if (len > sizeof(struct copy_list) + SCSI_COPY_MAX_LIST_BYTES) {
        task_check(t, SK_ILLEGAL_REQUEST, 0x1a00); /* PARAMETER LIST LENGTH ERROR */
        return;
    }
    uint8_t *list = malloc(len);
    struct copy_plan *plan = malloc(sizeof(*plan));
    if (!list || !plan)
        task_errno(t, -ENOMEM, 0);
    else if (task_param_list(t, list, len) && copy_plan_parse(t, list, len, plan))
        execute(lu, t, plan);
    free(list);
    free(plan);
}
