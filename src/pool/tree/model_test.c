/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One object of a volume against an array: random writes, zeros, frees, adopted blocks, over
 * many txgs, with the smallest indirect blocks there can be, so that a few thousand blocks make
 * a tree of five levels. After every txg all blocks are read through both views, the tree is
 * audited, and holes must be as young as what they replaced.
 */
#include "pool/tree/tree_fixture.h"

#include <errno.h>

#define NBLOCKS 6000u
#define BLOCK   512u

struct cell {
    uint32_t version;   /* 0: a hole */
    uint64_t killed_in; /* the last txg that made it a hole */
};

struct model {
    struct grove g;
    struct object *obj;
    struct cell now[NBLOCKS], committed[NBLOCKS];
    uint32_t version;
    unsigned frees, adopted, reopened;
    unsigned levels;
};

static void pattern(uint8_t *p, uint64_t blk, uint32_t version)
{
    for (unsigned i = 0; i < BLOCK; i++)
        p[i] = (uint8_t)(blk * 7 + version * 13 + (i & 16 ? i : i / 16) + 1);
}

static struct iobuf *block_of(uint64_t blk, uint32_t version)
{
    struct iobuf *buf = iobuf_get(BLOCK);
    if (version)
        pattern(buf->p, blk, version);
    else
        memset(buf->p, 0, BLOCK);
    return buf;
}

static bool holes_for_zeros(const struct model *m)
{
    return m->g.policy.data_compress != ZCOMP_OFF;
}

static void set_cell(struct model *m, uint64_t blk, uint32_t version)
{
    m->now[blk].version = version;
}

/* ---- operations -------------------------------------------------------------------------- */

static void op_set(struct model *m, uint64_t blk)
{
    bool zero = holes_for_zeros(m) && grove_random(&m->g, 8) == 0;
    uint32_t version = zero ? 0 : ++m->version;
    struct iobuf *buf = block_of(blk, version);
    EXPECT_EQ(m->g.e, object_block_set(m->obj, blk, buf), 0);
    iobuf_put(buf);
    set_cell(m, blk, version);
}

static void op_hole(struct model *m, uint64_t blk)
{
    EXPECT_EQ(m->g.e, object_block_set(m->obj, blk, NULL), 0);
    set_cell(m, blk, 0);
}

/* Changes a block in place, knowing what it holds or not. */
static void op_change(struct model *m, uint64_t blk)
{
    uint8_t *bytes, want[BLOCK] = {0};
    bool fresh = grove_random(&m->g, 2);
    EXPECT_EQ(m->g.e, object_block_change(m->obj, blk, fresh, &bytes), 0);
    if (m->now[blk].version && !fresh)
        pattern(want, blk, m->now[blk].version);
    EXPECT_EQ(m->g.e, memcmp(bytes, want, BLOCK), 0);
    set_cell(m, blk, ++m->version);
    pattern(bytes, blk, m->version);
}

static void op_write(struct model *m, uint64_t blk)
{
    uint8_t two[2 * BLOCK];
    uint64_t n = MIN(2, NBLOCKS - blk);
    for (unsigned i = 0; i < n; i++) {
        set_cell(m, blk + i, ++m->version);
        pattern(two + i * BLOCK, blk + i, m->version);
    }
    EXPECT_EQ(m->g.e, object_write(m->obj, blk * BLOCK, two, 700), 0);
    EXPECT_EQ(
        m->g.e,
        object_write(m->obj, blk * BLOCK + 700, two + 700, n * BLOCK - MIN(n * BLOCK, 700)), 0);
    if (n == 1)
        EXPECT_EQ(m->g.e, object_write(m->obj, blk * BLOCK, two, BLOCK), 0);
}

static void op_adopt(struct model *m, uint64_t blk)
{
    struct bp bp;
    struct block_want w = {
        .lsize = BLOCK, .type = DMU_ZVOL, .checksum = ZCHECK_FLETCHER4, .copies = 1, .fill = 1};
    struct iobuf *buf = block_of(blk, ++m->version);
    EXPECT_EQ(m->g.e, block_write(&m->g.tank.b, m->g.tank.txg, &w, buf, &bp), 0);
    EXPECT_EQ(m->g.e, object_block_adopt(m->obj, blk, &bp), 0);
    iobuf_put(buf);
    /* What is adopted and replaced before the txg is written stays the business of who wrote
     * it: don't. */
    set_cell(m, blk, m->version);
    m->adopted++;
}

