/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management, and what an abort means: data of a task aborted before its volume operation
 * never land, a task inside the volume is waited for, a stuck one is fenced after 5 s.
 */
#include "scsi/scsi_fixture.h"

#define READ_0  "28 00 00000000 00 0001 00"
#define WRITE_0 "2a 00 00000000 00 0001 00"

static const uint8_t lun0[8], lun9[8] = {0, 9};

struct tmf {
    struct scsi_nexus *n;
    enum scsi_tmf fn;
    const uint8_t *lun;
    uint64_t tag;
    enum scsi_tmf_result result;
    bool done;
    uint64_t took; /* ns */
};

static void perform(void *arg)
{
    struct tmf *m = arg;
    m->result = scsi_nexus_tmf(m->n, m->fn, m->lun, m->tag);
}

static void tmf_fiber(void *arg)
{
    struct tmf *m = arg;
    uint64_t start = run_now();
    call_on(scsi_nexus_home(m->n), perform, m);
    m->took = run_now() - start;
    m->done = true;
}

static void start_tmf(struct tmf *m, struct scsi_nexus *n, enum scsi_tmf fn, uint64_t tag)
{
    *m = (struct tmf){.n = n, .fn = fn, .lun = lun0, .tag = tag};
    fiber_start(tmf_fiber, m, "tmf");
    fix_settle();
}

static enum scsi_tmf_result tmf(struct scsi_nexus *n, enum scsi_tmf fn, const uint8_t *lun,
                                uint64_t tag)
{
    struct tmf m = {.n = n, .fn = fn, .lun = lun, .tag = tag};
    call_on(scsi_nexus_home(n), perform, &m);
    return m.result;
}

static struct fix_cmd *start_write(struct fix *f, struct scsi_nexus *n, uint8_t byte, bool held)
{
    uint8_t block[512];
    memset(block, byte, sizeof(block));
    struct fix_cmd *c = fix_cmd(f, n, WRITE_0);
    fix_out(c, block, sizeof(block));
    c->data_held = held;
    fix_start(c);
    fix_settle();
    return c;
}

static void expect_aborted(struct fix *f, struct fix_cmd *c)
{
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    EXPECT_EQ(f, c->in_len, 0);
    fix_free(c);
}

static uint8_t first_byte(struct fix *f)
{
    struct fix_cmd *c = fix_do(f, f->a, READ_0);
    EXPECT_GOOD(f, c);
    return c->in[0];
}

FIX_TEST(abort_while_data_is_awaited)
{
    struct fix_cmd *c = start_write(f, f->a, 0x55, true);
    EXPECT(f, !c->done);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_ABORT_TASK, lun0, c->t.tag), SCSI_TMF_COMPLETE);
    expect_aborted(f, c);
    EXPECT_EQ(f, first_byte(f), 0);
}

/* The write waits for the range of another one, which is stuck inside the volume. */
FIX_TEST(abort_behind_a_range_lock)
{
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *stuck = start_write(f, f->b, 0x11, false);
    struct fix_cmd *c = start_write(f, f->a, 0x55, false);
    EXPECT_EQ(f, gate_waiting(f), 1);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_ABORT_TASK, lun0, c->t.tag), SCSI_TMF_COMPLETE);
    expect_aborted(f, c);
    gate_open(f);
    fix_wait(stuck);
    EXPECT_GOOD(f, stuck);
    fix_free(stuck);
    EXPECT_EQ(f, first_byte(f), 0x11);
}

FIX_TEST(abort_inside_the_volume_waits)
{
    struct tmf m;
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = start_write(f, f->a, 0x55, false);
    start_tmf(&m, f->a, SCSI_TMF_ABORT_TASK, c->t.tag);
    EXPECT(f, c->t.committed && c->t.aborting && !m.done);
    gate_open(f);
    fix_settle();
    EXPECT(f, m.done);
    EXPECT_EQ(f, m.result, SCSI_TMF_COMPLETE);
    expect_aborted(f, c);
    EXPECT_EQ(f, first_byte(f), 0x55); /* it landed, before the function was done */
}

