/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of persistent reservations survives: every test runs several lives of the daemon over
 * one attribute store, and cuts some of them short between any two writes.
 */
#include "scsi/pr_testing.h"

#include <errno.h>

/* ---- a store that dies ------------------------------------------------------------------- */

struct mortal {
    struct attr_store store;
    struct attr_store *mem;
    int writes_left; /* then the machine is off: writes are lost. -1: it lives */
    int fails;       /* the write that fails, counted down; -1: none */
    unsigned writes;
};

static int mortal_get(struct attr_store *s, const struct uuid *id, const char *name,
                      char **ret_value)
{
    struct mortal *m = container_of(s, struct mortal, store);
    return m->mem->get(m->mem, id, name, ret_value);
}
static int mortal_set(struct attr_store *s, const struct uuid *id, const char *name,
                      const char *value)
{
    struct mortal *m = container_of(s, struct mortal, store);
    m->writes++;
    if (m->fails >= 0 && m->fails-- == 0)
        return -EIO;
    if (m->writes_left == 0)
        return 0;
    m->writes_left -= m->writes_left > 0;
    return m->mem->set(m->mem, id, name, value);
}
static int mortal_list(struct attr_store *s, const struct uuid *id, const char *prefix,
                       char ***ret_names)
{
    struct mortal *m = container_of(s, struct mortal, store);
    return m->mem->list(m->mem, id, prefix, ret_names);
}

static struct mortal *mortal_new(void)
{
    struct mortal *m = calloc(1, sizeof(*m));
    m->store = (struct attr_store){mortal_get, mortal_set, mortal_list};
    m->mem = attr_mem_new();
    m->writes_left = m->fails = -1;
    return m;
}
static void mortal_free(struct mortal *m)
{
    attr_mem_free(m->mem);
    free(m);
}
static struct mortal *mortal_of(struct fix *f)
{
    return container_of(f->opts.attrs, struct mortal, store);
}

/* One life of the daemon. */
static void live(struct mortal *m, uint8_t boot, void (*body)(struct fix *f))
{
    const struct fix_opts opts = {.attrs = &m->store, .boot = boot};
    fix_run(body, &opts);
}

static unsigned nattrs(struct fix *f)
{
    unsigned n = 0;
    char **names = NULL;
    EXPECT_EQ(f, volume_list_attr(f->vol, "scsi.pr", &names), 0);
    for (char **name = names; *name; name++) {
        n++;
        free(*name);
    }
    free(names);
    return n;
}

/* ---- lives ------------------------------------------------------------------------------- */

static void body_reserve_aptpl(struct fix *f)
{
    pr_join(f, f->a, 0xfedcba9876543210, PR_OUT_APTPL);
    pr_join(f, f->b, 2, PR_OUT_APTPL);
    EXPECT_GOOD(f, pr_out(f, f->b, PR_RESERVE, PR_EX_ACCESS_REG, 2, 0, 0));
}
static void body_reserve(struct fix *f)
{
    pr_join(f, f->a, 0xfedcba9876543210, 0);
    pr_join(f, f->b, 2, 0);
    EXPECT_GOOD(f, pr_out(f, f->b, PR_RESERVE, PR_EX_ACCESS_REG, 2, 0, 0));
}
static void expect_reserved(struct fix *f)
{
    EXPECT_EQ(f, pr_nkeys(f), 2);
    EXPECT(f, pr_has_key(f, 0xfedcba9876543210) && pr_has_key(f, 2));
    EXPECT_RESERVED(f, PR_EX_ACCESS_REG, 2);
    EXPECT_GOOD(f,
                pr_out(f, f->b, PR_RESERVE, PR_EX_ACCESS_REG, 2, 0, 0)); /* its holder still */
    EXPECT_CONFLICT(f, pr_out(f, f->a, PR_RESERVE, PR_EX_ACCESS_REG, 0xfedcba9876543210, 0, 0));
    EXPECT_EQ(f, nattrs(f), 3);
}
static void body_still_there(struct fix *f)
{
    expect_reserved(f);
    EXPECT_EQ(f, pr_generation(f), 2);
}
static void body_still_there_after_power_loss(struct fix *f)
{
    expect_reserved(f);
    EXPECT_EQ(f, pr_generation(f), 0);
}
static void body_gone(struct fix *f)
{
    EXPECT_EQ(f, pr_nkeys(f), 0);
    EXPECT_RESERVED(f, 0, 0);
    EXPECT_EQ(f, pr_generation(f), 0);
    EXPECT_EQ(f, nattrs(f), 1); /* no slot is left behind */
}

