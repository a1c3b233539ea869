/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power cuts while disks come and go, in the simulated world. Writers ask for durability all the while. After the cut the pool
 * imports, whatever was acknowledged is there, and what had begun goes on to its end by itself or has never happened; either
 * way a disk that has left is not needed.
 */
#include "base/check.h"
#include "base/log.h"
#include "pool/pool_fixture.h"
#include "run/file.h"
#include "volume/expect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MIB       (1ull << 20)
#define DISK_SIZE (66 * MIB)
#define BLOCK     8192u
#define BLOCKS    160u
#define WRITERS   3u
#define SEEDS     12u

static const char *const disks[] = {"/d0", "/d1", "/d2", "/n0", "/n1"};
#define DISKS ARRAY_LEN(disks)

struct change {
    enum pool_layout layout;
    unsigned n; /* disks at the beginning: leaves */
    int (*begin)(struct pool *p);
    const char *leaves;   /* the disk that does, if any */
    unsigned after;       /* leaves at the end */
    unsigned long max_ms; /* until the power is cut */
    bool spare;           /* /n0 is one from the start */
};

struct ledger {
    const struct change *c;
    struct sim_disks *disks;
    uint32_t acked[BLOCKS], pending[BLOCKS];
    unsigned undone, begun, done; /* what the cuts met */
};
struct bench {
    struct ledger *l;
    struct expect *e;
    struct pool *p;
    struct volume *v;
};

/* ---- the pool -------------------------------------------------------------------------------------- */

static void make(struct bench *b)
{
    static const char *const spare[] = {"/n0"};
    const struct change *c = b->l->c;
    struct err err = {0};
    for (unsigned i = 0; i < DISKS; i++)
        fixture_disk(disks[i], DISK_SIZE);
    const struct pool_group group = {c->layout, c->n, disks};
    const struct pool_create_want want = {.name = "tank",
                                          .groups = &group,
                                          .ngroups = 1,
                                          .spares = spare,
                                          .nspares = c->spare,
                                          .opts = {.dirty_bytes = 4 * MIB}};
    const struct pool_volume_want vol = {.name = "v",
                                         .size = (uint64_t)BLOCKS * BLOCK,
                                         .block_size = BLOCK,
                                         .compression = "off"};
    check(pool_create(&want, &b->p, &err) == 0);
    check(pool_volume_create(b->p, &vol, &err) == 0);
    check(pool_volume_open(b->p, "v", &b->v, &err) == 0);
}

static int import(struct bench *b, bool read_only)
{
    const char *paths[DISKS + 1] = {NULL};
    memcpy(paths, disks, sizeof(disks));
    const struct pool_import_want want = {
        .paths = paths, .name = "tank", .read_only = read_only};
    return pool_import(&want, &b->p, NULL);
}

static void fill(uint8_t bytes[BLOCK], unsigned block, uint32_t version)
{
    memset(bytes, 0, BLOCK);
    for (unsigned i = 0; version && i < BLOCK; i++)
        bytes[i] = (uint8_t)(version * 131u + block * 7u + i * i / 3 + (version >> 8));
}

static void write_block(struct bench *b, unsigned block)
{
    static uint8_t bytes[BLOCK];
    struct sgl sgl;
    uint32_t version = b->l->pending[block] = b->l->acked[block] + 1;
    sgl_init(&sgl);
    check(sgl_alloc(&sgl, BLOCK) == 0);
    fill(bytes, block, version);
    sgl_copy_in(&sgl, 0, bytes, BLOCK);
    EXPECT_EQ(b->e, b->v->ops->write(b->v, (uint64_t)block * BLOCK, &sgl, VOL_FUA), 0);
    b->l->acked[block] = version;
    sgl_clear(&sgl);
}

static void verify(struct bench *b)
{
    static uint8_t got[BLOCK], want[2][BLOCK];
    unsigned wrong = 0;
    check(pool_volume_open(b->p, "v", &b->v, NULL) == 0);
    for (unsigned i = 0; i < BLOCKS; i++) {
        struct sgl sgl;
        sgl_init(&sgl);
        EXPECT_EQ(b->e, b->v->ops->read(b->v, (uint64_t)i * BLOCK, BLOCK, &sgl), 0);
        sgl_copy_out(&sgl, 0, got, BLOCK);
        sgl_clear(&sgl);
        fill(want[0], i, b->l->acked[i]);
        fill(want[1], i, b->l->pending[i]);
        wrong += memcmp(got, want[0], BLOCK) != 0 && memcmp(got, want[1], BLOCK) != 0;
    }
    EXPECT_EQ(b->e, wrong, 0);
    volume_close(b->v);
}

