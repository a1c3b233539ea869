/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/test_peer.h"

#define NONE ISCSI_TAG_NONE

static uint8_t ping_data[70000];

static void test_ping_comes_back(void **state)
{
    (void)state;
    static const uint32_t lens[] = {0, 8, 256, 257, 8192, 65536};
    struct peer *p = peer_logged_in("MaxRecvDataSegmentLength=262144\nDataDigest=CRC32C");
    for (size_t i = 0; i < sizeof(ping_data); i++)
        ping_data[i] = (uint8_t)(i * 5);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        peer_nop(p, 900, NONE, i % 2, ping_data, lens[i]);
        struct got g = peer_expect(p, ISCSI_OP_NOP_IN);
        assert_int_equal(be32_get(GOT(iscsi_nop_in, g)->itt), 900);
        assert_int_equal(be32_get(GOT(iscsi_nop_in, g)->ttt), NONE);
        assert_int_equal(g.len, lens[i]);
        assert_memory_equal(g.data, ping_data, lens[i]);
    }
    peer_nop(p, 900, NONE, true, ping_data, 65537);
    peer_expect_reject(p, ISCSI_REJECT_NO_RESOURCES);
    peer_free(p);
}

static void test_ping_is_cut_at_what_the_initiator_takes(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxRecvDataSegmentLength=512");
    peer_nop(p, 900, NONE, true, ping_data, 600);
    assert_int_equal(peer_expect(p, ISCSI_OP_NOP_IN).len, 512);
    peer_free(p);
}

static void test_two_large_pings_at_once(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxRecvDataSegmentLength=262144");
    p->not_reading = true;
    peer_nop(p, 1, NONE, true, ping_data, 1000);
    peer_nop(p, 2, NONE, true, ping_data, 1000);
    p->not_reading = false;
    peer_pump(p);
    assert_int_equal(peer_expect(p, ISCSI_OP_NOP_IN).len, 1000);
    peer_expect_reject(p, ISCSI_REJECT_NO_RESOURCES);
    peer_free(p);
}

static void test_ping_without_a_tag_is_not_answered(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    peer_nop(p, NONE, NONE, true, NULL, 0);
    peer_nop(p, NONE, 77, true, NULL, 0);
    peer_expect_nothing(p);
    peer_nop(p, NONE, NONE, false, NULL, 0); /* 11.18.1: must be immediate */
    peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
    peer_free(p);
}

static struct peer *with_keepalive(void)
{
    struct iscsi_offer o = peer_offer();
    o.nop_interval_ms = 5000;
    o.nop_timeout_ms = 3000;
    struct peer *p = peer_new(&o);
    peer_login(p, "");
    return p;
}

static void test_keepalive(void **state)
{
    (void)state;
    struct peer *p = with_keepalive();
    assert_int_equal(iscsi_deadline(p->c), 5000 * MS);
    for (int i = 0; i < 3; i++) {
        peer_tick(p, 5000);
        struct got g = peer_expect(p, ISCSI_OP_NOP_IN);
        assert_int_equal(be32_get(GOT(iscsi_nop_in, g)->itt), NONE);
        assert_int_equal(iscsi_deadline(p->c), p->now + 3000 * MS);
        p->now += 1000 * MS;
        peer_nop(p, NONE, be32_get(GOT(iscsi_nop_in, g)->ttt), true, NULL, 0);
        assert_int_equal(iscsi_deadline(p->c), p->now + 5000 * MS);
    }
    p->now += 4000 * MS;
    peer_nop(p, NONE, NONE, true, NULL, 0); /* any sign of life puts it off */
    peer_tick(p, 1000);
    peer_expect_nothing(p);
    peer_tick(p, 4000);
    peer_expect(p, ISCSI_OP_NOP_IN);
    peer_tick(p, 2999);
    assert_false(p->closed);
    peer_tick(p, 1);
    assert_true(p->closed);
    assert_string_equal(p->why, "no answer to NOP-In");
    assert_int_equal(iscsi_conn_stats(p->c)->nops_out, 4);
    peer_free(p);
}

