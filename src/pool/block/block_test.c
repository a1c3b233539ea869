/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks on simulated disks: what was written comes back, damaged copies heal, forged pointers
 * are refused. */
#include "pool/block/block_fixture.h"
#include "pool/block/block_int.h"

#include <errno.h>

#define MIB (1u << 20)

static struct iobuf *fill(uint32_t len, unsigned seed, bool compressible)
{
    struct iobuf *buf = iobuf_get(len);
    uint32_t x = seed * 2654435761u + 1;
    for (uint32_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        buf->p[i] = compressible ? (uint8_t)(i / 100 + seed) : (uint8_t)(x >> 24);
    }
    return buf;
}

static void expect_reads(struct expect *e, struct tank *t, const struct bp *bp,
                         const struct iobuf *want, uint32_t len)
{
    struct iobuf *got = NULL;
    EXPECT_EQ(e, block_read(&t->b, bp, BLOCK_NORMAL, &got), 0);
    if (got)
        EXPECT_EQ(e, memcmp(got->p, want->p, len), 0);
    iobuf_put(got);
}

/* Writes a copy, so that the cache may drop it. */
static struct bp write_one(struct tank *t, struct iobuf *buf, const struct block_want *w)
{
    struct bp bp;
    struct iobuf *own = iobuf_get(w->lsize);
    memcpy(own->p, buf->p, w->lsize);
    tank_begin(t);
    check(block_write(&t->b, t->txg, w, own, &bp) == 0);
    iobuf_put(own);
    tank_end(t);
    return bp;
}

static void body_round_trip(struct expect *e)
{
    struct tank t;
    tank_new(&t, &(struct tank_shape){2, 1, 12, 64 * MIB, 4 * MIB});
    static const uint32_t sizes[] = {512, 4096, 16384, 131072};
    for (unsigned i = 0; i < ARRAY_LEN(sizes) * 8; i++) {
        uint32_t len = sizes[i % 4];
        struct iobuf *buf = fill(len, i, i & 4);
        struct block_want w = {.lsize = len,
                               .type = DMU_ZVOL,
                               .compress = i & 8 ? ZCOMP_LZ4 : ZCOMP_OFF,
                               .checksum = i & 16 ? ZCHECK_SHA256 : ZCHECK_FLETCHER4,
                               .copies = (uint8_t)(1 + i % 3),
                               .fill = 1};
        struct bp bp = write_one(&t, buf, &w);
        EXPECT_EQ(e, bp_lsize(&bp), len);
        EXPECT_EQ(e, bp_ndvas(&bp), w.copies);
        EXPECT_EQ(e, bp_birth(&bp), t.txg);
        EXPECT_EQ(e, bp_compress(&bp) == ZCOMP_LZ4, i & 8 && i & 4 && len > 4096);
        expect_reads(e, &t, &bp, buf, len);
        tank_chill(&t);
        expect_reads(e, &t, &bp, buf, len);
        iobuf_put(buf);
    }
    tank_free(&t);
}

static void body_zeros_and_holes(struct expect *e)
{
    struct tank t;
    struct bp bp;
    tank_new(&t, &(struct tank_shape){1, 1, 9, 64 * MIB, MIB});
    struct iobuf *buf = iobuf_get(8192);
    memset(buf->p, 0, 8192);
    struct block_want w = {.lsize = 8192,
                           .type = DMU_ZVOL,
                           .compress = ZCOMP_LZ4,
                           .checksum = ZCHECK_FLETCHER4,
                           .copies = 1};
    bp = write_one(&t, buf, &w);
    EXPECT(e, bp_is_hole(&bp));
    EXPECT_EQ(e, block_sums(&t.b, &bp).used, 0);
    w.compress = ZCOMP_OFF;
    bp = write_one(&t, buf, &w);
    EXPECT(e, !bp_is_hole(&bp));
    expect_reads(e, &t, &bp, buf, 8192);
    bp_make_hole(&bp, 8192, DMU_ZVOL, 0, 7);
    expect_reads(e, &t, &bp, buf, 8192);
    iobuf_put(buf);
    tank_free(&t);
}

