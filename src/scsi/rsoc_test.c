/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REPORT SUPPORTED OPERATION CODES in all its forms, and the whole of it against a golden
 * listing: a command that changes its usage map, its timeout or its being there shows in
 * review.
 */
#include "scsi/scsi_fixture.h"

#include <stdlib.h>

#define ALL       "a3 0c 00 00 0000 00002000 00 00"
#define ALL_TIMES "a3 0c 80 00 0000 00002000 00 00"

static struct fix_cmd *one(struct fix *f, uint8_t options, uint8_t opcode, uint16_t sa)
{
    char cdb[40];
    snprintf(cdb, sizeof(cdb), "a3 0c %02x %02x %04x 00000100 00 00", options, opcode, sa);
    return fix_do(f, f->a, cdb);
}

FIX_TEST(all)
{
    size_t n;
    scsi_ops(&n);
    struct fix_cmd *c = fix_do(f, f->a, ALL);
    EXPECT_EQ(f, c->in_len, 4 + n * 8);
    EXPECT_EQ(f, load_be32(c->in), n * 8);
    c = fix_do(f, f->a, ALL_TIMES);
    EXPECT_EQ(f, c->in_len, 4 + n * 20);
    for (size_t at = 4; at < c->in_len; at += 20) {
        EXPECT(f, c->in[at + 5] & 0x02);
        EXPECT_EQ(f, load_be16(c->in + at + 8), 10);
        EXPECT(f, load_be32(c->in + at + 16) != 0);
    }
}

FIX_TEST(one_opcode)
{
    static const uint8_t read10[] = {0,    3,    0,    10,   0x28, 0x18, 0xff,
                                     0xff, 0xff, 0xff, 0x3f, 0xff, 0xff, 0};
    struct fix_cmd *c = one(f, 1, 0x28, 0);
    EXPECT_EQ(f, c->in_len, sizeof(read10));
    EXPECT_EQ(f, memcmp(c->in, read10, sizeof(read10)), 0);
    c = one(f, 0x81, 0x28, 0);
    EXPECT_EQ(f, c->in_len, sizeof(read10) + 12);
    EXPECT_EQ(f, c->in[1], 0x83);
    c = one(f, 1, 0x04, 0); /* not supported */
    EXPECT_EQ(f, c->in_len, 4);
    EXPECT_EQ(f, c->in[1], 1);
    c = one(f, 1, 0x9e, 0); /* has service actions */
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
    EXPECT_CDB_FIELD(f, c, 2, 2);
}

FIX_TEST(one_service_action)
{
    struct fix_cmd *c = one(f, 2, 0x9e, 0x10);
    EXPECT_EQ(f, c->in[1], 3);
    EXPECT_EQ(f, c->in[4], 0x9e);
    EXPECT_EQ(f, c->in[5], 0x10);
    EXPECT_EQ(f, one(f, 2, 0x9e, 0x11)->in[1], 1);
    EXPECT_EQ(f, one(f, 2, 0x9e, 0x30)->in[1], 1); /* longer than the field is */
    EXPECT_EQ(f, one(f, 2, 0x04, 0)->in[1], 1);
    EXPECT_CHECK(f, one(f, 2, 0x28, 0), SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
}

FIX_TEST(one_either)
{
    EXPECT_EQ(f, one(f, 3, 0x28, 0)->in[1], 3);
    EXPECT_EQ(f, one(f, 3, 0x28, 1)->in[1], 1);
    EXPECT_EQ(f, one(f, 3, 0x9e, 0x12)->in[1], 3);
    EXPECT_EQ(f, one(f, 3, 0x9e, 0x13)->in[1], 1);
    EXPECT_CHECK(f, one(f, 4, 0x28, 0), SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
}

/* What the LU does not have is not told. */
FIX_TEST_WITH(without_unmap, .not_thin = true)
{
    size_t n;
    scsi_ops(&n);
    EXPECT_EQ(f, fix_do(f, f->a, ALL)->in_len, 4 + (n - 2) * 8);
    EXPECT_EQ(f, one(f, 1, 0x42, 0)->in[1], 1);
    EXPECT_EQ(f, one(f, 1, 0x9c, 0)->in[1], 1);
    EXPECT_EQ(f, one(f, 1, 0x93, 0)->in[5], 0x01); /* no UNMAP bit */
}

FIX_TEST(task_management)
{
    struct fix_cmd *c = fix_do(f, f->a, "a3 0d 00 000000 00000100 00 00");
    EXPECT_EQ(f, c->in_len, 4);
    EXPECT_EQ(f, load_be32(c->in),
              0xda000000); /* no queries, no nexus reset: those need RFC 7144 */
    c = fix_do(f, f->a, "a3 0d 80 000000 00000100 00 00");
    EXPECT_EQ(f, c->in_len, 16);
    EXPECT_EQ(f, c->in[3], 12);
}

/* ---- the golden listing ------------------------------------------------------------------ */

static void print_row(struct fix *f, const uint8_t *entry, FILE *out)
{
    bool has_sa = entry[5] & 1;
    uint16_t sa = load_be16(entry + 2);
    const uint8_t cdb[16] = {entry[0], (uint8_t)sa};
    struct fix_cmd *c = one(f, has_sa ? 0x82 : 0x81, entry[0], sa);
    uint16_t len = load_be16(c->in + 2);
    fprintf(out, has_sa ? "%02x/%02x " : "%02x    ", entry[0], sa);
    for (uint16_t i = 0; i < len; i++)
        fprintf(out, "%02x", c->in[4 + i]);
    fprintf(out, "%*s %4us %s\n", 2 * (16 - len), "", load_be32(c->in + 4 + len + 8),
            scsi_cdb_name(cdb));
}

static char *listing;

FIX_TEST(listing)
{
    size_t len;
    FILE *out = open_memstream(&listing, &len);
    struct fix_cmd *c = fix_do(f, f->a, ALL);
    size_t n = (c->in_len - 4) / 8;
    uint8_t *entries = malloc(n * 8);
    memcpy(entries, c->in + 4, n * 8);
    for (size_t i = 0; i < n; i++)
        print_row(f, entries + i * 8, out);
    free(entries);
    fclose(out);
}

static void test_golden(void **state)
{
    const char *path = getenv("GOLDEN_OPCODES");
    static char golden[16384];
    (void)state;
    assert_non_null(path);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    size_t len = fread(golden, 1, sizeof(golden) - 1, in);
    golden[len] = '\0';
    fclose(in);
    if (strcmp(golden, listing) != 0)
        fprintf(stderr, "# %s should be:\n%s", path, listing);
    assert_string_equal(golden, listing);
    free(listing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_one_opcode),
        cmocka_unit_test(test_one_service_action),
        cmocka_unit_test(test_one_either),
        cmocka_unit_test(test_without_unmap),
        cmocka_unit_test(test_task_management),
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_golden),
    };
    return cmocka_run_group_tests_name("scsi/rsoc", tests, NULL, NULL);
}
