/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a raidz block. When all is well only its data columns are read, straight into the
 * caller's buffer. Otherwise parity is read too and the missing columns are computed. If the
 * result is not the block, some disk returned wrong bytes without saying so; which one is found
 * by trying: each set of columns, smaller sets first, is taken for lost as long as parity
 * suffices, until the block passes. Leaves that lack the block's birth are asked last of all. Where a
 * column is on several leaves, one of them being replaced, they need not hold the same (one may have
 * missed it unseen): then all this is tried with each of them.
 * What was read (`was`) is kept beside what is being tried (`p`), so that in the end every
 * column can be compared with what it ought to hold.
 */
#include "pool/vdev/vdev_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct column {
    struct raidz_col at;
    struct vdev *from;         /* the leaf it was read from; NULL: it wasn't */
    struct vdev *first, *turn; /* while others are tried: it, and the one that was asked last */
    uint8_t *was;              /* its bytes as read; NULL: known to be right, or not read */
    bool failed;               /* a leaf that should have it could not be read */
    bool suspect;              /* taken for lost in the current trial */
};

struct raidz_io {
    struct vdev *top;
    const struct vdev_read *r;
    struct raidz_map map;
    uint8_t *data, *was_data;
    unsigned first; /* where read_columns() begins */
    bool lacking;   /* ask the leaves that lack the birth, not the others */
    struct iobuf *buf[2 * RAIDZ_MAX_PARITY + 1];
    uint8_t *p[RAIDZ_MAX_CHILDREN];
    struct column col[];
};

static struct raidz_io *io_new(struct vdev *top, const struct vdev_read *r, uint8_t *dst)
{
    struct raidz_map map;
    uint32_t len = (uint32_t)round_up(r->psize, 1ull << top->ashift);
    raidz_map_make(&map, r->off, len, top->ashift, top->nchildren, top->nparity);
    struct raidz_io *io = calloc(1, sizeof(*io) + map.ncols * sizeof(struct column));
    if (!io)
        return NULL;
    io->top = top;
    io->r = r;
    io->map = map;
    io->data = dst;
    for (unsigned c = 0; c < map.ncols; c++) {
        io->col[c].at = raidz_col(&map, c);
        io->p[c] = c < map.nparity ? NULL : dst + io->col[c].at.data_off;
    }
    return io;
}

static void io_free(struct raidz_io *io)
{
    for (unsigned i = 0; i < ARRAY_LEN(io->buf); i++)
        iobuf_put(io->buf[i]);
    free(io);
}

/* Parity columns, and room for what was read of all columns. */
static int io_room(struct raidz_io *io)
{
    uint32_t sizes[ARRAY_LEN(io->buf)];
    unsigned np = io->map.nparity;
    for (unsigned i = 0; i < 2 * np; i++)
        sizes[i] = io->col[0].at.len;
    sizes[2 * np] = (uint32_t)round_up(io->r->psize, 1ull << io->top->ashift);
    for (unsigned i = 0; i <= 2 * np; i++) {
        io->buf[i] = iobuf_get(sizes[i]);
        if (!io->buf[i])
            return E(-ENOMEM);
    }
    for (unsigned i = 0; i < np; i++)
        io->p[i] = io->buf[i]->p;
    io->was_data = io->buf[2 * np]->p;
    return 0;
}

/* ---- from the disks ---------------------------------------------------------------------- */

static struct vdev *group_of(const struct raidz_io *io, unsigned c)
{
    return io->top->child[io->col[c].at.child];
}

static void read_column(void *arg, unsigned i)
{
    struct raidz_io *io = arg;
    unsigned c = io->first + i;
    struct column *col = &io->col[c];
    struct copies copies;
    copies_of(&copies, group_of(io, c), col->at.off, io->r->birth);
    for (unsigned k = 0; k < copies.n && !col->from; k++) {
        const struct copy *copy = &copies.v[k];
        /* One that was passed over as lacking may have been resilvered since. */
        if (io->lacking ? col->failed && !copy->lacks : copy->lacks)
            continue;
        if (leaf_read(copy->leaf, col->at.off, io->p[c], col->at.len, io->r->class) == 0)
            col->from = copy->leaf;
        else
            col->failed |= !copy->lacks;
    }
}

