/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/copy_testing.h"

#include <errno.h>

/* ---- copying ----------------------------------------------------------------------------- */

FIX_TEST(within_one_lu)
{
    struct params l;
    EXPECT_GOOD(f, write_pattern(f, 0, 2000, 1));
    list_begin(&l, 1, COPY_LIST_ID_DISCARD);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 50000, 2000);
    list_bytes(&l, 0, 0, 10, 60000, 5 * 512);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    EXPECT(f, holds_pattern(f, 50000, 2000, 1, 0));
    EXPECT(f, holds_pattern(f, 60000, 5, 1, 10 * 512));
    EXPECT(f, holds_byte(f, 60005, 1, 0));
    EXPECT(f, lu_ranges_idle(f->lu) && list_empty(&f->lu->tasks));
}

static void between_two(struct fix *f, unsigned home)
{
    struct second s = second_new(f, home, 512);
    struct params l;
    EXPECT_GOOD(f, write_pattern(f, 100, 1000, 2));
    list_begin(&l, 1, COPY_LIST_ID_NONE);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 100, 7, 1000);   /* there */
    list_blocks(&l, 1, 0, 7, 70000, 1000); /* and back */
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    EXPECT(f, holds_pattern(f, 70000, 1000, 2, 0));
    struct fix_cmd *c = on_second(f, cmd_new(f, f->a, "88 00 0000000000000007 000003e8 00 00"));
    uint8_t *p = pattern(1000 * 512, 2);
    EXPECT(f, c->in_len == 1000 * 512 && memcmp(c->in, p, c->in_len) == 0);
    free(p);
    second_free(&s);
}
FIX_TEST(between_lus_of_one_home)
{
    between_two(f, 0);
}
FIX_TEST(between_lus_of_different_homes)
{
    between_two(f, 1);
}

FIX_TEST(a_segment_of_many_pieces)
{
    struct params l;
    for (unsigned i = 0; i < 5; i++)
        EXPECT_GOOD(f, write_pattern(f, i * 2048, 2048, i)); /* 5 MiB */
    list_begin(&l, 9, COPY_LIST_ID_HOLD);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 1024, 60000, 5 * 2048 - 1024);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    EXPECT(f, holds_pattern(f, 60000, 1024, 0, 1024 * 512));
    EXPECT(f, holds_pattern(f, 61024 + 3 * 2048, 2048, 4, 0));
    struct fix_cmd *c = results(f, f->a, COPY_STATUS, 9);
    EXPECT_EQ(f, c->in_len, 12);
    EXPECT_EQ(f, c->in[4], COPY_DONE);
    EXPECT_EQ(f, load_be16(c->in + 5), 1);
    EXPECT_EQ(f, load_be32(c->in + 8), (5 * 2048 - 1024) * 512);
}

FIX_TEST(block_sizes_that_differ)
{
    struct second s = second_new(f, 0, 4096);
    struct params l;
    EXPECT_GOOD(f, write_pattern(f, 0, 64, 5));
    list_begin(&l, 0, COPY_LIST_ID_NONE);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 0, 1, 64);                             /* counted in blocks of 512 */
    list_blocks(&l, 0, 1, 0, 100, 8)->h.flags = COPY_SEGMENT_DC; /* in blocks of 4096 */
    list_bytes(&l, 1, 0, 1, 1000, 4096)->destination_offset = be16_make(512);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    EXPECT(f, holds_pattern(f, 1001, 8, 5, 0));
    uint8_t *p = pattern(64 * 512, 5);
    struct fix_cmd *c = on_second(f, cmd_new(f, f->a, "88 00 0000000000000001 00000008 00 00"));
    EXPECT(f, memcmp(c->in, p, 64 * 512) == 0);
    c = on_second(f, cmd_new(f, f->a, "88 00 0000000000000064 00000008 00 00"));
    EXPECT(f, memcmp(c->in, p, 64 * 512) == 0);
    free(p);

    list_begin(&l, 0, COPY_LIST_ID_NONE);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 0, 1, 9); /* no whole block of the destination */
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x260a);
    list_begin(&l, 0, COPY_LIST_ID_NONE);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu)->block_len = be24_make(512); /* says what isn't so */
    list_blocks(&l, 0, 1, 0, 8, 8);
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x0d03);
    second_free(&s);
}

