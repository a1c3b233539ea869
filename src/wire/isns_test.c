/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/isns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t esi[] = {
    0, 1, 0, 0x0d, 0, 24, 0x4c, 0, 0x12, 0x34, 0,    0, /* header: server, first and last */
    0, 0, 0, 1,    0, 0,  0,    4, 'z',  0,    0,    0, /* entity */
    0, 0, 0, 17,   0, 0,  0,    4, 0,    0,    0x0c, 0xbc,
};

static void test_message_has_header_padding_and_length(void **state)
{
    (void)state;
    uint8_t out[64];
    struct wbuf w = wbuf_make(out, sizeof(out));
    isns_begin(&w, ISNS_DEV_ATTR_REG, ISNS_FLAG_CLIENT | ISNS_FLAG_REPLACE, 0xbeef);
    isns_put_text(&w, ISNS_TAG_NAME, "iqn.x");
    isns_put_empty(&w, ISNS_TAG_DELIMITER);
    isns_put_u32(&w, ISNS_TAG_PROTOCOL, ISNS_PROTOCOL_ISCSI);
    assert_true(isns_end(&w));
    static const uint8_t want[] = {
        0,   1, 0, 1,  0, 36, 0x9c, 0, 0xbe, 0xef, 0,   0, /* header */
        0,   0, 0, 32, 0, 0,  0,    8, 'i',  'q',  'n', '.',
        'x', 0, 0, 0,                  /* NUL and padding count */
        0,   0, 0, 0,  0, 0,  0,    0, /* delimiter */
        0,   0, 0, 2,  0, 0,  0,    4, 0,    0,    0,   2,
    };
    assert_int_equal(w.len, sizeof(want));
    assert_memory_equal(out, want, sizeof(want));
}

static void test_message_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    uint8_t small[20];
    struct wbuf w = wbuf_make(small, sizeof(small));
    isns_begin(&w, ISNS_ESI, 0, 1);
    isns_put_u32(&w, ISNS_TAG_PERIOD, 1);
    assert_false(isns_end(&w));
    static uint8_t large[80000];
    static const uint8_t value[70000];
    w = wbuf_make(large, sizeof(large));
    isns_begin(&w, ISNS_ESI, 0, 1);
    isns_put(&w, ISNS_TAG_NAME, value, sizeof(value));
    assert_false(isns_end(&w)); /* room there is, but no length that says so */
}

static void test_pdu_is_whole_or_not_yet(void **state)
{
    (void)state;
    struct isns_pdu p;
    for (size_t n = 0; n < sizeof(esi); n++)
        assert_int_equal(isns_pdu_read(esi, n, ISNS_DATA_MAX, &p), 0);
    assert_int_equal(isns_pdu_read(esi, sizeof(esi), ISNS_DATA_MAX, &p), 1);
    assert_int_equal(p.function, ISNS_ESI);
    assert_int_equal(p.xid, 0x1234);
    assert_int_equal(p.total, sizeof(esi));
    assert_ptr_equal(p.data, esi + 12);
}

static void test_pdu_that_is_none_is_refused_by_its_header(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
    } lies[] = {
        {1, 2   }, /* version */
        {5, 25  }, /* no multiple of 4 */
        {6, 0x6c}, /* an authentication block */
        {4, 0x80}, /* more than max */
    };
    struct isns_pdu p;
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        uint8_t bytes[12];
        memcpy(bytes, esi, sizeof(bytes));
        bytes[lies[i].at] = lies[i].byte;
        assert_int_equal(isns_pdu_read(bytes, sizeof(bytes), 4096, &p), -1);
    }
}

