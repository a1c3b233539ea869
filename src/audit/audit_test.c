/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trail in a simulated world: what is durable when, after power cuts; what meddling leaves; full
 * disks, floods, rotation. cmocka must not assert inside a fiber, so EXPECT() counts what is wrong.
 */
#include "audit/audit.h"
#include "audit/trail.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "run/fiber.h"
#include "run/sim/sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DIR   "/state/audit"
#define FILE1 DIR "/audit-000001.jsonl"
#define FILE2 DIR "/audit-000002.jsonl"

struct scene {
    struct sim_disks *disks;
    uint64_t seed, capacity;
    struct run *run;
    void (*body)(struct scene *s);
    unsigned failures;
    uint64_t durable; /* number of the newest line that must survive */
    enum sim_cut how;
};

#define EXPECT(s, cond) expect(s, cond, #cond, __LINE__)
static void expect(struct scene *s, bool ok, const char *what, int line)
{
    if (ok)
        return;
    s->failures++;
    print_message("# seed %llu, line %d: %s\n", (unsigned long long)s->seed, line, what);
}

static void world(void *arg)
{
    struct scene *s = arg;
    s->body(s);
    run_stop(s->run);
}

/* One life of the machine. */
static void play(struct scene *s, void (*body)(struct scene *s))
{
    struct sim_config cfg = sim_config_default(s->seed);
    struct err e = {.code = 0};
    if (s->capacity)
        cfg.disk_capacity = s->capacity;
    s->body = body;
    assert_int_equal(run_sim_new(&cfg, &s->run, &e), 0);
    sim_attach_disks(s->run, s->disks);
    run_loop(s->run, world, s);
    run_free(s->run);
    assert_int_equal(s->failures, 0);
}

static struct scene scene(uint64_t seed)
{
    log_set_level(LOG_LVL_ERROR);
    return (struct scene){.disks = sim_disks_new(), .seed = seed};
}

/* ---- what bodies do ---------------------------------------------------------------------- */

static struct audit *open_audit(struct scene *s)
{
    struct audit *a = audit_new();
    EXPECT(s, a && audit_open(a, s->run, DIR, NULL) == 0);
    return a;
}

static void close_audit(struct audit *a)
{
    audit_close(a);
    audit_free(a);
}

static void changes(struct audit *a, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct log_kv kv[] = {KV("method", "grant.add"), KV("object", "esx%u t1", i)};
        audit_event(a, run_wall(), "control.change", kv, ARRAY_LEN(kv));
    }
}

static struct audit_info info(struct audit *a)
{
    struct audit_info i;
    audit_info(a, &i);
    return i;
}

static bool whole(struct audit *a, char ret_why[200])
{
    struct audit_verify v;
    struct err e = {.code = 0};
    int rc = audit_verify(a, &v, &e);
    snprintf(ret_why, 200, "%.199s", e.msg);
    return rc == 0;
}