/* Any one copy or mirror side may be bad: the read succeeds and leaves all of them good. */
static void body_heals(struct expect *e)
{
    struct tank t;
    uint64_t repaired;
    tank_new(&t, &(struct tank_shape){2, 2, 12, 64 * MIB, MIB});
    struct iobuf *buf = fill(16384, 3, false);
    struct block_want w = {.lsize = 16384,
                           .type = DMU_DNODE,
                           .compress = ZCOMP_LZ4,
                           .checksum = ZCHECK_FLETCHER4,
                           .copies = 2};
    struct bp bp = write_one(&t, buf, &w);
    for (unsigned i = 0; i < 15; i++) {
        for (unsigned k = 0; k < 4; k++) {
            if (i & 1u << k)
                tank_spoil(&t, &bp, k / 2, k % 2);
        }
        tank_chill(&t);
        expect_reads(e, &t, &bp, buf, 16384);
        EXPECT_EQ(e, block_scrub(&t.b, &bp, &repaired), 0);
        EXPECT_EQ(e, block_scrub(&t.b, &bp, &repaired), 0);
        EXPECT_EQ(e, repaired, 0);
    }
    EXPECT_EQ(e, t.errors, 0);
    for (unsigned k = 0; k < 4; k++)
        tank_spoil(&t, &bp, k / 2, k % 2);
    tank_chill(&t);
    struct iobuf *got;
    EXPECT_EQ(e, block_read(&t.b, &bp, BLOCK_NORMAL, &got), -EBADMSG);
    EXPECT_EQ(e, block_scrub(&t.b, &bp, &repaired), -EBADMSG);
    EXPECT_EQ(e, t.errors, 2);
    iobuf_put(buf);
    tank_free(&t);
}

static void body_read_only_repairs_nothing(struct expect *e)
{
    struct tank t;
    uint64_t repaired = 0;
    tank_new(&t, &(struct tank_shape){1, 1, 12, 64 * MIB, MIB});
    struct iobuf *buf = fill(8192, 3, false);
    struct block_want w = {
        .lsize = 8192, .type = DMU_DNODE, .checksum = ZCHECK_SHA256, .copies = 2};
    struct bp bp = write_one(&t, buf, &w);
    tank_spoil(&t, &bp, 0, 0);
    t.b.read_only = true;
    tank_chill(&t);
    expect_reads(e, &t, &bp, buf, 8192);
    t.b.read_only = false;
    EXPECT_EQ(e, block_scrub(&t.b, &bp, &repaired), 0);
    EXPECT_EQ(e, repaired, 8192);
    iobuf_put(buf);
    tank_free(&t);
}

/* As long as nobody writes it is a block like others. */
static void body_deduplicated(struct expect *e)
{
    struct tank t;
    uint64_t repaired = 0;
    struct iobuf *got;
    tank_new(&t, &(struct tank_shape){1, 1, 12, 64 * MIB, MIB});
    struct iobuf *buf = fill(8192, 3, false);
    struct block_want w = {
        .lsize = 8192, .type = DMU_DNODE, .checksum = ZCHECK_SHA256, .copies = 1};
    struct bp bp = write_one(&t, buf, &w);
    bp_word_set(&bp, 6, bp_word(&bp, 6) | 1ull << 62);
    t.b.read_only = true;
    tank_chill(&t);
    expect_reads(e, &t, &bp, buf, 8192);
    t.b.read_only = false;
    tank_chill(&t);
    EXPECT_EQ(e, block_read(&t.b, &bp, BLOCK_NORMAL, &got), -EOPNOTSUPP);
    EXPECT_EQ(e, block_scrub(&t.b, &bp, &repaired), -EOPNOTSUPP);
    EXPECT_EQ(e, block_free(&t.b, t.txg, &bp), -EOPNOTSUPP);
    iobuf_put(buf);
    tank_free(&t);
}

/* Two steps: a place, then content, at the same place. */
static void body_place_and_put(struct expect *e)
{
    struct tank t;
    struct bp placed, bp;
    tank_new(&t, &(struct tank_shape){1, 1, 12, 64 * MIB, MIB});
    struct iobuf *buf = fill(4096, 3, true);
    struct block_want w = {
        .lsize = 4096, .type = DMU_SPACE_MAP, .checksum = ZCHECK_FLETCHER4, .copies = 3};
    tank_begin(&t);
    EXPECT_EQ(e, block_place(&t.b, t.txg, &w, &placed), 0);
    block_put(&t.b, &placed, 5, buf, &bp);
    tank_end(&t);
    EXPECT_EQ(e, bp_fill(&bp), 5);
    EXPECT_EQ(e, bp_dva(&bp, 2).off, bp_dva(&placed, 2).off);
    tank_chill(&t);
    expect_reads(e, &t, &bp, buf, 4096);
    iobuf_put(buf);
    tank_free(&t);
}

