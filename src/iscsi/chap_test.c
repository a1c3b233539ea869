/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/chap.h"
#include "iscsi/test_peer.h"
#include "iscsi/text.h"

#include <stdlib.h>

#define NAMES   "InitiatorName=" INITIATOR "\nTargetName=" TARGET
#define SECRET  "twelve bytes and more"
#define REVERSE "another secret than that"
/* Answers who proves the second secret. */
#define SECOND_REVERSE "and one of the target's"

static void set_secret(struct iscsi_secret *to, const char *s)
{
    to->len = (uint16_t)strlen(s);
    memcpy(to->bytes, s, to->len);
}

static void require(struct peer *p)
{
    struct iscsi_login_answer *a = &p->answer;
    a->chap_required = true;
    memcpy(a->chap_name, INITIATOR, sizeof(INITIATOR));
    memcpy(a->reverse_name, TARGET, sizeof(TARGET));
    set_secret(&a->secret[0], SECRET);
    set_secret(&a->reverse_secret[0], REVERSE);
}

static size_t digest_of(enum iscsi_chap_alg alg, uint8_t id, const char *secret,
                        const uint8_t *challenge, size_t len, uint8_t ret[32])
{
    size_t n;
    const struct iovec parts[] = {
        {&id,                          1             },
        {(void *)(uintptr_t)secret,    strlen(secret)},
        {(void *)(uintptr_t)challenge, len           }
    };
    test_hash(NULL, alg, parts, 3, ret, &n);
    return n;
}

#define TEXT_CAP 4096

static void append(char text[TEXT_CAP], const char *more)
{
    size_t at = strlen(text), n = strlen(more);
    assert_true(at + n < TEXT_CAP);
    memcpy(text + at, more, n + 1);
}

/* Key, '=', 0x, digits and a newline. */
static void append_hex(char text[TEXT_CAP], const char *key, const uint8_t *p, size_t len)
{
    append(text, key);
    append(text, "=0x");
    for (size_t i = 0; i < len; i++) {
        char digits[3];
        snprintf(digits, sizeof(digits), "%02X", p[i]);
        append(text, digits);
    }
    append(text, "\n");
}

/* What the initiator got from the target. */
struct challenge {
    enum iscsi_chap_alg alg;
    uint8_t id;
    uint8_t bytes[64];
    size_t len;
};

/* As far as the challenge. */
static struct challenge begin(struct peer *p, const char *algs)
{
    char text[64];
    struct challenge ch;
    uint32_t n;
    peer_login_pdu(p, LOGIN_FLAGS(0, 1), NAMES "\nAuthMethod=CHAP,None");
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(GOT(iscsi_login_rsp, g)->flags, 0);
    assert_string_equal(got_key(&g, "AuthMethod"), "CHAP");
    snprintf(text, sizeof(text), "CHAP_A=%s", algs);
    peer_login_pdu(p, 0, text);
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), 0);
    assert_true(text_number(got_key(&g, "CHAP_A"), &n));
    ch.alg = (enum iscsi_chap_alg)n;
    assert_true(text_number(got_key(&g, "CHAP_I"), &n));
    ch.id = (uint8_t)n;
    assert_true(text_binary(got_key(&g, "CHAP_C"), ch.bytes, sizeof(ch.bytes), &ch.len));
    assert_int_equal(ch.len, CHAP_CHALLENGE_LEN);
    return ch;
}

static uint16_t finish(struct peer *p, const char *text, struct got *ret)
{
    peer_login_pdu(p, LOGIN_FLAGS(0, 1), text);
    *ret = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    return got_login_status(ret);
}

static void right_response(char text[TEXT_CAP], const struct challenge *ch, const char *secret)
{
    uint8_t r[32];
    size_t n = digest_of(ch->alg, ch->id, secret, ch->bytes, ch->len, r);
    text[0] = '\0';
    append(text, "CHAP_N=" INITIATOR "\n");
    append_hex(text, "CHAP_R", r, n);
}

