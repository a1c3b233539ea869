/* SPDX-License-Identifier: BSD-2-Clause */
/* The hook runs a real program: a script that writes down how it was called. */
#include "cmd/daemon/hook.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char dir[64], script[96], out[96];
};

static int make_place(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    if (!p)
        return -1;
    snprintf(p->dir, sizeof(p->dir), "/tmp/zsan-hook-XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    snprintf(p->script, sizeof(p->script), "%s/hook", p->dir);
    snprintf(p->out, sizeof(p->out), "%s/out", p->dir);
    *state = p;
    return 0;
}

static int remove_place(void **state)
{
    struct place *p = *state;
    unlink(p->script);
    unlink(p->out);
    rmdir(p->dir);
    free(p);
    return 0;
}

static void write_script(const struct place *p, const char *body)
{
    FILE *f = fopen(p->script, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s >%s.tmp\nmv %s.tmp %s\n", body, p->out, p->out, p->out);
    fclose(f);
    chmod(p->script, 0700);
}

/* Waits up to 5 s for the script's output. */
static void read_out(const struct place *p, char *ret_text, size_t cap)
{
    const struct timespec pause = {0, 10000000};
    for (int i = 0; i < 500 && access(p->out, F_OK) < 0; i++)
        nanosleep(&pause, NULL);
    FILE *f = fopen(p->out, "r");
    assert_non_null(f);
    ret_text[fread(ret_text, 1, cap - 1, f)] = '\0';
    fclose(f);
}

static void test_hook_gets_level_event_and_fields(void **state)
{
    const struct place *p = *state;
    struct hook *h;
    char text[512];
    const struct log_kv kv[] = {KV("volume.name", "v 1; rm -rf /"), KV("error", "%s", "$(id)")};
    write_script(p, "echo \"$1 $2 $ZSAN_VOLUME_NAME|$ZSAN_ERROR\"");
    assert_int_equal(hook_start(p->script, &h, NULL), 0);
    hook_event(h, LOG_LVL_ERROR, "volume.failed", kv, ARRAY_LEN(kv));
    read_out(p, text, sizeof(text));
    hook_stop(h);
    assert_string_equal(text, "error volume.failed v 1; rm -rf /|$(id)\n");
}

static void test_stop_ends_a_hook_that_hangs(void **state)
{
    const struct place *p = *state;
    struct hook *h;
    char text[64];
    write_script(p, "echo $$ >$(dirname $0)/out; exec sleep 600; true");
    assert_int_equal(hook_start(p->script, &h, NULL), 0);
    hook_event(h, LOG_LVL_WARN, "x", NULL, 0);
    read_out(p, text, sizeof(text));
    hook_stop(h);
    assert_int_equal(kill((pid_t)strtol(text, NULL, 10), 0), -1);
    assert_int_equal(errno, ESRCH);
}

/* A grandchild that lives on would hold our stderr, and pile up with every event. */
static void test_stop_ends_what_the_hook_started(void **state)
{
    const struct place *p = *state;
    const struct timespec pause = {0, 10000000};
    struct hook *h;
    char text[64];
    write_script(p, "sleep 600 & echo $! >$(dirname $0)/new; mv $(dirname $0)/new "
                    "$(dirname $0)/out; wait");
    assert_int_equal(hook_start(p->script, &h, NULL), 0);
    hook_event(h, LOG_LVL_WARN, "x", NULL, 0);
    read_out(p, text, sizeof(text));
    hook_stop(h);
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    for (int i = 0; i < 300 && kill(pid, 0) == 0; i++) /* until init has reaped it */
        nanosleep(&pause, NULL);
    assert_int_equal(kill(pid, 0), -1);
}

static void test_a_flood_of_events_waits_for_nothing(void **state)
{
    const struct place *p = *state;
    struct hook *h;
    struct timespec t0, t1;
    write_script(p, "sleep 600; true");
    assert_int_equal(hook_start(p->script, &h, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &t0);
    for (int i = 0; i < 10000; i++)
        hook_event(h, LOG_LVL_WARN, "x", NULL, 0);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    hook_stop(h);
    assert_in_range(t1.tv_sec - t0.tv_sec, 0, 5);
}

static void test_hook_must_be_a_program(void **state)
{
    (void)state;
    struct hook *h;
    assert_int_equal(hook_start("true", &h, NULL), -ENOENT);
    assert_int_equal(hook_start("/nonexistent/hook", &h, NULL), -ENOENT);
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
        cmocka_unit_test_setup_teardown(test_hook_gets_level_event_and_fields, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(test_stop_ends_a_hook_that_hangs, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(test_stop_ends_what_the_hook_started, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(test_a_flood_of_events_waits_for_nothing, make_place,
                                        remove_place),
        cmocka_unit_test(test_hook_must_be_a_program),
    };
    log_set_sink(quiet, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
