/* SPDX-License-Identifier: BSD-2-Clause */
/* The cache alone: budget, what a scan leaves, ghosts, blocks in use, forged names. */
#include "base/check.h"
#include "pool/block/block_int.h"
#include "volume/expect.h"

#define BLOCK 4096u

static struct bp name(uint64_t n)
{
    struct bp bp;
    const struct bp_props props = {.lsize = BLOCK,
                                   .psize = BLOCK,
                                   .type = DMU_ZVOL,
                                   .compress = ZCOMP_OFF,
                                   .checksum = ZCHECK_FLETCHER4};
    bp_make(&bp, &props, 5);
    bp_set_dva(&bp, 0, &(struct dva){.off = n * BLOCK, .asize = BLOCK});
    return bp;
}

/* As a reader does: finds the block, or loads it. True: it was there. */
static bool use(struct cache *c, uint64_t n, enum block_hint hint)
{
    struct bp bp = name(n);
    struct cache_entry *e;
    struct iobuf *buf = cache_find(c, &bp, hint);
    bool hit = buf != NULL;
    if (!hit) {
        check_cmp(cache_load(c, &bp, &e), ==, 0);
        buf = iobuf_get(BLOCK);
        memcpy(buf->p, &n, sizeof(n));
        cache_loaded(c, e, buf, hint);
    }
    uint64_t got;
    memcpy(&got, buf->p, sizeof(got));
    check(got == n);
    iobuf_put(buf);
    return hit;
}

static struct cache_stats stats_of(const struct cache *c)
{
    struct cache_stats s;
    cache_stats(c, &s);
    return s;
}

static void body_budget(struct expect *e)
{
    struct cache *c = cache_new(100 * BLOCK);
    for (uint64_t i = 0; i < 20000; i++) {
        use(c, i * i % 997, i % 7 == 0 ? BLOCK_PREFETCH : BLOCK_NORMAL);
        EXPECT(e, stats_of(c).bytes <= 100 * BLOCK);
    }
    EXPECT(e, stats_of(c).bytes > 90 * BLOCK);
    EXPECT(e, stats_of(c).hits > 0 && stats_of(c).evictions > 0);
    cache_set_budget(c, 10 * BLOCK);
    EXPECT(e, stats_of(c).bytes <= 10 * BLOCK);
    cache_set_budget(c, 0);
    EXPECT_EQ(e, stats_of(c).bytes, 0);
    use(c, 1, BLOCK_NORMAL);
    use(c, 2, BLOCK_NORMAL);
    EXPECT(e, stats_of(c).bytes <= BLOCK); /* the last one was in use when it came */
    cache_free(c);
}

/* What was used again survives a scan of a hundred times the cache. */
static void body_scan(struct expect *e)
{
    struct cache *c = cache_new(100 * BLOCK);
    unsigned left = 0;
    for (unsigned round = 0; round < 3; round++)
        for (uint64_t i = 0; i < 50; i++)
            use(c, i, BLOCK_NORMAL);
    for (uint64_t i = 0; i < 10000; i++)
        use(c, 1000 + i, BLOCK_NORMAL);
    for (uint64_t i = 0; i < 50; i++)
        left += use(c, i, BLOCK_NORMAL);
    EXPECT(e, left >= 45);
    cache_free(c);
}

/* A block that comes again soon after it left is taken for one that is used. */
static void body_ghost(struct expect *e)
{
    struct cache *c = cache_new(100 * BLOCK);
    for (uint64_t i = 0; i < 120; i++)
        use(c, i, BLOCK_NORMAL);
    EXPECT(e, !use(c, 0, BLOCK_NORMAL));
    for (uint64_t i = 0; i < 80; i++)
        use(c, 500 + i, BLOCK_NORMAL);
    EXPECT(e, use(c, 0, BLOCK_NORMAL));
    cache_free(c);
}

static void body_in_use(struct expect *e)
{
    struct cache *c = cache_new(10 * BLOCK);
    struct bp bp = name(7);
    struct iobuf *held = iobuf_get(BLOCK);
    cache_insert(c, &bp, held);
    for (uint64_t i = 100; i < 1000; i++) {
        uint64_t n = i;
        use(c, n, BLOCK_NORMAL);
    }
    struct iobuf *again = cache_find(c, &bp, BLOCK_NORMAL);
    EXPECT(e, again == held);
    iobuf_put(again);
    iobuf_put(held);
    cache_free(c);
}

