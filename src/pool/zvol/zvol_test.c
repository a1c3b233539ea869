/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data path of a volume in the simulated world: large durable writes that go straight to their places, shortcuts into the
 * cache across commits, reading ahead, power cuts with everything in the log. A scrub without errors, and space that comes back
 * to the byte, say that tree and books agree.
 */
#include "base/check.h"
#include "base/log.h"
#include "pool/pool_fixture.h"
#include "pool/zvol/zvol_int.h"
#include "run/file.h"
#include "volume/expect.h"

#include <errno.h>

#define MIB    (1ull << 20)
#define DISK   (256 * MIB)
#define BLOCK  16384u
#define VOLUME (16 * MIB)

struct bench {
    struct expect *e;
    struct pool *p;
    struct volume *v;
};

/* ---- the pool ---------------------------------------------------------------------------- */

static struct pool_opts opts(void)
{
    return (struct pool_opts){.cache_bytes = 32 * MIB, .dirty_bytes = 32 * MIB};
}

static void make(struct bench *b, struct expect *e, const char *compression)
{
    static const char *const paths[] = {"/d0"};
    const struct pool_group group = {LAYOUT_SINGLE, 1, paths};
    const struct pool_create_want want = {
        .name = "tank", .groups = &group, .ngroups = 1, .opts = opts()};
    const struct pool_volume_want vol = {
        .name = "v", .size = VOLUME, .block_size = BLOCK, .compression = compression};
    *b = (struct bench){.e = e};
    fixture_disk("/d0", DISK);
    check(pool_create(&want, &b->p, NULL) == 0);
    check(pool_volume_create(b->p, &vol, NULL) == 0);
    check(pool_volume_open(b->p, "v", &b->v, NULL) == 0);
}

static void import(struct bench *b)
{
    const char *paths[] = {"/d0", NULL};
    const struct pool_import_want want = {.paths = paths, .name = "tank", .opts = opts()};
    check(pool_import(&want, &b->p, NULL) == 0);
    check(pool_volume_open(b->p, "v", &b->v, NULL) == 0);
}

/* No block that cannot be read, and nothing left of the volume when it is gone. */
static void end(struct bench *b)
{
    struct pool_scan_status scan;
    struct pool_space before, after;
    EXPECT_EQ(b->e, pool_sync(b->p), 0);
    EXPECT_EQ(b->e, pool_scrub(b->p, POOL_SCRUB_START, NULL), 0);
    pool_scan_wait(b->p);
    pool_scan_status(b->p, &scan);
    EXPECT_EQ(b->e, scan.errors, 0);
    pool_space(b->p, &before);
    volume_close(b->v);
    EXPECT_EQ(b->e, pool_volume_destroy(b->p, "v", NULL), 0);
    for (unsigned i = 0; i < 6; i++)
        EXPECT_EQ(b->e, pool_sync(b->p), 0);
    pool_space(b->p, &after);
    EXPECT(b->e, after.allocated < 2 * MIB);
    EXPECT(b->e, after.allocated <= before.allocated);
    EXPECT_EQ(b->e, pool_export(b->p, NULL), 0);
}

static uint8_t byte_at(uint64_t off, uint8_t seed)
{
    uint64_t h = (off ^ (uint64_t)seed << 40) * 0x9e3779b97f4a7c15ull;
    return seed ? (uint8_t)(h >> 56) : 0;
}

static int write_flags(struct bench *b, uint64_t off, uint64_t len, uint8_t seed,
                       unsigned flags)
{
    struct sgl s;
    sgl_init(&s);
    check(sgl_alloc(&s, len) == 0);
    for (uint64_t i = 0; i < len; i++) {
        uint8_t byte = byte_at(off + i, seed);
        sgl_copy_in(&s, i, &byte, 1);
    }
    int r = b->v->ops->write(b->v, off, &s, flags);
    sgl_clear(&s);
    return r;
}

static void put(struct bench *b, uint64_t off, uint64_t len, uint8_t seed)
{
    EXPECT_EQ(b->e, write_flags(b, off, len, seed, VOL_FUA), 0);
}

