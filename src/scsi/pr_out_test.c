/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/pr_testing.h"

#include <errno.h>

#define HOST_A "iqn.2026-11.example.host:a"
#define HOST_C "iqn.2026-11.example.host:c"

/* ---- registering ------------------------------------------------------------------------- */

FIX_TEST(register_wants_the_key_that_is_there)
{
    EXPECT_CONFLICT(f, pr_out(f, f->a, PR_REGISTER, 0, 1, 2, 0)); /* none is */
    EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER, 0, 0, 0, 0));
    EXPECT_EQ(f, pr_generation(f), 0);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER, 0, 0, 1, 0));
    EXPECT_CONFLICT(f, pr_out(f, f->a, PR_REGISTER, 0, 0, 2, 0));
    EXPECT_EQ(f, pr_generation(f), 1);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER, 0, 1, 2, 0));
    EXPECT(f, pr_has_key(f, 2) && pr_nkeys(f) == 1);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER_AND_IGNORE, 0, 77, 3, 0));
    EXPECT(f, pr_has_key(f, 3));
    EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER, 0, 3, 0, 0));
    EXPECT_EQ(f, pr_nkeys(f), 0);
    EXPECT_EQ(f, pr_generation(f), 4);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER_AND_IGNORE, 0, 0, 0, 0));
    EXPECT_EQ(f, pr_generation(f), 4);
}

FIX_TEST(all_tg_pt_registers_at_every_port)
{
    struct scsi_nexus *other =
        nexus_more(f, HOST_A, 0, 2); /* the same initiator port as a, at port 2 */
    EXPECT_CONFLICT(f, pr_out(f, other, PR_RESERVE, PR_WRITE_EX, 5, 0, 0));
    EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER, 0, 0, 5, PR_OUT_ALL_TG_PT));
    EXPECT_EQ(f, pr_nkeys(f), 2);
    EXPECT_EQ(f, pr_generation(f), 1);
    EXPECT_GOOD(f, pr_out(f, other, PR_RESERVE, PR_WRITE_EX, 5, 0, 0));
    EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER, 0, 5, 0, PR_OUT_ALL_TG_PT));
    EXPECT_EQ(f, pr_nkeys(f), 0);
    EXPECT_RESERVED(f, 0, 0);
    scsi_nexus_free(other);
}

/* ---- parameter lists --------------------------------------------------------------------- */

FIX_TEST(lengths_of_the_list)
{
    static const struct {
        const char *cdb, *list;
    } rows[] = {
        {"5f 00 00 0000 00000000 00", ""                                                      },
        {"5f 00 00 0000 00000017 00", "0000000000000000 0000000000000001 00000000 000000"     },
        {"5f 00 00 0000 00000019 00", "0000000000000000 0000000000000001 00000000 00000000 00"},
        {"5f 00 00 0000 00000018 00", "0000000000000000 0000000000000001 00000000 0000"       },
        {"5f 00 00 0000 00002001 00", ""                                                      },
        {"5f 00 00 0000 00000018 00", "0000000000000000 0000000000000001 00000000 08000000"   },
        {"5f 00 00 0000 0000001c 00",
         "0000000000000000 0000000000000001 00000000 08000000 00000018"                       },
        {"5f 07 00 0000 00000018 00", "0000000000000001 0000000000000002 0000 0001 00000018"  },
        {"5f 07 00 0000 00000014 00", "0000000000000001 0000000000000002 0000 0001"           },
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        EXPECT_CHECK(f, fix_do_out(f, f->a, rows[i].cdb, rows[i].list), SK_ILLEGAL_REQUEST,
                     0x1a00);
    EXPECT_EQ(f, pr_nkeys(f), 0);
}

FIX_TEST(scopes_and_types)
{
    static const enum pr_out_sa sas[] = {PR_RESERVE, PR_RELEASE, PR_PREEMPT,
                                         PR_PREEMPT_AND_ABORT};
    pr_join(f, f->a, 1, 0);
    for (unsigned i = 0; i < ARRAY_LEN(sas); i++) {
        struct fix_cmd *c = pr_out(f, f->a, sas[i], 0x11, 1, 1, 0);
        EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2400);
        EXPECT_CDB_FIELD(f, c, 2, 7);
        c = pr_out(f, f->a, sas[i], 2, 1, 1, 0);
        EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2400);
        EXPECT_CDB_FIELD(f, c, 2, 3);
    }
    EXPECT_GOOD(f, pr_out(f, f->a, PR_CLEAR, 0x9f, 1, 0, 0)); /* ignored there */
}

