/* SPDX-License-Identifier: BSD-2-Clause */
/* Structured events. The sink and the level are process-wide, set once in main(). Fields are
 * 240 bytes each on the caller's stack: an event has a handful of them, and none is on a hot
 * path. */
#include "base/log.h"

#include "base/buf.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

static log_sink_fn sink;
static void *sink_arg;
static enum log_level max_level = LOG_LVL_INFO;

void log_set_sink(log_sink_fn fn, void *arg)
{
    sink = fn;
    sink_arg = arg;
}

void log_set_level(enum log_level level)
{
    max_level = level;
}

bool log_enabled(enum log_level level)
{
    return level <= max_level;
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    return names[level];
}

struct log_kv log_kv_make(const char *key, const char *fmt, ...)
{
    struct log_kv kv = {.key = key};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(kv.value, sizeof(kv.value), fmt, ap);
    va_end(ap);
    return kv;
}

static bool needs_quotes(const char *s)
{
    if (!*s)
        return true;
    for (; *s; s++)
        if (!isgraph((unsigned char)*s) || *s == '"' || *s == '=' || *s == '\\')
            return true;
    return false;
}

static void put_quoted(struct wbuf *w, const char *s)
{
    wb_u8(w, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        char esc[5];
        if (c == '"' || c == '\\')
            snprintf(esc, sizeof(esc), "\\%c", c);
        else if (isprint(c) || c >= 0x80)
            snprintf(esc, sizeof(esc), "%c", c);
        else
            snprintf(esc, sizeof(esc), "\\x%02x", c);
        wb_str(w, esc);
    }
    wb_u8(w, '"');
}

size_t log_format(char *buf, size_t cap, const char *event, const struct log_kv *kv, size_t nkv)
{
    struct wbuf w = wbuf_make(buf, cap - 1);
    wb_str(&w, event);
    for (size_t i = 0; i < nkv; i++) {
        wb_u8(&w, ' ');
        wb_str(&w, kv[i].key);
        wb_u8(&w, '=');
        if (needs_quotes(kv[i].value))
            put_quoted(&w, kv[i].value);
        else
            wb_str(&w, kv[i].value);
    }
    buf[wb_stored(&w)] = '\0';
    return wb_stored(&w);
}

void log_event(enum log_level level, const char *event, const struct log_kv *kv, size_t nkv)
{
    if (sink) {
        sink(sink_arg, level, event, kv, nkv);
        return;
    }
    char line[1024];
    log_format(line, sizeof(line), event, kv, nkv);
    fprintf(stderr, "%s %s\n", log_level_name(level), line);
}
