/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands, their data in both directions, what they come to. */
#include "iscsi/test_peer.h"

#include <stdlib.h>

#define READ10  0x28
#define WRITE10 0x2a
#define NONE    ISCSI_TAG_NONE

static uint8_t bytes[1u << 20]; /* data to write: anything but zeros */

static int fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31 + (i >> 8) + 1);
    return 0;
}

static struct cmd write_cmd(uint32_t nblk, uint32_t immediate, bool more)
{
    return (struct cmd){.flags = ISCSI_CMD_WRITE | 1,
                        .op = WRITE10,
                        .edtl = nblk * 512,
                        .lba = 8,
                        .nblk = nblk,
                        .data = bytes,
                        .len = immediate,
                        .more = more};
}

static void assert_written(const struct peer *p, uint32_t len)
{
    assert_memory_equal(p->disk + 8 * 512, bytes, len);
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
        peer_data_out(p, itt, ttt, sn, off, bytes + off, len, off + len == end);
        off += len;
    }
    return end;
}

/* ---- reads --------------------------------------------------------------------------------------- */

/* Collects Data-In up to the status. Returns the number of PDUs. */
static unsigned collect(struct peer *p, uint32_t itt, const uint8_t *want, uint32_t len)
{
    uint32_t off = 0;
    const struct iscsi_params *a = iscsi_conn_params(p->c);
    for (unsigned n = 0;; n++) {
        struct got g = peer_expect(p, ISCSI_OP_DATA_IN);
        const struct iscsi_data_in *d = GOT(iscsi_data_in, g);
        assert_int_equal(be32_get(d->itt), itt);
        assert_int_equal(be32_get(d->data_sn), n);
        assert_int_equal(be32_get(d->offset), off);
        assert_true(g.len <= a->max_send_data_segment);
        assert_memory_equal(g.data, want + off, g.len);
        off += g.len;
        bool last = off == len;
        bool burst_end = last || off % a->max_burst == 0;
        assert_int_equal(d->flags & ISCSI_FINAL, burst_end ? ISCSI_FINAL : 0);
        assert_int_equal(d->flags & ISCSI_DATA_IN_STATUS, last ? ISCSI_DATA_IN_STATUS : 0);
        if (last)
            return n + 1;
    }
}

static void test_read_splits_by_segment_and_burst(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        uint32_t data_in_step;
    } cases[] = {
        {"MaxRecvDataSegmentLength=8192\nMaxBurstLength=16384",                    0  },
        {"MaxRecvDataSegmentLength=1000\nMaxBurstLength=2500",                     0  },
        {"MaxRecvDataSegmentLength=16777215",                                      700},
        {"MaxRecvDataSegmentLength=65536\nHeaderDigest=CRC32C\nDataDigest=CRC32C", 511},
        {"MaxRecvDataSegmentLength=513\nDataDigest=CRC32C",                        0  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_logged_in(cases[i].keys);
        p->data_in_step = cases[i].data_in_step;
        uint32_t itt = peer_read(p, 16, 100);
        collect(p, itt, p->disk + 16 * 512, 51200);
        assert_int_equal(peer_tasks_used(p), 0);
        peer_expect_nothing(p);
        peer_free(p);
    }
}

static void test_read_residuals(void **state)
{
    (void)state;
    static const struct {
        uint32_t edtl, nblk, moved;
        uint8_t flags;
        uint32_t residual;
    } cases[] = {
        {1024, 2, 1024, 0,                   0  },
        {1024, 1, 512,  ISCSI_RSP_UNDERFLOW, 512},
        {512,  2, 512,  ISCSI_RSP_OVERFLOW,  512},
        {100,  2, 100,  ISCSI_RSP_OVERFLOW,  924},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_logged_in("");
        peer_cmd(p, &(struct cmd){.flags = ISCSI_CMD_READ,
                                  .op = READ10,
                                  .edtl = cases[i].edtl,
                                  .nblk = cases[i].nblk});
        struct got g = peer_expect(p, ISCSI_OP_DATA_IN);
        const struct iscsi_data_in *d = GOT(iscsi_data_in, g);
        assert_int_equal(g.len, cases[i].moved);
        assert_int_equal(d->flags, ISCSI_FINAL | ISCSI_DATA_IN_STATUS | cases[i].flags);
        assert_int_equal(be32_get(d->residual), cases[i].residual);
        peer_free(p);
    }
}

