/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/format/label.h"

#include "pool/format/nv.h"

#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The uberblock that OpenZFS 2.1.11 wrote for txg 18 into label 0, at 0x32000 on the device; zeros
 * from here to its trailer, whose sum begins with SEAL. */
static const char slot_hex[] = "0cb1ba00000000008813000000000000"
                               "120000000000000059005d21f968b849"
                               "c1d3026b000000000800000000000000"
                               "c80a0000000000000800000000000000"
                               "c8820000000000000800000000000000"
                               "e8010100000000000700070002070b80"
                               "00000000000000000000000000000000"
                               "00000000000000001200000000000000"
                               "2e0000000000000046faa4440a000000"
                               "2a6d4cf30a260000a3734726f39b4600"
                               "e90dd9b923b289578813000000000000"
                               "11ea1ca1000000000000000000000000";
#define SLOT_OFF  0x32000u
#define SLOT_SIZE 4096u
#define SEAL      "117a0cb17ada10029ab069374d808de7"

static struct uberblock openzfs_uberblock(void)
{
    static uint8_t slot[SLOT_SIZE];
    struct uberblock ub = {
        .version = ZFS_VERSION,
        .txg = 18,
        .guid_sum = 0x49b868f9215d0059,
        .timestamp = 0x6b02d3c1,
        .software_version = ZFS_VERSION,
        .mmp_magic = MMP_MAGIC,
    };
    assert_true(hex_decode(slot_hex, strlen(slot_hex), slot));
    memcpy(&ub.rootbp, slot + 40, sizeof(ub.rootbp));
    return ub;
}

static void test_uberblock_is_sealed_as_openzfs_does(void **state)
{
    (void)state;
    static uint8_t want[SLOT_SIZE], seal[16], got[SLOT_SIZE];
    struct uberblock ub = openzfs_uberblock();
    assert_true(hex_decode(slot_hex, strlen(slot_hex), want));
    assert_true(hex_decode(SEAL, strlen(SEAL), seal));
    memset(got, 0xee, sizeof(got));
    uberblock_seal(&ub, 12, SLOT_OFF, got);
    assert_memory_equal(got, want, SLOT_SIZE - 40);
    assert_memory_equal(got + SLOT_SIZE - 40, seal, sizeof(seal));
    assert_int_equal(uberblock_slot_off(12, 18), SLOT_OFF);
}

static void test_uberblock_round_trip(void **state)
{
    (void)state;
    static uint8_t slot[1u << 13];
    struct uberblock ub = openzfs_uberblock(), got = {0};
    ub.mmp_delay = 1;
    ub.mmp_config = 2;
    ub.checkpoint_txg = 3;
    ub.software_version = 4;
    for (unsigned ashift = 9; ashift <= 14; ashift++) {
        uint32_t size = uberblock_slot_size(ashift);
        assert_int_equal(size, ashift < 10 ? 1024 : ashift > 13 ? 8192 : 1u << ashift);
        uberblock_seal(&ub, ashift, SLOT_OFF, slot);
        assert_true(uberblock_parse(slot, size, SLOT_OFF, &got));
        assert_memory_equal(&got, &ub, sizeof(ub));
    }
}

static void test_uberblock_elsewhere_or_damaged_is_none(void **state)
{
    (void)state;
    static uint8_t slot[SLOT_SIZE];
    struct uberblock ub = openzfs_uberblock(), got;
    uberblock_seal(&ub, 12, SLOT_OFF, slot);
    assert_false(uberblock_parse(slot, SLOT_SIZE, SLOT_OFF + 0x40000, &got));
    for (size_t i = 0; i < SLOT_SIZE; i += 97) {
        slot[i] ^= 1;
        assert_false(uberblock_parse(slot, SLOT_SIZE, SLOT_OFF, &got));
        slot[i] ^= 1;
    }
    assert_true(uberblock_parse(slot, SLOT_SIZE, SLOT_OFF, &got));
    ub.txg = TXG_END;
    uberblock_seal(&ub, 12, SLOT_OFF, slot);
    assert_false(uberblock_parse(slot, SLOT_SIZE, SLOT_OFF, &got));
    ub.txg--;
    uberblock_seal(&ub, 12, SLOT_OFF, slot);
    assert_true(uberblock_parse(slot, SLOT_SIZE, SLOT_OFF, &got));
    memset(slot, 0, sizeof(slot));
    assert_false(uberblock_parse(slot, SLOT_SIZE, SLOT_OFF, &got));
}

