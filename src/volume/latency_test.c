/* SPDX-License-Identifier: BSD-2-Clause */
#include "volume/volume.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* One sample of ns in an empty histogram; the upper bound of its bucket. */
static uint64_t bound_of(uint64_t ns)
{
    uint64_t lat[VOL_LAT_BUCKETS] = {0};
    lat[volume_lat_bucket(ns)]++;
    return volume_lat_quantile(lat, 0.5);
}

static void test_bound_lies_just_above_the_sample(void **state)
{
    (void)state;
    for (uint64_t ns = 1000; ns < 10 * NS_PER_SEC; ns += 1 + ns / 97) {
        uint64_t bound = bound_of(ns);
        assert_true(bound > ns);
        assert_true((double)bound <= (double)ns * 1.1925 + 2);
    }
}

static void test_buckets_rise_without_a_gap(void **state)
{
    (void)state;
    unsigned last = 0;
    for (uint64_t ns = 1; ns < 20 * NS_PER_SEC; ns += 1 + ns / 97) {
        unsigned b = volume_lat_bucket(ns);
        assert_true(b == last || b == last + 1);
        last = b;
    }
    assert_int_equal(last, VOL_LAT_BUCKETS - 1);
    assert_int_equal(volume_lat_bucket(0), 0);
    assert_int_equal(volume_lat_bucket(UINT64_MAX), VOL_LAT_BUCKETS - 1);
}

static void test_bucket_edges(void **state)
{
    (void)state;
    for (unsigned i = 4; i < VOL_LAT_BUCKETS - 4; i += 4) { /* whole doublings are exact */
        uint64_t edge = NS_PER_US << (i / 4);
        assert_int_equal(volume_lat_bucket(edge), i);
        assert_int_equal(volume_lat_bucket(edge - 1), i - 1);
    }
}

static void test_quantiles_of_a_known_histogram(void **state)
{
    (void)state;
    uint64_t lat[VOL_LAT_BUCKETS] = {0};
    assert_int_equal(volume_lat_quantile(lat, 0.99), 0);
    lat[volume_lat_bucket(10 * NS_PER_US)] = 990;
    lat[volume_lat_bucket(5 * NS_PER_MS)] = 10;
    assert_int_equal(volume_lat_quantile(lat, 0), bound_of(10 * NS_PER_US));
    assert_int_equal(volume_lat_quantile(lat, 0.5), bound_of(10 * NS_PER_US));
    assert_int_equal(volume_lat_quantile(lat, 0.99), bound_of(10 * NS_PER_US));
    assert_int_equal(volume_lat_quantile(lat, 0.991), bound_of(5 * NS_PER_MS));
    assert_int_equal(volume_lat_quantile(lat, 1), bound_of(5 * NS_PER_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_lies_just_above_the_sample),
        cmocka_unit_test(test_buckets_rise_without_a_gap),
        cmocka_unit_test(test_bucket_edges),
        cmocka_unit_test(test_quantiles_of_a_known_histogram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
