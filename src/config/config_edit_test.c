/* SPDX-License-Identifier: BSD-2-Clause */
/* Transactions: what a commit fills in, what an edit refuses, what is shown once. */
#include "config/config_test.h"

#include "base/log.h"
#include "base/text.h"

#define TARGET "iqn.2026-11.io.example:t"
#define INI_A  "iqn.1998-01.com.vmware:a"
#define INI_B  "iqn.1998-01.com.vmware:b"

/* What a test's fiber saw; n, flags and text mean what the test says. */
struct seen {
    int rc[16];
    struct err err[16];
    unsigned n[8];
    bool flag[8];
    char text[8][300];
};

typedef void (*step_fn)(struct config_store *s, struct seen *seen);
struct world_arg {
    step_fn fn;
    struct seen *seen;
};

static void with_store(void *arg)
{
    struct world_arg *w = arg;
    struct config_store *s = NULL;
    struct err err = {.code = 0};
    if (config_store_open(TEST_DIR, NULL, &s, &err) == 0) {
        w->fn(s, w->seen);
        config_store_close(s);
    }
    world_end();
}

static struct seen seen; /* too large for a stack frame */

static void run_step(step_fn fn)
{
    struct sim_disks *disks = sim_disks_new();
    struct world_arg w = {fn, &seen};
    memset(&seen, 0, sizeof(seen));
    memset(seen.rc, 0x7f, sizeof(seen.rc)); /* a step that was not reached is no success */
    in_world(disks, 1, with_store, &w);
    sim_disks_free(disks);
}

/* ---- a configuration with one of everything ---------------------------------------------- */

static const struct cfg_volume volume_v1 = {
    .name = "v1", .engine = CFG_MEM, .size = 1 << 20, .block_size = 512, .thin = true};

static int add_initiator(struct config_edit *e, const char *name, const char *host,
                         enum cfg_auth auth)
{
    struct cfg_initiator i = {.auth = auth};
    text_copy(i.name, sizeof(i.name), name);
    return edit_initiator_add(e, &i, host, NULL);
}

static int add_basics(struct config_edit *e, struct err *err)
{
    static struct cfg_target t = {.alias = "x"};
    struct cfg_portal p = {.address = "127.0.0.1", .port = 3260};
    uint16_t lun;
    text_copy(t.name, sizeof(t.name), TARGET);
    int rc = edit_volume_add(e, &volume_v1, err);
    if (rc == 0)
        rc = edit_portal_add(e, 1, &p, err);
    if (rc == 0)
        rc = edit_target_add(e, &t, NULL, 0, err);
    if (rc == 0)
        rc = edit_lun_add(e, TARGET, LUN_CHOOSE, "v1", &lun, err);
    if (rc == 0)
        rc = edit_host_add(e, "esx", err);
    if (rc == 0)
        rc = add_initiator(e, INI_A, "esx", CFG_AUTH_MUTUAL);
    return rc < 0 ? rc : edit_grant_add(e, "esx", TARGET, err);
}

static int begin(struct config_store *s, struct config_edit **e)
{
    return config_edit_begin(s, e, NULL);
}

static int commit_basics(struct config_store *s)
{
    struct config_edit *e;
    begin(s, &e);
    int rc = add_basics(e, NULL);
    if (rc == 0)
        rc = config_edit_commit(e, NULL);
    config_edit_end(e);
    return rc;
}

/* ---- secrets are minted once and shown once ---------------------------------------------- */

