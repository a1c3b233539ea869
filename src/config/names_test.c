/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_iscsi_names_are_normalised_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: refused */
    } cases[] = {
        {"iqn.2001-04.com.example:storage:disk2", "iqn.2001-04.com.example:storage:disk2"},
        {"IQN.2001-04.COM.Example:Disk",          "iqn.2001-04.com.example:disk"         },
        {"iqn.1991-05.com.microsoft:win-1",       "iqn.1991-05.com.microsoft:win-1"      },
        {"eui.02004567A425678D",                  "eui.02004567a425678d"                 },
        {"naa.52004567BA64678D",                  "naa.52004567ba64678d"                 },
        {"naa.62004567BA64678D0123456789ABCDEF",  "naa.62004567ba64678d0123456789abcdef" },
        {"",                                      NULL                                   },
        {"iqn.",                                  NULL                                   },
        {"iqn.2001-04",                           NULL                                   },
        {"iqn.2001-04.",                          NULL                                   },
        {"iqn.2001-13.com.example",               NULL                                   },
        {"iqn.2001-00.com.example",               NULL                                   },
        {"iqn.01-04.com.example",                 NULL                                   },
        {"iqn.2001-04.com..example",              NULL                                   },
        {"iqn.2001-04.com.example:",              NULL                                   },
        {"iqn.2001-04.com.example:a b",           NULL                                   },
        {"iqn.2001-04.com.example:a_b",           NULL                                   },
        {"iqn.2001-04.com.example:../../etc",     NULL                                   },
        {"iqn.2001-04.com.example:\xc3\xa4",      NULL                                   },
        {"eui.02004567A425678",                   NULL                                   },
        {"eui.02004567A425678G",                  NULL                                   },
        {"naa.52004567BA64678D0",                 NULL                                   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[CFG_NAME_LEN];
        int rc = cfg_iscsi_name_normalise(cases[i].in, out, NULL);
        if ((rc == 0) != (cases[i].out != NULL) || (rc == 0 && strcmp(out, cases[i].out) != 0))
            fail_msg("\"%s\" gave %d %s", cases[i].in, rc, rc == 0 ? out : "");
    }
}

static void test_iscsi_name_has_223_bytes_at_most(void **state)
{
    (void)state;
    char in[CFG_NAME_LEN + 8] = "iqn.2001-04.com.example:", out[CFG_NAME_LEN];
    size_t head = strlen(in);
    memset(in + head, 'a', 223 - head);
    assert_int_equal(cfg_iscsi_name_normalise(in, out, NULL), 0);
    in[223] = 'a';
    assert_int_equal(cfg_iscsi_name_normalise(in, out, NULL), -ENAMETOOLONG);
}

static void test_object_names_are_safe_as_file_names(void **state)
{
    (void)state;
    static const char *const good[] = {"vm1", "A", "0", "_x", "a.b-c_d"};
    static const char *const bad[] = {"",    ".",   "..",    ".a",    "-a",      "a/b",
                                      "a b", "a\n", "iqn.x", "NAA.1", "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(name_check("volume", good[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(name_check("volume", bad[i], NULL), -EINVAL);
    char longest[NAME_MAX_LEN + 2];
    memset(longest, 'a', sizeof(longest));
    longest[NAME_MAX_LEN + 1] = '\0';
    assert_int_equal(name_check("volume", longest, NULL), -EINVAL);
    longest[NAME_MAX_LEN] = '\0';
    assert_int_equal(name_check("volume", longest, NULL), 0);
}

static void test_volume_names_may_be_datasets(void **state)
{
    (void)state;
    static const char *const good[] = {"vm1", "tank/vm1", "t/a.b/c-d_e"};
    static const char *const bad[] = {"",       "/",    "/a",    "a/",     "a//b",
                                      "a/../b", "a/.b", "a/b c", "a/iqn.x"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(volume_name_check(good[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(volume_name_check(bad[i], NULL), -EINVAL);
    char longest[CFG_NAME_LEN + 1];
    for (size_t i = 0; i < sizeof(longest); i++)
        longest[i] = i % 32 == 31 ? '/' : 'a';
    longest[CFG_NAME_LEN] = '\0';
    assert_int_equal(volume_name_check(longest, NULL), -EINVAL);
    longest[CFG_NAME_LEN - 2] = '\0';
    assert_int_equal(volume_name_check(longest, NULL), 0);
}

static void test_made_names_are_valid(void **state)
{
    (void)state;
    char name[CFG_NAME_LEN];
    assert_int_equal(iqn_make("iqn.2026-11.io.zsan", "San_1", "My Disk", name), 0);
    assert_string_equal(name, "iqn.2026-11.io.zsan:san-1.my-disk");
    assert_int_equal(iqn_prefix_check("iqn.2026-11.io.zsan", NULL), 0);
    assert_int_equal(iqn_prefix_check("iqn.2026-11.io.zsan:x", NULL), -EINVAL);
    assert_int_equal(iqn_prefix_check("IQN.2026-11.io.zsan", NULL), -EINVAL);
    assert_int_equal(iqn_prefix_check("eui.0000000000000000", NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iscsi_names_are_normalised_or_refused),
        cmocka_unit_test(test_iscsi_name_has_223_bytes_at_most),
        cmocka_unit_test(test_object_names_are_safe_as_file_names),
        cmocka_unit_test(test_volume_names_may_be_datasets),
        cmocka_unit_test(test_made_names_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
