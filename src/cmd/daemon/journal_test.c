/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/daemon/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* What the journal gets for one event. */
static void send_event(const struct log_kv *kv, size_t nkv, char *ret_entry, size_t cap)
{
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
    assert_true(journal_send(fd[0], LOG_LVL_WARN, "login.refused", kv, nkv));
    ssize_t n = recv(fd[1], ret_entry, cap - 1, 0);
    assert_in_range(n, 1, cap - 1);
    ret_entry[n] = '\0';
    close(fd[0]);
    close(fd[1]);
}

static void test_entry_has_id_priority_and_fields(void **state)
{
    (void)state;
    static char entry[2048];
    char id[33], line[64];
    const struct log_kv kv[] = {KV("initiator", "iqn.x"), KV("status", "%04x", 0x201)};
    send_event(kv, ARRAY_LEN(kv), entry, sizeof(entry));
    journal_message_id("login.refused", id);
    snprintf(line, sizeof(line), "\nMESSAGE_ID=%s\n", id);
    assert_non_null(strstr(entry, line));
    assert_ptr_equal(strstr(entry, "MESSAGE=login.refused initiator=iqn.x status=0201\n"),
                     entry);
    assert_non_null(strstr(entry, "\nPRIORITY=4\n"));
    assert_non_null(strstr(entry, "\nZSAN_INITIATOR=iqn.x\n"));
    assert_non_null(strstr(entry, "\nZSAN_STATUS=0201\n"));
}

static void test_a_value_cannot_forge_a_field(void **state)
{
    (void)state;
    static char entry[2048];
    const struct log_kv kv[] = {KV("initiator", "x\nMESSAGE_ID=0\nPRIORITY=0")};
    send_event(kv, ARRAY_LEN(kv), entry, sizeof(entry));
    assert_null(strstr(entry, "\nPRIORITY=0"));
    assert_null(strstr(entry, "\nMESSAGE_ID=0"));
}

static void test_many_long_fields_leave_whole_lines(void **state)
{
    (void)state;
    static char entry[2048], value[200];
    static struct log_kv kv[12];
    memset(value, 'v', sizeof(value));
    for (size_t i = 0; i < ARRAY_LEN(kv); i++)
        kv[i] = log_kv_make("key", "%.*s", (int)sizeof(value), value);
    send_event(kv, ARRAY_LEN(kv), entry, sizeof(entry));
    assert_int_equal(entry[strlen(entry) - 1], '\n');
}

static void test_message_ids_belong_to_names_for_good(void **state)
{
    (void)state;
    char id[33];
    journal_message_id("config.fallback", id);
    assert_string_equal(id, "a58baf3e90a2d1cc205f2b89baf77783");
}

static void test_service_manager_is_told(void **state)
{
    (void)state;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char told[64] = "", path[64];
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    snprintf(path, sizeof(path), "@zsan-notify-test-%d",
             (int)getpid()); /* the abstract namespace */
    memcpy(a.sun_path + 1, path + 1, strlen(path) - 1);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    service_notify("READY=1");
    assert_int_equal(recv(fd, told, sizeof(told) - 1, MSG_DONTWAIT), 7);
    assert_string_equal(told, "READY=1");
    close(fd);
    service_notify("STOPPING=1"); /* nobody there: nothing happens */
    unsetenv("NOTIFY_SOCKET");
    service_notify("READY=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_has_id_priority_and_fields),
        cmocka_unit_test(test_a_value_cannot_forge_a_field),
        cmocka_unit_test(test_many_long_fields_leave_whole_lines),
        cmocka_unit_test(test_service_manager_is_told),
        cmocka_unit_test(test_message_ids_belong_to_names_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
