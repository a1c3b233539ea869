/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logins that RADIUS servers judge, in a simulated world. The servers are functions of the test's own that check the request
 * as a server would, and then answer rightly, late, twice, not at all, or with lies.
 */
#include "net/net_fixture.h"
#include "net/radius_int.h"

#include "base/check.h"
#include "base/text.h"
#include "wire/radius_testing.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SHARED "shared-with-the-server"
#define SECRET "what the initiator knows"
#define OTHER  "iqn.2026-11.org.example:other"

/* ---- a server ---------------------------------------------------------------------------- */

struct server {
    struct fix *f;
    struct sock_addr addr;
    unsigned requests;
    uint8_t seen[RADIUS_MD5_LEN]; /* the last one's authenticator */
    unsigned same;                /* requests that were as the one before */
    unsigned silent;              /* this many requests are not answered */
    uint64_t late_ns;
    bool lies; /* before the answer */
    bool twice;
    const char *secret;
};

/* The CHAP response is that of SECRET (RFC 1994 4.1). */
static bool knows_secret(const uint8_t *p, size_t len)
{
    size_t n, c;
    uint8_t want[RADIUS_MD5_LEN];
    const uint8_t *password = radius_test_attr(p, len, RADIUS_CHAP_PASSWORD, &n);
    const uint8_t *challenge = radius_test_attr(p, len, RADIUS_CHAP_CHALLENGE, &c);
    if (!password || n != 17 || !challenge)
        return false;
    const struct iovec parts[] = {
        {(void *)(uintptr_t)password,  1                 },
        {(void *)(uintptr_t)SECRET,    sizeof(SECRET) - 1},
        {(void *)(uintptr_t)challenge, c                 }
    };
    return radius_test_md5(parts, 3, want) && memcmp(want, password + 1, sizeof(want)) == 0;
}

static bool names(const uint8_t *p, size_t len, enum radius_attr attr, const char *text)
{
    size_t n;
    const uint8_t *value = radius_test_attr(p, len, attr, &n);
    return value && n == strlen(text) && memcmp(value, text, n) == 0;
}

static void answer(const struct server *s, struct sim_sock *from, const uint8_t *request,
                   uint8_t code, const char *secret)
{
    uint8_t a[38] = {code, request[1], [20] = RADIUS_MESSAGE_AUTHENTICATOR, [21] = 18};
    radius_test_sign(a, sizeof(a), request + 4, secret);
    sim_datagram_answer(from, a, sizeof(a), s->late_ns);
}

static void lie(const struct server *s, struct sim_sock *from, const uint8_t *request)
{
    uint8_t other[20], a[20] = {RADIUS_ACCESS_ACCEPT, request[1]};
    answer(s, from, request, RADIUS_ACCESS_ACCEPT, "another-secret-than-theirs");
    radius_test_sign(a, sizeof(a), request + 4, SHARED); /* without Message-Authenticator */
    sim_datagram_answer(from, a, sizeof(a), s->late_ns);
    memcpy(other, request, sizeof(other));
    other[1] ^= 1;
    answer(s, from, other, RADIUS_ACCESS_ACCEPT, SHARED);
    other[1] ^= 1;
    other[4] ^= 1;
    answer(s, from, other, RADIUS_ACCESS_ACCEPT, SHARED);
    sim_datagram_answer(from, request, 20, s->late_ns);
    sim_datagram_answer(from, request, 0, s->late_ns);
}

static void serve(void *arg, struct sim_sock *from, const uint8_t *p, size_t len)
{
    struct server *s = arg;
    s->requests++;
    EXPECT(s->f, len > 20 && p[0] == RADIUS_ACCESS_REQUEST && load_be16(p + 2) == len);
    EXPECT(s->f, names(p, len, RADIUS_USER_NAME, FIX_INITIATOR));
    EXPECT(s->f, names(p, len, RADIUS_NAS_IDENTIFIER, "zsan"));
    EXPECT(s->f, names(p, len, RADIUS_CALLING_STATION, "127.0.0.1"));
    s->same += memcmp(s->seen, p + 4, sizeof(s->seen)) == 0;
    memcpy(s->seen, p + 4, sizeof(s->seen));
    if (s->lies)
        lie(s, from, p);
    if (s->silent > 0) {
        s->silent--;
        return;
    }
    uint8_t code = knows_secret(p, len) ? RADIUS_ACCESS_ACCEPT : RADIUS_ACCESS_REJECT;
    answer(s, from, p, code, s->secret);
    if (s->twice)
        answer(s, from, p, code, s->secret);
}

static const char *const addresses[] = {"192.0.2.10", "192.0.2.11"};

