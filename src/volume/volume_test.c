/* SPDX-License-Identifier: BSD-2-Clause */
#include "volume/expect.h"
#include "volume/spy.h"

#include <errno.h>

static void in_sim(void (*body)(struct expect *e), void *arg)
{
    expect_in(expect_sim(1), body, arg);
}

/* ---- policy
 * -------------------------------------------------------------------------------------- */

struct policy_row {
    enum volume_sync sync;
    bool cache_off; /* by an initiator */
    unsigned asked, given;
    bool flushes;
};

static void policy_body(struct expect *e)
{
    const struct policy_row *row = e->arg;
    struct spy spy;
    struct sgl data = spy_data(512);
    spy_init(&spy, row->sync);
    if (row->cache_off)
        EXPECT_EQ(e, volume_set_write_cache(&spy.v, false), 0);
    unsigned flushes = spy.n[VOL_OP_FLUSH];
    EXPECT_EQ(e, volume_write(&spy.v, 0, &data, row->asked), 0);
    EXPECT_EQ(e, spy.flags, row->given);
    EXPECT_EQ(e, volume_write_zeroes(&spy.v, 0, 512, true, row->asked), 0);
    EXPECT_EQ(e, spy.flags, row->given);
    EXPECT_EQ(e, volume_discard(&spy.v, 0, 512, row->asked), 0);
    EXPECT_EQ(e, spy.flags, row->given);
    EXPECT_EQ(e, volume_flush(&spy.v), 0);
    EXPECT_EQ(e, spy.n[VOL_OP_FLUSH] - flushes, row->flushes);
}

/* Of a command's pieces each comes without FUA; the end flushes where each would have been durable. */
static void later_body(struct expect *e)
{
    const struct policy_row *row = e->arg;
    struct spy spy;
    spy_init(&spy, row->sync);
    if (row->cache_off)
        EXPECT_EQ(e, volume_set_write_cache(&spy.v, false), 0);
    unsigned flushes = spy.n[VOL_OP_FLUSH];
    EXPECT_EQ(e, volume_discard(&spy.v, 0, 512, row->asked), 0);
    EXPECT_EQ(e, spy.flags, row->given);
    EXPECT_EQ(e, volume_settle(&spy.v), 0);
    EXPECT_EQ(e, spy.n[VOL_OP_FLUSH] - flushes, row->flushes);
}

