/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/pr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PORT_NAME "iqn.2026-11.example:h,i,0x00023d0000ff"

/* A TransportID with the name in a field of len bytes. */
static size_t build(uint8_t *p, uint8_t format, const char *name, uint16_t len)
{
    memset(p, 0, 4u + len);
    p[0] = (uint8_t)(format << 6 | TRANSPORT_ID_ISCSI);
    store_be16(p + 2, len);
    memcpy(p + 4, name, MIN(strlen(name), len));
    return 4u + len;
}

static bool parse(const uint8_t *p, size_t len, struct pr_transport_id *id)
{
    struct rbuf in = rbuf_make(p, len);
    return pr_id_parse(&in, id) && rb_left(&in) == 0;
}

static void test_names_of_devices_and_of_ports(void **state)
{
    struct pr_transport_id id;
    const uint8_t isid[6] = {0x00, 0x02, 0x3d, 0x00, 0x00, 0xff};
    uint8_t p[64];
    (void)state;
    assert_true(parse(p, build(p, TRANSPORT_ID_DEVICE, "iqn.2026-11.example:h", 24), &id));
    assert_true(id.any_port);
    assert_string_equal(id.initiator, "iqn.2026-11.example:h");
    assert_true(parse(p, build(p, TRANSPORT_ID_PORT, PORT_NAME, 40), &id));
    assert_false(id.any_port);
    assert_string_equal(id.initiator, "iqn.2026-11.example:h");
    assert_memory_equal(id.isid, isid, 6);
    assert_true(
        parse(p, build(p, TRANSPORT_ID_DEVICE, "eui.1", 20), &id)); /* the shortest there is */
}

static void test_what_was_put_is_parsed(void **state)
{
    (void)state;
    for (size_t len = 1; len < SCSI_NAME_LEN; len++) {
        char name[SCSI_NAME_LEN] = "";
        uint8_t p[SCSI_NAME_LEN + 64];
        const uint8_t isid[6] = {0x80, (uint8_t)len, 3, 4, 5, 6};
        struct pr_transport_id id;
        memset(name, 'n', len);
        struct pr_nexus who = pr_nexus_make(name, isid, 1);
        struct wbuf w = wbuf_make(p, sizeof(p));
        pr_id_put(&w, &who);
        assert_true(!wb_overflowed(&w) && w.len % 4 == 0 && w.len >= 24);
        assert_true(parse(p, w.len, &id));
        assert_string_equal(id.initiator, name);
        assert_memory_equal(id.isid, isid, 6);
    }
}

static void test_malformed_ones_are_refused(void **state)
{
    static const struct {
        uint8_t format;
        const char *name;
        uint16_t len;
    } rows[] = {
        {TRANSPORT_ID_DEVICE, "iqn.x",                   20}, /* good: see below */
        {2,                   "iqn.x",                   20},
        {3,                   "iqn.x",                   20},
        {TRANSPORT_ID_DEVICE, "iqn,x",                   20},
        {TRANSPORT_ID_DEVICE, "iqn x",                   20},
        {TRANSPORT_ID_DEVICE, "iqn.x,i,0x000000000000",  24},
        {TRANSPORT_ID_PORT,   "iqn,x,i,0x000000000000",  24},
        {TRANSPORT_ID_DEVICE, "",                        20},
        {TRANSPORT_ID_DEVICE, "iqn.x",                   16},
        {TRANSPORT_ID_DEVICE, "iqn.x",                   22},
        {TRANSPORT_ID_DEVICE, "iqn.0123456789abcdef",    20}, /* no NUL */
        {TRANSPORT_ID_PORT,   "iqn.x",                   20},
        {TRANSPORT_ID_PORT,   "iqn.x,i,0x00023d0000f",   24},
        {TRANSPORT_ID_PORT,   "iqn.x,i,0x00023d0000ff0", 24},
        {TRANSPORT_ID_PORT,   "iqn.x,i,0x00023d0000fg",  24},
    };
    uint8_t p[512];
    struct pr_transport_id id;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = build(p, rows[i].format, rows[i].name, rows[i].len);
        assert_int_equal(parse(p, len, &id), i == 0);
        assert_false(parse(p, len - 1, &id)); /* cut */
    }
    size_t len = build(p, TRANSPORT_ID_DEVICE, "iqn.x", 24);
    p[26] = 'y'; /* behind the NUL */
    assert_false(parse(p, len, &id));
    build(p, TRANSPORT_ID_DEVICE, "iqn.x", 24);
    p[1] = 1;
    assert_false(parse(p, len, &id));
    build(p, TRANSPORT_ID_DEVICE, "iqn.x", 24);
    p[0] = 0x06; /* SAS */
    assert_false(parse(p, len, &id));
    assert_false(parse(p, 3, &id));
    char name[300];
    memset(name, 'n', sizeof(name));
    name[SCSI_NAME_LEN] = '\0'; /* one byte too long, as a device and as a port */
    assert_false(parse(p, build(p, TRANSPORT_ID_DEVICE, name, 240), &id));
    memcpy(name + SCSI_NAME_LEN, ",i,0x000000000000", 18);
    assert_false(parse(p, build(p, TRANSPORT_ID_PORT, name, 260), &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_devices_and_of_ports),
        cmocka_unit_test(test_what_was_put_is_parsed),
        cmocka_unit_test(test_malformed_ones_are_refused),
    };
    return cmocka_run_group_tests_name("pr_id", tests, NULL, NULL);
}
