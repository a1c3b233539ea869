/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * raidz on disks: every way to lose columns, said or unsaid, up to the parity; one more is an
 * error and never wrong data. (The arithmetic itself is tested in format/.)
 */
#include "pool/vdev/vdev_fixture.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t nkv)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)nkv;
}

static const struct rig_want shapes[] = {
    {.type = "raidz", .n = 3, .nparity = 1, .ashift = 9 },
    {.type = "raidz", .n = 6, .nparity = 2, .ashift = 12},
    {.type = "raidz", .n = 7, .nparity = 3, .ashift = 12},
};

static void for_all_shapes(void (*body)(struct expect *e), unsigned from)
{
    for (unsigned i = from; i < ARRAY_LEN(shapes); i++)
        expect_in(expect_sim(i + 1), body, (void *)(uintptr_t)&shapes[i]);
}

static struct raidz_map map_of(const struct rig *r, uint64_t off, uint32_t size)
{
    struct raidz_map m;
    raidz_map_make(&m, off, (uint32_t)round_up(size, 1ull << r->top->ashift), r->top->ashift,
                   r->top->nchildren, r->top->nparity);
    return m;
}

static void rot_column(struct rig *r, const struct raidz_map *m, unsigned c)
{
    struct raidz_col col = raidz_col(m, c);
    rig_rot(r, col.child, col.off + 200, 3); /* not in what pads a short block */
}

static uint64_t sum_of(const struct rig *r, size_t off)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < r->n; i++)
        n += *(const uint64_t *)(const void *)((const char *)&r->leaf[i]->stats + off);
    return n;
}
#define SUM(r, field) sum_of(r, offsetof(struct vdev_stats, field))

/* ---- sound ------------------------------------------------------------------------------- */

static void sizes_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    uint64_t off = 0;
    for (uint32_t i = 0, size = 512; size <= 128 * KIB;
         i++, size += size < 20000 ? 512 : 21504) {
        EXPECT_EQ(e, rig_write(&r, off, size, i, 10), 0);
        EXPECT_EQ(e, rig_read(&r, off, size, i, 10), 0);
        off += vdev_asize(r.top, size);
    }
    off = 0;
    for (uint32_t i = 0, size = 512; size <= 128 * KIB;
         i++, size += size < 20000 ? 512 : 21504) {
        uint64_t repaired = 0;
        EXPECT_EQ(e, rig_scrub(&r, off, size, i, 10, &repaired), 0); /* nothing overlapped */
        EXPECT_EQ(e, repaired, 0);
        off += vdev_asize(r.top, size);
    }
    EXPECT_EQ(e, SUM(&r, checksum_errors) + SUM(&r, read_errors) + SUM(&r, repaired), 0);
    rig_free(&r);
}

static void test_blocks_of_all_sizes_fit_side_by_side(void **state)
{
    (void)state;
    for_all_shapes(sizes_body, 0);
}

/* A sound block costs no parity reads. */
static void lean_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    EXPECT_EQ(e, rig_write(&r, 0, 64 * KIB, 1, 10), 0);
    EXPECT_EQ(e, rig_read(&r, 0, 64 * KIB, 1, 10), 0);
    EXPECT_EQ(e, SUM(&r, reads), r.n - r.top->nparity);
    EXPECT_EQ(e, SUM(&r, bytes_read), 64 * KIB);
    rig_free(&r);
}

static void test_a_sound_block_is_read_without_parity(void **state)
{
    (void)state;
    for_all_shapes(lean_body, 0);
}

/* ---- columns that lie -------------------------------------------------------------------- */

