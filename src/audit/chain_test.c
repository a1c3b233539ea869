/* SPDX-License-Identifier: BSD-2-Clause */
/* The chain: what is whole is found whole, and each kind of meddling is found out, with its line. */
#include "audit/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINES 6

/* A file of LINES lines that follows c. */
static char *make_file(struct audit_chain *c, size_t *ret_len)
{
    static char text[AUDIT_TEXT_MAX];
    char *file = calloc(1, LINES * AUDIT_LINE_MAX);
    size_t len = 0;
    for (unsigned i = 0; i < LINES; i++) {
        const struct log_kv kv[] = {KV("initiator", "iqn.x:%u", i),
                                    KV("why", "a \"b\"\n\\ %c", 0xe4)};
        size_t n =
            audit_text(text, 1700000000000000000u + i, "login.refused", kv, ARRAY_LEN(kv));
        len += audit_line(file + len, c, i == 0, text, n);
    }
    *ret_len = len;
    return file;
}

static char *line_of(char *file, unsigned n)
{
    for (; n > 0; n--)
        file = strchr(file, '\n') + 1;
    return file;
}

static void test_lines_are_json(void **state)
{
    (void)state;
    struct audit_chain c = {.seq = 6};
    size_t len;
    char *file = make_file(&c, &len);
    assert_int_equal(c.seq, 6 + LINES);
    *strchr(file, '\n') = '\0';
    static const char begin[] =
        "{\"seq\":7,\"prev\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\","
        "\"time\":\"2023-11-14T22:13:20.000000Z\",\"event\":\"login.refused\","
        "\"initiator\":\"iqn.x:0\",\"why\":\"a \\u0022b\\u0022\\u000a\\u005c \\u00e4\","
        "\"hash\":\"";
    if (strncmp(file, begin, sizeof(begin) - 1) != 0)
        fail_msg("%s", file);
    free(file);
}

static void test_long_values_leave_a_whole_line(void **state)
{
    (void)state;
    static char text[AUDIT_TEXT_MAX], line[AUDIT_LINE_MAX];
    struct log_kv kv[30];
    struct audit_chain c = {.seq = 0};
    struct audit_verify v = {.begun = false};
    char buf[200];
    for (size_t i = 0; i < ARRAY_LEN(kv); i++) {
        kv[i] = KV("key", "%s", "");
        memset(kv[i].value, '\n', sizeof(kv[i].value) - 1);
    }
    size_t n = audit_text(text, 0, "x", kv, ARRAY_LEN(kv));
    assert_true(n < AUDIT_TEXT_MAX && text[n - 1] == '"' && text[n - 2] != ':');
    n = audit_line(line, &c, true, text, n);
    assert_null(audit_verify_text(&v, line, n, buf));
}

static void test_a_whole_trail_verifies(void **state)
{
    (void)state;
    struct audit_chain c = {.seq = 0};
    struct audit_verify v = {.begun = false};
    size_t len[3];
    char buf[200];
    for (unsigned i = 0; i < 3; i++) {
        char *file = make_file(&c, &len[i]);
        const char *why = audit_verify_text(&v, file, len[i], buf);
        if (why)
            fail_msg("file %u, line %llu: %s", i, (unsigned long long)v.line + 1, why);
        assert_int_equal(v.line, LINES);
        assert_int_equal(v.good_len, len[i]);
        free(file);
    }
    assert_int_equal(v.first, 1);
    assert_int_equal(v.chain.seq, 3 * LINES);
    assert_memory_equal(v.chain.hash, c.hash, AUDIT_HASH_LEN);
    assert_null(audit_verify_end(&v, 1, &c, buf));
    c.seq++;
    assert_non_null(strstr(audit_verify_end(&v, 1, &c, buf), "missing"));
}

