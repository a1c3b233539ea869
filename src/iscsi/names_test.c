/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: refused */
    } cases[] = {
        {"iqn.1993-08.org.debian:01:ab-c.9",     "iqn.1993-08.org.debian:01:ab-c.9"    },
        {"IQN.2001-04.COM.Example:Disk",         "iqn.2001-04.com.example:disk"        },
        {"iqn.2001-12.com",                      "iqn.2001-12.com"                     },
        {"iqn.2001-04.com.example:a/../../etc",  NULL                                  },
        {"iqn.2001-04.com.example:a b",          NULL                                  },
        {"iqn.2001-04.com.example:\xc3\xa4",     NULL                                  },
        {"iqn.2001-04.com.example:a_b",          NULL                                  },
        {"iqn.2001-00.com",                      NULL                                  },
        {"iqn.2001-13.com",                      NULL                                  },
        {"iqn.201-04.com",                       NULL                                  },
        {"iqn.2001-04",                          NULL                                  },
        {"iqn.2001-04.",                         NULL                                  },
        {"iqn.2001-04.:x",                       NULL                                  },
        {"iqn.",                                 NULL                                  },
        {"eui.02004567A425678D",                 "eui.02004567a425678d"                },
        {"eui.02004567A425678",                  NULL                                  },
        {"eui.02004567A425678DD",                NULL                                  },
        {"eui.02004567A425678G",                 NULL                                  },
        {"naa.52004567BA64678D",                 "naa.52004567ba64678d"                },
        {"naa.62004567BA64678D0123456789ABCDEF", "naa.62004567ba64678d0123456789abcdef"},
        {"naa.62004567BA64678D01234567",         NULL                                  },
        {"",                                     NULL                                  },
        {"host",                                 NULL                                  },
        {"All",                                  NULL                                  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[ISCSI_NAME_MAX + 1] = "untouched";
        assert_int_equal(iscsi_name_normalise(cases[i].in, name), cases[i].out != NULL);
        assert_string_equal(name, cases[i].out ? cases[i].out : "untouched");
    }
}

static void test_names_length(void **state)
{
    (void)state;
    char in[ISCSI_NAME_MAX + 2] = "iqn.2001-04.com.example:", out[ISCSI_NAME_MAX + 1];
    memset(in + strlen(in), 'a', sizeof(in) - 1 - strlen(in));
    in[ISCSI_NAME_MAX] = '\0';
    assert_true(iscsi_name_normalise(in, out));
    assert_int_equal(strlen(out), ISCSI_NAME_MAX);
    in[ISCSI_NAME_MAX] = 'a';
    in[ISCSI_NAME_MAX + 1] = '\0';
    assert_false(iscsi_name_normalise(in, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