static void login_with(const char *algs, enum iscsi_chap_alg expect, bool mutual, bool second)
{
    struct peer *p = peer_new(NULL);
    static char text[TEXT_CAP];
    uint8_t mine[40], r[32];
    require(p);
    p->answer.mutual_required = mutual;
    if (second) {
        set_secret(&p->answer.secret[1], "a second secret");
        set_secret(&p->answer.reverse_secret[1], SECOND_REVERSE);
    }
    struct challenge ch = begin(p, algs);
    assert_int_equal(ch.alg, expect);
    right_response(text, &ch, second ? "a second secret" : SECRET);
    if (mutual) {
        memset(mine, 0x5a, sizeof(mine));
        append(text, "CHAP_I=0xff\n");
        append_hex(text, "CHAP_C", mine, sizeof(mine));
    }
    struct got g;
    assert_int_equal(finish(p, text, &g), 0);
    assert_int_equal(GOT(iscsi_login_rsp, g)->flags, LOGIN_FLAGS(0, 1));
    if (mutual) {
        uint8_t theirs[32];
        size_t len, n = digest_of(ch.alg, 255, second ? SECOND_REVERSE : REVERSE, mine,
                                  sizeof(mine), r);
        assert_string_equal(got_key(&g, "CHAP_N"), TARGET);
        assert_true(text_binary(got_key(&g, "CHAP_R"), theirs, sizeof(theirs), &len));
        assert_int_equal(len, n);
        assert_memory_equal(theirs, r, n);
    } else {
        assert_null(got_key(&g, "CHAP_R"));
    }
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), "");
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), 0);
    assert_int_equal(iscsi_conn_params(p->c)->chap_alg, expect);
    assert_int_equal(iscsi_conn_params(p->c)->mutual, mutual);
    assert_int_equal(iscsi_conn_params(p->c)->previous, second);
    peer_free(p);
}

static void test_chap_each_algorithm_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        enum iscsi_chap_alg picked;
    } cases[] = {
        {"5",       ISCSI_CHAP_MD5     },
        {"6",       ISCSI_CHAP_SHA1    },
        {"7",       ISCSI_CHAP_SHA256  },
        {"8",       ISCSI_CHAP_SHA3_256},
        {"5,6,7,8", ISCSI_CHAP_SHA3_256},
        {"5,7,6",   ISCSI_CHAP_SHA256  },
        {"99,6,5",  ISCSI_CHAP_SHA1    },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        login_with(cases[i].list, cases[i].picked, false, false);
        login_with(cases[i].list, cases[i].picked, true, false);
        login_with(cases[i].list, cases[i].picked, false, true);
        login_with(cases[i].list, cases[i].picked, true, true);
    }
}

static void test_chap_algorithm_lists_that_are_refused(void **state)
{
    (void)state;
    static const char *const lists[] = {"",  "55", "5x",   "5,",   ",5",
                                        "9", "-5", "five", "5,,7", "256"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct peer *p = peer_new(NULL);
        char text[64];
        require(p);
        peer_login_pdu(p, LOGIN_FLAGS(0, 1), NAMES "\nAuthMethod=CHAP");
        peer_expect(p, ISCSI_OP_LOGIN_RSP);
        snprintf(text, sizeof(text), "CHAP_A=%s", lists[i]);
        peer_login_pdu(p, 0, text);
        struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
        assert_int_equal(got_login_status(&g), ISCSI_LOGIN_AUTH_FAILED);
        peer_free(p);
    }
}

static void test_chap_takes_what_the_owner_and_the_system_allow(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    require(p);
    p->answer.algs = 1u << ISCSI_CHAP_SHA1 | 1u << ISCSI_CHAP_SHA256;
    p->no_hash = 1u << ISCSI_CHAP_SHA256; /* FIPS the wrong way round */
    assert_int_equal(begin(p, "5,6,7,8").alg, ISCSI_CHAP_SHA1);
    peer_free(p);
}

/* As it would with an initiator that nobody knows. */
static void test_chap_algorithm_that_is_not_allowed_fails_late(void **state)
{
    (void)state;
    static char text[TEXT_CAP];
    struct peer *p = peer_new(NULL);
    struct got g;
    require(p);
    p->answer.algs = 1u << ISCSI_CHAP_SHA256;
    struct challenge ch = begin(p, "5,6");
    assert_int_equal(ch.alg, ISCSI_CHAP_SHA1);
    right_response(text, &ch, SECRET);
    assert_int_equal(finish(p, text, &g), ISCSI_LOGIN_AUTH_FAILED);
    assert_true(p->closed);
    assert_non_null(strstr(p->last.why, "allowed"));
    peer_free(p);
}