static unsigned count_in(const char *path, const char *what)
{
    CLEANUP(freep) char *text = NULL;
    size_t len;
    unsigned n = 0;
    if (file_slurp(path, 64u << 20, &text, &len) < 0)
        return 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static unsigned count(const char *what)
{
    return count_in(FILE1, what);
}

/* ---- ordinary days ----------------------------------------------------------------------- */

static void write_and_go_on(struct scene *s)
{
    char why[200];
    struct audit *a = audit_new();
    const struct log_kv kv[] = {KV("io", "uring")};
    EXPECT(s, audit_event(a, run_wall(), "ready", kv, 1)); /* before it is open */
    EXPECT(s, audit_open(a, s->run, DIR, NULL) == 0);
    changes(a, 100);
    EXPECT(s, !audit_event(a, run_wall(), "pool.scan", kv, 1)); /* does not belong there */
    EXPECT(s,
           audit_event(a, run_wall(), "audit.head", kv, 1)); /* nor that, but it is evidence */
    EXPECT(s, audit_sync(a) == 0);
    EXPECT(s, info(a).chain.seq == 102); /* the file's first line, too */
    EXPECT(s, whole(a, why));
    close_audit(a);
    a = open_audit(s);
    EXPECT(s, info(a).chain.seq == 102 && info(a).broken[0] == '\0');
    changes(a, 3);
    EXPECT(s, audit_sync(a) == 0 && info(a).chain.seq == 105);
    EXPECT(s, whole(a, why));
    EXPECT(s, count("\"event\":\"control.change\"") == 103);
    close_audit(a);
}

static void test_what_is_written_is_read_and_goes_on(void **state)
{
    (void)state;
    struct scene s = scene(1);
    play(&s, write_and_go_on);
    sim_disks_free(s.disks);
}

static void flood(struct scene *s)
{
    char why[200];
    struct audit *a = open_audit(s);
    const struct log_kv kv[] = {KV("initiator", "iqn.x"), KV("peer", "192.0.2.1:5")};
    unsigned evidence = 0;
    for (unsigned i = 0; i < 100000; i++) {
        evidence += audit_event(a, run_wall(), "login.refused", kv, ARRAY_LEN(kv));
        fiber_maybe_yield();
    }
    EXPECT(s, evidence >= 40 && evidence < 1000);
    changes(a, 1);
    EXPECT(s, audit_sync(a) == 0);
    EXPECT(s, info(a).left_out > 99000 && info(a).lost == 0);
    EXPECT(s, info(a).chain.seq < 1000);
    EXPECT(s, count("audit.left_out") == 0);
    fiber_sleep_until(run_deadline_ms(61000), NULL);
    changes(a, 1);
    EXPECT(s, audit_sync(a) == 0);
    EXPECT(s, count("audit.left_out") == 1 && count("\"refusals\":\"9") == 1);
    EXPECT(s, count("\"event\":\"control.change\"") == 2);
    EXPECT(s, whole(a, why));
    close_audit(a);
}

static void test_floods_are_counted_not_kept(void **state)
{
    (void)state;
    struct scene s = scene(2);
    play(&s, flood);
    sim_disks_free(s.disks);
}

/* ---- crashes ----------------------------------------------------------------------------- */

static void write_until_cut(struct scene *s)
{
    struct audit *a = open_audit(s);
    for (unsigned i = 2 + (unsigned)sim_random_below(s->run, 30); i > 0; i--) {
        changes(a, 1 + (unsigned)sim_random_below(s->run, 40));
        if (sim_random_below(s->run, 2) == 0) {
            EXPECT(s, audit_sync(a) == 0);
            s->durable = info(a).chain.seq;
        } else {
            fiber_sleep_until(run_deadline_ms(sim_random_below(s->run, 700)), NULL);
        }
    }
    changes(a, 60);
    fiber_sleep_until(run_now() + sim_random_below(s->run, 3 * NS_PER_MS), NULL);
    sim_power_cut(s->run, s->how);
    fiber_yield();
}

static void look_after_cut(struct scene *s)
{
    char why[200];
    struct audit *a = open_audit(s);
    EXPECT(s, info(a).broken[0] == '\0');
    EXPECT(s, info(a).chain.seq >= s->durable);
    if (!whole(a, why))
        print_message("# %s\n", why);
    changes(a, 5);
    EXPECT(s, audit_sync(a) == 0 && whole(a, why));
    close_audit(a);
}

static void test_a_crash_loses_nothing_that_was_durable(void **state)
{
    (void)state;
    static const enum sim_cut hows[] = {SIM_CUT_NONE, SIM_CUT_ALL, SIM_CUT_ALL_BUT_FIRST,
                                        SIM_CUT_SUBSET};
    for (uint64_t seed = 10; seed < 90; seed++) {
        struct scene s = scene(seed);
        s.how = hows[seed % ARRAY_LEN(hows)];
        play(&s, write_until_cut);
        s.seed += 1000;
        play(&s, look_after_cut);
        sim_disks_free(s.disks);
    }
}

/* ---- meddling ---------------------------------------------------------------------------- */

static void write_some(struct scene *s)
{
    struct audit *a = open_audit(s);
    changes(a, 20);
    close_audit(a);
}

static struct file *open_file(struct scene *s, const char *path)
{
    struct file *f = NULL;
    EXPECT(s, file_open(path, &(struct file_opts){.mode = FILE_RDWR}, &f, NULL) == 0);
    return f;
}

static void cut_end(struct scene *s)
{
    struct file *f = open_file(s, FILE1);
    file_resize(f, file_info(f)->size - 700);
    file_close(f);
}
static void cut_last_line(struct scene *s)
{
    CLEANUP(freep) char *text = NULL;
    size_t len;
    struct file *f = open_file(s, FILE1);
    EXPECT(s, file_slurp(FILE1, 1 << 20, &text, &len) == 0);
    text[len - 1] = '\0';
    file_resize(f, (uint64_t)(strrchr(text, '\n') + 1 - text));
    file_close(f);
}
static void edit_line(struct scene *s)
{
    struct file *f = open_file(s, FILE1);
    file_pwrite(f, 600, "X", 1);
    file_close(f);
}
static uint64_t
    kept; /* bytes of the first file that nobody may take away; 0: whatever is left */

static void edit_first_line(struct scene *s)
{
    struct file *f = open_file(s, FILE1);
    file_pwrite(f, 10, "X", 1);
    kept = file_info(f)->size;
    file_close(f);
}
static void remove_head(struct scene *s)
{
    EXPECT(s, file_unlink(DIR "/head") == 0);
}
static void forge_head(struct scene *s)
{
    char slot[AUDIT_HEAD_SLOT];
    struct audit_chain c = {.seq = 21, .hash = {7}};
    struct file *f = open_file(s, DIR "/head");
    audit_head_make(slot, &c);
    file_pwrite(f, 0, slot, sizeof(slot));
    file_pwrite(f, AUDIT_HEAD_SLOT, slot, sizeof(slot));
    file_close(f);
}
static void remove_file(struct scene *s)
{
    EXPECT(s, file_unlink(FILE1) == 0);
}
static void empty_file(struct scene *s)
{
    struct file *f = open_file(s, FILE1);
    file_resize(f, 0);
    file_close(f);
}

static void look_after_meddling(struct scene *s)
{
    char why[200];
    struct audit *a = open_audit(s);
    EXPECT(s, !whole(a, why) || info(a).broken[0]);
    changes(a, 5);
    EXPECT(s, audit_sync(a) == 0);
    close_audit(a);
    a = open_audit(s); /* and it stays so */
    EXPECT(s, !whole(a, why) || count("audit.broken") || count_in(FILE2, "audit.broken"));
    close_audit(a);
    if (kept > 0) {
        struct file *f = open_file(s, FILE1);
        EXPECT(s, file_info(f)->size == kept);
        file_close(f);
    }
}

static void test_meddling_is_found_at_the_next_start(void **state)
{
    (void)state;
    static void (*const kinds[])(struct scene *
                                 s) = {cut_end,     cut_last_line, edit_line,   edit_first_line,
                                       remove_head, forge_head,    remove_file, empty_file};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct scene s = scene(100 + i);
        kept = 0;
        play(&s, write_some);
        play(&s, kinds[i]);
        print_message("# kind %zu\n", i);
        play(&s, look_after_meddling);
        sim_disks_free(s.disks);
    }
}

