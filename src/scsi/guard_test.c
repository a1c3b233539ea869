/* SPDX-License-Identifier: BSD-2-Clause */
/* Two hosts at one LU: who may, when that changes, and that nobody is disturbed who may. Nexus a is
 * mapped before b. */
#include "scsi/block_testing.h"
#include "scsi/guard.h"
#include "scsi/scsi_fixture.h"

#include "base/check.h"

#define A        "iqn.2026-11.example.host:a"
#define B        "iqn.2026-11.example.host:b"
#define READ_1   "28 00 0000 0000 00 0001 00"
#define WRITE_1  "2a 00 0000 0000 00 0001 00"
#define TUR      "00 00 00 00 00 00"
#define ABSENCE  60000u
#define READ_KEY "5e 00 0000 0000 00 0100 00"

#define EXPECT_DENIED(f, c) EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, ASC_ACCESS_DENIED)

static uint8_t block[512];

static struct fix_cmd *write_1(struct fix *f, struct scsi_nexus *n)
{
    struct fix_cmd *c = fix_cmd(f, n, WRITE_1);
    fix_out(c, block, sizeof(block));
    return c;
}

static struct fix_cmd *do_write(struct fix *f, struct scsi_nexus *n)
{
    return cmd_run(f, write_1(f, n));
}

static bool has_lease(struct fix *f, const char *host)
{
    struct scsi_lease l;
    scsi_lu_lease(f->lu, &l);
    return strcmp(l.host, host) == 0;
}

static unsigned ndenied(struct fix *f)
{
    struct scsi_lease l;
    scsi_lu_lease(f->lu, &l);
    return l.ndenied;
}

static void close_here(void *arg)
{
    scsi_nexus_close(arg);
}

static void leave_here(void *arg)
{
    scsi_nexus_farewell(arg);
    scsi_nexus_close(arg);
}

static void end_session(struct scsi_nexus *n)
{
    call_on(scsi_nexus_home(n), close_here, n);
}

static void log_out(struct scsi_nexus *n)
{
    call_on(scsi_nexus_home(n), leave_here, n);
}

struct coming {
    struct fix *f;
    struct scsi_nexus *n;
};

static void map_here(void *arg)
{
    struct coming *c = arg;
    check(scsi_nexus_map(c->n, 0, c->f->lu, false) == 0);
}

/* The same nexus again, as a new session would map it. */
static void log_in(struct fix *f, struct scsi_nexus *n)
{
    struct coming c = {f, n};
    call_on(scsi_nexus_home(n), map_here, &c);
    fix_take_uas(f, n);
}

static void set_guard(struct fix *f, enum scsi_guard_policy policy, const char *hosts)
{
    const struct scsi_guard g = {policy, hosts};
    EXPECT_EQ(f, scsi_lu_set_guard(f->lu, &g), 0);
}

static void wait_s(uint64_t s)
{
    fiber_sleep_until(run_deadline_ms(s * 1000), NULL);
}

/* ---- what is denied ---------------------------------------------------------------------- */

FIX_TEST_WITH(the_first_host_has_it_and_another_is_denied, .exclusive = true)
{
    EXPECT(f, has_lease(f, A));
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
    EXPECT_DENIED(f, fix_do(f, f->b, READ_1));
    EXPECT_DENIED(f, do_write(f, f->b));
    EXPECT_GOOD(f, do_write(f, f->a));
    EXPECT_EQ(f, ndenied(f), 1);
    EXPECT_GOOD(f, fix_do(f, f->b, TUR));
    EXPECT_GOOD(f, fix_do(f, f->b, READ_KEY));
}

