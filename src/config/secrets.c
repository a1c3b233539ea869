/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Secrets: minting, the rules for those an operator brings, and the document they are kept in.
 * Text of secrets lives in jansson's strings while a document is loaded; structs that held one
 * are wiped by who held them. Only secret_mint() needs a world.
 */
#include "config/secrets.h"

#include "base/text.h"
#include "config/schema.h"
#include "run/run.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool secret_char(uint8_t random, char *ret_char)
{
    static const char alphabet[] = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    static_assert(sizeof(alphabet) - 1 == 57, "letters and digits but 0 O 1 l I");
    if (random >= 256 / 57 * 57)
        return false;
    *ret_char = alphabet[random % 57];
    return true;
}

void secret_mint(char ret_secret[SECRET_MINTED_LEN + 1])
{
    for (size_t n = 0; n < SECRET_MINTED_LEN;) {
        uint8_t random;
        run_random(&random, 1);
        n += secret_char(random, &ret_secret[n]);
    }
    ret_secret[SECRET_MINTED_LEN] = '\0';
}

int secret_check(const char *secret, const char *what, struct err *reterr)
{
    size_t len = strlen(secret);
    if (len < CFG_SECRET_MIN || len > CFG_SECRET_MAX)
        return err_set(
            reterr, -EINVAL,
            "%s: a secret has %d to %d characters, this one %zu (Windows takes 12 to 16)", what,
            CFG_SECRET_MIN, CFG_SECRET_MAX, len);
    for (size_t i = 0; i < len; i++)
        if (secret[i] <= ' ' || secret[i] > '~' || strchr("\"'\\", secret[i]))
            return err_set(
                reterr, -EINVAL,
                "%s: a secret is printable ASCII without spaces, quotes and backslashes", what);
    return 0;
}

/* ---- strength ---------------------------------------------------------------------------- */

#define WEAK_BITS 48 /* less of them is weak; those that are minted have 93 */

static unsigned class_of(char c)
{
    return c >= 'a' && c <= 'z' ? 1 : c >= 'A' && c <= 'Z' ? 2 : c >= '0' && c <= '9' ? 4 : 8;
}

/* b is next to a in the alphabet, among the digits, or on a keyboard; or the same. */
static bool follows(char a, char b)
{
    static const char rows[] = "1234567890 qwertyuiop asdfghjkl zxcvbnm";
    const char *at = memchr(rows, a | 0x20, sizeof(rows) - 1);
    char other = b | 0x20;
    return a == b || a == b + 1 || b == a + 1 ||
           (at && other != ' ' && (at[1] == other || (at > rows && at[-1] == other)));
}

/* The character at i goes on with what the ones before have begun. */
static bool expected(const char *s, size_t i)
{
    bool is = i > 0 && follows(s[i - 1], s[i]);
    for (size_t p = 2; p < i && !is; p++) /* a period of p */
        is = s[i] == s[i - p] && s[i - 1] == s[i - p - 1];
    return is;
}

bool cfg_secret_weak(const void *secret, size_t len)
{
    /* Tenths of bits that a character has, by the classes there are. */
    static const uint8_t tenths[16] = {0,  47, 47, 57, 33, 52, 52, 60,
                                       50, 59, 59, 64, 54, 61, 61, 66};
    const char *s = secret;
    unsigned classes = 0, news = 0;
    for (size_t i = 0; i < len; i++) {
        classes |= class_of(s[i]);
        news += !expected(s, i);
    }
    return news * tenths[classes] < 10 * WEAK_BITS;
}

static const struct field credential_fields[] = {
    FIELD_STR(struct credential_text, name),
    FIELD_STR(struct credential_text, secret, .required = true),
    FIELD_STR(struct credential_text, previous),
    FIELD(struct credential_text, minted, F_U64),
};

