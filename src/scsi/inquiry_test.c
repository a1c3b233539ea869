/* SPDX-License-Identifier: BSD-2-Clause */
/* INQUIRY: standard data and every page, walked as an initiator does. */
#include "scsi/limits.h"
#include "scsi/scsi_fixture.h"
#include "wire/scsi_inquiry.h"

#include "base/text.h"

FIX_TEST(standard)
{
    struct fix_cmd *c = fix_do(f, f->a, "12 00 00 00ff 00");
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 96);
    EXPECT_EQ(f, c->in[0], 0);
    EXPECT_EQ(f, c->in[1], 0);
    EXPECT_EQ(f, c->in[2], 6);
    EXPECT_EQ(f, c->in[4], 96 - 5);
    EXPECT_EQ(f, c->in[5] & 0x38, 0x38); /* TPGS both, 3PC */
    EXPECT_EQ(f, memcmp(c->in + 8, "ZSAN    VOLUME          0001", 28), 0);
    EXPECT_EQ(f, load_be16(c->in + 64), VERSION_SBC3);
    c = fix_do(f, f->a, "12 00 00 0005 00");
    EXPECT_EQ(f, c->in_len, 5);
    EXPECT_EQ(f, c->in[4], 96 - 5); /* describes the whole */
    EXPECT_EQ(f, c->t.data_len, 5);
    c = fix_do(f, f->a, "12 00 00 0000 00");
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 0);
}

FIX_TEST(page_code_without_evpd)
{
    struct fix_cmd *c = fix_do(f, f->a, "12 00 83 00ff 00");
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
    EXPECT_CDB_FIELD(f, c, 2, 7);
}

static struct fix_cmd *page(struct fix *f, struct scsi_nexus *n, uint8_t code, uint16_t alloc)
{
    char cdb[32];
    snprintf(cdb, sizeof(cdb), "12 01 %02x %04x 00", code, alloc);
    return fix_do(f, n, cdb);
}

/* Every page that is listed is served, whole and cut anywhere, and none that is not. */
FIX_TEST(pages)
{
    uint8_t list[256];
    struct fix_cmd *c = page(f, f->a, 0, 0xff);
    EXPECT_GOOD(f, c);
    uint16_t n = load_be16(c->in + 2);
    EXPECT_EQ(f, c->in_len, n + 4);
    memcpy(list, c->in + 4, n);
    unsigned found = 0;
    for (unsigned code = 0; code < 256; code++) {
        bool listed = memchr(list, (int)code, n) != NULL;
        c = page(f, f->a, (uint8_t)code, 0xffff);
        EXPECT_EQ(f, c->status, listed ? SCSI_STATUS_GOOD : SCSI_STATUS_CHECK);
        if (!listed)
            continue;
        found++;
        size_t len = c->in_len;
        EXPECT_EQ(f, c->in[0], 0);
        EXPECT_EQ(f, c->in[1], code);
        EXPECT_EQ(f, load_be16(c->in + 2) + 4u, len);
        for (size_t cut = 0; cut < len; cut++) {
            c = page(f, f->a, (uint8_t)code, (uint16_t)cut);
            EXPECT_EQ(f, c->in_len, cut);
            if (cut >= 4)
                EXPECT_EQ(f, load_be16(c->in + 2) + 4u, len);
        }
    }
    EXPECT_EQ(f, found, n);
    EXPECT_EQ(f, n, 11);
}

FIX_TEST(serial)
{
    struct fix_cmd *c = page(f, f->a, 0x80, 0xff);
    const char *serial = scsi_lu_identity(f->lu)->serial;
    EXPECT_EQ(f, c->in_len, 4 + strlen(serial));
    EXPECT_EQ(f, memcmp(c->in + 4, serial, strlen(serial)), 0);
}

/* The designator of an association and type; NULL: none. */
static const uint8_t *designator(const struct fix_cmd *c, uint8_t type, size_t *ret_len)
{
    for (size_t at = 4; at + 4 <= c->in_len; at += 4u + c->in[at + 3]) {
        if ((c->in[at + 1] & 0x3f) == type) {
            *ret_len = c->in[at + 3];
            return c->in + at + 4;
        }
    }
    return NULL;
}

static void expect_designator(struct fix *f, const struct fix_cmd *c, uint8_t type,
                              const void *bytes, size_t len)
{
    size_t got = 0;
    const uint8_t *d = designator(c, type, &got);
    EXPECT(f, d && got >= len && memcmp(d, bytes, len) == 0);
    EXPECT(f, (type & 0x0f) != DESIG_TYPE_NAME || got % 4 == 0);
}

