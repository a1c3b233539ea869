/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RECEIVE COPY RESULTS (SPC-4): how far a copy is, how it ended, and what EXTENDED COPY can do.
 * Nothing is held for RECEIVE DATA, because block to block copies produce nothing to hold. On
 * the LU's home; doesn't park.
 */
#include "scsi/copy.h"

static void put_status(const struct copy_record *rec, struct wbuf *w)
{
    struct copy_status s = {
        .available = be32_make(sizeof(s) - sizeof(s.available)),
        .status = rec->running ? COPY_IN_PROGRESS : rec->status,
        .segments = be16_make(rec->segments),
        .transferred = be32_make((uint32_t)rec->bytes),
    };
    static_assert((uint64_t)SCSI_COPY_MAX_SEGMENTS * SCSI_COPY_MAX_SEGMENT_BYTES <= UINT32_MAX,
                  "the count fits in bytes");
    wb_bytes(w, &s, sizeof(s));
}

static void put_failed(const struct copy_record *rec, struct wbuf *w)
{
    struct copy_failed f = {
        .available = be32_make((uint32_t)(sizeof(f) - sizeof(f.available)) + rec->sense_len),
        .status = SCSI_STATUS_CHECK,
        .sense_len = be16_make(rec->sense_len),
    };
    if (rec->status != COPY_FAILED || rec->sense_len == 0) {
        wb_be32(w, 0); /* nothing failed: no details */
        return;
    }
    wb_bytes(w, &f, sizeof(f));
    wb_bytes(w, rec->sense, rec->sense_len);
}

static void put_parameters(const struct scsi_lu *lu, struct wbuf *w)
{
    static const uint8_t types[] = {COPY_SEGMENT_BLOCKS, COPY_SEGMENT_BYTES,
                                    COPY_CSCD_IDENTIFICATION};
    struct copy_parameters p = {
        .available = be32_make(sizeof(p) - sizeof(p.available) + sizeof(types)),
        .flags = COPY_SNLID,
        .max_cscds = be16_make(SCSI_COPY_MAX_CSCDS),
        .max_segments = be16_make(SCSI_COPY_MAX_SEGMENTS),
        .max_list_len = be32_make(SCSI_COPY_MAX_LIST_BYTES),
        .max_segment_len = be32_make(SCSI_COPY_MAX_SEGMENT_BYTES),
        .total_concurrent = be16_make(SCSI_COPY_MAX_CONCURRENT),
        .max_concurrent = SCSI_COPY_MAX_CONCURRENT,
        .segment_granularity = (uint8_t)__builtin_ctz(lu_block(lu)),
        .ntypes = sizeof(types),
    };
    wb_bytes(w, &p, sizeof(p));
    wb_bytes(w, types, sizeof(types));
}

/* The results of a copy that is over, for those that make no sense before: NULL: the task has
 * ended. */
static const struct copy_record *finished(const struct copy_record *rec, struct scsi_task *t)
{
    if (rec && !rec->running)
        return rec;
    task_bad_cdb(t, offsetof(struct cdb_copy, list_id), -1);
    return NULL;
}

void op_receive_copy_results(struct scsi_lu *lu, struct scsi_task *t)
{
    const struct cdb_copy *cdb = (const void *)t->cdb;
    const struct copy_record *rec = copy_find(lu, t->itl, cdb->list_id);
    uint8_t bytes[sizeof(struct copy_failed) + SCSI_SENSE_MAX];
    struct wbuf w = wbuf_make(bytes, sizeof(bytes));
    switch ((enum copy_results_sa)t->op->service_action) {
    case COPY_STATUS:
        if (!rec) {
            task_bad_cdb(t, offsetof(struct cdb_copy, list_id), -1);
            return;
        }
        put_status(rec, &w);
        break;
    case COPY_RECEIVE_DATA:
        if (!finished(rec, t))
            return;
        wb_be32(&w, 0);
        break;
    case COPY_OPERATING_PARAMETERS:
        put_parameters(lu, &w);
        break;
    case COPY_FAILED_SEGMENT_DETAILS:
        if (!finished(rec, t))
            return;
        put_failed(rec, &w);
        break;
    }
    task_reply(t, &w, be32_get(cdb->len));
}
