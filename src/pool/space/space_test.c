/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/space/space_fixture.h"

#include <errno.h>

#define KIB 1024u
#define MIB (1024u * KIB)

static const struct lab_top disk = {VDEV_DISK, 0, 0, 12, 20, 8};     /* 8 MiB */
static const struct lab_top small = {VDEV_DISK, 0, 0, 12, 16, 1};    /* 64 KiB */
static const struct lab_top mirror = {VDEV_MIRROR, 2, 0, 12, 22, 8}; /* 32 MiB */

static void in_lab(void (*body)(struct expect *e), const struct lab_top *tops, unsigned n)
{
    struct lab *l = lab_new(tops, n, 1);
    expect_in(expect_sim(1), body, l);
    lab_free(l);
}

static int alloc_in(struct lab *l, uint64_t txg, uint32_t size, enum space_use use,
                    struct dva *ret)
{
    struct dva d[BP_DVAS];
    int rc = space_alloc(l->sp, txg, size, 1, use, d);
    *ret = rc == 0 ? d[0] : (struct dva){0};
    return rc;
}

/* In the txg that will be committed next. */
static int alloc_one(struct lab *l, uint32_t size, struct dva *ret)
{
    return alloc_in(l, l->committed + 1, size, SPACE_DATA, ret);
}

static bool can_alloc(struct lab *l, uint32_t size)
{
    struct dva d;
    return alloc_one(l, size, &d) == 0;
}

static void sync_next(struct lab *l)
{
    lab_sync(l, l->committed + 1);
}

static uint64_t gap(const struct dva *a, const struct dva *b)
{
    return a->off < b->off ? b->off - (a->off + a->asize) : a->off - (b->off + b->asize);
}

/* ---- where blocks go ------------------------------------------------------------------------ */

static void sequential_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva at, last;
    unsigned jumps = 0;
    EXPECT_EQ(e, alloc_one(l, 16 * KIB, &last), 0);
    for (unsigned i = 0; i < 255; i++, last = at) { /* 4 MiB */
        EXPECT_EQ(e, alloc_one(l, 16 * KIB, &at), 0);
        jumps += at.vdev != last.vdev || at.off != last.off + last.asize;
    }
    EXPECT_EQ(e, jumps, 3); /* a turn is 512 KiB for each of two children */
}

static void test_a_txg_writes_long_extents(void **state)
{
    (void)state;
    const struct lab_top tops[] = {mirror, mirror};
    in_lab(sequential_body, tops, 2);
}

static void share_body(struct expect *e)
{
    struct lab *l = e->arg;
    uint64_t got[2] = {0};
    struct dva d;
    for (unsigned i = 0; i < 24 * MIB / (16 * KIB); i++) {
        EXPECT_EQ(e, alloc_one(l, 16 * KIB, &d), 0);
        got[d.vdev] += d.asize;
    }
    /* 32 MiB and 8 MiB: both are at 60 % or so */
    EXPECT(e, got[0] > 18 * MIB && got[0] < 21 * MIB);
    EXPECT(e, got[1] > 3 * MIB && got[1] < 6 * MIB);
}

static void test_vdevs_get_their_share(void **state)
{
    (void)state;
    const struct lab_top tops[] = {mirror, disk};
    in_lab(share_body, tops, 2);
}

static void copies_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d[BP_DVAS];
    for (unsigned i = 0; i < 100; i++) {
        EXPECT_EQ(e, space_alloc(l->sp, 11, 4 * KIB, 3, SPACE_META, d), 0);
        for (unsigned a = 0; a < 3; a++)
            for (unsigned b = 0; b < a; b++)
                EXPECT(e,
                       d[a].vdev != d[b].vdev ||
                           (l->ntops < 3 && gap(&d[a], &d[b]) >= l->top[d[a].vdev].asize / 8));
    }
}

static void test_copies_keep_their_distance(void **state)
{
    (void)state;
    const struct lab_top tops[] = {disk, mirror, disk};
    in_lab(copies_body, tops, 3);
    in_lab(copies_body, tops, 2);
    in_lab(copies_body, tops, 1);
}

