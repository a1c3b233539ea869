/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/test_peer.h"

#define NONE ISCSI_TAG_NONE

static struct peer *discovery(const char *keys)
{
    char text[512];
    struct peer *p = peer_new(NULL);
    snprintf(text, sizeof(text), "InitiatorName=" INITIATOR "\nSessionType=Discovery%s%s",
             keys[0] ? "\n" : "", keys);
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), text);
    peer_expect(p, ISCSI_OP_LOGIN_RSP);
    return p;
}

static void test_send_targets(void **state)
{
    (void)state;
    struct peer *p = discovery("");
    uint32_t itt = peer_text(p, ISCSI_FINAL, NONE, "SendTargets=All");
    struct got g = peer_expect(p, ISCSI_OP_TEXT_RSP);
    static const char want[] = "TargetName=iqn.2026-01.org.zsan:disk0\0"
                               "TargetAddress=192.0.2.1:3260,1\0"
                               "TargetAddress=[2001:db8::1]:3260,2\0"
                               "TargetName=iqn.2026-01.org.zsan:disk1\0"
                               "TargetAddress=192.0.2.1:3260,1\0"
                               "TargetAddress=[2001:db8::1]:3260,2";
    assert_int_equal(be32_get(GOT(iscsi_text_rsp, g)->itt), itt);
    assert_int_equal(be32_get(GOT(iscsi_text_rsp, g)->ttt), NONE);
    assert_int_equal(GOT(iscsi_text_rsp, g)->flags, ISCSI_FINAL);
    assert_int_equal(g.len, sizeof(want));
    assert_memory_equal(g.data, want, sizeof(want));
    peer_text(p, ISCSI_FINAL, NONE, "SendTargets=" TARGET);
    g = peer_expect(p, ISCSI_OP_TEXT_RSP);
    assert_string_equal(got_key(&g, "TargetName"), TARGET);
    peer_free(p);
}

static void test_send_targets_in_a_normal_session_shows_its_own(void **state)
{
    (void)state;
    static const char own[] = "SendTargets=" TARGET;
    const char *const texts[] = {"SendTargets=", "SendTargets=All", own};
    struct peer *p = peer_logged_in("");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        peer_text(p, ISCSI_FINAL, NONE, texts[i]);
        struct got g = peer_expect(p, ISCSI_OP_TEXT_RSP);
        assert_string_equal(got_key(&g, "TargetName"), TARGET);
        assert_string_equal(p->last.send_targets.target, TARGET);
        assert_false(p->last.send_targets.all);
    }
    peer_free(p);
}

static void test_text_that_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t flags;
        uint32_t ttt;
        const char *text;
        uint8_t reason;
    } cases[] = {
        {ISCSI_FINAL,                       NONE, "SendTargets=Alle",                 ISCSI_REJECT_BAD_FIELD},
        {ISCSI_FINAL,                       NONE, "SendTargets=../../etc",            ISCSI_REJECT_BAD_FIELD},
        {ISCSI_FINAL,                       NONE, "SendTargets=",                     ISCSI_REJECT_BAD_FIELD},
        {ISCSI_FINAL,                       NONE, "MaxBurstLength=512",               ISCSI_REJECT_PROTOCOL },
        {ISCSI_FINAL,                       NONE, "rubbish",                          ISCSI_REJECT_PROTOCOL },
        {ISCSI_FINAL,                       NONE, "SendTargets=All\nSendTargets=All", ISCSI_REJECT_PROTOCOL },
        {ISCSI_FINAL,                       5,    "SendTargets=All",                  ISCSI_REJECT_PROTOCOL },
        {ISCSI_FINAL | ISCSI_TEXT_CONTINUE, NONE, "SendTargets=All",                  ISCSI_REJECT_PROTOCOL },
    };
    struct peer *p = discovery("");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        peer_text(p, cases[i].flags, cases[i].ttt, cases[i].text);
        peer_expect_reject(p, (enum iscsi_reject_reason)cases[i].reason);
    }
    p->itt = NONE - 1;
    peer_text(p, ISCSI_FINAL, NONE, "SendTargets=All");
    peer_expect_reject(p, ISCSI_REJECT_PROTOCOL);
    peer_free(p);
}

