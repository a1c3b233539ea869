/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/test_peer.h"

static void test_drop_frees_when_what_is_made_was_sent(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxRecvDataSegmentLength=8192");
    p->manual = true;
    uint32_t itt = peer_read(p, 0, 1);
    iscsi_task_drop(p->c, &peer_task(p, itt)->t);
    assert_int_equal(peer_tasks_used(p), 0);
    peer_pump(p);
    peer_expect_nothing(p);
    peer_free(p);
}

static void test_tag_of_forgotten_task_is_free(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxRecvDataSegmentLength=8192");
    p->manual = true;
    uint32_t itt = peer_read(p, 0, 1);
    struct iscsi_task *stuck = &peer_task(p, itt)->t;
    iscsi_task_forget(p->c, stuck);
    p->manual = false;
    p->itt = itt - 1;
    assert_int_equal(peer_read(p, 0, 1), itt);
    peer_expect(p, ISCSI_OP_DATA_IN);
    assert_int_equal(peer_tasks_used(p), 1);
    iscsi_task_drop(p->c, stuck);
    assert_int_equal(peer_tasks_used(p), 0);
    peer_free(p);
}

static void test_fini_frees_tasks_in_every_state(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxRecvDataSegmentLength=512");
    peer_read(p, 0, 8);
    p->not_reading = true;
    peer_read(p, 0, 400); /* more PDUs than there are slots */
    static struct iovec iov[300];
    assert_true(iscsi_tx_fill(p->c, iov, 300, 1u << 20) > 200);
    p->manual = true;
    peer_read(p, 0, 1);
    struct cmd w = peer_write_cmd(8, 0, false);
    uint32_t itt = peer_cmd(p, &w);
    iscsi_task_want(p->c, &peer_task(p, itt)->t, 4096);
    assert_true(peer_tasks_used(p) >= 3);
    peer_free(p); /* checks that none is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop_frees_when_what_is_made_was_sent),
        cmocka_unit_test(test_tag_of_forgotten_task_is_free),
        cmocka_unit_test(test_fini_frees_tasks_in_every_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
