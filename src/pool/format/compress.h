/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compression as the format stores it. We write lz4 (and nothing); we read lzjb, zle, gzip, zstd
 * too. Pure; state that a compressor needs is the caller's (fibers have small stacks).
 */
#ifndef POOL_FORMAT_COMPRESS_H
#define POOL_FORMAT_COMPRESS_H

#include "pool/format/zfs.h"

/* Working memory for one compression or decompression at a time; one per reactor. */
struct compress_state;
struct compress_state *compress_state_new(void); /* NULL: no memory */
void compress_state_free(struct compress_state *st);

/* Compresses len bytes by lz4 into at most cap bytes of dst, the length word included. Returns
 * the bytes stored, 0: doesn't fit. */
size_t compress_lz4(struct compress_state *st, const void *src, size_t len, void *dst,
                    size_t cap);

/* Applies the write rule (OpenZFS zio_write_compress): must save an eighth, is padded with zeros to
 * whole sectors of 1 << ashift. Returns psize and *ret_dst holds it; 0: store it as it is. dst has room for len
 * bytes. kind: ZCOMP_LZ4 (all else: 0). */
uint32_t compress_block(struct compress_state *st, unsigned kind, const void *src, uint32_t len,
                        void *dst, unsigned ashift);
/* -EBADMSG: the bytes are no such stream of exactly dlen bytes; -EOPNOTSUPP: unknown kind (ZCOMP_OFF
 * too: there is nothing to do); -ENOMEM (gzip, zstd). On failure dst holds anything. */
int decompress_block(struct compress_state *st, unsigned kind, const void *src, size_t slen,
                     void *dst, size_t dlen);
/* True when all bytes are 0: such a block becomes a hole where compression is on. */
bool block_is_zero(const void *p, size_t len);

#endif
