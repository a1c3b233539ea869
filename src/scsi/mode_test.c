/* SPDX-License-Identifier: BSD-2-Clause */
/* Mode pages: what is shown, what may be changed, that it takes effect, and what is kept. */
#include "scsi/mode_pages.h"
#include "scsi/scsi_fixture.h"

static struct fix_cmd *sense6(struct fix *f, uint8_t pc_page, uint8_t subpage)
{
    char cdb[32];
    snprintf(cdb, sizeof(cdb), "1a 08 %02x %02x ff 00", pc_page, subpage);
    return fix_do(f, f->a, cdb);
}

/* MODE SELECT(6) of the control page with these bytes 2 to 5. */
static struct fix_cmd *select_control(struct fix *f, struct scsi_nexus *n, const char *bytes,
                                      bool save)
{
    char list[64];
    snprintf(list, sizeof(list), "00000000 0a0a %s 000000000000", bytes);
    return fix_do_out(f, n, save ? "15 11 0000 10 00" : "15 10 0000 10 00", list);
}

static struct fix_cmd *select_wce(struct fix *f, bool on)
{
    char list[96];
    snprintf(list, sizeof(list), "00000000 0812 %s 00 0000 0000 0000 0000 00000000 00000000",
             on ? "04" : "00");
    return fix_do_out(f, f->a, "15 10 0000 18 00", list);
}

FIX_TEST(header_and_descriptor)
{
    struct fix_cmd *c = fix_do(f, f->a, "1a 00 0a 00 ff 00");
    EXPECT_EQ(f, c->in_len, 4 + 8 + 12);
    EXPECT_EQ(f, c->in[0], c->in_len - 1);
    EXPECT_EQ(f, c->in[2], MODE_DPOFUA);
    EXPECT_EQ(f, c->in[3], 8);
    EXPECT_EQ(f, load_be32(c->in + 4), (64u << 20) / 512);
    EXPECT_EQ(f, load_be24(c->in + 9), 512);
    c = fix_do(f, f->a, "5a 10 0a 00 000000 00ff 00"); /* long LBAs */
    EXPECT_EQ(f, c->in_len, 8 + 16 + 12);
    EXPECT_EQ(f, load_be16(c->in), c->in_len - 2);
    EXPECT_EQ(f, c->in[4], 1);
    EXPECT_EQ(f, load_be16(c->in + 6), 16);
    EXPECT_EQ(f, load_be64(c->in + 8), (64u << 20) / 512);
    EXPECT_EQ(f, load_be32(c->in + 20), 512);
    c = fix_do(f, f->a, "5a 18 0a 00 000000 00ff 00");
    EXPECT_EQ(f, c->in[4], 0);
    EXPECT_EQ(f, c->in_len, 8 + 12);
}

FIX_TEST_WITH(read_only_is_shown, .read_only = true)
{
    EXPECT_EQ(f, sense6(f, 0x0a, 0)->in[2], MODE_WP | MODE_DPOFUA);
}

FIX_TEST(all_pages)
{
    static const uint8_t codes[] = {0x81 & 0x7f, 0x02, 0x08, 0x0a, 0x1c};
    struct fix_cmd *c = sense6(f, 0x3f, 0);
    size_t at = 4;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        EXPECT_EQ(f, c->in[at] & 0x7f, codes[i]);
        at += c->in[at + 1] + 2u;
    }
    EXPECT_EQ(f, at, c->in_len);
    c = sense6(f, 0x3f, 0xff);
    unsigned with_subpage = 0;
    for (at = 4; at < c->in_len;) {
        bool spf = c->in[at] & MODE_SPF;
        with_subpage += spf;
        at += spf ? load_be16(c->in + at + 2) + 4u : c->in[at + 1] + 2u;
    }
    EXPECT_EQ(f, at, c->in_len);
    EXPECT_EQ(f, with_subpage, 2);
    EXPECT_EQ(f, sense6(f, 0x0a, 0xff)->in_len, 4 + 12 + 32);
    EXPECT_EQ(f, sense6(f, 0x0a, 0x01)->in_len, 4 + 32);
}

