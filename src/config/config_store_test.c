/* SPDX-License-Identifier: BSD-2-Clause */
/* The store: what a transaction leaves on disk, after power cuts and damage too. */
#include "config/config_test.h"

#include "base/log.h"
#include "config/generation.h"

/* ---- the envelope ------------------------------------------------------------------------ */

static void test_generation_cut_at_any_length_is_refused(void **state)
{
    (void)state;
    char *text;
    size_t len;
    json_t *doc = json_pack("{s:s, s:[i,i,i], s:{s:b}}", "a", "text \"quoted\"", "list", 1, 2,
                            3, "o", "t", 1);
    struct generation g = {7, 5, doc}, got = {.document = NULL};
    assert_int_equal(generation_encode(&g, &text, &len), 0);
    for (size_t cut = 0; cut < len - 1; cut++) {
        struct err err = {.code = 0};
        if (generation_decode(text, cut, &got, &err) != -EBADMSG)
            fail_msg("%zu of %zu bytes were taken for the whole", cut, len);
    }
    assert_int_equal(generation_decode(text, len, &got, NULL), 0);
    assert_int_equal(got.number, 7);
    assert_int_equal(got.secrets, 5);
    assert_true(json_equal(got.document, doc));
    json_decref(got.document);
    json_decref(doc);
    free(text);
}

static void test_generation_with_any_character_changed_is_refused(void **state)
{
    (void)state;
    char *text;
    size_t len;
    json_t *doc = json_pack("{s:s, s:i}", "name", "vm1", "size", 4096);
    struct generation g = {7, 5, doc}, got = {.document = NULL};
    assert_int_equal(generation_encode(&g, &text, &len), 0);
    for (size_t i = 0; i < len; i++) {
        char was = text[i];
        if (was == ' ' || was == '\n')
            continue; /* white space outside of strings means nothing */
        text[i] = (char)(was ^ 1);
        if (generation_decode(text, len, &got, NULL) == 0)
            fail_msg("the change of '%c' at %zu went unnoticed", was, i);
        text[i] = was;
    }
    json_decref(doc);
    free(text);
}

