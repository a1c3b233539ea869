/* SPDX-License-Identifier: BSD-2-Clause */
/* The whole front in a simulated world: what happens when a login, a change of the
 * configuration, a hanging volume and a stop meet. */
#include "net/net_fixture.h"

#include "ini_int.h"

#include "base/check.h"
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOGICAL_UNIT_NOT_SUPPORTED 0x052500u
#define STATUS_BUSY                0x08
#define TASK_ABORTED               0x40
#define SERVICE_UNAVAILABLE        0x0301
#define RETRY_MS                   3000 /* net.c */

static uint32_t unit_state(struct ini *i, unsigned lun)
{
    struct ini_cmd c = {.lun = ini_lun(lun)}; /* TEST UNIT READY */
    fix_ready(i, lun);
    ini_start(i, &c);
    ini_wait(i, &c, NO_DEADLINE);
    return c.status == 0 ? 0 : ini_sense(&c);
}

/* ---- a change while a session moves to its reactor ---------------------------------------- */

static void remove_a_and_b(struct config_edit *e, struct err *err)
{
    check(edit_lun_remove(e, FIX_TARGET, 0, err) == 0);
    check(edit_lun_remove(e, FIX_TARGET, 1, err) == 0);
    check(edit_volume_remove(e, "a", err) == 0);
    check(edit_volume_remove(e, "b", err) == 0);
}

static void only_b(struct config_edit *e, struct err *err)
{
    check(edit_lun_remove(e, FIX_TARGET, 0, err) == 0);
}

static void remove_b(struct config_edit *e, struct err *err)
{
    check(edit_lun_remove(e, FIX_TARGET, 1, err) == 0);
    check(edit_volume_remove(e, "b", err) == 0);
}

static struct conn *logged_in_unmapped(struct fix *f)
{
    struct conn *c;
    list_for_each (c, &f->net->conns, node)
        if (c->session && c->first_map)
            return c;
    return NULL;
}

static void remove_while_moving(void *arg)
{
    struct fix *f = arg;
    while (!logged_in_unmapped(f))
        fiber_sleep_until(run_now() + 5 * NS_PER_US, NULL);
    fix_change(f, remove_b);
}

static void body_lun_removed_while_session_moves(struct fix *f)
{
    fix_change(f, only_b);
    check(fiber_start(remove_while_moving, f, "remover"));
    struct ini *i = fix_login(f, 1);
    EXPECT(f, unit_state(i, 1) == LOGICAL_UNIT_NOT_SUPPORTED);
    ini_logout(i);
}

static void test_lun_removed_while_session_moves_is_not_mapped(void **state)
{
    (void)state;
    struct fix f = fix_default();
    f.sim.net_window = 16; /* the answer to the login takes many turns */
    fix_play(&f, body_lun_removed_while_session_moves);
}

/* ---- tasks of a LUN that goes ------------------------------------------------------------- */

static void remove_in_background(void *arg)
{
    fix_change(arg, remove_a_and_b);
}

static void body_removed_lun_answers_its_tasks(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    fix_ready(i, 0);
    f->gate_shut = FIX_GATE_WRITE;
    struct ini_cmd *c = fix_write(i, 0, 8, 512);
    fiber_sleep_until(run_deadline_ms(10), NULL);
    check(fiber_start(remove_in_background, f, "remover"));
    fiber_sleep_until(run_deadline_ms(50), NULL);
    fix_gate_open(f);
    EXPECT(f, ini_wait(i, c, run_deadline_ms(1000)));
    EXPECT(f, c->end == INI_DONE && c->status == TASK_ABORTED);
    EXPECT(f, unit_state(i, 0) == LOGICAL_UNIT_NOT_SUPPORTED);
    ini_logout(i);
    free(c);
}

static void test_removed_lun_answers_its_tasks(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_removed_lun_answers_its_tasks);
}

/* ---- a portal group that a target leaves -------------------------------------------------- */

static void add_group(struct config_edit *e, struct err *err)
{
    static const struct cfg_portal portal = {.address = "127.0.0.1", .port = FIX_PORT + 1};
    check(edit_portal_add(e, 2, &portal, err) == 0);
}

