/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool whose tree lies, with every checksum right. A small objset (indirect blocks, holes,
 * micro and fat ZAPs) is copied block by block from the leaves up; on the way the input changes
 * bytes or moves pointers in any block before it is checksummed, so that damage reaches the
 * parsers instead of the checksums. Then everything is read, walked, changed and written again.
 * Each step may fail; none may crash, hang or leave its buffers.
 *
 * The input is a list of changes of six bytes: which block (counted as they are copied), what
 * to do, where (16 bits, little endian), two bytes of argument.
 */
#include "pool/block/block_fixture.h"
#include "pool/tree/tree.h"

#include <errno.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MIB      (1u << 20)
#define CHANGE   6u
#define OBJECTS  8u /* looked at */
#define FIRST_ID 100u

struct forge {
    struct tank tank;
    const uint8_t *input;
    size_t len;
    unsigned block; /* copied so far */
    struct objset_ops ops;
};

/* ---- the honest tree --------------------------------------------------------------------- */

static void born(struct objset *os, const struct bp *bp)
{
    (void)os;
    (void)bp;
}

static int killed(struct objset *os, const struct bp *bp)
{
    struct forge *f = objset_owner(os);
    return block_free(&f->tank.b, f->tank.txg, bp);
}

static void fill_object(struct objset *os)
{
    uint64_t id;
    struct object *obj;
    const struct object_props props = {.type = DMU_OBJECT_ARRAY,
                                       .bonus_type = DMU_BPOBJ_HDR,
                                       .bonus_len = 48,
                                       .block_size = 512,
                                       .indirect_shift = 10};
    check(object_create(os, FIRST_ID, &props, &id) == 0 && object_hold(os, id, &obj) == 0);
    for (uint64_t i = 0; i < 300; i += i < 40 ? 1 : 37)
        check(object_write(obj, i * 512, "block", 5) == 0);
    object_release(obj);
}

static void fill_zaps(struct objset *os)
{
    uint64_t micro, fat;
    char name[80];
    check(zap_create(os, DMU_ZAP_METADATA, DMU_NONE, 0, &micro) == 0 &&
          zap_create(os, DMU_ZAP_METADATA, DMU_NONE, 0, &fat) == 0);
    for (unsigned i = 0; i < 12; i++) {
        snprintf(name, sizeof(name), "entry%u", i);
        check(zap_set_u64(os, micro, name, i) == 0);
    }
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "a name that is not at all short %u", i);
        check(zap_set_str(os, fat, name,
                          "and a value that takes some chunks of its own, too") == 0);
    }
}

static struct bp honest_tree(struct forge *f)
{
    struct objset *os;
    struct bp bp = {0};
    const struct objset_policy policy = {ZCOMP_LZ4, ZCHECK_FLETCHER4, 1,
                                         ZCOMP_LZ4, ZCHECK_FLETCHER4, 1};
    tank_begin(&f->tank);
    check(objset_open(&f->tank.b, &bp, OBJSET_ZVOL, &f->ops, f, &os, NULL) == 0);
    objset_set_policy(os, &policy);
    objset_begin(os, f->tank.txg);
    fill_object(os);
    fill_zaps(os);
    check(objset_sync(os, &bp) == 0);
    tank_written(&f->tank);
    objset_committed(os);
    tank_end(&f->tank);
    objset_close(os);
    return bp;
}

/* ---- the forged copy --------------------------------------------------------------------- */

enum { SET_BYTE, ADD_WORD, MOVE_POINTER, SET_BIT, SET_FIELD, KINDS };

static void change(uint8_t *p, uint32_t len, const uint8_t *c)
{
    uint32_t at = (uint32_t)(c[2] | c[3] << 8) * (len > 65536 ? 2 : 1) % len;
    uint32_t to = (uint32_t)(c[4] | c[5] << 8) % (len / BP_SIZE) * BP_SIZE;
    switch (c[1] % KINDS) {
    case SET_BYTE:
        p[at] = c[4];
        break;
    case ADD_WORD:
        at = at / 8 * 8;
        store_be32(p + at, load_be32(p + at) + (uint32_t)(c[4] << 8 | c[5]));
        break;
    case MOVE_POINTER:
        at = at / 64 * 64;
        memmove(p + to, p + at, MIN(BP_SIZE, len - at));
        break;
    case SET_FIELD: /* of a dnode: what it is like, maxblkid */
        at = len >= DNODE_SIZE ? (uint32_t)c[2] % (len / DNODE_SIZE) * DNODE_SIZE : 0;
        p[at + c[4] % 24] = c[5];
        break;
    default:
        p[at] ^= (uint8_t)(1u << (c[4] & 7));
        break;
    }
}