int credential_read(const json_t *j, const char *what, struct credential_text *ret_cred,
                    struct err *reterr)
{
    memset(ret_cred, 0, sizeof(*ret_cred));
    if (!j)
        return 0;
    int rc =
        fields_read(j, credential_fields, ARRAY_LEN(credential_fields), ret_cred, what, reterr);
    if (rc < 0 || (rc = secret_check(ret_cred->secret, what, reterr)) < 0)
        return rc;
    return ret_cred->previous[0] ? secret_check(ret_cred->previous, what, reterr) : 0;
}

json_t *credential_write(const struct credential_text *cred)
{
    static const struct credential_text empty;
    json_t *j = json_object();
    if (j &&
        fields_write(j, credential_fields, ARRAY_LEN(credential_fields), cred, &empty) < 0) {
        json_decref(j);
        return NULL;
    }
    return j;
}

json_t *secrets_empty_doc(void)
{
    return json_pack("{s:s, s:i, s:{}, s:{}}", "format", SECRETS_FORMAT, "version",
                     CONFIG_VERSION, "discovery", "grants");
}

/* The object that holds a target's pairs, or the discovery pairs. */
static json_t *pairs_of(const json_t *secrets, const char *target)
{
    return target ? json_object_get(json_object_get(secrets, "grants"), target)
                  : json_object_get(secrets, "discovery");
}

json_t *secrets_pair(const json_t *secrets, const char *target, const char *initiator)
{
    return json_object_get(pairs_of(secrets, target), initiator);
}

int secrets_put_pair(json_t *secrets, const char *target, const char *initiator, json_t *pair)
{
    json_t *pairs = pairs_of(secrets, target);
    if (!pair) {
        json_object_del(pairs, initiator);
        if (target && json_object_size(pairs) == 0)
            json_object_del(json_object_get(secrets, "grants"), target);
        return 0;
    }
    if (!pairs && target) {
        pairs = json_object();
        if (json_object_set_new(json_object_get(secrets, "grants"), target, pairs) != 0)
            pairs = NULL;
    }
    if (!pairs) {
        json_decref(pair);
        return -ENOMEM;
    }
    return json_object_set_new(pairs, initiator, pair) ? -ENOMEM : 0;
}

void secrets_radius_key(const char *address, uint16_t port, char ret_key[RADIUS_KEY_LEN])
{
    snprintf(ret_key, RADIUS_KEY_LEN, strchr(address, ':') ? "[%.63s]:%u" : "%.63s:%u", address,
             port);
}

int secrets_put_radius(json_t *secrets, const char *key, json_t *credential)
{
    json_t *all = json_object_get(secrets, "radius");
    if (!credential) {
        json_object_del(all, key);
        if (json_object_size(all) == 0)
            json_object_del(secrets, "radius");
        return 0;
    }
    if (!all) {
        all = json_object();
        if (json_object_set_new(secrets, "radius", all) != 0)
            all = NULL;
    }
    if (!all) {
        json_decref(credential);
        return -ENOMEM;
    }
    return json_object_set_new(all, key, credential) ? -ENOMEM : 0;
}

static void take_secret(const char *text, struct cfg_secret *ret_secret)
{
    ret_secret->len = (uint16_t)strlen(text);
    memcpy(ret_secret->bytes, text, ret_secret->len);
}

static int read_credential(const json_t *j, const char *what, const char *default_name,
                           struct cfg_credential *ret_cred, struct err *reterr)
{
    struct credential_text text;
    int rc = credential_read(j, what, &text, reterr);
    if (rc == 0) {
        text_copy(ret_cred->name, sizeof(ret_cred->name),
                  text.name[0] ? text.name : default_name);
        take_secret(text.secret, &ret_cred->secret[0]);
        take_secret(text.previous, &ret_cred->secret[1]);
        ret_cred->minted = text.minted;
    }
    wipe(&text, sizeof(text));
    return rc;
}