static void op_free(struct model *m, uint64_t first)
{
    uint64_t n =
        grove_random(&m->g, 3) ? grove_random(&m->g, 40) + 1 : grove_random(&m->g, NBLOCKS) + 1;
    uint64_t budget = grove_random(&m->g, 2) ? UINT64_MAX : grove_random(&m->g, 300) + 1, next;
    EXPECT_EQ(m->g.e, object_free_blocks(m->obj, first, n, budget, &next), 0);
    EXPECT(m->g.e, next > first && next <= first + n);
    for (uint64_t i = first; i < MIN(next, NBLOCKS); i++)
        set_cell(m, i, 0);
    m->frees++;
}

static uint64_t pick(struct model *m)
{
    uint32_t span = grove_random(&m->g, 5) ? NBLOCKS / 8 : NBLOCKS;
    if (grove_random(&m->g, 40) == 0)
        return NBLOCKS - 1 - grove_random(&m->g, 3);
    return grove_random(&m->g, span);
}

static void random_txg(struct model *m)
{
    static void (*const op[])(struct model * m, uint64_t blk) = {
        op_set, op_set, op_set, op_hole, op_change, op_write, op_free};
    unsigned n = grove_random(&m->g, 3) ? grove_random(&m->g, 30) : grove_random(&m->g, 400);
    uint64_t run = pick(m);
    bool sequential = grove_random(&m->g, 3) == 0;
    for (unsigned i = 0; i < n; i++) {
        uint64_t blk = sequential ? (run + i) % NBLOCKS : pick(m);
        unsigned k = grove_random(&m->g, ARRAY_LEN(op));
        if (op[k] == op_free && grove_random(&m->g, 4))
            k = 0;
        op[k](m, blk);
    }
    /* Adopted last: nothing in this txg replaces it. */
    for (unsigned i = 0; i < 3; i++)
        op_adopt(m, (run + 37 * i) % NBLOCKS);
}

/* ---- checks ------------------------------------------------------------------------------ */

static void expect_live(struct model *m, uint64_t blk)
{
    uint8_t got[BLOCK], want[BLOCK] = {0};
    EXPECT_EQ(m->g.e, object_read(m->obj, blk * BLOCK, got, BLOCK), 0);
    if (m->now[blk].version)
        pattern(want, blk, m->now[blk].version);
    EXPECT_EQ(m->g.e, memcmp(got, want, BLOCK), 0);
}

static void expect_committed(struct model *m, uint64_t blk)
{
    uint8_t want[BLOCK] = {0};
    struct bp bp;
    struct iobuf *buf;
    const struct cell *c = &m->committed[blk];
    EXPECT_EQ(m->g.e, object_lookup(m->obj, blk, &bp), 0);
    EXPECT_EQ(m->g.e, bp_is_hole(&bp), c->version == 0);
    if (bp_is_hole(&bp))
        return;
    pattern(want, blk, c->version);
    EXPECT_EQ(m->g.e, block_read(&m->g.tank.b, &bp, BLOCK_NORMAL, &buf), 0);
    EXPECT_EQ(m->g.e, memcmp(buf->p, want, BLOCK), 0);
    iobuf_put(buf);
}

