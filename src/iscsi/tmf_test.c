/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/test_peer.h"

#define NONE ISCSI_TAG_NONE

static const uint8_t zeros[512];

static void expect_tmf(struct peer *p, uint32_t itt, uint8_t response)
{
    struct got g = peer_expect(p, ISCSI_OP_TMF_RSP);
    assert_int_equal(be32_get(GOT(iscsi_tmf_rsp, g)->itt), itt);
    assert_int_equal(GOT(iscsi_tmf_rsp, g)->response, response);
}

static void test_abort_task(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    p->manual = true;
    uint32_t victim = peer_read(p, 0, 1);
    uint32_t itt = peer_tmf(p, ISCSI_TMF_ABORT_TASK, victim, p->cmd_sn - 1, true);
    assert_int_equal(p->last.type, ISCSI_EV_TMF);
    assert_int_equal(p->last.tmf.function, ISCSI_TMF_ABORT_TASK);
    assert_ptr_equal(p->last.tmf.task, &peer_task(p, victim)->t);
    assert_int_equal(p->last.tmf.response, -1);
    assert_int_equal(p->last.tmf.itt, itt);
    iscsi_task_drop(p->c, p->last.tmf.task);
    iscsi_tmf_done(p->c, itt, ISCSI_TMF_RSP_COMPLETE);
    peer_pump(p);
    expect_tmf(p, itt, ISCSI_TMF_RSP_COMPLETE);
    assert_int_equal(peer_tasks_used(p), 0);
    iscsi_tmf_done(p->c, itt, 0); /* nobody waits for that */
    peer_pump(p);
    peer_expect_nothing(p);
    peer_free(p);
}

static void test_abort_task_that_is_not_here(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    /* over already */
    uint32_t done = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, done, 0, 0);
    uint32_t itt = peer_tmf(p, ISCSI_TMF_ABORT_TASK, done, p->cmd_sn - 1, true);
    expect_tmf(p, itt, ISCSI_TMF_RSP_NO_TASK);
    /* never came: its number is used up now, and it's dropped when it does come */
    uint32_t lost = p->cmd_sn++;
    itt = peer_tmf(p, ISCSI_TMF_ABORT_TASK, 4711, lost, true);
    expect_tmf(p, itt, ISCSI_TMF_RSP_COMPLETE);
    peer_cmd(p, &(struct cmd){.op = 0, .sn_ahead = -1});
    peer_expect_nothing(p);
    uint32_t next = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, next, 0, 0);
    /* the request names another LUN: the tag decides, and the task's LUN is passed on */
    p->manual = true;
    uint32_t other = peer_cmd(p, &(struct cmd){.op = 0, .lun = 3});
    peer_tmf(p, ISCSI_TMF_ABORT_TASK, other, p->cmd_sn - 1, true);
    assert_int_equal(p->last.tmf.response, -1);
    assert_ptr_equal(p->last.tmf.task, &peer_task(p, other)->t);
    assert_int_equal(p->last.tmf.lun[1], 3);
    peer_free(p);
}

static void test_abort_task_whose_response_is_queued(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    p->not_reading = true;
    uint32_t victim = peer_read(p, 0, 1);
    p->manual = true;
    uint32_t itt = peer_tmf(p, ISCSI_TMF_ABORT_TASK, victim, p->cmd_sn - 1, true);
    /* its only PDU is made already: it is gone, its tag free */
    assert_null(p->last.tmf.task);
    assert_int_equal(p->last.tmf.response, ISCSI_TMF_RSP_NO_TASK);
    iscsi_tmf_done(p->c, itt, ISCSI_TMF_RSP_NO_TASK);
    p->not_reading = false;
    peer_pump(p);
    peer_expect(p, ISCSI_OP_DATA_IN);
    expect_tmf(p, itt, ISCSI_TMF_RSP_NO_TASK);
    peer_free(p);
}

static void test_abort_task_that_waits_for_data(void **state)
{
    (void)state;
    static const uint8_t functions[] = {
        ISCSI_TMF_ABORT_TASK, ISCSI_TMF_ABORT_TASK_SET,    ISCSI_TMF_CLEAR_TASK_SET,
        ISCSI_TMF_LUN_RESET,  ISCSI_TMF_TARGET_WARM_RESET, ISCSI_TMF_TARGET_COLD_RESET};
    for (size_t i = 0; i < sizeof(functions); i++) {
        struct peer *p = peer_logged_in("InitialR2T=No");
        p->manual = true;
        struct cmd w = {.op = 0x2a, .flags = ISCSI_CMD_WRITE, .edtl = 512, .more = true};
        uint32_t victim = peer_cmd(p, &w);
        iscsi_task_done(p->c, &peer_task(p, victim)->t, &(struct iscsi_result){.status = 8});
        p->manual = false;
        uint32_t itt = peer_tmf(p, functions[i], victim, p->cmd_sn - 1, false);
        expect_tmf(p, itt, ISCSI_TMF_RSP_COMPLETE);
        assert_int_equal(peer_tasks_used(p), 0);
        peer_data_out(p, victim, NONE, 0, 0, zeros, 512, true); /* was under way */
        peer_expect_nothing(p);
        peer_free(p);
    }
}

