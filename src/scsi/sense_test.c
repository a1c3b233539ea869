/* SPDX-License-Identifier: BSD-2-Clause */
/* Sense data in both formats, and a volume's errors in SCSI's words. */
#include "scsi/scsi_fixture.h"

static void expect_hex(const struct sense *s, bool descriptor, const char *hex)
{
    uint8_t bytes[SCSI_SENSE_MAX];
    char got[2 * SCSI_SENSE_MAX + 1] = "";
    size_t len = sense_encode(s, descriptor, bytes, sizeof(bytes));
    for (size_t i = 0; i < len; i++)
        snprintf(got + 2 * i, 3, "%02x", bytes[i]);
    assert_string_equal(got, hex);
}

static void test_plain(void **state)
{
    struct sense s = {.key = 5, .asc = 0x20, .ascq = 0x01};
    (void)state;
    expect_hex(&s, false,
               "700005000000000a000000002001"
               "00000000");
    expect_hex(&s, true, "7205200100000000");
}

static void test_information(void **state)
{
    struct sense s = {.key = 3, .asc = 0x11, .has_info = true, .info = 0x12345678};
    (void)state;
    expect_hex(&s, false, "f00003123456780a00000000110000000000");
    expect_hex(&s, true, "720311000000000c000a80000000000012345678");
    s.info = 0x123456789aull; /* does not fit: not valid in the fixed format */
    expect_hex(&s, false, "700003000000000a00000000110000000000");
    expect_hex(&s, true,
               "720311000000000c000a800000000012"
               "3456789a");
}

static void test_field_pointers(void **state)
{
    struct sense s = {.key = 5, .asc = 0x24, .sks = SKS_CDB, .sks_field = 0x0203, .sks_bit = 6};
    (void)state;
    expect_hex(&s, false, "700005000000000a00000000240000ce0203");
    expect_hex(&s, true, "720524000000000802060000ce020300");
    s.sks_bit = -1;
    expect_hex(&s, false, "700005000000000a00000000240000c00203");
    s.sks = SKS_DATA;
    expect_hex(&s, false, "700005000000000a00000000240000800203");
    s.sks = SKS_SEGMENT;
    expect_hex(&s, false, "700005000000000a00000000240000a00203");
    s.sks = SKS_PROGRESS;
    s.sks_bit = 3;
    expect_hex(&s, false, "700005000000000a00000000240000800203");
}

/* What another LU answered to a part of a copy. */
static void test_forwarded(void **state)
{
    struct sense_forwarded d = {
        .destination = true, .segment = 3, .status = 2, .len = 2, .sense = {0x70, 0xaa}
    };
    struct sense s = {.key = 0xa, .asc = 0x0d, .ascq = 1, .forwarded = &d};
    (void)state;
    expect_hex(&s, false, "70000a000000000d001200030d01000000000270aa");
    expect_hex(&s, true, "720a0d01000000060c04020270aa");
    d = (struct sense_forwarded){.status = 0x18};
    expect_hex(&s, false, "70000a000000000b120000000d010000000018");
    expect_hex(&s, true, "720a0d01000000040c020118");
}

static void test_cut_at_cap(void **state)
{
    struct sense s = {.key = 5, .asc = 0x24};
    uint8_t bytes[4];
    (void)state;
    assert_int_equal(sense_encode(&s, false, bytes, sizeof(bytes)), 4);
    assert_int_equal(bytes[2], 5);
}

static void test_errno(void **state)
{
    static const struct {
        int err;
        uint8_t key;
        uint16_t asc_ascq;
    } rows[] = {
        {-ENOSPC,     0x7, 0x2707},
        {-EBADMSG,    0x3, 0x1100},
        {-EROFS,      0x7, 0x2700},
        {-EAGAIN,     0x2, 0x0401},
        {-ENODEV,     0x4, 0x3e01},
        {-EOPNOTSUPP, 0x5, 0x2000},
        {-EIO,        0x4, 0x4400},
        {-EPROTO,     0x4, 0x4400},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scsi_task t = {.status = 0xff};
        sgl_init(&t.data_in);
        task_errno(&t, rows[i].err, 77);
        assert_int_equal(t.status, SCSI_STATUS_CHECK);
        assert_int_equal(t.sense[2], rows[i].key);
        assert_int_equal(load_be16(t.sense + 12), rows[i].asc_ascq);
        assert_int_equal(load_be32(t.sense + 3), rows[i].err == -EBADMSG ? 77 : 0);
    }
}

