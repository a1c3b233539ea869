/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/format/bp.h"

#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Pointers that OpenZFS 2.1.11 wrote: an uberblock's rootbp with three copies, and the first data
 * block of a volume. */
static const char root_hex[] =
    "0800000000000000c80a0000000000000800000000000000c882000000000000"
    "0800000000000000e8010100000000000700070002070b800000000000000000"
    "0000000000000000000000000000000012000000000000002e00000000000000"
    "46faa4440a0000002a6d4cf30a260000a3734726f39b4600e90dd9b923b28957";
static const char data_hex[] =
    "2000000000000000100200000000000000000000000000000000000000000000"
    "000000000000000000000000000000001f001f00020717800000000000000000"
    "0000000000000000000000000000000006000000000000000100000000000000"
    "63bd522be807000011d3cfdc63e03e00389672fb8089a84f74388c557d5151bd";

static const uint64_t sizes[] = {124u << 20, 0, 64u << 20};
static const uint32_t ratios[] = {512, 512, 341};

static struct bp bp_of(const char *hex)
{
    struct bp bp;
    assert_int_equal(strlen(hex), 2 * sizeof(bp));
    assert_true(hex_decode(hex, strlen(hex), bp.w[0].b));
    return bp;
}

static void test_fields_of_a_pointer_that_openzfs_wrote(void **state)
{
    (void)state;
    struct bp bp = bp_of(root_hex);
    struct dva dva = bp_dva(&bp, 2);
    assert_int_equal(bp_lsize(&bp), 4096);
    assert_int_equal(bp_psize(&bp), 4096);
    assert_int_equal(bp_type(&bp), DMU_OBJSET);
    assert_int_equal(bp_level(&bp), 0);
    assert_int_equal(bp_compress(&bp), ZCOMP_OFF);
    assert_int_equal(bp_checksum(&bp), ZCHECK_FLETCHER4);
    assert_true(bp_is_little_endian(&bp) && bp_is_metadata(&bp));
    assert_false(bp_is_hole(&bp) || bp_is_embedded(&bp));
    assert_int_equal(bp_ndvas(&bp), 3);
    assert_int_equal(bp_dva(&bp, 0).off, 0x159000);
    assert_int_equal(bp_dva(&bp, 1).off, 0x1059000);
    assert_int_equal(dva.off, 0x203d000);
    assert_int_equal(dva.asize, 4096);
    assert_int_equal(dva.vdev, 0);
    assert_false(dva.gang);
    assert_int_equal(bp_birth(&bp), 18);
    assert_int_equal(bp_phys_birth(&bp), 18);
    assert_int_equal(bp_fill(&bp), 46);
    assert_true(bp_cksum(&bp).w[3] == 0x5789b223b9d90de9);
}

static void test_making_gives_the_same_bytes(void **state)
{
    (void)state;
    static const struct bp_props props = {
        .lsize = 16384,
        .psize = 16384,
        .type = DMU_ZVOL,
        .compress = ZCOMP_OFF,
        .checksum = ZCHECK_FLETCHER4,
    };
    static const struct cksum sum = {
        {0x000007e82b52bd63, 0x003ee063dccfd311, 0x4fa88980fb729638, 0xbd51517d558c3874}
    };
    struct bp bp, want = bp_of(data_hex);
    bp_make(&bp, &props, 6);
    bp_set_dva(&bp, 0, &(struct dva){.off = 0x42000, .asize = 16384});
    bp_set_cksum(&bp, &sum);
    bp_set_fill(&bp, 1);
    assert_memory_equal(&bp, &want, sizeof(bp));
    assert_false(bp_is_metadata(&bp));
}

static void test_dva_keeps_all_its_fields(void **state)
{
    (void)state;
    struct bp bp = bp_of(data_hex);
    static const struct dva dva = {
        .off = 1ull << 62, .asize = 0xffffffull << 9, .vdev = 0xabcdef, .gang = true};
    bp_set_dva(&bp, 1, &dva);
    struct dva got = bp_dva(&bp, 1);
    assert_true(got.off == dva.off && got.asize == dva.asize && got.vdev == dva.vdev);
    assert_true(got.gang);
}

static void test_hole_with_birth_is_as_openzfs_leaves_it(void **state)
{
    (void)state;
    struct bp bp;
    bp_make_hole(&bp, 16384, DMU_ZVOL, 0, 9);
    assert_true(bp_word(&bp, 6) == 0x001700000000001f);
    assert_int_equal(bp_word(&bp, 10), 9);
    for (unsigned i = 0; i < 16; i++)
        assert_true(i == 6 || i == 10 || bp_word(&bp, i) == 0);
    assert_true(bp_is_hole(&bp));
    assert_int_equal(bp_lsize(&bp), 16384);
    assert_int_equal(bp_psize(&bp), 0);
    assert_int_equal(bp_ndvas(&bp), 0);
    assert_int_equal(bp_check(&bp, sizes, ARRAY_LEN(sizes), NULL), 0);
}

