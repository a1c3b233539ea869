/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several fibers do random operations on one volume, each under a range lock of blocks, as the
 * SCSI model does; the bytes that must be there are kept in an array. So operations on
 * neighbouring blocks of one physical block run at the same time, but none on the same block.
 * Data come in pieces of odd lengths at odd addresses.
 */
#include "store/model.h"

#include "base/check.h"
#include "store/range.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LEN (96u << 10)

struct model {
    struct expect *e;
    struct volume *v;
    const struct model_params *p;
    struct range_lock lock;
    struct waitgroup left;
    uint8_t *bytes; /* what the volume must hold */
    uint64_t cap;   /* bytes of it */
    uint64_t rand;
};

/* xorshift64*: the same load in every world. */
static uint64_t draw(struct model *m, uint64_t n)
{
    m->rand ^= m->rand >> 12;
    m->rand ^= m->rand << 25;
    m->rand ^= m->rand >> 27;
    return (m->rand * 0x2545f4914f6cdd1dull >> 11) % n;
}

struct range {
    uint64_t off, len;
};

/* Mostly a few blocks, sometimes many; a third begin where physical blocks do. */
static struct range draw_range(struct model *m)
{
    uint64_t block = m->v->geo.block_size, size = m->v->geo.size;
    uint64_t len =
        draw(m, 4) != 0 ? block * (1 + draw(m, 12)) : block * (1 + draw(m, MAX_LEN / block));
    uint64_t off = round_down(draw(m, size - len + 1), draw(m, 3) == 0 ? 4096 : block);
    return (struct range){off, len};
}

/* Random bytes in pieces that are not aligned to anything. */
static uint8_t *draw_data(struct model *m, uint64_t len, struct sgl *s)
{
    uint8_t *at = malloc(len + 64);
    check(at);
    uint64_t skew = draw(m, 4) == 0 ? 0 : draw(m, 64);
    uint8_t seed = (uint8_t)draw(m, 256);
    for (uint64_t i = 0; i < len; i++)
        at[skew + i] = (uint8_t)(seed + i * 7 + (i >> 9) * 31);
    for (uint64_t done = 0; done < len;) {
        uint64_t n = draw(m, 3) == 0 ? 1 + draw(m, len - done) : len - done;
        check(sgl_add(s, NULL, at + skew + done, (uint32_t)n) == 0);
        done += n;
    }
    return at;
}

static void op_write(struct model *m, struct range r)
{
    struct sgl s;
    sgl_init(&s);
    uint8_t *at = draw_data(m, r.len, &s);
    EXPECT_EQ(m->e, volume_write(m->v, r.off, &s, draw(m, 2) ? VOL_FUA : 0), 0);
    sgl_copy_out(&s, 0, m->bytes + r.off, r.len);
    sgl_clear(&s);
    free(at);
}

static void op_read(struct model *m, struct range r)
{
    struct sgl s;
    uint64_t at = r.off;
    sgl_init(&s);
    EXPECT_EQ(m->e, volume_read(m->v, r.off, r.len, &s), 0);
    EXPECT_EQ(m->e, s.len, r.len);
    for (unsigned i = 0; i < s.n; i++) {
        EXPECT_EQ(m->e, memcmp(s.v[i].p, m->bytes + at, s.v[i].len), 0);
        at += s.v[i].len;
    }
    sgl_clear(&s);
}

static void op_zero(struct model *m, struct range r)
{
    EXPECT_EQ(m->e, volume_write_zeroes(m->v, r.off, r.len, draw(m, 2), 0), 0);
    memset(m->bytes + r.off, 0, r.len);
}

static void op_discard(struct model *m, struct range r)
{
    bool offered = m->v->geo.unmap_granularity != 0;
    EXPECT_EQ(m->e, volume_discard(m->v, r.off, r.len, 0), offered ? 0 : -EOPNOTSUPP);
    if (offered && !m->v->geo.thin) /* undefined until written again */
        EXPECT_EQ(m->e, volume_write_zeroes(m->v, r.off, r.len, true, 0), 0);
    if (offered)
        memset(m->bytes + r.off, 0, r.len);
}

