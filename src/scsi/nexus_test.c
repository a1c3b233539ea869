/* SPDX-License-Identifier: BSD-2-Clause */
/* The map of a nexus: LUNs come and go, are told of, and commands find what is there. */
#include "scsi/scsi_fixture.h"

#include <errno.h>

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

/* ---- a volume that does not answer ------------------------------------------------------- */

/* Somebody leaves somebody. */
struct parting {
    struct fix *f;
    struct scsi_nexus *n;
    struct scsi_lu *lu;
    bool others_too; /* also waits for what was unmapped before */
    uint64_t deadline;
    int rc;
    bool done;
};

static void join(void *arg)
{
    struct parting *p = arg;
    struct scsi_nexus_params np = {.initiator.name = "iqn.2026-11.example.host:c"};
    EXPECT_EQ(p->f, scsi_nexus_new(&np, &p->n), 0);
    EXPECT_EQ(p->f, scsi_nexus_map(p->n, 0, p->f->lu, false), 0);
}

static void unmap_0(void *arg)
{
    struct parting *p = arg;
    p->rc = scsi_nexus_unmap(p->n, 0, false);
}

static void settle(void *arg)
{
    struct parting *p = arg;
    p->rc = scsi_nexus_settle(p->n, p->others_too, p->deadline);
}

static void part(void *arg)
{
    scsi_nexus_close(((struct parting *)arg)->n);
}

static void free_nexus(void *arg)
{
    scsi_nexus_free(((struct parting *)arg)->n);
}

static void unmap_fiber(void *arg)
{
    struct parting *p = arg;
    call_on(scsi_nexus_home(p->n), unmap_0, p);
    p->done = true;
}

static void free_nexus_fiber(void *arg)
{
    struct parting *p = arg;
    call_on(scsi_nexus_home(p->n), free_nexus, p);
    p->done = true;
}

static void free_lu_fiber(void *arg)
{
    struct parting *p = arg;
    scsi_lu_free(p->lu);
    p->done = true;
}

static int settled(struct scsi_nexus *n, bool others_too, unsigned ms)
{
    struct parting p = {.n = n, .others_too = others_too, .deadline = run_deadline_ms(ms)};
    call_on(scsi_nexus_home(n), settle, &p);
    return p.rc;
}

static struct fix_cmd *start_stuck_read(struct fix *f, struct scsi_nexus *n)
{
    gate_close(f, 1u << VOL_OP_READ);
    struct fix_cmd *c = fix_cmd(f, n, "28 00 00000000 00 0001 00");
    fix_start(c);
    fix_settle();
    return c;
}

/* A LUN is taken away at once; what is inside the volume ends when the volume lets it, and is
 * answered then. */
static void unmap_under_load(struct fix *f, struct scsi_nexus *n)
{
    struct parting u = {.n = n};
    struct fix_cmd *c = start_stuck_read(f, n);
    fiber_start(unmap_fiber, &u, "unmap");
    fix_settle();
    EXPECT(f, u.done && !c->done);
    EXPECT_CHECK(f, fix_do(f, n, "00"), SK_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED);
    EXPECT_EQ(f, settled(n, false, 20000), 0); /* the session has nothing to do with it now */
    EXPECT_EQ(f, settled(n, true, 20000), -ETIMEDOUT);
    EXPECT_EQ(f, settled(n, true, 20000), 0);
    gate_open(f);
    fix_wait(c);
    EXPECT_EQ(f, settled(n, true, 100), 0);
    EXPECT_EQ(f, c->outcome, SCSI_DONE); /* the nexus is still there and waits for an answer */
    EXPECT_EQ(f, c->status, SCSI_STATUS_TASK_ABORTED);
    fix_free(c);
}

FIX_TEST(unmap_does_not_wait_for_the_volume)
{
    unmap_under_load(f, f->a);
}

FIX_TEST(unmap_does_not_wait_across_reactors)
{
    unmap_under_load(f, f->b);
}