FIX_TEST(unknown_pages)
{
    struct fix_cmd *c = sense6(f, 0x19, 0);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
    EXPECT_CDB_FIELD(f, c, 2, 5);
    c = sense6(f, 0x0a, 0x09);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
    EXPECT_CDB_FIELD(f, c, 3, 7);
}

/* What is changeable, and nothing else, can be changed: each bit of the control page by itself.
 * */
FIX_TEST(each_bit_of_the_control_page)
{
    uint8_t mask[16];
    memcpy(mask, sense6(f, 0x4a, 0)->in + 4, 12); /* PC 01b: changeable */
    EXPECT_EQ(f, mask[2], 0x24);
    EXPECT_EQ(f, mask[3], 0x06);
    EXPECT_EQ(f, mask[4], 0x08);
    EXPECT_EQ(f, mask[5], 0x40);
    for (unsigned bit = 16; bit < 12 * 8; bit++) {
        uint8_t byte = (uint8_t)(bit / 8), one = (uint8_t)(1u << bit % 8);
        struct fix_cmd *c = fix_cmd(f, f->a, "15 10 0000 10 00");
        uint8_t list[16] = {0, 0, 0, 0, 0x0a, 0x0a, 0x02, 0x10};
        list[4 + byte] ^= one;
        fix_out(c, list, sizeof(list));
        fix_start(c);
        fix_wait(c);
        if (!(mask[byte] & one)) {
            EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_PARAM);
            EXPECT_PARAM_FIELD(f, c, (uint16_t)(4 + byte), (int)(bit % 8));
        } else if (byte == 3 && one == 0x04) { /* QERR 10b is reserved */
            EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_PARAM);
        } else {
            EXPECT_GOOD(f, c);
        }
        fix_free(c);
        EXPECT_GOOD(f, select_control(f, f->a, "02 10 00 00", false));
    }
}

FIX_TEST(swp)
{
    EXPECT_GOOD(f, select_control(f, f->a, "02 10 08 00", false));
    EXPECT_CHECK(f, fix_do(f, f->a, "2a 00 00000000 00 0001 00"), SK_DATA_PROTECT,
                 ASC_WRITE_PROTECTED);
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x2a01); /* the others are told */
    EXPECT_GOOD(f, fix_do(f, f->a, "00"));
    struct fix_cmd *c = sense6(f, 0x0a, 0);
    EXPECT_EQ(f, c->in[2], MODE_WP | MODE_DPOFUA);
    EXPECT_EQ(f, c->in[4 + 4], CONTROL_SWP);
    EXPECT_EQ(f, sense6(f, 0x8a, 0)->in[4 + 4], 0); /* default */
    EXPECT_GOOD(f, select_control(f, f->a, "02 10 00 00", false));
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x2a01);
    EXPECT_GOOD(
        f, select_control(f, f->a, "02 10 00 00", false)); /* changes nothing: nobody is told */
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
}

FIX_TEST(control_takes_effect)
{
    EXPECT_GOOD(f, select_control(f, f->a, "26 16 00 40", false));
    EXPECT(f, f->lu->control.d_sense && f->lu->control.tas && !f->lu->control.swp);
    EXPECT_EQ(f, f->lu->control.tst, 1);
    EXPECT_EQ(f, f->lu->control.qerr, 3);
    EXPECT_EQ(f, fix_do(f, f->a, "ff")->t.sense[0], 0x72);
}

FIX_TEST_WITH(cache_of_a_standard_volume, .sync = VOL_SYNC_STANDARD)
{
    EXPECT_EQ(f, sense6(f, 0x08, 0)->in[4 + 2], CACHING_WCE);
    EXPECT_EQ(f, sense6(f, 0x48, 0)->in[4 + 2], CACHING_WCE);
    EXPECT_GOOD(f, select_wce(f, false));
    EXPECT(f, !f->vol->write_cache);
    EXPECT_EQ(f, sense6(f, 0x08, 0)->in[4 + 2], 0);
    EXPECT_GOOD(f, select_wce(f, true));
    EXPECT(f, f->vol->write_cache);
    /* Switching it off makes everything durable first; an error is one. */
    gate_fail(f, 1u << VOL_OP_FLUSH, -EIO);
    EXPECT_CHECK(f, select_wce(f, false), SK_HARDWARE_ERROR, ASC_INTERNAL_TARGET_FAILURE);
    gate_fail(f, 0, 0);
    /* The operator's change shows, too. */
    EXPECT_EQ(f, volume_set_write_cache(f->vol, false), 0);
    EXPECT_EQ(f, sense6(f, 0x08, 0)->in[4 + 2], 0);
}

