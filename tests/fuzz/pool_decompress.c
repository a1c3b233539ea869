/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a compressed block: a byte of kind, two of the size it should come out as, and the
 * stream. It comes out whole or is refused, whatever was tried with the same state before; and as
 * data to be compressed, the same bytes come back.
 */
#include "base/check.h"
#include "base/endian.h"
#include "pool/format/compress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(struct compress_state *st, const uint8_t *data, size_t size)
{
    size_t dlen = load_be16(data + 1);
    uint8_t *out = malloc(dlen + 1), *again = malloc(dlen + 1); /* of exact size but for 0 */
    check(out && again);
    int r = decompress_block(st, data[0], data + 3, size - 3, out, dlen);
    check(r == 0 || r == -EBADMSG || r == -EOPNOTSUPP);
    check(decompress_block(st, data[0], data + 3, size - 3, again, dlen) == r);
    if (r == 0)
        check(memcmp(out, again, dlen) == 0);
    free(out);
    free(again);
}

static void encode(struct compress_state *st, const uint8_t *data, size_t size)
{
    uint32_t len = (uint32_t)round_up(size, 512);
    uint8_t *src = calloc(1, len), *stored = malloc(len), *out = malloc(len);
    check(src && stored && out);
    memcpy(src, data, size);
    uint32_t psize = compress_block(st, ZCOMP_LZ4, src, len, stored, 9);
    if (psize > 0) {
        check(psize < len && psize % 512 == 0);
        check(decompress_block(st, ZCOMP_LZ4, stored, psize, out, len) == 0);
        check(memcmp(src, out, len) == 0);
    }
    bool zero = true;
    for (uint32_t i = 0; i < len; i++)
        zero = zero && src[i] == 0;
    check(block_is_zero(src, len) == zero);
    free(src);
    free(stored);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct compress_state *st;
    if (!st)
        st = compress_state_new();
    check(st != NULL);
    if (size < 3)
        return 0;
    decode(st, data, size);
    encode(st, data, size);
    return 0;
}
