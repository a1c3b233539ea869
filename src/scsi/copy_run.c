/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Carrying out a copy. The copy manager is an application client like any other: each piece is
 * two tasks on a nexus of the initiator that asks, one at the source LU and, inside it, one at the
 * destination LU; the nexus of the EXTENDED COPY, or for a LU of another target the one of that initiator's session
 * there. So everything holds that holds for that initiator's own READ and WRITE: it
 * reaches the LUs mapped for it and no others (CVE-2020-28374), reservations and write
 * protection of both, aborts, resets, unmapping and the range lock of the destination; and both
 * volumes stay while the piece runs, whichever reactors they live on. The bytes go by
 * volume_copy(), which clones where it can.
 *
 * What a LU answers instead of doing its part goes into the sense data of the copy.
 *
 * What may change between pieces is looked at again in each: the LUN may be gone, or be another
 * LU by now. An abort of the EXTENDED COPY takes effect between two pieces. Runs in the fiber
 * of that command, on its LU's home; parks.
 */
#include "scsi/block.h"
#include "scsi/copy.h"

#include "base/check.h"

#include <string.h>

#define PIECE_BYTES (4u << 20)

/* COPY ABORTED with one of these; an initiator copies by itself then. */
#define ASC_UNREACHABLE_TARGET   0x0804
#define ASC_DEVICE_FAILURE       0x0d01 /* THIRD PARTY DEVICE FAILURE */
#define ASC_DEVICE_NOT_REACHABLE 0x0d02 /* COPY TARGET DEVICE NOT REACHABLE */
#define ASC_INEXACT_SEGMENT      0x260a /* UNEXPECTED INEXACT SEGMENT */
#define ASC_BLOCK_LENGTH         0x0d03 /* INCORRECT COPY TARGET DEVICE TYPE */

struct piece {
    struct scsi_task source_task, destination_task;
    const struct copy_end *source, *destination;
    uint64_t source_off, destination_off, len; /* bytes */
    uint64_t left;                             /* of the segment, this piece included */
    struct volume *from;                       /* stays while source_task runs */
    uint16_t asc;                              /* why not, when it was not a LU that said so */
};

/* ---- which LU ---------------------------------------------------------------------------- */

struct resolution {
    struct scsi_nexus *nexus;
    struct copy_end *end;
    bool found;
};

static void find_here(void *arg)
{
    struct resolution *r = arg;
    r->found = scsi_nexus_maps(r->nexus, r->end->designator, r->end->len, &r->end->lun);
}

static bool find(struct scsi_nexus *n, struct copy_end *end)
{
    struct resolution r = {n, end, false};
    call_on(scsi_nexus_home(n), find_here, &r);
    if (r.found)
        end->nexus = n;
    return r.found;
}

static void release_here(void *arg)
{
    scsi_nexus_release(arg);
}

static void release(struct scsi_nexus *n)
{
    call_on(scsi_nexus_home(n), release_here, n);
}

static void find_at_sibling(const struct scsi_nexus *n, struct copy_end *end)
{
    const struct scsi_nexus_params *p = nexus_params(n);
    struct scsi_nexus *other =
        p->ops && p->ops->sibling ? p->ops->sibling(p->arg, end->designator, end->len) : NULL;
    if (other && !find(other, end)) /* it went meanwhile */
        release(other);
}

void copy_resolve(struct scsi_task *t, struct copy_plan *plan)
{
    for (unsigned i = 0; i < plan->nends; i++)
        if (plan->ends[i].len != 0 && !find(t->nexus, &plan->ends[i]))
            find_at_sibling(t->nexus, &plan->ends[i]);
}

void copy_let_go(struct scsi_task *t, struct copy_plan *plan)
{
    for (unsigned i = 0; i < plan->nends; i++)
        if (plan->ends[i].nexus && plan->ends[i].nexus != t->nexus)
            release(plan->ends[i].nexus);
}

/* ---- one piece --------------------------------------------------------------------------- */

static bool inside(const struct scsi_lu *lu, uint64_t off, uint64_t len)
{
    return off <= lu->vol->geo.size && len <= lu->vol->geo.size - off;
}

/* Whether all that is left of the segment can be done at this LU. False: the task has ended. */
static bool check_end(const struct scsi_lu *lu, struct scsi_task *t, struct piece *p,
                      const struct copy_end *end, uint64_t off)
{
    uint32_t block = lu_block(lu);
    if (!lu_has_naa(lu, end->designator, end->len) || !inside(lu, off, p->left))
        p->asc = ASC_DEVICE_NOT_REACHABLE;
    else if (block != end->block)
        p->asc = ASC_BLOCK_LENGTH;
    else if (off % block != 0 || p->left % block != 0)
        p->asc = ASC_INEXACT_SEGMENT;
    if (p->asc != 0)
        task_check(t, SK_COPY_ABORTED, p->asc);
    return p->asc == 0;
}

static void copy_destination(struct scsi_lu *lu, struct scsi_task *t)
{
    struct piece *p = container_of(t, struct piece, destination_task);
    uint64_t lba = p->destination_off / lu_block(lu);
    struct range_lock lock;
    if (!check_end(lu, t, p, p->destination, p->destination_off))
        return;
    int err = range_lock(lu, &lock, lba, p->len / lu_block(lu), &t->cancel);
    if (err == 0) {
        if (blk_admit(lu, t, p->len) && task_commit(t))
            err = volume_copy(lu->vol, p->destination_off, p->from, p->source_off, p->len);
        range_unlock(lu, &lock);
    }
    if (err != 0) {
        task_errno(t, err, lba);
        return;
    }
    t->data_len = p->len;
    task_good(t);
}

