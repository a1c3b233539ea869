/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Assertions about our own code. They stay on in release builds and must be unreachable from
 * the network, the disk or the operator.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include "base/util.h"

#include <stdint.h>

NO_RETURN void check_failed(const char *file, int line, const char *expr);
NO_RETURN void check_cmp_failed(const char *file, int line, const char *expr, intmax_t a,
                                intmax_t b);

#define check(expr)                                                                            \
    do {                                                                                       \
        if (__builtin_expect(!(expr), 0))                                                      \
            check_failed(__FILE__, __LINE__, #expr);                                           \
    } while (0)
/* check_cmp(len, <=, cap) prints both values when it fails. */
#define check_cmp(a, op, b)                                                                    \
    do {                                                                                       \
        __typeof__(a) a_ = (a);                                                                \
        __typeof__(b) b_ = (b);                                                                \
        if (__builtin_expect(!(a_ op b_), 0))                                                  \
            check_cmp_failed(__FILE__, __LINE__, #a " " #op " " #b, (intmax_t)a_,              \
                             (intmax_t)b_);                                                    \
    } while (0)

#endif
