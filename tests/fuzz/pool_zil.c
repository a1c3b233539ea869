/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of the intent log. The first byte chooses: any bytes as a block, as they are or sealed first so that they reach
 * the records; or records made from the input, which must come back as they were put in.
 */
#include "base/check.h"
#include "pool/format/zil.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t identity[2] = {1, 2};

static uint8_t *block_new(size_t len)
{
    uint8_t *block = calloc(1, len);
    check(block != NULL);
    return block;
}

static void pointers(uint32_t size, struct bp *ret_bp, struct bp *ret_next)
{
    const struct dva dva = {.off = 1u << 20, .asize = size};
    zil_bp_make(ret_bp, size, 9, identity, 54);
    bp_set_dva(ret_bp, 0, &dva);
    zil_bp_next(ret_next, ret_bp, ZIL_BLOCK_MIN, 10);
    bp_set_dva(ret_next, 0, &dva);
}

static void walk(const uint8_t *block, uint32_t used)
{
    struct zil_record r;
    uint32_t pos = ZIL_BLOCK_HEADER;
    for (;;) {
        const uint32_t before = pos;
        const int rc = zil_record_next(block, used, &pos, &r);
        if (rc == 0 || rc == -EBADMSG)
            break;
        check(rc == 1 || rc == -EOPNOTSUPP);
        check(pos >= before + 32 && pos <= used);
        if (rc != 1)
            continue;
        check(r.offset + r.length >= r.offset);
        if (r.data)
            check(r.data >= block + before && r.length <= (size_t)(block + pos - r.data));
    }
}

static void any_block(const uint8_t *data, size_t size, bool sealed)
{
    struct bp bp, next, got;
    struct err err;
    uint32_t used;
    pointers(8192, &bp, &next);
    uint8_t *block = block_new(8192);
    memcpy(block, data, MIN(size, 8192u));
    if (sealed)
        zil_block_seal(block, &bp, &next, (uint32_t)MAX(MIN(size, 8192u), ZIL_BLOCK_HEADER));
    if (zil_block_parse(block, &bp, &got, &used)) {
        check(used >= ZIL_BLOCK_HEADER && used <= 8192);
        check(zil_bp_seq(&got) == 2);
        (void)zil_bp_check(&got, &err);
        walk(block, used);
    } else {
        check(!sealed);
    }
    free(block);
}

/* Record i of the input: 4 bytes each. */
static struct zil_record record_of(const uint8_t *in, size_t i, const uint8_t *payload)
{
    struct zil_record r = {.txg = in[0], .seq = i + 1, .offset = (uint64_t)in[1] << 12};
    r.type = in[2] & 1 ? ZIL_WRITE : ZIL_TRUNCATE;
    r.length = 1 + in[3] * (in[2] & 8 ? 16u : 1u);
    if (r.type == ZIL_WRITE && in[2] & 2) {
        struct bp unused;
        pointers(16384, &r.bp, &unused);
    } else if (r.type == ZIL_WRITE) {
        r.data = payload;
    }
    return r;
}

static bool same(const struct zil_record *a, const struct zil_record *b)
{
    return a->type == b->type && a->txg == b->txg && a->seq == b->seq &&
           a->offset == b->offset && a->length == b->length && !a->data == !b->data &&
           (!a->data || memcmp(a->data, b->data, a->length) == 0) &&
           memcmp(&a->bp, &b->bp, sizeof(a->bp)) == 0;
}

static uint32_t room_for(const struct zil_record *r)
{
    return zil_record_size(r->type, r->data ? r->length : 0);
}

static void there_and_back(const uint8_t *data, size_t size)
{
    static uint8_t payload[8192];
    struct bp bp, next, got;
    uint32_t used = ZIL_BLOCK_HEADER, got_used, pos = ZIL_BLOCK_HEADER;
    size_t n = 0;
    pointers(ZIL_BLOCK_MAX, &bp, &next);
    uint8_t *block = block_new(ZIL_BLOCK_MAX);
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 13 + size);
    for (; 4 * n + 4 <= size; n++) {
        const struct zil_record r = record_of(data + 4 * n, n, payload);
        if (room_for(&r) > ZIL_BLOCK_MAX - used)
            break;
        zil_record_put(block, &used, &r);
    }
    zil_block_seal(block, &bp, &next, used);
    check(zil_block_parse(block, &bp, &got, &got_used));
    check(got_used == used && memcmp(&got, &next, sizeof(got)) == 0);
    for (size_t i = 0; i < n; i++) {
        const struct zil_record want = record_of(data + 4 * i, i, payload);
        struct zil_record r;
        check(zil_record_next(block, used, &pos, &r) == 1);
        check(same(&r, &want) && r.object == ZIL_OBJECT);
    }
    struct zil_record r;
    check(zil_record_next(block, used, &pos, &r) == 0 && pos == used);
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    switch (data[0] % 3) {
    case 0:
        any_block(data + 1, size - 1, false);
        break;
    case 1:
        any_block(data + 1, size - 1, true);
        break;
    default:
        there_and_back(data + 1, size - 1);
    }
    return 0;
}
