/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/format/nv.h"

#include "base/endian.h"
#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* From a label that OpenZFS 2.1.11 wrote: the stream's beginning and four pairs, then its last
 * pair and the end. */
static const char begin_hex[] =
    "01010000000000000000000100000024000000200000000776657273696f6e00000000080000000100000000"
    "0000138800000020000000200000000"
    "46e616d65000000090000000100000002747000000000002400000020"
    "0000000573746174650000000000000800000001000000000000000100000020000000200000000374786700"
    "00000008000000010000000000000012";
static const char end_hex[] = "0000003800000040000000116665617475726573"
                              "5f666f725f72656164000000000000130000000100000000"
                              "00000001000000000000000000000000"
                              "00000000";

static size_t bytes_of(const char *hex, uint8_t *ret)
{
    assert_true(hex_decode(hex, strlen(hex), ret));
    return strlen(hex) / 2;
}

static struct nv *fresh(void)
{
    struct nv *nv = nv_new();
    assert_non_null(nv);
    return nv;
}

/* The list that those bytes are. */
static struct nv *openzfs_config(void)
{
    struct nv *nv = fresh();
    assert_int_equal(nv_add_u64(nv, "version", 5000), 0);
    assert_int_equal(nv_add_str(nv, "name", "tp"), 0);
    assert_int_equal(nv_add_u64(nv, "state", 1), 0);
    assert_int_equal(nv_add_u64(nv, "txg", 18), 0);
    assert_int_equal(nv_add_nv(nv, "features_for_read", fresh()), 0);
    return nv;
}

static size_t openzfs_bytes(uint8_t *ret)
{
    size_t n = bytes_of(begin_hex, ret);
    return n + bytes_of(end_hex, ret + n);
}

static void assert_packs_to(const struct nv *nv, const uint8_t *want, size_t len)
{
    uint8_t *got;
    size_t n;
    assert_int_equal(nv_pack(nv, &got, &n), 0);
    assert_int_equal(n, len);
    assert_memory_equal(got, want, len);
    free(got);
}

static void test_packs_as_openzfs_does(void **state)
{
    (void)state;
    uint8_t want[512];
    struct nv *nv = openzfs_config();
    assert_packs_to(nv, want, openzfs_bytes(want));
    nv_free(nv);
}

static void test_parses_what_openzfs_packed(void **state)
{
    (void)state;
    uint8_t bytes[512];
    size_t len = openzfs_bytes(bytes);
    struct nv *nv, *features;
    const char *name;
    uint64_t txg;
    memset(bytes + len, 0xee, sizeof(bytes) - len); /* whatever follows is not its business */
    assert_int_equal(nv_parse(bytes, sizeof(bytes), &nv, NULL), 0);
    assert_true(nv_get_str(nv, "name", &name) && strcmp(name, "tp") == 0);
    assert_true(nv_get_u64(nv, "txg", &txg) && txg == 18);
    assert_true(nv_get_nv(nv, "features_for_read", &features));
    assert_null(nv_key(features, 0));
    assert_string_equal(nv_key(nv, 0), "version");
    assert_string_equal(nv_key(nv, 4), "features_for_read");
    assert_null(nv_key(nv, 5));
    assert_packs_to(nv, bytes, len);
    nv_free(nv);
}

/* ---- lists in memory ------------------------------------------------------------------------ */

/* One of each type, lists in lists. */
static struct nv *sample(void)
{
    static const uint64_t holes[] = {1, 0xffffffffffffffff, 3};
    struct nv **children = calloc(2, sizeof(*children)), *nv = fresh();
    assert_non_null(children);
    for (uint64_t i = 0; i < 2; i++) {
        children[i] = fresh();
        assert_int_equal(nv_add_str(children[i], "type", "file"), 0);
        assert_int_equal(nv_add_u64(children[i], "id", i), 0);
    }
    assert_int_equal(nv_add_nvs(nv, "children", children, 2), 0);
    assert_int_equal(nv_add_bool(nv, "com.delphix:hole_birth"), 0);
    assert_int_equal(nv_add_u64s(nv, "hole_array", holes, 3), 0);
    assert_int_equal(nv_add_u64s(nv, "none", NULL, 0), 0);
    assert_int_equal(nv_add_str(nv, "empty", ""), 0);
    assert_int_equal(nv_add_nv(nv, "config", openzfs_config()), 0);
    return nv;
}

