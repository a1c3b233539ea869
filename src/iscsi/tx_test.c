/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/test_peer.h"

#define READ10 0x28

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_splits_by_segment_and_burst),
        cmocka_unit_test(test_read_residuals),
        cmocka_unit_test(test_read_of_nothing_is_a_plain_response),
        cmocka_unit_test(test_read_with_sense_has_a_response_of_its_own),
        cmocka_unit_test(test_reads_take_turns_by_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