FIX_TEST(spec_i_pt_belongs_to_register)
{
    pr_join(f, f->a, 1, 0);
    struct fix_cmd *c = pr_out(f, f->a, PR_RESERVE, PR_WRITE_EX, 1, 0, PR_OUT_SPEC_I_PT);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 20, 3);
}

/* A list of TransportIDs behind a REGISTER. */
static struct fix_cmd *register_ids(struct fix *f, struct scsi_nexus *n, uint64_t key,
                                    const char *const *names, const uint8_t *formats,
                                    unsigned count)
{
    uint8_t bytes[1024] = {0};
    size_t len = 28;
    store_be64(bytes + 8, key);
    bytes[20] = PR_OUT_SPEC_I_PT;
    for (unsigned i = 0; i < count; i++, len += 60) {
        bytes[len] = (uint8_t)(formats[i] << 6 | TRANSPORT_ID_ISCSI);
        bytes[len + 3] = 56;
        memcpy(bytes + len + 4, names[i], strlen(names[i]));
    }
    store_be32(bytes + 24, (uint32_t)len - 28);
    struct fix_cmd *c = cmd_new(f, n, "5f 00 00 0000 %08zx 00", len);
    fix_out(c, bytes, len);
    return cmd_run(f, c);
}

FIX_TEST(spec_i_pt_registers_ports_that_are_not_here_yet)
{
    const char *const names[] = {HOST_C ",i,0x000000000007",
                                 "iqn.2026-11.example.host:d,i,0x000000000001"};
    const uint8_t formats[] = {TRANSPORT_ID_PORT, TRANSPORT_ID_PORT};
    EXPECT_GOOD(f, register_ids(f, f->a, 9, names, formats, 2));
    EXPECT_EQ(f, pr_nkeys(f), 3);
    EXPECT_EQ(f, pr_generation(f), 1);
    struct scsi_nexus *c = nexus_more(f, HOST_C, 7, 1);
    EXPECT_GOOD(f, pr_out(f, c, PR_RESERVE, PR_EX_ACCESS, 9, 0, 0));
    scsi_nexus_free(c);
    EXPECT_CONFLICT(f, register_ids(f, f->a, 9, names, formats, 2)); /* has a key by now */
    struct fix_cmd *r = register_ids(f, f->b, 0, names, formats, 2);
    EXPECT_CHECK(f, r, SK_ILLEGAL_REQUEST, 0x2400); /* unregisters others */
}

FIX_TEST(spec_i_pt_by_device_name_means_ports_that_are_here)
{
    const char *const names[] = {HOST_C};
    const uint8_t formats[] = {TRANSPORT_ID_DEVICE};
    struct fix_cmd *r = register_ids(f, f->a, 9, names, formats, 1); /* nobody is */
    EXPECT_CHECK(f, r, SK_ILLEGAL_REQUEST, 0x2600);
    struct scsi_nexus *c1 = nexus_more(f, HOST_C, 1, 1), *c2 = nexus_more(f, HOST_C, 2, 1);
    struct scsi_nexus *c3 =
        nexus_more(f, HOST_C, 3, 2); /* at another port than the asking one */
    EXPECT_GOOD(f, register_ids(f, f->a, 9, names, formats, 1));
    EXPECT_EQ(f, pr_nkeys(f), 3);
    EXPECT_GOOD(f, pr_out(f, c1, PR_RESERVE, PR_EX_ACCESS, 9, 0, 0));
    EXPECT_CONFLICT(f, pr_out(f, c3, PR_RESERVE, PR_EX_ACCESS, 9, 0, 0));
    scsi_nexus_free(c1);
    scsi_nexus_free(c2);
    scsi_nexus_free(c3);
}