static void test_sync_decides_fua_and_flush(void **state)
{
    (void)state;
    static struct policy_row rows[] = {
        {VOL_SYNC_ALWAYS,   false, 0,       VOL_FUA, false},
        {VOL_SYNC_ALWAYS,   false, VOL_FUA, VOL_FUA, false},
        {VOL_SYNC_STANDARD, false, 0,       0,       true },
        {VOL_SYNC_STANDARD, false, VOL_FUA, VOL_FUA, true },
        {VOL_SYNC_STANDARD, true,  0,       VOL_FUA, true },
        {VOL_SYNC_DISABLED, false, VOL_FUA, 0,       false},
        {VOL_SYNC_DISABLED, false, 0,       0,       false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        in_sim(policy_body, &rows[i]);
}

static void test_pieces_of_a_command_are_durable_at_its_end(void **state)
{
    (void)state;
    static struct policy_row rows[] = {
        {VOL_SYNC_ALWAYS,   false, VOL_LATER, 0, true },
        {VOL_SYNC_STANDARD, false, VOL_LATER, 0, false},
        {VOL_SYNC_STANDARD, true,  VOL_LATER, 0, true },
        {VOL_SYNC_DISABLED, false, VOL_LATER, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        in_sim(later_body, &rows[i]);
}

static void stricter_body(struct expect *e)
{
    struct spy spy;
    spy_init(&spy, VOL_SYNC_DISABLED);
    EXPECT(e, spy.v.write_cache);
    EXPECT_EQ(e, volume_set_sync(&spy.v, VOL_SYNC_STANDARD), 0);
    EXPECT_EQ(e, spy.n[VOL_OP_FLUSH], 1);
    EXPECT_EQ(e, volume_set_sync(&spy.v, VOL_SYNC_ALWAYS), 0);
    EXPECT_EQ(e, spy.n[VOL_OP_FLUSH], 2);
    EXPECT(e, !spy.v.write_cache);
    EXPECT_EQ(e, volume_set_sync(&spy.v, VOL_SYNC_STANDARD), 0); /* nothing undurable yet */
    EXPECT_EQ(e, volume_set_write_cache(&spy.v, false), 0);
    EXPECT_EQ(e, spy.n[VOL_OP_FLUSH], 3);
    EXPECT_EQ(e, volume_set_write_cache(&spy.v, false), 0); /* it was off */
    EXPECT_EQ(e, spy.n[VOL_OP_FLUSH], 3);
    EXPECT_EQ(e, volume_set_write_cache(&spy.v, true), 0);
    spy.rc = -EIO;
    EXPECT_EQ(e, volume_set_sync(&spy.v, VOL_SYNC_ALWAYS), -EIO);
    EXPECT_EQ(e, spy.v.sync, VOL_SYNC_ALWAYS); /* in force all the same */
}

static void test_stricter_policy_flushes_what_was_lax(void **state)
{
    (void)state;
    in_sim(stricter_body, NULL);
}

static void cache_fixed_body(struct expect *e)
{
    struct spy spy;
    spy_init(&spy, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, volume_set_write_cache(&spy.v, true), -EPERM);
    EXPECT_EQ(e, volume_set_write_cache(&spy.v, false), 0);
    EXPECT(e, !spy.v.write_cache);
}

static void test_write_cache_is_fixed_under_always(void **state)
{
    (void)state;
    in_sim(cache_fixed_body, NULL);
}

static void test_sync_names_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        enum volume_sync s = VOL_SYNC_ALWAYS;
        assert_true(volume_sync_parse(volume_sync_name((enum volume_sync)i), &s));
        assert_int_equal(s, i);
    }
    enum volume_sync s = VOL_SYNC_ALWAYS;
    assert_false(volume_sync_parse("Always", &s));
    assert_false(volume_sync_parse("", &s));
}

/* ---- answers
 * ------------------------------------------------------------------------------------ */

static void read_error_body(struct expect *e)
{
    struct spy spy;
    struct sgl out;
    sgl_init(&out);
    spy_init(&spy, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, volume_read(&spy.v, 0, 1024, &out), 0);
    spy.rc = -EIO;
    EXPECT_EQ(e, volume_read(&spy.v, 0, 8192, &out), -EIO);
    EXPECT_EQ(e, out.len, 1024); /* what was there stays, nothing is added */
    sgl_clear(&out);
}

static void test_failed_read_appends_nothing(void **state)
{
    (void)state;
    in_sim(read_error_body, NULL);
}

static void read_only_body(struct expect *e)
{
    struct spy spy;
    struct sgl data = spy_data(512);
    spy_init(&spy, VOL_SYNC_ALWAYS);
    spy.v.geo.read_only = true;
    EXPECT_EQ(e, volume_write(&spy.v, 0, &data, 0), -EROFS);
    EXPECT_EQ(e, volume_write_zeroes(&spy.v, 0, 512, false, 0), -EROFS);
    EXPECT_EQ(e, volume_discard(&spy.v, 0, 512, 0), -EROFS);
    EXPECT_EQ(e, volume_resize(&spy.v, 2u << 20), -EROFS);
    EXPECT_EQ(e, volume_copy(&spy.v, 0, &spy.v, 4096, 512), -EROFS);
    EXPECT_EQ(e, spy.nlog, 0);
}

static void test_read_only_volume_is_not_changed(void **state)
{
    (void)state;
    in_sim(read_only_body, NULL);
}

static void count_change(void *arg, unsigned what)
{
    unsigned *sizes = arg;
    *sizes += what == VOL_CHANGED_SIZE;
}

static void resize_body(struct expect *e)
{
    struct spy spy;
    struct volume *stats = NULL, *top = NULL;
    const struct volume_limits none = {0};
    unsigned told = 0;
    spy_init(&spy, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, filter_stats_new(&spy.v, &stats), 0);
    EXPECT_EQ(e, filter_limits_new(stats, &none, &top), 0);
    top->notify = count_change;
    top->notify_arg = &told;
    EXPECT_EQ(e, volume_resize(top, 2u << 20), 0);
    EXPECT_EQ(e, told, 1);
    EXPECT_EQ(e, top->geo.size, 2u << 20);
    EXPECT_EQ(e, volume_resize(top, 1u << 20), -EINVAL); /* never smaller */
    EXPECT_EQ(e, volume_resize(top, (2u << 20) + 100), -EINVAL);
    EXPECT(e, strcmp(volume_engine(top), "spy") == 0);
    EXPECT(e, top->stats == stats->stats);
    volume_close(top);
    EXPECT_EQ(e, spy.closed, 1);
}

static void test_growth_is_told_through_filters(void **state)
{
    (void)state;
    in_sim(resize_body, NULL);
}

static void attr_size_body(struct expect *e)
{
    struct spy spy;
    char *big = malloc(VOL_ATTR_MAX + 2);
    memset(big, 'x', VOL_ATTR_MAX + 1);
    big[VOL_ATTR_MAX + 1] = '\0';
    spy_init(&spy, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, volume_set_attr(&spy.v, "a", big), -E2BIG);
    big[VOL_ATTR_MAX] = '\0';
    EXPECT_EQ(e, volume_set_attr(&spy.v, "a", big), 0);
    EXPECT_EQ(e, volume_set_attr(&spy.v, "a", NULL), 0);
    free(big);
}

static void test_attribute_size_is_bounded(void **state)
{
    (void)state;
    in_sim(attr_size_body, NULL);
}

/* ---- copy
 * ----------------------------------------------------------------------------------------- */

#define MIB (1u << 20)

static void copy_order_body(struct expect *e)
{
    struct spy spy;
    uint64_t order[8];
    spy_init(&spy, VOL_SYNC_ALWAYS);
    spy.v.geo.size = 16 * MIB;
    spy.log = order;
    spy.log_cap = ARRAY_LEN(order);
    /* down: first piece first */
    EXPECT_EQ(e, volume_copy(&spy.v, 0, &spy.v, MIB, 3 * MIB), 0);
    EXPECT_EQ(e, spy.nlog, 7);
    EXPECT_EQ(e, order[0], MIB);
    EXPECT_EQ(e, order[1], 0);
    EXPECT_EQ(e, spy.flags, 0); /* pieces are not durable one by one: one flush at the end */
    EXPECT_EQ(e, spy.n[VOL_OP_FLUSH], 1);
    /* up: last piece first, or it would read what it wrote */
    spy.nlog = 0;
    EXPECT_EQ(e, volume_copy(&spy.v, MIB, &spy.v, 0, 3 * MIB), 0);
    EXPECT_EQ(e, order[0], 2 * MIB);
    EXPECT_EQ(e, order[1], 3 * MIB);
    spy.v.sync = VOL_SYNC_DISABLED;
    EXPECT_EQ(e, volume_copy(&spy.v, 0, &spy.v, MIB, 512), 0);
    EXPECT_EQ(e, spy.n[VOL_OP_FLUSH], 2);
    spy.rc = -EBADMSG;
    EXPECT_EQ(e, volume_copy(&spy.v, 0, &spy.v, MIB, MIB), -EBADMSG);
}

static void test_copy_falls_back_to_pieces(void **state)
{
    (void)state;
    in_sim(copy_order_body, NULL);
}

struct far {
    struct spy spy;
    struct reactor *read_on;
};

static int far_read(struct volume *v, uint64_t off, uint64_t len, struct sgl *out)
{
    container_of(spy_of(v), struct far, spy)->read_on = reactor_self();
    return spy_read(v, off, len, out);
}

static void far_open(void *arg)
{
    spy_init(arg, VOL_SYNC_ALWAYS);
}

static void copy_far_body(struct expect *e)
{
    struct volume_ops ops = spy_ops;
    struct far src = {0};
    struct spy dst;
    struct reactor *other = run_reactor(reactor_run(reactor_self()), 1);
    ops.read = far_read;
    spy_init(&dst, VOL_SYNC_ALWAYS);
    call_on(other, far_open, &src.spy);
    src.spy.v.ops = &ops;
    EXPECT_EQ(e, volume_copy(&dst.v, 0, &src.spy.v, 4096, 8192), 0);
    EXPECT(e, src.read_on == other);
    EXPECT_EQ(e, dst.n[VOL_OP_WRITE], 1);
    fiber_sleep_until(run_now() + NS_PER_SEC, NULL); /* the buffers go home */
}

static void test_copy_reads_on_the_sources_reactor(void **state)
{
    (void)state;
    in_sim(copy_far_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sync_decides_fua_and_flush),
        cmocka_unit_test(test_pieces_of_a_command_are_durable_at_its_end),
        cmocka_unit_test(test_stricter_policy_flushes_what_was_lax),
        cmocka_unit_test(test_write_cache_is_fixed_under_always),
        cmocka_unit_test(test_sync_names_round_trip),
        cmocka_unit_test(test_failed_read_appends_nothing),
        cmocka_unit_test(test_read_only_volume_is_not_changed),
        cmocka_unit_test(test_growth_is_told_through_filters),
        cmocka_unit_test(test_attribute_size_is_bounded),
        cmocka_unit_test(test_copy_falls_back_to_pieces),
        cmocka_unit_test(test_copy_reads_on_the_sources_reactor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
