/* SPDX-License-Identifier: BSD-2-Clause */
/* The small block commands: ORWRITE, WRITE ATOMIC, PRE-FETCH, SYNCHRONIZE CACHE, READ CAPACITY,
 * READ DEFECT DATA. */
#include "scsi/block_testing.h"

#include <errno.h>

/* ---- ORWRITE ----------------------------------------------------------------------------- */

static struct fix_cmd *orwrite(struct fix *f, uint64_t lba, uint32_t nblk, int byte, size_t len)
{
    struct fix_cmd *c = cmd_new(f, f->a, "8b 00 %016" PRIx64 " %08" PRIx32 " 00 00", lba, nblk);
    cmd_out_byte(c, len, byte);
    return cmd_run(f, c);
}

FIX_TEST(orwrite_sets_bits)
{
    EXPECT_GOOD(f, write_byte(f, 0, 300, 0x0a));
    EXPECT_GOOD(f, orwrite(f, 10, 256, 0xa5, 256 * 512));
    EXPECT(f, holds_byte(f, 10, 256, 0xaf));
    EXPECT_GOOD(f, orwrite(f, 10, 256, 0x5a, 256 * 512));
    EXPECT(f, holds_byte(f, 10, 256, 0xff));
    EXPECT(f, holds_byte(f, 0, 10, 0x0a) && holds_byte(f, 266, 34, 0x0a));
    EXPECT_GOOD(f, orwrite(f, 0, 0, 0, 0));
}

FIX_TEST(orwrite_refuses)
{
    EXPECT_CHECK(f, orwrite(f, 0, 2, 1, 512), SK_ILLEGAL_REQUEST, 0x0e03);
    EXPECT_CHECK(f, orwrite(f, 131072 + 1, 0, 1, 0), SK_ILLEGAL_REQUEST, 0x2100);
    EXPECT_CHECK(f, orwrite(f, 0, 65537, 1, 512), SK_ILLEGAL_REQUEST, 0x2400);
    gate_fail(f, 1u << VOL_OP_READ, -EBADMSG);
    EXPECT_CHECK(f, orwrite(f, 0, 1, 1, 512), SK_MEDIUM_ERROR, 0x1100);
}

/* Two that set different bits of one block at the same time: both are set. */
FIX_TEST(orwrites_of_one_block_do_not_lose_each_other)
{
    struct fix_cmd *c[8];
    gate_close(f, 1u << VOL_OP_WRITE);
    for (unsigned i = 0; i < 8; i++) {
        c[i] = cmd_new(f, i % 2 ? f->a : f->b, "8b 00 0000000000000007 00000001 00 00");
        cmd_out_byte(c[i], 512, 1 << i);
        fix_start(c[i]);
    }
    fix_settle();
    gate_open(f);
    for (unsigned i = 0; i < 8; i++) {
        fix_wait(c[i]);
        EXPECT_GOOD(f, c[i]);
        fix_free(c[i]);
    }
    EXPECT(f, holds_byte(f, 7, 1, 0xff));
}

/* ---- WRITE ATOMIC ------------------------------------------------------------------------ */

static struct fix_cmd *write_atomic(struct fix *f, uint64_t lba, unsigned boundary,
                                    uint32_t nblk, size_t len)
{
    struct fix_cmd *c =
        cmd_new(f, f->a, "9c 00 %016" PRIx64 " %04x %04x 00 00", lba, boundary, nblk);
    cmd_out_byte(c, len, 'A');
    return cmd_run(f, c);
}

FIX_TEST(write_atomic_writes)
{
    EXPECT_GOOD(f, write_atomic(f, 5, 0, 300, 300 * 512));
    EXPECT(f, holds_byte(f, 5, 300, 'A'));
    EXPECT_GOOD(f, write_atomic(f, 5, 0, 0, 0));
}

FIX_TEST(write_atomic_refuses)
{
    EXPECT_CHECK(f, write_atomic(f, 131072 - 1, 0, 2, 1024), SK_ILLEGAL_REQUEST, 0x2100);
    struct fix_cmd *c = write_atomic(f, 0, 1, 2, 1024);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2400);
    EXPECT_CDB_FIELD(f, c, 10, -1);
    f->vol->geo.atomic_max = 4096;
    EXPECT_GOOD(f, write_atomic(f, 0, 0, 8, 4096));
    c = write_atomic(f, 0, 0, 9, 9 * 512);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2400);
    EXPECT_CDB_FIELD(f, c, 12, -1);
    EXPECT_CHECK(f, write_atomic(f, 0, 0, 8, 2048), SK_ILLEGAL_REQUEST,
                 0x0e03); /* a part is nothing */
    f->vol->geo.atomic_max = 0;
    EXPECT_CHECK(f, write_atomic(f, 0, 0, 1, 512), SK_ILLEGAL_REQUEST, 0x2000);
}

/* ---- PRE-FETCH, SYNCHRONIZE CACHE -------------------------------------------------------- */