FIX_TEST(a_bad_id_registers_nobody)
{
    const char *const names[] = {HOST_C ",i,0x000000000007", HOST_C ",i,0x00000000000x"};
    const uint8_t formats[] = {TRANSPORT_ID_PORT, TRANSPORT_ID_PORT};
    struct fix_cmd *c = register_ids(f, f->a, 9, names, formats, 2);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 28 + 60, -1);
    EXPECT_EQ(f, pr_nkeys(f), 0);
}

/* ---- reserving, releasing, clearing ------------------------------------------------------ */

FIX_TEST(reserve_release_and_their_refusals)
{
    EXPECT_CONFLICT(f, pr_out(f, f->a, PR_RESERVE, PR_WRITE_EX, 0, 0, 0)); /* not registered */
    pr_join(f, f->a, 1, 0);
    pr_join(f, f->b, 2, 0);
    EXPECT_CONFLICT(f, pr_out(f, f->a, PR_RESERVE, PR_WRITE_EX, 2, 0, 0)); /* not its key */
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, PR_WRITE_EX_REG, 1, 0, 0));
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, PR_WRITE_EX_REG, 1, 0, 0));
    EXPECT_CONFLICT(f, pr_out(f, f->a, PR_RESERVE, PR_WRITE_EX, 1, 0, 0));
    EXPECT_CONFLICT(f, pr_out(f, f->b, PR_RESERVE, PR_WRITE_EX_REG, 2, 0, 0));
    EXPECT_GOOD(
        f, pr_out(f, f->b, PR_RELEASE, PR_WRITE_EX_REG, 2, 0, 0)); /* not its own: nothing */
    EXPECT_RESERVED(f, PR_WRITE_EX_REG, 1);
    EXPECT_CHECK(f, pr_out(f, f->a, PR_RELEASE, PR_WRITE_EX, 1, 0, 0), SK_ILLEGAL_REQUEST,
                 0x2604);
    EXPECT_EQ(f, next_ua(f, f->b), 0);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RELEASE, PR_WRITE_EX_REG, 1, 0, 0));
    EXPECT_EQ(f, next_ua(f, f->b), 0x2a04);
    EXPECT_EQ(f, next_ua(f, f->a), 0);
    EXPECT_RESERVED(f, 0, 0);
    EXPECT_EQ(f, pr_generation(f), 2); /* neither counts */
}

FIX_TEST(unregistering_releases)
{
    static const struct {
        unsigned type, ua, left;
    } rows[] = {
        {PR_WRITE_EX,      0,      0              },
        {PR_EX_ACCESS_REG, 0x2a04, 0              },
        {PR_WRITE_EX_ALL,  0,      PR_WRITE_EX_ALL}, /* b holds it still */
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        pr_join(f, f->a, 1, 0);
        pr_join(f, f->b, 2, 0);
        EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, rows[i].type, 1, 0, 0));
        EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER, 0, 1, 0, 0));
        EXPECT_EQ(f, next_ua(f, f->b), rows[i].ua);
        EXPECT_RESERVED(f, rows[i].left, 0);
        EXPECT_GOOD(f, pr_out(f, f->b, PR_CLEAR, 0, 2, 0, 0));
    }
}

FIX_TEST(clear_tells_all_others)
{
    struct scsi_nexus *c = nexus_more(f, HOST_C, 3, 1);
    pr_join(f, f->a, 1, 0);
    pr_join(f, f->b, 2, 0);
    EXPECT_CONFLICT(f, pr_out(f, c, PR_CLEAR, 0, 0, 0, 0));
    EXPECT_GOOD(f, pr_out(f, f->b, PR_RESERVE, PR_EX_ACCESS, 2, 0, 0));
    EXPECT_GOOD(f, pr_out(f, f->a, PR_CLEAR, 0, 1, 0, 0));
    EXPECT_EQ(f, next_ua(f, f->b), 0x2a03);
    EXPECT_EQ(f, next_ua(f, f->a), 0);
    EXPECT_EQ(f, next_ua(f, c), 0); /* was not registered */
    EXPECT_EQ(f, pr_nkeys(f), 0);
    EXPECT_EQ(f, pr_generation(f), 3);
    scsi_nexus_free(c);
}

