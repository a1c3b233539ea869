/* SPDX-License-Identifier: BSD-2-Clause */
/* The checker is checked: data that is right passes, every way of being wrong is found. */
#include "work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BLOCK 4096u
#define SLOTS 8u

static uint8_t lun[SLOTS * BLOCK];

static void open_work(struct work *w, uint32_t run, uint32_t read_pct, enum pattern_level level)
{
    const struct work_config cfg = {.slots = SLOTS,
                                    .block = BLOCK,
                                    .run = run,
                                    .read_pct = read_pct,
                                    .sequential = true,
                                    .level = level};
    assert_int_equal(work_open(w, &cfg), 0);
}

/* Executes the next operation on the array, as a perfect target would. */
static enum pattern_verdict step(struct work *w)
{
    struct work_op op;
    enum pattern_verdict verdict = PATTERN_GOOD;
    assert_true(work_next(w, &op));
    uint8_t *at = lun + work_offset(w, &op);
    if (op.write)
        work_fill(w, &op, at);
    else
        work_check(w, &op, 0, at, BLOCK, &verdict);
    work_end(w, &op, true, verdict);
    return verdict;
}

static void fill_lun(uint32_t run, enum pattern_level level)
{
    struct work w;
    open_work(&w, run, 0, level);
    for (unsigned i = 0; i < SLOTS; i++)
        step(&w);
    work_close(&w);
}

static void test_data_of_earlier_run_is_good(void **state UNUSED)
{
    static const enum pattern_level levels[] = {PATTERN_STAMP, PATTERN_FULL};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        fill_lun(1, levels[i]);
        struct work w;
        open_work(&w, 2, 100, PATTERN_FULL);
        assert_int_equal(step(&w), PATTERN_GOOD);
        assert_int_equal(w.checked, 1);
        work_close(&w);
    }
}

static void test_zeros_are_unwritten(void **state UNUSED)
{
    struct work w;
    memset(lun, 0, sizeof(lun));
    open_work(&w, 1, 100, PATTERN_FULL);
    assert_int_equal(step(&w), PATTERN_UNWRITTEN);
    assert_int_equal(w.unwritten, 1);
    assert_int_equal(w.failures, 0);
    work_close(&w);
}

/* Each damage to slot 0, written by this very run, must be found by the level given. */
static void damage_byte(void)
{
    lun[3 * PATTERN_SECTOR + 77] ^= 1;
}
static void damage_misplaced(void)
{
    memcpy(lun, lun + BLOCK, BLOCK);
}
static void damage_stale(void)
{
    struct work old;
    open_work(&old, 1, 0, PATTERN_FULL);
    step(&old);
    work_close(&old);
}
static void damage_lost(void)
{
    memset(lun, 0, PATTERN_SECTOR);
}
static void damage_foreign(void)
{
    memset(lun, 0xa5, BLOCK);
}
static void damage_shifted(void)
{
    memmove(lun + 16, lun + 24, PATTERN_SECTOR - 24);
}

static void test_damage_is_found(void **state UNUSED)
{
    static const struct {
        void (*damage)(void);
        enum pattern_level level;
    } rows[] = {
        {damage_byte,      PATTERN_FULL },
        {damage_misplaced, PATTERN_STAMP},
        {damage_stale,     PATTERN_STAMP},
        {damage_lost,      PATTERN_STAMP},
        {damage_foreign,   PATTERN_STAMP},
        {damage_shifted,   PATTERN_FULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct work w;
        open_work(&w, 7, 0, rows[i].level);
        for (unsigned n = 0; n < SLOTS; n++)
            step(&w);
        rows[i].damage();
        w.cfg.read_pct = 100;
        assert_int_equal(step(&w), PATTERN_BAD);
        assert_int_equal(step(&w), PATTERN_GOOD);
        assert_int_equal(w.failures, 1);
        work_close(&w);
    }
}

static void test_failed_write_leaves_either(void **state UNUSED)
{
    struct work w;
    fill_lun(1, PATTERN_STAMP);
    open_work(&w, 2, 0, PATTERN_STAMP);
    struct work_op op;
    assert_true(work_next(&w, &op));
    work_end(&w, &op, false, PATTERN_GOOD);
    w.cfg.read_pct = 100;
    w.cursor = 0;
    assert_int_equal(step(&w), PATTERN_GOOD);
    work_close(&w);
}

static void test_slot_has_one_operation_at_a_time(void **state UNUSED)
{
    struct work w;
    open_work(&w, 1, 50, PATTERN_STAMP);
    w.cfg.sequential = false;
    struct work_op ops[SLOTS], more;
    unsigned seen = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        assert_true(work_next(&w, &ops[i]));
        assert_false(seen & 1u << ops[i].slot);
        seen |= 1u << ops[i].slot;
    }
    assert_false(work_next(&w, &more));
    work_end(&w, &ops[3], true, PATTERN_GOOD);
    assert_true(work_next(&w, &more));
    assert_int_equal(more.slot, ops[3].slot);
    work_close(&w);
}

static void test_once_ends(void **state UNUSED)
{
    struct work w;
    struct work_op op;
    open_work(&w, 1, 0, PATTERN_OFF);
    w.cfg.once = true;
    for (unsigned i = 0; i < SLOTS; i++) {
        assert_true(work_next(&w, &op));
        assert_int_equal(op.slot, i);
    }
    assert_false(work_next(&w, &op));
    work_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_of_earlier_run_is_good),
        cmocka_unit_test(test_zeros_are_unwritten),
        cmocka_unit_test(test_damage_is_found),
        cmocka_unit_test(test_failed_write_leaves_either),
        cmocka_unit_test(test_slot_has_one_operation_at_a_time),
        cmocka_unit_test(test_once_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