/* Of the configuration; it serves from now on. */
static struct server *server_start(struct fix *f, unsigned n)
{
    struct server *s = calloc(1, sizeof(*s));
    check(s);
    s->f = f;
    s->secret = SHARED;
    check(sock_addr_make(addresses[n], RADIUS_PORT, &s->addr) == 0);
    sim_datagram_host(f->run, &s->addr, serve, s);
    return s;
}

static void server_end(struct server *s)
{
    sim_datagram_host(s->f->run, &s->addr, NULL, NULL);
    free(s);
}

#define ALWAYS 1000000u /* requests */

/* ---- the front ---------------------------------------------------------------------------- */

static void add_servers(struct config_edit *e, struct err *err, unsigned n)
{
    struct cfg_radius *r = calloc(1, sizeof(*r));
    check(r);
    for (; r->nservers < n; r->nservers++) {
        struct cfg_radius_server *s = &r->servers[r->nservers];
        text_copy(s->address, sizeof(s->address), addresses[r->nservers]);
        s->port = RADIUS_PORT;
        s->timeout_ms = 1000;
        s->tries = 2;
        check(edit_radius_secret(e, s->address, s->port, SHARED, err) == 0);
    }
    check(edit_radius_put(e, r, err) == 0);
    free(r);
}

static void two_servers(struct config_edit *e, struct err *err)
{
    static const struct cfg_initiator i = {
        .name = FIX_INITIATOR, .auth = CFG_AUTH_ONE_WAY, .verify = CFG_VERIFY_RADIUS};
    static const struct cfg_initiator other = {.name = OTHER, .auth = CFG_AUTH_NONE};
    static const struct cfg_target target = {.name = FIX_TARGET "2"};
    add_servers(e, err, 2);
    check(edit_initiator_put(e, &i, NULL, err) == 0);
    check(edit_initiator_add(e, &other, NULL, err) == 0);
    check(edit_grant_add(e, OTHER, FIX_TARGET, err) == 0);
    check(edit_target_add(e, &target, NULL, 0, err) == 0);
}

/* Its session ends at once. The status that it was refused with, 0: it was not; 1: the connection broke. */
static uint16_t try_login(const char *initiator, const char *target, const char *secret,
                          uint8_t isid)
{
    struct ini_params p = fix_params(isid);
    struct ini *i = NULL;
    uint16_t status = 0;
    p.initiator = initiator;
    p.target = target;
    p.user = secret ? initiator : NULL;
    p.secret = secret;
    int rc = ini_login(&p, &i, &status);
    if (rc == 0)
        ini_logout(i);
    return rc == 0 ? 0 : rc == -EACCES ? status : 1;
}

static uint16_t alice(const char *secret)
{
    return try_login(FIX_INITIATOR, FIX_TARGET, secret, 1);
}

