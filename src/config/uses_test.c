/* SPDX-License-Identifier: BSD-2-Clause */
/* Uses of secrets: they outlive a stop, and a crash but for the last minute; those of pairs that are gone are
 * forgotten; a damaged or unwritable file costs no more than what it held. */
#include "config/config_test.h"

#include "base/log.h"
#include "base/text.h"

#define TARGET    "iqn.2026-11.io.example:t"
#define INI       "iqn.1998-01.com.vmware:a"
#define USES      TEST_DIR "/uses.json"
#define MINUTE_NS (61 * NS_PER_SEC)

struct seen {
    int rc;
    bool known[4];
    struct cfg_use use[4];
    uint64_t since[2];
    struct cfg_care care[2];
};

static int make_pair(struct config_store *s)
{
    static struct cfg_target t;
    struct cfg_initiator i = {.auth = CFG_AUTH_MUTUAL};
    struct cfg_portal p = {.address = "127.0.0.1", .port = 3260};
    struct config_edit *e;
    int rc = config_edit_begin(s, &e, NULL);
    if (rc < 0)
        return rc;
    text_copy(t.name, sizeof(t.name), TARGET);
    text_copy(i.name, sizeof(i.name), INI);
    if ((rc = edit_portal_add(e, 1, &p, NULL)) == 0 &&
        (rc = edit_target_add(e, &t, NULL, 0, NULL)) == 0 &&
        (rc = edit_initiator_add(e, &i, "", NULL)) == 0 &&
        (rc = edit_grant_add(e, INI, TARGET, NULL)) == 0)
        rc = config_edit_commit(e, NULL);
    config_edit_end(e);
    return rc;
}

static void use_by(struct config_store *s, const char *target, const char *address,
                   bool previous)
{
    struct cfg_use use = {
        .when = run_wall() / NS_PER_SEC, .alg = CFG_CHAP_SHA256, .previous = previous};
    text_copy(use.address, sizeof(use.address), address);
    config_used(s, INI, target, &use);
}

static void use_now(struct config_store *s, const char *target, const char *address)
{
    use_by(s, target, address, false);
}

static bool previous_used(struct config_store *s)
{
    const struct config *c = config_current(s);
    uint64_t when = config_previous_use(s, INI, TARGET, &config_grant(c, INI, TARGET)->forward);
    config_put(c);
    return when > 0;
}

static bool last_use(struct config_store *s, const char *target, struct cfg_use *ret_use)
{
    const struct config *c = config_current(s);
    const struct cfg_grant *g = config_grant(c, INI, TARGET);
    static const struct cfg_credential none;
    bool known = config_last_use(s, INI, target, g ? &g->forward : &none, ret_use);
    config_put(c);
    return known;
}

static struct config_store *opened(struct seen *r)
{
    struct config_store *s = NULL;
    r->rc = config_store_open(TEST_DIR, NULL, &s, NULL);
    return s;
}

static void look(void *arg)
{
    struct seen *r = arg;
    struct config_store *s = opened(r);
    r->known[2] = last_use(s, TARGET, &r->use[2]);
    r->known[3] = last_use(s, "", &r->use[3]);
    r->since[1] = config_uses_since(s);
    config_store_close(s);
    world_end();
}

/* ---- what is kept ------------------------------------------------------------------------ */

static void use_and_stop(void *arg)
{
    struct seen *r = arg;
    struct config_store *s = opened(r);
    make_pair(s);
    r->since[0] = config_uses_since(s);
    r->known[0] = last_use(s, TARGET, &r->use[0]);
    use_now(s, TARGET, "192.0.2.1");
    use_now(s, TARGET, "192.0.2.2");
    use_now(s, "", "192.0.2.3");
    r->known[1] = last_use(s, TARGET, &r->use[1]);
    config_store_close(s);
    world_end();
}

static void test_the_last_use_outlives_a_stop(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen r = {.rc = 1};
    in_world(disks, 1, use_and_stop, &r);
    in_world(disks, 2, look, &r);
    assert_int_equal(r.rc, 0);
    assert_false(r.known[0]);
    assert_true(r.known[1] && r.known[2] && r.known[3]);
    assert_string_equal(r.use[2].address, "192.0.2.2");
    assert_string_equal(r.use[3].address, "192.0.2.3");
    assert_int_equal(r.use[2].alg, CFG_CHAP_SHA256);
    assert_int_equal(r.use[2].when, r.use[1].when);
    assert_int_equal(r.since[1], r.since[0]);
    sim_disks_free(disks);
}

static void use_and_crash(void *arg)
{
    struct seen *r = arg;
    struct config_store *s = opened(r);
    make_pair(s);
    use_now(s, TARGET, "192.0.2.1");
    fiber_sleep_until(run_now() + MINUTE_NS, NULL);
    use_now(s, "", "192.0.2.3");
    fiber_sleep_until(run_now() + NS_PER_SEC, NULL);
    sim_power_cut(reactor_run(reactor_self()), SIM_CUT_SUBSET);
}

static void test_a_crash_forgets_a_minute(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen r = {.rc = 1};
    in_world(disks, 1, use_and_crash, &r);
    in_world(disks, 2, look, &r);
    assert_true(r.known[2]);
    assert_string_equal(r.use[2].address, "192.0.2.1");
    assert_false(r.known[3]);
    sim_disks_free(disks);
}

static void take_care(void *arg)
{
    struct seen *r = arg;
    struct config_store *s = opened(r);
    make_pair(s);
    config_backed_up(s, 1);
    fiber_sleep_until(run_now() + 5 * NS_PER_SEC, NULL);
    config_audited(s);
    r->care[0] = config_care(s);
    config_store_close(s);
    world_end();
}

