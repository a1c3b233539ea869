/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/test_peer.h"

#define NONE ISCSI_TAG_NONE

static void assert_written(const struct peer *p, uint32_t len)
{
    assert_memory_equal(p->disk + 8 * 512, peer_bytes, len);
}

/* Answers an R2T with PDUs of at most step bytes; returns the end of what it asked for. */
static uint32_t answer_r2t(struct peer *p, uint32_t itt, uint32_t step)
{
    struct got g = peer_expect(p, ISCSI_OP_R2T);
    const struct iscsi_r2t *r = GOT(iscsi_r2t, g);
    uint32_t off = be32_get(r->offset), end = off + be32_get(r->len), ttt = be32_get(r->ttt);
    assert_int_equal(be32_get(r->itt), itt);
    for (uint32_t sn = 0; off < end; sn++) {
        uint32_t len = MIN(step, end - off);
        peer_data_out(p, itt, ttt, sn, off, peer_bytes + off, len, off + len == end);
        off += len;
    }
    return end;
}

/* ---- writes ------------------------------------------------------------------------------ */

static void test_write_immediate(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    struct cmd w = peer_write_cmd(8, 4096, false);
    uint32_t itt = peer_cmd(p, &w);
    peer_expect_status(p, itt, 0, 0);
    assert_written(p, 4096);
    peer_free(p);
}

static void test_write_unsolicited(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("InitialR2T=No\nFirstBurstLength=16384");
    struct cmd w = peer_write_cmd(24, 1000, true);
    uint32_t itt = peer_cmd(p, &w);
    struct iscsi_task *t = &peer_task(p, itt)->t;
    assert_int_equal(t->wanted, 12288);
    peer_data_out(p, itt, NONE, 0, 1000, peer_bytes + 1000, 5000, false);
    peer_expect_nothing(p); /* no R2T while unsolicited data is coming */
    peer_data_out(p, itt, NONE, 1, 6000, peer_bytes + 6000, 6288, true);
    peer_expect_status(p, itt, 0, 0);
    assert_written(p, 12288);
    peer_free(p);
}

static void test_write_unsolicited_then_solicited(void **state)
{
    (void)state;
    struct peer *p =
        peer_logged_in("InitialR2T=No\nFirstBurstLength=1024\nMaxBurstLength=4096");
    struct cmd w = peer_write_cmd(32, 512, true);
    uint32_t itt = peer_cmd(p, &w);
    peer_data_out(p, itt, NONE, 0, 512, peer_bytes + 512, 512, true);
    for (uint32_t end = 0; end < 16384;)
        end = answer_r2t(p, itt, 1000);
    peer_expect_status(p, itt, 0, 0);
    assert_written(p, 16384);
    assert_int_equal(iscsi_conn_stats(p->c)->r2ts, 4);
    peer_free(p);
}

static void test_write_unsolicited_may_end_early(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("InitialR2T=No");
    struct cmd w = peer_write_cmd(8, 0, true);
    uint32_t itt = peer_cmd(p, &w);
    peer_data_out(p, itt, NONE, 0, 0, peer_bytes, 512, true);
    assert_int_equal(answer_r2t(p, itt, 4096), 4096);
    peer_expect_status(p, itt, 0, 0);
    assert_written(p, 4096);
    peer_free(p);
}

static void test_write_several_r2ts_are_out_at_once(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxBurstLength=1024\nMaxOutstandingR2T=3");
    struct cmd w = peer_write_cmd(20, 0, false);
    uint32_t itt = peer_cmd(p, &w), ttt[10];
    for (uint32_t i = 0; i < 3; i++) {
        struct got g = peer_expect(p, ISCSI_OP_R2T);
        const struct iscsi_r2t *r = GOT(iscsi_r2t, g);
        assert_int_equal(be32_get(r->r2t_sn), i);
        assert_int_equal(be32_get(r->offset), i * 1024);
        assert_int_equal(be32_get(r->len), 1024);
        ttt[i] = be32_get(r->ttt);
    }
    peer_expect_nothing(p);
    for (uint32_t i = 0; i < 10; i++) {
        peer_data_out(p, itt, ttt[i], 0, i * 1024, peer_bytes + i * 1024, 1024, true);
        if (i + 3 < 10) {
            struct got g = peer_expect(p, ISCSI_OP_R2T);
            ttt[i + 3] = be32_get(GOT(iscsi_r2t, g)->ttt);
        }
    }
    peer_expect_status(p, itt, 0, 0);
    assert_written(p, 10240);
    peer_free(p);
}

static void test_write_large_with_digests_in_pieces(void **state)
{
    (void)state;
    struct peer *p =
        peer_logged_in("HeaderDigest=CRC32C\nDataDigest=CRC32C\nMaxBurstLength=262144");
    p->rx_step = 777;
    p->tx_step = 100;
    struct cmd w = peer_write_cmd(2048, 0, false);
    uint32_t itt = peer_cmd(p, &w);
    for (uint32_t end = 0; end < 1u << 20;)
        end = answer_r2t(p, itt, 65535);
    peer_expect_status(p, itt, 0, 0);
    assert_written(p, 1u << 20);
    peer_free(p);
}