static void only_group_2(struct config_edit *e, struct err *err)
{
    static const struct cfg_target target = {.name = FIX_TARGET};
    static const uint16_t tags[] = {2};
    check(edit_target_put(e, &target, tags, ARRAY_LEN(tags), err) == 0);
}

static void body_target_leaves_group(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    fix_change(f, add_group);
    fix_ready(i, 0);
    EXPECT(f, unit_state(i, 0) == 0);
    fix_change(f, only_group_2);
    fiber_sleep_until(run_deadline_ms(10), NULL);
    EXPECT(f, !ini_up(i));
    ini_drop(i);
}

static void test_session_ends_when_target_leaves_its_group(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_target_leaves_group);
}

static void move_portal(struct config_edit *e, struct err *err)
{
    static const struct cfg_portal portal = {.address = "127.0.0.1", .port = FIX_PORT + 1};
    check(edit_portal_add(e, 1, &portal, err) == 0);
    check(edit_portal_remove(e, 1, "127.0.0.1", FIX_PORT, err) == 0);
}

static void body_portal_goes(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    fix_change(f, move_portal);
    fiber_sleep_until(run_deadline_ms(10), NULL);
    EXPECT(f, !ini_up(i));
    ini_drop(i);
}

static void test_sessions_of_a_portal_go_with_it(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_portal_goes);
}

/* ---- stopping ----------------------------------------------------------------------------- */

static void add_broken_volume(struct config_edit *e, struct err *err)
{
    struct cfg_volume *v = calloc(1, sizeof(*v));
    check(v);
    v->engine = CFG_MEM;
    v->size = 1u << 20;
    v->block_size = 512;
    text_copy(v->name, sizeof(v->name), "broken");
    check(edit_volume_add(e, v, err) == 0);
    free(v);
}

/* The retry's sleep is over, but it has not run yet: the stopper, which yielded, is before it. */
static void body_stop_when_retry_is_due(struct fix *f)
{
    f->no_volumes = true;
    fix_change(f, add_broken_volume);
    uint64_t due = run_deadline_ms(RETRY_MS);
    fiber_sleep_until(due - 100 * NS_PER_US, NULL);
    EXPECT(f, !list_empty(&f->net->stop.waiters));
    while (run_now() < due)
        fiber_yield();
    EXPECT(f, list_empty(&f->net->stop.waiters) && f->net->retry_running);
    fix_stop(f);
}

static void test_stop_when_retry_is_due(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_stop_when_retry_is_due);
}

static void limit_a(struct config_edit *e, struct err *err)
{
    static struct cfg_volume v;
    v = *config_volume(config_edit_base(e), "a");
    v.limits.iops = 1;
    check(edit_volume_put(e, &v, err) == 0);
}

static void body_stop_does_not_wait_for_limits(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    struct ini_cmd *c[8];
    fix_ready(i, 0);
    fix_change(f, limit_a);
    for (unsigned k = 0; k < ARRAY_LEN(c); k++)
        c[k] = fix_write(i, 0, k, 512);
    fiber_sleep_until(run_deadline_ms(100), NULL);
    uint64_t before = run_now();
    fix_stop(f);
    EXPECT(f, run_now() - before < 2 * NS_PER_SEC);
    ini_drop(i);
    for (unsigned k = 0; k < ARRAY_LEN(c); k++)
        free(c[k]);
}

static void test_stop_does_not_wait_for_limits(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_stop_does_not_wait_for_limits);
}

/* ---- ends of commands that wait for a limit ----------------------------------------------- */

/* One IOPS: the writes of c wait for seconds. */
static void start_waiting(struct fix *f, struct ini *i, struct ini_cmd *c[8])
{
    fix_ready(i, 0);
    fix_change(f, limit_a);
    for (unsigned k = 0; k < 8; k++)
        c[k] = fix_write(i, 0, k, 512);
    fiber_sleep_until(run_deadline_ms(100), NULL);
    EXPECT(f, c[7]->end == INI_PENDING);
}