static void test_generation_names(void **state)
{
    (void)state;
    uint64_t n = 0;
    assert_true(generation_name_parse("config.12.json", "config", &n));
    assert_int_equal(n, 12);
    static const char *const others[] = {"config.json",    "config..json", "config.1x.json",
                                         "secrets.1.json", "config.1.tmp", "config.1.json.tmp",
                                         "config.-1.json"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(generation_name_parse(others[i], "config", &n));
}

/* ---- transactions ------------------------------------------------------------------------ */

struct seen {
    int rc, rc2;
    struct err err;
    uint64_t generation;
    unsigned nvolumes, n, published;
    bool flag;
};

static int add_volume(struct config_store *s, const char *name, struct err *err)
{
    struct config_edit *e;
    static struct cfg_volume v = {
        .engine = CFG_MEM, .size = 1 << 20, .block_size = 512, .thin = true};
    snprintf(v.name, sizeof(v.name), "%s", name);
    int rc = config_edit_begin(s, &e, err);
    if (rc < 0)
        return rc;
    rc = edit_volume_add(e, &v, err);
    if (rc == 0)
        rc = config_edit_commit(e, err);
    config_edit_end(e);
    return rc;
}

static void look(struct config_store *s, struct seen *seen)
{
    const struct config *c = config_current(s);
    seen->generation = c->generation;
    seen->nvolumes = c->nvolumes;
    config_put(c);
}

static void fill_store(void *arg)
{
    struct seen *seen = arg;
    struct config_store *s;
    seen->rc = config_store_open(TEST_DIR, NULL, &s, &seen->err);
    for (unsigned i = 0; seen->rc == 0 && i < 13; i++) {
        char name[16];
        snprintf(name, sizeof(name), "vm%u", i);
        seen->rc = add_volume(s, name, &seen->err);
    }
    if (seen->rc == 0)
        look(s, seen);
    char **names;
    if (seen->rc == 0 && file_list(TEST_DIR, &names) == 0) {
        for (seen->n = 0; names[seen->n]; seen->n++)
            ;
        names_free(names);
    }
    config_store_close(s);
    world_end();
}

static void reopen(void *arg)
{
    struct seen *seen = arg;
    struct config_store *s = NULL;
    seen->rc = config_store_open(TEST_DIR, NULL, &s, &seen->err);
    if (seen->rc == 0)
        look(s, seen);
    if (seen->rc == 0)
        config_store_close(s);
    world_end();
}

static void test_committed_generations_are_there_after_a_restart(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen first = {.rc = 1}, then = {.rc = 1};
    in_world(disks, 1, fill_store, &first);
    assert_int_equal(first.rc, 0);
    assert_int_equal(first.generation, 13);
    assert_int_equal(first.n,
                     STORE_KEEP + 1 + 2 + 2); /* kept, newest, secrets twice, attrs/, lock */
    in_world(disks, 2, reopen, &then);
    assert_int_equal(then.rc, 0);
    assert_int_equal(then.nvolumes, 13);
    assert_int_equal(then.generation, 13);
    sim_disks_free(disks);
}

/* Damages a file of the store and opens it. */
struct damage {
    const char *path;
    size_t keep; /* bytes that stay; SIZE_MAX: the file goes */
    struct seen seen;
};

static void damage_and_reopen(void *arg)
{
    struct damage *d = arg;
    char *text;
    size_t len;
    if (d->keep == SIZE_MAX) {
        d->seen.rc2 = file_unlink(d->path);
    } else {
        d->seen.rc2 = file_slurp(d->path, 1 << 20, &text, &len);
        if (d->seen.rc2 == 0) {
            d->seen.rc2 = file_replace(d->path, text, MIN(d->keep, len), 0600, NULL);
            free(text);
        }
    }
    reopen(&d->seen);
}

static void test_half_written_newest_falls_back_to_the_last_good_one(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen first = {.rc = 1};
    in_world(disks, 1, fill_store, &first);
    static struct damage steps[] = {
        {.path = TEST_DIR "/config.json",    .keep = 100     },
        {.path = TEST_DIR "/config.13.json", .keep = 0       },
        {.path = TEST_DIR "/config.12.json", .keep = SIZE_MAX},
    };
    static const unsigned volumes[] = {13, 12, 11};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        in_world(disks, 2 + i, damage_and_reopen, &steps[i]);
        assert_int_equal(steps[i].seen.rc2, 0);
        assert_int_equal(steps[i].seen.rc, 0);
        assert_int_equal(steps[i].seen.nvolumes, volumes[i]);
    }
    sim_disks_free(disks);
}

static void test_store_without_a_good_generation_does_not_open(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen first = {.rc = 1};
    in_world(disks, 1, fill_store, &first);
    struct damage secrets = {.path = TEST_DIR "/secrets.json", .keep = SIZE_MAX};
    in_world(disks, 2, damage_and_reopen, &secrets);
    assert_int_equal(secrets.seen.rc, 0); /* the numbered copy is as good */
    secrets.path = TEST_DIR "/secrets.1.json";
    in_world(disks, 3, damage_and_reopen, &secrets);
    assert_int_equal(secrets.seen.rc, -EIO);
    assert_non_null(strstr(secrets.seen.err.msg, "backup"));
    sim_disks_free(disks);
}

/* ---- power cuts: what was acknowledged is there, and nothing half ------------------------ */

struct cut_run {
    unsigned acked;
    uint64_t within; /* ns, of the cut's random time */
    uint64_t at;     /* deadline of the cut */
    struct err err;
};

static void cut_later(void *arg)
{
    const struct cut_run *r = arg;
    fiber_sleep_until(r->at, NULL);
    sim_power_cut(reactor_run(reactor_self()), SIM_CUT_SUBSET);
}

