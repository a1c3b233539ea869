/* SPDX-License-Identifier: BSD-2-Clause */
/* Single behaviours of objsets and objects that the models don't aim at: damage, no space,
 * limits, two views at once. */
#include "pool/tree/tree_fixture.h"

#include <errno.h>

static struct object *volume_object(struct grove *g, uint32_t block_size, uint8_t shift)
{
    uint64_t id;
    struct object *obj = NULL;
    const struct object_props props = {
        .type = DMU_ZVOL, .block_size = block_size, .indirect_shift = shift};
    EXPECT_EQ(g->e, object_create(g->os, 1, &props, &id), 0);
    EXPECT_EQ(g->e, object_hold(g->os, 1, &obj), 0);
    return obj;
}

static void write_block(struct grove *g, struct object *obj, uint64_t blk, uint8_t seed)
{
    struct iobuf *buf = iobuf_get(object_block_size(obj));
    for (uint32_t i = 0; i < object_block_size(obj); i++)
        buf->p[i] = (uint8_t)(seed + i * i / 7);
    EXPECT_EQ(g->e, object_block_set(obj, blk, buf), 0);
    iobuf_put(buf);
}

/* A block's place in the tree: spoils all copies of the pointer at a level. */
struct victim {
    struct grove *g;
    uint64_t object;
    unsigned level;
    unsigned hits;
};

static int spoil(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                 uint64_t blkid)
{
    struct victim *v = arg;
    (void)blkid;
    if (object != v->object || level != v->level)
        return 0;
    for (unsigned i = 0; i < bp_ndvas(bp); i++)
        tank_spoil(&v->g->tank, bp, i, 0);
    v->hits++;
    return 0;
}

static void spoil_level(struct grove *g, uint64_t object, unsigned level)
{
    struct victim v = {g, object, level, 0};
    const struct traverse t = {.visit = spoil, .arg = &v};
    EXPECT_EQ(g->e, objset_traverse(&g->tank.b, &g->bp, &t), 0);
    EXPECT(g->e, v.hits > 0);
    tank_chill(&g->tank);
}

static int count_failed(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                        uint64_t blkid, int err)
{
    (void)bp;
    (void)object;
    (void)level;
    (void)blkid;
    ++*(unsigned *)arg;
    return err == -EBADMSG ? 0 : err;
}

static int visit_all(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                     uint64_t blkid)
{
    (void)arg;
    (void)bp;
    (void)object;
    (void)level;
    (void)blkid;
    return 0;
}

/* Damage at any level of the volume or its dnodes is -EBADMSG for who comes by, and a traversal
 * goes on around it. */
static void body_damage(struct expect *e)
{
    static const struct {
        uint64_t object;
        unsigned level;
    } where[] = {
        {1, 0            },
        {1, 1            },
        {1, 2            },
        {0, 0            },
        {0, TRAVERSE_ROOT}
    };
    for (unsigned k = 0; k < ARRAY_LEN(where); k++) {
        struct grove g;
        struct bp bp;
        struct err err;
        struct objset *again = NULL;
        unsigned skipped = 0;
        grove_new(&g, e, OBJSET_ZVOL, 1);
        grove_begin(&g);
        struct object *obj = volume_object(&g, 4096, 10);
        for (unsigned i = 0; i < 40; i++)
            write_block(&g, obj, i, (uint8_t)i);
        grove_commit(&g);
        spoil_level(&g, where[k].object, where[k].level);
        const struct traverse t = {.visit = visit_all, .failed = count_failed, .arg = &skipped};
        EXPECT_EQ(e, objset_traverse(&g.tank.b, &g.bp, &t), 0);
        EXPECT_EQ(e, skipped > 0, where[k].object == 0 || where[k].level > 0);
        tank_chill(&g.tank);
        int want = where[k].object == 1 && where[k].level > 0 ? -EBADMSG : 0;
        EXPECT_EQ(e, object_lookup(obj, 3, &bp), want);
        uint8_t byte;
        if (where[k].object == 1)
            EXPECT_EQ(e, object_read(obj, 0, &byte, 1), -EBADMSG);
        int rc = objset_open(&g.tank.b, &g.bp, OBJSET_ZVOL, &(struct objset_ops){0}, &g, &again,
                             &err);
        EXPECT_EQ(e, rc, where[k].level == TRAVERSE_ROOT ? -EBADMSG : 0);
        if (rc == 0) {
            struct object *other;
            rc = object_hold(again, 1, &other);
            EXPECT_EQ(e, rc, where[k].object == 0 ? -EBADMSG : 0);
            if (rc == 0)
                object_release(other);
            objset_close(again);
        }
        EXPECT(e, g.tank.errors > 0);
        object_release(obj);
        grove_free(&g);
    }
}

