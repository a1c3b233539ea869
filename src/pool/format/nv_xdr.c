/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Name-value lists as bytes: XDR (RFC 4506), big-endian, everything padded to 4 bytes.
 *
 *   stream: encoding 1 (XDR), the writer's byte order, two zeros, a list
 *   list:   version 0, flags, pairs, eight zero bytes
 *   pair:   encoded size, native size, name, type, number of elements, value
 *
 * The encoded size spans its whole pair, so that readers can pass over what they don't know; we
 * keep such values as they came. The native size is what the pair takes in OpenZFS's memory, which
 * its decoder allocates by: it must not be too small, and is computed here as OpenZFS does, so that
 * packing what was parsed gives the same bytes.
 *
 * What is parsed is a disk's word: every length is compared with what is left before it is used,
 * recursion is bounded by MAX_DEPTH, and since nothing takes more memory than a small multiple of
 * its encoding (16 bytes at least for a list, 20 for a pair), memory is bounded by the input.
 */
#include "pool/format/nv.h"

#include "pool/format/nv_int.h"

#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENCODING_XDR  1u
#define WRITER_LITTLE 1u
#define STREAM_HEADER 4u
#define LIST_MIN      16u
#define MAX_DEPTH     16u
#define NATIVE_PAIR   16u /* of OpenZFS's nvpair_t before the name */
#define NATIVE_LIST   24u /* of its nvlist_t */

/* ---- packing -------------------------------------------------------------------------------- */

static void put_string(struct wbuf *w, const char *s)
{
    size_t len = strlen(s);
    wb_be32(w, (uint32_t)len);
    wb_bytes(w, s, len);
    wb_zero(w, round_up(len, 4) - len);
}

static uint64_t native_size(const struct nv_pair *pair)
{
    uint64_t size = round_up(NATIVE_PAIR + strlen(pair->key) + 1, 8);
    if (!nv_type_known(pair->type))
        return pair->v.raw.native_size;
    switch ((enum nv_type)pair->type) {
    case NV_BOOL:
        return size;
    case NV_U64:
        return size + 8;
    case NV_STR:
        return size + round_up(strlen(pair->v.str) + 1, 8);
    case NV_U64S:
        return size + 8ull * pair->n;
    case NV_LIST:
        return size + NATIVE_LIST;
    case NV_LISTS:
        return size + (8ull + NATIVE_LIST) * pair->n;
    }
    return size;
}

static void put_list(struct wbuf *w, const struct nv *nv);

static void put_value(struct wbuf *w, const struct nv_pair *pair)
{
    if (!nv_type_known(pair->type)) {
        wb_bytes(w, pair->v.raw.bytes, pair->v.raw.len);
        return;
    }
    switch ((enum nv_type)pair->type) {
    case NV_BOOL:
        break;
    case NV_U64:
        wb_be64(w, pair->v.u64);
        break;
    case NV_STR:
        put_string(w, pair->v.str);
        break;
    case NV_U64S:
        wb_be32(w, pair->n);
        for (uint32_t i = 0; i < pair->n; i++)
            wb_be64(w, pair->v.u64s[i]);
        break;
    case NV_LIST:
        put_list(w, pair->v.list);
        break;
    case NV_LISTS:
        for (uint32_t i = 0; i < pair->n; i++)
            put_list(w, pair->v.lists[i]);
        break;
    }
}

static void put_pair(struct wbuf *w, const struct nv_pair *pair)
{
    size_t start = w->len;
    wb_be32(w, 0); /* the encoded size, known below */
    wb_be32(w, (uint32_t)native_size(pair));
    put_string(w, pair->key);
    wb_be32(w, pair->type);
    wb_be32(w, pair->n);
    put_value(w, pair);
    wb_patch_be32(w, start, (uint32_t)(w->len - start));
}

static void put_list(struct wbuf *w, const struct nv *nv)
{
    wb_be32(w, 0);
    wb_be32(w, nv->flags);
    for (uint32_t i = 0; i < nv->n; i++)
        put_pair(w, &nv->pairs[i]);
    wb_zero(w, 8);
}

