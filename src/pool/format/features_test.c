/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/format/features.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_every_feature_is_there_once(void **state)
{
    (void)state;
    unsigned n;
    const struct feature *table = feature_table(&n);
    for (unsigned i = 0; i < n; i++) {
        const char *colon = strchr(table[i].guid, ':');
        assert_non_null(colon);
        assert_string_equal(colon + 1, table[i].name);
        assert_ptr_equal(feature_find(table[i].guid), &table[i]); /* not an earlier one */
    }
    assert_null(feature_find("com.delphix:"));
    assert_null(feature_find("async_destroy"));
}

static void test_new_pools_get_what_their_makers_can_write(void **state)
{
    (void)state;
    unsigned n, created = 0;
    const struct feature *table = feature_table(&n);
    for (unsigned i = 0; i < n; i++) {
        if (!(table[i].flags & FEATURE_CREATE))
            continue;
        created++;
        if (table[i].flags & FEATURE_AT_ONCE)
            assert_true(table[i].flags & FEATURE_WORKS);
    }
    assert_int_equal(created, 9);
}

static void test_access(void **state)
{
    (void)state;
    static const struct {
        const char *guid;
        bool from_read;
        enum feature_access want;
        const char *named;
    } rows[] = {
        {"org.illumos:lz4_compress",      true,  FEATURE_WRITE,     NULL             },
        {"com.delphix:spacemap_v2",       false, FEATURE_WRITE,     NULL             },
        {"com.delphix:log_spacemap",      false, FEATURE_READ_ONLY, " log_spacemap"  },
        {"com.datto:encryption",          true,  FEATURE_NO_ACCESS, " encryption"    },
        {"com.klarasystems:vdev_zaps_v2", true,  FEATURE_NO_ACCESS, " vdev_zaps_v2"  },
        {"com.example:new",               true,  FEATURE_NO_ACCESS, "com.example:new"},
        {"com.example:new",               false, FEATURE_READ_ONLY, "com.example:new"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        assert_int_equal(feature_access(rows[i].guid, rows[i].from_read, &err), rows[i].want);
        assert_int_equal(err.code, rows[i].named ? -EOPNOTSUPP : 0);
        assert_true(!rows[i].named || strstr(err.msg, rows[i].named));
    }
    assert_int_equal(feature_access("com.datto:encryption", true, NULL), FEATURE_NO_ACCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_feature_is_there_once),
        cmocka_unit_test(test_new_pools_get_what_their_makers_can_write),
        cmocka_unit_test(test_access),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
