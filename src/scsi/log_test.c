/* SPDX-License-Identifier: BSD-2-Clause */
/* Log pages, and the soft threshold of thin volumes. */
#include "scsi/scsi_fixture.h"

#define MIB (1ull << 20)

static struct fix_cmd *log_sense(struct fix *f, uint8_t page, uint8_t subpage, uint16_t pointer,
                                 uint16_t alloc)
{
    char cdb[40];
    snprintf(cdb, sizeof(cdb), "4d 00 %02x %02x 00 %04x %04x 00", 0x40 | page, subpage, pointer,
             alloc);
    return fix_do(f, f->a, cdb);
}

FIX_TEST(supported)
{
    struct fix_cmd *c = log_sense(f, 0, 0, 0, 0xff);
    EXPECT_EQ(f, c->in_len, 7);
    EXPECT_EQ(f, memcmp(c->in, "\0\0\0\3\0\x0c\x19", 7), 0);
    c = log_sense(f, 0, 0xff, 0, 0xff);
    EXPECT_EQ(f, c->in_len, 12);
    EXPECT_EQ(f, memcmp(c->in, "\x40\xff\0\x08\0\0\0\xff\x0c\0\x19\0", 12), 0);
    c = log_sense(f, 0, 0, 0, 5);
    EXPECT_EQ(f, c->in_len, 5);
    EXPECT_EQ(f, load_be16(c->in + 2), 3);
}

FIX_TEST_WITH(not_thin, .not_thin = true)
{
    EXPECT_EQ(f, log_sense(f, 0, 0, 0, 0xff)->in_len, 6);
    EXPECT_CHECK(f, log_sense(f, 0x0c, 0, 0, 0xff), SK_ILLEGAL_REQUEST,
                 ASC_INVALID_FIELD_IN_CDB);
}

FIX_TEST(unknown)
{
    EXPECT_CDB_FIELD(f, log_sense(f, 0x0d, 0, 0, 0xff), 2, 5);
    EXPECT_CDB_FIELD(f, log_sense(f, 0x19, 0x20, 0, 0xff), 3, 7);
    EXPECT_CDB_FIELD(f, fix_do(f, f->a, "4d 00 99 00 00 0000 00ff 00"), 2, 7); /* PC 10b */
    EXPECT_CDB_FIELD(f, log_sense(f, 0x19, 0, 4, 0xff), 5, 7);
}

FIX_TEST(provisioning)
{
    gate_space(f, 300 * MIB, 700 * MIB);
    struct fix_cmd *c = log_sense(f, 0x0c, 0, 0, 0xff);
    EXPECT_EQ(f, c->in_len, 4 + 2 * 12);
    EXPECT_EQ(f, load_be32(c->in + 4), 0x00010308);
    EXPECT_EQ(f, load_be32(c->in + 8), 700);
    EXPECT_EQ(f, c->in[12], 2);
    EXPECT_EQ(f, load_be32(c->in + 16), 0x00020308);
    EXPECT_EQ(f, load_be32(c->in + 20), 300);
    EXPECT_EQ(f, c->in[24], 1);
    EXPECT_EQ(f, log_sense(f, 0x0c, 0, 2, 0xff)->in_len, 4 + 12);
}

FIX_TEST(statistics)
{
    fix_do(f, f->a, "28 00 00000000 00 0008 00");
    fix_do(f, f->a, "28 00 00000000 00 0001 00");
    struct fix_cmd *w = fix_cmd(f, f->a, "2a 00 00000000 00 0002 00");
    static const uint8_t data[1024];
    fix_out(w, data, sizeof(data));
    gate_close(f, 1u << VOL_OP_WRITE);
    fix_start(w);
    fiber_sleep_until(run_deadline_ms(500), NULL);
    gate_open(f);
    fix_wait(w);
    fix_free(w);
    fix_do(f, f->a, "28 00 ffffffff 00 0001 00"); /* failed: it moved nothing */
    struct fix_cmd *c = log_sense(f, 0x19, 0, 0, 0xff);
    EXPECT_EQ(f, c->in_len, 4 + 68 + 12 + 12);
    EXPECT_EQ(f, load_be64(c->in + 8), 2);
    EXPECT_EQ(f, load_be64(c->in + 16), 1);
    EXPECT_EQ(f, load_be64(c->in + 24), 2);
    EXPECT_EQ(f, load_be64(c->in + 32), 9);
    EXPECT(f, load_be64(c->in + 48) >= 500000);    /* microseconds writing */
    EXPECT(f, load_be64(c->in + 4 + 72) < 500000); /* idle */
    EXPECT_EQ(f, load_be32(c->in + 4 + 68 + 12 + 4), 6);
}

