/* SPDX-License-Identifier: BSD-2-Clause */
/* Where events go: the journal under systemd, else stderr; the ring for `zsan event list`; the
 * hook command; the audit trail. */
#ifndef CMD_DAEMON_LOG_SINK_H
#define CMD_DAEMON_LOG_SINK_H

#include "control/events.h"

struct audit;
struct hook;

struct log_sink {
    struct events *events; /* may be NULL */
    struct hook *hook;     /* may be NULL */
    struct audit *audit;   /* may be NULL */
    enum log_level
        level; /* of what goes there; the audit trail and the journal get all that belongs into the trail */
    bool journal; /* else stderr */
};
/* Sets the process's sink to s, which must outlive all logging, or log_sink_stop(). */
void log_sink_start(struct log_sink *s);
void log_sink_stop(void);

#endif