static void test_keepalive_half_a_pdu_is_life(void **state)
{
    (void)state;
    struct peer *p = with_keepalive();
    for (int i = 0; i < 10; i++) {
        p->now += 4000 * MS;
        peer_raw(p, "\0", 1);
        peer_pump(p);
        peer_tick(p, 0);
    }
    peer_expect_nothing(p);
    peer_tick(p, 4999);
    peer_expect_nothing(p);
    peer_tick(p, 1);
    peer_expect(p, ISCSI_OP_NOP_IN);
    peer_free(p);
}

static void test_peer_that_does_not_read_is_closed(void **state)
{
    (void)state;
    struct peer *p = with_keepalive();
    p->now += 60000 * MS; /* long after anything was sent */
    p->not_reading = true;
    peer_read(p, 0, 64);
    for (int i = 0; i < 8; i++) {
        assert_false(p->closed);
        assert_true(iscsi_deadline(p->c) <= p->now + (uint64_t)(8 - i) * 1000 * MS);
        peer_nop(p, NONE, NONE, true, NULL, 0); /* sends all the time */
        peer_tick(p, 1000);
    }
    assert_true(p->closed);
    assert_string_equal(p->why, "initiator does not read");
    peer_free(p);
}

static void test_ping_that_cannot_be_sent_is_not_repeated_at_once(void **state)
{
    (void)state;
    struct iscsi_offer o = peer_offer();
    o.nop_interval_ms = 1000;
    o.nop_timeout_ms = 60000;
    struct peer *p = peer_new(&o);
    peer_login(p, "");
    p->not_reading = true;
    peer_tick(p, 1000);
    peer_nop(p, NONE, NONE, true, NULL, 0); /* alive, but the ping is still in the queue */
    p->now++;
    peer_raw(p, "", 1);
    peer_pump(p);
    peer_tick(p, 1000);
    assert_true(iscsi_deadline(p->c) > p->now);
    assert_int_equal(iscsi_conn_stats(p->c)->nops_out, 1);
    peer_free(p);
}

static void test_idle_discovery_is_closed(void **state)
{
    (void)state;
    struct iscsi_offer o = peer_offer();
    o.nop_interval_ms = 5000;
    struct peer *p = peer_new(&o);
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), "InitiatorName=" INITIATOR "\nSessionType=Discovery");
    peer_tick(p, 5000);
    assert_true(p->closed);
    assert_string_equal(p->why, "discovery session is idle");
    peer_free(p);
}

/* A peer that sends and never reads can make us queue only so much. */
static void test_flood_of_requests_is_not_taken(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    p->not_reading = true;
    for (uint32_t i = 0; i < 1000; i++)
        peer_nop(p, i, NONE, true, "x", 1);
    assert_true(p->to_len > 900 * 52);
    p->not_reading = false;
    peer_pump(p);
    assert_int_equal(p->to_len, 0);
    for (uint32_t i = 0; i < 1000; i++) {
        struct got g = peer_expect(p, ISCSI_OP_NOP_IN);
        assert_int_equal(be32_get(GOT(iscsi_nop_in, g)->itt), i);
    }
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ping_comes_back),
        cmocka_unit_test(test_ping_is_cut_at_what_the_initiator_takes),
        cmocka_unit_test(test_two_large_pings_at_once),
        cmocka_unit_test(test_ping_without_a_tag_is_not_answered),
        cmocka_unit_test(test_keepalive),
        cmocka_unit_test(test_keepalive_half_a_pdu_is_life),
        cmocka_unit_test(test_peer_that_does_not_read_is_closed),
        cmocka_unit_test(test_ping_that_cannot_be_sent_is_not_repeated_at_once),
        cmocka_unit_test(test_idle_discovery_is_closed),
        cmocka_unit_test(test_flood_of_requests_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
