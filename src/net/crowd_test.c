/* SPDX-License-Identifier: BSD-2-Clause */
/* A crowd at the door, in a simulated world: who gets in, who has to go, who has to wait. */
#include "net/net_fixture.h"

#include "base/check.h"
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_CONNECTIONS 64 /* in these tests */
#define WAITING         (MAX_CONNECTIONS / 4)
#define SHARE           ((MAX_CONNECTIONS - WAITING) / 2)
#define CROWD           200
#define AWAY            "127.0.0.5" /* where the host that means well is */
#define GUESSES         40          /* more than may be in progress from one address */
#define OTHER           "iqn.2026-11.org.example:other"

/* ---- who comes --------------------------------------------------------------------------- */

static struct sock *come_from(struct fix *f, const char *host)
{
    const struct ini_params p = fix_params(1);
    struct sock *s = NULL;
    sim_next_source(f->run, host);
    check(sock_connect(&p.addr, NO_DEADLINE, NULL, &s, NULL) == 0);
    return s;
}

/* From so many addresses that begin with net. */
static void crowd_from(struct fix *f, struct sock *s[CROWD], const char *net,
                       unsigned addresses)
{
    for (unsigned k = 0; k < CROWD; k++) {
        char host[SOCK_ADDR_LEN];
        snprintf(host, sizeof(host), "%s%u", net, 1 + k % addresses);
        s[k] = come_from(f, host);
    }
    fiber_sleep_until(run_deadline_ms(50), NULL);
}

static void crowd_leaves(struct sock *s[CROWD])
{
    for (unsigned k = 0; k < CROWD; k++)
        sock_close(s[k]);
}

static bool is_open(struct sock *s)
{
    return sock_wait_readable(s, run_deadline_ms(1), NULL) == -ETIMEDOUT;
}

static int login_from(struct fix *f, const char *host, struct ini_params p,
                      struct ini **ret_ini, uint16_t *ret_status)
{
    sim_next_source(f->run, host);
    return ini_login(&p, ret_ini, ret_status);
}

/* How long a good login takes, in milliseconds. */
static uint64_t good_login_ms(struct fix *f, const char *host)
{
    struct ini *i = NULL;
    uint16_t status;
    uint64_t before = run_now();
    EXPECT(f, login_from(f, host, fix_params(7), &i, &status) == 0);
    uint64_t ms = (run_now() - before) / NS_PER_MS;
    if (i)
        ini_logout(i);
    return ms;
}

static void set_limits(struct config_edit *e, struct err *err)
{
    struct cfg_limits l = config_edit_base(e)->limits;
    l.max_connections = MAX_CONNECTIONS;
    check(edit_limits_put(e, &l, err) == 0);
}

/* ---- logins in progress ------------------------------------------------------------------ */

/* One connection of each of them: the oldest makes room. */
static void body_a_host_gets_in_past_a_crowd_from_everywhere(struct fix *f)
{
    struct sock *s[CROWD];
    fix_change(f, set_limits);
    crowd_from(f, s, "192.0.2.", CROWD);
    EXPECT(f, f->net->nlogins == WAITING);
    EXPECT(f, f->net->nconns == WAITING);
    EXPECT(f, !is_open(s[0]) && is_open(s[CROWD - 1]));
    EXPECT(f, good_login_ms(f, AWAY) < 1000);
    EXPECT(f, f->net->totals.logins_displaced == CROWD - WAITING + 1);
    EXPECT(f, f->net->totals.connections_refused == 0);
    crowd_leaves(s);
}
FIX_TEST(a_host_gets_in_past_a_crowd_from_everywhere, 10)

/* A slow login that was there first stays, for its source has one. */
static void body_a_slow_login_outlasts_a_crowd_from_few(struct fix *f)
{
    struct sock *s[CROWD], *slow = come_from(f, AWAY);
    fix_change(f, set_limits);
    crowd_from(f, s, "192.0.2.", 8);
    EXPECT(f, is_open(slow));
    EXPECT(f, good_login_ms(f, "127.0.0.6") < 1000);
    EXPECT(f, is_open(slow));
    EXPECT(f, f->net->nlogins <= WAITING);
    sock_close(slow);
    crowd_leaves(s);
}
FIX_TEST(a_slow_login_outlasts_a_crowd_from_few, 10)