static void test_text_keys_in_full_feature_phase(void **state)
{
    (void)state;
    struct peer *p = peer_logged_in("");
    peer_text(p, ISCSI_FINAL, NONE, "MaxRecvDataSegmentLength=1024\nX-what=1");
    struct got g = peer_expect(p, ISCSI_OP_TEXT_RSP);
    assert_string_equal(got_key(&g, "X-what"), "NotUnderstood");
    assert_int_equal(iscsi_conn_params(p->c)->max_send_data_segment, 1024);
    peer_read(p, 0, 4);
    assert_int_equal(peer_expect(p, ISCSI_OP_DATA_IN).len, 1024);
    assert_int_equal(peer_expect(p, ISCSI_OP_DATA_IN).len, 1024);
    peer_text(p, ISCSI_FINAL, NONE, ""); /* says nothing, is answered with nothing */
    assert_int_equal(peer_expect(p, ISCSI_OP_TEXT_RSP).len, 0);
    peer_free(p);
}

static void test_send_targets_in_several_responses(void **state)
{
    (void)state;
    struct peer *p = discovery("MaxRecvDataSegmentLength=512");
    static char all[8192];
    size_t len = 0;
    p->targets = 50;
    uint32_t ttt = NONE;
    peer_text(p, ISCSI_FINAL, NONE, "SendTargets=All");
    for (;;) {
        struct got g = peer_expect(p, ISCSI_OP_TEXT_RSP);
        const struct iscsi_text_rsp *r = GOT(iscsi_text_rsp, g);
        memcpy(all + len, g.data, g.len);
        len += g.len;
        if (r->flags & ISCSI_FINAL) {
            assert_int_equal(be32_get(r->ttt), NONE);
            break;
        }
        assert_int_equal(r->flags, ISCSI_TEXT_CONTINUE);
        assert_int_equal(g.len, 512);
        assert_true(ttt == NONE || ttt == be32_get(r->ttt));
        ttt = be32_get(r->ttt);
        peer_text(p, ISCSI_FINAL, ttt, "");
    }
    unsigned names = 0;
    for (size_t at = 0; at < len; at += strlen(all + at) + 1)
        names += strncmp(all + at, "TargetName=", 11) == 0;
    assert_int_equal(names, 50);
    /* the tag is of no use any more */
    peer_text(p, ISCSI_FINAL, ttt, "");
    peer_expect_reject(p, ISCSI_REJECT_PROTOCOL);
    peer_free(p);
}

static void test_text_answer_interrupted(void **state)
{
    (void)state;
    struct peer *p = discovery("MaxRecvDataSegmentLength=512");
    p->targets = 50;
    peer_text(p, ISCSI_FINAL, NONE, "SendTargets=All");
    struct got g = peer_expect(p, ISCSI_OP_TEXT_RSP);
    uint32_t ttt = be32_get(GOT(iscsi_text_rsp, g)->ttt);
    peer_text(p, ISCSI_FINAL, ttt, "SendTargets=All"); /* should ask for the rest only */
    peer_expect_reject(p, ISCSI_REJECT_PROTOCOL);
    p->targets = 1;
    peer_text(p, ISCSI_FINAL, NONE, "SendTargets=All"); /* begins anew */
    g = peer_expect(p, ISCSI_OP_TEXT_RSP);
    assert_int_equal(GOT(iscsi_text_rsp, g)->flags, ISCSI_FINAL);
    peer_free(p);
}

static void test_send_targets_is_cut_at_whole_targets(void **state)
{
    (void)state;
    struct peer *p = discovery("MaxRecvDataSegmentLength=262144");
    p->targets = 5000;
    peer_text(p, ISCSI_FINAL, NONE, "SendTargets=All");
    struct got g = peer_expect(p, ISCSI_OP_TEXT_RSP);
    assert_true(g.len <= 65536 && g.len > 65000);
    assert_int_equal(g.data[g.len - 1], 0);
    assert_memory_equal(g.data + g.len - 8, ":3260,2", 8);
    peer_free(p);
}