static void crowded_copies_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d[BP_DVAS];
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_EQ(e, space_alloc(l->sp, 11, 4 * KIB, 3, SPACE_META, d), 0);
        EXPECT(e, d[0].off != d[1].off && d[1].off != d[2].off && d[0].off != d[2].off);
    }
    uint64_t before = space_totals(l->sp).allocated;
    EXPECT_EQ(e, before, 15 * 4 * KIB);
    EXPECT_EQ(e, space_alloc(l->sp, 11, 4 * KIB, 3, SPACE_META, d), -ENOSPC);
    EXPECT_EQ(e, space_totals(l->sp).allocated, before); /* nothing was taken */
    EXPECT_EQ(e, space_alloc(l->sp, 11, 4 * KIB, 1, SPACE_META, d), 0);
    EXPECT_EQ(e, space_alloc(l->sp, 11, 4 * KIB, 1, SPACE_META, d), -ENOSPC);
}

static void test_copies_go_anywhere_before_they_fail(void **state)
{
    (void)state;
    in_lab(crowded_copies_body, &small, 1);
}

static void uses_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva at, last[SPACE_USES];
    for (unsigned u = 0; u < SPACE_USES; u++)
        EXPECT_EQ(e, alloc_in(l, 11, 4 * KIB, (enum space_use)u, &last[u]), 0);
    for (unsigned i = 0; i < 60; i++) {
        unsigned u = i % SPACE_USES;
        EXPECT_EQ(e, alloc_in(l, 11, 4 * KIB, (enum space_use)u, &at), 0);
        EXPECT_EQ(e, at.off, last[u].off + last[u].asize);
        last[u] = at;
    }
}

static void test_uses_do_not_interleave(void **state)
{
    (void)state;
    const struct lab_top one_metaslab = {VDEV_DISK, 0, 0, 12, 20, 1};
    in_lab(uses_body, &disk, 1);
    in_lab(uses_body, &one_metaslab, 1);
}

static void apart_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d[SPACE_USES];
    for (unsigned i = 0; i < 8; i++) { /* all metaslabs are alike after that */
        d[0] = (struct dva){.off = i * MIB, .asize = 4 * KIB};
        EXPECT_EQ(e, space_claim(l->sp, 11, &d[0]), 0);
    }
    for (unsigned u = 0; u < SPACE_USES; u++)
        EXPECT_EQ(e, alloc_in(l, 11, 4 * KIB, (enum space_use)u, &d[u]), 0);
    EXPECT(e, d[0].off / MIB != d[1].off / MIB && d[1].off / MIB != d[2].off / MIB &&
                  d[0].off / MIB != d[2].off / MIB);
}

static void test_uses_have_metaslabs_of_their_own(void **state)
{
    (void)state;
    in_lab(apart_body, &disk, 1);
}

static void stay_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d = {.off = 512 * KIB, .asize = 4 * KIB};
    EXPECT_EQ(e, space_claim(l->sp, 11, &d), 0);
    d.off += MIB;
    EXPECT_EQ(e, space_claim(l->sp, 11, &d), 0);
    for (unsigned i = 0; i < 510; i++) {
        EXPECT_EQ(e, alloc_one(l, 4 * KIB, &d), 0);
        EXPECT_EQ(
            e, d.off / MIB,
            i / 255); /* the second one's ranges are larger when half of the first is used */
    }
}

static void test_data_stay_where_large_ranges_are(void **state)
{
    (void)state;
    const struct lab_top two_metaslabs = {VDEV_DISK, 0, 0, 12, 20, 2};
    in_lab(stay_body, &two_metaslabs, 1);
}

static void unusable_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d;
    l->top[0].is_log = true;
    l->top[1].state = VDEV_FAULTED;
    l->top[2].state = VDEV_DEGRADED;
    for (unsigned i = 0; i < 200; i++) {
        EXPECT_EQ(e, alloc_one(l, 4 * KIB, &d), 0);
        EXPECT_EQ(e, d.vdev, 2);
    }
    EXPECT_EQ(e, space_totals(l->sp).size, 16 * MIB); /* the log vdev's is not for data */
    l->top[2].state = VDEV_CANT_OPEN;
    EXPECT_EQ(e, alloc_one(l, 4 * KIB, &d), -ENOSPC);
}