static void use_up_space(struct grove *g)
{
    struct dva dva[BP_DVAS];
    for (uint32_t size = 1u << 20; size >= 4096; size /= 4)
        while (space_alloc(g->tank.space, g->tank.txg, size, 1, SPACE_DATA, dva) == 0)
            ;
}

/* Out of space in the middle of a sync or a plan: an error, and the objset can be closed as it
 * is. */
static void body_no_space(struct expect *e)
{
    static const enum objset_type types[] = {OBJSET_ZVOL, OBJSET_META};
    for (unsigned k = 0; k < ARRAY_LEN(types); k++) {
        struct grove g;
        struct bp bp;
        unsigned placed;
        grove_new(&g, e, types[k], 1);
        grove_begin(&g);
        struct object *obj = volume_object(&g, 4096, 10);
        for (unsigned i = 0; i < 100; i++)
            write_block(&g, obj, 7 * i, (uint8_t)i);
        grove_commit(&g);
        grove_begin(&g);
        for (unsigned i = 0; i < 700; i++)
            write_block(&g, obj, i, (uint8_t)i);
        use_up_space(&g);
        int rc = types[k] == OBJSET_META ? objset_plan(g.os, &placed) : objset_sync(g.os, &bp);
        EXPECT_EQ(e, rc, -ENOSPC);
        tank_written(&g.tank);
        object_release(obj);
        grove_free(&g);
    }
}

/* Readers see the old tree until the commit, and then the new one at once. */
static void body_views(struct expect *e)
{
    struct grove g;
    struct bp before, during, after;
    grove_new(&g, e, OBJSET_ZVOL, 1);
    grove_begin(&g);
    struct object *obj = volume_object(&g, 4096, 10);
    write_block(&g, obj, 5, 1);
    EXPECT_EQ(e, object_lookup(obj, 5, &before), 0);
    EXPECT(e, bp_is_hole(&before));
    grove_commit(&g);
    EXPECT_EQ(e, object_lookup(obj, 5, &before), 0);
    EXPECT(e, !bp_is_hole(&before));
    grove_begin(&g);
    write_block(&g, obj, 5, 2);
    write_block(&g, obj, 5000, 2);
    struct bp root;
    EXPECT_EQ(e, objset_sync(g.os, &root), 0);
    EXPECT_EQ(e, object_lookup(obj, 5, &during), 0);
    EXPECT_EQ(e, memcmp(&during, &before, sizeof(before)), 0);
    EXPECT_EQ(e, object_lookup(obj, 5000, &during), 0);
    EXPECT(e, bp_is_hole(&during));
    tank_written(&g.tank);
    objset_committed(g.os);
    tank_end(&g.tank);
    EXPECT_EQ(e, object_lookup(obj, 5, &after), 0);
    EXPECT_EQ(e, bp_birth(&after), g.tank.txg);
    EXPECT_EQ(e, object_lookup(obj, 5000, &after), 0);
    EXPECT(e, !bp_is_hole(&after));
    object_release(obj);
    grove_free(&g);
}

