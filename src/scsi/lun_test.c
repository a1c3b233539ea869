/* SPDX-License-Identifier: BSD-2-Clause */
/* The LUN field. */
#include "scsi/scsi_fixture.h"

static void test_round_trip(void **state)
{
    (void)state;
    for (uint32_t n = 0; n <= SCSI_MAX_LUN; n++) {
        uint8_t lun[8];
        uint16_t back = 0;
        scsi_lun_encode((uint16_t)n, lun);
        assert_int_equal(lun[0] >> 6, n > 255 ? 1 : 0);
        assert_true(scsi_lun_decode(lun, &back));
        assert_int_equal(back, n);
    }
}

/* An initiator may use flat addressing for small numbers, too. */
static void test_flat_small(void **state)
{
    uint16_t n;
    (void)state;
    assert_true(scsi_lun_decode((const uint8_t[8]){0x40, 0x07}, &n));
    assert_int_equal(n, 7);
}

static void test_others_refused(void **state)
{
    static const uint8_t luns[][8] = {
        {0x01, 0x00},                   /* another bus */
        {0x80, 0x01},                   /* logical unit addressing */
        {0xc1, 0x01},                   /* extended: well known */
        {0xd2, 0x01, 0x02},             /* extended flat */
        {0x00, 0x01, 0x00, 0x01},       /* a second level */
        {0x00, 0x01, 0, 0, 0, 0, 0, 1},
    };
    uint16_t n = 99;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(luns); i++)
        assert_false(scsi_lun_decode(luns[i], &n));
    assert_int_equal(n, 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_flat_small),
        cmocka_unit_test(test_others_refused),
    };
    return cmocka_run_group_tests_name("scsi/lun", tests, NULL, NULL);
}