static void body_a_slow_login_outlasts_a_crowd_of_one_ipv6_network(struct fix *f)
{
    struct sock *s[CROWD], *slow = come_from(f, "2001:db8:0:1::1");
    fix_change(f, set_limits);
    crowd_from(f, s, "2001:db8:0:2::", CROWD);
    EXPECT(f, is_open(slow));
    EXPECT(f, good_login_ms(f, AWAY) < 1000);
    sock_close(slow);
    crowd_leaves(s);
}
FIX_TEST(a_slow_login_outlasts_a_crowd_of_one_ipv6_network, 10)

static void body_neighbours_in_an_ipv6_network_are_told_apart(struct fix *f)
{
    struct sock *s[CROWD], *slow = come_from(f, "2001:db8:0:1::1");
    fix_change(f, set_limits);
    crowd_from(f, s, "2001:db8:0:1::1", 4);
    EXPECT(f, is_open(slow));
    struct sock *late = come_from(f, "2001:db8:0:1::2");
    fiber_sleep_until(run_deadline_ms(50), NULL);
    EXPECT(f, is_open(slow) && is_open(late));
    sock_close(slow);
    sock_close(late);
    crowd_leaves(s);
}
FIX_TEST(neighbours_in_an_ipv6_network_are_told_apart, 10)

/* Who has as many as anybody displaces nobody: else those who hurry would push each other out for ever. */
static void body_equals_do_not_displace_each_other(struct fix *f)
{
    struct sock *s[CROWD];
    fix_change(f, set_limits);
    crowd_from(f, s, "192.0.2.", 1);
    EXPECT(f, is_open(s[0]) && is_open(s[WAITING - 1]));
    EXPECT(f, !is_open(s[WAITING]) && !is_open(s[CROWD - 1]));
    EXPECT(f, f->net->totals.logins_displaced == 0);
    crowd_leaves(s);
}
FIX_TEST(equals_do_not_displace_each_other, 1)

/* ---- a storm ------------------------------------------------------------------------------ */

#define HOSTS 60
#define PATHS 8

struct storm {
    struct fix *f;
    unsigned come, running;
    struct ini *in[HOSTS * PATHS];
};

static void come_back(void *arg)
{
    struct storm *st = arg;
    unsigned k = st->come++;
    struct ini_params p = fix_params(1);
    char host[SOCK_ADDR_LEN];
    uint16_t status;
    snprintf(host, sizeof(host), "127.0.1.%u", 1 + k % HOSTS);
    p.isid[3] = (uint8_t)(k / HOSTS);
    p.isid[4] = (uint8_t)(k % HOSTS);
    EXPECT(st->f, login_from(st->f, host, p, &st->in[k], &status) == 0);
    st->running--;
}

/* All hosts with all their paths at once, as after a restart, are no flood. */
static void body_hosts_that_come_back_all_get_in(struct fix *f)
{
    struct storm *st = calloc(1, sizeof(*st));
    struct net_totals t;
    check(st);
    st->f = f;
    st->running = HOSTS * PATHS;
    for (unsigned k = 0; k < HOSTS * PATHS; k++)
        check(fiber_start(come_back, st, "host"));
    while (st->running != 0)
        fiber_sleep_until(run_deadline_ms(10), NULL);
    net_totals(f->net, &t);
    EXPECT(f, t.sessions == HOSTS * PATHS && t.logins_refused == 0);
    EXPECT(f, t.connections_refused == 0 && t.logins_displaced == 0 && t.logins_held_back == 0);
    for (unsigned k = 0; k < HOSTS * PATHS; k++)
        if (st->in[k])
            ini_drop(st->in[k]);
    free(st);
}
FIX_TEST(hosts_that_come_back_all_get_in, 2)

/* ---- logged in --------------------------------------------------------------------------- */

static void add_other(struct config_edit *e, struct err *err)
{
    static const struct cfg_initiator other = {.name = OTHER, .auth = CFG_AUTH_NONE};
    set_limits(e, err);
    check(edit_initiator_add(e, &other, NULL, err) == 0);
    check(edit_grant_add(e, OTHER, FIX_TARGET, err) == 0);
}

static uint16_t login_status(struct fix *f, struct ini_params p, struct ini **ret_ini)
{
    uint16_t status;
    *ret_ini = NULL;
    login_from(f, AWAY, p, ret_ini, &status);
    return status;
}

