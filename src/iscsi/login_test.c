/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/test_peer.h"

#include "iscsi/text.h"

#define NAMES "InitiatorName=" INITIATOR "\nTargetName=" TARGET

/* One request that must be refused with this status. */
struct refusal {
    uint8_t flags;
    const char *text;
    uint16_t status;
};

static void test_login_refuses(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {LOGIN_FLAGS(1, 3),                       "TargetName=" TARGET,                             ISCSI_LOGIN_MISSING_PARAMETER},
        {LOGIN_FLAGS(1, 3),                       "InitiatorName=" INITIATOR,                       ISCSI_LOGIN_MISSING_PARAMETER},
        {LOGIN_FLAGS(1, 3),                       "",                                               ISCSI_LOGIN_MISSING_PARAMETER},
        {LOGIN_FLAGS(1, 3),                       "InitiatorName=host1\nTargetName=" TARGET,
         ISCSI_LOGIN_INITIATOR_ERROR                                                                                             },
        {LOGIN_FLAGS(1, 3),                       "InitiatorName=" INITIATOR "\nTargetName=x",
         ISCSI_LOGIN_INITIATOR_ERROR                                                                                             },
        {LOGIN_FLAGS(1, 3),                       NAMES "\nSessionType=Strange",                    ISCSI_LOGIN_BAD_SESSION_TYPE },
        {LOGIN_FLAGS(1, 3),                       NAMES "\nInitiatorName=" INITIATOR,               ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(1, 3),                       NAMES "\nMaxBurstLength=512\nMaxBurstLength=512",
         ISCSI_LOGIN_INITIATOR_ERROR                                                                                             },
        {LOGIN_FLAGS(1, 3),                       NAMES "\nno equals sign",                         ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(1, 3),                       NAMES "\n=value",                                 ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(1, 3),                       NAMES "\nSendTargets=All",                        ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(1, 3),                       NAMES "\nTargetAlias=mine",                       ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(1, 3),                       NAMES "\nCHAP_A=5",                               ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(0, 1),                       NAMES "\nHeaderDigest=None",                      ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(0, 1),                       NAMES "\nAuthMethod=KRB5",                        ISCSI_LOGIN_AUTH_FAILED      },
        {LOGIN_FLAGS(0, 1),                       NAMES "\nAuthMethod=CHAP",                        ISCSI_LOGIN_AUTH_FAILED      },
        {LOGIN_FLAGS(0, 1),                       NAMES "\nAuthMethod=CHAP,,None",                  ISCSI_LOGIN_AUTH_FAILED      },
        {LOGIN_FLAGS(0, 0),                       NAMES,                                            ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(1, 1),                       NAMES,                                            ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(1, 0),                       NAMES,                                            ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(0, 2),                       NAMES,                                            ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(2, 3),                       NAMES,                                            ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(3, 3),                       NAMES,                                            ISCSI_LOGIN_INITIATOR_ERROR  },
        {LOGIN_FLAGS(1, 3) | ISCSI_TEXT_CONTINUE, NAMES,                                            ISCSI_LOGIN_INITIATOR_ERROR  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_new(NULL);
        peer_login_pdu(p, cases[i].flags, cases[i].text);
        struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
        assert_int_equal(got_login_status(&g), cases[i].status);
        assert_int_equal(g.len, 0);
        assert_true(p->closed);
        assert_int_equal(p->login_status, cases[i].status);
        assert_string_equal(iscsi_conn_state(p->c), "closed");
        peer_expect_nothing(p);
        peer_free(p);
    }
}

