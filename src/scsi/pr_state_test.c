/* SPDX-License-Identifier: BSD-2-Clause */
#include "scsi/pr.h"
#include "scsi/pr_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SEQUENCES 400
#define STEPS     200

/* Numbers from a seed (xorshift); not for secrets. */
static uint64_t draw(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    return *s ^= *s << 17;
}

static void test_random_sequences_agree_with_the_model(void **state)
{
    struct pr_model_counts sum = {0}, one;
    uint64_t seed = 0x9e3779b97f4a7c15;
    (void)state;
    for (unsigned i = 0; i < SEQUENCES; i++) {
        uint8_t bytes[6 * STEPS];
        for (size_t b = 0; b < sizeof(bytes); b++)
            bytes[b] = (uint8_t)(draw(&seed) >> 32);
        pr_model_run(bytes, sizeof(bytes), &one);
        sum.done += one.done;
        sum.conflicts += one.conflicts;
        sum.others += one.others;
        sum.uas += one.uas;
        sum.preempted += one.preempted;
    }
    print_message(
        "%u done, %u conflicts, %u refused otherwise, %u unit attentions, %u preempted\n",
        sum.done, sum.conflicts, sum.others, sum.uas, sum.preempted);
    assert_true(sum.done > 10000 && sum.conflicts > 1000 && sum.others > 300);
    assert_true(sum.uas > 1000 && sum.preempted > 300);
}

static struct pr_nexus host(unsigned i)
{
    const uint8_t isid[6] = {(uint8_t)(i >> 8), (uint8_t)i};
    return pr_nexus_make("iqn.2026-11.example:host", isid, 1);
}

static void test_registrations_are_limited(void **state)
{
    struct pr_state *now = pr_state_new(), *next = NULL;
    struct pr_request q = {.sa = PR_REGISTER, .sa_key = 1};
    (void)state;
    for (unsigned i = 0; i < PR_REGS_MAX; i++) {
        q.who = host(i);
        assert_int_equal(pr_apply(now, &q, &next), PR_DONE);
        pr_state_free(now);
        now = next;
    }
    q.who = host(PR_REGS_MAX);
    assert_int_equal(pr_apply(now, &q, &next), PR_NO_RESOURCES);
    q.who = host(7);
    q.key = 1;
    q.sa_key = 2; /* one that is there changes its key all the same */
    assert_int_equal(pr_apply(now, &q, &next), PR_DONE);
    assert_int_equal(next->n, PR_REGS_MAX);
    pr_state_free(next);
    pr_state_free(now);
}

static void test_type_codes(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 16; type++)
        assert_int_equal(pr_type_valid((uint8_t)type), 0x1ea >> type & 1);
}

/* What SPEC_I_PT names and what is registered already: the key of the latter stays. */
static void test_spec_i_pt_leaves_registered_ones_alone(void **state)
{
    struct pr_state *now = pr_state_new(), *next = NULL;
    struct pr_nexus others[2] = {host(1), host(2)};
    struct pr_request q = {.sa = PR_REGISTER, .sa_key = 9, .who = host(1)};
    (void)state;
    assert_int_equal(pr_apply(now, &q, &next), PR_DONE);
    pr_state_free(now);
    q = (struct pr_request){.sa = PR_REGISTER,
                            .sa_key = 5,
                            .who = host(0),
                            .spec_i_pt = true,
                            .others = others,
                            .nothers = 2};
    assert_int_equal(pr_apply(next, &q, &now), PR_DONE);
    assert_int_equal(now->n, 3);
    assert_int_equal(pr_state_find(now, &others[0])->key, 9);
    assert_int_equal(pr_state_find(now, &others[1])->key, 5);
    pr_state_free(next);
    pr_state_free(now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_sequences_agree_with_the_model),
        cmocka_unit_test(test_registrations_are_limited),
        cmocka_unit_test(test_type_codes),
        cmocka_unit_test(test_spec_i_pt_leaves_registered_ones_alone),
    };
    return cmocka_run_group_tests_name("pr_state", tests, NULL, NULL);
}
