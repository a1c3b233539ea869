/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/test_peer.h"

#define READ10  0x28
#define WRITE10 0x2a
#define NONE    ISCSI_TAG_NONE

static void test_command_that_contradicts_itself(void **state)
{
    (void)state;
    static const struct cmd cases[] = {
        {.op = READ10,              .flags = ISCSI_CMD_READ, .edtl = 512, .data = peer_bytes, .len = 4},
        {.op = READ10,       .flags = ISCSI_CMD_READ,                      .edtl = 512, .more = true},
        {.op = 0,              .more = true       },
        {.op = WRITE10,             .flags = ISCSI_CMD_WRITE,                                    .edtl = 512, .data = peer_bytes, .len = 513},
        {.op = 0,.flags = 5               },
        {.op = 0,.flags = 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_logged_in("");
        peer_cmd(p, &cases[i]);
        peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
        /* its number is used up, the session goes on */
        uint32_t itt = peer_cmd(p, &(struct cmd){.op = 0});
        peer_expect_status(p, itt, 0, 0);
        peer_free(p);
    }
}

static void test_command_with_a_reserved_or_used_tag(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    p->itt = NONE - 1;
    peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
    p->manual = true;
    uint32_t itt = peer_read(p, 0, 1);
    p->itt = itt - 1;
    peer_read(p, 0, 1);
    peer_expect_reject(p, ISCSI_REJECT_TASK_IN_PROGRESS);
    peer_free(p);
}

static void test_command_with_data_that_was_not_agreed(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        uint32_t len;
        bool more;
    } cases[] = {
        {"ImmediateData=No",     512, false},
        {"FirstBurstLength=512", 513, false},
        {"InitialR2T=Yes",       0,   true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_logged_in(cases[i].keys);
        struct cmd w = peer_write_cmd(4, cases[i].len, cases[i].more);
        uint32_t itt = peer_cmd(p, &w);
        if (cases[i].more) { /* the answer waits for the data */
            peer_expect_nothing(p);
            peer_data_out(p, itt, NONE, 0, 0, peer_bytes, 2048, true);
        }
        peer_expect_sense(p, itt, 0x0b, 0x0c, 0x0c);
        assert_false(peer_saw(p, ISCSI_EV_COMMAND));
        peer_free(p);
    }
}

static void test_command_both_ways_is_refused(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("InitialR2T=No");
    uint8_t pdu[ISCSI_BHS_LEN + 8] = {ISCSI_OP_SCSI_CMD,
                                      ISCSI_FINAL | ISCSI_CMD_READ | ISCSI_CMD_WRITE, [4] = 2,
                                      [19] = 50, [22] = 2, [32] = 0x53,
                                      /* additional header: bidirectional read length 1024 */
                                      [49] = 5, [50] = ISCSI_AHS_BIDI_LENGTH, [54] = 4};
    store_be32(pdu + 24, p->cmd_sn++);
    peer_raw(p, pdu, sizeof(pdu));
    peer_pump(p);
    struct got g = peer_expect(p, ISCSI_OP_SCSI_RSP);
    const struct iscsi_scsi_rsp *r = GOT(iscsi_scsi_rsp, g);
    assert_int_equal(r->status, 2);
    assert_int_equal(g.data[4], 5);
    assert_int_equal(g.data[14], 0x20);
    assert_int_equal(r->flags, ISCSI_FINAL | ISCSI_RSP_UNDERFLOW | ISCSI_RSP_BIDI_UNDERFLOW);
    assert_int_equal(be32_get(r->residual), 512);
    assert_int_equal(be32_get(r->bidi_residual), 1024);
    peer_free(p);
}

static void test_command_additional_headers(void **state)
{
    (void)state;
    static const struct {
        uint8_t ahs[8];
        uint8_t words;
        uint16_t cdb_len; /* 0: rejected */
    } cases[] = {
        {{0, 5, ISCSI_AHS_EXT_CDB},                                    2, 20},
        {{0, 2, ISCSI_AHS_EXT_CDB, 0, 0x11},                           2, 17}, /* padded to eight bytes */
        {{0, 5, 0x3f},                                                 2, 0 },
        {{0, 4, ISCSI_AHS_BIDI_LENGTH},                                2, 0 },
        {{0, 0, ISCSI_AHS_EXT_CDB},                                    2, 0 },
        {{0, 9, ISCSI_AHS_EXT_CDB},                                    2, 0 },
        {{0xff, 0xff, ISCSI_AHS_EXT_CDB},                              2, 0 },
        {{0, 5, ISCSI_AHS_EXT_CDB},                                    1, 0 },
        {{0, 1, ISCSI_AHS_EXT_CDB, 0, 0, 1, ISCSI_AHS_BIDI_LENGTH, 0}, 2, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_logged_in("");
        p->manual = true;
        uint8_t pdu[ISCSI_BHS_LEN + 8] = {ISCSI_OP_SCSI_CMD,
                                          ISCSI_FINAL, [4] = cases[i].words, [19] = 50};
        store_be32(pdu + 24, p->cmd_sn++);
        memcpy(pdu + ISCSI_BHS_LEN, cases[i].ahs, sizeof(cases[i].ahs));
        peer_raw(p, pdu, (size_t)ISCSI_BHS_LEN + 4u * cases[i].words);
        peer_pump(p);
        if (cases[i].cdb_len != 0)
            assert_int_equal(peer_task(p, 50)->t.cdb_len, cases[i].cdb_len);
        else
            peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
        peer_free(p);
    }
}

static void test_command_without_memory_for_it(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("InitialR2T=No");
    p->task_limit = 0;
    uint32_t itt = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, itt, 0x28, 0);
    struct cmd w = peer_write_cmd(8, 0, true);
    itt = peer_cmd(p, &w);
    peer_expect_nothing(p);
    peer_data_out(p, itt, NONE, 0, 0, peer_bytes, 4096, true);
    peer_expect_status(p, itt, 0x28, -4096);
    peer_cmd(p, &(struct cmd){.op = 0, .immediate = true});
    peer_expect_reject(p, ISCSI_REJECT_IMMEDIATE);
    for (int i = 0; i < 8; i++) /* the machine's own places, all waiting for data */
        peer_cmd(p, &w);
    peer_expect_nothing(p);
    peer_cmd(p, &w);
    peer_expect_reject(p, ISCSI_REJECT_NO_RESOURCES);
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_that_contradicts_itself),
        cmocka_unit_test(test_command_with_a_reserved_or_used_tag),
        cmocka_unit_test(test_command_with_data_that_was_not_agreed),
        cmocka_unit_test(test_command_both_ways_is_refused),
        cmocka_unit_test(test_command_additional_headers),
        cmocka_unit_test(test_command_without_memory_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