static void test_login_straight_to_operational(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    assert_string_equal(iscsi_conn_state(p->c), "login");
    peer_login_pdu(p, LOGIN_FLAGS(1, 3),
                   NAMES "\nInitiatorAlias=my host\nHeaderDigest=CRC32C,None\nDataDigest=None"
                         "\nMaxRecvDataSegmentLength=65536\nInitialR2T=No\nImmediateData=Yes"
                         "\nMaxBurstLength=16776192\nFirstBurstLength=262144\nMaxConnections=8"
                         "\nMaxOutstandingR2T=16\nDefaultTime2Wait=0\nDefaultTime2Retain=0"
                         "\nErrorRecoveryLevel=2\nIFMarker=No\nOFMarkInt=1~2\nX-com.example=1"
                         "\nTaskReporting=FastAbort,RFC3720\niSCSIProtocolLevel=2"
                         "\nDataPDUInOrder=No\nDataSequenceInOrder=No\nRDMAExtensions=Yes");
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    static const struct {
        const char *key, *value;
    } answers[] = {
        {"TargetPortalGroupTag",     "1"            },
        {"HeaderDigest",             "CRC32C"       },
        {"DataDigest",               "None"         },
        {"MaxRecvDataSegmentLength", "262144"       },
        {"InitialR2T",               "No"           },
        {"ImmediateData",            "Yes"          },
        {"MaxBurstLength",           "1048576"      },
        {"FirstBurstLength",         "262144"       },
        {"MaxConnections",           "1"            },
        {"MaxOutstandingR2T",        "4"            },
        {"DefaultTime2Wait",         "2"            },
        {"DefaultTime2Retain",       "0"            },
        {"ErrorRecoveryLevel",       "0"            },
        {"IFMarker",                 "No"           },
        {"OFMarkInt",                "Reject"       },
        {"X-com.example",            "NotUnderstood"},
        {"RDMAExtensions",           "NotUnderstood"},
        {"TaskReporting",            "RFC3720"      },
        {"iSCSIProtocolLevel",       "1"            },
        {"DataPDUInOrder",           "Yes"          },
        {"DataSequenceInOrder",      "Yes"          },
    };
    assert_int_equal(got_login_status(&g), 0);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        assert_non_null(got_key(&g, answers[i].key));
        assert_string_equal(got_key(&g, answers[i].key), answers[i].value);
    }
    const struct iscsi_params *a = iscsi_conn_params(p->c);
    const struct iscsi_login_rsp *h = GOT(iscsi_login_rsp, g);
    assert_int_equal(be16_get(h->tsih), 7);
    assert_memory_equal(h->isid, a->isid, 6);
    assert_int_equal(be32_get(h->exp_cmd_sn), p->cmd_sn);
    assert_int_equal(be32_get(h->max_cmd_sn), p->cmd_sn + 127);
    assert_string_equal(a->initiator, INITIATOR);
    assert_string_equal(a->target, TARGET);
    assert_string_equal(a->initiator_alias, "my host");
    assert_int_equal(a->max_send_data_segment, 65536);
    assert_int_equal(a->max_recv_data_segment, 262144);
    assert_int_equal(a->cid, 1);
    assert_true(a->header_digest && !a->data_digest && !a->initial_r2t && a->immediate_data);
    assert_int_equal(a->chap_alg, 0);
    assert_string_equal(iscsi_conn_state(p->c), "logged in");
    peer_free(p);
}

static void test_login_through_security_without_authentication(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    memcpy(p->answer.target_alias, "disk one", 9);
    peer_login_pdu(p, 0, NAMES); /* nothing offered yet, stays */
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(GOT(iscsi_login_rsp, g)->flags, 0);
    assert_string_equal(got_key(&g, "TargetAlias"), "disk one");
    peer_login_pdu(p, LOGIN_FLAGS(0, 1), "AuthMethod=CHAP,None");
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(GOT(iscsi_login_rsp, g)->flags, LOGIN_FLAGS(0, 1));
    assert_string_equal(got_key(&g, "AuthMethod"), "None");
    assert_null(got_key(&g, "TargetAlias"));
    /* libiscsi repeats the names in the next stage */
    peer_login_pdu(p, 1 << 2, NAMES "\nSessionType=Normal\nMaxBurstLength=8192");
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(GOT(iscsi_login_rsp, g)->flags, 1 << 2);
    assert_string_equal(got_key(&g, "MaxBurstLength"), "8192");
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), "");
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), 0);
    assert_null(got_key(&g, "MaxRecvDataSegmentLength"));
    assert_int_equal(iscsi_conn_params(p->c)->max_burst, 8192);
    peer_free(p);
}