static void test_read_of_nothing_is_a_plain_response(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    uint32_t itt = peer_cmd(p, &(struct cmd){.op = 0});
    peer_expect_status(p, itt, 0, 0);
    itt = peer_cmd(p, &(struct cmd){.op = 0, .flags = ISCSI_CMD_READ, .edtl = 96});
    peer_expect_status(p, itt, 0, -96);
    itt = peer_cmd(p, &(struct cmd){.op = READ10, .flags = ISCSI_CMD_READ, .nblk = 3});
    peer_expect_status(p, itt, 0, 1536);
    peer_free(p);
}

static void test_read_with_sense_has_a_response_of_its_own(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("DataDigest=CRC32C");
    uint8_t sense[21] = {0x70, 0, 3};
    p->manual = true;
    uint32_t itt = peer_read(p, 0, 4);
    iscsi_task_done(p->c, &peer_task(p, itt)->t,
                    &(struct iscsi_result){.status = 2,
                                           .sense = sense,
                                           .sense_len = sizeof(sense),
                                           .data_in_len = 512,
                                           .transfer = 512});
    peer_pump(p);
    struct got g = peer_expect(p, ISCSI_OP_DATA_IN);
    assert_int_equal(GOT(iscsi_data_in, g)->flags, ISCSI_FINAL);
    assert_int_equal(be32_get(GOT(iscsi_data_in, g)->stat_sn), 0);
    g = peer_expect(p, ISCSI_OP_SCSI_RSP);
    assert_int_equal(GOT(iscsi_scsi_rsp, g)->status, 2);
    assert_int_equal(be32_get(GOT(iscsi_scsi_rsp, g)->exp_data_sn), 1);
    assert_int_equal(g.len, 2 + sizeof(sense));
    assert_int_equal(load_be16(g.data), sizeof(sense));
    assert_memory_equal(g.data + 2, sense, sizeof(sense));
    peer_free(p);
}

static void test_reads_take_turns_by_burst(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxRecvDataSegmentLength=8192\nMaxBurstLength=8192");
    p->not_reading = true;
    uint32_t large = peer_read(p, 0, 64), small = peer_read(p, 0, 1);
    p->not_reading = false;
    peer_pump(p);
    struct got g = peer_expect(p, ISCSI_OP_DATA_IN);
    assert_int_equal(be32_get(GOT(iscsi_data_in, g)->itt), large);
    g = peer_expect(p, ISCSI_OP_DATA_IN);
    assert_int_equal(be32_get(GOT(iscsi_data_in, g)->itt), small);
    for (int i = 0; i < 3; i++) {
        g = peer_expect(p, ISCSI_OP_DATA_IN);
        assert_int_equal(be32_get(GOT(iscsi_data_in, g)->itt), large);
    }
    peer_expect_nothing(p);
    peer_free(p);
}

/* ---- writes -------------------------------------------------------------------------------------- */

static void test_write_immediate(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    struct cmd w = write_cmd(8, 4096, false);
    uint32_t itt = peer_cmd(p, &w);
    peer_expect_status(p, itt, 0, 0);
    assert_written(p, 4096);
    peer_free(p);
}

static void test_write_unsolicited(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("InitialR2T=No\nFirstBurstLength=16384");
    struct cmd w = write_cmd(24, 1000, true);
    uint32_t itt = peer_cmd(p, &w);
    struct iscsi_task *t = &peer_task(p, itt)->t;
    assert_int_equal(t->wanted, 12288);
    peer_data_out(p, itt, NONE, 0, 1000, bytes + 1000, 5000, false);
    peer_expect_nothing(p); /* no R2T while unsolicited data is coming */
    peer_data_out(p, itt, NONE, 1, 6000, bytes + 6000, 6288, true);
    peer_expect_status(p, itt, 0, 0);
    assert_written(p, 12288);
    peer_free(p);
}

static void test_write_unsolicited_then_solicited(void **state)
{
    (void)state;
    struct peer *p =
        peer_logged_in("InitialR2T=No\nFirstBurstLength=1024\nMaxBurstLength=4096");
    struct cmd w = write_cmd(32, 512, true);
    uint32_t itt = peer_cmd(p, &w);
    peer_data_out(p, itt, NONE, 0, 512, bytes + 512, 512, true);
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
    struct cmd w = write_cmd(8, 0, true);
    uint32_t itt = peer_cmd(p, &w);
    peer_data_out(p, itt, NONE, 0, 0, bytes, 512, true);
    assert_int_equal(answer_r2t(p, itt, 4096), 4096);
    peer_expect_status(p, itt, 0, 0);
    assert_written(p, 4096);
    peer_free(p);
}

