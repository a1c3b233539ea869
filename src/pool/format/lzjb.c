/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lzjb, the first compression that ZFS had: metadata of pools without feature lz4_compress. A
 * byte of flags, lowest bit first, stands before each group of up to eight items. Flag 0: one
 * literal byte. Flag 1: two bytes, six bits of length less 3 and ten bits of distance back; a match
 * may overlap what it produces.
 */
#include "pool/format/compress_int.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>

#define MATCH_MIN     3u
#define DISTANCE_MASK 0x3ffu
#define LENGTH_SHIFT  10u

/* Copies a match to dst[at]. Returns its length, 0: it leaves the output. */
static size_t copy_match(uint16_t match, uint8_t *dst, size_t at, size_t dlen)
{
    size_t len = (size_t)(match >> LENGTH_SHIFT) + MATCH_MIN;
    size_t distance = match & DISTANCE_MASK;
    if (distance == 0 || distance > at || len > dlen - at)
        return 0;
    for (size_t i = at; i < at + len; i++) /* byte by byte: it may overlap */
        dst[i] = dst[i - distance];
    return len;
}

int lzjb_decode(const uint8_t *src, size_t slen, uint8_t *dst, size_t dlen)
{
    struct rbuf r = rbuf_make(src, slen);
    unsigned flags = 0, nflags = 0;
    size_t at = 0;
    for (; at < dlen; flags >>= 1, nflags--) {
        if (nflags == 0) {
            flags = rb_u8(&r);
            nflags = 8;
        }
        if (flags & 1) {
            size_t len = copy_match(rb_be16(&r), dst, at, dlen);
            if (len == 0)
                return E(-EBADMSG);
            at += len;
        } else {
            dst[at++] = rb_u8(&r);
        }
        if (r.bad)
            return E(-EBADMSG);
    }
    return 0;
}