/* Rots a set of columns (bits), reads, looks whether exactly these were repaired. */
static void rot_set(struct expect *e, struct rig *r, uint64_t off, uint32_t size, uint64_t seed,
                    unsigned set, bool by_scrub)
{
    struct raidz_map m = map_of(r, off, size);
    uint64_t was = SUM(r, repaired), errors = SUM(r, checksum_errors), bytes = 0, repaired = 0;
    bool data = false;
    for (unsigned c = 0; c < m.ncols; c++) {
        if (!(set >> c & 1))
            continue;
        rot_column(r, &m, c);
        bytes += raidz_col(&m, c).len;
        data |= c >= m.nparity;
    }
    if (!data && !by_scrub)
        by_scrub = true; /* a read doesn't see that parity is wrong */
    else
        EXPECT_EQ(e, rig_read(r, off, size, seed, 10), 0);
    if (by_scrub)
        EXPECT_EQ(e, rig_scrub(r, off, size, seed, 10, &repaired), 0);
    EXPECT_EQ(e, SUM(r, repaired) - was, bytes);
    EXPECT_EQ(e, SUM(r, checksum_errors) - errors, (unsigned)__builtin_popcount(set));
    EXPECT_EQ(e, rig_scrub(r, off, size, seed, 10, &repaired), 0);
    EXPECT_EQ(e, repaired, 0);
}

static void lies_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    static const uint32_t sizes[] = {512, 8 * KIB, 36 * KIB, 128 * KIB};
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        uint64_t off = i * MIB;
        EXPECT_EQ(e, rig_write(&r, off, sizes[i], i, 10), 0);
        struct raidz_map m = map_of(&r, off, sizes[i]);
        for (unsigned set = 1; set < 1u << m.ncols; set++) {
            if ((unsigned)__builtin_popcount(set) <= m.nparity)
                rot_set(e, &r, off, sizes[i], i, set, set % 2);
        }
    }
    rig_free(&r);
}

static void test_any_columns_that_lie_are_found_and_repaired(void **state)
{
    (void)state;
    for_all_shapes(lies_body, 0);
}

static void too_many_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    EXPECT_EQ(e, rig_write(&r, MIB, 128 * KIB, 1, 10), 0);
    struct raidz_map m = map_of(&r, MIB, 128 * KIB);
    for (unsigned c = 0; c <= m.nparity; c++)
        rot_column(&r, &m, c);
    EXPECT_EQ(e, rig_read(&r, MIB, 128 * KIB, 1, 10), -EBADMSG);
    uint64_t repaired = 0;
    EXPECT_EQ(e, rig_scrub(&r, MIB, 128 * KIB, 1, 10, &repaired), -EBADMSG);
    EXPECT_EQ(e, repaired + SUM(&r, repaired), 0);
    for (unsigned i = 0; i <= r.top->nparity; i++)
        sim_fail_reads(r.run, rig_path(i), 1, EIO);
    EXPECT_EQ(e, rig_read(&r, MIB, 128 * KIB, 1, 10), -EIO);
    rig_free(&r);
}

static void test_one_lie_too_many_is_an_error(void **state)
{
    (void)state;
    for_all_shapes(too_many_body, 0);
}

/* ---- leaves that are away ---------------------------------------------------------------- */

/* As many as there is parity; returns how many. */
static unsigned first_go(struct rig *r)
{
    for (unsigned i = 0; i < r->top->nparity; i++) {
        r->leaf[i]->offline = true;
        vdev_close(r->leaf[i]);
    }
    return r->top->nparity;
}

/* nparity leaves are gone, one at a time, in turn: what is written then can be read with the
 * others gone. */
static void degraded_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    unsigned p = first_go(&r);
    EXPECT_EQ(e, r.top->state, VDEV_DEGRADED);
    for (unsigned i = 0; i < 12; i++)
        EXPECT_EQ(e, rig_write(&r, i * MIB, 512 + i * 9216, i, 20 + i), 0);
    for (unsigned i = 0; i < 12; i++) {
        struct raidz_map m = map_of(&r, i * MIB, 512 + i * 9216);
        bool in[RIG_DISKS] = {false};
        for (unsigned c = 0; c < m.ncols; c++)
            in[raidz_col(&m, c).child] = true;
        for (unsigned d = 0; d < r.n; d++) /* who was not concerned has missed nothing */
            EXPECT_EQ(e, txg_set_has(&r.leaf[d]->dtl, 20 + i), d < p && in[d]);
        EXPECT_EQ(e, rig_read(&r, i * MIB, 512 + i * 9216, i, 20 + i), 0);
    }
    vdev_close(r.leaf[p]);
    EXPECT(e, !vdev_usable(r.root));
    EXPECT_EQ(e, rig_write(&r, 20 * MIB, 128 * KIB, 1, 40), -EIO);
    EXPECT_EQ(e, rig_read(&r, 11 * MIB, 512 + 11 * 9216, 11, 31), -ENXIO);
    rig_free(&r);
}

