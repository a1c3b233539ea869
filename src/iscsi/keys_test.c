/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static char text[16384];
static uint8_t answers[16384];

static enum keys_result parse(const char *s, enum key_phase phase, uint64_t *seen,
                              struct key_set *set, struct wbuf *w)
{
    size_t n = strlen(s);
    memcpy(text, s, n + 1);
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\n')
            text[i] = '\0';
    *w = wbuf_make(answers, sizeof(answers));
    return keys_parse(text, n + 1, phase, seen, set, w);
}

/* The whole answer to an operational text, '\n' for NUL. */
static const char *negotiate(struct negotiation *n, const char *s, bool discovery)
{
    struct key_set set;
    struct wbuf w;
    uint64_t seen = 0;
    assert_int_equal(parse(s, KEY_IN_OPERATIONAL, &seen, &set, &w), KEYS_OK);
    keys_negotiate(n, &set, discovery, &w);
    for (size_t i = 0; i < w.len; i++)
        if (answers[i] == '\0')
            answers[i] = '\n';
    answers[w.len] = '\0';
    return (const char *)answers;
}

static struct negotiation offer(void)
{
    struct negotiation n;
    keys_defaults(&n);
    n.ours[KEY_HEADER_DIGEST] = n.ours[KEY_DATA_DIGEST] = 3;
    n.ours[KEY_INITIAL_R2T] = 0;
    n.ours[KEY_IMMEDIATE_DATA] = 1;
    n.ours[KEY_MAX_BURST] = 1u << 20;
    n.ours[KEY_FIRST_BURST] = 256u << 10;
    n.ours[KEY_TIME2WAIT] = 2;
    n.ours[KEY_TIME2RETAIN] = 0;
    n.ours[KEY_MAX_OUTSTANDING_R2T] = 4;
    n.ours[KEY_TASK_REPORTING] = 1;
    return n;
}

