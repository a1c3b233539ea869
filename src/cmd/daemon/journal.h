/* SPDX-License-Identifier: BSD-2-Clause */
/* Events for the journal, with their fields. Any thread; nothing here waits long. */
#ifndef CMD_DAEMON_JOURNAL_H
#define CMD_DAEMON_JOURNAL_H

#include "base/log.h"

#include <sys/uio.h>

/* True when our stderr goes to the journal, so that entries belong there. */
bool journal_is_ours(void);

#define JOURNAL_FIELDS_MAX 24
/* One entry: MESSAGE, PRIORITY, MESSAGE_ID of the event, ZSAN_EVENT, ZSAN_KEY for each field. */
struct journal_entry {
    struct iovec field[JOURNAL_FIELDS_MAX]; /* "KEY=value" in text */
    int n;
    char text[2400];
};
/* Fields that find no room are left out: MESSAGE has them still. */
void journal_entry_make(struct journal_entry *ret_entry, enum log_level level,
                        const char *event, const struct log_kv *kv, size_t nkv);
/* False: not taken. */
bool journal_send(const struct journal_entry *e);
/* 32 hex digits that belong to the event's name for good. */
void journal_message_id(const char *event, char ret_hex[33]);

#endif