static void test_write_several_r2ts_are_out_at_once(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxBurstLength=1024\nMaxOutstandingR2T=3");
    struct cmd w = write_cmd(20, 0, false);
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
        peer_data_out(p, itt, ttt[i], 0, i * 1024, bytes + i * 1024, 1024, true);
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
    struct cmd w = write_cmd(2048, 0, false);
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
        struct cmd w = write_cmd(cases[i].nblk, cases[i].edtl, false);
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
    struct cmd w = write_cmd(8, 0, true);
    uint32_t itt = peer_cmd(p, &w);
    iscsi_task_done(p->c, &peer_task(p, itt)->t, &busy);
    peer_data_out(p, itt, NONE, 0, 0, bytes, 512, false);
    peer_expect_nothing(p);
    assert_false(peer_saw(p, ISCSI_EV_DATA));
    peer_data_out(p, itt, NONE, 1, 512, bytes, 512, true);
    peer_expect_status(p, itt, 8, -4096);
    /* two R2Ts are out, a third was wanted */
    w = write_cmd(8, 0, false);
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
    peer_data_out(p, itt, ttt[0], 0, 0, bytes, 1024, true);
    peer_expect_nothing(p);
    peer_data_out(p, itt, ttt[1], 0, 1024, bytes, 1024, true);
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
    struct cmd w = write_cmd(8, 512, true);
    uint32_t itt = peer_cmd(p, &w);
    struct iscsi_task *t = &peer_task(p, itt)->t;
    iscsi_task_refuse_data(p->c, t);
    iscsi_task_want(p->c, t, 4096); /* of no use any more */
    peer_data_out(p, itt, NONE, 0, 512, bytes, 3584, true);
    assert_false(peer_saw(p, ISCSI_EV_DATA));
    peer_expect_nothing(p);
    iscsi_task_done(p->c, t, &(struct iscsi_result){.status = 0x28});
    peer_pump(p);
    peer_expect_status(p, itt, 0x28, -4096);
    peer_free(p);
}

/* ---- broken data phases -------------------------------------------------------------------------- */

static void expect_sense(struct peer *p, uint32_t itt, uint8_t key, uint8_t asc, uint8_t ascq)
{
    struct got g = peer_expect(p, ISCSI_OP_SCSI_RSP);
    assert_int_equal(be32_get(GOT(iscsi_scsi_rsp, g)->itt), itt);
    assert_int_equal(GOT(iscsi_scsi_rsp, g)->status, 2);
    assert_int_equal(g.len, 20);
    assert_int_equal(g.data[2], 0x70);
    assert_int_equal(g.data[4], key);
    assert_int_equal(g.data[14], asc);
    assert_int_equal(g.data[15], ascq);
}

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
        struct cmd w = write_cmd(16, 0, false);
        w.edtl = 8192;
        p->manual = true;
        uint32_t itt = peer_cmd(p, &w);
        struct iscsi_task *t = &peer_task(p, itt)->t;
        iscsi_task_want(p->c, t, 4096);
        peer_pump(p);
        struct got g = peer_expect(p, ISCSI_OP_R2T);
        uint32_t ttt = be32_get(GOT(iscsi_r2t, g)->ttt);
        peer_data_out(p, itt, ttt, cases[i].data_sn, cases[i].off, bytes, cases[i].len,
                      cases[i].final);
        assert_true(peer_saw(p, ISCSI_EV_DATA_FAILED));
        assert_false(peer_saw(p, ISCSI_EV_DATA));
        iscsi_task_done(p->c, t, &(struct iscsi_result){.status = 0x40});
        peer_pump(p);
        if (!cases[i].final) {
            peer_expect_nothing(p);
            peer_data_out(p, itt, ttt, 9, 9, bytes, 9, true); /* whatever ends it */
        }
        expect_sense(p, itt, 0x0b, cases[i].asc, cases[i].ascq);
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
    struct cmd w = write_cmd(2, 0, false);
    uint32_t itt = peer_cmd(p, &w);
    struct got g = peer_expect(p, ISCSI_OP_R2T);
    uint32_t ttt = be32_get(GOT(iscsi_r2t, g)->ttt);
    peer_data_out(p, itt, ttt, 1, 0, bytes, 512, false);
    peer_data_out(p, itt, ttt, 0, 512, bytes, 512, true);
    expect_sense(p, itt, 0x0b, 0x47, 0x05);
    peer_free(p);
}

static void test_data_out_for_a_later_r2t_first(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxBurstLength=512\nMaxOutstandingR2T=2");
    struct cmd w = write_cmd(2, 0, false);
    uint32_t itt = peer_cmd(p, &w), ttt[2];
    for (int i = 0; i < 2; i++) {
        struct got g = peer_expect(p, ISCSI_OP_R2T);
        ttt[i] = be32_get(GOT(iscsi_r2t, g)->ttt);
    }
    peer_data_out(p, itt, ttt[1], 0, 512, bytes, 512, true);
    expect_sense(p, itt, 0x0b, 0x0c, 0x0d);
    peer_data_out(p, itt, ttt[0], 0, 0, bytes, 512, true); /* its task is over: dropped */
    peer_expect_nothing(p);
    assert_int_equal(iscsi_conn_stats(p->c)->dropped, 1);
    peer_free(p);
}

