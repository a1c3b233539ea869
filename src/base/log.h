/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logs are events with fields, one line each: an event name that never changes, then key=value.
 *   log_warn("login.reject", KV("initiator", "%s", name), KV("status", "%04x", st));
 * error: an operator must act; warn: a peer misbehaved; info: state changed; debug: per
 * command, off by default. The data path counts and does not log. Secrets and users' data never
 * appear here. Safe from any thread; never parks. The sink is set once in main().
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/util.h"

enum log_level { LOG_LVL_ERROR, LOG_LVL_WARN, LOG_LVL_INFO, LOG_LVL_DEBUG };

struct log_kv {
    const char *key;
    char value[224];
};

/* Gets each event that passes the level. The fields live as long as the call. */
typedef void (*log_sink_fn)(void *arg, enum log_level level, const char *event,
                            const struct log_kv *kv, size_t nkv);

/* NULL: the default sink, a line on stderr. */
void log_set_sink(log_sink_fn fn, void *arg);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
const char *log_level_name(enum log_level level);

/* "event key=value key="quoted value"" into buf; control characters are escaped, so that a
 * peer's name cannot forge a line. Returns the length stored. */
size_t log_format(char *buf, size_t cap, const char *event, const struct log_kv *kv,
                  size_t nkv);

struct log_kv log_kv_make(const char *key, const char *fmt, ...) PRINTF_LIKE(2, 3);
void log_event(enum log_level level, const char *event, const struct log_kv *kv, size_t nkv);

#define KV(key, ...) log_kv_make(key, __VA_ARGS__)
/* clang-format off */
#define LOG_AT(level, event, ...)                                                              \
    do {                                                                                       \
        if (log_enabled(level)) {                                                              \
            const struct log_kv kv_[] = {{NULL, ""}, ##__VA_ARGS__};                           \
            log_event(level, event, kv_ + 1, ARRAY_LEN(kv_) - 1);                              \
        }                                                                                      \
    } while (0)
/* clang-format on */
#define log_error(event, ...) LOG_AT(LOG_LVL_ERROR, event, ##__VA_ARGS__)
#define log_warn(event, ...)  LOG_AT(LOG_LVL_WARN, event, ##__VA_ARGS__)
#define log_info(event, ...)  LOG_AT(LOG_LVL_INFO, event, ##__VA_ARGS__)
#define log_debug(event, ...) LOG_AT(LOG_LVL_DEBUG, event, ##__VA_ARGS__)

#endif