static void test_aptpl_survives_a_power_loss(void **state)
{
    struct mortal *m = mortal_new();
    (void)state;
    live(m, 1, body_reserve_aptpl);
    live(m, 1, body_still_there);
    live(m, 2, body_still_there_after_power_loss);
    live(m, 0, body_still_there_after_power_loss);
    mortal_free(m);
}

static void test_without_aptpl_a_restart_keeps_and_a_power_loss_forgets(void **state)
{
    struct mortal *m = mortal_new();
    (void)state;
    live(m, 1, body_reserve);
    live(m, 1, body_still_there);
    live(m, 2, body_gone);
    live(m, 2, body_gone);
    live(m, 1, body_gone);
    mortal_free(m);
}

static void test_without_a_known_boot_every_start_is_a_power_on(void **state)
{
    struct mortal *m = mortal_new();
    (void)state;
    live(m, 0, body_reserve);
    live(m, 0, body_gone);
    mortal_free(m);
}

/* ---- cut short --------------------------------------------------------------------------- */

/* Preempting replaces the holder and removes two: several writes. */
static void body_setup_preempt(struct fix *f)
{
    struct scsi_nexus *c = nexus_more(f, "iqn.2026-11.example.host:c", 3, 1);
    pr_join(f, f->a, 1, PR_OUT_APTPL);
    pr_join(f, f->b, 2, PR_OUT_APTPL);
    pr_join(f, c, 2, PR_OUT_APTPL);
    EXPECT_GOOD(f, pr_out(f, f->b, PR_RESERVE, PR_WRITE_EX_REG, 2, 0, 0));
    scsi_nexus_free(c);
}
static void body_preempt(struct fix *f)
{
    mortal_of(f)->writes = 0;
    EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER, 0, 1, 5, PR_OUT_APTPL));
    EXPECT_GOOD(f, pr_out(f, f->a, PR_PREEMPT, PR_EX_ACCESS, 5, 2, 0));
}
/* One of the states in between, whole. */
static void body_before_or_after(struct fix *f)
{
    uint64_t key;
    unsigned type = pr_reserved(f, &key), n = pr_nkeys(f);
    bool before =
        type == PR_WRITE_EX_REG && key == 2 && n == 3 && (pr_has_key(f, 1) || pr_has_key(f, 5));
    bool after = type == PR_EX_ACCESS && key == 5 && n == 1 && pr_has_key(f, 5);
    EXPECT(f, before || after);
    EXPECT_EQ(f, nattrs(f), n + 1);
}
static void body_after(struct fix *f)
{
    EXPECT_RESERVED(f, PR_EX_ACCESS, 5);
    EXPECT_EQ(f, pr_nkeys(f), 1);
}

static void test_a_cut_between_any_two_writes_leaves_before_or_after(void **state)
{
    unsigned writes = 1;
    (void)state;
    for (unsigned cut = 0; cut <= writes; cut++) {
        struct mortal *m = mortal_new();
        live(m, 1, body_setup_preempt);
        m->writes_left = (int)cut;
        live(m, 1, body_preempt);
        writes = m->writes;
        m->writes_left = -1;
        live(m, 2, cut == writes ? body_after : body_before_or_after);
        live(m, 3, body_before_or_after);
        mortal_free(m);
    }
    assert_true(writes >= 5);
}