static struct bp forge_tree(struct forge *f, const struct bp *bp);

static void forge_pointers(struct forge *f, uint8_t *p, unsigned n)
{
    struct bp *bps = (struct bp *)(void *)p;
    for (unsigned i = 0; i < n; i++) {
        if (!bp_is_hole(&bps[i]))
            bps[i] = forge_tree(f, &bps[i]);
    }
}

/* Copies what is below a block of the honest tree: its pointers then point to the copies. */
static void forge_below(struct forge *f, const struct bp *bp, uint8_t *p)
{
    if (bp_level(bp) > 0) {
        forge_pointers(f, p, bp_lsize(bp) / BP_SIZE);
    } else if (bp_type(bp) == DMU_OBJSET) {
        struct dnode_phys *meta = (struct dnode_phys *)(void *)p;
        forge_pointers(f, meta->tail, meta->nblkptr);
    } else if (bp_type(bp) == DMU_DNODE) {
        for (unsigned i = 0; i < DNODES_PER_BLOCK; i++) {
            struct dnode_phys *dn = (struct dnode_phys *)(void *)(p + i * DNODE_SIZE);
            if (dn->type != DMU_NONE)
                forge_pointers(f, dn->tail, dn->nblkptr);
        }
    }
}

static struct bp forge_tree(struct forge *f, const struct bp *bp)
{
    struct iobuf *old, *buf = iobuf_get(bp_lsize(bp));
    struct bp copy;
    const struct block_want want = {.lsize = bp_lsize(bp),
                                    .type = (uint8_t)bp_type(bp),
                                    .level = (uint8_t)bp_level(bp),
                                    .checksum = ZCHECK_FLETCHER4,
                                    .compress = ZCOMP_LZ4,
                                    .copies = 1,
                                    .fill = bp_fill(bp)};
    check(buf && block_read(&f->tank.b, bp, BLOCK_STREAM, &old) == 0);
    memcpy(buf->p, old->p, want.lsize);
    iobuf_put(old);
    forge_below(f, bp, buf->p);
    for (size_t i = 0; i + CHANGE <= f->len; i += CHANGE) {
        if (f->input[i] == f->block % 256)
            change(buf->p, want.lsize, f->input + i);
    }
    f->block++;
    check(block_write(&f->tank.b, f->tank.txg, &want, buf, &copy) == 0);
    iobuf_put(buf);
    return copy;
}

/* ---- what a pool does with it ------------------------------------------------------------ */

static int see(void *arg, const struct bp *bp, uint64_t object, unsigned level, uint64_t blkid)
{
    (void)bp;
    (void)object;
    (void)level;
    (void)blkid;
    return ++*(unsigned *)arg > 5000 ? -ECANCELED : 0;
}

static int failed(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                  uint64_t blkid, int err)
{
    check(err < 0);
    return see(arg, bp, object, level, blkid);
}

static int see_entry(void *arg, const char *name, const struct zap_value *value)
{
    uint64_t *sum = arg;
    for (size_t i = 0; i < (size_t)value->n * value->int_size; i++)
        *sum += value->bytes[i];
    *sum += strlen(name);
    return 0;
}

static void look_at_zap(struct objset *os, uint64_t id)
{
    uint64_t sum = 0, v;
    char *text;
    zap_iterate(os, id, see_entry, &sum);
    zap_count(os, id, &v);
    zap_get_u64(os, id, "entry3", &v);
    if (zap_get_str(os, id, "a name that is not at all short 7", &text) == 0)
        free(text);
}

