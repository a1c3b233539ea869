/* SPDX-License-Identifier: BSD-2-Clause */
#define ZSTD_STATIC_LINKING_ONLY /* the magicless format */
#include "pool/format/compress.h"

#include "base/endian.h"
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#define BLOCK 16384u

static struct compress_state *st;

static int setup(void **state)
{
    (void)state;
    st = compress_state_new();
    return st ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    compress_state_free(st);
    return 0;
}

/* Bytes that compress to about a third. */
static void fill_text(uint8_t *p, size_t len)
{
    uint32_t x = 1;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = i % 64 < 40 ? (uint8_t)('a' + i % 7) : (uint8_t)(x >> 24);
    }
}

static void fill_random(uint8_t *p, size_t len)
{
    uint32_t x = 99;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = (uint8_t)(x >> 24);
    }
}

/* ---- streams written by hand ---------------------------------------------------------------- */

static const struct {
    unsigned kind;
    const char *stream, *output; /* hex; output NULL: no such stream of outlen bytes */
    size_t outlen;
} streams[] = {
    {ZCOMP_LZ4,    "0000000a16610100506161616161",       "61616161616161616161616161616161", 16},
    {ZCOMP_LZ4,    "0000000a16610100506161616161000000", "61616161616161616161616161616161",
     16                                                                                        }, /* padding */
    {ZCOMP_LZ4,    "0000000b16610100506161616161",       NULL,                               16}, /* longer than there is */
    {ZCOMP_LZ4,    "ffffffff16610100506161616161",       NULL,                               16},
    {ZCOMP_LZ4,    "0000000a16610100506161616161",       NULL,                               15},
    {ZCOMP_LZ4,    "0000000a16610100506161616161",       NULL,                               17},
    {ZCOMP_LZ4,    "000000",                             NULL,                               16},
    {ZCOMP_LZJB,   "02613001",                           "61616161616161616161616161616161", 16}, /* overlaps */
    {ZCOMP_LZJB,   "00616263646566676804696a000a",       "6162636465666768696a616263",
     13                                                                                        }, /* second flags */
    {ZCOMP_LZJB,   "02613000",                           NULL,                               16}, /* distance 0 */
    {ZCOMP_LZJB,   "02613002",                           NULL,                               16}, /* before the start */
    {ZCOMP_LZJB,   "02613001",                           NULL,                               15}, /* over the end */
    {ZCOMP_LZJB,   "02613001",                           NULL,                               17},
    {ZCOMP_LZJB,   "026130",                             NULL,                               16},
    {ZCOMP_LZJB,   "",                                   NULL,                               1 },
    {ZCOMP_ZLE,    "0261626343",                         "61626300000000",                   7 },
    {ZCOMP_ZLE,    "02616263430000ffff",                 "61626300000000",                   7 }, /* padding */
    {ZCOMP_ZLE,    "40",                                 "00",                               1 },
    {ZCOMP_ZLE,    "0261626343",                         NULL,                               6 },
    {ZCOMP_ZLE,    "0261626343",                         NULL,                               8 },
    {ZCOMP_ZLE,    "026162",                             NULL,                               3 },
    {ZCOMP_GZIP_1, "789c4b4c840100",                     NULL,                               16},
    {ZCOMP_ZSTD,   "0000000000000000",                   NULL,                               16},
    {ZCOMP_ZSTD,   "000000ff0000000000",                 NULL,                               16},
    {ZCOMP_ZSTD,   "000000",                             NULL,                               16},
};

static void test_streams_written_by_hand(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(streams); i++) {
        size_t slen = strlen(streams[i].stream) / 2, dlen = streams[i].outlen;
        uint8_t *src = malloc(slen + 1), *dst = malloc(dlen + 1), want[64]; /* of exact size */
        assert_true(src && dst);
        assert_true(hex_decode(streams[i].stream, 2 * slen, src));
        int r = decompress_block(st, streams[i].kind, src, slen, dst, dlen);
        if (r != (streams[i].output ? 0 : -EBADMSG))
            fail_msg("stream %u: %d", i, r);
        if (streams[i].output) {
            assert_true(hex_decode(streams[i].output, 2 * dlen, want));
            assert_memory_equal(dst, want, dlen);
        }
        free(src);
        free(dst);
    }
}