static void test_attributes_end_or_are_bad(void **state)
{
    (void)state;
    struct rbuf r = rbuf_make(esi + 12, 24);
    struct isns_attr a;
    assert_true(isns_next(&r, &a));
    assert_int_equal(a.tag, ISNS_TAG_ENTITY);
    assert_int_equal(isns_attr_u32(&a), 0x7a000000);
    assert_true(isns_next(&r, &a));
    assert_int_equal(isns_attr_u32(&a), 3260);
    assert_false(isns_next(&r, &a));
    assert_false(r.bad);

    r = rbuf_make(esi + 12, 23); /* the second one is cut */
    assert_true(isns_next(&r, &a));
    assert_false(isns_next(&r, &a));
    assert_true(r.bad);

    static const uint8_t odd[] = {0, 0, 0, 1, 0, 0, 0, 3, 'a', 'b', 'c', 0};
    r = rbuf_make(odd, sizeof(odd));
    assert_false(isns_next(&r, &a));
    assert_true(r.bad);

    static const uint8_t huge[] = {0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfc, 0, 0, 0, 0};
    r = rbuf_make(huge, sizeof(huge));
    assert_false(isns_next(&r, &a));
    assert_true(r.bad);
}

static void test_esi_is_answered_by_its_own_attributes(void **state)
{
    (void)state;
    struct isns_pdu p, answer;
    uint8_t out[64];
    struct wbuf w = wbuf_make(out, sizeof(out));
    assert_int_equal(isns_pdu_read(esi, sizeof(esi), 4096, &p), 1);
    assert_true(isns_answer(&p, &w));
    assert_int_equal(isns_pdu_read(out, w.len, 4096, &answer), 1);
    assert_int_equal(answer.function, ISNS_ESI | ISNS_RESPONSE);
    assert_int_equal(answer.flags, ISNS_FLAG_CLIENT | ISNS_FLAG_FIRST | ISNS_FLAG_LAST);
    assert_int_equal(answer.xid, 0x1234);
    assert_int_equal(answer.len, 4 + 24);
    assert_int_equal(load_be32(answer.data), ISNS_OK);
    assert_memory_equal(answer.data + 4, esi + 12, 24);
    w = wbuf_make(out, 30);
    assert_false(isns_answer(&p, &w)); /* no room */
}

static void test_scn_is_answered_by_its_destination(void **state)
{
    (void)state;
    uint8_t in[64], out[64];
    struct isns_pdu p, answer;
    struct wbuf w = wbuf_make(in, sizeof(in));
    isns_begin(&w, ISNS_SCN, ISNS_FLAG_SERVER, 7);
    isns_put_text(&w, ISNS_TAG_NAME, "iqn.us");
    isns_put_u32(&w, ISNS_TAG_SCN_BITS, ISNS_SCN_REMOVED);
    assert_true(isns_end(&w));
    assert_int_equal(isns_pdu_read(in, w.len, 4096, &p), 1);
    w = wbuf_make(out, sizeof(out));
    assert_true(isns_answer(&p, &w));
    assert_int_equal(isns_pdu_read(out, w.len, 4096, &answer), 1);
    assert_int_equal(answer.len, 4 + 16);
    assert_string_equal((const char *)answer.data + 12, "iqn.us");
}

static void test_other_questions_are_not_supported_and_answers_not_answered(void **state)
{
    (void)state;
    uint8_t in[16], out[64];
    struct isns_pdu p;
    struct wbuf w = wbuf_make(in, sizeof(in));
    isns_begin(&w, 0x000e, ISNS_FLAG_SERVER, 7);
    assert_true(isns_end(&w));
    assert_int_equal(isns_pdu_read(in, w.len, 4096, &p), 1);
    w = wbuf_make(out, sizeof(out));
    assert_true(isns_answer(&p, &w));
    assert_int_equal(load_be32(out + 12), ISNS_NOT_SUPPORTED);
    p.function = ISNS_DEV_ATTR_REG | ISNS_RESPONSE;
    assert_false(isns_answer(&p, &w));
    assert_string_equal(isns_status_text(9), "no such entry");
    assert_string_equal(isns_status_text(4), "unknown status");
    assert_string_equal(isns_status_text(UINT32_MAX), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_has_header_padding_and_length),
        cmocka_unit_test(test_message_that_does_not_fit_is_refused),
        cmocka_unit_test(test_pdu_is_whole_or_not_yet),
        cmocka_unit_test(test_pdu_that_is_none_is_refused_by_its_header),
        cmocka_unit_test(test_attributes_end_or_are_bad),
        cmocka_unit_test(test_esi_is_answered_by_its_own_attributes),
        cmocka_unit_test(test_scn_is_answered_by_its_destination),
        cmocka_unit_test(test_other_questions_are_not_supported_and_answers_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