static void look_at_care(void *arg)
{
    struct seen *r = arg;
    struct config_store *s = opened(r);
    r->care[1] = config_care(s);
    config_store_close(s);
    world_end();
}

static void test_a_backup_and_an_audit_are_remembered(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen r = {.rc = 1};
    in_world(disks, 1, take_care, &r);
    in_world(disks, 2, look_at_care, &r);
    assert_int_equal(r.rc, 0);
    assert_true(r.care[0].backup > 0);
    assert_int_equal(r.care[0].audit, r.care[0].backup + 5);
    assert_int_equal(r.care[0].backup_generation, 1);
    assert_memory_equal(&r.care[1], &r.care[0], sizeof(r.care[0]));
    sim_disks_free(disks);
}

/* ---- what is forgotten ------------------------------------------------------------------- */

static int in_edit(struct config_store *s,
                   int (*fn)(struct config_edit *e, const char *initiator, const char *target,
                             struct err *reterr))
{
    struct config_edit *e;
    int rc = config_edit_begin(s, &e, NULL);
    if (rc < 0)
        return rc;
    rc = fn(e, INI, TARGET, NULL);
    if (rc == 0)
        rc = config_edit_commit(e, NULL);
    config_edit_end(e);
    return rc;
}

static void rotate(void *arg)
{
    struct seen *r = arg;
    struct config_store *s = opened(r);
    make_pair(s);
    use_now(s, TARGET, "192.0.2.1");
    fiber_sleep_until(run_now() + 2 * NS_PER_SEC, NULL);
    in_edit(s, edit_secret_rotate);
    r->known[0] = last_use(s, TARGET, &r->use[0]) || previous_used(s);
    use_by(s, TARGET, "192.0.2.1", true);
    r->known[1] = previous_used(s) && !last_use(s, TARGET, &r->use[1]);
    use_now(s, TARGET, "192.0.2.2");
    r->known[2] = last_use(s, TARGET, &r->use[2]) && previous_used(s);
    fiber_sleep_until(run_now() + 2 * NS_PER_SEC, NULL);
    in_edit(s, edit_secret_finish);
    r->known[3] = last_use(s, TARGET, &r->use[3]) && !previous_used(s);
    config_store_close(s);
    world_end();
}

static void test_a_use_is_of_the_secrets_in_force(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen r = {.rc = 1};
    in_world(disks, 1, rotate, &r);
    assert_false(
        r.known
            [0]); /* what was used before is no use of the new, and none since then of the old */
    assert_true(r.known[1]);
    assert_true(r.known[2]);
    assert_true(r.known[3]);
    sim_disks_free(disks);
}

static void take_away(void *arg)
{
    struct seen *r = arg;
    struct config_store *s = opened(r);
    make_pair(s);
    use_now(s, TARGET, "192.0.2.1");
    use_now(s, "", "192.0.2.3");
    in_edit(s, edit_grant_remove);
    fiber_sleep_until(run_now() + MINUTE_NS, NULL);
    r->known[0] = last_use(s, TARGET, &r->use[0]);
    r->known[1] = last_use(s, "", &r->use[1]);
    config_store_close(s);
    world_end();
}

static void test_pairs_that_are_gone_are_forgotten(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen r = {.rc = 1};
    in_world(disks, 1, take_away, &r);
    in_world(disks, 2, look, &r);
    assert_false(r.known[0] || r.known[2]);
    assert_true(r.known[1] && r.known[3]);
    sim_disks_free(disks);
}

/* ---- a file that is bad, or cannot be written --------------------------------------------- */

static void damage(void *arg)
{
    (void)arg;
    struct err e = {.code = 0};
    file_replace(USES, "{\"generation\": 1}", 17, 0600, &e);
    world_end();
}

static void test_a_damaged_file_is_begun_anew(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen r = {.rc = 1};
    in_world(disks, 1, use_and_stop, &r);
    in_world(disks, 2, damage, NULL);
    in_world(disks, 3, look, &r);
    assert_int_equal(r.rc, 0);
    assert_false(r.known[2]);
    assert_true(r.since[1] > 0);
    sim_disks_free(disks);
}

static void fail_a_write(void *arg)
{
    struct seen *r = arg;
    struct run *run = reactor_run(reactor_self());
    struct config_store *s = opened(r);
    make_pair(s);
    sim_fail_writes(run, USES ".tmp", 1, -ENOSPC);
    use_now(s, TARGET, "192.0.2.1");
    fiber_sleep_until(run_now() + MINUTE_NS, NULL);
    sim_fail_writes(run, USES ".tmp", 0, 0);
    fiber_sleep_until(run_now() + MINUTE_NS, NULL);
    sim_power_cut(run, SIM_CUT_SUBSET);
}

static void test_a_write_that_fails_is_made_again(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen r = {.rc = 1};
    in_world(disks, 1, fail_a_write, &r);
    in_world(disks, 2, look, &r);
    assert_true(r.known[2]);
    sim_disks_free(disks);
}

static void quiet(void *arg, enum log_level lvl, const char *event, const struct log_kv *kv,
                  size_t nkv)
{
    (void)arg, (void)lvl, (void)event, (void)kv, (void)nkv;
}

int main(void)
{
    log_set_sink(quiet, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_use_outlives_a_stop),
        cmocka_unit_test(test_a_backup_and_an_audit_are_remembered),
        cmocka_unit_test(test_a_crash_forgets_a_minute),
        cmocka_unit_test(test_a_use_is_of_the_secrets_in_force),
        cmocka_unit_test(test_pairs_that_are_gone_are_forgotten),
        cmocka_unit_test(test_a_damaged_file_is_begun_anew),
        cmocka_unit_test(test_a_write_that_fails_is_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
