/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event becomes an entry of the journal: one field for each of its fields, so that
 * journalctl can select by them, and a MESSAGE_ID that never changes. libsystemd sends it.
 */
#include "cmd/daemon/journal.h"

#include "base/siphash.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define MESSAGE_MAX 500

/* JOURNAL_STREAM=DEV:INODE names the stream that systemd connected us to: stderr may have been
 * redirected since. */
bool journal_is_ours(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char mine[64];
    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    snprintf(mine, sizeof(mine), "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    return strcmp(stream, mine) == 0;
}

void journal_message_id(const char *event, char ret_hex[33])
{
    static const struct siphash_key keys[2] = {{"zsan event id 1"}, {"zsan event id 2"}};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        snprintf(ret_hex + 16 * i, 17, "%016llx",
                 (unsigned long long)siphash(&keys[i], event, strlen(event)));
}

/* Appends KEY=value; false when there is no room for it whole. */
static bool put(struct journal_entry *e, size_t *used, const char *key, const char *value)
{
    size_t left = sizeof(e->text) - *used;
    int n = snprintf(e->text + *used, left, "%s=%s", key, value);
    if (n < 0 || (size_t)n >= left || e->n == JOURNAL_FIELDS_MAX)
        return false;
    e->field[e->n++] = (struct iovec){e->text + *used, (size_t)n};
    *used += (size_t)n;
    return true;
}

static void put_event_field(struct journal_entry *e, size_t *used, const struct log_kv *kv)
{
    char key[64];
    snprintf(key, sizeof(key), "ZSAN_%s", kv->key);
    for (char *c = key; *c; c++)
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    put(e, used, key, kv->value);
}

void journal_entry_make(struct journal_entry *ret_entry, enum log_level level,
                        const char *event, const struct log_kv *kv, size_t nkv)
{
    static const char *const priority[] = {"3", "4", "6", "7"};
    struct journal_entry *e = ret_entry;
    char message[MESSAGE_MAX], id[33];
    size_t used = 0;
    e->n = 0;
    log_format(message, sizeof(message), event, kv, nkv);
    journal_message_id(event, id);
    put(e, &used, "MESSAGE", message);
    put(e, &used, "PRIORITY", priority[level]);
    put(e, &used, "MESSAGE_ID", id);
    put(e, &used, "SYSLOG_IDENTIFIER", "zsand");
    put(e, &used, "ZSAN_EVENT", event);
    for (size_t i = 0; i < nkv; i++)
        put_event_field(e, &used, &kv[i]);
}

bool journal_send(const struct journal_entry *e)
{
    return sd_journal_sendv(e->field, e->n) == 0;
}