static void holds(struct bench *b, uint64_t off, uint64_t len, uint8_t seed)
{
    struct sgl s;
    uint64_t wrong = 0;
    sgl_init(&s);
    EXPECT_EQ(b->e, b->v->ops->read(b->v, off, len, &s), 0);
    EXPECT_EQ(b->e, s.len, len);
    for (uint64_t i = 0; i < s.len; i++) {
        uint8_t byte;
        sgl_copy_out(&s, i, &byte, 1);
        wrong += byte != byte_at(off + i, seed);
    }
    EXPECT_EQ(b->e, wrong, 0);
    sgl_clear(&s);
}

static uint64_t bytes_written(const struct bench *b)
{
    return vdev_leaf(b->p->root, 0)->stats.bytes_written;
}

/* ---- tests ------------------------------------------------------------------------------- */

static void large_body(struct expect *e)
{
    struct bench b;
    make(&b, e, "off");
    uint64_t before = bytes_written(&b);
    for (unsigned i = 0; i < 32; i++)
        put(&b, i * 128 * 1024, 128 * 1024, (uint8_t)(i + 1));
    EXPECT_EQ(e, pool_sync(b.p), 0);
    /* Once, not twice. */
    EXPECT(e, bytes_written(&b) - before < 6 * MIB);
    for (unsigned i = 0; i < 32; i++)
        holds(&b, i * 128 * 1024, 128 * 1024, (uint8_t)(i + 1));
    end(&b);
}

static void again_body(struct expect *e)
{
    struct bench b;
    make(&b, e, "lz4");
    for (unsigned i = 0; i < 8; i++) {
        put(&b, 0, 128 * 1024, 1);          /* placed */
        put(&b, 20000 / 512 * 512, 512, 2); /* a part of a placed block */
        put(&b, 3 * BLOCK, 4 * BLOCK, 3);   /* placed over placed */
        EXPECT_EQ(e, b.v->ops->discard(b.v, 7 * BLOCK, BLOCK, VOL_FUA), 0);
        put(&b, BLOCK / 2, 128 * 1024, 0); /* zeros: holes where they are whole blocks */
        put(&b, 64 * 1024 + 512, 96 * 1024, 4);
        holds(&b, 64 * 1024 + 512, 96 * 1024, 4);
        holds(&b, 0, BLOCK / 2, 1);
        holds(&b, BLOCK / 2, 64 * 1024 + 512 - BLOCK / 2, 0);
        if (i % 3 == 2)
            EXPECT_EQ(e, pool_sync(b.p), 0);
    }
    EXPECT_EQ(e, pool_sync(b.p), 0);
    holds(&b, 64 * 1024 + 512, 96 * 1024, 4);
    holds(&b, 0, BLOCK / 2, 1);
    end(&b);
}

static void atomic_body(struct expect *e)
{
    struct bench b;
    make(&b, e, "off");
    EXPECT_EQ(e, b.v->geo.atomic_max, 128 * 1024);
    EXPECT_EQ(e, write_flags(&b, 512, 128 * 1024, 1, VOL_FUA | VOL_ATOMIC), 0);
    EXPECT_EQ(e, write_flags(&b, MIB, 4096, 2, VOL_FUA | VOL_ATOMIC), 0);
    holds(&b, 512, 128 * 1024, 1);
    holds(&b, MIB, 4096, 2);
    end(&b);
}

/* The cache must not show what a txg has replaced. */
static void shortcut_body(struct expect *e)
{
    struct bench b;
    make(&b, e, "off");
    for (uint8_t round = 1; round < 6; round++) {
        EXPECT_EQ(e, write_flags(&b, 0, 40 * BLOCK, round, 0), 0);
        holds(&b, 0, 40 * BLOCK, round);
        EXPECT_EQ(e, pool_sync(b.p), 0);
        holds(&b, 0, 40 * BLOCK, round);
        holds(&b, 0, 40 * BLOCK, round);
        EXPECT_EQ(e, b.v->ops->discard(b.v, 10 * BLOCK, 10 * BLOCK, 0), 0);
        EXPECT_EQ(e, pool_sync(b.p), 0);
        holds(&b, 10 * BLOCK, 10 * BLOCK, 0);
        holds(&b, 20 * BLOCK, BLOCK, round);
    }
    end(&b);
}