static void test_unusable_vdevs_are_left_alone(void **state)
{
    (void)state;
    const struct lab_top tops[] = {disk, disk, disk};
    in_lab(unusable_body, tops, 3);
}

static void replaced_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct vdev other = l->top[0];
    struct dva d;
    other.type = VDEV_MIRROR;
    other.nchildren = 2;
    space_replace_top(l->sp, &other);
    l->top[0].state = VDEV_CLOSED; /* nobody looks at it any more */
    EXPECT_EQ(e, alloc_one(l, 4 * KIB, &d), 0);
    EXPECT(e, space_metaslab(l->sp, &other, 0)->top == &other);
}

static void test_a_vdev_may_be_replaced_by_another_struct(void **state)
{
    (void)state;
    in_lab(replaced_body, &disk, 1);
}

/* ---- when space is used again --------------------------------------------------------------- */

static struct dva fill(struct lab *l)
{
    struct dva d, last = {0};
    while (alloc_one(l, 4 * KIB, &d) == 0)
        last = d;
    sync_next(l);
    return last;
}

static void hold_back_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d = fill(l);
    uint64_t txg = l->committed + 1;
    EXPECT_EQ(e, space_free_dva(l->sp, txg, &d), 0);
    EXPECT_EQ(e, space_totals(l->sp).deferred, d.asize);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(e, !can_alloc(l, 4 * KIB));
        sync_next(l);
    }
    EXPECT_EQ(e, l->committed, txg + 2);
    EXPECT_EQ(e, space_totals(l->sp).deferred, 0);
    EXPECT(e, can_alloc(l, 4 * KIB));
}

static void test_what_is_freed_waits_two_txgs(void **state)
{
    (void)state;
    in_lab(hold_back_body, &small, 1);
}

static void reader_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d = fill(l), newer;
    uint64_t txg = l->committed + 1;
    newer = d;
    newer.off -= newer.asize;
    EXPECT_EQ(e, space_free_dva(l->sp, txg, &d), 0);
    for (unsigned i = 0; i < 10; i++) { /* more txgs than defer has places */
        lab_record(l, l->committed + 1, 0);
        lab_commit(l, l->committed + 1, txg - 1);
        EXPECT(e, !can_alloc(l, 4 * KIB));
        newer.off -= newer.asize;
        EXPECT_EQ(e, space_free_dva(l->sp, l->committed + 1, &newer), 0);
    }
    lab_record(l, l->committed + 1, 0);
    lab_commit(l, l->committed + 1, txg); /* began when txg was committed: doesn't see d */
    EXPECT(e, can_alloc(l, 4 * KIB));
    EXPECT(e, !can_alloc(l, 4 * KIB));
    for (unsigned i = 0; i < 3; i++)
        sync_next(l);
    EXPECT_EQ(e, space_totals(l->sp).deferred, 0);
    EXPECT(e, can_alloc(l, 40 * KIB));
}

static void test_what_a_reader_may_follow_is_not_reused(void **state)
{
    (void)state;
    in_lab(reader_body, &small, 1);
}

static void vanish_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d;
    EXPECT_EQ(e, alloc_one(l, 64 * KIB, &d), 0);
    EXPECT_EQ(e, space_free_dva(l->sp, 11, &d), 0);
    struct metaslab *ms = space_dirty_next(l->sp, 11, NULL);
    EXPECT(e, ms != NULL); /* what was dirty stays so */
    EXPECT_EQ(e, metaslab_record_words(ms, 11), 0);
    EXPECT_EQ(e, metaslab_allocated(ms, 11), 0);
    EXPECT(e, !can_alloc(l, 4 * KIB));
    sync_next(l);
    EXPECT_EQ(e, lab_map_of(l, ms)->committed.n, 0);
    EXPECT(e, !can_alloc(l, 4 * KIB));
    sync_next(l);
    sync_next(l);
    EXPECT(e, can_alloc(l, 64 * KIB));
}

