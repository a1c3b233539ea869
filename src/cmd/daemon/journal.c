/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * systemd without libsystemd. The journal takes datagrams of KEY=VALUE lines (values never hold
 * a newline here, for log_format() escapes them and keys are ours); the service manager takes
 * the same at NOTIFY_SOCKET. Both protocols are documented as stable.
 */
#include "cmd/daemon/journal.h"

#include "base/buf.h"
#include "base/siphash.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL_PATH "/run/systemd/journal/socket"
#define MESSAGE_MAX  500

static int connect_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof(a.sun_path))
        return -1;
    memcpy(a.sun_path, path, len);
    if (a.sun_path[0] == '@')
        a.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* JOURNAL_STREAM=DEV:INODE names the stream that systemd connected us to: stderr may have been
 * redirected since. */
static bool stderr_is_journal(void)
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

int journal_open(void)
{
    return stderr_is_journal() ? connect_unix(JOURNAL_PATH) : -1;
}

void journal_message_id(const char *event, char ret_hex[33])
{
    static const struct siphash_key keys[2] = {{"zsan event id 1"}, {"zsan event id 2"}};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        snprintf(ret_hex + 16 * i, 17, "%016llx",
                 (unsigned long long)siphash(&keys[i], event, strlen(event)));
}

static void put_line(struct wbuf *w, const char *key, const char *value)
{
    wb_str(w, key);
    wb_u8(w, '=');
    wb_str(w, value);
    wb_u8(w, '\n');
}

/* A field of the event as ZSAN_KEY; control characters become spaces. */
static void put_field(struct wbuf *w, const struct log_kv *kv)
{
    char key[64], value[sizeof(kv->value)];
    snprintf(key, sizeof(key), "ZSAN_%s", kv->key);
    for (char *c = key; *c; c++)
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    text_copy(value, sizeof(value), kv->value);
    for (char *c = value; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = ' ';
    put_line(w, key, value);
}

bool journal_send(int fd, enum log_level level, const char *event, const struct log_kv *kv,
                  size_t nkv)
{
    static const char *const priority[] = {"3", "4", "6", "7"};
    static const char message[] = "MESSAGE=";
    char id[33], entry[1400];
    size_t len = sizeof(message) - 1;
    memcpy(entry, message, len);
    len += log_format(entry + len, MESSAGE_MAX, event, kv, nkv);
    entry[len++] = '\n';
    struct wbuf w = wbuf_make(entry, sizeof(entry));
    w.len = len;
    journal_message_id(event, id);
    put_line(&w, "PRIORITY", priority[level]);
    put_line(&w, "MESSAGE_ID", id);
    put_line(&w, "SYSLOG_IDENTIFIER", "zsand");
    put_line(&w, "ZSAN_EVENT", event);
    for (size_t i = 0; i < nkv && !wb_overflowed(&w); i++) {
        struct wbuf before = w;
        put_field(&w, &kv[i]);
        if (wb_overflowed(&w))
            w = before; /* MESSAGE has it still */
    }
    return send(fd, entry, wb_stored(&w), MSG_NOSIGNAL) >= 0;
}

void service_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    int fd = path ? connect_unix(path) : -1;
    if (fd < 0)
        return;
    if (send(fd, state, strlen(state), MSG_NOSIGNAL) < 0)
        log_warn("service.notify_failed", KV("state", "%s", state));
    close(fd);
}
