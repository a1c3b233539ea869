/* SPDX-License-Identifier: BSD-2-Clause */
/* Floods: bounded by source and in total, counted, and nobody's business but the flooder's. */
#include "audit/limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SEC UINT64_C(1000000000)

static struct audit_limit limit;
static uint64_t now;

static int setup(void **state)
{
    (void)state;
    memset(&limit, 0, sizeof(limit));
    now = 1000000 * SEC;
    return 0;
}

/* How many of n events of that class from there pass. */
static unsigned knock(enum audit_class c, const char *peer, unsigned n)
{
    unsigned passed = 0;
    const struct log_kv kv[] = {KV("initiator", "x"), KV("peer", "%s", peer)};
    for (unsigned i = 0; i < n; i++)
        passed += audit_limit_take(&limit, c, now, kv, ARRAY_LEN(kv));
    return passed;
}

static void test_changes_all_pass(void **state)
{
    (void)state;
    assert_int_equal(knock(AUDIT_CHANGES, "192.0.2.1:1", 100000), 100000);
    assert_int_equal(limit.left_out[AUDIT_CHANGES], 0);
}

static void test_one_source_leaves_room_for_others(void **state)
{
    (void)state;
    unsigned first = knock(AUDIT_REFUSALS, "192.0.2.1:1000", 100000);
    assert_in_range(first, 10, 100);
    assert_int_equal(limit.left_out[AUDIT_REFUSALS], 100000 - first);
    assert_int_equal(limit.since, now);
    assert_int_equal(knock(AUDIT_REFUSALS, "192.0.2.1:1001", 5),
                     0); /* another port, the same source */
    assert_int_equal(knock(AUDIT_REFUSALS, "192.0.2.2:1000", 5), 5);
    assert_int_equal(knock(AUDIT_REFUSALS, "[2001:db8::1]:1000", 5), 5);
}

static void test_many_sources_are_bounded_too(void **state)
{
    (void)state;
    unsigned passed = 0;
    for (unsigned i = 0; i < 5000; i++) {
        char peer[40];
        snprintf(peer, sizeof(peer), "10.%u.%u.1:3", i / 250, i % 250);
        passed += knock(AUDIT_REFUSALS, peer, 20);
    }
    assert_in_range(passed, 100, 1000);
}

static void test_time_makes_room(void **state)
{
    (void)state;
    knock(AUDIT_REFUSALS, "192.0.2.1:1000", 1000);
    assert_int_equal(knock(AUDIT_REFUSALS, "192.0.2.1:1000", 1), 0);
    now += 30 * SEC;
    assert_int_equal(knock(AUDIT_REFUSALS, "192.0.2.1:1000", 10), 1);
    now -= 3600 * SEC; /* a clock that is set back */
    assert_int_equal(knock(AUDIT_REFUSALS, "192.0.2.1:1000", 10), 0);
    now += 365 * 86400 * SEC;
    assert_in_range(knock(AUDIT_REFUSALS, "192.0.2.1:1000", 1000), 10, 100);
}

/* A year of flood from everywhere, a line for each 5 s: tens of MiB a day would push out what matters. */
static void test_a_day_of_flood_is_small(void **state)
{
    (void)state;
    unsigned passed = 0;
    for (unsigned i = 0; i < 86400; i++) {
        char peer[40];
        snprintf(peer, sizeof(peer), "10.0.%u.%u:3", i / 250 % 250, i % 250);
        passed += knock(AUDIT_REFUSALS, peer, 3);
        now += SEC;
    }
    assert_in_range(passed, 16000, 19000);
}

static void test_sessions_have_a_limit_of_their_own(void **state)
{
    (void)state;
    knock(AUDIT_REFUSALS, "192.0.2.1:1000", 1000);
    assert_int_equal(knock(AUDIT_SESSIONS, "192.0.2.1:1000", 1000), 1000);
    assert_int_equal(knock(AUDIT_SESSIONS, "192.0.2.1:1000", 1000), 0);
    assert_true(limit.left_out[AUDIT_SESSIONS] > 0);
    assert_int_equal(knock(AUDIT_SESSIONS, "192.0.2.2:1000", 1000), 1000); /* others go on */
    assert_int_equal(knock(AUDIT_LEASES, "", 100), 100);
}

static void test_what_belongs_there(void **state)
{
    (void)state;
    enum audit_class c;
    assert_true(audit_class_of("login.refused", &c));
    assert_int_equal(c, AUDIT_REFUSALS);
    assert_true(audit_class_of("control.change", &c));
    assert_int_equal(c, AUDIT_CHANGES);
    assert_true(audit_class_of("session.login", &c));
    assert_int_equal(c, AUDIT_SESSIONS);
    assert_false(audit_class_of("pool.scan", &c));
    assert_false(audit_class_of("audit.failed", &c)); /* it would chase its own tail */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_changes_all_pass, setup),
        cmocka_unit_test_setup(test_one_source_leaves_room_for_others, setup),
        cmocka_unit_test_setup(test_many_sources_are_bounded_too, setup),
        cmocka_unit_test_setup(test_time_makes_room, setup),
        cmocka_unit_test_setup(test_a_day_of_flood_is_small, setup),
        cmocka_unit_test_setup(test_sessions_have_a_limit_of_their_own, setup),
        cmocka_unit_test_setup(test_what_belongs_there, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