/* The table decides, for all commands; and some rows are what the table is to say. */
FIX_TEST_WITH(the_column_of_the_table_decides, .exclusive = true)
{
    size_t n;
    const struct scsi_op *ops = scsi_ops(&n);
    for (size_t i = 0; i < n; i++) {
        struct fix_cmd *c = fix_cmd(f, f->b, "00");
        c->t.cdb[0] = ops[i].opcode;
        if (ops[i].has_sa)
            c->t.cdb[1] = ops[i].service_action;
        fix_start(c);
        fix_wait(c);
        bool denied = c->key == SK_ILLEGAL_REQUEST && c->asc_ascq == ASC_ACCESS_DENIED;
        if (denied != (ops[i].guard == GUARD_MEDIUM))
            fix_fail(f, __FILE__, __LINE__, ops[i].name, denied, ops[i].guard);
        if (ops[i].flags & OP_WRITES)
            EXPECT(f, ops[i].guard == GUARD_MEDIUM);
        fix_free(c);
    }
}

FIX_TEST_WITH(what_identifies_the_lu_is_told_to_all, .exclusive = true)
{
    static const char *const told[] = {
        "12 00 00 00 60 00",                      /* INQUIRY */
        "a0 00 00 00 00 00 0000 0100 00 00",      /* REPORT LUNS */
        "25 00 00 00 00 00 00 00 00 00",          /* READ CAPACITY(10) */
        "9e 10 00000000 00000000 00000020 00 00", /* READ CAPACITY(16) */
        "03 00 00 00 12 00",                      /* REQUEST SENSE */
        "1a 00 3f 00 ff 00",                      /* MODE SENSE(6) */
        "4d 00 40 00 00 00 00 00 ff 00",          /* LOG SENSE */
        "a3 0a 00 00 00 00 0000 0100 00 00",      /* REPORT TARGET PORT GROUPS */
        "a3 0c 00 00 00 00 0000 0100 00 00",      /* REPORT SUPPORTED OPERATION CODES */
        "17 00 00 00 00 00",                      /* RELEASE */
    };
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        EXPECT_GOOD(f, fix_do(f, f->b, told[i]));
    EXPECT_DENIED(f, fix_do(f, f->b, "16 00 00 00 00 00"));            /* RESERVE(6) */
    EXPECT_DENIED(f, fix_do_out(f, f->b, "5f 00 00 00 00 00000018 00", /* REGISTER */
                                "0000000000000000 0000000000000001 00000000 00 00 0000"));
}

/* ---- the initiator's own recovery hurts nobody --------------------------------------------- */

struct tmf {
    struct scsi_nexus *n;
    enum scsi_tmf what;
    enum scsi_tmf_result result;
};

static void tmf_here(void *arg)
{
    static const uint8_t lun[8];
    struct tmf *t = arg;
    t->result = scsi_nexus_tmf(t->n, t->what, lun, 0);
}

FIX_TEST_WITH(resets_of_a_denied_host_end_at_itself, .exclusive = true)
{
    static const enum scsi_tmf all[] = {SCSI_TMF_LU_RESET, SCSI_TMF_TARGET_RESET,
                                        SCSI_TMF_CLEAR_TASK_SET};
    EXPECT_GOOD(f, do_write(f, f->a));
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = write_1(f, f->a);
    fix_start(c);
    fix_settle();
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct tmf t = {f->b, all[i], SCSI_TMF_REJECTED};
        call_on(scsi_nexus_home(f->b), tmf_here, &t);
        EXPECT_EQ(f, t.result, SCSI_TMF_COMPLETE);
    }
    EXPECT_EQ(f, fix_take_uas(f, f->b), 2); /* 29/02, 29/03 */
    gate_open(f);
    fix_wait(c);
    EXPECT_GOOD(f, c);
    fix_free(c);
    EXPECT_EQ(f, fix_take_uas(f, f->a), 0);
}

FIX_TEST_WITH(qerr_is_no_way_to_end_the_tasks_of_others, .exclusive = true)
{
    EXPECT_GOOD(f, do_write(f, f->a));
    f->lu->control.qerr = 1;
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = write_1(f, f->a);
    fix_start(c);
    fix_settle();
    EXPECT_DENIED(f, fix_do(f, f->b, READ_1));
    gate_open(f);
    fix_wait(c);
    EXPECT_GOOD(f, c);
    fix_free(c);
}

/* ---- the lease's life ---------------------------------------------------------------------- */