static void test_data_out_unsolicited_too_much(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("InitialR2T=No\nFirstBurstLength=1024");
    struct cmd w = write_cmd(8, 512, true);
    uint32_t itt = peer_cmd(p, &w);
    peer_data_out(p, itt, NONE, 0, 512, bytes, 513, true);
    expect_sense(p, itt, 0x0b, 0x0c, 0x0c);
    peer_free(p);
}

static void test_data_out_nobody_asked_for(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    struct cmd w = write_cmd(2, 0, false);
    uint32_t itt = peer_cmd(p, &w);
    struct got g = peer_expect(p, ISCSI_OP_R2T);
    uint32_t ttt = be32_get(GOT(iscsi_r2t, g)->ttt);
    peer_data_out(p, itt, ttt + 1, 0, 0, bytes, 512, false); /* no such tag */
    peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
    peer_data_out(p, itt, NONE, 0, 0, bytes, 512, false); /* unsolicited, not open */
    peer_expect_reject(p, ISCSI_REJECT_BAD_FIELD);
    peer_data_out(p, itt + 1, ttt, 0, 0, bytes, 512, false); /* no such task */
    peer_expect_nothing(p);
    peer_data_out(p, itt, ttt, 0, 0, bytes, 1024,
                  false); /* F forgotten: all is here all the same */
    peer_expect_status(p, itt, 0, 0);
    peer_free(p);
}

/* ---- commands that are refused ------------------------------------------------------------------- */

static void test_command_that_contradicts_itself(void **state)
{
    (void)state;
    static const struct cmd cases[] = {
        {.op = READ10,              .flags = ISCSI_CMD_READ, .edtl = 512, .data = bytes, .len = 4},
        {.op = READ10,            .flags = ISCSI_CMD_READ,                           .edtl = 512, .more = true},
        {.op = 0,              .more = true  },
        {.op = WRITE10,             .flags = ISCSI_CMD_WRITE,                                    .edtl = 512, .data = bytes, .len = 513},
        {.op = 0,.flags = 5                    },
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
        struct cmd w = write_cmd(4, cases[i].len, cases[i].more);
        uint32_t itt = peer_cmd(p, &w);
        if (cases[i].more) { /* the answer waits for the data */
            peer_expect_nothing(p);
            peer_data_out(p, itt, NONE, 0, 0, bytes, 2048, true);
        }
        expect_sense(p, itt, 0x0b, 0x0c, 0x0c);
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
    struct cmd w = write_cmd(8, 0, true);
    itt = peer_cmd(p, &w);
    peer_expect_nothing(p);
    peer_data_out(p, itt, NONE, 0, 0, bytes, 4096, true);
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

/* ---- the owner's side ---------------------------------------------------------------------------- */

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

static void test_fini_frees_tasks_in_every_state(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("MaxRecvDataSegmentLength=512");
    peer_read(p, 0, 8);
    p->not_reading = true;
    peer_read(p, 0, 400); /* more PDUs than there are slots */
    struct iovec iov[300];
    assert_true(iscsi_tx_fill(p->c, iov, 300, 1u << 20) > 200);
    p->manual = true;
    peer_read(p, 0, 1);
    struct cmd w = write_cmd(8, 0, false);
    uint32_t itt = peer_cmd(p, &w);
    iscsi_task_want(p->c, &peer_task(p, itt)->t, 4096);
    assert_true(peer_tasks_used(p) >= 3);
    peer_free(p); /* checks that none is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_splits_by_segment_and_burst),
        cmocka_unit_test(test_read_residuals),
        cmocka_unit_test(test_read_of_nothing_is_a_plain_response),
        cmocka_unit_test(test_read_with_sense_has_a_response_of_its_own),
        cmocka_unit_test(test_reads_take_turns_by_burst),
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
        cmocka_unit_test(test_command_that_contradicts_itself),
        cmocka_unit_test(test_command_with_a_reserved_or_used_tag),
        cmocka_unit_test(test_command_with_data_that_was_not_agreed),
        cmocka_unit_test(test_command_both_ways_is_refused),
        cmocka_unit_test(test_command_additional_headers),
        cmocka_unit_test(test_command_without_memory_for_it),
        cmocka_unit_test(test_drop_frees_when_what_is_made_was_sent),
        cmocka_unit_test(test_fini_frees_tasks_in_every_state),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
