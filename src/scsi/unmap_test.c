/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/block_testing.h"

#include <errno.h>

struct want {
    uint64_t lba;
    uint32_t nblk;
};

/* With n descriptors; the header's lengths and the list's own as given, -1: right. */
static struct fix_cmd *unmap_list(struct fix *f, const struct want *d, unsigned n,
                                  int descs_len, int list_len)
{
    static uint8_t bytes[8 + 300 * 16];
    size_t len = 8 + n * 16;
    memset(bytes, 0, sizeof(bytes));
    store_be16(bytes, (uint16_t)(len - 2));
    store_be16(bytes + 2, (uint16_t)(descs_len < 0 ? (int)n * 16 : descs_len));
    for (unsigned i = 0; i < n; i++) {
        store_be64(bytes + 8 + i * 16, d[i].lba);
        store_be32(bytes + 16 + i * 16, d[i].nblk);
    }
    if (list_len >= 0)
        len = (size_t)list_len;
    struct fix_cmd *c = cmd_new(f, f->a, "42 00 00000000 00 %04zx 00", len);
    fix_out(c, bytes, len);
    return cmd_run(f, c);
}
static struct fix_cmd *unmap(struct fix *f, const struct want *d, unsigned n)
{
    return unmap_list(f, d, n, -1, -1);
}

FIX_TEST(blocks_are_given_back_and_read_as_zeros)
{
    const struct want d[] = {
        {0,      1},
        {2,      3},
        {2,      3},
        {200,    0},
        {131072, 0},
        {131071, 1}
    };
    struct volume_space space = {0};
    EXPECT_GOOD(f, write_byte(f, 0, 256, 'a'));
    EXPECT_GOOD(f, unmap(f, d, ARRAY_LEN(d)));
    EXPECT(f, holds_byte(f, 0, 1, 0) && holds_byte(f, 1, 1, 'a') && holds_byte(f, 2, 3, 0) &&
                  holds_byte(f, 5, 251, 'a'));
    EXPECT_GOOD(f, unmap(f,
                         (struct want[]){
                             {0, 256}
    },
                         1));
    EXPECT_EQ(f, volume_space(f->vol, &space), 0);
    EXPECT_EQ(f, space.used, 0);
}

FIX_TEST(nothing_is_not_an_error)
{
    EXPECT_GOOD(f, unmap(f, NULL, 0));
    EXPECT_GOOD(f, fix_do(f, f->a, "42 00 00000000 00 0000 00"));
    EXPECT_GOOD(f, unmap_list(f,
                              (struct want[]){
                                  {0, 1}
    },
                              1, 15, -1)); /* an incomplete descriptor is ignored */
}

FIX_TEST(all_or_nothing)
{
    const struct want bad[] = {
        {0,      8},
        {131070, 3}
    };
    EXPECT_GOOD(f, write_byte(f, 0, 8, 'a'));
    struct fix_cmd *c = unmap(f, bad, 2);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2100);
    EXPECT_EQ(f, information(c), 131072);
    EXPECT(f, holds_byte(f, 0, 8, 'a'));
}

FIX_TEST(lists_that_end_too_early)
{
    const struct want d[] = {
        {0, 1},
        {1, 1}
    };
    EXPECT_GOOD(f, write_byte(f, 0, 2, 'a'));
    static const int lengths[] = {1, 7, 8, 23, 39};
    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++)
        EXPECT_CHECK(f, unmap_list(f, d, 2, -1, lengths[i]), SK_ILLEGAL_REQUEST, 0x1a00);
    EXPECT(f, holds_byte(f, 0, 2, 'a'));
    struct fix_cmd *c = fix_do_out(f, f->a, "42 00 00000000 00 0018 00",
                                   "0016"); /* fewer bytes than the CDB says */
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x1a00);
}

FIX_TEST_WITH(limits, .size = 4ull << 30)
{
    const uint32_t most = SCSI_UNMAP_MAX_BYTES / 512;
    static struct want d[SCSI_UNMAP_MAX_DESCS + 1];
    for (unsigned i = 0; i < ARRAY_LEN(d); i++)
        d[i] = (struct want){i, 1};
    EXPECT_GOOD(f, unmap(f, d, SCSI_UNMAP_MAX_DESCS));
    struct fix_cmd *c = unmap(f, d, SCSI_UNMAP_MAX_DESCS + 1);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 2, -1);
    EXPECT_GOOD(f, unmap(f,
                         (struct want[]){
                             {0,    most - 1},
                             {most, 1       }
    },
                         2));
    c = unmap(f,
              (struct want[]){
                  {0,    most - 1},
                  {most, 2       }
    },
              2);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 8 + 16 + 8, -1);
}

FIX_TEST(errors_and_aborts_end_it_between_descriptors)
{
    const struct want d[] = {
        {0, 1},
        {8, 1}
    };
    EXPECT_GOOD(f, write_byte(f, 0, 16, 'a'));
    gate_fail(f, 1u << VOL_OP_DISCARD, -EIO);
    EXPECT_CHECK(f, unmap(f, d, 2), SK_HARDWARE_ERROR, 0x4400);
    gate_fail(f, 0, 0);

    uint8_t list[8 + 32] = {0};
    list[3] = 32;
    list[8 + 11] = 1;
    list[24 + 7] = 8;
    list[24 + 11] = 1;
    struct fix_cmd *c = cmd_new(f, f->a, "42 00 00000000 00 0028 00");
    fix_out(c, list, sizeof(list));
    gate_close(f, 1u << VOL_OP_DISCARD);
    fix_start(c);
    fix_settle();
    lu_abort_mark(f->lu, NULL, NULL, NULL);
    gate_open(f);
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    EXPECT(f, holds_byte(f, 0, 1, 0) && holds_byte(f, 8, 1, 'a'));
    fix_free(c);
}

FIX_TEST(an_abort_stops_one_that_waits_for_its_range)
{
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *holder = cmd_new(f, f->a, "2a 00 00000000 00 0001 00");
    struct fix_cmd *c = cmd_new(f, f->b, "42 00 00000000 00 0018 00");
    cmd_out_byte(holder, 512, 'h');
    fix_out_hex(c, "0016 0010 00000000 0000000000000000 00000001 00000000");
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

FIX_TEST_WITH(without_thin_provisioning_there_is_no_such_command, .not_thin = true)
{
    EXPECT_CHECK(f, unmap(f, NULL, 0), SK_ILLEGAL_REQUEST, 0x2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_given_back_and_read_as_zeros),
        cmocka_unit_test(test_nothing_is_not_an_error),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_lists_that_end_too_early),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_errors_and_aborts_end_it_between_descriptors),
        cmocka_unit_test(test_an_abort_stops_one_that_waits_for_its_range),
        cmocka_unit_test(test_without_thin_provisioning_there_is_no_such_command),
    };
    return cmocka_run_group_tests_name("unmap", tests, NULL, NULL);
}
