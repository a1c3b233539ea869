/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/format/checksum.h"

#include "pool/format/fletcher4_int.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LEN_MAX 4096u

static void assert_sum(struct cksum got, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const struct cksum want = {
        {a, b, c, d}
    };
    assert_memory_equal(&got, &want, sizeof(want));
}

/* The definition, word by word. */
static struct cksum fletcher4_plainly(const uint8_t *p, size_t len)
{
    uint64_t a = 0, b = 0, c = 0, d = 0;
    for (size_t i = 0; i < len; i += 4) {
        a += (uint32_t)(p[i] | p[i + 1] << 8 | p[i + 2] << 16) | (uint64_t)p[i + 3] << 24;
        b += a;
        c += b;
        d += c;
    }
    return (struct cksum){
        {a, b, c, d}
    };
}

static void fill(uint8_t *p, size_t len, uint32_t seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        p[i] = (uint8_t)(seed >> 24);
    }
}

static void test_fletcher4_of_three_words(void **state)
{
    (void)state;
    static const uint8_t words[] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0};
    assert_sum(cksum_fletcher4(words, sizeof(words)), 6, 10, 15, 21);
    assert_sum(cksum_fletcher4(words, 0), 0, 0, 0, 0);
}

static void check_way(enum fletcher4_way way, const uint8_t *src, size_t len)
{
    static uint8_t dst[LEN_MAX + 8];
    struct cksum want = fletcher4_plainly(src, len), got = fletcher4_run(way, NULL, src, len);
    if (!cksum_equal(&got, &want))
        fail_msg("%s is wrong for %zu bytes", fletcher4_name(way), len);
    memset(dst, 0xee, sizeof(dst));
    got = fletcher4_run(way, dst + 3, src, len);
    if (!cksum_equal(&got, &want))
        fail_msg("%s, copying, is wrong for %zu bytes", fletcher4_name(way), len);
    assert_memory_equal(dst + 3, src, len);
    assert_true(dst[2] == 0xee && dst[3 + len] == 0xee);
}

static void test_every_way_gives_the_definition(void **state)
{
    (void)state;
    static uint8_t src[LEN_MAX + 1];
    for (unsigned way = 0; way < FLETCHER4_WAYS; way++) {
        if (!fletcher4_can(way)) {
            print_message("%s: not on this CPU\n", fletcher4_name(way));
            continue;
        }
        for (size_t len = 0; len <= 400; len += 4) {
            fill(src, sizeof(src), (uint32_t)len + 1);
            check_way(way, src + 1, len); /* unaligned */
        }
        check_way(way, src, LEN_MAX);
        memset(src, 0xff, sizeof(src)); /* every sum but the first overflows in the end */
        check_way(way, src, LEN_MAX);
    }
}

static void test_best_way_is_one_that_works(void **state)
{
    (void)state;
    static uint8_t src[LEN_MAX], dst[LEN_MAX];
    assert_true(fletcher4_can(fletcher4_best()));
    fill(src, sizeof(src), 7);
    struct cksum want = fletcher4_plainly(src, sizeof(src));
    struct cksum plain = cksum_fletcher4(src, sizeof(src));
    struct cksum copied = cksum_fletcher4_copy(dst, src, sizeof(src));
    assert_true(cksum_equal(&plain, &want) && cksum_equal(&copied, &want));
    assert_memory_equal(dst, src, sizeof(src));
}

static void test_fletcher2(void **state)
{
    (void)state;
    uint8_t words[48] = {0};
    static const uint8_t values[6] = {1, 10, 2, 20, 3, 30};
    for (unsigned i = 0; i < ARRAY_LEN(values); i++)
        words[i * 8] = values[i];
    assert_sum(cksum_fletcher2(words, sizeof(words)), 6, 60, 10, 100);
}