FIX_TEST(cache_of_a_durable_volume)
{
    EXPECT_EQ(f, sense6(f, 0x08, 0)->in[4 + 2], 0);
    EXPECT_EQ(f, sense6(f, 0x48, 0)->in[4 + 2], 0);
    struct fix_cmd *c = select_wce(f, true);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_PARAM);
    EXPECT_PARAM_FIELD(f, c, 4 + 2, 2);
}

/* Whether a LU made anew from the same volume is write protected. */
static bool reopened_swp(struct fix *f)
{
    struct scsi_lu_params p = {.volume = f->vol, .id = *scsi_lu_identity(f->lu)};
    struct err err;
    struct scsi_lu *again;
    EXPECT_EQ(f, scsi_lu_new(&p, &again, &err), 0);
    bool swp = again->control.swp;
    scsi_lu_free(again);
    return swp;
}

FIX_TEST(saved_values_survive)
{
    EXPECT_GOOD(f, select_control(f, f->a, "02 10 08 00", true));
    EXPECT_EQ(f, sense6(f, 0xca, 0)->in[4 + 4], CONTROL_SWP); /* saved */
    EXPECT(f, reopened_swp(f));
}

FIX_TEST(unsaved_values_do_not)
{
    EXPECT_GOOD(f, select_control(f, f->a, "02 10 08 00", false));
    EXPECT_EQ(f, sense6(f, 0xca, 0)->in[4 + 4], 0);
    EXPECT(f, !reopened_swp(f));
}

FIX_TEST(failed_save_changes_nothing)
{
    gate_fail_attrs(f, -EIO);
    EXPECT_CHECK(f, select_control(f, f->a, "02 10 08 00", true), SK_HARDWARE_ERROR,
                 ASC_INTERNAL_TARGET_FAILURE);
    EXPECT(f, !f->lu->control.swp);
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
    EXPECT_EQ(f, sense6(f, 0xca, 0)->in[4 + 4], 0);
}

/* Saved by another version: what is not understood is left out, the rest counts. */
FIX_TEST(saved_by_another_version)
{
    volume_set_attr(f->vol, "scsi.modes",
                    "x 3f=00 zz=11 0a=8a0a020008000000000000 "
                    "0a=8a0a02100800000000000000 08=0102");
    modes_free(f->lu);
    EXPECT_EQ(f, modes_load(f->lu), 0);
    EXPECT(f, f->lu->control.swp);
}

/* ---- bad lists --------------------------------------------------------------------------- */