static void free_all(struct ini_cmd *c[8])
{
    for (unsigned k = 0; k < 8; k++)
        free(c[k]);
}

static void body_aborts_reach_waits_for_limits(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    struct ini_cmd *c[8];
    uint8_t response;
    start_waiting(f, i, c);
    uint64_t before = run_now();
    EXPECT(f, ini_tmf(i, ISCSI_TMF_ABORT_TASK, c[7]->lun, c[7], &response) == 0 &&
                  response == ISCSI_TMF_RSP_COMPLETE && c[7]->end == INI_ABORTED);
    EXPECT(f, ini_tmf(i, ISCSI_TMF_LUN_RESET, c[6]->lun, NULL, &response) == 0 &&
                  response == ISCSI_TMF_RSP_COMPLETE && c[6]->end == INI_ABORTED);
    EXPECT(f, run_now() - before < 100 * NS_PER_MS);
    ini_logout(i);
    free_all(c);
}

static void test_aborts_reach_waits_for_limits(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_aborts_reach_waits_for_limits);
}

static void body_ends_of_sessions_reach_waits_for_limits(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    struct ini_cmd *c[8];
    start_waiting(f, i, c);
    uint64_t before = run_now();
    ini_logout(i);
    i = fix_login(f, 1);
    EXPECT(f, run_now() - before < 100 * NS_PER_MS);
    ini_logout(i);
    free_all(c);
}

static void test_ends_of_sessions_reach_waits_for_limits(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_ends_of_sessions_reach_waits_for_limits);
}

/* ---- a volume that hangs ------------------------------------------------------------------ */

/* The old session's write might land behind the new one's back, so the same session again has
 * to wait; it is told so. */
static void body_session_is_not_reinstated_over_a_hanging_write(struct fix *f)
{
    struct ini *old = fix_login(f, 1), *new;
    const struct ini_params p = fix_params(1);
    uint16_t status;
    fix_ready(old, 0);
    f->gate_shut = FIX_GATE_WRITE;
    struct ini_cmd *c = fix_write(old, 0, 8, 512);
    fiber_sleep_until(run_deadline_ms(10), NULL);
    EXPECT(f, ini_login(&p, &new, &status) == -EACCES && status == SERVICE_UNAVAILABLE);
    EXPECT(f, !ini_up(old));
    fix_gate_open(f);
    fiber_sleep_until(run_deadline_ms(100), NULL);
    new = fix_login(f, 1);
    EXPECT(f, unit_state(new, 0) == 0);
    ini_logout(new);
    ini_drop(old);
    free(c);
}

static void test_session_is_not_reinstated_over_a_hanging_write(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_session_is_not_reinstated_over_a_hanging_write);
}

/* An abort is answered though the write hangs; its tag is free then, for initiators use tags
 * again. */
static void body_tag_of_aborted_hanging_write_is_free(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    uint8_t response;
    fix_ready(i, 0);
    f->gate_shut = FIX_GATE_WRITE;
    struct ini_cmd *c = fix_write(i, 0, 8, 512);
    fiber_sleep_until(run_deadline_ms(10), NULL);
    EXPECT(f, ini_tmf(i, ISCSI_TMF_ABORT_TASK, c->lun, c, &response) == 0 &&
                  response == ISCSI_TMF_RSP_COMPLETE);
    struct ini_cmd again = {.lun = ini_lun(1)};
    fix_ready(i, 1);
    i->itt = c->itt;
    ini_start(i, &again);
    EXPECT(f, ini_wait(i, &again, run_deadline_ms(1000)) && again.status == 0);
    fix_gate_open(f);
    fiber_sleep_until(run_deadline_ms(10), NULL);
    EXPECT(f, unit_state(i, 0) == 0);
    ini_logout(i);
    free(c);
}

static void test_tag_of_aborted_hanging_write_is_free(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_tag_of_aborted_hanging_write_is_free);
}

/* ---- more commands than fibers ------------------------------------------------------------ */

#define WRITES 100