static void ahead_body(struct expect *e)
{
    struct bench b;
    struct cache_stats st;
    make(&b, e, "off");
    for (unsigned i = 0; i < 8; i++)
        EXPECT_EQ(e, write_flags(&b, i * MIB, MIB, 1, 0), 0);
    volume_close(b.v);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
    import(&b);
    for (unsigned i = 0; i < 20; i++) /* nobody's stream */
        holds(&b, (uint64_t)i * 149 % 61 * 8 * BLOCK, BLOCK, 1);
    cache_stats(b.p->blocks.cache, &st);
    EXPECT_EQ(e, st.prefetch_hits, 0);
    /* As many as there may be streams read in between what is in memory, and take no stream's place. */
    for (unsigned i = 0; i < 64; i++) {
        holds(&b, i * 8 * BLOCK, 8 * BLOCK, 1);
        for (unsigned k = 0; k < 9; k++)
            holds(&b, (uint64_t)k * 149 % 61 * 8 * BLOCK, BLOCK, 1);
    }
    cache_stats(b.p->blocks.cache, &st);
    EXPECT(e, st.prefetch_hits > 430);
    EXPECT(e, st.bytes <= 40 * MIB);
    end(&b);
}

/* What nobody waited for is in the log after a flush, and no txg was needed for that; too much for it is in the txg. */
static void flush_body(struct expect *e)
{
    struct bench b;
    make(&b, e, "off");
    EXPECT_EQ(e, pool_sync(b.p), 0);
    uint64_t synced = b.p->txgs.synced, before = bytes_written(&b);
    EXPECT_EQ(e, write_flags(&b, 512, 128 * 1024, 1, 0), 0);
    EXPECT(e, b.p->log_deferred > 128 * 1024);
    EXPECT_EQ(e, bytes_written(&b), before);
    EXPECT_EQ(e, b.v->ops->flush(b.v), 0);
    EXPECT_EQ(e, b.p->txgs.synced, synced);
    EXPECT_EQ(e, b.p->log_deferred, 0);
    EXPECT(e, bytes_written(&b) - before < 256 * 1024);
    for (unsigned i = 0; i < 16; i++) {
        EXPECT_EQ(e, write_flags(&b, i * MIB / 4, MIB / 4, 2, 0), 0);
        EXPECT(e,
               b.p->log_deferred <= MIB + MIB / 4); /* a 32nd of dirty_bytes, and one record */
    }
    EXPECT_EQ(e, b.v->ops->flush(b.v), 0);
    EXPECT(e, b.p->txgs.synced > synced);
    EXPECT_EQ(e, write_flags(&b, 0, MIB / 4, 3, 0), 0);
    EXPECT_EQ(e, pool_sync(b.p), 0);
    EXPECT_EQ(e, b.p->log_deferred, 0); /* the txg's data are nobody's any more */
    holds(&b, 0, MIB / 4, 3);
    holds(&b, MIB / 4, 15 * MIB / 4, 2);
    end(&b);
}

/* Writers that are faster than the disk don't fill memory. */
static void throttle_body(struct expect *e)
{
    struct bench b;
    uint64_t most = 0;
    make(&b, e, "off");
    for (unsigned i = 0; i < 160; i++) {
        EXPECT_EQ(e, write_flags(&b, i * MIB % VOLUME, MIB, (uint8_t)(i + 1), 0), 0);
        most = MAX(most, b.p->dirty_bytes);
    }
    EXPECT(e, most > 4 * MIB && most <= 33 * MIB);
    end(&b);
}