/* A tree of holes that grows keeps the birth of the youngest. */
static void body_growing_holes(struct expect *e)
{
    struct grove g;
    grove_new(&g, e, OBJSET_ZVOL, 1);
    check(g.tank.b.hole_birth);
    grove_begin(&g);
    struct object *obj = volume_object(&g, 512, 10);
    write_block(&g, obj, 1, 1);
    grove_commit(&g);
    grove_begin(&g);
    EXPECT_EQ(e, object_block_set(obj, 1, NULL), 0);
    grove_commit(&g);
    uint64_t killed_in = g.tank.txg;
    grove_begin(&g);
    write_block(&g, obj, 40000, 1);
    grove_commit(&g);
    const struct bp *top = dnode_bp(&obj->committed, 0);
    struct iobuf *buf;
    EXPECT(e, obj->committed.nlevels > 2);
    EXPECT(e, bp_is_hole(top) && bp_birth(top) >= killed_in);
    EXPECT_EQ(e, bp_level(top), obj->committed.nlevels - 1);
    grove_begin(&g);
    write_block(&g, obj, 0, 1);
    grove_commit(&g);
    struct bp bp = *dnode_bp(&obj->committed, 0);
    for (unsigned l = obj->committed.nlevels - 1u; l > 0; l--) {
        EXPECT_EQ(e, tree_read_indirect(&g.tank.b, &obj->committed, l, &bp, &buf), 0);
        EXPECT(e, bp_is_hole(&bps_of(buf)[1]) && bp_birth(&bps_of(buf)[1]) >= killed_in);
        EXPECT_EQ(e, bp_level(&bps_of(buf)[1]), l - 1);
        bp = bps_of(buf)[0];
        iobuf_put(buf);
    }
    object_release(obj);
    grove_free(&g);
}

static void body_limits(struct expect *e)
{
    struct grove g;
    uint64_t id, next;
    uint8_t *bytes;
    struct object *obj, *none;
    const struct object_props props = {
        .type = DMU_ZVOL, .block_size = 512, .indirect_shift = 10};
    grove_new(&g, e, OBJSET_ZVOL, 1);
    grove_begin(&g);
    EXPECT_EQ(e, object_hold(g.os, 0, &none), -ENOENT);
    EXPECT_EQ(e, object_hold(g.os, UINT64_MAX, &none), -ENOENT);
    EXPECT_EQ(e, object_next(g.os, 0, &id), -ENOENT);
    obj = volume_object(&g, 512, 10);
    EXPECT_EQ(e, object_create(g.os, 1, &props, &id), -EEXIST);
    EXPECT_EQ(e, object_create(g.os, 1ull << 48, &props, &id), -EINVAL);
    /* Three pointers, five levels of eight: the last block and the one behind it. */
    EXPECT_EQ(e, object_block_change(obj, (3u << 15) - 1, true, &bytes), 0);
    EXPECT_EQ(e, object_block_change(obj, 3u << 15, true, &bytes), -EFBIG);
    EXPECT_EQ(e, object_set_block_size(obj, 1024), -EBUSY);
    EXPECT_EQ(e, object_create(g.os, 1000000, &props, &id), 0);
    EXPECT_EQ(e, id, 1000000);
    EXPECT_EQ(e, object_next(g.os, 1, &id), 0);
    EXPECT_EQ(e, id, 1000000);
    grove_commit(&g);
    object_release(obj);
    grove_reopen(&g);
    EXPECT_EQ(e, object_hold(g.os, 1, &obj), 0);
    grove_begin(&g);
    EXPECT_EQ(e, object_next(g.os, 1, &id), 0);
    EXPECT_EQ(e, id, 1000000);
    EXPECT_EQ(e, object_free_blocks(obj, 0, 0, 5, &next), 0);
    EXPECT_EQ(e, next, 0);
    grove_commit(&g);
    object_release(obj);
    grove_free(&g);
}

