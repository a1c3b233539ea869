/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may do what under a reservation: SPC-4's table of allowed commands, and RESERVE and
 * RELEASE next to it. */
#include "scsi/pr_testing.h"

/* Nexus a holds a reservation of the type; b is registered, c is not. */
static void reserve_for_a(struct fix *f, unsigned type)
{
    pr_join(f, f->a, 1, 0);
    pr_join(f, f->b, 2, 0);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, type, 1, 0, 0));
}
static void give_up(struct fix *f)
{
    EXPECT_GOOD(f, pr_out(f, f->a, PR_CLEAR, 0, 1, 0, 0));
    fix_take_uas(f, f->b);
}

static bool may_read(struct fix *f, struct scsi_nexus *n)
{
    return fix_do(f, n, "28 00 00000000 00 0001 00")->status == SCSI_STATUS_GOOD;
}
static bool may_write(struct fix *f, struct scsi_nexus *n)
{
    struct fix_cmd *c = cmd_new(f, n, "2a 00 00000000 00 0001 00");
    cmd_out_byte(c, 512, 1);
    return cmd_run(f, c)->status == SCSI_STATUS_GOOD;
}

FIX_TEST(access_by_type)
{
    static const struct {
        unsigned type;
        bool b_reads, b_writes, c_reads, c_writes;
    } rows[] = {
        {PR_WRITE_EX,      true,  false, true,  false},
        {PR_EX_ACCESS,     false, false, false, false},
        {PR_WRITE_EX_REG,  true,  true,  true,  false},
        {PR_EX_ACCESS_REG, true,  true,  false, false},
        {PR_WRITE_EX_ALL,  true,  true,  true,  false},
        {PR_EX_ACCESS_ALL, true,  true,  false, false},
    };
    struct scsi_nexus *c = nexus_more(f, "iqn.2026-11.example.host:c", 3, 1);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        reserve_for_a(f, rows[i].type);
        EXPECT(f, may_read(f, f->a) && may_write(f, f->a));
        EXPECT_EQ(f, may_read(f, f->b), rows[i].b_reads);
        EXPECT_EQ(f, may_write(f, f->b), rows[i].b_writes);
        EXPECT_EQ(f, may_read(f, c), rows[i].c_reads);
        EXPECT_EQ(f, may_write(f, c), rows[i].c_writes);
        give_up(f);
        EXPECT(f, may_write(f, c));
    }
    scsi_nexus_free(c);
}

FIX_TEST(what_is_always_allowed_and_what_never)
{
    static const char *const allowed[] = {
        "00 00 00 00 00 00",              /* TEST UNIT READY */
        "12 00 00 00 24 00",              /* INQUIRY */
        "a0 00 00 000000 00000100 00 00", /* REPORT LUNS */
        "25 00 00000000 0000 00 00",      /* READ CAPACITY(10) */
        "5e 00 00000000 00 0100 00",      /* PERSISTENT RESERVE IN */
        "4d 00 40 00 0000 00 0100 00",    /* LOG SENSE */
        "1b 00 00 00 01 00",              /* START STOP UNIT, START=1 */
        "17 00 00 00 00 00",              /* RELEASE(6) is answered by itself, see below */
    };
    static const char *const denied[] = {
        "1a 00 3f 00 ff 00",                     /* MODE SENSE(6) under exclusive access */
        "42 00 00000000 00 0000 00",             /* UNMAP */
        "35 00 00000000 00 0000 00",             /* SYNCHRONIZE CACHE(10) */
        "1b 00 00 00 00 00",                     /* START STOP UNIT, START=0 */
        "2f 00 00000000 00 0001 00",             /* VERIFY(10) */
        "9e 12 0000000000000000 00000100 00 00", /* GET LBA STATUS */
    };
    reserve_for_a(f, PR_EX_ACCESS);
    for (unsigned i = 0; i + 1 < ARRAY_LEN(allowed); i++)
        EXPECT_GOOD(f, fix_do(f, f->b, allowed[i]));
    EXPECT_CONFLICT(f, fix_do(f, f->b, allowed[ARRAY_LEN(allowed) - 1]));
    for (unsigned i = 0; i < ARRAY_LEN(denied); i++)
        EXPECT_CONFLICT(f, fix_do(f, f->b, denied[i]));
    struct scsi_lu_stats stats;
    scsi_lu_stats(f->lu, &stats);
    EXPECT_EQ(f, stats.reservation_conflicts, ARRAY_LEN(denied) + 1);
    EXPECT_EQ(f, stats.registrations, 2);
    EXPECT_EQ(f, stats.pr_type, PR_EX_ACCESS);
}

/* A nexus that comes back is who it was: its registration and its reservation are still
 * there. */
FIX_TEST(registrations_survive_the_nexus)
{
    struct scsi_nexus *c = nexus_more(f, "iqn.2026-11.example.host:c", 3, 1);
    pr_join(f, c, 7, 0);
    EXPECT_GOOD(f, pr_out(f, c, PR_RESERVE, PR_EX_ACCESS, 7, 0, 0));
    scsi_nexus_free(c);
    EXPECT(f, !may_read(f, f->a));
    EXPECT_RESERVED(f, PR_EX_ACCESS, 7);
    c = nexus_more(f, "iqn.2026-11.example.host:c", 4, 1); /* another ISID: another nexus */
    EXPECT(f, !may_read(f, c));
    scsi_nexus_free(c);
    c = nexus_more(f, "iqn.2026-11.example.host:c", 3, 2); /* another port: another nexus */
    EXPECT(f, !may_read(f, c));
    scsi_nexus_free(c);
    c = nexus_more(f, "iqn.2026-11.example.host:c", 3, 1);
    EXPECT(f, may_write(f, c));
    EXPECT_GOOD(f, pr_out(f, c, PR_RELEASE, PR_EX_ACCESS, 7, 0, 0));
    scsi_nexus_free(c);
    EXPECT(f, may_write(f, f->a));
}