/* One that nobody may use is nobody's secret. */
static void test_chap_algorithm_that_nobody_may_use_is_never_challenged_by(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    require(p);
    p->answer.algs_ever = 1u << ISCSI_CHAP_SHA256 | 1u << ISCSI_CHAP_SHA3_256;
    p->answer.algs = 1u << ISCSI_CHAP_SHA3_256;
    assert_int_equal(begin(p, "5,6,7").alg, ISCSI_CHAP_SHA256);
    peer_free(p);
    p = peer_new(NULL);
    require(p);
    p->answer.algs_ever = 1u << ISCSI_CHAP_SHA256;
    peer_login_pdu(p, LOGIN_FLAGS(0, 1), NAMES "\nAuthMethod=CHAP");
    peer_expect(p, ISCSI_OP_LOGIN_RSP);
    peer_login_pdu(p, 0, "CHAP_A=5,6");
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_AUTH_FAILED);
    peer_free(p);
}

/* The alias and where a target went say that there is one. */
static void test_chap_comes_before_what_tells_of_the_target(void **state)
{
    (void)state;
    static char text[TEXT_CAP];
    struct peer *p = peer_new(NULL);
    struct got g;
    require(p);
    memcpy(p->answer.target_alias, "disk one", 9);
    p->redirect = "192.0.2.9:3260,1";
    peer_login_pdu(p, LOGIN_FLAGS(0, 1), NAMES "\nAuthMethod=CHAP");
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_non_null(got_key(&g, "TargetPortalGroupTag"));
    assert_null(got_key(&g, "TargetAlias"));
    peer_free(p);
    p = peer_new(NULL);
    require(p);
    memcpy(p->answer.target_alias, "disk one", 9);
    p->redirect = "192.0.2.9:3260,1";
    struct challenge ch = begin(p, "7");
    right_response(text, &ch, SECRET);
    assert_int_equal(finish(p, text, &g), 0);
    assert_string_equal(got_key(&g, "TargetAlias"), "disk one");
    assert_null(got_key(&g, "TargetAddress"));
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), "");
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_MOVED_TEMP);
    assert_string_equal(got_key(&g, "TargetAddress"), "192.0.2.9:3260,1");
    peer_free(p);
}

/* Each text must fail: %s is the right CHAP_R line. */
static void test_chap_refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "CHAP_N=" INITIATOR,
        "%s",
        "CHAP_N=somebody\n%s",
        "CHAP_N=" INITIATOR " \n%s",
        "CHAP_N=" INITIATOR "\nCHAP_R=0x00",
        "CHAP_N=" INITIATOR "\nCHAP_R=0x",
        "CHAP_N=" INITIATOR "\nCHAP_R=1234",
        "CHAP_N=" INITIATOR "\n%s\nCHAP_I=1",
        "CHAP_N=" INITIATOR "\n%s\nCHAP_C=0x1234567890",
        "CHAP_N=" INITIATOR "\n%s\nCHAP_I=256\nCHAP_C=0x1234567890",
        "CHAP_N=" INITIATOR "\n%s\nCHAP_I=1\nCHAP_C=0x123",
        "CHAP_N=" INITIATOR "\n%s\nCHAP_I=1\nCHAP_C=",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct peer *p = peer_new(NULL);
        static char response[TEXT_CAP], text[TEXT_CAP];
        char *line;
        require(p);
        struct challenge ch = begin(p, "7");
        right_response(response, &ch, SECRET);
        line = strstr(response, "CHAP_R");
        line[strlen(line) - 1] = '\0';
        const char *at = strstr(texts[i], "%s");
        if (at)
            snprintf(text, TEXT_CAP, "%.*s%s%s", (int)(at - texts[i]), texts[i], line, at + 2);
        else
            snprintf(text, TEXT_CAP, "%s", texts[i]);
        struct got g;
        assert_int_equal(finish(p, text, &g), ISCSI_LOGIN_AUTH_FAILED);
        assert_int_equal(g.len, 0);
        assert_true(p->closed);
        peer_free(p);
    }
}

