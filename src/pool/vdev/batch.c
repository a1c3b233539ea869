/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A txg's writes. Blocks gather in a wave; each leaf has a lane in it with the pieces of blocks
 * that go there. A wave that is full is launched: every lane is sorted by offset and a few
 * fibers write it from front to back, neighbours merged into extents of up to 1 MiB. Meanwhile
 * the next wave gathers; it is launched when the one in flight has landed. The sectors that
 * raidz leaves unused between blocks travel as padding: written as zeros where that joins two
 * extents (nobody owns them but the block before them), else left out. When a wave has landed
 * its stripes are judged, and what a leaf missed goes to its dirty time log.
 *
 * The blocks themselves are kept until they are flushed: what a disk took and had not flushed
 * when it went away is written again when it is back. That is safe at any time before the
 * uberblock: nobody else knows these places yet. Uncompressed data share their buffers with the
 * dirty tables; when too much is held for this alone, the batch flushes on its way.
 */
#include "base/step.h"
#include "pool/vdev/vdev_int.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAVE_BYTES    (8u << 20)
#define LANE_WIDTH    8u
#define EXTENT_BYTES  (1u << 20)
#define EXTENT_PIECES 64u /* as many as one system call takes */
#define KEEP_LEAST    (32u << 20)

struct block {
    struct vdev *top;
    uint64_t off;
    struct iobuf *buf;
    uint32_t len; /* whole sectors */
};

struct lane {
    struct vbatch *batch;
    struct pieces pieces;
    unsigned next;
};

struct wave {
    struct stripe **stripe;
    unsigned n, cap;
    uint64_t bytes;
    struct lane *lanes; /* one per leaf, by slot */
};

struct vbatch {
    struct vdev *root;
    uint64_t txg;
    enum io_class class;
    unsigned nlanes;
    int err;         /* the first one, but -ENOMEM before -EIO: that is for good */
    uint64_t losses; /* the root's, before the first write */
    bool unfinished; /* writing and flushing all failed */
    struct block *kept;
    size_t nkept, kept_cap, seen;
    uint64_t ours, ours_max; /* bytes of buffers among the seen ones that nobody else holds */
    struct wave wave[2];
    unsigned gathering; /* which one; the other one may be in flight */
    struct waitgroup flight;
};

/* ---- one lane: sorted, merged, written --------------------------------------------------- */

static int by_offset(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return (x->off > y->off) - (x->off < y->off);
}

static void lane_sort(struct lane *l)
{
    unsigned i = 1;
    while (i < l->pieces.n && l->pieces.v[i - 1].off <= l->pieces.v[i].off)
        i++;
    if (i < l->pieces.n)
        qsort(l->pieces.v, l->pieces.n, sizeof(*l->pieces.v), by_offset);
}

/* The next run of neighbours, without padding at its ends: *ret_first up to the returned
 * number. Equal when nothing is left. */
static unsigned lane_take(struct lane *l, unsigned *ret_first)
{
    const struct piece *v = l->pieces.v;
    unsigned first = l->next, n = l->pieces.n, end;
    while (first < n && !v[first].stripe)
        first++;
    uint64_t bytes = 0;
    for (end = first; end < n && end - first < EXTENT_PIECES; end++) {
        if (end > first && v[end].off != v[end - 1].off + v[end - 1].len)
            break;
        if (bytes + v[end].len > EXTENT_BYTES && end > first)
            break;
        bytes += v[end].len;
    }
    l->next = end;
    while (end > first && !v[end - 1].stripe)
        end--;
    *ret_first = first;
    return end;
}

static int write_extent(struct lane *l, unsigned first, unsigned end)
{
    struct piece *v = l->pieces.v;
    struct sgl s;
    int rc = 0;
    sgl_init(&s);
    for (unsigned i = first; rc == 0 && i < end; i++)
        rc = sgl_add(&s, NULL, v[i].p, v[i].len);
    if (rc == 0)
        rc = leaf_write(v[first].leaf, v[first].off, &s, l->batch->txg, l->batch->class);
    sgl_clear(&s);
    return rc;
}

static void lane_work(struct lane *l)
{
    unsigned first, end;
    while ((end = lane_take(l, &first)) > first) {
        bool took = write_extent(l, first, end) == 0;
        for (unsigned i = first; i < end; i++)
            l->pieces.v[i].took = took;
    }
}

static void lane_fiber(void *arg)
{
    struct lane *l = arg;
    lane_work(l);
    waitgroup_done(&l->batch->flight);
}

/* Without a fiber to be had the caller does the work. */
static void lane_launch(struct lane *l)
{
    struct waitgroup *g = &l->batch->flight;
    unsigned started = 0, width = MIN(LANE_WIDTH, l->pieces.n);
    lane_sort(l);
    while (started < width && fiber_start(lane_fiber, l, "vdev batch"))
        started++;
    waitgroup_add(g, started);
    if (started == 0)
        lane_work(l);
}

/* ---- waves ------------------------------------------------------------------------------- */

