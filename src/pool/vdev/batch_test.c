/* SPDX-License-Identifier: BSD-2-Clause */
/* A txg's writes: all arrive, in few large I/Os, and what some leaf missed is remembered. */
#include "pool/vdev/vdev_fixture.h"

#include "base/check.h"
#include "base/log.h"

#include <errno.h>

#define BLOCKS 2000u

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t nkv)
{
    (void)arg, (void)level, (void)event, (void)kv, (void)nkv;
}

static const struct rig_want shapes[] = {
    {.type = "file",   .n = 1,       .ashift = 9 },
    {.type = "mirror", .n = 2      },
    {.type = "raidz",          .n = 5, .nparity = 1,             .ashift = 9},
    {.type = "raidz",  .n = 6,       .nparity = 2},
    {.type = "raidz",  .n = 8,       .nparity = 3},
};

struct plan {
    uint64_t off[BLOCKS];
    uint32_t size[BLOCKS];
    unsigned order[BLOCKS], n;
    uint64_t bytes; /* allocated */
};

static struct plan *plan_new(void)
{
    struct plan *p = calloc(1, sizeof(*p));
    check(p);
    return p;
}

static void plan_add(struct plan *p, uint64_t off, uint32_t size)
{
    p->off[p->n] = off;
    p->size[p->n++] = size;
}

/* Blocks side by side, as many as fit into 40 MiB, shuffled within some MiB. */
static struct plan *plan_make(struct rig *r)
{
    struct plan *p = plan_new();
    for (; p->n < BLOCKS && p->bytes < 40 * MIB; p->n++) {
        p->off[p->n] = p->bytes;
        p->size[p->n] = 512 * (1 + (uint32_t)sim_random_below(r->run, p->n % 8 ? 64 : 256));
        p->bytes += vdev_asize(r->top, p->size[p->n]);
        p->order[p->n] = p->n;
    }
    for (unsigned i = 0; i < p->n; i++) {
        unsigned at = i + (unsigned)sim_random_below(r->run, MIN(p->n - i, 20));
        unsigned swap = p->order[i];
        p->order[i] = p->order[at];
        p->order[at] = swap;
    }
    return p;
}

static void add(struct vbatch *b, struct rig *r, const struct plan *p, unsigned i)
{
    struct iobuf *buf = iobuf_get(p->size[i]);
    check(buf);
    memset(buf->p, 0xcc, buf->cap);
    seeded_fill(buf->p, p->size[i], i);
    vbatch_add(b, r->top, p->off[i], buf, p->size[i]);
}

static int write_all(struct rig *r, const struct plan *p, uint64_t txg)
{
    struct vbatch *b = vbatch_new(r->root, txg);
    check(b);
    for (unsigned i = 0; i < p->n; i++)
        add(b, r, p, p->order[i]);
    int rc = vbatch_wait(b);
    vbatch_free(b);
    return rc;
}

static void expect_all(struct expect *e, struct rig *r, const struct plan *p, uint64_t birth)
{
    for (unsigned i = 0; i < p->n; i++)
        EXPECT_EQ(e, rig_read(r, p->off[i], p->size[i], i, birth), 0);
}

static void whole_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    struct plan *p = plan_make(&r);
    uint64_t repaired = 0, ios = 0, bytes = 0;
    EXPECT_EQ(e, write_all(&r, p, 10), 0);
    for (unsigned i = 0; i < r.n; i++) {
        ios += r.leaf[i]->stats.writes;
        bytes += r.leaf[i]->stats.bytes_written;
        EXPECT(e, !r.leaf[i]->dtl_dirty);
    }
    EXPECT(e, bytes / ios > 64 * KIB); /* merged: the pieces themselves are some 10 KiB */
    EXPECT(e, bytes >= (r.top->type == VDEV_MIRROR ? 2 : 1) * p->bytes * 9 / 10);
    EXPECT_EQ(e, vdev_flush(r.root), 0);
    rig_reopen(&r);
    expect_all(e, &r, p, 10);
    for (unsigned i = 0; i < p->n; i++) {
        EXPECT_EQ(e, rig_scrub(&r, p->off[i], p->size[i], i, 10, &repaired), 0);
        EXPECT_EQ(e, repaired, 0);
    }
    free(p);
    rig_free(&r);
}

