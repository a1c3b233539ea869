/* SPDX-License-Identifier: BSD-2-Clause */
/* A name-value list in memory, shared by the list (nv.c) and its encoding (nv_xdr.c). */
#ifndef POOL_FORMAT_NV_INT_H
#define POOL_FORMAT_NV_INT_H

#include "pool/format/nv.h"

/* The types we interpret (OpenZFS sys/nvpair.h, data_type_t). */
enum nv_type {
    NV_BOOL = 1,
    NV_U64 = 8,
    NV_STR = 9,
    NV_U64S = 16,
    NV_LIST = 19,
    NV_LISTS = 20,
};
#define NV_UNIQUE_NAMES 1u /* flags of a list */

/* The value as it stood in the stream. */
struct nv_raw {
    uint8_t *bytes;
    uint32_t len;
    uint32_t native_size; /* bytes it takes in OpenZFS's memory; 0 for types we interpret */
};

struct nv_pair {
    char *key;
    uint32_t type;
    uint32_t n; /* elements; of a raw value: what the stream said */
    union {
        uint64_t u64;
        char *str;
        uint64_t *u64s;
        struct nv *list;
        struct nv **lists;
        struct nv_raw raw;
    } v;
};

struct nv {
    struct nv_pair *pairs;
    uint32_t n, cap;
    uint32_t flags;
};

/* True for the types of enum nv_type; all others are kept raw. */
bool nv_type_known(uint32_t type);
/* Takes over the pair with all it owns, on failure too. The caller knows that the key is new.
 * -ENOMEM. */
int nv_append(struct nv *nv, struct nv_pair *pair);
/* Frees what a pair owns. */
void nv_pair_clear(struct nv_pair *pair);

#endif