/* A changed key goes to a place of its own: the old one counts until the head says otherwise. */
static void body_one_key(struct fix *f)
{
    pr_join(f, f->a, 1, PR_OUT_APTPL);
}
static void body_change_key(struct fix *f)
{
    EXPECT_GOOD(f, pr_out(f, f->a, PR_REGISTER, 0, 1, 5, PR_OUT_APTPL));
}
static void body_old_key(struct fix *f)
{
    EXPECT(f, pr_has_key(f, 1) && pr_nkeys(f) == 1);
}
static void body_new_key(struct fix *f)
{
    EXPECT(f, pr_has_key(f, 5) && pr_nkeys(f) == 1);
}

static void test_a_key_changes_with_the_head(void **state)
{
    (void)state;
    for (int cut = 0; cut < 3; cut++) { /* the registration, the head, the old registration */
        struct mortal *m = mortal_new();
        live(m, 1, body_one_key);
        m->writes_left = cut;
        live(m, 1, body_change_key);
        m->writes_left = -1;
        live(m, 2, cut < 2 ? body_old_key : body_new_key);
        mortal_free(m);
    }
}

/* ---- failing writes ---------------------------------------------------------------------- */

/* Whichever write fails, the next request finds slots it may use, and what it saves is what is
 * loaded. */
static void body_fail_then_go_on(struct fix *f)
{
    EXPECT_CHECK(f, pr_out(f, f->a, PR_REGISTER, 0, 0, 1, PR_OUT_APTPL), SK_HARDWARE_ERROR,
                 0x4400);
    EXPECT_EQ(f, pr_nkeys(f), 0);
    pr_join(f, f->b, 2, PR_OUT_APTPL);
    pr_join(f, f->a, 3, PR_OUT_APTPL);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, PR_WRITE_EX, 3, 0, 0));
}
static void body_went_on(struct fix *f)
{
    EXPECT(f, pr_has_key(f, 2) && pr_has_key(f, 3) && pr_nkeys(f) == 2);
    EXPECT_RESERVED(f, PR_WRITE_EX, 3);
    EXPECT_EQ(f, nattrs(f), 3);
}

static void body_nothing(struct fix *f) /* identity is minted */
{
    EXPECT_EQ(f, pr_nkeys(f), 0);
}

static void test_a_failed_write_confuses_nobody(void **state)
{
    (void)state;
    for (int fails = 0; fails < 2; fails++) { /* the registration, the head */
        struct mortal *m = mortal_new();
        live(m, 1, body_nothing);
        m->fails = fails;
        live(m, 1, body_fail_then_go_on);
        live(m, 1, body_went_on);
        mortal_free(m);
    }
}

/* The old head is put back before a slot is used again; while that fails, nothing can be
 * changed. */
static void body_head_fails_twice(struct fix *f)
{
    pr_join(f, f->b, 2, PR_OUT_APTPL);
    mortal_of(f)->fails = 1; /* the head */
    EXPECT_CHECK(f, pr_out(f, f->a, PR_REGISTER, 0, 0, 1, PR_OUT_APTPL), SK_HARDWARE_ERROR,
                 0x4400);
    mortal_of(f)->fails = 0; /* the old head */
    EXPECT_CHECK(f, pr_out(f, f->a, PR_REGISTER, 0, 0, 1, PR_OUT_APTPL), SK_HARDWARE_ERROR,
                 0x4400);
    EXPECT(f, f->lu->pr->unsure);
    pr_join(f, f->a, 3, PR_OUT_APTPL);
    EXPECT(f, !f->lu->pr->unsure);
    EXPECT_GOOD(f, pr_out(f, f->a, PR_RESERVE, PR_WRITE_EX, 3, 0, 0));
}

static void test_a_head_that_may_or_may_not_be_there_is_settled_first(void **state)
{
    struct mortal *m = mortal_new();
    (void)state;
    live(m, 1, body_head_fails_twice);
    live(m, 1, body_went_on);
    mortal_free(m);
}

/* ---- what cannot be read ----------------------------------------------------------------- */

