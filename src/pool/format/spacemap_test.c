/* SPDX-License-Identifier: BSD-2-Clause */
#include "pool/format/spacemap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SHIFT 12u
#define SIZE  (16ull << 20)

/* What a decoder said, in order. */
struct heard {
    struct sm_entry v[16];
    unsigned n, stop_at; /* stop_at: fn refuses the entry of this number, 0: none */
};

static int hear(void *arg, const struct sm_entry *e)
{
    struct heard *h = arg;
    assert_true(h->n < 16);
    h->v[h->n++] = *e;
    return h->n == h->stop_at ? -EINTR : 0;
}

static int decode(struct sm_cursor *c, const uint64_t *words, size_t n, struct heard *h)
{
    le64 raw[16];
    struct err err = {0};
    for (size_t i = 0; i < n; i++)
        raw[i] = le64_make(words[i]);
    int rc = sm_decode(c, raw, n * sizeof(raw[0]), hear, h, &err);
    assert_true(rc != -EBADMSG || err.msg[0] != '\0');
    return rc;
}

static struct sm_cursor cursor(void)
{
    return (struct sm_cursor){.shift = SHIFT, .size = SIZE};
}

static void assert_entry(const struct sm_entry *e, enum sm_type type, uint64_t unit,
                         uint64_t units, uint64_t txg)
{
    assert_int_equal(e->type, type);
    assert_int_equal(e->off, unit << SHIFT);
    assert_int_equal(e->run, units << SHIFT);
    assert_int_equal(e->txg, txg);
}

/* The map of metaslab 0 of a pool that OpenZFS made, then its other forms. */
static void test_reads_every_form(void **state)
{
    (void)state;
    const uint64_t words[] = {
        0x000000000000001d, 0x8004000000000004, 0x00000000001e0005, 0x9008000000000005,
        0x00000000001e8000, 0x8000000000000000, /* padding leaves the txg alone */
        0xc000000fff000000, 0x0000000000000000, /* two words: alloc 0x1000 units at 0 */
        0xf00000000042abcd, 0x8000000000000fff, /* pad and vdev are not looked at */
    };
    struct heard h = {0};
    struct sm_cursor c = cursor();
    assert_int_equal(decode(&c, words, ARRAY_LEN(words), &h), 0);
    assert_int_equal(sm_decode_end(&c), 0);
    assert_int_equal(h.n, 5);
    assert_entry(&h.v[0], SM_ALLOC, 0, 30, 0);
    assert_entry(&h.v[1], SM_ALLOC, 0x1e, 6, 4);
    assert_entry(&h.v[2], SM_FREE, 0x1e, 1, 5);
    assert_entry(&h.v[3], SM_ALLOC, 0, 0x1000, 5);
    assert_entry(&h.v[4], SM_FREE, 0xfff, 1, 5);
}

static void test_pieces_may_end_inside_an_entry(void **state)
{
    (void)state;
    const uint64_t words[] = {0x8004000000000007, 0xc000000003000000, 0x8000000000000002};
    struct heard h = {0};
    struct sm_cursor c = cursor();
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        assert_int_equal(sm_decode_end(&c), i == 2 ? -EBADMSG : 0);
        assert_int_equal(decode(&c, &words[i], 1, &h), 0);
    }
    assert_int_equal(sm_decode_end(&c), 0);
    assert_int_equal(h.n, 1);
    assert_entry(&h.v[0], SM_FREE, 2, 4, 7);
}

