/* SPDX-License-Identifier: BSD-2-Clause */
/* Task attributes and command classes: who has begun while older tasks are stuck inside the
 * volume. */
#include "scsi/scsi_fixture.h"

#define READ_0  "28 00 00000000 00 0001 00"
#define WRITE_0 "2a 00 00000000 00 0001 00"
#define SELECT  "15 10 0000 04 00"

static struct fix_cmd *start(struct fix *f, struct scsi_nexus *n, const char *cdb,
                             enum scsi_attr attr)
{
    static const uint8_t zeros[512];
    struct fix_cmd *c = fix_cmd(f, n, cdb);
    c->t.attr = attr;
    fix_out(c, zeros, c->t.cdb[0] == 0x2a ? 512 : c->t.cdb[0] == 0x15 ? 4 : 0);
    fix_start(c);
    fix_settle();
    return c;
}

static void finish(struct fix *f, struct fix_cmd *c)
{
    fix_wait(c);
    EXPECT_GOOD(f, c);
    fix_free(c);
}

FIX_TEST(simple_tasks_pass_each_other)
{
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *stuck = start(f, f->a, READ_0, SCSI_ATTR_SIMPLE);
    EXPECT(f, !stuck->done);
    finish(f, start(f, f->a, WRITE_0, SCSI_ATTR_SIMPLE));
    finish(f, start(f, f->a, "35 00 00000000 00 0000 00", SCSI_ATTR_SIMPLE));
    finish(f, start(f, f->b, SELECT, SCSI_ATTR_SIMPLE));
    finish(f, start(f, f->a, "00", SCSI_ATTR_SIMPLE));
    EXPECT(f, !stuck->done);
    gate_open(f);
    finish(f, stuck);
}

FIX_TEST(ordered_waits_for_all_older)
{
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *stuck = start(f, f->a, READ_0, SCSI_ATTR_SIMPLE);
    struct fix_cmd *ordered = start(f, f->b, WRITE_0, SCSI_ATTR_ORDERED);
    struct fix_cmd *later = start(f, f->a, WRITE_0, SCSI_ATTR_SIMPLE);
    EXPECT(f, !ordered->t.enabled);
    EXPECT(f, !later->t.enabled);
    finish(f, start(f, f->a, "00", SCSI_ATTR_ORDERED)); /* its answer depends on nobody */
    gate_open(f);
    finish(f, stuck);
    finish(f, ordered);
    finish(f, later);
    EXPECT_EQ(f, f->lu->nstrict, 0);
    EXPECT_EQ(f, f->lu->nblocked, 0);
}

FIX_TEST(head_passes_and_is_waited_for)
{
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *stuck = start(f, f->a, READ_0, SCSI_ATTR_SIMPLE);
    struct fix_cmd *ordered = start(f, f->a, WRITE_0, SCSI_ATTR_ORDERED);
    struct fix_cmd *head = start(f, f->a, READ_0, SCSI_ATTR_HEAD);
    EXPECT(f, head->t.enabled);
    EXPECT(f, !ordered->t.enabled);
    struct fix_cmd *later = start(f, f->a, WRITE_0, SCSI_ATTR_SIMPLE);
    EXPECT(f, !later->t.enabled);
    gate_open(f);
    finish(f, stuck);
    finish(f, head);
    finish(f, ordered);
    finish(f, later);
}

/* Two ordered writes behind a stuck read leave in their order. */
FIX_TEST(ordered_keep_their_order)
{
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *stuck = start(f, f->a, READ_0, SCSI_ATTR_SIMPLE);
    struct fix_cmd *one = start(f, f->a, WRITE_0, SCSI_ATTR_ORDERED);
    struct fix_cmd *two = start(f, f->a, WRITE_0, SCSI_ATTR_ORDERED);
    gate_close(f, 1u << VOL_OP_WRITE);
    gate_open(f);
    gate_close(f, 1u << VOL_OP_WRITE);
    finish(f, stuck);
    EXPECT(f, one->t.enabled);
    EXPECT(f, !two->t.enabled);
    gate_open(f);
    finish(f, one);
    finish(f, two);
}

