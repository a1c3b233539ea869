/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scrub and resilver of whole pools in the simulated world: rotten disks, disks that were away,
 * in pools that are written to meanwhile. What was repaired is proven by taking as many other
 * disks away as the layout can do without.
 */
#include "base/check.h"
#include "base/log.h"
#include "pool/pool_fixture.h"
#include "pool/scan/scan.h"
#include "run/file.h"
#include "volume/expect.h"

#include <errno.h>

#define MIB       (1ull << 20)
#define DISK_SIZE (66 * MIB)
#define DISKS     4u
#define BLOCK     8192u
#define BLOCKS    1500u /* of the volume: more than one ticket's worth */

struct shape {
    enum pool_layout layout;
    unsigned disks, spare; /* spare: how many it can do without */
};
static const struct shape mirror = {LAYOUT_MIRROR, 2, 1};
static const struct shape raidz1 = {LAYOUT_RAIDZ1, 3, 1};
static const struct shape raidz2 = {LAYOUT_RAIDZ2, 4, 2};

static const char *const disks[DISKS] = {"/d0", "/d1", "/d2", "/d3"};
static const char *const elsewhere[DISKS] = {"/away0", "/away1", "/away2", "/away3"};

struct bench {
    struct expect *e;
    const struct shape *shape;
    struct pool *p;
    uint8_t seed[BLOCKS]; /* what each block holds; 0: zeros */
    uint8_t next;
    unsigned writers; /* that are at work */
    bool enough;
};

/* ---- the pool ---------------------------------------------------------------------------- */

static void make(struct bench *b, struct expect *e)
{
    struct err err = {0};
    memset(b, 0, sizeof(*b));
    b->e = e;
    b->shape = e->arg;
    for (unsigned i = 0; i < b->shape->disks; i++)
        fixture_disk(disks[i], DISK_SIZE);
    const struct pool_group group = {b->shape->layout, b->shape->disks, disks};
    const struct pool_create_want want = {
        .name = "tank",
        .groups = &group,
        .ngroups = 1,
        .opts = {.dirty_bytes = 4 * MIB, .scan_keep_ms = 1}
    };
    const struct pool_volume_want vol = {.name = "v",
                                         .size = (uint64_t)BLOCKS * BLOCK,
                                         .block_size = BLOCK,
                                         .compression = "off"};
    check(pool_create(&want, &b->p, &err) == 0);
    check(pool_volume_create(b->p, &vol, &err) == 0);
}

/* Disks are taken away, and brought back, by name. */
static void move(unsigned which, bool away)
{
    for (unsigned i = 0; i < DISKS; i++)
        if (which & 1u << i)
            check(file_rename(away ? disks[i] : elsewhere[i], away ? elsewhere[i] : disks[i]) ==
                  0);
}

static void import(struct bench *b, bool read_only)
{
    const char *paths[DISKS + 1] = {NULL};
    for (unsigned i = 0; i < b->shape->disks; i++)
        paths[i] = disks[i];
    const struct pool_import_want want = {
        .paths = paths, .name = "tank", .read_only = read_only, .opts = {.scan_keep_ms = 1}};
    check(pool_import(&want, &b->p, NULL) == 0);
}

static void export(struct bench *b)
{
    EXPECT_EQ(b->e, pool_export(b->p, NULL), 0);
}

static struct volume *volume(struct bench *b)
{
    struct volume *v;
    check(pool_volume_open(b->p, "v", &v, NULL) == 0);
    return v;
}

static void write_block(struct bench *b, struct volume *v, unsigned block, unsigned flags)
{
    uint8_t seed = b->next = b->next == UINT8_MAX ? 1 : b->next + 1;
    EXPECT_EQ(b->e, fixture_write_as(v, (uint64_t)block * BLOCK, BLOCK, seed, flags), 0);
    b->seed[block] = seed;
}

static void write_every(struct bench *b, unsigned step)
{
    struct volume *v = volume(b);
    for (unsigned i = 0; i < BLOCKS; i += step)
        write_block(b, v, i, 0);
    volume_close(v);
    EXPECT_EQ(b->e, pool_sync(b->p), 0);
}

static void verify(struct bench *b)
{
    struct volume *v = volume(b);
    unsigned wrong = 0;
    for (unsigned i = 0; i < BLOCKS; i++)
        wrong += !fixture_holds(v, (uint64_t)i * BLOCK, BLOCK, b->seed[i]);
    EXPECT_EQ(b->e, wrong, 0);
    volume_close(v);
}

/* Each set of disks that is enough has all the data. Exported before and after. */
static void verify_without_any(struct bench *b)
{
    unsigned all = (1u << b->shape->disks) - 1;
    for (unsigned gone = 1; gone < all; gone++) {
        if ((unsigned)__builtin_popcount(gone) != b->shape->spare)
            continue;
        move(gone, true);
        import(b, true);
        verify(b);
        pool_close(b->p);
        move(gone, false);
    }
}