/* What is written and freed leaves the space as it was, after the hold-back. */
static void body_freeing(struct expect *e)
{
    struct tank t;
    static struct bp bp[20];
    tank_new(&t, &(struct tank_shape){2, 1, 12, 64 * MIB, MIB});
    uint64_t before = space_totals(t.space).allocated;
    struct iobuf *buf = fill(131072, 1, false);
    struct block_want w = {
        .lsize = 131072, .type = DMU_ZVOL, .checksum = ZCHECK_FLETCHER4, .copies = 2};
    tank_begin(&t);
    for (unsigned i = 0; i < 20; i++)
        EXPECT_EQ(e, block_write(&t.b, t.txg, &w, buf, &bp[i]), 0);
    tank_end(&t);
    EXPECT_EQ(e, space_totals(t.space).allocated - before, 20 * 2 * 131072);
    tank_begin(&t);
    for (unsigned i = 0; i < 20; i++)
        EXPECT_EQ(e, block_free(&t.b, t.txg, &bp[i]), 0);
    tank_end(&t);
    EXPECT_EQ(e, space_totals(t.space).allocated, before);
    bp_word_set(&bp[0], 0, bp_word(&bp[0], 0) | 5ull << 32);
    EXPECT_EQ(e, block_free(&t.b, t.txg, &bp[0]), -EBADMSG);
    iobuf_put(buf);
    tank_free(&t);
}

/* A gang of gangs, made by hand as OpenZFS would. */
static struct bp gang_of(struct tank *t, const struct bp *child, unsigned n, const void *data,
                         uint32_t len)
{
    struct dva dva[BP_DVAS];
    struct bp bp;
    struct cksum sum;
    struct iobuf *buf = iobuf_get(GANG_HEADER);
    const struct bp_props props = {.lsize = len,
                                   .psize = len,
                                   .type = DMU_ZVOL,
                                   .compress = ZCOMP_OFF,
                                   .checksum = ZCHECK_FLETCHER4};
    check(space_alloc(t->space, t->txg, GANG_HEADER, 2, SPACE_META, dva) == 0);
    bp_make(&bp, &props, t->txg);
    check(cksum_compute(ZCHECK_FLETCHER4, data, len, &sum));
    bp_set_cksum(&bp, &sum);
    memset(buf->p, 0, GANG_HEADER);
    memcpy(buf->p, child, n * sizeof(*child));
    cksum_seal(buf->p, GANG_HEADER,
               &(struct cksum){
                   {dva[0].vdev, dva[0].off, t->txg, 0}
    });
    for (unsigned i = 0; i < 2; i++) {
        dva[i].gang = true;
        iobuf_ref(buf);
        vbatch_add(t->b.batch, t->root->child[dva[i].vdev], dva[i].off, buf, GANG_HEADER);
        for (unsigned c = 0; c < n; c++)
            dva[i].asize += bp_dva(&child[c], i).asize;
        bp_set_dva(&bp, i, &dva[i]);
    }
    iobuf_put(buf);
    return bp;
}

