/* SPDX-License-Identifier: BSD-2-Clause */
/* The set against a bitmap: every answer it gives is also read off an array of units. */
#include "pool/space/space.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE 1000000ull /* offsets start here: keys are no small numbers */

struct model {
    struct ranges *r;
    uint8_t *in; /* per unit */
    unsigned units;
    uint64_t random;
};

static uint64_t draw(struct model *m, uint64_t n)
{
    m->random = m->random * 6364136223846793005ull + 1442695040888963407ull;
    return (m->random >> 33) % n;
}

static struct model model_new(unsigned units, uint64_t seed)
{
    struct model m = {ranges_new(), calloc(units, 1), units, seed};
    assert_non_null(m.r);
    assert_non_null(m.in);
    return m;
}

static void model_free(struct model *m)
{
    ranges_free(m->r);
    free(m->in);
}

static bool all_are(const struct model *m, unsigned at, unsigned len, uint8_t v)
{
    for (unsigned i = at; i < at + len; i++)
        if (m->in[i] != v)
            return false;
    return true;
}

static void add(struct model *m, unsigned at, unsigned len)
{
    bool free_there = all_are(m, at, len, 0);
    assert_int_equal(ranges_overlaps(m->r, BASE + at, len), !free_there);
    assert_int_equal(ranges_add(m->r, BASE + at, len), free_there ? 0 : -EEXIST);
    if (free_there)
        memset(m->in + at, 1, len);
}

static void drop(struct model *m, unsigned at, unsigned len)
{
    bool all_there = all_are(m, at, len, 1);
    assert_int_equal(ranges_has(m->r, BASE + at, len), all_there);
    assert_int_equal(ranges_remove(m->r, BASE + at, len), all_there ? 0 : -ENOENT);
    if (all_there)
        memset(m->in + at, 0, len);
}

/* The run of set units at or after at; its length, 0: none. */
static unsigned run_from(const struct model *m, unsigned at, unsigned *ret_at)
{
    while (at < m->units && !m->in[at])
        at++;
    unsigned end = at;
    while (end < m->units && m->in[end])
        end++;
    *ret_at = at;
    return end - at;
}

static void compare(const struct model *m)
{
    uint64_t off, len, pos = 0, bytes = 0, largest = 0, where = 0;
    uint32_t by_log2[64] = {0};
    unsigned at = 0, run, n = 0;
    while ((run = run_from(m, at, &at)) > 0) {
        assert_true(ranges_next(m->r, pos, &off, &len));
        assert_int_equal(off, BASE + at);
        assert_int_equal(len, run);
        assert_true(ranges_next(m->r, off + len - 1, &off, &len));
        assert_int_equal(off, BASE + at);
        pos = off + len;
        bytes += run;
        largest = MAX(largest, run);
        by_log2[31 - __builtin_clz(run)]++;
        at += run;
        n++;
    }
    assert_false(ranges_next(m->r, pos, &off, &len));
    assert_int_equal(ranges_bytes(m->r), bytes);
    assert_int_equal(ranges_count(m->r), n);
    assert_int_equal(ranges_largest(m->r, &where), largest);
    if (largest)
        assert_true(all_are(m, (unsigned)(where - BASE), (unsigned)largest, 1));
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(ranges_count_log2(m->r, i), by_log2[i]);
}

/* Fills and empties in turns, so that trees of every height grow and shrink. */
static void random_walk(unsigned units, unsigned max_len, unsigned steps, uint64_t seed)
{
    struct model m = model_new(units, seed);
    for (unsigned i = 0; i < steps; i++) {
        unsigned len = 1 + (unsigned)draw(&m, max_len);
        unsigned at = (unsigned)draw(&m, units - len);
        unsigned filling = i * 6 / steps % 2 == 0 ? 80 : 20;
        if (draw(&m, 100) < filling)
            add(&m, at, len);
        else
            drop(&m, at, len);
        if (i % (steps / 60) == 0)
            compare(&m);
    }
    compare(&m);
    model_free(&m);
}

static void test_agrees_with_a_bitmap(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++)
        random_walk(300, 20, 3000, seed);
    random_walk(40000, 3, 200000, 99);
    random_walk(40000, 200, 50000, 100);
}

/* Every second unit: as many ranges as there can be; then the gaps close. */
static void test_many_ranges(void **state)
{
    (void)state;
    enum { UNITS = 200000 };
    struct model m = model_new(UNITS, 7);
    for (unsigned i = 0; i < UNITS; i += 2)
        add(&m, i, 1);
    compare(&m);
    for (unsigned i = 1; i < UNITS / 2; i += 2)
        add(&m, i, 1);
    compare(&m);
    for (unsigned i = UNITS; i >= 2; i -= 2)
        drop(&m, i - 2, 1);
    compare(&m);
    model_free(&m);
}

/* In any order, so that nodes split in their middle and, when they run empty, join
 * neighbours; each has a length of its own, so that there is one largest. */
static void test_comes_and_goes_in_any_order(void **state)
{
    (void)state;
    enum { RANGES = 2000, SPACING = RANGES + 1, PRIME = 7919 };
    struct model m = model_new(SPACING * RANGES, 11);
    static unsigned order[RANGES], largest = RANGES;
    static bool there[RANGES + 1];
    for (unsigned i = 0; i < RANGES; i++) {
        unsigned at = (unsigned)draw(&m, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    for (unsigned i = 0; i < RANGES; i++) {
        unsigned len = 1 + order[i] * PRIME % RANGES;
        add(&m, order[i] * SPACING, len);
        there[len] = true;
    }
    compare(&m);
    for (unsigned i = RANGES; i-- > 1;) {
        unsigned len = 1 + order[i] * PRIME % RANGES;
        uint64_t where;
        drop(&m, order[i] * SPACING, len);
        for (there[len] = false; !there[largest];)
            largest--;
        assert_int_equal(ranges_largest(m.r, &where), largest);
        if (i % 200 == 0)
            compare(&m);
    }
    model_free(&m);
}

static void test_subtracts_what_is_there(void **state)
{
    (void)state;
    struct model m = model_new(2000, 5);
    for (unsigned i = 0; i < 3000; i++) {
        unsigned len = 1 + (unsigned)draw(&m, 60), at = (unsigned)draw(&m, 2000 - len);
        add(&m, at, len);
        len = 1 + (unsigned)draw(&m, 90);
        at = (unsigned)draw(&m, 2000 - len);
        assert_int_equal(ranges_subtract(m.r, BASE + at, len), 0);
        memset(m.in + at, 0, len);
        compare(&m);
    }
    model_free(&m);
}

static void test_is_empty_at_first_and_when_cleared(void **state)
{
    (void)state;
    struct model m = model_new(1000, 3);
    compare(&m);
    drop(&m, 5, 1);
    for (unsigned i = 0; i < 1000; i += 10)
        add(&m, i, 5);
    ranges_clear(m.r);
    memset(m.in, 0, m.units);
    compare(&m);
    add(&m, 0, 1000);
    compare(&m);
    drop(&m, 0, 1000);
    compare(&m);
    model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_a_bitmap),
        cmocka_unit_test(test_many_ranges),
        cmocka_unit_test(test_comes_and_goes_in_any_order),
        cmocka_unit_test(test_subtracts_what_is_there),
        cmocka_unit_test(test_is_empty_at_first_and_when_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