/* Another LU on the same volume sees what the next run of the daemon would. */
static void stored_holder(struct fix *f, char ret_host[SCSI_NAME_LEN])
{
    const struct scsi_lu_params p = {.volume = f->vol, .id = *scsi_lu_identity(f->lu)};
    struct scsi_lu *again;
    struct scsi_lease l = {.ndenied = 0};
    struct err err;
    EXPECT_EQ(f, scsi_lu_new(&p, &again, &err), 0);
    scsi_lu_lease(again, &l);
    EXPECT(f, l.away == (l.host[0] != '\0'));
    memcpy(ret_host, l.host, SCSI_NAME_LEN);
    scsi_lu_free(again);
}

FIX_TEST_WITH(it_is_on_the_volume_before_the_first_access, .exclusive = true)
{
    char host[SCSI_NAME_LEN];
    stored_holder(f, host);
    EXPECT(f, host[0] == '\0');
    EXPECT_GOOD(f, fix_do(f, f->a, TUR));
    stored_holder(f, host);
    EXPECT(f, host[0] == '\0');
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
    stored_holder(f, host);
    EXPECT(f, strcmp(host, A) == 0);
}

FIX_TEST_WITH(without_being_saved_it_gives_no_access, .exclusive = true)
{
    gate_fail_attrs(f, -EIO);
    EXPECT_CHECK(f, fix_do(f, f->a, READ_1), SK_HARDWARE_ERROR, ASC_INTERNAL_TARGET_FAILURE);
    EXPECT_DENIED(f, fix_do(f, f->b, READ_1));
    gate_fail_attrs(f, 0);
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
    gate_fail_attrs(f, -EIO); /* what is saved needs no saving */
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
}

FIX_TEST_WITH(a_volume_that_cannot_be_written_needs_no_saving, .exclusive = true)
{
    gate_fail_attrs(f, -EROFS);
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
    EXPECT_DENIED(f, fix_do(f, f->b, READ_1));
}

FIX_TEST_WITH(a_logout_ends_it_and_the_next_access_takes_it, .exclusive = true)
{
    char host[SCSI_NAME_LEN];
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
    EXPECT_DENIED(f, fix_do(f, f->b, READ_1));
    log_out(f->a);
    EXPECT(f, has_lease(f, ""));
    EXPECT_EQ(f, ndenied(f), 0);
    fix_settle();
    stored_holder(f, host);
    EXPECT(f, host[0] == '\0');
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
    EXPECT(f, has_lease(f, B));
    stored_holder(f, host);
    EXPECT(f, strcmp(host, B) == 0);
}

FIX_TEST_WITH(a_session_that_is_lost_keeps_it_for_a_while, .exclusive = true)
{
    struct scsi_lease l;
    scsi_lu_set_absence(f->lu, ABSENCE);
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
    end_session(f->a);
    wait_s(ABSENCE / 1000 - 5);
    EXPECT_DENIED(f, fix_do(f, f->b, READ_1));
    scsi_lu_lease(f->lu, &l);
    EXPECT(f, l.away && l.ends_ms <= 5000);
    wait_s(6);
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
}

FIX_TEST_WITH(who_comes_back_in_time_has_it_still, .exclusive = true)
{
    scsi_lu_set_absence(f->lu, ABSENCE);
    end_session(f->a);
    wait_s(50);
    log_in(f, f->a);
    wait_s(50);
    EXPECT(f, has_lease(f, A));
    end_session(f->a);
    wait_s(50);
    EXPECT(f, has_lease(f, A));
}

FIX_TEST_WITH(time_in_which_nobody_can_come_does_not_count, .exclusive = true)
{
    end_session(f->a);
    wait_s(1000);
    EXPECT(f, has_lease(f, A));
    scsi_lu_set_absence(f->lu, ABSENCE);
    wait_s(50);
    scsi_lu_set_absence(f->lu, 0);
    wait_s(50);
    scsi_lu_set_absence(f->lu, ABSENCE);
    wait_s(50);
    EXPECT(f, has_lease(f, A));
    wait_s(11);
    EXPECT(f, has_lease(f, ""));
}

