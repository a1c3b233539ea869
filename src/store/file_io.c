/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data path of file volumes. A file under O_DIRECT takes only multiples of its alignment,
 * at aligned addresses. What fits goes straight through; else it goes by way of a bounce
 * buffer, which for a write of part of a block is read first. So two writes of neighbouring
 * 512-byte blocks in one 4 KiB block would lose one of them: on volumes where that can happen
 * (align > block_size) every change of data holds its aligned range, the whole-block ones too,
 * since a stale neighbour must not be written back over them either.
 *
 * A durable write completes first and then waits for a flush that was submitted afterwards
 * (commit.c). A failed flush means that what was written since the last good one may be lost:
 * run/file poisons the file, commit remembers, every later durable write fails. A shrunk file
 * is found by reads past its end and by a look at its size after a flush. Everything here
 * parks.
 */
#include "store/file_int.h"

#include "base/log.h"
#include "base/mutant.h"

#include <errno.h>

#define LOOK_EVERY NS_PER_SEC

static void say_shrunk(struct file_volume *fv)
{
    if (fv->said_shrunk)
        return;
    fv->said_shrunk = true;
    log_error("store.shrunk", KV("volume", "%s", fv->v.name),
              KV("size", "%llu", (unsigned long long)file_info(fv->f)->size),
              KV("expected", "%llu", (unsigned long long)fv->v.geo.size));
}

int file_vol_error(struct file_volume *fv, int rc)
{
    switch (rc) {
    case -ENODATA: /* a read past the end */
        (void)file_refresh(fv->f);
        say_shrunk(fv);
        return -EIO;
    case -EDQUOT:
        return -ENOSPC;
    case -ENXIO:
        return -ENODEV;
    default:
        return rc;
    }
}

/* Writing past the end of a shrunk file makes it grow again, so that only its size tells
 * what was lost. Asking takes a helper thread: once in a while. */
static int look_at_size(struct file_volume *fv)
{
    if (run_now() < fv->look_again)
        return 0;
    fv->look_again = run_now() + LOOK_EVERY;
    int rc = file_refresh(fv->f);
    if (rc != 0 || file_info(fv->f)->size >= fv->v.geo.size)
        return rc;
    say_shrunk(fv);
    return -EIO;
}

/* A flush that fails for want of room lost data all the same: never -ENOSPC, which a host
 * would retry. */
int file_vol_sync(void *arg)
{
    struct file_volume *fv = arg;
    int rc = file_flush(fv->f);
    if (rc == 0)
        return look_at_size(fv);
    log_error("store.flush_failed", KV("volume", "%s", fv->v.name), KV("errno", "%d", -rc));
    return -EIO;
}

static int make_durable(struct file_volume *fv, int rc, unsigned flags)
{
    if (rc != 0)
        return file_vol_error(fv, rc);
    return flags & VOL_FUA ? commit_wait(&fv->commit) : 0;
}

int file_vol_flush(struct volume *v)
{
    return commit_wait(&file_of(v)->commit);
}

/* ---- alignment
 * ------------------------------------------------------------------------------------- */

static bool range_aligned(const struct file_volume *fv, uint64_t off, uint64_t len)
{
    return (off | len) % fv->align == 0;
}

static bool pieces_aligned(const struct file_volume *fv, const struct sgl *s)
{
    for (unsigned i = 0; i < s->n; i++)
        if (((uintptr_t)s->v[i].p | s->v[i].len) % fv->align != 0)
            return false;
    return true;
}

static bool needs_lock(const struct file_volume *fv)
{
    return fv->align > fv->v.geo.block_size && !mutant_on(MUTANT_LOST_NEIGHBOUR);
}

static void lock_blocks(struct file_volume *fv, struct range_hold *h, uint64_t off,
                        uint64_t len)
{
    uint64_t from = round_down(off, fv->align), to = round_up(off + len, fv->align);
    if (needs_lock(fv))
        range_take(&fv->partial, h, from, to - from);
}

static void unlock_blocks(struct file_volume *fv, struct range_hold *h)
{
    if (needs_lock(fv))
        range_drop(&fv->partial, h);
}

/* ---- read
 * ------------------------------------------------------------------------------------------ */

int file_vol_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    struct file_volume *fv = file_of(v);
    uint64_t from = round_down(off, fv->align), to = round_up(off + len, fv->align);
    uint64_t before = out->len;
    if (from == off && to == off + len) {
        int rc = sgl_alloc(out, len);
        return rc != 0 ? rc : file_vol_error(fv, file_read(fv->f, off, out, before, len));
    }
    struct sgl whole;
    sgl_init(&whole);
    int rc = sgl_alloc(&whole, to - from);
    if (rc == 0)
        rc = file_read(fv->f, from, &whole, 0, to - from);
    if (rc == 0)
        rc = sgl_slice(out, &whole, off - from, len);
    sgl_clear(&whole);
    return file_vol_error(fv, rc);
}

