/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compression. lz4 both ways; everything else only for reading what others wrote. The libraries
 * do their work in memory that compress_state holds, so that nothing large lies on a fiber's
 * stack; what zlib and zstd allocate beyond it is bounded by the size of a block.
 *
 * The formats bring no length of their own but lz4 and zstd, whose bytes are led by one; whatever
 * follows in the sector is padding. All decoders must fill the output to its last byte: a block
 * that comes out shorter is not the block that was written.
 */
#define ZSTD_STATIC_LINKING_ONLY /* names the magicless frame format; the calls are stable ones */
#define ZLIB_CONST               /* its input pointer, as it should be */
#include "pool/format/compress.h"

#include "pool/format/compress_int.h"

#include "base/check.h"
#include "base/endian.h"
#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define LZ4_HEADER    4u /* length, big-endian */
#define ZSTD_HEADER   8u /* length, version and level, big-endian */
#define LEAST_SAVINGS 8u /* one part of so many, or the block is stored as it is */
#define LEN_MAX       (16u << 20)

struct compress_state {
    void *lz4;
    ZSTD_DCtx *zstd;
    z_stream gzip;
    bool gzip_ready;
};

/* What only blocks of others need is made when the first of them comes. */
static bool zstd_prepare(struct compress_state *st)
{
    if (st->zstd)
        return true;
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (ctx &&
        ZSTD_isError(ZSTD_DCtx_setParameter(ctx, ZSTD_d_format, ZSTD_f_zstd1_magicless))) {
        ZSTD_freeDCtx(ctx);
        ctx = NULL;
    }
    st->zstd = ctx;
    return ctx != NULL;
}

struct compress_state *compress_state_new(void)
{
    struct compress_state *st = calloc(1, sizeof(*st));
    if (!st)
        return NULL;
    st->lz4 = malloc((size_t)LZ4_sizeofState());
    if (!st->lz4) {
        compress_state_free(st);
        return NULL;
    }
    return st;
}

static bool gzip_prepare(struct compress_state *st)
{
    if (!st->gzip_ready)
        st->gzip_ready = inflateInit(&st->gzip) == Z_OK;
    return st->gzip_ready && inflateReset(&st->gzip) == Z_OK;
}

void compress_state_free(struct compress_state *st)
{
    if (!st)
        return;
    if (st->gzip_ready)
        inflateEnd(&st->gzip);
    ZSTD_freeDCtx(st->zstd);
    free(st->lz4);
    free(st);
}

/* ---- writing -------------------------------------------------------------------------------- */

size_t compress_lz4(struct compress_state *st, const void *src, size_t len, void *dst,
                    size_t cap)
{
    uint8_t *out = dst;
    check_cmp(len, <=, (size_t)LEN_MAX);
    check_cmp(cap, <=, (size_t)LEN_MAX);
    if (cap <= LZ4_HEADER)
        return 0;
    int n = LZ4_compress_fast_extState(st->lz4, src, (char *)out + LZ4_HEADER, (int)len,
                                       (int)(cap - LZ4_HEADER), 1);
    if (n <= 0)
        return 0;
    store_be32(out, (uint32_t)n);
    return (size_t)n + LZ4_HEADER;
}

uint32_t compress_block(struct compress_state *st, unsigned kind, const void *src, uint32_t len,
                        void *dst, unsigned ashift)
{
    if (kind != ZCOMP_LZ4)
        return 0;
    size_t n = compress_lz4(st, src, len, dst, len - len / LEAST_SAVINGS);
    uint64_t psize = round_up(n, 1ull << ashift);
    if (n == 0 || psize >= len)
        return 0;
    memset((uint8_t *)dst + n, 0, psize - n);
    return (uint32_t)psize;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The length word at the start of lz4 and zstd data: true when so much follows the header. */
static bool stored_len(const uint8_t *src, size_t slen, size_t header, size_t *ret_len)
{
    if (slen < header || load_be32(src) > slen - header)
        return false;
    *ret_len = load_be32(src);
    return true;
}

static int decompress_lz4(const uint8_t *src, size_t slen, uint8_t *dst, size_t dlen)
{
    size_t n;
    if (!stored_len(src, slen, LZ4_HEADER, &n))
        return E(-EBADMSG);
    int got =
        LZ4_decompress_safe((const char *)src + LZ4_HEADER, (char *)dst, (int)n, (int)dlen);
    return got >= 0 && (size_t)got == dlen ? 0 : E(-EBADMSG);
}

static int decompress_zstd(struct compress_state *st, const uint8_t *src, size_t slen,
                           uint8_t *dst, size_t dlen)
{
    size_t n;
    if (!stored_len(src, slen, ZSTD_HEADER, &n))
        return E(-EBADMSG);
    if (!zstd_prepare(st))
        return E(-ENOMEM);
    size_t got = ZSTD_decompressDCtx(st->zstd, dst, dlen, src + ZSTD_HEADER, n);
    return !ZSTD_isError(got) && got == dlen ? 0 : E(-EBADMSG);
}

static int decompress_gzip(struct compress_state *st, const uint8_t *src, size_t slen,
                           uint8_t *dst, size_t dlen)
{
    z_stream *z = &st->gzip;
    if (!gzip_prepare(st))
        return E(-ENOMEM);
    z->next_in = src;
    z->avail_in = (uInt)slen;
    z->next_out = dst;
    z->avail_out = (uInt)dlen;
    int r = inflate(z, Z_FINISH);
    if (r == Z_MEM_ERROR)
        return E(-ENOMEM);
    return r == Z_STREAM_END && z->avail_out == 0 ? 0 : E(-EBADMSG);
}

int decompress_block(struct compress_state *st, unsigned kind, const void *src, size_t slen,
                     void *dst, size_t dlen)
{
    if (slen > LEN_MAX || dlen > LEN_MAX)
        return E(-EBADMSG);
    if (kind >= ZCOMP_GZIP_1 && kind <= ZCOMP_GZIP_9)
        return decompress_gzip(st, src, slen, dst, dlen);
    if (kind == ZCOMP_LZ4)
        return decompress_lz4(src, slen, dst, dlen);
    if (kind == ZCOMP_ZSTD)
        return decompress_zstd(st, src, slen, dst, dlen);
    if (kind == ZCOMP_LZJB)
        return lzjb_decode(src, slen, dst, dlen);
    if (kind == ZCOMP_ZLE)
        return zle_decode(src, slen, dst, dlen);
    return E(-EOPNOTSUPP);
}

bool block_is_zero(const void *p, size_t len)
{
    static const uint8_t zeros[16];
    const uint8_t *bytes = p;
    if (len <= sizeof(zeros))
        return memcmp(bytes, zeros, len) == 0;
    /* The first bytes are zero, and all others equal those 16 before them. */
    return memcmp(bytes, zeros, sizeof(zeros)) == 0 &&
           memcmp(bytes, bytes + sizeof(zeros), len - sizeof(zeros)) == 0;
}
