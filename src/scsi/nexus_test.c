/* SPDX-License-Identifier: BSD-2-Clause */
/* The map of a nexus: LUNs come and go, are told of, and commands find what is there. */
#include "scsi/scsi_fixture.h"

#define INQUIRY     "12 00 00 0060 00"
#define REPORT_LUNS "a0 00 00 000000 00001000 00 00"

/* A command for another LUN. */
static struct fix_cmd *at_lun(struct fix *f, struct scsi_nexus *n, uint16_t lun,
                              const char *cdb)
{
    struct fix_cmd *c = fix_cmd(f, n, cdb);
    scsi_lun_encode(lun, c->t.lun);
    fix_start(c);
    fix_wait(c);
    return c;
}

FIX_TEST(nothing_mapped)
{
    struct fix_cmd *c = at_lun(f, f->a, 7, INQUIRY);
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 96);
    EXPECT_EQ(f, c->in[0], 0x7f);
    EXPECT_EQ(f, memcmp(c->in + 8, "ZSAN    VOLUME          0001", 28), 0);
    fix_free(c);
    c = at_lun(f, f->a, 7, "12 01 00 0060 00"); /* its pages: only the list of them */
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, load_be32(c->in), 0x7f000001);
    fix_free(c);
    c = at_lun(f, f->a, 7, "12 01 83 0060 00");
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
    fix_free(c);
    c = at_lun(f, f->a, 7, "03 00 0000 12 00");
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in[2], SK_ILLEGAL_REQUEST);
    EXPECT_EQ(f, c->in[12], 0x25);
    fix_free(c);
    c = at_lun(f, f->a, 7, "00");
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED);
    fix_free(c);
    c = at_lun(f, f->a, 7, "12 80"); /* a bad CDB is found here, too */
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
    fix_free(c);
}

FIX_TEST(volume_not_there_yet)
{
    EXPECT_EQ(f, scsi_nexus_map(f->a, 300, NULL, false), 0);
    struct fix_cmd *c = at_lun(f, f->a, 300, INQUIRY);
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in[0], 0x00); /* it is a disk, and stays one */
    fix_free(c);
    c = at_lun(f, f->a, 300, "00");
    EXPECT_CHECK(f, c, SK_NOT_READY, ASC_BECOMING_READY);
    fix_free(c);
    c = at_lun(f, f->a, 300, "12 01 83 0060 00");
    EXPECT_CHECK(f, c, SK_NOT_READY, ASC_BECOMING_READY);
    fix_free(c);
    c = at_lun(f, f->a, 300, "03 00 0000 12 00");
    EXPECT_EQ(f, c->in[2], SK_NOT_READY);
    fix_free(c);
    /* The volume comes: it takes the place of what stood there. */
    EXPECT_EQ(f, scsi_nexus_map(f->a, 300, f->lu, false), 0);
    EXPECT_EQ(f, scsi_nexus_map(f->a, 300, f->lu, false), -EEXIST);
    EXPECT_EQ(f, scsi_nexus_map(f->a, 300, NULL, false), -EEXIST);
    c = at_lun(f, f->a, 300, "00");
    EXPECT_CHECK(f, c, SK_UNIT_ATTENTION, 0x2900);
    fix_free(c);
}

FIX_TEST(numbers)
{
    EXPECT_EQ(f, scsi_nexus_map(f->a, SCSI_MAX_LUN, f->lu, false), 0);
    EXPECT_EQ(f, scsi_nexus_map(f->a, SCSI_MAX_LUN + 1, f->lu, false), -EINVAL);
    EXPECT_EQ(f, scsi_nexus_unmap(f->a, 5, false), -ENOENT);
    EXPECT_EQ(f, scsi_nexus_unmap(f->a, SCSI_MAX_LUN, false), 0);
    EXPECT_EQ(f, scsi_nexus_unmap(f->a, SCSI_MAX_LUN, false), -ENOENT);
}

FIX_TEST(report_luns)
{
    EXPECT_EQ(f, scsi_nexus_map(f->a, 256, f->lu, false), 0);
    EXPECT_EQ(f, scsi_nexus_map(f->a, 3, NULL, false), 0);
    struct fix_cmd *c = fix_do(f, f->a, REPORT_LUNS);
    EXPECT_GOOD(f, c);
    EXPECT_EQ(f, c->in_len, 8 + 3 * 8);
    EXPECT_EQ(f, load_be32(c->in), 3 * 8);
    EXPECT_EQ(f, load_be64(c->in + 8), 0);
    EXPECT_EQ(f, load_be64(c->in + 16), 0x0003000000000000);
    EXPECT_EQ(f, load_be64(c->in + 24), 0x4100000000000000);
    c = fix_do(f, f->a, "a0 00 02 000000 00000014 00 00"); /* cut, but with its whole length */
    EXPECT_EQ(f, c->in_len, 20);
    EXPECT_EQ(f, load_be32(c->in), 3 * 8);
    c = fix_do(f, f->a, "a0 00 01 000000 00000100 00 00"); /* well known: none */
    EXPECT_EQ(f, c->in_len, 8);
    c = fix_do(f, f->a, "a0 00 03 000000 00000100 00 00");
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_INVALID_FIELD_IN_CDB);
    EXPECT_CDB_FIELD(f, c, 2, 7);
    c = at_lun(f, f->a, 99, REPORT_LUNS); /* wherever it is sent */
    EXPECT_EQ(f, c->in_len, 32);
    fix_free(c);
}

