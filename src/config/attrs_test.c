/* SPDX-License-Identifier: BSD-2-Clause */
/* Attributes: durable, exclusive where they identify, refused rather than forgotten when the
 * file is damaged. */
#include "config/config_test.h"

#include "base/log.h"
#include "config/attrs.h"
#include "config/generation.h"

static const struct uuid vol_a = {{0xaa}}, vol_b = {{0xbb}};

struct seen {
    int rc[8];
    char *value[4];
    char names[2][64];
    unsigned acked;
    uint64_t at;
};

static void set_step(void *arg)
{
    struct seen *r = arg;
    struct attrs *a;
    char **names;
    attrs_open("/state", &a, NULL);
    struct attr_store *s = attrs_store(a);
    r->rc[0] = s->set(s, &vol_a, VOL_ATTR_NAA, "3111");
    r->rc[1] = s->set(s, &vol_b, VOL_ATTR_NAA, "3111");
    r->rc[2] = s->set(s, &vol_a, "pr.1", "one");
    r->rc[3] = s->set(s, &vol_a, "pr.0", "zero");
    r->rc[4] = s->set(s, &vol_a, "pr.2", "two");
    r->rc[5] = s->set(s, &vol_a, "pr.2", NULL);
    if (s->list(s, &vol_a, "pr.", &names) == 0) {
        for (unsigned i = 0; names[i] && i < 2; i++)
            snprintf(r->names[i], sizeof(r->names[i]), "%s", names[i]);
        r->rc[6] = names[0] && names[1] && !names[2] ? 0 : -1;
        names_free(names);
    }
    attrs_close(a);
    world_end();
}

static void get_step(void *arg)
{
    struct seen *r = arg;
    struct attrs *a;
    attrs_open("/state", &a, NULL);
    struct attr_store *s = attrs_store(a);
    r->rc[0] = s->get(s, &vol_a, "pr.1", &r->value[0]);
    r->rc[1] = s->get(s, &vol_a, "pr.2", &r->value[1]);
    r->rc[2] = s->get(s, &vol_b, VOL_ATTR_NAA, &r->value[2]);
    r->rc[3] = attrs_forget(a, &vol_a);
    r->rc[4] = s->get(s, &vol_a, "pr.1", &r->value[3]);
    r->rc[5] =
        s->set(s, &vol_b, VOL_ATTR_NAA, "3111"); /* its owner is gone; the name is not free */
    r->rc[6] = s->set(s, &vol_a, VOL_ATTR_NAA, "3111"); /* the same volume may bear it again */
    attrs_close(a);
    world_end();
}

static void test_attributes_survive_and_identity_stays_exclusive(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen set = {.rc = {1}}, get = {.rc = {1}};
    in_world(disks, 1, set_step, &set);
    assert_int_equal(set.rc[0], 0);
    assert_int_equal(set.rc[1], -EEXIST);
    for (int i = 2; i < 7; i++)
        assert_int_equal(set.rc[i], 0);
    assert_string_equal(set.names[0], "pr.0");
    assert_string_equal(set.names[1], "pr.1");
    in_world(disks, 2, get_step, &get);
    assert_int_equal(get.rc[0], 0);
    assert_string_equal(get.value[0], "one");
    assert_null(get.value[1]);
    assert_null(get.value[2]);
    assert_null(get.value[3]);
    assert_int_equal(get.rc[5], -EEXIST);
    assert_int_equal(get.rc[6], 0);
    free(get.value[0]);
    sim_disks_free(disks);
}

/* As versions before the leaves left it. */
static void old_ledger_step(void *arg)
{
    struct seen *r = arg;
    struct attrs *a;
    char *text;
    size_t len;
    json_t *values = json_pack("{s:s}", VOL_ATTR_NAA "=3111", "somebody's");
    const struct generation g = {1, 0, values};
    r->rc[0] = generation_encode(&g, &text, &len);
    json_decref(values);
    attrs_open("/state", &a, NULL);
    struct attr_store *s = attrs_store(a);
    r->rc[1] = file_replace("/state/attrs/ledger.json", text, len, 0600, NULL);
    r->rc[2] = s->set(s, &vol_a, VOL_ATTR_NAA, "3111");
    r->rc[3] = s->set(s, &vol_a, VOL_ATTR_NAA, "3222");
    r->rc[4] = s->set(s, &vol_b, VOL_ATTR_NAA, "3222");
    free(text);
    attrs_close(a);
    world_end();
}

static void test_names_in_an_old_ledger_are_taken(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen r = {.rc = {1}};
    in_world(disks, 1, old_ledger_step, &r);
    assert_int_equal(r.rc[0], 0);
    assert_int_equal(r.rc[1], 0);
    assert_int_equal(r.rc[2], -EEXIST);
    assert_int_equal(r.rc[3], 0);
    assert_int_equal(r.rc[4], -EEXIST);
    sim_disks_free(disks);
}

static void damage_step(void *arg)
{
    struct seen *r = arg;
    struct attrs *a;
    file_replace("/state/attrs/aa000000-0000-0000-0000-000000000000.json", "{\"generation\": 1",
                 16, 0600, NULL);
    attrs_open("/state", &a, NULL);
    struct attr_store *s = attrs_store(a);
    r->rc[0] = s->get(s, &vol_a, "pr.1", &r->value[0]);
    r->rc[1] = s->set(s, &vol_a, "pr.1", "x");
    r->rc[2] = s->set(s, &vol_b, "pr.1", "x");
    attrs_close(a);
    world_end();
}

