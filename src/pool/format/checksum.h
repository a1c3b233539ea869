/* SPDX-License-Identifier: BSD-2-Clause */
/* Checksums of blocks and of what seals itself: labels, gang headers, log blocks. Pure. */
#ifndef POOL_FORMAT_CHECKSUM_H
#define POOL_FORMAT_CHECKSUM_H

#include "pool/format/bp.h"

/* fletcher4 over little-endian 32-bit words; len is a multiple of 4. The widest vector unit the
 * CPU has is used (AVX-512, AVX2, SSE2 or NEON; fletcher4.c). */
struct cksum cksum_fletcher4(const void *p, size_t len);
/* fletcher4 while copying: one pass over the bytes. */
struct cksum cksum_fletcher4_copy(void *dst, const void *src, size_t len);
struct cksum cksum_fletcher2(const void *p, size_t len);
/* The digest as four big-endian words. */
struct cksum cksum_sha256(const void *p, size_t len);
struct cksum cksum_sha512_256(const void *p, size_t len);

/* The checksum of a block's psize bytes by its kind. False: not a kind we can compute (the
 * caller refuses the block); ZCHECK_OFF gives true and zeros. */
bool cksum_compute(unsigned kind, const void *p, size_t len, struct cksum *ret_sum);
static inline bool cksum_equal(const struct cksum *a, const struct cksum *b)
{
    return ((a->w[0] ^ b->w[0]) | (a->w[1] ^ b->w[1]) | (a->w[2] ^ b->w[2]) |
            (a->w[3] ^ b->w[3])) == 0;
}
/* True when data match the pointer (not for gangs' headers and log blocks). */
bool cksum_verify(const struct bp *bp, const void *data);

/* Self-sealing regions: the last 40 bytes are a magic and the SHA-256 of the region with the
 * verifier in place of the sum. Labels and uberblocks: {device offset, 0, 0, 0}; gang headers:
 * {vdev, offset, birth, 0}. */
#define EMBEDDED_CKSUM_MAGIC 0x0210da7ab10c7a11ull
#define EMBEDDED_CKSUM_SIZE  40u
void cksum_seal(void *region, size_t len, const struct cksum *verifier);
bool cksum_sealed(const void *region, size_t len, const struct cksum *verifier);

#endif