static void commit_until_cut(void *arg)
{
    struct cut_run *r = arg;
    struct config_store *s;
    if (config_store_open(TEST_DIR, NULL, &s, &r->err) < 0) {
        world_end();
        return;
    }
    r->at = run_now() + 1 + sim_random_below(reactor_run(reactor_self()), r->within);
    fiber_start(cut_later, r, "cut");
    for (;;) {
        char name[32];
        snprintf(name, sizeof(name), "v%u", r->acked);
        if (add_volume(s, name, &r->err) == 0)
            r->acked++;
    }
}

static void test_acknowledged_transactions_survive_power_cuts(void **state)
{
    (void)state;
    unsigned most = 0;
    for (uint64_t seed = 1; seed <= 80; seed++) {
        struct sim_disks *disks = sim_disks_new();
        /* Every other one while the first transaction is being written. */
        struct cut_run r = {.within = seed % 2 ? 20 * NS_PER_MS : 200 * NS_PER_MS};
        struct seen then = {.rc = 1};
        in_world(disks, seed, commit_until_cut, &r);
        in_world(disks, seed + 1000, reopen, &then);
        if (then.rc != 0 || then.nvolumes < r.acked || then.nvolumes > r.acked + 1)
            fail_msg("seed %llu: %u acknowledged, %u found, %d %s", (unsigned long long)seed,
                     r.acked, then.nvolumes, then.rc, then.err.msg);
        most = MAX(most, r.acked);
        sim_disks_free(disks);
    }
    assert_in_range(most, 3, 1000); /* the cuts came while there was something to lose */
}

/* ---- a full disk ------------------------------------------------------------------------- */

static int count_publication(void *arg, const struct config *c, struct err *reterr)
{
    (void)c;
    (*(unsigned *)arg)++;
    return err_set(reterr, -ENOENT, "the subscriber's complaint");
}

static void fail_a_commit(void *arg)
{
    struct seen *seen = arg;
    struct run *run = reactor_run(reactor_self());
    struct config_store *s;
    config_store_open(TEST_DIR, NULL, &s, &seen->err);
    config_subscribe(s, count_publication, &seen->published);
    seen->rc = add_volume(s, "kept", &seen->err);
    sim_fail_writes(run, TEST_DIR "/config.json.tmp", 1, -ENOSPC);
    seen->rc2 = add_volume(s, "lost", &seen->err);
    sim_fail_writes(run, TEST_DIR "/config.json.tmp", 0, 0);
    look(s, seen);
    config_store_close(s);
    world_end();
}

static void test_failed_commit_changes_nothing(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen seen = {.rc = 1}, then = {.rc = 1};
    in_world(disks, 1, fail_a_commit, &seen);
    assert_int_equal(seen.rc, 0); /* the subscriber's error takes nothing back */
    assert_int_equal(seen.rc2, -ENOSPC);
    assert_int_equal(seen.nvolumes, 1);
    assert_int_equal(seen.published, 1);
    in_world(disks, 2, reopen, &then);
    assert_int_equal(then.nvolumes, 1);
    sim_disks_free(disks);
}

static void open_twice(void *arg)
{
    struct seen *r = arg;
    struct config_store *a, *b;
    r->rc = config_store_open(TEST_DIR, NULL, &a, &r->err);
    r->rc2 = config_store_open(TEST_DIR, NULL, &b, &r->err);
    config_store_close(a);
    world_end();
}

static void test_one_state_has_one_daemon(void **state)
{
    (void)state;
    struct sim_disks *disks = sim_disks_new();
    struct seen r = {.rc = 1};
    in_world(disks, 1, open_twice, &r);
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.rc2, -EBUSY);
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
        cmocka_unit_test(test_generation_cut_at_any_length_is_refused),
        cmocka_unit_test(test_generation_with_any_character_changed_is_refused),
        cmocka_unit_test(test_generation_names),
        cmocka_unit_test(test_committed_generations_are_there_after_a_restart),
        cmocka_unit_test(test_half_written_newest_falls_back_to_the_last_good_one),
        cmocka_unit_test(test_store_without_a_good_generation_does_not_open),
        cmocka_unit_test(test_acknowledged_transactions_survive_power_cuts),
        cmocka_unit_test(test_failed_commit_changes_nothing),
        cmocka_unit_test(test_one_state_has_one_daemon),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
