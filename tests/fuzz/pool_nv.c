/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a packed name-value list. What parses is a list whose packing parses again to a list
 * that packs to the same bytes, as does a copy of it; getters agree with the keys.
 */
#include "pool/format/nv.h"

#include "base/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const struct nv *nv)
{
    const char *key;
    for (unsigned i = 0; (key = nv_key(nv, i)); i++) {
        struct nv *const *lists, *list;
        const uint64_t *u64s;
        const char *text;
        unsigned n, types = 0;
        uint64_t v;
        check(nv_has(nv, key));
        types += nv_get_u64(nv, key, &v);
        types += nv_get_str(nv, key, &text);
        types += nv_get_u64s(nv, key, &u64s, &n);
        types += nv_get_nv(nv, key, &list);
        types += nv_get_nvs(nv, key, &lists, &n);
        check_cmp(types, <=, 1u);
    }
}

static void check_packs_to(const struct nv *nv, const uint8_t *bytes, size_t len)
{
    uint8_t *again;
    size_t n;
    check(nv_pack(nv, &again, &n) == 0);
    check(n == len && memcmp(again, bytes, len) == 0);
    free(again);
}

static void round_trip(const struct nv *nv)
{
    struct nv *copy = nv_dup(nv), *parsed;
    uint8_t *bytes;
    size_t len;
    check(copy && nv_pack(nv, &bytes, &len) == 0);
    check_packs_to(copy, bytes, len);
    nv_free(copy);
    check(nv_parse(bytes, len, &parsed, NULL) == 0);
    check_packs_to(parsed, bytes, len);
    nv_free(parsed);
    free(bytes);
}

static void change(struct nv *nv)
{
    const char *key = nv_key(nv, 0);
    uint64_t v;
    if (!key)
        return;
    char *copy = strdup(key);
    check(copy && nv_add_u64(nv, copy, 7) == 0);
    check(nv_get_u64(nv, copy, &v) && v == 7 && strcmp(nv_key(nv, 0), copy) == 0);
    nv_remove(nv, copy);
    check(!nv_has(nv, copy));
    free(copy);
}

/* What begins with a 0 is in OpenZFS's native encoding. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nv *nv;
    struct err err = {0};
    int r = size > 0 && data[0] == 0 ? nv_parse_native(data, size, &nv, &err)
                                     : nv_parse(data, size, &nv, &err);
    if (r < 0) {
        check(err.code == r && err.msg[0] != '\0');
        check(r == -EBADMSG || r == -EOPNOTSUPP);
        return 0;
    }
    look_up(nv);
    round_trip(nv);
    change(nv);
    round_trip(nv);
    nv_free(nv);
    return 0;
}