static void test_degraded_writes_are_readable_and_remembered(void **state)
{
    (void)state;
    for_all_shapes(degraded_body, 0);
}

/* They come back, are resilvered by scrub, and then others may go. */
static void resilver_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    unsigned p = first_go(&r);
    EXPECT_EQ(e, rig_write(&r, 0, 128 * KIB, 1, 20), 0);
    for (unsigned i = 0; i < p; i++)
        r.leaf[i]->offline = false;
    EXPECT_EQ(e, vdev_open(r.root, 0, false, NULL), 0);
    EXPECT_EQ(e, rig_read(&r, 0, 128 * KIB, 1, 20), 0);
    EXPECT_EQ(e, SUM(&r, repaired) + SUM(&r, checksum_errors),
              0); /* a read leaves it to resilver */
    uint64_t repaired = 0;
    EXPECT_EQ(e, rig_scrub(&r, 0, 128 * KIB, 1, 20, &repaired), 0);
    struct raidz_map m = map_of(&r, 0, 128 * KIB);
    for (unsigned c = 0; c < m.ncols; c++)
        repaired -= raidz_col(&m, c).child < p ? raidz_col(&m, c).len : 0;
    EXPECT_EQ(e, repaired, 0);
    for (unsigned i = 0; i < p; i++) {
        txg_set_clear(&r.leaf[i]->dtl);
        vdev_close(r.leaf[r.n - 1 - i]);
    }
    EXPECT_EQ(e, rig_read(&r, 0, 128 * KIB, 1, 20), 0);
    EXPECT_EQ(e, SUM(&r, checksum_errors), 0);
    rig_free(&r);
}

static void test_resilver_writes_what_was_missed(void **state)
{
    (void)state;
    for_all_shapes(resilver_body, 0);
}

/* They come back and lack it, and one that has it goes: no damage as long as that one may come back. */
static void wanting_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    unsigned p = first_go(&r);
    EXPECT_EQ(e, rig_write(&r, 0, 128 * KIB, 1, 20), 0);
    for (unsigned i = 0; i <= p; i++)
        r.leaf[i]->offline = i == p;
    vdev_close(r.leaf[p]);
    EXPECT_EQ(e, vdev_open(r.root, 0, false, NULL), 0);
    EXPECT(e, vdev_usable(r.root));
    EXPECT_EQ(e, rig_read(&r, 0, 128 * KIB, 1, 20), -ENXIO);
    vdev_give_up(r.leaf[p]);
    EXPECT_EQ(e, rig_read(&r, 0, 128 * KIB, 1, 20), -EBADMSG);
    r.leaf[p]->offline = false;
    EXPECT_EQ(e, vdev_open(r.root, 0, false, NULL), 0);
    EXPECT_EQ(e, rig_read(&r, 0, 128 * KIB, 1, 20), 0);
    rig_free(&r);
}

static void test_what_a_leaf_that_is_away_holds_is_no_damage(void **state)
{
    (void)state;
    for_all_shapes(wanting_body, 0);
}

/* One away, another one lies: with two parities that is still a block. */
static void mixed_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    EXPECT_EQ(e, rig_write(&r, 0, 100 * KIB, 1, 10), 0);
    struct raidz_map m = map_of(&r, 0, 100 * KIB);
    for (unsigned c = 0; c < m.ncols; c++) {
        unsigned away = raidz_col(&m, (c + 3) % m.ncols).child;
        sim_fail_reads(r.run, rig_path(away), 1, EIO);
        rot_column(&r, &m, c);
        EXPECT_EQ(e, rig_read(&r, 0, 100 * KIB, 1, 10), 0);
        sim_fail_reads(r.run, rig_path(away), 0, 0);
        uint64_t repaired = 0;
        EXPECT_EQ(e, rig_scrub(&r, 0, 100 * KIB, 1, 10, &repaired), 0);
    }
    EXPECT_EQ(e, SUM(&r, checksum_errors), m.ncols);
    rig_free(&r);
}

static void test_losses_and_lies_together(void **state)
{
    (void)state;
    for_all_shapes(mixed_body, 1);
}