FIX_TEST(nothing_to_copy)
{
    struct params l;
    EXPECT_GOOD(f, fix_do(f, f->a, "83 00 0000000000000000 00000000 00 00"));
    list_begin(&l, 0, COPY_LIST_ID_NONE);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    list_cscd(&l, f->lu);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    list_blocks(&l, 0, 0, 0, 0, 0);
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
}

/* ---- who may ----------------------------------------------------------------------------- */

/* CVE-2020-28374: a LU that the asking nexus has not mapped is out of reach, whatever the list
 * says. */
FIX_TEST(only_what_the_nexus_has_mapped)
{
    struct second s = second_new(f, 0, 512); /* a's, not b's */
    struct params l;
    EXPECT_GOOD(f, write_byte(f, 0, 8, 'x'));
    list_begin(&l, 3, COPY_LIST_ID_HOLD);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 0, 0, 50, 8);
    list_blocks(&l, 1, 0, 0, 0, 8);
    EXPECT_CHECK(f, xcopy(f, f->b, &l), SK_COPY_ABORTED, 0x0d02);
    EXPECT(f, holds_byte(f, 0, 8, 'x'));
    EXPECT(f, holds_byte(f, 50, 8, 'x')); /* the segment before was done */
    struct fix_cmd *c = results(f, f->b, COPY_STATUS, 3);
    EXPECT_EQ(f, c->in[4], COPY_FAILED);
    EXPECT_EQ(f, load_be16(c->in + 5), 1);
    c = results(f, f->b, COPY_FAILED_SEGMENT_DETAILS, 3);
    EXPECT_EQ(f, c->in_len, 60 + 18);
    EXPECT_EQ(f, load_be32(c->in), 56 + 18);
    EXPECT_EQ(f, c->in[56], SCSI_STATUS_CHECK);
    EXPECT_EQ(f, load_be16(c->in + 58), 18);
    EXPECT_EQ(f, c->in[62] & 0x0f, SK_COPY_ABORTED);
    EXPECT_EQ(f, load_be16(c->in + 72), 0x0d02);
    EXPECT_CHECK(f, results(f, f->a, COPY_STATUS, 3), SK_ILLEGAL_REQUEST,
                 0x2400); /* another nexus's */
    second_free(&s);
}

static void only_for(struct scsi_lu *lu, const char *host)
{
    const struct scsi_guard g = {SCSI_CLUSTER, host};
    check(scsi_lu_set_guard(lu, &g) == 0);
}

FIX_TEST(the_guard_of_both_ends_counts)
{
    struct second s = second_new(f, 0, 512);
    static struct params there, back;
    list_begin(&there, 0, COPY_LIST_ID_NONE);
    list_cscd(&there, f->lu);
    list_cscd(&there, s.lu);
    list_blocks(&there, 0, 1, 0, 0, 8);
    list_begin(&back, 0, COPY_LIST_ID_NONE);
    list_cscd(&back, s.lu);
    list_cscd(&back, f->lu);
    list_blocks(&back, 0, 1, 0, 0, 8);
    EXPECT_GOOD(f, xcopy(f, f->a, &there));
    only_for(s.lu, "somebody-else");
    EXPECT_CHECK(f, xcopy(f, f->a, &there), SK_COPY_ABORTED, 0x0d01);
    EXPECT_CHECK(f, xcopy(f, f->a, &back), SK_COPY_ABORTED, 0x0d01);
    only_for(s.lu, NULL);
    only_for(f->lu, "somebody-else");
    EXPECT_CHECK(f, xcopy(f, f->a, &there), SK_ILLEGAL_REQUEST, ASC_ACCESS_DENIED);
    second_free(&s);
}

