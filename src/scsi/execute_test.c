/* SPDX-License-Identifier: BSD-2-Clause */
/* The common checks, in their order, with the sense data of each. */
#include "scsi/scsi_fixture.h"

FIX_TEST(ready)
{
    EXPECT_GOOD(f, fix_do(f, f->a, "00 0000000000"));
    EXPECT_GOOD(f, fix_do(f, f->b, "00 0000000000"));
}

FIX_TEST(unknown_opcode)
{
    EXPECT_CHECK(f, fix_do(f, f->a, "04 0000000000"), SK_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
    EXPECT_CHECK(f, fix_do(f, f->a, "ff 0000000000"), SK_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
}

FIX_TEST(unknown_service_action)
{
    struct fix_cmd *c = fix_do(f, f->a, "9e 1f");
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
    EXPECT_CDB_FIELD(f, c, 1, 4);
}

/* Every row: each bit that is not in the usage map is refused by itself, with its place. */
FIX_TEST(reserved_bits)
{
    size_t n;
    const struct scsi_op *ops = scsi_ops(&n);
    for (size_t i = 0; i < n; i++) {
        uint8_t usage[16];
        scsi_op_usage(&ops[i], f->lu, usage);
        for (unsigned bit = 8; bit < ops[i].cdb_len * 8u; bit++) {
            struct fix_cmd *c = fix_cmd(f, f->a, "00");
            uint8_t byte = (uint8_t)(bit / 8), mask = (uint8_t)(1u << bit % 8);
            bool is_sa = ops[i].has_sa && byte == 1 && mask & SCSI_SA_MASK;
            if (!(usage[byte] & mask) && !is_sa) {
                c->t.cdb[0] = ops[i].opcode;
                c->t.cdb[1] = ops[i].service_action;
                c->t.cdb[byte] |= mask;
                fix_start(c);
                fix_wait(c);
                EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
                EXPECT_CDB_FIELD(f, c, byte, (int)(bit % 8));
            }
            fix_free(c);
        }
    }
}

FIX_TEST_WITH(ua_first, .no_ua = true)
{
    EXPECT(f, fix_do(f, f->a, "12 00 00 0024 00")->status == SCSI_STATUS_GOOD);
    EXPECT(f, fix_do(f, f->a, "a0 00 00 000000 00000010 00 00")->status == SCSI_STATUS_GOOD);
    EXPECT_CHECK(f, fix_do(f, f->a, "ff"), SK_UNIT_ATTENTION, 0x2900);
    EXPECT_CHECK(f, fix_do(f, f->a, "ff"), SK_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x2900);
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
}

/* Every command that writes, whatever else it asks for. */
FIX_TEST_WITH(write_protected, .read_only = true)
{
    size_t n;
    const struct scsi_op *ops = scsi_ops(&n);
    unsigned writes = 0;
    for (size_t i = 0; i < n; i++) {
        char cdb[33];
        if (!(ops[i].flags & OP_WRITES) || (ops[i].present && !ops[i].present(f->lu)))
            continue;
        for (unsigned k = 0; k < ops[i].cdb_len; k++) {
            unsigned byte = k == 0 ? ops[i].opcode : k == 1 ? ops[i].service_action : 0;
            snprintf(cdb + 2 * k, 3, "%02x", byte);
        }
        EXPECT_CHECK(f, fix_do(f, f->a, cdb), SK_DATA_PROTECT, ASC_WRITE_PROTECTED);
        writes++;
    }
    EXPECT_EQ(f, writes, 13);
    EXPECT_GOOD(f, fix_do(f, f->a, "28 00 00000000 00 0001 00"));
}

FIX_TEST(stopped)
{
    EXPECT_GOOD(f, fix_do(f, f->a, "1b 00 0000 00 00"));
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_NOT_READY, ASC_START_REQUIRED);
    EXPECT_CHECK(f, fix_do(f, f->b, "28 00 00000000 00 0001 00"), SK_NOT_READY,
                 ASC_START_REQUIRED);
    EXPECT_EQ(f, fix_do(f, f->b, "03 00 0000 12 00")->in[12], 0x04);
    EXPECT_GOOD(f, fix_do(f, f->b, "12 00 00 0024 00"));
    EXPECT_GOOD(f, fix_do(f, f->b, "1b 00 0000 01 00"));
    EXPECT_GOOD(f, fix_do(f, f->a, "28 00 00000000 00 0001 00"));
}

FIX_TEST(stop_flushes)
{
    f->vol->sync = VOL_SYNC_STANDARD;
    gate_fail(f, 1u << VOL_OP_FLUSH, -EIO);
    EXPECT_CHECK(f, fix_do(f, f->a, "1b 00 0000 00 00"), SK_HARDWARE_ERROR,
                 ASC_INTERNAL_TARGET_FAILURE);
    EXPECT_GOOD(f, fix_do(f, f->a, "00"));
    EXPECT_GOOD(f, fix_do(f, f->a, "1b 00 0000 04 00")); /* NO_FLUSH */
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_NOT_READY, ASC_START_REQUIRED);
}

