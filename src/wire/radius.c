/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An answer is believed for two digests that only who knows the shared secret can make: the Response Authenticator, MD5 over
 * the answer with the request's authenticator in it, and the Message-Authenticator, an HMAC over the same. The first alone
 * can be forged by somebody between (CVE-2024-3596), so the second has to be there, once. All compares take the same time
 * wherever they fail.
 */
#include "wire/radius.h"

#define HMAC_BLOCK 64 /* bytes, RFC 2104 with MD5 */
#define HMAC_PARTS 6

/* iovec is not const-correct; a hash only reads. */
static struct iovec part(const void *p, size_t len)
{
    return (struct iovec){(void *)(uintptr_t)p, len};
}

/* RFC 2104. */
static bool hmac(const struct radius_key *k, const struct iovec *parts, int n,
                 uint8_t ret_digest[RADIUS_MD5_LEN])
{
    uint8_t key[HMAC_BLOCK] = {0}, pad[HMAC_BLOCK], inner[RADIUS_MD5_LEN];
    struct iovec in[HMAC_PARTS + 1];
    const struct iovec secret = part(k->secret, k->len);
    bool ok = true;
    if (k->len > HMAC_BLOCK)
        ok = k->md5(&secret, 1, key);
    else
        memcpy(key, k->secret, k->len);
    for (size_t i = 0; i < HMAC_BLOCK; i++)
        pad[i] = key[i] ^ 0x36;
    in[0] = part(pad, sizeof(pad));
    for (int i = 0; i < n; i++)
        in[i + 1] = parts[i];
    ok = ok && k->md5(in, n + 1, inner);
    for (size_t i = 0; i < HMAC_BLOCK; i++)
        pad[i] = key[i] ^ 0x5c;
    in[1] = part(inner, sizeof(inner));
    ok = ok && k->md5(in, 2, ret_digest);
    wipe(key, sizeof(key));
    wipe(pad, sizeof(pad));
    return ok;
}

/* ---- requests ---------------------------------------------------------------------------- */

/* Too long a value makes w overflow. */
static void put(struct wbuf *w, enum radius_attr attr, const void *value, size_t len)
{
    if (len > RADIUS_VALUE_MAX) {
        w->len = w->cap + 1;
        return;
    }
    wb_u8(w, (uint8_t)attr);
    wb_u8(w, (uint8_t)(len + 2));
    wb_bytes(w, value, len);
}

static void put_text(struct wbuf *w, enum radius_attr attr, const char *text)
{
    size_t len = strnlen(text, RADIUS_VALUE_MAX);
    if (len > 0) /* RFC 2865 5: there are no empty texts */
        put(w, attr, text, len);
}

bool radius_request_write(struct wbuf *w, const struct radius_request *q,
                          const struct radius_key *k)
{
    static const uint8_t zero[RADIUS_MD5_LEN];
    struct radius_hdr h = {.code = RADIUS_ACCESS_REQUEST, .id = q->id};
    uint8_t password[1 + RADIUS_MD5_LEN] = {q->chap_id}, digest[RADIUS_MD5_LEN];
    memcpy(h.authenticator, q->authenticator, sizeof(h.authenticator));
    memcpy(password + 1, q->response, sizeof(q->response));
    wb_bytes(w, &h, sizeof(h));
    /* First of all, so that nothing in front of it can be chosen by somebody between. */
    put(w, RADIUS_MESSAGE_AUTHENTICATOR, zero, sizeof(zero));
    put(w, RADIUS_USER_NAME, q->user, strlen(q->user));
    put(w, RADIUS_CHAP_PASSWORD, password, sizeof(password));
    put(w, RADIUS_CHAP_CHALLENGE, q->challenge, q->challenge_len);
    put_text(w, RADIUS_NAS_IDENTIFIER, q->identifier);
    put_text(w, RADIUS_CALLED_STATION, q->called_station);
    put_text(w, RADIUS_CALLING_STATION, q->calling_station);
    if (wb_overflowed(w) || w->len > RADIUS_MAX || q->user[0] == '\0')
        return false;
    wb_patch_be16(w, offsetof(struct radius_hdr, len), (uint16_t)w->len);
    const struct iovec all = part(w->p, w->len);
    if (!hmac(k, &all, 1, digest))
        return false;
    wb_patch(w, sizeof(h) + 2, digest, sizeof(digest));
    return true;
}

/* ---- answers ----------------------------------------------------------------------------- */