static void test_refuses_what_leaves_the_map(void **state)
{
    (void)state;
    const uint64_t bad[][2] = {
        {0x0000000010000000, 0                 }, /* starts at the end */
        {0x000000000fff0001, 0                 }, /* ends one unit late */
        {0x7fffffffffff0000, 0                 },
        {0xc000001000000000, 0x0000000000000000}, /* 0x1001 units */
        {0xc000000000000000, 0x0000000000001000},
        {0xcfffffffff000000, 0x7fffffffffffffff}, /* would wrap */
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct heard h = {0};
        struct sm_cursor c = cursor();
        assert_int_equal(decode(&c, bad[i], bad[i][0] >> 62 == 3 ? 2 : 1, &h), -EBADMSG);
        assert_int_equal(h.n, 0);
    }
    struct heard h = {0};
    struct sm_cursor c = cursor();
    struct err err = {0};
    assert_int_equal(sm_decode(&c, bad, 12, hear, &h, &err), -EBADMSG);
}

static void test_callback_ends_the_walk(void **state)
{
    (void)state;
    const uint64_t words[] = {0x0000000000000000, 0x0000000000010000, 0x0000000000020000};
    struct heard h = {.stop_at = 2};
    struct sm_cursor c = cursor();
    assert_int_equal(decode(&c, words, ARRAY_LEN(words), &h), -EINTR);
    assert_int_equal(h.n, 2);
}

/* The words are those of 18.6 of OpenZFS's own pool. */
static void test_writes_openzfs_words(void **state)
{
    (void)state;
    le64 words[4];
    struct sm_encoder e = {.words = words, .cap = 4, .shift = SHIFT};
    sm_encode_debug(&e, SM_ALLOC, 4);
    sm_encode(&e, SM_ALLOC, 0, 30u << SHIFT);
    sm_encode_debug(&e, SM_FREE, 5);
    sm_encode(&e, SM_FREE, 0x1e << SHIFT, 6u << SHIFT);
    assert_int_equal(e.n, 4);
    assert_int_equal(le64_get(words[0]), 0x8004000000000004);
    assert_int_equal(le64_get(words[1]), 0x000000000000001d);
    assert_int_equal(le64_get(words[2]), 0x9004000000000005);
    assert_int_equal(le64_get(words[3]), 0x00000000001e8005);
}

static void test_long_runs_become_several_entries(void **state)
{
    (void)state;
    static const struct {
        uint64_t units;
        size_t words;
    } rows[] = {
        {1,     1},
        {32768, 1},
        {32769, 2},
        {65536, 2},
        {65537, 3}
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        le64 words[4];
        struct heard h = {0};
        struct sm_encoder e = {.words = words, .cap = 4, .shift = 9};
        struct sm_cursor c = {.shift = 9, .size = 1ull << 30};
        uint64_t at = 77 << 9;
        sm_encode(&e, SM_FREE, 77 << 9, rows[i].units << 9);
        assert_int_equal(e.n, rows[i].words);
        assert_int_equal(sm_entry_words(rows[i].units << 9, 9), rows[i].words);
        assert_int_equal(sm_decode(&c, words, e.n * 8, hear, &h, NULL), 0);
        assert_int_equal(h.n, rows[i].words);
        for (unsigned k = 0; k < h.n; at += h.v[k++].run)
            assert_true(h.v[k].type == SM_FREE && h.v[k].off == at);
        assert_int_equal(at, (77 + rows[i].units) << 9);
    }
}

static void test_counts_on_past_its_room(void **state)
{
    (void)state;
    le64 words[3];
    memset(words, 0xee, sizeof(words));
    struct sm_encoder e = {.words = words, .cap = 2, .shift = 9};
    sm_encode(&e, SM_ALLOC, 0, 100000ull << 9);
    assert_int_equal(e.n, 4);
    assert_int_equal(le64_get(words[2]), 0xeeeeeeeeeeeeeeee);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_form),
        cmocka_unit_test(test_pieces_may_end_inside_an_entry),
        cmocka_unit_test(test_refuses_what_leaves_the_map),
        cmocka_unit_test(test_callback_ends_the_walk),
        cmocka_unit_test(test_writes_openzfs_words),
        cmocka_unit_test(test_long_runs_become_several_entries),
        cmocka_unit_test(test_counts_on_past_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