FIX_TEST_WITH(it_lasts_until_the_last_task_is_over, .exclusive = true)
{
    EXPECT_GOOD(f, do_write(f, f->a));
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = write_1(f, f->a);
    fix_start(c);
    fix_settle();
    log_out(f->a);
    EXPECT_DENIED(f, fix_do(f, f->b, READ_1));
    gate_open(f);
    fix_wait(c);
    fix_free(c);
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
}

/* ---- handing over -------------------------------------------------------------------------- */

FIX_TEST_WITH(a_release_of_a_present_host_needs_force, .exclusive = true)
{
    char host[SCSI_NAME_LEN];
    EXPECT_EQ(f, scsi_lu_release(f->lu, false, host), -EBUSY);
    EXPECT(f, strcmp(host, A) == 0);
    end_session(f->a);
    EXPECT_EQ(f, scsi_lu_release(f->lu, false, host), 0);
    EXPECT_EQ(f, scsi_lu_release(f->lu, false, host), -ENOENT);
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
}

struct releasing {
    struct fix *f;
    int rc;
    bool done;
};

static void release_behind(void *arg)
{
    struct releasing *r = arg;
    char host[SCSI_NAME_LEN];
    r->rc = scsi_lu_release(r->f->lu, true, host);
    r->done = true;
}

/* By force, while a write of the holder's hangs: that is returned. */
static struct fix_cmd *release_over_a_write(struct fix *f, struct releasing *r)
{
    EXPECT_GOOD(f, do_write(f, f->a));
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *c = write_1(f, f->a);
    fix_start(c);
    fix_settle();
    check(fiber_start(release_behind, r, "release"));
    fix_settle();
    return c;
}

FIX_TEST_WITH(a_forced_release_waits_for_what_is_under_way, .exclusive = true)
{
    struct releasing r = {.f = f};
    struct fix_cmd *c = release_over_a_write(f, &r);
    EXPECT(f, !r.done);
    EXPECT_DENIED(f, fix_do(f, f->b, READ_1)); /* not on top of it */
    EXPECT_DENIED(f, fix_do(f, f->a, READ_1));
    gate_open(f);
    fix_wait(c);
    EXPECT_EQ(f, c->status, SCSI_STATUS_TASK_ABORTED);
    EXPECT_EQ(f, c->outcome, SCSI_DONE);
    fix_free(c);
    fix_settle();
    EXPECT(f, r.done && r.rc == 0);
    EXPECT_DENIED(f, fix_do(f, f->a, READ_1)); /* it does not take it back by itself */
    EXPECT(f, has_lease(f, ""));
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
    EXPECT_DENIED(f, fix_do(f, f->a, READ_1));
    log_out(f->b);
    EXPECT_DENIED(f, fix_do(f, f->a, READ_1));
    end_session(f->a);
    log_in(f, f->a);
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
}

/* The store does not answer, and nobody waits for it longer than for any other task. What the old host wrote
 * lands before the next one sees anything. */
FIX_TEST_WITH(nobody_is_let_in_on_top_of_a_write_that_hangs, .exclusive = true)
{
    struct releasing r = {.f = f};
    struct fix_cmd *c = release_over_a_write(f, &r);
    fiber_sleep_until(run_deadline_ms(6000), NULL);
    EXPECT(f, r.done);
    EXPECT_EQ(f, fix_do(f, f->b, READ_1)->status, SCSI_STATUS_BUSY);
    EXPECT_GOOD(f, fix_do(f, f->b, TUR));
    EXPECT_DENIED(f, fix_do(f, f->a, READ_1));
    gate_open(f);
    fix_wait(c);
    fix_free(c);
    fix_settle();
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
}

/* ---- hosts --------------------------------------------------------------------------------- */

struct hosting {
    struct scsi_nexus *n;
    const char *host;
};

static void set_host_here(void *arg)
{
    struct hosting *h = arg;
    check(scsi_nexus_set_host(h->n, h->host) == 0);
}

static void set_host(struct scsi_nexus *n, const char *host)
{
    struct hosting h = {n, host};
    call_on(scsi_nexus_home(n), set_host_here, &h);
}