FIX_TEST(own_task_sets_with_tst)
{
    f->lu->control.tst = 1;
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *stuck = start(f, f->a, READ_0, SCSI_ATTR_SIMPLE);
    finish(f, start(f, f->b, WRITE_0, SCSI_ATTR_ORDERED));
    struct fix_cmd *own = start(f, f->a, WRITE_0, SCSI_ATTR_ORDERED);
    EXPECT(f, !own->t.enabled);
    finish(f, start(f, f->b, WRITE_0, SCSI_ATTR_SIMPLE));
    gate_open(f);
    finish(f, stuck);
    finish(f, own);
}

/* A change of mode holds up what comes behind it; a START STOP UNIT in the middle of its flush
 * is one that lasts. */
FIX_TEST(mode_changes_are_waited_for)
{
    f->vol->sync = VOL_SYNC_STANDARD;
    gate_close(f, 1u << VOL_OP_FLUSH);
    struct fix_cmd *stop = start(f, f->a, "1b 00 0000 00 00", SCSI_ATTR_SIMPLE);
    struct fix_cmd *write = start(f, f->b, WRITE_0, SCSI_ATTR_SIMPLE);
    struct fix_cmd *read = start(f, f->b, READ_0, SCSI_ATTR_SIMPLE);
    struct fix_cmd *again = start(f, f->b, SELECT, SCSI_ATTR_SIMPLE);
    EXPECT(f, !write->t.enabled && !read->t.enabled && !again->t.enabled);
    finish(f, start(f, f->b, "12 00 00 0024 00", SCSI_ATTR_SIMPLE));
    gate_open(f);
    finish(f, stop);
    fix_wait(write);
    fix_wait(read);
    EXPECT_CHECK(f, write, SK_NOT_READY, ASC_START_REQUIRED);
    EXPECT_CHECK(f, read, SK_NOT_READY, ASC_START_REQUIRED);
    finish(f, again);
    fix_free(write);
    fix_free(read);
}

/* A MODE SELECT whose data does not come holds up nobody. */
FIX_TEST(slow_parameter_list_blocks_nobody)
{
    struct fix_cmd *slow = fix_cmd(f, f->a, SELECT);
    fix_out_hex(slow, "00000000");
    slow->data_held = true;
    fix_start(slow);
    fix_settle();
    EXPECT(f, !slow->done);
    finish(f, start(f, f->b, WRITE_0, SCSI_ATTR_SIMPLE));
    finish(f, start(f, f->b, SELECT, SCSI_ATTR_SIMPLE));
    fix_data(slow);
    finish(f, slow);
}

FIX_TEST(blocked_task_can_be_aborted)
{
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *stuck = start(f, f->a, READ_0, SCSI_ATTR_SIMPLE);
    struct fix_cmd *ordered = start(f, f->a, WRITE_0, SCSI_ATTR_ORDERED);
    EXPECT_EQ(f, scsi_nexus_tmf(f->a, SCSI_TMF_ABORT_TASK, ordered->t.lun, ordered->t.tag),
              SCSI_TMF_COMPLETE);
    fix_wait(ordered);
    EXPECT_EQ(f, ordered->outcome, SCSI_ABORTED);
    EXPECT(f, !stuck->done);
    gate_open(f);
    finish(f, stuck);
    fix_free(ordered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_tasks_pass_each_other),
        cmocka_unit_test(test_ordered_waits_for_all_older),
        cmocka_unit_test(test_head_passes_and_is_waited_for),
        cmocka_unit_test(test_ordered_keep_their_order),
        cmocka_unit_test(test_own_task_sets_with_tst),
        cmocka_unit_test(test_mode_changes_are_waited_for),
        cmocka_unit_test(test_slow_parameter_list_blocks_nobody),
        cmocka_unit_test(test_blocked_task_can_be_aborted),
    };
    return cmocka_run_group_tests_name("scsi/ordering", tests, NULL, NULL);
}