FIX_TEST(reservations_of_both_ends_count)
{
    struct second s = second_new(f, 0, 512);
    struct scsi_nexus_params p = {
        .initiator = {.name = "iqn.2026-11.example.host:c"},
        .target = { .name = "iqn.2026-11.example.zsan:t1",                    .rel_port_id = 1}
    };
    struct scsi_nexus *c;
    check(scsi_nexus_new(&p, &c) == 0 && scsi_nexus_map(c, 0, s.lu, false) == 0);
    fix_take_uas(f, c);
    struct params l;
    list_begin(&l, 0, COPY_LIST_ID_NONE);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 0, 0, 8);
    EXPECT_GOOD(f, fix_do(f, c, "16 00 00 00 00 00")); /* RESERVE(6) of the destination */
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x0d01);
    EXPECT_GOOD(f, fix_do(f, c, "17 00 00 00 00 00"));

    static struct params back;
    list_begin(&back, 0, COPY_LIST_ID_NONE);
    list_cscd(&back, s.lu);
    list_cscd(&back, f->lu);
    list_blocks(&back, 0, 1, 0, 0, 8);
    pr_join(f, c, 1, 0);
    EXPECT_GOOD(f, pr_out(f, c, PR_RESERVE, PR_WRITE_EX, 1, 0, 0));
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x0d01);
    EXPECT_GOOD(f, xcopy(f, f->a, &back)); /* may be read */
    EXPECT_GOOD(f, pr_out(f, c, PR_RELEASE, PR_WRITE_EX, 1, 0, 0));
    EXPECT_GOOD(f, pr_out(f, c, PR_RESERVE, PR_EX_ACCESS, 1, 0, 0));
    EXPECT_CHECK(f, xcopy(f, f->a, &back), SK_COPY_ABORTED, 0x0d01);
    EXPECT_GOOD(f, pr_out(f, c, PR_CLEAR, 0, 1, 0, 0));

    s.lu->params.read_only = true; /* write protected, as the sense data inside says */
    struct fix_cmd *cmd = xcopy(f, f->a, &l);
    EXPECT_CHECK(f, cmd, SK_COPY_ABORTED, 0x0d01);
    EXPECT_EQ(f, load_be32(cmd->t.sense + 8), 18u << 16); /* of the destination, segment 0 */
    EXPECT_EQ(f, cmd->t.sense_len, 18 + 1 + 18);
    EXPECT_EQ(f, cmd->t.sense[18], SCSI_STATUS_CHECK);
    EXPECT_EQ(f, cmd->t.sense[19 + 2], SK_DATA_PROTECT);
    EXPECT_EQ(f, load_be16(cmd->t.sense + 19 + 12), ASC_WRITE_PROTECTED);
    s.lu->params.read_only = false;
    ua_raise_all(s.lu, UA_MODE_CHANGED, NULL); /* stays for whoever it is for */
    EXPECT_GOOD(f, xcopy(f, f->a, &l));
    EXPECT_CHECK(f, on_second(f, cmd_new(f, f->a, "00 00 00 00 00 00")), SK_UNIT_ATTENTION,
                 0x2a01);
    scsi_nexus_free(c);
    second_free(&s);
}

/* ---- while it runs ----------------------------------------------------------------------- */

/* Data, not holes, which are copied without being read. */
static void fill(struct fix *f, uint64_t lba, uint32_t nblk)
{
    struct fix_cmd *c = cmd_new(f, f->a, "93 00 %016" PRIx64 " %08" PRIx32 " 00 00", lba, nblk);
    cmd_out_byte(c, 512, 'x');
    EXPECT_GOOD(f, cmd_run(f, c));
}

static struct fix_cmd *start_long_copy(struct fix *f, uint8_t list_id)
{
    struct params l;
    list_begin(&l, list_id, COPY_LIST_ID_HOLD);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 60000, 20000); /* 10 MB: three pieces */
    struct fix_cmd *c = xcopy_new(f, f->a, &l);
    fix_start(c);
    fix_settle();
    return c;
}

