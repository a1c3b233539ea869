/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The meta object set against a model: objects come and go, grow, change block sizes and
 * bonuses, lose ranges; a txg is planned in several rounds with changes in between, as the
 * commit of a pool does. After every txg all is read back, from memory and after opening anew,
 * and audited.
 */
#include "pool/tree/tree_fixture.h"

#include <errno.h>

#define OBJECTS 150u
#define BYTES   (96u << 10)

struct twin {
    uint64_t id; /* 0: none */
    uint32_t block_size;
    uint16_t bonus_len;
    uint8_t type;
    uint8_t bonus[DNODE_MAX_BONUS];
    uint8_t *bytes;
};

struct mos {
    struct grove g;
    struct twin twin[OBJECTS];
    unsigned created, destroyed, resized, rounds;
};

static uint32_t rnd(struct mos *m, uint32_t n)
{
    return grove_random(&m->g, n);
}

static struct object *hold(struct mos *m, const struct twin *w)
{
    struct object *obj = NULL;
    EXPECT_EQ(m->g.e, object_hold(m->g.os, w->id, &obj), 0);
    check(obj);
    return obj;
}

/* ---- operations -------------------------------------------------------------------------- */

static void op_create(struct mos *m, struct twin *w)
{
    static const uint8_t types[] = {DMU_OBJECT_ARRAY, DMU_PACKED_NVLIST, DMU_SPACE_MAP,
                                    DMU_BPOBJ};
    static const uint16_t bonuses[] = {0, 8, 48, 64, 65, 192, 193, 256, 320};
    static const uint32_t sizes[] = {512, 1024, 4096, 16384};
    const struct object_props props = {
        .type = types[rnd(m, 4)],
        .bonus_type = DMU_BPOBJ_HDR,
        .bonus_len = bonuses[rnd(m, ARRAY_LEN(bonuses))],
        .block_size = sizes[rnd(m, 4)],
        .indirect_shift = rnd(m, 2) ? 10 : 14,
    };
    uint64_t want = rnd(m, 20) == 0 ? 1 + rnd(m, 4000) : 0;
    int rc = object_create(m->g.os, want, &props, &w->id);
    for (unsigned i = 0; i < OBJECTS && rc == -EEXIST; i++)
        rc = m->twin[i].id == want ? 1 : rc;
    EXPECT_EQ(m->g.e, rc < 0, 0);
    if (rc != 0)
        return;
    w->block_size = props.block_size;
    w->bonus_len = props.bonus_len;
    w->type = props.type;
    memset(w->bonus, 0, sizeof(w->bonus));
    w->bytes = calloc(1, BYTES);
    check(w->bytes);
    m->created++;
}

static void op_destroy(struct mos *m, struct twin *w)
{
    EXPECT_EQ(m->g.e, object_destroy(m->g.os, w->id), 0);
    free(w->bytes);
    *w = (struct twin){0};
    m->destroyed++;
}

static void op_write(struct mos *m, struct twin *w)
{
    struct object *obj = hold(m, w);
    uint32_t at = rnd(m, rnd(m, 2) ? 600 : BYTES - 1), n = 1 + rnd(m, 3000);
    n = MIN(n, BYTES - at);
    for (uint32_t i = 0; i < n; i++)
        w->bytes[at + i] = (uint8_t)(w->id + at * 3 + i * 5 + m->g.random);
    EXPECT_EQ(m->g.e, object_write(obj, at, w->bytes + at, n), 0);
    object_release(obj);
}

static void op_bonus(struct mos *m, struct twin *w)
{
    struct object *obj = hold(m, w);
    if (w->bonus_len)
        w->bonus[rnd(m, w->bonus_len)] = (uint8_t)rnd(m, 256);
    memcpy(object_bonus_change(obj), w->bonus, w->bonus_len);
    object_release(obj);
}

static void op_set_bonus(struct mos *m, struct twin *w)
{
    struct object *obj = hold(m, w);
    uint16_t len = (uint16_t)rnd(m, DNODE_MAX_BONUS + 1);
    int rc = object_set_bonus(obj, DMU_DEADLIST_HDR, len);
    EXPECT(m->g.e, rc == 0 || (rc == -EBUSY && object_max_block(obj) > 0));
    if (rc == 0) {
        if (len > w->bonus_len)
            memset(w->bonus + w->bonus_len, 0, (size_t)len - w->bonus_len);
        w->bonus_len = len;
    }
    object_release(obj);
}

static void op_type(struct mos *m, struct twin *w)
{
    struct object *obj = hold(m, w);
    w->type = rnd(m, 2) ? DMU_ZAP_METADATA : DMU_BPOBJ;
    EXPECT_EQ(m->g.e, object_set_type(obj, w->type), 0);
    object_release(obj);
}

