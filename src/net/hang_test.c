/* SPDX-License-Identifier: BSD-2-Clause */
/* A volume whose store does not answer, for good as far as anybody can tell: whoever has to do with
 * it is told so in time, everybody else goes on, and it goes when its store lets it. */
#include "net/net_fixture.h"

#include "base/check.h"
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOGICAL_UNIT_NOT_SUPPORTED 0x052500u
#define BECOMING_READY             0x020401u
#define TASK_ABORTED               0x40
#define SERVICE_UNAVAILABLE        0x0301
#define AT_ONCE_MS                 100
#define PATIENCE_MS                5000  /* what an operator waits for an answer */
#define STOP_MS                    20000 /* what man zsand(8) promises */

static uint32_t unit_state(struct ini *i, unsigned lun)
{
    struct ini_cmd c = {.lun = ini_lun(lun)}; /* TEST UNIT READY */
    fix_ready(i, lun);
    ini_start(i, &c);
    ini_wait(i, &c, NO_DEADLINE);
    return c.status == 0 ? 0 : ini_sense(&c);
}

/* A write to "a" that hangs. */
static struct ini_cmd *hang(struct fix *f, struct ini *i)
{
    fix_ready(i, 0);
    f->gate_shut = FIX_GATE_ALL;
    struct ini_cmd *c = fix_write(i, 0, 8, 512);
    fiber_sleep_until(run_deadline_ms(10), NULL);
    EXPECT(f, c->end == INI_PENDING);
    return c;
}

static void recover(struct fix *f)
{
    fix_gate_open(f);
    fiber_sleep_until(run_deadline_ms(100), NULL);
}

#define EXPECT_WITHIN(f, ms, ...)                                                              \
    do {                                                                                       \
        uint64_t before_ = run_now();                                                          \
        __VA_ARGS__;                                                                           \
        EXPECT(f, run_now() - before_ <= (ms)*NS_PER_MS);                                      \
    } while (0)

static enum net_volume_state state_of(struct fix *f, const char *name)
{
    struct net_volume_info *all, *v = NULL;
    enum net_volume_state state = NET_VOL_WAITING;
    unsigned n;
    EXPECT_WITHIN(f, 1000, check(net_volumes(f->net, &all, &n) == 0));
    for (unsigned k = 0; k < n; k++)
        if (strcmp(all[k].name, name) == 0)
            v = &all[k];
    EXPECT(f, v != NULL);
    if (v)
        state = v->state;
    EXPECT(f, !v || v->state == NET_VOL_ONLINE || v->reason[0] != '\0');
    free(all);
    return state;
}

/* ---- changes ------------------------------------------------------------------------------ */

static void remove_a(struct config_edit *e, struct err *err)
{
    check(edit_lun_remove(e, FIX_TARGET, 0, err) == 0);
    check(edit_volume_remove(e, "a", err) == 0);
}

static void change(struct config_edit *e, const char *name, void (*fn)(struct cfg_volume *v),
                   struct err *err)
{
    struct cfg_volume *v = malloc(sizeof(*v));
    check(v);
    *v = *config_volume(config_edit_base(e), name);
    fn(v);
    check(edit_volume_put(e, v, err) == 0);
    free(v);
}

static void more_iops(struct cfg_volume *v)
{
    v->limits.iops++;
}

static void limit_b(struct config_edit *e, struct err *err)
{
    change(e, "b", more_iops, err);
}

static void limit_a(struct config_edit *e, struct err *err)
{
    change(e, "a", more_iops, err);
}

static void to_standard(struct cfg_volume *v)
{
    v->sync = VOL_SYNC_STANDARD;
}

static void to_always(struct cfg_volume *v)
{
    v->sync = VOL_SYNC_ALWAYS;
}

static void a_standard(struct config_edit *e, struct err *err)
{
    change(e, "a", to_standard, err);
}

static void a_always(struct config_edit *e, struct err *err)
{
    change(e, "a", to_always, err);
}