static void test_what_lived_for_one_txg_is_not_recorded(void **state)
{
    (void)state;
    in_lab(vanish_body, &small, 1);
}

/* rewrite: 1: the map is written anew. */
static void import_after(struct expect *e, unsigned rewrite)
{
    struct lab *l = e->arg;
    struct dva d = fill(l);
    EXPECT_EQ(e, space_free_dva(l->sp, l->committed + 1, &d), 0);
    lab_record(l, l->committed + 1, rewrite);
    lab_commit(l, l->committed + 1, UINT64_MAX);
    lab_reopen(l);
    EXPECT(e, !can_alloc(l, 4 * KIB));
    EXPECT_EQ(e, space_totals(l->sp).deferred, d.asize);
    space_set_budget(l->sp, 0); /* loaded again each time */
    sync_next(l);
    EXPECT(e, !can_alloc(l, 4 * KIB));
    sync_next(l);
    EXPECT(e, can_alloc(l, 4 * KIB));
    EXPECT_EQ(e, l->reports, 0);
}

static void import_body(struct expect *e)
{
    import_after(e, 0);
}

static void rewritten_import_body(struct expect *e)
{
    import_after(e, 1);
}

static void test_an_import_keeps_holding_back(void **state)
{
    (void)state;
    in_lab(import_body, &small, 1);
    in_lab(rewritten_import_body, &small, 1);
}

/* ---- what comes from disk ------------------------------------------------------------------- */

/* Gives the only metaslab a stored map. */
static void store_map(struct lab *l, const uint64_t *words, size_t n, int64_t allocated)
{
    struct lab_map *m = &l->map[0][0];
    m->object = 100;
    m->allocated = allocated;
    for (size_t i = 0; i < n; i++) {
        le64 w = le64_make(words[i]);
        stream_put(&m->committed, &w, 1);
    }
    lab_reopen(l);
}

struct damage {
    uint64_t words[3];
    int64_t allocated;
    int error;
};

static void damage_body(struct expect *e)
{
    static const struct damage rows[] = {
        {{0x0000000000000000, 0x0000000000010001, 0x8000000000000000}, 12 * KIB, 0       },
        {{0x0000000000000001, 0x0000000000010000, 0x8000000000000000}, 8 * KIB,  -EBADMSG},
        {{0x0000000000000001, 0x0000000000018001, 0x8000000000000000}, 0,        -EBADMSG},
        {{0x0000000000008000, 0x8000000000000000, 0x8000000000000000}, 0,        -EBADMSG},
        {{0x0000000000000001, 0x8000000000000000, 0x8000000000000000}, 4 * KIB,  -EBADMSG},
        {{0x0000000000100000, 0x8000000000000000, 0x8000000000000000}, 4 * KIB,  -EBADMSG},
        {{0x0000000000000000, 0x8000000000000000, 0xc000000000000000}, 4 * KIB,  -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lab *l = lab_new(&small, 1, 1);
        struct dva d;
        store_map(l, rows[i].words, 3, rows[i].allocated);
        EXPECT_EQ(e, alloc_one(l, 4 * KIB, &d), rows[i].error ? -ENOSPC : 0);
        EXPECT_EQ(e, space_metaslab(l->sp, &l->top[0], 0)->error, rows[i].error);
        EXPECT_EQ(e, l->reports, rows[i].error ? 1 : 0);
        d = (struct dva){.off = 32 * KIB, .asize = 4 * KIB};
        EXPECT_EQ(e, space_claim(l->sp, 11, &d), rows[i].error);
        sync_next(l);
        EXPECT_EQ(e, space_metaslab(l->sp, &l->top[0], 0)->error, rows[i].error); /* for good */
        lab_free(l);
    }
}

static void test_a_map_that_contradicts_itself_is_not_used(void **state)
{
    (void)state;
    expect_in(expect_sim(1), damage_body, NULL);
}

static void later_body(struct expect *e)
{
    struct lab *l = e->arg;
    const uint64_t words[] = {0x0000000000000000};
    store_map(l, words, 1, 4 * KIB);
    l->load_error = -EIO;
    EXPECT(e, !can_alloc(l, 4 * KIB));
    EXPECT_EQ(e, l->reports, 1);
    l->load_error = 0;
    EXPECT(e, !can_alloc(l, 4 * KIB)); /* not again in the same txg */
    EXPECT_EQ(e, l->loads, 1);
    sync_next(l);
    EXPECT(e, can_alloc(l, 4 * KIB));
}

static void test_a_map_that_cannot_be_read_is_tried_again(void **state)
{
    (void)state;
    in_lab(later_body, &small, 1);
}

/* Another implementation may have used again what it had freed just before. */
static void again_body(struct expect *e)
{
    struct lab *l = e->arg;
    const uint64_t words[] = {0x0000000000000001, 0x900400000000000a, 0x0000000000008000,
                              0x800400000000000a, 0x0000000000000000};
    store_map(l, words, ARRAY_LEN(words), 8 * KIB);
    EXPECT(e, can_alloc(l, 56 * KIB));
    EXPECT(e, !can_alloc(l, 4 * KIB));
    for (unsigned i = 0; i < 4; i++)
        sync_next(l);
    EXPECT_EQ(e, space_totals(l->sp).deferred, 0);
    EXPECT(e, !can_alloc(l, 4 * KIB));
}

static void test_what_was_used_again_is_not_held_back(void **state)
{
    (void)state;
    in_lab(again_body, &small, 1);
}

static void lies_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct metaslab *ms = space_metaslab(l->sp, &l->top[0], 0);
    struct metaslab_map map = {.object = 9, .allocated = -4096};
    EXPECT_EQ(e, metaslab_restore(l->sp, ms, &map), -EBADMSG);
    map.allocated = 68 * KIB;
    EXPECT_EQ(e, metaslab_restore(l->sp, ms, &map), -EBADMSG);
    EXPECT(e, !can_alloc(l, 4 * KIB));
    EXPECT_EQ(e, l->loads, 0);
}

