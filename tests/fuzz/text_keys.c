/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as the text of a login or text PDU: cut into pairs, each value read in every way a value
 * can be written, then negotiated. Answers must be a text that our own reader takes, and what is
 * agreed must be legal.
 */
#include "base/check.h"
#include "iscsi/keys.h"
#include "iscsi/names.h"
#include "iscsi/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t answers[256u << 10];

static void read_binary(const char *value, size_t cap)
{
    uint8_t *out = malloc(cap); /* of exact size, for the sanitizer */
    size_t len;
    check(out != NULL);
    if (text_binary(value, out, cap, &len))
        check(len > 0 && len <= cap);
    free(out);
}

static void read_value(const char *value)
{
    char token[TEXT_KEY_MAX + 1], name[ISCSI_NAME_MAX + 1];
    uint32_t n;
    if (text_number(value, &n)) {
        char digits[TEXT_NUMBER_CAP];
        uint32_t again;
        text_from_number(n, digits);
        check(text_number(digits, &again) && again == n);
    }
    if (text_bool(value, &n))
        check(n <= 1);
    for (const char *p = value; text_token(&p, token, sizeof(token));)
        check(token[0] != '\0' && !strchr(token, ','));
    read_binary(value, 1);
    read_binary(value, 16);
    read_binary(value, 1024);
    if (iscsi_name_normalise(value, name)) {
        char again[ISCSI_NAME_MAX + 1];
        check(iscsi_name_normalise(name, again) && strcmp(name, again) == 0);
    }
}

static char *copy_of(const uint8_t *data, size_t len)
{
    char *copy = malloc(len ? len : 1);
    check(copy != NULL);
    memcpy(copy, data, len);
    return copy;
}

/* Returns the number of pairs; the text must be a good one if whole. */
static unsigned read_pairs(const uint8_t *data, size_t len, bool whole)
{
    char *copy = copy_of(data, len), *p = copy;
    const char *key, *value;
    enum text_got got;
    unsigned n = 0;
    for (; (got = text_next(&p, copy + len, &key, &value)) == TEXT_PAIR; n++) {
        check(strlen(key) > 0 && strlen(key) <= TEXT_KEY_MAX);
        check(value + strlen(value) < copy + len);
        read_value(value);
    }
    check(!whole || got == TEXT_END);
    free(copy);
    return n;
}

static void check_agreed(const struct negotiation *n)
{
    const uint32_t *a = n->agreed;
    check_cmp(a[KEY_HEADER_DIGEST], <=, (uint32_t)DIGEST_CRC32C);
    check_cmp(a[KEY_DATA_DIGEST], <=, (uint32_t)DIGEST_CRC32C);
    check(a[KEY_MAX_CONNECTIONS] == 1 && a[KEY_ERROR_RECOVERY_LEVEL] == 0);
    check(a[KEY_DATA_PDU_IN_ORDER] == 1 && a[KEY_DATA_SEQUENCE_IN_ORDER] == 1);
    check(a[KEY_MAX_RECV_DATA_SEGMENT] >= 512 && a[KEY_MAX_RECV_DATA_SEGMENT] <= 0xffffff);
    check(a[KEY_MAX_BURST] >= 512 && a[KEY_MAX_BURST] <= 1u << 20);
    check(a[KEY_FIRST_BURST] >= 512 && a[KEY_FIRST_BURST] <= 1u << 18);
    check(a[KEY_MAX_OUTSTANDING_R2T] >= 1 && a[KEY_MAX_OUTSTANDING_R2T] <= 8);
    check(a[KEY_TIME2WAIT] <= 3600 && a[KEY_TIME2RETAIN] <= 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum key_phase phases[] = {KEY_IN_SECURITY, KEY_IN_OPERATIONAL, KEY_IN_FULL};
    if (size < 1 || size > 16384)
        return 0;
    unsigned pairs = read_pairs(data + 1, size - 1, false);
    char *copy = copy_of(data + 1, size - 1);
    struct wbuf w = wbuf_make(answers, sizeof(answers));
    struct negotiation n;
    struct key_set set;
    uint64_t seen = 0;
    keys_defaults(&n);
    n.ours[KEY_HEADER_DIGEST] = n.ours[KEY_DATA_DIGEST] = 3;
    n.ours[KEY_MAX_BURST] = 1u << 20;
    n.ours[KEY_FIRST_BURST] = 1u << 18;
    n.ours[KEY_MAX_OUTSTANDING_R2T] = 8;
    enum keys_result r = keys_parse(copy, size - 1, phases[data[0] % 3], &seen, &set, &w);
    check(r != KEYS_OK || pairs <= 64);
    keys_negotiate(&n, &set, data[0] & 0x80, &w);
    check(!wb_overflowed(&w));
    check_cmp(w.len, <=, (size_t)65 * (TEXT_KEY_MAX + sizeof("=NotUnderstood")));
    read_pairs(answers, w.len, true);
    check_agreed(&n);
    free(copy);
    return 0;
}
