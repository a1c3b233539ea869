/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/test_peer.h"

#define NONE ISCSI_TAG_NONE

static void test_async_messages(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    static const uint8_t lun[8] = {0, 5}, sense[18] = {0x70, 0, 6};
    iscsi_async_sense(p->c, lun, sense, sizeof(sense));
    iscsi_async_drop(p->c, 3, 4);
    peer_pump(p);
    struct got g = peer_expect(p, ISCSI_OP_ASYNC);
    const struct iscsi_async *a = GOT(iscsi_async, g);
    assert_int_equal(a->event, ISCSI_ASYNC_SENSE);
    assert_memory_equal(a->lun.b, lun, 8);
    assert_int_equal(g.len, 20);
    assert_int_equal(load_be16(g.data), 18);
    assert_memory_equal(g.data + 2, sense, 18);
    g = peer_expect(p, ISCSI_OP_ASYNC);
    a = GOT(iscsi_async, g);
    assert_int_equal(a->event, ISCSI_ASYNC_SESSION_DROP);
    assert_int_equal(be16_get(a->param2), 3);
    assert_int_equal(be16_get(a->param3), 4);
    assert_int_equal(be32_get(a->itt), NONE);
    peer_free(p);
}

static void test_async_sense_is_a_courtesy(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    static const uint8_t lun[8], sense[300];
    p->not_reading = true;
    for (int i = 0; i < 100; i++)
        iscsi_async_sense(p->c, lun, sense, 18);
    iscsi_async_sense(p->c, lun, sense, sizeof(sense)); /* longer than sense can be */
    peer_nop(p, 1, NONE, true, NULL, 0);
    assert_int_equal(p->to_len, 0); /* still answers */
    p->not_reading = false;
    peer_pump(p);
    for (int i = 0; i < 16; i++)
        peer_expect(p, ISCSI_OP_ASYNC);
    peer_expect(p, ISCSI_OP_NOP_IN);
    peer_expect_nothing(p);
    peer_free(p);
}

static void test_async_logout_request_has_a_deadline(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    p->now += 3600000 * MS; /* an hour in which the machine was told nothing */
    iscsi_async_logout(p->c, 10);
    iscsi_async_logout(p->c, 99); /* asked already */
    assert_int_equal(iscsi_deadline(p->c), 0);
    peer_pump(p);
    struct got g = peer_expect(p, ISCSI_OP_ASYNC);
    assert_int_equal(GOT(iscsi_async, g)->event, ISCSI_ASYNC_LOGOUT_REQUEST);
    assert_int_equal(be16_get(GOT(iscsi_async, g)->param3), 10);
    peer_expect_nothing(p);
    assert_int_equal(iscsi_deadline(p->c), p->now + 10000 * MS);
    peer_tick(p, 9999);
    assert_false(p->closed);
    peer_tick(p, 1);
    assert_true(p->closed);
    iscsi_async_logout(p->c, 1); /* of no use to a closed connection */
    iscsi_async_drop(p->c, 1, 1);
    peer_pump(p);
    peer_expect_nothing(p);
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_async_messages),
        cmocka_unit_test(test_async_sense_is_a_courtesy),
        cmocka_unit_test(test_async_logout_request_has_a_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