static void fail(struct vbatch *b, int err)
{
    if (b->err == 0 || b->err == -EIO)
        b->err = err;
}

static void wave_clear(struct wave *w, unsigned nlanes)
{
    for (unsigned i = 0; i < w->n; i++)
        stripe_free(w->stripe[i]);
    for (unsigned i = 0; i < nlanes; i++)
        w->lanes[i].pieces.n = w->lanes[i].next = 0;
    w->n = 0;
    w->bytes = 0;
}

/* Waits for the wave in flight and draws up its result. */
static void land(struct vbatch *b)
{
    struct wave *w = &b->wave[!b->gathering];
    waitgroup_wait(&b->flight);
    for (unsigned i = 0; i < b->nlanes; i++)
        pieces_gather(&w->lanes[i].pieces);
    for (unsigned i = 0; i < w->n; i++) {
        stripe_judge(w->stripe[i]);
        if (w->stripe[i]->failed)
            fail(b, E(-EIO));
    }
    for (unsigned i = 0; i < b->nlanes; i++) {
        if (pieces_mark(&w->lanes[i].pieces, b->txg) < 0)
            fail(b, E(-ENOMEM));
    }
    wave_clear(w, b->nlanes);
}

/* The gathering wave goes off, when the one before it has landed. */
static void launch(struct vbatch *b)
{
    land(b);
    struct wave *w = &b->wave[b->gathering];
    b->gathering = !b->gathering;
    for (unsigned i = 0; i < b->nlanes; i++)
        lane_launch(&w->lanes[i]);
}

/* ---- gathering --------------------------------------------------------------------------- */

static int wave_add(struct wave *w, struct stripe *s)
{
    if (w->n == w->cap) {
        unsigned cap = MAX(2 * w->cap, 64);
        struct stripe **v = realloc(w->stripe, cap * sizeof(struct stripe *));
        if (!v)
            return E(-ENOMEM);
        w->stripe = v;
        w->cap = cap;
    }
    w->stripe[w->n++] = s;
    return 0;
}

/* A piece for each leaf below group. */
static int spread(struct wave *w, const struct vdev *group, struct piece *p)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && (p->leaf = vdev_leaf(group, i)); i++)
        rc = pieces_add(&w->lanes[p->leaf->slot].pieces, p);
    return rc;
}

static int spread_stripe(struct wave *w, struct stripe *s)
{
    int rc = 0;
    for (unsigned c = 0; rc == 0 && c < s->ncols; c++) {
        const struct stripe_col *col = &s->col[c];
        struct piece p = {.stripe = s, .off = col->off, .p = col->p, .len = col->len, .col = c};
        rc = spread(w, col->group, &p);
    }
    return rc;
}

static int spread_padding(struct wave *w, const struct vdev *top, uint64_t off, uint32_t len)
{
    struct raidz_map map;
    int rc = 0;
    if (top->type != VDEV_RAIDZ)
        return 0;
    raidz_map_make(&map, off, len, top->ashift, top->nchildren, top->nparity);
    for (unsigned i = 0; rc == 0 && i < map.skipped; i++) {
        struct raidz_col at = raidz_skip(&map, i);
        struct piece p = {.off = at.off,
                          .p = (uint8_t *)(uintptr_t)vdev_zeros, /* only read from */
                          .len = at.len};
        rc = spread(w, top->child[at.child], &p);
    }
    return rc;
}

/* The block in whole sectors. A buffer is rarely smaller than that: only below large
 * sectors. */
static struct iobuf *whole_sectors(struct iobuf *buf, uint32_t size, uint32_t len)
{
    if (buf->cap >= len) {
        memset(buf->p + size, 0, len - size);
        return buf;
    }
    struct iobuf *larger = iobuf_get(len);
    if (larger) {
        memcpy(larger->p, buf->p, size);
        memset(larger->p + size, 0, len - size);
    }
    iobuf_put(buf);
    return larger;
}

static int gather(struct wave *w, const struct block *block)
{
    struct stripe *s = stripe_new(block->top, block->off, block->buf->p, block->len);
    if (!s || wave_add(w, s) < 0) {
        stripe_free(s);
        return E(-ENOMEM);
    }
    w->bytes += block->len;
    int rc = spread_stripe(w, s);
    return rc < 0 ? rc : spread_padding(w, block->top, block->off, block->len);
}

static void send(struct vbatch *b, const struct block *block)
{
    int rc = gather(&b->wave[b->gathering], block);
    if (rc < 0)
        fail(b, rc);
    if (b->wave[b->gathering].bytes >= WAVE_BYTES)
        launch(b);
}

static int keep(struct vbatch *b, const struct block *block)
{
    if (b->nkept == b->kept_cap) {
        size_t cap = MAX(2 * b->kept_cap, 256u);
        struct block *v = realloc(b->kept, cap * sizeof(*v));
        if (!v)
            return E(-ENOMEM);
        b->kept = v;
        b->kept_cap = cap;
    }
    b->kept[b->nkept++] = *block;
    return 0;
}

