/* SPDX-License-Identifier: BSD-2-Clause */
/* CHAP for iSCSI, RFC 7143 12.1.3: one-way and mutual. */
#ifndef ISCSI_CHAP_H
#define ISCSI_CHAP_H

#include "base/buf.h"
#include "iscsi/iscsi.h"
#include "iscsi/keys.h"

#define CHAP_DIGEST_MAX    32
#define CHAP_CHALLENGE_LEN 32   /* bytes, ours */
#define CHAP_CHALLENGE_MAX 1024 /* bytes, theirs: 12.1.3 */
#define CHAP_SECRET_MIN    12   /* bytes: 96 bits, 12.1.3.2 */
#define CHAP_NAME_CAP      (ISCSI_NAME_MAX + 33)

/* Who must prove what, and how far it is. Holds secrets: chap_wipe() when login is over. */
struct chap {
    const struct iscsi_env *env;
    void *arg;
    bool usable; /* there is something to check a response against, real or fake */
    bool fake;
    bool barred;              /* none of the initiator's algorithms is allowed */
    uint16_t algs, algs_ever; /* masks of 1 << enum iscsi_chap_alg: its own, anybody's */
    bool elsewhere;           /* somebody else judges the response */
    bool passed;              /* and has found it right */
    char name[CHAP_NAME_CAP], reverse_name[CHAP_NAME_CAP];
    struct iscsi_secret secret[ISCSI_CHAP_SECRETS], reverse[ISCSI_CHAP_SECRETS];
    unsigned proved; /* index of the secret that the response was right by */
    enum iscsi_chap_alg alg;
    uint8_t id;
    uint8_t challenge[CHAP_CHALLENGE_LEN];
};

/* Copies what the owner says. False: it can't be used: a secret shorter than CHAP_SECRET_MIN,
 * or the same in both directions, or CHAP is required without any secret. */
bool chap_configure(struct chap *ch, const struct iscsi_env *env, void *arg,
                    const struct iscsi_login_answer *a);
void chap_wipe(struct chap *ch);

/* Picks an algorithm of the initiator's list by our own order of preference (SHA3-256,
 * SHA-256, SHA-1, MD5) and appends CHAP_A, CHAP_I and CHAP_C. If those that are allowed are not among
 * them, another one that somebody may use, and nothing passes: what is allowed shall not show who is known. False: none
 * of the list can be used, or it is no list of numbers. */
bool chap_challenge(struct chap *ch, const char *chap_a, struct wbuf *out);

/* CHAP_N and CHAP_R as somebody else is to judge them. False: they need not be, for a failure is certain or it is
 * chap_verify() that judges. */
bool chap_question(const struct chap *ch, const struct key_set *set,
                   struct iscsi_chap_response *ret_response);

/* Judges CHAP_N and CHAP_R; on a challenge of the initiator's own (*ret_mutual) appends our
 * CHAP_N and CHAP_R. False: the initiator is not who it says, or plays our own words back to
 * us. */
bool chap_verify(struct chap *ch, const struct key_set *set, bool *ret_mutual,
                 struct wbuf *out);

#endif
