/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/radius_testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECRET "shared-secret-of-both"

static uint8_t challenge[32];

static struct radius_request question(void)
{
    struct radius_request q = {
        .id = 0x2a,
        .user = "iqn.1994-05.com.redhat:a1",
        .chap_id = 0x77,
        .challenge = challenge,
        .challenge_len = sizeof(challenge),
        .identifier = "zsan",
        .called_station = "iqn.2026-11.io.zsan:t1",
        .calling_station = "192.0.2.7",
    };
    for (uint8_t i = 0; i < 16; i++) {
        q.authenticator[i] = (uint8_t)(0x10 + i);
        q.response[i] = (uint8_t)(0xa0 + i);
    }
    for (uint8_t i = 0; i < sizeof(challenge); i++)
        challenge[i] = (uint8_t)(0x40 + i);
    return q;
}

static const struct radius_key key = {radius_test_md5, (const uint8_t *)SECRET,
                                      sizeof(SECRET) - 1};

/* All three were computed by another program. */
static const uint8_t request[] = {
    0x01, 0x2a, 0x00, 0x9f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a,
    0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x50, 0x12, 0x59, 0xd8, 0x65, 0x9a, 0xb7, 0x6f, 0xaa, 0xf9,
    0x58, 0x28, 0x73, 0x5f, 0x19, 0xc6, 0x2b, 0x26, 0x01, 0x1b, 0x69, 0x71, 0x6e, 0x2e, 0x31,
    0x39, 0x39, 0x34, 0x2d, 0x30, 0x35, 0x2e, 0x63, 0x6f, 0x6d, 0x2e, 0x72, 0x65, 0x64, 0x68,
    0x61, 0x74, 0x3a, 0x61, 0x31, 0x03, 0x13, 0x77, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6,
    0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0x3c, 0x22, 0x40, 0x41, 0x42, 0x43,
    0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x52,
    0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x20, 0x06,
    0x7a, 0x73, 0x61, 0x6e, 0x1e, 0x18, 0x69, 0x71, 0x6e, 0x2e, 0x32, 0x30, 0x32, 0x36, 0x2d,
    0x31, 0x31, 0x2e, 0x69, 0x6f, 0x2e, 0x7a, 0x73, 0x61, 0x6e, 0x3a, 0x74, 0x31, 0x1f, 0x0b,
    0x31, 0x39, 0x32, 0x2e, 0x30, 0x2e, 0x32, 0x2e, 0x37,
};
static const uint8_t accepted[] = {
    0x02, 0x2a, 0x00, 0x35, 0x4f, 0xa5, 0x95, 0x8f, 0xf1, 0x38, 0x3c, 0x2f, 0xbf, 0x7f,
    0xad, 0x82, 0x63, 0x15, 0x54, 0x72, 0x12, 0x09, 0x77, 0x65, 0x6c, 0x63, 0x6f, 0x6d,
    0x65, 0x50, 0x12, 0x26, 0x68, 0x5d, 0x5e, 0x6e, 0xc2, 0xbb, 0xc6, 0xd6, 0x21, 0xf3,
    0xbf, 0xaa, 0x36, 0xf9, 0xe5, 0x06, 0x06, 0x00, 0x00, 0x00, 0x02,
};
static const uint8_t rejected[] = {
    0x03, 0x2a, 0x00, 0x26, 0xc6, 0x99, 0x5f, 0x07, 0x8e, 0xb3, 0x7c, 0xa3, 0x45,
    0x82, 0xe0, 0x07, 0xda, 0x6f, 0xe5, 0xd8, 0x50, 0x12, 0x88, 0x4e, 0x09, 0xa0,
    0xa7, 0x92, 0x03, 0x53, 0x6c, 0xa3, 0xa2, 0xe1, 0xcb, 0x3e, 0xe1, 0xa8,
};

/* From memory of its exact size, so that a read behind it shows. */
static enum radius_verdict judge(const uint8_t *p, size_t len)
{
    const struct radius_request q = question();
    const char *why = NULL;
    uint8_t *exact = malloc(len + 1);
    assert_non_null(exact);
    memcpy(exact + 1, p, len);
    enum radius_verdict v = radius_answer_check(exact + 1, len, &q, &key, &why);
    assert_non_null(why);
    assert_int_equal(v == RADIUS_ACCEPTED, why[0] == '\0');
    free(exact);
    return v;
}