static void test_write_residuals(void **state)
{
    (void)state;
    static const struct {
        uint32_t edtl, nblk;
        int64_t residual;
    } cases[] = {
        {2048, 2, -1024},
        {1024, 4, 1024 },
        {300,  1, 212  }
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_logged_in("");
        struct cmd w = peer_write_cmd(cases[i].nblk, cases[i].edtl, false);
        w.edtl = cases[i].edtl;
        uint32_t itt = peer_cmd(p, &w);
        peer_expect_status(p, itt, 0, cases[i].residual);
        peer_free(p);
    }
}

static void test_write_response_waits_for_data_under_way(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("InitialR2T=No\nMaxBurstLength=1024\nMaxOutstandingR2T=2");
    p->manual = true;
    const struct iscsi_result busy = {.status = 8};
    /* unsolicited data is still to come */
    struct cmd w = peer_write_cmd(8, 0, true);
    uint32_t itt = peer_cmd(p, &w);
    iscsi_task_done(p->c, &peer_task(p, itt)->t, &busy);
    peer_data_out(p, itt, NONE, 0, 0, peer_bytes, 512, false);
    peer_expect_nothing(p);
    assert_false(peer_saw(p, ISCSI_EV_DATA));
    peer_data_out(p, itt, NONE, 1, 512, peer_bytes, 512, true);
    peer_expect_status(p, itt, 8, -4096);
    /* two R2Ts are out, a third was wanted */
    w = peer_write_cmd(8, 0, false);
    itt = peer_cmd(p, &w);
    struct iscsi_task *t = &peer_task(p, itt)->t;
    iscsi_task_want(p->c, t, 4096);
    peer_pump(p);
    uint32_t ttt[2];
    for (int i = 0; i < 2; i++) {
        struct got g = peer_expect(p, ISCSI_OP_R2T);
        ttt[i] = be32_get(GOT(iscsi_r2t, g)->ttt);
    }
    iscsi_task_done(p->c, t, &busy);
    peer_data_out(p, itt, ttt[0], 0, 0, peer_bytes, 1024, true);
    peer_expect_nothing(p);
    peer_data_out(p, itt, ttt[1], 0, 1024, peer_bytes, 1024, true);
    peer_expect_status(p, itt, 8, -4096);
    peer_expect_nothing(p);
    /* R2Ts that are not sent yet are taken back */
    p->not_reading = true;
    itt = peer_cmd(p, &w);
    t = &peer_task(p, itt)->t;
    iscsi_task_want(p->c, t, 4096);
    iscsi_task_done(p->c, t, &busy);
    p->not_reading = false;
    peer_pump(p);
    peer_expect_status(p, itt, 8, -4096);
    peer_free(p);
}

static void test_write_refused_data_is_thrown_away(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("InitialR2T=No");
    p->manual = true;
    struct cmd w = peer_write_cmd(8, 512, true);
    uint32_t itt = peer_cmd(p, &w);
    struct iscsi_task *t = &peer_task(p, itt)->t;
    iscsi_task_refuse_data(p->c, t);
    iscsi_task_want(p->c, t, 4096); /* of no use any more */
    peer_data_out(p, itt, NONE, 0, 512, peer_bytes, 3584, true);
    assert_false(peer_saw(p, ISCSI_EV_DATA));
    peer_expect_nothing(p);
    iscsi_task_done(p->c, t, &(struct iscsi_result){.status = 0x28});
    peer_pump(p);
    peer_expect_status(p, itt, 0x28, -4096);
    peer_free(p);
}

/* ---- broken data phases ------------------------------------------------------------------ */

static void test_data_out_that_breaks_its_task(void **state)
{
    (void)state;
    /* one Data-Out for an R2T of bytes [0, 4096) */
    static const struct {
        uint32_t data_sn, off, len;
        bool final;
        uint8_t asc, ascq;
    } cases[] = {
        {1,          0,              512,  false, 0x47, 0x05},
        {27,         0,              4096, true,  0x47, 0x05},
        {UINT32_MAX, 0,              4096, true,  0x47, 0x05},
        {0,          512,            512,  false, 0x0c, 0x0d},
        {0,          UINT32_MAX - 3, 512,  false, 0x0c, 0x0d},
        {0,          0,              4097, false, 0x0c, 0x0d},
        {0,          0,              4095, true,  0x0c, 0x0d},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_logged_in("");
        struct cmd w = peer_write_cmd(16, 0, false);
        w.edtl = 8192;
        p->manual = true;
        uint32_t itt = peer_cmd(p, &w);
        struct iscsi_task *t = &peer_task(p, itt)->t;
        iscsi_task_want(p->c, t, 4096);
        peer_pump(p);
        struct got g = peer_expect(p, ISCSI_OP_R2T);
        uint32_t ttt = be32_get(GOT(iscsi_r2t, g)->ttt);
        peer_data_out(p, itt, ttt, cases[i].data_sn, cases[i].off, peer_bytes, cases[i].len,
                      cases[i].final);
        assert_true(peer_saw(p, ISCSI_EV_DATA_FAILED));
        assert_false(peer_saw(p, ISCSI_EV_DATA));
        iscsi_task_done(p->c, t, &(struct iscsi_result){.status = 0x40});
        peer_pump(p);
        if (!cases[i].final) {
            peer_expect_nothing(p);
            peer_data_out(p, itt, ttt, 9, 9, peer_bytes, 9, true); /* whatever ends it */
        }
        peer_expect_sense(p, itt, 0x0b, cases[i].asc, cases[i].ascq);
        assert_false(p->closed);
        uint32_t next = peer_cmd(p, &(struct cmd){.op = 0});
        iscsi_task_done(p->c, &peer_task(p, next)->t, &(struct iscsi_result){.status = 0});
        peer_pump(p);
        peer_expect_status(p, next, 0, 0);
        peer_free(p);
    }
}

