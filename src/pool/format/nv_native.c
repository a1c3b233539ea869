/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Name-value lists in OpenZFS's native encoding, which it uses where no other machine was meant to read them: the records of
 * a pool's history. Only reading, only little-endian.
 *
 *   stream: encoding 0, byte order 1, two zeros, a list
 *   list:   version, flags (u32), pairs, a zero u32
 *   pair:   size (u32, all of it), name size (u16, with NUL), 2 unused, elements (u32), type (u32), name, to 8 bytes, value
 *
 * A list as a value is 24 (for arrays 32 times the number of elements) bytes without meaning, and comes behind its pair.
 * Of the types only those that we interpret are kept.
 */
#include "pool/format/nv.h"
#include "pool/format/nv_int.h"

#include "base/buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENCODING_NATIVE 0u
#define LITTLE          1u
#define PAIR_HEADER     16u
#define MAX_DEPTH       16u

static uint32_t get32(struct rbuf *r)
{
    const uint8_t *p = rb_take(r, 4);
    le32 v = {{0}};
    if (p)
        memcpy(&v, p, sizeof(v));
    return le32_get(v);
}

static uint64_t get64(const uint8_t *p)
{
    le64 v;
    memcpy(&v, p, sizeof(v));
    return le64_get(v);
}

static int broken(struct err *reterr)
{
    return err_set(reterr, E(-EBADMSG), "name-value list: cut or damaged");
}

static int get_list(struct rbuf *r, unsigned depth, struct nv **ret_nv, struct err *reterr);

/* What follows a pair whose value is one list or several: all are read, one is kept. */
static int get_nested(struct nv *nv, const char *key, uint32_t type, uint32_t n, struct rbuf *r,
                      unsigned depth, struct err *reterr)
{
    for (uint32_t i = 0; i < n; i++) {
        struct nv *list;
        int rc = get_list(r, depth + 1, &list, reterr);
        if (rc)
            return rc;
        if (type == NV_LIST)
            rc = nv_add_nv(nv, key, list);
        else
            nv_free(list);
        if (rc)
            return rc;
    }
    return 0;
}

static int get_value(struct nv *nv, const char *key, uint32_t type, const uint8_t *value,
                     size_t len, struct err *reterr)
{
    if (type == NV_BOOL)
        return nv_add_bool(nv, key);
    if (type == NV_U64)
        return len < 8 ? broken(reterr) : nv_add_u64(nv, key, get64(value));
    if (type == NV_STR)
        return memchr(value, 0, len) ? nv_add_str(nv, key, (const char *)value)
                                     : broken(reterr);
    return 0;
}

/* size: of the whole pair, whose first word was taken. */
static int get_pair(struct nv *nv, struct rbuf *r, uint32_t size, unsigned depth,
                    struct err *reterr)
{
    const uint8_t *p = size < PAIR_HEADER + 1 ? NULL : rb_take(r, size - 4);
    if (!p)
        return broken(reterr);
    struct rbuf head = rbuf_make(p, PAIR_HEADER - 4);
    uint32_t name_len = get32(&head) & 0xffff, n = get32(&head), type = get32(&head);
    const char *key = (const char *)p + PAIR_HEADER - 4;
    size_t at = round_up(PAIR_HEADER + name_len, 8);
    if (name_len == 0 || PAIR_HEADER + name_len > size || key[name_len - 1] != 0)
        return broken(reterr);
    if (type == NV_LIST || type == NV_LISTS)
        return get_nested(nv, key, type, type == NV_LIST ? 1 : n, r, depth, reterr);
    at = MIN(at, size);
    return get_value(nv, key, type, p + at - 4, size - at, reterr);
}

static int get_list(struct rbuf *r, unsigned depth, struct nv **ret_nv, struct err *reterr)
{
    uint32_t version = get32(r), size;
    get32(r); /* flags */
    struct nv *nv = r->bad || version != 0 || depth >= MAX_DEPTH ? NULL : nv_new();
    int rc = nv ? 0 : broken(reterr);
    while (rc == 0 && (size = get32(r)) != 0)
        rc = get_pair(nv, r, size, depth, reterr);
    if (rc == 0 && r->bad)
        rc = broken(reterr);
    if (rc)
        nv_free(nv);
    else
        *ret_nv = nv;
    return rc;
}

int nv_parse_native(const void *bytes, size_t len, struct nv **ret_nv, struct err *reterr)
{
    struct rbuf r = rbuf_make(bytes, len);
    const uint8_t *header = rb_take(&r, 4);
    if (!header || header[0] != ENCODING_NATIVE)
        return broken(reterr);
    if (header[1] != LITTLE)
        return err_set(reterr, E(-EOPNOTSUPP), "name-value list: big-endian");
    return get_list(&r, 0, ret_nv, reterr);
}
