/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers for people: tables and records from the types' rows, one line for what a change did. */
#include "cmd/client/client.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 1024

void tell(FILE *out, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);
    if (text) {
        clean_lines(text);
        fputs(text, out);
    }
    free(text);
}

void show_json(const json_t *j)
{
    json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
}

/* ---- records ----------------------------------------------------------------------------- */

static void show_record(const struct cli_type *t, const json_t *obj)
{
    char text[VALUE_MAX];
    int wide = 0;
    for (size_t i = 0; i < t->nmembers; i++)
        if (json_object_get(obj, t->members[i].name))
            wide = MAX(wide, (int)strlen(t->members[i].name));
    for (size_t i = 0; i < t->nmembers; i++) {
        const json_t *v = json_object_get(obj, t->members[i].name);
        if (!v)
            continue;
        show_value(&t->members[i], v, text, sizeof(text));
        printf("%-*s  %s\n", wide, t->members[i].name, text);
    }
}

static const char *text_of(const json_t *obj, const char *key)
{
    const char *text = json_string_value(json_object_get(obj, key));
    return text ? text : "";
}

/* ---- one line ---------------------------------------------------------------------------- */

/* The verb's sentence with {member} filled in. */
static void say(const struct cli_verb *v, const json_t *result)
{
    char text[VALUE_MAX];
    for (const char *p = v->say; *p; p++) {
        size_t len = *p == '{' ? strcspn(p + 1, "}") : 0;
        const struct cli_member *m = len > 0 ? find_member(v->result, p + 1, len) : NULL;
        if (!m) {
            putchar(*p);
            continue;
        }
        show_value(m, json_object_get(result, m->name), text, sizeof(text));
        fputs(text, stdout);
        p += len + 1;
    }
    putchar('\n');
}

/* ---- status ------------------------------------------------------------------------------ */

static json_int_t number_of(const json_t *obj, const char *key)
{
    return json_integer_value(json_object_get(obj, key));
}

void show_status(const struct cli_type *t, const json_t *s)
{
    char up[32];
    const char *least = text_of(s, "chap_require");
    const json_t *totals = json_object_get(s, "totals"),
                 *problems = json_object_get(s, "problems");
    show_duration((uint64_t)number_of(s, "uptime"), up, sizeof(up));
    printf("zsand %s, up %s, configuration %lld, %lld reactors, %s: %s\n",
           text_of(s, "version"), up, (long long)number_of(s, "generation"),
           (long long)number_of(s, "reactors"), text_of(s, "io"),
           json_is_true(json_object_get(s, "healthy")) ? "healthy" : "needs attention");
    printf(
        "volumes %lld (%lld online), targets %lld, portals %lld (%lld listening), initiators "
        "%lld, sessions %lld, logins by CHAP with %s%s\n",
        (long long)number_of(s, "volumes"), (long long)number_of(s, "volumes_online"),
        (long long)number_of(s, "targets"), (long long)number_of(s, "portals"),
        (long long)number_of(s, "portals_listening"), (long long)number_of(s, "initiators"),
        (long long)number_of(totals, "sessions"), least,
        strcmp(least, "sha3-256") == 0 ? "" : " or better");
    const struct cli_member *m = find_member(t, "problems", strlen("problems"));
    if (m && json_array_size(problems) > 0) {
        putchar('\n');
        show_table(m->sub, problems, NULL);
    }
}

/* ---- audit ------------------------------------------------------------------------------- */

static void show_score(const struct cli_type *t, const json_t *s)
{
    const json_t *findings = json_object_get(s, "findings"),
                 *others = json_object_get(s, "not_checked");
    printf("score %lld of 100; %lld checks, %lld findings, the worst: %s\n",
           (long long)number_of(s, "score"), (long long)number_of(s, "checks"),
           (long long)number_of(s, "found"), text_of(s, "worst"));
    const struct cli_member *m = find_member(t, "findings", strlen("findings"));
    if (m && json_array_size(findings) > 0) {
        putchar('\n');
        show_table(m->sub, findings, NULL);
    }
    printf("\nNot checked, for zsand cannot know it:\n");
    for (size_t i = 0; i < json_array_size(others); i++)
        tell(stdout, "  %s\n", json_string_value(json_array_get(others, i)));
}

/* ---- all --------------------------------------------------------------------------------- */

static bool is_method(const struct cli_verb *v, const char *method)
{
    return strcmp(v->method, method) == 0;
}

void show_result(const struct cli_verb *v, const json_t *result, const struct table_form *f,
                 const char *paste)
{
    const char *warning = json_string_value(json_object_get(result, "warning"));
    if (is_method(v, "status"))
        show_status(v->result, result);
    else if (is_method(v, "audit"))
        show_score(v->result, result);
    else if (!v->result || is_method(v, "stats"))
        show_json(result);
    else if (v->many)
        show_table(v->result, result, f);
    else if (v->say)
        say(v, result);
    else if (!v->change)
        show_record(v->result, result);
    show_minted(json_object_get(result, "minted"), paste);
    if (warning)
        fprintf(stderr, "zsan: done, but: %s\n", warning);
}