static const struct scsi_op destination_op = {
    .name = "copy destination",
    .execute = copy_destination,
    .cdb_len = 6,
    .flags = OP_UA_KEEP | OP_WRITES,
    .order = ORDER_WRITE,
    .pr = PR_WRITE,
};

static void run_destination(void *arg)
{
    struct piece *p = arg;
    nexus_execute_as(p->destination->nexus, &p->destination_task, &destination_op);
}

static void copy_source(struct scsi_lu *lu, struct scsi_task *t)
{
    struct piece *p = container_of(t, struct piece, source_task);
    if (!check_end(lu, t, p, p->source, p->source_off) || !blk_admit(lu, t, p->len) ||
        t->aborting)
        return;
    p->from = lu->vol;
    call_on(scsi_nexus_home(p->destination->nexus), run_destination, p);
    task_good(t);
}

/* Of no order: the destination's task comes after it and must not wait for what waits for
 * it. */
static const struct scsi_op source_op = {
    .name = "copy source",
    .execute = copy_source,
    .cdb_len = 6,
    .flags = OP_UA_KEEP,
    .order = ORDER_FREE,
    .pr = PR_READ,
};

static void run_source(void *arg)
{
    struct piece *p = arg;
    nexus_execute_as(p->source->nexus, &p->source_task, &source_op);
}

static void prepare(struct scsi_task *t, const struct copy_end *end)
{
    *t = (struct scsi_task){
        .nexus = end->nexus,
        .tag = UINT64_MAX, /* no initiator's: ABORT TASK does not find it */
        .cdb_len = 6,
        .attr = SCSI_ATTR_SIMPLE,
        .arrived = run_now(),
    };
    scsi_lun_encode(end->lun, t->lun);
    sgl_init(&t->data_in);
}

static bool succeeded(const struct scsi_task *t)
{
    return t->outcome == SCSI_DONE && t->status == SCSI_STATUS_GOOD;
}

/* The LU that did not do its part: the destination runs inside the source's task. */
static void forward(const struct piece *p, struct sense_forwarded *ret_from)
{
    ret_from->destination = succeeded(&p->source_task);
    const struct scsi_task *t = ret_from->destination ? &p->destination_task : &p->source_task;
    ret_from->status = t->status;
    ret_from->len = (uint8_t)MIN(t->sense_len, sizeof(ret_from->sense));
    memcpy(ret_from->sense, t->sense, ret_from->len);
}

/* 0, or the additional sense code. Parks. */
static uint16_t copy_piece(struct piece *p, struct sense_forwarded *ret_from)
{
    prepare(&p->source_task, p->source);
    prepare(&p->destination_task, p->destination);
    p->destination_task.outcome = SCSI_ABORTED; /* until it has run */
    call_on(scsi_nexus_home(p->source->nexus), run_source, p);
    if (p->asc == 0 && !(succeeded(&p->source_task) && succeeded(&p->destination_task))) {
        p->asc = ASC_DEVICE_FAILURE;
        forward(p, ret_from);
    }
    return p->asc;
}

/* ---- all of them ------------------------------------------------------------------------- */

/* Where the segment begins. 0, or the additional sense code. */
static uint16_t locate(const struct copy_plan *plan, const struct copy_segment *s,
                       struct piece *p)
{
    if (s->source >= plan->nends || s->destination >= plan->nends)
        return ASC_UNREACHABLE_TARGET;
    p->source = &plan->ends[s->source];
    p->destination = &plan->ends[s->destination];
    p->left = copy_segment_bytes(plan, s);
    if (!p->source->nexus || !p->destination->nexus ||
        ckd_mul_u64(&p->source_off, s->source_lba, p->source->block) ||
        ckd_add_u64(&p->source_off, p->source_off, s->source_offset) ||
        ckd_mul_u64(&p->destination_off, s->destination_lba, p->destination->block) ||
        ckd_add_u64(&p->destination_off, p->destination_off, s->destination_offset))
        return ASC_DEVICE_NOT_REACHABLE;
    return 0;
}

/* 0, or the additional sense code. Parks. */
static uint16_t copy_segment(struct scsi_task *t, const struct copy_plan *plan,
                             const struct copy_segment *s, struct copy_record *rec,
                             struct sense_forwarded *ret_from)
{
    struct piece p = {.left = 0};
    uint16_t asc = locate(plan, s, &p);
    while (asc == 0 && p.left > 0 && !t->aborting) {
        p.len = MIN(p.left, PIECE_BYTES);
        asc = copy_piece(&p, ret_from);
        if (asc != 0)
            break;
        p.source_off += p.len;
        p.destination_off += p.len;
        p.left -= p.len;
        rec->bytes += p.len;
        fiber_maybe_yield();
    }
    return asc;
}

void copy_run(struct scsi_task *t, const struct copy_plan *plan, struct copy_record *rec)
{
    uint16_t asc = 0;
    struct sense_forwarded from = {.len = 0};
    for (unsigned i = 0; i < plan->nsegments && asc == 0; i++) {
        from.segment = (uint16_t)i;
        asc = copy_segment(t, plan, &plan->segments[i], rec, &from);
        if (asc == 0)
            rec->segments++;
    }
    struct sense s = {.key = SK_COPY_ABORTED,
                      .asc = (uint8_t)(asc >> 8),
                      .ascq = (uint8_t)asc,
                      .forwarded = asc == ASC_DEVICE_FAILURE ? &from : NULL};
    if (asc != 0)
        task_sense(t, &s);
    else
        task_good(t);
}
