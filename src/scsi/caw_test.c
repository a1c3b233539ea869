/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/block_testing.h"

#include <errno.h>

/* Compares nblk blocks of a byte, writes as many of another. */
static struct fix_cmd *caw_new(struct fix *f, struct scsi_nexus *n, uint64_t lba, unsigned nblk,
                               int is, int becomes)
{
    struct fix_cmd *c = cmd_new(f, n, "89 00 %016" PRIx64 " 000000 %02x 00 00", lba, nblk);
    size_t half = nblk * lu_block(f->lu);
    uint8_t *p = malloc(2 * half + 1);
    memset(p, is, half);
    memset(p + half, becomes, half);
    fix_out(c, p, 2 * half);
    free(p);
    return c;
}
static struct fix_cmd *caw(struct fix *f, uint64_t lba, unsigned nblk, int is, int becomes)
{
    return cmd_run(f, caw_new(f, f->a, lba, nblk, is, becomes));
}

FIX_TEST(equal_blocks_are_replaced)
{
    static const unsigned lengths[] = {1, 2, 100, 255};
    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
        EXPECT_GOOD(f, write_byte(f, 1000, 256, 'A'));
        struct fix_cmd *c = caw(f, 1000, lengths[i], 'A', 'B');
        EXPECT_GOOD(f, c);
        EXPECT_EQ(f, c->t.data_len, 2 * lengths[i] * 512);
        EXPECT(f, holds_byte(f, 1000, lengths[i], 'B'));
        EXPECT(f, holds_byte(f, 1000 + lengths[i], 256 - lengths[i], 'A'));
    }
    EXPECT_GOOD(f, caw(f, 1000, 0, 0, 0)); /* compares nothing, writes nothing */
}

FIX_TEST(the_first_difference_is_told_and_nothing_written)
{
    static const uint32_t at[] = {0, 1, 511, 512, 255 * 512 - 27, 255 * 512 - 1};
    EXPECT_GOOD(f, write_byte(f, 0, 256, 'A'));
    for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
        struct fix_cmd *c = caw_new(f, f->a, 0, 255, 'A', 'B');
        sgl_copy_in(&c->out, at[i], "C", 1);
        EXPECT_CHECK(f, cmd_run(f, c), SK_MISCOMPARE, 0x1d00);
        EXPECT_EQ(f, information(c), at[i]);
        EXPECT(f, holds_byte(f, 0, 256, 'A'));
    }
    struct scsi_lu_stats stats;
    scsi_lu_stats(f->lu, &stats);
    EXPECT_EQ(f, stats.caw, ARRAY_LEN(at));
    EXPECT_EQ(f, stats.caw_miscompares, ARRAY_LEN(at));
    EXPECT(f, stats.caw_ns_max > 0);
}

FIX_TEST(holes_compare_as_zeros)
{
    EXPECT_GOOD(f, caw(f, 5, 3, 0, 'x'));
    EXPECT(f, holds_byte(f, 5, 3, 'x'));
    EXPECT_CHECK(f, caw(f, 5, 3, 0, 'y'), SK_MISCOMPARE, 0x1d00);
}

FIX_TEST(data_out_of_another_length_is_refused)
{
    EXPECT_GOOD(f, write_byte(f, 0, 4, 'A'));
    static const size_t sent[] = {0, 512, 1023, 1025, 2048};
    for (unsigned i = 0; i < ARRAY_LEN(sent); i++) {
        struct fix_cmd *c = cmd_new(f, f->a, "89 00 0000000000000000 000000 01 00 00");
        cmd_out_byte(c, sent[i], 'A');
        EXPECT_CHECK(f, cmd_run(f, c), SK_ILLEGAL_REQUEST, 0x0e03);
    }
    EXPECT(f, holds_byte(f, 0, 4, 'A'));
}

FIX_TEST(ranges_and_volume_errors)
{
    EXPECT_CHECK(f, caw(f, 131072 - 1, 2, 0, 1), SK_ILLEGAL_REQUEST, 0x2100);
    gate_fail(f, 1u << VOL_OP_READ, -EBADMSG);
    EXPECT_CHECK(f, caw(f, 3, 2, 0, 1), SK_MEDIUM_ERROR, 0x1100);
    gate_fail(f, 1u << VOL_OP_WRITE, -ENOSPC);
    EXPECT_CHECK(f, caw(f, 3, 2, 0, 1), SK_DATA_PROTECT, 0x2707);
}

/* A plain WRITE that comes between the read and the write of a COMPARE AND WRITE waits for
 * it. */
FIX_TEST(writes_wait_for_a_compare_under_way)
{
    EXPECT_GOOD(f, write_byte(f, 0, 8, 'A'));
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *c = caw_new(f, f->a, 2, 2, 'A', 'B');
    fix_start(c);
    fix_settle();
    static const char *const others[] = {
        "8a 00 0000000000000003 00000001 00 00",  /* WRITE(16) */
        "93 01 0000000000000001 00000007 00 00",  /* WRITE SAME(16), NDOB */
        "2e 00 00000002 00 0001 00",              /* WRITE AND VERIFY(10) */
        "9c 00 0000000000000003 0000 0001 00 00", /* WRITE ATOMIC(16) */
    };
    struct fix_cmd *w[ARRAY_LEN(others)];
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        w[i] = cmd_new(f, f->b, "%s", others[i]);
        if (w[i]->t.cdb[0] != 0x93)
            cmd_out_byte(w[i], 512, 'W');
        fix_start(w[i]);
    }
    fix_settle();
    for (unsigned i = 0; i < ARRAY_LEN(others); i++)
        EXPECT(f, !w[i]->done);
    gate_open(f);
    fix_wait(c);
    EXPECT_GOOD(f, c); /* it compared before any of them wrote */
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        fix_wait(w[i]);
        EXPECT_GOOD(f, w[i]);
        fix_free(w[i]);
    }
    fix_free(c);
}