FIX_TEST(aca_refused)
{
    struct fix_cmd *c = fix_cmd(f, f->a, "00");
    c->t.attr = SCSI_ATTR_ACA;
    fix_start(c);
    fix_wait(c);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_MESSAGE);
    fix_free(c);
}

FIX_TEST(short_cdb)
{
    struct fix_cmd *c = fix_cmd(f, f->a, "28 00 00000000 00 0001 00");
    c->t.cdb_len = 8;
    fix_start(c);
    fix_wait(c);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
    EXPECT_CDB_FIELD(f, c, 8, -1);
    fix_free(c);
}

FIX_TEST_WITH(task_set_full, .max_tasks = 2)
{
    struct fix_cmd *c[2];
    gate_close(f, 1u << VOL_OP_READ);
    for (int i = 0; i < 2; i++) {
        c[i] = fix_cmd(f, f->a, "28 00 00000000 00 0001 00");
        fix_start(c[i]);
    }
    EXPECT_EQ(f, fix_do(f, f->a, "00")->status, SCSI_STATUS_TASK_SET_FULL);
    gate_open(f);
    for (int i = 0; i < 2; i++) {
        fix_wait(c[i]);
        EXPECT_GOOD(f, c[i]);
        fix_free(c[i]);
    }
    EXPECT_GOOD(f, fix_do(f, f->a, "00"));
    struct scsi_lu_stats stats;
    scsi_lu_stats(f->lu, &stats);
    EXPECT_EQ(f, stats.task_set_full, 1);
    EXPECT_EQ(f, stats.tasks, 0);
}

/* One command's error ends the others, as the control page says. */
FIX_TEST(qerr)
{
    struct fix_cmd *a = fix_cmd(f, f->a, "28 00 00000000 00 0001 00");
    struct fix_cmd *b = fix_cmd(f, f->b, "28 00 00000000 00 0001 00");
    gate_close(f, 1u << VOL_OP_READ);
    fix_start(a);
    fix_start(b);
    fix_settle();
    f->lu->control.qerr = 3;
    EXPECT_CHECK(f, fix_do(f, f->a, "ff"), SK_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
    EXPECT(f, a->t.aborting);
    EXPECT(f, !b->t.aborting);
    f->lu->control.qerr = 1;
    EXPECT_CHECK(f, fix_do(f, f->a, "ff"), SK_ILLEGAL_REQUEST, ASC_INVALID_OPCODE);
    EXPECT(f, b->t.aborting);
    gate_open(f);
    fix_wait(a);
    fix_wait(b);
    EXPECT_EQ(f, a->outcome, SCSI_ABORTED);
    EXPECT_EQ(f, b->outcome, SCSI_ABORTED);
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x2f00);
    fix_free(a);
    fix_free(b);
}

FIX_TEST(outcome_counted)
{
    struct scsi_lu_stats stats;
    fix_do(f, f->a, "ff");
    fix_do(f, f->a, "16"); /* RESERVE(6) */
    EXPECT_EQ(f, fix_do(f, f->b, "00")->status, SCSI_STATUS_CONFLICT);
    scsi_lu_stats(f->lu, &stats);
    EXPECT_EQ(f, stats.check_conditions, 1);
    EXPECT_EQ(f, stats.reservation_conflicts, 1);
}