static void check_sample(const struct nv *nv)
{
    struct nv *const *children;
    const uint64_t *holes;
    const char *text;
    unsigned n;
    uint64_t id;
    assert_true(nv_has(nv, "com.delphix:hole_birth"));
    assert_true(nv_get_nvs(nv, "children", &children, &n) && n == 2);
    assert_true(nv_get_u64(children[1], "id", &id) && id == 1);
    assert_true(nv_get_str(children[0], "type", &text) && strcmp(text, "file") == 0);
    assert_true(nv_get_u64s(nv, "hole_array", &holes, &n) && n == 3);
    assert_true(holes[1] == 0xffffffffffffffff && holes[2] == 3);
    assert_true(nv_get_u64s(nv, "none", &holes, &n) && n == 0);
    assert_true(nv_get_str(nv, "empty", &text) && *text == '\0');
}

static void test_copies_and_streams_hold_all_types(void **state)
{
    (void)state;
    struct nv *nv = sample(), *copy = nv_dup(nv), *parsed;
    uint8_t *bytes;
    size_t len;
    assert_non_null(copy);
    check_sample(nv);
    assert_int_equal(nv_pack(nv, &bytes, &len), 0);
    nv_free(nv);
    check_sample(copy);
    assert_packs_to(copy, bytes, len);
    nv_free(copy);
    assert_int_equal(nv_parse(bytes, len, &parsed, NULL), 0);
    check_sample(parsed);
    assert_packs_to(parsed, bytes, len);
    nv_free(parsed);
    free(bytes);
}

static void test_adding_replaces_in_place(void **state)
{
    (void)state;
    struct nv *nv = openzfs_config();
    const char *text;
    uint64_t v = 7;
    assert_int_equal(nv_add_str(nv, "state", "exported"), 0); /* of another type */
    assert_string_equal(nv_key(nv, 2), "state");
    assert_true(nv_get_str(nv, "state", &text));
    assert_false(nv_get_u64(nv, "state", &v));
    assert_int_equal(v, 7); /* left alone */
    assert_null(nv_key(nv, 5));
    nv_remove(nv, "name");
    nv_remove(nv, "nowhere");
    assert_false(nv_has(nv, "name"));
    assert_string_equal(nv_key(nv, 1), "state");
    assert_string_equal(nv_key(nv, 3), "features_for_read");
    assert_null(nv_key(nv, 4));
    nv_free(nv);
}

static void test_getters_want_their_type(void **state)
{
    (void)state;
    struct nv *nv = sample(), *list;
    struct nv *const *lists;
    const uint64_t *u64s;
    const char *text;
    unsigned n;
    uint64_t v;
    assert_false(nv_get_u64(nv, "hole_array", &v) || nv_get_u64(nv, "nowhere", &v));
    assert_false(nv_get_str(nv, "config", &text) || nv_get_nv(nv, "children", &list));
    assert_false(nv_get_nvs(nv, "config", &lists, &n) || nv_get_u64s(nv, "empty", &u64s, &n));
    nv_free(nv);
}

/* ---- what a disk may say -------------------------------------------------------------------- */

static void test_unknown_types_are_kept_as_they_came(void **state)
{
    (void)state;
    /* a boolean value (21), three bytes (10), two strings (17), and an array of i32 (13) */
    static const char hex[] = "01010000"
                              "0000000000000001"
                              "0000001c"
                              "00000020"
                              "00000001"
                              "61000000"
                              "00000015"
                              "00000001"
                              "00000001"
                              "0000001c"
                              "00000018"
                              "00000001"
                              "62000000"
                              "0000000a"
                              "00000003"
                              "01020300"
                              "00000028"
                              "00000040"
                              "00000001"
                              "63000000"
                              "00000011"
                              "00000002"
                              "00000001"
                              "78000000"
                              "00000002"
                              "79790000"
                              "00000018"
                              "00000020"
                              "00000001"
                              "64000000"
                              "0000000d"
                              "00000000"
                              "0000000000000000";
    uint8_t bytes[256];
    size_t len = bytes_of(hex, bytes);
    struct nv *nv, *copy;
    assert_int_equal(nv_parse(bytes, len, &nv, NULL), 0);
    assert_true(nv_has(nv, "a") && nv_has(nv, "b") && nv_has(nv, "c") && nv_has(nv, "d"));
    copy = nv_dup(nv);
    assert_non_null(copy);
    assert_packs_to(nv, bytes, len);
    nv_free(nv);
    assert_packs_to(copy, bytes, len);
    nv_free(copy);
}