static void test_request_is_the_golden_one(void **state)
{
    (void)state;
    static uint8_t out[RADIUS_MAX];
    struct wbuf w = wbuf_make(out, sizeof(out));
    const struct radius_request q = question();
    assert_true(radius_request_write(&w, &q, &key));
    assert_int_equal(w.len, sizeof(request));
    assert_memory_equal(out, request, sizeof(request));
}

static void test_request_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    static uint8_t out[RADIUS_MAX];
    char name[RADIUS_VALUE_MAX + 2];
    struct radius_request q = question();
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    q.user = name;
    struct wbuf w = wbuf_make(out, sizeof(out));
    assert_false(radius_request_write(&w, &q, &key));
    name[RADIUS_VALUE_MAX] = '\0';
    w = wbuf_make(out, sizeof(out));
    assert_true(radius_request_write(&w, &q, &key));
    w = wbuf_make(out, w.len - 1);
    assert_false(radius_request_write(&w, &q, &key));
    q.user = "";
    w = wbuf_make(out, sizeof(out));
    assert_false(radius_request_write(&w, &q, &key));
}

static bool no_md5(const struct iovec *parts, int n, uint8_t ret_digest[RADIUS_MD5_LEN])
{
    (void)parts, (void)n, (void)ret_digest;
    return false;
}

static void test_without_md5_nothing_passes(void **state)
{
    (void)state;
    static uint8_t out[RADIUS_MAX];
    struct wbuf w = wbuf_make(out, sizeof(out));
    const struct radius_request q = question();
    const struct radius_key none = {no_md5, key.secret, key.len};
    const char *why;
    assert_false(radius_request_write(&w, &q, &none));
    assert_int_equal(radius_answer_check(accepted, sizeof(accepted), &q, &none, &why),
                     RADIUS_NO_ANSWER);
}

static void test_golden_answers_are_taken_with_padding_too(void **state)
{
    (void)state;
    uint8_t padded[sizeof(accepted) + 9] = {0};
    assert_int_equal(judge(accepted, sizeof(accepted)), RADIUS_ACCEPTED);
    assert_int_equal(judge(rejected, sizeof(rejected)), RADIUS_REJECTED);
    memcpy(padded, accepted, sizeof(accepted));
    assert_int_equal(judge(padded, sizeof(padded)), RADIUS_ACCEPTED);
}

static void test_no_changed_or_cut_answer_counts(void **state)
{
    (void)state;
    uint8_t changed[sizeof(accepted)];
    for (size_t bit = 0; bit < sizeof(accepted) * 8; bit++) {
        memcpy(changed, accepted, sizeof(accepted));
        changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(judge(changed, sizeof(changed)), RADIUS_NO_ANSWER);
    }
    for (size_t len = 0; len < sizeof(accepted); len++)
        assert_int_equal(judge(accepted, len), RADIUS_NO_ANSWER);
}

/* RFC 2865 7.2 has no Message-Authenticator: it is what CVE-2024-3596 forges. */
static void test_answer_without_message_authenticator_does_not_count(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {
        0x02, 0x01, 0x00, 0x38, 0x15, 0xef, 0xbc, 0x7d, 0xab, 0x26, 0xcf, 0xa3, 0xdc, 0x34,
        0xd9, 0xc0, 0x3c, 0x86, 0x01, 0xa4, 0x06, 0x06, 0x00, 0x00, 0x00, 0x02, 0x07, 0x06,
        0x00, 0x00, 0x00, 0x01, 0x08, 0x06, 0xff, 0xff, 0xff, 0xfe, 0x0a, 0x06, 0x00, 0x00,
        0x00, 0x02, 0x0d, 0x06, 0x00, 0x00, 0x00, 0x01, 0x0c, 0x06, 0x00, 0x00, 0x05, 0xdc,
    };
    static const struct radius_key theirs = {radius_test_md5, (const uint8_t *)"xyzzy5461", 9};
    const struct radius_request q = {
        .id = 1,
        .authenticator = {0x2a, 0xee, 0x86, 0xf0, 0x8d, 0x0d, 0x55, 0x96, 0x9c, 0xa5, 0x97,
                          0x8e, 0x0d, 0x33, 0x67, 0xa2}
    };
    const char *why;
    assert_int_equal(radius_answer_check(bytes, sizeof(bytes), &q, &theirs, &why),
                     RADIUS_NO_ANSWER);
    assert_non_null(strstr(why, "Message-Authenticator"));
}