static void test_chap_wrong_secret(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    static char text[TEXT_CAP];
    struct got g;
    require(p);
    struct challenge ch = begin(p, "8");
    right_response(text, &ch, "twelve bytes and mors");
    assert_int_equal(finish(p, text, &g), ISCSI_LOGIN_AUTH_FAILED);
    peer_free(p);
}

static void test_chap_refuses_reflection_of_the_challenge(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    static char text[TEXT_CAP];
    struct got g;
    require(p);
    struct challenge ch = begin(p, "7");
    right_response(text, &ch, SECRET);
    append(text, "CHAP_I=3\n");
    append_hex(text, "CHAP_C", ch.bytes, ch.len);
    assert_int_equal(finish(p, text, &g), ISCSI_LOGIN_AUTH_FAILED);
    peer_free(p);
}

static void test_chap_base64(void **state)
{
    (void)state;
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct peer *p = peer_new(NULL);
    static char text[TEXT_CAP] = "CHAP_N=" INITIATOR "\nCHAP_R=0b";
    char *at = text + strlen(text);
    uint8_t r[33] = {0};
    struct got g;
    require(p);
    struct challenge ch = begin(p, "7");
    assert_int_equal(digest_of(ch.alg, ch.id, SECRET, ch.bytes, ch.len, r), 32);
    for (size_t i = 0; i < 33; i += 3) { /* 32 bytes: 11 groups, the last with one fill */
        uint32_t bits = load_be24(r + i);
        for (int shift = 18; shift >= 0; shift -= 6)
            *at++ = digits[bits >> shift & 63];
    }
    at[-1] = '=';
    *at = '\0';
    assert_int_equal(finish(p, text, &g), 0);
    peer_free(p);
}

static void test_chap_fake_initiator_walks_the_same_path(void **state)
{
    (void)state;
    for (int secrets = 0; secrets < 2; secrets++) {
        struct peer *p = peer_new(NULL);
        static char text[TEXT_CAP];
        struct got g;
        if (secrets)
            require(p);
        p->answer.fake = true;
        p->answer.chap_required = true;
        memcpy(p->answer.chap_name, INITIATOR, sizeof(INITIATOR));
        struct challenge ch = begin(p, "5,8");
        assert_int_equal(ch.alg, ISCSI_CHAP_SHA3_256);
        right_response(text, &ch, SECRET); /* even the right secret does not help */
        assert_int_equal(finish(p, text, &g), ISCSI_LOGIN_AUTH_FAILED);
        peer_free(p);
    }
}

static void test_chap_is_not_skipped(void **state)
{
    (void)state;
    static const struct {
        uint8_t flags;
        const char *text;
    } cases[] = {
        {LOGIN_FLAGS(1, 3), NAMES                    },
        {LOGIN_FLAGS(0, 1), NAMES                    },
        {LOGIN_FLAGS(0, 3), NAMES "\nAuthMethod=None"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_new(NULL);
        require(p);
        peer_login_pdu(p, cases[i].flags, cases[i].text);
        struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
        assert_int_equal(got_login_status(&g), ISCSI_LOGIN_AUTH_FAILED);
        peer_free(p);
    }
}

static void test_chap_mutual_is_required(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    static char text[TEXT_CAP];
    struct got g;
    require(p);
    p->answer.mutual_required = true;
    struct challenge ch = begin(p, "7");
    right_response(text, &ch, SECRET);
    assert_int_equal(finish(p, text, &g), ISCSI_LOGIN_AUTH_FAILED);
    peer_free(p);
}

static void test_chap_without_reverse_secret_proves_nothing(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    static char text[TEXT_CAP];
    struct got g;
    require(p);
    p->answer.reverse_secret[0].len = 0;
    struct challenge ch = begin(p, "7");
    right_response(text, &ch, SECRET);
    append(text, "CHAP_I=1\nCHAP_C=0x0102030405060708");
    assert_int_equal(finish(p, text, &g), ISCSI_LOGIN_AUTH_FAILED);
    peer_free(p);
}

static void test_chap_then_stays_until_asked_to_move(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    static char text[TEXT_CAP];
    require(p);
    struct challenge ch = begin(p, "7");
    right_response(text, &ch, SECRET);
    peer_login_pdu(p, 0, text);
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(GOT(iscsi_login_rsp, g)->flags, 0);
    peer_login_pdu(p, LOGIN_FLAGS(0, 3), "");
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(GOT(iscsi_login_rsp, g)->flags, LOGIN_FLAGS(0, 3));
    peer_free(p);
}

static void test_chap_secrets_that_cannot_be_used(void **state)
{
    (void)state;
    static const char *const secrets[][4] = {
        {"eleven byte", REVERSE, "",             ""     },
        {SECRET,        "short", "",             ""     },
        {SECRET,        SECRET,  "",             ""     },
        {"",            REVERSE, "",             ""     },
        {SECRET,        REVERSE, SECOND_REVERSE, SECRET },
        {SECRET,        REVERSE, REVERSE,        REVERSE},
        {SECRET,        REVERSE, "",             "short"},
    };
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        struct peer *p = peer_new(NULL);
        struct iscsi_login_answer *a = &p->answer;
        require(p);
        set_secret(&a->secret[0], secrets[i][0]);
        set_secret(&a->reverse_secret[0], secrets[i][1]);
        set_secret(&a->secret[1], secrets[i][2]);
        set_secret(&a->reverse_secret[1], secrets[i][3]);
        peer_login_pdu(p, LOGIN_FLAGS(0, 1), NAMES "\nAuthMethod=CHAP");
        struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
        assert_int_equal(got_login_status(&g), ISCSI_LOGIN_TARGET_ERROR);
        peer_free(p);
    }
}

