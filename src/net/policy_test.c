/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may log in where, row by row. */
#include "config/sources.h"
#include "net/net_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ESX     "iqn.1998-01.com.vmware:esx1"
#define OTHER   "iqn.1998-01.com.vmware:esx2"
#define ONE_WAY "iqn.1991-05.com.microsoft:win1"
#define LOCAL   "iqn.2004-10.example:local"
#define TARGET  "iqn.2026-11.example:t1"
#define CLOSED  "iqn.2026-11.example:closed"
#define MOVED   "iqn.2026-11.example:moved"
#define NOWHERE "iqn.2026-11.example:none"
#define FENCED  "iqn.2026-11.example:fenced"

static struct cfg_credential credential(const char *name, const char *secret)
{
    struct cfg_credential c = {.minted = 1};
    snprintf(c.name, sizeof(c.name), "%s", name);
    c.secret[0].len = (uint16_t)strlen(secret);
    memcpy(c.secret[0].bytes, secret, strlen(secret));
    return c;
}

static struct cfg_portal_group groups[] = {{.tag = 1}, {.tag = 2}};
static const struct cfg_portal_group *served[] = {&groups[0]};
static struct cfg_target targets[] = {
    {.name = TARGET,    .alias = "first",         .groups = served,         .ngroups = 1},
    {.name = CLOSED,                 .groups = served,                            .ngroups = 1,                    .disabled = true},
    {.name = MOVED, .groups = served,                         .ngroups = 1,                  .redirect = "192.0.2.9:3260"},
    {.name = FENCED,     .groups = served,.ngroups = 1},
};
static struct cfg_initiator initiators[] = {
    {.name = ESX,     .auth = CFG_AUTH_MUTUAL },
    {.name = OTHER,   .auth = CFG_AUTH_MUTUAL },
    {.name = ONE_WAY, .auth = CFG_AUTH_ONE_WAY},
    {.name = LOCAL,   .auth = CFG_AUTH_NONE   },
};
static struct cfg_grant grants[] = {
    {.initiator = &initiators[0], .target = &targets[0]},
    {.initiator = &initiators[0], .target = &targets[1]},
    {.initiator = &initiators[0], .target = &targets[2]},
    {.initiator = &initiators[2], .target = &targets[0]},
    {.initiator = &initiators[3], .target = &targets[0]},
    {.initiator = &initiators[0],
     .target = &targets[3]                             }, /* from 192.0.2.0/24 and 2001:db8::/32 */
};
static struct config config = {
    .targets = targets,
    .ntargets = ARRAY_LEN(targets),
    .groups = groups,
    .ngroups = ARRAY_LEN(groups),
    .initiators = initiators,
    .ninitiators = ARRAY_LEN(initiators),
    .grants = grants,
    .ngrants = ARRAY_LEN(grants),
};

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(grants); i++) {
        grants[i].forward = credential(grants[i].initiator->name, "forward-secret-1");
        grants[i].reverse = credential(grants[i].target->name, "reverse-secret-1");
    }
    assert_int_equal(cfg_sources_add(&grants[5].sources, "192.0.2.0/24", "x", NULL), 0);
    assert_int_equal(cfg_sources_add(&grants[5].sources, "2001:db8::/32", "x", NULL), 0);
    initiators[0].discovery = credential(ESX, "discovery-secret");
    initiators[0].discovery_reverse = credential("zsan", "discovery-answer");
    return 0;
}

static const char *refusal; /* of the last ask() */

static struct iscsi_login_answer ask_from(const char *source, const char *initiator,
                                          const char *target, uint16_t group, bool loopback)
{
    static struct iscsi_params p;
    static struct iscsi_login_answer a;
    struct policy_way way = {.portal_group = group, .loopback = loopback};
    assert_true(cfg_address_parse(source, &way.source));
    memset(&p, 0, sizeof(p));
    p.discovery = target == NULL;
    snprintf(p.initiator, sizeof(p.initiator), "%s", initiator);
    snprintf(p.target, sizeof(p.target), "%s", target ? target : "");
    policy_answer(&config, &p, &way, &a, &refusal);
    assert_int_equal(refusal != NULL, a.fake);
    if (target) /* what is told of a target is told to those who may log in */
        assert_int_equal(policy_target(&config, &p, &way) != NULL,
                         !a.fake || strstr(refusal, "CHAP"));
    return a;
}

static struct iscsi_login_answer ask(const char *initiator, const char *target, uint16_t group,
                                     bool loopback)
{
    return ask_from("192.0.2.77", initiator, target, group, loopback);
}

