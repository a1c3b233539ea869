/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as what a RADIUS server sends. As they are they count for nothing unless both digests are right, which only who
 * knows the secret can do; the same bytes with right digests count exactly when they are an answer by form: a code and
 * identifier of one, attributes that fill it, one Message-Authenticator among them. Whatever is behind the length changes
 * nothing. Lengths in datagrams that lie are the class of CVE-2026-18725 to CVE-2026-18728 (iscsiuio), too.
 */
#include "wire/radius_testing.h"

#include "base/check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "shared-secret-of-both"

static const struct radius_key key = {radius_test_md5, (const uint8_t *)SECRET,
                                      sizeof(SECRET) - 1};

static enum radius_verdict judge(const uint8_t *p, size_t len, const struct radius_request *q)
{
    const char *why = NULL;
    uint8_t *exact = malloc(len + 1);
    check(exact != NULL);
    memcpy(exact + 1, p, len);
    enum radius_verdict v = radius_answer_check(exact + 1, len, q, &key, &why);
    check(why != NULL && (v == RADIUS_ACCEPTED) == (why[0] == '\0'));
    free(exact);
    return v;
}

static bool is_answer(const uint8_t *p, size_t len, uint8_t id)
{
    unsigned macs = 0;
    size_t at = sizeof(struct radius_hdr);
    if (len < at || p[1] != id || (p[0] != 2 && p[0] != 3 && p[0] != 11))
        return false;
    while (at + 2 <= len && p[at + 1] >= 2 && p[at + 1] <= len - at) {
        if (p[at] == 80 && p[at + 1] != 18)
            return false;
        macs += p[at] == 80;
        at += p[at + 1];
    }
    return at == len && macs == 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct radius_request q = {.id = 0x2a};
    static uint8_t bytes[RADIUS_MAX + 4];
    for (uint8_t i = 0; i < RADIUS_MD5_LEN; i++)
        q.authenticator[i] = (uint8_t)(0x10 + i);
    judge(data, size, &q);
    if (size < sizeof(struct radius_hdr) || size > RADIUS_MAX)
        return 0;
    memcpy(bytes, data, size);
    radius_test_sign(bytes, size, q.authenticator, SECRET);
    enum radius_verdict v = judge(bytes, size, &q);
    check((v != RADIUS_NO_ANSWER) == is_answer(bytes, size, q.id));
    check(v != RADIUS_ACCEPTED || bytes[0] == RADIUS_ACCESS_ACCEPT);
    memset(bytes + size, 0x5a, sizeof(bytes) - size);
    check(judge(bytes, size + 4, &q) == v);
    bytes[4] ^= 1;
    check(judge(bytes, size, &q) == RADIUS_NO_ANSWER);
    return 0;
}
