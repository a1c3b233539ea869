/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RADIUS as bytes (RFC 2865, RFC 3579 3.2), as far as somebody needs it who has a CHAP response judged: one request is
 * written, and what comes back is checked. MD5 comes from outside. Pure; nothing parks.
 */
#ifndef WIRE_RADIUS_H
#define WIRE_RADIUS_H

#include "base/buf.h"

#include <assert.h>
#include <sys/uio.h>

#define RADIUS_PORT      1812 /* UDP */
#define RADIUS_MAX       4096 /* bytes of a packet, RFC 2865 3 */
#define RADIUS_VALUE_MAX 253  /* bytes of an attribute's value, RFC 2865 5 */
#define RADIUS_MD5_LEN   16

enum radius_code {
    RADIUS_ACCESS_REQUEST = 1,
    RADIUS_ACCESS_ACCEPT = 2,
    RADIUS_ACCESS_REJECT = 3,
    RADIUS_ACCESS_CHALLENGE = 11,
};

struct radius_hdr {
    uint8_t code, id;
    be16 len; /* of all */
    uint8_t
        authenticator[RADIUS_MD5_LEN]; /* random in requests; in answers a digest over both */
};
static_assert(sizeof(struct radius_hdr) == 20, "RFC 2865 3");

enum radius_attr {
    RADIUS_USER_NAME = 1,
    RADIUS_CHAP_PASSWORD = 3, /* CHAP's identifier, then the response */
    RADIUS_SERVICE_TYPE = 6,
    RADIUS_CALLED_STATION = 30,
    RADIUS_CALLING_STATION = 31,
    RADIUS_NAS_IDENTIFIER = 32,
    RADIUS_CHAP_CHALLENGE = 60,
    RADIUS_MESSAGE_AUTHENTICATOR = 80, /* HMAC-MD5 of all with the shared secret */
};

/* MD5 of the concatenated parts. False: it is not to be had (FIPS). */
typedef bool radius_md5(const struct iovec *parts, int n, uint8_t ret_digest[RADIUS_MD5_LEN]);

/* What both sides share. */
struct radius_key {
    radius_md5 *md5;
    const uint8_t *secret;
    size_t len; /* bytes */
};

struct radius_request {
    uint8_t id;                            /* the answer's too */
    uint8_t authenticator[RADIUS_MD5_LEN]; /* random, and never the same again */
    const char *user;                      /* CHAP_N */
    uint8_t chap_id;
    uint8_t response[RADIUS_MD5_LEN];
    const uint8_t *challenge;
    size_t challenge_len;                         /* bytes */
    const char *identifier;                       /* of us, for the server's policies */
    const char *called_station, *calling_station; /* where to, from where; cut, "": left out */
};

/* Writes the request. False: a value or the whole is too long, or there is no MD5. */
bool radius_request_write(struct wbuf *w, const struct radius_request *q,
                          const struct radius_key *k);

enum radius_verdict {
    RADIUS_NO_ANSWER, /* nothing that the server made of this request: to be ignored */
    RADIUS_ACCEPTED,
    RADIUS_REJECTED,
};
/*
 * Judges a datagram. It counts as an answer when its identifier, its Response Authenticator and its one
 * Message-Authenticator are right; that the latter may not be missing is what keeps answers from being forged by collisions of
 * MD5 (CVE-2024-3596). A challenge is a rejection (RFC 2865 2.1), and so is an acceptance for a service that we do not give
 * (5.6). *ret_why: static text, why it is not taken for an acceptance.
 */
enum radius_verdict radius_answer_check(const uint8_t *p, size_t len,
                                        const struct radius_request *q,
                                        const struct radius_key *k, const char **ret_why);

#endif