static void body_gang(struct expect *e)
{
    struct tank t;
    struct bp part[3];
    uint64_t repaired;
    tank_new(&t, &(struct tank_shape){2, 1, 12, 64 * MIB, MIB});
    uint64_t before = space_totals(t.space).allocated;
    struct iobuf *whole = fill(3 * 1536 + 1024, 7, false), *piece = iobuf_get(1536);
    struct block_want w = {
        .lsize = 1536, .type = DMU_NONE, .checksum = ZCHECK_FLETCHER4, .copies = 1};
    tank_begin(&t);
    for (unsigned i = 0; i < 3; i++) {
        struct iobuf *p = iobuf_get(1536);
        memcpy(p->p, whole->p + 1536 * i, 1536);
        EXPECT_EQ(e, block_write(&t.b, t.txg, &w, p, &part[i]), 0);
        iobuf_put(p);
    }
    part[0] = gang_of(&t, part, 3, whole->p, 3 * 1536);
    w.lsize = 1024;
    memcpy(piece->p, whole->p + 3 * 1536, 1024);
    EXPECT_EQ(e, block_write(&t.b, t.txg, &w, piece, &part[1]), 0);
    struct bp bp = gang_of(&t, part, 2, whole->p, 3 * 1536 + 1024);
    tank_end(&t);
    tank_chill(&t);
    expect_reads(e, &t, &bp, whole, 3 * 1536 + 1024);
    EXPECT_EQ(e, block_scrub(&t.b, &bp, &repaired), 0);
    tank_spoil(&t, &bp, 0, 0);
    tank_chill(&t);
    expect_reads(e, &t, &bp, whole, 3 * 1536 + 1024);
    tank_spoil(&t, &part[1], 0, 0);
    tank_chill(&t);
    struct iobuf *got;
    EXPECT_EQ(e, block_read(&t.b, &bp, BLOCK_NORMAL, &got), -EBADMSG);
    tank_begin(&t);
    EXPECT_EQ(e, block_free(&t.b, t.txg, &bp), 0);
    tank_end(&t);
    EXPECT_EQ(e, space_totals(t.space).allocated, before);
    iobuf_put(whole);
    iobuf_put(piece);
    tank_free(&t);
}

/* A pointer without places, of so many bytes. */
static struct bp pointer_of(const struct tank *t, uint32_t len, unsigned checksum)
{
    struct bp bp;
    const struct bp_props props = {.lsize = len,
                                   .psize = len,
                                   .type = DMU_ZVOL,
                                   .compress = ZCOMP_OFF,
                                   .checksum = (uint8_t)checksum};
    bp_make(&bp, &props, t->txg);
    return bp;
}

/* Seals a header and puts it where bp has its first place. */
static void header_put(struct tank *t, struct gang_header *h, const struct bp *bp)
{
    const struct dva dva = bp_dva(bp, 0);
    const struct cksum verifier = {
        {dva.vdev, dva.off, t->txg, 0}
    };
    struct iobuf *buf = iobuf_get(GANG_HEADER);
    cksum_seal(h, sizeof(*h), &verifier);
    memcpy(buf->p, h, sizeof(*h));
    vbatch_add(t->b.batch, t->root->child[dva.vdev], dva.off, buf, GANG_HEADER);
}

static struct dva header_place(struct tank *t)
{
    struct dva dva[BP_DVAS];
    check(space_alloc(t->space, t->txg, GANG_HEADER, 1, SPACE_META, dva) == 0);
    dva[0].gang = true;
    return dva[0];
}

/* An empty tank in its first txg, with a place for the header of a gang of so many bytes; the pointer says how they are checked. */
static struct bp gang_begin(struct tank *t, uint32_t len, unsigned checksum,
                            struct dva *ret_dva)
{
    tank_new(t, &(struct tank_shape){1, 1, 9, 64 * MIB, MIB});
    tank_begin(t);
    *ret_dva = header_place(t);
    return pointer_of(t, len, checksum);
}

/* A gang whose header names itself with all its copies: the disk is asked a few times, not 3^7. */
static void body_gang_in_itself(struct expect *e)
{
    struct tank t;
    struct gang_header h = {0};
    struct iobuf *got;
    struct dva dva;
    uint64_t repaired;
    struct bp bp = gang_begin(&t, GANG_HEADER, ZCHECK_FLETCHER4, &dva);
    for (unsigned i = 0; i < BP_DVAS; i++)
        bp_set_dva(&bp, i, &dva);
    h.child[0] = bp;
    header_put(&t, &h, &bp);
    tank_end(&t);
    const struct vdev_stats *disk = &vdev_leaf(t.root, 0)->stats;
    const uint64_t most = BP_DVAS * (GANG_DEPTH_MAX + 1);
    uint64_t before = disk->reads;
    EXPECT_EQ(e, block_read(&t.b, &bp, BLOCK_NORMAL, &got), -EBADMSG);
    EXPECT(e, disk->reads - before <= most);
    before = disk->reads;
    EXPECT_EQ(e, block_scrub(&t.b, &bp, &repaired), -EBADMSG);
    EXPECT(e, disk->reads - before <= most * (GANG_DEPTH_MAX + 1));
    tank_begin(&t);
    EXPECT_EQ(e, block_free(&t.b, t.txg, &bp), -EBADMSG);
    tank_end(&t);
    tank_free(&t);
}