/* ---- before the cut -------------------------------------------------------------------------------------- */

struct writer {
    struct bench *b;
    unsigned first;
};

static void writer(void *arg)
{
    struct writer *w = arg;
    for (unsigned i = w->first;; i = i + WRITERS < BLOCKS ? i + WRITERS : w->first)
        write_block(w->b, i);
}

static void changer(void *arg)
{
    struct bench *b = arg;
    b->l->c->begin(b->p);
}

static void before_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    struct run *run = reactor_run(reactor_self());
    struct writer w[WRITERS];
    make(&b);
    for (unsigned i = 0; i < BLOCKS; i++)
        write_block(&b, i);
    EXPECT_EQ(e, pool_sync(b.p), 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){&b, i};
        check(fiber_start(writer, &w[i], "writer"));
    }
    check(fiber_start(changer, &b, "changer"));
    uint64_t ns = sim_random_below(run, b.l->c->max_ms * NS_PER_MS);
    fiber_sleep_until(run_now() + ns, NULL);
    sim_power_cut(run, SIM_CUT_SUBSET);
}

/* ---- after it ------------------------------------------------------------------------------------------------ */

static unsigned leaves(const struct bench *b, bool *ret_whole)
{
    unsigned n = 0;
    const struct vdev *leaf;
    *ret_whole = true;
    for (; (leaf = vdev_leaf(b->p->root, n)); n++)
        *ret_whole &= leaf->dtl.n == 0 && leaf->state == VDEV_HEALTHY;
    return n;
}

static void after_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    const struct change *c = b.l->c;
    struct pool_scan_status s;
    bool whole;
    check(import(&b, false) == 0);
    unsigned n = leaves(&b, &whole);
    b.l->undone += n == c->n && (c->after != c->n || disk_of(b.p, c->leaves));
    b.l->begun += !whole;
    b.l->done += whole && n == c->after && !(c->leaves && disk_of(b.p, c->leaves));
    verify(&b);
    pool_scan_wait(b.p);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_START, NULL), 0);
    pool_scan_wait(b.p);
    pool_scan_status(b.p, &s);
    EXPECT_EQ(e, s.errors, 0);
    n = leaves(&b, &whole);
    EXPECT(e, whole && (n == c->n || n == c->after));
    bool left = c->leaves && !disk_of(b.p, c->leaves);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
    if (left)
        check(file_rename(c->leaves, "/gone") == 0);
    check(import(&b, true) == 0);
    verify(&b);
    pool_close(b.p);
}

/* ---- the changes ---------------------------------------------------------------------------------------------- */

static int attach(struct pool *p)
{
    return pool_attach(p, "/d0", "/n0", false, NULL);
}

static int replace(struct pool *p)
{
    return pool_replace(p, "/d0", "/n0", false, NULL);
}

static int replace_two(struct pool *p)
{
    int r = pool_replace(p, "/d2", "/n1", false, NULL);
    return r ? r : pool_replace(p, "/d0", "/n0", false, NULL);
}

static int detach(struct pool *p)
{
    return pool_detach(p, "/d0", NULL);
}

static int add(struct pool *p)
{
    static const char *const two[] = {"/n0", "/n1"};
    const struct pool_group group = {LAYOUT_MIRROR, 2, two};
    return pool_add(p, &group, 1, NULL, 0, false, NULL);
}

static const struct change changes[] = {
    {LAYOUT_SINGLE, 1, attach,      NULL,  2, 400, false},
    {LAYOUT_SINGLE, 1, replace,     "/d0", 1, 400, false},
    {LAYOUT_MIRROR, 2, replace,     "/d0", 2, 400, false},
    {LAYOUT_RAIDZ1, 3, replace,     "/d0", 3, 400, false},
    {LAYOUT_RAIDZ1, 3, replace,     NULL,  4, 400, true },
    {LAYOUT_RAIDZ1, 3, replace_two, "/d0", 3, 200, false},
    {LAYOUT_MIRROR, 3, detach,      "/d0", 2, 60,  false},
    {LAYOUT_MIRROR, 2, add,         NULL,  4, 100, false},
};

static struct run *world(struct ledger *l, uint64_t seed)
{
    struct run *run = expect_sim(seed);
    sim_attach_disks(run, l->disks);
    return run;
}

