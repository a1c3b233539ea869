/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CHAP proves a shared secret without sending it: hash(id, secret, challenge). What breaks it
 * in practice is refused here. A peer may not send our challenge back to us, nor be answered
 * with what it has just sent (the same secret in both directions); numbers and algorithm
 * tokens are compared whole; decoded values have the exact length of the digest; compares take
 * the same time wherever they fail; and an initiator nobody knows walks the same path to the
 * same failure, so that nothing is learned by trying names.
 */
#include "iscsi/chap.h"

#include "iscsi/text.h"

#include <string.h>

/* In our order of preference. Numbers of IANA's PPP authentication algorithms. */
static const struct {
    enum iscsi_chap_alg alg;
    uint8_t digest_len; /* bytes */
} algs[] = {
    {ISCSI_CHAP_SHA3_256, 32},
    {ISCSI_CHAP_SHA256,   32},
    {ISCSI_CHAP_SHA1,     20},
    {ISCSI_CHAP_MD5,      16},
};

static size_t digest_len(enum iscsi_chap_alg alg)
{
    for (size_t i = 0; i < ARRAY_LEN(algs); i++)
        if (algs[i].alg == alg)
            return algs[i].digest_len;
    return 0;
}

static bool secret_copy(struct iscsi_secret *to, const struct iscsi_secret *from)
{
    if (from->len != 0 && (from->len < CHAP_SECRET_MIN || from->len > ISCSI_SECRET_MAX))
        return false;
    *to = *from;
    return true;
}

static bool secret_equal(const struct iscsi_secret *a, const struct iscsi_secret *b)
{
    return a->len == b->len && equal_ct(a->bytes, b->bytes, a->len);
}

/* 12.1.3.2 */
static bool same_both_ways(const struct chap *ch)
{
    bool same = false;
    for (unsigned i = 0; i < ISCSI_CHAP_SECRETS; i++)
        for (unsigned k = 0; k < ISCSI_CHAP_SECRETS; k++)
            same |= ch->secret[i].len != 0 && secret_equal(&ch->secret[i], &ch->reverse[k]);
    return same;
}

bool chap_configure(struct chap *ch, const struct iscsi_env *env, void *arg,
                    const struct iscsi_login_answer *a)
{
    *ch = (struct chap){.env = env, .arg = arg, .fake = a->fake, .elsewhere = a->elsewhere};
    ch->usable = a->fake || a->elsewhere;
    ch->algs = a->algs ? a->algs : 0xffff;
    ch->algs_ever = a->algs_ever ? a->algs_ever : 0xffff;
    memcpy(ch->name, a->chap_name, sizeof(ch->name) - 1);
    memcpy(ch->reverse_name, a->reverse_name, sizeof(ch->reverse_name) - 1);
    for (unsigned i = 0; i < ISCSI_CHAP_SECRETS; i++) {
        if (!secret_copy(&ch->secret[i], &a->secret[i]) ||
            !secret_copy(&ch->reverse[i], &a->reverse_secret[i]))
            return false;
        ch->usable |= ch->secret[i].len != 0;
    }
    return !same_both_ways(ch) && (ch->usable || !a->chap_required);
}

void chap_wipe(struct chap *ch)
{
    wipe(ch->secret, sizeof(ch->secret));
    wipe(ch->reverse, sizeof(ch->reverse));
    wipe(ch->challenge, sizeof(ch->challenge));
    ch->usable = ch->passed = false;
}

/* hash(id, secret, challenge). False: the algorithm isn't to be had. */
static bool respond(const struct chap *ch, enum iscsi_chap_alg alg, uint8_t id,
                    const struct iscsi_secret *secret, const uint8_t *challenge,
                    size_t challenge_len, uint8_t ret_digest[CHAP_DIGEST_MAX])
{
    /* iovec is not const-correct; a hash only reads. */
    const struct iovec parts[] = {
        {&id,                              1            },
        {(void *)(uintptr_t)secret->bytes, secret->len  },
        {(void *)(uintptr_t)challenge,     challenge_len},
    };
    size_t len = 0;
    return ch->env->hash(ch->arg, alg, parts, ARRAY_LEN(parts), ret_digest, &len) &&
           len == digest_len(alg);
}

/* Mask of 1 << algorithm; false when the list is not one of whole decimal numbers. */
static bool parse_algs(const char *list, uint32_t *ret_mask)
{
    char token[TEXT_KEY_MAX + 1];
    uint32_t mask = 0, n;
    while (text_token(&list, token, sizeof(token))) {
        if (!text_number(token, &n))
            return false;
        if (n < 32)
            mask |= (uint32_t)1 << n;
    }
    *ret_mask = mask;
    return *list == '\0';
}

static bool available(const struct chap *ch, enum iscsi_chap_alg alg)
{
    uint8_t digest[CHAP_DIGEST_MAX];
    const struct iscsi_secret none = {.len = 0};
    return respond(ch, alg, 0, &none, ch->challenge, 0, digest);
}

/* The best of the mask; 0: none is to be had. */
static enum iscsi_chap_alg best_of(const struct chap *ch, uint32_t mask)
{
    for (size_t i = 0; i < ARRAY_LEN(algs); i++)
        if (mask & (uint32_t)1 << algs[i].alg && available(ch, algs[i].alg))
            return algs[i].alg;
    return 0;
}