static void test_lzjb_reaches_back_ten_bits(void **state)
{
    (void)state;
    static uint8_t src[2048], out[1023 + 66], want[sizeof(out)];
    size_t n = 0;
    fill_random(want, 1023);
    memcpy(want + 1023, want, 66); /* the longest match, as far back as it goes */
    for (size_t i = 0; i < 1023; i++) {
        if (i % 8 == 0)
            src[n++] = i == 1016 ? 0x80 : 0;
        src[n++] = want[i];
    }
    src[n++] = 63 << 2 | 3;
    src[n++] = 0xff;
    assert_int_equal(decompress_block(st, ZCOMP_LZJB, src, n, out, sizeof(out)), 0);
    assert_memory_equal(out, want, sizeof(out));
}

static void test_unknown_kinds(void **state)
{
    (void)state;
    static const unsigned kinds[] = {0, 1, ZCOMP_OFF, ZCOMP_EMPTY, ZCOMP_COUNT, 255};
    uint8_t src[16] = {0}, dst[16];
    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
        assert_int_equal(decompress_block(st, kinds[i], src, 16, dst, 16), -EOPNOTSUPP);
}

/* ---- streams written by the libraries ------------------------------------------------------- */

static size_t make_gzip(const uint8_t *src, size_t len, uint8_t *dst, size_t cap)
{
    uLongf n = cap;
    assert_int_equal(compress2(dst, &n, src, len, 6), Z_OK);
    return n;
}

/* As OpenZFS stores it: length, version and level, a frame without magic and content size. */
static size_t make_zstd(const uint8_t *src, size_t len, uint8_t *dst, size_t cap)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    assert_non_null(c);
    ZSTD_CCtx_setParameter(c, ZSTD_c_format, ZSTD_f_zstd1_magicless);
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
    size_t n = ZSTD_compress2(c, dst + 8, cap - 8, src, len);
    assert_false(ZSTD_isError(n));
    ZSTD_freeCCtx(c);
    store_be32(dst, (uint32_t)n);
    store_be32(dst + 4, ZSTD_VERSION_NUMBER << 8 | 3);
    return n + 8;
}

static size_t make_lz4(const uint8_t *src, size_t len, uint8_t *dst, size_t cap)
{
    return compress_lz4(st, src, len, dst, cap);
}

static const struct {
    unsigned kind;
    size_t (*make)(const uint8_t *src, size_t len, uint8_t *dst, size_t cap);
} makers[] = {
    {ZCOMP_LZ4,    make_lz4 },
    {ZCOMP_GZIP_1, make_gzip},
    {ZCOMP_GZIP_9, make_gzip},
    {ZCOMP_ZSTD,   make_zstd},
};

static void test_round_trips(void **state)
{
    (void)state;
    static uint8_t src[BLOCK], stream[BLOCK + 1024], out[BLOCK + 1];
    fill_text(src, sizeof(src));
    for (unsigned i = 0; i < ARRAY_LEN(makers); i++) {
        unsigned kind = makers[i].kind;
        memset(stream, 0, sizeof(stream)); /* padding follows */
        size_t n = makers[i].make(src, BLOCK, stream, BLOCK);
        assert_true(n > 0 && n < BLOCK);
        assert_int_equal(decompress_block(st, kind, stream, round_up(n, 4096), out, BLOCK), 0);
        assert_memory_equal(out, src, BLOCK);
        assert_int_equal(decompress_block(st, kind, stream, n, out, BLOCK), 0);
        assert_int_equal(decompress_block(st, kind, stream, n, out, BLOCK - 1), -EBADMSG);
        assert_int_equal(decompress_block(st, kind, stream, n, out, BLOCK + 1), -EBADMSG);
        assert_int_equal(decompress_block(st, kind, stream, n - 1, out, BLOCK), -EBADMSG);
        /* a failure leaves no trace in the state */
        assert_int_equal(decompress_block(st, kind, stream, n, out, BLOCK), 0);
    }
}

/* ---- the write rule ------------------------------------------------------------------------- */