/* Something is met at each of its stages. */
static void test_power_cuts(void **state)
{
    (void)state;
    unsigned undone = 0, begun = 0, done = 0;
    for (unsigned c = 0; c < ARRAY_LEN(changes); c++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct ledger l = {.c = &changes[c], .disks = sim_disks_new()};
            expect_in(world(&l, seed * 100 + c), before_body, &l);
            expect_in(world(&l, seed * 100 + c + 50), after_body, &l);
            sim_disks_free(l.disks);
            undone += l.undone;
            begun += l.begun;
            done += l.done;
        }
    }
    print_message("undone %u, begun %u, done %u\n", undone, begun, done);
    assert_true(undone > 3 && begun > 3 && done > 3);
}

/* ---- a log that waits for its volume ---------------------------------------------------------------------------- */

static void log_before_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    make(&b);
    EXPECT_EQ(e, pool_sync(b.p), 0);
    for (unsigned i = 0; i < BLOCKS; i++)
        write_block(&b, i);
    sim_power_cut(reactor_run(reactor_self()), SIM_CUT_NONE);
}

/* The volume is not opened before its only disk has been replaced. */
static void log_after_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    check(import(&b, false) == 0);
    EXPECT_EQ(e, pool_replace(b.p, "/d0", "/n0", false, NULL), 0);
    pool_scan_wait(b.p);
    EXPECT(e, !disk_of(b.p, "/d0"));
    check(file_rename("/d0", "/gone") == 0);
    verify(&b);
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
}

static void test_a_claimed_log_is_resilvered(void **state)
{
    (void)state;
    struct ledger l = {.c = &changes[1], .disks = sim_disks_new()};
    expect_in(world(&l, 1), log_before_body, &l);
    expect_in(world(&l, 2), log_after_body, &l);
    sim_disks_free(l.disks);
}

/* ---- many logs ------------------------------------------------------------------------------------------------------- */

#define VOLUMES 12u

static const char *volume_name(unsigned i)
{
    static char name[8];
    snprintf(name, sizeof(name), "w%u", i);
    return name;
}

static void logs_before_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    make(&b);
    for (unsigned i = 0; i < VOLUMES; i++) {
        const struct pool_volume_want want = {
            .name = volume_name(i), .size = 64 * BLOCK, .block_size = BLOCK};
        check(pool_volume_create(b.p, &want, NULL) == 0);
        check(pool_volume_open(b.p, volume_name(i), &b.v, NULL) == 0);
        write_block(&b, 0);
    }
    sim_power_cut(reactor_run(reactor_self()), SIM_CUT_NONE);
}

/* Behind the last block of a log lies what was never written: no disk is to blame, and none is replaced by a spare. */
static void logs_after_body(struct expect *e)
{
    struct bench b = {.l = e->arg, .e = e};
    const struct vdev *leaf;
    check(import(&b, false) == 0);
    for (unsigned i = 0; i < VOLUMES; i++) {
        check(pool_volume_open(b.p, volume_name(i), &b.v, NULL) == 0);
        volume_close(b.v);
    }
    fiber_sleep_until(run_deadline_ms(20000), NULL); /* the caretaker has looked */
    for (unsigned i = 0; (leaf = vdev_leaf(b.p->root, i)); i++) {
        EXPECT_EQ(e, leaf->stats.checksum_errors, 0);
        EXPECT_EQ(e, leaf->state, VDEV_HEALTHY);
    }
    EXPECT_EQ(e, pool_export(b.p, NULL), 0);
}

static void test_the_end_of_a_log_is_no_error_of_a_disk(void **state)
{
    (void)state;
    struct ledger l = {.c = &changes[2], .disks = sim_disks_new()};
    expect_in(world(&l, 1), logs_before_body, &l);
    expect_in(world(&l, 2), logs_after_body, &l);
    l.c = &changes[3];
    sim_disks_free(l.disks);
    l.disks = sim_disks_new();
    expect_in(world(&l, 1), logs_before_body, &l);
    expect_in(world(&l, 2), logs_after_body, &l);
    sim_disks_free(l.disks);
}

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t n)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)n;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cuts),
        cmocka_unit_test(test_a_claimed_log_is_resilvered),
        cmocka_unit_test(test_the_end_of_a_log_is_no_error_of_a_disk),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests_name("pool_disks_cut", tests, NULL, NULL);
}
