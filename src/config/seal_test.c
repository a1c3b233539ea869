/* SPDX-License-Identifier: BSD-2-Clause */
/* Sealed documents: only the same key and number open them, and nothing of them can be changed. */
#include "config/seal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t nonce[SEAL_NONCE_LEN] = {1, 2, 3};

static void key_of(const char *text, struct seal_key *ret)
{
    assert_int_equal(seal_key_make(text, strlen(text), ret, NULL), 0);
}

static json_t *sample(void)
{
    return json_pack("{s:s, s:{s:s}}", "format", "zsan-secrets", "grants", "t",
                     "a secret of somebody's");
}

static void test_what_was_sealed_is_opened(void **state)
{
    (void)state;
    struct seal_key key;
    json_t *doc = sample(), *sealed, *again = NULL;
    key_of("0123456789abcdef0123456789abcdef", &key);
    assert_int_equal(seal(&key, nonce, 7, doc, &sealed), 0);
    assert_true(seal_is(sealed) && !seal_is(doc));
    char *text = json_dumps(sealed, 0);
    assert_null(strstr(text, "secret of"));
    free(text);
    assert_int_equal(unseal(&key, 7, sealed, &again, NULL), 0);
    assert_true(json_equal(doc, again));
    json_decref(again);
    assert_int_equal(unseal(NULL, 7, doc, &again, NULL), 0); /* one that lies open */
    assert_true(again == doc);
    json_decref(again);
    json_decref(sealed);
    json_decref(doc);
}

static void test_another_key_or_place_does_not_open(void **state)
{
    (void)state;
    struct seal_key key, other;
    struct err e = {.code = 0};
    json_t *doc = sample(), *sealed, *again = NULL;
    key_of("0123456789abcdef0123456789abcdef", &key);
    key_of("0123456789abcdef0123456789abcdeg", &other);
    assert_int_equal(seal(&key, nonce, 7, doc, &sealed), 0);
    assert_int_equal(unseal(&other, 7, sealed, &again, &e), -EKEYREJECTED);
    assert_int_equal(unseal(&key, 8, sealed, &again, &e), -EKEYREJECTED);
    assert_int_equal(unseal(NULL, 7, sealed, &again, &e), -ENOKEY);
    assert_non_null(strstr(e.msg, "--secrets-key"));
    assert_int_equal(seal_key_make("short", 5, &key, &e), -EINVAL);
    json_decref(sealed);
    json_decref(doc);
}

/* Every digit of it counts; what is no sealed document is refused. */
static void test_nothing_can_be_changed(void **state)
{
    (void)state;
    static const char *const members[] = {"nonce", "tag", "data"};
    struct seal_key key;
    json_t *doc = sample(), *sealed, *again = NULL;
    key_of("0123456789abcdef0123456789abcdef", &key);
    assert_int_equal(seal(&key, nonce, 7, doc, &sealed), 0);
    for (size_t m = 0; m < ARRAY_LEN(members); m++) {
        char *text = strdup(json_string_value(json_object_get(sealed, members[m])));
        for (size_t i = 0; text[i]; i++) {
            char was = text[i];
            text[i] = was == '0' ? '1' : '0';
            json_object_set_new(sealed, members[m], json_string(text));
            assert_int_equal(unseal(&key, 7, sealed, &again, NULL), -EKEYREJECTED);
            text[i] = was;
        }
        text[strlen(text) - 1] = '\0';
        json_object_set_new(sealed, members[m], json_string(text));
        assert_int_equal(unseal(&key, 7, sealed, &again, NULL), -EBADMSG);
        json_object_del(sealed, members[m]);
        assert_int_equal(unseal(&key, 7, sealed, &again, NULL), -EBADMSG);
        json_decref(sealed);
        assert_int_equal(seal(&key, nonce, 7, doc, &sealed), 0);
        free(text);
    }
    json_object_set_new(sealed, "version", json_integer(2));
    assert_int_equal(unseal(&key, 7, sealed, &again, NULL), -EBADMSG);
    json_decref(sealed);
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_sealed_is_opened),
        cmocka_unit_test(test_another_key_or_place_does_not_open),
        cmocka_unit_test(test_nothing_can_be_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