/* A large dnode of a file system takes several slots: they are neither objects nor free. */
static void body_large_dnodes(struct expect *e)
{
    struct grove g;
    uint64_t id, first;
    uint8_t *bytes;
    struct object *obj;
    const struct object_props props = {.type = DMU_ZVOL, .block_size = 512};
    grove_new(&g, e, OBJSET_ZVOL, 1);
    grove_begin(&g);
    EXPECT_EQ(e, object_create(g.os, 0, &props, &first), 0);
    EXPECT_EQ(e, first, 1);
    EXPECT_EQ(e, object_block_change(&g.os->meta, 0, false, &bytes), 0);
    struct dnode_phys *dn = (struct dnode_phys *)(void *)(bytes + 4 * DNODE_SIZE);
    *dn = *(struct dnode_phys *)(void *)(bytes + DNODE_SIZE);
    dn->extra_slots = 2;
    memset(dn + 1, 0x11, 2 * sizeof(*dn)); /* bonus */
    grove_commit(&g);
    grove_reopen(&g);
    EXPECT_EQ(e, object_next(g.os, 1, &id), 0);
    EXPECT_EQ(e, id, 4);
    EXPECT_EQ(e, object_next(g.os, 4, &id), -ENOENT);
    EXPECT_EQ(e, object_hold(g.os, 5, &obj), -ENOENT);
    grove_begin(&g);
    EXPECT_EQ(e, object_create(g.os, 5, &props, &id), -EEXIST);
    for (uint64_t want = 2; want < 8; want += want == 3 ? 4 : 1) {
        EXPECT_EQ(e, object_create(g.os, 0, &props, &id), 0);
        EXPECT_EQ(e, id, want);
    }
    EXPECT_EQ(e, object_destroy(g.os, 4), 0);
    EXPECT_EQ(e, object_create(g.os, 0, &props, &id), 0);
    EXPECT_EQ(e, id, 4);
    EXPECT_EQ(e, object_create(g.os, 0, &props, &id), 0);
    EXPECT_EQ(e, id, 5);
    grove_commit(&g);
    grove_free(&g);
}

/* An objset block of an old pool is shorter; when it is written it is as long as ours. */
static void body_short_objset(struct expect *e)
{
    struct grove g;
    struct iobuf *buf;
    uint64_t id;
    struct bp old;
    grove_new(&g, e, OBJSET_ZVOL, 1);
    grove_begin(&g);
    object_release(volume_object(&g, 4096, 10));
    grove_commit(&g);
    EXPECT_EQ(e, block_read(&g.tank.b, &g.bp, BLOCK_NORMAL, &buf), 0);
    tank_begin(&g.tank);
    struct block_want w = {.lsize = 1024,
                           .type = DMU_OBJSET,
                           .checksum = ZCHECK_FLETCHER4,
                           .copies = 1,
                           .fill = 1};
    EXPECT_EQ(e, block_write(&g.tank.b, g.tank.txg, &w, buf, &old), 0);
    iobuf_put(buf);
    grove_ops.born(g.os, &old);
    EXPECT_EQ(e, grove_ops.killed(g.os, &g.bp), 0);
    g.bp = old;
    tank_end(&g.tank);
    grove_reopen(&g);
    grove_audit(&g);
    grove_begin(&g);
    objset_zil(g.os)->flags = le64_make(1);
    objset_dirty(g.os);
    EXPECT(e, objset_is_dirty(g.os));
    grove_commit(&g);
    EXPECT_EQ(e, bp_lsize(&g.bp), sizeof(struct objset_phys));
    grove_reopen(&g);
    EXPECT_EQ(e, le64_get(objset_zil(g.os)->flags), 1);
    EXPECT_EQ(e, object_next(g.os, 0, &id), 0);
    grove_free(&g);
}

/* ---- a walk in pieces -------------------------------------------------------------------- */

#define VISITS_MAX 512u

struct pieces {
    struct {
        uint64_t object, blkid;
        unsigned level;
    } seen[VISITS_MAX];
    unsigned n, left;       /* left: until the walk ends */
    uint64_t object, blkid; /* where the next one begins */
};

static int visit_piece(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                       uint64_t blkid)
{
    struct pieces *p = arg;
    (void)bp;
    if (p->left == 0 && level == 0) {
        p->object = object ? object : blkid * DNODES_PER_BLOCK;
        p->blkid = object ? blkid : 0;
        return 1;
    }
    p->left -= p->left > 0;
    for (unsigned i = 0; i < p->n; i++)
        if (p->seen[i].object == object && p->seen[i].level == level &&
            p->seen[i].blkid == blkid)
            return 0;
    check(p->n < VISITS_MAX);
    p->seen[p->n].object = object;
    p->seen[p->n].level = level;
    p->seen[p->n++].blkid = blkid;
    return 0;
}