static void look_at_object(struct objset *os, uint64_t id)
{
    struct object *obj;
    struct bp bp;
    uint8_t bytes[700];
    uint64_t n;
    bool hole;
    if (object_hold(os, id, &obj) != 0)
        return;
    uint64_t last = object_max_block(obj) * object_block_size(obj);
    object_read(obj, 300, bytes, sizeof(bytes));
    object_read(obj, last, bytes, sizeof(bytes));
    for (unsigned i = 0; i < 50; i++) {
        object_lookup(obj, i * 7, &bp);
        object_run(obj, i * 7, 20, &n, &hole);
    }
    object_lookup(obj, object_max_block(obj), &bp);
    n = object_used(obj) + (object_bonus_len(obj) ? *(const uint8_t *)object_bonus(obj) : 0);
    object_release(obj);
    look_at_zap(os, id);
}

static void change_object(struct objset *os, uint64_t id)
{
    struct object *obj;
    uint64_t next;
    zap_set_u64(os, id, "a new entry", 1);
    zap_set_str(os, id, "entry3", "a value");
    zap_remove(os, id, "entry5");
    if (object_hold(os, id, &obj) != 0)
        return;
    object_write(obj, 1000, "new bytes", 9);
    object_write(obj, object_max_block(obj) * object_block_size(obj), "last", 4);
    object_free_blocks(obj, 5, 30, 1000, &next);
    object_free_blocks(obj, 60, UINT64_MAX, 1000, &next);
    if (object_bonus_len(obj) > 0)
        *(uint8_t *)object_bonus_change(obj) ^= 1;
    object_release(obj);
}

static void change_all(struct forge *f, struct objset *os, bool plan)
{
    uint64_t id = 0, made;
    struct bp bp;
    unsigned placed = 1;
    int rc = 0;
    const struct object_props props = {.type = DMU_BPOBJ, .block_size = 4096};
    tank_begin(&f->tank);
    objset_begin(os, f->tank.txg);
    for (unsigned i = 0; i < OBJECTS && object_next(os, id, &id) == 0; i++)
        change_object(os, id);
    object_create(os, 0, &props, &made);
    object_destroy(os, FIRST_ID);
    objset_dirty(os);
    while (plan && rc == 0 && placed > 0)
        rc = objset_plan(os, &placed);
    if (rc == 0)
        rc = plan ? objset_write(os, &bp) : objset_sync(os, &bp);
    tank_written(&f->tank);
    if (rc == 0)
        objset_committed(os);
    tank_end(&f->tank);
}

static void use_tree(struct forge *f, const struct bp *bp)
{
    struct objset *os;
    unsigned seen = 0;
    const struct traverse t = {.visit = see, .failed = failed, .arg = &seen};
    const struct objset_policy policy = {ZCOMP_OFF, ZCHECK_FLETCHER4, 1,
                                         ZCOMP_OFF, ZCHECK_FLETCHER4, 1};
    objset_traverse(&f->tank.b, bp, &t);
    if (objset_open(&f->tank.b, bp, OBJSET_NONE, &f->ops, f, &os, NULL) != 0)
        return;
    uint64_t id = 0;
    objset_set_policy(os, &policy);
    for (unsigned i = 0; i < OBJECTS && object_next(os, id, &id) == 0; i++)
        look_at_object(os, id);
    change_all(f, os, f->len % 2 == 0);
    objset_close(os);
}

static void forge_main(void *arg)
{
    struct forge *f = arg;
    tank_new(&f->tank, &(struct tank_shape){1, 1, 9, 64 * MIB, MIB});
    f->ops = (struct objset_ops){.born = born, .killed = killed};
    struct bp honest = honest_tree(f);
    tank_begin(&f->tank);
    struct bp bp = forge_tree(f, &honest);
    tank_end(&f->tank);
    if (!bp_is_hole(&bp))
        use_tree(f, &bp);
    tank_free(&f->tank);
    run_stop(reactor_run(reactor_self()));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run *run;
    struct forge f = {.input = data, .len = MIN(size, 64 * CHANGE + 1)};
    struct sim_config cfg = sim_config_default(1);
    check(run_sim_new(&cfg, &run, NULL) == 0);
    run_loop(run, forge_main, &f);
    run_free(run);
    return 0;
}