static void test_compressed_size_is_whole_sectors_and_zero_padded(void **state)
{
    (void)state;
    static uint8_t src[BLOCK], dst[BLOCK], out[BLOCK];
    static const unsigned ashifts[] = {9, 12, 13};
    fill_text(src, sizeof(src));
    for (unsigned i = 0; i < ARRAY_LEN(ashifts); i++) {
        memset(dst, 0xee, sizeof(dst));
        uint32_t psize = compress_block(st, ZCOMP_LZ4, src, BLOCK, dst, ashifts[i]);
        size_t n = load_be32(dst) + 4u;
        assert_int_equal(psize, round_up(n, 1u << ashifts[i]));
        assert_true(psize > 0 && psize < BLOCK);
        assert_true(block_is_zero(dst + n, psize - n));
        assert_int_equal(decompress_block(st, ZCOMP_LZ4, dst, psize, out, BLOCK), 0);
        assert_memory_equal(out, src, BLOCK);
    }
}

static void test_what_saves_too_little_is_not_compressed(void **state)
{
    (void)state;
    static uint8_t src[BLOCK], dst[BLOCK];
    fill_random(src, sizeof(src));
    assert_int_equal(compress_block(st, ZCOMP_LZ4, src, BLOCK, dst, 9), 0);
    memset(src, 'x', BLOCK / 16); /* a sixteenth is not an eighth */
    assert_int_equal(compress_block(st, ZCOMP_LZ4, src, BLOCK, dst, 9), 0);
    memset(src, 'x', BLOCK / 6);
    assert_int_not_equal(compress_block(st, ZCOMP_LZ4, src, BLOCK, dst, 9), 0);
    assert_int_equal(compress_block(st, ZCOMP_LZ4, src, BLOCK, dst, 13), 0); /* two sectors */
    memset(src, 'x', BLOCK);
    assert_int_equal(compress_block(st, ZCOMP_LZ4, src, 4096, dst, 12), 0); /* one sector */
    assert_int_equal(compress_block(st, ZCOMP_LZ4, src, 4096, dst, 9), 512);
}

static void test_only_lz4_is_written(void **state)
{
    (void)state;
    static const uint8_t src[BLOCK] = {1};
    static uint8_t dst[BLOCK];
    for (unsigned kind = 0; kind <= ZCOMP_COUNT; kind++) {
        uint32_t psize = compress_block(st, kind, src, BLOCK, dst, 12);
        assert_int_equal(psize, kind == ZCOMP_LZ4 ? 4096 : 0);
    }
}

static void test_lz4_stays_within_its_room(void **state)
{
    (void)state;
    static uint8_t src[BLOCK], dst[BLOCK];
    fill_text(src, sizeof(src));
    size_t n = compress_lz4(st, src, BLOCK, dst, BLOCK);
    assert_int_equal(compress_lz4(st, src, BLOCK, dst, n), n);
    memset(dst, 0xee, sizeof(dst));
    assert_int_equal(compress_lz4(st, src, BLOCK, dst, n / 2), 0);
    for (size_t i = n / 2; i < sizeof(dst); i++)
        assert_int_equal(dst[i], 0xee);
    for (size_t cap = 0; cap <= 5; cap++)
        assert_int_equal(compress_lz4(st, src, BLOCK, dst, cap), 0);
}

static void test_block_is_zero_sees_every_byte(void **state)
{
    (void)state;
    uint8_t p[100] = {0};
    for (size_t len = 0; len <= sizeof(p); len++) {
        assert_true(block_is_zero(p, len));
        for (size_t i = 0; i < sizeof(p); i++) {
            p[i] = 1;
            assert_int_equal(block_is_zero(p, len), i >= len);
            p[i] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_written_by_hand),
        cmocka_unit_test(test_lzjb_reaches_back_ten_bits),
        cmocka_unit_test(test_unknown_kinds),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_compressed_size_is_whole_sectors_and_zero_padded),
        cmocka_unit_test(test_what_saves_too_little_is_not_compressed),
        cmocka_unit_test(test_only_lz4_is_written),
        cmocka_unit_test(test_lz4_stays_within_its_room),
        cmocka_unit_test(test_block_is_zero_sees_every_byte),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
