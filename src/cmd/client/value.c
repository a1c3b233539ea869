/* SPDX-License-Identifier: BSD-2-Clause */
/* Values as text for people. Names and aliases come from initiators, so whatever a terminal
 * would act on is replaced. Pure. */
#include "base/buf.h"
#include "base/text.h"
#include "cmd/client/client.h"

#include <string.h>
#include <time.h>

/* Bytes of the control character that text begins with: C0, DEL, and C1 as UTF-8 (C2 80 to C2 9F). 0: none. */
static unsigned control_at(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
        return 2;
    return (p[0] && p[0] < 0x20) || p[0] == 0x7f;
}

static void put_clean(struct wbuf *w, const char *text)
{
    for (; *text; text++) {
        unsigned n = control_at(text);
        wb_u8(w, n ? '?' : (uint8_t)*text);
        text += n == 2;
    }
}

void clean_lines(char *text)
{
    char *to = text;
    for (; *text; text++) {
        unsigned n = *text == '\n' || *text == '\t' ? 0 : control_at(text);
        *to++ = n ? '?' : *text;
        text += n == 2;
    }
    *to = '\0';
}

static void put_json(struct wbuf *w, const json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    if (json_is_string(v))
        put_clean(w, json_string_value(v));
    else if (json_is_null(v))
        wb_str(w, "-");
    else if (text)
        put_clean(w, text);
    free(text);
}

/* "size: 1073741824 -> 2147483648, thin: true -> false" of {"size": [old, new], ...} */
static void put_changes(struct wbuf *w, const json_t *changes)
{
    const char *key;
    json_t *pair;
    unsigned n = 0;
    json_object_foreach((json_t *)(uintptr_t)changes, key, pair)
    {
        wb_str(w, n++ ? ", " : "");
        put_clean(w, key);
        wb_str(w, ": ");
        put_json(w, json_array_get(pair, 0));
        wb_str(w, " -> ");
        put_json(w, json_array_get(pair, 1));
    }
}

static void put_time(struct wbuf *w, json_int_t seconds)
{
    char text[32];
    time_t t = (time_t)seconds;
    struct tm tm;
    if (localtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) > 0)
        wb_str(w, text);
}

static void put_ns(struct wbuf *w, double ns)
{
    char text[32];
    if (ns >= 1e9)
        snprintf(text, sizeof(text), "%.2fs", ns / 1e9);
    else if (ns >= 1e6)
        snprintf(text, sizeof(text), "%.1fms", ns / 1e6);
    else
        snprintf(text, sizeof(text), "%.0fus", ns / 1e3);
    wb_str(w, text);
}

static void put_one(struct wbuf *w, const struct cli_member *m, const json_t *v);

/* All members of an object, in one line. */
static void put_object(struct wbuf *w, const struct cli_type *t, const json_t *obj)
{
    unsigned n = 0;
    for (size_t i = 0; i < t->nmembers; i++) {
        const json_t *v = json_object_get(obj, t->members[i].name);
        if (!v)
            continue;
        wb_str(w, n++ ? " " : "");
        wb_str(w, t->members[i].name);
        wb_str(w, " ");
        put_one(w, &t->members[i], v);
    }
}

static void put_one(struct wbuf *w, const struct cli_member *m, const json_t *v)
{
    char text[32];
    switch (m->type) {
    case M_TEXT:
        put_clean(w, json_is_string(v) ? json_string_value(v) : "");
        return;
    case M_UINT:
        snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(v));
        wb_str(w, text);
        return;
    case M_SIZE:
        text_from_size((uint64_t)json_integer_value(v), text, sizeof(text));
        wb_str(w, text);
        return;
    case M_BOOL:
        wb_str(w, json_is_true(v) ? "yes" : "no");
        return;
    case M_TIME:
        put_time(w, json_integer_value(v));
        return;
    case M_NS:
        put_ns(w, json_number_value(v));
        return;
    case M_JSON:
        put_changes(w, v);
        return;
    case M_OBJECT:
        put_object(w, m->sub, v);
        return;
    }
}

void show_value(const struct cli_member *m, const json_t *v, char *buf, size_t cap)
{
    struct wbuf w = wbuf_make(buf, cap - 1);
    size_t i;
    json_t *item;
    if (!v) {
        wb_str(&w, "-");
    } else if (m->many) {
        json_array_foreach((json_t *)(uintptr_t)v, i, item)
        {
            wb_str(&w, i > 0 ? (m->type == M_OBJECT ? "; " : ",") : "");
            put_one(&w, m, item);
        }
        if (json_array_size(v) == 0)
            wb_str(&w, "-");
    } else {
        put_one(&w, m, v);
    }
    buf[wb_stored(&w)] = '\0';
}

void show_duration(uint64_t seconds, char *buf, size_t cap)
{
    unsigned long long s = seconds;
    if (s >= 86400)
        snprintf(buf, cap, "%llud %lluh", s / 86400, s / 3600 % 24);
    else if (s >= 3600)
        snprintf(buf, cap, "%lluh %llum", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(buf, cap, "%llum %llus", s / 60, s % 60);
    else
        snprintf(buf, cap, "%llus", s);
}