static void test_an_impossible_total_is_refused(void **state)
{
    (void)state;
    in_lab(lies_body, &small, 1);
}

static void dva_body(struct expect *e)
{
    struct lab *l = e->arg;
    static const struct dva rows[] = {
        {.off = 0,          .asize = 0,       .vdev = 0},
        {.off = 512,        .asize = 4 * KIB, .vdev = 0},
        {.off = 0,          .asize = 512,     .vdev = 0},
        {.off = MIB - 4096, .asize = 8 * KIB, .vdev = 0}, /* over an edge */
        {.off = 8 * MIB,    .asize = 4 * KIB, .vdev = 0}, /* the tail */
        {.off = 0,          .asize = 4 * KIB, .vdev = 1},
        {.off = 1ull << 62, .asize = 4 * KIB, .vdev = 0},
        {.off = 0,          .asize = 2 * MIB, .vdev = 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_EQ(e, space_free_dva(l->sp, 11, &rows[i]), -EBADMSG);
        EXPECT_EQ(e, space_claim(l->sp, 11, &rows[i]), -EBADMSG);
    }
    EXPECT(e, space_dirty_next(l->sp, 11, NULL) == NULL);
}

static void test_a_dva_lies_in_one_metaslab(void **state)
{
    (void)state;
    in_lab(dva_body, &disk, 1);
}

/* A pool whose pointers overlap frees twice: in each state in which it can be seen, and at the load where it cannot. */
static void twice_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva d, never = {.off = 60 * KIB, .asize = 4 * KIB};
    EXPECT_EQ(e, alloc_one(l, 8 * KIB, &d), 0);
    EXPECT_EQ(e, space_free_dva(l->sp, 11, &never), -EBADMSG);
    sync_next(l);
    EXPECT_EQ(e, space_free_dva(l->sp, 12, &d), 0);
    EXPECT_EQ(e, space_free_dva(l->sp, 12, &d), -EBADMSG);
    sync_next(l);
    EXPECT_EQ(e, space_free_dva(l->sp, 13, &d), -EBADMSG);
    lab_reopen(l);
    EXPECT_EQ(e, space_free_dva(l->sp, 13, &never), 0);
    EXPECT(e, !can_alloc(l, 4 * KIB));
    EXPECT_EQ(e, l->reports, 1);
}

