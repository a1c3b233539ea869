/* SPDX-License-Identifier: BSD-2-Clause */
/* Source networks: what is one, and who is in it. */
#include "base/util.h"
#include "config/sources.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_networks_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } rows[] = {
        {"192.0.2.0/24",         "192.0.2.0/24"  },
        {"192.0.2.7",            "192.0.2.7"     },
        {"192.0.2.7/32",         "192.0.2.7"     },
        {"192.0.2.128/25",       "192.0.2.128/25"},
        {"0.0.0.0/0",            "0.0.0.0/0"     },
        {"2001:db8::/32",        "2001:db8::/32" },
        {"2001:DB8:0:0::1",      "2001:db8::1"   },
        {"fe80::/10",            "fe80::/10"     },
        {"::/0",                 "::/0"          },
        {"::ffff:192.0.2.0/120", "192.0.2.0/24"  },
        {"::ffff:0:0/96",        "0.0.0.0/0"     },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cfg_network n;
        struct err err = {.code = 0};
        char text[CFG_NETWORK_LEN];
        if (cfg_network_parse(rows[i].text, "x", &n, &err) < 0)
            fail_msg("%s: %s", rows[i].text, err.msg);
        cfg_network_format(&n, text);
        assert_string_equal(text, rows[i].canonical);
    }
}

static void test_what_is_no_network_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *names;
    } rows[] = {
        {"",                    "no source network"            },
        {"san.example",         "no source network"            },
        {"192.0.2",             "no source network"            },
        {"192.0.2.0/",          "no source network"            },
        {"192.0.2.0/33",        "no source network"            },
        {"192.0.2.0/-1",        "no source network"            },
        {"192.0.2.0/255.0.0.0", "no source network"            },
        {"192.0.2.0/24/1",      "no source network"            },
        {"2001:db8::/129",      "no source network"            },
        {"fe80::1%eth0",        "no source network"            },
        {"192.0.2.1/24",        "the network is 192.0.2.0/24"  },
        {"2001:db8::1/64",      "the network is 2001:db8::/64" },
        {"192.0.2.255/25",      "the network is 192.0.2.128/25"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cfg_network n;
        struct err err = {.code = 0};
        assert_int_equal(cfg_network_parse(rows[i].text, "portal x", &n, &err), -EINVAL);
        if (!strstr(err.msg, rows[i].names) || !strstr(err.msg, "portal x"))
            fail_msg("%s: \"%s\"", rows[i].text, err.msg);
    }
}

/* Networks separated by blanks. */
static struct cfg_sources sources(const char *list)
{
    struct cfg_sources s = {.n = 0};
    char copy[200], *rest = copy, *one;
    snprintf(copy, sizeof(copy), "%s", list);
    while ((one = strsep(&rest, " ")))
        if (*one)
            assert_int_equal(cfg_sources_add(&s, one, "x", NULL), 0);
    return s;
}

static void test_who_is_in(void **state)
{
    (void)state;
    static const struct {
        const char *list, *address;
        bool in;
    } rows[] = {
        {"",                           "192.0.2.1",          true },
        {"",                           "2001:db8::1",        true },
        {"192.0.2.0/24",               "192.0.2.0",          true },
        {"192.0.2.0/24",               "192.0.2.255",        true },
        {"192.0.2.0/24",               "192.0.3.0",          false},
        {"192.0.2.0/24",               "192.0.1.255",        false},
        {"192.0.2.0/24",               "::ffff:192.0.2.9",   true },
        {"192.0.2.0/24",               "::ffff:192.0.3.9",   false},
        {"192.0.2.0/24",               "::192.0.2.9",        false},
        {"192.0.2.8/31",               "192.0.2.9",          true },
        {"192.0.2.8/31",               "192.0.2.10",         false},
        {"192.0.2.7",                  "192.0.2.7",          true },
        {"192.0.2.7",                  "192.0.2.6",          false},
        {"0.0.0.0/0",                  "203.0.113.1",        true },
        {"0.0.0.0/0",                  "2001:db8::1",        false},
        {"::/0",                       "2001:db8::1",        true },
        {"::/0",                       "203.0.113.1",        false},
        {"::/0",                       "::ffff:203.0.113.1", false},
        {"2001:db8::/33",              "2001:db8:7fff::1",   true },
        {"2001:db8::/33",              "2001:db8:8000::1",   false},
        {"fe80::/10",                  "fe80::1%eth0",       true },
        {"192.0.2.0/24 2001:db8::/32", "2001:db8::5",        true },
        {"192.0.2.0/24 2001:db8::/32", "192.0.2.5",          true },
        {"192.0.2.0/24 2001:db8::/32", "198.51.100.5",       false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cfg_sources s = sources(rows[i].list);
        struct cfg_address a;
        assert_true(cfg_address_parse(rows[i].address, &a));
        if (cfg_sources_admit(&s, &a) != rows[i].in)
            fail_msg("%s in \"%s\"", rows[i].address, rows[i].list);
    }
}

static void test_what_is_no_address_is_in_no_network(void **state)
{
    (void)state;
    struct cfg_sources s = sources("0.0.0.0/0 ::/0");
    struct cfg_address a;
    assert_false(cfg_address_parse("", &a));
    assert_false(cfg_sources_admit(&s, &a));
    assert_false(cfg_address_parse("unix:/run/x", &a));
    assert_false(cfg_sources_admit(&s, &a));
}

static void test_lists_are_bounded_and_hold_each_once(void **state)
{
    (void)state;
    struct cfg_sources s = {.n = 0}, more = sources("10.0.0.0/8 192.0.2.0/24");
    struct err err = {.code = 0};
    char text[40];
    for (unsigned i = 0; i < CFG_SOURCES_MAX; i++) {
        snprintf(text, sizeof(text), "10.%u.0.0/16", i);
        assert_int_equal(cfg_sources_add(&s, text, "x", &err), 0);
        assert_int_equal(cfg_sources_add(&s, text, "x", &err), 0);
    }
    assert_int_equal(s.n, CFG_SOURCES_MAX);
    assert_int_equal(cfg_sources_add(&s, "192.0.2.0/24", "x", &err), -EINVAL);
    assert_non_null(strstr(err.msg, "16 source networks"));
    assert_int_equal(cfg_sources_join(&s, &more, "x", &err), -EINVAL);
    s = sources("10.0.0.0/8");
    assert_int_equal(cfg_sources_join(&s, &more, "x", &err), 0);
    assert_int_equal(s.n, 2);
}

static void test_any_address_in_all_spellings(void **state)
{
    (void)state;
    static const char *const yes[] = {"0.0.0.0",         "::",        "::0",
                                      "0:0:0:0:0:0:0:0", "::0.0.0.0", "::ffff:0.0.0.0"};
    static const char *const no[] = {"127.0.0.1", "::1", "0.0.0.1", "", "any"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(cfg_any_address(yes[i]));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(cfg_any_address(no[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks_are_read_and_written),
        cmocka_unit_test(test_what_is_no_network_is_named),
        cmocka_unit_test(test_who_is_in),
        cmocka_unit_test(test_what_is_no_address_is_in_no_network),
        cmocka_unit_test(test_lists_are_bounded_and_hold_each_once),
        cmocka_unit_test(test_any_address_in_all_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