static void test_login_from_security_to_full_keeps_defaults(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    peer_login_pdu(p, LOGIN_FLAGS(0, 3), NAMES "\nAuthMethod=None");
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(GOT(iscsi_login_rsp, g)->flags, LOGIN_FLAGS(0, 3));
    const struct iscsi_params *a = iscsi_conn_params(p->c);
    assert_int_equal(a->max_recv_data_segment, 8192);
    assert_int_equal(a->max_send_data_segment, 8192);
    assert_int_equal(a->max_burst, 262144);
    assert_int_equal(a->first_burst, 65536);
    assert_true(a->initial_r2t && a->immediate_data);
    peer_free(p);
}

static void test_login_text_in_several_pdus(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    static const char cut[] = "InitiatorName=" INITIATOR;
    char part[64] = {0};
    memcpy(part, cut, 20); /* in the middle of the name, so without a NUL */
    struct iscsi_login_req h = {
        .opcode = 0x43,
        .flags = ISCSI_TEXT_CONTINUE | 1 << 2,
        .isid = {0x80, 1, 2, 3, 4, 5},
        .itt = be32_make(p->itt),
        .cid = be16_make(1),
        .cmd_sn = be32_make(p->cmd_sn),
    };
    peer_pdu(p, &h, part, 20);
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(g.len, 0);
    assert_int_equal(GOT(iscsi_login_rsp, g)->flags, 1 << 2);
    peer_pdu(p, &h, NULL, 0); /* empty and more to come: CVE-2021-28361 of a peer */
    peer_expect(p, ISCSI_OP_LOGIN_RSP);
    char rest[128];
    snprintf(rest, sizeof(rest), "%s\nTargetName=" TARGET, cut + 20);
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), rest);
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), 0);
    assert_string_equal(iscsi_conn_params(p->c)->initiator, INITIATOR);
    peer_free(p);
}

static void test_login_bounds_its_text(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    static char text[8000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 2; i++) {
        peer_login_pdu(p, ISCSI_TEXT_CONTINUE | 1 << 2, text);
        peer_expect(p, ISCSI_OP_LOGIN_RSP);
    }
    peer_login_pdu(p, ISCSI_TEXT_CONTINUE | 1 << 2, text);
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_INITIATOR_ERROR);
    assert_true(p->closed);
    peer_free(p);
}

static void test_login_bounds_its_requests(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    for (int i = 0; i < 64; i++) {
        peer_login_pdu(p, 1 << 2 | ISCSI_TEXT_CONTINUE, "");
        peer_expect(p, ISCSI_OP_LOGIN_RSP);
    }
    peer_login_pdu(p, 1 << 2 | ISCSI_TEXT_CONTINUE, "");
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_INITIATOR_ERROR);
    peer_free(p);
}

static void test_login_bounds_its_answer(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    static char text[8000];
    size_t at = (size_t)snprintf(text, sizeof(text), NAMES);
    for (unsigned i = 0; i < 62; i++) { /* each is answered with a longer text */
        at += (size_t)snprintf(text + at, sizeof(text) - at, "\nX-%060u=", i);
    }
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), text);
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), 0);
    assert_true(g.len < 8192 && g.len > 4000);
    peer_free(p);
    p = peer_new(NULL);
    snprintf(text + at, sizeof(text) - at, "\nX-one.more=1");
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), text);
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_INITIATOR_ERROR);
    peer_free(p);
}

