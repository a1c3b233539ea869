/* SPDX-License-Identifier: BSD-2-Clause */
/* What of a pool's state is told as a problem, and the worst first. */
#include "control/pool_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A mirror of two and a spare, and what is wrong with them; the problems are in the order of how bad they are. */
static const struct row {
    const char *disk, *spare, *health, *why; /* NULL: as they should be; read-only: why */
    unsigned errors, damaged;
    bool resilver;
    const char *problem, *action; /* parts */
} rows[] = {
    {.health = "SUSPENDED",
     .disk = "REMOVED",
     .problem = "commands wait",
     .action = "zsan pool clear"},
    {.health = "FAILED",    .problem = "commands fail", .action = "zsan pool export"},
    {.disk = "FAULTED",                             .problem = "failed", .action = "zsan pool replace"},
    {.disk = "REMOVED",.problem = "taken away", .action = "zsan pool online"},
    {.disk = "UNAVAIL",                             .problem = "is missing", .action = "zsan pool online"},
    {.disk = "DEGRADED",.problem = "too many errors", .action = "zsan pool replace"},
    {.disk = "OFFLINE",
     .damaged = 1,
     .problem = "out of service",
     .action = "zsan pool online"},
    {.damaged = 1,       .why = "a log", .problem = "no copy of them", .action = "zsan pool errors"},
    {.why = "a log",                             .resilver = true, .problem = "only be read", .action = "OpenZFS"},
    {.resilver = true,.errors = 1, .problem = "brought up to date", .action = "Wait"},
    {.errors = 1,                             .spare = "UNAVAIL", .problem = "gave errors", .action = "zsan pool scrub"},
    {.spare = "UNAVAIL",                    .problem = "hot spare", .action = "zsan pool remove"},
    {.spare = "INUSE"                            },
    {.problem = NULL                 },
};

static struct pool_vdev_status vdevs[4];
static struct pool_view view;
static char text[4096];

static void view_make(const struct row *r)
{
    static const char *const names[] = {"mirror-0", "/d0", "/d1", "/s0"};
    memset(vdevs, 0, sizeof(vdevs));
    for (unsigned i = 0; i < ARRAY_LEN(vdevs); i++) {
        vdevs[i].depth = i == 1 || i == 2 ? 2 : 1;
        vdevs[i].leaf = i > 0;
        vdevs[i].state = i == 3 ? "AVAIL" : "ONLINE";
        snprintf(vdevs[i].name, sizeof(vdevs[i].name), "%s", names[i]);
    }
    vdevs[1].state = r->disk ? r->disk : "ONLINE";
    vdevs[2].checksum_errors = r->errors;
    vdevs[3].state = r->spare ? r->spare : "AVAIL";
    vdevs[3].spare = true;
    view = (struct pool_view){.name = "tank", .errors = r->damaged};
    view.status = (struct pool_status){
        .health = r->health ? r->health : "ONLINE", .vdevs = vdevs, .nvdevs = ARRAY_LEN(vdevs)};
    view.status.read_only = r->why != NULL;
    snprintf(view.read_only_why, sizeof(view.read_only_why), "%s", r->why ? r->why : "");
    view.scan.state = r->resilver ? POOL_SCAN_RUNNING : POOL_SCAN_NEVER;
    view.scan.resilver = r->resilver;
}

static void test_the_worst_problem_is_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        const char *action = NULL;
        view_make(r);
        const char *problem = pool_problem(&view, &action);
        if (!r->problem) {
            assert_null(problem);
            continue;
        }
        if (!problem || !strstr(problem, r->problem) || !strstr(action, r->action))
            fail_msg("row %u: not \"%s\" and \"%s\" but \"%s\" and \"%s\"", i, r->problem,
                     r->action, problem ? problem : "", action ? action : "");
    }
}

static void test_the_text_has_problem_and_action(void **state)
{
    (void)state;
    struct wbuf w = wbuf_make(text, sizeof(text) - 1);
    view_make(&(struct row){.disk = "DEGRADED", .why = "it has deduplicated blocks"});
    pool_text(&view, false, &w);
    text[wb_stored(&w)] = 0;
    assert_non_null(strstr(text, "state: ONLINE (read-only: it has deduplicated blocks)"));
    assert_non_null(strstr(text, "status: A disk gave too many errors."));
    assert_non_null(strstr(text, "action: Replace it"));
    assert_non_null(strstr(text, "d0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_worst_problem_is_told),
        cmocka_unit_test(test_the_text_has_problem_and_action),
    };
    return cmocka_run_group_tests_name("pool_text", tests, NULL, NULL);
}
