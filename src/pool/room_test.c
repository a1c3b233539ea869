/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools that are full: what is refused, what works all the same, who is told. */
#include "base/check.h"
#include "base/log.h"
#include "pool/pool_fixture.h"
#include "volume/expect.h"

#include <errno.h>
#include <stdio.h>

#define MIB FIXTURE_MIB

/* Events by name, counted. */
static struct {
    unsigned filling, relaxed, told, full;
} seen;

static void count(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t n)
{
    (void)arg, (void)level, (void)kv, (void)n;
    seen.filling += strcmp(event, "pool.filling") == 0;
    seen.relaxed += strcmp(event, "pool.relaxed") == 0;
    seen.full += strcmp(event, "volume.full") == 0;
}

/* Writes until there is no room; where it ended. */
static uint64_t fill(struct expect *e, struct volume *v)
{
    uint64_t off = 0;
    int r = 0;
    for (; r == 0 && off < v->geo.size; off += r == 0 ? 64 << 10 : 0)
        r = fixture_write(v, off, 64 << 10, 1);
    EXPECT_EQ(e, r, -ENOSPC);
    return off;
}

static void full_body(struct expect *e)
{
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "kept", 8 * MIB, true), 0);
    EXPECT_EQ(e, fixture_volume(p, "v", 512 * MIB, false), 0);
    EXPECT_EQ(e, fixture_volume(p, "doomed", MIB, false), 0);
    struct volume *v = fixture_open(p, "v"), *kept = fixture_open(p, "kept");
    uint64_t end = fill(e, v), left = fixture_number(p, "", "available");
    EXPECT(e, end > 16 * MIB && left < 2 * MIB);
    EXPECT_EQ(e, seen.full, 1);
    EXPECT_EQ(e, fixture_write(v, end, 64 << 10, 1), -ENOSPC);
    EXPECT_EQ(e, seen.full, 1);
    EXPECT_EQ(e, fixture_volume(p, "w", 8 * MIB, true), -ENOSPC);
    /* Administration works. */
    EXPECT_EQ(e, pool_set(p, "v", "a:b", "c", NULL), 0);
    EXPECT_EQ(e, pool_rename(p, "doomed", "doomed2", NULL), 0);
    EXPECT_EQ(e, pool_volume_destroy(p, "doomed2", NULL), 0);
    /* What was reserved is there, and can be overwritten again and again. */
    for (unsigned seed = 1; seed <= 3; seed++)
        EXPECT_EQ(e, fixture_write(kept, 0, 8 * MIB, seed), 0);
    EXPECT(e, fixture_holds(kept, 0, 8 * MIB, 3));
    EXPECT_EQ(e, fixture_write(v, end, 64 << 10, 1), -ENOSPC);
    /* So can what is in place, here and there and all of it. */
    EXPECT_EQ(e, fixture_write(v, 5000 * 4096, 4096, 1), -ENOSPC * (5000 * 4096 >= end));
    for (unsigned seed = 3; seed >= 1; seed--)
        for (uint64_t off = 0; off + MIB <= end; off += MIB)
            EXPECT_EQ(e, fixture_write(v, off, MIB, seed), 0);
    EXPECT_EQ(e, fixture_write(v, end, 64 << 10, 1), -ENOSPC);
    /* Giving back works, and makes room. */
    EXPECT_EQ(e, volume_write_zeroes(v, 0, 4 * MIB, true, 0), 0);
    EXPECT_EQ(e, volume_discard(v, 4 * MIB, 4 * MIB, 0), 0);
    EXPECT_EQ(e, fixture_write(v, end, 4 * MIB, 2), 0);
    EXPECT(e, fixture_holds(v, 0, 8 * MIB, 0));
    EXPECT(e, fixture_holds(v, 8 * MIB, end - 8 * MIB, 1));
    EXPECT(e, fixture_holds(v, end, 4 * MIB, 2));
    volume_close(kept);
    volume_close(v);
    EXPECT_EQ(e, pool_volume_destroy(p, "v", NULL), 0);
    EXPECT(e, fixture_number(p, "", "available") > left + 16 * MIB);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