static void test_login_header_may_not_change(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t flip;
    } cases[] = {
        {1,  0x04}, /* stage */
        {9,  1   }, /* ISID */
        {15, 1   }, /* TSIH */
        {19, 1   }, /* tag */
        {21, 1   }, /* CID */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_new(NULL);
        peer_login_pdu(p, 1 << 2, NAMES);
        peer_expect(p, ISCSI_OP_LOGIN_RSP);
        struct iscsi_login_req h = {
            .opcode = 0x43,
            .flags = 1 << 2,
            .isid = {0x80, 1, 2, 3, 4, 5},
            .itt = be32_make(p->itt),
            .cid = be16_make(1),
            .cmd_sn = be32_make(p->cmd_sn),
        };
        ((uint8_t *)&h)[cases[i].at] ^= cases[i].flip;
        peer_pdu(p, &h, NULL, 0);
        struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
        assert_int_equal(got_login_status(&g), ISCSI_LOGIN_INITIATOR_ERROR);
        assert_true(p->closed);
        peer_free(p);
    }
}

static void test_login_name_may_not_change(void **state)
{
    (void)state;
    static const char *const cases[] = {"InitiatorName=iqn.2026-01.org.example:host2",
                                        "TargetName=iqn.2026-01.org.zsan:disk2",
                                        "SessionType=Discovery", "InitiatorName=x"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_new(NULL);
        peer_login_pdu(p, LOGIN_FLAGS(0, 1), NAMES);
        peer_expect(p, ISCSI_OP_LOGIN_RSP);
        peer_login_pdu(p, LOGIN_FLAGS(1, 3), cases[i]);
        struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
        assert_int_equal(got_login_status(&g), ISCSI_LOGIN_INITIATOR_ERROR);
        peer_free(p);
    }
}

static void test_login_other_pdu_first(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    peer_nop(p, 5, ISCSI_TAG_NONE, true, NULL, 0);
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_BAD_REQUEST);
    assert_true(p->closed);
    peer_free(p);
}

static void test_login_version_and_ahs(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        uint16_t status;
    } cases[] = {
        {3, 1, ISCSI_LOGIN_BAD_VERSION    },
        {4, 1, ISCSI_LOGIN_INITIATOR_ERROR}
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_new(NULL);
        uint8_t h[ISCSI_BHS_LEN + 4] = {0x43, LOGIN_FLAGS(1, 3)};
        h[cases[i].at] = cases[i].value;
        peer_raw(p, h, sizeof(h));
        peer_pump(p);
        struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
        assert_int_equal(got_login_status(&g), cases[i].status);
        peer_free(p);
    }
}

static void test_login_too_long_is_refused_before_it_is_here(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    uint8_t h[ISCSI_BHS_LEN] = {0x43, LOGIN_FLAGS(1, 3)};
    store_be24(h + 5, 8193);
    peer_raw(p, h, sizeof(h));
    peer_pump(p);
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_INITIATOR_ERROR);
    assert_true(p->closed);
    peer_free(p);
}

static void test_login_owner_refuses(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    p->answer.status = ISCSI_LOGIN_NOT_FOUND;
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), NAMES);
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_NOT_FOUND);
    assert_int_equal(g.len, 0);
    peer_free(p);

    p = peer_new(NULL);
    p->refuse = ISCSI_LOGIN_OUT_OF_RESOURCES;
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), NAMES);
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_OUT_OF_RESOURCES);
    assert_true(p->closed);
    /* answers nobody waits for change nothing */
    iscsi_login_accept(p->c, 1, 0);
    iscsi_login_refuse(p->c, 1);
    iscsi_login_answer(p->c, &p->answer);
    peer_pump(p);
    peer_expect_nothing(p);
    peer_free(p);
}

static void test_login_redirect(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    p->redirect = "192.0.2.9:3260,1";
    peer_login_pdu(p, LOGIN_FLAGS(0, 1), NAMES "\nAuthMethod=None");
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), 0);
    assert_null(got_key(&g, "TargetAddress"));
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), "MaxBurstLength=8192");
    g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_MOVED_TEMP);
    assert_string_equal(got_key(&g, "TargetAddress"), "192.0.2.9:3260,1");
    assert_null(got_key(&g, "MaxBurstLength"));
    assert_true(p->closed);
    peer_free(p);
}