/* Small writes make whole blocks dirty, and are slowed down as much as those of whole blocks are: none hits the limit. */
static void small_body(struct expect *e)
{
    struct bench b;
    uint64_t most = 0;
    make(&b, e, "off");
    pool_set_memory(b.p, 32 * MIB, 4 * MIB);
    for (unsigned i = 0; i < VOLUME / BLOCK; i++) {
        EXPECT_EQ(e, write_flags(&b, (uint64_t)i * BLOCK, 512, 1, 0), 0);
        most = MAX(most, b.p->dirty_bytes);
    }
    EXPECT(e, most > 2 * MIB && most < 4 * MIB - BLOCK);
    end(&b);
}

/* Where there is little room txgs are small enough for what they hold back to come back in time: nobody waits for several of
 * them. */
static void little_room_body(struct expect *e)
{
    const uint64_t size = 80 * MIB;
    const struct pool_volume_want want = {
        .name = "w", .size = size, .block_size = BLOCK, .compression = "off"};
    struct bench b;
    uint64_t longest = 0;
    make(&b, e, "off");
    struct volume *small = b.v;
    EXPECT_EQ(e, pool_volume_create(b.p, &want, NULL), 0);
    EXPECT_EQ(e, pool_volume_open(b.p, "w", &b.v, NULL), 0);
    pool_set_memory(b.p, 32 * MIB, DISK);
    for (unsigned i = 0; i < 4 * size / MIB; i++) {
        uint64_t before = run_now();
        EXPECT_EQ(e, write_flags(&b, i * MIB % size, MIB, (uint8_t)(i + 1), 0), 0);
        longest = MAX(longest, run_now() - before);
    }
    EXPECT(e, longest < 30 * NS_PER_MS);
    volume_close(b.v);
    EXPECT_EQ(e, pool_volume_destroy(b.p, "w", NULL), 0);
    b.v = small;
    end(&b);
}

/* Blocks that are dirty already take no more room. */
static void rewrite_body(struct expect *e)
{
    struct bench b;
    make(&b, e, "off");
    EXPECT_EQ(e, write_flags(&b, 0, 3 * MIB, 1, 0), 0);
    pool_set_memory(b.p, 32 * MIB, 3 * MIB);
    uint64_t before = run_now(), txg = b.p->txgs.open;
    throttle_wait(pvol_of(b.v), 0, 3 * MIB, false);
    EXPECT(e, run_now() == before && b.p->txgs.open == txg);
    throttle_wait(pvol_of(b.v), 0, 3 * MIB + 1, false);
    EXPECT(e, run_now() > before && b.p->txgs.open > txg);
    end(&b);
}

struct crowd {
    struct bench *b;
    struct waitgroup over;
    unsigned next;
};

static void crowd_write(void *arg)
{
    struct crowd *c = arg;
    uint64_t off = (uint64_t)c->next++ * MIB / 8;
    EXPECT_EQ(c->b->e, write_flags(c->b, off, MIB / 8, 2, 0), 0);
    waitgroup_done(&c->over);
}

/* Who waits for his turn doesn't when a txg has taken what he waited for. */
static void crowd_body(struct expect *e)
{
    struct bench b;
    struct crowd c = {.b = &b};
    make(&b, e, "off");
    EXPECT_EQ(e, write_flags(&b, 8 * MIB, 4 * MIB - BLOCK, 1, 0), 0);
    pool_set_memory(b.p, 32 * MIB, 4 * MIB);
    waitgroup_init(&c.over);
    waitgroup_add(&c.over, 16);
    for (unsigned i = 0; i < 16; i++)
        check(fiber_start(crowd_write, &c, "crowd") != NULL);
    fiber_yield();
    EXPECT_EQ(e, c.next, 16);
    EXPECT_EQ(e, pool_sync(b.p), 0);
    uint64_t synced = run_now();
    waitgroup_wait(&c.over);
    EXPECT(e, run_now() - synced < 20 * NS_PER_MS);
    end(&b);
}

#define TEST(name)                                                                             \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        expect_in(expect_sim(1), name##_body, NULL);                                           \
    }
