/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/tree/tree_fixture.h"

#include <errno.h>

#define MIB (1u << 20)

uint32_t grove_random(struct grove *g, uint32_t n)
{
    g->random = g->random * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(g->random >> 4) * n >> 28);
}

static void born(struct objset *os, const struct bp *bp)
{
    struct grove *g = objset_owner(os);
    struct bp_sums s = block_sums(&g->tank.b, bp);
    check(!bp_is_hole(bp));
    g->sums.used += s.used;
    g->sums.comp += s.comp;
    g->sums.uncomp += s.uncomp;
}

static int killed(struct objset *os, const struct bp *bp)
{
    struct grove *g = objset_owner(os);
    struct bp_sums s = block_sums(&g->tank.b, bp);
    check(!bp_is_hole(bp));
    g->sums.used -= s.used;
    g->sums.comp -= s.comp;
    g->sums.uncomp -= s.uncomp;
    if (grove_random(g, 50) == 0)
        fiber_yield();
    return block_free(&g->tank.b, g->tank.txg, bp);
}

const struct objset_ops grove_ops = {.born = born, .killed = killed};

static void grove_open(struct grove *g)
{
    struct err err = {0};
    if (objset_open(&g->tank.b, &g->bp, g->type, &grove_ops, g, &g->os, &err) != 0)
        check_failed(__FILE__, __LINE__, err.msg);
    objset_set_policy(g->os, &g->policy);
}

void grove_new(struct grove *g, struct expect *e, enum objset_type type, uint64_t seed)
{
    bool mos = type == OBJSET_META;
    memset(g, 0, sizeof(*g));
    g->e = e;
    g->type = type;
    g->random = (uint32_t)seed * 2654435761u;
    tank_new(&g->tank, &(struct tank_shape){2, 1, seed % 2 ? 12 : 9, 256 * MIB, 2 * MIB});
    g->tank.b.hole_birth = seed % 3 != 0;
    g->space_before = space_totals(g->tank.space).allocated;
    g->policy = (struct objset_policy){
        .data_compress = !mos && seed % 4 ? ZCOMP_LZ4 : ZCOMP_OFF,
        .data_checksum = ZCHECK_FLETCHER4,
        .data_copies = mos ? 3 : 1,
        .meta_compress = mos ? ZCOMP_OFF : ZCOMP_LZ4,
        .meta_checksum = ZCHECK_FLETCHER4,
        .meta_copies = mos ? 3 : 2,
    };
    grove_open(g);
}

void grove_free(struct grove *g)
{
    objset_close(g->os);
    tank_free(&g->tank);
}

void grove_begin(struct grove *g)
{
    tank_begin(&g->tank);
    objset_begin(g->os, g->tank.txg);
}

void grove_commit(struct grove *g)
{
    unsigned placed = 0, again = 1;
    if (g->type == OBJSET_META) {
        EXPECT_EQ(g->e, objset_plan(g->os, &placed), 0);
        EXPECT_EQ(g->e, objset_plan(g->os, &again), 0);
        EXPECT_EQ(g->e, again, 0);
        EXPECT_EQ(g->e, objset_write(g->os, &g->bp), 0);
    } else {
        EXPECT_EQ(g->e, objset_sync(g->os, &g->bp), 0);
    }
    tank_written(&g->tank);
    objset_committed(g->os);
    EXPECT_EQ(g->e, objset_dirty_bytes(g->os), 0);
    tank_end(&g->tank);
    grove_audit(g);
}

void grove_reopen(struct grove *g)
{
    objset_close(g->os);
    tank_chill(&g->tank);
    grove_open(g);
}

/* ---- the audit --------------------------------------------------------------------------- */

struct tally {
    struct grove *g;
    struct bp_sums sums;
    uint64_t object, used, max; /* of the object that is being walked */
    uint64_t objects, fill[DNODE_MAX_LEVELS];
    uint64_t blocks;
};

/* The object's blocks have all been seen. */
static void tally_object(struct tally *t, bool meta)
{
    struct object *obj = NULL;
    struct grove *g = t->g;
    if (meta)
        obj = &g->os->meta;
    else if (t->object)
        EXPECT_EQ(g->e, object_hold(g->os, t->object, &obj), 0);
    if (!obj)
        return;
    EXPECT_EQ(g->e, object_used(obj), t->used);
    EXPECT(g->e, t->max <= object_max_block(obj));
    if (!meta)
        object_release(obj);
}

static int tally_block(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                       uint64_t blkid)
{
    struct tally *t = arg;
    struct bp_sums s = block_sums(&t->g->tank.b, bp);
    t->sums.used += s.used;
    t->sums.comp += s.comp;
    t->sums.uncomp += s.uncomp;
    t->blocks++;
    EXPECT(t->g->e, bp_fill(bp) > 0 || level == TRAVERSE_ROOT);
    EXPECT(t->g->e, bp_birth(bp) <= t->g->tank.txg);
    if (level == TRAVERSE_ROOT) {
        t->objects = bp_fill(bp);
        return 0;
    }
    if (object != t->object) {
        tally_object(t, false);
        t->object = object;
        t->used = t->max = 0;
    }
    t->used += s.used;
    if (level == 0)
        t->max = MAX(t->max, blkid);
    return 0;
}

/* Counts one object's blocks by level and compares what pointers say they have below. */
static int tally_fill(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                      uint64_t blkid)
{
    struct tally *t = arg;
    (void)blkid;
    if (object != t->object || level == TRAVERSE_ROOT)
        return 0;
    t->used += block_sums(&t->g->tank.b, bp).used;
    t->fill[level] += bp_fill(bp);
    return 0;
}

static void audit_object(struct grove *g, uint64_t object, uint64_t *ret_fill)
{
    struct tally t = {.g = g, .object = object};
    struct object *obj = &g->os->meta;
    const struct traverse tr = {.visit = tally_fill, .arg = &t};
    EXPECT_EQ(g->e, objset_traverse(&g->tank.b, &g->bp, &tr), 0);
    if (object != 0)
        EXPECT_EQ(g->e, object_hold(g->os, object, &obj), 0);
    EXPECT_EQ(g->e, object_used(obj), t.used);
    for (unsigned l = 1; l < obj->dn.nlevels; l++)
        EXPECT_EQ(g->e, t.fill[l], t.fill[0]);
    *ret_fill = t.fill[0];
    if (object != 0)
        object_release(obj);
}

void grove_audit(struct grove *g)
{
    struct tally t = {.g = g};
    const struct traverse tr = {.visit = tally_block, .arg = &t};
    uint64_t id = 0, n = 0, fill;
    EXPECT_EQ(g->e, objset_traverse(&g->tank.b, &g->bp, &tr), 0);
    EXPECT_EQ(g->e, t.sums.used, g->sums.used);
    EXPECT_EQ(g->e, t.sums.comp, g->sums.comp);
    EXPECT_EQ(g->e, t.sums.uncomp, g->sums.uncomp);
    EXPECT_EQ(g->e, space_totals(g->tank.space).allocated - g->space_before, t.sums.used);
    while (object_next(g->os, id, &id) == 0)
        n++;
    EXPECT_EQ(g->e, n, t.objects);
    audit_object(g, 0, &fill);
    EXPECT_EQ(g->e, fill, t.objects);
    if (object_next(g->os, grove_random(g, 40), &id) == 0)
        audit_object(g, id, &fill);
}
