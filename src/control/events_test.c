/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/events.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct event got[EVENTS_KEPT + 1]; /* too large for a stack frame */

static void add(struct events *ev, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct log_kv kv = KV("n", "%u", i);
        events_add(ev, i, LOG_LVL_INFO, "test.event", &kv, 1);
    }
}

static void test_events_come_in_order_and_after_a_number(void **state)
{
    (void)state;
    struct events *ev = events_new();
    add(ev, 5);
    assert_int_equal(events_after(ev, 0, got, ARRAY_LEN(got)), 5);
    assert_int_equal(got[0].seq, 1);
    assert_string_equal(got[4].text, "test.event n=4");
    assert_int_equal(events_after(ev, 3, got, ARRAY_LEN(got)), 2);
    assert_int_equal(got[0].seq, 4);
    assert_int_equal(events_after(ev, 5, got, ARRAY_LEN(got)), 0);
    assert_int_equal(events_after(ev, UINT64_MAX, got, ARRAY_LEN(got)), 0);
    assert_int_equal(events_after(ev, 0, got, 2), 2);
    assert_int_equal(got[1].seq, 2);
    events_free(ev);
}

static void test_the_oldest_events_make_room(void **state)
{
    (void)state;
    struct events *ev = events_new();
    add(ev, EVENTS_KEPT + 10);
    assert_int_equal(events_after(ev, 0, got, ARRAY_LEN(got)), EVENTS_KEPT);
    assert_int_equal(got[0].seq, 11);
    assert_int_equal(got[EVENTS_KEPT - 1].seq, EVENTS_KEPT + 10);
    events_free(ev);
}

static void test_a_long_event_is_cut(void **state)
{
    (void)state;
    struct events *ev = events_new();
    static struct log_kv kv[8];
    for (size_t i = 0; i < ARRAY_LEN(kv); i++)
        kv[i] = KV("key", "%0200d", 0);
    events_add(ev, 1, LOG_LVL_WARN, "test.long", kv, ARRAY_LEN(kv));
    assert_int_equal(events_after(ev, 0, got, 1), 1);
    assert_in_range(strlen(got[0].text), 400, EVENT_TEXT_SIZE - 1);
    events_free(ev);
}

static void *add_many(void *ev)
{
    add(ev, 5000);
    return NULL;
}

static void test_events_may_come_from_any_thread(void **state)
{
    (void)state;
    struct events *ev = events_new();
    pthread_t t[2];
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, add_many, ev), 0);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        pthread_join(t[i], NULL);
    assert_int_equal(events_after(ev, 0, got, ARRAY_LEN(got)), EVENTS_KEPT);
    assert_int_equal(got[EVENTS_KEPT - 1].seq, 10000);
    events_free(ev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_come_in_order_and_after_a_number),
        cmocka_unit_test(test_the_oldest_events_make_room),
        cmocka_unit_test(test_a_long_event_is_cut),
        cmocka_unit_test(test_events_may_come_from_any_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