static void test_login_discovery(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    peer_login_pdu(p, LOGIN_FLAGS(1, 3),
                   "InitiatorName=" INITIATOR "\nSessionType=Discovery\nMaxBurstLength=1024"
                   "\nDefaultTime2Wait=2");
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), 0);
    assert_string_equal(got_key(&g, "MaxBurstLength"), "Irrelevant");
    assert_string_equal(got_key(&g, "DefaultTime2Wait"), "2");
    assert_null(got_key(&g, "TargetPortalGroupTag"));
    assert_true(iscsi_conn_params(p->c)->discovery);
    p->itt++;
    peer_read(p, 0, 1); /* no commands in such a session, 4.3 */
    peer_expect_reject(p, ISCSI_REJECT_PROTOCOL);
    peer_free(p);
}

static void test_login_tsih_is_shown_to_the_owner(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    p->tsih = 3;
    p->answer.status = ISCSI_LOGIN_NO_SESSION;
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), NAMES);
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), ISCSI_LOGIN_NO_SESSION);
    assert_int_equal(iscsi_conn_params(p->c)->tsih, 3);
    peer_free(p);
}

static void test_login_takes_no_byte_while_asked(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    p->hold_answers = true;
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), NAMES);
    peer_login_pdu(p, LOGIN_FLAGS(1, 3), NAMES);
    assert_true(p->to_len > 0);
    assert_string_equal(iscsi_conn_state(p->c), "login identify");
    peer_expect_nothing(p);
    p->hold_answers = false;
    iscsi_login_answer(p->c, &p->answer);
    peer_pump(p);
    struct got g = peer_expect(p, ISCSI_OP_LOGIN_RSP);
    assert_int_equal(got_login_status(&g), 0);
    /* a login request in the full feature phase has no meaning */
    peer_expect_reject(p, ISCSI_REJECT_NOT_SUPPORTED);
    peer_free(p);
}

static void test_login_times_out(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    uint64_t deadline = iscsi_deadline(p->c);
    assert_int_equal(deadline, 15000 * MS);
    peer_tick(p, 14999);
    assert_false(p->closed);
    peer_tick(p, 1);
    assert_true(p->closed);
    assert_true(peer_saw(p, ISCSI_EV_LOGIN_FAILED));
    assert_int_equal(iscsi_deadline(p->c), UINT64_MAX);
    peer_free(p);
}

static void test_login_byte_by_byte(void **state)
{
    (void)state;
    struct peer *p = peer_new(NULL);
    p->rx_step = 1;
    p->tx_step = 1;
    p->iov_max = 1;
    peer_login(p, "HeaderDigest=CRC32C\nDataDigest=CRC32C");
    peer_read(p, 3, 1);
    struct got g = peer_expect(p, ISCSI_OP_DATA_IN);
    assert_memory_equal(g.data, p->disk + 3 * 512, 512);
    peer_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login_refuses),
        cmocka_unit_test(test_login_straight_to_operational),
        cmocka_unit_test(test_login_through_security_without_authentication),
        cmocka_unit_test(test_login_from_security_to_full_keeps_defaults),
        cmocka_unit_test(test_login_text_in_several_pdus),
        cmocka_unit_test(test_login_bounds_its_text),
        cmocka_unit_test(test_login_bounds_its_requests),
        cmocka_unit_test(test_login_bounds_its_answer),
        cmocka_unit_test(test_login_header_may_not_change),
        cmocka_unit_test(test_login_name_may_not_change),
        cmocka_unit_test(test_login_other_pdu_first),
        cmocka_unit_test(test_login_version_and_ahs),
        cmocka_unit_test(test_login_too_long_is_refused_before_it_is_here),
        cmocka_unit_test(test_login_owner_refuses),
        cmocka_unit_test(test_login_redirect),
        cmocka_unit_test(test_login_discovery),
        cmocka_unit_test(test_login_tsih_is_shown_to_the_owner),
        cmocka_unit_test(test_login_takes_no_byte_while_asked),
        cmocka_unit_test(test_login_times_out),
        cmocka_unit_test(test_login_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
