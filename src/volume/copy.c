/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * volume_copy(): by the engine where it can clone, else by reading and writing in pieces. Runs
 * on the destination's home; the source may live on another reactor and is then read there.
 * Pieces are written without FUA and made durable by one flush at the end, because nobody was
 * told of any of them before. A source and destination that overlap in one volume are copied
 * from the end that is not overwritten first, as memmove() does. Pieces that are holes in a
 * thin source become holes in a thin destination: a clone of an empty disk is empty. Parks.
 */
#include "volume/volume.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>

#define COPY_PIECE (1u << 20)

struct remote_read {
    struct volume *v;
    uint64_t off, len;
    struct sgl *out;
    bool want_holes; /* a piece without data need not be read */
    bool hole;
    int rc;
};

static bool is_hole(struct volume *v, uint64_t off, uint64_t len)
{
    uint64_t n;
    enum volume_extent state;
    return volume_extents(v, off, len, &n, &state) == 0 && state == VOL_HOLE && n == len;
}

static void remote_read(void *arg)
{
    struct remote_read *r = arg;
    r->hole = r->want_holes && is_hole(r->v, r->off, r->len);
    r->rc = r->hole ? 0 : volume_read(r->v, r->off, r->len, r->out);
}

static int copy_piece(struct volume *dst, uint64_t dst_off, struct volume *src,
                      uint64_t src_off, uint64_t len)
{
    struct sgl data;
    sgl_init(&data);
    struct remote_read r = {.v = src, .off = src_off, .len = len, .out = &data};
    r.want_holes = src->geo.thin && dst->geo.thin;
    call_on(src->home, remote_read, &r);
    int rc = r.rc;
    if (r.hole)
        rc = dst->ops->write_zeroes(dst, dst_off, len, true, 0);
    else if (rc == 0)
        rc = dst->ops->write(dst, dst_off, &data, 0);
    sgl_clear(&data);
    return rc;
}

static int copy_by_pieces(struct volume *dst, uint64_t dst_off, struct volume *src,
                          uint64_t src_off, uint64_t len)
{
    bool backwards = memcmp(&dst->id, &src->id, sizeof(dst->id)) == 0 && dst_off > src_off;
    int rc = 0;
    for (uint64_t done = 0; done < len && rc == 0;) {
        uint64_t n = MIN(len - done, COPY_PIECE);
        uint64_t at = backwards ? len - done - n : done;
        rc = copy_piece(dst, dst_off + at, src, src_off + at, n);
        done += n;
        fiber_maybe_yield();
    }
    return rc;
}

static void check_inside(const struct volume *v, uint64_t off, uint64_t len)
{
    check_cmp(len, <=, v->geo.size);
    check_cmp(off, <=, v->geo.size - len);
    check_cmp(off % v->geo.block_size, ==, 0u);
    check_cmp(len % v->geo.block_size, ==, 0u);
}

int volume_copy(struct volume *dst, uint64_t dst_off, struct volume *src, uint64_t src_off,
                uint64_t len)
{
    check(dst->home == reactor_self());
    check_inside(dst, dst_off, len);
    check_inside(src, src_off, len);
    if (dst->geo.read_only)
        return -EROFS;
    int rc = -EOPNOTSUPP;
    if (dst->ops->copy && dst->home == src->home && volume_engine(dst) == volume_engine(src))
        rc = dst->ops->copy(dst, dst_off, src, src_off, len);
    if (rc == -EOPNOTSUPP)
        rc = copy_by_pieces(dst, dst_off, src, src_off, len);
    bool durable =
        dst->sync == VOL_SYNC_ALWAYS || (dst->sync == VOL_SYNC_STANDARD && !dst->write_cache);
    return rc == 0 && durable ? dst->ops->flush(dst) : rc;
}