static struct net_radius_info info_of(struct fix *f, unsigned n)
{
    struct net_radius_info *all, info;
    unsigned count;
    check(net_radius(f->net, &all, &count) == 0 && n < count);
    info = all[n];
    free(all);
    return info;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void body_judged(struct fix *f)
{
    struct server *a = server_start(f, 0), *b = server_start(f, 1);
    fix_change(f, two_servers);
    EXPECT(f, info_of(f, 0).state == NET_RADIUS_UNASKED);
    EXPECT(f, alice(SECRET) == 0);
    EXPECT(f, alice("another secret of hers") == ISCSI_LOGIN_AUTH_FAILED);
    EXPECT(f, alice(NULL) == ISCSI_LOGIN_AUTH_FAILED);
    EXPECT(f, a->requests == 2 && b->requests == 0 && a->same == 0);
    /* What is not hers ends as a wrong secret does, and later than without a question. */
    EXPECT(f, try_login(FIX_INITIATOR, FIX_TARGET "2", SECRET, 2) == ISCSI_LOGIN_AUTH_FAILED);
    EXPECT(f, try_login(FIX_INITIATOR, FIX_TARGET "3", SECRET, 3) == ISCSI_LOGIN_AUTH_FAILED);
    EXPECT(f, a->requests == 4);
    struct net_radius_info i = info_of(f, 0);
    EXPECT(f, i.state == NET_RADIUS_ANSWERS && i.accepted == 3 && i.rejected == 1);
    EXPECT(f, i.unanswered == 0 && i.heard != 0);
    server_end(a);
    server_end(b);
}

/* A silent server is asked again, then the next; then it is the last for a while. */
static void body_failover(struct fix *f)
{
    struct server *a = server_start(f, 0), *b = server_start(f, 1);
    a->silent = ALWAYS;
    fix_change(f, two_servers);
    EXPECT(f, alice(SECRET) == 0);
    EXPECT(f, a->requests == 2 && a->same == 1 && b->requests == 1);
    EXPECT(f, info_of(f, 0).state == NET_RADIUS_SILENT && info_of(f, 0).unanswered == 1);
    EXPECT(f, alice(SECRET) == 0 && a->requests == 2);
    a->silent = 0;
    b->silent = ALWAYS;
    EXPECT(f, alice(SECRET) == 0); /* the last is asked when the first is silent */
    EXPECT(f, a->requests == 3 && info_of(f, 0).state == NET_RADIUS_ANSWERS);
    EXPECT(f, alice(SECRET) == 0 && a->requests == 4);
    b->silent = 0;
    a->silent = ALWAYS;
    EXPECT(f, alice(SECRET) == 0 && a->requests == 6);
    a->silent = 0;
    fiber_sleep_until(run_deadline_ms(61000), NULL);
    unsigned had = b->requests;
    EXPECT(f, alice(SECRET) == 0 && a->requests == 7 && b->requests == had);
    server_end(a);
    server_end(b);
}

/* Nobody is there at all: it is told soon, and as what it is. */
static void body_nobody(struct fix *f)
{
    fix_change(f, two_servers);
    uint64_t begun = run_now();
    EXPECT(f, alice(SECRET) == ISCSI_LOGIN_UNAVAILABLE);
    EXPECT(f, run_now() - begun < NS_PER_SEC); /* virtual time: refused, not waited for */
    EXPECT(f, info_of(f, 0).unanswered == 1 && info_of(f, 1).unanswered == 1);
}

static void body_lies(struct fix *f)
{
    struct server *a = server_start(f, 0), *b = server_start(f, 1);
    fix_change(f, two_servers);
    a->lies = b->lies = true;
    EXPECT(f, alice(SECRET) == 0);
    EXPECT(f, alice("another secret of hers") == ISCSI_LOGIN_AUTH_FAILED);
    a->silent = b->silent = ALWAYS;
    EXPECT(f, alice(SECRET) == ISCSI_LOGIN_UNAVAILABLE);
    EXPECT(f, strstr(info_of(f, 0).error, "no answer that counts") != NULL);
    a->silent = b->silent = 0;
    a->lies = b->lies = false;
    a->secret = b->secret = "not what we have agreed on";
    EXPECT(f, alice(SECRET) == ISCSI_LOGIN_UNAVAILABLE);
    EXPECT(f, strstr(info_of(f, 0).error, "shared secret") != NULL);
    server_end(a);
    server_end(b);
}

/* An answer to the first try counts in the second; one that comes after all is nobody's. */
static void body_late(struct fix *f)
{
    struct server *a = server_start(f, 0), *b = server_start(f, 1);
    fix_change(f, two_servers);
    a->late_ns = 1500 * NS_PER_MS;
    a->twice = true;
    EXPECT(f, alice(SECRET) == 0 && a->requests == 2 && b->requests == 0);
    a->late_ns = 2500 * NS_PER_MS;
    EXPECT(f, alice(SECRET) == 0 && a->requests == 4 && b->requests == 1);
    b->silent = ALWAYS;
    EXPECT(f, alice(SECRET) == ISCSI_LOGIN_UNAVAILABLE);
    fiber_sleep_until(run_deadline_ms(5000), NULL);
    server_end(a);
    server_end(b);
}

/* ---- many at once -------------------------------------------------------------------------- */

struct crowd {
    struct fix *f;
    unsigned unavailable, refused, others, in, next;
    struct waitgroup all;
};

static void one_of_many(void *arg)
{
    struct crowd *c = arg;
    uint16_t status = try_login(FIX_INITIATOR, FIX_TARGET, SECRET, (uint8_t)c->next++);
    c->unavailable += status == ISCSI_LOGIN_UNAVAILABLE;
    c->refused += status == ISCSI_LOGIN_OUT_OF_RESOURCES;
    c->others += status != 0 && status != ISCSI_LOGIN_UNAVAILABLE &&
                 status != ISCSI_LOGIN_OUT_OF_RESOURCES;
    c->in += status == 0;
    waitgroup_done(&c->all);
}

static void crowd_start(struct crowd *c, unsigned n)
{
    waitgroup_init(&c->all);
    waitgroup_add(&c->all, n);
    for (unsigned i = 0; i < n; i++)
        check(fiber_start(one_of_many, c, "alice"));
}

static void let_many_in(struct config_edit *e, struct err *err)
{
    struct cfg_limits l = config_edit_base(e)->limits;
    l.max_logins_per_address = 1000;
    check(edit_limits_put(e, &l, err) == 0);
}

/* So many wait, the others are told to come again, and who needs no server is in meanwhile. */
static void body_flood(struct fix *f)
{
    struct server *a = server_start(f, 0), *b = server_start(f, 1);
    struct crowd c = {.f = f};
    a->silent = b->silent = ALWAYS;
    fix_change(f, two_servers);
    fix_change(f, let_many_in);
    crowd_start(&c, 300);
    while (f->net->nasks < 256)
        fiber_sleep_until(run_deadline_ms(1), NULL);
    EXPECT(f, c.unavailable == 0);
    EXPECT(f, try_login(OTHER, FIX_TARGET, NULL, 1) == 0);
    EXPECT(f, c.unavailable == 0 && f->net->nasks == 256);
    waitgroup_wait(&c.all);
    EXPECT(f, c.unavailable == 256 && c.refused == 44 && c.others == 0);
    EXPECT(f, f->net->nasks == 0);
    a->silent = b->silent = 0;
    EXPECT(f, alice(SECRET) == 0);
    server_end(a);
    server_end(b);
}

/* Each gets the answer to its own request, in whatever order they come. */
static void body_together(struct fix *f)
{
    struct server *a = server_start(f, 0), *b = server_start(f, 1);
    struct crowd c = {.f = f};
    a->late_ns = 300 * NS_PER_MS;
    fix_change(f, two_servers);
    crowd_start(&c, 30);
    waitgroup_wait(&c.all);
    EXPECT(f, c.in == 30 && b->requests == 0);
    server_end(a);
    server_end(b);
}

/* ---- what changes meanwhile ---------------------------------------------------------------- */

static void forget_alice(struct config_edit *e, struct err *err)
{
    check(edit_initiator_remove(e, FIX_INITIATOR, err) == 0);
    add_servers(e, err, 0);
}

static void body_forgotten(struct fix *f)
{
    struct server *a = server_start(f, 0), *b = server_start(f, 1);
    struct crowd c = {.f = f};
    a->late_ns = 900 * NS_PER_MS;
    fix_change(f, two_servers);
    crowd_start(&c, 3);
    while (a->requests < 3)
        fiber_sleep_until(run_deadline_ms(1), NULL);
    fix_change(f, forget_alice);
    waitgroup_wait(&c.all);
    EXPECT(f, c.in == 0);
    EXPECT(f, alice(SECRET) == ISCSI_LOGIN_AUTH_FAILED && a->requests == 3);
    server_end(a);
    server_end(b);
}

/* The login's own time is shorter than the server's: it is told, and then over. */
static void short_logins(struct config_edit *e, struct err *err)
{
    struct cfg_limits l = config_edit_base(e)->limits;
    l.login_timeout_ms = 1000;
    check(edit_limits_put(e, &l, err) == 0);
}

static void body_short(struct fix *f)
{
    struct server *a = server_start(f, 0), *b = server_start(f, 1);
    a->silent = b->silent = ALWAYS;
    fix_change(f, two_servers);
    fix_change(f, short_logins);
    EXPECT(f, alice(SECRET) == ISCSI_LOGIN_UNAVAILABLE);
    EXPECT(f, a->requests == 1 && b->requests == 1);      /* each had its share */
    EXPECT(f, info_of(f, 0).state == NET_RADIUS_UNASKED); /* and too little to be blamed */
    server_end(a);
    server_end(b);
}

static void body_stop(struct fix *f)
{
    struct server *a = server_start(f, 0), *b = server_start(f, 1);
    struct crowd c = {.f = f};
    a->silent = b->silent = ALWAYS;
    fix_change(f, two_servers);
    crowd_start(&c, 5);
    while (a->requests < 5)
        fiber_sleep_until(run_deadline_ms(1), NULL);
    fix_stop(f);
    waitgroup_wait(&c.all);
    EXPECT(f, c.in == 0);
    server_end(a);
    server_end(b);
}

FIX_TEST(judged, 5)
FIX_TEST(failover, 5)
FIX_TEST(nobody, 5)
FIX_TEST(lies, 5)
FIX_TEST(late, 5)
FIX_TEST(flood, 5)
FIX_TEST(together, 5)
FIX_TEST(forgotten, 5)
FIX_TEST(short, 5)
FIX_TEST(stop, 5)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judged),   cmocka_unit_test(test_failover),
        cmocka_unit_test(test_nobody),   cmocka_unit_test(test_lies),
        cmocka_unit_test(test_late),     cmocka_unit_test(test_flood),
        cmocka_unit_test(test_together), cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_short),    cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