/* By its log one leaf lacks the block; as many others as there is parity can't be read. It
 * is asked, and has it. */
static void last_resort_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    unsigned p = r.top->nparity;
    EXPECT_EQ(e, rig_write(&r, 0, 128 * KIB, 1, 10), 0);
    EXPECT_EQ(e, leaf_missed(r.leaf[p], 10, 11), 0);
    EXPECT_EQ(e, rig_read(&r, 0, 128 * KIB, 1, 10), 0);
    EXPECT_EQ(e, r.leaf[p]->stats.reads, 0);
    for (unsigned i = 0; i < p; i++)
        sim_fail_reads(r.run, rig_path(i), 1, EIO);
    EXPECT_EQ(e, rig_read(&r, 0, 128 * KIB, 1, 10), 0);
    EXPECT_EQ(e, r.leaf[p]->stats.reads, 1);
    rig_free(&r);
}

static void test_a_leaf_that_lacks_a_block_is_asked_last(void **state)
{
    (void)state;
    for_all_shapes(last_resort_body, 0);
}

static void write_error_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    unsigned p = r.top->nparity;
    for (unsigned i = 0; i <= p; i++) {
        EXPECT_EQ(e, rig_write(&r, i * MIB, 128 * KIB, i, 10 + i), 0);
        EXPECT_EQ(e, vdev_flush(r.root), 0);
        sim_fail_writes(r.run, rig_path(i), 1, EIO);
    }
    EXPECT_EQ(e, r.top->state, VDEV_DEGRADED);
    EXPECT_EQ(e, rig_write(&r, 10 * MIB, 128 * KIB, 9, 30), -EIO);
    EXPECT_EQ(e, r.top->state, VDEV_CANT_OPEN);
    for (unsigned i = 0; i < p; i++)
        EXPECT(e, r.leaf[i]->faulted && txg_set_has(&r.leaf[i]->dtl, 11 + i) &&
                      !txg_set_has(&r.leaf[i]->dtl, 10 + i));
    rig_free(&r);
}

static void test_write_errors_up_to_parity_are_borne(void **state)
{
    (void)state;
    for_all_shapes(write_error_body, 0);
}

/* ---- a disk that is being replaced ------------------------------------------------------- */

/* raidz1 of a `replacing` and two disks: the new disk takes writes, lacks what was before. */
static struct vdev *with_replacing(void)
{
    struct nv *tree = rig_tree(&(struct rig_want){.type = "raidz", .n = 3, .nparity = 1});
    struct nv *pair = rig_tree(&(struct rig_want){.type = "replacing", .n = 2});
    struct nv *const *tops, *const *pairs, *const *disks;
    unsigned n;
    struct nv **list = calloc(3, sizeof(*list));
    check(list && nv_get_nvs(tree, "children", &tops, &n) &&
          nv_get_nvs(pair, "children", &pairs, &n) &&
          nv_get_nvs(tops[0], "children", &disks, &n));
    list[0] = nv_dup(pairs[0]);
    list[1] = nv_dup(disks[1]);
    list[2] = nv_dup(disks[2]);
    check(nv_add_u64(list[0], "guid", 51) == 0);
    for (unsigned i = 1; i < 3; i++)
        check(nv_add_u64(list[i], "guid", RIG_LEAF + 1 + i) == 0 &&
              nv_add_str(list[i], "path", rig_path(1 + i)) == 0);
    check(nv_add_nvs(tops[0], "children", list, 3) == 0);
    struct vdev *root = NULL;
    check(vdev_parse(tree, &root, NULL) == 0);
    nv_free(tree);
    nv_free(pair);
    return root;
}

static void rig_make_replacing(struct rig *r)
{
    struct rig_want files = {.type = "mirror", .n = 4};
    rig_make(r, &files);
    rig_free(r);
    r->root = with_replacing();
    r->top = r->root->child[0];
    check(vdev_open(r->root, 0, false, NULL) == 0);
    check(vdev_layout(r->top, 12, NULL) == 0);
    for (r->n = 0; (r->leaf[r->n] = vdev_leaf(r->root, r->n)); r->n++)
        ;
    check(r->n == 4);
}

