/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fletcher4: over 32-bit words w, four 64-bit sums: a += w, b += a, c += b, d += c. Every word
 * depends on the one before it, so one stream runs at four additions a word.
 *
 * Vectors run L streams beside each other: lane j takes words j, j + L, j + 2L, ... and keeps
 * sums a_j .. d_j of its own. What those mean follows from counting. Of N words, the one with r
 * words from it to the end, itself included, is in a once, in b r times, in c C(r+1, 2) times,
 * in d C(r+2, 3) times (binomials). A word of lane j with m left in its lane has r = L m - j.
 * So C(r+1, 2) and C(r+2, 3), polynomials in m, are sums of 1, m, C(m+1, 2) and C(m+2, 3), which is to
 * say of a_j, b_j, c_j and d_j. Their coefficients are found at m = 0, -1 and -2, where the
 * higher terms vanish:
 *
 *   b = sum of  L b_j - j a_j
 *   c = sum of  L^2 c_j - (C(L+j, 2) - C(j, 2)) b_j + C(j, 2) a_j
 *   d = sum of  L^3 d_j - (C(2L+j, 3) - 2 C(L+j, 3) + C(j, 3)) c_j
 *               + (C(L+j, 3) - C(j, 3)) b_j - C(j, 3) a_j
 *
 * all modulo 2^64, as the sums themselves. What is left over after whole steps of L words goes on
 * one by one from there.
 *
 * The loop is written once, in the compilers' portable vectors, and compiled for each width.
 */
#include "pool/format/checksum.h"
#include "pool/format/fletcher4_int.h"

#include "base/check.h"

#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are loaded as they lie");

#define MAX_WIDTH 8u

/* Lane j is element j / 2 of row j % 2. */
struct lanes {
    uint64_t a[2][MAX_WIDTH], b[2][MAX_WIDTH], c[2][MAX_WIDTH], d[2][MAX_WIDTH];
};

/* Defines a function that runs `steps` steps of 2 * width words; width is how many 64-bit numbers
 * a register holds on the CPU that attributes choose. One load brings two rows of words, those in
 * the low and those in the high halves; two rows also hide the time that an addition takes. */
#define DEFINE_STEPS(name, width, copies, attributes)                                          \
    attributes static void name(struct lanes *ret, uint8_t *dst, const uint8_t *src,           \
                                size_t steps)                                                  \
    {                                                                                          \
        typedef uint64_t vec __attribute__((vector_size(8 * (width))));                        \
        vec a0 = {0}, b0 = {0}, c0 = {0}, d0 = {0};                                            \
        vec a1 = {0}, b1 = {0}, c1 = {0}, d1 = {0};                                            \
        for (; steps > 0; steps--, src += sizeof(vec)) {                                       \
            vec w;                                                                             \
            memcpy(&w, src, sizeof(w));                                                        \
            if (copies) {                                                                      \
                memcpy(dst, &w, sizeof(w));                                                    \
                dst += sizeof(w);                                                              \
            }                                                                                  \
            a0 += w & 0xffffffff;                                                              \
            a1 += w >> 32;                                                                     \
            b0 += a0;                                                                          \
            b1 += a1;                                                                          \
            c0 += b0;                                                                          \
            c1 += b1;                                                                          \
            d0 += c0;                                                                          \
            d1 += c1;                                                                          \
        }                                                                                      \
        memcpy(ret->a[0], &a0, sizeof(vec));                                                   \
        memcpy(ret->a[1], &a1, sizeof(vec));                                                   \
        memcpy(ret->b[0], &b0, sizeof(vec));                                                   \
        memcpy(ret->b[1], &b1, sizeof(vec));                                                   \
        memcpy(ret->c[0], &c0, sizeof(vec));                                                   \
        memcpy(ret->c[1], &c1, sizeof(vec));                                                   \
        memcpy(ret->d[0], &d0, sizeof(vec));                                                   \
        memcpy(ret->d[1], &d1, sizeof(vec));                                                   \
    }

DEFINE_STEPS(vector_sum, 2, false, )
DEFINE_STEPS(vector_copy, 2, true, )
#ifdef __x86_64__
DEFINE_STEPS(avx2_sum, 4, false, __attribute__((target("avx2"))))
DEFINE_STEPS(avx2_copy, 4, true, __attribute__((target("avx2"))))
DEFINE_STEPS(avx512_sum, 8, false, __attribute__((target("avx512f"))))
DEFINE_STEPS(avx512_copy, 8, true, __attribute__((target("avx512f"))))
#endif