static void test_space_is_not_freed_twice(void **state)
{
    (void)state;
    in_lab(twice_body, &small, 1);
}

/* ---- loading and unloading ------------------------------------------------------------------ */

static unsigned nloaded(struct lab *l)
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->nms[0]; i++)
        n += space_metaslab(l->sp, &l->top[0], i)->free != NULL;
    return n;
}

static void budget_body(struct expect *e)
{
    struct lab *l = e->arg;
    for (unsigned i = 0; i < 8; i++) {
        struct dva d = {.off = i * MIB + 8 * KIB, .asize = 4 * KIB};
        EXPECT_EQ(e, space_claim(l->sp, 11, &d), 0);
    }
    space_set_budget(l->sp, 0);
    EXPECT_EQ(e, nloaded(l), 8); /* none is idle */
    lab_record(l, 11, 0);
    space_set_budget(l->sp, 0);
    EXPECT_EQ(e, nloaded(l), 8);
    space_set_budget(l->sp, 6); /* two ranges each */
    lab_commit(l, 11, UINT64_MAX);
    EXPECT_EQ(e, nloaded(l), 3);
    EXPECT(e, space_metaslab(l->sp, &l->top[0], 7)->free != NULL); /* the last ones used */
    EXPECT(e, space_metaslab(l->sp, &l->top[0], 0)->free == NULL);
    EXPECT_EQ(e, space_metaslab(l->sp, &l->top[0], 0)->weight, MIB - 12 * KIB);
}

static void working_body(struct expect *e)
{
    struct lab *l = e->arg;
    EXPECT(e, can_alloc(l, 4 * KIB));
    sync_next(l);
    space_set_budget(l->sp, 0);
    EXPECT_EQ(e, nloaded(l), 1); /* the next allocation goes there */
}

static void test_idle_metaslabs_are_unloaded(void **state)
{
    (void)state;
    in_lab(budget_body, &disk, 1);
    in_lab(working_body, &disk, 1);
}

struct claimer {
    struct lab *l;
    struct waitgroup *all;
    struct dva dva;
    int rc;
};

static void claimer(void *arg)
{
    struct claimer *c = arg;
    c->rc = space_claim(c->l->sp, c->l->committed + 1, &c->dva);
    waitgroup_done(c->all);
}

static void together_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct claimer c[4];
    struct waitgroup all;
    fill(l);
    for (unsigned i = 0; i < 4; i++) {
        struct dva d = {.off = i * 4 * KIB, .asize = 4 * KIB};
        EXPECT_EQ(e, space_free_dva(l->sp, l->committed + 1, &d), 0);
        sync_next(l);
    }
    sync_next(l);
    lab_reopen(l);
    l->yields = true;
    waitgroup_init(&all);
    for (unsigned i = 0; i < 4; i++) {
        c[i] = (struct claimer){
            .l = l, .all = &all, .dva = {.off = i * 4 * KIB, .asize = 4 * KIB}
        };
        waitgroup_add(&all, 1);
        EXPECT(e, fiber_start(claimer, &c[i], "claimer") != NULL);
    }
    waitgroup_wait(&all);
    EXPECT_EQ(e, l->loads, 1);
    for (unsigned i = 0; i < 4; i++)
        EXPECT_EQ(e, c[i].rc, i < 3 ? 0 : -EEXIST); /* the last one is held back */
}

static void test_one_load_serves_all(void **state)
{
    (void)state;
    in_lab(together_body, &small, 1);
}

/* ---- what is stored ------------------------------------------------------------------------- */

static void rewrite_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct dva ring[64] = {{0}};
    size_t longest = 0;
    for (unsigned i = 0; i < 3000; i++) {
        struct dva *d = &ring[i % 64];
        if (d->asize)
            EXPECT_EQ(e, space_free_dva(l->sp, l->committed + 1, d), 0);
        EXPECT_EQ(e, alloc_one(l, 4 * KIB, d), 0);
        sync_next(l);
        for (unsigned k = 0; k < l->nms[0]; k++)
            longest = MAX(longest, l->map[0][k].committed.n);
    }
    EXPECT(e, longest > 4096 / 8);     /* it is left to grow to a block, */
    EXPECT(e, longest < 2 * 4096 / 8); /* not much longer */
}

