/* SPDX-License-Identifier: BSD-2-Clause */
/* Values as people see them. */
#include "cmd/client/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct cli_member ref_members[] = {
    {"target", NULL, M_TEXT, false, NULL},
    {"lun",    NULL, M_UINT, false, NULL},
};
static const struct cli_type ref = {"ref", ref_members, ARRAY_LEN(ref_members)};

static const struct {
    enum cli_member_type type;
    bool many;
    const char *json, *want;
} values[] = {
    {M_TEXT,   false, "\"plain\"",                                           "plain"                   },
    {M_TEXT,   false, "\"caf\\u00e9 \\u4e2d\"",                              "caf\xc3\xa9 \xe4\xb8\xad"},
    {M_TEXT,   false, "\"\\u001b[2J\\u0007\\n\\u007f\"",                     "?[2J???"                 },
    {M_TEXT,   false, "\"\\u009b2J\\u0085\\u00a0\"",                         "?2J?\xc2\xa0"            },
    {M_UINT,   false, "18",                                                  "18"                      },
    {M_SIZE,   false, "1073741824",                                          "1G"                      },
    {M_BOOL,   false, "true",                                                "yes"                     },
    {M_BOOL,   false, "false",                                               "no"                      },
    {M_NS,     false, "12345",                                               "12us"                    },
    {M_NS,     false, "1234567",                                             "1.2ms"                   },
    {M_NS,     false, "2500000000",                                          "2.50s"                   },
    {M_TEXT,   true,  "[\"a\", \"b\"]",                                      "a,b"                     },
    {M_TEXT,   true,  "[]",                                                  "-"                       },
    {M_OBJECT, true,  "[{\"target\": \"t\", \"lun\": 1}, {\"lun\": 2}]",
     "target t lun 1; lun 2"                                                                           },
    {M_JSON,   false, "{\"size\": [1, 2], \"path\": [null, \"/x\\u001b\"]}",
     "size: 1 -> 2, path: - -> /x?"                                                                    },
};

static void test_values_become_harmless_text(void **state)
{
    char text[200];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        const struct cli_member m = {"m", NULL, values[i].type, values[i].many, &ref};
        json_t *j = json_loads(values[i].json, JSON_DECODE_ANY, NULL);
        assert_non_null(j);
        show_value(&m, j, text, sizeof(text));
        if (strcmp(text, values[i].want) != 0)
            fail_msg("%s became %s", values[i].json, text);
        json_decref(j);
    }
}

/* As a pool's name on a foreign disk, or an initiator's alias, might have it. */
static void test_lines_of_others_move_no_cursor(void **state)
{
    char text[] = "a\tb\x1b[2J\n\xc2\x9b"
                  "31mc\r\x7f\xc2\xa0\xe4\xb8\xad\n";
    (void)state;
    clean_lines(text);
    assert_string_equal(text, "a\tb?[2J\n?31mc??\xc2\xa0\xe4\xb8\xad\n");
}

static void test_what_is_not_there_is_a_dash(void **state)
{
    const struct cli_member m = {"m", NULL, M_SIZE, false, NULL};
    char text[8];
    (void)state;
    show_value(&m, NULL, text, sizeof(text));
    assert_string_equal(text, "-");
}

static void test_long_values_are_cut(void **state)
{
    const struct cli_member m = {"m", NULL, M_TEXT, false, NULL};
    json_t *j = json_string("0123456789");
    char text[5];
    (void)state;
    show_value(&m, j, text, sizeof(text));
    assert_string_equal(text, "0123");
    json_decref(j);
}

static void test_durations(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *want;
    } rows[] = {
        {0,      "0s"   },
        {59,     "59s"  },
        {61,     "1m 1s"},
        {3660,   "1h 1m"},
        {180000, "2d 2h"},
    };
    char text[32];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        show_duration(rows[i].seconds, text, sizeof(text));
        assert_string_equal(text, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_become_harmless_text),
        cmocka_unit_test(test_lines_of_others_move_no_cursor),
        cmocka_unit_test(test_what_is_not_there_is_a_dash),
        cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
