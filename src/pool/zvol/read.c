/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading: what is dirty in memory, else the committed tree; and what is provisioned. */
#include "pool/zvol/zvol_int.h"

#include <errno.h>
#include <stdlib.h>

#define READ_FIBERS 32u

/* ---- finding a block ------------------------------------------------------------------------------------- */

/* The newest version in memory up to txg. True: *ret_buf, or NULL for zeros. */
bool pvol_find_dirty(const struct pvol *pv, uint64_t txg, uint64_t blkid,
                     struct iobuf **ret_buf)
{
    for (; txg > pv->p->txgs.synced; txg--) {
        const struct vdirty *d = &pv->dirty[txg % TXG_SLOTS];
        if (vdirty_empty(d))
            continue;
        struct vblock *b = vdirty_find(d, blkid);
        if (b || vdirty_is_freed(d, blkid)) {
            *ret_buf = b ? b->buf : NULL;
            return true;
        }
    }
    return false;
}

/* Disks that are away are no damage. */
static void note_damage(struct pvol *pv, uint64_t blkid, int r)
{
    const struct bookmark at = {.objset = pv->ds->id, .object = ZVOL_DATA, .blkid = blkid};
    if (r == -EBADMSG || r == -EIO)
        errlog_add(pv->p, &at);
}

/* The block as of txg: a buffer with a reference, NULL for zeros. Parks. */
int pvol_block_get(struct pvol *pv, uint64_t txg, uint64_t blkid, enum block_hint hint,
                   struct iobuf **ret_buf)
{
    if (pvol_find_dirty(pv, txg, blkid, ret_buf)) {
        if (*ret_buf)
            iobuf_ref(*ret_buf);
        return 0;
    }
    struct blocks *b = &pv->p->blocks;
    uint64_t ticket = blocks_reader_enter(b), commits = pv->commits;
    struct bp bp;
    int r = object_lookup(pv->data, blkid, &bp);
    *ret_buf = NULL;
    if (r == 0 && !bp_is_hole(&bp))
        r = block_read(b, &bp, hint, ret_buf);
    blocks_reader_leave(b, ticket);
    /* The first use of what was read ahead goes through the cache, which counts it as such. */
    if (*ret_buf && hint == BLOCK_NORMAL && commits == pv->commits)
        shortcut_set(pv, blkid, &bp);
    if (hint != BLOCK_PREFETCH)
        note_damage(pv, blkid, r);
    return r;
}

/* ---- reading ----------------------------------------------------------------------------- */

static int add_zeros(struct sgl *out, uint64_t len)
{
    uint64_t at = out->len;
    int r = sgl_alloc(out, len);
    if (r == 0)
        sgl_zero(out, at, len);
    return r;
}

/* Appends bytes [from, to) of a block (NULL: zeros) that begins at start. Takes over the reference. */
static int append(struct sgl *out, struct iobuf *buf, uint64_t start, uint64_t from,
                  uint64_t to)
{
    if (!buf)
        return add_zeros(out, to - from);
    int r = sgl_add(out, buf, buf->p + (from - start), (uint32_t)(to - from));
    if (r)
        iobuf_put(buf);
    return r;
}

/* The block if that takes no parking: 1, 0 when it may take some. */
static int at_hand(const struct pvol *pv, uint64_t txg, uint64_t blkid, struct iobuf **ret_buf)
{
    if (pvol_find_dirty(pv, txg, blkid, ret_buf)) {
        if (*ret_buf)
            iobuf_ref(*ret_buf);
        return 1;
    }
    *ret_buf = shortcut_find(pv, blkid);
    return *ret_buf != NULL;
}

/* As much of [off, end) from its beginning as is in memory; *ret_off is where that ends. */
static int read_at_hand(const struct pvol *pv, uint64_t txg, uint64_t off, uint64_t end,
                        struct sgl *out, uint64_t *ret_off)
{
    struct iobuf *buf;
    int r = 0;
    while (r == 0 && off < end && at_hand(pv, txg, off / pv->bs, &buf)) {
        uint64_t start = round_down(off, pv->bs), to = MIN(end, start + pv->bs);
        r = append(out, buf, start, off, to);
        off = to;
    }
    *ret_off = off;
    return r;
}

struct fetch {
    struct pvol *pv;
    uint64_t txg, blkid;
    struct iobuf *buf;
    int result;
    struct waitgroup *group;
};

static void fetch_block(void *arg)
{
    struct fetch *f = arg;
    f->result = pvol_block_get(f->pv, f->txg, f->blkid, BLOCK_NORMAL, &f->buf);
    waitgroup_done(f->group);
}