FIX_TEST(stuck_task_is_fenced)
{
    struct tmf m;
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = start_write(f, f->a, 0x55, false);
    start_tmf(&m, f->a, SCSI_TMF_LU_RESET, 0);
    fiber_sleep_until(run_deadline_ms(4900), NULL);
    EXPECT(f, !m.done);
    fiber_sleep_until(run_deadline_ms(200), NULL);
    EXPECT(f, m.done);
    EXPECT_EQ(f, m.result, SCSI_TMF_COMPLETE);
    EXPECT(f, !c->done);
    /* What comes later to the same block waits behind the fenced write, so the newer data win.
     * */
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x2903);
    struct fix_cmd *newer = start_write(f, f->a, 0x66, false);
    EXPECT_EQ(f, gate_waiting(f), 1);
    gate_open(f);
    fix_wait(newer);
    EXPECT_GOOD(f, newer);
    expect_aborted(f, c);
    fix_free(newer);
    EXPECT_EQ(f, first_byte(f), 0x66);
}

static void loss_fiber(void *arg)
{
    struct tmf *m = arg;
    scsi_nexus_close(m->n);
    scsi_nexus_settle(m->n, false, NO_DEADLINE);
    m->done = true;
}

/* The end of a nexus waits on, even when somebody's reset has fenced its task. */
FIX_TEST(nexus_loss_is_not_fenced)
{
    struct tmf reset, loss = {.n = f->a};
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = start_write(f, f->a, 0x55, false);
    start_tmf(&reset, f->b, SCSI_TMF_LU_RESET, 0);
    fiber_start(loss_fiber, &loss, "loss");
    fiber_sleep_until(run_deadline_ms(6000), NULL);
    EXPECT(f, reset.done && !loss.done);
    gate_open(f);
    expect_aborted(f, c);
    fix_settle();
    EXPECT(f, loss.done);
}

FIX_TEST(nobody_to_abort)
{
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_ABORT_TASK, lun0, 12345), SCSI_TMF_NO_TASK);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_ABORT_TASK, lun9, 12345), SCSI_TMF_NO_LUN);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_ABORT_TASK_SET, lun0, 0), SCSI_TMF_COMPLETE);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_CLEAR_ACA, lun0, 0), SCSI_TMF_NOT_SUPPORTED);
    EXPECT_EQ(f, tmf(f->a, (enum scsi_tmf)99, lun0, 0), SCSI_TMF_NOT_SUPPORTED);
}

/* Another nexus's tag is not ours to abort. */
FIX_TEST(tags_belong_to_a_nexus)
{
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = start_write(f, f->b, 1, false);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_ABORT_TASK, lun0, c->t.tag), SCSI_TMF_NO_TASK);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_QUERY_TASK, lun0, c->t.tag), SCSI_TMF_COMPLETE);
    EXPECT_EQ(f, tmf(f->b, SCSI_TMF_QUERY_TASK, lun0, c->t.tag), SCSI_TMF_SUCCEEDED);
    EXPECT_EQ(f, tmf(f->b, SCSI_TMF_QUERY_TASK_SET, lun0, 0), SCSI_TMF_SUCCEEDED);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_QUERY_TASK_SET, lun0, 0), SCSI_TMF_COMPLETE);
    gate_open(f);
    fix_wait(c);
    fix_free(c);
}

FIX_TEST(abort_task_set_leaves_others)
{
    struct fix_cmd *a = start_write(f, f->a, 1, true);
    struct fix_cmd *b = start_write(f, f->b, 2, true);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_ABORT_TASK_SET, lun0, 0), SCSI_TMF_COMPLETE);
    expect_aborted(f, a);
    EXPECT(f, !b->done);
    fix_data(b);
    fix_wait(b);
    EXPECT_GOOD(f, b);
    fix_free(b);
}

FIX_TEST(clear_task_set_without_tas)
{
    struct fix_cmd *a = start_write(f, f->a, 1, true);
    struct fix_cmd *b = start_write(f, f->b, 2, true);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_CLEAR_TASK_SET, lun0, 0), SCSI_TMF_COMPLETE);
    expect_aborted(f, a);
    expect_aborted(f, b);
    EXPECT_GOOD(f, fix_do(f, f->a, "00"));
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x2f00);
}