static void replacing_body(struct expect *e)
{
    struct rig r;
    rig_make_replacing(&r);
    struct vdev *fresh = r.leaf[1];
    EXPECT_EQ(e, rig_write(&r, 0, 64 * KIB, 1, 10), 0);
    EXPECT_EQ(e, fresh->stats.writes, 1);
    EXPECT_EQ(e, leaf_missed(fresh, 4, 11), 0);
    rig_rot(&r, 1, 0, 1 * MIB); /* in truth it has nothing of that */
    for (unsigned i = 0; i < 4; i++)
        EXPECT_EQ(e, rig_read(&r, 0, 64 * KIB, 1, 10), 0);
    EXPECT_EQ(e, fresh->stats.reads, 0);
    uint64_t repaired = 0;
    EXPECT_EQ(e, rig_scrub(&r, 0, 64 * KIB, 1, 10, &repaired), 0);
    EXPECT_EQ(e, repaired, fresh->stats.repaired);
    EXPECT_EQ(e, repaired, 32 * KIB);
    txg_set_clear(&fresh->dtl);
    vdev_close(r.leaf[0]); /* the old disk goes, and with it another one */
    EXPECT_EQ(e, r.top->state, VDEV_DEGRADED);
    vdev_close(r.leaf[2]);
    EXPECT_EQ(e, rig_read(&r, 0, 64 * KIB, 1, 10), 0);
    EXPECT_EQ(e, SUM(&r, checksum_errors), 0);
    rig_free(&r);
}

static void test_a_replacing_child_is_one_column_on_two_leaves(void **state)
{
    (void)state;
    expect_in(expect_sim(9), replacing_body, NULL);
}

/* What the leaf has of the block is wrong. */
static void rot_part(struct rig *r, unsigned leaf, uint64_t off, uint32_t size)
{
    struct raidz_map m = map_of(r, off, size);
    for (unsigned c = 0; c < m.ncols; c++)
        if (vdev_find(r->top->child[raidz_col(&m, c).child], r->leaf[leaf]->guid))
            rig_rot(r, leaf, raidz_col(&m, c).off, raidz_col(&m, c).len);
}

/* One missed a block and no log says so, as after a crash; another disk is away, so that parity doesn't tell. Whichever of the
 * two is read first. */
static void unknown_body(struct expect *e)
{
    struct rig r;
    rig_make_replacing(&r);
    r.leaf[3]->offline = true;
    vdev_close(r.leaf[3]);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t off = (i / 2) * 4 * MIB, repaired = 0; /* neighbours go to the same leaf */
        struct vdev *wrong = r.leaf[i % 2];
        EXPECT_EQ(e, rig_write(&r, off, 64 * KIB, i, 10), 0);
        wrong->stats = (struct vdev_stats){0};
        rot_part(&r, i % 2, off, 64 * KIB);
        EXPECT_EQ(e, rig_read(&r, off, 64 * KIB, i, 10), 0);
        EXPECT_EQ(e, rig_scrub(&r, off, 64 * KIB, i, 10, &repaired), 0);
        EXPECT_EQ(e, wrong->stats.repaired, 32 * KIB);
        EXPECT_EQ(e, wrong->stats.checksum_errors, 1);
    }
    rig_free(&r);
}

static void test_both_disks_of_a_replacement_are_asked(void **state)
{
    (void)state;
    expect_in(expect_sim(1), unknown_body, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_of_all_sizes_fit_side_by_side),
        cmocka_unit_test(test_a_sound_block_is_read_without_parity),
        cmocka_unit_test(test_any_columns_that_lie_are_found_and_repaired),
        cmocka_unit_test(test_one_lie_too_many_is_an_error),
        cmocka_unit_test(test_degraded_writes_are_readable_and_remembered),
        cmocka_unit_test(test_resilver_writes_what_was_missed),
        cmocka_unit_test(test_what_a_leaf_that_is_away_holds_is_no_damage),
        cmocka_unit_test(test_losses_and_lies_together),
        cmocka_unit_test(test_a_leaf_that_lacks_a_block_is_asked_last),
        cmocka_unit_test(test_write_errors_up_to_parity_are_borne),
        cmocka_unit_test(test_a_replacing_child_is_one_column_on_two_leaves),
        cmocka_unit_test(test_both_disks_of_a_replacement_are_asked),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
