/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole conversations, byte for byte. A file of tests/golden/iscsi is text: lines that begin
 * with '>' are what the initiator sends, lines with '<' what the target must answer to all
 * before; the rest of such a line is hexadecimal bytes, *N (the last byte N times in all) and
 * "strings", in which \0 is a NUL. Other lines are for the reader.
 */
#include "iscsi/test_peer.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>

struct script {
    uint8_t bytes[4096];
    size_t len;
};

static const char *put_string(struct script *s, const char *p)
{
    for (p++; *p != '"'; p++) {
        assert_true(*p != '\0' && s->len < sizeof(s->bytes));
        bool nul = p[0] == '\\' && p[1] == '0';
        s->bytes[s->len++] = nul ? 0 : (uint8_t)*p;
        p += nul;
    }
    return p + 1;
}

static const char *put_repeated(struct script *s, const char *p)
{
    char *end;
    for (unsigned long n = strtoul(p + 1, &end, 10); n > 1; n--) {
        assert_true(s->len > 0 && s->len < sizeof(s->bytes));
        s->bytes[s->len] = s->bytes[s->len - 1];
        s->len++;
    }
    return end;
}

static void put_line(struct script *s, const char *p)
{
    while (*p != '\0') {
        if (*p == '"') {
            p = put_string(s, p);
        } else if (*p == '*') {
            p = put_repeated(s, p);
        } else if (isspace((unsigned char)*p)) {
            p++;
        } else {
            char digits[3] = {p[0], p[1], '\0'}, *end;
            assert_true(s->len < sizeof(s->bytes));
            s->bytes[s->len++] = (uint8_t)strtoul(digits, &end, 16);
            assert_true(*end == '\0');
            p += 2;
        }
    }
}

static void expect(struct peer *p, struct script *s, const char *name)
{
    size_t got = p->from_len - p->from_pos;
    const uint8_t *from = p->from + p->from_pos;
    for (size_t i = 0; i < MIN(got, s->len); i++)
        if (from[i] != s->bytes[i])
            fail_msg("%s: byte %zu of the answer is %02x, not %02x", name, i, from[i],
                     s->bytes[i]);
    if (got != s->len)
        fail_msg("%s: the answer has %zu bytes, not %zu", name, got, s->len);
    p->from_pos = p->from_len;
    s->len = 0;
}

/* What the owner demands in files whose name begins with chap. */
static void demand_chap(struct peer *p)
{
    struct iscsi_login_answer *a = &p->answer;
    a->chap_required = a->mutual_required = true;
    memcpy(a->chap_name, "user", 5);
    memcpy(a->reverse_name, "disk", 5);
    a->secret[0].len = a->reverse_secret[0].len = 16;
    memcpy(a->secret[0].bytes, "initiator secret", 16);
    memcpy(a->reverse_secret[0].bytes, "targets's secret", 16);
}

static void converse(FILE *f, const char *name)
{
    struct peer *p = peer_new(NULL);
    static struct script send, want;
    static char line[1024];
    send.len = want.len = 0;
    if (strncmp(name, "chap", 4) == 0)
        demand_chap(p);
    while (fgets(line, sizeof(line), f)) {
        if (line[0] == '>' && want.len > 0)
            expect(p, &want, name);
        if (line[0] == '>')
            put_line(&send, line + 1);
        if (line[0] == '<' && send.len > 0) {
            peer_raw(p, send.bytes, send.len);
            peer_pump(p);
            send.len = 0;
        }
        if (line[0] == '<')
            put_line(&want, line + 1);
    }
    expect(p, &want, name);
    peer_free(p);
}

static void test_conversations(void **state)
{
    (void)state;
    const char *path = getenv("GOLDEN");
    assert_non_null(path);
    DIR *d = opendir(path);
    assert_non_null(d);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char file[512];
        if (e->d_name[0] == '.')
            continue;
        snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
        FILE *f = fopen(file, "r");
        assert_non_null(f);
        converse(f, e->d_name);
        fclose(f);
        n++;
    }
    closedir(d);
    assert_true(n >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conversations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