/* A wave at a time: who adds a block holds it a little longer. */
static uint64_t own_bytes(struct vbatch *b)
{
    if (b->wave[b->gathering].n > 0)
        return 0;
    for (; b->seen < b->nkept; b->seen++)
        if (b->kept[b->seen].buf->refs == 1)
            b->ours += b->kept[b->seen].buf->cap;
    return b->ours;
}

static void drop_kept(struct vbatch *b)
{
    for (size_t i = 0; i < b->nkept; i++)
        iobuf_put(b->kept[i].buf);
    b->nkept = b->seen = 0;
}

/* What is on stable storage need not be kept. Otherwise it is tried again after as much more. */
static void relieve(struct vbatch *b)
{
    int rc = vbatch_finish(b);
    if (rc == 0)
        drop_kept(b);
    else
        fail(b, rc);
    b->ours = 0;
}

void vbatch_add(struct vbatch *b, struct vdev *top, uint64_t off, struct iobuf *buf,
                uint32_t size)
{
    check(size > 0 && size <= buf->cap);
    struct block block = {
        .top = top, .off = off, .len = (uint32_t)round_up(size, 1ull << top->ashift)};
    block.buf = whole_sectors(buf, size, block.len);
    if (!block.buf || keep(b, &block) < 0) {
        iobuf_put(block.buf);
        fail(b, E(-ENOMEM));
        return;
    }
    send(b, &block);
    if (own_bytes(b) >= b->ours_max)
        relieve(b);
}

int vbatch_wait(struct vbatch *b)
{
    launch(b);
    land(b);
    int rc = b->err;
    b->err = 0;
    return rc;
}

/* What became of it before doesn't matter, unless there was no memory. */
static int send_all_again(struct vbatch *b)
{
    int rc = vbatch_wait(b);
    b->losses = b->root->losses;
    for (size_t i = 0; i < b->nkept && rc != -ENOMEM; i++)
        send(b, &b->kept[i]);
    return rc == -ENOMEM ? rc : 0;
}

int vbatch_finish(struct vbatch *b)
{
    int rc = 0;
    if (b->unfinished || b->losses != b->root->losses)
        rc = send_all_again(b);
    if (rc == 0)
        rc = vbatch_wait(b);
    if (rc == 0)
        rc = IN_STEP(STEP_COMMIT_FLUSH, vdev_flush(b->root));
    if (rc == 0 && b->losses != b->root->losses)
        rc = E(-EIO);
    b->unfinished = rc != 0;
    return rc;
}

/* ---- life -------------------------------------------------------------------------------- */

static bool wave_init(struct vbatch *b, struct wave *w)
{
    w->lanes = calloc(MAX(b->nlanes, 1), sizeof(*w->lanes));
    for (unsigned i = 0; w->lanes && i < b->nlanes; i++)
        w->lanes[i].batch = b;
    return w->lanes != NULL;
}

struct vbatch *vbatch_new(struct vdev *root, uint64_t txg)
{
    struct vdev *leaf;
    struct vbatch *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->root = root;
    b->txg = txg;
    b->losses = root->losses;
    b->ours_max = KEEP_LEAST;
    b->class = IO_TXG;
    waitgroup_init(&b->flight);
    for (; (leaf = vdev_leaf(root, b->nlanes)); b->nlanes++)
        leaf->slot = b->nlanes;
    if (wave_init(b, &b->wave[0]) && wave_init(b, &b->wave[1]))
        return b;
    free(b->wave[0].lanes);
    free(b);
    return NULL;
}

void vbatch_may_keep(struct vbatch *b, uint64_t bytes)
{
    b->ours_max = MAX(bytes, KEEP_LEAST);
}

void vbatch_free(struct vbatch *b)
{
    if (!b)
        return;
    waitgroup_wait(&b->flight);
    for (unsigned i = 0; i < ARRAY_LEN(b->wave); i++) {
        struct wave *w = &b->wave[i];
        wave_clear(w, b->nlanes);
        for (unsigned k = 0; k < b->nlanes; k++)
            free(w->lanes[k].pieces.v);
        free(w->lanes);
        free(w->stripe);
    }
    drop_kept(b);
    free(b->kept);
    free(b);
}

/* ---- a few blocks at once ---------------------------------------------------------------- */

int vdev_write_blocks(struct vdev *root, const struct vdev_block *v, unsigned n, uint64_t txg,
                      enum io_class class)
{
    gate_enter(root);
    struct vbatch *b = vbatch_new(root, txg);
    int rc = b ? 0 : E(-ENOMEM);
    if (b)
        b->class = class;
    for (unsigned i = 0; b && i < n; i++) {
        iobuf_ref(v[i].buf);
        vbatch_add(b, root->child[v[i].top], v[i].off, v[i].buf, v[i].size);
    }
    if (b)
        rc = vbatch_wait(b);
    vbatch_free(b);
    gate_leave(root);
    return rc;
}