static void test_all_blocks_arrive_in_large_pieces(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(shapes); i++)
        expect_in(expect_sim(i + 1), whole_body, (void *)(uintptr_t)&shapes[i]);
}

/* Sequential blocks of raidz with skipped sectors between them become one I/O per leaf and
 * megabyte. */
static void padding_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, &(struct rig_want){.type = "raidz", .n = 4, .nparity = 1});
    struct vbatch *b = vbatch_new(r.root, 10);
    uint64_t asize = vdev_asize(r.top, 20 * KIB); /* 5 + 2 + 1 sectors */
    struct plan *p = plan_new();
    EXPECT_EQ(e, asize, 32 * KIB);
    for (unsigned i = 0; i < 32; i++) {
        plan_add(p, i * asize, 20 * KIB);
        add(b, &r, p, i);
    }
    EXPECT_EQ(e, vbatch_wait(b), 0);
    vbatch_free(b);
    for (unsigned i = 0; i < r.n; i++)
        EXPECT_EQ(e, r.leaf[i]->stats.writes, 1);
    EXPECT_EQ(e, r.leaf[3]->stats.bytes_written,
              p->n * asize / 4 - 4096); /* not behind the end */
    expect_all(e, &r, p, 10);
    free(p);
    rig_free(&r);
}

static void test_padding_joins_extents(void **state)
{
    (void)state;
    expect_in(expect_sim(1), padding_body, NULL);
}

/* Blocks that are there must survive their neighbours' batches. */
static void neighbours_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    struct plan *p = plan_make(&r);
    for (unsigned odd = 0; odd < 2; odd++) {
        struct vbatch *b = vbatch_new(r.root, 10 + odd);
        for (unsigned i = odd; i < p->n; i += 2)
            add(b, &r, p, i);
        EXPECT_EQ(e, vbatch_wait(b), 0);
        vbatch_free(b);
    }
    uint64_t repaired = 0;
    for (unsigned i = 0; i < p->n; i++) {
        EXPECT_EQ(e, rig_scrub(&r, p->off[i], p->size[i], i, 10, &repaired), 0);
        EXPECT_EQ(e, repaired, 0);
    }
    free(p);
    rig_free(&r);
}

static void test_neighbours_are_left_alone(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(shapes); i++)
        expect_in(expect_sim(i + 1), neighbours_body, (void *)(uintptr_t)&shapes[i]);
}

/* As many leaves fail on the way as can be borne: everything is there, and the leaves know. */
static void failing_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    unsigned bear = vdev_tolerance(r.top);
    struct plan *p = plan_make(&r);
    for (unsigned i = 0; i < bear; i++)
        sim_fail_writes(r.run, rig_path(i), 5, EIO);
    EXPECT_EQ(e, write_all(&r, p, 10), 0);
    for (unsigned i = 0; i < bear; i++) {
        EXPECT_EQ(e, r.leaf[i]->state, VDEV_FAULTED);
        EXPECT(e, txg_set_has(&r.leaf[i]->dtl, 10) && r.leaf[i]->dtl_dirty);
    }
    EXPECT(e, !r.leaf[bear]->dtl_dirty);
    EXPECT_EQ(e, vdev_flush(r.root), 0);
    expect_all(e, &r, p, 10);
    sim_fail_writes(r.run, rig_path(bear), 5, EIO);
    EXPECT_EQ(e, write_all(&r, p, 11), -EIO);
    EXPECT(e, !txg_set_has(&r.leaf[0]->dtl, 12));
    free(p);
    rig_free(&r);
}