/* The birth of the hole that a block's path ends at. */
static uint64_t hole_birth_of(struct model *m, uint64_t blk)
{
    struct object *obj = m->obj;
    struct dnode_phys *dn = &obj->committed;
    unsigned l = dn->nlevels - 1u, epbs = dn_epbs(dn);
    if (blk >= dn_capacity(dn))
        return UINT64_MAX;
    struct bp bp = *dnode_bp(dn, (unsigned)(blk >> epbs * l));
    while (l > 0 && !bp_is_hole(&bp)) {
        struct iobuf *buf;
        check(tree_read_indirect(&m->g.tank.b, dn, l, &bp, &buf) == 0);
        l--;
        bp = bps_of(buf)[blk >> epbs * l & ((1u << epbs) - 1)];
        iobuf_put(buf);
    }
    check(bp_is_hole(&bp));
    EXPECT(m->g.e, bp_birth(&bp) == 0 || (bp_level(&bp) == l && bp_type(&bp) == DMU_ZVOL &&
                                          bp_lsize(&bp) == level_size(dn, l)));
    return bp_birth(&bp);
}

static void expect_holes_young(struct model *m)
{
    for (uint64_t blk = 0; blk < NBLOCKS && m->g.tank.b.hole_birth; blk += 1 + blk % 3) {
        if (m->committed[blk].version == 0 && m->committed[blk].killed_in)
            EXPECT(m->g.e, hole_birth_of(m, blk) >= m->committed[blk].killed_in);
    }
}

static void expect_runs(struct model *m)
{
    uint64_t at = 0, n;
    bool hole;
    while (at < NBLOCKS) {
        uint64_t want = 1;
        bool is_hole = m->committed[at].version == 0;
        while (at + want < NBLOCKS && want < 1000 &&
               (m->committed[at + want].version == 0) == is_hole)
            want++;
        EXPECT_EQ(m->g.e, object_run(m->obj, at, MIN(1000, NBLOCKS - at), &n, &hole), 0);
        EXPECT_EQ(m->g.e, hole, is_hole);
        EXPECT_EQ(m->g.e, n, want);
        at += want;
    }
}

static void commit(struct model *m)
{
    for (unsigned i = 0; i < 20; i++) {
        expect_live(m, pick(m));
        expect_committed(m, pick(m));
    }
    for (unsigned i = 0; i < NBLOCKS; i++) {
        if (m->now[i].version == 0 && m->committed[i].version != 0)
            m->now[i].killed_in = m->g.tank.txg;
    }
    grove_commit(&m->g);
    memcpy(m->committed, m->now, sizeof(m->now));
    m->levels = MAX(m->levels, m->obj->dn.nlevels);
}

static void reopen(struct model *m)
{
    object_release(m->obj);
    grove_reopen(&m->g);
    EXPECT_EQ(m->g.e, object_hold(m->g.os, 1, &m->obj), 0);
    for (uint64_t blk = 0; blk < NBLOCKS; blk++) {
        expect_live(m, blk);
        expect_committed(m, blk);
    }
    m->reopened++;
}

static void body_model(struct expect *e)
{
    uint64_t seed = *(uint64_t *)e->arg, id;
    struct model *m = calloc(1, sizeof(*m));
    check(m);
    grove_new(&m->g, e, OBJSET_ZVOL, seed);
    const struct object_props props = {
        .type = DMU_ZVOL, .block_size = BLOCK, .indirect_shift = 10};
    grove_begin(&m->g);
    EXPECT_EQ(e, object_create(m->g.os, 1, &props, &id), 0);
    EXPECT_EQ(e, object_hold(m->g.os, 1, &m->obj), 0);
    for (unsigned t = 0; t < 40 && !e->failed; t++) {
        if (t > 0)
            grove_begin(&m->g);
        random_txg(m);
        commit(m);
        expect_holes_young(m);
        expect_runs(m);
        if (t % 8 == 7)
            reopen(m);
    }
    uint64_t next;
    grove_begin(&m->g);
    EXPECT_EQ(e, object_free_blocks(m->obj, 0, UINT64_MAX, UINT64_MAX, &next), 0);
    EXPECT_EQ(e, object_max_block(m->obj), 0);
    grove_commit(&m->g);
    EXPECT_EQ(e, object_used(m->obj), 0);
    EXPECT(e, m->levels >= 5 && m->frees > 5 && m->reopened > 1);
    object_release(m->obj);
    grove_free(&m->g);
    free(m);
}

static void test_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        expect_in(expect_sim(seed), body_model, &seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests_name("pool_tree_model", tests, NULL, NULL);
}
