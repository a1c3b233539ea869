/* SPDX-License-Identifier: BSD-2-Clause */
/* Target port groups. */
#include "scsi/scsi_fixture.h"

#define RTPG     "a3 0a 00 000000 00000100 00 00"
#define RTPG_EXT "a3 2a 00 000000 00000100 00 00"

FIX_TEST(report)
{
    uint8_t first[256];
    struct fix_cmd *c = fix_do(f, f->a, RTPG);
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 4 + 2 * 12);
    EXPECT_EQ(f, load_be32(c->in), 24);
    EXPECT_EQ(f, c->in[4], 0);
    EXPECT_EQ(f, c->in[5], 0x07);
    EXPECT_EQ(f, load_be16(c->in + 6), 1);
    EXPECT_EQ(f, c->in[11], 1);
    EXPECT_EQ(f, load_be16(c->in + 14), 1);
    EXPECT_EQ(f, load_be16(c->in + 18), 2);
    memcpy(first, c->in, c->in_len);
    c = fix_do(f, f->b, RTPG); /* the same by every path */
    EXPECT_EQ(f, memcmp(first, c->in, 28), 0);
    c = fix_do(f, f->a, RTPG_EXT);
    EXPECT_EQ(f, c->in_len, 8 + 2 * 12);
    EXPECT_EQ(f, load_be32(c->in), 28);
    EXPECT_EQ(f, c->in[4], 0x10);
    c = fix_do(f, f->a, "a3 4a 00 000000 00000100 00 00");
    EXPECT_CDB_FIELD(f, c, 1, 7);
    EXPECT_EQ(f, fix_do(f, f->a, "a3 0a 00 000000 00000006 00 00")->in_len, 6);
}

FIX_TEST(set)
{
    struct fix_cmd *c =
        fix_do_out(f, f->a, "a4 0a 00 000000 0000000c 00 00", "00000000 01000002 00000001");
    EXPECT_GOOD(f, c);
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x2a06);
    EXPECT_EQ(f, f->async_calls, 1);
    EXPECT_GOOD(f, fix_do(f, f->a, "00"));
    c = fix_do(f, f->a, RTPG);
    EXPECT_EQ(f, c->in[16], 1);
    EXPECT_EQ(f, c->in[16 + 5], 1); /* by SET TARGET PORT GROUPS */
    fix_do_out(f, f->a, "a4 0a 00 000000 00000008 00 00", "00000000 01000002");
    EXPECT_GOOD(f, fix_do(f, f->b, "00")); /* nothing changed */
}

FIX_TEST(standby)
{
    EXPECT_GOOD(f, fix_do_out(f, f->a, "a4 0a 00 000000 00000008 00 00", "00000000 02000002"));
    fix_take_uas(f, f->b);
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_NOT_READY, ASC_STANDBY);
    EXPECT_CHECK(f, fix_do(f, f->b, "28 00 00000000 00 0001 00"), SK_NOT_READY, ASC_STANDBY);
    EXPECT_EQ(f, fix_do(f, f->b, "03 00 0000 12 00")->in[13], 0x0b);
    EXPECT_GOOD(f, fix_do(f, f->b, "12 00 00 0024 00"));
    EXPECT_GOOD(f, fix_do(f, f->b, RTPG));
    EXPECT_GOOD(f, fix_do(f, f->b, "5e 00 0000000000 0008 00"));
    EXPECT_GOOD(f, fix_do(f, f->a, "28 00 00000000 00 0001 00"));
    /* It can be brought back from where it is. */
    EXPECT_GOOD(f, fix_do_out(f, f->b, "a4 0a 00 000000 00000008 00 00", "00000000 00000002"));
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
}

FIX_TEST(set_refusals)
{
    struct fix_cmd *c;
    EXPECT_GOOD(f, fix_do(f, f->a, "a4 0a 00 000000 00000000 00 00"));
    c = fix_do_out(f, f->a, "a4 0a 00 000000 00000003 00 00", "000000");
    EXPECT_CDB_FIELD(f, c, 6, -1);
    c = fix_do_out(f, f->a, "a4 0a 00 000000 00000006 00 00", "000000000000");
    EXPECT_CDB_FIELD(f, c, 6, -1);
    c = fix_do_out(f, f->a, "a4 0a 00 000000 0000000c 00 00", "00000000 01000001 03000002");
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_PARAM);
    EXPECT_PARAM_FIELD(f, c, 8, 3);
    c = fix_do_out(f, f->a, "a4 0a 00 000000 00000008 00 00", "00000000 01000007");
    EXPECT_PARAM_FIELD(f, c, 6, -1);
    EXPECT_EQ(f, fix_do(f, f->a, RTPG)->in[4], 0); /* not even the good entry */
}