static void test_every_cut_is_noticed(void **state)
{
    (void)state;
    struct nv *nv = sample(), *got;
    uint8_t *bytes;
    size_t len;
    assert_int_equal(nv_pack(nv, &bytes, &len), 0);
    nv_free(nv);
    for (size_t n = 0; n < len; n++) {
        uint8_t *cut = malloc(n + 1); /* of exact size, for the sanitizer */
        struct err err = {0};
        assert_non_null(cut);
        memcpy(cut, bytes, n);
        assert_int_equal(nv_parse(cut, n, &got, &err), -EBADMSG);
        assert_int_equal(err.code, -EBADMSG);
        free(cut);
    }
    free(bytes);
}

/* clang-format off */
static const struct {
    const char *what, *hex; /* what follows the stream's header and the list's */
    int code;
} broken[] = {
    {"empty",                "0000000000000000", 0},
    {"u64",                  "0000002000000020000000016100000000000008000000010000000000000007" "0000000000000000", 0},
    {"u64 counts 2",         "0000002000000020000000016100000000000008000000020000000000000007" "0000000000000000", -EBADMSG},
    {"u64 too short",        "0000001c0000002000000001610000000000000800000001" "00000007" "0000000000000000", -EBADMSG},
    {"u64 too long",         "00000024000000200000000161000000000000080000000100000000000000070000000000000000" "00000000", -EBADMSG},
    {"twice a name",         "0000001800000018000000016100000000000001" "00000000"
                             "0000001800000018000000016100000000000001" "00000000" "0000000000000000", -EBADMSG},
    {"boolean counts 1",     "0000001800000018000000016100000000000001" "00000001" "0000000000000000", -EBADMSG},
    {"type 0",               "0000001800000018000000016100000000000000" "00000000" "0000000000000000", -EBADMSG},
    {"size not of words",    "0000001900000018000000016100000000000001" "0000000000" "0000000000000000", -EBADMSG},
    {"size 4",               "0000000400000018" "0000000000000000", -EBADMSG},
    {"NUL in a name",        "0000001800000018000000026100000000000001" "00000000" "0000000000000000", -EBADMSG},
    {"name over its pair",   "0000001800000018000000ff6100000000000001" "00000000" "0000000000000000", -EBADMSG},
    {"name of 4 GiB",        "0000001800000018ffffffff6100000000000001" "00000000" "0000000000000000", -EBADMSG},
    {"string over its pair", "0000002000000020000000016100000000000009000000010000000561000000" "0000000000000000", -EBADMSG},
    {"array counts apart",   "0000002400000020000000016100000000000010000000010000000200000000" "00000007" "0000000000000000", -EBADMSG},
    {"huge array",           "0000001c000000200000000161000000000000107fffffff7fffffff" "0000000000000000", -EBADMSG},
    {"huge array of lists",  "00000018000000200000000161000000000000147fffffff" "0000000000000000", -EBADMSG},
    {"list of version 1",    "0000002800000030000000016100000000000013000000010000000100000001" "0000000000000000" "0000000000000000", -EBADMSG},
};
/* clang-format on */

static void test_broken_streams(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(broken); i++) {
        uint8_t bytes[256];
        struct err err = {0};
        struct nv *nv = NULL;
        size_t len = bytes_of("010100000000000000000001", bytes);
        len += bytes_of(broken[i].hex, bytes + len);
        int r = nv_parse(bytes, len, &nv, &err);
        if (r != broken[i].code)
            fail_msg("%s: %d (%s)", broken[i].what, r, err.msg);
        nv_free(nv);
    }
}

static void test_other_encodings(void **state)
{
    (void)state;
    uint8_t bytes[512];
    struct nv *nv;
    size_t len = openzfs_bytes(bytes);
    bytes[0] = 0; /* native: never on a disk */
    assert_int_equal(nv_parse(bytes, len, &nv, NULL), -EOPNOTSUPP);
    bytes[0] = 1;
    bytes[1] = 0; /* a big-endian writer: XDR is the same */
    assert_int_equal(nv_parse(bytes, len, &nv, NULL), 0);
    nv_free(nv);
    bytes[7] = 1;
    assert_int_equal(nv_parse(bytes, len, &nv, NULL), -EBADMSG); /* version */
}

static int parse_depth(unsigned depth)
{
    struct nv *nv = fresh(), *got = NULL;
    uint8_t *bytes;
    size_t len;
    for (unsigned i = 1; i < depth; i++) {
        struct nv *outer = fresh();
        assert_int_equal(nv_add_nv(outer, "in", nv), 0);
        nv = outer;
    }
    assert_int_equal(nv_pack(nv, &bytes, &len), 0);
    nv_free(nv);
    int r = nv_parse(bytes, len, &got, NULL);
    nv_free(got);
    free(bytes);
    return r;
}