static void edit_while_it_runs(struct scene *s)
{
    char why[200];
    struct audit *a = open_audit(s);
    changes(a, 20);
    EXPECT(s, audit_sync(a) == 0 && whole(a, why));
    edit_line(s);
    EXPECT(s, !whole(a, why) && strstr(why, "audit-000001.jsonl, line 3"));
    close_audit(a);
}

static void test_verifying_names_the_line(void **state)
{
    (void)state;
    struct scene s = scene(3);
    play(&s, edit_while_it_runs);
    sim_disks_free(s.disks);
}

/* ---- disks that are full or fail ----------------------------------------------------------- */

static void fill_the_disk(struct scene *s)
{
    static const char block[4096];
    char why[200];
    struct file *f = NULL;
    struct audit *a = open_audit(s);
    changes(a, 10);
    EXPECT(s, audit_sync(a) == 0);
    EXPECT(s, file_open("/state/big", &(struct file_opts){.mode = FILE_RDWR, .create = true},
                        &f, NULL) == 0);
    for (uint64_t at = 0; file_pwrite(f, at, block, sizeof(block)) == 0; at += sizeof(block))
        ;
    for (unsigned i = 0; i < 60 && !info(a).failing[0]; i++) {
        changes(a, 50);
        audit_sync(a);
    }
    EXPECT(s, info(a).failing[0] != '\0');
    changes(a, AUDIT_QUEUE_MAX + 100);
    EXPECT(s, audit_sync(a) == -EIO && info(a).lost >= 100);
    EXPECT(s, file_resize(f, 0) == 0);
    file_close(f);
    fiber_sleep_until(run_deadline_ms(12000), NULL);
    changes(a, 1);
    EXPECT(s, audit_sync(a) == 0 && !info(a).failing[0]);
    EXPECT(s, count("audit.lost") == 1);
    if (!whole(a, why))
        EXPECT(s, !*why);
    close_audit(a);
}

