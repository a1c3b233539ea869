/* SPDX-License-Identifier: BSD-2-Clause */
#include "volume/volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct uuid a = {{1}}, b = {{2}};

static void check_value(struct attr_store *s, const struct uuid *id, const char *name,
                        const char *want)
{
    char *value = NULL;
    assert_int_equal(s->get(s, id, name, &value), 0);
    if (want)
        assert_string_equal(value, want);
    else
        assert_null(value);
    free(value);
}

static void test_values_are_kept_per_volume(void **state)
{
    (void)state;
    struct attr_store *s = attr_mem_new();
    assert_int_equal(s->set(s, &a, "naa", "one"), 0);
    assert_int_equal(s->set(s, &b, "naa", "two"), 0);
    check_value(s, &a, "naa", "one");
    check_value(s, &b, "naa", "two");
    assert_int_equal(s->set(s, &a, "naa", "three"), 0);
    check_value(s, &a, "naa", "three");
    assert_int_equal(s->set(s, &a, "naa", NULL), 0);
    assert_int_equal(s->set(s, &a, "naa", NULL), 0); /* again: fine */
    check_value(s, &a, "naa", NULL);
    check_value(s, &b, "naa", "two");
    attr_mem_free(s);
}

static void test_list_is_sorted_and_filtered(void **state)
{
    (void)state;
    struct attr_store *s = attr_mem_new();
    static const char *const set[] = {"pr.2", "serial", "pr.10", "pr.1"}, *const want[] = {
                                                                              "pr.1", "pr.10",
                                                                              "pr.2"};
    for (size_t i = 0; i < ARRAY_LEN(set); i++)
        assert_int_equal(s->set(s, &a, set[i], "x"), 0);
    assert_int_equal(s->set(s, &b, "pr.3", "x"), 0);
    char **names = NULL;
    assert_int_equal(s->list(s, &a, "pr.", &names), 0);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_string_equal(names[i], want[i]);
        free(names[i]);
    }
    assert_null(names[ARRAY_LEN(want)]);
    free(names);
    attr_mem_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_kept_per_volume),
        cmocka_unit_test(test_list_is_sorted_and_filtered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