static int read_pair(const json_t *secrets, const char *target, const char *initiator,
                     const char *target_chap_name, struct cfg_credential *forward,
                     struct cfg_credential *reverse, struct err *reterr)
{
    static const struct field pair_fields[] = {
        {.name = "forward", .type = F_NESTED},
        {.name = "reverse", .type = F_NESTED}
    };
    char what[140];
    const json_t *pair = secrets_pair(secrets, target, initiator);
    snprintf(what, sizeof(what), "secrets of %.60s with %.60s", initiator,
             target ? target : "discovery");
    if (pair) {
        int rc = fields_read(pair, pair_fields, ARRAY_LEN(pair_fields), NULL, what, reterr);
        if (rc < 0)
            return rc;
    }
    int rc =
        read_credential(json_object_get(pair, "forward"), what, initiator, forward, reterr);
    return rc < 0 ? rc
                  : read_credential(json_object_get(pair, "reverse"), what, target_chap_name,
                                    reverse, reterr);
}

struct secrets_root {
    char format[32];
    uint32_t version;
};
static const struct field secrets_fields[] = {
    FIELD_STR(struct secrets_root, format, .required = true),
    FIELD(struct secrets_root, version, F_U32, .required = true),
    {.name = "discovery", .type = F_NESTED},
    {.name = "grants",    .type = F_NESTED},
    {.name = "radius",    .type = F_NESTED},
};

static int read_root(const json_t *secrets, struct err *reterr)
{
    struct secrets_root root = {.version = 0};
    const json_t *j = NULL;
    int rc = fields_read(secrets, secrets_fields, ARRAY_LEN(secrets_fields), &root, "secrets",
                         reterr);
    if (rc < 0 || (rc = field_object(secrets, "discovery", "secrets", &j, reterr)) < 0 ||
        (rc = field_object(secrets, "grants", "secrets", &j, reterr)) < 0 ||
        (rc = field_object(secrets, "radius", "secrets", &j, reterr)) < 0)
        return rc;
    if (strcmp(root.format, SECRETS_FORMAT) != 0 || root.version != CONFIG_VERSION)
        return err_set(
            reterr, -EINVAL,
            "secrets: format is \"%s\" version %u, this program reads \"%s\" version %u",
            root.format, root.version, SECRETS_FORMAT, CONFIG_VERSION);
    return 0;
}

static int read_radius(const json_t *secrets, struct cfg_radius_server *s, struct err *reterr)
{
    char key[RADIUS_KEY_LEN], what[RADIUS_KEY_LEN + 40];
    struct credential_text text;
    secrets_radius_key(s->address, s->port, key);
    snprintf(what, sizeof(what), "secret of RADIUS server %s", key);
    int rc = credential_read(json_object_get(json_object_get(secrets, "radius"), key), what,
                             &text, reterr);
    if (rc == 0) {
        take_secret(text.secret, &s->secret);
        s->minted = text.minted;
    }
    wipe(&text, sizeof(text));
    return rc;
}

int secrets_read(const json_t *secrets, struct config *c, struct err *reterr)
{
    int rc = secrets ? read_root(secrets, reterr) : 0;
    for (unsigned i = 0; rc == 0 && i < c->ninitiators; i++) {
        struct cfg_initiator *ini = &c->initiators[i];
        rc = read_pair(secrets, NULL, ini->name, DISCOVERY_CHAP_NAME, &ini->discovery,
                       &ini->discovery_reverse, reterr);
    }
    for (unsigned i = 0; rc == 0 && i < c->ngrants; i++) {
        struct cfg_grant *g = &c->grants[i];
        rc = read_pair(secrets, g->target->name, g->initiator->name, g->target->name,
                       &g->forward, &g->reverse, reterr);
    }
    for (unsigned i = 0; rc == 0 && i < c->radius.nservers; i++)
        rc = read_radius(secrets, &c->radius.servers[i], reterr);
    return rc;
}

/* ---- what is left in memory -------------------------------------------------------------- */

static void free_wiped(void *p)
{
    if (p)
        wipe(p, malloc_usable_size(p));
    free(p);
}

void config_wipe_json(void)
{
    json_set_alloc_funcs(malloc, free_wiped);
}
