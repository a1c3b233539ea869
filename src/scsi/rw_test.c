/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/block_testing.h"

#include <errno.h>

#define BLOCKS 131072u /* of 512 bytes in 64 MiB */

FIX_TEST(every_length_of_cdb_reads_and_writes_the_same_blocks)
{
    static const struct {
        const char *write, *read;
    } rows[] = {
        {"0a 00 0010 02 00",                      "08 00 0010 02 00"                     },
        {"2a 00 00000020 00 0002 00",             "28 00 00000020 00 0002 00"            },
        {"aa 00 00000030 00000002 00 00",         "a8 00 00000030 00000002 00 00"        },
        {"8a 00 0000000000000040 00000002 00 00", "88 00 0000000000000040 00000002 00 00"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct fix_cmd *c = cmd_new(f, f->a, "%s", rows[i].write);
        cmd_out_pattern(c, 1024, i);
        EXPECT_GOOD(f, cmd_run(f, c));
        EXPECT(f, c->t.data_is_out);
        EXPECT_EQ(f, c->t.data_len, 1024);
        EXPECT(f, holds_pattern(f, (i + 1) * 16, 2, i, 0));
        c = fix_do(f, f->a, rows[i].read);
        EXPECT_GOOD(f, c);
        EXPECT_EQ(f, c->in_len, 1024);
        EXPECT_EQ(f, c->t.data_len, 1024);
    }
}

FIX_TEST(six_byte_lengths_of_zero_mean_256)
{
    struct fix_cmd *c = fix_do(f, f->a, "08 00 0000 00 00");
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 256 * 512);
    c = fix_do(f, f->a, "08 1f ffff 00 00"); /* all 21 bits */
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2100);
}

FIX_TEST(ranges_end_at_the_last_block)
{
    static const struct {
        uint64_t lba;
        uint32_t nblk;
        int64_t info; /* -1: good */
    } rows[] = {
        {BLOCKS - 1,   1,   -1        },
        {BLOCKS,       0,   -1        },
        {0,            0,   -1        },
        {BLOCKS,       1,   BLOCKS    },
        {BLOCKS - 255, 256, BLOCKS    },
        {BLOCKS + 1,   0,   BLOCKS + 1},
        {1u << 31,     0,   1u << 31  },
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        for (unsigned w = 0; w < 2; w++) {
            struct fix_cmd *c = cmd_new(f, f->a, "%s 00 %016" PRIx64 " %08" PRIx32 " 00 00",
                                        w ? "8a" : "88", rows[i].lba, rows[i].nblk);
            if (w)
                cmd_out_byte(c, rows[i].nblk * 512, 1);
            cmd_run(f, c);
            if (rows[i].info < 0) {
                EXPECT_GOOD(f, c);
                continue;
            }
            EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2100);
            EXPECT_EQ(f, information(c), rows[i].info);
            EXPECT_EQ(f, c->in_len, 0);
        }
    }
    EXPECT_CHECK(f, fix_do(f, f->a, "88 00 ffffffffffffffff 00000002 00 00"),
                 SK_ILLEGAL_REQUEST, 0x2100);
}

FIX_TEST_WITH(transfers_go_up_to_32_mib, .size = 80u << 20)
{
    struct fix_cmd *c = fix_do(f, f->a, "88 00 0000000000000000 00010000 00 00");
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->t.data_len, 32u << 20);
    c = fix_do(f, f->a, "88 00 0000000000000000 00010001 00 00");
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2400);
    EXPECT_CDB_FIELD(f, c, 10, -1);
    c = fix_do(f, f->a, "a8 00 00000000 00010001 00 00");
    EXPECT_CDB_FIELD(f, c, 6, -1);
}

FIX_TEST(reading_less_than_asked_for_moves_what_fits)
{
    EXPECT_GOOD(f, write_pattern(f, 0, 4, 1));
    static const size_t room[] = {0, 200, 512, 700, 10000};
    for (unsigned i = 0; i < ARRAY_LEN(room); i++) {
        struct fix_cmd *c = cmd_new(f, f->a, "28 00 00000000 00 0002 00");
        uint8_t *p = pattern(1024, 1);
        c->t.in_max = room[i];
        EXPECT_GOOD(f, cmd_run(f, c));
        EXPECT_EQ(f, c->in_len, MIN(room[i], 1024u));
        EXPECT_EQ(f, c->t.data_len, 1024); /* the residual is the transport's to count */
        EXPECT(f, memcmp(c->in, p, c->in_len) == 0);
        free(p);
    }
}

FIX_TEST(writing_less_or_more_than_asked_for_moves_what_is_there)
{
    static const size_t sent[] = {0, 200, 512, 700, 1024, 10000};
    for (unsigned i = 0; i < ARRAY_LEN(sent); i++) {
        size_t moved = MIN(sent[i], 1024u);
        EXPECT_GOOD(f, write_byte(f, 0, 4, 'a'));
        struct fix_cmd *c = cmd_new(f, f->a, "2a 00 00000000 00 0002 00");
        cmd_out_byte(c, sent[i], 'b');
        EXPECT_GOOD(f, cmd_run(f, c));
        EXPECT_EQ(f, c->t.data_len, 1024);
        c = read_blocks(f, 0, 4);
        EXPECT(f, bytes_are(c->in, moved, 'b'));
        EXPECT(f, bytes_are(c->in + moved, 2048 - moved, 'a'));
    }
}