static void test_errno_without_sense(void **state)
{
    struct scsi_task t = {.status = 0xff};
    (void)state;
    sgl_init(&t.data_in);
    task_errno(&t, -ENOMEM, 0);
    assert_int_equal(t.status, SCSI_STATUS_BUSY);
    assert_int_equal(t.sense_len, 0);
    assert_false(t.aborting);
    task_errno(&t, -ECANCELED, 0);
    assert_true(t.aborting);
}

static void test_refuse(void **state)
{
    struct scsi_task t = {.data_len = 5, .outcome = SCSI_ABORTED};
    (void)state;
    scsi_task_refuse(&t, SCSI_STATUS_BUSY, 0, 0, 0);
    assert_int_equal(t.outcome, SCSI_DONE);
    assert_int_equal(t.sense_len, 0);
    assert_int_equal(t.data_len, 0);
    scsi_task_refuse(&t, SCSI_STATUS_CHECK, 0xb, 0x47, 0x05);
    assert_int_equal(t.sense_len, 18);
    assert_int_equal(t.sense[2], 0xb);
    assert_int_equal(load_be16(t.sense + 12), 0x4705);
}

static void test_commit(void **state)
{
    struct scsi_task t = {.aborting = true};
    (void)state;
    assert_false(task_commit(&t));
    assert_false(t.committed);
    t.aborting = false;
    assert_true(task_commit(&t));
    assert_true(t.committed);
}

FIX_TEST(descriptor_format_when_asked_for)
{
    f->lu->control.d_sense = true;
    struct fix_cmd *c = fix_do(f, f->a, "28 00 ffffffff 00 0001 00");
    EXPECT_EQ(f, c->t.sense[0], 0x72);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
}

FIX_TEST(request_sense)
{
    struct fix_cmd *c = fix_do(f, f->a, "03 00 0000 ff 00");
    EXPECT_EQ(f, c->in_len, 18);
    EXPECT_EQ(f, c->in[0], 0x70);
    EXPECT_EQ(f, c->in[2], 0);
    c = fix_do(f, f->a, "03 01 0000 ff 00");
    EXPECT_EQ(f, c->in_len, 8);
    EXPECT_EQ(f, c->in[0], 0x72);
    ua_raise_all(f->lu, UA_MODE_CHANGED, NULL);
    c = fix_do(f, f->a, "03 01 0000 04 00");
    EXPECT_EQ(f, c->in_len, 4);
    EXPECT_EQ(f, load_be16(c->in + 2), 0x2a01);
    EXPECT_GOOD(f, fix_do(f, f->a, "00"));
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x2a01);
}

/* A parameter list longer than what the initiator sends. */
FIX_TEST(parameter_list_too_short)
{
    EXPECT_CHECK(f, fix_do_out(f, f->a, "15 10 0000 18 00", "00000000"), SK_ILLEGAL_REQUEST,
                 ASC_PARAMETER_LIST_LENGTH);
}

FIX_TEST(ua_priority)
{
    struct scsi_itl *itl = list_first(&f->lu->itls, struct scsi_itl, on_lu);
    ua_raise(itl, UA_THIN_THRESHOLD);
    ua_raise(itl, UA_CAPACITY_CHANGED);
    ua_raise(itl, UA_CAPACITY_CHANGED);
    ua_raise(itl, UA_LU_RESET);
    EXPECT_EQ(f, f->async_calls, 2); /* those worth it, once each */
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x2903);
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x2a09);
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x3807);
    EXPECT_GOOD(f, fix_do(f, f->a, "00"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_information),
        cmocka_unit_test(test_field_pointers),
        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_cut_at_cap),
        cmocka_unit_test(test_errno),
        cmocka_unit_test(test_errno_without_sense),
        cmocka_unit_test(test_refuse),
        cmocka_unit_test(test_commit),
        cmocka_unit_test(test_descriptor_format_when_asked_for),
        cmocka_unit_test(test_request_sense),
        cmocka_unit_test(test_parameter_list_too_short),
        cmocka_unit_test(test_ua_priority),
    };
    return cmocka_run_group_tests_name("scsi/sense", tests, NULL, NULL);
}
