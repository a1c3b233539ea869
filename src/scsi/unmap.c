/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UNMAP (SBC-4). The whole list is checked before the first block is given back: lengths, the
 * limits of VPD B0, every range. A list header that promises more descriptors than were sent is
 * a list cut short (1A/00), and an incomplete last descriptor is ignored. Each descriptor is
 * discarded under the range lock of its own range, so a list never waits for itself; an abort
 * ends the command between two. One flush at the end makes all of them durable. Runs on the
 * LU's home; parks.
 */
#include "scsi/block.h"

#include <errno.h>

struct unmap_list {
    const struct unmap_desc *desc;
    unsigned n;
};

static struct blk_range range_of(const struct unmap_desc *d)
{
    return (struct blk_range){be64_get(d->lba), be32_get(d->nblk)};
}

/* False: the task has ended. */
static bool parse(struct scsi_task *t, const uint8_t *bytes, size_t len,
                  struct unmap_list *ret_list)
{
    struct rbuf in = rbuf_make(bytes, len);
    const struct unmap_header *h = (const void *)rb_take(&in, sizeof(*h));
    if (!h || be16_get(h->descs_len) > rb_left(&in)) {
        task_check(t, SK_ILLEGAL_REQUEST, 0x1a00); /* PARAMETER LIST LENGTH ERROR */
        return false;
    }
    ret_list->n = be16_get(h->descs_len) / (unsigned)sizeof(struct unmap_desc);
    ret_list->desc = (const void *)in.p;
    if (ret_list->n <= SCSI_UNMAP_MAX_DESCS)
        return true;
    task_bad_param(t, offsetof(struct unmap_header, descs_len), -1);
    return false;
}

/* All or nothing: every range lies inside the LU and together they stay within the limit.
 * False: the task has ended. */
static bool check_list(const struct scsi_lu *lu, struct scsi_task *t,
                       const struct unmap_list *list)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < list->n; i++) {
        struct blk_range r = range_of(&list->desc[i]);
        size_t at = sizeof(struct unmap_header) + i * sizeof(struct unmap_desc);
        if (!blk_inside(lu, t, r))
            return false;
        total += r.nblk;
        if (total > SCSI_UNMAP_MAX_BYTES / lu_block(lu)) {
            task_bad_param(t, (uint16_t)(at + offsetof(struct unmap_desc, nblk)), -1);
            return false;
        }
    }
    return true;
}

/* False: the task has ended. Parks. */
static bool discard(struct scsi_lu *lu, struct scsi_task *t, struct blk_range r)
{
    struct range_lock lock;
    int err = 0;
    if (!blk_lock(lu, t, &lock, r))
        return false;
    bool go = blk_admit(lu, t, 0) && task_commit(t);
    if (go)
        err = volume_discard(lu->vol, blk_bytes(lu, r.lba), blk_bytes(lu, r.nblk), VOL_LATER);
    range_unlock(lu, &lock);
    if (err != 0)
        task_errno(t, err, r.lba);
    return go && err == 0;
}

static void unmap(struct scsi_lu *lu, struct scsi_task *t, const uint8_t *bytes, size_t len)
{
    struct unmap_list list;
    if (!parse(t, bytes, len, &list) || !check_list(lu, t, &list))
        return;
    for (unsigned i = 0; i < list.n; i++)
        if (!discard(lu, t, range_of(&list.desc[i])))
            return;
    int err = volume_settle(lu->vol);
    if (err != 0)
        task_errno(t, err, 0);
    else
        task_good(t);
}

void op_unmap(struct scsi_lu *lu, struct scsi_task *t)
{
    const struct cdb_unmap *cdb = (const void *)t->cdb;
    size_t len = be16_get(cdb->list_len);
    struct iobuf *buf = len ? iobuf_get(len) : NULL;
    if (len == 0) /* not an error: nothing to unmap */
        task_good(t);
    else if (!buf)
        task_errno(t, -ENOMEM, 0);
    else if (task_param_list(t, buf->p, len))
        unmap(lu, t, buf->p, len);
    iobuf_put(buf);
}