static void test_keys_one_by_one(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        enum key key;
        uint32_t agreed;
    } cases[] = {
        {"HeaderDigest=None",                           "HeaderDigest=None\n",                  KEY_HEADER_DIGEST,          0      },
        {"HeaderDigest=CRC32C",                         "HeaderDigest=CRC32C\n",                KEY_HEADER_DIGEST,          1      },
        {"HeaderDigest=None,CRC32C",                    "HeaderDigest=None\n",                  KEY_HEADER_DIGEST,          0      },
        {"DataDigest=X-foo,CRC32C,None",                "DataDigest=CRC32C\n",                  KEY_DATA_DIGEST,            1      },
        {"DataDigest=crc32c",                           "DataDigest=Reject\n",                  KEY_DATA_DIGEST,            0      },
        {"DataDigest=",                                 "DataDigest=Reject\n",                  KEY_DATA_DIGEST,            0      },
        {"DataDigest=CRC32CC",                          "DataDigest=Reject\n",                  KEY_DATA_DIGEST,            0      },
        {"MaxConnections=4",                            "MaxConnections=1\n",                   KEY_MAX_CONNECTIONS,        1      },
        {"MaxConnections=0",                            "MaxConnections=Reject\n",              KEY_MAX_CONNECTIONS,        1      },
        {"InitialR2T=Yes",                              "InitialR2T=Yes\n",                     KEY_INITIAL_R2T,            1      },
        {"InitialR2T=No",                               "InitialR2T=No\n",                      KEY_INITIAL_R2T,            0      },
        {"InitialR2T=Maybe",                            "InitialR2T=Reject\n",                  KEY_INITIAL_R2T,            1      },
        {"ImmediateData=Yes",                           "ImmediateData=Yes\n",                  KEY_IMMEDIATE_DATA,         1      },
        {"ImmediateData=No",                            "ImmediateData=No\n",                   KEY_IMMEDIATE_DATA,         0      },
        {"MaxRecvDataSegmentLength=512",                "",                                     KEY_MAX_RECV_DATA_SEGMENT,  512    },
        {"MaxRecvDataSegmentLength=511",                "MaxRecvDataSegmentLength=Reject\n",
         KEY_MAX_RECV_DATA_SEGMENT,                                                                                         8192   },
        {"MaxRecvDataSegmentLength=16777216",           "MaxRecvDataSegmentLength=Reject\n",
         KEY_MAX_RECV_DATA_SEGMENT,                                                                                         8192   },
        {"MaxBurstLength=16777215",                     "MaxBurstLength=1048576\n",             KEY_MAX_BURST,              1048576},
        {"MaxBurstLength=0x200",                        "MaxBurstLength=512\n",                 KEY_MAX_BURST,              512    },
        {"MaxBurstLength=511",                          "MaxBurstLength=Reject\n",              KEY_MAX_BURST,              262144 },
        {"FirstBurstLength=1048576",                    "FirstBurstLength=262144\n",            KEY_FIRST_BURST,            262144 },
        {"FirstBurstLength=65536\nMaxBurstLength=8192",
         "MaxBurstLength=8192\nFirstBurstLength=8192\n",                                        KEY_FIRST_BURST,            8192   },
        {"DefaultTime2Wait=0",                          "DefaultTime2Wait=2\n",                 KEY_TIME2WAIT,              2      },
        {"DefaultTime2Wait=3600",                       "DefaultTime2Wait=3600\n",              KEY_TIME2WAIT,              3600   },
        {"DefaultTime2Wait=3601",                       "DefaultTime2Wait=Reject\n",            KEY_TIME2WAIT,              2      },
        {"DefaultTime2Retain=20",                       "DefaultTime2Retain=0\n",               KEY_TIME2RETAIN,            0      },
        {"MaxOutstandingR2T=1",                         "MaxOutstandingR2T=1\n",                KEY_MAX_OUTSTANDING_R2T,    1      },
        {"MaxOutstandingR2T=65535",                     "MaxOutstandingR2T=4\n",                KEY_MAX_OUTSTANDING_R2T,    4      },
        {"MaxOutstandingR2T=65536",                     "MaxOutstandingR2T=Reject\n",           KEY_MAX_OUTSTANDING_R2T,    1      },
        {"DataPDUInOrder=No",                           "DataPDUInOrder=Yes\n",                 KEY_DATA_PDU_IN_ORDER,      1      },
        {"DataSequenceInOrder=No",                      "DataSequenceInOrder=Yes\n",            KEY_DATA_SEQUENCE_IN_ORDER, 1      },
        {"ErrorRecoveryLevel=2",                        "ErrorRecoveryLevel=0\n",               KEY_ERROR_RECOVERY_LEVEL,   0      },
        {"ErrorRecoveryLevel=3",                        "ErrorRecoveryLevel=Reject\n",          KEY_ERROR_RECOVERY_LEVEL,   0      },
        {"TaskReporting=RFC3720,FastAbort",             "TaskReporting=RFC3720\n",              KEY_TASK_REPORTING,         0      },
        {"TaskReporting=FastAbort",                     "TaskReporting=Reject\n",               KEY_TASK_REPORTING,         0      },
        {"iSCSIProtocolLevel=31",                       "iSCSIProtocolLevel=1\n",               KEY_PROTOCOL_LEVEL,         1      },
        {"iSCSIProtocolLevel=0",                        "iSCSIProtocolLevel=0\n",               KEY_PROTOCOL_LEVEL,         0      },
        {"IFMarker=Yes\nOFMarker=No",                   "IFMarker=No\nOFMarker=No\n",           KEY_IF_MARKER,              0      },
        {"IFMarkInt=1\nOFMarkInt=2",                    "IFMarkInt=Reject\nOFMarkInt=Reject\n", KEY_IF_MARK_INT,
         0                                                                                                                         },
        {"X-com.example.key=1\nX#a=2\nNope=3",
         "X-com.example.key=NotUnderstood\nX#a=NotUnderstood\nNope=NotUnderstood\n",            KEY_MAX_BURST,              262144 },
        {"X-NodeArchitecture=Linux",                    "",                                     KEY_MAX_BURST,              262144 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct negotiation n = offer();
        assert_string_equal(negotiate(&n, cases[i].in, false), cases[i].out);
        assert_int_equal(n.agreed[cases[i].key], cases[i].agreed);
    }
}

