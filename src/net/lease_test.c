/* SPDX-License-Identifier: BSD-2-Clause */
/* Leases of exclusive volumes through the whole front: which end of a session is a farewell, when the time of
 * a host that is away runs, and what a change of its hosts does to sessions. */
#include "net/net_fixture.h"

#include "base/check.h"
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OTHER     "iqn.2026-11.org.example:other"
#define NO_ACCESS 0x052002u
#define TIMEOUT_S 60

static void add_other(struct config_edit *e, struct err *err)
{
    static const struct cfg_initiator other = {.name = OTHER, .auth = CFG_AUTH_NONE};
    check(edit_initiator_add(e, &other, NULL, err) == 0);
    check(edit_grant_add(e, OTHER, FIX_TARGET, err) == 0);
}

static struct ini *login_other(struct fix *f)
{
    struct ini_params p = fix_params(2);
    struct ini *i = NULL;
    uint16_t status;
    p.initiator = OTHER;
    EXPECT(f, ini_login(&p, &i, &status) == 0);
    check(i);
    return i;
}

/* What a write says: 0 when it was done. */
static uint32_t write_sense(struct ini *i, unsigned lun)
{
    fix_ready(i, lun);
    struct ini_cmd *c = fix_write(i, lun, 0, 512);
    bool ended = ini_wait(i, c, run_deadline_ms(20000));
    uint32_t sense = !ended || c->end != INI_DONE ? UINT32_MAX
                     : c->status == 0             ? 0
                                                  : ini_sense(c);
    free(c);
    return sense;
}

static bool has(struct fix *f, const char *volume, const char *host)
{
    struct net_volume_info *v = malloc(sizeof(*v));
    check(v && net_volume(f->net, volume, v) == 0);
    bool same = strcmp(v->lease, host) == 0;
    free(v);
    return same;
}

static void wait_s(unsigned s)
{
    fiber_sleep_until(run_deadline_ms(s * 1000), NULL);
}

/* LUN 0 is at home on the connection's reactor, LUN 1 is not. */
static void body_logout(struct fix *f)
{
    fix_change(f, add_other);
    struct ini *a = fix_login(f, 1), *b = login_other(f);
    for (unsigned lun = 0; lun < 2; lun++) {
        EXPECT(f, write_sense(a, lun) == 0);
        EXPECT(f, write_sense(b, lun) == NO_ACCESS);
    }
    ini_logout(a);
    for (unsigned lun = 0; lun < 2; lun++)
        EXPECT(f, write_sense(b, lun) == 0);
    EXPECT(f, has(f, "a", OTHER) && has(f, "b", OTHER));
    ini_logout(b);
}

static void body_loss(struct fix *f)
{
    fix_change(f, add_other);
    struct ini *a = fix_login(f, 1), *b = login_other(f);
    EXPECT(f, write_sense(a, 0) == 0);
    ini_drop(a);
    wait_s(TIMEOUT_S - 10);
    EXPECT(f, write_sense(b, 0) == NO_ACCESS);
    wait_s(11);
    EXPECT(f, write_sense(b, 0) == 0);
    ini_logout(b);
}

static void disable(struct config_edit *e, struct err *err)
{
    static const struct cfg_target t = {.name = FIX_TARGET, .disabled = true};
    check(edit_target_put(e, &t, NULL, 0, err) == 0);
}
static void enable(struct config_edit *e, struct err *err)
{
    static const struct cfg_target t = {.name = FIX_TARGET};
    check(edit_target_put(e, &t, NULL, 0, err) == 0);
}

static void body_nobody_can_come(struct fix *f)
{
    struct ini *a = fix_login(f, 1);
    EXPECT(f, write_sense(a, 0) == 0);
    fix_change(f, disable); /* ends the session, which is no farewell */
    wait_s(10 * TIMEOUT_S);
    EXPECT(f, has(f, "a", FIX_INITIATOR));
    fix_change(f, enable);
    wait_s(TIMEOUT_S - 5);
    EXPECT(f, has(f, "a", FIX_INITIATOR));
    wait_s(6);
    EXPECT(f, has(f, "a", ""));
    ini_drop(a);
}

static void join(struct config_edit *e, struct err *err)
{
    static const struct cfg_initiator both[] = {
        {.name = FIX_INITIATOR, .auth = CFG_AUTH_NONE},
        {.name = OTHER,         .auth = CFG_AUTH_NONE}
    };
    check(edit_host_add(e, "esx1", err) == 0);
    for (size_t i = 0; i < ARRAY_LEN(both); i++)
        check(edit_initiator_put(e, &both[i], "esx1", err) == 0);
}