static void body_one_initiator_takes_no_more_than_its_share(struct fix *f)
{
    struct ini *i[SHARE], *more;
    struct ini_params other = fix_params(1);
    fix_change(f, add_other);
    for (unsigned k = 0; k < SHARE; k++)
        EXPECT(f, login_status(f, fix_params((uint8_t)(k + 1)), &i[k]) == ISCSI_LOGIN_OK);
    EXPECT(f, login_status(f, fix_params(SHARE + 1), &more) == ISCSI_LOGIN_OUT_OF_RESOURCES);
    other.initiator = OTHER;
    EXPECT(f, login_status(f, other, &more) == ISCSI_LOGIN_OK);
    ini_logout(more);
    /* In the place of its older self, and when one of the others has left. */
    EXPECT(f, login_status(f, fix_params(1), &more) == ISCSI_LOGIN_OK);
    ini_logout(more);
    ini_drop(i[0]);
    EXPECT(f, login_status(f, fix_params(SHARE + 1), &more) == ISCSI_LOGIN_OK);
    EXPECT(f, login_status(f, fix_params(SHARE + 2), &i[0]) == ISCSI_LOGIN_OUT_OF_RESOURCES);
    ini_logout(more);
    for (unsigned k = 1; k < SHARE; k++)
        ini_logout(i[k]);
}
FIX_TEST(one_initiator_takes_no_more_than_its_share, 3)

/* A login for discovery in one PDU. The status of its answer. */
static uint16_t discover(struct fix *f, struct sock **ret_sock)
{
    static const char keys[] = "InitiatorName=" FIX_INITIATOR "\0SessionType=Discovery";
    struct iscsi_login_req h = {.opcode = ISCSI_OP_LOGIN_REQ | ISCSI_IMMEDIATE,
                                .flags = ISCSI_LOGIN_TRANSIT | 1 << 2 | 3,
                                .data_len = be24_make(sizeof(keys)),
                                .isid = {0x80},
                                .itt = be32_make(1)};
    uint8_t pdu[sizeof(h) + (sizeof(keys) + 3) / 4 * 4] = {0};
    struct iscsi_login_rsp rsp;
    struct sock *s = *ret_sock = come_from(f, AWAY);
    memcpy(pdu, &h, sizeof(h));
    memcpy(pdu + sizeof(h), keys, sizeof(keys));
    check(sock_send(s, pdu, sizeof(pdu), NO_DEADLINE, NULL) == 0);
    for (size_t at = 0; at < sizeof(rsp);) {
        ssize_t n = sock_recv(s, (uint8_t *)&rsp + at, sizeof(rsp) - at, NO_DEADLINE, NULL);
        if (n <= 0)
            return 0xffff;
        at += (size_t)n;
    }
    return be16_get(rsp.status);
}

static void body_discovery_sessions_take_places_of_the_share(struct fix *f)
{
    struct sock *s[SHARE + 1];
    struct ini *i;
    fix_change(f, add_other);
    for (unsigned k = 0; k < SHARE; k++)
        EXPECT(f, discover(f, &s[k]) == ISCSI_LOGIN_OK);
    EXPECT(f, discover(f, &s[SHARE]) == ISCSI_LOGIN_OUT_OF_RESOURCES);
    EXPECT(f, login_status(f, fix_params(1), &i) == ISCSI_LOGIN_OUT_OF_RESOURCES);
    sock_close(s[0]);
    fiber_sleep_until(run_deadline_ms(100), NULL);
    EXPECT(f, login_status(f, fix_params(1), &i) == ISCSI_LOGIN_OK);
    ini_logout(i);
    for (unsigned k = 1; k <= SHARE; k++)
        sock_close(s[k]);
}
FIX_TEST(discovery_sessions_take_places_of_the_share, 3)

/* ---- failures ---------------------------------------------------------------------------- */

static void fail_from(struct fix *f, const char *host, const char *initiator,
                      const char *target)
{
    struct ini_params p = fix_params(9);
    struct ini *i;
    uint16_t status;
    p.initiator = initiator;
    p.target = target;
    EXPECT(f, login_from(f, host, p, &i, &status) == -EACCES);
    EXPECT(f, status == ISCSI_LOGIN_AUTH_FAILED);
}

static uint64_t failure_ms(struct fix *f, const char *host, const char *initiator,
                           const char *target)
{
    uint64_t before = run_now();
    fail_from(f, host, initiator, target);
    return (run_now() - before) / NS_PER_MS;
}