/* ---- preempting -------------------------------------------------------------------------- */

FIX_TEST(preempt_takes_reservation_and_registrations)
{
    struct scsi_nexus *c = nexus_more(f, HOST_C, 3, 1);
    pr_join(f, f->a, 1, 0);
    pr_join(f, f->b, 2, 0);
    pr_join(f, c, 3, 0);
    EXPECT_GOOD(f, pr_out(f, f->b, PR_RESERVE, PR_WRITE_EX, 2, 0, 0));
    EXPECT_CONFLICT(f, pr_out(f, f->a, PR_PREEMPT, PR_EX_ACCESS, 1, 99, 0)); /* no such key */
    struct fix_cmd *r = pr_out(f, f->a, PR_PREEMPT, PR_EX_ACCESS, 1, 0, 0);
    EXPECT_CHECK(f, r, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, r, 8, -1);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_PREEMPT, PR_EX_ACCESS, 1, 2, 0));
    EXPECT_RESERVED(f, PR_EX_ACCESS, 1);
    EXPECT(f, pr_nkeys(f) == 2 && !pr_has_key(f, 2));
    EXPECT_EQ(f, next_ua(f, f->b), 0x2a05);
    EXPECT_EQ(f, next_ua(f, c), 0x2a04);                                /* the type changed */
    EXPECT_GOOD(f, pr_out(f, f->a, PR_PREEMPT, PR_EX_ACCESS, 1, 3, 0)); /* registrations only */
    EXPECT_RESERVED(f, PR_EX_ACCESS, 1);
    EXPECT_EQ(f, pr_nkeys(f), 1);
    EXPECT_EQ(f, next_ua(f, c), 0x2a05);
    EXPECT_EQ(f, pr_generation(f), 5);
    scsi_nexus_free(c);
}

FIX_TEST(preempt_of_all_registrants)
{
    pr_join(f, f->a, 1, 0);
    pr_join(f, f->b, 2, 0);
    EXPECT_GOOD(f, pr_out(f, f->b, PR_RESERVE, PR_WRITE_EX_ALL, 2, 0, 0));
    EXPECT_GOOD(f, pr_out(f, f->a, PR_PREEMPT, PR_WRITE_EX, 1, 0, 0)); /* 0: all the others */
    EXPECT_RESERVED(f, PR_WRITE_EX, 1);
    EXPECT_EQ(f, pr_nkeys(f), 1);
    EXPECT_EQ(f, next_ua(f, f->b), 0x2a05);
}

/* Tasks of the preempted nexus end before the answer, those of others go on; it is told what
 * became of them. */
FIX_TEST(preempt_and_abort_ends_the_tasks)
{
    struct scsi_nexus *c = nexus_more(f, HOST_C, 3, 1);
    pr_join(f, f->a, 1, 0);
    pr_join(f, f->b, 2, 0);
    EXPECT_GOOD(f, pr_out(f, f->b, PR_RESERVE, PR_WRITE_EX_REG, 2, 0, 0));
    struct fix_cmd *stuck = cmd_new(f, f->b, "2a 00 00000000 00 0001 00");
    struct fix_cmd *innocent = cmd_new(f, c, "28 00 00000000 00 0001 00");
    cmd_out_byte(stuck, 512, 's');
    stuck->data_held = true;
    gate_close(f, 1u << VOL_OP_READ);
    fix_start(stuck);
    fix_start(innocent);
    fix_settle();
    EXPECT_GOOD(f, pr_out(f, f->a, PR_PREEMPT_AND_ABORT, PR_WRITE_EX_REG, 1, 2, 0));
    EXPECT(f, !lu_has_task(f->lu, stuck->t.itl, NULL));
    fix_settle(); /* until the news is on its own reactor */
    EXPECT(f, stuck->done && stuck->outcome == SCSI_ABORTED);
    EXPECT(f, !innocent->done);
    gate_open(f);
    fix_wait(innocent);
    EXPECT_GOOD(f, innocent);
    EXPECT(f, bytes_are(fix_do(f, f->a, "28 00 00000000 00 0001 00")->in, 512, 0));
    EXPECT_EQ(f, next_ua(f, f->b), 0x2a05);
    EXPECT_EQ(f, next_ua(f, f->b), 0x2f00); /* COMMANDS CLEARED BY ANOTHER INITIATOR */
    fix_free(stuck);
    fix_free(innocent);
    scsi_nexus_free(c);
}

