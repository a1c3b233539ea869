/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of requests, and PDUs that cannot be meant. */
#include "iscsi/test_peer.h"

#include "iscsi/framer.h"

#define NONE ISCSI_TAG_NONE

/* ---- numbers ----------------------------------------------------------------------------- */

static void test_command_outside_the_window_is_ignored(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    uint32_t itt = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, itt, 0, 0);
    peer_cmd(p, &(struct cmd){.op = 0, .sn_ahead = 128}); /* iSCSICmdSnTooHigh */
    peer_cmd(p, &(struct cmd){.op = 0, .sn_ahead = -1});  /* iSCSICmdSnTooLow */
    peer_expect_nothing(p);
    assert_int_equal(iscsi_conn_stats(p->c)->dropped, 2);
    itt = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, itt, 0, 0);
    peer_free(p);
}

static void test_commands_behind_a_gap_wait(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    uint32_t third = peer_cmd(p, &(struct cmd){.op = 0, .sn_ahead = 2});
    uint32_t second = peer_cmd(p, &(struct cmd){.op = 0, .sn_ahead = 1});
    peer_cmd(p, &(struct cmd){.op = 0, .sn_ahead = 1}); /* again */
    assert_int_equal(iscsi_conn_stats(p->c)->dropped, 1);
    assert_false(peer_task(p, second)->started);
    peer_expect_nothing(p);
    uint32_t first = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, first, 0, 0);
    peer_expect_status(p, second, 0, 0);
    peer_expect_status(p, third, 0, 0);
    p->cmd_sn += 2;
    first = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, first, 0, 0);
    peer_free(p);
}

static void test_other_requests_behind_a_gap_wait(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    p->cmd_sn++;
    peer_nop(p, 1000, NONE, false, "later", 5);
    peer_expect_nothing(p);
    for (unsigned i = 1; i < 8; i++)
        peer_nop(p, 1000 + i, NONE, false, NULL, 0);
    peer_nop(p, 1008, NONE, false, NULL, 0); /* one more than can be kept */
    peer_expect_reject(p, ISCSI_REJECT_NO_RESOURCES);
    uint32_t last = p->cmd_sn;
    p->cmd_sn -= 10;
    uint32_t itt = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, itt, 0, 0);
    for (unsigned i = 0; i < 8; i++) {
        struct got g = peer_expect(p, ISCSI_OP_NOP_IN);
        assert_int_equal(be32_get(GOT(iscsi_nop_in, g)->itt), 1000 + i);
        assert_int_equal(g.len, i == 0 ? 5 : 0);
    }
    p->cmd_sn = last;
    itt = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, itt, 0, 0);
    peer_free(p);
}

static void test_text_requests_behind_a_gap_wait_for_each_other(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    p->cmd_sn++;
    p->not_reading = true;
    uint32_t a = peer_text(p, ISCSI_FINAL, NONE, "SendTargets=");
    uint32_t b = peer_text(p, ISCSI_FINAL, NONE, "X-b=1");
    uint32_t next = p->cmd_sn;
    p->cmd_sn -= 3;
    peer_nop(p, 500, NONE, false, NULL, 0);
    p->cmd_sn = next;
    uint32_t c = peer_cmd(p, &(struct cmd){.op = 0});
    assert_true(p->to_len > 0); /* not taken before what came first is */
    assert_true(iscsi_rx_blocked(p->c));
    p->not_reading = false;
    peer_pump(p);
    struct got g = peer_expect(p, ISCSI_OP_NOP_IN);
    g = peer_expect(p, ISCSI_OP_TEXT_RSP);
    assert_int_equal(be32_get(GOT(iscsi_text_rsp, g)->itt), a);
    assert_string_equal(got_key(&g, "TargetName"), TARGET);
    g = peer_expect(p, ISCSI_OP_TEXT_RSP);
    assert_int_equal(be32_get(GOT(iscsi_text_rsp, g)->itt), b);
    assert_string_equal(got_key(&g, "X-b"), "NotUnderstood");
    peer_expect_status(p, c, 0, 0);
    peer_free(p);
}