static void test_a_full_disk_is_survived(void **state)
{
    (void)state;
    struct scene s = scene(4);
    s.capacity = 4u << 20;
    log_set_level(LOG_LVL_ERROR);
    play(&s, fill_the_disk);
    sim_disks_free(s.disks);
}

static void fail_flushes(struct scene *s)
{
    char why[200];
    struct audit *a = open_audit(s);
    changes(a, 10);
    EXPECT(s, audit_sync(a) == 0);
    sim_fail_flush(s->run, FILE1, 1, -EIO);
    changes(a, 10);
    EXPECT(s, audit_sync(a) == -EIO && info(a).failing[0]);
    sim_fail_flush(s->run, FILE1, 0, 0);
    fiber_sleep_until(run_deadline_ms(12000), NULL);
    changes(a, 10);
    EXPECT(s, audit_sync(a) == 0 && !info(a).failing[0] && whole(a, why));
    close_audit(a);
}

static void test_failed_flushes_are_told(void **state)
{
    (void)state;
    struct scene s = scene(5);
    play(&s, fail_flushes);
    sim_disks_free(s.disks);
}

/* ---- rotation ---------------------------------------------------------------------------- */

static void put_lines(struct scene *s, struct trail *t, unsigned n)
{
    const struct log_kv kv[] = {KV("n", "%u", n)};
    static char whole_text[AUDIT_TEXT_MAX];
    size_t len = audit_text(whole_text, run_wall(), "control.change", kv, 1);
    for (unsigned i = 0; i < n; i++) {
        EXPECT(s, trail_put(t, whole_text, len));
        EXPECT(s, trail_write(t) == 0 && trail_rotate(t, NULL) == 0);
    }
}

static void rotate(struct scene *s)
{
    struct audit_verify v;
    struct err e = {.code = 0};
    struct trail t = {.dir = DIR, .file_max = 2000, .files_max = 3, .buf = malloc(TRAIL_BUF)};
    EXPECT(s, trail_open(&t, &e) == 0);
    put_lines(s, &t, 12);
    EXPECT(s, t.number == 2 && trail_verify(&t, &v, &e) == 0);
    put_lines(s, &t, 80);
    EXPECT(s, t.number > 6);
    EXPECT(s, trail_verify(&t, &v, &e) == 0);
    EXPECT(s, v.first > 20 && !file_is_there(FILE1));
    trail_close(&t);
    EXPECT(s, trail_open(&t, &e) == 0 && !t.broken[0] && trail_verify(&t, &v, &e) == 0);
    char name[AUDIT_NAME_LEN], path[100];
    audit_file_name(t.number - 1, name);
    snprintf(path, sizeof(path), DIR "/%s", name);
    EXPECT(s, file_unlink(path) == 0); /* from the middle */
    EXPECT(s, trail_verify(&t, &v, &e) == -EBADMSG);
    trail_close(&t);
    free(t.buf);
}

static void test_rotation_keeps_the_chain(void **state)
{
    (void)state;
    struct scene s = scene(6);
    play(&s, rotate);
    sim_disks_free(s.disks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read_and_goes_on),
        cmocka_unit_test(test_floods_are_counted_not_kept),
        cmocka_unit_test(test_a_crash_loses_nothing_that_was_durable),
        cmocka_unit_test(test_meddling_is_found_at_the_next_start),
        cmocka_unit_test(test_verifying_names_the_line),
        cmocka_unit_test(test_a_full_disk_is_survived),
        cmocka_unit_test(test_failed_flushes_are_told),
        cmocka_unit_test(test_rotation_keeps_the_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
