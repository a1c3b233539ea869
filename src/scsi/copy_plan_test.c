/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/copy_testing.h"

FIX_TEST(lists_that_are_too_short)
{
    struct params l;
    list_begin(&l, 1, COPY_LIST_ID_HOLD);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 100, 8);
    struct copy_list *h = (void *)l.bytes;
    h->cscds_len = be16_make(32);
    h->segments_len = be32_make(28);
    static const size_t lengths[] = {1, 15, 16 + 31, 16 + 32 + 27};
    for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
        l.len = lengths[i];
        EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x1a00);
    }
    l.len = 16 + 32 + 28;
    h->segments_len = be32_make(27); /* in the middle of a descriptor */
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x1a00);
    h->segments_len = be32_make(28);
    h->cscds_len = be16_make(31);
    struct fix_cmd *c = xcopy(f, f->a, &l);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 2, -1);
    EXPECT_CHECK(f, fix_do(f, f->a, "83 00 0000000000000000 00001011 00 00"),
                 SK_ILLEGAL_REQUEST, 0x1a00);
}

FIX_TEST(too_many_descriptors)
{
    struct params l;
    list_begin(&l, 1, COPY_LIST_ID_HOLD);
    for (unsigned i = 0; i <= SCSI_COPY_MAX_CSCDS; i++)
        list_cscd(&l, f->lu);
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x2606);
    list_begin(&l, 1, COPY_LIST_ID_HOLD);
    list_cscd(&l, f->lu);
    for (unsigned i = 0; i <= SCSI_COPY_MAX_SEGMENTS; i++)
        list_blocks(&l, 0, 0, 0, 100, 8);
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x2608);
}

FIX_TEST(fields_that_are_wrong)
{
    struct params l;
    struct fix_cmd *c;
    list_begin(&l, 1, COPY_LIST_ID_RESERVED);
    c = xcopy(f, f->a, &l);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 1, 4);
    list_begin(&l, 1, 0);
    ((struct copy_list *)(void *)l.bytes)->inline_len = be32_make(4);
    l.len += 4;
    ((struct copy_list *)(void *)l.bytes)->segments_len = be32_make(0);
    c = cmd_new(f, f->a, "83 00 0000000000000000 00000014 00 00");
    fix_out(c, l.bytes, 20);
    EXPECT_CHECK(f, cmd_run(f, c), SK_ILLEGAL_REQUEST, 0x260b);

    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu)->type = 0xe0;
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x2607);
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu)->peripheral = 1; /* a tape */
    c = xcopy(f, f->a, &l);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 17, 4);
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu)->designator_len = 21;
    c = xcopy(f, f->a, &l);
    EXPECT_PARAM_FIELD(f, c, 16 + 7, -1);

    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 100, 8)->h.type = 0x03;
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_ILLEGAL_REQUEST, 0x2609);
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_blocks(&l, 0, 0, 0, 100, 8)->h.len = be16_make(0x1c);
    c = xcopy(f, f->a, &l);
    EXPECT_PARAM_FIELD(f, c, 16 + 32 + 2, -1);
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu);
    list_bytes(&l, 0, 0, 0, 100, SCSI_COPY_MAX_SEGMENT_BYTES + 512);
    c = xcopy(f, f->a, &l);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 16 + 32 + 8, -1);
}

FIX_TEST(segments_that_lead_nowhere)
{
    static const struct {
        uint16_t from, to;
        uint64_t from_lba, to_lba;
        uint32_t bytes;
        uint16_t asc;
    } rows[] = {
        {1, 0, 0,              0,              512,     0x0804},
        {0, 1, 0,              0,              512,     0x0804},
        {0, 0, 131071,         0,              1024,    0x0d02},
        {0, 0, 0,              131071,         1024,    0x0d02},
        {0, 0, 131072 - 16383, 0,              8 << 20, 0x0d02}, /* the first piece would fit */
        {0, 0, UINT64_MAX / 2, 0,              512,     0x0d02},
        {0, 0, 0,              UINT64_MAX / 4, 512,     0x0d02},
        {0, 0, 0,              0,              100,     0x260a},
    };
    EXPECT_GOOD(f, write_byte(f, 0, 8, 'x'));
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct params l;
        list_begin(&l, 1, 0);
        list_cscd(&l, f->lu);
        list_bytes(&l, rows[i].from, rows[i].to, rows[i].from_lba, rows[i].to_lba,
                   rows[i].bytes);
        EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, rows[i].asc);
    }
    EXPECT(f, holds_byte(f, 0, 8, 'x'));
    struct params l;
    list_begin(&l, 1, 0);
    list_cscd(&l, f->lu)->designator_type = 0x13; /* a NAA of a port */
    list_blocks(&l, 0, 0, 0, 100, 8);
    EXPECT_CHECK(f, xcopy(f, f->a, &l), SK_COPY_ABORTED, 0x0d02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_that_are_too_short),
        cmocka_unit_test(test_too_many_descriptors),
        cmocka_unit_test(test_fields_that_are_wrong),
        cmocka_unit_test(test_segments_that_lead_nowhere),
    };
    return cmocka_run_group_tests_name("copy_plan", tests, NULL, NULL);
}