static void test_long_maps_are_written_anew(void **state)
{
    (void)state;
    in_lab(rewrite_body, &disk, 1);
}

static void histogram_body(struct expect *e)
{
    struct lab *l = e->arg;
    struct metaslab *ms = space_metaslab(l->sp, &l->top[0], 0);
    uint64_t h[32];
    fill(l);
    /* sectors 0 to 2; 4; 8 to 15 */
    const struct dva d[] = {
        {.off = 0,        .asize = 12 * KIB},
        {.off = 16 * KIB, .asize = 4 * KIB },
        {.off = 32 * KIB, .asize = 32 * KIB},
    };
    uint64_t txg = l->committed + 1;
    for (unsigned i = 0; i < 3; i++)
        EXPECT_EQ(e, space_free_dva(l->sp, txg, &d[i]), 0);
    for (unsigned i = 0; i < 5; i++) {
        metaslab_histogram(ms, txg + i, h);
        EXPECT(e, h[0] == 1 && h[1] == 1 && h[2] == 0 && h[3] == 1 && h[4] == 0);
        EXPECT_EQ(e, metaslab_allocated(ms, txg + i), 16 * KIB);
        sync_next(l);
    }
    /* a log block of a later txg is free still for the one being synced */
    struct dva log = {.off = 32 * KIB, .asize = 16 * KIB};
    txg = l->committed + 1;
    EXPECT_EQ(e, space_claim(l->sp, txg + 1, &log), 0);
    metaslab_histogram(ms, txg, h);
    EXPECT(e, h[0] == 1 && h[1] == 1 && h[2] == 2 && h[3] == 0);
    metaslab_histogram(ms, txg + 1, h);
    EXPECT(e, h[0] == 1 && h[1] == 1 && h[2] == 1 && h[3] == 0);
    EXPECT_EQ(e, metaslab_allocated(ms, txg), 16 * KIB);
    EXPECT_EQ(e, metaslab_allocated(ms, txg + 1), 32 * KIB);
}

static void test_the_histogram_counts_free_runs(void **state)
{
    (void)state;
    in_lab(histogram_body, &small, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_txg_writes_long_extents),
        cmocka_unit_test(test_vdevs_get_their_share),
        cmocka_unit_test(test_copies_keep_their_distance),
        cmocka_unit_test(test_copies_go_anywhere_before_they_fail),
        cmocka_unit_test(test_uses_do_not_interleave),
        cmocka_unit_test(test_uses_have_metaslabs_of_their_own),
        cmocka_unit_test(test_data_stay_where_large_ranges_are),
        cmocka_unit_test(test_unusable_vdevs_are_left_alone),
        cmocka_unit_test(test_a_vdev_may_be_replaced_by_another_struct),
        cmocka_unit_test(test_what_is_freed_waits_two_txgs),
        cmocka_unit_test(test_what_a_reader_may_follow_is_not_reused),
        cmocka_unit_test(test_what_lived_for_one_txg_is_not_recorded),
        cmocka_unit_test(test_an_import_keeps_holding_back),
        cmocka_unit_test(test_a_map_that_contradicts_itself_is_not_used),
        cmocka_unit_test(test_a_map_that_cannot_be_read_is_tried_again),
        cmocka_unit_test(test_what_was_used_again_is_not_held_back),
        cmocka_unit_test(test_an_impossible_total_is_refused),
        cmocka_unit_test(test_a_dva_lies_in_one_metaslab),
        cmocka_unit_test(test_space_is_not_freed_twice),
        cmocka_unit_test(test_idle_metaslabs_are_unloaded),
        cmocka_unit_test(test_one_load_serves_all),
        cmocka_unit_test(test_long_maps_are_written_anew),
        cmocka_unit_test(test_the_histogram_counts_free_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