static void test_text_request_in_several_pdus(void **state)
{
    (void)state;
    struct peer *p = discovery("");
    peer_text(p, ISCSI_TEXT_CONTINUE, NONE, "");
    struct got g = peer_expect(p, ISCSI_OP_TEXT_RSP);
    uint32_t ttt = be32_get(GOT(iscsi_text_rsp, g)->ttt);
    assert_int_not_equal(ttt, NONE);
    assert_int_equal(GOT(iscsi_text_rsp, g)->flags, 0);
    struct iscsi_text_req h = {.opcode = ISCSI_OP_TEXT_REQ,
                               .flags = ISCSI_TEXT_CONTINUE,
                               .itt = be32_make(++p->itt),
                               .ttt = be32_make(ttt),
                               .cmd_sn = be32_make(p->cmd_sn++)};
    peer_pdu(p, &h, "SendTar", 7);
    peer_expect(p, ISCSI_OP_TEXT_RSP);
    h.flags = 0; /* whole, but the initiator has more to say */
    h.cmd_sn = be32_make(p->cmd_sn++);
    peer_pdu(p, &h, "gets=All", 9);
    g = peer_expect(p, ISCSI_OP_TEXT_RSP);
    assert_non_null(got_key(&g, "TargetName"));
    assert_int_equal(GOT(iscsi_text_rsp, g)->flags, 0);
    assert_int_equal(be32_get(GOT(iscsi_text_rsp, g)->ttt), ttt);
    peer_text(p, ISCSI_FINAL, ttt, "");
    g = peer_expect(p, ISCSI_OP_TEXT_RSP);
    assert_int_equal(GOT(iscsi_text_rsp, g)->flags, ISCSI_FINAL);
    assert_int_equal(g.len, 0);
    peer_free(p);
}

static void test_text_request_is_bounded(void **state)
{
    (void)state;
    struct peer *p = discovery("");
    uint32_t ttt = NONE;
    static char much[8000];
    memset(much, 'x', sizeof(much) - 1);
    for (int i = 0; i < 2; i++) {
        peer_text(p, ISCSI_TEXT_CONTINUE, ttt, much);
        struct got g = peer_expect(p, ISCSI_OP_TEXT_RSP);
        ttt = be32_get(GOT(iscsi_text_rsp, g)->ttt);
    }
    peer_text(p, ISCSI_TEXT_CONTINUE, ttt, much);
    peer_expect_reject(p, ISCSI_REJECT_NO_RESOURCES);
    peer_free(p);
}

static void test_text_waits_for_the_owner(void **state)
{
    (void)state;
    struct peer *p = discovery("");
    const char *const addr = "192.0.2.1:3260";
    const uint16_t tag = 1;
    p->hold_answers = true;
    peer_text(p, ISCSI_FINAL, NONE, "SendTargets=All");
    peer_nop(p, 5, NONE, true, NULL, 0);
    peer_expect_nothing(p);
    assert_true(iscsi_targets_add(p->c, TARGET, &addr, &tag, 1));
    iscsi_targets_done(p->c);
    iscsi_targets_done(p->c); /* once is enough */
    assert_false(iscsi_targets_add(p->c, TARGET, &addr, &tag, 1));
    peer_pump(p);
    peer_expect(p, ISCSI_OP_TEXT_RSP);
    peer_expect(p, ISCSI_OP_NOP_IN);
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_send_targets),
        cmocka_unit_test(test_send_targets_in_a_normal_session_shows_its_own),
        cmocka_unit_test(test_text_that_is_refused),
        cmocka_unit_test(test_text_keys_in_full_feature_phase),
        cmocka_unit_test(test_send_targets_in_several_responses),
        cmocka_unit_test(test_text_answer_interrupted),
        cmocka_unit_test(test_send_targets_is_cut_at_whole_targets),
        cmocka_unit_test(test_text_request_in_several_pdus),
        cmocka_unit_test(test_text_request_is_bounded),
        cmocka_unit_test(test_text_waits_for_the_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