TEST(large)
TEST(again)
TEST(atomic)
TEST(shortcut)
TEST(ahead)
TEST(throttle)
TEST(small)
TEST(little_room)
TEST(rewrite)
TEST(crowd)
TEST(flush)

/* ---- power cuts -------------------------------------------------------------------------- */

static void before_cut(void *arg)
{
    struct bench *b = arg;
    make(b, b->e, "off");
    put(b, 0, 256 * 1024, 1);
    put(b, 96 * 1024, 64 * 1024, 2);
    put(b, 512 * 1024 + 512, 100 * 1024, 3);
    put(b, 1024 * 1024, 512, 4);
    EXPECT_EQ(b->e, b->v->ops->write_zeroes(b->v, 4 * BLOCK, 2 * BLOCK, true, VOL_FUA), 0);
    put(b, 2 * MIB, BLOCK, 5);
    EXPECT_EQ(b->e, pool_sync(b->p), 0);
    /* A hole that only memory knows of, and a durable discard of a part of it. */
    EXPECT_EQ(b->e, b->v->ops->write_zeroes(b->v, 2 * MIB, BLOCK, true, 0), 0);
    EXPECT_EQ(b->e, b->v->ops->discard(b->v, 2 * MIB + 512, 512, VOL_FUA), 0);
    /* Nobody waited for these until a flush. */
    EXPECT_EQ(b->e, write_flags(b, 3 * MIB + 512, 96 * 1024, 6, 0), 0);
    EXPECT_EQ(b->e, write_flags(b, 3 * MIB, 1024, 7, 0), 0);
    EXPECT_EQ(b->e, b->v->ops->discard(b->v, 3 * MIB + 2 * BLOCK, BLOCK, 0), 0);
    EXPECT_EQ(b->e, b->v->ops->flush(b->v), 0);
    sim_power_cut(reactor_run(reactor_self()), SIM_CUT_ALL_BUT_FIRST);
    fiber_yield();
}

static void after_cut(void *arg)
{
    struct bench *b = arg;
    import(b);
    holds(b, 0, 4 * BLOCK, 1);
    holds(b, 4 * BLOCK, 2 * BLOCK, 0);
    holds(b, 96 * 1024, 64 * 1024, 2);
    holds(b, 160 * 1024, 96 * 1024, 1);
    holds(b, 512 * 1024 + 512, 100 * 1024, 3);
    holds(b, 1024 * 1024, 512, 4);
    holds(b, 2 * MIB + 512, 512, 0);
    holds(b, 3 * MIB, 1024, 7);
    holds(b, 3 * MIB + 1024, 2 * BLOCK - 1024, 6);
    holds(b, 3 * MIB + 2 * BLOCK, BLOCK, 0);
    holds(b, 3 * MIB + 3 * BLOCK, 96 * 1024 + 512 - 3 * BLOCK, 6);
    end(b);
    run_stop(reactor_run(reactor_self()));
}

/* What was acknowledged and is in no txg yet comes back from the log and from the places. */
static void test_power_cut(void **state)
{
    struct sim_disks *disks = sim_disks_new();
    struct expect e = {0};
    struct bench b = {.e = &e};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct run *run = expect_sim(i + 1);
        sim_attach_disks(run, disks);
        run_loop(run, i == 0 ? before_cut : after_cut, &b);
        run_free(run);
    }
    sim_disks_free(disks);
    if (e.failed)
        fail_msg("line %d: %s (%jd, %jd)", e.line, e.failed, e.got, e.want);
    assert_true(e.checks > 0);
}

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t n)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)n;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large),       cmocka_unit_test(test_again),
        cmocka_unit_test(test_atomic),      cmocka_unit_test(test_shortcut),
        cmocka_unit_test(test_ahead),       cmocka_unit_test(test_throttle),
        cmocka_unit_test(test_small),       cmocka_unit_test(test_rewrite),
        cmocka_unit_test(test_little_room), cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_flush),       cmocka_unit_test(test_power_cut),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests_name("pool_zvol", tests, NULL, NULL);
}
