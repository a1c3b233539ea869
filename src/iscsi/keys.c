/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that is particular to a key is in its row: how its value is written, what values
 * are legal, what holds without it, in which stage and by whom it may be sent, and the
 * function that makes one value of two. The code below knows no key by name. RFC 7143 6.2: an
 * unknown key is answered NotUnderstood, an illegal value Reject (and the default stays), a
 * key without meaning Irrelevant.
 */
#include "iscsi/keys.h"

#include "iscsi/text.h"

#include <string.h>

#define KEYS_MAX 64 /* in one text; the longest of known initiators have 25 */

enum key_kind { KIND_TEXT, KIND_NUMBER, KIND_BOOL, KIND_LIST, KIND_CONSTANT };

enum key_flag {
    BY_INITIATOR = 1, /* may send it */
    REPEATS = 2,      /* may come again: a name in each stage, as libiscsi sends it */
    DECLARED = 4,     /* is not answered */
    NORMAL_ONLY = 8,  /* means nothing in a discovery session */
};

#define LOGIN (KEY_IN_SECURITY | KEY_IN_OPERATIONAL)
#define ALL   (LOGIN | KEY_IN_FULL)

struct key_row {
    const char *name;
    enum key_kind kind;
    unsigned phases; /* mask of enum key_phase */
    unsigned flags;  /* mask of enum key_flag */
    uint32_t min, max, def;
    uint32_t (*pick)(uint32_t ours, uint32_t theirs); /* NULL: theirs holds */
    const char *const *choices;                       /* of a list, ended by NULL */
    const char *constant;                             /* the one answer there is */
};

static uint32_t pick_min(uint32_t ours, uint32_t theirs)
{
    return MIN(ours, theirs);
}
static uint32_t pick_max(uint32_t ours, uint32_t theirs)
{
    return MAX(ours, theirs);
}
static uint32_t pick_and(uint32_t ours, uint32_t theirs)
{
    return ours & theirs;
}
static uint32_t pick_or(uint32_t ours, uint32_t theirs)
{
    return ours | theirs;
}

static const char *const digests[] = {
    [DIGEST_NONE] = "None",
    [DIGEST_CRC32C] = "CRC32C",
    NULL,
};
static const char *const task_reporting[] = {"RFC3720", NULL};

/* How the rows are written: only what a kind needs. Numbers: least, greatest, default,
 * function. */
#define TEXT(key, where, rules)                                                                \
    {                                                                                          \
        .name = (key), .kind = KIND_TEXT, .phases = (where), .flags = (rules)                  \
    }
#define NUMBER(key, rules, lo, hi, otherwise, function)                                        \
    {                                                                                          \
        .name = (key), .kind = KIND_NUMBER, .phases = KEY_IN_OPERATIONAL,                      \
        .flags = BY_INITIATOR | (rules), .min = (lo), .max = (hi), .def = (otherwise),         \
        .pick = (function)                                                                     \
    }
#define BOOLEAN(key, otherwise, function)                                                      \
    {                                                                                          \
        .name = (key), .kind = KIND_BOOL, .phases = KEY_IN_OPERATIONAL,                        \
        .flags = BY_INITIATOR | NORMAL_ONLY, .max = 1, .def = (otherwise), .pick = (function)  \
    }
#define LIST(key, rules, values)                                                               \
    {                                                                                          \
        .name = (key), .kind = KIND_LIST, .phases = KEY_IN_OPERATIONAL,                        \
        .flags = BY_INITIATOR | (rules), .choices = (values)                                   \
    }
#define CONSTANT(key, answer)                                                                  \
    {                                                                                          \
        .name = (key), .kind = KIND_CONSTANT, .phases = KEY_IN_OPERATIONAL,                    \
        .flags = BY_INITIATOR, .constant = (answer)                                            \
    }
#define MAX24 0xffffffu

