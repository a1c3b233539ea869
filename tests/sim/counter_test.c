/* SPDX-License-Identifier: BSD-2-Clause */
/* What counters must accept and what they must not. */
#include "counter.h"
#include "model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static jmp_buf violated;
NO_RETURN static void catch_violation(const char *fmt, ...)
{
    (void)fmt;
    longjmp(violated, 1);
}
void (*model_violated)(const char *fmt, ...) PRINTF_LIKE(1, 2) NO_RETURN = catch_violation;

#define BLOCK 512u
static uint8_t zeros[BLOCK], one[BLOCK], other[BLOCK], two[BLOCK];

static bool accepts(struct counter *k, const uint8_t *block)
{
    uint64_t begun = counter_read_begin(k);
    if (setjmp(violated))
        return false;
    counter_read_check(k, begun, block);
    return true;
}

static bool lets_win(struct counter *k, struct counter_try *t)
{
    if (setjmp(violated))
        return false;
    counter_won(k, t);
    return true;
}

static bool lets_lose(struct counter *k, struct counter_try *t)
{
    if (setjmp(violated))
        return false;
    counter_lost(k, t);
    return true;
}

static struct counter_try *attempt(struct counter *k, const uint8_t *from, uint8_t *ret_next)
{
    return counter_try_begin(k, counter_read_begin(k), from, ret_next);
}

static void test_value_follows_what_won(void **state)
{
    (void)state;
    struct counter *k = counter_new(0, BLOCK);
    assert_true(accepts(k, zeros));
    assert_true(lets_win(k, attempt(k, zeros, one)));
    assert_true(accepts(k, one));
    assert_false(accepts(k, zeros));
    assert_true(lets_win(k, attempt(k, one, two)));
    assert_true(accepts(k, two));
    assert_false(accepts(k, one));
    counter_free(k);
}

static void test_two_cannot_win_from_one_value(void **state)
{
    (void)state;
    struct counter *k = counter_new(0, BLOCK);
    struct counter_try *a = attempt(k, zeros, one), *b = attempt(k, zeros, other);
    assert_true(lets_win(k, a));
    assert_false(lets_win(k, b));
    counter_free(k);
}

static void test_miscompare_needs_a_rival(void **state)
{
    (void)state;
    struct counter *k = counter_new(0, BLOCK);
    struct counter_try *a = attempt(k, zeros, one), *b = attempt(k, zeros, other);
    assert_true(lets_win(k, a));
    assert_true(lets_lose(k, b));
    assert_false(lets_lose(k, attempt(k, one, two)));
    counter_free(k);
}

static void test_unknown_attempt_may_have_won(void **state)
{
    (void)state;
    struct counter *k = counter_new(0, BLOCK);
    counter_unknown(k, attempt(k, zeros, one));
    assert_true(accepts(k, zeros));
    assert_true(accepts(k, one));
    counter_refused(k, attempt(k, zeros, other));
    assert_false(accepts(k, other));
    counter_free(k);
}

static void test_power_cut_leaves_attempts_open(void **state)
{
    (void)state;
    struct counter *k = counter_new(0, BLOCK);
    assert_true(lets_win(k, attempt(k, zeros, one)));
    attempt(k, one, two);
    counter_power_cut(k);
    assert_true(accepts(k, one));
    assert_true(accepts(k, two));
    assert_false(accepts(k, zeros));
    counter_free(k);
}

static void test_foreign_sector_is_refused(void **state)
{
    (void)state;
    struct counter *k = counter_new(0, BLOCK), *l = counter_new(1, BLOCK);
    assert_true(lets_win(l, attempt(l, zeros, other)));
    assert_false(accepts(k, other));
    assert_true(lets_win(k, attempt(k, zeros, one)));
    one[100] ^= 1;
    assert_false(accepts(k, one));
    counter_free(k);
    counter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_follows_what_won),
        cmocka_unit_test(test_two_cannot_win_from_one_value),
        cmocka_unit_test(test_miscompare_needs_a_rival),
        cmocka_unit_test(test_unknown_attempt_may_have_won),
        cmocka_unit_test(test_power_cut_leaves_attempts_open),
        cmocka_unit_test(test_foreign_sector_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