/* A preempted nexus whose own PERSISTENT RESERVE OUT waits for its turn does not hold up the
 * one that preempts it. */
FIX_TEST(preempt_and_abort_passes_a_waiting_pr_out)
{
    pr_join(f, f->a, 1, 0);
    pr_join(f, f->b, 2, 0);
    fmutex_lock(&f->lu->meta);
    struct fix_cmd *first = pr_out_new(f, f->a, PR_PREEMPT_AND_ABORT, PR_WRITE_EX, 1, 2, 0);
    struct fix_cmd *second = pr_out_new(f, f->b, PR_RESERVE, PR_WRITE_EX, 2, 0, 0);
    fix_start(first);
    fix_start(second);
    fix_settle();
    fmutex_unlock(&f->lu->meta);
    fix_wait(first);
    fix_wait(second);
    EXPECT_GOOD(f, first);
    EXPECT_EQ(f, second->outcome, SCSI_ABORTED);
    EXPECT_RESERVED(f, 0, 0);
    fix_free(first);
    fix_free(second);
}

/* ---- moving ------------------------------------------------------------------------------ */

static struct fix_cmd *move(struct fix *f, struct scsi_nexus *n, uint64_t key, uint64_t sa_key,
                            unsigned flags, uint16_t port, const char *to)
{
    uint8_t bytes[24 + 60] = {0};
    struct pr_move_list list = {be64_make(key), be64_make(sa_key), .flags = (uint8_t)flags,
                                .rel_port_id = be16_make(port), .id_len = be32_make(60)};
    memcpy(bytes, &list, sizeof(list));
    bytes[24] = (uint8_t)((strstr(to, ",i,") ? TRANSPORT_ID_PORT : TRANSPORT_ID_DEVICE) << 6 |
                          TRANSPORT_ID_ISCSI);
    bytes[27] = 56;
    memcpy(bytes + 28, to, strlen(to));
    struct fix_cmd *c = cmd_new(f, n, "5f 07 00 0000 %08zx 00", sizeof(bytes));
    fix_out(c, bytes, sizeof(bytes));
    return cmd_run(f, c);
}

FIX_TEST(register_and_move_hands_the_reservation_over)
{
    const char *to = HOST_C ",i,0x000000000003";
    pr_join(f, f->a, 1, 0);
    EXPECT_CONFLICT(f, move(f, f->a, 1, 9, 0, 2, to)); /* holds nothing */
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, PR_EX_ACCESS, 1, 0, 0));
    EXPECT_CONFLICT(f, move(f, f->a, 7, 9, 0, 2, to));
    EXPECT_CONFLICT(f, move(f, f->b, 0, 9, 0, 2, to));
    struct fix_cmd *c = move(f, f->a, 1, 0, 0, 2, to);
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 8, -1);
    c = move(f, f->a, 1, 9, 0, 3, to); /* no such port */
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 18, -1);
    c = move(f, f->a, 1, 9, 0, 1, HOST_A ",i,0x000000000000"); /* itself */
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 24, -1);
    c = move(f, f->a, 1, 9, 0, 2, HOST_C); /* a device is no nexus */
    EXPECT_CHECK(f, c, SK_ILLEGAL_REQUEST, 0x2600);
    EXPECT_PARAM_FIELD(f, c, 24, -1);
    EXPECT_GOOD(f, move(f, f->a, 1, 9, 0, 2, to));
    EXPECT_RESERVED(f, PR_EX_ACCESS, 9);
    EXPECT_EQ(f, pr_nkeys(f), 2);
    struct scsi_nexus *n = nexus_more(f, HOST_C, 3, 2);
    EXPECT_GOOD(f, move(f, n, 9, 4, PR_MOVE_UNREG, 1, HOST_A ",i,0x000000000000"));
    EXPECT_RESERVED(f, PR_EX_ACCESS, 4);
    EXPECT_EQ(f, pr_nkeys(f), 1);
    EXPECT_EQ(f, pr_generation(f), 3);
    scsi_nexus_free(n);
}