FIX_TEST(status_of_a_copy_that_runs)
{
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = start_long_copy(f, 7);
    EXPECT(f, !c->done);
    EXPECT_EQ(f, results(f, f->a, COPY_STATUS, 7)->in[4], COPY_IN_PROGRESS);
    EXPECT_CHECK(f, results(f, f->a, COPY_FAILED_SEGMENT_DETAILS, 7), SK_ILLEGAL_REQUEST,
                 0x2400);
    EXPECT_CHECK(f, results(f, f->a, COPY_RECEIVE_DATA, 7), SK_ILLEGAL_REQUEST, 0x2400);
    struct params l;
    list_begin(&l, 7, COPY_LIST_ID_HOLD);
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST,
                 0x0016);                  /* the identifier is in use */
    EXPECT_GOOD(f, xcopy(f, f->b, &l));    /* by a, not by b */
    for (unsigned i = 100; i < 120; i++) { /* newer results do not push it out */
        list_begin(&l, (uint8_t)i, COPY_LIST_ID_HOLD);
        EXPECT_GOOD(f, xcopy(f, f->a, &l));
    }
    gate_open(f);
    fix_wait(c);
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, results(f, f->a, COPY_STATUS, 7)->in[4], COPY_DONE);
    EXPECT_EQ(f, results(f, f->a, COPY_FAILED_SEGMENT_DETAILS, 7)->in_len, 4);
    EXPECT_EQ(f, results(f, f->a, COPY_RECEIVE_DATA, 7)->in_len, 4);
    EXPECT_CHECK(f, results(f, f->a, COPY_STATUS, 8), SK_ILLEGAL_REQUEST, 0x2400);
    EXPECT_CDB_FIELD(f, f->last, 2, -1);
    fix_free(c);
}

/* Its write of a piece waits for others at the same blocks, as any write does. */
FIX_TEST(a_piece_takes_the_range_lock)
{
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *w = cmd_new(f, f->b, "2a 00 0000ea60 00 0001 00"); /* LBA 60000 */
    cmd_out_byte(w, 512, 'w');
    fix_start(w);
    fix_settle();
    struct fix_cmd *c = start_long_copy(f, 7);
    EXPECT_EQ(f, gate_waiting(f), 1);
    gate_open(f);
    fix_wait(w);
    fix_wait(c);
    EXPECT_GOOD(f, c);
    EXPECT(f, holds_byte(f, 60000, 1, 'x')); /* it came later */
    fix_free(w);
    fix_free(c);
}

FIX_TEST(an_abort_ends_it_between_pieces)
{
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = start_long_copy(f, 7);
    lu_abort_mark(f->lu, c->t.itl, NULL, NULL);
    gate_open(f);
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    EXPECT(f, holds_byte(f, 60000, 1, 'x'));
    EXPECT(f, holds_byte(f, 79999, 1, 0));
    EXPECT(f, lu_ranges_idle(f->lu) && list_empty(&f->lu->tasks));
    fix_free(c);
}

FIX_TEST(unmapping_the_destination_ends_it)
{
    struct second s = second_new(f, 1, 512);
    struct params l;
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_READ);
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 0, 0, 20000);
    struct fix_cmd *c = xcopy_new(f, f->a, &l);
    fix_start(c);
    fix_settle();
    EXPECT_EQ(f, s.lu->ntasks, 1);
    gate_open(f);
    EXPECT_EQ(f, scsi_nexus_unmap(f->a, 1, false), 0); /* the LUN goes away under it */
    EXPECT_EQ(f, scsi_nexus_settle(f->a, true, NO_DEADLINE), 0);
    EXPECT_EQ(f, s.lu->ntasks, 0);
    fix_wait(c);
    EXPECT_EQ(f, c->status, SCSI_STATUS_CHECK);
    EXPECT_EQ(f, c->key, SK_COPY_ABORTED);
    fix_free(c);
    second_free(&s);
}

/* The same LUN number, but another LU by now: what it is, is looked at for each piece. */
FIX_TEST(another_lu_in_its_place_is_not_touched)
{
    struct second s = second_new(f, 0, 512);
    struct params l;
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_cscd(&l, s.lu);
    list_blocks(&l, 0, 1, 0, 0, 20000);
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *c = xcopy_new(f, f->a, &l);
    fix_start(c);
    fix_settle();
    s.lu->params.id.naa[7] ^= 1;
    gate_open(f);
    fix_wait(c);
    EXPECT_CHECK(f, c, SK_COPY_ABORTED, 0x0d02);
    fix_free(c);
    second_free(&s);
}

FIX_TEST(errors_of_the_volumes_are_device_failures)
{
    struct params l;
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 100, 8);
    fill(f, 0, 8);
    static const unsigned ops[] = {1u << VOL_OP_READ, 1u << VOL_OP_WRITE};
    for (unsigned i = 0; i < ARRAY_LEN(ops); i++) {
        gate_fail(f, ops[i], i ? -ENOSPC : -EBADMSG);
        EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x0d01);
    }
}