static void to_read_only(struct cfg_volume *v)
{
    v->read_only = true;
}

static void a_read_only(struct config_edit *e, struct err *err)
{
    change(e, "a", to_read_only, err);
}

static void add_more(struct config_edit *e, struct err *err)
{
    fix_add_volume(e, "more",
                   err); /* its home is reactor 0, which has no more than the other */
}

static void body_removed(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    struct ini_cmd *c = hang(f, i);
    EXPECT_WITHIN(f, PATIENCE_MS, EXPECT(f, fix_change(f, remove_a) == -ETIMEDOUT));
    EXPECT(f, unit_state(i, 0) == LOGICAL_UNIT_NOT_SUPPORTED);
    EXPECT(f, unit_state(i, 1) == 0);
    EXPECT(f, state_of(f, "a") == NET_VOL_CLOSING);
    EXPECT_WITHIN(f, AT_ONCE_MS, EXPECT(f, fix_change(f, limit_b) == 0));
    EXPECT(f, f->open_volumes == 2 && c->end == INI_PENDING);
    recover(f);
    EXPECT(f, f->open_volumes == 1 && f->net->nerrands == 0);
    EXPECT(f, c->end == INI_DONE && c->status == TASK_ABORTED);
    ini_logout(i);
    free(c);
}

static void remove_soon(void *arg)
{
    fix_change(arg, remove_a);
}

static void body_lun_goes_at_once(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    struct ini_cmd *c = hang(f, i);
    check(fiber_start(remove_soon, f, "remover"));
    fiber_sleep_until(run_deadline_ms(AT_ONCE_MS), NULL);
    EXPECT(f, unit_state(i, 0) == LOGICAL_UNIT_NOT_SUPPORTED);
    EXPECT(f, state_of(f, "b") == NET_VOL_ONLINE);
    fiber_sleep_until(run_deadline_ms(PATIENCE_MS), NULL);
    recover(f);
    ini_logout(i);
    free(c);
}

static void body_reopened(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    struct ini_cmd *c = hang(f, i);
    EXPECT_WITHIN(f, PATIENCE_MS, EXPECT(f, fix_change(f, a_read_only) < 0));
    EXPECT(f, unit_state(i, 0) == BECOMING_READY);
    EXPECT(f, state_of(f, "a") == NET_VOL_CLOSING);
    EXPECT(f, f->open_volumes == 2); /* never twice at a time */
    recover(f);
    fiber_sleep_until(run_deadline_ms(PATIENCE_MS), NULL);
    EXPECT(f, state_of(f, "a") == NET_VOL_ONLINE && f->open_volumes == 2);
    EXPECT(f, unit_state(i, 0) == 0);
    ini_logout(i);
    free(c);
}

static void body_settings(struct fix *f)
{
    fix_change(f, a_standard);
    struct ini *i = fix_login(f, 1);
    struct ini_cmd *c = hang(f, i);
    EXPECT_WITHIN(f, AT_ONCE_MS, EXPECT(f, fix_change(f, limit_a) == 0));
    EXPECT_WITHIN(f, PATIENCE_MS, EXPECT(f, fix_change(f, a_always) == -ETIMEDOUT));
    EXPECT_WITHIN(f, AT_ONCE_MS, EXPECT(f, fix_change(f, limit_b) == 0));
    EXPECT(f, served_by_name(f->net, "a")->open->vol->sync == VOL_SYNC_ALWAYS);
    recover(f);
    EXPECT(f, f->net->nerrands == 0);
    ini_logout(i);
    free(c);
}

static void body_resize(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    struct ini_cmd *c = hang(f, i);
    struct err err = {0};
    EXPECT_WITHIN(f, 2 * PATIENCE_MS,
                  EXPECT(f, net_volume_resize(f->net, "a", 2u << 20, &err) == -ETIMEDOUT));
    EXPECT_WITHIN(f, AT_ONCE_MS,
                  EXPECT(f, net_volume_resize(f->net, "a", 3u << 20, &err) == -EBUSY));
    EXPECT_WITHIN(f, AT_ONCE_MS,
                  EXPECT(f, net_volume_resize(f->net, "b", 2u << 20, &err) == 0));
    recover(f);
    EXPECT(f, net_volume_resize(f->net, "a", 3u << 20, &err) == 0);
    ini_logout(i);
    free(c);
}