FIX_TEST_WITH(fua_reaches_the_volume, .sync = VOL_SYNC_STANDARD)
{
    gate_fail(f, 1u << VOL_OP_FLUSH, -EIO);
    EXPECT_GOOD(f, fix_do(f, f->a, "28 10 00000000 00 0001 00")); /* DPO says nothing */
    EXPECT_CHECK(f, fix_do(f, f->a, "28 08 00000000 00 0001 00"), SK_HARDWARE_ERROR, 0x4400);
}

FIX_TEST(errors_of_the_volume_have_their_sense)
{
    static const struct {
        int err;
        uint8_t key;
        uint16_t asc;
    } rows[] = {
        {-ENOSPC,  SK_DATA_PROTECT,   0x2707},
        {-EBADMSG, SK_MEDIUM_ERROR,   0x1100},
        {-EIO,     SK_HARDWARE_ERROR, 0x4400},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        gate_fail(f, 1u << VOL_OP_WRITE | 1u << VOL_OP_READ, rows[i].err);
        EXPECT_CHECK(f, write_byte(f, 5, 1, 1), rows[i].key, rows[i].asc);
        EXPECT_CHECK(f, fix_do(f, f->a, "28 00 00000005 00 0001 00"), rows[i].key, rows[i].asc);
    }
    gate_fail(f, 1u << VOL_OP_READ, -EBADMSG); /* completing a part of a block needs a read */
    struct fix_cmd *c = cmd_new(f, f->a, "2a 00 00000000 00 0001 00");
    cmd_out_byte(c, 100, 1);
    EXPECT_CHECK(f, cmd_run(f, c), SK_MEDIUM_ERROR, 0x1100);
}

/* A host that is slow to send holds up nobody; aborted, its data never land. */
FIX_TEST(data_that_come_after_an_abort_do_not_land)
{
    EXPECT_GOOD(f, write_byte(f, 0, 1, 'a'));
    struct fix_cmd *c = cmd_new(f, f->a, "2a 00 00000000 00 0001 00");
    cmd_out_byte(c, 512, 'b');
    c->data_held = true;
    fix_start(c);
    fix_settle();
    EXPECT_GOOD(f, write_byte(f, 0, 1, 'c'));
    lu_abort_tasks(f->lu, c->t.itl, NULL, NULL);
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    EXPECT(f, holds_byte(f, 0, 1, 'c'));
    fix_free(c);
}

/* One that waits for the range lock is stopped, one inside the volume is waited for. */
FIX_TEST(aborts_stop_before_the_volume_and_wait_behind_it)
{
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *inside = cmd_new(f, f->a, "2a 00 00000000 00 0001 00");
    struct fix_cmd *waiting = cmd_new(f, f->a, "2a 00 00000000 00 0001 00");
    cmd_out_byte(inside, 512, 'i');
    cmd_out_byte(waiting, 512, 'w');
    fix_start(inside);
    fix_start(waiting);
    fix_settle();
    EXPECT_EQ(f, gate_waiting(f), 1);
    lu_abort_mark(f->lu, NULL, NULL, NULL);
    fix_wait(waiting);
    EXPECT(f, !inside->done);
    gate_open(f);
    fix_wait(inside);
    EXPECT_EQ(f, inside->outcome, SCSI_ABORTED);
    EXPECT_EQ(f, waiting->outcome, SCSI_ABORTED);
    EXPECT(f, holds_byte(f, 0, 1, 'i'));
    fix_free(inside);
    fix_free(waiting);
}

FIX_TEST_WITH(blocks_of_4096_bytes, .block_size = 4096)
{
    EXPECT_GOOD(f, write_pattern(f, 3, 5, 9));
    EXPECT(f, holds_pattern(f, 3, 5, 9, 0));
    EXPECT(f, holds_pattern(f, 4, 1, 9, 4096));
    struct fix_cmd *c = fix_do(f, f->a, "88 00 0000000000000000 00002001 00 00");
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2400); /* 32 MiB and a block */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length_of_cdb_reads_and_writes_the_same_blocks),
        cmocka_unit_test(test_six_byte_lengths_of_zero_mean_256),
        cmocka_unit_test(test_ranges_end_at_the_last_block),
        cmocka_unit_test(test_transfers_go_up_to_32_mib),
        cmocka_unit_test(test_reading_less_than_asked_for_moves_what_fits),
        cmocka_unit_test(test_writing_less_or_more_than_asked_for_moves_what_is_there),
        cmocka_unit_test(test_fua_reaches_the_volume),
        cmocka_unit_test(test_errors_of_the_volume_have_their_sense),
        cmocka_unit_test(test_data_that_come_after_an_abort_do_not_land),
        cmocka_unit_test(test_aborts_stop_before_the_volume_and_wait_behind_it),
        cmocka_unit_test(test_blocks_of_4096_bytes),
    };
    return cmocka_run_group_tests_name("rw", tests, NULL, NULL);
}