/* Changes the file; returns its new length. */
static size_t change_byte(char *file, size_t len)
{
    strstr(line_of(file, 3), "iqn.x:3")[6] = '9';
    return len;
}
static size_t change_number(char *file, size_t len)
{
    strstr(line_of(file, 3), "\"seq\":4")[6] = '5';
    return len;
}
static size_t cut_line(char *file, size_t len)
{
    char *from = line_of(file, 3), *to = line_of(file, 4);
    memmove(from, to, len - (size_t)(to - file));
    return len - (size_t)(to - from);
}
static size_t swap_lines(char *file, size_t len)
{
    char *a = line_of(file, 3), *b = line_of(file, 4);
    size_t na = (size_t)(b - a), nb = (size_t)(line_of(file, 5) - b);
    char *first = strndup(a, na);
    memmove(a, b, nb);
    memcpy(a + nb, first, na);
    free(first);
    return len;
}
static size_t repeat_line(char *file, size_t len)
{
    char *a = line_of(file, 2), *b = line_of(file, 3);
    memmove(b + (b - a), b, len - (size_t)(b - file));
    memcpy(b, a, (size_t)(b - a));
    return len + (size_t)(b - a);
}
static size_t cut_beginning(char *file, size_t len)
{
    char *from = line_of(file, 3);
    memmove(file, from, len - (size_t)(from - file));
    return len - (size_t)(from - file);
}
static size_t cut_middle(char *file, size_t len)
{
    (void)file;
    return len - 10;
}
static size_t change_hash(char *file, size_t len)
{
    char *h = strstr(line_of(file, 3), "\"hash\":\"") + 8;
    *h = *h == '0' ? '1' : '0';
    return len;
}
static size_t put_zeros(char *file, size_t len)
{
    memset(line_of(file, 3), 0, 40);
    return len;
}
static size_t empty_line(char *file, size_t len)
{
    char *at = line_of(file, 3);
    memmove(at + 1, at, len - (size_t)(at - file));
    *at = '\n';
    return len + 1;
}

static void test_meddling_shows(void **state)
{
    (void)state;
    static const struct {
        size_t (*fn)(char *file, size_t len);
        unsigned line;
        const char *names;
    } rows[] = {
        {change_byte,   4,     "changed"       },
        {change_number, 4,     "missing"       },
        {cut_line,      4,     "numbers 4 to 4"},
        {swap_lines,    4,     "missing"       },
        {repeat_line,   4,     "came twice"    },
        {cut_beginning, 1,     "begins with"   },
        {cut_middle,    LINES, "in the middle" },
        {change_hash,   4,     "changed"       },
        {put_zeros,     4,     "no line"       },
        {empty_line,    4,     "no line"       },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct audit_chain c = {.seq = 0};
        struct audit_verify v = {.begun = false};
        size_t len;
        char buf[200], *file = make_file(&c, &len);
        len = rows[i].fn(file, len);
        const char *why = audit_verify_text(&v, file, len, buf);
        if (!why || v.line + 1 != rows[i].line || !strstr(why, rows[i].names))
            fail_msg("row %zu: line %llu: %s", i, (unsigned long long)v.line + 1,
                     why ? why : "good");
        free(file);
    }
}

static void test_a_file_of_another_trail_does_not_follow(void **state)
{
    (void)state;
    struct audit_chain c = {.seq = 0}, other;
    struct audit_verify v = {.begun = false};
    size_t len;
    char buf[200], *first = make_file(&c, &len);
    assert_null(audit_verify_text(&v, first, len, buf));
    other = c;
    other.hash[0] ^= 1;
    char *second = make_file(&other, &len);
    assert_non_null(strstr(audit_verify_text(&v, second, len, buf), "changed"));
    assert_int_equal(v.line, 0);
    struct audit_verify alone = {.begun = false}; /* which it may for all that it says itself */
    assert_null(audit_verify_text(&alone, second, len, buf));
    assert_int_equal(alone.first, LINES + 1);
    free(first);
    free(second);
}