/* Aborted while it compares: never writes. Aborted while it writes: is waited for, and has
 * written. */
FIX_TEST(an_aborted_one_never_lands_late)
{
    EXPECT_GOOD(f, write_byte(f, 0, 1, 'A'));
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *c = caw_new(f, f->a, 0, 1, 'A', 'B');
    fix_start(c);
    fix_settle();
    lu_abort_mark(f->lu, NULL, NULL, NULL);
    gate_open(f);
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    EXPECT(f, holds_byte(f, 0, 1, 'A'));
    fix_free(c);

    gate_close(f, 1u << VOL_OP_WRITE);
    c = caw_new(f, f->a, 0, 1, 'A', 'B');
    fix_start(c);
    fix_settle();
    lu_abort_mark(f->lu, NULL, NULL, NULL);
    fix_settle();
    EXPECT(f, !c->done);
    gate_open(f);
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    EXPECT(f, holds_byte(f, 0, 1, 'B'));
    fix_free(c);
}

FIX_TEST(an_abort_stops_one_that_waits_for_its_range)
{
    EXPECT_GOOD(f, write_byte(f, 0, 1, 'A'));
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *holder = caw_new(f, f->a, 0, 1, 'A', 'B');
    struct fix_cmd *c = caw_new(f, f->b, 0, 1, 'B', 'C');
    fix_start(holder);
    fix_start(c);
    fix_settle();
    lu_abort_mark(f->lu, c->t.itl, NULL, NULL);
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    gate_open(f);
    fix_wait(holder);
    EXPECT_GOOD(f, holder);
    EXPECT(f, holds_byte(f, 0, 1, 'B'));
    fix_free(holder);
    fix_free(c);
}

/* ---- many counters ----------------------------------------------------------------------- */

#define WORKERS  24u
#define ROUNDS   20u
#define COUNTERS 3u

struct worker {
    struct fix *f;
    struct scsi_nexus *n;
    unsigned id, done;
    struct waitgroup *all;
};

static uint64_t read_counter(struct worker *w, unsigned lba)
{
    struct fix_cmd *c = cmd_new(w->f, w->n, "88 00 %016x 00000001 00 00", lba);
    fix_start(c);
    fix_wait(c);
    EXPECT_GOOD(w->f, c);
    uint64_t v = load_be64(c->in);
    fix_free(c);
    return v;
}

/* One COMPARE AND WRITE that adds one. True: it did. */
static bool add_one(struct worker *w, unsigned lba, uint64_t seen)
{
    uint8_t bytes[1024] = {0};
    store_be64(bytes, seen);
    store_be64(bytes + 512, seen + 1);
    struct fix_cmd *c = cmd_new(w->f, w->n, "89 00 %016x 000000 01 00 00", lba);
    fix_out(c, bytes, sizeof(bytes));
    fix_start(c);
    fix_wait(c);
    bool good = c->status == SCSI_STATUS_GOOD;
    if (!good)
        EXPECT_CHECK(w->f, c, SK_MISCOMPARE, 0x1d00);
    fix_free(c);
    return good;
}

/* Writes to the block next to the counters': of the same physical block, but not theirs. */
static void stray_write(struct worker *w)
{
    struct fix_cmd *c = cmd_new(w->f, w->n, "8a 00 %016x 00000001 00 00", COUNTERS);
    cmd_out_byte(c, 512, (int)w->id);
    fix_start(c);
    fix_wait(c);
    EXPECT_GOOD(w->f, c);
    fix_free(c);
}

static void work(void *arg)
{
    struct worker *w = arg;
    while (w->done < ROUNDS) {
        unsigned lba = (w->id + w->done) % COUNTERS;
        uint64_t seen = read_counter(w, lba);
        if (w->id % 4 == 0)
            stray_write(w);
        w->done += add_one(w, lba, seen);
    }
    waitgroup_done(w->all);
}

FIX_TEST(counters_come_out_exact)
{
    struct worker w[WORKERS];
    struct waitgroup all;
    uint64_t sum = 0;
    waitgroup_init(&all);
    waitgroup_add(&all, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        w[i] = (struct worker){f, i % 2 ? f->a : f->b, .id = i, .all = &all};
        EXPECT(f, fiber_start(work, &w[i], "worker") != NULL);
    }
    waitgroup_wait(&all);
    for (unsigned i = 0; i < COUNTERS; i++)
        sum += read_counter(&w[0], i);
    EXPECT_EQ(f, sum, WORKERS * ROUNDS);
    EXPECT(f, f->lu->stats.caw_miscompares > 0); /* they did meet */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_blocks_are_replaced),
        cmocka_unit_test(test_the_first_difference_is_told_and_nothing_written),
        cmocka_unit_test(test_holes_compare_as_zeros),
        cmocka_unit_test(test_data_out_of_another_length_is_refused),
        cmocka_unit_test(test_ranges_and_volume_errors),
        cmocka_unit_test(test_writes_wait_for_a_compare_under_way),
        cmocka_unit_test(test_an_aborted_one_never_lands_late),
        cmocka_unit_test(test_an_abort_stops_one_that_waits_for_its_range),
        cmocka_unit_test(test_counters_come_out_exact),
    };
    return cmocka_run_group_tests_name("caw", tests, NULL, NULL);
}