static void put_stream(struct wbuf *w, const struct nv *nv)
{
    wb_u8(w, ENCODING_XDR);
    wb_u8(w, WRITER_LITTLE);
    wb_zero(w, 2);
    put_list(w, nv);
}

int nv_pack(const struct nv *nv, uint8_t **ret_bytes, size_t *ret_len)
{
    struct wbuf w = wbuf_make(NULL, 0); /* counts */
    put_stream(&w, nv);
    if (w.len > INT32_MAX)
        return E(-E2BIG);
    uint8_t *bytes = malloc(w.len);
    if (!bytes)
        return E(-ENOMEM);
    w = wbuf_make(bytes, w.len);
    put_stream(&w, nv);
    *ret_bytes = bytes;
    *ret_len = w.len;
    return 0;
}

/* ---- parsing -------------------------------------------------------------------------------- */

struct parser {
    const uint8_t *start; /* of the stream, for messages */
    struct err *reterr;
};

static int broken(const struct parser *p, const struct rbuf *r, const char *what)
{
    return err_set(p->reterr, E(-EBADMSG), "name-value list: %s before byte %zu", what,
                   (size_t)(r->p - p->start));
}

static int no_memory(const struct parser *p)
{
    return err_set(p->reterr, E(-ENOMEM), "no memory for a name-value list");
}

/* A malloc'd string; its bytes may not contain a NUL. */
static int get_string(const struct parser *p, struct rbuf *r, char **ret_str)
{
    uint32_t len = rb_be32(r);
    const uint8_t *at = rb_take(r, round_up(len, 4));
    if (!at || memchr(at, '\0', len))
        return broken(p, r, "a bad string");
    char *s = strndup((const char *)at, len);
    if (!s)
        return no_memory(p);
    *ret_str = s;
    return 0;
}

static int get_u64s(const struct parser *p, struct rbuf *r, struct nv_pair *pair)
{
    if (rb_be32(r) != pair->n || rb_left(r) / 8 < pair->n)
        return broken(p, r, "a bad array");
    pair->v.u64s = calloc(MAX(pair->n, 1u), sizeof(*pair->v.u64s));
    if (!pair->v.u64s)
        return no_memory(p);
    for (uint32_t i = 0; i < pair->n; i++)
        pair->v.u64s[i] = rb_be64(r);
    return 0;
}

static int get_list(const struct parser *p, struct rbuf *r, unsigned depth, struct nv **ret_nv);

static int get_lists(const struct parser *p, struct rbuf *r, unsigned depth,
                     struct nv_pair *pair)
{
    uint32_t n = pair->n;
    pair->n = 0; /* what is there to be freed */
    if (rb_left(r) / LIST_MIN < n)
        return broken(p, r, "a bad array of lists");
    pair->v.lists = calloc(MAX(n, 1u), sizeof(*pair->v.lists));
    if (!pair->v.lists)
        return no_memory(p);
    for (; pair->n < n; pair->n++) {
        int err = get_list(p, r, depth + 1, &pair->v.lists[pair->n]);
        if (err < 0)
            return err;
    }
    return 0;
}

static int get_raw(const struct parser *p, struct rbuf *r, struct nv_raw *raw)
{
    raw->len = (uint32_t)rb_left(r);
    raw->bytes = malloc(MAX(raw->len, 1u));
    if (!raw->bytes)
        return no_memory(p);
    rb_bytes(r, raw->bytes, raw->len);
    return 0;
}

static bool count_fits(const struct nv_pair *pair)
{
    if (pair->type == NV_BOOL)
        return pair->n == 0;
    if (pair->type == NV_U64 || pair->type == NV_STR || pair->type == NV_LIST)
        return pair->n == 1;
    return true;
}

