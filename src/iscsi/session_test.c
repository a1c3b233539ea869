/* SPDX-License-Identifier: BSD-2-Clause */
#include "iscsi/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct window w;

static void test_window_in_order(void **state)
{
    (void)state;
    window_init(&w, 0xfffffffe, 4); /* wraps */
    assert_int_equal(window_max(&w), 1);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t sn = 0xfffffffe + i;
        assert_int_equal(window_admit(&w, sn - 1), WIN_DROP);
        assert_int_equal(window_admit(&w, sn + 4), WIN_DROP);
        assert_int_equal(window_admit(&w, sn), WIN_NEXT);
        assert_int_equal(w.exp_cmd_sn, sn + 1);
        assert_int_equal(window_max(&w), sn + 4);
    }
}

static void test_window_closes_with_what_is_outstanding(void **state)
{
    (void)state;
    window_init(&w, 10, 3);
    for (uint32_t sn = 10; sn < 13; sn++) {
        assert_int_equal(window_admit(&w, sn), WIN_NEXT);
        w.outstanding++;
        assert_int_equal(window_max(&w), 12);
    }
    assert_int_equal(window_admit(&w, 13), WIN_DROP);
    w.outstanding--;
    assert_int_equal(window_max(&w), 13);
    w.size = 1; /* narrowed: stays until the outstanding ones are over */
    assert_int_equal(window_admit(&w, 13), WIN_NEXT);
    assert_int_equal(window_max(&w), 13);
    w.outstanding = 0;
    assert_int_equal(window_max(&w), 14);
}

static void test_window_gap(void **state)
{
    (void)state;
    window_init(&w, 0, 2048);
    assert_int_equal(window_admit(&w, 2), WIN_HELD);
    assert_int_equal(window_admit(&w, 2), WIN_DROP); /* twice */
    assert_int_equal(window_admit(&w, 1), WIN_HELD);
    assert_int_equal(window_admit(&w, 2047), WIN_HELD);
    assert_int_equal(window_admit(&w, 2048), WIN_DROP);
    assert_int_equal(w.exp_cmd_sn, 0);
    assert_int_equal(window_admit(&w, 0), WIN_NEXT);
    assert_int_equal(w.exp_cmd_sn, 3);
    assert_int_equal(window_admit(&w, 2), WIN_DROP);
    assert_true(window_skip(&w, 4));
    assert_false(window_skip(&w, 4));
    assert_false(window_skip(&w, 2));
    assert_int_equal(window_admit(&w, 3), WIN_NEXT);
    assert_int_equal(w.exp_cmd_sn, 5);
}

static void hold_pdu(uint32_t sn, bool ok)
{
    uint8_t bhs[ISCSI_BHS_LEN] = {(uint8_t)sn};
    struct pdu p = {.bhs = bhs, .data = bhs, .data_len = 4};
    assert_int_equal(window_hold_pdu(&w, &p, sn), ok);
}

static void hold_task(struct iscsi_task *t, uint32_t sn)
{
    *t = (struct iscsi_task){.cmd_sn = sn};
    list_init(&t->held);
    window_hold_task(&w, t);
}

static void test_window_gives_what_is_held_in_order(void **state)
{
    (void)state;
    struct iscsi_task t[3];
    window_init(&w, 0xfffffffd, 64);
    hold_task(&t[0], 2);
    hold_pdu(1, true);
    hold_task(&t[1], 0xfffffffe);
    hold_task(&t[2], 0);
    hold_pdu(0xffffffff, true);
    struct window_due due = window_due(&w);
    assert_true(!due.task && !due.pdu);
    w.exp_cmd_sn = 3;
    static const uint32_t order[] = {0xfffffffe, 0xffffffff, 0, 1, 2};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        due = window_due(&w);
        assert_true(!due.task != !due.pdu);
        assert_int_equal(due.task ? due.task->cmd_sn : due.pdu->cmd_sn, order[i]);
        if (due.pdu) {
            assert_int_equal(due.pdu->bhs[0], (uint8_t)order[i]);
            assert_int_equal(due.pdu->data_len, 4);
            due.pdu->busy = false;
        }
    }
    due = window_due(&w);
    assert_true(!due.task && !due.pdu);
}

static void test_window_holds_no_more_than_it_can(void **state)
{
    (void)state;
    uint8_t big[HELD_DATA + 1] = {0};
    struct pdu p = {.bhs = big, .data = big, .data_len = sizeof(big)};
    window_init(&w, 0, 64);
    assert_false(window_hold_pdu(&w, &p, 5));
    for (uint32_t i = 0; i < HELD_PDUS; i++)
        hold_pdu(i + 1, true);
    hold_pdu(20, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_in_order),
        cmocka_unit_test(test_window_closes_with_what_is_outstanding),
        cmocka_unit_test(test_window_gap),
        cmocka_unit_test(test_window_gives_what_is_held_in_order),
        cmocka_unit_test(test_window_holds_no_more_than_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