static void test_hole_never_written_is_all_zero(void **state)
{
    (void)state;
    static const struct bp zero;
    struct bp bp;
    bp_make_hole(&bp, 16384, DMU_ZVOL, 1, 0);
    assert_memory_equal(&bp, &zero, sizeof(bp));
    assert_int_equal(bp_lsize(&bp), 0);
    assert_int_equal(bp_check(&bp, sizes, ARRAY_LEN(sizes), NULL), 0);
    assert_int_equal(bp_sums(&bp, ratios, ARRAY_LEN(ratios)).used, 0);
}

/* 4 KiB of directory compressed to 100 bytes. */
static struct bp embedded_bp(void)
{
    struct bp bp;
    for (unsigned i = 0; i < 16; i++)
        bp_word_set(&bp, i, 0x0101010101010101ull * i);
    bp_word_set(&bp, 6,
                1ull << 63 | 20ull << 48 | 1ull << 39 | 15ull << 32 | 99ull << 25 | 4095);
    bp_word_set(&bp, 10, 7);
    return bp;
}

static void test_embedded_payload_skips_two_words(void **state)
{
    (void)state;
    static const uint8_t words[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 15};
    struct bp bp = embedded_bp();
    uint8_t got[112];
    assert_true(bp_is_embedded(&bp));
    assert_false(bp_is_hole(&bp)); /* though its first words are zero */
    assert_int_equal(bp_lsize(&bp), 4096);
    assert_int_equal(bp_psize(&bp), 100);
    assert_int_equal(bp_ndvas(&bp), 0);
    assert_int_equal(bp_fill(&bp), 1);
    bp_embedded_payload(&bp, got);
    for (unsigned i = 0; i < sizeof(got); i++)
        assert_int_equal(got[i], words[i / 8]);
    assert_int_equal(bp_check(&bp, sizes, ARRAY_LEN(sizes), NULL), 0);
}

static void test_sums(void **state)
{
    (void)state;
    struct bp root = bp_of(root_hex), data = bp_of(data_hex), dir = embedded_bp();
    struct bp_sums s = bp_sums(&root, ratios, ARRAY_LEN(ratios));
    assert_int_equal(s.used, 3 * 4096);
    assert_int_equal(s.comp, 4096);
    assert_int_equal(s.uncomp, 4096);

    /* Compressed data on a raidz: deflated by its ratio, uncompressed counts in full. */
    bp_word_set(&data, 6, (bp_word(&data, 6) & ~0xff00ffff0000ull) | 15ull << 32 | 7u << 16);
    bp_set_dva(&data, 0, &(struct dva){.off = 0, .asize = 12288, .vdev = 2});
    s = bp_sums(&data, ratios, ARRAY_LEN(ratios));
    assert_int_equal(s.used, 24 * 341);
    assert_int_equal(s.comp, 4096);
    assert_int_equal(s.uncomp, 16384);

    /* Embedded metadata takes nothing at all, embedded data counts as uncompressed. */
    s = bp_sums(&dir, ratios, ARRAY_LEN(ratios));
    assert_true(s.used == 0 && s.comp == 0 && s.uncomp == 0);
    bp_word_set(&dir, 6, (bp_word(&dir, 6) & ~(0xffull << 48)) | (uint64_t)DMU_ZVOL << 48);
    s = bp_sums(&dir, ratios, ARRAY_LEN(ratios));
    assert_true(s.used == 0 && s.comp == 0 && s.uncomp == 4096);
}

/* ---- the gate ------------------------------------------------------------------------------- */