/* A row without lanes is the scalar way, or one that this architecture doesn't have. */
static const struct {
    const char *name;
    void (*sum)(struct lanes *ret, uint8_t *dst, const uint8_t *src, size_t steps);
    void (*copy)(struct lanes *ret, uint8_t *dst, const uint8_t *src, size_t steps);
    unsigned lanes;
} ways[FLETCHER4_WAYS] = {
    [FLETCHER4_SCALAR] = {.name = "scalar"},
    [FLETCHER4_VECTOR] = { "vector", vector_sum, vector_copy, 4},
#ifdef __x86_64__
    [FLETCHER4_AVX2] = {               "avx2",   avx2_sum,   avx2_copy, 8},
    [FLETCHER4_AVX512] = {               "avx512", avx512_sum, avx512_copy, 16},
#else
    [FLETCHER4_AVX2] = {.name = "avx2"},
    [FLETCHER4_AVX512] = {.name = "avx512"},
#endif
};

static uint64_t choose2(uint64_t n)
{
    return n < 2 ? 0 : n * (n - 1) / 2;
}

static uint64_t choose3(uint64_t n)
{
    return n < 3 ? 0 : n * (n - 1) * (n - 2) / 6;
}

static struct cksum combine(const struct lanes *s, uint64_t nlanes)
{
    const uint64_t l = nlanes;
    struct cksum sum = {0};
    for (uint64_t j = 0; j < l; j++) {
        uint64_t a = s->a[j % 2][j / 2], b = s->b[j % 2][j / 2], c = s->c[j % 2][j / 2];
        uint64_t d = s->d[j % 2][j / 2], j3 = choose3(j), lj3 = choose3(l + j);
        sum.w[0] += a;
        sum.w[1] += l * b - j * a;
        sum.w[2] += l * l * c - (choose2(l + j) - choose2(j)) * b + choose2(j) * a;
        sum.w[3] +=
            l * l * l * d - (choose3(2 * l + j) - 2 * lj3 + j3) * c + (lj3 - j3) * b - j3 * a;
    }
    return sum;
}

static void scalar(struct cksum *sum, const uint8_t *src, size_t len)
{
    uint64_t a = sum->w[0], b = sum->w[1], c = sum->w[2], d = sum->w[3];
    for (size_t at = 0; at < len; at += sizeof(uint32_t)) {
        uint32_t w;
        memcpy(&w, src + at, sizeof(w));
        a += w;
        b += a;
        c += b;
        d += c;
    }
    *sum = (struct cksum){
        {a, b, c, d}
    };
}

struct cksum fletcher4_run(enum fletcher4_way way, void *dst, const void *src, size_t len)
{
    const uint8_t *from = src;
    uint8_t *to = dst;
    size_t step = ways[way].lanes * sizeof(uint32_t);
    size_t vectored = step == 0 ? 0 : len / step * step;
    struct cksum sum = {0};
    check(len % sizeof(uint32_t) == 0);
    if (vectored > 0) {
        struct lanes lanes;
        (dst ? ways[way].copy : ways[way].sum)(&lanes, to, from, vectored / step);
        sum = combine(&lanes, ways[way].lanes);
    }
    scalar(&sum, from + vectored, len - vectored);
    if (dst && len > vectored)
        memcpy(to + vectored, from + vectored, len - vectored);
    return sum;
}

const char *fletcher4_name(enum fletcher4_way way)
{
    return ways[way].name;
}

bool fletcher4_can(enum fletcher4_way way)
{
#ifdef __x86_64__
    if (way == FLETCHER4_AVX2)
        return __builtin_cpu_supports("avx2");
    if (way == FLETCHER4_AVX512)
        return __builtin_cpu_supports("avx512f");
#endif
    return way <= FLETCHER4_VECTOR;
}

/* Not remembered: it costs two tests of a word that the C runtime filled in before main(). */
enum fletcher4_way fletcher4_best(void)
{
    if (fletcher4_can(FLETCHER4_AVX512))
        return FLETCHER4_AVX512;
    return fletcher4_can(FLETCHER4_AVX2) ? FLETCHER4_AVX2 : FLETCHER4_VECTOR;
}

struct cksum cksum_fletcher4(const void *p, size_t len)
{
    return fletcher4_run(fletcher4_best(), NULL, p, len);
}

struct cksum cksum_fletcher4_copy(void *dst, const void *src, size_t len)
{
    return fletcher4_run(fletcher4_best(), dst, src, len);
}