/* Many writers at once don't get more than there is. */
struct writer {
    struct volume *v;
    uint64_t off;
    int result;
    struct waitgroup *group;
};

static void write_on(void *arg)
{
    struct writer *w = arg;
    for (uint64_t i = 0; w->result == 0 && i < 128 * MIB; i += 64 << 10)
        w->result = fixture_write(w->v, w->off + i, 64 << 10, 1);
    waitgroup_done(w->group);
}

static void crowd_body(struct expect *e)
{
    static struct writer writers[16];
    struct waitgroup group;
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "v", 2048 * MIB, false), 0);
    EXPECT_EQ(e, pool_set(p, "v", "sync", "standard", NULL), 0);
    struct volume *v = fixture_open(p, "v");
    waitgroup_init(&group);
    for (unsigned i = 0; i < ARRAY_LEN(writers); i++) {
        writers[i] = (struct writer){.v = v, .off = i * 128 * MIB, .group = &group};
        waitgroup_add(&group, 1);
        check(fiber_start(write_on, &writers[i], "writer") != NULL);
    }
    waitgroup_wait(&group);
    for (unsigned i = 0; i < ARRAY_LEN(writers); i++)
        EXPECT_EQ(e, writers[i].result, -ENOSPC);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, p->promised_cost, 0);
    EXPECT_EQ(e, volume_discard(v, 0, 2048 * MIB, 0), 0);
    EXPECT_EQ(e, fixture_write(v, 0, MIB, 1), 0);
    volume_close(v);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

static void quota_body(struct expect *e)
{
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "f/v", 64 * MIB, false), 0);
    EXPECT_EQ(e, fixture_volume(p, "w", 64 * MIB, false), 0);
    EXPECT_EQ(e, pool_set(p, "f", "quota", "8000000", NULL), 0);
    struct volume *v = fixture_open(p, "f/v"), *w = fixture_open(p, "w");
    EXPECT(e, fill(e, v) < 8 * MIB);
    EXPECT_EQ(e, fixture_write(w, 0, 16 * MIB, 1), 0);
    EXPECT_EQ(e, pool_set(p, "f", "quota", "16000000", NULL), 0);
    EXPECT_EQ(e, fixture_write(v, 8 * MIB, 4 * MIB, 1), 0);
    EXPECT_EQ(e, pool_set(p, "f", "quota", "9000000", NULL), -ENOSPC);
    volume_close(v);
    volume_close(w);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

/* A small volume hasn't as many indirect blocks as it may have dirty blocks. */
static void small_volume_body(struct expect *e)
{
    struct pool *p = fixture_make();
    const struct pool_volume_want want = {.name = "v", .size = 16 * MIB, .block_size = 4096};
    EXPECT_EQ(e, pool_volume_create(p, &want, NULL), 0);
    EXPECT_EQ(e, pool_set(p, "v", "sync", "standard", NULL), 0);
    struct volume *v = fixture_open(p, "v");
    EXPECT_EQ(e, fixture_write(v, 0, 16 * MIB, 1), 0);
    EXPECT(e, p->dirty_cost > 0 && p->dirty_cost < 48 * MIB);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, p->dirty_cost, 0);
    volume_close(v);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

/* Copies may be changed while blocks are dirty: what they cost is counted right all the same. */
static void copies_body(struct expect *e)
{
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "v", 512 * MIB, false), 0);
    EXPECT_EQ(e, pool_set(p, "v", "sync", "standard", NULL), 0);
    struct volume *v = fixture_open(p, "v");
    EXPECT_EQ(e, fixture_write(v, 0, MIB, 1), 0);
    EXPECT_EQ(e, pool_set(p, "v", "copies", "3", NULL), 0);
    EXPECT_EQ(e, fixture_write(v, 0, MIB, 2), 0);
    EXPECT_EQ(e, pool_set(p, "", "copies", "2", NULL), 0);
    EXPECT_EQ(e, pool_set(p, "v", "copies", NULL, NULL), 0);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, p->dirty_cost, 0);
    EXPECT_EQ(e, p->promised_cost, 0);
    fill(e, v);
    EXPECT_EQ(e, volume_discard(v, 0, 512 * MIB, 0), 0);
    EXPECT_EQ(e, fixture_write(v, 0, MIB, 3), 0);
    volume_close(v);
    EXPECT_EQ(e, p->dirty_cost, 0);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