/* Gets n neighbouring blocks, each in a fiber of its own where it isn't in memory. */
static int fetch_blocks(struct pvol *pv, uint64_t txg, uint64_t first, unsigned n,
                        struct fetch *f)
{
    struct waitgroup group;
    int r = 0;
    waitgroup_init(&group);
    for (unsigned i = 0; i < n; i++) {
        f[i] = (struct fetch){.pv = pv, .txg = txg, .blkid = first + i, .group = &group};
        if (at_hand(pv, txg, first + i, &f[i].buf))
            continue;
        waitgroup_add(&group, 1);
        if (n == 1 || !fiber_start(fetch_block, &f[i], "pool-read"))
            fetch_block(&f[i]);
    }
    waitgroup_wait(&group);
    for (unsigned i = 0; i < n && r == 0; i++)
        r = f[i].result;
    return r;
}

/* Appends bytes [off, end) of what was fetched, unless it failed, and drops the references. */
static int fetch_append(const struct pvol *pv, struct fetch *f, unsigned n, uint64_t off,
                        uint64_t end, int r, struct sgl *out)
{
    for (unsigned i = 0; i < n; i++) {
        uint64_t start = f[i].blkid * pv->bs;
        if (r == 0)
            r = append(out, f[i].buf, start, MAX(off, start), MIN(end, start + pv->bs));
        else
            iobuf_put(f[i].buf);
    }
    return r;
}

static int read_rest(struct pvol *pv, uint64_t txg, uint64_t off, uint64_t end, struct sgl *out)
{
    struct fetch one, *f = &one;
    uint64_t nblocks = (end - 1) / pv->bs - off / pv->bs + 1;
    int r = 0;
    if (nblocks > 1 && !(f = calloc(MIN(nblocks, READ_FIBERS), sizeof(*f))))
        return E(-ENOMEM);
    while (r == 0 && off < end) {
        uint64_t first = off / pv->bs, last = (end - 1) / pv->bs;
        unsigned n = (unsigned)MIN(last - first + 1, READ_FIBERS);
        uint64_t to = MIN(end, (first + n) * pv->bs);
        r = fetch_blocks(pv, txg, first, n, f);
        r = fetch_append(pv, f, n, off, to, r, out);
        off = to;
    }
    if (f != &one)
        free(f);
    return r;
}

int pvol_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    struct pvol *pv = pvol_of(v);
    uint64_t first = off / pv->bs, end = off + len, txg = pv->p->txgs.open;
    int r = read_at_hand(pv, txg, off, end, out, &off);
    if (len)
        ahead_note(pv, first, (end - 1) / pv->bs, off < end);
    return r || off == end ? r : read_rest(pv, txg, off, end, out);
}

/* ---- what is mapped ------------------------------------------------------------------------------------------- */

#define EXTENT_MAX 1024u /* blocks looked at one by one, while something is dirty */

static bool anything_dirty(const struct pvol *pv)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < TXG_SLOTS; i++)
        n += pv->dirty[i].nblocks + pv->dirty[i].nfreed;
    return n > 0;
}

/* A run of the tree, or one dirty block. */
static int run_at(struct pvol *pv, uint64_t blkid, uint64_t most, uint64_t *ret_run,
                  bool *ret_hole)
{
    struct iobuf *buf;
    uint64_t open = pv->p->txgs.open;
    *ret_run = 1;
    if (pvol_find_dirty(pv, open, blkid, &buf)) {
        *ret_hole = buf == NULL;
        return 0;
    }
    uint64_t ticket = blocks_reader_enter(&pv->p->blocks);
    int r = object_run(pv->data, blkid, most, ret_run, ret_hole);
    blocks_reader_leave(&pv->p->blocks, ticket);
    if (r || !anything_dirty(pv))
        return r;
    uint64_t n = 1;
    while (n < MIN(*ret_run, EXTENT_MAX) && !pvol_find_dirty(pv, open, blkid + n, &buf))
        n++;
    *ret_run = n;
    return 0;
}

int pvol_extents(struct volume *v, uint64_t off, uint64_t len, uint64_t *ret_len,
                 enum volume_extent *ret_state)
{
    struct pvol *pv = pvol_of(v);
    uint64_t blkid = off / pv->bs, most = (off + len - 1) / pv->bs - blkid + 1, run, more;
    bool hole, other;
    int r = run_at(pv, blkid, most, &run, &hole);
    if (r)
        return r;
    while (run < MIN(most, EXTENT_MAX)) {
        r = run_at(pv, blkid + run, most - run, &more, &other);
        if (r)
            return r;
        if (other != hole)
            break;
        run += more;
    }
    *ret_len = MIN(len, (blkid + run) * pv->bs - off);
    *ret_state = hole ? VOL_HOLE : VOL_MAPPED;
    return 0;
}