FIX_TEST_WITH(initiators_of_one_host_count_as_one, .exclusive = true)
{
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
    set_host(f->a, "esx1");
    EXPECT(f, has_lease(f, "esx1"));
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
    EXPECT_DENIED(f, fix_do(f, f->b, READ_1));
    set_host(f->b, "esx1");
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
    log_out(f->a); /* not the last session of its host */
    EXPECT(f, has_lease(f, "esx1"));
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
}

FIX_TEST_WITH(a_session_keeps_its_access_when_its_initiator_changes_hosts, .exclusive = true)
{
    set_host(f->a, "esx1");
    set_host(f->b, "esx1");
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
    set_host(f->b, "esx2"); /* a is of esx1 still, which has the lease */
    EXPECT(f, has_lease(f, "esx1"));
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
    set_host(f->a, "esx2");
    EXPECT(f, has_lease(f, "esx2"));
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
}

FIX_TEST_WITH(sessions_that_changed_hosts_take_the_lease_along, .exclusive = true)
{
    char host[SCSI_NAME_LEN];
    set_host(f->a, "esx1");
    set_host(f->b, "esx1");
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
    set_host(f->b, "esx2");
    log_out(f->a); /* the last of esx1 */
    EXPECT(f, has_lease(f, "esx2"));
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
    log_in(f, f->a);
    EXPECT_DENIED(f, fix_do(f, f->a, READ_1));
    set_host(f->a, "esx2");
    set_host(f->b, "esx3"); /* by grace of esx2 */
    EXPECT_EQ(f, scsi_lu_release(f->lu, false, host), -EBUSY);
    EXPECT_EQ(f, scsi_lu_release(f->lu, true, host), 0);
    EXPECT_DENIED(f, fix_do(f, f->a, READ_1));
    EXPECT_DENIED(f, fix_do(f, f->b, READ_1));
}

FIX_TEST(a_cluster_sees_at_once_who_changed_hosts)
{
    set_guard(f, SCSI_CLUSTER, "esx1");
    set_host(f->a, "esx1");
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
    set_host(f->a, "esx2");
    EXPECT_DENIED(f, fix_do(f, f->a, READ_1));
}

FIX_TEST_WITH(an_initiator_that_got_a_host_while_away_finds_its_lease, .exclusive = true)
{
    end_session(f->a);
    EXPECT(f, has_lease(f, A));
    set_host(f->a, "esx1");
    log_in(f, f->a);
    EXPECT(f, has_lease(f, "esx1"));
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
}

/* ---- other policies ------------------------------------------------------------------------ */

FIX_TEST(a_cluster_is_for_all_or_for_those_that_are_named)
{
    EXPECT_GOOD(f, do_write(f, f->a));
    EXPECT_GOOD(f, do_write(f, f->b));
    EXPECT(f, has_lease(f, ""));
    set_guard(f, SCSI_CLUSTER, "esx1 " B);
    EXPECT_DENIED(f, fix_do(f, f->a, READ_1));
    EXPECT_GOOD(f, do_write(f, f->b));
    EXPECT_EQ(f, ndenied(f), 1);
    set_guard(f, SCSI_CLUSTER, A " " B);
    EXPECT_GOOD(f, do_write(f, f->a));
    set_guard(f, SCSI_CLUSTER, "iqn.2026-11.example.host:");
    EXPECT_DENIED(f, fix_do(f, f->a, READ_1));
    set_guard(f, SCSI_CLUSTER, NULL);
    EXPECT_GOOD(f, do_write(f, f->a));
}

FIX_TEST(read_shared_is_read_by_all_and_written_by_none)
{
    set_guard(f, SCSI_READ_SHARED, NULL);
    EXPECT_CHECK(f, fix_do(f, f->a, TUR), SK_UNIT_ATTENTION, 0x2a01);
    EXPECT_CHECK(f, fix_do(f, f->b, TUR), SK_UNIT_ATTENTION, 0x2a01);
    EXPECT_GOOD(f, fix_do(f, f->a, READ_1));
    EXPECT_GOOD(f, fix_do(f, f->b, READ_1));
    EXPECT_CHECK(f, do_write(f, f->a), SK_DATA_PROTECT, ASC_WRITE_PROTECTED);
    EXPECT(f, fix_do(f, f->a, "1a 00 3f 00 ff 00")->in[2] & 0x80); /* WP */
    set_guard(f, SCSI_CLUSTER, NULL);
    fix_take_uas(f, f->a);
    EXPECT_GOOD(f, do_write(f, f->a));
}

