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

/* The runs that are not flushed, all txgs as bits. */
static uint64_t pending(const struct unflushed *u)
{
    const struct unflushed_run *r;
    uint64_t bits = 0;
    for (unsigned i = 0; (r = unflushed_next(u, &i)); i++) {
        for (uint64_t t = r->lo; t < r->hi; t++)
            bits |= 1ull << t;
    }
    return bits;
}

static void test_a_flush_covers_what_was_written_before_it(void **state)
{
    struct unflushed u = {0};
    (void)state;
    assert_int_equal(pending(&u), 0);
    unflushed_wrote(&u, 10);
    unflushed_wrote(&u, 11);
    unflushed_wrote(&u, 3); /* a repair */
    uint64_t seq = u.written;
    unflushed_wrote(&u, 12); /* while the flush is under way */
    unflushed_wrote(&u, 11);
    assert_int_equal(pending(&u), 1 << 3 | 1 << 10 | 1 << 11 | 1 << 12);
    unflushed_flushed(&u, seq);
    assert_int_equal(pending(&u), 1 << 11 | 1 << 12);
    unflushed_flushed(&u, seq - 1); /* an older flush that ends later takes nothing back */
    assert_int_equal(pending(&u), 1 << 11 | 1 << 12);
    unflushed_flushed(&u, u.written);
    assert_int_equal(pending(&u), 0);
    unflushed_wrote(&u, 0); /* a label is no txg's */
    assert_int_equal(pending(&u), 0);
    assert_true(u.written > u.flushed);
}

static void test_too_many_txgs_say_too_much_never_too_little(void **state)
{
    (void)state;
    for (int round = 0; round < 1000; round++) {
        struct unflushed u = {0};
        uint64_t wrote = 0;
        for (unsigned n = next_random(40); n > 0; n--) {
            unsigned txg = 1 + next_random(62);
            unflushed_wrote(&u, txg);
            wrote |= 1ull << txg;
            assert_int_equal(wrote & ~pending(&u), 0);
            if (__builtin_popcountll(wrote) <= (int)UNFLUSHED_RUNS)
                assert_int_equal(wrote, pending(&u));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_match_a_bitmap),
        cmocka_unit_test(test_huge_txgs_do_not_wrap),
        cmocka_unit_test(test_a_flush_covers_what_was_written_before_it),
        cmocka_unit_test(test_too_many_txgs_say_too_much_never_too_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