/* ---- somebody else knows the secret ------------------------------------------------------- */

/* As far as the owner's being asked about it; p holds its answers from then on. */
static void ask_elsewhere(struct peer *p, bool mutual)
{
    static char text[TEXT_CAP];
    uint8_t mine[40] = {0x5a}, want[32];
    struct iscsi_chap_response r;
    require(p);
    p->answer.elsewhere = true;
    p->answer.algs = 1u << ISCSI_CHAP_MD5;
    p->answer.secret[0].len = 0;
    p->answer.mutual_required = mutual;
    struct challenge ch = begin(p, "7,5");
    assert_int_equal(ch.alg, ISCSI_CHAP_MD5);
    right_response(text, &ch, SECRET);
    if (mutual) {
        append(text, "CHAP_I=1\n");
        append_hex(text, "CHAP_C", mine, sizeof(mine));
    }
    p->hold_answers = true;
    peer_login_pdu(p, LOGIN_FLAGS(0, 1), text);
    peer_expect_nothing(p);
    assert_int_equal(p->last.type, ISCSI_EV_VERIFY);
    assert_string_equal(iscsi_conn_state(p->c), "login verify");
    assert_true(iscsi_login_response(p->c, &r));
    assert_string_equal(r.name, INITIATOR);
    assert_int_equal(r.id, ch.id);
    assert_int_equal(r.challenge_len, ch.len);
    assert_memory_equal(r.challenge, ch.bytes, ch.len);
    assert_int_equal(r.response_len, 16);
    digest_of(ISCSI_CHAP_MD5, ch.id, SECRET, ch.bytes, ch.len, want);
    assert_memory_equal(r.response, want, 16);
}

static struct got verdict(struct peer *p, uint16_t status)
{
    iscsi_login_verified(p->c, status, "the owner's word");
    peer_pump(p);
    return peer_expect(p, ISCSI_OP_LOGIN_RSP);
}

static void test_chap_judged_elsewhere_logs_in(void **state)
{
    (void)state;
    for (unsigned mutual = 0; mutual < 2; mutual++) {
        struct peer *p = peer_new(NULL);
        struct iscsi_chap_response r;
        ask_elsewhere(p, mutual);
        struct got g = verdict(p, ISCSI_LOGIN_OK);
        assert_int_equal(got_login_status(&g), 0);
        assert_int_equal(got_key(&g, "CHAP_R") != NULL, mutual);
        assert_false(iscsi_login_response(p->c, &r));
        p->hold_answers = false;
        peer_login_pdu(p, LOGIN_FLAGS(1, 3), "");
        g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
        assert_int_equal(got_login_status(&g), 0);
        assert_int_equal(iscsi_conn_params(p->c)->chap_alg, ISCSI_CHAP_MD5);
        peer_free(p);
    }
}