static void test_keys_without_digests(void **state)
{
    (void)state;
    struct negotiation n = offer();
    n.ours[KEY_HEADER_DIGEST] = 1; /* None only */
    assert_string_equal(negotiate(&n, "HeaderDigest=CRC32C,None", false),
                        "HeaderDigest=None\n");
    assert_string_equal(negotiate(&n, "HeaderDigest=CRC32C", false), "HeaderDigest=Reject\n");
}

static void test_keys_irrelevant_in_discovery(void **state)
{
    (void)state;
    struct negotiation n = offer();
    assert_string_equal(
        negotiate(&n, "MaxBurstLength=512\nInitialR2T=No\nHeaderDigest=None", true),
        "HeaderDigest=None\nInitialR2T=Irrelevant\nMaxBurstLength=Irrelevant\n");
    assert_int_equal(n.agreed[KEY_MAX_BURST], 262144);
}

static void test_keys_rules(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        enum key_phase phase;
        enum keys_result result;
    } cases[] = {
        {"MaxBurstLength=512",                     KEY_IN_SECURITY,    KEYS_FORBIDDEN},
        {"MaxBurstLength=512",                     KEY_IN_FULL,        KEYS_FORBIDDEN},
        {"CHAP_N=x",                               KEY_IN_OPERATIONAL, KEYS_FORBIDDEN},
        {"SendTargets=All",                        KEY_IN_OPERATIONAL, KEYS_FORBIDDEN},
        {"SendTargets=All",                        KEY_IN_FULL,        KEYS_OK       },
        {"MaxRecvDataSegmentLength=512",           KEY_IN_SECURITY,    KEYS_OK       },
        {"MaxRecvDataSegmentLength=512",           KEY_IN_FULL,        KEYS_OK       },
        {"TargetAddress=x",                        KEY_IN_FULL,        KEYS_FORBIDDEN},
        {"TargetPortalGroupTag=1",                 KEY_IN_OPERATIONAL, KEYS_FORBIDDEN},
        {"InitiatorName=a\nInitiatorName=a",       KEY_IN_SECURITY,    KEYS_DUPLICATE},
        {"MaxBurstLength=512\nMaxBurstLength=512", KEY_IN_OPERATIONAL, KEYS_DUPLICATE},
        {"rubbish",                                KEY_IN_OPERATIONAL, KEYS_BAD_TEXT },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct key_set set;
        struct wbuf w;
        uint64_t seen = 0;
        assert_int_equal(parse(cases[i].in, cases[i].phase, &seen, &set, &w), cases[i].result);
    }
}

static void test_keys_may_not_be_renegotiated(void **state)
{
    (void)state;
    struct key_set set;
    struct wbuf w;
    uint64_t seen = 0;
    assert_int_equal(
        parse("InitiatorName=a\nMaxBurstLength=512", KEY_IN_OPERATIONAL, &seen, &set, &w),
        KEYS_OK);
    assert_int_equal(parse("InitiatorName=a", KEY_IN_OPERATIONAL, &seen, &set, &w), KEYS_OK);
    assert_int_equal(parse("MaxBurstLength=512", KEY_IN_OPERATIONAL, &seen, &set, &w),
                     KEYS_DUPLICATE);
}

static void test_keys_are_counted(void **state)
{
    (void)state;
    static char many[4096];
    struct key_set set;
    struct wbuf w;
    uint64_t seen = 0;
    size_t at = 0;
    for (int i = 0; i < 64; i++)
        at += (size_t)snprintf(many + at, sizeof(many) - at, "%sX-a=1", i ? "\n" : "");
    assert_int_equal(parse(many, KEY_IN_OPERATIONAL, &seen, &set, &w), KEYS_OK);
    snprintf(many + at, sizeof(many) - at, "\nX-a=1");
    assert_int_equal(parse(many, KEY_IN_OPERATIONAL, &seen, &set, &w), KEYS_TOO_MANY);
}

static void test_keys_have_names(void **state)
{
    (void)state;
    for (enum key k = 0; k < KEY_COUNT; k++)
        assert_non_null(key_name(k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_one_by_one),
        cmocka_unit_test(test_keys_without_digests),
        cmocka_unit_test(test_keys_irrelevant_in_discovery),
        cmocka_unit_test(test_keys_rules),
        cmocka_unit_test(test_keys_may_not_be_renegotiated),
        cmocka_unit_test(test_keys_are_counted),
        cmocka_unit_test(test_keys_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