FIX_TEST(prefetch_looks_at_the_range)
{
    EXPECT_GOOD(f, fix_do(f, f->a, "34 02 00000000 00 0100 00"));
    EXPECT_GOOD(f, fix_do(f, f->a, "90 00 0000000000000000 00000000 00 00"));
    EXPECT_CHECK(f, fix_do(f, f->a, "34 00 00020001 00 0000 00"), SK_ILLEGAL_REQUEST, 0x2100);
    EXPECT_CHECK(f, fix_do(f, f->a, "90 00 000000000001ffff 00000002 00 00"),
                 SK_ILLEGAL_REQUEST, 0x2100);
}

FIX_TEST_WITH(sync_cache_flushes, .sync = VOL_SYNC_STANDARD)
{
    EXPECT_GOOD(f, fix_do(f, f->a, "35 00 00000000 00 0000 00"));
    EXPECT_CHECK(f, fix_do(f, f->a, "35 00 00020000 00 0001 00"), SK_ILLEGAL_REQUEST, 0x2100);
    gate_fail(f, 1u << VOL_OP_FLUSH, -EIO);
    EXPECT_CHECK(f, fix_do(f, f->a, "35 00 00000000 00 0000 00"), SK_HARDWARE_ERROR, 0x4400);
    EXPECT_CHECK(f, fix_do(f, f->a, "91 02 0000000000000000 00000000 00 00"), SK_HARDWARE_ERROR,
                 0x4400);
}

/* ---- READ CAPACITY ----------------------------------------------------------------------- */

FIX_TEST(capacity_of_a_thin_volume)
{
    struct fix_cmd *c = fix_do(f, f->a, "25 00 00000000 0000 00 00");
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 8);
    EXPECT_EQ(f, load_be32(c->in), 131071);
    EXPECT_EQ(f, load_be32(c->in + 4), 512);
    c = fix_do(f, f->a, "9e 10 0000000000000000 00000020 00 00");
    EXPECT_EQ(f, c->in_len, 32);
    EXPECT_EQ(f, load_be64(c->in), 131071);
    EXPECT_EQ(f, load_be32(c->in + 8), 512);
    EXPECT_EQ(f, c->in[12], 0);
    EXPECT_EQ(f, c->in[13], 3); /* 8 logical blocks in a physical one */
    EXPECT_EQ(f, load_be16(c->in + 14), 0xc000);
    EXPECT(f, bytes_are(c->in + 16, 16, 0));
    for (unsigned alloc = 0; alloc < 33; alloc++) {
        c = cmd_run(f, cmd_new(f, f->a, "9e 10 0000000000000000 %08x 00 00", alloc));
        EXPECT_GOOD(f, c);
        EXPECT_EQ(f, c->in_len, MIN(alloc, 32));
    }
}

FIX_TEST_WITH(capacity_beyond_32_bits, .size = 3ull << 40)
{
    EXPECT_EQ(f, load_be32(fix_do(f, f->a, "25 00 00000000 0000 00 00")->in), UINT32_MAX);
    EXPECT_EQ(f, load_be64(fix_do(f, f->a, "9e 10 0000000000000000 00000020 00 00")->in),
              (3ull << 31) - 1);
}

FIX_TEST_WITH(capacity_of_a_thick_volume_of_large_blocks, .not_thin = true, .block_size = 4096)
{
    struct fix_cmd *c = fix_do(f, f->a, "9e 10 0000000000000000 00000020 00 00");
    EXPECT_EQ(f, load_be64(c->in), 16383);
    EXPECT_EQ(f, load_be32(c->in + 8), 4096);
    EXPECT_EQ(f, c->in[13], 0);
    EXPECT_EQ(f, load_be16(c->in + 14), 0);
}

/* ---- READ DEFECT DATA -------------------------------------------------------------------- */

FIX_TEST(defect_lists_are_empty)
{
    struct fix_cmd *c = fix_do(f, f->a, "37 00 1d 00000000 0020 00");
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 4);
    EXPECT_EQ(f, load_be32(c->in), 0x001d0000);
    c = fix_do(f, f->a, "b7 0c 00000000 00000020 00 00");
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 8);
    EXPECT_EQ(f, load_be64(c->in), 0x000c000000000000);
    EXPECT_EQ(f, fix_do(f, f->a, "37 00 1d 00000000 0003 00")->in_len, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orwrite_sets_bits),
        cmocka_unit_test(test_orwrite_refuses),
        cmocka_unit_test(test_orwrites_of_one_block_do_not_lose_each_other),
        cmocka_unit_test(test_write_atomic_writes),
        cmocka_unit_test(test_write_atomic_refuses),
        cmocka_unit_test(test_prefetch_looks_at_the_range),
        cmocka_unit_test(test_sync_cache_flushes),
        cmocka_unit_test(test_capacity_of_a_thin_volume),
        cmocka_unit_test(test_capacity_beyond_32_bits),
        cmocka_unit_test(test_capacity_of_a_thick_volume_of_large_blocks),
        cmocka_unit_test(test_defect_lists_are_empty),
    };
    return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