static unsigned walk_in_pieces(struct grove *g, struct pieces *p, unsigned step)
{
    unsigned walks = 0;
    int rc;
    memset(p, 0, sizeof(*p));
    do {
        const struct traverse t = {
            .start_object = p->object, .start_blkid = p->blkid, .visit = visit_piece, .arg = p};
        p->left = step;
        rc = objset_traverse(&g->tank.b, &g->bp, &t);
        walks++;
    } while (rc == 1);
    EXPECT_EQ(g->e, rc, 0);
    return walks;
}

/* Whatever the pieces, all blocks are visited, in the same order. */
static void body_pieces(struct expect *e)
{
    static struct pieces whole, parts;
    struct grove g;
    uint64_t id;
    grove_new(&g, e, OBJSET_ZVOL, 1);
    grove_begin(&g);
    struct object *obj = volume_object(&g, 4096, 10);
    for (uint64_t blk = 0; blk < 200; blk += 1 + blk % 5)
        write_block(&g, obj, blk, (uint8_t)blk);
    object_release(obj);
    for (unsigned i = 0; i < 70; i++) {
        const struct object_props props = {.type = DMU_ZVOL, .block_size = 4096};
        EXPECT_EQ(e, object_create(g.os, 0, &props, &id), 0);
        EXPECT_EQ(e, object_hold(g.os, id, &obj), 0);
        write_block(&g, obj, 0, (uint8_t)i);
        object_release(obj);
    }
    grove_commit(&g);
    EXPECT_EQ(e, walk_in_pieces(&g, &whole, UINT32_MAX), 1);
    EXPECT(e, whole.n > 150);
    for (unsigned step = 6; step < 60; step += 7) {
        EXPECT(e, walk_in_pieces(&g, &parts, step) > 2);
        EXPECT_EQ(e, parts.n, whole.n);
        EXPECT(e, memcmp(parts.seen, whole.seen, sizeof(whole.seen)) == 0);
    }
    grove_free(&g);
}

static int count_dnode(void *arg, const struct dnode_phys *dn, uint64_t object)
{
    (void)dn;
    ++*(unsigned *)arg;
    return object == 1 ? 0 : TRAVERSE_SKIP;
}

static int only_first(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                      uint64_t blkid)
{
    (void)arg, (void)bp, (void)level, (void)blkid;
    return object > 1 ? E(-EINVAL) : 0;
}

/* Objects are announced; those of no interest cost nothing. */
static void body_dnodes(struct expect *e)
{
    struct grove g;
    uint64_t id;
    unsigned n = 0;
    grove_new(&g, e, OBJSET_ZVOL, 1);
    grove_begin(&g);
    for (unsigned i = 0; i < 40; i++) {
        struct object *obj;
        const struct object_props props = {.type = DMU_ZVOL, .block_size = 4096};
        EXPECT_EQ(e, object_create(g.os, 0, &props, &id), 0);
        EXPECT_EQ(e, object_hold(g.os, id, &obj), 0);
        write_block(&g, obj, 0, (uint8_t)i);
        object_release(obj);
    }
    grove_commit(&g);
    struct traverse t = {.visit = only_first, .dnode = count_dnode, .arg = &n};
    EXPECT_EQ(e, objset_traverse(&g.tank.b, &g.bp, &t), 0);
    EXPECT_EQ(e, n, 40);
    t.start_object = 38;
    EXPECT_EQ(e, objset_traverse(&g.tank.b, &g.bp, &t), 0);
    EXPECT_EQ(e, n, 43);
    grove_free(&g);
}

#define TEST(name)                                                                             \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        expect_in(expect_sim(1), body_##name, NULL);                                           \
    }
TEST(damage)
TEST(no_space)
TEST(views)
TEST(growing_holes)
TEST(limits)
TEST(large_dnodes)
TEST(short_objset)
TEST(pieces)
TEST(dnodes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage),       cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_views),        cmocka_unit_test(test_growing_holes),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_large_dnodes),
        cmocka_unit_test(test_short_objset), cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_dnodes),
    };
    return cmocka_run_group_tests_name("pool_tree_core", tests, NULL, NULL);
}
