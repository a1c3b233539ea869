/* SPDX-License-Identifier: BSD-2-Clause */
/* The judge judged: what it must accept and what it must not. */
#include "model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static jmp_buf violated;
NO_RETURN static void catch_violation(const char *fmt, ...)
{
    (void)fmt;
    longjmp(violated, 1);
}
void (*model_violated)(const char *fmt, ...) PRINTF_LIKE(1, 2) NO_RETURN = catch_violation;

#define N 4u
static uint8_t bytes_a[N * MODEL_SECTOR], bytes_b[N * MODEL_SECTOR], bytes_c[N * MODEL_SECTOR];
static const uint8_t zeros[N * MODEL_SECTOR];

static struct model_write *put(struct model *m, uint8_t *ret_bytes)
{
    struct model_write *w = model_write_begin(m, 0, N, false);
    model_write_fill(w, ret_bytes);
    return w;
}

static bool accepts(struct model *m, const uint8_t *bytes)
{
    struct model_read *r = model_read_begin(m);
    if (setjmp(violated))
        return false;
    model_read_end(r, 0, N, bytes);
    return true;
}

static struct model *fresh(bool write_back)
{
    return model_new("test", N, write_back);
}

static void test_new_volume_is_zero(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    assert_true(accepts(m, zeros));
    memset(bytes_a, 7, sizeof(bytes_a));
    assert_false(accepts(m, bytes_a));
    model_free(m);
}

static void test_acknowledged_write_must_be_there(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    struct model_write *a = put(m, bytes_a);
    assert_true(accepts(m, zeros));
    model_write_acked(a, false);
    assert_true(accepts(m, bytes_a));
    assert_false(accepts(m, zeros));
    model_free(m);
}

static void test_write_under_way_may_be_seen_and_then_stays(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    struct model_write *a = put(m, bytes_a);
    assert_true(accepts(m, zeros));
    assert_true(accepts(m, bytes_a));
    assert_false(accepts(m, zeros));
    model_write_unknown(a);
    assert_true(accepts(m, bytes_a));
    model_free(m);
}

static void test_read_that_began_before_may_return_the_old(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    struct model_read *r = model_read_begin(m);
    model_write_acked(put(m, bytes_a), false);
    if (setjmp(violated) == 0) {
        model_read_end(r, 0, N, zeros);
        assert_false(accepts(m, zeros));
        model_free(m);
        return;
    }
    fail();
}

static void test_aborted_write_does_not_come_back_later(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    model_write_unknown(put(m, bytes_a));
    assert_true(accepts(m, zeros));
    model_write_acked(put(m, bytes_b), false);
    assert_true(accepts(m, bytes_b));
    assert_false(accepts(m, bytes_a));
    model_free(m);
}

static void test_overlapping_writes_end_in_either_order(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    struct model_write *a = put(m, bytes_a), *b = put(m, bytes_b);
    model_write_acked(b, false);
    model_write_acked(a, false);
    assert_true(accepts(m, bytes_b));
    assert_true(accepts(m, bytes_a));
    assert_false(accepts(m, zeros));
    model_free(m);
}

static void test_refused_write_is_never_seen(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    model_write_refused(put(m, bytes_a));
    assert_false(accepts(m, bytes_a));
    assert_true(accepts(m, zeros));
    model_free(m);
}

static void test_compare_and_write_leaves_no_room(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    model_write_acked(put(m, bytes_a), false);
    struct model_write *caw = model_caw_begin(m, 0, N, bytes_a);
    model_write_fill(caw, bytes_b);
    struct model_write *c = put(m, bytes_c); /* a plain write at the same time */
    model_write_acked(c, false);
    model_write_acked(caw, false); /* it succeeded: so c came after it, not in between */
    assert_true(accepts(m, bytes_c));
    assert_false(accepts(m, bytes_b));
    model_free(m);
}

static void test_what_was_compared_is_gone(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    struct model_write *a = put(m, bytes_a);
    assert_true(accepts(m, bytes_a)); /* seen before it was acknowledged */
    struct model_write *caw = model_caw_begin(m, 0, N, bytes_a);
    model_write_fill(caw, bytes_b);
    model_write_acked(caw, false);
    model_write_acked(a, false);
    assert_true(accepts(m, bytes_b));
    assert_false(accepts(m, bytes_a));
    assert_null(model_caw_begin(m, 0, N, zeros));
    model_free(m);
}

static void test_sectors_are_whole_and_in_their_place(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    model_write_unknown(put(m, bytes_a));
    memcpy(bytes_b, zeros, sizeof(zeros));
    memcpy(bytes_b + MODEL_SECTOR, bytes_a + MODEL_SECTOR, MODEL_SECTOR);
    assert_true(accepts(m, bytes_b)); /* a write of several may be torn between sectors */
    memcpy(bytes_b, bytes_a, sizeof(bytes_a));
    bytes_b[300] ^= 1;
    assert_false(accepts(m, bytes_b));
    memcpy(bytes_b, bytes_a + MODEL_SECTOR, MODEL_SECTOR);
    assert_false(accepts(m, bytes_b));
    model_free(m);
}

static void test_power_cut_keeps_what_is_durable(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    model_write_acked(put(m, bytes_a), false);
    put(m, bytes_b);
    assert_true(accepts(m, bytes_b));
    model_power_cut(m);
    assert_false(accepts(m, zeros));
    assert_true(accepts(m, bytes_a));  /* b was seen, but not acknowledged */
    assert_false(accepts(m, bytes_b)); /* gone is gone */
    model_free(m);
}

static void test_power_cut_may_keep_more(void **state)
{
    (void)state;
    struct model *m = fresh(false);
    model_write_acked(put(m, bytes_a), false);
    put(m, bytes_b);
    model_power_cut(m);
    assert_true(accepts(m, bytes_b));
    assert_false(accepts(m, bytes_a));
    model_free(m);
}

static void test_write_back_promises_only_what_was_synced(void **state)
{
    (void)state;
    struct model *m = fresh(true);
    model_write_acked(put(m, bytes_a), false);
    assert_false(accepts(m, zeros));
    uint64_t begun = model_sync_begin(m);
    model_write_acked(put(m, bytes_b), false);
    model_synced(m, begun);
    assert_true(accepts(m, bytes_b));
    model_power_cut(m);
    assert_false(accepts(m, zeros));
    assert_true(accepts(m, bytes_a));
    model_free(m);
}

static void test_fua_is_durable_at_once(void **state)
{
    (void)state;
    struct model *m = fresh(true);
    model_write_acked(put(m, bytes_a), true);
    model_power_cut(m);
    assert_false(accepts(m, zeros));
    assert_true(accepts(m, bytes_a));
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_volume_is_zero),
        cmocka_unit_test(test_acknowledged_write_must_be_there),
        cmocka_unit_test(test_write_under_way_may_be_seen_and_then_stays),
        cmocka_unit_test(test_read_that_began_before_may_return_the_old),
        cmocka_unit_test(test_aborted_write_does_not_come_back_later),
        cmocka_unit_test(test_overlapping_writes_end_in_either_order),
        cmocka_unit_test(test_refused_write_is_never_seen),
        cmocka_unit_test(test_compare_and_write_leaves_no_room),
        cmocka_unit_test(test_what_was_compared_is_gone),
        cmocka_unit_test(test_sectors_are_whole_and_in_their_place),
        cmocka_unit_test(test_power_cut_keeps_what_is_durable),
        cmocka_unit_test(test_power_cut_may_keep_more),
        cmocka_unit_test(test_write_back_promises_only_what_was_synced),
        cmocka_unit_test(test_fua_is_durable_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
