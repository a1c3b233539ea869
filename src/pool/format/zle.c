/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zle, zero length encoding: runs of zeros are counted, all else is literal. A control byte c below
 * 64 stands before c + 1 literal bytes; any other means c - 63 zeros.
 */
#include "pool/format/compress_int.h"

#include "base/buf.h"
#include "base/err.h"

#include <errno.h>
#include <string.h>

#define LITERALS 64u /* control bytes below */

int zle_decode(const uint8_t *src, size_t slen, uint8_t *dst, size_t dlen)
{
    struct rbuf r = rbuf_make(src, slen);
    size_t at = 0;
    while (at < dlen) {
        unsigned run = rb_u8(&r) + 1u;
        bool literal = run <= LITERALS;
        size_t n = literal ? run : run - LITERALS;
        if (r.bad || n > dlen - at)
            return E(-EBADMSG);
        if (!literal)
            memset(dst + at, 0, n);
        else if (!rb_bytes(&r, dst + at, n))
            return E(-EBADMSG);
        at += n;
    }
    return 0;
}
