/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other checksums, and regions that seal themselves. fletcher4 is in fletcher4.c.
 *
 * SHA-256 comes from OpenSSL's plain functions rather than its EVP layer: those cannot fail, take
 * no lock and allocate nothing, while EVP looks the digest up by name at every call, and a block
 * has no use for an answer "no memory" where its checksum should be. They use the CPU's SHA
 * instructions all the same. SHA-512/256 is SHA-512 from other initial values (FIPS 180-4 5.3.6.2).
 *
 * A sealed region carries its checksum in its own last 40 bytes. The sum covers the whole region
 * with a verifier, which depends on the place, where the sum will be: the same bytes at another
 * place don't verify.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_Init() and its kin: see above */
#include "pool/format/checksum.h"

#include "base/check.h"

#include <openssl/sha.h>
#include <string.h>

/* ---- plain sums ----------------------------------------------------------------------------- */

struct cksum cksum_fletcher2(const void *p, size_t len)
{
    const uint8_t *at = p;
    uint64_t a0 = 0, a1 = 0, b0 = 0, b1 = 0;
    check(len % (2 * sizeof(le64)) == 0);
    for (const uint8_t *end = at + len; at < end; at += 2 * sizeof(le64)) {
        le64 w[2];
        memcpy(w, at, sizeof(w));
        a0 += le64_get(w[0]);
        a1 += le64_get(w[1]);
        b0 += a0;
        b1 += a1;
    }
    return (struct cksum){
        {a0, a1, b0, b1}
    };
}

static struct cksum cksum_of_digest(const uint8_t digest[32])
{
    struct cksum sum;
    for (unsigned i = 0; i < ARRAY_LEN(sum.w); i++)
        sum.w[i] = load_be64(digest + i * sizeof(uint64_t));
    return sum;
}

static struct cksum sha256_final(SHA256_CTX *ctx)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256_Final(digest, ctx);
    return cksum_of_digest(digest);
}

struct cksum cksum_sha256(const void *p, size_t len)
{
    SHA256_CTX ctx;
    SHA256_Init(&ctx);
    SHA256_Update(&ctx, p, len);
    return sha256_final(&ctx);
}

struct cksum cksum_sha512_256(const void *p, size_t len)
{
    static const SHA_LONG64 initial[8] = {
        0x22312194fc2bf72c, 0x9f555fa3c84c64c2, 0x2393b86b6f53b151, 0x963877195940eabd,
        0x96283ee2a88effe3, 0xbe5e1e2553863992, 0x2b0199fc2c85b8aa, 0x0eb72ddc81c52ca2,
    };
    uint8_t digest[SHA512_DIGEST_LENGTH];
    SHA512_CTX ctx;
    SHA512_Init(&ctx);
    memcpy(ctx.h, initial, sizeof(initial));
    SHA512_Update(&ctx, p, len);
    SHA512_Final(digest, &ctx);
    return cksum_of_digest(digest); /* cut to 256 bits */
}

static struct cksum cksum_none(const void *p, size_t len)
{
    (void)p;
    (void)len;
    return (struct cksum){0};
}

bool cksum_compute(unsigned kind, const void *p, size_t len, struct cksum *ret_sum)
{
    static struct cksum (*const kinds[ZCHECK_COUNT])(const void *p, size_t len) = {
        [ZCHECK_OFF] = cksum_none,
        [ZCHECK_FLETCHER2] = cksum_fletcher2,
        [ZCHECK_FLETCHER4] = cksum_fletcher4,
        [ZCHECK_SHA256] = cksum_sha256,
        [ZCHECK_SHA512] = cksum_sha512_256,
    };
    if (kind >= ZCHECK_COUNT || !kinds[kind])
        return false;
    *ret_sum = kinds[kind](p, len);
    return true;
}

bool cksum_verify(const struct bp *bp, const void *data)
{
    struct cksum want = bp_cksum(bp), sum;
    if (!cksum_compute(bp_checksum(bp), data, bp_psize(bp), &sum))
        return false;
    return bp_checksum(bp) == ZCHECK_OFF || cksum_equal(&sum, &want);
}

/* ---- sealed regions ------------------------------------------------------------------------- */

struct trailer {
    le64 magic;
    le64 sum[4];
};
static_assert(sizeof(struct trailer) == EMBEDDED_CKSUM_SIZE, "zio_eck_t");

static struct trailer trailer_make(const struct cksum *sum)
{
    struct trailer t = {.magic = le64_make(EMBEDDED_CKSUM_MAGIC)};
    for (unsigned i = 0; i < ARRAY_LEN(t.sum); i++)
        t.sum[i] = le64_make(sum->w[i]);
    return t;
}

/* The trailer that the region should have. */
static struct trailer trailer_of(const uint8_t *region, size_t len,
                                 const struct cksum *verifier)
{
    struct trailer t = trailer_make(verifier);
    SHA256_CTX ctx;
    SHA256_Init(&ctx);
    SHA256_Update(&ctx, region, len - sizeof(t));
    SHA256_Update(&ctx, &t, sizeof(t));
    struct cksum sum = sha256_final(&ctx);
    return trailer_make(&sum);
}

void cksum_seal(void *region, size_t len, const struct cksum *verifier)
{
    uint8_t *bytes = region;
    check_cmp(len, >=, sizeof(struct trailer));
    struct trailer t = trailer_of(bytes, len, verifier);
    memcpy(bytes + len - sizeof(t), &t, sizeof(t));
}

bool cksum_sealed(const void *region, size_t len, const struct cksum *verifier)
{
    const uint8_t *bytes = region;
    check_cmp(len, >=, sizeof(struct trailer));
    struct trailer t = trailer_of(bytes, len, verifier);
    return memcmp(bytes + len - sizeof(t), &t, sizeof(t)) == 0;
}
