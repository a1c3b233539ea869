/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Name-value lists in XDR, as configs are stored (OpenZFS nvpair.c, xdr encoding). A list owns
 * all below it; keys are unique and keep the order in which they were added. Pure but for malloc.
 */
#ifndef POOL_FORMAT_NV_H
#define POOL_FORMAT_NV_H

#include "base/err.h"

struct nv;

struct nv *nv_new(void); /* NULL: no memory */
void nv_free(struct nv *nv);
struct nv *nv_dup(const struct nv *nv);

/* Each replaces a pair of the same name. -ENOMEM. */
int nv_add_bool(struct nv *nv, const char *key); /* presence */
int nv_add_u64(struct nv *nv, const char *key, uint64_t v);
int nv_add_str(struct nv *nv, const char *key, const char *v);
int nv_add_u64s(struct nv *nv, const char *key, const uint64_t *v, unsigned n);
/* Take over the lists, on failure too. */
int nv_add_nv(struct nv *nv, const char *key, struct nv *v);
int nv_add_nvs(struct nv *nv, const char *key, struct nv **v, unsigned n);
void nv_remove(struct nv *nv, const char *key);

/* False: no pair of that name and type; *ret is left alone. Borrowed from the list. */
bool nv_has(const struct nv *nv, const char *key);
bool nv_get_u64(const struct nv *nv, const char *key, uint64_t *ret);
bool nv_get_str(const struct nv *nv, const char *key, const char **ret);
bool nv_get_u64s(const struct nv *nv, const char *key, const uint64_t **ret, unsigned *ret_n);
bool nv_get_nv(const struct nv *nv, const char *key, struct nv **ret);
bool nv_get_nvs(const struct nv *nv, const char *key, struct nv *const **ret, unsigned *ret_n);
/* The key of the i-th pair, NULL past the end. */
const char *nv_key(const struct nv *nv, unsigned i);

/* Packs into a malloc'd buffer. Pairs of types we don't know are kept as they came. */
int nv_pack(const struct nv *nv, uint8_t **ret_bytes, size_t *ret_len);
/* Parses what a disk says: bounded depth (16) and memory (16 times len); trailing bytes are ignored.
 * -EBADMSG with where it breaks, -EOPNOTSUPP: not XDR. */
int nv_parse(const void *bytes, size_t len, struct nv **ret_nv, struct err *reterr);
/* The same for OpenZFS's native encoding, little-endian: its history has it. Pairs of types we don't know, arrays and lists of
 * lists are left out. */
int nv_parse_native(const void *bytes, size_t len, struct nv **ret_nv, struct err *reterr);

#endif