static void test_held_command_may_end_early(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    p->manual = true;
    uint32_t held = peer_cmd(p, &(struct cmd){.op = 0, .sn_ahead = 1});
    iscsi_task_done(p->c, &peer_task(p, held)->t, &(struct iscsi_result){.status = 0x28});
    peer_pump(p);
    peer_expect_status(p, held, 0x28, 0);
    held = peer_cmd(p, &(struct cmd){.op = 0, .sn_ahead = 2});
    iscsi_task_drop(p->c, &peer_task(p, held)->t);
    p->manual = false;
    uint32_t itt = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, itt, 0, 0);
    p->cmd_sn += 2;
    itt = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, itt, 0, 0);
    peer_free(p);
}

static void test_window_bounds_what_is_outstanding(void **state)
{
    (void)state;
    struct iscsi_offer o = peer_offer();
    o.window = 4;
    struct peer *p = peer_new(&o);
    peer_login(p, "");
    p->manual = true;
    uint32_t itt[5];
    for (int i = 0; i < 5; i++)
        itt[i] = peer_cmd(p, &(struct cmd){.op = 0});
    assert_null(peer_task(p, itt[4]));
    assert_int_equal(iscsi_conn_stats(p->c)->dropped, 1);
    p->cmd_sn--;
    iscsi_task_done(p->c, &peer_task(p, itt[2])->t, &(struct iscsi_result){.status = 0});
    peer_pump(p);
    peer_expect_status(p, itt[2], 0, 0);
    assert_int_equal(p->max_cmd_sn, p->cmd_sn);
    itt[4] = peer_cmd(p, &(struct cmd){.op = 0});
    assert_non_null(peer_task(p, itt[4]));
    peer_free(p);
}

static void test_window_is_narrowed_and_opened(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    iscsi_set_window(p->c, 0);
    for (int i = 0; i < 128; i++) { /* what was promised stays promised */
        uint32_t itt = peer_cmd(p, &(struct cmd){.op = 0});
        peer_expect_status(p, itt, 0, 0);
    }
    assert_int_equal(p->max_cmd_sn, p->cmd_sn - 1);
    peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_nothing(p);
    p->cmd_sn--;
    iscsi_set_window(p->c, 2);
    peer_pump(p);
    struct got g = peer_expect(p, ISCSI_OP_NOP_IN); /* tells */
    assert_int_equal(be32_get(GOT(iscsi_nop_in, g)->ttt), NONE);
    assert_int_equal(p->max_cmd_sn, p->cmd_sn + 1);
    iscsi_set_window(p->c, 9); /* not closed: no need to tell */
    peer_pump(p);
    peer_expect_nothing(p);
    peer_free(p);
}

/* ---- PDUs that cannot be meant ----------------------------------------------------------- */

static void test_unknown_opcodes_are_rejected(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    for (unsigned op = 0; op < 64; op++) {
        if (op <= 6 || op == ISCSI_OP_SNACK)
            continue;
        uint8_t h[ISCSI_BHS_LEN] = {(uint8_t)op, 0x80, [16] = 0xaa};
        peer_pdu(p, h, NULL, 0);
        struct got g = peer_expect(p, ISCSI_OP_REJECT);
        assert_int_equal(GOT(iscsi_reject, g)->reason, ISCSI_REJECT_NOT_SUPPORTED);
        assert_memory_equal(g.data, h, sizeof(h)); /* the header comes back */
    }
    uint32_t itt = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, itt, 0, 0);
    peer_free(p);
}

static void test_snack_is_rejected(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    struct iscsi_snack h = {.opcode = ISCSI_OP_SNACK, .flags = ISCSI_FINAL};
    peer_pdu(p, &h, NULL, 0);
    peer_expect_reject(p, ISCSI_REJECT_SNACK);
    assert_int_equal(iscsi_conn_stats(p->c)->rejects, 1);
    peer_free(p);
}

