/* SPDX-License-Identifier: BSD-2-Clause */
/* The last events of the log, kept in memory for `zsan event list`. Any thread. */
#ifndef CONTROL_EVENTS_H
#define CONTROL_EVENTS_H

#include "base/log.h"

#define EVENTS_KEPT     512
#define EVENT_TEXT_SIZE 512

struct event {
    uint64_t seq;     /* from 1, without gaps while the daemon runs */
    uint64_t time_ns; /* since 1970 */
    enum log_level level;
    char text[EVENT_TEXT_SIZE]; /* "event.name key=value ..." */
};
struct events;

/* NULL: no memory. */
struct events *events_new(void);
void events_free(struct events *ev); /* NULL is fine */
void events_add(struct events *ev, uint64_t time_ns, enum log_level level, const char *event,
                const struct log_kv *kv, size_t nkv);
/* Copies those after seq, oldest first, at most max; returns how many. */
size_t events_after(struct events *ev, uint64_t seq, struct event *ret_events, size_t max);

#endif