FIX_TEST(select_refusals)
{
    static const struct {
        const char *cdb, *list;
        uint16_t code, byte;
        int bit;
    } rows[] = {
        {"15 00 0000 04 00",         "00000000",                           0x2400, 1, 4 },
        {"55 10 0000000000 0800 00", "00",                                 0x2400, 7, -1},
        {"15 10 0000 03 00",         "000000",                             0x1a00, 0, -1},
        {"15 10 0000 04 00",         "00010000",                           0x2600, 1, -1},
        {"15 10 0000 0c 00",         "00000007 0000000000000200",          0x2600, 3, -1},
        {"15 10 0000 08 00",         "00000008 00000000",                  0x1a00, 0, -1},
        {"15 10 0000 0c 00",         "00000008 0000000100000200",          0x2600, 4, -1},
        {"15 10 0000 0c 00",         "00000008 0000000000001000",          0x2600, 9, -1},
        {"55 10 0000000000 0008 00", "0000010000000000",                   0x2600, 2, -1},
        {"55 10 0000000000 000e 00", "0000000000000006 000000000000",      0x2600, 6, -1},
        {"15 10 0000 06 00",         "00000000 0a0a",                      0x1a00, 0, -1},
        {"15 10 0000 08 00",         "00000000 0a0a0210",                  0x1a00, 0, -1},
        {"15 10 0000 10 00",         "00000000 190a 02100000000000000000", 0x2600, 4, 5 },
        {"15 10 0000 10 00",         "00000000 4a0a 02100000000000000000", 0x2600, 4, 5 },
        {"15 10 0000 10 00",         "00000000 0a09 02100000000000000000", 0x2600, 5, -1},
        {"15 10 0000 0a 00",         "00000000 4a01 0000 0000",            0x2600, 6, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fix_cmd *c = fix_do_out(f, f->a, rows[i].cdb, rows[i].list);
        EXPECT_EQ(f, c->asc_ascq, rows[i].code);
        if (rows[i].code == 0x1a00)
            continue;
        fix_expect_field(f, c, rows[i].code == 0x2400, rows[i].byte, rows[i].bit, (int)i);
    }
    EXPECT_GOOD(f, fix_do(f, f->b, "00")); /* none of them changed anything */
}

/* One bad page: the good one before it does nothing either. */
FIX_TEST(all_or_nothing)
{
    struct fix_cmd *c = fix_do_out(f, f->a, "15 10 0000 1c 00",
                                   "00000000 0a0a 02 10 08 00 000000000000"
                                   "1c0a 00 00 00000000 00000000");
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_PARAM);
    EXPECT_PARAM_FIELD(f, c, 4 + 12 + 2, 3);
    EXPECT(f, !f->lu->control.swp);
}

FIX_TEST(select_with_descriptors)
{
    EXPECT_GOOD(f, fix_do(f, f->a, "15 10 0000 00 00"));
    EXPECT_GOOD(f, fix_do_out(f, f->a, "15 10 0000 0c 00", "00000008 00020000 00 000200"));
    EXPECT_GOOD(f, fix_do_out(f, f->a, "15 10 0000 0c 00", "00000008 ffffffff 00 000200"));
    EXPECT_GOOD(f, fix_do_out(f, f->a, "55 10 0000000000 0018 00",
                              "0000000001000010 0000000000000000 00000000 00000200"));
    /* What MODE SENSE gave, given back. */
    struct fix_cmd *c = fix_do(f, f->a, "5a 00 3f ff 000000 03ff 00");
    struct fix_cmd *back = fix_cmd(f, f->a, "55 10 0000000000 0000 00");
    store_be16(back->t.cdb + 7, (uint16_t)c->in_len);
    fix_out(back, c->in, c->in_len);
    fix_start(back);
    fix_wait(back);
    EXPECT_GOOD(f, back);
    fix_free(back);
}

FIX_TEST_WITH(threshold_page, .threshold_pct = 10)
{
    gate_space(f, 400ull << 20, 600ull << 20);
    struct fix_cmd *c = sense6(f, 0x1c, 0x02);
    EXPECT_EQ(f, c->in_len, 4 + 24);
    EXPECT_EQ(f, load_be16(c->in + 6), 20);
    EXPECT_EQ(f, c->in[4 + 16], THRESHOLD_ENABLED);
    EXPECT_EQ(f, c->in[4 + 17], THRESHOLD_AVAILABLE);
    EXPECT(f, load_be32(c->in + 4 + 20) == 99 || load_be32(c->in + 4 + 20) == 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_and_descriptor),
        cmocka_unit_test(test_read_only_is_shown),
        cmocka_unit_test(test_all_pages),
        cmocka_unit_test(test_unknown_pages),
        cmocka_unit_test(test_each_bit_of_the_control_page),
        cmocka_unit_test(test_swp),
        cmocka_unit_test(test_control_takes_effect),
        cmocka_unit_test(test_cache_of_a_standard_volume),
        cmocka_unit_test(test_cache_of_a_durable_volume),
        cmocka_unit_test(test_saved_values_survive),
        cmocka_unit_test(test_unsaved_values_do_not),
        cmocka_unit_test(test_failed_save_changes_nothing),
        cmocka_unit_test(test_saved_by_another_version),
        cmocka_unit_test(test_select_refusals),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_select_with_descriptors),
        cmocka_unit_test(test_threshold_page),
    };
    return cmocka_run_group_tests_name("scsi/mode", tests, NULL, NULL);
}