static void op_resize(struct mos *m, struct twin *w)
{
    struct object *obj = hold(m, w);
    uint32_t size = 512 * (1 + rnd(m, 64));
    int rc = object_set_block_size(obj, size);
    bool single = object_max_block(obj) == 0 && obj->dn.nlevels == 1;
    EXPECT_EQ(m->g.e, rc, single ? 0 : -EBUSY);
    if (rc == 0) {
        w->block_size = size;
        memset(w->bytes + size, 0, BYTES - size);
        m->resized++;
    }
    object_release(obj);
}

static void op_free(struct mos *m, struct twin *w)
{
    struct object *obj = hold(m, w);
    uint64_t nblocks = BYTES / w->block_size, first = rnd(m, (uint32_t)nblocks), next;
    uint64_t n = rnd(m, 3) ? 1 + rnd(m, 20) : UINT64_MAX;
    EXPECT_EQ(m->g.e, object_free_blocks(obj, first, n, UINT64_MAX, &next), 0);
    uint64_t from = MIN(first * w->block_size, BYTES);
    uint64_t len = n == UINT64_MAX ? BYTES : n * w->block_size;
    memset(w->bytes + from, 0, MIN(len, BYTES - from));
    object_release(obj);
}

static void op_any(struct mos *m)
{
    static void (*const op[])(struct mos * m, struct twin * w) = {
        op_write, op_write, op_write, op_bonus, op_set_bonus, op_type, op_resize, op_free};
    struct twin *w = &m->twin[rnd(m, OBJECTS)];
    if (!w->id)
        op_create(m, w);
    else if (rnd(m, 8) == 0)
        op_destroy(m, w);
    else
        op[rnd(m, ARRAY_LEN(op))](m, w);
}

/* ---- checks ------------------------------------------------------------------------------ */

static void expect_twin(struct mos *m, const struct twin *w)
{
    static uint8_t got[BYTES];
    struct object *obj = hold(m, w);
    EXPECT_EQ(m->g.e, object_read(obj, 0, got, BYTES), 0);
    EXPECT_EQ(m->g.e, memcmp(got, w->bytes, BYTES), 0);
    EXPECT_EQ(m->g.e, object_type(obj), w->type);
    EXPECT_EQ(m->g.e, object_block_size(obj), w->block_size);
    EXPECT_EQ(m->g.e, object_bonus_len(obj), w->bonus_len);
    EXPECT_EQ(m->g.e, memcmp(object_bonus(obj), w->bonus, w->bonus_len), 0);
    object_release(obj);
}

static void expect_all(struct mos *m)
{
    uint64_t n = 0, id = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        if (m->twin[i].id) {
            expect_twin(m, &m->twin[i]);
            n++;
        }
    }
    while (object_next(m->g.os, id, &id) == 0)
        n--;
    EXPECT_EQ(m->g.e, n, 0);
}

/* Plans, changes more, and goes on until a plan finds nothing new. Contents may change to the
 * last. */
static void commit(struct mos *m)
{
    unsigned placed = 1, extra = rnd(m, 4);
    while (placed > 0) {
        EXPECT_EQ(m->g.e, objset_plan(m->g.os, &placed), 0);
        m->rounds++;
        for (unsigned i = 0; extra > 0 && i < rnd(m, 10); i++) {
            op_any(m);
            placed = 1;
        }
        extra -= extra > 0;
    }
    grove_commit(&m->g);
}

static void body_mos(struct expect *e)
{
    struct mos *m = calloc(1, sizeof(*m));
    check(m);
    grove_new(&m->g, e, OBJSET_META, *(uint64_t *)e->arg);
    for (unsigned t = 0; t < 30 && !e->failed; t++) {
        grove_begin(&m->g);
        for (unsigned i = rnd(m, 3) ? rnd(m, 60) : 0; i > 0; i--)
            op_any(m);
        expect_all(m);
        commit(m);
        expect_all(m);
        if (t % 7 == 6) {
            grove_reopen(&m->g);
            expect_all(m);
        }
    }
    EXPECT(e, m->created > 100 && m->destroyed > 5 && m->resized > 5 && m->rounds > 50);
    for (unsigned i = 0; i < OBJECTS; i++)
        free(m->twin[i].bytes);
    grove_free(&m->g);
    free(m);
}

static void test_mos(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++)
        expect_in(expect_sim(seed), body_mos, &seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mos),
    };
    return cmocka_run_group_tests_name("pool_tree_mos", tests, NULL, NULL);
}