FIX_TEST(a_volume_that_becomes_exclusive_is_the_first_ones)
{
    gate_close(f, 1u << VOL_OP_WRITE);
    struct fix_cmd *mine = write_1(f, f->a), *other = write_1(f, f->b);
    other->data_held = true;
    fix_start(mine);
    fix_start(other);
    fix_settle();
    set_guard(f, SCSI_EXCLUSIVE, NULL);
    EXPECT(f, has_lease(f, A));
    fix_wait(other);
    EXPECT_EQ(f, other->status, SCSI_STATUS_TASK_ABORTED);
    gate_open(f);
    fix_wait(mine);
    EXPECT_GOOD(f, mine);
    EXPECT_DENIED(f, do_write(f, f->b));
    fix_free(mine);
    fix_free(other);
    set_guard(f, SCSI_CLUSTER, NULL);
    EXPECT_GOOD(f, do_write(f, f->b));
}

/* ---- what lies on the volume may be anything ------------------------------------------------ */

FIX_TEST_WITH(what_is_no_lease_is_refused, .exclusive = true)
{
    static const char *const bad[] = {"", "1", "1 ", "2 host", "host"};
    const struct scsi_lu_params p = {.volume = f->vol, .id = *scsi_lu_identity(f->lu)};
    struct scsi_lu *again;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT_EQ(f, volume_set_attr(f->vol, "scsi.lease", bad[i]), 0);
        EXPECT_EQ(f, scsi_lu_new(&p, &again, &err), -EBADMSG);
        EXPECT(f, strstr(err.msg, "lease"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_host_has_it_and_another_is_denied),
        cmocka_unit_test(test_the_column_of_the_table_decides),
        cmocka_unit_test(test_what_identifies_the_lu_is_told_to_all),
        cmocka_unit_test(test_resets_of_a_denied_host_end_at_itself),
        cmocka_unit_test(test_qerr_is_no_way_to_end_the_tasks_of_others),
        cmocka_unit_test(test_it_is_on_the_volume_before_the_first_access),
        cmocka_unit_test(test_without_being_saved_it_gives_no_access),
        cmocka_unit_test(test_a_volume_that_cannot_be_written_needs_no_saving),
        cmocka_unit_test(test_a_logout_ends_it_and_the_next_access_takes_it),
        cmocka_unit_test(test_a_session_that_is_lost_keeps_it_for_a_while),
        cmocka_unit_test(test_who_comes_back_in_time_has_it_still),
        cmocka_unit_test(test_time_in_which_nobody_can_come_does_not_count),
        cmocka_unit_test(test_it_lasts_until_the_last_task_is_over),
        cmocka_unit_test(test_a_release_of_a_present_host_needs_force),
        cmocka_unit_test(test_a_forced_release_waits_for_what_is_under_way),
        cmocka_unit_test(test_nobody_is_let_in_on_top_of_a_write_that_hangs),
        cmocka_unit_test(test_initiators_of_one_host_count_as_one),
        cmocka_unit_test(test_a_session_keeps_its_access_when_its_initiator_changes_hosts),
        cmocka_unit_test(test_sessions_that_changed_hosts_take_the_lease_along),
        cmocka_unit_test(test_a_cluster_sees_at_once_who_changed_hosts),
        cmocka_unit_test(test_an_initiator_that_got_a_host_while_away_finds_its_lease),
        cmocka_unit_test(test_a_cluster_is_for_all_or_for_those_that_are_named),
        cmocka_unit_test(test_read_shared_is_read_by_all_and_written_by_none),
        cmocka_unit_test(test_a_volume_that_becomes_exclusive_is_the_first_ones),
        cmocka_unit_test(test_what_is_no_lease_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
