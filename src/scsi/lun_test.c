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
    static const char *const luns[] = {
        "0100000000000000", /* another bus */
        "8001000000000000", /* logical unit addressing */
        "c101000000000000", /* extended: well known */
        "d201020000000000", /* extended flat */
        "0001000100000000", /* a second level */
        "0001000000000001",
    };
    uint8_t lun[8];
    uint16_t n = 99;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(luns); i++)
        assert_false(fix_hex(luns[i], lun, 8) == 8 && scsi_lun_decode(lun, &n));
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