/* Many at a time, so that none is forgiven meanwhile. */
struct guess {
    struct fix *f;
    unsigned running;
};

static void guess(void *arg)
{
    struct guess *g = arg;
    struct ini_params p = fix_params(9);
    struct ini *i;
    uint16_t status;
    p.initiator = "iqn.2026-11.org.example:nobody";
    EXPECT(g->f, login_from(g->f, AWAY, p, &i, &status) == -EACCES);
    g->running--;
}

static void guesses_begin(struct guess *g)
{
    g->running = GUESSES;
    for (unsigned k = 0; k < GUESSES; k++) {
        check(fiber_start(guess, g, "guess"));
        fiber_sleep_until(run_deadline_ms(5), NULL);
    }
}

static void guesses_end(struct guess *g)
{
    while (g->running != 0)
        fiber_sleep_until(run_deadline_ms(1), NULL);
}

/* Also with the right name, which is as slow as a wrong one. */
static void body_failures_hold_back_their_address(struct fix *f)
{
    static const char nobody[] = "iqn.2026-11.org.example:nobody",
                      nothing[] = "iqn.2026-11.org.example:nothing";
    struct guess g = {f, 0};
    struct net_totals t;
    guesses_begin(&g);
    guesses_end(&g);
    net_totals(f->net, &t);
    EXPECT(f, t.sources_held_back == 1 && t.logins_held_back > 0);
    EXPECT(f, failure_ms(f, AWAY, nobody, nothing) >= 2000);
    EXPECT(f, failure_ms(f, AWAY, nobody, FIX_TARGET) >= 2000);
    EXPECT(f, failure_ms(f, AWAY, FIX_INITIATOR, nothing) >= 2000);
    EXPECT(f, good_login_ms(f, "127.0.0.6") < 1000);
    uint64_t ms = good_login_ms(f, AWAY);
    EXPECT(f, ms >= 2000 && ms < 3000);
    fiber_sleep_until(run_deadline_ms(70000), NULL);
    net_totals(f->net, &t);
    EXPECT(f, t.sources_held_back == 0);
    EXPECT(f, good_login_ms(f, AWAY) < 1000);
}
FIX_TEST(failures_hold_back_their_address, 3)

/* Being cut off, or not understood, is no guess at a secret. */
static void body_only_failed_proofs_count(struct fix *f)
{
    static const struct iscsi_login_req nonsense = {.opcode = ISCSI_OP_LOGIN_REQ,
                                                    .flags = 0x87};
    for (unsigned k = 0; k < 40; k++) {
        struct sock *s = come_from(f, AWAY);
        if (k % 2)
            check(sock_send(s, &nonsense, sizeof(nonsense), NO_DEADLINE, NULL) == 0);
        fiber_sleep_until(run_deadline_ms(20), NULL);
        sock_close(s);
    }
    EXPECT(f, good_login_ms(f, AWAY) < 1000);
    EXPECT(f, f->net->totals.logins_held_back == 0);
}
FIX_TEST(only_failed_proofs_count, 1)

/* Who waits is not among those that an address may have in progress. */
static void body_those_that_wait_leave_room_at_their_address(struct fix *f)
{
    struct guess g = {f, 0};
    guesses_begin(&g);
    guesses_end(&g);
    guesses_begin(&g);
    EXPECT(f, g.running == GUESSES && f->net->nlogins == GUESSES);
    EXPECT(f, good_login_ms(f, AWAY) < 3000);
    guesses_end(&g);
}
FIX_TEST(those_that_wait_leave_room_at_their_address, 3)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_host_gets_in_past_a_crowd_from_everywhere),
        cmocka_unit_test(test_a_slow_login_outlasts_a_crowd_from_few),
        cmocka_unit_test(test_a_slow_login_outlasts_a_crowd_of_one_ipv6_network),
        cmocka_unit_test(test_neighbours_in_an_ipv6_network_are_told_apart),
        cmocka_unit_test(test_equals_do_not_displace_each_other),
        cmocka_unit_test(test_hosts_that_come_back_all_get_in),
        cmocka_unit_test(test_one_initiator_takes_no_more_than_its_share),
        cmocka_unit_test(test_discovery_sessions_take_places_of_the_share),
        cmocka_unit_test(test_failures_hold_back_their_address),
        cmocka_unit_test(test_only_failed_proofs_count),
        cmocka_unit_test(test_those_that_wait_leave_room_at_their_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