static void body_hints(struct expect *e)
{
    struct cache *c = cache_new(100 * BLOCK);
    use(c, 1, BLOCK_STREAM);
    EXPECT(e, !use(c, 1, BLOCK_NORMAL));
    use(c, 2, BLOCK_PREFETCH);
    EXPECT_EQ(e, stats_of(c).prefetch_hits, 0);
    EXPECT(e, use(c, 2, BLOCK_NORMAL));
    EXPECT(e, use(c, 2, BLOCK_NORMAL));
    EXPECT_EQ(e, stats_of(c).prefetch_hits, 1);
    cache_free(c);
}

/* What is freed goes at once, whatever it is; who uses it keeps it. */
static void body_forget(struct expect *e)
{
    struct cache *c = cache_new(100 * BLOCK);
    struct bp bp = name(1), other = name(2), reading = name(3);
    struct cache_entry *r;
    use(c, 1, BLOCK_NORMAL);
    struct iobuf *mine = cache_find(c, &bp, BLOCK_NORMAL);
    cache_forget(c, &bp);
    cache_forget(c, &other);
    EXPECT_EQ(e, mine->refs, 1);
    EXPECT_EQ(e, stats_of(c).bytes, 0);
    EXPECT(e, !use(c, 1, BLOCK_NORMAL));
    check_cmp(cache_load(c, &reading, &r), ==, 0);
    cache_forget(c, &reading); /* its reader has the entry */
    cache_loaded(c, r, mine, BLOCK_NORMAL);
    iobuf_put(mine);
    mine = cache_find(c, &reading, BLOCK_NORMAL);
    EXPECT(e, mine != NULL);
    iobuf_put(mine);
    cache_free(c);
}

/* What a txg replaces is found until it is committed, makes no room for others before, and is gone then. */
static void body_leave(struct expect *e)
{
    struct cache *c = cache_new(100 * BLOCK);
    struct bp bp;
    for (uint64_t i = 0; i < 100; i++)
        use(c, i, BLOCK_NORMAL);
    for (uint64_t i = 0; i < 60; i++) {
        bp = name(i);
        cache_leave(c, &bp);
    }
    for (uint64_t i = 100; i < 1000; i++)
        use(c, i, BLOCK_NORMAL);
    EXPECT(e, stats_of(c).bytes <= 100 * BLOCK);
    for (uint64_t i = 0; i < 60; i++)
        EXPECT(e, use(c, i, BLOCK_NORMAL));
    bp = name(7);
    cache_forget(c, &bp);
    EXPECT_EQ(e, stats_of(c).bytes, 99 * BLOCK);
    while (cache_forget_leaving(c))
        ;
    EXPECT_EQ(e, stats_of(c).bytes, 40 * BLOCK);
    EXPECT(e, !use(c, 0, BLOCK_NORMAL));
    bp = name(2000);
    cache_leave(c, &bp); /* nobody knows it */
    EXPECT(e, !cache_forget_leaving(c));
    cache_free(c);
}

/* The same place with another size, birth or checksum is another block. */
static void body_forged(struct expect *e)
{
    struct cache *c = cache_new(100 * BLOCK);
    struct bp bp = name(3), forged = bp;
    use(c, 3, BLOCK_NORMAL);
    bp_word_set(&forged, 6, bp_word(&bp, 6) + 1);
    EXPECT(e, !cache_find(c, &forged, BLOCK_NORMAL));
    forged = bp;
    bp_word_set(&forged, 10, 6);
    EXPECT(e, !cache_find(c, &forged, BLOCK_NORMAL));
    forged = bp;
    bp_word_set(&forged, 12, 1);
    EXPECT(e, !cache_find(c, &forged, BLOCK_NORMAL));
    cache_free(c);
}

#define TEST(name)                                                                             \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        expect_in(expect_sim(1), body_##name, NULL);                                           \
    }
TEST(budget)
TEST(scan)
TEST(ghost)
TEST(in_use)
TEST(hints)
TEST(forged)
TEST(forget)
TEST(leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget), cmocka_unit_test(test_scan),
        cmocka_unit_test(test_ghost),  cmocka_unit_test(test_in_use),
        cmocka_unit_test(test_hints),  cmocka_unit_test(test_forged),
        cmocka_unit_test(test_forget), cmocka_unit_test(test_leave),
    };
    return cmocka_run_group_tests_name("pool_cache", tests, NULL, NULL);
}
