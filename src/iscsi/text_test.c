/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Pairs of a text as "key>value|"; '!' at the end when it is bad. */
static const char *pairs(const char *text, size_t len)
{
    static char out[256];
    char *copy = malloc(len + 1), *p = copy; /* exact size, for the sanitizer */
    const char *key, *value;
    struct wbuf w = wbuf_make(out, sizeof(out) - 1);
    memcpy(copy, text, len);
    enum text_got got;
    while ((got = text_next(&p, copy + len, &key, &value)) == TEXT_PAIR) {
        wb_str(&w, key);
        wb_str(&w, ">");
        wb_str(&w, value);
        wb_str(&w, "|");
    }
    if (got == TEXT_BAD)
        wb_str(&w, "!");
    out[w.len] = '\0';
    free(copy);
    return out;
}
#define PAIRS(s) pairs(s, sizeof(s) - 1)

static void test_text_pairs(void **state)
{
    (void)state;
    assert_string_equal(PAIRS(""), "");
    assert_string_equal(PAIRS("\0\0\0"), "");
    assert_string_equal(PAIRS("A=1\0B=\0\0Cc.d-e_f+g@h#i=x=y,z\0"),
                        "A>1|B>|Cc.d-e_f+g@h#i>x=y,z|");
    assert_string_equal(PAIRS("A=1"), "!"); /* no NUL */
    assert_string_equal(PAIRS("A=1\0B=2"), "A>1|!");
    assert_string_equal(PAIRS("A\0"), "!"); /* no '=' */
    assert_string_equal(PAIRS("A\0=1\0"), "!");
    assert_string_equal(PAIRS("=1\0"), "!");
    assert_string_equal(PAIRS("1A=1\0"), "!");
    assert_string_equal(PAIRS("A B=1\0"), "!");
    assert_string_equal(PAIRS("A=1\n\0"), "!"); /* control characters */
    assert_string_equal(PAIRS("A=\x7f\0"), "!");
    assert_string_equal(PAIRS("A=\xc3\xa4\0"), "A>\xc3\xa4|");
    char key[70];
    memset(key, 'k', sizeof(key));
    memcpy(key + 63, "=", 2);
    assert_int_equal(pairs(key, 65)[63], '>');
    memset(key, 'k', 64);
    memcpy(key + 64, "=", 2);
    assert_string_equal(pairs(key, 66), "!");
}

static void test_text_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        bool ok;
        uint32_t value;
    } cases[] = {
        {"0",                          true,  0         },
        {"16777215",                   true,  16777215  },
        {"4294967295",                 true,  UINT32_MAX},
        {"0x1F",                       true,  31        },
        {"0Xff",                       true,  255       },
        {"007",                        true,  7         },
        {"4294967296",                 false, 0         },
        {"0x100000000",                false, 0         },
        {"",                           false, 0         },
        {"0x",                         false, 0         },
        {"-1",                         false, 0         },
        {"+1",                         false, 0         },
        {" 1",                         false, 0         },
        {"1 ",                         false, 0         },
        {"12a",                        false, 0         },
        {"99999999999999999999999999", false, 0         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t v = 77;
        assert_int_equal(text_number(cases[i].s, &v), cases[i].ok);
        assert_int_equal(v, cases[i].ok ? cases[i].value : 77);
    }
    uint32_t yes = 5;
    assert_true(text_bool("Yes", &yes) && yes == 1);
    assert_true(text_bool("No", &yes) && yes == 0);
    assert_false(text_bool("yes", &yes) || text_bool("", &yes) || text_bool("Yess", &yes));
}

static void test_text_tokens(void **state)
{
    (void)state;
    char t[5];
    const char *p = "a,bcd,ef";
    assert_true(text_token(&p, t, sizeof(t)));
    assert_string_equal(t, "a");
    assert_true(text_token(&p, t, sizeof(t)));
    assert_string_equal(t, "bcd");
    assert_true(text_token(&p, t, sizeof(t)));
    assert_string_equal(t, "ef");
    assert_false(text_token(&p, t, sizeof(t)));
    assert_int_equal(*p, '\0');
    static const char *const bad[] = {",a", "a,", "toolong"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        p = bad[i];
        assert_false(text_token(&p, t, sizeof(t)));
        assert_int_not_equal(*p, '\0');
    }
}

static void test_text_binary(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        size_t len; /* 0: refused with a buffer of 4 bytes */
        const char *bytes;
    } cases[] = {
        {"0x01",           1, "\x01"            },
        {"0XaBcD",         2, "\xab\xcd"        },
        {"0x01020304",     4, "\x01\x02\x03\x04"},
        {"0x0102030405",   0, NULL              }, /* one too many */
        {"0x123",          0, NULL              }, /* odd */
        {"0x",             0, NULL              },
        {"0x0g",           0, NULL              },
        {"0xg0",           0, NULL              },
        {"01",             0, NULL              },
        {"",               0, NULL              },
        {"0",              0, NULL              },
        {"0bAQ==",         1, "\x01"            },
        {"0BAQI=",         2, "\x01\x02"        },
        {"0bAQID",         3, "\x01\x02\x03"    },
        {"0b+/8AAQ==",     4, "\xfb\xff\x00\x01"},
        {"0bAQIDBAU=",     0, NULL              }, /* one too many */
        {"0bAQI",          0, NULL              }, /* no multiple of four */
        {"0b",             0, NULL              },
        {"0b====",         0, NULL              },
        {"0bA===",         0, NULL              },
        {"0bAQ=D",         0, NULL              },
        {"0bAQ*D",         0, NULL              },
        {"0bAQ==AQ==",     0, NULL              },
        {"0bAQIDBAUGBwgJ", 0, NULL              },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t *out = malloc(4); /* exact size, for the sanitizer */
        size_t len = 99;
        assert_int_equal(text_binary(cases[i].s, out, 4, &len), cases[i].len > 0);
        assert_int_equal(len, cases[i].len > 0 ? cases[i].len : 99);
        if (cases[i].len > 0)
            assert_memory_equal(out, cases[i].bytes, len);
        free(out);
    }
}

static void test_text_put(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct wbuf w = wbuf_make(buf, sizeof(buf));
    text_put(&w, "A", "b");
    text_put_number(&w, "N", 4294967295u);
    text_put_number(&w, "Z", 0);
    text_put_binary(&w, "B", (const uint8_t *)"\x00\xff\x5a", 3);
    static const char want[] = "A=b\0N=4294967295\0Z=0\0B=0x00ff5a";
    assert_int_equal(w.len, sizeof(want));
    assert_memory_equal(buf, want, sizeof(want));
    w = wbuf_make(buf, 3); /* never past the end */
    memset(buf, 0x55, sizeof(buf));
    text_put(&w, "Key", "value");
    assert_true(wb_overflowed(&w));
    assert_int_equal(buf[3], 0x55);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_pairs),  cmocka_unit_test(test_text_numbers),
        cmocka_unit_test(test_text_tokens), cmocka_unit_test(test_text_binary),
        cmocka_unit_test(test_text_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
