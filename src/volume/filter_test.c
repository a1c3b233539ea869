/* SPDX-License-Identifier: BSD-2-Clause */
#include "volume/expect.h"
#include "volume/spy.h"

#include <errno.h>

static void in_sim(void (*body)(struct expect *e), void *arg)
{
    expect_in(expect_sim(7), body, arg);
}

/* ---- a load of concurrent writes
 * ------------------------------------------------------------------- */

struct load {
    struct volume *v;
    struct waitgroup left;
    uint32_t len;          /* bytes a write */
    unsigned started;      /* the i-th writes at block i */
    uint64_t slowest;      /* ns from start to return */
    struct cancel *cancel; /* of the waits for limits, or NULL */
    unsigned canceled;
};

static void load_one(void *arg)
{
    struct load *l = arg;
    uint64_t begun = run_now_precise(), off = 512ull * l->started++;
    struct sgl data = spy_data(l->len);
    if (volume_admit(l->v, l->len, l->cancel) == 0)
        volume_write(l->v, off, &data, 0);
    else
        l->canceled++;
    l->slowest = MAX(l->slowest, run_now_precise() - begun);
    waitgroup_done(&l->left);
}

/* Starts n writes at once; waitgroup_wait(&l->left) waits for them. */
static void load_start(struct load *l, struct volume *v, unsigned n, uint32_t len)
{
    *l = (struct load){.v = v, .len = len};
    waitgroup_init(&l->left);
    waitgroup_add(&l->left, n);
    for (unsigned i = 0; i < n; i++)
        fiber_start(load_one, l, "load");
}

static uint64_t load_run(struct volume *v, unsigned n, uint32_t len)
{
    struct load l;
    uint64_t begun = run_now_precise();
    load_start(&l, v, n, len);
    waitgroup_wait(&l.left);
    return run_now_precise() - begun;
}

/* ---- stats
 * ----------------------------------------------------------------------------------------- */

static void stats_body(struct expect *e)
{
    struct spy spy;
    struct volume *slow = NULL, *v = NULL;
    struct sgl data = spy_data(4096), out;
    sgl_init(&out);
    spy_init(&spy, VOL_SYNC_STANDARD);
    EXPECT_EQ(e, filter_delay_new(&spy.v, 3 * NS_PER_MS, 1u << VOL_OP_WRITE, &slow), 0);
    EXPECT_EQ(e, filter_stats_new(slow, &v), 0);
    EXPECT_EQ(e, volume_write(v, 0, &data, 0), 0);
    EXPECT_EQ(e, volume_write(v, 0, &data, 0), 0);
    EXPECT_EQ(e, volume_read(v, 0, 8192, &out), 0);
    EXPECT_EQ(e, volume_flush(v), 0);
    EXPECT_EQ(e, volume_discard(v, 0, 65536, 0), 0);
    spy.rc = -EIO;
    EXPECT_EQ(e, volume_read(v, 0, 512, &out), -EIO);
    EXPECT_EQ(e, volume_write_zeroes(v, 0, 512, false, 0), -EIO);
    const struct volume_stats *s = v->stats;
    EXPECT_EQ(e, s->op[VOL_OP_WRITE].ops, 2);
    EXPECT_EQ(e, s->op[VOL_OP_WRITE].bytes, 8192);
    EXPECT_EQ(e, s->op[VOL_OP_READ].ops, 2);
    EXPECT_EQ(e, s->op[VOL_OP_READ].bytes, 8192); /* a failed one moved none */
    EXPECT_EQ(e, s->op[VOL_OP_READ].errors, 1);
    EXPECT_EQ(e, s->op[VOL_OP_FLUSH].ops, 1);
    EXPECT_EQ(e, s->op[VOL_OP_DISCARD].bytes, 65536);
    EXPECT_EQ(e, s->op[VOL_OP_ZERO].errors, 1);
    EXPECT_EQ(e, s->in_flight, 0);
    uint64_t median = volume_lat_quantile(s->op[VOL_OP_WRITE].lat, 0.5);
    EXPECT(e, median > 3 * NS_PER_MS && median < 4 * NS_PER_MS);
    EXPECT(e, s->op[VOL_OP_WRITE].ns >= 6 * NS_PER_MS);
    EXPECT(e, volume_lat_quantile(s->op[VOL_OP_READ].lat, 1) < NS_PER_MS);
    sgl_clear(&out);
    volume_close(v);
}