static void test_chap_judged_elsewhere_fails_by_the_verdict(void **state)
{
    (void)state;
    static const uint16_t statuses[] = {ISCSI_LOGIN_AUTH_FAILED, ISCSI_LOGIN_UNAVAILABLE,
                                        ISCSI_LOGIN_OUT_OF_RESOURCES};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct peer *p = peer_new(NULL);
        ask_elsewhere(p, false);
        struct got g = verdict(p, statuses[i]);
        assert_int_equal(got_login_status(&g), statuses[i]);
        assert_string_equal(p->last.why, "the owner's word");
        assert_true(p->closed);
        peer_free(p);
    }
}

/* Who may not log in is asked about all the same, and whatever is said of it, it fails. */
static void test_chap_judged_elsewhere_does_not_let_in_a_fake(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    p->answer.fake = true;
    ask_elsewhere(p, false);
    struct got g = verdict(p, ISCSI_LOGIN_OK);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_AUTH_FAILED);
    peer_free(p);
}

static void test_chap_verdict_after_the_login_is_over_is_ignored(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    ask_elsewhere(p, false);
    peer_tick(p, 15000);
    assert_true(p->closed);
    iscsi_login_verified(p->c, ISCSI_LOGIN_OK, "too late");
    peer_pump(p);
    peer_expect_nothing(p);
    assert_int_not_equal(p->login_status, 0);
    peer_free(p);
}

/* What is certain to fail nobody is asked about. */
static void test_chap_judged_elsewhere_only_by_form(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "CHAP_N=" INITIATOR,
        "CHAP_N=somebody\nCHAP_R=0x000102030405060708090a0b0c0d0e0f",
        "CHAP_N=" INITIATOR "\nCHAP_R=0x000102030405060708090a0b0c0d0e",
        "CHAP_N=" INITIATOR "\nCHAP_R=0xzz",
        "CHAP_R=0x000102030405060708090a0b0c0d0e0f",
    };
    for (size_t i = 0; i <= ARRAY_LEN(texts); i++) {
        struct peer *p = peer_new(NULL);
        struct got g;
        bool barred = i == ARRAY_LEN(texts);
        require(p);
        p->answer.elsewhere = true;
        p->answer.algs = 1u << ISCSI_CHAP_MD5;
        p->answer.secret[0].len = 0;
        begin(p, barred ? "6" : "5");
        assert_int_equal(finish(p,
                                barred ? "CHAP_N=" INITIATOR
                                         "\nCHAP_R=0x000102030405060708090a0b0c0d0e0f10111213"
                                       : texts[i],
                                &g),
                         ISCSI_LOGIN_AUTH_FAILED);
        assert_false(peer_saw(p, ISCSI_EV_VERIFY));
        peer_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chap_each_algorithm_both_ways),
        cmocka_unit_test(test_chap_algorithm_lists_that_are_refused),
        cmocka_unit_test(test_chap_algorithm_that_is_not_allowed_fails_late),
        cmocka_unit_test(test_chap_algorithm_that_nobody_may_use_is_never_challenged_by),
        cmocka_unit_test(test_chap_comes_before_what_tells_of_the_target),
        cmocka_unit_test(test_chap_takes_what_the_owner_and_the_system_allow),
        cmocka_unit_test(test_chap_refuses),
        cmocka_unit_test(test_chap_wrong_secret),
        cmocka_unit_test(test_chap_refuses_reflection_of_the_challenge),
        cmocka_unit_test(test_chap_base64),
        cmocka_unit_test(test_chap_fake_initiator_walks_the_same_path),
        cmocka_unit_test(test_chap_is_not_skipped),
        cmocka_unit_test(test_chap_mutual_is_required),
        cmocka_unit_test(test_chap_without_reverse_secret_proves_nothing),
        cmocka_unit_test(test_chap_then_stays_until_asked_to_move),
        cmocka_unit_test(test_chap_secrets_that_cannot_be_used),
        cmocka_unit_test(test_chap_judged_elsewhere_logs_in),
        cmocka_unit_test(test_chap_judged_elsewhere_fails_by_the_verdict),
        cmocka_unit_test(test_chap_judged_elsewhere_does_not_let_in_a_fake),
        cmocka_unit_test(test_chap_verdict_after_the_login_is_over_is_ignored),
        cmocka_unit_test(test_chap_judged_elsewhere_only_by_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