static void body_hosts_change(struct fix *f)
{
    struct net_session_info *s;
    unsigned n;
    fix_change(f, add_other);
    struct ini *a = fix_login(f, 1), *b = login_other(f);
    EXPECT(f, write_sense(a, 0) == 0);
    EXPECT(f, write_sense(b, 0) == NO_ACCESS);
    fix_change(f, join);
    EXPECT(f, write_sense(a, 0) == 0);
    EXPECT(f, write_sense(b, 0) == 0);
    EXPECT(f, has(f, "a", "esx1"));
    check(net_sessions(f->net, &s, &n) == 0);
    EXPECT(f, n == 2 && strcmp(s[0].host, "esx1") == 0 && strcmp(s[1].host, "esx1") == 0);
    free(s);
    ini_logout(a);
    EXPECT(f, has(f, "a", "esx1"));
    EXPECT(f, write_sense(b, 0) == 0);
    ini_logout(b);
    EXPECT(f, has(f, "a", ""));
}

static void body_release(struct fix *f)
{
    struct err err = {0};
    char host[CFG_NAME_LEN];
    EXPECT(f, net_lease_release(f->net, "a", false, host, &err) == -ENOENT);
    EXPECT(f, net_lease_release(f->net, "none", false, host, &err) == -EAGAIN);
    fix_change(f, add_other);
    struct ini *a = fix_login(f, 1), *b = login_other(f);
    for (unsigned lun = 0; lun < 2; lun++) {
        const char *volume = lun == 0 ? "a" : "b";
        EXPECT(f, write_sense(a, lun) == 0);
        EXPECT(f, net_lease_release(f->net, volume, false, host, &err) == -EBUSY);
        EXPECT(f, net_lease_release(f->net, volume, true, host, &err) == 0);
        EXPECT(f, strcmp(host, FIX_INITIATOR) == 0);
        EXPECT(f, write_sense(a, lun) == NO_ACCESS);
        EXPECT(f, write_sense(b, lun) == 0);
    }
    ini_logout(a);
    ini_logout(b);
}

/* The store keeps a write: who released it is told so, and it happens when the store lets it. */
static void body_release_of_a_hanging_one(struct fix *f)
{
    struct err err = {0};
    char host[CFG_NAME_LEN];
    fix_change(f, add_other);
    struct ini *a = fix_login(f, 1), *b = login_other(f);
    EXPECT(f, write_sense(a, 0) == 0);
    f->gate_shut = FIX_GATE_WRITE;
    struct ini_cmd *c = fix_write(a, 0, 8, 512);
    fiber_sleep_until(run_deadline_ms(10), NULL);
    EXPECT(f,
           net_lease_release(f->net, "a", true, host, &err) == 0); /* it is fenced after 5 s */
    EXPECT(f, has(f, "a", ""));
    fix_gate_open(f);
    EXPECT(f, ini_wait(a, c, run_deadline_ms(5000)) && c->status == 0x40); /* TASK ABORTED */
    EXPECT(f, write_sense(b, 0) == 0);
    free(c);
    ini_logout(a);
    ini_logout(b);
}

static void share(struct config_edit *e, struct err *err)
{
    struct cfg_volume *v = calloc(1, sizeof(*v));
    check(v);
    *v = *config_volume(config_edit_base(e), "a");
    v->policy = CFG_CLUSTER;
    v->threshold_pct = 50;
    check(edit_volume_put(e, v, err) == 0);
    free(v);
}

/* Malloc'd; NULL: there is none. */
static char *kept(struct fix *f, const char *attr)
{
    const struct config *c = config_current(f->store);
    struct attr_store *s = config_attrs(f->store);
    char *value = NULL;
    s->get(s, &config_volume(c, "a")->id, attr, &value);
    config_put(c);
    return value;
}

/* A policy that could not be kept is tried again until it is, without another change. */
static void body_policy_again(struct fix *f)
{
    fix_change(f, add_other);
    struct ini *a = fix_login(f, 1), *b = login_other(f);
    EXPECT(f, write_sense(a, 0) == 0);
    f->fail_attrs = -ENOSPC;
    EXPECT(f, fix_change(f, share) == -ENOSPC);
    wait_s(10);
    f->fail_attrs = 0;
    wait_s(5);
    char *threshold = kept(f, VOL_ATTR_THRESHOLD), *lease = kept(f, "scsi.lease");
    EXPECT(f, threshold && strcmp(threshold, "50") == 0);
    EXPECT(f, !lease);
    EXPECT(f, write_sense(b, 0) == 0);
    free(threshold);
    free(lease);
    ini_logout(a);
    ini_logout(b);
}

FIX_TEST(logout, 1)
FIX_TEST(loss, 1)
FIX_TEST(nobody_can_come, 1)
FIX_TEST(hosts_change, 1)
FIX_TEST(release, 1)
FIX_TEST(release_of_a_hanging_one, 1)
FIX_TEST(policy_again, 1)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logout),          cmocka_unit_test(test_loss),
        cmocka_unit_test(test_nobody_can_come), cmocka_unit_test(test_hosts_change),
        cmocka_unit_test(test_release),         cmocka_unit_test(test_release_of_a_hanging_one),
        cmocka_unit_test(test_policy_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