static void test_stats_count_what_passes(void **state)
{
    (void)state;
    in_sim(stats_body, NULL);
}

/* ---- delay
 * ------------------------------------------------------------------------------------------ */

static void delay_body(struct expect *e)
{
    struct spy spy;
    struct volume *v = NULL;
    spy_init(&spy, VOL_SYNC_ALWAYS);
    EXPECT_EQ(e, filter_delay_new(&spy.v, 50 * NS_PER_MS, 1u << VOL_OP_WRITE, &v), 0);
    uint64_t ns = load_run(v, 10, 512);
    EXPECT(e,
           ns >= 50 * NS_PER_MS && ns < 60 * NS_PER_MS); /* together, not one after the other */
    EXPECT_EQ(e, spy.n[VOL_OP_WRITE], 10);
    uint64_t begun = run_now_precise();
    EXPECT_EQ(e, volume_discard(v, 0, 512, 0), 0);
    EXPECT(e, run_now_precise() - begun < NS_PER_MS);
    volume_close(v);
}

static void test_delays_overlap(void **state)
{
    (void)state;
    in_sim(delay_body, NULL);
}

/* ---- fault
 * ----------------------------------------------------------------------------------------- */

static void fault_body(struct expect *e)
{
    struct spy spy;
    struct volume *v = NULL;
    struct sgl data = spy_data(1024);
    const struct volume_fault third = {
        .ops = 1u << VOL_OP_WRITE, .one_in = 3, .err = -ENOSPC, .off = 4096, .len = 4096};
    spy_init(&spy, VOL_SYNC_STANDARD);
    EXPECT_EQ(e, filter_fault_new(&spy.v, &third, &v), 0);
    static const struct {
        uint64_t off;
        int want;
    } rows[] = {
        {3072, 0      }, /* ends where the range begins */
        {3584, 0      }, /* first hit */
        {8192, 0      }, /* begins where it ends */
        {7680, 0      }, /* second */
        {4096, -ENOSPC}, /* third */
        {4096, 0      },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        EXPECT_EQ(e, volume_write(v, rows[i].off, &data, 0), rows[i].want);
    EXPECT_EQ(e, spy.n[VOL_OP_WRITE], 5); /* the failed one did not arrive */
    EXPECT_EQ(e, volume_discard(v, 4096, 4096, 0), 0);
    const struct volume_fault flush = {
        .ops = 1u << VOL_OP_FLUSH | 1u << VOL_OP_READ, .one_in = 1, .err = -EIO};
    struct sgl out;
    sgl_init(&out);
    filter_fault_set(v, &flush);
    EXPECT_EQ(e, volume_flush(v), -EIO);
    EXPECT_EQ(e, volume_read(v, 0, 512, &out), -EIO);
    EXPECT_EQ(e, volume_write(v, 4096, &data, 0), 0);
    const struct volume_fault none = {.ops = ~0u};
    filter_fault_set(v, &none);
    EXPECT_EQ(e, volume_flush(v), 0);
    volume_close(v);
}

static void test_fault_strikes_by_count_kind_and_range(void **state)
{
    (void)state;
    in_sim(fault_body, NULL);
}

/* ---- limits
 * ---------------------------------------------------------------------------------------- */

static struct volume *limited(struct spy *spy, uint64_t iops, uint64_t bps)
{
    struct volume *v = NULL;
    const struct volume_limits l = {.iops = iops, .bps = bps};
    spy_init(spy, VOL_SYNC_ALWAYS);
    return filter_limits_new(&spy->v, &l, &v) == 0 ? v : NULL;
}

static void rate_body(struct expect *e)
{
    static uint64_t order[600];
    struct spy spy;
    struct volume *v = limited(&spy, 1000, 0);
    spy.log = order;
    spy.log_cap = ARRAY_LEN(order);
    uint64_t ns = load_run(v, 600, 512); /* 100 at once, the rest at 1 ms each */
    EXPECT(e, ns > 490 * NS_PER_MS && ns < 520 * NS_PER_MS);
    bool ordered = true;
    for (unsigned i = 0; i < 600; i++)
        ordered &= order[i] == 512ull * i;
    EXPECT(e, ordered);
    volume_close(v);
    v = limited(&spy, 0, 10u << 20);
    ns = load_run(v, 64, 65536); /* 4 MiB at 10 MiB/s, less the burst of 1 MiB */
    EXPECT(e, ns > 290 * NS_PER_MS && ns < 320 * NS_PER_MS);
    volume_close(v);
    v = limited(&spy, 0, 0);
    ns = load_run(v, 100, 65536);
    EXPECT(e, ns < 20 * NS_PER_MS);
    volume_close(v);
}

static void test_limits_hold_the_rate_in_order_of_arrival(void **state)
{
    (void)state;
    in_sim(rate_body, NULL);
}

static void idle_body(struct expect *e)
{
    struct spy spy;
    struct volume *v = limited(&spy, 1000, 0);
    load_run(v, 200, 512);
    fiber_sleep_until(run_now() + 60 * NS_PER_SEC, NULL);
    uint64_t ns =
        load_run(v, 300, 512); /* a minute of rest buys one burst, not a minute of credit */
    EXPECT(e, ns > 190 * NS_PER_MS);
    volume_close(v);
}

static void test_limits_do_not_save_up(void **state)
{
    (void)state;
    in_sim(idle_body, NULL);
}

static void bounded_body(struct expect *e)
{
    struct spy spy;
    struct load l;
    struct volume *v = limited(&spy, 1, 0);
    load_start(&l, v, 40, 512);
    waitgroup_wait(&l.left);
    EXPECT(e, l.slowest <= VOL_LIMITS_WAIT_MAX_MS * NS_PER_MS + 10 * NS_PER_MS);
    EXPECT(e, l.slowest >= VOL_LIMITS_WAIT_MAX_MS * NS_PER_MS);
    volume_close(v);
    v = limited(&spy, 0, 1000); /* one write of 1 MiB is worth 1048 s of debt */
    v->geo.size = 2u << 20;
    load_start(&l, v, 2, 1u << 20);
    waitgroup_wait(&l.left);
    EXPECT(e, l.slowest <= VOL_LIMITS_WAIT_MAX_MS * NS_PER_MS + 10 * NS_PER_MS);
    volume_close(v);
}

static void test_limits_keep_nobody_too_long(void **state)
{
    (void)state;
    in_sim(bounded_body, NULL);
}

static void change_body(struct expect *e)
{
    struct spy spy;
    struct load l;
    struct volume *v = limited(&spy, 10, 0);
    const struct volume_limits wide = {.iops = 100000};
    uint64_t begun = run_now_precise();
    load_start(&l, v, 30, 512);
    fiber_sleep_until(run_now() + 500 * NS_PER_MS, NULL);
    EXPECT(e, l.left.n > 20);
    filter_limits_set(v, &wide);
    waitgroup_wait(&l.left);
    EXPECT(e, run_now_precise() - begun < 510 * NS_PER_MS);
    volume_close(v);
}

static void test_new_limits_free_those_who_wait(void **state)
{
    (void)state;
    in_sim(change_body, NULL);
}

/* The first of them waits for time, the others for their turn. What was cancelled is not paid
 * for. */
static void cancel_body(struct expect *e)
{
    struct spy spy;
    struct load l;
    struct cancel c;
    struct volume *v = limited(&spy, 10, 0);
    cancel_init(&c);
    load_run(v, 2, 512);
    load_start(&l, v, 20, 512);
    l.cancel = &c;
    fiber_sleep_until(run_now() + 50 * NS_PER_MS, NULL);
    EXPECT_EQ(e, l.left.n, 20);
    uint64_t begun = run_now_precise();
    cancel_fire(&c);
    waitgroup_wait(&l.left);
    EXPECT_EQ(e, l.canceled, 20);
    EXPECT_EQ(e, spy.n[VOL_OP_WRITE], 2);
    load_run(v, 1, 512);
    EXPECT(e, run_now_precise() - begun < 110 * NS_PER_MS);
    EXPECT_EQ(e, spy.n[VOL_OP_WRITE], 3);
    volume_close(v);
}

static void test_cancel_ends_waits_for_limits(void **state)
{
    (void)state;
    in_sim(cancel_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats_count_what_passes),
        cmocka_unit_test(test_delays_overlap),
        cmocka_unit_test(test_fault_strikes_by_count_kind_and_range),
        cmocka_unit_test(test_limits_hold_the_rate_in_order_of_arrival),
        cmocka_unit_test(test_limits_do_not_save_up),
        cmocka_unit_test(test_limits_keep_nobody_too_long),
        cmocka_unit_test(test_new_limits_free_those_who_wait),
        cmocka_unit_test(test_cancel_ends_waits_for_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