static void test_sha_digests_are_big_endian_words(void **state)
{
    (void)state; /* FIPS 180-4's examples */
    assert_sum(cksum_sha256("abc", 3), 0xba7816bf8f01cfea, 0x414140de5dae2223,
               0xb00361a396177a9c, 0xb410ff61f20015ad);
    assert_sum(cksum_sha512_256("abc", 3), 0x53048e2681941ef9, 0x9b2e29b76b4c7dab,
               0xe4c2d0c634fc6d46, 0xe0e2f13107e7af23);
}

static void test_verify_takes_the_kind_from_the_pointer(void **state)
{
    (void)state;
    static const unsigned kinds[] = {ZCHECK_FLETCHER2, ZCHECK_FLETCHER4, ZCHECK_SHA256,
                                     ZCHECK_SHA512};
    static uint8_t data[1024];
    fill(data, sizeof(data), 3);
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        /* 512 of them are stored; the sum doesn't reach further */
        struct bp_props props = {.lsize = 1024,
                                 .psize = 512,
                                 .type = DMU_ZVOL,
                                 .compress = ZCOMP_LZ4,
                                 .checksum = (uint8_t)kinds[i]};
        struct cksum sum;
        struct bp bp;
        bp_make(&bp, &props, 5);
        assert_true(cksum_compute(kinds[i], data, 512, &sum));
        bp_set_cksum(&bp, &sum);
        assert_true(cksum_verify(&bp, data));
        data[511] ^= 1;
        assert_false(cksum_verify(&bp, data));
        data[511] ^= 1;
        data[512] ^= 1;
        assert_true(cksum_verify(&bp, data));
    }
}

static void test_kinds_that_are_not_sums_of_a_block(void **state)
{
    (void)state;
    static const unsigned kinds[] = {ZCHECK_INHERIT, ZCHECK_ON,     ZCHECK_LABEL,
                                     ZCHECK_GANG,    ZCHECK_ZILOG2, ZCHECK_SKEIN,
                                     ZCHECK_EDONR,   ZCHECK_COUNT,  255};
    static const uint8_t data[512] = {1};
    static const struct bp_props off = {.lsize = 512,
                                        .psize = 512,
                                        .type = DMU_ZVOL,
                                        .compress = ZCOMP_OFF,
                                        .checksum = ZCHECK_OFF};
    struct cksum sum;
    struct bp bp;
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        assert_false(cksum_compute(kinds[i], data, sizeof(data), &sum));
    bp_make(&bp, &off, 5);
    bp_set_cksum(&bp, &(struct cksum){
                          {1, 2, 3, 4}
    }); /* whatever stands there */
    assert_true(cksum_verify(&bp, data));
    assert_true(cksum_compute(ZCHECK_OFF, data, sizeof(data), &sum));
    assert_sum(sum, 0, 0, 0, 0);
}

static void test_seal_binds_content_and_place(void **state)
{
    (void)state;
    const struct cksum here = {
        {0, 0x301c000, 23, 0}
    };
    const struct cksum there = {
        {0, 0x301d000, 23, 0}
    };
    uint8_t region[512];
    fill(region, sizeof(region), 11);
    cksum_seal(region, sizeof(region), &here);
    assert_true(cksum_sealed(region, sizeof(region), &here));
    assert_false(cksum_sealed(region, sizeof(region), &there));
    for (size_t i = 0; i < sizeof(region); i++) { /* contents, magic and sum */
        region[i] ^= 0x10;
        assert_false(cksum_sealed(region, sizeof(region), &here));
        region[i] ^= 0x10;
    }
    assert_true(cksum_sealed(region, sizeof(region), &here));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fletcher4_of_three_words),
        cmocka_unit_test(test_every_way_gives_the_definition),
        cmocka_unit_test(test_best_way_is_one_that_works),
        cmocka_unit_test(test_fletcher2),
        cmocka_unit_test(test_sha_digests_are_big_endian_words),
        cmocka_unit_test(test_verify_takes_the_kind_from_the_pointer),
        cmocka_unit_test(test_kinds_that_are_not_sums_of_a_block),
        cmocka_unit_test(test_seal_binds_content_and_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