/* The whole table, against each other: names, lengths, places. */
static void test_table_is_sound(void **state)
{
    size_t n;
    const struct scsi_op *ops = scsi_ops(&n);
    (void)state;
    for (size_t i = 0; i < n; i++) {
        const struct scsi_op *op = &ops[i];
        uint8_t cdb[16] = {op->opcode, op->service_action};
        bool known;
        assert_ptr_equal(scsi_op_find(cdb, &known), op);
        assert_true(known);
        assert_string_equal(scsi_cdb_name(cdb), op->name);
        assert_non_null(op->execute);
        assert_true(op->timeout_s != 0);
        assert_false(op->has_sa && op->usage[1] & SCSI_SA_MASK);
        assert_int_equal(op->cdb_len, op->opcode < 0x20   ? 6
                                      : op->opcode < 0x60 ? 10
                                      : op->opcode < 0xa0 ? 16
                                                          : 12);
        for (size_t b = op->cdb_len; b < sizeof(op->usage); b++)
            assert_int_equal(op->usage[b], 0);
        if (i > 0)
            assert_true(ops[i - 1].opcode < op->opcode ||
                        (ops[i - 1].opcode == op->opcode &&
                         ops[i - 1].service_action < op->service_action));
        assert_true(!(op->flags & OP_WRITES) || op->pr == PR_WRITE);
        assert_true((op->xfer == XFER_NONE) == !(op->flags & (OP_DATA_IN | OP_DATA_OUT)));
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(scsi_cdb_name((const uint8_t[16]){0x28}), "READ(10)");
    assert_string_equal(scsi_cdb_name((const uint8_t[16]){0x9e, 0x01}),
                        "unknown service action");
    assert_string_equal(scsi_cdb_name((const uint8_t[16]){0xc0}), "unknown opcode");
}

static void test_data_bound(void **state)
{
    static const struct {
        const char *cdb;
        uint64_t bound;
    } rows[] = {
        {"00",                               0                },
        {"c0",                               0                },
        {"08 000000 00",                     256 * 4096       },
        {"28 00 00000000 00 0102",           0x102 * 4096     },
        {"a8 00 00000000 00010000",          0x10000ull * 4096},
        {"8a 00 0000000000000000 00000008",  8 * 4096         },
        {"9c 00 0000000000000000 0000 0008", 8 * 4096         },
        {"89 00 0000000000000000 000000 03", 6 * 4096         },
        {"41 00 00000000 00 0009",           4096             },
        {"93 00 0000000000000000 00000009",  4096             },
        {"93 01 0000000000000000 00000009",  0                },
        {"2f 00 00000000 00 0009",           0                },
        {"2f 02 00000000 00 0009",           9 * 4096         },
        {"af 06 00000000 00000009",          4096             },
        {"8f 06 0000000000000000 00000000",  0                },
        {"25",                               8                },
        {"12 00 00 0102",                    0x102            },
        {"1a 00 0000 09",                    9                },
        {"5a 00 0000 000000 0009",           9                },
        {"5f 00 00 0000 00000018",           24               },
        {"a0 00 00 000000 00000010",         16               },
        {"83 00 0000000000000000 00000010",  16               },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t cdb[16] = {0};
        fix_hex(rows[i].cdb, cdb, sizeof(cdb));
        assert_int_equal(scsi_cdb_data_bound(cdb), rows[i].bound);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready),
        cmocka_unit_test(test_unknown_opcode),
        cmocka_unit_test(test_unknown_service_action),
        cmocka_unit_test(test_reserved_bits),
        cmocka_unit_test(test_ua_first),
        cmocka_unit_test(test_write_protected),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_stop_flushes),
        cmocka_unit_test(test_aca_refused),
        cmocka_unit_test(test_short_cdb),
        cmocka_unit_test(test_task_set_full),
        cmocka_unit_test(test_qerr),
        cmocka_unit_test(test_outcome_counted),
        cmocka_unit_test(test_table_is_sound),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_data_bound),
    };
    return cmocka_run_group_tests_name("scsi/execute", tests, NULL, NULL);
}