/* ---- RESERVE and RELEASE ----------------------------------------------------------------- */

FIX_TEST(reserve_excludes_the_others_until_release)
{
    EXPECT_GOOD(f, fix_do(f, f->a, "16 00 00 00 00 00"));
    EXPECT_GOOD(f, fix_do(f, f->a, "56 00 0000 0000 00 0000 00"));
    EXPECT_CONFLICT(f, fix_do(f, f->b, "16 00 00 00 00 00"));
    EXPECT_GOOD(f, fix_do(f, f->b, "17 00 00 00 00 00")); /* not its own: nothing happens */
    EXPECT(f, may_write(f, f->a));
    EXPECT(f, !may_read(f, f->b));
    EXPECT_GOOD(f, fix_do(f, f->a, "1a 00 3f 00 ff 00"));
    EXPECT_CONFLICT(f, fix_do(f, f->b, "1a 00 3f 00 ff 00"));
    EXPECT_CONFLICT(f, fix_do(f, f->b, "00 00 00 00 00 00"));
    EXPECT_GOOD(f, fix_do(f, f->b, "12 00 00 00 24 00"));
    EXPECT_GOOD(f, fix_do(f, f->a, "57 00 0000 0000 00 0000 00"));
    EXPECT(f, may_write(f, f->b));
}

FIX_TEST(reserve_ends_with_the_nexus)
{
    struct scsi_nexus *c = nexus_more(f, "iqn.2026-11.example.host:c", 3, 1);
    EXPECT_GOOD(f, fix_do(f, c, "16 00 00 00 00 00"));
    EXPECT(f, !may_read(f, f->a));
    scsi_nexus_free(c);
    EXPECT(f, may_write(f, f->a));
}

FIX_TEST(reserve_keeps_persistent_reservations_out)
{
    EXPECT_GOOD(f, fix_do(f, f->a, "16 00 00 00 00 00"));
    EXPECT_CONFLICT(f, pr_out(f, f->b, PR_REGISTER, 0, 0, 1, 0));
    EXPECT_CONFLICT(f, pr_out(f, f->a, PR_REGISTER, 0, 0, 1, 0)); /* its holder, too */
    EXPECT_CONFLICT(f, pr_in(f, f->a, PR_READ_KEYS));
    EXPECT_CONFLICT(f, pr_in(f, f->b, PR_READ_KEYS));
    EXPECT_GOOD(f, fix_do(f, f->a, "17 00 00 00 00 00"));
    EXPECT_EQ(f, pr_nkeys(f), 0);
}

/* SPC-4 5.13.3, what REPORT CAPABILITIES calls CRH=1. */
FIX_TEST(persistent_registrations_decide_reserve)
{
    struct scsi_nexus *c = nexus_more(f, "iqn.2026-11.example.host:c", 3, 1);
    pr_join(f, f->a, 1, 0);
    pr_join(f, f->b, 2, 0);
    EXPECT_CONFLICT(f, fix_do(f, f->a, "16 00 00 00 00 00")); /* keys, but no reservation */
    EXPECT_CONFLICT(f, fix_do(f, c, "17 00 00 00 00 00"));
    static const struct {
        unsigned type;
        bool b;
    } rows[] = {
        {PR_WRITE_EX,      false},
        {PR_WRITE_EX_REG,  true },
        {PR_EX_ACCESS_ALL, true }
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, rows[i].type, 1, 0, 0));
        EXPECT_GOOD(f, fix_do(f, f->a, "16 00 00 00 00 00"));
        EXPECT_GOOD(f, fix_do(f, f->a, "57 00 0000 0000 00 0000 00"));
        EXPECT_EQ(f, fix_do(f, f->b, "16 00 00 00 00 00")->status == SCSI_STATUS_GOOD,
                  rows[i].b);
        EXPECT_CONFLICT(f, fix_do(f, c, "16 00 00 00 00 00"));
        EXPECT(f, !f->lu->reserved_by); /* GOOD, but nothing was reserved */
        EXPECT_RESERVED(f, rows[i].type, pr_type_all((uint8_t)rows[i].type) ? 0 : 1);
        EXPECT_GOOD(f, pr_out(f, f->a, PR_RELEASE, rows[i].type, 1, 0, 0));
        fix_take_uas(f, f->b);
    }
    scsi_nexus_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access_by_type),
        cmocka_unit_test(test_what_is_always_allowed_and_what_never),
        cmocka_unit_test(test_registrations_survive_the_nexus),
        cmocka_unit_test(test_reserve_excludes_the_others_until_release),
        cmocka_unit_test(test_reserve_ends_with_the_nexus),
        cmocka_unit_test(test_reserve_keeps_persistent_reservations_out),
        cmocka_unit_test(test_persistent_registrations_decide_reserve),
    };
    return cmocka_run_group_tests_name("pr", tests, NULL, NULL);
}
