/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/block_testing.h"

#include <errno.h>

static struct fix_cmd *verify16(struct fix *f, unsigned bytchk, uint64_t lba, uint32_t nblk)
{
    return cmd_new(f, f->a, "8f %02x %016" PRIx64 " %08" PRIx32 " 00 00", bytchk << 1, lba,
                   nblk);
}

FIX_TEST(without_data_the_blocks_must_be_readable)
{
    EXPECT_GOOD(f, write_pattern(f, 0, 8, 1));
    EXPECT_GOOD(f, fix_do(f, f->a, "2f 00 00000000 00 0008 00"));
    EXPECT_GOOD(f, fix_do(f, f->a, "af 00 00000000 00000008 00 00"));
    EXPECT_GOOD(f,
                fix_do(f, f->a, "8f 00 0000000000000000 00001fff 00 00")); /* several pieces */
    EXPECT_EQ(f, f->last->t.data_len, 0);
    EXPECT_GOOD(f, fix_do(f, f->a, "2f 00 00000000 00 0000 00"));
    gate_fail(f, 1u << VOL_OP_READ, -EBADMSG);
    struct fix_cmd *c = fix_do(f, f->a, "2f 00 00000006 00 0008 00");
    EXPECT_CHECK(f, c, SK_MEDIUM_ERROR, 0x1100);
    EXPECT_EQ(f, information(c), 6);
}

FIX_TEST(all_blocks_are_compared_over_several_pieces)
{
    const uint32_t nblk =
        2000; /* 1000 KiB in pieces of 1 MiB would be one: begin late in a piece */
    EXPECT_GOOD(f, write_pattern(f, 7, nblk, 3));
    struct fix_cmd *c = verify16(f, 1, 7, nblk);
    cmd_out_pattern(c, nblk * 512, 3);
    EXPECT_GOOD(f, cmd_run(f, c));
    EXPECT_EQ(f, c->t.data_len, nblk * 512);
    EXPECT(f, c->t.data_is_out);

    static const uint32_t at[] = {0, 511, 512, 777777, 2000 * 512 - 1};
    for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
        uint8_t *p = pattern(nblk * 512, 3);
        p[at[i]] ^= 0x10;
        c = verify16(f, 1, 7, nblk);
        fix_out(c, p, nblk * 512);
        EXPECT_CHECK(f, cmd_run(f, c), SK_MISCOMPARE, 0x1d00);
        EXPECT_EQ(f, information(c), at[i]);
        free(p);
    }
}

FIX_TEST(pieces_beyond_the_first_count_offsets_from_the_start)
{
    const uint32_t nblk =
        6000; /* nearly 3 MiB of 'x', compared with as many from the initiator */
    uint8_t *p = malloc(nblk * 512);
    memset(p, 'x', nblk * 512);
    for (unsigned i = 0; i < 3; i++)
        EXPECT_GOOD(f, write_byte(f, i * 2000, 2000, 'x'));
    struct fix_cmd *c = verify16(f, 1, 0, nblk);
    fix_out(c, p, nblk * 512);
    EXPECT_GOOD(f, cmd_run(f, c));
    p[5000 * 512 + 17] = 'y';
    c = verify16(f, 1, 0, nblk);
    fix_out(c, p, nblk * 512);
    EXPECT_CHECK(f, cmd_run(f, c), SK_MISCOMPARE, 0x1d00);
    EXPECT_EQ(f, information(c), 5000 * 512 + 17);
    free(p);
}

FIX_TEST(one_block_is_compared_with_each)
{
    EXPECT_GOOD(f, write_byte(f, 100, 64, 'q'));
    struct fix_cmd *c = verify16(f, 3, 100, 64);
    cmd_out_byte(c, 512, 'q');
    EXPECT_GOOD(f, cmd_run(f, c));
    EXPECT_EQ(f, c->t.data_len, 512);
    EXPECT_GOOD(f, write_byte(f, 140, 1, 'r'));
    c = verify16(f, 3, 100, 64);
    cmd_out_byte(c, 512, 'q');
    EXPECT_CHECK(f, cmd_run(f, c), SK_MISCOMPARE, 0x1d00);
    EXPECT_EQ(f, information(c), 140);
    c = verify16(f, 3, 100, 64); /* a part of it means nothing */
    cmd_out_byte(c, 100, 'q');
    EXPECT_CHECK(f, cmd_run(f, c), SK_ILLEGAL_REQUEST, 0x0e03);
}

FIX_TEST(one_block_is_compared_in_every_piece)
{
    struct fix_cmd *c = cmd_new(f, f->a, "93 00 0000000000000000 00001000 00 00");
    cmd_out_byte(c, 512, 'q');
    EXPECT_GOOD(f, cmd_run(f, c));
    EXPECT_GOOD(f, write_byte(f, 3000, 1, 'r'));
    c = verify16(f, 3, 0, 4096); /* 2 MiB */
    cmd_out_byte(c, 512, 'q');
    EXPECT_CHECK(f, cmd_run(f, c), SK_MISCOMPARE, 0x1d00);
    EXPECT_EQ(f, information(c), 3000);
}