static void body_opening(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    f->gate_shut = FIX_GATE_OPEN;
    EXPECT_WITHIN(f, PATIENCE_MS, EXPECT(f, fix_change(f, add_more) < 0));
    EXPECT(f, unit_state(i, 2) == BECOMING_READY);
    EXPECT(f, state_of(f, "more") == NET_VOL_WAITING);
    EXPECT_WITHIN(f, AT_ONCE_MS, fix_change(f, limit_b));
    EXPECT_WITHIN(f, AT_ONCE_MS, fix_change(f, limit_a));
    recover(f);
    fiber_sleep_until(run_deadline_ms(PATIENCE_MS), NULL);
    EXPECT(f, state_of(f, "more") == NET_VOL_ONLINE && f->open_volumes == 3);
    EXPECT(f, unit_state(i, 2) == 0);
    ini_logout(i);
}

static void remove_more(struct config_edit *e, struct err *err)
{
    check(edit_lun_remove(e, FIX_TARGET, 2, err) == 0);
    check(edit_volume_remove(e, "more", err) == 0);
}

/* What comes of it is closed again. */
static void body_removed_while_opening(struct fix *f)
{
    f->gate_shut = FIX_GATE_OPEN;
    fix_change(f, add_more);
    EXPECT_WITHIN(f, AT_ONCE_MS, EXPECT(f, fix_change(f, remove_more) == 0));
    recover(f);
    EXPECT(f, f->open_volumes == 2 && f->net->nerrands == 0);
}

/* ---- questions ---------------------------------------------------------------------------- */

static void body_list(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    struct net_volume_info *v = malloc(sizeof(*v));
    check(v);
    struct ini_cmd *c = hang(f, i);
    EXPECT(f, state_of(f, "a") == NET_VOL_BUSY);
    EXPECT(f, state_of(f, "b") == NET_VOL_ONLINE);
    EXPECT_WITHIN(f, AT_ONCE_MS, EXPECT(f, net_volume(f->net, "a", v) == 0));
    EXPECT(f, v->geo.size == 1u << 20 && v->stats.in_flight == 1);
    EXPECT_WITHIN(f, AT_ONCE_MS, EXPECT(f, net_volume(f->net, "b", v) == 0));
    EXPECT(f, f->net->nerrands == 1); /* it is asked once */
    recover(f);
    EXPECT(f, state_of(f, "a") == NET_VOL_ONLINE);
    ini_logout(i);
    free(c);
    free(v);
}

/* A disk tells its size whatever happens to its commands. */
static void body_stalled_commands(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    struct ini_cmd *c = hang(f, i);
    f->gate_shut = FIX_GATE_WRITE;
    EXPECT(f, state_of(f, "a") == NET_VOL_ONLINE);
    fiber_sleep_until(run_deadline_ms(9000),
                      NULL); /* 3 s on, its file systems were still looked for */
    EXPECT(f, state_of(f, "a") == NET_VOL_BUSY);
    recover(f);
    EXPECT(f, state_of(f, "a") == NET_VOL_ONLINE);
    ini_logout(i);
    free(c);
}

/* ---- sessions ----------------------------------------------------------------------------- */

/* Its volume goes, and so does the reason not to let the initiator in again. */
static void body_session_after_removal(struct fix *f)
{
    struct ini *old = fix_login(f, 1), *new;
    const struct ini_params p = fix_params(1);
    uint16_t status;
    struct ini_cmd *c = hang(f, old);
    EXPECT(f, ini_login(&p, &new, &status) == -EACCES && status == SERVICE_UNAVAILABLE);
    EXPECT_WITHIN(f, PATIENCE_MS, fix_change(f, remove_a));
    EXPECT_WITHIN(f, 1000, new = fix_login(f, 1));
    EXPECT(f, unit_state(new, 1) == 0);
    recover(f);
    EXPECT(f, f->open_volumes == 1 && f->net->nconns == 1);
    ini_logout(new);
    ini_drop(old);
    free(c);
}

