/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/pr_testing.h"

#define HOST_A "iqn.2026-11.example.host:a"

FIX_TEST(keys)
{
    struct fix_cmd *c = pr_in(f, f->a, PR_READ_KEYS);
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 8);
    EXPECT_EQ(f, load_be64(c->in), 0);
    pr_join(f, f->a, 0x1122334455667788, 0);
    pr_join(f, f->b, 2, 0);
    c = pr_in(f, f->b, PR_READ_KEYS);
    EXPECT_EQ(f, c->in_len, 24);
    EXPECT_EQ(f, load_be32(c->in), 2);
    EXPECT_EQ(f, load_be32(c->in + 4), 16);
    EXPECT(f, load_be64(c->in + 8) == 0x1122334455667788);
    EXPECT_EQ(f, load_be64(c->in + 16), 2);
}

FIX_TEST(lengths_tell_the_whole_however_little_is_sent)
{
    pr_join(f, f->a, 1, 0);
    pr_join(f, f->b, 2, 0);
    for (unsigned sa = 0; sa < 4; sa++) {
        size_t whole = pr_in(f, f->a, (enum pr_in_sa)sa)->in_len;
        uint8_t first[8];
        memcpy(first, f->last->in, sizeof(first));
        for (unsigned alloc = 0; alloc <= whole; alloc += alloc < 32 ? 1 : 7) {
            struct fix_cmd *c =
                cmd_run(f, cmd_new(f, f->a, "5e %02x 00000000 00 %04x 00", sa, alloc));
            EXPECT_GOOD(f, c);
            EXPECT_EQ(f, c->in_len, alloc);
            EXPECT(f, memcmp(c->in, first, MIN(alloc, 8u)) == 0);
        }
    }
}

FIX_TEST(reservation)
{
    EXPECT_EQ(f, pr_in(f, f->a, PR_READ_RESERVATION)->in_len, 8);
    pr_join(f, f->a, 5, 0);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, PR_EX_ACCESS_REG, 5, 0, 0));
    struct fix_cmd *c = pr_in(f, f->a, PR_READ_RESERVATION);
    EXPECT_EQ(f, c->in_len, 24);
    EXPECT_EQ(f, load_be32(c->in + 4), 16);
    EXPECT_RESERVED(f, PR_EX_ACCESS_REG, 5);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RELEASE, PR_EX_ACCESS_REG, 5, 0, 0));
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, PR_WRITE_EX_ALL, 5, 0, 0));
    EXPECT_RESERVED(f, PR_WRITE_EX_ALL, 0); /* all hold it: no key */
}

FIX_TEST(capabilities)
{
    static const uint8_t want[8] = {0, 8, 0x1d, 0x90, 0xea, 0x01, 0, 0};
    struct fix_cmd *c = pr_in(f, f->a, PR_REPORT_CAPABILITIES);
    EXPECT_EQ(f, c->in_len, 8);
    EXPECT(f, memcmp(c->in, want, 8) == 0);
    pr_join(f, f->a, 5, PR_OUT_APTPL);
    EXPECT_EQ(f, pr_in(f, f->a, PR_REPORT_CAPABILITIES)->in[3], 0x91); /* PTPL_A */
}

FIX_TEST(full_status)
{
    pr_join(f, f->a, 5, 0);
    pr_join(f, f->b, 6, 0);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, PR_WRITE_EX, 5, 0, 0));
    struct fix_cmd *c = pr_in(f, f->a, PR_READ_FULL_STATUS);
    const uint8_t *d = c->in + 8;
    uint32_t id_len = load_be32(d + 20);
    EXPECT_EQ(f, load_be32(c->in + 4), c->in_len - 8);
    EXPECT_EQ(f, load_be64(d), 5);
    EXPECT_EQ(f, d[12], PR_FULL_R_HOLDER);
    EXPECT_EQ(f, d[13], PR_WRITE_EX);
    EXPECT_EQ(f, load_be16(d + 18), 1);
    EXPECT_EQ(f, d[24], 0x45);
    EXPECT_EQ(f, load_be16(d + 26), id_len - 4);
    EXPECT_EQ(f, id_len % 4, 0);
    EXPECT(f, strcmp((const char *)d + 28, HOST_A ",i,0x000000000000") == 0);
    d += 24 + id_len;
    EXPECT_EQ(f, load_be64(d), 6);
    EXPECT_EQ(f, load_be16(d + 12), 0); /* holds nothing */
    EXPECT_EQ(f, load_be16(d + 18), 2);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RELEASE, PR_WRITE_EX, 5, 0, 0));
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, PR_EX_ACCESS_ALL, 5, 0, 0));
    d = pr_in(f, f->a, PR_READ_FULL_STATUS)->in + 8;
    for (unsigned i = 0; i < 2; i++, d += 24 + load_be32(d + 20))
        EXPECT_EQ(f, load_be16(d + 12), PR_FULL_R_HOLDER << 8 | PR_EX_ACCESS_ALL);
}

FIX_TEST(other_service_actions_are_not_ours)
{
    for (unsigned sa = 4; sa < 32; sa++) {
        struct fix_cmd *c = pr_in(f, f->a, (enum pr_in_sa)sa);
        EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2400);
        EXPECT_CDB_FIELD(f, c, 1, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_lengths_tell_the_whole_however_little_is_sent),
        cmocka_unit_test(test_reservation),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_full_status),
        cmocka_unit_test(test_other_service_actions_are_not_ours),
    };
    return cmocka_run_group_tests_name("pr_in", tests, NULL, NULL);
}