bool chap_challenge(struct chap *ch, const char *chap_a, struct wbuf *out)
{
    uint32_t listed;
    if (!parse_algs(chap_a, &listed))
        return false;
    listed &= ch->algs_ever;
    ch->alg = best_of(ch, listed & ch->algs);
    if (ch->alg == 0) {
        ch->fake = ch->barred = true;
        ch->alg = best_of(ch, listed);
    }
    if (ch->alg == 0)
        return false;
    ch->env->random(ch->arg, &ch->id, sizeof(ch->id));
    ch->env->random(ch->arg, ch->challenge, sizeof(ch->challenge));
    text_put_number(out, key_name(KEY_CHAP_A), ch->alg);
    text_put_number(out, key_name(KEY_CHAP_I), ch->id);
    text_put_binary(out, key_name(KEY_CHAP_C), ch->challenge, sizeof(ch->challenge));
    return true;
}

/* Both secrets are tried, and with something random where there's none, so that all failures
 * look alike. */
static bool response_ok(struct chap *ch, const uint8_t *response, size_t len)
{
    bool ok = false;
    for (unsigned i = 0; i < ISCSI_CHAP_SECRETS; i++) {
        struct iscsi_secret *s = &ch->secret[i], dummy = {.len = CHAP_SECRET_MIN};
        bool real = s->len != 0 && !ch->fake;
        uint8_t want[CHAP_DIGEST_MAX];
        ch->env->random(ch->arg, dummy.bytes, dummy.len);
        if (!respond(ch, ch->alg, ch->id, real ? s : &dummy, ch->challenge,
                     sizeof(ch->challenge), want))
            return false;
        if (len == digest_len(ch->alg) && equal_ct(want, response, len) && real) {
            ch->proved = i;
            ok = true;
        }
    }
    return ok;
}

static bool name_ok(const struct chap *ch, const char *name)
{
    size_t len = strlen(name);
    return len == strlen(ch->name) && equal_ct(name, ch->name, len);
}

/* Answers the initiator's own challenge, by the secret that belongs to the one it has proved: who has not heard of new
 * ones knows the old of both. response: what it has just answered to ours. */
static bool prove(const struct chap *ch, const struct key_set *set, const uint8_t *response,
                  struct wbuf *out)
{
    const struct iscsi_secret *reverse = &ch->reverse[ch->proved];
    const char *chap_i = set->value[KEY_CHAP_I], *chap_c = set->value[KEY_CHAP_C];
    uint8_t challenge[CHAP_CHALLENGE_MAX], ours[CHAP_DIGEST_MAX];
    size_t len;
    uint32_t id;
    if (!chap_i || !chap_c || reverse->len == 0)
        return false;
    if (!text_number(chap_i, &id) || id > UINT8_MAX)
        return false;
    if (!text_binary(chap_c, challenge, sizeof(challenge), &len))
        return false;
    if (len == sizeof(ch->challenge) && memcmp(challenge, ch->challenge, len) == 0)
        return false; /* 12.1.3: reflected */
    if (!respond(ch, ch->alg, (uint8_t)id, reverse, challenge, len, ours))
        return false;
    if (equal_ct(ours, response, digest_len(ch->alg)))
        return false;
    text_put(out, key_name(KEY_CHAP_N), ch->reverse_name);
    text_put_binary(out, key_name(KEY_CHAP_R), ours, digest_len(ch->alg));
    return true;
}

bool chap_question(const struct chap *ch, const struct key_set *set,
                   struct iscsi_chap_response *ret_response)
{
    const char *chap_n = set->value[KEY_CHAP_N], *chap_r = set->value[KEY_CHAP_R];
    struct iscsi_chap_response r = {.alg = ch->alg, .id = ch->id, .name = ch->name};
    if (!ch->elsewhere || ch->barred || !chap_n || !chap_r || !name_ok(ch, chap_n))
        return false;
    if (!text_binary(chap_r, r.response, sizeof(r.response), &r.response_len) ||
        r.response_len != digest_len(ch->alg))
        return false;
    r.challenge_len = sizeof(ch->challenge);
    static_assert(sizeof(r.challenge) == sizeof(ch->challenge), "ours has one length");
    memcpy(r.challenge, ch->challenge, sizeof(ch->challenge));
    *ret_response = r;
    return true;
}

bool chap_verify(struct chap *ch, const struct key_set *set, bool *ret_mutual, struct wbuf *out)
{
    const char *chap_n = set->value[KEY_CHAP_N], *chap_r = set->value[KEY_CHAP_R];
    uint8_t response[CHAP_DIGEST_MAX] = {0};
    size_t len = 0;
    if (!chap_n || !chap_r)
        return false;
    bool decoded = text_binary(chap_r, response, sizeof(response), &len);
    bool right = ch->elsewhere ? ch->passed && !ch->fake : response_ok(ch, response, len);
    if (!name_ok(ch, chap_n) || !decoded || !right)
        return false;
    bool mutual = set->value[KEY_CHAP_I] || set->value[KEY_CHAP_C];
    if (mutual && !prove(ch, set, response, out))
        return false;
    *ret_mutual = mutual;
    return true;
}
