/* SPDX-License-Identifier: BSD-2-Clause */
/* Identifying information, and how a LU is made and freed. */
#include "scsi/scsi_fixture.h"

#define REPORT_LU    "a3 05 00 000000 00000100 00 00"
#define REPORT_TEXT  "a3 05 00 000000 00000100 02 00"
#define REPORT_TYPES "a3 05 00 000000 00000100 fe 00"

FIX_TEST(none_at_first)
{
    struct fix_cmd *c = fix_do(f, f->a, REPORT_LU);
    EXPECT_EQ(f, c->in_len, 4);
    EXPECT_EQ(f, load_be32(c->in), 0);
}

FIX_TEST(types)
{
    struct fix_cmd *c = fix_do(f, f->a, REPORT_TYPES);
    EXPECT_EQ(f, c->in_len, 12);
    EXPECT_EQ(f, load_be64(c->in + 4), 0x0000004002000100);
    c = fix_do(f, f->a, "a3 05 00 000000 00000100 04 00");
    EXPECT_CDB_FIELD(f, c, 10, 7);
    c = fix_do(f, f->a, "a4 06 00 000000 00000000 fe 00");
    EXPECT_CDB_FIELD(f, c, 10, 7);
}

FIX_TEST(set_and_keep)
{
    EXPECT_GOOD(f, fix_do_out(f, f->a, "a4 06 00 000000 00000003 00 00", "aabbcc"));
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x3f05);
    EXPECT_GOOD(f, fix_do_out(f, f->a, "a4 06 00 000000 00000003 02 00", "686900"));
    struct fix_cmd *c = fix_do(f, f->a, REPORT_LU);
    EXPECT_EQ(f, load_be32(c->in), 3);
    EXPECT_EQ(f, memcmp(c->in + 4, "\xaa\xbb\xcc", 3), 0);
    ident_free(f->lu);
    memset(f->lu->ident, 0, sizeof(f->lu->ident));
    EXPECT_EQ(f, ident_load(f->lu), 0); /* from the volume */
    c = fix_do(f, f->a, REPORT_TEXT);
    EXPECT_EQ(f, c->in_len, 7);
    EXPECT_EQ(f, memcmp(c->in + 4, "hi", 3), 0);
    EXPECT_GOOD(f, fix_do(f, f->a, "a4 06 00 000000 00000000 00 00")); /* none again */
    EXPECT_EQ(f, fix_do(f, f->a, REPORT_LU)->in_len, 4);
}

FIX_TEST(refusals)
{
    struct fix_cmd *c = fix_do_out(f, f->a, "a4 06 00 000000 00000002 02 00", "6869");
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_PARAM);
    EXPECT_PARAM_FIELD(f, c, 1, -1);
    c = fix_do(f, f->a, "a4 06 00 000000 00000041 00 00");
    EXPECT_CDB_FIELD(f, c, 6, -1);
    gate_fail_attrs(f, -EIO);
    EXPECT_CHECK(f, fix_do_out(f, f->a, "a4 06 00 000000 00000003 00 00", "aabbcc"),
                 SK_HARDWARE_ERROR, ASC_INTERNAL_TARGET_FAILURE);
    EXPECT_EQ(f, fix_do(f, f->a, REPORT_LU)->in_len, 4);
}

/* What the volume remembers cannot be read: there is no LU, and the error names what and whose. */
FIX_TEST(lu_without_its_memory)
{
    struct scsi_lu_params p = {.volume = f->vol};
    struct scsi_lu *lu = NULL;
    struct err err = {0};
    volume_set_attr(f->vol, "scsi.ident.lu", "zz");
    EXPECT_EQ(f, scsi_lu_new(&p, &lu, &err), -EINVAL);
    EXPECT(f, lu == NULL);
    EXPECT(f, strstr(err.msg, "volume test") && strstr(err.msg, "identifying information"));
    EXPECT(f, scsi_lu_home(f->lu) == run_reactor(f->run, 0));
    EXPECT(f, scsi_lu_volume(f->lu) == f->vol);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none_at_first),         cmocka_unit_test(test_types),
        cmocka_unit_test(test_set_and_keep),          cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_lu_without_its_memory),
    };
    return cmocka_run_group_tests_name("scsi/ident", tests, NULL, NULL);
}
