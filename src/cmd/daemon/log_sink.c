/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sink of the log. Called on any thread and never parks: stderr and the journal are written
 * at once, and an event that the journal does not take goes to stderr instead. The journal is a witness of the
 * audit trail, so it gets what belongs there whatever the level is.
 */
#include "cmd/daemon/log_sink.h"

#include "audit/audit.h"
#include "cmd/daemon/hook.h"
#include "cmd/daemon/journal.h"

#include <stdio.h>
#include <time.h>

static uint64_t wall_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void to_stderr(uint64_t now, enum log_level level, const char *event,
                      const struct log_kv *kv, size_t nkv)
{
    char line[EVENT_TEXT_SIZE * 2], when[32];
    time_t sec = (time_t)(now / 1000000000u);
    struct tm tm;
    log_format(line, sizeof(line), event, kv, nkv);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", gmtime_r(&sec, &tm));
    fprintf(stderr, "%s.%03uZ %-5s %s\n", when, (unsigned)(now / 1000000u % 1000u),
            log_level_name(level), line);
}

static bool to_journal(enum log_level level, const char *event, const struct log_kv *kv,
                       size_t nkv)
{
    static _Thread_local struct journal_entry entry; /* too large for a fiber's stack */
    journal_entry_make(&entry, level, event, kv, nkv);
    return journal_send(&entry);
}

static void sink(void *arg, enum log_level level, const char *event, const struct log_kv *kv,
                 size_t nkv)
{
    struct log_sink *s = arg;
    uint64_t now = wall_ns();
    bool evidence = audit_event(s->audit, now, event, kv, nkv), wanted = level <= s->level;
    bool sent = s->journal && (wanted || evidence) && to_journal(level, event, kv, nkv);
    if (!wanted)
        return;
    if (!sent)
        to_stderr(now, level, event, kv, nkv);
    if (s->events)
        events_add(s->events, now, level, event, kv, nkv);
    if (s->hook && level <= LOG_LVL_WARN)
        hook_event(s->hook, level, event, kv, nkv);
}

void log_sink_start(struct log_sink *s)
{
    s->journal = journal_is_ours();
    log_set_level(MAX(s->level, LOG_LVL_INFO));
    log_set_sink(sink, s);
}

void log_sink_stop(void)
{
    log_set_sink(NULL, NULL);
}