FIX_TEST(a_part_of_the_data_is_compared)
{
    EXPECT_GOOD(f, write_byte(f, 0, 4, 'a'));
    struct fix_cmd *c = verify16(f, 1, 0, 4);
    cmd_out_byte(c, 700, 'a');
    EXPECT_GOOD(f, cmd_run(f, c));
    c = verify16(f, 1, 0, 4);
    cmd_out_byte(c, 700, 'b');
    EXPECT_CHECK(f, cmd_run(f, c), SK_MISCOMPARE, 0x1d00);
}

FIX_TEST(reserved_codes_and_ranges_are_refused)
{
    static const char *const reserved[] = {
        "2f 04 00000000 00 0001 00",
        "2e 04 00000000 00 0001 00",
        "2e 06 00000000 00 0001 00",
    };
    for (unsigned i = 0; i < ARRAY_LEN(reserved); i++) {
        struct fix_cmd *c = fix_do(f, f->a, reserved[i]);
        EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2400);
        EXPECT_CDB_FIELD(f, c, 1, 2);
    }
    EXPECT_CHECK(f, fix_do(f, f->a, "2f 00 00020000 00 0001 00"), SK_ILLEGAL_REQUEST, 0x2100);
    EXPECT_CHECK(f, fix_do(f, f->a, "2e 00 00020000 00 0001 00"), SK_ILLEGAL_REQUEST, 0x2100);
}

FIX_TEST(write_and_verify_writes_and_looks)
{
    static const char *const cdbs[] = {
        "2e 00 00000008 00 0002 00",
        "ae 02 00000008 00000002 00 00",
        "8e 02 0000000000000008 00000002 00 00",
    };
    for (unsigned i = 0; i < ARRAY_LEN(cdbs); i++) {
        struct fix_cmd *c = cmd_new(f, f->a, "%s", cdbs[i]);
        cmd_out_pattern(c, 1024, i);
        EXPECT_GOOD(f, cmd_run(f, c));
        EXPECT_EQ(f, c->t.data_len, 1024);
        EXPECT(f, holds_pattern(f, 8, 2, i, 0));
    }
    gate_fail(f, 1u << VOL_OP_READ, -EBADMSG);
    struct fix_cmd *c = cmd_new(f, f->a, "2e 00 00000008 00 0002 00");
    cmd_out_byte(c, 1024, 1);
    EXPECT_CHECK(f, cmd_run(f, c), SK_MEDIUM_ERROR, 0x1100);
    gate_fail(f, 1u << VOL_OP_WRITE, -ENOSPC);
    c = cmd_new(f, f->a, "2e 00 00000008 00 0002 00");
    cmd_out_byte(c, 1024, 1);
    EXPECT_CHECK(f, cmd_run(f, c), SK_DATA_PROTECT, 0x2707);
}

FIX_TEST(write_and_verify_of_less_overwrites_less)
{
    EXPECT_GOOD(f, write_byte(f, 0, 4, 'a'));
    struct fix_cmd *c = cmd_new(f, f->a, "2e 02 00000000 00 0002 00");
    cmd_out_byte(c, 700, 'b');
    EXPECT_GOOD(f, cmd_run(f, c));
    c = read_blocks(f, 0, 4);
    EXPECT(f, bytes_are(c->in, 700, 'b') && bytes_are(c->in + 700, 2048 - 700, 'a'));
}

FIX_TEST(an_abort_ends_a_long_verify)
{
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *c = verify16(f, 0, 0, 65536);
    fix_start(c);
    fix_settle();
    lu_abort_mark(f->lu, NULL, NULL, NULL);
    gate_open(f);
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    fix_free(c);
}

FIX_TEST(aborted_before_the_lock_nothing_is_written)
{
    EXPECT_GOOD(f, write_byte(f, 0, 1, 'a'));
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *holder = cmd_new(f, f->a, "2a 00 00000000 00 0001 00");
    struct fix_cmd *c = cmd_new(f, f->b, "2e 00 00000000 00 0001 00");
    cmd_out_byte(holder, 512, 'h');
    cmd_out_byte(c, 512, 'c');
    fix_start(holder);
    fix_start(c);
    fix_settle();
    lu_abort_mark(f->lu, c->t.itl, NULL, NULL);
    fix_wait(c);
    gate_open(f);
    fix_wait(holder);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    EXPECT(f, holds_byte(f, 0, 1, 'h'));
    fix_free(holder);
    fix_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_data_the_blocks_must_be_readable),
        cmocka_unit_test(test_all_blocks_are_compared_over_several_pieces),
        cmocka_unit_test(test_pieces_beyond_the_first_count_offsets_from_the_start),
        cmocka_unit_test(test_one_block_is_compared_with_each),
        cmocka_unit_test(test_one_block_is_compared_in_every_piece),
        cmocka_unit_test(test_a_part_of_the_data_is_compared),
        cmocka_unit_test(test_reserved_codes_and_ranges_are_refused),
        cmocka_unit_test(test_write_and_verify_writes_and_looks),
        cmocka_unit_test(test_write_and_verify_of_less_overwrites_less),
        cmocka_unit_test(test_an_abort_ends_a_long_verify),
        cmocka_unit_test(test_aborted_before_the_lock_nothing_is_written),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