FIX_TEST(inventory_is_announced)
{
    EXPECT_EQ(f, scsi_nexus_map(f->a, 1, f->lu, true), 0);
    EXPECT_EQ(f, f->async_calls, 1);
    EXPECT_EQ(f, load_be16(f->async_sense + 12), 0x3f0e);
    EXPECT_GOOD(f, fix_do(f, f->b, "00")); /* another nexus has another inventory */
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x3f0e);
    EXPECT_GOOD(f, fix_do(f, f->a, "00"));
    struct fix_cmd *c = at_lun(f, f->a, 1, "00");
    EXPECT_CHECK(f, c, SK_UNIT_ATTENTION, 0x2900);
    fix_free(c);
    EXPECT_EQ(f, scsi_nexus_unmap(f->a, 1, true), 0);
    EXPECT_EQ(f, f->async_calls, 2);
    EXPECT_GOOD(f, fix_do(f, f->a, REPORT_LUNS)); /* telling it takes the attention away */
    EXPECT_GOOD(f, fix_do(f, f->a, "00"));
}

struct unmapping {
    struct scsi_nexus *n;
    bool done;
};

static void do_unmap(void *arg)
{
    struct unmapping *u = arg;
    scsi_nexus_unmap(u->n, 0, false);
}

static void unmap_fiber(void *arg)
{
    struct unmapping *u = arg;
    call_on(scsi_nexus_home(u->n), do_unmap, u);
    u->done = true;
}

/* Unmapping waits for what is inside the volume, for as long as it takes, and new commands do
 * not find the LU. */
static void unmap_under_load(struct fix *f, struct scsi_nexus *n)
{
    struct unmapping u = {.n = n};
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *c = fix_cmd(f, n, "28 00 00000000 00 0001 00");
    fix_start(c);
    fix_settle();
    fiber_start(unmap_fiber, &u, "unmap");
    fiber_sleep_until(run_deadline_ms(20000), NULL);
    EXPECT(f, !u.done && !c->done);
    EXPECT_CHECK(f, fix_do(f, n, "00"), SK_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED);
    gate_open(f);
    fix_wait(c);
    fix_settle();
    EXPECT(f, u.done);
    EXPECT_EQ(f, c->outcome, SCSI_DONE); /* the nexus is still there and waits for an answer */
    EXPECT_EQ(f, c->status, SCSI_STATUS_TASK_ABORTED);
    fix_free(c);
}

FIX_TEST(unmap_drains)
{
    unmap_under_load(f, f->a);
}

FIX_TEST(unmap_drains_across_reactors)
{
    unmap_under_load(f, f->b);
}

FIX_TEST(nexus_loss_forgets_reservation)
{
    EXPECT_GOOD(f, fix_do(f, f->a, "16"));
    EXPECT_EQ(f, fix_do(f, f->b, "00")->status, SCSI_STATUS_CONFLICT);
    EXPECT_EQ(f, scsi_nexus_unmap(f->a, 0, false), 0);
    EXPECT_GOOD(f, fix_do(f, f->b, "00"));
}

/* Right after login a session goes to where its LUs live. */
FIX_TEST(move)
{
    struct scsi_nexus *n;
    struct scsi_nexus_params p = {.initiator.name = "iqn.2026-11.example.host:c"};
    EXPECT_EQ(f, scsi_nexus_new(&p, &n), 0);
    EXPECT(f, scsi_nexus_home(n) == run_reactor(f->run, 0));
    EXPECT_EQ(f, scsi_nexus_map(n, 0, f->lu, false), 0);
    EXPECT(f, nexus_params(n)->initiator.name[0] == 'i');
    scsi_nexus_move(n, run_reactor(f->run, 0));
    EXPECT_CHECK(f, fix_do(f, n, "00"), SK_UNIT_ATTENTION, 0x2900);
    scsi_nexus_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_mapped),
        cmocka_unit_test(test_volume_not_there_yet),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_report_luns),
        cmocka_unit_test(test_inventory_is_announced),
        cmocka_unit_test(test_unmap_drains),
        cmocka_unit_test(test_unmap_drains_across_reactors),
        cmocka_unit_test(test_nexus_loss_forgets_reservation),
        cmocka_unit_test(test_move),
    };
    return cmocka_run_group_tests_name("scsi/nexus", tests, NULL, NULL);
}