static void body_session_before_removal(struct fix *f)
{
    struct ini *old = fix_login(f, 1), *new;
    struct ini_cmd *c = hang(f, old);
    EXPECT_WITHIN(f, PATIENCE_MS, fix_change(f, remove_a));
    EXPECT_WITHIN(f, 1000, new = fix_login(f, 1));
    EXPECT(f, unit_state(new, 1) == 0);
    recover(f);
    EXPECT(f, !ini_up(old));
    EXPECT(f, f->open_volumes == 1 && f->net->nconns == 1);
    ini_logout(new);
    ini_drop(old);
    free(c);
}

static void revoke(struct config_edit *e, struct err *err)
{
    check(edit_grant_remove(e, FIX_INITIATOR, FIX_TARGET, err) == 0);
}

static void grant(struct config_edit *e, struct err *err)
{
    check(edit_grant_add(e, FIX_INITIATOR, FIX_TARGET, err) == 0);
}

static void body_revoked(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    struct ini_cmd *c = hang(f, i);
    EXPECT_WITHIN(f, PATIENCE_MS, fix_change(f, revoke));
    EXPECT(f, !ini_up(i));
    EXPECT_WITHIN(f, PATIENCE_MS, fix_change(f, remove_a));
    fix_change(f, grant);
    ini_drop(i);
    EXPECT_WITHIN(f, 1000, i = fix_login(f, 1));
    EXPECT(f, unit_state(i, 1) == 0);
    recover(f);
    ini_logout(i);
    free(c);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void body_stop(struct fix *f)
{
    struct ini *i = fix_login(f, 1);
    struct ini_cmd *c = hang(f, i);
    EXPECT_WITHIN(f, STOP_MS, EXPECT(f, net_stop(f->net) == -ETIMEDOUT));
    EXPECT(f, f->open_volumes == 1); /* the other one is closed */
    recover(f);
    fix_stop(f);
    ini_drop(i);
    free(c);
}

static void body_stop_while_opening(struct fix *f)
{
    f->gate_shut = FIX_GATE_OPEN;
    fix_change(f, add_more);
    EXPECT_WITHIN(f, STOP_MS, EXPECT(f, net_stop(f->net) == -ETIMEDOUT));
    recover(f);
    fix_stop(f);
}

static void body_stop_while_flushing(struct fix *f)
{
    fix_change(f, a_standard);
    f->gate_shut = FIX_GATE_FLUSH;
    EXPECT_WITHIN(f, STOP_MS, EXPECT(f, net_stop(f->net) == -ETIMEDOUT));
    EXPECT(f, f->open_volumes == 1);
    recover(f);
    fix_stop(f);
}

/* ------------------------------------------------------------------------------------------- */

FIX_TEST(removed, 1)
FIX_TEST(lun_goes_at_once, 1)
FIX_TEST(reopened, 1)
FIX_TEST(settings, 1)
FIX_TEST(resize, 1)
FIX_TEST(opening, 1)
FIX_TEST(removed_while_opening, 1)
FIX_TEST(list, 1)
FIX_TEST(stalled_commands, 1)
FIX_TEST(session_after_removal, 1)
FIX_TEST(session_before_removal, 1)
FIX_TEST(revoked, 1)
FIX_TEST(stop, 1)
FIX_TEST(stop_while_opening, 1)
FIX_TEST(stop_while_flushing, 1)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_lun_goes_at_once),
        cmocka_unit_test(test_reopened),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_removed_while_opening),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_stalled_commands),
        cmocka_unit_test(test_session_after_removal),
        cmocka_unit_test(test_session_before_removal),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stop_while_opening),
        cmocka_unit_test(test_stop_while_flushing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