/* ---- results ----------------------------------------------------------------------------- */

FIX_TEST(operating_parameters)
{
    struct fix_cmd *c = results(f, f->a, COPY_OPERATING_PARAMETERS, 0);
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 47);
    EXPECT_EQ(f, load_be32(c->in), 43);
    EXPECT_EQ(f, c->in[4], COPY_SNLID);
    EXPECT_EQ(f, load_be16(c->in + 8), SCSI_COPY_MAX_CSCDS);
    EXPECT_EQ(f, load_be16(c->in + 10), SCSI_COPY_MAX_SEGMENTS);
    EXPECT_EQ(f, load_be32(c->in + 12), SCSI_COPY_MAX_LIST_BYTES);
    EXPECT_EQ(f, load_be32(c->in + 16), SCSI_COPY_MAX_SEGMENT_BYTES);
    EXPECT_EQ(f, load_be16(c->in + 34), SCSI_COPY_MAX_CONCURRENT);
    EXPECT_EQ(f, c->in[37], 9); /* 512 bytes */
    static const uint8_t types[] = {3, 0x02, 0x0a, 0xe4};
    EXPECT(f, memcmp(c->in + 43, types, 4) == 0);
    EXPECT_EQ(f, cmd_run(f, cmd_new(f, f->a, "84 03 00 00000000000000 00000010 00 00"))->in_len,
              16);
}

FIX_TEST(results_are_kept_for_the_last_few)
{
    for (unsigned i = 0; i < 40; i++) {
        struct params l;
        list_begin(&l, (uint8_t)i, COPY_LIST_ID_HOLD);
        EXPECT_GOOD(f, xcopy(f, f->a, &l));
    }
    EXPECT_GOOD(f, results(f, f->a, COPY_STATUS, 39));
    EXPECT_GOOD(f, results(f, f->a, COPY_STATUS, 24));
    EXPECT_CHECK(f, results(f, f->a, COPY_STATUS, 23), SK_ILLEGAL_REQUEST, 0x2400);
}

FIX_TEST(copies_at_the_same_time_are_limited)
{
    struct fix_cmd *c[SCSI_COPY_MAX_CONCURRENT];
    fill(f, 0, 20000);
    gate_close(f, 1u << VOL_OP_READ);
    for (unsigned i = 0; i < SCSI_COPY_MAX_CONCURRENT; i++)
        c[i] = start_long_copy(f, (uint8_t)i);
    struct params l;
    list_begin(&l, 200, COPY_LIST_ID_HOLD);
    EXPECT_CHECK(f, xcopy(f, f->b, &l), SK_ILLEGAL_REQUEST, 0x5503);
    gate_open(f);
    for (unsigned i = 0; i < SCSI_COPY_MAX_CONCURRENT; i++) {
        fix_wait(c[i]);
        EXPECT_GOOD(f, c[i]);
        fix_free(c[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within_one_lu),
        cmocka_unit_test(test_between_lus_of_one_home),
        cmocka_unit_test(test_between_lus_of_different_homes),
        cmocka_unit_test(test_a_segment_of_many_pieces),
        cmocka_unit_test(test_block_sizes_that_differ),
        cmocka_unit_test(test_nothing_to_copy),
        cmocka_unit_test(test_only_what_the_nexus_has_mapped),
        cmocka_unit_test(test_the_guard_of_both_ends_counts),
        cmocka_unit_test(test_reservations_of_both_ends_count),
        cmocka_unit_test(test_status_of_a_copy_that_runs),
        cmocka_unit_test(test_a_piece_takes_the_range_lock),
        cmocka_unit_test(test_an_abort_ends_it_between_pieces),
        cmocka_unit_test(test_unmapping_the_destination_ends_it),
        cmocka_unit_test(test_another_lu_in_its_place_is_not_touched),
        cmocka_unit_test(test_errors_of_the_volumes_are_device_failures),
        cmocka_unit_test(test_operating_parameters),
        cmocka_unit_test(test_results_are_kept_for_the_last_few),
        cmocka_unit_test(test_copies_at_the_same_time_are_limited),
    };
    return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