/* Those from first to end - 1 that are not read yet. */
static void read_columns(struct raidz_io *io, unsigned first, unsigned end)
{
    io->first = first;
    fan_out(end - first, end - first, read_column, io);
}

static unsigned count_lost(const struct raidz_io *io)
{
    unsigned n = 0;
    for (unsigned c = io->map.nparity; c < io->map.ncols; c++)
        n += !io->col[c].from;
    return n;
}

static bool passes(const struct raidz_io *io)
{
    return !io->r->ok || io->r->ok(io->r->arg, io->data);
}

/* ---- reconstruction ---------------------------------------------------------------------- */

static void keep_columns(struct raidz_io *io)
{
    unsigned np = io->map.nparity;
    for (unsigned c = 0; c < io->map.ncols; c++) {
        struct column *col = &io->col[c];
        if (!col->from || col->was)
            continue;
        col->was = c < np ? io->buf[np + c]->p : io->was_data + col->at.data_off;
        memcpy(col->was, io->p[c], col->at.len);
    }
}

/* One trial: the columns not read and the suspects are lost, at most nparity in all. */
static bool try_set(struct raidz_io *io)
{
    uint32_t lost[RAIDZ_MAX_PARITY] = {0};
    unsigned n = 0;
    for (unsigned c = 0; c < io->map.ncols; c++) {
        if (!io->col[c].from || io->col[c].suspect)
            lost[n++] = c;
    }
    if (raidz_reconstruct(&io->map, io->p, lost, n) == 0 && passes(io))
        return true;
    for (unsigned i = 0; i < n; i++) {
        const struct column *col = &io->col[lost[i]];
        if (col->was)
            memcpy(io->p[lost[i]], col->was, col->at.len);
    }
    fiber_maybe_yield();
    return false;
}

/* All sets of n further suspects from column `from` on. */
static bool try_suspects(struct raidz_io *io, unsigned n, unsigned from)
{
    if (n == 0)
        return try_set(io);
    for (unsigned c = from; c < io->map.ncols; c++) {
        if (!io->col[c].from)
            continue;
        io->col[c].suspect = true;
        if (try_suspects(io, n - 1, c + 1))
            return true;
        io->col[c].suspect = false;
    }
    return false;
}

static int solve(struct raidz_io *io)
{
    unsigned lost = 0, np = io->map.nparity;
    for (unsigned c = 0; c < io->map.ncols; c++)
        lost += !io->col[c].from;
    if (lost > np)
        return E(-EIO);
    keep_columns(io);
    for (unsigned n = 0; n <= np - lost; n++) {
        if (try_suspects(io, n, 0))
            return 0;
    }
    return E(-EBADMSG);
}

/* ---- other leaves ------------------------------------------------------------------------ */

#define CHOICES_MAX 64u

/* The one after it, around; itself: there is no other. */
static struct vdev *leaf_after(const struct vdev *group, struct vdev *leaf)
{
    struct vdev *first = NULL, *other;
    bool seen = false;
    for (unsigned i = 0; (other = vdev_leaf(group, i)); i++) {
        if (seen && leaf_up(other))
            return other;
        seen |= other == leaf;
        if (!first && leaf_up(other))
            first = other;
    }
    return first ? first : leaf;
}

/* True: the column is as another leaf has it, or could not be read from there. False: all have had their turn, or there is one only. */
static bool turn_column(struct raidz_io *io, unsigned c)
{
    struct column *col = &io->col[c];
    struct vdev *next = leaf_after(group_of(io, c), col->turn);
    if (next == col->turn)
        return false;
    col->turn = next;
    if (leaf_read(next, col->at.off, io->p[c], col->at.len, io->r->class) == 0) {
        memcpy(col->was, io->p[c], col->at.len);
        col->from = next;
        col->failed = true; /* the others are looked at once it is known what is right */
    } else {
        memcpy(io->p[c], col->was, col->at.len);
    }
    return next != col->first;
}