/* The attributes of an answer that matter here. */
struct answer {
    const uint8_t *attrs, *end;
    const uint8_t *authenticator; /* Message-Authenticator's value */
    uint32_t service;             /* 0: none was told */
};

/* False: they are no attributes, or there is not one Message-Authenticator. */
static bool take_attrs(struct rbuf r, struct answer *a)
{
    a->attrs = r.p;
    a->end = r.end;
    while (rb_left(&r) > 0) {
        uint8_t attr = rb_u8(&r), len = rb_u8(&r);
        const uint8_t *value = len >= 2 ? rb_take(&r, len - 2u) : NULL;
        if (!value)
            return false;
        if (attr == RADIUS_MESSAGE_AUTHENTICATOR) {
            if (a->authenticator || len != 2 + RADIUS_MD5_LEN)
                return false;
            a->authenticator = value;
        }
        if (attr == RADIUS_SERVICE_TYPE && len == 6)
            a->service = load_be32(value);
    }
    return a->authenticator != NULL;
}

/* RFC 2865 3. */
static bool response_right(const uint8_t *p, const struct answer *a,
                           const struct radius_request *q, const struct radius_key *k)
{
    uint8_t want[RADIUS_MD5_LEN];
    const struct iovec parts[] = {
        part(p, offsetof(struct radius_hdr, authenticator)),
        part(q->authenticator, sizeof(q->authenticator)),
        part(a->attrs, (size_t)(a->end - a->attrs)),
        part(k->secret, k->len),
    };
    return k->md5(parts, ARRAY_LEN(parts), want) &&
           equal_ct(want, p + offsetof(struct radius_hdr, authenticator), sizeof(want));
}

/* RFC 3579 3.2: as if its value were zeros and the authenticator the request's. */
static bool message_right(const uint8_t *p, const struct answer *a,
                          const struct radius_request *q, const struct radius_key *k)
{
    static const uint8_t zero[RADIUS_MD5_LEN];
    uint8_t want[RADIUS_MD5_LEN];
    const uint8_t *behind = a->authenticator + RADIUS_MD5_LEN;
    const struct iovec parts[] = {
        part(p, offsetof(struct radius_hdr, authenticator)),
        part(q->authenticator, sizeof(q->authenticator)),
        part(a->attrs, (size_t)(a->authenticator - a->attrs)),
        part(zero, sizeof(zero)),
        part(behind, (size_t)(a->end - behind)),
    };
    static_assert(ARRAY_LEN(parts) <= HMAC_PARTS, "hmac() takes so many");
    return hmac(k, parts, ARRAY_LEN(parts), want) &&
           equal_ct(want, a->authenticator, sizeof(want));
}

/* RFC 2865 5.6: Login, Framed, Authenticate Only; whoever names no service means any. */
static bool service_ours(uint32_t service)
{
    return service == 0 || service == 1 || service == 2 || service == 8;
}

enum radius_verdict radius_answer_check(const uint8_t *p, size_t len,
                                        const struct radius_request *q,
                                        const struct radius_key *k, const char **ret_why)
{
    struct rbuf r = rbuf_make(p, len);
    struct answer a = {.service = 0};
    uint8_t code = rb_u8(&r), id = rb_u8(&r);
    size_t total = rb_be16(&r);
    *ret_why = "it is no answer to this request";
    if (code != RADIUS_ACCESS_ACCEPT && code != RADIUS_ACCESS_REJECT &&
        code != RADIUS_ACCESS_CHALLENGE)
        return RADIUS_NO_ANSWER;
    /* What lies behind the length is padding, RFC 2865 3. */
    if (total < sizeof(struct radius_hdr) || total > RADIUS_MAX || total > len || id != q->id)
        return RADIUS_NO_ANSWER;
    r = rbuf_make(p + sizeof(struct radius_hdr), total - sizeof(struct radius_hdr));
    *ret_why = "it has no Message-Authenticator that could be checked";
    if (!take_attrs(r, &a))
        return RADIUS_NO_ANSWER;
    *ret_why = "its authenticators are wrong: is the shared secret the same on both sides?";
    if (!response_right(p, &a, q, k) || !message_right(p, &a, q, k))
        return RADIUS_NO_ANSWER;
    *ret_why = code == RADIUS_ACCESS_CHALLENGE ? "RADIUS asks for more than CHAP"
               : code == RADIUS_ACCESS_REJECT  ? "RADIUS rejects it"
               : service_ours(a.service)       ? ""
                                               : "RADIUS accepts it for another service";
    return **ret_why == '\0' ? RADIUS_ACCEPTED : RADIUS_REJECTED;
}