FIX_TEST(clear_task_set_with_tas)
{
    f->lu->control.tas = true;
    struct fix_cmd *a = start_write(f, f->a, 1, true);
    struct fix_cmd *b = start_write(f, f->b, 2, true);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_CLEAR_TASK_SET, lun0, 0), SCSI_TMF_COMPLETE);
    expect_aborted(f, a);
    fix_wait(b);
    EXPECT_EQ(f, b->outcome, SCSI_DONE);
    EXPECT_EQ(f, b->status, SCSI_STATUS_TASK_ABORTED);
    fix_free(b);
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
}

FIX_TEST(clear_task_set_of_ones_own_with_tst)
{
    f->lu->control.tst = 1;
    struct fix_cmd *b = start_write(f, f->b, 2, true);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_CLEAR_TASK_SET, lun0, 0), SCSI_TMF_COMPLETE);
    EXPECT(f, !b->t.aborting);
    fix_data(b);
    fix_wait(b);
    EXPECT_GOOD(f, b);
    fix_free(b);
}

FIX_TEST(lu_reset)
{
    EXPECT_GOOD(f, fix_do(f, f->a, "16")); /* RESERVE(6) */
    EXPECT_GOOD(f, fix_do_out(f, f->a, "15 10 0000 10 00",
                              "00000000 0a0a 02 10 08 0000000000000000")); /* SWP */
    EXPECT(f, f->lu->control.swp);
    struct fix_cmd *a = start_write(f, f->a, 1, true);
    EXPECT_EQ(f, tmf(f->b, SCSI_TMF_LU_RESET, lun0, 0), SCSI_TMF_COMPLETE);
    fix_wait(a);
    fix_free(a);
    EXPECT(f, f->lu->reserved_by == NULL);
    EXPECT(f, !f->lu->control.swp); /* the saved value */
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x2903);
    EXPECT_CHECK(f, fix_do(f, f->b, "00"), SK_UNIT_ATTENTION, 0x2903);
}

FIX_TEST(target_reset_reaches_all_luns_of_the_nexus)
{
    EXPECT_EQ(f, scsi_nexus_map(f->a, 5, NULL, false), 0);
    struct fix_cmd *b = start_write(f, f->b, 1, true);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_TARGET_RESET, lun9, 0), SCSI_TMF_COMPLETE);
    expect_aborted(f, b);
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x2902);
}

FIX_TEST(nexus_reset_is_for_oneself)
{
    EXPECT_GOOD(f, fix_do(f, f->a, "16"));
    struct fix_cmd *a = start_write(f, f->a, 1, true);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_I_T_NEXUS_RESET, lun0, 0), SCSI_TMF_COMPLETE);
    expect_aborted(f, a);
    EXPECT(f, f->lu->reserved_by == NULL);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_QUERY_ASYNC, lun0, 0), SCSI_TMF_SUCCEEDED);
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x2907);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_QUERY_ASYNC, lun0, 0), SCSI_TMF_COMPLETE);
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
}

FIX_TEST(volume_not_there_yet)
{
    static const uint8_t lun5[8] = {0, 5};
    EXPECT_EQ(f, scsi_nexus_map(f->a, 5, NULL, false), 0);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_LU_RESET, lun5, 0), SCSI_TMF_COMPLETE);
    EXPECT_EQ(f, tmf(f->a, SCSI_TMF_ABORT_TASK, lun5, 1), SCSI_TMF_NO_TASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_abort_while_data_is_awaited),
        cmocka_unit_test(test_abort_behind_a_range_lock),
        cmocka_unit_test(test_abort_inside_the_volume_waits),
        cmocka_unit_test(test_stuck_task_is_fenced),
        cmocka_unit_test(test_nexus_loss_is_not_fenced),
        cmocka_unit_test(test_nobody_to_abort),
        cmocka_unit_test(test_tags_belong_to_a_nexus),
        cmocka_unit_test(test_abort_task_set_leaves_others),
        cmocka_unit_test(test_clear_task_set_without_tas),
        cmocka_unit_test(test_clear_task_set_with_tas),
        cmocka_unit_test(test_clear_task_set_of_ones_own_with_tst),
        cmocka_unit_test(test_lu_reset),
        cmocka_unit_test(test_target_reset_reaches_all_luns_of_the_nexus),
        cmocka_unit_test(test_nexus_reset_is_for_oneself),
        cmocka_unit_test(test_volume_not_there_yet),
    };
    return cmocka_run_group_tests_name("scsi/tmf", tests, NULL, NULL);
}
