/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of RFC 7143 section 13 and how each is negotiated. */
#ifndef ISCSI_KEYS_H
#define ISCSI_KEYS_H

#include "base/buf.h"

#include <assert.h>

/* Text keys are delivered as strings; the others are negotiated by keys_negotiate(). */
enum key {
    KEY_INITIATOR_NAME,
    KEY_INITIATOR_ALIAS,
    KEY_TARGET_NAME,
    KEY_TARGET_ALIAS,
    KEY_TARGET_ADDRESS,
    KEY_PORTAL_GROUP,
    KEY_SESSION_TYPE,
    KEY_SEND_TARGETS,
    KEY_NODE_ARCHITECTURE,
    KEY_AUTH_METHOD,
    KEY_CHAP_A,
    KEY_CHAP_I,
    KEY_CHAP_C,
    KEY_CHAP_N,
    KEY_CHAP_R,
    KEY_HEADER_DIGEST, /* the first that is negotiated */
    KEY_DATA_DIGEST,
    KEY_MAX_CONNECTIONS,
    KEY_INITIAL_R2T,
    KEY_IMMEDIATE_DATA,
    KEY_MAX_RECV_DATA_SEGMENT,
    KEY_MAX_BURST,
    KEY_FIRST_BURST, /* behind KEY_MAX_BURST, which limits it */
    KEY_TIME2WAIT,
    KEY_TIME2RETAIN,
    KEY_MAX_OUTSTANDING_R2T,
    KEY_DATA_PDU_IN_ORDER,
    KEY_DATA_SEQUENCE_IN_ORDER,
    KEY_ERROR_RECOVERY_LEVEL,
    KEY_TASK_REPORTING,
    KEY_PROTOCOL_LEVEL,
    KEY_IF_MARKER,
    KEY_OF_MARKER,
    KEY_IF_MARK_INT,
    KEY_OF_MARK_INT,
    KEY_COUNT,
};
static_assert(KEY_COUNT <= 64, "a set of keys is one word");

/* Where a key may be sent. */
enum key_phase { KEY_IN_SECURITY = 1, KEY_IN_OPERATIONAL = 2, KEY_IN_FULL = 4 };

/* One request's keys: strings borrowed from the text, NULL where absent. */
struct key_set {
    const char *value[KEY_COUNT];
};

enum keys_result {
    KEYS_OK,
    KEYS_BAD_TEXT,  /* the text is no list of key=value */
    KEYS_DUPLICATE, /* a key that was sent before */
    KEYS_FORBIDDEN, /* a key that may not be sent here, or not by an initiator */
    KEYS_TOO_MANY,  /* more keys than any initiator sends */
};

/* Cuts text in place and sorts its pairs into *ret_set. *seen: the keys that this negotiation
 * has had already, grows. Keys nobody knows are answered NotUnderstood in answers. On an
 * error *ret_set holds what came before. */
enum keys_result keys_parse(char *text, size_t len, enum key_phase phase, uint64_t *seen,
                            struct key_set *ret_set, struct wbuf *answers);

/* What is offered at first and agreed in the end, a number each: bytes, seconds, counts, 0/1;
 * for lists the bit mask of the choices we accept at first, then the chosen one's index. */
struct negotiation {
    uint32_t ours[KEY_COUNT];
    uint32_t agreed[KEY_COUNT];
};
enum { DIGEST_NONE, DIGEST_CRC32C };

/* All defaults: what holds when a key is never negotiated. */
void keys_defaults(struct negotiation *n);
/* Negotiates every key of the set that has a function, and appends the answers. In a
 * discovery session what has no meaning there is answered Irrelevant. */
void keys_negotiate(struct negotiation *n, const struct key_set *set, bool discovery,
                    struct wbuf *answers);

const char *key_name(enum key key);

#endif