static void body_greedy_leave_fibers_for_aborts_and_logins(struct fix *f)
{
    struct ini *i = fix_login(f, 1), *other;
    struct ini_cmd *c[WRITES];
    unsigned busy = 0;
    uint8_t response;
    fix_ready(i, 0);
    f->gate_shut = FIX_GATE_WRITE;
    for (unsigned k = 0; k < WRITES; k++)
        c[k] = fix_write(i, 0, k, 512);
    fiber_sleep_until(run_deadline_ms(50), NULL);
    for (unsigned k = 0; k < WRITES; k++)
        busy += c[k]->end == INI_DONE && c[k]->status == STATUS_BUSY;
    EXPECT(f, busy > 0 && busy < WRITES);
    other = fix_login(f, 2);
    fix_ready(other, 1);
    EXPECT(f, ini_tmf(i, ISCSI_TMF_ABORT_TASK, c[0]->lun, c[0], &response) == 0 &&
                  response == ISCSI_TMF_RSP_COMPLETE);
    fix_gate_open(f);
    ini_logout(other);
    ini_logout(i);
    for (unsigned k = 0; k < WRITES; k++)
        free(c[k]);
}

static void test_greedy_leave_fibers_for_aborts_and_logins(void **state)
{
    (void)state;
    struct fix f = fix_default();
    f.sim.max_fibers = 64;
    fix_play(&f, body_greedy_leave_fibers_for_aborts_and_logins);
}

/* ---- memory ------------------------------------------------------------------------------- */

#define STRANGERS 100

static void body_strangers_take_little_memory(struct fix *f)
{
    struct sock *s[STRANGERS];
    const struct ini_params p = fix_params(1);
    for (unsigned k = 0; k < STRANGERS; k++) {
        check(sock_connect(&p.addr, NO_DEADLINE, NULL, &s[k], NULL) == 0);
        check(sock_send(s[k], "C", 1, NO_DEADLINE, NULL) == 0);
    }
    fiber_sleep_until(run_deadline_ms(50), NULL);
    EXPECT(f, f->net->nconns == STRANGERS);
    EXPECT(f, admit_used(f->run) <= STRANGERS * (16u << 10));
    for (unsigned k = 0; k < STRANGERS; k++)
        sock_close(s[k]);
}

static void test_strangers_take_little_memory(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_strangers_take_little_memory);
}

/* ---- last words --------------------------------------------------------------------------- */

static struct sock *stranger(void)
{
    const struct ini_params p = fix_params(1);
    struct sock *s;
    check(sock_connect(&p.addr, NO_DEADLINE, NULL, &s, NULL) == 0);
    return s;
}

/* Something that is answered and ends the connection: a login that goes wrong. */
static void say_something_wrong(struct sock *s)
{
    struct iscsi_login_req h = {.opcode = ISCSI_OP_LOGIN_REQ | ISCSI_IMMEDIATE,
                                .flags =
                                    0x87, /* to the full feature phase, with no key at all */
                                .itt = be32_make(1)};
    check(sock_send(s, &h, sizeof(h), NO_DEADLINE, NULL) == 0);
}

/* How a stream ended: what the last read said; *ret_len is what came before. */
static int listen_to_the_end(struct sock *s, size_t *ret_len)
{
    uint8_t buf[1024];
    ssize_t n;
    for (*ret_len = 0; (n = sock_recv(s, buf, sizeof(buf), NO_DEADLINE, NULL)) > 0;)
        *ret_len += (size_t)n;
    return (int)n;
}

/* The end of a connection must not overtake what was said last, whatever the peer still sends. */
static void body_who_talks_on_hears_last_words(struct fix *f)
{
    static const uint8_t more[64u << 10];
    struct sock *s = stranger();
    size_t len;
    say_something_wrong(s);
    EXPECT(f, sock_send(s, more, sizeof(more), NO_DEADLINE, NULL) == 0);
    fiber_sleep_until(run_deadline_ms(100), NULL);
    EXPECT(f, listen_to_the_end(s, &len) == 0);
    EXPECT(f, len >= sizeof(struct iscsi_login_rsp));
    sock_close(s);
    fiber_sleep_until(run_deadline_ms(10), NULL);
    EXPECT(f, f->net->nconns == 0);
}

