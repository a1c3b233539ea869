/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a file of an audit trail, or what is left of one. What is found good ends with a newline inside of what
 * was shown, and is found good again alone; what comes behind does not change that. The first byte says how a good trail is
 * spoiled, so that the fuzzer need not find hashes: then the rest says where.
 */
#include "audit/chain.h"
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GOOD_LINES 5

static size_t make_good(char *file)
{
    static char text[AUDIT_TEXT_MAX];
    struct audit_chain c = {.seq = 0};
    size_t len = 0;
    for (unsigned i = 0; i < GOOD_LINES; i++) {
        const struct log_kv kv[] = {KV("object", "number %u", i)};
        size_t n = audit_text(text, 1, i == 2 ? "audit.removed" : "control.change", kv, 1);
        len += audit_line(file + len, &c, i == 0, text, n);
    }
    return len;
}

static void check_text(const char *text, size_t len)
{
    struct audit_verify v = {.begun = false}, again = {.begun = false};
    char buf[200];
    const char *why = audit_verify_text(&v, text, len, buf);
    check(v.good_len <= len && (why != NULL) == (v.good_len < len));
    check(v.good_len == 0 || text[v.good_len - 1] == '\n');
    char *exact = malloc(v.good_len ? v.good_len : 1);
    check(exact != NULL);
    memcpy(exact, text, v.good_len);
    check(audit_verify_text(&again, exact, v.good_len, buf) == NULL);
    check(again.line == v.line && again.chain.seq == v.chain.seq);
    struct audit_chain head;
    audit_head_read(text, len, &head);
    audit_verify_end(&v, 1, &v.chain, buf);
    free(exact);
}

/* One byte of a good trail becomes another: that shows, at the latest where the line ends that holds it. */
static void check_spoiled(const uint8_t *data, size_t size)
{
    static char file[GOOD_LINES * AUDIT_LINE_MAX];
    struct audit_verify v = {.begun = false};
    char buf[200];
    size_t len = make_good(file), at = ((size_t)data[0] << 8 | data[1]) % len;
    char was = file[at];
    (void)size;
    file[at] = (char)data[2];
    const char *why = audit_verify_text(&v, file, len, buf);
    bool upper =
        was >= 'a' && was <= 'f' && file[at] == was - 'a' + 'A'; /* a hash in capitals */
    check((why != NULL) == (file[at] != was) || upper);
    check(v.good_len <= at || !why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 3 && data[0] == 'S')
        check_spoiled(data + 1, size - 1);
    else
        check_text((const char *)data, size);
    return 0;
}
