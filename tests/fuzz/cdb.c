/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random commands against one LU: CDBs by row of the op table or out of thin air, with random
 * allocation lengths, parameter lists of any length, attributes, two nexuses, aborts and resets
 * in between. Nothing may crash, and after each command:
 *   - it ended, with a status that exists, and with sense data if and only if that is CHECK
 *     CONDITION
 *   - what it wants to move is within the bound by which the transport admitted it, and so is
 *     its data-in
 *   - it asked only for data-out that is there
 * and at the end nothing is left in the LU: no task, no range lock, nobody who waits.
 */
#include "scsi/scsi_fixture.h"

#include "base/check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VOLUME_BYTES (1u << 20)
#define OUT_MAX      8192u

/* How to make a command, first byte of its record. */
#define BY_ROW    0x01 /* opcode and service action of an existing row */
#define ONLY_USED 0x02 /* with row: no bit outside the usage map */
#define SMALL_LBA 0x04 /* clears the upper bytes of what is an LBA in most CDBs */
#define SMALL_LEN 0x08 /* and of a 32-bit length */
#define NEXUS_B   0x10
#define OUT_EXACT 0x20 /* data-out as long as the CDB says, else as long as the input says */
#define TASK_MGMT 0x40 /* a task management function instead */
#define STAY      0x80 /* another command comes while this one is in the LU */

struct input {
    struct rbuf in;
    struct fix_cmd *pending;
};

static void make_cdb(struct fix *f, struct input *i, uint8_t how, uint8_t cdb[16])
{
    size_t n;
    const struct scsi_op *ops = scsi_ops(&n);
    const struct scsi_op *op = &ops[rb_u8(&i->in) % n];
    uint8_t usage[16];
    for (int b = 0; b < 16; b++)
        cdb[b] = rb_u8(&i->in);
    if (!(how & BY_ROW))
        return;
    scsi_op_usage(op, f->lu, usage);
    for (int b = 0; b < 16 && how & ONLY_USED; b++)
        cdb[b] &= usage[b];
    if (how & SMALL_LBA && op->cdb_len > 6)
        memset(cdb + 2, 0, op->cdb_len == 16 ? 6 : 2);
    if (how & SMALL_LEN && op->cdb_len > 10)
        memset(cdb + (op->cdb_len == 16 ? 10 : 6), 0, 3);
    cdb[0] = op->opcode;
    if (op->has_sa)
        cdb[1] = (uint8_t)((cdb[1] & ~SCSI_SA_MASK) | op->service_action);
}

static struct fix_cmd *make(struct fix *f, struct input *i, uint8_t how)
{
    static uint8_t out[OUT_MAX];
    struct fix_cmd *c = fix_cmd(f, how & NEXUS_B ? f->b : f->a, "00");
    make_cdb(f, i, how, c->t.cdb);
    uint8_t misc = rb_u8(&i->in);
    c->t.attr = (enum scsi_attr)(misc & 3);
    c->t.in_max = misc & 4 ? scsi_cdb_data_bound(c->t.cdb) : rb_be16(&i->in);
    uint64_t len =
        how & OUT_EXACT ? scsi_cdb_data_bound(c->t.cdb) / (misc & 8 ? 8 : 1) : rb_be16(&i->in);
    len = MIN(len, OUT_MAX);
    size_t filled = MIN((size_t)(misc >> 4) * 16, rb_left(&i->in));
    memset(out, misc & 8 ? 0xff : 0, sizeof(out));
    rb_bytes(&i->in, out, MIN(filled, len));
    fix_out(c, out, len);
    return c;
}

static void judge(const struct fix_cmd *c)
{
    const struct scsi_task *t = &c->t;
    uint64_t bound = scsi_cdb_data_bound(t->cdb);
    check(c->done);
    if (c->outcome == SCSI_ABORTED) {
        check(c->in_len == 0);
        return;
    }
    switch (c->status) {
    case SCSI_STATUS_CHECK:
        check(t->sense_len >= 8 && t->sense_len <= SCSI_SENSE_MAX);
        check(c->key != SK_NO_SENSE || c->asc_ascq != 0);
        check(c->in_len == 0);
        break;
    case SCSI_STATUS_GOOD:
    case SCSI_STATUS_CONDITION_MET:
    case SCSI_STATUS_BUSY:
    case SCSI_STATUS_CONFLICT:
    case SCSI_STATUS_TASK_SET_FULL:
    case SCSI_STATUS_TASK_ABORTED:
        check(t->sense_len == 0);
        break;
    default:
        check(false); /* a status that does not exist */
    }
    check_cmp(t->data_len, <=, bound);
    check_cmp(c->in_len, <=, MIN(bound, t->in_max));
}

static void finish(struct fix_cmd *c)
{
    fix_wait(c);
    judge(c);
    fix_free(c);
}

struct tmf_call {
    struct scsi_nexus *n;
    enum scsi_tmf fn;
    uint64_t tag;
};

static struct fix_cmd *take_pending(struct input *i)
{
    struct fix_cmd *c = i->pending;
    i->pending = NULL;
    return c;
}

static void task_management(void *arg)
{
    static const uint8_t lun[8];
    struct tmf_call *c = arg;
    scsi_nexus_tmf(c->n, c->fn, lun, c->tag);
}

static void step(struct fix *f, struct input *i)
{
    uint8_t how = rb_u8(&i->in);
    if (how & TASK_MGMT) {
        struct tmf_call c = {.n = how & NEXUS_B ? f->b : f->a,
                             .fn = (enum scsi_tmf)(how & 0x0f),
                             .tag = i->pending ? i->pending->t.tag : 0};
        call_on(scsi_nexus_home(c.n), task_management, &c);
        return;
    }
    struct fix_cmd *c = make(f, i, how);
    bool stay = how & STAY && !i->pending;
    c->data_held = stay && c->t.out_len != 0;
    fix_start(c);
    if (stay)
        i->pending = c;
    else if (!i->pending) /* behind a task that is held it may have to wait */
        finish(c);
    else {
        fix_data(i->pending);
        finish(take_pending(i));
        finish(c);
    }
}

static void body(struct fix *f)
{
    struct input *i = f->arg;
    while (rb_left(&i->in) > 0)
        step(f, i);
    if (i->pending) {
        fix_data(i->pending);
        finish(take_pending(i));
    }
    fix_settle();
    check(list_empty(&f->lu->tasks) && lu_ranges_idle(f->lu));
    check(f->lu->ntasks == 0 && f->lu->nstrict == 0 && f->lu->nblocked == 0);
    check(!f->lu->meta.held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct input i = {.in = rbuf_make(data + 1, size - 1)};
    struct fix_opts opts = {
        .size = VOLUME_BYTES,
        .block_size = data[0] & 1 ? 4096 : 512,
        .sync = data[0] & 2 ? VOL_SYNC_STANDARD : VOL_SYNC_ALWAYS,
        .not_thin = data[0] & 4,
        .threshold_pct = data[0] & 8 ? 10 : 0,
        .read_only = (data[0] & 0x70) == 0x70,
    };
    check(fix_run_raw(body, &opts, &i) == 0);
    return 0;
}