static struct pool_scan_status scrub(struct bench *b)
{
    struct pool_scan_status s;
    pool_scan_wait(b->p);
    EXPECT_EQ(b->e, pool_scrub(b->p, POOL_SCRUB_START, NULL), 0);
    pool_scan_wait(b->p);
    pool_scan_status(b->p, &s);
    EXPECT_EQ(b->e, s.state, POOL_SCAN_FINISHED);
    EXPECT(b->e, !s.resilver);
    return s;
}

static void rot(const char *disk)
{
    sim_rot(reactor_run(reactor_self()), disk, 5 * MIB, DISK_SIZE - 7 * MIB);
}

/* ---- scrub ------------------------------------------------------------------------------- */

static void scrub_body(struct expect *e)
{
    struct bench b;
    make(&b, e);
    write_every(&b, 1);
    export(&b);
    for (unsigned i = 0; i < b.shape->spare; i++)
        rot(disks[i]);
    import(&b, false);
    struct pool_scan_status s = scrub(&b);
    EXPECT_EQ(e, s.errors, 0);
    EXPECT(e, s.repaired > (uint64_t)BLOCKS * BLOCK / 4);
    EXPECT(e, s.examined > (uint64_t)BLOCKS * BLOCK);
    s = scrub(&b);
    EXPECT_EQ(e, s.repaired, 0);
    export(&b);
    verify_without_any(&b);
}

/* What no redundancy can bring back is counted, and only that. */
static void errors_body(struct expect *e)
{
    struct bench b;
    make(&b, e);
    write_every(&b, 1);
    struct volume *v = volume(&b);
    struct bp bp;
    struct object *obj;
    struct dsl_dataset *ds = dsl_find(&b.p->dsl, "v")->head;
    EXPECT_EQ(e, object_hold(ds->os, 1, &obj), 0);
    EXPECT_EQ(e, object_lookup(obj, 7, &bp), 0);
    object_release(obj);
    volume_close(v);
    export(&b);
    for (unsigned i = 0; i < b.shape->disks; i++)
        sim_rot(reactor_run(reactor_self()), disks[i], LABEL_FRONT + bp_dva(&bp, 0).off, BLOCK);
    import(&b, false);
    EXPECT_EQ(e, scrub(&b).errors, 1);
    export(&b);
}

/* ---- resilver ---------------------------------------------------------------------------- */

static void no_leaf_lacks(struct bench *b)
{
    const struct vdev *leaf;
    for (unsigned i = 0; (leaf = vdev_leaf(b->p->root, i)); i++)
        EXPECT_EQ(b->e, leaf->dtl.n, 0);
}

static void resilver_body(struct expect *e)
{
    struct bench b;
    struct pool_scan_status s;
    make(&b, e);
    write_every(&b, 1);
    export(&b);
    move(1, true);
    import(&b, false);
    write_every(&b, 5);
    export(&b);
    move(1, false);
    import(&b, false);
    pool_scan_wait(b.p);
    pool_scan_status(b.p, &s);
    EXPECT(e, s.resilver);
    EXPECT_EQ(e, s.state, POOL_SCAN_FINISHED);
    EXPECT_EQ(e, s.errors, 0);
    EXPECT(e, s.repaired > 0 && s.repaired < (uint64_t)BLOCKS * BLOCK / 2);
    no_leaf_lacks(&b);
    EXPECT_EQ(e, scrub(&b).repaired, 0);
    export(&b);
    verify_without_any(&b);
}

/* A disk is pulled out and misses a log block, which belongs to no txg that was written, then those of a txg. */
static void log_body(struct expect *e)
{
    struct bench b;
    struct run *run = reactor_run(reactor_self());
    make(&b, e);
    write_every(&b, 1);
    struct volume *v = volume(&b);
    const struct vdev *leaf = vdev_leaf(b.p->root, 0);
    sim_unplug(run, disks[0]);
    write_block(&b, v, 7, VOL_FUA); /* too large for the log's first block, which stays empty */
    EXPECT(e, leaf->state == VDEV_REMOVED);
    EXPECT(e, !txg_set_has(&leaf->dtl, 0));
    volume_close(v);
    write_every(&b, 5);
    export(&b);
    sim_plug(run, disks[0]);
    import(&b, false);
    pool_scan_wait(b.p);
    no_leaf_lacks(&b);
    export(&b);
    verify_without_any(&b);
}

static void close_and_import(struct bench *b)
{
    pool_close(b->p);
    fiber_sleep_until(run_deadline_ms(3000), NULL);
    import(b, false);
}

