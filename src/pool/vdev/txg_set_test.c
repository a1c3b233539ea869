/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of txgs against a bitmap, and the count of what is not flushed. */
#include "pool/vdev/vdev_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TXGS 200u

static unsigned next_random(unsigned n)
{
    static uint64_t x = 88172645463325252ull;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (unsigned)(x >> 32) % n;
}

/* Sorted, disjoint, non-adjacent, and the same as the bitmap. */
static void assert_same(const struct txg_set *s, const bool *in)
{
    for (unsigned i = 0; i < s->n; i++) {
        assert_true(s->v[i].start < s->v[i].end);
        assert_true(i == 0 || s->v[i - 1].end < s->v[i].start);
    }
    for (unsigned t = 0; t < TXGS; t++)
        assert_int_equal(txg_set_has(s, t), in[t]);
}

static bool any(const bool *in, unsigned start, unsigned end)
{
    while (start < end && !in[start])
        start++;
    return start < end;
}

static void test_sets_match_a_bitmap(void **state)
{
    struct txg_set s = {0};
    bool in[TXGS] = {false};
    (void)state;
    for (int step = 0; step < 20000; step++) {
        unsigned start = next_random(TXGS - 20), end = start + next_random(20);
        bool add = next_random(2);
        if (add)
            assert_int_equal(txg_set_add(&s, start, end), 0);
        else
            txg_set_remove(&s, start, end);
        if (start < end)
            memset(in + start, add, end - start);
        assert_same(&s, in);
        start = next_random(TXGS - 20);
        end = start + next_random(20);
        assert_int_equal(txg_set_overlaps(&s, start, end), any(in, start, end));
    }
    txg_set_clear(&s);
    assert_false(txg_set_has(&s, 5));
}

static void test_huge_txgs_do_not_wrap(void **state)
{
    struct txg_set s = {0};
    (void)state;
    assert_int_equal(txg_set_add(&s, 4, UINT64_MAX), 0);
    assert_true(txg_set_has(&s, UINT64_MAX - 1));
    assert_false(txg_set_has(&s, UINT64_MAX));
    txg_set_remove(&s, 10, UINT64_MAX);
    assert_true(txg_set_has(&s, 9) && !txg_set_has(&s, 10));
    txg_set_clear(&s);
}

static void test_a_flush_covers_what_was_written_before_it(void **state)
{
    struct unflushed u = {0};
    uint64_t lo = 0, hi = 0;
    (void)state;
    assert_false(unflushed_range(&u, &lo, &hi));
    unflushed_wrote(&u, 10);
    unflushed_wrote(&u, 11);
    uint64_t seq = u.written;
    unflushed_wrote(&u, 12); /* while the flush is under way */
    unflushed_wrote(&u, 11);
    assert_true(unflushed_range(&u, &lo, &hi));
    assert_true(lo == 10 && hi == 13);
    unflushed_flushed(&u, seq);
    assert_true(unflushed_range(&u, &lo, &hi));
    assert_true(lo == 11 && hi == 13);
    unflushed_flushed(&u, seq - 1); /* an older flush that ends later takes nothing back */
    assert_true(unflushed_range(&u, &lo, &hi) && lo == 11);
    unflushed_flushed(&u, u.written);
    assert_false(unflushed_range(&u, &lo, &hi));
    unflushed_wrote(&u, 0); /* repairs are no txg's */
    assert_false(unflushed_range(&u, &lo, &hi));
}

static void test_txgs_that_share_a_slot_count_from_the_older_one(void **state)
{
    struct unflushed u = {0};
    uint64_t lo = 0, hi = 0;
    (void)state;
    unflushed_wrote(&u, 20);
    unflushed_wrote(&u, 28);
    assert_true(unflushed_range(&u, &lo, &hi) && lo == 20 && hi == 29);
    unflushed_flushed(&u, u.written);
    unflushed_wrote(&u, 36);
    assert_true(unflushed_range(&u, &lo, &hi) && lo == 36 && hi == 37);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_match_a_bitmap),
        cmocka_unit_test(test_huge_txgs_do_not_wrap),
        cmocka_unit_test(test_a_flush_covers_what_was_written_before_it),
        cmocka_unit_test(test_txgs_that_share_a_slot_count_from_the_older_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
