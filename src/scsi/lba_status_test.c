/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/block_testing.h"

#include <errno.h>

#define CHUNK 128u /* blocks of 512 bytes in a memory volume's chunk of 64 KiB */

static struct fix_cmd *status(struct fix *f, uint64_t lba, uint32_t alloc)
{
    return cmd_run(f, cmd_new(f, f->a, "9e 12 %016" PRIx64 " %08" PRIx32 " 00 00", lba, alloc));
}
static void expect_run(struct fix *f, unsigned i, uint64_t lba, uint32_t nblk, unsigned state)
{
    const uint8_t *d = f->last->in + 8 + 16 * i;
    EXPECT_EQ(f, load_be64(d), lba);
    EXPECT_EQ(f, load_be32(d + 8), nblk);
    EXPECT_EQ(f, d[12], state);
}

FIX_TEST(runs_alternate)
{
    EXPECT_GOOD(f, write_byte(f, 0, 2 * CHUNK, 'a')); /* two chunks: one run */
    EXPECT_GOOD(f, write_byte(f, 5 * CHUNK, CHUNK, 'a'));
    EXPECT_GOOD(f, status(f, 3, 4096));
    EXPECT_EQ(f, f->last->in_len, 8 + 4 * 16);
    EXPECT_EQ(f, load_be32(f->last->in), 4 + 4 * 16);
    expect_run(f, 0, 3, 2 * CHUNK - 3, LBA_STATUS_MAPPED);
    expect_run(f, 1, 2 * CHUNK, 3 * CHUNK, LBA_STATUS_DEALLOCATED);
    expect_run(f, 2, 5 * CHUNK, CHUNK, LBA_STATUS_MAPPED);
    expect_run(f, 3, 6 * CHUNK, 131072 - 6 * CHUNK, LBA_STATUS_DEALLOCATED);
}

FIX_TEST(the_allocation_length_cuts)
{
    EXPECT_GOOD(f, write_byte(f, 0, CHUNK, 'a'));
    static const uint32_t alloc[] = {0, 3, 8, 23, 24, 39, 40};
    for (unsigned i = 0; i < ARRAY_LEN(alloc); i++) {
        struct fix_cmd *c = status(f, 0, alloc[i]);
        EXPECT_GOOD(f, c);
        EXPECT_EQ(f, c->in_len, MIN(alloc[i], alloc[i] < 40 ? 24u : 40u));
    }
}

FIX_TEST(the_answer_is_bounded)
{
    for (unsigned i = 0; i < 300; i++)
        EXPECT_GOOD(f, write_byte(f, 2 * i * CHUNK, 1, 'a'));
    struct fix_cmd *c = status(f, 0, UINT32_MAX);
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 8 + 256 * 16);
    EXPECT_EQ(f, load_be32(c->in), 4 + 256 * 16);
}

FIX_TEST(ranges)
{
    EXPECT_GOOD(f, status(f, 131071, 24));
    expect_run(f, 0, 131071, 1, LBA_STATUS_DEALLOCATED);
    EXPECT_CHECK(f, status(f, 131072, 24), SK_ILLEGAL_REQUEST, 0x2100);
    EXPECT_CHECK(f, status(f, UINT64_MAX, 24), SK_ILLEGAL_REQUEST, 0x2100);
}

FIX_TEST_WITH(without_thin_provisioning_all_is_mapped, .not_thin = true)
{
    EXPECT_GOOD(f, status(f, 7, 4096));
    EXPECT_EQ(f, f->last->in_len, 24);
    expect_run(f, 0, 7, 131072 - 7, LBA_STATUS_MAPPED);
}

FIX_TEST_WITH(a_run_is_as_long_as_its_field, .size = 3ull << 40)
{
    EXPECT_GOOD(f, status(f, 1, 4096));
    EXPECT_EQ(f, f->last->in_len, 8 + 2 * 16);
    expect_run(f, 0, 1, UINT32_MAX, LBA_STATUS_DEALLOCATED);
    expect_run(f, 1, 1ull << 32, (uint32_t)((3ull << 31) - (1ull << 32)),
               LBA_STATUS_DEALLOCATED);
}

FIX_TEST(errors_end_it)
{
    gate_fail(f, 1u << VOL_OP_READ, -EIO);
    EXPECT_CHECK(f, status(f, 0, 4096), SK_HARDWARE_ERROR, 0x4400);
    EXPECT_EQ(f, f->last->in_len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_alternate),
        cmocka_unit_test(test_the_allocation_length_cuts),
        cmocka_unit_test(test_the_answer_is_bounded),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_without_thin_provisioning_all_is_mapped),
        cmocka_unit_test(test_errors_end_it),
        cmocka_unit_test(test_a_run_is_as_long_as_its_field),
    };
    return cmocka_run_group_tests_name("lba_status", tests, NULL, NULL);
}