static void test_additional_header_where_none_belongs(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    uint8_t pdu[ISCSI_BHS_LEN + 4] = {ISCSI_OP_NOP_OUT | ISCSI_IMMEDIATE,
                                      0x80, [4] = 1, [19] = 1};
    peer_raw(p, pdu, sizeof(pdu));
    peer_pump(p);
    peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
    peer_free(p);
}

static void test_segment_too_long_closes(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    p->manual = true;
    peer_read(p, 0, 8);
    uint8_t h[ISCSI_BHS_LEN] = {ISCSI_OP_NOP_OUT | ISCSI_IMMEDIATE, 0x80};
    store_be24(h + 5, 262145);
    peer_raw(p, h, sizeof(h)); /* the data is not waited for */
    peer_pump(p);
    peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
    assert_true(p->closed);
    peer_expect_nothing(p);
    peer_free(p);
}

static void test_digest_errors_close(void **state)
{
    (void)state;
    for (int data = 0; data < 2; data++) {
        struct peer *p = peer_logged_in("HeaderDigest=CRC32C\nDataDigest=CRC32C");
        p->not_reading = true;
        peer_read(p, 0, 300); /* is not sent any more */
        uint8_t h[ISCSI_BHS_LEN + 4 + 8] = {ISCSI_OP_NOP_OUT | ISCSI_IMMEDIATE, 0x80, [7] = 4};
        crc_store(crc_feed(CRC_INIT, h, ISCSI_BHS_LEN), h + ISCSI_BHS_LEN);
        h[data ? sizeof(h) - 1 : 9] ^= 1;
        peer_raw(p, h, sizeof(h));
        p->not_reading = false;
        peer_pump(p);
        assert_true(p->closed);
        assert_string_equal(p->why, data ? "data digest error" : "header digest error");
        assert_int_equal(iscsi_conn_stats(p->c)->digest_errors, 1);
        peer_free(p);
    }
}

static void test_close_sends_the_reject_though_r2ts_wait(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("DataDigest=CRC32C");
    p->not_reading = true;
    peer_cmd(p, &(struct cmd){.op = 0x2a, .flags = ISCSI_CMD_WRITE, .edtl = 512, .nblk = 1});
    uint8_t h[ISCSI_BHS_LEN + 8] = {ISCSI_OP_NOP_OUT | ISCSI_IMMEDIATE, 0x80, [7] = 4};
    peer_raw(p, h, sizeof(h));
    p->not_reading = false;
    struct iscsi_event ev;
    size_t used;
    assert_true(iscsi_rx(p->c, p->to, p->to_len, p->now, &used, &ev));
    p->to_len = 0;
    assert_int_equal(ev.type, ISCSI_EV_CLOSE);
    peer_pump(p);
    peer_expect_reject(p, ISCSI_REJECT_DATA_DIGEST);
    peer_expect_nothing(p);
    assert_false(iscsi_tx_pending(p->c));
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_outside_the_window_is_ignored),
        cmocka_unit_test(test_commands_behind_a_gap_wait),
        cmocka_unit_test(test_other_requests_behind_a_gap_wait),
        cmocka_unit_test(test_text_requests_behind_a_gap_wait_for_each_other),
        cmocka_unit_test(test_held_command_may_end_early),
        cmocka_unit_test(test_window_bounds_what_is_outstanding),
        cmocka_unit_test(test_window_is_narrowed_and_opened),
        cmocka_unit_test(test_unknown_opcodes_are_rejected),
        cmocka_unit_test(test_snack_is_rejected),
        cmocka_unit_test(test_additional_header_where_none_belongs),
        cmocka_unit_test(test_segment_too_long_closes),
        cmocka_unit_test(test_digest_errors_close),
        cmocka_unit_test(test_close_sends_the_reject_though_r2ts_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