/* Of a gang without a checksum nobody notices what isn't there: a part without a place that counts as bytes of the block. What
 * memory held before would be taken for them. */
static void body_gang_part_nowhere(struct expect *e)
{
    struct tank t;
    struct gang_header h = {0};
    struct iobuf *got;
    struct dva dva;
    uint64_t repaired;
    struct bp bp = gang_begin(&t, 1024, ZCHECK_OFF, &dva);
    bp_set_dva(&bp, 0, &dva);
    h.child[0] = pointer_of(&t, 1024, ZCHECK_FLETCHER4);
    header_put(&t, &h, &bp);
    tank_end(&t);
    EXPECT_EQ(e, block_read(&t.b, &bp, BLOCK_NORMAL, &got), -EBADMSG);
    EXPECT_EQ(e, block_scrub(&t.b, &bp, &repaired), -EBADMSG);
    tank_free(&t);
}

/* All free space is holes of two sectors: what is larger goes there as a gang, by gangs of gangs, and is read, repaired and freed
 * like anything else. */
static void body_make_gang(struct expect *e)
{
    struct tank t;
    static struct bp small[8192];
    unsigned n = 0;
    uint64_t repaired;
    struct iobuf *buf = fill(8192, 1, false), *large = fill(BLOCK_MAX, 2, false);
    struct block_want w = {
        .lsize = 8192, .type = DMU_ZVOL, .checksum = ZCHECK_FLETCHER4, .copies = 1};
    struct bp bp, mos;
    tank_new(&t, &(struct tank_shape){1, 2, 12, 64 * MIB, MIB});
    tank_begin(&t);
    while (n < ARRAY_LEN(small) && block_write(&t.b, t.txg, &w, buf, &small[n]) == 0)
        n++;
    EXPECT(e, n > 1000 && n < ARRAY_LEN(small));
    tank_end(&t);
    tank_begin(&t);
    for (unsigned i = 0; i < n; i += 2)
        EXPECT_EQ(e, block_free(&t.b, t.txg, &small[i]), 0);
    for (unsigned i = 0; i < 4; i++) { /* until it may be used again */
        tank_end(&t);
        tank_begin(&t);
    }
    uint64_t before = space_totals(t.space).allocated;
    w = (struct block_want){.lsize = BLOCK_MAX,
                            .type = DMU_DNODE,
                            .level = 1,
                            .checksum = ZCHECK_SHA256,
                            .copies = 2};
    EXPECT_EQ(e, block_write(&t.b, t.txg, &w, large, &bp), 0);
    EXPECT(e, bp_dva(&bp, 0).gang && bp_dva(&bp, 1).gang && bp_ndvas(&bp) == 3);
    EXPECT_EQ(e, block_place(&t.b, t.txg, &w, &mos), 0);
    EXPECT(e, bp_dva(&mos, 0).gang);
    block_put(&t.b, &mos, 1, large, &mos);
    /* The pointer counts all that is below it. */
    struct bp_sums a = block_sums(&t.b, &bp), b = block_sums(&t.b, &mos);
    EXPECT_EQ(e, a.used + b.used, space_totals(t.space).allocated - before);
    /* What gets a place and no content gives it back. */
    EXPECT_EQ(e, block_place(&t.b, t.txg, &w, &mos), 0);
    EXPECT_EQ(e, block_free(&t.b, t.txg, &mos), 0);
    EXPECT_EQ(e, space_totals(t.space).allocated, before + a.used + b.used);
    tank_end(&t);
    tank_chill(&t);
    expect_reads(e, &t, &bp, large, BLOCK_MAX);
    tank_spoil(&t, &bp, 0, 0);
    tank_chill(&t);
    expect_reads(e, &t, &bp, large, BLOCK_MAX);
    tank_spoil(&t, &bp, 1, 1);
    EXPECT_EQ(e, block_scrub(&t.b, &bp, &repaired), 0);
    EXPECT_EQ(e, repaired, 2 * 4096); /* a side of the first header, the other of the second */
    EXPECT_EQ(e, block_scrub(&t.b, &bp, &repaired), 0);
    EXPECT_EQ(e, repaired, 0);
    tank_begin(&t);
    EXPECT_EQ(e, block_free(&t.b, t.txg, &bp), 0);
    tank_end(&t);
    EXPECT_EQ(e, space_totals(t.space).allocated, before + b.used);
    /* There is no room at all: nothing is kept of the attempt. */
    tank_begin(&t);
    before = space_totals(t.space).allocated;
    int r;
    do
        r = block_write(&t.b, t.txg, &w, large, &bp);
    while (r == 0);
    EXPECT_EQ(e, r, -ENOSPC);
    EXPECT(e, list_empty(&t.b.gangs) && bp_ndvas(&bp) == 0);
    EXPECT(e, space_totals(t.space).allocated > before);
    tank_end(&t);
    iobuf_put(buf);
    iobuf_put(large);
    tank_free(&t);
}