static void test_who_talks_on_hears_last_words(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_who_talks_on_hears_last_words);
}

static void talk_for_ever(void *arg)
{
    static const uint8_t more[16u << 10];
    struct sock *s = arg;
    while (sock_send(s, more, sizeof(more), NO_DEADLINE, NULL) == 0)
        fiber_sleep_until(run_deadline_ms(1), NULL);
    sock_close(s);
}

static void body_nobody_is_listened_to_for_long(struct fix *f)
{
    struct sock *s = stranger();
    say_something_wrong(s);
    fiber_sleep_until(run_deadline_ms(900), NULL);
    EXPECT(f, f->net->nconns == 1); /* it has not hung up yet */
    fiber_sleep_until(run_deadline_ms(200), NULL);
    EXPECT(f, f->net->nconns == 0);
    sock_close(s);
    s = stranger();
    say_something_wrong(s);
    check(fiber_start(talk_for_ever, s, "talker")); /* 16 MiB a second */
    fiber_sleep_until(run_deadline_ms(200), NULL);
    EXPECT(f, f->net->nconns == 0);
}

static void test_nobody_is_listened_to_for_long(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_nobody_is_listened_to_for_long);
}

static void body_few_are_listened_to(struct fix *f)
{
    struct sock *s[STRANGERS];
    for (unsigned k = 0; k < STRANGERS; k++)
        say_something_wrong(s[k] = stranger());
    fiber_sleep_until(run_deadline_ms(100), NULL);
    EXPECT(f, f->net->nconns > 0 && f->net->nconns <= STRANGERS / 2);
    uint64_t before = run_now();
    fix_stop(f);
    EXPECT(f, run_now() - before < 1100 * NS_PER_MS);
    for (unsigned k = 0; k < STRANGERS; k++)
        sock_close(s[k]);
}

static void test_few_are_listened_to(void **state)
{
    (void)state;
    struct fix f = fix_default();
    fix_play(&f, body_few_are_listened_to);
}

/* ---- slow data ---------------------------------------------------------------------------- */

static void body_slow_data_is_not_late(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    fix_ready(i, 0);
    uint64_t before = run_now();
    struct ini_cmd *c = fix_write(i, 0, 0, 512u << 10);
    EXPECT(f, ini_wait(i, c, NO_DEADLINE) && c->end == INI_DONE && c->status == 0);
    EXPECT(f, run_now() - before > 70 * NS_PER_SEC);
    ini_logout(i);
    free(c);
}

static void test_slow_data_is_not_late(void **state)
{
    (void)state;
    struct fix f = fix_default();
    f.sim.net_window = 1024;
    f.sim.net_delay_min_ns = f.sim.net_delay_max_ns = 80 * NS_PER_MS;
    fix_play(&f, body_slow_data_is_not_late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lun_removed_while_session_moves_is_not_mapped),
        cmocka_unit_test(test_removed_lun_answers_its_tasks),
        cmocka_unit_test(test_session_ends_when_target_leaves_its_group),
        cmocka_unit_test(test_sessions_of_a_portal_go_with_it),
        cmocka_unit_test(test_stop_when_retry_is_due),
        cmocka_unit_test(test_stop_does_not_wait_for_limits),
        cmocka_unit_test(test_aborts_reach_waits_for_limits),
        cmocka_unit_test(test_ends_of_sessions_reach_waits_for_limits),
        cmocka_unit_test(test_session_is_not_reinstated_over_a_hanging_write),
        cmocka_unit_test(test_tag_of_aborted_hanging_write_is_free),
        cmocka_unit_test(test_greedy_leave_fibers_for_aborts_and_logins),
        cmocka_unit_test(test_strangers_take_little_memory),
        cmocka_unit_test(test_who_talks_on_hears_last_words),
        cmocka_unit_test(test_nobody_is_listened_to_for_long),
        cmocka_unit_test(test_few_are_listened_to),
        cmocka_unit_test(test_slow_data_is_not_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