/* RFC 7143 section 13, its limits and defaults. */
/* clang-format off */
static const struct key_row rows[KEY_COUNT] = {
    [KEY_INITIATOR_NAME]    = TEXT("InitiatorName", LOGIN, BY_INITIATOR | REPEATS),
    [KEY_INITIATOR_ALIAS]   = TEXT("InitiatorAlias", ALL, BY_INITIATOR | REPEATS),
    [KEY_TARGET_NAME]       = TEXT("TargetName", LOGIN, BY_INITIATOR | REPEATS),
    [KEY_TARGET_ALIAS]      = TEXT("TargetAlias", ALL, 0),
    [KEY_TARGET_ADDRESS]    = TEXT("TargetAddress", ALL, 0),
    [KEY_PORTAL_GROUP]      = TEXT("TargetPortalGroupTag", LOGIN, 0),
    [KEY_SESSION_TYPE]      = TEXT("SessionType", LOGIN, BY_INITIATOR | REPEATS),
    [KEY_SEND_TARGETS]      = TEXT("SendTargets", KEY_IN_FULL, BY_INITIATOR),
    [KEY_NODE_ARCHITECTURE] = TEXT("X-NodeArchitecture", ALL, BY_INITIATOR | REPEATS),
    [KEY_AUTH_METHOD]       = TEXT("AuthMethod", KEY_IN_SECURITY, BY_INITIATOR),
    [KEY_CHAP_A]            = TEXT("CHAP_A", KEY_IN_SECURITY, BY_INITIATOR),
    [KEY_CHAP_I]            = TEXT("CHAP_I", KEY_IN_SECURITY, BY_INITIATOR),
    [KEY_CHAP_C]            = TEXT("CHAP_C", KEY_IN_SECURITY, BY_INITIATOR),
    [KEY_CHAP_N]            = TEXT("CHAP_N", KEY_IN_SECURITY, BY_INITIATOR),
    [KEY_CHAP_R]            = TEXT("CHAP_R", KEY_IN_SECURITY, BY_INITIATOR),

    [KEY_HEADER_DIGEST]          = LIST("HeaderDigest", 0, digests),
    [KEY_DATA_DIGEST]            = LIST("DataDigest", 0, digests),
    [KEY_MAX_CONNECTIONS]        = NUMBER("MaxConnections", NORMAL_ONLY, 1, 65535, 1, pick_min),
    [KEY_INITIAL_R2T]            = BOOLEAN("InitialR2T", 1, pick_or),
    [KEY_IMMEDIATE_DATA]         = BOOLEAN("ImmediateData", 1, pick_and),
    [KEY_MAX_RECV_DATA_SEGMENT]  = {
        .name = "MaxRecvDataSegmentLength", .kind = KIND_NUMBER, .phases = ALL,
        .flags = BY_INITIATOR | DECLARED, .min = 512, .max = MAX24, .def = 8192
    },
    [KEY_MAX_BURST]              = NUMBER("MaxBurstLength", NORMAL_ONLY, 512, MAX24,
                                          262144, pick_min),
    [KEY_FIRST_BURST]            = NUMBER("FirstBurstLength", NORMAL_ONLY, 512, MAX24,
                                          65536, pick_min),
    [KEY_TIME2WAIT]              = NUMBER("DefaultTime2Wait", 0, 0, 3600, 2, pick_max),
    [KEY_TIME2RETAIN]            = NUMBER("DefaultTime2Retain", 0, 0, 3600, 20, pick_min),
    [KEY_MAX_OUTSTANDING_R2T]    = NUMBER("MaxOutstandingR2T", NORMAL_ONLY, 1, 65535, 1,
                                          pick_min),
    [KEY_DATA_PDU_IN_ORDER]      = BOOLEAN("DataPDUInOrder", 1, pick_or),
    [KEY_DATA_SEQUENCE_IN_ORDER] = BOOLEAN("DataSequenceInOrder", 1, pick_or),
    [KEY_ERROR_RECOVERY_LEVEL]   = NUMBER("ErrorRecoveryLevel", 0, 0, 2, 0, pick_min),
    [KEY_TASK_REPORTING]         = LIST("TaskReporting", NORMAL_ONLY, task_reporting),
    [KEY_PROTOCOL_LEVEL]         = NUMBER("iSCSIProtocolLevel", 0, 0, 31, 1, pick_min),
    /* 13.25: gone, but never NotUnderstood. "No" is what initiators of RFC 3720 expect. */
    [KEY_IF_MARKER]              = CONSTANT("IFMarker", "No"),
    [KEY_OF_MARKER]              = CONSTANT("OFMarker", "No"),
    [KEY_IF_MARK_INT]            = CONSTANT("IFMarkInt", "Reject"),
    [KEY_OF_MARK_INT]            = CONSTANT("OFMarkInt", "Reject"),
};
/* clang-format on */

