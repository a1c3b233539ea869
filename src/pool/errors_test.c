/* SPDX-License-Identifier: BSD-2-Clause */
/* The persistent error log: what a read or a scrub finds damaged is listed by volume and offset, across imports, until a whole
 * scrub doesn't find it. */
#include "base/check.h"
#include "base/log.h"
#include "pool/pool_fixture.h"
#include "pool/scan/scan.h"
#include "run/file.h"
#include "volume/expect.h"

#include <errno.h>
#include <stdio.h>

#define MIB       (1ull << 20)
#define DISK_SIZE (66 * MIB)
#define DISKS     2u
#define BLOCK     8192u
#define BLOCKS    1500u /* two pointer blocks */
#define LIST_MAX  3u

static const char *const disks[DISKS + 1] = {"/d0", "/d1", NULL};

struct bench {
    struct expect *e;
    struct pool *p;
    struct volume *v;
    struct pool_error list[LIST_MAX];
    unsigned n;
};

static void make(struct bench *b, struct expect *e)
{
    *b = (struct bench){.e = e};
    for (unsigned i = 0; i < DISKS; i++)
        fixture_disk(disks[i], DISK_SIZE);
    const struct pool_group group = {LAYOUT_MIRROR, DISKS, disks};
    const struct pool_create_want want = {.name = "tank", .groups = &group, .ngroups = 1};
    const struct pool_volume_want vol = {.name = "a/v",
                                         .make_parents = true,
                                         .size = (uint64_t)BLOCKS * BLOCK,
                                         .block_size = BLOCK,
                                         .compression = "off"};
    check(pool_create(&want, &b->p, NULL) == 0);
    check(pool_volume_create(b->p, &vol, NULL) == 0);
}

static void open_volume(struct bench *b)
{
    check(pool_volume_open(b->p, "a/v", &b->v, NULL) == 0);
}

static void import(struct bench *b, bool read_only)
{
    const struct pool_import_want want = {
        .paths = disks, .name = "tank", .read_only = read_only};
    check(pool_import(&want, &b->p, NULL) == 0);
}

static void reimport(struct bench *b)
{
    EXPECT_EQ(b->e, pool_export(b->p, NULL), 0);
    import(b, false);
}

static void write_block(struct bench *b, unsigned block)
{
    struct sgl sgl;
    static uint8_t bytes[BLOCK];
    sgl_init(&sgl);
    check(sgl_alloc(&sgl, BLOCK) == 0);
    for (unsigned i = 0; i < BLOCK; i++)
        bytes[i] = (uint8_t)(block * 7 + i * i / 3);
    sgl_copy_in(&sgl, 0, bytes, BLOCK);
    EXPECT_EQ(b->e, b->v->ops->write(b->v, (uint64_t)block * BLOCK, &sgl, 0), 0);
    sgl_clear(&sgl);
}

static int read_block(struct bench *b, unsigned block)
{
    struct sgl sgl;
    sgl_init(&sgl);
    int r = b->v->ops->read(b->v, (uint64_t)block * BLOCK, BLOCK, &sgl);
    sgl_clear(&sgl);
    return r;
}

static void fill(struct bench *b)
{
    open_volume(b);
    for (unsigned i = 0; i < BLOCKS; i++)
        write_block(b, i);
    volume_close(b->v);
}

/* ---- damage ---------------------------------------------------------------------------------------- */

static void rot_bp(const struct bp *bp)
{
    for (unsigned c = 0; c < bp_ndvas(bp); c++)
        for (unsigned i = 0; i < DISKS; i++)
            sim_rot(reactor_run(reactor_self()), disks[i], LABEL_FRONT + bp_dva(bp, c).off,
                    512);
}

struct pick {
    unsigned level;
    uint64_t blkid;
};

static int rot_if(void *arg, const struct bp *bp, uint64_t object, unsigned level,
                  uint64_t blkid)
{
    const struct pick *pick = arg;
    if (object == ZVOL_DATA && level == pick->level && blkid == pick->blkid)
        rot_bp(bp);
    return 0;
}

/* All copies of one block. The pool is closed afterwards, so that no cache has it. */
static void damage(struct bench *b, unsigned level, uint64_t blkid)
{
    struct pick pick = {level, blkid};
    const struct traverse t = {.visit = rot_if, .arg = &pick};
    struct bp bp = dsl_dataset_phys(dsl_find(&b->p->dsl, "a/v")->head)->bp;
    uint64_t ticket = blocks_reader_enter(&b->p->blocks);
    EXPECT_EQ(b->e, objset_traverse(&b->p->blocks, &bp, &t), 0);
    blocks_reader_leave(&b->p->blocks, ticket);
}

static int collect(void *arg, const struct pool_error *e)
{
    struct bench *b = arg;
    check(b->n < LIST_MAX);
    b->list[b->n++] = *e;
    return 0;
}

static unsigned listed(struct bench *b)
{
    b->n = 0;
    EXPECT_EQ(b->e, pool_errors(b->p, collect, b), 0);
    EXPECT_EQ(b->e, pool_error_count(b->p), b->n);
    return b->n;
}

static void expect_block(struct bench *b, unsigned i, unsigned block)
{
    EXPECT(b->e, strcmp(b->list[i].dataset, "a/v") == 0);
    EXPECT_EQ(b->e, b->list[i].object, ZVOL_DATA);
    EXPECT_EQ(b->e, b->list[i].offset, (uint64_t)block * BLOCK);
    EXPECT_EQ(b->e, b->list[i].len, BLOCK);
}

