/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Name-value lists in memory: an array of pairs in the order in which they were added. Lists are
 * short (a label's has some twenty pairs), so look-ups walk. A list owns its pairs and all below.
 */
#include "pool/format/nv.h"

#include "pool/format/nv_int.h"

#include "base/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct nv *nv_new(void)
{
    struct nv *nv = calloc(1, sizeof(*nv));
    if (nv)
        nv->flags = NV_UNIQUE_NAMES;
    return nv;
}

void nv_free(struct nv *nv)
{
    if (!nv)
        return;
    for (uint32_t i = 0; i < nv->n; i++)
        nv_pair_clear(&nv->pairs[i]);
    free(nv->pairs);
    free(nv);
}

bool nv_type_known(uint32_t type)
{
    return type == NV_BOOL || type == NV_U64 || type == NV_STR || type == NV_U64S ||
           type == NV_LIST || type == NV_LISTS;
}

static void lists_free(struct nv **lists, uint32_t n)
{
    for (uint32_t i = 0; lists && i < n; i++)
        nv_free(lists[i]);
    free(lists);
}

void nv_pair_clear(struct nv_pair *pair)
{
    free(pair->key);
    if (pair->type == NV_STR)
        free(pair->v.str);
    else if (pair->type == NV_U64S)
        free(pair->v.u64s);
    else if (pair->type == NV_LIST)
        nv_free(pair->v.list);
    else if (pair->type == NV_LISTS)
        lists_free(pair->v.lists, pair->n);
    else if (!nv_type_known(pair->type))
        free(pair->v.raw.bytes);
    *pair = (struct nv_pair){.type = NV_BOOL};
}

static struct nv_pair *find(const struct nv *nv, const char *key)
{
    for (uint32_t i = 0; i < nv->n; i++) {
        if (strcmp(nv->pairs[i].key, key) == 0)
            return &nv->pairs[i];
    }
    return NULL;
}

int nv_append(struct nv *nv, struct nv_pair *pair)
{
    if (nv->n == nv->cap) {
        uint32_t cap = nv->cap ? nv->cap * 2 : 4;
        struct nv_pair *pairs = reallocarray(nv->pairs, cap, sizeof(*pairs));
        if (!pairs) {
            nv_pair_clear(pair);
            return E(-ENOMEM);
        }
        nv->pairs = pairs;
        nv->cap = cap;
    }
    nv->pairs[nv->n++] = *pair;
    return 0;
}

/* Puts the pair under the key, in place of an older one if there is one. Takes over what the
 * pair owns, on failure too. */
static int put(struct nv *nv, const char *key, struct nv_pair *pair)
{
    struct nv_pair *old = find(nv, key);
    pair->key = strdup(key);
    if (!pair->key) {
        nv_pair_clear(pair);
        return E(-ENOMEM);
    }
    if (!old)
        return nv_append(nv, pair);
    nv_pair_clear(old);
    *old = *pair;
    return 0;
}

/* ---- adding --------------------------------------------------------------------------------- */

int nv_add_bool(struct nv *nv, const char *key)
{
    return put(nv, key, &(struct nv_pair){.type = NV_BOOL});
}

int nv_add_u64(struct nv *nv, const char *key, uint64_t v)
{
    return put(nv, key, &(struct nv_pair){.type = NV_U64, .n = 1, .v.u64 = v});
}

int nv_add_str(struct nv *nv, const char *key, const char *v)
{
    char *copy = strdup(v);
    if (!copy)
        return E(-ENOMEM);
    return put(nv, key, &(struct nv_pair){.type = NV_STR, .n = 1, .v.str = copy});
}

/* A copy of n numbers; never NULL but for want of memory. */
static uint64_t *u64s_dup(const uint64_t *v, uint32_t n)
{
    uint64_t *copy = calloc(MAX(n, 1u), sizeof(*copy));
    if (copy && n > 0)
        memcpy(copy, v, n * sizeof(*copy));
    return copy;
}

int nv_add_u64s(struct nv *nv, const char *key, const uint64_t *v, unsigned n)
{
    uint64_t *copy = u64s_dup(v, n);
    if (!copy)
        return E(-ENOMEM);
    return put(nv, key, &(struct nv_pair){.type = NV_U64S, .n = n, .v.u64s = copy});
}

int nv_add_nv(struct nv *nv, const char *key, struct nv *v)
{
    return put(nv, key, &(struct nv_pair){.type = NV_LIST, .n = 1, .v.list = v});
}

int nv_add_nvs(struct nv *nv, const char *key, struct nv **v, unsigned n)
{
    return put(nv, key, &(struct nv_pair){.type = NV_LISTS, .n = n, .v.lists = v});
}

void nv_remove(struct nv *nv, const char *key)
{
    struct nv_pair *pair = find(nv, key);
    if (!pair)
        return;
    uint32_t at = (uint32_t)(pair - nv->pairs);
    nv_pair_clear(pair);
    nv->n--;
    memmove(pair, pair + 1, (nv->n - at) * sizeof(*pair));
}

/* ---- copying -------------------------------------------------------------------------------- */

/* The copies own what was allocated so far even when a function here fails. */
static bool lists_dup(struct nv_pair *copy, const struct nv_pair *pair)
{
    copy->n = 0;
    copy->v.lists = calloc(MAX(pair->n, 1u), sizeof(*copy->v.lists));
    if (!copy->v.lists)
        return false;
    for (; copy->n < pair->n; copy->n++) {
        copy->v.lists[copy->n] = nv_dup(pair->v.lists[copy->n]);
        if (!copy->v.lists[copy->n])
            return false;
    }
    return true;
}

static bool raw_dup(struct nv_raw *copy, const struct nv_raw *raw)
{
    *copy = *raw;
    copy->bytes = malloc(MAX(raw->len, 1u));
    if (copy->bytes && raw->len > 0)
        memcpy(copy->bytes, raw->bytes, raw->len);
    return copy->bytes != NULL;
}

static bool value_dup(struct nv_pair *copy, const struct nv_pair *pair)
{
    if (!nv_type_known(pair->type))
        return raw_dup(&copy->v.raw, &pair->v.raw);
    switch ((enum nv_type)pair->type) {
    case NV_BOOL:
        return true;
    case NV_U64:
        copy->v.u64 = pair->v.u64;
        return true;
    case NV_STR:
        return (copy->v.str = strdup(pair->v.str)) != NULL;
    case NV_U64S:
        return (copy->v.u64s = u64s_dup(pair->v.u64s, pair->n)) != NULL;
    case NV_LIST:
        return (copy->v.list = nv_dup(pair->v.list)) != NULL;
    case NV_LISTS:
        return lists_dup(copy, pair);
    }
    return false;
}

static bool pair_dup(struct nv *to, const struct nv_pair *pair)
{
    struct nv_pair copy = {.type = pair->type, .n = pair->n, .key = strdup(pair->key)};
    if (!copy.key || !value_dup(&copy, pair)) {
        nv_pair_clear(&copy);
        return false;
    }
    return nv_append(to, &copy) == 0;
}

struct nv *nv_dup(const struct nv *nv)
{
    struct nv *copy = nv_new();
    if (!copy)
        return NULL;
    copy->flags = nv->flags;
    for (uint32_t i = 0; i < nv->n; i++) {
        if (!pair_dup(copy, &nv->pairs[i])) {
            nv_free(copy);
            return NULL;
        }
    }
    return copy;
}

/* ---- reading -------------------------------------------------------------------------------- */

static const struct nv_pair *find_type(const struct nv *nv, const char *key, enum nv_type type)
{
    const struct nv_pair *pair = find(nv, key);
    return pair && pair->type == type ? pair : NULL;
}

bool nv_has(const struct nv *nv, const char *key)
{
    return find(nv, key) != NULL;
}

bool nv_get_u64(const struct nv *nv, const char *key, uint64_t *ret)
{
    const struct nv_pair *pair = find_type(nv, key, NV_U64);
    if (pair)
        *ret = pair->v.u64;
    return pair != NULL;
}

bool nv_get_str(const struct nv *nv, const char *key, const char **ret)
{
    const struct nv_pair *pair = find_type(nv, key, NV_STR);
    if (pair)
        *ret = pair->v.str;
    return pair != NULL;
}

bool nv_get_u64s(const struct nv *nv, const char *key, const uint64_t **ret, unsigned *ret_n)
{
    const struct nv_pair *pair = find_type(nv, key, NV_U64S);
    if (!pair)
        return false;
    *ret = pair->v.u64s;
    *ret_n = pair->n;
    return true;
}

bool nv_get_nv(const struct nv *nv, const char *key, struct nv **ret)
{
    const struct nv_pair *pair = find_type(nv, key, NV_LIST);
    if (pair)
        *ret = pair->v.list;
    return pair != NULL;
}

bool nv_get_nvs(const struct nv *nv, const char *key, struct nv *const **ret, unsigned *ret_n)
{
    const struct nv_pair *pair = find_type(nv, key, NV_LISTS);
    if (!pair)
        return false;
    *ret = pair->v.lists;
    *ret_n = pair->n;
    return true;
}

const char *nv_key(const struct nv *nv, unsigned i)
{
    return i < nv->n ? nv->pairs[i].key : NULL;
}