static void test_failing_leaves_are_borne_and_remembered(void **state)
{
    (void)state;
    for (unsigned i = 1; i < ARRAY_LEN(shapes); i++)
        expect_in(expect_sim(i + 1), failing_body, (void *)(uintptr_t)&shapes[i]);
}

/* A leaf that is away from the beginning has missed the txg if anything would have gone
 * there. */
static void away_body(struct expect *e)
{
    struct rig r;
    struct plan *p = plan_new();
    rig_make(&r, &(struct rig_want){.type = "raidz", .n = 6, .nparity = 2});
    plan_add(p, 0, 8 * KIB); /* columns on leaves 0 to 3 */
    for (unsigned i = 3; i < 5; i++) {
        r.leaf[i]->offline = true;
        vdev_close(r.leaf[i]);
    }
    struct vbatch *b = vbatch_new(r.root, 10);
    add(b, &r, p, 0);
    EXPECT_EQ(e, vbatch_wait(b), 0);
    vbatch_free(b);
    expect_all(e, &r, p, 10);
    for (unsigned i = 0; i < r.n; i++)
        EXPECT_EQ(e, txg_set_has(&r.leaf[i]->dtl, 10), i == 3);
    free(p);
    rig_free(&r);
}

static void test_who_is_away_has_missed_what_was_his(void **state)
{
    (void)state;
    expect_in(expect_sim(1), away_body, NULL);
}

/* The batch goes on after a wait, and an error is told once. */
static void again_body(struct expect *e)
{
    struct rig r;
    struct plan *p = plan_new();
    rig_make(&r, e->arg);
    plan_add(p, 0, 4096);
    plan_add(p, MIB, 131072);
    plan_add(p, 2 * MIB, 512);
    struct vbatch *b = vbatch_new(r.root, 10);
    EXPECT_EQ(e, vbatch_wait(b), 0);
    add(b, &r, p, 0);
    EXPECT_EQ(e, vbatch_wait(b), 0);
    sim_fail_writes(r.run, rig_path(0), 1, EIO);
    add(b, &r, p, 1);
    EXPECT_EQ(e, vbatch_wait(b), -EIO);
    EXPECT_EQ(e, vbatch_wait(b), 0);
    sim_fail_writes(r.run, rig_path(0), 0, 0);
    r.leaf[0]->faulted = false;
    vdev_close(r.root);
    EXPECT_EQ(e, vdev_open(r.root, 0, false, NULL), 0);
    add(b, &r, p, 1);
    add(b, &r, p, 2);
    EXPECT_EQ(e, vbatch_wait(b), 0);
    vbatch_free(b);
    expect_all(e, &r, p, 10);
    free(p);
    rig_free(&r);
}

static void test_a_batch_is_empty_again_after_the_wait(void **state)
{
    (void)state;
    expect_in(expect_sim(1), again_body, (void *)(uintptr_t)&shapes[0]);
}

/* Disks that lose what they had not flushed, in the middle or at the end: all is written again when
 * they are back, and then it is there. */
static void forgetful_body(struct expect *e)
{
    struct rig r;
    rig_make(&r, e->arg);
    struct plan *p = plan_make(&r);
    struct vbatch *b = vbatch_new(r.root, 10);
    for (unsigned i = 0; i < p->n; i++) {
        if (i == p->n / 2)
            for (unsigned k = 0; k < r.n; k++)
                sim_fail_writes(r.run, rig_path(k), 20, ENXIO);
        add(b, &r, p, p->order[i]);
    }
    EXPECT_EQ(e, vbatch_finish(b), -EIO);
    EXPECT(e, r.root->losses > 0);
    for (unsigned k = 0; k < r.n; k++) {
        sim_fail_writes(r.run, rig_path(k), 0, 0);
        sim_fail_flush(r.run, rig_path(k), 1, EIO);
    }
    EXPECT_EQ(e, vdev_retry(r.root, 0, true, NULL), 0);
    EXPECT_EQ(e, vbatch_finish(b), -EIO);
    for (unsigned k = 0; k < r.n; k++)
        sim_fail_flush(r.run, rig_path(k), 0, 0);
    EXPECT_EQ(e, vbatch_finish(b), -EIO);
    EXPECT_EQ(e, vdev_retry(r.root, 0, true, NULL), 0);
    EXPECT_EQ(e, vbatch_finish(b), 0);
    vbatch_free(b);
    rig_reopen(&r);
    expect_all(e, &r, p, 10);
    free(p);
    rig_free(&r);
}

