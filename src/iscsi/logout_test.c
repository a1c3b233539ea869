/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/test_peer.h"

#define NONE ISCSI_TAG_NONE

static void test_logout(void **state)
{
    (void)state;
    for (uint8_t reason = 0; reason < 2; reason++) {
        struct peer *p = peer_logged_in("DefaultTime2Wait=7\nDefaultTime2Retain=0");
        p->hold_answers = true;
        peer_logout(p, reason, 1);
        assert_int_equal(p->last.logout_reason, reason);
        assert_string_equal(iscsi_conn_state(p->c), "logout");
        peer_expect_nothing(p);
        iscsi_logout_done(p->c, ISCSI_LOGOUT_RSP_OK);
        iscsi_logout_done(p->c, ISCSI_LOGOUT_RSP_OK);
        peer_pump(p);
        struct got g = peer_expect(p, ISCSI_OP_LOGOUT_RSP);
        assert_int_equal(GOT(iscsi_logout_rsp, g)->response, 0);
        assert_int_equal(be16_get(GOT(iscsi_logout_rsp, g)->time2wait), 7);
        assert_true(p->closed);
        peer_nop(p, 1, NONE, true, NULL, 0); /* read and thrown away */
        assert_int_equal(p->to_len, 0);
        peer_expect_nothing(p);
        peer_free(p);
    }
}

static void test_logout_that_is_refused(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    peer_logout(p, ISCSI_LOGOUT_CONNECTION, 2);
    struct got g = peer_expect(p, ISCSI_OP_LOGOUT_RSP);
    assert_int_equal(GOT(iscsi_logout_rsp, g)->response, ISCSI_LOGOUT_RSP_NO_CID);
    peer_logout(p, ISCSI_LOGOUT_RECOVERY, 1);
    g = peer_expect(p, ISCSI_OP_LOGOUT_RSP);
    assert_int_equal(GOT(iscsi_logout_rsp, g)->response, ISCSI_LOGOUT_RSP_NO_RECOVERY);
    peer_logout(p, 3, 1);
    peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
    p->itt = NONE - 1;
    peer_logout(p, 0, 1);
    peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
    assert_false(p->closed);
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logout),
        cmocka_unit_test(test_logout_that_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