/* Caught in the middle, when a place on the way was written down. */
static struct pool_scan_status resilver_midway(struct bench *b)
{
    struct pool_scan_status s;
    do {
        fiber_yield();
        pool_scan_status(b->p, &s);
    } while (s.examined < s.to_examine / 2);
    EXPECT(b->e, s.resilver && s.state == POOL_SCAN_RUNNING);
    return s;
}

/* A disk that was away is brought what it lacks; the pool is closed meanwhile, and with the import `also` are back too. */
static void resilver_resumes(struct expect *e, unsigned also)
{
    struct pool_scan_status before, after;
    struct bench b;
    make(&b, e);
    write_every(&b, 1);
    export(&b);
    move(1 | also, true);
    import(&b, false);
    write_every(&b, 1);
    export(&b);
    move(1, false);
    import(&b, false);
    before = resilver_midway(&b);
    move(also, false);
    close_and_import(&b);
    pool_scan_wait(b.p);
    pool_scan_status(b.p, &after);
    EXPECT(e, after.resilver && after.errors == 0);
    EXPECT_EQ(e, after.state, POOL_SCAN_FINISHED);
    EXPECT(e, (after.start == before.start) == (also == 0)); /* the same one, or another */
    no_leaf_lacks(&b);
    export(&b);
    verify_without_any(&b);
}

static void resilver_resume_body(struct expect *e)
{
    resilver_resumes(e, 0);
}

/* What lies before the place was brought to the first disk only. */
static void resilver_restart_body(struct expect *e)
{
    resilver_resumes(e, 2);
}

/* ---- beside writers ---------------------------------------------------------------------- */

static void writer(void *arg)
{
    struct bench *b = arg;
    struct volume *v = volume(b);
    for (unsigned i = 0; !b->enough; i = (i + 37) % BLOCKS) {
        write_block(b, v, i, 0);
        fiber_sleep_until(run_deadline_ms(1), NULL);
    }
    volume_close(v);
    b->writers--;
}

/* A disk goes and comes back, and a rotten one is scrubbed, while blocks are replaced all
 * the time. */
static void busy_body(struct expect *e)
{
    struct bench b;
    make(&b, e);
    write_every(&b, 1);
    b.writers = 1;
    check(fiber_start(writer, &b, "writer"));
    EXPECT_EQ(e, pool_offline(b.p, disks[0], NULL), 0);
    if (b.shape->spare == 1)
        EXPECT_EQ(e, pool_offline(b.p, disks[1], NULL), -EBUSY);
    EXPECT_EQ(e, pool_sync(b.p), 0);
    EXPECT_EQ(e, pool_sync(b.p), 0);
    EXPECT_EQ(e, pool_online(b.p, disks[0], NULL), 0);
    pool_scan_wait(b.p);
    no_leaf_lacks(&b);
    rot(disks[1]);
    EXPECT_EQ(e, scrub(&b).errors, 0);
    b.enough = true;
    while (b.writers > 0)
        fiber_yield();
    verify(&b);
    EXPECT_EQ(e, scrub(&b).repaired, 0);
    export(&b);
    verify_without_any(&b);
}

/* ---- the verbs --------------------------------------------------------------------------- */

static enum pool_scan_state state(struct bench *b)
{
    struct pool_scan_status s;
    pool_scan_status(b->p, &s);
    return s.state;
}

/* Begins and is caught in the middle. */
static void begin(struct bench *b)
{
    struct pool_scan_status s;
    EXPECT_EQ(b->e, pool_scrub(b->p, POOL_SCRUB_START, NULL), 0);
    do {
        fiber_yield();
        pool_scan_status(b->p, &s);
    } while (s.state != POOL_SCAN_RUNNING || s.examined == 0);
}

static void verbs_body(struct expect *e)
{
    struct pool_scan_status paused, again;
    struct bench b;
    make(&b, e);
    EXPECT_EQ(e, state(&b), POOL_SCAN_NEVER);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_PAUSE, NULL), -ENOENT);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_CANCEL, NULL), -ENOENT);
    EXPECT_EQ(e, pool_offline(b.p, "/nowhere", NULL), -ENOENT);
    write_every(&b, 1);
    begin(&b);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_START, NULL), -EBUSY);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_CANCEL, NULL), 0);
    pool_scan_wait(b.p);
    EXPECT_EQ(e, state(&b), POOL_SCAN_CANCELLED);
    begin(&b);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_PAUSE, NULL), 0);
    pool_scan_wait(b.p);
    EXPECT_EQ(e, state(&b), POOL_SCAN_PAUSED);
    pool_scan_status(b.p, &paused);
    fiber_sleep_until(run_deadline_ms(2000), NULL);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_START, NULL), 0);
    while (state(&b) != POOL_SCAN_RUNNING)
        fiber_yield();
    pool_scan_status(b.p, &again); /* it goes on where it was */
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_PAUSE, NULL), 0);
    pool_scan_wait(b.p);
    EXPECT(e, again.examined >= paused.examined && again.start == paused.start);
    export(&b);
    import(&b, false);
    EXPECT_EQ(e, state(&b), POOL_SCAN_PAUSED);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_CANCEL, NULL), 0);
    EXPECT_EQ(e, state(&b), POOL_SCAN_CANCELLED);
    begin(&b);
    pool_close(b.p);
    import(&b, false);
    pool_scan_wait(b.p);
    EXPECT_EQ(e, state(&b), POOL_SCAN_FINISHED);
    export(&b);
}