/* ---- failures ---------------------------------------------------------------------------- */

/* A save that fails is an error to the initiator, and nothing has changed. */
FIX_TEST(a_failed_save_changes_nothing)
{
    static const struct {
        int err;
        uint8_t key;
        uint16_t asc;
    } rows[] = {
        {-EIO,    SK_HARDWARE_ERROR, 0x4400},
        {-ENOSPC, SK_DATA_PROTECT,   0x2707}
    };
    pr_join(f, f->b, 2, 0);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        gate_fail_attrs(f, rows[i].err);
        EXPECT_CHECK(f, pr_out(f, f->a, PR_REGISTER, 0, 0, 1, 0), rows[i].key, rows[i].asc);
        EXPECT_CHECK(f, pr_out(f, f->b, PR_RESERVE, PR_WRITE_EX, 2, 0, 0), rows[i].key,
                     rows[i].asc);
        gate_fail_attrs(f, 0);
        EXPECT_EQ(f, pr_nkeys(f), 1);
        EXPECT_EQ(f, pr_generation(f), 1);
        EXPECT_RESERVED(f, 0, 0);
    }
    EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER, 0, 0, 1, 0));
    EXPECT_EQ(f, pr_nkeys(f), 2);
}

FIX_TEST(an_aborted_one_changes_nothing)
{
    fmutex_lock(&f->lu->meta);
    struct fix_cmd *c = pr_out_new(f, f->a, PR_REGISTER, 0, 0, 1, 0);
    fix_start(c);
    fix_settle();
    lu_abort_mark(f->lu, NULL, NULL, NULL);
    fmutex_unlock(&f->lu->meta);
    fix_wait(c);
    EXPECT_EQ(f, c->outcome, SCSI_ABORTED);
    EXPECT_EQ(f, pr_nkeys(f), 0);
    fix_free(c);
}

FIX_TEST(registrations_beyond_the_limit_are_refused)
{
    const uint8_t isid[6] = {9};
    for (unsigned i = 0; i < PR_REGS_MAX; i++) {
        char name[64];
        snprintf(name, sizeof(name), "iqn.2026-11.example.host:%u", i);
        struct pr_reg reg = {.who = pr_nexus_make(name, isid, 1), .key = 1};
        EXPECT_EQ(f, pr_state_add(f->lu->pr->now, &reg), 0);
    }
    EXPECT_CHECK(f, pr_out(f, f->a, PR_REGISTER, 0, 0, 1, 0), SK_ILLEGAL_REQUEST, 0x5504);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register_wants_the_key_that_is_there),
        cmocka_unit_test(test_all_tg_pt_registers_at_every_port),
        cmocka_unit_test(test_lengths_of_the_list),
        cmocka_unit_test(test_scopes_and_types),
        cmocka_unit_test(test_spec_i_pt_belongs_to_register),
        cmocka_unit_test(test_spec_i_pt_registers_ports_that_are_not_here_yet),
        cmocka_unit_test(test_spec_i_pt_by_device_name_means_ports_that_are_here),
        cmocka_unit_test(test_a_bad_id_registers_nobody),
        cmocka_unit_test(test_reserve_release_and_their_refusals),
        cmocka_unit_test(test_unregistering_releases),
        cmocka_unit_test(test_clear_tells_all_others),
        cmocka_unit_test(test_preempt_takes_reservation_and_registrations),
        cmocka_unit_test(test_preempt_of_all_registrants),
        cmocka_unit_test(test_preempt_and_abort_ends_the_tasks),
        cmocka_unit_test(test_preempt_and_abort_passes_a_waiting_pr_out),
        cmocka_unit_test(test_register_and_move_hands_the_reservation_over),
        cmocka_unit_test(test_a_failed_save_changes_nothing),
        cmocka_unit_test(test_an_aborted_one_changes_nothing),
        cmocka_unit_test(test_registrations_beyond_the_limit_are_refused),
    };
    return cmocka_run_group_tests_name("pr_out", tests, NULL, NULL);
}