static void write_one(struct fix *f)
{
    struct fix_cmd *w = fix_cmd(f, f->a, "2a 00 00000000 00 0001 00");
    static const uint8_t data[512];
    fix_out(w, data, sizeof(data));
    fix_start(w);
    fix_wait(w);
    fix_free(w);
    fix_settle();
}

FIX_TEST_WITH(threshold, .threshold_pct = 10)
{
    gate_space(f, 850 * MIB, 150 * MIB);
    write_one(f);
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
    gate_space(f, 950 * MIB, 50 * MIB);
    write_one(f); /* within the same second: not looked at */
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
    fiber_sleep_until(run_deadline_ms(1100), NULL);
    write_one(f);
    EXPECT_EQ(f, f->async_calls, 2); /* both nexuses */
    EXPECT_EQ(f, load_be16(f->async_sense + 12), 0x3807);
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x3807);
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x3807);
    fiber_sleep_until(run_deadline_ms(1100), NULL);
    write_one(f); /* still below: said once */
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
    gate_space(f, 500 * MIB, 500 * MIB); /* room again: armed again */
    volume_changed(f->vol, VOL_CHANGED_THRESHOLD);
    fix_settle();
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
    gate_space(f, 950 * MIB, 50 * MIB);
    volume_changed(f->vol, VOL_CHANGED_THRESHOLD);
    fix_settle();
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x3807);
}

FIX_TEST(threshold_set_later)
{
    gate_space(f, 950 * MIB, 50 * MIB);
    scsi_lu_set_threshold(f->lu, 10);
    fix_settle();
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x2a01); /* its mode page */
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x3807);
    scsi_lu_set_threshold(f->lu, 10);
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
}

FIX_TEST(threshold_of_the_store)
{
    gate_space(f, 850 * MIB, 150 * MIB);
    gate_warn_below(f, 100 * MIB);
    write_one(f);
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
    gate_space(f, 950 * MIB, 50 * MIB);
    gate_warn_below(f, 100 * MIB);
    volume_changed(f->vol, VOL_CHANGED_THRESHOLD);
    fix_settle();
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x3807);
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x3807);
    scsi_lu_set_threshold(f->lu, 10); /* the volume's own is another one */
    fix_settle();
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x2a01);
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x3807);
    volume_changed(f->vol, VOL_CHANGED_THRESHOLD);
    fix_settle();
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
}

FIX_TEST(no_threshold)
{
    gate_space(f, 1000 * MIB, 0);
    write_one(f);
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
}

FIX_TEST(capacity_changed)
{
    EXPECT_EQ(f, volume_resize(f->vol, 128 * MIB), 0);
    EXPECT_EQ(f, f->async_calls, 2);
    EXPECT_EQ(f, load_be16(f->async_sense + 12), 0x2a09);
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x2a09);
    EXPECT_EQ(f, load_be32(fix_do(f, f->a, "25")->in), 128 * MIB / 512 - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_supported),
        cmocka_unit_test(test_not_thin),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_provisioning),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_threshold_set_later),
        cmocka_unit_test(test_threshold_of_the_store),
        cmocka_unit_test(test_no_threshold),
        cmocka_unit_test(test_capacity_changed),
    };
    return cmocka_run_group_tests_name("scsi/log", tests, NULL, NULL);
}