/* One that was paused goes on after an import, and sees everything once. */
static void resume_body(struct expect *e)
{
    struct pool_scan_status before, after, end;
    struct bench b;
    make(&b, e);
    write_every(&b, 1);
    begin(&b);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_PAUSE, NULL), 0);
    pool_scan_wait(b.p);
    pool_scan_status(b.p, &before);
    EXPECT(e, before.examined > 0 && before.examined < before.to_examine);
    close_and_import(&b);
    pool_scan_status(b.p, &after);
    EXPECT_EQ(e, after.state, POOL_SCAN_PAUSED);
    EXPECT_EQ(e, after.examined, before.examined);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_START, NULL), 0);
    pool_scan_wait(b.p);
    pool_scan_status(b.p, &end);
    EXPECT_EQ(e, end.state, POOL_SCAN_FINISHED);
    EXPECT_EQ(e, end.start, before.start);
    EXPECT(e, end.examined > before.examined && end.examined <= end.to_examine + 4 * MIB);
    EXPECT_EQ(e, end.errors, 0);
    /* Another one begins at the beginning. */
    close_and_import(&b);
    EXPECT_EQ(e, pool_scrub(b.p, POOL_SCRUB_START, NULL), 0);
    pool_scan_wait(b.p);
    pool_scan_status(b.p, &after);
    EXPECT(e, after.start > end.start && after.examined > before.examined);
    export(&b);
}

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t n)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)n;
}

#define TEST(name, body, shape)                                                                \
    static void test_##name(void **state)                                                      \
    {                                                                                          \
        (void)state;                                                                           \
        expect_in(expect_sim(1), body, (void *)(uintptr_t) & (shape));                         \
    }
TEST(scrub_repairs_a_mirror, scrub_body, mirror)
TEST(scrub_repairs_raidz1, scrub_body, raidz1)
TEST(scrub_repairs_raidz2, scrub_body, raidz2)
TEST(what_cannot_be_repaired_is_counted, errors_body, mirror)
TEST(a_mirror_is_resilvered, resilver_body, mirror)
TEST(raidz1_is_resilvered, resilver_body, raidz1)
TEST(raidz2_is_resilvered, resilver_body, raidz2)
TEST(a_mirror_that_missed_a_log_block, log_body, mirror)
TEST(raidz2_that_missed_a_log_block, log_body, raidz2)
TEST(repair_beside_writers_mirror, busy_body, mirror)
TEST(repair_beside_writers_raidz2, busy_body, raidz2)
TEST(the_verbs, verbs_body, mirror)
TEST(a_scrub_goes_on_after_an_import, resume_body, mirror)
TEST(a_resilver_goes_on_after_an_import, resilver_resume_body, mirror)
TEST(a_resilver_of_raidz2_goes_on_after_an_import, resilver_resume_body, raidz2)
TEST(a_resilver_begins_again_when_more_is_lacking, resilver_restart_body, raidz2)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scrub_repairs_a_mirror),
        cmocka_unit_test(test_scrub_repairs_raidz1),
        cmocka_unit_test(test_scrub_repairs_raidz2),
        cmocka_unit_test(test_what_cannot_be_repaired_is_counted),
        cmocka_unit_test(test_a_mirror_is_resilvered),
        cmocka_unit_test(test_raidz1_is_resilvered),
        cmocka_unit_test(test_raidz2_is_resilvered),
        cmocka_unit_test(test_a_mirror_that_missed_a_log_block),
        cmocka_unit_test(test_raidz2_that_missed_a_log_block),
        cmocka_unit_test(test_repair_beside_writers_mirror),
        cmocka_unit_test(test_repair_beside_writers_raidz2),
        cmocka_unit_test(test_the_verbs),
        cmocka_unit_test(test_a_scrub_goes_on_after_an_import),
        cmocka_unit_test(test_a_resilver_goes_on_after_an_import),
        cmocka_unit_test(test_a_resilver_of_raidz2_goes_on_after_an_import),
        cmocka_unit_test(test_a_resilver_begins_again_when_more_is_lacking),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests_name("pool_repair", tests, NULL, NULL);
}