/* Holes hold zeros; a run is never empty and ends at a block. */
static void op_extents(struct model *m, struct range r)
{
    while (r.len > 0) {
        uint64_t n = 0;
        enum volume_extent state = VOL_MAPPED;
        EXPECT_EQ(m->e, volume_extents(m->v, r.off, r.len, &n, &state), 0);
        EXPECT(m->e, n > 0 && n <= r.len && n % m->v->geo.block_size == 0);
        for (uint64_t i = 0; state == VOL_HOLE && i < MIN(n, r.len); i++)
            if (m->bytes[r.off + i] != 0)
                EXPECT_EQ(m->e, state, VOL_MAPPED);
        if (n == 0 || n > r.len)
            return;
        r.off += n;
        r.len -= n;
    }
}

/* The lower half of the range moves up or the upper half down, by a block at least. */
static void op_copy(struct model *m, struct range r)
{
    uint64_t block = m->v->geo.block_size, len = round_down(r.len / 2, block);
    uint64_t shift = len == 0 ? 0 : block * (1 + draw(m, (r.len - len) / block));
    uint64_t from = draw(m, 2) ? r.off : r.off + shift;
    uint64_t to = from == r.off ? r.off + shift : r.off;
    EXPECT_EQ(m->e, volume_copy(m->v, to, m->v, from, len), 0);
    memmove(m->bytes + to, m->bytes + from, len);
}

static void op_flush(struct model *m, struct range r)
{
    (void)r;
    EXPECT_EQ(m->e, volume_flush(m->v), 0);
}

static void op_grow(struct model *m, struct range r)
{
    uint64_t size = m->v->geo.size + 65536;
    (void)r;
    if (size <= m->cap)
        EXPECT_EQ(m->e, volume_resize(m->v, size), 0);
}

static void one_op(struct model *m)
{
    static const struct {
        void (*fn)(struct model *m, struct range r);
        unsigned weight;
    } ops[] = {
        {op_write,   40},
        {op_read,    36},
        {op_zero,    7 },
        {op_discard, 6 },
        {op_extents, 4 },
        {op_copy,    4 },
        {op_flush,   2 },
        {op_grow,    1 },
    };
    unsigned n = (unsigned)draw(m, 100), i = 0;
    while (n >= ops[i].weight)
        n -= ops[i++].weight;
    struct range r = draw_range(m);
    struct range_hold hold;
    range_take(&m->lock, &hold, r.off, r.len);
    ops[i].fn(m, r);
    range_drop(&m->lock, &hold);
}

static void model_fiber(void *arg)
{
    struct model *m = arg;
    for (unsigned i = 0; i < m->p->ops && !m->e->failed; i++) {
        one_op(m);
        fiber_maybe_yield();
    }
    waitgroup_done(&m->left);
}

static void compare_all(struct model *m)
{
    for (uint64_t off = 0; off < m->v->geo.size; off += MAX_LEN) {
        op_read(m, (struct range){off, MIN(MAX_LEN, m->v->geo.size - off)});
        fiber_maybe_yield();
    }
}

void model_run(struct expect *e, struct volume *v, const struct model_params *p)
{
    uint64_t cap = v->geo.size + (p->fixed_size ? 0 : 8 * 65536);
    struct model m = {.e = e, .v = v, .p = p, .cap = cap, .rand = p->seed * 2 + 1};
    m.bytes = calloc(1, cap);
    check(m.bytes);
    ranges_init(&m.lock);
    waitgroup_init(&m.left);
    waitgroup_add(&m.left, p->fibers);
    for (unsigned i = 0; i < p->fibers; i++)
        check(fiber_start(model_fiber, &m, "model"));
    waitgroup_wait(&m.left);
    compare_all(&m);
    free(m.bytes);
}