const char *key_name(enum key key)
{
    return rows[key].name;
}

static enum key key_find(const char *name)
{
    for (enum key k = 0; k < KEY_COUNT; k++)
        if (strcmp(rows[k].name, name) == 0)
            return k;
    return KEY_COUNT;
}

/* Puts one pair where it belongs. */
static enum keys_result take(enum key k, const char *value, enum key_phase phase,
                             uint64_t *seen, struct key_set *set)
{
    const struct key_row *row = &rows[k];
    if (!(row->flags & BY_INITIATOR) || !(row->phases & phase))
        return KEYS_FORBIDDEN;
    uint64_t bit = (uint64_t)1 << k;
    if (set->value[k] || (*seen & bit && !(row->flags & REPEATS)))
        return KEYS_DUPLICATE;
    set->value[k] = value;
    *seen |= bit;
    return KEYS_OK;
}

enum keys_result keys_parse(char *text, size_t len, enum key_phase phase, uint64_t *seen,
                            struct key_set *ret_set, struct wbuf *answers)
{
    *ret_set = (struct key_set){{NULL}};
    char *p = text, *end = text + len;
    const char *name, *value;
    enum text_got got;
    for (unsigned n = 0; (got = text_next(&p, end, &name, &value)) == TEXT_PAIR; n++) {
        if (n == KEYS_MAX)
            return KEYS_TOO_MANY;
        enum key k = key_find(name);
        if (k == KEY_COUNT) {
            text_put(answers, name, "NotUnderstood");
            continue;
        }
        enum keys_result r = take(k, value, phase, seen, ret_set);
        if (r != KEYS_OK)
            return r;
    }
    return got == TEXT_END ? KEYS_OK : KEYS_BAD_TEXT;
}

void keys_defaults(struct negotiation *n)
{
    for (enum key k = 0; k < KEY_COUNT; k++)
        n->ours[k] = n->agreed[k] = rows[k].def;
}

/* The first of the initiator's choices that we accept, 6.2.1. */
static const char *choose(const struct key_row *row, uint32_t *agreed, uint32_t accepted,
                          const char *offered)
{
    char token[TEXT_KEY_MAX + 1];
    while (text_token(&offered, token, sizeof(token)))
        for (uint32_t i = 0; row->choices[i]; i++)
            if (accepted & 1u << i && strcmp(row->choices[i], token) == 0) {
                *agreed = i;
                return row->choices[i];
            }
    return NULL;
}

static bool number_ok(const struct key_row *row, const char *value, uint32_t *ret_theirs)
{
    bool ok =
        row->kind == KIND_BOOL ? text_bool(value, ret_theirs) : text_number(value, ret_theirs);
    return ok && *ret_theirs >= row->min && *ret_theirs <= row->max;
}

/* The answer to one key, NULL: none. buf: room for a number. */
static const char *answer(struct negotiation *n, enum key k, const char *value,
                          char buf[TEXT_NUMBER_CAP])
{
    const struct key_row *row = &rows[k];
    if (row->kind == KIND_CONSTANT)
        return row->constant;
    if (row->kind == KIND_LIST) {
        const char *chosen = choose(row, &n->agreed[k], n->ours[k], value);
        return chosen ? chosen : "Reject";
    }
    uint32_t theirs;
    if (!number_ok(row, value, &theirs))
        return "Reject";
    uint32_t agreed = row->pick ? row->pick(n->ours[k], theirs) : theirs;
    if (k == KEY_FIRST_BURST) /* 13.14 */
        agreed = MIN(agreed, n->agreed[KEY_MAX_BURST]);
    n->agreed[k] = agreed;
    if (row->flags & DECLARED)
        return NULL;
    if (row->kind == KIND_BOOL)
        return agreed ? "Yes" : "No";
    text_from_number(agreed, buf);
    return buf;
}

void keys_negotiate(struct negotiation *n, const struct key_set *set, bool discovery,
                    struct wbuf *answers)
{
    for (enum key k = KEY_HEADER_DIGEST; k < KEY_COUNT; k++) {
        char buf[TEXT_NUMBER_CAP];
        if (!set->value[k])
            continue;
        const char *a = discovery && rows[k].flags & NORMAL_ONLY
                            ? "Irrelevant"
                            : answer(n, k, set->value[k], buf);
        if (a)
            text_put(answers, rows[k].name, a);
    }
}
