/* SPDX-License-Identifier: BSD-2-Clause */
#include "hist.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct hist h;

static int clear(void **state UNUSED)
{
    h = (struct hist){0};
    return 0;
}

static void test_empty_gives_zero(void **state UNUSED)
{
    assert_int_equal(hist_quantile(&h, 0.99), 0);
    assert_true(hist_mean(&h) == 0);
}

static void test_small_values_are_exact(void **state UNUSED)
{
    for (uint64_t v = 0; v < HIST_STEPS; v++)
        hist_add(&h, v);
    assert_int_equal(hist_quantile(&h, 0), 0);
    assert_int_equal(hist_quantile(&h, 0.5), HIST_STEPS / 2);
    assert_int_equal(hist_quantile(&h, 1), HIST_STEPS - 1);
}

/* A quantile is never under the true value and at most 1/64 above it, over the whole range. */
static void test_error_is_bounded(void **state UNUSED)
{
    for (uint64_t v = 100; v < UINT64_C(1) << 36; v = v * 5 / 3 + 1) {
        h = (struct hist){0};
        hist_add(&h, v);
        hist_add(&h, UINT64_C(1) << 36); /* so that the exact maximum doesn't help */
        uint64_t q = hist_quantile(&h, 0.25);
        assert_true(q >= v);
        assert_true(q - v <= v / HIST_STEPS);
    }
}

static void test_powers_of_two_part_it(void **state UNUSED)
{
    for (unsigned power = HIST_SUB_BITS; power < HIST_MAX_BITS; power++) {
        h = (struct hist){0};
        hist_add(&h, (UINT64_C(1) << power) - 1);
        hist_add(&h, UINT64_C(1) << power);
        assert_int_equal(hist_below(&h, power), 1);
        assert_int_equal(hist_below(&h, power + 1), 2);
    }
}

static void test_huge_value_is_kept_as_maximum(void **state UNUSED)
{
    hist_add(&h, UINT64_MAX / 2);
    assert_true(h.max == UINT64_MAX / 2);
    assert_true(hist_quantile(&h, 0.5) < UINT64_C(1) << HIST_MAX_BITS);
}

static void test_merge_adds(void **state UNUSED)
{
    static struct hist other;
    for (uint64_t v = 0; v < 100; v++)
        hist_add(v % 2 ? &h : &other, 1000 * v);
    hist_merge(&h, &other);
    assert_int_equal(h.count, 100);
    assert_int_equal(h.max, 99000);
    assert_in_range(hist_quantile(&h, 0.5), 50000, 51000);
    assert_true(hist_mean(&h) == 49500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty_gives_zero, clear),
        cmocka_unit_test_setup(test_small_values_are_exact, clear),
        cmocka_unit_test_setup(test_error_is_bounded, clear),
        cmocka_unit_test_setup(test_powers_of_two_part_it, clear),
        cmocka_unit_test_setup(test_huge_value_is_kept_as_maximum, clear),
        cmocka_unit_test_setup(test_merge_adds, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