/* ---- write
 * ----------------------------------------------------------------------------------------- */

/* Reads what a partial write leaves of the first and the last block of [from, to). */
static int read_edges(struct file_volume *fv, struct sgl *whole, uint64_t from, uint64_t to,
                      uint64_t off, uint64_t len)
{
    uint64_t last = to - fv->align;
    int rc = 0;
    if (from != off)
        rc = file_read(fv->f, from, whole, 0, fv->align);
    if (rc == 0 && to != off + len && (last != from || from == off))
        rc = file_read(fv->f, last, whole, last - from, fv->align);
    return rc;
}

static int write_bounced(struct file_volume *fv, uint64_t off, const struct sgl *data)
{
    uint64_t from = round_down(off, fv->align), to = round_up(off + data->len, fv->align),
             at = off - from;
    struct sgl whole;
    sgl_init(&whole);
    int rc = sgl_alloc(&whole, to - from);
    if (rc == 0)
        rc = read_edges(fv, &whole, from, to, off, data->len);
    if (rc == 0) {
        for (unsigned i = 0; i < data->n; i++) {
            sgl_copy_in(&whole, at, data->v[i].p, data->v[i].len);
            at += data->v[i].len;
        }
        rc = file_write(fv->f, from, &whole, 0, to - from);
    }
    sgl_clear(&whole);
    return rc;
}

static int put(struct file_volume *fv, uint64_t off, const struct sgl *data)
{
    struct range_hold hold;
    lock_blocks(fv, &hold, off, data->len);
    int rc = range_aligned(fv, off, data->len) && pieces_aligned(fv, data)
                 ? file_write(fv->f, off, data, 0, data->len)
                 : write_bounced(fv, off, data);
    unlock_blocks(fv, &hold);
    return rc;
}

int file_vol_write(struct volume *v, uint64_t off, const struct sgl *data, unsigned flags)
{
    struct file_volume *fv = file_of(v);
    return make_durable(fv, put(fv, off, data), flags);
}

/* ---- zeros and holes
 * ------------------------------------------------------------------------------- */

/* A part of a block: zeros are data like others. */
static int zero_edge(struct file_volume *fv, uint64_t off, uint64_t len)
{
    struct sgl zeros;
    sgl_init(&zeros);
    int rc = len > 0 ? store_zeros_add(&zeros, len) : 0;
    if (rc == 0 && len > 0)
        rc = put(fv, off, &zeros);
    sgl_clear(&zeros);
    return rc;
}

static int zero_blocks(struct file_volume *fv, uint64_t off, uint64_t len, bool punch)
{
    struct range_hold hold;
    lock_blocks(fv, &hold, off, len);
    int rc = file_zero(fv->f, off, len, punch);
    unlock_blocks(fv, &hold);
    return rc;
}

/* The whole blocks of the range between its partial edges. */
static void split(const struct file_volume *fv, uint64_t off, uint64_t len, uint64_t *ret_from,
                  uint64_t *ret_to)
{
    uint64_t end = off + len;
    *ret_from = MIN(round_up(off, fv->align), end);
    *ret_to = MAX(round_down(end, fv->align), *ret_from);
}

static int zero_range(struct file_volume *fv, uint64_t off, uint64_t len, bool punch)
{
    uint64_t from, to;
    split(fv, off, len, &from, &to);
    int rc = zero_edge(fv, off, from - off);
    if (rc == 0 && to > from)
        rc = zero_blocks(fv, from, to - from, punch);
    if (rc == 0)
        rc = zero_edge(fv, to, off + len - to);
    return rc;
}

int file_vol_write_zeroes(struct volume *v, uint64_t off, uint64_t len, bool may_unmap,
                          unsigned flags)
{
    struct file_volume *fv = file_of(v);
    return make_durable(fv, zero_range(fv, off, len, may_unmap && !fv->thick), flags);
}

/* Regular files give holes, which read as zeros. A block device promises nothing about
 * discarded blocks (geo.thin is false), so only its whole blocks are discarded and the edges
 * are left alone. */
int file_vol_discard(struct volume *v, uint64_t off, uint64_t len, unsigned flags)
{
    struct file_volume *fv = file_of(v);
    if (v->geo.unmap_granularity == 0)
        return -EOPNOTSUPP;
    if (!fv->is_blockdev)
        return make_durable(fv, zero_range(fv, off, len, true), flags);
    uint64_t from, to;
    struct range_hold hold;
    split(fv, off, len, &from, &to);
    if (to == from)
        return 0;
    lock_blocks(fv, &hold, from, to - from);
    int rc = file_discard(fv->f, from, to - from);
    unlock_blocks(fv, &hold);
    return make_durable(fv, rc, flags);
}