/* r holds the value and no more. */
static int get_value(const struct parser *p, struct rbuf *r, unsigned depth,
                     struct nv_pair *pair)
{
    if (!nv_type_known(pair->type))
        return get_raw(p, r, &pair->v.raw);
    if (!count_fits(pair)) {
        pair->n = 0;
        return broken(p, r, "a wrong number of elements");
    }
    switch ((enum nv_type)pair->type) {
    case NV_BOOL:
        return 0;
    case NV_U64:
        pair->v.u64 = rb_be64(r);
        return 0;
    case NV_STR:
        return get_string(p, r, &pair->v.str);
    case NV_U64S:
        return get_u64s(p, r, pair);
    case NV_LIST:
        return get_list(p, r, depth + 1, &pair->v.list);
    case NV_LISTS:
        return get_lists(p, r, depth, pair);
    }
    return 0;
}

/* r holds what follows the two sizes of a pair, and no more. On failure too, the pair holds what
 * is to be cleared. */
static int get_pair(const struct parser *p, struct rbuf *r, unsigned depth, uint32_t native,
                    struct nv_pair *pair)
{
    int err = get_string(p, r, &pair->key);
    if (err < 0)
        return err;
    uint32_t type = rb_be32(r);
    pair->n = rb_be32(r);
    if (r->bad || type == 0)
        return broken(p, r, "a cut pair");
    pair->type = type;
    if (!nv_type_known(type))
        pair->v.raw.native_size = native;
    err = get_value(p, r, depth, pair);
    if (err < 0)
        return err;
    return r->bad || rb_left(r) > 0 ? broken(p, r, "a pair of wrong length") : 0;
}

static int by_key(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* Names are unique. A disk may bring thousands of pairs, so they are sorted to find out. */
static int check_unique(const struct parser *p, const struct rbuf *r, const struct nv *nv)
{
    if (nv->n < 2)
        return 0;
    const char **keys = calloc(nv->n, sizeof(*keys));
    bool twice = false;
    if (!keys)
        return no_memory(p);
    for (uint32_t i = 0; i < nv->n; i++)
        keys[i] = nv->pairs[i].key;
    qsort(keys, nv->n, sizeof(*keys), by_key);
    for (uint32_t i = 1; i < nv->n && !twice; i++)
        twice = strcmp(keys[i - 1], keys[i]) == 0;
    free(keys);
    return twice ? broken(p, r, "a name that is there twice") : 0;
}

/* Pairs up to the terminator. */
static int get_pairs(const struct parser *p, struct rbuf *r, unsigned depth, struct nv *nv)
{
    for (;;) {
        uint32_t encoded = rb_be32(r), native = rb_be32(r);
        if (!r->bad && encoded == 0 && native == 0)
            return check_unique(p, r, nv);
        const uint8_t *body = encoded < 8 || encoded % 4 ? NULL : rb_take(r, encoded - 8);
        if (!body)
            return broken(p, r, "a cut list");
        struct rbuf inner = rbuf_make(body, encoded - 8);
        struct nv_pair pair = {.type = NV_BOOL};
        int err = get_pair(p, &inner, depth, native, &pair);
        if (err < 0) {
            nv_pair_clear(&pair);
            return err;
        }
        err = nv_append(nv, &pair);
        if (err < 0)
            return no_memory(p);
    }
}

static int get_list(const struct parser *p, struct rbuf *r, unsigned depth, struct nv **ret_nv)
{
    uint32_t version = rb_be32(r), flags = rb_be32(r);
    if (r->bad || version != 0)
        return broken(p, r, "a list of unknown version");
    if (depth >= MAX_DEPTH)
        return broken(p, r, "lists too deep in each other");
    struct nv *nv = nv_new();
    if (!nv)
        return no_memory(p);
    nv->flags = flags;
    int err = get_pairs(p, r, depth, nv);
    if (err < 0) {
        nv_free(nv);
        return err;
    }
    *ret_nv = nv;
    return 0;
}

int nv_parse(const void *bytes, size_t len, struct nv **ret_nv, struct err *reterr)
{
    struct parser p = {bytes, reterr};
    struct rbuf r = rbuf_make(bytes, len);
    const uint8_t *header = rb_take(&r, STREAM_HEADER);
    if (!header)
        return broken(&p, &r, "a cut header");
    if (header[0] != ENCODING_XDR)
        return err_set(reterr, E(-EOPNOTSUPP), "name-value list: encoding %u", header[0]);
    return get_list(&p, &r, 0, ret_nv);
}