/* The next choice of leaves, as an odometer counts; false: all were had. */
static bool turn(struct raidz_io *io)
{
    for (unsigned c = 0; c < io->map.ncols; c++)
        if (io->col[c].from && turn_column(io, c))
            return true;
    return false;
}

/* What was read of all columns does not make the block. */
static int try_others(struct raidz_io *io)
{
    int rc = E(-EBADMSG);
    for (unsigned c = 0; c < io->map.ncols; c++)
        io->col[c].first = io->col[c].turn = io->col[c].from;
    for (unsigned i = 0; rc == -EBADMSG && i < CHOICES_MAX && turn(io); i++)
        rc = solve(io);
    return rc;
}

/* The data columns alone didn't do. */
static int recover(struct raidz_io *io)
{
    int rc = io->was_data ? 0 : io_room(io);
    if (rc < 0)
        return rc;
    read_columns(io, 0, io->map.nparity);
    rc = solve(io);
    if (rc == 0)
        return 0;
    io->lacking = true;
    read_columns(io, 0, io->map.ncols);
    int again = solve(io);
    if (again == -EBADMSG)
        again = try_others(io);
    return again == -EIO ? rc : again;
}

/* ---- repair ------------------------------------------------------------------------------ */

/* The block is right now, and p[] of all columns. A leaf whose column was another one gets
 * the right one; with scrub the other leaves of the column are looked at as well. */
static int settle_column(struct raidz_io *io, unsigned c, bool scrub, uint64_t *ret_repaired)
{
    struct column *col = &io->col[c];
    const struct vdev_read *r = io->r;
    bool wrong = col->was && memcmp(col->was, io->p[c], col->at.len) != 0;
    if (wrong && !r->speculative)
        col->from->stats.checksum_errors += !txg_set_has(&col->from->dtl, r->birth);
    if (wrong && r->repair) {
        int rc = leaf_rewrite(col->from, col->at.off, io->p[c], col->at.len, r->class);
        if (rc == -ENOMEM)
            return rc;
        *ret_repaired += rc == 0 ? col->at.len : 0;
    }
    if (!scrub && !(r->repair && col->failed))
        return 0;
    return copies_settle(group_of(io, c), r, col->at.off, io->p[c], col->at.len, col->from,
                         ret_repaired);
}

/* Without ok() nobody knows which of two columns that contradict each other is wrong. */
static int settle_columns(struct raidz_io *io, bool scrub, uint64_t *ret_repaired)
{
    int rc = 0;
    if (!io->r->ok)
        return 0;
    raidz_parity(&io->map, io->p);
    for (unsigned c = 0; c < io->map.ncols; c++) {
        int one = settle_column(io, c, scrub, ret_repaired);
        rc = one ? one : rc;
    }
    return rc;
}

int raidz_read(struct vdev *top, const struct vdev_read *r, uint8_t *dst)
{
    uint64_t repaired = 0;
    struct raidz_io *io = io_new(top, r, dst);
    if (!io)
        return E(-ENOMEM);
    read_columns(io, io->map.nparity, io->map.ncols);
    int rc = 0;
    if (count_lost(io) > 0 || !passes(io)) {
        rc = recover(io);
        if (rc == 0)
            settle_columns(io, false, &repaired);
    }
    io_free(io);
    return rc;
}

/* All columns read and the data right: what parity was read is compared with what it should
 * be. */
static void keep_parity(struct raidz_io *io)
{
    for (unsigned c = 0; c < io->map.nparity; c++) {
        if (!io->col[c].from)
            continue;
        io->col[c].was = io->p[c];
        io->p[c] = io->buf[io->map.nparity + c]->p;
    }
}

int raidz_scrub(struct vdev *top, const struct vdev_read *r, uint8_t *scratch,
                uint64_t *ret_repaired)
{
    struct raidz_io *io = io_new(top, r, scratch);
    int rc = io ? io_room(io) : E(-ENOMEM);
    if (rc == 0) {
        read_columns(io, 0, io->map.ncols);
        if (count_lost(io) == 0 && passes(io))
            keep_parity(io);
        else
            rc = recover(io);
    }
    if (rc == 0)
        rc = settle_columns(io, true, ret_repaired);
    if (io)
        io_free(io);
    return rc;
}