static uint64_t scrub(struct bench *b)
{
    struct pool_scan_status s;
    EXPECT_EQ(b->e, pool_scrub(b->p, POOL_SCRUB_START, NULL), 0);
    pool_scan_wait(b->p);
    pool_scan_status(b->p, &s);
    EXPECT_EQ(b->e, s.state, POOL_SCAN_FINISHED);
    return s.errors;
}

/* ---- tests ----------------------------------------------------------------------------------------- */

static void life_body(struct expect *e)
{
    struct bench b;
    make(&b, e);
    fill(&b);
    damage(&b, 0, 7);
    damage(&b, 0, 1100);
    reimport(&b);
    EXPECT_EQ(e, listed(&b), 0);
    open_volume(&b);
    EXPECT_EQ(e, read_block(&b, 7), -EBADMSG);
    EXPECT_EQ(e, read_block(&b, 7), -EBADMSG); /* once is enough */
    EXPECT_EQ(e, read_block(&b, 8), 0);
    EXPECT_EQ(e, listed(&b), 1);
    expect_block(&b, 0, 7);
    volume_close(b.v);
    reimport(&b);
    EXPECT_EQ(e, listed(&b), 1);
    EXPECT_EQ(e, scrub(&b), 2);
    EXPECT_EQ(e, listed(&b), 2);
    expect_block(&b, 0, 7);
    expect_block(&b, 1, 1100);
    open_volume(&b);
    write_block(&b, 7);
    EXPECT_EQ(e, read_block(&b, 1100), -EBADMSG);
    volume_close(b.v);
    EXPECT_EQ(e, listed(&b), 2); /* nobody looked yet */
    reimport(&b);
    EXPECT_EQ(e, listed(&b), 2);
    EXPECT_EQ(e, scrub(&b), 1);
    EXPECT_EQ(e, listed(&b), 1);
    expect_block(&b, 0, 1100);
    open_volume(&b);
    write_block(&b, 1100);
    volume_close(b.v);
    EXPECT_EQ(e, scrub(&b), 0);
    EXPECT_EQ(e, listed(&b), 0);
    reimport(&b);
    EXPECT_EQ(e, listed(&b), 0);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
}

static void test_damage_is_remembered_until_a_scrub_does_not_find_it(void **state)
{
    (void)state;
    expect_in(expect_sim(1), life_body, NULL);
}

static void pointers_body(struct expect *e)
{
    struct bench b;
    make(&b, e);
    fill(&b);
    damage(&b, 1, 1);
    reimport(&b);
    EXPECT_EQ(e, scrub(&b), 1);
    EXPECT_EQ(e, listed(&b), 1);
    EXPECT_EQ(e, b.list[0].offset, 1024ull * BLOCK);
    EXPECT_EQ(e, b.list[0].len, (uint64_t)(BLOCKS - 1024) * BLOCK);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
    import(&b, true); /* also where nothing can be written */
    EXPECT_EQ(e, listed(&b), 1);
    open_volume(&b);
    EXPECT_EQ(e, read_block(&b, 1200), -EBADMSG);
    EXPECT_EQ(e, listed(&b), 2);
    expect_block(&b, 0, 1200);
    volume_close(b.v);
    pool_close(b.p);
}

static void test_a_damaged_pointer_block_stands_for_what_is_below(void **state)
{
    (void)state;
    expect_in(expect_sim(1), pointers_body, NULL);
}

/* What a scrub has found stays when it is cancelled, and so does what it hasn't reached. */
static void cancelled_body(struct expect *e)
{
    struct bench b;
    make(&b, e);
    fill(&b);
    damage(&b, 0, 7);
    damage(&b, 0, 1499);
    reimport(&b);
    EXPECT_EQ(e, scrub(&b), 2);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_START, NULL), 0);
    struct pool_scan_status s;
    do {
        fiber_yield();
        pool_scan_status(b.p, &s);
    } while (s.state != POOL_SCAN_RUNNING || s.errors == 0);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_CANCEL, NULL), 0);
    pool_scan_wait(b.p);
    pool_scan_status(b.p, &s);
    EXPECT_EQ(e, s.state, POOL_SCAN_CANCELLED);
    EXPECT_EQ(e, listed(&b), 2);
    reimport(&b);
    EXPECT_EQ(e, listed(&b), 2);
    open_volume(&b);
    write_block(&b, 7);
    volume_close(b.v);
    EXPECT_EQ(e, scrub(&b), 1);
    EXPECT_EQ(e, listed(&b), 1);
    expect_block(&b, 0, 1499);
    EXPECT_EQ(e, pool_volume_destroy(b.p, "a/v", NULL), 0);
    EXPECT_EQ(e, listed(&b), 1);
    EXPECT(e, strncmp(b.list[0].dataset, "<0x", 3) == 0 && b.list[0].len == 0);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
}

static void test_a_cancelled_scrub_forgets_nothing(void **state)
{
    (void)state;
    expect_in(expect_sim(1), cancelled_body, NULL);
}

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t n)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)n;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_is_remembered_until_a_scrub_does_not_find_it),
        cmocka_unit_test(test_a_damaged_pointer_block_stands_for_what_is_below),
        cmocka_unit_test(test_a_cancelled_scrub_forgets_nothing),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests_name("pool_errors", tests, NULL, NULL);
}
