/* SPDX-License-Identifier: BSD-2-Clause */
/* How long logins wait after failures of their source. */
#include "net/backoff_int.h"

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS    UINT64_C(1000000)
#define SEC   (1000 * MS)
#define BEGIN (5 * SEC)

static struct cfg_address at(const char *text)
{
    struct cfg_address a;
    assert_true(cfg_address_parse(text, &a));
    return a;
}

/* How many sources were held back from one of these on. */
static unsigned charge(struct backoff *b, const char *from, unsigned n, uint64_t now)
{
    const struct cfg_address a = at(from);
    unsigned begun = 0;
    while (n-- > 0)
        begun += backoff_failed(b, &a, now) != NULL;
    return begun;
}

static unsigned delay(const struct backoff *b, const char *from, uint64_t now)
{
    const struct cfg_address a = at(from);
    return backoff_delay_ms(b, &a, now);
}

static void test_backoff_grows_to_a_bound(void **state)
{
    (void)state;
    static const struct {
        unsigned failures, ms;
    } rows[] = {
        {0,    0   },
        {1,    0   },
        {8,    0   },
        {9,    100 },
        {12,   100 },
        {13,   200 },
        {17,   400 },
        {21,   800 },
        {25,   1600},
        {29,   2000},
        {32,   2000},
        {9999, 2000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct backoff b = {0};
        charge(&b, "192.0.2.1", rows[i].failures, BEGIN);
        print_message("# %u failures\n", rows[i].failures);
        assert_int_equal(delay(&b, "192.0.2.1", BEGIN), rows[i].ms);
    }
}

static void test_backoff_is_of_one_address(void **state)
{
    (void)state;
    static const char *const others[] = {"192.0.2.2", "192.0.3.1", "::192.0.2.1",
                                         "2001:db8::1"};
    struct backoff b = {0};
    charge(&b, "192.0.2.1", 1000, BEGIN);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(delay(&b, others[i], BEGIN), 0);
    assert_int_equal(delay(&b, "::ffff:192.0.2.1", BEGIN), 2000);
}

static void test_backoff_of_an_ipv6_address_leaves_its_neighbours_alone(void **state)
{
    (void)state;
    struct backoff b = {0};
    charge(&b, "2001:db8::1", 1000, BEGIN);
    assert_int_equal(delay(&b, "2001:db8::1", BEGIN), 2000);
    assert_int_equal(delay(&b, "2001:db8::2", BEGIN), 0);
}

static void test_backoff_knows_who_changes_his_address(void **state)
{
    (void)state;
    struct backoff b = {0};
    char text[64];
    unsigned begun = 0;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "2001:db8::1:%x", i);
        begun += charge(&b, text, 1, BEGIN);
    }
    assert_int_equal(begun, 1);
    assert_int_equal(delay(&b, "2001:db8::5:1", BEGIN), 250);
    assert_int_equal(delay(&b, "2001:db8:0:1::1", BEGIN), 0);
}

static void test_backoff_is_forgiven_by_time(void **state)
{
    (void)state;
    struct backoff b = {0};
    struct backoff_source s;
    assert_int_equal(charge(&b, "192.0.2.1", 1000, BEGIN), 1);
    assert_int_equal(backoff_count(&b), 1);
    assert_int_equal(delay(&b, "192.0.2.1", BEGIN + 20 * SEC), 800);
    assert_int_equal(delay(&b, "192.0.2.1", BEGIN + 48 * SEC), 0);
    assert_int_equal(backoff_next(&b), BEGIN + 64 * SEC);
    assert_false(backoff_over(&b, BEGIN + 64 * SEC - 1, &s));
    assert_true(backoff_over(&b, BEGIN + 64 * SEC, &s));
    assert_int_equal(s.net.prefix, 32);
    assert_false(backoff_over(&b, BEGIN + 64 * SEC, &s));
    assert_int_equal(backoff_next(&b), UINT64_MAX);
    assert_int_equal(backoff_count(&b), 0);
    assert_int_equal(charge(&b, "192.0.2.1", 1000, BEGIN + 65 * SEC), 1);
}

/* Who mistypes a secret every now and then is nobody to be held back. */
static void test_backoff_leaves_rare_failures_alone(void **state)
{
    (void)state;
    struct backoff b = {0};
    for (unsigned i = 0; i < 1000; i++) {
        charge(&b, "192.0.2.1", 1, BEGIN + i * 2 * SEC);
        assert_int_equal(delay(&b, "192.0.2.1", BEGIN + i * 2 * SEC), 0);
    }
}

static void test_backoff_remembers_the_worst(void **state)
{
    (void)state;
    struct backoff b = {0};
    char text[64];
    charge(&b, "192.0.2.1", 1000, BEGIN);
    for (unsigned i = 0; i < 10 * BACKOFF_SOURCES; i++) {
        snprintf(text, sizeof(text), "198.18.%u.%u", i / 250, i % 250);
        charge(&b, text, 4, BEGIN);
    }
    assert_int_equal(delay(&b, "192.0.2.1", BEGIN), 2000);
    charge(&b, "203.0.113.1", 1000, BEGIN);
    assert_int_equal(delay(&b, "203.0.113.1", BEGIN), 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff_grows_to_a_bound),
        cmocka_unit_test(test_backoff_is_of_one_address),
        cmocka_unit_test(test_backoff_of_an_ipv6_address_leaves_its_neighbours_alone),
        cmocka_unit_test(test_backoff_knows_who_changes_his_address),
        cmocka_unit_test(test_backoff_is_forgiven_by_time),
        cmocka_unit_test(test_backoff_leaves_rare_failures_alone),
        cmocka_unit_test(test_backoff_remembers_the_worst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