static void mint_step(struct config_store *s, struct seen *r)
{
    struct config_edit *e;
    const struct minted *m;
    begin(s, &e);
    r->rc[0] = add_basics(e, &r->err[0]);
    r->rc[1] = config_edit_commit(e, &r->err[1]);
    m = config_edit_minted(e, &r->n[0]);
    for (unsigned i = 0; i < r->n[0] && i < 2; i++)
        snprintf(r->text[i], sizeof(r->text[i]), "%s>%s %zu %zu", m[i].initiator, m[i].target,
                 strlen(m[i].secret), strlen(m[i].reverse_secret));
    config_edit_end(e);

    begin(s, &e); /* a second initiator joins the host: only its pairs are new */
    r->rc[2] = add_initiator(e, INI_B, "esx", CFG_AUTH_ONE_WAY);
    r->rc[3] = config_edit_commit(e, &r->err[3]);
    m = config_edit_minted(e, &r->n[1]);
    for (unsigned i = 0; i < r->n[1] && i < 2; i++)
        snprintf(r->text[2 + i], sizeof(r->text[0]), "%s>%s %zu %zu", m[i].initiator,
                 m[i].target, strlen(m[i].secret), strlen(m[i].reverse_secret));
    config_edit_end(e);
    const struct config *c = config_current(s);
    r->n[2] = config_grant(c, INI_A, TARGET)->reverse.secret[0].len;
    r->n[3] = config_grant(c, INI_B, TARGET)->reverse.secret[0].len;
    config_put(c);
}

static void test_commit_mints_what_new_pairs_need(void **state)
{
    (void)state;
    run_step(mint_step);
    for (int i = 0; i < 4; i++)
        assert_int_equal(seen.rc[i], 0);
    assert_int_equal(seen.n[0], 2);
    assert_string_equal(seen.text[0], INI_A "> 16 16"); /* discovery */
    assert_string_equal(seen.text[1], INI_A ">" TARGET " 16 16");
    assert_int_equal(seen.n[1], 2);
    assert_string_equal(seen.text[3], INI_B ">" TARGET " 16 0"); /* one-way */
    assert_int_equal(seen.n[2], 16);
    assert_int_equal(seen.n[3], 0);
}

/* ---- numbers of LUNs --------------------------------------------------------------------- */

/* In a transaction of its own; a volume is one LUN of a target. */
static int chosen(struct config_store *s)
{
    struct config_edit *e;
    uint16_t lun = 0;
    begin(s, &e);
    int rc = edit_lun_add(e, TARGET, LUN_CHOOSE, "v1", &lun, NULL);
    if (rc == 0)
        rc = config_edit_commit(e, NULL);
    config_edit_end(e);
    return rc < 0 ? rc : lun;
}

static int given_up(struct config_store *s, uint16_t lun)
{
    struct config_edit *e;
    begin(s, &e);
    int rc = edit_lun_remove(e, TARGET, lun, NULL);
    if (rc == 0)
        rc = config_edit_commit(e, NULL);
    config_edit_end(e);
    return rc;
}

static void luns_step(struct config_store *s, struct seen *r)
{
    struct config_edit *e;
    uint16_t lun;
    r->rc[0] = commit_basics(s); /* LUN 0 */
    r->rc[1] = given_up(s, 0);
    r->rc[2] = chosen(s); /* 1, for 0 was used */
    begin(s, &e);         /* in one transaction: another number, too */
    edit_lun_remove(e, TARGET, 1, NULL);
    r->rc[3] = edit_lun_add(e, TARGET, LUN_CHOOSE, "v1", &lun, NULL) == 0 ? lun : -1;
    config_edit_end(e);
    begin(s, &e); /* one that is asked for is in use again, not past */
    edit_lun_remove(e, TARGET, 1, NULL);
    r->rc[4] = edit_lun_add(e, TARGET, 0, "v1", &lun, NULL);
    r->rc[5] = config_edit_commit(e, NULL);
    config_edit_end(e);
    r->rc[6] = given_up(s, 0);
    for (int n = 2; n <= 254; n++) {
        r->rc[7] = chosen(s);
        r->rc[8] = given_up(s, (uint16_t)r->rc[7]);
    }
    r->rc[9] = chosen(s); /* all were used; 1 was given up first */
    r->rc[10] = given_up(s, 1);
    r->rc[11] = chosen(s); /* then 0 */
}

static void test_numbers_of_luns_are_used_again_last(void **state)
{
    (void)state;
    run_step(luns_step);
    static const int want[] = {0, 0, 1, 2, 0, 0, 0, 254, 0, 1, 0, 0};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(seen.rc[i], want[i]);
}

/* ---- rotation ---------------------------------------------------------------------------- */

