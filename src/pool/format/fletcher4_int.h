/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways to compute fletcher4, each by name, for tests and the benchmark. */
#ifndef POOL_FORMAT_FLETCHER4_INT_H
#define POOL_FORMAT_FLETCHER4_INT_H

#include "pool/format/bp.h"

enum fletcher4_way {
    FLETCHER4_SCALAR,
    FLETCHER4_VECTOR, /* what every CPU of the architecture has: SSE2, NEON */
    FLETCHER4_AVX2,
    FLETCHER4_AVX512,
    FLETCHER4_WAYS
};
const char *fletcher4_name(enum fletcher4_way way);
/* This CPU can. */
bool fletcher4_can(enum fletcher4_way way);
/* The fastest that this CPU can. */
enum fletcher4_way fletcher4_best(void);
/* Copies to dst too unless that is NULL. len is a multiple of 4; no alignment is needed. */
struct cksum fletcher4_run(enum fletcher4_way way, void *dst, const void *src, size_t len);

#endif