/* The oldest reader is never taken for younger than it is. */
static void body_epochs(struct expect *e)
{
    struct blocks b = {.committed_txg = 1000000};
    uint64_t open[64];
    unsigned n = 0;
    uint32_t x = 1;
    for (unsigned i = 0; i < 20000; i++) {
        x = x * 1664525 + 1013904223;
        unsigned what = x >> 28;
        if (what < 6 && n < ARRAY_LEN(open)) {
            open[n++] = blocks_reader_enter(&b);
        } else if (what < 12 && n > 0) {
            unsigned k = (x >> 8) % n;
            blocks_reader_leave(&b, open[k]);
            open[k] = open[--n];
        } else {
            b.committed_txg++;
        }
        uint64_t oldest = b.committed_txg;
        for (unsigned k = 0; k < n; k++)
            oldest = MIN(oldest, open[k]);
        EXPECT(e, blocks_oldest_reader(&b) <= oldest);
        if (n == 0)
            EXPECT_EQ(e, blocks_oldest_reader(&b), b.committed_txg);
    }
}

/* Many fibers, one block, one read from disk. */
struct crowd {
    struct expect *e;
    struct tank *t;
    struct bp bp;
    struct iobuf *want;
    struct waitgroup g;
};

static void crowd_reader(void *arg)
{
    struct crowd *c = arg;
    expect_reads(c->e, c->t, &c->bp, c->want, 16384);
    waitgroup_done(&c->g);
}

static void body_crowd(struct expect *e)
{
    struct tank t;
    tank_new(&t, &(struct tank_shape){1, 1, 12, 64 * MIB, MIB});
    struct crowd c = {.e = e, .t = &t, .want = fill(16384, 9, false)};
    struct block_want w = {
        .lsize = 16384, .type = DMU_ZVOL, .checksum = ZCHECK_FLETCHER4, .copies = 1};
    c.bp = write_one(&t, c.want, &w);
    tank_chill(&t);
    waitgroup_init(&c.g);
    waitgroup_add(&c.g, 20);
    uint64_t reads = vdev_leaf(t.root, 0)->stats.reads;
    for (unsigned i = 0; i < 20; i++)
        check(fiber_start(crowd_reader, &c, "reader"));
    waitgroup_wait(&c.g);
    EXPECT_EQ(e, vdev_leaf(t.root, 0)->stats.reads - reads, 1);
    iobuf_put(c.want);
    tank_free(&t);
}

#define TEST(name)                                                                             \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        for (uint64_t seed = 1; seed <= 3; seed++)                                             \
            expect_in(expect_sim(seed), body_##name, NULL);                                    \
    }
TEST(round_trip)
TEST(zeros_and_holes)
TEST(heals)
TEST(read_only_repairs_nothing)
TEST(deduplicated)
TEST(place_and_put)
TEST(freeing)
TEST(gang)
TEST(gang_in_itself)
TEST(gang_part_nowhere)
TEST(make_gang)
TEST(epochs)
TEST(crowd)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_zeros_and_holes),
        cmocka_unit_test(test_heals),          cmocka_unit_test(test_read_only_repairs_nothing),
        cmocka_unit_test(test_deduplicated),   cmocka_unit_test(test_place_and_put),
        cmocka_unit_test(test_freeing),        cmocka_unit_test(test_gang),
        cmocka_unit_test(test_gang_in_itself), cmocka_unit_test(test_gang_part_nowhere),
        cmocka_unit_test(test_make_gang),      cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_crowd),
    };
    return cmocka_run_group_tests_name("pool_block", tests, NULL, NULL);
}