static void note_pair(struct config_store *s, struct seen *r, int at)
{
    const struct config *c = config_current(s);
    const struct cfg_grant *g = config_grant(c, INI_A, TARGET);
    memcpy(r->text[at], g->forward.secret[0].bytes, g->forward.secret[0].len);
    memcpy(r->text[at + 1], g->forward.secret[1].bytes, g->forward.secret[1].len);
    config_put(c);
}

static void rotate_step(struct config_store *s, struct seen *r)
{
    struct config_edit *e;
    r->rc[0] = commit_basics(s);
    note_pair(s, r, 0);
    begin(s, &e);
    r->rc[1] = edit_secret_rotate(e, INI_A, TARGET, &r->err[1]);
    r->rc[2] = config_edit_commit(e, &r->err[2]);
    config_edit_minted(e, &r->n[0]);
    config_edit_end(e);
    note_pair(s, r, 2);
    begin(s, &e);
    r->rc[3] = edit_secret_finish(e, INI_A, TARGET, &r->err[3]);
    r->rc[4] = config_edit_commit(e, &r->err[4]);
    config_edit_end(e);
    note_pair(s, r, 4);
    begin(s, &e);
    r->rc[5] = edit_secret_set(e, INI_A, TARGET, "too-short", NULL, &r->err[5]);
    r->rc[6] =
        edit_secret_set(e, INI_A, TARGET, "my-own-secret-1", "my-own-secret-1", &r->err[6]);
    r->rc[7] = config_edit_commit(e, &r->err[7]); /* the same in both directions */
    config_edit_end(e);
    begin(s, &e);
    r->rc[8] = edit_secret_rotate(e, INI_B, TARGET, &r->err[8]);
    config_edit_end(e);
    note_pair(s, r, 6);
}

static void test_rotation_keeps_the_old_secret_until_finished(void **state)
{
    (void)state;
    run_step(rotate_step);
    for (int i = 0; i < 5; i++)
        assert_int_equal(seen.rc[i], 0);
    assert_int_equal(seen.n[0], 1);
    assert_string_equal(seen.text[1], "");
    assert_string_equal(seen.text[3], seen.text[0]);
    assert_string_not_equal(seen.text[2], seen.text[0]);
    assert_string_equal(seen.text[4], seen.text[2]);
    assert_string_equal(seen.text[5], "");
}

static void weak_step(struct config_store *s, struct seen *r)
{
    static const char *const own[] = {"aaaaaaaaaaaaaaab", "kT8wq2ZrM5xc9HvB"};
    struct config_edit *e;
    commit_basics(s);
    for (unsigned i = 0; i < 2; i++) {
        begin(s, &e);
        edit_secret_set(e, INI_A, TARGET, own[i], NULL, &r->err[i]);
        r->rc[i] = config_edit_commit(e, &r->err[i]);
        r->err[i] = *config_edit_warning(e);
        config_edit_end(e);
    }
}

static void test_of_weak_secrets_it_warns(void **state)
{
    (void)state;
    run_step(weak_step);
    assert_int_equal(seen.rc[0], 0);
    assert_int_equal(seen.rc[1], 0);
    assert_non_null(strstr(seen.err[0].msg, "easily guessed"));
    assert_null(strstr(seen.err[0].msg, "aaaa"));
    assert_int_equal(seen.err[1].code, 0);
}