static void test_policy_rows(void **state)
{
    (void)state;
    static const struct {
        const char *initiator, *target; /* target NULL: discovery */
        uint16_t group;
        bool loopback;
        bool fake, chap, mutual;
    } rows[] = {
  /* clang-format off */
        {ESX,         TARGET, 1, false, false, true,  true},
        {ESX,         TARGET, 2, false, true,  true,  false}, /* not through this group */
        {ESX,         CLOSED, 1, false, true,  true,  false},
        {ESX,         MOVED,  1, false, false, true,  true},  /* where to is told after the proof */
        {ESX,         NOWHERE, 1, false, true, true,  false},
        {OTHER,       TARGET, 1, false, true,  true,  false}, /* known, not granted */
        {"iqn.x:who", TARGET, 1, false, true,  true,  false},
        {"iqn.x:who", MOVED,  1, false, true,  true,  false},
        {"iqn.x:who", NULL,   1, false, true,  true,  false},
        {"iqn.x:who", TARGET, 1, true,  true,  true,  false}, /* loopback grants nothing */
        {ONE_WAY,     TARGET, 1, false, false, true,  false},
        {LOCAL,       TARGET, 1, true,  false, false, false},
        {LOCAL,       TARGET, 1, false, true,  true,  false}, /* no CHAP off the loopback */
        {ESX,         NULL,   1, false, false, true,  true},
        {OTHER,       NULL,   1, false, true,  true,  false}, /* no secret was minted */
  /* clang-format on */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct iscsi_login_answer a =
            ask(rows[i].initiator, rows[i].target, rows[i].group, rows[i].loopback);
        print_message("# row %zu\n", i);
        assert_int_equal(a.fake, rows[i].fake);
        assert_int_equal(a.chap_required, rows[i].chap);
        if (!rows[i].fake)
            assert_int_equal(a.mutual_required, rows[i].mutual);
        assert_int_equal(a.status, 0);
    }
}

static void test_policy_looks_at_where_they_come_from(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        bool fake;
    } rows[] = {
        {"192.0.2.1",        false},
        {"192.0.3.1",        true },
        {"127.0.0.1",        true },
        {"2001:db8:1::7",    false},
        {"2001:db9::7",      true },
        {"::ffff:192.0.2.1", false},
        {"::192.0.2.1",      true },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        print_message("# %s\n", rows[i].source);
        struct iscsi_login_answer a = ask_from(rows[i].source, ESX, FENCED, 1, false);
        assert_int_equal(a.fake, rows[i].fake);
        if (rows[i].fake)
            assert_ptr_equal(refusal, policy_wrong_source);
    }
}

static void test_policy_hands_over_the_pairs_own_secrets(void **state)
{
    (void)state;
    struct iscsi_login_answer a = ask(ESX, TARGET, 1, false);
    assert_string_equal(a.chap_name, ESX);
    assert_int_equal(a.secret[0].len, strlen("forward-secret-1"));
    assert_memory_equal(a.secret[0].bytes, "forward-secret-1", a.secret[0].len);
    assert_string_equal(a.reverse_name, TARGET);
    assert_memory_equal(a.reverse_secret[0].bytes, "reverse-secret-1", a.reverse_secret[0].len);
    assert_string_equal(a.target_alias, "first");
}

static void before(struct cfg_credential *c, const char *secret)
{
    c->secret[1].len = (uint16_t)strlen(secret);
    memcpy(c->secret[1].bytes, secret, strlen(secret));
}

static void test_policy_answers_old_secrets_by_old_ones(void **state)
{
    (void)state;
    struct cfg_grant kept = grants[0];
    before(&grants[0].forward, "forward-secret-0");
    struct iscsi_login_answer a = ask(ESX, TARGET, 1, false);
    assert_memory_equal(a.secret[1].bytes, "forward-secret-0", a.secret[1].len);
    assert_memory_equal(a.reverse_secret[1].bytes, "reverse-secret-1", 16); /* the only one */
    before(&grants[0].reverse, "reverse-secret-0");
    a = ask(ESX, TARGET, 1, false);
    assert_memory_equal(a.reverse_secret[0].bytes, "reverse-secret-1", 16);
    assert_memory_equal(a.reverse_secret[1].bytes, "reverse-secret-0", 16);
    grants[0] = kept;
}

static void test_policy_unknown_and_ungranted_get_the_same_answer(void **state)
{
    (void)state;
    static struct iscsi_login_answer a, b, c;
    a = ask("iqn.x:who", TARGET, 1, false);
    b = ask("iqn.x:who", NOWHERE, 1, false);
    c = ask(OTHER, TARGET, 1, false);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_memory_equal(&a, &c, sizeof(a));
    c = ask(ESX, CLOSED, 1, false);
    assert_memory_equal(&a, &c, sizeof(a));
    c = ask(ESX, TARGET, 2, false);
    a.portal_group = 2;
    assert_memory_equal(&a, &c, sizeof(a));
    c = ask_from("198.51.100.1", ESX, FENCED, 2, false);
    assert_memory_equal(&a, &c, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_rows),
        cmocka_unit_test(test_policy_looks_at_where_they_come_from),
        cmocka_unit_test(test_policy_hands_over_the_pairs_own_secrets),
        cmocka_unit_test(test_policy_answers_old_secrets_by_old_ones),
        cmocka_unit_test(test_policy_unknown_and_ungranted_get_the_same_answer),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