/* Answers that know the secret, and are to be taken or not all the same. */
static const struct crafted {
    uint8_t bytes[128];
    size_t len;
    enum radius_verdict want;
} crafted[] = {
    {{[0] = 2, [1] = 0x2a, [20] = 80, [21] = 18},                               38, RADIUS_ACCEPTED },
    {{[0] = 11, [1] = 0x2a, [20] = 80, [21] = 18},                              38, RADIUS_REJECTED },
    {{[0] = 2, [1] = 0x2a, [20] = 80, [21] = 18, [38] = 6, [39] = 6, [43] = 6},
     44,                                                                            RADIUS_REJECTED },
    {{[0] = 2, [1] = 0x2a, [20] = 80, [21] = 18, [38] = 6, [39] = 6, [43] = 8},
     44,                                                                            RADIUS_ACCEPTED },
    {{[0] = 2, [1] = 0x2b, [20] = 80, [21] = 18},                               38, RADIUS_NO_ANSWER}, /* id */
    {{[0] = 5, [1] = 0x2a, [20] = 80, [21] = 18},                               38, RADIUS_NO_ANSWER}, /* code */
    {{[0] = 1, [1] = 0x2a, [20] = 80, [21] = 18},                               38, RADIUS_NO_ANSWER},
    {{[0] = 2, [1] = 0x2a},                                                     20, RADIUS_NO_ANSWER},
    {{[0] = 2, [1] = 0x2a, [20] = 80, [21] = 18, [38] = 80, [39] = 18},
     56,                                                                            RADIUS_NO_ANSWER}, /* twice */
    {{[0] = 2, [1] = 0x2a, [20] = 80, [21] = 18, [38] = 1, [39] = 1},
     40,                                                                            RADIUS_NO_ANSWER}, /* no length */
    {{[0] = 2, [1] = 0x2a, [20] = 80, [21] = 18, [38] = 1, [39] = 5},
     42,                                                                            RADIUS_NO_ANSWER}, /* beyond */
    {{[0] = 2, [1] = 0x2a, [20] = 80, [21] = 18, [38] = 1},                     39, RADIUS_NO_ANSWER}, /* half */
    {{[0] = 2, [1] = 0x2a, [20] = 80, [21] = 17},                               37, RADIUS_NO_ANSWER},
};

static void test_crafted_answers_by_form_and_code(void **state)
{
    (void)state;
    const struct radius_request q = question();
    for (size_t i = 0; i < ARRAY_LEN(crafted); i++) {
        struct crafted c = crafted[i];
        radius_test_sign(c.bytes, c.len, q.authenticator, SECRET);
        if (judge(c.bytes, c.len) != c.want)
            fail_msg("answer %zu", i);
        radius_test_sign(c.bytes, c.len, q.authenticator, "another secret of nobody");
        assert_int_equal(judge(c.bytes, c.len), RADIUS_NO_ANSWER);
    }
}

/* RFC 2104: a key over a block is its digest. */
static void test_long_secrets_work(void **state)
{
    (void)state;
    char secret[256];
    uint8_t answer[38] = {2, 0x2a, [20] = 80, [21] = 18};
    const struct radius_request q = question();
    const char *why;
    for (size_t len = 63; len <= 255; len += len < 66 ? 1 : 63) {
        memset(secret, 's', len);
        secret[len] = '\0';
        const struct radius_key k = {radius_test_md5, (const uint8_t *)secret, len};
        radius_test_sign(answer, sizeof(answer), q.authenticator, secret);
        assert_int_equal(radius_answer_check(answer, sizeof(answer), &q, &k, &why),
                         RADIUS_ACCEPTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_is_the_golden_one),
        cmocka_unit_test(test_request_that_does_not_fit_is_refused),
        cmocka_unit_test(test_without_md5_nothing_passes),
        cmocka_unit_test(test_golden_answers_are_taken_with_padding_too),
        cmocka_unit_test(test_no_changed_or_cut_answer_counts),
        cmocka_unit_test(test_answer_without_message_authenticator_does_not_count),
        cmocka_unit_test(test_crafted_answers_by_form_and_code),
        cmocka_unit_test(test_long_secrets_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