static void test_a_mark_is_looked_for(void **state)
{
    (void)state;
    struct audit_chain c = {.seq = 0};
    struct audit_verify v = {
        .mark = {.seq = 3, .hash = {1}}
    };
    size_t len;
    char buf[200], *file = make_file(&c, &len);
    assert_null(audit_verify_text(&v, file, len, buf));
    assert_true(v.mark_differs);
    assert_non_null(strstr(audit_verify_end(&v, 1, &v.mark, buf), "not the one"));
    free(file);
}

static void test_rotation_is_no_meddling(void **state)
{
    (void)state;
    static char text[AUDIT_TEXT_MAX], line[AUDIT_LINE_MAX];
    struct audit_chain c = {.seq = 50}, none = {.seq = 0};
    struct audit_verify v = {.begun = false};
    char buf[200];
    const struct log_kv kv[] = {KV("file", "audit-000003.jsonl")};
    size_t n = audit_text(text, 0, "audit.file", kv, 0);
    n = audit_line(line, &c, true, text, n);
    assert_null(audit_verify_text(&v, line, n, buf));
    assert_non_null(strstr(audit_verify_end(&v, 4, &none, buf), "file 3 is missing"));
    assert_non_null(strstr(audit_verify_end(&v, 1, &none, buf), "lines 1 to 50"));
    n = audit_text(text, 0, "audit.removed", kv, 1);
    n = audit_line(line, &c, true, text, n);
    assert_null(audit_verify_text(&v, line, n, buf));
    assert_null(audit_verify_end(&v, 4, &none, buf));
    assert_non_null(audit_verify_end(&v, 5, &none, buf));
}

static void test_the_head_survives_half_a_write(void **state)
{
    (void)state;
    char both[2 * AUDIT_HEAD_SLOT];
    struct audit_chain a =
                           {
                               .seq = 41, .hash = {1, 2, 3}
    },
                       b = {.seq = 42, .hash = {4}}, got;
    audit_head_make(both, &a);
    audit_head_make(both + AUDIT_HEAD_SLOT, &b);
    assert_true(audit_head_read(both, sizeof(both), &got));
    assert_int_equal(got.seq, 42);
    assert_true(audit_head_read(both, AUDIT_HEAD_SLOT, &got));
    assert_int_equal(got.seq, 41);
    assert_memory_equal(got.hash, a.hash, AUDIT_HASH_LEN);
    for (unsigned at = 0; at < 160; at += 7) {
        audit_head_make(both + AUDIT_HEAD_SLOT, &b);
        both[AUDIT_HEAD_SLOT + at] ^= 1;
        assert_true(audit_head_read(both, sizeof(both), &got));
        assert_int_equal(got.seq, 41);
    }
    memset(both, 0, sizeof(both));
    assert_false(audit_head_read(both, sizeof(both), &got));
    assert_false(audit_head_read(both, 3, &got));
}

static void test_names(void **state)
{
    (void)state;
    char name[AUDIT_NAME_LEN];
    static const char *const no[] = {"head",
                                     "audit-1.jsonl",
                                     "audit-00000x.jsonl",
                                     "audit-000001.json",
                                     "audit-000001.jsonl.gz",
                                     "",
                                     "audit--00001.jsonl"};
    audit_file_name(7, name);
    assert_string_equal(name, "audit-000007.jsonl");
    assert_int_equal(audit_file_number(name), 7);
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_int_equal(audit_file_number(no[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_json),
        cmocka_unit_test(test_long_values_leave_a_whole_line),
        cmocka_unit_test(test_a_whole_trail_verifies),
        cmocka_unit_test(test_meddling_shows),
        cmocka_unit_test(test_a_file_of_another_trail_does_not_follow),
        cmocka_unit_test(test_a_mark_is_looked_for),
        cmocka_unit_test(test_rotation_is_no_meddling),
        cmocka_unit_test(test_the_head_survives_half_a_write),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