static void test_what_was_not_flushed_is_written_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(shapes); i++)
        expect_in(expect_sim(i + 1), forgetful_body, (void *)(uintptr_t)&shapes[i]);
}

/* A disk that went and came back between its writes and the flush: the flush sees nothing. */
static void back_body(struct expect *e)
{
    struct rig r;
    struct plan *p = plan_new();
    rig_make(&r, e->arg);
    plan_add(p, 0, 4096);
    struct vbatch *b = vbatch_new(r.root, 10);
    add(b, &r, p, 0);
    EXPECT_EQ(e, vbatch_wait(b), 0);
    sim_fail_flush(r.run, rig_path(0), 1, EIO);
    EXPECT_EQ(e, leaf_flush(r.leaf[0]), -EIO);
    sim_fail_flush(r.run, rig_path(0), 0, 0);
    EXPECT_EQ(e, vdev_retry(r.root, 0, true, NULL), 0);
    uint64_t written = r.leaf[0]->stats.writes;
    EXPECT_EQ(e, vbatch_finish(b), 0);
    EXPECT_EQ(e, r.leaf[0]->stats.writes, written + 1);
    vbatch_free(b);
    expect_all(e, &r, p, 10);
    free(p);
    rig_free(&r);
}

static void test_a_disk_that_is_back_before_the_flush_is_noticed(void **state)
{
    (void)state;
    expect_in(expect_sim(1), back_body, (void *)(uintptr_t)&shapes[0]);
}

/* A block of 512 bytes in a buffer that is larger or smaller than a sector. */
static void short_body(struct expect *e)
{
    struct rig r;
    struct plan *p = plan_new();
    rig_make(&r, e->arg);
    uint32_t sector = 1u << r.top->ashift;
    plan_add(p, 0, 512);
    plan_add(p, sector, 2048);
    struct vbatch *b = vbatch_new(r.root, 10);
    for (unsigned i = 0; i < p->n; i++)
        add(b, &r, p, i);
    EXPECT_EQ(e, vbatch_wait(b), 0);
    vbatch_free(b);
    expect_all(e, &r, p, 10);
    struct iobuf *raw = iobuf_get(sector);
    EXPECT_EQ(e, leaf_read(r.leaf[0], 0, raw->p, sector, IO_READ), 0);
    for (unsigned i = 512; i < sector; i++)
        EXPECT_EQ(e, raw->p[i], 0);
    iobuf_put(raw);
    free(p);
    rig_free(&r);
}

static void test_short_blocks_are_padded_with_zeros(void **state)
{
    (void)state;
    static const struct rig_want sectors[] = {
        {.type = "mirror", .n = 2, .ashift = 12},
        {.type = "mirror", .n = 2, .ashift = 13},
    };
    for (unsigned i = 0; i < ARRAY_LEN(sectors); i++)
        expect_in(expect_sim(1), short_body, (void *)(uintptr_t)&sectors[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_blocks_arrive_in_large_pieces),
        cmocka_unit_test(test_padding_joins_extents),
        cmocka_unit_test(test_neighbours_are_left_alone),
        cmocka_unit_test(test_failing_leaves_are_borne_and_remembered),
        cmocka_unit_test(test_who_is_away_has_missed_what_was_his),
        cmocka_unit_test(test_a_batch_is_empty_again_after_the_wait),
        cmocka_unit_test(test_what_was_not_flushed_is_written_again),
        cmocka_unit_test(test_a_disk_that_is_back_before_the_flush_is_noticed),
        cmocka_unit_test(test_short_blocks_are_padded_with_zeros),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