/* Ports come and go; a group that stays keeps its state. */
FIX_TEST(ports_change)
{
    static const struct scsi_target_port ports[] = {
        {"iqn.2026-11.example.zsan:t9", 1, 9, 7, ALUA_OPTIMIZED},
        {"iqn.2026-11.example.zsan:t1", 2, 2, 2, ALUA_OPTIMIZED},
        {"iqn.2026-11.example.zsan:t9", 3, 4, 2, ALUA_OPTIMIZED},
    };
    fix_do_out(f, f->a, "a4 0a 00 000000 00000008 00 00", "00000000 01000002");
    EXPECT_EQ(f, scsi_lu_set_ports(f->lu, ports, 3), 0);
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x3f03);
    EXPECT_EQ(f, scsi_lu_set_ports(f->lu, ports, 3), 0); /* the same again: nobody is told */
    struct fix_cmd *c = fix_do(f, f->a, RTPG);
    EXPECT_EQ(f, c->in_len, 4 + 8 + 2 * 4 + 8 + 4);
    EXPECT_EQ(f, c->in[4], 1);
    EXPECT_EQ(f, load_be16(c->in + 6), 2);
    EXPECT_EQ(f, c->in[11], 2);
    EXPECT_EQ(f, load_be16(c->in + 14), 2);
    EXPECT_EQ(f, load_be16(c->in + 18), 4);
    EXPECT_EQ(f, load_be16(c->in + 22), 7);
    EXPECT_EQ(f, scsi_lu_set_ports(f->lu, NULL, 0), 0);
    EXPECT_EQ(f, fix_take_uas(f, f->a), 1);
    EXPECT_EQ(f, fix_do(f, f->a, RTPG)->in_len, 4);
    EXPECT_GOOD(f, fix_do(f, f->a, "00")); /* a port that nobody listed is as good as any */
}

/* The operator's wish is an implicit change; what an initiator set lasts until he has another one. */
FIX_TEST(wanted)
{
    struct scsi_target_port ports[] = {
        {"iqn.2026-11.example.zsan:t1", 1, 1, 1, ALUA_OPTIMIZED},
        {"iqn.2026-11.example.zsan:t1", 2, 2, 2, ALUA_OPTIMIZED},
    };
    EXPECT_EQ(f, scsi_lu_set_ports(f->lu, ports, 2), 0);
    fix_take_uas(f, f->a);
    fix_take_uas(f, f->b);
    ports[1].wanted = ALUA_STANDBY;
    EXPECT_EQ(f, scsi_lu_set_ports(f->lu, ports, 2), 0);
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x2a06);
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x2a06);
    EXPECT_CHECK(f, fix_do(f, f->b, "28 00 00000000 00 0001 00"), SK_NOT_READY, ASC_STANDBY);
    struct fix_cmd *c = fix_do(f, f->a, RTPG);
    EXPECT_EQ(f, c->in[16], 2);
    EXPECT_EQ(f, c->in[16 + 5], 2); /* implicit */
    EXPECT_GOOD(f, fix_do_out(f, f->a, "a4 0a 00 000000 00000008 00 00", "00000000 00000002"));
    fix_take_uas(f, f->b);
    EXPECT_EQ(f, scsi_lu_set_ports(f->lu, ports, 2), 0); /* he wants what he wanted */
    EXPECT_GOOD(f, fix_do(f, f->b, "28 00 00000000 00 0001 00"));
    ports[1].wanted = ALUA_NON_OPTIMIZED;
    EXPECT_EQ(f, scsi_lu_set_ports(f->lu, ports, 2), 0);
    EXPECT_EQ(f, fix_take_uas(f, f->a) + fix_take_uas(f, f->b), 2);
    EXPECT_GOOD(f, fix_do(f, f->b, "28 00 00000000 00 0001 00"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report),       cmocka_unit_test(test_set),
        cmocka_unit_test(test_standby),      cmocka_unit_test(test_set_refusals),
        cmocka_unit_test(test_ports_change), cmocka_unit_test(test_wanted),
    };
    return cmocka_run_group_tests_name("scsi/alua", tests, NULL, NULL);
}