FIX_TEST(designators)
{
    const struct scsi_identity *id = scsi_lu_identity(f->lu);
    char naa[40] = "naa.", t10[64];
    hex_encode(id->naa, id->naa_len, naa + 4);
    for (char *p = naa + 4; *p; p++)
        *p = (char)(*p >= 'a' ? *p - 32 : *p);
    snprintf(t10, sizeof(t10), "ZSAN    VOLUME          %s", id->serial);
    struct fix_cmd *c = page(f, f->b, 0x83, 0xff);
    EXPECT_EQ(f, id->naa[0] >> 4, 3);
    expect_designator(f, c, DESIG_TYPE_NAA, id->naa, 8);
    expect_designator(f, c, DESIG_TYPE_T10, t10, strlen(t10));
    expect_designator(f, c, DESIG_TYPE_NAME, naa, strlen(naa) + 1);
    expect_designator(f, c, DESIG_OF_PORT | DESIG_TYPE_REL_PORT, "\0\0\0\2", 4);
    expect_designator(f, c, DESIG_OF_PORT | DESIG_TYPE_GROUP, "\0\0\0\2", 4);
    static const char port[] = "iqn.2026-11.example.zsan:t1,t,0x0002";
    expect_designator(f, c, DESIG_OF_PORT | DESIG_TYPE_NAME, port, sizeof(port));
    static const char device[] = "iqn.2026-11.example.zsan:t1";
    expect_designator(f, c, DESIG_OF_DEVICE | DESIG_TYPE_NAME, device, sizeof(device));
}

FIX_TEST(ports)
{
    static const char name[] = "iqn.2026-11.example.zsan:t1,t,0x0001";
    struct fix_cmd *c = page(f, f->b, 0x88, 0xff);
    size_t one = 12 + 4 + round_up(sizeof(name), 4);
    EXPECT_EQ(f, c->in_len, 4 + 2 * one);
    EXPECT_EQ(f, load_be16(c->in + 4 + 2), 1);
    EXPECT_EQ(f, load_be16(c->in + 4 + 10), one - 12);
    EXPECT_EQ(f, memcmp(c->in + 4 + 12 + 4, name, sizeof(name)), 0);
    EXPECT_EQ(f, load_be16(c->in + 4 + one + 2), 2);
}

FIX_TEST(block_limits)
{
    struct fix_cmd *c = page(f, f->a, 0xb0, 0xff);
    EXPECT_EQ(f, c->in_len, 64);
    EXPECT_EQ(f, c->in[5], 255);
    EXPECT_EQ(f, load_be16(c->in + 6), 8); /* 4 KiB */
    EXPECT_EQ(f, load_be32(c->in + 8), (32u << 20) / 512);
    EXPECT_EQ(f, load_be32(c->in + 20), SCSI_UNMAP_MAX_BYTES / 512);
    EXPECT_EQ(f, load_be32(c->in + 24), SCSI_UNMAP_MAX_DESCS);
    EXPECT_EQ(f, load_be32(c->in + 28), 65536 / 512);
    EXPECT_EQ(f, load_be32(c->in + 32), LIMITS_UGAVALID);
    EXPECT_EQ(f, load_be64(c->in + 36), SCSI_WRITE_SAME_MAX_BYTES / 512);
    EXPECT_EQ(f, load_be32(c->in + 44), (32u << 20) / 512);
}

FIX_TEST_WITH(block_limits_4kn, .block_size = 4096)
{
    struct fix_cmd *c = page(f, f->a, 0xb0, 0xff);
    EXPECT_EQ(f, load_be16(c->in + 6), 1);
    EXPECT_EQ(f, load_be32(c->in + 8), (32u << 20) / 4096);
    EXPECT_EQ(f, load_be32(c->in + 28), 65536 / 4096);
}

FIX_TEST(provisioning)
{
    struct fix_cmd *c = page(f, f->a, 0xb2, 0xff);
    EXPECT_EQ(f, c->in[4], 11); /* 1 MiB in blocks of 512 */
    EXPECT_EQ(f, c->in[5], 0xe4);
    EXPECT_EQ(f, c->in[6], 2);
    EXPECT_EQ(f, load_be16(page(f, f->a, 0xb1, 0xff)->in + 4), 1); /* does not rotate */
    f->vol->geo.rotational = true;
    EXPECT_EQ(f, load_be16(page(f, f->a, 0xb1, 0xff)->in + 4), 0);
}