/* The number may be used again at once. */
FIX_TEST(map_again_over_a_stuck_task)
{
    struct fix_cmd *c = start_stuck_read(f, f->a);
    EXPECT_EQ(f, scsi_nexus_unmap(f->a, 0, false), 0);
    EXPECT_EQ(f, scsi_nexus_map(f->a, 0, f->lu, false), 0);
    EXPECT_CHECK(f, fix_do(f, f->a, "00"), SK_UNIT_ATTENTION, 0x2900);
    EXPECT_GOOD(f, fix_do(f, f->a, "00"));
    gate_open(f);
    fix_wait(c);
    EXPECT_EQ(f, c->status, SCSI_STATUS_TASK_ABORTED);
    EXPECT_EQ(f, settled(f->a, true, 100), 0);
    EXPECT_GOOD(f, fix_do(f, f->a, "00"));
    fix_free(c);
}

/* The end of a nexus waits for its own tasks until their LUN is taken away as well; its memory
 * stays while one of them lasts. */
static void close_under_load(struct fix *f, struct reactor *home)
{
    struct parting p = {.f = f};
    call_on(home, join, &p);
    fix_take_uas(f, p.n);
    struct fix_cmd *c = start_stuck_read(f, p.n);
    call_on(home, part, &p);
    EXPECT_EQ(f, settled(p.n, false, 20000), -ETIMEDOUT);
    call_on(home, unmap_0, &p);
    EXPECT_EQ(f, p.rc, 0);
    EXPECT_EQ(f, settled(p.n, false, 0), 0);
    call_on(home, unmap_0, &p);
    EXPECT_EQ(f, p.rc, -ENOENT);
    fiber_start(free_nexus_fiber, &p, "free");
    fiber_sleep_until(run_deadline_ms(20000), NULL);
    EXPECT(f, !p.done && !c->done);
    gate_open(f);
    fix_wait(c);
    fix_settle();
    EXPECT(f, p.done);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    fix_free(c);
}

FIX_TEST(close_waits_for_its_own)
{
    close_under_load(f, run_reactor(f->run, 0));
}

FIX_TEST(close_waits_across_reactors)
{
    close_under_load(f, run_reactor(f->run, 1));
}

/* A LU is freed when the last of its tasks has left it. */
FIX_TEST(lu_waits_for_its_tasks)
{
    struct scsi_lu_params lp = {.volume = f->vol, .id = *scsi_lu_identity(f->lu)};
    struct parting p = {0};
    struct err err;
    EXPECT_EQ(f, scsi_lu_new(&lp, &p.lu, &err), 0);
    EXPECT_EQ(f, scsi_nexus_map(f->a, 1, p.lu, false), 0);
    struct fix_cmd *c = at_lun(f, f->a, 1, "00");
    fix_free(c);
    gate_close(f, 1u << VOL_OP_READ);
    c = fix_cmd(f, f->a, "28 00 00000000 00 0001 00");
    scsi_lun_encode(1, c->t.lun);
    fix_start(c);
    fix_settle();
    EXPECT_EQ(f, scsi_nexus_unmap(f->a, 1, false), 0);
    fiber_start(free_lu_fiber, &p, "free");
    fiber_sleep_until(run_deadline_ms(20000), NULL);
    EXPECT(f, !p.done);
    gate_open(f);
    fix_wait(c);
    fix_settle();
    EXPECT(f, p.done);
    fix_free(c);
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
        cmocka_unit_test(test_unmap_does_not_wait_for_the_volume),
        cmocka_unit_test(test_unmap_does_not_wait_across_reactors),
        cmocka_unit_test(test_map_again_over_a_stuck_task),
        cmocka_unit_test(test_close_waits_for_its_own),
        cmocka_unit_test(test_close_waits_across_reactors),
        cmocka_unit_test(test_lu_waits_for_its_tasks),
        cmocka_unit_test(test_nexus_loss_forgets_reservation),
        cmocka_unit_test(test_move),
    };
    return cmocka_run_group_tests_name("scsi/nexus", tests, NULL, NULL);
}