/* Replaces bits of one word of the data pointer. */
static const struct damage {
    const char *what;
    unsigned word;
    uint64_t mask, bits;
    int code;
} damages[] = {
    {"as it is",                0,  0,                 0,                               0          },
    {"type 54",                 6,  0xffull << 48,     54ull << 48,                     -EBADMSG   },
    {"new type, swap 10",       6,  0xffull << 48,     0x8aull << 48,                   -EBADMSG   },
    {"new type, ZAP",           6,  0xffull << 48,     0xc4ull << 48,                   0          },
    {"level 6",                 6,  0x1full << 56,     6ull << 56,                      -EBADMSG   },
    {"level 5",                 6,  0x1full << 56,     5ull << 56,                      0          },
    {"compression inherit",     6,  0x7full << 32,     0,                               -EBADMSG   },
    {"compression on",          6,  0x7full << 32,     1ull << 32,                      -EBADMSG   },
    {"compression empty",       6,  0x7full << 32,     4ull << 32,                      -EBADMSG   },
    {"compression 17",          6,  0x7full << 32,     17ull << 32,                     -EBADMSG   },
    {"compression zstd",        6,  0x7full << 32,     16ull << 32,                     0          },
    {"checksum inherit",        6,  0xffull << 40,     0,                               -EBADMSG   },
    {"checksum on",             6,  0xffull << 40,     1ull << 40,                      -EBADMSG   },
    {"checksum skein",          6,  0xffull << 40,     12ull << 40,                     -EOPNOTSUPP},
    {"checksum blake3",         6,  0xffull << 40,     14ull << 40,                     -EOPNOTSUPP},
    {"checksum label",          6,  0xffull << 40,     3ull << 40,                      -EOPNOTSUPP},
    {"checksum sha256",         6,  0xffull << 40,     8ull << 40,                      0          },
    {"checksum off",            6,  0xffull << 40,     2ull << 40,                      0          },
    {"psize larger",            6,  0xffffull << 16,   32ull << 16,                     -EBADMSG   },
    {"psize smaller, plain",    6,  0xffffull << 16,   30ull << 16,                     -EBADMSG   },
    {"32 MiB",                  6,  0xffffffff,        0xffffffff,                      -EBADMSG   },
    {"2 MiB",                   6,  0xffffffff,        0x0fff0fff,                      -EOPNOTSUPP},
    {"1 MiB, less allocated",   6,  0xffffffff,        0x07ff07ff,                      -EBADMSG   },
    {"encrypted",               6,  1ull << 61,        1ull << 61,                      -EOPNOTSUPP},
    {"deduplicated",            6,  1ull << 62,        1ull << 62,                      0          },
    {"big-endian",              6,  1ull << 63,        0,                               -EOPNOTSUPP},
    {"never born",              10, ~0ull,             0,                               -EBADMSG   },
    {"vdev is a hole",          0,  0xffffffull << 32, 1ull << 32,                      -EBADMSG   },
    {"vdev past the last",      0,  0xffffffull << 32, 3ull << 32,                      -EBADMSG   },
    {"another vdev",            0,  0xffffffull << 32, 2ull << 32,                      0          },
    {"nothing allocated",       0,  0xffffff,          0,                               -EBADMSG   },
    {"less than psize",         0,  0xffffff,          0x1f,                            -EBADMSG   },
    {"last place",              1,  ~0ull,             (124u << 11) - 0x20,             0          },
    {"over the end",            1,  ~0ull,             (124u << 11) - 0x1f,             -EBADMSG   },
    {"offset that overflows",   1,  ~0ull,             1ull << 55,                      -EBADMSG   },
    {"a third copy, no second", 4,  ~0ull,             0x20,                            -EBADMSG   },
    {"second copy outside",     2,  ~0ull,             0x20 | 7ull << 32,               -EBADMSG   },
 /* of a gang only the header lies at the offset */
    {"gang near the end",       1,  ~0ull,             1ull << 63 | ((124u << 11) - 1), 0          },
    {"gang over the end",       1,  ~0ull,             1ull << 63 | (124u << 11),       -EBADMSG   },
};

static void test_check_refuses_what_may_not_be_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(damages); i++) {
        const struct damage *d = &damages[i];
        struct bp bp = bp_of(data_hex);
        struct err err = {0};
        bp_word_set(&bp, d->word, (bp_word(&bp, d->word) & ~d->mask) | d->bits);
        int r = bp_check(&bp, sizes, ARRAY_LEN(sizes), &err);
        if (r != d->code)
            fail_msg("%s: got %d (%s), want %d", d->what, r, err.msg, d->code);
        assert_int_equal(err.code, r);
    }
}

static void test_check_of_embedded_pointers(void **state)
{
    (void)state;
    struct bp bp = embedded_bp();
    uint64_t props = bp_word(&bp, 6);
    bp_word_set(&bp, 6, props | 112ull << 25);
    assert_int_equal(bp_check(&bp, sizes, ARRAY_LEN(sizes), NULL), -EBADMSG);
    bp_word_set(&bp, 6, props | 2ull << 40); /* redacted */
    assert_int_equal(bp_check(&bp, sizes, ARRAY_LEN(sizes), NULL), -EOPNOTSUPP);
    bp_word_set(&bp, 6, props | 1ull << 56);
    assert_int_equal(bp_check(&bp, sizes, ARRAY_LEN(sizes), NULL), -EBADMSG);
    bp_word_set(&bp, 6, props & ~0x1ffffffull); /* of one byte, stored in 100 */
    assert_int_equal(bp_check(&bp, sizes, ARRAY_LEN(sizes), NULL), -EBADMSG);
}

static void test_metadata_types(void **state)
{
    (void)state;
    unsigned data = 0;
    for (unsigned type = 0; type < 54; type++)
        data += !dmu_type_is_metadata(type);
    assert_int_equal(data, 5);
    assert_false(dmu_type_is_metadata(DMU_ZVOL) ||
                 dmu_type_is_metadata(DMU_PLAIN_FILE_CONTENTS));
    assert_true(dmu_type_is_metadata(DMU_ZVOL_PROP) && dmu_type_is_metadata(DMU_DNODE));
    assert_true(dmu_type_is_metadata(DMU_ZAP_METADATA));
    assert_false(dmu_type_is_metadata(0x84)); /* a ZAP that isn't */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_of_a_pointer_that_openzfs_wrote),
        cmocka_unit_test(test_making_gives_the_same_bytes),
        cmocka_unit_test(test_dva_keeps_all_its_fields),
        cmocka_unit_test(test_hole_with_birth_is_as_openzfs_leaves_it),
        cmocka_unit_test(test_hole_never_written_is_all_zero),
        cmocka_unit_test(test_embedded_payload_skips_two_words),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_check_refuses_what_may_not_be_read),
        cmocka_unit_test(test_check_of_embedded_pointers),
        cmocka_unit_test(test_metadata_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