static void test_what_is_weak(void **state)
{
    (void)state;
    static const struct {
        const char *secret;
        bool weak;
    } rows[] = {
        {"aaaaaaaaaaaaaaaa",      true },
        {"abababababababab",      true },
        {"abcdefghijklmnop",      true },
        {"1234567890123456",      true },
        {"qwertyuiopasdfgh",      true },
        {"Secret0123456789",      true },
        {"zZzZzZzZzZzZzZzZ",      true },
        {"password1234567",       true },
        {"abc123abc123abc1",      true },
        {"mnbvcxzlkjhgfdsa",      true },
        {"kT8wq2ZrM5xc9HvB",      false},
        {"9fK2wqT7mZx4",          false},
        {"correct.horse.battery", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (cfg_secret_weak(rows[i].secret, strlen(rows[i].secret)) != rows[i].weak)
            fail_msg("%s", rows[i].secret);
}

static void test_own_secrets_obey_the_rules(void **state)
{
    (void)state;
    run_step(rotate_step);
    assert_int_equal(seen.rc[5], -EINVAL);
    assert_int_equal(seen.rc[7], -EINVAL);
    assert_non_null(strstr(seen.err[7].msg, "twice"));
    assert_int_equal(seen.rc[8], -ENOENT);
    assert_string_equal(seen.text[6], seen.text[4]); /* nothing of it came into force */
}

/* ---- what edits refuse ------------------------------------------------------------------- */

static void refuse_step(struct config_store *s, struct seen *r)
{
    struct config_edit *e;
    uint16_t lun;
    static struct cfg_target t;
    text_copy(t.name, sizeof(t.name),
              "IQN.2026-11.io.example:T"); /* normalised: the one that is there */
    struct cfg_portal p = {.address = "127.0.0.1", .port = 3260};
    commit_basics(s);
    begin(s, &e);
    r->rc[0] = edit_volume_add(e, &volume_v1, &r->err[0]);
    r->rc[1] = edit_volume_remove(e, "v1", &r->err[1]);
    r->rc[2] = edit_target_add(e, &t, NULL, 0, &r->err[2]);
    r->rc[3] = edit_target_remove(e, TARGET, false, &r->err[3]);
    r->rc[4] = edit_lun_add(e, TARGET, 0, "v1", &lun, &r->err[4]);
    r->rc[5] = edit_lun_add(e, TARGET, 1, "v9", &lun, &r->err[5]);
    r->rc[6] = edit_portal_add(e, 1, &p, &r->err[6]);
    r->rc[7] = edit_portal_remove(e, 1, "127.0.0.1", 3260, &r->err[7]);
    r->rc[8] = edit_host_remove(e, "esx", &r->err[8]);
    r->rc[9] = edit_grant_add(e, "esx", TARGET, &r->err[9]);
    r->rc[10] = edit_grant_add(e, "nobody", TARGET, &r->err[10]);
    r->rc[11] =
        edit_grant_remove(e, INI_A, TARGET, &r->err[11]); /* granted to its host, not to it */
    r->rc[12] = add_initiator(e, INI_B, "nohost", CFG_AUTH_MUTUAL);
    r->rc[13] = edit_lun_remove(e, TARGET, 7, &r->err[13]);
    config_edit_end(e);
    const struct config *c = config_current(s);
    r->n[0] = (unsigned)c->generation;
    config_put(c);
}

static void test_edits_refuse_what_would_dangle(void **state)
{
    (void)state;
    static const int want[] = {-EEXIST, -EBUSY, -EEXIST, -EBUSY,  -EEXIST, -ENOENT, -EEXIST,
                               -EBUSY,  -EBUSY, -EEXIST, -ENOENT, -ENOENT, -ENOENT, -ENOENT};
    static const char *const named[] = {"v1",     "LUN 0",      TARGET, "LUNs", "LUN 0",
                                        "v9",     "3260",       TARGET, "esx",  "esx",
                                        "nobody", "grant list", NULL,   "LUN 7"};
    run_step(refuse_step);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        if (seen.rc[i] != want[i] || (named[i] && !strstr(seen.err[i].msg, named[i])))
            fail_msg("edit %zu: %d \"%s\"", i, seen.rc[i], seen.err[i].msg);
    }
    assert_int_equal(seen.n[0], 1);
}

/* ---- numbers given out once -------------------------------------------------------------- */

static void ports_step(struct config_store *s, struct seen *r)
{
    struct config_edit *e;
    static struct cfg_target t;
    text_copy(t.name, sizeof(t.name), TARGET);
    commit_basics(s);
    begin(s, &e);
    r->rc[0] = edit_target_remove(e, TARGET, true, &r->err[0]);
    r->rc[1] = config_edit_commit(e, &r->err[1]);
    config_edit_end(e);
    begin(s, &e);
    r->rc[2] = edit_target_add(e, &t, NULL, 0, &r->err[2]);
    r->rc[3] = config_edit_commit(e, &r->err[3]);
    config_edit_end(e);
    const struct config *c = config_current(s);
    r->n[0] = config_target(c, TARGET)->rel_port_ids[0];
    config_put(c);
}

static void test_relative_ports_are_never_used_again(void **state)
{
    (void)state;
    run_step(ports_step);
    for (int i = 0; i < 4; i++)
        assert_int_equal(seen.rc[i], 0);
    assert_int_equal(seen.n[0], 2); /* 1 was the removed target's */
}

/* ---- the whole --------------------------------------------------------------------------- */

static void apply_step(struct config_store *s, struct seen *r)
{
    struct config_edit *e;
    json_t *changes = NULL;
    commit_basics(s);
    const struct config *c = config_current(s);
    struct uuid before = c->volumes[0].id;
    config_put(c);
    json_t *doc = config_export(s, false);
    r->flag[0] = json_object_get(doc, "secrets") != NULL;
    json_t *v1 = json_object_get(json_object_get(doc, "volumes"), "v1");
    json_object_del(v1, "id"); /* as somebody writes it by hand */
    json_object_set_new(v1, "sync", json_string("standard"));
    json_object_set_new(json_object_get(doc, "volumes"), "v2",
                        json_pack("{s:s, s:i}", "engine", "mem", "size", 4096));

    begin(s, &e);
    r->rc[0] = edit_replace(e, doc, &r->err[0]);
    r->rc[1] = edit_plan(e, &changes, &r->err[1]);
    config_edit_end(e);
    char *text = json_dumps(changes, JSON_COMPACT);
    snprintf(r->text[0], sizeof(r->text[0]), "%s", text ? text : "");
    free(text);
    json_decref(changes);

    begin(s, &e);
    r->rc[2] = edit_replace(e, doc, &r->err[2]);
    r->rc[3] = config_edit_commit(e, &r->err[3]);
    config_edit_minted(e, &r->n[1]);
    config_edit_end(e);
    json_decref(doc);
    c = config_current(s);
    r->flag[1] = memcmp(&config_volume(c, "v1")->id, &before, sizeof(before)) == 0;
    r->flag[2] = config_volume(c, "v1")->sync == VOL_SYNC_STANDARD;
    r->n[0] = c->nvolumes;
    r->n[2] = config_grant(c, INI_A, TARGET)->forward.secret[0].len;
    config_put(c);

    begin(s, &e);
    json_t *bad = json_pack("{s:s, s:i, s:{s:{}}}", "format", "zsan-config", "version", 1,
                            "volumes", "v1");
    r->rc[4] = edit_replace(e, bad, &r->err[4]);
    r->rc[5] = config_edit_commit(
        e, &r->err[5]); /* v1 has no path, and nothing else is left: refused whole */
    config_edit_end(e);
    json_decref(bad);

    begin(s, &e);
    doc = config_export(s, false);
    json_object_set_new(json_object_get(json_object_get(doc, "volumes"), "v1"), "block_size",
                        json_integer(4096));
    edit_replace(e, doc, NULL);
    r->rc[6] = config_edit_commit(e, &r->err[6]);
    config_edit_end(e);
    json_decref(doc);

    c = config_current(s);
    r->n[3] = c->nvolumes;
    config_put(c);
}

static void test_apply_keeps_identities_and_secrets(void **state)
{
    (void)state;
    run_step(apply_step);
    for (int i = 0; i < 4; i++)
        assert_int_equal(seen.rc[i], 0);
    assert_false(seen.flag[0]);
    assert_string_equal(
        seen.text[0],
        "[{\"action\":\"add\",\"kind\":\"volume\",\"name\":\"v2\",\"changes\":{}},"
        "{\"action\":\"change\",\"kind\":\"volume\",\"name\":\"v1\",\"changes\":{\"sync\":["
        "\"always\",\"standard\"]}}]");
    assert_true(seen.flag[1]);
    assert_true(seen.flag[2]);
    assert_int_equal(seen.n[0], 2);
    assert_int_equal(seen.n[1], 0);
    assert_int_equal(seen.n[2], 16);
    assert_int_equal(seen.rc[5], -EINVAL);
    assert_int_equal(seen.n[3], 2);
    assert_int_equal(seen.rc[6], -EINVAL);
    assert_non_null(strstr(seen.err[6].msg, "v1"));
}

static void secrets_follow_step(struct config_store *s, struct seen *r)
{
    struct config_edit *e;
    commit_basics(s);
    begin(s, &e);
    r->rc[0] = edit_grant_remove(e, "esx", TARGET, &r->err[0]);
    r->rc[1] = config_edit_commit(e, &r->err[1]);
    config_edit_end(e);
    json_t *doc = config_export(s, true);
    const json_t *secrets = json_object_get(doc, "secrets");
    r->n[0] = (unsigned)json_object_size(json_object_get(secrets, "grants"));
    r->n[1] = (unsigned)json_object_size(json_object_get(secrets, "discovery"));
    json_decref(doc);
    begin(s, &e);
    r->rc[2] = edit_initiator_remove(e, INI_A, &r->err[2]);
    r->rc[3] = config_edit_commit(e, &r->err[3]);
    config_edit_end(e);
    doc = config_export(s, true);
    r->n[2] = (unsigned)json_object_size(
        json_object_get(json_object_get(doc, "secrets"), "discovery"));
    json_decref(doc);
}

static void test_secrets_go_with_their_pair(void **state)
{
    (void)state;
    run_step(secrets_follow_step);
    for (int i = 0; i < 4; i++)
        assert_int_equal(seen.rc[i], 0);
    assert_int_equal(seen.n[0], 0);
    assert_int_equal(seen.n[1], 1);
    assert_int_equal(seen.n[2], 0);
}

/* ---- writers take turns ------------------------------------------------------------------ */

struct writer {
    struct config_store *s;
    unsigned id;
    struct waitgroup *done;
    struct seen *r;
};

static void write_some(void *arg)
{
    struct writer *w = arg;
    for (unsigned i = 0; i < 3; i++) {
        struct config_edit *e;
        char name[16];
        snprintf(name, sizeof(name), "h%u-%u", w->id, i);
        begin(w->s, &e);
        int rc = edit_host_add(e, name, NULL);
        if (rc == 0)
            rc = config_edit_commit(e, NULL);
        config_edit_end(e);
        w->r->n[7] += rc == 0;
    }
    waitgroup_done(w->done);
}

static void writers_step(struct config_store *s, struct seen *r)
{
    struct waitgroup done;
    struct writer w[4];
    waitgroup_init(&done);
    waitgroup_add(&done, 4);
    for (unsigned i = 0; i < 4; i++) {
        w[i] = (struct writer){s, i, &done, r};
        fiber_start(write_some, &w[i], "writer");
    }
    waitgroup_wait(&done);
    const struct config *c = config_current(s);
    r->n[0] = c->nhosts;
    r->n[1] = (unsigned)c->generation;
    config_put(c);
}

static void test_concurrent_transactions_lose_nothing(void **state)
{
    (void)state;
    run_step(writers_step);
    assert_int_equal(seen.n[7], 12);
    assert_int_equal(seen.n[0], 12);
    assert_int_equal(seen.n[1], 12);
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
        cmocka_unit_test(test_commit_mints_what_new_pairs_need),
        cmocka_unit_test(test_numbers_of_luns_are_used_again_last),
        cmocka_unit_test(test_rotation_keeps_the_old_secret_until_finished),
        cmocka_unit_test(test_own_secrets_obey_the_rules),
        cmocka_unit_test(test_of_weak_secrets_it_warns),
        cmocka_unit_test(test_what_is_weak),
        cmocka_unit_test(test_edits_refuse_what_would_dangle),
        cmocka_unit_test(test_relative_ports_are_never_used_again),
        cmocka_unit_test(test_apply_keeps_identities_and_secrets),
        cmocka_unit_test(test_secrets_go_with_their_pair),
        cmocka_unit_test(test_concurrent_transactions_lose_nothing),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