/* libiscsi's iSCSIDataSnInvalid: the PDUs of one R2T in reverse order. */
static void test_data_out_of_order(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    struct cmd w = peer_write_cmd(2, 0, false);
    uint32_t itt = peer_cmd(p, &w);
    struct got g = peer_expect(p, ISCSI_OP_R2T);
    uint32_t ttt = be32_get(GOT(iscsi_r2t, g)->ttt);
    peer_data_out(p, itt, ttt, 1, 0, peer_bytes, 512, false);
    peer_data_out(p, itt, ttt, 0, 512, peer_bytes, 512, true);
    peer_expect_sense(p, itt, 0x0b, 0x47, 0x05);
    peer_free(p);
}

static void test_data_out_for_a_later_r2t_first(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxBurstLength=512\nMaxOutstandingR2T=2");
    struct cmd w = peer_write_cmd(2, 0, false);
    uint32_t itt = peer_cmd(p, &w), ttt[2];
    for (int i = 0; i < 2; i++) {
        struct got g = peer_expect(p, ISCSI_OP_R2T);
        ttt[i] = be32_get(GOT(iscsi_r2t, g)->ttt);
    }
    peer_data_out(p, itt, ttt[1], 0, 512, peer_bytes, 512, true);
    peer_expect_sense(p, itt, 0x0b, 0x0c, 0x0d);
    peer_data_out(p, itt, ttt[0], 0, 0, peer_bytes, 512, true); /* its task is over: dropped */
    peer_expect_nothing(p);
    assert_int_equal(iscsi_conn_stats(p->c)->dropped, 1);
    peer_free(p);
}

static void test_data_out_unsolicited_too_much(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("InitialR2T=No\nFirstBurstLength=1024");
    struct cmd w = peer_write_cmd(8, 512, true);
    uint32_t itt = peer_cmd(p, &w);
    peer_data_out(p, itt, NONE, 0, 512, peer_bytes, 513, true);
    peer_expect_sense(p, itt, 0x0b, 0x0c, 0x0c);
    peer_free(p);
}

static void test_data_out_nobody_asked_for(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    struct cmd w = peer_write_cmd(2, 0, false);
    uint32_t itt = peer_cmd(p, &w);
    struct got g = peer_expect(p, ISCSI_OP_R2T);
    uint32_t ttt = be32_get(GOT(iscsi_r2t, g)->ttt);
    peer_data_out(p, itt, ttt + 1, 0, 0, peer_bytes, 512, false); /* no such tag */
    peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
    peer_data_out(p, itt, NONE, 0, 0, peer_bytes, 512, false); /* unsolicited, not open */
    peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
    peer_data_out(p, itt + 1, ttt, 0, 0, peer_bytes, 512, false); /* no such task */
    peer_expect_nothing(p);
    peer_data_out(p, itt, ttt, 0, 0, peer_bytes, 1024,
                  false); /* F forgotten: all is here all the same */
    peer_expect_status(p, itt, 0, 0);
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_immediate),
        cmocka_unit_test(test_write_unsolicited),
        cmocka_unit_test(test_write_unsolicited_then_solicited),
        cmocka_unit_test(test_write_unsolicited_may_end_early),
        cmocka_unit_test(test_write_several_r2ts_are_out_at_once),
        cmocka_unit_test(test_write_large_with_digests_in_pieces),
        cmocka_unit_test(test_write_residuals),
        cmocka_unit_test(test_write_response_waits_for_data_under_way),
        cmocka_unit_test(test_write_refused_data_is_thrown_away),
        cmocka_unit_test(test_data_out_that_breaks_its_task),
        cmocka_unit_test(test_data_out_of_order),
        cmocka_unit_test(test_data_out_for_a_later_r2t_first),
        cmocka_unit_test(test_data_out_unsolicited_too_much),
        cmocka_unit_test(test_data_out_nobody_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
