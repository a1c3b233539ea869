/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The secrets document: what each pair of an initiator and a target proves itself with, and
 * each initiator's discovery pair. Kept apart from the configuration, in a file of mode 0600.
 *   {"format": "zsan-secrets", "version": 1,
 *    "discovery": {INITIATOR: PAIR}, "grants": {TARGET: {INITIATOR: PAIR}},
 *    "radius": {"ADDRESS:PORT": CREDENTIAL}}
 *   PAIR: {"forward": CREDENTIAL, "reverse": CREDENTIAL}
 *   CREDENTIAL: {"name": CHAP_N, "secret": TEXT, "previous": TEXT, "minted": seconds since 1970}
 * An initiator that RADIUS verifies has no "forward", a RADIUS server no "name" and no "previous".
 * "previous" is still good after a rotation, until that is finished.
 */
#ifndef CONFIG_SECRETS_H
#define CONFIG_SECRETS_H

#include "config/config_int.h"

/* CHAP_N of the target side in discovery sessions, which have no target. */
#define DISCOVERY_CHAP_NAME "zsan-discovery"

/* 16 characters out of 57 (no 0 O 1 l I): 93 bits. Windows takes 12 to 16 ASCII characters, and
 * letters and digits need no quoting in ESXi's or Linux's tools. From run_random(). */
#define SECRET_MINTED_LEN 16
void secret_mint(char ret_secret[SECRET_MINTED_LEN + 1]);
/* The character set's mapping alone: false when the byte must be drawn anew (so that all
 * characters are equally likely). */
bool secret_char(uint8_t random, char *ret_char);

/* An operator's own secret: 12 to 255 printable ASCII characters without spaces, quotes or
 * backslashes. what names it in the message, which never holds the secret. */
int secret_check(const char *secret, const char *what, struct err *reterr);

/* A credential as text, for editing. */
struct credential_text {
    char name[CFG_NAME_LEN];
    char secret[CFG_SECRET_MAX + 1], previous[CFG_SECRET_MAX + 1];
    uint64_t minted;
};
/* j NULL: all empty. */
int credential_read(const json_t *j, const char *what, struct credential_text *ret_cred,
                    struct err *reterr);
/* NULL: no memory. */
json_t *credential_write(const struct credential_text *cred);

json_t *secrets_empty_doc(void);
/* The pair of an initiator with a target, or (target NULL) for discovery; NULL when there is
 * none. Borrowed. */
json_t *secrets_pair(const json_t *secrets, const char *target, const char *initiator);
/* What a RADIUS server's secret is called there. */
#define RADIUS_KEY_LEN 80
void secrets_radius_key(const char *address, uint16_t port, char ret_key[RADIUS_KEY_LEN]);
/* A RADIUS server's secret; NULL removes. -ENOMEM. */
int secrets_put_radius(json_t *secrets, const char *key, json_t *credential);

/* Puts a pair, taking over its reference; pair NULL removes. -ENOMEM. */
int secrets_put_pair(json_t *secrets, const char *target, const char *initiator, json_t *pair);

#endif