#define EPOCH "00000000000000000000000000000000" /* an epoch */

static const struct load_row {
    const char *head, *slot1;
    int err;
} load_rows[] = {
    {"1 1 1 0 " EPOCH " 1 1",        "0000000000000001 1 000000000000 iqn.x",     0       },
    {"1 1 0 0 " EPOCH " 0",          NULL,                                        0       },
    {"1 1 7 0 " EPOCH " 0 1",        "0000000000000001 1 000000000000 iqn.x y",   0       },
    {"",                             NULL,                                        -EBADMSG},
    {"2 1 0 0 " EPOCH " 0",          NULL,                                        -EBADMSG},
    {"1 2 0 0 " EPOCH " 0",          NULL,                                        -EBADMSG},
    {"1 1 2 0 " EPOCH " 1 1",        "0000000000000001 1 000000000000 iqn.x",     -EBADMSG},
    {"1 1 9 0 " EPOCH " 1 1",        "0000000000000001 1 000000000000 iqn.x",     -EBADMSG},
    {"1 1 0 4294967296 " EPOCH " 0", NULL,                                        -EBADMSG},
    {"1 1 0 0 00 0",                 NULL,                                        -EBADMSG},
    {"1 1 0 0 " EPOCH,               NULL,                                        -EBADMSG},
    {"1 1 0 0 " EPOCH " 0 0",        NULL,                                        -EBADMSG},
    {"1 1 0 0 " EPOCH " 0 1",        NULL,                                        -EBADMSG},
    {"1 1 0 0 " EPOCH " 0 1",        "",                                          -EBADMSG},
    {"1 1 0 0 " EPOCH " 0 1",        "0000000000000000 1 000000000000 iqn.x",     -EBADMSG},
    {"1 1 0 0 " EPOCH " 0 1",        "0000000000000001 70000 000000000000 iqn.x", -EBADMSG},
    {"1 1 0 0 " EPOCH " 0 1",        "0000000000000001 1 00000000000 iqn.x",      -EBADMSG},
    {"1 1 0 0 " EPOCH " 0 1",        "0000000000000001 1 000000000000",           -EBADMSG},
    {"1 1 1 0 " EPOCH " 0 1",        "0000000000000001 1 000000000000 iqn.x",     -EBADMSG},
    {"1 1 7 0 " EPOCH " 1 1",        "0000000000000001 1 000000000000 iqn.x",     -EBADMSG},
    {"1 1 8 0 " EPOCH " 0",          NULL,                                        -EBADMSG},
};

static void body_load(struct fix *f)
{
    for (unsigned i = 0; i < ARRAY_LEN(load_rows); i++) {
        const struct load_row *r = &load_rows[i];
        struct pr_state *s = NULL;
        EXPECT_EQ(f, volume_set_attr(f->vol, "scsi.pr", r->head), 0);
        EXPECT_EQ(f, volume_set_attr(f->vol, "scsi.pr.1", r->slot1), 0);
        if (pr_store_load(f->lu, &s) != r->err)
            fix_fail(f, __FILE__, __LINE__, r->head, i, r->err);
        pr_state_free(s);
    }
}

static void test_what_cannot_be_read_is_not_served(void **state)
{
    (void)state;
    fix_run(body_load, &(struct fix_opts){.size = 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aptpl_survives_a_power_loss),
        cmocka_unit_test(test_without_aptpl_a_restart_keeps_and_a_power_loss_forgets),
        cmocka_unit_test(test_without_a_known_boot_every_start_is_a_power_on),
        cmocka_unit_test(test_a_cut_between_any_two_writes_leaves_before_or_after),
        cmocka_unit_test(test_a_key_changes_with_the_head),
        cmocka_unit_test(test_a_failed_write_confuses_nobody),
        cmocka_unit_test(test_a_head_that_may_or_may_not_be_there_is_settled_first),
        cmocka_unit_test(test_what_cannot_be_read_is_not_served),
    };
    return cmocka_run_group_tests_name("pr_store", tests, NULL, NULL);
}