/* It fails while the function is under way, and waits for data that will not come any more. */
static void test_task_fails_while_it_is_aborted(void **state)
{
    (void)state;
    static const struct {
        uint8_t function, response; /* what the owner says */
    } rows[] = {
        {ISCSI_TMF_ABORT_TASK,        ISCSI_TMF_RSP_NO_TASK },
        {ISCSI_TMF_ABORT_TASK,        ISCSI_TMF_RSP_COMPLETE},
        {ISCSI_TMF_ABORT_TASK_SET,    ISCSI_TMF_RSP_COMPLETE},
        {ISCSI_TMF_LUN_RESET,         ISCSI_TMF_RSP_COMPLETE},
        {ISCSI_TMF_TARGET_WARM_RESET, ISCSI_TMF_RSP_COMPLETE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer *p = peer_logged_in("InitialR2T=No");
        const struct iscsi_result busy = {.status = 8};
        p->manual = true;
        struct cmd w = {.op = 0x2a, .flags = ISCSI_CMD_WRITE, .edtl = 512, .more = true};
        uint32_t victim = peer_cmd(p, &w);
        uint32_t itt = peer_tmf(p, rows[i].function, victim, p->cmd_sn - 1, true);
        uint32_t later = peer_cmd(p, &w);
        iscsi_task_done(p->c, &peer_task(p, victim)->t, &busy);
        iscsi_task_done(p->c, &peer_task(p, later)->t, &busy);
        iscsi_tmf_done(p->c, itt, rows[i].response);
        peer_pump(p);
        expect_tmf(p, itt, ISCSI_TMF_RSP_COMPLETE);
        assert_int_equal(peer_tasks_used(p), 1); /* what came behind it is not concerned */
        peer_data_out(p, victim, NONE, 0, 0, zeros, 512, true); /* was under way */
        peer_expect_nothing(p);
        peer_data_out(p, later, NONE, 0, 0, zeros, 512, true);
        peer_expect_status(p, later, 8, -512);
        peer_free(p);
    }
}

static void test_reset_response_comes_behind_earlier_ones(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxRecvDataSegmentLength=512\nMaxBurstLength=512");
    p->not_reading = true;
    uint32_t a = peer_read(p, 0, 200), b = peer_read(p, 0, 2);
    uint32_t itt = peer_tmf(p, ISCSI_TMF_LUN_RESET, NONE, 0, true);
    p->not_reading = false;
    peer_pump(p);
    unsigned statuses = 0;
    for (int i = 0; i < 202; i++) {
        struct got g = peer_expect(p, ISCSI_OP_DATA_IN);
        uint32_t of = be32_get(GOT(iscsi_data_in, g)->itt);
        assert_true(of == a || of == b);
        statuses += GOT(iscsi_data_in, g)->flags & ISCSI_DATA_IN_STATUS;
    }
    assert_int_equal(statuses, 2);
    expect_tmf(p, itt, 0);
    peer_free(p);
}

static void test_tmf_answered_by_the_machine(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    uint32_t itt = peer_tmf(p, ISCSI_TMF_TASK_REASSIGN, 1, 0, true);
    expect_tmf(p, itt, ISCSI_TMF_RSP_NO_REASSIGN);
    p->itt = NONE - 1;
    peer_tmf(p, ISCSI_TMF_LUN_RESET, NONE, 0, true);
    peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
    p->manual = true;
    p->itt = 1000;
    peer_tmf(p, ISCSI_TMF_LUN_RESET, NONE, 0, true);
    p->itt = 1000;
    peer_tmf(p, ISCSI_TMF_LUN_RESET, NONE, 0, true);
    peer_expect_reject(p, ISCSI_REJECT_TASK_IN_PROGRESS);
    for (int i = 0; i < 15; i++)
        peer_tmf(p, ISCSI_TMF_LUN_RESET, NONE, 0, true);
    peer_expect_nothing(p);
    itt = peer_tmf(p, ISCSI_TMF_LUN_RESET, NONE, 0, true); /* the seventeenth */
    expect_tmf(p, itt, ISCSI_TMF_RSP_REJECTED);
    iscsi_tmf_done(p->c, 1001, 0);
    peer_pump(p);
    expect_tmf(p, 1001, 0);
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_abort_task),
        cmocka_unit_test(test_abort_task_that_is_not_here),
        cmocka_unit_test(test_abort_task_whose_response_is_queued),
        cmocka_unit_test(test_abort_task_that_waits_for_data),
        cmocka_unit_test(test_task_fails_while_it_is_aborted),
        cmocka_unit_test(test_reset_response_comes_behind_earlier_ones),
        cmocka_unit_test(test_tmf_answered_by_the_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