static void test_depth_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(parse_depth(16), 0);
    assert_int_equal(parse_depth(17), -EBADMSG);
    assert_int_equal(parse_depth(2000), -EBADMSG);
}

/* ---- the native encoding ------------------------------------------------------------------- */

struct native {
    uint8_t bytes[512];
    size_t len;
};

static void put32(struct native *n, uint32_t v)
{
    le32 le = le32_make(v);
    memcpy(n->bytes + n->len, &le, sizeof(le));
    n->len += sizeof(le);
}

/* A pair as it lies in OpenZFS's memory: header, name, value, each to 8 bytes. */
static void put_native(struct native *n, const char *name, uint32_t type, const void *value,
                       size_t len)
{
    size_t name_len = strlen(name) + 1, at = (16 + name_len + 7) / 8 * 8;
    size_t size = at + (len + 7) / 8 * 8, start = n->len;
    put32(n, (uint32_t)size);
    put32(n, (uint32_t)name_len);
    put32(n, type == 1 ? 0 : 1);
    put32(n, type);
    memset(n->bytes + n->len, 0, size - 16);
    memcpy(n->bytes + n->len, name, name_len);
    if (len)
        memcpy(n->bytes + start + at, value, len);
    n->len = start + size;
}

/* {"who" 7, "in" {"x" "y"}, "flag", "cmd" "zpool scrub"} */
static void native_make(struct native *n)
{
    static const uint8_t header[] = {0, 1, 0, 0}, nothing[24];
    const le64 seven = le64_make(7);
    *n = (struct native){.len = sizeof(header)};
    memcpy(n->bytes, header, sizeof(header));
    put32(n, 0);
    put32(n, 1);
    put_native(n, "who", 8, &seven, sizeof(seven));
    put_native(n, "in", 19, nothing, sizeof(nothing));
    put32(n, 0);
    put32(n, 1);
    put_native(n, "x", 9, "y", 2);
    put32(n, 0);
    put_native(n, "flag", 1, NULL, 0);
    put_native(n, "cmd", 9, "zpool scrub", 12);
    put32(n, 0);
}

static void test_native_lists_are_read(void **state)
{
    (void)state;
    struct native n;
    struct nv *nv, *in;
    const char *text;
    uint64_t who = 0;
    native_make(&n);
    assert_int_equal(nv_parse_native(n.bytes, n.len, &nv, NULL), 0);
    assert_true(nv_get_u64(nv, "who", &who) && who == 7);
    assert_true(nv_get_nv(nv, "in", &in) && nv_get_str(in, "x", &text));
    assert_string_equal(text, "y");
    assert_true(nv_has(nv, "flag") && nv_get_str(nv, "cmd", &text));
    assert_string_equal(text, "zpool scrub");
    nv_free(nv);
}

static void test_broken_native_lists(void **state)
{
    (void)state;
    struct native n;
    struct nv *nv;
    native_make(&n);
    for (size_t len = 0; len < n.len; len++)
        assert_int_equal(nv_parse_native(n.bytes, len, &nv, NULL), -EBADMSG);
    for (size_t i = 0; i < n.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct native other = n;
            other.bytes[i] ^= (uint8_t)(1u << bit);
            if (nv_parse_native(other.bytes, other.len, &nv, NULL) == 0)
                nv_free(nv);
        }
    n.bytes[1] = 0;
    assert_int_equal(nv_parse_native(n.bytes, n.len, &nv, NULL), -EOPNOTSUPP);
    n.bytes[0] = 1;
    assert_int_equal(nv_parse_native(n.bytes, n.len, &nv, NULL), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native_lists_are_read),
        cmocka_unit_test(test_broken_native_lists),
        cmocka_unit_test(test_packs_as_openzfs_does),
        cmocka_unit_test(test_parses_what_openzfs_packed),
        cmocka_unit_test(test_copies_and_streams_hold_all_types),
        cmocka_unit_test(test_adding_replaces_in_place),
        cmocka_unit_test(test_getters_want_their_type),
        cmocka_unit_test(test_unknown_types_are_kept_as_they_came),
        cmocka_unit_test(test_every_cut_is_noticed),
        cmocka_unit_test(test_broken_streams),
        cmocka_unit_test(test_other_encodings),
        cmocka_unit_test(test_depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