static void test_ring_wraps(void **state)
{
    (void)state;
    assert_int_equal(uberblock_slot_off(9, 127), LABEL_RING_OFF + 127 * 1024);
    assert_int_equal(uberblock_slot_off(9, 128), LABEL_RING_OFF);
    assert_int_equal(uberblock_slot_off(12, 33), LABEL_RING_OFF + 4096);
    assert_int_equal(uberblock_slot_off(13, 15), LABEL_RING_OFF + LABEL_RING_SIZE - 8192);
    assert_int_equal(uberblock_slot_off(16, (1ull << 40) + 17), LABEL_RING_OFF + 8192);
}

static void test_choice_of_uberblocks(void **state)
{
    (void)state;
    const struct uberblock old = {.txg = 5, .timestamp = 900};
    const struct uberblock late = {.txg = 6, .timestamp = 100};
    const struct uberblock later = {.txg = 6, .timestamp = 101};
    struct uberblock seq = {
        .txg = 6, .timestamp = 101, .mmp_magic = MMP_MAGIC, .mmp_config = 7ull << 32 | 2};
    assert_true(uberblock_better(&late, &old) && !uberblock_better(&old, &late));
    assert_true(uberblock_better(&later, &late) && !uberblock_better(&late, &later));
    assert_false(uberblock_better(&late, &late));
    assert_true(uberblock_better(&seq, &later) && !uberblock_better(&later, &seq));
    seq.mmp_config &= ~2ull; /* its sequence isn't valid */
    assert_false(uberblock_better(&seq, &later));
    seq.mmp_config |= 2;
    seq.mmp_magic = 0;
    assert_false(uberblock_better(&seq, &later));
}

static void test_labels_lie_at_both_ends(void **state)
{
    (void)state;
    uint64_t psize = label_psize((128u << 20) + 12345);
    assert_int_equal(psize, 128u << 20);
    assert_int_equal(label_off(psize, 0), 0);
    assert_int_equal(label_off(psize, 1), 256u << 10);
    assert_int_equal(label_off(psize, 2), (128u << 20) - (512u << 10));
    assert_int_equal(label_off(psize, 3), (128u << 20) - (256u << 10));
}

/* ---- the configuration ---------------------------------------------------------------------- */

static struct nv *config_of(const char *name)
{
    struct nv *nv = nv_new();
    assert_non_null(nv);
    assert_int_equal(nv_add_u64(nv, "version", ZFS_VERSION), 0);
    assert_int_equal(nv_add_str(nv, "name", name), 0);
    return nv;
}

static void test_config_round_trip_and_damage(void **state)
{
    (void)state;
    static uint8_t region[LABEL_CONFIG_SIZE];
    struct nv *nv = config_of("tank"), *got;
    const char *name;
    struct err err = {0};
    memset(region, 0xee, sizeof(region));
    assert_int_equal(label_config_seal(nv, LABEL_SIZE, region), 0);
    assert_int_equal(label_config_parse(region, LABEL_SIZE, &got, &err), 0);
    assert_true(nv_get_str(got, "name", &name));
    assert_string_equal(name, "tank");
    nv_free(got);
    assert_int_equal(label_config_parse(region, 0, &got, &err), -EBADMSG); /* of label 1 */
    region[50000] ^= 1; /* in the padding, which is sealed too */
    assert_int_equal(label_config_parse(region, LABEL_SIZE, &got, &err), -EBADMSG);
    assert_int_equal(err.code, -EBADMSG);
    nv_free(nv);
}

static void test_config_that_is_too_large(void **state)
{
    (void)state;
    static uint8_t region[LABEL_CONFIG_SIZE], before[LABEL_CONFIG_SIZE];
    static char name[LABEL_CONFIG_SIZE];
    memset(name, 'x', sizeof(name) - 1);
    struct nv *nv = config_of(name);
    assert_int_equal(label_config_seal(nv, 0, region), -E2BIG);
    assert_memory_equal(region, before, sizeof(region)); /* untouched */
    name[LABEL_CONFIG_SIZE - 200] = '\0';
    assert_int_equal(nv_add_str(nv, "name", name), 0);
    assert_int_equal(label_config_seal(nv, 0, region), 0);
    nv_free(nv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uberblock_is_sealed_as_openzfs_does),
        cmocka_unit_test(test_uberblock_round_trip),
        cmocka_unit_test(test_uberblock_elsewhere_or_damaged_is_none),
        cmocka_unit_test(test_ring_wraps),
        cmocka_unit_test(test_choice_of_uberblocks),
        cmocka_unit_test(test_labels_lie_at_both_ends),
        cmocka_unit_test(test_config_round_trip_and_damage),
        cmocka_unit_test(test_config_that_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