static void told(void *arg, unsigned what)
{
    (void)arg;
    seen.told += what == VOL_CHANGED_THRESHOLD;
}

/* Whether a volume's users are to be warned. */
static bool warned(struct volume *v)
{
    struct volume_space s;
    return volume_space(v, &s) == 0 && s.available < s.warn_below;
}

static void thresholds_body(struct expect *e)
{
    struct pool *p = fixture_make();
    EXPECT_EQ(e, fixture_volume(p, "v", 64 * MIB, false), 0);
    EXPECT_EQ(e, fixture_volume(p, "other", 64 * MIB, false), 0);
    EXPECT_EQ(e, pool_set(p, "", "zsan:threshold", "101", NULL), -EINVAL);
    EXPECT_EQ(e, pool_set(p, "", "zsan:threshold", "10", NULL), 0);
    struct volume *v = fixture_open(p, "v"), *other = fixture_open(p, "other");
    other->notify = told;
    EXPECT_EQ(e, fixture_write(v, 0, 8 * MIB, 1), 0);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, seen.filling + seen.told, 0);
    EXPECT(e, !warned(other));
    EXPECT_EQ(e, fixture_write(v, 0, 40 * MIB, 1), 0);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, fixture_write(v, 0, 8 * MIB, 2), 0);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, seen.filling, 1);
    EXPECT_EQ(e, seen.told, 1);
    EXPECT_EQ(e, seen.relaxed, 0);
    EXPECT(e, warned(v) && warned(other));
    EXPECT_EQ(e, volume_discard(v, 0, 32 * MIB, 0), 0);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, seen.relaxed, 1);
    EXPECT_EQ(e, seen.told, 2);
    EXPECT(e, !warned(v) && !warned(other));
    EXPECT_EQ(e, pool_set(p, "", "zsan:threshold", "off", NULL), 0);
    EXPECT_EQ(e, fixture_write(v, 0, 40 * MIB, 1), 0);
    EXPECT_EQ(e, pool_sync(p), 0);
    EXPECT_EQ(e, seen.filling, 1);
    EXPECT(e, !warned(v));
    volume_close(v);
    volume_close(other);
    EXPECT_EQ(e, pool_export(p, NULL), 0);
}

static void test_crossing(void **state)
{
    static const struct {
        uint64_t percent, used;
        int want;
    } steps[] = {
        {80, 799,  0 },
        {80, 800,  1 },
        {80, 790,  0 },
        {80, 781,  0 },
        {80, 779,  -1},
        {80, 799,  0 },
        {80, 900,  1 },
        {0,  900,  -1},
        {0,  1000, 0 },
        {1,  1000, 1 },
        {1,  0,    0 },
        {2,  0,    0 },
    };
    bool above = false;
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++)
        assert_int_equal(threshold_cross(&above, steps[i].percent, steps[i].used, 1000),
                         steps[i].want);
}

#define TEST(name, body)                                                                       \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        memset(&seen, 0, sizeof(seen));                                                        \
        expect_in(expect_sim(1), body, NULL);                                                  \
    }
TEST(a_full_pool_still_works, full_body)
TEST(many_writers_share_what_is_left, crowd_body)
TEST(a_quota_is_kept, quota_body)
TEST(copies_cost_more, copies_body)
TEST(a_small_volume_has_few_indirect_blocks, small_volume_body)
TEST(thresholds_are_told_once, thresholds_body)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_pool_still_works),
        cmocka_unit_test(test_many_writers_share_what_is_left),
        cmocka_unit_test(test_a_quota_is_kept),
        cmocka_unit_test(test_copies_cost_more),
        cmocka_unit_test(test_a_small_volume_has_few_indirect_blocks),
        cmocka_unit_test(test_thresholds_are_told_once),
        cmocka_unit_test(test_crossing),
    };
    log_set_sink(count, NULL);
    return cmocka_run_group_tests_name("pool_room", tests, NULL, NULL);
}