static void test_damaged_attributes_are_an_error_for_their_volume_alone(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen set = {.rc = {1}}, then = {.rc = {1}};
    in_world(disks, 1, set_step, &set);
    in_world(disks, 2, damage_step, &then);
    assert_int_equal(then.rc[0], -EBADMSG);
    assert_int_equal(then.rc[1], -EBADMSG);
    assert_int_equal(then.rc[2], 0);
    sim_disks_free(disks);
}

/* ---- durable on return ------------------------------------------------------------------- */

static void cut_later(void *arg)
{
    const struct seen *r = arg;
    fiber_sleep_until(r->at, NULL);
    sim_power_cut(reactor_run(reactor_self()), SIM_CUT_SUBSET);
}

static void set_until_cut(void *arg)
{
    struct seen *r = arg;
    struct attrs *a;
    attrs_open("/state", &a, NULL);
    r->at = run_now() + 1 + sim_random_below(reactor_run(reactor_self()), 50 * NS_PER_MS);
    fiber_start(cut_later, r, "cut");
    struct attr_store *s = attrs_store(a);
    for (;;) {
        char value[16];
        snprintf(value, sizeof(value), "%u", r->acked + 1);
        if (s->set(s, &vol_a, "count", value) == 0)
            r->acked++;
    }
}

static void read_count(void *arg)
{
    struct seen *r = arg;
    struct attrs *a;
    attrs_open("/state", &a, NULL);
    struct attr_store *s = attrs_store(a);
    r->rc[0] = s->get(s, &vol_a, "count", &r->value[0]);
    attrs_close(a);
    world_end();
}

static void test_acknowledged_attributes_survive_power_cuts(void **state)
{
    (void)state;
    unsigned most = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct sim_disks *disks = sim_disks_new();
        struct seen r = {.acked = 0}, then = {.rc = {1}};
        in_world(disks, seed, set_until_cut, &r);
        in_world(disks, seed + 1000, read_count, &then);
        unsigned found = then.value[0] ? (unsigned)strtoul(then.value[0], NULL, 10) : 0;
        if (then.rc[0] != 0 || found < r.acked || found > r.acked + 1)
            fail_msg("seed %llu: %u acknowledged, %u found, %d", (unsigned long long)seed,
                     r.acked, found, then.rc[0]);
        most = MAX(most, r.acked);
        free(then.value[0]);
        sim_disks_free(disks);
    }
    assert_in_range(most, 5, 100000);
}

/* ---- after a write that failed ---------------------------------------------------------------------- */

static void fail_step(void *arg)
{
    struct seen *r = arg;
    struct run *run = reactor_run(reactor_self());
    struct attrs *a;
    attrs_open("/state", &a, NULL);
    struct attr_store *s = attrs_store(a);
    r->rc[0] = s->set(s, &vol_a, "k", "old");
    sim_fail_flush(run, "/state/attrs", 1, -EIO); /* of the directory: the new file is there */
    r->rc[1] = s->set(s, &vol_a, "k", "new");
    r->rc[2] = s->set(s, &vol_a, "k", "old"); /* equal to what memory has, not to the disk */
    sim_fail_flush(run, "/state/attrs", 0, 0);
    r->rc[3] = s->set(s, &vol_a, "k", "old");
    attrs_close(a);
    world_end();
}

static void read_k(void *arg)
{
    struct seen *r = arg;
    struct attrs *a;
    attrs_open("/state", &a, NULL);
    struct attr_store *s = attrs_store(a);
    r->rc[0] = s->get(s, &vol_a, "k", &r->value[0]);
    attrs_close(a);
    world_end();
}

static void test_taking_a_failed_write_back_is_written(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen r = {.rc = {1}}, then = {.rc = {1}};
    in_world(disks, 1, fail_step, &r);
    assert_int_equal(r.rc[0], 0);
    assert_int_equal(r.rc[1], -EIO);
    assert_int_equal(r.rc[2], -EIO);
    assert_int_equal(r.rc[3], 0);
    in_world(disks, 2, read_k, &then);
    assert_string_equal(then.value[0], "old");
    free(then.value[0]);
    sim_disks_free(disks);
}

/* ---- from another reactor ---------------------------------------------------------------- */

static void set_abroad(void *arg)
{
    struct seen *r = arg;
    struct attr_store *s = (struct attr_store *)(void *)r->value[3];
    r->rc[0] = s->set(s, &vol_a, "k", "v");
    r->rc[1] = s->get(s, &vol_a, "k", &r->value[0]);
}

static void hop_step(void *arg)
{
    struct seen *r = arg;
    struct attrs *a;
    attrs_open("/state", &a, NULL);
    r->value[3] = (char *)(void *)attrs_store(a);
    call_on(run_reactor(reactor_run(reactor_self()), 1), set_abroad, r);
    attrs_close(a);
    world_end();
}

static void test_attributes_may_be_asked_for_on_any_reactor(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen r = {
        .rc = {1, 1}
    };
    in_world(disks, 1, hop_step, &r);
    assert_int_equal(r.rc[0], 0);
    assert_string_equal(r.value[0], "v");
    free(r.value[0]);
    sim_disks_free(disks);
}

static void quiet(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t nkv)
{
    (void)arg;
    (void)level;
    (void)event;
    (void)kv;
    (void)nkv;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes_survive_and_identity_stays_exclusive),
        cmocka_unit_test(test_names_in_an_old_ledger_are_taken),
        cmocka_unit_test(test_damaged_attributes_are_an_error_for_their_volume_alone),
        cmocka_unit_test(test_acknowledged_attributes_survive_power_cuts),
        cmocka_unit_test(test_taking_a_failed_write_back_is_written),
        cmocka_unit_test(test_attributes_may_be_asked_for_on_any_reactor),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
