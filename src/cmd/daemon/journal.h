/* SPDX-License-Identifier: BSD-2-Clause */
/* systemd's two small protocols, spoken without its library: the journal's native protocol and
 * the readiness notification (sd_notify(3)). Any thread; nothing here waits. */
#ifndef CMD_DAEMON_JOURNAL_H
#define CMD_DAEMON_JOURNAL_H

#include "base/log.h"

/* A socket to the journal when our stderr goes there, else -1. The caller closes it. */
int journal_open(void);
/* One entry: MESSAGE, PRIORITY, MESSAGE_ID of the event, ZSAN_EVENT, ZSAN_KEY for each field.
 * False: not taken. */
bool journal_send(int fd, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t nkv);
/* 32 hex digits that belong to the event's name for good. */
void journal_message_id(const char *event, char ret_hex[33]);

/* "READY=1", "STOPPING=1", "STATUS=...": to the service manager, if there is one. */
void service_notify(const char *state);

#endif
