/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "base/uuid.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_rbuf_past_end_is_bad_and_zero(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3};
    struct rbuf r = rbuf_make(bytes, sizeof(bytes));
    assert_int_equal(rb_be16(&r), 0x0102);
    assert_int_equal(rb_be32(&r), 0);
    assert_true(r.bad);
    assert_int_equal(rb_u8(&r), 0); /* the byte left over is not given after a failure */
}

static void test_wbuf_counts_what_it_cuts(void **state)
{
    (void)state;
    uint8_t out[4] = {0};
    struct wbuf w = wbuf_make(out, sizeof(out));
    wb_be16(&w, 0xaabb);
    wb_be32(&w, 0x01020304);
    assert_int_equal(w.len, 6);
    assert_int_equal(wb_stored(&w), 4);
    assert_true(wb_overflowed(&w));
    const uint8_t want[] = {0xaa, 0xbb, 1, 2};
    assert_memory_equal(out, want, 4);
    wb_patch_be32(&w, 2, 0xdeadbeef); /* cut at the end of the store too */
    assert_int_equal(out[3], 0xad);
}

static void test_wb_ascii_pads_and_cuts(void **state)
{
    (void)state;
    uint8_t out[8];
    struct wbuf w = wbuf_make(out, sizeof(out));
    wb_ascii(&w, "ab", 4);
    wb_ascii(&w, "abcdef", 4);
    assert_memory_equal(out, "ab  abcd", 8);
}

static void test_endian_round_trip(void **state)
{
    (void)state;
    assert_int_equal(be24_get(be24_make(0x123456)), 0x123456);
    assert_true(be64_get(be64_make(0x0102030405060708)) == 0x0102030405060708);
    assert_true(le64_get(le64_make(0x0102030405060708)) == 0x0102030405060708);
    assert_int_equal(le32_get(le32_make(0x01020304)), 0x01020304);
    assert_int_equal(be32_make(0x01020304).b[0], 1);
    assert_int_equal(le32_make(0x01020304).b[0], 4);
}

static void test_serial_numbers_wrap(void **state)
{
    (void)state;
    assert_true(sn_lt(0xffffffff, 0));
    assert_false(sn_lt(0, 0xffffffff));
    assert_true(sn_le(5, 5));
}

struct item {
    int v;
    struct list node;
};

static void test_list_order_splice_and_removal(void **state)
{
    (void)state;
    struct list a = LIST_INIT(a), b = LIST_INIT(b);
    struct item it[4] = {{.v = 0}, {.v = 1}, {.v = 2}, {.v = 3}};
    list_push(&a, &it[1].node);
    list_push_front(&a, &it[0].node);
    list_push(&b, &it[2].node);
    list_push(&b, &it[3].node);
    list_splice(&a, &b);
    assert_true(list_empty(&b));
    struct item *i, *tmp;
    int want = 0;
    list_for_each (i, &a, node)
        assert_int_equal(i->v, want++);
    assert_int_equal(want, 4);
    list_for_each_safe (i, tmp, &a, node)
        list_remove(&i->node);
    assert_true(list_empty(&a));
    list_remove(&it[0].node); /* on no list: harmless */
    assert_null(list_pop(&a));
}

static void test_sizes_are_strict(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t want;
    } rows[] = {
        {"0",                    true,  0           },
        {"512",                  true,  512         },
        {"64K",                  true,  65536       },
        {"64KiB",                true,  65536       },
        {"750G",                 true,  750ull << 30},
        {"1g",                   true,  1ull << 30  },
        {"15E",                  true,  15ull << 60 },
        {"16E",                  false, 0           },
        {"18446744073709551615", true,  UINT64_MAX  },
        {"18446744073709551616", false, 0           },
        {"",                     false, 0           },
        {"K",                    false, 0           },
        {"-1",                   false, 0           },
        {"1KX",                  false, 0           },
        {" 1",                   false, 0           },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t v = 0;
        assert_int_equal(text_to_size(rows[i].text, &v), rows[i].ok);
        if (rows[i].ok)
            assert_true(v == rows[i].want);
    }
}

static void test_size_is_printed_like_zfs(void **state)
{
    (void)state;
    char s[16];
    text_from_size(750ull << 30, s, sizeof(s));
    assert_string_equal(s, "750G");
    text_from_size(3ull << 29, s, sizeof(s));
    assert_string_equal(s, "1.50G");
    text_from_size(1023, s, sizeof(s));
    assert_string_equal(s, "1023B");
}

static void test_uuid_round_trip_and_version(void **state)
{
    (void)state;
    uint8_t random[16];
    memset(random, 0xff, sizeof(random));
    struct uuid u = uuid_v4(random), back;
    char s[UUID_STR_LEN + 1];
    uuid_format(&u, s);
    assert_string_equal(s, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_true(uuid_parse(s, &back));
    assert_memory_equal(&u, &back, sizeof(u));
    s[8] = '0';
    assert_false(uuid_parse(s, &back));
}

static void test_log_line_cannot_be_forged(void **state)
{
    (void)state;
    const struct log_kv kv[] = {KV("name", "a\nerror x=\"1\""), KV("n", "%d", 7)};
    char line[128];
    log_format(line, sizeof(line), "login.reject", kv, 2);
    assert_string_equal(line, "login.reject name=\"a\\x0aerror x=\\\"1\\\"\" n=7");
}

static void test_err_prefix_keeps_code(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, -ENOSPC, "%d bytes free", 5), -ENOSPC);
    assert_int_equal(err_prefix(&e, "pool %s", "rp1"), -ENOSPC);
    assert_string_equal(e.msg, "pool rp1: 5 bytes free");
    assert_int_equal(err_set(NULL, -EIO, "nobody listens"), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rbuf_past_end_is_bad_and_zero),
        cmocka_unit_test(test_wbuf_counts_what_it_cuts),
        cmocka_unit_test(test_wb_ascii_pads_and_cuts),
        cmocka_unit_test(test_endian_round_trip),
        cmocka_unit_test(test_serial_numbers_wrap),
        cmocka_unit_test(test_list_order_splice_and_removal),
        cmocka_unit_test(test_sizes_are_strict),
        cmocka_unit_test(test_size_is_printed_like_zfs),
        cmocka_unit_test(test_uuid_round_trip_and_version),
        cmocka_unit_test(test_log_line_cannot_be_forged),
        cmocka_unit_test(test_err_prefix_keeps_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