FIX_TEST_WITH(fully_provisioned, .not_thin = true)
{
    struct fix_cmd *c = page(f, f->a, 0xb0, 0xff);
    EXPECT_EQ(f, load_be32(c->in + 20), 0);
    EXPECT_EQ(f, load_be32(c->in + 28), 0);
    EXPECT_EQ(f, load_be32(c->in + 32), 0);
    EXPECT_EQ(f, load_be32(c->in + 44), 0);
    EXPECT_EQ(f, load_be32(page(f, f->a, 0xb2, 0xff)->in + 4), 0);
    EXPECT_CHECK(f, fix_do(f, f->a, "42 00 00000000 00 0018 00"), SK_ILLEGAL_REQUEST,
                 ASC_INVALID_OPCODE);
    EXPECT_CDB_FIELD(f, fix_do(f, f->a, "93 08 0000000000000000 00000001 0000"), 1, 3);
}

FIX_TEST(volatile_cache_is_told)
{
    EXPECT_EQ(f, page(f, f->a, 0x86, 0xff)->in[6], 0);
    f->vol->sync = VOL_SYNC_STANDARD;
    EXPECT_EQ(f, page(f, f->a, 0x86, 0xff)->in[6], EXT_V_SUP);
}

FIX_TEST(third_party_copy)
{
    struct fix_cmd *c = page(f, f->a, 0x8f, 0xff);
    static const uint8_t commands[] = {0x00, 0x01, 0x00, 0x0c, 9, 0x83, 1,
                                       0x00, 0x84, 4,    0,    1, 3,    4};
    EXPECT_EQ(f, memcmp(c->in + 4, commands, sizeof(commands)), 0);
    unsigned seen = 0;
    for (size_t at = 4; at + 4 <= c->in_len; at += 4u + load_be16(c->in + at + 2)) {
        seen++;
        EXPECT_EQ(f, load_be16(c->in + at + 2) % 4, 0);
    }
    EXPECT_EQ(f, seen, 4);
}

/* ---- identity ---------------------------------------------------------------------------- */

FIX_TEST(identity_is_minted_once)
{
    struct scsi_identity again;
    EXPECT_EQ(f, scsi_identity_load(f->vol, 0x00a098, &again),
              0); /* an OUI set later changes nothing */
    EXPECT_EQ(f, memcmp(&again, scsi_lu_identity(f->lu), sizeof(again)), 0);
}

FIX_TEST(identity_with_oui)
{
    struct scsi_identity id, again;
    volume_set_attr(f->vol, "scsi.naa", NULL);
    EXPECT_EQ(f, scsi_identity_load(f->vol, 0x123456, &id), 0);
    EXPECT_EQ(f, id.naa_len, 16);
    EXPECT_EQ(f, load_be32(id.naa) >> 4, 0x6123456);
    EXPECT_EQ(f, strlen(id.serial), 32);
    EXPECT(f, memcmp(id.naa, scsi_lu_identity(f->lu)->naa, 8) != 0);
    EXPECT_EQ(f, scsi_identity_load(f->vol, 0, &again), 0);
    EXPECT_EQ(f, memcmp(&again, &id, sizeof(id)), 0);
}

/* Without a durable store there is no identity: better no LU than one that changes its name. */
FIX_TEST(identity_not_stored)
{
    struct scsi_identity id = {.naa_len = 99};
    volume_set_attr(f->vol, "scsi.naa", NULL);
    gate_fail_attrs(f, -EIO);
    EXPECT_EQ(f, scsi_identity_load(f->vol, 0, &id), -EIO);
    EXPECT_EQ(f, id.naa_len, 99);
    gate_fail_attrs(f, 0);
    volume_set_attr(f->vol, "scsi.naa", "3zz");
    EXPECT_EQ(f, scsi_identity_load(f->vol, 0, &id), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard),
        cmocka_unit_test(test_page_code_without_evpd),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_serial),
        cmocka_unit_test(test_designators),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_block_limits),
        cmocka_unit_test(test_block_limits_4kn),
        cmocka_unit_test(test_provisioning),
        cmocka_unit_test(test_fully_provisioned),
        cmocka_unit_test(test_volatile_cache_is_told),
        cmocka_unit_test(test_third_party_copy),
        cmocka_unit_test(test_identity_is_minted_once),
        cmocka_unit_test(test_identity_with_oui),
        cmocka_unit_test(test_identity_not_stored),
    };
    return cmocka_run_group_tests_name("scsi/inquiry", tests, NULL, NULL);
}
