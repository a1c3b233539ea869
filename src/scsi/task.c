/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a task ends, and how its handler moves small data. Every handler leaves by exactly one of
 * the task_*() calls here. A task whose abort has begun keeps whatever status its handler set;
 * execute.c throws it away at the end. Runs on the LU's home (scsi_task_refuse(): anywhere).
 * Only task_param_list() parks.
 */
#include "scsi/scsi_int.h"

#include "base/check.h"

#include <errno.h>

void task_status(struct scsi_task *t, uint8_t status)
{
    t->status = status;
    t->sense_len = 0;
}

void task_good(struct scsi_task *t)
{
    task_status(t, SCSI_STATUS_GOOD);
}

void task_sense(struct scsi_task *t, const struct sense *s)
{
    bool descriptor = t->itl && t->itl->lu && t->itl->lu->control.d_sense;
    sgl_clear(&t->data_in);
    t->status = SCSI_STATUS_CHECK;
    t->sense_len = (uint8_t)sense_encode(s, descriptor, t->sense, sizeof(t->sense));
}

static struct sense sense_of(uint8_t key, uint16_t asc_ascq)
{
    return (struct sense){
        .key = key, .asc = (uint8_t)(asc_ascq >> 8), .ascq = (uint8_t)asc_ascq};
}

void task_check(struct scsi_task *t, uint8_t key, uint16_t asc_ascq)
{
    struct sense s = sense_of(key, asc_ascq);
    task_sense(t, &s);
}

void task_bad_cdb(struct scsi_task *t, uint8_t byte, int8_t bit)
{
    struct sense s = sense_of(SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
    s.sks = SKS_CDB;
    s.sks_field = byte;
    s.sks_bit = bit;
    task_sense(t, &s);
}

void task_bad_param(struct scsi_task *t, uint16_t byte, int8_t bit)
{
    struct sense s = sense_of(SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_PARAM);
    s.sks = SKS_DATA;
    s.sks_field = byte;
    s.sks_bit = bit;
    task_sense(t, &s);
}

/* A volume's errors in SCSI's words. What ESXi does depends on them: 07/27/07 stuns the
 * machines that need room, 04/3E/01 is permanent loss, 02/04/01 is "come again". */
static const struct errno_sense {
    int err;
    uint8_t key;
    uint16_t asc_ascq;
} errno_table[] = {
    {-ENOSPC,     SK_DATA_PROTECT,    ASC_SPACE_ALLOCATION_FAILED},
    {-EBADMSG,    SK_MEDIUM_ERROR,    ASC_UNRECOVERED_READ_ERROR },
    {-EROFS,      SK_DATA_PROTECT,    ASC_WRITE_PROTECTED        },
    {-EAGAIN,     SK_NOT_READY,       ASC_BECOMING_READY         },
    {-ENODEV,     SK_HARDWARE_ERROR,  ASC_LOGICAL_UNIT_FAILURE   },
    {-EOPNOTSUPP, SK_ILLEGAL_REQUEST, ASC_INVALID_OPCODE         },
};

void task_errno(struct scsi_task *t, int err, uint64_t lba)
{
    struct sense s = sense_of(SK_HARDWARE_ERROR, ASC_INTERNAL_TARGET_FAILURE);
    check_cmp(err, <, 0);
    if (err == -ECANCELED) {
        t->aborting = true;
        return;
    }
    if (err == -ENOMEM) {
        task_status(t, SCSI_STATUS_BUSY);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(errno_table); i++)
        if (errno_table[i].err == err)
            s = sense_of(errno_table[i].key, errno_table[i].asc_ascq);
    s.has_info = err == -EBADMSG;
    s.info = lba;
    task_sense(t, &s);
}

void scsi_task_refuse(struct scsi_task *t, uint8_t status, uint8_t key, uint8_t asc,
                      uint8_t ascq)
{
    struct sense s = {.key = key, .asc = asc, .ascq = ascq};
    t->outcome = SCSI_DONE;
    t->data_len = 0;
    t->status = status;
    t->sense_len = 0;
    if (status == SCSI_STATUS_CHECK)
        t->sense_len = (uint8_t)sense_encode(&s, false, t->sense, sizeof(t->sense));
}

/* ---- small data -------------------------------------------------------------------------- */

bool task_wbuf(struct scsi_task *t, size_t alloc, size_t max, struct wbuf *ret_w)
{
    size_t cap = MIN(MIN(alloc, max), IOBUF_MAX);
    check(t->data_in.n == 0);
    if (cap == 0) {
        *ret_w = wbuf_make(NULL, 0);
        return true;
    }
    struct iobuf *buf = iobuf_get(cap); /* one piece, which sgl_alloc() does not promise */
    int rc = buf ? sgl_add(&t->data_in, buf, buf->p, (uint32_t)cap) : -ENOMEM;
    if (rc < 0) {
        iobuf_put(buf);
        task_errno(t, rc, 0);
        return false;
    }
    *ret_w = wbuf_make(buf->p, cap);
    return true;
}

void task_reply(struct scsi_task *t, const struct wbuf *w, size_t alloc)
{
    size_t len = MIN(wb_stored(w), alloc);
    bool in_place = t->data_in.n != 0;
    if (!in_place && len != 0) {
        int rc = sgl_alloc(&t->data_in, len);
        if (rc < 0) {
            task_errno(t, rc, 0);
            return;
        }
        sgl_copy_in(&t->data_in, 0, w->p, len);
    }
    sgl_truncate(&t->data_in, len);
    t->data_len = len;
    task_good(t);
}

bool task_param_list(struct scsi_task *t, void *ret_bytes, size_t len)
{
    struct sgl data;
    if (len > t->out_len) { /* the initiator sends less than its CDB says */
        task_check(t, SK_ILLEGAL_REQUEST, ASC_PARAMETER_LIST_LENGTH);
        return false;
    }
    if (len == 0)
        return true;
    sgl_init(&data);
    int rc = t->ops->pull(t, 0, len, &data);
    if (rc == 0)
        sgl_copy_out(&data, 0, ret_bytes, len);
    sgl_clear(&data);
    if (rc < 0) {
        task_errno(t, rc, 0);
        return false;
    }
    return true;
}

bool task_commit(struct scsi_task *t)
{
    if (t->aborting)
        return false;
    t->committed = true;
    return true;
}
