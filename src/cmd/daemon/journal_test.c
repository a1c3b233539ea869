/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/daemon/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct journal_entry entry;

static bool has(const char *field)
{
    for (int i = 0; i < entry.n; i++)
        if (entry.field[i].iov_len == strlen(field) &&
            memcmp(entry.field[i].iov_base, field, strlen(field)) == 0)
            return true;
    return false;
}

static void test_entry_has_id_priority_and_fields(void **state)
{
    (void)state;
    char id[33], line[64];
    const struct log_kv kv[] = {KV("initiator", "iqn.x"), KV("status", "%04x", 0x201)};
    journal_entry_make(&entry, LOG_LVL_WARN, "login.refused", kv, ARRAY_LEN(kv));
    journal_message_id("login.refused", id);
    snprintf(line, sizeof(line), "MESSAGE_ID=%s", id);
    assert_true(has(line));
    assert_true(has("MESSAGE=login.refused initiator=iqn.x status=0201"));
    assert_true(has("PRIORITY=4"));
    assert_true(has("ZSAN_EVENT=login.refused"));
    assert_true(has("ZSAN_INITIATOR=iqn.x"));
    assert_true(has("ZSAN_STATUS=0201"));
}

static void test_a_value_cannot_forge_a_field(void **state)
{
    (void)state;
    const struct log_kv kv[] = {KV("initiator", "x\nMESSAGE_ID=0\nPRIORITY=0")};
    journal_entry_make(&entry, LOG_LVL_WARN, "login.refused", kv, ARRAY_LEN(kv));
    assert_int_equal(entry.n, 6);
    assert_true(
        has("ZSAN_INITIATOR=x\nMESSAGE_ID=0\nPRIORITY=0")); /* one field, whatever is in it */
    assert_false(has("PRIORITY=0"));
}

static void test_fields_without_room_are_left_out_whole(void **state)
{
    (void)state;
    static char value[200], field[220];
    static struct log_kv kv[40];
    memset(value, 'v', sizeof(value) - 1);
    for (size_t i = 0; i < ARRAY_LEN(kv); i++)
        kv[i] = log_kv_make("key", "%s", value);
    journal_entry_make(&entry, LOG_LVL_WARN, "login.refused", kv, ARRAY_LEN(kv));
    assert_in_range(entry.n, 6, JOURNAL_FIELDS_MAX);
    snprintf(field, sizeof(field), "ZSAN_KEY=%s", value);
    for (int i = 5; i < entry.n; i++) {
        assert_int_equal(entry.field[i].iov_len, strlen(field));
        assert_memory_equal(entry.field[i].iov_base, field, strlen(field));
    }
}

static void test_message_ids_belong_to_names_for_good(void **state)
{
    (void)state;
    char id[33];
    journal_message_id("config.fallback", id);
    assert_string_equal(id, "a58baf3e90a2d1cc205f2b89baf77783");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_has_id_priority_and_fields),
        cmocka_unit_test(test_a_value_cannot_forge_a_field),
        cmocka_unit_test(test_fields_without_room_are_left_out_whole),
        cmocka_unit_test(test_message_ids_belong_to_names_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
