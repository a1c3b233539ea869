/* SPDX-License-Identifier: BSD-2-Clause */
/* Small arithmetic and pointer helpers that every room uses. */
#ifndef BASE_UTIL_H
#define BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

/* The struct of the given type whose member lies at ptr. */
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Marks a printf-like function: f is the format's argument number, a the first variadic one. */
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NO_RETURN         __attribute__((noreturn))
#define MUST_CHECK        __attribute__((warn_unused_result))
#define UNUSED            __attribute__((unused))

static inline uint64_t round_up(uint64_t v, uint64_t to)
{
    return (v + to - 1) / to * to;
}
static inline uint64_t round_down(uint64_t v, uint64_t to)
{
    return v / to * to;
}
static inline bool is_pow2(uint64_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}

/* True on overflow, like C23's ckd_add: *ret_sum holds the wrapped value then. */
static inline bool ckd_add_u64(uint64_t *ret_sum, uint64_t a, uint64_t b)
{
    return __builtin_add_overflow(a, b, ret_sum);
}
static inline bool ckd_mul_u64(uint64_t *ret_product, uint64_t a, uint64_t b)
{
    return __builtin_mul_overflow(a, b, ret_product);
}

/* Serial number arithmetic, RFC 1982 with SERIAL_BITS 32: a comes before b. */
static inline bool sn_lt(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}
static inline bool sn_le(uint32_t a, uint32_t b)
{
    return !sn_lt(b, a);
}

/* Compares without telling by its time where the bytes differ. */
static inline bool equal_ct(const void *a, const void *b, size_t len)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t diff = 0;
    for (size_t i = 0; i < len; i++)
        diff = (uint8_t)(diff | (x[i] ^ y[i]));
    return diff == 0;
}

/* Overwrites a secret; the compiler may not drop it. */
static inline void wipe(void *p, size_t len)
{
    explicit_bzero(p, len);
}

#endif
